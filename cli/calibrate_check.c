/* calibrate_check.c -- `joulecast calibrate check`: train networks that no calibration trains, and
 * put what they take beside what the profile forecasts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calibrate/conditions.h"
#include "calibrate/drift.h"
#include "calibrate/measure.h"
#include "cli/calibrate_steps.h"
#include "cli/forecast.h"
#include "cli/interrupt.h"
#include "cli/profile_use.h"
#include "cli/progress.h"
#include "cli/report_check.h"
#include "estimator/environment.h"
#include "estimator/profile_file.h"
#include "trainer/trainer.h"

struct check_options {
  struct machine_options machine;
  struct text_list models;
  struct count_option steps, repeat_all;
  struct real_option min_seconds;
  bool force, measure_only, predict_only;
  struct output_options output;
};

#define CHECK(member) OPTION_AT(struct check_options, member)
static const struct option_row rows_models[] = {
    {"models", 'm', CHECK(models), "LIST.txt|NAME[:N[:SHAPE]]",
     "networks with batch and input, as in resnet18:8:3x96x96, or a file of them, one a line; may "
     "be repeated",
     "six small ones", OPTION_FREE},
};
static const struct option_row rows_window[] = {
    {"steps", 0, CHECK(steps), "N", "training steps of a window at least, after two that warm up",
     "20", OPTION_RANGE(3, 1e6)},
    {"min-seconds", 0, CHECK(min_seconds), "S", "seconds of a window at least",
     "0.5; 3 with a counter", OPTION_RANGE(0, 3600)},
    {"repeat-all", 0, CHECK(repeat_all), "N",
     "measure the whole list N times, one round after the other: shows the noise", "1",
     OPTION_RANGE(1, 100)},
    {"measure-only", 0, CHECK(measure_only), NULL, "use no profile and forecast nothing", NULL,
     OPTION_FREE},
    {"predict-only", 0, CHECK(predict_only), NULL, "train nothing", NULL, OPTION_FREE},
};
static const struct option_row rows_force[] = {
    {"force", 0, CHECK(force), NULL,
     "go on beside other processes' load, count disturbed windows, and use a profile of another "
     "machine, library or thread count",
     NULL, OPTION_FREE},
};
static const struct option_table table_models = {"Networks", rows_models,
                                                 OPTION_COUNT(rows_models)};
static const struct option_table table_window = {"Measurement", rows_window,
                                                 OPTION_COUNT(rows_window)};
static const struct option_table table_force = {"Machine", rows_force, OPTION_COUNT(rows_force)};

#define IN(member) offsetof(struct check_options, member)
static const struct option_group groups[] = {
    {&table_models, 0},
    {&table_window, 0},
    {&table_profile_threads, IN(machine)},
    {&table_profile, IN(machine)},
    {&table_meter, IN(machine)},
    {&table_powercap, IN(machine)},
    {&table_power, IN(machine)},
    {&table_force, 0},
    {&table_format_report, IN(output)},
    {&table_output, IN(output)},
    {&table_quiet, IN(output)},
};

/* A few seconds each on one thread, and unlike each other: dense alone, tiny, plain, residual,
 * depthwise, concatenating. */
static const char *const default_models[] = {"mlp_784_128_10:128",     "lenet5_28:64",
                                             "cifar_resnet20:16",      "resnet18:4:3x96x96",
                                             "mobilenet_v2:4:3x96x96", "squeezenet1_1:4:3x96x96"};

enum { DEFAULT_STEPS = 20 };
static const double modelled_window_s = 0.5, metered_window_s = 3;
static const double load_window_s = 0.5, spin_s = 0.25;

/* ---- options ---- */

static enum jc_status check_options(const struct check_options *o, struct jc_error *error) {
  const struct {
    bool given;
    const char *option;
  } measuring[] = {
      {o->steps.given, "--steps"},           {o->min_seconds.given, "--min-seconds"},
      {o->repeat_all.given, "--repeat-all"}, {o->measure_only, "--measure-only"},
      {o->machine.meter != NULL, "--meter"},
  };
  if (o->measure_only && o->machine.profile != NULL)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--profile", "not with --measure-only");
  for (size_t i = 0; o->predict_only && i < sizeof(measuring) / sizeof(measuring[0]); i++) {
    if (measuring[i].given)
      return jc_fail(error, JC_ERROR_USAGE, 0, measuring[i].option, "not with --predict-only");
  }
  return JC_OK;
}

