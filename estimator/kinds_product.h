/* kinds_product.h -- catalogue blocks of the layers that multiply: convolutions, linear, matmul.
 * Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_PRODUCT_H
#define JC_ESTIMATOR_KINDS_PRODUCT_H

#include "estimator/kinds_common.h"
#include "estimator/kinds_weights.h"

/* ---- conv1d, conv2d, conv3d ---- */

/* What convolution and its transpose have in common. */
#define CONV_FIELDS(fields)                                                                        \
  FIELD(fields, out_channels, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,            \
        .help = "number of filters"),                                                              \
      FIELD(fields, kernel_size, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,         \
            .help = "window"),                                                                     \
      FIELD(fields, stride, .default_value = 1, .minimum = 1, .maximum = MAX_DIMENSION,            \
            .help = "step of the window")

static const struct jc_field conv_fields[] = {
    CONV_FIELDS(conv),
    FIELD(conv, padding, .default_value = 0, .minimum = 0, .maximum = MAX_DIMENSION,
          .help = "zeros added on both sides; \"same\": as many as keep the size, \"valid\": none"),
    FIELD(conv, dilation, .default_value = 1, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "distance between the window's elements"),
    GROUPS_FIELD(conv),
    FIELD(conv, bias, .default_value = 1, .help = "add a learnt bias"),
};

static uint32_t group_count(uint32_t groups, uint32_t in_channels) {
  return groups == JC_GROUPS_IN_CHANNELS ? in_channels : groups;
}

static enum jc_status check_groups(uint32_t groups, uint32_t in_channels, uint32_t out_channels,
                                   struct jc_error *error) {
  if (in_channels % groups != 0 || out_channels % groups != 0)
    return jc_fail(error, JC_ERROR_INVALID, 0, "groups",
                   "expected a divisor of %u input and %u output channels, got %u", in_channels,
                   out_channels, groups);
  return JC_OK;
}

static enum jc_status conv_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                 struct jc_error *error) {
  const struct jc_conv *conv = &view->layer->fields.conv2d;
  struct window window = {
      .kernel_size = conv->kernel_size, .stride = conv->stride, .dilation = conv->dilation};
  for (uint32_t i = 0; i < kind_of(view)->spatial_rank; i++) {
    if (conv->padding.same && conv->stride.at[i] != 1)
      return jc_fail(error, JC_ERROR_INVALID, 0, "padding",
                     "\"same\" needs a stride of 1, got one of %u", conv->stride.at[i]);
    jc_conv_padding(conv, i, &window.before[i], &window.behind[i]);
  }
  if (window_shape(view, &window, conv->out_channels, out, error) != JC_OK)
    return error->status;
  const uint32_t in_channels = channels_of(view);
  return check_groups(group_count(conv->groups, in_channels), in_channels, conv->out_channels,
                      error);
}

/* Variants whose speed differs at equal FLOPs and bytes: too few input channels to fill a vector,
 * a plain matrix product, no reuse across channels, windows wholly in the padding, for which
 * oneDNN has no direct kernel. */
enum { CONV_WINDOW, CONV_1X1, CONV_FIRST, CONV_DEPTHWISE, CONV_GROUPED, CONV_OUTSIDE };

static bool reaches_outside(const struct jc_conv *conv, uint32_t spatial) {
  for (uint32_t i = 0; i < spatial; i++) {
    const uint64_t reach = (uint64_t)conv->dilation.at[i] * (conv->kernel_size.at[i] - 1);
    if (!conv->padding.same && conv->padding.at[i] > reach)
      return true;
  }
  return false;
}

static uint8_t conv_variant(const struct jc_conv *conv, uint32_t spatial, uint32_t groups,
                            uint32_t in_channels, uint64_t window) {
  if (groups > 1)
    return groups == in_channels ? CONV_DEPTHWISE : CONV_GROUPED;
  if (reaches_outside(conv, spatial))
    return CONV_OUTSIDE;
  if (in_channels <= JC_FIRST_CHANNELS)
    return CONV_FIRST;
  return window == 1 ? CONV_1X1 : CONV_WINDOW;
}

/* A weight of FIRST x SECOND channels and a window; each of POSITIONS uses the weights of SECOND
 * channels once. */
static void window_product(struct jc_cost *cost, uint32_t first, uint32_t second,
                           const struct jc_extent *kernel, uint32_t spatial, uint64_t positions,
                           bool bias, uint32_t out_channels) {
  bool *over = &cost->overflow;
  const uint64_t window = extent_product(kernel, spatial, over);
  const uint64_t per_position = count_product(window, second, over);
  cost->macs = count_product(per_position, positions, over);
  cost->data_macs = cost->weight_macs = cost->macs;
  cost->params = count_product(per_position, first, over);
  cost->weight = (struct jc_shape){.rank = 2 + spatial, .dim = {first, second}};
  memcpy(cost->weight.dim + 2, kernel->at, spatial * sizeof(kernel->at[0]));
  cost->saves_input = cost->saves_input_for_weights_only = true;
  if (bias) {
    cost->params = count_sum(cost->params, out_channels, over);
    cost->elementwise_ops = count_sum(cost->elementwise_ops, jc_shape_elements(&cost->out), over);
  }
}

