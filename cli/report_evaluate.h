/* report_evaluate.h -- the errors of methods on measured runs: table, `joulecast.evaluate/1`, CSV.
 */
#ifndef JC_CLI_REPORT_EVALUATE_H
#define JC_CLI_REPORT_EVALUATE_H

#include "calibrate/evaluate.h"
#include "cli/common.h"
#include "cli/output.h"
#include "cli/records.h"

struct evaluate_report {
  const struct jc_run_set *set;
  const struct jc_evaluate_options *options;
  const struct jc_evaluation *evaluations; /* [JC_EVALUATION_COUNT] */
  uint32_t fold_count;
  const char *split;               /* in words: "leave-one-out:hardware" */
  const struct records *forecasts; /* of record_forecast; NULL: not recorded */
};

enum jc_status report_evaluate(const struct evaluate_report *report, enum format format,
                               struct output *output, struct jc_error *error);

/* What is judged and how, on one line; and what a reader should know, each text one line. */
typedef void evaluate_tell(void *context, const char *text);
void evaluate_describe(const struct evaluate_report *report, char *text, size_t size);
void evaluate_tell_notes(const struct evaluate_report *report, evaluate_tell *tell, void *context);

/* Each forecast beside what was measured, as CSV: RECORDS is started by the first, filled by
 * record_forecast, which is jc_evaluate_options.tell with a struct forecast_records as context. */
struct forecast_records {
  const struct jc_run_set *set;
  struct records records;
};
/* Row ROW: what was forecast beside what was measured, in joules, and by which method. The ends of
 * the 90 % interval and of the 50 % one; NAN: the method gives none. */
struct forecast_pair {
  const char *method;
  double measured_j, forecast_j;
  double low_j, high_j, low_50_j, high_50_j;
};
size_t forecast_count(const struct records *forecasts);
struct forecast_pair forecast_at(const struct records *forecasts, size_t row);

void start_forecasts(struct forecast_records *forecasts, const struct jc_run_set *set);
void record_forecast(void *context, const char *method, const struct jc_judged *judged);
/* Writes PATH, and frees the records. */
enum jc_status write_forecasts(struct forecast_records *forecasts, const char *path,
                               struct jc_error *error);

#endif
