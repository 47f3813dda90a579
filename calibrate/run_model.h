/* run_model.h -- the model that a line of runs.jsonl names or holds, analysed.
 *
 *   struct jc_run_model model = {0};
 *   if (jc_run_model_open(&sample, &model, &error) == JC_OK)
 *     ... model.analysis.totals.forward_macs ...
 *   jc_run_model_close(&model);
 */
#ifndef JC_CALIBRATE_RUN_MODEL_H
#define JC_CALIBRATE_RUN_MODEL_H

#include "estimator/samples_file.h"

struct jc_run_model {
  struct jc_model *model;
  void *storage; /* of the analysis */
  struct jc_analysis analysis;
};

/* Into the zeroed MODEL. Fails as jc_sample_read_model() and jc_network_analyze(): with
 * JC_ERROR_MISSING where no model of the name is shipped, or it sees images of another size than
 * the line's dataset.image_height and image_width. Close after a failure too. */
enum jc_status jc_run_model_open(const struct jc_sample *sample, struct jc_run_model *model,
                                 struct jc_error *error);
void jc_run_model_close(struct jc_run_model *model);

#endif
