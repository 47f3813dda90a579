/* network.c -- one pass forward (shapes, counts), one pass backward (gradients, memory), totals.
 * Core: no heap, no I/O, no recursion. */
#include "estimator/network.h"

#include <assert.h>
#include <string.h>

#include "estimator/counting.h"

enum { BYTES_PER_ELEMENT = 4 }; /* fp32 and int32 */

const char *jc_convention(void) {
  return "1 MAC = one multiply-add of a convolution or linear product, bias excluded; "
         "flops = 2 * macs + elementwise operations; per sample";
}

/* What the passes share about tensors; arrays of [tensors]. */
struct tensors {
  uint32_t count;
  uint32_t *consumers;
  uint32_t *needs_grad;
  uint32_t *saver; /* first layer that keeps it for backward, JC_NONE: none */
  uint32_t *live;  /* its gradient exists at this point of the backward pass */
  uint32_t *root;  /* the tensor whose memory it is: another one for views */
};

size_t jc_analysis_storage_size(uint32_t layer_count, uint32_t input_count) {
  if (layer_count > JC_MAX_LAYERS || input_count > JC_MAX_LAYERS)
    return 0;
  return (size_t)layer_count * sizeof(struct jc_cost) +
         5 * ((size_t)layer_count + input_count) * sizeof(uint32_t);
}

static struct tensors tensors_of(const struct jc_analysis *analysis) {
  const struct jc_network *network = analysis->network;
  const uint32_t count = network->input_count + network->layer_count;
  uint32_t *scratch = analysis->tensor_scratch;
  return (struct tensors){.count = count,
                          .consumers = scratch,
                          .needs_grad = scratch + count,
                          .saver = scratch + 2 * (size_t)count,
                          .live = scratch + 3 * (size_t)count,
                          .root = scratch + 4 * (size_t)count};
}

const struct jc_shape *jc_tensor_shape(const struct jc_analysis *analysis, uint32_t tensor) {
  const struct jc_network *network = analysis->network;
  assert(tensor < network->input_count + network->layer_count);
  return tensor < network->input_count ? &network->inputs[tensor].shape
                                       : &analysis->layers[tensor - network->input_count].out;
}

const struct jc_shape *jc_view_input(const struct jc_layer_view *view, uint32_t index) {
  assert(index < view->input_count);
  return jc_tensor_shape(
      view->analysis, view->analysis->network->inputs_of_layers[view->layer->first_input + index]);
}

static uint64_t tensor_bytes(const struct jc_analysis *analysis, uint32_t tensor) {
  return jc_shape_elements(jc_tensor_shape(analysis, tensor)) * BYTES_PER_ELEMENT;
}

static const uint32_t *layer_inputs(const struct jc_network *network,
                                    const struct jc_layer *layer) {
  return network->inputs_of_layers + layer->first_input;
}

/* Completes an error of a layer with its line and its place in the file. A name made by a repeat or
 * a block (it has a dot) is added, since one place in the file then stands for several layers. */
static enum jc_status name_layer(const struct jc_layer *layer, struct jc_error *error) {
  char field[32], path[sizeof(error->path)];
  snprintf(field, sizeof(field), "%.30s", error->path);
  snprintf(path, sizeof(path), "%.150s%s%s", layer->where != NULL ? layer->where : layer->name,
           field[0] != '\0' ? "." : "", field);
  if (layer->where != NULL && strchr(layer->name, '.') != NULL) {
    const size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof(error->text) - used, " (layer '%.150s')", layer->name);
  }
  return jc_error_place(error, error->status, layer->line, path);
}

static enum jc_status check_elements(const struct jc_shape *shape, struct jc_error *error) {
  bool overflow = false;
  uint64_t bytes = BYTES_PER_ELEMENT;
  for (uint32_t i = 0; i < shape->rank; i++)
    bytes = count_product(bytes, shape->dim[i], &overflow);
  if (overflow) {
    char text[80];
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL,
                   "a tensor of %s has more bytes than 64 bits count",
                   jc_shape_format(shape, text, sizeof(text)));
  }
  return JC_OK;
}

