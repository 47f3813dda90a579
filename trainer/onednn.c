/* onednn.c -- oneDNN 2.x behind onednn.h. The only file that includes dnnl.h.
 *
 * What differs in oneDNN 3.x is all here: operation descriptors (3.x makes primitive descriptors in
 * one call) and memory descriptors by value (3.x has handles).
 */
#include "trainer/onednn.h"

#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#if DNNL_VERSION_MAJOR != 2
#error "joulecast needs oneDNN 2.x; -DJOULECAST_TRAINER=OFF builds without training"
#endif

enum { LAYOUT_NAME_BYTES = 40 };

struct jc_layout {
  struct jc_layout *next;
  dnnl_memory_desc_t md;
  char name[LAYOUT_NAME_BYTES];
};

struct jc_primitive {
  struct jc_primitive *next;
  struct jc_dnn *dnn;
  dnnl_primitive_desc_t desc;
  dnnl_primitive_t primitive;
  const char *name;
  const struct jc_layout *layouts[JC_ARG_PART];
  int arg_count, arg_capacity;
  dnnl_exec_arg_t *args;
};

struct jc_dnn {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_attr_t attr; /* scratchpads belong to the caller */
  struct jc_layout *layouts;
  struct jc_primitive *primitives;
};

static const int exec_args[JC_ARG_PART] = {
    [JC_ARG_SOURCE] = DNNL_ARG_SRC,
    [JC_ARG_DESTINATION] = DNNL_ARG_DST,
    [JC_ARG_WEIGHTS] = DNNL_ARG_WEIGHTS,
    [JC_ARG_BIAS] = DNNL_ARG_BIAS,
    [JC_ARG_MEAN] = DNNL_ARG_MEAN,
    [JC_ARG_VARIANCE] = DNNL_ARG_VARIANCE,
    [JC_ARG_SCALE] = DNNL_ARG_SCALE,
    [JC_ARG_SHIFT] = DNNL_ARG_SHIFT,
    [JC_ARG_WORKSPACE] = DNNL_ARG_WORKSPACE,
    [JC_ARG_SCRATCHPAD] = DNNL_ARG_SCRATCHPAD,
    [JC_ARG_SOURCE_GRADIENT] = DNNL_ARG_DIFF_SRC,
    [JC_ARG_DESTINATION_GRADIENT] = DNNL_ARG_DIFF_DST,
    [JC_ARG_WEIGHTS_GRADIENT] = DNNL_ARG_DIFF_WEIGHTS,
    [JC_ARG_BIAS_GRADIENT] = DNNL_ARG_DIFF_BIAS,
    [JC_ARG_SCALE_GRADIENT] = DNNL_ARG_DIFF_SCALE,
    [JC_ARG_SHIFT_GRADIENT] = DNNL_ARG_DIFF_SHIFT,
};

static int exec_arg(enum jc_arg arg) {
  return arg >= JC_ARG_PART ? DNNL_ARG_MULTIPLE_SRC + (int)(arg - JC_ARG_PART) : exec_args[arg];
}

/* ---- the library ---- */

static const char *status_text(dnnl_status_t status) {
  switch (status) {
  case dnnl_out_of_memory:
    return "out of memory";
  case dnnl_invalid_arguments:
    return "invalid arguments";
  case dnnl_unimplemented:
    return "no implementation for it";
  default:
    return "runtime error";
  }
}

/* True if STATUS is a success; otherwise ERROR says what failed. */
static bool check(dnnl_status_t status, const char *what, struct jc_error *error) {
  if (status == dnnl_success)
    return true;
  (void)jc_fail(error, status == dnnl_out_of_memory ? JC_ERROR_STORAGE : JC_ERROR_RUNTIME, 0, NULL,
                "oneDNN: %s: %s", what, status_text(status));
  return false;
}

