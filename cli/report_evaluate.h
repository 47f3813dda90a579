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
  const char *split; /* in words: "leave-one-out:hardware" */
};

enum jc_status report_evaluate(const struct evaluate_report *report, enum format format,
                               struct output *output, struct jc_error *error);

/* Each forecast beside what was measured, as CSV: RECORDS is started by the first, filled by
 * record_forecast, which is jc_evaluate_options.tell with a struct forecast_records as context. */
struct forecast_records {
  const struct jc_run_set *set;
  struct records records;
};
void start_forecasts(struct forecast_records *forecasts, const struct jc_run_set *set);
void record_forecast(void *context, const char *method, const struct jc_judged *judged);
/* Writes PATH, and frees the records. */
enum jc_status write_forecasts(struct forecast_records *forecasts, const char *path,
                               struct jc_error *error);

#endif
