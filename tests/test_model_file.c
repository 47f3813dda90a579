/* test_model_file.c -- the model reader: every message, the expansion, and what is written. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "estimator/file_io.h"
#include "estimator/model_schema.h"
#include "tests/model_property.h"

#define CORPUS TEST_SOURCE_DIR "/tests/corpus/model/"
#define MODELS TEST_SOURCE_DIR "/models/"

static struct jc_model *parse(const char *text) {
  struct jc_error error = {0};
  struct jc_model *model = NULL;
  char message[1024];
  cr_assert_eq(jc_model_parse(text, strlen(text), "test.json", &model, &error), JC_OK, "%s",
               jc_error_format(&error, message, sizeof message));
  return model;
}

#define MODEL(input, rest)                                                                         \
  "{\"schema\": \"joulecast.model/1\", \"name\": \"t\", \"input\": " input ", " rest "}"

/* ---- the corpus: NAME.json with NAME.expect, the message; without one it must be read ---- */

static bool ends_with(const char *name, const char *end) {
  return strlen(name) > strlen(end) && strcmp(name + strlen(name) - strlen(end), end) == 0;
}

static void replay(const char *name) {
  char path[512], found[1024] = "", *text, *expected = NULL;
  size_t length;
  struct jc_error error = {0}, ignored = {0};
  const char *wrong;
  snprintf(path, sizeof path, CORPUS "%s", name);
  cr_assert_eq(jc_file_read(path, &text, &length, &error), JC_OK);
  if (check_model(text, length, name, &wrong, &error) != JC_OK) {
    jc_error_format(&error, found, sizeof found - 1);
    strcat(found, "\n");
  }
  free(text);
  cr_expect_null(wrong, "%s: %s", name, wrong);
  snprintf(path, sizeof path, CORPUS "%.*s.expect", (int)strlen(name) - 5, name);
  if (jc_file_read(path, &expected, &length, &ignored) != JC_OK)
    expected = calloc(1, 1);
  cr_expect_str_eq(found, expected);
  free(expected);
}

Test(model_file, corpus) {
  DIR *folder = opendir(CORPUS);
  int count = 0;
  cr_assert_not_null(folder);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (ends_with(entry->d_name, ".json")) {
      replay(entry->d_name);
      count++;
    }
  }
  closedir(folder);
  cr_assert_gt(count, 240);
}

/* ---- shipped models ---- */

Test(model_file, shipped_models_are_as_expected) {
  DIR *folder = opendir(MODELS);
  cr_assert_not_null(folder);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char path[512], *text, message[1024];
    size_t length;
    struct jc_error error = {0};
    const char *wrong;
    if (!ends_with(entry->d_name, ".json") || ends_with(entry->d_name, ".schema.json"))
      continue;
    snprintf(path, sizeof path, MODELS "%s", entry->d_name);
    cr_assert_eq(jc_file_read(path, &text, &length, &error), JC_OK);
    check_model(text, length, path, &wrong, &error);
    cr_expect_eq(error.status, JC_OK, "%s", jc_error_format(&error, message, sizeof message));
    cr_expect_null(wrong, "%s: %s", path, wrong);
    free(text);
  }
  closedir(folder);
}

/* ---- expansion ---- */

Test(model_file, repeats_chain_their_copies) {
  struct jc_model *model = parse(
      MODEL("[4]", "\"layers\": [{\"name\": \"s\", \"repeat\": 2, \"layers\": ["
                   "{\"name\": \"a\", \"type\": \"relu\"},"
                   "{\"name\": \"b\", \"type\": \"add\", \"inputs\": [\"a\", \"input\"]}]},"
                   "{\"name\": \"end\", \"type\": \"add\", \"inputs\": [\"s\", \"s.0.a\"]}]"));
  const struct jc_network *network = jc_model_network(model);
  static const char *const names[] = {"s.0.a", "s.0.b", "s.1.a", "s.1.b", "end"};
  static const uint32_t edges[] = {0, 1, 0, 2, 3, 2, 4, 1};
  cr_assert_eq(network->layer_count, 5);
  for (uint32_t i = 0; i < 5; i++)
    cr_expect_str_eq(network->layers[i].name, names[i]);
  cr_assert_eq(network->edge_count, 8);
  for (uint32_t i = 0; i < 8; i++)
    cr_expect_eq(network->inputs_of_layers[i], edges[i]);
  cr_expect_str_eq(network->layers[3].where, "layers[0].layers[1]");
  cr_expect_eq(network->layers[1].where, network->layers[3].where);
  cr_assert_eq(network->output_count, 1);
  cr_expect_eq(network->outputs[0], 5);
  jc_model_free(model);
}

