/* scope.c -- spans of epochs, searches, and use: forecasts of more than one run. */
#include "cli/scope.h"

#include <math.h>

#include "cli/forecast.h"
#include "cli/format.h"

#define SCOPE(member) OPTION_AT(struct scope_options, member)

/* The largest product of them is below 2^63: it cannot overflow. */
static const struct option_row rows_search[] = {
    {"trials", 0, SCOPE(trials), "N", "settings that are tried, each trained anew", "1",
     OPTION_RANGE(1, 1e9)},
    {"folds", 0, SCOPE(folds), "K",
     "of a cross-validation: K runs, each without 1/K of the samples", "none",
     OPTION_RANGE(2, 1e4)},
    {"repeats", 0, SCOPE(repeats), "N", "runs of the same setting, with other seeds", "1",
     OPTION_RANGE(1, 1e5)},
    {"validate-every", 0, SCOPE(validate_every), "N", "epochs from one validation to the next", "1",
     OPTION_RANGE(1, JC_MAX_EPOCHS)},
};
static const struct option_row rows_inference[] = {
    {"inferences-per-day", 0, SCOPE(inferences_per_day), "N",
     "samples a day that the trained model is used on", NULL, OPTION_RANGE(OPTION_POSITIVE, 1e15)},
    {"days", 0, SCOPE(days), "DAYS", "that it is used", "365",
     OPTION_RANGE(OPTION_POSITIVE, 36525)},
    {"inference-batch", 0, SCOPE(inference_batch), "N", "samples of one forward pass then", "1",
     OPTION_RANGE(1, JC_MAX_BATCH_SIZE)},
};
const struct option_table table_search = {"Search (many runs)", rows_search,
                                          OPTION_COUNT(rows_search)};
const struct option_table table_inference = {"Use (of what was trained)", rows_inference,
                                             OPTION_COUNT(rows_inference)};

static const double usual_days = 365;

/* ---- the run ---- */

static uint64_t or_one(const struct count_option *option) {
  return option->given ? option->value : 1;
}

static bool is_search(const struct scope_options *options) {
  return options->trials.given || options->folds.given || options->repeats.given;
}

/* K-fold cross-validation: a K-th of the samples is held out of each run. */
static enum jc_status hold_out(uint64_t folds, const struct run_options *given, struct jc_run *run,
                               struct inputs *inputs, struct jc_error *error) {
  if (given->val_samples.given)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--folds",
                   "does not go with --val-samples: a fold is what is validated");
  if (folds > run->samples)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--folds",
                   "expected no more folds than the %llu samples, got %llu",
                   (unsigned long long)run->samples, (unsigned long long)folds);
  run->val_samples = run->samples / folds;
  run->samples -= run->val_samples;
  inputs_note(inputs, "each of %llu folds trains on %llu samples and validates on %llu",
              (unsigned long long)folds, (unsigned long long)run->samples,
              (unsigned long long)run->val_samples);
  return JC_OK;
}

/* Options of which the rest of the forecast takes no notice where another one is missing. */
static enum jc_status check_options(const struct scope_options *options,
                                    const struct run_options *given, const struct jc_run *run,
                                    struct jc_error *error) {
  const bool one_step = run->samples == 0;
  const struct {
    bool wrong;
    const char *option, *text;
  } rows[] = {
      {one_step && options->trials.given, "--trials", "expected --samples or --dataset beside it"},
      {one_step && options->folds.given, "--folds", "expected --samples or --dataset beside it"},
      {one_step && options->repeats.given, "--repeats",
       "expected --samples or --dataset beside it"},
      {one_step && given->epoch_span.given && given->epoch_span.first < given->epoch_span.last,
       "--epochs", "of a span: expected --samples or --dataset beside it"},
      {!options->inferences_per_day.given && options->days.given, "--days",
       "expected --inferences-per-day beside it"},
      {!options->inferences_per_day.given && options->inference_batch.given, "--inference-batch",
       "expected --inferences-per-day beside it"},
      {options->inferences_per_day.given && run->phase == JC_RUN_FORWARD, "--inferences-per-day",
       "is set against a training; expected --phase training"},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (rows[i].wrong)
      return jc_fail(error, JC_ERROR_USAGE, 0, rows[i].option, "%s", rows[i].text);
  }
  return JC_OK;
}

static void tell_count(struct inputs *inputs, const char *name, const struct count_option *option) {
  if (option->given)
    (void)input_count(inputs, name, FROM_FLAG, option->value);
}

