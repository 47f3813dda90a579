/* method_layerwise.c -- seconds of every layer from what calibration learnt about layers of its
 * type and shape; joules from the watts of its group. Core: no heap, no I/O. */
#include <string.h>

#include "estimator/methods.h"

/* The step, as it is summed up while its layers are priced. */
struct running {
  struct jc_layerwise_sums sums;
  struct jc_layerwise_step step;
};

static bool price(const struct jc_problem *problem, const struct jc_feature_row *row, void *context,
                  double *time_s, double *active_j) {
  struct running *running = context;
  const struct jc_layerwise *model = &problem->profile->layerwise;
  struct jc_layerwise_row shape;
  jc_layerwise_features(problem->analysis, row->layer, row->phase, problem->run.batch_size, &shape);
  *time_s = *active_j = 0;
  if (shape.absent)
    return true;
  const struct jc_layerwise_time t = jc_layerwise_add(model, problem->analysis, row->layer, &shape,
                                                      &running->sums, &running->step);
  *time_s = model->kappa * t.time_s;
  *active_j = *time_s * jc_layerwise_active_w(model, jc_power_group_of(row->phase, shape.flops));
  return t.known && !jc_layerwise_is_distant(&t);
}

/* No layer may cost nothing because nobody measured its like: it is priced by a type near it, and
 * said so, or the forecast is refused. Its frame is its own: with the caller's it would exceed 2
 * KiB. */
__attribute__((noinline)) static enum jc_status check_layers(const struct jc_problem *problem,
                                                             struct jc_estimate *estimate,
                                                             struct jc_error *error) {
  const struct jc_layerwise *model = &problem->profile->layerwise;
  const bool training = problem->run.phase == JC_RUN_TRAINING;
  struct jc_unknown_types unknown;
  memset(&unknown, 0, sizeof(unknown));
  for (uint32_t i = 0; i < problem->analysis->network->layer_count; i++) {
    const struct jc_layer *layer = &problem->analysis->network->layers[i];
    if (!training && layer->training_only)
      continue;
    for (int phase = 0; phase < (training ? JC_PHASE_COUNT : JC_BACKWARD); phase++) {
      struct jc_layerwise_row row;
      jc_layerwise_features(problem->analysis, i, (enum jc_phase)phase, problem->run.batch_size,
                            &row);
      const struct jc_curve *curve = row.absent ? NULL : jc_layerwise_curve(model, &row);
      if (row.absent || (curve != NULL && curve->type == row.type))
        continue;
      if (curve == NULL)
        return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                       "the profile has no times for %s %s (layer '%.80s'): run `joulecast "
                       "calibrate` again, or use `--method roofline`",
                       jc_type_name(row.type), jc_phase_name(row.phase), layer->name);
      jc_add_unknown_type(&unknown, row.type);
    }
  }
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
           "extrapolated: %.0f %% of the predicted time is in layers unlike any calibrated one; "
           "the interval is doubled",
           100 * estimate->extrapolated_share);
}

static void set_interval(const struct jc_problem *problem, const struct jc_layerwise_step *step,
                         struct jc_estimate *estimate) {
  const struct jc_layerwise *model = &problem->profile->layerwise;
  const double time_unit = jc_interval_unit(&model->time_interval, step->difficulty);
  const double energy_unit = jc_interval_unit(&model->energy_interval, step->difficulty);
  double time_widths[3], energy_widths[3];
  for (int i = 0; i < 3; i++) {
    time_widths[i] = time_unit * model->time_interval.width[i];
    energy_widths[i] = energy_unit * model->energy_interval.width[i];
  }
  jc_set_interval_of(problem, time_widths, energy_widths, estimate->energy_error.networks,
                     estimate);
}

static enum jc_status estimate_run(const struct jc_problem *problem, struct jc_estimate *estimate,
                                   struct jc_error *error) {
  const struct jc_profile *profile = problem->profile;
  const struct jc_layerwise *layerwise = &profile->layerwise;
  struct running running;
  struct row_model model = {
      .price = price, .context = &running, .idle_power_w = jc_mean_idle_w(profile)};
  if (check_layers(problem, estimate, error) != JC_OK)
    return error->status;
  memset(&running, 0, sizeof(running));
  model.step_overhead_s = layerwise->kappa * jc_layerwise_fixed_s(layerwise, problem->analysis,
                                                                  problem->run.batch_size);
  model.step_overhead_j = model.step_overhead_s * jc_layerwise_active_w(layerwise, JC_POWER_OTHERS);
  jc_sum_layers(problem, &model, estimate);
  jc_layerwise_finish(layerwise, problem->analysis, problem->run.batch_size, &running.sums,
                      &running.step);
  const double steps_s = estimate->time_s;
  judge_extrapolation(problem, estimate);
  if (problem->run.samples > 0)
    jc_add_startup(problem, estimate);
  estimate->energy_above_idle_j = jc_above_idle_j(profile, steps_s, estimate);
  estimate->domain = profile->domain;
  estimate->power_measured = profile->measured;
  estimate->energy_error = profile->layerwise_energy_error;
  estimate->time_error = profile->layerwise_time_error;
  set_interval(problem, &running.step, estimate);
  return JC_OK;
}

const struct jc_method jc_method_layerwise = {
    .name = "layerwise",
    .summary = "per layer type: roofline x kernel regression on shapes, measured in training",
    .source = "layer times inside sample trainings of this machine; subset-of-regressors kernel "
              "ridge (Rasmussen and Williams 2006)",
    .needs = JC_NEED_PROFILE | JC_NEED_LAYERWISE,
    .estimate = estimate_run,
};
