/* report_compare.h -- a comparison as table, JSON (joulecast.compare/1) and CSV (its rows).
 *
 *   {schema, measured_j, methods [ROW...], break_even}          one configuration
 *   {schema, measured_j, configurations [ROW...], break_even}   several
 *   ROW {name, model, batch_size, precision, machine, grid, available, why, energy_j, energy_low_j,
 *     energy_high_j, time_s, time_low_s, time_high_s, power_w, facility_energy_j, co2e_g,
 *     cost {value, currency}, ratio, error {mape, median, p90, worst, bias, n, from},
 *     measured_error, extrapolated, cheapest, cleanest, pareto, inference, explanation,
 *     notes [...], inputs {name: {value, from, note}}}
 *
 * `name` is the method's. What a row has no value of is null; where it is not available, all
 * figures.
 */
#ifndef JC_CLI_REPORT_COMPARE_H
#define JC_CLI_REPORT_COMPARE_H

#include "cli/comparison.h"
#include "cli/output.h"

/* Prints COMPARISON to OUTPUT. Explanations are in tables and JSON. */
enum jc_status report_compare(const struct comparison *comparison, enum format format,
                              struct output *output, struct jc_error *error);

/* What all rows share, on one line. */
void comparison_describe(const struct comparison *comparison, char *text, size_t size);
/* Each note once; where not all rows have it, behind the first that has. */
void comparison_tell_notes(const struct comparison *comparison,
                           void (*tell)(void *context, const char *text), void *context);

#endif
