/* train_shape.c -- training of the layers that only move data: flatten, permute, concat,
 * chunk, channel_shuffle, pad; and of parameter, which only holds some. */
#include <string.h>

#include "trainer/kinds.h"
#include "trainer/loops.h"

/* ---- flatten ---- */

/* A view of the plain tensor: free, unless the input has to be brought into plain order. */
void jc_flatten_forward(struct jc_graph *graph, struct jc_node *node) {
  (void)node;
  jc_graph_output_view(graph, jc_graph_input(graph, 0, jc_graph_in(graph, 0)->plain),
                       jc_graph_out(graph)->plain);
}

void jc_flatten_backward(struct jc_graph *graph, struct jc_node *node) {
  (void)node;
  jc_graph_input_gradient(graph, 0, jc_graph_output_gradient(graph, jc_graph_out(graph)->plain),
                          jc_graph_in(graph, 0)->plain);
}

/* ---- permute ---- */

/* The input's memory as the output's dimensions see it. */
static const struct jc_layout *permuted(struct jc_graph *graph, const struct jc_node *node) {
  const struct jc_int_list *dims = &node->layer->fields.permute.dims;
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  uint32_t order[JC_DNN_MAX_RANK] = {0};
  for (uint32_t i = 1; i < in->rank; i++)
    order[i] = 1 + jc_dim_index(in->rank - 1, dims->value[i]);
  return jc_layout_permuted(graph->dnn, in->layout, order, graph->error);
}

/* A view where the result is plain or has its channels last, both of which all kinds read;
 * otherwise a copy in plain order. */
void jc_permute_forward(struct jc_graph *graph, struct jc_node *node) {
  struct jc_image image;
  const struct jc_layout *view = permuted(graph, node);
  if (view == NULL)
    return;
  const struct jc_layout *layout =
      jc_layout_image(view, &image) ? view : jc_graph_out(graph)->plain;
  jc_graph_output_view(graph, jc_graph_reorder(graph, jc_graph_in(graph, 0)->buffer, view, layout),
                       layout);
}

void jc_permute_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *view = permuted(graph, node);
  jc_graph_input_gradient(graph, 0, jc_graph_output_gradient(graph, view),
                          jc_graph_in(graph, 0)->layout);
}

/* ---- parameter ---- */

/* The output is the parameter itself. */
void jc_parameter_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *plain = jc_graph_out(graph)->plain;
  (void)node;
  const struct jc_parameter *parameter =
      jc_graph_parameter(graph, JC_PARAMETER_WEIGHT, plain, plain, JC_INIT_ONE, 1);
  jc_graph_output_view(graph, parameter->value, plain);
}

void jc_parameter_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *plain = jc_graph_out(graph)->plain;
  (void)node;
  jc_graph_parameter_gradient(graph, JC_PARAMETER_WEIGHT, jc_graph_output_gradient(graph, plain),
                              plain);
}

/* ---- concat ---- */

static uint32_t concat_dim(const struct jc_graph *graph, const struct jc_node *node) {
  return 1 + jc_dim_index(jc_graph_out(graph)->rank - 1, node->layer->fields.concat.dim);
}

/* Blocks if every input fills whole ones, otherwise plain. oneDNN's own choice is not asked: for a
 * first input of a single block it takes an order of dimensions that no fast code knows. */
static const struct jc_layout *concat_layout(struct jc_graph *graph, const struct jc_node *node) {
  const struct jc_tensor *out = jc_graph_out(graph);
  const uint32_t dim = concat_dim(graph, node);
  int64_t offsets[JC_DNN_MAX_RANK] = {0};
  bool blocked = false;
  for (uint32_t i = 0; i < node->layer->input_count; i++)
    blocked = blocked || jc_graph_in(graph, i)->layout != jc_graph_in(graph, i)->plain;
  if (!blocked)
    return out->plain;
  const struct jc_layout *layout = jc_layout_fast(graph->dnn, out->dims, graph->error);
  for (uint32_t i = 0; i < node->layer->input_count; i++) {
    const struct jc_tensor *in = jc_graph_in(graph, i);
    if (jc_layout_part(graph->dnn, layout, in->dims, offsets, graph->error) == NULL)
      return out->plain;
    offsets[dim] += in->dims[dim];
  }
  return layout;
}

