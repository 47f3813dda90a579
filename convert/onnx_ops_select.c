/* onnx_ops_select.c -- Concat, Split, Slice, Gather: joining and cutting along a dimension. */
#include <string.h>

#include "convert/onnx_ops.h"

/* ---- Concat ---- */

/* Shape of the inputs joined along AXIS; that of the batch wins over 1. */
static enum jc_status concat_shape(struct jc_lowering *l, uint32_t axis, struct jc_value *out) {
  char a[200], b[200];
  const struct jc_dim one = {1, false};
  jc_shape_like(out, l->in[0]);
  for (uint32_t i = 1; i < l->in_count; i++) {
    const struct jc_value *in = jc_need(l, i);
    if (!in)
      return l->error->status;
    bool fits = in->rank == out->rank;
    for (uint32_t k = 0; fits && k < in->rank; k++) {
      struct jc_dim *to = &out->dims[k];
      if (k == axis) {
        fits = !to->batch && !in->dims[k].batch &&
               !__builtin_add_overflow(to->n, in->dims[k].n, &to->n);
      } else if (!jc_dims_equal(*to, in->dims[k])) {
        bool batch = to->batch || in->dims[k].batch;
        fits = batch && (jc_dims_equal(*to, one) || jc_dims_equal(in->dims[k], one));
        *to = to->batch ? *to : in->dims[k];
      }
    }
    if (!fits)
      return jc_lower_fail(l, "shapes %s and %s cannot be joined along axis %u",
                           jc_value_shape_text(l->in[0], a, sizeof a),
                           jc_value_shape_text(in, b, sizeof b), axis);
  }
  return JC_OK;
}

enum jc_status jc_op_concat(struct jc_lowering *l) {
  const struct jc_value *first = jc_need(l, 0), *batchful = NULL;
  int axis = first ? jc_axis(l, jc_onnx_int(l->node, "axis", 0), first->rank) : -1;
  if (axis < 0)
    return l->error->status;
  struct jc_value *out = l->out[0];
  if (concat_shape(l, (uint32_t)axis, out) != JC_OK)
    return l->error->status;
  if (l->in_count == 1)
    return jc_alias(l->in[0], out);
  struct jc_value **operands = jc_arena_take(l->arena, l->in_count, sizeof *operands, l->error);
  for (uint32_t i = 0; i < l->in_count; i++)
    if (!jc_is_per_step(l, l->in[i]))
      batchful = l->in[i];
  for (uint32_t i = 0; operands && i < l->in_count; i++)
    if (!(operands[i] = jc_facing(l, l->in[i], batchful ? batchful : first, out)))
      return l->error->status;
  struct jc_out_layer *layer = operands ? jc_emit(l, "concat", l->in_count, operands) : NULL;
  if (layer && !l->folding)
    jc_layer_int(layer, "dim", jc_model_dim(l, out, (uint32_t)axis));
  return jc_finish(l, layer, out);
}

/* ---- Split ---- */

static enum jc_status read_sizes(struct jc_lowering *l, int64_t size, int64_t *sizes) {
  struct jc_ints given;
  uint32_t parts = l->out_count;
  if (jc_plain_ints_of(l, "split", 1, &given)) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < given.count && i < parts; i++) {
      sizes[i] = given.value[i].n;
      if (sizes[i] < 1 || __builtin_add_overflow(sum, sizes[i], &sum))
        return jc_lower_fail(l, "expected parts of 1 or more");
    }
    if (given.count != parts || sum != size)
      return jc_lower_fail(l, "expected %u parts that sum to %lld", parts, (long long)size);
    return JC_OK;
  }
  if (jc_error_is_set(l->error))
    return l->error->status;
  int64_t each = (size + parts - 1) / parts, left = size;
  for (uint32_t i = 0; i < parts; i++) {
    sizes[i] = left < each ? left : each;
    left -= sizes[i];
    if (sizes[i] < 1)
      return jc_lower_fail(l, "%lld cannot be split into %u parts", (long long)size, parts);
  }
  return JC_OK;
}

