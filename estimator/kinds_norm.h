/* kinds_norm.h -- catalogue blocks of normalisations. Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_NORM_H
#define JC_ESTIMATOR_KINDS_NORM_H

#include "estimator/kinds_common.h"

/* Elementwise operations per element: with stored statistics subtract, divide, scale, shift; where
 * they are taken from the tensor itself also its mean (1) and variance (2). */
enum { NORM_OPS = 4, NORM_OPS_WITH_STATISTICS = 7, RMSNORM_OPS = 4 };

/* ---- batchnorm1d, 2d, 3d ---- */

static const struct jc_field batchnorm_fields[] = {
    EPS_FIELD(batchnorm, 1e-5),
    FIELD(batchnorm, momentum, .default_value = 0.1, .minimum = 0, .maximum = 1,
          .help = "weight of the new batch in the running statistics"),
    FIELD(batchnorm, affine, .default_value = 1, .help = "learn a scale and a shift"),
    FIELD(batchnorm, track_running_stats, .default_value = 1,
          .help = "keep the running statistics that evaluation uses"),
};

static enum jc_status batchnorm_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  const bool features_only = kind_of(view)->spatial_rank == 1 && jc_view_input(view, 0)->rank == 1;
  if (!features_only && require_spatial(view, error) != JC_OK)
    return error->status;
  return shape_same(view, out, error);
}

/* A scale and a shift of LENGTH elements each. */
static void learn_affine(struct jc_cost *cost, uint64_t length, bool scale, bool shift) {
  cost->params = count_product((uint64_t)scale + (uint64_t)shift, length, &cost->overflow);
  cost->weight = (struct jc_shape){.rank = 1, .dim = {(uint32_t)length}};
  cost->saves_input = true;
}

static void batchnorm_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_batchnorm *norm = &view->layer->fields.batchnorm2d;
  const struct jc_shape *in = jc_view_input(view, 0);
  const uint32_t channels = in->rank == 1 ? in->dim[0] : channels_of(view);
  learn_affine(cost, channels, norm->affine, norm->affine);
  cost->buffers = norm->track_running_stats ? 2 * (uint64_t)channels : 0;
}

#define BATCHNORM_KIND(kind_name, spatial, over)                                                   \
  static const struct jc_kind kind_##kind_name = {                                                 \
      .name = #kind_name,                                                                          \
      .summary = "normalisation of each channel over " over,                                       \
      FIELDS(batchnorm_fields),                                                                    \
      .min_inputs = 1,                                                                             \
      .max_inputs = 1,                                                                             \
      .spatial_rank = (spatial),                                                                   \
      .variants = VARIANTS(#kind_name ".relu"),                                                    \
      .fused_variant = 1,                                                                          \
      .layout = JC_LAYOUT_FAST,                                                                    \
      .ops_per_output = NORM_OPS,                                                                  \
      .shape = batchnorm_shape,                                                                    \
      .cost = batchnorm_cost,                                                                      \
  }

BATCHNORM_KIND(batchnorm1d, 1, "batch and, if there is one, length");
BATCHNORM_KIND(batchnorm2d, 2, "batch, height and width");
BATCHNORM_KIND(batchnorm3d, 3, "batch, depth, height and width");

/* ---- layernorm, rmsnorm ---- */

#define NORMALIZED_DIMS_FIELD(fields)                                                              \
  FIELD(fields, normalized_dims, .default_value = 1, .minimum = 1, .maximum = JC_MAX_RANK,         \
        .help = "how many of the last dimensions are normalised together")

static const struct jc_field layernorm_fields[] = {
    NORMALIZED_DIMS_FIELD(layernorm),
    EPS_FIELD(layernorm, 1e-5),
    FIELD(layernorm, elementwise_affine, .default_value = 1, .help = "learn a scale and a shift"),
    FIELD(layernorm, bias, .default_value = 1, .help = "false: no shift beside the scale"),
};

static const struct jc_field rmsnorm_fields[] = {
    NORMALIZED_DIMS_FIELD(rmsnorm),
    EPS_FIELD(rmsnorm, 1e-6),
    FIELD(rmsnorm, elementwise_affine, .default_value = 1, .help = "learn a scale"),
};

static enum jc_status normalized_shape(const struct jc_layer_view *view, uint32_t dims,
                                       struct jc_shape *out, struct jc_error *error) {
  if (require_floats(view, 0, error) != JC_OK)
    return error->status;
  if (dims > jc_view_input(view, 0)->rank)
    return jc_fail(error, JC_ERROR_INVALID, 0, "normalized_dims",
                   "expected at most the %u dimensions of the input, got %u",
                   jc_view_input(view, 0)->rank, dims);
  return shape_same(view, out, error);
}

/* Elements that are normalised together. */
static uint64_t normalized_elements(const struct jc_layer_view *view, uint32_t dims) {
  const struct jc_shape *in = jc_view_input(view, 0);
  uint64_t elements = 1;
  for (uint32_t i = in->rank - dims; i < in->rank; i++)
    elements *= in->dim[i];
  return elements;
}

/* Statistics that backward reads: VALUES floats for each normalised part. */
static void save_statistics(struct jc_cost *cost, uint64_t part, uint64_t values) {
  cost->saved_extra_bytes =
      float_bytes(values * (jc_shape_elements(&cost->out) / part), &cost->overflow);
}

static enum jc_status layernorm_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  return normalized_shape(view, view->layer->fields.layernorm.normalized_dims, out, error);
}

