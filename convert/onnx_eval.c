/* onnx_eval.c -- small constants are computed: the arithmetic by which exporters spell shapes.
 *
 * A number is n, or n times the batch. What cannot be said in that form (n + batch) is unknown, and
 * unknown numbers are harmless until a shape needs them.
 */
#include <math.h>
#include <string.h>

#include "convert/onnx_lower.h"

static const struct jc_number unknown = {0};

static struct jc_number whole(int64_t n, bool batch) {
  return (struct jc_number){.n = n, .batch = batch, .known = true};
}

/* ---- one number from two ---- */

enum binary {
  ADD,
  SUB,
  MUL,
  DIV,
  MOD,
  POW,
  MAX,
  MIN,
  EQUAL,
  LESS,
  LESS_EQUAL,
  GREATER,
  GREATER_EQUAL,
  AND,
  OR,
  NOT_BINARY
};

static const char *const binary_names[] = {"Add",
                                           "Sub",
                                           "Mul",
                                           "Div",
                                           "Mod",
                                           "Pow",
                                           "Max",
                                           "Min",
                                           "Equal",
                                           "Less",
                                           "LessOrEqual",
                                           "Greater",
                                           "GreaterOrEqual",
                                           "And",
                                           "Or"};

static struct jc_number compare(enum binary op, int order) {
  bool result = op == EQUAL        ? order == 0
                : op == LESS       ? order < 0
                : op == LESS_EQUAL ? order <= 0
                : op == GREATER    ? order > 0
                                   : order >= 0;
  return whole(result, false);
}

static struct jc_number binary_reals(enum binary op, double a, double b) {
  double r;
  switch (op) {
  case ADD:
    r = a + b;
    break;
  case SUB:
    r = a - b;
    break;
  case MUL:
    r = a * b;
    break;
  case DIV:
    r = a / b;
    break;
  case MOD:
    r = fmod(a, b);
    break;
  case POW:
    r = pow(a, b);
    break;
  case MAX:
    r = a > b ? a : b;
    break;
  case MIN:
    r = a < b ? a : b;
    break;
  case AND:
  case OR:
  case NOT_BINARY:
    return unknown;
  default:
    return compare(op, (a > b) - (a < b));
  }
  return (struct jc_number){.real = r, .known = isfinite(r)};
}

/* Division and remainder of C and of Python: shapes are not negative, so they agree. */
static struct jc_number divide(enum binary op, struct jc_number a, struct jc_number b) {
  if (b.n == 0 || (a.n == INT64_MIN && b.n == -1) || b.batch > a.batch)
    return unknown;
  if (a.batch != b.batch && a.n % b.n)
    return unknown;
  if (op == DIV)
    return whole(a.n / b.n, a.batch && !b.batch);
  return a.batch != b.batch ? whole(0, false) : whole(a.n % b.n, a.batch);
}

static struct jc_number binary_ints(enum binary op, struct jc_number a, struct jc_number b) {
  int64_t n;
  bool alike = a.batch == b.batch;
  switch (op) {
  case ADD:
  case SUB:
    if (b.n == 0 || (a.n == 0 && op == ADD))
      return b.n == 0 ? a : b;
    if (!alike ||
        (op == ADD ? __builtin_add_overflow(a.n, b.n, &n) : __builtin_sub_overflow(a.n, b.n, &n)))
      return unknown;
    return whole(n, n != 0 && a.batch);
  case MUL:
    if ((a.batch && b.batch) || __builtin_mul_overflow(a.n, b.n, &n))
      return unknown;
    return whole(n, n != 0 && (a.batch || b.batch));
  case DIV:
  case MOD:
    return divide(op, a, b);
  case POW:
    return unknown;
  case MAX:
  case MIN:
    if (!alike)
      return unknown;
    return (op == MAX) == (a.n > b.n) ? a : b;
  case EQUAL:
    if (!alike && (a.batch ? b.n : a.n) > 0) /* the batch may be anything from 1 */
      return unknown;
    return whole(alike && a.n == b.n, false);
  case AND:
    return whole(a.n && b.n, false);
  case OR:
    return whole(a.n || b.n, false);
  case NOT_BINARY:
    return unknown;
  default:
    return alike ? compare(op, (a.n > b.n) - (a.n < b.n)) : unknown;
  }
}