static enum jc_status check_shared_weights(const struct jc_analysis *analysis, uint32_t index,
                                           struct jc_error *error) {
  const struct jc_layer *layer = &analysis->network->layers[index];
  const struct jc_layer *owner = &analysis->network->layers[layer->weight_from];
  const struct jc_cost *theirs = &analysis->layers[layer->weight_from];
  const struct jc_cost *ours = &analysis->layers[index];
  char expected[80], found[80];
  if (owner->kind == layer->kind && theirs->params == ours->params &&
      jc_shape_equal(&theirs->weight, &ours->weight))
    return JC_OK;
  return jc_fail(error, JC_ERROR_INVALID, 0, "weight_from",
                 "expected the weights of %s '%.100s' (%s, %llu parameters), this %s needs %s, "
                 "%llu parameters",
                 jc_kind_get(owner->kind)->name, owner->name,
                 jc_shape_format(&theirs->weight, expected, sizeof(expected)),
                 (unsigned long long)theirs->params, jc_kind_get(layer->kind)->name,
                 jc_shape_format(&ours->weight, found, sizeof(found)),
                 (unsigned long long)ours->params);
}

/* Shape and counts of one layer; its inputs are done. */
static enum jc_status analyze_layer(struct jc_analysis *analysis, uint32_t index,
                                    struct jc_error *error) {
  const struct jc_network *network = analysis->network;
  const struct jc_layer *layer = &network->layers[index];
  const struct jc_kind *kind = jc_kind_get(layer->kind);
  struct jc_cost *cost = &analysis->layers[index];
  const struct jc_layer_view view = {layer, analysis, layer->input_count};

  memset(cost, 0, sizeof(*cost));
  if (kind->shape(&view, &cost->out, error) != JC_OK || check_elements(&cost->out, error) != JC_OK)
    return error->status;
  cost->elementwise_ops =
      count_product(jc_shape_elements(&cost->out), kind->ops_per_output, &cost->overflow);
  kind->cost(&view, cost);
  if (layer->weight_from != JC_NONE && check_shared_weights(analysis, index, error) != JC_OK)
    return error->status;
  cost->own_params = layer->weight_from == JC_NONE ? cost->params : 0;
  cost->trainable_params = layer->trainable ? cost->own_params : 0;
  cost->trains_weights =
      layer->trainable && cost->params > 0 &&
      (layer->weight_from == JC_NONE || network->layers[layer->weight_from].trainable);
  if (layer->weight_from != JC_NONE)
    cost->buffers = 0; /* the owner's */
  return cost->overflow
             ? jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "its counts do not fit 64 bits")
             : JC_OK;
}

static void keep_for_backward(struct tensors *t, uint32_t tensor, uint32_t index) {
  uint32_t *saver = &t->saver[t->root[tensor]];
  if (*saver == JC_NONE)
    *saver = index;
}

/* Who needs a gradient, who is kept for backward; forward order. */
static void mark_gradients(struct jc_analysis *analysis, struct tensors *t, uint32_t index) {
  const struct jc_network *network = analysis->network;
  const struct jc_layer *layer = &network->layers[index];
  const uint32_t *inputs = layer_inputs(network, layer);
  const uint32_t out = network->input_count + index;
  struct jc_cost *cost = &analysis->layers[index];

  for (uint32_t i = 0; i < layer->input_count; i++)
    cost->input_needs_grad |= t->needs_grad[inputs[i]] != 0;
  cost->output_needs_grad = cost->input_needs_grad || cost->trains_weights;
  t->needs_grad[out] = cost->output_needs_grad;
  t->root[out] = cost->moves_no_data ? t->root[inputs[0]] : out;
  if (!cost->output_needs_grad)
    return;
  const bool keeps_inputs =
      cost->saves_input && (cost->trains_weights || !cost->saves_input_for_weights_only);
  for (uint32_t i = 0; keeps_inputs && i < layer->input_count; i++) {
    keep_for_backward(t, inputs[i], index);
  }
  if (cost->saves_output)
    keep_for_backward(t, out, index);
  cost->backward_data_macs = cost->input_needs_grad ? cost->data_macs : 0;
  cost->backward_weights_macs = cost->trains_weights ? cost->weight_macs : 0;
  cost->backward_elementwise_ops = cost->elementwise_ops;
}

/* Bytes of every phase. Backward of a tensor with n >= 2 consumers sums n gradients into one:
 * n + 1 more gradient traffics, charged to its producer. */
