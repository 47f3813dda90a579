/* test_layerwise.c -- the layer-wise model worked out by hand: features of layers, one curve, one
 * step, and the forecast made of them. */
#include <math.h>

#include "tests/small_machine.h"

/* Logarithms are kept in single precision. */
static void near(double found, double expected, const char *what) {
  cr_assert(fabs(found - expected) <= 2e-6 * fmax(1, fabs(expected)), "%s: expected %.9g, got %.9g",
            what, expected, found);
}

static struct jc_layerwise_row row_of(const struct sketch *s, uint32_t layer, enum jc_phase phase,
                                      uint64_t batch) {
  struct jc_layerwise_row row;
  memset(&row, 0xa5, sizeof(row)); /* whatever it held before */
  jc_layerwise_features(&s->analysis, layer, phase, batch, &row);
  return row;
}

struct expected_x {
  int feature;
  double value;
};

/* The features listed; all others are 0. */
static void expect_row(const struct jc_layerwise_row *row, const char *type, enum jc_order order,
                       double flops, double bytes, const struct expected_x *x, size_t count) {
  double all[JC_SHAPE_FEATURES] = {0};
  for (size_t i = 0; i < count; i++)
    all[x[i].feature] = x[i].value;
  cr_assert(!row->absent, "%s is absent", type);
  cr_assert_str_eq(jc_type_name(row->type), type);
  cr_assert_eq(row->order, order, "%s: order '%s'", type, jc_order_name(row->order));
  near(row->flops, flops, type);
  near(row->bytes, bytes, type);
  for (int i = 0; i < JC_SHAPE_FEATURES; i++)
    cr_assert(fabs((double)row->x[i] - all[i]) <= 2e-6 * fmax(1, fabs(all[i])),
              "%s, %s: expected %.9g, got %.9g", type, jc_shape_feature_name((size_t)i), all[i],
              (double)row->x[i]);
}

#define EXPECT_ROW(row, type, order, flops, bytes, ...)                                            \
  expect_row((row), (type), (order), (flops), (bytes), (const struct expected_x[]){__VA_ARGS__},   \
             sizeof((const struct expected_x[]){__VA_ARGS__}) / sizeof(struct expected_x))

/* ---- features ---- */

/*             out       elements  params         MACs           reads
 * 0 conv1     16x8x8    1024      16*27 = 432    64*432 = 27648 input 3x8x8, 192
 * 1 bn        16x8x8    1024      32
 * 2 relu      16x8x8    1024                                    fused into bn; read by 3 and 4
 * 3 dw        16x8x8    1024      16*9+16 = 160  1024*9 = 9216  and 1024 of bias
 * 4 add       16x8x8    1024                                    2 and 3
 * 5 grouped   32x8x8    2048      32*36+32=1184  2048*36=73728  and 2048 of bias; 4 groups
 * 6 pool 2x2  32x4x4    512
 * 7 flatten   512       512
 * 8 fc        10        10        5130           5120           and 10 of bias
 * together              8202      6938 = 27752 bytes; activations 32808 bytes a sample
 * Batch 8: working set 2*8*32808 + 3*27752 = 608184 bytes. */
static void make_mixed(struct sketch *s) {
  sketch_begin(s, "mixed", 3, (const uint32_t[]){3, 8, 8});
  (void)sketch_then(s, "conv1", JC_LAYER_conv2d, conv_no_bias(16, 3, 1, 1));
  (void)sketch_then(s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  const uint32_t relu = sketch_then(s, "relu", JC_LAYER_relu, no_fields());
  const uint32_t dw = sketch_then(s, "dw", JC_LAYER_conv2d, conv_groups(16, 3, 1, 16));
  (void)sketch_add(s, "add", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){relu, dw});
  (void)sketch_then(s, "grouped", JC_LAYER_conv2d, conv_groups(32, 3, 1, 4));
  (void)sketch_then(s, "pool", JC_LAYER_maxpool2d, maxpool(2, 2, 0));
  (void)sketch_then(s, "flatten", JC_LAYER_flatten, flatten_all());
  (void)sketch_then(s, "fc", JC_LAYER_linear, linear(10, true));
  (void)sketch_analyze(s);
}

enum { MIXED_BATCH = 8 };
static const double mixed_set = 608184;
/* Of what is behind it, ELEMENTS a sample (a view counts nothing) and WEIGHTS. */
#define MIXED_REUSE(elements, weights)                                                             \
  { JC_SHAPE_reuse_distance, 0.5 * log(3 * 8 * 4.0 * (elements) + 2 * 4.0 * (weights) + 1e5) }
#define MIXED(bytes)                                                                               \
  {JC_SHAPE_bytes, 0.7 * log(bytes)}, {JC_SHAPE_working_set, 0.7 * log(mixed_set + 1)}, {          \
    JC_SHAPE_batch, log(8)                                                                         \
  }

/* Three input channels are not filled up in the FLOPs, but in the feature. Reads 768 and writes
 * 4096 bytes a sample, 1728 of weights; backward computes the gradient of the weights alone. */
Test(layerwise_features, first_convolution) {
  static struct sketch s;
  make_mixed(&s);
  for (int phase = JC_FORWARD; phase <= JC_BACKWARD; phase++) {
    const struct jc_layerwise_row row = row_of(&s, 0, (enum jc_phase)phase, MIXED_BATCH);
    EXPECT_ROW(&row, "conv2d.first", JC_ORDER_BLOCKS, 8 * 2 * 27648, 8 * 4864 + 1728, MIXED(40640),
               {JC_SHAPE_in_channels, log(3)}, {JC_SHAPE_out_channels, log(16)},
               {JC_SHAPE_out_positions, log(64)}, {JC_SHAPE_in_positions, log(64)},
               {JC_SHAPE_window, log(9)}, {JC_SHAPE_in_waste, 2 * log(16 / 3.0) + 1},
               {JC_SHAPE_out_width, 0.5 * log(8)}, MIXED_REUSE(6666, 6938 - 432));
  }
}

/* Forward moves 2 * 4096 a sample and 128 of weights. Backward reads gradient and input, writes a
 * gradient: 3 * 4096; 128 read and 128 written of weights; and sums two gradients of the relu into
 * one: 3 * 4096 more. */
