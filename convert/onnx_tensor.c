/* onnx_tensor.c -- TensorProto on the wire: shape, and whether the data are as long as it says. */
#include <stdlib.h>
#include <string.h>

#include "convert/onnx_graph.h"

/* Fields of TensorProto. */
enum {
  DIMS = 1,
  DATA_TYPE = 2,
  SEGMENT = 3,
  FLOAT_DATA = 4,
  INT32_DATA = 5,
  STRING_DATA = 6,
  INT64_DATA = 7,
  NAME = 8,
  RAW_DATA = 9,
  DOUBLE_DATA = 10,
  UINT64_DATA = 11,
  EXTERNAL_DATA = 13,
  DATA_LOCATION = 14
};

/* Per element type: bits in raw_data, the typed field that may hold it instead. */
static const struct {
  uint8_t bits, field;
} types[] = {[1] = {32, FLOAT_DATA},   [2] = {8, INT32_DATA},    [3] = {8, INT32_DATA},
             [4] = {16, INT32_DATA},   [5] = {16, INT32_DATA},   [6] = {32, INT32_DATA},
             [7] = {64, INT64_DATA},   [8] = {0, STRING_DATA},   [9] = {8, INT32_DATA},
             [10] = {16, INT32_DATA},  [11] = {64, DOUBLE_DATA}, [12] = {32, UINT64_DATA},
             [13] = {64, UINT64_DATA}, [14] = {64, FLOAT_DATA},  [15] = {128, DOUBLE_DATA},
             [16] = {16, INT32_DATA},  [17] = {8, INT32_DATA},   [18] = {8, INT32_DATA},
             [19] = {8, INT32_DATA},   [20] = {8, INT32_DATA}};

enum { TYPE_COUNT = sizeof types / sizeof *types };

struct reading {
  struct jc_onnx_tensor *tensor;
  uint64_t counts[16]; /* of numbers, by field */
  bool raw;
  uint64_t raw_size;
  uint64_t external_length; /* UINT64_MAX: not given */
};

static enum jc_status add_dim(void *state, uint64_t value, struct jc_error *error) {
  struct jc_onnx_tensor *tensor = ((struct reading *)state)->tensor;
  if (tensor->rank == JC_ONNX_MAX_RANK)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "expected at most %d dimensions",
                   JC_ONNX_MAX_RANK);
  if (value > INT64_MAX)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "expected a dimension of 0 or more, got %lld",
                   (long long)(int64_t)value);
  if (value > INT32_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL,
                   "expected a dimension of at most %d, got %llu", INT32_MAX,
                   (unsigned long long)value);
  tensor->dims[tensor->rank++] = (int64_t)value;
  return JC_OK;
}

static enum jc_status count_one(void *state, uint64_t value, struct jc_error *error) {
  (void)value;
  (void)error;
  ++*(uint64_t *)state;
  return JC_OK;
}

/* StringStringEntryProto {key 1, value 2}; only "length" says anything about the shape. */
static enum jc_status read_external(struct reading *r, struct jc_bytes bytes,
                                    struct jc_error *error) {
  struct jc_wire wire = jc_wire_open(bytes);
  struct jc_wire_field field;
  bool is_length = false;
  char digits[32] = "";
  while (jc_wire_next(&wire, &field, error)) {
    if (field.number > 2 || jc_wire_text(&field, "external data", error) != JC_OK)
      continue;
    if (field.number == 1)
      is_length = field.bytes.size == 6 && memcmp(field.bytes.at, "length", 6) == 0;
    else if (field.bytes.size < sizeof digits)
      memcpy(digits, field.bytes.at, field.bytes.size);
  }
  if (is_length && digits[0])
    r->external_length = strtoull(digits, NULL, 10);
  return error->status;
}

static enum jc_status count_fixed(struct reading *r, const struct jc_wire_field *field,
                                  enum jc_wire_type type, uint64_t size, struct jc_error *error) {
  if (field->type == type) {
    r->counts[field->number]++;
    return JC_OK;
  }
  if (jc_wire_want(field, JC_WIRE_BYTES, "a tensor's data", error) != JC_OK)
    return error->status;
  if (field->bytes.size % size)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "byte %llu: a tensor's data of %zu bytes are no whole number of elements",
                   (unsigned long long)field->whole.offset, field->bytes.size);
  r->counts[field->number] += field->bytes.size / size;
  return JC_OK;
}