static void conv_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_conv *conv = &view->layer->fields.conv2d;
  const uint32_t spatial = kind_of(view)->spatial_rank;
  const uint32_t in_channels = channels_of(view);
  const uint32_t groups = group_count(conv->groups, in_channels);
  bool *over = &cost->overflow;
  window_product(cost, conv->out_channels, in_channels / groups, &conv->kernel_size, spatial,
                 jc_shape_elements(&cost->out), conv->bias, conv->out_channels);
  cost->window = (uint32_t)extent_product(&conv->kernel_size, spatial, over);
  cost->stride = conv->stride.at[0];
  cost->groups = groups;
  cost->variant = conv_variant(conv, spatial, groups, in_channels, cost->window);
}

#define CONV_KIND(kind_name, spatial, text)                                                        \
  static const struct jc_kind kind_##kind_name = {                                                 \
      .name = #kind_name,                                                                          \
      .summary = text " convolution (groups, dilation)",                                           \
      FIELDS(conv_fields),                                                                         \
      .min_inputs = 1,                                                                             \
      .max_inputs = 1,                                                                             \
      .spatial_rank = (spatial),                                                                   \
      .variants = VARIANTS(#kind_name ".1x1", #kind_name ".first", #kind_name ".depthwise",        \
                           #kind_name ".grouped", #kind_name ".outside"),                          \
      .layout = JC_LAYOUT_BLOCKS,                                                                  \
      .shape = conv_shape,                                                                         \
      .cost = conv_cost,                                                                           \
  }

CONV_KIND(conv1d, 1, "one-dimensional");
CONV_KIND(conv2d, 2, "two-dimensional");
CONV_KIND(conv3d, 3, "three-dimensional");

/* ---- conv_transpose1d, 2d, 3d ---- */

static const struct jc_field conv_transpose_fields[] = {
    CONV_FIELDS(conv_transpose),
    FIELD(conv_transpose, padding, .default_value = 0, .minimum = 0, .maximum = MAX_DIMENSION,
          .help = "elements cut off on both sides of the output"),
    FIELD(conv_transpose, output_padding, .default_value = 0, .minimum = 0,
          .maximum = MAX_DIMENSION, .help = "elements added behind the output"),
    FIELD(conv_transpose, dilation, .default_value = 1, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "distance between the window's elements"),
    GROUPS_FIELD(conv_transpose),
    FIELD(conv_transpose, bias, .default_value = 1, .help = "add a learnt bias"),
};

/* torch.nn.ConvTranspose2d: (in - 1) stride - 2 padding + dilation (kernel - 1) + output_padding +
 * 1. */
static enum jc_status conv_transpose_length(const struct jc_conv_transpose *conv, uint32_t i,
                                            uint32_t in, uint32_t *out, struct jc_error *error) {
  const uint64_t grown = (uint64_t)(in - 1) * conv->stride.at[i] +
                         (uint64_t)conv->dilation.at[i] * (conv->kernel_size.at[i] - 1) +
                         conv->output_padding.at[i] + 1;
  const uint64_t cut = 2 * (uint64_t)conv->padding.at[i];
  if (conv->output_padding.at[i] >= conv->stride.at[i] &&
      conv->output_padding.at[i] >= conv->dilation.at[i])
    return jc_fail(error, JC_ERROR_INVALID, 0, "output_padding",
                   "expected less than the stride %u or the dilation %u, got %u",
                   conv->stride.at[i], conv->dilation.at[i], conv->output_padding.at[i]);
  if (grown <= cut)
    return jc_fail(error, JC_ERROR_INVALID, 0, "padding",
                   "expected less than half of the %llu elements there are without it, got %u",
                   (unsigned long long)grown, conv->padding.at[i]);
  *out = (uint32_t)(grown - cut);
  return require_length(grown - cut, "stride", error);
}

static enum jc_status conv_transpose_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                           struct jc_error *error) {
  const struct jc_conv_transpose *conv = &view->layer->fields.conv_transpose2d;
  if (require_spatial(view, error) != JC_OK)
    return error->status;
  const struct jc_shape *in = jc_view_input(view, 0);
  const uint32_t first = channel_index(view) + 1, channels = channels_of(view);
  *out = *in;
  out->dim[first - 1] = conv->out_channels;
  for (uint32_t i = 0; i < kind_of(view)->spatial_rank; i++)
    if (conv_transpose_length(conv, i, in->dim[first + i], &out->dim[first + i], error) != JC_OK)
      return error->status;
  return check_groups(group_count(conv->groups, channels), channels, conv->out_channels, error);
}

