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
#include <unistd.h>

#include "calibrate/clock.h"
#include "calibrate/sysfs.h"

static const double look_share = 1.0 / 500;

enum { MAX_TRIES = 3 };

struct process {
  pid_t pid, parent;
  bool alive; /* no zombie */
  bool ours;
  double cpu_s;
};

struct processes {
  struct process *item;
  uint32_t count, capacity;
};

/* "PID (NAME) STATE PPID ...": NAME may hold anything, a ')' too, so that the last one ends it. */
static bool parse_stat(const char *text, struct process *process) {
  unsigned long long user, system, child_user, child_system;
  char state;
  int parent;
  const char *rest = strrchr(text, ')');
  if (rest == NULL ||
      sscanf(rest + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &state,
             &parent, &user, &system, &child_user, &child_system) != 6)
    return false;
  process->parent = parent;
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

/* From parent to parent. A number that was used again while we looked could close a circle: no
 * chain is longer than all processes. */
static bool descends(const struct processes *all, const struct process *process, pid_t self) {
  for (uint32_t steps = 0; process != NULL && steps < all->count; steps++) {
    const struct process parent = {.pid = process->parent};
    if (process->parent == self)
      return true;
    process = bsearch(&parent, all->item, all->count, sizeof(parent), compare_pids);
  }
  return false;
}

static void drop_others(struct processes *all) {
  const pid_t self = getpid();
  uint32_t kept = 0;
  qsort(all->item, all->count, sizeof(*all->item), compare_pids);
  for (uint32_t i = 0; i < all->count; i++)
    all->item[i].ours = descends(all, &all->item[i], self);
  for (uint32_t i = 0; i < all->count; i++) {
    if (all->item[i].ours)
      all->item[kept++] = all->item[i];
  }
  all->count = kept;
}

/* The caller frees item. Kernel threads have parent 2 and are left out before the quadratic part.
 */
static struct processes look(void) {
  struct processes all = {0};
  DIR *folder = opendir("/proc");
  const struct dirent *entry;
  while (folder != NULL && (entry = readdir(folder)) != NULL) {
    char path[300], text[1024];
    struct process *process;
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || (process = add(&all)) == NULL)
      continue;
    snprintf(path, sizeof(path), "%s/stat", entry->d_name);
    *process = (struct process){.pid = (pid_t)strtol(entry->d_name, NULL, 10)};
    if (jc_sysfs_read_at(dirfd(folder), path, text, sizeof(text)) > 0 &&
        parse_stat(text, process) && process->parent > 0 && process->parent != 2)
      all.count++;
  }
  if (folder != NULL)
    (void)closedir(folder);
  if (all.count > 0)
    drop_others(&all);
  return all;
}

void jc_tree_open(struct jc_tree *tree) {
  *tree = (struct jc_tree){0};
  (void)pthread_mutex_init(&tree->mutex, NULL);
  (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void jc_tree_close(struct jc_tree *tree) {
  (void)pthread_mutex_destroy(&tree->mutex);
}

static double seconds(const struct timeval *time) {
  return (double)time->tv_sec + 1e-6 * (double)time->tv_usec;
}

/* Of the children that were waited for. */
static double waited_s(void) {
  struct rusage usage = {0};
  (void)getrusage(RUSAGE_CHILDREN, &usage);
  return seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
}

/* A child that is waited for during the look is in both sums or in none: then once more. */
static double look_at_cpu_s(void) {
  double before_s, cpu_s;
  int tries = 0;
  do {
    before_s = waited_s();
    const struct processes ours = look();
    cpu_s = before_s;
    for (uint32_t i = 0; i < ours.count; i++)
      cpu_s += ours.item[i].cpu_s;
    free(ours.item);
  } while (waited_s() > before_s && ++tries < MAX_TRIES);
  return cpu_s;
}

double jc_tree_cpu_s(struct jc_tree *tree, double age_s) {
  (void)pthread_mutex_lock(&tree->mutex);
  const double begin_s = now_s();
  if (begin_s - tree->looked_s >= fmin(age_s, tree->cost_s / look_share)) {
    tree->cpu_s = fmax(tree->cpu_s, look_at_cpu_s());
    tree->looked_s = now_s();
    tree->cost_s = tree->looked_s - begin_s;
  }
  const double cpu_s = tree->cpu_s;
  (void)pthread_mutex_unlock(&tree->mutex);
  return cpu_s;
}

uint32_t jc_tree_list(pid_t *pids, uint32_t capacity) {
  const struct processes ours = look();
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

uint32_t jc_tree_signal(int signal) {
  const struct processes ours = look();
  uint32_t count = 0;
  for (uint32_t i = 0; i < ours.count; i++) {
    if (ours.item[i].alive && kill(ours.item[i].pid, signal) == 0)
      count++;
  }
  free(ours.item);
  return count;
}
