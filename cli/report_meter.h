/* report_meter.h -- what a meter counted and what it left out, for people. */
#ifndef JC_CLI_REPORT_METER_H
#define JC_CLI_REPORT_METER_H

#include <stdio.h>

#include "calibrate/meter.h"

/* "meter powercap counts package-0, package-0 dram" and its notes. Of modelled power nothing, since
 * its reports say so themselves. */
void report_meter(const struct jc_meter_info *meter, FILE *out);

#endif
