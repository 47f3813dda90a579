/* run_green_algorithms.c -- Green Algorithms on a run whose time and load are known. */
#include <math.h>

#include "calibrate/run_methods.h"
#include "estimator/green_algorithms.h"

/* Of the paper: DRAM of 8 GB modules at 3 W, by benchmarks of 2015 to 2020. PUE is 1: joules are of
 * the machine. */
static const double memory_w_per_gb = 0.3725;

static struct jc_run_forecast forecast(const void *state, const struct jc_run_row *row) {
  const double *v = row->values;
  const double power_w =
      jc_green_algorithms_w(v[JC_RUN_POWER_LIMIT_W] * v[JC_RUN_DEVICES], v[JC_RUN_UTILIZATION],
                            memory_w_per_gb, v[JC_RUN_HOST_MEMORY_BYTES]);
  (void)state;
  return (struct jc_run_forecast){.energy_j = power_w * v[JC_RUN_TIME_S], .half_width = NAN};
}

const struct jc_run_method jc_run_method_green_algorithms = {
    .name = "green-algorithms",
    .summary = "power limit x utilization and watts per GB of memory for the measured time",
    .formula = "E = (power limit x devices x utilization + 0.3725 W/GB x host memory) x time",
    .source = "Lannelongue, Grealey, Inouye, Green Algorithms, Advanced Science 8, 2100707 (2021)",
    .need_count = 4,
    .needs = {JC_RUN_TIME_S, JC_RUN_POWER_LIMIT_W, JC_RUN_UTILIZATION, JC_RUN_HOST_MEMORY_BYTES},
    .forecast = forecast,
};
