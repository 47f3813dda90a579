/* test_convert_options.c -- options that name nothing, batches elsewhere, attributes that lie. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "convert/convert.h"
#include "tests/onnx_wire.h"

#define LIST(...)                                                                                  \
  {                                                                                                \
    sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]) {                     \
      __VA_ARGS__                                                                                  \
    }                                                                                              \
  }

/* Converts with OPTIONS: WORDS are in the error of STATUS, or in the text if that is JC_OK. */
static void expect(struct wire model, struct jc_convert_options options, enum jc_status status,
                   const char *words) {
  struct jc_error error = {0};
  struct jc_converted converted;
  char message[1024];
  if (options.batch_axis == 0)
    options.batch_axis = -1;
  (void)jc_convert_onnx_bytes(model.bytes, model.size, "t.onnx", &options, &converted, &error);
  jc_error_format(&error, message, sizeof message);
  const char *text = error.status == JC_OK ? converted.text : message;
  cr_expect_eq(error.status, status, "status %d: %s", error.status, message);
  cr_expect(text && strstr(text, words), "'%s' is not in '%s'", words, text);
  jc_converted_free(&converted);
  free(model.bytes);
}

static struct jc_convert_options none(void) {
  return (struct jc_convert_options){.batch_axis = -1};
}

/* x, whose dimensions have these names (NULL: 4), times w [4, 7]. */
static struct wire product(const char *first, const char *second) {
  struct wire g = {0}, info = {0}, type = {0}, tensor = {0}, shape = {0};
  const char *names[3] = {first, second, NULL};
  for (int i = 0; i < 3; i++) {
    struct wire dim = {0};
    if (names[i])
      put_text(&dim, 2, names[i]);
    else
      put_number(&dim, 1, 4);
    put_message(&shape, 1, &dim);
  }
  put_number(&tensor, 1, 1);
  put_message(&tensor, 2, &shape);
  put_message(&type, 1, &tensor);
  put_text(&info, 1, "x");
  put_message(&info, 2, &type);
  put_message(&g, 11, &info);
  put_tensor(&g, 5, "w", DIMS(4, 7));
  put_node(&g, "MatMul", "x,w", "y");
  put_value(&g, 12, "y", "n", DIMS(4, 7));
  return finish_model(&g, 17);
}

