/* trainer.c -- the public face: a graph, its loss, its optimiser and the clock. */
#include "trainer/trainer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trainer/graph.h"
#include "trainer/kinds.h"
#include "trainer/loss.h"

enum { INIT_GRAIN = 16384 }; /* elements worth a thread */

struct jc_trainer {
  struct jc_graph graph;
  struct jc_optimizer_rates rates;
  uint64_t updates;             /* done */
  struct jc_layer_times *times; /* [layer_count] */
  const struct jc_tensor *output;
  uint32_t classes;
  uint64_t step; /* number of the next one */
  double build_s;
};

static double now_s(void) {
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- what there is ---- */

bool jc_trainer_available(void) {
  return true;
}

const char *jc_trainer_library(void) {
  return "oneDNN";
}

const char *jc_trainer_library_version(void) {
  return jc_dnn_version();
}

bool jc_trainer_supports(enum jc_layer_kind kind) {
  return jc_trainer_kind(kind) != NULL;
}

/* ---- creation ---- */

static void check_options(const struct jc_trainer_options *options, struct jc_error *error) {
  if (options->batch_size < 1)
    (void)jc_fail(error, JC_ERROR_INVALID, 0, "batch_size", "expected at least 1, got 0");
  if (options->threads < 1 || options->threads > INT32_MAX)
    (void)jc_fail(error, JC_ERROR_INVALID, 0, "threads", "expected at least 1, got %u",
                  options->threads);
  if (!(options->learning_rate >= 0) || !(options->momentum >= 0) || !(options->weight_decay >= 0))
    (void)jc_fail(error, JC_ERROR_INVALID, 0, "optimizer",
                  "expected learning rate, momentum and weight decay of at least 0, got %g, %g, %g",
                  options->learning_rate, options->momentum, options->weight_decay);
  if (!(options->beta1 >= 0 && options->beta1 < 1 && options->beta2 >= 0 && options->beta2 < 1 &&
        options->eps >= 0))
    (void)jc_fail(error, JC_ERROR_INVALID, 0, "optimizer",
                  "expected betas from 0 to below 1 and eps of at least 0, got %g, %g, %g",
                  options->beta1, options->beta2, options->eps);
  if (!(options->auxiliary_weight >= 0))
    (void)jc_fail(error, JC_ERROR_INVALID, 0, "auxiliary_weight", "expected at least 0, got %g",
                  options->auxiliary_weight);
  if (!(options->dropout_p <= 1))
    (void)jc_fail(error, JC_ERROR_INVALID, 0, "dropout_p", "expected at most 1, got %g",
                  options->dropout_p);
}

struct init_fill {
  const struct jc_parameter *parameter;
  uint64_t stream;
  float *values;
};

static void init_range(const void *context, size_t begin, size_t end) {
  const struct init_fill *fill = context;
  jc_init_fill(fill->parameter->init, fill->stream, fill->parameter->fan_in, fill->values, begin,
               end);
}

/* The values in PyTorch's order are put into the gradient's memory first, which is there anyway;
 * a frozen parameter has none. */
static enum jc_status init_parameter(struct jc_trainer *trainer, uint32_t layer,
                                     enum jc_parameter_role role, struct jc_error *error) {
  const struct jc_graph *graph = &trainer->graph;
  const struct jc_node *node = &graph->nodes[layer];
  const struct jc_parameter *parameter = &node->parameters[role];
  static const char *const suffixes[] = {"weight", "bias"};
  char name[512];
  const int length = snprintf(name, sizeof(name), "%s.%s", node->layer->name, suffixes[role]);
  if (length < 0 || (size_t)length >= sizeof(name))
    return jc_fail(error, JC_ERROR_OVERFLOW, node->layer->line, node->layer->where,
                   "the layer's name exceeds 500 bytes");
  float *scratch = parameter->trained ? NULL : malloc(parameter->count * sizeof(float));
  float *values = parameter->trained ? jc_graph_address(graph, parameter->gradient) : scratch;
  if (values == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  const struct init_fill fill = {parameter, jc_stream(graph->options.seed, name), values};
  jc_pool_run(&graph->pool, parameter->count, INIT_GRAIN, init_range, &fill);
  const enum jc_status status = jc_trainer_parameter_set(trainer, layer, role, values, error);
  free(scratch);
  return status;
}

static void fill_running_variance(const struct jc_graph *graph, const struct jc_node *node) {
  float *variance = jc_graph_address(graph, node->running_variance);
  const int64_t channels = graph->tensors[node->tensor].dims[1];
  for (int64_t c = 0; c < channels; c++)
    variance[c] = 1;
}

static enum jc_status init_parameters(struct jc_trainer *trainer, struct jc_error *error) {
  const struct jc_graph *graph = &trainer->graph;
  for (uint32_t i = 0; i < graph->node_count; i++) {
    for (int role = 0; role < JC_PARAMETER_ROLE_COUNT; role++)
      if (graph->nodes[i].parameters[role].count > 0)
        (void)init_parameter(trainer, i, (enum jc_parameter_role)role, error);
    if (graph->nodes[i].running_variance != JC_NONE)
      fill_running_variance(graph, &graph->nodes[i]);
  }
  return error->status;
}

static enum jc_status build(struct jc_trainer *trainer, struct jc_error *error) {
  struct jc_graph *graph = &trainer->graph;
  const struct jc_trainer_options *options = &graph->options;
  if (jc_pool_open(&graph->pool, options->threads, error) != JC_OK)
    return error->status;
  graph->dnn = jc_dnn_create(error);
  trainer->times = calloc(graph->analysis->network->layer_count, sizeof(*trainer->times));
  if (trainer->times == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (jc_error_is_set(error) || jc_graph_build(graph, error) != JC_OK)
    return error->status;
  trainer->output = &graph->tensors[graph->analysis->network->outputs[0]];
  trainer->classes = (uint32_t)trainer->output->dims[1];
  trainer->rates = (struct jc_optimizer_rates){.optimizer = options->optimizer,
                                               .learning_rate = options->learning_rate,
                                               .momentum = options->momentum,
                                               .weight_decay = options->weight_decay,
                                               .beta1 = options->beta1,
                                               .beta2 = options->beta2,
                                               .eps = options->eps};
  return init_parameters(trainer, error);
}

enum jc_status jc_trainer_create(const struct jc_analysis *analysis,
                                 const struct jc_trainer_options *options,
                                 struct jc_trainer **trainer, struct jc_error *error) {
  const double start_s = now_s();
  *trainer = NULL;
  check_options(options, error);
  if (jc_error_is_set(error))
    return error->status;
  struct jc_trainer *made = calloc(1, sizeof(*made));
  if (made == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  made->graph.analysis = analysis;
  made->graph.options = *options;
  if (options->optimizer == JC_OPTIMIZER_MOMENTUM && options->momentum == 0)
    made->graph.options.optimizer = JC_OPTIMIZER_SGD; /* the same, without its state */
  if (build(made, error) != JC_OK) {
    jc_trainer_destroy(made);
    return error->status;
  }
  made->build_s = now_s() - start_s;
  *trainer = made;
  return JC_OK;
}

void jc_trainer_destroy(struct jc_trainer *trainer) {
  if (trainer == NULL)
    return;
  jc_dnn_destroy(trainer->graph.dnn); /* before the memory its primitives point to */
  jc_graph_free(&trainer->graph);
  free(trainer->times);
  free(trainer);
}

/* ---- stepping ---- */

float *jc_trainer_images(struct jc_trainer *trainer) {
  return jc_graph_address(&trainer->graph, trainer->graph.tensors[0].buffer);
}

int32_t *jc_trainer_labels(struct jc_trainer *trainer) {
  return jc_graph_address(&trainer->graph, trainer->graph.labels);
}

const float *jc_trainer_output(const struct jc_trainer *trainer) {
  return jc_graph_address(&trainer->graph, trainer->output->buffer);
}

const float *jc_trainer_input_gradient(const struct jc_trainer *trainer) {
  const struct jc_tensor *images = &trainer->graph.tensors[0];
  return images->needs_gradient ? jc_graph_address(&trainer->graph, images->gradient) : NULL;
}

static enum jc_status check_labels(struct jc_trainer *trainer, struct jc_error *error) {
  const int32_t *labels = jc_trainer_labels(trainer);
  for (uint32_t n = 0; n < trainer->graph.options.batch_size; n++)
    if (labels[n] < 0 || (uint32_t)labels[n] >= trainer->classes)
      return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                     "label of sample %u: expected 0 to %u, got %d", n, trainer->classes - 1,
                     labels[n]);
  return JC_OK;
}

/* Runs one layer in one direction and returns the clock after it. A layer without operations took
 * no time, and the clock is not read. */
static double run_layer(struct jc_trainer *trainer, uint32_t layer, enum jc_direction direction,
                        bool training, double before_s, double *time_s, struct jc_error *error) {
  const struct jc_graph *graph = &trainer->graph;
  *time_s = 0;
  if (graph->nodes[layer].first[direction] == JC_NONE)
    return before_s;
  if (!jc_graph_run(graph, layer, direction, training, trainer->step))
    (void)jc_fail(error, JC_ERROR_RUNTIME, graph->nodes[layer].layer->line,
                  graph->nodes[layer].layer->where, "layer '%s': oneDNN failed in the %s pass",
                  graph->nodes[layer].layer->name,
                  direction == JC_DIRECTION_FORWARD ? "forward" : "backward");
  const double after_s = now_s();
  *time_s = after_s - before_s;
  return after_s;
}

/* Whether a layer takes part: auxiliary heads are left out of validation. */
static bool runs(const struct jc_graph *graph, uint32_t layer, bool training) {
  return training || !graph->nodes[layer].layer->training_only;
}

static double forward(struct jc_trainer *trainer, bool training, double time_s,
                      struct jc_error *error) {
  for (uint32_t i = 0; i < trainer->graph.node_count && !jc_error_is_set(error); i++)
    if (runs(&trainer->graph, i, training))
      time_s = run_layer(trainer, i, JC_DIRECTION_FORWARD, training, time_s,
                         &trainer->times[i].forward_s, error);
  return time_s;
}

static double backward(struct jc_trainer *trainer, double time_s, struct jc_error *error) {
  for (uint32_t i = trainer->graph.node_count; i-- > 0 && !jc_error_is_set(error);)
    time_s = run_layer(trainer, i, JC_DIRECTION_BACKWARD, true, time_s,
                       &trainer->times[i].backward_s, error);
  return time_s;
}

static void update_parameter(const struct jc_trainer *trainer,
                             const struct jc_parameter *parameter) {
  const struct jc_graph *graph = &trainer->graph;
  struct jc_optimizer_tensor tensor = {
      .count = jc_layout_bytes(parameter->layout) / sizeof(float),
      .value = jc_graph_address(graph, parameter->value),
      .gradient = jc_graph_address(graph, parameter->gradient),
  };
  for (uint32_t i = 0; i < jc_optimizer_facts(trainer->rates.optimizer)->state; i++)
    tensor.state[i] = jc_graph_address(graph, parameter->state[i]);
  jc_optimizer_update(&graph->pool, &trainer->rates, trainer->updates, &tensor);
}

static double update(struct jc_trainer *trainer, double time_s) {
  trainer->updates++;
  for (uint32_t i = 0; i < trainer->graph.node_count; i++) {
    const struct jc_parameter *parameters = trainer->graph.nodes[i].parameters;
    trainer->times[i].update_s = 0;
    if (!trainer->graph.nodes[i].trains_weights)
      continue;
    for (int role = 0; role < JC_PARAMETER_ROLE_COUNT; role++)
      if (parameters[role].count > 0)
        update_parameter(trainer, &parameters[role]);
    const double after_s = now_s();
    trainer->times[i].update_s = after_s - time_s;
    time_s = after_s;
  }
  return time_s;
}

/* Loss of output K, and the gradient of its weighted part in the whole. */
static struct jc_loss loss_of(struct jc_trainer *trainer, uint32_t output, double weight,
                              bool training) {
  const struct jc_graph *graph = &trainer->graph;
  const struct jc_tensor *logits = &graph->tensors[graph->analysis->network->outputs[output]];
  float *gradient =
      training && logits->needs_gradient ? jc_graph_address(graph, logits->gradient) : NULL;
  return jc_loss_cross_entropy(jc_graph_address(graph, logits->buffer), jc_trainer_labels(trainer),
                               graph->options.batch_size, trainer->classes, weight, gradient);
}

static double measure_loss(struct jc_trainer *trainer, bool training, double time_s,
                           struct jc_step *step) {
  const struct jc_network *network = trainer->graph.analysis->network;
  struct jc_loss loss = loss_of(trainer, 0, 1, training);
  for (uint32_t k = 1; k < network->output_count; k++) {
    const double weight = trainer->graph.options.auxiliary_weight;
    if (runs(&trainer->graph, network->outputs[k] - network->input_count, training))
      loss.loss += weight * loss_of(trainer, k, weight, training).loss;
  }
  const double after_s = now_s();
  *step =
      (struct jc_step){.loss = loss.loss, .correct = loss.correct, .loss_time_s = after_s - time_s};
  return after_s;
}

enum jc_status jc_trainer_step(struct jc_trainer *trainer, struct jc_step *step,
                               struct jc_error *error) {
  if (jc_error_is_set(error) || check_labels(trainer, error) != JC_OK)
    return error->status;
  jc_pool_enter(&trainer->graph.pool);
  const double start_s = now_s();
  double time_s = forward(trainer, true, start_s, error);
  time_s = measure_loss(trainer, true, time_s, step);
  time_s = backward(trainer, time_s, error);
  if (!jc_error_is_set(error))
    time_s = update(trainer, time_s);
  step->time_s = time_s - start_s;
  trainer->step++;
  return error->status;
}

enum jc_status jc_trainer_validate(struct jc_trainer *trainer, struct jc_step *step,
                                   struct jc_error *error) {
  if (jc_error_is_set(error) || check_labels(trainer, error) != JC_OK)
    return error->status;
  jc_pool_enter(&trainer->graph.pool);
  memset(trainer->times, 0, trainer->graph.node_count * sizeof(*trainer->times));
  const double start_s = now_s();
  double time_s = forward(trainer, false, start_s, error);
  time_s = measure_loss(trainer, false, time_s, step);
  step->time_s = time_s - start_s;
  return error->status;
}

void jc_trainer_set_learning_rate(struct jc_trainer *trainer, double learning_rate) {
  trainer->rates.learning_rate = learning_rate;
}

void jc_trainer_set_step(struct jc_trainer *trainer, uint64_t step) {
  trainer->step = step;
}

/* ---- facts ---- */

const struct jc_layer_times *jc_trainer_times(const struct jc_trainer *trainer) {
  return trainer->times;
}

struct jc_layer_facts jc_trainer_facts(const struct jc_trainer *trainer, uint32_t layer) {
  return trainer->graph.nodes[layer].facts;
}

struct jc_trainer_size jc_trainer_size(const struct jc_trainer *trainer) {
  return (struct jc_trainer_size){
      .bytes = trainer->graph.memory.arena_bytes,
      .kept_bytes = trainer->graph.memory.kept_bytes,
      .build_s = trainer->build_s,
  };
}

/* ---- parameters ---- */

static const struct jc_parameter *parameter_of(const struct jc_trainer *trainer, uint32_t layer,
                                               enum jc_parameter_role role) {
  return &trainer->graph.nodes[layer].parameters[role];
}

uint64_t jc_trainer_parameter_count(const struct jc_trainer *trainer, uint32_t layer,
                                    enum jc_parameter_role role) {
  return parameter_of(trainer, layer, role)->count;
}

enum jc_status jc_trainer_parameter_get(struct jc_trainer *trainer, uint32_t layer,
                                        enum jc_parameter_role role, float *values,
                                        struct jc_error *error) {
  const struct jc_parameter *parameter = parameter_of(trainer, layer, role);
  return jc_dnn_copy(trainer->graph.dnn, parameter->layout,
                     jc_graph_address(&trainer->graph, parameter->value), parameter->plain, values,
                     error);
}

enum jc_status jc_trainer_parameter_set(struct jc_trainer *trainer, uint32_t layer,
                                        enum jc_parameter_role role, const float *values,
                                        struct jc_error *error) {
  const struct jc_parameter *parameter = parameter_of(trainer, layer, role);
  return jc_dnn_copy(trainer->graph.dnn, parameter->plain, values, parameter->layout,
                     jc_graph_address(&trainer->graph, parameter->value), error);
}

enum jc_status jc_trainer_parameter_gradient(struct jc_trainer *trainer, uint32_t layer,
                                             enum jc_parameter_role role, float *values,
                                             struct jc_error *error) {
  const struct jc_parameter *parameter = parameter_of(trainer, layer, role);
  if (!parameter->trained)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "layer '%s' is not trained",
                   trainer->graph.nodes[layer].layer->name);
  return jc_dnn_copy(trainer->graph.dnn, parameter->layout,
                     jc_graph_address(&trainer->graph, parameter->gradient), parameter->plain,
                     values, error);
}

static const float *buffer_or_null(const struct jc_trainer *trainer, uint32_t buffer) {
  return buffer == JC_NONE ? NULL : jc_graph_address(&trainer->graph, buffer);
}

const float *jc_trainer_running_mean(const struct jc_trainer *trainer, uint32_t layer) {
  return buffer_or_null(trainer, trainer->graph.nodes[layer].running_mean);
}

const float *jc_trainer_running_variance(const struct jc_trainer *trainer, uint32_t layer) {
  return buffer_or_null(trainer, trainer->graph.nodes[layer].running_variance);
}
