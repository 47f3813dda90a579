/* explain_layers.c -- the formulas of the layer-wise methods: sums over the layers that share
 * coefficients, so that a network of hundreds of layers is a few lines. */
#include <math.h>
#include <string.h>

#include "cli/explain.h"
#include "estimator/mac_lines.h"

/* ---- rows ---- */

/* Goes through what is done in a step: *LAYER and *PHASE, both 0 at first, are those of the row to
 * be filled, and move on. False: no more. */
static bool next_row(const struct forecast *forecast, const struct explained_step *step,
                     uint32_t *layer, int *phase, struct jc_feature_row *row) {
  const struct jc_analysis *analysis = &forecast->model.analysis;
  const int phases = step->forward_only ? JC_BACKWARD : JC_PHASE_COUNT;
  while (*layer < analysis->network->layer_count) {
    const bool absent = step->forward_only && analysis->network->layers[*layer].training_only;
    jc_features(analysis, *layer, (enum jc_phase) * phase, forecast->problem.run.batch_size, row);
    if (++*phase >= phases) {
      *phase = 0;
      ++*layer;
    }
    if (!absent && row->count > 0)
      return true;
  }
  return false;
}

/* "  time of the steps = ..." and the same of joules above idle. */
static void print_of_run(const struct explained_step *step, double time_s, double active_j,
                         FILE *out) {
  explain_say(out, "  time of the %ss = %.9g x %.9g s = %.9g s", step->name, step->count, time_s,
              step->count * time_s);
  explain_say(out, "  active energy of the %ss = %.9g x %.9g J = %.9g J", step->name, step->count,
              active_j, step->count * active_j);
}

/* ---- the whole ---- */

/* What the steps of all kinds come to. */
struct sums {
  double time_s, active_j;
};

static void add(struct sums *sums, const struct explained_step *step, double time_s,
                double active_j) {
  sums->time_s += step->count * time_s;
  sums->active_j += step->count * active_j;
}

/* Of methods that a profile feeds: start-up, then idle power over all. */
static void print_total_of_profile(const struct forecast *forecast, const struct sums *sums,
                                   FILE *out) {
  const struct jc_profile *profile = forecast->problem.profile;
  const double idle_w = jc_mean_idle_w(profile);
  const double layers = (double)forecast->model.network->layer_count;
  const double step_s = forecast->data_wait.busy_step_s;
  double startup_s = 0;
  if (forecast->problem.run.samples > 0) {
    startup_s =
        profile->startup_s[0] + profile->startup_s[1] * layers + profile->startup_s[2] * step_s;
    explain_say(out, "  start-up = %.9g s + %.9g s x %.9g layers + %.9g x %.9g s = %.9g s",
                profile->startup_s[0], profile->startup_s[1], layers, profile->startup_s[2], step_s,
                startup_s);
  }
  explain_say(out, "  time = steps + start-up = %.9g s + %.9g s = %.9g s", sums->time_s, startup_s,
              sums->time_s + startup_s);
  explain_say(
      out,
      "  energy = active + idle x time of the steps + start-up = %.9g J + %.9g W x %.9g s + "
      "%.9g s x %.9g W = %.9g J",
      sums->active_j, idle_w, sums->time_s, startup_s, profile->active_power_w,
      sums->active_j + idle_w * sums->time_s + startup_s * profile->active_power_w);
}

/* ---- roofline ---- */

struct roofline_sums {
  double flops, bytes, launches; /* FLOPs of rows bound by them, bytes of the others */
};

static struct roofline_sums bound_rows(const struct forecast *forecast,
                                       const struct explained_step *step) {
  const struct jc_hardware *hardware = forecast->problem.hardware;
  const double peak = hardware->peak_flops_per_s[forecast->problem.precision];
  struct roofline_sums sums = {0, 0, 0};
  struct jc_feature_row row;
  uint32_t layer = 0;
  int phase = 0;
  while (next_row(forecast, step, &layer, &phase, &row)) {
    const bool by_compute = row.flops / peak >= row.bytes / hardware->memory_bandwidth_bytes_per_s;
    sums.flops += by_compute ? row.flops : 0;
    sums.bytes += by_compute ? 0 : row.bytes;
    sums.launches += row.count;
  }
  return sums;
}