enum jc_status jc_op_split(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  int axis = in ? jc_axis(l, jc_onnx_int(l->node, "axis", 0), in->rank) : -1;
  int64_t *sizes = jc_arena_take(l->arena, l->out_count, sizeof *sizes, l->error);
  if (axis < 0 || !sizes)
    return l->error->status;
  int64_t dim = l->folding ? 1 : jc_model_dim(l, in, (uint32_t)axis);
  if (!dim || read_sizes(l, in->dims[axis].n, sizes) != JC_OK)
    return l->error->status;
  bool equal = true;
  for (uint32_t i = 1; i < l->out_count; i++)
    equal &= sizes[i] == sizes[0];
  int64_t start = 0;
  for (uint32_t i = 0; i < l->out_count; start += sizes[i++]) {
    struct jc_value *out = l->out[i];
    if (!out->readers)
      continue;
    struct jc_out_layer *layer = jc_emit1(l, equal ? "split" : "slice", in);
    if (!layer)
      return l->error->status;
    jc_layer_int(layer, "dim", dim);
    if (equal) {
      jc_layer_int(layer, "split_size", sizes[0]);
      jc_layer_int(layer, "index", i);
    } else {
      jc_layer_int(layer, "start", start);
      jc_layer_int(layer, "end", start + sizes[i]);
    }
    out->type = in->type;
    jc_shape_like(out, in);
    out->dims[axis] = jc_dim_of(sizes[i]);
    if (jc_finish(l, layer, out) != JC_OK)
      return l->error->status;
  }
  return JC_OK;
}

/* ---- Slice ---- */

/* START, END, STEP of one axis as ONNX clamps them; how many elements that leaves. */
static int64_t clamp_slice(int64_t size, int64_t *start, int64_t *end, int64_t step) {
  int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  *start += *start < 0 ? size : 0;
  *end += *end < 0 && *end >= -size ? size : 0;
  *start = *start < 0 ? 0 : *start > high ? high : *start;
  *end = *end < low ? low : *end > size ? size : *end;
  int64_t span = step > 0 ? *end - *start : *start - *end;
  int64_t stride = step > 0 ? step : -step;
  return span <= 0 ? 0 : (span + stride - 1) / stride;
}

static struct jc_value *slice_one(struct jc_lowering *l, struct jc_value *in, uint32_t axis,
                                  struct jc_dim from, struct jc_dim to, int64_t step) {
  struct jc_dim *dim = &in->dims[axis];
  if (dim->batch || from.batch || to.batch) {
    bool whole = from.n == 0 && step == 1 && dim->batch &&
                 ((to.batch && to.n >= dim->n) || (!to.batch && to.n >= INT32_MAX) ||
                  (!to.batch && l->batch_size > 0 && to.n >= dim->n * l->batch_size));
    if (!whole)
      jc_lower_fail(l, "cuts along the batch (axis %u)", axis);
    return in;
  }
  int64_t start = from.n, end = to.n;
  if (step == 0 || step < -INT32_MAX || step > INT32_MAX)
    return jc_lower_fail(l, "steps: expected other numbers than 0"), NULL;
  if (start == INT64_MIN)
    start = -INT64_MAX;
  if (end == INT64_MIN)
    end = -INT64_MAX;
  int64_t count = clamp_slice(dim->n, &start, &end, step);
  if (count == dim->n && step == 1)
    return in;
  struct jc_value *out = jc_new_value(l, in);
  bool reversed = step < 0;
  struct jc_out_layer *layer = out ? jc_emit1(l, reversed ? "identity" : "slice", in) : NULL;
  if (!layer)
    return NULL;
  if (!l->folding && reversed && count != dim->n)
    return jc_lower_fail(l, "cuts backwards"), NULL;
  if (!l->folding && !reversed) {
    jc_layer_int(layer, "dim", jc_model_dim(l, in, axis));
    jc_layer_int(layer, "start", start);
    jc_layer_int(layer, "end", end);
    if (step != 1)
      jc_layer_int(layer, "step", step);
  }
  out->dims[axis] = jc_dim_of(count);
  return jc_finish(l, layer, out) == JC_OK ? out : NULL;
}

enum jc_status jc_op_slice(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0), *now = in;
  struct jc_ints starts, ends, axes, steps;
  if (!in || !jc_ints_of(l, "starts", 1, &starts) || !jc_ints_of(l, "ends", 2, &ends))
    return jc_lower_fail(l, "expected starts and ends");
  bool has_axes = jc_plain_ints_of(l, "axes", 3, &axes);
  bool has_steps = jc_plain_ints_of(l, NULL, 4, &steps);
  if (jc_error_is_set(l->error))
    return l->error->status;
  if (ends.count != starts.count || (has_axes && axes.count != starts.count) ||
      (has_steps && steps.count != starts.count) || starts.count > in->rank)
    return jc_lower_fail(l, "expected as many ends, axes and steps as starts");
  for (uint32_t i = 0; i < starts.count && now; i++) {
    int axis = jc_axis(l, has_axes ? axes.value[i].n : (int64_t)i, in->rank);
    if (axis < 0)
      return l->error->status;
    now = slice_one(l, now, (uint32_t)axis, starts.value[i], ends.value[i],
                    has_steps ? steps.value[i].n : 1);
  }
  return now && !jc_error_is_set(l->error) ? jc_alias(now, l->out[0]) : l->error->status;
}

