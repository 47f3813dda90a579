/* kind_networks.h -- for tests: networks written as the layers of a model file, and their analysis.
 *
 *   struct kind_network n;
 *   network_open(&n, "[3, 8, 8]", "{'name': 'c', 'type': 'conv2d', 'out_channels': 4, ...}, ...");
 *   cr_assert_eq(cost_of(&n, "c")->macs, 1728);
 *   network_close(&n);
 *
 * A ' stands for a ", so that the text can be read.
 */
#ifndef JC_TESTS_KIND_NETWORKS_H
#define JC_TESTS_KIND_NETWORKS_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/model_file.h"

struct kind_network {
  struct jc_model *model;
  const struct jc_network *network;
  void *storage;
  struct jc_analysis analysis;
  const struct jc_totals *totals;
  struct jc_error error;
};

static inline enum jc_status network_analyze(struct kind_network *n) {
  const size_t size = jc_analysis_storage_size(n->network->layer_count, n->network->input_count);
  free(n->storage);
  n->storage = malloc(size);
  cr_assert_not_null(n->storage);
  return jc_network_analyze(n->network, n->storage, size, &n->analysis, &n->error);
}

/* Reads and analyses; on failure n->error says why. INPUT is the file's "input". */
static inline enum jc_status network_try(struct kind_network *n, const char *input,
                                         const char *layers) {
  static char text[32768];
  const int length =
      snprintf(text, sizeof(text),
               "{'schema': 'joulecast.model/1', 'name': 'test', 'input': %s, 'layers': [%s]}",
               input, layers);
  cr_assert(length > 0 && (size_t)length < sizeof(text));
  for (char *c = text; *c != '\0'; c++)
    *c = *c == '\'' ? '"' : *c;
  memset(n, 0, sizeof(*n));
  if (jc_model_parse(text, (size_t)length, "test.json", &n->model, &n->error) != JC_OK)
    return n->error.status;
  n->network = jc_model_network(n->model);
  n->totals = &n->analysis.totals;
  return network_analyze(n);
}

static inline void network_close(struct kind_network *n) {
  jc_model_free(n->model);
  free(n->storage);
}

static inline void network_open(struct kind_network *n, const char *input, const char *layers) {
  cr_assert_eq(network_try(n, input, layers), JC_OK, "%s: %s", n->error.path, n->error.text);
}

/* A network that must fail at PATH, "layers[2].dim". */
static inline void expect_refused(const char *input, const char *layers, enum jc_status status,
                                  const char *path) {
  struct kind_network n;
  cr_expect_eq(network_try(&n, input, layers), status, "expected a failure at %s", path);
  cr_expect_str_eq(n.error.path, path, "expected %s, got %s: %s", path, n.error.path, n.error.text);
  network_close(&n);
}

static inline uint32_t layer_of(const struct kind_network *n, const char *name) {
  for (uint32_t i = 0; i < n->network->layer_count; i++)
    if (strcmp(n->network->layers[i].name, name) == 0)
      return i;
  cr_assert_fail("no layer '%s'", name);
  return 0;
}

static inline const struct jc_cost *cost_of(const struct kind_network *n, const char *name) {
  return &n->analysis.layers[layer_of(n, name)];
}

static inline void expect_macs(const struct kind_network *n, const char *name, uint64_t forward,
                               uint64_t data, uint64_t weights) {
  const struct jc_cost *cost = cost_of(n, name);
  cr_expect_eq(cost->macs, forward, "%s: forward %llu", name, (unsigned long long)cost->macs);
  cr_expect_eq(cost->backward_data_macs, data, "%s: data %llu", name,
               (unsigned long long)cost->backward_data_macs);
  cr_expect_eq(cost->backward_weights_macs, weights, "%s: weights %llu", name,
               (unsigned long long)cost->backward_weights_macs);
}

/* Bytes read and written for each sample, then once a step. */
static inline void expect_traffic(const char *what, const struct jc_traffic *found,
                                  struct jc_traffic expected) {
  cr_expect(found->read_bytes == expected.read_bytes &&
                found->written_bytes == expected.written_bytes &&
                found->weight_read_bytes == expected.weight_read_bytes &&
                found->weight_written_bytes == expected.weight_written_bytes,
            "%s: %llu, %llu; per step %llu, %llu", what, (unsigned long long)found->read_bytes,
            (unsigned long long)found->written_bytes, (unsigned long long)found->weight_read_bytes,
            (unsigned long long)found->weight_written_bytes);
}

static inline void expect_shape(const struct kind_network *n, const char *name,
                                const char *expected) {
  char text[96];
  cr_expect_str_eq(jc_shape_format(&cost_of(n, name)->out, text, sizeof(text)), expected,
                   "%s: expected %s, got %s", name, expected, text);
}

#endif
