/* test_calibrate.c -- calibrations that really train a few networks: what stands in the file, what
 * a kill, a full disk and a busy machine do to it, and the forecast at the end.
 *
 * Forced, since the machine that runs the tests may be busy: nothing here depends on its speed.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "calibrate/calibrate.h"
#include "calibrate/measure.h"
#include "estimator/model_file.h"
#include "estimator/profile_file.h"
#include "estimator/samples_file.h"
#include "tests/file_fixtures.h"
#include "tests/powercap_tree.h"
#include "trainer/trainer.h"

static char scratch[PATH_MAX], path[PATH_MAX], no_powercap[PATH_MAX];
static struct jc_calibrate_result result;
static struct jc_error error;

/* A child of PARENT's ends with it, even if that is now. */
static void end_with(pid_t parent) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(1);
}

static void setup(void) {
  make_scratch(scratch);
  join_path(path, scratch, "samples.jsonl");
  join_path(no_powercap, scratch, "no-powercap");
}

static void teardown(void) {
  remove_scratch(scratch);
}

TestSuite(calibrate, .init = setup, .fini = teardown, .timeout = 240);

/* Of the plan: its first twelve networks are small, 6 GFLOPs a step together, a quarter of seed
 * 1's. */
enum { SEED = 119 };

static void need_trainer(void) {
  if (!jc_trainer_available())
    cr_skip_test("built without oneDNN: nothing can be trained");
}

/* Of NETWORKS on one thread, with modelled power of 10 to 60 W. */
static struct jc_calibrate_options quick(uint32_t networks) {
  return (struct jc_calibrate_options){
      .quick = true,
      .seed = SEED,
      .threads = 1,
      .force = true,
      .meter_options = {.root = scratch,
                        .powercap_root = no_powercap,
                        .model = {.idle_w = 10, .tdp_w = 60, .cores = 2}},
      .samples_path = path,
      .networks = networks,
      .budget_s = 1000,
      /* Nothing is measured twice for a drift, joules quickly; others are hardly looked for. */
      .pace = {.load_window_s = 0.02,
               .load_spin_s = 0.01,
               .sentinel_period_s = 1e6,
               .energy_window_s = 0.3,
               .energy_networks = 2},
  };
}

static enum jc_status calibrate(const struct jc_calibrate_options *options) {
  memset(&error, 0, sizeof(error));
  return jc_calibrate_measure(options, &result, &error);
}

static void expect_calibration(const struct jc_calibrate_options *options, uint32_t resumed,
                               uint32_t trained) {
  cr_assert_eq(calibrate(options), JC_OK, "%s: %s: %s", error.file, error.path, error.text);
  cr_assert_eq(result.resumed, resumed, "%u resumed", result.resumed);
  cr_assert_eq(result.trained, trained, "%u trained", result.trained);
}

/* ---- the file ---- */

static bool file_exists(const char *file) {
  return access(file, F_OK) == 0;
}

static uint32_t count_lines(const char *text) {
  uint32_t lines = 0;
  for (; *text != '\0'; text++)
    lines += *text == '\n';
  return lines;
}

/* Bytes up to the last newline. */
static size_t whole_lines(const char *text) {
  size_t length = strlen(text);
  while (length > 0 && text[length - 1] != '\n')
    length--;
  return length;
}

static void write_raw(const char *file, const char *mode, const char *text, size_t length) {
  FILE *out = fopen(file, mode);
  cr_assert(out != NULL);
  cr_assert_eq(fwrite(text, 1, length, out), length);
  cr_assert_eq(fclose(out), 0);
}

/* Calls CHECK with every sample of FILE, all of which must be whole; returns how many. */
static uint32_t for_each_sample(const char *file,
                                void (*check)(struct jc_sample *sample, void *context),
                                void *context) {
  struct jc_samples_reader reader;
  struct jc_sample sample;
  bool more = false;
  uint32_t count = 0;
  memset(&error, 0, sizeof(error));
  cr_assert_eq(jc_samples_open(file, &reader, &error), JC_OK, "%s", error.text);
  while (jc_samples_next(&reader, &sample, &more, &error) == JC_OK && more) {
    check(&sample, context);
    jc_sample_free(&sample);
    count++;
  }
  cr_assert_eq(error.status, JC_OK, "%u: %s: %s", error.line, error.path, error.text);
  cr_assert(!reader.torn);
  jc_samples_close(&reader);
  return count;
}

struct seen_ids {
  uint32_t count;
  char ids[64][JC_SAMPLE_ID_BYTES];
};

