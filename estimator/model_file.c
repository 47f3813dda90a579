/* model_file.c -- model.json: the head of the file, the model's storage, and what is done with it.
 *
 * A model is one block of memory: struct jc_model, then inputs, layers, edges, outputs, the names
 * of its variants, and text.
 */
#include "estimator/model_file.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/data_files.h"
#include "estimator/file_io.h"
#include "estimator/model_parts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const double max_dimension = 2147483647.0;

/* ---- the head ---- */

/* A string with something in it, whose text stays in the document. */
static enum jc_status read_title(const struct jc_json_node *node, const char **title,
                                 struct jc_error *error) {
  char echo[JC_JSON_ECHO_SIZE];
  if (!node || jc_json_get_string(node, title, error) != JC_OK)
    return error->status;
  if (**title == '\0' || strlen(*title) > JC_MAX_MODEL_TITLE)
    return jc_json_fail(node, error, "expected 1 to %d bytes of text, got %s", JC_MAX_MODEL_TITLE,
                        jc_json_echo(node, echo, sizeof echo));
  return JC_OK;
}

static enum jc_status read_training(const struct jc_json_node *node,
                                    struct jc_training_defaults *training, struct jc_error *error) {
  static const char *const keys[] = {"dataset", "samples", "val_samples", "epochs", "batch_size"};
  jc_json_only_keys(node, keys, COUNT(keys), error);
  const struct jc_json_node *dataset = jc_json_member(node, "dataset");
  if (jc_json_copy_string(dataset, training->dataset, sizeof training->dataset, error) == JC_OK &&
      dataset && training->dataset[0] == '\0')
    jc_json_fail(dataset, error, "expected the name of a data set, got \"\"");
  jc_json_get_uint(jc_json_member(node, "samples"), 1, JC_MAX_SAMPLES, &training->samples, error);
  jc_json_get_uint(jc_json_member(node, "val_samples"), 0, JC_MAX_SAMPLES, &training->val_samples,
                   error);
  jc_json_get_uint(jc_json_member(node, "epochs"), 1, JC_MAX_EPOCHS, &training->epochs, error);
  return jc_json_get_uint(jc_json_member(node, "batch_size"), 1, JC_MAX_BATCH_SIZE,
                          &training->batch_size, error);
}

static enum jc_status read_expect(const struct jc_json_node *node, struct jc_model *head,
                                  struct jc_error *error) {
  static const char *const keys[] = {"params", "forward_macs"};
  const struct jc_json_node *params = jc_json_member(node, "params");
  const struct jc_json_node *macs = jc_json_member(node, "forward_macs");
  struct jc_model_expect *expect = &head->expect;
  expect->has_params = params != NULL;
  expect->has_forward_macs = macs != NULL;
  head->params_line = params ? jc_json_line(params) : 0;
  head->forward_macs_line = macs ? jc_json_line(macs) : 0;
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_uint(params, 0, UINT64_MAX, &expect->params, error);
  return jc_json_get_uint(macs, 0, UINT64_MAX, &expect->forward_macs, error);
}

/* Everything that no variant changes but layers and outputs; strings stay in the document. */
static enum jc_status read_head(const struct jc_json_node *root, struct jc_model *head,
                                struct jc_error *error) {
  static const char *const keys[] = {"schema", "name",     "source", "training", "expect", "input",
                                     "params", "variants", "blocks", "layers",   "outputs"};
  (void)snprintf(head->file, sizeof head->file, "%s", jc_json_file(jc_json_document(root)));
  jc_json_want(root, JC_JSON_OBJECT, error);
  jc_json_check_schema(root, JC_MODEL_SCHEMA, error);
  jc_json_only_keys(root, keys, COUNT(keys), error);
  read_title(jc_json_need(root, "name", error), &head->network.name, error);
  return read_title(jc_json_member(root, "source"), &head->network.source, error);
}

/* ---- inputs and outputs ---- */

static enum jc_status read_shape(const struct jc_json_node *node, struct jc_shape *shape,
                                 struct jc_error *error) {
  if (!node || jc_json_want(node, JC_JSON_ARRAY, error) != JC_OK)
    return error->status;
  if (jc_json_length(node) < 1 || jc_json_length(node) > JC_MAX_RANK)
    return jc_json_fail(node, error, "expected 1 to %d dimensions, got %lu", JC_MAX_RANK,
                        (unsigned long)jc_json_length(node));
  for (const struct jc_json_node *n = jc_json_first(node); n; n = jc_json_next(n)) {
    uint64_t dimension = 0;
    if (jc_json_get_uint(n, 1, (uint64_t)max_dimension, &dimension, error) != JC_OK)
      return error->status;
    shape->dim[shape->rank++] = (uint32_t)dimension;
  }
  return JC_OK;
}

