/* test_convention.c -- other tools' counts, to the integer: tests/golden/tool_counts.csv. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "estimator/convention.h"
#include "estimator/model_file.h"
#include "tests/small_networks.h"

enum { LINE = 512, FIELDS = 6, MODEL_TEXT = 512 };

/* ---- the rows ---- */

struct row {
  char line[LINE];
  const char *tool, *version, *network, *input;
  uint64_t count;
};

static FILE *open_rows(void) {
  FILE *file = fopen(TEST_SOURCE_DIR "/tests/golden/tool_counts.csv", "r");
  cr_assert_not_null(file);
  return file;
}

/* The next row that is no comment and not the line of titles; false at the end. */
static bool next_row(FILE *file, struct row *row) {
  while (fgets(row->line, LINE, file) != NULL) {
    const char *fields[FIELDS] = {NULL};
    size_t count = 0;
    if (row->line[0] == '#' || strncmp(row->line, "tool,", 5) == 0)
      continue;
    for (char *at = row->line; at != NULL && count < FIELDS; count++) {
      fields[count] = at;
      at = strchr(at, ',');
      if (at != NULL)
        *at++ = '\0';
    }
    cr_assert_eq(count, FIELDS, "%s", row->line);
    row->tool = fields[0], row->version = fields[1];
    row->network = fields[2], row->input = fields[3];
    row->count = strtoull(fields[4], NULL, 10);
    return true;
  }
  return false;
}

static enum jc_convention_kind convention_of(const struct row *row) {
  const enum jc_convention_kind convention = jc_convention_find(row->tool);
  cr_assert(convention < JC_CONVENTION_COUNT, "%s", row->tool);
  cr_expect_str_eq(jc_convention_info(convention)->version, row->version);
  return convention;
}

/* torchvision publishes G with three decimals. */
static bool agrees(const struct row *row, uint64_t value) {
  const uint64_t difference = value > row->count ? value - row->count : row->count - value;
  return difference <= (strcmp(row->tool, "torchvision") == 0 ? 500000u : 0u);
}

/* ---- a model and its analysis ---- */

struct subject {
  struct jc_model *model;
  void *storage;
  struct jc_analysis analysis;
};

static void subject_analyze(struct subject *s) {
  struct jc_error error = {0};
  const struct jc_network *network = jc_model_network(s->model);
  const size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  s->storage = malloc(size);
  cr_assert_not_null(s->storage);
  cr_assert_eq(jc_network_analyze(network, s->storage, size, &s->analysis, &error), JC_OK,
               "%s: %s: %s", network->name, error.path, error.text);
}

static void subject_close(struct subject *s) {
  free(s->storage);
  jc_model_free(s->model);
}

/* The shipped model of a row; false if there is none. */
static bool subject_open(struct subject *s, const struct row *row) {
  char path[LINE];
  struct jc_error error = {0};
  (void)snprintf(path, sizeof(path), "%s/models/%s.json", TEST_SOURCE_DIR, row->network);
  if (access(path, R_OK) != 0)
    return false;
  cr_assert_eq(jc_model_read(path, &s->model, &error), JC_OK, "%s: %s", path, error.text);
  cr_assert_eq(jc_model_override_input(s->model, row->input, &error), JC_OK, "%s", error.text);
  subject_analyze(s);
  return true;
}

/* ---- torchvision's networks ---- */

static bool is_transformer(const char *network) {
  return strstr(network, "vit") != NULL || strstr(network, "swin") != NULL;
}

/* A count that is not called approximate is the tool's. The convolutional networks' counts are not,
 * but for positions of a linear layer in ptflops' backend "aten". */
Test(convention, of_shipped_models_is_what_the_tools_print) {
  FILE *file = open_rows();
  struct row row;
  int compared = 0;
  while (next_row(file, &row)) {
    struct subject s;
    struct jc_convention_count total;
    struct jc_error error = {0};
    const enum jc_convention_kind convention = convention_of(&row);
    if (!subject_open(&s, &row))
      continue;
    if (jc_convention_total(&s.analysis, convention, &total, &error) != JC_OK) {
      cr_expect(is_transformer(row.network), "%s of %s: %s", row.tool, row.network, error.text);
    } else {
      cr_expect(total.approximate || agrees(&row, total.value), "%s of %s: %llu, not %llu",
                row.tool, row.network, (unsigned long long)total.value,
                (unsigned long long)row.count);
      cr_expect(!total.approximate || is_transformer(row.network) ||
                    (convention == JC_CONVENTION_PTFLOPS_ATEN &&
                     strncmp(row.network, "convnext", 8) == 0),
                "%s of %s is called approximate", row.tool, row.network);
      compared++;
    }
    subject_close(&s);
  }
  fclose(file);
  cr_expect(compared >= 6 * 25, "%d", compared);
}

