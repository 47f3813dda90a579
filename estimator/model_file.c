/* model_file.c -- model.json: the head of the file, the model's storage, and what is done with it.
 *
 * A model is one block of memory: struct jc_model, then inputs, layers, edges, outputs and text.
 */
#include "estimator/model_file.h"

#include <stdlib.h>
#include <string.h>

#include "estimator/file_io.h"
#include "estimator/model_parts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const double max_dimension = 2147483647.0;

enum { MAX_TITLE = 4096 }; /* bytes of `name` and of `source` */

/* ---- the head ---- */

/* A string with something in it, whose text stays in the document. */
static enum jc_status read_title(const struct jc_json_node *node, const char **title,
                                 struct jc_error *error) {
  char echo[JC_JSON_ECHO_SIZE];
  if (!node || jc_json_get_string(node, title, error) != JC_OK)
    return error->status;
  if (**title == '\0' || strlen(*title) > MAX_TITLE)
    return jc_json_fail(node, error, "expected 1 to %d bytes of text, got %s", MAX_TITLE,
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

/* Everything but inputs, layers and outputs; strings stay in the document. */
static enum jc_status read_head(const struct jc_json_node *root, struct jc_model *head,
                                struct jc_error *error) {
  static const char *const keys[] = {"schema", "name",   "source", "training", "expect",
                                     "input",  "blocks", "layers", "outputs"};
  (void)snprintf(head->file, sizeof head->file, "%s", jc_json_file(jc_json_document(root)));
  jc_json_want(root, JC_JSON_OBJECT, error);
  jc_json_check_schema(root, JC_MODEL_SCHEMA, error);
  jc_json_only_keys(root, keys, COUNT(keys), error);
  read_title(jc_json_need(root, "name", error), &head->network.name, error);
  read_title(jc_json_member(root, "source"), &head->network.source, error);
  read_training(jc_json_member(root, "training"), &head->network.training, error);
  return read_expect(jc_json_member(root, "expect"), head, error);
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
  for (const struct jc_json_node *n = jc_json_first(node); n; n = jc_json_next(n)) {
    inputs->name = jc_json_key(n);
    if (jc_model_check_name(n, inputs->name, error) != JC_OK ||
        read_input(n, inputs++, error) != JC_OK)
      return error->status;
  }
  return JC_OK;
}

static enum jc_status read_outputs(struct jc_expansion *x, const struct jc_json_node *node,
                                   struct jc_network *network, uint32_t *outputs) {
  if (!node) {
    outputs[network->output_count++] = network->input_count + network->layer_count - 1;
    return JC_OK;
  }
  for (const struct jc_json_node *n = jc_json_first(node); n; n = jc_json_next(n)) {
    uint32_t *output = &outputs[network->output_count];
    if (jc_expansion_resolve(x, n, output) != JC_OK)
      return x->error->status;
    if (*output < network->input_count)
      return jc_json_fail(n, x->error, "expected a layer, '%s' is an input", jc_json_string(n));
    for (uint32_t i = 0; i < network->output_count; i++)
      if (outputs[i] == *output)
        return jc_json_fail(n, x->error, "the output '%s' is repeated", jc_json_string(n));
    network->output_count++;
  }
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

/* ---- the model ---- */

static size_t text_size(const char *text) {
  return text ? strlen(text) + 1 : 0;
}

/* One block for the model of HEAD and the expansion's layers; sets what X fills. */
static struct jc_model *allocate(struct jc_expansion *x, const struct jc_model *head,
                                 size_t input_names, uint32_t outputs, uint32_t **output) {
  const struct jc_expansion_size *size = &x->size;
  uint32_t inputs = head->network.input_count;
  size_t input_bytes = inputs * sizeof(struct jc_input);
  size_t layer_bytes = (size_t)size->layers * sizeof(struct jc_layer);
  size_t edge_bytes = (size_t)size->edges * sizeof(uint32_t);
  size_t output_bytes = outputs * sizeof(uint32_t);
  size_t text_bytes = (size_t)(size->name_bytes + size->place_bytes) + input_names +
                      text_size(head->network.name) + text_size(head->network.source);
  struct jc_model *model =
      calloc(1, sizeof *model + input_bytes + layer_bytes + edge_bytes + output_bytes + text_bytes);
  if (!model)
    return NULL;
  *model = *head;
  char *next = (char *)(model + 1);
  model->inputs = (void *)next;
  x->layer = (void *)(next += input_bytes);
  x->edge = (void *)(next += layer_bytes);
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

/* Bytes of the inputs' names. */
static size_t input_names_size(const struct jc_json_node *node) {
  size_t size = 0;
  if (jc_json_type(node) == JC_JSON_ARRAY)
    return text_size("input");
  for (const struct jc_json_node *n = jc_json_first(node); n; n = jc_json_next(n))
    size += text_size(jc_json_key(n));
  return size;
}

static enum jc_status fill(struct jc_expansion *x, const struct jc_json_node *root,
                           struct jc_model *model, uint32_t *outputs) {
  struct jc_network *network = &model->network;
  if (read_inputs(jc_json_member(root, "input"), model->inputs, x->error) != JC_OK)
    return x->error->status;
  for (uint32_t i = 0; i < network->input_count; i++)
    model->inputs[i].name = jc_expansion_keep(x, model->inputs[i].name);
  network->name = jc_expansion_keep(x, network->name);
  if (network->source)
    network->source = jc_expansion_keep(x, network->source);
  if (jc_expansion_fill(x) != JC_OK)
    return x->error->status;
  return read_outputs(x, jc_json_member(root, "outputs"), network, outputs);
}

enum jc_status jc_model_from_json(const struct jc_json_node *node, struct jc_model **model,
                                  struct jc_error *error) {
  struct jc_model head = {0}, *made = NULL;
  struct jc_expansion x = {.error = error};
  uint32_t *output = NULL, outputs = 0;
  const struct jc_json_node *input = NULL;
  *model = NULL;
  if (read_head(node, &head, error) == JC_OK) {
    input = jc_json_need(node, "input", error);
    head.network.input_count = count_inputs(input, error);
    outputs = count_outputs(jc_json_member(node, "outputs"), error);
  }
  if (!jc_error_is_set(error) && jc_expansion_begin(&x, node, error) == JC_OK) {
    made = allocate(&x, &head, input_names_size(input), outputs, &output);
    if (!made)
      jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    else
      fill(&x, node, made, output);
  }
  jc_expansion_end(&x);
  if (jc_error_is_set(error)) {
    jc_error_name_file(error, head.file);
    jc_model_free(made);
    return error->status;
  }
  *model = made;
  return JC_OK;
}

enum jc_status jc_model_parse(const char *text, size_t length, const char *file,
                              struct jc_model **model, struct jc_error *error) {
  struct jc_json *document;
  *model = NULL;
  if (jc_json_parse(text, length, file, 1, &document, error) != JC_OK)
    return error->status;
  enum jc_status status = jc_model_from_json(jc_json_root(document), model, error);
  jc_json_free(document);
  return status;
}

enum jc_status jc_model_read(const char *path, struct jc_model **model, struct jc_error *error) {
  char *text;
  size_t length;
  *model = NULL;
  if (jc_file_read(path, &text, &length, error) != JC_OK)
    return error->status;
  enum jc_status status = jc_model_parse(text, length, jc_file_shown_name(path), model, error);
  free(text);
  return status;
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

enum jc_status jc_model_check_expect(const struct jc_model *model,
                                     const struct jc_analysis *analysis, struct jc_error *error) {
  const struct jc_model_expect *expect = &model->expect;
  const struct jc_totals *totals = &analysis->totals;
  if (expect->has_params && totals->params != expect->params)
    jc_fail(error, JC_ERROR_INVALID, model->params_line, "expect.params",
            "expected %llu parameters, the layers have %llu", (unsigned long long)expect->params,
            (unsigned long long)totals->params);
  if (expect->has_forward_macs && totals->forward_macs != expect->forward_macs)
    jc_fail(error, JC_ERROR_INVALID, model->forward_macs_line, "expect.forward_macs",
            "expected %llu MACs, the layers have %llu", (unsigned long long)expect->forward_macs,
            (unsigned long long)totals->forward_macs);
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

/* ---- writing ---- */

static const char *tensor_name(const struct jc_network *network, uint32_t tensor) {
  return tensor < network->input_count ? network->inputs[tensor].name
                                       : network->layers[tensor - network->input_count].name;
}

static void write_shape(struct jc_json_writer *writer, const char *key,
                        const struct jc_shape *shape) {
  jc_put_inline_array(writer, key);
  for (uint32_t i = 0; i < shape->rank; i++)
    jc_put_uint(writer, NULL, shape->dim[i]);
  jc_put_end(writer);
}

static void put_count(struct jc_json_writer *writer, const char *key, uint64_t count) {
  if (count)
    jc_put_uint(writer, key, count);
}

static void write_training(struct jc_json_writer *writer,
                           const struct jc_training_defaults *training) {
  jc_put_inline_object(writer, "training");
  if (training->dataset[0])
    jc_put_string(writer, "dataset", training->dataset);
  put_count(writer, "samples", training->samples);
  put_count(writer, "val_samples", training->val_samples);
  put_count(writer, "epochs", training->epochs);
  put_count(writer, "batch_size", training->batch_size);
  jc_put_end(writer);
}

static void write_expect(struct jc_json_writer *writer, const struct jc_model_expect *expect) {
  jc_put_inline_object(writer, "expect");
  if (expect->has_params)
    jc_put_uint(writer, "params", expect->params);
  if (expect->has_forward_macs)
    jc_put_uint(writer, "forward_macs", expect->forward_macs);
  jc_put_end(writer);
}

static void write_head(struct jc_json_writer *writer, const struct jc_model *model) {
  static const struct jc_training_defaults none = {0};
  jc_put_string(writer, "schema", JC_MODEL_SCHEMA);
  jc_put_string(writer, "name", model->network.name);
  if (model->network.source)
    jc_put_string(writer, "source", model->network.source);
  if (memcmp(&model->network.training, &none, sizeof none) != 0)
    write_training(writer, &model->network.training);
  if (model->expect.has_params || model->expect.has_forward_macs)
    write_expect(writer, &model->expect);
}

static void write_inputs(struct jc_json_writer *writer, const struct jc_network *network) {
  const struct jc_input *input = network->inputs;
  if (network->input_count == 1 && input->dtype == JC_DTYPE_FLOAT32 &&
      strcmp(input->name, "input") == 0) {
    write_shape(writer, "input", &input->shape);
    return;
  }
  jc_put_object(writer, "input");
  for (; input < network->inputs + network->input_count; input++) {
    jc_put_inline_object(writer, input->name);
    write_shape(writer, "shape", &input->shape);
    jc_put_string(writer, "dtype", input->dtype == JC_DTYPE_INT32 ? "int32" : "float32");
    jc_put_end(writer);
  }
  jc_put_end(writer);
}

/* `inputs` is left out where reading puts the same one. */
static void write_layer(struct jc_json_writer *writer, const struct jc_network *network,
                        uint32_t index) {
  const struct jc_layer *layer = &network->layers[index];
  const struct jc_kind *kind = jc_kind_get(layer->kind);
  const uint32_t *inputs = network->inputs_of_layers + layer->first_input;
  bool has_default = index > 0 || network->input_count == 1;
  jc_put_inline_object(writer, NULL);
  jc_put_string(writer, "name", layer->name);
  jc_put_string(writer, "type", kind->name);
  if (!has_default || layer->input_count != 1 || inputs[0] != network->input_count + index - 1) {
    jc_put_inline_array(writer, "inputs");
    for (uint32_t i = 0; i < layer->input_count; i++)
      jc_put_string(writer, NULL, tensor_name(network, inputs[i]));
    jc_put_end(writer);
  }
  jc_fields_write(writer, kind, &layer->fields);
  if (layer->weight_from != JC_NONE)
    jc_put_string(writer, "weight_from", network->layers[layer->weight_from].name);
  if (!layer->trainable)
    jc_put_bool(writer, "trainable", false);
  if (layer->training_only)
    jc_put_string(writer, "when", "training");
  jc_put_end(writer);
}

enum jc_status jc_model_expanded_json(const struct jc_model *model, char **text,
                                      struct jc_error *error) {
  const struct jc_network *network = &model->network;
  struct jc_json_writer writer;
  jc_put_start(&writer, JC_JSON_PRETTY);
  jc_put_object(&writer, NULL);
  write_head(&writer, model);
  write_inputs(&writer, network);
  jc_put_array(&writer, "layers");
  for (uint32_t i = 0; i < network->layer_count; i++)
    write_layer(&writer, network, i);
  jc_put_end(&writer);
  jc_put_inline_array(&writer, "outputs");
  for (uint32_t i = 0; i < network->output_count; i++)
    jc_put_string(&writer, NULL, tensor_name(network, network->outputs[i]));
  jc_put_end(&writer);
  jc_put_end(&writer);
  return jc_put_finish(&writer, text, NULL, error);
}
