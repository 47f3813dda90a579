/* method_duration.c -- methods that are a power times a duration: the duration, and what is left to
 * fill once the joules are known. */
#include "estimator/methods.h"

static const struct jc_method *predictor_for(const struct jc_profile *profile) {
  if (profile == NULL)
    return &jc_method_roofline;
  return profile->layerwise.curve_count > 0 ? &jc_method_layerwise : &jc_method_layerwise_linear;
}

/* Seconds of the run: the user's, or another method's, which fills ESTIMATE. */
static enum jc_status duration(const struct jc_problem *problem, struct jc_estimate *estimate,
                               double *time_s, struct jc_error *error) {
  if (!isnan(problem->duration_s)) {
    *time_s = problem->duration_s;
    return JC_OK;
  }
  if (jc_estimate_run(predictor_for(problem->profile), problem, estimate, error) != JC_OK)
    return error->status;
  *time_s = estimate->time_s;
  return JC_OK;
}

enum jc_status jc_estimate_by_power(const struct jc_method *method,
                                    const struct jc_problem *problem, double power_w,
                                    struct jc_estimate *estimate, struct jc_error *error) {
  double time_s = 0;
  if (duration(problem, estimate, &time_s, error) != JC_OK)
    return error->status;
  const char *predicted_by = estimate->resolves_layers ? estimate->method : NULL;
  const bool extrapolated = estimate->extrapolated;
  const double extrapolated_share = estimate->extrapolated_share;

  jc_reset_estimate(method, problem, estimate);
  const double step_share = jc_flops_per_step(problem) / jc_flops_of_run(problem, &estimate->steps);
  estimate->time_s = time_s;
  estimate->energy_j = time_s * power_w;
  estimate->time_per_step_s = estimate->time_s * step_share;
  estimate->energy_per_step_j = estimate->energy_j * step_share;
  estimate->domain = jc_hardware_domain(problem->hardware);
  if (predicted_by == NULL)
    return JC_OK;
  estimate->duration_from = predicted_by;
  estimate->extrapolated = extrapolated;
  estimate->extrapolated_share = extrapolated_share;
  add_note(estimate, "the duration is not given (--hours): predicted by %s%s", predicted_by,
           extrapolated ? ", extrapolated beyond what was calibrated" : "");
  return JC_OK;
}
