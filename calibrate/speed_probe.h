/* speed_probe.h -- how fast the machine is at this moment, by two small pieces of work that never
 * change.
 *
 *   struct jc_speed_probe *probe;
 *   if (jc_speed_probe_open(threads, &probe, &error) != JC_OK) ...
 *   struct jc_speed now = jc_speed_probe_take(probe);      about 1 to 2 ms
 *   jc_speed_probe_close(probe);
 *
 * Virtual machines of one host share its caches, its memory bandwidth and, as hyper-threads, the
 * arithmetic of its cores. Nothing in the guest's accounts shows it: CPU time stays equal to wall
 * time. On a 2-core guest (2026-11-29) the median step of eleven networks, measured six times each
 * within six minutes, had a standard deviation of 14 %. The logarithms of the two parts of a probe
 * that was taken every 40 ms between the steps explain all but 4 % of it; a probe before and behind
 * the window all but 9 %.
 */
#ifndef JC_CALIBRATE_SPEED_PROBE_H
#define JC_CALIBRATE_SPEED_PROBE_H

#include "estimator/samples_file.h"

struct jc_speed_probe;

/* Of a machine that trains on THREADS (>= 1) threads. JC_ERROR_STORAGE: no room for the memory that
 * is read, 16 MiB or 4 MiB a thread, if that is more. */
enum jc_status jc_speed_probe_open(uint32_t threads, struct jc_speed_probe **probe,
                                   struct jc_error *error);

/* Runs both parts on every thread of the trainer's pool at once, or on the calling thread where
 * there is no pool: multiplications and additions that fill the pipelines, and the reading of
 * memory that no second-level cache holds. Seconds until the slowest is through, as for a layer. */
struct jc_speed jc_speed_probe_take(const struct jc_speed_probe *probe);

void jc_speed_probe_close(struct jc_speed_probe *probe); /* NULL is ignored */

/* Seconds of both parts: of two windows that of the lower sum was measured on the quicker machine.
 * NAN: not known. */
static inline double jc_speed_sum_s(const struct jc_speed *speed) {
  return speed->compute_s + speed->memory_s;
}

#endif
