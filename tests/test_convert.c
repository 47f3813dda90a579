/* test_convert.c -- ONNX written by hand: the wire's limits, counts, every refusal. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "convert/convert.h"
#include "convert/wire.h"
#include "estimator/model_file.h"
#include "tests/onnx_wire.h"

struct counts {
  uint64_t params, forward_macs, training_macs;
};

static struct jc_converted convert_with(struct wire model, const struct jc_convert_options *options,
                                        struct jc_error *error) {
  struct jc_converted converted;
  (void)jc_convert_onnx_bytes(model.bytes, model.size, "t.onnx", options, &converted, error);
  free(model.bytes);
  return converted;
}

static struct jc_converted convert(struct wire model, struct jc_error *error) {
  return convert_with(model, &(struct jc_convert_options){.batch_axis = -1}, error);
}

static struct counts count(const char *text) {
  struct jc_error error = {0};
  struct jc_model *model;
  char message[1024];
  cr_assert_eq(jc_model_parse(text, strlen(text), "t.json", &model, &error), JC_OK, "%s",
               jc_error_format(&error, message, sizeof message));
  const struct jc_network *network = jc_model_network(model);
  size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(size);
  struct jc_analysis analysis;
  cr_assert_eq(jc_network_analyze(network, storage, size, &analysis, &error), JC_OK);
  struct counts counts = {analysis.totals.params, analysis.totals.forward_macs,
                          analysis.totals.training_macs};
  free(storage);
  jc_model_free(model);
  return counts;
}

/* Converts; the text must hold each of the words, up to NULL. */
static struct counts expect_text(struct wire model, const char *const *words) {
  struct jc_error error = {0};
  char message[1024];
  struct jc_converted converted = convert(model, &error);
  cr_assert_eq(error.status, JC_OK, "%s", jc_error_format(&error, message, sizeof message));
  for (; *words; words++)
    cr_expect(strstr(converted.text, *words), "'%s' is not in:\n%s", *words, converted.text);
  struct counts counts = count(converted.text);
  jc_converted_free(&converted);
  return counts;
}

static void expect_error(struct wire model, enum jc_status status, const char *words) {
  struct jc_error error = {0};
  char message[1024];
  struct jc_converted converted = convert(model, &error);
  jc_error_format(&error, message, sizeof message);
  cr_expect_eq(error.status, status, "status %d: %s", error.status, message);
  cr_expect(strstr(message, words), "'%s' is not in '%s'", words, message);
  cr_expect_null(converted.text);
  jc_converted_free(&converted);
}

static void expect_note(struct wire model, const char *words) {
  struct jc_error error = {0};
  struct jc_converted converted = convert(model, &error);
  cr_assert_eq(error.status, JC_OK, "%s: %s", error.path, error.text);
  if (words)
    cr_expect(strstr(converted.notes, words), "'%s' is not in '%s'", words, converted.notes);
  else
    cr_expect_str_eq(converted.notes, "");
  jc_converted_free(&converted);
}

/* ---- the wire ---- */

static enum jc_status walk(const void *bytes, size_t size, struct jc_error *error) {
  struct jc_wire wire = jc_wire_open((struct jc_bytes){bytes, size, 100});
  struct jc_wire_field field;
  while (jc_wire_next(&wire, &field, error))
    continue;
  return error->status;
}

static void expect_walk(const char *bytes, size_t size, const char *words) {
  struct jc_error error = {0};
  cr_expect_eq(walk(bytes, size, &error), words ? JC_ERROR_INVALID : JC_OK);
  cr_expect(strstr(error.text, words ? words : ""), "%s", error.text);
}

Test(wire, every_type_is_walked) {
  struct jc_error error = {0};
  const uint8_t bytes[] = {0x08, 0x96, 0x01, 0x11, 1,   2,    3, 4, 5, 6, 7,
                           8,    0x1a, 0x02, 'h',  'i', 0x25, 1, 0, 0, 0};
  struct jc_wire wire = jc_wire_open((struct jc_bytes){bytes, sizeof bytes, 0});
  struct jc_wire_field field;
  cr_assert(jc_wire_next(&wire, &field, &error));
  cr_expect(field.number == 1 && field.type == JC_WIRE_VARINT && field.value == 150);
  cr_assert(jc_wire_next(&wire, &field, &error));
  cr_expect(field.number == 2 && field.value == UINT64_C(0x0807060504030201));
  cr_assert(jc_wire_next(&wire, &field, &error));
  cr_expect(field.number == 3 && field.bytes.size == 2 && field.bytes.at[0] == 'h');
  cr_expect(field.bytes.offset == 14 && field.whole.offset == 12 && field.whole.size == 4);
  cr_assert(jc_wire_next(&wire, &field, &error));
  cr_expect(field.number == 4 && field.type == JC_WIRE_32 && field.value == 1);
  cr_expect_not(jc_wire_next(&wire, &field, &error));
  cr_expect_eq(error.status, JC_OK);
}

