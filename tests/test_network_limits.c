/* test_network_limits.c -- storage, counts beyond 64 bits, many inputs: refused or done, never
 * wrong. */
#include "tests/small_networks.h"

Test(limits, storage) {
  static struct sketch s;
  struct jc_error error = {0};
  struct jc_analysis analysis;
  make_tiny(&s);
  const size_t needed = jc_analysis_storage_size(5, 1);
  static JC_ANALYSIS_STORAGE(exact, 5, 1);
  cr_assert_geq(sizeof(exact), needed);
  cr_assert_lt(sizeof(exact), needed + sizeof(max_align_t));
  cr_assert_eq(jc_network_analyze(&s.network, &exact, needed, &analysis, &error), JC_OK);
  cr_assert_eq(jc_network_analyze(&s.network, &exact, needed - 1, &analysis, &error),
               JC_ERROR_STORAGE);
  cr_assert_eq(error.status, JC_ERROR_STORAGE);
  cr_assert_neq(error.text[0], '\0');
  cr_assert_eq(jc_analysis_storage_size(JC_MAX_LAYERS + 1, 1), 0);
  cr_assert_gt(jc_analysis_storage_size(JC_MAX_LAYERS, 1), jc_analysis_storage_size(100, 1));
  s.network.layer_count = JC_MAX_LAYERS + 1;
  memset(&error, 0, sizeof(error));
  cr_assert_eq(jc_network_analyze(&s.network, &exact, SIZE_MAX, &analysis, &error),
               JC_ERROR_STORAGE);
}

/* Bytes of storage beyond what was asked for stay as they are. */
Test(limits, storage_is_not_overrun) {
  static struct sketch s;
  struct jc_error error = {0};
  struct jc_analysis analysis;
  static union {
    max_align_t align;
    unsigned char bytes[1 << 16];
  } storage;
  make_tiny(&s);
  const size_t needed = jc_analysis_storage_size(5, 1);
  memset(&storage, 0x5a, sizeof(storage));
  cr_assert_eq(jc_network_analyze(&s.network, &storage, needed, &analysis, &error), JC_OK);
  for (size_t i = needed; i < sizeof(storage); i++)
    cr_assert_eq(storage.bytes[i], 0x5a, "byte %zu after the end", i - needed);
}

/* 2^32 x (2^31 - 1) elements. */
Test(limits, tensor_beyond_64_bits) {
  static struct sketch s;
  sketch_begin(&s, "huge", 3, (const uint32_t[]){1, 65536, 65536});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv(INT32_MAX, 1, 1, 0));
  cr_assert_eq(sketch_try(&s), JC_ERROR_OVERFLOW);
  cr_assert_str_eq(s.error.path, "layers[0]");

  sketch_begin(&s, "huge input", 3, (const uint32_t[]){INT32_MAX, INT32_MAX, INT32_MAX});
  (void)sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  cr_assert_eq(sketch_try(&s), JC_ERROR_OVERFLOW);
  cr_assert_not_null(strstr(s.error.path, "input"), "%s", s.error.path);
}

/* 2^44 outputs of 25 x 2^16 products each: about 2^64.6. */
Test(limits, products_beyond_64_bits) {
  static struct sketch s;
  sketch_begin(&s, "huge", 3, (const uint32_t[]){65536, 16384, 16384});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv_no_bias(65536, 5, 1, 2));
  cr_assert_eq(sketch_try(&s), JC_ERROR_OVERFLOW);
  cr_assert_str_eq(s.error.path, "layers[0]");
}

/* 9 x 2^60 products fit 64 bits, those of the training do not. */
Test(limits, totals_beyond_64_bits) {
  static struct sketch s;
  sketch_begin(&s, "huge", 3, (const uint32_t[]){65536, 16384, 16384});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv_no_bias(65536, 3, 1, 1));
  cr_assert_eq(sketch_try(&s), JC_ERROR_OVERFLOW);

  /* a layer's 2^60 products, forward and backward, fit; the FLOPs of seven such layers do not */
  sketch_begin(&s, "long", 3, (const uint32_t[]){65536, 16384, 16384});
  for (int i = 0; i < 7; i++) {
    (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv_no_bias(65536, 1, 1, 0));
    sketch_last(&s)->trainable = i == 0;
  }
  cr_assert_eq(sketch_try(&s), JC_ERROR_OVERFLOW);
  cr_assert_str_eq(s.error.path, "layers");
}

Test(limits, parameters_beyond_64_bits) {
  static struct sketch s;
  sketch_begin(&s, "matrix", 1, (const uint32_t[]){INT32_MAX});
  (void)sketch_then(&s, "fc", JC_LAYER_linear, linear(INT32_MAX, true));
  cr_assert_eq(sketch_try(&s), JC_ERROR_OVERFLOW);

  sketch_begin(&s, "windows", 3, (const uint32_t[]){65536, 1, 1});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv_no_bias(65536, 65535, 1, 32767));
  cr_assert_eq(sketch_try(&s), JC_ERROR_OVERFLOW);

  sketch_begin(&s, "pool", 3, (const uint32_t[]){INT32_MAX, 32768, 32768});
  (void)sketch_then(&s, "pool", JC_LAYER_avgpool2d, avgpool(30000, 1, 15000));
  cr_assert_eq(sketch_try(&s), JC_ERROR_OVERFLOW);
}

/* "max 0: any number" of inputs, as the last concatenation of a long dense block has. */
Test(limits, many_inputs) {
  static struct sketch s;
  uint32_t inputs[100] = {0};
  sketch_begin(&s, "dense", 3, (const uint32_t[]){2, 4, 4});
  (void)sketch_add(&s, "concat", JC_LAYER_concat, concat(1), 100, inputs);
  cr_assert_eq(sketch_try(&s), JC_OK, "%s: %s", s.error.path, s.error.text);
  cr_assert_eq(s.analysis.layers[0].out.dim[0], 200);
}

/* What an analysis that failed left behind does not disturb the next one. */
Test(limits, a_failure_does_no_harm) {
  static struct sketch s;
  make_tiny(&s);
  s.layers[4].fields.linear.out_features = 10;
  s.layers[0].fields.conv2d.kernel_size = both(99);
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  s.layers[0].fields.conv2d.kernel_size = both(3);
  cr_assert_eq(sketch_analyze(&s)->totals.forward_macs, 7552);
}

/* Printed with every count: says what a MAC is, and that counts are of one sample. */
Test(limits, convention_is_a_sentence) {
  const char *convention = jc_convention();
  cr_assert_not_null(strstr(convention, "MAC"));
  cr_assert_not_null(strstr(convention, "bias excluded"));
  cr_assert_not_null(strstr(convention, "2"));
  cr_assert_not_null(strstr(convention, "sample"));
}
