/* projection.c -- stretches of one level by dynamic programming, and the interval of what remains.
 * No heap, no I/O, no clock. */
#include "calibrate/projection.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "calibrate/order.h"
#include "calibrate/scatter.h"

/* Squared deviations, in sigma^2: of an epoch that stands out, and of a new stretch. */
static const double outlier_cost = 9, stretch_cost = 2.5 * 9;
/* Sigma is at least this share of an epoch: an exact repetition must not make a hair stand out. */
static const double sigma_floor = 0.01;
/* Scatter of an epoch before anything is known of it, as a share, and the epochs that it counts. */
static const double prior_scatter = 0.05;
enum { PRIOR_FREEDOM = 2 };
/* Wander before anything is known of it, as a share, and the steps between blocks of epochs that it
 * counts; and a shift of level beyond which it is none, but an unfreezing or another clock. Chosen
 * on some runs of bench/projection.py, judged on others: PROJECTION.md. */
static const double prior_wander = 0.1, prior_steps = 2, largest_step = 0.3;
/* That two epochs which stand out, the last ones seen, are a new level and not a pause. */
static const double shift_chance = 0.5;

/* Of the median of absolute differences of normal values to their sigma: sqrt(2) x 0.6745. */
static const double difference_scale = 1 / 0.9539;

/* One quantity of the epochs looked at. */
struct series {
  double x[JC_PROJECTION_WINDOW];
  uint32_t count;
  double sigma;
  uint32_t from[JC_PROJECTION_WINDOW]; /* of each, where its stretch begins */
};

/* What the last stretch says of an epoch to come. */
struct level {
  uint32_t from, inliers, events;
  double mean, squares; /* of the inliers; squared deviations */
  double rate, excess;  /* events an epoch, and how much of one */
  double wander;        /* share of `mean` that it may move by, for what no epoch tells */
  double shift;         /* from `mean` to the two last epochs, if they are the one event */
};

/* The lower of the middle two: half of the differences beside one outlier are its own. */
static double sigma_of(const struct series *s) {
  double values[JC_PROJECTION_WINDOW];
  memcpy(values, s->x, s->count * sizeof(*values));
  const double floor = sigma_floor * median_of(values, s->count);
  for (uint32_t i = 0; i + 1 < s->count; i++)
    values[i] = fabs(s->x[i + 1] - s->x[i]);
  if (s->count < 2)
    return floor;
  qsort(values, s->count - 1, sizeof(*values), compare_doubles);
  return fmax(floor, values[(s->count - 2) / 2] * difference_scale);
}

