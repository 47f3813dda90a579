/* report_factors.h -- effects of the factors of a study: table, JSON, CSV. */
#ifndef JC_CLI_REPORT_FACTORS_H
#define JC_CLI_REPORT_FACTORS_H

#include "calibrate/factors.h"
#include "cli/common.h"
#include "cli/output.h"

enum jc_status report_factors(const struct jc_run_set *set, enum format format,
                              struct output *output, struct jc_error *error);

#endif
