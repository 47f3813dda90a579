/* test_kinds_limits.c -- every layer kind at the limits of its fields and of 64 bits: a right count
 * or a refusal, never a wrong number. */
#include "tests/small_networks.h"

#include <math.h>

#include "tests/kind_networks.h"

/* ---- random extremes ---- */

/* Numerical Recipes' generator: the cases are the same on every machine. */
static uint32_t random_below(uint32_t *state, uint32_t n) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)(*state >> 4) * n) >> 28);
}

/* Mostly small numbers, some of which divide each other, some at powers and limits. */
static int64_t extreme_number(uint32_t *state, int64_t minimum, int64_t maximum) {
  static const int64_t numbers[] = {1, 1, 1, 2, 2, 3, 4, 6, 8, 64, 32768, 65535, 65536, INT32_MAX};
  int64_t number = numbers[random_below(state, sizeof(numbers) / sizeof(numbers[0]))];
  if (random_below(state, 12) == 0)
    number = random_below(state, 2) == 0 ? minimum : maximum;
  if (minimum < 0 && random_below(state, 3) == 0)
    number = -number;
  return number < minimum ? minimum : number > maximum ? maximum : number;
}

static void fill_extent(uint32_t *state, const struct jc_field *field, uint32_t *at) {
  for (uint32_t i = 0; i < JC_MAX_SPATIAL; i++)
    at[i] = (uint32_t)extreme_number(state, (int64_t)field->minimum, (int64_t)field->maximum);
}

static void fill_list(uint32_t *state, const struct jc_field *field, struct jc_int_list *list) {
  list->count = random_below(state, 4) > 0 ? 1 + random_below(state, 4)
                                           : random_below(state, JC_MAX_LIST + 1);
  const bool counts_up = random_below(state, 4) == 0; /* 0, 1, 2: permute's */
  for (uint32_t i = 0; i < list->count; i++)
    list->value[i] =
        counts_up && i >= field->minimum && i <= field->maximum
            ? (int32_t)i
            : (int32_t)extreme_number(state, (int64_t)field->minimum, (int64_t)field->maximum);
}

/* A value that the reader could have put there. */
static void fill_field(uint32_t *state, const struct jc_field *field, void *member) {
  const bool real = field->type == JC_FIELD_REAL; /* whose range may be beyond any integer's */
  const int64_t minimum = real ? 0 : (int64_t)field->minimum;
  const int64_t maximum = real ? 0 : (int64_t)field->maximum;
  uint32_t choices = 0;
  switch (field->type) {
  case JC_FIELD_UINT:
    *(uint32_t *)member = (uint32_t)extreme_number(state, minimum, maximum);
    break;
  case JC_FIELD_INT:
    *(int32_t *)member = (int32_t)extreme_number(state, minimum, maximum);
    break;
  case JC_FIELD_DIM:
    do
      *(int32_t *)member = (int32_t)random_below(state, 17) - 8;
    while (*(int32_t *)member == 0);
    break;
  case JC_FIELD_BOOL:
    *(bool *)member = random_below(state, 2) == 0;
    break;
  case JC_FIELD_REAL:
    *(double *)member = random_below(state, 2) == 0 ? field->default_value : field->maximum;
    if (random_below(state, 2) == 0)
      *(double *)member = (double)extreme_number(state, (int64_t)fmax(field->minimum, -1e9),
                                                 (int64_t)fmin(field->maximum, 1e9));
    break;
  case JC_FIELD_EXTENT:
    fill_extent(state, field, ((struct jc_extent *)member)->at);
    break;
  case JC_FIELD_PADDING:
    fill_extent(state, field, ((struct jc_padding *)member)->at);
    if (random_below(state, 4) == 0)
      *(struct jc_padding *)member = (struct jc_padding){.same = true};
    break;
  case JC_FIELD_INT_LIST:
  case JC_FIELD_INTS:
    fill_list(state, field, member);
    break;
  case JC_FIELD_GROUPS:
    *(uint32_t *)member = random_below(state, 3) == 0
                              ? JC_GROUPS_IN_CHANNELS
                              : (uint32_t)extreme_number(state, minimum, maximum);
    break;
  case JC_FIELD_CHOICE:
    while (field->choices[choices] != NULL)
      choices++;
    *(uint32_t *)member = random_below(state, choices);
    break;
  }
}