/* ---- Gather ---- */

static enum jc_status gather_shape(struct jc_lowering *l, const struct jc_value *data,
                                   const struct jc_value *indices, uint32_t axis,
                                   struct jc_value *out) {
  if (data->rank + indices->rank > JC_ONNX_MAX_RANK + 1)
    return jc_lower_fail(l, "more than %d dimensions", JC_ONNX_MAX_RANK);
  struct jc_dim dims[JC_ONNX_MAX_RANK + 1];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < data->rank; i++) {
    if (i != axis) {
      dims[rank++] = data->dims[i];
      continue;
    }
    for (uint32_t k = 0; k < indices->rank; k++)
      dims[rank++] = indices->dims[k];
  }
  out->rank = rank;
  memcpy(out->dims, dims, sizeof out->dims);
  return JC_OK;
}

static enum jc_status embedding(struct jc_lowering *l, const struct jc_value *table,
                                struct jc_value *indices, struct jc_value *out) {
  struct jc_out_layer *layer = jc_emit1(l, "embedding", indices);
  if (!layer)
    return l->error->status;
  jc_layer_int(layer, "num_embeddings", table->dims[0].n);
  jc_layer_int(layer, "embedding_dim", table->dims[1].n);
  out->type = table->type;
  if (jc_hold(l, layer, table->weight, JC_NO_INDEX) != JC_OK)
    return l->error->status;
  return jc_finish(l, layer, out);
}

/* Known indices, of any rank: one, or a list of them that is then given its shape. */
static enum jc_status select_known(struct jc_lowering *l, struct jc_value *data,
                                   struct jc_value *indices, uint32_t axis, struct jc_value *out) {
  int64_t dim = jc_model_dim(l, data, axis), index = 0;
  struct jc_canonical shape = jc_value_canonical(indices);
  struct jc_value *list = jc_new_value(l, indices), *picked = jc_new_value(l, data);
  struct jc_out_layer *layer;
  if (!dim || !list || !picked)
    return l->error->status;
  if (indices->rank == 0) {
    (void)jc_value_scalar_int(indices, &index);
    if (!(layer = jc_emit1(l, "select", data)))
      return l->error->status;
    jc_layer_int(layer, "dim", dim);
    jc_layer_int(layer, "index", index);
    return jc_finish(l, layer, out);
  }
  list->rank = 1;
  list->dims[0] = jc_dim_of(jc_canonical_elements(&shape));
  picked->dims[axis] = list->dims[0];
  if (!(layer = jc_emit(l, "index_select", 2, (struct jc_value *[]){data, list})))
    return l->error->status;
  jc_layer_int(layer, "dim", dim);
  if (jc_finish(l, layer, picked) != JC_OK)
    return l->error->status;
  return jc_view(l, picked, out);
}

enum jc_status jc_op_gather(struct jc_lowering *l) {
  struct jc_value *data = jc_need(l, 0), *indices = jc_need(l, 1);
  int axis = data && indices ? jc_axis(l, jc_onnx_int(l->node, "axis", 0), data->rank) : -1;
  if (axis < 0)
    return l->error->status;
  struct jc_value *out = l->out[0];
  if (gather_shape(l, data, indices, (uint32_t)axis, out) != JC_OK)
    return l->error->status;
  if (l->folding)
    return jc_finish(l, jc_emit1(l, "identity", data), out);
  if (indices->kind != JC_VALUE_CONSTANT) {
    if (jc_is_weight(data) && !data->transposed && data->rank == 2 && axis == 0)
      return embedding(l, data, indices, out);
    return jc_lower_fail(l, "expected indices that are known beforehand, or a table of the file");
  }
  return select_known(l, data, indices, (uint32_t)axis, out);
}

/* Tables made of constants, as masks are; numbers written into a computed tensor are not. */
enum jc_status jc_op_scatter(struct jc_lowering *l) {
  struct jc_value *data = jc_need(l, 0);
  if (!data)
    return l->error->status;
  if (!l->folding)
    return jc_lower_fail(l, "writes into a tensor that depends on inputs or weights");
  jc_shape_like(l->out[0], data);
  return jc_finish(l, jc_emit1(l, "identity", data), l->out[0]);
}