static void count_traffic(struct jc_analysis *analysis, const struct tensors *t, uint32_t index) {
  const struct jc_network *network = analysis->network;
  const struct jc_layer *layer = &network->layers[index];
  const uint32_t *inputs = layer_inputs(network, layer);
  struct jc_cost *cost = &analysis->layers[index];
  bool *over = &cost->overflow;
  const uint64_t out = jc_shape_elements(&cost->out) * BYTES_PER_ELEMENT;
  const uint64_t weights = count_product(cost->params, BYTES_PER_ELEMENT, over);
  uint64_t in = 0, in_grad = 0;

  cost->consumers = t->consumers[network->input_count + index];
  if (cost->output_needs_grad && cost->consumers >= 2) {
    cost->backward_data.read_bytes = count_product(cost->consumers, out, over);
    cost->backward_data.written_bytes = out;
  }
  if (cost->moves_no_data)
    return;
  for (uint32_t i = 0; i < layer->input_count; i++) {
    const uint64_t bytes = tensor_bytes(analysis, inputs[i]);
    in = count_sum(in, bytes, over);
    in_grad = count_sum(in_grad, t->needs_grad[inputs[i]] ? bytes : 0, over);
  }
  cost->forward = (struct jc_traffic){in, out, weights, 0};
  if (cost->output_needs_grad)
    cost->forward.written_bytes = count_sum(out, cost->saved_extra_bytes, over);
  if (cost->input_needs_grad) {
    uint64_t read = count_sum(out, cost->saved_extra_bytes, over);
    if (cost->saves_output)
      read = count_sum(read, out, over);
    if (cost->saves_input && !cost->saves_input_for_weights_only)
      read = count_sum(read, in, over);
    struct jc_traffic *data = &cost->backward_data; /* beside the sum of several gradients */
    data->read_bytes = count_sum(data->read_bytes, read, over);
    data->written_bytes = count_sum(data->written_bytes, in_grad, over);
    data->weight_read_bytes = weights;
  }
  if (cost->trains_weights) {
    /* A layer without products (batchnorm) gets its weight gradients in the pass over the data. */
    const bool own_pass = cost->weight_macs > 0 || !cost->input_needs_grad;
    cost->backward_weights =
        (struct jc_traffic){own_pass ? count_sum(in, out, over) : 0, 0, 0, weights};
    const uint64_t own = count_product(cost->trainable_params, BYTES_PER_ELEMENT, over);
    cost->update.weight_read_bytes = count_product(3, own, over); /* weight, gradient, momentum */
    cost->update.weight_written_bytes = count_product(2, own, over);
  }
}

static bool is_output(const struct jc_network *network, uint32_t tensor) {
  for (uint32_t i = 0; i < network->output_count; i++) {
    if (network->outputs[i] == tensor)
      return true;
  }
  return false;
}

/* Consumers are counted, so that fusion is known: nobody else may see the tensor in between. */
static void mark_fusion(struct jc_analysis *analysis, const struct tensors *t, uint32_t index) {
  const struct jc_network *network = analysis->network;
  const struct jc_layer *layer = &network->layers[index];
  const struct jc_kind *into = jc_kind_get(layer->kind)->fuses_into;
  const uint32_t input = layer_inputs(network, layer)[0];
  if (into == NULL || input < network->input_count || t->consumers[input] != 1 ||
      is_output(network, input))
    return;
  const uint32_t producer = input - network->input_count;
  if (jc_kind_get(network->layers[producer].kind) != into)
    return;
  analysis->layers[index].fused = true;
  analysis->layers[producer].variant = into->fused_variant;
}

static void add_totals(struct jc_totals *totals, const struct jc_layer *layer,
                       const struct jc_cost *cost, bool *over) {
  const struct jc_traffic *phases[] = {&cost->backward_data, &cost->backward_weights};
  const uint64_t backward_macs =
      count_sum(cost->backward_data_macs, cost->backward_weights_macs, over);
  const uint64_t backward_ops = cost->output_needs_grad ? cost->backward_elementwise_ops : 0;
  const uint64_t training = count_sum(cost->macs, backward_macs, over);
  const uint64_t ops = count_sum(cost->elementwise_ops, backward_ops, over);

#define ADD(member, value) totals->member = count_sum(totals->member, (value), over)
  ADD(params, cost->own_params);
  ADD(trainable_params, cost->trainable_params);
  ADD(buffers, cost->buffers);
  if (!layer->training_only) {
    ADD(forward_macs, cost->macs);
    ADD(forward_elementwise_ops, cost->elementwise_ops);
  }
  ADD(training_forward_macs, cost->macs);
  ADD(backward_data_macs, cost->backward_data_macs);
  ADD(backward_weights_macs, cost->backward_weights_macs);
  ADD(training_macs, training);
  ADD(training_flops, count_sum(count_product(2, training, over), ops, over));
  ADD(forward_bytes, cost->forward.read_bytes);
  ADD(forward_bytes, cost->forward.written_bytes);
  for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
    ADD(backward_bytes, phases[i]->read_bytes);
    ADD(backward_bytes, phases[i]->written_bytes);
  }
  ADD(activation_bytes, jc_shape_elements(&cost->out) * BYTES_PER_ELEMENT);
  if (cost->output_needs_grad)
    ADD(saved_activation_bytes, cost->saved_extra_bytes);
