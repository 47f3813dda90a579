/* layerwise_fit.c -- curves of every type, what a step has beyond its layers, watts, and the errors
 * that folds over networks show. */
#include "calibrate/layerwise_fit.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/curve_fit.h"
#include "calibrate/linear_fit.h"
#include "calibrate/nnls.h"
#include "calibrate/order.h"
#include "calibrate/support_share.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what was learnt once about layers of a family ---- */

/* Length scales of the features, prior variance of the residual and noise variance of log time, by
 * family of types and phase: maximum likelihood on the sample networks of a 2-core AVX-512 machine
 * at one and two threads. They say which differences matter, not how long anything takes. */
static const struct family {
  float length[JC_SHAPE_FEATURES]; /* order of JC_SHAPE_FEATURE_LIST */
  double signal, noise;
} families[] = {
    /* elementwise, forward and backward */
    {{5.5F, 10.2F, 10.4F, 15.2F, 2.7F, 2.4F, 2.4F, 2.1F, 9.1F, 2.4F, 2.4F, 6.0F, 2.0F, 15.2F, 1.9F,
      4.1F, 5.6F, 1.4F, 2.4F},
     0.32,
     0.0200},
    {{17.9F, 10.9F, 18.6F, 24.2F, 2.2F, 2.5F, 2.5F, 1.0F, 12.5F, 2.5F, 2.5F, 11.0F, 1.8F, 24.2F,
      1.4F, 8.4F, 7.8F, 3.2F, 2.3F},
     0.25,
     0.0186},
    /* pools */
    {{28.2F, 30.3F, 30.3F, 3.4F, 3.3F, 19.3F, 2.5F, 11.3F, 11.3F, 2.5F, 2.5F, 19.7F, 2.5F, 2.7F,
      4.8F, 33.1F, 3.3F, 6.4F, 2.5F},
     0.45,
     0.0243},
    {{21.5F, 12.6F, 12.6F, 2.8F, 2.9F, 3.5F, 2.5F, 5.1F, 5.1F, 2.5F, 2.5F, 7.9F, 2.5F, 2.1F, 2.9F,
      29.1F, 3.3F, 10.0F, 4.2F},
     0.30,
     0.0088},
    /* batch normalisation */
    {{16.4F, 4.2F, 4.2F, 13.0F, 1.6F, 2.4F, 2.4F, 3.8F, 3.8F, 2.4F, 2.4F, 2.4F, 2.4F, 13.0F, 3.7F,
      2.8F, 4.3F, 4.0F, 2.4F},
     0.09,
     0.1005},
    {{1.8F, 1.3F, 1.3F, 7.9F, 1.0F, 2.5F, 2.5F, 3.8F, 3.8F, 2.5F, 2.5F, 2.5F, 2.5F, 7.9F, 1.1F,
      2.7F, 3.4F, 5.1F, 1.4F},
     0.12,
     0.0927},
    /* convolutions */
    {{3.3F, 1.5F, 2.0F, 2.6F, 4.3F, 1.4F, 2.0F, 1.2F, 5.6F, 2.4F, 1.0F, 2.6F, 2.4F, 12.8F, 2.0F,
      8.3F, 3.2F, 2.4F, 2.4F},
     0.09,
     0.0072},
    {{2.2F, 1.0F, 2.7F, 1.6F, 11.0F, 1.0F, 1.4F, 1.4F, 3.8F, 2.4F, 1.2F, 3.0F, 2.4F, 7.6F, 1.8F,
      8.2F, 3.0F, 2.4F, 10.8F},
     0.07,
     0.0091},
    /* depthwise convolutions */
    {{4.8F, 7.9F, 7.9F, 3.6F, 2.8F, 2.8F, 1.1F, 2.2F, 2.2F, 2.7F, 2.7F, 2.7F, 2.7F, 2.7F, 1.1F,
      5.1F, 2.8F, 2.7F, 2.7F},
     0.04,
     0.0264},
    {{33.1F, 33.1F, 33.1F, 2.8F, 7.1F, 1.0F, 5.4F, 4.9F, 4.9F, 2.5F, 2.5F, 2.5F, 2.5F, 1.0F, 8.1F,
      10.5F, 1.9F, 2.5F, 2.5F},
     1.01,
     0.0072},
    /* linear layers */
    {{2.4F, 11.4F, 6.0F, 2.7F, 2.7F, 2.7F, 2.7F, 24.8F, 13.4F, 7.9F, 2.7F, 2.7F, 2.7F, 2.7F, 1.9F,
      13.9F, 2.7F, 4.5F, 2.7F},
     0.30,
     0.0536},
    {{2.5F, 4.4F, 5.2F, 2.6F, 1.0F, 2.6F, 2.6F, 11.4F, 1.0F, 4.9F, 2.6F, 2.6F, 2.6F, 2.6F, 1.6F,
      2.8F, 2.6F, 4.0F, 2.6F},
     0.24,
     0.0858},
    /* the update: sizes only */
    {{9, 9, 9, 9, 1.05F, 9, 9, 9, 9, 9, 9, 9, 9, 9, 3, 9, 9, 9, 9}, 0.3, 0.05},
};
enum {
  FAMILY_ELEMENTWISE = 0,
  FAMILY_POOL = 2,
  FAMILY_NORM = 4,
  FAMILY_CONVOLUTION = 6,
  FAMILY_DEPTHWISE = 8,
  FAMILY_LINEAR = 10,
  FAMILY_UPDATE = 12
};

