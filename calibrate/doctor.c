/* doctor.c -- findings about every energy source, each with its remedy. */
#include "calibrate/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What of the machine decides whether a missing counter can be had. */
struct place {
  bool rapl_vendor; /* Intel, AMD or Hygon */
  bool virtual_machine;
  bool container;
  bool module_loaded; /* the kernel's RAPL driver */
};

/* ---- Looking around ------------------------------------------------------------------------- */

/* ROOT + PATH in BUFFER, which holds any of the fixed paths below a root of 400 bytes. */
static const char *join_path(const char *root, const char *path, char *buffer, size_t size) {
  (void)snprintf(buffer, size, "%.400s%.100s", root, path);
  return buffer;
}

static bool exists(const char *root, const char *path) {
  char joined[512];
  return access(join_path(root, path, joined, sizeof joined), F_OK) == 0;
}

/* Reads the first line of a small file. Returns false if there is none. */
static bool read_line(const char *root, const char *path, char *line, size_t size) {
  char joined[512];
  FILE *file = fopen(join_path(root, path, joined, sizeof joined), "re");
  if (file == NULL) {
    return false;
  }
  bool read = fgets(line, (int)size, file) != NULL;
  (void)fclose(file);
  if (read) {
    line[strcspn(line, "\n")] = '\0';
  }
  return read;
}

/* The first processor's lines of /proc/cpuinfo tell vendor and hypervisor. */
static void look_at_cpu(const char *root, struct place *place) {
  char joined[512];
  char line[4096];
  FILE *file = fopen(join_path(root, "/proc/cpuinfo", joined, sizeof joined), "re");
  if (file == NULL) {
    return;
  }
  while (fgets(line, sizeof line, file) != NULL && line[0] != '\n') {
    if (strncmp(line, "vendor_id", 9) == 0) {
      place->rapl_vendor = strstr(line, "GenuineIntel") != NULL ||
                           strstr(line, "AuthenticAMD") != NULL ||
                           strstr(line, "HygonGenuine") != NULL;
    } else if (strncmp(line, "flags", 5) == 0) {
      place->virtual_machine = strstr(line, " hypervisor") != NULL;
    }
  }
  (void)fclose(file);
}

static struct place look_around(const char *root) {
  struct place place = {0};
  look_at_cpu(root, &place);
  place.container = exists(root, "/.dockerenv") || exists(root, "/run/.containerenv");
  place.module_loaded = exists(root, "/sys/module/intel_rapl_msr");
  return place;
}

/* ---- powercap ------------------------------------------------------------------------------- */

static const struct jc_meter_counter *first_in_state(const struct jc_meter_info *info,
                                                     enum jc_meter_state state) {
  for (uint32_t i = 0; i < info->counter_count; i++) {
    if (info->counters[i].state == state) {
      return &info->counters[i];
    }
  }
  return NULL;
}

/* The zones are those of the denied one's kind: `intel-rapl:*` or `intel-rapl-mmio:*`. */
static void remedy_permission(const struct place *place, const char *powercap_root,
                              const struct jc_meter_counter *denied,
                              struct jc_doctor_finding *finding) {
  const char *name = denied != NULL ? denied->name : "intel-rapl";
  int kind = (int)strcspn(name, ":");
  (void)snprintf(finding->remedy, sizeof finding->remedy,
                 "%s"
                 "sudo chmod a+r %.200s/%.*s:*/energy_uj\n"
                 "# to keep it after a reboot, a udev rule:\n"
                 "echo 'SUBSYSTEM==\"powercap\", ACTION==\"add\", KERNEL==\"%.*s:*\", "
                 "RUN+=\"/bin/chmod a+r /sys%%p/energy_uj\"' "
                 "| sudo tee /etc/udev/rules.d/70-joulecast-rapl.rules\n"
                 "# any local user can then watch the power, a known side channel (CVE-2020-8694)",
                 place->container ? "# on the host, not in this container:\n" : "", powercap_root,
                 kind, name, kind, name);
}

static void remedy_absence(const struct place *place, struct jc_doctor_finding *finding) {
  const char *text;
  if (place->container && !place->virtual_machine) {
    text = "# containers hide the counters; start this one with them mounted elsewhere:\n"
           "docker run -v /sys/class/powercap/intel-rapl:/rapl:ro ...\n"
           "# and give --powercap-root /rapl; if the host has none: --meter model";
  } else if (place->virtual_machine) {
    text = "# a virtual machine: its host keeps the counters, which cannot be mended from here\n"
           "# use --meter model (power modelled, not measured)";
  } else if (!place->rapl_vendor) {
    text = "# RAPL exists on Intel and AMD processors only: use --meter model (power modelled, "
           "not measured)";
  } else if (place->module_loaded) {
    text = "# the kernel's driver is loaded and found no counter in this processor\n"
           "# use --meter model (power modelled, not measured)";
  } else {
    text = "sudo modprobe intel_rapl_msr\n"
           "# to keep it after a reboot:\n"
           "echo intel_rapl_msr | sudo tee /etc/modules-load.d/joulecast-rapl.conf";
  }
  (void)snprintf(finding->remedy, sizeof finding->remedy, "%s", text);
}