static enum jc_status read_list(const struct check_options *o, struct check *check,
                                struct jc_error *error) {
  const size_t count =
      o->models.count > 0 ? o->models.count : sizeof(default_models) / sizeof(default_models[0]);
  const char *const *texts = o->models.count > 0 ? o->models.value : default_models;
  for (size_t i = 0; i < count; i++) {
    if (check_list_add(&check->list, texts[i], error) != JC_OK)
      return error->status;
  }
  return JC_OK;
}

/* ---- the profile ---- */

static enum jc_status locate_profile(const struct check_options *o, struct check *check,
                                     struct jc_error *error) {
  const char *given = o->machine.profile;
  if (given == NULL)
    return jc_profile_find_default(&check->machine, JC_PRECISION_FP32,
                                   (uint32_t)o->machine.threads.value, check->profile_path,
                                   sizeof(check->profile_path), error);
  const size_t bytes = strlen(given) + 1;
  if (bytes > sizeof(check->profile_path))
    return jc_fail(error, JC_ERROR_USAGE, 0, "--profile", "the name is too long");
  memcpy(check->profile_path, given, bytes);
  return JC_OK;
}

static enum jc_status load_profile(const struct check_options *o, struct check *check,
                                   struct jc_error *error) {
  check->profile = calloc(1, sizeof(*check->profile));
  if (check->profile == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (locate_profile(o, check, error) != JC_OK ||
      jc_profile_read(check->profile_path, check->profile, error) != JC_OK)
    return error->status;
  if (!o->machine.threads.given)
    check->threads = check->profile->threads;
  if (profile_accept(check->profile, check->profile_path, &check->machine, check->threads, o->force,
                     &check->notes, error) != JC_OK)
    return error->status;
  profile_warn(check->profile, jc_profile_age_days(check->profile, (double)time(NULL)),
               &check->notes);
  return JC_OK;
}

/* ---- forecasts ---- */

static struct jc_problem problem_of(const struct check *check, const struct check_configuration *c,
                                    const struct jc_method *method,
                                    const struct jc_hardware *hardware) {
  const bool wants_row = (method->needs & (JC_NEED_HARDWARE | JC_NEED_TDP)) != 0;
  return (struct jc_problem){
      .analysis = &c->model.analysis,
      .run = {.batch_size = c->batch_size,
              .epochs = 1,
              .threads = check->threads,
              .optimizer = JC_OPTIMIZER_MOMENTUM,
              .phase = JC_RUN_TRAINING},
      .precision = JC_PRECISION_FP32,
      .profile = check->profile,
      .hardware = wants_row ? hardware : NULL, /* as `estimate` has it */
      .duration_s = NAN,
  };
}

/* A band around a step, from that around a run of one step: they differ by a factor at most. */
static void scale_band(double of_step, double of_run, double low, double high, double *step_low,
                       double *step_high) {
  *step_low = low * of_step / of_run;
  *step_high = high * of_step / of_run;
}

/* Fills FORECAST at every level. A network that the method cannot price stays without it. */
static void forecast_step(const struct jc_method *method, struct jc_problem problem,
                          struct check_forecast *forecast) {
  struct jc_estimate estimate = {0};
  struct jc_error why = {0};
  for (int level = 0; level < CHECK_LEVELS; level++) {
    problem.interval = jc_interval_levels[level];
    if (jc_estimate_run(method, &problem, &estimate, &why) != JC_OK)
      return;
    scale_band(estimate.time_per_step_s, estimate.time_s, estimate.time_low_s, estimate.time_high_s,
               &forecast->time_low_s[level], &forecast->time_high_s[level]);
    scale_band(estimate.energy_per_step_j, estimate.energy_j, estimate.energy_low_j,
               estimate.energy_high_j, &forecast->energy_low_j[level],
               &forecast->energy_high_j[level]);
  }
  forecast->available = true;
  forecast->time_per_step_s = estimate.time_per_step_s;
  forecast->energy_per_step_j = estimate.energy_per_step_j;
  forecast->extrapolated = estimate.extrapolated;
  forecast->time_mape = estimate.time_error.networks > 0 ? estimate.time_error.mape : NAN;
  forecast->energy_mape = estimate.energy_error.networks > 0 ? estimate.energy_error.mape : NAN;
}

static enum jc_status forecast_all(const struct check_options *o, struct check *check,
                                   struct jc_error *error) {
  struct jc_hardware row;
  struct inputs *inputs = calloc(1, sizeof(*inputs)); /* told, not shown */
  struct jc_error why = {0};
  if (inputs == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  const bool has_row =
      resolve_hardware(&o->machine, &check->machine, check->threads, inputs, &row, &why) == JC_OK;
  free(inputs);
  if (!has_row && why.status != JC_ERROR_MISSING) {
    *error = why;
    return why.status;
  }
  for (size_t m = 0; jc_method_at(m) != NULL && check->method_count < CHECK_METHODS; m++) {
    const struct jc_method *method = jc_method_at(m);
    struct jc_problem problem =
        problem_of(check, &check->list.items[0], method, has_row ? &row : NULL);
    struct jc_error missing = {0};
    if (jc_method_check(method, &problem, &missing) != JC_OK)
      continue;
    for (size_t i = 0; i < check->list.count; i++) {
      struct check_configuration *c = &check->list.items[i];
      problem.analysis = &c->model.analysis;
      problem.run.batch_size = c->batch_size;
      forecast_step(method, problem, &c->forecasts[check->method_count]);
    }
    check->methods[check->method_count++] = method;
  }
  return JC_OK;
}

/* ---- measuring ---- */

static enum jc_status open_meter(const struct check_options *o, struct check *check,
                                 struct jc_meter **meter, struct jc_error *error) {
  struct inputs *inputs = calloc(1, sizeof(*inputs));
  struct jc_meter_options options;
  if (inputs == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (resolve_meter(&o->machine, &check->machine, inputs, &options, error) == JC_OK &&
      jc_meter_open(o->machine.meter, &options, meter, error) == JC_OK)
    check->meter = *jc_meter_info(*meter);
  free(inputs);
  return error->status;
}

static void show_progress(struct progress *progress, const struct check *check, uint32_t round,
                          uint32_t rounds, size_t done) {
  char line[160], of_rounds[40] = "";
  if (!progress_due(progress))
    return;
  if (rounds > 1)
    snprintf(of_rounds, sizeof(of_rounds), "round %u/%u, ", round + 1, rounds);
  snprintf(line, sizeof(line), "%s%zu/%zu %.80s", of_rounds, done, check->list.count,
           check->list.items[done].text);
  progress_show(progress, line);
}

/* Below this share, a change of the machine's speed is the probe's own noise. */
static const double noted_slowdown = 0.03;

/* The profile speaks of the machine's speed when it was calibrated; the table compares at that. */
static void note_speed(struct check *check) {
  double sum = 0;
  uint32_t rounds = 0;
  for (size_t i = 0; i < check->list.count; i++) {
    const struct check_configuration *c = &check->list.items[i];
    for (uint32_t r = 0; r < c->rounds_done; r++, rounds++)
      sum += log(jc_drift_slowdown(&check->profile->layerwise.speed, &c->rounds[r].speed));
  }
  const double slowdown = rounds > 0 ? exp(sum / rounds) : 1;
  if (fabs(slowdown - 1) > noted_slowdown)
    inputs_note(&check->notes,
                "by its speed probe the machine was %.2f times as slow as in the calibration: "
                "the table has steps and joules at the speed of the calibration",
                slowdown);
}

static enum jc_status measure_rounds(const struct check_options *o, struct check *check,
                                     struct jc_check_options *options, struct jc_error *error) {
  const volatile int *stop = interrupt_flag();
  const uint32_t rounds = o->repeat_all.given ? (uint32_t)o->repeat_all.value : 1;
  struct progress progress;
  progress_start(&progress, o->output.quiet);
  for (uint32_t r = 0; r < rounds && error->status == JC_OK && !*stop; r++) {
    for (size_t i = 0; i < check->list.count && error->status == JC_OK && !*stop; i++) {
      struct check_configuration *c = &check->list.items[i];
      show_progress(&progress, check, r, rounds, i);
      options->training.batch_size = c->batch_size;
      if (c->rounds == NULL && (c->rounds = calloc(rounds, sizeof(*c->rounds))) == NULL)
        (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
      else if (jc_check_measure(&c->model.analysis, options, &c->rounds[r], error) == JC_OK)
        c->rounds_done++;
      else
        jc_error_name_file(error, c->text);
    }
  }
  progress_end(&progress);
  check->stopped = *stop != 0;
  if (check->profile != NULL)
    note_speed(check);
  return error->status;
}

static enum jc_status measure(const struct check_options *o, struct check *check,
                              struct jc_error *error) {
  struct jc_meter *meter = NULL;
  struct jc_speed_probe *probe = NULL;
  struct jc_conditions conditions = {0};
  const struct jc_load_check wanted = {.window_s = load_window_s,
                                       .spin_s = spin_s,
                                       .tolerated = JC_TOLERATED_LOAD,
                                       .force = o->force,
                                       .verb = "check"};
  int quietest = -1;
  const struct jc_profile *profile = check->profile;
  struct jc_check_options options = {
      .runner = profile != NULL ? jc_runner_find(profile->runner) : jc_runner_at(0),
      .training = {.threads = check->threads, .seed = DEFAULT_SEED},
      .min_steps = o->steps.given ? (uint32_t)o->steps.value : DEFAULT_STEPS,
  };
  if (options.runner == NULL || options.runner->version()[0] == '\0')
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, NULL,
                   "this joulecast cannot train with '%.31s': it was built without it",
                   profile != NULL ? profile->runner : jc_runner_at(0)->name);
  check->runner = options.runner->name;
  check->runner_version = options.runner->version();
  jc_conditions_unbind();
  if (jc_conditions_load(&wanted, &check->load, &quietest, error) == JC_OK &&
      open_meter(o, check, &meter, error) == JC_OK &&
      jc_speed_probe_open(check->threads, &probe, error) == JC_OK) {
    jc_conditions_pin(&conditions, check->threads, quietest);
    options.meter = meter;
    options.probe = probe;
    options.min_window_s = o->min_seconds.given    ? o->min_seconds.value
                           : check->meter.measured ? metered_window_s
                                                   : modelled_window_s;
    (void)measure_rounds(o, check, &options, error);
    jc_conditions_restore(&conditions);
  }
  jc_speed_probe_close(probe);
  jc_meter_close(meter);
  return error->status;
}

/* ---- the step ---- */

static enum jc_status show(const struct check_options *o, const struct check *check,
                           const struct check_judgement *judgement, struct jc_error *error) {
  struct output output;
  if (output_open(&output, o->output.output, error) != JC_OK)
    return error->status;
  (void)report_check(check, judgement, output_format(&o->output), &output, error);
  return output_close(&output, error);
}

static int run_check(const struct check_options *o, struct check *check, struct jc_error *error) {
  struct check_judgement judgement;
  check->measured = !o->predict_only;
  check->forecast = !o->measure_only;
  check->forced = o->force;
  if (check_options(o, error) != JC_OK || read_list(o, check, error) != JC_OK ||
      jc_environment_probe(NULL, &check->machine, error) != JC_OK)
    return exit_code_of_input(error);
  check->threads =
      o->machine.threads.given ? (uint32_t)o->machine.threads.value : check->machine.cpus;
  if (check->forecast &&
      (load_profile(o, check, error) != JC_OK || forecast_all(o, check, error) != JC_OK))
    return exit_code_of_input(error);
  if ((check->measured && measure(o, check, error) != JC_OK) ||
      check_judge(check, &judgement, error) != JC_OK || show(o, check, &judgement, error) != JC_OK)
    return exit_code_of(error);
  if (check->stopped)
    (void)jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "stopped before every network was measured");
  const bool trusted = judgement.judged && judgement.verdict == JC_VERDICT_TRUST;
  const bool judged = check->measured && check->forecast;
  return !check->stopped && (trusted || !judged) ? EXIT_OK : EXIT_RUNTIME;
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  struct check *check = calloc(1, sizeof(*check));
  int code = EXIT_RUNTIME;
  (void)operands;
  if (check == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    return code;
  }
  code = run_check(options, check, error);
  check_list_free(&check->list);
  free(check->profile);
  free(check);
  return code;
}

const struct command step_check = {
    .name = "check",
    .summary = "compare a profile with networks it never saw",
    .spec = {.command = "calibrate check",
             .description =
                 "Train networks that no calibration trains, a few seconds each, and put step time "
                 "and joules beside what the profile forecasts. The verdict is `trust` if the mean "
                 "error is at most 1.5 times the one that the profile states (taken as 4 % at "
                 "least and 10 % at most) and 80 % of the networks lie inside their 90 % interval; "
                 "`recalibrate` if the error is beyond 3 times that or fewer than half lie inside; "
                 "else `trust with care`. Energy counts where it is measured. Exit status: 0 "
                 "trust, 1 any other verdict.",
             .examples =
                 "  joulecast calibrate check\n"
                 "  joulecast calibrate check -t 1 -m resnet34:8:3x96x96 -m vgg11 -m my.txt\n"
                 "  joulecast calibrate check --repeat-all 2 --format json -o check.json\n",
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct check_options),
    .times_training = true,
    .run = run,
};