void jc_concat_forward(struct jc_graph *graph, struct jc_node *node) {
  const uint32_t count = node->layer->input_count;
  const struct jc_layout **parts = jc_graph_allocate(graph, count * sizeof(struct jc_layout *));
  if (parts == NULL)
    return;
  for (uint32_t i = 0; i < count; i++)
    parts[i] = jc_graph_in(graph, i)->layout;
  const struct jc_layout *layout = concat_layout(graph, node);
  struct jc_primitive *forward =
      jc_dnn_concat(graph->dnn, concat_dim(graph, node), count, parts, layout, graph->error);
  const uint32_t out = jc_graph_output(graph, layout);
  jc_graph_primitive(graph, forward, JC_ALWAYS);
  for (uint32_t i = 0; i < count; i++)
    jc_graph_use(graph, JC_ARG_PART + i, jc_graph_in(graph, i)->buffer);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  node->facts.forward = jc_primitive_name(forward);
}

/* Each input's gradient is a part of the output's, copied out. */
void jc_concat_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_tensor *out = jc_graph_out(graph);
  const uint32_t dim = concat_dim(graph, node);
  int64_t offsets[JC_DNN_MAX_RANK] = {0};
  for (uint32_t i = 0; i < node->layer->input_count; i++) {
    const struct jc_tensor *in = jc_graph_in(graph, i);
    if (in->needs_gradient) {
      const struct jc_layout *whole = out->layout;
      const struct jc_layout *part =
          jc_layout_part(graph->dnn, whole, in->dims, offsets, graph->error);
      if (part == NULL) { /* it begins or ends inside a block */
        whole = out->plain;
        part = jc_layout_part(graph->dnn, whole, in->dims, offsets, graph->error);
      }
      jc_graph_input_gradient(graph, i, jc_graph_output_gradient(graph, whole), part);
    }
    offsets[dim] += in->dims[dim];
  }
}

/* ---- chunk ---- */

/* The piece that is the output, inside a tensor of layout WHOLE; NULL if WHOLE cannot express it.
 */
static const struct jc_layout *chunk_part(struct jc_graph *graph, const struct jc_node *node,
                                          const struct jc_layout *whole) {
  const struct jc_chunk *chunk = &node->layer->fields.chunk;
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  const uint32_t dim = 1 + jc_dim_index(in->rank - 1, chunk->dim);
  int64_t offsets[JC_DNN_MAX_RANK] = {0};
  offsets[dim] = (in->dims[dim] + chunk->chunks - 1) / chunk->chunks * chunk->index;
  return jc_layout_part(graph->dnn, whole, jc_graph_out(graph)->dims, offsets, graph->error);
}

/* The input's layout if the piece fills whole blocks of it, otherwise plain. */
static const struct jc_layout *chunk_whole(struct jc_graph *graph, const struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  return chunk_part(graph, node, in->layout) != NULL ? in->layout : in->plain;
}

/* A copy, so that what follows finds its elements side by side. */
void jc_chunk_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0), *out = jc_graph_out(graph);
  const struct jc_layout *whole = chunk_whole(graph, node);
  const struct jc_layout *layout = whole == in->plain || in->rank != 4
                                       ? out->plain
                                       : jc_layout_fast(graph->dnn, out->dims, graph->error);
  struct jc_primitive *copy =
      jc_dnn_reorder(graph->dnn, chunk_part(graph, node, whole), layout, graph->error);
  const uint32_t source = jc_graph_input(graph, 0, whole);
  const uint32_t destination = jc_graph_output(graph, layout);
  jc_graph_primitive(graph, copy, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, source);
  jc_graph_use(graph, JC_ARG_DESTINATION, destination);
  node->facts.forward = jc_primitive_name(copy);
}

