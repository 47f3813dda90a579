/* graph.c -- from an analysed network to operations on placed buffers. */
#include "trainer/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/training_memory.h"
#include "trainer/kinds.h"
#include "trainer/loops.h"

enum { MIN_BLOCKED_CHANNELS = 8 }; /* half a block of 16 */

/* ---- allocations that live as long as the graph ---- */

struct jc_block {
  struct jc_block *next;
  max_align_t data[];
};

static bool failed(const struct jc_graph *graph) {
  return jc_error_is_set(graph->error);
}

static void fail_memory(struct jc_graph *graph) {
  (void)jc_fail(graph->error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
}

void *jc_graph_allocate(struct jc_graph *graph, size_t bytes) {
  if (failed(graph))
    return NULL;
  struct jc_block *block = calloc(1, sizeof(*block) + bytes);
  if (block == NULL) {
    fail_memory(graph);
    return NULL;
  }
  block->next = graph->blocks;
  graph->blocks = block;
  return block->data;
}

void jc_graph_free(struct jc_graph *graph) {
  for (struct jc_block *next, *block = graph->blocks; block != NULL; block = next) {
    next = block->next;
    free(block);
  }
  free(graph->operations);
  free(graph->bindings);
  free(graph->addresses);
  jc_memory_free(&graph->memory);
}

/* Room for one more element of a growing array. */
static void *grow(struct jc_graph *graph, void *array, uint32_t count, uint32_t *capacity,
                  size_t element_bytes) {
  if (count < *capacity)
    return array;
  const uint32_t larger = 256 + 2 * *capacity;
  void *grown = realloc(array, larger * element_bytes);
  if (grown == NULL) {
    fail_memory(graph);
    return array;
  }
  *capacity = larger;
  return grown;
}

/* ---- time ---- */

uint32_t jc_graph_loss_time(const struct jc_graph *graph) {
  return graph->node_count;
}

static uint32_t current_time(const struct jc_graph *graph) {
  const uint32_t index = (uint32_t)(graph->node - graph->nodes);
  return graph->direction == JC_DIRECTION_FORWARD ? index : 2 * graph->node_count - index;
}

/* ---- operations ---- */

static void append(struct jc_graph *graph, const struct jc_operation *operation) {
  graph->operations = grow(graph, graph->operations, graph->operation_count,
                           &graph->operation_capacity, sizeof(*graph->operations));
  if (failed(graph))
    return;
  const uint32_t index = graph->operation_count++;
  graph->operations[index] = *operation;
  graph->operations[index].first_binding = graph->binding_count;
  graph->operations[index].next = JC_NONE;
  uint32_t *last = &graph->node->last[graph->direction];
  if (*last == JC_NONE)
    graph->node->first[graph->direction] = index;
  else
    graph->operations[*last].next = index;
  *last = index;
}

void jc_graph_use(struct jc_graph *graph, enum jc_arg arg, uint32_t buffer) {
  if (failed(graph))
    return;
  graph->bindings = grow(graph, graph->bindings, graph->binding_count, &graph->binding_capacity,
                         sizeof(*graph->bindings));
  if (failed(graph))
    return;
  graph->bindings[graph->binding_count++] = (struct jc_binding){arg, buffer};
  graph->operations[graph->operation_count - 1].binding_count++;
  jc_memory_use(&graph->memory, buffer, current_time(graph));
}

void jc_graph_primitive(struct jc_graph *graph, struct jc_primitive *primitive, enum jc_when when) {
  if (failed(graph))
    return;
  append(graph, &(struct jc_operation){.primitive = primitive, .when = when});
  const struct jc_layout *scratchpad = jc_primitive_layout(primitive, JC_ARG_SCRATCHPAD);
  if (jc_layout_bytes(scratchpad) > 0)
    jc_graph_use(graph, JC_ARG_SCRATCHPAD, jc_graph_buffer(graph, jc_layout_bytes(scratchpad)));
}

void jc_graph_loop(struct jc_graph *graph, void (*loop)(const struct jc_loop *loop),
                   const void *settings, size_t settings_bytes, enum jc_when when) {
  void *copy = jc_graph_allocate(graph, settings_bytes);
  if (copy == NULL)
    return;
  memcpy(copy, settings, settings_bytes);
  append(graph, &(struct jc_operation){.loop = loop, .settings = copy, .when = when});
}

bool jc_graph_run(const struct jc_graph *graph, uint32_t node, enum jc_direction direction,
                  bool training, uint64_t step) {
  const enum jc_when skipped = training ? JC_IN_VALIDATION : JC_IN_TRAINING;
  for (uint32_t i = graph->nodes[node].first[direction]; i != JC_NONE;
       i = graph->operations[i].next) {
    const struct jc_operation *operation = &graph->operations[i];
    if (operation->when == skipped)
      continue;
    if (operation->primitive != NULL) {
      if (!jc_primitive_run(operation->primitive))
        return false;
      continue;
    }
    operation->loop(&(struct jc_loop){&graph->pool, graph->addresses + operation->first_binding,
                                      operation->binding_count, operation->settings, step});
  }
  return true;
}

/* ---- buffers and parameters ---- */

uint32_t jc_graph_buffer(struct jc_graph *graph, size_t bytes) {
  return jc_memory_add(&graph->memory, bytes, graph->error);
}

uint32_t jc_graph_kept_buffer(struct jc_graph *graph, size_t bytes) {
  const uint32_t buffer = jc_graph_buffer(graph, bytes);
  jc_memory_keep(&graph->memory, buffer);
  return buffer;
}

void *jc_graph_address(const struct jc_graph *graph, uint32_t buffer) {
  return jc_memory_address(&graph->memory, buffer);
}

/* A copy of BUFFER that a layer has made already. */
struct jc_reordered {
  struct jc_reordered *next;
  uint32_t buffer;
  const struct jc_layout *from, *to; /* parts of one buffer differ in `from` */
  uint32_t copy;
};

uint32_t jc_graph_reorder(struct jc_graph *graph, uint32_t buffer, const struct jc_layout *from,
                          const struct jc_layout *to) {
  if (failed(graph) || from == to)
    return buffer;
  for (const struct jc_reordered *r = graph->node->reordered; r != NULL; r = r->next)
    if (r->buffer == buffer && r->from == from && r->to == to)
      return r->copy;
  const uint32_t copy = jc_graph_buffer(graph, jc_layout_bytes(to));
  jc_graph_primitive(graph, jc_dnn_reorder(graph->dnn, from, to, graph->error), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, buffer);
  jc_graph_use(graph, JC_ARG_DESTINATION, copy);
  graph->node->facts.reorders++;
  struct jc_reordered *reordered = jc_graph_allocate(graph, sizeof(*reordered));
  if (reordered != NULL) {
    *reordered = (struct jc_reordered){graph->node->reordered, buffer, from, to, copy};
    graph->node->reordered = reordered;
  }
  return copy;
}

const struct jc_parameter *jc_graph_parameter(struct jc_graph *graph, enum jc_parameter_role role,
                                              const struct jc_layout *layout,
                                              const struct jc_layout *plain, enum jc_init init,
                                              uint64_t fan_in) {
  struct jc_parameter *parameter = &graph->node->parameters[role];
  const size_t bytes = jc_layout_bytes(layout);
  *parameter = (struct jc_parameter){
      .count = jc_layout_bytes(plain) / sizeof(float),
      .plain = plain,
      .layout = layout,
      .value = jc_graph_kept_buffer(graph, bytes),
      .trained = graph->node->trains_weights,
      .init = init,
      .fan_in = fan_in,
  };
  if (parameter->trained) {
    parameter->gradient = jc_graph_kept_buffer(graph, 0); /* named by its backward */
    for (uint32_t i = 0; i < jc_optimizer_facts(graph->options.optimizer)->state; i++)
      parameter->state[i] = jc_graph_kept_buffer(graph, bytes);
  }
  return parameter;
}

void jc_graph_parameter_gradient(struct jc_graph *graph, enum jc_parameter_role role,
                                 uint32_t buffer, const struct jc_layout *layout) {
  const struct jc_parameter *parameter = &graph->node->parameters[role];
  const uint32_t gradient = jc_graph_reorder(graph, buffer, layout, parameter->layout);
  if (!failed(graph))
    jc_memory_alias(&graph->memory, parameter->gradient, gradient);
}

/* ---- tensors ---- */

static struct jc_edge *edge_of(const struct jc_graph *graph, uint32_t input) {
  assert(input < graph->node->layer->input_count);
  return &graph->edges[graph->node->first_edge + input];
}

const struct jc_tensor *jc_graph_in(const struct jc_graph *graph, uint32_t input) {
  return &graph->tensors[edge_of(graph, input)->tensor];
}

const struct jc_tensor *jc_graph_out(const struct jc_graph *graph) {
  return &graph->tensors[graph->node->tensor];
}

uint32_t jc_graph_input(struct jc_graph *graph, uint32_t input, const struct jc_layout *layout) {
  const struct jc_tensor *tensor = jc_graph_in(graph, input);
  return jc_graph_reorder(graph, tensor->buffer, tensor->layout, layout);
}

const struct jc_layout *jc_graph_fast_layout(struct jc_graph *graph, uint32_t input) {
  const struct jc_tensor *tensor = jc_graph_in(graph, input);
  return tensor->layout == tensor->plain && tensor->dims[1] >= MIN_BLOCKED_CHANNELS
             ? jc_layout_fast(graph->dnn, tensor->dims, graph->error)
             : tensor->layout;
}

const struct jc_layout *jc_graph_image(const struct jc_graph *graph, uint32_t input,
                                       struct jc_image *image) {
  const struct jc_tensor *tensor = jc_graph_in(graph, input);
  if (jc_layout_image(tensor->layout, image))
    return tensor->layout;
  (void)jc_layout_image(tensor->plain, image);
  return tensor->plain;
}

/* Each edge's gradient is a name that its reader gives to the buffer it wrote. */
static void name_gradients(struct jc_graph *graph, struct jc_tensor *tensor) {
  const size_t own_bytes = tensor->edge_count == 1 ? 0 : jc_layout_bytes(tensor->layout);
  tensor->gradient = jc_graph_buffer(graph, own_bytes);
  for (uint32_t e = tensor->first_edge; e != JC_NONE; e = graph->edges[e].next)
    graph->edges[e].gradient =
        tensor->edge_count == 1 ? tensor->gradient : jc_graph_buffer(graph, 0);
}

void jc_graph_output_view(struct jc_graph *graph, uint32_t buffer, const struct jc_layout *layout) {
  if (failed(graph))
    return;
  struct jc_tensor *tensor = &graph->tensors[graph->node->tensor];
  tensor->layout = layout;
  tensor->buffer = buffer;
  graph->node->facts.layout = jc_layout_name(layout);
  if (tensor->needs_gradient)
    name_gradients(graph, tensor);
}

uint32_t jc_graph_output(struct jc_graph *graph, const struct jc_layout *layout) {
  const uint32_t buffer = jc_graph_buffer(graph, jc_layout_bytes(layout));
  jc_graph_output_view(graph, buffer, layout);
  return buffer;
}

uint32_t jc_graph_output_gradient(struct jc_graph *graph, const struct jc_layout *layout) {
  const struct jc_tensor *tensor = jc_graph_out(graph);
  return jc_graph_reorder(graph, tensor->gradient, tensor->layout, layout);
}

bool jc_graph_input_needs_gradient(const struct jc_graph *graph, uint32_t input) {
  return jc_graph_in(graph, input)->needs_gradient;
}

void jc_graph_input_gradient(struct jc_graph *graph, uint32_t input, uint32_t buffer,
                             const struct jc_layout *layout) {
  const uint32_t gradient =
      jc_graph_reorder(graph, buffer, layout, jc_graph_in(graph, input)->layout);
  if (!failed(graph))
    jc_memory_alias(&graph->memory, edge_of(graph, input)->gradient, gradient);
}

struct jc_node *jc_graph_only_reader(const struct jc_graph *graph) {
  const struct jc_tensor *tensor = jc_graph_out(graph);
  return tensor->edge_count == 1 ? &graph->nodes[graph->edges[tensor->first_edge].reader] : NULL;
}

/* A tensor read by several layers: its gradient is the sum of theirs. */
static void append_gradient_sum(struct jc_graph *graph, const struct jc_tensor *tensor) {
  if (tensor->edge_count < 2)
    return;
  const size_t count = jc_layout_bytes(tensor->layout) / sizeof(float);
  jc_graph_loop(graph, jc_loop_sum, &count, sizeof(count), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_DESTINATION, tensor->gradient);
  for (uint32_t e = tensor->first_edge; e != JC_NONE; e = graph->edges[e].next)
    jc_graph_use(graph, JC_ARG_SOURCE, graph->edges[e].gradient);
}

/* ---- building ---- */

/* Arrays of the graph, from those of the network; every tensor knows its readers. */
static void lay_out(struct jc_graph *graph) {
  const struct jc_network *network = graph->analysis->network;
  graph->node_count = network->layer_count;
  graph->tensor_count = network->input_count + network->layer_count;
  graph->edge_count = network->edge_count;
  graph->nodes = jc_graph_allocate(graph, graph->node_count * sizeof(*graph->nodes));
  graph->tensors = jc_graph_allocate(graph, graph->tensor_count * sizeof(*graph->tensors));
  graph->edges = jc_graph_allocate(graph, graph->edge_count * sizeof(*graph->edges));
  if (failed(graph))
    return;
  for (uint32_t t = 0; t < graph->tensor_count; t++)
    graph->tensors[t].first_edge = JC_NONE;
  for (uint32_t i = 0; i < graph->node_count; i++) {
    struct jc_node *node = &graph->nodes[i];
    node->layer = &network->layers[i];
    node->cost = &graph->analysis->layers[i];
    node->first_edge = node->layer->first_input;
    node->tensor = network->input_count + i;
    node->trains_weights = node->cost->trains_weights;
    node->running_mean = node->running_variance = JC_NONE;
    node->facts = (struct jc_layer_facts){"", "", "", "", false, 0};
    for (int d = 0; d < JC_DIRECTION_COUNT; d++)
      node->first[d] = node->last[d] = JC_NONE;
    for (uint32_t e = node->first_edge; e < node->first_edge + node->layer->input_count; e++) {
      struct jc_tensor *tensor = &graph->tensors[network->inputs_of_layers[e]];
      graph->edges[e] = (struct jc_edge){network->inputs_of_layers[e], i, 0, tensor->first_edge};
      tensor->first_edge = e;
      tensor->edge_count++;
    }
  }
}

/* Made by parameters alone. */
static bool is_per_step(const struct jc_graph *graph, uint32_t tensor) {
  const uint32_t inputs = graph->analysis->network->input_count;
  return tensor >= inputs && graph->analysis->layers[tensor - inputs].per_step;
}

static void describe_tensors(struct jc_graph *graph) {
  const struct jc_network *network = graph->analysis->network;
  for (uint32_t t = 0; t < graph->tensor_count; t++) {
    struct jc_tensor *tensor = &graph->tensors[t];
    const struct jc_shape *shape = jc_tensor_shape(graph->analysis, t);
    const bool per_step =
        t >= network->input_count && graph->analysis->layers[t - network->input_count].per_step;
    tensor->rank = shape->rank + 1;
    tensor->dims[0] = per_step ? 1 : graph->options.batch_size;
    for (uint32_t d = 0; d < shape->rank; d++)
      tensor->dims[d + 1] = shape->dim[d];
    tensor->plain = jc_layout_plain(graph->dnn, tensor->rank, tensor->dims, graph->error);
    tensor->needs_gradient = graph->options.input_gradient ||
                             (t >= network->input_count &&
                              graph->analysis->layers[t - network->input_count].output_needs_grad);
  }
}

/* What the built-in trainer cannot do is said before any work is done. */

static bool has_leading_dimensions(const struct jc_graph *graph, const struct jc_layer *layer) {
  const uint32_t spatial = jc_kind_get(layer->kind)->spatial_rank;
  const uint32_t *inputs = graph->analysis->network->inputs_of_layers + layer->first_input;
  return spatial > 0 && jc_tensor_shape(graph->analysis, inputs[0])->rank != 1 + spatial;
}

/* Whether tensors with and without a batch meet. */
static bool mixes_batch(const struct jc_graph *graph, const struct jc_layer *layer) {
  const uint32_t *inputs = graph->analysis->network->inputs_of_layers + layer->first_input;
  for (uint32_t i = 1; i < layer->input_count; i++)
    if (is_per_step(graph, inputs[i]) != is_per_step(graph, inputs[0]))
      return true;
  return false;
}

static void check_layer(struct jc_graph *graph, const struct jc_layer *layer, bool ends,
                        bool is_read) {
  const char *problem = NULL;
  if (jc_trainer_kind(layer->kind) == NULL)
    problem = "layers of this kind can be estimated but not trained";
  else if (layer->weight_from != JC_NONE)
    problem = "shared parameters can be estimated but not trained";
  else if (has_leading_dimensions(graph, layer))
    problem = "dimensions before the channels can be estimated but not trained";
  else if (layer->kind != JC_LAYER_mul && mixes_batch(graph, layer))
    problem =
        "what parameters alone make meets what has a batch: only a mul of both can be trained";
  else if (ends == is_read)
    problem = "training needs every layer to lead to an output, and outputs to be the last";
  if (problem != NULL)
    (void)jc_fail(graph->error, JC_ERROR_UNAVAILABLE, layer->line, layer->where,
                  "layer '%s' (%s): %s", layer->name, jc_kind_get(layer->kind)->name, problem);
}

/* Logits of the same classes. */
static void check_outputs(struct jc_graph *graph) {
  const struct jc_network *network = graph->analysis->network;
  const struct jc_shape *first = jc_tensor_shape(graph->analysis, network->outputs[0]);
  for (uint32_t k = 0; k < network->output_count; k++) {
    const struct jc_shape *shape = jc_tensor_shape(graph->analysis, network->outputs[k]);
    if (shape->rank != 1 || !jc_shape_equal(shape, first) ||
        is_per_step(graph, network->outputs[k]))
      (void)jc_fail(graph->error, JC_ERROR_UNAVAILABLE, 0, "outputs",
                    "training needs outputs of shape [classes], one or more of the same length");
  }
}

static bool is_output(const struct jc_network *network, uint32_t tensor) {
  for (uint32_t k = 0; k < network->output_count; k++)
    if (network->outputs[k] == tensor)
      return true;
  return false;
}

static void check_structure(struct jc_graph *graph) {
  const struct jc_network *network = graph->analysis->network;
  if (network->input_count != 1 || network->inputs[0].dtype != JC_DTYPE_FLOAT32)
    (void)jc_fail(graph->error, JC_ERROR_UNAVAILABLE, 0, "input",
                  "training needs one input of floats, got %u inputs", network->input_count);
  check_outputs(graph);
  for (uint32_t t = 0; t < network->input_count + network->layer_count; t++)
    if (jc_tensor_shape(graph->analysis, t)->rank >= JC_DNN_MAX_RANK)
      (void)jc_fail(graph->error, JC_ERROR_UNAVAILABLE, 0, "layers",
                    "tensors of %d dimensions can be estimated but not trained", JC_DNN_MAX_RANK);
  for (uint32_t i = 0; i < graph->node_count; i++) {
    const uint32_t tensor = graph->nodes[i].tensor;
    check_layer(graph, &network->layers[i], is_output(network, tensor),
                graph->tensors[tensor].edge_count > 0);
  }
}

/* Refuses absurd sizes before oneDNN sees them; the exact check comes when the arena is made. */
static void check_size(struct jc_graph *graph) {
  const uint64_t bytes = jc_training_memory_bytes(
      &graph->analysis->totals, graph->options.batch_size, graph->options.optimizer);
  if (bytes / 4 > jc_memory_of_machine())
    (void)jc_fail(graph->error, JC_ERROR_STORAGE, 0, NULL,
                  "training needs about %.2f GB of memory, this machine has %.2f GB; try a smaller "
                  "batch",
                  (double)bytes * 1e-9, (double)jc_memory_of_machine() * 1e-9);
}

static void build_node(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_trainer_kind *kind = jc_trainer_kind(node->layer->kind);
  const struct jc_tensor *tensor = &graph->tensors[node->tensor];
  graph->node = node;
  graph->direction = JC_DIRECTION_FORWARD;
  kind->forward(graph, node);
  bool inputs_need = false;
  for (uint32_t i = 0; i < node->layer->input_count; i++)
    inputs_need = inputs_need || jc_graph_input_needs_gradient(graph, i);
  if (!failed(graph) && tensor->needs_gradient && (inputs_need || node->trains_weights)) {
    graph->direction = JC_DIRECTION_BACKWARD;
    append_gradient_sum(graph, tensor);
    kind->backward(graph, node);
  }
  struct jc_error *error = graph->error;
  if (failed(graph) && error->line == 0 && error->path[0] == '\0') {
    error->line = node->layer->line;
    (void)snprintf(error->path, sizeof(error->path), "%s",
                   node->layer->where != NULL ? node->layer->where : node->layer->name);
  }
}

static void build_images(struct jc_graph *graph) {
  struct jc_tensor *images = &graph->tensors[0];
  images->layout = images->plain;
  images->buffer = jc_graph_kept_buffer(graph, jc_layout_bytes(images->plain));
  if (images->needs_gradient)
    name_gradients(graph, images);
  graph->labels = jc_graph_kept_buffer(graph, graph->options.batch_size * sizeof(int32_t));
}

/* Images that several layers read get the sum of their gradients in the first layer's backward,
 * the last to run. */
static void build_images_gradient(struct jc_graph *graph) {
  const struct jc_tensor *images = &graph->tensors[0];
  if (failed(graph) || !images->needs_gradient)
    return;
  uint32_t first = graph->node_count;
  for (uint32_t e = images->first_edge; e != JC_NONE; e = graph->edges[e].next)
    first = graph->edges[e].reader < first ? graph->edges[e].reader : first;
  graph->node = &graph->nodes[first];
  graph->direction = JC_DIRECTION_BACKWARD;
  append_gradient_sum(graph, images);
  jc_memory_keep(&graph->memory, images->gradient);
}

/* The loss reads the logits and writes their gradient; callers may read the logits later. */
static void build_loss(struct jc_graph *graph) {
  if (failed(graph))
    return;
  const struct jc_network *network = graph->analysis->network;
  for (uint32_t k = 0; k < network->output_count; k++) {
    const struct jc_tensor *logits = &graph->tensors[network->outputs[k]];
    assert(logits->layout == logits->plain);
    jc_memory_keep(&graph->memory, logits->buffer);
    if (logits->needs_gradient)
      jc_memory_use(&graph->memory, logits->gradient, jc_graph_loss_time(graph));
  }
}

static void bind_all(struct jc_graph *graph) {
  if (failed(graph))
    return;
  graph->addresses = calloc(graph->binding_count + 1, sizeof(void *));
  if (graph->addresses == NULL) {
    fail_memory(graph);
    return;
  }
  for (uint32_t i = 0; i < graph->operation_count; i++) {
    const struct jc_operation *operation = &graph->operations[i];
    for (uint32_t b = 0; b < operation->binding_count; b++) {
      const struct jc_binding *binding = &graph->bindings[operation->first_binding + b];
      void *address = jc_graph_address(graph, binding->buffer);
      graph->addresses[operation->first_binding + b] = address;
      if (operation->primitive != NULL)
        jc_primitive_bind(operation->primitive, binding->arg, address, graph->error);
    }
  }
}

enum jc_status jc_graph_build(struct jc_graph *graph, struct jc_error *error) {
  graph->error = error;
  lay_out(graph);
  if (failed(graph))
    return error->status;
  check_structure(graph);
  check_size(graph);
  if (failed(graph))
    return error->status;
  describe_tensors(graph);
  build_images(graph);
  for (uint32_t i = 0; i < graph->node_count && !failed(graph); i++)
    build_node(graph, &graph->nodes[i]);
  build_images_gradient(graph);
  build_loss(graph);
  (void)jc_memory_place(&graph->memory, error);
  bind_all(graph);
  return error->status;
}