static void *allocate(size_t bytes, struct jc_error *error) {
  void *memory = calloc(1, bytes);
  if (memory == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  return memory;
}

const char *jc_dnn_version(void) {
  static char text[24]; /* of the library loaded, which need not be the one compiled against */
  const dnnl_version_t *version = dnnl_version();
  (void)snprintf(text, sizeof(text), "%d.%d.%d", version->major, version->minor, version->patch);
  return text;
}

struct jc_dnn *jc_dnn_create(struct jc_error *error) {
  struct jc_dnn *dnn = allocate(sizeof(*dnn), error);
  if (dnn == NULL)
    return NULL;
  /* Forget the code made for earlier networks: the time to build one must not depend on them. */
  int capacity = 0;
  bool made = check(dnnl_get_primitive_cache_capacity(&capacity), "cache", error) &&
              check(dnnl_set_primitive_cache_capacity(0), "cache", error) &&
              check(dnnl_set_primitive_cache_capacity(capacity), "cache", error);
  made = made && check(dnnl_engine_create(&dnn->engine, dnnl_cpu, 0), "engine", error) &&
         check(dnnl_stream_create(&dnn->stream, dnn->engine, dnnl_stream_default_flags), "stream",
               error) &&
         check(dnnl_primitive_attr_create(&dnn->attr), "attributes", error) &&
         check(dnnl_primitive_attr_set_scratchpad_mode(dnn->attr, dnnl_scratchpad_mode_user),
               "attributes", error);
  if (!made) {
    jc_dnn_destroy(dnn);
    return NULL;
  }
  return dnn;
}

static void primitive_destroy(struct jc_primitive *primitive) {
  for (int i = 0; i < primitive->arg_count; i++)
    (void)dnnl_memory_destroy(primitive->args[i].memory);
  (void)dnnl_primitive_destroy(primitive->primitive);
  (void)dnnl_primitive_desc_destroy(primitive->desc);
  free(primitive->args);
  free(primitive);
}

void jc_dnn_destroy(struct jc_dnn *dnn) {
  if (dnn == NULL)
    return;
  for (struct jc_primitive *next, *primitive = dnn->primitives; primitive; primitive = next) {
    next = primitive->next;
    primitive_destroy(primitive);
  }
  for (struct jc_layout *next, *layout = dnn->layouts; layout; layout = next) {
    next = layout->next;
    free(layout);
  }
  (void)dnnl_primitive_attr_destroy(dnn->attr);
  (void)dnnl_stream_destroy(dnn->stream);
  (void)dnnl_engine_destroy(dnn->engine);
  free(dnn);
}

/* ---- layouts ---- */

/* Order of the dimensions in memory, outermost first: by stride, as given where they are equal. */
static void order_by_stride(const dnnl_memory_desc_t *md, int *order) {
  const dnnl_dim_t *strides = md->format_desc.blocking.strides;
  for (int i = 0; i < md->ndims; i++) {
    int at = i;
    for (; at > 0 && strides[order[at - 1]] < strides[i]; at--)
      order[at] = order[at - 1];
    order[at] = i;
  }
}

/* oneDNN's own notation: outer dimensions in memory order, upper case where blocked, then the
 * blocks, as in nChw16c. */
static void name_layout(struct jc_layout *layout) {
  const dnnl_memory_desc_t *md = &layout->md;
  const char *letters = md->ndims == 4 ? "nchw" : md->ndims == 2 ? "nc" : "abcdefghijkl";
  const dnnl_blocking_desc_t *blocking = &md->format_desc.blocking;
  if (md->format_kind != dnnl_blocked) {
    (void)snprintf(layout->name, sizeof(layout->name), "opaque");
    return;
  }
  int order[DNNL_MAX_NDIMS], length = 0;
  order_by_stride(md, order);
  for (int i = 0; i < md->ndims; i++) {
    bool blocked = false;
    for (int b = 0; b < blocking->inner_nblks; b++)
      blocked = blocked || blocking->inner_idxs[b] == order[i];
    const char letter = letters[order[i]];
    layout->name[length++] = (char)(blocked ? letter - 'a' + 'A' : letter);
  }
  for (int b = 0; b < blocking->inner_nblks && length < LAYOUT_NAME_BYTES; b++)
    length += snprintf(layout->name + length, (size_t)(LAYOUT_NAME_BYTES - length), "%d%c",
                       (int)blocking->inner_blks[b], letters[blocking->inner_idxs[b]]);
}

static const struct jc_layout *intern(struct jc_dnn *dnn, const dnnl_memory_desc_t *md,
                                      struct jc_error *error) {
  for (const struct jc_layout *layout = dnn->layouts; layout != NULL; layout = layout->next)
    if (dnnl_memory_desc_equal(&layout->md, md))
      return layout;
  struct jc_layout *layout = allocate(sizeof(*layout), error);
  if (layout == NULL)
    return NULL;
  layout->md = *md;
  name_layout(layout);
  layout->next = dnn->layouts;
  dnn->layouts = layout;
  return layout;
}

/* A row-major fp32 tensor, or one in ANY layout oneDNN likes. */
static bool describe(dnnl_memory_desc_t *md, int rank, const dnnl_dim_t *dims, bool any,
                     struct jc_error *error) {
  dnnl_dims_t all_dims = {0}, strides = {0}; /* dnnl.h declares full-length arrays */
  dnnl_dim_t stride = 1;
  for (int i = rank; i-- > 0;) {
    all_dims[i] = dims[i];
    strides[i] = stride;
    stride *= dims[i];
  }
  return check(any ? dnnl_memory_desc_init_by_tag(md, rank, all_dims, dnnl_f32, dnnl_format_tag_any)
                   : dnnl_memory_desc_init_by_strides(md, rank, all_dims, dnnl_f32, strides),
               "layout", error);
}

const struct jc_layout *jc_layout_plain(struct jc_dnn *dnn, uint32_t rank, const int64_t *dims,
                                        struct jc_error *error) {
  dnnl_memory_desc_t md;
  if (jc_error_is_set(error) || !describe(&md, (int)rank, dims, false, error))
    return NULL;
  return intern(dnn, &md, error);
}

/* Of one sample. */
static dnnl_dim_t padded_elements(const dnnl_memory_desc_t *md) {
  dnnl_dim_t elements = 1;
  for (int d = 1; d < md->ndims; d++)
    elements *= md->padded_dims[d];
  return elements;
}

const struct jc_layout *jc_layout_part(struct jc_dnn *dnn, const struct jc_layout *whole,
                                       const int64_t *dims, const int64_t *offsets,
                                       struct jc_error *error) {
  dnnl_memory_desc_t md;
  if (jc_error_is_set(error) || whole == NULL ||
      dnnl_memory_desc_init_submemory(&md, &whole->md, dims, offsets) != dnnl_success)
    return NULL;
  /* Of one sample the stride from sample to sample means nothing, so that oneDNN takes the part for
   * equal to a tensor of its own; yet given that stride, it normalises by its reference code, 50
   * times slower. */
  if (md.dims[0] == 1)
    md.format_desc.blocking.strides[0] = padded_elements(&md);
  return intern(dnn, &md, error);
}

const struct jc_layout *jc_layout_permuted(struct jc_dnn *dnn, const struct jc_layout *layout,
                                           const uint32_t *order, struct jc_error *error) {
  dnnl_memory_desc_t md;
  int places[DNNL_MAX_NDIMS] = {0}; /* oneDNN wants to know where each dimension goes */
  if (jc_error_is_set(error))
    return NULL;
  for (int i = 0; i < layout->md.ndims; i++)
    places[order[i]] = i;
  return check(dnnl_memory_desc_permute_axes(&md, &layout->md, places), "permutation", error)
             ? intern(dnn, &md, error)
             : NULL;
}

size_t jc_layout_bytes(const struct jc_layout *layout) {
  return layout == NULL ? 0 : dnnl_memory_desc_get_size(&layout->md);
}

const char *jc_layout_name(const struct jc_layout *layout) {
  return layout == NULL ? "" : layout->name;
}

bool jc_layout_image(const struct jc_layout *layout, struct jc_image *image) {
  const dnnl_memory_desc_t *md = &layout->md;
  const dnnl_blocking_desc_t *blocking = &md->format_desc.blocking;
  const bool blocked = blocking->inner_nblks == 1 && blocking->inner_idxs[0] == 1;
  if (md->format_kind != dnnl_blocked || md->offset0 != 0 ||
      (blocking->inner_nblks > 0 && !blocked))
    return false;
  dnnl_dim_t pixels = 1;
  for (int d = 2; d < md->ndims; d++)
    pixels *= md->dims[d];
  const bool channels_last = !blocked && pixels > 1 && blocking->strides[1] == 1;
  const dnnl_dim_t block = blocked ? blocking->inner_blks[0] : channels_last ? md->dims[1] : 1;
  const dnnl_dim_t blocks = md->padded_dims[1] / block;
  dnnl_dim_t stride = block; /* that a dense tensor would have */
  for (int d = md->ndims; d-- > 2; stride *= md->dims[d])
    if (md->dims[d] > 1 && blocking->strides[d] != stride)
      return false;
  if ((blocks > 1 && blocking->strides[1] != stride) ||
      (md->dims[0] > 1 && blocking->strides[0] != stride * blocks))
    return false;
  *image = (struct jc_image){(size_t)md->dims[0], (size_t)md->dims[1], (size_t)pixels,
                             (size_t)block, (size_t)blocks};
  return true;
}

/* ---- making primitives ---- */

/* Notes the implementation's name and its arguments' layouts. */
static bool inspect(struct jc_primitive *primitive, struct jc_error *error) {
  if (!check(dnnl_primitive_desc_query(primitive->desc, dnnl_query_impl_info_str, 0,
                                       (void *)&primitive->name),
             "implementation name", error))
    return false;
  for (int arg = 0; arg < JC_ARG_PART; arg++) {
    const dnnl_memory_desc_t *md =
        dnnl_primitive_desc_query_md(primitive->desc, dnnl_query_exec_arg_md, exec_args[arg]);
    if (md == NULL || md->ndims == 0)
      continue;
    primitive->layouts[arg] = intern(primitive->dnn, md, error);
    if (primitive->layouts[arg] == NULL)
      return false;
  }
  return true;
}

/* Takes over DESC. */
static struct jc_primitive *make_from(struct jc_dnn *dnn, dnnl_primitive_desc_t desc,
                                      const char *what, struct jc_error *error) {
  struct jc_primitive *primitive = allocate(sizeof(*primitive), error);
  if (primitive == NULL) {
    (void)dnnl_primitive_desc_destroy(desc);
    return NULL;
  }
  primitive->dnn = dnn;
  primitive->desc = desc;
  primitive->next = dnn->primitives;
  dnn->primitives = primitive;
  if (!check(dnnl_primitive_create(&primitive->primitive, desc), what, error) ||
      !inspect(primitive, error))
    return NULL;
  return primitive;
}

static struct jc_primitive *make(struct jc_dnn *dnn, const_dnnl_op_desc_t operation,
                                 const struct jc_primitive *forward, const char *what,
                                 struct jc_error *error) {
  dnnl_primitive_desc_t desc;
  if (!check(dnnl_primitive_desc_create(&desc, operation, dnn->attr, dnn->engine,
                                        forward == NULL ? NULL : forward->desc),
             what, error))
    return NULL;
  return make_from(dnn, desc, what, error);
}

const struct jc_layout *jc_primitive_layout(const struct jc_primitive *primitive, enum jc_arg arg) {
  return primitive == NULL ? NULL : primitive->layouts[arg];
}

const char *jc_primitive_name(const struct jc_primitive *primitive) {
  return primitive == NULL ? "" : primitive->name;
}

/* ---- convolution ---- */

struct window_dims {
  dnnl_dims_t kernel, stride, gaps, before, after;
};

/* oneDNN counts the gaps of a dilated window, PyTorch the distance. */
static void window_dims(const struct jc_dnn_window *window, struct window_dims *dims) {
  memset(dims, 0, sizeof(*dims));
  for (int i = 0; i < 2; i++) {
    dims->kernel[i] = window->kernel[i];
    dims->stride[i] = window->stride[i];
    dims->gaps[i] = window->dilation[i] - 1;
    dims->before[i] = window->before[i];
    dims->after[i] = window->after[i];
  }
}

static dnnl_status_t conv_operation(const struct jc_dnn_conv *conv, enum jc_pass pass,
                                    dnnl_convolution_desc_t *operation, struct jc_error *error) {
  const dnnl_dim_t source_dims[] = {conv->batch, conv->in[0], conv->in[1], conv->in[2]};
  const dnnl_dim_t destination_dims[] = {conv->batch, conv->out[0], conv->out[1], conv->out[2]};
  const dnnl_dim_t weight_dims[] = {conv->groups, conv->out[0] / conv->groups,
                                    conv->in[0] / conv->groups, conv->window.kernel[0],
                                    conv->window.kernel[1]};
  const int skip = conv->groups == 1; /* ungrouped weights have no group dimension */
  dnnl_memory_desc_t source, weights, bias, destination;
  if (!describe(&source, 4, source_dims, true, error) ||
      !describe(&destination, 4, destination_dims, true, error) ||
      !describe(&weights, 5 - skip, weight_dims + skip, true, error) ||
      !describe(&bias, 1, conv->out, false, error))
    return dnnl_runtime_error;
  const dnnl_memory_desc_t *bias_or_null = conv->bias ? &bias : NULL;
  struct window_dims w;
  window_dims(&conv->window, &w);
  switch (pass) {
  case JC_PASS_BACKWARD_DATA:
    return dnnl_dilated_convolution_backward_data_desc_init(operation, dnnl_convolution_direct,
                                                            &source, &weights, &destination,
                                                            w.stride, w.gaps, w.before, w.after);
  case JC_PASS_BACKWARD_WEIGHTS:
    return dnnl_dilated_convolution_backward_weights_desc_init(
        operation, dnnl_convolution_direct, &source, &weights, bias_or_null, &destination, w.stride,
        w.gaps, w.before, w.after);
  default:
    return dnnl_dilated_convolution_forward_desc_init(
        operation, dnnl_forward_training, dnnl_convolution_direct, &source, &weights, bias_or_null,
        &destination, w.stride, w.gaps, w.before, w.after);
  }
}

struct jc_primitive *jc_dnn_conv(struct jc_dnn *dnn, const struct jc_dnn_conv *conv,
                                 enum jc_pass pass, const struct jc_primitive *forward,
                                 struct jc_error *error) {
  dnnl_convolution_desc_t operation;
  if (jc_error_is_set(error) ||
      !check(conv_operation(conv, pass, &operation, error), "convolution", error))
    return NULL;
  return make(dnn, &operation, forward, "convolution", error);
}

/* What a convolution that keeps the shape would write. */
const struct jc_layout *jc_layout_fast(struct jc_dnn *dnn, const int64_t dims[4],
                                       struct jc_error *error) {
  const struct jc_dnn_conv conv = {
      .batch = dims[0],
      .groups = 1,
      .in = {dims[1], dims[2], dims[3]},
      .out = {dims[1], dims[2], dims[3]},
      .window = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}},
  };
  dnnl_convolution_desc_t operation;
  dnnl_primitive_desc_t desc;
  if (jc_error_is_set(error) ||
      !check(conv_operation(&conv, JC_PASS_FORWARD, &operation, error), "layout", error) ||
      !check(dnnl_primitive_desc_create(&desc, &operation, dnn->attr, dnn->engine, NULL), "layout",
             error))
    return NULL;
  const struct jc_layout *layout =
      intern(dnn, dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0), error);
  (void)dnnl_primitive_desc_destroy(desc);
  return layout;
}

