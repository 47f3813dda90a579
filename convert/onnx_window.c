/* onnx_window.c -- kernel, stride, padding, dilation; ONNX's automatic padding made explicit. */
#include "convert/onnx_window.h"

#include <string.h>

enum jc_status jc_check_image(struct jc_lowering *l, const struct jc_value *x) {
  char text[256];
  if (x->rank < 3 || x->rank > 2 + JC_WINDOW_MAX || jc_value_batch_axis(x) != 0)
    return jc_lower_fail(l, "expected an input [batch, channels, 1 to 3 dimensions], got %s",
                         jc_value_shape_text(x, text, sizeof text));
  return JC_OK;
}

const char *jc_spatial_kind(struct jc_lowering *l, const char *kind, uint32_t count) {
  return jc_arena_format(l->arena, l->error, "%s%ud", kind, count);
}

static enum jc_status read_list(struct jc_lowering *l, const char *name, uint32_t count,
                                int64_t least, int64_t *out) {
  const struct jc_onnx_attribute *attribute = jc_onnx_attribute(l->node, name);
  if (!attribute)
    return JC_OK;
  if (attribute->int_count != count)
    return jc_lower_fail(l, "%s: expected %u numbers, got %zu", name, count, attribute->int_count);
  for (uint32_t i = 0; i < count; i++) {
    out[i] = attribute->ints[i];
    if (out[i] < least || out[i] > INT32_MAX)
      return jc_lower_fail(l, "%s: expected numbers of %lld or more, got %lld", name,
                           (long long)least, (long long)out[i]);
  }
  return JC_OK;
}

/* SAME_UPPER and SAME_LOWER: the output has ceil(input / stride) positions. */
static void pad_same(struct jc_window *w, const struct jc_value *x, bool upper) {
  for (uint32_t i = 0; i < w->count; i++) {
    int64_t size = x->dims[2 + i].n, out = (size + w->stride[i] - 1) / w->stride[i];
    int64_t all = (out - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - size;
    if (all < 0)
      all = 0;
    w->begin[i] = upper ? all / 2 : all - all / 2;
    w->end[i] = all - w->begin[i];
  }
}

enum jc_status jc_window_read(struct jc_lowering *l, const struct jc_value *x,
                              const int64_t *kernel, struct jc_window *w) {
  if (jc_check_image(l, x) != JC_OK)
    return l->error->status;
  *w = (struct jc_window){.count = x->rank - 2, .ceil_mode = jc_onnx_int(l->node, "ceil_mode", 0)};
  for (uint32_t i = 0; i < w->count; i++) {
    w->stride[i] = w->dilation[i] = 1;
    w->kernel[i] = kernel ? kernel[i] : 0;
  }
  int64_t pads[2 * JC_WINDOW_MAX] = {0};
  if (read_list(l, "kernel_shape", w->count, 1, w->kernel) != JC_OK ||
      read_list(l, "strides", w->count, 1, w->stride) != JC_OK ||
      read_list(l, "dilations", w->count, 1, w->dilation) != JC_OK ||
      read_list(l, "pads", 2 * w->count, 0, pads) != JC_OK)
    return l->error->status;
  for (uint32_t i = 0; i < w->count; i++) {
    w->begin[i] = pads[i];
    w->end[i] = pads[w->count + i];
    if (w->kernel[i] < 1 || (kernel && kernel[i] != w->kernel[i]))
      return jc_lower_fail(l, "kernel_shape: expected %lld as the weights have it, got %lld",
                           kernel ? (long long)kernel[i] : 1LL, (long long)w->kernel[i]);
  }
  const char *automatic = jc_onnx_text(l->node, "auto_pad", "NOTSET");
  if (strcmp(automatic, "SAME_UPPER") == 0 || strcmp(automatic, "SAME_LOWER") == 0)
    pad_same(w, x, automatic[5] == 'U');
  else if (strcmp(automatic, "VALID") == 0)
    memset(w->begin, 0, sizeof w->begin), memset(w->end, 0, sizeof w->end);
  else if (*automatic && strcmp(automatic, "NOTSET") != 0)
    return jc_lower_fail(l, "auto_pad: unknown value '%.40s'", automatic);
  return JC_OK;
}

int64_t jc_window_out(const struct jc_window *w, uint32_t i, int64_t size) {
  int64_t padded = size + w->begin[i] + w->end[i];
  int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
  if (padded < extent)
    return 0;
  int64_t steps = padded - extent;
  int64_t out = (w->ceil_mode ? steps + w->stride[i] - 1 : steps) / w->stride[i] + 1;
  if (w->ceil_mode && (out - 1) * w->stride[i] >= size + w->begin[i])
    out--;
  return out;
}

struct jc_value *jc_window_pad(struct jc_lowering *l, struct jc_window *w, struct jc_value *x) {
  bool equal = true;
  for (uint32_t i = 0; i < w->count; i++)
    equal &= w->begin[i] == w->end[i];
  if (equal)
    return x;
  struct jc_value *padded = jc_new_value(l, x);
  struct jc_out_layer *layer = jc_emit1(l, "pad", x);
  if (!padded || !layer ||
      !(layer->name =
            jc_arena_format(l->arena, l->error, "%s.pad", layer->name ? layer->name : "x")))
    return NULL;
  int64_t sides[2 * JC_WINDOW_MAX];
  for (size_t i = 0; i < w->count; i++) { /* PyTorch begins with the last dimension */
    size_t k = w->count - 1 - i;
    sides[2 * i] = w->begin[k];
    sides[2 * i + 1] = w->end[k];
    padded->dims[2 + k].n += w->begin[k] + w->end[k];
    w->begin[k] = w->end[k] = 0;
  }
  for (uint32_t i = 0; i < 2 * w->count; i++)
    if (sides[i] < 0)
      return jc_lower_fail(l, "negative padding"), NULL;
  jc_layer_list(layer, "padding", sides, 2 * w->count);
  return jc_finish(l, layer, padded) == JC_OK ? padded : NULL;
}

void jc_window_fields(const struct jc_window *w, bool pool, struct jc_out_layer *layer) {
  bool padded = false, strided = false;
  for (uint32_t i = 0; i < w->count; i++) {
    padded |= w->begin[i] != 0;
    strided |= w->stride[i] != (pool ? w->kernel[i] : 1);
  }
  jc_layer_extent(layer, "kernel_size", w->kernel, w->count);
  if (strided)
    jc_layer_extent(layer, "stride", w->stride, w->count);
  if (padded)
    jc_layer_extent(layer, "padding", w->begin, w->count);
}
