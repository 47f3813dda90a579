/* process_tree.c -- one look over /proc, from which the descendants are picked by their parents. */
#include "calibrate/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calibrate/clock.h"
#include "calibrate/sysfs.h"

static const double look_share = 1.0 / 500;

enum { MAX_TRIES = 3 };

struct process {
  pid_t pid, parent;
  bool alive; /* no zombie */
  bool ours;
  uint64_t start_ticks;
  double cpu_s;
};

struct processes {
  struct process *item;
  uint32_t count, capacity;
};

/* "PID (NAME) STATE PPID ...": NAME may hold anything, a ')' too, so that the last one ends it. */
static bool parse_stat(const char *text, struct process *process) {
  unsigned long long user, system, child_user, child_system, start;
  char state;
  int parent;
  const char *rest = strrchr(text, ')');
  if (rest == NULL ||
      sscanf(rest + 1,
             " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu %*d %*d %*d %*d %llu",
             &state, &parent, &user, &system, &child_user, &child_system, &start) != 7)
    return false;
  process->parent = parent;
  process->start_ticks = start;
  process->alive = state != 'Z' && state != 'X';
  process->cpu_s =
      (double)(user + system + child_user + child_system) / (double)sysconf(_SC_CLK_TCK);
  return true;
}

static struct process *add(struct processes *all) {
  if (all->count == all->capacity) {
    const uint32_t capacity = all->capacity > 0 ? 2 * all->capacity : 256;
    struct process *item = realloc(all->item, capacity * sizeof(*item));
    if (item == NULL)
      return NULL;
    all->item = item;
    all->capacity = capacity;
  }
  return &all->item[all->count];
}

static int compare_pids(const void *a, const void *b) {
  const pid_t x = ((const struct process *)a)->pid, y = ((const struct process *)b)->pid;
  return (x > y) - (x < y);
}

static bool is_foreign(const struct jc_tree *tree, const struct process *process) {
  for (uint32_t i = 0; i < tree->foreign_count; i++) {
    if (tree->foreign[i].pid == process->pid &&
        tree->foreign[i].start_ticks == process->start_ticks)
      return true;
  }
  return process->start_ticks < tree->start_ticks;
}

/* From parent to parent. A number that was used again while we looked could close a circle: no
 * chain is longer than all processes. */
static bool descends(const struct jc_tree *tree, const struct processes *all,
                     const struct process *process, pid_t self) {
  for (uint32_t steps = 0; process != NULL && steps < all->count; steps++) {
    const struct process parent = {.pid = process->parent};
    if (is_foreign(tree, process))
      return false;
    if (process->parent == self)
      return true;
    process = bsearch(&parent, all->item, all->count, sizeof(parent), compare_pids);
  }
  return false;
}

static void drop_others(const struct jc_tree *tree, struct processes *all) {
  const pid_t self = getpid();
  uint32_t kept = 0;
  qsort(all->item, all->count, sizeof(*all->item), compare_pids);
  for (uint32_t i = 0; i < all->count; i++)
    all->item[i].ours = descends(tree, all, &all->item[i], self);
  for (uint32_t i = 0; i < all->count; i++) {
    if (all->item[i].ours)
      all->item[kept++] = all->item[i];
  }
  all->count = kept;
}

static bool read_process(pid_t pid, struct process *process) {
  char path[32], text[1024];
  snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
  *process = (struct process){.pid = pid};
  return jc_sysfs_read_at(AT_FDCWD, path, text, sizeof(text)) > 0 && parse_stat(text, process);
}

/* The caller frees item. Kernel threads have parent 2 and are left out before the quadratic part.
 */
static struct processes look(const struct jc_tree *tree) {
  struct processes all = {0};
  DIR *folder = opendir("/proc");
  const struct dirent *entry;
  while (folder != NULL && (entry = readdir(folder)) != NULL) {
    struct process *process;
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || (process = add(&all)) == NULL)
      continue;
    if (read_process((pid_t)strtol(entry->d_name, NULL, 10), process) && process->parent > 0 &&
        process->parent != 2)
      all.count++;
  }
  if (folder != NULL)
    (void)closedir(folder);
  if (all.count > 0)
    drop_others(tree, &all);
  return all;
}

