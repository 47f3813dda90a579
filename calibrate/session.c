/* session.c -- opening a calibration, one network of its plan, and what a sample says. */
#include "calibrate/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calibrate/random.h"
#include "calibrate/text.h"
#include "estimator/environment.h"
#include "estimator/model_file.h"

static const struct effort quick_effort = {
    .prefix = "q",
    .networks = 80,
    .flops_max = 3e10,
    .memory_share = 0.1,
    .min_steps = 5,
    .pace = {.min_window_s = 0.1,
             .idle_s = 1,
             .idle_again_s = 0.5,
             .idle_period_s = 60,
             .sentinel_period_s = 30,
             .energy_window_s = 0.8,
             .energy_networks = 8},
    .times_s = {50, 32},
    .energy_s = 18,
};
static const struct effort full_effort = {
    .prefix = "f",
    .networks = 160,
    .flops_max = 8e10,
    .memory_share = 0.25,
    .min_steps = 5,
    .pace = {.min_window_s = 0.15,
             .idle_s = 5,
             .idle_again_s = 1,
             .idle_period_s = 60,
             .sentinel_period_s = 30,
             .energy_window_s = 3,
             .energy_networks = 20},
    .times_s = {180, 180},
    .energy_s = 170,
};

static const double load_window_s = 0.5, load_spin_s = 0.25;
/* The model's idle power is a constant, the reading no more than a check. */
static const double modelled_idle_s = 0.25;

/* ---- opening ---- */

static enum jc_status find_runner(struct session *s, struct jc_error *error) {
  const char *name = s->options->runner != NULL ? s->options->runner : "onednn";
  s->runner = s->options->runner_driver != NULL ? s->options->runner_driver : jc_runner_find(name);
  if (s->runner == NULL)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "no runner is called '%s'", name);
  if (s->runner->version()[0] == '\0')
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, NULL,
                   "this joulecast was built without oneDNN and cannot train: install "
                   "libdnnl-dev and build again");
  return JC_OK;
}

static double or_default(double given, double by_default) {
  return given > 0 ? given : by_default;
}

/* Others are seen by the kernel's accounts, and by what they, or a hypervisor, take of each CPU. */
static enum jc_status check_load(struct session *s, int *quietest, struct jc_error *error) {
  const struct jc_calibrate_pace *pace = &s->options->pace;
  const struct jc_load_check check = {.window_s = or_default(pace->load_window_s, load_window_s),
                                      .spin_s = or_default(pace->load_spin_s, load_spin_s),
                                      .tolerated =
                                          or_default(s->options->tolerated_load, JC_TOLERATED_LOAD),
                                      .force = s->options->force,
                                      .verb = "calibrate"};
  return jc_conditions_load(&check, &s->result->load, quietest, error);
}

static enum jc_status open_meter(struct session *s, struct jc_error *error) {
  struct jc_meter_options options = s->options->meter_options;
  options.allow_model = true;
  const enum jc_status status =
      s->options->meter_driver != NULL
          ? jc_meter_open_driver(s->options->meter_driver, &options, &s->meter, error)
          : jc_meter_open(s->options->meter, &options, &s->meter, error);
  if (status == JC_OK)
    s->result->meter = *jc_meter_info(s->meter);
  return status;
}

/* A budget of the caller's is shared as the default one is. */
static void choose_pace(struct session *s) {
  const struct jc_calibrate_pace *given = &s->options->pace, *usual = &s->effort->pace;
  const bool measured = s->result->meter.measured;
  s->times_s = s->effort->times_s[measured];
  s->energy_s = measured ? s->effort->energy_s : 0;
  const double scale =
      s->options->budget_s > 0 ? s->options->budget_s / (s->times_s + s->energy_s) : 1;
  s->times_s *= scale;
  s->energy_s *= scale;
  s->pace = (struct jc_calibrate_pace){
      .min_window_s = or_default(given->min_window_s, usual->min_window_s),
      .idle_s = measured ? or_default(given->idle_s, usual->idle_s) : modelled_idle_s,
      .idle_again_s = or_default(given->idle_again_s, usual->idle_again_s),
      .idle_period_s = or_default(given->idle_period_s, usual->idle_period_s),
      .sentinel_period_s = or_default(given->sentinel_period_s, usual->sentinel_period_s),
      .energy_window_s = or_default(given->energy_window_s, usual->energy_window_s),
      .energy_networks =
          given->energy_networks > 0 ? given->energy_networks : usual->energy_networks,
  };
}

