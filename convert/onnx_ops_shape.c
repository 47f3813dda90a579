/* onnx_ops_shape.c -- Reshape and its like: another shape for the same numbers, batch included. */
#include <string.h>

#include "convert/onnx_ops.h"

/* ---- Reshape ---- */

/* A shape to be: numbers, some times the batch; `open` is the dimension to be found, or -1. */
struct target {
  uint32_t rank;
  struct jc_dim dims[JC_ONNX_MAX_RANK];
  int open;
};

static enum jc_status read_target(struct jc_lowering *l, const struct jc_value *in,
                                  struct target *t) {
  const struct jc_value *shape = jc_need(l, 1);
  if (!shape)
    return l->error->status;
  int64_t count = jc_value_elements(shape);
  if (!shape->data || count < 0 || count > JC_ONNX_MAX_RANK)
    return jc_lower_fail(l, "its shape '%.120s' is not known beforehand", shape->name);
  t->rank = (uint32_t)count;
  t->open = -1;
  for (uint32_t i = 0; i < t->rank; i++) {
    const struct jc_number *number = &shape->data[i];
    t->dims[i] = (struct jc_dim){number->n, number->batch};
    if (!number->known || (number->n == -1 && !number->batch)) {
      if (t->open >= 0)
        return jc_lower_fail(l, "two dimensions of its shape are not known");
      t->open = (int)i;
      t->dims[i] = jc_dim_of(1);
    } else if (number->n == 0 && !jc_onnx_int(l->node, "allowzero", 0)) {
      if (i >= in->rank)
        return jc_lower_fail(l, "dimension %u is 0, but the input has rank %u", i, in->rank);
      t->dims[i] = in->dims[i];
    } else if (number->n < 1) {
      return jc_lower_fail(l, "expected dimensions of 1 or more, got %lld", (long long)number->n);
    }
  }
  return JC_OK;
}

/* Product of the numbers, and how often the batch is in it; -1 beyond 63 bits. */
static int64_t product(const struct jc_dim *dims, uint32_t rank, int *batches) {
  int64_t result = 1;
  for (uint32_t i = 0; i < rank; i++) {
    *batches += dims[i].batch;
    if (__builtin_mul_overflow(result, dims[i].n, &result))
      return -1;
  }
  return result;
}

/* How well dimension I, of N elements with PREFIX before and SUFFIX behind, may carry the batch
 * that stood behind BEFORE elements and in front of BEHIND; 0: not at all. A dimension of the batch
 * alone is best; merged with others it keeps its place in row-major order, and is rarely the last.
 */
static int rank_place(int64_t n, int64_t prefix, int64_t suffix, int64_t before, int64_t behind,
                      int64_t batch, bool last) {
  bool outside = prefix == before, inside = suffix == behind;
  if (n % batch)
    return 0;
  if (n == batch && (outside || inside))
    return 6;
  if (outside && inside)
    return 5;
  if (outside && !last)
    return 4;
  bool within = before % prefix == 0 && n % (before / prefix * batch) == 0;
  if (inside || (within && n == before / prefix * batch))
    return 3;
  return outside ? 2 : within;
}

/* A file with a fixed batch has it hidden in the numbers of the shape. */
static bool place_batch(const struct jc_value *in, struct target *t, int64_t batch) {
  int axis = jc_value_batch_axis(in), found = -1, best = 0;
  int64_t before = 1, behind = 1, total = 1, prefix = 1;
  for (int i = 0; i < (int)in->rank; i++)
    if (i != axis)
      *(i < axis ? &before : &behind) *= in->dims[i].n;
  for (uint32_t i = 0; i < t->rank; i++)
    total *= t->dims[i].n;
  for (uint32_t i = 0; i < t->rank; i++) {
    int64_t n = t->dims[i].n;
    int rank = rank_place(n, prefix, total / (prefix * n), before, behind, batch,
                          i + 1 == t->rank && i > 0);
    if (rank > best) {
      best = rank;
      found = (int)i;
    }
    prefix *= n;
  }
  if (found >= 0)
    t->dims[found] = (struct jc_dim){t->dims[found].n / batch, true};
  return found >= 0;
}

static enum jc_status resolve_target(struct jc_lowering *l, const struct jc_value *in,
                                     struct target *t) {
  int in_batches = 0, out_batches = 0;
  int64_t have = product(in->dims, in->rank, &in_batches);
  int64_t want = product(t->dims, t->rank, &out_batches);
  char text[256];
  struct jc_value shape = {.rank = t->rank};
  memcpy(shape.dims, t->dims, sizeof shape.dims);
  bool hidden = l->batch_size > 0 && in_batches == 1 && out_batches == 0;
  if (hidden)
    have = have > INT64_MAX / l->batch_size ? -1 : have * l->batch_size;
  if (have >= 0 && want > 0 && t->open >= 0 && have % want == 0) {
    t->dims[t->open] = (struct jc_dim){have / want, !hidden && in_batches > out_batches};
    out_batches += t->dims[t->open].batch;
    want = have;
  }
  if (have < 0 || have != want ||
      (hidden ? have == 0 || !place_batch(in, t, l->batch_size) : in_batches != out_batches)) {
    char from[256];
    return jc_lower_fail(l, "the shape %s cannot become %s%s",
                         jc_value_shape_text(in, from, sizeof from),
                         jc_value_shape_text(&shape, text, sizeof text),
                         in_batches && !out_batches && !hidden ? ", where the batch is lost" : "");
  }
  return JC_OK;
}

