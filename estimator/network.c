/* network.c -- one pass forward (shapes, counts), one pass backward (gradients, memory), totals.
 * Core: no heap, no I/O, no recursion. */
#include "estimator/network.h"

#include <assert.h>
#include <string.h>

#include "estimator/analysis_parts.h"
#include "estimator/counting.h"
#include "estimator/training_memory.h"

const char *jc_convention(void) {
  return "1 MAC = one multiply-add of a convolution, matrix or attention product, bias excluded; "
         "flops = 2 * macs + elementwise operations; per sample";
}

size_t jc_analysis_storage_size(uint32_t layer_count, uint32_t input_count) {
  if (layer_count > JC_MAX_LAYERS || input_count > JC_MAX_LAYERS)
    return 0;
  return (size_t)layer_count * sizeof(struct jc_cost) +
         5 * ((size_t)layer_count + input_count) * sizeof(uint32_t);
}

const struct jc_shape *jc_tensor_shape(const struct jc_analysis *analysis, uint32_t tensor) {
  const struct jc_network *network = analysis->network;
  assert(tensor < network->input_count + network->layer_count);
  return tensor < network->input_count ? &network->inputs[tensor].shape
                                       : &analysis->layers[tensor - network->input_count].out;
}

static uint32_t view_tensor(const struct jc_layer_view *view, uint32_t index) {
  assert(index < view->input_count);
  return view->analysis->network->inputs_of_layers[view->layer->first_input + index];
}

const struct jc_shape *jc_view_input(const struct jc_layer_view *view, uint32_t index) {
  return jc_tensor_shape(view->analysis, view_tensor(view, index));
}

bool jc_view_is_per_step(const struct jc_layer_view *view, uint32_t index) {
  return is_per_step(view->analysis, view_tensor(view, index));
}

bool jc_view_needs_grad(const struct jc_layer_view *view, uint32_t index) {
  return tensors_of(view->analysis).needs_grad[view_tensor(view, index)] != 0;
}

