/* report_compare.h -- a comparison as table, JSON (joulecast.compare/1) and CSV (its rows). */
#ifndef JC_CLI_REPORT_COMPARE_H
#define JC_CLI_REPORT_COMPARE_H

#include "cli/comparison.h"
#include "cli/output.h"

/* Prints COMPARISON to OUTPUT. Explanations are in tables and JSON. */
enum jc_status report_compare(const struct comparison *comparison, enum format format,
                              struct output *output, struct jc_error *error);

#endif
