/* test_kinds_gradients.c -- which backward products run: of factors, inside attention, around
 * frozen layers; and what views move. Numbers are worked out by hand in the comments. */
#include "tests/kind_networks.h"

/* ---- factors ---- */

#define GRAD(name, input) "{'name': '" name "', 'type': 'prelu', 'inputs': ['" input "']},"

/* [3, 4] x [4, 6]: 72 products, and as many for each factor that needs a gradient. */
Test(matmul, one_product_for_each_gradient) {
  static const struct {
    const char *layers;
    uint64_t data;
    bool gradient;
  } rows[] = {
      {"{'name': 'm', 'type': 'matmul', 'inputs': ['a', 'b']}", 0, false},
      {GRAD("x", "a") "{'name': 'm', 'type': 'matmul', 'inputs': ['x', 'b']}", 72, true},
      {GRAD("y", "b") "{'name': 'm', 'type': 'matmul', 'inputs': ['a', 'y']}", 72, true},
      {GRAD("x", "a") GRAD("y", "b") "{'name': 'm', 'type': 'matmul', 'inputs': ['x', 'y']}", 144,
       true},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct kind_network n;
    network_open(&n, "{'a': {'shape': [3, 4]}, 'b': {'shape': [4, 6]}}", rows[i].layers);
    expect_shape(&n, "m", "3x6");
    expect_macs(&n, "m", 72, rows[i].data, 0);
    cr_expect_eq(cost_of(&n, "m")->output_needs_grad, rows[i].gradient, "row %zu", i);
    network_close(&n);
  }
}

/* A learnt matrix is a factor like any other; frozen, it needs no gradient. */
Test(matmul, of_a_parameter) {
  for (int trainable = 0; trainable <= 1; trainable++) {
    struct kind_network n;
    char layers[300];
    (void)snprintf(layers, sizeof(layers),
                   "{'name': 'w', 'type': 'parameter', 'shape': [4, 6], 'trainable': %s},"
                   "{'name': 'm', 'type': 'matmul', 'inputs': ['input', 'w']}",
                   trainable ? "true" : "false");
    network_open(&n, "[3, 4]", layers);
    expect_macs(&n, "m", 72, trainable ? 72 : 0, 0);
    cr_expect(!cost_of(&n, "m")->per_step);
    network_close(&n);
  }
}

/* ---- attention ----
 * Self-attention of L = 3 positions and E = 4 features: 3*4*4 = 48 products for each of the four
 * projections, 3*3*4 = 36 for the scores and as many for the values: 264. Its backward inside: 2
 * for the scores' factors, 2 for the values'; 48 into the last projection. */

#define MHA(more) "{'name': 'mha', 'type': 'multihead_attention', 'num_heads': 2" more "}"
#define FC(name)  "{'name': '" name "', 'type': 'linear', 'out_features': 4, 'bias': false}"

Test(attention, in_front) {
  struct kind_network n;
  network_open(&n, "[3, 4]", MHA("") "," FC("fc"));
  expect_macs(&n, "mha", 264, 4 * 36 + 48, 4 * 48);
  expect_macs(&n, "fc", 48, 48, 48);
  cr_expect_eq(n.totals->params, 4 * 16 + 4 * 4 + 16);
  network_close(&n);
}

Test(attention, behind_a_trained_layer) {
  struct kind_network n;
  network_open(&n, "[3, 4]", FC("fc") "," MHA(", 'bias': false"));
  expect_macs(&n, "mha", 264, 4 * 36 + 48 + 3 * 48, 4 * 48);
  cr_expect_eq(n.totals->params, 4 * 16 + 16);
  network_close(&n);
}

Test(attention, frozen_in_front_is_forward_alone) {
  struct kind_network n;
  network_open(&n, "[3, 4]", MHA(", 'trainable': false") "," FC("fc"));
  expect_macs(&n, "mha", 264, 0, 0);
  expect_macs(&n, "fc", 48, 0, 48);
  cr_expect_eq(cost_of(&n, "mha")->backward_elementwise_ops, 0);
  network_close(&n);
}

Test(attention, frozen_behind_passes_the_gradient_on) {
  struct kind_network n;
  network_open(&n, "[3, 4]", FC("fc") "," MHA(", 'trainable': false"));
  expect_macs(&n, "mha", 264, 4 * 36 + 48 + 3 * 48, 0);
  network_close(&n);
}

