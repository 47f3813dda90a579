/* environment.c -- the machine from /proc/cpuinfo, /proc/meminfo, cgroups; load from /proc/stat. */
#include "estimator/environment.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void join(const char *root, const char *path, char out[PATH_MAX]) {
  snprintf(out, PATH_MAX, "%s%s", root != NULL ? root : "", path);
}

/* An error names the file as it was opened, so that a fixture's can be told from the machine's. */
static FILE *open_proc(const char *root, const char *path, struct jc_error *error) {
  char full[PATH_MAX];
  join(root, path, full);
  FILE *file = fopen(full, "re");
  if (file == NULL) {
    jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot read: %s", strerror(errno));
    jc_error_name_file(error, full);
  }
  return file;
}

static enum jc_status fail_in(const char *root, const char *path, enum jc_status status,
                              const char *text, struct jc_error *error) {
  char full[PATH_MAX];
  join(root, path, full);
  jc_fail(error, status, 0, NULL, "%s", text);
  jc_error_name_file(error, full);
  return error->status;
}

/* Splits "key \t: value\n" in place. Returns NULL if the line has no colon. */
static char *split_line(char *line) {
  char *colon = strchr(line, ':');
  if (colon == NULL)
    return NULL;
  char *end = colon;
  while (end > line && isspace((unsigned char)end[-1]))
    end--;
  *end = '\0';
  char *value = colon + 1;
  while (isspace((unsigned char)*value))
    value++;
  end = value + strlen(value);
  while (end > value && isspace((unsigned char)end[-1]))
    end--;
  *end = '\0';
  return value;
}

static void copy_printable(char *out, size_t size, const char *text) {
  snprintf(out, size, "%s", text);
  for (char *c = out; *c != '\0'; c++) {
    if (iscntrl((unsigned char)*c))
      *c = '?';
  }
}

/* ---- cpuinfo ---- */

static bool has_flag(const char *flags, const char *flag) {
  const size_t length = strlen(flag);
  for (const char *at = strstr(flags, flag); at != NULL; at = strstr(at + length, flag)) {
    if ((at == flags || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
      return true;
  }
  return false;
}

static const char *widest_isa(const char *flags) {
  static const struct {
    const char *flag, *isa;
  } sets[] = {{"avx512f", "avx512"}, {"avx2", "avx2"},  {"avx", "avx"},  {"sse2", "sse2"},
              {"sve", "sve"},        {"asimd", "neon"}, {"neon", "neon"}};
  for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
    if (has_flag(flags, sets[i].flag))
      return sets[i].isa;
  }
  return "unknown";
}

/* What one pass over cpuinfo collects; the first processor speaks for all. */
struct cpuinfo {
  uint32_t processors;
  char model_name[96], board[96], implementer[16], part[16];
  char isa[32];
};

static void take_first(char *out, size_t size, const char *value) {
  if (out[0] == '\0')
    copy_printable(out, size, value);
}

static void take_cpuinfo_line(const char *key, const char *value, struct cpuinfo *info) {
  if (strcmp(key, "processor") == 0)
    info->processors++;
  else if (strcmp(key, "model name") == 0)
    take_first(info->model_name, sizeof(info->model_name), value);
  else if (strcmp(key, "Model") == 0 || strcmp(key, "Hardware") == 0)
    take_first(info->board, sizeof(info->board), value);
  else if (strcmp(key, "CPU implementer") == 0)
    take_first(info->implementer, sizeof(info->implementer), value);
  else if (strcmp(key, "CPU part") == 0)
    take_first(info->part, sizeof(info->part), value);
  else if (strcmp(key, "flags") == 0 || strcmp(key, "Features") == 0)
    take_first(info->isa, sizeof(info->isa), widest_isa(value));
}

static enum jc_status read_cpuinfo(const char *root, struct jc_machine *machine,
                                   struct jc_error *error) {
  FILE *file = open_proc(root, "/proc/cpuinfo", error);
  if (file == NULL)
    return error->status;
  struct cpuinfo info = {0};
  char *line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, file) > 0) {
    const char *value = split_line(line);
    if (value != NULL)
      take_cpuinfo_line(line, value, &info);
  }
  free(line);
  fclose(file);
  if (info.processors == 0)
    return fail_in(root, "/proc/cpuinfo", JC_ERROR_INVALID,
                   "expected a 'processor' line, found none", error);

  if (info.model_name[0] != '\0')
    snprintf(machine->cpu_model, sizeof(machine->cpu_model), "%s", info.model_name);
  else if (info.board[0] != '\0')
    snprintf(machine->cpu_model, sizeof(machine->cpu_model), "%s", info.board);
  else if (info.part[0] != '\0')
    snprintf(machine->cpu_model, sizeof(machine->cpu_model), "ARM implementer %s part %s",
             info.implementer, info.part);
  else
    snprintf(machine->cpu_model, sizeof(machine->cpu_model), "unknown");
  snprintf(machine->isa, sizeof(machine->isa), "%s", info.isa[0] != '\0' ? info.isa : "unknown");
  machine->cpus = info.processors;
  return JC_OK;
}