/* ---- one number from one ---- */

static struct jc_number cast(struct jc_number a, bool from_real, int32_t to) {
  bool to_real = jc_onnx_tensor_is_float(to);
  if (!a.known || from_real == to_real)
    return to == JC_ONNX_BOOL && a.known && !to_real ? whole(a.n != 0, false) : a;
  if (to_real)
    return (struct jc_number){.real = (double)a.n, .known = !a.batch};
  if (!(fabs(a.real) < 9e18))
    return unknown;
  return whole(to == JC_ONNX_BOOL ? a.real != 0 : (int64_t)a.real, false);
}

static struct jc_number unary(const char *op, struct jc_number a, bool real) {
  if (!a.known || (a.batch && strcmp(op, "Neg") != 0))
    return unknown;
  if (strcmp(op, "Not") == 0)
    return whole(!a.n, false);
  if (strcmp(op, "Neg") == 0 && !real)
    return a.n == INT64_MIN ? unknown : whole(-a.n, a.batch);
  double x = real ? a.real : (double)a.n, r;
  if (strcmp(op, "Neg") == 0)
    r = -x;
  else if (strcmp(op, "Abs") == 0)
    r = fabs(x);
  else if (strcmp(op, "Sqrt") == 0)
    r = sqrt(x);
  else if (strcmp(op, "Floor") == 0)
    r = floor(x);
  else if (strcmp(op, "Ceil") == 0)
    r = ceil(x);
  else if (strcmp(op, "Reciprocal") == 0)
    r = 1 / x;
  else
    return unknown;
  if (real)
    return (struct jc_number){.real = r, .known = isfinite(r)};
  return strcmp(op, "Abs") == 0 && r < 9e18 ? whole(a.n < 0 ? -a.n : a.n, false) : unknown;
}

/* ---- tensors, index by index ---- */

/* Offset in IN of the element that element INDEX of OUT reads under broadcasting. */
static size_t broadcast_offset(const struct jc_value *in, const struct jc_value *out,
                               size_t index) {
  size_t offset = 0, stride = 1;
  for (uint32_t i = 0; i < out->rank; i++) {
    uint32_t axis = out->rank - 1 - i;
    size_t at = index % (size_t)out->dims[axis].n;
    index /= (size_t)out->dims[axis].n;
    if (i >= in->rank)
      continue;
    const struct jc_dim *dim = &in->dims[in->rank - 1 - i];
    offset += dim->n == 1 ? 0 : at * stride;
    stride *= (size_t)dim->n;
  }
  return offset;
}

static void eval_binary(const struct jc_lowering *l, enum binary op, struct jc_number *data,
                        size_t count) {
  const struct jc_value *a = l->in[0], *b = l->in[1], *out = l->out[0];
  bool real = jc_onnx_tensor_is_float(a->type);
  for (size_t i = 0; i < count; i++) {
    struct jc_number x = a->data[broadcast_offset(a, out, i)];
    struct jc_number y = b->data[broadcast_offset(b, out, i)];
    data[i] = !x.known || !y.known ? unknown
              : real               ? binary_reals(op, x.real, y.real)
                                   : binary_ints(op, x, y);
  }
}

static void eval_where(const struct jc_lowering *l, struct jc_number *data, size_t count) {
  const struct jc_value *out = l->out[0];
  for (size_t i = 0; i < count; i++) {
    struct jc_number c = l->in[0]->data[broadcast_offset(l->in[0], out, i)];
    const struct jc_value *from = c.n ? l->in[1] : l->in[2];
    data[i] = c.known ? from->data[broadcast_offset(from, out, i)] : unknown;
  }
}

/* Elements before and behind AXIS. */
static void strides(const struct jc_value *value, int axis, size_t *outer, size_t *inner) {
  *outer = *inner = 1;
  for (int i = 0; i < (int)value->rank; i++)
    if (i != axis)
      *(i < axis ? outer : inner) *= (size_t)value->dims[i].n;
}

