/* forward_fit.c -- robust relative non-negative least squares for each type of layer, with ten-fold
 * errors and bootstrap intervals. */
#include "calibrate/forward_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/calibrate.h"
#include "calibrate/layer_pieces.h"
#include "calibrate/linear_fit.h"
#include "calibrate/mac_line_fit.h"
#include "calibrate/order.h"
#include "calibrate/random.h"
#include "calibrate/text.h"
#include "estimator/mac_lines.h"
#include "estimator/model_file.h"

enum { N = JC_LINEAR_FEATURES, FOLDS = 10, BOOTSTRAPS = 100 };
enum { RESERVED = 5 }; /* rows: two of a type, add_free, add_any */

/* ---- samples ---- */

void jc_forward_free(struct jc_forward_samples *samples) {
  free(samples->layers);
  memset(samples, 0, sizeof(*samples));
}

/* The format leaves out what is not known; a fit and its profile cannot. */
static enum jc_status check_complete(const struct jc_sample *s, struct jc_error *error) {
  const struct {
    bool known;
    const char *path;
  } needed[] = {
      {s->steps > 0, "steps"},
      {s->energy_j > 0, "energy_j"},
      {s->machine.cpu_model[0] != '\0', "machine.cpu_model"},
      {s->machine.cpus > 0, "machine.cpus"},
      {s->machine.isa[0] != '\0', "machine.isa"},
      {s->runner.name[0] != '\0', "runner"},
      {s->meter.name[0] != '\0', "meter"},
  };
  for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
    if (!needed[i].known)
      return jc_fail(error, JC_ERROR_INVALID, 0, needed[i].path,
                     "a fit needs it, and it is not known or 0");
  }
  return JC_OK;
}

static enum jc_status check_same(const struct jc_forward_samples *samples,
                                 const struct jc_sample *sample, struct jc_error *error) {
  const char *difference =
      samples->count > 0 ? jc_sample_difference(&samples->first, sample) : NULL;
  if (difference == NULL)
    return JC_OK;
  return jc_fail(error, JC_ERROR_MISMATCH, 0, NULL,
                 "the sample is of %s than the first one: fit them apart", difference);
}