enum jc_network_input jc_view_network_input(const struct jc_layer_view *view, uint32_t index) {
  const struct jc_network *network = view->analysis->network;
  const uint32_t tensor = view_tensor(view, index);
  if (tensor >= network->input_count)
    return JC_NO_NETWORK_INPUT;
  return network->inputs[tensor].dtype == JC_DTYPE_FLOAT32 ? JC_FLOAT_INPUT : JC_INTEGER_INPUT;
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

static enum jc_status count_elements(const struct jc_shape *shape, uint64_t *elements,
                                     struct jc_error *error) {
  bool overflow = false;
  uint64_t bytes = BYTES_PER_ELEMENT;
  for (uint32_t i = 0; i < shape->rank; i++)
    bytes = count_product(bytes, shape->dim[i], &overflow);
  *elements = bytes / BYTES_PER_ELEMENT;
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
  char expected[96], found[96];
  if (ours->params == 0)
    return jc_fail(error, JC_ERROR_INVALID, 0, "weight_from",
                   "expected a layer with parameters, this %s has none",
                   jc_kind_get(layer->kind)->name);
  const bool may_tie = owner->kind == layer->kind ||
                       (owner->kind != 0 && jc_kind_get(layer->kind)->ties_with == owner->kind);
  if (may_tie && theirs->params == ours->params && jc_shape_equal(&theirs->weight, &ours->weight))
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

/* What runs forward cannot read what exists in training only. */
static enum jc_status check_phases(const struct jc_analysis *analysis, const struct jc_layer *layer,
                                   struct jc_error *error) {
  const struct jc_network *network = analysis->network;
  for (uint32_t i = 0; i < layer->input_count && !layer->training_only; i++) {
    const uint32_t input = layer_inputs(network, layer)[i];
    if (input >= network->input_count &&
        network->layers[input - network->input_count].training_only)
      return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                     "expected a layer that always runs, '%.100s' runs in training only",
                     network->layers[input - network->input_count].name);
  }
  return JC_OK;
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
  cost->per_step = true;
  for (uint32_t i = 0; i < layer->input_count; i++)
    cost->per_step &= jc_view_is_per_step(&view, i);
  cost->per_step |= kind->output_per_step;
  if (check_phases(analysis, layer, error) != JC_OK ||
      kind->shape(&view, &cost->out, error) != JC_OK ||
      count_elements(&cost->out, &cost->out_elements, error) != JC_OK)
    return error->status;
  cost->elementwise_ops = count_product(cost->out_elements, kind->ops_per_output, &cost->overflow);
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

enum { FEWEST_BLOCKED_CHANNELS = 8 }; /* half a block of 16 */

/* How an image lies in memory. */
enum image_order { IMAGE_PLAIN, IMAGE_BLOCKED, IMAGE_CHANNELS_LAST };

static enum image_order order_of(const struct jc_analysis *analysis, uint32_t tensor) {
  const uint32_t inputs = analysis->network->input_count;
  if (tensor < inputs)
    return IMAGE_PLAIN;
  const struct jc_cost *cost = &analysis->layers[tensor - inputs];
  return cost->blocked ? IMAGE_BLOCKED : cost->channels_last ? IMAGE_CHANNELS_LAST : IMAGE_PLAIN;
}

/* What decides the order of a layer's output. */
struct order_reasons {
  enum image_order first; /* of the first input that is not plain; IMAGE_PLAIN if all are */
  uint32_t channels;      /* of the last input */
  bool whole;             /* all inputs but the last fill whole blocks */
};

static enum image_order choose_order(const struct jc_kind *kind, const struct jc_cost *cost,
                                     const struct order_reasons *why) {
  if (cost->out.rank != 3 || cost->computes_plain)
    return IMAGE_PLAIN;
  switch (kind->layout) {
  case JC_LAYOUT_BLOCKS:
    return IMAGE_BLOCKED;
  case JC_LAYOUT_FAST:
    return why->first == IMAGE_PLAIN && why->channels >= FEWEST_BLOCKED_CHANNELS ? IMAGE_BLOCKED
                                                                                 : why->first;
  case JC_LAYOUT_JOINED:
    return why->first != IMAGE_PLAIN && why->whole ? IMAGE_BLOCKED : IMAGE_PLAIN;
  case JC_LAYOUT_ANY:
  case JC_LAYOUT_AS_INPUT:
    return why->first;
  case JC_LAYOUT_TURNED:
    return why->first == IMAGE_PLAIN && cost->channels_last ? IMAGE_CHANNELS_LAST : IMAGE_PLAIN;
  default:
    return IMAGE_PLAIN;
  }
}

/* A factor of fewer elements than the output is read as it lies, and decides nothing. */
static bool decides_order(const struct jc_analysis *analysis, const struct jc_kind *kind,
                          const struct jc_cost *cost, uint32_t input) {
  return kind->layout != JC_LAYOUT_ANY ||
         jc_shape_equal(jc_tensor_shape(analysis, input), &cost->out);
}

/* In which order the output lies, and whether an input has to be copied into another; the rules are
 * those of the trainer (jc_graph_fast_layout and the kinds' own). */
static void mark_layout(struct jc_analysis *analysis, uint32_t index) {
  const struct jc_layer *layer = &analysis->network->layers[index];
  const struct jc_kind *kind = jc_kind_get(layer->kind);
  const uint32_t *inputs = layer_inputs(analysis->network, layer);
  struct jc_cost *cost = &analysis->layers[index];
  struct order_reasons why = {.whole = true};
  uint32_t count[IMAGE_CHANNELS_LAST + 1] = {0}, readers = 0;
  for (uint32_t i = 0; i < layer->input_count; i++) {
    const enum image_order order = order_of(analysis, inputs[i]);
    why.channels = jc_tensor_shape(analysis, inputs[i])->dim[0];
    why.whole = why.whole && (why.channels % JC_CHANNEL_BLOCK == 0 || i + 1 == layer->input_count);
    if (!decides_order(analysis, kind, cost, inputs[i]))
      continue;
    why.first = why.first == IMAGE_PLAIN ? order : why.first;
    count[order]++;
    readers++;
  }
  const enum image_order order = choose_order(kind, cost, &why);
  cost->blocked = order == IMAGE_BLOCKED;
  cost->channels_last = order == IMAGE_CHANNELS_LAST;
  const bool reads_any_order = cost->groups > 0 && why.channels <= JC_FIRST_CHANNELS;
  cost->reorders = kind->layout == JC_LAYOUT_TURNED
                       ? !cost->channels_last && why.first != IMAGE_CHANNELS_LAST
                       : !reads_any_order && count[order] != readers;
}

/* Who needs a gradient, and the products that make it; forward order. */
static void mark_gradients(struct jc_analysis *analysis, struct tensors *t, uint32_t index) {
  const struct jc_network *network = analysis->network;
  const struct jc_layer *layer = &network->layers[index];
  const struct jc_layer_view view = {layer, analysis, layer->input_count};
  const struct jc_kind *kind = jc_kind_get(layer->kind);
  const uint32_t *inputs = layer_inputs(network, layer);
  const uint32_t out = network->input_count + index;
  struct jc_cost *cost = &analysis->layers[index];

  for (uint32_t i = 0; i < read_count(analysis, index); i++)
    cost->input_needs_grad |= t->needs_grad[inputs[i]] != 0;
  cost->output_needs_grad = cost->input_needs_grad || cost->trains_weights;
  t->needs_grad[out] = cost->output_needs_grad;
  t->root[out] = cost->moves_no_data && layer->input_count > 0 ? t->root[inputs[0]] : out;
  if (!cost->output_needs_grad)
    return;
  cost->backward_elementwise_ops = cost->elementwise_ops;
  if (kind->gradients != NULL) {
    kind->gradients(&view, cost);
    return;
  }
  cost->backward_data_macs = cost->input_needs_grad ? cost->data_macs : 0;
  cost->backward_weights_macs = cost->trains_weights ? cost->weight_macs : 0;
}

/* Bytes of the inputs and of their gradients: those with a batch per sample, the others per step.
 */
struct input_bytes {
  uint64_t sample, sample_grad, step, step_grad;
};

static struct input_bytes count_inputs(const struct jc_analysis *analysis, const struct tensors *t,
                                       uint32_t index, bool *over) {
  const struct jc_layer *layer = &analysis->network->layers[index];
  const uint32_t *inputs = layer_inputs(analysis->network, layer);
  struct input_bytes in = {0};
  for (uint32_t i = 0; i < read_count(analysis, index); i++) {
    const bool step = is_per_step(analysis, inputs[i]);
    const uint64_t bytes = tensor_bytes(analysis, inputs[i]);
    uint64_t *sum = step ? &in.step : &in.sample, *grad = step ? &in.step_grad : &in.sample_grad;
    *sum = count_sum(*sum, bytes, over);
    *grad = count_sum(*grad, t->needs_grad[inputs[i]] ? bytes : 0, over);
  }
  return in;
}

static void count_forward_traffic(struct jc_cost *cost, const struct input_bytes *in, uint64_t out,
                                  uint64_t weights) {
  bool *over = &cost->overflow;
  if (cost->moves_no_data)
    return;
  cost->forward = (struct jc_traffic){in->sample, out, count_sum(weights, in->step, over), 0};
  if (cost->reads_weights_sparsely) {
    cost->forward.read_bytes = count_sum(cost->forward.read_bytes, out, over);
    cost->forward.weight_read_bytes = in->step;
  }
  if (cost->output_needs_grad)
    cost->forward.written_bytes = count_sum(out, cost->saved_extra_bytes, over);
}

/* The gradient of the inputs. That of a view is one too, but for a part of a tensor, whose gradient
 * is laid out again. */
static void count_data_traffic(struct jc_cost *cost, const struct input_bytes *in, uint64_t out,
                               uint64_t weights) {
  struct jc_traffic *data = &cost->backward_data; /* beside the sum of several gradients */
  bool *over = &cost->overflow;
  if (!cost->input_needs_grad || (cost->moves_no_data && in->sample + in->step == out))
    return;
  uint64_t read = count_sum(out, cost->saved_extra_bytes, over);
  if (cost->saves_output)
    read = count_sum(read, out, over);
  const bool reads_input = cost->saves_input && !cost->saves_input_for_weights_only;
  if (reads_input)
    read = count_sum(read, in->sample, over);
  data->read_bytes = count_sum(data->read_bytes, read, over);
  data->written_bytes = count_sum(data->written_bytes, in->sample_grad, over);
  data->weight_read_bytes = count_sum(weights, reads_input ? in->step : 0, over);
  data->weight_written_bytes = in->step_grad;
}

static void count_weight_traffic(struct jc_cost *cost, const struct input_bytes *in, uint64_t out,
                                 uint64_t weights) {
  bool *over = &cost->overflow;
  if (!cost->trains_weights)
    return;
  /* A layer without products (batchnorm) gets its weight gradients in the pass over the data. */
  const bool own_pass = !cost->moves_no_data && (cost->weight_macs > 0 || !cost->input_needs_grad);
  const uint64_t read = own_pass ? count_sum(in->sample, out, over) : 0;
  const uint64_t own = count_product(cost->trainable_params, BYTES_PER_ELEMENT, over);
  /* The gradient of a `parameter` is written by its readers. */
  cost->backward_weights =
      (struct jc_traffic){read, 0, own_pass ? in->step : 0, cost->moves_no_data ? 0 : weights};
  cost->update.weight_read_bytes = count_product(3, own, over); /* weight, gradient, momentum */
  cost->update.weight_written_bytes = count_product(2, own, over);
}

/* What a layer without batch moves, it moves once a step. */
static void move_to_step(struct jc_traffic *traffic, bool *over) {
  traffic->weight_read_bytes = count_sum(traffic->weight_read_bytes, traffic->read_bytes, over);
  traffic->weight_written_bytes =
      count_sum(traffic->weight_written_bytes, traffic->written_bytes, over);
  traffic->read_bytes = traffic->written_bytes = 0;
}

/* Bytes of every phase. Backward of a tensor with n >= 2 consumers sums n gradients into one:
 * n + 1 more gradient traffics, charged to its producer. */
static void count_traffic(struct jc_analysis *analysis, const struct tensors *t, uint32_t index) {
  struct jc_cost *cost = &analysis->layers[index];
  bool *over = &cost->overflow;
  const uint64_t out = cost->out_elements * BYTES_PER_ELEMENT;
  const uint64_t weights = count_product(cost->params, BYTES_PER_ELEMENT, over);
  const struct input_bytes in = count_inputs(analysis, t, index, over);

  cost->consumers = t->consumers[analysis->network->input_count + index];
  if (cost->output_needs_grad && cost->consumers >= 2) {
    cost->backward_data.read_bytes = count_product(cost->consumers, out, over);
    cost->backward_data.written_bytes = out;
  }
  count_forward_traffic(cost, &in, out, weights);
  count_data_traffic(cost, &in, out, weights);
  count_weight_traffic(cost, &in, out, weights);
  if (cost->per_step) {
    move_to_step(&cost->forward, over);
    move_to_step(&cost->backward_data, over);
    move_to_step(&cost->backward_weights, over);
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
  const uint8_t into = jc_kind_get(layer->kind)->fuses_into;
  const uint32_t input = layer->input_count > 0 ? layer_inputs(network, layer)[0] : 0;
  if (into == 0 || input < network->input_count || t->consumers[input] != 1 ||
      is_output(network, input))
    return;
  const uint32_t producer = input - network->input_count;
  if (network->layers[producer].kind != into)
    return;
  analysis->layers[index].fused = true;
  analysis->layers[producer].follower = index;
  analysis->layers[producer].variant = jc_kind_get((enum jc_layer_kind)into)->fused_variant;
}

static void add_totals(struct jc_totals *totals, const struct jc_layer *layer,
                       const struct jc_cost *cost, uint64_t *extra_bytes, bool *over) {
  const struct jc_traffic *phases[] = {&cost->backward_data, &cost->backward_weights};
  const uint64_t backward_macs =
      count_sum(cost->backward_data_macs, cost->backward_weights_macs, over);
  const uint64_t backward_ops = cost->output_needs_grad ? cost->backward_elementwise_ops : 0;
  const uint64_t training = count_sum(cost->macs, backward_macs, over);
  const uint64_t ops = count_sum(cost->elementwise_ops, backward_ops, over);
  const uint64_t forward_flops =
      count_sum(count_product(2, cost->macs, over), cost->elementwise_ops, over);
  const uint64_t training_flops = count_sum(count_product(2, training, over), ops, over);
  const uint64_t out_bytes = cost->out_elements * BYTES_PER_ELEMENT;

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
  ADD(training_flops, training_flops);
  if (cost->per_step) {
    ADD(per_step_forward_macs, layer->training_only ? 0 : cost->macs);
    ADD(per_step_forward_flops, layer->training_only ? 0 : forward_flops);
    ADD(per_step_training_macs, training);
    ADD(per_step_training_flops, training_flops);
  }
  ADD(forward_bytes, cost->forward.read_bytes);
  ADD(forward_bytes, cost->forward.written_bytes);
  for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
    ADD(backward_bytes, phases[i]->read_bytes);
    ADD(backward_bytes, phases[i]->written_bytes);
  }
  if (!cost->per_step) {
    ADD(activation_bytes, out_bytes);
    *extra_bytes = count_sum(*extra_bytes, cost->saved_extra_bytes, over);
  } else if (!cost->moves_no_data) {
    ADD(per_step_activation_bytes, count_product(cost->output_needs_grad ? 2 : 1, out_bytes, over));
    ADD(per_step_activation_bytes, cost->output_needs_grad ? cost->saved_extra_bytes : 0);
  }
#undef ADD
}

/* What is moved between a layer's forward and its backward, by which its caches are gone. */
static void sum_later_bytes(struct jc_analysis *analysis) {
  uint64_t activations = 0, weights = 0;
  for (uint32_t i = analysis->network->layer_count; i-- > 0;) {
    struct jc_cost *cost = &analysis->layers[i];
    cost->later_activation_bytes = activations;
    cost->later_weight_bytes = weights;
    activations += cost->moves_no_data ? 0 : cost->out_elements * BYTES_PER_ELEMENT;
    weights += cost->params * BYTES_PER_ELEMENT; /* bounded by the totals, which fit */
  }
}

static enum jc_status sum_up(struct jc_analysis *analysis, struct tensors *t,
                             struct jc_error *error) {
  const struct jc_network *network = analysis->network;
  struct jc_totals *totals = &analysis->totals;
  uint64_t extra_bytes = 0;
  bool overflow = false;