static void expect_new_id(struct jc_sample *sample, void *context) {
  struct seen_ids *seen = context;
  cr_assert_str_neq(sample->id, "");
  for (uint32_t i = 0; i < seen->count; i++)
    cr_assert_str_neq(sample->id, seen->ids[i], "'%s' was trained twice", sample->id);
  snprintf(seen->ids[seen->count++], sizeof(seen->ids[0]), "%s", sample->id);
}

static void expect_every_id_once(uint32_t count) {
  struct seen_ids seen = {0};
  cr_assert_eq(for_each_sample(path, expect_new_id, &seen), count);
}

/* ---- what a sample holds ---- */

static void check_times(const struct jc_sample *s) {
  double stamped_s = 0;
  for (uint32_t i = 0; i < s->layer_count; i++) {
    const struct jc_sample_layer *layer = &s->layers[i];
    cr_assert(layer->forward_s >= 0 && layer->backward_s >= 0 && layer->update_s >= 0);
    stamped_s += layer->forward_s + layer->backward_s + layer->update_s;
  }
  /* Each time is a median of its own, so that on a busy machine they may pass the step's together:
   * the bound finds wrong units, not noise. */
  cr_assert_leq(stamped_s, 2 * s->step_mean_s, "%s: layers %g s, step %g s", s->id, stamped_s,
                s->step_mean_s);
  cr_assert_gt(stamped_s, 0.2 * s->step_min_s, "%s: layers %g s, step %g s", s->id, stamped_s,
               s->step_min_s);
  cr_assert_gt(s->step_min_s, 0);
  cr_assert_leq(s->step_min_s, s->step_median_s);
  cr_assert_geq(s->steps, 4);
  cr_assert_geq(s->time_s, 0.1);
  cr_assert_float_eq(s->step_mean_s, s->time_s / (double)s->steps, 1e-6 * s->step_mean_s);
  cr_assert(s->cpu_time_s > 0 && s->cpu_time_s <= 1.2 * s->time_s + 0.01, "%g of %g s",
            s->cpu_time_s, s->time_s);
  cr_assert(isfinite(s->startup_s) && s->startup_s > 0);
}

static void check_layers(const struct jc_sample *s) {
  struct jc_model *model = NULL;
  struct jc_analysis analysis;
  cr_assert_eq(jc_sample_read_model(s, &model, &error), JC_OK, "%s", error.text);
  const struct jc_network *network = jc_model_network(model);
  const size_t bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(bytes);
  cr_assert_eq(jc_network_analyze(network, storage, bytes, &analysis, &error), JC_OK);
  cr_assert_eq(s->layer_count, network->layer_count);
  for (uint32_t i = 0; i < s->layer_count; i++) {
    const struct jc_sample_layer *layer = &s->layers[i];
    cr_assert_str_eq(layer->name, network->layers[i].name);
    cr_assert_eq(layer->kind, network->layers[i].kind);
    cr_assert_eq(layer->fused, analysis.layers[i].fused, "%s: fit and trainer differ on %s", s->id,
                 layer->name);
    if (layer->fused)
      cr_assert_eq(layer->forward_s + layer->update_s, 0); /* backward: gradients of two readers */
    if (layer->kind == JC_LAYER_conv2d || layer->kind == JC_LAYER_linear) {
      cr_assert(layer->forward_s > 0 && layer->backward_s > 0 && layer->update_s > 0);
      cr_assert_str_neq(layer->forward_implementation, "");
      cr_assert_str_neq(layer->backward_implementation, "");
      cr_assert_str_neq(layer->layout, "");
    }
  }
  free(storage);
  jc_model_free(model);
}

static void check_sample(struct jc_sample *s, void *context) {
  (void)context;
  cr_assert_eq(strncmp(s->id, "q119-", 5), 0);
  cr_assert_str_neq(s->family, "");
  cr_assert_eq(strlen(s->date), strlen("2026-01-01T00:00:00Z"));
  cr_assert_eq(s->seed, SEED);
  cr_assert_geq(s->run.batch_size, 1);
  cr_assert_eq(s->run.threads, 1);
  cr_assert_eq(s->run.phase, JC_RUN_TRAINING);
  cr_assert_eq(s->run.optimizer, JC_OPTIMIZER_MOMENTUM);
  cr_assert_str_neq(s->machine.cpu_model, "");
  cr_assert_str_eq(s->runner.name, "onednn");
  cr_assert_str_eq(s->runner.version, jc_trainer_library_version());
  cr_assert_str_eq(s->meter.name, "model");
  cr_assert(!s->meter.measured);
  cr_assert(s->load >= 0 && s->load <= 1);
  cr_assert_float_eq(s->idle_power_w, 10, 1, "%g W", s->idle_power_w);
  /* From idle to one of two cores busy; the meter's poller adds a little. */
  cr_assert(s->energy_j >= 9.5 * s->time_s && s->energy_j <= 1.2 * 35 * s->time_s, "%g J in %g s",
            s->energy_j, s->time_s);
  check_times(s);
  check_layers(s);
}

