/* method_green_algorithms.c -- processor and memory, both at a power that does not change, times
 * the duration, as the Green Algorithms calculator has it:
 *
 *   energy = (TDP x usage + W/GB x memory) x time
 *
 * Lannelongue, Grealey, Inouye: Green Algorithms (Advanced Science 8(12), 2021), equation 1, which
 * multiplies by the PUE as well: that is the facility's energy here, as with every method. The
 * memory is what the machine has, whether used or not; the usage is 1 unless known. */
#include <string.h>

#include "estimator/methods.h"

static const double bytes_per_gb = 1e9;

double jc_green_algorithms_w(const struct jc_problem *problem) {
  const double usage = problem->usage > 0 ? problem->usage : 1;
  return problem->hardware->tdp_w * usage +
         problem->hardware->memory_w_per_gb * problem->memory_bytes / bytes_per_gb;
}

static enum jc_status estimate_run(const struct jc_problem *problem, struct jc_estimate *estimate,
                                   struct jc_error *error) {
  if (jc_estimate_by_power(&jc_method_green_algorithms, problem, jc_green_algorithms_w(problem),
                           estimate, error) == JC_OK)
    estimate->domain =
        strcmp(problem->hardware->device, "gpu") == 0 ? "board+dram" : "package+dram";
  return error->status;
}

const struct jc_method jc_method_green_algorithms = {
    .name = "green-algorithms",
    .summary = "(TDP x usage + W/GB x memory) x duration",
    .source = "Lannelongue et al. 2021, doi 10.1002/advs.202100707; W/GB of data/hardware.json",
    .needs = JC_NEED_TDP | JC_NEED_DURATION | JC_NEED_MEMORY,
    .estimate = estimate_run,
};
