/* onnx_layers.h -- the layers that a graph becomes, before they are written. Internal. */
#ifndef JC_CONVERT_ONNX_LAYERS_H
#define JC_CONVERT_ONNX_LAYERS_H

#include "convert/onnx_values.h"

#define JC_NO_INDEX UINT32_MAX

enum { JC_OUT_MAX_FIELDS = 9 };

enum jc_out_field_type { JC_OUT_INT, JC_OUT_REAL, JC_OUT_BOOL, JC_OUT_TEXT, JC_OUT_LIST };

struct jc_out_field {
  const char *key;
  enum jc_out_field_type type;
  int64_t number; /* JC_OUT_INT, JC_OUT_BOOL */
  double real;
  const char *text;
  uint32_t count; /* JC_OUT_LIST */
  int64_t list[2 * JC_ONNX_MAX_RANK];
};

struct jc_out_layer {
  const char *type;                /* kind of joulecast.model/1; NULL: merged into another layer */
  const char *name;                /* legal and unique once jc_layers_name() has run */
  const struct jc_onnx_node *node; /* it comes from; NULL: made for a tensor of the file */
  uint32_t input_count;
  uint32_t *inputs; /* tensors: a network input, or input_count of the network + layer */
  uint32_t field_count;
  struct jc_out_field fields[JC_OUT_MAX_FIELDS];
  uint32_t weight, bias;  /* learnt tensors of the file that it holds, or JC_NO_INDEX */
  uint32_t weight_from;   /* layer, or JC_NO_INDEX */
  bool weight_transposed; /* a linear layer's weights stand as [in, out] in the file */
  bool per_step;          /* made from weights and constants only: no batch */
  const struct jc_onnx_node *absorbed; /* addition of the bias, done by this layer; or NULL */
  struct jc_canonical shape;           /* of its output, by our own inference */
  bool wanted;                         /* an output of the network depends on it */
  bool in_forward;                     /* ... one that is no training-only head */
  uint32_t readers;                    /* layers and outputs, counted by jc_layers_mark() */
  uint32_t reader;                     /* one of these layers, or JC_NO_INDEX */
  double scalar;                       /* of a `scale`: the number added or multiplied */
};

struct jc_out_network {
  uint32_t input_count;
  struct jc_value **inputs; /* in the file's order */
  uint32_t layer_count, layer_capacity;
  struct jc_out_layer **layers;
  uint32_t output_count;
  uint32_t *outputs; /* tensors */
  bool *training_only;
};

/* A new layer at the end, or NULL without memory. */
struct jc_out_layer *jc_layers_add(struct jc_out_network *network, struct jc_arena *arena,
                                   const char *type, uint32_t input_count, struct jc_error *error);

void jc_layer_int(struct jc_out_layer *layer, const char *key, int64_t value);
void jc_layer_real(struct jc_out_layer *layer, const char *key, double value);
void jc_layer_bool(struct jc_out_layer *layer, const char *key, bool value);
void jc_layer_text(struct jc_out_layer *layer, const char *key, const char *value);
void jc_layer_list(struct jc_out_layer *layer, const char *key, const int64_t *values,
                   uint32_t count);
/* A number where all COUNT values are equal, else a list. */
void jc_layer_extent(struct jc_out_layer *layer, const char *key, const int64_t *values,
                     uint32_t count);

/* The field called KEY, or NULL. */
struct jc_out_field *jc_layer_field(struct jc_out_layer *layer, const char *key);

/* The layer that makes TENSOR, or NULL for an input of the network. */
struct jc_out_layer *jc_layers_of(const struct jc_out_network *network, uint32_t tensor);

/* Marks what the outputs need: wanted, in_forward, readers. */
void jc_layers_mark(struct jc_out_network *network);

/* Gives every wanted layer its final name. */
enum jc_status jc_layers_name(struct jc_out_network *network, struct jc_arena *arena,
                              struct jc_error *error);

/* A legal form of an ONNX name, `/layer1/layer1.0/conv1/Conv` -> `layer1.0.conv1.Conv`. */
char *jc_legal_name(struct jc_arena *arena, const char *name, struct jc_error *error);

#endif