/* ---- progress ---- */

struct progress_log {
  uint32_t idle_calls, train_calls, last_done;
  double last_elapsed_s;
};

static void log_progress(void *context, const struct jc_calibrate_progress *progress) {
  struct progress_log *log = context;
  log->idle_calls += strcmp(progress->stage, "idle") == 0;
  if (strcmp(progress->stage, "train") == 0) {
    log->train_calls++;
    cr_assert_geq(progress->done, log->last_done);
    cr_assert_leq(progress->done, progress->total);
    cr_assert_eq(progress->total, 10);
    log->last_done = progress->done;
  }
  cr_assert_geq(progress->elapsed_s, log->last_elapsed_s);
  cr_assert(isnan(progress->remaining_s) || progress->remaining_s >= 0);
  log->last_elapsed_s = progress->elapsed_s;
}

static void check_progress(const struct progress_log *log) {
  cr_assert_geq(log->idle_calls, 1);
  cr_assert_geq(log->train_calls, 10);
  cr_assert_eq(log->last_done, 10);
}

/* ---- the forecast ---- */

static void fit(struct jc_profile *profile) {
  struct jc_fit_report report;
  const char *const file = path;
  cr_assert_eq(jc_calibrate_fit(&file, 1, profile, &report, &error), JC_OK, "%u: %s", error.line,
               error.text);
  cr_assert_eq(report.used, 10);
}

static void through_a_file(struct jc_profile *profile) {
  char file[PATH_MAX];
  join_path(file, scratch, "profiles/profile.json");
  cr_assert_eq(jc_profile_write(file, profile, &error), JC_OK, "%s", error.text);
  cr_assert_eq(jc_profile_read(file, profile, &error), JC_OK, "%s: %s", error.path, error.text);
}

static struct jc_estimate forecast(const struct jc_profile *profile, const char *name,
                                   uint64_t batch_size) {
  char file[PATH_MAX];
  struct jc_model *model = NULL;
  struct jc_analysis analysis;
  struct jc_estimate estimate = {0};
  join_path(file, TEST_SOURCE_DIR "/models", name);
  cr_assert_eq(jc_model_read(file, &model, &error), JC_OK, "%s", error.text);
  const struct jc_network *network = jc_model_network(model);
  const size_t bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(bytes);
  cr_assert_eq(jc_network_analyze(network, storage, bytes, &analysis, &error), JC_OK);
  const struct jc_problem problem = {.analysis = &analysis,
                                     .run = {.batch_size = batch_size,
                                             .epochs = 2,
                                             .samples = 60000,
                                             .threads = 1,
                                             .optimizer = JC_OPTIMIZER_MOMENTUM},
                                     .profile = profile,
                                     .duration_s = NAN,
                                     .interval = 0.9};
  cr_assert_eq(jc_estimate_run(jc_method_find("layerwise-linear"), &problem, &estimate, &error),
               JC_OK, "%s", error.text);
  free(storage);
  jc_model_free(model);
  return estimate;
}

static void expect_ordered(double low, double value, double high) {
  cr_assert(isfinite(low) && isfinite(value) && isfinite(high), "%g, %g, %g", low, value, high);
  cr_assert(0 < low && low < value && value < high, "%g, %g, %g", low, value, high);
}

static void check_forecasts(const struct jc_profile *profile) {
  const struct jc_estimate lenet = forecast(profile, "lenet5_28.json", 64);
  const struct jc_estimate resnet = forecast(profile, "resnet50.json", 32);
  expect_ordered(lenet.energy_low_j, lenet.energy_j, lenet.energy_high_j);
  expect_ordered(lenet.time_low_s, lenet.time_s, lenet.time_high_s);
  expect_ordered(resnet.energy_low_j, resnet.energy_j, resnet.energy_high_j);
  cr_assert(!lenet.power_measured);
  cr_assert(lenet.power_w >= 9 && lenet.power_w <= 60, "%g W", lenet.power_w);
  cr_assert_eq(lenet.steps.training, 2 * 938);
  cr_assert(resnet.extrapolated);
  cr_assert_gt(resnet.note_count, 0);
  cr_assert_float_eq(log(resnet.energy_high_j / resnet.energy_j),
                     2 * profile->energy_error.log_half_width[2], 1e-6);
  cr_assert_gt(resnet.energy_j, 1000 * lenet.energy_j); /* 40,000 times the FLOPs */
}