static enum jc_status read_input(const struct jc_json_node *node, struct jc_input *input,
                                 struct jc_error *error) {
  static const char *const keys[] = {"shape", "dtype"};
  static const char *const dtypes[] = {[JC_DTYPE_FLOAT32] = "float32", [JC_DTYPE_INT32] = "int32"};
  size_t dtype = JC_DTYPE_FLOAT32;
  jc_json_only_keys(node, keys, COUNT(keys), error);
  read_shape(jc_json_need(node, "shape", error), &input->shape, error);
  jc_json_get_choice(jc_json_member(node, "dtype"), dtypes, COUNT(dtypes), &dtype, error);
  input->dtype = (enum jc_dtype)dtype;
  return error->status;
}

/* How many inputs NODE describes; 0 if it is not a description. */
static uint32_t count_inputs(const struct jc_json_node *node, struct jc_error *error) {
  if (!node || jc_json_type(node) == JC_JSON_ARRAY)
    return 1;
  if (jc_json_want(node, JC_JSON_OBJECT, error) != JC_OK)
    return 0;
  if (jc_json_length(node) < 1 || jc_json_length(node) > JC_MAX_NETWORK_INPUTS) {
    jc_json_fail(node, error, "expected 1 to %d inputs, got %lu", JC_MAX_NETWORK_INPUTS,
                 (unsigned long)jc_json_length(node));
    return 0;
  }
  return jc_json_length(node);
}

/* INPUTS are named by the document until their names are kept. */
static enum jc_status read_inputs(const struct jc_json_node *node, struct jc_input *inputs,
                                  struct jc_error *error) {
  if (jc_json_type(node) == JC_JSON_ARRAY) {
    inputs[0].name = "input";
    return read_shape(node, &inputs[0].shape, error);
  }
  for (const struct jc_json_node *n = jc_json_first(node); n; n = jc_json_next(n), inputs++) {
    inputs->name = jc_json_key(n);
    if (jc_model_check_name(n, inputs->name, error) != JC_OK ||
        read_input(n, inputs, error) != JC_OK)
      return error->status;
  }
  return JC_OK;
}

static enum jc_status add_output(struct jc_expansion *x, const struct jc_json_node *node,
                                 uint32_t tensor, struct jc_network *network, uint32_t *outputs) {
  if (tensor < network->input_count)
    return jc_json_fail(node, x->error, "expected a layer, '%s' is an input",
                        network->inputs[tensor].name);
  for (uint32_t i = 0; i < network->output_count; i++)
    if (outputs[i] == tensor)
      return jc_json_fail(node, x->error, "the output '%s' is repeated", jc_json_string(node));
  outputs[network->output_count++] = tensor;
  return JC_OK;
}

/* A head that a repeat of 0 leaves out is none. */
static enum jc_status read_outputs(struct jc_expansion *x, const struct jc_json_node *node,
                                   struct jc_network *network, uint32_t *outputs) {
  if (!node && x->output < network->input_count)
    return jc_json_fail(x->top.items, x->error,
                        "expected a layer at the end, the last repeat of 0 stands for input '%s'",
                        network->inputs[x->output].name);
  if (!node)
    return add_output(x, x->top.items, x->output, network, outputs);
  for (const struct jc_json_node *n = jc_json_first(node); n; n = jc_json_next(n)) {
    uint32_t tensor = 0;
    bool absent = false;
    if (jc_expansion_resolve(x, n, &tensor, &absent) != JC_OK ||
        (!absent && add_output(x, n, tensor, network, outputs) != JC_OK))
      return x->error->status;
  }
  if (network->output_count == 0)
    return jc_json_fail(node, x->error, "expected at least one output, all are repeats of 0");
  return JC_OK;
}

