/* run_physics.c -- joules of an epoch as a sum of what it computes, moves and starts.
 *
 *   E = epochs x sum_k c_k x_k,   c >= 0 minimises  sum over runs (E_k / E - 1)^2
 *
 * with the terms x of run_terms.h: relative, since absolute joules follow the largest runs only.
 * FLOPs, bytes and updates keep the accelerator busy and cost joules; launches, images and epochs
 * keep it waiting for the host, which costs seconds, and joules by the watts of the part: their
 * terms are multiplied by its TDP, or by the power limit that was set below it, and the fill term,
 * the geometric mean of either kind, by the root of it. So constants carry over to a part that no
 * run was measured on. A part of at least as many measured configurations as there are terms has
 * constants of its own.
 *
 * The interval is that of the configurations of the part, each forecast by a fit to the others;
 * fewer than nine have no 90 % interval.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/nnls.h"
#include "calibrate/order.h"
#include "calibrate/run_methods.h"
#include "calibrate/run_terms.h"

enum { T = JC_TERM_COUNT, FEWEST_FOR_INTERVAL = 9 };

/* The power of the TDP by which a term is multiplied. */
static const double tdp_power[T] = {
    [JC_TERM_LAUNCHES] = 1, [JC_TERM_IMAGES] = 1, [JC_TERM_EPOCH] = 1, [JC_TERM_FILL] = 0.5};

/* The normal equations of relative least squares; those of several runs are their sum. */
struct equations {
  double g[T * T], h[T];
};

struct device {
  const char *name; /* of the set that was learnt from, borrowed */
  uint32_t hardware;
  double joules[T];                 /* per unit of each term times its power of the TDP in W */
  double half_width, half_width_50; /* NAN: too few configurations */
};

struct physics {
  double pooled[T]; /* for all other hardware */
  uint32_t device_count;
  struct device *devices;
};

/* ---- equations ---- */

/* Watts that a part draws while it waits: of its TDP, or of the limit below it that was set. */
static double watts_of(const double *v) {
  return fmin(v[JC_RUN_TDP_W], v[JC_RUN_POWER_LIMIT_W]) * v[JC_RUN_DEVICES];
}

static void scaled_terms(const struct jc_run_row *row, double x[T]) {
  const double tdp_w = watts_of(row->values);
  jc_run_terms(row, x);
  for (int k = 0; k < T; k++)
    x[k] *= pow(tdp_w, tdp_power[k]);
}

static double energy_of(const double joules[T], const struct jc_run_row *row) {
  double x[T], sum = 0;
  scaled_terms(row, x);
  for (int k = 0; k < T; k++)
    sum += joules[k] * x[k];
  return sum * row->values[JC_RUN_EPOCHS];
}

static void add_run(struct equations *e, const struct jc_run_row *row) {
  const double epoch_j = row->energy_j / row->values[JC_RUN_EPOCHS];
  double x[T];
  scaled_terms(row, x);
  for (int i = 0; i < T; i++) {
    for (int j = 0; j < T; j++)
      e->g[i * T + j] += x[i] / epoch_j * (x[j] / epoch_j);
    e->h[i] += x[i] / epoch_j;
  }
}

static void add(struct equations *sum, const struct equations *e, double sign) {
  for (int i = 0; i < T * T; i++)
    sum->g[i] += sign * e->g[i];
  for (int i = 0; i < T; i++)
    sum->h[i] += sign * e->h[i];
}

/* Terms lie up to 10^15 apart: solved with columns of length 1. */
static enum jc_status solve(const struct equations *e, double joules[T], struct jc_error *error) {
  struct equations scaled = *e;
  double length[T], work[T * T + 3 * T];
  for (int i = 0; i < T; i++)
    length[i] = e->g[i * T + i] > 0 ? sqrt(e->g[i * T + i]) : 1;
  for (int i = 0; i < T; i++) {
    for (int j = 0; j < T; j++)
      scaled.g[i * T + j] /= length[i] * length[j];
    scaled.h[i] /= length[i];
    joules[i] = 0;
  }
  if (jc_nnls(T, scaled.g, scaled.h, joules, work, error) != JC_OK)
    return error->status;
  for (int i = 0; i < T; i++)
    joules[i] /= length[i];
  return JC_OK;
}

/* ---- the fit ---- */

/* A configuration that was learnt from. */
struct configuration {
  uint32_t hardware, runs;
  struct equations equations;
};

/* Mean over the runs of CONFIGURATION of |log(forecast / measured)|, by JOULES. */
static double log_error(const struct jc_run_subset *learnt, uint32_t configuration,
                        const double joules[T]) {
  double sum = 0, count = 0;
  for (uint32_t i = 0; i < learnt->count; i++) {
    const struct jc_run_row *row = &learnt->set->rows[learnt->rows[i]];
    if (row->groups[JC_GROUP_CONFIGURATION] != configuration)
      continue;
    sum += fabs(log(energy_of(joules, row) / row->energy_j));
    count++;
  }
  return sum / count;
}

/* Half the width of the interval of LEVEL of a configuration that was not measured: the quantile
 * ceil(LEVEL (n + 1)) of the N sorted ERRORS of those that were (conformal prediction, Vovk et al.
 * 2005). */
static double half_width(const double *errors, uint32_t n, double level) {
  const uint32_t rank = (uint32_t)ceil(level * (n + 1));
  return n < FEWEST_FOR_INTERVAL ? NAN : errors[(rank < n ? rank : n) - 1];
}

