/* run_layers.c -- from the line of a run to the problem that a method on layers solves, and from
 * its estimate to a forecast that can be judged. */
#include "calibrate/run_layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/run_model.h"
#include "estimator/profile_file.h"

/* The others of the estimator's methods have a form for whole runs: run_methods.h says why. */
static const char *const method_names[JC_LAYER_METHOD_COUNT] = {"layerwise", "layerwise-linear",
                                                                "roofline", "getzner"};

/* The levels of struct jc_run_forecast. */
static const double wide = 0.9, narrow = 0.5;

const struct jc_method *jc_layer_method_at(uint32_t index) {
  return jc_method_find(method_names[index]);
}

const struct jc_layers_forecast *jc_run_layers_at(const struct jc_run_layers *layers,
                                                  uint32_t method, uint32_t row) {
  return &layers->forecasts[(size_t)row * JC_LAYER_METHOD_COUNT + method];
}

void jc_run_layers_free(struct jc_run_layers *layers) {
  free(layers->forecasts);
}

/* ---- what cannot be forecast ---- */

/* Whether the line is of a whole run on one device, as an estimate is. */
static enum jc_status check_whole(const struct jc_sample *sample, struct jc_error *why) {
  struct jc_steps steps;
  if (sample->run.samples == 0)
    return jc_fail(why, JC_ERROR_MISSING, 0, NULL, "run.samples, and so the steps, are not known");
  if (sample->devices > 1)
    return jc_fail(why, JC_ERROR_MISMATCH, 0, NULL,
                   "the run was on %u devices, and methods on layers know one", sample->devices);
  if (jc_run_steps(&sample->run, &steps, why) != JC_OK)
    return why->status;
  if (sample->steps > 0 && sample->steps != steps.training)
    return jc_fail(why, JC_ERROR_MISMATCH, 0, NULL, "the run was stopped: %llu of %llu steps",
                   (unsigned long long)sample->steps, (unsigned long long)steps.training);
  return JC_OK;
}

/* What the line does not say is not compared. */
static enum jc_status check_same(const char *what, const char *of_run, const char *of_means,
                                 struct jc_error *why) {
  if (of_run[0] == '\0' || strcmp(of_run, of_means) == 0)
    return JC_OK;
  return jc_fail(why, JC_ERROR_MISMATCH, 0, NULL,
                 "the run's %s is '%s', the forecast would be for '%s'; use --force", what, of_run,
                 of_means);
}

/* A profile of forward passes was measured elsewhere, and is for whichever run it is named for, as
 * with `joulecast estimate`. */
static enum jc_status check_profile(const struct jc_sample *sample,
                                    const struct jc_profile *profile, struct jc_error *why) {
  const struct jc_profile_use use = {
      .machine = &sample->machine,
      .runner_version = sample->runner.version[0] != '\0' ? sample->runner.version : NULL,
      .precision = sample->precision,
      .threads = sample->run.threads};
  const char *const accelerator = sample->facts.accelerator.name;
  if (profile->phase == JC_RUN_FORWARD)
    return JC_OK;
  if (check_same("machine", accelerator[0] != '\0' ? accelerator : sample->hardware,
                 profile->machine.cpu_model, why) != JC_OK ||
      check_same("runner", sample->runner.name, profile->runner, why) != JC_OK ||
      check_same("meter's domain", sample->meter.domain, profile->domain, why) != JC_OK)
    return why->status;
  if (sample->machine.cpu_model[0] == '\0')
    return jc_fail(why, JC_ERROR_MISSING, 0, NULL,
                   "the run does not name its machine, the profile is for '%s'; use --force",
                   profile->machine.cpu_model);
  return jc_profile_check(profile, &use, why);
}

/* ---- forecasts ---- */

static bool takes_profile(const struct jc_method *method) {
  return (method->needs & JC_NEED_PROFILE) != 0;
}

static double half_width_of(const struct jc_estimate *estimate) {
  return log(estimate->energy_high_j / estimate->energy_low_j) / 2;
}

