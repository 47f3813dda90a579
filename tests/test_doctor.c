/* test_doctor.c -- every machine of the fixtures gets the right finding and remedy. */
#include "calibrate/doctor.h"
#include "tests/powercap_tree.h"

#include <sys/prctl.h>

/* What the faked kernel answers, and what it was asked for. */
static enum jc_meter_state perf_answer;
static struct jc_perf_event perf_asked;

static enum jc_meter_state fake_perf_event(const struct jc_perf_event *event, char *reason,
                                           size_t size) {
  perf_asked = *event;
  if (perf_answer == JC_METER_PERMISSION) {
    (void)snprintf(reason, size, "permission denied");
  }
  return perf_answer;
}

static struct jc_doctor_finding findings[JC_DOCTOR_MAX_FINDINGS];

static void examine(const struct tree *tree) {
  struct jc_doctor_options options = {.root = tree->root,
                                      .meter.model = {.idle_w = 15, .tdp_w = 65, .cores = 8},
                                      .try_perf_event = fake_perf_event};
  cr_assert_eq(jc_doctor_examine(&options, findings), 3);
  cr_assert_str_eq(findings[0].source, "powercap");
  cr_assert_str_eq(findings[1].source, "perf");
  cr_assert_str_eq(findings[2].source, "model");
  cr_assert(findings[0].measured && findings[1].measured && !findings[2].measured);
}

static void expect(size_t index, enum jc_meter_state state, const char *detail,
                   const char *remedy) {
  const struct jc_doctor_finding *finding = &findings[index];
  cr_assert_eq(finding->state, state, "%s is %s: %s", finding->source,
               jc_meter_state_name(finding->state), finding->detail);
  cr_assert(strstr(finding->detail, detail) != NULL, "got: %s", finding->detail);
  if (remedy == NULL) {
    cr_assert_str_eq(finding->remedy, "");
  } else {
    cr_assert(strstr(finding->remedy, remedy) != NULL, "got: %s", finding->remedy);
  }
}

/* Becomes an ordinary user, whom file modes bind; false if that cannot be. */
static bool become_ordinary(void) {
  bool became = geteuid() != 0 || seteuid(65534) == 0;
  (void)prctl(PR_SET_DUMPABLE, 1); /* changing the user clears it, and leak checkers need it */
  return became;
}

static void set_mode(const struct tree *tree, const char *zone, mode_t mode) {
  char folder[TREE_PATH];
  char path[TREE_PATH];
  tree_join(folder, tree->powercap, zone);
  tree_join(path, folder, "energy_uj");
  cr_assert(chmod(path, mode) == 0);
}

Test(doctor, all_is_well) {
  struct tree tree;
  struct advancer advancer;
  tree_copy(&tree, "intel-one-package");
  perf_answer = JC_METER_OK;
  advancer_start(&advancer, &tree, (const char *const[]){"intel-rapl:0", NULL});
  examine(&tree);
  advancer_stop(&advancer);
  expect(0, JC_METER_OK, "counts package: package-0", NULL);
  expect(1, JC_METER_UNSUPPORTED, "'energy-pkg' of the power PMU is there and advances", NULL);
  expect(2, JC_METER_OK, "modelled, not measured: 15 W idle, 65 W with 8 busy cores", NULL);
  cr_assert_str_eq(perf_asked.name, "energy-pkg");
  cr_assert_eq(perf_asked.type, 21);
  cr_assert_eq(perf_asked.config, 2);
  cr_assert_eq(perf_asked.cpu, 0);
  tree_remove(&tree);
}

Test(doctor, denied) {
  struct tree tree;
  char remedy[TREE_PATH + 64];
  tree_copy(&tree, "intel-one-package");
  set_mode(&tree, "intel-rapl:0", 0);
  bool is_root = geteuid() == 0;
  if (!become_ordinary()) {
    tree_remove(&tree);
    cr_skip_test("cannot become an ordinary user");
  }
  perf_answer = JC_METER_PERMISSION;
  examine(&tree);
  cr_assert(!is_root || seteuid(0) == 0);
  (void)snprintf(remedy, sizeof remedy, "sudo chmod a+r %s/intel-rapl:*/energy_uj\n",
                 tree.powercap);
  expect(0, JC_METER_PERMISSION, "cannot read 'intel-rapl:0/energy_uj': permission denied", remedy);
  expect(0, JC_METER_PERMISSION, "", "KERNEL==\"intel-rapl:*\", RUN+=\"/bin/chmod a+r /sys%p/");
  expect(0, JC_METER_PERMISSION, "", "| sudo tee /etc/udev/rules.d/");
  expect(1, JC_METER_PERMISSION, "may not read it", NULL);
  tree_remove(&tree);
}

Test(doctor, partly_denied) {
  struct tree tree;
  struct advancer advancer;
  static const char *const zones[] = {"intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", NULL};
  tree_copy(&tree, "intel-two-packages");
  set_mode(&tree, "intel-rapl:1:0", 0);
  for (size_t i = 0; zones[i] != NULL; i++) {
    set_mode(&tree, zones[i], 0666); /* the advancing thread becomes an ordinary user too */
  }
  advancer_start(&advancer, &tree, zones);
  bool is_root = geteuid() == 0;
  if (!become_ordinary()) {
    advancer_stop(&advancer);
    tree_remove(&tree);
    cr_skip_test("cannot become an ordinary user");
  }
  examine(&tree);
  cr_assert(!is_root || seteuid(0) == 0);
  advancer_stop(&advancer);
  expect(0, JC_METER_OK, "counts package+dram: package-0, package-1, package-0 dram; ",
         "sudo chmod a+r");
  expect(0, JC_METER_OK, "intel-rapl:1:0 (package-1 dram) is not counted", "sudo chmod a+r");
  tree_remove(&tree);
}

