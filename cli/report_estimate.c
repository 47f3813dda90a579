/* report_estimate.c -- a forecast for people and for programs, from the same values. */
#include "cli/report_estimate.h"

#include <math.h>
#include <string.h>

#include "cli/document_estimate.h"
#include "cli/energy_by_kind.h"
#include "cli/explain.h"
#include "cli/format.h"
#include "cli/report_curves.h"
#include "cli/report_profile.h"

/* ---- rows ---- */

static double share_of(double part, double whole) {
  return whole > 0 ? part / whole : NAN;
}

static void fill_layers(const struct forecast *forecast, struct records *records) {
  static const struct column columns[] = {
      {"name", "layer", VALUE_TEXT, true, NULL, NULL},
      {"type", "type", VALUE_TEXT, false, NULL, NULL},
      {"out_shape", "output", VALUE_SHAPE, false, NULL, NULL},
      {"params", NULL, VALUE_COUNT, false, NULL, NULL},
      {"forward_macs", NULL, VALUE_COUNT, false, NULL, NULL},
      {"training_macs", NULL, VALUE_COUNT, false, NULL, NULL},
      {"energy_j", "energy", VALUE_REAL, false, NULL, format_energy_like},
      {"time_s", "time", VALUE_REAL, false, NULL, format_duration_like},
      {"share", "share", VALUE_REAL, false, format_percent, NULL},
  };
  records_start(records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < forecast->model.network->layer_count; i++) {
    const struct jc_layer_estimate *layer = &forecast->estimate.layers[i];
    record_layer(records, &forecast->model, i);
    record_real(records, layer->energy_j);
    record_real(records, layer->time_s);
    record_real(records, share_of(layer->energy_j, forecast->estimate.energy_j));
  }
}

/* Phases with work in them, and what is in none. */
static void fill_phases(const struct forecast *forecast, struct records *records) {
  static const struct column columns[] = {
      {"phase", "phase", VALUE_TEXT, false, NULL, NULL},
      {"macs", "MACs", VALUE_REAL, false, format_si, NULL},
      {"time_s", "time", VALUE_REAL, false, NULL, format_duration_like},
      {"energy_j", "energy", VALUE_REAL, false, NULL, format_energy_like},
      {"share", "share", VALUE_REAL, false, format_percent, NULL},
  };
  const struct jc_estimate *e = &forecast->estimate;
  records_start(records, columns, COLUMN_COUNT(columns));
  for (int i = 0; i < JC_RESULT_PHASE_COUNT; i++) {
    const struct jc_phase_estimate *phase = &e->phases[i];
    if (phase->time_s <= 0)
      continue;
    record_text(records, jc_result_phase_name((enum jc_result_phase)i));
    record_real(records, phase->macs > 0 ? phase->macs : NAN);
    record_real(records, phase->time_s);
    record_real(records, phase->energy_j);
    record_real(records, share_of(phase->energy_j, e->energy_j));
  }
  record_text(records, "overhead");
  record_real(records, NAN);
  record_real(records, e->overhead_s);
  record_real(records, e->overhead_j);
  record_real(records, share_of(e->overhead_j, e->energy_j));
}

/* ---- JSON ---- */

static void put_phases(const struct jc_estimate *e, struct jc_json_writer *w) {
  if (!e->resolves_layers) {
    jc_put_null(w, "phases");
    return;
  }
  jc_put_object(w, "phases");
  for (int i = 0; i < JC_RESULT_PHASE_COUNT; i++) {
    jc_put_inline_object(w, jc_result_phase_name((enum jc_result_phase)i));
    jc_put_real(w, "macs", e->phases[i].macs);
    jc_put_real(w, "time_s", e->phases[i].time_s);
    jc_put_real(w, "energy_j", e->phases[i].energy_j);
    jc_put_end(w);
  }
  jc_put_end(w);
}