static enum jc_status read_meminfo(const char *root, struct jc_machine *machine,
                                   struct jc_error *error) {
  FILE *file = open_proc(root, "/proc/meminfo", error);
  if (file == NULL)
    return error->status;
  char *line = NULL;
  size_t capacity = 0;
  uint64_t kib = 0;
  while (kib == 0 && getline(&line, &capacity, file) > 0) {
    if (sscanf(line, "MemTotal: %" SCNu64 " kB", &kib) != 1)
      kib = 0;
  }
  free(line);
  fclose(file);
  if (kib == 0 || kib > UINT64_MAX / 1024)
    return fail_in(root, "/proc/meminfo", JC_ERROR_INVALID, "expected 'MemTotal: <number> kB'",
                   error);
  machine->memory_bytes = kib * 1024;
  return JC_OK;
}

/* ---- limits of the container ---- */

/* First line of a small file; false where it cannot be read, which is no error for a limit. */
static bool first_line(const char *path, char *line, int size) {
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return false;
  const bool read = fgets(line, size, file) != NULL;
  fclose(file);
  return read;
}

/* CPUs granted per period, rounded up: half a CPU still runs one thread. */
static void limit_cpus(int64_t quota, int64_t period, struct jc_machine *machine) {
  if (quota <= 0 || period <= 0)
    return;
  const int64_t cpus = quota / period + (quota % period != 0);
  if (cpus < machine->cpus)
    machine->cpus = (uint32_t)cpus;
}

static void limit_memory(const char *path, struct jc_machine *machine) {
  char line[64];
  uint64_t bytes = 0;
  if (first_line(path, line, sizeof(line)) && sscanf(line, "%" SCNu64, &bytes) == 1 && bytes > 0 &&
      bytes < machine->memory_bytes)
    machine->memory_bytes = bytes;
}

/* Limits of one cgroup v2 folder, or of the v1 controllers mounted in a container. */
static void apply_group(const char *root, const char *group, struct jc_machine *machine) {
  char path[PATH_MAX], name[PATH_MAX / 2], line[64];
  int64_t quota = 0, period = 0;
  snprintf(name, sizeof(name), "/sys/fs/cgroup%s/cpu.max", group);
  join(root, name, path);
  if (first_line(path, line, sizeof(line)) &&
      sscanf(line, "%" SCNd64 " %" SCNd64, &quota, &period) == 2)
    limit_cpus(quota, period, machine);
  snprintf(name, sizeof(name), "/sys/fs/cgroup%s/memory.max", group);
  join(root, name, path);
  limit_memory(path, machine);
}

