/* test_network_memory.c -- what training keeps in memory: by hand, and on random networks against
 * the definition. */
#include "tests/small_networks.h"

#include "estimator/training_memory.h"

/* ---- by hand ---- */

/* A tensor that several layers keep is kept once: relu's own output, and both convolutions' input.
 */
Test(memory, shared_tensors_are_kept_once) {
  static struct sketch s;
  sketch_begin(&s, "shared", 3, (const uint32_t[]){2, 4, 4});
  (void)sketch_then(&s, "stem", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0));
  const uint32_t relu = sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  const uint32_t a = sketch_add(&s, "a", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0), 1, &relu);
  const uint32_t b = sketch_add(&s, "b", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0), 1, &relu);
  (void)sketch_add(&s, "add", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){a, b});
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_eq(t->saved_activation_bytes, 128 + 128, "the image and relu's output: %llu",
               (unsigned long long)t->saved_activation_bytes);
  /* Both kept, and three gradients at a time: of add, a and b; or of b or a, relu, and the other.
   */
  cr_assert_eq(t->peak_activation_bytes, 256 + 3 * 128);
}

/* flatten is a view: relu's output is the same memory as the vector that fc keeps. */
Test(memory, views_are_kept_once) {
  static struct sketch s;
  sketch_begin(&s, "view", 3, (const uint32_t[]){2, 4, 4});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0));
  (void)sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  (void)sketch_then(&s, "flatten", JC_LAYER_flatten, flatten_all());
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(10, false));
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_eq(t->saved_activation_bytes, 128 + 128, "the image and relu's output: %llu",
               (unsigned long long)t->saved_activation_bytes);
}

/* Dropout keeps a mask of a byte an element; batchnorm its input; softmax its output. */
Test(memory, what_kinds_keep) {
  static struct sketch s;
  sketch_begin(&s, "keeps", 3, (const uint32_t[]){2, 4, 4});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0)); /* the image: 128 */
  (void)sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));       /* its input: 128 */
  (void)sketch_then(&s, "dropout", JC_LAYER_dropout, dropout(0.2));         /* a mask: 32 */
  (void)sketch_then(&s, "pool", JC_LAYER_avgpool2d, avgpool(2, 2, 0));      /* nothing */
  (void)sketch_then(&s, "softmax", JC_LAYER_softmax, softmax(1));           /* its output: 32 */
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_eq(t->saved_activation_bytes, 128 + 128 + 32 + 32, "%llu",
               (unsigned long long)t->saved_activation_bytes);
}

/* With a frozen trunk, forward is the peak: a layer's input and output exist at the same time, of
 * every sample of the batch. Here 2 x 8 x 64 x 64 floats, then a vector of 8. */
Test(memory, forward_may_be_the_peak) {
  static struct sketch s;
  const uint64_t image = 4 * 8 * 64 * 64;
  sketch_begin(&s, "transfer", 3, (const uint32_t[]){8, 64, 64});
  (void)sketch_then(&s, "trunk", JC_LAYER_conv2d, conv_no_bias(8, 3, 1, 1));
  sketch_last(&s)->trainable = false;
  (void)sketch_then(&s, "pool", JC_LAYER_adaptive_avgpool2d, adaptive(1, 1));
  (void)sketch_then(&s, "flatten", JC_LAYER_flatten, flatten_all());
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(10, true));
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_geq(jc_training_memory_bytes(t, 16, JC_OPTIMIZER_SGD), 16 * 2 * image,
                "%llu bytes for a batch of 16",
                (unsigned long long)jc_training_memory_bytes(t, 16, JC_OPTIMIZER_SGD));
}

/* ---- memory of random networks, against the definition ---- */

enum { RANDOM_LAYERS = 24, TENSOR_BYTES = 128 }; /* every tensor is 2x4x4 floats */

/* Numerical Recipes' generator: the networks are the same on every machine. */
static uint32_t random_below(uint32_t *state, uint32_t n) {
  *state = *state * 1664525u + 1013904223u;
  return (*state >> 8) % n;
}

static void make_random(struct sketch *s, uint32_t *state) {
  sketch_begin(s, "random", 3, (const uint32_t[]){2, 4, 4});
  for (uint32_t i = 0; i < RANDOM_LAYERS; i++) {
    /* mostly the tensor before, sometimes any earlier one */
    const uint32_t a = random_below(state, 4) > 0 ? i : random_below(state, i + 1);
    const uint32_t ab[] = {a, random_below(state, i + 1)};
    sketch_add_choice(s, random_below(state, 5), ab);
    sketch_last(s)->trainable = random_below(state, 3) > 0;
  }
}

/* Whether layer I reads TENSOR. */
static bool reads(const struct sketch *s, uint32_t i, uint32_t tensor) {
  const struct jc_layer *layer = &s->layers[i];
  for (uint32_t k = 0; k < layer->input_count; k++) {
    if (s->edges[layer->first_input + k] == tensor)
      return true;
  }
  return false;
}

