/* onnx_values.h -- what is known of a tensor before anything runs: shape with a symbolic batch, and
 * the numbers themselves where they are few.
 *
 * A dimension is a number, or a number times the batch. A tensor has the batch in at most one
 * dimension. Its canonical shape, that of joulecast.model/1, leaves the batch out: n * batch
 * becomes n, and 1 * batch vanishes. Integers that exporters compute shapes with are numbers of the
 * same kind. Internal.
 */
#ifndef JC_CONVERT_ONNX_VALUES_H
#define JC_CONVERT_ONNX_VALUES_H

#include "convert/onnx_graph.h"

enum { JC_ONNX_MAX_DATA = 4096 }; /* numbers kept of a constant tensor */

/* n, or n * batch. */
struct jc_dim {
  int64_t n;
  bool batch;
};

/* One number of a constant tensor. */
struct jc_number {
  int64_t n;
  double real; /* of tensors of reals; n is unused then */
  bool batch;  /* n * batch */
  bool known;
};

enum jc_value_kind {
  JC_VALUE_CONSTANT, /* depends on no weight and no input */
  JC_VALUE_WEIGHT,   /* a learnt tensor of the file, as it is or transposed */
  JC_VALUE_LAYER     /* computed by a layer, or an input of the network */
};

/* rank is UINT32_MAX until the value is defined. */
struct jc_value {
  const char *name;
  enum jc_value_kind kind;
  int32_t type; /* enum jc_onnx_type */
  uint32_t rank;
  struct jc_dim dims[JC_ONNX_MAX_RANK];
  const struct jc_number *data; /* of constants and small weights; NULL: unknown */
  uint32_t tensor;  /* LAYER: see onnx_layers.h; others: JC_NONE until a layer needs it */
  uint32_t weight;  /* WEIGHT: index of the weight */
  bool transposed;  /* WEIGHT of rank 2: read with its dimensions exchanged */
  bool viewed;      /* WEIGHT: read with another shape than the file's */
  uint32_t readers; /* wanted nodes and graph outputs that read it */
  const struct jc_onnx_node *reader; /* one of these nodes */
  bool made, wanted;                 /* a node makes it; an output of the graph depends on it */
  const struct jc_onnx_value_info *declared; /* what the file says of it, or NULL */
};

/* A shape without batch, in model.json's sense. */
struct jc_canonical {
  uint32_t rank;
  int64_t dims[JC_ONNX_MAX_RANK];
};

struct jc_dim jc_dim_of(int64_t n);
bool jc_dims_equal(struct jc_dim a, struct jc_dim b);

/* The dimension that carries the batch, or -1. */
int jc_value_batch_axis(const struct jc_value *value);

struct jc_canonical jc_value_canonical(const struct jc_value *value);
bool jc_canonical_equal(const struct jc_canonical *a, const struct jc_canonical *b);
int64_t jc_canonical_elements(const struct jc_canonical *shape); /* -1: beyond 63 bits */

/* Index of AXIS (0 .. rank - 1) in the canonical shape; -1 if it is the batch that vanishes. */
int jc_value_canonical_axis(const struct jc_value *value, uint32_t axis);

/* Number of elements of a tensor without batch; -1 if it has a batch or too many. */
int64_t jc_value_elements(const struct jc_value *value);

/* "[batch, 3, 224, 2*batch]" into BUFFER, cut to SIZE; returns BUFFER. */
char *jc_value_shape_text(const struct jc_value *value, char *buffer, size_t size);

/* ONNX's broadcasting of A and B into OUT's rank and dims; false if they do not fit. */
bool jc_broadcast(const struct jc_value *a, const struct jc_value *b, struct jc_value *out);

/* The single number of a constant or small weight with one element; false if it is not known. */
bool jc_value_scalar_int(const struct jc_value *value, int64_t *out);
bool jc_value_scalar_real(const struct jc_value *value, double *out);

#endif
