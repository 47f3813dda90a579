/* test_powercap.c -- RAPL zones: fixture machines, unwrapping, failures, the simulated tree. */
#include "calibrate/meter.h"
#include "tests/powercap_tree.h"

#include <math.h>
#include <sys/prctl.h>

static const uint64_t usual_range = UINT64_C(262143328850) + 1;

/* Opens METER on TREE while ZONES (up to a NULL) advance, which then stand still. */
static struct jc_meter *open_advancing(const struct tree *tree, const char *const *zones) {
  struct jc_meter_options options = {.powercap_root = tree->powercap};
  struct jc_error error = {0};
  struct jc_meter *meter = NULL;
  struct advancer advancer;
  advancer_start(&advancer, tree, zones);
  enum jc_status status = jc_meter_open("powercap", &options, &meter, &error);
  advancer_stop(&advancer);
  cr_assert_eq(status, JC_OK, "%s: %s", error.path, error.text);
  return meter;
}

static struct jc_meter_reading read_now(struct jc_meter *meter) {
  struct jc_meter_reading reading;
  struct jc_error error = {0};
  cr_assert_eq(jc_meter_read(meter, &reading, &error), JC_OK, "%s", error.text);
  return reading;
}

/* Joules that METER sees when the counter of ZONE advances BY microjoules. */
static double advance_j(struct jc_meter *meter, const struct tree *tree, const char *zone,
                        uint64_t by) {
  double before_j = read_now(meter).energy_j;
  tree_set(tree, zone, tree_get(tree, zone) + by);
  return read_now(meter).energy_j - before_j;
}

static bool has_note(const struct jc_meter_info *info, const char *text) {
  for (uint32_t i = 0; i < info->note_count; i++) {
    if (strstr(info->notes[i], text) != NULL) {
      return true;
    }
  }
  return false;
}

/* ---- Fixture machines ----------------------------------------------------------------------- */

