/* layers.h -- the layer kinds: one line in a list, one struct of fields, one catalogue block.
 *
 * To add a kind: add its line to JC_LAYER_KINDS, its struct below unless one is there that fits,
 * and a block `kind_NAME` to the family file estimator/kinds_*.h that fits. A line without a block
 * does not compile. The reader, `joulecast list layers`, the JSON Schema test and the "did you
 * mean" message walk the block's field table; the analysis calls its shape and cost functions.
 *
 * Field names are PyTorch's. Shapes omit the batch; dimension arguments count it as 0.
 */
#ifndef JC_ESTIMATOR_LAYERS_H
#define JC_ESTIMATOR_LAYERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "estimator/error.h"

/* X(kind, struct of its fields), in the order of `joulecast list layers`. Kinds that differ in the
 * number of spatial dimensions or in the formula only share a struct. */
#define JC_LAYER_KINDS(X)                                                                          \
  X(conv1d, conv)                                                                                  \
  X(conv2d, conv)                                                                                  \
  X(conv3d, conv)                                                                                  \
  X(conv_transpose1d, conv_transpose)                                                              \
  X(conv_transpose2d, conv_transpose)                                                              \
  X(conv_transpose3d, conv_transpose)                                                              \
  X(linear, linear)                                                                                \
  X(matmul, none)                                                                                  \
  X(multihead_attention, multihead_attention)                                                      \
  X(scaled_dot_product_attention, scaled_dot_product_attention)                                    \
  X(embedding, embedding)                                                                          \
  X(position_embedding, embedding)                                                                 \
  X(parameter, shaped)                                                                             \
  X(constant, shaped)                                                                              \
  X(batchnorm1d, batchnorm)                                                                        \
  X(batchnorm2d, batchnorm)                                                                        \
  X(batchnorm3d, batchnorm)                                                                        \
  X(layernorm, layernorm)                                                                          \
  X(rmsnorm, rmsnorm)                                                                              \
  X(groupnorm, groupnorm)                                                                          \
  X(instancenorm, instancenorm)                                                                    \
  X(normalize, normalize)                                                                          \
  X(relu, none)                                                                                    \
  X(relu6, none)                                                                                   \
  X(leaky_relu, leaky_relu)                                                                        \
  X(prelu, prelu)                                                                                  \
  X(elu, alpha)                                                                                    \
  X(selu, none)                                                                                    \
  X(celu, alpha)                                                                                   \
  X(gelu, gelu)                                                                                    \
  X(silu, none)                                                                                    \
  X(mish, none)                                                                                    \
  X(sigmoid, none)                                                                                 \
  X(logsigmoid, none)                                                                              \
  X(tanh, none)                                                                                    \
  X(hardtanh, hardtanh)                                                                            \
  X(hardsigmoid, none)                                                                             \
  X(hardswish, none)                                                                               \
  X(softplus, none)                                                                                \
  X(softsign, none)                                                                                \
  X(softmax, along)                                                                                \
  X(log_softmax, along)                                                                            \
  X(scale, none)                                                                                   \
  X(exp, none)                                                                                     \
  X(log, none)                                                                                     \
  X(sqrt, none)                                                                                    \
  X(rsqrt, none)                                                                                   \
  X(reciprocal, none)                                                                              \
  X(square, none)                                                                                  \
  X(pow, pow)                                                                                      \
  X(abs, none)                                                                                     \
  X(neg, none)                                                                                     \
  X(sin, none)                                                                                     \
  X(cos, none)                                                                                     \
  X(erf, none)                                                                                     \
  X(clamp, clamp)                                                                                  \
  X(maxpool1d, maxpool)                                                                            \
  X(maxpool2d, maxpool)                                                                            \
  X(maxpool3d, maxpool)                                                                            \
  X(avgpool1d, avgpool)                                                                            \
  X(avgpool2d, avgpool)                                                                            \
  X(avgpool3d, avgpool)                                                                            \
  X(adaptive_avgpool1d, adaptive_pool)                                                             \
  X(adaptive_avgpool2d, adaptive_pool)                                                             \
  X(adaptive_avgpool3d, adaptive_pool)                                                             \
  X(adaptive_maxpool1d, adaptive_pool)                                                             \
  X(adaptive_maxpool2d, adaptive_pool)                                                             \
  X(adaptive_maxpool3d, adaptive_pool)                                                             \
  X(mean, reduction)                                                                               \
  X(sum, reduction)                                                                                \
  X(amax, reduction)                                                                               \
  X(norm, reduction)                                                                               \
  X(add, none)                                                                                     \
  X(sub, none)                                                                                     \
  X(mul, none)                                                                                     \
  X(div, none)                                                                                     \
  X(maximum, none)                                                                                 \
  X(minimum, none)                                                                                 \
  X(masked_fill, none)                                                                             \
  X(concat, along)                                                                                 \
  X(stack, along)                                                                                  \
  X(split, split)                                                                                  \
  X(chunk, chunk)                                                                                  \
  X(slice, slice)                                                                                  \
  X(select, select)                                                                                \
  X(index_select, along)                                                                           \
  X(flatten, flatten)                                                                              \
  X(unflatten, unflatten)                                                                          \
  X(reshape, shaped)                                                                               \
  X(permute, permute)                                                                              \
  X(transpose, transpose)                                                                          \
  X(squeeze, along)                                                                                \
  X(unsqueeze, along)                                                                              \
  X(expand, shaped)                                                                                \
  X(identity, none)                                                                                \
  X(roll, roll)                                                                                    \
  X(pad, pad)                                                                                      \
  X(channel_shuffle, channel_shuffle)                                                              \
  X(pixel_shuffle, pixel_shuffle)                                                                  \
  X(pixel_unshuffle, pixel_unshuffle)                                                              \
  X(upsample, upsample)                                                                            \
  X(dropout, dropout)                                                                              \
  X(stochastic_depth, stochastic_depth)