/* How many outputs NODE lists; 0 if it is no list. */
static uint32_t count_outputs(const struct jc_json_node *node, struct jc_error *error) {
  if (!node)
    return 1;
  if (jc_json_want(node, JC_JSON_ARRAY, error) != JC_OK)
    return 0;
  if (jc_json_length(node) < 1 || jc_json_length(node) > JC_MAX_NETWORK_OUTPUTS) {
    jc_json_fail(node, error, "expected 1 to %d outputs, got %lu", JC_MAX_NETWORK_OUTPUTS,
                 (unsigned long)jc_json_length(node));
    return 0;
  }
  return jc_json_length(node);
}

/* ---- variants ---- */

/* What a variant has of the head, read for its errors only. */
static enum jc_status check_variant(const struct jc_json_node *variant, struct jc_error *error) {
  const struct jc_json_node *input = jc_json_member(variant, "input");
  struct jc_model scratch = {0};
  read_training(jc_json_member(variant, "training"), &scratch.network.training, error);
  read_expect(jc_json_member(variant, "expect"), &scratch, error);
  uint32_t count = input ? count_inputs(input, error) : 0;
  if (jc_error_is_set(error) || count == 0)
    return error->status;
  struct jc_input *inputs = calloc(count, sizeof *inputs);
  if (!inputs)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  read_inputs(input, inputs, error);
  free(inputs);
  return error->status;
}

/* What a variant may change. Its `expect` is its own or none: the file's holds for the defaults. */
static enum jc_status read_choice(const struct jc_choice *choice, struct jc_model *head,
                                  struct jc_error *error) {
  const struct jc_json_node *variants = jc_json_member(choice->root, "variants");
  const struct jc_json_node *holder = choice->variant ? choice->variant : choice->root;
  head->variant_count = variants ? jc_json_length(variants) : 0;
  for (const struct jc_json_node *v = variants ? jc_json_first(variants) : NULL; v;
       v = jc_json_next(v))
    if (check_variant(v, error) != JC_OK)
      return error->status;
  read_training(jc_choice_member(choice, "training"), &head->network.training, error);
  read_expect(jc_json_member(holder, "expect"), head, error);
  if (choice->set)
    head->expect = (struct jc_model_expect){0};
  return error->status;
}

/* ---- the model ---- */

/* The room for `text` in bytes: every name and title. */
static size_t text_size(const char *text) {
  return text ? strlen(text) + 1 : 0;
}

/* Bytes of the keys of OBJECT. */
static size_t keys_size(const struct jc_json_node *object) {
  size_t size = 0;
  for (const struct jc_json_node *n = object ? jc_json_first(object) : NULL; n; n = jc_json_next(n))
    size += text_size(jc_json_key(n));
  return size;
}

/* Bytes of the texts beside those of the expansion. A variant's name stands in the network's name,
 * behind a colon, too. */
static size_t head_text_size(const struct jc_choice *choice, const struct jc_model *head) {
  const struct jc_json_node *input = jc_choice_member(choice, "input");
  return keys_size(jc_json_member(choice->root, "variants")) + text_size(head->network.name) +
         text_size(head->network.source) +
         (choice->variant ? text_size(jc_json_key(choice->variant)) : 0) +
         (jc_json_type(input) == JC_JSON_ARRAY ? text_size("input") : keys_size(input));
}

/* One block for the model of HEAD and the expansion's layers; sets what X fills. */
static struct jc_model *allocate(struct jc_expansion *x, const struct jc_model *head,
                                 size_t head_text, uint32_t outputs, uint32_t **output) {
  const struct jc_expansion_size *size = &x->size, *hidden = &x->hidden;
  size_t input_bytes = head->network.input_count * sizeof(struct jc_input);
  size_t layer_bytes = (size_t)(size->layers + hidden->layers) * sizeof(struct jc_layer);
  size_t variant_bytes = head->variant_count * sizeof(const char *);
  size_t edge_bytes = (size_t)(size->edges + hidden->edges) * sizeof(uint32_t);
  size_t output_bytes = outputs * sizeof(uint32_t);
  size_t text_bytes =
      (size_t)(size->name_bytes + hidden->name_bytes + size->place_bytes) + head_text;
  struct jc_model *model = calloc(1, sizeof *model + input_bytes + layer_bytes + variant_bytes +
                                         edge_bytes + output_bytes + text_bytes);
  if (!model)
    return NULL;
  *model = *head;
  char *next = (char *)(model + 1);
  model->inputs = (void *)next;
  x->layer = (void *)(next += input_bytes);
  model->variants = (void *)(next += layer_bytes);
  x->edge = (void *)(next += variant_bytes);
  *output = (void *)(next += edge_bytes);
  x->text = next + output_bytes;
  x->network = &model->network;
  model->network.inputs = model->inputs;
  model->network.layers = x->layer;
  model->network.layer_count = (uint32_t)size->layers;
  model->network.inputs_of_layers = x->edge;
  model->network.edge_count = (uint32_t)size->edges;
  model->network.outputs = *output;
  return model;
}