/* Zeros but for the piece. */
void jc_chunk_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *layout = jc_graph_out(graph)->layout;
  const struct jc_layout *whole = chunk_whole(graph, node);
  const size_t elements = jc_layout_bytes(whole) / sizeof(float);
  struct jc_primitive *copy =
      jc_dnn_reorder(graph->dnn, layout, chunk_part(graph, node, whole), graph->error);
  const uint32_t out_gradient = jc_graph_output_gradient(graph, layout);
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(whole));
  jc_graph_loop(graph, jc_loop_zero, &elements, sizeof(elements), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_primitive(graph, copy, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, out_gradient);
  jc_graph_use(graph, JC_ARG_DESTINATION, gradient);
  jc_graph_input_gradient(graph, 0, gradient, whole);
  node->facts.backward = jc_primitive_name(copy);
}

/* ---- channel_shuffle ---- */

void jc_channel_shuffle_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_tensor *in = jc_graph_in(graph, 0);
  struct jc_primitive *forward =
      jc_dnn_shuffle(graph->dnn, in->layout, node->layer->fields.channel_shuffle.groups,
                     JC_PASS_FORWARD, NULL, graph->error);
  const uint32_t out = jc_graph_output(graph, in->layout);
  jc_graph_primitive(graph, forward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE, in->buffer);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  node->state = forward;
  node->facts.forward = jc_primitive_name(forward);
}

void jc_channel_shuffle_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *layout = jc_graph_out(graph)->layout;
  struct jc_primitive *backward =
      jc_dnn_shuffle(graph->dnn, layout, node->layer->fields.channel_shuffle.groups,
                     JC_PASS_BACKWARD, node->state, graph->error);
  const uint32_t out_gradient = jc_graph_output_gradient(graph, layout);
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(layout));
  jc_graph_primitive(graph, backward, JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_input_gradient(graph, 0, gradient, layout);
  node->facts.backward = jc_primitive_name(backward);
}

/* ---- pad ---- */

/* The block of `extent` that input and output share, in plain tensors of one rank. */
struct pad_settings {
  uint32_t rank;
  int64_t in[JC_DNN_MAX_RANK], out[JC_DNN_MAX_RANK];
  int64_t in_start[JC_DNN_MAX_RANK], out_start[JC_DNN_MAX_RANK], extent[JC_DNN_MAX_RANK];
  size_t in_elements, out_elements;
  float value;
};

/* Copies the shared block of one sample, row by row. ODOMETER counts all dimensions between the
 * batch and the row. */
static void copy_block(const struct pad_settings *s, const float *from, const int64_t *from_dims,
                       const int64_t *from_start, float *to, const int64_t *to_dims,
                       const int64_t *to_start) {
  int64_t odometer[JC_DNN_MAX_RANK] = {0};
  const uint32_t row = s->rank - 1;
  for (uint32_t d = row; d > 0;) {
    int64_t from_at = 0, to_at = 0;
    for (uint32_t k = 1; k <= row; k++) {
      from_at = from_at * from_dims[k] + from_start[k] + odometer[k];
      to_at = to_at * to_dims[k] + to_start[k] + odometer[k];
    }
    memcpy(to + to_at, from + from_at, (size_t)s->extent[row] * sizeof(float));
    for (d = row - 1; d > 0 && ++odometer[d] == s->extent[d]; d--)
      odometer[d] = 0;
  }
}

static bool block_is_empty(const struct pad_settings *s) {
  for (uint32_t d = 1; d < s->rank; d++)
    if (s->extent[d] <= 0)
      return true;
  return false;
}