static double median_of_sorted(const double *sorted, uint32_t count) {
  return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static void insert_sorted(double *sorted, uint32_t count, double value) {
  uint32_t at = count;
  for (; at > 0 && sorted[at - 1] > value; at--)
    sorted[at] = sorted[at - 1];
  sorted[at] = value;
}

static double squared_distance(const struct series *s, double x, double median) {
  const double z = (x - median) / s->sigma;
  return z * z;
}

static double stretch_cost_of(const struct series *s, const double *sorted, uint32_t count) {
  const double median = median_of_sorted(sorted, count);
  double cost = stretch_cost;
  for (uint32_t i = 0; i < count; i++)
    cost += fmin(squared_distance(s, sorted[i], median), outlier_cost);
  return cost;
}

/* The division of least cost. Of equals the longest stretches, from the last one back. */
static void cut(struct series *s) {
  double least[JC_PROJECTION_WINDOW + 1] = {0};
  uint32_t begin[JC_PROJECTION_WINDOW + 1] = {0};
  for (uint32_t end = 1; end <= s->count && s->sigma > 0; end++) {
    double sorted[JC_PROJECTION_WINDOW];
    least[end] = INFINITY;
    for (uint32_t from = end; from-- > 0;) {
      insert_sorted(sorted, end - from - 1, s->x[from]);
      const double cost = least[from] + stretch_cost_of(s, sorted, end - from);
      if (cost <= least[end]) {
        least[end] = cost;
        begin[end] = from;
      }
    }
  }
  for (uint32_t end = s->count, i = end; end > 0; end = begin[end]) {
    while (i > begin[end])
      s->from[--i] = begin[end];
  }
}

/* Epochs that do not stand out, between shifts that are no wander. */
struct spell {
  double sums[JC_PROJECTION_WINDOW + 1]; /* of those before each */
  uint32_t count;
};

/* Mean square of the steps between neighbouring blocks of SIZE epochs, as shares of their mean. */
static double steps_of(const struct spell *spell, uint32_t size) {
  const double *sums = spell->sums;
  double squares = 0;
  for (uint32_t i = 0; i + 2 * size <= spell->count; i++) {
    const double a = sums[i + size] - sums[i], b = sums[i + 2 * size] - sums[i + size];
    const double step = a + b > 0 ? 2 * (b - a) / (a + b) : 0;
    squares += step * step;
  }
  return squares / (spell->count - 2 * size + 1);
}

struct wander {
  double squares, steps;
};

/* Adds the steps of blocks of 2, 4, 8 ... epochs beyond those that the scatter of single ones
 * makes, and begins a new spell. */
static void end_spell(struct spell *spell, struct wander *wander) {
  for (uint32_t size = 2; 2 * size <= spell->count; size *= 2) {
    const double apart = (double)spell->count / size - 1;
    wander->squares += apart * (steps_of(spell, size) - steps_of(spell, 1) / size);
    wander->steps += apart;
  }
  spell->count = 0;
}

/* Of all stretches, whose MEDIANS stand at each epoch: smaller shifts are wander. */
static double wander_of(const struct series *s, const bool *out, const double *medians) {
  struct wander wander = {prior_steps * prior_wander * prior_wander, prior_steps};
  struct spell spell = {{0}, 0};
  for (uint32_t i = 0; i < s->count; i++) {
    if (i > 0 &&
        fabs(medians[i] - medians[i - 1]) > largest_step * fmin(medians[i], medians[i - 1]))
      end_spell(&spell, &wander);
    if (out[i])
      continue;
    spell.sums[spell.count + 1] = spell.sums[spell.count] + s->x[i];
    spell.count++;
  }
  end_spell(&spell, &wander);
  return sqrt(fmax(0, wander.squares) / wander.steps);
}

/* Events of neighbouring epochs that stand out: their number, rate of recurrence, and excess. */
static void find_events(const struct series *s, const bool *out, struct level *level) {
  double excess[JC_PROJECTION_WINDOW];
  uint32_t first = 0;
  for (uint32_t i = level->from; i < s->count; i++) {
    if (!out[i])
      continue;
    if (level->events == 0)
      first = i;
    if (level->events == 0 || !out[i - 1])
      excess[level->events++] = 0;
    excess[level->events - 1] += s->x[i] - level->mean;
  }
  if (level->events < 2)
    return;
  qsort(excess, level->events, sizeof(*excess), compare_doubles);
  level->excess = excess[(level->events - 1) / 2];
  level->rate = (level->events - 1.0) / (s->count - 1 - first);
}

/* Which epochs stand out of their stretch, and its median. */
static void mark(const struct series *s, bool *out, double *medians) {
  double sorted[JC_PROJECTION_WINDOW];
  for (uint32_t from = 0, end; from < s->count; from = end) {
    for (end = from; end < s->count && s->from[end] == s->from[from]; end++)
      insert_sorted(sorted, end - from, s->x[end]);
    const double median = median_of_sorted(sorted, end - from);
    for (uint32_t i = from; i < end; i++) {
      out[i] = s->sigma > 0 && squared_distance(s, s->x[i], median) > outlier_cost;
      medians[i] = median;
    }
  }
}

static struct level level_of(const struct series *s) {
  struct level level = {.from = s->from[s->count - 1]};
  bool out[JC_PROJECTION_WINDOW];
  double medians[JC_PROJECTION_WINDOW];
  mark(s, out, medians);
  for (uint32_t i = level.from; i < s->count; i++) {
    if (!out[i])
      level.mean += s->x[i];
    level.inliers += !out[i];
  }
  level.mean /= level.inliers;
  for (uint32_t i = level.from; i < s->count; i++) {
    const double off = out[i] ? 0 : s->x[i] - level.mean;
    level.squares += off * off;
  }
  level.wander = wander_of(s, out, medians);
  find_events(s, out, &level);
  if (level.events == 1 && out[s->count - 1] && out[s->count - 2])
    level.shift = (s->x[s->count - 1] + s->x[s->count - 2]) / 2 - level.mean;
  return level;
}

struct span {
  double value, low, high;
};

/* Of REMAINING epochs like LEVEL. */
static struct span remaining_of(const struct level *level, double remaining) {
  const double epoch = level->mean + shift_chance * level->shift + level->rate * level->excess;
  const double value = remaining * fmax(0, epoch), wander = level->wander * value;
  const double shift = remaining * level->shift;
  const uint32_t freedom = PRIOR_FREEDOM + level->inliers - 1;
  const double prior = prior_scatter * level->mean;
  const double variance = (PRIOR_FREEDOM * prior * prior + level->squares) / freedom;
  const double to_come = level->rate * remaining;
  double squares = variance * (remaining + remaining * remaining / level->inliers) +
                   wander * wander + shift_chance * (1 - shift_chance) * shift * shift;
  if (level->events > 1)
    squares += level->excess * level->excess * (to_come + to_come * to_come / (level->events - 1));
  if (value == 0)
    return (struct span){0, 0, sqrt(squares)};
  const double h = jc_student_t_95(freedom) * sqrt(squares) / value;
  return (struct span){value, value * exp(-h), value * exp(h)};
}

/* One quantity of SEEN, at OFFSET of its struct. */
struct quantity {
  const struct jc_epoch_seen *seen;
  uint32_t count;
  size_t offset;
};

static double quantity_of(const struct quantity *q, const struct jc_epoch_seen *epoch) {
  return *(const double *)((const char *)epoch + q->offset);
}

/* All epochs are added to what is spent, the last ones taken into SERIES. NAN if one is not known.
 */
static double add_up(const struct quantity *q, struct series *series) {
  double sum = 0;
  const uint32_t skip = q->count > JC_PROJECTION_WINDOW ? q->count - JC_PROJECTION_WINDOW : 0;
  for (uint32_t i = 0; i < q->count; i++) {
    const double x = quantity_of(q, &q->seen[i]);
    sum += x;
    if (i >= skip)
      series->x[i - skip] = x;
  }
  series->count = q->count - skip;
  return sum;
}

static struct span project(const struct quantity *q, uint64_t epochs, double outside,
                           double in_hand, struct level *level) {
  struct series series = {.count = 0};
  const double spent = add_up(q, &series) + outside;
  if (isnan(spent) || epochs == 0 || (q->count == 0))
    return (struct span){NAN, NAN, NAN};
  series.sigma = sigma_of(&series);
  cut(&series);
  *level = level_of(&series);
  level->from += q->count - series.count;
  const double remaining = epochs > q->count ? (double)(epochs - q->count) : 0;
  const struct span rest = remaining_of(level, remaining);
  const double others = remaining > 0 ? (remaining - 1) / remaining : 0;
  return (struct span){spent + fmax(rest.value, in_hand + others * rest.value),
                       spent + fmax(rest.low, in_hand),
                       spent + fmax(rest.high, in_hand + others * rest.high)};
}

void jc_project_within(const struct jc_epoch_seen *seen, uint32_t count, uint64_t epochs,
                       const struct jc_epoch_seen *outside, const struct jc_epoch_seen *in_hand,
                       struct jc_projection *projection) {
  const struct quantity joules = {seen, count, offsetof(struct jc_epoch_seen, energy_j)},
                        seconds = {seen, count, offsetof(struct jc_epoch_seen, time_s)};
  struct level level = {0}, time_level = {0};
  const struct span energy = project(&joules, epochs, outside->energy_j, in_hand->energy_j, &level),
                    time = project(&seconds, epochs, outside->time_s, in_hand->time_s, &time_level);
  if (isnan(energy.value))
    level = time_level;
  *projection = (struct jc_projection){
      .energy_j = energy.value,
      .energy_low_j = energy.low,
      .energy_high_j = energy.high,
      .time_s = time.value,
      .time_low_s = time.low,
      .time_high_s = time.high,
      .steady_from = level.from,
      .steady = level.inliers >= JC_PROJECTION_STEADY,
  };
}

void jc_project(const struct jc_epoch_seen *seen, uint32_t count, uint64_t epochs,
                const struct jc_epoch_seen *outside, struct jc_projection *projection) {
  const struct jc_epoch_seen nothing = {0, 0};
  jc_project_within(seen, count, epochs, outside, &nothing, projection);
}
