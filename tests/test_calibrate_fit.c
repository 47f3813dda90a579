/* test_calibrate_fit.c -- from samples.jsonl to a profile: samples of a machine whose costs are
 * known, so that what must come out is known too. */
#include <math.h>

#include "calibrate/calibrate.h"
#include "calibrate/plan.h"
#include "estimator/model_file.h"
#include "estimator/profile_file.h"
#include "estimator/samples_file.h"
#include "tests/file_fixtures.h"
#include "tests/sanitized.h"

enum { PLANNED = UNLESS_SANITIZED(80, 40) };

static const double idle_w = 12, active_w = 30; /* above idle, whatever runs */
static const double overhead_s = 2e-4;          /* once a step */
static const uint64_t steps = 20;

static char scratch[PATH_MAX], path[PATH_MAX];
static struct jc_plan plan;
static struct jc_profile profile;
static struct jc_fit_report report;
static struct jc_error error;

static void setup(void) {
  const struct jc_plan_options options = {
      .prefix = "t", .seed = 1, .count = PLANNED, .flops_max = 1e10, .memory_bytes = 1e9};
  make_scratch(scratch);
  join_path(path, scratch, "samples.jsonl");
  cr_assert_eq(jc_plan_make(&options, &plan, &error), JC_OK, "%s", error.text);
}

static void teardown(void) {
  jc_plan_free(&plan);
  remove_scratch(scratch);
}

TestSuite(calibrate_fit, .init = setup, .fini = teardown);

/* ---- the machine ---- */

/* Seconds of a row: every type and phase has prices of its own. */
static double true_seconds(const struct jc_feature_row *row) {
  const double kind = 1 + row->type % 5 + 0.5 * (double)row->phase;
  if (row->count == 0 || row->fused)
    return 0;
  return 2e-6 * kind * row->count + 1e-11 / kind * row->flops + 3e-10 * kind * row->bytes;
}

struct analysed {
  struct jc_model *model;
  const struct jc_network *network;
  void *storage;
  struct jc_analysis analysis;
};

/* Takes over MODEL. */
static void analyse(struct analysed *a, struct jc_model *model) {
  a->model = model;
  a->network = jc_model_network(model);
  const size_t bytes = jc_analysis_storage_size(a->network->layer_count, a->network->input_count);
  a->storage = malloc(bytes);
  cr_assert(a->storage != NULL);
  cr_assert_eq(jc_network_analyze(a->network, a->storage, bytes, &a->analysis, &error), JC_OK, "%s",
               error.text);
}

static void release(struct analysed *a) {
  free(a->storage);
  jc_model_free(a->model);
}

static double true_step_s(const struct analysed *a, uint64_t batch_size) {
  double sum = overhead_s;
  for (uint32_t i = 0; i < a->network->layer_count; i++) {
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
      struct jc_feature_row row;
      jc_features(&a->analysis, i, (enum jc_phase)phase, batch_size, &row);
      sum += true_seconds(&row);
    }
  }
  return sum;
}

static void describe_layers(const struct analysed *a, struct jc_sample *sample) {
  cr_assert_eq(jc_sample_make_layers(sample, a->network->layer_count, &error), JC_OK);
  for (uint32_t i = 0; i < a->network->layer_count; i++) {
    struct jc_sample_layer *layer = &sample->layers[i];
    double seconds[JC_PHASE_COUNT];
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
      struct jc_feature_row row;
      jc_features(&a->analysis, i, (enum jc_phase)phase, sample->run.batch_size, &row);
      seconds[phase] = true_seconds(&row);
    }
    snprintf(layer->name, sizeof(layer->name), "%s", a->network->layers[i].name);
    layer->kind = a->network->layers[i].kind;
    layer->forward_s = seconds[JC_FORWARD];
    layer->backward_s = seconds[JC_BACKWARD];
    layer->update_s = seconds[JC_UPDATE];
    layer->fused = a->analysis.layers[i].fused;
  }
}