static int axis_of(const struct jc_lowering *l, uint32_t rank) {
  int64_t axis = jc_onnx_int(l->node, "axis", 0);
  return (int)(axis < 0 ? axis + rank : axis);
}

static void eval_concat(const struct jc_lowering *l, struct jc_number *data) {
  const struct jc_value *out = l->out[0];
  size_t outer, inner;
  int axis = axis_of(l, out->rank);
  strides(out, axis, &outer, &inner);
  for (size_t o = 0; o < outer; o++)
    for (uint32_t k = 0; k < l->in_count; k++) {
      size_t part = (size_t)l->in[k]->dims[axis].n * inner;
      memcpy(data, l->in[k]->data + o * part, part * sizeof *data);
      data += part;
    }
}

static void eval_gather(const struct jc_lowering *l, struct jc_number *data) {
  const struct jc_value *in = l->in[0], *indices = l->in[1];
  size_t outer, inner, count = (size_t)jc_value_elements(indices);
  int axis = axis_of(l, in->rank);
  int64_t size = in->dims[axis].n;
  strides(in, axis, &outer, &inner);
  for (size_t o = 0; o < outer; o++)
    for (size_t k = 0; k < count; k++) {
      struct jc_number index = indices->data[k];
      int64_t at = index.n < 0 ? index.n + size : index.n;
      bool valid = index.known && !index.batch && at >= 0 && at < size;
      for (size_t i = 0; i < inner; i++)
        *data++ = valid ? in->data[(o * (size_t)size + (size_t)at) * inner + i] : unknown;
    }
}

/* One axis at most is cut here; more are left unknown. */
static void eval_slice(const struct jc_lowering *l, struct jc_number *data, size_t count) {
  const struct jc_value *in = l->in[0], *out = l->out[0], *axes = jc_in(l, 3), *steps = jc_in(l, 4);
  const struct jc_onnx_attribute *starts = jc_onnx_attribute(l->node, "starts");
  const struct jc_onnx_attribute *axes_attribute = jc_onnx_attribute(l->node, "axes");
  bool single =
      starts ? starts->int_count == 1 : l->in[1]->data && jc_value_elements(l->in[1]) == 1;
  for (size_t i = 0; i < count; i++)
    data[i] = unknown;
  if (!single || (axes && !axes->data) || (steps && !steps->data))
    return;
  int64_t axis = axes             ? axes->data[0].n
                 : axes_attribute ? (axes_attribute->int_count ? axes_attribute->ints[0] : 0)
                                  : 0;
  axis += axis < 0 ? in->rank : 0;
  int64_t size = in->dims[axis].n, step = steps ? steps->data[0].n : 1;
  int64_t start = starts ? starts->ints[0] : l->in[1]->data[0].n;
  start += start < 0 ? size : 0;
  start = start < 0 ? 0 : start >= size ? size - (step < 0) : start;
  size_t outer, inner;
  strides(out, (int)axis, &outer, &inner);
  for (size_t o = 0; o < outer; o++)
    for (int64_t k = 0; k < out->dims[axis].n; k++) {
      int64_t at = start + k * step;
      for (size_t i = 0; i < inner && at >= 0 && at < size; i++)
        data[(o * (size_t)out->dims[axis].n + (size_t)k) * inner + i] =
            in->data[(o * (size_t)size + (size_t)at) * inner + i];
    }
}

static void eval_transpose(const struct jc_lowering *l, struct jc_number *data, size_t count) {
  const struct jc_value *in = l->in[0], *out = l->out[0];
  const struct jc_onnx_attribute *perm = jc_onnx_attribute(l->node, "perm");
  for (size_t i = 0; i < count; i++) {
    size_t at[JC_ONNX_MAX_RANK] = {0}, index = i, offset = 0;
    for (uint32_t k = out->rank; k-- > 0; index /= (size_t)out->dims[k].n)
      at[perm ? (uint32_t)perm->ints[k] : out->rank - 1 - k] = index % (size_t)out->dims[k].n;
    for (uint32_t k = 0; k < in->rank; k++)
      offset = offset * (size_t)in->dims[k].n + at[k];
    data[i] = in->data[offset];
  }
}

