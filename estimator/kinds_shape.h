/* kinds_shape.h -- catalogue blocks that only look at data otherwise: views, which move nothing.
 * Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_SHAPE_H
#define JC_ESTIMATOR_KINDS_SHAPE_H

#include "estimator/kinds_cut.h"

#define VIEW_KIND(kind_name, field_table, text)                                                    \
  static const struct jc_kind kind_##kind_name = {                                                 \
      .name = #kind_name,                                                                          \
      .summary = text,                                                                             \
      FIELDS(field_table),                                                                         \
      .min_inputs = 1,                                                                             \
      .max_inputs = 1,                                                                             \
      .shape = kind_name##_shape,                                                                  \
      .cost = cost_view,                                                                           \
  }

/* ---- flatten, unflatten, reshape ---- */

static const struct jc_field flatten_fields[] = {
    DIM_FIELD(flatten, start_dim, .default_value = 1, .help = "first dimension to join"),
    DIM_FIELD(flatten, end_dim, .default_value = -1, .help = "last dimension to join"),
};

static enum jc_status flatten_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  const struct jc_flatten *flatten = &view->layer->fields.flatten;
  const struct jc_shape *in = jc_view_input(view, 0);
  uint32_t first, last;
  if (in->rank == 0) {
    *out = (struct jc_shape){.rank = 1, .dim = {1}};
    return JC_OK;
  }
  if (require_dimension(in->rank, flatten->start_dim, "start_dim", &first, error) != JC_OK ||
      require_dimension(in->rank, flatten->end_dim, "end_dim", &last, error) != JC_OK)
    return error->status;
  if (first > last)
    return jc_fail(error, JC_ERROR_INVALID, 0, "end_dim",
                   "expected a dimension behind start_dim %d, got %d", flatten->start_dim,
                   flatten->end_dim);
  uint64_t elements = 1;
  for (uint32_t i = first; i <= last; i++)
    elements *= in->dim[i];
  if (elements > INT32_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "inputs",
                   "%llu elements exceed the largest dimension, %d", (unsigned long long)elements,
                   INT32_MAX);
  *out = *in;
  out->dim[first] = (uint32_t)elements;
  for (uint32_t i = first; i < last; i++)
    remove_dimension(out, first + 1);
  return JC_OK;
}

VIEW_KIND(flatten, flatten_fields, "several dimensions, all but the batch, in one");

/* Replaces one -1 of LIST by what ELEMENTS leave; SHAPE becomes the list. */
static enum jc_status fill_in(const struct jc_int_list *list, uint64_t elements, const char *field,
                              struct jc_shape *shape, struct jc_error *error) {
  uint64_t known = 1;
  uint32_t open = UINT32_MAX;
  *shape = (struct jc_shape){0};
  if (list->count > JC_MAX_RANK)
    return jc_fail(error, JC_ERROR_INVALID, 0, field, "expected at most %d dimensions, got %u",
                   JC_MAX_RANK, list->count);
  for (uint32_t i = 0; i < list->count; i++) {
    const int32_t length = list->value[i];
    if (length == -1 && open == UINT32_MAX)
      open = i;
    else if (length < 1)
      return jc_fail(error, JC_ERROR_INVALID, 0, field,
                     "expected positive integers and at most one -1, got %d", length);
    else if (known > elements / (uint32_t)length)
      known = 0; /* too many already, and no multiple of anything */
    else
      known *= (uint32_t)length;
    shape->dim[shape->rank++] = length == -1 ? 1 : (uint32_t)length;
  }
  if (known == 0 || elements % known != 0 || (open == UINT32_MAX && known != elements)) {
    char text[MESSAGE_SHAPE_BYTES];
    return jc_fail(error, JC_ERROR_INVALID, 0, field, "%llu elements do not fit %s%s",
                   (unsigned long long)elements, jc_shape_format(shape, text, sizeof(text)),
                   open == UINT32_MAX ? "" : " and a free dimension");
  }
  if (open == UINT32_MAX)
    return JC_OK;
  shape->dim[open] = (uint32_t)(elements / known);
  return require_length(elements / known, field, error);
}

static const struct jc_field unflatten_fields[] = {
    DIM_FIELD(unflatten, dim, .default_value = 1, .help = "dimension to split (the batch is 0)"),
    LIST_FIELD(unflatten, unflattened_size, .required = true,
               .help = "what it becomes; one -1 is filled in"),
};

static enum jc_status unflatten_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  const struct jc_unflatten *unflatten = &view->layer->fields.unflatten;
  struct jc_shape parts;
  uint32_t index;
  *out = *jc_view_input(view, 0);
  if (require_dimension(out->rank, unflatten->dim, "dim", &index, error) != JC_OK ||
      fill_in(&unflatten->unflattened_size, out->dim[index], "unflattened_size", &parts, error) !=
          JC_OK)
    return error->status;
  if (parts.rank == 0 || out->rank + parts.rank - 1 > JC_MAX_RANK)
    return jc_fail(error, JC_ERROR_INVALID, 0, "unflattened_size",
                   "expected 1 to %u lengths, got %u", JC_MAX_RANK + 1 - out->rank, parts.rank);
  const uint32_t after = out->rank - index - 1;
  memmove(out->dim + index + parts.rank, out->dim + index + 1, after * sizeof(out->dim[0]));
  memcpy(out->dim + index, parts.dim, parts.rank * sizeof(out->dim[0]));
  out->rank += parts.rank - 1;
  return JC_OK;
}

VIEW_KIND(unflatten, unflatten_fields, "one dimension split into several");

static const struct jc_field reshape_fields[] = {
    LIST_FIELD(shaped, shape, .required = true,
               .help = "the new shape without the batch; one -1 is filled in"),
};

