/* report_estimate.h -- a forecast as table, JSON (joulecast.estimate/1) and CSV (its layers). */
#ifndef JC_CLI_REPORT_ESTIMATE_H
#define JC_CLI_REPORT_ESTIMATE_H

#include "cli/forecast.h"
#include "cli/output.h"

/* What a table of a forecast is to hold beside the totals. */
struct estimate_tables {
  bool layers;
  bool coefficients; /* what method layerwise knows of each layer type */
  bool explain;      /* the method's formula with its numbers */
};

/* Prints FORECAST to OUTPUT. JC_ERROR_USAGE if the layers are wanted as CSV and the method does not
 * resolve them, coefficients of another method, or coefficients or formulas in another format. */
enum jc_status report_estimate(const struct forecast *forecast, enum format format,
                               const struct estimate_tables *tables, struct output *output,
                               struct jc_error *error);

#endif
