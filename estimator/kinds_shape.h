/* kinds_shape.h -- catalogue blocks that only move or view data: flatten, concat, pad.
 * Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_SHAPE_H
#define JC_ESTIMATOR_KINDS_SHAPE_H

#include "estimator/kinds_common.h"

/* ---- flatten ---- */

static enum jc_status flatten_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  const uint64_t elements = jc_shape_elements(jc_view_input(view, 0));
  if (elements > INT32_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "inputs",
                   "%llu elements exceed the largest dimension, %d", (unsigned long long)elements,
                   INT32_MAX);
  *out = (struct jc_shape){.rank = 1, .dim = {(uint32_t)elements}};
  return JC_OK;
}

static void flatten_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  cost->moves_no_data = true;
}

static const struct jc_kind kind_flatten = {
    .name = "flatten",
    .summary = "all dimensions but the batch in one",
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"flatten"},
    .shape = flatten_shape,
    .cost = flatten_cost,
};

/* ---- concat ---- */

static const struct jc_field concat_fields[] = {
    FIELD(concat, dim, .default_value = 1, .minimum = 1, .maximum = JC_MAX_RANK,
          .help = "dimension to join (the batch is 0, channels are 1)"),
};

static enum jc_status concat_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                   struct jc_error *error) {
  const uint32_t dim = view->layer->fields.concat.dim;
  if (require_dimension(view, dim, error) != JC_OK)
    return error->status;
  *out = *jc_view_input(view, 0);
  uint64_t length = 0;
  for (uint32_t i = 0; i < view->input_count; i++) {
    struct jc_shape other = *jc_view_input(view, i);
    char first[MESSAGE_SHAPE_BYTES], found[MESSAGE_SHAPE_BYTES];
    length += other.dim[dim - 1];
    other.dim[dim - 1] = out->dim[dim - 1];
    if (!jc_shape_equal(out, &other))
      return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                     "shapes %s and %s differ outside dimension %u",
                     jc_shape_format(jc_view_input(view, 0), first, sizeof(first)),
                     jc_shape_format(jc_view_input(view, i), found, sizeof(found)), dim);
  }
  if (length > INT32_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "inputs", "%llu exceeds the largest dimension, %d",
                   (unsigned long long)length, INT32_MAX);
  out->dim[dim - 1] = (uint32_t)length;
  return JC_OK;
}

static const struct jc_kind kind_concat = {
    .name = "concat",
    .summary = "tensors joined along one dimension",
    FIELDS(concat_fields),
    .min_inputs = 1,
    .max_inputs = 0,
    .variants = {"concat"},
    .shape = concat_shape,
    .cost = cost_nothing,
};

/* ---- pad ---- */

static const struct jc_field pad_fields[] = {
    FIELD(pad, padding, .required = true, .minimum = -MAX_DIMENSION, .maximum = MAX_DIMENSION,
          .help = "before and after, from the last dimension on, as torch.nn.functional.pad; "
                  "negative crops"),
    FIELD(pad, value, .default_value = 0, .minimum = -1e30, .maximum = 1e30,
          .help = "constant put there"),
};

static enum jc_status pad_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                struct jc_error *error) {
  const struct jc_int_list *padding = &view->layer->fields.pad.padding;
  *out = *jc_view_input(view, 0);
  if (padding->count % 2 != 0 || padding->count > 2 * out->rank)
    return jc_fail(error, JC_ERROR_INVALID, 0, "padding",
                   "expected two numbers for each of up to %u dimensions, got %u numbers",
                   out->rank, padding->count);
  for (uint32_t i = 0; i < padding->count; i += 2) {
    uint32_t *dim = &out->dim[out->rank - 1 - i / 2];
    const int64_t before = padding->value[i], after = padding->value[i + 1];
    const int64_t kept = *dim + (before < 0 ? before : 0) + (after < 0 ? after : 0);
    const int64_t length = *dim + before + after;
    if (kept < 0 || length < 1 || length > INT32_MAX)
      return jc_fail(error, JC_ERROR_INVALID, 0, "padding",
                     "%d and %d make a dimension of %u one of %lld", padding->value[i],
                     padding->value[i + 1], *dim, (long long)length);
    *dim = (uint32_t)length;
  }
  return JC_OK;
}

static const struct jc_kind kind_pad = {
    .name = "pad",
    .summary = "constant border, or a crop where negative",
    FIELDS(pad_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .variants = {"pad"},
    .shape = pad_shape,
    .cost = cost_nothing,
};

#endif