Test(layerwise_features, batchnorm_with_a_relu_that_two_layers_read) {
  static struct sketch s;
  make_mixed(&s);
  const struct jc_layerwise_row forward = row_of(&s, 1, JC_FORWARD, MIXED_BATCH);
  EXPECT_ROW(&forward, "batchnorm2d.relu", JC_ORDER_BLOCKS, 0, 65664, MIXED(65664),
             {JC_SHAPE_in_channels, log(16)}, {JC_SHAPE_out_channels, log(16)},
             {JC_SHAPE_out_positions, log(64)}, {JC_SHAPE_in_positions, log(64)},
             {JC_SHAPE_input_gradient, 1.5}, {JC_SHAPE_after_convolution, 1},
             {JC_SHAPE_out_width, 0.5 * log(8)}, MIXED_REUSE(5642, 6938 - 464));
  const struct jc_layerwise_row backward = row_of(&s, 1, JC_BACKWARD, MIXED_BATCH);
  EXPECT_ROW(&backward, "batchnorm2d.relu", JC_ORDER_BLOCKS, 0, 98560 + 98304, MIXED(196864),
             {JC_SHAPE_in_channels, log(16)}, {JC_SHAPE_out_channels, log(16)},
             {JC_SHAPE_out_positions, log(64)}, {JC_SHAPE_in_positions, log(64)},
             {JC_SHAPE_input_gradient, 1.5}, {JC_SHAPE_after_convolution, 1},
             {JC_SHAPE_out_width, 0.5 * log(8)}, {JC_SHAPE_readers, 2 * log(2)},
             MIXED_REUSE(5642, 6938 - 464));
  for (int phase = JC_FORWARD; phase <= JC_UPDATE; phase++)
    cr_assert(row_of(&s, 2, (enum jc_phase)phase, MIXED_BATCH).absent, "the relu is in the other");
}

/* One input channel a group: that feature is 0, those of padding are of all channels together. */
Test(layerwise_features, depthwise_convolution) {
  static struct sketch s;
  make_mixed(&s);
  const struct jc_layerwise_row row = row_of(&s, 3, JC_FORWARD, MIXED_BATCH);
  EXPECT_ROW(&row, "conv2d.depthwise", JC_ORDER_BLOCKS, 8 * (2 * 9216 + 1024), 8 * 8192 + 640,
             MIXED(66176), {JC_SHAPE_out_channels, log(16)}, {JC_SHAPE_out_positions, log(64)},
             {JC_SHAPE_in_positions, log(64)}, {JC_SHAPE_window, log(9)},
             {JC_SHAPE_input_gradient, 1.5}, {JC_SHAPE_out_width, 0.5 * log(8)},
             MIXED_REUSE(1024 + 2048 + 512 + 10, 1184 + 5130));
}

/* 24 channels are computed as 32: a third more FLOPs. */
Test(layerwise_features, depthwise_convolution_of_a_block_and_a_half) {
  static struct sketch s;
  sketch_begin(&s, "dw", 3, (const uint32_t[]){24, 4, 4});
  (void)sketch_then(&s, "dw", JC_LAYER_conv2d, conv_groups(24, 3, 1, 24));
  (void)sketch_analyze(&s);
  const struct jc_layerwise_row row = row_of(&s, 0, JC_FORWARD, 1);
  near(row.flops, (2 * 24 * 16 * 9 + 24 * 16) * 32 / 24.0, "FLOPs");
  near((double)row.x[JC_SHAPE_in_waste], 2 * log(32 / 24.0) + 1, "padding");
  near((double)row.x[JC_SHAPE_out_waste], 2 * log(32 / 24.0) + 1, "padding");
  near((double)row.x[JC_SHAPE_in_channels], 0, "a channel a group");
}

/* Its inputs' gradients are its own: backward is nothing, unless several read it. */
Test(layerwise_features, add) {
  static struct sketch s;
  make_mixed(&s);
  const struct jc_layerwise_row row = row_of(&s, 4, JC_FORWARD, MIXED_BATCH);
  EXPECT_ROW(&row, "add", JC_ORDER_BLOCKS, 0, 8 * 3 * 4096, MIXED(98304), /* input 0 is a relu */
             {JC_SHAPE_in_channels, log(16)}, {JC_SHAPE_out_channels, log(16)},
             {JC_SHAPE_out_positions, log(64)}, {JC_SHAPE_in_positions, log(64)},
             {JC_SHAPE_input_gradient, 1.5}, {JC_SHAPE_inputs, log(2)},
             {JC_SHAPE_out_width, 0.5 * log(8)}, MIXED_REUSE(2048 + 512 + 10, 1184 + 5130));
  cr_assert(row_of(&s, 4, JC_BACKWARD, MIXED_BATCH).absent);
  cr_assert(row_of(&s, 4, JC_UPDATE, MIXED_BATCH).absent, "it has no parameters");
}

/* Three readers: four gradient traffics, of batch 2 and 64 elements. */
Test(layerwise_features, add_that_three_layers_read) {
  static struct sketch s;
  sketch_begin(&s, "fan", 1, (const uint32_t[]){8});
  const uint32_t a = sketch_then(&s, "a", JC_LAYER_linear, linear(64, false));
  const uint32_t b = sketch_then(&s, "b", JC_LAYER_relu, no_fields());
  const uint32_t x = sketch_add(&s, "x", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){a, b});
  const uint32_t p = sketch_add(&s, "p", JC_LAYER_relu, no_fields(), 1, &x);
  const uint32_t q = sketch_add(&s, "q", JC_LAYER_relu, no_fields(), 1, &x);
  (void)sketch_add(&s, "sum", JC_LAYER_add, no_fields(), 3, (const uint32_t[]){x, p, q});
  (void)sketch_analyze(&s);
  const struct jc_layerwise_row row = row_of(&s, 2, JC_BACKWARD, 2);
  cr_assert(!row.absent);
  near(row.flops, 0, "FLOPs");
  near(row.bytes, (3 + 1) * 2 * 64 * 4, "bytes");
  near((double)row.x[JC_SHAPE_readers], 2 * log(3), "readers");
  near((double)row_of(&s, 2, JC_FORWARD, 2).x[JC_SHAPE_readers], 0, "forward does not care");
  near((double)row_of(&s, 5, JC_FORWARD, 2).x[JC_SHAPE_inputs], log(3), "inputs");
}