Test(convert_options, sizes_are_numbers_and_are_used) {
  const char *const wrong[] = {"seq=12x", "seq=",           "seq", "=12", "seq=-4",
                               "seq= 4",  "seq=12345678901"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    expect(product("batch", "seq"), (struct jc_convert_options){.dims = LIST(wrong[i])},
           JC_ERROR_USAGE, "expected NAME=N");
  expect(product("batch", "seq"), (struct jc_convert_options){.dims = LIST("seq=4")}, JC_OK,
         "\"shape\": [4, 4]");
  expect(product("batch", "seq"), (struct jc_convert_options){.dims = LIST("x.1=4")}, JC_OK,
         "\"shape\": [4, 4]");
  expect(product("batch", "seq"), (struct jc_convert_options){.dims = LIST("seq=4", "sequence=4")},
         JC_ERROR_USAGE, "dimension 'sequence=4': no input has");
  expect(product("batch", "seq"), (struct jc_convert_options){.dims = LIST("seq=0")},
         JC_ERROR_INVALID, "expected a size from 1");
}

Test(convert_options, buffers_name_tensors) {
  struct wire g = small_graph();
  expect(finish_model(&g, 13), (struct jc_convert_options){.buffers = LIST("con.*")},
         JC_ERROR_USAGE, "the file has no tensor 'con.*'");
  g = small_graph();
  expect(finish_model(&g, 13), (struct jc_convert_options){.buffers = LIST("bn.m*n")}, JC_OK,
         "\"params\": 445");
}

Test(convert_options, lists_have_a_limit) {
  const char *many[JC_CONVERT_MAX_LIST + 1];
  for (size_t i = 0; i < JC_CONVERT_MAX_LIST + 1; i++)
    many[i] = "y";
  const struct jc_convert_list list = {JC_CONVERT_MAX_LIST + 1, many};
  const struct jc_convert_options options[] = {
      {.dims = list}, {.buffers = list}, {.training_only = list}};
  for (size_t i = 0; i < 3; i++)
    expect(product("batch", NULL), options[i], JC_ERROR_USAGE, "expected at most 64");
}

Test(convert_options, a_batch_that_is_not_first_is_pointed_out) {
  expect(product("seq", "batch"), none(), JC_ERROR_MISSING, "say --batch-axis 1");
  expect(product(NULL, "N"), none(), JC_ERROR_MISSING, "say --batch-axis 1");
  expect(product(NULL, "x"), none(), JC_ERROR_MISSING, "if it is the batch, say --batch-axis 1");
  expect(product("batch", "seq"), none(), JC_ERROR_MISSING, "give its size, --dim seq=N");
}

Test(convert_options, batches_are_all_symbolic_or_all_fixed) {
  struct wire g = {0};
  put_value(&g, 11, "a", "batch", DIMS(4));
  put_value(&g, 11, "b", NULL, DIMS(1, 4));
  put_node(&g, "Add", "a,b", "y");
  put_value(&g, 12, "y", "batch", DIMS(4));
  expect(finish_model(&g, 17), none(), JC_ERROR_INVALID, "that of 'a' is symbolic");
}

Test(convert_options, names_of_inputs_are_unique) {
  struct wire g = {0};
  put_value(&g, 11, "a/b", "batch", DIMS(4));
  put_value(&g, 11, "a.b", "batch", DIMS(4));
  put_value(&g, 11, "input", "batch", DIMS(4));
  put_node(&g, "Mul", "a/b,a.b", "m");
  put_node(&g, "Mul", "m,input", "y");
  put_value(&g, 12, "y", "batch", DIMS(4));
  expect(finish_model(&g, 17), none(), JC_OK, "\"a.b_2\": {\"shape\"");
}

/* Resize of [batch, 3, 8, 8] to 16 x 16 with one attribute more, a text or [2, 3]. */
static struct wire resize(const char *name, const char *text) {
  struct wire g = {0}, node, a = {0};
  put_value(&g, 11, "x", "batch", DIMS(3, 8, 8));
  put_tensor(&g, 5, "w", DIMS(3, 3, 1, 1));
  put_int_tensor(&g, 5, "sizes", (const int64_t[]){1, 3, 16, 16}, 4);
  put_node(&g, "Conv", "x,w", "c");
  node = start_node("Resize", "c,,,sizes", "y");
  if (text) {
    put_text(&a, 1, name);
    put_text(&a, 4, text);
    put_number(&a, 20, 3);
    put_message(&node, 5, &a);
  } else {
    put_ints(&node, name, DIMS(2, 3));
  }
  put_message(&g, 1, &node);
  put_value(&g, 12, "y", "batch", DIMS(3, 16, 16));
  return finish_model(&g, 18);
}

Test(convert_options, sizes_that_resize_chooses_are_refused) {
  expect(resize("keep_aspect_ratio_policy", "stretch"), none(), JC_OK, "\"size\": [16, 16]");
  expect(resize("keep_aspect_ratio_policy", "not_larger"), none(), JC_ERROR_INVALID,
         "keep_aspect_ratio_policy: expected 'stretch', got 'not_larger'");
  expect(resize("coordinate_transformation_mode", "tf_crop_and_resize"), none(), JC_ERROR_INVALID,
         "'tf_crop_and_resize' is not supported");
  expect(resize("axes", NULL), none(), JC_ERROR_INVALID, "axes: expected sizes");
}

/* Sequence first: x [T, batch, E] times a matrix that another node computes. */
Test(convert_options, a_batch_in_the_rows_of_a_product) {
  struct wire g = {0}, node;
  put_value(&g, 11, "x", NULL, DIMS(6, 2, 4));
  put_tensor(&g, 5, "w", DIMS(7, 4));
  node = start_node("Transpose", "w", "t");
  put_ints(&node, "perm", DIMS(1, 0));
  put_message(&g, 1, &node);
  put_node(&g, "Tanh", "t", "h");
  put_node(&g, "MatMul", "x,h", "y");
  put_value(&g, 12, "y", NULL, DIMS(6, 2, 7));
  expect(finish_model(&g, 17), (struct jc_convert_options){.batch_axis = 1}, JC_OK, "\"matmul\"");
}

Test(convert_options, attributes_hold_what_their_type_says) {
  struct wire g = {0}, node, a = {0};
  put_value(&g, 11, "x", "batch", DIMS(4));
  node = start_node("Softmax", "x", "y");
  put_text(&a, 1, "axis");
  put_number(&a, 3, 1);
  put_number(&a, 20, 1);
  put_message(&node, 5, &a);
  put_message(&g, 1, &node);
  put_value(&g, 12, "y", "batch", DIMS(4));
  expect(finish_model(&g, 17), none(), JC_ERROR_INVALID, "'axis' has type 1, but holds a value");
}

Test(convert_options, a_fixed_batch_is_suspected) {
  struct wire g = {0};
  put_value(&g, 11, "x", NULL, DIMS(3, 4));
  put_node(&g, "Relu", "x", "y");
  put_value(&g, 12, "y", NULL, DIMS(3, 5));
  expect(finish_model(&g, 17), none(), JC_ERROR_INVALID, "export with a dynamic batch");
}
