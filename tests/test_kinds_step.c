/* test_kinds_step.c -- layers without batch run once a step; kinds without inputs; tables of
 * weights; weights used twice. Numbers are worked out by hand in the comments. */
#include "tests/kind_networks.h"

#include "estimator/estimator.h"

/* ---- once a step ---- */

Test(step, count_of_a_batch) {
  cr_assert_float_eq(jc_step_count(100, 40, 3), 3 * 60 + 40, 0);
  cr_assert_float_eq(jc_step_count(100, 0, 5), 500, 0);
  cr_assert_float_eq(jc_step_count(7, 7, 1000), 7, 0);
  cr_assert_float_eq(jc_step_count(UINT64_MAX, 0, 2) / 0x1p65, 1, 1e-15);
}

/* Swin v2's position network: a table of 15x15 offsets, 2 -> 512 -> 3 heads, looked up for 64 x 64
 * pairs of positions and added to the scores of 4 windows; then a linear layer on the scores.
 *
 *            forward               of data    of weights
 * mlp1       225*2*512 = 230400    -          230400        once a step
 * mlp2       225*512*3 = 345600    345600     345600        once a step
 * head       12*64*64*10 = 491520  491520     491520        each sample */
static const char swin_input[] = "{'scores': {'shape': [4, 3, 64, 64]}}";
static const char swin_layers[] =
    "{'name': 'offsets', 'type': 'constant', 'shape': [15, 15, 2]},"
    "{'name': 'mlp1', 'type': 'linear', 'out_features': 512},"
    "{'name': 'relu', 'type': 'relu'},"
    "{'name': 'mlp2', 'type': 'linear', 'out_features': 3, 'bias': false},"
    "{'name': 'rows', 'type': 'reshape', 'shape': [-1, 3]},"
    "{'name': 'pairs', 'type': 'constant', 'shape': [4096]},"
    "{'name': 'table', 'type': 'index_select', 'inputs': ['rows', 'pairs']},"
    "{'name': 'square', 'type': 'reshape', 'shape': [64, 64, 3]},"
    "{'name': 'heads', 'type': 'permute', 'dims': [0, 3, 1, 2]},"
    "{'name': 'sigmoid', 'type': 'sigmoid'},"
    "{'name': 'for_batch', 'type': 'unsqueeze', 'dim': 1},"
    "{'name': 'sum', 'type': 'add', 'inputs': ['scores', 'for_batch']},"
    "{'name': 'head', 'type': 'linear', 'out_features': 10}";

Test(step, position_network) {
  struct kind_network n;
  network_open(&n, swin_input, swin_layers);
  expect_shape(&n, "heads", "3x64x64");
  expect_shape(&n, "for_batch", "1x3x64x64");
  expect_shape(&n, "sum", "4x3x64x64");
  for (uint32_t i = 0; i < n.network->layer_count; i++)
    cr_expect_eq(n.analysis.layers[i].per_step, i < layer_of(&n, "sum"), "layer %u", i);
  expect_macs(&n, "mlp1", 230400, 0, 230400);
  expect_macs(&n, "mlp2", 345600, 345600, 345600);
  expect_macs(&n, "head", 491520, 491520, 491520);
  cr_expect_eq(n.totals->forward_macs, 576000 + 491520);
  cr_expect_eq(n.totals->per_step_forward_macs, 576000);
  cr_expect_eq(n.totals->training_macs, 576000 + 230400 + 691200 + 3 * 491520);
  cr_expect_eq(n.totals->per_step_training_macs, 576000 + 230400 + 691200);
  cr_expect_float_eq(jc_step_count(n.totals->training_macs, n.totals->per_step_training_macs, 4),
                     1497600 + 4 * 1474560.0, 0);
  network_close(&n);
}

static double feature_bytes(const struct kind_network *n, const char *name, enum jc_phase phase,
                            uint64_t batch) {
  struct jc_feature_row row;
  jc_features(&n->analysis, layer_of(n, name), phase, batch, &row);
  return row.bytes;
}

static double feature_flops(const struct kind_network *n, const char *name, enum jc_phase phase,
                            uint64_t batch) {
  struct jc_feature_row row;
  jc_features(&n->analysis, layer_of(n, name), phase, batch, &row);
  return row.flops;
}

/* mlp1 reads 450 floats and 1536 parameters and writes 225*512 = 115200 floats, of which each has a
 * bias; sum reads and writes 49152 floats of each sample, and 12288 floats once. */
