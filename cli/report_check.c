/* report_check.c -- predicted beside measured, the errors of every method, and the verdict. */
#include "cli/report_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/drift.h"
#include "cli/document_check.h"
#include "cli/format.h"

/* The level that a verdict looks at: the last of jc_interval_levels. */
enum { WIDEST = CHECK_LEVELS - 1 };

/* ---- what was measured ---- */

static bool counts(const struct check *check, const struct jc_check_measurement *m) {
  return m->quiet || check->forced;
}

/* What all rounds of a configuration say together; NAN: no window of it counts. */
struct means {
  double step_s, energy_j;
};

/* How much longer the steps of ROUND took than they would have at the speed of which the profile
 * speaks; 1 where that is not known. */
static double slowdown_of(const struct check *check, const struct jc_check_measurement *round) {
  return check->profile == NULL
             ? 1
             : jc_drift_slowdown(&check->profile->layerwise.speed, &round->speed);
}

/* At the profile's speed. */
static struct means means_of(const struct check *check, const struct check_configuration *c) {
  struct means means = {0, 0};
  uint32_t n = 0;
  for (uint32_t r = 0; r < c->rounds_done; r++) {
    if (!counts(check, &c->rounds[r]))
      continue;
    const double slowdown = slowdown_of(check, &c->rounds[r]);
    means.step_s += c->rounds[r].step_median_s / slowdown;
    means.energy_j += c->rounds[r].energy_per_step_j / slowdown;
    n++;
  }
  means.step_s = n > 0 ? means.step_s / n : NAN;
  means.energy_j = n > 0 ? means.energy_j / n : NAN;
  return means;
}

static double noise_of(const struct check *check) {
  double sum = 0;
  uint32_t n = 0;
  for (size_t i = 0; i < check->list.count; i++) {
    const struct check_configuration *c = &check->list.items[i];
    if (c->rounds_done < 2 || !counts(check, &c->rounds[0]) || !counts(check, &c->rounds[1]))
      continue;
    sum += fabs(c->rounds[0].step_median_s / slowdown_of(check, &c->rounds[0]) /
                    (c->rounds[1].step_median_s / slowdown_of(check, &c->rounds[1])) -
                1);
    n++;
  }
  return n > 0 ? sum / n : NAN;
}

/* ---- judging ---- */

static struct jc_check_figure time_figure(const struct check_forecast *f, const struct means *m) {
  return (struct jc_check_figure){.measured = m->step_s,
                                  .predicted = f->time_per_step_s,
                                  .low = f->time_low_s[WIDEST],
                                  .high = f->time_high_s[WIDEST]};
}

static struct jc_check_figure energy_figure(const struct check_forecast *f, const struct means *m) {
  return (struct jc_check_figure){.measured = m->energy_j,
                                  .predicted = f->energy_per_step_j,
                                  .low = f->energy_low_j[WIDEST],
                                  .high = f->energy_high_j[WIDEST]};
}

