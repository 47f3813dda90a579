/* test_calibrate_flow.c -- the order of a calibration, its baselines, sentinels and energy block,
 * and bad luck in the midst of it: with a runner and a counter that follow a script.
 */
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "calibrate/calibrate.h"
#include "calibrate/order.h"
#include "calibrate/plan.h"
#include "calibrate/session.h"
#include "estimator/samples_file.h"
#include "tests/file_fixtures.h"
#include "tests/scripted_machine.h"

static char scratch[PATH_MAX], path[PATH_MAX];
static struct jc_calibrate_result result;
static struct jc_error error;

static void setup(void) {
  script = (struct script){0};
  make_scratch(scratch);
  join_path(path, scratch, "samples.jsonl");
}

static void teardown(void) {
  remove_scratch(scratch);
}

TestSuite(flow, .init = setup, .fini = teardown, .timeout = 120);

/* NETWORKS on the scripted machine, whatever else runs on this one; no sentinels, no baselines but
 * the first and the last, no energy block to speak of. */
static struct jc_calibrate_options scripted(uint32_t networks) {
  return (struct jc_calibrate_options){
      .quick = true,
      .seed = 1,
      .threads = 1,
      .force = true,
      .runner_driver = &scripted_runner,
      .meter_driver = &scripted_meter,
      .samples_path = path,
      .networks = networks,
      .budget_s = 100,
      .pace = {.load_window_s = 0.02,
               .load_spin_s = 0.01,
               .min_window_s = 1e-3,
               .idle_s = 0.05,
               .idle_again_s = 0.05,
               .idle_period_s = 1000,
               .sentinel_period_s = 1000,
               .energy_window_s = 0.02,
               .energy_networks = 1},
  };
}

static enum jc_status calibrate(const struct jc_calibrate_options *options) {
  memset(&error, 0, sizeof(error));
  memset(&counter, 0, sizeof(counter));
  return jc_calibrate_measure(options, &result, &error);
}

static void expect_calibration(const struct jc_calibrate_options *options, uint32_t resumed,
                               uint32_t trained) {
  cr_assert_eq(calibrate(options), JC_OK, "%s: %s: %s", error.file, error.path, error.text);
  cr_assert_eq(result.resumed, resumed, "%u resumed", result.resumed);
  cr_assert_eq(result.trained, trained, "%u trained", result.trained);
}

/* What matters of the lines of a file, in order. */
enum { MOST_LINES = 256 };
static struct line {
  char id[JC_SAMPLE_ID_BYTES], family[32];
  enum jc_sample_block block;
  double idle_w, energy_j, time_s, half_width_j;
  uint64_t steps;
  uint32_t energy_windows;
  struct jc_conditions_facts conditions;
} lines[MOST_LINES];

static uint32_t read_lines(const char *file) {
  struct jc_samples_reader reader;
  struct jc_sample s;
  struct jc_error read_error = {0};
  bool more = false;
  uint32_t count = 0;
  cr_assert_eq(jc_samples_open(file, &reader, &read_error), JC_OK, "%s", read_error.text);
  while (jc_samples_next(&reader, &s, &more, &read_error) == JC_OK && more) {
    cr_assert_lt(count, MOST_LINES);
    struct line *line = &lines[count++];
    *line = (struct line){.block = s.block,
                          .idle_w = s.idle_power_w,
                          .energy_j = s.energy_j,
                          .time_s = s.time_s,
                          .half_width_j = s.energy_half_width_j,
                          .steps = s.steps,
                          .energy_windows = s.energy_windows,
                          .conditions = s.conditions};
    memcpy(line->id, s.id, sizeof(line->id));
    memcpy(line->family, s.family, sizeof(line->family));
    jc_sample_free(&s);
  }
  cr_assert_eq(read_error.status, JC_OK, "%s", read_error.text);
  cr_assert_not(reader.torn);
  jc_samples_close(&reader);
  return count;
}

static uint32_t count_id(uint32_t count, const char *id) {
  uint32_t found = 0;
  for (uint32_t i = 0; i < count; i++)
    found += strcmp(lines[i].id, id) == 0 ? 1 : 0;
  return found;
}

