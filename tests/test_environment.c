/* test_environment.c -- fixture folders are machines: what they are, and how busy. */
#include "estimator/environment.h"
#include "tests/file_fixtures.h"

#define MACHINES FIXTURES "/machines/"

static void probe(const char *root, const char *cpu_model, uint32_t cpus, uint64_t memory_bytes,
                  const char *isa) {
  struct jc_machine machine;
  struct jc_error error = {0};
  cr_assert_eq(jc_environment_probe(root, &machine, &error), JC_OK, "%s: %s", error.file,
               error.text);
  cr_assert_str_eq(machine.cpu_model, cpu_model);
  cr_assert_eq(machine.cpus, cpus, "%s: %u CPUs", root, machine.cpus);
  cr_assert_eq(machine.memory_bytes, memory_bytes, "%s: %llu bytes", root,
               (unsigned long long)machine.memory_bytes);
  cr_assert_str_eq(machine.isa, isa);
}

Test(environment, virtual_machine_that_hides_its_model) {
  probe(MACHINES "cloud-vm", "Intel(R) Xeon(R) Processor", 2, UINT64_C(24543844) * 1024, "avx512");
}

Test(environment, desktop_without_limits) {
  probe(MACHINES "desktop", "AMD Ryzen 9 3900X 12-Core Processor", 4, UINT64_C(32781504) * 1024,
        "avx2");
}

Test(environment, container_of_cgroup_v2_is_bound_by_the_tightest_ancestor) {
  probe(MACHINES "cgroup-v2", "AMD EPYC 7763 64-Core Processor", 2, UINT64_C(4) << 30, "avx2");
}

Test(environment, container_of_cgroup_v1) {
  probe(MACHINES "cgroup-v1", "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", 1, UINT64_C(2) << 30,
        "avx512");
}

Test(environment, arm_board_has_a_name_but_no_model) {
  probe(MACHINES "arm-board", "Raspberry Pi 4 Model B Rev 1.4", 4, UINT64_C(3884280) * 1024,
        "neon");
}

Test(environment, arm_server_has_numbers_only) {
  probe(MACHINES "arm-server", "ARM implementer 0x41 part 0xd40", 2, UINT64_C(16013496) * 1024,
        "sve");
}

Test(environment, this_machine_is_readable) {
  struct jc_machine machine;
  struct jc_error error = {0};
  cr_assert_eq(jc_environment_probe(NULL, &machine, &error), JC_OK, "%s", error.text);
  cr_assert(machine.cpu_model[0] != '\0' && machine.isa[0] != '\0');
  cr_assert(machine.cpus >= 1 && machine.memory_bytes > 0);
}

Test(environment, what_is_missing_is_named) {
  struct jc_machine machine;
  struct jc_error error = {0};
  jc_environment_probe(MACHINES "nowhere", &machine, &error);
  expect_error(&error, JC_ERROR_IO,
               "/nowhere/proc/cpuinfo: cannot read: No such file or directory");

  memset(&error, 0, sizeof(error));
  jc_environment_probe(MACHINES "no-processor", &machine, &error);
  expect_error(&error, JC_ERROR_INVALID,
               "/no-processor/proc/cpuinfo: expected a 'processor' line, found none");

  memset(&error, 0, sizeof(error));
  jc_environment_probe(MACHINES "no-memory", &machine, &error);
  expect_error(&error, JC_ERROR_INVALID,
               "/no-memory/proc/meminfo: expected 'MemTotal: <number> kB'");
}

/* ---- load ---- */

static char scratch[PATH_MAX], stat_path[PATH_MAX];

static void setup(void) {
  make_scratch(scratch);
  join_path(stat_path, scratch, "proc/stat");
}

static void teardown(void) {
  remove_scratch(scratch);
}

TestSuite(load, .init = setup, .fini = teardown);

/* Load between two states of proc/stat, had the process used OWN_S more CPU seconds than it did. */
static double load_between(const char *before, const char *after, double own_s) {
  struct jc_load_window window;
  struct jc_error error = {0};
  double load = -1;
  write_text(stat_path, before);
  cr_assert_eq(jc_load_begin(scratch, &window, &error), JC_OK, "%s", error.text);
  window.own_s -= own_s;
  write_text(stat_path, after);
  cr_assert_eq(jc_load_end(scratch, &window, &load, &error), JC_OK, "%s", error.text);
  return load;
}

Test(load, counts_user_system_interrupts_and_stolen_time_but_not_waiting) {
  struct jc_load_window window;
  struct jc_error error = {0};
  write_text(stat_path, "cpu  100 10 50 1000 20 3 2 5 7 7\ncpu0 1 1 1 1\n");
  cr_assert_eq(jc_load_begin(scratch, &window, &error), JC_OK);
  cr_assert_eq(window.busy_ticks, 170u);
  cr_assert_eq(window.total_ticks, 1190u);
}

Test(load, is_the_busy_share_of_all_cpus) {
  /* The test itself runs for a few ticks of these 4e6. */
  cr_assert_float_eq(load_between("cpu 100 10 50 1000\n", "cpu 1000100 10 50 3001000\n", 0), 0.25,
                     0.001);
}

Test(load, own_time_is_taken_off_and_the_share_stays_within_0_and_1) {
  cr_assert_eq(load_between("cpu 0 0 0 100\n", "cpu 50 0 0 150\n", 1e6), 0.0);
  cr_assert_eq(load_between("cpu 0 0 0 100\n", "cpu 50 0 0 150\n", -1e6), 1.0);
}

Test(load, counters_that_stand_still_are_an_error) {
  struct jc_load_window window;
  struct jc_error error = {0};
  double load = -1;
  write_text(stat_path, "cpu 1 2 3 4\n");
  cr_assert_eq(jc_load_begin(scratch, &window, &error), JC_OK);
  jc_load_end(scratch, &window, &load, &error);
  expect_error(&error, JC_ERROR_RUNTIME, "/proc/stat: the CPU time counters have not advanced");
}

Test(load, malformed_and_missing_counters_are_errors) {
  struct jc_load_window window;
  struct jc_error error = {0};
  write_text(stat_path, "intr 1 2 3\n");
  jc_load_begin(scratch, &window, &error);
  expect_error(&error, JC_ERROR_INVALID, "/proc/stat: expected 'cpu' and at least 4 numbers");

  memset(&error, 0, sizeof(error));
  cr_assert_eq(unlink(stat_path), 0);
  jc_load_begin(scratch, &window, &error);
  expect_error(&error, JC_ERROR_IO, "/proc/stat: cannot read: No such file or directory");
}

Test(load, of_this_machine_is_a_share) {
  struct jc_error error = {0};
  double load = -1;
  cr_assert_eq(jc_environment_load(NULL, 0.2, &load, &error), JC_OK, "%s", error.text);
  cr_assert(load >= 0 && load <= 1, "%g", load);
}
