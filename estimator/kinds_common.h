/* kinds_common.h -- what the blocks of the catalogue share. Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_COMMON_H
#define JC_ESTIMATOR_KINDS_COMMON_H

#include <string.h>

#include "estimator/counting.h"
#include "estimator/network.h"

#define MAX_DIMENSION 2147483647.0 /* what a signed 32-bit dimension of oneDNN and ONNX holds */

/* The type of a field follows from its C type: a field of another type does not compile. */
#define FIELD_TYPE(fields, member)                                                                 \
  _Generic(((struct jc_##fields *)0)->member, uint32_t                                             \
           : JC_FIELD_UINT, int32_t                                                                \
           : JC_FIELD_INT, bool                                                                    \
           : JC_FIELD_BOOL, double                                                                 \
           : JC_FIELD_REAL, struct jc_extent                                                       \
           : JC_FIELD_EXTENT, struct jc_padding                                                    \
           : JC_FIELD_PADDING, struct jc_int_list                                                  \
           : JC_FIELD_INT_LIST)

#define FIELD(fields, member, ...)                                                                 \
  {                                                                                                \
    .name = #member, .type = FIELD_TYPE(fields, member),                                           \
    .offset = offsetof(struct jc_##fields, member), __VA_ARGS__                                    \
  }

/* A member whose C type has several meanings: C_TYPE is checked, MEANING is an enum jc_field_type.
 */
#define FIELD_AS(c_type, meaning, fields, member, ...)                                             \
  {                                                                                                \
    .name = #member,                                                                               \
    .type = _Generic(((struct jc_##fields *)0)->member, c_type                                     \
                     : meaning),                                                                   \
    .offset = offsetof(struct jc_##fields, member), __VA_ARGS__                                    \
  }

#define LIST_FIELD(fields, member, ...)                                                            \
  FIELD(fields, member, .minimum = -MAX_DIMENSION, .maximum = MAX_DIMENSION, __VA_ARGS__)

#define DIM_FIELD(fields, member, ...)                                                             \
  FIELD_AS(int32_t, JC_FIELD_DIM, fields, member, .minimum = -JC_MAX_RANK, .maximum = JC_MAX_RANK, \
           __VA_ARGS__)

#define GROUPS_FIELD(fields)                                                                       \
  FIELD_AS(uint32_t, JC_FIELD_GROUPS, fields, groups, .default_value = 1, .minimum = 1,            \
           .maximum = MAX_DIMENSION,                                                               \
           .help = "blocks of channels kept apart; \"in_channels\": depthwise")

#define EPS_FIELD(fields, value)                                                                   \
  FIELD(fields, eps, .default_value = (value), .minimum = 0, .maximum = 1,                         \
        .help = "added to the variance")

/* Names of further cost variants. */
#define VARIANTS(...)                                                                              \
  (const char *const[]) {                                                                          \
    __VA_ARGS__, NULL                                                                              \
  }

#define FIELDS(table) .fields = (table), .field_count = sizeof(table) / sizeof((table)[0])

enum { MESSAGE_SHAPE_BYTES = 96 };

static enum jc_status shape_same(const struct jc_layer_view *view, struct jc_shape *out,
                                 struct jc_error *error) {
  (void)error;
  *out = *jc_view_input(view, 0);
  return JC_OK;
}

static void cost_nothing(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  (void)cost;
}

static enum jc_status require_rank(const struct jc_layer_view *view, uint32_t rank,
                                   const char *expected, struct jc_error *error) {
  const struct jc_shape *in = jc_view_input(view, 0);
  char text[MESSAGE_SHAPE_BYTES];
  if (in->rank != rank)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs", "expected a tensor %s, got %s", expected,
                   jc_shape_format(in, text, sizeof(text)));
  return JC_OK;
}

/* What is multiplied or normalised is no index. */
static enum jc_status require_floats(const struct jc_layer_view *view, uint32_t index,
                                     struct jc_error *error) {
  if (jc_view_network_input(view, index) == JC_INTEGER_INPUT)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected floats, got the whole numbers of an int32 input");
  return JC_OK;
}

static const struct jc_kind *kind_of(const struct jc_layer_view *view) {
  return jc_kind_get(view->layer->kind);
}

/* Index of the channels: before the dimensions that the kind slides over. What stands before them
 * is folded into the batch. */
static uint32_t channel_index(const struct jc_layer_view *view) {
  return jc_view_input(view, 0)->rank - kind_of(view)->spatial_rank - 1;
}

static uint32_t channels_of(const struct jc_layer_view *view) {
  return jc_view_input(view, 0)->dim[channel_index(view)];
}

/* A tensor of channels and as many dimensions behind them as the kind slides over. Leading ones
 * are refused of a network's input only: they are more often a batch written by mistake. */
static enum jc_status require_spatial(const struct jc_layer_view *view, struct jc_error *error) {
  static const char *const expected[] = {"", "channels x length", "channels x height x width",
                                         "channels x depth x height x width"};
  const uint32_t spatial = kind_of(view)->spatial_rank;
  const struct jc_shape *in = jc_view_input(view, 0);
  char text[MESSAGE_SHAPE_BYTES];
  const bool of_network = jc_view_network_input(view, 0) != JC_NO_NETWORK_INPUT;
  if (in->rank < 1 + spatial || (in->rank > 1 + spatial && of_network))
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs", "expected a tensor of %s, got %s%s",
                   expected[spatial], jc_shape_format(in, text, sizeof(text)),
                   in->rank > 1 + spatial ? " (shapes leave out the batch)" : "");
  return require_floats(view, 0, error);
}

/* Index of FIELD's dimension in a shape of RANK; a dimension argument counts the batch as 0. */
static enum jc_status require_dimension(uint32_t rank, int32_t dim, const char *field,
                                        uint32_t *index, struct jc_error *error) {
  *index = jc_dim_index(rank, dim);
  if (*index == UINT32_MAX)
    return jc_fail(error, JC_ERROR_INVALID, 0, field,
                   "expected a dimension of at most %u (the batch is 0) or from -%u to -1, got %d",
                   rank, rank, dim);
  return JC_OK;
}

static enum jc_status require_length(uint64_t length, const char *field, struct jc_error *error) {
  if (length > INT32_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, field, "%llu exceeds the largest dimension, %d",
                   (unsigned long long)length, INT32_MAX);
  return JC_OK;
}

/* "3x3" of an extent or a padding. */
static const char *extent_format(const uint32_t *at, uint32_t spatial, char *buffer, size_t size) {
  struct jc_shape shape = {.rank = spatial};
  memcpy(shape.dim, at, spatial * sizeof(*at));
  return jc_shape_format(&shape, buffer, size);
}

/* Product of the elements, saturating with *OVERFLOW. */
static uint64_t extent_product(const struct jc_extent *extent, uint32_t spatial, bool *overflow) {
  uint64_t product = 1;
  for (uint32_t i = 0; i < spatial; i++)
    product = count_product(product, extent->at[i], overflow);
  return product;
}

/* Bytes of ELEMENTS floats. */
static uint64_t float_bytes(uint64_t elements, bool *overflow) {
  return count_product(elements, sizeof(float), overflow);
}

static void cost_saves_input(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  cost->saves_input = true;
}

static void cost_saves_output(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  cost->saves_output = true;
}

static void cost_view(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  cost->moves_no_data = true;
}

/* ---- windows ---- */

struct window {
  struct jc_extent kernel_size, stride, dilation;
  uint64_t before[JC_MAX_SPATIAL], behind[JC_MAX_SPATIAL]; /* padding */
  bool ceil_mode;
};

static void pad_both_sides(struct window *window, const struct jc_extent *padding) {
  for (uint32_t i = 0; i < JC_MAX_SPATIAL; i++)
    window->before[i] = window->behind[i] = padding->at[i];
}

/* Output length of one dimension of a sliding window; torch/nn convolution and pooling formulas,
 * with ceil_mode's rule that the last window starts inside the input or its left padding. 0: the
 * window does not fit. */
static uint64_t window_length(const struct window *w, uint32_t i, uint64_t in) {
  const uint64_t stride = w->stride.at[i];
  const uint64_t extent = (uint64_t)w->dilation.at[i] * (w->kernel_size.at[i] - 1) + 1;
  const uint64_t padded = in + w->before[i] + w->behind[i] + (w->ceil_mode ? stride - 1 : 0);
  if (padded < extent)
    return 0;
  uint64_t out = (padded - extent) / stride + 1;
  if (w->ceil_mode && (out - 1) * stride >= in + w->before[i])
    out--;
  return out;
}

static enum jc_status window_does_not_fit(const struct window *w, const struct jc_shape *in,
                                          uint32_t spatial, struct jc_error *error) {
  char kernel[MESSAGE_SHAPE_BYTES], dilation[MESSAGE_SHAPE_BYTES], padding[MESSAGE_SHAPE_BYTES],
      size[MESSAGE_SHAPE_BYTES];
  const uint32_t before[JC_MAX_SPATIAL] = {(uint32_t)w->before[0], (uint32_t)w->before[1],
                                           (uint32_t)w->before[2]};
  return jc_fail(error, JC_ERROR_INVALID, 0, "kernel_size",
                 "a %s window (dilation %s, padding %s) does not fit the %s input",
                 extent_format(w->kernel_size.at, spatial, kernel, sizeof(kernel)),
                 extent_format(w->dilation.at, spatial, dilation, sizeof(dilation)),
                 extent_format(before, spatial, padding, sizeof(padding)),
                 extent_format(in->dim + in->rank - spatial, spatial, size, sizeof(size)));
}

static enum jc_status window_shape(const struct jc_layer_view *view, const struct window *w,
                                   uint32_t channels, struct jc_shape *out,
                                   struct jc_error *error) {
  if (require_spatial(view, error) != JC_OK)
    return error->status;
  const struct jc_shape *in = jc_view_input(view, 0);
  const uint32_t spatial = kind_of(view)->spatial_rank;
  const uint32_t first = in->rank - spatial;
  *out = *in;
  out->dim[first - 1] = channels;
  for (uint32_t i = 0; i < spatial; i++) {
    const uint64_t length = window_length(w, i, in->dim[first + i]);
    if (length == 0)
      return window_does_not_fit(w, in, spatial, error);
    if (require_length(length, "padding", error) != JC_OK)
      return error->status;
    out->dim[first + i] = (uint32_t)length;
  }
  return JC_OK;
}

/* ---- operands of several shapes ---- */

/* Largest rank of the inputs with a batch, where inputs with and without one meet: leading ones of
 * the others beyond it stand for the batch. UINT32_MAX if all or none have a batch. */
static uint32_t batched_rank(const struct jc_layer_view *view) {
  uint32_t rank = 0;
  bool any = false, all = true;
  for (uint32_t i = 0; i < view->input_count; i++) {
    const bool batched = !jc_view_is_per_step(view, i);
    any |= batched;
    all &= batched;
    if (batched && jc_view_input(view, i)->rank > rank)
      rank = jc_view_input(view, i)->rank;
  }
  return any && !all ? rank : UINT32_MAX;
}

/* The shape of an input among its fellows: leading ones that stand for the batch are dropped. */
static struct jc_shape operand(const struct jc_layer_view *view, uint32_t index,
                               uint32_t max_rank) {
  struct jc_shape shape = *jc_view_input(view, index);
  while (shape.rank > max_rank && shape.dim[0] == 1) {
    shape.rank--;
    memmove(shape.dim, shape.dim + 1, shape.rank * sizeof(shape.dim[0]));
    shape.dim[shape.rank] = 0;
  }
  return shape;
}

/* What is left of a tensor without batch has a place beside those with one. */
static enum jc_status require_operand(const struct jc_shape *shape, uint32_t max_rank,
                                      struct jc_error *error) {
  char text[MESSAGE_SHAPE_BYTES];
  if (shape->rank > max_rank)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected at most %u dimensions of a tensor without batch, as those with it "
                   "have, got %s",
                   max_rank, jc_shape_format(shape, text, sizeof(text)));
  return JC_OK;
}

static enum jc_status shapes_differ(const struct jc_shape *a, const struct jc_shape *b,
                                    struct jc_error *error) {
  char first[MESSAGE_SHAPE_BYTES], other[MESSAGE_SHAPE_BYTES];
  return jc_fail(error, JC_ERROR_INVALID, 0, "inputs", "shapes %s and %s differ",
                 jc_shape_format(a, first, sizeof(first)),
                 jc_shape_format(b, other, sizeof(other)));
}

/* Widens OUT so that SHAPE broadcasts with it: aligned at the last dimension, equal or 1. */
static enum jc_status broadcast(struct jc_shape *out, const struct jc_shape *shape,
                                struct jc_error *error) {
  const struct jc_shape *longer = out->rank >= shape->rank ? out : shape;
  const struct jc_shape *shorter = out->rank >= shape->rank ? shape : out;
  const uint32_t shift = longer->rank - shorter->rank;
  struct jc_shape wide = *longer;
  for (uint32_t i = 0; i < shorter->rank; i++) {
    const uint32_t a = longer->dim[i + shift], b = shorter->dim[i];
    if (a != b && a != 1 && b != 1)
      return shapes_differ(out, shape, error);
    wide.dim[i + shift] = a == 1 ? b : a;
  }
  *out = wide;
  return JC_OK;
}

#endif