enum jc_status jc_op_reshape(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  struct target target = {0};
  if (!in || read_target(l, in, &target) != JC_OK || resolve_target(l, in, &target) != JC_OK)
    return l->error->status;
  struct jc_value *out = l->out[0];
  out->rank = target.rank;
  memcpy(out->dims, target.dims, sizeof out->dims);
  return jc_view(l, in, out);
}

enum jc_status jc_op_flatten(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in)
    return l->error->status;
  int64_t axis = jc_onnx_int(l->node, "axis", 1);
  if (axis < -(int64_t)in->rank || axis > (int64_t)in->rank)
    return jc_lower_fail(l, "axis %lld is out of range", (long long)axis);
  uint32_t at = (uint32_t)(axis < 0 ? axis + in->rank : axis);
  struct jc_value *out = l->out[0];
  int batches[2] = {0, 0};
  int64_t sizes[2] = {product(in->dims, at, &batches[0]),
                      product(in->dims + at, in->rank - at, &batches[1])};
  out->rank = 2;
  for (int i = 0; i < 2; i++) {
    if (sizes[i] < 0)
      return jc_lower_fail(l, "the number of elements does not fit 63 bits");
    out->dims[i] = (struct jc_dim){sizes[i], batches[i] > 0};
  }
  return jc_view(l, in, out);
}

/* ---- dimensions of 1 ---- */

static enum jc_status read_axes(struct jc_lowering *l, uint32_t rank, bool *chosen, bool *given) {
  struct jc_ints axes;
  *given = jc_plain_ints_of(l, "axes", 1, &axes);
  memset(chosen, 0, JC_ONNX_MAX_RANK);
  for (uint32_t i = 0; *given && i < axes.count; i++) {
    int axis = jc_axis(l, axes.value[i].n, rank);
    if (axis < 0)
      break;
    chosen[axis] = true;
  }
  return l->error->status;
}

enum jc_status jc_op_squeeze(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  bool chosen[JC_ONNX_MAX_RANK], given;
  if (!in || read_axes(l, in->rank, chosen, &given) != JC_OK)
    return l->error->status;
  struct jc_value *out = l->out[0];
  uint32_t rank = 0;
  struct jc_dim dims[JC_ONNX_MAX_RANK];
  for (uint32_t i = 0; i < in->rank; i++) {
    bool one = in->dims[i].n == 1 && !in->dims[i].batch;
    if (given && chosen[i] && !one)
      return jc_lower_fail(l, "dimension %u is %s, not 1", i,
                           in->dims[i].batch ? "the batch" : "larger");
    if (!(given ? chosen[i] : one))
      dims[rank++] = in->dims[i];
  }
  out->rank = rank;
  memcpy(out->dims, dims, sizeof dims);
  return jc_view(l, in, out);
}

enum jc_status jc_op_unsqueeze(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  struct jc_ints axes;
  if (!in || !jc_plain_ints_of(l, "axes", 1, &axes))
    return jc_lower_fail(l, "expected axes");
  uint32_t rank = in->rank + axes.count;
  bool chosen[JC_ONNX_MAX_RANK], given;
  if (rank > JC_ONNX_MAX_RANK)
    return jc_lower_fail(l, "more than %d dimensions", JC_ONNX_MAX_RANK);
  if (read_axes(l, rank, chosen, &given) != JC_OK)
    return l->error->status;
  struct jc_value *out = l->out[0];
  uint32_t from = 0;
  for (uint32_t i = 0; i < rank; i++) {
    if (!chosen[i] && from == in->rank)
      return jc_lower_fail(l, "an axis is given twice");
    out->dims[i] = chosen[i] ? jc_dim_of(1) : in->dims[from++];
  }
  out->rank = rank;
  return jc_view(l, in, out);
}

/* ---- Transpose ---- */

enum jc_status jc_permute(struct jc_lowering *l, struct jc_value *in, const uint32_t *order,
                          struct jc_value *out) {
  struct jc_dim dims[JC_ONNX_MAX_RANK];
  bool moved = false;
  int64_t list[JC_ONNX_MAX_RANK + 1] = {0};
  uint32_t count = 1;
  for (uint32_t i = 0; i < in->rank; i++) {
    dims[i] = in->dims[order[i]];
    int index = jc_value_canonical_axis(in, order[i]);
    if (index >= 0) {
      list[count] = index + 1;
      moved |= list[count] != count;
      count++;
    }
  }
  if (!moved || (jc_is_weight(in) && in->rank == 2 && !in->viewed)) {
    bool weight = jc_is_weight(in);
    uint32_t rank = in->rank;
    (void)jc_alias(in, out);
    out->transposed = weight ? in->transposed != moved : in->transposed;
    out->data = moved ? NULL : in->data;
    out->rank = rank;
    memcpy(out->dims, dims, sizeof dims);
    return JC_OK;
  }
  struct jc_out_layer *layer = jc_emit1(l, "permute", in);
  if (layer)
    jc_layer_list(layer, "dims", list, count);
  out->rank = in->rank;
  memcpy(out->dims, dims, sizeof dims);
  return jc_finish(l, layer, out);
}

