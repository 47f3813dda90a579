/* kinds_pooling.h -- catalogue blocks of pools and reductions. Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_POOLING_H
#define JC_ESTIMATOR_KINDS_POOLING_H

#include "estimator/kinds_common.h"

/* PyTorch refuses more: a window would lie wholly in the padding. */
static enum jc_status pool_shape(const struct jc_layer_view *view, struct window *window,
                                 const struct jc_extent *padding, struct jc_shape *out,
                                 struct jc_error *error) {
  const uint32_t spatial = kind_of(view)->spatial_rank;
  char kernel[MESSAGE_SHAPE_BYTES], found[MESSAGE_SHAPE_BYTES];
  for (uint32_t i = 0; i < spatial; i++)
    if (padding->at[i] > window->kernel_size.at[i] / 2)
      return jc_fail(error, JC_ERROR_INVALID, 0, "padding",
                     "expected at most half of the kernel size %s, got %s",
                     extent_format(window->kernel_size.at, spatial, kernel, sizeof(kernel)),
                     extent_format(padding->at, spatial, found, sizeof(found)));
  pad_both_sides(window, padding);
  const bool has_channels = jc_view_input(view, 0)->rank > spatial;
  return window_shape(view, window, has_channels ? channels_of(view) : 0, out, error);
}

static void pool_ops(const struct jc_layer_view *view, const struct jc_extent *kernel,
                     const struct jc_extent *stride, struct jc_cost *cost) {
  const uint64_t window = extent_product(kernel, kind_of(view)->spatial_rank, &cost->overflow);
  cost->window = (uint32_t)window;
  cost->stride = stride->at[0];
  cost->elementwise_ops = count_product(cost->elementwise_ops, window, &cost->overflow);
}

#define POOL_FIELDS(fields, padding_help)                                                          \
  FIELD(fields, kernel_size, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,             \
        .help = "window"),                                                                         \
      FIELD(fields, stride, .defaults_to_kernel_size = true, .minimum = 1,                         \
            .maximum = MAX_DIMENSION, .help = "step of the window"),                               \
      FIELD(fields, padding, .default_value = 0, .minimum = 0, .maximum = MAX_DIMENSION,           \
            .help = padding_help)

/* NUMBER dimensions; every pool has one input of that many dimensions behind the channels. */
#define POOL_KIND(family, number, text)                                                            \
  static const struct jc_kind kind_##family##number##d = {                                         \
      .name = #family #number "d",                                                                 \
      .summary = text,                                                                             \
      FIELDS(family##_fields),                                                                     \
      .min_inputs = 1,                                                                             \
      .max_inputs = 1,                                                                             \
      .spatial_rank = (number),                                                                    \
      .ops_per_output = 1, /* per element of the window */                                         \
      .layout = JC_LAYOUT_FAST,                                                                    \
      .shape = family##_shape,                                                                     \
      .cost = family##_cost,                                                                       \
  }

/* ---- maxpool1d, 2d, 3d ---- */

static const struct jc_field maxpool_fields[] = {
    POOL_FIELDS(maxpool, "minus infinity added on both sides"),
    FIELD(maxpool, dilation, .default_value = 1, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "distance between the window's elements"),
    FIELD(maxpool, ceil_mode, .default_value = 0, .help = "round the output size up"),
};

static enum jc_status maxpool_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  const struct jc_maxpool *pool = &view->layer->fields.maxpool2d;
  struct window window = {.kernel_size = pool->kernel_size,
                          .stride = pool->stride,
                          .dilation = pool->dilation,
                          .ceil_mode = pool->ceil_mode};
  return pool_shape(view, &window, &pool->padding, out, error);
}

static void maxpool_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_maxpool *pool = &view->layer->fields.maxpool2d;
  pool_ops(view, &pool->kernel_size, &pool->stride, cost);
  cost->saved_extra_bytes =
      jc_shape_elements(&cost->out); /* oneDNN: place of the maximum, 1 byte */
}

POOL_KIND(maxpool, 1, "largest value of each window of a sequence");
POOL_KIND(maxpool, 2, "largest value of each window");
POOL_KIND(maxpool, 3, "largest value of each window of a volume");

/* ---- avgpool1d, 2d, 3d ---- */

static const struct jc_field avgpool_fields[] = {
    POOL_FIELDS(avgpool, "zeros added on both sides"),
    FIELD(avgpool, ceil_mode, .default_value = 0, .help = "round the output size up"),
    FIELD(avgpool, count_include_pad, .default_value = 1, .help = "the padding counts in the mean"),
};

static enum jc_status avgpool_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  const struct jc_avgpool *pool = &view->layer->fields.avgpool2d;
  struct window window = {.kernel_size = pool->kernel_size,
                          .stride = pool->stride,
                          .dilation = {{{1, 1, 1}}},
                          .ceil_mode = pool->ceil_mode};
  return pool_shape(view, &window, &pool->padding, out, error);
}

static void avgpool_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_avgpool *pool = &view->layer->fields.avgpool2d;
  pool_ops(view, &pool->kernel_size, &pool->stride, cost);
}

POOL_KIND(avgpool, 1, "mean of each window of a sequence");
POOL_KIND(avgpool, 2, "mean of each window");
POOL_KIND(avgpool, 3, "mean of each window of a volume");

