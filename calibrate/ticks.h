/* ticks.h -- reading a meter at the moment its counter advances. For measure*.c only. */
#ifndef JC_CALIBRATE_TICKS_H
#define JC_CALIBRATE_TICKS_H

#include "calibrate/meter.h"

/* Reads METER just after its counters ticked (RAPL's do once a millisecond), at most 0.1 s from
 * now: between two such readings, energy and time belong together. SLEEPING: does not keep a CPU
 * busy meanwhile. Fails as jc_meter_read(). */
enum jc_status read_at_tick(struct jc_meter *meter, bool sleeping, struct jc_meter_reading *reading,
                            struct jc_error *error);

#endif
