/* run_step_energy.c -- STEP: joules of a few steady epochs stand for all epochs. */
#include <math.h>

#include "calibrate/run_methods.h"

static struct jc_run_forecast forecast(const void *state, const struct jc_run_row *row) {
  (void)state;
  return (struct jc_run_forecast){.energy_j = row->values[JC_RUN_WINDOW_EPOCH_J] *
                                              row->values[JC_RUN_EPOCHS],
                                  .half_width = NAN};
}

const struct jc_run_method jc_run_method_step_energy = {
    .name = "step-energy",
    .summary = "mean joules of 5 steady epochs x epochs",
    .formula = "E = mean joules of 5 epochs behind the first 10 x epochs",
    .source = "del Rey et al., Estimating the energy of deep learning training (STEP), "
              "arXiv:2307.05520",
    .need_count = 2,
    .needs = {JC_RUN_WINDOW_EPOCH_J, JC_RUN_EPOCHS},
    .forecast = forecast,
};
