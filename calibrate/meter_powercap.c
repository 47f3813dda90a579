/* meter_powercap.c -- Intel and AMD RAPL through Linux's powercap tree.
 *
 * Each zone is a directory, `intel-rapl:0` (AMD's have the same name) or `intel-rapl:0:1` below it,
 * with the files name, energy_uj and max_energy_range_uj (kernel: Documentation/power/powercap).
 * Counted are zones named package-N or package-N-die-M, and dram. Not counted: core and uncore,
 * which are parts of the package, and psys, which contains it. Client machines show the same
 * package a second time as `intel-rapl-mmio`; it is counted once. Dies whose zones all show the
 * package's counter are told apart from true ones by meter_mirror.c.
 *
 * Zones are listed flat in /sys/class/powercap and nested in /sys/devices/virtual/powercap, which
 * is also what a container gets that mounts /sys/class/powercap/intel-rapl: both are searched.
 */
#include "calibrate/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ZONES = 256, MAX_DEPTH = 2, NO_CHILD = -1 };

struct zone {
  char id[32];    /* intel-rapl:0:1 */
  char path[160]; /* below the root */
  char name[64];  /* package-0, dram, core, ...; "" if it cannot be read */
  int name_errno; /* why not */
  bool mmio;
  int package; /* first number of the id */
  int child;   /* second number, or NO_CHILD */
};

struct tree {
  const char *root;
  int root_fd;
  uint32_t zone_count;
  bool truncated; /* more than MAX_ZONES */
  struct zone zones[MAX_ZONES];
};

struct powercap {
  struct jc_sysfs_counter counters[JC_METER_MAX_COUNTERS];
};

/* FILE of a zone. Returns its length or -errno. */
static int read_file(const struct tree *tree, const struct zone *zone, const char *file,
                     char *buffer, size_t size) {
  char path[sizeof zone->path + 32];
  (void)snprintf(path, sizeof path, "%s/%s", zone->path, file);
  return jc_sysfs_read_at(tree->root_fd, path, buffer, size);
}

/* ---- Zones ---------------------------------------------------------------------------------- */

/* Reads `:N` at *TEXT and moves behind it. Returns N, or -1 if there is none. */
static int take_number(const char **text) {
  const char *at = *text;
  int number = 0;
  if (*at++ != ':' || *at < '0' || *at > '9') {
    return -1;
  }
  for (; *at >= '0' && *at <= '9' && number < 100000; at++) {
    number = 10 * number + (*at - '0');
  }
  *text = at;
  return number;
}

/* Fills the numbers of a zone from the name of its directory, or returns false. */
static bool parse_id(const char *id, struct zone *zone) {
  static const char prefix[] = "intel-rapl";
  static const char mmio[] = "-mmio";
  if (strlen(id) >= sizeof zone->id || strncmp(id, prefix, strlen(prefix)) != 0) {
    return false;
  }
  const char *at = id + strlen(prefix);
  zone->mmio = strncmp(at, mmio, strlen(mmio)) == 0;
  at += zone->mmio ? strlen(mmio) : 0;
  zone->package = take_number(&at);
  zone->child = take_number(&at);
  (void)snprintf(zone->id, sizeof zone->id, "%s", id);
  return zone->package >= 0 && *at == '\0';
}

static bool is_control_type(const char *name) {
  return strcmp(name, "intel-rapl") == 0 || strcmp(name, "intel-rapl-mmio") == 0;
}

/* Adds the zone in directory PARENT/ID unless it is known already. */
static void add_zone(struct tree *tree, const char *parent, const char *id) {
  struct zone zone = {0};
  if (!parse_id(id, &zone)) {
    return;
  }
  for (uint32_t i = 0; i < tree->zone_count; i++) {
    if (strcmp(tree->zones[i].id, zone.id) == 0) {
      return;
    }
  }
  if (tree->zone_count == MAX_ZONES) {
    tree->truncated = true;
    return;
  }
  (void)snprintf(zone.path, sizeof zone.path, "%.100s/%s", parent, zone.id);
  int length = read_file(tree, &zone, "name", zone.name, sizeof zone.name);
  if (length < 0) {
    zone.name_errno = -length;
    zone.name[0] = '\0';
  }
  jc_sysfs_make_printable(zone.name);
  tree->zones[tree->zone_count++] = zone;
}

/* Lists zones in directory PATH (below the root) and inside what it holds. The depth is bounded,
 * since the tree is full of links that lead back into it. */
static void scan(struct tree *tree, const char *path, int depth) {
  int fd = openat(tree->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
  if (directory == NULL) {
    if (fd >= 0) {
      (void)close(fd);
    }
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(directory)) != NULL) {
    struct zone zone;
    bool is_zone = parse_id(entry->d_name, &zone);
    if (is_zone) {
      add_zone(tree, path, entry->d_name);
    }
    if ((is_zone || is_control_type(entry->d_name)) && depth < MAX_DEPTH) {
      char inner[sizeof zone.path];
      (void)snprintf(inner, sizeof inner, "%.100s/%.31s", path, entry->d_name);
      scan(tree, inner, depth + 1);
    }
  }
  (void)closedir(directory);
}

