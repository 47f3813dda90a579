/* meter_choice.h -- which drivers one meter sums, opened and inspected. Inside calibrate/ only. */
#ifndef JC_CALIBRATE_METER_CHOICE_H
#define JC_CALIBRATE_METER_CHOICE_H

#include "calibrate/meter.h"

/* A driver that works, and which of the sum's counters are its own. */
struct jc_meter_source {
  const struct jc_meter_driver *driver;
  void *state;
  uint32_t first, count;
  bool measured;
};

struct jc_meter_choice {
  uint32_t source_count;
  struct jc_meter_source sources[JC_METER_MAX_SOURCES];
  struct jc_meter_info info; /* of the sum */
  uint32_t attempt_count;
  struct jc_meter_attempt attempts[JC_METER_MAX_DRIVERS];
};

/* Opens all COUNT DRIVERS; a failure of one is the choice's, which is closed then. CHOICE is zeroed
 * by the caller, as for the others. */
enum jc_status jc_meter_choose_drivers(const struct jc_meter_driver *const *drivers, uint32_t count,
                                       const struct jc_meter_options *options,
                                       struct jc_meter_choice *choice, struct jc_error *error);

/* The same by name, "powercap+nvml"; NULL: by itself, as jc_meter_open() says. */
enum jc_status jc_meter_choose(const char *name, const struct jc_meter_options *options,
                               struct jc_meter_choice *choice, struct jc_error *error);

/* The source of counter number COUNTER of the sum. */
const struct jc_meter_source *jc_meter_source_of(const struct jc_meter_choice *choice,
                                                 uint32_t counter);

/* Reads that counter. Fails as its driver does. */
enum jc_status jc_meter_read_raw(const struct jc_meter_choice *choice, uint32_t counter,
                                 uint64_t *count, struct jc_error *error);

void jc_meter_choice_close(struct jc_meter_choice *choice);

#endif
