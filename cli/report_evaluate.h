/* report_evaluate.h -- the errors of methods on measured runs: table, `joulecast.evaluate/1`, CSV.
 */
#ifndef JC_CLI_REPORT_EVALUATE_H
#define JC_CLI_REPORT_EVALUATE_H

#include "calibrate/evaluate.h"
#include "cli/common.h"
#include "cli/output.h"

struct evaluate_report {
  const struct jc_run_set *set;
  const struct jc_evaluate_options *options;
  const struct jc_evaluation *evaluations; /* [JC_RUN_METHOD_COUNT] */
  uint32_t fold_count;
  const char *split; /* in words: "leave-one-out:hardware" */
};

enum jc_status report_evaluate(const struct evaluate_report *report, enum format format,
                               struct output *output, struct jc_error *error);

#endif