static enum jc_status estimate_run(const struct jc_method *method,
                                   const struct jc_layers_means *means,
                                   const struct jc_sample *sample,
                                   const struct jc_analysis *analysis,
                                   struct jc_run_forecast *forecast, struct jc_error *why) {
  const struct jc_profile *const profile = takes_profile(method) ? means->profile : NULL;
  struct jc_hardware hardware;
  struct jc_estimate estimate = {.layers = NULL};
  struct jc_problem problem = {.analysis = analysis,
                               .run = sample->run,
                               .precision = sample->precision,
                               .profile = profile,
                               .duration_s = NAN,
                               .interval = wide};
  if (profile == NULL) {
    jc_hardware_scale(means->hardware, sample->run.threads, &hardware);
    jc_hardware_set_power(means->hardware_table, means->hardware, NAN, NAN, &hardware);
    problem.hardware = &hardware;
  }
  if (!means->force &&
      (profile != NULL ? check_profile(sample, profile, why)
                       : check_same("machine", sample->hardware, hardware.name, why)) != JC_OK)
    return why->status;
  if (jc_estimate_run(method, &problem, &estimate, why) != JC_OK)
    return why->status;
  forecast->energy_j = estimate.energy_j;
  forecast->half_width = half_width_of(&estimate);
  problem.interval = narrow;
  if (jc_estimate_run(method, &problem, &estimate, why) == JC_OK)
    forecast->half_width_50 = half_width_of(&estimate);
  return why->status;
}

/* SAMPLE by all methods that have what they need. */
static enum jc_status forecast_run(const struct jc_layers_means *means,
                                   const struct jc_run_layers *layers,
                                   const struct jc_sample *sample,
                                   struct jc_layers_forecast *forecasts, struct jc_error *error) {
  struct jc_run_model model = {.model = NULL};
  struct jc_error unread = {0};
  (void)jc_run_model_open(sample, &model, &unread);
  for (uint32_t i = 0; i < JC_LAYER_METHOD_COUNT; i++) {
    struct jc_error why = {0};
    if (layers->from[i] == NULL)
      continue;
    if (jc_error_is_set(&unread))
      (void)jc_fail(&why, unread.status, 0, NULL, "its model cannot be read: %.160s", unread.text);
    else if (check_whole(sample, &why) == JC_OK)
      (void)estimate_run(jc_layer_method_at(i), means, sample, &model.analysis,
                         &forecasts[i].forecast, &why);
    (void)snprintf(forecasts[i].why, sizeof(forecasts[i].why), "%.*s", JC_LAYERS_WHY_BYTES - 1,
                   why.text);
  }
  jc_run_model_close(&model);
  if (unread.status == JC_ERROR_STORAGE)
    *error = unread;
  return error->status;
}

/* Where the parameters of each method come from, or what it needs. */
static void find_means(const struct jc_layers_means *means, struct jc_run_layers *layers) {
  const struct jc_problem nothing = {.profile = NULL};
  for (uint32_t i = 0; i < JC_LAYER_METHOD_COUNT; i++) {
    const struct jc_method *method = jc_layer_method_at(i);
    struct jc_error why = {0};
    if (takes_profile(method))
      layers->from[i] = means->profile != NULL ? means->profile_name : NULL;
    else
      layers->from[i] = means->hardware != NULL ? means->hardware->figures.name : NULL;
    if (layers->from[i] == NULL && jc_method_check(method, &nothing, &why) != JC_OK)
      (void)snprintf(layers->why[i], sizeof(layers->why[i]), "%.*s", JC_LAYERS_WHY_BYTES - 1,
                     why.text);
  }
}

enum jc_status jc_run_layers_make(const struct jc_run_set *set, const struct jc_layers_means *means,
                                  struct jc_run_layers *layers, struct jc_error *error) {
  const size_t count = (size_t)set->count * JC_LAYER_METHOD_COUNT;
  layers->forecasts = calloc(count, sizeof(*layers->forecasts));
  if (layers->forecasts == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (size_t i = 0; i < count; i++)
    layers->forecasts[i].forecast = (struct jc_run_forecast){NAN, NAN, NAN};
  find_means(means, layers);
  if (means->profile == NULL && means->hardware == NULL)
    return JC_OK;
  for (uint32_t i = 0; i < set->count && !jc_error_is_set(error); i++)
    (void)forecast_run(means, layers, set->rows[i].sample,
                       &layers->forecasts[(size_t)i * JC_LAYER_METHOD_COUNT], error);
  return error->status;
}
