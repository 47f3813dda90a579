/* kinds_move.h -- catalogue blocks that move elements without computing: roll, pad, shuffles,
 * upsample. Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_MOVE_H
#define JC_ESTIMATOR_KINDS_MOVE_H

#include <math.h>

#include "estimator/kinds_common.h"

#define MOVE_KIND(kind_name, ...) /* summary and further members */                                \
  static const struct jc_kind kind_##kind_name = {                                                 \
      .name = #kind_name,                                                                          \
      FIELDS(kind_name##_fields),                                                                  \
      .min_inputs = 1,                                                                             \
      .max_inputs = 1,                                                                             \
      .shape = kind_name##_shape,                                                                  \
      .cost = cost_nothing,                                                                        \
      .summary = __VA_ARGS__,                                                                      \
  }

/* ---- roll ---- */

static const struct jc_field roll_fields[] = {
    FIELD_AS(struct jc_int_list, JC_FIELD_INTS, roll, shifts, .required = true,
             .minimum = -MAX_DIMENSION, .maximum = MAX_DIMENSION,
             .help = "places by which elements move"),
    FIELD_AS(struct jc_int_list, JC_FIELD_INTS, roll, dims, .required = true,
             .minimum = -JC_MAX_RANK, .maximum = JC_MAX_RANK,
             .help = "dimension of each shift (the batch is 0)"),
};

static enum jc_status roll_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                 struct jc_error *error) {
  const struct jc_roll *roll = &view->layer->fields.roll;
  uint32_t index;
  *out = *jc_view_input(view, 0);
  if (roll->shifts.count != roll->dims.count)
    return jc_fail(error, JC_ERROR_INVALID, 0, "dims", "expected a dimension for each of %u shifts",
                   roll->shifts.count);
  for (uint32_t i = 0; i < roll->dims.count; i++)
    if (require_dimension(out->rank, roll->dims.value[i], "dims", &index, error) != JC_OK)
      return error->status;
  return JC_OK;
}

MOVE_KIND(roll, "elements moved along dimensions, those beyond the end to the start");

/* ---- pad ---- */

enum { PAD_REFLECT = 1, PAD_CIRCULAR = 3 }; /* by their place in: */
static const char *const pad_modes[] = {"constant", "reflect", "replicate", "circular", NULL};

static const struct jc_field pad_fields[] = {
    LIST_FIELD(pad, padding, .required = true,
               .help = "before and after, from the last dimension on, as torch.nn.functional.pad; "
                       "negative crops"),
    FIELD_AS(uint32_t, JC_FIELD_CHOICE, pad, mode, .choices = pad_modes,
             .help = "what is put there"),
    FIELD(pad, value, .default_value = 0, .minimum = -1e30, .maximum = 1e30,
          .help = "the constant put there"),
};

/* A border of elements that are there once: reflect leaves out the edge itself. */
static enum jc_status check_pad_mode(uint32_t mode, int64_t border, uint32_t length,
                                     struct jc_error *error) {
  const int64_t most = mode == PAD_REFLECT    ? (int64_t)length - 1
                       : mode == PAD_CIRCULAR ? (int64_t)length
                                              : INT64_MAX;
  if (border > most)
    return jc_fail(error, JC_ERROR_INVALID, 0, "padding",
                   "expected at most %lld for mode \"%s\" of a dimension of %u, got %lld",
                   (long long)most, pad_modes[mode], length, (long long)border);
  return JC_OK;
}

