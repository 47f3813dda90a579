/* fit.c -- from the networks of samples.jsonl to a profile: makes features, calls the fits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calibrate/calibrate.h"
#include "calibrate/layerwise_fit.h"
#include "calibrate/linear_fit.h"
#include "calibrate/sample_networks.h"
#include "calibrate/text.h"

enum { FEWEST_NETWORKS = 9 }; /* below, no 90 % interval exists */
/* Of a network's joules, at least so much is training, not idling ... */
static const double least_active_share = 0.01;
/* ... or it is taken for so much, if no more than this share of the networks need it. */
static const double tolerated_below_idle = 0.1;

/* Networks, and the rows of the linear fit that they have. */
struct collection {
  struct jc_sample_networks networks;
  struct jc_fit_rows rows;
};

/* ---- features ---- */

static int16_t *row_index(struct jc_fit_rows *rows, uint16_t type, enum jc_phase phase) {
  return &rows->index[type][phase];
}

/* The row of a type and phase, entered if it is new; NULL if there is no room. */
static struct jc_coefficient *find_row(struct jc_fit_rows *rows, uint16_t type, enum jc_phase phase,
                                       struct jc_error *error) {
  int16_t *index = row_index(rows, type, phase);
  if (*index >= 0)
    return &rows->rows[*index];
  if (rows->count + JC_PHASE_COUNT >= JC_MAX_COEFFICIENTS) { /* room for the `any` rows */
    (void)jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "more than %d types of layers",
                  JC_MAX_COEFFICIENTS);
    return NULL;
  }
  *index = (int16_t)rows->count;
  struct jc_coefficient *row = &rows->rows[rows->count++]; /* zeroed by make_rows */
  row->type = type;
  row->phase = phase;
  row->flops_min = row->bytes_min = INFINITY;
  return row;
}

/* Enters the rows a network has, and widens their ranges. */
static enum jc_status find_rows(struct jc_fit_rows *rows, const struct jc_sample_network *p,
                                struct jc_error *error) {
  bool seen[JC_MAX_COEFFICIENTS] = {false};
  for (uint32_t i = 0; i < jc_network_sample(p)->layer_count; i++) {
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
      struct jc_feature_row features;
      jc_features(&p->analysis, i, (enum jc_phase)phase, jc_network_sample(p)->run.batch_size,
                  &features);
      if (features.count == 0 || features.fused)
        continue;
      struct jc_coefficient *row = find_row(rows, features.type, features.phase, error);
      if (row == NULL)
        return error->status;
      row->flops_min = fmin(row->flops_min, features.flops);
      row->flops_max = fmax(row->flops_max, features.flops);
      row->bytes_min = fmin(row->bytes_min, features.bytes);
      row->bytes_max = fmax(row->bytes_max, features.bytes);
      row->networks += seen[row - rows->rows] ? 0 : 1;
      seen[row - rows->rows] = true;
    }
  }
  return JC_OK;
}

static int compare_rows(const void *a, const void *b) {
  const struct jc_coefficient *x = a, *y = b;
  return x->type != y->type ? (int)x->type - (int)y->type : (int)x->phase - (int)y->phase;
}

/* The step first, then in the catalogue's order, whatever network came first. */
static void sort_rows(struct jc_fit_rows *rows) {
  qsort(rows->rows + 1, rows->count - 1, sizeof(rows->rows[0]), compare_rows);
  for (uint32_t i = 0; i < rows->count; i++)
    rows->index[rows->rows[i].type][rows->rows[i].phase] = (int16_t)i;
}

static enum jc_status make_rows(struct collection *c, struct jc_error *error) {
  memset(&c->rows, 0, sizeof(c->rows));
  memset(c->rows.index, 0xff, sizeof(c->rows.index));
  struct jc_coefficient *step = find_row(&c->rows, JC_TYPE_STEP, JC_FORWARD, error);
  if (step == NULL)
    return error->status;
  step->networks = c->networks.count;
  step->flops_min = step->bytes_min = 0;
  for (uint32_t i = 0; i < c->networks.count; i++) {
    if (find_rows(&c->rows, c->networks.items[i], error) != JC_OK)
      return error->status;
  }
  sort_rows(&c->rows);
  return JC_OK;
}

