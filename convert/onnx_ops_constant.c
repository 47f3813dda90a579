/* onnx_ops_constant.c -- Constant, Shape, Size, ConstantOfShape, Range: where known numbers come
 * from. */
#include <string.h>

#include "convert/onnx_ops.h"

static struct jc_number *new_data(struct jc_lowering *l, size_t count) {
  return jc_arena_take(l->arena, count, sizeof(struct jc_number), l->error);
}

static void define_list(struct jc_value *out, size_t count, const struct jc_number *data,
                        int32_t type) {
  out->kind = JC_VALUE_CONSTANT;
  out->type = type;
  out->rank = 1;
  out->dims[0] = jc_dim_of((int64_t)count);
  out->data = data;
}

/* A tensor in the node; the numbers of small ones. */
static enum jc_status define_tensor(struct jc_lowering *l, const struct jc_onnx_tensor *tensor,
                                    struct jc_value *out) {
  out->kind = JC_VALUE_CONSTANT;
  out->type = tensor->type;
  out->rank = tensor->rank;
  for (uint32_t i = 0; i < tensor->rank; i++)
    out->dims[i] = jc_dim_of(tensor->dims[i]);
  if (tensor->elements > JC_ONNX_MAX_DATA)
    return JC_OK;
  size_t count = (size_t)tensor->elements;
  bool real = jc_onnx_tensor_is_float(tensor->type);
  struct jc_number *data = new_data(l, count);
  int64_t *ints = jc_arena_take(l->arena, count, sizeof *ints, l->error);
  double *reals = jc_arena_take(l->arena, count, sizeof *reals, l->error);
  if (!data || !ints || !reals ||
      !(real ? jc_onnx_tensor_reals(tensor, reals) : jc_onnx_tensor_ints(tensor, ints)))
    return l->error->status;
  for (size_t i = 0; i < count; i++)
    data[i] = (struct jc_number){.n = ints[i], .real = reals[i], .known = true};
  out->data = data;
  return JC_OK;
}

enum jc_status jc_op_constant(struct jc_lowering *l) {
  if (l->out_count == 0 || l->node->attribute_count == 0)
    return jc_lower_fail(l, "expected a value and an output");
  const struct jc_onnx_attribute *a = &l->node->attributes[0];
  struct jc_value *out = l->out[0];
  if (a->tensor)
    return define_tensor(l, a->tensor, out);
  bool real = strncmp(a->name, "value_float", 11) == 0;
  bool list = strcmp(a->name, "value_ints") == 0 || strcmp(a->name, "value_floats") == 0;
  if (!list && strcmp(a->name, "value_int") != 0 && strcmp(a->name, "value_float") != 0)
    return jc_lower_fail(l, "unknown value '%.40s'", a->name);
  size_t count = !list ? 1 : real ? a->float_count : a->int_count;
  struct jc_number *data = new_data(l, count < JC_ONNX_MAX_DATA ? count : 0);
  if (!data)
    return l->error->status;
  for (size_t i = 0; i < count && count < JC_ONNX_MAX_DATA; i++)
    data[i] = (struct jc_number){.n = list && !real ? a->ints[i] : a->i,
                                 .real = list && real ? a->floats[i] : a->f,
                                 .known = true};
  define_list(out, count, count < JC_ONNX_MAX_DATA ? data : NULL,
              real ? JC_ONNX_FLOAT : JC_ONNX_INT64);
  out->rank = list;
  return JC_OK;
}

enum jc_status jc_op_shape(struct jc_lowering *l) {
  const struct jc_value *in = jc_need(l, 0);
  if (!in)
    return l->error->status;
  int64_t rank = in->rank, start = jc_onnx_int(l->node, "start", 0),
          end = jc_onnx_int(l->node, "end", rank);
  start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
  end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
  size_t count = end > start ? (size_t)(end - start) : 0;
  struct jc_number *data = new_data(l, count);
  if (!data)
    return l->error->status;
  for (size_t i = 0; i < count; i++) {
    struct jc_dim dim = in->dims[(size_t)start + i];
    data[i] = (struct jc_number){.n = dim.n, .batch = dim.batch, .known = true};
  }
  define_list(l->out[0], count, data, JC_ONNX_INT64);
  l->folding = false; /* the numbers are there */
  return JC_OK;
}