static enum jc_status analyze(const struct jc_network *network, const struct jc_sample *sample,
                              struct jc_forward_layer *layer, struct jc_error *error) {
  struct jc_analysis analysis;
  if (network->layer_count != 1)
    return jc_fail(error, JC_ERROR_INVALID, 0, "model",
                   "expected a model of one layer, whose forward pass was measured, got %u layers",
                   network->layer_count);
  const size_t bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(bytes);
  if (storage == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (jc_network_analyze(network, storage, bytes, &analysis, error) == JC_OK) {
    jc_features(&analysis, 0, JC_FORWARD, sample->run.batch_size, &layer->row);
    layer->multiplies = analysis.layers[0].macs > 0;
    layer->macs = jc_mac_line_macs(&analysis, 0, sample->run.batch_size);
  }
  free(storage);
  return error->status;
}

static enum jc_status read_layer(const struct jc_sample *sample, struct jc_forward_layer *layer,
                                 struct jc_error *error) {
  struct jc_model *model = NULL;
  if (jc_sample_read_model(sample, &model, error) != JC_OK)
    return error->status;
  layer->energy_j = sample->energy_j / (double)sample->steps;
  layer->time_s = sample->time_s / (double)sample->steps;
  copy_text(layer->id, sizeof(layer->id), sample->id);
  (void)analyze(jc_model_network(model), sample, layer, error);
  jc_model_free(model);
  return error->status;
}

/* The place of a new layer, or that of an earlier one with its id; NULL if there is no memory. */
static struct jc_forward_layer *find_place(struct jc_forward_samples *samples, const char *id) {
  for (uint32_t i = 0; i < samples->count && id[0] != '\0'; i++) {
    if (strcmp(samples->layers[i].id, id) == 0)
      return &samples->layers[i];
  }
  if (samples->count == samples->capacity) {
    const uint32_t capacity = samples->capacity > 0 ? 2 * samples->capacity : 1024;
    struct jc_forward_layer *layers = realloc(samples->layers, capacity * sizeof(*layers));
    if (layers == NULL)
      return NULL;
    samples->layers = layers;
    samples->capacity = capacity;
  }
  return &samples->layers[samples->count++];
}

enum jc_status jc_forward_add(struct jc_forward_samples *samples, const struct jc_sample *sample,
                              struct jc_error *error) {
  struct jc_forward_layer layer;
  if (check_complete(sample, error) != JC_OK || check_same(samples, sample, error) != JC_OK ||
      read_layer(sample, &layer, error) != JC_OK)
    return error->status;
  if (samples->count == 0) {
    samples->first = *sample;
    samples->first.model = NULL; /* what the sample owns stays its own */
    samples->first.document = NULL;
    samples->first.layers = NULL;
    samples->first.epochs = NULL;
  }
  struct jc_forward_layer *place = find_place(samples, layer.id);
  if (place == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  *place = layer;
  return JC_OK;
}

/* ---- kinds ---- */

static double joules(const struct jc_forward_layer *layer) {
  return layer->energy_j;
}

static double seconds(const struct jc_forward_layer *layer) {
  return layer->time_s;
}

/* The layers of one kind: those of groups that are fitted lie together, and in random order. */
struct kind_layers {
  enum jc_layer_kind kind;
  const struct jc_forward_layer **layers; /* [count] */
  uint32_t count;
  double *energy_j, *time_s;              /* [count], predicted out of fold */
  const struct jc_forward_layer **picked; /* [count], scratch */
  double *scratch;                        /* [count] */
};

/* The layers [from, from + count) of a kind, which share coefficients. */
struct group {
  struct kind_layers *kind;
  uint32_t from, count;
};

static const struct jc_forward_layer *member(const struct group *group, uint32_t k) {
  return group->kind->layers[group->from + k];
}

/* Every layer predicted by a fit to the nine folds that it is not in. */
static enum jc_status predict_folds(const struct group *group, struct jc_error *error) {
  struct kind_layers *kind = group->kind;
  for (uint32_t fold = 0; fold < FOLDS; fold++) {
    struct jc_pieces energy, time;
    uint32_t count = 0;
    for (uint32_t k = 0; k < group->count; k++) {
      if (k % FOLDS != fold)
        kind->picked[count++] = member(group, k);
    }
    if (jc_pieces_fit(kind->picked, count, joules, kind->scratch, &energy, error) != JC_OK ||
        jc_pieces_fit_at(kind->picked, count, seconds, energy.above, &time, error) != JC_OK)
      return error->status;
    for (uint32_t k = fold; k < group->count; k += FOLDS) {
      kind->energy_j[group->from + k] = jc_pieces_predict(&energy, member(group, k));
      kind->time_s[group->from + k] = jc_pieces_predict(&time, member(group, k));
    }
  }
  return JC_OK;
}

/* 5th and 95th percentile of each of SAMPLES [BOOTSTRAPS]. */
static void percentiles(double (*samples)[N], double low[N], double high[N]) {
  double values[BOOTSTRAPS];
  for (int i = 0; i < N; i++) {
    for (int b = 0; b < BOOTSTRAPS; b++)
      values[b] = samples[b][i];
    qsort(values, BOOTSTRAPS, sizeof(values[0]), compare_doubles);
    low[i] = values[BOOTSTRAPS / 20];
    high[i] = values[BOOTSTRAPS - 1 - BOOTSTRAPS / 20];
  }
}

/* Intervals of ROWS, the coefficients of the pieces that meet at ABOVE, over resamples. */
static enum jc_status bootstrap(const struct group *group, uint64_t seed, double above,
                                struct jc_coefficient *rows, struct jc_error *error) {
  double energy[2][BOOTSTRAPS][N], time[2][BOOTSTRAPS][N];
  struct random_stream random = {seed};
  for (int b = 0; b < BOOTSTRAPS; b++) {
    struct jc_pieces e, t;
    for (uint32_t k = 0; k < group->count; k++)
      group->kind->picked[k] = member(group, random_below(&random, group->count));
    if (jc_pieces_fit_at(group->kind->picked, group->count, joules, above, &e, error) != JC_OK ||
        jc_pieces_fit_at(group->kind->picked, group->count, seconds, above, &t, error) != JC_OK)
      return error->status;
    memcpy(energy[0][b], e.large, sizeof(e.large));
    memcpy(energy[1][b], e.small, sizeof(e.small));
    memcpy(time[0][b], t.large, sizeof(t.large));
    memcpy(time[1][b], t.small, sizeof(t.small));
  }
  for (int piece = 0; piece < (above > 0 ? 2 : 1); piece++) {
    percentiles(energy[piece], rows[piece].energy_low_j, rows[piece].energy_high_j);
    percentiles(time[piece], rows[piece].time_low_s, rows[piece].time_high_s);
  }
  return JC_OK;
}

static uint16_t base_type(uint16_t type) {
  return (uint16_t)(type - type % JC_MAX_VARIANTS);
}

static uint32_t count_type(const struct kind_layers *k, uint16_t type) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < k->count; i++)
    count += k->layers[i]->row.type == type ? 1 : 0;
  return count;
}