static double layer_seconds(const struct jc_sample_layer *layer, enum jc_phase phase) {
  const double seconds[JC_PHASE_COUNT] = {layer->forward_s, layer->backward_s, layer->update_s};
  return seconds[phase];
}

/* The layer whose row a layer's seconds belong to: a fused one's are its producer's, whether the
 * runner really fused it or not, since a forecast knows the static flag only. */
static uint32_t accountable_layer(const struct jc_analysis *analysis, uint32_t layer) {
  const struct jc_network *network = analysis->network;
  if (!analysis->layers[layer].fused)
    return layer;
  return network->inputs_of_layers[network->layers[layer].first_input] - network->input_count;
}

/* Adds one layer in one phase to its row. Returns its seconds. */
static double observe_layer(struct collection *c, const struct jc_sample_network *p, uint32_t layer,
                            enum jc_phase phase, struct jc_observation *o) {
  struct jc_feature_row f;
  const double seconds = layer_seconds(&jc_network_sample(p)->layers[layer], phase);
  jc_features(&p->analysis, accountable_layer(&p->analysis, layer), phase,
              jc_network_sample(p)->run.batch_size, &f);
  if (f.count == 0)
    return 0;
  const int16_t row = *row_index(&c->rows, f.type, phase);
  o->seconds[row] += seconds;
  for (int k = 0; k < JC_LINEAR_FEATURES && !p->analysis.layers[layer].fused; k++)
    o->features[row * JC_LINEAR_FEATURES + k] += f.linear[k];
  return seconds;
}

static double above_idle_j(const struct jc_sample *s) {
  return s->energy_j - s->idle_power_w * s->time_s;
}

/* Sums of one network's features and stamps by row; row 0, the step, is what no layer has. */
static void observe(struct collection *c, const struct jc_sample_network *p,
                    struct jc_observation *o) {
  const struct jc_sample *s = jc_network_sample(p);
  const double steps = (double)s->steps;
  double stamped_s = 0;
  o->step_s = s->step_median_s;
  o->mean_s = s->time_s / steps;
  o->busy_s = s->cpu_time_s > 0 ? s->cpu_time_s / (steps * s->run.threads) : o->mean_s;
  o->long_window = s->block == JC_BLOCK_ENERGY;
  o->energy_j = s->energy_j / steps;
  o->active_j = fmax(above_idle_j(s) / steps, least_active_share * o->energy_j);
  o->flops = jc_step_flops(&p->analysis.totals, s->run.batch_size);
  o->bytes = jc_step_bytes(&p->analysis.totals, s->run.batch_size);
  o->layer_count = s->layer_count;
  o->startup_s = s->startup_s;
  for (uint32_t i = 0; i < s->layer_count; i++) {
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++)
      stamped_s += observe_layer(c, p, i, (enum jc_phase)phase, o);
  }
  o->features[0] = 1;
  o->seconds[0] = fmax(o->step_s - stamped_s, 0);
}

/* ---- times of layers ---- */

static double least_layer_seconds(const struct jc_sample_layer *layer, enum jc_phase phase) {
  const double seconds[JC_PHASE_COUNT] = {layer->forward_min_s, layer->backward_min_s,
                                          layer->update_min_s};
  return isnan(seconds[phase]) ? layer_seconds(layer, phase) : seconds[phase];
}

/* Appends what the runner stamped on each layer; a fused layer's seconds are its producer's.
 * Returns how many. */