Test(convention, of_a_network_is_the_sum_over_its_layers) {
  struct subject s;
  const struct row row = {.network = "densenet121", .input = "3x224x224"};
  cr_assert(subject_open(&s, &row));
  for (uint32_t c = 0; c < JC_CONVENTION_COUNT; c++) {
    struct jc_convention_count total, count;
    struct jc_error error = {0};
    uint64_t sum = 0;
    cr_assert_eq(jc_convention_total(&s.analysis, c, &total, &error), JC_OK);
    for (uint32_t i = 0; i < s.analysis.network->layer_count; i++) {
      cr_assert_eq(jc_convention_layer(&s.analysis, i, c, &count, &error), JC_OK);
      sum += count.value;
    }
    cr_expect_eq(sum, total.value);
  }
  subject_close(&s);
}

/* ---- single layers ---- */

static const struct {
  const char *name, *layer; /* of count_with_tools.py, and the same as ours */
} layers[] = {
    {"conv1d", "'conv1d', 'out_channels': 6, 'kernel_size': 3, 'stride': 2, 'groups': 2"},
    {"conv2d_same",
     "'conv2d', 'out_channels': 6, 'kernel_size': 3, 'padding': 'same', 'dilation': 2"},
    {"conv3d",
     "'conv3d', 'out_channels': 5, 'kernel_size': [1, 2, 3], 'padding': 1, 'bias': false"},
    {"conv_transpose1d", "'conv_transpose1d', 'out_channels': 6, 'kernel_size': 3, 'stride': 2"},
    {"conv_transpose2d", "'conv_transpose2d', 'out_channels': 6, 'kernel_size': 3, 'stride': 2, "
                         "'groups': 2, 'output_padding': 1"},
    {"conv_transpose3d", "'conv_transpose3d', 'out_channels': 2, 'kernel_size': 2, 'bias': false"},
    {"linear", "'linear', 'out_features': 7"},
    {"linear_positions", "'linear', 'out_features': 7"},
    {"batchnorm1d", "'batchnorm1d'"},
    {"batchnorm2d_plain", "'batchnorm2d', 'affine': false"},
    {"batchnorm2d_of_batch", "'batchnorm2d', 'track_running_stats': false"},
    {"batchnorm3d", "'batchnorm3d'"},
    {"layernorm", "'layernorm'"},
    {"layernorm_plain", "'layernorm', 'normalized_dims': 2, 'elementwise_affine': false"},
    {"groupnorm", "'groupnorm', 'num_groups': 2"},
    {"groupnorm_plain", "'groupnorm', 'num_groups': 2, 'affine': false"},
    {"instancenorm2d", "'instancenorm'"},
    {"instancenorm2d_affine", "'instancenorm', 'affine': true"},
    {"relu", "'relu'"},
    {"relu6", "'relu6'"},
    {"leaky_relu", "'leaky_relu'"},
    {"prelu", "'prelu', 'num_parameters': 6"},
    {"elu", "'elu'"},
    {"selu", "'selu'"},
    {"celu", "'celu'"},
    {"gelu", "'gelu'"},
    {"silu", "'silu'"},
    {"mish", "'mish'"},
    {"sigmoid", "'sigmoid'"},
    {"tanh", "'tanh'"},
    {"hardtanh", "'hardtanh'"},
    {"hardsigmoid", "'hardsigmoid'"},
    {"hardswish", "'hardswish'"},
    {"softplus", "'softplus'"},
    {"softsign", "'softsign'"},
    {"logsigmoid", "'logsigmoid'"},
    {"softmax", "'softmax', 'dim': -1"},
    {"log_softmax", "'log_softmax', 'dim': -1"},
    {"maxpool1d", "'maxpool1d', 'kernel_size': 2"},
    {"maxpool2d", "'maxpool2d', 'kernel_size': 3, 'stride': 2, 'padding': 1"},
    {"maxpool3d", "'maxpool3d', 'kernel_size': 2"},
    {"avgpool1d", "'avgpool1d', 'kernel_size': 2"},
    {"avgpool2d", "'avgpool2d', 'kernel_size': 3, 'stride': 2, 'padding': 1"},
    {"avgpool3d", "'avgpool3d', 'kernel_size': 2"},
    {"adaptive_avgpool1d", "'adaptive_avgpool1d', 'output_size': 3"},
    {"adaptive_avgpool2d", "'adaptive_avgpool2d', 'output_size': [3, 5]"},
    {"adaptive_avgpool3d", "'adaptive_avgpool3d', 'output_size': 2"},
    {"adaptive_maxpool1d", "'adaptive_maxpool1d', 'output_size': 3"},
    {"adaptive_maxpool2d", "'adaptive_maxpool2d', 'output_size': 3"},
    {"adaptive_maxpool3d", "'adaptive_maxpool3d', 'output_size': 2"},
    {"upsample_nearest1d", "'upsample', 'scale_factor': 2"},
    {"upsample_nearest2d", "'upsample', 'scale_factor': 2"},
    {"upsample_nearest_exact", "'upsample', 'scale_factor': 2, 'mode': 'nearest-exact'"},
    {"upsample_linear", "'upsample', 'scale_factor': 2, 'mode': 'linear'"},
    {"upsample_bilinear", "'upsample', 'scale_factor': 2, 'mode': 'bilinear'"},
    {"upsample_bicubic", "'upsample', 'scale_factor': 2, 'mode': 'bicubic'"},
    {"upsample_trilinear", "'upsample', 'scale_factor': 2, 'mode': 'trilinear'"},
    {"dropout", "'dropout'"},
    {"flatten", "'flatten'"},
    {"pixel_shuffle", "'pixel_shuffle', 'upscale_factor': 2"},
    {"channel_shuffle", "'channel_shuffle', 'groups': 2"},
    {"pad", "'pad', 'padding': [1, 1, 1, 1]"},
};

