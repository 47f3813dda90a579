/* kinds_cut.h -- catalogue blocks that join tensors or take a part of one. Included by layers.c
 * only. */
#ifndef JC_ESTIMATOR_KINDS_CUT_H
#define JC_ESTIMATOR_KINDS_CUT_H

#include "estimator/kinds_common.h"

#define CUT_DIM_FIELD(fields)                                                                      \
  DIM_FIELD(fields, dim, .default_value = 1,                                                       \
            .help = "dimension to cut (the batch is 0, channels are 1)")

/* ---- concat, stack ---- */

static const struct jc_field concat_fields[] = {
    DIM_FIELD(along, dim, .default_value = 1,
              .help = "dimension to join (the batch is 0, channels are 1)"),
};

static enum jc_status concat_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                   struct jc_error *error) {
  const uint32_t max_rank = batched_rank(view);
  *out = operand(view, 0, max_rank);
  uint32_t index;
  const int32_t dim = view->layer->fields.concat.dim;
  if (require_dimension(out->rank, dim, "dim", &index, error) != JC_OK)
    return error->status;
  const struct jc_shape first = *out;
  uint64_t length = 0;
  for (uint32_t i = 0; i < view->input_count; i++) {
    struct jc_shape other = operand(view, i, max_rank);
    char a[MESSAGE_SHAPE_BYTES], b[MESSAGE_SHAPE_BYTES];
    jc_shape_format(&other, b, sizeof(b));
    length += other.dim[index];
    other.dim[index] = out->dim[index];
    if (!jc_shape_equal(out, &other))
      return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                     "shapes %s and %s differ outside dimension %d",
                     jc_shape_format(&first, a, sizeof(a)), b, dim);
  }
  out->dim[index] = (uint32_t)length;
  return require_length(length, "inputs", error);
}

static const struct jc_kind kind_concat = {
    .name = "concat",
    .summary = "tensors joined along one dimension",
    FIELDS(concat_fields),
    .min_inputs = 1,
    .max_inputs = JC_ANY_INPUTS,
    .layout = JC_LAYOUT_JOINED,
    .shape = concat_shape,
    .cost = cost_nothing,
};

static const struct jc_field stack_fields[] = {
    DIM_FIELD(along, dim, .default_value = 1, .help = "place of the new dimension"),
};

/* SHAPE with a dimension of LENGTH at the place that DIM names in the result. */
static enum jc_status insert_dimension(struct jc_shape *shape, int32_t dim, uint32_t length,
                                       struct jc_error *error) {
  uint32_t index;
  if (shape->rank == JC_MAX_RANK)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs", "expected at most %d dimensions, got %u",
                   JC_MAX_RANK - 1, shape->rank);
  if (require_dimension(shape->rank + 1, dim, "dim", &index, error) != JC_OK)
    return error->status;
  memmove(shape->dim + index + 1, shape->dim + index,
          (shape->rank - index) * sizeof(shape->dim[0]));
  shape->dim[index] = length;
  shape->rank++;
  return JC_OK;
}

static void remove_dimension(struct jc_shape *shape, uint32_t index) {
  shape->rank--;
  memmove(shape->dim + index, shape->dim + index + 1,
          (shape->rank - index) * sizeof(shape->dim[0]));
  shape->dim[shape->rank] = 0;
}

static enum jc_status stack_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                  struct jc_error *error) {
  const uint32_t max_rank = batched_rank(view);
  *out = operand(view, 0, max_rank);
  for (uint32_t i = 1; i < view->input_count; i++) {
    const struct jc_shape other = operand(view, i, max_rank);
    if (!jc_shape_equal(out, &other))
      return shapes_differ(out, &other, error);
  }
  return insert_dimension(out, view->layer->fields.stack.dim, view->input_count, error);
}

static const struct jc_kind kind_stack = {
    .name = "stack",
    .summary = "tensors joined along a new dimension",
    FIELDS(stack_fields),
    .min_inputs = 1,
    .max_inputs = JC_ANY_INPUTS,
    .shape = stack_shape,
    .cost = cost_nothing,
};

/* ---- split, chunk, slice, select ---- */

/* Cuts dimension INDEX of OUT to piece PIECE of those of LENGTH each; the last may be shorter. */
static enum jc_status take_piece(struct jc_shape *out, uint32_t index, uint64_t length,
                                 uint32_t piece, struct jc_error *error) {
  const uint64_t whole = out->dim[index];
  const uint64_t start = length * piece;
  if (start >= whole)
    return jc_fail(error, JC_ERROR_INVALID, 0, "index",
                   "expected one of the %llu pieces from 0 on, got %u",
                   (unsigned long long)((whole + length - 1) / length), piece);
  out->dim[index] = (uint32_t)(whole - start < length ? whole - start : length);
  return JC_OK;
}

static const struct jc_field split_fields[] = {
    FIELD(split, split_size, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "length of a piece"),
    CUT_DIM_FIELD(split),
    FIELD(split, index, .default_value = 0, .minimum = 0, .maximum = MAX_DIMENSION,
          .help = "the piece that is the output, from 0"),
};

static enum jc_status split_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                  struct jc_error *error) {
  const struct jc_split *split = &view->layer->fields.split;
  uint32_t index;
  *out = *jc_view_input(view, 0);
  if (require_dimension(out->rank, split->dim, "dim", &index, error) != JC_OK)
    return error->status;
  return take_piece(out, index, split->split_size, split->index, error);
}

