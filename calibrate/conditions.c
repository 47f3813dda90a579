/* conditions.c -- priority, pinning, and the spin test of each CPU. */
#include "calibrate/conditions.h"

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "calibrate/clock.h"
#include "calibrate/text.h"
#include "estimator/environment.h"

enum { MAX_CPUS = CPU_SETSIZE };

/* ---- OpenMP's places ---- */

/* OpenMP came into the process with oneDNN, or not at all: it is looked up, never linked. */
static bool find(const char *name, void *function) {
  void *symbol = dlsym(RTLD_DEFAULT, name);
  if (symbol != NULL) /* POSIX gives pointers to objects and to functions one size */
    memcpy(function, &symbol, sizeof(symbol));
  return symbol != NULL;
}

/* The CPUs of OpenMP's places number FIRST to END; false if it binds nothing. */
static bool places(int first, int end, cpu_set_t *cpus) {
  int (*place_count)(void);
  int (*cpu_count)(int);
  void (*cpu_ids)(int, int *);
  CPU_ZERO(cpus);
  if (!find("omp_get_num_places", &place_count) || !find("omp_get_place_num_procs", &cpu_count) ||
      !find("omp_get_place_proc_ids", &cpu_ids))
    return false;
  for (int place = first; place < end && place < place_count(); place++) {
    int ids[MAX_CPUS];
    const int count = cpu_count(place);
    if (count < 0 || count > MAX_CPUS)
      return false;
    cpu_ids(place, ids);
    for (int i = 0; i < count; i++)
      CPU_SET((size_t)ids[i], cpus);
  }
  return CPU_COUNT(cpus) > 0;
}

void jc_conditions_unbind(void) {
  cpu_set_t cpus;
  if (places(0, MAX_CPUS, &cpus))
    (void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* ---- priority ---- */

/* Root may have -20; RLIMIT_NICE may allow others something between. */
static int lowest_nice(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NICE, &limit) != 0 || limit.rlim_cur > 40)
    return -20;
  return 20 - (int)limit.rlim_cur;
}

static bool lower_nice(int from) {
  if (setpriority(PRIO_PROCESS, 0, -20) == 0)
    return true;
  const int allowed = lowest_nice();
  return allowed < from && setpriority(PRIO_PROCESS, 0, allowed) == 0;
}

static const char autogroup[] = "/proc/self/autogroup";

static bool set_group_nice(int nice) {
  FILE *file = fopen(autogroup, "we");
  if (file == NULL)
    return false;
  const bool written = fprintf(file, "%d", nice) > 0;
  return fclose(file) == 0 && written;
}

/* "/autogroup-6 nice 0"; false where the kernel does not group by session. */
static bool get_group_nice(int *nice) {
  FILE *file = fopen(autogroup, "re");
  if (file == NULL)
    return false;
  const bool read = fscanf(file, "/autogroup-%*d nice %d", nice) == 1;
  fclose(file);
  return read;
}

void jc_conditions_raise(struct jc_conditions *c, bool raise) {
  const int policy = sched_getscheduler(0);
  memset(c, 0, sizeof(*c));
  copy_text(c->priority, sizeof(c->priority), "normal");
  copy_text(c->pinning, sizeof(c->pinning), "none");
  errno = 0;
  c->nice = getpriority(PRIO_PROCESS, 0);
  if (policy == SCHED_FIFO || policy == SCHED_RR) {
    copy_text(c->priority, sizeof(c->priority), "fifo");
    return;
  }
  c->niced = raise && errno == 0 && lower_nice(c->nice);
  const int nice = getpriority(PRIO_PROCESS, 0);
  c->grouped =
      c->niced && get_group_nice(&c->group_nice) && c->group_nice > nice && set_group_nice(nice);
  if (c->niced || c->nice < 0)
    copy_text(c->priority, sizeof(c->priority), "nice");
}

/* ---- pinning ---- */

