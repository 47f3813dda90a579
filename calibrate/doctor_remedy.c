/* doctor_remedy.c -- for every source and state the exact commands. */
#include "calibrate/doctor_remedy.h"

#include <stdio.h>
#include <string.h>

/* What a remedy is written from. */
struct patient {
  const struct jc_doctor_place *place;
  const struct jc_meter_info *info;
  char *remedy;
  size_t size;
};

static const char model_line[] = "# use --meter model (power modelled, not measured)";

static const struct jc_meter_counter *first_in_state(const struct jc_meter_info *info,
                                                     enum jc_meter_state state) {
  for (uint32_t i = 0; i < info->counter_count; i++) {
    if (info->counters[i].state == state) {
      return &info->counters[i];
    }
  }
  return NULL;
}

/* The first counter that may not be read, or NULL with *DENIED false if permission is not it. */
static const struct jc_meter_counter *first_denied(const struct jc_meter_info *info, bool *denied) {
  const struct jc_meter_counter *counter = first_in_state(info, JC_METER_PERMISSION);
  *denied = counter != NULL || info->state == JC_METER_PERMISSION;
  return counter;
}

static void write_text(const struct patient *patient, const char *text) {
  (void)snprintf(patient->remedy, patient->size, "%s", text);
}

/* The same for every source. */
static void write_still(const struct patient *patient) {
  (void)snprintf(patient->remedy, patient->size,
                 "# the counter stands still: a hypervisor or the firmware feeds it nothing, which "
                 "cannot be mended from here\n%s",
                 model_line);
}

static const char *host_remark(const struct jc_doctor_place *place) {
  return place->container ? "# on the host, not in this container:\n" : "";
}

/* ---- powercap ------------------------------------------------------------------------------- */

/* The zones are those of the denied one's kind: `intel-rapl:*` or `intel-rapl-mmio:*`. */
static void write_powercap_permission(const struct patient *patient,
                                      const struct jc_meter_counter *denied) {
  const char *name = denied != NULL ? denied->name : "intel-rapl";
  int kind = (int)strcspn(name, ":");
  (void)snprintf(patient->remedy, patient->size,
                 "%s"
                 "sudo chmod a+r %.200s/%.*s:*/energy_uj\n"
                 "# to keep it after a reboot, a udev rule:\n"
                 "echo 'SUBSYSTEM==\"powercap\", ACTION==\"add\", KERNEL==\"%.*s:*\", "
                 "RUN+=\"/bin/chmod a+r /sys%%p/energy_uj\"' "
                 "| sudo tee /etc/udev/rules.d/70-joulecast-rapl.rules\n"
                 "# any local user can then watch the power, a known side channel (CVE-2020-8694)",
                 host_remark(patient->place), patient->place->powercap_root, kind, name, kind,
                 name);
}

static void write_powercap_absence(const struct patient *patient) {
  const struct jc_doctor_place *place = patient->place;
  if (place->container && !place->virtual_machine) {
    write_text(patient,
               "# containers hide the counters; start this one with them mounted elsewhere:\n"
               "docker run -v /sys/class/powercap/intel-rapl:/rapl:ro ...\n"
               "# and give --powercap-root /rapl; if the host has none: --meter model");
  } else if (place->virtual_machine) {
    (void)snprintf(
        patient->remedy, patient->size,
        "# a virtual machine: its host keeps the counters, which cannot be mended from here\n%s",
        model_line);
  } else if (!place->rapl_vendor) {
    write_text(patient, "# RAPL exists on Intel and AMD processors only: use --meter model (power "
                        "modelled, not measured)");
  } else if (place->rapl_module) {
    (void)snprintf(patient->remedy, patient->size,
                   "# the kernel's driver is loaded and found no counter in this processor\n%s",
                   model_line);
  } else {
    write_text(patient, "sudo modprobe intel_rapl_msr\n"
                        "# to keep it after a reboot:\n"
                        "echo intel_rapl_msr | sudo tee /etc/modules-load.d/joulecast-rapl.conf");
  }
}

static void mend_powercap(const struct patient *patient) {
  bool is_denied;
  const struct jc_meter_counter *denied = first_denied(patient->info, &is_denied);
  if (is_denied) {
    write_powercap_permission(patient, denied);
  } else if (patient->info->state == JC_METER_ABSENT) {
    write_powercap_absence(patient);
  } else if (patient->info->state == JC_METER_UNREADABLE) {
    (void)snprintf(patient->remedy, patient->size,
                   "cat %.200s/intel-rapl*:*/energy_uj\n"
                   "sudo dmesg | grep -i rapl\n"
                   "# until then: --meter model (power modelled, not measured)",
                   patient->place->powercap_root);
  }
}

/* ---- perf ----------------------------------------------------------------------------------- */

/* Counting on a whole CPU takes CAP_PERFMON (kernel 5.8) or perf_event_paranoid of 0 or less
 * (kernel: Documentation/admin-guide/perf-security). */
static void write_perf_permission(const struct patient *patient) {
  if (patient->place->container) {
    write_text(patient, "# start this container with the right to count on whole CPUs:\n"
                        "docker run --cap-add PERFMON ...");
    return;
  }
  write_text(patient,
             "sudo sysctl kernel.perf_event_paranoid=0\n"
             "# to keep it after a reboot:\n"
             "echo kernel.perf_event_paranoid=0 | sudo tee /etc/sysctl.d/70-joulecast-perf.conf\n"
             "# or, for this program alone:\n"
             "sudo setcap cap_perfmon=ep \"$(readlink -f \"$(command -v joulecast)\")\"");
}