Test(calibrate, from_nothing_to_a_forecast) {
  static struct jc_profile profile;
  struct progress_log log = {0};
  struct jc_calibrate_options options = quick(10);
  need_trainer();
  options.progress = log_progress;
  options.progress_context = &log;
  expect_calibration(&options, 0, 10);
  cr_assert_eq(result.planned, 10);
  cr_assert(!result.stopped);
  cr_assert(result.load >= 0 && result.load <= 1);
  cr_assert_str_eq(result.meter.name, "model");
  cr_assert(!result.meter.measured);
  char *text = read_text(path);
  cr_assert_eq(count_lines(text), 10);
  cr_assert_eq(whole_lines(text), strlen(text));
  free(text);
  cr_assert_eq(for_each_sample(path, check_sample, NULL), 10);
  expect_every_id_once(10);

  fit(&profile);
  cr_assert(!profile.measured);
  cr_assert(profile.forced);
  cr_assert_str_eq(profile.domain, "package");
  cr_assert_geq(profile.time_error.networks, 9);
  through_a_file(&profile);
  check_forecasts(&profile);
  check_progress(&log);
}

/* ---- interrupted ---- */

/* Calibrates in a child, kills it with LINES or more in the file, and returns what it left. */
static char *calibrate_and_kill(uint32_t networks, uint32_t lines) {
  const struct jc_calibrate_options options = quick(networks);
  const struct timespec pause = {.tv_nsec = 2000000};
  const pid_t parent = getpid(), child = fork();
  cr_assert(child >= 0);
  if (child == 0) {
    end_with(parent);
    _exit(calibrate(&options) == JC_OK ? 0 : 1);
  }
  int status = 0;
  uint32_t found = 0;
  while (found < lines && waitpid(child, &status, WNOHANG) == 0) {
    (void)nanosleep(&pause, NULL);
    if (file_exists(path)) {
      char *text = read_text(path);
      found = count_lines(text);
      free(text);
    }
  }
  cr_assert_geq(found, lines, "the calibration ended with %u lines, status %d", found, status);
  (void)kill(child, SIGKILL);
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert(WIFSIGNALED(status), "it had ended before");
  return read_text(path);
}

Test(calibrate, a_kill_loses_no_finished_network) {
  need_trainer();
  char *first = calibrate_and_kill(9, 2);
  char *second = calibrate_and_kill(9, 5);
  const uint32_t finished = count_lines(second);
  cr_assert_eq(strncmp(second, first, whole_lines(first)), 0);
  cr_assert_lt(finished, 9);

  const struct jc_calibrate_options options = quick(9);
  expect_calibration(&options, finished, 9 - finished);
  char *last = read_text(path);
  cr_assert_eq(strncmp(last, second, whole_lines(second)), 0);
  cr_assert_eq(count_lines(last), 9);
  expect_every_id_once(9);

  expect_calibration(&options, 9, 0); /* nothing is left to do */
  char *again = read_text(path);
  cr_assert_str_eq(again, last);
  free(first);
  free(second);
  free(last);
  free(again);
}

Test(calibrate, a_torn_line_is_mended) {
  struct jc_calibrate_options options = quick(1);
  need_trainer();
  expect_calibration(&options, 0, 1);
  char *first = read_text(path);
  write_raw(path, "a", first, strlen(first) * 2 / 5);
  options.networks = 2;
  expect_calibration(&options, 1, 1);
  char *both = read_text(path);
  cr_assert_eq(strncmp(both, first, strlen(first)), 0);
  cr_assert_eq(count_lines(both), 2);
  expect_every_id_once(2);

  /* All of a line but its newline is a whole sample. */
  write_raw(path, "w", both, strlen(both) - 1);
  expect_calibration(&options, 2, 0);
  free(first);
  free(both);
}

static void stop_before_the_third(void *context, const struct jc_calibrate_progress *progress) {
  if (strcmp(progress->stage, "train") == 0 && progress->done == 2)
    *(volatile int *)context = 1;
}

