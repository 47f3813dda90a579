/* test_features.c -- the numbers that fit and prediction share, worked out by hand, and the names
 * of types and phases. */
#include "tests/small_networks.h"

#include "estimator/estimator.h"

/*          in   out  params  MACs  elementwise
 * fc1      4    3    12      12    0
 * relu     3    3                  3
 * fc2      3    2    8       6     2 (bias)
 * together           20      18    5 */
static void make_small(struct sketch *s) {
  sketch_begin(s, "small", 1, (const uint32_t[]){4});
  (void)sketch_then(s, "fc1", JC_LAYER_linear, linear(3, false));
  (void)sketch_then(s, "relu", JC_LAYER_relu, no_fields());
  (void)sketch_then(s, "fc2", JC_LAYER_linear, linear(2, true));
}

struct expected_row {
  uint32_t layer;
  enum jc_phase phase;
  double count, flops, bytes;
};

static void check_rows(const struct jc_analysis *analysis, uint64_t batch,
                       const struct expected_row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct jc_feature_row row;
    jc_features(analysis, rows[i].layer, rows[i].phase, batch, &row);
    const char *what = analysis->network->layers[rows[i].layer].name;
    const char *phase = jc_phase_name(rows[i].phase);
    cr_assert_eq(row.phase, rows[i].phase);
    cr_assert_float_eq(row.count, rows[i].count, 0, "%s %s: count %g", what, phase, row.count);
    cr_assert_float_eq(row.flops, rows[i].flops, 0, "%s %s: %g FLOPs", what, phase, row.flops);
    cr_assert_float_eq(row.bytes, rows[i].bytes, 0, "%s %s: %g bytes", what, phase, row.bytes);
    cr_assert_float_eq(row.linear[0], row.count, 0);
    cr_assert_float_eq(row.linear[1], row.flops, 0);
    cr_assert_float_eq(row.linear[2], row.bytes, 0);
  }
}

/* Batch 10: FLOPs = 10 x (2 x MACs + elementwise); bytes = 10 x 4 x (elements read and written)
 * + 4 x weights. The update of momentum is 3 multiply-adds a weight, on 5 reads and writes. */
