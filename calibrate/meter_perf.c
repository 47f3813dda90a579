/* meter_perf.c -- RAPL through the kernel's `power` PMU and perf_event_open(2).
 *
 * The PMU's folder holds `type`, `cpumask` (one CPU of every package, or of every die) and for each
 * event `events/NAME` ("event=0x02"), `NAME.scale` (joules of one count) and `NAME.unit` ("Joules")
 * (kernel: Documentation/ABI/testing/sysfs-bus-event_source-devices-events). Counted are energy-pkg
 * and energy-ram. Not counted: energy-cores and energy-gpu, which are parts of the package, and
 * energy-psys, which contains it; some virtual machines have that one alone. The kernel unwraps the
 * registers itself: counts are of 64 bits and begin at 0 when an event is opened.
 */
#include "calibrate/meter_perf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calibrate/sysfs.h"

enum { MAX_CPU = 65535 };

static const struct {
  const char *name, *domain;
} counted[] = {{"energy-pkg", "package"}, {"energy-ram", "dram"}};

struct perf {
  const struct jc_perf_system *system;
  int fds[JC_METER_MAX_COUNTERS]; /* by counter; -1: not open */
};

/* Where things are, and what the PMU says of itself. */
struct pmu {
  const char *root;
  char folder[JC_SYSFS_PATH];
  uint32_t type;
  uint32_t cpu_count;
  int cpus[JC_METER_MAX_COUNTERS];
};

/* ---- The kernel ----------------------------------------------------------------------------- */