/* ---- order ---- */

Test(flow, an_order_is_a_permutation_and_the_seeds) {
  enum { COUNT = 100 };
  uint32_t a[COUNT], b[COUNT], other[COUNT], moved = 0, same = 0;
  bool seen[COUNT] = {false};
  shuffle(a, COUNT, 7);
  shuffle(b, COUNT, 7);
  shuffle(other, COUNT, 8);
  for (uint32_t i = 0; i < COUNT; i++) {
    cr_assert(a[i] < COUNT && !seen[a[i]]);
    seen[a[i]] = true;
    cr_assert_eq(a[i], b[i]);
    moved += a[i] != i ? 1 : 0;
    same += a[i] == other[i] ? 1 : 0;
  }
  cr_assert_gt(moved, 80);
  cr_assert_lt(same, 20);
}

/* The same order in one go and with a stop in the middle. */
Test(flow, the_order_is_interleaved_and_goes_on_where_it_stopped) {
  static volatile int stop;
  struct jc_calibrate_options options = scripted(12);
  char whole[12][JC_SAMPLE_ID_BYTES];
  uint32_t inversions = 0;
  expect_calibration(&options, 0, 12);
  cr_assert_geq(read_lines(path), 12);
  for (uint32_t i = 0; i < 12; i++) {
    memcpy(whole[i], lines[i].id, sizeof(whole[i]));
    inversions += i > 0 && strcmp(whole[i - 1], whole[i]) > 0 ? 1 : 0;
  }
  cr_assert_gt(inversions, 2, "the order of the plan");

  script = (struct script){.stop_flag = &stop, .stop_at = 5};
  options.fresh = true;
  options.stop = &stop;
  expect_calibration(&options, 0, 5);
  cr_assert(result.stopped);
  cr_assert_eq(result.energy_networks, 0);
  options.fresh = false;
  stop = 0;
  script = (struct script){0};
  expect_calibration(&options, 5, 7);
  cr_assert_geq(read_lines(path), 12);
  for (uint32_t i = 0; i < 12; i++)
    cr_assert_str_eq(lines[i].id, whole[i], "line %u", i);
}

/* Wherever it is stopped: what was finished is in the file, and never trained again. */
Test(flow, stopped_at_any_network_it_goes_on_from_there) {
  static volatile int stop;
  struct jc_calibrate_options options = scripted(6);
  options.stop = &stop;
  for (uint32_t at = 1; at <= 6; at++) {
    stop = 0;
    script = (struct script){.stop_flag = &stop, .stop_at = 1};
    expect_calibration(&options, at - 1, 1);
    cr_assert(result.stopped || at == 6);
    cr_assert_eq(read_lines(path), at);
  }
  /* The energy block, too. */
  options.pace.energy_networks = 3;
  for (uint32_t at = 1; at <= 3; at++) {
    stop = 0;
    script = (struct script){.stop_flag = &stop, .stop_at = 1};
    expect_calibration(&options, 6, 0);
    cr_assert_eq(result.energy_networks, at);
  }
  const uint32_t count = read_lines(path);
  cr_assert_eq(count, 9);
  for (uint32_t i = 6; i < 9; i++) {
    cr_assert_eq(lines[i].block, JC_BLOCK_ENERGY);
    cr_assert_eq(count_id(count, lines[i].id), 2, "'%s'", lines[i].id);
  }
}

/* ---- baselines ---- */

Test(flow, idle_power_is_interpolated_between_baselines) {
  struct baselines b = {
      .count = 2, .before = {.time_s = 100, .power_w = 20}, .last = {.time_s = 160, .power_w = 26}};
  cr_assert_float_eq(baseline_at(&b, 100), 20, 1e-12);
  cr_assert_float_eq(baseline_at(&b, 110), 21, 1e-12);
  cr_assert_float_eq(baseline_at(&b, 160), 26, 1e-12);
  cr_assert_float_eq(baseline_at(&b, 90), 20, 1e-12);
  cr_assert_float_eq(baseline_at(&b, 200), 26, 1e-12);
  b.count = 1;
  cr_assert_float_eq(baseline_at(&b, 110), 26, 1e-12);
}