/* Groups that read 4 channels take vectors of 4 where the machine has 16: four times the work. */
Test(layerwise_features, grouped_convolution) {
  static struct sketch s;
  make_mixed(&s);
  const struct jc_layerwise_row row = row_of(&s, 5, JC_BACKWARD, MIXED_BATCH);
  /* data: reads 8192 of gradient, writes 4096; weights 4736 read. weights: reads 4096 and 8192,
   * writes 4736. */
  EXPECT_ROW(&row, "conv2d.grouped", JC_ORDER_BLOCKS, 4 * 8 * (4 * 73728 + 2048),
             8 * (12288 + 12288) + 2 * 4736, MIXED(8 * 24576 + 9472.0),
             {JC_SHAPE_in_channels, log(4)}, {JC_SHAPE_out_channels, log(8)},
             {JC_SHAPE_out_positions, log(64)}, {JC_SHAPE_in_positions, log(64)},
             {JC_SHAPE_window, log(9)}, {JC_SHAPE_in_waste, 2 * log(4) + 1},
             {JC_SHAPE_out_waste, 2 * log(2) + 1}, {JC_SHAPE_groups, log(4)},
             {JC_SHAPE_input_gradient, 1.5}, {JC_SHAPE_out_width, 0.5 * log(8)},
             MIXED_REUSE(512 + 10, 5130));
}

/* Of a group's channels a vector takes 16, 8 or 4, whatever divides them, or one. */
Test(layerwise_features, vectors_of_grouped_convolutions) {
  static const struct {
    uint32_t channels; /* of a group */
    double waste;
  } cases[] = {{16, 1}, {48, 1}, {8, 2}, {24, 2}, {4, 4}, {12, 4}, {6, 16}, {7, 16}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const uint32_t channels = 2 * cases[i].channels;
    static struct sketch s;
    sketch_begin(&s, "grouped", 3, (const uint32_t[]){channels, 4, 4});
    (void)sketch_then(&s, "g", JC_LAYER_conv2d, conv_groups(channels, 1, 0, 2));
    (void)sketch_analyze(&s);
    const struct jc_layerwise_row row = row_of(&s, 0, JC_FORWARD, 1);
    /* 4 x 4 outputs a channel, each of so many products and a bias */
    near(row.flops, 16 * channels * (2.0 * cases[i].channels + 1) * cases[i].waste, "FLOPs");
    near((double)row.x[JC_SHAPE_in_waste], 2 * log(cases[i].waste) + (cases[i].waste > 1 ? 1 : 0),
         "in_waste");
  }
}

Test(layerwise_features, pool) {
  static struct sketch s;
  make_mixed(&s);
  /* Reads 8192, writes 2048 and 512 places of maxima. */
  const struct jc_layerwise_row row = row_of(&s, 6, JC_FORWARD, MIXED_BATCH);
  EXPECT_ROW(&row, "maxpool2d", JC_ORDER_BLOCKS, 0, 8 * (8192 + 2048 + 512), MIXED(86016),
             {JC_SHAPE_in_channels, log(32)}, {JC_SHAPE_out_channels, log(32)},
             {JC_SHAPE_out_positions, log(16)}, {JC_SHAPE_in_positions, log(64)},
             {JC_SHAPE_window, log(4)}, {JC_SHAPE_stride, 1.5}, {JC_SHAPE_input_gradient, 1.5},
             {JC_SHAPE_after_convolution, 1}, {JC_SHAPE_out_width, 0.5 * log(4)},
             MIXED_REUSE(10, 5130));
}

/* A view of a tensor in blocks is a copy in plain order, there and back. */
Test(layerwise_features, flatten_of_blocks) {
  static struct sketch s;
  make_mixed(&s);
  for (int phase = JC_FORWARD; phase <= JC_BACKWARD; phase++) {
    const struct jc_layerwise_row row = row_of(&s, 7, (enum jc_phase)phase, MIXED_BATCH);
    EXPECT_ROW(&row, "flatten", JC_ORDER_REORDERED, 0, 2 * 8 * 2048, MIXED(32768),
               {JC_SHAPE_in_channels, log(32)}, {JC_SHAPE_out_channels, log(512)},
               {JC_SHAPE_in_positions, log(16)}, {JC_SHAPE_reorders, 4},
               {JC_SHAPE_input_gradient, 1.5}, MIXED_REUSE(10, 5130));
  }
}

/* The same of plain tensors is nothing at all. */
Test(layerwise_features, flatten_of_a_plain_tensor) {
  static struct sketch s;
  sketch_begin(&s, "flat", 3, (const uint32_t[]){3, 4, 4});
  (void)sketch_then(&s, "flatten", JC_LAYER_flatten, flatten_all());
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(2, false));
  (void)sketch_analyze(&s);
  for (int phase = JC_FORWARD; phase <= JC_UPDATE; phase++)
    cr_assert(row_of(&s, 0, (enum jc_phase)phase, 4).absent);
}

/* Ten outputs are computed as sixteen. */
Test(layerwise_features, linear) {
  static struct sketch s;
  make_mixed(&s);
  const struct jc_layerwise_row row = row_of(&s, 8, JC_FORWARD, MIXED_BATCH);
  EXPECT_ROW(&row, "linear", JC_ORDER_BLOCKS, 8 * (2 * 5120 + 10) * 1.6, 8 * (2048 + 40) + 20520,
             MIXED(37224), {JC_SHAPE_in_channels, log(512)}, {JC_SHAPE_out_channels, log(10)},
             {JC_SHAPE_out_waste, 2 * log(1.6) + 1}, {JC_SHAPE_input_gradient, 1.5},
             MIXED_REUSE(0, 0));
}

/* Tokens have their features last: 8x4 of 48 in, 16 out. */
Test(layerwise_features, linear_of_tokens) {
  static struct sketch s;
  sketch_begin(&s, "tokens", 3, (const uint32_t[]){8, 4, 48});
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(20, false));
  (void)sketch_analyze(&s);
  const struct jc_layerwise_row row = row_of(&s, 0, JC_FORWARD, 1);
  near((double)row.x[JC_SHAPE_in_channels], log(48), "in");
  near((double)row.x[JC_SHAPE_out_channels], log(20), "out");
  near((double)row.x[JC_SHAPE_out_positions], log(32), "positions");
  near(row.flops, 2 * 32 * 48 * 20 * 32 / 20.0, "FLOPs");
}

/* Weight, gradient and momentum read, weight and momentum written: 5 x 4 bytes, whosever they are.
 */