/* ---- linear ---- */

static dnnl_status_t linear_operation(const struct jc_dnn_linear *linear, enum jc_pass pass,
                                      dnnl_inner_product_desc_t *operation,
                                      struct jc_error *error) {
  const dnnl_dim_t source_dims[] = {linear->rows, linear->in};
  const dnnl_dim_t weight_dims[] = {linear->out, linear->in};
  const dnnl_dim_t destination_dims[] = {linear->rows, linear->out};
  dnnl_memory_desc_t source, weights, bias, destination;
  if (!describe(&source, 2, source_dims, false, error) ||
      !describe(&weights, 2, weight_dims, true, error) ||
      !describe(&destination, 2, destination_dims, false, error) ||
      !describe(&bias, 1, &linear->out, false, error))
    return dnnl_runtime_error;
  const dnnl_memory_desc_t *bias_or_null = linear->bias ? &bias : NULL;
  switch (pass) {
  case JC_PASS_BACKWARD_DATA:
    return dnnl_inner_product_backward_data_desc_init(operation, &source, &weights, &destination);
  case JC_PASS_BACKWARD_WEIGHTS:
    return dnnl_inner_product_backward_weights_desc_init(operation, &source, &weights, bias_or_null,
                                                         &destination);
  default:
    return dnnl_inner_product_forward_desc_init(operation, dnnl_forward_training, &source, &weights,
                                                bias_or_null, &destination);
  }
}

