/* report_estimate.h -- a forecast as table, JSON (joulecast.estimate/1) and CSV (its layers). */
#ifndef JC_CLI_REPORT_ESTIMATE_H
#define JC_CLI_REPORT_ESTIMATE_H

#include "cli/forecast.h"
#include "cli/output.h"

/* Prints FORECAST to OUTPUT; WITH_LAYERS adds the layers to the table. JC_ERROR_USAGE if the layers
 * are wanted as CSV and the method does not resolve them. */
enum jc_status report_estimate(const struct forecast *forecast, enum format format,
                               bool with_layers, struct output *output, struct jc_error *error);

#endif
