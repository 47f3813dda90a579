/* test_meter_sources.c -- perf, hwmon and NVML, the sum of several, and what happens when they fail
 * in mid-run. */
#include <dlfcn.h>
#include <math.h>

#include "calibrate/meter.h"
#include "tests/fake_sources.h"
#include "tests/powercap_tree.h"

static struct jc_meter_info info;

/* A machine from the fixtures with the fake kernel, without boards. */
static struct jc_meter_options start(struct tree *tree, const char *machine) {
  fake_start();
  tree_copy(tree, machine);
  return (struct jc_meter_options){.root = tree->root, .perf = &fake_perf};
}

static struct jc_meter *open_meter(const char *name, const struct jc_meter_options *options) {
  struct jc_error error = {0};
  struct jc_meter *meter = NULL;
  cr_assert_eq(jc_meter_open(name, options, &meter, &error), JC_OK, "%s: %s", error.path,
               error.text);
  return meter;
}

static void expect_not_opened(const char *name, const struct jc_meter_options *options,
                              enum jc_status status, const char *text) {
  struct jc_error error = {0};
  struct jc_meter *meter = NULL;
  cr_assert_eq(jc_meter_open(name, options, &meter, &error), status, "%s", error.text);
  cr_assert_null(meter);
  cr_assert(strstr(error.text, text) != NULL, "got: %s", error.text);
}

static void probe(const char *name, const struct jc_meter_options *options,
                  enum jc_meter_state state, const char *reason) {
  struct jc_error error = {0};
  cr_assert_eq(jc_meter_probe(name, options, &info, &error), JC_OK);
  cr_assert_eq(info.state, state, "%s: %s", jc_meter_state_name(info.state), info.reason);
  cr_assert(strstr(info.reason, reason) != NULL, "got: %s", info.reason);
}

static bool has_note(const struct jc_meter_info *of, const char *text) {
  for (uint32_t i = 0; i < of->note_count; i++) {
    if (strstr(of->notes[i], text) != NULL) {
      return true;
    }
  }
  return false;
}

static struct jc_meter_reading read_now(struct jc_meter *meter) {
  struct jc_meter_reading reading;
  struct jc_error error = {0};
  cr_assert_eq(jc_meter_read(meter, &reading, &error), JC_OK, "%s", error.text);
  return reading;
}

/* What METER shows over some time is POWER_W: at least for the time between its two readings, at
 * most for that and the readings themselves. */
static void expect_power(struct jc_meter *meter, double power_w) {
  const struct timespec pause = {.tv_nsec = 50000000};
  double begin_s = fake_now_s();
  double before_j = read_now(meter).energy_j;
  double inner_begin_s = fake_now_s();
  (void)nanosleep(&pause, NULL);
  double inner_end_s = fake_now_s();
  double energy_j = read_now(meter).energy_j - before_j;
  double end_s = fake_now_s();
  cr_assert_geq(energy_j, power_w * (inner_end_s - inner_begin_s) - 0.01);
  cr_assert_leq(energy_j, power_w * (end_s - begin_s) + 0.01);
}

static void expect_failure(struct jc_meter *meter, enum jc_status status, const char *source,
                           const char *text) {
  struct jc_meter_reading reading;
  struct jc_error error = {0};
  cr_assert_eq(jc_meter_read(meter, &reading, &error), status, "%s", error.text);
  cr_assert_str_eq(error.path, source);
  cr_assert(strstr(error.text, text) != NULL, "got: %s", error.text);
}

/* ---- perf ----------------------------------------------------------------------------------- */

Test(perf, two_packages_with_dram) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "perf-two-packages");
  struct jc_meter *meter = open_meter("perf", &options);
  const struct jc_meter_info *opened = jc_meter_info(meter);
  cr_assert_str_eq(opened->domain, "package+dram");
  cr_assert_str_eq(opened->covers, "package-0, package-1, package-0 dram, package-1 dram");
  cr_assert(opened->measured);
  cr_assert_eq(fake.asked_count, 4, "cores and psys are not counted");
  cr_assert_eq(fake.asked[1].type, 21);
  cr_assert_eq(fake.asked[1].config, 2);
  cr_assert_eq(fake.asked[1].cpu, 18);
  cr_assert_eq(fake.asked[2].config, 3);
  cr_assert_float_eq(opened->counters[0].unit_j, fake_perf_unit_j, 1e-24);
  expect_power(meter, 2.5 * (fake_package_w + fake_dram_w));
  jc_meter_close(meter);
  cr_assert_eq(fake.open_count, 0);
  tree_remove(&tree);
}