struct jc_primitive *jc_dnn_linear(struct jc_dnn *dnn, const struct jc_dnn_linear *linear,
                                   enum jc_pass pass, const struct jc_primitive *forward,
                                   struct jc_error *error) {
  dnnl_inner_product_desc_t operation;
  if (jc_error_is_set(error) ||
      !check(linear_operation(linear, pass, &operation, error), "linear", error))
    return NULL;
  return make(dnn, &operation, forward, "linear", error);
}

/* ---- batch normalisation ---- */

static dnnl_status_t batchnorm_operation(const struct jc_dnn_batchnorm *norm, enum jc_pass pass,
                                         dnnl_batch_normalization_desc_t *operation) {
  const dnnl_memory_desc_t *md = &norm->layout->md;
  unsigned flags = dnnl_normalization_flags_none;
  if (norm->affine)
    flags |= dnnl_use_scale | dnnl_use_shift;
  if (norm->relu)
    flags |= dnnl_fuse_norm_relu;
  if (pass == JC_PASS_VALIDATION)
    flags |= dnnl_use_global_stats;
  if (pass == JC_PASS_BACKWARD)
    return dnnl_batch_normalization_backward_desc_init(
        operation, norm->affine ? dnnl_backward : dnnl_backward_data, md, md, (float)norm->eps,
        flags);
  return dnnl_batch_normalization_forward_desc_init(
      operation, pass == JC_PASS_VALIDATION ? dnnl_forward_inference : dnnl_forward_training, md,
      (float)norm->eps, flags);
}

