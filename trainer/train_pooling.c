/* train_pooling.c -- training of maxpool2d, avgpool2d, adaptive_avgpool2d, mean.
 *
 * oneDNN where it computes what PyTorch does, own loops where it does not: means over windows of
 * unequal size (adaptive with a remainder) and windows that reach beyond the padding and count it.
 */
#include <string.h>

#include "trainer/kinds.h"
#include "trainer/loops.h"

/* ---- own loops: means over any windows ---- */

/* Elements [start, end) of the input go into one output of this axis, divided by `divisor`. */
struct span {
  int64_t start, end;
  float divisor;
};

struct mean_settings {
  size_t planes; /* batch x channels */
  int64_t in[2], out[2];
  const struct span *spans[2]; /* [out[0]], [out[1]] */
};

struct pool_state {
  struct jc_dnn_pool pool;
  struct jc_primitive *forward; /* NULL: own loops */
  uint32_t workspace;
  struct mean_settings mean;
};

static void mean_plane(const struct mean_settings *s, const float *in, float *out) {
  for (int64_t y = 0; y < s->out[0]; y++) {
    const struct span *rows = &s->spans[0][y];
    for (int64_t x = 0; x < s->out[1]; x++) {
      const struct span *columns = &s->spans[1][x];
      float sum = 0;
      for (int64_t i = rows->start; i < rows->end; i++)
        for (int64_t j = columns->start; j < columns->end; j++)
          sum += in[i * s->in[1] + j];
      out[y * s->out[1] + x] = sum / (rows->divisor * columns->divisor);
    }
  }
}

static void mean_gradient_plane(const struct mean_settings *s, float *gradient,
                                const float *out_gradient) {
  memset(gradient, 0, (size_t)(s->in[0] * s->in[1]) * sizeof(float));
  for (int64_t y = 0; y < s->out[0]; y++) {
    const struct span *rows = &s->spans[0][y];
    for (int64_t x = 0; x < s->out[1]; x++) {
      const struct span *columns = &s->spans[1][x];
      const float share = out_gradient[y * s->out[1] + x] / (rows->divisor * columns->divisor);
      for (int64_t i = rows->start; i < rows->end; i++)
        for (int64_t j = columns->start; j < columns->end; j++)
          gradient[i * s->in[1] + j] += share;
    }
  }
}

/* address: output, input */
static void mean_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct mean_settings *s = loop->settings;
  const size_t in = (size_t)(s->in[0] * s->in[1]), out = (size_t)(s->out[0] * s->out[1]);
  for (size_t plane = begin; plane < end; plane++)
    mean_plane(s, (const float *)loop->address[1] + plane * in,
               (float *)loop->address[0] + plane * out);
}

/* address: gradient of the input, gradient of the output */
static void mean_gradient_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct mean_settings *s = loop->settings;
  const size_t in = (size_t)(s->in[0] * s->in[1]), out = (size_t)(s->out[0] * s->out[1]);
  for (size_t plane = begin; plane < end; plane++)
    mean_gradient_plane(s, (float *)loop->address[0] + plane * in,
                        (const float *)loop->address[1] + plane * out);
}

static size_t plane_grain(const struct mean_settings *s) {
  return (size_t)(JC_LOOP_GRAIN / (s->in[0] * s->in[1]) + 1);
}

static void mean(const struct jc_loop *loop) {
  const struct mean_settings *s = loop->settings;
  jc_pool_run(loop->pool, s->planes, plane_grain(s), mean_range, loop);
}

static void mean_gradient(const struct jc_loop *loop) {
  const struct mean_settings *s = loop->settings;
  jc_pool_run(loop->pool, s->planes, plane_grain(s), mean_gradient_range, loop);
}

/* Windows of PyTorch's adaptive pooling: they cover the input and may share elements. */
static struct span adaptive_span(int64_t index, int64_t in, int64_t out) {
  const int64_t start = index * in / out, end = ((index + 1) * in + out - 1) / out;
  return (struct span){start, end, (float)(end - start)};
}

