/* report_forward.h -- profiles of forward passes of single layers, measured elsewhere: what their
 * fit printed, and what a forecast by one has to say. */
#ifndef JC_CLI_REPORT_FORWARD_H
#define JC_CLI_REPORT_FORWARD_H

#include <stdio.h>

#include "calibrate/calibrate.h"
#include "cli/inputs.h"

/* Coefficients with intervals, ranges and units, and the errors of each kind. */
void report_forward_profile(const struct jc_profile *profile, const struct jc_fit_report *report,
                            const char *path, FILE *out);

/* A row for each kind of layer: how far joules and seconds of single layers are off a fit that did
 * not see them, over ten folds. To be freed. */
void fill_layer_errors(const struct jc_profile *profile, struct records *records);

/* Whose profile it is; and of METHOD layerwise-linear what it was wrong by, and every layer type of
 * the network that no sample had, by how it is priced instead. */
void forward_notes(const struct jc_problem *problem, const struct jc_method *method,
                   struct inputs *inputs);

#endif