/* Which family a layer type is of, and how many support rows it may have, forward and backward:
 * more for those that take most of the time, and bend most. By the beginning of the type's name;
 * the first that fits. */
static const struct {
  const char *prefix;
  uint32_t family;
  uint32_t support[2];
} type_rules[] = {
    {"conv2d.depthwise", FAMILY_DEPTHWISE, {64, 64}},
    {"conv2d.1x1", FAMILY_CONVOLUTION, {128, 192}},
    {"conv2d.grouped", FAMILY_CONVOLUTION, {64, 96}},
    {"conv2d.first", FAMILY_CONVOLUTION, {48, 64}},
    {"conv", FAMILY_CONVOLUTION, {128, 256}},
    {"linear", FAMILY_LINEAR, {64, 96}},
    {"batchnorm", FAMILY_NORM, {64, 64}},
    {"maxpool", FAMILY_POOL, {32, 32}},
    {"avgpool", FAMILY_POOL, {32, 32}},
    {"adaptive", FAMILY_POOL, {32, 32}},
    {"update", FAMILY_UPDATE, {32, 32}},
    {"any", FAMILY_ELEMENTWISE, {48, 48}},
    {"", FAMILY_ELEMENTWISE, {48, 64}},
};

static size_t rule_of(uint16_t type) {
  const char *name = jc_type_name(type);
  size_t rule = 0;
  while (strncmp(name, type_rules[rule].prefix, strlen(type_rules[rule].prefix)) != 0)
    rule++;
  return rule;
}

static uint32_t direction_of(enum jc_phase phase) {
  return phase == JC_BACKWARD ? 1 : 0;
}

static uint32_t most_support(uint16_t type, enum jc_phase phase) {
  return type_rules[rule_of(type)].support[direction_of(phase)];
}

static void set_scales(struct jc_layerwise *model) {
  model->scale_count = COUNT(families);
  for (size_t i = 0; i < COUNT(families); i++)
    for (int k = 0; k < JC_SHAPE_FEATURES; k++)
      model->scales[i][k] = 1 / families[i].length[k];
}

/* ---- curves ---- */

/* A sample layer and where it comes from, for sorting. */
struct entry {
  const struct jc_layer_time *time;
  uint32_t network;
  double share;
};

struct fit {
  const struct jc_timed_networks *data;
  int fold;              /* left out */
  struct entry *entries; /* [time_count] */
  struct curve_row *rows;
  uint32_t count;
  uint32_t support[JC_MAX_CURVES]; /* rows at most, of each type's curve in their order */
};

static bool is_left_out(uint32_t network, int fold) {
  return fold != JC_NO_FOLD && network % JC_FIT_FOLDS == (uint32_t)fold;
}

/* In the order of the file, which goes network by network. */
static int compare_places(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  return x->time < y->time ? -1 : x->time > y->time;
}

static int compare_entries(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  const struct jc_layerwise_row *r = &x->time->row, *s = &y->time->row;
  if (r->type != s->type)
    return (int)r->type - (int)s->type;
  if (r->order != s->order)
    return (int)r->order - (int)s->order;
  if (r->phase != s->phase)
    return (int)r->phase - (int)s->phase;
  return compare_places(a, b);
}

