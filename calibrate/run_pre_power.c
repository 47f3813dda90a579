/* run_pre_power.c -- PRE, mean watts are learnt, the time is known. */
#include <math.h>

#include "calibrate/run_pre.h"

static double target(const struct jc_run_row *row) {
  return row->values[JC_RUN_MEAN_POWER_W];
}

static enum jc_status fit(const struct jc_run_subset *learnt,
                          const struct jc_run_fit_options *options, void **state,
                          struct jc_error *error) {
  return jc_pre_fit(learnt, options, target, state, error);
}

static struct jc_run_forecast forecast(const void *state, const struct jc_run_row *row) {
  return (struct jc_run_forecast){
      .energy_j = jc_pre_predict(state, row) * row->values[JC_RUN_TIME_S], .half_width = NAN};
}

const struct jc_run_method jc_run_method_pre_power = {
    .name = "pre-power",
    .summary = "kernel ridge on run features: mean watts x time",
    .formula = "E = watts x time, mean watts by kernel ridge on ten features",
    .source = JC_PRE_SOURCE,
    .need_count = JC_PRE_FEATURE_COUNT + 2,
    .needs = {JC_PRE_FEATURES, JC_RUN_TIME_S, JC_RUN_MEAN_POWER_W},
    .fit = fit,
    .forecast = forecast,
    .release = jc_pre_release,
    .put = jc_pre_put,
};
