/* train_arithmetic.c -- training of add and mul, which combine tensors element by element. */
#include <string.h>

#include "trainer/kinds.h"
#include "trainer/loops.h"

static bool shapes_equal(const struct jc_tensor *a, const struct jc_tensor *b) {
  return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof(a->dims[0])) == 0;
}

/* ---- add ---- */

/* All inputs in one layout: a blocked one if any has it, since convolutions follow. */
void jc_add_forward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *layout = jc_graph_out(graph)->plain;
  for (uint32_t i = 0; i < node->layer->input_count; i++)
    if (!shapes_equal(jc_graph_in(graph, i), jc_graph_out(graph))) {
      jc_graph_fail(graph, JC_ERROR_UNAVAILABLE,
                    "layer '%s': an add that broadcasts cannot be trained", node->layer->name);
      return;
    }
  for (uint32_t i = node->layer->input_count; i-- > 0;) {
    const struct jc_tensor *in = jc_graph_in(graph, i);
    if (in->layout != in->plain)
      layout = in->layout;
  }
  const size_t elements = jc_layout_bytes(layout) / sizeof(float);
  uint32_t *inputs = jc_graph_allocate(graph, node->layer->input_count * sizeof(*inputs));
  if (inputs == NULL)
    return;
  for (uint32_t i = 0; i < node->layer->input_count; i++)
    inputs[i] = jc_graph_input(graph, i, layout);
  const uint32_t out = jc_graph_output(graph, layout);
  jc_graph_loop(graph, jc_loop_sum, &elements, sizeof(elements), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  for (uint32_t i = 0; i < node->layer->input_count; i++)
    jc_graph_use(graph, JC_ARG_SOURCE, inputs[i]);
  node->facts.forward = JC_LOOP_NAME;
}

/* Every input's gradient is the output's: no copy, unless the layouts differ. */
void jc_add_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct jc_layout *layout = jc_graph_out(graph)->layout;
  const uint32_t gradient = jc_graph_output_gradient(graph, layout);
  for (uint32_t i = 0; i < node->layer->input_count; i++)
    if (jc_graph_input_needs_gradient(graph, i))
      jc_graph_input_gradient(graph, i, gradient, layout);
}

/* ---- mul ---- */

/* The product of a whole tensor and one of its shape, or of one number for each channel: a gate,
 * [channels, 1, 1], of each sample or, made of parameters alone, of the whole batch. Of the gate's
 * numbers, those of one sample lie side by side in every layout. */
struct mul_settings {
  struct jc_image image; /* of the whole tensor */
  bool gated;
  size_t gate_stride; /* from sample to sample; 0: one gate for all */
  size_t gate_elements;
};

struct mul_state {
  struct mul_settings settings;
  uint32_t whole, other;              /* inputs */
  const struct jc_layout *layouts[2]; /* of the inputs, as the loops read them */
};

static void multiply(float *restrict out, const float *restrict a, const float *restrict b,
                     size_t count) {
  for (size_t i = 0; i < count; i++)
    out[i] = a[i] * b[i];
}

/* One group of neighbouring channels; USED of the BLOCK are more than padding. */
static void multiply_by_gate(float *restrict out, const float *restrict a,
                             const float *restrict gate, const struct jc_image *image,
                             size_t used) {
  if (image->block == 1) {
    for (size_t p = 0; p < image->pixels; p++)
      out[p] = a[p] * gate[0];
    return;
  }
  for (size_t p = 0; p < image->pixels; p++, out += image->block, a += image->block) {
    for (size_t c = 0; c < used; c++)
      out[c] = a[c] * gate[c];
    for (size_t c = used; c < image->block; c++)
      out[c] = 0;
  }
}

/* Gate values of a group; the groups of a sample follow each other. */
static size_t gate_at(const struct mul_settings *s, size_t group) {
  return group / s->image.blocks * s->gate_stride + group % s->image.blocks * s->image.block;
}