/* Padding counts up to the input's own padded size, not beyond (count_include_pad). */
static struct span padded_span(int64_t index, int64_t in, const struct jc_dnn_window *window,
                               int axis) {
  const int64_t start = index * window->stride[axis] - window->before[axis];
  const int64_t padded = in + window->before[axis], whole = start + window->kernel[axis];
  const int64_t end = whole < padded ? whole : padded;
  return (struct span){start < 0 ? 0 : start, end < in ? end : in, (float)(end - start)};
}

static void find_spans(struct jc_graph *graph, const struct jc_node *node,
                       struct pool_state *state) {
  const struct jc_tensor *in = jc_graph_in(graph, 0), *out = jc_graph_out(graph);
  struct mean_settings *mean_of = &state->mean;
  mean_of->planes = (size_t)(in->dims[0] * in->dims[1]);
  for (int axis = 0; axis < 2; axis++) {
    const int64_t ins = in->dims[2 + axis], outs = out->dims[2 + axis];
    struct span *spans = jc_graph_allocate(graph, (size_t)outs * sizeof(*spans));
    if (spans == NULL)
      return;
    for (int64_t i = 0; i < outs; i++)
      spans[i] = node->layer->kind == JC_LAYER_adaptive_avgpool2d
                     ? adaptive_span(i, ins, outs)
                     : padded_span(i, ins, &state->pool.window, axis);
    mean_of->in[axis] = ins;
    mean_of->out[axis] = outs;
    mean_of->spans[axis] = spans;
  }
}

/* ---- which way ---- */

static void set_axis(struct jc_dnn_window *window, int axis, uint32_t kernel, uint32_t stride,
                     uint32_t padding, uint32_t dilation) {
  window->kernel[axis] = kernel;
  window->stride[axis] = stride;
  window->before[axis] = padding;
  window->dilation[axis] = dilation;
}

static void set_window(struct jc_dnn_window *window, struct jc_extent kernel,
                       struct jc_extent stride, struct jc_extent padding,
                       struct jc_extent dilation) {
  set_axis(window, 0, kernel.h, stride.h, padding.h, dilation.h);
  set_axis(window, 1, kernel.w, stride.w, padding.w, dilation.w);
}

/* Padding after the input that the output's size implies: less than before it where the last rows
 * are never read, more in ceil mode. */
static void set_padding_after(struct jc_dnn_window *window, const struct jc_tensor *in,
                              const struct jc_tensor *out) {
  for (int axis = 0; axis < 2; axis++) {
    const int64_t extent = window->dilation[axis] * (window->kernel[axis] - 1) + 1;
    window->after[axis] = (out->dims[2 + axis] - 1) * window->stride[axis] + extent -
                          in->dims[2 + axis] - window->before[axis];
  }
}

static bool window_touches_input(const struct jc_dnn_window *window, int axis, int64_t index,
                                 int64_t in) {
  for (int64_t k = 0; k < window->kernel[axis]; k++) {
    const int64_t at =
        index * window->stride[axis] - window->before[axis] + k * window->dilation[axis];
    if (at >= 0 && at < in)
      return true;
  }
  return false;
}

/* The maximum of nothing is minus infinity in PyTorch and the lowest float in oneDNN. */
static void refuse_empty_windows(struct jc_graph *graph, const struct jc_dnn_window *window) {
  const struct jc_tensor *in = jc_graph_in(graph, 0), *out = jc_graph_out(graph);
  for (int axis = 0; axis < 2; axis++)
    for (int64_t i = 0; i < out->dims[2 + axis]; i++)
      if (!window_touches_input(window, axis, i, in->dims[2 + axis]))
        jc_graph_fail(graph, JC_ERROR_UNAVAILABLE,
                      "layer '%s': a window that lies wholly in the padding cannot be trained",
                      graph->node->layer->name);
}

static void describe_max(struct jc_graph *graph, const struct jc_node *node,
                         struct pool_state *state) {
  const struct jc_maxpool *f = &node->layer->fields.maxpool2d;
  state->pool.pooling = JC_POOLING_MAX;
  set_window(&state->pool.window, f->kernel_size, f->stride, f->padding, f->dilation);
  refuse_empty_windows(graph, &state->pool.window);
}