static enum jc_status pad_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                struct jc_error *error) {
  const struct jc_pad *pad = &view->layer->fields.pad;
  const struct jc_int_list *padding = &pad->padding;
  *out = *jc_view_input(view, 0);
  if (padding->count % 2 != 0 || padding->count > 2 * out->rank)
    return jc_fail(error, JC_ERROR_INVALID, 0, "padding",
                   "expected two numbers for each of up to %u dimensions, got %u numbers",
                   out->rank, padding->count);
  for (uint32_t i = 0; i < padding->count; i += 2) {
    uint32_t *dim = &out->dim[out->rank - 1 - i / 2];
    const int64_t before = padding->value[i], after = padding->value[i + 1];
    const int64_t kept = *dim + (before < 0 ? before : 0) + (after < 0 ? after : 0);
    const int64_t length = *dim + before + after;
    if (kept < 0 || length < 1 || length > INT32_MAX)
      return jc_fail(error, JC_ERROR_INVALID, 0, "padding",
                     "%d and %d make a dimension of %u one of %lld", padding->value[i],
                     padding->value[i + 1], *dim, (long long)length);
    if (check_pad_mode(pad->mode, before > after ? before : after, *dim, error) != JC_OK)
      return error->status;
    *dim = (uint32_t)length;
  }
  return JC_OK;
}

MOVE_KIND(pad, "a border, or a crop where negative");

/* ---- channel_shuffle, pixel_shuffle, pixel_unshuffle ---- */

static const struct jc_field channel_shuffle_fields[] = {
    FIELD(channel_shuffle, groups, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "groups whose channels are dealt out in turn"),
};

static enum jc_status require_channels_of(const struct jc_layer_view *view, uint32_t rank,
                                          uint64_t divisor, const char *field,
                                          struct jc_error *error) {
  const struct jc_shape *in = jc_view_input(view, 0);
  char text[MESSAGE_SHAPE_BYTES];
  if (in->rank < rank)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected a tensor of channels and %u more dimensions, got %s", rank - 1,
                   jc_shape_format(in, text, sizeof(text)));
  if (in->dim[0] % divisor != 0)
    return jc_fail(error, JC_ERROR_INVALID, 0, field,
                   "expected a divisor of %u channels, got one of %llu", in->dim[0],
                   (unsigned long long)divisor);
  return JC_OK;
}

static enum jc_status channel_shuffle_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                            struct jc_error *error) {
  if (require_channels_of(view, 1, view->layer->fields.channel_shuffle.groups, "groups", error) !=
      JC_OK)
    return error->status;
  return shape_same(view, out, error);
}

MOVE_KIND(channel_shuffle, "channels of several groups dealt out in turn",
          .layout = JC_LAYOUT_AS_INPUT);

static const struct jc_field pixel_shuffle_fields[] = {
    FIELD(pixel_shuffle, upscale_factor, .required = true, .minimum = 1, .maximum = 65535,
          .help = "factor of height and width"),
};

static enum jc_status pixel_shuffle_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                          struct jc_error *error) {
  const uint64_t factor = view->layer->fields.pixel_shuffle.upscale_factor;
  if (require_rank(view, 3, "of channels x height x width", error) != JC_OK ||
      require_channels_of(view, 3, factor * factor, "upscale_factor", error) != JC_OK)
    return error->status;
  *out = *jc_view_input(view, 0);
  out->dim[0] /= (uint32_t)(factor * factor);
  for (uint32_t i = 1; i <= 2; i++) {
    if (require_length(out->dim[i] * factor, "upscale_factor", error) != JC_OK)
      return error->status;
    out->dim[i] *= (uint32_t)factor;
  }
  return JC_OK;
}

MOVE_KIND(pixel_shuffle, "channels laid out as pixels");

static const struct jc_field pixel_unshuffle_fields[] = {
    FIELD(pixel_unshuffle, downscale_factor, .required = true, .minimum = 1, .maximum = 65535,
          .help = "divisor of height and width"),
};

