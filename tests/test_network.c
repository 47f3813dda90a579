/* test_network.c -- the static analysis on small networks, whose shapes, products, bytes and memory
 * are worked out by hand in the comments. */
#include "tests/small_networks.h"

#include "estimator/training_memory.h"

/* ---- all counts of one network (small_networks.h) ---- */

Test(tiny, counts) {
  static struct sketch s;
  make_tiny(&s);
  const struct jc_analysis *analysis = sketch_analyze(&s);
  const struct jc_totals *t = &analysis->totals;
  cr_assert_eq(t->params, 752);
  cr_assert_eq(t->trainable_params, 752);
  cr_assert_eq(t->buffers, 0);
  cr_assert_eq(t->weight_bytes, 4 * 752);
  cr_assert_eq(t->forward_macs, 7552);
  cr_assert_eq(t->forward_elementwise_ops, 768);
  cr_assert_eq(t->forward_flops, 2 * 7552 + 768);
  cr_assert_eq(t->training_forward_macs, 7552);
  cr_assert_eq(t->backward_data_macs, 640, "the image needs no gradient");
  cr_assert_eq(t->backward_weights_macs, 7552);
  cr_assert_eq(t->training_macs, 7552 + 640 + 7552);
  cr_assert_eq(t->training_flops, 2 * (7552 + 640 + 7552) + 2 * 768);
  cr_assert_eq(t->activation_bytes, 4 * (256 + 256 + 64 + 64 + 10));
  for (uint32_t i = 0; i < 5; i++)
    cr_assert_eq(analysis->layers[i].consumers, i < 4 ? 1 : 0);
  cr_assert(!analysis->layers[0].input_needs_grad && analysis->layers[0].trains_weights);
  cr_assert(analysis->layers[1].input_needs_grad && !analysis->layers[1].trains_weights);
}

static void assert_traffic(const struct jc_traffic *found, struct jc_traffic expected,
                           const char *what) {
  cr_assert(found->read_bytes == expected.read_bytes &&
                found->written_bytes == expected.written_bytes &&
                found->weight_read_bytes == expected.weight_read_bytes &&
                found->weight_written_bytes == expected.weight_written_bytes,
            "%s: %llu, %llu; weights %llu, %llu", what, (unsigned long long)found->read_bytes,
            (unsigned long long)found->written_bytes, (unsigned long long)found->weight_read_bytes,
            (unsigned long long)found->weight_written_bytes);
}

/* Forward reads the input and the weights and writes the output. Backward of data reads the
 * gradient of the output, the weights and what was saved, and writes the gradient of the input;
 * backward of weights reads input and gradient and writes the gradient of the weights. The update
 * (momentum) reads weight, gradient and momentum, and writes weight and momentum.
 * Bytes: image 768, conv1 and relu1 1024, mask 64, pool1 256, fc 40; weights 448 and 2560. */
Test(tiny, bytes) {
  static struct sketch s;
  make_tiny(&s);
  const struct jc_cost *conv1 = &sketch_analyze(&s)->layers[0], *relu1 = conv1 + 1;
  const struct jc_cost *pool1 = conv1 + 2, *flatten = conv1 + 3, *fc = conv1 + 4;
  const struct jc_traffic none = {0, 0, 0, 0};

  assert_traffic(&conv1->forward, (struct jc_traffic){768, 1024, 448, 0}, "conv1 forward");
  assert_traffic(&conv1->backward_data, none, "conv1 has no backward of data");
  assert_traffic(&conv1->backward_weights, (struct jc_traffic){768 + 1024, 0, 0, 448},
                 "conv1 backward of weights");
  assert_traffic(&conv1->update, (struct jc_traffic){0, 0, 3 * 448, 2 * 448}, "conv1 update");

  assert_traffic(&relu1->forward, (struct jc_traffic){1024, 1024, 0, 0}, "relu1 forward");
  assert_traffic(&relu1->backward_data, (struct jc_traffic){2 * 1024, 1024, 0, 0},
                 "relu1 backward");
  assert_traffic(&relu1->backward_weights, none, "relu1 has no weights");
  assert_traffic(&relu1->update, none, "relu1 has no update");

  assert_traffic(&pool1->forward, (struct jc_traffic){1024, 256 + 64, 0, 0},
                 "pool1 forward, mask included");
  assert_traffic(&pool1->backward_data, (struct jc_traffic){256 + 64, 1024, 0, 0},
                 "pool1 backward");

  assert_traffic(&flatten->forward, none, "flatten is a view");
  assert_traffic(&flatten->backward_data, none, "flatten is a view");

  assert_traffic(&fc->forward, (struct jc_traffic){256, 40, 2560, 0}, "fc forward");
  assert_traffic(&fc->backward_data, (struct jc_traffic){40, 256, 2560, 0}, "fc backward of data");
  assert_traffic(&fc->backward_weights, (struct jc_traffic){296, 0, 0, 2560},
                 "fc backward of weights");

  const struct jc_totals *t = &s.analysis.totals;
  cr_assert_eq(t->forward_bytes, 1792 + 2048 + 1344 + 296);
  cr_assert_eq(t->backward_bytes, 1792 + 3072 + 1344 + 2 * 296);
}

