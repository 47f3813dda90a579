/* report_train.c -- what a training run showed, beside what was forecast. */
#include "cli/report_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/projected.h"
#include "cli/report_meter.h"
#include "cli/run_record.h"
#include "estimator/data_files.h"
#include "estimator/samples_file.h"
#include "trainer/trainer.h"

/* Figures of which a forecast exists. */
struct figure {
  const char *key, *title;
  double measured, forecast;
  char *(*format)(double value, char *buffer, size_t size);
  double low, high; /* of the measured one, if it is projected */
};

enum { WHOLE_RUN = 3, FIGURE_COUNT = WHOLE_RUN + PROJECTED_COUNT };

static void fill_figures(const struct train_report *report, struct figure figures[FIGURE_COUNT]) {
  const struct training *t = report->training;
  const struct site *site = &report->options->site;
  const struct jc_estimate *e = report->has_forecast ? &report->forecast->estimate : NULL;
  const double step_j = (t->energy_j - t->validation_energy_j) / (double)t->done.training;
  struct projected whole[PROJECTED_COUNT];
  projected_figures(&t->projection, site, whole);
  const struct projected *energy = &whole[PROJECTED_ENERGY], *time = &whole[PROJECTED_TIME],
                         *co2e = &whole[PROJECTED_CO2E];
  const struct figure rows[FIGURE_COUNT] = {
      {"time_per_step_s", "step, median", t->step_median_s, e != NULL ? e->time_per_step_s : NAN,
       format_duration, NAN, NAN},
      {"energy_per_step_j", "joules of a step, mean", step_j,
       e != NULL ? e->energy_per_step_j : NAN, format_energy, NAN, NAN},
      {"power_w", "power", t->energy_j / t->time_s, e != NULL ? e->power_w : NAN, format_power, NAN,
       NAN},
      {time->key, "time of the whole run", time->value, e != NULL ? e->time_s : NAN, time->format,
       time->low, time->high},
      {energy->key, "energy of the whole run", energy->value, e != NULL ? e->energy_j : NAN,
       energy->format, energy->low, energy->high},
      {co2e->key, "CO2e of the whole run", co2e->value,
       e != NULL ? site_footprint(site, e->energy_j).co2e_g : NAN, co2e->format, co2e->low,
       co2e->high},
  };
  memcpy(figures, rows, sizeof(rows));
}

static const char *data_name(const struct train_report *report) {
  const struct jc_dataset *dataset = report->options->dataset;
  return dataset != NULL ? jc_dataset_facts(dataset).format : "synthetic";
}

static bool is_whole(const struct training *t) {
  return t->done.training == t->whole.training && t->done.validation == t->whole.validation;
}

/* ---- JSON ---- */

static uint64_t memory_forecast(const struct train_report *report) {
  const struct jc_run *run = &report->options->run;
  return jc_training_memory_bytes(&report->forecast->model.analysis.totals, run->batch_size,
                                  run->optimizer);
}

static void put_figures(const struct figure *figures, struct jc_json_writer *w) {
  jc_put_object(w, "forecast");
  for (int i = 0; i < FIGURE_COUNT; i++)
    jc_put_real(w, figures[i].key, figures[i].forecast);
  jc_put_end(w);
}

