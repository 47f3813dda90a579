/* calibrate.c -- plan, train each sample network, append what it showed; resumable at any point. */
#include "calibrate/calibrate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calibrate/measure.h"
#include "calibrate/plan.h"
#include "calibrate/text.h"
#include "estimator/environment.h"
#include "estimator/model_file.h"
#include "estimator/samples_file.h"

/* How large and how long, for a minute and for a proper calibration. */
struct effort {
  const char *prefix; /* of the sample ids */
  uint32_t networks;
  double flops_max;    /* of a step */
  double memory_share; /* of the machine's, at most, for one network */
  uint32_t min_steps;
  double min_window_s;
  double idle_s; /* baseline before the first network */
  double budget_s;
};

static const struct effort quick_effort = {"q", 120, 3e10, 0.1, 4, 0.10, 1.0, 50};
static const struct effort full_effort = {"f", 240, 8e10, 0.25, 6, 0.25, 5.0, 280};

static const struct effort *effort_of(const struct jc_calibrate_options *options) {
  return options->quick ? &quick_effort : &full_effort;
}

static const double load_window_s = 0.5;

struct session {
  const struct jc_calibrate_options *options;
  struct jc_calibrate_result *result;
  const struct jc_runner_driver *runner;
  const struct effort *effort;
  struct jc_meter *meter;
  struct jc_machine machine;
  double idle_power_w;
  double start_s;
  /* The network in hand. */
  const struct jc_plan_entry *entry;
  const struct jc_analysis *analysis;
};

static void report_progress(const struct session *s, const char *stage, uint32_t done,
                            uint32_t total) {
  char current[64] = "";
  if (s->options->progress == NULL)
    return;
  if (s->entry != NULL)
    snprintf(current, sizeof(current), "%s %s", s->entry->family, s->entry->id);
  const double elapsed_s = jc_clock_s() - s->start_s;
  const uint32_t trained = s->result->trained;
  const double budget_left_s =
      fmax((s->options->budget_s > 0 ? s->options->budget_s : s->effort->budget_s) - elapsed_s, 0);
  const struct jc_calibrate_progress progress = {
      .stage = stage,
      .current = current,
      .done = done,
      .total = total,
      .elapsed_s = elapsed_s,
      .remaining_s = trained > 0 ? fmin(elapsed_s / trained * (total - done), budget_left_s) : NAN,
  };
  s->options->progress(s->options->progress_context, &progress);
}

/* ---- resuming ---- */

/* The facts that all samples of a calibration share. */
static void describe_conditions(const struct session *s, struct jc_sample *sample) {
  const struct jc_meter_info *meter = jc_meter_info(s->meter);
  sample->run.threads = s->options->threads;
  sample->precision = JC_PRECISION_FP32;
  sample->machine = s->machine;
  copy_text(sample->runner.name, sizeof(sample->runner.name), s->runner->name);
  copy_text(sample->runner.version, sizeof(sample->runner.version), s->runner->version());
  copy_text(sample->meter.name, sizeof(sample->meter.name), meter->name);
  copy_text(sample->meter.domain, sizeof(sample->meter.domain), meter->domain);
  sample->meter.measured = meter->measured;
  sample->idle_power_w = s->idle_power_w;
  sample->load = s->result->load;
  sample->forced = s->options->force;
}

/* A sample in the file that this calibration cannot go on from; the remedy is the user's choice,
 * since mixing would spoil both. */
static enum jc_status check_resumable(const struct session *s, const struct jc_sample *sample,
                                      struct jc_error *error) {
  struct jc_sample ours;
  jc_sample_start(&ours);
  describe_conditions(s, &ours);
  const char *difference = jc_sample_difference(&ours, sample);
  if (difference == NULL && sample->forced && !s->options->force)
    difference = "a forced calibration (--force)";
  jc_sample_free(&ours);
  if (difference == NULL)
    return JC_OK;
  return jc_fail(error, JC_ERROR_MISMATCH, 0, sample->id,
                 "holds a sample of %s: give --fresh to set the file aside, or another "
                 "--samples-file",
                 difference);
}

static void mark_done(struct session *s, const struct jc_plan *plan, const char *id, bool *done) {
  for (uint32_t i = 0; i < plan->count; i++) {
    if (!done[i] && strcmp(plan->entries[i].id, id) == 0) {
      done[i] = true;
      s->result->resumed++;
    }
  }
}

static enum jc_status set_aside(const char *path, struct jc_error *error) {
  char aside[4096];
  unsigned number = 1;
  do
    snprintf(aside, sizeof(aside), "%s.old%u", path, number++);
  while (access(aside, F_OK) == 0);
  if (rename(path, aside) != 0)
    return jc_fail(error, JC_ERROR_IO, 0, NULL, "%s: cannot rename to %.200s: %s", path, aside,
                   strerror(errno));
  return JC_OK;
}