Test(calibrate, the_stop_flag_ends_after_the_network_in_hand) {
  static volatile int stop;
  struct jc_calibrate_options options = quick(12);
  need_trainer();
  options.stop = &stop;
  options.progress = stop_before_the_third;
  options.progress_context = (void *)(uintptr_t)&stop;
  expect_calibration(&options, 0, 3);
  cr_assert(result.stopped);
  cr_assert_eq(result.planned, 12);
  expect_every_id_once(3);
}

static void note_remaining(void *context, const struct jc_calibrate_progress *progress) {
  double *first_s = context;
  if (*first_s < 0)
    *first_s = progress->remaining_s;
}

/* Before the first network, nobody knows how long the plan takes; the budget is no answer. */
Test(calibrate, the_budget_ends_it_and_the_time_left_is_not_known_at_first) {
  double first_s = -1;
  struct jc_calibrate_options options = quick(12);
  need_trainer();
  options.budget_s = 1e-3;
  options.progress = note_remaining;
  options.progress_context = &first_s;
  expect_calibration(&options, 0, 0);
  cr_assert(result.stopped);
  cr_assert(isnan(first_s), "%g s", first_s);
}

/* Whether some file of the folder holds just TEXT. */
static bool is_kept_somewhere(const char *text) {
  DIR *folder = opendir(scratch);
  bool kept = false;
  cr_assert(folder != NULL);
  for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    char file[PATH_MAX];
    if (entry->d_name[0] == '.')
      continue;
    join_path(file, scratch, entry->d_name);
    char *found = read_text(file);
    kept = kept || strcmp(found, text) == 0;
    free(found);
  }
  closedir(folder);
  return kept;
}

/* Beginning anew sets the file aside, however often: an hour's samples may be in it. */
Test(calibrate, beginning_anew_loses_nothing) {
  const int stop = 1;
  struct jc_calibrate_options options = quick(1);
  need_trainer();
  expect_calibration(&options, 0, 1);
  char *first = read_text(path);
  options.fresh = true;
  expect_calibration(&options, 0, 1);
  char *second = read_text(path);
  cr_assert_eq(count_lines(second), 1);
  cr_assert(is_kept_somewhere(first) && is_kept_somewhere(second));
  options.stop = &stop;
  expect_calibration(&options, 0, 0);
  cr_assert(is_kept_somewhere(second));
  cr_assert(is_kept_somewhere(first), "the second --fresh overwrote what the first set aside");
  free(first);
  free(second);
}

/* ---- files that cannot be written ---- */

/* A limit on the size of files stands for the full disk: the second network does not fit. */
Test(calibrate, a_full_disk_is_an_error_and_loses_nothing) {
  struct jc_calibrate_options options = quick(1);
  struct rlimit limit;
  need_trainer();
  expect_calibration(&options, 0, 1);
  char *first = read_text(path);
  (void)signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const struct rlimit small = {.rlim_cur = strlen(first) + 100, .rlim_max = limit.rlim_max};
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
  options.networks = 3;
  const enum jc_status status = calibrate(&options);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  cr_assert_eq(status, JC_ERROR_IO);
  cr_assert_str_eq(error.file, path);
  cr_assert(strstr(error.text, "File too large") != NULL, "%s", error.text);
  cr_assert_eq(result.trained, 0);
  char *kept = read_text(path);
  cr_assert_str_eq(kept, first);
  options.networks = 2;
  expect_calibration(&options, 1, 1);
  expect_every_id_once(2);
  free(first);
  free(kept);
}

static void expect_unwritable(const char *file) {
  struct jc_calibrate_options options = quick(2);
  options.samples_path = file;
  cr_assert_eq(calibrate(&options), JC_ERROR_IO, "%s: %s", file, error.text);
  cr_assert_str_eq(error.file, file);
  cr_assert_str_neq(error.text, "");
  cr_assert_eq(result.trained, 0);
}

Test(calibrate, unwritable_files_are_named) {
  char file[PATH_MAX];
  need_trainer();
  expect_unwritable("/dev/full");
  expect_unwritable("/dev/null/samples.jsonl");
  join_path(file, scratch, "no/such/folder.jsonl");
  expect_unwritable(file);
}