/* 3 queries, 5 keys: projections of 48, 80, 80, 48 products; scores and values of 60 each. */
#define CROSS "{'q': {'shape': [3, 4]}, 'k': {'shape': [5, 4]}, 'v': {'shape': [5, 4]}}"

Test(attention, frozen_with_one_gradient) {
  static const struct {
    const char *layers;
    uint64_t data;
  } rows[] = {
      /* the keys' product with the scores' gradient, which comes from the values' */
      {GRAD("x", "q") MHA(", 'trainable': false, 'inputs': ['x', 'k', 'v']"), 60 + 60 + 48 + 48},
      {GRAD("x", "k") MHA(", 'trainable': false, 'inputs': ['q', 'x', 'v']"), 60 + 60 + 48 + 80},
      /* the scores need none */
      {GRAD("x", "v") MHA(", 'trainable': false, 'inputs': ['q', 'k', 'x']"), 60 + 48 + 80},
      {GRAD("x", "k") MHA(", 'trainable': false, 'inputs': ['q', 'x']"), 60 + 2 * 60 + 48 + 2 * 80},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct kind_network n;
    network_open(&n, CROSS, rows[i].layers);
    expect_macs(&n, "mha", 48 + 80 + 80 + 48 + 120, rows[i].data, 0);
    network_close(&n);
  }
}

Test(attention, without_projections) {
  static const struct {
    const char *layers;
    uint64_t data;
  } rows[] = {
      {"{'name': 'a', 'type': 'scaled_dot_product_attention', 'inputs': ['q', 'k', 'v']}", 0},
      {GRAD("x", "q") "{'name': 'a', 'type': 'scaled_dot_product_attention',"
                      " 'inputs': ['x', 'k', 'v']}",
       120},
      {GRAD("x", "v") "{'name': 'a', 'type': 'scaled_dot_product_attention',"
                      " 'inputs': ['q', 'k', 'x'], 'is_causal': true}",
       60},
      {GRAD("x", "q") GRAD("y", "k") GRAD(
           "z",
           "v") "{'name': 'a', 'type': 'scaled_dot_product_attention', 'inputs': ['x', 'y', 'z']}",
       240},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct kind_network n;
    network_open(&n, CROSS, rows[i].layers);
    expect_macs(&n, "a", 120, rows[i].data, 0);
    network_close(&n);
  }
}

/* A mask is looked at: [3, 5], or with ones in front, not of another length, not larger. */
Test(attention, mask) {
#define MASKED(shape)                                                                              \
  "{'name': 'mask', 'type': 'constant', 'shape': " shape "},"                                      \
  "{'name': 'a', 'type': 'scaled_dot_product_attention', 'inputs': ['q', 'k', 'v', 'mask']}"
  static const char *const good[] = {MASKED("[3, 5]"), MASKED("[1, 3, 5]"), MASKED("[5]"),
                                     MASKED("[3, 1]")};
  static const char *const bad[] = {MASKED("[3, 4]"), MASKED("[2, 3, 5]"), MASKED("[5, 5]")};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    struct kind_network n;
    network_open(&n, CROSS, good[i]);
    expect_shape(&n, "a", "3x4");
    /* 15 scores: softmax 5, scale 1, mask 1 */
    cr_expect_eq(cost_of(&n, "a")->elementwise_ops, 15 * 7);
    network_close(&n);
  }
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    expect_refused(CROSS, bad[i], JC_ERROR_INVALID, "layers[1].inputs");
}

/* A learnt bias needs the gradient of the scores, made from that of the output and the values. */
Test(attention, learnt_mask) {
  struct kind_network n;
  network_open(&n, CROSS,
               "{'name': 'bias', 'type': 'parameter', 'shape': [3, 5]},"
               "{'name': 'a', 'type': 'scaled_dot_product_attention',"
               " 'inputs': ['q', 'k', 'v', 'bias']}");
  cr_expect_eq(cost_of(&n, "a")->macs, 2 * 3 * 5 * 4);
  cr_expect_eq(cost_of(&n, "a")->backward_data_macs, 3 * 5 * 4);
  network_close(&n);
}