/* The product, sum, largest or smallest of all. */
static void eval_reduce(const struct jc_lowering *l, struct jc_number *data, size_t count) {
  const struct jc_value *in = l->in[0];
  const char *what = l->node->op_type + strlen("Reduce");
  enum binary op = strcmp(what, "Prod") == 0  ? MUL
                   : strcmp(what, "Sum") == 0 ? ADD
                   : strcmp(what, "Max") == 0 ? MAX
                   : strcmp(what, "Min") == 0 ? MIN
                                              : NOT_BINARY;
  int64_t elements = jc_value_elements(in);
  struct jc_number all = count == 1 && elements > 0 ? in->data[0] : unknown;
  for (int64_t i = 1; i < elements && all.known; i++)
    all = !in->data[i].known                  ? unknown
          : jc_onnx_tensor_is_float(in->type) ? binary_reals(op, all.real, in->data[i].real)
                                              : binary_ints(op, all, in->data[i]);
  for (size_t i = 0; i < count; i++)
    data[i] = all;
}

static bool inputs_known(const struct jc_lowering *l, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++)
    if (!jc_in(l, i) || !l->in[i]->data || jc_value_elements(l->in[i]) < 0)
      return false;
  return true;
}

static bool is_op(const struct jc_lowering *l, const char *op) {
  return strcmp(l->node->op_type, op) == 0;
}

static bool evaluate(struct jc_lowering *l, struct jc_number *data, size_t count) {
  static const char *const unaries[] = {"Neg", "Abs", "Sqrt", "Floor", "Ceil", "Reciprocal", "Not"};
  const struct jc_value *in = l->in[0];
  bool real = jc_onnx_tensor_is_float(in->type);
  for (int op = 0; op < NOT_BINARY; op++)
    if (is_op(l, binary_names[op])) {
      if (l->in_count != 2 || !inputs_known(l, 0, 2))
        return false;
      eval_binary(l, (enum binary)op, data, count);
      return true;
    }
  for (size_t k = 0; k < sizeof unaries / sizeof *unaries; k++)
    if (is_op(l, unaries[k])) {
      for (size_t i = 0; i < count; i++)
        data[i] = unary(unaries[k], in->data[i], real);
      return true;
    }
  if (is_op(l, "Cast"))
    for (size_t i = 0; i < count; i++)
      data[i] = cast(in->data[i], real, l->out[0]->type);
  else if (is_op(l, "Where") && inputs_known(l, 0, 3))
    eval_where(l, data, count);
  else if (is_op(l, "Expand"))
    for (size_t i = 0; i < count; i++)
      data[i] = in->data[broadcast_offset(in, l->out[0], i)];
  else if (is_op(l, "Concat") && inputs_known(l, 0, l->in_count))
    eval_concat(l, data);
  else if (is_op(l, "Gather") && inputs_known(l, 0, 2))
    eval_gather(l, data);
  else if (is_op(l, "Slice"))
    eval_slice(l, data, count);
  else if (is_op(l, "Transpose"))
    eval_transpose(l, data, count);
  else if (strncmp(l->node->op_type, "Reduce", 6) == 0)
    eval_reduce(l, data, count);
  else
    return false;
  return true;
}

enum jc_status jc_evaluate(struct jc_lowering *l) {
  struct jc_value *out = l->out_count ? l->out[0] : NULL;
  if (!out || out->rank == UINT32_MAX || out->kind != JC_VALUE_CONSTANT || out->data ||
      !inputs_known(l, 0, 1))
    return JC_OK;
  int64_t count = jc_value_elements(out);
  if (count < 0 || count > JC_ONNX_MAX_DATA)
    return JC_OK;
  struct jc_number *data = jc_arena_take(l->arena, (size_t)count, sizeof *data, l->error);
  if (data && (count == 0 || evaluate(l, data, (size_t)count)))
    out->data = data;
  return l->error->status;
}