/* ' becomes ", x between numbers a comma. */
static void layer_open(struct subject *s, const char *layer, const char *input) {
  char text[MODEL_TEXT], shape[64];
  struct jc_error error = {0};
  (void)snprintf(shape, sizeof(shape), "%s", input);
  for (char *at = shape; (at = strchr(at, 'x')) != NULL;)
    *at = ',';
  const int length = snprintf(text, sizeof(text),
                              "{'schema': 'joulecast.model/1', 'name': 'one', 'input': [%s], "
                              "'layers': [{'name': 'it', 'type': %s}]}",
                              shape, layer);
  cr_assert(length > 0 && (size_t)length < sizeof(text));
  for (char *at = text; (at = strchr(at, '\'')) != NULL;)
    *at = '"';
  cr_assert_eq(jc_model_parse(text, (size_t)length, "layer", &s->model, &error), JC_OK, "%s: %s",
               text, error.text);
  subject_analyze(s);
}

static const char *layer_of(const char *network) {
  for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
    if (strcmp(network, layers[i].name) == 0)
      return layers[i].layer;
  return NULL;
}

Test(convention, of_single_layers_is_what_the_tools_print) {
  FILE *file = open_rows();
  struct row row;
  size_t compared = 0;
  while (next_row(file, &row)) {
    struct subject s;
    struct jc_convention_count count;
    struct jc_error error = {0};
    const enum jc_convention_kind convention = convention_of(&row);
    if (strncmp(row.network, "layer:", 6) != 0)
      continue;
    const char *layer = layer_of(row.network + 6);
    cr_assert_not_null(layer, "%s", row.network);
    layer_open(&s, layer, row.input);
    cr_expect_eq(jc_convention_layer(&s.analysis, 0, convention, &count, &error), JC_OK);
    cr_expect_eq(count.value, row.count, "%s of %s: %llu, not %llu", row.tool, row.network,
                 (unsigned long long)count.value, (unsigned long long)row.count);
    subject_close(&s);
    compared++;
  }
  fclose(file);
  /* by all but torchvision, which publishes none */
  cr_expect_eq(compared, (JC_CONVENTION_COUNT - 1) * sizeof(layers) / sizeof(layers[0]));
}

/* ---- modules and functions ---- */

/* What ptflops counts for a ReLU of 100 elements in a network of this name. */
static struct jc_convention_count count_relu(const char *network, const char *source) {
  static struct sketch s;
  struct jc_convention_count count;
  struct jc_error error = {0};
  sketch_begin(&s, network, 1, (const uint32_t[]){100});
  s.network.source = source;
  (void)sketch_add(&s, "relu", JC_LAYER_relu, no_fields(), 1, (uint32_t[]){0});
  cr_assert_eq(jc_convention_layer(sketch_analyze(&s), 0, JC_CONVENTION_PTFLOPS, &count, &error),
               JC_OK);
  return count;
}