static const struct jc_kind kind_split = {
    .name = "split",
    .summary = "one of the pieces of a given length along a dimension",
    FIELDS(split_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = split_shape,
    .cost = cost_view,
};

static const struct jc_field chunk_fields[] = {
    FIELD(chunk, chunks, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "number of pieces"),
    CUT_DIM_FIELD(chunk),
    FIELD(chunk, index, .default_value = 0, .minimum = 0, .maximum = MAX_DIMENSION,
          .help = "the piece that is the output, from 0"),
};

/* torch.chunk: pieces of ceil(length / chunks). */
static enum jc_status chunk_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                  struct jc_error *error) {
  const struct jc_chunk *chunk = &view->layer->fields.chunk;
  uint32_t index;
  *out = *jc_view_input(view, 0);
  if (require_dimension(out->rank, chunk->dim, "dim", &index, error) != JC_OK)
    return error->status;
  const uint64_t length = ((uint64_t)out->dim[index] + chunk->chunks - 1) / chunk->chunks;
  return take_piece(out, index, length, chunk->index, error);
}

/* A piece that is no number of whole blocks of channels is cut out of plain order. */
static void chunk_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_chunk *chunk = &view->layer->fields.chunk;
  const struct jc_shape *in = jc_view_input(view, 0);
  const uint64_t length = ((uint64_t)in->dim[0] + chunk->chunks - 1) / chunk->chunks;
  const uint64_t start = length * chunk->index;
  const bool is_last = start + cost->out.dim[0] == in->dim[0];
  cost_view(view, cost);
  cost->computes_plain =
      jc_dim_index(in->rank, chunk->dim) == 0 &&
      (start % JC_CHANNEL_BLOCK != 0 || (cost->out.dim[0] % JC_CHANNEL_BLOCK != 0 && !is_last));
}

static const struct jc_kind kind_chunk = {
    .name = "chunk",
    .summary = "one of a number of equal pieces along a dimension",
    FIELDS(chunk_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .layout = JC_LAYOUT_AS_INPUT,
    .shape = chunk_shape,
    .cost = chunk_cost,
};

static const struct jc_field slice_fields[] = {
    CUT_DIM_FIELD(slice),
    FIELD(slice, start, .default_value = 0, .minimum = -MAX_DIMENSION, .maximum = MAX_DIMENSION,
          .help = "first element; negative: from the end"),
    FIELD(slice, end, .default_value = MAX_DIMENSION, .minimum = -MAX_DIMENSION,
          .maximum = MAX_DIMENSION, .help = "first element after it; absent: to the end"),
    FIELD(slice, step, .default_value = 1, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "distance of the elements taken"),
};

/* A bound of Python's slices: negative from the end, cut to 0..LENGTH. */
static int64_t slice_bound(int64_t bound, int64_t length) {
  bound += bound < 0 ? length : 0;
  return bound < 0 ? 0 : bound > length ? length : bound;
}

static enum jc_status slice_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                  struct jc_error *error) {
  const struct jc_slice *slice = &view->layer->fields.slice;
  uint32_t index;
  *out = *jc_view_input(view, 0);
  if (require_dimension(out->rank, slice->dim, "dim", &index, error) != JC_OK)
    return error->status;
  const int64_t start = slice_bound(slice->start, out->dim[index]);
  const int64_t end = slice_bound(slice->end, out->dim[index]);
  if (start >= end)
    return jc_fail(error, JC_ERROR_INVALID, 0, "start",
                   "elements %d to %d of a dimension of %u are none", slice->start, slice->end,
                   out->dim[index]);
  out->dim[index] = (uint32_t)((end - start + slice->step - 1) / slice->step);
  return JC_OK;
}

static const struct jc_kind kind_slice = {
    .name = "slice",
    .summary = "elements from start to end along a dimension",
    FIELDS(slice_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = slice_shape,
    .cost = cost_view,
};

static const struct jc_field select_fields[] = {
    CUT_DIM_FIELD(select),
    FIELD(select, index, .default_value = 0, .minimum = -MAX_DIMENSION, .maximum = MAX_DIMENSION,
          .help = "the element; negative: from the end"),
};

static enum jc_status select_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                   struct jc_error *error) {
  const struct jc_select *select = &view->layer->fields.select;
  uint32_t index;
  *out = *jc_view_input(view, 0);
  if (require_dimension(out->rank, select->dim, "dim", &index, error) != JC_OK)
    return error->status;
  const int64_t length = out->dim[index];
  if (select->index >= length || select->index < -length)
    return jc_fail(error, JC_ERROR_INVALID, 0, "index",
                   "expected an element of the dimension of %u, got %d", out->dim[index],
                   select->index);
  remove_dimension(out, index);
  return JC_OK;
}

static const struct jc_kind kind_select = {
    .name = "select",
    .summary = "one element along a dimension, which disappears",
    FIELDS(select_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = select_shape,
    .cost = cost_view,
};

/* ---- index_select ---- */

static const struct jc_field index_select_fields[] = {CUT_DIM_FIELD(along)};

static enum jc_status index_select_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                         struct jc_error *error) {
  const struct jc_shape *indices = jc_view_input(view, 1);
  char text[MESSAGE_SHAPE_BYTES];
  uint32_t index;
  *out = *jc_view_input(view, 0);
  if (require_dimension(out->rank, view->layer->fields.index_select.dim, "dim", &index, error) !=
      JC_OK)
    return error->status;
  if (!jc_view_is_per_step(view, 1) && jc_view_network_input(view, 1) != JC_INTEGER_INPUT)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected indices as the second input: a constant or an int32 input");
  if (indices->rank != 1)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs", "expected a list of indices, got %s",
                   jc_shape_format(indices, text, sizeof(text)));
  out->dim[index] = indices->dim[0];
  return JC_OK;
}

static const struct jc_kind kind_index_select = {
    .name = "index_select",
    .summary = "the elements along a dimension that a second input lists",
    FIELDS(index_select_fields),
    .min_inputs = 2,
    .max_inputs = 2,
    .shape = index_select_shape,
    .cost = cost_nothing,
};

#endif