static uint32_t take_times(const struct jc_sample_network *p, struct jc_layer_time *times) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < jc_network_sample(p)->layer_count; i++) {
    const uint32_t follower = p->analysis.layers[i].follower;
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
      struct jc_layer_time *time = &times[count];
      jc_layerwise_features(&p->analysis, i, (enum jc_phase)phase,
                            jc_network_sample(p)->run.batch_size, &time->row);
      time->time_s = least_layer_seconds(&jc_network_sample(p)->layers[i], (enum jc_phase)phase);
      time->median_s = layer_seconds(&jc_network_sample(p)->layers[i], (enum jc_phase)phase);
      if (follower > 0) {
        const struct jc_sample_layer *fused = &jc_network_sample(p)->layers[follower];
        time->time_s += least_layer_seconds(fused, (enum jc_phase)phase);
        time->median_s += layer_seconds(fused, (enum jc_phase)phase);
      }
      count += !time->row.absent && time->time_s > 0 ? 1 : 0;
    }
  }
  return count;
}

/* The networks as the kernel regression sees them. */
struct timed {
  struct jc_timed_network *networks; /* [collection count] */
  struct jc_layer_time *times;
  uint32_t time_count;
};

static void timed_free(struct timed *t) {
  free(t->networks);
  free(t->times);
}

static enum jc_status timed_make(const struct collection *c,
                                 const struct jc_observation *observations, struct timed *t,
                                 struct jc_error *error) {
  size_t most = 1;
  for (uint32_t i = 0; i < c->networks.count; i++)
    most += (size_t)JC_PHASE_COUNT * jc_network_sample(c->networks.items[i])->layer_count;
  *t = (struct timed){calloc(c->networks.count, sizeof(*t->networks)),
                      malloc(most * sizeof(*t->times)), 0};
  if (t->times == NULL || t->networks == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (uint32_t i = 0; i < c->networks.count; i++) {
    const struct jc_observation *o = &observations[i];
    t->networks[i] = (struct jc_timed_network){
        .analysis = &c->networks.items[i]->analysis,
        .batch_size = jc_network_sample(c->networks.items[i])->run.batch_size,
        .step_s = o->step_s,
        .least_step_s = jc_network_sample(c->networks.items[i])->step_min_s,
        .energy_j = o->energy_j,
        .active_j = o->active_j,
        .busy_s = o->busy_s,
        .long_window = o->long_window,
        .first = t->time_count};
    t->networks[i].count = take_times(c->networks.items[i], t->times + t->time_count);
    t->time_count += t->networks[i].count;
  }
  return JC_OK;
}

/* ---- the profile ---- */

static void describe(const struct collection *c, struct jc_profile *profile) {
  const struct jc_sample *first = jc_network_sample(c->networks.items[0]);
  double active_j = 0, time_s = 0, idle_w = 0;
  profile->machine = first->machine;
  copy_text(profile->runner, sizeof(profile->runner), first->runner.name);
  copy_text(profile->runner_version, sizeof(profile->runner_version), first->runner.version);
  copy_text(profile->meter, sizeof(profile->meter), first->meter.name);
  copy_text(profile->domain, sizeof(profile->domain), first->meter.domain);
  copy_text(profile->date, sizeof(profile->date), first->date);
  profile->precision = first->precision;
  profile->threads = first->run.threads;
  profile->measured = first->meter.measured;
  profile->sample_networks = c->networks.count;
  for (uint32_t i = 0; i < c->networks.count; i++) {
    const struct jc_sample_network *p = c->networks.items[i];
    const uint64_t batch = jc_network_sample(p)->run.batch_size;
    active_j += jc_network_sample(p)->energy_j;
    time_s += jc_network_sample(p)->time_s;
    idle_w += jc_network_sample(p)->idle_power_w / c->networks.count;
    profile->load = fmax(profile->load, jc_network_sample(p)->load);
    profile->forced |= jc_network_sample(p)->forced;
    profile->flops_max = fmax(profile->flops_max, jc_step_flops(&p->analysis.totals, batch));
    profile->bytes_max = fmax(profile->bytes_max, jc_step_bytes(&p->analysis.totals, batch));
    if (strcmp(jc_network_sample(p)->date, profile->date) > 0)
      copy_text(profile->date, sizeof(profile->date), jc_network_sample(p)->date);
  }
  profile->active_power_w = active_j / time_s;
  profile->idle_power_w = idle_w;
}

/* Over the long windows, where there are some: a short one has too few held-up steps, or too many.
 */
static double mean_excess(const struct jc_observation *observations, uint32_t count) {
  double sum[2] = {0};
  uint32_t counts[2] = {0};
  for (uint32_t i = 0; i < count; i++) {
    const struct jc_observation *o = &observations[i];
    sum[o->long_window] += o->mean_s / o->step_s - 1;
    counts[o->long_window]++;
  }
  return counts[true] >= JC_FEWEST_LONG_WINDOWS ? sum[true] / counts[true]
                                                : (sum[true] + sum[false]) / count;
}

/* Training that draws less than idle shows a wrong baseline; joules above it would be made up. */
static enum jc_status check_baseline(const struct collection *c, struct jc_error *error) {
  uint32_t below = 0;
  for (uint32_t i = 0; i < c->networks.count; i++) {
    const struct jc_sample *s = jc_network_sample(c->networks.items[i]);
    below += above_idle_j(s) < least_active_share * s->energy_j ? 1 : 0;
  }
  if (below <= tolerated_below_idle * c->networks.count)
    return JC_OK;
  return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL,
                 "%u of %u sample networks drew no more than the idle power of %.3g W: the machine "
                 "was not idle when it was measured; calibrate again with --fresh",
                 below, c->networks.count, jc_network_sample(c->networks.items[0])->idle_power_w);
}

