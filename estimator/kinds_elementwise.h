/* kinds_elementwise.h -- catalogue blocks that work element by element: activations, pointwise
 * functions, softmax, dropout. Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_ELEMENTWISE_H
#define JC_ESTIMATOR_KINDS_ELEMENTWISE_H

#include "estimator/kinds_norm.h"

/* ---- functions of one element ---- */

#define cost_saves_nothing cost_nothing

/* OPERATIONS: additions, products, comparisons, divisions and calls of exp, log, sqrt, tanh, erf
 * count one each. SAVES: what PyTorch's backward reads: the input, the output or nothing. */
#define POINTWISE_KIND(kind_name, operations, saves, ...) /* summary and further members */        \
  static const struct jc_kind kind_##kind_name = {                                                 \
      .name = #kind_name,                                                                          \
      .min_inputs = 1,                                                                             \
      .max_inputs = 1,                                                                             \
      .ops_per_output = (operations),                                                              \
      .shape = shape_same,                                                                         \
      .cost = cost_saves_##saves,                                                                  \
      .layout = JC_LAYOUT_AS_INPUT,                                                                \
      .summary = __VA_ARGS__,                                                                      \
  }

static const struct jc_field leaky_relu_fields[] = {
    FIELD(leaky_relu, negative_slope, .default_value = 0.01, .minimum = -1e30, .maximum = 1e30,
          .help = "factor of negative inputs"),
};

static const struct jc_field alpha_fields[] = {
    FIELD(alpha, alpha, .default_value = 1, .minimum = -1e30, .maximum = 1e30,
          .help = "scale of the negative part"),
};

static const char *const gelu_approximations[] = {"none", "tanh", NULL};

static const struct jc_field gelu_fields[] = {
    FIELD_AS(uint32_t, JC_FIELD_CHOICE, gelu, approximate, .choices = gelu_approximations,
             .help = "\"tanh\": by a cubic and tanh instead of erf"),
};

static const struct jc_field hardtanh_fields[] = {
    FIELD(hardtanh, min_val, .default_value = -1, .minimum = -1e30, .maximum = 1e30,
          .help = "smallest output"),
    FIELD(hardtanh, max_val, .default_value = 1, .minimum = -1e30, .maximum = 1e30,
          .help = "largest output"),
};

static const struct jc_field pow_fields[] = {
    FIELD(pow, exponent, .default_value = 2, .minimum = -1e30, .maximum = 1e30, .help = "power"),
};

static const struct jc_field clamp_fields[] = {
    FIELD(clamp, min, .default_value = -1e30, .minimum = -1e30, .maximum = 1e30,
          .help = "smallest output"),
    FIELD(clamp, max, .default_value = 1e30, .minimum = -1e30, .maximum = 1e30,
          .help = "largest output"),
};

POINTWISE_KIND(relu, 1, output, "max(x, 0)", .fuses_into = JC_LAYER_batchnorm2d);
POINTWISE_KIND(relu6, 2, output, "min(max(x, 0), 6)");
POINTWISE_KIND(leaky_relu, 2, input, "x, or a small multiple of it where negative",
               FIELDS(leaky_relu_fields));
POINTWISE_KIND(elu, 4, input, "x, or alpha (exp(x) - 1) where negative", FIELDS(alpha_fields));
POINTWISE_KIND(selu, 5, input, "elu scaled so that it normalises itself");
POINTWISE_KIND(celu, 5, input, "elu with exp(x / alpha)", FIELDS(alpha_fields));
POINTWISE_KIND(gelu, 5, input, "x times the normal distribution's integral up to x",
               FIELDS(gelu_fields));
