/* document_estimate.c -- a forecast as a document: figures, where the energy goes, and why. */
#include "cli/document_estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/energy_by_kind.h"
#include "cli/format.h"
#include "cli/svg.h"

enum { TOP_LAYERS = 12 };

static void remark_interval(const struct jc_estimate *e, double low, double high,
                            char *(*format)(double value, char *buffer, size_t size),
                            struct document_figure *figure) {
  char span[2 * FORMAT_SIZE];
  if (isnan(low))
    (void)snprintf(figure->remark, sizeof(figure->remark), "the method gives no interval");
  else
    (void)snprintf(figure->remark, sizeof(figure->remark), "%.0f %% interval: %s",
                   100 * e->interval, format_span(low, high, format, span, sizeof(span)));
}

static void put_figures(const struct forecast *forecast, struct document *document) {
  const struct jc_estimate *e = &forecast->estimate;
  const struct jc_footprint *f = &forecast->footprint;
  const struct jc_totals *t = &forecast->model.analysis.totals;
  struct document_figure figures[] = {
      {"energy_j", "energy", e->energy_j, format_energy, ""},
      {"time_s", "time", e->time_s, format_duration, ""},
      {"power_w", "power", e->power_w, format_power, ""},
      {"facility_energy_j", "facility", f->facility_energy_j, format_energy, ""},
      {"co2e_g", "CO2e", f->co2e_g, format_mass, ""},
      {"cost.value", "cost", f->cost, format_number, ""},
      {"energy_per_step_j", "a step", e->energy_per_step_j, format_energy, ""},
      {"time_per_step_s", "time of a step", e->time_per_step_s, format_duration, ""},
      {"steps", "steps", (double)e->steps.training, format_count, "of training"},
      {"memory_bytes", "memory", (double)forecast->memory_bytes, format_bytes,
       "at the peak of training"},
      {"params", "parameters", (double)t->params, format_count, ""},
      {"training_macs", "MACs", (double)t->training_macs, format_si, "of training, one sample"},
  };
  remark_interval(e, e->energy_low_j, e->energy_high_j, format_energy, &figures[0]);
  remark_interval(e, e->time_low_s, e->time_high_s, format_duration, &figures[1]);
  (void)snprintf(figures[2].remark, sizeof(figures[2].remark), "%s; of the %s",
                 e->power_measured ? "measured" : "modelled, not measured", e->domain);
  (void)snprintf(figures[3].remark, sizeof(figures[3].remark), "with PUE %.3g", forecast->site.pue);
  (void)snprintf(figures[4].remark, sizeof(figures[4].remark), "at %.0f g/kWh",
                 forecast->site.grid_g_per_kwh);
  (void)snprintf(figures[5].remark, sizeof(figures[5].remark), "%s", forecast->site.currency);
  document_figures(document, figures, sizeof(figures) / sizeof(figures[0]));
}

/* ---- charts ---- */

static int by_value(const void *a, const void *b) {
  const struct svg_bar *x = a, *y = b;
  return (x->value < y->value) - (x->value > y->value);
}

/* Draws the TOP_LAYERS largest of BARS, which are sorted here, and the sum of the others. */
static void draw_largest(FILE *out, const struct svg_text *text, struct svg_bar *bars,
                         size_t count) {
  char rest[64];
  qsort(bars, count, sizeof(*bars), by_value);
  if (count > TOP_LAYERS) {
    for (size_t i = TOP_LAYERS + 1; i < count; i++)
      bars[TOP_LAYERS].value += bars[i].value;
    (void)snprintf(rest, sizeof(rest), "%zu others", count - TOP_LAYERS);
    bars[TOP_LAYERS].label = rest;
    bars[TOP_LAYERS].rest = true;
    count = TOP_LAYERS + 1;
  }
  svg_bars(out, text, bars, count, format_energy);
}

static void draw_layers(const struct forecast *forecast, FILE *out) {
  static const struct svg_text text = {
      "Energy by layer", "Bars: the layers that take most; the rest in one sum, without a bar."};
  const uint32_t count = forecast->model.network->layer_count;
  struct svg_bar *bars = calloc(count + 1, sizeof(*bars));
  if (bars == NULL)
    return;
  for (uint32_t i = 0; i < count; i++)
    bars[i] = (struct svg_bar){forecast->model.network->layers[i].name,
                               forecast->estimate.layers[i].energy_j, false};
  draw_largest(out, &text, bars, count);
  free(bars);
}

