/* test_meter.c -- what holds for every meter: polling, threads, choice; and the model. */
#include "calibrate/meter.h"
#include "tests/powercap_tree.h"

#include <math.h>
#include <sched.h>

static struct jc_meter_reading read_now(struct jc_meter *meter) {
  struct jc_meter_reading reading;
  struct jc_error error = {0};
  cr_assert_eq(jc_meter_read(meter, &reading, &error), JC_OK, "%s", error.text);
  return reading;
}

static bool has_note(const struct jc_meter_info *info, const char *text) {
  for (uint32_t i = 0; i < info->note_count; i++) {
    if (strstr(info->notes[i], text) != NULL) {
      return true;
    }
  }
  return false;
}

/* ---- A driver made for the test: 50 W, whatever happens ------------------------------------- */

static const double steady_w = 50;
static double steady_range_j = 1000;
static atomic_int steady_delay_ms;

static double now_s(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum jc_status open_steady(const struct jc_meter_options *options,
                                  struct jc_meter_info *info, void **state,
                                  struct jc_error *error) {
  (void)options;
  (void)error;
  struct jc_meter_counter *counter = jc_meter_add_counter(info);
  (void)snprintf(counter->name, sizeof counter->name, "steady");
  (void)snprintf(counter->domain, sizeof counter->domain, "board");
  (void)snprintf(counter->covers, sizeof counter->covers, "board 0");
  counter->unit_j = 1e-3;
  counter->range = (uint64_t)(steady_range_j / counter->unit_j);
  *state = NULL;
  return JC_OK;
}

static enum jc_status read_steady(void *state, uint32_t counter, uint64_t *count,
                                  struct jc_error *error) {
  (void)state;
  (void)counter;
  (void)error;
  const struct timespec pause = {.tv_nsec = 1000000L * atomic_load(&steady_delay_ms)};
  (void)nanosleep(&pause, NULL);
  *count = (uint64_t)(now_s() * steady_w * 1e3) % (uint64_t)(steady_range_j * 1e3);
  return JC_OK;
}

static void close_steady(void *state) {
  (void)state;
}

static const struct jc_meter_driver steady = {.name = "steady",
                                              .summary = "50 W",
                                              .measured = true,
                                              .open = open_steady,
                                              .read = read_steady,
                                              .close = close_steady};

static struct jc_meter *open_steady_meter(double range_j) {
  struct jc_error error = {0};
  struct jc_meter *meter = NULL;
  steady_range_j = range_j;
  cr_assert_eq(jc_meter_open_driver(&steady, NULL, &meter, &error), JC_OK, "%s", error.text);
  return meter;
}

Test(meter, poll_period_follows_the_range) {
  static const double ranges_j[] = {1, 200, 262143};
  static const double periods_s[] = {0.02, 0.05, 1}; /* range / 2 kW / 2, within bounds */
  for (size_t i = 0; i < 3; i++) {
    struct jc_meter *meter = open_steady_meter(ranges_j[i]);
    cr_assert_float_eq(jc_meter_info(meter)->poll_period_s, periods_s[i], 1e-9);
    cr_assert_str_eq(jc_meter_info(meter)->domain, "board");
    jc_meter_close(meter);
  }
}

Test(meter, the_poller_sees_every_wrap) {
  struct jc_meter *meter = open_steady_meter(30); /* wraps every 600 ms */
  const struct timespec pause = {.tv_nsec = 900000000};
  struct jc_meter_reading before = read_now(meter);
  (void)nanosleep(&pause, NULL);
  struct jc_meter_reading after = read_now(meter);
  cr_assert(after.time_s - before.time_s >= 0.9);
  cr_assert_eq(after.late_polls, before.late_polls);
  cr_assert_float_eq(after.energy_j - before.energy_j, steady_w * (after.time_s - before.time_s),
                     3); /* a missed wrap is 30 */
  jc_meter_close(meter);
}

Test(meter, polls_that_may_have_missed_a_wrap_are_counted) {
  struct jc_meter *meter = open_steady_meter(5); /* wraps every 100 ms */
  const struct timespec pause = {.tv_nsec = 150000000};
  (void)nanosleep(&pause, NULL);
  uint64_t before = read_now(meter).late_polls;
  atomic_store(&steady_delay_ms, 250);
  (void)read_now(meter);
  atomic_store(&steady_delay_ms, 0);
  cr_assert_gt(read_now(meter).late_polls, before);
  jc_meter_close(meter);
}

static void *read_often(void *argument) {
  struct jc_meter *meter = argument;
  double last_j = 0;
  for (int i = 0; i < 2000; i++) {
    double energy_j = read_now(meter).energy_j;
    cr_assert_geq(energy_j, last_j);
    last_j = energy_j;
  }
  return NULL;
}

Test(meter, threads_may_read_at_once) {
  struct jc_meter *meter = open_steady_meter(20);
  pthread_t other;
  cr_assert_eq(pthread_create(&other, NULL, read_often, meter), 0);
  (void)read_often(meter);
  (void)pthread_join(other, NULL);
  jc_meter_close(meter);
}

/* At equal priority on one core, a spinning caller would keep the poller from running at all. */
Test(meter, polls_beside_a_spinning_real_time_caller) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET((size_t)sched_getcpu(), &one);
  struct sched_param param = {.sched_priority = 10};
  if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) != 0 ||
      sched_setaffinity(0, sizeof one, &one) != 0) {
    cr_skip_test("no real-time priority here");
  }
  struct jc_meter *meter = open_steady_meter(30);
  struct jc_meter_reading before = read_now(meter);
  jc_meter_spin(0.7); /* more than a wrap */
  struct jc_meter_reading after = read_now(meter);
  cr_assert_eq(after.late_polls, before.late_polls);
  cr_assert_float_eq(after.energy_j - before.energy_j, steady_w * (after.time_s - before.time_s),
                     3); /* a missed wrap is 30 */
  jc_meter_close(meter);
}

