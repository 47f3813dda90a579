/* model_property.h -- what must hold for any text given to the model reader, for tests and fuzzing.
 *
 * Reading and analysing fails with a message or succeeds; a model that was read is written
 * expanded, the expanded text is read again, gives the same network, and is written the same.
 */
#ifndef JC_TESTS_MODEL_PROPERTY_H
#define JC_TESTS_MODEL_PROPERTY_H

#include <stdlib.h>
#include <string.h>

#include "estimator/model_file.h"

/* Networks beyond this are read, but not analysed and written, and variants beyond that are not
 * read, to keep fuzzing fast. */
enum { PROPERTY_MAX_LAYERS = 4096, PROPERTY_MAX_VARIANTS = 8 };

static bool same_text(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_layer(const struct jc_layer *a, const struct jc_layer *b) {
  return same_text(a->name, b->name) && a->kind == b->kind && a->first_input == b->first_input &&
         a->input_count == b->input_count && a->trainable == b->trainable &&
         a->training_only == b->training_only && a->weight_from == b->weight_from &&
         memcmp(&a->fields, &b->fields, sizeof a->fields) == 0;
}

/* But for the places in the file. */
static bool same_network(const struct jc_network *a, const struct jc_network *b) {
  if (!same_text(a->name, b->name) || !same_text(a->source, b->source) ||
      memcmp(&a->training, &b->training, sizeof a->training) != 0 ||
      a->input_count != b->input_count || a->layer_count != b->layer_count ||
      a->edge_count != b->edge_count || a->output_count != b->output_count ||
      memcmp(a->outputs, b->outputs, a->output_count * sizeof *a->outputs) != 0 ||
      memcmp(a->inputs_of_layers, b->inputs_of_layers, a->edge_count * sizeof(uint32_t)) != 0)
    return false;
  for (uint32_t i = 0; i < a->input_count; i++)
    if (!same_text(a->inputs[i].name, b->inputs[i].name) ||
        a->inputs[i].dtype != b->inputs[i].dtype ||
        !jc_shape_equal(&a->inputs[i].shape, &b->inputs[i].shape))
      return false;
  for (uint32_t i = 0; i < a->layer_count; i++)
    if (!same_layer(&a->layers[i], &b->layers[i]))
      return false;
  return true;
}

/* NULL if the property holds for MODEL, otherwise what is wrong. */
static const char *check_expansion(const struct jc_model *model) {
  struct jc_error error = {0};
  struct jc_model *again = NULL;
  char *text = NULL, *text_again = NULL;
  const char *wrong = NULL;
  if (jc_model_expanded_json(model, &text, &error) != JC_OK)
    return "the expanded model cannot be written";
  if (jc_model_parse(text, strlen(text), "expanded.json", &again, &error) != JC_OK)
    wrong = "the expanded model is refused";
  else if (!same_network(jc_model_network(model), jc_model_network(again)))
    wrong = "the expanded model is another network";
  else if (memcmp(jc_model_expect(model), jc_model_expect(again), sizeof(struct jc_model_expect)) !=
           0)
    wrong = "the expanded model expects other counts";
  else if (jc_model_expanded_json(again, &text_again, &error) != JC_OK ||
           strcmp(text, text_again) != 0)
    wrong = "the expanded model is written differently";
  jc_model_free(again);
  free(text_again);
  free(text);
  return wrong;
}

/* Reads and analyses TEXT, or its variant. ERROR is what a user would see; *wrong as above;
 * VARIANTS, if not NULL, receives the names of the first variants, to be freed with free(). */
static enum jc_status check_one(const char *text, size_t length, const char *file,
                                const char *variant, char *variants[PROPERTY_MAX_VARIANTS],
                                const char **wrong, struct jc_error *error) {
  const struct jc_model_options options = {.variant = variant};
  struct jc_model *model;
  struct jc_analysis analysis;
  *wrong = NULL;
  if (jc_model_parse_as(text, length, file, &options, &model, error) != JC_OK) {
    if (!error->text[0] || !error->file[0] || model)
      *wrong = "a failure without a message";
    return error->status;
  }
  for (uint32_t i = 0; variants && i < PROPERTY_MAX_VARIANTS && i < jc_model_variant_count(model);
       i++)
    variants[i] = strdup(jc_model_variant(model, i));
  const struct jc_network *network = jc_model_network(model);
  if (network->layer_count <= PROPERTY_MAX_LAYERS) {
    size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
    void *storage = malloc(size);
    if (jc_network_analyze(network, storage, size, &analysis, error) == JC_OK)
      jc_model_check_expect(model, &analysis, error);
    jc_error_name_file(error, jc_model_file(model));
    free(storage);
    *wrong = check_expansion(model);
  }
  jc_model_free(model);
  return error->status;
}

/* The same with all its variants; the first failure counts. */
static enum jc_status check_model(const char *text, size_t length, const char *file,
                                  const char **wrong, struct jc_error *error) {
  char *variants[PROPERTY_MAX_VARIANTS] = {NULL};
  check_one(text, length, file, NULL, variants, wrong, error);
  for (int i = 0; i < PROPERTY_MAX_VARIANTS && variants[i]; i++) {
    struct jc_error variant_error = {0};
    const char *variant_wrong;
    check_one(text, length, file, variants[i], NULL, &variant_wrong, &variant_error);
    if (!*wrong)
      *wrong = variant_wrong;
    if (!jc_error_is_set(error))
      *error = variant_error;
    free(variants[i]);
  }
  return error->status;
}

#endif
