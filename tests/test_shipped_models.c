/* test_shipped_models.c -- the counts of models/ are PyTorch's, to the integer. */
#include <criterion/criterion.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "estimator/model_file.h"

enum { REFERENCE_PATH = 512, REFERENCE_NAME = 128 };

/* A model of models/ and its analysis. */
struct shipped {
  struct jc_model *model;
  void *storage;
  struct jc_analysis analysis;
};

/* NAME is that of a file, or NAME:VARIANT. */
static void shipped_open(struct shipped *s, const char *name) {
  struct jc_error error = {0};
  struct jc_model_options options = {0};
  char path[REFERENCE_PATH];
  const char *colon = strchr(name, ':');
  if (colon != NULL)
    options.variant = colon + 1;
  (void)snprintf(path, sizeof(path), "%s/models/%.*s.json", TEST_SOURCE_DIR,
                 (int)strcspn(name, ":"), name);
  cr_assert_eq(jc_model_read_as(path, &options, &s->model, &error), JC_OK, "%s:%u: %s: %s", path,
               error.line, error.path, error.text);
  const struct jc_network *network = jc_model_network(s->model);
  const size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  cr_assert(size > 0);
  s->storage = malloc(size);
  cr_assert_not_null(s->storage);
  cr_assert_eq(jc_network_analyze(network, s->storage, size, &s->analysis, &error), JC_OK,
               "%s: %s: %s", name, error.path, error.text);
}

static void shipped_close(struct shipped *s) {
  free(s->storage);
  jc_model_free(s->model);
}

/* name,params,forward_macs,source; fields before the quoted source have no commas. */
static bool parse_reference(const char *line, char name[REFERENCE_NAME], uint64_t *params,
                            uint64_t *macs) {
  const char *comma = strchr(line, ',');
  char *end;
  if (comma == NULL || comma - line >= REFERENCE_NAME)
    return false;
  (void)snprintf(name, REFERENCE_NAME, "%.*s", (int)(comma - line), line);
  *params = strtoull(comma + 1, &end, 10);
  if (end == comma + 1 || *end != ',')
    return false;
  const char *second = end + 1;
  *macs = strtoull(second, &end, 10);
  return end != second && *end == ',';
}

/* tests/reference_counts.csv: every row, to the integer. */
Test(shipped_models, equal_the_reference_rows) {
  FILE *file = fopen(TEST_SOURCE_DIR "/tests/reference_counts.csv", "r");
  char line[1024], name[REFERENCE_NAME];
  uint64_t params = 0, macs = 0;
  int rows = 0;
  cr_assert_not_null(file);
  cr_assert_not_null(fgets(line, sizeof(line), file), "no header");
  cr_assert_eq(strncmp(line, "name,params,forward_macs,source", 31), 0, "%s", line);
  while (fgets(line, sizeof(line), file) != NULL) {
    struct shipped s;
    cr_assert(parse_reference(line, name, &params, &macs), "%s", line);
    shipped_open(&s, name);
    cr_expect_eq(s.analysis.totals.params, params, "%s: %llu parameters", name,
                 (unsigned long long)s.analysis.totals.params);
    cr_expect_eq(s.analysis.totals.forward_macs, macs, "%s: %llu MACs", name,
                 (unsigned long long)s.analysis.totals.forward_macs);
    shipped_close(&s);
    rows++;
  }
  (void)fclose(file);
  cr_assert_geq(rows, 77, "only %d rows", rows);
}

/* A file, with all its variants, or one VARIANT, says what is counted and is called as its name
 * says. Returns how many variants the file has. */
static uint32_t check_claims(const char *file, const char *variant) {
  struct shipped s;
  struct jc_error error = {0};
  char name[REFERENCE_NAME];
  (void)snprintf(name, sizeof(name), "%s%s%s", file, variant != NULL ? ":" : "",
                 variant != NULL ? variant : "");
  shipped_open(&s, name);
  const struct jc_model_expect *expect = jc_model_expect(s.model);
  cr_expect_str_eq(jc_model_network(s.model)->name, name);
  cr_expect(expect->has_params && expect->has_forward_macs, "%s: no 'expect'", name);
  cr_expect_eq(jc_model_check_expect(s.model, &s.analysis, &error), JC_OK, "%s: %s: %s", name,
               error.path, error.text);
  const uint32_t variants = jc_model_variant_count(s.model);
  for (uint32_t i = 0; variant == NULL && i < variants; i++)
    (void)check_claims(file, jc_model_variant(s.model, i));
  shipped_close(&s);
  return variants;
}

Test(shipped_models, claim_what_is_counted) {
  DIR *folder = opendir(TEST_SOURCE_DIR "/models");
  int count = 0;
  cr_assert_not_null(folder);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char name[REFERENCE_NAME];
    const char *end = strstr(entry->d_name, ".json");
    if (end == NULL || end[5] != '\0' || strstr(entry->d_name, ".schema.json") != NULL)
      continue;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(end - entry->d_name), entry->d_name);
    count += 1 + (int)check_claims(name, NULL);
  }
  (void)closedir(folder);
  cr_assert_geq(count, 79, "only %d models", count);
}

/* ---- against torch's own operators ---- */