/* Idle power rises by 30 W a second: the lines that a fit takes, the last of each id, rise too. */
Test(flow, a_rising_baseline_is_in_the_samples_and_the_result) {
  struct jc_calibrate_options options = scripted(8);
  double last_w[8] = {0};
  uint32_t ids = 0;
  script.drift_w_per_s = 30;
  options.pace.idle_period_s = 0.1;
  expect_calibration(&options, 0, 8);
  cr_assert_gt(result.idle_drift, 0.01);
  cr_assert_float_eq(result.idle_power_w, scripted_idle_w, 0.1 * scripted_idle_w);
  const uint32_t count = read_lines(path);
  for (uint32_t i = 0; i < count; i++) {
    cr_assert_geq(lines[i].idle_w, 0.9 * scripted_idle_w);
    if (count_id(i, lines[i].id) == 0)
      ids++;
  }
  cr_assert_eq(ids, 8);
  /* The order of the first lines is that of time; the last line of each id has its idle power. */
  uint32_t network = 0;
  for (uint32_t i = 0; i < count && network < 8; i++) {
    if (count_id(i, lines[i].id) > 0)
      continue;
    for (uint32_t k = i; k < count; k++) {
      if (strcmp(lines[k].id, lines[i].id) == 0 && lines[k].block == JC_BLOCK_TIMES)
        last_w[network] = lines[k].idle_w;
    }
    network++;
  }
  for (uint32_t i = 1; i < 8; i++)
    cr_assert_geq(last_w[i], last_w[i - 1] - 0.2, "network %u: %g W after %g W", i, last_w[i],
                  last_w[i - 1]);
  cr_assert_gt(last_w[7], last_w[0]);
}

Test(flow, a_steady_baseline_writes_every_network_once) {
  struct jc_calibrate_options options = scripted(6);
  options.pace.idle_period_s = 0.02;
  expect_calibration(&options, 0, 6);
  const uint32_t count = read_lines(path);
  for (uint32_t i = 0; i < count; i++)
    cr_assert_float_eq(lines[i].idle_w, scripted_idle_w, 0.05 * scripted_idle_w, "%g W",
                       lines[i].idle_w);
  cr_assert_lt(result.idle_drift, 0.05);
}

/* ---- sentinels ---- */

Test(flow, the_median_of_the_sentinels_decides) {
  double odd[] = {1.3, 1.01, 0.99}, even[] = {1, 1.2, 1.1, 0.5};
  cr_assert_float_eq(median_of(odd, 3), 1.01, 1e-12);
  cr_assert_float_eq(median_of(even, 4), 1.05, 1e-12);
}

/* Five networks, then everything takes three times as long: the sentinels show it, and what was
 * measured since the last good check is measured once more. */
Test(flow, networks_of_a_machine_that_changed_are_measured_again) {
  struct jc_calibrate_options options = scripted(9);
  script.slow_from = 6;
  script.slow_to = UINT32_MAX;
  options.pace.sentinel_period_s = 0.03;
  expect_calibration(&options, 0, 9);
  cr_assert_geq(result.sentinel_checks, 1);
  cr_assert_geq(result.sentinel_moves, 1);
  cr_assert_geq(result.remeasured, 1);
  cr_assert_leq(result.remeasured, 9, "a network more than twice");
  const uint32_t count = read_lines(path);
  for (uint32_t i = 0; i < count; i++)
    cr_assert_leq(count_id(count, lines[i].id), 4, "'%s'", lines[i].id);
}

/* ---- other processes ---- */

/* All steps sleep, as if others had the CPU: each network gets its second chance and no third; the
 * next run trains them again. */
Test(flow, networks_without_the_cpu_get_a_second_chance) {
  struct jc_calibrate_options options = scripted(4);
  options.force = false;
  options.tolerated_load = 1;
  expect_calibration(&options, 0, 4);
  cr_assert_eq(result.disturbed, 8, "%u", result.disturbed);
  cr_assert_eq(result.remeasured, 4);
  cr_assert_eq(result.repeated, 8);
  cr_assert_eq(result.energy_networks, 0, "joules of disturbed networks");
  expect_calibration(&options, 0, 4);
}