/* Whether the backward of layer I reads TENSOR: convolution its input for the weights, batchnorm
 * its input, ReLU its output. */
static bool keeps(const struct sketch *s, const bool *gradient, uint32_t i, uint32_t tensor) {
  const struct jc_layer *layer = &s->layers[i];
  if (!gradient[i + 1])
    return false;
  switch (layer->kind) {
  case JC_LAYER_conv2d:
    return layer->trainable && reads(s, i, tensor);
  case JC_LAYER_batchnorm2d:
    return reads(s, i, tensor);
  case JC_LAYER_relu:
    return tensor == i + 1;
  default:
    return false;
  }
}

/* Tensor 0 is the image, tensor i + 1 what layer i writes. */
static void mark_gradients(const struct sketch *s, bool *gradient) {
  gradient[0] = false;
  for (uint32_t i = 0; i < RANDOM_LAYERS; i++) {
    const struct jc_layer *layer = &s->layers[i];
    gradient[i + 1] =
        layer->trainable && (layer->kind == JC_LAYER_conv2d || layer->kind == JC_LAYER_batchnorm2d);
    for (uint32_t t = 0; t <= i; t++)
      gradient[i + 1] |= gradient[t] && reads(s, i, t);
  }
}

/* Bytes kept for the backward of the layers up to LAST. */
static uint64_t kept_bytes(const struct sketch *s, const bool *gradient, uint32_t last) {
  uint64_t bytes = 0;
  for (uint32_t t = 0; t <= RANDOM_LAYERS; t++) {
    bool kept = false;
    for (uint32_t i = 0; i <= last; i++)
      kept |= keeps(s, gradient, i, t);
    bytes += kept ? TENSOR_BYTES : 0;
  }
  for (uint32_t i = 0; i <= last; i++)
    bytes += s->layers[i].kind == JC_LAYER_dropout && gradient[i + 1] ? TENSOR_BYTES / 4 : 0;
  return bytes;
}

/* At the backward of layer I: what the layers up to I keep, and the gradients of the tensors that
 * I writes or reads, or that a later layer has read. */
static uint64_t backward_bytes(const struct sketch *s, const bool *gradient, uint32_t i) {
  uint64_t bytes = kept_bytes(s, gradient, i);
  for (uint32_t t = 0; t <= i + 1; t++) {
    bool begun = t == i + 1;
    for (uint32_t k = i; k < RANDOM_LAYERS; k++)
      begun |= reads(s, k, t);
    bytes += begun && gradient[t] ? TENSOR_BYTES : 0;
  }
  return bytes;
}

/* At the forward of layer I: the same kept tensors, and those that I or a later layer reads. */
static uint64_t forward_bytes(const struct sketch *s, const bool *gradient, uint32_t i) {
  uint64_t bytes = kept_bytes(s, gradient, i);
  for (uint32_t t = 0; t <= i + 1; t++) {
    bool needed = t == i + 1, kept = false;
    for (uint32_t k = i; k < RANDOM_LAYERS; k++)
      needed |= reads(s, k, t);
    for (uint32_t k = 0; k <= i; k++)
      kept |= keeps(s, gradient, k, t);
    bytes += needed && !kept ? TENSOR_BYTES : 0;
  }
  return bytes;
}

Test(memory, of_random_networks) {
  uint32_t state = 2023;
  for (int n = 0; n < 200; n++) {
    static struct sketch s;
    bool gradient[RANDOM_LAYERS + 1];
    uint64_t backward = 0, forward = 0;
    make_random(&s, &state);
    const struct jc_totals *t = &sketch_analyze(&s)->totals;
    mark_gradients(&s, gradient);
    for (uint32_t i = 0; i < RANDOM_LAYERS; i++) {
      cr_assert_eq(s.analysis.layers[i].output_needs_grad, gradient[i + 1]);
      const uint64_t b = gradient[i + 1] ? backward_bytes(&s, gradient, i) : 0;
      const uint64_t f = forward_bytes(&s, gradient, i);
      backward = b > backward ? b : backward;
      forward = f > forward ? f : forward;
    }
    cr_assert_eq(t->saved_activation_bytes, kept_bytes(&s, gradient, RANDOM_LAYERS - 1),
                 "network %d", n);
    cr_assert(t->peak_activation_bytes == (forward > backward ? forward : backward),
              "network %d: %llu bytes, backward %llu, forward %llu", n,
              (unsigned long long)t->peak_activation_bytes, (unsigned long long)backward,
              (unsigned long long)forward);
  }
}

/* Buffers are there once, whatever the batch. */
Test(memory, buffers) {
  static struct sketch s;
  sketch_begin(&s, "bn", 3, (const uint32_t[]){3, 4, 4});
  (void)sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(false));
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  const uint64_t one = jc_training_memory_bytes(t, 1, JC_OPTIMIZER_ADAM);
  cr_assert_eq(one, 24 + t->peak_activation_bytes);
  cr_assert_eq(jc_training_memory_bytes(t, 5, JC_OPTIMIZER_ADAM),
               24 + 5 * t->peak_activation_bytes);
}
