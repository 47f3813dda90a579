/* plan_builder.h -- writes a sample network layer by layer, each after the one before. Internal to
 * the plan. */
#ifndef JC_CALIBRATE_PLAN_BUILDER_H
#define JC_CALIBRATE_PLAN_BUILDER_H

#include <math.h>
#include <stdbool.h>

#include "calibrate/random.h"
#include "estimator/json.h"

/* Name of a layer or of the input. */
struct tap {
  char name[12];
};

struct builder {
  struct jc_json_writer writer;
  struct random_stream random;
  uint32_t layers;
  struct tap last;   /* what the next layer reads unless told otherwise */
  uint32_t side;     /* height and width at `last`, roughly: for choosing strides */
  uint32_t channels; /* at `last` */
  uint32_t member;   /* how many of its family come before: for what must not be left to chance */
};

static inline void builder_start(struct builder *b, uint64_t seed, const char *name,
                                 uint32_t member, uint32_t channels, uint32_t side) {
  *b = (struct builder){.random = {seed}, .side = side, .channels = channels, .member = member};
  snprintf(b->last.name, sizeof(b->last.name), "input");
  jc_put_start(&b->writer, JC_JSON_COMPACT);
  jc_put_object(&b->writer, NULL);
  jc_put_string(&b->writer, "schema", "joulecast.model/1");
  jc_put_string(&b->writer, "name", name);
  jc_put_array(&b->writer, "input");
  jc_put_uint(&b->writer, NULL, channels);
  jc_put_uint(&b->writer, NULL, side);
  jc_put_uint(&b->writer, NULL, side);
  jc_put_end(&b->writer);
  jc_put_array(&b->writer, "layers");
}

/* Log-uniform in [low, high]. */
static inline double builder_log_uniform(struct builder *b, double low, double high) {
  return low * pow(high / low, random_unit(&b->random));
}

static inline bool builder_chance(struct builder *b, double probability) {
  return random_unit(&b->random) < probability;
}

/* Log-uniform; four in five are rounded to 16, as in real networks, the others left unaligned,
 * since vector layouts have cliffs there. */
static inline uint32_t builder_channels(struct builder *b, double low, double high) {
  const double c = builder_log_uniform(b, low, high);
  return builder_chance(b, 0.8) ? 16 * (uint32_t)fmax(1, round(c / 16)) : (uint32_t)fmax(1, c);
}

/* Opens a layer of kind TYPE that reads nothing and becomes the last one; its fields follow. */
static inline void layer_source(struct builder *b, const char *type) {
  snprintf(b->last.name, sizeof(b->last.name), "l%u", b->layers++);
  jc_put_object(&b->writer, NULL);
  jc_put_string(&b->writer, "name", b->last.name);
  jc_put_string(&b->writer, "type", type);
}

/* The same of a layer that reads FROM, or the last one, and perhaps SECOND. */
static inline void layer_open(struct builder *b, const char *type, const struct tap *from,
                              const struct tap *second) {
  const struct tap first = from != NULL ? *from : b->last;
  layer_source(b, type);
  jc_put_array(&b->writer, "inputs");
  jc_put_string(&b->writer, NULL, first.name);
  if (second != NULL)
    jc_put_string(&b->writer, NULL, second->name);
  jc_put_end(&b->writer);
}

static inline void layer_close(struct builder *b) {
  jc_put_end(&b->writer);
}

static inline void layer_plain(struct builder *b, const char *type) {
  layer_open(b, type, NULL, NULL);
  layer_close(b);
}

static inline void layer_join(struct builder *b, const char *type, const struct tap *a) {
  const struct tap here = b->last;
  layer_open(b, type, a, &here);
  layer_close(b);
}

struct conv_spec {
  uint32_t out, kernel, stride, groups; /* stride and groups: 0 means 1 */
  bool bias;
  bool patches; /* no padding: with stride = kernel, windows side by side */
};

static inline void layer_conv(struct builder *b, struct conv_spec spec) {
  const uint32_t stride = spec.stride > 0 ? spec.stride : 1;
  layer_open(b, "conv2d", NULL, NULL);
  jc_put_uint(&b->writer, "out_channels", spec.out);
  jc_put_uint(&b->writer, "kernel_size", spec.kernel);
  jc_put_uint(&b->writer, "stride", stride);
  jc_put_uint(&b->writer, "padding", spec.patches ? 0 : spec.kernel / 2);
  jc_put_uint(&b->writer, "groups", spec.groups > 0 ? spec.groups : 1);
  jc_put_bool(&b->writer, "bias", spec.bias);
  layer_close(b);
  b->channels = spec.out;
  b->side = spec.patches ? b->side / stride : (b->side + stride - 1) / stride;
}

