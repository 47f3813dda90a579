/* method_green_algorithms.c -- processor and memory, both at a power that does not change, times
 * the duration, as the Green Algorithms calculator has it:
 *
 *   energy = (TDP x usage + W/GB x memory) x time
 *
 * The memory is what the machine has, whether used or not; the usage is 1 unless known. */
#include "estimator/green_algorithms.h"

#include <string.h>

#include "estimator/methods.h"

static const double bytes_per_gb = 1e9;

double jc_green_algorithms_w(double processor_w, double usage, double memory_w_per_gb,
                             double memory_bytes) {
  return processor_w * usage + memory_w_per_gb * memory_bytes / bytes_per_gb;
}

static enum jc_status estimate_run(const struct jc_problem *problem, struct jc_estimate *estimate,
                                   struct jc_error *error) {
  const struct jc_hardware *hardware = problem->hardware;
  const double power_w =
      jc_green_algorithms_w(hardware->tdp_w, problem->usage > 0 ? problem->usage : 1,
                            hardware->memory_w_per_gb, problem->memory_bytes);
  if (jc_estimate_by_power(&jc_method_green_algorithms, problem, power_w, estimate, error) == JC_OK)
    estimate->domain = strcmp(hardware->device, "gpu") == 0 ? "board+dram" : "package+dram";
  return error->status;
}

const struct jc_method jc_method_green_algorithms = {
    .name = "green-algorithms",
    .summary = "(TDP x usage + W/GB x memory) x duration",
    .source = "Lannelongue et al. 2021, doi 10.1002/advs.202100707; W/GB of data/hardware.json",
    .needs = JC_NEED_TDP | JC_NEED_DURATION | JC_NEED_MEMORY,
    .estimate = estimate_run,
};
