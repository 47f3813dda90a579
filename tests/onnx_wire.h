/* onnx_wire.h -- ONNX files written by hand, byte by byte, for tests.
 *
 *   struct wire model = {0}, graph = {0};
 *   put_text(&graph, 2, "g");
 *   put_message(&model, 7, &graph);         (and frees what was inside)
 */
#ifndef JC_TESTS_ONNX_WIRE_H
#define JC_TESTS_ONNX_WIRE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct wire {
  uint8_t *bytes;
  size_t size;
};

static inline void put_bytes(struct wire *w, const void *bytes, size_t size) {
  w->bytes = realloc(w->bytes, w->size + size + 1);
  if (size)
    memcpy(w->bytes + w->size, bytes, size);
  w->size += size;
}

static inline void put_varint(struct wire *w, uint64_t value) {
  do {
    uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    put_bytes(w, &byte, 1);
    value >>= 7;
  } while (value);
}

static inline void put_tag(struct wire *w, uint32_t number, uint32_t type) {
  put_varint(w, number << 3 | type);
}

static inline void put_number(struct wire *w, uint32_t number, int64_t value) {
  put_tag(w, number, 0);
  put_varint(w, (uint64_t)value);
}

static inline void put_block(struct wire *w, uint32_t number, const void *bytes, size_t size) {
  put_tag(w, number, 2);
  put_varint(w, size);
  put_bytes(w, bytes, size);
}

static inline void put_text(struct wire *w, uint32_t number, const char *text) {
  put_block(w, number, text, strlen(text));
}

/* INNER becomes field NUMBER of W, and is freed. */
static inline void put_message(struct wire *w, uint32_t number, struct wire *inner) {
  put_block(w, number, inner->bytes, inner->size);
  free(inner->bytes);
  *inner = (struct wire){0};
}

/* ---- parts of a graph ---- */

#define DIMS(...) ((const int64_t[]){__VA_ARGS__, -1000})

/* A TensorProto of float zeros; dims end in -1000. */
static inline void put_tensor(struct wire *graph, uint32_t number, const char *name,
                              const int64_t *dims) {
  struct wire t = {0};
  size_t elements = 1;
  for (; *dims != -1000; dims++) {
    put_number(&t, 1, *dims);
    elements *= (size_t)*dims;
  }
  put_number(&t, 2, 1);
  put_text(&t, 8, name);
  void *zeros = calloc(elements + 1, 4);
  put_block(&t, 9, zeros, elements * 4);
  free(zeros);
  put_message(graph, number, &t);
}

/* The same of 64-bit integers. */
static inline void put_int_tensor(struct wire *w, uint32_t number, const char *name,
                                  const int64_t *values, size_t count) {
  struct wire t = {0};
  put_number(&t, 1, (int64_t)count);
  put_number(&t, 2, 7);
  put_text(&t, 8, name);
  put_block(&t, 9, values, count * 8);
  put_message(w, number, &t);
}

/* A value info; PARAM (or NULL) names the first dimension. */
static inline void put_value(struct wire *graph, uint32_t number, const char *name,
                             const char *param, const int64_t *dims) {
  struct wire info = {0}, type = {0}, tensor = {0}, shape = {0}, dim = {0};
  if (param) {
    put_text(&dim, 2, param);
    put_message(&shape, 1, &dim);
  }
  for (; *dims != -1000; dims++) {
    put_number(&dim, 1, *dims);
    put_message(&shape, 1, &dim);
  }
  put_number(&tensor, 1, 1);
  put_message(&tensor, 2, &shape);
  put_message(&type, 1, &tensor);
  put_text(&info, 1, name);
  put_message(&info, 2, &type);
  put_message(graph, number, &info);
}

static inline void put_ints(struct wire *node, const char *name, const int64_t *values) {
  struct wire a = {0};
  put_text(&a, 1, name);
  for (; *values != -1000; values++)
    put_number(&a, 8, *values);
  put_number(&a, 20, 7);
  put_message(node, 5, &a);
}

static inline void put_int(struct wire *node, const char *name, int64_t value) {
  struct wire a = {0};
  put_text(&a, 1, name);
  put_number(&a, 3, value);
  put_number(&a, 20, 2);
  put_message(node, 5, &a);
}