Test(wire, malformed_bytes_are_refused) {
  expect_walk("", 0, NULL);
  expect_walk("\x08", 1, "byte 101: the file ends inside a number");
  expect_walk("\x08\x80", 2, "the file ends inside a number");
  expect_walk("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, NULL);
  expect_walk("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "at most 64 bits");
  expect_walk("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "at most 64 bits");
  expect_walk("\x0a\x05\x61\x62", 4, "field 1 is 5 bytes long, but its message ends after 2");
  expect_walk("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "its message ends after 0");
  expect_walk("\x0d\x01\x02\x03", 4, "the file ends inside a number");
  expect_walk("\x09\x01\x02\x03\x04\x05\x06\x07", 8, "the file ends inside a number");
  expect_walk("\x0b", 1, "unknown wire type");
  expect_walk("\x0c", 1, "unknown wire type");
  expect_walk("\x0f", 1, "unknown wire type");
  expect_walk("\x00\x01", 2, "expected the tag of a field");
  expect_walk("\x80\x80\x80\x80\x80\x01\x00", 7, "expected the tag of a field");
}

/* Messages inside each other are only entered as deep as the format knows them. */
Test(wire, deep_nesting_is_not_followed) {
  struct wire inner = {0}, outer = {0};
  for (int i = 0; i < 10000; i++) {
    put_message(&outer, 7, &inner);
    inner = outer;
    outer = (struct wire){0};
  }
  expect_error(inner, JC_ERROR_MISMATCH, "expected opset 9 to 20");
}

/* ---- counts ---- */

Test(convert, a_small_network_is_counted_exactly) {
  struct wire g = small_graph();
  struct counts c = expect_text(
      finish_model(&g, 13),
      (const char *const[]){
          "\"source\": \"converted from t.onnx (producer by hand, opset 13)\"", "\"name\": \"t\"",
          "{\"name\": \"conv\", \"type\": \"conv2d\", \"out_channels\": 4, \"kernel_size\": 3, "
          "\"padding\": 1}",
          "\"x\": {\"shape\": [3, 8, 8], \"dtype\": \"float32\"}",
          "{\"name\": \"bn\", \"type\": \"batchnorm2d\", \"eps\": 1e-05, \"momentum\": 0.1}",
          "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 5}",
          "\"expect\": {\"params\": 445}", NULL});
  cr_expect_eq(c.params, SMALL_PARAMS);
  cr_expect_eq(c.forward_macs, SMALL_MACS);
  cr_expect_eq(c.training_macs, 3 * SMALL_MACS - 64 * 4 * 27);
}

/* x [batch, 6, 4] times w [4, 7]; what follows is the test's. */
static struct wire product_graph(void) {
  struct wire g = {0};
  put_value(&g, 11, "x", "batch", DIMS(6, 4));
  put_tensor(&g, 5, "w", DIMS(4, 7));
  put_node(&g, "MatMul", "x,w", "m");
  return g;
}

Test(convert, a_product_and_its_bias_are_one_layer) {
  struct wire g = product_graph();
  put_tensor(&g, 5, "bias", DIMS(7));
  put_node(&g, "Add", "bias,m", "y");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  struct counts c =
      expect_text(finish_model(&g, 17),
                  (const char *const[]){"\"type\": \"linear\", \"out_features\": 7}", NULL});
  cr_expect_eq(c.params, 4 * 7 + 7);
  cr_expect_eq(c.forward_macs, 6 * 4 * 7);
}

Test(convert, a_product_that_is_read_twice_keeps_its_bias_apart) {
  struct wire g = product_graph();
  put_tensor(&g, 5, "bias", DIMS(7));
  put_node(&g, "Add", "m,bias", "a");
  put_node(&g, "Mul", "a,m", "y");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  struct counts c = expect_text(
      finish_model(&g, 17),
      (const char *const[]){"\"out_features\": 7, \"bias\": false", "\"type\": \"parameter\"",
                            "\"type\": \"add\"", "\"type\": \"mul\"", NULL});
  cr_expect_eq(c.params, 4 * 7 + 7);
}

Test(convert, shared_weights_are_counted_once_and_noted) {
  struct wire g = {0};
  put_value(&g, 11, "x", "batch", DIMS(4));
  put_tensor(&g, 5, "w", DIMS(4, 4));
  put_node(&g, "MatMul", "x,w", "m");
  put_node(&g, "MatMul", "m,w", "y");
  put_value(&g, 12, "y", "n", DIMS(4));
  struct wire again = {0};
  put_bytes(&again, g.bytes, g.size);
  struct counts c =
      expect_text(finish_model(&g, 17), (const char *const[]){"\"weight_from\": \"m\"", NULL});
  cr_expect_eq(c.params, 16);
  cr_expect_eq(c.forward_macs, 32);
  expect_note(finish_model(&again, 17), "1 layer reads the weights of another one");
}

/* ---- what is learnt ---- */

Test(convert, a_learnt_exponent_is_refused_but_a_constant_is_not) {
  struct wire g = product_graph();
  put_tensor(&g, 5, "pool.p", DIMS(1));
  put_node(&g, "Pow", "m,pool.p", "y");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  expect_error(finish_model(&g, 17), JC_ERROR_INVALID,
               "a tensor as exponent is not supported: 'pool.p' may be learnt");
  g = product_graph();
  put_tensor(&g, 5, "alpha", DIMS(1));
  put_node(&g, "Clip", "m,,alpha", "y");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  expect_error(finish_model(&g, 17), JC_ERROR_INVALID, "a tensor as bound is not supported");
  g = product_graph();
  put_constant(&g, "three", DIMS(1), 3);
  put_node(&g, "Pow", "m,three", "y");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  cr_expect_eq(
      expect_text(finish_model(&g, 17), (const char *const[]){"\"exponent\": 3", NULL}).params, 28);
}

/* m * exp(scale): CLIP's temperature. */
static struct wire scaled_graph(const char *scale) {
  struct wire g = product_graph();
  char inputs[64];
  put_tensor(&g, 5, scale, DIMS(-1000));
  put_node(&g, "Exp", scale, "e");
  put_node(&g, "Mul", "m,e", "a");
  (void)snprintf(inputs, sizeof inputs, "a,%s", scale);
  put_node(&g, "Add", inputs, "y");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  return g;
}

Test(convert, scalars_of_torch_are_learnt_and_others_are_noted) {
  struct wire g = scaled_graph("logit_scale");
  struct counts c = expect_text(
      finish_model_of(&g, 17, "pytorch"),
      (const char *const[]){"\"logit_scale\", \"type\": \"parameter\", \"shape\": [1]", NULL});
  cr_expect_eq(c.params, 28 + 1);
  g = scaled_graph("onnx::Exp_4");
  cr_expect_eq(expect_text(finish_model_of(&g, 17, "pytorch"), (const char *const[]){NULL}).params,
               28);
  g = scaled_graph("logit_scale");
  expect_note(finish_model(&g, 17),
              "1 scalar of the file (as 'logit_scale') taken for constants, not parameters");
}

Test(convert, a_weight_in_a_constant_node_is_found_through_a_transpose) {
  struct wire g = {0};
  put_value(&g, 11, "x", "batch", DIMS(6, 4));
  put_constant(&g, "w", DIMS(7, 4), 0.5F);
  struct wire node = start_node("Transpose", "w", "t");
  put_ints(&node, "perm", DIMS(1, 0));
  put_message(&g, 1, &node);
  put_node(&g, "MatMul", "x,t", "y");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  struct counts c = expect_text(finish_model(&g, 17), (const char *const[]){"\"linear\"", NULL});
  cr_expect_eq(c.params, 28);
}

static struct wire norm_of_constants(float scale) {
  struct wire g = {0};
  put_value(&g, 11, "x", "batch", DIMS(4, 8, 8));
  put_constant(&g, "s", DIMS(4), scale);
  put_constant(&g, "b", DIMS(4), 0);
  put_tensor(&g, 5, "mean", DIMS(4));
  put_tensor(&g, 5, "var", DIMS(4));
  put_node(&g, "BatchNormalization", "x,s,b,mean,var", "y");
  put_value(&g, 12, "y", "n", DIMS(4, 8, 8));
  return finish_model(&g, 13);
}

/* Ones and zeros are what torch writes for affine=False. */
Test(convert, a_norm_with_constants_is_noted_unless_they_fill_a_place) {
  expect_note(norm_of_constants(1), NULL);
  expect_note(norm_of_constants(0.5F),
              "1 tensor of reals in Constant nodes (4 numbers, as 's') taken for constants");
}

Test(convert, half_shared_layers_are_refused) {
  struct wire g = {0};
  put_value(&g, 11, "x", "batch", DIMS(4));
  put_tensor(&g, 5, "w", DIMS(4, 4));
  put_tensor(&g, 5, "b1", DIMS(4));
  put_tensor(&g, 5, "b2", DIMS(4));
  put_node(&g, "Gemm", "x,w,b1", "m");
  put_node(&g, "Gemm", "m,w,b2", "y");
  put_value(&g, 12, "y", "n", DIMS(4));
  expect_error(finish_model(&g, 17), JC_ERROR_INVALID,
               "node 'y' (Gemm): shares weight 'w' with 'm': a shared weight with another bias "
               "cannot be expressed");
  put_value(&g, 11, "x", "batch", DIMS(4));
  put_tensor(&g, 5, "w1", DIMS(4, 4));
  put_tensor(&g, 5, "w2", DIMS(4, 4));
  put_tensor(&g, 5, "b", DIMS(4));
  put_node(&g, "Gemm", "x,w1,b", "m");
  put_node(&g, "Gemm", "m,w2,b", "y");
  put_value(&g, 12, "y", "n", DIMS(4));
  expect_error(finish_model(&g, 17), JC_ERROR_INVALID, "shares bias 'b' with 'm'");
}

Test(convert, a_bias_on_shared_weights_becomes_an_addition) {
  struct wire g = {0};
  put_value(&g, 11, "x", "batch", DIMS(4));
  put_tensor(&g, 5, "w", DIMS(4, 4));
  put_tensor(&g, 5, "b", DIMS(4));
  put_node(&g, "Gemm", "x,w", "m");
  put_node(&g, "Gemm", "m,w,b", "y");
  put_value(&g, 12, "y", "n", DIMS(4));
  cr_expect_eq(
      expect_text(finish_model(&g, 17), (const char *const[]){"\"weight_from\": \"m\"", NULL})
          .params,
      20);
}

Test(convert, a_shape_computed_from_the_batch_is_followed) {
  struct wire g = product_graph();
  const int64_t zero = 0, minus_one = -1;
  put_int_tensor(&g, 5, "zero", &zero, 1);
  put_int_tensor(&g, 5, "minus_one", &minus_one, 1);
  put_node(&g, "Shape", "x", "s");
  put_node(&g, "Gather", "s,zero", "n");
  struct wire node = start_node("Concat", "n,minus_one", "to");
  put_int(&node, "axis", 0);
  put_message(&g, 1, &node);
  put_node(&g, "Reshape", "m,to", "y");
  put_value(&g, 12, "y", "n", DIMS(42));
  (void)expect_text(finish_model(&g, 17), (const char *const[]){"\"type\": \"flatten\"}", NULL});
}

/* ---- refusals ---- */

Test(convert, unsupported_operators_are_named_all_at_once) {
  struct wire g = product_graph();
  put_node(&g, "LSTM", "m", "a");
  put_node(&g, "NonMaxSuppression", "a", "b");
  put_node(&g, "LSTM", "b", "c");
  struct wire node = start_node("FusedGelu", "c", "y");
  put_text(&node, 7, "com.example");
  put_message(&g, 1, &node);
  put_node(&g, "Loop", "y", "unread");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  expect_error(finish_model(&g, 17), JC_ERROR_MISSING,
               "operators that are not supported: LSTM (2, as in 'a'), NonMaxSuppression (1, as "
               "in 'b'), com.example.FusedGelu (1, as in 'y')");
}

Test(convert, opsets_out_of_range_are_refused) {
  for (int64_t opset = 7; opset <= 22; opset++) {
    struct wire g = small_graph();
    struct wire model = finish_model(&g, opset);
    if (opset < 9 || opset > 20)
      expect_error(model, JC_ERROR_MISMATCH, "expected opset 9 to 20");
    else
      cr_expect_eq(expect_text(model, (const char *const[]){NULL}).params, SMALL_PARAMS);
  }
}

Test(convert, an_operator_before_its_opset_is_refused) {
  struct wire g = product_graph();
  put_node(&g, "Gelu", "m", "y");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  expect_error(finish_model(&g, 17), JC_ERROR_MISMATCH,
               "node 'y' (Gelu): expected opset 20 or later, got 17");
}

/* A graph of x [batch, 6, 4] and of one tensor with these bytes as its message. */
static struct wire with_tensor(struct wire *tensor) {
  struct wire g = {0};
  put_value(&g, 11, "x", "batch", DIMS(6, 4));
  put_text(tensor, 8, "w");
  put_message(&g, 5, tensor);
  put_node(&g, "MatMul", "x,w", "y");
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  return finish_model(&g, 17);
}

static struct wire tensor_of(int64_t rows, int64_t columns, size_t bytes) {
  struct wire t = {0};
  void *zeros = calloc(bytes + 1, 1);
  put_number(&t, 1, rows);
  put_number(&t, 1, columns);
  put_number(&t, 2, 1);
  put_block(&t, 9, zeros, bytes);
  free(zeros);
  return t;
}

Test(convert, a_shape_that_the_data_contradict_is_refused) {
  struct wire t = tensor_of(4, 7, 4 * 7 * 4);
  cr_expect_eq(expect_text(with_tensor(&t), (const char *const[]){NULL}).params, 28);
  t = tensor_of(4, 7, 4 * 7 * 4 - 4);
  expect_error(with_tensor(&t), JC_ERROR_INVALID,
               "tensor 'w': the shape needs 112 bytes of data, but 108 are there");
  t = tensor_of(4, 7, 0);
  expect_error(with_tensor(&t), JC_ERROR_INVALID, "but 0 are there");
  t = tensor_of(-4, 7, 112);
  expect_error(with_tensor(&t), JC_ERROR_INVALID, "expected a dimension of 0 or more, got -4");
  t = tensor_of(INT64_C(1) << 32, 8, 112);
  expect_error(with_tensor(&t), JC_ERROR_OVERFLOW, "a dimension of at most 2147483647");
  t = tensor_of(INT32_MAX, INT32_MAX, 112);
  expect_error(with_tensor(&t), JC_ERROR_INVALID, "of data, but 112 are there");
  t = tensor_of(INT32_MAX, INT32_MAX, 112);
  put_number(&t, 1, INT32_MAX);
  expect_error(with_tensor(&t), JC_ERROR_OVERFLOW, "does not fit 63 bits");
}

Test(convert, typed_data_are_counted_too) {
  struct wire t = {0};
  const float values[28] = {0};
  put_number(&t, 1, 4);
  put_number(&t, 1, 7);
  put_number(&t, 2, 1);
  put_block(&t, 4, values, sizeof values);
  cr_expect_eq(expect_text(with_tensor(&t), (const char *const[]){NULL}).params, 28);
  put_number(&t, 1, 4);
  put_number(&t, 1, 7);
  put_number(&t, 2, 1);
  put_block(&t, 4, values, sizeof values - 4);
  expect_error(with_tensor(&t), JC_ERROR_INVALID, "needs 28 numbers of data, but 27 are there");
}

Test(convert, external_data_are_not_needed) {
  struct wire t = {0}, entry = {0};
  put_number(&t, 1, 4);
  put_number(&t, 1, 7);
  put_number(&t, 2, 1);
  put_number(&t, 14, 1);
  put_text(&entry, 1, "length");
  put_text(&entry, 2, "112");
  put_message(&t, 13, &entry);
  struct wire longer = {0};
  put_bytes(&longer, t.bytes, t.size);
  cr_expect_eq(expect_text(with_tensor(&t), (const char *const[]){NULL}).params, 28);
  put_text(&entry, 1, "length");
  put_text(&entry, 2, "116");
  put_message(&longer, 13, &entry);
  expect_error(with_tensor(&longer), JC_ERROR_INVALID, "but 116 are there");
}

Test(convert, what_the_file_says_twice_must_agree) {
  struct wire g = product_graph();
  put_node(&g, "Relu", "m", "y");
  put_value(&g, 12, "y", "n", DIMS(6, 8));
  expect_error(finish_model(&g, 17), JC_ERROR_INVALID,
               "makes 'y' of shape [batch, 6, 7], but the file says [n, 6, 8]");
  g = small_graph();
  put_value(&g, 13, "p", "batch", DIMS(4, 4, 5));
  expect_error(finish_model(&g, 17), JC_ERROR_INVALID, "node 'p' (MaxPool)");
}

Test(convert, graphs_out_of_order_are_refused) {
  struct wire g = {0};
  put_value(&g, 11, "x", "batch", DIMS(6));
  put_node(&g, "Add", "x,later", "y");
  put_node(&g, "Relu", "x", "later");
  put_value(&g, 12, "y", "n", DIMS(6));
  expect_error(finish_model(&g, 17), JC_ERROR_INVALID,
               "node 'y' (Add): reads 'later', which nothing before it makes");
}

Test(convert, symbolic_sizes_must_be_given) {
  struct wire g = {0};
  struct jc_error error = {0};
  put_value(&g, 11, "x", NULL, DIMS(2, 0, 3));
  put_node(&g, "Relu", "x", "y");
  put_value(&g, 12, "y", NULL, DIMS(2, 0, 3));
  struct wire model = finish_model(&g, 17), again = {0};
  put_bytes(&again, model.bytes, model.size);
  expect_error(model, JC_ERROR_MISSING, "give its size, --dim x.1=N");
  static const char *const dims[] = {"x.1=5"};
  struct jc_convert_options options = {.batch_axis = -1, .dims = {1, dims}};
  struct jc_converted converted = convert_with(again, &options, &error);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  cr_expect(strstr(converted.text, "\"shape\": [5, 3]"));
  jc_converted_free(&converted);
}

/* ---- notes ---- */

Test(convert, many_notes_are_all_kept) {
  struct wire g = product_graph();
  char name[64], before[64] = "m", after[64] = "";
  enum { MANY = 3000 };
  for (int i = 0; i < MANY; i++) {
    (void)snprintf(name, sizeof name, "b%d.inv_freq", i);
    put_tensor(&g, 5, name, DIMS(7));
    char inputs[160];
    (void)snprintf(inputs, sizeof inputs, "%s,%s", before, name);
    (void)snprintf(after, sizeof after, "%s%.0d", i + 1 < MANY ? "a" : "y",
                   i + 1 < MANY ? i + 1 : 0);
    put_node(&g, "Add", inputs, after);
    memcpy(before, after, sizeof before);
  }
  put_value(&g, 12, "y", "n", DIMS(6, 7));
  struct jc_error error = {0};
  struct jc_convert_options options = {.batch_axis = -1, .memory_limit_bytes = 32 << 20};
  struct jc_converted converted = convert_with(finish_model(&g, 17), &options, &error);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  size_t lines = 0;
  for (const char *c = converted.notes; *c; c++)
    lines += *c == '\n';
  cr_expect_eq(lines, MANY);
  cr_expect(strncmp(converted.notes, "'b0.inv_freq' is taken", 22) == 0);
  jc_converted_free(&converted);
}

Test(convert, a_file_without_normalisation_gets_a_warning) {
  struct wire g = {0};
  put_value(&g, 11, "x", "batch", DIMS(3, 8, 8));
  put_tensor(&g, 5, "w1", DIMS(3, 3, 3, 3));
  put_tensor(&g, 5, "b1", DIMS(3));
  put_tensor(&g, 5, "w2", DIMS(3, 3, 3, 3));
  put_tensor(&g, 5, "b2", DIMS(3));
  put_node(&g, "Conv", "x,w1,b1", "a");
  put_node(&g, "Conv", "a,w2,b2", "y");
  put_value(&g, 12, "y", "n", DIMS(3, 4, 4));
  expect_note(finish_model(&g, 17), "batchnorm folded into the convolutions");
  g = small_graph();
  expect_note(finish_model(&g, 17), NULL);
}

Test(convert, tensors_that_nothing_reads_are_noted) {
  struct wire g = small_graph();
  put_tensor(&g, 5, "forgotten", DIMS(1000));
  expect_note(finish_model(&g, 17), "1 tensor of the file (as 'forgotten') not counted");
}

Test(convert, memory_is_limited_when_asked) {
  struct wire g = small_graph();
  struct jc_error error = {0};
  struct jc_convert_options options = {.batch_axis = -1, .memory_limit_bytes = 4096};
  struct jc_converted converted = convert_with(finish_model(&g, 17), &options, &error);
  cr_expect_eq(error.status, JC_ERROR_STORAGE);
  jc_converted_free(&converted);
}