/* Network NUMBER of the plan as that machine would have shown it; to be freed. */
static void make_sample(struct jc_sample *sample, uint32_t number) {
  const struct jc_plan_entry *entry = &plan.entries[number];
  const size_t length = strlen(entry->model_json);
  struct jc_model *model = NULL;
  struct analysed a;
  memset(&error, 0, sizeof(error)); /* of a fit before */
  cr_assert_eq(jc_model_parse(entry->model_json, length, entry->id, &model, &error), JC_OK);
  analyse(&a, model);
  jc_sample_start(sample);
  snprintf(sample->id, sizeof(sample->id), "%s", entry->id);
  snprintf(sample->date, sizeof(sample->date), "2026-01-01T00:%02u:00Z", number % 60);
  cr_assert_eq(jc_sample_set_model_text(sample, entry->model_json, length, &error), JC_OK);
  sample->run = (struct jc_run){.batch_size = entry->batch_size,
                                .epochs = 1,
                                .threads = 2,
                                .optimizer = JC_OPTIMIZER_MOMENTUM};
  sample->machine = (struct jc_machine){
      .cpu_model = "Test CPU", .cpus = 4, .memory_bytes = 1 << 30, .isa = "avx2"};
  sample->runner = (struct jc_runner_facts){.name = "onednn", .version = "2.6.3"};
  sample->meter =
      (struct jc_meter_facts){.name = "powercap", .domain = "package", .measured = true};
  sample->step_median_s = sample->step_min_s = sample->step_mean_s =
      true_step_s(&a, entry->batch_size);
  sample->steps = steps;
  sample->time_s = (double)steps * sample->step_mean_s;
  sample->cpu_time_s = 2 * sample->time_s;
  sample->energy_j = (idle_w + active_w) * sample->time_s;
  sample->idle_power_w = idle_w;
  sample->startup_s = 0.1 + 0.02 * a.network->layer_count + sample->step_mean_s;
  sample->load = 0.01;
  describe_layers(&a, sample);
  release(&a);
}

static void append_sample(const char *file, const struct jc_sample *sample) {
  cr_assert_eq(jc_samples_append(file, sample, &error), JC_OK, "%s", error.text);
}

/* Appends networks FROM up to TO. */
static void append_plain(const char *file, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) {
    struct jc_sample sample;
    make_sample(&sample, i);
    append_sample(file, &sample);
    jc_sample_free(&sample);
  }
}

static enum jc_status fit(const char *file) {
  memset(&error, 0, sizeof(error));
  return jc_calibrate_fit(&file, 1, &profile, &report, &error);
}

static void expect_fit(const char *file) {
  cr_assert_eq(fit(file), JC_OK, "%s:%u: %s: %s", error.file, error.line, error.path, error.text);
}

/* ---- what a profile says ---- */

Test(calibrate_fit, a_known_machine_is_recovered) {
  append_plain(path, 0, PLANNED);
  expect_fit(path);
  cr_assert_eq(report.samples, PLANNED);
  cr_assert_eq(report.used, PLANNED);
  cr_assert_eq(report.disturbed, 0);
  cr_assert(!report.torn_line);
  cr_assert_eq(profile.sample_networks, PLANNED);
  cr_assert_lt(profile.time_error.median, 1e-3);
  cr_assert_lt(profile.energy_error.median, 1e-3);
  cr_assert_float_eq(profile.idle_power_w, idle_w, 1e-6);
  cr_assert_float_eq(profile.active_power_w, idle_w + active_w, 1e-6);
  cr_assert_float_eq(profile.startup_s[0], 0.1, 1e-6);
  cr_assert_float_eq(profile.startup_s[1], 0.02, 1e-6);
  cr_assert_float_eq(profile.startup_s[2], 1, 1e-4);
}