Test(step, features_of_a_batch) {
  struct kind_network n;
  network_open(&n, swin_input, swin_layers);
  for (uint64_t batch = 1; batch <= 4; batch += 3) {
    const double b = (double)batch;
    cr_expect_float_eq(feature_flops(&n, "mlp1", JC_FORWARD, batch), 2 * 230400 + 115200, 0);
    cr_expect_float_eq(feature_bytes(&n, "mlp1", JC_FORWARD, batch), 4 * (450 + 1536 + 115200), 0);
    cr_expect_float_eq(feature_bytes(&n, "mlp1", JC_BACKWARD, batch), 4 * (450 + 115200 + 1536), 0);
    cr_expect_float_eq(feature_flops(&n, "sum", JC_FORWARD, batch), b * 49152, 0);
    cr_expect_float_eq(feature_bytes(&n, "sum", JC_FORWARD, batch), 4 * (b * 2 * 49152 + 12288), 0);
    /* The scores are an input: only the table's gradient is written. */
    cr_expect_float_eq(feature_bytes(&n, "sum", JC_BACKWARD, batch), 4 * (b * 49152 + 12288), 0);
  }
  cr_expect_float_eq(jc_step_flops(n.totals, 4),
                     4 * (double)(n.totals->training_flops - n.totals->per_step_training_flops) +
                         (double)n.totals->per_step_training_flops,
                     0);
  network_close(&n);
}

/* A batch has one gradient of `scale` (16 bytes), summed from its three readers' once a step: 3 x
 * 16 read and 16 written. Its own backward reads that and the output and writes the gradient of p.
 * `first` (80 bytes a sample) has two readers: 2 x 80 read and 80 written of each sample; its own
 * backward reads 80 of each sample and writes its part of scale's gradient, 16, once. */
Test(step, gradients_of_several_readers) {
  struct kind_network n;
  network_open(&n, "[5, 4]",
               "{'name': 'p', 'type': 'parameter', 'shape': [4]},"
               "{'name': 'scale', 'type': 'exp'},"
               "{'name': 'first', 'type': 'add', 'inputs': ['input', 'scale']},"
               "{'name': 'second', 'type': 'add', 'inputs': ['first', 'scale']},"
               "{'name': 'third', 'type': 'add', 'inputs': ['second', 'first', 'scale']}");
  cr_expect(cost_of(&n, "scale")->per_step && !cost_of(&n, "first")->per_step);
  cr_expect_eq(cost_of(&n, "scale")->consumers, 3);
  expect_traffic("scale", &cost_of(&n, "scale")->backward_data,
                 (struct jc_traffic){0, 0, 48 + 16 + 16, 16 + 16});
  expect_traffic("first", &cost_of(&n, "first")->backward_data,
                 (struct jc_traffic){160 + 80, 80, 0, 16});
  for (uint64_t batch = 1; batch <= 4; batch += 3) {
    const double b = (double)batch;
    cr_expect_float_eq(feature_bytes(&n, "scale", JC_FORWARD, batch), 16 + 16, 0);
    cr_expect_float_eq(feature_bytes(&n, "scale", JC_BACKWARD, batch), 80 + 32, 0);
    cr_expect_float_eq(feature_bytes(&n, "first", JC_BACKWARD, batch), b * 320 + 16, 0);
  }
  network_close(&n);
}

/* Of layers without batch, activations do not grow with it: outputs, with their gradients where
 * they need one. offsets and pairs need none; rows, square, heads, for_batch are views. */
Test(step, memory_does_not_grow) {
  struct kind_network n;
  network_open(&n, swin_input, swin_layers);
  cr_expect_eq(n.totals->per_step_activation_bytes, 4 * 2 * (115200 + 115200 + 675 + 12288 + 12288),
               "%llu", (unsigned long long)n.totals->per_step_activation_bytes);
  cr_expect_eq(n.totals->activation_bytes, 4 * (49152 + 4 * 3 * 64 * 10));
  network_close(&n);
}

