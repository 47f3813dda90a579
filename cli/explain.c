/* explain.c -- the formulas of the methods that need no layers, and what all forecasts share. */
#include "cli/explain.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void explain_say(FILE *out, const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  const int indent = (int)strspn(line, " ");
  fprintf(out, "%*s", indent, "");
  print_wrapped(out, line + indent, indent, indent + 4);
}

int explain_steps(const struct forecast *forecast, struct explained_step steps[2]) {
  const struct jc_steps *n = &forecast->estimate.steps;
  const bool forward_only = forecast->problem.run.phase == JC_RUN_FORWARD;
  steps[0] = (struct explained_step){"step", (double)n->training, forward_only};
  steps[1] = (struct explained_step){"validation step", (double)n->validation, true};
  return n->validation > 0 ? 2 : 1;
}

/* ---- methods ---- */

static void explain_duration(const struct forecast *forecast, FILE *out) {
  const char *from = forecast->estimate.duration_from;
  explain_say(out, "  time = %.9g s, %s%s", forecast->data_wait.busy_s,
              from != NULL ? "predicted by " : "as given", from != NULL ? from : "");
}

static void explain_mlco2(const struct forecast *forecast, FILE *out) {
  const double tdp_w = forecast->problem.hardware->tdp_w;
  const double time_s = forecast->data_wait.busy_s;
  explain_duration(forecast, out);
  explain_say(out, "  energy = TDP x time = %.9g W x %.9g s = %.9g J", tdp_w, time_s,
              tdp_w * time_s);
}

static void explain_green_algorithms(const struct forecast *forecast, FILE *out) {
  const struct jc_problem *p = &forecast->problem;
  const double memory_gb = p->memory_bytes / 1e9;
  const double power_w = p->hardware->tdp_w * p->usage + p->hardware->memory_w_per_gb * memory_gb;
  const double time_s = forecast->data_wait.busy_s;
  explain_duration(forecast, out);
  explain_say(
      out, "  power = TDP x usage + W/GB x memory = %.9g W x %.9g + %.9g W/GB x %.9g GB = %.9g W",
      p->hardware->tdp_w, p->usage, p->hardware->memory_w_per_gb, memory_gb, power_w);
  explain_say(out, "  energy = power x time = %.9g W x %.9g s = %.9g J", power_w, time_s,
              power_w * time_s);
}

/* FLOPs of the run, a line for each kind of step. */
static double explain_flops_of_run(const struct forecast *forecast, FILE *out) {
  const struct jc_totals *totals = &forecast->model.analysis.totals;
  const uint64_t batch_size = forecast->problem.run.batch_size;
  struct explained_step steps[2];
  const int count = explain_steps(forecast, steps);
  double sum = 0;
  for (int i = 0; i < count; i++) {
    const double flops =
        steps[i].forward_only
            ? jc_step_count(totals->forward_flops, totals->per_step_forward_flops, batch_size)
            : jc_step_flops(totals, batch_size);
    explain_say(out, "  FLOPs of the %ss = %.9g x %.9g FLOP = %.9g FLOP", steps[i].name,
                steps[i].count, flops, steps[i].count * flops);
    sum += steps[i].count * flops;
  }
  return sum;
}

static void explain_flops(const struct forecast *forecast, FILE *out) {
  const struct jc_problem *p = &forecast->problem;
  const double flops = explain_flops_of_run(forecast, out);
  if (p->profile != NULL) {
    explain_say(out, "  time = FLOPs x s/FLOP = %.9g FLOP x %.9g s/FLOP = %.9g s", flops,
                p->profile->time_per_flop_s, flops * p->profile->time_per_flop_s);
    explain_say(out, "  energy = FLOPs x J/FLOP = %.9g FLOP x %.9g J/FLOP = %.9g J", flops,
                p->profile->energy_per_flop_j, flops * p->profile->energy_per_flop_j);
    return;
  }
  const double peak = p->hardware->peak_flops_per_s[p->precision];
  explain_say(out, "  time = FLOPs / peak = %.9g FLOP / %.9g FLOP/s = %.9g s", flops, peak,
              flops / peak);
  explain_say(out, "  energy = TDP x time = %.9g W x %.9g s = %.9g J", p->hardware->tdp_w,
              flops / peak, p->hardware->tdp_w * flops / peak);
}

static const struct explanation {
  const char *method;
  const char
      *formula; /* of a run; steps and start-up are the same for all that tell layers apart */
  void (*explain)(const struct forecast *forecast, FILE *out);
} explanations[] = {
    {"layerwise",
     "time = k x (sum of r x exp(correction(shape)) + fixed), r = a + max(b x FLOPs, c x bytes), "
     "a to c >= 0 by type and phase; E = idle W x time + sum of time x watts of the layer's group",
     explain_layerwise},
    {"layerwise-linear",
     "time = sum of a x calls + b x FLOPs + c x bytes, a to c >= 0 by type and phase; E = idle W x "
     "time + the same sum with joules for seconds",
     explain_layerwise_linear},
    {"roofline",
     "busy = sum of max(FLOPs / peak, bytes / bandwidth), time = busy + calls x launch; E = idle W "
     "x time + (TDP - idle W) x busy",
     explain_roofline},
    {"flops", "E = FLOPs x joules per FLOP; of a data row FLOPs x TDP / peak", explain_flops},
    {"mlco2", "E = TDP x time", explain_mlco2},
    {"green-algorithms", "E = (TDP x usage + W/GB x memory) x time", explain_green_algorithms},
    {"getzner",
     "E = sum of passes x (a + b x MACs), a and b by kind of layer; forward is one pass, backward "
     "two",
     explain_getzner},
};