/* address: output, input */
static void pad_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct pad_settings *s = loop->settings;
  for (size_t n = begin; n < end; n++) {
    float *out = (float *)loop->address[0] + n * s->out_elements;
    for (size_t i = 0; i < s->out_elements; i++)
      out[i] = s->value;
    if (!block_is_empty(s))
      copy_block(s, (const float *)loop->address[1] + n * s->in_elements, s->in, s->in_start, out,
                 s->out, s->out_start);
  }
}

/* address: gradient of the input, gradient of the output */
static void pad_gradient_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct pad_settings *s = loop->settings;
  for (size_t n = begin; n < end; n++) {
    float *gradient = (float *)loop->address[0] + n * s->in_elements;
    memset(gradient, 0, s->in_elements * sizeof(float));
    if (!block_is_empty(s))
      copy_block(s, (const float *)loop->address[1] + n * s->out_elements, s->out, s->out_start,
                 gradient, s->in, s->in_start);
  }
}

static size_t sample_grain(const struct pad_settings *s) {
  return JC_LOOP_GRAIN / s->out_elements + 1;
}

static void pad(const struct jc_loop *loop) {
  const struct pad_settings *s = loop->settings;
  jc_pool_run(loop->pool, (size_t)s->in[0], sample_grain(s), pad_range, loop);
}

static void pad_gradient(const struct jc_loop *loop) {
  const struct pad_settings *s = loop->settings;
  jc_pool_run(loop->pool, (size_t)s->in[0], sample_grain(s), pad_gradient_range, loop);
}

static struct pad_settings pad_settings(const struct jc_graph *graph, const struct jc_node *node) {
  const struct jc_int_list *padding = &node->layer->fields.pad.padding;
  const struct jc_tensor *in = jc_graph_in(graph, 0), *out = jc_graph_out(graph);
  struct pad_settings s = {.rank = in->rank,
                           .in_elements = 1,
                           .out_elements = 1,
                           .value = (float)node->layer->fields.pad.value};
  memcpy(s.in, in->dims, sizeof(s.in));
  memcpy(s.out, out->dims, sizeof(s.out));
  for (uint32_t d = 1; d < in->rank; d++) {
    const uint32_t pair = 2 * (in->rank - 1 - d); /* padding counts from the last dimension */
    const int64_t before = pair < padding->count ? padding->value[pair] : 0;
    const int64_t after = pair < padding->count ? padding->value[pair + 1] : 0;
    s.in_start[d] = before < 0 ? -before : 0;
    s.out_start[d] = before > 0 ? before : 0;
    s.extent[d] = s.in[d] - s.in_start[d] - (after < 0 ? -after : 0);
    s.in_elements *= (size_t)s.in[d];
    s.out_elements *= (size_t)s.out[d];
  }
  return s;
}

void jc_pad_forward(struct jc_graph *graph, struct jc_node *node) {
  if (node->layer->fields.pad.mode != 0)
    jc_graph_fail(graph, JC_ERROR_UNAVAILABLE,
                  "layer '%s': a pad that repeats elements cannot be trained", node->layer->name);
  const struct pad_settings settings = pad_settings(graph, node);
  const uint32_t in = jc_graph_input(graph, 0, jc_graph_in(graph, 0)->plain);
  const uint32_t out = jc_graph_output(graph, jc_graph_out(graph)->plain);
  jc_graph_loop(graph, pad, &settings, sizeof(settings), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  jc_graph_use(graph, JC_ARG_SOURCE, in);
  node->facts.forward = JC_LOOP_NAME;
}

void jc_pad_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *plain = jc_graph_in(graph, 0)->plain;
  const struct pad_settings settings = pad_settings(graph, node);
  const uint32_t out_gradient = jc_graph_output_gradient(graph, jc_graph_out(graph)->plain);
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(plain));
  jc_graph_loop(graph, pad_gradient, &settings, sizeof(settings), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_use(graph, JC_ARG_DESTINATION_GRADIENT, out_gradient);
  jc_graph_input_gradient(graph, 0, gradient, plain);
  node->facts.backward = JC_LOOP_NAME;
}