/* Errors of METHOD over the configurations that it prices and that were measured. */
static enum jc_status compare(const struct check *check, size_t method,
                              struct jc_check_errors *time, struct jc_check_errors *energy,
                              struct jc_error *error) {
  struct jc_check_figure *figures = calloc(2 * check->list.count + 1, sizeof(*figures));
  struct jc_check_figure *energies = figures + check->list.count;
  uint32_t times_count = 0, energy_count = 0;
  if (figures == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (size_t i = 0; i < check->list.count; i++) {
    const struct check_configuration *c = &check->list.items[i];
    const struct means means = means_of(check, c);
    if (!c->forecasts[method].available || isnan(means.step_s))
      continue;
    figures[times_count++] = time_figure(&c->forecasts[method], &means);
    if (!isnan(means.energy_j) && means.energy_j > 0)
      energies[energy_count++] = energy_figure(&c->forecasts[method], &means);
  }
  jc_check_compare(figures, times_count, time);
  jc_check_compare(energies, energy_count, energy);
  free(figures);
  return JC_OK;
}

enum jc_status check_judge(const struct check *check, struct check_judgement *judgement,
                           struct jc_error *error) {
  *judgement =
      (struct check_judgement){.time_stated = NAN, .energy_stated = NAN, .noise = noise_of(check)};
  if (!check->measured || !check->forecast)
    return JC_OK;
  if (compare(check, 0, &judgement->time, &judgement->energy, error) != JC_OK)
    return error->status;
  for (size_t i = check->list.count; i-- > 0;) { /* the same in every forecast there is */
    const struct check_forecast *f = &check->list.items[i].forecasts[0];
    judgement->time_stated = f->available ? f->time_mape : judgement->time_stated;
    judgement->energy_stated = f->available ? f->energy_mape : judgement->energy_stated;
  }
  judgement->judged = judgement->time.count >= CHECK_MIN_NETWORKS && !check->stopped;
  judgement->energy_counts = check->meter.measured && check->profile->measured &&
                             strcmp(check->meter.domain, check->profile->domain) == 0 &&
                             judgement->energy.count >= CHECK_MIN_NETWORKS;
  if (!judgement->judged)
    return JC_OK;
  judgement->verdict = jc_check_judge(&judgement->time, judgement->time_stated);
  if (judgement->energy_counts) {
    const enum jc_verdict energy = jc_check_judge(&judgement->energy, judgement->energy_stated);
    judgement->verdict = energy > judgement->verdict ? energy : judgement->verdict;
  }
  return JC_OK;
}

/* ---- the table ---- */

static double error_of(const struct jc_check_figure *figure) {
  return figure->predicted / figure->measured - 1;
}

/* "time outside, disturbed": what a reader should see beside the numbers. */
static void describe(const struct check *check, const struct check_configuration *c, char *text,
                     size_t size) {
  const struct check_forecast *f = &c->forecasts[0];
  const struct means means = means_of(check, c);
  const struct jc_check_figure time = time_figure(f, &means), energy = energy_figure(f, &means);
  bool disturbed = false;
  for (uint32_t r = 0; r < c->rounds_done; r++)
    disturbed = disturbed || !c->rounds[r].quiet;
  const struct {
    bool applies;
    const char *text;
  } remarks[] = {
      {check->forecast && !f->available, "no forecast"},
      {f->available && !isnan(time.low) && !isnan(time.measured) && !jc_check_is_inside(&time),
       "time outside"},
      {f->available && !isnan(energy.low) && !isnan(energy.measured) &&
           !jc_check_is_inside(&energy),
       "energy outside"},
      {f->available && f->extrapolated, "extrapolated"},
      {disturbed, "disturbed"},
  };
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]) && used < size; i++) {
    if (remarks[i].applies)
      used +=
          (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", remarks[i].text);
  }
}

struct check_row check_row_of(const struct check *check, const struct check_configuration *c) {
  const struct check_forecast *f = &c->forecasts[0];
  const struct means means = means_of(check, c);
  const struct jc_check_figure time = time_figure(f, &means), energy = energy_figure(f, &means);
  return (struct check_row){
      .time_s = time.measured,
      .time_forecast_s = f->available ? time.predicted : NAN,
      .time_error = f->available ? error_of(&time) : NAN,
      .energy_j = energy.measured,
      .energy_forecast_j = f->available ? energy.predicted : NAN,
      .energy_error = f->available ? error_of(&energy) : NAN,
  };
}