/* Parameters with a leading 1 for the batch do not give the output another dimension. */
Test(attention, keys_without_batch) {
  struct kind_network n;
  network_open(&n, "[2, 4, 8]",
               "{'name': 'k', 'type': 'parameter', 'shape': [1, 2, 6, 8]},"
               "{'name': 'a', 'type': 'scaled_dot_product_attention',"
               " 'inputs': ['input', 'k', 'k']}");
  expect_shape(&n, "a", "2x4x8");
  network_close(&n);
}

Test(integers, are_not_multiplied) {
  static const char *const layers[] = {"{'name': 'a', 'type': 'linear', 'out_features': 2}",
                                       "{'name': 'a', 'type': 'layernorm'}"};
  for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
    expect_refused("{'x': {'shape': [8], 'dtype': 'int32'}}", layers[i], JC_ERROR_INVALID,
                   "layers[0].inputs");
  expect_refused("[8]",
                 "{'name': 'l', 'type': 'linear', 'out_features': 2},"
                 "{'name': 'a', 'type': 'embedding', 'num_embeddings': 5, 'embedding_dim': 3}",
                 JC_ERROR_INVALID, "layers[1].inputs");
}

Test(attention, lengths_must_agree) {
  expect_refused("{'q': {'shape': [3, 4]}, 'k': {'shape': [5, 4]}, 'v': {'shape': [6, 4]}}",
                 MHA(", 'inputs': ['q', 'k', 'v']"), JC_ERROR_INVALID, "layers[0].inputs");
  expect_refused("{'q': {'shape': [2, 3, 4]}, 'k': {'shape': [5, 4]}}",
                 MHA(", 'inputs': ['q', 'k']"), JC_ERROR_INVALID, "layers[0].inputs");
  expect_refused("[4]", MHA(""), JC_ERROR_INVALID, "layers[0].inputs");
  expect_refused("[3, 5]", MHA(""), JC_ERROR_INVALID, "layers[0].num_heads");
}

/* ---- views ---- */

/* Views move nothing forward; backward, only a part's gradient is laid out in the whole again. The
 * vector of 8 floats has 32 bytes, the part 12. Its three readers' gradients are summed: 3 read, 1
 * written. */
Test(views, move_only_gradients_of_parts) {
  struct kind_network n;
  network_open(&n, "[12]",
               "{'name': 'fc', 'type': 'linear', 'out_features': 8, 'bias': false},"
               "{'name': 'part', 'type': 'slice', 'end': 3},"
               "{'name': 'rest', 'type': 'slice', 'inputs': ['fc'], 'start': 3},"
               "{'name': 'whole', 'type': 'unflatten', 'inputs': ['fc'],"
               " 'unflattened_size': [2, 4]},"
               "{'name': 'turned', 'type': 'transpose', 'dim0': 1, 'dim1': 2},"
               "{'name': 'flat', 'type': 'flatten'},"
               "{'name': 'all', 'type': 'concat', 'inputs': ['part', 'rest', 'flat']}");
  static const char *const names[] = {"part", "rest", "whole", "turned", "flat"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    expect_traffic(names[i], &cost_of(&n, names[i])->forward, (struct jc_traffic){0, 0, 0, 0});
  expect_traffic("part", &cost_of(&n, "part")->backward_data, (struct jc_traffic){12, 32, 0, 0});
  expect_traffic("rest", &cost_of(&n, "rest")->backward_data, (struct jc_traffic){20, 32, 0, 0});
  for (size_t i = 2; i < sizeof(names) / sizeof(names[0]); i++)
    expect_traffic(names[i], &cost_of(&n, names[i])->backward_data,
                   (struct jc_traffic){0, 0, 0, 0});
  expect_traffic("fc", &cost_of(&n, "fc")->backward_data, (struct jc_traffic){96, 32, 0, 0});
  expect_traffic("all", &cost_of(&n, "all")->forward, (struct jc_traffic){64, 64, 0, 0});
  network_close(&n);
}

/* Kept for backward: the image of 48 bytes, and fc's whole output, of which a part is read. */
Test(views, are_kept_as_what_they_look_at) {
  static const char *const views[] = {
      "{'name': 'v', 'type': 'slice', 'end': 3}", "{'name': 'v', 'type': 'identity'}",
      "{'name': 'v', 'type': 'chunk', 'chunks': 3}",
      "{'name': 'v', 'type': 'split', 'split_size': 2, 'index': 3}"};
  for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
    struct kind_network n;
    char layers[400];
    (void)snprintf(layers, sizeof(layers),
                   "{'name': 'fc', 'type': 'linear', 'out_features': 8}, %s,"
                   "{'name': 'head', 'type': 'linear', 'out_features': 2}",
                   views[i]);
    network_open(&n, "[12]", layers);
    cr_expect_eq(n.totals->saved_activation_bytes, 48 + 32, "view %zu: %llu", i,
                 (unsigned long long)n.totals->saved_activation_bytes);
    network_close(&n);
  }
}