static enum jc_status read_field(struct reading *r, const struct jc_wire_field *field,
                                 struct jc_arena *arena, struct jc_error *error) {
  struct jc_onnx_tensor *tensor = r->tensor;
  switch (field->number) {
  case DIMS:
    return jc_wire_numbers(field, "a tensor's shape", add_dim, r, error);
  case DATA_TYPE:
    if (jc_wire_want(field, JC_WIRE_VARINT, "a tensor's type", error) == JC_OK)
      tensor->type = field->value < TYPE_COUNT ? (int32_t)field->value : -1;
    break;
  case NAME:
    if (jc_wire_text(field, "a tensor's name", error) == JC_OK)
      tensor->name = jc_arena_copy(arena, (const char *)field->bytes.at, field->bytes.size, error);
    break;
  case FLOAT_DATA:
    return count_fixed(r, field, JC_WIRE_32, 4, error);
  case DOUBLE_DATA:
    return count_fixed(r, field, JC_WIRE_64, 8, error);
  case INT32_DATA:
  case INT64_DATA:
  case UINT64_DATA:
    return jc_wire_numbers(field, "a tensor's data", count_one, &r->counts[field->number], error);
  case STRING_DATA:
    r->counts[STRING_DATA]++;
    break;
  case RAW_DATA:
    if (jc_wire_want(field, JC_WIRE_BYTES, "a tensor's raw data", error) != JC_OK)
      break;
    if (r->raw)
      return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "byte %llu: a tensor has raw data twice",
                     (unsigned long long)field->whole.offset);
    r->raw = true;
    r->raw_size = field->bytes.size;
    break;
  case EXTERNAL_DATA:
    if (jc_wire_want(field, JC_WIRE_BYTES, "external data", error) == JC_OK)
      return read_external(r, field->bytes, error);
    break;
  case DATA_LOCATION:
    tensor->external = field->type == JC_WIRE_VARINT && field->value == 1;
    break;
  case SEGMENT:
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "byte %llu: tensors in segments are not supported",
                   (unsigned long long)field->whole.offset);
  default:
    break;
  }
  return error->status;
}

/* What the shape says and what the data say must be one. */
static enum jc_status check_length(const struct reading *r, struct jc_error *error) {
  const struct jc_onnx_tensor *tensor = r->tensor;
  uint64_t per_element = types[tensor->type].bits / 8U, needed, found;
  const char *unit = "bytes";
  bool typed = !tensor->external && (!r->raw || per_element == 0); /* strings are never raw */
  if (typed) {
    per_element = tensor->type == 14 || tensor->type == 15 ? 2 : 1;
    unit = "numbers";
  }
  if (__builtin_mul_overflow(tensor->elements, per_element, &needed))
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL,
                   "the length of the data does not fit 64 bits");
  if (typed)
    found = r->counts[types[tensor->type].field];
  else if (tensor->external)
    found = r->external_length == UINT64_MAX ? needed : r->external_length;
  else
    found = r->raw_size;
  if (found != needed)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "the shape needs %llu %s of data, but %llu are there",
                   (unsigned long long)needed, unit, (unsigned long long)found);
  return JC_OK;
}

static enum jc_status finish(const struct reading *r, struct jc_error *error) {
  struct jc_onnx_tensor *tensor = r->tensor;
  if (tensor->type <= 0 || !types[tensor->type].field)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "unknown element type");
  tensor->elements = 1;
  for (uint32_t i = 0; i < tensor->rank; i++) {
    if (tensor->dims[i] && tensor->elements > (uint64_t)INT64_MAX / (uint64_t)tensor->dims[i])
      return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL,
                     "the number of elements does not fit 63 bits");
    tensor->elements *= (uint64_t)tensor->dims[i];
  }
  return check_length(r, error);
}

