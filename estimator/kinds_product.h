/* kinds_product.h -- catalogue blocks of the layers that multiply by weights: conv2d, linear.
 * Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_PRODUCT_H
#define JC_ESTIMATOR_KINDS_PRODUCT_H

#include "estimator/kinds_common.h"

/* ---- conv2d ---- */

static const struct jc_field conv2d_fields[] = {
    FIELD(conv2d, out_channels, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "number of filters"),
    FIELD(conv2d, kernel_size, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "window, a number or [h, w]"),
    FIELD(conv2d, stride, .default_value = 1, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "step of the window"),
    FIELD(conv2d, padding, .default_value = 0, .minimum = 0, .maximum = MAX_DIMENSION,
          .help = "zeros added on both sides"),
    FIELD(conv2d, dilation, .default_value = 1, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "distance between the window's elements"),
    {.name = "groups",
     .type = JC_FIELD_GROUPS,
     .offset = offsetof(struct jc_conv2d, groups),
     .default_value = 1,
     .minimum = 1,
     .maximum = MAX_DIMENSION,
     .help = "blocks of channels kept apart; \"in_channels\": depthwise"},
    FIELD(conv2d, bias, .default_value = 1, .help = "add a learnt bias"),
};

static uint32_t conv2d_groups(const struct jc_conv2d *conv, uint32_t in_channels) {
  return conv->groups == JC_GROUPS_IN_CHANNELS ? in_channels : conv->groups;
}

static enum jc_status conv2d_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                   struct jc_error *error) {
  const struct jc_conv2d *conv = &view->layer->fields.conv2d;
  const struct window window = {conv->kernel_size, conv->stride, conv->padding, conv->dilation,
                                false};
  if (window_shape(view, &window, conv->out_channels, out, error) != JC_OK)
    return error->status;
  const uint32_t in_channels = jc_view_input(view, 0)->dim[0];
  const uint32_t groups = conv2d_groups(conv, in_channels);
  if (in_channels % groups != 0 || conv->out_channels % groups != 0)
    return jc_fail(error, JC_ERROR_INVALID, 0, "groups",
                   "expected a divisor of %u input and %u output channels, got %u", in_channels,
                   conv->out_channels, groups);
  return JC_OK;
}

/* Variants whose speed differs at equal FLOPs and bytes: too few input channels to fill a vector,
 * a plain matrix product, no reuse across channels. */
enum { CONV_WINDOW, CONV_1X1, CONV_FIRST, CONV_DEPTHWISE, CONV_GROUPED };

static uint8_t conv2d_variant(const struct jc_conv2d *conv, uint32_t in_channels) {
  const uint32_t groups = conv2d_groups(conv, in_channels);
  if (groups > 1)
    return groups == in_channels ? CONV_DEPTHWISE : CONV_GROUPED;
  if (in_channels <= 4)
    return CONV_FIRST;
  return conv->kernel_size.h == 1 && conv->kernel_size.w == 1 ? CONV_1X1 : CONV_WINDOW;
}

static void conv2d_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_conv2d *conv = &view->layer->fields.conv2d;
  const uint32_t in_channels = jc_view_input(view, 0)->dim[0];
  bool *over = &cost->overflow;
  uint64_t per_output = count_product(conv->kernel_size.h, conv->kernel_size.w, over);
  per_output = count_product(per_output, in_channels / conv2d_groups(conv, in_channels), over);
  cost->macs = count_product(per_output, jc_shape_elements(&cost->out), over);
  cost->data_macs = cost->weight_macs = cost->macs;
  cost->params = count_product(per_output, conv->out_channels, over);
  cost->weight =
      (struct jc_shape){.rank = 4,
                        .dim = {conv->out_channels, in_channels / conv2d_groups(conv, in_channels),
                                conv->kernel_size.h, conv->kernel_size.w}};
  cost->saves_input = cost->saves_input_for_weights_only = true;
  cost->variant = conv2d_variant(conv, in_channels);
  if (conv->bias) {
    cost->params = count_sum(cost->params, conv->out_channels, over);
    cost->elementwise_ops = count_sum(cost->elementwise_ops, jc_shape_elements(&cost->out), over);
  }
}

static const struct jc_kind kind_conv2d = {
    .name = "conv2d",
    .summary = "two-dimensional convolution (groups, dilation)",
    FIELDS(conv2d_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"conv2d", "conv2d.1x1", "conv2d.first", "conv2d.depthwise", "conv2d.grouped"},
    .shape = conv2d_shape,
    .cost = conv2d_cost,
};

/* ---- linear ---- */

static const struct jc_field linear_fields[] = {
    FIELD(linear, out_features, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "length of the output's last dimension"),
    FIELD(linear, bias, .default_value = 1, .help = "add a learnt bias"),
};

/* Like PyTorch's, it acts on the last dimension and keeps the others. */
static enum jc_status linear_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                   struct jc_error *error) {
  if (jc_view_input(view, 0)->rank == 0)
    return require_rank(view, 1, "of at least one dimension", error);
  *out = *jc_view_input(view, 0);
  out->dim[out->rank - 1] = view->layer->fields.linear.out_features;
  return JC_OK;
}

static void linear_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_linear *linear = &view->layer->fields.linear;
  const struct jc_shape *in = jc_view_input(view, 0);
  const uint32_t in_features = in->dim[in->rank - 1];
  bool *over = &cost->overflow;
  cost->macs = count_product(jc_shape_elements(&cost->out), in_features, over);
  cost->data_macs = cost->weight_macs = cost->macs;
  cost->params = count_product(linear->out_features, in_features, over);
  cost->weight = (struct jc_shape){.rank = 2, .dim = {linear->out_features, in_features}};
  cost->saves_input = cost->saves_input_for_weights_only = true;
  if (linear->bias) {
    cost->params = count_sum(cost->params, linear->out_features, over);
    cost->elementwise_ops = count_sum(cost->elementwise_ops, jc_shape_elements(&cost->out), over);
  }
}

static const struct jc_kind kind_linear = {
    .name = "linear",
    .summary = "fully connected layer on the last dimension",
    FIELDS(linear_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"linear"},
    .shape = linear_shape,
    .cost = linear_cost,
};

#endif