/* Kept for backward: the image (conv1's weights), relu1's output, the pool's mask, the vector (fc's
 * weights): 768 + 1024 + 64 + 256. Backward frees as it goes; most is alive at relu1: image,
 * relu1's output, its gradient and that of its input: 768 + 3 * 1024. */
Test(tiny, memory) {
  static struct sketch s;
  make_tiny(&s);
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_eq(t->saved_activation_bytes, 768 + 1024 + 64 + 256);
  cr_assert_eq(t->peak_activation_bytes, 768 + 3 * 1024);
  /* weights + gradients + state of the optimiser, and the activations of 10 samples */
  cr_assert_eq(jc_training_memory_bytes(t, 10, JC_OPTIMIZER_SGD), 2 * 3008 + 38400);
  cr_assert_eq(jc_training_memory_bytes(t, 10, JC_OPTIMIZER_MOMENTUM), 3 * 3008 + 38400);
  cr_assert_eq(jc_training_memory_bytes(t, 10, JC_OPTIMIZER_ADAM), 4 * 3008 + 38400);
  cr_assert_eq(jc_training_memory_bytes(t, UINT64_MAX, JC_OPTIMIZER_SGD), UINT64_MAX);
}

/* The result depends on the network alone: not on what the storage held, nor on earlier passes. */
Test(tiny, storage_may_hold_anything) {
  static struct sketch a, b;
  make_tiny(&a);
  make_tiny(&b);
  memset(&a.storage, 0x00, sizeof(a.storage));
  memset(&b.storage, 0xa5, sizeof(b.storage));
  (void)sketch_analyze(&a);
  (void)sketch_analyze(&b);
  cr_assert_eq(memcmp(&a.analysis.totals, &b.analysis.totals, sizeof(a.analysis.totals)), 0);
  for (uint32_t i = 0; i < 5; i++) {
    cr_assert_eq(a.analysis.layers[i].macs, b.analysis.layers[i].macs);
    cr_assert_eq(a.analysis.layers[i].consumers, b.analysis.layers[i].consumers);
    cr_assert_eq(a.analysis.layers[i].variant, b.analysis.layers[i].variant);
  }
  const struct jc_totals first = a.analysis.totals;
  (void)sketch_analyze(&a);
  cr_assert_eq(memcmp(&a.analysis.totals, &first, sizeof(first)), 0);
}

/* ---- what backward is ---- */

/* Three 1x1 convolutions of 2 to 2 channels on 4x4: 4 weights and 64 MACs each. */
static void make_three(struct sketch *s, bool a, bool b, bool c) {
  sketch_begin(s, "three", 3, (const uint32_t[]){2, 4, 4});
  (void)sketch_then(s, "a", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0));
  (void)sketch_then(s, "b", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0));
  (void)sketch_then(s, "c", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0));
  s->layers[0].trainable = a;
  s->layers[1].trainable = b;
  s->layers[2].trainable = c;
}