/* Replaces FILE of the power PMU; NULL removes it. */
static void set_pmu(const struct tree *tree, const char *file, const char *text) {
  char folder[TREE_PATH];
  char path[TREE_PATH];
  tree_join(folder, tree->root, "sys/bus/event_source/devices/power");
  tree_join(path, folder, file);
  (void)remove(path);
  if (text != NULL) {
    FILE *out = fopen(path, "w");
    cr_assert(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
  }
}

Test(perf, descriptions) {
  static const struct {
    const char *file, *text;
    enum jc_meter_state state;
    const char *reason;
  } cases[] = {
      {"type", "abc\n", JC_METER_UNREADABLE,
       "'type' of the power PMU: expected a number, got 'abc'"},
      {"type", "-1\n", JC_METER_UNREADABLE, "expected a number, got '-1'"},
      {"type", "4294967296\n", JC_METER_UNREADABLE, "expected a number"},
      {"type", NULL, JC_METER_UNREADABLE, "expected a number, got ''"},
      {"cpumask", "\n", JC_METER_UNREADABLE, "expected a list of at most 64 CPUs, got ''"},
      {"cpumask", "0-\n", JC_METER_UNREADABLE, "got '0-'"},
      {"cpumask", "3-1\n", JC_METER_UNREADABLE, "got '3-1'"},
      {"cpumask", "0-64\n", JC_METER_UNREADABLE, "got '0-64'"},
      {"cpumask", "0;1\n", JC_METER_UNREADABLE, "got '0;1'"},
      {"events/energy-pkg", "event=\n", JC_METER_UNREADABLE, "expected event=0xNUMBER"},
      {"events/energy-pkg", "config=2\n", JC_METER_UNREADABLE, "got 'config=2'"},
      {"events/energy-pkg", NULL, JC_METER_ABSENT, "has no event 'energy-pkg'"},
      {"events/energy-pkg.unit", "Watts\n", JC_METER_UNREADABLE, "expected Joules, got 'Watts'"},
      {"events/energy-pkg.scale", "2.3e\n", JC_METER_UNREADABLE, "joules per count"},
      {"events/energy-pkg.scale", "0\n", JC_METER_UNREADABLE, "joules per count"},
      {"events/energy-pkg.scale", "nan\n", JC_METER_UNREADABLE, "joules per count"},
      {"events/energy-pkg.scale", NULL, JC_METER_UNREADABLE, "joules per count"},
      {"cpumask", NULL, JC_METER_OK, ""},
      {"cpumask", "0-1\n", JC_METER_OK, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct tree tree;
    struct jc_meter_options options = start(&tree, "perf-two-packages");
    set_pmu(&tree, cases[i].file, cases[i].text);
    probe("perf", &options, cases[i].state, cases[i].reason);
    cr_assert_eq(fake.open_count, 0);
    tree_remove(&tree);
  }
}

Test(perf, a_damaged_event_of_memory_leaves_the_packages) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "perf-two-packages");
  set_pmu(&tree, "events/energy-ram.scale", "many\n");
  probe("perf", &options, JC_METER_OK, "");
  cr_assert_str_eq(info.domain, "package");
  cr_assert(has_note(&info, "energy-ram is not counted: 'events/energy-ram.scale'"));
  tree_remove(&tree);
}