static void fill_configurations(const struct check *check, struct records *records) {
  static const struct column columns[] = {
      {"configuration", "network", VALUE_TEXT, true, NULL, NULL},
      {"time_s", "step", VALUE_REAL, false, format_duration, NULL},
      {"time_forecast_s", "forecast", VALUE_REAL, false, format_duration, NULL},
      {"time_error", "error", VALUE_REAL, false, format_percent, NULL},
      {"energy_j", "energy", VALUE_REAL, false, format_energy, NULL},
      {"energy_forecast_j", "forecast", VALUE_REAL, false, format_energy, NULL},
      {"energy_error", "error", VALUE_REAL, false, format_percent, NULL},
      {"remarks", "remarks", VALUE_TEXT, false, NULL, NULL},
  };
  records_start(records, columns, COLUMN_COUNT(columns));
  for (size_t i = 0; i < check->list.count; i++) {
    const struct check_configuration *c = &check->list.items[i];
    const struct check_row row = check_row_of(check, c);
    char remarks[96];
    describe(check, c, remarks, sizeof(remarks));
    record_text(records, c->text);
    record_real(records, row.time_s);
    record_real(records, row.time_forecast_s);
    record_real(records, row.time_error);
    record_real(records, row.energy_j);
    record_real(records, row.energy_forecast_j);
    record_real(records, row.energy_error);
    record_text(records, remarks);
  }
}

static void print_errors(const char *what, const struct jc_check_errors *errors, double stated,
                         FILE *out) {
  char mape[FORMAT_SIZE], bias[FORMAT_SIZE], worst[FORMAT_SIZE], own[FORMAT_SIZE];
  if (errors->count == 0)
    return;
  fprintf(out, "  %-8s mean %s, bias %s, worst %s", what,
          format_percent(errors->mape, mape, sizeof(mape)),
          format_percent(errors->bias, bias, sizeof(bias)),
          format_percent(errors->worst, worst, sizeof(worst)));
  if (errors->intervals > 0)
    fprintf(out, "; %u of %u inside 90 %%", errors->inside, errors->intervals);
  if (!isnan(stated))
    fprintf(out, "; stated %s", format_percent(stated, own, sizeof(own)));
  fprintf(out, "\n");
}

static enum jc_status print_methods(const struct check *check,
                                    const struct check_judgement *judgement, FILE *out,
                                    struct jc_error *error) {
  char mape[FORMAT_SIZE];
  fprintf(out, "\nerror of %s, %u networks\n", check->methods[0]->name, judgement->time.count);
  print_errors("time", &judgement->time, judgement->time_stated, out);
  print_errors("energy", &judgement->energy, judgement->energy_stated, out);
  for (size_t m = 1; m < check->method_count; m++) {
    struct jc_check_errors time, energy;
    if (compare(check, m, &time, &energy, error) != JC_OK)
      return error->status;
    if (m == 1)
      fprintf(out, "beside it, mean error of time and energy\n");
    fprintf(out, "  %-18s %s,", check->methods[m]->name,
            format_percent(time.mape, mape, sizeof(mape)));
    fprintf(out, " %s\n", format_percent(energy.mape, mape, sizeof(mape)));
  }
  return JC_OK;
}

void check_describe_verdict(const struct check_judgement *judgement, char *text, size_t size) {
  static const char *const sentences[] = {
      [JC_VERDICT_TRUST] = "forecasts of networks like these are as good as the profile says",
      [JC_VERDICT_CARE] =
          "forecasts are less certain than the profile says, or it does not say; take them for "
          "comparisons, and check again on a quiet machine",
      [JC_VERDICT_RECALIBRATE] =
          "this profile does not describe the machine as it is; end other processes and run "
          "`joulecast calibrate --fresh`",
  };
  if (!judgement->judged) {
    snprintf(text, size,
             "none; %u networks were measured undisturbed, of at least %d that are needed",
             judgement->time.count, CHECK_MIN_NETWORKS);
  } else {
    snprintf(text, size, "%s; %s", jc_verdict_name(judgement->verdict),
             sentences[judgement->verdict]);
  }
}

static void print_verdict(const struct check_judgement *judgement, FILE *out) {
  char text[320];
  check_describe_verdict(judgement, text, sizeof(text));
  fprintf(out, "\nverdict: ");
  print_wrapped(out, text, 9, 2);
}

static void print_conditions(const struct check *check, FILE *out) {
  fprintf(out, "%u thread%s", check->threads, check->threads == 1 ? "" : "s");
  if (check->forecast)
    fprintf(out, ", profile of %s%s", check->profile->date,
            check->profile->measured ? "" : ", its power modelled");
  if (check->measured)
    fprintf(out, ", meter %s%s", check->meter.name,
            check->meter.measured ? "" : ": modelled, not measured");
  fprintf(out, "\n\n");
}