static void assert_backward(const struct sketch *s, uint32_t layer, uint64_t data,
                            uint64_t weights) {
  const struct jc_cost *cost = &s->analysis.layers[layer];
  cr_assert_eq(cost->backward_data_macs, data, "%s: data %llu", s->layers[layer].name,
               (unsigned long long)cost->backward_data_macs);
  cr_assert_eq(cost->backward_weights_macs, weights, "%s: weights %llu", s->layers[layer].name,
               (unsigned long long)cost->backward_weights_macs);
}

/* "trainable": false: no backward of weights, but of data when something upstream needs it. */
Test(backward, frozen_layer_passes_the_gradient_on) {
  static struct sketch s;
  make_three(&s, true, false, true);
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  assert_backward(&s, 0, 0, 64);
  assert_backward(&s, 1, 64, 0);
  assert_backward(&s, 2, 64, 64);
  cr_assert_eq(t->training_macs, 3 * 64 + 2 * 64 + 2 * 64);
  cr_assert_eq(t->params, 12);
  cr_assert_eq(t->trainable_params, 8);
  /* A frozen convolution needs its weights, not its input: kept are the image and b's output. */
  cr_assert_eq(t->saved_activation_bytes, 2 * 128);
  assert_traffic(&s.analysis.layers[1].update, (struct jc_traffic){0}, "nothing to update");
  assert_traffic(&s.analysis.layers[1].backward_weights, (struct jc_traffic){0}, "frozen");
  assert_traffic(&s.analysis.layers[1].backward_data, (struct jc_traffic){128, 128, 16, 0},
                 "frozen, upstream trains");
}

Test(backward, frozen_beginning_needs_none) {
  static struct sketch s;
  make_three(&s, false, false, true);
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  assert_backward(&s, 0, 0, 0);
  assert_backward(&s, 1, 0, 0);
  assert_backward(&s, 2, 0, 64);
  cr_assert_eq(t->training_macs, 3 * 64 + 64);
  cr_assert_eq(t->saved_activation_bytes, 128);
  cr_assert(!s.analysis.layers[1].output_needs_grad);
  cr_assert(s.analysis.layers[2].output_needs_grad);
}

Test(backward, frozen_end_still_passes_data) {
  static struct sketch s;
  make_three(&s, true, false, false);
  (void)sketch_analyze(&s);
  assert_backward(&s, 0, 0, 64);
  assert_backward(&s, 1, 64, 0);
  assert_backward(&s, 2, 64, 0);
}

Test(backward, all_frozen_is_forward_alone) {
  static struct sketch s;
  make_three(&s, false, false, false);
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_eq(t->training_macs, t->forward_macs);
  cr_assert_eq(t->training_flops, t->forward_flops);
  cr_assert_eq(t->trainable_params, 0);
  cr_assert_eq(t->params, 12);
  cr_assert_eq(t->backward_bytes, 0);
  cr_assert_eq(t->saved_activation_bytes, 0);
}

/* A kind without parameters has nothing to freeze. */
Test(backward, freezing_a_relu_changes_nothing) {
  static struct sketch a, b;
  make_tiny(&a);
  make_tiny(&b);
  b.layers[1].trainable = false;
  (void)sketch_analyze(&a);
  (void)sketch_analyze(&b);
  cr_assert_eq(memcmp(&a.analysis.totals, &b.analysis.totals, sizeof(a.analysis.totals)), 0);
}

/* Only the operand that needs a gradient gets one: a frozen trunk beside a trained branch. */
Test(backward, only_one_operand_of_add) {
  static struct sketch s;
  sketch_begin(&s, "branches", 3, (const uint32_t[]){2, 4, 4});
  const uint32_t trunk = sketch_then(&s, "trunk", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0));
  sketch_last(&s)->trainable = false;
  const uint32_t side =
      sketch_add(&s, "side", JC_LAYER_conv2d, conv_no_bias(2, 1, 1, 0), 1, (const uint32_t[]){0});
  (void)sketch_add(&s, "add", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){trunk, side});
  const struct jc_analysis *analysis = sketch_analyze(&s);
  assert_backward(&s, 0, 0, 0);
  assert_backward(&s, 1, 0, 64);
  cr_assert(analysis->layers[2].input_needs_grad);
  assert_traffic(&analysis->layers[2].forward, (struct jc_traffic){256, 128, 0, 0}, "add");
  assert_traffic(&analysis->layers[2].backward_data, (struct jc_traffic){128, 128, 0, 0},
                 "one gradient of two");
}