static inline void put_pair(struct builder *b, const char *key, uint32_t h, uint32_t w) {
  jc_put_array(&b->writer, key);
  jc_put_uint(&b->writer, NULL, h);
  jc_put_uint(&b->writer, NULL, w);
  jc_put_end(&b->writer);
}

/* A window of ROWS rows and COLUMNS columns that moves down by one; side is its height. */
static inline void layer_conv_rows(struct builder *b, uint32_t out, uint32_t rows, uint32_t columns,
                                   bool padded) {
  const uint32_t padding = padded ? rows / 2 : 0;
  layer_open(b, "conv2d", NULL, NULL);
  jc_put_uint(&b->writer, "out_channels", out);
  put_pair(b, "kernel_size", rows, columns);
  put_pair(b, "padding", padding, 0);
  layer_close(b);
  b->channels = out;
  b->side = b->side + 2 * padding - rows + 1;
}

/* The largest of ROWS rows. */
static inline void layer_pool_rows(struct builder *b, uint32_t rows) {
  layer_open(b, "maxpool2d", NULL, NULL);
  put_pair(b, "kernel_size", rows, 1);
  layer_close(b);
  b->side /= rows;
}

static inline void layer_conv_norm(struct builder *b, struct conv_spec spec,
                                   const char *activation) {
  layer_conv(b, spec);
  layer_plain(b, "batchnorm2d");
  if (activation != NULL)
    layer_plain(b, activation);
}

static inline void layer_pool(struct builder *b, const char *type, uint32_t kernel,
                              uint32_t stride) {
  layer_open(b, type, NULL, NULL);
  jc_put_uint(&b->writer, "kernel_size", kernel);
  jc_put_uint(&b->writer, "stride", stride);
  jc_put_uint(&b->writer, "padding", kernel == 3 ? 1 : 0);
  layer_close(b);
  b->side = (b->side + stride - 1) / stride;
}

static inline void layer_linear(struct builder *b, uint32_t out) {
  layer_open(b, "linear", NULL, NULL);
  jc_put_uint(&b->writer, "out_features", out);
  layer_close(b);
  b->channels = out;
}

static inline void layer_dropout(struct builder *b, double p) {
  layer_open(b, "dropout", NULL, NULL);
  jc_put_real(&b->writer, "p", p);
  layer_close(b);
}

static inline void layer_global_pool(struct builder *b, uint32_t size) {
  layer_open(b, "adaptive_avgpool2d", NULL, NULL);
  jc_put_uint(&b->writer, "output_size", size);
  layer_close(b);
  b->side = size;
}

static inline void layer_stochastic_depth(struct builder *b, double p) {
  layer_open(b, "stochastic_depth", NULL, NULL);
  jc_put_real(&b->writer, "p", p);
  layer_close(b);
}

/* The mean over height and width, without a flatten behind it. */
static inline void layer_mean(struct builder *b) {
  layer_open(b, "mean", NULL, NULL);
  jc_put_array(&b->writer, "dim");
  jc_put_uint(&b->writer, NULL, 2);
  jc_put_uint(&b->writer, NULL, 3);
  jc_put_end(&b->writer);
  layer_close(b);
}

/* Channels behind positions, or back before them. */
static inline void layer_permute(struct builder *b, bool channels_last) {
  static const uint32_t orders[2][4] = {{0, 3, 1, 2}, {0, 2, 3, 1}};
  layer_open(b, "permute", NULL, NULL);
  jc_put_array(&b->writer, "dims");
  for (int i = 0; i < 4; i++)
    jc_put_uint(&b->writer, NULL, orders[channels_last][i]);
  jc_put_end(&b->writer);
  layer_close(b);
}

/* Every channel times a number that is learnt. */
static inline void layer_channel_scale(struct builder *b) {
  const struct tap input = b->last;
  layer_source(b, "parameter");
  jc_put_array(&b->writer, "shape");
  jc_put_uint(&b->writer, NULL, b->channels);
  jc_put_uint(&b->writer, NULL, 1);
  jc_put_uint(&b->writer, NULL, 1);
  jc_put_end(&b->writer);
  layer_close(b);
  const struct tap scale = b->last;
  b->last = input;
  layer_join(b, "mul", &scale);
}

/* One half of the channels of FROM. */
static inline void layer_half(struct builder *b, const struct tap *from, uint32_t index) {
  layer_open(b, "chunk", from, NULL);
  jc_put_uint(&b->writer, "chunks", 2);
  jc_put_uint(&b->writer, "index", index);
  layer_close(b);
}

static inline void layer_shuffle(struct builder *b, uint32_t groups) {
  layer_open(b, "channel_shuffle", NULL, NULL);
  jc_put_uint(&b->writer, "groups", groups);
  layer_close(b);
}

/* Classes: 10 to 1000. */
static inline void layer_classifier(struct builder *b) {
  layer_linear(b, (uint32_t)builder_log_uniform(b, 10, 1000));
}

#endif
