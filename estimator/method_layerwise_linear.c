/* method_layerwise_linear.c -- seconds and joules linear in count, FLOPs and bytes, per layer type
 * and phase, with the coefficients of a calibration. Core: no heap, no I/O. */
#include <string.h>

#include "estimator/methods.h"

/* A layer this many times larger than the largest calibrated one counts as extrapolated. */
static const double range_margin = 2;

static const struct jc_coefficient *find(const struct jc_profile *profile, uint16_t type,
                                         enum jc_phase phase, double bytes) {
  for (uint32_t i = 0; i < profile->coefficient_count; i++) {
    const struct jc_coefficient *c = &profile->coefficients[i];
    if (c->type == type && c->phase == phase && bytes >= c->bytes_above)
      return c;
  }
  return NULL;
}

static double dot(const double a[JC_LINEAR_FEATURES], const double b[JC_LINEAR_FEATURES]) {
  double sum = 0;
  for (int i = 0; i < JC_LINEAR_FEATURES; i++)
    sum += a[i] * b[i];
  return sum;
}

/* Computed by the layer before. Samples of single layers are fused with nothing. */
static bool is_fused(const struct jc_profile *profile, const struct jc_feature_row *row) {
  return row->fused && profile->phase == JC_RUN_TRAINING;
}

const struct jc_coefficient *jc_linear_coefficient(const struct jc_profile *profile,
                                                   const struct jc_feature_row *row) {
  if (is_fused(profile, row))
    return NULL;
  const struct jc_coefficient *c = find(profile, row->type, row->phase, row->bytes);
  return c != NULL ? c : find(profile, JC_TYPE_ANY, row->phase, row->bytes);
}

const struct jc_coefficient *jc_linear_step(const struct jc_profile *profile) {
  return find(profile, JC_TYPE_STEP, JC_FORWARD, 0);
}

bool jc_linear_predict(const struct jc_profile *profile, const struct jc_feature_row *row,
                       double *time_s, double *energy_j) {
  const struct jc_coefficient *c = jc_linear_coefficient(profile, row);
  *time_s = c != NULL ? dot(c->time_s, row->linear) : 0;
  *energy_j = c != NULL ? dot(c->energy_j, row->linear) : 0;
  return is_fused(profile, row) || (c != NULL && c->type == row->type);
}

static bool price(const struct jc_problem *problem, const struct jc_feature_row *row, void *context,
                  double *time_s, double *active_j) {
  (void)context;
  const struct jc_coefficient *c = jc_linear_coefficient(problem->profile, row);
  const bool in_range = c != NULL && row->flops <= range_margin * c->flops_max &&
                        row->bytes <= range_margin * c->bytes_max;
  return jc_linear_predict(problem->profile, row, time_s, active_j) && in_range;
}

/* The fixed part of a step, seconds and joules above idle. */
static void step_overhead(const struct jc_profile *profile, double *time_s, double *energy_j) {
  const struct jc_coefficient *c = jc_linear_step(profile);
  *time_s = c != NULL ? c->time_s[0] : 0;
  *energy_j = c != NULL ? c->energy_j[0] : 0;
}

double jc_linear_step_time_s(const struct jc_profile *profile, const struct jc_analysis *analysis,
                             uint64_t batch_size) {
  double step_s, unused;
  step_overhead(profile, &step_s, &unused);
  for (uint32_t i = 0; i < analysis->network->layer_count; i++) {
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
      struct jc_feature_row row;
      double time_s;
      jc_features(analysis, i, (enum jc_phase)phase, batch_size, &row);
      (void)jc_linear_predict(profile, &row, &time_s, &unused);
      step_s += time_s;
    }
  }
  return step_s;
}

/* No row may cost nothing because nobody measured its like: it is priced by the mean of all layers,
 * and said so, or the forecast is refused. */
static enum jc_status check_row(const struct jc_problem *problem, uint32_t layer,
                                enum jc_phase phase, struct jc_unknown_types *unknown,
                                struct jc_error *error) {
  struct jc_feature_row row;
  jc_features(problem->analysis, layer, phase, problem->run.batch_size, &row);
  if (row.count == 0 || is_fused(problem->profile, &row) ||
      find(problem->profile, row.type, phase, row.bytes) != NULL)
    return JC_OK;
  if (find(problem->profile, JC_TYPE_ANY, phase, row.bytes) == NULL)
    return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                   "the profile has no coefficients for %s %s (layer '%.80s'): run `joulecast "
                   "calibrate` again, or use `--method roofline`",
                   jc_type_name(row.type), jc_phase_name(phase),
                   problem->analysis->network->layers[layer].name);
  jc_add_unknown_type(unknown, row.type);
  return JC_OK;
}

static enum jc_status check_rows(const struct jc_problem *problem, struct jc_estimate *estimate,
                                 struct jc_error *error) {
  const bool training = problem->run.phase == JC_RUN_TRAINING;
  struct jc_unknown_types unknown;
  memset(&unknown, 0, sizeof(unknown));
  for (uint32_t i = 0; i < problem->analysis->network->layer_count; i++) {
    for (int phase = 0; phase < (training ? JC_PHASE_COUNT : JC_BACKWARD); phase++) {
      if (check_row(problem, i, (enum jc_phase)phase, &unknown, error) != JC_OK)
        return error->status;
    }
  }
  if (problem->profile->phase == JC_RUN_TRAINING) /* of the other kind the program names them all */
    jc_note_unknown_types(&unknown, estimate);
  return JC_OK;
}

static void judge_extrapolation(const struct jc_problem *problem, struct jc_estimate *estimate) {
  if (estimate->extrapolated_share <= JC_TOLERATED_OUTSIDE_SHARE) {
    jc_judge_step_size(problem, estimate);
    return;
  }
  estimate->extrapolated = true;
  add_note(estimate,
           "extrapolated: %.0f %% of the predicted time is in layers larger than any calibrated "
           "one; the interval is doubled",
           100 * estimate->extrapolated_share);
}

static enum jc_status estimate_run(const struct jc_problem *problem, struct jc_estimate *estimate,
                                   struct jc_error *error) {
  const struct jc_profile *profile = problem->profile;
  struct row_model model = {.price = price, .idle_power_w = jc_mean_idle_w(profile)};
  if (check_rows(problem, estimate, error) != JC_OK)
    return error->status;
  step_overhead(profile, &model.step_overhead_s, &model.step_overhead_j);
  jc_sum_layers(problem, &model, estimate);
  const double steps_s = estimate->time_s;
  judge_extrapolation(problem, estimate);
  if (problem->run.samples > 0)
    jc_add_startup(problem, estimate);
  if (profile->phase == JC_RUN_TRAINING)
    estimate->energy_above_idle_j = jc_above_idle_j(profile, steps_s, estimate);
  estimate->domain = profile->domain;
  estimate->power_measured = profile->measured;
  estimate->energy_error = profile->energy_error;
  estimate->time_error = profile->time_error;
  jc_set_interval(problem, estimate);
  return JC_OK;
}

const struct jc_method jc_method_layerwise_linear = {
    .name = "layerwise-linear",
    .summary = "per layer type: seconds and joules linear in count, FLOPs and bytes",
    .source = "relative non-negative least squares on sample trainings of this machine",
    .needs = JC_NEED_PROFILE,
    .estimate = estimate_run,
};
