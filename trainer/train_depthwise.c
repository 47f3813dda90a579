/* train_depthwise.c -- dw[c, i, j] = sum over images and outputs of x[c, ...] dy[c, ...]; db[c] =
 * sum of dy[c, ...]. */
#include <string.h>

#include "trainer/depthwise.h"
#include "trainer/loops.h"

enum { LARGEST_BLOCK = 16 }; /* channels that lie together */

struct depthwise_settings {
  struct jc_dnn_conv conv;
  struct jc_image in, out; /* of the same blocks */
};

/* Outputs along an axis whose window has its element K inside the input. */
struct reach {
  int64_t begin, end;
};

static struct reach reach_of(const struct jc_dnn_conv *conv, int axis, int64_t k) {
  const int64_t offset = k * conv->window.dilation[axis] - conv->window.before[axis];
  const int64_t stride = conv->window.stride[axis], in = conv->in[1 + axis];
  const int64_t outs = conv->out[1 + axis];
  const int64_t begin = offset < 0 ? (-offset + stride - 1) / stride : 0;
  const int64_t end = in - offset <= 0 ? 0 : (in - offset - 1) / stride + 1;
  return (struct reach){begin < outs ? begin : outs, end < outs ? end : outs};
}

/* Adds to SUMS [block] what one element (I, J) of the window gets from one image. */
static inline void add_image(const struct depthwise_settings *s, const float *x, const float *dy,
                             int64_t i, int64_t j, size_t block, float *sums) {
  const struct jc_dnn_window *w = &s->conv.window;
  const struct reach rows = reach_of(&s->conv, 0, i), columns = reach_of(&s->conv, 1, j);
  float sum[LARGEST_BLOCK] = {0}; /* of one image first: sums of thousands lose digits */
  for (int64_t row = rows.begin; row < rows.end; row++) {
    const int64_t y = row * w->stride[0] + i * w->dilation[0] - w->before[0];
    for (int64_t column = columns.begin; column < columns.end; column++) {
      const int64_t at = column * w->stride[1] + j * w->dilation[1] - w->before[1];
      const float *from = x + (size_t)(y * s->conv.in[2] + at) * block;
      const float *gradient = dy + (size_t)(row * s->conv.out[2] + column) * block;
      for (size_t c = 0; c < block; c++)
        sum[c] += from[c] * gradient[c];
    }
  }
  for (size_t c = 0; c < block; c++)
    sums[c] += sum[c];
}

static void add_gradient(const struct depthwise_settings *s, const float *dy, size_t block,
                         float *sums) {
  float sum[LARGEST_BLOCK] = {0};
  for (size_t p = 0; p < s->out.pixels; p++)
    for (size_t c = 0; c < block; c++)
      sum[c] += dy[p * block + c];
  for (size_t c = 0; c < block; c++)
    sums[c] += sum[c];
}

/* GROUP of image N in TENSOR, which lies as IMAGE says. */
static const float *group_of(const void *tensor, const struct jc_image *image, size_t n,
                             size_t group) {
  return (const float *)tensor + (n * image->blocks + group) * image->pixels * image->block;
}

/* address: gradient of the weights [channels, height, width], input, gradient of the output, and
 * perhaps the gradient of the bias. BLOCK is known when this is compiled for the usual one, so that
 * its loops become vectors. */
static inline void block_gradient(const struct jc_loop *loop, size_t group, size_t block) {
  const struct depthwise_settings *s = loop->settings;
  const int64_t height = s->conv.window.kernel[0], width = s->conv.window.kernel[1];
  const size_t window = (size_t)(height * width), channels = jc_image_channels(&s->in, group);
  float *weights = (float *)loop->address[0] + group * block * window;
  for (size_t k = 0; k < window; k++) {
    float sums[LARGEST_BLOCK] = {0};
    for (size_t n = 0; n < s->in.batch; n++)
      add_image(s, group_of(loop->address[1], &s->in, n, group),
                group_of(loop->address[2], &s->out, n, group), (int64_t)k / width,
                (int64_t)k % width, block, sums);
    for (size_t c = 0; c < channels; c++)
      weights[c * window + k] = sums[c];
  }
  if (s->conv.bias) {
    float sums[LARGEST_BLOCK] = {0};
    for (size_t n = 0; n < s->in.batch; n++)
      add_gradient(s, group_of(loop->address[2], &s->out, n, group), block, sums);
    memcpy((float *)loop->address[3] + group * block, sums, channels * sizeof(float));
  }
}

static void gradient_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const size_t block = ((const struct depthwise_settings *)loop->settings)->in.block;
  for (size_t group = begin; group < end; group++)
    if (block == LARGEST_BLOCK)
      block_gradient(loop, group, LARGEST_BLOCK);
    else
      block_gradient(loop, group, block);
}

static void gradient(const struct jc_loop *loop) {
  const struct depthwise_settings *s = loop->settings;
  jc_pool_run(loop->pool, s->in.blocks, 1, gradient_range, loop);
}

bool jc_depthwise_is_slow(const struct jc_dnn_conv *conv, const struct jc_primitive *primitive) {
  return conv->groups == conv->in[0] && conv->in[0] == conv->out[0] && conv->groups > 1 &&
         strstr(jc_primitive_name(primitive), "gemm") != NULL;
}

/* How own loops see a tensor in oneDNN's fast layout, which is returned; NULL if they cannot. */
static const struct jc_layout *fast_image(struct jc_graph *graph, const struct jc_tensor *tensor,
                                          struct jc_image *image) {
  const struct jc_layout *fast = jc_layout_fast(graph->dnn, tensor->dims, graph->error);
  if (fast == NULL || !jc_layout_image(fast, image) || image->block > LARGEST_BLOCK)
    return NULL;
  return fast;
}

bool jc_depthwise_backward_weights(struct jc_graph *graph, const struct jc_dnn_conv *conv) {
  struct depthwise_settings settings = {.conv = *conv};
  const struct jc_layout *in = fast_image(graph, jc_graph_in(graph, 0), &settings.in);
  const struct jc_layout *out = fast_image(graph, jc_graph_out(graph), &settings.out);
  if (in == NULL || out == NULL || settings.in.block != settings.out.block)
    return false;
  const struct jc_parameter *parameters = graph->node->parameters;
  const struct jc_layout *weights = parameters[JC_PARAMETER_WEIGHT].plain;
  const uint32_t source = jc_graph_input(graph, 0, in);
  const uint32_t output_gradient = jc_graph_output_gradient(graph, out);
  const uint32_t weight_gradient = jc_graph_buffer(graph, jc_layout_bytes(weights));
  jc_graph_loop(graph, gradient, &settings, sizeof(settings), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_WEIGHTS_GRADIENT, weight_gradient);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, output_gradient);
  if (conv->bias) {
    const struct jc_layout *bias = parameters[JC_PARAMETER_BIAS].plain;
    const uint32_t bias_gradient = jc_graph_buffer(graph, jc_layout_bytes(bias));
    jc_graph_use(graph, JC_ARG_BIAS_GRADIENT, bias_gradient);
    jc_graph_parameter_gradient(graph, JC_PARAMETER_BIAS, bias_gradient, bias);
  }
  jc_graph_parameter_gradient(graph, JC_PARAMETER_WEIGHT, weight_gradient, weights);
  graph->node->facts.backward_weights = JC_LOOP_NAME;
  return true;
}