/* A network that was never trained, on the same machine. */
Test(calibrate_fit, forecasts_a_shipped_model_of_a_known_machine) {
  struct jc_model *model = NULL;
  struct analysed a;
  append_plain(path, 0, PLANNED);
  expect_fit(path);
  cr_assert_eq(jc_model_read(TEST_SOURCE_DIR "/models/resnet18.json", &model, &error), JC_OK);
  analyse(&a, model);
  const struct jc_problem problem = {
      .analysis = &a.analysis,
      .run = {.batch_size = 4, .epochs = 1, .threads = 2, .optimizer = JC_OPTIMIZER_MOMENTUM},
      .profile = &profile,
      .duration_s = NAN,
      .interval = 0.9};
  struct jc_estimate estimate = {0};
  const struct jc_method *method = jc_method_find("layerwise-linear");
  cr_assert_eq(jc_estimate_run(method, &problem, &estimate, &error), JC_OK, "%s", error.text);
  const double truth_s = true_step_s(&a, 4);
  cr_assert_float_eq(estimate.time_s, truth_s, 0.01 * truth_s, "%g s, truly %g s", estimate.time_s,
                     truth_s);
  cr_assert_float_eq(estimate.energy_j, (idle_w + active_w) * truth_s,
                     0.01 * (idle_w + active_w) * truth_s);
  cr_assert_float_eq(estimate.energy_above_idle_j, active_w * truth_s, 0.01 * active_w * truth_s);
  release(&a);
}

Test(calibrate_fit, the_profile_says_whose_it_is) {
  append_plain(path, 0, 12);
  expect_fit(path);
  cr_assert_str_eq(profile.machine.cpu_model, "Test CPU");
  cr_assert_eq(profile.machine.cpus, 4);
  cr_assert_eq(profile.machine.memory_bytes, 1 << 30);
  cr_assert_str_eq(profile.machine.isa, "avx2");
  cr_assert_str_eq(profile.runner, "onednn");
  cr_assert_str_eq(profile.runner_version, "2.6.3");
  cr_assert_str_eq(profile.meter, "powercap");
  cr_assert_str_eq(profile.domain, "package");
  cr_assert(profile.measured);
  cr_assert(!profile.forced);
  cr_assert_float_eq(profile.load, 0.01, 1e-12);
  cr_assert_eq(profile.precision, JC_PRECISION_FP32);
  cr_assert_eq(profile.threads, 2);
  cr_assert_str_eq(profile.date, "2026-01-01T00:11:00Z", "the newest, not %s", profile.date);
}

/* Bit for bit, through the file, as every later command will see it. */
Test(calibrate_fit, the_profile_survives_its_file) {
  static struct jc_profile again;
  char file[PATH_MAX];
  append_plain(path, 0, 20);
  expect_fit(path);
  join_path(file, scratch, "profile.json");
  cr_assert_eq(jc_profile_write(file, &profile, &error), JC_OK, "%s", error.text);
  cr_assert_eq(jc_profile_read(file, &again, &error), JC_OK, "%s: %s", error.path, error.text);
  cr_assert_eq(again.coefficient_count, profile.coefficient_count);
  cr_assert_eq(memcmp(again.coefficients, profile.coefficients,
                      profile.coefficient_count * sizeof(profile.coefficients[0])),
               0);
}

/* Fitted range of every type, from the counts of the samples themselves. */
Test(calibrate_fit, ranges_are_those_of_the_samples) {
  append_plain(path, 0, 15);
  expect_fit(path);
  double flops_max = 0, bytes_max = 0;
  for (uint32_t k = 0; k < 15; k++) {
    const struct jc_plan_entry *entry = &plan.entries[k];
    struct jc_model *model = NULL;
    struct analysed a;
    cr_assert_eq(jc_model_parse(entry->model_json, strlen(entry->model_json), "", &model, &error),
                 JC_OK);
    analyse(&a, model);
    flops_max = fmax(flops_max, jc_step_flops(&a.analysis.totals, entry->batch_size));
    bytes_max = fmax(bytes_max, jc_step_bytes(&a.analysis.totals, entry->batch_size));
    release(&a);
  }
  cr_assert_float_eq(profile.flops_max, flops_max, 1e-9 * flops_max);
  cr_assert_float_eq(profile.bytes_max, bytes_max, 1e-9 * bytes_max);
  for (uint32_t i = 0; i < profile.coefficient_count; i++) {
    const struct jc_coefficient *c = &profile.coefficients[i];
    cr_assert_leq(c->networks, 15);
    cr_assert_geq(c->networks, 1);
    cr_assert_leq(c->flops_min, c->flops_max);
    cr_assert_leq(c->bytes_min, c->bytes_max);
    cr_assert_leq(c->flops_max, flops_max);
  }
}

