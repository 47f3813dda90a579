/* meter_hwmon.c -- energy counters of hardware monitors whose documents say what they count.
 *
 * Any driver may have energyN_input, in microjoules (kernel: Documentation/hwmon/sysfs-interface),
 * but what it counts is a matter of the driver: cores, a rail, a fan's share, the whole system. A
 * sensor is counted only if its driver and label stand in the list below:
 *
 *   amd_energy, "EsocketX": the socket's RAPL register, accumulated to 64 bits by the driver
 *   (Documentation/hwmon/amd_energy.rst; left the kernel in 5.13, goes on as a module of AMD's).
 *   Its "EcoreX" are parts of the socket. Only root may read them (CVE-2020-12912).
 *
 * Left out on purpose: ibmaem counts the whole system, ibmpowernv's document does not say what.
 */
#include "calibrate/sysfs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* A label is PREFIX and a number, which is that of the package. */
static const struct {
  const char *driver, *prefix, *domain;
} whitelist[] = {{"amd_energy", "Esocket", "package"}};

/* Monitors get the lowest free number. */
enum { WHITELIST_COUNT = sizeof whitelist / sizeof *whitelist, MAX_MONITORS = 256 };

struct hwmon {
  struct jc_sysfs_counter counters[JC_METER_MAX_COUNTERS];
};

/* ---- Sensors -------------------------------------------------------------------------------- */

/* Reads a line of FILE in FOLDER. False if there is none. */
static bool read_text(const char *folder, const char *file, char *line, size_t size) {
  char path[JC_SYSFS_PATH + 96];
  (void)snprintf(path, sizeof path, "%s/%.40s", folder, file);
  return jc_sysfs_read_line(path, line, size) >= 0;
}

/* Fills FACTS if sensor LABEL of DRIVER stands in the list. */
static bool look_up(const char *driver, const char *label, struct jc_meter_counter *facts) {
  for (size_t i = 0; i < WHITELIST_COUNT; i++) {
    size_t length = strlen(whitelist[i].prefix);
    const char *number = label + length;
    if (strcmp(driver, whitelist[i].driver) == 0 &&
        strncmp(label, whitelist[i].prefix, length) == 0 && number[0] != '\0' &&
        strspn(number, "0123456789") == strlen(number)) {
      *facts = (struct jc_meter_counter){.unit_j = 1e-6, .die_of = JC_METER_WHOLE};
      (void)snprintf(facts->domain, sizeof facts->domain, "%s", whitelist[i].domain);
      (void)snprintf(facts->covers, sizeof facts->covers, "%s-%.40s", whitelist[i].domain, number);
      return true;
    }
  }
  return false;
}

static enum jc_status add_sensor(const char *folder, int number, struct jc_meter_counter *facts,
                                 struct hwmon *hwmon, struct jc_meter_info *info,
                                 struct jc_error *error) {
  char path[JC_SYSFS_PATH + 64];
  const char *monitor = strrchr(folder, '/') + 1;
  struct jc_meter_counter *counter = jc_meter_add_counter(info);
  if (counter == NULL) {
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "hwmon", "more than %d energy sensors",
                   JC_METER_MAX_COUNTERS);
  }
  struct jc_sysfs_counter *opened = &hwmon->counters[counter - info->counters];
  (void)snprintf(path, sizeof path, "%s/energy%d_input", folder, number);
  (void)snprintf(opened->name, sizeof opened->name, "%.31s/energy%d_input", monitor, number);
  (void)snprintf(facts->name, sizeof facts->name, "%.63s", opened->name);
  jc_sysfs_open_counter(AT_FDCWD, path, "hwmon", opened, facts);
  *counter = *facts;
  return JC_OK;
}

/* ---- Monitors ------------------------------------------------------------------------------- */

/* Adds the listed sensors of the monitor in FOLDER, which are numbered from 1 without a gap. */
static enum jc_status add_monitor(const char *folder, struct hwmon *hwmon,
                                  struct jc_meter_info *info, struct jc_error *error) {
  char driver[64];
  char file[32] = "energy1_label";
  char label[64];
  struct jc_meter_counter facts;
  if (!read_text(folder, "name", driver, sizeof driver)) {
    return JC_OK;
  }
  for (int number = 1; read_text(folder, file, label, sizeof label); number++) {
    if (look_up(driver, label, &facts) &&
        add_sensor(folder, number, &facts, hwmon, info, error) != JC_OK) {
      return error->status;
    }
    (void)snprintf(file, sizeof file, "energy%d_label", number + 1);
  }
  return JC_OK;
}

static enum jc_status add_monitors(const char *root, struct hwmon *hwmon,
                                   struct jc_meter_info *info, struct jc_error *error) {
  for (int i = 0; i < MAX_MONITORS; i++) {
    char folder[JC_SYSFS_PATH + 32];
    (void)snprintf(folder, sizeof folder, "%s/hwmon%d", root, i);
    if (add_monitor(folder, hwmon, info, error) != JC_OK) {
      return error->status;
    }
  }
  if (info->counter_count == 0) {
    info->state = JC_METER_ABSENT;
    (void)snprintf(info->reason, sizeof info->reason,
                   "no hardware monitor with a known energy counter of the package");
  }
  return JC_OK;
}

static enum jc_status read_counter(void *state, uint32_t counter, uint64_t *count,
                                   struct jc_error *error) {
  const struct hwmon *hwmon = state;
  return jc_sysfs_read_counter(&hwmon->counters[counter], "hwmon", count, error);
}

static void close_hwmon(void *state) {
  struct hwmon *hwmon = state;
  for (uint32_t i = 0; hwmon != NULL && i < JC_METER_MAX_COUNTERS; i++) {
    jc_sysfs_close_counter(&hwmon->counters[i]);
  }
  free(hwmon);
}

static enum jc_status open_hwmon(const struct jc_meter_options *options, struct jc_meter_info *info,
                                 void **state, struct jc_error *error) {
  char root[JC_SYSFS_PATH];
  struct hwmon *hwmon = malloc(sizeof *hwmon);
  if (hwmon == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, "hwmon", "out of memory");
  }
  for (uint32_t i = 0; i < JC_METER_MAX_COUNTERS; i++) {
    hwmon->counters[i].fd = -1;
  }
  (void)jc_sysfs_join(options->root, "/sys/class/hwmon", root);
  if (add_monitors(root, hwmon, info, error) != JC_OK) {
    close_hwmon(hwmon);
    return error->status;
  }
  *state = hwmon;
  return JC_OK;
}

const struct jc_meter_driver jc_meter_driver_hwmon = {
    .name = "hwmon",
    .summary = "energy counters of known hardware monitors: AMD's amd_energy",
    .hardware = JC_METER_PROCESSOR,
    .measured = true,
    .open = open_hwmon,
    .read = read_counter,
    .close = close_hwmon,
};