static void collect(struct fit *f) {
  f->count = 0;
  for (uint32_t n = 0; n < f->data->network_count; n++) {
    const struct jc_timed_network *network = &f->data->networks[n];
    for (uint32_t i = 0; i < network->count && !is_left_out(n, f->fold); i++) {
      const struct jc_layer_time *time = &f->data->times[network->first + i];
      f->entries[f->count++] = (struct entry){time, n, time->time_s / network->step_s};
    }
  }
  qsort(f->entries, f->count, sizeof(*f->entries), compare_entries);
}

static void fill_row(const struct entry *entry, const float *scale, struct curve_row *row) {
  const struct jc_layerwise_row *from = &entry->time->row;
  *row = (struct curve_row){.flops = from->flops,
                            .bytes = from->bytes,
                            .time_s = entry->time->time_s,
                            .share = entry->share,
                            .network = entry->network};
  for (int k = 0; k < JC_SHAPE_FEATURES; k++)
    row->x[k] = from->x[k] * scale[k];
}

static enum jc_status fit_curve(struct fit *f, const struct entry *entries, uint32_t count,
                                uint16_t type, enum jc_order order, struct jc_layerwise *model,
                                struct jc_error *error) {
  const enum jc_phase phase = entries[0].time->row.phase;
  const uint32_t family =
      type_rules[rule_of(type)].family + (type == JC_TYPE_UPDATE ? 0 : direction_of(phase));
  struct jc_curve *curve = &model->curves[model->curve_count];
  if (model->curve_count == JC_MAX_CURVES)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "more than %d types of layers",
                   JC_MAX_CURVES);
  *curve = (struct jc_curve){.type = type,
                             .order = order,
                             .phase = phase,
                             .scale = family,
                             .signal = families[family].signal,
                             .noise = families[family].noise};
  for (uint32_t i = 0; i < count; i++)
    fill_row(&entries[i], model->scales[family], &f->rows[i]);
  const uint32_t support =
      type == JC_TYPE_ANY ? most_support(type, phase) : f->support[model->curve_count];
  if (jc_curve_fit(f->rows, count, support, curve, model, error) == JC_OK)
    model->curve_count++;
  return error->status;
}

static bool same_curve(const struct entry *a, const struct entry *b) {
  return a->time->row.type == b->time->row.type && a->time->row.order == b->time->row.order &&
         a->time->row.phase == b->time->row.phase;
}

/* Behind the last entry of the curve of entry FIRST. */
static uint32_t end_of_curve(const struct fit *f, uint32_t first) {
  uint32_t end = first + 1;
  while (end < f->count && same_curve(&f->entries[first], &f->entries[end]))
    end++;
  return end;
}

/* What the curves of unknown types, fitted last, want is set aside: 2 orders, 2 directions. */
static void plan_support(struct fit *f) {
  struct jc_support_demand demands[JC_MAX_CURVES] = {{0, 0}};
  const uint32_t aside =
      2 * (most_support(JC_TYPE_ANY, JC_FORWARD) + most_support(JC_TYPE_ANY, JC_BACKWARD));
  uint32_t count = 0;
  for (uint32_t first = 0, end; first < f->count && count < JC_MAX_CURVES; first = end) {
    const struct jc_layerwise_row *row = &f->entries[first].time->row;
    const uint32_t most = most_support(row->type, row->phase);
    end = end_of_curve(f, first);
    demands[count].wanted = most < end - first ? most : end - first;
    for (uint32_t i = first; i < end; i++)
      demands[count].share += f->entries[i].share;
    count++;
  }
  jc_share_support(demands, count, JC_MAX_SUPPORT - aside, f->support);
}

static enum jc_status fit_types(struct fit *f, struct jc_layerwise *model, struct jc_error *error) {
  plan_support(f);
  for (uint32_t first = 0, end; first < f->count && error->status == JC_OK; first = end) {
    const struct jc_layerwise_row *row = &f->entries[first].time->row;
    end = end_of_curve(f, first);
    (void)fit_curve(f, f->entries + first, end - first, row->type, row->order, model, error);
  }
  return error->status;
}

/* What a layer of unknown type costs: all with products together, and all without. Sorted behind
 * all other types. */
static enum jc_status fit_any(struct fit *f, struct entry *scratch, struct jc_layerwise *model,
                              struct jc_error *error) {
  for (int with = 1; with >= 0; with--) {
    const enum jc_order order = with ? JC_ORDER_BLOCKS : JC_ORDER_PLAIN;
    for (int phase = JC_FORWARD; phase <= JC_BACKWARD; phase++) {
      uint32_t count = 0;
      for (uint32_t i = 0; i < f->count; i++) {
        const struct jc_layerwise_row *row = &f->entries[i].time->row;
        if (row->phase == (enum jc_phase)phase && (row->flops > 0) == (with == 1))
          scratch[count++] = f->entries[i];
      }
      qsort(scratch, count, sizeof(*scratch), compare_places);
      if (count > 0 && fit_curve(f, scratch, count, JC_TYPE_ANY, order, model, error) != JC_OK)
        return error->status;
    }
  }
  return JC_OK;
}