static void put_report(const struct train_report *report, const struct figure *figures,
                       struct jc_json_writer *w) {
  const struct training *t = report->training;
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  jc_put_string(w, "schema", "joulecast.train/1");
  jc_put_string(w, "model", report->forecast->model.network->name);
  jc_put_string(w, "data", data_name(report));
  put_run(&report->options->run, w, "run");
  put_machine(&report->forecast->machine, w, "machine");
  jc_put_string(w, "meter", t->meter.name);
  jc_put_string(w, "domain", t->meter.domain);
  jc_put_string(w, "power_source", t->meter.measured ? "measured" : "modelled");
  jc_put_uint(w, "steps", t->done.training);
  jc_put_uint(w, "val_steps", t->done.validation);
  jc_put_uint(w, "epochs", t->epoch_count);
  jc_put_bool(w, "stopped", t->stopped);
  jc_put_bool(w, "complete", is_whole(t));
  jc_put_real(w, "loss", t->loss);
  jc_put_real(w, "accuracy", t->accuracy);
  jc_put_real(w, "val_accuracy", t->val_accuracy);
  jc_put_real(w, "energy_j", t->energy_j);
  jc_put_real(w, "time_s", t->time_s);
  jc_put_uint(w, "memory_bytes", t->memory_bytes);
  jc_put_uint(w, "memory_forecast_bytes", memory_forecast(report));
  jc_put_real(w, "build_s", t->build_s);
  jc_put_real(w, "power_w", t->energy_j / t->time_s);
  jc_put_real(w, "step_median_s", t->step_median_s);
  jc_put_real(w, "energy_per_step_j", figures[1].measured);
  put_projected(&t->projection, &report->options->site, w);
  jc_put_string(w, "over_budget", jc_error_is_set(&t->limits.over) ? t->limits.over.text : NULL);
  if (report->has_forecast)
    put_figures(figures, w);
  else
    jc_put_null(w, "forecast");
  jc_put_end(w);
}

/* ---- for people ---- */

static void print_progress_made(const struct train_report *report, FILE *out) {
  const struct training *t = report->training;
  const struct jc_run *run = &report->options->run;
  char steps[FORMAT_SIZE], whole[FORMAT_SIZE], text[FORMAT_SIZE];
  fprintf(out, "%s: %s of %s steps%s, batch %s, %u thread%s\n\n",
          report->forecast->model.network->name,
          format_count((double)t->done.training, steps, sizeof(steps)),
          format_count((double)t->whole.training, whole, sizeof(whole)),
          t->stopped ? " (stopped)" : "", format_count((double)run->batch_size, text, sizeof(text)),
          run->threads, run->threads == 1 ? "" : "s");
  fprintf(out, "  loss        %-12.4f at the first step %.4f; %s data\n", t->loss, t->first_loss,
          data_name(report));
  fprintf(out, "  accuracy    %-12s of the last %llu steps",
          format_percent(t->accuracy, text, sizeof(text)),
          (unsigned long long)(t->done.training < TRAINING_WINDOW ? t->done.training
                                                                  : TRAINING_WINDOW));
  if (!isnan(t->val_accuracy))
    fprintf(out, "; validation %s", format_percent(t->val_accuracy, text, sizeof(text)));
  fprintf(out, "\n  energy      %-12s so far, %s; of the %s\n",
          format_energy(t->energy_j, text, sizeof(text)),
          t->meter.measured ? "measured" : "modelled, not measured", t->meter.domain);
  fprintf(out, "  time        %-12s so far, without %.2g s to build the network\n",
          format_duration(t->time_s, text, sizeof(text)), t->build_s);
  if (!is_whole(t))
    print_projected(&t->projection, &report->options->site, out);
  fprintf(out, "  memory      %-12s forecast %s\n\n",
          format_bytes((double)t->memory_bytes, text, sizeof(text)),
          format_bytes((double)memory_forecast(report), whole, sizeof(whole)));
  report_meter(&t->meter, out);
  if (!isfinite(t->loss))
    fprintf(out, "note: the loss is not finite: try a smaller --lr\n");
}

/* For CSV and Markdown. What was measured to its end has no interval. */
static void fill_rows(const struct figure *figures, bool projected, struct records *records) {
  static const struct column columns[] = {
      {"figure", "figure", VALUE_TEXT, false, NULL, NULL},
      {"measured", "measured", VALUE_REAL, false, NULL, NULL},
      {"forecast", "forecast", VALUE_REAL, false, NULL, NULL},
      {"measured_low", "measured_low", VALUE_REAL, false, NULL, NULL},
      {"measured_high", "measured_high", VALUE_REAL, false, NULL, NULL},
  };
  records_start(records, columns, COLUMN_COUNT(columns));
  for (int i = 0; i < FIGURE_COUNT; i++) {
    record_text(records, figures[i].key);
    record_real(records, figures[i].measured);
    record_real(records, figures[i].forecast);
    record_real(records, projected ? figures[i].low : NAN);
    record_real(records, projected ? figures[i].high : NAN);
  }
}

