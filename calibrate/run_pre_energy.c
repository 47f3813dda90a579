/* run_pre_energy.c -- PRE, joules per epoch are learnt. */
#include <math.h>

#include "calibrate/run_pre.h"

static double target(const struct jc_run_row *row) {
  return row->energy_j / row->values[JC_RUN_EPOCHS];
}

static enum jc_status fit(const struct jc_run_subset *learnt,
                          const struct jc_run_fit_options *options, void **state,
                          struct jc_error *error) {
  return jc_pre_fit(learnt, options, target, state, error);
}

static struct jc_run_forecast forecast(const void *state, const struct jc_run_row *row) {
  return (struct jc_run_forecast){
      .energy_j = jc_pre_predict(state, row) * row->values[JC_RUN_EPOCHS], .half_width = NAN};
}

const struct jc_run_method jc_run_method_pre_energy = {
    .name = "pre-energy",
    .summary = "kernel ridge on run features: joules per epoch x epochs",
    .formula = "E = joules of an epoch x epochs, by kernel ridge on ten features",
    .source = JC_PRE_SOURCE,
    .need_count = JC_PRE_FEATURE_COUNT + 1,
    .needs = {JC_PRE_FEATURES, JC_RUN_EPOCHS},
    .fit = fit,
    .forecast = forecast,
    .release = jc_pre_release,
    .put = jc_pre_put,
};