enum jc_status jc_op_transpose(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in)
    return l->error->status;
  const struct jc_onnx_attribute *perm = jc_onnx_attribute(l->node, "perm");
  uint32_t order[JC_ONNX_MAX_RANK], seen = 0;
  if (perm && perm->int_count != in->rank)
    return jc_lower_fail(l, "perm: expected %u numbers, got %zu", in->rank, perm->int_count);
  for (uint32_t i = 0; i < in->rank; i++) {
    int64_t axis = perm ? perm->ints[i] : (int64_t)(in->rank - 1 - i);
    if (axis < 0 || axis >= in->rank || seen >> axis & 1)
      return jc_lower_fail(l, "perm: expected each dimension once");
    seen |= 1U << axis;
    order[i] = (uint32_t)axis;
  }
  return jc_permute(l, in, order, l->out[0]);
}

/* ---- Expand, Tile ---- */

/* In a file with a fixed batch, a leading dimension of its size that a tensor without batch is
 * expanded to is the batch. */
static void find_fixed_batch(const struct jc_lowering *l, const struct jc_value *in,
                             struct jc_value *shape) {
  bool leading =
      in->rank < shape->rank || (in->rank == shape->rank && in->rank > 0 && in->dims[0].n == 1);
  if (l->batch_size > 1 && jc_value_batch_axis(in) < 0 && jc_value_batch_axis(shape) < 0 &&
      leading && shape->rank > 1 && shape->dims[0].n == l->batch_size)
    shape->dims[0] = (struct jc_dim){1, true};
  if (l->batch_size > 0 && jc_value_batch_axis(in) >= 0) { /* the batch meets its own size */
    int64_t at = (int64_t)shape->rank - in->rank + jc_value_batch_axis(in);
    const struct jc_dim *batch = &in->dims[jc_value_batch_axis(in)];
    if (at >= 0 && !shape->dims[at].batch && shape->dims[at].n == batch->n * l->batch_size)
      shape->dims[at] = *batch;
  }
}

static enum jc_status expand_to(struct jc_lowering *l, struct jc_value *in, struct jc_value *out) {
  struct jc_value *facing = in;
  if (!l->folding) {
    struct jc_value batchless = *out;
    batchless.kind = JC_VALUE_CONSTANT; /* so that a leading 1 is dropped by a layer */
    facing = jc_facing(l, in, &batchless, out);
    if (!facing)
      return l->error->status;
  }
  struct jc_canonical from = jc_value_canonical(facing), to = jc_value_canonical(out);
  if (jc_canonical_equal(&from, &to))
    return jc_view(l, facing, out);
  struct jc_out_layer *layer = jc_emit1(l, "expand", facing);
  if (layer)
    jc_layer_list(layer, "shape", to.dims, to.rank);
  return jc_finish(l, layer, out);
}

enum jc_status jc_op_expand(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  struct jc_ints sizes;
  if (!in || !jc_need(l, 1) || !jc_ints_of(l, NULL, 1, &sizes) || sizes.count > JC_ONNX_MAX_RANK)
    return jc_lower_fail(l, "expected a shape of at most %d dimensions", JC_ONNX_MAX_RANK);
  struct jc_value shape = {.rank = sizes.count};
  memcpy(shape.dims, sizes.value, sizeof shape.dims);
  find_fixed_batch(l, in, &shape);
  char a[200], b[200];
  if (!jc_broadcast(in, &shape, l->out[0]))
    return jc_lower_fail(l, "the shape %s cannot be expanded to %s",
                         jc_value_shape_text(in, a, sizeof a),
                         jc_value_shape_text(&shape, b, sizeof b));
  return expand_to(l, in, l->out[0]);
}

enum jc_status jc_op_tile(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  struct jc_ints repeats;
  if (!in || !jc_need(l, 1) || !jc_ints_of(l, NULL, 1, &repeats) || repeats.count != in->rank)
    return jc_lower_fail(l, "expected one number of repeats for each dimension");
  struct jc_value *out = l->out[0];
  jc_shape_like(out, in);
  for (uint32_t i = 0; i < in->rank; i++) {
    struct jc_dim r = repeats.value[i], one = {1, false};
    if (!jc_dims_equal(r, one) && !jc_dims_equal(in->dims[i], one) && !l->folding)
      return jc_lower_fail(l, "repeats dimension %u, which is larger than 1", i);
    if (in->dims[i].batch && r.batch)
      return jc_lower_fail(l, "repeats the batch");
    if (__builtin_mul_overflow(in->dims[i].n, r.n, &out->dims[i].n))
      return jc_lower_fail(l, "the number of elements does not fit 63 bits");
    out->dims[i].batch = in->dims[i].batch || r.batch;
  }
  return expand_to(l, in, out);
}