static void print_figures(const struct train_report *report, const struct figure *figures,
                          FILE *out) {
  static const struct column columns[] = {
      {"figure", "", VALUE_TEXT, false, NULL, NULL},
      {"measured", "this run", VALUE_TEXT, false, NULL, NULL},
      {"forecast", "forecast", VALUE_TEXT, false, NULL, NULL},
      {"difference", "forecast is", VALUE_TEXT, false, NULL, NULL}};
  struct records records;
  char text[FORMAT_SIZE + 16];
  const bool projected = !is_whole(report->training);
  records_start(&records, columns, COLUMN_COUNT(columns));
  for (int i = 0; i < FIGURE_COUNT; i++) {
    const struct figure *f = &figures[i];
    const double difference = f->forecast / f->measured - 1;
    char title[64];
    snprintf(title, sizeof(title), "%s%s", f->title,
             projected && i >= WHOLE_RUN ? ", projected" : "");
    record_text(&records, title);
    record_text(&records, f->format(f->measured, text, FORMAT_SIZE));
    record_text(&records, f->format(f->forecast, text, FORMAT_SIZE));
    snprintf(text, sizeof(text), "%.1f %% %s", 100 * fabs(difference),
             difference < 0 ? "too low" : "too high");
    record_text(&records, isnan(difference) ? NULL : text);
  }
  records_print(&records, out);
  records_free(&records);
  if (!report->has_forecast) {
    fprintf(out, "no forecast: ");
    print_wrapped(out, report->no_forecast, 13, 13);
  }
}

void report_train(const struct train_report *report, enum format format, struct output *output,
                  struct jc_error *error) {
  struct figure figures[FIGURE_COUNT];
  struct jc_json_writer writer;
  struct records rows;
  fill_figures(report, figures);
  fill_rows(figures, !is_whole(report->training), &rows);
  if (format == FORMAT_JSON) {
    put_report(report, figures, &writer);
    (void)output_json(output, &writer, error);
  } else if (records_check(&rows, error) == JC_OK && !output_rows(&rows, format, output->stream)) {
    print_progress_made(report, output->stream);
    print_figures(report, figures, output->stream);
  }
  records_free(&rows);
}

/* ---- the line of runs.jsonl ---- */

static void set_facts(const struct train_report *report, struct jc_sample *sample) {
  const struct training *t = report->training;
  sample->run = report->options->run;
  sample->precision = JC_PRECISION_FP32;
  snprintf(sample->runner.name, sizeof(sample->runner.name), "onednn");
  snprintf(sample->runner.version, sizeof(sample->runner.version), "%s",
           jc_trainer_library_version());
  sample->energy_j = t->energy_j;
  if (strcmp(t->meter.name, "model") == 0)
    sample->idle_power_w = report->options->meter_options.model.idle_w;
  sample->time_s = t->time_s;
  sample->steps = t->done.training;
  sample->startup_s = t->build_s;
  sample->step_median_s = t->step_median_s;
}

static enum jc_status set_model(const struct train_report *report, const char *operand,
                                bool overridden, struct jc_sample *sample, struct jc_error *error) {
  char *text = NULL;
  if (jc_models_is_name(operand) && !overridden)
    return jc_sample_set_model_name(sample, operand, error);
  if (jc_model_expanded_json(report->forecast->model.model, &text, error) == JC_OK)
    (void)jc_sample_set_model_text(sample, text, strlen(text), error);
  free(text);
  return error->status;
}

enum jc_status record_train(const struct train_report *report, const char *operand, bool overridden,
                            const char *path, struct jc_error *error) {
  const struct training *t = report->training;
  struct jc_sample sample;
  run_record_start(&sample, &t->meter, &report->forecast->machine);
  set_facts(report, &sample);
  if (set_model(report, operand, overridden, &sample, error) == JC_OK && t->epoch_count > 0 &&
      jc_sample_make_epochs(&sample, (uint32_t)t->epoch_count, error) == JC_OK) {
    for (size_t i = 0; i < t->epoch_count; i++)
      sample.epochs[i] = (struct jc_sample_epoch){t->epochs[i].energy_j, t->epochs[i].time_s};
  }
  if (!jc_error_is_set(error))
    (void)jc_samples_append(path, &sample, error);
  jc_sample_free(&sample);
  return error->status;
}