/* address: product, whole tensor, the other factor. Also its gradients: the other factor of either
 * is then the output's gradient in the place of the whole tensor. */
static void product_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct mul_settings *s = loop->settings;
  const size_t size = s->image.pixels * s->image.block;
  float *out = loop->address[0];
  const float *whole = loop->address[1], *other = loop->address[2];
  if (!s->gated) {
    multiply(out + begin * size, whole + begin * size, other + begin * size, (end - begin) * size);
    return;
  }
  for (size_t group = begin; group < end; group++)
    multiply_by_gate(out + group * size, whole + group * size, other + gate_at(s, group), &s->image,
                     jc_image_channels(&s->image, group));
}

static void product(const struct jc_loop *loop) {
  const struct mul_settings *s = loop->settings;
  jc_pool_run(loop->pool, s->image.batch * s->image.blocks, jc_image_grain(&s->image),
              product_range, loop);
}

enum { LANES = 16 }; /* sums side by side: a single one would wait for every addition */

static float dot(const float *a, const float *b, size_t count) {
  float lanes[LANES] = {0}, sum = 0;
  size_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (size_t k = 0; k < LANES; k++)
      lanes[k] += a[i + k] * b[i + k];
  for (; i < count; i++)
    sum += a[i] * b[i];
  for (size_t k = 0; k < LANES; k++)
    sum += lanes[k];
  return sum;
}

/* Adds to SUMS, one for each of USED channels, the products over the pixels of a group. */
static void add_dots(const struct jc_image *image, size_t used, const float *restrict a,
                     const float *restrict b, float *restrict sums) {
  if (image->block == 1) {
    sums[0] += dot(a, b, image->pixels);
    return;
  }
  for (size_t p = 0; p < image->pixels; p++, a += image->block, b += image->block)
    for (size_t c = 0; c < used; c++)
      sums[c] += a[c] * b[c];
}

/* address: gradient of the gate, whole tensor, gradient of the output. By groups of the gate: those
 * of a sample, or those of the batch if it is one for all. */
static void gate_gradient_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  const struct mul_settings *s = loop->settings;
  const size_t size = s->image.pixels * s->image.block;
  const size_t step = s->image.blocks; /* to the same channels of the next sample */
  const size_t samples = s->gate_stride == 0 ? s->image.batch : 1;
  for (size_t group = begin; group < end; group++) {
    const size_t used = jc_image_channels(&s->image, group);
    float *sums = (float *)loop->address[0] + gate_at(s, group);
    for (size_t n = 0; n < samples; n++)
      add_dots(&s->image, used, (const float *)loop->address[1] + (group + n * step) * size,
               (const float *)loop->address[2] + (group + n * step) * size, sums);
  }
}

static void gate_gradient(const struct jc_loop *loop) {
  const struct mul_settings *s = loop->settings;
  const size_t gates = s->gate_stride == 0 ? 1 : s->image.batch;
  memset(loop->address[0], 0, s->gate_elements * sizeof(float));
  jc_pool_run(loop->pool, gates * s->image.blocks, jc_image_grain(&s->image), gate_gradient_range,
              loop);
}

/* [channels, 1, 1] of a tensor of the output's rank. */
static bool is_gate(const struct jc_tensor *in, const struct jc_tensor *out) {
  bool gate = in->rank == out->rank && in->rank > 2 && in->dims[1] == out->dims[1];
  for (uint32_t d = 2; gate && d < in->rank; d++)
    gate = in->dims[d] == 1;
  return gate;
}

/* Which input is the whole tensor; false if the inputs are of no kind that is known here. */
static bool choose_roles(const struct jc_graph *graph, struct mul_state *state) {
  const struct jc_tensor *out = jc_graph_out(graph);
  if (graph->node->layer->input_count != 2)
    return false;
  state->whole = shapes_equal(jc_graph_in(graph, 0), out) ? 0 : 1;
  state->other = 1 - state->whole;
  const struct jc_tensor *other = jc_graph_in(graph, state->other);
  state->settings.gated = !shapes_equal(other, out);
  return shapes_equal(jc_graph_in(graph, state->whole), out) &&
         (!state->settings.gated || is_gate(other, out));
}

