/* environment.h -- what machine this is, and how busy others keep it: from /proc and /sys.
 *
 * Every function takes a root path, so that a folder of fixtures is a machine: NULL is the real
 * one; otherwise ROOT stands before each path and the process's own affinity is left out.
 */
#ifndef JC_ESTIMATOR_ENVIRONMENT_H
#define JC_ESTIMATOR_ENVIRONMENT_H

#include "estimator/estimator.h"

/* Fills MACHINE.
 *   cpu_model     `model name` of proc/cpuinfo, else the board's name, else "ARM implementer 0x41
 *                 part 0xd0c", else "unknown"; blanks trimmed
 *   cpus          processors of proc/cpuinfo, no more than the scheduler's affinity mask (real
 *                 machine only) and the cgroup's CPU quota (v1 or v2, rounded up) allow; >= 1
 *   memory_bytes  MemTotal of proc/meminfo, no more than the cgroup's limit
 *   isa           widest vector set: avx512, avx2, avx, sse2, sve, neon; else "unknown"
 * Fails with JC_ERROR_IO (a proc file cannot be read) or JC_ERROR_INVALID (MemTotal or every
 * processor missing). */
enum jc_status jc_environment_probe(const char *root, struct jc_machine *machine,
                                    struct jc_error *error);

/* A window over which the load of others is measured. */
struct jc_load_window {
  uint64_t busy_ticks;  /* of all CPUs since boot, time stolen by a hypervisor included */
  uint64_t total_ticks; /* the same with idle time */
  double own_s;         /* CPU time of this process, all threads */
};

/* Opens a window. Fails with JC_ERROR_IO or JC_ERROR_INVALID (proc/stat unreadable, malformed). */
enum jc_status jc_load_begin(const char *root, struct jc_load_window *window,
                             struct jc_error *error);

/* Busy share of the machine by others since jc_load_begin, 0..1: all CPUs' busy time less this
 * process's own, over all CPUs' time. Ticks are 10 ms, so windows of 0.5 s or more. Fails as
 * jc_load_begin, and with JC_ERROR_RUNTIME if the counters have not advanced. */
enum jc_status jc_load_end(const char *root, const struct jc_load_window *window, double *load,
                           struct jc_error *error);

/* Sleeps WINDOW_S (0.5 or more) and returns the load of others over it. */
enum jc_status jc_environment_load(const char *root, double window_s, double *load,
                                   struct jc_error *error);

#endif
