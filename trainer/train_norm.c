/* train_norm.c -- training of batchnorm2d, with a following relu inside it if oneDNN can, and of
 * layernorm. */
#include "trainer/kinds.h"

#include <math.h>

struct norm_state {
  struct jc_dnn_batchnorm norm;
  struct jc_primitive *forward;
  uint32_t mean, variance; /* of the batch */
  uint32_t workspace;      /* which outputs the relu cut off */
  uint32_t source;         /* the input, in the layout of the normalisation */
};

struct running_settings {
  size_t channels;
  float momentum;
  float unbias; /* n / (n - 1) */
};

/* running = (1 - momentum) * running + momentum * batch, the variance unbiased, as PyTorch's.
 * address: running mean, running variance, batch mean, batch variance (biased) */
static void update_running(const struct jc_loop *loop) {
  const struct running_settings *settings = loop->settings;
  const float keep = 1 - settings->momentum;
  float *mean = loop->address[0], *variance = loop->address[1];
  const float *batch_mean = loop->address[2], *batch_variance = loop->address[3];
  for (size_t c = 0; c < settings->channels; c++) {
    mean[c] = keep * mean[c] + settings->momentum * batch_mean[c];
    variance[c] = keep * variance[c] + settings->momentum * settings->unbias * batch_variance[c];
  }
}

/* The reader's relu runs in here; its own forward and backward are then views. Not on plain
 * tensors, where oneDNN 2.6 is five times slower with it than with both apart. */
static bool fuses_relu(const struct jc_graph *graph, const struct jc_layout *layout) {
  const struct jc_node *reader = jc_graph_only_reader(graph);
  return graph->options.fuse_relu && reader != NULL && reader->layer->kind == JC_LAYER_relu &&
         layout != jc_graph_in(graph, 0)->plain;
}

static void use_parameters(struct jc_graph *graph, bool affine) {
  if (!affine)
    return;
  jc_graph_use(graph, JC_ARG_SCALE, graph->node->parameters[JC_PARAMETER_WEIGHT].value);
  jc_graph_use(graph, JC_ARG_SHIFT, graph->node->parameters[JC_PARAMETER_BIAS].value);
}

static void append_training(struct jc_graph *graph, struct jc_node *node, uint32_t destination) {
  const struct norm_state *state = node->state;
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  const double values = (double)(in->dims[0] * in->dims[2] * in->dims[3]);
  jc_graph_primitive(graph, state->forward, JC_IN_TRAINING);
  jc_graph_use(graph, JC_ARG_SOURCE, state->source);
  jc_graph_use(graph, JC_ARG_DESTINATION, destination);
  jc_graph_use(graph, JC_ARG_MEAN, state->mean);
  jc_graph_use(graph, JC_ARG_VARIANCE, state->variance);
  use_parameters(graph, state->norm.affine);
  if (state->norm.relu)
    jc_graph_use(graph, JC_ARG_WORKSPACE, state->workspace);
  const struct running_settings settings = {
      .channels = (size_t)in->dims[1],
      .momentum = (float)node->layer->fields.batchnorm2d.momentum,
      .unbias = (float)(values / (values - 1)),
  };
  jc_graph_loop(graph, update_running, &settings, sizeof(settings), JC_IN_TRAINING);
  jc_graph_use(graph, JC_ARG_DESTINATION, node->running_mean);
  jc_graph_use(graph, JC_ARG_DESTINATION, node->running_variance);
  jc_graph_use(graph, JC_ARG_SOURCE, state->mean);
  jc_graph_use(graph, JC_ARG_SOURCE, state->variance);
}

static void append_validation(struct jc_graph *graph, struct jc_node *node, uint32_t destination) {
  const struct norm_state *state = node->state;
  jc_graph_primitive(
      graph, jc_dnn_batchnorm(graph->dnn, &state->norm, JC_PASS_VALIDATION, NULL, graph->error),
      JC_IN_VALIDATION);
  jc_graph_use(graph, JC_ARG_SOURCE, state->source);
  jc_graph_use(graph, JC_ARG_DESTINATION, destination);
  jc_graph_use(graph, JC_ARG_MEAN, node->running_mean);
  jc_graph_use(graph, JC_ARG_VARIANCE, node->running_variance);
  use_parameters(graph, state->norm.affine);
}