enum jc_layer_kind {
#define X(name, fields) JC_LAYER_##name,
  JC_LAYER_KINDS(X)
#undef X
      JC_LAYER_KIND_COUNT
};

enum { JC_MAX_RANK = 8 };     /* dimensions of a tensor, without the batch */
enum { JC_MAX_SPATIAL = 3 };  /* of them behind the channels of an image, volume or sequence */
enum { JC_MAX_LIST = 12 };    /* numbers in a list: two per dimension in a pad's */
enum { JC_MAX_VARIANTS = 8 }; /* cost variants of one kind */

#define JC_ANY_INPUTS UINT32_MAX /* no upper limit to a kind's number of inputs */

/* A tensor's shape without the batch. Unused dimensions are 0. */
struct jc_shape {
  uint32_t rank;
  uint32_t dim[JC_MAX_RANK];
};

/* A list of signed numbers, as pad's `padding` and permute's `dims`. */
struct jc_int_list {
  uint32_t count;
  int32_t value[JC_MAX_LIST];
};

/* One number for each spatial dimension, outermost first; h and w are those of an image. A single
 * number in the file fills all. Those beyond the kind's spatial_rank are unused. */
struct jc_extent {
  union {
    uint32_t at[JC_MAX_SPATIAL];
    struct {
      uint32_t h, w;
    };
  };
};

/* Of a convolution: numbers, or "same": as much as keeps the size, the odd one behind. */
struct jc_padding {
  union {
    uint32_t at[JC_MAX_SPATIAL];
    struct {
      uint32_t h, w;
    };
  };
  bool same; /* the numbers are then 0 */
};

struct jc_none {
  char unused; /* ISO C has no empty struct */
};

struct jc_conv {
  uint32_t out_channels;
  struct jc_extent kernel_size;
  struct jc_extent stride;
  struct jc_padding padding;
  struct jc_extent dilation;
  uint32_t groups; /* JC_GROUPS_IN_CHANNELS: as many as input channels (depthwise) */
  bool bias;
};
#define JC_GROUPS_IN_CHANNELS UINT32_MAX

struct jc_conv_transpose {
  uint32_t out_channels;
  struct jc_extent kernel_size;
  struct jc_extent stride;
  struct jc_extent padding;
  struct jc_extent output_padding;
  struct jc_extent dilation;
  uint32_t groups; /* as above */
  bool bias;
};

struct jc_linear {
  uint32_t out_features;
  bool bias;
};

struct jc_multihead_attention {
  uint32_t num_heads;
  bool bias;
  bool causal;
  double dropout;
};

struct jc_scaled_dot_product_attention {
  bool is_causal;
  double dropout_p;
};

struct jc_embedding {
  uint32_t num_embeddings;
  uint32_t embedding_dim;
};

struct jc_shaped {
  struct jc_int_list shape; /* without the batch */
};

struct jc_batchnorm {
  double eps;
  double momentum;
  bool affine;
  bool track_running_stats;
};

struct jc_layernorm {
  uint32_t normalized_dims; /* the last ones */
  double eps;
  bool elementwise_affine;
  bool bias;
};

struct jc_rmsnorm {
  uint32_t normalized_dims;
  double eps;
  bool elementwise_affine;
};

struct jc_groupnorm {
  uint32_t num_groups;
  double eps;
  bool affine;
};

struct jc_instancenorm {
  double eps;
  bool affine;
  bool track_running_stats;
};

struct jc_normalize {
  double p;
  int32_t dim;
};

struct jc_leaky_relu {
  double negative_slope;
};

struct jc_prelu {
  uint32_t num_parameters; /* 1, or one for each channel */
};