/* Which networks of the plan stand in the file already, for this thread count. */
static enum jc_status find_done(struct session *s, const struct jc_plan *plan, bool *done,
                                struct jc_error *error) {
  const char *path = s->options->samples_path;
  struct jc_samples_reader reader;
  struct jc_sample sample;
  bool more = false, torn = false;
  if (access(path, F_OK) != 0)
    return JC_OK;
  if (s->options->fresh)
    return set_aside(path, error);
  if (jc_samples_mend(path, &torn, error) != JC_OK ||
      jc_samples_open(path, &reader, error) != JC_OK)
    return error->status;
  while (jc_samples_next(&reader, &sample, &more, error) == JC_OK && more) {
    if (check_resumable(s, &sample, error) != JC_OK)
      jc_error_name_file(error, path);
    else if (!jc_sample_is_disturbed(&sample))
      mark_done(s, plan, sample.id, done);
    jc_sample_free(&sample);
    if (jc_error_is_set(error))
      break;
  }
  jc_samples_close(&reader);
  return error->status;
}

/* ---- one network ---- */

static void date_now(char *text, size_t size) {
  const time_t now = time(NULL);
  struct tm utc;
  gmtime_r(&now, &utc);
  strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static void describe_layer(const struct session *s, uint32_t index,
                           const struct jc_window_layer *from, struct jc_sample_layer *to) {
  const struct jc_layer *layer = &s->analysis->network->layers[index];
  copy_text(to->name, sizeof(to->name), layer->name);
  to->kind = layer->kind;
  to->forward_s = from->forward_s;
  to->backward_s = from->backward_s;
  to->update_s = from->update_s;
  copy_text(to->forward_implementation, sizeof(to->forward_implementation),
            from->facts.forward_implementation);
  copy_text(to->backward_implementation, sizeof(to->backward_implementation),
            from->facts.backward_implementation);
  copy_text(to->layout, sizeof(to->layout), from->facts.layout);
  to->fused = from->facts.fused;
}

/* The facts of the run around the window: what, where, by whom. */
static void describe_run(const struct session *s, struct jc_sample *sample) {
  describe_conditions(s, sample);
  copy_text(sample->id, sizeof(sample->id), s->entry->id);
  copy_text(sample->family, sizeof(sample->family), s->entry->family);
  date_now(sample->date, sizeof(sample->date));
  sample->seed = s->options->seed;
  sample->run = (struct jc_run){.batch_size = s->entry->batch_size,
                                .epochs = 1,
                                .threads = s->options->threads,
                                .optimizer = JC_OPTIMIZER_MOMENTUM,
                                .phase = JC_RUN_TRAINING};
}

/* Appends the window as a line of samples.jsonl; after it the network is never trained again. */
static enum jc_status keep_window(void *context, const struct jc_window *window,
                                  struct jc_error *error) {
  struct session *s = context;
  struct jc_sample sample;
  if (window->late_polls > 0) { /* a counter may have wrapped unseen */
    s->result->disturbed++;
    return JC_OK;
  }
  jc_sample_start(&sample);
  describe_run(s, &sample);
  sample.energy_j = window->energy_j;
  sample.time_s = window->time_s;
  sample.steps = window->steps;
  sample.startup_s = window->startup_s;
  sample.cpu_time_s = window->cpu_s;
  sample.step_min_s = window->step_min_s;
  sample.step_median_s = window->step_median_s;
  sample.step_mean_s = window->step_mean_s;
  if (jc_sample_set_model_text(&sample, s->entry->model_json, strlen(s->entry->model_json),
                               error) == JC_OK &&
      jc_sample_make_layers(&sample, s->analysis->network->layer_count, error) == JC_OK) {
    for (uint32_t i = 0; i < sample.layer_count; i++)
      describe_layer(s, i, &window->layers[i], &sample.layers[i]);
    if (jc_samples_append(s->options->samples_path, &sample, error) == JC_OK)
      s->result->trained++;
    s->result->disturbed += jc_sample_is_disturbed(&sample) ? 1 : 0;
  }
  jc_sample_free(&sample);
  return error->status;
}

static enum jc_status measure_analysed(struct session *s, struct jc_error *error) {
  struct jc_window window = {0};
  const struct jc_window_options options = {
      .runner = {.batch_size = s->entry->batch_size,
                 .threads = s->options->threads,
                 .seed = s->options->seed},
      .min_steps = s->effort->min_steps,
      .min_window_s = s->effort->min_window_s,
  };
  window.layers = calloc(s->analysis->network->layer_count, sizeof(*window.layers));
  if (window.layers == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  (void)jc_measure_window(s->runner, s->analysis, &options, s->meter, &window, keep_window, s,
                          error);
  free(window.layers);
  return error->status;
}

static enum jc_status measure_entry(struct session *s, struct jc_error *error) {
  struct jc_model *model = NULL;
  struct jc_analysis analysis;
  void *storage = NULL;
  const char *text = s->entry->model_json;
  if (jc_model_parse(text, strlen(text), s->entry->id, &model, error) != JC_OK)
    return error->status;
  const struct jc_network *network = jc_model_network(model);
  const size_t bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
  storage = malloc(bytes);
  if (storage == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else if (jc_network_analyze(network, storage, bytes, &analysis, error) == JC_OK) {
    s->analysis = &analysis;
    (void)measure_analysed(s, error);
    s->analysis = NULL;
  }
  free(storage);
  jc_model_free(model);
  return error->status;
}

/* ---- the whole ---- */

static bool must_stop(const struct session *s) {
  const double budget_s = s->options->budget_s > 0 ? s->options->budget_s : s->effort->budget_s;
  return (s->options->stop != NULL && *s->options->stop != 0) ||
         jc_clock_s() - s->start_s > budget_s;
}

static enum jc_status measure_plan(struct session *s, const struct jc_plan *plan,
                                   struct jc_error *error) {
  bool *done = calloc(plan->count, sizeof(bool));
  if (done == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (find_done(s, plan, done, error) != JC_OK)
    goto cleanup;
  uint32_t finished = s->result->resumed;
  for (uint32_t i = 0; i < plan->count && error->status == JC_OK; i++) {
    if (done[i])
      continue;
    if (must_stop(s)) {
      s->result->stopped = true;
      break;
    }
    s->entry = &plan->entries[i];
    report_progress(s, "train", finished, plan->count);
    (void)measure_entry(s, error);
    finished++;
  }
  s->entry = NULL;
  report_progress(s, "train", finished, plan->count);

cleanup:
  free(done);
  return error->status;
}

static enum jc_status check_load(struct session *s, struct jc_error *error) {
  if (jc_environment_load(NULL, load_window_s, &s->result->load, error) != JC_OK)
    return error->status;
  if (s->result->load > JC_TOLERATED_LOAD && !s->options->force)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL,
                   "other processes use %.0f %% of this machine (tolerated: %.0f %%): times would "
                   "be wrong; end them, or calibrate anyway with --force",
                   100 * s->result->load, 100 * JC_TOLERATED_LOAD);
  return JC_OK;
}

static enum jc_status prepare(struct session *s, struct jc_error *error) {
  const struct jc_calibrate_options *options = s->options;
  const char *name = options->runner != NULL ? options->runner : "onednn";
  struct jc_meter_options meter_options = options->meter_options;
  s->runner = jc_runner_find(name);
  if (s->runner == NULL)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "no runner is called '%s'", name);
  if (s->runner->version()[0] == '\0')
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, NULL,
                   "this joulecast was built without oneDNN and cannot train: install "
                   "libdnnl-dev and build again");
  meter_options.allow_model = true;
  if (jc_environment_probe(NULL, &s->machine, error) != JC_OK || check_load(s, error) != JC_OK ||
      jc_meter_open(options->meter, &meter_options, &s->meter, error) != JC_OK)
    return error->status;
  s->result->meter = *jc_meter_info(s->meter);
  report_progress(s, "idle", 0, 1);
  return jc_measure_idle(s->meter, s->effort->idle_s, &s->idle_power_w, error);
}

enum jc_status jc_calibrate_plan(const struct jc_calibrate_options *options,
                                 const struct jc_machine *machine, struct jc_plan *plan,
                                 struct jc_error *error) {
  const struct effort *effort = effort_of(options);
  const struct jc_plan_options plan_options = {
      .prefix = effort->prefix,
      .seed = options->seed,
      .count = options->networks > 0 ? options->networks : effort->networks,
      .flops_max = effort->flops_max,
      .memory_bytes = effort->memory_share * (double)machine->memory_bytes,
  };
  return jc_plan_make(&plan_options, plan, error);
}

enum jc_status jc_calibrate_measure(const struct jc_calibrate_options *options,
                                    struct jc_calibrate_result *result, struct jc_error *error) {
  struct session s = {
      .options = options, .result = result, .effort = effort_of(options), .start_s = jc_clock_s()};
  struct jc_plan plan = {0};
  memset(result, 0, sizeof(*result));
  if (prepare(&s, error) != JC_OK)
    goto cleanup;
  if (jc_calibrate_plan(options, &s.machine, &plan, error) != JC_OK)
    goto cleanup;
  result->planned = plan.count;
  (void)measure_plan(&s, &plan, error);

cleanup:
  jc_plan_free(&plan);
  jc_meter_close(s.meter);
  return error->status;
}