Test(model_file, blocks_substitute_values_and_lists) {
  struct jc_model *model = parse(MODEL(
      "[4, 8, 8]",
      "\"blocks\": {\"inner\": {\"params\": {\"k\": null, \"s\": 1}, \"layers\": ["
      "{\"name\": \"conv\", \"type\": \"conv2d\", \"out_channels\": 4, \"kernel_size\": \"$k\","
      "\"stride\": \"$s\", \"padding\": [1, \"$s\"]}]},"
      "\"outer\": {\"params\": {\"a\": [3, 1]}, \"layers\": ["
      "{\"name\": \"x\", \"block\": \"inner\", \"k\": \"$a\"},"
      "{\"name\": \"y\", \"block\": \"inner\", \"k\": [1, 3], \"s\": 2}]}},"
      "\"layers\": [{\"name\": \"o\", \"block\": \"outer\"}]"));
  const struct jc_network *network = jc_model_network(model);
  const struct jc_conv *x = &network->layers[0].fields.conv2d;
  const struct jc_conv *y = &network->layers[1].fields.conv2d;
  cr_expect_str_eq(network->layers[0].name, "o.x.conv");
  cr_expect_str_eq(network->layers[1].where, "blocks.inner.layers[0]");
  cr_expect(x->kernel_size.h == 3 && x->kernel_size.w == 1 && x->stride.h == 1);
  cr_expect(y->kernel_size.h == 1 && y->kernel_size.w == 3 && y->stride.w == 2);
  cr_expect(y->padding.h == 1 && y->padding.w == 2);
  jc_model_free(model);
}

Test(model_file, names_are_looked_up_inside_first) {
  struct jc_model *model =
      parse(MODEL("[4]", "\"layers\": [{\"name\": \"a\", \"type\": \"relu\"},"
                         "{\"name\": \"b\", \"type\": \"relu\"},"
                         "{\"name\": \"r\", \"repeat\": 1, \"layers\": ["
                         "{\"name\": \"a\", \"type\": \"relu\"},"
                         "{\"name\": \"c\", \"type\": \"add\", \"inputs\": [\"a\", \"b\"]}]}]"));
  const struct jc_network *network = jc_model_network(model);
  const uint32_t *inputs = network->inputs_of_layers + network->layers[3].first_input;
  cr_expect_eq(inputs[0], 3);
  cr_expect_eq(inputs[1], 2);
  jc_model_free(model);
}

Test(model_file, defaults_are_filled) {
  struct jc_model *model = parse(MODEL(
      "[4, 8, 8]", "\"layers\": [{\"name\": \"c\", \"type\": \"conv2d\", \"out_channels\": 4,"
                   "\"kernel_size\": 3}, {\"name\": \"p\", \"type\": \"maxpool2d\","
                   "\"kernel_size\": [2, 3]}, {\"name\": \"bn\", \"type\": \"batchnorm2d\"}]"));
  const struct jc_layer *layers = jc_model_network(model)->layers;
  const struct jc_conv *conv = &layers[0].fields.conv2d;
  cr_expect(conv->stride.h == 1 && conv->padding.w == 0 && conv->dilation.h == 1 && conv->bias);
  cr_expect_eq(conv->groups, 1);
  cr_expect(layers[1].fields.maxpool2d.stride.h == 2 && layers[1].fields.maxpool2d.stride.w == 3);
  cr_expect_eq(layers[2].fields.batchnorm2d.eps, 1e-5);
  cr_expect(layers[0].trainable && !layers[0].training_only);
  cr_expect_eq(layers[0].weight_from, JC_NONE);
  jc_model_free(model);
}