static bool is_package(const struct zone *zone) {
  return strncmp(zone->name, "package", 7) == 0;
}

static bool is_dram(const struct zone *zone) {
  return strcmp(zone->name, "dram") == 0;
}

/* Packages first, then dram; MSR before MMIO, so that it is the MMIO one that is left out. */
static int compare_zones(const void *left, const void *right) {
  const struct zone *a = left;
  const struct zone *b = right;
  int ranks_a[] = {is_dram(a), a->mmio, a->package, a->child};
  int ranks_b[] = {is_dram(b), b->mmio, b->package, b->child};
  for (size_t i = 0; i < sizeof ranks_a / sizeof *ranks_a; i++) {
    if (ranks_a[i] != ranks_b[i]) {
      return ranks_a[i] < ranks_b[i] ? -1 : 1;
    }
  }
  return 0;
}

/* The zone that ZONE lies in; itself if it is a package, NULL if that cannot be told. */
static const struct zone *package_of(const struct tree *tree, const struct zone *zone) {
  for (uint32_t i = 0; i < tree->zone_count; i++) {
    const struct zone *parent = &tree->zones[i];
    if (parent->mmio == zone->mmio && parent->package == zone->package &&
        parent->child == NO_CHILD && parent->name[0] != '\0') {
      return parent;
    }
  }
  return NULL;
}

/* "package-0", or "package-0 dram" of a zone below it. */
static void describe(const struct tree *tree, const struct zone *zone, char *text, size_t size) {
  const struct zone *package = package_of(tree, zone);
  if (zone->child == NO_CHILD) {
    (void)snprintf(text, size, "%.60s", zone->name);
  } else {
    (void)snprintf(text, size, "%.60s %.15s", package != NULL ? package->name : zone->id,
                   zone->name);
  }
}

/* N of a zone in `package-N-die-M`, else JC_METER_WHOLE. */
static int die_of(const struct tree *tree, const struct zone *zone) {
  static const char prefix[] = "package-";
  const struct zone *package = package_of(tree, zone);
  if (package == NULL || strncmp(package->name, prefix, strlen(prefix)) != 0) {
    return JC_METER_WHOLE;
  }
  char *end;
  long number = strtol(package->name + strlen(prefix), &end, 10);
  bool is_die = strncmp(end, "-die-", 5) == 0 && number >= 0 && number <= INT_MAX;
  return is_die ? (int)number : JC_METER_WHOLE;
}

/* ---- Counters ------------------------------------------------------------------------------- */

static enum jc_status read_counter(void *state, uint32_t counter, uint64_t *count,
                                   struct jc_error *error) {
  const struct powercap *powercap = state;
  return jc_sysfs_read_counter(&powercap->counters[counter], "powercap", count, error);
}

/* The largest value + 1, or 0 with a note where the file tells none. */
static uint64_t read_range(const struct tree *tree, const struct zone *zone,
                           struct jc_meter_info *info) {
  char text[64] = "";
  uint64_t largest = 0;
  int length = read_file(tree, zone, "max_energy_range_uj", text, sizeof text);
  if (length < 0 || !jc_sysfs_parse_count(text, &largest) || largest == 0 ||
      largest == UINT64_MAX) {
    jc_meter_note(info, "%s tells no range: should it wrap, the reading fails", zone->id);
    return 0;
  }
  return largest + 1;
}

/* Opens energy_uj of ZONE and reads it once. */
static void open_counter(const struct tree *tree, const struct zone *zone,
                         struct jc_sysfs_counter *opened, struct jc_meter_counter *counter) {
  char path[sizeof zone->path + 16];
  (void)snprintf(path, sizeof path, "%s/energy_uj", zone->path);
  (void)snprintf(opened->name, sizeof opened->name, "%s/energy_uj", zone->id);
  jc_sysfs_open_counter(tree->root_fd, path, "powercap", opened, counter);
}

static struct jc_meter_counter *find_counter(struct jc_meter_info *info, const char *covers) {
  for (uint32_t i = 0; i < info->counter_count; i++) {
    if (strcmp(info->counters[i].covers, covers) == 0) {
      return &info->counters[i];
    }
  }
  return NULL;
}

/* Makes a counter of ZONE. An MMIO zone that repeats a piece takes its place only if the MSR zone
 * of that piece cannot be read. */
