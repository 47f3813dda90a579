/* onnx_lower.h -- from nodes to layers: the state that the handlers of operators share.
 *
 * The graph is walked once, in order. Each node's handler infers the shapes of its outputs and
 * either adds layers, or only gives a tensor another shape, or (if all inputs are constant) leaves
 * a constant. To support another operator: a handler in the onnx_ops_*.c that fits and its line in
 * the table of onnx_table.c. Internal.
 */
#ifndef JC_CONVERT_ONNX_LOWER_H
#define JC_CONVERT_ONNX_LOWER_H

#include "convert/convert.h"
#include "convert/onnx_layers.h"

/* A learnt tensor of the file. */
struct jc_weight {
  const struct jc_onnx_tensor *tensor;
  const char *name;
  bool learnt;           /* some node that is wanted reads it as a parameter */
  uint32_t layer;        /* that holds it as its own weight, or JC_NO_INDEX */
  uint32_t tensor_layer; /* tensor of its `parameter` layer, or JC_NO_INDEX */
};

struct jc_names;

struct jc_lowering {
  struct jc_arena *arena;
  const struct jc_onnx_graph *graph;
  const struct jc_convert_options *options;
  struct jc_error *error;
  struct jc_out_network network;
  int64_t batch_size;                 /* of a file with a fixed batch; 0: symbolic */
  bool dim_used[JC_CONVERT_MAX_LIST]; /* which of options->dims gave a size */

  struct jc_names *names; /* value of each tensor name */
  struct jc_weight *weights;
  uint32_t weight_count;
  uint32_t norm_count, biased_conv_count;
  uint32_t shared_count; /* layers that read another's weights, tables apart */
  char *notes;           /* grows in the arena */
  size_t notes_size, notes_room;

  /* The node at hand. */
  const struct jc_onnx_node *node;
  uint32_t in_count, out_count;
  struct jc_value **in; /* NULL: left out */
  struct jc_value **out;
  bool folding; /* all inputs are constant: no layers */
};

typedef enum jc_status (*jc_handler)(struct jc_lowering *l);

struct jc_operator {
  const char *op_type;
  int min_opset;
  jc_handler handler;
  const char *kind;   /* for handlers that serve several operators; NULL: none */
  uint32_t arguments; /* bit i: input i is an argument, never a parameter */
};

/* ---- onnx_table.c ---- */

const struct jc_operator *jc_operator_find(const char *op_type);

/* ---- onnx_names.c ---- */

/* Whether NAME is what PATTERN says; '*' stands for anything. */
bool jc_name_matches(const char *pattern, const char *name);

/* ---- onnx_lower.c ---- */

/* Makes layers from GRAPH. l->arena, graph, options, error must be set. */
enum jc_status jc_lower(struct jc_lowering *l);

/* Fails at the node at hand: "node '/conv1/Conv' (Conv)" is the error's path. */
#define jc_lower_fail(l_, ...) jc_lower_fail_as(l_, JC_ERROR_INVALID, __VA_ARGS__)
#define jc_lower_fail_as(l_, status_, ...)                                                         \
  (jc_error_is_set((l_)->error)                                                                    \
       ? (l_)->error->status                                                                       \
       : ((void)jc_fail((l_)->error, status_, 0, NULL, __VA_ARGS__), jc_lower_place(l_)))
enum jc_status jc_lower_place(struct jc_lowering *l);

/* Appends a line to the notes. */
__attribute__((format(printf, 2, 3))) void jc_lower_note(struct jc_lowering *l, const char *format,
                                                         ...);

/* Input I of the node, NULL if absent. */
struct jc_value *jc_in(const struct jc_lowering *l, uint32_t i);
/* The same, but absence is an error; then NULL. */
struct jc_value *jc_need(struct jc_lowering *l, uint32_t i);

/* A value of the node's own, not named by the file. */
struct jc_value *jc_new_value(struct jc_lowering *l, const struct jc_value *like);

/* Copies the shape of FROM. */
void jc_shape_like(struct jc_value *to, const struct jc_value *from);

/* The axis attribute or number AXIS of a tensor of RANK, made positive; -1 and an error if it is
 * out of range. */
int jc_axis(struct jc_lowering *l, int64_t axis, uint32_t rank);

/* The model.json dimension of AXIS of VALUE (the batch is 0); 0 and an error for the batch. */
int64_t jc_model_dim(struct jc_lowering *l, const struct jc_value *value, uint32_t axis);

/* The integers of attribute NAME, else of input I; false if neither is there. Fails if they are
 * not known. At most JC_ONNX_MAX_RANK * 2. */
struct jc_ints {
  uint32_t count;
  struct jc_dim value[2 * JC_ONNX_MAX_RANK];
};
bool jc_ints_of(struct jc_lowering *l, const char *name, uint32_t i, struct jc_ints *ints);
/* The same, where the batch among them is an error. */
bool jc_plain_ints_of(struct jc_lowering *l, const char *name, uint32_t i, struct jc_ints *ints);