Test(perf, denied_absent_or_still) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "perf-two-packages");
  fake.perf_open_errno = EACCES;
  probe("perf", &options, JC_METER_PERMISSION,
        "cannot open event 'energy-pkg' of the power PMU on cpu 0: permission denied");
  fake.perf_open_errno = EPERM; /* as a container's filter answers */
  probe("perf", &options, JC_METER_PERMISSION, "operation not permitted");
  fake.perf_open_errno = EINVAL;
  probe("perf", &options, JC_METER_UNREADABLE, "invalid argument");
  fake.perf_open_errno = 0;
  fake_trouble(&fake.perf, FAKE_STOPPED);
  probe("perf", &options, JC_METER_NOT_ADVANCING, "'energy-pkg:cpu0' does not advance");
  atomic_store(&fake.perf, FAKE_WELL);
  fake.denied_cpu = 18;
  probe("perf", &options, JC_METER_OK, "");
  cr_assert_str_eq(info.covers, "package-0, package-0 dram");
  cr_assert(has_note(&info, "energy-pkg:cpu18 (package-1) is not counted: cannot open event"));
  options.perf = NULL;
  probe("perf", &options, JC_METER_ABSENT, "has no kernel to open its power PMU");
  tree_remove(&tree);

  options = start(&tree, "virtual-machine");
  probe("perf", &options, JC_METER_ABSENT, "the kernel's power PMU has no event 'energy-pkg'");
  tree_remove(&tree);
  options = start(&tree, "bare-metal");
  probe("perf", &options, JC_METER_ABSENT, "the kernel has no power PMU");
  tree_remove(&tree);
}

/* Two CPUs of the mask in one package: two dies, or one counter seen twice. */
Test(perf, dies) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "perf-two-packages");
  char folder[TREE_PATH];
  char path[TREE_PATH];
  tree_join(folder, tree.root, "sys/devices/system/cpu/cpu18/topology");
  tree_join(path, folder, "physical_package_id");
  FILE *out = fopen(path, "w");
  cr_assert(out != NULL && fputs("0\n", out) >= 0 && fclose(out) == 0);
  tree_join(path, folder, "die_id");
  out = fopen(path, "w");
  cr_assert(out != NULL && fputs("1\n", out) >= 0 && fclose(out) == 0);
  probe("perf", &options, JC_METER_OK, "");
  cr_assert_str_eq(info.covers, "package-0-die-0, package-0-die-1, package-0-die-0 dram, "
                                "package-0-die-1 dram");
  fake.mirrored = true;
  probe("perf", &options, JC_METER_OK, "");
  cr_assert_str_eq(info.covers, "package-0-die-0, package-0-die-0 dram");
  cr_assert(has_note(&info, "energy-pkg:cpu18 (package-0-die-1) is not counted: it shows the "
                            "counter of 'energy-pkg:cpu0', which is counted"));
  tree_remove(&tree);
}

/* ---- hwmon ---------------------------------------------------------------------------------- */

/* Makes the two sockets of the fixture advance, as hwmon files below the powercap folder's place.
 */
static void hwmon_advance(struct advancer *advancer, struct tree *monitor,
                          const struct tree *tree) {
  static const char *const sensors[] = {"energy3_input", "energy4_input", NULL};
  tree_join(monitor->powercap, tree->root, "sys/class/hwmon/hwmon3");
  advancer_start_files(advancer, monitor, sensors);
}

