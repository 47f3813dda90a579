/* small_networks.h -- for tests: networks written layer by layer in C, and their analysis.
 *
 *   struct sketch s;
 *   sketch_begin(&s, "tiny", 3, (const uint32_t[]){3, 8, 8});
 *   uint32_t x = sketch_add(&s, "conv", JC_LAYER_conv2d, conv(4, 3, 1, 1), 1, (uint32_t[]){0});
 *   x = sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
 *   const struct jc_analysis *analysis = sketch_analyze(&s);
 *
 * Layer i is reported as layers[i] of line i + 2, as a file with one layer a line would have it.
 */
#ifndef JC_TESTS_SMALL_NETWORKS_H
#define JC_TESTS_SMALL_NETWORKS_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "estimator/network.h"

enum { SKETCH_LAYERS = 40, SKETCH_EDGES = 160, SKETCH_INPUTS = 3, SKETCH_OUTPUTS = 3 };

/* A struct jc_shape: SHAPE(64, 16, 16). */
#define SHAPE(...)                                                                                 \
  ((struct jc_shape){.rank = sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t),                 \
                     .dim = {__VA_ARGS__}})

struct sketch {
  struct jc_input inputs[SKETCH_INPUTS];
  struct jc_layer layers[SKETCH_LAYERS];
  char where[SKETCH_LAYERS][24];
  uint32_t edges[SKETCH_EDGES];
  uint32_t outputs[SKETCH_OUTPUTS];
  struct jc_network network;
  JC_ANALYSIS_STORAGE(storage, SKETCH_LAYERS, SKETCH_INPUTS);
  struct jc_analysis analysis;
  struct jc_error error;
};

/* One more network input; returns its tensor. All inputs come before the first layer. */
static inline uint32_t sketch_input(struct sketch *s, const char *name, enum jc_dtype dtype,
                                    uint32_t rank, const uint32_t *dim) {
  struct jc_input *input = &s->inputs[s->network.input_count];
  cr_assert(s->network.layer_count == 0 && s->network.input_count < SKETCH_INPUTS);
  input->name = name;
  input->dtype = dtype;
  input->shape.rank = rank;
  memcpy(input->shape.dim, dim, rank * sizeof(*dim));
  return s->network.input_count++;
}

/* An empty network with one input of floats, tensor 0. */
static inline void sketch_begin(struct sketch *s, const char *name, uint32_t rank,
                                const uint32_t *dim) {
  memset(s, 0, sizeof(*s));
  s->network.name = name;
  s->network.inputs = s->inputs;
  s->network.layers = s->layers;
  s->network.inputs_of_layers = s->edges;
  s->network.outputs = s->outputs;
  s->network.output_count = 1;
  (void)sketch_input(s, "input", JC_DTYPE_FLOAT32, rank, dim);
}

/* Adds a layer that reads the tensors INPUTS; returns the tensor that it writes, which becomes the
 * network's output. */
static inline uint32_t sketch_add(struct sketch *s, const char *name, enum jc_layer_kind kind,
                                  union jc_layer_fields fields, uint32_t count,
                                  const uint32_t *inputs) {
  const uint32_t index = s->network.layer_count++;
  cr_assert(index < SKETCH_LAYERS && s->network.edge_count + count <= SKETCH_EDGES);
  (void)snprintf(s->where[index], sizeof(s->where[index]), "layers[%u]", index);
  s->layers[index] = (struct jc_layer){.name = name,
                                       .where = s->where[index],
                                       .line = index + 2,
                                       .kind = kind,
                                       .first_input = s->network.edge_count,
                                       .input_count = count,
                                       .trainable = true,
                                       .weight_from = JC_NONE,
                                       .fields = fields};
  if (count > 0)
    memcpy(s->edges + s->network.edge_count, inputs, count * sizeof(*inputs));
  s->network.edge_count += count;
  s->outputs[0] = s->network.input_count + index;
  return s->outputs[0];
}

/* Adds a layer that reads the layer before. */
static inline uint32_t sketch_then(struct sketch *s, const char *name, enum jc_layer_kind kind,
                                   union jc_layer_fields fields) {
  const uint32_t before =
      s->network.layer_count > 0 ? s->network.input_count + s->network.layer_count - 1 : 0;
  return sketch_add(s, name, kind, fields, 1, &before);
}

static inline struct jc_layer *sketch_last(struct sketch *s) {
  return &s->layers[s->network.layer_count - 1];
}

/* Analyses; on failure s->error says why. */
static inline enum jc_status sketch_try(struct sketch *s) {
  memset(&s->error, 0, sizeof(s->error));
  return jc_network_analyze(&s->network, &s->storage, sizeof(s->storage), &s->analysis, &s->error);
}

static inline const struct jc_analysis *sketch_analyze(struct sketch *s) {
  cr_assert_eq(sketch_try(s), JC_OK, "%s: %s", s->error.path, s->error.text);
  return &s->analysis;
}

/* Analyses what must fail, and compares the message with "line 4: layers[2].inputs: ...". */
static inline void sketch_expect_error(struct sketch *s, enum jc_status status,
                                       const char *message) {
  char found[1024];
  cr_assert_eq(sketch_try(s), status, "expected %s", message);
  cr_assert_eq(s->error.status, status);
  cr_assert_str_eq(jc_error_format(&s->error, found, sizeof(found)), message);
}

/* ---- fields, with PyTorch's defaults for what is not given ---- */

static inline union jc_layer_fields no_fields(void) {
  union jc_layer_fields fields;
  memset(&fields, 0, sizeof(fields));
  return fields;
}