static int open_event(const struct jc_perf_event *event) {
  struct perf_event_attr attributes = {.size = sizeof attributes};
  attributes.type = event->type;
  attributes.config = event->config;
  int fd = (int)syscall(SYS_perf_event_open, &attributes, -1, event->cpu, -1, PERF_FLAG_FD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int read_event(int fd, uint64_t *count) {
  ssize_t length = read(fd, count, sizeof *count);
  if (length < 0) {
    return -errno;
  }
  return length == (ssize_t)sizeof *count ? 0 : -EIO;
}

static void close_event(int fd) {
  (void)close(fd);
}

static const struct jc_perf_system kernel = {
    .open = open_event, .read = read_event, .close = close_event};

/* ---- The PMU's folder ----------------------------------------------------------------------- */

/* Reads FILE of the PMU. Returns -errno, or its length. */
static int read_pmu(const struct pmu *pmu, const char *file, char *line, size_t size) {
  char path[JC_SYSFS_PATH + 64];
  (void)snprintf(path, sizeof path, "%s/%s", pmu->folder, file);
  return jc_sysfs_read_line(path, line, size);
}

static void fail_description(struct jc_meter_info *info, const char *file, const char *expected,
                             const char *line) {
  info->state = JC_METER_UNREADABLE;
  (void)snprintf(info->reason, sizeof info->reason,
                 "'%s' of the power PMU: expected %s, got '%.60s'", file, expected, line);
}

/* The number that TEXT begins with; *END is behind it. */
static bool take_number(const char *text, int base, uint64_t maximum, uint64_t *number,
                        const char **end) {
  char *behind;
  errno = 0;
  *number = strtoull(text, &behind, base);
  *end = behind;
  return behind != text && text[0] != '-' && text[0] != '+' && text[0] != ' ' && errno == 0 &&
         *number <= maximum;
}

/* "0,18" or "0-1,4". */
static bool parse_cpus(const char *text, struct pmu *pmu) {
  while (true) {
    uint64_t first;
    if (!take_number(text, 10, MAX_CPU, &first, &text)) {
      return false;
    }
    uint64_t last = first;
    if (*text == '-' && (!take_number(text + 1, 10, MAX_CPU, &last, &text) || last < first)) {
      return false;
    }
    for (uint64_t cpu = first; cpu <= last; cpu++) {
      if (pmu->cpu_count == JC_METER_MAX_COUNTERS) {
        return false;
      }
      pmu->cpus[pmu->cpu_count++] = (int)cpu;
    }
    if (*text != ',') {
      return *text == '\0';
    }
    text++;
  }
}

/* False, with the reason in INFO, if it cannot be understood. */
static bool read_description(struct pmu *pmu, struct jc_meter_info *info) {
  char line[256] = "";
  const char *end = "";
  uint64_t type = 0;
  if (read_pmu(pmu, "type", line, sizeof line) < 0 ||
      !take_number(line, 10, UINT32_MAX, &type, &end) || *end != '\0') {
    fail_description(info, "type", "a number", line);
    return false;
  }
  pmu->type = (uint32_t)type;
  if (read_pmu(pmu, "cpumask", line, sizeof line) < 0) {
    pmu->cpu_count = 1; /* CPU 0, as for a PMU of the whole machine */
    return true;
  }
  if (!parse_cpus(line, pmu)) {
    fail_description(info, "cpumask", "a list of at most 64 CPUs", line);
    return false;
  }
  return true;
}

/* Config and joules per count of event NAME. Returns 0: there is none, -1: it cannot be understood
 * and INFO says why. */
static int read_description_of(const struct pmu *pmu, const char *name, uint64_t *config,
                               double *unit_j, struct jc_meter_info *info) {
  static const char key[] = "event=";
  char file[64];
  char line[128] = "";
  const char *end = "";
  (void)snprintf(file, sizeof file, "events/%s", name);
  if (read_pmu(pmu, file, line, sizeof line) < 0) {
    return 0;
  }
  if (strncmp(line, key, strlen(key)) != 0 ||
      !take_number(line + strlen(key), 16, UINT64_MAX, config, &end) || *end != '\0') {
    fail_description(info, file, "event=0xNUMBER", line);
    return -1;
  }
  line[0] = '\0';
  (void)snprintf(file, sizeof file, "events/%s.unit", name);
  if (read_pmu(pmu, file, line, sizeof line) < 0 || strcmp(line, "Joules") != 0) {
    fail_description(info, file, "Joules", line);
    return -1;
  }
  line[0] = '\0';
  (void)snprintf(file, sizeof file, "events/%s.scale", name);
  char *behind = line;
  *unit_j = read_pmu(pmu, file, line, sizeof line) > 0 ? strtod(line, &behind) : 0;
  if (*behind != '\0' || !isfinite(*unit_j) || *unit_j <= 0 || *unit_j > 1) {
    fail_description(info, file, "joules per count, above 0 and at most 1", line);
    return -1;
  }
  return 1;
}

/* ---- Counters ------------------------------------------------------------------------------- */

/* What FILE says of a CPU's place, or -1. */
static int read_topology(const struct pmu *pmu, int cpu, const char *file) {
  char name[96];
  char path[JC_SYSFS_PATH];
  char line[32];
  uint64_t number;
  const char *end;
  (void)snprintf(name, sizeof name, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, file);
  if (jc_sysfs_read_line(jc_sysfs_join(pmu->root, name, path), line, sizeof line) < 0 ||
      !take_number(line, 10, MAX_CPU, &number, &end) || *end != '\0') {
    return -1;
  }
  return (int)number;
}

/* "package-1", "package-1-die-0" if the mask has other CPUs of that package, "cpu 18" if nothing
 * tells where it is. */
static void describe(const struct pmu *pmu, int cpu, struct jc_meter_counter *counter) {
  const char *suffix = strcmp(counter->domain, "dram") == 0 ? " dram" : "";
  int package = read_topology(pmu, cpu, "physical_package_id");
  int die = read_topology(pmu, cpu, "die_id");
  if (package < 0) {
    (void)snprintf(counter->covers, sizeof counter->covers, "package of cpu %d%s", cpu, suffix);
    return;
  }
  for (uint32_t i = 0; i < pmu->cpu_count; i++) {
    if (pmu->cpus[i] != cpu && read_topology(pmu, pmu->cpus[i], "physical_package_id") == package) {
      counter->die_of = package;
    }
  }
  if (counter->die_of == JC_METER_WHOLE) {
    (void)snprintf(counter->covers, sizeof counter->covers, "package-%d%s", package, suffix);
  } else if (die < 0) {
    (void)snprintf(counter->covers, sizeof counter->covers, "package-%d cpu %d%s", package, cpu,
                   suffix);
  } else {
    (void)snprintf(counter->covers, sizeof counter->covers, "package-%d-die-%d%s", package, die,
                   suffix);
  }
}

static enum jc_status read_counter(void *state, uint32_t counter, uint64_t *count,
                                   struct jc_error *error) {
  const struct perf *perf = state;
  int code = perf->system->read(perf->fds[counter], count);
  if (code < 0) {
    char reason[64];
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, "perf",
                   "cannot read an event of the power PMU: %s",
                   jc_meter_system_text(-code, reason, sizeof reason));
  }
  return JC_OK;
}

/* Event number EVENT of the table on every CPU of the mask. */
static enum jc_status add_counters(const struct pmu *pmu, size_t event, uint64_t config,
                                   double unit_j, struct perf *perf, struct jc_meter_info *info,
                                   struct jc_error *error) {
  for (uint32_t i = 0; i < pmu->cpu_count; i++) {
    struct jc_meter_counter *counter = jc_meter_add_counter(info);
    if (counter == NULL) {
      return jc_fail(error, JC_ERROR_OVERFLOW, 0, "perf", "more than %d energy counters",
                     JC_METER_MAX_COUNTERS);
    }
    int cpu = pmu->cpus[i];
    (void)snprintf(counter->name, sizeof counter->name, "%s:cpu%d", counted[event].name, cpu);
    (void)snprintf(counter->domain, sizeof counter->domain, "%s", counted[event].domain);
    counter->unit_j = unit_j;
    describe(pmu, cpu, counter);
    int fd = perf->system->open(&(struct jc_perf_event){pmu->type, config, cpu});
    if (fd < 0) {
      char reason[64];
      counter->state = jc_sysfs_state_of(-fd);
      (void)snprintf(counter->detail, sizeof counter->detail,
                     "cannot open event '%s' of the power PMU on cpu %d: %s", counted[event].name,
                     cpu, jc_meter_system_text(-fd, reason, sizeof reason));
    } else {
      perf->fds[counter - info->counters] = fd;
    }
  }
  return JC_OK;
}

static void close_perf(void *state) {
  struct perf *perf = state;
  for (uint32_t i = 0; perf != NULL && i < JC_METER_MAX_COUNTERS; i++) {
    if (perf->fds[i] >= 0) {
      perf->system->close(perf->fds[i]);
    }
  }
  free(perf);
}

/* Every event that the table names and the PMU has; the package's must be there. */
static enum jc_status open_events(const struct pmu *pmu, struct perf *perf,
                                  struct jc_meter_info *info, struct jc_error *error) {
  for (size_t i = 0; i < sizeof counted / sizeof *counted && info->state == JC_METER_OK; i++) {
    uint64_t config;
    double unit_j;
    int found = read_description_of(pmu, counted[i].name, &config, &unit_j, info);
    if (found > 0 && add_counters(pmu, i, config, unit_j, perf, info, error) != JC_OK) {
      return error->status;
    }
    if (found == 0 && i == 0) {
      info->state = JC_METER_ABSENT;
      (void)snprintf(info->reason, sizeof info->reason,
                     "the kernel's power PMU has no event 'energy-pkg'; others are no measure of "
                     "the package");
    } else if (found < 0 && i > 0) {
      jc_meter_note(info, "%s is not counted: %.180s", counted[i].name, info->reason);
      info->state = JC_METER_OK;
      info->reason[0] = '\0';
    }
  }
  return JC_OK;
}

static enum jc_status open_perf(const struct jc_meter_options *options, struct jc_meter_info *info,
                                void **state, struct jc_error *error) {
  struct pmu pmu = {.root = options->root};
  (void)jc_sysfs_join(options->root, "/sys/bus/event_source/devices/power", pmu.folder);
  if (access(pmu.folder, F_OK) != 0) {
    info->state = JC_METER_ABSENT;
    (void)snprintf(info->reason, sizeof info->reason, "the kernel has no power PMU");
    return JC_OK;
  }
  if (!read_description(&pmu, info)) {
    return JC_OK;
  }
  if (options->perf == NULL && options->root != NULL && options->root[0] != '\0') {
    info->state = JC_METER_ABSENT;
    (void)snprintf(info->reason, sizeof info->reason,
                   "'%.150s' has no kernel to open its power PMU", options->root);
    return JC_OK;
  }
  struct perf *perf = malloc(sizeof *perf);
  if (perf == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, "perf", "out of memory");
  }
  perf->system = options->perf != NULL ? options->perf : &kernel;
  for (uint32_t i = 0; i < JC_METER_MAX_COUNTERS; i++) {
    perf->fds[i] = -1;
  }
  if (open_events(&pmu, perf, info, error) != JC_OK) {
    close_perf(perf);
    return error->status;
  }
  *state = perf;
  return JC_OK;
}

const struct jc_meter_driver jc_meter_driver_perf = {
    .name = "perf",
    .summary = "the same counters through the kernel's power PMU, by perf_event_open",
    .hardware = JC_METER_PROCESSOR,
    .measured = true,
    .open = open_perf,
    .read = read_counter,
    .close = close_perf,
};