struct jc_primitive *jc_dnn_batchnorm(struct jc_dnn *dnn, const struct jc_dnn_batchnorm *norm,
                                      enum jc_pass pass, const struct jc_primitive *forward,
                                      struct jc_error *error) {
  dnnl_batch_normalization_desc_t operation;
  if (jc_error_is_set(error) ||
      !check(batchnorm_operation(norm, pass, &operation), "batch normalisation", error))
    return NULL;
  return make(dnn, &operation, forward, "batch normalisation", error);
}

/* ---- layer normalisation ---- */

static dnnl_status_t layernorm_operation(const struct jc_dnn_layernorm *norm, enum jc_pass pass,
                                         dnnl_layer_normalization_desc_t *operation,
                                         struct jc_error *error) {
  const dnnl_dim_t dims[] = {norm->rows, norm->length};
  dnnl_memory_desc_t data, statistics;
  unsigned flags = dnnl_normalization_flags_none;
  if (!describe(&data, 2, dims, false, error) || !describe(&statistics, 1, dims, false, error))
    return dnnl_runtime_error;
  if (norm->scale)
    flags |= dnnl_use_scale;
  if (norm->shift)
    flags |= dnnl_use_shift;
  if (pass == JC_PASS_BACKWARD)
    return dnnl_layer_normalization_backward_desc_init(
        operation, norm->scale ? dnnl_backward : dnnl_backward_data, &data, &data, &statistics,
        (float)norm->eps, flags);
  return dnnl_layer_normalization_forward_desc_init(operation, dnnl_forward_training, &data,
                                                    &statistics, (float)norm->eps, flags);
}