static void draw_kinds(const struct forecast *forecast, FILE *out) {
  static const struct svg_text text = {
      "Energy by kind of layer and phase",
      "Bars: the joules of all layers of a kind, phase behind phase."};
  struct kind_energy kinds[JC_LAYER_KIND_COUNT];
  struct svg_stack stacks[JC_LAYER_KIND_COUNT];
  const size_t count = energy_by_kind(forecast, kinds);
  for (size_t i = 0; i < count; i++)
    stacks[i] = (struct svg_stack){jc_kind_get(kinds[i].kind)->name, kinds[i].part_j};
  svg_stacks(out, &text, stacks, count, kind_part_names, KIND_PARTS, format_energy);
}

static void draw_phases(const struct forecast *forecast, FILE *out) {
  static const struct svg_text text = {"Energy by phase",
                                       "Bars: the joules of each phase of training."};
  struct svg_bar bars[JC_RESULT_PHASE_COUNT + 1];
  size_t count = 0;
  for (int i = 0; i < JC_RESULT_PHASE_COUNT; i++) {
    if (forecast->estimate.phases[i].time_s > 0)
      bars[count++] = (struct svg_bar){jc_result_phase_name((enum jc_result_phase)i),
                                       forecast->estimate.phases[i].energy_j, false};
  }
  bars[count++] = (struct svg_bar){"overhead", forecast->estimate.overhead_j, false};
  svg_bars(out, &text, bars, count, format_energy);
}

static void draw(const struct forecast *forecast, FILE *out) {
  fputs("<div class=\"charts\">\n", out);
  draw_layers(forecast, out);
  fputs("<div>\n", out);
  draw_phases(forecast, out);
  draw_kinds(forecast, out);
  fputs("</div>\n</div>\n", out);
}

/* ---- the document ---- */

static void put_tables(const struct forecast *forecast, const struct records *layers,
                       const struct records *phases, struct document *document) {
  struct records kinds;
  fill_kinds(forecast, &kinds);
  document_table(document, phases, NULL);
  document_table(document, &kinds, "kinds");
  records_free(&kinds);
  if (layers == NULL)
    return;
  document_heading(document, "Layers");
  document_table(document, layers, "layers");
}

static void put_lead(const struct forecast *forecast, char *text, size_t size) {
  const struct jc_run *run = &forecast->problem.run;
  char samples[FORMAT_SIZE];
  if (run->samples == 0)
    (void)snprintf(text, size, "forecast of one step of %llu samples, by method %s",
                   (unsigned long long)run->batch_size, forecast->method->name);
  else
    (void)snprintf(text, size, "forecast of %llu epoch%s of %s samples, batch %llu, by method %s",
                   (unsigned long long)run->epochs, run->epochs == 1 ? "" : "s",
                   format_count((double)run->samples, samples, sizeof(samples)),
                   (unsigned long long)run->batch_size, forecast->method->name);
}

static void put_errors(const struct forecast *forecast, struct document *document) {
  const struct jc_estimate *e = &forecast->estimate;
  char line[320], energy[FORMAT_SIZE], time[FORMAT_SIZE];
  (void)snprintf(line, sizeof(line), "%s: %s.", forecast->method->name, forecast->method->summary);
  document_text(document, line);
  if (e->energy_error.networks == 0)
    (void)snprintf(line, sizeof(line), "Its error on this machine is not known.");
  else
    (void)snprintf(line, sizeof(line),
                   "Mean error on this machine: energy %s, time %s; each of %u sample networks "
                   "predicted from the others.",
                   format_percent(e->energy_error.mape, energy, sizeof(energy)),
                   format_percent(e->time_error.mape, time, sizeof(time)),
                   e->energy_error.networks);
  document_text(document, line);
}

void document_estimate(const struct forecast *forecast, const struct records *layers,
                       const struct records *phases, enum format format, FILE *out) {
  struct document document;
  char lead[200];
  put_lead(forecast, lead, sizeof(lead));
  document_begin(&document, out, format, forecast->model.network->name, lead);
  if (forecast->estimate.extrapolated)
    document_warning(&document, "Extrapolated beyond what was calibrated: see the notes.");
  put_figures(forecast, &document);
  if (forecast->estimate.resolves_layers) {
    document_heading(&document, "Where the energy goes");
    if (document.html)
      draw(forecast, out);
    put_tables(forecast, layers, phases, &document);
  }
  document_heading(&document, "How this was computed");
  put_errors(forecast, &document);
  document_text(&document, jc_convention());
  document_inputs(&document, &forecast->inputs);
  document_notes(&document, &forecast->inputs);
  document_methods(&document, &forecast->method->name, 1);
  document_end(&document);
}