enum jc_status jc_op_size(struct jc_lowering *l) {
  const struct jc_value *in = jc_need(l, 0);
  struct jc_number *data = new_data(l, 1);
  if (!in || !data)
    return l->error->status;
  struct jc_canonical shape = jc_value_canonical(in);
  data->n = jc_canonical_elements(&shape);
  data->batch = jc_value_batch_axis(in) >= 0;
  data->known = data->n >= 0;
  define_list(l->out[0], 1, data, JC_ONNX_INT64);
  l->out[0]->rank = 0;
  l->folding = false;
  return JC_OK;
}

enum jc_status jc_op_constant_of_shape(struct jc_lowering *l) {
  struct jc_ints shape;
  struct jc_value fill = {0};
  const struct jc_onnx_attribute *value = jc_onnx_attribute(l->node, "value");
  struct jc_number zero = {.known = true};
  if (!jc_need(l, 0) || !jc_ints_of(l, NULL, 0, &shape) || shape.count > JC_ONNX_MAX_RANK)
    return jc_lower_fail(l, "expected a shape of at most %d known dimensions", JC_ONNX_MAX_RANK);
  struct jc_value *out = l->out[0];
  fill.type = JC_ONNX_FLOAT;
  fill.data = &zero;
  if (value && value->tensor && define_tensor(l, value->tensor, &fill) != JC_OK)
    return l->error->status;
  out->kind = JC_VALUE_CONSTANT;
  out->type = fill.type;
  out->rank = shape.count;
  for (uint32_t i = 0; i < shape.count; i++) {
    out->dims[i] = shape.value[i];
    if (shape.value[i].n < 0 || shape.value[i].n > INT32_MAX)
      return jc_lower_fail(l, "expected dimensions of 31 bits, got %lld",
                           (long long)shape.value[i].n);
  }
  out->data = NULL;
  l->folding = false;
  int64_t count = jc_value_elements(out);
  if (count < 0 || count > JC_ONNX_MAX_DATA || !fill.data)
    return JC_OK;
  struct jc_number *data = new_data(l, (size_t)count);
  for (int64_t i = 0; data && i < count; i++)
    data[i] = fill.data[0];
  out->data = data;
  return l->error->status;
}

enum jc_status jc_op_range(struct jc_lowering *l) {
  double number[3];
  for (uint32_t i = 0; i < 3; i++) {
    const struct jc_value *in = jc_need(l, i);
    if (!in || !jc_value_scalar_real(in, &number[i]))
      return jc_lower_fail(l, "input %u must be a number that is known beforehand", i);
  }
  struct jc_value *out = l->out[0];
  double exact = number[2] == 0 ? -1 : (number[1] - number[0]) / number[2];
  int64_t count = !(exact > 0) ? 0 : exact > INT32_MAX ? -1 : (int64_t)exact;
  count += count >= 0 && (double)count < exact;
  if (number[2] == 0 || count < 0)
    return jc_lower_fail(l, "expected a limit that is reached");
  define_list(out, (size_t)count, NULL, l->in[0]->type);
  l->folding = false;
  if (count > JC_ONNX_MAX_DATA)
    return JC_OK;
  struct jc_number *data = new_data(l, (size_t)count);
  for (int64_t i = 0; data && i < count; i++) {
    double x = number[0] + (double)i * number[2];
    bool fits = x > -9e18 && x < 9e18;
    data[i] = (struct jc_number){.n = fits ? (int64_t)x : 0, .real = x, .known = fits};
  }
  out->data = data;
  return l->error->status;
}