POINTWISE_KIND(silu, 5, input, "x sigmoid(x)");
POINTWISE_KIND(mish, 5, input, "x tanh(softplus(x))");
POINTWISE_KIND(sigmoid, 4, output, "1 / (1 + exp(-x))");
POINTWISE_KIND(logsigmoid, 4, input, "log of the sigmoid");
POINTWISE_KIND(tanh, 1, output, "hyperbolic tangent");
POINTWISE_KIND(hardtanh, 2, input, "x between two bounds", FIELDS(hardtanh_fields));
POINTWISE_KIND(hardsigmoid, 4, input, "min(max(x + 3, 0), 6) / 6");
POINTWISE_KIND(hardswish, 5, input, "x hardsigmoid(x)");
POINTWISE_KIND(softplus, 3, input, "log(1 + exp(x))");
POINTWISE_KIND(softsign, 3, input, "x / (1 + |x|)");
POINTWISE_KIND(scale, 1, nothing, "product or sum with constant numbers");
POINTWISE_KIND(exp, 1, output, "exponential");
POINTWISE_KIND(log, 1, input, "natural logarithm");
POINTWISE_KIND(sqrt, 1, output, "square root");
POINTWISE_KIND(rsqrt, 2, output, "1 / square root");
POINTWISE_KIND(reciprocal, 1, output, "1 / x");
POINTWISE_KIND(square, 1, input, "x x");
POINTWISE_KIND(pow, 1, input, "constant power", FIELDS(pow_fields));
POINTWISE_KIND(abs, 1, input, "absolute value");
POINTWISE_KIND(neg, 1, nothing, "-x");
POINTWISE_KIND(sin, 1, input, "sine");
POINTWISE_KIND(cos, 1, input, "cosine");
POINTWISE_KIND(erf, 1, input, "error function");
POINTWISE_KIND(clamp, 2, input, "x between two bounds", FIELDS(clamp_fields));

/* ---- prelu ---- */

static const struct jc_field prelu_fields[] = {
    FIELD(prelu, num_parameters, .default_value = 1, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "1, or the number of channels"),
};

static enum jc_status prelu_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                  struct jc_error *error) {
  const uint32_t parameters = view->layer->fields.prelu.num_parameters;
  const struct jc_shape *in = jc_view_input(view, 0);
  if (parameters != 1 && (in->rank == 0 || parameters != in->dim[0]))
    return jc_fail(error, JC_ERROR_INVALID, 0, "num_parameters", "expected 1 or %u, got %u",
                   in->rank == 0 ? 1 : in->dim[0], parameters);
  return shape_same(view, out, error);
}

static void prelu_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  cost->params = view->layer->fields.prelu.num_parameters;
  cost->weight = (struct jc_shape){.rank = 1, .dim = {(uint32_t)cost->params}};
  cost->saves_input = true;
}

static const struct jc_kind kind_prelu = {
    .name = "prelu",
    .summary = "x, or a learnt multiple of it where negative",
    FIELDS(prelu_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .ops_per_output = 2,
    .shape = prelu_shape,
    .cost = prelu_cost,
};

/* ---- softmax, log_softmax ---- */

static const struct jc_field softmax_fields[] = {
    DIM_FIELD(along, dim, .default_value = 1, .help = "dimension that sums to 1 (the batch is 0)"),
};

static enum jc_status softmax_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  uint32_t index;
  if (require_dimension(jc_view_input(view, 0)->rank, view->layer->fields.softmax.dim, "dim",
                        &index, error) != JC_OK)
    return error->status;
  return shape_same(view, out, error);
}

static const struct jc_kind kind_softmax = {
    .name = "softmax",
    .summary = "exponentials normalised to sum 1",
    FIELDS(softmax_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .ops_per_output = 5, /* maximum, subtract, exponential, sum, divide */
    .shape = softmax_shape,
    .cost = cost_saves_output,
};

static const struct jc_kind kind_log_softmax = {
    .name = "log_softmax",
    .summary = "logarithm of the softmax",
    FIELDS(softmax_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .ops_per_output = 5, /* maximum, subtract, exponential, sum, subtract */
    .shape = softmax_shape,
    .cost = cost_saves_output,
};

/* ---- dropout, stochastic_depth ---- */

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
    .layout = JC_LAYOUT_AS_INPUT,
    .ops_per_output = 1,
    .shape = shape_same,
    .cost = dropout_cost,
};

static const char *const stochastic_depth_modes[] = {"row", "batch", NULL};

static const struct jc_field stochastic_depth_fields[] = {
    FIELD(stochastic_depth, p, .required = true, .minimum = 0, .maximum = 1,
          .help = "probability that a sample's whole tensor is set to 0 in training"),
    FIELD_AS(uint32_t, JC_FIELD_CHOICE, stochastic_depth, mode, .choices = stochastic_depth_modes,
             .help = "each sample by itself, or the whole batch"),
};

static void stochastic_depth_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  cost->saved_extra_bytes = sizeof(float); /* the sample's factor */
}

static const struct jc_kind kind_stochastic_depth = {
    .name = "stochastic_depth",
    .summary = "whole samples set to 0 at random in training, nothing otherwise",
    FIELDS(stochastic_depth_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .layout = JC_LAYOUT_AS_INPUT,
    .ops_per_output = 1,
    .shape = shape_same,
    .cost = stochastic_depth_cost,
};

#endif