Test(hwmon, counts_sockets_of_amd_energy_alone) {
  struct tree tree;
  struct tree monitor;
  struct advancer advancer;
  struct jc_meter_options options = start(&tree, "amd-hwmon");
  hwmon_advance(&advancer, &monitor, &tree);
  struct jc_meter *meter = open_meter("hwmon", &options);
  advancer_stop(&advancer);
  const struct jc_meter_info *opened = jc_meter_info(meter);
  cr_assert_str_eq(opened->domain, "package");
  cr_assert_str_eq(opened->covers, "package-0, package-1");
  cr_assert_eq(opened->counter_count, 2, "cores are in the sockets, another driver is not known");
  cr_assert_str_eq(opened->counters[1].name, "hwmon3/energy4_input");
  double before_j = read_now(meter).energy_j;
  tree_set_file(&monitor, "energy4_input", tree_get_file(&monitor, "energy4_input") + 2500000);
  cr_assert_float_eq(read_now(meter).energy_j - before_j, 2.5, 1e-6);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(hwmon, absent_still_or_broken) {
  struct tree tree;
  char path[TREE_PATH];
  struct jc_meter_options options = start(&tree, "amd-hwmon");
  probe("hwmon", &options, JC_METER_NOT_ADVANCING, "'hwmon3/energy3_input' does not advance");
  for (int i = 3; i <= 4; i++) {
    (void)snprintf(path, sizeof path, "%.400s/sys/class/hwmon/hwmon3/energy%d_input", tree.root, i);
    FILE *out = fopen(path, "w");
    cr_assert(out != NULL && fputs("12 J\n", out) >= 0 && fclose(out) == 0);
  }
  probe("hwmon", &options, JC_METER_UNREADABLE,
        "'hwmon3/energy3_input': expected a line with a count of microjoules, got '12 J'");
  tree_remove(&tree);
  options = start(&tree, "amd");
  probe("hwmon", &options, JC_METER_ABSENT, "no hardware monitor with a known energy counter");
  tree_remove(&tree);
}

/* ---- NVML ----------------------------------------------------------------------------------- */

Test(nvml, boards_are_a_domain_of_their_own) {
  fake_start();
  struct jc_meter_options options = {.nvml = &fake_nvml};
  struct jc_meter *meter = open_meter("nvml", &options);
  cr_assert_str_eq(jc_meter_info(meter)->domain, "board");
  cr_assert_str_eq(jc_meter_info(meter)->covers, "board 0 Fake 1, board 1 Fake 2");
  cr_assert(jc_meter_info(meter)->measured);
  expect_power(meter, 2 * fake_board_w);
  jc_meter_close(meter);
  cr_assert_eq(fake.nvml_starts, 1);
  cr_assert_eq(fake.nvml_ends, 1);
}

Test(nvml, what_it_cannot_do_is_said) {
  static const struct {
    int init_result, energy_result;
    unsigned int boards;
    enum jc_meter_state state;
    const char *reason;
  } cases[] = {
      {JC_NVML_DRIVER_NOT_LOADED, 0, 1, JC_METER_ABSENT, "NVML does not start: Driver Not Loaded"},
      {JC_NVML_NO_PERMISSION, 0, 1, JC_METER_PERMISSION, "Insufficient Permissions"},
      {0, JC_NVML_NOT_SUPPORTED, 1, JC_METER_UNSUPPORTED,
       "cannot read the total energy of gpu0: Not Supported"},
      {0, JC_NVML_GPU_IS_LOST, 1, JC_METER_UNREADABLE, "GPU is lost"},
      {0, 0, 0, JC_METER_ABSENT, "NVML sees no board: 0 found"},
  };
  struct jc_meter_options options = {.nvml = &fake_nvml};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fake_start();
    fake.init_result = cases[i].init_result;
    fake.energy_result = cases[i].energy_result;
    fake.boards = cases[i].boards;
    probe("nvml", &options, cases[i].state, cases[i].reason);
    cr_assert_eq(fake.nvml_ends, fake.nvml_starts);
  }
}

/* A library that is in the process already is what its name stands for. */
static void load_library(const char *age) {
  char path[TREE_PATH];
  (void)snprintf(path, sizeof path, TEST_BINARY_DIR "/tests/nvml-%s/libnvidia-ml.so.1", age);
  cr_assert(dlopen(path, RTLD_NOW | RTLD_LOCAL) != NULL, "%s", dlerror());
}

Test(nvml, the_library_is_loaded_by_name) {
  load_library("new");
  probe("nvml", NULL, JC_METER_OK, "");
  cr_assert_str_eq(info.covers, "board 0 Loaded 1");
  cr_assert_float_eq(info.counters[0].unit_j, 1e-3, 1e-12);
}

Test(nvml, a_library_from_before_energy_counters) {
  load_library("old");
  probe("nvml", NULL, JC_METER_UNSUPPORTED,
        "'libnvidia-ml.so.1' has no 'nvmlDeviceGetTotalEnergyConsumption'");
}