static void layernorm_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_layernorm *norm = &view->layer->fields.layernorm;
  const uint64_t part = normalized_elements(view, norm->normalized_dims);
  learn_affine(cost, part, norm->elementwise_affine, norm->elementwise_affine && norm->bias);
  save_statistics(cost, part, 2); /* mean and 1 / deviation */
}

static const struct jc_kind kind_layernorm = {
    .name = "layernorm",
    .summary = "normalisation of each sample over its last dimensions",
    FIELDS(layernorm_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .ops_per_output = NORM_OPS_WITH_STATISTICS,
    .shape = layernorm_shape,
    .cost = layernorm_cost,
};

static enum jc_status rmsnorm_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  return normalized_shape(view, view->layer->fields.rmsnorm.normalized_dims, out, error);
}

static void rmsnorm_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_rmsnorm *norm = &view->layer->fields.rmsnorm;
  const uint64_t part = normalized_elements(view, norm->normalized_dims);
  learn_affine(cost, part, norm->elementwise_affine, false);
  save_statistics(cost, part, 1);
}

static const struct jc_kind kind_rmsnorm = {
    .name = "rmsnorm",
    .summary = "division of each sample by the root mean square of its last dimensions",
    FIELDS(rmsnorm_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .ops_per_output = RMSNORM_OPS,
    .shape = rmsnorm_shape,
    .cost = rmsnorm_cost,
};

/* ---- groupnorm, instancenorm ---- */

static const struct jc_field groupnorm_fields[] = {
    FIELD(groupnorm, num_groups, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "groups into which the channels are divided"),
    EPS_FIELD(groupnorm, 1e-5),
    FIELD(groupnorm, affine, .default_value = 1, .help = "learn a scale and a shift per channel"),
};

static enum jc_status groupnorm_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  const uint32_t groups = view->layer->fields.groupnorm.num_groups;
  if (jc_view_input(view, 0)->rank == 0)
    return require_rank(view, 1, "of channels and more", error);
  if (jc_view_input(view, 0)->dim[0] % groups != 0)
    return jc_fail(error, JC_ERROR_INVALID, 0, "num_groups",
                   "expected a divisor of %u channels, got %u", jc_view_input(view, 0)->dim[0],
                   groups);
  if (require_floats(view, 0, error) != JC_OK)
    return error->status;
  return shape_same(view, out, error);
}

static void groupnorm_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_groupnorm *norm = &view->layer->fields.groupnorm;
  learn_affine(cost, cost->out.dim[0], norm->affine, norm->affine);
  save_statistics(cost, jc_shape_elements(&cost->out) / norm->num_groups, 2);
}

static const struct jc_kind kind_groupnorm = {
    .name = "groupnorm",
    .summary = "normalisation of each sample over groups of channels",
    FIELDS(groupnorm_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .ops_per_output = NORM_OPS_WITH_STATISTICS,
    .shape = groupnorm_shape,
    .cost = groupnorm_cost,
};

static const struct jc_field instancenorm_fields[] = {
    EPS_FIELD(instancenorm, 1e-5),
    FIELD(instancenorm, affine, .default_value = 0, .help = "learn a scale and a shift"),
    FIELD(instancenorm, track_running_stats, .default_value = 0,
          .help = "keep running statistics for evaluation"),
};

static enum jc_status instancenorm_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                         struct jc_error *error) {
  char text[MESSAGE_SHAPE_BYTES];
  if (jc_view_input(view, 0)->rank < 2)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected a tensor of channels and at least one more dimension, got %s",
                   jc_shape_format(jc_view_input(view, 0), text, sizeof(text)));
  if (require_floats(view, 0, error) != JC_OK)
    return error->status;
  return shape_same(view, out, error);
}

static void instancenorm_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_instancenorm *norm = &view->layer->fields.instancenorm;
  const uint32_t channels = cost->out.dim[0];
  learn_affine(cost, channels, norm->affine, norm->affine);
  cost->buffers = norm->track_running_stats ? 2 * (uint64_t)channels : 0;
  save_statistics(cost, jc_shape_elements(&cost->out) / channels, 2);
}

static const struct jc_kind kind_instancenorm = {
    .name = "instancenorm",
    .summary = "normalisation of each channel of each sample",
    FIELDS(instancenorm_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .ops_per_output = NORM_OPS_WITH_STATISTICS,
    .shape = instancenorm_shape,
    .cost = instancenorm_cost,
};

/* ---- normalize ---- */

static const struct jc_field normalize_fields[] = {
    FIELD(normalize, p, .default_value = 2, .minimum = 0, .maximum = 1e30,
          .help = "exponent of the norm"),
    DIM_FIELD(normalize, dim, .default_value = 1,
              .help = "dimension whose norm becomes 1 (the batch is 0)"),
};

static enum jc_status normalize_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  uint32_t index;
  if (require_dimension(jc_view_input(view, 0)->rank, view->layer->fields.normalize.dim, "dim",
                        &index, error) != JC_OK)
    return error->status;
  return shape_same(view, out, error);
}

static const struct jc_kind kind_normalize = {
    .name = "normalize",
    .summary = "division by the norm along one dimension (torch.nn.functional.normalize)",
    FIELDS(normalize_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .ops_per_output = 3, /* square, sum, divide */
    .shape = normalize_shape,
    .cost = cost_saves_input,
};

#endif
