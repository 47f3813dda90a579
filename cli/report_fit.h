/* report_fit.h -- a fitted profile as report: for people the tables of report_calibrate.h or
 * report_forward.h, for programs its coefficients, a row each (joulecast.fit/1, CSV, Markdown).
 *
 * A row is what layers of a type cost in a phase, per call, per FLOP or per byte: seconds, and
 * joules above idle (whole ones of forward passes), with their 90 % interval over resampled
 * networks (layers), how many of those had the type, and between which FLOPs or bytes of a layer in
 * one step they were fitted.
 */
#ifndef JC_CLI_REPORT_FIT_H
#define JC_CLI_REPORT_FIT_H

#include "calibrate/calibrate.h"
#include "cli/common.h"
#include "cli/output.h"

/* PATH is where PROFILE was written. FORMAT is none but those of table_format. */
enum jc_status report_fit(const struct jc_profile *profile, const struct jc_fit_report *report,
                          const char *path, enum format format, struct output *output,
                          struct jc_error *error);

#endif
