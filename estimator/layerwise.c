/* layerwise.c -- evaluates the model of layerwise.h: one curve, one row, one step. Core: no heap,
 * no I/O. */
#include "estimator/layerwise.h"

#include <math.h>
#include <string.h>

/* Below this similarity to its nearest sample layer a row is far from all of them. */
static const double distant_similarity = 0.05;
/* How far beyond its samples' range a feature counts, in length scales. */
static const float range_margin = 0.3F;

const char *jc_power_group_name(enum jc_power_group group) {
  static const char *const names[JC_POWER_GROUP_COUNT] = {"products", "others", "update"};
  return names[group];
}

enum jc_power_group jc_power_group_of(enum jc_phase phase, double flops) {
  if (phase == JC_UPDATE)
    return JC_POWER_UPDATE;
  return flops > 0 ? JC_POWER_PRODUCTS : JC_POWER_OTHERS;
}

double jc_layerwise_active_w(const struct jc_layerwise *model, enum jc_power_group group) {
  return model->power_w[group] * (1 + model->busy_excess);
}

/* ---- one row ---- */

static int compare(const struct jc_curve *curve, uint16_t type, enum jc_order order,
                   enum jc_phase phase) {
  if (curve->type != type)
    return curve->type < type ? -1 : 1;
  if (curve->order != order)
    return curve->order < order ? -1 : 1;
  return (int)curve->phase - (int)phase;
}

