/* clock.h -- the system's clocks, in seconds. */
#ifndef JC_CALIBRATE_CLOCK_H
#define JC_CALIBRATE_CLOCK_H

#include <time.h>

static inline double clock_s(clockid_t clock) {
  struct timespec t = {0, 0};
  (void)clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Since any moment in the past; never set back. */
static inline double now_s(void) {
  return clock_s(CLOCK_MONOTONIC);
}

#endif