#undef ADD
}

static uint64_t release_saved(const struct jc_analysis *analysis, struct tensors *t,
                              uint32_t tensor, uint32_t index) {
  const uint32_t root = t->root[tensor];
  if (t->saver[root] != index)
    return 0;
  t->saver[root] = JC_NONE;
  return tensor_bytes(analysis, root);
}

/* Walks forward: a tensor dies with its last reader unless backward needs it. `live` counts the
 * readers that are still to come. */
static uint64_t peak_of_forward(const struct jc_analysis *analysis, struct tensors *t) {
  const struct jc_network *network = analysis->network;
  uint64_t alive = 0, peak = 0;
  memset(t->live, 0, t->count * sizeof(uint32_t));
  for (uint32_t i = 0; i < t->count; i++)
    t->live[t->root[i]] += t->consumers[i];
  for (uint32_t i = 0; i < network->input_count; i++)
    alive += tensor_bytes(analysis, i);
  for (uint32_t index = 0; index < network->layer_count; index++) {
    const struct jc_layer *layer = &network->layers[index];
    const struct jc_cost *cost = &analysis->layers[index];
    const uint32_t *inputs = layer_inputs(network, layer);
    const uint32_t out = network->input_count + index;
    alive += cost->moves_no_data ? 0 : tensor_bytes(analysis, out);
    alive += cost->output_needs_grad ? cost->saved_extra_bytes : 0;
    if (alive > peak)
      peak = alive;
    if (!cost->moves_no_data && t->live[out] == 0 && t->saver[out] == JC_NONE)
      alive -= tensor_bytes(analysis, out); /* nobody reads it */
    for (uint32_t i = 0; i < layer->input_count; i++) {
      const uint32_t root = t->root[inputs[i]];
      if (--t->live[root] == 0 && t->saver[root] == JC_NONE)
        alive -= tensor_bytes(analysis, root);
    }
  }
  return peak;
}

/* Brings the gradient of TENSOR to life; returns the bytes that adds. */
static uint64_t begin_gradient(const struct jc_analysis *analysis, struct tensors *t,
                               uint32_t tensor) {
  const uint32_t root = t->root[tensor];
  if (!t->needs_grad[tensor] || t->live[root])
    return 0;
  t->live[root] = 1;
  return tensor_bytes(analysis, root);
}

/* Walks backward: saved activations are freed after the backward of the first layer that keeps
 * them, a gradient lives from its last reader to its producer. */
static uint64_t peak_of_backward(const struct jc_analysis *analysis, struct tensors *t,
                                 uint64_t saved) {
  const struct jc_network *network = analysis->network;
  uint64_t alive = saved, peak = saved;
  memset(t->live, 0, t->count * sizeof(uint32_t));
  for (uint32_t index = network->layer_count; index-- > 0;) {
    const struct jc_layer *layer = &network->layers[index];
    const struct jc_cost *cost = &analysis->layers[index];
    const uint32_t *inputs = layer_inputs(network, layer);
    const uint32_t out = network->input_count + index;
    if (!cost->output_needs_grad)
      continue;
    alive += begin_gradient(analysis, t, out);
    for (uint32_t i = 0; i < layer->input_count; i++)
      alive += begin_gradient(analysis, t, inputs[i]);
    if (alive > peak)
      peak = alive;
    if (!cost->moves_no_data)
      alive -= tensor_bytes(analysis, out);
    alive -= cost->saved_extra_bytes;
    alive -= release_saved(analysis, t, out, index);
    for (uint32_t i = 0; i < layer->input_count; i++)
      alive -= release_saved(analysis, t, inputs[i], index);
  }
  return peak;
}