/* Every kind that is a view, and none other. */
Test(views, are_these) {
  static const char *const layers[] = {"'flatten'",
                                       "'unflatten', 'dim': 3, 'unflattened_size': [2, 2]",
                                       "'reshape', 'shape': [-1]",
                                       "'permute', 'dims': [0, 2, 3, 1]",
                                       "'transpose', 'dim0': 1, 'dim1': 2",
                                       "'squeeze', 'dim': 2",
                                       "'unsqueeze', 'dim': 1",
                                       "'expand', 'shape': [-1, 5, -1]",
                                       "'identity'",
                                       "'split', 'split_size': 2",
                                       "'chunk', 'chunks': 2",
                                       "'slice', 'end': 2",
                                       "'select'"};
  for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
    struct kind_network n;
    char text[200];
    (void)snprintf(text, sizeof(text), "{'name': 'v', 'type': %s}", layers[i]);
    network_open(&n, "[3, 1, 4]", text);
    cr_expect(cost_of(&n, "v")->moves_no_data, "%s", layers[i]);
    cr_expect_eq(n.totals->forward_bytes, 0, "%s", layers[i]);
    network_close(&n);
  }
}

static const char *const moved[] = {"'roll', 'shifts': 1, 'dims': 1",
                                    "'pad', 'padding': [1, 1]",
                                    "'channel_shuffle', 'groups': 2",
                                    "'pixel_shuffle', 'upscale_factor': 2",
                                    "'pixel_unshuffle', 'downscale_factor': 2",
                                    "'upsample', 'size': 3",
                                    "'concat'",
                                    "'stack'",
                                    "'mean'"};

Test(views, are_not_these) {
  for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
    struct kind_network n;
    char text[200];
    (void)snprintf(text, sizeof(text), "{'name': 'v', 'type': %s}", moved[i]);
    network_open(&n, "[4, 2, 2]", text);
    cr_expect(!cost_of(&n, "v")->moves_no_data, "%s", moved[i]);
    cr_expect_eq(n.totals->forward_bytes, 4 * (16 + jc_shape_elements(&cost_of(&n, "v")->out)),
                 "%s", moved[i]);
    network_close(&n);
  }
}

/* A tensor of one row that is repeated gets one gradient: 48 bytes read, 16 written, once a step.
 */
Test(views, expand_sums_its_gradient) {
  struct kind_network n;
  network_open(&n, "[3, 4]",
               "{'name': 'p', 'type': 'parameter', 'shape': [1, 4]},"
               "{'name': 'wide', 'type': 'expand', 'shape': [3, -1]},"
               "{'name': 'sum', 'type': 'add', 'inputs': ['input', 'wide']}");
  expect_traffic("wide", &cost_of(&n, "wide")->forward, (struct jc_traffic){0, 0, 0, 0});
  expect_traffic("wide", &cost_of(&n, "wide")->backward_data, (struct jc_traffic){0, 0, 48, 16});
  network_close(&n);
}

/* ---- what functions of one element keep for backward ---- */

/* By torch.autograd.graph.saved_tensors_hooks of PyTorch 1.13.1. But for relu6, of which PyTorch
 * keeps the input: the trainer does with the output, as for relu. */