/* What a batch touches has a batch, whatever it meets. */
Test(step, a_batch_is_infectious) {
  struct kind_network n;
  network_open(&n, "[5, 4]",
               "{'name': 'p', 'type': 'parameter', 'shape': [1, 4]},"
               "{'name': 'alone', 'type': 'exp'},"
               "{'name': 'joined', 'type': 'concat', 'inputs': ['alone', 'input']},"
               "{'name': 'after', 'type': 'relu'},"
               "{'name': 'again', 'type': 'mul', 'inputs': ['p', 'alone']}");
  expect_shape(&n, "joined", "6x4");
  cr_expect(cost_of(&n, "p")->per_step && cost_of(&n, "alone")->per_step);
  cr_expect(!cost_of(&n, "joined")->per_step && !cost_of(&n, "after")->per_step);
  cr_expect(cost_of(&n, "again")->per_step);
  network_close(&n);
}

/* ---- kinds without inputs ---- */

Test(zero_inputs, parameter_and_constant) {
  struct kind_network n;
  network_open(&n, "[2, 3]",
               "{'name': 'learnt', 'type': 'parameter', 'shape': [2, 3]},"
               "{'name': 'frozen', 'type': 'parameter', 'shape': [1, 3], 'trainable': false},"
               "{'name': 'fixed', 'type': 'constant', 'shape': []},"
               "{'name': 'sum', 'type': 'add', 'inputs': ['input', 'learnt', 'frozen', 'fixed']}");
  cr_expect_eq(n.totals->params, 9);
  cr_expect_eq(n.totals->trainable_params, 6);
  cr_expect(cost_of(&n, "learnt")->output_needs_grad);
  cr_expect(!cost_of(&n, "frozen")->output_needs_grad);
  cr_expect(!cost_of(&n, "fixed")->output_needs_grad && !cost_of(&n, "fixed")->trains_weights);
  cr_expect_eq(cost_of(&n, "fixed")->params, 0);
  expect_traffic("learnt", &cost_of(&n, "learnt")->forward, (struct jc_traffic){0, 0, 0, 0});
  /* sum reads the 9 + 1 floats once a step, and writes one gradient of them: the learnt one. */
  expect_traffic("sum", &cost_of(&n, "sum")->forward, (struct jc_traffic){24, 24, 40, 0});
  expect_traffic("sum", &cost_of(&n, "sum")->backward_data, (struct jc_traffic){24, 0, 0, 24});
  network_close(&n);
}

Test(zero_inputs, take_none) {
  expect_refused("[4]", "{'name': 'p', 'type': 'parameter', 'shape': [4], 'inputs': ['input']}",
                 JC_ERROR_INVALID, "layers[0].inputs");
  expect_refused("[4]", "{'name': 'p', 'type': 'parameter', 'shape': [4, 0]}", JC_ERROR_INVALID,
                 "layers[0].shape");
  expect_refused("[4]", "{'name': 'p', 'type': 'constant', 'shape': [1, 1, 1, 1, 1, 1, 1, 1, 1]}",
                 JC_ERROR_INVALID, "layers[0].shape");
}

/* ---- what has a batch beside what has none ---- */

/* Leading ones of a tensor without batch stand for it; a longer leading dimension cannot. */
Test(operands, without_batch_are_not_larger) {
  struct kind_network n;
  network_open(&n, "[5, 4]",
               "{'name': 'p', 'type': 'parameter', 'shape': [1, 1, 4]},"
               "{'name': 'sum', 'type': 'add', 'inputs': ['p', 'input']}");
  expect_shape(&n, "sum", "5x4");
  network_close(&n);
  expect_refused("[5, 4]",
                 "{'name': 'p', 'type': 'parameter', 'shape': [5, 1, 4]},"
                 "{'name': 'sum', 'type': 'add', 'inputs': ['input', 'p']}",
                 JC_ERROR_INVALID, "layers[1].inputs");
  expect_refused("[4]",
                 "{'name': 'p', 'type': 'constant', 'shape': [3, 4]},"
                 "{'name': 'm', 'type': 'masked_fill', 'inputs': ['input', 'p']}",
                 JC_ERROR_INVALID, "layers[1].inputs");
}

/* A matrix keeps its two dimensions: [B, 1] x [1, 6] is [B, 6]. */
Test(operands, matrices_stay_matrices) {
  struct kind_network n;
  network_open(&n, "[1]",
               "{'name': 'p', 'type': 'parameter', 'shape': [1, 6]},"
               "{'name': 'm', 'type': 'matmul', 'inputs': ['input', 'p']}");
  expect_shape(&n, "m", "6");
  expect_macs(&n, "m", 6, 6, 0);
  network_close(&n);
}

/* ---- tables ---- */

