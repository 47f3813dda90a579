/* layerwise_features.c -- what a layer's speed depends on, as numbers. Core: no heap, no I/O. */
#include <math.h>
#include <string.h>

#include "estimator/layerwise.h"

const char *jc_shape_feature_name(size_t index) {
  static const char *const names[JC_SHAPE_FEATURES] = {
#define X(name, what) #name,
      JC_SHAPE_FEATURE_LIST(X)
#undef X
  };
  return index < JC_SHAPE_FEATURES ? names[index] : NULL;
}

const char *jc_order_name(enum jc_order order) {
  static const char *const names[JC_ORDER_COUNT] = {"", "padded", "plain", "reordered"};
  return names[order];
}

/* Of a layer that does anything: logarithms need a bound. */
static const double least_bytes = 64;

/* A tensor seen as channels at positions: images have the channels first, everything else last, and
 * so has whatever a linear layer reads and writes. */
struct view {
  double channels, positions, width;
};

static struct view view_of(const struct jc_shape *shape, enum jc_layer_kind kind) {
  const double elements = (double)jc_shape_elements(shape);
  const uint32_t last = shape->rank > 0 ? shape->dim[shape->rank - 1] : 1;
  const bool is_image = shape->rank == 3 && kind != JC_LAYER_linear;
  const double channels = fmax(is_image ? shape->dim[0] : last, 1);
  return (struct view){channels, fmax(elements / channels, 1), is_image ? last : 1};
}

/* Channels that a vector of the machine takes at once. A layer without groups has its channels
 * rounded up to whole blocks; the channels of a group lie beside those of the next one, so that
 * only a vector that divides them can be used: of 16, 8 or 4, else numbers one by one. oneDNN 2.6.3
 * was seen to do 85, 27 and 13 billion products a second of groups of 16, 8 and 4 channels, and 5
 * of groups of 6. */
static double vector_of_group(double channels) {
  for (double vector = JC_CHANNEL_BLOCK; vector >= 4; vector /= 2)
    if (fmod(channels, vector) == 0)
      return vector;
  return 1;
}

/* Work done over work wanted, along one dimension of channels, of a layer in GROUPS. */
static double waste_of(double channels, bool grouped) {
  if (grouped)
    return JC_CHANNEL_BLOCK / vector_of_group(channels);
  return JC_CHANNEL_BLOCK * ceil(channels / JC_CHANNEL_BLOCK) / channels;
}

static float waste_feature(double waste) {
  return (float)(2 * log(waste) + (waste > 1 ? 1 : 0));
}

static enum jc_order order_of(const struct jc_cost *cost, double channels) {
  if (cost->macs > 0)
    return JC_ORDER_BLOCKS;
  if (cost->reorders)
    return JC_ORDER_REORDERED;
  if (!cost->blocked)
    return JC_ORDER_PLAIN;
  return fmod(channels, JC_CHANNEL_BLOCK) == 0 ? JC_ORDER_BLOCKS : JC_ORDER_PADDED;
}

/* What is alive of the network, and what passes between a layer's forward and its backward: each
 * output with its gradient, weights with gradient and momentum. */
static double working_set_bytes(const struct jc_totals *totals, double batch) {
  return 2 * batch * (double)totals->activation_bytes + 3 * (double)totals->weight_bytes;
}

static double reuse_distance_bytes(const struct jc_cost *cost, double batch) {
  return 3 * batch * (double)cost->later_activation_bytes + 2 * (double)cost->later_weight_bytes;
}

/* Readers of what the layer gives out, its fused follower's where it has one. */
static uint32_t readers_of(const struct jc_analysis *analysis, const struct jc_cost *cost) {
  return cost->follower > 0 ? analysis->layers[cost->follower].consumers : cost->consumers;
}

static bool is_after_convolution(const struct jc_analysis *analysis, uint32_t layer) {
  const struct jc_network *network = analysis->network;
  if (network->layers[layer].input_count == 0)
    return false;
  const uint32_t input = network->inputs_of_layers[network->layers[layer].first_input];
  return input >= network->input_count && analysis->layers[input - network->input_count].groups > 0;
}

