/* model_write.c -- a model as JSON without repeats, blocks, parameters: one layer a line. */
#include <string.h>

#include "estimator/model_parts.h"

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
  if (kind->max_inputs > 0 &&
      (!has_default || layer->input_count != 1 || inputs[0] != network->input_count + index - 1)) {
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