/* Others have the CPU while the first two networks train, then they are gone: both are measured
 * once more in the same run, and their first lines stay where they are. */
Test(flow, a_machine_that_was_busy_for_a_while) {
  struct jc_calibrate_options options = scripted(6);
  options.force = false;
  options.tolerated_load = 1;
  script.spins_from = 3;
  expect_calibration(&options, 0, 6);
  cr_assert_geq(result.disturbed, 2);
  cr_assert_geq(result.remeasured, 2);
  const uint32_t count = read_lines(path);
  cr_assert_geq(count_id(count, lines[0].id), 2);
  cr_assert_geq(count_id(count, lines[1].id), 2);
}

/* ---- joules ---- */

Test(flow, some_networks_are_measured_again_for_their_joules) {
  struct jc_calibrate_options options = scripted(12);
  uint32_t energy = 0;
  options.pace.energy_networks = 5;
  options.pace.energy_window_s = 0.1;
  expect_calibration(&options, 0, 12);
  cr_assert_eq(result.energy_networks, 5);
  const uint32_t count = read_lines(path);
  for (uint32_t i = 0; i < count; i++) {
    const struct line *line = &lines[i];
    if (line->block != JC_BLOCK_ENERGY)
      continue;
    energy++;
    cr_assert_eq(count_id(i, line->id), 1, "'%s' before", line->id);
    cr_assert_geq(line->energy_windows, 1);
    cr_assert_geq(line->time_s, 0.1 * line->energy_windows);
    cr_assert(line->energy_windows == 1 || line->half_width_j >= 0);
    cr_assert_float_eq(line->energy_j / line->time_s, scripted_active_w, 0.05 * scripted_active_w);
    cr_assert_float_eq(line->idle_w, scripted_idle_w, 0.1 * scripted_idle_w, "%g W", line->idle_w);
  }
  cr_assert_eq(energy, result.energy_networks);

  /* Nothing is left to do, here too. */
  options.pace.energy_networks = energy;
  expect_calibration(&options, 12, 0);
  cr_assert_eq(result.energy_networks, energy);
  cr_assert_eq(read_lines(path), count);
}

Test(flow, the_energy_block_has_a_budget) {
  struct jc_calibrate_options options = scripted(4);
  expect_calibration(&options, 0, 4);
  options.pace.energy_networks = 4;
  options.budget_s = 1e-6;
  expect_calibration(&options, 4, 0);
  cr_assert(result.stopped);
  cr_assert_leq(result.energy_networks, 1); /* of the run before */
}

Test(flow, conditions_are_in_the_samples_and_the_result) {
  const struct jc_calibrate_options options = scripted(1);
  expect_calibration(&options, 0, 1);
  cr_assert_geq(read_lines(path), 1);
  cr_assert_str_eq(lines[0].conditions.priority, result.priority);
  cr_assert_str_eq(lines[0].conditions.pinning, result.pinning);
  cr_assert_str_eq(result.pinning, "one-cpu");
}

/* ---- bad luck ---- */

/* After three networks the counter breaks: the run ends with MESSAGE, the three are kept, and once
 * the counter is well again the calibration goes on behind them. */
static void check_broken_counter(int how, enum jc_status status, const char *message) {
  static volatile int stop;
  struct jc_calibrate_options options = scripted(6);
  script.stop_flag = &stop;
  options.stop = &stop;
  script.stop_at = 3;
  expect_calibration(&options, 0, 3);
  script = (struct script){.how = how, .breaks_at = 1};
  stop = 0;
  options.pace.min_window_s = how == STOPS ? 2.5 : 1e-3; /* standing still shows after 2 s */
  cr_assert_eq(calibrate(&options), status, "%s: %s", jc_status_name(error.status), error.text);
  cr_assert(strstr(error.text, message) != NULL, "%s", error.text);
  cr_assert_eq(read_lines(path), 3);

  script = (struct script){0};
  options.pace.min_window_s = 1e-3;
  expect_calibration(&options, 3, 3);
}