/* GPT-2's beginning and end. 6 tokens, 10 words, 8 positions, 4 features.
 * wte reads 6 indices and 6 rows of 4, writes as much; its gradient is the whole table of 40.
 * wpe is read and written once a step. */
static const char tokens[] = "{'ids': {'shape': [6], 'dtype': 'int32'}}";
#define TABLES                                                                                     \
  "{'name': 'wte', 'type': 'embedding', 'num_embeddings': 10, 'embedding_dim': 4},"                \
  "{'name': 'wpe', 'type': 'position_embedding', 'inputs': ['ids'], 'num_embeddings': 8,"          \
  " 'embedding_dim': 4},"                                                                          \
  "{'name': 'sum', 'type': 'add', 'inputs': ['wte', 'wpe']}"

Test(tables, are_read_by_rows) {
  struct kind_network n;
  network_open(&n, tokens, TABLES);
  const struct jc_cost *wte = cost_of(&n, "wte"), *wpe = cost_of(&n, "wpe");
  expect_shape(&n, "wte", "6x4");
  expect_shape(&n, "wpe", "6x4");
  cr_expect(!wte->per_step && wpe->per_step && !cost_of(&n, "sum")->per_step);
  cr_expect_eq(n.totals->params, 40 + 32);
  cr_expect_eq(n.totals->training_macs, 0);
  expect_traffic("wte", &wte->forward, (struct jc_traffic){24 + 96, 96, 0, 0});
  expect_traffic("wte", &wte->backward_data, (struct jc_traffic){0, 0, 0, 0});
  expect_traffic("wte", &wte->backward_weights, (struct jc_traffic){24 + 96, 0, 0, 160});
  expect_traffic("wte", &wte->update, (struct jc_traffic){0, 0, 3 * 160, 2 * 160});
  expect_traffic("wpe", &wpe->forward, (struct jc_traffic){0, 0, 96, 96});
  expect_traffic("wpe", &wpe->backward_weights, (struct jc_traffic){0, 0, 96, 128});
  cr_expect_eq(n.totals->saved_activation_bytes, 24, "the indices");
  network_close(&n);
}

/* Positions follow the length of the sequence, up to the table's. */
Test(tables, positions_follow_the_input) {
  struct kind_network n;
  network_open(&n, tokens, TABLES);
  cr_assert_eq(jc_model_override_input(n.model, "8", &n.error), JC_OK);
  cr_assert_eq(network_analyze(&n), JC_OK, "%s", n.error.text);
  expect_shape(&n, "wpe", "8x4");
  cr_assert_eq(jc_model_override_input(n.model, "9", &n.error), JC_OK);
  cr_expect_eq(network_analyze(&n), JC_ERROR_INVALID);
  cr_expect_str_eq(n.error.path, "layers[1].num_embeddings");
  network_close(&n);
}

/* Only the length of the input is used: no gradient goes there, and nothing is read. */
Test(tables, positions_ignore_their_input) {
  struct kind_network n;
  network_open(&n, "[6, 3]",
               "{'name': 'fc', 'type': 'linear', 'out_features': 4},"
               "{'name': 'pos', 'type': 'position_embedding', 'num_embeddings': 8,"
               " 'embedding_dim': 4},"
               "{'name': 'sum', 'type': 'add', 'inputs': ['fc', 'pos']}");
  const struct jc_cost *pos = cost_of(&n, "pos");
  cr_expect(!pos->input_needs_grad && pos->output_needs_grad && pos->per_step);
  expect_traffic("pos", &pos->forward, (struct jc_traffic){0, 0, 96, 96});
  expect_traffic("pos", &pos->backward_data, (struct jc_traffic){0, 0, 0, 0});
  network_close(&n);
}

Test(tables, indices_are_whole_numbers) {
  expect_refused("[6]",
                 "{'name': 'e', 'type': 'embedding', 'num_embeddings': 10, 'embedding_dim': 4}",
                 JC_ERROR_INVALID, "layers[0].inputs");
}

/* ---- weights used twice ---- */

#define HEAD(more) "{'name': 'head', 'type': 'linear', 'out_features': " more "}"

/* The table is the last layer's matrix: 6 x 10 x 4 = 240 products, 40 parameters. */
Test(tied, linear_to_embedding) {
  struct kind_network n;
  network_open(&n, tokens, TABLES "," HEAD("10, 'bias': false, 'weight_from': 'wte'"));
  expect_macs(&n, "head", 240, 240, 240);
  cr_expect_eq(n.totals->params, 40 + 32);
  cr_expect_eq(n.totals->trainable_params, 40 + 32);
  expect_traffic("head", &cost_of(&n, "head")->update, (struct jc_traffic){0, 0, 0, 0});
  expect_traffic("head", &cost_of(&n, "head")->backward_weights,
                 (struct jc_traffic){96 + 240, 0, 0, 160});
  network_close(&n);
}