void jc_conditions_pin(struct jc_conditions *c, uint32_t threads, int cpu) {
  cpu_set_t wanted;
  if (sched_getaffinity(0, sizeof(c->cpus), &c->cpus) != 0)
    return;
  if (threads == 1 && cpu >= 0) {
    CPU_ZERO(&wanted);
    CPU_SET((size_t)cpu, &wanted);
  } else if (threads == 1 || !places(0, 1, &wanted)) {
    return;
  }
  c->pinned = sched_setaffinity(0, sizeof(wanted), &wanted) == 0;
  if (c->pinned)
    copy_text(c->pinning, sizeof(c->pinning), threads == 1 ? "one-cpu" : "bound");
}

void jc_conditions_restore(const struct jc_conditions *c) {
  if (c->pinned)
    (void)sched_setaffinity(0, sizeof(c->cpus), &c->cpus);
  if (c->grouped)
    (void)set_group_nice(c->group_nice);
  if (c->niced)
    (void)setpriority(PRIO_PROCESS, 0, c->nice);
}

/* ---- the spin test ---- */

struct spinner {
  pthread_t thread;
  int cpu;
  double duration_s, share;
};

static void *spin(void *argument) {
  struct spinner *s = argument;
  const double start = now_s(), cpu = clock_s(CLOCK_THREAD_CPUTIME_ID);
  double now = start;
  while (now - start < s->duration_s)
    now = now_s();
  s->share = fmin(1, (clock_s(CLOCK_THREAD_CPUTIME_ID) - cpu) / (now - start));
  return NULL;
}

static bool start_on(struct spinner *s, int cpu, double duration_s) {
  pthread_attr_t attributes;
  cpu_set_t one;
  *s = (struct spinner){.cpu = cpu, .duration_s = duration_s};
  CPU_ZERO(&one);
  CPU_SET((size_t)cpu, &one);
  if (pthread_attr_init(&attributes) != 0)
    return false;
  const bool started = pthread_attr_setaffinity_np(&attributes, sizeof(one), &one) == 0 &&
                       pthread_create(&s->thread, &attributes, spin, s) == 0;
  (void)pthread_attr_destroy(&attributes);
  return started;
}

/* CPU 0 takes most interrupts, and is no candidate beside others. */
static const struct spinner *choose(const struct spinner *spinners, size_t count) {
  const struct spinner *best = &spinners[0];
  for (size_t i = 1; i < count; i++) {
    if (best->cpu == 0 || spinners[i].share > best->share)
      best = &spinners[i];
  }
  return best;
}

bool jc_spin_test(double duration_s, double *share, int *quietest) {
  cpu_set_t cpus;
  size_t count = 0;
  double sum = 0;
  struct spinner *spinners = calloc(MAX_CPUS, sizeof(*spinners));
  *share = 1;
  *quietest = -1;
  if (spinners != NULL && sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
    for (int cpu = 0; cpu < MAX_CPUS; cpu++) {
      if (CPU_ISSET((size_t)cpu, &cpus) && start_on(&spinners[count], cpu, duration_s))
        count++;
    }
  }
  for (size_t i = 0; i < count; i++) {
    (void)pthread_join(spinners[i].thread, NULL);
    sum += spinners[i].share;
  }
  if (count > 0) {
    *share = sum / (double)count;
    *quietest = choose(spinners, count)->cpu;
  }
  free(spinners);
  return count > 0;
}

enum jc_status jc_conditions_load(const struct jc_load_check *check, double *load, int *quietest,
                                  struct jc_error *error) {
  double accounted = 0, share = 1;
  if (jc_environment_load(NULL, check->window_s, &accounted, error) != JC_OK)
    return error->status;
  (void)jc_spin_test(check->spin_s, &share, quietest);
  *load = fmax(accounted, 1 - share);
  if (*load > check->tolerated && !check->force)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL,
                   "other processes use %.0f %% of this machine (tolerated: %.0f %%): times would "
                   "be wrong; end them, or %s anyway with --force",
                   100 * *load, 100 * check->tolerated, check->verb);
  return JC_OK;
}