/* ---- adaptive_avgpool1d, 2d, 3d, adaptive_maxpool1d, 2d, 3d ---- */

static const struct jc_field adaptive_pool_fields[] = {
    FIELD(adaptive_pool, output_size, .required = true, .minimum = 0, .maximum = MAX_DIMENSION,
          .help = "size of the output; 0: as the input"),
};

static enum jc_status adaptive_pool_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                          struct jc_error *error) {
  const struct jc_extent *size = &view->layer->fields.adaptive_avgpool2d.output_size;
  if (require_spatial(view, error) != JC_OK)
    return error->status;
  *out = *jc_view_input(view, 0);
  uint32_t *dim = &out->dim[channel_index(view) + 1];
  for (uint32_t i = 0; i < kind_of(view)->spatial_rank; i++)
    dim[i] = size->at[i] != 0 ? size->at[i] : dim[i];
  return JC_OK;
}

/* The windows cover the input once, but for overlaps where the sizes do not divide: then no library
 * code for equal windows fits. */
static void adaptive_pool_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const uint64_t inputs = jc_shape_elements(jc_view_input(view, 0));
  if (inputs > cost->elementwise_ops)
    cost->elementwise_ops = inputs;
  for (uint32_t i = 0; i < kind_of(view)->spatial_rank; i++) {
    const uint32_t dim = channel_index(view) + 1 + i;
    cost->computes_plain |= jc_view_input(view, 0)->dim[dim] % cost->out.dim[dim] != 0;
  }
}

static void adaptive_maxpool_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  adaptive_pool_cost(view, cost);
  cost->saved_extra_bytes =
      count_product(sizeof(uint64_t), jc_shape_elements(&cost->out), &cost->overflow);
}

#define adaptive_avgpool_fields adaptive_pool_fields
#define adaptive_avgpool_shape  adaptive_pool_shape
#define adaptive_avgpool_cost   adaptive_pool_cost
#define adaptive_maxpool_fields adaptive_pool_fields
#define adaptive_maxpool_shape  adaptive_pool_shape

POOL_KIND(adaptive_avgpool, 1, "mean of windows chosen to give the output length");
POOL_KIND(adaptive_avgpool, 2, "mean of windows chosen to give the output size");
POOL_KIND(adaptive_avgpool, 3, "mean of windows chosen to give the output volume");
POOL_KIND(adaptive_maxpool, 1, "largest value of windows chosen to give the output length");
POOL_KIND(adaptive_maxpool, 2, "largest value of windows chosen to give the output size");
POOL_KIND(adaptive_maxpool, 3, "largest value of windows chosen to give the output volume");

/* ---- mean, sum, amax, norm ---- */

static const struct jc_field reduction_fields[] = {
    FIELD_AS(struct jc_int_list, JC_FIELD_INTS, reduction, dim, .minimum = -JC_MAX_RANK,
             .maximum = JC_MAX_RANK,
             .help = "dimensions to reduce (the batch is 0); absent: all but the batch"),
    FIELD(reduction, keepdim, .default_value = 0,
          .help = "leave dimensions of length 1 in their place"),
};

static enum jc_status reduction_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  const struct jc_reduction *reduction = &view->layer->fields.mean;
  const struct jc_shape *in = jc_view_input(view, 0);
  bool reduced[JC_MAX_RANK] = {false};
  for (uint32_t i = 0; i < reduction->dim.count; i++) {
    uint32_t index;
    if (require_dimension(in->rank, reduction->dim.value[i], "dim", &index, error) != JC_OK)
      return error->status;
    if (reduced[index])
      return jc_fail(error, JC_ERROR_INVALID, 0, "dim", "dimension %d is named twice",
                     reduction->dim.value[i]);
    reduced[index] = true;
  }
  *out = (struct jc_shape){0};
  for (uint32_t i = 0; i < in->rank; i++) {
    const bool gone = reduction->dim.count == 0 || reduced[i];
    if (!gone || reduction->keepdim)
      out->dim[out->rank++] = gone ? 1 : in->dim[i];
  }
  return JC_OK;
}

static void mean_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  cost->elementwise_ops = count_product(kind_of(view)->ops_per_output,
                                        jc_shape_elements(jc_view_input(view, 0)), &cost->overflow);
}

static void norm_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  mean_cost(view, cost);
  cost->saves_input = cost->saves_output = true;
}

#define sum_cost  mean_cost
#define amax_cost norm_cost

/* OPERATIONS per element of the input. */
#define REDUCTION_KIND(kind_name, operations, text)                                                \
  static const struct jc_kind kind_##kind_name = {                                                 \
      .name = #kind_name,                                                                          \
      .summary = text " along dimensions",                                                         \
      FIELDS(reduction_fields),                                                                    \
      .min_inputs = 1,                                                                             \
      .max_inputs = 1,                                                                             \
      .ops_per_output = (operations),                                                              \
      .shape = reduction_shape,                                                                    \
      .cost = kind_name##_cost,                                                                    \
  }

REDUCTION_KIND(mean, 1, "mean");
REDUCTION_KIND(sum, 1, "sum");
REDUCTION_KIND(amax, 1, "largest value");
REDUCTION_KIND(norm, 2, "root of the sum of squares");

#endif