/* ---- The model, and choosing ---------------------------------------------------------------- */

static double cpu_s(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

Test(model, energy_is_the_formula) {
  struct jc_meter_options options = {.model = {.idle_w = 15, .tdp_w = 75, .cores = 4}};
  struct jc_error error = {0};
  struct jc_meter *meter;
  cr_assert_eq(jc_meter_open("model", &options, &meter, &error), JC_OK, "%s", error.text);
  const struct jc_meter_info *info = jc_meter_info(meter);
  cr_assert(!info->measured);
  cr_assert_str_eq(info->domain, "package");
  cr_assert(has_note(info, "modelled, not measured: 15 W idle, 75 W with 4 busy cores"));
  const struct timespec pause = {.tv_nsec = 200000000};
  for (int busy = 0; busy < 2; busy++) {
    double begin_cpu_s = cpu_s();
    struct jc_meter_reading before = read_now(meter);
    if (busy) {
      jc_meter_spin(0.3);
    } else {
      (void)nanosleep(&pause, NULL);
    }
    struct jc_meter_reading after = read_now(meter);
    double expected_j =
        15 * (after.time_s - before.time_s) + (75 - 15) * (cpu_s() - begin_cpu_s) / 4;
    cr_assert_float_eq(after.energy_j - before.energy_j, expected_j, 0.03 * expected_j + 0.1,
                       "got %g J, expected %g J", after.energy_j - before.energy_j, expected_j);
  }
  jc_meter_close(meter);
}

static void *spin(void *argument) {
  jc_meter_spin(*(const double *)argument);
  return NULL;
}

Test(model, is_never_above_full_power) {
  struct jc_meter_options options = {.model = {.idle_w = 10, .tdp_w = 30, .cores = 1}};
  struct jc_error error = {0};
  struct jc_meter *meter;
  pthread_t others[6]; /* many, to get more than one core on a busy machine as well */
  cr_assert_eq(jc_meter_open("model", &options, &meter, &error), JC_OK);
  double begin_s = now_s();
  struct jc_meter_reading before = read_now(meter);
  double load_s = 0.4;
  for (size_t i = 0; i < 6; i++) {
    cr_assert_eq(pthread_create(&others[i], NULL, spin, &load_s), 0);
  }
  jc_meter_spin(load_s);
  struct jc_meter_reading after = read_now(meter);
  double end_s = now_s();
  for (size_t i = 0; i < 6; i++) {
    (void)pthread_join(others[i], NULL);
  }
  cr_assert_leq(after.energy_j - before.energy_j, 30 * (end_s - begin_s));
  jc_meter_close(meter);
}

Test(model, parameters) {
  static const struct {
    struct jc_meter_model model;
    enum jc_status status;
  } cases[] = {{{0, 0, 0}, JC_ERROR_MISSING},        {{10, 0, 2}, JC_ERROR_MISSING},
               {{10, 65, 0}, JC_ERROR_MISSING},      {{70, 65, 2}, JC_ERROR_INVALID},
               {{-1, 65, 2}, JC_ERROR_INVALID},      {{NAN, 65, 2}, JC_ERROR_INVALID},
               {{0, INFINITY, 2}, JC_ERROR_INVALID}, {{1, -65, 2}, JC_ERROR_INVALID}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct jc_meter_options options = {.model = cases[i].model};
    struct jc_error error = {0};
    struct jc_meter_info info;
    struct jc_meter *meter;
    cr_assert_eq(jc_meter_open("model", &options, &meter, &error), cases[i].status, "case %zu", i);
    cr_assert_null(meter);
    error = (struct jc_error){0};
    cr_assert_eq(jc_meter_probe("model", &options, &info, &error), JC_OK);
    cr_assert_eq(info.state, JC_METER_ABSENT);
    cr_assert_str_neq(info.reason, "");
  }
}

Test(meter, automatic_choice_takes_the_model_only_if_allowed) {
  struct tree tree;
  tree_copy(&tree, "intel-one-package"); /* its counter stands still */
  struct jc_meter_options options = {.root = tree.root, .model = {15, 75, 4}};
  struct jc_error error = {0};
  struct jc_meter *meter;
  cr_assert_eq(jc_meter_open(NULL, &options, &meter, &error), JC_ERROR_UNAVAILABLE);
  cr_assert(strstr(error.text, "powercap: 'intel-rapl:0' does not advance") != NULL);
  cr_assert(strstr(error.text, "--meter model") != NULL);

  options.allow_model = true;
  error = (struct jc_error){0};
  cr_assert_eq(jc_meter_open(NULL, &options, &meter, &error), JC_OK, "%s", error.text);
  uint32_t count;
  const struct jc_meter_attempt *attempts = jc_meter_attempts(meter, &count);
  cr_assert_str_eq(jc_meter_info(meter)->name, "model");
  cr_assert_eq(count, 3);
  cr_assert_str_eq(attempts[0].name, "powercap");
  cr_assert_str_eq(attempts[1].name, "perf");
  cr_assert_str_eq(attempts[2].name, "hwmon");
  cr_assert_eq(attempts[0].state, JC_METER_NOT_ADVANCING);
  cr_assert_str_eq(attempts[0].reason, "'intel-rapl:0' does not advance in 200 ms of load");
  jc_meter_close(meter);

  options.model.tdp_w = 0;
  cr_assert_eq(jc_meter_open(NULL, &options, &meter, &error), JC_ERROR_UNAVAILABLE);
  cr_assert(strstr(error.text, "model: the power of this machine is not known") != NULL);
  tree_remove(&tree);
}

Test(meter, automatic_choice_prefers_what_measures) {
  struct tree tree;
  tree_copy(&tree, "amd");
  struct jc_meter_options options = {.root = tree.root, .allow_model = true, .model = {15, 75, 4}};
  struct jc_error error = {0};
  struct jc_meter *meter;
  struct advancer advancer;
  uint32_t count;
  advancer_start(&advancer, &tree, (const char *const[]){"intel-rapl:0", NULL});
  cr_assert_eq(jc_meter_open(NULL, &options, &meter, &error), JC_OK, "%s", error.text);
  advancer_stop(&advancer);
  cr_assert_str_eq(jc_meter_info(meter)->name, "powercap");
  (void)jc_meter_attempts(meter, &count);
  cr_assert_eq(count, 0);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(meter, names) {
  struct jc_error error = {0};
  struct jc_meter_info info;
  struct jc_meter *meter;
  cr_assert_eq(jc_meter_open("watt", NULL, &meter, &error), JC_ERROR_USAGE);
  cr_assert_str_eq(error.text,
                   "unknown meter 'watt': expected one of powercap, perf, hwmon, nvml, model, "
                   "replay");
  error = (struct jc_error){0};
  cr_assert_eq(jc_meter_probe("watt", NULL, &info, &error), JC_ERROR_USAGE);
  for (uint32_t i = 0; jc_meter_driver_at(i) != NULL; i++) {
    cr_assert_gt(strlen(jc_meter_driver_at(i)->summary), 10);
  }
  jc_meter_close(NULL);
}