/* "name:variant". */
static void keep_name(struct jc_expansion *x, const struct jc_json_node *variant,
                      struct jc_model *model) {
  model->network.name = jc_expansion_keep(x, model->network.name);
  if (variant) {
    x->text[-1] = ':';
    model->variant = jc_expansion_keep(x, jc_json_key(variant));
  }
}

static enum jc_status fill(struct jc_expansion *x, const struct jc_choice *choice,
                           struct jc_model *model, uint32_t *outputs) {
  const struct jc_json_node *variants = jc_json_member(choice->root, "variants");
  struct jc_network *network = &model->network;
  uint32_t index = 0;
  if (read_inputs(jc_choice_member(choice, "input"), model->inputs, x->error) != JC_OK)
    return x->error->status;
  for (uint32_t i = 0; i < network->input_count; i++)
    model->inputs[i].name = jc_expansion_keep(x, model->inputs[i].name);
  keep_name(x, choice->variant, model);
  if (network->source)
    network->source = jc_expansion_keep(x, network->source);
  for (const struct jc_json_node *v = variants ? jc_json_first(variants) : NULL; v;
       v = jc_json_next(v))
    model->variants[index++] = jc_expansion_keep(x, jc_json_key(v));
  if (jc_expansion_fill(x) != JC_OK)
    return x->error->status;
  return read_outputs(x, jc_json_member(choice->root, "outputs"), network, outputs);
}

static enum jc_status read_root(const struct jc_json_node *root,
                                const struct jc_model_options *options, struct jc_model **model,
                                struct jc_error *error) {
  struct jc_model head = {0}, *made = NULL;
  struct jc_choice choice = {0};
  struct jc_expansion x = {.error = error};
  uint32_t *output = NULL, outputs = 0;
  *model = NULL;
  if (read_head(root, &head, error) == JC_OK && jc_json_need(root, "input", error) &&
      jc_choice_begin(&choice, root, options, error) == JC_OK &&
      read_choice(&choice, &head, error) == JC_OK) {
    head.network.input_count = count_inputs(jc_choice_member(&choice, "input"), error);
    outputs = count_outputs(jc_json_member(root, "outputs"), error);
  }
  if (!jc_error_is_set(error) && jc_expansion_begin(&x, &choice, error) == JC_OK) {
    made = allocate(&x, &head, head_text_size(&choice, &head), outputs, &output);
    if (!made)
      jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    else
      fill(&x, &choice, made, output);
  }
  jc_expansion_end(&x);
  jc_choice_end(&choice);
  if (jc_error_is_set(error)) {
    jc_error_name_file(error, head.file);
    jc_model_free(made);
    return error->status;
  }
  *model = made;
  return JC_OK;
}

enum jc_status jc_model_from_json(const struct jc_json_node *node, struct jc_model **model,
                                  struct jc_error *error) {
  return read_root(node, NULL, model, error);
}

enum jc_status jc_model_parse_as(const char *text, size_t length, const char *file,
                                 const struct jc_model_options *options, struct jc_model **model,
                                 struct jc_error *error) {
  struct jc_json *document;
  *model = NULL;
  if (jc_json_parse(text, length, file, 1, &document, error) != JC_OK)
    return error->status;
  enum jc_status status = read_root(jc_json_root(document), options, model, error);
  jc_json_free(document);
  return status;
}

enum jc_status jc_model_parse(const char *text, size_t length, const char *file,
                              struct jc_model **model, struct jc_error *error) {
  return jc_model_parse_as(text, length, file, NULL, model, error);
}

enum jc_status jc_model_read_as(const char *path, const struct jc_model_options *options,
                                struct jc_model **model, struct jc_error *error) {
  char *text;
  size_t length;
  *model = NULL;
  if (jc_file_read(path, &text, &length, error) != JC_OK)
    return error->status;
  enum jc_status status =
      jc_model_parse_as(text, length, jc_file_shown_name(path), options, model, error);
  free(text);
  return status;
}