Test(layerwise_features, update) {
  static struct sketch s;
  make_mixed(&s);
  const struct jc_layerwise_row row = row_of(&s, 8, JC_UPDATE, MIXED_BATCH);
  EXPECT_ROW(&row, "update", JC_ORDER_BLOCKS, 0, 20 * 5130, {JC_SHAPE_bytes, 0.7 * log(102600)},
             {JC_SHAPE_working_set, 0.7 * log(mixed_set + 1)});
  cr_assert(row_of(&s, 6, JC_UPDATE, MIXED_BATCH).absent, "a pool has no parameters");
}

Test(layerwise_features, frozen_layers_neither_go_back_nor_update) {
  static struct sketch s;
  make_mixed(&s);
  s.layers[0].trainable = false;
  (void)sketch_analyze(&s);
  cr_assert(!row_of(&s, 0, JC_FORWARD, 1).absent);
  cr_assert(row_of(&s, 0, JC_BACKWARD, 1).absent);
  cr_assert(row_of(&s, 0, JC_UPDATE, 1).absent);
}

/* The last input alone may leave its last block half empty. */
Test(layerwise_features, concat) {
  static struct sketch s;
  sketch_begin(&s, "concat", 3, (const uint32_t[]){3, 4, 4});
  const uint32_t image = 0;
  const uint32_t a = sketch_add(&s, "a", JC_LAYER_conv2d, conv(16, 3, 1, 1), 1, &image);
  (void)sketch_add(&s, "small", JC_LAYER_conv2d, conv(24, 3, 3, 1), 1, &image);
  const uint32_t b = sketch_add(&s, "b", JC_LAYER_conv2d, conv(24, 3, 1, 1), 1, &image);
  (void)sketch_add(&s, "aligned", JC_LAYER_concat, concat(1), 2, (const uint32_t[]){a, b});
  const uint32_t plain =
      sketch_add(&s, "unaligned", JC_LAYER_concat, concat(1), 2, (const uint32_t[]){b, a});
  (void)sketch_add(&s, "relu", JC_LAYER_relu, no_fields(), 1, &plain);
  (void)sketch_add(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true), 1, &plain);
  (void)sketch_analyze(&s);
  cr_assert_eq(row_of(&s, 3, JC_FORWARD, 1).order, JC_ORDER_PADDED, "40 channels in blocks");
  near((double)row_of(&s, 3, JC_FORWARD, 1).x[JC_SHAPE_reorders], 0, "aligned");
  cr_assert_eq(row_of(&s, 4, JC_FORWARD, 1).order, JC_ORDER_REORDERED);
  near((double)row_of(&s, 4, JC_FORWARD, 1).x[JC_SHAPE_reorders], 4, "unaligned");
  cr_assert_eq(row_of(&s, 5, JC_FORWARD, 1).order, JC_ORDER_PLAIN, "it reads a plain tensor");
  cr_assert_eq(row_of(&s, 6, JC_FORWARD, 1).order, JC_ORDER_REORDERED, "worth a copy into blocks");
  near((double)row_of(&s, 1, JC_FORWARD, 1).x[JC_SHAPE_stride], 3, "stride 3");
}

/* A piece inside a block is copied into plain order; one of whole blocks is copied too, in blocks.
 */
Test(layerwise_features, chunk) {
  static struct sketch s;
  union jc_layer_fields half = no_fields();
  half.chunk = (struct jc_chunk){.chunks = 2, .dim = 1, .index = 1};
  sketch_begin(&s, "chunk", 3, (const uint32_t[]){3, 4, 4});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv(64, 3, 1, 1));
  (void)sketch_then(&s, "half", JC_LAYER_chunk, half);
  (void)sketch_then(&s, "quarter", JC_LAYER_chunk, half);
  (void)sketch_then(&s, "eighth", JC_LAYER_chunk, half);
  (void)sketch_analyze(&s);
  cr_assert_eq(row_of(&s, 1, JC_FORWARD, 2).order, JC_ORDER_BLOCKS);
  near(row_of(&s, 1, JC_FORWARD, 2).bytes, 2 * 2 * 32 * 16 * 4, "a copy");
  cr_assert_eq(row_of(&s, 2, JC_FORWARD, 2).order, JC_ORDER_BLOCKS);
  cr_assert_eq(row_of(&s, 3, JC_FORWARD, 2).order, JC_ORDER_REORDERED);
}

/* Made from parameters alone, it runs once a step: its batch is 1, but the network around it is as
 * large as ever. The parameter itself is a view and has no input. */
Test(layerwise_features, layers_without_batch) {
  static struct sketch s;
  union jc_layer_fields table = no_fields();
  table.parameter.shape = (struct jc_int_list){.count = 1, .value = {8}};
  sketch_begin(&s, "per_step", 1, (const uint32_t[]){8});
  const uint32_t p = sketch_add(&s, "p", JC_LAYER_parameter, table, 0, NULL);
  const uint32_t once = sketch_add(&s, "once", JC_LAYER_linear, linear(8, false), 1, &p);
  (void)sketch_add(&s, "sum", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){0, once});
  (void)sketch_analyze(&s);
  const struct jc_layerwise_row one = row_of(&s, 1, JC_FORWARD, 1),
                                many = row_of(&s, 1, JC_FORWARD, 1000);
  cr_assert(!many.absent);
  near(many.bytes, one.bytes, "bytes");
  near((double)many.x[JC_SHAPE_batch], 0, "batch");
  cr_assert_gt(many.x[JC_SHAPE_working_set], one.x[JC_SHAPE_working_set], "the network is larger");
  cr_assert_gt(many.x[JC_SHAPE_reuse_distance], one.x[JC_SHAPE_reuse_distance]);
  cr_assert(row_of(&s, 0, JC_FORWARD, 1000).absent, "the parameter is a view");
  /* A network that ends in a layer without inputs: nothing is read behind the list of edges. */
  sketch_begin(&s, "last", 1, (const uint32_t[]){8});
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(8, false));
  (void)sketch_add(&s, "p", JC_LAYER_parameter, table, 0, NULL);
  (void)sketch_analyze(&s);
  near((double)row_of(&s, 1, JC_FORWARD, 2).x[JC_SHAPE_after_convolution], 0, "it reads nothing");
}

Test(layerwise_features, names) {
  cr_assert_str_eq(jc_shape_feature_name(0), "batch");
  cr_assert_str_eq(jc_shape_feature_name(JC_SHAPE_readers), "readers");
  cr_assert_null(jc_shape_feature_name(JC_SHAPE_FEATURES));
  cr_assert_str_eq(jc_order_name(JC_ORDER_BLOCKS), "");
  cr_assert_str_eq(jc_order_name(JC_ORDER_REORDERED), "reordered");
  cr_assert_eq(jc_power_group_of(JC_UPDATE, 0), JC_POWER_UPDATE);
  cr_assert_eq(jc_power_group_of(JC_BACKWARD, 1), JC_POWER_PRODUCTS);
  cr_assert_eq(jc_power_group_of(JC_FORWARD, 0), JC_POWER_OTHERS);
  cr_assert_str_eq(jc_power_group_name(JC_POWER_OTHERS), "others");
}