static void put_machine_and_runner(const struct forecast *forecast, struct jc_json_writer *w) {
  const struct jc_profile *profile = forecast->problem.profile;
  const struct jc_hardware *hardware = forecast->problem.hardware;
  if (profile != NULL)
    put_machine(&profile->machine, w, "machine");
  else
    jc_put_string(w, "machine",
                  hardware != NULL && hardware->name[0] != '\0' ? hardware->name : NULL);
  if (profile == NULL) {
    jc_put_null(w, "runner");
    return;
  }
  jc_put_inline_object(w, "runner");
  jc_put_string(w, "name", profile->runner);
  jc_put_string(w, "version", profile->runner_version);
  jc_put_end(w);
}

static void put_cost(const struct forecast *forecast, struct jc_json_writer *w) {
  if (isnan(forecast->footprint.cost)) {
    jc_put_null(w, "cost");
    return;
  }
  jc_put_inline_object(w, "cost");
  jc_put_real(w, "value", forecast->footprint.cost);
  jc_put_string(w, "currency", forecast->site.currency);
  jc_put_end(w);
}

static void put_energy(const struct forecast *forecast, struct jc_json_writer *w) {
  const struct jc_estimate *e = &forecast->estimate;
  jc_put_real(w, "energy_j", e->energy_j);
  jc_put_real(w, "energy_low_j", e->energy_low_j);
  jc_put_real(w, "energy_high_j", e->energy_high_j);
  jc_put_real(w, "interval", isnan(e->energy_low_j) ? NAN : e->interval);
  jc_put_real(w, "energy_above_idle_j", e->energy_above_idle_j);
  jc_put_real(w, "facility_energy_j", forecast->footprint.facility_energy_j);
  jc_put_real(w, "co2e_g", forecast->footprint.co2e_g);
  put_cost(forecast, w);
  jc_put_string(w, "domain", e->domain);
  jc_put_string(w, "power_source", e->power_measured ? "measured" : "modelled");
  jc_put_real(w, "time_s", e->time_s);
  jc_put_real(w, "time_low_s", e->time_low_s);
  jc_put_real(w, "time_high_s", e->time_high_s);
  jc_put_real(w, "power_w", e->power_w);
  jc_put_real(w, "energy_per_step_j", e->energy_per_step_j);
  jc_put_real(w, "time_per_step_s", e->time_per_step_s);
  jc_put_uint(w, "steps", e->steps.training);
  jc_put_uint(w, "val_steps", e->steps.validation);
}

/* What a document and JSON hold of the parts of a forecast. */
static void put_parts(const struct forecast *forecast, const struct records *layers,
                      struct jc_json_writer *w) {
  struct records kinds;
  if (!forecast->estimate.resolves_layers) {
    jc_put_null(w, "kinds");
    jc_put_null(w, "layers");
    return;
  }
  fill_kinds(forecast, &kinds);
  records_put(&kinds, w, "kinds");
  records_put(layers, w, "layers");
  records_free(&kinds);
}

static void put_estimate(const struct forecast *forecast, const struct records *layers,
                         struct jc_json_writer *w) {
  const struct jc_estimate *e = &forecast->estimate;
  const struct jc_totals *totals = &forecast->model.analysis.totals;
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  jc_put_string(w, "schema", "joulecast.estimate/1");
  jc_put_string(w, "model", forecast->model.network->name);
  jc_put_string(w, "method", e->method);
  put_machine_and_runner(forecast, w);
  put_profile(forecast, w, "profile");
  put_run(&forecast->problem.run, w, "run");
  put_energy(forecast, w);
  scope_put(forecast, w);
  jc_put_uint(w, "params", totals->params);
  jc_put_uint(w, "trainable_params", totals->trainable_params);
  jc_put_uint(w, "forward_macs", totals->forward_macs);
  jc_put_uint(w, "training_macs", totals->training_macs);
  jc_put_string(w, "convention", jc_convention());
  jc_put_uint(w, "memory_bytes", forecast->memory_bytes);
  jc_put_bool(w, "extrapolated", e->extrapolated);
  jc_put_real(w, "extrapolated_share", e->resolves_layers ? e->extrapolated_share : NAN);
  put_error_summary(&e->energy_error, w, "error");
  put_error_summary(&e->time_error, w, "time_error");
  notes_put(&forecast->inputs, w, "notes");
  inputs_put(&forecast->inputs, w, "inputs");
  put_phases(e, w);
  jc_put_real(w, "overhead_j", e->resolves_layers ? e->overhead_j : NAN);
  put_parts(forecast, layers, w);
  jc_put_end(w);
}