/* ---- what a step has beyond its layers ---- */

static double classes_of(const struct jc_analysis *analysis) {
  return (double)jc_shape_elements(jc_tensor_shape(analysis, analysis->network->outputs[0]));
}

/* Relative to whole steps: what the stamps of the layers leave. */
static enum jc_status fit_fixed(const struct fit *f, struct jc_layerwise *model,
                                struct jc_error *error) {
  double gram[9] = {0}, side[3] = {0}, work[32];
  for (uint32_t n = 0; n < f->data->network_count; n++) {
    const struct jc_timed_network *network = &f->data->networks[n];
    double left_s = network->least_step_s > 0 ? network->least_step_s : network->step_s;
    if (is_left_out(n, f->fold))
      continue;
    for (uint32_t i = 0; i < network->count; i++)
      left_s -= f->data->times[network->first + i].time_s;
    const double a[3] = {
        1 / network->step_s, network->analysis->network->layer_count / network->step_s,
        (double)network->batch_size * classes_of(network->analysis) / network->step_s};
    for (int j = 0; j < 3; j++) {
      for (int k = 0; k < 3; k++)
        gram[j * 3 + k] += a[j] * a[k];
      side[j] += a[j] * fmax(left_s, 0) / network->step_s;
    }
  }
  /* Units near 1: seconds a call are 1e-6, so the diagonal is scaled. */
  double scale[3], scaled[3];
  for (int j = 0; j < 3; j++)
    scale[j] = gram[j * 3 + j] > 0 ? 1 / sqrt(gram[j * 3 + j]) : 1;
  for (int j = 0; j < 3; j++) {
    for (int k = 0; k < 3; k++)
      gram[j * 3 + k] *= scale[j] * scale[k];
    side[j] *= scale[j];
    scaled[j] = 0;
  }
  if (jc_nnls(3, gram, side, scaled, work, error) != JC_OK)
    return error->status;
  for (int j = 0; j < 3; j++)
    model->step_s[j] = scaled[j] * scale[j];
  return JC_OK;
}