Test(model_file, weights_are_tied_to_their_owner) {
  struct jc_model *model = parse(MODEL(
      "[4]",
      "\"layers\": [{\"name\": \"a\", \"type\": \"linear\", \"out_features\": 4},"
      "{\"name\": \"b\", \"type\": \"linear\", \"out_features\": 4, \"weight_from\": \"a\"},"
      "{\"name\": \"c\", \"type\": \"linear\", \"out_features\": 4, \"weight_from\": \"b\"}]"));
  const struct jc_layer *layers = jc_model_network(model)->layers;
  cr_expect_eq(layers[1].weight_from, 0);
  cr_expect_eq(layers[2].weight_from, 0);
  jc_model_free(model);
}

/* ---- parameters and variants ---- */

static const char family[] = MODEL(
    "[3, 8, 8]",
    "\"params\": {\"depth\": 2, \"width\": 4, \"pad\": \"same\", \"head\": true},"
    "\"expect\": {\"params\": 7}, \"training\": {\"samples\": 9, \"epochs\": 2},"
    "\"variants\": {\"thin\": {\"params\": {\"width\": 1}, \"expect\": {\"forward_macs\": 5}},"
    "\"deep\": {\"params\": {\"depth\": 5}, \"input\": [3, 4, 4], \"training\": {\"epochs\": 3}},"
    "\"same\": {}},"
    "\"layers\": [{\"name\": \"r\", \"repeat\": \"$depth\", \"layers\": [{\"name\": \"c\","
    "\"type\": \"conv2d\", \"out_channels\": \"$width\", \"kernel_size\": 3, \"padding\": \"$pad\","
    "\"bias\": \"$head\"}]}]");

/* FAMILY's VARIANT with up to two settings; NULL and the message if it is refused. */
static struct jc_model *family_member(const char *variant, const char *first, const char *second,
                                      char message[1024]) {
  const char *const set[] = {first, second};
  const struct jc_model_options options = {.variant = variant,
                                           .set = set,
                                           .set_count = first == NULL    ? 0
                                                        : second == NULL ? 1
                                                                         : 2};
  struct jc_error error = {0};
  struct jc_model *model = NULL;
  jc_model_parse_as(family, sizeof family - 1, "family.json", &options, &model, &error);
  jc_error_format(&error, message, 1024);
  return model;
}

Test(model_file, variants_override) {
  char message[1024];
  static const char *const names[] = {"thin", "deep", "same"};
  struct jc_model *model = family_member(NULL, NULL, NULL, message);
  cr_assert_str_eq(message, "");
  cr_expect_str_eq(jc_model_network(model)->name, "t");
  cr_expect(jc_model_expect(model)->has_params);
  cr_assert_eq(jc_model_variant_count(model), 3);
  for (uint32_t i = 0; i < 3; i++)
    cr_expect_str_eq(jc_model_variant(model, i), names[i]);
  jc_model_free(model);

  model = family_member("thin", NULL, NULL, message);
  cr_assert_str_eq(message, "");
  cr_expect_str_eq(jc_model_network(model)->name, "t:thin");
  cr_expect_eq(jc_model_network(model)->layers[1].fields.conv2d.out_channels, 1);
  cr_expect_eq(jc_model_network(model)->training.samples, 9);
  cr_expect(!jc_model_expect(model)->has_params && jc_model_expect(model)->forward_macs == 5);
  jc_model_free(model);

  model = family_member("deep", NULL, NULL, message);
  cr_assert_str_eq(message, "");
  cr_expect_eq(jc_model_network(model)->layer_count, 5);
  cr_expect_eq(jc_model_network(model)->inputs[0].shape.dim[1], 4);
  cr_expect_eq(jc_model_network(model)->training.samples, 0);
  cr_expect_eq(jc_model_network(model)->training.epochs, 3);
  cr_expect(!jc_model_expect(model)->has_params && !jc_model_expect(model)->has_forward_macs);
  jc_model_free(model);
}

Test(model_file, settings_override) {
  char message[1024];
  struct jc_model *model = family_member("thin", "width=6", "pad=[0, 1]", message);
  cr_assert_str_eq(message, "");
  const struct jc_conv *conv = &jc_model_network(model)->layers[0].fields.conv2d;
  cr_expect(conv->out_channels == 6 && conv->padding.h == 0 && conv->padding.w == 1 && conv->bias);
  cr_expect_not(jc_model_expect(model)->has_forward_macs, "expect held for other parameters");
  cr_expect_str_eq(jc_model_network(model)->name, "t:thin");
  jc_model_free(model);
  model = family_member(NULL, "pad=valid", "head=false", message);
  cr_assert_str_eq(message, "");
  cr_expect_not(jc_model_network(model)->layers[0].fields.conv2d.padding.same);
  cr_expect_not(jc_model_network(model)->layers[0].fields.conv2d.bias);
  jc_model_free(model);
}