/* Returns false if oneDNN has no such mean. */
static bool describe_mean(const struct jc_graph *graph, const struct jc_node *node,
                          struct pool_state *state) {
  const struct jc_avgpool *f = &node->layer->fields.avgpool2d;
  struct jc_dnn_window *window = &state->pool.window;
  const bool padded = f->padding.h > 0 || f->padding.w > 0;
  set_window(window, f->kernel_size, f->stride, f->padding, (struct jc_extent){{{1, 1}}});
  set_padding_after(window, jc_graph_in(graph, 0), jc_graph_out(graph));
  state->pool.pooling =
      f->count_include_pad && padded ? JC_POOLING_MEAN_WINDOW : JC_POOLING_MEAN_INSIDE;
  return state->pool.pooling == JC_POOLING_MEAN_INSIDE ||
         (window->after[0] <= window->before[0] && window->after[1] <= window->before[1]);
}

/* Equal windows side by side, if the output's size divides the input's. */
static bool describe_adaptive(const struct jc_graph *graph, struct pool_state *state) {
  const struct jc_tensor *in = jc_graph_in(graph, 0), *out = jc_graph_out(graph);
  state->pool.pooling = JC_POOLING_MEAN_INSIDE;
  for (int axis = 0; axis < 2; axis++) {
    if (in->dims[2 + axis] % out->dims[2 + axis] != 0)
      return false;
    const uint32_t size = (uint32_t)(in->dims[2 + axis] / out->dims[2 + axis]);
    set_axis(&state->pool.window, axis, size, size, 0, 1);
  }
  return true;
}

static bool describe_pool(struct jc_graph *graph, const struct jc_node *node,
                          struct pool_state *state) {
  const struct jc_tensor *in = jc_graph_in(graph, 0), *out = jc_graph_out(graph);
  bool possible = true;
  state->pool.in = jc_graph_fast_layout(graph, 0);
  memcpy(state->pool.out, out->dims, sizeof(state->pool.out));
  switch (node->layer->kind) {
  case JC_LAYER_maxpool2d:
    describe_max(graph, node, state);
    break;
  case JC_LAYER_avgpool2d:
    possible = describe_mean(graph, node, state);
    break;
  default:
    possible = describe_adaptive(graph, state);
    break;
  }
  set_padding_after(&state->pool.window, in, out);
  return possible;
}

/* ---- the operations ---- */

void jc_pool_forward(struct jc_graph *graph, struct jc_node *node) {
  struct pool_state *state = jc_graph_allocate(graph, sizeof(*state));
  if (state == NULL)
    return;
  node->state = state;
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  if (!describe_pool(graph, node, state)) {
    const struct jc_layout *plain = jc_graph_out(graph)->plain;
    find_spans(graph, node, state);
    const uint32_t source = jc_graph_input(graph, 0, in->plain);
    const uint32_t out = jc_graph_output(graph, plain);
    jc_graph_loop(graph, mean, &state->mean, sizeof(state->mean), JC_ALWAYS);
    jc_graph_use(graph, JC_ARG_DESTINATION, out);
    jc_graph_use(graph, JC_ARG_SOURCE, source);
    node->facts.forward = JC_LOOP_NAME;
    return;
  }
  struct jc_primitive *forward = state->forward =
      jc_dnn_pool(graph->dnn, &state->pool, JC_PASS_FORWARD, NULL, graph->error);
  const size_t workspace_bytes = jc_layout_bytes(jc_primitive_layout(forward, JC_ARG_WORKSPACE));
  const uint32_t source = jc_graph_input(graph, 0, state->pool.in);
  const uint32_t out = jc_graph_output(graph, jc_primitive_layout(forward, JC_ARG_DESTINATION));
  jc_graph_primitive(graph, forward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  if (workspace_bytes > 0) {
    state->workspace = jc_graph_buffer(graph, workspace_bytes);
    jc_graph_use(graph, JC_ARG_WORKSPACE, state->workspace);
  }
  node->facts.forward = jc_primitive_name(forward);
}

static void append_pool_backward(struct jc_graph *graph, const struct pool_state *state,
                                 uint32_t out_gradient) {
  struct jc_primitive *backward =
      jc_dnn_pool(graph->dnn, &state->pool, JC_PASS_BACKWARD, state->forward, graph->error);
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(state->pool.in));
  jc_graph_primitive(graph, backward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  if (jc_primitive_layout(state->forward, JC_ARG_WORKSPACE) != NULL)
    jc_graph_use(graph, JC_ARG_WORKSPACE, state->workspace);
  jc_graph_input_gradient(graph, 0, gradient, state->pool.in);
  graph->node->facts.backward = jc_primitive_name(backward);
}

void jc_pool_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct pool_state *state = node->state;
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  const uint32_t out_gradient = jc_graph_output_gradient(graph, jc_graph_out(graph)->layout);
  if (state->forward == NULL) {
    const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(in->plain));
    jc_graph_loop(graph, mean_gradient, &state->mean, sizeof(state->mean), JC_ALWAYS);
    jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
    jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
    jc_graph_input_gradient(graph, 0, gradient, in->plain);
    node->facts.backward = JC_LOOP_NAME;
    return;
  }
  append_pool_backward(graph, state, out_gradient);
}