/* ---- which samples count ---- */

Test(calibrate_fit, nine_networks_are_the_fewest) {
  append_plain(path, 0, 8);
  cr_assert_eq(fit(path), JC_ERROR_MISSING);
  cr_assert(strstr(error.text, "got 8") != NULL, "%s", error.text);
  append_plain(path, 8, 9);
  expect_fit(path);
  cr_assert_eq(report.used, 9);
  cr_assert_eq(profile.time_error.networks, 9);
  cr_assert(isfinite(profile.time_error.log_half_width[2]));
}

/* A quarter of the threads' time went to somebody else: such times are absurd. */
static void append_disturbed(uint32_t from, uint32_t to, double load, bool forced) {
  for (uint32_t i = from; i < to; i++) {
    struct jc_sample sample;
    make_sample(&sample, i);
    sample.cpu_time_s = 0.75 * 2 * sample.time_s;
    sample.step_median_s *= 8;
    sample.load = load;
    sample.forced = forced;
    append_sample(path, &sample);
    jc_sample_free(&sample);
  }
}

Test(calibrate_fit, disturbed_windows_are_left_out) {
  static struct jc_profile undisturbed;
  append_plain(path, 0, 12);
  expect_fit(path);
  undisturbed = profile;
  append_disturbed(12, 17, 0.02, false);
  expect_fit(path);
  cr_assert_eq(report.samples, 17);
  cr_assert_eq(report.used, 12);
  cr_assert_eq(report.disturbed, 5);
  cr_assert_eq(profile.sample_networks, 12);
  cr_assert_eq(memcmp(&undisturbed, &profile, sizeof(profile)), 0);
}

Test(calibrate_fit, too_many_disturbed_windows_are_told) {
  append_plain(path, 0, 8);
  append_disturbed(8, 14, 0.02, false);
  cr_assert_eq(fit(path), JC_ERROR_MISSING);
  cr_assert(strstr(error.text, "6 disturbed") != NULL, "%s", error.text);
}

Test(calibrate_fit, an_unknown_cpu_time_is_no_disturbance) {
  append_plain(path, 0, 9);
  struct jc_sample sample;
  make_sample(&sample, 9);
  sample.cpu_time_s = NAN;
  append_sample(path, &sample);
  jc_sample_free(&sample);
  expect_fit(path);
  cr_assert_eq(report.used, 10);
}

/* Under --force every window is disturbed, and wanted; the profile says so. */
Test(calibrate_fit, forced_load_is_kept_and_told) {
  append_disturbed(0, 12, 0.5, true);
  expect_fit(path);
  cr_assert_eq(report.used, 12);
  cr_assert_eq(report.disturbed, 0);
  cr_assert(profile.forced);
  cr_assert_float_eq(profile.load, 0.5, 1e-12);
}

Test(calibrate_fit, a_torn_last_line_is_ignored_and_told) {
  static struct jc_profile whole;
  append_plain(path, 0, 10);
  expect_fit(path);
  whole = profile;
  char *text = read_text(path);
  FILE *file = fopen(path, "a");
  cr_assert(file != NULL);
  fprintf(file, "%.300s", text); /* the beginning of a line */
  fclose(file);
  free(text);
  expect_fit(path);
  cr_assert(report.torn_line);
  cr_assert_eq(report.samples, 10);
  cr_assert_eq(memcmp(&whole, &profile, sizeof(profile)), 0);
}

Test(calibrate_fit, two_files_are_one_calibration) {
  static struct jc_profile one;
  char first[PATH_MAX], second[PATH_MAX];
  join_path(first, scratch, "first.jsonl");
  join_path(second, scratch, "second.jsonl");
  append_plain(path, 0, 14);
  append_plain(first, 0, 5);
  append_plain(second, 5, 14);
  expect_fit(path);
  one = profile;
  const char *const both[] = {first, second};
  cr_assert_eq(jc_calibrate_fit(both, 2, &profile, &report, &error), JC_OK, "%s", error.text);
  cr_assert_eq(report.used, 14);
  cr_assert_eq(memcmp(&one, &profile, sizeof(profile)), 0);
}

