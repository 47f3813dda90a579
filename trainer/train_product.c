/* train_product.c -- training of the layers that multiply by weights: conv2d, linear. */
#include "trainer/depthwise.h"
#include "trainer/kinds.h"

struct product_state {
  union {
    struct jc_dnn_conv conv;
    struct jc_dnn_linear linear;
  };
  struct jc_primitive *forward;
};

/* Operations that conv2d and linear share, once their primitives are made. The layouts of the
 * activations are those the caller has on either side: PRIMITIVE's own for a convolution. */

static void append_forward(struct jc_graph *graph, struct jc_primitive *forward, uint32_t source,
                           uint32_t destination, bool bias) {
  const struct jc_parameter *parameters = graph->node->parameters;
  jc_graph_primitive(graph, forward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  jc_graph_use(graph, JC_ARG_WEIGHTS, parameters[JC_PARAMETER_WEIGHT].value);
  if (bias)
    jc_graph_use(graph, JC_ARG_BIAS, parameters[JC_PARAMETER_BIAS].value);
  jc_graph_use(graph, JC_ARG_DESTINATION, destination);
  graph->node->facts.forward = jc_primitive_name(forward);
}

static void append_backward_data(struct jc_graph *graph, struct jc_primitive *backward,
                                 uint32_t destination_gradient,
                                 const struct jc_layout *source_layout) {
  const struct jc_parameter *weights = &graph->node->parameters[JC_PARAMETER_WEIGHT];
  const struct jc_layout *weight_layout = jc_primitive_layout(backward, JC_ARG_WEIGHTS);
  const struct jc_layout *gradient_layout = jc_primitive_layout(backward, JC_ARG_SOURCE_GRADIENT);
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(gradient_layout));
  const uint32_t reordered =
      jc_graph_reorder(graph, weights->value, weights->layout, weight_layout);
  jc_graph_primitive(graph, backward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, destination_gradient);
  jc_graph_use(graph, JC_ARG_WEIGHTS, reordered);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_input_gradient(graph, 0, gradient, source_layout);
  graph->node->facts.backward = jc_primitive_name(backward);
}

static void append_backward_weights(struct jc_graph *graph, struct jc_primitive *backward,
                                    uint32_t source, uint32_t destination_gradient, bool bias) {
  const struct jc_layout *layout = jc_primitive_layout(backward, JC_ARG_WEIGHTS_GRADIENT);
  const struct jc_layout *bias_layout = jc_primitive_layout(backward, JC_ARG_BIAS_GRADIENT);
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(layout));
  const uint32_t bias_gradient = jc_graph_buffer(graph, jc_layout_bytes(bias_layout));
  jc_graph_primitive(graph, backward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, destination_gradient);
  jc_graph_use(graph, JC_ARG_WEIGHTS_GRADIENT, gradient);
  if (bias)
    jc_graph_use(graph, JC_ARG_BIAS_GRADIENT, bias_gradient);
  jc_graph_parameter_gradient(graph, JC_PARAMETER_WEIGHT, gradient, layout);
  if (bias)
    jc_graph_parameter_gradient(graph, JC_PARAMETER_BIAS, bias_gradient, bias_layout);
  graph->node->facts.backward_weights = jc_primitive_name(backward);
}

static void declare_parameters(struct jc_graph *graph, const struct jc_primitive *forward,
                               uint32_t rank, const int64_t *weight_dims, int64_t outputs,
                               bool bias, uint64_t fan_in) {
  const struct jc_layout *plain = jc_layout_plain(graph->dnn, rank, weight_dims, graph->error);
  (void)jc_graph_parameter(graph, JC_PARAMETER_WEIGHT, jc_primitive_layout(forward, JC_ARG_WEIGHTS),
                           plain, JC_INIT_WEIGHT, fan_in);
  if (bias) {
    const struct jc_layout *vector = jc_layout_plain(graph->dnn, 1, &outputs, graph->error);
    (void)jc_graph_parameter(graph, JC_PARAMETER_BIAS, vector, vector, JC_INIT_BIAS, fan_in);
  }
}

/* ---- conv2d ---- */

static struct jc_dnn_conv describe_conv(const struct jc_graph *graph, const struct jc_node *node) {
  const struct jc_conv *fields = &node->layer->fields.conv2d;
  const struct jc_tensor *in = jc_graph_in(graph, 0), *out = jc_graph_out(graph);
  struct jc_dnn_conv conv = {
      .batch = in->dims[0],
      .groups = fields->groups == JC_GROUPS_IN_CHANNELS ? in->dims[1] : fields->groups,
      .in = {in->dims[1], in->dims[2], in->dims[3]},
      .out = {out->dims[1], out->dims[2], out->dims[3]},
      .window =
          {
              .kernel = {fields->kernel_size.h, fields->kernel_size.w},
              .stride = {fields->stride.h, fields->stride.w},
              .dilation = {fields->dilation.h, fields->dilation.w},
          },
      .bias = fields->bias,
  };
  for (uint32_t axis = 0; axis < 2; axis++) {
    uint64_t before, behind;
    jc_conv_padding(fields, axis, &before, &behind);
    conv.window.before[axis] = (int64_t)before;
    conv.window.after[axis] = (int64_t)behind;
  }
  return conv;
}

/* Blocks of 4 or 8 channels, which a convolution of so many a group makes, serve nothing else:
 * oneDNN 2.6 normalises them with its reference code, 50 times slower than the usual ones. */