enum jc_status jc_model_read(const char *path, struct jc_model **model, struct jc_error *error) {
  return jc_model_read_as(path, NULL, model, error);
}

enum jc_status jc_model_open(const char *name, const struct jc_model_options *options,
                             struct jc_model **model, struct jc_error *error) {
  struct jc_model_options chosen = options ? *options : (struct jc_model_options){0};
  char path[PATH_MAX];
  *model = NULL;
  if (jc_models_find(name, path, sizeof path, &chosen.variant, error) != JC_OK)
    return error->status;
  return jc_model_read_as(path, &chosen, model, error);
}

void jc_model_free(struct jc_model *model) {
  free(model);
}

const struct jc_network *jc_model_network(const struct jc_model *model) {
  return &model->network;
}

const char *jc_model_file(const struct jc_model *model) {
  return model->file;
}

const struct jc_model_expect *jc_model_expect(const struct jc_model *model) {
  return &model->expect;
}

uint32_t jc_model_variant_count(const struct jc_model *model) {
  return model->variant_count;
}

const char *jc_model_variant(const struct jc_model *model, uint32_t index) {
  assert(index < model->variant_count);
  return model->variants[index];
}

static void fail_expect(const struct jc_model *model, uint32_t line, const char *key,
                        const char *what, uint64_t expected, uint64_t found,
                        struct jc_error *error) {
  char path[sizeof error->path];
  (void)snprintf(path, sizeof path, "%s%s%sexpect.%s", model->variant ? "variants." : "",
                 model->variant ? model->variant : "", model->variant ? "." : "", key);
  jc_fail(error, JC_ERROR_INVALID, line, path, "expected %llu %s, the layers have %llu",
          (unsigned long long)expected, what, (unsigned long long)found);
}

enum jc_status jc_model_check_expect(const struct jc_model *model,
                                     const struct jc_analysis *analysis, struct jc_error *error) {
  const struct jc_model_expect *expect = &model->expect;
  const struct jc_totals *totals = &analysis->totals;
  if (expect->has_params && totals->params != expect->params)
    fail_expect(model, model->params_line, "params", "parameters", expect->params, totals->params,
                error);
  if (expect->has_forward_macs && totals->forward_macs != expect->forward_macs)
    fail_expect(model, model->forward_macs_line, "forward_macs", "MACs", expect->forward_macs,
                totals->forward_macs, error);
  jc_error_name_file(error, model->file);
  return error->status;
}

/* ---- another input ---- */

/* "3x160x160" */
static bool parse_shape(const char *text, struct jc_shape *shape) {
  *shape = (struct jc_shape){0};
  while (shape->rank < JC_MAX_RANK && *text >= '1' && *text <= '9') {
    double value = 0;
    for (; *text >= '0' && *text <= '9' && value <= max_dimension; text++)
      value = value * 10 + (*text - '0');
    if (value > max_dimension)
      return false;
    shape->dim[shape->rank++] = (uint32_t)value;
    if (*text == '\0')
      return true;
    if (*text++ != 'x')
      return false;
  }
  return false;
}

enum jc_status jc_model_override_input(struct jc_model *model, const char *text,
                                       struct jc_error *error) {
  const struct jc_network *network = &model->network;
  const char *equals = strchr(text, '='), *names[JC_MAX_NETWORK_INPUTS];
  struct jc_shape shape;
  uint32_t index = 0;
  if (!parse_shape(equals ? equals + 1 : text, &shape))
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                   "expected a shape such as 3x224x224 or NAME=512, got '%.40s'", text);
  if (!equals && network->input_count > 1)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                   "expected the name of one of %lu inputs, as in %.40s=%.40s",
                   (unsigned long)network->input_count, network->inputs[0].name, text);
  if (equals) {
    size_t length = (size_t)(equals - text);
    for (; index < network->input_count; index++) {
      names[index] = network->inputs[index].name;
      if (strncmp(names[index], text, length) == 0 && names[index][length] == '\0')
        break;
    }
    if (index == network->input_count) {
      char wanted[41];
      (void)snprintf(wanted, sizeof wanted, "%.*s", (int)(length < 40 ? length : 40), text);
      jc_fail(error, JC_ERROR_USAGE, 0, NULL, "the network has no input '%s'", wanted);
      return jc_json_suggest(error, wanted, names, network->input_count);
    }
  }
  model->inputs[index].shape = shape;
  model->expect = (struct jc_model_expect){0};
  return JC_OK;
}
