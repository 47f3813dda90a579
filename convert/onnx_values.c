/* onnx_values.c -- dimensions that may carry the batch. */
#include "convert/onnx_values.h"

#include <string.h>

struct jc_dim jc_dim_of(int64_t n) {
  return (struct jc_dim){n, false};
}

bool jc_dims_equal(struct jc_dim a, struct jc_dim b) {
  return a.n == b.n && a.batch == b.batch;
}

int jc_value_batch_axis(const struct jc_value *value) {
  for (uint32_t i = 0; i < value->rank; i++)
    if (value->dims[i].batch)
      return (int)i;
  return -1;
}

struct jc_canonical jc_value_canonical(const struct jc_value *value) {
  struct jc_canonical shape = {0};
  for (uint32_t i = 0; i < value->rank; i++)
    if (!value->dims[i].batch || value->dims[i].n != 1)
      shape.dims[shape.rank++] = value->dims[i].n;
  return shape;
}

bool jc_canonical_equal(const struct jc_canonical *a, const struct jc_canonical *b) {
  return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof a->dims[0]) == 0;
}

static int64_t product(const int64_t *dims, uint32_t rank) {
  int64_t elements = 1;
  for (uint32_t i = 0; i < rank; i++)
    if (__builtin_mul_overflow(elements, dims[i], &elements))
      return -1;
  return elements;
}

int64_t jc_canonical_elements(const struct jc_canonical *shape) {
  return product(shape->dims, shape->rank);
}

int jc_value_canonical_axis(const struct jc_value *value, uint32_t axis) {
  int index = 0;
  for (uint32_t i = 0; i < axis; i++)
    index += !value->dims[i].batch || value->dims[i].n != 1;
  return value->dims[axis].batch && value->dims[axis].n == 1 ? -1 : index;
}

int64_t jc_value_elements(const struct jc_value *value) {
  if (jc_value_batch_axis(value) >= 0)
    return -1;
  struct jc_canonical shape = jc_value_canonical(value);
  return jc_canonical_elements(&shape);
}

char *jc_value_shape_text(const struct jc_value *value, char *buffer, size_t size) {
  size_t used = (size_t)snprintf(buffer, size, "[");
  for (uint32_t i = 0; i < value->rank && used < size; i++) {
    const char *comma = i ? ", " : "";
    const struct jc_dim *dim = &value->dims[i];
    int added;
    if (dim->batch && dim->n == 1)
      added = snprintf(buffer + used, size - used, "%sbatch", comma);
    else
      added = snprintf(buffer + used, size - used, "%s%lld%s", comma, (long long)dim->n,
                       dim->batch ? "*batch" : "");
    used += (size_t)added;
  }
  if (used < size)
    (void)snprintf(buffer + used, size - used, "]");
  return buffer;
}

bool jc_broadcast(const struct jc_value *a, const struct jc_value *b, struct jc_value *out) {
  const struct jc_dim one = {1, false};
  uint32_t rank = a->rank > b->rank ? a->rank : b->rank;
  struct jc_dim dims[JC_ONNX_MAX_RANK];
  for (uint32_t i = 0; i < rank; i++) {
    struct jc_dim x = i + a->rank < rank ? one : a->dims[i + a->rank - rank];
    struct jc_dim y = i + b->rank < rank ? one : b->dims[i + b->rank - rank];
    if (!jc_dims_equal(x, y) && !jc_dims_equal(x, one) && !jc_dims_equal(y, one))
      return false;
    dims[i] = jc_dims_equal(x, one) ? y : x;
  }
  out->rank = rank;
  memcpy(out->dims, dims, sizeof dims);
  return true;
}

bool jc_value_scalar_int(const struct jc_value *value, int64_t *out) {
  if (!value->data || jc_value_elements(value) != 1 || !value->data->known || value->data->batch ||
      jc_onnx_tensor_is_float(value->type))
    return false;
  *out = value->data->n;
  return true;
}

bool jc_value_scalar_real(const struct jc_value *value, double *out) {
  if (!value->data || jc_value_elements(value) != 1 || !value->data->known || value->data->batch)
    return false;
  *out = jc_onnx_tensor_is_float(value->type) ? value->data->real : (double)value->data->n;
  return true;
}