/* ---- one curve ---- */

static struct jc_curve *add_curve(struct jc_layerwise *model, const char *type, enum jc_order order,
                                  enum jc_phase phase, double call_s) {
  struct jc_curve *curve = &model->curves[model->curve_count++];
  cr_assert_lt(jc_type_find(type), JC_TYPE_COUNT, "%s", type);
  *curve = (struct jc_curve){.type = jc_type_find(type),
                             .order = order,
                             .phase = phase,
                             .rows = 10,
                             .networks = 10,
                             .call_s = call_s,
                             .residual_min = -0.5,
                             .residual_max = 0.5,
                             .noise = 0.04};
  return curve;
}

/* t = (0.001 + max(1e-9 F, 2e-9 B)) exp(0.1 + 0.2 k(x, 0) - 0.3 k(x, 1)), x half the batch
 * feature. */
static struct jc_curve *make_curve(struct jc_layerwise *model) {
  memset(model, 0, sizeof(*model));
  struct jc_curve *curve = add_curve(model, "relu", JC_ORDER_BLOCKS, JC_FORWARD, 1e-3);
  curve->flop_s = 1e-9;
  curve->byte_s = 2e-9;
  curve->mean = 0.1;
  curve->signal = 0.25;
  curve->support_count = model->support_count = 2;
  curve->x_max[JC_SHAPE_batch] = 2;
  model->scale_count = 1;
  model->scales[0][JC_SHAPE_batch] = 0.5F;
  model->support[1][JC_SHAPE_batch] = 1;
  model->weight[0] = 0.2F;
  model->weight[1] = -0.3F;
  model->kappa = 1;
  return curve;
}

static struct jc_layerwise_row relu_row(double flops, double bytes, double batch_feature) {
  struct jc_layerwise_row row = {
      .type = jc_type_find("relu"), .phase = JC_FORWARD, .flops = flops, .bytes = bytes};
  row.x[JC_SHAPE_batch] = (float)batch_feature;
  return row;
}

static double seconds(const struct jc_layerwise *model, struct jc_layerwise_row row) {
  return jc_layerwise_time(model, &row).time_s;
}

Test(layerwise_curve, roofline_switches_where_both_are_equal) {
  static struct jc_layerwise model;
  const struct jc_curve *curve = make_curve(&model);
  static const double cases[][3] = {
      {0, 500, 1e-3 + 1e-6},        {999, 500, 1e-3 + 1e-6},  {1000, 500, 1e-3 + 1e-6},
      {1001, 500, 1e-3 + 1.001e-6}, {4000, 500, 1e-3 + 4e-6},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const struct jc_layerwise_row row = relu_row(cases[i][0], cases[i][1], 0);
    cr_assert_float_eq(jc_curve_roofline_s(curve, &row), cases[i][2], 1e-15);
  }
}

Test(layerwise_curve, residual_is_a_sum_of_kernels) {
  static struct jc_layerwise model;
  (void)make_curve(&model);
  const struct jc_layerwise_row row = relu_row(0, 1e6, 1); /* x = 0.5 */
  const struct jc_layerwise_time t = jc_layerwise_time(&model, &row);
  const double k = exp(-0.125);
  near(t.time_s / 3e-3, exp(0.1 + (0.2 - 0.3) * k), "seconds");
  near(t.similarity, k, "similarity");
  near(t.variance, 0.04 + 0.25 * (1 - k * k), "variance");
  cr_assert(t.known && !jc_layerwise_is_distant(&t));
  /* On a support row nothing is left open but the noise. */
  const struct jc_layerwise_row on = relu_row(0, 1e6, 2);
  near(jc_layerwise_time(&model, &on).variance, 0.04, "variance on a sample");
}

/* x counts up to 0.3 beyond the samples: 2.3, however far it goes. */
Test(layerwise_curve, features_are_clamped) {
  static struct jc_layerwise model;
  (void)make_curve(&model);
  const double at_edge = exp(0.1 + 0.2 * exp(-0.5 * 2.3 * 2.3) - 0.3 * exp(-0.5 * 1.3 * 1.3));
  near(seconds(&model, relu_row(0, 1e6, 4.6)) / 3e-3, at_edge, "at the edge");
  near(seconds(&model, relu_row(0, 1e6, 1000)) / 3e-3, at_edge, "far beyond");
  const double below = exp(0.1 + 0.2 * exp(-0.5 * 0.3 * 0.3) - 0.3 * exp(-0.5 * 1.3 * 1.3));
  near(seconds(&model, relu_row(0, 1e6, -1000)) / 3e-3, below, "far below");
}

Test(layerwise_curve, residual_is_clipped) {
  static struct jc_layerwise model;
  (void)make_curve(&model);
  model.weight[0] = 50;
  near(seconds(&model, relu_row(0, 1e6, 0)) / 3e-3, exp(0.5), "above");
  model.weight[0] = -50;
  near(seconds(&model, relu_row(0, 1e6, 0)) / 3e-3, exp(-0.5), "below");
}

/* Far from all samples the mean of the residual is all that is known. */
Test(layerwise_curve, far_from_samples_the_roofline_decides) {
  static struct jc_layerwise model;
  struct jc_curve *curve = make_curve(&model);
  curve->x_max[JC_SHAPE_batch] = 9;
  const struct jc_layerwise_row row = relu_row(0, 1e6, 16); /* x = 8, 7 length scales away */
  const struct jc_layerwise_time t = jc_layerwise_time(&model, &row);
  near(t.time_s / 3e-3, exp(0.1), "seconds");
  near(t.variance, 0.29, "variance");
  cr_assert(t.known && jc_layerwise_is_distant(&t));
}