struct jc_primitive *jc_dnn_layernorm(struct jc_dnn *dnn, const struct jc_dnn_layernorm *norm,
                                      enum jc_pass pass, const struct jc_primitive *forward,
                                      struct jc_error *error) {
  dnnl_layer_normalization_desc_t operation;
  if (jc_error_is_set(error) ||
      !check(layernorm_operation(norm, pass, &operation, error), "layer normalisation", error))
    return NULL;
  return make(dnn, &operation, forward, "layer normalisation", error);
}

/* ---- pooling ---- */

static const dnnl_alg_kind_t pooling_algorithms[] = {
    [JC_POOLING_MAX] = dnnl_pooling_max,
    [JC_POOLING_MEAN_INSIDE] = dnnl_pooling_avg_exclude_padding,
    [JC_POOLING_MEAN_WINDOW] = dnnl_pooling_avg_include_padding,
};

struct jc_primitive *jc_dnn_pool(struct jc_dnn *dnn, const struct jc_dnn_pool *pool,
                                 enum jc_pass pass, const struct jc_primitive *forward,
                                 struct jc_error *error) {
  const dnnl_alg_kind_t algorithm = pooling_algorithms[pool->pooling];
  dnnl_memory_desc_t destination;
  dnnl_pooling_v2_desc_t operation;
  struct window_dims w;
  window_dims(&pool->window, &w);
  if (jc_error_is_set(error) || !describe(&destination, 4, pool->out, true, error))
    return NULL;
  const dnnl_status_t status =
      pass == JC_PASS_BACKWARD
          ? dnnl_pooling_v2_backward_desc_init(&operation, algorithm, &pool->in->md,
                                               &forward->layouts[JC_ARG_DESTINATION]->md, w.stride,
                                               w.kernel, w.gaps, w.before, w.after)
          : dnnl_pooling_v2_forward_desc_init(&operation, dnnl_forward_training, algorithm,
                                              &pool->in->md, &destination, w.stride, w.kernel,
                                              w.gaps, w.before, w.after);
  return check(status, "pooling", error) ? make(dnn, &operation, forward, "pooling", error) : NULL;
}

