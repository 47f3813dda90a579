/* report_curves.h -- what method `layerwise` has learnt: watts by group of layers, and of every
 * (type, order, phase) seconds and the joules that follow from both. */
#ifndef JC_CLI_REPORT_CURVES_H
#define JC_CLI_REPORT_CURVES_H

#include <stdio.h>

#include "estimator/estimator.h"

/* "fwd", "bwd", "upd". */
const char *short_phase_name(enum jc_phase phase);

/* One line, indented. PROFILE has curves. */
void report_watts(const struct jc_profile *profile, FILE *out);

/* Two tables: the rooflines, and joules per call, MAC and byte, which are derived: a counter sees
 * groups of layers, not layers. Nothing where PROFILE has no curves. */
void report_curves(const struct jc_profile *profile, FILE *out);

#endif
