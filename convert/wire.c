/* wire.c -- tags, varints and lengths, each checked against the bytes that are there. */
#include "convert/wire.h"

#include <string.h>

enum { MAX_VARINT = 10 };

static enum jc_status fail_at(const struct jc_bytes *bytes, size_t position, const char *text,
                              struct jc_error *error) {
  return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "byte %llu: %s",
                 (unsigned long long)(bytes->offset + position), text);
}

struct jc_wire jc_wire_open(struct jc_bytes bytes) {
  return (struct jc_wire){bytes, 0};
}

bool jc_wire_varint(const struct jc_bytes *bytes, size_t *position, uint64_t *value,
                    struct jc_error *error) {
  uint64_t result = 0;
  for (size_t i = 0; i < MAX_VARINT; i++) {
    if (*position + i >= bytes->size) {
      fail_at(bytes, *position, "the file ends inside a number", error);
      return false;
    }
    uint8_t byte = bytes->at[*position + i];
    if (i == MAX_VARINT - 1 && byte > 1)
      break;
    result |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (!(byte & 0x80)) {
      *position += i + 1;
      *value = result;
      return true;
    }
  }
  fail_at(bytes, *position, "expected a number of at most 64 bits", error);
  return false;
}

static bool take_fixed(struct jc_wire *wire, size_t size, struct jc_wire_field *field,
                       struct jc_error *error) {
  if (wire->bytes.size - wire->position < size) {
    fail_at(&wire->bytes, wire->position, "the file ends inside a number", error);
    return false;
  }
  field->value = 0;
  for (size_t i = 0; i < size; i++)
    field->value |= (uint64_t)wire->bytes.at[wire->position + i] << (8 * i);
  wire->position += size;
  return true;
}

static bool take_bytes(struct jc_wire *wire, struct jc_wire_field *field, struct jc_error *error) {
  uint64_t length;
  size_t start = wire->position;
  if (!jc_wire_varint(&wire->bytes, &wire->position, &length, error))
    return false;
  size_t left = wire->bytes.size - wire->position;
  if (length > left) {
    jc_fail(error, JC_ERROR_INVALID, 0, NULL,
            "byte %llu: field %u is %llu bytes long, but its message ends after %zu: the file is "
            "cut off or damaged",
            (unsigned long long)(wire->bytes.offset + start), field->number,
            (unsigned long long)length, left);
    return false;
  }
  field->bytes = (struct jc_bytes){wire->bytes.at + wire->position, (size_t)length,
                                   wire->bytes.offset + wire->position};
  wire->position += (size_t)length;
  return true;
}

bool jc_wire_next(struct jc_wire *wire, struct jc_wire_field *field, struct jc_error *error) {
  if (jc_error_is_set(error) || wire->position >= wire->bytes.size)
    return false;
  size_t start = wire->position;
  uint64_t tag;
  if (!jc_wire_varint(&wire->bytes, &wire->position, &tag, error))
    return false;
  *field = (struct jc_wire_field){.number = (uint32_t)(tag >> 3), .type = tag & 7};
  if (tag > UINT32_MAX || field->number == 0) {
    fail_at(&wire->bytes, start, "expected the tag of a field: this is no ONNX file, or damaged",
            error);
    return false;
  }
  bool taken;
  switch ((int)field->type) {
  case JC_WIRE_VARINT:
    taken = jc_wire_varint(&wire->bytes, &wire->position, &field->value, error);
    break;
  case JC_WIRE_64:
    taken = take_fixed(wire, 8, field, error);
    break;
  case JC_WIRE_BYTES:
    taken = take_bytes(wire, field, error);
    break;
  case JC_WIRE_32:
    taken = take_fixed(wire, 4, field, error);
    break;
  default:
    fail_at(&wire->bytes, start, "unknown wire type: this is no ONNX file, or damaged", error);
    taken = false;
  }
  field->whole =
      (struct jc_bytes){wire->bytes.at + start, wire->position - start, wire->bytes.offset + start};
  return taken;
}

enum jc_status jc_wire_want(const struct jc_wire_field *field, enum jc_wire_type type,
                            const char *what, struct jc_error *error) {
  if (field->type == type)
    return error->status;
  return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                 "byte %llu: %s has the wrong wire type %d: this is no ONNX file, or damaged",
                 (unsigned long long)field->whole.offset, what, (int)field->type);
}

enum jc_status jc_wire_text(const struct jc_wire_field *field, const char *what,
                            struct jc_error *error) {
  if (jc_wire_want(field, JC_WIRE_BYTES, what, error) != JC_OK)
    return error->status;
  if (field->bytes.size && memchr(field->bytes.at, 0, field->bytes.size))
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "byte %llu: %s has a zero byte inside",
                   (unsigned long long)field->whole.offset, what);
  return JC_OK;
}

enum jc_status jc_wire_numbers(const struct jc_wire_field *field, const char *what,
                               enum jc_status (*visit)(void *state, uint64_t value,
                                                       struct jc_error *error),
                               void *state, struct jc_error *error) {
  if (field->type == JC_WIRE_VARINT)
    return visit(state, field->value, error);
  if (jc_wire_want(field, JC_WIRE_BYTES, what, error) != JC_OK)
    return error->status;
  size_t position = 0;
  while (position < field->bytes.size) {
    uint64_t value;
    if (!jc_wire_varint(&field->bytes, &position, &value, error) ||
        visit(state, value, error) != JC_OK)
      return error->status;
  }
  return JC_OK;
}
