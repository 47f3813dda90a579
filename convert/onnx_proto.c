/* onnx_proto.c -- the small messages, unpacked by protobuf-c; only this file includes it.
 *
 * protobuf-c keeps a copy of every field that its schema does not know. So it is handed a copy of
 * the message that holds the fields of onnx_subset.proto and no others: no tensor, no graph, no
 * documentation string.
 */
#include <convert/onnx_subset.pb-c.h> /* made by protoc-c */
#include <stdlib.h>
#include <string.h>

#include "convert/onnx_graph.h"

/* ---- the copy without tensors ---- */

enum { MAX_FIELDS = 10, LENGTH_SIZE = 5 };

struct kept_field {
  uint32_t number;
  bool text;                 /* must hold no zero byte: it becomes a C string */
  const struct kept *nested; /* NULL: copied as it is */
};

struct kept {
  const char *what;
  struct kept_field fields[MAX_FIELDS];
};

static const struct kept kept_opset = {"an opset import", {{1, true, NULL}, {2, false, NULL}}};
static const struct kept kept_attribute = {"an attribute",
                                           {{1, true, NULL},
                                            {2, false, NULL},
                                            {3, false, NULL},
                                            {4, false, NULL},
                                            {7, false, NULL},
                                            {8, false, NULL},
                                            {20, false, NULL},
                                            {21, true, NULL}}};
static const struct kept kept_node = {"a node",
                                      {{1, true, NULL},
                                       {2, true, NULL},
                                       {3, true, NULL},
                                       {4, true, NULL},
                                       {5, false, &kept_attribute},
                                       {7, true, NULL}}};
static const struct kept kept_dimension = {"a dimension", {{1, false, NULL}, {2, true, NULL}}};
static const struct kept kept_shape = {"a shape", {{1, false, &kept_dimension}}};
static const struct kept kept_tensor_type = {"a tensor type",
                                             {{1, false, NULL}, {2, false, &kept_shape}}};
static const struct kept kept_type = {"a type", {{1, false, &kept_tensor_type}}};
static const struct kept kept_value_info = {"a value info",
                                            {{1, true, NULL}, {2, false, &kept_type}}};

struct filtered {
  uint8_t *bytes;
  size_t length, capacity;
};

static enum jc_status append(struct filtered *out, const uint8_t *bytes, size_t size,
                             struct jc_error *error) {
  if (size > JC_ONNX_MAX_NODE - out->length)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL,
                   "a node without its tensors has more than %d bytes", JC_ONNX_MAX_NODE);
  if (out->length + size > out->capacity) {
    size_t capacity = 2 * (out->length + size) + 256;
    uint8_t *grown = realloc(out->bytes, capacity);
    if (!grown)
      return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    out->bytes = grown;
    out->capacity = capacity;
  }
  if (size)
    memcpy(out->bytes + out->length, bytes, size);
  out->length += size;
  return JC_OK;
}

static enum jc_status filter(const struct kept *kept, struct jc_bytes bytes, struct filtered *out,
                             struct jc_error *error);

/* A nested message gets a length of five bytes, filled in once it is known. */
static enum jc_status filter_nested(const struct kept_field *known,
                                    const struct jc_wire_field *field, struct filtered *out,
                                    struct jc_error *error) {
  uint8_t head[1 + LENGTH_SIZE] = {(uint8_t)(known->number << 3 | JC_WIRE_BYTES)};
  if (jc_wire_want(field, JC_WIRE_BYTES, known->nested->what, error) != JC_OK ||
      append(out, head, sizeof head, error) != JC_OK)
    return error->status;
  size_t start = out->length;
  if (filter(known->nested, field->bytes, out, error) != JC_OK)
    return error->status;
  size_t length = out->length - start;
  for (size_t i = 0; i < LENGTH_SIZE; i++)
    out->bytes[start - LENGTH_SIZE + i] =
        (uint8_t)((length >> (7 * i) & 0x7f) | (i + 1 < LENGTH_SIZE ? 0x80 : 0));
  return JC_OK;
}