Test(nvml, a_folder_has_no_driver) {
  struct jc_meter_options options = {.root = "/nowhere"};
  probe("nvml", &options, JC_METER_ABSENT, "'/nowhere' has no NVIDIA driver to ask");
  options.root = NULL; /* this machine's, which has one or not */
  struct jc_error error = {0};
  cr_assert_eq(jc_meter_probe("nvml", &options, &info, &error), JC_OK);
  cr_assert(info.state == JC_METER_OK || info.reason[0] != '\0');
}

/* ---- Several -------------------------------------------------------------------------------- */

Test(sum, automatic_choice_adds_boards_to_the_first_processor_source) {
  struct tree tree;
  struct advancer advancer;
  struct jc_meter_options options = start(&tree, "amd");
  options.nvml = &fake_nvml;
  advancer_start(&advancer, &tree, (const char *const[]){"intel-rapl:0", NULL});
  struct jc_meter *meter = open_meter(NULL, &options);
  advancer_stop(&advancer);
  cr_assert_str_eq(jc_meter_info(meter)->name, "powercap+nvml");
  cr_assert_str_eq(jc_meter_info(meter)->domain, "package+board");
  cr_assert_str_eq(jc_meter_info(meter)->covers, "package-0, board 0 Fake 1, board 1 Fake 2");
  cr_assert_eq(fake.asked_count, 0, "perf counts what powercap does");
  expect_power(meter, 2 * fake_board_w);
  jc_meter_close(meter);

  meter = open_meter(NULL, &options); /* the zone stands still now */
  uint32_t count;
  const struct jc_meter_attempt *attempts = jc_meter_attempts(meter, &count);
  cr_assert_str_eq(jc_meter_info(meter)->name, "perf+nvml");
  cr_assert_str_eq(jc_meter_info(meter)->domain, "package+board");
  cr_assert_eq(count, 1);
  cr_assert_str_eq(attempts[0].name, "powercap");
  expect_power(meter, fake_package_w + 2 * fake_board_w);
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(sum, hwmon_comes_after_perf) {
  struct tree tree;
  struct tree monitor;
  struct advancer advancer;
  struct jc_meter_options options = start(&tree, "amd-hwmon");
  hwmon_advance(&advancer, &monitor, &tree);
  struct jc_meter *meter = open_meter(NULL, &options);
  advancer_stop(&advancer);
  cr_assert_str_eq(jc_meter_info(meter)->name, "hwmon");
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(sum, by_name) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "perf-two-packages");
  options.nvml = &fake_nvml;
  struct jc_meter *meter = open_meter("perf", &options);
  cr_assert_str_eq(jc_meter_info(meter)->domain, "package+dram", "boards only where named");
  jc_meter_close(meter);
  meter = open_meter("nvml+perf", &options);
  cr_assert_str_eq(jc_meter_info(meter)->name, "nvml+perf");
  cr_assert_str_eq(jc_meter_info(meter)->domain, "board+package+dram");
  expect_power(meter, 2.5 * (fake_package_w + fake_dram_w) + 2 * fake_board_w);
  jc_meter_close(meter);
  options.model = (struct jc_meter_model){.idle_w = 10, .tdp_w = 60, .cores = 4};
  meter = open_meter("model+nvml", &options);
  cr_assert(!jc_meter_info(meter)->measured, "a part of it is modelled");
  jc_meter_close(meter);
  expect_not_opened("perf+powercap", &options, JC_ERROR_USAGE,
                    "perf and powercap may count the same hardware: name one of them");
  expect_not_opened("replay+nvml", &options, JC_ERROR_USAGE, "name one of them");
  expect_not_opened("perf+watt", &options, JC_ERROR_USAGE, "unknown meter 'watt'");
  expect_not_opened("perf+", &options, JC_ERROR_USAGE, "unknown meter ''");
  fake.boards = 0;
  expect_not_opened("perf+nvml", &options, JC_ERROR_UNAVAILABLE, "NVML sees no board");
  cr_assert_eq(fake.open_count, 0, "what was open is closed again");
  tree_remove(&tree);
}

