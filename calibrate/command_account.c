/* command_account.c -- sums over samples. */
#include "calibrate/command_account.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A counter ticks once a millisecond: over shorter intervals power says little. */
static const double min_power_interval_s = 0.5;

void jc_account_start(struct jc_account *a, bool share, const struct jc_account_sample *sample) {
  *a = (struct jc_account){.share = share,
                           .begin = *sample,
                           .last = *sample,
                           .last_part = 1,
                           .peak_w = NAN,
                           .peak_time_s = sample->time_s,
                           .peak_j = sample->energy_j,
                           .stride = 1,
                           .point_time_s = sample->time_s,
                           .point_j = sample->energy_j};
}

void jc_account_free(struct jc_account *a) {
  free(a->epochs);
  a->epochs = NULL;
}

/* The command's part of the CPU time between two samples: all of it where nothing was busy, or
 * where it is not known. */
static double part_of(const struct jc_account_sample *from, const struct jc_account_sample *to) {
  const double busy_s = to->busy_s - from->busy_s;
  return busy_s > 0 ? fmin((to->cpu_s - from->cpu_s) / busy_s, 1) : 1;
}

/* ---- power ---- */

static void halve_points(struct jc_account *a) {
  for (size_t i = 0; i < JC_POWER_POINTS; i++) {
    const struct jc_power_point *first = &a->points[2 * i], *second = &a->points[2 * i + 1];
    const double begin_s = i > 0 ? a->points[i - 1].time_s : 0;
    const double energy_j = first->power_w * (first->time_s - begin_s) +
                            second->power_w * (second->time_s - first->time_s);
    a->points[i] = (struct jc_power_point){second->time_s, energy_j / (second->time_s - begin_s)};
  }
  a->point_count = JC_POWER_POINTS;
  a->stride *= 2;
}

static void add_point(struct jc_account *a, const struct jc_account_sample *sample) {
  const double interval_s = sample->time_s - a->point_time_s;
  if (!(interval_s >= min_power_interval_s) || ++a->skipped < a->stride)
    return;
  a->points[a->point_count++] = (struct jc_power_point){
      sample->time_s - a->begin.time_s, (sample->energy_j - a->point_j) / interval_s};
  a->skipped = 0;
  a->point_time_s = sample->time_s;
  a->point_j = sample->energy_j;
  if (a->point_count == 2 * JC_POWER_POINTS)
    halve_points(a);
}

/* ---- sums ---- */

/* Short intervals, such as epochs end, are taken together. */
static void look_for_peak(struct jc_account *a) {
  const double interval_s = a->last.time_s - a->peak_time_s;
  if (interval_s < min_power_interval_s)
    return;
  a->peak_w = fmax(a->peak_w, (a->last.energy_j - a->peak_j) / interval_s);
  a->peak_time_s = a->last.time_s;
  a->peak_j = a->last.energy_j;
}

double jc_account_peak_w(const struct jc_account *a) {
  return a->metered_s < min_power_interval_s ? NAN : fmax(a->peak_w, a->metered_j / a->metered_s);
}

void jc_account_sample(struct jc_account *a, const struct jc_account_sample *sample) {
  struct jc_account_sample *last = &a->last;
  a->gap = isnan(sample->energy_j);
  if (a->gap) {
    last->time_s = sample->time_s;
    return; /* the CPU times stay those of the last joules, to which they belong */
  }
  const double energy_j = sample->energy_j - last->energy_j;
  a->last_part = part_of(last, sample);
  a->metered_j += energy_j;
  a->charged_j += a->share ? a->last_part * energy_j : energy_j;
  a->metered_s = sample->time_s - a->begin.time_s;
  *last = *sample;
  look_for_peak(a);
  add_point(a, sample);
}

static enum jc_status make_room(struct jc_account *a, uint32_t count, struct jc_error *error) {
  uint32_t capacity = a->epoch_capacity > 0 ? a->epoch_capacity : 64;
  if (a->epoch_count + count <= a->epoch_capacity)
    return JC_OK;
  while (capacity < a->epoch_count + count)
    capacity *= 2;
  struct jc_epoch_seen *epochs = realloc(a->epochs, capacity * sizeof(*epochs));
  if (epochs == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  a->epochs = epochs;
  a->epoch_capacity = capacity;
  return JC_OK;
}

enum jc_status jc_account_epochs(struct jc_account *a, uint32_t count, double time_s,
                                 double energy_j, struct jc_error *error) {
  if (make_room(a, count, error) != JC_OK)
    return error->status;
  /* Of what came since the last sample, the part is that of the interval before. */
  const double since_j = energy_j - a->last.energy_j;
  const double charged_j = a->charged_j + (a->share ? a->last_part * since_j : since_j);
  const double end_s = time_s - a->begin.time_s;
  const struct jc_epoch_seen each = {fmax(charged_j - a->epochs_j, 0) / count,
                                     fmax(end_s - a->epochs_time_s, 0) / count};
  for (uint32_t i = 0; i < count; i++) {
    a->epochs[a->epoch_count] = each;
    if (isnan(charged_j) || isnan(a->epochs_j))
      a->epochs[a->epoch_count].energy_j = NAN;
    a->epoch_count++;
  }
  a->epochs_time_s = end_s;
  a->epochs_j = charged_j;
  return JC_OK;
}

struct jc_epoch_seen jc_account_total(const struct jc_account *a) {
  return (struct jc_epoch_seen){a->gap ? NAN : a->charged_j, a->last.time_s - a->begin.time_s};
}

struct jc_epoch_seen jc_account_in_hand(const struct jc_account *a) {
  const struct jc_epoch_seen total = jc_account_total(a);
  return (struct jc_epoch_seen){
      isnan(total.energy_j) || isnan(a->epochs_j) ? NAN : fmax(total.energy_j - a->epochs_j, 0),
      fmax(total.time_s - a->epochs_time_s, 0)};
}

double jc_account_cpu_share(const struct jc_account *a) {
  const double busy_s = a->last.busy_s - a->begin.busy_s;
  return busy_s > 0 ? fmin((a->last.cpu_s - a->begin.cpu_s) / busy_s, 1) : NAN;
}
