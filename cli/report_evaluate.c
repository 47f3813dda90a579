/* report_evaluate.c -- one row a method: relative errors, then joules, ranks and shares explained.
 */
#include "cli/report_evaluate.h"

#include <math.h>
#include <stdio.h>

#include "cli/document_evaluate.h"
#include "cli/format.h"

static const char *const target_names[] = {
    [JC_TARGET_RUN] = "run", [JC_TARGET_EPOCH] = "epoch", [JC_TARGET_STABLE] = "stable"};
static const char *const target_texts[] = {[JC_TARGET_RUN] = "joules of the run",
                                           [JC_TARGET_EPOCH] = "joules per epoch",
                                           [JC_TARGET_STABLE] = "joules of the steady epochs"};

/* 6.03: a column titled in %. */
static char *format_hundredths(double share, char *buffer, size_t size) {
  (void)snprintf(buffer, size, isnan(share) ? "-" : "%.*f", fabs(share) < 0.995 ? 2 : 1,
                 100 * share);
  return buffer;
}

static char *format_four(double value, char *buffer, size_t size) {
  (void)snprintf(buffer, size, isnan(value) ? "-" : fabs(value) < 100 ? "%.4f" : "%.3g", value);
  return buffer;
}

/* In JSON and CSV a row has all; people see two tables, of those columns that have a title. */
static const struct column all_columns[] = {
    {"name", "method", VALUE_TEXT, false, NULL, NULL},
    {"n", "n", VALUE_COUNT, false, NULL, NULL},
    {"mape", NULL, VALUE_REAL, false, NULL, NULL},
    {"median", NULL, VALUE_REAL, false, NULL, NULL},
    {"p90", NULL, VALUE_REAL, false, NULL, NULL},
    {"worst", NULL, VALUE_REAL, false, NULL, NULL},
    {"worst_line", NULL, VALUE_COUNT, false, NULL, NULL},
    {"bias", NULL, VALUE_REAL, false, NULL, NULL},
    {"rmse_j", NULL, VALUE_REAL, false, NULL, NULL},
    {"r2", NULL, VALUE_REAL, false, NULL, NULL},
    {"r2_log", NULL, VALUE_REAL, false, NULL, NULL},
    {"spearman", NULL, VALUE_REAL, false, NULL, NULL},
    {"coverage", NULL, VALUE_REAL, false, NULL, NULL},
    {"fitted_elsewhere", NULL, VALUE_TEXT, false, NULL, NULL},
    {"available", NULL, VALUE_BOOL, false, NULL, NULL},
    {"why", NULL, VALUE_TEXT, false, NULL, NULL},
};

static void fill_all(const struct evaluate_report *report, struct records *records) {
  records_start(records, all_columns, COLUMN_COUNT(all_columns));
  for (size_t i = 0; i < JC_EVALUATION_COUNT; i++) {
    const struct jc_evaluation *e = &report->evaluations[i];
    const struct jc_statistics *s = &e->errors;
    const double numbers[] = {s->bias, s->rmse_j, s->r2, s->r2_log, s->spearman, s->coverage};
    record_text(records, e->method);
    record_count(records, s->n);
    record_real(records, e->applicable ? s->mape : NAN);
    record_real(records, e->applicable ? s->median : NAN);
    record_real(records, e->applicable ? s->p90 : NAN);
    record_real(records, e->applicable ? s->worst : NAN);
    record_count(records, e->applicable ? report->set->rows[s->worst_row].line : 0);
    for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
      record_real(records, e->applicable ? numbers[k] : NAN);
    record_text(records, e->fitted_elsewhere);
    record_flag(records, e->applicable);
    record_text(records, e->why[0] != '\0' ? e->why : NULL);
  }
}