static enum jc_status fit_kappa(const struct fit *f, struct jc_layerwise *model,
                                struct jc_error *error) {
  double *ratios = malloc((f->data->network_count + 1) * sizeof(double));
  uint32_t count = 0;
  if (ratios == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  model->kappa = 1;
  for (uint32_t n = 0; n < f->data->network_count; n++) {
    const struct jc_timed_network *network = &f->data->networks[n];
    struct jc_layerwise_step step;
    if (is_left_out(n, f->fold))
      continue;
    jc_layerwise_step(model, network->analysis, network->batch_size, false, &step);
    ratios[count++] = network->step_s / step.time_s;
  }
  qsort(ratios, count, sizeof(double), compare_doubles);
  model->kappa = sqrt(ratios[(count - 1) / 2] * ratios[count / 2]);
  free(ratios);
  return JC_OK;
}

/* ---- watts ---- */

static double busy_share(const struct jc_timed_network *network) {
  return network->busy_s > 0 ? network->busy_s / network->step_s : 1;
}

/* Seconds of work of a network's mean step by group of layers; what no layer has is booked on the
 * others. Returns their sum. */
static double group_seconds(const struct jc_timed_networks *data,
                            const struct jc_timed_network *network, double *seconds) {
  double stamped_s = 0;
  for (int g = 0; g < JC_POWER_GROUP_COUNT; g++)
    seconds[g] = 0;
  for (uint32_t i = 0; i < network->count; i++) {
    const struct jc_layer_time *time = &data->times[network->first + i];
    const double median_s = time->median_s > 0 ? time->median_s : time->time_s;
    seconds[jc_power_group_of(time->row.phase, time->row.flops)] += median_s;
    stamped_s += median_s;
  }
  seconds[JC_POWER_OTHERS] += fmax(network->step_s - stamped_s, 0);
  for (int g = 0; g < JC_POWER_GROUP_COUNT; g++)
    seconds[g] *= busy_share(network);
  return fmax(network->step_s, stamped_s) * busy_share(network);
}

/* Joules of windows of a tenth of a second have the counter's tick in them. */
static bool only_long_windows(const struct fit *f) {
  uint32_t count = 0;
  for (uint32_t n = 0; n < f->data->network_count; n++)
    count += f->data->networks[n].long_window && !is_left_out(n, f->fold) ? 1 : 0;
  return count >= JC_FEWEST_LONG_WINDOWS;
}

/* sum_n (sum_g W_g t_ng / E_n - 1)^2 + n / 4 sum_g (W_g / mean - 1)^2, W_g >= 0: free watts follow
 * the noise of short windows, and came out at 8 to 78 W where 22 W were true. */
static enum jc_status fit_power(const struct fit *f, struct jc_layerwise *model,
                                struct jc_error *error) {
  enum { N = JC_POWER_GROUP_COUNT };
  double gram[N * N] = {0}, side[N] = {0}, work[32], power_w = 0, busy = 0, count = 0;
  const bool only_long = only_long_windows(f);
  for (uint32_t n = 0; n < f->data->network_count; n++) {
    const struct jc_timed_network *network = &f->data->networks[n];
    double seconds[N];
    if (is_left_out(n, f->fold) || (only_long && !network->long_window))
      continue;
    /* Each network counts alike in the mean, long or short. */
    power_w += network->active_j / group_seconds(f->data, network, seconds);
    busy += busy_share(network);
    count += 1;
    for (int j = 0; j < N; j++) {
      for (int k = 0; k < N; k++)
        gram[j * N + k] += seconds[j] * seconds[k] / (network->active_j * network->active_j);
      side[j] += seconds[j] / network->active_j;
    }
  }
  const double mean_w = power_w / count;
  model->busy_excess = busy / count - 1;
  for (int j = 0; j < N; j++) {
    gram[j * N + j] += count / 4 / (mean_w * mean_w);
    side[j] += count / 4 / mean_w;
    model->power_w[j] = mean_w;
  }
  return jc_nnls(N, gram, side, model->power_w, work, error);
}

/* ---- the whole model ---- */

enum jc_status jc_layerwise_fit_model(const struct jc_timed_networks *data, int fold,
                                      struct jc_layerwise *model, struct jc_error *error) {
  struct fit f = {.data = data, .fold = fold};
  memset(model, 0, sizeof(*model));
  if (data->network_count == 0 || (data->network_count == 1 && is_left_out(0, fold)))
    return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                   "expected at least %d sample networks to fit times of layers, got %u",
                   fold == JC_NO_FOLD ? 1 : 2, data->network_count);
  f.entries = calloc(2 * (size_t)data->time_count + 1, sizeof(*f.entries));
  f.rows = calloc((size_t)data->time_count + 1, sizeof(*f.rows));
  if (f.entries == NULL || f.rows == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for a fit of %u layers",
                  data->time_count);
  } else {
    set_scales(model);
    collect(&f);
    if (fit_types(&f, model, error) == JC_OK &&
        fit_any(&f, f.entries + data->time_count, model, error) == JC_OK &&
        fit_fixed(&f, model, error) == JC_OK && fit_kappa(&f, model, error) == JC_OK)
      (void)fit_power(&f, model, error);
  }
  free(f.entries);
  free(f.rows);
  return error->status;
}

/* ---- errors and intervals ---- */

/* What every network showed when it was left out. */
struct judged {
  double *time_s, *energy_j;   /* predicted, [networks] */
  double *step_s, *measured_j; /* [networks] */
  double *difficulty;          /* [networks x JC_DIFFICULTIES] */
};

