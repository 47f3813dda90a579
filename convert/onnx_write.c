/* onnx_write.c -- the layers as model.json. */
#include <string.h>

#include "convert/onnx_lower.h"
#include "estimator/json.h"
#include "estimator/model_file.h"

static void put_field(struct jc_json_writer *w, const struct jc_out_field *field) {
  switch (field->type) {
  case JC_OUT_INT:
    jc_put_int(w, field->key, field->number);
    break;
  case JC_OUT_REAL:
    jc_put_real(w, field->key, field->real);
    break;
  case JC_OUT_BOOL:
    jc_put_bool(w, field->key, field->number != 0);
    break;
  case JC_OUT_TEXT:
    jc_put_string(w, field->key, field->text);
    break;
  case JC_OUT_LIST:
    jc_put_inline_array(w, field->key);
    for (uint32_t i = 0; i < field->count; i++)
      jc_put_int(w, NULL, field->list[i]);
    jc_put_end(w);
    break;
  }
}

static const char *tensor_name(const struct jc_lowering *l, uint32_t tensor) {
  const struct jc_out_layer *layer = jc_layers_of(&l->network, tensor);
  return layer ? layer->name : l->network.inputs[tensor]->name;
}

static void put_shape(struct jc_json_writer *w, const char *key, const struct jc_value *value) {
  struct jc_canonical shape = jc_value_canonical(value);
  jc_put_inline_array(w, key);
  for (uint32_t i = 0; i < shape.rank; i++)
    jc_put_int(w, NULL, shape.dims[i]);
  jc_put_end(w);
}

static void put_inputs(const struct jc_lowering *l, struct jc_json_writer *w) {
  const struct jc_out_network *n = &l->network;
  const struct jc_value *first = n->inputs[0];
  if (n->input_count == 1 && strcmp(first->name, "input") == 0 &&
      jc_onnx_tensor_is_float(first->type)) {
    put_shape(w, "input", first);
    return;
  }
  jc_put_object(w, "input");
  for (uint32_t i = 0; i < n->input_count; i++) {
    const struct jc_value *value = n->inputs[i];
    jc_put_inline_object(w, value->name);
    put_shape(w, "shape", value);
    jc_put_string(w, "dtype", jc_onnx_tensor_is_float(value->type) ? "float32" : "int32");
    jc_put_end(w);
  }
  jc_put_end(w);
}

static void put_layer(const struct jc_lowering *l, struct jc_json_writer *w,
                      const struct jc_out_layer *layer, uint32_t before) {
  const struct jc_out_network *n = &l->network;
  jc_put_inline_object(w, NULL);
  jc_put_string(w, "name", layer->name);
  jc_put_string(w, "type", layer->type);
  if (layer->input_count > 0 && !(layer->input_count == 1 && layer->inputs[0] == before)) {
    jc_put_inline_array(w, "inputs");
    for (uint32_t i = 0; i < layer->input_count; i++)
      jc_put_string(w, NULL, tensor_name(l, layer->inputs[i]));
    jc_put_end(w);
  }
  if (layer->weight_from != JC_NO_INDEX)
    jc_put_string(w, "weight_from", n->layers[layer->weight_from]->name);
  if (!layer->in_forward)
    jc_put_string(w, "when", "training");
  for (uint32_t i = 0; i < layer->field_count; i++)
    put_field(w, &layer->fields[i]);
  jc_put_end(w);
}

static uint32_t put_layers(const struct jc_lowering *l, struct jc_json_writer *w) {
  const struct jc_out_network *n = &l->network;
  uint32_t before = n->input_count == 1 ? 0 : JC_NO_INDEX;
  jc_put_array(w, "layers");
  for (uint32_t i = 0; i < n->layer_count; i++) {
    if (!n->layers[i]->wanted)
      continue;
    put_layer(l, w, n->layers[i], before);
    before = n->input_count + i;
  }
  jc_put_end(w);
  return before;
}

enum jc_status jc_write_model(const struct jc_lowering *l, const char *file, const char *name,
                              uint64_t params, char **text, struct jc_error *error) {
  const struct jc_onnx_graph *g = l->graph;
  const struct jc_out_network *n = &l->network;
  struct jc_json_writer w;
  char source[512];
  const char *base = strrchr(file, '/');
  (void)snprintf(source, sizeof source, "converted from %.200s (producer %.80s%s%.40s, opset %lld)",
                 base ? base + 1 : file, *g->producer ? g->producer : "unknown",
                 *g->producer_version ? " " : "", g->producer_version, (long long)g->opset);
  jc_put_start(&w, JC_JSON_PRETTY);
  jc_put_object(&w, NULL);
  jc_put_string(&w, "schema", JC_MODEL_SCHEMA);
  jc_put_string(&w, "name", name);
  jc_put_string(&w, "source", source);
  jc_put_inline_object(&w, "expect");
  jc_put_uint(&w, "params", params);
  jc_put_end(&w);
  put_inputs(l, &w);
  uint32_t last = put_layers(l, &w);
  if (n->output_count != 1 || n->outputs[0] != last) {
    jc_put_inline_array(&w, "outputs");
    for (uint32_t i = 0; i < n->output_count; i++)
      jc_put_string(&w, NULL, tensor_name(l, n->outputs[i]));
    jc_put_end(&w);
  }
  jc_put_end(&w);
  return jc_put_finish(&w, text, NULL, error);
}
