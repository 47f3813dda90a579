/* report_calibrate.h -- what a calibration measured, and the profile it fitted, for people;
 * report_fit.h has the forms for programs. */
#ifndef JC_CLI_REPORT_CALIBRATE_H
#define JC_CLI_REPORT_CALIBRATE_H

#include <stdio.h>

#include "calibrate/calibrate.h"

void report_measured(const struct jc_calibrate_result *result, const char *samples_path, FILE *out);

/* Coefficients with their units, errors, and where the profile is. */
void report_profile(const struct jc_profile *profile, const struct jc_fit_report *report,
                    const char *path, FILE *out);

#endif