/* A Constant node that makes NAME: floats VALUE, as many as DIMS say. */
static inline void put_constant(struct wire *graph, const char *name, const int64_t *dims,
                                float value) {
  struct wire node = {0}, attribute = {0}, t = {0};
  size_t elements = 1;
  for (; *dims != -1000; dims++) {
    put_number(&t, 1, *dims);
    elements *= (size_t)*dims;
  }
  put_number(&t, 2, 1);
  put_tag(&t, 9, 2);
  put_varint(&t, elements * sizeof value);
  for (size_t i = 0; i < elements; i++)
    put_bytes(&t, &value, sizeof value);
  put_text(&attribute, 1, "value");
  put_message(&attribute, 5, &t);
  put_number(&attribute, 20, 4);
  put_text(&node, 2, name);
  put_text(&node, 4, "Constant");
  put_message(&node, 5, &attribute);
  put_message(graph, 1, &node);
}

/* A node without attributes so far; IN and OUT are names between commas. */
static inline struct wire start_node(const char *op, const char *in, const char *out) {
  struct wire node = {0};
  const char *lists[2] = {in, out};
  for (uint32_t i = 0; i < 2; i++)
    for (const char *c = lists[i]; *c; c += *c == ',') {
      size_t length = strcspn(c, ",");
      put_block(&node, i + 1, c, length);
      c += length;
    }
  put_text(&node, 4, op);
  put_text(&node, 3, out);
  return node;
}

static inline void put_node(struct wire *graph, const char *op, const char *in, const char *out) {
  struct wire node = start_node(op, in, out);
  put_message(graph, 1, &node);
}

/* The file around GRAPH, which is freed. */
static inline struct wire finish_model_of(struct wire *graph, int64_t opset, const char *producer) {
  struct wire model = {0}, import = {0};
  put_number(&model, 1, 8);
  put_text(&model, 2, producer);
  put_number(&import, 2, opset);
  put_message(&model, 8, &import);
  put_message(&model, 7, graph);
  return model;
}

static inline struct wire finish_model(struct wire *graph, int64_t opset) {
  return finish_model_of(graph, opset, "by hand");
}

/* Conv 3 -> 4 (3x3, with bias), BatchNormalization, Relu, MaxPool, Flatten, Gemm -> 5, of images
 * 3x8x8: 112 + 8 + 325 parameters, 6912 + 320 MACs. */
static inline struct wire small_graph(void) {
  struct wire g = {0}, node;
  put_value(&g, 11, "x", "batch", DIMS(3, 8, 8));
  put_tensor(&g, 5, "conv.weight", DIMS(4, 3, 3, 3));
  put_tensor(&g, 5, "conv.bias", DIMS(4));
  put_tensor(&g, 5, "bn.weight", DIMS(4));
  put_tensor(&g, 5, "bn.bias", DIMS(4));
  put_tensor(&g, 5, "bn.mean", DIMS(4));
  put_tensor(&g, 5, "bn.var", DIMS(4));
  put_tensor(&g, 5, "fc.weight", DIMS(5, 64));
  put_tensor(&g, 5, "fc.bias", DIMS(5));
  node = start_node("Conv", "x,conv.weight,conv.bias", "c");
  put_ints(&node, "kernel_shape", DIMS(3, 3));
  put_ints(&node, "pads", DIMS(1, 1, 1, 1));
  put_message(&g, 1, &node);
  put_node(&g, "BatchNormalization", "c,bn.weight,bn.bias,bn.mean,bn.var", "b");
  put_node(&g, "Relu", "b", "r");
  node = start_node("MaxPool", "r", "p");
  put_ints(&node, "kernel_shape", DIMS(2, 2));
  put_ints(&node, "strides", DIMS(2, 2));
  put_message(&g, 1, &node);
  put_node(&g, "Flatten", "p", "f");
  node = start_node("Gemm", "f,fc.weight,fc.bias", "y");
  put_int(&node, "transB", 1);
  put_message(&g, 1, &node);
  put_value(&g, 13, "c", "batch", DIMS(4, 8, 8));
  put_value(&g, 12, "y", "batch", DIMS(5));
  return g;
}

enum { SMALL_PARAMS = 112 + 8 + 325, SMALL_MACS = 64 * 4 * 27 + 320 };

#endif
