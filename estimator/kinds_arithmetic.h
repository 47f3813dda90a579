/* kinds_arithmetic.h -- catalogue blocks that combine tensors element by element, broadcasting.
 * Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_ARITHMETIC_H
#define JC_ESTIMATOR_KINDS_ARITHMETIC_H

#include "estimator/kinds_common.h"

static enum jc_status broadcast_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  const uint32_t max_rank = batched_rank(view);
  *out = (struct jc_shape){0};
  for (uint32_t i = 0; i < view->input_count; i++) {
    const struct jc_shape other = operand(view, i, max_rank);
    if (require_operand(&other, max_rank, error) != JC_OK || broadcast(out, &other, error) != JC_OK)
      return error->status;
  }
  return JC_OK;
}

/* One operation for each element and each input after the first. */
static void count_operands(const struct jc_layer_view *view, struct jc_cost *cost) {
  cost->elementwise_ops =
      count_product(cost->elementwise_ops, view->input_count - 1, &cost->overflow);
}

static void sum_of_tensors_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  count_operands(view, cost);
  cost->passes_gradient = view->layer->kind == JC_LAYER_add;
  for (uint32_t i = 0; i < view->input_count; i++)
    cost->passes_gradient &= jc_shape_equal(jc_view_input(view, i), &cost->out);
}

/* Each factor's gradient is made with the others. */
static void product_of_tensors_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  count_operands(view, cost);
  cost->saves_input = cost->saves_factors = true;
}

static enum jc_status masked_fill_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                        struct jc_error *error) {
  if (jc_view_needs_grad(view, 1))
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected a mask that needs no gradient as the second input");
  return broadcast_shape(view, out, error);
}

static void masked_fill_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  cost->saved_extra_bytes = jc_shape_elements(&cost->out); /* the mask, a byte an element */
}

#define ARITHMETIC_KIND(kind_name, most_inputs, shape_function, cost_function, text)               \
  static const struct jc_kind kind_##kind_name = {                                                 \
      .name = #kind_name,                                                                          \
      .summary = text ", broadcast",                                                               \
      .min_inputs = 2,                                                                             \
      .max_inputs = (most_inputs),                                                                 \
      .ops_per_output = 1,                                                                         \
      .layout = JC_LAYOUT_ANY,                                                                     \
      .shape = (shape_function),                                                                   \
      .cost = (cost_function),                                                                     \
  }

ARITHMETIC_KIND(add, JC_ANY_INPUTS, broadcast_shape, sum_of_tensors_cost,
                "sum of two or more tensors");
ARITHMETIC_KIND(sub, 2, broadcast_shape, sum_of_tensors_cost, "difference of two tensors");
ARITHMETIC_KIND(mul, JC_ANY_INPUTS, broadcast_shape, product_of_tensors_cost,
                "product of two or more tensors");
ARITHMETIC_KIND(div, 2, broadcast_shape, product_of_tensors_cost, "quotient of two tensors");
ARITHMETIC_KIND(maximum, 2, broadcast_shape, product_of_tensors_cost,
                "larger of two tensors' elements");
ARITHMETIC_KIND(minimum, 2, broadcast_shape, product_of_tensors_cost,
                "smaller of two tensors' elements");
ARITHMETIC_KIND(masked_fill, 2, masked_fill_shape, masked_fill_cost,
                "a tensor, with a constant where a mask says so");

#endif