/* ---- functions of one element ---- */

static const struct {
  dnnl_alg_kind_t algorithm;
  float alpha, beta;
} functions[] = {
    [JC_FUNCTION_RELU] = {dnnl_eltwise_relu_use_dst_for_bwd, 0, 0},
    [JC_FUNCTION_RELU6] = {dnnl_eltwise_clip_v2_use_dst_for_bwd, 0, 6},
    [JC_FUNCTION_SIGMOID] = {dnnl_eltwise_logistic_use_dst_for_bwd, 0, 0},
    [JC_FUNCTION_SILU] = {dnnl_eltwise_swish, 1, 0},
    [JC_FUNCTION_HARDSWISH] = {dnnl_eltwise_hardswish, 0, 0},
    [JC_FUNCTION_GELU] = {dnnl_eltwise_gelu_erf, 0, 0},
    [JC_FUNCTION_GELU_TANH] = {dnnl_eltwise_gelu_tanh, 0, 0},
};

struct jc_primitive *jc_dnn_elementwise(struct jc_dnn *dnn, enum jc_dnn_function function,
                                        const struct jc_layout *layout, enum jc_pass pass,
                                        const struct jc_primitive *forward,
                                        struct jc_error *error) {
  if (jc_error_is_set(error))
    return NULL;
  const dnnl_alg_kind_t algorithm = functions[function].algorithm;
  const float alpha = functions[function].alpha, beta = functions[function].beta;
  dnnl_eltwise_desc_t operation;
  const dnnl_status_t status =
      pass == JC_PASS_BACKWARD
          ? dnnl_eltwise_backward_desc_init(&operation, algorithm, &layout->md, &layout->md, alpha,
                                            beta)
          : dnnl_eltwise_forward_desc_init(&operation, dnnl_forward_training, algorithm,
                                           &layout->md, alpha, beta);
  return check(status, "activation", error) ? make(dnn, &operation, forward, "activation", error)
                                            : NULL;
}

/* ---- moving data ---- */

struct jc_primitive *jc_dnn_shuffle(struct jc_dnn *dnn, const struct jc_layout *layout,
                                    int64_t groups, enum jc_pass pass,
                                    const struct jc_primitive *forward, struct jc_error *error) {
  if (jc_error_is_set(error))
    return NULL;
  const dnnl_dim_t group_size = layout->md.dims[1] / groups; /* oneDNN's word for it */
  dnnl_shuffle_desc_t operation;
  const dnnl_status_t status =
      pass == JC_PASS_BACKWARD
          ? dnnl_shuffle_backward_desc_init(&operation, &layout->md, 1, group_size)
          : dnnl_shuffle_forward_desc_init(&operation, dnnl_forward_training, &layout->md, 1,
                                           group_size);
  return check(status, "shuffle", error) ? make(dnn, &operation, forward, "shuffle", error) : NULL;
}