static void apply_v1(const char *root, struct jc_machine *machine) {
  char path[PATH_MAX], line[64];
  int64_t quota = 0, period = 0;
  join(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", path);
  if (first_line(path, line, sizeof(line)) && sscanf(line, "%" SCNd64, &quota) == 1) {
    join(root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", path);
    if (first_line(path, line, sizeof(line)) && sscanf(line, "%" SCNd64, &period) == 1)
      limit_cpus(quota, period, machine);
  }
  join(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", path);
  limit_memory(path, machine);
}

/* A limit anywhere between the process's cgroup and the root of the tree holds. */
static void apply_cgroups(const char *root, struct jc_machine *machine) {
  char path[PATH_MAX], line[1024];
  join(root, "/proc/self/cgroup", path);
  if (first_line(path, line, sizeof(line)) && strncmp(line, "0::/", 4) == 0) {
    char *group = line + 3;
    group[strcspn(group, "\n")] = '\0';
    for (char *slash = strrchr(group, '/'); slash != NULL; slash = strrchr(group, '/')) {
      if (slash[1] != '\0')
        apply_group(root, group, machine);
      *slash = '\0';
    }
  }
  apply_group(root, "", machine);
  apply_v1(root, machine);
}

static void apply_affinity(struct jc_machine *machine) {
  /* A fixed cpu_set_t fails with EINVAL beyond 1024 CPUs: no limit is taken then. */
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    const int cpus = CPU_COUNT(&set);
    if (cpus > 0 && (uint32_t)cpus < machine->cpus)
      machine->cpus = (uint32_t)cpus;
  }
}

enum jc_status jc_environment_probe(const char *root, struct jc_machine *machine,
                                    struct jc_error *error) {
  memset(machine, 0, sizeof(*machine));
  if (read_cpuinfo(root, machine, error) != JC_OK || read_meminfo(root, machine, error) != JC_OK)
    return error->status;
  if (root == NULL)
    apply_affinity(machine);
  apply_cgroups(root, machine);
  return JC_OK;
}

/* ---- load ---- */

static double own_cpu_s(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
         1e-6 * ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec);
}

enum jc_status jc_load_begin(const char *root, struct jc_load_window *window,
                             struct jc_error *error) {
  FILE *file = open_proc(root, "/proc/stat", error);
  if (file == NULL)
    return error->status;
  uint64_t user = 0, nice_ = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  const int n = fscanf(file,
                       "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                       " %" SCNu64 " %" SCNu64,
                       &user, &nice_, &system, &idle, &iowait, &irq, &softirq, &steal);
  fclose(file);
  if (n < 4)
    return fail_in(root, "/proc/stat", JC_ERROR_INVALID, "expected 'cpu' and at least 4 numbers",
                   error);
  /* The guest columns that follow are part of user and nice already. */
  window->busy_ticks = user + nice_ + system + irq + softirq + steal;
  window->total_ticks = window->busy_ticks + idle + iowait;
  window->own_s = own_cpu_s();
  return JC_OK;
}

enum jc_status jc_load_end(const char *root, const struct jc_load_window *window, double *load,
                           struct jc_error *error) {
  struct jc_load_window now = {0};
  if (jc_load_begin(root, &now, error) != JC_OK)
    return error->status;
  if (now.total_ticks <= window->total_ticks)
    return fail_in(root, "/proc/stat", JC_ERROR_RUNTIME, "the CPU time counters have not advanced",
                   error);
  const double own_ticks = (now.own_s - window->own_s) * (double)sysconf(_SC_CLK_TCK);
  const double busy_ticks = (double)now.busy_ticks - (double)window->busy_ticks - own_ticks;
  const double share = busy_ticks / (double)(now.total_ticks - window->total_ticks);
  *load = share < 0 ? 0 : share > 1 ? 1 : share;
  return JC_OK;
}

enum jc_status jc_environment_load(const char *root, double window_s, double *load,
                                   struct jc_error *error) {
  struct jc_load_window window = {0};
  if (jc_load_begin(root, &window, error) != JC_OK)
    return error->status;
  struct timespec left = {.tv_sec = (time_t)window_s};
  left.tv_nsec = (long)((window_s - (double)left.tv_sec) * 1e9);
  while (nanosleep(&left, &left) != 0 && errno == EINTR)
    continue;
  return jc_load_end(root, &window, load, error);
}