/* The type whose coefficients TYPE has: its own, or those of the kind's common layers. */
static uint16_t fitted_type(const struct kind_layers *k, uint16_t type) {
  return count_type(k, type) >= JC_FEWEST_LAYERS ? type : base_type(type);
}

static void shuffle(const struct jc_forward_layer **layers, uint32_t count, uint64_t seed) {
  struct random_stream random = {seed};
  for (uint32_t i = count; i > 1; i--) {
    const uint32_t j = random_below(&random, i);
    const struct jc_forward_layer *other = layers[j];
    layers[j] = layers[i - 1];
    layers[i - 1] = other;
  }
}

static void start_coefficient(struct jc_coefficient *c, uint16_t type, uint32_t networks) {
  memset(c, 0, sizeof(*c));
  c->type = type;
  c->phase = JC_FORWARD;
  c->networks = networks;
}

/* One piece of a type: COUNT layers. */
static void start_piece(struct jc_coefficient *c, uint16_t type,
                        const struct jc_forward_layer *const *layers, uint32_t count,
                        const double energy_j[N], const double time_s[N]) {
  start_coefficient(c, type, count);
  memcpy(c->energy_j, energy_j, sizeof(c->energy_j));
  memcpy(c->time_s, time_s, sizeof(c->time_s));
  c->flops_min = c->bytes_min = INFINITY;
  for (uint32_t i = 0; i < count; i++) {
    const struct jc_feature_row *row = &layers[i]->row;
    c->flops_min = fmin(c->flops_min, row->flops);
    c->flops_max = fmax(c->flops_max, row->flops);
    c->bytes_min = fmin(c->bytes_min, row->bytes);
    c->bytes_max = fmax(c->bytes_max, row->bytes);
  }
}

/* Fits GROUP, whose types share TYPE's coefficients, into one row or two; *ROW_COUNT says. */
static enum jc_status fit_group(const struct group *group, uint16_t type, uint64_t seed,
                                struct jc_coefficient *rows, uint32_t *row_count,
                                struct jc_error *error) {
  struct kind_layers *kind = group->kind;
  const struct jc_forward_layer **layers = kind->layers + group->from;
  const uint32_t count = group->count;
  struct jc_pieces energy, time;
  if (count < JC_FEWEST_LAYERS)
    return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                   "expected at least %d single layers like %s, got %u: measure more, or leave the "
                   "kind out",
                   JC_FEWEST_LAYERS, jc_type_name(type), count);
  if (jc_pieces_fit(layers, count, joules, kind->scratch, &energy, error) != JC_OK ||
      jc_pieces_fit_at(layers, count, seconds, energy.above, &time, error) != JC_OK)
    return error->status;
  const uint32_t large = jc_pieces_part(layers, count, energy.above);
  start_piece(&rows[0], type, layers, large, energy.large, time.large);
  rows[0].bytes_above = energy.above;
  if (large < count)
    start_piece(&rows[1], type, layers + large, count - large, energy.small, time.small);
  *row_count = large < count ? 2 : 1;
  shuffle(layers, count, seed);
  if (bootstrap(group, seed, energy.above, rows, error) != JC_OK)
    return error->status;
  return predict_folds(group, error);
}

/* Moves the layers whose coefficients are TYPE's to FROM and behind; returns how many. */
static uint32_t gather(struct kind_layers *k, uint16_t type, uint32_t from) {
  uint32_t end = from;
  for (uint32_t i = from; i < k->count; i++) {
    const struct jc_forward_layer *layer = k->layers[i];
    if (fitted_type(k, layer->row.type) != type)
      continue;
    k->layers[i] = k->layers[end];
    k->layers[end++] = layer;
  }
  return end - from;
}

/* The rows of a kind: those with coefficients of their own, then, of types that share the common
 * ones, copies. The common ones come first. */
