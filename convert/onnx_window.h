/* onnx_window.h -- the window of convolutions and pools: kernel, stride, padding, dilation.
 * Internal. */
#ifndef JC_CONVERT_ONNX_WINDOW_H
#define JC_CONVERT_ONNX_WINDOW_H

#include "convert/onnx_lower.h"

enum { JC_WINDOW_MAX = 3 };

struct jc_window {
  uint32_t count; /* spatial dimensions, 1 to 3 */
  int64_t kernel[JC_WINDOW_MAX], stride[JC_WINDOW_MAX], dilation[JC_WINDOW_MAX];
  int64_t begin[JC_WINDOW_MAX], end[JC_WINDOW_MAX]; /* padding */
  bool ceil_mode;
};

/* Reads the attributes of the node at hand for the image X ([batch, C, ...]); KERNEL (NULL: the
 * attribute must be there) is that of the weights, which must agree. */
enum jc_status jc_window_read(struct jc_lowering *l, const struct jc_value *x,
                              const int64_t *kernel, struct jc_window *window);

/* Size of the output along spatial dimension I, for an input of SIZE; 0 if the window does not fit.
 * PyTorch's rule for ceil_mode: the last window starts inside the input or its left padding. */
int64_t jc_window_out(const struct jc_window *window, uint32_t i, int64_t size);

/* X with its padding done by a layer of its own, if it differs from side to side; the window has
 * none then. NULL without memory. */
struct jc_value *jc_window_pad(struct jc_lowering *l, struct jc_window *window, struct jc_value *x);

/* The fields kernel_size, stride, padding of LAYER, where they are not the default of its kind: a
 * stride of 1, of the kernel's size for a POOL. */
void jc_window_fields(const struct jc_window *window, bool pool, struct jc_out_layer *layer);

/* X must be [batch, channels, 1 to 3 spatial dimensions]; a multiple of the batch is fine. */
enum jc_status jc_check_image(struct jc_lowering *l, const struct jc_value *x);

/* "conv" with 2 spatial dimensions -> "conv2d", in the arena; NULL without memory. */
const char *jc_spatial_kind(struct jc_lowering *l, const char *kind, uint32_t count);

#endif
