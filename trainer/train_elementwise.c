/* train_elementwise.c -- training of dropout, stochastic_depth, softmax. */
#include <math.h>

#include "trainer/kinds.h"
#include "trainer/loops.h"

static size_t elements_of(const struct jc_layout *layout) {
  return jc_layout_bytes(layout) / sizeof(float);
}

/* Of a layer whose model says P. */
static double drop_p(const struct jc_graph *graph, double p) {
  return graph->options.dropout_p < 0 ? p : graph->options.dropout_p;
}

/* Of a draw's upper 24 bits, below which something is dropped. */
static uint64_t drop_threshold(double p) {
  return (uint64_t)ceil(p * 0x1p24);
}

/* Factor of what stays. */
static float drop_scale(double p) {
  return p < 1 ? (float)(1 / (1 - p)) : 0;
}

/* ---- dropout ---- */

struct dropout_settings {
  size_t elements;
  uint64_t threshold;
  float scale;
  uint64_t seed;
};

struct dropout_state {
  struct dropout_settings settings;
  uint32_t mask; /* one byte an element */
};

struct dropout_range {
  const struct jc_loop *loop;
  uint64_t stream;
};

/* address: output, mask, input. A product instead of a choice: half of the branches would be
 * guessed wrong, and a layer took twice as long for p = 0.5 as for 0.1. */
static void drop_range(const void *context, size_t begin, size_t end) {
  const struct dropout_range *range = context;
  const struct dropout_settings *settings = range->loop->settings;
  float *out = range->loop->address[0];
  unsigned char *mask = range->loop->address[1];
  const float *in = range->loop->address[2];
  for (size_t i = begin; i < end; i++) {
    mask[i] = (jc_draw_bits(range->stream, i) >> 40) >= settings->threshold;
    out[i] = in[i] * ((float)mask[i] * settings->scale);
  }
}

static void drop(const struct jc_loop *loop) {
  const struct dropout_settings *settings = loop->settings;
  const struct dropout_range range = {loop, jc_draw_bits(settings->seed, loop->step)};
  jc_pool_run(loop->pool, settings->elements, JC_LOOP_GRAIN, drop_range, &range);
}

/* address: gradient of the input, mask, gradient of the output */
static void drop_gradient_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct dropout_settings *settings = loop->settings;
  float *gradient = loop->address[0];
  const unsigned char *mask = loop->address[1];
  const float *out_gradient = loop->address[2];
  for (size_t i = begin; i < end; i++)
    gradient[i] = out_gradient[i] * ((float)mask[i] * settings->scale);
}

static void drop_gradient(const struct jc_loop *loop) {
  const struct dropout_settings *settings = loop->settings;
  jc_pool_run(loop->pool, settings->elements, JC_LOOP_GRAIN, drop_gradient_range, loop);
}

void jc_dropout_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  const double p = drop_p(graph, node->layer->fields.dropout.p);
  if (p == 0) {
    jc_graph_output_view(graph, in->buffer, in->layout);
    return;
  }
  struct dropout_state *state = jc_graph_allocate(graph, sizeof(*state));
  if (state == NULL)
    return;
  node->state = state;
  state->settings = (struct dropout_settings){
      .elements = elements_of(in->layout),
      .threshold = drop_threshold(p),
      .scale = drop_scale(p),
      .seed = jc_stream(graph->options.seed, node->layer->name),
  };
  state->mask = jc_graph_buffer(graph, state->settings.elements);
  const uint32_t out = jc_graph_output(graph, in->layout);
  jc_graph_loop(graph, drop, &state->settings, sizeof(state->settings), JC_IN_TRAINING);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  jc_graph_use(graph, JC_ARG_WORKSPACE, state->mask);
  jc_graph_use(graph, JC_ARG_SOURCE, in->buffer);
  jc_graph_loop(graph, jc_loop_copy, &state->settings.elements, sizeof(size_t), JC_IN_VALIDATION);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  jc_graph_use(graph, JC_ARG_SOURCE, in->buffer);
  node->facts.forward = JC_LOOP_NAME;
}