static enum jc_status reshape_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  return fill_in(&view->layer->fields.reshape.shape, jc_shape_elements(jc_view_input(view, 0)),
                 "shape", out, error);
}

VIEW_KIND(reshape, reshape_fields, "the same elements in another shape");

/* ---- permute, transpose ---- */

static const struct jc_field permute_fields[] = {
    FIELD(permute, dims, .required = true, .minimum = 0, .maximum = JC_MAX_RANK,
          .help = "the old dimensions in their new order, the batch, 0, first"),
};

static enum jc_status permute_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  const struct jc_int_list *dims = &view->layer->fields.permute.dims;
  const struct jc_shape *in = jc_view_input(view, 0);
  unsigned seen = 0;
  *out = (struct jc_shape){.rank = in->rank};
  for (uint32_t i = 0; i < dims->count && i <= in->rank; i++) {
    seen |= 1U << dims->value[i];
    if (i > 0 && dims->value[i] > 0 && (uint32_t)dims->value[i] <= in->rank)
      out->dim[i - 1] = in->dim[dims->value[i] - 1];
  }
  if (dims->count != in->rank + 1 || dims->value[0] != 0 || seen != (2U << in->rank) - 1)
    return jc_fail(error, JC_ERROR_INVALID, 0, "dims",
                   "expected 0 (the batch) first and then each of 1 to %u once", in->rank);
  return JC_OK;
}

/* Of the three dimensions of an image, the last becomes the channels. */
static void permute_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const int32_t *dims = view->layer->fields.permute.dims.value;
  cost_view(view, cost);
  cost->channels_last = cost->out.rank == 3 && dims[1] == 3 && dims[2] == 1;
}

static const struct jc_kind kind_permute = {
    .name = "permute",
    .summary = "dimensions in another order",
    FIELDS(permute_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .layout = JC_LAYOUT_TURNED,
    .shape = permute_shape,
    .cost = permute_cost,
};

static const struct jc_field transpose_fields[] = {
    DIM_FIELD(transpose, dim0, .required = true, .help = "one dimension (the batch is 0)"),
    DIM_FIELD(transpose, dim1, .required = true, .help = "the dimension it changes places with"),
};

static enum jc_status transpose_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  const struct jc_transpose *transpose = &view->layer->fields.transpose;
  const struct jc_shape *in = jc_view_input(view, 0);
  uint32_t a, b;
  if (require_dimension(in->rank, transpose->dim0, "dim0", &a, error) != JC_OK ||
      require_dimension(in->rank, transpose->dim1, "dim1", &b, error) != JC_OK)
    return error->status;
  *out = *in;
  out->dim[a] = in->dim[b];
  out->dim[b] = in->dim[a];
  return JC_OK;
}

VIEW_KIND(transpose, transpose_fields, "two dimensions exchanged");

/* ---- squeeze, unsqueeze, expand, identity ---- */

static const struct jc_field squeeze_fields[] = {
    DIM_FIELD(along, dim, .required = true, .help = "the dimension of length 1 to leave out"),
};

static enum jc_status squeeze_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                    struct jc_error *error) {
  const int32_t dim = view->layer->fields.squeeze.dim;
  uint32_t index;
  *out = *jc_view_input(view, 0);
  if (require_dimension(out->rank, dim, "dim", &index, error) != JC_OK)
    return error->status;
  if (out->dim[index] != 1)
    return jc_fail(error, JC_ERROR_INVALID, 0, "dim",
                   "expected a dimension of length 1, dimension %d has %u", dim, out->dim[index]);
  remove_dimension(out, index);
  return JC_OK;
}

VIEW_KIND(squeeze, squeeze_fields, "without a dimension of length 1");

static const struct jc_field unsqueeze_fields[] = {
    DIM_FIELD(along, dim, .required = true, .help = "place of the new dimension of length 1"),
};

static enum jc_status unsqueeze_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  *out = *jc_view_input(view, 0);
  return insert_dimension(out, view->layer->fields.unsqueeze.dim, 1, error);
}

VIEW_KIND(unsqueeze, unsqueeze_fields, "with one more dimension, of length 1");

static const struct jc_field expand_fields[] = {
    LIST_FIELD(shaped, shape, .required = true,
               .help = "the new shape without the batch; -1 keeps a length"),
};

static enum jc_status expand_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                   struct jc_error *error) {
  const struct jc_int_list *shape = &view->layer->fields.expand.shape;
  const struct jc_shape *in = jc_view_input(view, 0);
  *out = (struct jc_shape){.rank = shape->count};
  if (shape->count < in->rank || shape->count > JC_MAX_RANK)
    return jc_fail(error, JC_ERROR_INVALID, 0, "shape", "expected %u to %d dimensions, got %u",
                   in->rank, JC_MAX_RANK, shape->count);
  const uint32_t shift = shape->count - in->rank;
  for (uint32_t i = 0; i < shape->count; i++) {
    const uint32_t old = i >= shift ? in->dim[i - shift] : 1;
    const int32_t wanted = shape->value[i] == -1 && i >= shift ? (int32_t)old : shape->value[i];
    if (wanted < 1 || (old != 1 && old != (uint32_t)wanted))
      return jc_fail(error, JC_ERROR_INVALID, 0, "shape",
                     "a dimension of %u cannot be expanded to %d", old, shape->value[i]);
    out->dim[i] = (uint32_t)wanted;
  }
  return JC_OK;
}

VIEW_KIND(expand, expand_fields, "dimensions of length 1 repeated");

static const struct jc_kind kind_identity = {
    .name = "identity",
    .summary = "its input",
    .min_inputs = 1,
    .max_inputs = 1,
    .layout = JC_LAYOUT_AS_INPUT,
    .shape = shape_same,
    .cost = cost_view,
};

#endif
