/* features.c -- what a layer does in a phase, as numbers: the one definition for fit and
 * prediction. Core: no heap, no I/O. */
#include <string.h>

#include "estimator/estimator.h"

const double jc_interval_levels[3] = {0.5, 0.8, 0.9};

const char *jc_phase_name(enum jc_phase phase) {
  static const char *const names[JC_PHASE_COUNT] = {"forward", "backward", "update"};
  return names[phase];
}

const char *jc_result_phase_name(enum jc_result_phase phase) {
  static const char *const names[JC_RESULT_PHASE_COUNT] = {
      "forward", "backward_data", "backward_weights", "update", "validation"};
  return names[phase];
}

const char *jc_precision_name(enum jc_precision precision) {
  static const char *const names[JC_MAX_PRECISIONS] = {"fp32", "tf32", "bf16", "fp16"};
  return (unsigned)precision < JC_MAX_PRECISIONS ? names[precision] : NULL;
}

const char *jc_type_name(uint16_t type) {
  static const char *const special[] = {"update", "step", "any"};
  if (type >= JC_TYPE_COUNT)
    return NULL;
  if (type >= JC_TYPE_UPDATE)
    return special[type - JC_TYPE_UPDATE];
  return jc_kind_variant(jc_kind_get((enum jc_layer_kind)(type / JC_MAX_VARIANTS)),
                         type % JC_MAX_VARIANTS);
}

uint16_t jc_type_find(const char *name) {
  for (int type = 0; type < JC_TYPE_COUNT; type++) {
    const char *candidate = jc_type_name((uint16_t)type);
    if (candidate != NULL && strcmp(candidate, name) == 0)
      return (uint16_t)type;
  }
  return JC_TYPE_COUNT;
}

static double traffic_bytes(const struct jc_traffic *traffic, double batch_size) {
  return batch_size * ((double)traffic->read_bytes + (double)traffic->written_bytes) +
         (double)traffic->weight_read_bytes + (double)traffic->weight_written_bytes;
}

void jc_features(const struct jc_analysis *analysis, uint32_t layer, enum jc_phase phase,
                 uint64_t batch_size, struct jc_feature_row *row) {
  const struct jc_cost *cost = &analysis->layers[layer];
  const double batch = cost->per_step ? 1 : (double)batch_size;
  const enum jc_layer_kind kind = analysis->network->layers[layer].kind;

  memset(row, 0, sizeof(*row));
  row->layer = layer;
  row->phase = phase;
  row->fused = cost->fused;
  row->type = (uint16_t)(kind * JC_MAX_VARIANTS + cost->variant);
  switch (phase) {
  case JC_FORWARD:
    row->count = 1;
    row->flops = batch * (2 * (double)cost->macs + (double)cost->elementwise_ops);
    row->bytes = traffic_bytes(&cost->forward, batch);
    break;
  case JC_BACKWARD:
    row->count = cost->output_needs_grad ? 1 : 0;
    row->flops =
        batch * (2 * ((double)cost->backward_data_macs + (double)cost->backward_weights_macs) +
                 (double)cost->backward_elementwise_ops);
    row->bytes =
        traffic_bytes(&cost->backward_data, batch) + traffic_bytes(&cost->backward_weights, batch);
    break;
  case JC_UPDATE:
    row->type = JC_TYPE_UPDATE;
    row->count = cost->trainable_params > 0 ? 1 : 0;
    row->flops = 6 * (double)cost->trainable_params; /* decay, momentum, step: 3 multiply-adds */
    row->bytes = traffic_bytes(&cost->update, batch);
    break;
  default:
    break;
  }
}

double jc_step_flops(const struct jc_totals *totals, uint64_t batch_size) {
  return jc_step_count(totals->training_flops, totals->per_step_training_flops, batch_size);
}

double jc_step_bytes(const struct jc_totals *totals, uint64_t batch_size) {
  return (double)batch_size * ((double)totals->forward_bytes + (double)totals->backward_bytes);
}