Test(calibrate, a_file_of_something_else_is_left_alone) {
  const struct jc_calibrate_options options = quick(1);
  need_trainer();
  write_text(path, "{\"schema\": \"joulecast.model/1\"}\nfirst line of my thesis\n");
  cr_assert_neq(calibrate(&options), JC_OK);
  cr_assert_str_eq(error.file, path);
  cr_assert_eq(error.line, 1);
  char *text = read_text(path);
  cr_assert_str_eq(text, "{\"schema\": \"joulecast.model/1\"}\nfirst line of my thesis\n");
  free(text);
}

/* ---- meters ---- */

static void expect_refused(const struct jc_calibrate_options *options, enum jc_status status,
                           const char *word) {
  cr_assert_eq(calibrate(options), status, "expected %s, got %s: %s", jc_status_name(status),
               jc_status_name(error.status), error.text);
  cr_assert(strstr(error.text, word) != NULL, "no '%s' in: %s", word, error.text);
  cr_assert(!file_exists(path));
}

Test(calibrate, meters_and_runners_that_do_not_exist) {
  struct jc_calibrate_options options = quick(1);
  need_trainer();
  options.meter = "wattmeter";
  expect_refused(&options, JC_ERROR_USAGE, "wattmeter");
  options.meter = "powercap";
  expect_refused(&options, JC_ERROR_UNAVAILABLE, "doctor");
  options.meter = "model";
  options.meter_options.model = (struct jc_meter_model){0};
  expect_refused(&options, JC_ERROR_MISSING, "--tdp-w");
  options.meter = NULL;
  expect_refused(&options, JC_ERROR_UNAVAILABLE, "powercap");
  options = quick(1);
  options.runner = "abacus";
  expect_refused(&options, JC_ERROR_USAGE, "abacus");
}

Test(calibrate, without_onednn_it_says_so) {
  const struct jc_calibrate_options options = quick(1);
  if (jc_trainer_available())
    cr_skip_test("built with oneDNN");
  expect_refused(&options, JC_ERROR_UNAVAILABLE, "without oneDNN");
}

/* The simulator's one package with dram: 12 W + 9 W a core, and 3 W + 2 W. */
static double simulated_j(double time_s, double cpu_s) {
  return (12 + 3) * time_s + (9 + 2) * cpu_s;
}

struct energy_sums {
  double found_j, expected_j;
};

static void add_energies(struct jc_sample *s, void *context) {
  struct energy_sums *sums = context;
  cr_assert(s->meter.measured);
  cr_assert_str_eq(s->meter.name, "powercap");
  cr_assert_str_eq(s->meter.domain, "package+dram");
  cr_assert_float_eq(s->idle_power_w, 15, 2.5, "%g W", s->idle_power_w);
  sums->found_j += s->energy_j;
  sums->expected_j += simulated_j(s->time_s, s->cpu_time_s);
}

Test(calibrate, joules_are_those_of_the_counters) {
  struct tree tree;
  struct energy_sums sums = {0};
  struct jc_calibrate_options options = quick(12);
  need_trainer();
  tree_make(&tree);
  const pid_t simulator = simulator_start(&tree, (const char *const[]){"--dram", NULL});
  options.meter_options.powercap_root = tree.powercap;
  expect_calibration(&options, 0, 12);
  cr_assert(result.meter.measured);
  cr_assert_str_eq(result.meter.name, "powercap");
  (void)simulator_stop(simulator);
  cr_assert_geq(for_each_sample(path, add_energies, &sums), 12 + result.energy_networks);
  cr_assert_geq(result.energy_networks + result.energy_dropped, 2);
  cr_assert_float_eq(sums.found_j, sums.expected_j, 0.1 * sums.expected_j, "%g J, truly %g J",
                     sums.found_j, sums.expected_j);
  tree_remove(&tree);
}

/* ---- counters that wrap while nobody looks ---- */

static void tell_idle(void *context, const struct jc_calibrate_progress *progress) {
  if (strcmp(progress->stage, "idle") == 0)
    (void)!write(*(const int *)context, "i", 1);
}

/* Calibrates in a child once TREE's counters are there; tells by a byte in IDLE_FD when it takes
 * its baseline. */
static pid_t calibrate_aside(const struct tree *tree, int idle_fd) {
  struct jc_calibrate_options options = quick(4);
  const struct timespec pause = {.tv_nsec = 5000000};
  const pid_t parent = getpid(), child = fork();
  cr_assert(child >= 0);
  if (child != 0)
    return child;
  end_with(parent);
  while (simulator_known_j(tree) < 0)
    (void)nanosleep(&pause, NULL);
  options.meter = "powercap";
  options.meter_options.powercap_root = tree->powercap;
  options.progress = tell_idle;
  options.progress_context = &idle_fd;
  _exit(calibrate(&options) == JC_OK ? 0 : 1);
}

