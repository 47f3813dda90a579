/* kinds_common.h -- what the blocks of the catalogue share. Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_COMMON_H
#define JC_ESTIMATOR_KINDS_COMMON_H

#include "estimator/counting.h"
#include "estimator/network.h"

#define MAX_DIMENSION 2147483647.0 /* what a signed 32-bit dimension of oneDNN and ONNX holds */

/* The type of a field follows from its C type: a field of another type does not compile. */
#define FIELD_TYPE(kind, member)                                                                   \
  _Generic(((struct jc_##kind *)0)->member, uint32_t                                               \
           : JC_FIELD_UINT, bool                                                                   \
           : JC_FIELD_BOOL, double                                                                 \
           : JC_FIELD_REAL, struct jc_pair                                                         \
           : JC_FIELD_PAIR, struct jc_int_list                                                     \
           : JC_FIELD_INT_LIST)

#define FIELD(kind, member, ...)                                                                   \
  {                                                                                                \
    .name = #member, .type = FIELD_TYPE(kind, member),                                             \
    .offset = offsetof(struct jc_##kind, member), __VA_ARGS__                                      \
  }

#define FIELDS(table) .fields = (table), .field_count = sizeof(table) / sizeof((table)[0])

enum { MESSAGE_SHAPE_BYTES = 80 };

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

static enum jc_status require_image(const struct jc_layer_view *view, struct jc_error *error) {
  return require_rank(view, 3, "of channels x height x width", error);
}

/* A dimension argument counts the batch as 0, as PyTorch's does. */
static enum jc_status require_dimension(const struct jc_layer_view *view, uint32_t dim,
                                        struct jc_error *error) {
  if (dim > jc_view_input(view, 0)->rank)
    return jc_fail(error, JC_ERROR_INVALID, 0, "dim",
                   "expected a dimension of at most %u (the batch is 0), got %u",
                   jc_view_input(view, 0)->rank, dim);
  return JC_OK;
}

struct window {
  struct jc_pair kernel_size, stride, padding, dilation;
  bool ceil_mode;
};

/* Output length of one dimension of a sliding window; torch/nn convolution and pooling formulas,
 * with ceil_mode's rule that the last window starts inside the input or its left padding. 0: the
 * window does not fit. */
static uint64_t window_length(uint64_t in, uint32_t kernel, uint32_t stride, uint32_t padding,
                              uint32_t dilation, bool ceil_mode) {
  const uint64_t extent = (uint64_t)dilation * (kernel - 1) + 1;
  const uint64_t padded = in + 2 * (uint64_t)padding + (ceil_mode ? stride - 1 : 0);
  if (padded < extent)
    return 0;
  uint64_t out = (padded - extent) / stride + 1;
  if (ceil_mode && (out - 1) * stride >= in + padding)
    out--;
  return out;
}

static enum jc_status window_shape(const struct jc_layer_view *view, const struct window *w,
                                   uint32_t channels, struct jc_shape *out,
                                   struct jc_error *error) {
  if (require_image(view, error) != JC_OK)
    return error->status;
  const struct jc_shape *in = jc_view_input(view, 0);
  const uint64_t h = window_length(in->dim[1], w->kernel_size.h, w->stride.h, w->padding.h,
                                   w->dilation.h, w->ceil_mode);
  const uint64_t wide = window_length(in->dim[2], w->kernel_size.w, w->stride.w, w->padding.w,
                                      w->dilation.w, w->ceil_mode);
  if (h == 0 || wide == 0)
    return jc_fail(error, JC_ERROR_INVALID, 0, "kernel_size",
                   "a %ux%u window (dilation %ux%u, padding %ux%u) does not fit the %ux%u input",
                   w->kernel_size.h, w->kernel_size.w, w->dilation.h, w->dilation.w, w->padding.h,
                   w->padding.w, in->dim[1], in->dim[2]);
  if (h > INT32_MAX || wide > INT32_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "padding",
                   "the output of %llux%llu exceeds the largest dimension, %d",
                   (unsigned long long)h, (unsigned long long)wide, INT32_MAX);
  *out = (struct jc_shape){.rank = 3, .dim = {channels, (uint32_t)h, (uint32_t)wide}};
  return JC_OK;
}

#endif