Test(model_file, settings_and_variants_that_are_none) {
  static const struct {
    const char *variant, *first, *second, *message;
  } cases[] = {
      {"thinn", NULL, NULL,
       "family.json:1: variants: the model has no variant 'thinn', did you mean 'thin'?"},
      {"", NULL, NULL, "family.json:1: variants: the model has no variant ''"},
      {NULL, "widht=3", NULL,
       "family.json: the model has no parameter 'widht', did you mean 'width'?"},
      {NULL, "=3", NULL, "family.json: the model has no parameter ''"},
      {NULL, "width", NULL,
       "family.json: expected a parameter and its value, as in depth=18, got 'width'"},
      {NULL, "width=3", "width=4", "family.json: parameter 'width' is set twice"},
      {NULL, "width=null", NULL,
       "family.json: parameter 'width': expected a number, true, false, text or a list of them, "
       "got 'null'"},
      {NULL, "width={}", NULL,
       "family.json: parameter 'width': expected a number, true, false, text or a list of them, "
       "got '{}'"},
      {NULL, "width=wide", NULL,
       "family.json:1: layers[0].layers[0].out_channels: expected a positive integer, got "
       "\"wide\""},
      {NULL, "width=1e999", NULL,
       "family.json:1: layers[0].layers[0].out_channels: expected a positive integer, got "
       "\"1e999\""},
      {NULL, "depth=0", NULL,
       "family.json:1: layers: expected at least one layer, all repeats are 0"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char message[1024];
    cr_expect_null(family_member(cases[i].variant, cases[i].first, cases[i].second, message));
    cr_expect_str_eq(message, cases[i].message, "%s", message);
  }
}

Test(model_file, a_file_without_variants) {
  const struct jc_model_options options = {.variant = "small"};
  struct jc_error error = {0};
  struct jc_model *model;
  char message[1024];
  cr_expect_eq(jc_model_read_as(CORPUS "ok_minimal.json", &options, &model, &error),
               JC_ERROR_MISSING);
  cr_expect_str_eq(jc_error_format(&error, message, sizeof message),
                   CORPUS "ok_minimal.json:1: the model has no variants, got 'small'");
}

Test(model_file, models_are_opened_by_what_the_user_calls_them) {
  struct jc_error error = {0};
  struct jc_model *model;
  cr_assert_eq(jc_model_open(CORPUS "ok_variants.json:wide", NULL, &model, &error), JC_OK);
  cr_expect_str_eq(jc_model_network(model)->name, "test:wide");
  jc_model_free(model);
  setenv("JOULECAST_MODELS", TEST_SOURCE_DIR "/models", 1);
  cr_assert_eq(jc_model_open("lenet5_28", NULL, &model, &error), JC_OK);
  cr_expect_str_eq(jc_model_network(model)->name, "lenet5_28");
  jc_model_free(model);
}

/* ---- repeats of 0 ---- */

Test(model_file, a_repeat_of_0_is_its_input) {
  struct jc_model *model =
      parse(MODEL("[4]", "\"layers\": [{\"name\": \"a\", \"type\": \"relu\"},"
                         "{\"name\": \"none\", \"repeat\": 0, \"inputs\": \"input\", \"layers\": ["
                         "{\"name\": \"x\", \"type\": \"linear\", \"out_features\": 9},"
                         "{\"name\": \"y\", \"type\": \"add\", \"inputs\": [\"x\", \"input\"]}]},"
                         "{\"name\": \"b\", \"type\": \"add\", \"inputs\": [\"a\", \"none\"]},"
                         "{\"name\": \"none.0.x\", \"type\": \"relu\"}]"));
  const struct jc_network *network = jc_model_network(model);
  static const char *const names[] = {"a", "b", "none.0.x"};
  static const uint32_t edges[] = {0, 1, 0, 2};
  cr_assert(network->layer_count == 3 && network->edge_count == 4);
  for (uint32_t i = 0; i < 3; i++)
    cr_expect_str_eq(network->layers[i].name, names[i]);
  for (uint32_t i = 0; i < 4; i++)
    cr_expect_eq(network->inputs_of_layers[i], edges[i]);
  jc_model_free(model);
}

/* A million layers are read; one more is refused before anything is allocated. */
Test(model_file, the_largest_network) {
  struct jc_model *model =
      parse(MODEL("[4]", "\"layers\": [{\"name\": \"a\", \"repeat\": 1024, \"layers\": ["
                         "{\"name\": \"b\", \"repeat\": 1024, \"layers\": ["
                         "{\"name\": \"c\", \"type\": \"relu\"}]}]}]"));
  const struct jc_network *network = jc_model_network(model);
  cr_assert_eq(network->layer_count, JC_MAX_LAYERS);
  cr_expect_str_eq(network->layers[JC_MAX_LAYERS - 1].name, "a.1023.b.1023.c");
  cr_expect_eq(network->inputs_of_layers[JC_MAX_LAYERS - 1], JC_MAX_LAYERS - 1);
  jc_model_free(model);
}

/* ---- files ---- */

Test(model_file, missing_file) {
  struct jc_error error = {0};
  struct jc_model *model;
  char message[1024];
  cr_assert_eq(jc_model_read("/nonexistent/model.json", &model, &error), JC_ERROR_IO);
  cr_assert_null(model);
  cr_assert_str_eq(jc_error_format(&error, message, sizeof message),
                   "/nonexistent/model.json: cannot open: No such file or directory");
}

Test(model_file, file_with_an_error) {
  struct jc_error error = {0};
  struct jc_model *model;
  cr_assert_eq(jc_model_read(CORPUS "kernel_negative.json", &model, &error), JC_ERROR_INVALID);
  cr_assert_str_eq(error.file, CORPUS "kernel_negative.json");
  cr_assert_eq(error.line, 6);
  cr_assert_str_eq(error.path, "layers[0].kernel_size");
}

Test(model_file, statuses) {
  static const struct {
    const char *name;
    enum jc_status status;
  } cases[] = {{"schema_other", JC_ERROR_MISMATCH},
               {"schema_missing", JC_ERROR_INVALID},
               {"repeat_nested_too_many_layers", JC_ERROR_OVERFLOW},
               {"unknown_kind", JC_ERROR_INVALID}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct jc_error error = {0};
    struct jc_model *model;
    char path[512];
    snprintf(path, sizeof path, CORPUS "%s.json", cases[i].name);
    cr_expect_eq(jc_model_read(path, &model, &error), cases[i].status, "%s", cases[i].name);
  }
}

Test(model_file, model_inside_a_line_of_jsonl) {
  const char *text =
      "{\"model\": " MODEL("[4]", "\"layers\": [{\"name\": \"a\", \"type\": \"x\"}]") "}";
  struct jc_error error = {0};
  struct jc_json *document;
  struct jc_model *model;
  cr_assert_eq(jc_json_parse(text, strlen(text), "runs.jsonl", 17, &document, &error), JC_OK);
  jc_model_from_json(jc_json_member(jc_json_root(document), "model"), &model, &error);
  jc_json_free(document);
  char message[1024];
  cr_assert_str_eq(jc_error_format(&error, message, sizeof message),
                   "runs.jsonl:17: model.layers[0].type: unknown layer kind \"x\"");
}

/* ---- another input ---- */

static const char * override(struct jc_model *model, const char *text) {
  static char message[1024];
  struct jc_error error = {0};
  jc_model_override_input(model, text, &error);
  cr_expect(error.status == JC_OK || error.status == JC_ERROR_USAGE);
  return jc_error_format(&error, message, sizeof message);
}

Test(model_file, override_the_only_input) {
  struct jc_model *model =
      parse(MODEL("[3, 8, 8]", "\"expect\": {\"params\": 7}, \"layers\": [{\"name\": \"a\","
                               "\"type\": \"relu\"}]"));
  const struct jc_shape *shape = &jc_model_network(model)->inputs[0].shape;
  cr_expect(jc_model_expect(model)->has_params);
  cr_expect_str_eq(override(model, "3x160x96"), "");
  cr_expect(shape->rank == 3 && shape->dim[0] == 3 && shape->dim[1] == 160 && shape->dim[2] == 96);
  cr_expect_not(jc_model_expect(model)->has_params);
  cr_expect_str_eq(override(model, "input=2147483647"), "");
  cr_expect(shape->rank == 1 && shape->dim[0] == 2147483647 && shape->dim[1] == 0);
  static const char *const bad[] = {"",
                                    "x",
                                    "3x",
                                    "3x0x8",
                                    "-3",
                                    "3,8",
                                    "3 8",
                                    "0x3",
                                    "3x8x8xx8",
                                    "2147483648",
                                    "1x1x1x1x1x1x1x1x1",
                                    "="};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char expected[200];
    snprintf(expected, sizeof expected, "expected a shape such as 3x224x224 or NAME=512, got '%s'",
             bad[i]);
    cr_expect_str_eq(override(model, bad[i]), expected);
  }
  cr_expect(shape->rank == 1);
  jc_model_free(model);
}