static const struct effort *effort_of(const struct jc_calibrate_options *options) {
  return options->quick ? &quick_effort : &full_effort;
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

static enum jc_status make_plan(struct session *s, struct jc_error *error) {
  if (jc_calibrate_plan(s->options, &s->machine, &s->plan, error) != JC_OK)
    return error->status;
  s->networks = calloc(s->plan.count, sizeof(*s->networks));
  s->order = calloc(s->plan.count, sizeof(*s->order));
  if (s->networks == NULL || s->order == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  shuffle(s->order, s->plan.count, s->options->seed);
  s->result->planned = s->plan.count;
  return JC_OK;
}

/* The meter's thread takes over the priority that is raised before, but must be free to run on any
 * CPU, so that pinning comes after. */
enum jc_status session_open(struct session *s, struct jc_error *error) {
  int quietest = -1;
  s->effort = effort_of(s->options);
  if (find_runner(s, error) != JC_OK || jc_environment_probe(NULL, &s->machine, error) != JC_OK ||
      check_load(s, &quietest, error) != JC_OK)
    return error->status;
  jc_conditions_raise(&s->conditions, s->options->raise_priority);
  if (open_meter(s, error) != JC_OK ||
      jc_speed_probe_open(s->options->threads, &s->probe, error) != JC_OK)
    return error->status;
  choose_pace(s);
  session_progress(s, "idle", 0, 1, NAN);
  if (session_take_baseline(s, s->pace.idle_s, error) != JC_OK)
    return error->status;
  s->result->idle_power_w = s->baselines.first.power_w;
  jc_conditions_pin(&s->conditions, s->options->threads, quietest);
  copy_text(s->result->priority, sizeof(s->result->priority), s->conditions.priority);
  copy_text(s->result->pinning, sizeof(s->result->pinning), s->conditions.pinning);
  s->sentinels.checked_s = s->sentinels.good_s = jc_clock_s();
  return make_plan(s, error);
}

void session_close(struct session *s) {
  if (s->runner != NULL && s->runner->rest != NULL)
    s->runner->rest();
  baselines_free(&s->baselines);
  free(s->networks);
  free(s->order);
  jc_plan_free(&s->plan);
  jc_speed_probe_close(s->probe);
  jc_meter_close(s->meter);
  jc_conditions_restore(&s->conditions);
}

void shuffle(uint32_t *order, uint32_t count, uint64_t seed) {
  struct random_stream random = {seed};
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t j = random_below(&random, i + 1);
    order[i] = order[j];
    order[j] = i;
  }
}

bool session_is_stopped(const struct session *s) {
  return s->options->stop != NULL && *s->options->stop != 0;
}

void session_progress(const struct session *s, const char *stage, uint32_t done, uint32_t total,
                      double remaining_s) {
  char current[64] = "";
  if (s->options->progress == NULL)
    return;
  if (s->entry != NULL)
    snprintf(current, sizeof(current), "%s %s", s->entry->family, s->entry->id);
  const struct jc_calibrate_progress progress = {.stage = stage,
                                                 .current = current,
                                                 .done = done,
                                                 .total = total,
                                                 .elapsed_s = jc_clock_s() - s->start_s,
                                                 .remaining_s = remaining_s};
  s->options->progress(s->options->progress_context, &progress);
}

/* ---- the facts of a sample ---- */

void session_describe_conditions(const struct session *s, struct jc_sample *sample) {
  const struct jc_meter_info *meter = jc_meter_info(s->meter);
  sample->run.threads = s->options->threads;
  sample->precision = JC_PRECISION_FP32;
  sample->machine = s->machine;
  copy_text(sample->runner.name, sizeof(sample->runner.name), s->runner->name);
  copy_text(sample->runner.version, sizeof(sample->runner.version), s->runner->version());
  copy_text(sample->meter.name, sizeof(sample->meter.name), meter->name);
  copy_text(sample->meter.domain, sizeof(sample->meter.domain), meter->domain);
  sample->meter.measured = meter->measured;
  copy_text(sample->conditions.priority, sizeof(sample->conditions.priority),
            s->conditions.priority);
  copy_text(sample->conditions.pinning, sizeof(sample->conditions.pinning), s->conditions.pinning);
  sample->load = s->result->load;
  sample->forced = s->options->force;
}

/* The one use of the wall clock: a label. */
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
  to->forward_min_s = from->forward_min_s;
  to->backward_min_s = from->backward_min_s;
  to->update_min_s = from->update_min_s;
  copy_text(to->forward_implementation, sizeof(to->forward_implementation),
            from->facts.forward_implementation);
  copy_text(to->backward_implementation, sizeof(to->backward_implementation),
            from->facts.backward_implementation);
  copy_text(to->layout, sizeof(to->layout), from->facts.layout);
  to->fused = from->facts.fused;
}