struct jc_alpha {
  double alpha;
};

struct jc_gelu {
  uint32_t approximate; /* "none", "tanh" */
};

struct jc_hardtanh {
  double min_val, max_val;
};

struct jc_pow {
  double exponent;
};

struct jc_clamp {
  double min, max;
};

/* A dimension: the batch is 0, negative ones count from the end, jc_dim_index() resolves it. */
struct jc_along {
  int32_t dim;
};

struct jc_maxpool {
  struct jc_extent kernel_size;
  struct jc_extent stride; /* PyTorch's default is kernel_size */
  struct jc_extent padding;
  struct jc_extent dilation;
  bool ceil_mode;
};

struct jc_avgpool {
  struct jc_extent kernel_size;
  struct jc_extent stride; /* as above */
  struct jc_extent padding;
  bool ceil_mode;
  bool count_include_pad;
};

struct jc_adaptive_pool {
  struct jc_extent output_size; /* 0: as the input, PyTorch's None */
};

struct jc_reduction {
  struct jc_int_list dim; /* empty: all but the batch */
  bool keepdim;
};

struct jc_split {
  uint32_t split_size;
  int32_t dim;
  uint32_t index; /* of the piece that is the output */
};

struct jc_chunk {
  uint32_t chunks;
  int32_t dim;
  uint32_t index;
};

struct jc_slice {
  int32_t dim;
  int32_t start, end; /* negative ones count from the end; beyond it is the end */
  uint32_t step;
};

struct jc_select {
  int32_t dim;
  int32_t index; /* negative ones count from the end */
};

struct jc_flatten {
  int32_t start_dim, end_dim;
};

struct jc_unflatten {
  int32_t dim;
  struct jc_int_list unflattened_size;
};

struct jc_permute {
  struct jc_int_list dims; /* with the batch: the first is 0 */
};

struct jc_transpose {
  int32_t dim0, dim1;
};

struct jc_roll {
  struct jc_int_list shifts, dims;
};

struct jc_pad {
  struct jc_int_list padding; /* pairs from the last dimension on; negative crops */
  uint32_t mode;              /* "constant", "reflect", "replicate", "circular" */
  double value;
};

struct jc_channel_shuffle {
  uint32_t groups;
};

struct jc_pixel_shuffle {
  uint32_t upscale_factor;
};

struct jc_pixel_unshuffle {
  uint32_t downscale_factor;
};

struct jc_upsample {
  struct jc_int_list size; /* empty: by scale_factor; one number: of every dimension */
  double scale_factor;     /* 0: by size */
  uint32_t mode;
  bool align_corners;
};

struct jc_dropout {
  double p;
};

struct jc_stochastic_depth {
  double p;
  uint32_t mode; /* "row", "batch" */
};

/* The fields of one layer, by kind: `fields.conv2d.stride.h`. */
union jc_layer_fields {
#define X(name, fields) struct jc_##fields name;
  JC_LAYER_KINDS(X)
#undef X
};

/* ---- the catalogue ---- */

enum jc_field_type {
  JC_FIELD_UINT,     /* uint32_t */
  JC_FIELD_INT,      /* int32_t */
  JC_FIELD_DIM,      /* int32_t: a dimension, not 0 */
  JC_FIELD_BOOL,     /* bool */
  JC_FIELD_REAL,     /* double */
  JC_FIELD_EXTENT,   /* struct jc_extent: a number or a list of spatial_rank numbers */
  JC_FIELD_PADDING,  /* struct jc_padding: the same, or "same" or "valid" */
  JC_FIELD_INT_LIST, /* struct jc_int_list: a list; empty if absent */
  JC_FIELD_INTS,     /* struct jc_int_list: a number or a list; empty if absent */
  JC_FIELD_GROUPS,   /* uint32_t: a number or "in_channels" */
  JC_FIELD_CHOICE    /* uint32_t: one of the field's choices, by its place in them */
};

