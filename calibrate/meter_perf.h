/* meter_perf.h -- what the perf meter asks of the kernel, so that a test can answer. */
#ifndef JC_CALIBRATE_METER_PERF_H
#define JC_CALIBRATE_METER_PERF_H

#include <stdint.h>

/* An energy event on one CPU, as for perf_event_open(2). */
struct jc_perf_event {
  uint32_t type;   /* number of the PMU */
  uint64_t config; /* number of the event in it */
  int cpu;
};

struct jc_perf_system {
  int (*open)(const struct jc_perf_event *event); /* a descriptor, or -errno */
  int (*read)(int fd, uint64_t *count);           /* 0, or -errno; -EIO if it is cut short */
  void (*close)(int fd);
};

#endif