  memset(totals, 0, sizeof(*totals));
  for (uint32_t i = 0; i < network->layer_count; i++) {
    count_traffic(analysis, t, i);
    mark_fusion(analysis, t, i);
    overflow |= analysis->layers[i].overflow;
    add_totals(totals, &network->layers[i], &analysis->layers[i], &extra_bytes, &overflow);
  }
  totals->forward_flops = count_sum(count_product(2, totals->forward_macs, &overflow),
                                    totals->forward_elementwise_ops, &overflow);
  (void)count_product(16, totals->params, &overflow); /* so that no optimiser's work overflows */
  totals->weight_bytes = count_product(totals->params, BYTES_PER_ELEMENT, &overflow);
  /* Bounds every sum of the walks over tensors: each kept, and each with its gradient. */
  uint64_t bound = count_product(4, totals->activation_bytes, &overflow);
  bound = count_sum(bound, extra_bytes, &overflow);
  for (uint32_t i = 0; i < network->input_count; i++)
    bound = count_sum(bound, tensor_bytes(analysis, i), &overflow);
  if (overflow)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "layers",
                   "the network's total counts do not fit 64 bits");
  sum_later_bytes(analysis);
  jc_peak_activations(analysis, &totals->peak_activation_bytes, &totals->saved_activation_bytes);
  return JC_OK;
}

static enum jc_status check_inputs(const struct jc_network *network, struct jc_error *error) {
  for (uint32_t i = 0; i < network->input_count; i++) {
    uint64_t elements;
    if (count_elements(&network->inputs[i].shape, &elements, error) != JC_OK) {
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
  for (uint32_t i = 0; i < network->input_count; i++)
    t.root[i] = i;
  if (check_inputs(network, error) != JC_OK)
    return error->status;
  for (uint32_t i = 0; i < network->layer_count; i++) {
    const struct jc_layer *layer = &network->layers[i];
    if (analyze_layer(analysis, i, error) != JC_OK)
      return name_layer(layer, error);
    mark_layout(analysis, i);
    mark_gradients(analysis, &t, i);
    for (uint32_t k = 0; k < read_count(analysis, i); k++)
      t.consumers[layer_inputs(network, layer)[k]]++;
  }
  return sum_up(analysis, &t, error);
}

double jc_step_count(uint64_t total, uint64_t per_step, uint64_t batch_size) {
  return (double)batch_size * (double)(total - per_step) + (double)per_step;
}