void explain_roofline(const struct forecast *forecast, FILE *out) {
  const struct jc_hardware *hardware = forecast->problem.hardware;
  const double peak = hardware->peak_flops_per_s[forecast->problem.precision];
  const double bandwidth = hardware->memory_bandwidth_bytes_per_s;
  const double idle_w = isnan(hardware->idle_w) ? 0 : hardware->idle_w;
  struct explained_step steps[2];
  struct sums sums = {0, 0};
  const int count = explain_steps(forecast, steps);
  for (int i = 0; i < count; i++) {
    const struct roofline_sums s = bound_rows(forecast, &steps[i]);
    const double busy_s = s.flops / peak + s.bytes / bandwidth;
    const double time_s = busy_s + jc_roofline_launch_s * s.launches;
    explain_say(out,
                "  busy in a %s = FLOPs / peak where compute binds + bytes / bandwidth elsewhere = "
                "%.9g FLOP / %.9g FLOP/s + %.9g B / %.9g B/s = %.9g s",
                steps[i].name, s.flops, peak, s.bytes, bandwidth, busy_s);
    explain_say(out, "  a %s = busy + launches = %.9g s + %.9g x %.9g s = %.9g s", steps[i].name,
                busy_s, s.launches, jc_roofline_launch_s, time_s);
    explain_say(
        out, "  active energy of a %s = busy x (TDP - idle) = %.9g s x (%.9g W - %.9g W) = %.9g J",
        steps[i].name, busy_s, hardware->tdp_w, idle_w, busy_s * (hardware->tdp_w - idle_w));
    print_of_run(&steps[i], time_s, busy_s * (hardware->tdp_w - idle_w), out);
    add(&sums, &steps[i], time_s, busy_s * (hardware->tdp_w - idle_w));
  }
  explain_say(out, "  energy = active + idle x time = %.9g J + %.9g W x %.9g s = %.9g J",
              sums.active_j, idle_w, sums.time_s, sums.active_j + idle_w * sums.time_s);
}

/* ---- layerwise-linear ---- */

/* Sums of the features of the rows that one coefficient prices. */
static void sum_features(const struct forecast *forecast, const struct explained_step *step,
                         double (*sums)[JC_LINEAR_FEATURES]) {
  const struct jc_profile *profile = forecast->problem.profile;
  struct jc_feature_row row;
  uint32_t layer = 0;
  int phase = 0;
  memset(sums, 0, JC_MAX_COEFFICIENTS * sizeof(sums[0]));
  while (next_row(forecast, step, &layer, &phase, &row)) {
    const struct jc_coefficient *c = jc_linear_coefficient(profile, &row);
    for (int k = 0; c != NULL && k < JC_LINEAR_FEATURES; k++)
      sums[c - profile->coefficients][k] += row.linear[k];
  }
}

static double print_product(const char *what, const char *unit, const double features[3],
                            const double coefficient[3], FILE *out) {
  const double sum =
      features[0] * coefficient[0] + features[1] * coefficient[1] + features[2] * coefficient[2];
  explain_say(out, "    %s = %.9g x %.9g + %.9g FLOP x %.9g + %.9g B x %.9g = %.9g %s", what,
              features[0], coefficient[0], features[1], coefficient[1], features[2], coefficient[2],
              sum, unit);
  return sum;
}