/* The facts of the run around the window: what, where, by whom. */
static void describe_run(const struct session *s, struct jc_sample *sample) {
  session_describe_conditions(s, sample);
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

enum jc_status session_describe_window(const struct session *s, const struct jc_window *window,
                                       struct jc_sample *sample, struct jc_error *error) {
  describe_run(s, sample);
  sample->energy_j = window->energy_j;
  sample->time_s = window->time_s;
  sample->steps = window->steps;
  sample->startup_s = window->startup_s;
  sample->cpu_time_s = window->cpu_s;
  sample->step_min_s = window->step_min_s;
  sample->step_median_s = window->step_median_s;
  sample->step_mean_s = window->step_mean_s;
  sample->loss_time_s = window->loss_s;
  sample->speed = window->speed;
  sample->outlier_steps = window->outliers;
  if (jc_sample_set_model_text(sample, s->entry->model_json, strlen(s->entry->model_json), error) !=
          JC_OK ||
      jc_sample_make_layers(sample, s->analysis->network->layer_count, error) != JC_OK)
    return error->status;
  for (uint32_t i = 0; i < sample->layer_count; i++)
    describe_layer(s, i, &window->layers[i], &sample->layers[i]);
  return JC_OK;
}

/* ---- one network ---- */

enum jc_status session_with_network(struct session *s, uint32_t index,
                                    enum jc_status (*measure)(struct session *s, void *context,
                                                              struct jc_error *error),
                                    void *context, struct jc_error *error) {
  const struct jc_plan_entry *entry = &s->plan.entries[index];
  const char *text = entry->model_json;
  struct jc_model *model = NULL;
  struct jc_analysis analysis;
  if (jc_model_parse(text, strlen(text), entry->id, &model, error) != JC_OK)
    return error->status;
  const struct jc_network *network = jc_model_network(model);
  const size_t bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(bytes);
  s->layers = calloc(network->layer_count, sizeof(*s->layers));
  if (storage == NULL || s->layers == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else if (jc_network_analyze(network, storage, bytes, &analysis, error) == JC_OK) {
    s->entry = entry;
    s->analysis = &analysis;
    (void)measure(s, context, error);
    s->entry = NULL;
    s->analysis = NULL;
  }
  free(s->layers);
  s->layers = NULL;
  free(storage);
  jc_model_free(model);
  return error->status;
}