Test(powercap, one_package_without_core_uncore_psys) {
  struct tree tree;
  tree_copy(&tree, "intel-one-package");
  struct jc_meter *meter = open_advancing(
      &tree, (const char *const[]){"intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", NULL});
  const struct jc_meter_info *info = jc_meter_info(meter);
  cr_assert_str_eq(info->name, "powercap");
  cr_assert(info->measured);
  cr_assert_str_eq(info->domain, "package");
  cr_assert_str_eq(info->covers, "package-0");
  cr_assert_eq(info->counter_count, 1);
  cr_assert_str_eq(info->counters[0].name, "intel-rapl:0");
  cr_assert_eq(info->counters[0].range, usual_range);
  cr_assert_eq(info->note_count, 0);
  cr_assert_float_eq(info->poll_period_s, 1, 1e-9);
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:0", 12500000), 12.5, 1e-6);
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:0:0", 9000000), 0, 1e-6);
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:1", 20000000), 0, 1e-6);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(powercap, two_packages_with_dram) {
  struct tree tree;
  tree_copy(&tree, "intel-two-packages");
  struct jc_meter *meter =
      open_advancing(&tree, (const char *const[]){"intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1",
                                                  "intel-rapl:1:0", NULL});
  const struct jc_meter_info *info = jc_meter_info(meter);
  cr_assert_str_eq(info->domain, "package+dram");
  cr_assert_str_eq(info->covers, "package-0, package-1, package-0 dram, package-1 dram");
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:0", 1000000), 1, 1e-6);
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:1", 2000000), 2, 1e-6);
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:1:0", 500000), 0.5, 1e-6);
  struct jc_meter_reading reading = read_now(meter);
  double sum_j = 0;
  for (uint32_t i = 0; i < reading.counter_count; i++) {
    sum_j += reading.counter_energy_j[i];
  }
  cr_assert_eq(reading.counter_count, 4);
  cr_assert_float_eq(sum_j, reading.energy_j, 1e-9);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(powercap, two_packages_of_two_dies) {
  struct tree tree;
  tree_copy(&tree, "intel-dies");
  struct jc_meter *meter =
      open_advancing(&tree, (const char *const[]){"intel-rapl:0", "intel-rapl:1", "intel-rapl:2",
                                                  "intel-rapl:3", NULL});
  cr_assert_str_eq(jc_meter_info(meter)->covers,
                   "package-0-die-0, package-0-die-1, package-1-die-0, package-1-die-1");
  cr_assert_str_eq(jc_meter_info(meter)->domain, "package");
  jc_meter_close(meter);
  tree_remove(&tree);
}

/* As AMD's Zen 1 and 2 with several dies have it: every die's zone reads its socket's register. */
Test(powercap, dies_that_show_their_package_are_counted_once) {
  static const char *const mirrors[][2] = {{"intel-rapl:0", "intel-rapl:1"},
                                           {"intel-rapl:2", "intel-rapl:3"}};
  struct tree tree;
  tree_copy(&tree, "intel-dies");
  for (size_t i = 0; i < 2; i++) {
    char folder[TREE_PATH];
    char path[TREE_PATH];
    char target[TREE_PATH];
    tree_join(folder, tree.powercap, mirrors[i][1]);
    tree_join(path, folder, "energy_uj");
    (void)snprintf(target, sizeof target, "../%s/energy_uj", mirrors[i][0]);
    cr_assert(unlink(path) == 0 && symlink(target, path) == 0);
  }
  struct jc_meter *meter =
      open_advancing(&tree, (const char *const[]){"intel-rapl:0", "intel-rapl:2", NULL});
  const struct jc_meter_info *info = jc_meter_info(meter);
  cr_assert_str_eq(info->covers, "package-0-die-0, package-1-die-0");
  cr_assert(has_note(info, "intel-rapl:1 (package-0-die-1) is not counted: it shows the counter of "
                           "'intel-rapl:0', which is counted"));
  cr_assert_eq(info->counters[1].state, JC_METER_DUPLICATE);
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:0", 1000000), 1, 1e-6);
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:2", 1000000), 1, 1e-6);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(powercap, amd) {
  struct tree tree;
  tree_copy(&tree, "amd");
  struct jc_meter *meter =
      open_advancing(&tree, (const char *const[]){"intel-rapl:0", "intel-rapl:0:0", NULL});
  cr_assert_str_eq(jc_meter_info(meter)->domain, "package");
  cr_assert_eq(jc_meter_info(meter)->counters[0].range, UINT64_C(65532610988));
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:0", 3000000), 3, 1e-6);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(powercap, package_seen_through_mmio_too_is_counted_once) {
  static const char *const zones[] = {"intel-rapl:0", "intel-rapl-mmio:0", NULL};
  struct tree tree;
  tree_copy(&tree, "intel-mmio");
  struct jc_meter *meter = open_advancing(&tree, zones);
  cr_assert_eq(jc_meter_info(meter)->counter_count, 1);
  cr_assert_str_eq(jc_meter_info(meter)->counters[0].name, "intel-rapl:0");
  cr_assert(has_note(jc_meter_info(meter), "intel-rapl-mmio:0 repeats package-0"));
  jc_meter_close(meter);

  tree_write(&tree, "intel-rapl:0", "energy_uj", "broken\n");
  meter = open_advancing(&tree, zones + 1);
  cr_assert_eq(jc_meter_info(meter)->counter_count, 1);
  cr_assert_str_eq(jc_meter_info(meter)->counters[0].name, "intel-rapl-mmio:0");
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl-mmio:0", 1000000), 1, 1e-6);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(powercap, zones_below_their_control_type) {
  struct tree tree;
  struct tree mounted;
  tree_copy(&tree, "nested");
  mounted = tree;
  tree_join(mounted.powercap, tree.powercap, "intel-rapl");
  static const char *const zones[] = {"intel-rapl:0", "intel-rapl:0/intel-rapl:0:1", "intel-rapl:1",
                                      "intel-rapl:1/intel-rapl:1:1", NULL};
  const struct tree *roots[] = {&tree, &mounted};
  for (size_t i = 0; i < 2; i++) {
    struct jc_meter_options options = {.root = tree.root, .powercap_root = roots[i]->powercap};
    struct jc_error error = {0};
    struct jc_meter *meter;
    struct advancer advancer;
    advancer_start(&advancer, &mounted, zones);
    cr_assert_eq(jc_meter_open(NULL, &options, &meter, &error), JC_OK, "%s", error.text);
    advancer_stop(&advancer);
    cr_assert_eq(jc_meter_info(meter)->counter_count, 4);
    cr_assert_str_eq(jc_meter_info(meter)->domain, "package+dram");
    jc_meter_close(meter);
  }
  tree_remove(&tree);
}

/* ---- Zones that cannot be used -------------------------------------------------------------- */

static void expect_unusable(const struct tree *tree, enum jc_meter_state state, const char *text) {
  struct jc_meter_options options = {.powercap_root = tree->powercap};
  struct jc_meter_info info;
  struct jc_error error = {0};
  struct jc_meter *meter;
  cr_assert_eq(jc_meter_probe("powercap", &options, &info, &error), JC_OK);
  cr_assert_eq(info.state, state, "%s", jc_meter_state_name(info.state));
  cr_assert(strstr(info.reason, text) != NULL, "got: %s", info.reason);
  cr_assert_eq(jc_meter_open("powercap", &options, &meter, &error), JC_ERROR_UNAVAILABLE);
  cr_assert_null(meter);
  cr_assert_str_eq(error.path, "powercap");
  cr_assert(strstr(error.text, text) != NULL, "got: %s", error.text);
  cr_assert(strstr(error.text, "run `joulecast doctor` for the fix") != NULL);
}

Test(powercap, one_unreadable_zone_leaves_the_rest) {
  struct tree tree;
  char path[TREE_PATH];
  tree_copy(&tree, "intel-two-packages");
  tree_join(path, tree.powercap, "intel-rapl:1/energy_uj");
  cr_assert(unlink(path) == 0 && mkdir(path, 0) == 0);
  struct jc_meter *meter = open_advancing(
      &tree, (const char *const[]){"intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1:0", NULL});
  const struct jc_meter_info *info = jc_meter_info(meter);
  cr_assert_str_eq(info->domain, "package+dram");
  cr_assert_str_eq(info->covers, "package-0, package-0 dram, package-1 dram");
  cr_assert(has_note(info, "intel-rapl:1 (package-1) is not counted: cannot read"));
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:0", 1000000), 1, 1e-6);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(powercap, a_still_dram_zone_is_left_out) {
  struct tree tree;
  tree_copy(&tree, "intel-two-packages");
  struct jc_meter *meter =
      open_advancing(&tree, (const char *const[]){"intel-rapl:0", "intel-rapl:1", NULL});
  cr_assert_str_eq(jc_meter_info(meter)->domain, "package");
  cr_assert(has_note(jc_meter_info(meter), "does not advance in 200 ms of load"));
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(powercap, denied) {
  struct tree tree;
  char path[TREE_PATH];
  tree_copy(&tree, "intel-one-package");
  tree_join(path, tree.powercap, "intel-rapl:0/energy_uj");
  cr_assert(chmod(path, 0) == 0);
  bool is_root = geteuid() == 0;
  if (is_root && seteuid(65534) != 0) {
    tree_remove(&tree);
    cr_skip_test("cannot become an ordinary user");
  }
  (void)prctl(PR_SET_DUMPABLE, 1); /* changing the user clears it, and leak checkers need it */
  expect_unusable(&tree, JC_METER_PERMISSION,
                  "cannot read 'intel-rapl:0/energy_uj': permission denied");
  cr_assert(!is_root || seteuid(0) == 0);
  tree_remove(&tree);
}

Test(powercap, not_advancing) {
  struct tree tree;
  tree_copy(&tree, "intel-one-package");
  expect_unusable(&tree, JC_METER_NOT_ADVANCING,
                  "'intel-rapl:0' does not advance in 200 ms of load");
  tree_remove(&tree);
}

Test(powercap, garbage) {
  static const char *const texts[] = {
      "abc\n",    "",        "-1\n",   "18446744073709551616\n",
      "123",      "12 34\n", "0x10\n", "\n",
      "1.5\n",    "+1\n",    "1\n2\n", "99999999999999999999999999999999999999999999\n",
      "\033[2J\n"};
  struct tree tree;
  tree_copy(&tree, "intel-one-package");
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    tree_write(&tree, "intel-rapl:0", "energy_uj", texts[i]);
    expect_unusable(&tree, JC_METER_UNREADABLE, "expected a line with a count of microjoules, got");
  }
  tree_remove(&tree);
}

Test(powercap, a_pipe_does_not_block) {
  struct tree tree;
  char path[TREE_PATH];
  tree_copy(&tree, "intel-one-package");
  tree_join(path, tree.powercap, "intel-rapl:0/energy_uj");
  cr_assert(unlink(path) == 0 && mkfifo(path, 0644) == 0);
  expect_unusable(&tree, JC_METER_UNREADABLE, "cannot read 'intel-rapl:0/energy_uj'");
  tree_remove(&tree);
}

Test(powercap, nothing_to_count) {
  struct tree tree;
  tree_copy(&tree, "psys-only");
  expect_unusable(&tree, JC_METER_ABSENT, "no package zone in");
  tree_remove(&tree);

  tree_make(&tree);
  expect_unusable(&tree, JC_METER_ABSENT, "no package zone in");
  char hidden[TREE_PATH]; /* as in a container that masks the zones' folders */
  tree_join(hidden, tree.powercap, "intel-rapl:0");
  cr_assert(symlink("../../devices/virtual/powercap/intel-rapl/intel-rapl:0", hidden) == 0);
  expect_unusable(&tree, JC_METER_ABSENT, "its files are hidden");
  tree_remove(&tree);
  expect_unusable(&tree, JC_METER_ABSENT, "no such file or directory");
}

Test(powercap, more_zones_than_there_is_room_for) {
  struct tree tree;
  tree_make(&tree);
  for (int i = 0; i <= JC_METER_MAX_COUNTERS; i++) {
    char zone[32];
    (void)snprintf(zone, sizeof zone, "intel-rapl:%d", i);
    tree_write(&tree, zone, "name", "package-0\n");
    tree_write(&tree, zone, "energy_uj", "1\n");
  }
  struct jc_meter_options options = {.powercap_root = tree.powercap};
  struct jc_error error = {0};
  struct jc_meter *meter;
  cr_assert_eq(jc_meter_open("powercap", &options, &meter, &error), JC_ERROR_OVERFLOW);
  cr_assert_str_eq(error.text, "more than 64 energy zones");
  tree_remove(&tree);
}

/* ---- Counting ------------------------------------------------------------------------------- */

Test(powercap, wraps) {
  static const char *const zones[] = {"intel-rapl:0", NULL};
  struct tree tree;
  tree_copy(&tree, "intel-one-package");
  tree_set(&tree, "intel-rapl:0", usual_range - 40000000); /* 40 J before the end */
  struct jc_meter *meter = open_advancing(&tree, zones);
  double before_j = read_now(meter).energy_j;
  uint64_t before = tree_get(&tree, "intel-rapl:0");
  tree_set(&tree, "intel-rapl:0", 25000000);
  double expected_j = 1e-6 * (double)(usual_range - before + 25000000);
  cr_assert_float_eq(read_now(meter).energy_j - before_j, expected_j, 1e-6);
  cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:0", 0), 0, 1e-6);
  jc_meter_close(meter);
  tree_remove(&tree);
}

/* What happened around a jump is unknown, so that reading fails for good. */
static void expect_lost(const char *machine, uint64_t first, uint64_t then) {
  static const char *const zones[] = {"intel-rapl:0", NULL};
  struct tree tree;
  tree_copy(&tree, machine);
  tree_set(&tree, "intel-rapl:0", first);
  struct jc_meter *meter = open_advancing(&tree, zones);
  (void)read_now(meter);
  tree_set(&tree, "intel-rapl:0", then);
  for (int i = 0; i < 2; i++) {
    struct jc_error error = {0};
    struct jc_meter_reading reading;
    cr_assert_eq(jc_meter_read(meter, &reading, &error), JC_ERROR_RUNTIME);
    cr_assert_str_eq(error.path, "powercap");
    cr_assert(strstr(error.text, "'intel-rapl:0' jumped from") != NULL, "got: %s", error.text);
    tree_set(&tree, "intel-rapl:0", then + 1000);
  }
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(powercap, jumps) {
  expect_lost("intel-one-package", 100000000000, 5000);   /* back: a reset */
  expect_lost("intel-one-package", 1000000, 50000000000); /* ahead: 50 kJ at once */
  expect_lost("intel-one-package", 1000000, usual_range); /* beyond its range */
  expect_lost("no-range", 1000000000, 5000);              /* back, and no range to wrap at */
}

Test(powercap, without_a_range_it_counts_and_says_so) {
  struct tree tree;
  tree_copy(&tree, "no-range");
  static const char *const texts[] = {NULL, "many\n", "0\n", "18446744073709551615\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    if (texts[i] != NULL) {
      tree_write(&tree, "intel-rapl:0", "max_energy_range_uj", texts[i]);
    }
    struct jc_meter *meter = open_advancing(&tree, (const char *const[]){"intel-rapl:0", NULL});
    cr_assert_eq(jc_meter_info(meter)->counters[0].range, 0);
    cr_assert(has_note(jc_meter_info(meter), "intel-rapl:0 tells no range"));
    cr_assert_float_eq(advance_j(meter, &tree, "intel-rapl:0", 7000000), 7, 1e-6);
    jc_meter_close(meter);
  }
  tree_remove(&tree);
}

Test(powercap, a_failed_read_is_an_error_and_never_zero) {
  struct tree tree;
  tree_copy(&tree, "intel-one-package");
  struct jc_meter *meter = open_advancing(&tree, (const char *const[]){"intel-rapl:0", NULL});
  double before_j = read_now(meter).energy_j;
  uint64_t before = tree_get(&tree, "intel-rapl:0");
  tree_write(&tree, "intel-rapl:0", "energy_uj", "");
  struct jc_error error = {0};
  struct jc_meter_reading reading = {.energy_j = 42};
  cr_assert_eq(jc_meter_read(meter, &reading, &error), JC_ERROR_UNAVAILABLE);
  cr_assert_str_eq(error.path, "powercap");
  cr_assert_float_eq(reading.energy_j, 42, 0);
  tree_set(&tree, "intel-rapl:0", before + 3000000); /* it recovers, and nothing is lost */
  cr_assert_float_eq(read_now(meter).energy_j - before_j, 3, 1e-6);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(powercap, a_counter_that_stops_is_an_error) {
  struct tree tree;
  tree_copy(&tree, "intel-one-package");
  struct jc_meter *meter = open_advancing(&tree, (const char *const[]){"intel-rapl:0", NULL});
  const struct timespec pause = {.tv_sec = 2, .tv_nsec = 200000000};
  (void)read_now(meter);
  (void)nanosleep(&pause, NULL);
  struct jc_error error = {0};
  struct jc_meter_reading reading;
  cr_assert_eq(jc_meter_read(meter, &reading, &error), JC_ERROR_RUNTIME);
  cr_assert(strstr(error.text, "'intel-rapl:0' has stopped") != NULL, "got: %s", error.text);
  jc_meter_close(meter);
  tree_remove(&tree);
}

/* ---- The simulated tree --------------------------------------------------------------------- */

/* Compares METER with the simulator over 2 s of load; NAN if a poll came so late that a wrap may
 * have been missed, which a busy machine can do to anyone. */
static double relative_error(struct jc_meter *meter, const struct tree *tree) {
  struct jc_meter_reading before = read_now(meter);
  double before_j = simulator_known_j(tree);
  jc_meter_spin(2);
  double known_j = simulator_known_j(tree) - before_j;
  struct jc_meter_reading after = read_now(meter);
  cr_assert_gt(known_j, 1.9 * 2 * 12);
  return after.late_polls == before.late_polls ? (after.energy_j - before.energy_j) / known_j - 1
                                               : NAN;
}

Test(simulator, many_wraps_two_packages_dram_and_an_unreadable_zone, .timeout = 60) {
  static const char *const options[] = {"--packages", "2",       "--dram", "--unreadable",
                                        "--range-uj", "6000000", /* 6 J */
                                        NULL};
  struct tree tree;
  tree_make(&tree);
  pid_t simulator = simulator_start(&tree, options);
  struct jc_meter_options meter_options = {.root = tree.root};
  struct jc_error error = {0};
  struct jc_meter *meter;
  cr_assert_eq(jc_meter_open(NULL, &meter_options, &meter, &error), JC_OK, "%s", error.text);
  const struct jc_meter_info *info = jc_meter_info(meter);
  cr_assert_str_eq(info->domain, "package+dram");
  cr_assert_str_eq(info->covers, "package-0, package-1, package-0 dram, package-1 dram");
  cr_assert(has_note(info, "intel-rapl:2 (package-2) is not counted"));
  double off = NAN;
  for (int attempt = 0; attempt < 5 && isnan(off); attempt++) {
    off = relative_error(meter, &tree);
  }
  cr_assert(!isnan(off), "the machine is too busy for a counter that wraps every 360 ms");
  cr_assert_float_eq(off, 0, 0.05, "off by %.1f %%", 100 * off);
  jc_meter_close(meter);
  cr_assert_eq(simulator_stop(simulator), 0);
  tree_remove(&tree);
}

Test(simulator, ends_with_the_process_it_watches) {
  struct tree tree;
  tree_make(&tree);
  pid_t watched = fork();
  if (watched == 0) {
    (void)pause();
    _exit(0);
  }
  char pid[24];
  (void)snprintf(pid, sizeof pid, "%ld", (long)watched);
  pid_t simulator = simulator_start(&tree, (const char *const[]){"--pid", pid, NULL});
  (void)kill(watched, SIGKILL);
  int status = -1;
  cr_assert_eq(waitpid(simulator, &status, 0), simulator);
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  cr_assert_eq(waitpid(watched, &status, 0), watched);
  tree_remove(&tree);
}

/* The tree stands before the command begins, its counters advance, its exit status is handed on. */
static int run_simulated(const struct tree *tree, const char *script) {
  char command[PATH_MAX + 64];
  (void)snprintf(command, sizeof command,
                 "'%s/tests/simulate_powercap' --root '%s' -- sh -c '%s' sh '%s'", TEST_BINARY_DIR,
                 tree->powercap, script, tree->powercap);
  const int status = system(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(simulator, runs_a_command_under_counters_of_its_own) {
  struct tree tree;
  tree_make(&tree);
  cr_assert_eq(run_simulated(&tree, "test -s \"$1/known_j\" && exec sleep 0.3"), 0);
  const double known_j = simulator_known_j(&tree);
  cr_assert_gt(known_j, 0.3 * 12 * 0.9, "%g J", known_j);
  cr_assert_eq(run_simulated(&tree, "exit 7"), 7);
  cr_assert_eq(run_simulated(&tree, "kill -KILL $$"), 128 + SIGKILL);
  cr_assert_eq(run_simulated(&tree, "exec no-such-command 2>/dev/null"), 127);
  tree_remove(&tree);
}