static enum jc_status add_counter(const struct tree *tree, const struct zone *zone,
                                  struct powercap *powercap, struct jc_meter_info *info,
                                  struct jc_error *error) {
  char covers[sizeof info->counters[0].covers];
  describe(tree, zone, covers, sizeof covers);
  struct jc_meter_counter *counter = zone->mmio ? find_counter(info, covers) : NULL;
  if (counter != NULL && counter->state == JC_METER_OK) {
    jc_meter_note(info, "%s repeats %s: counted once", zone->id, covers);
    return JC_OK;
  }
  if (counter == NULL) {
    counter = jc_meter_add_counter(info);
  }
  if (counter == NULL) {
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "powercap", "more than %d energy zones",
                   JC_METER_MAX_COUNTERS);
  }
  struct jc_sysfs_counter *opened = &powercap->counters[counter - info->counters];
  jc_sysfs_close_counter(opened);
  *counter = (struct jc_meter_counter){.unit_j = 1e-6, .die_of = die_of(tree, zone)};
  (void)snprintf(counter->name, sizeof counter->name, "%s", zone->id);
  (void)snprintf(counter->domain, sizeof counter->domain, "%s", is_dram(zone) ? "dram" : "package");
  (void)snprintf(counter->covers, sizeof counter->covers, "%s", covers);
  open_counter(tree, zone, opened, counter);
  if (counter->state == JC_METER_OK) {
    counter->range = read_range(tree, zone, info);
  }
  return JC_OK;
}

static enum jc_status add_counters(const struct tree *tree, struct powercap *powercap,
                                   struct jc_meter_info *info, struct jc_error *error) {
  if (tree->truncated) {
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "powercap", "more than %d zones in '%.200s'",
                   MAX_ZONES, tree->root);
  }
  for (uint32_t i = 0; i < tree->zone_count; i++) {
    const struct zone *zone = &tree->zones[i];
    if (zone->name[0] == '\0') {
      char reason[64];
      jc_meter_note(info, "%s is not counted: cannot read its name: %s", zone->id,
                    jc_meter_system_text(zone->name_errno, reason, sizeof reason));
    } else if (is_package(zone) || is_dram(zone)) {
      enum jc_status status = add_counter(tree, zone, powercap, info, error);
      if (status != JC_OK) {
        return status;
      }
    }
  }
  return JC_OK;
}

/* Says why the tree holds no counter at all. */
static void explain_absence(const struct tree *tree, struct jc_meter_info *info) {
  info->state = JC_METER_ABSENT;
  for (uint32_t i = 0; i < tree->zone_count; i++) {
    const struct zone *zone = &tree->zones[i];
    if (zone->name[0] != '\0') {
      continue;
    }
    char reason[64];
    info->state =
        zone->name_errno == ENOENT ? JC_METER_ABSENT : jc_sysfs_state_of(zone->name_errno);
    (void)snprintf(info->reason, sizeof info->reason,
                   "'%s' is listed in '%.100s' but its files are hidden: %s", zone->id, tree->root,
                   jc_meter_system_text(zone->name_errno, reason, sizeof reason));
    return;
  }
  (void)snprintf(info->reason, sizeof info->reason, "no package zone in '%.100s'", tree->root);
}

static void close_powercap(void *state) {
  struct powercap *powercap = state;
  if (powercap != NULL) {
    for (uint32_t i = 0; i < JC_METER_MAX_COUNTERS; i++) {
      jc_sysfs_close_counter(&powercap->counters[i]);
    }
    free(powercap);
  }
}

static enum jc_status open_tree(struct tree *tree, struct jc_meter_info *info, void **state,
                                struct jc_error *error) {
  struct powercap *powercap = malloc(sizeof *powercap);
  if (powercap == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, "powercap", "out of memory");
  }
  for (uint32_t i = 0; i < JC_METER_MAX_COUNTERS; i++) {
    powercap->counters[i].fd = -1;
  }
  scan(tree, ".", 0);
  qsort(tree->zones, tree->zone_count, sizeof tree->zones[0], compare_zones);
  enum jc_status status = add_counters(tree, powercap, info, error);
  if (status != JC_OK) {
    close_powercap(powercap);
    return status;
  }
  if (info->counter_count == 0) {
    explain_absence(tree, info);
  }
  *state = powercap;
  return JC_OK;
}

static enum jc_status open_powercap(const struct jc_meter_options *options,
                                    struct jc_meter_info *info, void **state,
                                    struct jc_error *error) {
  char usual[JC_SYSFS_PATH];
  const char *root = options->powercap_root;
  if (root == NULL) {
    root = jc_sysfs_join(options->root, "/sys/class/powercap", usual);
  }
  int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root_fd < 0) {
    int code = errno;
    char reason[64];
    info->state = code == ENOENT ? JC_METER_ABSENT : jc_sysfs_state_of(code);
    (void)snprintf(info->reason, sizeof info->reason, "cannot open '%.150s': %s", root,
                   jc_meter_system_text(code, reason, sizeof reason));
    return JC_OK;
  }
  struct tree *tree = calloc(1, sizeof *tree);
  enum jc_status status;
  if (tree == NULL) {
    status = jc_fail(error, JC_ERROR_STORAGE, 0, "powercap", "out of memory");
  } else {
    tree->root = root;
    tree->root_fd = root_fd;
    status = open_tree(tree, info, state, error);
  }
  free(tree);
  (void)close(root_fd);
  return status;
}

const struct jc_meter_driver jc_meter_driver_powercap = {
    .name = "powercap",
    .summary = "RAPL energy counters of Intel and AMD processors, from /sys/class/powercap",
    .hardware = JC_METER_PROCESSOR,
    .measured = true,
    .open = open_powercap,
    .read = read_counter,
    .close = close_powercap,
};