/* All that descends from us now. */
static void remember_foreign(struct jc_tree *tree) {
  const struct processes before = look(tree);
  tree->foreign = before.count > 0 ? malloc(before.count * sizeof(*tree->foreign)) : NULL;
  for (uint32_t i = 0; tree->foreign != NULL && i < before.count; i++)
    tree->foreign[tree->foreign_count++] =
        (struct jc_tree_foreign){before.item[i].pid, before.item[i].start_ticks};
  free(before.item);
}

void jc_tree_open(struct jc_tree *tree) {
  struct process self;
  *tree = (struct jc_tree){0};
  (void)pthread_mutex_init(&tree->mutex, NULL);
  (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  remember_foreign(tree);
  /* Where the kernel tells of no starts, numbers have to do. */
  if (read_process(getpid(), &self) && self.start_ticks > 0)
    tree->start_ticks = (uint64_t)(clock_s(CLOCK_BOOTTIME) * (double)sysconf(_SC_CLK_TCK));
}

void jc_tree_close(struct jc_tree *tree) {
  free(tree->foreign);
  (void)pthread_mutex_destroy(&tree->mutex);
}

static double seconds(const struct timeval *time) {
  return (double)time->tv_sec + 1e-6 * (double)time->tv_usec;
}

static double used_s(const struct rusage *usage) {
  return seconds(&usage->ru_utime) + seconds(&usage->ru_stime);
}

/* Of our own children that were waited for. */
static double waited_s(const struct jc_tree *tree) {
  struct rusage usage = {0};
  (void)getrusage(RUSAGE_CHILDREN, &usage);
  return used_s(&usage) - tree->foreign_s;
}

/* A child that is waited for during the look is in both sums or in none: then once more. */
static double look_at_cpu_s(const struct jc_tree *tree) {
  double before_s, cpu_s;
  int tries = 0;
  do {
    before_s = waited_s(tree);
    const struct processes ours = look(tree);
    cpu_s = before_s;
    for (uint32_t i = 0; i < ours.count; i++)
      cpu_s += ours.item[i].cpu_s;
    free(ours.item);
  } while (waited_s(tree) > before_s && ++tries < MAX_TRIES);
  return cpu_s;
}

double jc_tree_cpu_s(struct jc_tree *tree, double age_s) {
  (void)pthread_mutex_lock(&tree->mutex);
  const double begin_s = now_s();
  if (begin_s - tree->looked_s >= fmin(age_s, tree->cost_s / look_share)) {
    tree->cpu_s = fmax(tree->cpu_s, look_at_cpu_s(tree));
    tree->looked_s = now_s();
    tree->cost_s = tree->looked_s - begin_s;
  }
  const double cpu_s = tree->cpu_s;
  (void)pthread_mutex_unlock(&tree->mutex);
  return cpu_s;
}

uint32_t jc_tree_list(const struct jc_tree *tree, pid_t *pids, uint32_t capacity) {
  const struct processes ours = look(tree);
  uint32_t count = 0;
  for (uint32_t i = 0; i < ours.count; i++) {
    if (!ours.item[i].alive)
      continue;
    if (count < capacity)
      pids[count] = ours.item[i].pid;
    count++;
  }
  free(ours.item);
  return count;
}

uint32_t jc_tree_signal(const struct jc_tree *tree, int signal) {
  const struct processes ours = look(tree);
  uint32_t count = 0;
  for (uint32_t i = 0; i < ours.count; i++) {
    if (ours.item[i].alive && kill(ours.item[i].pid, signal) == 0)
      count++;
  }
  free(ours.item);
  return count;
}

pid_t jc_tree_reap(struct jc_tree *tree, int *status) {
  struct process process;
  struct rusage usage = {0};
  siginfo_t ended = {0};
  /* Looked at before it is waited for: then its number is free. */
  if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0)
    return 0;
  const bool foreign = read_process(ended.si_pid, &process) && is_foreign(tree, &process);
  (void)pthread_mutex_lock(&tree->mutex);
  const pid_t pid = wait4(ended.si_pid, status, WNOHANG, &usage);
  if (foreign)
    tree->foreign_s += used_s(&usage);
  (void)pthread_mutex_unlock(&tree->mutex);
  return pid > 0 ? pid : 0;
}