Test(model_file, override_a_named_input) {
  struct jc_model *model =
      parse(MODEL("{\"ids\": {\"shape\": [4], \"dtype\": \"int32\"}, \"mask\": {\"shape\": [4]}}",
                  "\"layers\": [{\"name\": \"a\", \"type\": \"relu\", \"inputs\": [\"mask\"]}]"));
  cr_expect_str_eq(override(model, "mask=9"), "");
  cr_expect_eq(jc_model_network(model)->inputs[1].shape.dim[0], 9);
  cr_expect_eq(jc_model_network(model)->inputs[0].shape.dim[0], 4);
  cr_expect_str_eq(override(model, "mas=9"),
                   "the network has no input 'mas', did you mean 'mask'?");
  cr_expect_str_eq(override(model, "9"), "expected the name of one of 2 inputs, as in ids=9");
  jc_model_free(model);
}

/* ---- the schema ---- */

Test(model_file, the_schema_is_the_one_in_the_tree) {
  struct jc_error error = {0};
  char *text, *file;
  size_t length;
  cr_assert_eq(jc_model_schema(&text, &error), JC_OK);
  cr_assert_eq(jc_file_read(MODELS "model.schema.json", &file, &length, &error), JC_OK);
  cr_expect(strcmp(text, file) == 0,
            "make it anew: joulecast list layers --schema -o models/model.schema.json");
  free(file);
  free(text);
}