static void remedy_powercap(const struct place *place, const char *powercap_root,
                            const struct jc_meter_info *info, struct jc_doctor_finding *finding) {
  const struct jc_meter_counter *denied = first_in_state(info, JC_METER_PERMISSION);
  if (denied != NULL || info->state == JC_METER_PERMISSION) {
    remedy_permission(place, powercap_root, denied, finding);
  } else if (info->state == JC_METER_ABSENT) {
    remedy_absence(place, finding);
  } else if (info->state == JC_METER_NOT_ADVANCING) {
    (void)snprintf(finding->remedy, sizeof finding->remedy,
                   "# the counter stands still: a hypervisor or the firmware feeds it nothing, "
                   "which cannot be mended from here\n"
                   "# use --meter model (power modelled, not measured)");
  } else if (info->state == JC_METER_UNREADABLE) {
    (void)snprintf(finding->remedy, sizeof finding->remedy,
                   "cat %.200s/intel-rapl*:*/energy_uj\n"
                   "sudo dmesg | grep -i rapl\n"
                   "# until then: --meter model (power modelled, not measured)",
                   powercap_root);
  }
}

/* What is counted, with every note; or why nothing is. */
static void detail_powercap(const struct jc_meter_info *info, struct jc_doctor_finding *finding) {
  if (info->state != JC_METER_OK) {
    (void)snprintf(finding->detail, sizeof finding->detail, "%s", info->reason);
    return;
  }
  (void)snprintf(finding->detail, sizeof finding->detail, "counts %s: %s", info->domain,
                 info->covers);
  for (uint32_t i = 0; i < info->note_count; i++) {
    size_t length = strlen(finding->detail);
    (void)snprintf(finding->detail + length, sizeof finding->detail - length, "; %s",
                   info->notes[i]);
  }
}

static void examine_powercap(const struct jc_doctor_options *options, const struct place *place,
                             struct jc_doctor_finding *finding) {
  char powercap_root[512];
  struct jc_meter_options meter = options->meter;
  if (meter.powercap_root == NULL) {
    meter.powercap_root =
        join_path(options->root, "/sys/class/powercap", powercap_root, sizeof powercap_root);
  }
  struct jc_meter_info info;
  struct jc_error error = {0};
  (void)jc_meter_probe("powercap", &meter, &info, &error);
  finding->source = "powercap";
  finding->state = info.state;
  finding->measured = true;
  detail_powercap(&info, finding);
  remedy_powercap(place, meter.powercap_root, &info, finding);
}

/* ---- perf ----------------------------------------------------------------------------------- */

static enum jc_meter_state try_perf_event(const struct jc_perf_event *event, char *reason,
                                          size_t size) {
  struct perf_event_attr attributes = {.size = sizeof attributes};
  attributes.type = event->type;
  attributes.config = event->config;
  int fd = (int)syscall(SYS_perf_event_open, &attributes, -1, event->cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) {
    int code = errno;
    (void)jc_meter_system_text(code, reason, size);
    return code == EACCES || code == EPERM ? JC_METER_PERMISSION : JC_METER_UNREADABLE;
  }
  uint64_t first = 0;
  uint64_t last = 0;
  bool whole = read(fd, &first, sizeof first) == (ssize_t)sizeof first;
  last = first;
  for (int i = 0; whole && last == first && i < 50; i++) {
    jc_meter_spin(0.004);
    whole = read(fd, &last, sizeof last) == (ssize_t)sizeof last;
  }
  (void)close(fd);
  if (!whole) {
    return JC_METER_UNREADABLE;
  }
  return last == first ? JC_METER_NOT_ADVANCING : JC_METER_OK;
}

/* Chooses energy-pkg, or else any event named energy-*. Returns false if there is none. */
static bool choose_event(const char *folder, struct jc_perf_event *event) {
  DIR *directory = opendir(folder);
  if (directory == NULL) {
    return false;
  }
  const struct dirent *entry;
  while ((entry = readdir(directory)) != NULL) {
    const char *candidate = entry->d_name;
    bool is_event = strncmp(candidate, "energy-", 7) == 0 && strchr(candidate, '.') == NULL &&
                    strlen(candidate) < sizeof event->name;
    if (is_event && (event->name[0] == '\0' || strcmp(candidate, "energy-pkg") == 0)) {
      (void)snprintf(event->name, sizeof event->name, "%.31s", candidate);
    }
  }
  (void)closedir(directory);
  return event->name[0] != '\0';
}

/* The number at TEXT, or false. */
static bool parse_number(const char *text, int base, uint64_t *number) {
  char *end;
  errno = 0;
  *number = strtoull(text, &end, base);
  return end != text && text[0] != '-' && errno == 0;
}

