/* test_conditions.c -- priority and CPUs: what is reported is what the process has, and is given
 * back. */
#include <criterion/criterion.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "calibrate/conditions.h"

static cpu_set_t allowed(void) {
  cpu_set_t cpus;
  cr_assert_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
  return cpus;
}

Test(conditions, each_cpu_spins_and_the_quietest_is_one_of_them) {
  const cpu_set_t cpus = allowed();
  double share = -1;
  int quietest = -2;
  cr_assert(jc_spin_test(0.02, &share, &quietest));
  cr_assert(share > 0 && share <= 1, "%g", share);
  cr_assert(quietest >= 0 && CPU_ISSET((size_t)quietest, &cpus));
  cr_assert(quietest != 0 || CPU_COUNT(&cpus) == 1, "CPU 0 beside others");
}

Test(conditions, one_thread_is_pinned_to_one_cpu_and_released) {
  const cpu_set_t before = allowed();
  struct jc_conditions conditions;
  double share;
  int quietest;
  cr_assert(jc_spin_test(0.01, &share, &quietest));
  jc_conditions_raise(&conditions, false);
  jc_conditions_pin(&conditions, 1, quietest);
  const cpu_set_t pinned = allowed();
  cr_assert_eq(CPU_COUNT(&pinned), 1);
  cr_assert(CPU_ISSET((size_t)quietest, &pinned));
  cr_assert_eq(sched_getcpu(), quietest);
  cr_assert_str_eq(conditions.pinning, "one-cpu");
  jc_conditions_restore(&conditions);
  const cpu_set_t after = allowed();
  cr_assert(CPU_EQUAL(&before, &after));
}

/* OpenMP binds nothing here: OMP_PROC_BIND is not set. */
Test(conditions, several_threads_are_openmps_to_bind) {
  const cpu_set_t before = allowed();
  struct jc_conditions conditions;
  if (getenv("OMP_PROC_BIND") != NULL)
    cr_skip_test("OMP_PROC_BIND is set");
  jc_conditions_raise(&conditions, false);
  jc_conditions_pin(&conditions, 2, 0);
  cr_assert_str_eq(conditions.pinning, "none");
  jc_conditions_unbind();
  const cpu_set_t after = allowed();
  cr_assert(CPU_EQUAL(&before, &after));
}

/* The session's group, "" where the kernel has none. */
static void read_group(char text[64]) {
  FILE *file = fopen("/proc/self/autogroup", "re");
  text[0] = '\0';
  if (file == NULL)
    return;
  if (fgets(text, 64, file) == NULL)
    text[0] = '\0';
  fclose(file);
}

Test(conditions, the_priority_that_is_reported_is_the_one_that_was_had) {
  struct jc_conditions conditions;
  const int nice_before = getpriority(PRIO_PROCESS, 0);
  char group_before[64], group_after[64];
  read_group(group_before);
  if (sched_getscheduler(0) != SCHED_OTHER || nice_before < 0)
    cr_skip_test("started with a priority of its own");
  jc_conditions_raise(&conditions, false);
  cr_assert_str_eq(conditions.priority, "normal");
  cr_assert_eq(getpriority(PRIO_PROCESS, 0), nice_before);

  jc_conditions_raise(&conditions, true);
  const bool raised = getpriority(PRIO_PROCESS, 0) < nice_before;
  cr_assert_str_eq(conditions.priority, raised ? "nice" : "normal");
  jc_conditions_restore(&conditions);
  if (raised)
    cr_assert_eq(getpriority(PRIO_PROCESS, 0), nice_before);
  read_group(group_after);
  cr_assert_str_eq(group_after, group_before);
}

/* Without the privilege: normal, and no failure. */
Test(conditions, who_may_not_raise_goes_on_at_normal_priority) {
  struct jc_conditions conditions;
  const struct rlimit none = {0, 0};
  if (sched_getscheduler(0) != SCHED_OTHER || getpriority(PRIO_PROCESS, 0) < 0)
    cr_skip_test("started with a priority of its own");
  cr_assert_eq(setrlimit(RLIMIT_NICE, &none), 0);
  if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
    cr_skip_test("root that cannot become nobody");
  jc_conditions_raise(&conditions, true);
  cr_assert_str_eq(conditions.priority, "normal");
  jc_conditions_restore(&conditions);
}

/* Any load is beyond a tolerance below 0. */
Test(conditions, load_is_refused_unless_forced) {
  struct jc_load_check check = {.window_s = 0.05, .spin_s = 0.01, .tolerated = -1, .verb = "check"};
  struct jc_error error = {0};
  double load = -1;
  int quietest = -2;
  cr_assert_eq(jc_conditions_load(&check, &load, &quietest, &error), JC_ERROR_RUNTIME);
  cr_assert(strstr(error.text, "(tolerated: -100 %)") != NULL, "%s", error.text);
  cr_assert(strstr(error.text, "or check anyway with --force") != NULL, "%s", error.text);
  cr_assert(load >= 0 && load <= 1, "%g", load);
  cr_assert_geq(quietest, 0);
  memset(&error, 0, sizeof(error));
  check.force = true;
  cr_assert_eq(jc_conditions_load(&check, &load, &quietest, &error), JC_OK, "%s", error.text);
}
