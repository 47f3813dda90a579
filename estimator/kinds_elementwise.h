/* kinds_elementwise.h -- catalogue blocks that work element by element: batchnorm2d, relu, relu6,
 * dropout, add, softmax. Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_ELEMENTWISE_H
#define JC_ESTIMATOR_KINDS_ELEMENTWISE_H

#include "estimator/kinds_common.h"

/* ---- batchnorm2d ---- */

static const struct jc_field batchnorm2d_fields[] = {
    FIELD(batchnorm2d, eps, .default_value = 1e-5, .minimum = 0, .maximum = 1,
          .help = "added to the variance"),
    FIELD(batchnorm2d, momentum, .default_value = 0.1, .minimum = 0, .maximum = 1,
          .help = "weight of the new batch in the running statistics"),
    FIELD(batchnorm2d, affine, .default_value = 1, .help = "learn a scale and a shift"),
};

static enum jc_status batchnorm2d_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                        struct jc_error *error) {
  if (require_image(view, error) != JC_OK)
    return error->status;
  return shape_same(view, out, error);
}

static void batchnorm2d_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const uint32_t channels = jc_view_input(view, 0)->dim[0];
  cost->params = view->layer->fields.batchnorm2d.affine ? 2 * (uint64_t)channels : 0;
  cost->weight = (struct jc_shape){.rank = 1, .dim = {channels}};
  cost->buffers = 2 * (uint64_t)channels;
  cost->saves_input = true;
}

static const struct jc_kind kind_batchnorm2d = {
    .name = "batchnorm2d",
    .summary = "normalisation of each channel over batch, height and width",
    FIELDS(batchnorm2d_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"batchnorm2d", "batchnorm2d.relu"},
    .fused_variant = 1,
    .ops_per_output = 4, /* subtract mean, divide by deviation, scale, shift */
    .shape = batchnorm2d_shape,
    .cost = batchnorm2d_cost,
};

/* ---- relu, relu6 ---- */

static void cost_saves_output(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  cost->saves_output = true;
}

static const struct jc_kind kind_relu = {
    .name = "relu",
    .summary = "max(x, 0)",
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"relu"},
    .fuses_into = &kind_batchnorm2d,
    .ops_per_output = 1,
    .shape = shape_same,
    .cost = cost_saves_output,
};

static const struct jc_kind kind_relu6 = {
    .name = "relu6",
    .summary = "min(max(x, 0), 6)",
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"relu6"},
    .ops_per_output = 2,
    .shape = shape_same,
    .cost = cost_saves_output,
};

/* ---- dropout ---- */

static const struct jc_field dropout_fields[] = {
    FIELD(dropout, p, .default_value = 0.5, .minimum = 0, .maximum = 1,
          .help = "share of elements set to 0 in training"),
};

static void dropout_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  cost->saved_extra_bytes = jc_shape_elements(&cost->out); /* a mask of one byte an element */
}

static const struct jc_kind kind_dropout = {
    .name = "dropout",
    .summary = "random zeros in training, nothing otherwise",
    FIELDS(dropout_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"dropout"},
    .ops_per_output = 1,
    .shape = shape_same,
    .cost = dropout_cost,
};

/* ---- add ---- */

static enum jc_status add_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                struct jc_error *error) {
  for (uint32_t i = 1; i < view->input_count; i++) {
    char first[MESSAGE_SHAPE_BYTES], other[MESSAGE_SHAPE_BYTES];
    if (!jc_shape_equal(jc_view_input(view, 0), jc_view_input(view, i)))
      return jc_fail(error, JC_ERROR_INVALID, 0, "inputs", "shapes %s and %s differ",
                     jc_shape_format(jc_view_input(view, 0), first, sizeof(first)),
                     jc_shape_format(jc_view_input(view, i), other, sizeof(other)));
  }
  return shape_same(view, out, error);
}

static void add_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  cost->elementwise_ops =
      count_product(cost->elementwise_ops, view->input_count - 1, &cost->overflow);
}

static const struct jc_kind kind_add = {
    .name = "add",
    .summary = "sum of two or more tensors of one shape",
    .min_inputs = 2,
    .max_inputs = 0,
    .variants = {"add"},
    .ops_per_output = 1, /* per input after the first */
    .shape = add_shape,
    .cost = add_cost,
};

/* ---- softmax ---- */

static const struct jc_field softmax_fields[] = {
    FIELD(softmax, dim, .default_value = 1, .minimum = 1, .maximum = JC_MAX_RANK,
          .help = "dimension that sums to 1 (the batch is 0)"),
};

static enum jc_status softmax_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  if (require_dimension(view, view->layer->fields.softmax.dim, error) != JC_OK)
    return error->status;
  return shape_same(view, out, error);
}

static const struct jc_kind kind_softmax = {
    .name = "softmax",
    .summary = "exponentials normalised to sum 1",
    FIELDS(softmax_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"softmax"},
    .ops_per_output = 5, /* maximum, subtract, exponential, sum, divide */
    .shape = softmax_shape,
    .cost = cost_saves_output,
};

#endif