static void put_report(const struct evaluate_report *report, const struct records *records,
                       struct jc_json_writer *w) {
  const struct jc_evaluate_options *o = report->options;
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  jc_put_string(w, "schema", "joulecast.evaluate/1");
  jc_put_string(w, "runs", report->set->path);
  jc_put_uint(w, "n", report->set->count);
  jc_put_uint(w, "without_energy", report->set->skipped);
  jc_put_uint(w, "counted_from_model", report->set->counted_from_model);
  jc_put_uint(w, "model_unknown", report->set->model_unknown);
  jc_put_uint(w, "tdp_from_data_row", report->set->tdp_from_row);
  jc_put_string(w, "split", report->split);
  jc_put_uint(w, "folds", report->fold_count);
  if (o->split == JC_SPLIT_RANDOM)
    jc_put_uint(w, "seed", o->seed);
  jc_put_string(w, "target", target_names[o->target]);
  jc_put_bool(w, "as_published", o->as_published);
  jc_put_bool(w, "fold_means", o->fold_means);
  records_put(records, w, "methods");
  jc_put_end(w);
}

/* ---- for people ---- */

static const struct column relative_columns[] = {
    {"name", "method", VALUE_TEXT, false, NULL, NULL},
    {"n", "n", VALUE_COUNT, false, NULL, NULL},
    {"mape", "MAPE %", VALUE_REAL, false, format_hundredths, NULL},
    {"median", "median %", VALUE_REAL, false, format_hundredths, NULL},
    {"p90", "p90 %", VALUE_REAL, false, format_hundredths, NULL},
    {"worst", "worst %", VALUE_REAL, false, format_hundredths, NULL},
    {"bias", "bias %", VALUE_REAL, false, format_hundredths, NULL},
    {"coverage", "in 90 % int.", VALUE_REAL, false, format_percent, NULL},
};

static const struct column absolute_columns[] = {
    {"name", "method", VALUE_TEXT, false, NULL, NULL},
    {"rmse_j", "RMSE", VALUE_REAL, false, NULL, format_energy_like},
    {"r2", "R2", VALUE_REAL, false, format_four, NULL},
    {"r2_log", "R2 of logs", VALUE_REAL, false, format_four, NULL},
    {"spearman", "Spearman", VALUE_REAL, false, format_four, NULL},
    {"worst_line", "worst at line", VALUE_COUNT, false, NULL, NULL},
};

static void record_relative(struct records *records, const struct evaluate_report *report,
                            const struct jc_evaluation *e) {
  (void)report;
  record_text(records, e->method);
  record_count(records, e->errors.n);
  record_real(records, e->errors.mape);
  record_real(records, e->errors.median);
  record_real(records, e->errors.p90);
  record_real(records, e->errors.worst);
  record_real(records, e->errors.bias);
  record_real(records, e->errors.coverage);
}

static void record_absolute(struct records *records, const struct evaluate_report *report,
                            const struct jc_evaluation *e) {
  record_text(records, e->method);
  record_real(records, e->errors.rmse_j);
  record_real(records, e->errors.r2);
  record_real(records, e->errors.r2_log);
  record_real(records, e->errors.spearman);
  record_count(records, report->set->rows[e->errors.worst_row].line);
}

/* A row for each method that is applicable. */
static void
fill_errors(const struct evaluate_report *report, const struct column *columns, size_t column_count,
            void (*record)(struct records *records, const struct evaluate_report *report,
                           const struct jc_evaluation *evaluation),
            struct records *records) {
  records_start(records, columns, column_count);
  for (size_t i = 0; i < JC_EVALUATION_COUNT; i++) {
    if (report->evaluations[i].applicable)
      record(records, report, &report->evaluations[i]);
  }
}

/* What no fold fitted, what was not judged, and what was judged on fewer runs than others. */
static void tell_reasons(const struct evaluate_report *report, evaluate_tell *tell, void *context) {
  char text[400];
  for (size_t i = 0; i < JC_EVALUATION_COUNT; i++) {
    const struct jc_evaluation *e = &report->evaluations[i];
    if (e->applicable && e->fitted_elsewhere != NULL) {
      (void)snprintf(text, sizeof(text), "note: %s: fitted elsewhere, not in the folds: %.300s",
                     e->method, e->fitted_elsewhere);
      tell(context, text);
    }
    if (e->why[0] == '\0')
      continue;
    (void)snprintf(text, sizeof(text), "%s: %s: %s", e->applicable ? "note" : "not applicable",
                   e->method, e->why);
    tell(context, text);
  }
}

