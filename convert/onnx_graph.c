/* onnx_graph.c -- ModelProto and GraphProto on the wire: counted first, then read into arrays. */
#include "convert/onnx_graph.h"

#include <string.h>

/* Fields of ModelProto and GraphProto. */
enum { MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum {
  GRAPH_NODE = 1,
  GRAPH_NAME = 2,
  GRAPH_INITIALIZER = 5,
  GRAPH_INPUT = 11,
  GRAPH_OUTPUT = 12,
  GRAPH_VALUE_INFO = 13,
  GRAPH_SPARSE_INITIALIZER = 15
};

static enum jc_status read_text(const struct jc_wire_field *field, const char *what,
                                struct jc_arena *arena, const char **text, struct jc_error *error) {
  if (jc_wire_text(field, what, error) == JC_OK)
    *text = jc_arena_copy(arena, (const char *)field->bytes.at, field->bytes.size, error);
  return error->status;
}

/* ---- the graph ---- */

static enum jc_status count_items(struct jc_bytes bytes, uint32_t counts[16],
                                  struct jc_error *error) {
  struct jc_wire wire = jc_wire_open(bytes);
  struct jc_wire_field field;
  while (jc_wire_next(&wire, &field, error)) {
    if (field.number >= 16)
      continue;
    if (jc_wire_want(&field, JC_WIRE_BYTES, "a part of the graph", error) != JC_OK)
      break;
    counts[field.number]++;
  }
  if (!jc_error_is_set(error) && counts[GRAPH_SPARSE_INITIALIZER])
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "sparse initializers are not supported");
  return error->status;
}

static enum jc_status read_item(const struct jc_wire_field *field, struct jc_arena *arena,
                                struct jc_onnx_graph *graph, struct jc_error *error) {
  switch (field->number) {
  case GRAPH_NODE:
    return jc_onnx_unpack_node(field->bytes, arena, &graph->nodes[graph->node_count++], error);
  case GRAPH_NAME:
    return read_text(field, "the graph's name", arena, &graph->name, error);
  case GRAPH_INITIALIZER:
    return jc_onnx_read_tensor(field->bytes, arena,
                               &graph->initializers[graph->initializer_count++], error);
  case GRAPH_INPUT:
    return jc_onnx_unpack_value_info(field->bytes, arena, &graph->inputs[graph->input_count++],
                                     error);
  case GRAPH_OUTPUT:
    return jc_onnx_unpack_value_info(field->bytes, arena, &graph->outputs[graph->output_count++],
                                     error);
  case GRAPH_VALUE_INFO:
    return jc_onnx_unpack_value_info(field->bytes, arena,
                                     &graph->value_infos[graph->value_info_count++], error);
  default:
    return error->status;
  }
}

static enum jc_status read_graph(struct jc_bytes bytes, struct jc_arena *arena,
                                 struct jc_onnx_graph *graph, struct jc_error *error) {
  uint32_t counts[16] = {0};
  if (count_items(bytes, counts, error) != JC_OK)
    return error->status;
#define TAKE(array, field)                                                                         \
  graph->array = jc_arena_take(arena, counts[field], sizeof *graph->array, error)
  TAKE(nodes, GRAPH_NODE);
  TAKE(initializers, GRAPH_INITIALIZER);
  TAKE(inputs, GRAPH_INPUT);
  TAKE(outputs, GRAPH_OUTPUT);
  TAKE(value_infos, GRAPH_VALUE_INFO);
#undef TAKE
  struct jc_wire wire = jc_wire_open(bytes);
  struct jc_wire_field field;
  while (jc_wire_next(&wire, &field, error))
    if (read_item(&field, arena, graph, error) != JC_OK)
      break;
  return error->status;
}

/* ---- the model ---- */

static enum jc_status read_opset(struct jc_bytes bytes, struct jc_arena *arena,
                                 struct jc_onnx_graph *graph, struct jc_error *error) {
  const char *domain;
  int64_t version;
  if (jc_onnx_unpack_opset(bytes, arena, &domain, &version, error) == JC_OK &&
      (!*domain || strcmp(domain, "ai.onnx") == 0))
    graph->opset = version;
  return error->status;
}

static enum jc_status read_model(struct jc_bytes bytes, struct jc_arena *arena,
                                 struct jc_onnx_graph *graph, struct jc_bytes *graph_bytes,
                                 struct jc_error *error) {
  struct jc_wire wire = jc_wire_open(bytes);
  struct jc_wire_field field;
  while (jc_wire_next(&wire, &field, error)) {
    switch (field.number) {
    case MODEL_PRODUCER:
      (void)read_text(&field, "the producer", arena, &graph->producer, error);
      break;
    case MODEL_PRODUCER_VERSION:
      (void)read_text(&field, "the producer's version", arena, &graph->producer_version, error);
      break;
    case MODEL_OPSET:
      if (jc_wire_want(&field, JC_WIRE_BYTES, "an opset import", error) == JC_OK)
        (void)read_opset(field.bytes, arena, graph, error);
      break;
    case MODEL_GRAPH:
      if (jc_wire_want(&field, JC_WIRE_BYTES, "the graph", error) != JC_OK)
        break;
      if (graph_bytes->at)
        return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "byte %llu: the model has two graphs",
                       (unsigned long long)field.whole.offset);
      *graph_bytes = field.bytes;
      break;
    default:
      break;
    }
  }
  return error->status;
}

enum jc_status jc_onnx_read(struct jc_bytes bytes, struct jc_arena *arena,
                            struct jc_onnx_graph *graph, struct jc_error *error) {
  *graph = (struct jc_onnx_graph){.producer = "", .producer_version = "", .name = ""};
  struct jc_bytes graph_bytes = {0};
  if (read_model(bytes, arena, graph, &graph_bytes, error) != JC_OK)
    return error->status;
  if (!graph_bytes.at)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "expected an ONNX model, found no graph in %zu bytes", bytes.size);
  if (graph->opset < JC_ONNX_MIN_OPSET || graph->opset > JC_ONNX_MAX_OPSET)
    return jc_fail(error, JC_ERROR_MISMATCH, 0, NULL,
                   "expected opset %d to %d of ONNX's operators, got %lld; export again with one "
                   "of these",
                   JC_ONNX_MIN_OPSET, JC_ONNX_MAX_OPSET, (long long)graph->opset);
  return read_graph(graph_bytes, arena, graph, error);
}

/* ---- attributes ---- */

const struct jc_onnx_attribute *jc_onnx_attribute(const struct jc_onnx_node *node,
                                                  const char *name) {
  for (uint32_t i = 0; i < node->attribute_count; i++)
    if (strcmp(node->attributes[i].name, name) == 0)
      return &node->attributes[i];
  return NULL;
}

int64_t jc_onnx_int(const struct jc_onnx_node *node, const char *name, int64_t otherwise) {
  const struct jc_onnx_attribute *attribute = jc_onnx_attribute(node, name);
  return attribute ? attribute->i : otherwise;
}

double jc_onnx_real(const struct jc_onnx_node *node, const char *name, double otherwise) {
  const struct jc_onnx_attribute *attribute = jc_onnx_attribute(node, name);
  return attribute ? attribute->f : otherwise;
}

const char *jc_onnx_text(const struct jc_onnx_node *node, const char *name, const char *otherwise) {
  const struct jc_onnx_attribute *attribute = jc_onnx_attribute(node, name);
  return attribute ? attribute->s : otherwise;
}