Test(sum, boards_alone_are_no_measure_of_this_machine) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "bare-metal");
  options.nvml = &fake_nvml;
  expect_not_opened(NULL, &options, JC_ERROR_UNAVAILABLE, "no energy meter works (powercap: ");
  options.allow_model = true;
  options.model = (struct jc_meter_model){.idle_w = 10, .tdp_w = 60, .cores = 4};
  struct jc_meter *meter = open_meter(NULL, &options);
  cr_assert_str_eq(jc_meter_info(meter)->name, "model");
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(sum, boards_that_do_not_count_are_noted) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "perf-two-packages");
  options.nvml = &fake_nvml;
  fake.energy_result = JC_NVML_NOT_SUPPORTED;
  struct jc_meter *meter = open_meter(NULL, &options);
  cr_assert_str_eq(jc_meter_info(meter)->name, "perf");
  cr_assert(has_note(jc_meter_info(meter),
                     "nvml is not in the sum: cannot read the total energy of gpu0"));
  jc_meter_close(meter);
  tree_remove(&tree);
}

/* ---- Bad luck ------------------------------------------------------------------------------- */

Test(bad_luck, a_counter_disappears) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "perf-two-packages");
  options.nvml = &fake_nvml;
  struct jc_meter *meter = open_meter("perf+nvml", &options);
  double before_j = read_now(meter).energy_j;
  fake_trouble(&fake.perf, FAKE_GONE);
  expect_failure(meter, JC_ERROR_UNAVAILABLE, "perf",
                 "cannot read an event of the power PMU: no such device");
  atomic_store(&fake.perf, FAKE_WELL);
  fake_trouble(&fake.nvml, FAKE_GONE);
  expect_failure(meter, JC_ERROR_UNAVAILABLE, "nvml",
                 "cannot read the energy of gpu0: GPU is lost");
  atomic_store(&fake.nvml, FAKE_WELL);
  cr_assert_gt(read_now(meter).energy_j, before_j, "it comes back, and nothing is lost");
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(bad_luck, a_counter_begins_anew) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "perf-two-packages");
  options.nvml = &fake_nvml;
  struct jc_meter *meter = open_meter("perf+nvml", &options);
  fake_trouble(&fake.nvml, FAKE_RESET);
  for (int i = 0; i < 2; i++) {
    expect_failure(meter, JC_ERROR_RUNTIME, "nvml", "counter 'gpu0' jumped from");
  }
  jc_meter_close(meter);
  atomic_store(&fake.nvml, FAKE_WELL);
  meter = open_meter("perf", &options);
  fake_trouble(&fake.perf, FAKE_RESET);
  expect_failure(meter, JC_ERROR_RUNTIME, "perf", "counter 'energy-pkg:cpu0' jumped from");
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(bad_luck, a_counter_stops) {
  struct tree tree;
  struct jc_meter_options options = start(&tree, "perf-two-packages");
  options.nvml = &fake_nvml;
  struct jc_meter *meter = open_meter("perf+nvml", &options);
  fake_trouble(&fake.nvml, FAKE_STOPPED);
  (void)read_now(meter); /* its last advance is seen now */
  const struct timespec pause = {.tv_sec = 2, .tv_nsec = 100000000};
  (void)nanosleep(&pause, NULL);
  expect_failure(meter, JC_ERROR_RUNTIME, "nvml", "counter 'gpu0' has stopped: no advance for ");
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(bad_luck, a_monitor_disappears) {
  struct tree tree;
  struct tree monitor;
  struct advancer advancer;
  struct jc_meter_options options = start(&tree, "amd-hwmon");
  hwmon_advance(&advancer, &monitor, &tree);
  struct jc_meter *meter = open_meter("hwmon", &options);
  advancer_stop(&advancer);
  char path[TREE_PATH];
  tree_join(path, monitor.powercap, "energy3_input");
  cr_assert_eq(truncate(path, 0), 0); /* what is left of an open file whose driver is gone */
  expect_failure(meter, JC_ERROR_UNAVAILABLE, "hwmon",
                 "'hwmon3/energy3_input': expected a line with a count of microjoules, got ''");
  jc_meter_close(meter);
  tree_remove(&tree);
}