/* Each element of the input meets the window of every output channel of its group. */
static void conv_transpose_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_conv_transpose *conv = &view->layer->fields.conv_transpose2d;
  const struct jc_shape *in = jc_view_input(view, 0);
  const uint32_t channels = channels_of(view), groups = group_count(conv->groups, channels);
  window_product(cost, channels, conv->out_channels / groups, &conv->kernel_size,
                 kind_of(view)->spatial_rank, jc_shape_elements(in), conv->bias,
                 conv->out_channels);
}

#define CONV_TRANSPOSE_KIND(kind_name, spatial, text)                                              \
  static const struct jc_kind kind_##kind_name = {                                                 \
      .name = #kind_name,                                                                          \
      .summary = text " transposed convolution",                                                   \
      FIELDS(conv_transpose_fields),                                                               \
      .min_inputs = 1,                                                                             \
      .max_inputs = 1,                                                                             \
      .spatial_rank = (spatial),                                                                   \
      .shape = conv_transpose_shape,                                                               \
      .cost = conv_transpose_cost,                                                                 \
  }

CONV_TRANSPOSE_KIND(conv_transpose1d, 1, "one-dimensional");
CONV_TRANSPOSE_KIND(conv_transpose2d, 2, "two-dimensional");
CONV_TRANSPOSE_KIND(conv_transpose3d, 3, "three-dimensional");

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
  if (require_floats(view, 0, error) != JC_OK)
    return error->status;
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
    .ties_with = JC_LAYER_embedding,
    .shape = linear_shape,
    .cost = linear_cost,
};

/* ---- matmul ---- */

/* torch.matmul: [.., M, K] x [.., K, N], the leading dimensions broadcast; a vector in front is one
 * row. */
static enum jc_status matmul_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                   struct jc_error *error) {
  const uint32_t batched = batched_rank(view), max_rank = batched < 2 ? 2 : batched;
  struct jc_shape a = operand(view, 0, max_rank), b = operand(view, 1, max_rank);
  const bool row = a.rank == 1;
  char text[MESSAGE_SHAPE_BYTES];
  if (require_floats(view, 0, error) != JC_OK || require_floats(view, 1, error) != JC_OK)
    return error->status;
  if (row && batched == UINT32_MAX &&
      !jc_view_is_per_step(view, 0)) /* PyTorch's [B, K] x [B, K, N] */
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "a row of every sample can only be multiplied by a matrix without batch");
  if (a.rank == 0 || b.rank < 2)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs", "expected matrices, got %s",
                   jc_shape_format(a.rank == 0 ? &a : &b, text, sizeof(text)));
  const uint32_t k = a.dim[a.rank - 1], n = b.dim[b.rank - 1], m = row ? 1 : a.dim[a.rank - 2];
  if (b.dim[b.rank - 2] != k) {
    char other[MESSAGE_SHAPE_BYTES];
    return jc_fail(
        error, JC_ERROR_INVALID, 0, "inputs", "a matrix of %s cannot be multiplied by one of %s",
        jc_shape_format(&a, text, sizeof(text)), jc_shape_format(&b, other, sizeof(other)));
  }
  a.rank -= row ? 1 : 2;
  b.rank -= 2;
  if (broadcast(&a, &b, error) != JC_OK)
    return error->status;
  if (!row)
    a.dim[a.rank++] = m;
  a.dim[a.rank++] = n;
  *out = a;
  for (uint32_t i = a.rank; i < JC_MAX_RANK; i++)
    out->dim[i] = 0;
  return JC_OK;
}

static void matmul_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_shape *a = jc_view_input(view, 0);
  cost->macs = count_product(jc_shape_elements(&cost->out), a->dim[a->rank - 1], &cost->overflow);
  cost->saves_input = cost->saves_factors = true;
}

/* One product for each factor that needs a gradient. */
static void matmul_gradients(const struct jc_layer_view *view, struct jc_cost *cost) {
  const uint64_t factors =
      (uint64_t)jc_view_needs_grad(view, 0) + (uint64_t)jc_view_needs_grad(view, 1);
  cost->backward_data_macs = count_product(factors, cost->macs, &cost->overflow);
}

static const struct jc_kind kind_matmul = {
    .name = "matmul",
    .summary = "product of two tensors' last two dimensions",
    .min_inputs = 2,
    .max_inputs = 2,
    .shape = matmul_shape,
    .cost = matmul_cost,
    .gradients = matmul_gradients,
};

#endif
