/* onednn.h -- the one door to oneDNN: layouts and primitives, nothing of dnnl.h shows through.
 *
 *   layout     how a tensor lies in memory, its batch included. Interned: two layouts are the same
 *              exactly if their pointers are
 *   primitive  one computation on tensors of fixed layouts; bound to addresses once, then run
 *
 * Both belong to the struct jc_dnn they were made with and die with it. A maker returns NULL and
 * fills ERROR when it fails, and at once if ERROR holds a failure already, so that a sequence of
 * makers needs one check at its end. Queries accept NULL and answer NULL, 0 or "".
 */
#ifndef JC_TRAINER_ONEDNN_H
#define JC_TRAINER_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "estimator/error.h"

struct jc_dnn;
struct jc_layout;
struct jc_primitive;

enum { JC_DNN_MAX_RANK = 8 };

/* Tensors a primitive reads or writes. */
enum jc_arg {
  JC_ARG_SOURCE,
  JC_ARG_DESTINATION,
  JC_ARG_WEIGHTS,
  JC_ARG_BIAS,
  JC_ARG_MEAN,
  JC_ARG_VARIANCE,
  JC_ARG_SCALE,
  JC_ARG_SHIFT,
  JC_ARG_WORKSPACE,
  JC_ARG_SCRATCHPAD,
  JC_ARG_SOURCE_GRADIENT,
  JC_ARG_DESTINATION_GRADIENT,
  JC_ARG_WEIGHTS_GRADIENT,
  JC_ARG_BIAS_GRADIENT,
  JC_ARG_SCALE_GRADIENT,
  JC_ARG_SHIFT_GRADIENT,
  JC_ARG_PART /* the i-th tensor of a concatenation: JC_ARG_PART + i */
};

/* Version of the library in use, "2.6.3". */
const char *jc_dnn_version(void);

/* Primitives are specialised to the number of threads: set it before, see parallel.h. */
struct jc_dnn *jc_dnn_create(struct jc_error *error);
void jc_dnn_destroy(struct jc_dnn *dnn);

/* ---- layouts ---- */

/* Row-major fp32 tensor of RANK (1 to JC_DNN_MAX_RANK) dimensions. */
const struct jc_layout *jc_layout_plain(struct jc_dnn *dnn, uint32_t rank, const int64_t *dims,
                                        struct jc_error *error);
/* The layout in which oneDNN's fast code likes images of DIMS [batch, channels, height, width]. */
const struct jc_layout *jc_layout_fast(struct jc_dnn *dnn, const int64_t dims[4],
                                       struct jc_error *error);
/* The block of DIMS at OFFSETS inside a tensor of layout WHOLE, addressed from WHOLE's start. NULL
 * without an error if the layout cannot express it (a block boundary inside). */
const struct jc_layout *jc_layout_part(struct jc_dnn *dnn, const struct jc_layout *whole,
                                       const int64_t *dims, const int64_t *offsets,
                                       struct jc_error *error);
/* The same memory with dimension ORDER[i] of LAYOUT as dimension i. */
const struct jc_layout *jc_layout_permuted(struct jc_dnn *dnn, const struct jc_layout *layout,
                                           const uint32_t *order, struct jc_error *error);
/* Bytes including the zeros that fill the last block up. */
size_t jc_layout_bytes(const struct jc_layout *layout);
/* "nchw", "nhwc", "nChw16c", "nc", ...; letters a, b, c, ... where the rank is neither 2 nor 4. */
const char *jc_layout_name(const struct jc_layout *layout);

/* How own loops see a tensor [batch, channels, ...], its last dimensions counted as pixels:
 * channels lie in `blocks` groups of `block` neighbours, the last filled up with zeros that must
 * stay zeros. Element (n, c, p) is number ((n * blocks + c / block) * pixels + p) * block + c %
 * block. */
struct jc_image {
  size_t batch, channels, pixels;
  size_t block, blocks; /* nchw: 1, channels; nChw16c: 16, ...; nhwc: channels, 1 */
};

/* False if LAYOUT, of rank 2 or more, lies in no such order; a plain one always does. */
bool jc_layout_image(const struct jc_layout *layout, struct jc_image *image);

/* ---- primitives ---- */

enum jc_pass {
  JC_PASS_FORWARD,
  JC_PASS_VALIDATION, /* batch normalisation by given statistics */
  JC_PASS_BACKWARD,
  JC_PASS_BACKWARD_DATA, /* where data and weights have passes of their own */
  JC_PASS_BACKWARD_WEIGHTS
};

/* A sliding window, height then width. Padding AFTER may be negative: rows never read. */
struct jc_dnn_window {
  int64_t kernel[2], stride[2], dilation[2], before[2], after[2];
};

/* The makers below take the FORWARD primitive for a backward pass, NULL otherwise. */

/* All layouts are oneDNN's choice: ask jc_primitive_layout(). Weights of grouped convolutions are
 * [groups, out/groups, in/groups, h, w], which is PyTorch's order in memory. */
