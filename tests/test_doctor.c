/* test_doctor.c -- every machine of the fixtures gets the right finding and remedy. */
#include "calibrate/doctor.h"
#include "tests/fake_sources.h"
#include "tests/powercap_tree.h"

#include <sys/prctl.h>

static struct jc_doctor_finding findings[JC_DOCTOR_MAX_FINDINGS];

enum { POWERCAP, PERF, HWMON, NVML, MODEL };

static struct jc_doctor_options options_for(const struct tree *tree) {
  return (struct jc_doctor_options){
      .root = tree->root,
      .meter = {.perf = &fake_perf, .model = {.idle_w = 15, .tdp_w = 65, .cores = 8}}};
}

static void examine_with(const struct jc_doctor_options *options) {
  static const char *const sources[] = {"powercap", "perf", "hwmon", "nvml", "model"};
  cr_assert_eq(jc_doctor_examine(options, findings), 5);
  for (size_t i = 0; i < 5; i++) {
    cr_assert_str_eq(findings[i].source, sources[i]);
    cr_assert_eq(findings[i].measured, i != MODEL);
  }
}

static void examine(const struct tree *tree) {
  struct jc_doctor_options options = options_for(tree);
  examine_with(&options);
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

/* Puts an empty file there, with the folders that it needs. */
static void touch(const struct tree *tree, const char *path, const char *text) {
  char joined[TREE_PATH];
  tree_join(joined, tree->root, path);
  for (char *slash = strchr(joined + strlen(tree->root) + 1, '/'); slash != NULL;
       slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    (void)mkdir(joined, 0755);
    *slash = '/';
  }
  FILE *out = fopen(joined, "w");
  cr_assert(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
}

/* ---- powercap ---- */

Test(doctor, all_is_well) {
  struct tree tree;
  struct advancer advancer;
  fake_start();
  tree_copy(&tree, "intel-one-package");
  advancer_start(&advancer, &tree, (const char *const[]){"intel-rapl:0", NULL});
  examine(&tree);
  advancer_stop(&advancer);
  expect(POWERCAP, JC_METER_OK, "counts package: package-0", NULL);
  expect(PERF, JC_METER_OK, "counts package: package of cpu 0", NULL);
  expect(HWMON, JC_METER_ABSENT, "no hardware monitor with a known energy counter", NULL);
  expect(NVML, JC_METER_ABSENT, "has no NVIDIA driver to ask", NULL);
  expect(MODEL, JC_METER_OK, "modelled, not measured: 15 W idle, 65 W with 8 busy cores", NULL);
  tree_remove(&tree);
}

Test(doctor, denied) {
  struct tree tree;
  char remedy[TREE_PATH + 64];
  fake_start();
  tree_copy(&tree, "intel-one-package");
  set_mode(&tree, "intel-rapl:0", 0);
  bool is_root = geteuid() == 0;
  if (!become_ordinary()) {
    tree_remove(&tree);
    cr_skip_test("cannot become an ordinary user");
  }
  examine(&tree);
  cr_assert(!is_root || seteuid(0) == 0);
  (void)snprintf(remedy, sizeof remedy, "sudo chmod a+r %s/intel-rapl:*/energy_uj\n",
                 tree.powercap);
  expect(POWERCAP, JC_METER_PERMISSION, "cannot read 'intel-rapl:0/energy_uj': permission denied",
         remedy);
  expect(POWERCAP, JC_METER_PERMISSION, "",
         "KERNEL==\"intel-rapl:*\", RUN+=\"/bin/chmod a+r /sys%p/");
  expect(POWERCAP, JC_METER_PERMISSION, "", "| sudo tee /etc/udev/rules.d/");
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
  expect(POWERCAP, JC_METER_OK, "counts package+dram: package-0, package-1, package-0 dram; ",
         "sudo chmod a+r");
  expect(POWERCAP, JC_METER_OK, "intel-rapl:1:0 (package-1 dram) is not counted", "sudo chmod a+r");
  tree_remove(&tree);
}

Test(doctor, not_advancing) {
  struct tree tree;
  fake_start();
  tree_copy(&tree, "amd");
  fake_trouble(&fake.perf, FAKE_STOPPED);
  examine(&tree);
  expect(POWERCAP, JC_METER_NOT_ADVANCING, "'intel-rapl:0' does not advance", "--meter model");
  expect(PERF, JC_METER_NOT_ADVANCING, "'energy-pkg:cpu0' does not advance",
         "# the counter stands still: a hypervisor or the firmware feeds it nothing");
  tree_remove(&tree);
}

Test(doctor, unreadable) {
  struct tree tree;
  fake_start();
  tree_copy(&tree, "amd");
  tree_write(&tree, "intel-rapl:0", "energy_uj", "abc\n");
  fake.perf_open_errno = EINVAL;
  examine(&tree);
  expect(POWERCAP, JC_METER_UNREADABLE, "got 'abc'", "sudo dmesg | grep -i rapl");
  expect(PERF, JC_METER_UNREADABLE, "on cpu 0: invalid argument", "devices/power/events/*\nsudo");
  tree_remove(&tree);
}

Test(doctor, absent) {
  static const struct {
    const char *machine, *powercap, *perf, *hwmon;
  } cases[] = {
      {"bare-metal", "sudo modprobe intel_rapl_msr\n", "sudo modprobe rapl", NULL},
      {"virtual-machine", "a virtual machine: its host keeps the counters", NULL, NULL},
      {"container", "docker run -v /sys/class/powercap/intel-rapl:/rapl:ro",
       "# on the host, not in this container:\nsudo modprobe rapl", NULL},
      {"arm", "RAPL exists on Intel and AMD processors only", NULL, NULL},
      {"psys-only", "driver is loaded and found no counter", "sudo modprobe rapl", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct tree tree;
    fake_start();
    tree_copy(&tree, cases[i].machine);
    examine(&tree);
    expect(POWERCAP, JC_METER_ABSENT, "", cases[i].powercap);
    expect(PERF, JC_METER_ABSENT,
           i == 1 ? "has no event 'energy-pkg'" : "the kernel has no power PMU", cases[i].perf);
    expect(HWMON, JC_METER_ABSENT, "no hardware monitor", cases[i].hwmon);
    tree_remove(&tree);
  }
}

/* A container in a virtual machine: mounting would not help it. */
Test(doctor, absent_twice_over) {
  struct tree tree;
  fake_start();
  tree_copy(&tree, "virtual-machine");
  touch(&tree, ".dockerenv", "");
  examine(&tree);
  expect(POWERCAP, JC_METER_ABSENT, "", "a virtual machine: its host keeps the counters");
  tree_remove(&tree);
}

/* ---- perf, hwmon ---- */

Test(doctor, perf_denied) {
  struct tree tree;
  fake_start();
  tree_copy(&tree, "perf-two-packages");
  fake.perf_open_errno = EACCES;
  examine(&tree);
  expect(PERF, JC_METER_PERMISSION, "on cpu 0: permission denied",
         "sudo sysctl kernel.perf_event_paranoid=0\n");
  expect(PERF, JC_METER_PERMISSION, "",
         "sudo setcap cap_perfmon=ep \"$(readlink -f \"$(command -v joulecast)\")\"");
  touch(&tree, "run/.containerenv", "");
  examine(&tree);
  expect(PERF, JC_METER_PERMISSION, "", "docker run --cap-add PERFMON ...");
  tree_remove(&tree);
}

Test(doctor, what_is_not_needed_is_said) {
  struct tree tree;
  struct advancer advancer;
  fake_start();
  tree_copy(&tree, "amd");
  fake.perf_open_errno = EACCES;
  advancer_start(&advancer, &tree, (const char *const[]){"intel-rapl:0", NULL});
  examine(&tree);
  advancer_stop(&advancer);
  expect(POWERCAP, JC_METER_OK, "counts package", NULL);
  expect(PERF, JC_METER_PERMISSION, "",
         "# not needed: powercap measures the same hardware\nsudo sysctl");
  tree_remove(&tree);
}

Test(doctor, hwmon) {
  struct tree tree;
  char path[TREE_PATH];
  char remedy[TREE_PATH + 64];
  fake_start();
  tree_copy(&tree, "amd");
  examine(&tree);
  expect(HWMON, JC_METER_ABSENT, "no hardware monitor", "sudo modprobe amd_energy");
  tree_remove(&tree);

  tree_copy(&tree, "amd-hwmon");
  examine(&tree);
  expect(HWMON, JC_METER_NOT_ADVANCING, "does not advance", "# the counter stands still");
  touch(&tree, "sys/class/hwmon/hwmon3/energy3_input", "many\n");
  touch(&tree, "sys/class/hwmon/hwmon3/energy4_input", "many\n");
  examine(&tree);
  expect(HWMON, JC_METER_UNREADABLE, "got 'many'", "sudo dmesg | grep -i amd_energy");
  for (int i = 3; i <= 4; i++) {
    (void)snprintf(path, sizeof path, "%.400s/sys/class/hwmon/hwmon3/energy%d_input", tree.root, i);
    cr_assert(chmod(path, 0) == 0);
  }
  bool is_root = geteuid() == 0;
  if (!become_ordinary()) {
    tree_remove(&tree);
    cr_skip_test("cannot become an ordinary user");
  }
  examine(&tree);
  cr_assert(!is_root || seteuid(0) == 0);
  (void)snprintf(remedy, sizeof remedy, "sudo chmod a+r %s/sys/class/hwmon/hwmon3/energy*_input\n",
                 tree.root);
  expect(HWMON, JC_METER_PERMISSION, "'hwmon3/energy3_input': permission denied", remedy);
  tree_remove(&tree);
}

/* ---- NVML ---- */

static void expect_nvml(int init_result, int energy_result, enum jc_meter_state state,
                        const char *detail, const char *remedy) {
  struct tree tree;
  fake_start();
  tree_copy(&tree, "bare-metal");
  fake.init_result = init_result;
  fake.energy_result = energy_result;
  struct jc_doctor_options options = options_for(&tree);
  options.meter.nvml = &fake_nvml;
  touch(&tree, "sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  examine_with(&options);
  expect(NVML, state, detail, remedy);
  tree_remove(&tree);
}

Test(doctor, nvml_states) {
  expect_nvml(0, 0, JC_METER_OK, "counts board: board 0 Fake 1, board 1 Fake 2", NULL);
  expect_nvml(JC_NVML_DRIVER_NOT_LOADED, 0, JC_METER_ABSENT, "Driver Not Loaded",
              "sudo modprobe nvidia\n");
  expect_nvml(JC_NVML_NO_PERMISSION, 0, JC_METER_PERMISSION, "Insufficient Permissions",
              "sudo chmod a+rw /dev/nvidiactl /dev/nvidia[0-9]*");
  expect_nvml(0, JC_NVML_NOT_SUPPORTED, JC_METER_UNSUPPORTED, "total energy of gpu0",
              "# boards older than Volta keep no energy counter");
  expect_nvml(0, JC_NVML_GPU_IS_LOST, JC_METER_UNREADABLE, "GPU is lost", "sudo dmesg | grep -i");
}

Test(doctor, nvml_absent) {
  struct tree tree;
  fake_start();
  tree_copy(&tree, "bare-metal");
  touch(&tree, "sys/bus/pci/devices/0000:00:00.0/vendor", "0x8086\n");
  examine(&tree);
  expect(NVML, JC_METER_ABSENT, "", NULL);
  touch(&tree, "proc/driver/nvidia/version", "NVRM\n");
  examine(&tree);
  expect(NVML, JC_METER_ABSENT, "", "sudo apt install libnvidia-ml1");
  touch(&tree, ".dockerenv", "");
  examine(&tree);
  expect(NVML, JC_METER_ABSENT, "", "docker run --gpus all ...");
  tree_remove(&tree);
}

/* ---- the rest ---- */

Test(doctor, model_without_parameters) {
  struct tree tree;
  fake_start();
  tree_make(&tree);
  struct jc_doctor_options options = {.root = tree.root, .meter.perf = &fake_perf};
  examine_with(&options);
  expect(MODEL, JC_METER_ABSENT, "the power of this machine is not known", "--tdp-w and --idle-w");
  tree_remove(&tree);
}

Test(doctor, another_powercap_root) {
  struct tree tree;
  struct advancer advancer;
  tree_copy(&tree, "amd");
  struct jc_doctor_options options = {.meter.powercap_root = tree.powercap};
  advancer_start(&advancer, &tree, (const char *const[]){"intel-rapl:0", NULL});
  examine_with(&options); /* and this machine's other sources, whatever they are */
  advancer_stop(&advancer);
  expect(POWERCAP, JC_METER_OK, "counts package: package-0", NULL);
  tree_remove(&tree);
}

Test(doctor, this_machine) {
  examine_with(NULL);
  for (size_t i = 0; i < 5; i++) {
    cr_assert_str_neq(findings[i].detail, "");
  }
}