void jc_dropout_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *layout = jc_graph_in(graph, 0)->layout;
  const uint32_t out_gradient = jc_graph_output_gradient(graph, layout);
  const struct dropout_state *state = node->state;
  if (state == NULL) { /* p = 0 */
    jc_graph_input_gradient(graph, 0, out_gradient, layout);
    return;
  }
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(layout));
  jc_graph_loop(graph, drop_gradient, &state->settings, sizeof(state->settings), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_use(graph, JC_ARG_WORKSPACE, state->mask);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
  jc_graph_input_gradient(graph, 0, gradient, layout);
  node->facts.backward = JC_LOOP_NAME;
}

/* ---- stochastic_depth ---- */

struct depth_settings {
  size_t samples, sample_elements;
  bool whole_batch;   /* one draw for all samples */
  uint64_t threshold; /* as dropout's */
  float scale;
  uint64_t seed;
};

struct depth_state {
  const struct jc_layout *layout;
  struct depth_settings settings;
  uint32_t factors; /* one float a sample */
};

struct depth_range {
  float *out;
  const float *factors, *in;
  size_t sample_elements;
};

static void scale_range(const void *context, size_t begin, size_t end) {
  const struct depth_range *range = context;
  for (size_t i = begin; i < end;) {
    const size_t sample = i / range->sample_elements;
    const size_t sample_end = (sample + 1) * range->sample_elements;
    const size_t stop = sample_end < end ? sample_end : end;
    const float factor = range->factors[sample];
    for (; i < stop; i++)
      range->out[i] = range->in[i] * factor;
  }
}

/* address: scaled tensor, factors, tensor */
static void scale_samples(const struct jc_loop *loop) {
  const struct depth_settings *s = loop->settings;
  const struct depth_range range = {loop->address[0], loop->address[1], loop->address[2],
                                    s->sample_elements};
  jc_pool_run(loop->pool, s->samples * s->sample_elements, JC_LOOP_GRAIN, scale_range, &range);
}

static void drop_samples(const struct jc_loop *loop) {
  const struct depth_settings *s = loop->settings;
  const uint64_t stream = jc_draw_bits(s->seed, loop->step);
  float *factors = loop->address[1];
  for (size_t n = 0; n < s->samples; n++) {
    const uint64_t draw = jc_draw_bits(stream, s->whole_batch ? 0 : n);
    factors[n] = (draw >> 40) >= s->threshold ? s->scale : 0;
  }
  scale_samples(loop);
}

static struct depth_settings depth_settings(const struct jc_graph *graph,
                                            const struct jc_node *node, double p,
                                            const struct jc_image *image) {
  return (struct depth_settings){
      .samples = image->batch,
      .sample_elements = image->blocks * image->pixels * image->block,
      .whole_batch = node->layer->fields.stochastic_depth.mode != 0,
      .threshold = drop_threshold(p),
      .scale = drop_scale(p),
      .seed = jc_stream(graph->options.seed, node->layer->name),
  };
}

void jc_stochastic_depth_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  const double p = drop_p(graph, node->layer->fields.stochastic_depth.p);
  if (p == 0) {
    jc_graph_output_view(graph, in->buffer, in->layout);
    return;
  }
  struct jc_image image;
  struct depth_state *state = jc_graph_allocate(graph, sizeof(*state));
  if (state == NULL)
    return;
  node->state = state;
  state->layout = jc_graph_image(graph, 0, &image);
  state->settings = depth_settings(graph, node, p, &image);
  state->factors = jc_graph_buffer(graph, image.batch * sizeof(float));
  const size_t elements = elements_of(state->layout);
  const uint32_t source = jc_graph_input(graph, 0, state->layout);
  const uint32_t out = jc_graph_output(graph, state->layout);
  jc_graph_loop(graph, drop_samples, &state->settings, sizeof(state->settings), JC_IN_TRAINING);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  jc_graph_use(graph, JC_ARG_WORKSPACE, state->factors);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  jc_graph_loop(graph, jc_loop_copy, &elements, sizeof(elements), JC_IN_VALIDATION);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  node->facts.forward = JC_LOOP_NAME;
}

void jc_stochastic_depth_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct depth_state *state = node->state;
  const struct jc_layout *layout = jc_graph_out(graph)->layout;
  const uint32_t out_gradient = jc_graph_output_gradient(graph, layout);
  if (state == NULL) { /* p = 0 */
    jc_graph_input_gradient(graph, 0, out_gradient, layout);
    return;
  }
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(layout));
  jc_graph_loop(graph, scale_samples, &state->settings, sizeof(state->settings), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_use(graph, JC_ARG_WORKSPACE, state->factors);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
  jc_graph_input_gradient(graph, 0, gradient, layout);
  node->facts.backward = JC_LOOP_NAME;
}

