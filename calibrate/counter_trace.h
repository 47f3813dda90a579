/* counter_trace.h -- a meter's counters written down while it counts: joulecast.trace/1, which
 * meter `replay` reads again (data/README.md has the fields).
 *
 *   struct jc_counter_trace trace;
 *   if (jc_counter_trace_open(path, meter, &trace, error) != JC_OK) ...
 *   jc_counter_trace_add(&trace, &reading, error)     synced: what was added survives a power cut
 *   jc_counter_trace_close(&trace);
 */
#ifndef JC_CALIBRATE_COUNTER_TRACE_H
#define JC_CALIBRATE_COUNTER_TRACE_H

#include "calibrate/meter.h"

struct jc_counter_trace {
  const struct jc_meter_info *meter; /* borrowed */
  const char *path;                  /* borrowed */
  int fd;
  double begin_s, last_s; /* of the readings; 0: none yet */
};

/* Replaces PATH by the head of a trace. Counts begin at 0 and do not wrap, in units of METER's
 * counters; those that it leaves out are left out. JC_ERROR_IO, JC_ERROR_STORAGE. */
enum jc_status jc_counter_trace_open(const char *path, const struct jc_meter_info *meter,
                                     struct jc_counter_trace *trace, struct jc_error *error);

/* Adds READING, unless it is not later than the one before. JC_ERROR_IO, JC_ERROR_STORAGE. */
enum jc_status jc_counter_trace_add(struct jc_counter_trace *trace,
                                    const struct jc_meter_reading *reading, struct jc_error *error);

void jc_counter_trace_close(struct jc_counter_trace *trace);

#endif