enum jc_status jc_onnx_read_tensor(struct jc_bytes bytes, struct jc_arena *arena,
                                   struct jc_onnx_tensor *tensor, struct jc_error *error) {
  struct reading r = {.tensor = tensor, .external_length = UINT64_MAX};
  struct jc_wire wire = jc_wire_open(bytes);
  struct jc_wire_field field;
  *tensor = (struct jc_onnx_tensor){.name = "", .message = bytes};
  while (jc_wire_next(&wire, &field, error))
    if (read_field(&r, &field, arena, error) != JC_OK)
      break;
  if (!jc_error_is_set(error))
    (void)finish(&r, error);
  if (jc_error_is_set(error) && !error->path[0])
    (void)snprintf(error->path, sizeof error->path, "tensor '%.200s'",
                   tensor->name ? tensor->name : "");
  return error->status;
}

/* ---- small data ---- */

bool jc_onnx_tensor_is_float(int32_t type) {
  return type == JC_ONNX_FLOAT || type == JC_ONNX_FLOAT16 || type == JC_ONNX_DOUBLE ||
         type == JC_ONNX_BFLOAT16 || type >= 17;
}

struct numbers {
  const struct jc_onnx_tensor *tensor;
  int64_t *ints;
  double *reals;
  uint64_t count;
};

static double real_of_bits(int32_t type, uint64_t bits) {
  if (type == JC_ONNX_DOUBLE) {
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
  }
  uint32_t word = (uint32_t)bits;
  float real = 0;
  memcpy(&real, &word, sizeof real);
  return (double)real;
}

static int64_t int_of_bits(int32_t type, uint64_t bits) {
  switch (type) {
  case 3:
    return (int8_t)bits;
  case 5:
    return (int16_t)bits;
  case JC_ONNX_INT32:
    return (int32_t)bits;
  default:
    return (int64_t)bits;
  }
}

static enum jc_status keep_number(void *state, uint64_t bits, struct jc_error *error) {
  struct numbers *n = state;
  (void)error;
  if (n->count < n->tensor->elements) {
    if (n->ints)
      n->ints[n->count] = int_of_bits(n->tensor->type, bits);
    else
      n->reals[n->count] = real_of_bits(n->tensor->type, bits);
  }
  n->count++;
  return JC_OK;
}

static void keep_fixed(struct numbers *n, struct jc_bytes bytes, size_t size) {
  struct jc_error ignored = {0};
  for (size_t at = 0; at + size <= bytes.size; at += size) {
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
      bits |= (uint64_t)bytes.at[at + i] << (8 * i);
    (void)keep_number(n, bits, &ignored);
  }
}

static bool read_numbers(struct numbers *n) {
  struct jc_wire wire = jc_wire_open(n->tensor->message);
  struct jc_wire_field field;
  struct jc_error error = {0};
  size_t size = types[n->tensor->type].bits / 8U;
  while (jc_wire_next(&wire, &field, &error)) {
    if (field.number == RAW_DATA)
      keep_fixed(n, field.bytes, size);
    else if (field.number != types[n->tensor->type].field)
      continue;
    else if (field.number == FLOAT_DATA || field.number == DOUBLE_DATA) {
      if (field.type == JC_WIRE_BYTES)
        keep_fixed(n, field.bytes, size);
      else
        (void)keep_number(n, field.value, &error);
    } else
      (void)jc_wire_numbers(&field, "data", keep_number, n, &error);
  }
  return !jc_error_is_set(&error) && n->count == n->tensor->elements;
}

bool jc_onnx_tensor_ints(const struct jc_onnx_tensor *tensor, int64_t *ints) {
  struct numbers n = {.tensor = tensor, .ints = ints};
  bool decoded = (tensor->type >= 2 && tensor->type <= 7) || tensor->type == JC_ONNX_BOOL ||
                 tensor->type == 12 || tensor->type == 13;
  return decoded && !tensor->external && read_numbers(&n);
}

bool jc_onnx_tensor_reals(const struct jc_onnx_tensor *tensor, double *reals) {
  struct numbers n = {.tensor = tensor, .reals = reals};
  bool decoded = tensor->type == JC_ONNX_FLOAT || tensor->type == JC_ONNX_DOUBLE;
  return decoded && !tensor->external && read_numbers(&n);
}