static enum jc_status fit(struct collection *c, struct jc_profile *profile,
                          struct jc_error *error) {
  const size_t doubles = (size_t)c->rows.count * (JC_LINEAR_FEATURES + 1);
  struct jc_observation *observations = calloc(c->networks.count + 1, sizeof(*observations));
  struct timed timed = {0};
  double *block = calloc(c->networks.count * doubles, sizeof(double));
  if (observations == NULL || block == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    goto cleanup;
  }
  for (uint32_t i = 0; i < c->networks.count; i++) {
    observations[i].features = block + i * doubles;
    observations[i].seconds = observations[i].features + (size_t)c->rows.count * JC_LINEAR_FEATURES;
    observe(c, c->networks.items[i], &observations[i]);
  }
  describe(c, profile);
  profile->mean_excess = mean_excess(observations, c->networks.count);
  if (timed_make(c, observations, &timed, error) == JC_OK &&
      jc_linear_fit(&c->rows, observations, c->networks.count, 1, profile, error) == JC_OK) {
    const struct jc_timed_networks data = {c->networks.count, timed.time_count, timed.networks,
                                           timed.times};
    (void)jc_layerwise_fit(&data, profile, error);
  }

cleanup:
  timed_free(&timed);
  free(observations);
  free(block);
  return error->status;
}

enum jc_status jc_calibrate_fit(const char *const *paths, size_t path_count,
                                struct jc_profile *profile, struct jc_fit_report *report,
                                struct jc_error *error) {
  struct collection *c = calloc(1, sizeof(*c));
  struct jc_drift drift;
  if (c == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  memset(profile, 0, sizeof(*profile));
  memset(report, 0, sizeof(*report));
  for (size_t i = 0; i < path_count && error->status == JC_OK; i++)
    (void)jc_sample_networks_read(&c->networks, paths[i], report, error);
  report->used = c->networks.count + c->networks.forward.count;
  if (error->status == JC_OK && c->networks.forward.count > 0)
    (void)jc_forward_fit(&c->networks.forward, 1, profile, error);
  else if (error->status == JC_OK && c->networks.count < FEWEST_NETWORKS)
    (void)jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                  "expected at least %d undisturbed sample networks, got %u (and %u disturbed by "
                  "other load): run `joulecast calibrate` again, it resumes",
                  FEWEST_NETWORKS, c->networks.count, report->disturbed);
  if (error->status == JC_OK && c->networks.count > 0 && check_baseline(c, error) == JC_OK &&
      jc_sample_networks_remove_drift(&c->networks, &drift, error) == JC_OK &&
      make_rows(c, error) == JC_OK && fit(c, profile, error) == JC_OK)
    profile->layerwise.speed = drift.median;
  jc_sample_networks_free(&c->networks);
  free(c);
  return error->status;
}