/* Mostly the number of dimensions that the kind works on. */
static uint32_t random_rank(uint32_t *state, const struct jc_kind *kind) {
  if (kind->spatial_rank > 0 && random_below(state, 8) > 0)
    return 1 + kind->spatial_rank;
  return 1 + random_below(state, random_below(state, 3) == 0 ? JC_MAX_RANK : 4);
}

/* A network of one layer of KIND. */
static void make_extreme(struct sketch *s, enum jc_layer_kind which, uint32_t *state) {
  const struct jc_kind *kind = jc_kind_get(which);
  uint32_t dim[JC_MAX_RANK] = {1}, edges[SKETCH_INPUTS], rank = 1;
  union jc_layer_fields fields = no_fields();
  const uint32_t most = kind->max_inputs < SKETCH_INPUTS ? kind->max_inputs : SKETCH_INPUTS;
  const uint32_t count = kind->min_inputs + random_below(state, most - kind->min_inputs + 1);
  const bool same = random_below(state, 2) == 0;
  sketch_begin(s, kind->name, 1, dim);
  for (uint32_t i = 0; i < count; i++) {
    if (i == 0 || !same) {
      rank = random_rank(state, kind);
      for (uint32_t k = 0; k < rank; k++)
        dim[k] = (uint32_t)extreme_number(state, 1, INT32_MAX);
    }
    edges[i] = i;
    s->inputs[i].shape.rank = rank;
    memcpy(s->inputs[i].shape.dim, dim, sizeof(dim));
    s->inputs[i].name = "x";
    s->inputs[i].dtype = random_below(state, 2) == 0 ? JC_DTYPE_FLOAT32 : JC_DTYPE_INT32;
    s->network.input_count = i + 1;
  }
  for (uint32_t i = 0; i < kind->field_count; i++)
    fill_field(state, &kind->fields[i], (char *)&fields + kind->fields[i].offset);
  (void)sketch_add(s, kind->name, which, fields, count, edges);
}

/* ---- products in floating point, which does not wrap ---- */

static long double elements_of(const struct jc_shape *shape) {
  long double elements = 1;
  for (uint32_t i = 0; i < shape->rank; i++)
    elements *= shape->dim[i];
  return elements;
}

static long double window_of(const struct jc_extent *kernel, uint32_t spatial) {
  long double window = 1;
  for (uint32_t i = 0; i < spatial; i++)
    window *= kernel->at[i];
  return window;
}

static uint32_t groups_of(uint32_t groups, uint32_t channels) {
  return groups == JC_GROUPS_IN_CHANNELS ? channels : groups;
}

/* Leading dimensions x positions x features of input INDEX x FEATURES. */
static long double projection(const struct sketch *s, uint32_t index, long double features) {
  return elements_of(&s->inputs[index].shape) * features;
}

static long double attention_macs(const struct sketch *s) {
  const uint32_t inputs = s->layers[0].input_count;
  const struct jc_shape *query = &s->inputs[0].shape, *key = &s->inputs[inputs > 1 ? 1 : 0].shape;
  const long double features = query->dim[query->rank - 1];
  return 2 * projection(s, 0, features) + projection(s, inputs > 1 ? 1 : 0, features) +
         projection(s, inputs - 1, features) +
         2 * elements_of(query) * (long double)key->dim[key->rank - 2];
}

