/* method_roofline.c -- per layer and phase the larger of FLOPs / peak and bytes / bandwidth, plus a
 * launch; power between idle and TDP. Core: no heap, no I/O. */
#include "estimator/methods.h"

/* One call of an optimised primitive or kernel: microseconds on CPUs and GPUs alike. */
const double jc_roofline_launch_s = 5e-6;

static double idle_power_w(const struct jc_hardware *hardware) {
  return isnan(hardware->idle_w) ? 0 : hardware->idle_w;
}

/* Williams, Waterman, Patterson: Roofline (CACM 52(4), 2009). The machine draws its TDP while a
 * layer runs, as its busy units are what the data sheet's TDP stands for. */
static bool price(const struct jc_problem *problem, const struct jc_feature_row *row, void *context,
                  double *time_s, double *active_j) {
  (void)context;
  const struct jc_hardware *hardware = problem->hardware;
  const double compute_s = row->flops / hardware->peak_flops_per_s[problem->precision];
  const double memory_s = row->bytes / hardware->memory_bandwidth_bytes_per_s;
  const double busy_s = fmax(compute_s, memory_s);
  *time_s = busy_s + jc_roofline_launch_s * row->count;
  *active_j = busy_s * (hardware->tdp_w - idle_power_w(hardware));
  return true;
}

static enum jc_status estimate_run(const struct jc_problem *problem, struct jc_estimate *estimate,
                                   struct jc_error *error) {
  const struct jc_hardware *hardware = problem->hardware;
  const struct row_model model = {.price = price, .idle_power_w = idle_power_w(hardware)};
  (void)error;
  jc_sum_layers(problem, &model, estimate);
  estimate->domain = jc_hardware_domain(hardware);
  if (isnan(hardware->idle_w)) {
    add_note(estimate, "the data row has no idle power: taken as 0 between layers");
  } else {
    estimate->energy_above_idle_j = estimate->energy_j - hardware->idle_w * estimate->time_s;
  }
  add_note(estimate, "from data-sheet figures alone: nothing was measured on this machine");
  return JC_OK;
}

const struct jc_method jc_method_roofline = {
    .name = "roofline",
    .summary = "max(FLOPs / peak, bytes / bandwidth) per layer, from the data sheet",
    .source = "Williams et al. 2009, doi 10.1145/1498765.1498785; peaks of data/hardware.json",
    .needs = JC_NEED_HARDWARE,
    .estimate = estimate_run,
};