/* ---- softmax ---- */

/* A plain tensor seen as [outer, length, inner]; softmax along length. */
struct softmax_settings {
  size_t outer, length, inner;
};

static void softmax_line(const float *in, float *out, size_t length, size_t stride) {
  float largest = -INFINITY;
  double sum = 0;
  for (size_t i = 0; i < length; i++)
    largest = fmaxf(largest, in[i * stride]);
  for (size_t i = 0; i < length; i++) {
    out[i * stride] = expf(in[i * stride] - largest);
    sum += (double)out[i * stride];
  }
  for (size_t i = 0; i < length; i++)
    out[i * stride] = (float)((double)out[i * stride] / sum);
}

/* dx = y * (dy - sum(y * dy)) */
static void softmax_gradient_line(const float *out, const float *out_gradient, float *gradient,
                                  size_t length, size_t stride) {
  double sum = 0;
  for (size_t i = 0; i < length; i++)
    sum += (double)out[i * stride] * (double)out_gradient[i * stride];
  for (size_t i = 0; i < length; i++)
    gradient[i * stride] =
        (float)((double)out[i * stride] * ((double)out_gradient[i * stride] - sum));
}

/* First element of line number LINE. */
static size_t line_start(const struct softmax_settings *settings, size_t line) {
  return line / settings->inner * settings->length * settings->inner + line % settings->inner;
}

static size_t line_grain(const struct softmax_settings *settings) {
  return JC_LOOP_GRAIN / settings->length + 1;
}

/* address: output, input */
static void softmax_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct softmax_settings *settings = loop->settings;
  for (size_t line = begin; line < end; line++) {
    const size_t first = line_start(settings, line);
    softmax_line((const float *)loop->address[1] + first, (float *)loop->address[0] + first,
                 settings->length, settings->inner);
  }
}

static void softmax(const struct jc_loop *loop) {
  const struct softmax_settings *settings = loop->settings;
  jc_pool_run(loop->pool, settings->outer * settings->inner, line_grain(settings), softmax_range,
              loop);
}

/* address: gradient of the input, output, gradient of the output */
static void softmax_gradient_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct softmax_settings *settings = loop->settings;
  for (size_t line = begin; line < end; line++) {
    const size_t first = line_start(settings, line);
    softmax_gradient_line((const float *)loop->address[1] + first,
                          (const float *)loop->address[2] + first,
                          (float *)loop->address[0] + first, settings->length, settings->inner);
  }
}

static void softmax_gradient(const struct jc_loop *loop) {
  const struct softmax_settings *settings = loop->settings;
  jc_pool_run(loop->pool, settings->outer * settings->inner, line_grain(settings),
              softmax_gradient_range, loop);
}

static struct softmax_settings softmax_settings(const struct jc_graph *graph,
                                                const struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  const uint32_t dim = 1 + jc_dim_index(in->rank - 1, node->layer->fields.softmax.dim);
  struct softmax_settings settings = {1, (size_t)in->dims[dim], 1};
  for (uint32_t d = 0; d < in->rank; d++) {
    if (d < dim)
      settings.outer *= (size_t)in->dims[d];
    if (d > dim)
      settings.inner *= (size_t)in->dims[d];
  }
  return settings;
}

void jc_softmax_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *plain = jc_graph_out(graph)->plain;
  const struct softmax_settings settings = softmax_settings(graph, node);
  const uint32_t in = jc_graph_input(graph, 0, plain);
  const uint32_t out = jc_graph_output(graph, plain);
  jc_graph_loop(graph, softmax, &settings, sizeof(settings), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  jc_graph_use(graph, JC_ARG_SOURCE, in);
  node->facts.forward = JC_LOOP_NAME;
}

void jc_softmax_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *plain = jc_graph_out(graph)->plain;
  const struct softmax_settings settings = softmax_settings(graph, node);
  const uint32_t out_gradient = jc_graph_output_gradient(graph, plain);
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(plain));
  jc_graph_loop(graph, softmax_gradient, &settings, sizeof(settings), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_use(graph, JC_ARG_DESTINATION, jc_graph_out(graph)->buffer);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
  jc_graph_input_gradient(graph, 0, gradient, plain);
  node->facts.backward = JC_LOOP_NAME;
}
