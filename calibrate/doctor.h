/* doctor.h -- which energy sources work on this machine, why the others do not, and the fix.
 *
 *   struct jc_doctor_finding findings[JC_DOCTOR_MAX_FINDINGS];
 *   uint32_t count = jc_doctor_examine(&options, findings);
 *
 * Prints nothing, changes nothing. Takes up to 200 ms per source, with one core busy.
 */
#ifndef JC_CALIBRATE_DOCTOR_H
#define JC_CALIBRATE_DOCTOR_H

#include "calibrate/meter.h"

enum { JC_DOCTOR_MAX_FINDINGS = JC_METER_MAX_DRIVERS };

/* All members may be zero. */
struct jc_doctor_options {
  const char *root; /* put before /sys, /proc, /.dockerenv, so that a folder can stand for a
                       machine, at most 350 bytes; NULL or "": this one */
  struct jc_meter_options meter; /* its `root` is not looked at */
};

struct jc_doctor_finding {
  const char *source; /* "powercap", "perf", "hwmon", "nvml", "model"; static */
  enum jc_meter_state state;
  bool measured;     /* false: modelled */
  char detail[512];  /* what was found, one line */
  char remedy[1024]; /* what to do: commands and remarks (these begin with '#'), one per line, so
                        that it can be pasted into a shell; "" if nothing is to be done */
};

/* Fills FINDINGS, one per energy source, best first. Returns how many: 0 if memory runs out.
 * OPTIONS may be NULL. */
uint32_t jc_doctor_examine(const struct jc_doctor_options *options,
                           struct jc_doctor_finding findings[JC_DOCTOR_MAX_FINDINGS]);

#endif
