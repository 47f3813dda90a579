/* run_mlco2.c -- ML CO2 Impact on a run whose time is known: the accelerator at its limit. */
#include <math.h>

#include "calibrate/run_methods.h"

static struct jc_run_forecast forecast(const void *state, const struct jc_run_row *row) {
  const double *v = row->values;
  (void)state;
  return (struct jc_run_forecast){.energy_j = v[JC_RUN_POWER_LIMIT_W] * v[JC_RUN_DEVICES] *
                                              v[JC_RUN_TIME_S],
                                  .half_width = NAN};
}

const struct jc_run_method jc_run_method_mlco2 = {
    .name = "mlco2",
    .summary = "the accelerator at its power limit for the measured time",
    .formula = "E = power limit x devices x time",
    .source = "Lacoste et al., Quantifying the Carbon Emissions of Machine Learning, "
              "arXiv:1910.09700 (2019)",
    .need_count = 2,
    .needs = {JC_RUN_TIME_S, JC_RUN_POWER_LIMIT_W},
    .forecast = forecast,
};