/* ---- for people ---- */

/* "  energy      2.41 kWh    " and the cursor behind it. */
static void print_figure(FILE *out, const char *name, const char *value) {
  fprintf(out, "  %-10s %-14s ", name, value);
}

static void print_interval(FILE *out, double level, double low, double high,
                           char *(*format)(double value, char *buffer, size_t size)) {
  char from[FORMAT_SIZE], to[FORMAT_SIZE];
  if (isnan(low))
    fprintf(out, "the method gives no interval\n");
  else
    fprintf(out, "%.0f %% interval: %s to %s\n", 100 * level, format(low, from, sizeof(from)),
            format(high, to, sizeof(to)));
}

static void print_headline(const struct forecast *forecast, FILE *out) {
  const struct jc_estimate *e = &forecast->estimate;
  char text[FORMAT_SIZE];
  if (e->extrapolated)
    fprintf(out, "  EXTRAPOLATED beyond what was calibrated: see the notes\n");
  print_figure(out, "energy", format_energy(e->energy_j, text, sizeof(text)));
  print_interval(out, e->interval, e->energy_low_j, e->energy_high_j, format_energy);
  print_figure(out, "time", format_duration(e->time_s, text, sizeof(text)));
  print_interval(out, e->interval, e->time_low_s, e->time_high_s, format_duration);
  print_figure(out, "power", format_power(e->power_w, text, sizeof(text)));
  fprintf(out, "%s; %s the %s\n", e->power_measured ? "measured" : "modelled, not measured",
          strcmp(e->domain, "wall") == 0 ? "at" : "of", e->domain);
}

static void print_footprint(const struct forecast *forecast, FILE *out) {
  const struct jc_footprint *f = &forecast->footprint;
  char text[FORMAT_SIZE], digits[FORMAT_SIZE];
  print_figure(out, "facility", format_energy(f->facility_energy_j, text, sizeof(text)));
  fprintf(out, "with PUE %.3g\n", forecast->site.pue);
  print_figure(out, "CO2e", format_mass(f->co2e_g, text, sizeof(text)));
  fprintf(out, "at %.0f g/kWh\n", forecast->site.grid_g_per_kwh);
  if (!isnan(f->cost)) {
    snprintf(text, sizeof(text), "%s %s", format_number(f->cost, digits, sizeof(digits)),
             forecast->site.currency);
    print_figure(out, "cost", text);
    fprintf(out, "at %.4g %s/kWh\n", forecast->site.price_per_kwh, forecast->site.currency);
  }
}

static void print_step(const struct forecast *forecast, FILE *out) {
  const struct jc_estimate *e = &forecast->estimate;
  char text[FORMAT_SIZE], time[FORMAT_SIZE], count[FORMAT_SIZE];
  print_figure(out, "a step", format_energy(e->energy_per_step_j, text, sizeof(text)));
  fprintf(out, "%s; %s step%s", format_duration(e->time_per_step_s, time, sizeof(time)),
          format_count((double)e->steps.training, count, sizeof(count)),
          e->steps.training == 1 ? "" : "s");
  if (e->steps.validation > 0)
    fprintf(out, " and %s of validation",
            format_count((double)e->steps.validation, count, sizeof(count)));
  fputc('\n', out);
}