/* Depth is that of the tables above: at most five. */
static enum jc_status filter(const struct kept *kept, struct jc_bytes bytes, struct filtered *out,
                             struct jc_error *error) {
  struct jc_wire wire = jc_wire_open(bytes);
  struct jc_wire_field field;
  while (jc_wire_next(&wire, &field, error)) {
    const struct kept_field *known = NULL;
    for (size_t i = 0; i < MAX_FIELDS && kept->fields[i].number; i++)
      if (kept->fields[i].number == field.number)
        known = &kept->fields[i];
    if (!known)
      continue;
    if (known->text && jc_wire_text(&field, kept->what, error) != JC_OK)
      return error->status;
    if (known->nested)
      (void)filter_nested(known, &field, out, error);
    else
      (void)append(out, field.whole.at, field.whole.size, error);
  }
  return error->status;
}

/* BYTES without what the schema does not know, unpacked; NULL and an error if it is malformed. */
static void *unpack(const struct kept *kept, struct jc_bytes bytes,
                    const ProtobufCMessageDescriptor *descriptor, struct jc_error *error) {
  struct filtered out = {0};
  ProtobufCMessage *message = NULL;
  if (filter(kept, bytes, &out, error) == JC_OK) {
    message = protobuf_c_message_unpack(descriptor, NULL, out.length,
                                        out.bytes ? out.bytes : (const uint8_t *)"");
    if (!message)
      jc_fail(error, JC_ERROR_INVALID, 0, NULL, "byte %llu: %s is malformed",
              (unsigned long long)bytes.offset, kept->what);
  }
  free(out.bytes);
  return message;
}

/* ---- into plain structs ---- */

static const char *copy_text(struct jc_arena *arena, const char *text, struct jc_error *error) {
  return text && *text ? jc_arena_copy(arena, text, strlen(text), error) : "";
}

static const char **copy_names(struct jc_arena *arena, char *const *names, size_t count,
                               struct jc_error *error) {
  const char **copies = jc_arena_take(arena, count, sizeof *copies, error);
  for (size_t i = 0; copies && i < count; i++)
    copies[i] = copy_text(arena, names[i], error);
  return copies;
}

/* What an attribute holds must be what its type says; files of the first ONNX say no type. */
static enum jc_status check_type(const JcOnnx__Attribute *from, struct jc_error *error) {
  const struct {
    bool present;
    int32_t type;
  } held[] = {
      {from->has_f, 1}, {from->has_i, 2}, {from->has_s, 3}, {from->n_floats, 6}, {from->n_ints, 7}};
  for (size_t i = 0; from->type && i < sizeof held / sizeof *held; i++)
    if (held[i].present && held[i].type != from->type)
      return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                     "attribute '%.100s' has type %d, but holds a value of type %d",
                     from->name ? from->name : "", from->type, held[i].type);
  return JC_OK;
}

static enum jc_status copy_attribute(const JcOnnx__Attribute *from, struct jc_arena *arena,
                                     struct jc_onnx_attribute *to, struct jc_error *error) {
  if (check_type(from, error) != JC_OK)
    return error->status;
  to->name = copy_text(arena, from->name, error);
  to->type = from->type;
  to->f = (double)from->f;
  to->i = from->i;
  to->s = from->has_s ? jc_arena_copy(arena, (const char *)from->s.data, from->s.len, error) : "";
  to->int_count = from->n_ints;
  to->float_count = from->n_floats;
  int64_t *ints = jc_arena_take(arena, from->n_ints, sizeof *ints, error);
  double *floats = jc_arena_take(arena, from->n_floats, sizeof *floats, error);
  for (size_t i = 0; ints && i < from->n_ints; i++)
    ints[i] = from->ints[i];
  for (size_t i = 0; floats && i < from->n_floats; i++)
    floats[i] = (double)from->floats[i];
  to->ints = ints;
  to->floats = floats;
  return error->status;
}