/* Lines that are left out, and where the counts of the others come from. */
static void tell_sources(const struct jc_run_set *set, evaluate_tell *tell, void *context) {
  char text[480];
  if (set->skipped > 0) {
    (void)snprintf(text, sizeof(text), "note: %u lines without energy_j are not counted",
                   set->skipped);
    tell(context, text);
  }
  if (set->counted_from_model > 0) {
    (void)snprintf(text, sizeof(text),
                   "note: %u of %u runs have the counts of their model, analysed",
                   set->counted_from_model, set->count);
    tell(context, text);
  }
  if (set->tdp_from_row > 0) {
    (void)snprintf(text, sizeof(text),
                   "note: %u of %u runs have the TDP of their machine's data row: %s",
                   set->tdp_from_row, set->count, set->tdp_row);
    tell(context, text);
  }
  if (set->model_unknown == 0)
    return;
  (void)snprintf(text, sizeof(text),
                 "note: %u of %u runs have neither counts nor a known model; line %u: %s",
                 set->model_unknown, set->count, set->model_unknown_line, set->model_unknown_why);
  tell(context, text);
}

void evaluate_tell_notes(const struct evaluate_report *report, evaluate_tell *tell, void *context) {
  tell_sources(report->set, tell, context);
  tell_reasons(report, tell, context);
}

static void print_note(void *context, const char *text) {
  print_wrapped(context, text, 0, 2);
}

void evaluate_describe(const struct evaluate_report *report, char *text, size_t size) {
  const struct jc_evaluate_options *o = report->options;
  (void)snprintf(text, size, "errors of %s, %s; %s", target_texts[o->target],
                 o->fold_means ? "means of the folds' figures" : "all runs together",
                 o->as_published ? "scalers and hyper-parameters as published"
                                 : "every fold fits everything anew");
}

static void print_report(const struct evaluate_report *report, const struct records *relative,
                         const struct records *absolute, FILE *out) {
  char text[240];
  fprintf(out, "%s: %u runs%s, %s, %u fold%s\n", report->set->path, report->set->count,
          report->set->torn ? " (a torn last line was ignored)" : "", report->split,
          report->fold_count, report->fold_count == 1 ? "" : "s");
  evaluate_describe(report, text, sizeof(text));
  fprintf(out, "%s\n\n", text);
  records_print(relative, out);
  fputc('\n', out);
  records_print(absolute, out);
  fputc('\n', out);
  evaluate_tell_notes(report, print_note, out);
}

/* For people, in any of the three forms. */
static void show_report(const struct evaluate_report *report, enum format format, FILE *out) {
  struct records relative, absolute;
  fill_errors(report, relative_columns, COLUMN_COUNT(relative_columns), record_relative, &relative);
  fill_errors(report, absolute_columns, COLUMN_COUNT(absolute_columns), record_absolute, &absolute);
  if (format == FORMAT_TABLE)
    print_report(report, &relative, &absolute, out);
  else
    document_evaluate(report, &relative, &absolute, format, out);
  records_free(&relative);
  records_free(&absolute);
}

enum jc_status report_evaluate(const struct evaluate_report *report, enum format format,
                               struct output *output, struct jc_error *error) {
  struct records records;
  struct jc_json_writer writer;
  fill_all(report, &records);
  if (records_check(&records, error) == JC_OK) {
    if (format == FORMAT_JSON) {
      put_report(report, &records, &writer);
      (void)output_json(output, &writer, error);
    } else if (format == FORMAT_CSV) {
      records_print_csv(&records, output->stream);
    } else {
      show_report(report, format, output->stream);
    }
  }
  records_free(&records);
  return error->status;
}

