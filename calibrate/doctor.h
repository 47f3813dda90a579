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

enum { JC_DOCTOR_MAX_FINDINGS = 8 };

/* An energy event of the kernel's `power` PMU. */
struct jc_perf_event {
  char name[32];   /* "energy-pkg" */
  uint32_t type;   /* as for perf_event_open(2) */
  uint64_t config; /* the same */
  int cpu;         /* first CPU of the PMU's cpumask */
};

/* All members may be zero. */
struct jc_doctor_options {
  const char *root; /* put before /sys, /proc, /.dockerenv, so that a folder can stand for a
                       machine, at most 350 bytes; NULL or "": this one */
  struct jc_meter_options meter; /* powercap_root NULL: <root>/sys/class/powercap */

  /* Whether EVENT advances within 200 ms of load: JC_METER_OK, PERMISSION, NOT_ADVANCING or
   * UNREADABLE, with the system's word in REASON ("" if there is none). NULL: perf_event_open. */
  enum jc_meter_state (*try_perf_event)(const struct jc_perf_event *event, char *reason,
                                        size_t size);
};

struct jc_doctor_finding {
  const char *source; /* "powercap", "perf", "model"; static */
  enum jc_meter_state state;
  bool measured;     /* false: modelled */
  char detail[512];  /* what was found, one line */
  char remedy[1024]; /* what to do: commands and remarks (these begin with '#'), one per line, so
                        that it can be pasted into a shell; "" if nothing is to be done */
};

/* Fills FINDINGS, one per energy source, best first. Returns how many. OPTIONS may be NULL. */
uint32_t jc_doctor_examine(const struct jc_doctor_options *options,
                           struct jc_doctor_finding findings[JC_DOCTOR_MAX_FINDINGS]);

#endif