/* Counts the CPU time of PID, in counters that wrap after 4 J: in a third of an idle second. */
static pid_t simulate_for(const struct tree *tree, pid_t pid) {
  char watched[24];
  (void)snprintf(watched, sizeof watched, "%ld", (long)pid);
  const pid_t simulator = fork();
  cr_assert(simulator >= 0);
  if (simulator == 0) {
    (void)dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    (void)execl(TEST_BINARY_DIR "/tests/simulate_powercap", "simulate_powercap", "--root",
                tree->powercap, "--pid", watched, "--dram", "--range-uj", "4000000", (char *)NULL);
    _exit(127);
  }
  return simulator;
}

/* The whole process, its polling thread included, as a machine that was suspended would do. */
static void hold_for(pid_t pid, double duration_s) {
  const struct timespec held = {(time_t)duration_s, (long)(1e9 * fmod(duration_s, 1))};
  (void)kill(pid, SIGSTOP);
  (void)nanosleep(&held, NULL);
  (void)kill(pid, SIGCONT);
}

static void expect_true_energy(struct jc_sample *s, void *context) {
  const double expected_j = simulated_j(s->time_s, s->cpu_time_s);
  (void)context; /* a missed wrap is 4 J; what the simulator has not written yet, much less */
  cr_assert_float_eq(s->energy_j, expected_j, 1.5 + 0.1 * expected_j, "%s: %g J, truly %g J", s->id,
                     s->energy_j, expected_j);
  cr_assert_float_eq(s->idle_power_w, 15, 2.5, "%s: a baseline of %g W", s->id, s->idle_power_w);
}

/* What the meter reports as late polls: such joules are in no sample, nor such a baseline. */
static void check_missed_wraps(bool in_baseline) {
  struct tree tree;
  int idle[2];
  char byte;
  tree_make(&tree);
  cr_assert_eq(pipe(idle), 0);
  const pid_t child = calibrate_aside(&tree, idle[1]);
  const pid_t simulator = simulate_for(&tree, child);
  (void)close(idle[1]);
  (void)!read(idle[0], &byte, 1);
  if (in_baseline) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL); /* of its second */
    hold_for(child, 2.5);
  } else {
    (void)nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    for (int i = 0; i < 14; i++) { /* some of them in a window of 0.1 s */
      (void)nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
      hold_for(child, 0.4);
    }
  }
  (void)waitpid(child, NULL, 0);
  (void)waitpid(simulator, NULL, 0);
  (void)close(idle[0]);
  if (file_exists(path))
    (void)for_each_sample(path, expect_true_energy, NULL);
  tree_remove(&tree);
}

Test(calibrate, windows_of_missed_wraps_are_not_kept) {
  need_trainer();
  check_missed_wraps(false);
}

Test(calibrate, a_baseline_of_missed_wraps_is_not_kept) {
  need_trainer();
  check_missed_wraps(true);
}

/* ---- resuming elsewhere ---- */

/* Resumes with the counters of OPTIONS (up to a NULL) what stands in the file: refused, the file as
 * it was, or such that a fit takes it all. */
static void check_resuming_with(const char *const *simulator_options) {
  static struct jc_profile profile;
  struct jc_fit_report report;
  struct jc_calibrate_options options = quick(2);
  struct tree tree;
  const char *file = path;
  char *before = read_text(path);
  tree_make(&tree);
  const pid_t simulator = simulator_start(&tree, simulator_options);
  options.meter = "powercap";
  options.meter_options.powercap_root = tree.powercap;
  const enum jc_status status = calibrate(&options);
  (void)simulator_stop(simulator);
  tree_remove(&tree);
  if (status == JC_OK) {
    (void)jc_calibrate_fit(&file, 1, &profile, &report, &error);
    cr_assert_neq(error.status, JC_ERROR_MISMATCH, "%s", error.text);
  } else {
    char *after = read_text(path);
    cr_assert_eq(status, JC_ERROR_MISMATCH);
    cr_assert_str_eq(after, before);
    free(after);
  }
  free(before);
}

/* Someone made the counters readable, as `joulecast doctor` told. */
Test(calibrate, resuming_with_another_meter_is_refused_or_fits) {
  const struct jc_calibrate_options options = quick(1);
  need_trainer();
  expect_calibration(&options, 0, 1);
  check_resuming_with((const char *const[]){NULL});
}