Test(features, of_a_batch) {
  static struct sketch s;
  static const struct expected_row rows[] = {
      {0, JC_FORWARD, 1, 10 * 24, 10 * 4 * (4 + 3) + 48},
      {0, JC_BACKWARD, 1, 10 * 24, 10 * 4 * (4 + 3) + 48}, /* of weights alone: inputs read, ... */
      {0, JC_UPDATE, 1, 6 * 12, 5 * 48},
      {1, JC_FORWARD, 1, 10 * 3, 10 * 4 * (3 + 3)},
      {1, JC_BACKWARD, 1, 10 * 3, 10 * 4 * (3 + 3 + 3)},
      {1, JC_UPDATE, 0, 0, 0},
      {2, JC_FORWARD, 1, 10 * (12 + 2), 10 * 4 * (3 + 2) + 32},
      /* data: 2 read, 3 written, weights read; weights: 3 + 2 read, gradients written */
      {2, JC_BACKWARD, 1, 10 * (2 * 12 + 2), 10 * 4 * (2 + 3) + 32 + 10 * 4 * (3 + 2) + 32},
      {2, JC_UPDATE, 1, 6 * 8, 5 * 32},
  };
  make_small(&s);
  check_rows(sketch_analyze(&s), 10, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Weights are moved once a step; so the features are linear in the batch, but not proportional. */
Test(features, of_one_sample) {
  static struct sketch s;
  static const struct expected_row rows[] = {
      {0, JC_FORWARD, 1, 24, 28 + 48},
      {0, JC_UPDATE, 1, 72, 240},
      {2, JC_BACKWARD, 1, 26, 20 + 32 + 20 + 32},
  };
  make_small(&s);
  check_rows(sketch_analyze(&s), 1, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Rows of all layers add up to the totals of the analysis. */
Test(features, sum_to_the_totals) {
  static struct sketch s;
  double flops = 0;
  sketch_begin(&s, "mixed", 3, (const uint32_t[]){3, 8, 8});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv(8, 3, 1, 1));
  (void)sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  const uint32_t a = sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  const uint32_t b =
      sketch_then(&s, "dw", JC_LAYER_conv2d, conv_groups(8, 3, 1, JC_GROUPS_IN_CHANNELS));
  (void)sketch_add(&s, "add", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){a, b});
  (void)sketch_then(&s, "pool", JC_LAYER_adaptive_avgpool2d, adaptive(1, 1));
  (void)sketch_then(&s, "flatten", JC_LAYER_flatten, flatten_all());
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(10, true));
  const struct jc_analysis *analysis = sketch_analyze(&s);
  for (uint32_t i = 0; i < s.network.layer_count; i++) {
    for (int phase = JC_FORWARD; phase <= JC_BACKWARD; phase++) {
      struct jc_feature_row row;
      jc_features(analysis, i, (enum jc_phase)phase, 7, &row);
      flops += row.flops;
    }
  }
  cr_assert_float_eq(flops, 7.0 * (double)analysis->totals.training_flops, 1e-6);
  cr_assert_float_eq(jc_step_flops(&analysis->totals, 7), flops, 1e-6);
  cr_assert_float_eq(
      jc_step_bytes(&analysis->totals, 7),
      7.0 * ((double)analysis->totals.forward_bytes + (double)analysis->totals.backward_bytes),
      1e-6);
}

/* What does nothing in a phase has no call in it. */
Test(features, of_frozen_layers) {
  static struct sketch s;
  static const struct expected_row rows[] = {
      {0, JC_FORWARD, 1, 24, 28 + 48},
      {0, JC_BACKWARD, 0, 0, 0},
      {0, JC_UPDATE, 0, 0, 0},
      {1, JC_BACKWARD, 0, 0, 0},
      {2, JC_BACKWARD, 1, 12 + 2, 20 + 32}, /* of weights alone */
      {2, JC_UPDATE, 1, 48, 160},
  };
  make_small(&s);
  s.layers[0].trainable = false;
  check_rows(sketch_analyze(&s), 1, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Tied weights are updated once: where they belong. */
Test(features, of_tied_weights) {
  static struct sketch s;
  static const struct expected_row rows[] = {{0, JC_UPDATE, 1, 6 * 64, 5 * 256},
                                             {1, JC_UPDATE, 0, 0, 0}};
  sketch_begin(&s, "tied", 1, (const uint32_t[]){8});
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(8, false));
  (void)sketch_then(&s, "again", JC_LAYER_linear, linear(8, false));
  sketch_last(&s)->weight_from = 0;
  check_rows(sketch_analyze(&s), 4, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Counts are 64-bit; rows are real, so that a large batch does not wrap. */
Test(features, of_a_huge_batch) {
  static struct sketch s;
  struct jc_feature_row row;
  make_small(&s);
  jc_features(sketch_analyze(&s), 0, JC_FORWARD, UINT64_C(1) << 62, &row);
  cr_assert_float_eq(row.flops / (24.0 * 0x1p62), 1, 1e-12);
}

/* ---- types ---- */

static const char *type_of(const struct sketch *s, uint32_t layer, enum jc_phase phase) {
  struct jc_feature_row row;
  jc_features(&s->analysis, layer, phase, 1, &row);
  return jc_type_name(row.type);
}

Test(types, of_layers) {
  static struct sketch s;
  sketch_begin(&s, "variants", 3, (const uint32_t[]){3, 8, 8});
  (void)sketch_then(&s, "first", JC_LAYER_conv2d, conv(8, 3, 1, 1));
  (void)sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  (void)sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  (void)sketch_then(&s, "dw", JC_LAYER_conv2d, conv_groups(8, 3, 1, JC_GROUPS_IN_CHANNELS));
  (void)sketch_then(&s, "relu alone", JC_LAYER_relu, no_fields());
  (void)sketch_then(&s, "grouped", JC_LAYER_conv2d, conv_groups(8, 3, 1, 2));
  (void)sketch_then(&s, "1x1", JC_LAYER_conv2d, conv(8, 1, 1, 0));
  (void)sketch_then(&s, "3x3", JC_LAYER_conv2d, conv(8, 3, 1, 1));
  (void)sketch_then(&s, "wide padding", JC_LAYER_conv2d, conv(8, 3, 1, 2));
  (void)sketch_then(&s, "wider padding", JC_LAYER_conv2d, conv(8, 3, 1, 3));
  (void)sketch_then(&s, "padded 1x1", JC_LAYER_conv2d, conv(8, 1, 1, 1));
  (void)sketch_analyze(&s);
  cr_assert_str_eq(type_of(&s, 0, JC_FORWARD), "conv2d.first");
  cr_assert_str_eq(type_of(&s, 1, JC_FORWARD), "batchnorm2d.relu");
  cr_assert_str_eq(type_of(&s, 1, JC_BACKWARD), "batchnorm2d.relu");
  cr_assert_str_eq(type_of(&s, 2, JC_FORWARD), "relu");
  cr_assert_str_eq(type_of(&s, 3, JC_BACKWARD), "conv2d.depthwise");
  cr_assert_str_eq(type_of(&s, 4, JC_FORWARD), "relu");
  cr_assert_str_eq(type_of(&s, 5, JC_FORWARD), "conv2d.grouped");
  cr_assert_str_eq(type_of(&s, 6, JC_FORWARD), "conv2d.1x1");
  cr_assert_str_eq(type_of(&s, 7, JC_FORWARD), "conv2d");
  cr_assert_str_eq(type_of(&s, 7, JC_UPDATE), "update");
  cr_assert_str_eq(type_of(&s, 8, JC_FORWARD), "conv2d", "no window misses the input");
  cr_assert_str_eq(type_of(&s, 9, JC_FORWARD), "conv2d.outside");
  cr_assert_str_eq(type_of(&s, 10, JC_FORWARD), "conv2d.outside");
}

Test(types, fused_rows_are_marked) {
  static struct sketch s;
  struct jc_feature_row row;
  sketch_begin(&s, "fused", 3, (const uint32_t[]){3, 8, 8});
  (void)sketch_then(&s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  (void)sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  (void)sketch_analyze(&s);
  for (int phase = JC_FORWARD; phase <= JC_BACKWARD; phase++) {
    jc_features(&s.analysis, 1, (enum jc_phase)phase, 1, &row);
    cr_assert(row.fused);
    jc_features(&s.analysis, 0, (enum jc_phase)phase, 1, &row);
    cr_assert(!row.fused);
  }
}

/* Names are how profiles tell types apart: unique, and read back to what was written. */
Test(types, names_read_back) {
  int named = 0;
  for (uint16_t type = 0; type < JC_TYPE_COUNT; type++) {
    const char *name = jc_type_name(type);
    if (name == NULL)
      continue;
    named++;
    cr_assert_eq(jc_type_find(name), type, "%s", name);
  }
  cr_assert_geq(named, JC_LAYER_KIND_COUNT + 3);
  cr_assert_str_eq(jc_type_name(JC_TYPE_UPDATE), "update");
  cr_assert_str_eq(jc_type_name(JC_TYPE_STEP), "step");
  cr_assert_str_eq(jc_type_name(JC_TYPE_ANY), "any");
  cr_assert_null(jc_type_name(JC_TYPE_COUNT));
  cr_assert_null(jc_type_name(UINT16_MAX));
  cr_assert_eq(jc_type_find("conv2d.sparse"), JC_TYPE_COUNT);
  cr_assert_eq(jc_type_find(""), JC_TYPE_COUNT);
}

/* A profile holds a coefficient for every type and phase that a calibration can meet. */
Test(types, fit_a_profile) {
  int rows = 3; /* update, step, and the mean of all layers, in each phase */
  for (uint16_t type = 0; type < JC_TYPE_UPDATE; type++)
    rows += jc_type_name(type) != NULL ? 2 : 0;
  rows += 2;
  cr_assert_leq(rows, JC_MAX_COEFFICIENTS, "%d rows", rows);
}

Test(types, names_of_phases_and_precisions) {
  static const char *const phases[] = {"forward", "backward", "update"};
  static const char *const results[] = {"forward", "backward_data", "backward_weights", "update",
                                        "validation"};
  static const char *const precisions[] = {"fp32", "tf32", "bf16", "fp16"};
  for (int i = 0; i < JC_PHASE_COUNT; i++)
    cr_assert_str_eq(jc_phase_name((enum jc_phase)i), phases[i]);
  for (int i = 0; i < JC_RESULT_PHASE_COUNT; i++)
    cr_assert_str_eq(jc_result_phase_name((enum jc_result_phase)i), results[i]);
  for (int i = 0; i < JC_MAX_PRECISIONS; i++)
    cr_assert_str_eq(jc_precision_name((enum jc_precision)i), precisions[i]);
  cr_assert_null(jc_precision_name((enum jc_precision)JC_MAX_PRECISIONS));
}