/* ---- writing ---- */

Test(model_file, expanded_text) {
  struct jc_error error = {0};
  char *text;
  struct jc_model *model = parse(
      MODEL("[3, 8, 8]", "\"expect\": {\"params\": 7}, \"layers\": ["
                         "{\"name\": \"r\", \"repeat\": 2, \"layers\": ["
                         "{\"name\": \"c\", \"type\": \"conv2d\", \"out_channels\": 4,"
                         "\"kernel_size\": [3, 1], \"stride\": 1, \"bias\": false}]},"
                         "{\"name\": \"s\", \"type\": \"add\", \"inputs\": [\"r\", \"r\"]}]"));
  cr_assert_eq(jc_model_expanded_json(model, &text, &error), JC_OK);
  cr_assert_str_eq(text,
                   "{\n"
                   "  \"schema\": \"joulecast.model/1\",\n"
                   "  \"name\": \"t\",\n"
                   "  \"expect\": {\"params\": 7},\n"
                   "  \"input\": [3, 8, 8],\n"
                   "  \"layers\": [\n"
                   "    {\"name\": \"r.0.c\", \"type\": \"conv2d\", \"out_channels\": 4, "
                   "\"kernel_size\": [3, 1], \"bias\": false},\n"
                   "    {\"name\": \"r.1.c\", \"type\": \"conv2d\", \"out_channels\": 4, "
                   "\"kernel_size\": [3, 1], \"bias\": false},\n"
                   "    {\"name\": \"s\", \"type\": \"add\", \"inputs\": [\"r.1.c\", \"r.1.c\"]}\n"
                   "  ],\n"
                   "  \"outputs\": [\"s\"]\n"
                   "}\n");
  free(text);
  jc_model_free(model);
}