/* Or those of the memory beside those of the package. */
Test(calibrate, resuming_with_another_domain_is_refused_or_fits) {
  struct jc_calibrate_options options = quick(1);
  struct tree tree;
  need_trainer();
  tree_make(&tree);
  const pid_t simulator = simulator_start(&tree, (const char *const[]){NULL});
  options.meter = "powercap";
  options.meter_options.powercap_root = tree.powercap;
  expect_calibration(&options, 0, 1);
  (void)simulator_stop(simulator);
  tree_remove(&tree);
  check_resuming_with((const char *const[]){"--dram", NULL});
}

Test(calibrate, resuming_with_another_thread_count_is_refused) {
  struct jc_calibrate_options options = quick(1);
  need_trainer();
  expect_calibration(&options, 0, 1);
  char *before = read_text(path);
  options.threads = 2;
  cr_assert_eq(calibrate(&options), JC_ERROR_MISMATCH);
  cr_assert_str_eq(error.file, path);
  cr_assert(strstr(error.text, "thread") != NULL, "%s", error.text);
  char *after = read_text(path);
  cr_assert_str_eq(after, before);
  options.threads = 1;
  expect_calibration(&options, 1, 0);
  free(before);
  free(after);
}

/* ---- a busy machine ---- */

enum { MOST_SPINNERS = 256 };

struct spinners {
  long count;
  pid_t pids[MOST_SPINNERS];
};

/* One busy process per CPU, for the length of a test. */
static void spinners_start(struct spinners *s) {
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  const pid_t parent = getpid();
  s->count = count > MOST_SPINNERS ? MOST_SPINNERS : count;
  for (long i = 0; i < s->count; i++) {
    s->pids[i] = fork();
    cr_assert(s->pids[i] >= 0);
    if (s->pids[i] == 0) {
      end_with(parent);
      jc_meter_spin(240);
      _exit(0);
    }
  }
}

static void spinners_stop(struct spinners *s) {
  for (long i = 0; i < s->count; i++) {
    (void)kill(s->pids[i], SIGKILL);
    (void)waitpid(s->pids[i], NULL, 0);
  }
}

static void check_load(struct jc_sample *s, void *context) {
  cr_assert_float_eq(s->load, *(const double *)context, 1e-9);
  cr_assert(s->forced);
}

Test(calibrate, a_busy_machine_is_refused_unless_forced) {
  struct spinners spinners;
  struct jc_calibrate_options options = quick(1);
  need_trainer();
  spinners_start(&spinners);
  options.pace.load_window_s = options.pace.load_spin_s = 0; /* as users have it */
  options.force = false;
  const enum jc_status status = calibrate(&options);
  const struct jc_error refusal = error;
  const double load = result.load;
  options.force = true;
  const enum jc_status forced_status = calibrate(&options);
  spinners_stop(&spinners);

  int percent = -1;
  cr_assert_eq(status, JC_ERROR_RUNTIME, "%s", refusal.text);
  cr_assert_gt(load, JC_TOLERATED_LOAD);
  const char *digits = refusal.text;
  while (*digits != '\0' && !isdigit((unsigned char)*digits))
    digits++;
  cr_assert_eq(sscanf(digits, "%d %%", &percent), 1, "%s", refusal.text);
  cr_assert_float_eq(percent, 100 * load, 1);
  cr_assert(strstr(refusal.text, "--force") != NULL, "%s", refusal.text);

  cr_assert_eq(forced_status, JC_OK, "%s", error.text);
  cr_assert_gt(result.load, JC_TOLERATED_LOAD);
  double forced_load = result.load;
  cr_assert_eq(for_each_sample(path, check_load, &forced_load), 1);
}

static void append_as_disturbed(struct jc_sample *sample, void *context) {
  sample->forced = false;
  sample->load = 0.01;
  sample->cpu_time_s = 0.3 * sample->time_s;
  cr_assert_eq(jc_samples_append(context, sample, &error), JC_OK, "%s", error.text);
}

/* The fit leaves a disturbed window out and says to calibrate again: then that must help. */
Test(calibrate, disturbed_networks_are_trained_again) {
  char disturbed[PATH_MAX];
  struct jc_calibrate_options options = quick(1);
  need_trainer();
  expect_calibration(&options, 0, 1);
  join_path(disturbed, scratch, "disturbed.jsonl");
  (void)for_each_sample(path, append_as_disturbed, disturbed);
  options.samples_path = disturbed;
  expect_calibration(&options, 0, 1);
}