/* ---- mean: one window over height and width ---- */

static bool is_spatial_mean(const struct jc_node *node, const struct jc_tensor *in) {
  const struct jc_int_list *dims = &node->layer->fields.mean.dim;
  bool reduced[JC_DNN_MAX_RANK] = {false};
  for (uint32_t i = 0; i < dims->count; i++)
    reduced[1 + jc_dim_index(in->rank - 1, dims->value[i])] = true;
  return in->rank == 4 && dims->count == 2 && reduced[2] && reduced[3];
}

/* [batch, channels, 1, 1] in plain order, which is also [batch, channels]. */
static const struct jc_layout *plain_mean(struct jc_graph *graph, const struct pool_state *state) {
  return jc_layout_plain(graph->dnn, 4, state->pool.out, graph->error);
}

void jc_mean_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  struct pool_state *state = jc_graph_allocate(graph, sizeof(*state));
  if (state == NULL)
    return;
  node->state = state;
  if (!is_spatial_mean(node, in)) {
    jc_graph_fail(graph, JC_ERROR_UNAVAILABLE,
                  "layer '%s': only a mean over the height and width of an image can be trained",
                  node->layer->name);
    return;
  }
  state->pool = (struct jc_dnn_pool){.pooling = JC_POOLING_MEAN_INSIDE,
                                     .in = jc_graph_fast_layout(graph, 0),
                                     .out = {in->dims[0], in->dims[1], 1, 1}};
  for (int axis = 0; axis < 2; axis++)
    set_axis(&state->pool.window, axis, (uint32_t)in->dims[2 + axis], (uint32_t)in->dims[2 + axis],
             0, 1);
  struct jc_primitive *forward = state->forward =
      jc_dnn_pool(graph->dnn, &state->pool, JC_PASS_FORWARD, NULL, graph->error);
  const struct jc_layout *layout = jc_primitive_layout(forward, JC_ARG_DESTINATION);
  const uint32_t source = jc_graph_input(graph, 0, state->pool.in);
  const uint32_t mean_of = jc_graph_buffer(graph, jc_layout_bytes(layout));
  jc_graph_primitive(graph, forward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  jc_graph_use(graph, JC_ARG_DESTINATION, mean_of);
  const uint32_t plain = jc_graph_reorder(graph, mean_of, layout, plain_mean(graph, state));
  jc_graph_output_view(graph, plain, jc_graph_out(graph)->plain);
  node->facts.forward = jc_primitive_name(forward);
}

void jc_mean_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct pool_state *state = node->state;
  const struct jc_layout *layout = jc_primitive_layout(state->forward, JC_ARG_DESTINATION);
  const uint32_t plain = jc_graph_output_gradient(graph, jc_graph_out(graph)->plain);
  const uint32_t out_gradient = jc_graph_reorder(graph, plain, plain_mean(graph, state), layout);
  append_pool_backward(graph, state, out_gradient);
}