Test(doctor, not_advancing) {
  struct tree tree;
  tree_copy(&tree, "amd");
  perf_answer = JC_METER_NOT_ADVANCING;
  examine(&tree);
  expect(0, JC_METER_NOT_ADVANCING, "'intel-rapl:0' does not advance", "--meter model");
  expect(1, JC_METER_NOT_ADVANCING, "'energy-pkg' of the power PMU is there, but never advances",
         NULL);
  tree_remove(&tree);
}

Test(doctor, unreadable) {
  struct tree tree;
  tree_copy(&tree, "amd");
  tree_write(&tree, "intel-rapl:0", "energy_uj", "abc\n");
  perf_answer = JC_METER_UNREADABLE;
  examine(&tree);
  expect(0, JC_METER_UNREADABLE, "got 'abc'", "sudo dmesg | grep -i rapl");
  expect(1, JC_METER_UNREADABLE, "cannot be read", NULL);
  tree_remove(&tree);
}

Test(doctor, absent) {
  static const struct {
    const char *machine;
    const char *remedy;
  } cases[] = {{"bare-metal", "sudo modprobe intel_rapl_msr\n"},
               {"virtual-machine", "a virtual machine: its host keeps the counters"},
               {"container", "docker run -v /sys/class/powercap/intel-rapl:/rapl:ro"},
               {"arm", "RAPL exists on Intel and AMD processors only"},
               {"psys-only", "driver is loaded and found no counter"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct tree tree;
    tree_copy(&tree, cases[i].machine);
    perf_answer = JC_METER_NOT_ADVANCING;
    examine(&tree);
    expect(0, JC_METER_ABSENT, "", cases[i].remedy);
    if (strcmp(cases[i].machine, "virtual-machine") == 0) {
      expect(1, JC_METER_NOT_ADVANCING, "'energy-psys'", NULL);
    } else {
      expect(1, JC_METER_ABSENT, "the kernel has no power PMU", NULL);
    }
    tree_remove(&tree);
  }
}

/* A container in a virtual machine: mounting would not help it. */
Test(doctor, absent_twice_over) {
  struct tree tree;
  char mark[TREE_PATH];
  tree_copy(&tree, "virtual-machine");
  tree_join(mark, tree.root, ".dockerenv");
  tree_copy_file("/dev/null", mark);
  examine(&tree);
  expect(0, JC_METER_ABSENT, "", "a virtual machine: its host keeps the counters");
  tree_remove(&tree);
}

Test(doctor, power_pmu_descriptions) {
  static const struct {
    const char *file;
    const char *text;
    enum jc_meter_state state;
  } cases[] = {{"cpumask", "18,36\n", JC_METER_UNSUPPORTED},
               {"cpumask", "\n", JC_METER_UNREADABLE},
               {"type", "abc\n", JC_METER_UNREADABLE},
               {"type", "-1\n", JC_METER_UNREADABLE},
               {"type", "4294967296\n", JC_METER_UNREADABLE},
               {"events/energy-pkg", "event=2\n", JC_METER_UNREADABLE},
               {"events/energy-pkg", "event=0x\n", JC_METER_UNREADABLE},
               {"events/energy-pkg", "", JC_METER_UNREADABLE}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct tree tree;
    char folder[TREE_PATH];
    char path[TREE_PATH];
    tree_copy(&tree, "amd");
    tree_join(folder, tree.root, "sys/bus/event_source/devices/power");
    tree_join(path, folder, cases[i].file);
    FILE *out = fopen(path, "w");
    cr_assert(out != NULL && fputs(cases[i].text, out) >= 0 && fclose(out) == 0);
    perf_answer = JC_METER_OK;
    examine(&tree);
    cr_assert_eq(findings[1].state, cases[i].state, "case %zu: %s", i, findings[1].detail);
    cr_assert(i != 0 || perf_asked.cpu == 18);
    tree_remove(&tree);
  }
}

Test(doctor, model_without_parameters) {
  struct tree tree;
  tree_make(&tree);
  struct jc_doctor_options options = {.root = tree.root, .try_perf_event = fake_perf_event};
  (void)jc_doctor_examine(&options, findings);
  expect(2, JC_METER_ABSENT, "the power of this machine is not known", "--tdp-w and --idle-w");
  tree_remove(&tree);
}

Test(doctor, another_powercap_root) {
  struct tree tree;
  struct advancer advancer;
  tree_copy(&tree, "amd");
  struct jc_doctor_options options = {.meter.powercap_root = tree.powercap};
  advancer_start(&advancer, &tree, (const char *const[]){"intel-rapl:0", NULL});
  (void)jc_doctor_examine(&options, findings); /* and this machine's own perf, whatever it is */
  advancer_stop(&advancer);
  expect(0, JC_METER_OK, "counts package: package-0", NULL);
  cr_assert_str_neq(findings[1].detail, "");
  tree_remove(&tree);
}

Test(doctor, this_machine) {
  cr_assert_eq(jc_doctor_examine(NULL, findings), 3);
  for (size_t i = 0; i < 3; i++) {
    cr_assert_str_neq(findings[i].detail, "");
  }
}