/* Its own curve; another order's; that of all layers with or without products; none. */
Test(layerwise_curve, unknown_types_fall_back) {
  static struct jc_layerwise model;
  memset(&model, 0, sizeof(model));
  model.kappa = 1;
  model.scale_count = 1;
  (void)add_curve(&model, "relu", JC_ORDER_PADDED, JC_FORWARD, 1);
  (void)add_curve(&model, "relu", JC_ORDER_PADDED, JC_BACKWARD, 2);
  (void)add_curve(&model, "relu", JC_ORDER_REORDERED, JC_FORWARD, 3);
  (void)add_curve(&model, "any", JC_ORDER_BLOCKS, JC_FORWARD, 4);
  (void)add_curve(&model, "any", JC_ORDER_PLAIN, JC_FORWARD, 5);
  static const struct {
    const char *type;
    enum jc_order order;
    enum jc_phase phase;
    double flops, time_s;
    bool known;
  } cases[] = {
      {"relu", JC_ORDER_PADDED, JC_FORWARD, 0, 1, true},
      {"relu", JC_ORDER_PADDED, JC_BACKWARD, 0, 2, true},
      {"relu", JC_ORDER_REORDERED, JC_FORWARD, 0, 3, true},
      {"relu", JC_ORDER_BLOCKS, JC_FORWARD, 0, 1, false},
      {"relu", JC_ORDER_PLAIN, JC_BACKWARD, 0, 2, false},
      {"gelu", JC_ORDER_BLOCKS, JC_FORWARD, 0, 5, false},
      {"linear", JC_ORDER_BLOCKS, JC_FORWARD, 10, 4, false},
      {"linear", JC_ORDER_BLOCKS, JC_BACKWARD, 10, 0, false},
      {"update", JC_ORDER_BLOCKS, JC_UPDATE, 0, 0, false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct jc_layerwise_row row = {.type = jc_type_find(cases[i].type),
                                   .order = cases[i].order,
                                   .phase = cases[i].phase,
                                   .flops = cases[i].flops,
                                   .bytes = 64};
    const struct jc_layerwise_time t = jc_layerwise_time(&model, &row);
    near(t.time_s, cases[i].time_s, cases[i].type);
    cr_assert_eq(t.known, cases[i].known, "%s, case %zu", cases[i].type, i);
    cr_assert_eq(jc_layerwise_curve(&model, &row) == NULL, cases[i].time_s == 0, "case %zu", i);
    cr_assert(jc_layerwise_is_distant(&t), "there are no support rows");
  }
}

/* All curves of all types, orders and phases are found, and no other. */
Test(layerwise_curve, bisection_finds_every_curve) {
  static struct jc_layerwise model;
  memset(&model, 0, sizeof(model));
  for (uint16_t type = 0; type < JC_TYPE_COUNT && model.curve_count < JC_MAX_CURVES; type += 3)
    for (int order = 0; order < JC_ORDER_COUNT; order += 2)
      if (jc_type_name(type) != NULL && model.curve_count < JC_MAX_CURVES)
        (void)add_curve(&model, jc_type_name(type), (enum jc_order)order,
                        (enum jc_phase)(type % JC_PHASE_COUNT), 1);
  cr_assert_gt(model.curve_count, 40);
  for (uint32_t i = 0; i < model.curve_count; i++) {
    const struct jc_layerwise_row row = {.type = model.curves[i].type,
                                         .order = model.curves[i].order,
                                         .phase = model.curves[i].phase};
    cr_assert_eq(jc_layerwise_curve(&model, &row), &model.curves[i], "curve %u", i);
  }
}

/* ---- one step ---- */

/* make_small by constants, and what no layer has: 10 + 3 layers + 0.5 x 10 samples x 2 classes =
 * 23 s; all times 2.
 *          forward  backward  update
 * fc1      1        2         0.125
 * relu     0.5      0.25
 * fc2      1        2         0.125     together 7 */
static void make_step_model(struct jc_layerwise *model) {
  memset(model, 0, sizeof(*model));
  model->scale_count = 1;
  model->kappa = 2;
  model->step_s[0] = 10;
  model->step_s[1] = 1;
  model->step_s[2] = 0.5;
  model->power_w[JC_POWER_PRODUCTS] = 3;
  model->power_w[JC_POWER_OTHERS] = 5;
  model->power_w[JC_POWER_UPDATE] = 7;
  (void)add_curve(model, "linear", JC_ORDER_BLOCKS, JC_FORWARD, 1);
  (void)add_curve(model, "linear", JC_ORDER_BLOCKS, JC_BACKWARD, 2);
  (void)add_curve(model, "relu", JC_ORDER_PLAIN, JC_FORWARD, 0.5);
  (void)add_curve(model, "relu", JC_ORDER_PLAIN, JC_BACKWARD, 0.25);
  (void)add_curve(model, "update", JC_ORDER_BLOCKS, JC_UPDATE, 0.125);
  for (int i = 0; i < JC_DIFFICULTIES; i++)
    model->time_interval.deviation[i] = model->energy_interval.deviation[i] = 1;
  for (int i = 0; i < 3; i++) {
    model->time_interval.width[i] = 0.1 * (i + 1);
    model->energy_interval.width[i] = 0.2 * (i + 1);
  }
}

Test(layerwise_step, sums) {
  static struct sketch s;
  static struct jc_layerwise model;
  struct jc_layerwise_step step;
  make_small(&s);
  (void)sketch_analyze(&s);
  make_step_model(&model);
  near(jc_layerwise_fixed_s(&model, &s.analysis, 10), 23, "fixed");
  jc_layerwise_step(&model, &s.analysis, 10, false, &step);
  near(step.fixed_s, 23, "fixed");
  near(step.time_s, 2 * (7 + 23), "step");
  near(step.group_s[JC_POWER_PRODUCTS], 6, "products");
  near(step.group_s[JC_POWER_OTHERS], 0.75, "others");
  near(step.group_s[JC_POWER_UPDATE], 0.25, "update");
  near(step.active_j, 2 * (3 * 6 + 5 * 0.75 + 7 * 0.25 + 5 * 23), "joules above idle");
  near(step.unknown_s, 0, "all types are known");
  near(step.distant_s, 7, "but nothing is near");
  double groups_s = 0;
  for (int g = 0; g < JC_POWER_GROUP_COUNT; g++)
    groups_s += step.group_s[g];
  near(model.kappa * (groups_s + step.fixed_s), step.time_s, "groups and fixed are all");
  jc_layerwise_step(&model, &s.analysis, 10, true, &step);
  near(step.time_s, 2 * (2.5 + 23), "forward");
}

/* Deviations of a type add up as they are, sqrt(0.04) = 0.2 of each; of the five as squares:
 * 0.04 (2^2 + 4^2 + 0.5^2 + 2 * 0.25^2) / 7^2. */
Test(layerwise_step, difficulty) {
  static struct sketch s;
  static struct jc_layerwise model;
  struct jc_layerwise_step step;
  const double concentration = 20.375 / 49;
  make_small(&s);
  (void)sketch_analyze(&s);
  make_step_model(&model);
  jc_layerwise_step(&model, &s.analysis, 10, false, &step);
  const double *d = step.difficulty;
  near(d[JC_DIFFICULTY_deviation], log(0.2 * sqrt(concentration) + 0.01), "deviation");
  near(d[JC_DIFFICULTY_seconds], log(7), "seconds");
  near(d[JC_DIFFICULTY_unaligned], 0.75 / 7, "unaligned");
  near(d[JC_DIFFICULTY_linear], 6.25 / 7, "linear, its update included");
  near(d[JC_DIFFICULTY_grouped], 0, "grouped");
  near(d[JC_DIFFICULTY_concentration], concentration, "concentration");
}

Test(layerwise_step, interval_unit) {
  struct jc_interval_model m = {.intercept = -2};
  double difficulty[JC_DIFFICULTIES];
  double sum = -2;
  for (int i = 0; i < JC_DIFFICULTIES; i++) {
    m.weight[i] = 0.1 * (i + 1);
    m.mean[i] = i;
    m.deviation[i] = 0.5 + i;
    difficulty[i] = 2 * i + 0.25;
    sum += 0.1 * (i + 1) * (i + 0.25) / (0.5 + i);
  }
  near(jc_interval_unit(&m, difficulty), exp(sum), "unit");
}

/* A step grows with the batch, and is finite even where the counts nearly leave 64 bits. */
Test(layerwise_step, grows_with_the_batch_and_stays_finite) {
  static struct sketch s;
  static struct jc_layerwise model;
  make_mixed(&s);
  memset(&model, 0, sizeof(model));
  model.kappa = 1;
  model.scale_count = 1;
  (void)add_curve(&model, "update", JC_ORDER_BLOCKS, JC_UPDATE, 1e-6);
  for (int i = 0; i < 4; i++) {
    struct jc_curve *curve = add_curve(&model, "any", i < 2 ? JC_ORDER_BLOCKS : JC_ORDER_PLAIN,
                                       i % 2 == 0 ? JC_FORWARD : JC_BACKWARD, 1e-6);
    curve->flop_s = 1e-11;
    curve->byte_s = 1e-10;
  }
  double before_s = 0;
  for (uint64_t batch = 1; batch <= UINT64_C(1) << 31; batch *= 2) {
    struct jc_layerwise_step step;
    jc_layerwise_step(&model, &s.analysis, batch, false, &step);
    cr_assert(isfinite(step.time_s) && step.time_s > before_s, "batch %llu: %g s after %g s",
              (unsigned long long)batch, step.time_s, before_s);
    for (int i = 0; i < JC_DIFFICULTIES; i++)
      cr_assert(isfinite(step.difficulty[i]), "batch %llu", (unsigned long long)batch);
    before_s = step.time_s;
  }
}

/* ---- the forecast ---- */

static void give_model(struct bench *b) {
  make_step_model(&b->profile.layerwise);
  b->profile.layerwise_energy_error = b->profile.energy_error;
  b->profile.layerwise_time_error = b->profile.time_error;
}

/* Steps of 60 s and 277 + 2 x 60 J, of them 46 s and 2 x 5 x 23 + 92 J in no layer. Start-up: 3 +
 * 2 x 3 + 0.5 x 60 = 39 s at 10 W. 4 validations of 2 x 2.5 s, and 46 s again. */
Test(layerwise_method, two_epochs) {
  static struct bench b;
  bench_begin(&b);
  give_model(&b);
  const struct jc_estimate *e = bench_run(&b, "layerwise");
  near(e->time_per_step_s, 60, "seconds of a step");
  near(e->energy_per_step_j, 277 + 120, "joules of a step");
  near(e->overhead_s, 10 * 46 + 39, "overhead");
  near(e->overhead_j, 10 * (230 + 92) + 390, "overhead");
  near(e->time_s, 6 * 14 + 4 * 5 + 460 + 39, "time");
  /* 6 x 2 x (18 + 3.75 + 1.75) of layers, 4 x 2 x (3 x 2 + 5 x 0.5), and idle */
  near(e->energy_j, 12 * 23.5 + 8 * 8.5 + 2 * (84 + 20) + 3220 + 390, "energy");
  near(e->energy_above_idle_j, e->energy_j - 2 * e->time_s, "above idle");
  near(e->layers[0].time_s, 6 * 2 * 3.125 + 4 * 2 * 1, "fc1");
  near(e->layers[1].time_s, 6 * 2 * 0.75 + 4 * 2 * 0.5, "relu");
  near(e->phases[JC_RESULT_UPDATE].time_s, 6 * 2 * 0.25, "update");
  cr_assert_str_eq(e->domain, "package+dram");
  assert_sums(&b);
}

/* Nothing is near a sample: it says so, and doubles. The unit is exp(0) = 1. */
Test(layerwise_method, distant_layers_are_extrapolated) {
  static struct bench b;
  bench_begin(&b);
  give_model(&b);
  b.problem.interval = 0.8;
  const struct jc_estimate *e = bench_run(&b, "layerwise");
  cr_assert(e->extrapolated && has_note(e, "unlike any calibrated one"));
  near(e->extrapolated_share, 1, "share");
  near(log(e->energy_high_j / e->energy_j), 2 * 0.4, "energy");
  near(log(e->time_high_s / e->time_s), 2 * 0.2, "time");
  near(log(e->time_s / e->time_low_s), 2 * 0.2, "time");
}

static void support_curves(struct jc_layerwise *model) {
  for (uint32_t i = 0; i < model->curve_count; i++) {
    model->curves[i].first_support = model->support_count++;
    model->curves[i].support_count = 1;
  }
}

Test(layerwise_method, near_layers_are_not) {
  static struct bench b;
  bench_begin(&b);
  give_model(&b);
  support_curves(&b.profile.layerwise); /* all features count nothing: all layers are alike */
  const struct jc_estimate *e = bench_run(&b, "layerwise");
  cr_assert(!e->extrapolated);
  cr_assert_eq(e->note_count, 0, "%s", e->notes[0]);
  near(e->extrapolated_share, 0, "share");
  near(log(e->time_high_s / e->time_s), 0.3, "time");
  near(log(e->energy_high_j / e->energy_j), 0.6, "energy");
  b.profile.flops_max = 940 / 100.0;
  e = bench_run(&b, "layerwise");
  cr_assert(e->extrapolated && has_note(e, "100 times"), "a large step is");
}

Test(layerwise_method, too_few_networks_for_an_interval) {
  static struct bench b;
  bench_begin(&b);
  give_model(&b);
  support_curves(&b.profile.layerwise);
  b.profile.layerwise_energy_error.networks = 8;
  b.profile.layerwise.time_interval.width[2] = b.profile.layerwise.energy_interval.width[2] = NAN;
  const struct jc_estimate *e = bench_run(&b, "layerwise");
  cr_assert(isnan(e->energy_low_j) && isnan(e->energy_high_j) && isnan(e->time_low_s));
  cr_assert(has_note(e, "no 90 % interval: 8 sample networks are too few for it"), "%s",
            e->notes[0]);
}

/* The difficulty widens by what the fit found. */
Test(layerwise_method, interval_follows_the_difficulty) {
  static struct bench b;
  bench_begin(&b);
  give_model(&b);
  support_curves(&b.profile.layerwise);
  b.profile.layerwise.time_interval.weight[JC_DIFFICULTY_seconds] = 2;
  b.profile.layerwise.time_interval.mean[JC_DIFFICULTY_seconds] = 1;
  const struct jc_estimate *e = bench_run(&b, "layerwise");
  near(log(e->time_high_s / e->time_s), 0.3 * exp(2 * (log(7) - 1)), "time");
}

Test(layerwise_method, what_fit_and_forecast_call_a_step_is_the_same) {
  static struct bench b;
  struct jc_layerwise_step step;
  bench_begin(&b);
  give_model(&b);
  const struct jc_estimate *e = bench_run(&b, "layerwise");
  jc_layerwise_step(&b.profile.layerwise, b.problem.analysis, 10, false, &step);
  assert_near(e->time_per_step_s, step.time_s, "seconds");
  assert_near(e->energy_per_step_j, step.active_j + 2 * step.time_s, "joules");
  b.problem.run.phase = JC_RUN_FORWARD;
  b.problem.run.val_samples = 0;
  e = bench_run(&b, "layerwise");
  jc_layerwise_step(&b.profile.layerwise, b.problem.analysis, 10, true, &step);
  assert_near(e->time_per_step_s, step.time_s, "seconds of a forward step");
}

Test(layerwise_method, needs_a_profile_with_curves) {
  static struct bench b;
  bench_begin(&b);
  cr_assert_eq(bench_try(&b, "layerwise"), JC_ERROR_MISSING);
  cr_assert_str_eq(b.error.text, "method 'layerwise' needs a profile with times of layers; run "
                                 "`joulecast calibrate` again, or use --method layerwise-linear");
  b.problem.profile = NULL;
  cr_assert_eq(bench_try(&b, "layerwise"), JC_ERROR_MISSING);
  cr_assert_str_eq(jc_method_at(0)->name, "layerwise");
}

/* No sample had a relu: by the mean of all without products, with a note; refused if there is not
 * even that. */
Test(layerwise_method, unknown_types_are_never_free) {
  static struct bench b;
  bench_begin(&b);
  give_model(&b);
  struct jc_layerwise *model = &b.profile.layerwise;
  model->curves[2] = model->curves[4]; /* linear, linear, update */
  model->curve_count = 3;
  cr_assert_eq(bench_try(&b, "layerwise"), JC_ERROR_MISSING);
  cr_assert_str_eq(b.error.text,
                   "the profile has no times for relu forward (layer 'relu'): run `joulecast "
                   "calibrate` again, or use `--method roofline`");
  (void)add_curve(model, "any", JC_ORDER_PLAIN, JC_FORWARD, 4);
  (void)add_curve(model, "any", JC_ORDER_PLAIN, JC_BACKWARD, 8);
  support_curves(model);
  const struct jc_estimate *e = bench_run(&b, "layerwise");
  near(e->layers[1].time_s, 6 * 2 * 12 + 4 * 2 * 4, "relu");
  cr_assert(has_note(e, "no sample network had layers of type relu: priced by"), "%s", e->notes[0]);
  near(e->extrapolated_share, 12 / (6.25 + 12), "share");
}

/* Of five such types, one of them twice, three are named. */
Test(layerwise_method, unknown_types_are_named_and_counted) {
  static struct bench b;
  make_small(&b.sketch);
  (void)sketch_then(&b.sketch, "gelu", JC_LAYER_gelu, no_fields());
  (void)sketch_then(&b.sketch, "silu", JC_LAYER_silu, no_fields());
  (void)sketch_then(&b.sketch, "gelu2", JC_LAYER_gelu, no_fields());
  (void)sketch_then(&b.sketch, "tanh", JC_LAYER_tanh, no_fields());
  (void)sketch_then(&b.sketch, "sigmoid", JC_LAYER_sigmoid, no_fields());
  bench_finish(&b);
  give_model(&b);
  struct jc_layerwise *model = &b.profile.layerwise;
  model->curves[2] = model->curves[4]; /* linear, linear, update */
  model->curve_count = 3;
  (void)add_curve(model, "any", JC_ORDER_PLAIN, JC_FORWARD, 4);
  (void)add_curve(model, "any", JC_ORDER_PLAIN, JC_BACKWARD, 8);
  support_curves(model);
  const struct jc_estimate *e = bench_run(&b, "layerwise");
  cr_assert(has_note(e, "no sample network had layers of type relu, gelu, silu and 2 more: priced "
                        "by the mean of all layers"),
            "%s", e->notes[0]);
}

/* What runs in training only is neither priced nor refused in a forward run. */
Test(layerwise_method, training_only_layers_of_unknown_type) {
  static struct bench b;
  make_small(&b.sketch);
  union jc_layer_fields half = dropout(0.5);
  (void)sketch_add(&b.sketch, "aux", JC_LAYER_dropout, half, 1, (const uint32_t[]){1});
  b.sketch.layers[3].training_only = true;
  b.sketch.outputs[0] = 3;
  bench_finish(&b);
  give_model(&b);
  cr_assert_eq(bench_try(&b, "layerwise"), JC_ERROR_MISSING, "training needs it");
  b.problem.run.phase = JC_RUN_FORWARD;
  b.problem.run.val_samples = 0;
  near(bench_run(&b, "layerwise")->layers[3].time_s, 0, "it does not run");
}
