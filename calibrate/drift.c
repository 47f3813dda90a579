/* drift.c -- the machine's speed over time, from the probes beside networks measured twice. */
#include "calibrate/drift.h"

#include <math.h>
#include <stdlib.h>

#include "calibrate/order.h"
#include "calibrate/speed_probe.h"

enum { FEWEST_PAIRS = 16 };
/* A pair whose steps differ more than e^0.7 = 2 times tells of an accident, not of a speed. */
static const double largest_change = 0.7;
/* A step cannot well slow down more than the worse of its parts, but the probe is not the step. */
static const double largest_slope = 2;

static bool is_known(const struct jc_sample *sample) {
  return jc_speed_sum_s(&sample->speed) > 0;
}

/* ---- the usual speed ---- */

static enum jc_status find_usual(const struct jc_looks *networks, uint32_t count,
                                 struct jc_layerwise_speed *drift, struct jc_error *error) {
  uint32_t most = 1, known = 0;
  for (uint32_t n = 0; n < count; n++)
    most += networks[n].count;
  double *compute_s = malloc(2 * (size_t)most * sizeof(double));
  if (compute_s == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  double *memory_s = compute_s + most;
  for (uint32_t n = 0; n < count; n++) {
    for (uint32_t i = 0; i < networks[n].count; i++) {
      const struct jc_sample *sample = &networks[n].samples[i];
      if (!is_known(sample))
        continue;
      compute_s[known] = sample->speed.compute_s;
      memory_s[known++] = sample->speed.memory_s;
    }
  }
  if (known > 0) {
    drift->compute_s = median_of(compute_s, known);
    drift->memory_s = median_of(memory_s, known);
  }
  free(compute_s);
  return JC_OK;
}

/* ---- slopes ---- */

/* Sums over pairs: x the changes of the probe's parts, y that of the step; all logarithms. */
struct sums {
  uint32_t pairs;
  double xx[2][2], xy[2];
};

/* A_S and B_S: a step's, at the speeds of A and B. */
static void add_pair(struct sums *s, const struct jc_speed *a, const struct jc_speed *b, double a_s,
                     double b_s) {
  const double x[2] = {log(a->compute_s / b->compute_s), log(a->memory_s / b->memory_s)};
  const double y = log(a_s / b_s);
  if (!(fabs(y) <= largest_change)) /* or NAN */
    return;
  s->pairs++;
  for (int k = 0; k < 2; k++) {
    s->xy[k] += x[k] * y;
    s->xx[k][0] += x[k] * x[0];
    s->xx[k][1] += x[k] * x[1];
  }
}

static double bounded(double slope) {
  return fmin(fmax(slope, 0), largest_slope);
}

/* Least squares with slopes >= 0: where one of the two would be negative, the better one alone. */
static void solve(const struct sums *s, struct jc_layerwise_speed *drift) {
  const double determinant = s->xx[0][0] * s->xx[1][1] - s->xx[0][1] * s->xx[1][0];
  const double compute = (s->xy[0] * s->xx[1][1] - s->xy[1] * s->xx[0][1]) / determinant;
  const double memory = (s->xy[1] * s->xx[0][0] - s->xy[0] * s->xx[0][1]) / determinant;
  const double alone[2] = {s->xx[0][0] > 0 ? bounded(s->xy[0] / s->xx[0][0]) : 0,
                           s->xx[1][1] > 0 ? bounded(s->xy[1] / s->xx[1][1]) : 0};
  const bool compute_is_better = alone[0] * s->xy[0] > alone[1] * s->xy[1];
  if (compute >= 0 && memory >= 0) { /* neither is NAN */
    drift->compute_slope = bounded(compute);
    drift->memory_slope = bounded(memory);
  } else {
    drift->compute_slope = compute_is_better ? alone[0] : 0;
    drift->memory_slope = compute_is_better ? 0 : alone[1];
  }
}

static void add_pairs(const struct jc_looks *looks, struct sums *median, struct sums *least) {
  for (uint32_t i = 1; i < looks->count; i++) {
    const struct jc_sample *a = &looks->samples[i - 1], *b = &looks->samples[i];
    if (!is_known(a) || !is_known(b))
      continue;
    add_pair(median, &a->speed, &b->speed, a->step_median_s, b->step_median_s);
    add_pair(least, &a->speed, &b->speed, a->step_min_s, b->step_min_s);
  }
}

enum jc_status jc_drift_find(const struct jc_looks *networks, uint32_t count,
                             struct jc_drift *drift, struct jc_error *error) {
  struct sums median = {.pairs = 0}, least = {.pairs = 0};
  drift->median = (struct jc_layerwise_speed){NAN, NAN, 0, 0};
  if (find_usual(networks, count, &drift->median, error) != JC_OK)
    return error->status;
  drift->least = drift->median;
  for (uint32_t n = 0; n < count; n++)
    add_pairs(&networks[n], &median, &least);
  if (median.pairs >= FEWEST_PAIRS)
    solve(&median, &drift->median);
  if (least.pairs >= FEWEST_PAIRS)
    solve(&least, &drift->least);
  return JC_OK;
}

double jc_drift_slowdown(const struct jc_layerwise_speed *drift, const struct jc_speed *now) {
  const double compute = now->compute_s / drift->compute_s,
               memory = now->memory_s / drift->memory_s;
  if (isnan(compute) || isnan(memory) || compute <= 0 || memory <= 0)
    return 1;
  return pow(compute, drift->compute_slope) * pow(memory, drift->memory_slope);
}

/* ---- one network ---- */

/* The times of a sample one by one: those of the step, then of layer after layer; NULL at the end.
 * LEAST: whether it is the least of the window. */
static double *time_at(struct jc_sample *sample, uint32_t index, bool *least) {
  enum { OF_STEP = 3, OF_LAYER = 6 };
  if (index < OF_STEP) {
    double *const of_step[OF_STEP] = {&sample->step_min_s, &sample->step_median_s,
                                      &sample->loss_time_s};
    *least = index == 0;
    return of_step[index];
  }
  const uint32_t layer_index = (index - OF_STEP) / OF_LAYER, which = (index - OF_STEP) % OF_LAYER;
  if (layer_index >= sample->layer_count)
    return NULL;
  struct jc_sample_layer *layer = &sample->layers[layer_index];
  double *const of_layer[OF_LAYER] = {&layer->forward_min_s, &layer->backward_min_s,
                                      &layer->update_min_s,  &layer->forward_s,
                                      &layer->backward_s,    &layer->update_s};
  *least = which < OF_LAYER / 2;
  return of_layer[which];
}

/* Time INDEX over the looks that count and know it; NAN if none does, 0 if it is 0 in one. */
static double mean_time(const struct jc_drift *drift, const struct jc_looks *looks, bool all,
                        uint32_t index) {
  double sum = 0;
  uint32_t n = 0;
  for (uint32_t i = 0; i < looks->count; i++) {
    struct jc_sample *sample = &looks->samples[i];
    bool least = false;
    const double *time_s = all || is_known(sample) ? time_at(sample, index, &least) : NULL;
    if (time_s == NULL || isnan(*time_s))
      continue;
    sum += log(*time_s / jc_drift_slowdown(least ? &drift->least : &drift->median, &sample->speed));
    n++;
  }
  return n > 0 ? exp(sum / n) : NAN;
}

void jc_drift_remove(const struct jc_drift *drift, const struct jc_looks *looks, uint32_t chosen) {
  struct jc_sample *sample = &looks->samples[chosen];
  const double measured_s = sample->step_median_s;
  bool all = true, least = false;
  for (uint32_t i = 0; i < looks->count; i++)
    all = all && !is_known(&looks->samples[i]);
  double *time_s = NULL;
  for (uint32_t index = 0; (time_s = time_at(sample, index, &least)) != NULL; index++)
    *time_s = mean_time(drift, looks, all, index);
  const double change = sample->step_median_s / measured_s;
  double *const as_the_step[] = {&sample->energy_j, &sample->time_s, &sample->cpu_time_s,
                                 &sample->step_mean_s, &sample->energy_half_width_j};
  for (size_t k = 0; k < sizeof(as_the_step) / sizeof(as_the_step[0]); k++)
    *as_the_step[k] *= change;
}