Test(pointwise, keep_what_pytorch_keeps) {
  static const char *const input[] = {
      "leaky_relu", "prelu",    "elu",      "selu",       "celu",      "gelu", "silu",
      "mish",       "hardtanh", "softplus", "logsigmoid", "hardswish", "log",  "hardsigmoid",
      "square",     "pow",      "abs",      "sin",        "cos",       "erf",  "clamp"};
  static const char *const output[] = {"relu", "relu6",      "sigmoid", "tanh",    "exp",
                                       "sqrt", "reciprocal", "rsqrt",   "softmax", "log_softmax"};
  static const char *const nothing[] = {"neg", "scale", "identity"};
  const struct {
    const char *const *names;
    size_t count;
    bool input, output;
  } rows[] = {{input, sizeof(input) / sizeof(input[0]), true, false},
              {output, sizeof(output) / sizeof(output[0]), false, true},
              {nothing, sizeof(nothing) / sizeof(nothing[0]), false, false}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    for (size_t k = 0; k < rows[i].count; k++) {
      struct kind_network n;
      char layers[100];
      (void)snprintf(layers, sizeof(layers), "{'name': 'x', 'type': '%s'}", rows[i].names[k]);
      network_open(&n, "[3]", layers);
      cr_expect(cost_of(&n, "x")->saves_input == rows[i].input &&
                    cost_of(&n, "x")->saves_output == rows[i].output,
                "%s", rows[i].names[k]);
      network_close(&n);
    }
}

/* ---- refusals that PyTorch has and has not ---- */

Test(refusals, dimensions) {
  expect_refused("[3, 4]", "{'name': 's', 'type': 'softmax', 'dim': 0}", JC_ERROR_INVALID,
                 "layers[0].dim");
  expect_refused("[3, 4]", "{'name': 's', 'type': 'softmax', 'dim': -3}", JC_ERROR_INVALID,
                 "layers[0].dim");
  expect_refused("[3, 4]", "{'name': 's', 'type': 'mean', 'dim': [1, 0]}", JC_ERROR_INVALID,
                 "layers[0].dim");
  expect_refused("[3, 4]", "{'name': 's', 'type': 'roll', 'shifts': 1, 'dims': 0}",
                 JC_ERROR_INVALID, "layers[0].dims");
  expect_refused("[3, 4]", "{'name': 's', 'type': 'permute', 'dims': [1, 0, 2]}", JC_ERROR_INVALID,
                 "layers[0].dims");
  expect_refused("[3, 4]", "{'name': 's', 'type': 'permute', 'dims': [0, 1]}", JC_ERROR_INVALID,
                 "layers[0].dims");
  /* PyTorch's squeeze leaves such a dimension where it is: a mistake passes unseen there. */
  expect_refused("[3, 4]", "{'name': 's', 'type': 'squeeze', 'dim': 1}", JC_ERROR_INVALID,
                 "layers[0].dim");
  expect_refused("[2, 2, 2, 2, 2, 2, 2, 2]", "{'name': 's', 'type': 'unsqueeze', 'dim': 1}",
                 JC_ERROR_INVALID, "layers[0].inputs");
}

/* What the modes of pad and upsample can do, as PyTorch has it. */
Test(refusals, modes) {
  expect_refused("[3, 4, 4]", "{'name': 'p', 'type': 'pad', 'padding': [4, 0], 'mode': 'reflect'}",
                 JC_ERROR_INVALID, "layers[0].padding");
  expect_refused("[3, 4, 4]", "{'name': 'p', 'type': 'pad', 'padding': [5, 0], 'mode': 'circular'}",
                 JC_ERROR_INVALID, "layers[0].padding");
  expect_refused("[3, 4, 4]", "{'name': 'u', 'type': 'upsample', 'size': 8, 'mode': 'linear'}",
                 JC_ERROR_INVALID, "layers[0].mode");
  expect_refused("[3, 4, 4]", "{'name': 'u', 'type': 'upsample', 'size': 8, 'mode': 'trilinear'}",
                 JC_ERROR_INVALID, "layers[0].mode");
  expect_refused("[3, 4, 4]", "{'name': 'u', 'type': 'upsample', 'size': 8, 'scale_factor': 2}",
                 JC_ERROR_INVALID, "layers[0].size");
  expect_refused("[3, 4, 4]", "{'name': 'u', 'type': 'upsample'}", JC_ERROR_INVALID,
                 "layers[0].size");
  struct kind_network n;
  network_open(&n, "[3, 4, 4]",
               "{'name': 'a', 'type': 'pad', 'padding': [3, 3], 'mode': 'reflect'},"
               "{'name': 'b', 'type': 'pad', 'padding': [10, 10], 'mode': 'circular'},"
               "{'name': 'c', 'type': 'pad', 'padding': [0, 99], 'mode': 'replicate'}");
  expect_shape(&n, "c", "3x4x129");
  network_close(&n);
}
