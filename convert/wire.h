/* wire.h -- the wire format of protocol buffers, read in place: no copy, no heap, no trust.
 *
 *   struct jc_wire wire = jc_wire_open(bytes);
 *   struct jc_wire_field field;
 *   while (jc_wire_next(&wire, &field, error))
 *     switch (field.number) { case 7: ... field.bytes ... }
 *   return error->status;
 *
 * Every length is checked against the enclosing message before it is used. Groups (wire types 3 and
 * 4, which ONNX never had) and the types 6 and 7 are errors. Errors are JC_ERROR_INVALID and carry
 * the offset in the file: "byte 1234: ...". Internal.
 */
#ifndef JC_CONVERT_WIRE_H
#define JC_CONVERT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "estimator/error.h"

/* Borrowed bytes of the file; `offset` is that of the first one. */
struct jc_bytes {
  const uint8_t *at;
  size_t size;
  uint64_t offset;
};

enum jc_wire_type { JC_WIRE_VARINT = 0, JC_WIRE_64 = 1, JC_WIRE_BYTES = 2, JC_WIRE_32 = 5 };

struct jc_wire {
  struct jc_bytes bytes;
  size_t position;
};

struct jc_wire_field {
  uint32_t number;
  enum jc_wire_type type;
  uint64_t value;        /* of a varint, or the bits of a fixed 32 or 64 */
  struct jc_bytes bytes; /* of JC_WIRE_BYTES */
  struct jc_bytes whole; /* tag and all, to be copied */
};

struct jc_wire jc_wire_open(struct jc_bytes bytes);

/* The next field; false at the end, and at an error, which is then set. */
bool jc_wire_next(struct jc_wire *wire, struct jc_wire_field *field, struct jc_error *error);

/* Reads one varint of at most 10 bytes at *POSITION. */
bool jc_wire_varint(const struct jc_bytes *bytes, size_t *position, uint64_t *value,
                    struct jc_error *error);

/* Fails unless FIELD has this type; WHAT names it in the message. */
enum jc_status jc_wire_want(const struct jc_wire_field *field, enum jc_wire_type type,
                            const char *what, struct jc_error *error);

/* Fails unless FIELD is a string without a zero byte inside. */
enum jc_status jc_wire_text(const struct jc_wire_field *field, const char *what,
                            struct jc_error *error);

/* Visits the numbers of a repeated varint field, packed or not: one call per field occurrence. */
enum jc_status jc_wire_numbers(const struct jc_wire_field *field, const char *what,
                               enum jc_status (*visit)(void *state, uint64_t value,
                                                       struct jc_error *error),
                               void *state, struct jc_error *error);

#endif
