/* report_fit.c -- the coefficients of a fit, a row each. */
#include "cli/report_fit.h"

#include <math.h>

#include "cli/format.h"
#include "cli/report_calibrate.h"
#include "cli/report_forward.h"

/* ---- rows ---- */

static const struct column columns[] = {
    {"type", "layer type", VALUE_TEXT, false, NULL, NULL},
    {"phase", "phase", VALUE_TEXT, false, NULL, NULL},
    {"bytes_above", "layers from, B", VALUE_REAL, false, NULL, NULL},
    {"per", "per", VALUE_TEXT, false, NULL, NULL},
    {"time_s", "s", VALUE_REAL, false, NULL, NULL},
    {"time_low_s", "s, 5 %", VALUE_REAL, false, NULL, NULL},
    {"time_high_s", "s, 95 %", VALUE_REAL, false, NULL, NULL},
    {"energy_j", "J", VALUE_REAL, false, NULL, NULL},
    {"energy_low_j", "J, 5 %", VALUE_REAL, false, NULL, NULL},
    {"energy_high_j", "J, 95 %", VALUE_REAL, false, NULL, NULL},
    {"fitted_min", "fitted from", VALUE_REAL, false, format_si, NULL},
    {"fitted_max", "to", VALUE_REAL, false, format_si, NULL},
    {"n", "n", VALUE_COUNT, false, NULL, NULL},
};

/* Term I of C. Types that no sample had share a row, which is fitted to all layers at once, and not
 * resampled: its interval is no interval. */
static void record_term(struct records *records, const struct jc_coefficient *c, int i) {
  static const char *const per[JC_LINEAR_FEATURES] = {"call", "flop", "byte"};
  const double from[JC_LINEAR_FEATURES] = {NAN, c->flops_min, c->bytes_min};
  const double to[JC_LINEAR_FEATURES] = {NAN, c->flops_max, c->bytes_max};
  const bool resampled = c->type != JC_TYPE_ANY;
  record_text(records, jc_type_name(c->type));
  record_text(records, jc_phase_name(c->phase));
  record_real(records, c->bytes_above > 0 ? c->bytes_above : NAN);
  record_text(records, per[i]);
  record_real(records, c->time_s[i]);
  record_real(records, resampled ? c->time_low_s[i] : NAN);
  record_real(records, resampled ? c->time_high_s[i] : NAN);
  record_real(records, c->energy_j[i]);
  record_real(records, resampled ? c->energy_low_j[i] : NAN);
  record_real(records, resampled ? c->energy_high_j[i] : NAN);
  record_real(records, from[i]);
  record_real(records, to[i]);
  record_count(records, c->networks);
}

/* What computes nothing in a forward pass has no sample and no row. */
static void fill(const struct jc_profile *profile, struct records *records) {
  records_start(records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < profile->coefficient_count; i++) {
    const struct jc_coefficient *c = &profile->coefficients[i];
    for (int k = 0; k < JC_LINEAR_FEATURES && c->networks > 0; k++)
      record_term(records, c, k);
  }
}

/* ---- JSON ---- */

static void put_errors(const struct jc_profile *p, struct jc_json_writer *w) {
  const struct {
    const char *method;
    const struct jc_error_summary *time, *energy;
  } methods[] = {
      {"layerwise", &p->layerwise_time_error, &p->layerwise_energy_error},
      {"layerwise-linear", &p->time_error, &p->energy_error},
      {"flops", &p->flops_time_error, &p->flops_energy_error},
  };
  jc_put_array(w, "errors");
  for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
    if (methods[i].time->networks == 0)
      continue; /* not fitted */
    jc_put_object(w, NULL);
    jc_put_string(w, "method", methods[i].method);
    put_error_summary(methods[i].time, w, "time");
    put_error_summary(methods[i].energy, w, "energy");
    jc_put_end(w);
  }
  jc_put_end(w);
}

/* A profile of trainings has none: what it was fitted to are networks. */
static void put_layer_errors(const struct jc_profile *profile, struct jc_json_writer *w) {
  struct records records;
  fill_layer_errors(profile, &records);
  records_put(&records, w, "layer_errors");
  records_free(&records);
}

static enum jc_status put_fit(const struct jc_profile *profile, const struct jc_fit_report *report,
                              const char *path, const struct records *records,
                              struct output *output, struct jc_error *error) {
  struct jc_json_writer w;
  jc_put_start(&w, JC_JSON_PRETTY);
  jc_put_object(&w, NULL);
  jc_put_string(&w, "schema", "joulecast.fit/1");
  jc_put_string(&w, "profile", path);
  put_machine(&profile->machine, &w, "machine");
  jc_put_string(&w, "runner", profile->runner);
  jc_put_string(&w, "runner_version",
                profile->runner_version[0] != '\0' ? profile->runner_version : NULL);
  jc_put_uint(&w, "threads", profile->threads);
  jc_put_string(&w, "phase", run_phase_name(profile->phase));
  jc_put_string(&w, "meter", profile->meter);
  jc_put_string(&w, "domain", profile->domain);
  jc_put_string(&w, "power_source", profile->measured ? "measured" : "modelled");
  jc_put_real(&w, "idle_power_w", profile->idle_power_w);
  jc_put_real(&w, "active_power_w", profile->active_power_w);
  jc_put_uint(&w, "samples", report->samples);
  jc_put_uint(&w, "used", report->used);
  jc_put_uint(&w, "disturbed", report->disturbed);
  put_errors(profile, &w);
  put_layer_errors(profile, &w);
  jc_put_string(&w, "method", "layerwise-linear");
  records_put(records, &w, "coefficients");
  jc_put_end(&w);
  return output_json(output, &w, error);
}

static void print_tables(const struct jc_profile *profile, const struct jc_fit_report *report,
                         const char *path, FILE *out) {
  if (profile->phase == JC_RUN_FORWARD)
    report_forward_profile(profile, report, path, out);
  else
    report_profile(profile, report, path, out);
}

enum jc_status report_fit(const struct jc_profile *profile, const struct jc_fit_report *report,
                          const char *path, enum format format, struct output *output,
                          struct jc_error *error) {
  struct records records;
  fill(profile, &records);
  if (records_check(&records, error) == JC_OK) {
    if (format == FORMAT_JSON)
      (void)put_fit(profile, report, path, &records, output, error);
    else if (!output_rows(&records, format, output->stream))
      print_tables(profile, report, path, output->stream);
  }
  records_free(&records);
  return error->status;
}