/* Tied weights: backward of weights at each use, parameters and optimiser once. */
static void make_tied(struct sketch *s) {
  sketch_begin(s, "tied", 1, (const uint32_t[]){8});
  (void)sketch_then(s, "first", JC_LAYER_linear, linear(8, true));
  (void)sketch_then(s, "relu", JC_LAYER_relu, no_fields());
  (void)sketch_then(s, "again", JC_LAYER_linear, linear(8, true));
  sketch_last(s)->weight_from = 0;
  (void)sketch_then(s, "third", JC_LAYER_linear, linear(8, true));
  sketch_last(s)->weight_from = 0;
}

Test(backward, tied_weights_count_once) {
  static struct sketch s;
  make_tied(&s);
  const struct jc_analysis *analysis = sketch_analyze(&s);
  const struct jc_totals *t = &analysis->totals;
  cr_assert_eq(t->params, 72);
  cr_assert_eq(t->trainable_params, 72);
  cr_assert_eq(t->weight_bytes, 288);
  cr_assert_eq(t->forward_macs, 3 * 64);
  assert_backward(&s, 0, 0, 64);
  assert_backward(&s, 2, 64, 64);
  assert_backward(&s, 3, 64, 64);
  cr_assert_eq(t->training_macs, 3 * 64 + 2 * 64 + 3 * 64);
  assert_traffic(&analysis->layers[0].update, (struct jc_traffic){0, 0, 3 * 288, 2 * 288}, "once");
  assert_traffic(&analysis->layers[2].update, (struct jc_traffic){0}, "shared");
  assert_traffic(&analysis->layers[2].backward_weights, (struct jc_traffic){64, 0, 0, 288},
                 "a gradient at each use");
}

/* The tensor is one: frozen where it belongs, it is frozen wherever it is used. */
Test(backward, tied_weights_are_frozen_with_their_owner) {
  static struct sketch s;
  make_tied(&s);
  s.layers[0].trainable = false;
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_eq(t->trainable_params, 0);
  cr_assert_eq(t->backward_weights_macs, 0, "frozen weights get no gradient: %llu MACs",
               (unsigned long long)t->backward_weights_macs);
  cr_assert_eq(t->training_macs, t->forward_macs);
}

/* A module that is called twice has one set of running statistics too. */
Test(backward, tied_batchnorm_has_one_set_of_buffers) {
  static struct sketch s;
  sketch_begin(&s, "bn twice", 3, (const uint32_t[]){5, 4, 4});
  (void)sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  (void)sketch_then(&s, "again", JC_LAYER_batchnorm2d, batchnorm(true));
  sketch_last(&s)->weight_from = 0;
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_eq(t->params, 10);
  cr_assert_eq(t->buffers, 10, "%llu", (unsigned long long)t->buffers);
}

Test(backward, tied_weights_must_fit) {
  static struct sketch s;
  sketch_begin(&s, "other kind", 3, (const uint32_t[]){4, 1, 1});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv_no_bias(4, 1, 1, 0));
  (void)sketch_then(&s, "flatten", JC_LAYER_flatten, flatten_all());
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(4, false)); /* 16 weights, as conv */
  sketch_last(&s)->weight_from = 0;
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  cr_assert_str_eq(s.error.path, "layers[2].weight_from");

  sketch_begin(&s, "other count", 1, (const uint32_t[]){8});
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(8, true));
  (void)sketch_then(&s, "again", JC_LAYER_linear, linear(8, false));
  sketch_last(&s)->weight_from = 0;
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  cr_assert_str_eq(s.error.path, "layers[1].weight_from");
}