/* Reads what perf_event_open needs from the PMU's folder: `type`, `cpumask` ("0,18" or "0-1") and
 * `events/NAME` ("event=0x02"). */
static bool read_event(const char *pmu, struct jc_perf_event *event) {
  static const char key[] = "event=0x";
  char path[64];
  char line[128];
  uint64_t type;
  uint64_t cpu = 0;
  if (!read_line(pmu, "/type", line, sizeof line) || !parse_number(line, 10, &type) ||
      type > UINT32_MAX) {
    return false;
  }
  if (read_line(pmu, "/cpumask", line, sizeof line) &&
      (!parse_number(line, 10, &cpu) || cpu > 65535)) {
    return false;
  }
  (void)snprintf(path, sizeof path, "/events/%s", event->name);
  if (!read_line(pmu, path, line, sizeof line) || strncmp(line, key, strlen(key)) != 0 ||
      !parse_number(line + strlen(key), 16, &event->config)) {
    return false;
  }
  event->type = (uint32_t)type;
  event->cpu = (int)cpu;
  return true;
}

static void judge_event(const struct jc_doctor_options *options, const struct jc_perf_event *event,
                        struct jc_doctor_finding *finding) {
  char reason[64] = "";
  enum jc_meter_state state = options->try_perf_event != NULL
                                  ? options->try_perf_event(event, reason, sizeof reason)
                                  : try_perf_event(event, reason, sizeof reason);
  const char *text = "is there and advances, but this version has no driver for it";
  if (state == JC_METER_PERMISSION) {
    text = "is there, but this user may not read it, and this version has no driver for it";
  } else if (state == JC_METER_NOT_ADVANCING) {
    text = "is there, but never advances (some virtual machines expose it so)";
  } else if (state == JC_METER_UNREADABLE) {
    text = "is there, but cannot be read";
  }
  finding->state = state == JC_METER_OK ? JC_METER_UNSUPPORTED : state;
  (void)snprintf(finding->detail, sizeof finding->detail, "event '%s' of the power PMU %s%s%s",
                 event->name, text, reason[0] != '\0' ? ": " : "", reason);
}

/* No remedies: there is no driver yet that could use what they open. */
static void examine_perf(const struct jc_doctor_options *options,
                         struct jc_doctor_finding *finding) {
  char pmu[512];
  char events[576];
  struct jc_perf_event event = {0};
  finding->source = "perf";
  finding->measured = true;
  (void)join_path(options->root, "/sys/bus/event_source/devices/power", pmu, sizeof pmu);
  (void)snprintf(events, sizeof events, "%s/events", pmu);
  if (!exists(pmu, "")) {
    finding->state = JC_METER_ABSENT;
    (void)snprintf(finding->detail, sizeof finding->detail, "the kernel has no power PMU");
  } else if (!choose_event(events, &event)) {
    finding->state = JC_METER_ABSENT;
    (void)snprintf(finding->detail, sizeof finding->detail,
                   "the kernel's power PMU has no energy event");
  } else if (!read_event(pmu, &event)) {
    finding->state = JC_METER_UNREADABLE;
    (void)snprintf(finding->detail, sizeof finding->detail,
                   "the description of event '%s' of the power PMU cannot be understood",
                   event.name);
  } else {
    judge_event(options, &event, finding);
  }
}

/* ---- model ---------------------------------------------------------------------------------- */

static void examine_model(const struct jc_doctor_options *options,
                          struct jc_doctor_finding *finding) {
  struct jc_meter_info info;
  struct jc_error error = {0};
  (void)jc_meter_probe("model", &options->meter, &info, &error);
  finding->source = "model";
  finding->state = info.state;
  finding->measured = false;
  if (info.state == JC_METER_OK) {
    (void)snprintf(finding->detail, sizeof finding->detail, "%s", info.notes[0]);
    return;
  }
  (void)snprintf(finding->detail, sizeof finding->detail, "%s", info.reason);
  (void)snprintf(finding->remedy, sizeof finding->remedy,
                 "joulecast list hardware\n"
                 "# then give --hardware NAME, or --tdp-w and --idle-w");
}

uint32_t jc_doctor_examine(const struct jc_doctor_options *options,
                           struct jc_doctor_finding findings[JC_DOCTOR_MAX_FINDINGS]) {
  struct jc_doctor_options chosen = {0};
  if (options != NULL) {
    chosen = *options;
  }
  if (chosen.root == NULL) {
    chosen.root = "";
  }
  memset(findings, 0, JC_DOCTOR_MAX_FINDINGS * sizeof *findings);
  struct place place = look_around(chosen.root);
  examine_powercap(&chosen, &place, &findings[0]);
  examine_perf(&chosen, &findings[1]);
  examine_model(&chosen, &findings[2]);
  return 3;
}
