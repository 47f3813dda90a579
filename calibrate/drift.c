/* drift.c -- the machine's speed over time, from what a fit leaves of networks in random order. */
#include "calibrate/drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/order.h"

enum { NEIGHBOURS = 3 };       /* on either side */
enum { FEWEST_NETWORKS = 24 }; /* fewer say nothing of time */
enum { ROUNDS = 2 };           /* the first fit still follows the slow networks */
static const double quick_quantile = 0.1;

/* Everything of one search; arrays of [networks]. */
struct search {
  const struct jc_timed_networks *data;
  uint32_t count;
  uint32_t *order;  /* networks by moment */
  double *residual; /* log(measured / fitted), in that order */
  double *around;   /* median of the neighbours', in that order */
  double *sorted;
};

static void find_around(struct search *s) {
  for (uint32_t i = 0; i < s->count; i++) {
    double values[2 * NEIGHBOURS];
    uint32_t n = 0;
    for (int64_t k = (int64_t)i - NEIGHBOURS; k <= (int64_t)i + NEIGHBOURS; k++)
      if (k >= 0 && k < (int64_t)s->count && k != (int64_t)i)
        values[n++] = s->residual[k];
    s->around[i] = median_of(values, n);
  }
}

/* Of the networks' residuals on their neighbours'. */
static double slope_of(const struct search *s) {
  double mean_x = 0, mean_y = 0, xx = 0, xy = 0;
  for (uint32_t i = 0; i < s->count; i++) {
    mean_x += s->around[i] / s->count;
    mean_y += s->residual[i] / s->count;
  }
  for (uint32_t i = 0; i < s->count; i++) {
    xx += (s->around[i] - mean_x) * (s->around[i] - mean_x);
    xy += (s->around[i] - mean_x) * (s->residual[i] - mean_y);
  }
  return xx > 0 ? fmin(fmax(xy / xx, 0), 1) : 0;
}

/* Slowdowns by a fit to DATA as it is corrected so far. */
static void judge(struct search *s, const struct jc_layerwise *model, double *slowdown) {
  for (uint32_t i = 0; i < s->count; i++) {
    const struct jc_timed_network *network = &s->data->networks[s->order[i]];
    struct jc_layerwise_step step;
    jc_layerwise_step(model, network->analysis, network->batch_size, false, &step);
    s->residual[i] = log(network->step_s / step.time_s);
  }
  find_around(s);
  const double slope = slope_of(s);
  memcpy(s->sorted, s->around, s->count * sizeof(double));
  qsort(s->sorted, s->count, sizeof(double), compare_doubles);
  const double quick = s->sorted[(uint32_t)(quick_quantile * (s->count - 1))];
  for (uint32_t i = 0; i < s->count; i++)
    slowdown[s->order[i]] = exp(slope * fmax(s->around[i] - quick, 0));
}

void jc_divide_by_slowdown(struct jc_timed_network *network, struct jc_layer_time *times,
                           double slowdown) {
  double *const quantities[] = {&network->step_s, &network->least_step_s, &network->energy_j,
                                &network->active_j, &network->busy_s};
  for (size_t k = 0; k < sizeof(quantities) / sizeof(quantities[0]); k++)
    *quantities[k] /= slowdown;
  for (uint32_t i = 0; i < network->count; i++) {
    times[network->first + i].time_s /= slowdown;
    times[network->first + i].median_s /= slowdown;
  }
}

/* A copy of DATA, corrected by SLOWDOWN. */
static enum jc_status correct(const struct jc_timed_networks *data, const double *slowdown,
                              struct jc_timed_networks *corrected, struct jc_error *error) {
  struct jc_timed_network *networks = malloc(data->network_count * sizeof(*networks));
  struct jc_layer_time *times = malloc((data->time_count + 1) * sizeof(*times));
  *corrected = (struct jc_timed_networks){data->network_count, data->time_count, networks, times};
  if (networks == NULL || times == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  memcpy(networks, data->networks, data->network_count * sizeof(*networks));
  memcpy(times, data->times, data->time_count * sizeof(*times));
  for (uint32_t n = 0; n < data->network_count; n++)
    jc_divide_by_slowdown(&networks[n], times, slowdown[n]);
  return JC_OK;
}

static void free_corrected(struct jc_timed_networks *corrected) {
  free((void *)corrected->networks);
  free((void *)corrected->times);
}

static void sort_by_moment(struct search *s) {
  for (uint32_t i = 0; i < s->count; i++) {
    uint32_t at = i; /* nearly in order: files are written as time goes */
    for (; at > 0 && s->data->networks[s->order[at - 1]].moment > s->data->networks[i].moment; at--)
      s->order[at] = s->order[at - 1];
    s->order[at] = i;
  }
}

enum jc_status jc_find_drift(const struct jc_timed_networks *data, double *slowdown,
                             struct jc_error *error) {
  const uint32_t count = data->network_count;
  struct search s = {.data = data, .count = count};
  struct jc_layerwise *model = malloc(sizeof(*model));
  double *block = calloc(3 * (size_t)count + 1, sizeof(double));
  s.order = calloc((size_t)count + 1, sizeof(*s.order));
  for (uint32_t n = 0; n < count; n++)
    slowdown[n] = 1;
  if (model == NULL || block == NULL || s.order == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    goto cleanup;
  }
  s.residual = block;
  s.around = block + count;
  s.sorted = block + 2 * (size_t)count;
  sort_by_moment(&s);
  for (int round = 0; round < ROUNDS && count >= FEWEST_NETWORKS && error->status == JC_OK;
       round++) {
    struct jc_timed_networks corrected;
    if (correct(data, slowdown, &corrected, error) == JC_OK &&
        jc_layerwise_fit_model(&corrected, JC_NO_FOLD, model, error) == JC_OK)
      judge(&s, model, slowdown);
    free_corrected(&corrected);
  }

cleanup:
  free(s.order);
  free(block);
  free(model);
  return error->status;
}