Test(convention, knows_the_functions_of_torchvisions_networks_only) {
  const struct {
    const char *network;
    uint64_t value;
    bool approximate;
  } cases[] = {{"resnet18", 200, false}, {"googlenet", 100, false}, {"googlenet_noaux", 100, false},
               {"mine", 200, true},      {"resnet20", 200, true},   {"googlene", 200, true},
               {"", 200, true},          {"vgg11 vgg13", 200, true}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const struct jc_convention_count count = count_relu(cases[i].network, "torchvision 0.14.1");
    cr_expect_eq(count.value, cases[i].value, "%s", cases[i].network);
    cr_expect_eq(count.approximate, cases[i].approximate, "%s", cases[i].network);
    cr_expect(count_relu(cases[i].network, NULL).approximate, "a network of the same name");
  }
}

Test(convention, is_refused_where_nothing_is_known) {
  struct subject s;
  struct jc_convention_count count;
  struct jc_error error = {0};
  layer_open(&s, "'multihead_attention', 'num_heads': 2", "5x8");
  cr_expect_eq(jc_convention_total(&s.analysis, JC_CONVENTION_PTFLOPS, &count, &error),
               JC_ERROR_USAGE);
  cr_expect_str_eq(error.text, "what ptflops 0.7.5 says of multihead_attention (layer 'it') is not "
                               "known, or it fails there");
  subject_close(&s);
}

/* MACs, and four additions of 5 x 8 biases. */
Test(convention, of_attention_by_the_aten_backend_has_the_biases) {
  struct subject s;
  struct jc_convention_count count;
  struct jc_error error = {0};
  layer_open(&s, "'multihead_attention', 'num_heads': 2", "5x8");
  cr_assert_eq(jc_convention_total(&s.analysis, JC_CONVENTION_PTFLOPS_ATEN, &count, &error), JC_OK);
  cr_expect_eq(count.value, s.analysis.totals.forward_macs + 4 * 5 * 8);
  cr_expect(count.approximate);
  subject_close(&s);
}

Test(convention, does_not_see_what_runs_in_training_only) {
  static struct sketch s;
  sketch_begin(&s, "two heads", 1, (const uint32_t[]){10});
  const struct jc_linear linear = {.out_features = 7, .bias = true};
  const union jc_layer_fields fields = {.linear = linear};
  (void)sketch_add(&s, "aux", JC_LAYER_linear, fields, 1, (uint32_t[]){0});
  (void)sketch_add(&s, "head", JC_LAYER_linear, fields, 1, (uint32_t[]){0});
  s.layers[0].training_only = true;
  const struct jc_analysis *analysis = sketch_analyze(&s);
  for (uint32_t c = 0; c < JC_CONVENTION_COUNT; c++) {
    struct jc_convention_count aux, head, total;
    struct jc_error error = {0};
    cr_assert_eq(jc_convention_layer(analysis, 0, c, &aux, &error), JC_OK);
    cr_assert_eq(jc_convention_layer(analysis, 1, c, &head, &error), JC_OK);
    cr_assert_eq(jc_convention_total(analysis, c, &total, &error), JC_OK);
    cr_expect_eq(aux.value, 0);
    cr_expect_eq(head.value, total.value);
    cr_expect(head.value == 70 || head.value == 77);
  }
}

/* A kind without a family would be refused. */
Test(convention, covers_every_kind_of_layer) {
  for (uint32_t kind = 0; kind < JC_LAYER_KIND_COUNT; kind++) {
    static struct sketch s;
    struct jc_convention_count count;
    struct jc_error error = {0};
    sketch_begin(&s, "one", 4, (const uint32_t[]){4, 4, 4, 4});
    (void)sketch_add(&s, "relu", JC_LAYER_relu, no_fields(), 1, (uint32_t[]){0});
    const struct jc_analysis *analysis = sketch_analyze(&s);
    s.layers[0].kind = (enum jc_layer_kind)kind;
    cr_expect_eq(jc_convention_layer(analysis, 0, JC_CONVENTION_FVCORE, &count, &error), JC_OK,
                 "%s", jc_kind_get((enum jc_layer_kind)kind)->name);
  }
}

Test(convention, is_found_by_its_name) {
  for (uint32_t c = 0; c < JC_CONVENTION_COUNT; c++)
    cr_expect_eq(jc_convention_find(jc_convention_info(c)->name), c);
  cr_expect_eq(jc_convention_find("flops"), JC_CONVENTION_COUNT);
}