/* ---- run by run ---- */

static const struct column forecast_columns[] = {
    {"line", NULL, VALUE_COUNT, false, NULL, NULL},
    {"architecture", NULL, VALUE_TEXT, false, NULL, NULL},
    {"dataset", NULL, VALUE_TEXT, false, NULL, NULL},
    {"hardware", NULL, VALUE_TEXT, false, NULL, NULL},
    {"fold", NULL, VALUE_COUNT, false, NULL, NULL},
    {"method", NULL, VALUE_TEXT, false, NULL, NULL},
    {"measured_j", NULL, VALUE_REAL, false, NULL, NULL},
    {"forecast_j", NULL, VALUE_REAL, false, NULL, NULL},
    {"low_j", NULL, VALUE_REAL, false, NULL, NULL},
    {"high_j", NULL, VALUE_REAL, false, NULL, NULL},
    {"low_50_j", NULL, VALUE_REAL, false, NULL, NULL},
    {"high_50_j", NULL, VALUE_REAL, false, NULL, NULL},
};

enum {
  FORECAST_COLUMNS = COLUMN_COUNT(forecast_columns),
  FORECAST_METHOD = 5,
  FORECAST_MEASURED,
  FORECAST_FORECAST,
  FORECAST_LOW,
  FORECAST_HIGH,
  FORECAST_LOW_50,
  FORECAST_HIGH_50
};

size_t forecast_count(const struct records *forecasts) {
  return forecasts->value_count / FORECAST_COLUMNS;
}

struct forecast_pair forecast_at(const struct records *forecasts, size_t row) {
  const struct value *values = &forecasts->values[row * FORECAST_COLUMNS];
  return (struct forecast_pair){.method = values[FORECAST_METHOD].text,
                                .measured_j = values[FORECAST_MEASURED].real,
                                .forecast_j = values[FORECAST_FORECAST].real,
                                .low_j = values[FORECAST_LOW].real,
                                .high_j = values[FORECAST_HIGH].real,
                                .low_50_j = values[FORECAST_LOW_50].real,
                                .high_50_j = values[FORECAST_HIGH_50].real};
}

void start_forecasts(struct forecast_records *forecasts, const struct jc_run_set *set) {
  forecasts->set = set;
  records_start(&forecasts->records, forecast_columns, COLUMN_COUNT(forecast_columns));
}

/* Both ends of an interval around FORECAST_J; absent if HALF_WIDTH is NAN. */
static void record_interval(struct records *records, double forecast_j, double half_width) {
  record_real(records, forecast_j * exp(-half_width));
  record_real(records, forecast_j * exp(half_width));
}

void record_forecast(void *context, const char *method, const struct jc_judged *judged) {
  static const enum jc_run_group groups[] = {JC_GROUP_ARCHITECTURE, JC_GROUP_DATASET,
                                             JC_GROUP_HARDWARE};
  struct forecast_records *forecasts = context;
  struct records *records = &forecasts->records;
  const struct jc_run_row *row = &forecasts->set->rows[judged->row];
  record_count(records, row->line);
  for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
    record_text(records, forecasts->set->groups[groups[i]].names[row->groups[groups[i]]]);
  record_count(records, judged->fold + 1);
  record_text(records, method);
  record_real(records, judged->measured_j);
  record_real(records, judged->forecast_j);
  record_interval(records, judged->forecast_j, judged->half_width);
  record_interval(records, judged->forecast_j,
                  isnan(judged->half_width) ? NAN : judged->half_width_50);
}

enum jc_status write_forecasts(struct forecast_records *forecasts, const char *path,
                               struct jc_error *error) {
  struct output output;
  if (records_check(&forecasts->records, error) == JC_OK &&
      output_open(&output, path, error) == JC_OK) {
    records_print_csv(&forecasts->records, output.stream);
    (void)output_close(&output, error);
  }
  records_free(&forecasts->records);
  return error->status;
}