/* 6x4 and 4x6 are as many weights, but not the same matrix; so are 1x9 and 3x3 windows. */
Test(backward, tied_weights_must_have_the_same_shape) {
  static struct sketch s;
  sketch_begin(&s, "transposed", 1, (const uint32_t[]){4});
  (void)sketch_then(&s, "up", JC_LAYER_linear, linear(6, false));
  (void)sketch_then(&s, "down", JC_LAYER_linear, linear(4, false));
  sketch_last(&s)->weight_from = 0;
  cr_expect_eq(sketch_try(&s), JC_ERROR_INVALID, "6x4 passes for 4x6");

  sketch_begin(&s, "windows", 3, (const uint32_t[]){2, 9, 9});
  (void)sketch_then(&s, "square", JC_LAYER_conv2d, conv_no_bias(2, 3, 1, 1));
  (void)sketch_then(&s, "flat", JC_LAYER_conv2d, conv_no_bias(2, 3, 1, 1));
  sketch_last(&s)->fields.conv2d.kernel_size = (struct jc_extent){.h = 1, .w = 9};
  sketch_last(&s)->fields.conv2d.padding = (struct jc_padding){.h = 0, .w = 4};
  sketch_last(&s)->weight_from = 0;
  cr_expect_eq(sketch_try(&s), JC_ERROR_INVALID, "1x9 passes for 3x3");
}

/* "when": "training": an auxiliary head counts in params and training, not in forward. */
Test(backward, training_only_layers) {
  static struct sketch s;
  sketch_begin(&s, "auxiliary", 1, (const uint32_t[]){8});
  const uint32_t trunk = sketch_then(&s, "trunk", JC_LAYER_linear, linear(4, false));
  const uint32_t aux = sketch_add(&s, "aux", JC_LAYER_linear, linear(10, true), 1, &trunk);
  sketch_last(&s)->training_only = true;
  const uint32_t head = sketch_add(&s, "head", JC_LAYER_linear, linear(2, true), 1, &trunk);
  s.outputs[0] = head;
  s.outputs[1] = aux;
  s.network.output_count = 2;
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_eq(t->params, 32 + 50 + 10);
  cr_assert_eq(t->forward_macs, 32 + 8);
  cr_assert_eq(t->forward_elementwise_ops, 2);
  cr_assert_eq(t->forward_flops, 2 * 40 + 2);
  cr_assert_eq(t->training_forward_macs, 32 + 40 + 8);
  cr_assert_eq(t->backward_data_macs, 40 + 8);
  cr_assert_eq(t->backward_weights_macs, 32 + 40 + 8);
  cr_assert_eq(t->training_macs, 80 + 48 + 80);
  cr_assert_eq(t->training_flops, 2 * (80 + 48 + 80) + 2 * (10 + 2));
}

/* Neither kind of input is differentiated: both first layers lack the backward of data. */
Test(backward, inputs_need_no_gradient) {
  static struct sketch s;
  sketch_begin(&s, "two inputs", 1, (const uint32_t[]){8});
  (void)sketch_input(&s, "tokens", JC_DTYPE_INT32, 1, (const uint32_t[]){16});
  const uint32_t a =
      sketch_add(&s, "a", JC_LAYER_linear, linear(4, false), 1, (const uint32_t[]){0});
  (void)sketch_add(&s, "floats", JC_LAYER_scale, no_fields(), 1, (const uint32_t[]){1});
  const uint32_t b = sketch_then(&s, "b", JC_LAYER_linear, linear(4, false));
  (void)sketch_add(&s, "sum", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){a, b});
  (void)sketch_then(&s, "head", JC_LAYER_linear, linear(2, false));
  const struct jc_analysis *analysis = sketch_analyze(&s);
  assert_backward(&s, 0, 0, 32);
  assert_backward(&s, 2, 0, 64);
  assert_backward(&s, 4, 8, 8);
  cr_assert_eq(jc_tensor_shape(analysis, 1)->dim[0], 16);
  cr_assert_eq(jc_tensor_shape(analysis, 2)->dim[0], 4);
  cr_assert_eq(jc_tensor_shape(analysis, 6)->dim[0], 2);
}

/* ---- parameters, operations, variants ---- */

/* Numbers of parameters: torch.nn.Conv2d(6, 4, 3), (6, 4, 3, groups=2), (6, 12, (5, 1), groups=6)
 * of PyTorch 1.13.1. Products are per output element (weights without bias) / out_channels. */