/* A layer's channels and positions, by groups. */
struct geometry {
  struct view in, out;
  double batch, groups;
  double in_channels, out_channels; /* of a group */
  bool is_depthwise;
};

static struct geometry geometry_of(const struct jc_analysis *analysis, uint32_t layer,
                                   double batch) {
  const struct jc_network *network = analysis->network;
  const struct jc_cost *cost = &analysis->layers[layer];
  const struct jc_layer *l = &network->layers[layer];
  const uint32_t *input = network->inputs_of_layers + l->first_input;
  struct geometry g = {.batch = batch, .groups = cost->groups > 0 ? cost->groups : 1};
  g.out = view_of(&cost->out, l->kind);
  g.in = l->input_count > 0 ? view_of(jc_tensor_shape(analysis, *input), l->kind) : g.out;
  g.in_channels = fmax(g.in.channels / g.groups, 1);
  g.out_channels = fmax(g.out.channels / g.groups, 1);
  g.is_depthwise = g.groups > 1 && g.in_channels == 1;
  return g;
}

/* FLOPs as a vector machine does them. */
static double padded_flops(const struct jc_cost *cost, double flops, const struct geometry *g) {
  if (cost->macs == 0)
    return 0;
  if (g->is_depthwise)
    return flops * waste_of(g->out.channels, false);
  if (g->groups > 1)
    return flops * fmax(waste_of(g->in_channels, true), waste_of(g->out_channels, true));
  const bool is_first = cost->groups == 1 && g->in_channels <= JC_FIRST_CHANNELS;
  return flops * (is_first ? 1 : waste_of(g->in_channels, false)) *
         waste_of(g->out_channels, false);
}

/* A piece of a tensor, which is copied out, so that its reader finds it in one place. */
static bool is_piece(const struct jc_analysis *analysis, uint32_t layer) {
  const struct jc_layer *l = &analysis->network->layers[layer];
  const uint32_t *input = analysis->network->inputs_of_layers + l->first_input;
  return l->input_count > 0 && jc_shape_elements(jc_tensor_shape(analysis, *input)) >
                                   analysis->layers[layer].out_elements;
}

/* What a layer moves that counts of the plain layer do not hold: the sum of the gradients of its
 * fused follower's readers, and the copy that makes a view of a tensor in another order, or of a
 * part of it. */
static double further_bytes(const struct jc_analysis *analysis, uint32_t layer, enum jc_phase phase,
                            double batch) {
  const struct jc_cost *cost = &analysis->layers[layer];
  const double tensor_bytes = batch * sizeof(float) * (double)cost->out_elements;
  const uint32_t readers = readers_of(analysis, cost);
  const bool copies = cost->reorders || (phase == JC_FORWARD && is_piece(analysis, layer));
  double bytes = cost->moves_no_data && copies ? 2 * tensor_bytes : 0;
  if (phase == JC_BACKWARD && cost->follower > 0 && readers >= 2)
    bytes += (readers + 1.0) * tensor_bytes;
  return bytes;
}

/* Bytes of a phase. Where the gradient of the output is that of each input, nothing is moved but
 * the sum over several readers, and a copy for inputs in another order. */
static double moved_bytes(const struct jc_analysis *analysis, uint32_t layer, enum jc_phase phase,
                          double counted_bytes, double batch) {
  const struct jc_cost *cost = &analysis->layers[layer];
  const double tensor_bytes = batch * sizeof(float) * (double)cost->out_elements;
  if (phase == JC_BACKWARD && cost->passes_gradient)
    return (cost->consumers >= 2 ? cost->consumers + 1.0 : 0) * tensor_bytes +
           (cost->reorders ? 2 * tensor_bytes : 0);
  return counted_bytes + further_bytes(analysis, layer, phase, batch);
}