/* One field of one kind. Ranges are inclusive and hold for every element. */
struct jc_field {
  const char *name;
  enum jc_field_type type;
  uint16_t offset; /* in union jc_layer_fields */
  bool required;
  bool defaults_to_kernel_size; /* pool strides: absent means the kernel's size */
  double minimum, maximum;
  double default_value;       /* of every element; unused if required */
  const char *const *choices; /* of a JC_FIELD_CHOICE, NULL at the end */
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

/* Whether input INDEX has no batch: it is made from parameters and constants only. */
bool jc_view_is_per_step(const struct jc_layer_view *view, uint32_t index);

/* Whether input INDEX needs a gradient; for jc_kind.gradients. */
bool jc_view_needs_grad(const struct jc_layer_view *view, uint32_t index);

/* What input INDEX is if it is an input of the network itself. */
enum jc_network_input { JC_NO_NETWORK_INPUT, JC_FLOAT_INPUT, JC_INTEGER_INPUT };
enum jc_network_input jc_view_network_input(const struct jc_layer_view *view, uint32_t index);

/* How the output lies in memory when a CPU library trains it: in blocks of 16 channels, as fast
 * image code likes it, or plain. The trainer follows the same rules; a fit's layer types tell them
 * apart, since the same layer can be twice as slow in the other order. */
enum jc_layout_rule {
  JC_LAYOUT_PLAIN,    /* computed in plain order */
  JC_LAYOUT_AS_INPUT, /* in the order of its first input */
  JC_LAYOUT_BLOCKS,   /* convolutions: always blocks */
  JC_LAYOUT_FAST,     /* blocks, if the input has them or enough channels to be worth a copy */
  JC_LAYOUT_ANY,      /* in the order of the first input of its shape that is not plain */
  JC_LAYOUT_JOINED,   /* blocks, if any input is not plain and all fill whole ones */
  JC_LAYOUT_TURNED    /* permute: a view where the channels of a plain image were its last */
};

struct jc_kind {
  const char *name;
  const char *summary; /* one line for `joulecast list layers` */
  const struct jc_field *fields;
  uint8_t field_count;
  uint8_t min_inputs;
  uint8_t spatial_rank;  /* numbers in an extent; 0 for kinds that have none */
  uint8_t layout;        /* enum jc_layout_rule */
  uint8_t fused_variant; /* see fuses_into */
  /* Elementwise operations per output element; pooling kinds multiply it by their window, and
   * biases are added by the kinds that have one. */
  uint8_t ops_per_output;
  bool output_per_step; /* its output has no batch whatever its inputs have: a table of weights */
  /* The kind into whose primitive this one is fused when it is the only reader of its output
   * (relu into batchnorm2d); the other then takes its fused_variant. An enum jc_layer_kind; 0,
   * which is never meant: none. So for ties_with. */
  uint8_t fuses_into;
  /* Another kind whose weights, if of the same shape, weight_from may name. */
  uint8_t ties_with;
  uint32_t max_inputs; /* JC_ANY_INPUTS: any number */
  /* Names of further cost variants, whose costs differ by more than FLOPs and bytes
   * ("conv2d.depthwise"), NULL at the end; NULL: the kind itself is the only one. See
   * jc_kind_variant(). */
  const char *const *variants;
  /* Output shape, or the first failure (path: the field or `inputs` at fault). */
  enum jc_status (*shape)(const struct jc_layer_view *view, struct jc_shape *out,
                          struct jc_error *error);
  /* Fills macs, params, buffers, saved tensors and variant of a shaped layer, and corrects
   * elementwise_ops where ops_per_output does not say it all. Called with cost->out and
   * cost->elementwise_ops set; sets cost->overflow instead of wrapping. */
  void (*cost)(const struct jc_layer_view *view, struct jc_cost *cost);
  /* Backward products of a kind with several of them, from jc_view_needs_grad() and
   * cost->trains_weights; NULL: data_macs if any input needs a gradient, weight_macs if the weights
   * are trained. */
  void (*gradients)(const struct jc_layer_view *view, struct jc_cost *cost);
};

/* The block of a kind; never NULL for kind < JC_LAYER_KIND_COUNT. */
const struct jc_kind *jc_kind_get(enum jc_layer_kind kind);

/* Name of cost variant INDEX < JC_MAX_VARIANTS: the kind's own for 0; NULL beyond the last. */
const char *jc_kind_variant(const struct jc_kind *kind, uint32_t index);

/* Finds a kind by its name, case-sensitive. Returns JC_LAYER_KIND_COUNT if there is none. */
enum jc_layer_kind jc_kind_find(const char *name);

/* The index in a shape of RANK dimensions that a `dim` names (the batch is 0, negative from the
 * end); UINT32_MAX if it names none. */
uint32_t jc_dim_index(uint32_t rank, int32_t dim);

/* Padding of spatial dimension I of a convolution, before and behind. */
void jc_conv_padding(const struct jc_conv *conv, uint32_t i, uint64_t *before, uint64_t *behind);

/* Writes "64x16x16" (a scalar: "1") into BUFFER and returns it. 90 bytes always suffice. */
char *jc_shape_format(const struct jc_shape *shape, char *buffer, size_t size);

/* Elements of one sample. Shapes of an analysed network never overflow. */
uint64_t jc_shape_elements(const struct jc_shape *shape);

bool jc_shape_equal(const struct jc_shape *a, const struct jc_shape *b);

/* Closest of the NAMES to WORD by edit distance, or NULL if nothing is near. */
const char *jc_closest_name(const char *word, const char *const *names, size_t count);

#endif