Test(tied, frozen_with_its_owner) {
  struct kind_network n;
  network_open(&n, tokens,
               "{'name': 'wte', 'type': 'embedding', 'num_embeddings': 10, 'embedding_dim': 4,"
               " 'trainable': false}," HEAD("10, 'bias': false, 'weight_from': 'wte'"));
  expect_macs(&n, "head", 240, 0, 0);
  cr_expect_eq(n.totals->trainable_params, 0);
  network_close(&n);
}

Test(tied, embedding_to_linear) {
  struct kind_network n;
  network_open(&n, "{'x': {'shape': [4]}, 'ids': {'shape': [6], 'dtype': 'int32'}}",
               "{'name': 'fc', 'type': 'linear', 'inputs': ['x'], 'out_features': 10,"
               " 'bias': false},"
               "{'name': 'e', 'type': 'embedding', 'inputs': ['ids'], 'num_embeddings': 10,"
               " 'embedding_dim': 4, 'weight_from': 'fc'}");
  cr_expect_eq(n.totals->params, 40);
  network_close(&n);
}

Test(tied, what_does_not_fit_is_refused) {
  expect_refused(tokens, TABLES "," HEAD("10, 'weight_from': 'wte'"), JC_ERROR_INVALID,
                 "layers[3].weight_from"); /* a bias */
  expect_refused(tokens, TABLES "," HEAD("8, 'bias': false, 'weight_from': 'wte'"),
                 JC_ERROR_INVALID, "layers[3].weight_from"); /* other words */
  expect_refused(tokens, TABLES "," HEAD("8, 'bias': false, 'weight_from': 'wpe'"),
                 JC_ERROR_INVALID, "layers[3].weight_from"); /* positions are no words */
  expect_refused(tokens, TABLES "," HEAD("4, 'bias': false, 'weight_from': 'sum'"),
                 JC_ERROR_INVALID, "layers[3].weight_from"); /* no weights */
  /* as many weights of the same shape, but of another kind */
  expect_refused("[6, 10]",
                 "{'name': 'p', 'type': 'parameter', 'shape': [4, 10]},"
                 "{'name': 'fc', 'type': 'linear', 'inputs': ['input'], 'out_features': 4,"
                 " 'bias': false, 'weight_from': 'p'}",
                 JC_ERROR_INVALID, "layers[1].weight_from");
}

/* Keys of 6 and values of 2 features need as many parameters as the other way round. */
Test(tied, attention_of_other_keys_is_refused) {
  expect_refused("{'q': {'shape': [3, 8]}, 'k': {'shape': [3, 6]}, 'v': {'shape': [3, 2]}}",
                 "{'name': 'a', 'type': 'multihead_attention', 'num_heads': 2,"
                 " 'inputs': ['q', 'k', 'v']},"
                 "{'name': 'b', 'type': 'multihead_attention', 'num_heads': 2,"
                 " 'inputs': ['q', 'v', 'k'], 'weight_from': 'a'}",
                 JC_ERROR_INVALID, "layers[1].weight_from");
}

/* ---- "when": "training" ---- */

Test(training_only, once_a_step) {
  struct kind_network n;
  network_open(&n, "[4]",
               "{'name': 'fc', 'type': 'linear', 'out_features': 4, 'bias': false},"
               "{'name': 'c', 'type': 'constant', 'shape': [3, 5]},"
               "{'name': 'aux', 'type': 'linear', 'out_features': 2, 'bias': false,"
               " 'when': 'training'},"
               "{'name': 'out', 'type': 'relu', 'inputs': ['fc']}");
  cr_expect_eq(n.totals->params, 16 + 10);
  cr_expect_eq(n.totals->forward_macs, 16);
  cr_expect_eq(n.totals->training_forward_macs, 16 + 30);
  cr_expect_eq(n.totals->per_step_forward_macs, 0);
  cr_expect_eq(n.totals->per_step_training_macs, 2 * 30);
  cr_expect_eq(n.totals->training_macs, 2 * 16 + 2 * 30);
  network_close(&n);
}