static void explain_linear_step(const struct forecast *forecast, const struct explained_step *step,
                                double (*features)[JC_LINEAR_FEATURES], struct sums *sums,
                                FILE *out) {
  const struct jc_profile *profile = forecast->problem.profile;
  const struct jc_coefficient *overhead = jc_linear_step(profile);
  double time_s = overhead != NULL ? overhead->time_s[0] : 0;
  double active_j = overhead != NULL ? overhead->energy_j[0] : 0;
  explain_say(
      out,
      "  a %s = calls x a + FLOPs x b + bytes x c, summed over types, from %.9g s and %.9g J"
      " once a step:",
      step->name, time_s, active_j);
  sum_features(forecast, step, features);
  for (uint32_t i = 0; i < profile->coefficient_count; i++) {
    const struct jc_coefficient *c = &profile->coefficients[i];
    if (!(features[i][0] > 0))
      continue;
    explain_say(out, "   %s %s%s", jc_type_name(c->type), jc_phase_name(c->phase),
                c->bytes_above > 0 ? ", large" : "");
    time_s += print_product("time", "s", features[i], c->time_s, out);
    active_j += print_product("active energy", "J", features[i], c->energy_j, out);
  }
  print_of_run(step, time_s, active_j, out);
  add(sums, step, time_s, active_j);
}

void explain_layerwise_linear(const struct forecast *forecast, FILE *out) {
  double features[JC_MAX_COEFFICIENTS][JC_LINEAR_FEATURES];
  struct explained_step steps[2];
  struct sums sums = {0, 0};
  const int count = explain_steps(forecast, steps);
  for (int i = 0; i < count; i++)
    explain_linear_step(forecast, &steps[i], features, &sums, out);
  print_total_of_profile(forecast, &sums, out);
}

/* ---- layerwise ---- */

/* Rows that one curve prices: how many, by its roofline alone, and with what the kernel adds. */
struct curve_sums {
  double rows, roofline_s, time_s;
};

static void sum_curves(const struct forecast *forecast, const struct explained_step *step,
                       struct curve_sums *sums) {
  const struct jc_analysis *analysis = &forecast->model.analysis;
  const struct jc_layerwise *model = &forecast->problem.profile->layerwise;
  struct jc_feature_row row;
  uint32_t layer = 0;
  int phase = 0;
  memset(sums, 0, JC_MAX_CURVES * sizeof(sums[0]));
  while (next_row(forecast, step, &layer, &phase, &row)) {
    struct jc_layerwise_row shape;
    jc_layerwise_features(analysis, row.layer, row.phase, forecast->problem.run.batch_size, &shape);
    const struct jc_curve *curve = shape.absent ? NULL : jc_layerwise_curve(model, &shape);
    if (curve == NULL)
      continue;
    struct curve_sums *sum = &sums[curve - model->curves];
    sum->rows++;
    sum->roofline_s += jc_curve_roofline_s(curve, &shape);
    sum->time_s += jc_layerwise_time(model, &shape).time_s;
  }
}

static void print_curves(const struct jc_layerwise *model, const struct curve_sums *sums,
                         FILE *out) {
  for (uint32_t i = 0; i < model->curve_count; i++) {
    const struct jc_curve *c = &model->curves[i];
    const char *order = jc_order_name(c->order);
    if (sums[i].rows > 0)
      explain_say(out, "    %s %s%s%s x %.9g: %.9g s by rooflines, %.9g s with their kernels",
                  jc_type_name(c->type), jc_phase_name(c->phase), order[0] != '\0' ? ", " : "",
                  order, sums[i].rows, sums[i].roofline_s, sums[i].time_s);
  }
}

static void explain_curve_step(const struct forecast *forecast, const struct explained_step *step,
                               struct curve_sums *curves, struct sums *sums, FILE *out) {
  const struct jc_layerwise *model = &forecast->problem.profile->layerwise;
  struct jc_layerwise_step s;
  double layers_s = 0, active_j = 0;
  sum_curves(forecast, step, curves);
  jc_layerwise_step(model, &forecast->model.analysis, forecast->problem.run.batch_size,
                    step->forward_only, &s);
  explain_say(out,
              "  layers of a %s = (call + max(FLOPs x s/FLOP, bytes x s/B)) x exp(residual), by "
              "type:",
              step->name);
  print_curves(model, curves, out);
  for (int g = 0; g < JC_POWER_GROUP_COUNT; g++) {
    const char *name = jc_power_group_name((enum jc_power_group)g);
    const double fixed_s = g == JC_POWER_OTHERS ? s.fixed_s : 0;
    const double group_s = model->kappa * (s.group_s[g] + fixed_s);
    const double watts = jc_layerwise_active_w(model, (enum jc_power_group)g);
    explain_say(out, "  %s of a %s = kappa x (layers + fixed) = %.9g x (%.9g s + %.9g s) = %.9g s",
                name, step->name, model->kappa, s.group_s[g], fixed_s, group_s);
    explain_say(out,
                "  active energy of %s of a %s = watts above idle x time = %.9g W x %.9g s = "
                "%.9g J",
                name, step->name, watts, group_s, group_s * watts);
    layers_s += group_s;
    active_j += group_s * watts;
  }
  print_of_run(step, layers_s, active_j, out);
  add(sums, step, layers_s, active_j);
}