static void fill_shape(const struct jc_analysis *analysis, uint32_t layer, const struct geometry *g,
                       float *x) {
  const struct jc_cost *cost = &analysis->layers[layer];
  const uint32_t inputs = analysis->network->layers[layer].input_count;
  const bool grouped = g->groups > 1 && !g->is_depthwise;
  const double in_padded = g->is_depthwise ? g->in.channels : g->in_channels;
  const double out_padded = g->is_depthwise ? g->out.channels : g->out_channels;
  x[JC_SHAPE_batch] = (float)log(g->batch);
  x[JC_SHAPE_in_channels] = (float)log(g->in_channels);
  x[JC_SHAPE_out_channels] = (float)log(out_padded);
  x[JC_SHAPE_out_positions] = (float)log(g->out.positions);
  x[JC_SHAPE_window] = (float)log(fmax(cost->window, 1));
  x[JC_SHAPE_stride] = cost->stride > 2 ? 3 : cost->stride == 2 ? 1.5F : 0;
  x[JC_SHAPE_in_waste] = waste_feature(waste_of(in_padded, grouped));
  x[JC_SHAPE_out_waste] = waste_feature(waste_of(out_padded, grouped));
  x[JC_SHAPE_input_gradient] = cost->input_needs_grad ? 1.5F : 0;
  x[JC_SHAPE_groups] = g->is_depthwise ? 0 : (float)log(g->groups);
  x[JC_SHAPE_reorders] = cost->reorders ? 4 : 0;
  x[JC_SHAPE_inputs] = (float)log(fmax(inputs, 1));
  x[JC_SHAPE_in_positions] = (float)log(g->in.positions);
  x[JC_SHAPE_out_width] = (float)(0.5 * log(g->out.width));
  x[JC_SHAPE_after_convolution] = is_after_convolution(analysis, layer) ? 1 : 0;
}

static void fill_layer(const struct jc_analysis *analysis, uint32_t layer, double batch,
                       const struct jc_feature_row *counts, struct jc_layerwise_row *row) {
  const struct jc_cost *cost = &analysis->layers[layer];
  const struct geometry g = geometry_of(analysis, layer, batch);
  const uint32_t readers = readers_of(analysis, cost);
  fill_shape(analysis, layer, &g, row->x);
  if (row->phase == JC_BACKWARD)
    row->x[JC_SHAPE_readers] = (float)(2 * log(readers > 1 ? readers : 1));
  row->order = order_of(cost, g.out.channels);
  row->flops = padded_flops(cost, counts->flops, &g);
  row->bytes = moved_bytes(analysis, layer, row->phase, counts->bytes, batch);
  if (cost->blocked) /* blocks that are not full are moved whole */
    row->bytes *= waste_of(g.out.channels, false);
}

void jc_layerwise_features(const struct jc_analysis *analysis, uint32_t layer, enum jc_phase phase,
                           uint64_t batch_size, struct jc_layerwise_row *row) {
  const double batch = analysis->layers[layer].per_step ? 1 : (double)batch_size;
  struct jc_feature_row counts;
  jc_features(analysis, layer, phase, batch_size, &counts);
  memset(row, 0, sizeof(*row));
  row->type = counts.type;
  row->phase = phase;
  row->bytes = counts.bytes;
  /* The optimiser knows sizes only: whose parameters they are makes no difference to it. */
  if (phase != JC_UPDATE) {
    fill_layer(analysis, layer, batch, &counts, row);
    row->x[JC_SHAPE_reuse_distance] =
        (float)(0.5 *
                log(reuse_distance_bytes(&analysis->layers[layer], (double)batch_size) + 1e5));
  }
  row->absent = counts.count == 0 || counts.fused || row->flops + row->bytes == 0;
  row->bytes = fmax(row->bytes, least_bytes);
  row->x[JC_SHAPE_bytes] = (float)(0.7 * log(row->bytes));
  row->x[JC_SHAPE_working_set] =
      (float)(0.7 * log(working_set_bytes(&analysis->totals, (double)batch_size) + 1));
}