static enum jc_status print_table(const struct check *check,
                                  const struct check_judgement *judgement,
                                  const struct records *records, FILE *out,
                                  struct jc_error *error) {
  char noise[FORMAT_SIZE];
  print_conditions(check, out);
  records_print(records, out);
  if (check->measured && check->forecast && print_methods(check, judgement, out, error) != JC_OK)
    return error->status;
  if (!isnan(judgement->noise))
    fprintf(out, "repeat noise of the median step, first round against second: %s\n",
            format_percent(judgement->noise, noise, sizeof(noise)));
  notes_print(&check->notes, out);
  if (check->measured && check->forecast)
    print_verdict(judgement, out);
  return JC_OK;
}

/* ---- JSON ---- */

static void put_levels(struct jc_json_writer *w, const char *key, const double *values) {
  jc_put_inline_array(w, key);
  for (int i = 0; i < CHECK_LEVELS; i++)
    jc_put_real(w, NULL, values[i]);
  jc_put_end(w);
}

static void put_round(const struct check *check, const struct jc_check_measurement *m,
                      struct jc_json_writer *w) {
  jc_put_inline_object(w, NULL);
  jc_put_uint(w, "steps", m->steps);
  jc_put_real(w, "step_median_s", m->step_median_s);
  jc_put_real(w, "step_min_s", m->step_min_s);
  jc_put_real(w, "step_mean_s", m->step_mean_s);
  jc_put_real(w, "mean_error_s", m->mean_error_s);
  jc_put_real(w, "cpu_share", m->cpu_share);
  jc_put_real(w, "energy_per_step_j", m->energy_per_step_j);
  jc_put_string(w, "power_source", check->meter.measured ? "measured" : "modelled");
  jc_put_real(w, "speed_compute_s", m->speed.compute_s);
  jc_put_real(w, "speed_memory_s", m->speed.memory_s);
  jc_put_uint(w, "tries", m->tries);
  jc_put_bool(w, "quiet", m->quiet);
  jc_put_end(w);
}

static void put_forecast(const char *method, const struct check_forecast *f,
                         struct jc_json_writer *w) {
  jc_put_object(w, NULL);
  jc_put_string(w, "name", method);
  jc_put_real(w, "time_per_step_s", f->time_per_step_s);
  jc_put_real(w, "energy_per_step_j", f->energy_per_step_j);
  put_levels(w, "time_low_s", f->time_low_s);
  put_levels(w, "time_high_s", f->time_high_s);
  put_levels(w, "energy_low_j", f->energy_low_j);
  put_levels(w, "energy_high_j", f->energy_high_j);
  jc_put_bool(w, "extrapolated", f->extrapolated);
  jc_put_end(w);
}

/* What the table has. */
static void put_row(const struct check *check, const struct check_configuration *c,
                    struct jc_json_writer *w) {
  const struct check_row row = check_row_of(check, c);
  jc_put_real(w, "time_s", row.time_s);
  jc_put_real(w, "time_forecast_s", row.time_forecast_s);
  jc_put_real(w, "time_error", row.time_error);
  jc_put_real(w, "energy_j", row.energy_j);
  jc_put_real(w, "energy_forecast_j", row.energy_forecast_j);
  jc_put_real(w, "energy_error", row.energy_error);
}

