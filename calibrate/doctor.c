/* doctor.c -- findings about every energy source, each with its remedy. */
#include "calibrate/doctor.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calibrate/doctor_remedy.h"
#include "calibrate/sysfs.h"

/* ---- Looking around ------------------------------------------------------------------------- */

static bool exists(const char *root, const char *path) {
  char joined[JC_SYSFS_PATH];
  return access(jc_sysfs_join(root, path, joined), F_OK) == 0;
}

/* The first processor's lines of /proc/cpuinfo tell vendor and hypervisor. */
static void look_at_cpu(struct jc_doctor_place *place) {
  char joined[JC_SYSFS_PATH];
  char line[4096];
  FILE *file = fopen(jc_sysfs_join(place->root, "/proc/cpuinfo", joined), "re");
  if (file == NULL) {
    return;
  }
  while (fgets(line, sizeof line, file) != NULL && line[0] != '\n') {
    if (strncmp(line, "vendor_id", 9) == 0) {
      place->amd = strstr(line, "AuthenticAMD") != NULL || strstr(line, "HygonGenuine") != NULL;
      place->rapl_vendor = place->amd || strstr(line, "GenuineIntel") != NULL;
    } else if (strncmp(line, "flags", 5) == 0) {
      place->virtual_machine = strstr(line, " hypervisor") != NULL;
    }
  }
  (void)fclose(file);
}

static bool has_nvidia_board(const char *root) {
  char folder[JC_SYSFS_PATH];
  DIR *directory = opendir(jc_sysfs_join(root, "/sys/bus/pci/devices", folder));
  const struct dirent *entry;
  bool found = false;
  while (directory != NULL && !found && (entry = readdir(directory)) != NULL) {
    char path[JC_SYSFS_PATH + 64];
    char vendor[16];
    (void)snprintf(path, sizeof path, "%s/%.40s/vendor", folder, entry->d_name);
    found = entry->d_name[0] != '.' && jc_sysfs_read_line(path, vendor, sizeof vendor) > 0 &&
            strcmp(vendor, "0x10de") == 0;
  }
  if (directory != NULL) {
    (void)closedir(directory);
  }
  return found;
}

static void look_around(struct jc_doctor_place *place) {
  const char *root = place->root;
  look_at_cpu(place);
  place->container = exists(root, "/.dockerenv") || exists(root, "/run/.containerenv");
  place->rapl_module = exists(root, "/sys/module/intel_rapl_msr");
  place->power_pmu = exists(root, "/sys/bus/event_source/devices/power");
  place->nvidia_driver = exists(root, "/proc/driver/nvidia/version");
  place->nvidia_board = has_nvidia_board(root);
}

/* ---- Findings ------------------------------------------------------------------------------- */

/* What is counted, with every note; or why nothing is. */
static void describe(const struct jc_meter_info *info, struct jc_doctor_finding *finding) {
  if (info->state != JC_METER_OK) {
    (void)snprintf(finding->detail, sizeof finding->detail, "%s", info->reason);
    return;
  }
  if (!info->measured) { /* what it models, which is its note, says all */
    (void)snprintf(finding->detail, sizeof finding->detail, "%s", info->notes[0]);
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

/* The remedy, behind a remark if source WORKING (NULL: none) measures the same hardware already. */
static void prescribe(const struct jc_doctor_place *place, const struct jc_meter_info *info,
                      const char *working, struct jc_doctor_finding *finding) {
  size_t length = 0;
  jc_doctor_remedy(place, info, finding->remedy, sizeof finding->remedy);
  if (working != NULL && finding->remedy[0] != '\0') {
    char text[sizeof finding->remedy];
    (void)memcpy(text, finding->remedy, sizeof text);
    length = (size_t)snprintf(finding->remedy, sizeof finding->remedy,
                              "# not needed: %s measures the same hardware\n", working);
    (void)snprintf(finding->remedy + length, sizeof finding->remedy - length, "%.960s", text);
  }
}

static uint32_t examine(const struct jc_meter_options *meter, const struct jc_doctor_place *place,
                        struct jc_meter_info *info,
                        struct jc_doctor_finding findings[JC_DOCTOR_MAX_FINDINGS]) {
  const struct jc_meter_driver *driver;
  const char *working = NULL; /* of the processor */
  uint32_t count = 0;
  for (uint32_t i = 0; (driver = jc_meter_driver_at(i)) != NULL; i++) {
    struct jc_doctor_finding *finding = &findings[count];
    struct jc_error error = {0};
    if (driver->hardware == JC_METER_RECORDED) {
      continue;
    }
    (void)jc_meter_probe(driver->name, meter, info, &error);
    finding->source = driver->name;
    finding->state = info->state;
    finding->measured = driver->measured;
    describe(info, finding);
    bool of_processor = driver->hardware == JC_METER_PROCESSOR && driver->measured;
    prescribe(place, info, of_processor ? working : NULL, finding);
    if (of_processor && working == NULL && info->state == JC_METER_OK) {
      working = driver->name;
    }
    count++;
  }
  return count;
}

uint32_t jc_doctor_examine(const struct jc_doctor_options *options,
                           struct jc_doctor_finding findings[JC_DOCTOR_MAX_FINDINGS]) {
  char powercap_root[JC_SYSFS_PATH];
  struct jc_doctor_options chosen = {0};
  struct jc_meter_info *info = malloc(sizeof *info);
  if (options != NULL) {
    chosen = *options;
  }
  struct jc_doctor_place place = {.root = chosen.root != NULL ? chosen.root : ""};
  chosen.meter.root = place.root;
  place.powercap_root = chosen.meter.powercap_root;
  if (place.powercap_root == NULL) {
    place.powercap_root = jc_sysfs_join(place.root, "/sys/class/powercap", powercap_root);
  }
  memset(findings, 0, JC_DOCTOR_MAX_FINDINGS * sizeof *findings);
  look_around(&place);
  uint32_t count = info != NULL ? examine(&chosen.meter, &place, info, findings) : 0;
  free(info);
  return count;
}