/* Leaving out one of two copies leaves nothing out: the errors would be those of seen networks. */
Test(calibrate_fit, a_network_given_twice_does_not_count_twice) {
  append_plain(path, 0, 8);
  const char *const twice[] = {path, path};
  cr_assert_neq(jc_calibrate_fit(twice, 2, &profile, &report, &error), JC_OK,
                "8 networks were taken for %u", report.used);
}

/* ---- what is refused ---- */

static void other_threads(struct jc_sample *s) {
  s->run.threads = 1;
  s->cpu_time_s /= 2;
}
static void other_cpu(struct jc_sample *s) {
  snprintf(s->machine.cpu_model, sizeof(s->machine.cpu_model), "Other CPU");
}
static void other_cpus(struct jc_sample *s) {
  s->machine.cpus = 8;
}
static void other_version(struct jc_sample *s) {
  snprintf(s->runner.version, sizeof(s->runner.version), "3.1");
}
static void other_runner(struct jc_sample *s) {
  snprintf(s->runner.name, sizeof(s->runner.name), "pytorch");
}
static void other_precision(struct jc_sample *s) {
  s->precision = JC_PRECISION_BF16;
}
static void other_meter(struct jc_sample *s) {
  snprintf(s->meter.name, sizeof(s->meter.name), "model");
  s->meter.measured = false;
}
static void other_domain(struct jc_sample *s) {
  snprintf(s->meter.domain, sizeof(s->meter.domain), "package+dram");
}

static const struct {
  const char *what;
  void (*change)(struct jc_sample *sample);
} strangers[] = {
    {"threads", other_threads}, {"CPU model", other_cpu}, {"CPUs", other_cpus},
    {"version", other_version}, {"runner", other_runner}, {"precision", other_precision},
    {"meter", other_meter},
};

/* Ten samples, of which number 9 is CHANGEd: line 10. */
static void append_stranger(void (*change)(struct jc_sample *sample)) {
  struct jc_sample sample;
  (void)remove(path);
  append_plain(path, 0, 9);
  make_sample(&sample, 9);
  change(&sample);
  append_sample(path, &sample);
  jc_sample_free(&sample);
  append_plain(path, 10, 12);
}

static void expect_at_line_10(const char *what) {
  cr_assert_str_eq(error.file, path, "%s: %s", what, error.text);
  cr_assert_eq(error.line, 10, "%s: line %u: %s", what, error.line, error.text);
  cr_assert_str_neq(error.text, "");
}

Test(calibrate_fit, samples_of_two_machines_are_not_mixed) {
  for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
    append_stranger(strangers[i].change);
    cr_assert_eq(fit(path), JC_ERROR_MISMATCH, "other %s: %s", strangers[i].what, error.text);
    expect_at_line_10(strangers[i].what);
  }
}

/* Two machines calibrated by the same plan have the same ids. */
Test(calibrate_fit, samples_of_two_machines_with_the_same_ids_are_not_mixed) {
  for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
    struct jc_sample sample;
    (void)remove(path);
    append_plain(path, 0, 9);
    make_sample(&sample, 4);
    strangers[i].change(&sample);
    append_sample(path, &sample);
    jc_sample_free(&sample);
    cr_assert_eq(fit(path), JC_ERROR_MISMATCH, "other %s was taken or left out in silence",
                 strangers[i].what);
    expect_at_line_10(strangers[i].what);
  }
}

/* Joules of the package and joules of package and memory are two quantities. */
Test(calibrate_fit, samples_of_two_domains_are_not_mixed) {
  append_stranger(other_domain);
  cr_assert_eq(fit(path), JC_ERROR_MISMATCH);
  expect_at_line_10("domain");
}

static void forward_only(struct jc_sample *s) {
  s->run.phase = JC_RUN_FORWARD;
}
static void no_steps(struct jc_sample *s) {
  s->steps = 0;
}
static void no_step_times(struct jc_sample *s) {
  s->step_min_s = s->step_median_s = s->step_mean_s = NAN;
}
static void no_median(struct jc_sample *s) {
  s->step_median_s = NAN;
}
static void step_of_no_time(struct jc_sample *s) {
  s->step_median_s = 0;
}
static void no_energy(struct jc_sample *s) {
  s->energy_j = NAN;
}
static void no_idle_power(struct jc_sample *s) {
  s->idle_power_w = NAN;
}
static void no_startup(struct jc_sample *s) {
  s->startup_s = NAN;
}
static void no_layers(struct jc_sample *s) {
  s->layer_count = 0;
}
static void fewer_layers(struct jc_sample *s) {
  s->layer_count--;
}

