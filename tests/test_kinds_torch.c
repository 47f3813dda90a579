/* test_kinds_torch.c -- every layer kind equals PyTorch: shapes, parameters and products of random
 * settings, from golden/kind_cases.jsonl (made by torch/kind_cases.py). */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/model_file.h"

enum { LINE_BYTES = 16384, MIN_VALID = 6, MIN_CASES = 800 };

/* A golden line, and what the analysis says to its model. */
struct kind_case {
  char line[LINE_BYTES];
  unsigned number;
  struct jc_json *document;
  const struct jc_json_node *root;
  const char *kind;
  bool refused; /* by PyTorch */
  struct jc_model *model;
  void *storage;
  struct jc_analysis analysis;
  enum jc_status status;
  struct jc_error error;
};

static void read_and_analyze(struct kind_case *c) {
  c->status = jc_model_from_json(jc_json_member(c->root, "model"), &c->model, &c->error);
  if (c->status != JC_OK)
    return;
  const struct jc_network *network = jc_model_network(c->model);
  const size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  c->storage = malloc(size);
  cr_assert_not_null(c->storage);
  c->status = jc_network_analyze(network, c->storage, size, &c->analysis, &c->error);
}

/* The next line of FILE; false at its end. */
static bool case_open(struct kind_case *c, FILE *file, unsigned number) {
  struct jc_error error = {0};
  memset(c, 0, sizeof(*c));
  c->number = number;
  if (fgets(c->line, LINE_BYTES, file) == NULL)
    return false;
  cr_assert(strchr(c->line, '\n') != NULL, "line %u is too long", number);
  cr_assert_eq(
      jc_json_parse(c->line, strlen(c->line), "kind_cases.jsonl", number, &c->document, &error),
      JC_OK, "%s", error.text);
  c->root = jc_json_root(c->document);
  cr_assert_eq(jc_json_get_string(jc_json_need(c->root, "kind", &error), &c->kind, &error), JC_OK);
  c->refused = jc_json_member(c->root, "error") != NULL;
  read_and_analyze(c);
  return true;
}

static void case_close(struct kind_case *c) {
  jc_model_free(c->model);
  jc_json_free(c->document);
  free(c->storage);
}

static void check_shape(const struct kind_case *c) {
  const struct jc_network *network = jc_model_network(c->model);
  const struct jc_cost *last = &c->analysis.layers[network->layer_count - 1];
  struct jc_error error = {0};
  struct jc_shape expected = {0};
  char a[96], b[96];
  bool alone = false;
  const struct jc_json_node *out = jc_json_need(c->root, "out", &error);
  for (const struct jc_json_node *n = jc_json_first(out); n != NULL; n = jc_json_next(n)) {
    uint64_t length = 0;
    cr_assert_eq(jc_json_get_uint(n, 1, UINT32_MAX, &length, &error), JC_OK);
    cr_assert(expected.rank < JC_MAX_RANK);
    expected.dim[expected.rank++] = (uint32_t)length;
  }
  cr_assert_eq(jc_json_get_bool(jc_json_need(c->root, "alone", &error), &alone, &error), JC_OK);
  cr_expect(jc_shape_equal(&expected, &last->out), "line %u: %s: expected %s, got %s", c->number,
            c->kind, jc_shape_format(&expected, a, sizeof(a)),
            jc_shape_format(&last->out, b, sizeof(b)));
  for (uint32_t i = last->out.rank; i < JC_MAX_RANK; i++)
    cr_expect_eq(last->out.dim[i], 0, "line %u: %s: rubbish behind the shape", c->number, c->kind);
  cr_expect_eq(last->per_step, alone, "line %u: %s: per_step", c->number, c->kind);
}

static void check_counts(const struct kind_case *c) {
  const struct jc_totals *t = &c->analysis.totals;
  const struct {
    const char *name;
    uint64_t found;
  } rows[] = {{"params", t->params},
              {"trainable_params", t->trainable_params},
              {"buffers", t->buffers},
              {"forward_macs", t->forward_macs},
              {"backward_data_macs", t->backward_data_macs},
              {"backward_weights_macs", t->backward_weights_macs},
              {"per_step_forward_macs", t->per_step_forward_macs},
              {"per_step_training_macs", t->per_step_training_macs}};
  struct jc_error error = {0};
  const struct jc_json_node *counts = jc_json_need(c->root, "counts", &error);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    uint64_t expected = 0; /* if absent */
    (void)jc_json_get_uint(jc_json_member(counts, rows[i].name), 1, UINT64_MAX, &expected, &error);
    cr_expect_eq(rows[i].found, expected, "line %u: %s: %s: expected %llu, got %llu", c->number,
                 c->kind, rows[i].name, (unsigned long long)expected,
                 (unsigned long long)rows[i].found);
  }
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  cr_expect_eq(t->training_macs,
               t->forward_macs + t->backward_data_macs + t->backward_weights_macs);
}

/* A failure says what is wrong with the layer under test, the last one. */
static void check_refusal(const struct kind_case *c) {
  char text[1024];
  cr_expect(c->status == JC_ERROR_INVALID || c->status == JC_ERROR_OVERFLOW,
            "line %u: %s: PyTorch refuses this, the analysis accepts it", c->number, c->kind);
  if (c->status == JC_OK)
    return;
  (void)jc_error_format(&c->error, text, sizeof(text));
  cr_expect(strncmp(c->error.path, "model.layers[", 13) == 0 ||
                strncmp(c->error.path, "layers[", 7) == 0,
            "line %u: %s: no place: %s", c->number, c->kind, text);
}

Test(kinds_torch, equal_pytorch) {
  static struct kind_case c;
  unsigned valid[JC_LAYER_KIND_COUNT] = {0}, cases = 0;
  FILE *file = fopen(TEST_SOURCE_DIR "/tests/golden/kind_cases.jsonl", "r");
  cr_assert_not_null(file);
  for (; case_open(&c, file, cases + 1); cases++) {
    const enum jc_layer_kind kind = jc_kind_find(c.kind);
    cr_assert(kind < JC_LAYER_KIND_COUNT, "line %u: no kind '%s'", c.number, c.kind);
    if (c.refused) {
      check_refusal(&c);
    } else if (c.status != JC_OK) {
      cr_expect(false, "line %u: %s: %s: %s", c.number, c.kind, c.error.path, c.error.text);
    } else {
      valid[kind]++;
      check_shape(&c);
      check_counts(&c);
    }
    case_close(&c);
  }
  (void)fclose(file);
  cr_assert_geq(cases, MIN_CASES, "only %u cases", cases);
  for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++)
    cr_expect_geq(valid[kind], MIN_VALID, "%s: only %u cases",
                  jc_kind_get((enum jc_layer_kind)kind)->name, valid[kind]);
}
