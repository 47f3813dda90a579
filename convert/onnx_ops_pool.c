/* onnx_ops_pool.c -- pools, reductions, resizing, padding: fewer or more numbers along dimensions.
 */
#include <math.h>
#include <string.h>

#include "convert/onnx_ops.h"
#include "convert/onnx_window.h"

enum jc_status jc_op_pool(struct jc_lowering *l) {
  const char *base = jc_operator_find(l->node->op_type)->kind;
  bool average = strcmp(base, "avgpool") == 0;
  struct jc_value *in = jc_need(l, 0);
  struct jc_window window = {0};
  if (!in || jc_window_read(l, in, NULL, &window) != JC_OK || !(in = jc_window_pad(l, &window, in)))
    return l->error->status;
  struct jc_value *out = l->out[0];
  const char *kind = jc_spatial_kind(l, base, window.count);
  struct jc_out_layer *layer = kind ? jc_emit1(l, kind, in) : NULL;
  if (!layer)
    return l->error->status;
  jc_window_fields(&window, true, layer);
  if (window.ceil_mode)
    jc_layer_bool(layer, "ceil_mode", true);
  bool dilated = false;
  for (uint32_t i = 0; i < window.count; i++)
    dilated |= window.dilation[i] != 1;
  if (average)
    jc_layer_bool(layer, "count_include_pad", jc_onnx_int(l->node, "count_include_pad", 0));
  if (average && dilated)
    return jc_lower_fail(l, "dilated averages are not supported");
  if (dilated)
    jc_layer_extent(layer, "dilation", window.dilation, window.count);
  jc_shape_like(out, in);
  for (uint32_t i = 0; i < window.count; i++)
    out->dims[2 + i].n = jc_window_out(&window, i, in->dims[2 + i].n);
  return jc_finish(l, layer, out);
}

enum jc_status jc_op_global_pool(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in || jc_check_image(l, in) != JC_OK)
    return l->error->status;
  const char *kind = jc_spatial_kind(l, jc_operator_find(l->node->op_type)->kind, in->rank - 2);
  struct jc_out_layer *layer = kind ? jc_emit1(l, kind, in) : NULL;
  if (layer)
    jc_layer_int(layer, "output_size", 1);
  jc_shape_like(l->out[0], in);
  for (uint32_t i = 2; i < in->rank; i++)
    l->out[0]->dims[i] = jc_dim_of(1);
  return jc_finish(l, layer, l->out[0]);
}

/* ---- Reduce* ---- */

static enum jc_status reduced_axes(struct jc_lowering *l, const struct jc_value *in, bool *reduced,
                                   int64_t *dims, uint32_t *count) {
  struct jc_ints axes;
  bool given = jc_plain_ints_of(l, "axes", 1, &axes);
  *count = 0;
  memset(reduced, 0, JC_ONNX_MAX_RANK);
  if (given && axes.count == 0 && jc_onnx_int(l->node, "noop_with_empty_axes", 0))
    return l->error->status;
  for (uint32_t i = 0; given && i < axes.count; i++) {
    int axis = jc_axis(l, axes.value[i].n, in->rank);
    if (axis < 0)
      break;
    reduced[axis] = true;
  }
  for (uint32_t i = 0; i < in->rank && !jc_error_is_set(l->error); i++) {
    reduced[i] |= !given || axes.count == 0;
    if (reduced[i])
      dims[(*count)++] = l->folding ? 1 : jc_model_dim(l, in, i);
  }
  return l->error->status;
}

enum jc_status jc_op_reduce(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  bool reduced[JC_ONNX_MAX_RANK], keep = jc_onnx_int(l->node, "keepdims", 1);
  int64_t dims[JC_ONNX_MAX_RANK];
  uint32_t count;
  const char *kind = jc_operator_find(l->node->op_type)->kind;
  if (!in || reduced_axes(l, in, reduced, dims, &count) != JC_OK)
    return l->error->status;
  if (!kind && !l->folding)
    return jc_lower_fail(l, "is supported on constants only");
  struct jc_value *out = l->out[0];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < in->rank; i++)
    if (keep || !reduced[i])
      out->dims[rank++] = reduced[i] ? jc_dim_of(1) : in->dims[i];
  out->rank = rank;
  if (count == 0)
    return jc_view(l, in, out);
  struct jc_out_layer *layer = jc_emit1(l, l->folding ? "identity" : kind, in);
  if (layer) {
    if (count == 1)
      jc_layer_int(layer, "dim", dims[0]);
    else
      jc_layer_list(layer, "dim", dims, count);
    jc_layer_bool(layer, "keepdim", keep);
  }
  return jc_finish(l, layer, out);
}

