/* onnx_graph.h -- an ONNX file as plain data: nodes and shapes copied, tensors left in the file.
 *
 * Nodes, attributes and value infos are unpacked by protobuf-c (onnx_proto.c, the only user), from
 * copies without the tensors inside them; everything else is walked in place (wire.h). So memory
 * grows with the number of nodes, never with the size of a tensor. The bytes must outlive the
 * graph. Internal.
 */
#ifndef JC_CONVERT_ONNX_GRAPH_H
#define JC_CONVERT_ONNX_GRAPH_H

#include "convert/arena.h"
#include "convert/wire.h"

enum {
  JC_ONNX_MAX_RANK = 16,      /* dimensions of a tensor, with the batch */
  JC_ONNX_MAX_NODE = 1 << 24, /* bytes of a node without its tensors */
  JC_ONNX_MIN_OPSET = 9,
  JC_ONNX_MAX_OPSET = 20
};

/* Element types that are told apart; numbers of TensorProto.DataType. */
enum jc_onnx_type {
  JC_ONNX_FLOAT = 1,
  JC_ONNX_INT32 = 6,
  JC_ONNX_INT64 = 7,
  JC_ONNX_STRING = 8,
  JC_ONNX_BOOL = 9,
  JC_ONNX_FLOAT16 = 10,
  JC_ONNX_DOUBLE = 11,
  JC_ONNX_BFLOAT16 = 16
};

struct jc_onnx_tensor {
  const char *name; /* "" for one inside an attribute */
  int32_t type;     /* enum jc_onnx_type, or another of ONNX's */
  uint32_t rank;
  int64_t dims[JC_ONNX_MAX_RANK]; /* 0 or more */
  uint64_t elements;              /* product of the dimensions */
  bool external;                  /* the numbers are in another file, which is not read */
  struct jc_bytes message;        /* to read small data from */
};

struct jc_onnx_attribute {
  const char *name;
  int32_t
      type; /* AttributeProto.AttributeType: 1 f, 2 i, 3 s, 4 tensor, 5 graph, 6 floats, 7 ints */
  double f;
  int64_t i;
  const char *s;
  size_t float_count, int_count;
  const double *floats;
  const int64_t *ints;
  const struct jc_onnx_tensor *tensor; /* NULL: none */
};

struct jc_onnx_node {
  const char *name, *op_type, *domain; /* never NULL */
  uint32_t input_count, output_count, attribute_count;
  const char **inputs, **outputs; /* "": left out */
  struct jc_onnx_attribute *attributes;
};

struct jc_onnx_dim {
  const char *param; /* "batch"; NULL: `value` counts, or nothing is known if that is 0 */
  int64_t value;
};

struct jc_onnx_value_info {
  const char *name;
  int32_t type; /* enum jc_onnx_type; 0: no tensor, or unknown */
  bool has_shape;
  uint32_t rank;
  struct jc_onnx_dim *dims;
};

struct jc_onnx_graph {
  const char *producer, *producer_version, *name; /* never NULL */
  int64_t opset;                                  /* of ONNX's own operators */
  uint32_t node_count, initializer_count, input_count, output_count, value_info_count;
  struct jc_onnx_node *nodes;
  struct jc_onnx_tensor *initializers;
  struct jc_onnx_value_info *inputs, *outputs, *value_infos;
};

/* Reads BYTES into GRAPH, with copies in ARENA. Everything that the wire says twice must agree: a
 * tensor's shape and the length of its data. Fails with JC_ERROR_INVALID, JC_ERROR_OVERFLOW,
 * JC_ERROR_STORAGE, and JC_ERROR_MISMATCH for an opset out of range. */
enum jc_status jc_onnx_read(struct jc_bytes bytes, struct jc_arena *arena,
                            struct jc_onnx_graph *graph, struct jc_error *error);

/* Reads one TensorProto. */
enum jc_status jc_onnx_read_tensor(struct jc_bytes bytes, struct jc_arena *arena,
                                   struct jc_onnx_tensor *tensor, struct jc_error *error);

/* Copies the numbers of a tensor of integers or booleans into INTS, or of reals into REALS
 * (tensor->elements of them; the other may be NULL). False if it has a type that is not decoded, or
 * its data are external. */
bool jc_onnx_tensor_is_float(int32_t type);
bool jc_onnx_tensor_ints(const struct jc_onnx_tensor *tensor, int64_t *ints);
bool jc_onnx_tensor_reals(const struct jc_onnx_tensor *tensor, double *reals);

/* The attribute called NAME; NULL if absent. */
const struct jc_onnx_attribute *jc_onnx_attribute(const struct jc_onnx_node *node,
                                                  const char *name);
int64_t jc_onnx_int(const struct jc_onnx_node *node, const char *name, int64_t otherwise);
double jc_onnx_real(const struct jc_onnx_node *node, const char *name, double otherwise);
const char *jc_onnx_text(const struct jc_onnx_node *node, const char *name, const char *otherwise);

/* ---- onnx_proto.c ---- */

enum jc_status jc_onnx_unpack_node(struct jc_bytes bytes, struct jc_arena *arena,
                                   struct jc_onnx_node *node, struct jc_error *error);
enum jc_status jc_onnx_unpack_value_info(struct jc_bytes bytes, struct jc_arena *arena,
                                         struct jc_onnx_value_info *info, struct jc_error *error);
/* DOMAIN is copied into the arena. */
enum jc_status jc_onnx_unpack_opset(struct jc_bytes bytes, struct jc_arena *arena,
                                    const char **domain, int64_t *version, struct jc_error *error);

#endif