/* Of DEVICE, whose configurations sum up to SUM: each forecast by the others. */
static void fit_intervals(const struct jc_run_subset *learnt, const struct configuration *all,
                          uint32_t count, const struct equations *sum, struct device *device,
                          struct jc_error *error) {
  double *errors = malloc((count + 1) * sizeof(*errors)), joules[T];
  uint32_t n = 0;
  if (errors == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    return;
  }
  for (uint32_t c = 0; c < count && !jc_error_is_set(error); c++) {
    struct equations others = *sum;
    if (all[c].runs == 0 || all[c].hardware != device->hardware)
      continue;
    add(&others, &all[c].equations, -1);
    if (solve(&others, joules, error) == JC_OK)
      errors[n++] = log_error(learnt, c, joules);
  }
  qsort(errors, n, sizeof(*errors), compare_doubles);
  device->half_width = half_width(errors, n, 0.9);
  device->half_width_50 = half_width(errors, n, 0.5);
  free(errors);
}

static void fit_device(const struct jc_run_subset *learnt, const struct configuration *all,
                       uint32_t count, uint32_t hardware, struct physics *physics,
                       struct jc_error *error) {
  struct device *device = &physics->devices[physics->device_count];
  struct equations sum = {{0}, {0}};
  uint32_t measured = 0;
  for (uint32_t c = 0; c < count; c++) {
    if (all[c].runs == 0 || all[c].hardware != hardware)
      continue;
    add(&sum, &all[c].equations, 1);
    measured++;
  }
  if (measured < T || solve(&sum, device->joules, error) != JC_OK)
    return;
  device->name = learnt->set->groups[JC_GROUP_HARDWARE].names[hardware];
  device->hardware = hardware;
  fit_intervals(learnt, all, count, &sum, device, error);
  physics->device_count++;
}

static void fit_all(const struct jc_run_subset *learnt, struct configuration *all, uint32_t count,
                    struct physics *physics, struct jc_error *error) {
  struct equations sum = {{0}, {0}};
  for (uint32_t i = 0; i < learnt->count; i++) {
    const struct jc_run_row *row = &learnt->set->rows[learnt->rows[i]];
    struct configuration *c = &all[row->groups[JC_GROUP_CONFIGURATION]];
    c->hardware = row->groups[JC_GROUP_HARDWARE];
    c->runs++;
    add_run(&c->equations, row);
    add_run(&sum, row);
  }
  (void)solve(&sum, physics->pooled, error);
  for (uint32_t h = 0; h < learnt->set->groups[JC_GROUP_HARDWARE].count; h++) {
    if (!jc_error_is_set(error))
      fit_device(learnt, all, count, h, physics, error);
  }
}

static void release(void *state) {
  struct physics *physics = state;
  free(physics->devices);
  free(physics);
}

static enum jc_status fit(const struct jc_run_subset *learnt,
                          const struct jc_run_fit_options *options, void **state,
                          struct jc_error *error) {
  const struct jc_run_set *set = learnt->set;
  const uint32_t count = set->groups[JC_GROUP_CONFIGURATION].count;
  struct physics *physics = calloc(1, sizeof(*physics));
  struct configuration *all = calloc(count, sizeof(*all));
  (void)options;
  if (physics != NULL)
    physics->devices = calloc(set->groups[JC_GROUP_HARDWARE].count, sizeof(*physics->devices));
  *state = physics;
  if (physics == NULL || physics->devices == NULL || all == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else
    fit_all(learnt, all, count, physics, error);
  free(all);
  return error->status;
}

/* ---- use ---- */

static struct jc_run_forecast forecast(const void *state, const struct jc_run_row *row) {
  const struct physics *physics = state;
  for (uint32_t i = 0; i < physics->device_count; i++) {
    const struct device *device = &physics->devices[i];
    if (device->hardware == row->groups[JC_GROUP_HARDWARE])
      return (struct jc_run_forecast){energy_of(device->joules, row), device->half_width,
                                      device->half_width_50};
  }
  return (struct jc_run_forecast){.energy_j = energy_of(physics->pooled, row), .half_width = NAN};
}

static void put_joules(struct jc_json_writer *writer, const char *key, const double joules[T]) {
  char name[32];
  jc_put_object(writer, key);
  for (int k = 0; k < T; k++) {
    (void)snprintf(name, sizeof(name), "%s_j%s", jc_run_term_names[k],
                   tdp_power[k] == 1  ? "_per_w"
                   : tdp_power[k] > 0 ? "_per_root_w"
                                      : "");
    jc_put_real(writer, name, joules[k]);
  }
  jc_put_end(writer);
}

static void put(const void *state, struct jc_json_writer *writer) {
  const struct physics *physics = state;
  put_joules(writer, "other_hardware", physics->pooled);
  jc_put_array(writer, "hardware");
  for (uint32_t i = 0; i < physics->device_count; i++) {
    jc_put_object(writer, NULL);
    jc_put_string(writer, "name", physics->devices[i].name);
    jc_put_real(writer, "log_half_width", physics->devices[i].half_width);
    put_joules(writer, "per_unit", physics->devices[i].joules);
    jc_put_end(writer);
  }
  jc_put_end(writer);
}

const struct jc_run_method jc_run_method_physics = {
    .name = "run-physics",
    .summary = "joules of FLOPs, bytes, launches, fill, updates, images, epochs, fitted per part",
    .formula = "E = epochs x sum of c_k x term_k x TDP^p_k, c >= 0 by relative least squares",
    .source = "joulecast; terms in calibrate/run_terms.h",
    .need_count = JC_TERM_NEED_COUNT + 5,
    .needs = {JC_TERM_NEEDS, JC_RUN_VAL_SAMPLES, JC_RUN_EPOCHS, JC_RUN_BATCH_SIZE, JC_RUN_DEVICES,
              JC_RUN_TDP_W},
    .fit = fit,
    .forecast = forecast,
    .release = release,
    .put = put,
};