static void put_configuration(const struct check *check, const struct check_configuration *c,
                              struct jc_json_writer *w) {
  char shape[128];
  jc_put_object(w, NULL);
  jc_put_string(w, "configuration", c->text);
  jc_put_string(w, "model", c->model.network->name);
  jc_put_uint(w, "batch_size", c->batch_size);
  jc_put_string(w, "input",
                jc_shape_format(&c->model.network->inputs[0].shape, shape, sizeof(shape)));
  jc_put_uint(w, "threads", check->threads);
  put_row(check, c, w);
  jc_put_array(w, "measured");
  for (uint32_t r = 0; r < c->rounds_done; r++)
    put_round(check, &c->rounds[r], w);
  jc_put_end(w);
  jc_put_array(w, "methods");
  for (size_t m = 0; m < check->method_count; m++) {
    if (c->forecasts[m].available)
      put_forecast(check->methods[m]->name, &c->forecasts[m], w);
  }
  jc_put_end(w);
  jc_put_end(w);
}

static void put_errors(const struct jc_check_errors *errors, double stated, const char *key,
                       struct jc_json_writer *w) {
  if (errors->count == 0) {
    jc_put_null(w, key);
    return;
  }
  jc_put_inline_object(w, key);
  jc_put_uint(w, "n", errors->count);
  jc_put_real(w, "mape", errors->mape);
  jc_put_real(w, "bias", errors->bias);
  jc_put_real(w, "worst", errors->worst);
  jc_put_uint(w, "intervals", errors->intervals);
  jc_put_uint(w, "inside", errors->inside);
  jc_put_real(w, "stated_mape", stated);
  jc_put_end(w);
}

static void put_conditions(const struct check *check, struct jc_json_writer *w) {
  put_machine(&check->machine, w, "machine");
  jc_put_uint(w, "threads", check->threads);
  jc_put_string(w, "profile", check->forecast ? check->profile_path : NULL);
  jc_put_string(w, "profile_date", check->forecast ? check->profile->date : NULL);
  jc_put_string(w, "runner", check->measured ? check->runner : NULL);
  jc_put_string(w, "runner_version", check->measured ? check->runner_version : NULL);
  jc_put_string(w, "meter", check->measured ? check->meter.name : NULL);
  jc_put_string(w, "domain", check->measured ? check->meter.domain : NULL);
  jc_put_real(w, "load", check->measured ? check->load : NAN);
  jc_put_bool(w, "forced", check->forced);
}

static enum jc_status put_check(const struct check *check, const struct check_judgement *judgement,
                                struct output *output, struct jc_error *error) {
  struct jc_json_writer w;
  jc_put_start(&w, JC_JSON_PRETTY);
  jc_put_object(&w, NULL);
  jc_put_string(&w, "schema", "joulecast.check/1");
  put_conditions(check, &w);
  jc_put_string(&w, "method", check->forecast ? check->methods[0]->name : NULL);
  jc_put_string(&w, "verdict", judgement->judged ? jc_verdict_name(judgement->verdict) : NULL);
  jc_put_bool(&w, "energy_counts", judgement->energy_counts);
  put_errors(&judgement->time, judgement->time_stated, "time_error", &w);
  put_errors(&judgement->energy, judgement->energy_stated, "energy_error", &w);
  jc_put_real(&w, "noise", judgement->noise);
  jc_put_inline_array(&w, "levels");
  for (int i = 0; i < CHECK_LEVELS; i++)
    jc_put_real(&w, NULL, jc_interval_levels[i]);
  jc_put_end(&w);
  jc_put_array(&w, "configurations");
  for (size_t i = 0; i < check->list.count; i++)
    put_configuration(check, &check->list.items[i], &w);
  jc_put_end(&w);
  notes_put(&check->notes, &w, "notes");
  jc_put_end(&w);
  return output_json(output, &w, error);
}

enum jc_status report_check(const struct check *check, const struct check_judgement *judgement,
                            enum format format, struct output *output, struct jc_error *error) {
  struct records records;
  if (format == FORMAT_JSON)
    return put_check(check, judgement, output, error);
  fill_configurations(check, &records);
  if (records_check(&records, error) == JC_OK) {
    if (format == FORMAT_CSV)
      records_print_csv(&records, output->stream);
    else if (format == FORMAT_TABLE)
      (void)print_table(check, judgement, &records, output->stream, error);
    else
      document_check(check, judgement, &records, format, output->stream);
  }
  records_free(&records);
  return error->status;
}