struct jc_dnn_conv {
  int64_t batch, groups;
  int64_t in[3], out[3]; /* channels, height, width */
  struct jc_dnn_window window;
  bool bias;
};

struct jc_primitive *jc_dnn_conv(struct jc_dnn *dnn, const struct jc_dnn_conv *conv,
                                 enum jc_pass pass, const struct jc_primitive *forward,
                                 struct jc_error *error);

/* Source and destination are plain [rows, features]; weights [out, in] in oneDNN's choice. */
struct jc_dnn_linear {
  int64_t rows, in, out;
  bool bias;
};

struct jc_primitive *jc_dnn_linear(struct jc_dnn *dnn, const struct jc_dnn_linear *linear,
                                   enum jc_pass pass, const struct jc_primitive *forward,
                                   struct jc_error *error);

/* Mean and variance are written forward, read in validation and backward. Backward writes the
 * gradients of scale and shift if AFFINE. */
struct jc_dnn_batchnorm {
  const struct jc_layout *layout; /* of source and destination */
  double eps;
  bool affine;
  bool relu; /* clips negative outputs to 0 and keeps the mask in the workspace */
};

struct jc_primitive *jc_dnn_batchnorm(struct jc_dnn *dnn, const struct jc_dnn_batchnorm *norm,
                                      enum jc_pass pass, const struct jc_primitive *forward,
                                      struct jc_error *error);

/* Of each row of a plain tensor [rows, length]. Mean and variance [rows] as above; the flags say
 * which parameters there are, of which backward writes the gradients. */
struct jc_dnn_layernorm {
  int64_t rows, length;
  double eps;
  bool scale, shift;
};

struct jc_primitive *jc_dnn_layernorm(struct jc_dnn *dnn, const struct jc_dnn_layernorm *norm,
                                      enum jc_pass pass, const struct jc_primitive *forward,
                                      struct jc_error *error);

enum jc_dnn_pooling {
  JC_POOLING_MAX,
  JC_POOLING_MEAN_INSIDE, /* divides by the elements inside the input */
  JC_POOLING_MEAN_WINDOW  /* divides by the whole window */
};

struct jc_dnn_pool {
  enum jc_dnn_pooling pooling;
  const struct jc_layout *in; /* the destination's layout is oneDNN's choice */
  int64_t out[4];             /* batch, channels, height, width */
  struct jc_dnn_window window;
};

struct jc_primitive *jc_dnn_pool(struct jc_dnn *dnn, const struct jc_dnn_pool *pool,
                                 enum jc_pass pass, const struct jc_primitive *forward,
                                 struct jc_error *error);

/* Functions of one element. The backward of those marked reads the destination, of the others the
 * source. */
enum jc_dnn_function {
  JC_FUNCTION_RELU,    /* destination */
  JC_FUNCTION_RELU6,   /* destination */
  JC_FUNCTION_SIGMOID, /* destination */
  JC_FUNCTION_SILU,
  JC_FUNCTION_HARDSWISH,
  JC_FUNCTION_GELU,
  JC_FUNCTION_GELU_TANH
};

struct jc_primitive *jc_dnn_elementwise(struct jc_dnn *dnn, enum jc_dnn_function function,
                                        const struct jc_layout *layout, enum jc_pass pass,
                                        const struct jc_primitive *forward, struct jc_error *error);

/* Channels seen as [groups, channels/groups] become [channels/groups, groups], as PyTorch's
 * channel_shuffle does. Backward: of the gradients, the other way. */
struct jc_primitive *jc_dnn_shuffle(struct jc_dnn *dnn, const struct jc_layout *layout,
                                    int64_t groups, enum jc_pass pass,
                                    const struct jc_primitive *forward, struct jc_error *error);

/* Joins COUNT tensors of layouts PARTS along DIM. */
struct jc_primitive *jc_dnn_concat(struct jc_dnn *dnn, uint32_t dim, uint32_t count,
                                   const struct jc_layout *const *parts,
                                   const struct jc_layout *whole, struct jc_error *error);

/* Copies a tensor from one layout into another. */
struct jc_primitive *jc_dnn_reorder(struct jc_dnn *dnn, const struct jc_layout *from,
                                    const struct jc_layout *to, struct jc_error *error);

/* The layout PRIMITIVE expects of an argument; NULL if it has no such argument. */
const struct jc_layout *jc_primitive_layout(const struct jc_primitive *primitive, enum jc_arg arg);
/* The implementation oneDNN chose, "jit:avx512_core". */
const char *jc_primitive_name(const struct jc_primitive *primitive);

/* Gives an argument its address; once for each argument, before the first run. */
void jc_primitive_bind(struct jc_primitive *primitive, enum jc_arg arg, void *address,
                       struct jc_error *error);
/* Runs to completion. False if oneDNN reports a failure. */
bool jc_primitive_run(const struct jc_primitive *primitive);

/* One copy outside of a step: makes a reorder, runs it, drops it. */
enum jc_status jc_dnn_copy(struct jc_dnn *dnn, const struct jc_layout *from, const void *source,
                           const struct jc_layout *to, void *destination, struct jc_error *error);

#endif
