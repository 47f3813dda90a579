/* run_step_power.c -- STEP: watts of a few steady epochs stand for the whole run. */
#include <math.h>

#include "calibrate/run_methods.h"

static struct jc_run_forecast forecast(const void *state, const struct jc_run_row *row) {
  (void)state;
  return (struct jc_run_forecast){.energy_j = row->values[JC_RUN_WINDOW_POWER_W] *
                                              row->values[JC_RUN_TIME_S],
                                  .half_width = NAN};
}

const struct jc_run_method jc_run_method_step_power = {
    .name = "step-power",
    .summary = "mean watts of 5 steady epochs x time",
    .formula = "E = mean watts of 5 epochs behind the first 10 x time",
    .source = "del Rey et al., Estimating the energy of deep learning training (STEP), "
              "arXiv:2307.05520",
    .need_count = 2,
    .needs = {JC_RUN_WINDOW_POWER_W, JC_RUN_TIME_S},
    .forecast = forecast,
};
