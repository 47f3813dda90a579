/* method_flops.c -- FLOPs of the run x joules per FLOP of the machine. Core: no heap, no I/O. */
#include "estimator/methods.h"

static void from_profile(const struct jc_problem *problem, double flops,
                         struct jc_estimate *estimate) {
  const struct jc_profile *profile = problem->profile;
  estimate->energy_j = flops * profile->energy_per_flop_j;
  estimate->time_s = flops * profile->time_per_flop_s;
  estimate->domain = profile->domain;
  estimate->power_measured = profile->measured;
  estimate->energy_error = profile->flops_energy_error;
  estimate->time_error = profile->flops_time_error;
  jc_judge_step_size(problem, estimate);
  jc_set_interval(problem, estimate);
}

static void from_hardware(const struct jc_problem *problem, double flops,
                          struct jc_estimate *estimate) {
  const struct jc_hardware *hardware = problem->hardware;
  estimate->time_s = flops / hardware->peak_flops_per_s[problem->precision];
  estimate->energy_j = estimate->time_s * hardware->tdp_w;
  estimate->domain = jc_hardware_domain(hardware);
  add_note(estimate,
           "peak and TDP of the data sheet: training never reaches the peak, so both time "
           "and energy are too low");
}

static enum jc_status estimate_run(const struct jc_problem *problem, struct jc_estimate *estimate,
                                   struct jc_error *error) {
  const double flops = jc_flops_of_run(problem, &estimate->steps);
  (void)error;
  if (problem->profile != NULL)
    from_profile(problem, flops, estimate);
  else
    from_hardware(problem, flops, estimate);
  const double step_share = jc_flops_per_step(problem) / flops;
  estimate->energy_per_step_j = estimate->energy_j * step_share;
  estimate->time_per_step_s = estimate->time_s * step_share;
  return JC_OK;
}

const struct jc_method jc_method_flops = {
    .name = "flops",
    .summary = "training FLOPs x joules per FLOP of the machine",
    .source = "median of this machine's sample trainings, else TDP / peak of its data row",
    .needs = JC_NEED_PROFILE_OR_HARDWARE,
    .estimate = estimate_run,
};