/* Counts of one sample, in the order of the columns of tests/golden/torch_counts.csv. */
enum { TORCH_COUNTS = 9 };
static const char *const torch_columns =
    "network,input,params,trainable_params,forward_macs,training_forward_macs,backward_data_macs,"
    "backward_weights_macs,training_macs,per_step_forward_macs,per_step_training_macs,"
    "parameters_without_gradient\n";

static bool parse_torch_row(const char *line, char name[REFERENCE_NAME],
                            uint64_t counts[TORCH_COUNTS]) {
  const char *comma = strchr(line, ',');
  if (comma == NULL || comma - line >= REFERENCE_NAME)
    return false;
  (void)snprintf(name, REFERENCE_NAME, "%.*s", (int)(comma - line), line);
  const char *at = strchr(comma + 1, ','); /* behind the input's shape */
  for (int i = 0; i < TORCH_COUNTS; i++) {
    char *end;
    if (at == NULL || *at != ',')
      return false;
    counts[i] = strtoull(at + 1, &end, 10);
    if (end == at + 1)
      return false;
    at = end;
  }
  return *at == ',';
}

static void expect_torch_counts(const char *name, const uint64_t expected[TORCH_COUNTS]) {
  static const char *const what[TORCH_COUNTS] = {
      "params",           "trainable params", "forward",  "training forward",  "backward data",
      "backward weights", "training",         "per step", "per step, training"};
  struct shipped s;
  shipped_open(&s, name);
  const struct jc_totals *t = &s.analysis.totals;
  const uint64_t found[TORCH_COUNTS] = {t->params,
                                        t->trainable_params,
                                        t->forward_macs,
                                        t->training_forward_macs,
                                        t->backward_data_macs,
                                        t->backward_weights_macs,
                                        t->training_macs,
                                        t->per_step_forward_macs,
                                        t->per_step_training_macs};
  for (int i = 0; i < TORCH_COUNTS; i++)
    cr_expect_eq(found[i], expected[i], "%s: %s: %llu, by torch %llu", name, what[i],
                 (unsigned long long)found[i], (unsigned long long)expected[i]);
  shipped_close(&s);
}

static bool is_shipped(const char *name) {
  char path[REFERENCE_PATH];
  (void)snprintf(path, sizeof(path), "%s/models/%.*s.json", TEST_SOURCE_DIR,
                 (int)strcspn(name, ":"), name);
  return access(path, R_OK) == 0;
}

/* Compares all rows of a table whose network is shipped; returns how many. */
static int compare_table(const char *table) {
  char path[REFERENCE_PATH], line[1024], name[REFERENCE_NAME];
  uint64_t counts[TORCH_COUNTS];
  int compared = 0;
  (void)snprintf(path, sizeof(path), "%s/tests/golden/%s", TEST_SOURCE_DIR, table);
  FILE *file = fopen(path, "r");
  cr_assert_not_null(file, "%s", path);
  do
    cr_assert_not_null(fgets(line, sizeof(line), file), "%s: no header", table);
  while (line[0] == '#');
  cr_assert_str_eq(line, torch_columns);
  while (fgets(line, sizeof(line), file) != NULL) {
    cr_assert(parse_torch_row(line, name, counts), "%s: %s", table, line);
    if (!is_shipped(name))
      continue;
    expect_torch_counts(name, counts);
    compared++;
  }
  (void)fclose(file);
  return compared;
}

/* Made by tests/torch/count_ops.py and count_language_models.py, from the operators that PyTorch
 * 1.13.1 runs forward and backward. */
Test(shipped_models, train_with_torchvisions_products) {
  cr_expect_eq(compare_table("torch_counts.csv"), 35);
}

Test(shipped_models, train_with_the_products_of_language_models) {
  cr_expect_eq(compare_table("lm_counts.csv"), 9);
}

/* The same of nn.Sequential of the same layers: batch 2, dispatched aten::convolution_backward with
 * its output_mask, and the aten::mm of linear layers, halved. */
Test(shipped_models, train_with_pytorchs_products) {
  static const struct {
    const char *name;
    uint64_t counts[TORCH_COUNTS];
  } rows[] = {
      {"lenet5_28", {61706, 61706, 416520, 416520, 298920, 416520, 1131960, 0, 0}},
      {"mlp_784_128_10", {101770, 101770, 101632, 101632, 1280, 101632, 204544, 0, 0}},
      {"cifar_resnet20", {269722, 269722, 40551040, 40551040, 40108672, 40551040, 121210752, 0, 0}},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    expect_torch_counts(rows[i].name, rows[i].counts);
}

/* Running means and variances: torchvision 0.14.1, sum of numel() of the buffers of these names. */
Test(shipped_models, have_pytorchs_buffers) {
  static const struct {
    const char *name;
    uint64_t buffers;
  } rows[] = {{"resnet50", 53120}, {"resnet18", 9600}, {"vgg16", 0}, {"densenet121", 83648}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct shipped s;
    shipped_open(&s, rows[i].name);
    cr_expect_eq(s.analysis.totals.buffers, rows[i].buffers, "%s: %llu", rows[i].name,
                 (unsigned long long)s.analysis.totals.buffers);
    shipped_close(&s);
  }
}