enum jc_status scope_set_run(const struct scope_options *options, const struct run_options *given,
                             struct jc_run *run, struct inputs *inputs, struct jc_error *error) {
  if (check_options(options, given, run, error) != JC_OK ||
      (options->folds.value > 1 &&
       hold_out(options->folds.value, given, run, inputs, error) != JC_OK))
    return error->status;
  run->validate_every = or_one(&options->validate_every);
  tell_count(inputs, "trials", &options->trials);
  tell_count(inputs, "folds", &options->folds);
  tell_count(inputs, "repeats", &options->repeats);
  tell_count(inputs, "validate_every", &options->validate_every);
  return JC_OK;
}

/* ---- totals ---- */

static struct scope_total total_of(const struct forecast *forecast,
                                   const struct jc_estimate *estimate, uint64_t epochs,
                                   uint64_t runs, bool search) {
  const double times = (double)runs;
  return (struct scope_total){.search = search,
                              .epochs = epochs,
                              .runs = runs,
                              .energy_j = times * estimate->energy_j,
                              .energy_low_j = times * estimate->energy_low_j,
                              .energy_high_j = times * estimate->energy_high_j,
                              .time_s = times * estimate->time_s,
                              .footprint =
                                  forecast_footprint(forecast, times * estimate->energy_j)};
}

struct scope_total scope_training(const struct forecast *forecast) {
  const struct scope *scope = &forecast->scope;
  return scope->total_count > 0
             ? scope->totals[scope->total_count - 1]
             : total_of(forecast, &forecast->estimate, forecast->problem.run.epochs, 1, false);
}

/* Another run of the same problem, which a given duration says nothing of. */
static enum jc_status estimate_other(const struct forecast *forecast, const struct jc_run *run,
                                     const char *option, struct jc_estimate *estimate,
                                     struct jc_error *error) {
  if (!isnan(forecast->problem.duration_s))
    return jc_fail(error, JC_ERROR_USAGE, 0, option,
                   "does not go with --hours, which are those of one training");
  return forecast_other(forecast, run, estimate, error);
}

/* One run and the search at the first end of the span, if it has two, then at the last. */
static enum jc_status make_totals(const struct scope_options *options,
                                  const struct span_option *span, struct forecast *forecast,
                                  struct jc_error *error) {
  struct scope *scope = &forecast->scope;
  struct jc_estimate first = forecast->estimate;
  struct jc_run run = forecast->problem.run;
  const uint64_t last = run.epochs;
  const uint64_t runs =
      or_one(&options->trials) * or_one(&options->folds) * or_one(&options->repeats);
  const bool two_ends = span->given && span->first < span->last, search = is_search(options);
  if (!two_ends && !search)
    return JC_OK;
  run.epochs = two_ends ? span->first : last;
  if (two_ends && estimate_other(forecast, &run, "--epochs", &first, error) != JC_OK)
    return error->status;
  for (int many = 0; many <= (search ? 1 : 0); many++) {
    const uint64_t n = many ? runs : 1;
    if (two_ends)
      scope->totals[scope->total_count++] = total_of(forecast, &first, run.epochs, n, many);
    scope->totals[scope->total_count++] = total_of(forecast, &forecast->estimate, last, n, many);
  }
  return JC_OK;
}

/* ---- use ---- */

static enum jc_status make_use(const struct scope_options *options, struct forecast *forecast,
                               struct jc_error *error) {
  struct scope_use *use = &forecast->scope.use;
  struct jc_estimate pass = {0};
  struct jc_run run = forecast->problem.run;
  if (!options->inferences_per_day.given)
    return JC_OK;
  run.phase = JC_RUN_FORWARD;
  run.samples = run.val_samples = 0; /* one pass */
  run.batch_size = or_one(&options->inference_batch);
  if (estimate_other(forecast, &run, "--inferences-per-day", &pass, error) != JC_OK)
    return error->status;
  if (pass.extrapolated)
    inputs_note(&forecast->inputs,
                "use: a forward pass of %llu samples is extrapolated beyond what was calibrated",
                (unsigned long long)run.batch_size);
  const double training_j = scope_training(forecast).energy_j;
  use->per_day = options->inferences_per_day.value;
  use->days = options->days.given ? options->days.value : usual_days;
  use->batch_size = run.batch_size;
  use->energy_per_inference_j = pass.energy_per_step_j / (double)run.batch_size;
  use->energy_j = use->energy_per_inference_j * use->per_day * use->days;
  use->footprint = forecast_footprint(forecast, use->energy_j);
  use->training_share = training_j / (training_j + use->energy_j);
  use->break_even_days = training_j / (use->energy_per_inference_j * use->per_day);
  (void)input_real(&forecast->inputs, "inferences_per_day", FROM_FLAG, use->per_day);
  (void)input_real(&forecast->inputs, "days", options->days.given ? FROM_FLAG : FROM_DEFAULT,
                   use->days);
  (void)input_count(&forecast->inputs, "inference_batch",
                    options->inference_batch.given ? FROM_FLAG : FROM_DEFAULT, use->batch_size);
  return JC_OK;
}