static const struct jc_curve *find(const struct jc_layerwise *model, uint16_t type,
                                   enum jc_order order, enum jc_phase phase) {
  uint32_t low = 0, high = model->curve_count;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    const int sign = compare(&model->curves[middle], type, order, phase);
    if (sign == 0)
      return &model->curves[middle];
    if (sign < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

const struct jc_curve *jc_layerwise_curve(const struct jc_layerwise *model,
                                          const struct jc_layerwise_row *row) {
  const struct jc_curve *curve = find(model, row->type, row->order, row->phase);
  for (int order = 0; curve == NULL && order < JC_ORDER_COUNT; order++)
    curve = find(model, row->type, (enum jc_order)order, row->phase);
  /* All layers with products are kept as if they had blocks, the others as if they were plain. */
  const enum jc_order like = row->flops > 0 ? JC_ORDER_BLOCKS : JC_ORDER_PLAIN;
  return curve != NULL ? curve : find(model, JC_TYPE_ANY, like, row->phase);
}

double jc_curve_roofline_s(const struct jc_curve *curve, const struct jc_layerwise_row *row) {
  return curve->call_s + fmax(curve->flop_s * row->flops, curve->byte_s * row->bytes);
}

static float clamp(float value, float low, float high) {
  return value < low ? low : value > high ? high : value;
}

static void scale_row(const struct jc_layerwise *model, const struct jc_curve *curve,
                      const struct jc_layerwise_row *row, float *x) {
  const float *scale = model->scales[curve->scale];
  for (int i = 0; i < JC_SHAPE_FEATURES; i++)
    x[i] =
        clamp(row->x[i] * scale[i], curve->x_min[i] - range_margin, curve->x_max[i] + range_margin);
}

static double kernel(const float *a, const float *b) {
  float sum = 0;
  for (int i = 0; i < JC_SHAPE_FEATURES; i++)
    sum += (a[i] - b[i]) * (a[i] - b[i]);
  return exp(-0.5 * (double)sum);
}

struct jc_layerwise_time jc_layerwise_time(const struct jc_layerwise *model,
                                           const struct jc_layerwise_row *row) {
  struct jc_layerwise_time result = {0};
  const struct jc_curve *curve = jc_layerwise_curve(model, row);
  float x[JC_SHAPE_FEATURES];
  if (curve == NULL)
    return result;
  double residual = curve->mean;
  scale_row(model, curve, row, x);
  for (uint32_t m = 0; m < curve->support_count; m++) {
    const double k = kernel(x, model->support[curve->first_support + m]);
    residual += (double)model->weight[curve->first_support + m] * k;
    result.similarity = fmax(result.similarity, k);
  }
  residual = fmin(fmax(residual, curve->residual_min), curve->residual_max);
  result.time_s = jc_curve_roofline_s(curve, row) * exp(residual);
  result.known = curve->type == row->type && curve->order == row->order;
  result.variance = curve->noise + curve->signal * (1 - result.similarity * result.similarity);
  return result;
}

bool jc_layerwise_is_distant(const struct jc_layerwise_time *time) {
  return time->similarity < distant_similarity;
}

/* ---- one step ---- */

struct jc_layerwise_time jc_layerwise_add(const struct jc_layerwise *model,
                                          const struct jc_analysis *analysis, uint32_t layer,
                                          const struct jc_layerwise_row *row,
                                          struct jc_layerwise_sums *sums,
                                          struct jc_layerwise_step *step) {
  const struct jc_layerwise_time t = jc_layerwise_time(model, row);
  const struct jc_curve *curve = jc_layerwise_curve(model, row);
  step->time_s += t.time_s;
  step->group_s[jc_power_group_of(row->phase, row->flops)] += t.time_s;
  step->unknown_s += t.known ? 0 : t.time_s;
  step->distant_s += jc_layerwise_is_distant(&t) ? t.time_s : 0;
  if (curve == NULL)
    return t;
  sums->curve_s[curve - model->curves] += (float)t.time_s;
  sums->deviation_s[curve - model->curves] += (float)(t.time_s * sqrt(t.variance));
  sums->unaligned_s += row->order != JC_ORDER_BLOCKS ? t.time_s : 0;
  sums->grouped_s += analysis->layers[layer].groups > 1 ? t.time_s : 0;
  if (analysis->network->layers[layer].kind == JC_LAYER_linear)
    sums->linear_s += t.time_s;
  return t;
}

static void judge(const struct jc_layerwise *model, const struct jc_layerwise_sums *sums,
                  struct jc_layerwise_step *step) {
  const double layers_s = fmax(step->time_s, 1e-12);
  double variance = 0, concentration = 0;
  for (uint32_t i = 0; i < model->curve_count; i++) {
    const double deviation = (double)sums->deviation_s[i] / layers_s;
    const double share = (double)sums->curve_s[i] / layers_s;
    variance += deviation * deviation;
    concentration += share * share;
  }
  step->difficulty[JC_DIFFICULTY_deviation] = log(sqrt(variance) + 0.01);
  step->difficulty[JC_DIFFICULTY_seconds] = log(layers_s);
  step->difficulty[JC_DIFFICULTY_unaligned] = sums->unaligned_s / layers_s;
  step->difficulty[JC_DIFFICULTY_linear] = sums->linear_s / layers_s;
  step->difficulty[JC_DIFFICULTY_grouped] = sums->grouped_s / layers_s;
  step->difficulty[JC_DIFFICULTY_concentration] = concentration;
}

double jc_layerwise_fixed_s(const struct jc_layerwise *model, const struct jc_analysis *analysis,
                            uint64_t batch_size) {
  const struct jc_network *network = analysis->network;
  const double classes = (double)jc_shape_elements(jc_tensor_shape(analysis, network->outputs[0]));
  return model->step_s[0] + model->step_s[1] * network->layer_count +
         model->step_s[2] * (double)batch_size * classes;
}

void jc_layerwise_finish(const struct jc_layerwise *model, const struct jc_analysis *analysis,
                         uint64_t batch_size, const struct jc_layerwise_sums *sums,
                         struct jc_layerwise_step *step) {
  judge(model, sums, step);
  step->fixed_s = jc_layerwise_fixed_s(model, analysis, batch_size);
  step->time_s = model->kappa * (step->time_s + step->fixed_s);
  step->active_j = model->kappa * jc_layerwise_active_w(model, JC_POWER_OTHERS) * step->fixed_s;
  for (int group = 0; group < JC_POWER_GROUP_COUNT; group++)
    step->active_j += model->kappa * jc_layerwise_active_w(model, (enum jc_power_group)group) *
                      step->group_s[group];
}

void jc_layerwise_step(const struct jc_layerwise *model, const struct jc_analysis *analysis,
                       uint64_t batch_size, bool forward_only, struct jc_layerwise_step *step) {
  struct jc_layerwise_sums sums;
  struct jc_layerwise_row row;
  memset(&sums, 0, sizeof(sums));
  memset(step, 0, sizeof(*step));
  for (uint32_t i = 0; i < analysis->network->layer_count; i++) {
    if (forward_only && analysis->network->layers[i].training_only)
      continue;
    for (int phase = 0; phase < (forward_only ? JC_BACKWARD : JC_PHASE_COUNT); phase++) {
      jc_layerwise_features(analysis, i, (enum jc_phase)phase, batch_size, &row);
      if (!row.absent)
        (void)jc_layerwise_add(model, analysis, i, &row, &sums, step);
    }
  }
  jc_layerwise_finish(model, analysis, batch_size, &sums, step);
}

double jc_interval_unit(const struct jc_interval_model *interval, const double *difficulty) {
  double sum = interval->intercept;
  for (int i = 0; i < JC_DIFFICULTIES; i++)
    sum += interval->weight[i] * (difficulty[i] - interval->mean[i]) / interval->deviation[i];
  return exp(sum);
}