static bool has_narrow_blocks(const struct jc_layout *layout, const struct jc_layout *usual) {
  struct jc_image image, usual_image;
  return layout != NULL && usual != NULL && jc_layout_image(layout, &image) &&
         jc_layout_image(usual, &usual_image) && image.block > 1 && image.block < usual_image.block;
}

/* The buffer a convolution writes to, and what readers see of it. */
static void append_conv(struct jc_graph *graph, struct jc_primitive *forward, bool bias) {
  const uint32_t source = jc_graph_input(graph, 0, jc_primitive_layout(forward, JC_ARG_SOURCE));
  const struct jc_layout *layout = jc_primitive_layout(forward, JC_ARG_DESTINATION);
  const struct jc_layout *usual =
      jc_layout_fast(graph->dnn, jc_graph_out(graph)->dims, graph->error);
  if (!has_narrow_blocks(layout, usual)) {
    append_forward(graph, forward, source, jc_graph_output(graph, layout), bias);
    return;
  }
  const uint32_t narrow = jc_graph_buffer(graph, jc_layout_bytes(layout));
  append_forward(graph, forward, source, narrow, bias);
  jc_graph_output_view(graph, jc_graph_reorder(graph, narrow, layout, usual), usual);
}

void jc_conv2d_forward(struct jc_graph *graph, struct jc_node *node) {
  struct product_state *state = jc_graph_allocate(graph, sizeof(*state));
  if (state == NULL)
    return;
  node->state = state;
  state->conv = describe_conv(graph, node);
  const struct jc_dnn_conv *conv = &state->conv;
  struct jc_primitive *forward = state->forward =
      jc_dnn_conv(graph->dnn, conv, JC_PASS_FORWARD, NULL, graph->error);
  const int64_t weight_dims[] = {conv->groups, conv->out[0] / conv->groups,
                                 conv->in[0] / conv->groups, conv->window.kernel[0],
                                 conv->window.kernel[1]};
  const uint32_t ungrouped = conv->groups == 1;
  declare_parameters(graph, forward, 5 - ungrouped, weight_dims + ungrouped, conv->out[0],
                     conv->bias, (uint64_t)(weight_dims[2] * weight_dims[3] * weight_dims[4]));
  append_conv(graph, forward, conv->bias);
}

void jc_conv2d_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct product_state *state = node->state;
  const struct jc_dnn_conv *conv = &state->conv;
  if (jc_graph_input_needs_gradient(graph, 0)) {
    struct jc_primitive *data =
        jc_dnn_conv(graph->dnn, conv, JC_PASS_BACKWARD_DATA, state->forward, graph->error);
    append_backward_data(
        graph, data,
        jc_graph_output_gradient(graph, jc_primitive_layout(data, JC_ARG_DESTINATION_GRADIENT)),
        jc_primitive_layout(data, JC_ARG_SOURCE_GRADIENT));
  }
  if (node->trains_weights) {
    struct jc_primitive *weights =
        jc_dnn_conv(graph->dnn, conv, JC_PASS_BACKWARD_WEIGHTS, state->forward, graph->error);
    if (jc_depthwise_is_slow(conv, weights) && jc_depthwise_backward_weights(graph, conv))
      return;
    append_backward_weights(
        graph, weights, jc_graph_input(graph, 0, jc_primitive_layout(weights, JC_ARG_SOURCE)),
        jc_graph_output_gradient(graph, jc_primitive_layout(weights, JC_ARG_DESTINATION_GRADIENT)),
        conv->bias);
  }
}

/* ---- linear ---- */

/* Acts on the last dimension; all before it are rows. The input is brought into plain order once:
 * oneDNN's backward on a blocked image runs at a third of the speed. */
void jc_linear_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  struct product_state *state = jc_graph_allocate(graph, sizeof(*state));
  if (state == NULL)
    return;
  node->state = state;
  state->linear = (struct jc_dnn_linear){
      .rows = 1,
      .in = in->dims[in->rank - 1],
      .out = node->layer->fields.linear.out_features,
      .bias = node->layer->fields.linear.bias,
  };
  for (uint32_t d = 0; d + 1 < in->rank; d++)
    state->linear.rows *= in->dims[d];
  state->forward = jc_dnn_linear(graph->dnn, &state->linear, JC_PASS_FORWARD, NULL, graph->error);
  const int64_t weight_dims[] = {state->linear.out, state->linear.in};
  declare_parameters(graph, state->forward, 2, weight_dims, state->linear.out, state->linear.bias,
                     (uint64_t)state->linear.in);
  append_forward(graph, state->forward, jc_graph_input(graph, 0, in->plain),
                 jc_graph_output(graph, jc_graph_out(graph)->plain), state->linear.bias);
}

void jc_linear_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct product_state *state = node->state;
  const struct jc_layout *plain = jc_graph_in(graph, 0)->plain;
  const uint32_t gradient = jc_graph_output_gradient(graph, jc_graph_out(graph)->plain);
  if (jc_graph_input_needs_gradient(graph, 0))
    append_backward_data(graph,
                         jc_dnn_linear(graph->dnn, &state->linear, JC_PASS_BACKWARD_DATA,
                                       state->forward, graph->error),
                         gradient, plain);
  if (node->trains_weights)
    append_backward_weights(graph,
                            jc_dnn_linear(graph->dnn, &state->linear, JC_PASS_BACKWARD_WEIGHTS,
                                          state->forward, graph->error),
                            jc_graph_input(graph, 0, plain), gradient, state->linear.bias);
}