Test(counts, convolution_groups) {
  static const struct {
    uint32_t out_channels, kernel_h, kernel_w, groups;
    uint64_t params, macs_of_8x8;
  } rows[] = {{4, 3, 3, 1, 220, 216 * 64},
              {4, 3, 3, 2, 112, 108 * 64},
              {12, 5, 1, 6, 72, 60 * 64},
              {12, 5, 1, JC_GROUPS_IN_CHANNELS, 72, 60 * 64}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    static struct sketch s;
    union jc_layer_fields fields = conv(rows[i].out_channels, 1, 1, 0);
    fields.conv2d.kernel_size = (struct jc_extent){.h = rows[i].kernel_h, .w = rows[i].kernel_w};
    fields.conv2d.padding =
        (struct jc_padding){.h = rows[i].kernel_h / 2, .w = rows[i].kernel_w / 2};
    fields.conv2d.groups = rows[i].groups;
    sketch_begin(&s, "groups", 3, (const uint32_t[]){6, 8, 8});
    (void)sketch_then(&s, "conv", JC_LAYER_conv2d, fields);
    const struct jc_totals *t = &sketch_analyze(&s)->totals;
    cr_assert_eq(t->params, rows[i].params, "row %zu: %llu", i, (unsigned long long)t->params);
    cr_assert_eq(t->forward_macs, rows[i].macs_of_8x8, "row %zu", i);
    cr_assert_eq(t->forward_elementwise_ops, rows[i].out_channels * 64);
  }
}

/* Strides and dilation change the outputs, not the work for one of them. */
Test(counts, convolution_windows) {
  static struct sketch s;
  sketch_begin(&s, "windows", 3, (const uint32_t[]){2, 9, 9});
  union jc_layer_fields fields = conv_no_bias(3, 3, 2, 0);
  (void)sketch_then(&s, "stride", JC_LAYER_conv2d, fields); /* 3x4x4 = 48 outputs of 18 MACs */
  fields.conv2d.stride = both(1);
  fields.conv2d.padding = (struct jc_padding){.h = 2, .w = 2};
  fields.conv2d.dilation = both(2);
  (void)sketch_then(&s, "dilation", JC_LAYER_conv2d, fields); /* 3x4x4 = 48 outputs of 27 MACs */
  const struct jc_analysis *analysis = sketch_analyze(&s);
  cr_assert_eq(analysis->layers[0].macs, 48 * 18);
  cr_assert_eq(analysis->layers[1].macs, 48 * 27);
  cr_assert_eq(analysis->layers[1].data_macs, 48 * 27);
}

/* A matrix times each of the 7 x 5 rows; the weights are there once. */
Test(counts, linear_on_leading_dimensions) {
  static struct sketch s;
  sketch_begin(&s, "rows", 3, (const uint32_t[]){7, 5, 12});
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(4, true));
  const struct jc_totals *t = &sketch_analyze(&s)->totals;
  cr_assert_eq(t->params, 12 * 4 + 4);
  cr_assert_eq(t->forward_macs, 35 * 48);
  cr_assert_eq(t->forward_elementwise_ops, 35 * 4);
}

/* Operations per output element, as the catalogue documents them: normalisation 4, ReLU 1, ReLU6 2,
 * pools their window, adaptive pooling 1 per input (at least 1 per output), dropout 1, softmax 5,
 * add one less than inputs, a bias 1, the rest none. */
