/* run_flops.c -- joules per FLOP, one number for all: the median of the runs learnt from. */
#include <math.h>
#include <stdlib.h>

#include "calibrate/order.h"
#include "calibrate/run_methods.h"
#include "calibrate/run_terms.h"

static enum jc_status fit(const struct jc_run_subset *learnt,
                          const struct jc_run_fit_options *options, void **state,
                          struct jc_error *error) {
  double *per_flop = malloc((learnt->count + 1) * sizeof(*per_flop));
  (void)options;
  if (per_flop == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (uint32_t i = 0; i < learnt->count; i++) {
    const struct jc_run_row *row = &learnt->set->rows[learnt->rows[i]];
    per_flop[i] = row->energy_j / jc_run_flops(row);
  }
  per_flop[0] = median_of(per_flop, learnt->count);
  *state = per_flop;
  return JC_OK;
}

static struct jc_run_forecast forecast(const void *state, const struct jc_run_row *row) {
  const double *per_flop = state;
  return (struct jc_run_forecast){.energy_j = *per_flop * jc_run_flops(row), .half_width = NAN};
}

static void put(const void *state, struct jc_json_writer *writer) {
  jc_put_real(writer, "energy_per_flop_j", *(const double *)state);
}

const struct jc_run_method jc_run_method_flops = {
    .name = "flops",
    .summary = "FLOPs of the run x the median joules per FLOP",
    .formula = "E = c x FLOPs of forward, backward and validation, c the median joules per FLOP",
    .source = "the proportionality that most estimates assume",
    .need_count = 6,
    .needs = {JC_RUN_FORWARD_MACS, JC_RUN_BACKWARD_MACS, JC_RUN_SAMPLES, JC_RUN_VAL_SAMPLES,
              JC_RUN_EPOCHS, JC_RUN_BATCH_SIZE},
    .fit = fit,
    .forecast = forecast,
    .release = free,
    .put = put,
};