/* ---- Pad ---- */

enum jc_status jc_op_pad(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  struct jc_ints pads, axes;
  if (!in || !jc_plain_ints_of(l, "pads", 1, &pads))
    return jc_lower_fail(l, "expected pads");
  bool some = jc_plain_ints_of(l, NULL, 3, &axes);
  uint32_t count = some ? axes.count : in->rank;
  if (jc_error_is_set(l->error))
    return l->error->status;
  if (pads.count != 2 * count || count > in->rank)
    return jc_lower_fail(l, "pads: expected %u numbers, got %u", 2 * count, pads.count);
  int64_t sides[2 * JC_ONNX_MAX_RANK] = {0}, begin[JC_ONNX_MAX_RANK] = {0},
                    end[JC_ONNX_MAX_RANK] = {0};
  for (uint32_t i = 0; i < count; i++) {
    int axis = jc_axis(l, some ? axes.value[i].n : (int64_t)i, in->rank);
    if (axis < 0)
      return l->error->status;
    begin[axis] = pads.value[i].n;
    end[axis] = pads.value[count + i].n;
  }
  struct jc_value *out = l->out[0];
  uint32_t used = 0, places = 0;
  jc_shape_like(out, in);
  for (uint32_t i = in->rank; i-- > 0;) { /* PyTorch begins with the last dimension */
    struct jc_dim *dim = &out->dims[i];
    bool padded = begin[i] || end[i];
    if (padded && dim->batch)
      return jc_lower_fail(l, "pads the batch");
    if (begin[i] < -INT32_MAX || end[i] < -INT32_MAX || begin[i] > INT32_MAX || end[i] > INT32_MAX)
      return jc_lower_fail(l, "pads: expected numbers of 32 bits");
    dim->n += begin[i] + end[i];
    if (jc_value_canonical_axis(in, i) < 0)
      continue;
    sides[places++] = begin[i];
    sides[places++] = end[i];
    used = padded ? places : used;
  }
  if (used == 0)
    return jc_alias(in, out);
  struct jc_out_layer *layer = jc_emit1(l, "pad", in);
  if (layer) {
    const char *mode = jc_onnx_text(l->node, "mode", "constant");
    jc_layer_list(layer, "padding", sides, used);
    if (strcmp(mode, "constant") != 0)
      jc_layer_text(layer, "mode",
                    strcmp(mode, "reflect") == 0 ? "reflect"
                    : strcmp(mode, "wrap") == 0  ? "circular"
                                                 : "replicate");
  }
  return jc_finish(l, layer, out);
}

/* ---- Resize, Upsample ---- */

/* The size of each dimension, from `sizes` or `scales`. */
static enum jc_status resized(struct jc_lowering *l, const struct jc_value *in,
                              struct jc_value *out) {
  bool upsample = strcmp(l->node->op_type, "Upsample") == 0;
  const struct jc_value *scales = jc_in(l, upsample || l->graph->opset < 11 ? 1 : 2);
  struct jc_ints sizes;
  jc_shape_like(out, in);
  if (!upsample && jc_in(l, 3) && jc_value_elements(l->in[3]) != 0) {
    if (!jc_ints_of(l, NULL, 3, &sizes) || sizes.count != in->rank)
      return jc_lower_fail(l, "sizes: expected %u numbers that are known beforehand", in->rank);
    for (uint32_t i = 0; i < in->rank; i++)
      if (!in->dims[i].batch)
        out->dims[i] = sizes.value[i];
    return JC_OK;
  }
  if (!scales || !scales->data || jc_value_elements(scales) != in->rank)
    return jc_lower_fail(l, "scales: expected %u numbers that are known beforehand", in->rank);
  for (uint32_t i = 0; i < in->rank; i++) {
    if (!scales->data[i].known || !(scales->data[i].real > 0))
      return jc_lower_fail(l, "scales: expected positive numbers that are known beforehand");
    double size = floor((double)in->dims[i].n * scales->data[i].real);
    if (in->dims[i].batch ? scales->data[i].real != 1 : size > INT32_MAX)
      return jc_lower_fail(l, "scales: resizes the batch, or beyond 31 bits");
    out->dims[i].n = (int64_t)size;
  }
  return JC_OK;
}