Test(counts, elementwise_operations) {
  static const int32_t border[] = {1, 1};
  const struct {
    enum jc_layer_kind kind;
    union jc_layer_fields fields;
    uint64_t ops;
  } rows[] = {
      {JC_LAYER_batchnorm2d, batchnorm(true), 4 * 288},
      {JC_LAYER_batchnorm2d, batchnorm(false), 4 * 288},
      {JC_LAYER_relu, no_fields(), 288},
      {JC_LAYER_relu6, no_fields(), 2 * 288},
      {JC_LAYER_maxpool2d, maxpool(3, 3, 0), 8 * 4 * 9},
      {JC_LAYER_avgpool2d, avgpool(2, 2, 0), 8 * 9 * 4},
      {JC_LAYER_adaptive_avgpool2d, adaptive(1, 1), 288},
      {JC_LAYER_adaptive_avgpool2d, adaptive(12, 12), 8 * 144},
      {JC_LAYER_flatten, flatten_all(), 0},
      {JC_LAYER_dropout, dropout(0.5), 288},
      {JC_LAYER_softmax, softmax(1), 5 * 288},
      {JC_LAYER_pad, pad(2, border), 0},
      {JC_LAYER_concat, concat(1), 0},
      {JC_LAYER_conv2d, conv(4, 3, 1, 1), 4 * 36},
      {JC_LAYER_conv2d, conv_no_bias(4, 3, 1, 1), 0},
      {JC_LAYER_linear, linear(5, true), 8 * 6 * 5},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    static struct sketch s;
    sketch_begin(&s, "ops", 3, (const uint32_t[]){8, 6, 6}); /* 288 elements */
    (void)sketch_then(&s, "x", rows[i].kind, rows[i].fields);
    cr_assert_eq(sketch_analyze(&s)->totals.forward_elementwise_ops, rows[i].ops, "%s: %llu",
                 jc_kind_get(rows[i].kind)->name,
                 (unsigned long long)s.analysis.totals.forward_elementwise_ops);
  }
}

Test(counts, add_of_three) {
  static struct sketch s;
  sketch_begin(&s, "sum", 1, (const uint32_t[]){10});
  (void)sketch_add(&s, "sum", JC_LAYER_add, no_fields(), 3, (const uint32_t[]){0, 0, 0});
  cr_assert_eq(sketch_analyze(&s)->totals.forward_elementwise_ops, 20);
}

/* Scale and shift are parameters, mean and variance are buffers. */
Test(counts, batchnorm) {
  static struct sketch s;
  sketch_begin(&s, "bn", 3, (const uint32_t[]){3, 4, 4});
  (void)sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  (void)sketch_then(&s, "plain", JC_LAYER_batchnorm2d, batchnorm(false));
  const struct jc_analysis *analysis = sketch_analyze(&s);
  cr_assert_eq(analysis->totals.params, 6);
  cr_assert_eq(analysis->totals.buffers, 12);
  cr_assert_eq(analysis->totals.forward_macs, 0);
  /* The weights' gradients come with the pass over the data, where there is one. */
  assert_traffic(&analysis->layers[1].backward_data, (struct jc_traffic){2 * 192, 192, 0, 0},
                 "reads the gradient and the input");
  assert_traffic(&analysis->layers[0].backward_weights, (struct jc_traffic){2 * 192, 0, 0, 24},
                 "the first layer has no such pass");
}

/* batchnorm2d followed by relu runs as one: when nobody else reads what is in between. */
Test(counts, fusion) {
  static struct sketch s;
  const uint32_t dim[] = {3, 4, 4};
  sketch_begin(&s, "fused", 3, dim);
  (void)sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  (void)sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  const struct jc_analysis *analysis = sketch_analyze(&s);
  cr_assert(analysis->layers[1].fused && !analysis->layers[0].fused);
  cr_assert_str_eq(jc_kind_variant(jc_kind_get(JC_LAYER_batchnorm2d), analysis->layers[0].variant),
                   "batchnorm2d.relu");

  sketch_begin(&s, "read twice", 3, dim);
  const uint32_t bn = sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  const uint32_t relu = sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  (void)sketch_add(&s, "add", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){bn, relu});
  analysis = sketch_analyze(&s);
  cr_assert(!analysis->layers[1].fused && analysis->layers[0].variant == 0);

  sketch_begin(&s, "an output", 3, dim);
  s.outputs[1] = sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  (void)sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  s.network.output_count = 2;
  analysis = sketch_analyze(&s);
  cr_assert(!analysis->layers[1].fused && analysis->layers[0].variant == 0);

  sketch_begin(&s, "other kinds", 3, dim);
  (void)sketch_then(&s, "relu first", JC_LAYER_relu, no_fields());
  (void)sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  (void)sketch_then(&s, "relu6", JC_LAYER_relu6, no_fields());
  analysis = sketch_analyze(&s);
  for (uint32_t i = 0; i < 3; i++)
    cr_assert(!analysis->layers[i].fused && analysis->layers[i].variant == 0);
}