/* IDLE_W: for every forecast second. */
static enum jc_status judge_folds(const struct jc_timed_networks *data, double idle_w,
                                  struct judged *j, struct jc_error *error) {
  struct jc_layerwise *model = malloc(sizeof(*model));
  if (model == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (int fold = 0; fold < JC_FIT_FOLDS && error->status == JC_OK; fold++) {
    if (jc_layerwise_fit_model(data, fold, model, error) != JC_OK)
      break;
    for (uint32_t n = (uint32_t)fold; n < data->network_count; n += JC_FIT_FOLDS) {
      const struct jc_timed_network *network = &data->networks[n];
      struct jc_layerwise_step step;
      jc_layerwise_step(model, network->analysis, network->batch_size, false, &step);
      j->time_s[n] = step.time_s;
      j->energy_j[n] = step.active_j + idle_w * step.time_s;
      j->step_s[n] = network->step_s;
      j->measured_j[n] = network->energy_j;
      memcpy(j->difficulty + (size_t)n * JC_DIFFICULTIES, step.difficulty, sizeof(step.difficulty));
    }
  }
  free(model);
  return error->status;
}

static void standardize(const struct judged *j, uint32_t count, struct jc_interval_model *m) {
  for (int k = 0; k < JC_DIFFICULTIES; k++) {
    double sum = 0, square = 0;
    for (uint32_t n = 0; n < count; n++)
      sum += j->difficulty[n * (size_t)JC_DIFFICULTIES + (size_t)k] / count;
    for (uint32_t n = 0; n < count; n++) {
      const double off = j->difficulty[n * (size_t)JC_DIFFICULTIES + (size_t)k] - sum;
      square += off * off / count;
    }
    m->mean[k] = sum;
    m->deviation[k] = square > 1e-12 ? sqrt(square) : 1;
  }
}

static const double ridge = 10;         /* of the difficulty's weights */
static const double least_error = 0.02; /* added to |log error|, so that luck has no logarithm */

/* log(|log error| + 0.02) as a ridge regression on the standardised difficulties. */
static enum jc_status fit_difficulty(const struct judged *j, const double *predicted,
                                     const double *measured, uint32_t count,
                                     struct jc_interval_model *m, struct jc_error *error) {
  enum { P = JC_DIFFICULTIES };
  double gram[P * P] = {0}, side[P] = {0}, target = 0;
  for (uint32_t n = 0; n < count; n++)
    target += log(fabs(log(measured[n] / predicted[n])) + least_error) / count;
  for (uint32_t n = 0; n < count; n++) {
    const double *d = j->difficulty + n * (size_t)P;
    const double off = log(fabs(log(measured[n] / predicted[n])) + least_error) - target;
    double x[P];
    for (int k = 0; k < P; k++)
      x[k] = (d[k] - m->mean[k]) / m->deviation[k];
    for (int a = 0; a < P; a++) {
      for (int b = 0; b < P; b++)
        gram[a * P + b] += x[a] * x[b];
      side[a] += x[a] * off;
    }
  }
  for (int k = 0; k < P; k++)
    gram[k * P + k] += ridge;
  if (LAPACKE_dposv(LAPACK_ROW_MAJOR, 'L', P, 1, gram, P, side, 1) != 0)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "the interval's ridge has no solution");
  memcpy(m->weight, side, sizeof(m->weight));
  m->intercept = target;
  return JC_OK;
}

/* Conformal quantiles of |log error| in units of the difficulty. */
static enum jc_status fit_interval(const struct judged *j, const double *predicted,
                                   const double *measured, uint32_t count,
                                   struct jc_interval_model *m, struct jc_error *error) {
  double *scores = malloc(((size_t)count + 1) * sizeof(double));
  if (scores == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  standardize(j, count, m);
  if (fit_difficulty(j, predicted, measured, count, m, error) == JC_OK) {
    for (uint32_t n = 0; n < count; n++)
      scores[n] = fabs(log(measured[n] / predicted[n])) /
                  jc_interval_unit(m, j->difficulty + n * (size_t)JC_DIFFICULTIES);
    jc_conformal_widths(scores, count, m->width);
  }
  free(scores);
  return error->status;
}

enum jc_status jc_layerwise_fit(const struct jc_timed_networks *data, struct jc_profile *profile,
                                struct jc_error *error) {
  const size_t count = data->network_count;
  double *block = calloc(count * (4 + JC_DIFFICULTIES) + 1, sizeof(double));
  if (block == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  struct judged j = {block, block + count, block + 2 * count, block + 3 * count, block + 4 * count};
  struct jc_layerwise *model = &profile->layerwise;
  if (judge_folds(data, jc_mean_idle_w(profile), &j, error) == JC_OK &&
      jc_layerwise_fit_model(data, JC_NO_FOLD, model, error) == JC_OK &&
      fit_interval(&j, j.time_s, j.step_s, data->network_count, &model->time_interval, error) ==
          JC_OK &&
      fit_interval(&j, j.energy_j, j.measured_j, data->network_count, &model->energy_interval,
                   error) == JC_OK) {
    profile->layerwise_time_error = jc_summarize_errors(j.time_s, j.step_s, data->network_count);
    profile->layerwise_energy_error =
        jc_summarize_errors(j.energy_j, j.measured_j, data->network_count);
  }
  free(block);
  return error->status;
}