enum jc_status scope_make(const struct scope_options *options, const struct run_options *given,
                          struct forecast *forecast, struct jc_error *error) {
  if (make_totals(options, &given->epoch_span, forecast, error) == JC_OK)
    (void)make_use(options, forecast, error);
  return error->status;
}

/* ---- reports ---- */

static void fill_totals(const struct forecast *forecast, struct records *records) {
  static const struct column columns[] = {
      {"of", "of", VALUE_TEXT, false, NULL, NULL},
      {"epochs", "epochs", VALUE_COUNT, false, NULL, NULL},
      {"runs", "runs", VALUE_COUNT, false, NULL, NULL},
      {"energy_j", "energy", VALUE_REAL, false, format_energy, NULL},
      {NULL, "interval", VALUE_TEXT, false, NULL, NULL},
      {"energy_low_j", NULL, VALUE_REAL, false, NULL, NULL},
      {"energy_high_j", NULL, VALUE_REAL, false, NULL, NULL},
      {"time_s", "time", VALUE_REAL, false, format_duration, NULL},
      {"facility_energy_j", NULL, VALUE_REAL, false, format_energy, NULL},
      {"co2e_g", "CO2e", VALUE_REAL, false, format_mass, NULL},
      {"cost", "cost", VALUE_REAL, false, NULL, NULL},
  };
  records_start(records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < forecast->scope.total_count; i++) {
    const struct scope_total *t = &forecast->scope.totals[i];
    char interval[2 * FORMAT_SIZE];
    record_text(records, t->search ? "search" : "run");
    record_count(records, t->epochs);
    record_count(records, t->runs);
    record_real(records, t->energy_j);
    record_text(records, format_span(t->energy_low_j, t->energy_high_j, format_energy, interval,
                                     sizeof(interval)));
    record_real(records, t->energy_low_j);
    record_real(records, t->energy_high_j);
    record_real(records, t->time_s);
    record_real(records, t->footprint.facility_energy_j);
    record_real(records, t->footprint.co2e_g);
    record_real(records, t->footprint.cost);
  }
}

static void print_use(const struct scope_use *use, FILE *out) {
  char text[FORMAT_SIZE], days[FORMAT_SIZE], count[FORMAT_SIZE];
  fprintf(out, "  %-10s %-14s a forward pass of %s sample%s, for each\n", "inference",
          format_energy(use->energy_per_inference_j, text, sizeof(text)),
          format_count((double)use->batch_size, count, sizeof(count)),
          use->batch_size == 1 ? "" : "s");
  fprintf(out, "  %-10s %-14s %s a day for %s days\n", "use",
          format_energy(use->energy_j, text, sizeof(text)),
          format_number(use->per_day, count, sizeof(count)),
          format_number(use->days, days, sizeof(days)));
  fprintf(out, "  %-10s %-14s of training and use together\n", "training",
          format_percent(use->training_share, text, sizeof(text)));
  snprintf(text, sizeof(text), "%s days", format_number(use->break_even_days, days, sizeof(days)));
  fprintf(out, "  %-10s %-14s until use has taken as much as training\n", "break-even", text);
}

void scope_print(const struct forecast *forecast, FILE *out) {
  if (forecast->scope.total_count > 0) {
    struct records records;
    fill_totals(forecast, &records);
    fputc('\n', out);
    records_print(&records, out);
    records_free(&records);
  }
  if (forecast->scope.use.per_day > 0) {
    fputc('\n', out);
    print_use(&forecast->scope.use, out);
  }
}

void scope_put_use(const struct scope_use *use, struct jc_json_writer *writer, const char *key) {
  if (!(use->per_day > 0)) {
    jc_put_null(writer, key);
    return;
  }
  jc_put_inline_object(writer, key);
  jc_put_real(writer, "inferences_per_day", use->per_day);
  jc_put_real(writer, "days", use->days);
  jc_put_uint(writer, "batch_size", use->batch_size);
  jc_put_real(writer, "energy_per_inference_j", use->energy_per_inference_j);
  jc_put_real(writer, "energy_j", use->energy_j);
  jc_put_real(writer, "facility_energy_j", use->footprint.facility_energy_j);
  jc_put_real(writer, "co2e_g", use->footprint.co2e_g);
  jc_put_real(writer, "cost", use->footprint.cost);
  jc_put_real(writer, "training_share", use->training_share);
  jc_put_real(writer, "break_even_days", use->break_even_days);
  jc_put_end(writer);
}

void scope_put(const struct forecast *forecast, struct jc_json_writer *writer) {
  if (forecast->scope.total_count > 0) {
    struct records records;
    fill_totals(forecast, &records);
    records_put(&records, writer, "totals");
    records_free(&records);
  } else {
    jc_put_null(writer, "totals");
  }
  scope_put_use(&forecast->scope.use, writer, "inference");
}
