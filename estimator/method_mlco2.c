/* method_mlco2.c -- TDP x time, as the ML CO2 Impact calculator has it. */
#include "estimator/methods.h"

static enum jc_status estimate_run(const struct jc_problem *problem, struct jc_estimate *estimate,
                                   struct jc_error *error) {
  return jc_estimate_by_power(&jc_method_mlco2, problem, problem->hardware->tdp_w, estimate, error);
}

const struct jc_method jc_method_mlco2 = {
    .name = "mlco2",
    .summary = "TDP x duration",
    .source = "Lacoste et al. 2019, arXiv 1910.09700",
    .needs = JC_NEED_TDP | JC_NEED_DURATION,
    .estimate = estimate_run,
};
