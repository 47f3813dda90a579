/* report_train.h -- a training run as summary (table or joulecast.train/1) and as a line of runs.
 */
#ifndef JC_CLI_REPORT_TRAIN_H
#define JC_CLI_REPORT_TRAIN_H

#include "cli/forecast.h"
#include "cli/output.h"
#include "cli/training.h"

struct train_report {
  const struct forecast *forecast; /* model, run and machine of the training, and the forecast... */
  bool has_forecast;               /* ... if there is a profile */
  char no_forecast[256];           /* why not */
  const struct training_options *options;
  const struct training *training;
};

void report_train(const struct train_report *report, enum format format, struct output *output,
                  struct jc_error *error);

/* Appends the run to PATH (joulecast.run/1). OPERAND is the model as the user named it; OVERRIDDEN
 * that its input was changed. Fails with JC_ERROR_IO, JC_ERROR_STORAGE. */
enum jc_status record_train(const struct train_report *report, const char *operand, bool overridden,
                            const char *path, struct jc_error *error);

#endif