static const struct explanation *find_explanation(const struct jc_method *method) {
  for (size_t i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++) {
    if (strcmp(explanations[i].method, method->name) == 0)
      return &explanations[i];
  }
  return NULL;
}

const char *explain_formula(const struct jc_method *method) {
  const struct explanation *found = find_explanation(method);
  return found != NULL ? found->formula : "";
}

/* ---- what all share ---- */

static void explain_run(const struct forecast *forecast, FILE *out) {
  const struct jc_run *run = &forecast->problem.run;
  const struct jc_steps *steps = &forecast->estimate.steps;
  if (run->samples == 0)
    return;
  explain_say(out, "  steps = ceil(samples / batch) x epochs = ceil(%llu / %llu) x %llu = %llu",
              (unsigned long long)run->samples, (unsigned long long)run->batch_size,
              (unsigned long long)run->epochs, (unsigned long long)steps->training);
  if (steps->validation > 0)
    explain_say(
        out,
        "  validation steps = ceil(samples / batch) x validated epochs = ceil(%llu / %llu) x "
        "%llu = %llu",
        (unsigned long long)run->val_samples, (unsigned long long)run->batch_size,
        (unsigned long long)(run->epochs / run->validate_every),
        (unsigned long long)steps->validation);
}

/* The method's own joules, as they were before those at the plug. */
static double before_wall_j(const struct forecast *forecast) {
  const struct jc_estimate *e = &forecast->estimate;
  return forecast->at_wall
             ? (e->energy_j - forecast->overhead_w * e->time_s) / forecast->wall_factor
             : e->energy_j;
}

static void explain_data_wait(const struct forecast *forecast, FILE *out) {
  const struct data_wait *w = &forecast->data_wait;
  const double energy_j = before_wall_j(forecast);
  if (!(w->samples > 0))
    return;
  explain_say(out, "  waiting for data = s a sample x samples = %.9g s x %.9g = %.9g s",
              w->s_per_sample, w->samples, w->time_s);
  explain_say(out, "  time with it = time + waiting = %.9g s + %.9g s = %.9g s", w->busy_s,
              w->time_s, forecast->estimate.time_s);
  explain_say(out, "  energy with it = energy + idle x waiting = %.9g J + %.9g W x %.9g s = %.9g J",
              energy_j - w->energy_j, w->idle_w, w->time_s, energy_j);
}

static void explain_place(const struct forecast *forecast, FILE *out) {
  const struct jc_estimate *e = &forecast->estimate;
  const struct jc_footprint *f = &forecast->footprint;
  if (forecast->at_wall)
    explain_say(out,
                "  energy at the wall = factor x energy + overhead x time = %.9g x %.9g J + %.9g W "
                "x %.9g s = %.9g J",
                forecast->wall_factor, before_wall_j(forecast), forecast->overhead_w, e->time_s,
                e->energy_j);
  explain_say(out, "  facility = energy x PUE = %.9g J x %.9g = %.9g J", e->energy_j,
              forecast->site.pue, f->facility_energy_j);
  explain_say(out,
              "  CO2e = facility / 3.6e6 J/kWh x grid = %.9g J / 3.6e6 J/kWh x %.9g g/kWh = %.9g g",
              f->facility_energy_j, forecast->site.grid_g_per_kwh, f->co2e_g);
  if (!isnan(f->cost))
    explain_say(
        out,
        "  cost = facility / 3.6e6 J/kWh x price = %.9g J / 3.6e6 J/kWh x %.9g %s/kWh = %.9g %s",
        f->facility_energy_j, forecast->site.price_per_kwh, forecast->site.currency, f->cost,
        forecast->site.currency);
}

static void explain_scope(const struct scope *scope, FILE *out) {
  const struct scope_use *use = &scope->use;
  for (uint32_t i = 0; i < scope->total_count; i++) {
    const struct scope_total *t = &scope->totals[i];
    if (t->search)
      explain_say(out, "  search of %llu epochs = runs x energy of a run = %llu x %.9g J = %.9g J",
                  (unsigned long long)t->epochs, (unsigned long long)t->runs,
                  t->energy_j / (double)t->runs, t->energy_j);
  }
  if (!(use->per_day > 0))
    return;
  explain_say(out, "  use = J each x a day x days = %.9g J x %.9g x %.9g = %.9g J",
              use->energy_per_inference_j, use->per_day, use->days, use->energy_j);
  explain_say(out,
              "  break-even = training / (J each x a day) = %.9g J / (%.9g J x %.9g) = %.9g days",
              use->break_even_days * use->energy_per_inference_j * use->per_day,
              use->energy_per_inference_j, use->per_day, use->break_even_days);
}

void explain_print(const struct forecast *forecast, FILE *out) {
  const struct jc_method *method = forecast->method;
  const struct explanation *found = find_explanation(method);
  fprintf(out, "method %s: ", method->name);
  print_wrapped(out, method->summary, 9 + (int)strlen(method->name), 2);
  fprintf(out, "  source: ");
  print_wrapped(out, method->source, 10, 10);
  explain_run(forecast, out);
  if (found != NULL)
    found->explain(forecast, out);
  explain_data_wait(forecast, out);
  explain_place(forecast, out);
  explain_scope(&forecast->scope, out);
}

enum jc_status explain_to_text(const struct forecast *forecast, char **text) {
  size_t length = 0;
  FILE *out = open_memstream(text, &length);
  if (out == NULL)
    return JC_ERROR_STORAGE;
  explain_print(forecast, out);
  if (fclose(out) == 0)
    return JC_OK;
  free(*text);
  *text = NULL;
  return JC_ERROR_STORAGE;
}