static enum jc_status fit_rows(struct kind_layers *k, uint64_t seed, struct jc_profile *profile,
                               struct jc_error *error) {
  const uint16_t base = (uint16_t)(k->kind * JC_MAX_VARIANTS);
  struct jc_coefficient *const common = &profile->coefficients[profile->coefficient_count];
  struct group group = {.kind = k};
  uint32_t common_count = 0;
  for (uint16_t type = base; type < base + JC_MAX_VARIANTS; type++) {
    struct jc_coefficient *rows = &profile->coefficients[profile->coefficient_count];
    const bool copied = type != base && count_type(k, type) > 0 && fitted_type(k, type) == base;
    uint32_t count = copied ? common_count : 0;
    if (profile->coefficient_count + RESERVED >= JC_MAX_COEFFICIENTS)
      return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "more than %d types of layers",
                     JC_MAX_COEFFICIENTS);
    for (uint32_t i = 0; i < count; i++) {
      rows[i] = common[i];
      rows[i].type = type;
    }
    group.count = gather(k, type, group.from);
    if (group.count > 0 && fit_group(&group, type, seed, rows, &count, error) != JC_OK)
      return error->status;
    common_count = type == base ? count : common_count;
    profile->coefficient_count += count;
    group.from += group.count;
  }
  return JC_OK;
}

static void judge_kind(const struct kind_layers *k, struct jc_profile *profile) {
  double *scratch = k->scratch;
  struct jc_layer_error *e = &profile->layer_errors[profile->layer_error_count++];
  double mean = 0, explained = 0, all = 0;
  for (uint32_t i = 0; i < k->count; i++) {
    scratch[i] = k->layers[i]->time_s;
    mean += k->layers[i]->energy_j / k->count;
  }
  e->kind = k->kind;
  e->samples = k->count;
  e->time_mape = jc_summarize_errors(k->time_s, scratch, k->count).mape;
  for (uint32_t i = 0; i < k->count; i++) {
    scratch[i] = k->layers[i]->energy_j;
    explained += (k->energy_j[i] - scratch[i]) * (k->energy_j[i] - scratch[i]);
    all += (mean - scratch[i]) * (mean - scratch[i]);
  }
  const struct jc_error_summary summary = jc_summarize_errors(k->energy_j, scratch, k->count);
  e->mape = summary.mape;
  e->median = summary.median;
  e->bias = summary.bias;
  e->worst = summary.worst;
  e->r2 = all > 0 ? 1 - explained / all : NAN;
}

/* ---- medians, for what has no coefficients ---- */

static double per_byte(const struct kind_layers *k, jc_measured_of *measured, double *scratch) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < k->count; i++) {
    if (k->layers[i]->row.bytes > 0)
      scratch[count++] = measured(k->layers[i]) / k->layers[i]->row.bytes;
  }
  return median_of(scratch, count);
}

/* What moves no data costs nothing by the row `any`; these move some in training only. */
static const enum jc_layer_kind training_only[] = {JC_LAYER_dropout, JC_LAYER_stochastic_depth};

static void add_free(struct jc_profile *profile) {
  for (size_t i = 0; i < sizeof(training_only) / sizeof(training_only[0]); i++) {
    bool sampled = false;
    for (uint32_t k = 0; k < profile->layer_error_count; k++)
      sampled |= profile->layer_errors[k].kind == training_only[i];
    if (!sampled)
      start_coefficient(&profile->coefficients[profile->coefficient_count++],
                        (uint16_t)(training_only[i] * JC_MAX_VARIANTS), 0);
  }
}

static void add_any(struct jc_profile *profile, double *joules_per_byte, double *seconds_per_byte) {
  const uint32_t kinds = profile->layer_error_count;
  struct jc_coefficient *c = &profile->coefficients[profile->coefficient_count++];
  start_coefficient(c, JC_TYPE_ANY, kinds);
  c->energy_j[N - 1] = c->energy_low_j[N - 1] = c->energy_high_j[N - 1] =
      median_of(joules_per_byte, kinds);
  c->time_s[N - 1] = c->time_low_s[N - 1] = c->time_high_s[N - 1] =
      median_of(seconds_per_byte, kinds);
  c->flops_max = profile->flops_max;
  c->bytes_max = profile->bytes_max;
}

/* ---- the profile ---- */

