/* layers.h -- the layer kinds: one line in a list, one struct of fields, one catalogue block.
 *
 * To add a kind: add its line to JC_LAYER_KINDS, its struct below, and a block `kind_NAME` to the
 * family file estimator/kinds_*.h that fits. A line without a block does not compile. The reader,
 * `joulecast list layers`, the JSON Schema test and the "did you mean" message walk the block's
 * field table; the analysis calls its shape and cost functions.
 *
 * Field names are PyTorch's. Shapes omit the batch; dimension arguments count it as 0.
 */
#ifndef JC_ESTIMATOR_LAYERS_H
#define JC_ESTIMATOR_LAYERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "estimator/error.h"

/* The order is that of `joulecast list layers`. */
#define JC_LAYER_KINDS(X)                                                                          \
  X(conv2d)                                                                                        \
  X(linear)                                                                                        \
  X(batchnorm2d)                                                                                   \
  X(relu)                                                                                          \
  X(relu6)                                                                                         \
  X(maxpool2d)                                                                                     \
  X(avgpool2d)                                                                                     \
  X(adaptive_avgpool2d)                                                                            \
  X(flatten)                                                                                       \
  X(dropout)                                                                                       \
  X(add)                                                                                           \
  X(concat)                                                                                        \
  X(pad)                                                                                           \
  X(softmax)

enum jc_layer_kind {
#define X(name) JC_LAYER_##name,
  JC_LAYER_KINDS(X)
#undef X
      JC_LAYER_KIND_COUNT
};

enum { JC_MAX_RANK = 6 };     /* dimensions of a tensor, without the batch */
enum { JC_MAX_PADDING = 12 }; /* numbers in a pad list: two per dimension */
enum { JC_MAX_VARIANTS = 8 }; /* cost variants of one kind */

/* A tensor's shape without the batch. Unused dimensions are 0. */
struct jc_shape {
  uint32_t rank;
  uint32_t dim[JC_MAX_RANK];
};

/* A list of signed numbers, as in pad's `padding`. */
struct jc_int_list {
  uint32_t count;
  int32_t value[JC_MAX_PADDING];
};

/* Height then width, as PyTorch's (h, w). A single number in the file fills both. */
struct jc_pair {
  uint32_t h, w;
};

struct jc_conv2d {
  uint32_t out_channels;
  struct jc_pair kernel_size;
  struct jc_pair stride;
  struct jc_pair padding;
  struct jc_pair dilation;
  uint32_t groups; /* JC_GROUPS_IN_CHANNELS: as many as input channels (depthwise) */
  bool bias;
};
#define JC_GROUPS_IN_CHANNELS UINT32_MAX

struct jc_linear {
  uint32_t out_features;
  bool bias;
};

struct jc_batchnorm2d {
  double eps;
  double momentum;
  bool affine;
};

struct jc_relu {
  char unused; /* ISO C has no empty struct */
};

struct jc_relu6 {
  char unused;
};

struct jc_maxpool2d {
  struct jc_pair kernel_size;
  struct jc_pair stride; /* {0, 0} until resolved: PyTorch's default is kernel_size */
  struct jc_pair padding;
  struct jc_pair dilation;
  bool ceil_mode;
};

struct jc_avgpool2d {
  struct jc_pair kernel_size;
  struct jc_pair stride; /* as above */
  struct jc_pair padding;
  bool ceil_mode;
  bool count_include_pad;
};

struct jc_adaptive_avgpool2d {
  struct jc_pair output_size;
};

struct jc_flatten {
  char unused;
};

struct jc_dropout {
  double p;
};

struct jc_add {
  char unused;
};

struct jc_concat {
  uint32_t dim; /* the batch is 0, so at least 1 */
};

struct jc_pad {
  struct jc_int_list padding; /* pairs from the last dimension on; negative crops */
  double value;
};

struct jc_softmax {
  uint32_t dim; /* as concat's */
};

/* The fields of one layer, by kind: `fields.conv2d.stride.h`. */
union jc_layer_fields {
#define X(name) struct jc_##name name;
  JC_LAYER_KINDS(X)
#undef X
};

/* ---- the catalogue ---- */

enum jc_field_type {
  JC_FIELD_UINT,     /* uint32_t */
  JC_FIELD_BOOL,     /* bool */
  JC_FIELD_REAL,     /* double */
  JC_FIELD_PAIR,     /* struct jc_pair: a number or [h, w] */
  JC_FIELD_INT_LIST, /* struct jc_int_list */
  JC_FIELD_GROUPS    /* uint32_t: a number or "in_channels" */
};

/* One field of one kind. Ranges are inclusive and hold for every element. */
struct jc_field {
  const char *name;
  enum jc_field_type type;
  uint16_t offset; /* in union jc_layer_fields */
  bool required;
  bool defaults_to_kernel_size; /* pool strides: absent means the kernel's size */
  double minimum, maximum;
  double default_value; /* of every element; unused if required */
  const char *help;
};

struct jc_layer;
struct jc_cost;

struct jc_analysis;

/* Where a kind's functions find a layer's surroundings: jc_view_input() for its inputs' shapes. */
struct jc_layer_view {
  const struct jc_layer *layer;
  const struct jc_analysis *analysis;
  uint32_t input_count;
};

/* Shape of input INDEX < input_count. */
const struct jc_shape *jc_view_input(const struct jc_layer_view *view, uint32_t index);

struct jc_kind {
  const char *name;
  const char *summary; /* one line for `joulecast list layers` */
  const struct jc_field *fields;
  uint32_t field_count;
  uint32_t min_inputs, max_inputs; /* max 0: any number */
  /* Names of cost variants, whose costs differ by more than FLOPs and bytes ("conv2d.depthwise");
   * variant 0 is the kind itself. */
  const char *variants[JC_MAX_VARIANTS];
  /* The kind into whose primitive this one is fused when it is the only reader of its output
   * (relu into batchnorm2d), NULL: none; the other then takes its fused_variant. */
  const struct jc_kind *fuses_into;
  uint8_t fused_variant;
  /* Elementwise operations per output element; pooling kinds multiply it by their window, and
   * biases are added by the kinds that have one. */
  uint32_t ops_per_output;
  /* Output shape, or the first failure (path: the field or `inputs` at fault). */
  enum jc_status (*shape)(const struct jc_layer_view *view, struct jc_shape *out,
                          struct jc_error *error);
  /* Fills macs, params, buffers, saved tensors and variant of a shaped layer, and corrects
   * elementwise_ops where ops_per_output does not say it all. Called with cost->out and
   * cost->elementwise_ops set; sets cost->overflow instead of wrapping. */
  void (*cost)(const struct jc_layer_view *view, struct jc_cost *cost);
};

/* The block of a kind; never NULL for kind < JC_LAYER_KIND_COUNT. */
const struct jc_kind *jc_kind_get(enum jc_layer_kind kind);

/* Finds a kind by its name, case-sensitive. Returns JC_LAYER_KIND_COUNT if there is none. */
enum jc_layer_kind jc_kind_find(const char *name);

/* Writes "64x16x16" (a scalar: "1") into BUFFER and returns it. 70 bytes always suffice. */
char *jc_shape_format(const struct jc_shape *shape, char *buffer, size_t size);

/* Elements of one sample. Shapes of an analysed network never overflow. */
uint64_t jc_shape_elements(const struct jc_shape *shape);

bool jc_shape_equal(const struct jc_shape *a, const struct jc_shape *b);

/* Closest of the NAMES to WORD by edit distance, or NULL if nothing is near. */
const char *jc_closest_name(const char *word, const char *const *names, size_t count);

#endif