static inline struct jc_extent both(uint32_t n) {
  return (struct jc_extent){.h = n, .w = n};
}

/* With a bias. */
static inline union jc_layer_fields conv(uint32_t out_channels, uint32_t kernel, uint32_t stride,
                                         uint32_t padding) {
  union jc_layer_fields fields = no_fields();
  fields.conv2d = (struct jc_conv){.out_channels = out_channels,
                                   .kernel_size = both(kernel),
                                   .stride = both(stride),
                                   .padding = {.h = padding, .w = padding},
                                   .dilation = both(1),
                                   .groups = 1,
                                   .bias = true};
  return fields;
}

static inline union jc_layer_fields conv_no_bias(uint32_t out_channels, uint32_t kernel,
                                                 uint32_t stride, uint32_t padding) {
  union jc_layer_fields fields = conv(out_channels, kernel, stride, padding);
  fields.conv2d.bias = false;
  return fields;
}

/* With a bias, without dilation. */
static inline union jc_layer_fields conv_groups(uint32_t out_channels, uint32_t kernel,
                                                uint32_t padding, uint32_t groups) {
  union jc_layer_fields fields = conv(out_channels, kernel, 1, padding);
  fields.conv2d.groups = groups;
  return fields;
}

static inline union jc_layer_fields linear(uint32_t out_features, bool bias) {
  union jc_layer_fields fields = no_fields();
  fields.linear = (struct jc_linear){.out_features = out_features, .bias = bias};
  return fields;
}

static inline union jc_layer_fields batchnorm(bool affine) {
  union jc_layer_fields fields = no_fields();
  fields.batchnorm2d = (struct jc_batchnorm){
      .eps = 1e-5, .momentum = 0.1, .affine = affine, .track_running_stats = true};
  return fields;
}

static inline union jc_layer_fields maxpool(uint32_t kernel, uint32_t stride, uint32_t padding) {
  union jc_layer_fields fields = no_fields();
  fields.maxpool2d = (struct jc_maxpool){.kernel_size = both(kernel),
                                         .stride = both(stride),
                                         .padding = both(padding),
                                         .dilation = both(1)};
  return fields;
}

static inline union jc_layer_fields avgpool(uint32_t kernel, uint32_t stride, uint32_t padding) {
  union jc_layer_fields fields = no_fields();
  fields.avgpool2d = (struct jc_avgpool){.kernel_size = both(kernel),
                                         .stride = both(stride),
                                         .padding = both(padding),
                                         .count_include_pad = true};
  return fields;
}

static inline union jc_layer_fields adaptive(uint32_t h, uint32_t w) {
  union jc_layer_fields fields = no_fields();
  fields.adaptive_avgpool2d.output_size = (struct jc_extent){.h = h, .w = w};
  return fields;
}

static inline union jc_layer_fields flatten_all(void) {
  union jc_layer_fields fields = no_fields();
  fields.flatten = (struct jc_flatten){.start_dim = 1, .end_dim = -1};
  return fields;
}

static inline union jc_layer_fields concat(int32_t dim) {
  union jc_layer_fields fields = no_fields();
  fields.concat.dim = dim;
  return fields;
}

static inline union jc_layer_fields softmax(int32_t dim) {
  union jc_layer_fields fields = no_fields();
  fields.softmax.dim = dim;
  return fields;
}

static inline union jc_layer_fields dropout(double p) {
  union jc_layer_fields fields = no_fields();
  fields.dropout.p = p;
  return fields;
}

static inline union jc_layer_fields pad(uint32_t count, const int32_t *padding) {
  union jc_layer_fields fields = no_fields();
  fields.pad.padding.count = count;
  memcpy(fields.pad.padding.value, padding, count * sizeof(*padding));
  return fields;
}

/* ---- a network whose counts are worked out by hand ---- */

/*            out       params       MACs            elementwise
 * input      3x8x8
 * conv1 3x3  4x8x8     4*27+4=112   256*27 = 6912   256 (bias)
 * relu1      4x8x8                                  256
 * pool1 2x2  4x4x4                                  64*4 = 256
 * flatten    64
 * fc         10        640 (no bias) 640
 * together             752          7552            768 */
static inline void make_tiny(struct sketch *s) {
  sketch_begin(s, "tiny", 3, (const uint32_t[]){3, 8, 8});
  (void)sketch_then(s, "conv1", JC_LAYER_conv2d, conv(4, 3, 1, 1));
  (void)sketch_then(s, "relu1", JC_LAYER_relu, no_fields());
  (void)sketch_then(s, "pool1", JC_LAYER_maxpool2d, maxpool(2, 2, 0));
  (void)sketch_then(s, "flatten", JC_LAYER_flatten, flatten_all());
  (void)sketch_then(s, "fc", JC_LAYER_linear, linear(10, false));
}

/* A layer by a drawn number, on A or, an add, on A and B: relu, bn, dropout, add, from 4 on conv.
 */
static inline void sketch_add_choice(struct sketch *s, uint32_t choice, const uint32_t ab[2]) {
  switch (choice) {
  case 0:
    (void)sketch_add(s, "relu", JC_LAYER_relu, no_fields(), 1, ab);
    break;
  case 1:
    (void)sketch_add(s, "bn", JC_LAYER_batchnorm2d, batchnorm(true), 1, ab);
    break;
  case 2:
    (void)sketch_add(s, "dropout", JC_LAYER_dropout, dropout(0.5), 1, ab);
    break;
  case 3:
    (void)sketch_add(s, "add", JC_LAYER_add, no_fields(), 2, ab);
    break;
  default:
    (void)sketch_add(s, "conv", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0), 1, ab);
  }
}

#endif