static long double expected_macs(const struct sketch *s, const struct jc_shape *out) {
  const struct jc_layer *layer = &s->layers[0];
  const uint32_t spatial = jc_kind_get(layer->kind)->spatial_rank;
  const struct jc_shape *in = &s->inputs[0].shape, *key = &s->inputs[1].shape;
  const uint32_t channels = in->rank > spatial ? in->dim[in->rank - spatial - 1] : 0;
  const struct jc_conv *conv = &layer->fields.conv2d;
  const struct jc_conv_transpose *up = &layer->fields.conv_transpose2d;
  switch (layer->kind) {
  case JC_LAYER_conv1d:
  case JC_LAYER_conv2d:
  case JC_LAYER_conv3d:
    return elements_of(out) * window_of(&conv->kernel_size, spatial) *
           (long double)(channels / groups_of(conv->groups, channels));
  case JC_LAYER_conv_transpose1d:
  case JC_LAYER_conv_transpose2d:
  case JC_LAYER_conv_transpose3d:
    return elements_of(in) * window_of(&up->kernel_size, spatial) *
           (long double)(up->out_channels / groups_of(up->groups, channels));
  case JC_LAYER_linear:
  case JC_LAYER_matmul:
    return elements_of(out) * (long double)in->dim[in->rank - 1];
  case JC_LAYER_multihead_attention:
    return attention_macs(s);
  case JC_LAYER_scaled_dot_product_attention:
    return elements_of(out) * (long double)key->dim[key->rank - 2] *
           (1 + (long double)in->dim[in->rank - 1] / (long double)out->dim[out->rank - 1]);
  default:
    return 0;
  }
}

/* What the analysis accepts can be counted. */
static void check_accepted(const struct sketch *s) {
  const struct jc_cost *cost = &s->analysis.layers[0];
  const char *name = s->network.name;
  char text[96];
  cr_assert_leq(cost->out.rank, JC_MAX_RANK, "%s", name);
  for (uint32_t i = 0; i < JC_MAX_RANK; i++)
    cr_assert(i < cost->out.rank ? cost->out.dim[i] >= 1 && cost->out.dim[i] <= INT32_MAX
                                 : cost->out.dim[i] == 0,
              "%s: %s", name, jc_shape_format(&cost->out, text, sizeof(text)));
  cr_assert(4 * elements_of(&cost->out) < 0x1p64L, "%s: %s", name,
            jc_shape_format(&cost->out, text, sizeof(text)));
  const long double expected = expected_macs(s, &cost->out);
  const long double difference = (long double)cost->macs - expected;
  cr_assert(difference <= 1e-15L * expected && -difference <= 1e-15L * expected,
            "%s: expected %Lg products, got %llu", name, expected, (unsigned long long)cost->macs);
  cr_assert_not(cost->overflow, "%s", name);
  cr_assert(s->analysis.totals.training_macs >= cost->macs, "%s", name);
}

Test(kinds_limits, of_every_kind) {
  enum { TRIES = 6000, MIN_ACCEPTED = 5 };
  static struct sketch s;
  uint32_t state = 2024;
  for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++) {
    uint32_t accepted = 0;
    for (int i = 0; i < TRIES; i++) {
      make_extreme(&s, (enum jc_layer_kind)kind, &state);
      const enum jc_status status = sketch_try(&s);
      if (status == JC_OK) {
        accepted++;
        check_accepted(&s);
        continue;
      }
      cr_assert(status == JC_ERROR_INVALID || status == JC_ERROR_OVERFLOW, "%s: %s", s.network.name,
                s.error.text);
      cr_assert_neq(s.error.path[0], '\0', "%s: %s", s.network.name, s.error.text);
    }
    cr_expect_geq(accepted, MIN_ACCEPTED, "%s: only %u accepted",
                  jc_kind_get((enum jc_layer_kind)kind)->name, accepted);
  }
}

/* ---- by hand: what fits, and one step further ---- */

static void expect_limit(const char *input, const char *fits, const char *too_many) {
  struct kind_network n;
  network_open(&n, input, fits);
  network_close(&n);
  cr_expect_eq(network_try(&n, input, too_many), JC_ERROR_OVERFLOW, "%s", too_many);
  network_close(&n);
}

#define LAYER(text) "{'name': 'x', 'type': " text "}"