void jc_batchnorm2d_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_batchnorm *fields = &node->layer->fields.batchnorm2d;
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  if (in->dims[0] * in->dims[2] * in->dims[3] < 2)
    jc_graph_fail(graph, JC_ERROR_INVALID,
                  "layer '%s': training needs more than one value per channel; expected a larger "
                  "batch",
                  node->layer->name);
  if (!fields->track_running_stats)
    jc_graph_fail(graph, JC_ERROR_UNAVAILABLE,
                  "layer '%s': a batchnorm2d without running statistics cannot be trained",
                  node->layer->name);
  struct norm_state *state = jc_graph_allocate(graph, sizeof(*state));
  if (state == NULL)
    return;
  node->state = state;
  const struct jc_layout *layout = jc_graph_fast_layout(graph, 0);
  state->norm = (struct jc_dnn_batchnorm){.layout = layout,
                                          .eps = fields->eps,
                                          .affine = fields->affine,
                                          .relu = fuses_relu(graph, layout)};
  state->source = jc_graph_input(graph, 0, layout);
  state->forward = jc_dnn_batchnorm(graph->dnn, &state->norm, JC_PASS_FORWARD, NULL, graph->error);
  const size_t channel_bytes = (size_t)in->dims[1] * sizeof(float);
  state->mean = jc_graph_buffer(graph, channel_bytes);
  state->variance = jc_graph_buffer(graph, channel_bytes);
  state->workspace = jc_graph_buffer(
      graph, jc_layout_bytes(jc_primitive_layout(state->forward, JC_ARG_WORKSPACE)));
  node->running_mean = jc_graph_kept_buffer(graph, channel_bytes);
  node->running_variance = jc_graph_kept_buffer(graph, channel_bytes);
  if (fields->affine) {
    const struct jc_layout *vector = jc_layout_plain(graph->dnn, 1, &in->dims[1], graph->error);
    (void)jc_graph_parameter(graph, JC_PARAMETER_WEIGHT, vector, vector, JC_INIT_ONE, 1);
    (void)jc_graph_parameter(graph, JC_PARAMETER_BIAS, vector, vector, JC_INIT_ZERO, 1);
  }
  const uint32_t destination = jc_graph_output(graph, layout);
  append_training(graph, node, destination);
  append_validation(graph, node, destination);
  node->facts.forward = jc_primitive_name(state->forward);
  if (state->norm.relu)
    jc_graph_only_reader(graph)->facts.fused = true;
}

/* One pass computes all gradients; those that nobody needs are dropped. */
void jc_batchnorm2d_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct norm_state *state = node->state;
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  struct jc_primitive *backward =
      jc_dnn_batchnorm(graph->dnn, &state->norm, JC_PASS_BACKWARD, state->forward, graph->error);
  const struct jc_layout *vector = jc_layout_plain(graph->dnn, 1, &in->dims[1], graph->error);
  const struct jc_layout *layout = state->norm.layout;
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(layout));
  const uint32_t scale_gradient = jc_graph_buffer(graph, jc_layout_bytes(vector));
  const uint32_t shift_gradient = jc_graph_buffer(graph, jc_layout_bytes(vector));
  const uint32_t output_gradient = jc_graph_output_gradient(graph, layout);
  jc_graph_primitive(graph, backward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, state->source);
  jc_graph_use(graph, JC_ARG_MEAN, state->mean);
  jc_graph_use(graph, JC_ARG_VARIANCE, state->variance);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, output_gradient);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  use_parameters(graph, state->norm.affine);
  if (state->norm.affine) {
    jc_graph_use(graph, JC_ARG_SCALE_GRADIENT, scale_gradient);
    jc_graph_use(graph, JC_ARG_SHIFT_GRADIENT, shift_gradient);
  }
  if (state->norm.relu)
    jc_graph_use(graph, JC_ARG_WORKSPACE, state->workspace);
  if (jc_graph_input_needs_gradient(graph, 0))
    jc_graph_input_gradient(graph, 0, gradient, layout);
  if (node->trains_weights) {
    jc_graph_parameter_gradient(graph, JC_PARAMETER_WEIGHT, scale_gradient, vector);
    jc_graph_parameter_gradient(graph, JC_PARAMETER_BIAS, shift_gradient, vector);
  }
  node->facts.backward = jc_primitive_name(backward);
}

/* ---- layernorm ---- */