static enum jc_status sum_up(struct jc_analysis *analysis, struct tensors *t,
                             struct jc_error *error) {
  const struct jc_network *network = analysis->network;
  struct jc_totals *totals = &analysis->totals;
  bool overflow = false;

  memset(totals, 0, sizeof(*totals));
  for (uint32_t i = 0; i < network->layer_count; i++) {
    count_traffic(analysis, t, i);
    mark_fusion(analysis, t, i);
    overflow |= analysis->layers[i].overflow;
    add_totals(totals, &network->layers[i], &analysis->layers[i], &overflow);
  }
  for (uint32_t i = 0; i < t->count; i++) {
    if (t->saver[i] != JC_NONE)
      totals->saved_activation_bytes =
          count_sum(totals->saved_activation_bytes, tensor_bytes(analysis, i), &overflow);
  }
  totals->forward_flops = count_sum(count_product(2, totals->forward_macs, &overflow),
                                    totals->forward_elementwise_ops, &overflow);
  totals->weight_bytes = count_product(totals->params, BYTES_PER_ELEMENT, &overflow);
  /* Bounds every sum of the walks below: each tensor or gradient once beside all saved ones. */
  uint64_t bound = count_sum(totals->saved_activation_bytes, totals->activation_bytes, &overflow);
  for (uint32_t i = 0; i < network->input_count; i++)
    bound = count_sum(bound, tensor_bytes(analysis, i), &overflow);
  if (overflow)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "layers",
                   "the network's total counts do not fit 64 bits");
  const uint64_t forward = peak_of_forward(analysis, t);
  const uint64_t backward = peak_of_backward(analysis, t, totals->saved_activation_bytes);
  totals->peak_activation_bytes = forward > backward ? forward : backward;
  return JC_OK;
}

static enum jc_status check_inputs(const struct jc_network *network, struct jc_error *error) {
  for (uint32_t i = 0; i < network->input_count; i++) {
    if (check_elements(&network->inputs[i].shape, error) != JC_OK) {
      char path[128];
      snprintf(path, sizeof(path), "input.%.100s", network->inputs[i].name);
      return jc_error_place(error, error->status, 0, path);
    }
  }
  return JC_OK;
}

enum jc_status jc_network_analyze(const struct jc_network *network, void *storage,
                                  size_t storage_bytes, struct jc_analysis *analysis,
                                  struct jc_error *error) {
  const size_t needed = jc_analysis_storage_size(network->layer_count, network->input_count);
  if (needed == 0 || storage_bytes < needed)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL,
                   "expected storage of %zu bytes for %u layers, got %zu", needed,
                   network->layer_count, storage_bytes);
  analysis->network = network;
  analysis->layers = storage;
  analysis->tensor_scratch = (uint32_t *)(void *)(analysis->layers + network->layer_count);

  struct tensors t = tensors_of(analysis);
  memset(t.consumers, 0, t.count * sizeof(uint32_t));
  memset(t.needs_grad, 0, t.count * sizeof(uint32_t));
  memset(t.saver, 0xff, t.count * sizeof(uint32_t)); /* JC_NONE */
  for (uint32_t i = 0; i < network->input_count; i++)
    t.root[i] = i;
  if (check_inputs(network, error) != JC_OK)
    return error->status;
  for (uint32_t i = 0; i < network->layer_count; i++) {
    const struct jc_layer *layer = &network->layers[i];
    if (analyze_layer(analysis, i, error) != JC_OK)
      return name_layer(layer, error);
    mark_gradients(analysis, &t, i);
    for (uint32_t k = 0; k < layer->input_count; k++)
      t.consumers[layer_inputs(network, layer)[k]]++;
  }
  return sum_up(analysis, &t, error);
}

uint64_t jc_training_memory_bytes(const struct jc_totals *totals, uint64_t batch_size,
                                  enum jc_optimizer optimizer) {
  static const uint8_t state_per_parameter[] = {
      [JC_OPTIMIZER_SGD] = 0, [JC_OPTIMIZER_MOMENTUM] = 1, [JC_OPTIMIZER_ADAM] = 2};
  bool overflow = false;
  const uint64_t per_trainable =
      (1 + (uint64_t)state_per_parameter[optimizer]) * BYTES_PER_ELEMENT; /* gradient + state */
  uint64_t bytes = totals->weight_bytes;
  bytes = count_sum(bytes, count_product(totals->trainable_params, per_trainable, &overflow),
                    &overflow);
  bytes = count_sum(bytes, count_product(totals->buffers, BYTES_PER_ELEMENT, &overflow), &overflow);
  bytes = count_sum(bytes, count_product(totals->peak_activation_bytes, batch_size, &overflow),
                    &overflow);
  return overflow ? UINT64_MAX : bytes;
}