Test(kinds_limits, products) {
  expect_limit("[1073741824]", LAYER("'linear', 'out_features': 536870912, 'bias': false"),
               LAYER("'linear', 'out_features': 2147483647, 'bias': false"));
  expect_limit("[65536, 65536]",
               LAYER("'conv1d', 'out_channels': 65536, 'kernel_size': 4096, 'padding': 'same',"
                     " 'groups': 4, 'bias': false"),
               LAYER("'conv1d', 'out_channels': 65536, 'kernel_size': 65536, 'padding': 'same',"
                     " 'groups': 1, 'bias': false"));
  expect_limit("[1024, 1024, 1024, 1024]",
               LAYER("'conv_transpose3d', 'out_channels': 1024, 'kernel_size': [1, 1, 512]"),
               LAYER("'conv_transpose3d', 'out_channels': 1024, 'kernel_size': 64"));
  expect_limit("{'a': {'shape': [65536, 65536]}, 'b': {'shape': [65536, 65536]}}",
               LAYER("'matmul', 'inputs': ['a', 'b']"),
               LAYER("'matmul', 'inputs': ['a', 'b']},"
                     "{'name': 'y', 'type': 'unsqueeze', 'dim': 1},"
                     "{'name': 'z', 'type': 'expand', 'shape': [262144, -1, -1]},"
                     "{'name': 'm', 'type': 'matmul', 'inputs': ['z', 'b']"));
  expect_limit("[1048576, 1024]", LAYER("'multihead_attention', 'num_heads': 16"),
               LAYER("'reshape', 'shape': [1073741824, 1]},"
                     "{'name': 'y', 'type': 'multihead_attention', 'num_heads': 1"));
  expect_limit("{'a': {'shape': [1048576, 64]}, 'b': {'shape': [2147483647, 64]}}",
               LAYER("'scaled_dot_product_attention', 'inputs': ['a', 'a', 'a']"),
               LAYER("'scaled_dot_product_attention', 'inputs': ['b', 'b', 'b']"));
}

Test(kinds_limits, parameters) {
  expect_limit("{'ids': {'shape': [1], 'dtype': 'int32'}}",
               LAYER("'embedding', 'num_embeddings': 1073741824, 'embedding_dim': 65536"),
               LAYER("'embedding', 'num_embeddings': 2147483647, 'embedding_dim': 2147483647"));
  expect_limit("[1]", LAYER("'parameter', 'shape': [65536, 65536, 16384]"),
               LAYER("'parameter', 'shape': [65536, 65536, 65536, 16384]"));
  expect_limit("[1]", LAYER("'constant', 'shape': [65536, 65536, 65536]"),
               LAYER("'constant', 'shape': [65536, 65536, 65536, 16384]"));
  expect_limit("[65536, 65536, 1]", LAYER("'layernorm', 'normalized_dims': 3"),
               LAYER("'expand', 'shape': [-1, -1, 536870912]},"
                     "{'name': 'y', 'type': 'layernorm', 'normalized_dims': 3"));
}

Test(kinds_limits, dimensions) {
  const char *largest = "[2147483647]", *square = "[4, 65536, 65536]";
  expect_limit(largest, LAYER("'pad', 'padding': [-1, 1]"),
               LAYER("'concat', 'inputs': ['input', 'input']"));
  expect_refused(largest, LAYER("'pad', 'padding': [0, 1]"), JC_ERROR_INVALID, "layers[0].padding");
  expect_limit(square, LAYER("'flatten', 'end_dim': 2"), LAYER("'flatten', 'start_dim': 2"));
  expect_limit(square, LAYER("'reshape', 'shape': [16, -1, 1024]"),
               LAYER("'reshape', 'shape': [-1]"));
  expect_limit(square, LAYER("'upsample', 'scale_factor': 4096"),
               LAYER("'upsample', 'size': 2147483647"));
  expect_refused(square, LAYER("'upsample', 'scale_factor': 32768"), JC_ERROR_INVALID,
                 "layers[0].scale_factor");
  expect_limit(square, LAYER("'pixel_shuffle', 'upscale_factor': 2"),
               LAYER("'reshape', 'shape': [1073741824, 16, 1]},"
                     "{'name': 'y', 'type': 'pixel_unshuffle', 'downscale_factor': 1},"
                     "{'name': 'z', 'type': 'reshape', 'shape': [2097152, 128, 64]},"
                     "{'name': 'w', 'type': 'pixel_unshuffle', 'downscale_factor': 64"));
}