/* The tensors that the filter left out, in the order of the attributes. */
static enum jc_status find_tensors(struct jc_bytes bytes, struct jc_arena *arena,
                                   struct jc_onnx_node *node, struct jc_error *error) {
  struct jc_wire wire = jc_wire_open(bytes);
  struct jc_wire_field field, part;
  uint32_t index = 0;
  while (jc_wire_next(&wire, &field, error)) {
    if (field.number != 5)
      continue;
    struct jc_wire attribute = jc_wire_open(field.bytes);
    while (index < node->attribute_count && jc_wire_next(&attribute, &part, error)) {
      struct jc_onnx_attribute *to = &node->attributes[index];
      if (part.number != 5)
        continue;
      struct jc_onnx_tensor *tensor = jc_arena_take(arena, 1, sizeof *tensor, error);
      if (!tensor || jc_wire_want(&part, JC_WIRE_BYTES, "a tensor", error) != JC_OK ||
          jc_onnx_read_tensor(part.bytes, arena, tensor, error) != JC_OK)
        return error->status;
      if (to->type && to->type != 4)
        return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                       "attribute '%.100s' has type %d, but holds a tensor", to->name, to->type);
      to->tensor = tensor;
    }
    index++;
  }
  return error->status;
}

enum jc_status jc_onnx_unpack_node(struct jc_bytes bytes, struct jc_arena *arena,
                                   struct jc_onnx_node *node, struct jc_error *error) {
  JcOnnx__Node *from = unpack(&kept_node, bytes, &jc_onnx__node__descriptor, error);
  if (!from)
    return error->status;
  node->name = copy_text(arena, from->name, error);
  node->op_type = copy_text(arena, from->op_type, error);
  node->domain = copy_text(arena, from->domain, error);
  node->input_count = (uint32_t)from->n_input;
  node->output_count = (uint32_t)from->n_output;
  node->attribute_count = (uint32_t)from->n_attribute;
  node->inputs = copy_names(arena, from->input, from->n_input, error);
  node->outputs = copy_names(arena, from->output, from->n_output, error);
  node->attributes = jc_arena_take(arena, from->n_attribute, sizeof *node->attributes, error);
  for (size_t i = 0; i < from->n_attribute && !jc_error_is_set(error); i++)
    (void)copy_attribute(from->attribute[i], arena, &node->attributes[i], error);
  jc_onnx__node__free_unpacked(from, NULL);
  if (jc_error_is_set(error))
    return error->status;
  return find_tensors(bytes, arena, node, error);
}

static enum jc_status copy_shape(const JcOnnx__TensorShape *from, struct jc_arena *arena,
                                 struct jc_onnx_value_info *info, struct jc_error *error) {
  if (from->n_dim > JC_ONNX_MAX_RANK)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, info->name,
                   "expected at most %d dimensions, got %zu", JC_ONNX_MAX_RANK, from->n_dim);
  info->has_shape = true;
  info->rank = (uint32_t)from->n_dim;
  info->dims = jc_arena_take(arena, from->n_dim, sizeof *info->dims, error);
  for (size_t i = 0; info->dims && i < from->n_dim; i++) {
    const JcOnnx__Dimension *dim = from->dim[i];
    info->dims[i].value = dim->dim_value;
    if (dim->dim_value < 0)
      return jc_fail(error, JC_ERROR_INVALID, 0, info->name,
                     "expected a dimension of 0 or more, got %lld", (long long)dim->dim_value);
    if (dim->dim_param && *dim->dim_param)
      info->dims[i].param = copy_text(arena, dim->dim_param, error);
  }
  return error->status;
}

enum jc_status jc_onnx_unpack_value_info(struct jc_bytes bytes, struct jc_arena *arena,
                                         struct jc_onnx_value_info *info, struct jc_error *error) {
  JcOnnx__ValueInfo *from =
      unpack(&kept_value_info, bytes, &jc_onnx__value_info__descriptor, error);
  if (!from)
    return error->status;
  info->name = copy_text(arena, from->name, error);
  if (from->type && from->type->tensor_type) {
    const JcOnnx__TensorType *type = from->type->tensor_type;
    info->type = type->elem_type;
    if (type->shape)
      (void)copy_shape(type->shape, arena, info, error);
  }
  jc_onnx__value_info__free_unpacked(from, NULL);
  return error->status;
}

enum jc_status jc_onnx_unpack_opset(struct jc_bytes bytes, struct jc_arena *arena,
                                    const char **domain, int64_t *version, struct jc_error *error) {
  JcOnnx__OperatorSetId *from =
      unpack(&kept_opset, bytes, &jc_onnx__operator_set_id__descriptor, error);
  if (!from)
    return error->status;
  *domain = copy_text(arena, from->domain, error);
  *version = from->version;
  jc_onnx__operator_set_id__free_unpacked(from, NULL);
  return error->status;
}