void explain_layerwise(const struct forecast *forecast, FILE *out) {
  struct curve_sums curves[JC_MAX_CURVES];
  struct explained_step steps[2];
  struct sums sums = {0, 0};
  const int count = explain_steps(forecast, steps);
  for (int i = 0; i < count; i++)
    explain_curve_step(forecast, &steps[i], curves, &sums, out);
  print_total_of_profile(forecast, &sums, out);
}

/* ---- getzner ---- */

/* Layers and MACs of a kind in a forward pass, and of those that backward reaches. */
struct kind_sums {
  double layers[2], macs[2];
};

static void sum_kinds(const struct forecast *forecast, const struct explained_step *step,
                      struct kind_sums sums[JC_LAYER_KIND_COUNT]) {
  const struct jc_analysis *analysis = &forecast->model.analysis;
  struct jc_feature_row row;
  uint32_t layer = 0;
  int phase = 0;
  memset(sums, 0, JC_LAYER_KIND_COUNT * sizeof(sums[0]));
  while (next_row(forecast, step, &layer, &phase, &row)) {
    if (row.phase == JC_UPDATE)
      continue;
    struct kind_sums *sum = &sums[analysis->network->layers[row.layer].kind];
    sum->layers[row.phase] += 1;
    sum->macs[row.phase] += jc_mac_line_macs(analysis, row.layer, forecast->problem.run.batch_size);
  }
}

static double print_line(const struct jc_mac_line *line, const struct kind_sums *s,
                         const double coefficient[2], const char *unit, FILE *out) {
  const double passes_layers = s->layers[0] + 2 * s->layers[1];
  const double passes_macs = s->macs[0] + 2 * s->macs[1];
  const double sum = passes_layers * coefficient[0] + passes_macs * coefficient[1];
  explain_say(out, "    %s = %.9g x %.9g %s + %.9g MAC x %.9g %s/MAC = %.9g %s",
              jc_kind_get(line->kind)->name, passes_layers, coefficient[0], unit, passes_macs,
              coefficient[1], unit, sum, unit);
  return sum;
}

void explain_getzner(const struct forecast *forecast, FILE *out) {
  const struct jc_profile *profile = forecast->problem.profile;
  struct kind_sums kinds[JC_LAYER_KIND_COUNT];
  struct explained_step steps[2];
  struct sums sums = {0, 0};
  const int count = explain_steps(forecast, steps);
  for (int i = 0; i < count; i++) {
    double time_s = 0, energy_j = 0;
    sum_kinds(forecast, &steps[i], kinds);
    explain_say(out, "  a %s = passes x layers x a + passes x MACs x b, %s, joules then seconds:",
                steps[i].name, steps[i].forward_only ? "one pass" : "three passes");
    for (uint32_t k = 0; k < profile->mac_line_count; k++) {
      const struct jc_mac_line *line = &profile->mac_lines[k];
      if (!(kinds[line->kind].layers[0] > 0))
        continue;
      energy_j += print_line(line, &kinds[line->kind], line->energy_j, "J", out);
      time_s += print_line(line, &kinds[line->kind], line->time_s, "s", out);
    }
    print_of_run(&steps[i], time_s, energy_j, out);
    add(&sums, &steps[i], time_s, energy_j);
  }
  explain_say(out, "  energy = %.9g J", sums.active_j);
}