static enum jc_status pixel_unshuffle_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                            struct jc_error *error) {
  const uint32_t factor = view->layer->fields.pixel_unshuffle.downscale_factor;
  if (require_rank(view, 3, "of channels x height x width", error) != JC_OK)
    return error->status;
  *out = *jc_view_input(view, 0);
  for (uint32_t i = 1; i <= 2; i++) {
    if (out->dim[i] % factor != 0)
      return jc_fail(error, JC_ERROR_INVALID, 0, "downscale_factor",
                     "expected a divisor of height and width %ux%u, got %u",
                     jc_view_input(view, 0)->dim[1], jc_view_input(view, 0)->dim[2], factor);
    out->dim[i] /= factor;
  }
  const uint64_t channels = (uint64_t)out->dim[0] * factor * factor;
  out->dim[0] = (uint32_t)channels;
  return require_length(channels, "downscale_factor", error);
}

MOVE_KIND(pixel_unshuffle, "pixels laid out as channels");

/* ---- upsample ---- */

static const char *const upsample_modes[] = {"nearest", "nearest-exact", "linear", "bilinear",
                                             "bicubic", "trilinear",     "area",   NULL};

/* Dimensions behind the channels that a mode works on; 0: any. */
static const uint8_t upsample_spatial[] = {0, 0, 1, 2, 2, 3, 0};

/* Operations per output element: elements read, and weighted where there are several. */
static const uint8_t upsample_ops[] = {0, 0, 3, 7, 31, 15, 1};

static const struct jc_field upsample_fields[] = {
    FIELD_AS(struct jc_int_list, JC_FIELD_INTS, upsample, size, .minimum = 1,
             .maximum = MAX_DIMENSION, .help = "of the output: a number, or one per dimension"),
    FIELD(upsample, scale_factor, .default_value = 0, .minimum = 0, .maximum = 65535,
          .help = "factor of every dimension behind the channels, if no size is given"),
    FIELD_AS(uint32_t, JC_FIELD_CHOICE, upsample, mode, .choices = upsample_modes,
             .help = "how elements between others are made"),
    FIELD(upsample, align_corners, .default_value = 0,
          .help = "corners fall on corners (nothing here depends on it)"),
};

static enum jc_status upsample_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                     struct jc_error *error) {
  const struct jc_upsample *upsample = &view->layer->fields.upsample;
  *out = *jc_view_input(view, 0);
  if ((upsample->size.count == 0) == (upsample->scale_factor == 0))
    return jc_fail(error, JC_ERROR_INVALID, 0, "size", "expected either size or scale_factor");
  if (out->rank < 2 || (upsample->size.count > 1 && upsample->size.count != out->rank - 1)) {
    char text[MESSAGE_SHAPE_BYTES];
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected channels and the dimensions to enlarge, got %s",
                   jc_shape_format(out, text, sizeof(text)));
  }
  const uint32_t spatial = upsample_spatial[upsample->mode];
  if (spatial != 0 && out->rank != 1 + spatial)
    return jc_fail(error, JC_ERROR_INVALID, 0, "mode",
                   "\"%s\" needs %u dimensions behind the channels, the input has %u",
                   upsample_modes[upsample->mode], spatial, out->rank - 1);
  for (uint32_t i = 1; i < out->rank; i++) {
    const double scaled = floor(out->dim[i] * upsample->scale_factor);
    if (scaled > INT32_MAX || (upsample->size.count == 0 && scaled < 1))
      return jc_fail(error, JC_ERROR_INVALID, 0, "scale_factor",
                     "a dimension of %u becomes one of %.0f", out->dim[i], scaled);
    out->dim[i] = upsample->size.count == 0
                      ? (uint32_t)scaled
                      : (uint32_t)upsample->size.value[upsample->size.count == 1 ? 0 : i - 1];
  }
  return JC_OK;
}

static void upsample_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  cost->elementwise_ops =
      count_product(jc_shape_elements(&cost->out), upsample_ops[view->layer->fields.upsample.mode],
                    &cost->overflow);
}

static const struct jc_kind kind_upsample = {
    .name = "upsample",
    .summary = "another size behind the channels (torch.nn.functional.interpolate)",
    FIELDS(upsample_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = upsample_shape,
    .cost = upsample_cost,
};

#endif