/* The number of the tensor that a layer computes, or that stands in the file: makes the `parameter`
 * or `constant` layer when it is first needed. */
uint32_t jc_tensor_of(struct jc_lowering *l, struct jc_value *value);

/* Whether VALUE is computed from weights and constants alone: a batch does not multiply it. */
bool jc_is_per_step(const struct jc_lowering *l, const struct jc_value *value);

/* A layer of the node at hand on COUNT tensors; a scratch layer if folding; NULL without memory. */
struct jc_out_layer *jc_emit(struct jc_lowering *l, const char *type, uint32_t count,
                             struct jc_value *const *inputs);
struct jc_out_layer *jc_emit1(struct jc_lowering *l, const char *type, struct jc_value *input);

/* LAYER computes OUT, whose shape is set: the last step of a handler. NULL layers are passed over.
 */
enum jc_status jc_finish(struct jc_lowering *l, struct jc_out_layer *layer, struct jc_value *out);

/* OUT is IN with OUT's own shape: no layer where the canonical shape is the same, else TYPE
 * ("reshape" gets its field). */
enum jc_status jc_view(struct jc_lowering *l, struct jc_value *in, struct jc_value *out);

/* OUT is IN: same numbers, same shape. */
enum jc_status jc_alias(struct jc_value *in, struct jc_value *out);

/* Operand for a broadcasting layer whose result is OUT: drops the dimension of 1 that faces the
 * batch, where model.json would misread it. NULL without memory. */
struct jc_value *jc_facing(struct jc_lowering *l, struct jc_value *operand,
                           const struct jc_value *other, const struct jc_value *out);

/* In a file with a fixed batch, a table that was made for it has the batch in its numbers: where
 * one of *A and *B has the batch and the other its size, the latter is replaced by one row of it.
 * False without memory. */
bool jc_find_batch(struct jc_lowering *l, struct jc_value **a, struct jc_value **b);

/* Ties LAYER's weights (and biases; JC_NO_INDEX: none) to the layer that holds them already. */
enum jc_status jc_hold(struct jc_lowering *l, struct jc_out_layer *layer, uint32_t weight,
                       uint32_t bias);

/* LAYER is called as its weights are in the file: `conv1.weight` -> `conv1`. */
void jc_name_after_weight(struct jc_lowering *l, struct jc_out_layer *layer, uint32_t weight);

/* VALUE is a tensor of the file and nothing but layers' own weights reads it. */
bool jc_is_weight(const struct jc_value *value);

/* ---- onnx_eval.c ---- */

/* Numbers of the node's outputs, where they are few and the inputs' are known. */
enum jc_status jc_evaluate(struct jc_lowering *l);

/* ---- onnx_parameters.c ---- */

/* Finds the learnt tensors of the file and makes values of all its tensors: l->weights. */
enum jc_status jc_find_weights(struct jc_lowering *l, const bool *wanted);

/* Elements of the learnt tensors that wanted nodes read: counted from the file, whatever became of
 * the layers. UINT64_MAX on overflow. */
uint64_t jc_count_parameters(const struct jc_lowering *l);

/* ---- onnx_fuse.c ---- */

/* Recognises what exporters take apart: gelu, silu, roll, ...; refinements only: a pattern that is
 * not recognised is counted all the same, in its parts. Needs the marks of jc_layers_mark(). */
enum jc_status jc_fuse(struct jc_lowering *l);

/* The layer that makes input I of LAYER, if it is of this TYPE (NULL: any) and has no other reader;
 * else NULL. */
struct jc_out_layer *jc_fuse_part(const struct jc_lowering *l, const struct jc_out_layer *layer,
                                  uint32_t i, const char *type);
bool jc_fuse_is(const struct jc_out_layer *layer, const char *type);

/* LAYER becomes one of TYPE, without fields, that reads TENSOR. */
void jc_fuse_into(struct jc_out_layer *layer, const char *type, uint32_t tensor);

/* ---- onnx_fuse_norm.c ---- */

/* Tries the patterns that end, or have their middle, at layer I. */
void jc_fuse_layer_norm(struct jc_lowering *l, uint32_t i);
void jc_fuse_rms_norm(struct jc_lowering *l, uint32_t i);
void jc_fuse_group_norm(struct jc_lowering *l, uint32_t i);
void jc_fuse_normalize(struct jc_lowering *l, uint32_t i);

/* ---- onnx_write.c ---- */

/* The model.json of the layers. To be freed with free(). */
enum jc_status jc_write_model(const struct jc_lowering *l, const char *file, const char *name,
                              uint64_t params, char **text, struct jc_error *error);

/* ---- onnx_names.c ---- */

/* The value called NAME; with MAKE, a new one if there is none. NULL: none, or no memory. */
struct jc_value *jc_names_find(struct jc_lowering *l, const char *name, bool make);

#endif