struct layernorm_state {
  struct jc_dnn_layernorm norm;
  struct jc_primitive *forward;
  uint32_t mean, variance;        /* of each row */
  const struct jc_layout *vector; /* of the parameters, in memory */
};

static const enum jc_arg values[] = {JC_ARG_SCALE, JC_ARG_SHIFT};
static const enum jc_arg gradients[] = {JC_ARG_SCALE_GRADIENT, JC_ARG_SHIFT_GRADIENT};

static struct jc_dnn_layernorm describe_layernorm(const struct jc_graph *graph,
                                                  const struct jc_node *node) {
  const struct jc_layernorm *fields = &node->layer->fields.layernorm;
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  struct jc_dnn_layernorm norm = {.rows = 1,
                                  .length = 1,
                                  .eps = fields->eps,
                                  .scale = fields->elementwise_affine,
                                  .shift = fields->elementwise_affine && fields->bias};
  for (uint32_t d = 0; d < in->rank; d++)
    *(d < in->rank - fields->normalized_dims ? &norm.rows : &norm.length) *= in->dims[d];
  return norm;
}

/* The statistics and those parameters that there are. */
static void use_rows(struct jc_graph *graph, const struct layernorm_state *state) {
  const bool has[] = {state->norm.scale, state->norm.shift};
  jc_graph_use(graph, JC_ARG_MEAN, state->mean);
  jc_graph_use(graph, JC_ARG_VARIANCE, state->variance);
  for (int role = 0; role < JC_PARAMETER_ROLE_COUNT; role++)
    if (has[role])
      jc_graph_use(graph, values[role], graph->node->parameters[role].value);
}

void jc_layernorm_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *plain = jc_graph_out(graph)->plain;
  struct layernorm_state *state = jc_graph_allocate(graph, sizeof(*state));
  if (state == NULL)
    return;
  node->state = state;
  state->norm = describe_layernorm(graph, node);
  state->forward = jc_dnn_layernorm(graph->dnn, &state->norm, JC_PASS_FORWARD, NULL, graph->error);
  state->mean = jc_graph_buffer(graph, (size_t)state->norm.rows * sizeof(float));
  state->variance = jc_graph_buffer(graph, (size_t)state->norm.rows * sizeof(float));
  state->vector = jc_layout_plain(graph->dnn, 1, &state->norm.length, graph->error);
  if (state->norm.scale)
    (void)jc_graph_parameter(graph, JC_PARAMETER_WEIGHT, state->vector, state->vector, JC_INIT_ONE,
                             1);
  if (state->norm.shift)
    (void)jc_graph_parameter(graph, JC_PARAMETER_BIAS, state->vector, state->vector, JC_INIT_ZERO,
                             1);
  const uint32_t source = jc_graph_input(graph, 0, plain);
  const uint32_t destination = jc_graph_output(graph, plain);
  jc_graph_primitive(graph, state->forward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  jc_graph_use(graph, JC_ARG_DESTINATION, destination);
  use_rows(graph, state);
  node->facts.forward = jc_primitive_name(state->forward);
}

/* One pass computes all gradients, as of batchnorm2d. */
void jc_layernorm_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct layernorm_state *state = node->state;
  const struct jc_layout *plain = jc_graph_out(graph)->plain;
  struct jc_primitive *backward =
      jc_dnn_layernorm(graph->dnn, &state->norm, JC_PASS_BACKWARD, state->forward, graph->error);
  const bool has[] = {state->norm.scale, state->norm.shift};
  const uint32_t out_gradient = jc_graph_output_gradient(graph, plain);
  const uint32_t source = jc_graph_input(graph, 0, plain);
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(plain));
  jc_graph_primitive(graph, backward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  use_rows(graph, state);
  for (int role = 0; role < JC_PARAMETER_ROLE_COUNT; role++) {
    const uint32_t vector = jc_graph_buffer(graph, jc_layout_bytes(state->vector));
    if (!has[role])
      continue;
    jc_graph_use(graph, gradients[role], vector);
    if (node->trains_weights)
      jc_graph_parameter_gradient(graph, (enum jc_parameter_role)role, vector, state->vector);
  }
  if (jc_graph_input_needs_gradient(graph, 0))
    jc_graph_input_gradient(graph, 0, gradient, plain);
  node->facts.backward = jc_primitive_name(backward);
}