/* Modes that choose other sizes, or crop. */
static enum jc_status check_resize(struct jc_lowering *l) {
  const char *policy = jc_onnx_text(l->node, "keep_aspect_ratio_policy", "stretch");
  const char *place = jc_onnx_text(l->node, "coordinate_transformation_mode", "");
  if (strcmp(policy, "stretch") != 0)
    return jc_lower_fail(l, "keep_aspect_ratio_policy: expected 'stretch', got '%.60s'", policy);
  if (strcmp(place, "tf_crop_and_resize") == 0)
    return jc_lower_fail(l, "coordinate_transformation_mode: '%.60s' is not supported", place);
  if (jc_onnx_attribute(l->node, "axes"))
    return jc_lower_fail(l, "axes: expected sizes or scales of all dimensions");
  return JC_OK;
}

enum jc_status jc_op_resize(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in || check_resize(l) != JC_OK || jc_check_image(l, in) != JC_OK ||
      resized(l, in, l->out[0]) != JC_OK)
    return l->error->status;
  const struct jc_value *shape = l->out[0];
  if (!jc_dims_equal(in->dims[1], shape->dims[1]))
    return jc_lower_fail(l, "resizes the channels");
  const char *mode = jc_onnx_text(l->node, "mode", "nearest");
  const char *place = jc_onnx_text(l->node, "coordinate_transformation_mode", "");
  const char *linear = in->rank == 3 ? "linear" : in->rank == 4 ? "bilinear" : "trilinear";
  int64_t sizes[JC_WINDOW_MAX];
  for (uint32_t i = 2; i < in->rank; i++)
    sizes[i - 2] = shape->dims[i].n;
  struct jc_out_layer *layer = jc_emit1(l, "upsample", in);
  if (!layer)
    return l->error->status;
  jc_layer_list(layer, "size", sizes, in->rank - 2);
  if (strcmp(mode, "linear") == 0)
    jc_layer_text(layer, "mode", linear);
  else if (strcmp(mode, "cubic") == 0)
    jc_layer_text(layer, "mode", "bicubic");
  if (strcmp(mode, "nearest") != 0 && strcmp(place, "align_corners") == 0)
    jc_layer_bool(layer, "align_corners", true);
  return jc_finish(l, layer, l->out[0]);
}

enum jc_status jc_op_depth_space(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in || jc_check_image(l, in) != JC_OK)
    return l->error->status;
  int64_t block = jc_onnx_int(l->node, "blocksize", 0);
  bool shuffle = strcmp(l->node->op_type, "DepthToSpace") == 0;
  struct jc_value *out = l->out[0];
  jc_shape_like(out, in);
  bool fits = in->rank == 4 && block > 0 && block < 1 << 15 &&
              (shuffle ? in->dims[1].n % (block * block) == 0
                       : in->dims[2].n % block == 0 && in->dims[3].n % block == 0);
  if (!fits)
    return jc_lower_fail(l, "blocksize %lld does not divide the input", (long long)block);
  out->dims[1].n = shuffle ? in->dims[1].n / (block * block) : in->dims[1].n * block * block;
  for (uint32_t i = 2; i < 4; i++)
    out->dims[i].n = shuffle ? in->dims[i].n * block : in->dims[i].n / block;
  struct jc_out_layer *layer = jc_emit1(l, shuffle ? "pixel_shuffle" : "pixel_unshuffle", in);
  if (layer)
    jc_layer_int(layer, shuffle ? "upscale_factor" : "downscale_factor", block);
  return jc_finish(l, layer, out);
}