/* The median over layers with products, or over all if there is none: a comparison is cheaper than
 * a multiplication but waits for the same memory. */
static double per_flop(const struct jc_forward_samples *samples, jc_measured_of *measured,
                       double *scratch) {
  uint32_t count = 0;
  for (int pass = 0; pass < 2 && count == 0; pass++) {
    for (uint32_t i = 0; i < samples->count; i++) {
      const struct jc_forward_layer *layer = &samples->layers[i];
      if (layer->row.flops > 0 && (layer->multiplies || pass > 0))
        scratch[count++] = measured(layer) / layer->row.flops;
    }
  }
  return median_of(scratch, count);
}

static void describe(const struct jc_forward_samples *samples, double *scratch,
                     struct jc_profile *profile) {
  const struct jc_sample *first = &samples->first;
  double energy_j = 0, time_s = 0;
  profile->phase = JC_RUN_FORWARD;
  profile->machine = first->machine;
  copy_text(profile->runner, sizeof(profile->runner), first->runner.name);
  copy_text(profile->runner_version, sizeof(profile->runner_version), first->runner.version);
  copy_text(profile->meter, sizeof(profile->meter), first->meter.name);
  copy_text(profile->domain, sizeof(profile->domain), first->meter.domain);
  copy_text(profile->date, sizeof(profile->date), first->date);
  profile->precision = first->precision;
  profile->threads = first->run.threads;
  profile->measured = first->meter.measured;
  profile->load = NAN;
  profile->sample_networks = samples->count;
  for (uint32_t i = 0; i < samples->count; i++) {
    const struct jc_forward_layer *layer = &samples->layers[i];
    energy_j += layer->energy_j;
    time_s += layer->time_s;
    profile->flops_max = fmax(profile->flops_max, layer->row.flops);
    profile->bytes_max = fmax(profile->bytes_max, layer->row.bytes);
  }
  profile->active_power_w = energy_j / time_s;
  profile->energy_per_flop_j = per_flop(samples, joules, scratch);
  profile->time_per_flop_s = per_flop(samples, seconds, scratch);
  struct jc_error_summary *const unknown[] = {&profile->time_error, &profile->energy_error,
                                              &profile->flops_time_error,
                                              &profile->flops_energy_error};
  for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
    *unknown[i] = jc_summarize_errors(NULL, NULL, 0);
}

/* One kind after the other, in the catalogue's order. */
static enum jc_status fit_kinds(const struct jc_forward_samples *samples, struct kind_layers *k,
                                uint64_t seed, struct jc_profile *profile, struct jc_error *error) {
  double joules_per_byte[JC_LAYER_KIND_COUNT], seconds_per_byte[JC_LAYER_KIND_COUNT];
  for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++) {
    k->kind = (enum jc_layer_kind)kind;
    k->count = 0;
    for (uint32_t i = 0; i < samples->count; i++) {
      if (samples->layers[i].row.type / JC_MAX_VARIANTS == kind)
        k->layers[k->count++] = &samples->layers[i];
    }
    if (k->count == 0)
      continue;
    if (fit_rows(k, seed, profile, error) != JC_OK)
      return error->status;
    joules_per_byte[profile->layer_error_count] = per_byte(k, joules, k->scratch);
    seconds_per_byte[profile->layer_error_count] = per_byte(k, seconds, k->scratch);
    judge_kind(k, profile);
    jc_mac_line_fit(k->layers, k->count, &profile->mac_lines[profile->mac_line_count++]);
  }
  add_free(profile);
  add_any(profile, joules_per_byte, seconds_per_byte);
  return JC_OK;
}

enum jc_status jc_forward_fit(const struct jc_forward_samples *samples, uint64_t seed,
                              struct jc_profile *profile, struct jc_error *error) {
  const size_t count = samples->count;
  double *doubles = malloc(3 * count * sizeof(double));
  const struct jc_forward_layer **layers = malloc(2 * count * sizeof(layers[0]));
  if (doubles == NULL || layers == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else {
    struct kind_layers kind = {.layers = layers,
                               .picked = layers + count,
                               .energy_j = doubles,
                               .time_s = doubles + count,
                               .scratch = doubles + 2 * count};
    describe(samples, kind.scratch, profile);
    (void)fit_kinds(samples, &kind, seed, profile, error);
  }
  free(layers);
  free(doubles);
  return error->status;
}
