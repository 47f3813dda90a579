/* train_activation.c -- training of functions of one element: relu, relu6, sigmoid, silu, gelu,
 * hardswish by oneDNN; hardsigmoid, which oneDNN 2.x lacks, by own loops. */
#include <math.h>

#include "trainer/kinds.h"
#include "trainer/loops.h"

/* ---- by oneDNN ---- */

static const struct activation {
  enum jc_dnn_function function;
  enum jc_arg backward_reads;
} activations[JC_LAYER_KIND_COUNT] = {
    [JC_LAYER_relu] = {JC_FUNCTION_RELU, JC_ARG_DESTINATION},
    [JC_LAYER_relu6] = {JC_FUNCTION_RELU6, JC_ARG_DESTINATION},
    [JC_LAYER_sigmoid] = {JC_FUNCTION_SIGMOID, JC_ARG_DESTINATION},
    [JC_LAYER_silu] = {JC_FUNCTION_SILU, JC_ARG_SOURCE},
    [JC_LAYER_hardswish] = {JC_FUNCTION_HARDSWISH, JC_ARG_SOURCE},
    [JC_LAYER_gelu] = {JC_FUNCTION_GELU, JC_ARG_SOURCE},
};

static enum jc_dnn_function function_of(const struct jc_node *node) {
  if (node->layer->kind == JC_LAYER_gelu && node->layer->fields.gelu.approximate != 0)
    return JC_FUNCTION_GELU_TANH;
  return activations[node->layer->kind].function;
}

void jc_activation_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  if (node->facts.fused) {
    jc_graph_output_view(graph, in->buffer, in->layout);
    return;
  }
  struct jc_primitive *forward = jc_dnn_elementwise(graph->dnn, function_of(node), in->layout,
                                                    JC_PASS_FORWARD, NULL, graph->error);
  const uint32_t out = jc_graph_output(graph, in->layout);
  jc_graph_primitive(graph, forward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, in->buffer);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  node->state = forward;
  node->facts.forward = jc_primitive_name(forward);
}

void jc_activation_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  const uint32_t out_gradient = jc_graph_output_gradient(graph, in->layout);
  if (node->facts.fused) {
    jc_graph_input_gradient(graph, 0, out_gradient, in->layout);
    return;
  }
  struct jc_primitive *backward = jc_dnn_elementwise(graph->dnn, function_of(node), in->layout,
                                                     JC_PASS_BACKWARD, node->state, graph->error);
  const enum jc_arg reads = activations[node->layer->kind].backward_reads;
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(in->layout));
  jc_graph_primitive(graph, backward, JC_ALWAYS);
  jc_graph_use(graph, reads, reads == JC_ARG_SOURCE ? in->buffer : jc_graph_out(graph)->buffer);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_input_gradient(graph, 0, gradient, in->layout);
  node->facts.backward = jc_primitive_name(backward);
}

/* ---- hardsigmoid ---- */

/* address: output, input. The function of 0 is not 0, so the zeros that fill a block up are put
 * back. */
static void hardsigmoid_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct jc_image *image = loop->settings;
  const size_t group = image->pixels * image->block;
  for (size_t g = begin; g < end; g++) {
    float *out = (float *)loop->address[0] + g * group;
    const float *in = (const float *)loop->address[1] + g * group;
    for (size_t i = 0; i < group; i++) {
      const float above = in[i] + 3 > 0 ? in[i] + 3 : 0;
      out[i] = (above < 6 ? above : 6) * (1.0F / 6);
    }
    const size_t used = jc_image_channels(image, g);
    for (size_t p = 0; used < image->block && p < image->pixels; p++)
      for (size_t c = used; c < image->block; c++)
        out[p * image->block + c] = 0;
  }
}

static void hardsigmoid(const struct jc_loop *loop) {
  const struct jc_image *image = loop->settings;
  jc_pool_run(loop->pool, image->batch * image->blocks, jc_image_grain(image), hardsigmoid_range,
              loop);
}

/* address: gradient of the input, input, gradient of the output */
static void hardsigmoid_gradient_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  float *gradient = loop->address[0];
  const float *in = loop->address[1], *out_gradient = loop->address[2];
  for (size_t i = begin; i < end; i++)
    gradient[i] = fabsf(in[i]) < 3 ? out_gradient[i] * (1.0F / 6) : 0;
}

static void hardsigmoid_gradient(const struct jc_loop *loop) {
  jc_pool_run(loop->pool, *(const size_t *)loop->settings, JC_LOOP_GRAIN,
              hardsigmoid_gradient_range, loop);
}

void jc_hardsigmoid_forward(struct jc_graph *graph, struct jc_node *node) {
  struct jc_image image;
  const struct jc_layout *layout = jc_graph_image(graph, 0, &image);
  const uint32_t in = jc_graph_input(graph, 0, layout);
  const uint32_t out = jc_graph_output(graph, layout);
  jc_graph_loop(graph, hardsigmoid, &image, sizeof(image), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  jc_graph_use(graph, JC_ARG_SOURCE, in);
  node->facts.forward = JC_LOOP_NAME;
}

void jc_hardsigmoid_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *layout = jc_graph_out(graph)->layout;
  const size_t elements = jc_layout_bytes(layout) / sizeof(float);
  const uint32_t in = jc_graph_input(graph, 0, layout);
  const uint32_t out_gradient = jc_graph_output_gradient(graph, layout);
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(layout));
  jc_graph_loop(graph, hardsigmoid_gradient, &elements, sizeof(elements), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_use(graph, JC_ARG_SOURCE, in);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
  jc_graph_input_gradient(graph, 0, gradient, layout);
  node->facts.backward = JC_LOOP_NAME;
}