/* The whole tensor's layout, or the other's if that one is plain and only the other is not. */
static void choose_layouts(struct jc_graph *graph, struct mul_state *state) {
  struct mul_settings *s = &state->settings;
  const struct jc_tensor *whole = jc_graph_in(graph, state->whole);
  const bool follow = !s->gated && whole->layout == whole->plain;
  const uint32_t leader = follow ? state->other : state->whole;
  state->layouts[state->whole] = state->layouts[state->other] =
      jc_graph_image(graph, leader, &s->image);
  if (!s->gated)
    return;
  struct jc_image gate;
  state->layouts[state->other] = jc_graph_image(graph, state->other, &gate);
  s->gate_stride = gate.batch == s->image.batch ? gate.block * gate.blocks : 0;
  s->gate_elements = gate.batch * gate.block * gate.blocks;
}

void jc_mul_forward(struct jc_graph *graph, struct jc_node *node) {
  struct mul_state *state = jc_graph_allocate(graph, sizeof(*state));
  if (state == NULL)
    return;
  node->state = state;
  if (!choose_roles(graph, state)) {
    jc_graph_fail(graph, JC_ERROR_UNAVAILABLE,
                  "layer '%s': only the product of two tensors of one shape, or of one by channel, "
                  "can be trained",
                  node->layer->name);
    return;
  }
  choose_layouts(graph, state);
  const struct jc_layout *layout = state->layouts[state->whole];
  const uint32_t whole = jc_graph_input(graph, state->whole, layout);
  const uint32_t other = jc_graph_input(graph, state->other, state->layouts[state->other]);
  const uint32_t out = jc_graph_output(graph, layout);
  jc_graph_loop(graph, product, &state->settings, sizeof(state->settings), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_DESTINATION, out);
  jc_graph_use(graph, JC_ARG_SOURCE, whole);
  jc_graph_use(graph, JC_ARG_SOURCE, other);
  node->facts.forward = JC_LOOP_NAME;
}

/* The gradient of input INPUT by LOOP on the output's gradient and the other factor. */
static void append_gradient(struct jc_graph *graph, const struct mul_state *state, uint32_t input,
                            void (*loop)(const struct jc_loop *loop), uint32_t first,
                            uint32_t second) {
  const struct jc_layout *layout = state->layouts[input];
  const uint32_t gradient = jc_graph_buffer(graph, jc_layout_bytes(layout));
  jc_graph_loop(graph, loop, &state->settings, sizeof(state->settings), JC_ALWAYS);
  jc_graph_use(graph, JC_ARG_SOURCE_GRADIENT, gradient);
  jc_graph_use(graph, JC_ARG_SOURCE, first);
  jc_graph_use(graph, JC_ARG_SOURCE, second);
  jc_graph_input_gradient(graph, input, gradient, layout);
}

void jc_mul_backward(struct jc_graph *graph, struct jc_node *node) {
  const struct mul_state *state = node->state;
  const struct jc_layout *layout = state->layouts[state->whole];
  const uint32_t out_gradient = jc_graph_output_gradient(graph, layout);
  if (jc_graph_input_needs_gradient(graph, state->whole))
    append_gradient(graph, state, state->whole, product, out_gradient,
                    jc_graph_input(graph, state->other, state->layouts[state->other]));
  if (jc_graph_input_needs_gradient(graph, state->other))
    append_gradient(graph, state, state->other, state->settings.gated ? gate_gradient : product,
                    jc_graph_input(graph, state->whole, layout), out_gradient);
  node->facts.backward = JC_LOOP_NAME;
}