/* ---- tensors with several readers ---- */

/* n >= 2 readers of a tensor: their n gradients are read and one is written, beside the producer's
 * own backward. Tensors are of 16 bytes; a has two readers. */
Test(fan_out, adds_gradient_traffic_to_the_producer) {
  static struct sketch s;
  sketch_begin(&s, "split", 1, (const uint32_t[]){4});
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(4, false));
  const uint32_t a = sketch_then(&s, "a", JC_LAYER_relu, no_fields());
  const uint32_t b = sketch_add(&s, "b", JC_LAYER_relu, no_fields(), 1, &a);
  const uint32_t c = sketch_add(&s, "c", JC_LAYER_relu6, no_fields(), 1, &a);
  (void)sketch_add(&s, "add", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){b, c});
  const struct jc_analysis *analysis = sketch_analyze(&s);
  cr_assert_eq(analysis->layers[1].consumers, 2);
  assert_traffic(&analysis->layers[1].backward_data,
                 (struct jc_traffic){2 * 16 + 2 * 16, 16 + 16, 0, 0}, "relu's own and 3 more");
  assert_traffic(&analysis->layers[2].backward_data, (struct jc_traffic){2 * 16, 16, 0, 0},
                 "one reader");
}

/* The same where the producer has no gradient of its own to pass on (a first layer)... */
Test(fan_out, of_a_first_layer) {
  static struct sketch s;
  sketch_begin(&s, "first", 1, (const uint32_t[]){4});
  const uint32_t a = sketch_then(&s, "fc", JC_LAYER_linear, linear(4, false));
  const uint32_t b = sketch_add(&s, "b", JC_LAYER_relu, no_fields(), 1, &a);
  const uint32_t c = sketch_add(&s, "c", JC_LAYER_relu6, no_fields(), 1, &a);
  const uint32_t d = sketch_add(&s, "d", JC_LAYER_relu6, no_fields(), 1, &a);
  (void)sketch_add(&s, "add", JC_LAYER_add, no_fields(), 3, (const uint32_t[]){b, c, d});
  const struct jc_cost *fc = &sketch_analyze(&s)->layers[0];
  cr_assert_eq(fc->backward_data.read_bytes + fc->backward_data.written_bytes +
                   fc->backward_weights.read_bytes + fc->backward_weights.written_bytes,
               (16 + 16) + 4 * 16);
}

/* ... and where it moves nothing itself: two heads on one vector still add up two gradients. */
Test(fan_out, of_a_view) {
  static struct sketch s;
  sketch_begin(&s, "heads", 3, (const uint32_t[]){4, 1, 1});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv_no_bias(4, 1, 1, 0));
  const uint32_t vector = sketch_then(&s, "flatten", JC_LAYER_flatten, flatten_all());
  s.outputs[1] = sketch_add(&s, "one", JC_LAYER_linear, linear(2, false), 1, &vector);
  (void)sketch_add(&s, "two", JC_LAYER_linear, linear(2, false), 1, &vector);
  s.network.output_count = 2;
  const struct jc_cost *flatten = &sketch_analyze(&s)->layers[1];
  cr_assert_eq(flatten->backward_data.read_bytes + flatten->backward_data.written_bytes, 3 * 16,
               "%llu bytes", (unsigned long long)flatten->backward_data.read_bytes);
}

/* Nobody sums gradients of a tensor that needs none. */
Test(fan_out, not_without_a_gradient) {
  static struct sketch s;
  sketch_begin(&s, "frozen", 1, (const uint32_t[]){4});
  const uint32_t a = sketch_then(&s, "fc", JC_LAYER_linear, linear(4, false));
  sketch_last(&s)->trainable = false;
  (void)sketch_add(&s, "add", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){a, a});
  cr_assert_eq(sketch_analyze(&s)->totals.backward_bytes, 0);
}