static void mend_perf(const struct patient *patient) {
  const struct jc_doctor_place *place = patient->place;
  bool is_denied;
  (void)first_denied(patient->info, &is_denied);
  if (is_denied) {
    write_perf_permission(patient);
  } else if (patient->info->state == JC_METER_UNREADABLE) {
    (void)snprintf(patient->remedy, patient->size,
                   "grep . %.200s/sys/bus/event_source/devices/power/type "
                   "%.200s/sys/bus/event_source/devices/power/events/*\n"
                   "sudo dmesg | grep -i rapl",
                   place->root, place->root);
  } else if (patient->info->state == JC_METER_ABSENT && !place->power_pmu && place->rapl_vendor &&
             !place->virtual_machine) {
    (void)snprintf(patient->remedy, patient->size, "%ssudo modprobe rapl", host_remark(place));
  }
}

/* ---- hwmon ---------------------------------------------------------------------------------- */

static void mend_hwmon(const struct patient *patient) {
  const struct jc_doctor_place *place = patient->place;
  bool is_denied;
  const struct jc_meter_counter *denied = first_denied(patient->info, &is_denied);
  if (is_denied && denied != NULL) {
    int folder = (int)strcspn(denied->name, "/");
    (void)snprintf(patient->remedy, patient->size,
                   "%s"
                   "sudo chmod a+r %.200s/sys/class/hwmon/%.*s/energy*_input\n"
                   "# to keep it after a reboot, a udev rule:\n"
                   "echo 'SUBSYSTEM==\"hwmon\", ATTR{name}==\"amd_energy\", RUN+=\"/bin/sh -c "
                   "'\\''chmod a+r /sys%%p/energy*_input'\\''\"' "
                   "| sudo tee /etc/udev/rules.d/70-joulecast-hwmon.rules\n"
                   "# any local user can then watch the power, a known side channel "
                   "(CVE-2020-12912)",
                   host_remark(place), place->root, folder, denied->name);
  } else if (patient->info->state == JC_METER_UNREADABLE) {
    (void)snprintf(patient->remedy, patient->size,
                   "grep . %.200s/sys/class/hwmon/hwmon*/energy*_input\n"
                   "sudo dmesg | grep -i amd_energy",
                   place->root);
  } else if (patient->info->state == JC_METER_ABSENT && place->amd && !place->virtual_machine) {
    (void)snprintf(patient->remedy, patient->size,
                   "%s"
                   "# AMD's own module, which is not part of the kernel, if it is installed:\n"
                   "sudo modprobe amd_energy",
                   host_remark(place));
  }
}

/* ---- nvml ----------------------------------------------------------------------------------- */

static void write_nvml_absence(const struct patient *patient) {
  const struct jc_doctor_place *place = patient->place;
  if (place->container && (place->nvidia_board || place->nvidia_driver)) {
    write_text(patient, "# the host has NVIDIA boards; start this container with them:\n"
                        "docker run --gpus all ...");
  } else if (place->nvidia_driver) {
    write_text(patient, "# the kernel's part of the driver is loaded, its library "
                        "libnvidia-ml.so.1 of the same version is missing; on Debian:\n"
                        "sudo apt install libnvidia-ml1");
  } else if (place->nvidia_board) {
    write_text(patient, "sudo modprobe nvidia\n"
                        "# if there is no such module: install NVIDIA's driver");
  }
}

static void mend_nvml(const struct patient *patient) {
  switch (patient->info->state) {
  case JC_METER_ABSENT:
    write_nvml_absence(patient);
    break;
  case JC_METER_PERMISSION:
    write_text(patient, "ls -l /dev/nvidia*\n"
                        "sudo chmod a+rw /dev/nvidiactl /dev/nvidia[0-9]*");
    break;
  case JC_METER_UNSUPPORTED:
    write_text(patient, "# boards older than Volta keep no energy counter, which cannot be mended");
    break;
  case JC_METER_UNREADABLE:
    write_text(patient, "nvidia-smi -q -d POWER\n"
                        "sudo dmesg | grep -i -e nvrm -e xid");
    break;
  default:
    break;
  }
}

/* ---- model ---------------------------------------------------------------------------------- */

static void mend_model(const struct patient *patient) {
  if (patient->info->state != JC_METER_OK) {
    write_text(patient, "joulecast list hardware\n"
                        "# then give --hardware NAME, or --tdp-w and --idle-w");
  }
}

void jc_doctor_remedy(const struct jc_doctor_place *place, const struct jc_meter_info *info,
                      char *remedy, size_t size) {
  static const struct {
    const char *source;
    void (*mend)(const struct patient *patient);
  } sources[] = {{"powercap", mend_powercap},
                 {"perf", mend_perf},
                 {"hwmon", mend_hwmon},
                 {"nvml", mend_nvml},
                 {"model", mend_model}};
  const struct patient patient = {.place = place, .info = info, .remedy = remedy, .size = size};
  remedy[0] = '\0';
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    if (strcmp(info->name, sources[i].source) == 0) {
      sources[i].mend(&patient);
    }
  }
  if (remedy[0] == '\0' && info->state == JC_METER_NOT_ADVANCING) {
    write_still(&patient);
  }
}