Test(flow, a_counter_that_stops) {
  check_broken_counter(STOPS, JC_ERROR_RUNTIME, "counter 'scripted:0' has stopped: no advance for");
}

Test(flow, a_counter_that_jumps_back) {
  check_broken_counter(JUMPS_BACK, JC_ERROR_RUNTIME, "counter 'scripted:0' jumped from");
}

Test(flow, a_counter_that_disappears) {
  check_broken_counter(DISAPPEARS, JC_ERROR_UNAVAILABLE,
                       "cannot read 'scripted:0': No such file or directory");
}

/* The energy block's lines do not fit any more; those of the times are kept. */
Test(flow, no_space_left_in_the_energy_block) {
  struct jc_calibrate_options options = scripted(3);
  struct rlimit limit;
  static volatile int stop;
  stop = 0;
  script = (struct script){.stop_flag = &stop, .stop_at = 3};
  options.stop = &stop;
  expect_calibration(&options, 0, 3);
  options.stop = NULL;
  char *before = read_text(path);
  (void)signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const struct rlimit small = {.rlim_cur = strlen(before) + 100, .rlim_max = limit.rlim_max};
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
  const enum jc_status status = calibrate(&options);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  cr_assert_eq(status, JC_ERROR_IO, "%s", error.text);
  cr_assert(strstr(error.text, "File too large") != NULL, "%s", error.text);
  char *after = read_text(path);
  cr_assert_str_eq(after, before);
  free(before);
  free(after);
}

/* Samples of another seed's plan, and one of a network that has the id of ours: they stay, are
 * counted, and ours are trained. */
Test(flow, foreign_networks_are_left_alone_and_counted) {
  struct jc_calibrate_options options = scripted(3);
  static volatile int stop;
  stop = 0;
  script = (struct script){.stop_flag = &stop, .stop_at = 3};
  options.stop = &stop;
  options.seed = 2;
  expect_calibration(&options, 0, 3);
  char *foreign = read_text(path);
  char *disguised = edit_text(foreign, "\"id\":\"q2-", "\"id\":\"q1-");
  write_text(path, disguised);
  stop = 0;
  script = (struct script){.stop_flag = &stop, .stop_at = 3};
  options.seed = 1;
  expect_calibration(&options, 0, 3);
  cr_assert_eq(result.foreign, 3);
  char *after = read_text(path);
  cr_assert_eq(strncmp(after, disguised, strlen(disguised)), 0);
  cr_assert_eq(read_lines(path), 6);
  free(foreign);
  free(disguised);
  free(after);
}

Test(flow, a_torn_line_is_told) {
  struct jc_calibrate_options options = scripted(2);
  expect_calibration(&options, 0, 2);
  cr_assert_not(result.torn);
  FILE *file = fopen(path, "a");
  cr_assert(file != NULL && fputs("{\"schema\":\"joulecast.ru", file) >= 0 && fclose(file) == 0);
  expect_calibration(&options, 2, 0);
  cr_assert(result.torn);
}

/* ---- clocks ---- */

/* Durations are of the monotonic clock, so that a step of the wall clock moves dates only: nothing
 * that measures asks for another clock. The one time() is the date of a sample. */
Test(flow, no_duration_is_of_the_wall_clock) {
  static const char *const files[] = {
      "baselines.c", "block_energy.c", "block_times.c",  "calibrate.c",      "conditions.c",
      "measure.c",   "meter.c",        "meter_model.c",  "measure_energy.c", "resume.c",
      "sentinels.c", "session.c",      "warm_network.c", "meter_powercap.c"};
  uint32_t dates = 0;
  for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
    char file[PATH_MAX];
    snprintf(file, sizeof(file), "%s/calibrate/%s", TEST_SOURCE_DIR, files[i]);
    char *text = read_text(file);
    cr_assert(strstr(text, "CLOCK_REALTIME") == NULL, "%s", files[i]);
    cr_assert(strstr(text, "gettimeofday") == NULL, "%s", files[i]);
    const char *at = text;
    while ((at = strstr(at, "time(NULL)")) != NULL) {
      dates++;
      at++;
    }
    free(text);
  }
  cr_assert_eq(dates, 1);
}