/* One broken line each. The file's format leaves facts out where they are not known, but a fit that
 * goes on without them makes numbers up. */
#define REFUSED(name_, change_)                                                                    \
  Test(calibrate_fit, name_##_is_refused) {                                                        \
    append_stranger(change_);                                                                      \
    cr_assert_neq(fit(path), JC_OK);                                                               \
    expect_at_line_10(#name_);                                                                     \
  }
REFUSED(a_forward_run, forward_only)
REFUSED(a_sample_without_steps, no_steps)
REFUSED(a_sample_without_step_times, no_step_times)
REFUSED(a_sample_without_a_median_step, no_median)
REFUSED(a_step_of_no_time, step_of_no_time)
REFUSED(a_sample_without_energy, no_energy)
REFUSED(a_sample_without_idle_power, no_idle_power)
REFUSED(a_sample_without_layers, no_layers)
REFUSED(a_sample_with_fewer_layers, fewer_layers)

/* Start-up is a term of its own: a sample that does not know it says nothing about it. */
Test(calibrate_fit, an_unknown_startup_is_no_startup_of_zero) {
  append_plain(path, 0, PLANNED / 2);
  for (uint32_t i = PLANNED / 2; i < PLANNED; i++) {
    struct jc_sample sample;
    make_sample(&sample, i);
    no_startup(&sample);
    append_sample(path, &sample);
    jc_sample_free(&sample);
  }
  if (fit(path) != JC_OK)
    return; /* refusing is as good */
  cr_assert_float_eq(profile.startup_s[0], 0.1, 1e-4, "%g", profile.startup_s[0]);
  cr_assert_float_eq(profile.startup_s[1], 0.02, 1e-5, "%g", profile.startup_s[1]);
}

/* Joules below the baseline, as on a machine that was busy while its idle power was taken: whatever
 * comes out must be readable. */
Test(calibrate_fit, a_baseline_above_the_load_gives_a_readable_profile) {
  static struct jc_profile again;
  char file[PATH_MAX];
  for (uint32_t i = 0; i < 12; i++) {
    struct jc_sample sample;
    make_sample(&sample, i);
    sample.energy_j = 0.8 * sample.idle_power_w * sample.time_s;
    append_sample(path, &sample);
    jc_sample_free(&sample);
  }
  if (fit(path) != JC_OK)
    return; /* refusing is as good */
  join_path(file, scratch, "profile.json");
  cr_assert_eq(jc_profile_write(file, &profile, &error), JC_OK, "%s", error.text);
  cr_assert_eq(jc_profile_read(file, &again, &error), JC_OK, "%u: %s: %s", error.line, error.path,
               error.text);
}

Test(calibrate_fit, a_broken_line_is_an_error_at_its_place) {
  append_plain(path, 0, 9);
  FILE *file = fopen(path, "a");
  cr_assert(file != NULL);
  fputs("{\"schema\": \"joulecast.run/1\",\n", file);
  fclose(file);
  append_plain(path, 9, 12);
  cr_assert_eq(fit(path), JC_ERROR_INVALID);
  expect_at_line_10("broken");
}

Test(calibrate_fit, no_file_and_no_samples) {
  char missing[PATH_MAX];
  join_path(missing, scratch, "nowhere.jsonl");
  cr_assert_eq(fit(missing), JC_ERROR_IO);
  cr_assert_str_eq(error.file, missing);
  memset(&error, 0, sizeof(error));
  cr_assert_eq(jc_calibrate_fit(NULL, 0, &profile, &report, &error), JC_ERROR_MISSING);
  write_text(path, "");
  cr_assert_eq(fit(path), JC_ERROR_MISSING);
  cr_assert_eq(report.samples, 0);
}
