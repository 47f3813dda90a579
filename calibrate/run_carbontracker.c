/* run_carbontracker.c -- carbontracker: the first epoch stands for all. */
#include <math.h>

#include "calibrate/run_methods.h"

static struct jc_run_forecast forecast(const void *state, const struct jc_run_row *row) {
  (void)state;
  return (struct jc_run_forecast){.energy_j = row->values[JC_RUN_FIRST_EPOCH_J] *
                                              row->values[JC_RUN_EPOCHS],
                                  .half_width = NAN};
}

const struct jc_run_method jc_run_method_carbontracker = {
    .name = "carbontracker",
    .summary = "joules of the first epoch x epochs",
    .formula = "E = first epoch x epochs (its default: one epoch before it predicts)",
    .source = "Anthony, Kanding, Selvan, Carbontracker, arXiv:2007.03051 (2020)",
    .need_count = 2,
    .needs = {JC_RUN_FIRST_EPOCH_J, JC_RUN_EPOCHS},
    .forecast = forecast,
};