struct jc_primitive *jc_dnn_concat(struct jc_dnn *dnn, uint32_t dim, uint32_t count,
                                   const struct jc_layout *const *parts,
                                   const struct jc_layout *whole, struct jc_error *error) {
  if (jc_error_is_set(error))
    return NULL;
  dnnl_memory_desc_t *sources = allocate(count * sizeof(*sources), error);
  if (sources == NULL)
    return NULL;
  for (uint32_t i = 0; i < count; i++)
    sources[i] = parts[i]->md;
  dnnl_primitive_desc_t desc;
  const dnnl_status_t status = dnnl_concat_primitive_desc_create(
      &desc, &whole->md, (int)count, (int)dim, sources, dnn->attr, dnn->engine);
  free(sources);
  return check(status, "concatenation", error) ? make_from(dnn, desc, "concatenation", error)
                                               : NULL;
}

struct jc_primitive *jc_dnn_reorder(struct jc_dnn *dnn, const struct jc_layout *from,
                                    const struct jc_layout *to, struct jc_error *error) {
  dnnl_primitive_desc_t desc;
  if (jc_error_is_set(error) ||
      !check(dnnl_reorder_primitive_desc_create(&desc, &from->md, dnn->engine, &to->md, dnn->engine,
                                                dnn->attr),
             "reorder", error))
    return NULL;
  return make_from(dnn, desc, "reorder", error);
}

/* ---- running ---- */

static bool grow_args(struct jc_primitive *primitive, struct jc_error *error) {
  if (primitive->arg_count < primitive->arg_capacity)
    return true;
  const int capacity = 8 + 2 * primitive->arg_capacity;
  dnnl_exec_arg_t *args = realloc(primitive->args, (size_t)capacity * sizeof(*args));
  if (args == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    return false;
  }
  primitive->args = args;
  primitive->arg_capacity = capacity;
  return true;
}

void jc_primitive_bind(struct jc_primitive *primitive, enum jc_arg arg, void *address,
                       struct jc_error *error) {
  if (jc_error_is_set(error) || !grow_args(primitive, error))
    return;
  const dnnl_memory_desc_t *md =
      dnnl_primitive_desc_query_md(primitive->desc, dnnl_query_exec_arg_md, exec_arg(arg));
  dnnl_exec_arg_t *slot = &primitive->args[primitive->arg_count];
  slot->arg = exec_arg(arg);
  if (check(dnnl_memory_create(&slot->memory, md, primitive->dnn->engine, address), "memory",
            error))
    primitive->arg_count++;
}

bool jc_primitive_run(const struct jc_primitive *primitive) {
  return dnnl_primitive_execute(primitive->primitive, primitive->dnn->stream, primitive->arg_count,
                                primitive->args) == dnnl_success;
}

enum jc_status jc_dnn_copy(struct jc_dnn *dnn, const struct jc_layout *from, const void *source,
                           const struct jc_layout *to, void *destination, struct jc_error *error) {
  if (jc_error_is_set(error))
    return error->status;
  if (from == to) {
    memcpy(destination, source, jc_layout_bytes(from));
    return JC_OK;
  }
  struct jc_primitive *reorder = jc_dnn_reorder(dnn, from, to, error);
  void *scratch = NULL;
  if (reorder != NULL && reorder->layouts[JC_ARG_SCRATCHPAD] != NULL) {
    scratch = allocate(jc_layout_bytes(reorder->layouts[JC_ARG_SCRATCHPAD]), error);
    jc_primitive_bind(reorder, JC_ARG_SCRATCHPAD, scratch, error);
  }
  if (reorder != NULL) {
    void *readable; /* dnnl.h takes every address as writable; a reorder only reads its source */
    memcpy(&readable, &source, sizeof(readable));
    jc_primitive_bind(reorder, JC_ARG_SOURCE, readable, error);
    jc_primitive_bind(reorder, JC_ARG_DESTINATION, destination, error);
    if (!jc_error_is_set(error) && !jc_primitive_run(reorder))
      (void)jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "oneDNN: reorder failed");
    dnn->primitives = reorder->next; /* the one made last */
    primitive_destroy(reorder);
  }
  free(scratch);
  return error->status;
}
