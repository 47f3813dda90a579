/* conditions.h -- under what conditions the process trains: its priority, its CPUs, and whether
 * each CPU really is its own.
 *
 *   jc_conditions_unbind();                             before CPUs are counted
 *   jc_conditions_load(&check, &load, &quietest, &error);  at normal priority
 *   jc_conditions_raise(&conditions);                   before the meter's thread and OpenMP's
 * start jc_conditions_pin(&conditions, threads, quietest);  after the meter's thread started
 *   ... train ...
 *   jc_conditions_restore(&conditions);
 *
 * Priority: the lowest nice value permitted, never a real-time class of our own choice. A prototype
 * took SCHED_FIFO; kernels then give other tasks 50 ms of each second, older ones even if nobody
 * wants them, which is 5 % of every joule, and workers that wait actively at a real-time priority
 * can lock out whoever they wait for. Where the kernel groups processes by session
 * (/proc/self/autogroup), nice counts within the session only: beside a busy process of another one
 * a thread got 39 % of its CPU at nice 0, 41 % at nice -20, 98 % with the group at -20 too, and
 * 99.8 % under SCHED_FIFO (Linux 6.18). So the group is raised with it, for as long as it takes; a
 * process that is killed leaves its session raised. Who starts the program under `chrt` keeps that.
 */
#ifndef JC_CALIBRATE_CONDITIONS_H
#define JC_CALIBRATE_CONDITIONS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "estimator/error.h"

struct jc_conditions {
  char priority[8]; /* "fifo": a real-time class, as started; "nice": raised; "normal" */
  char pinning[16]; /* "one-cpu": one thread on one CPU; "bound": OpenMP binds them; "none" */
  bool niced, grouped, pinned; /* private: what is to be restored */
  int nice, group_nice;
  cpu_set_t cpus;
};

/* OpenMP (libgomp with OMP_PROC_BIND) binds the thread that loads it to its first place. Gives that
 * thread, the caller, all CPUs of all places; nothing where OpenMP binds nothing. */
void jc_conditions_unbind(void);

/* Names what the calling thread has, and raises its priority if permitted (and RAISE); threads
 * created later inherit it. Never fails: what was had is the result. */
void jc_conditions_raise(struct jc_conditions *conditions, bool raise);

/* One thread: to CPU, one of those allowed (-1: not at all). Several, and OpenMP binds them: the
 * caller to OpenMP's first place, where libgomp believes it to be. */
void jc_conditions_pin(struct jc_conditions *conditions, uint32_t threads, int cpu);

void jc_conditions_restore(const struct jc_conditions *conditions);

/* A thread on each CPU allowed to the caller spins for DURATION_S: *SHARE is the mean of what each
 * got of its CPU, 0..1; what others took, a hypervisor included, is missing. *QUIETEST is the CPU
 * with the largest share, not 0 if there is another (interrupts go there), -1 if none is known.
 * False if no thread could be started; both are then as if all were quiet. */
bool jc_spin_test(double duration_s, double *share, int *quietest);

/* What jc_conditions_load() looks at, and what it does about it. */
struct jc_load_check {
  double window_s, spin_s; /* how long the kernel's accounts are watched, and CPUs spun on */
  double tolerated;        /* load of others, 0..1 */
  bool force;              /* more is no error */
  const char *verb;        /* "calibrate": what --force would do anyway */
};

/* The load of others, 0..1, and the quietest CPU (as above): they are seen by the kernel's
 * accounts, and by what they, or a hypervisor, take of each CPU. JC_ERROR_RUNTIME beyond what is
 * tolerated. */
enum jc_status jc_conditions_load(const struct jc_load_check *check, double *load, int *quietest,
                                  struct jc_error *error);

#endif
