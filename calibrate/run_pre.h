/* run_pre.h -- PRE of del Rey et al.: kernel ridge on ten features of a run, as published.
 *
 * Their search gave alpha and gamma, their scaler saw all rows of the table. Without `as_published`
 * both come from the rows learnt from. Shared by pre-power and pre-energy, which differ in what is
 * learnt.
 */
#ifndef JC_CALIBRATE_RUN_PRE_H
#define JC_CALIBRATE_RUN_PRE_H

#include "calibrate/run_methods.h"

#define JC_PRE_SOURCE                                                                              \
  "del Rey et al., Estimating the energy of deep learning training (PRE), arXiv:2307.05520"

#define JC_PRE_FEATURES                                                                            \
  JC_RUN_BATCH_SIZE, JC_RUN_HOST_MEMORY_BYTES, JC_RUN_SAMPLES, JC_RUN_VAL_SAMPLES,                 \
      JC_RUN_FORWARD_MACS, JC_RUN_IMAGE_HEIGHT, JC_RUN_IMAGE_WIDTH, JC_RUN_CORES,                  \
      JC_RUN_MEMORY_BYTES, JC_RUN_TDP_W
enum { JC_PRE_FEATURE_COUNT = 10 };

/* Learns TARGET(row) into *STATE, a struct jc_kernel_ridge. */
enum jc_status jc_pre_fit(const struct jc_run_subset *learnt,
                          const struct jc_run_fit_options *options,
                          double (*target)(const struct jc_run_row *row), void **state,
                          struct jc_error *error);

/* What was learnt, of ROW. */
double jc_pre_predict(const void *state, const struct jc_run_row *row);

void jc_pre_release(void *state);
void jc_pre_put(const void *state, struct jc_json_writer *writer);

#endif