static void print_model(const struct forecast *forecast, FILE *out) {
  const struct jc_totals *t = &forecast->model.analysis.totals;
  const struct jc_run *run = &forecast->problem.run;
  char text[FORMAT_SIZE];
  if (run->phase == JC_RUN_TRAINING) {
    print_figure(out, "memory", format_bytes((double)forecast->memory_bytes, text, sizeof(text)));
    fprintf(out, "at the peak of training, fp32, %s\n", optimizer_name(run->optimizer));
  }
  print_figure(out, "parameters", format_count((double)t->params, text, sizeof(text)));
  fprintf(out, "%s trainable\n", format_count((double)t->trainable_params, text, sizeof(text)));
  print_figure(out, "MACs", format_count((double)t->forward_macs, text, sizeof(text)));
  fprintf(out, "forward, %s training; of one sample\n",
          format_count((double)t->training_macs, text, sizeof(text)));
}

static void print_method(const struct forecast *forecast, FILE *out) {
  const struct jc_estimate *e = &forecast->estimate;
  fprintf(out, "method %s: ", forecast->method->name);
  print_wrapped(out, forecast->method->summary, 9 + (int)strlen(forecast->method->name), 2);
  if ((forecast->method->needs & JC_NEED_LAYERWISE) != 0)
    report_watts(forecast->problem.profile, out);
  if (e->energy_error.networks == 0) {
    fprintf(out, "  its error on this machine is not known\n");
    return;
  }
  fprintf(out, "  error on this machine, each of %u networks predicted from the others:\n",
          e->energy_error.networks);
  print_error_summary("energy", &e->energy_error, out);
  print_error_summary("time", &e->time_error, out);
}

static void print_table(const struct forecast *forecast, const struct records *layers,
                        const struct records *phases, const struct estimate_tables *tables,
                        FILE *out) {
  print_run(forecast->model.network->name, &forecast->problem.run, out);
  fputc('\n', out);
  print_headline(forecast, out);
  print_footprint(forecast, out);
  print_step(forecast, out);
  print_model(forecast, out);
  scope_print(forecast, out);
  if (forecast->estimate.resolves_layers) {
    fputc('\n', out);
    records_print(phases, out);
    if (tables->layers) {
      fputc('\n', out);
      records_print(layers, out);
    }
  }
  fputc('\n', out);
  inputs_print(&forecast->inputs, out);
  fputc('\n', out);
  print_method(forecast, out);
  if (tables->coefficients)
    report_curves(forecast->problem.profile, out);
  if (tables->explain) {
    fputc('\n', out);
    explain_print(forecast, out);
    fputc('\n', out);
  }
  notes_print(&forecast->inputs, out);
  print_wrapped(out, jc_convention(), 0, 2);
}

enum jc_status report_estimate(const struct forecast *forecast, enum format format,
                               const struct estimate_tables *tables, struct output *output,
                               struct jc_error *error) {
  struct records layers, phases;
  struct jc_json_writer writer;
  if (format == FORMAT_CSV && !forecast->estimate.resolves_layers)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--format",
                   "csv holds the layers, which method '%s' does not tell apart",
                   forecast->method->name);
  if (tables->coefficients &&
      (format != FORMAT_TABLE || (forecast->method->needs & JC_NEED_LAYERWISE) == 0))
    return jc_fail(error, JC_ERROR_USAGE, 0, "--coefficients",
                   "are method layerwise's, and printed in tables only");
  if (tables->explain && format != FORMAT_TABLE)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--explain", "is for tables; expected no --format");
  fill_layers(forecast, &layers);
  fill_phases(forecast, &phases);
  if (records_check(&layers, error) == JC_OK && records_check(&phases, error) == JC_OK) {
    if (format == FORMAT_JSON) {
      put_estimate(forecast, &layers, &writer);
      (void)output_json(output, &writer, error);
    } else if (format == FORMAT_CSV) {
      records_print_csv(&layers, output->stream);
    } else if (format == FORMAT_MARKDOWN || format == FORMAT_HTML) {
      const bool listed = tables->layers || format == FORMAT_HTML;
      document_estimate(forecast, listed ? &layers : NULL, &phases, format, output->stream);
    } else {
      print_table(forecast, &layers, &phases, tables, output->stream);
    }
  }
  records_free(&layers);
  records_free(&phases);
  return error->status;
}
