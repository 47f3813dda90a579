/* kinds_pooling.h -- catalogue blocks of the pools: maxpool2d, avgpool2d, adaptive_avgpool2d.
 * Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_POOLING_H
#define JC_ESTIMATOR_KINDS_POOLING_H

#include "estimator/kinds_common.h"

/* PyTorch refuses more: a window would lie wholly in the padding. */
static enum jc_status pool_shape(const struct jc_layer_view *view, const struct window *window,
                                 struct jc_shape *out, struct jc_error *error) {
  if (window->padding.h > window->kernel_size.h / 2 ||
      window->padding.w > window->kernel_size.w / 2)
    return jc_fail(error, JC_ERROR_INVALID, 0, "padding",
                   "expected at most half of the kernel size %ux%u, got %ux%u",
                   window->kernel_size.h, window->kernel_size.w, window->padding.h,
                   window->padding.w);
  return window_shape(view, window,
                      jc_view_input(view, 0)->rank == 3 ? jc_view_input(view, 0)->dim[0] : 0, out,
                      error);
}

static void pool_ops(struct jc_pair kernel, struct jc_cost *cost) {
  const uint64_t window = count_product(kernel.h, kernel.w, &cost->overflow);
  cost->elementwise_ops = count_product(cost->elementwise_ops, window, &cost->overflow);
}

/* ---- maxpool2d ---- */

static const struct jc_field maxpool2d_fields[] = {
    FIELD(maxpool2d, kernel_size, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "window, a number or [h, w]"),
    FIELD(maxpool2d, stride, .defaults_to_kernel_size = true, .minimum = 1,
          .maximum = MAX_DIMENSION, .help = "step of the window"),
    FIELD(maxpool2d, padding, .default_value = 0, .minimum = 0, .maximum = MAX_DIMENSION,
          .help = "minus infinity added on both sides"),
    FIELD(maxpool2d, dilation, .default_value = 1, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "distance between the window's elements"),
    FIELD(maxpool2d, ceil_mode, .default_value = 0, .help = "round the output size up"),
};

static enum jc_status maxpool2d_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  const struct jc_maxpool2d *pool = &view->layer->fields.maxpool2d;
  const struct window window = {pool->kernel_size, pool->stride, pool->padding, pool->dilation,
                                pool->ceil_mode};
  return pool_shape(view, &window, out, error);
}

static void maxpool2d_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  pool_ops(view->layer->fields.maxpool2d.kernel_size, cost);
  cost->saved_extra_bytes =
      jc_shape_elements(&cost->out); /* oneDNN: place of the maximum, 1 byte */
}

static const struct jc_kind kind_maxpool2d = {
    .name = "maxpool2d",
    .summary = "largest value of each window",
    FIELDS(maxpool2d_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"maxpool2d"},
    .ops_per_output = 1, /* per element of the window */
    .shape = maxpool2d_shape,
    .cost = maxpool2d_cost,
};

/* ---- avgpool2d ---- */

static const struct jc_field avgpool2d_fields[] = {
    FIELD(avgpool2d, kernel_size, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "window, a number or [h, w]"),
    FIELD(avgpool2d, stride, .defaults_to_kernel_size = true, .minimum = 1,
          .maximum = MAX_DIMENSION, .help = "step of the window"),
    FIELD(avgpool2d, padding, .default_value = 0, .minimum = 0, .maximum = MAX_DIMENSION,
          .help = "zeros added on both sides"),
    FIELD(avgpool2d, ceil_mode, .default_value = 0, .help = "round the output size up"),
    FIELD(avgpool2d, count_include_pad, .default_value = 1,
          .help = "the padding counts in the mean"),
};

static enum jc_status avgpool2d_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  const struct jc_avgpool2d *pool = &view->layer->fields.avgpool2d;
  const struct window window = {
      pool->kernel_size, pool->stride, pool->padding, {1, 1}, pool->ceil_mode};
  return pool_shape(view, &window, out, error);
}

static void avgpool2d_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  pool_ops(view->layer->fields.avgpool2d.kernel_size, cost);
}

static const struct jc_kind kind_avgpool2d = {
    .name = "avgpool2d",
    .summary = "mean of each window",
    FIELDS(avgpool2d_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"avgpool2d"},
    .ops_per_output = 1, /* per element of the window */
    .shape = avgpool2d_shape,
    .cost = avgpool2d_cost,
};

/* ---- adaptive_avgpool2d ---- */

static const struct jc_field adaptive_avgpool2d_fields[] = {
    FIELD(adaptive_avgpool2d, output_size, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "size of the output, a number or [h, w]"),
};

static enum jc_status adaptive_avgpool2d_shape(const struct jc_layer_view *view,
                                               struct jc_shape *out, struct jc_error *error) {
  if (require_image(view, error) != JC_OK)
    return error->status;
  const struct jc_pair size = view->layer->fields.adaptive_avgpool2d.output_size;
  *out = (struct jc_shape){.rank = 3, .dim = {jc_view_input(view, 0)->dim[0], size.h, size.w}};
  return JC_OK;
}

/* Windows tile the input, so every input element is added about once. */
static void adaptive_avgpool2d_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const uint64_t inputs = jc_shape_elements(jc_view_input(view, 0));
  if (inputs > cost->elementwise_ops)
    cost->elementwise_ops = inputs;
}

static const struct jc_kind kind_adaptive_avgpool2d = {
    .name = "adaptive_avgpool2d",
    .summary = "mean of windows chosen to give the output size",
    FIELDS(adaptive_avgpool2d_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"adaptive_avgpool2d"},
    .ops_per_output = 1, /* per input element, at least one per output */
    .shape = adaptive_avgpool2d_shape,
    .cost = adaptive_avgpool2d_cost,
};

#endif
