/* onnx_parameters.c -- which tensors of the file are learnt, counted from the file alone. */
#include <string.h>

#include "convert/onnx_lower.h"

enum {
  MOST_REALS = 16, /* scales, bounds and the like; longer ones are not kept */
  MOST_FILLING = 1 << 14,
  MOST_STEPS = 8 /* from a Constant node to the product that reads it */
};

/* Tensors of reals that torch registers as buffers; on the wire they look like parameters. */
static const char *const known_buffers[] = {"*relative_coords_table", "*.inv_freq", "*masked_bias",
                                            "*.attn_mask", "*position_ids"};

static bool is_buffer(struct jc_lowering *l, const char *name) {
  for (size_t i = 0; i < l->options->buffers.count; i++)
    if (jc_name_matches(l->options->buffers.value[i], name))
      return true;
  for (size_t i = 0; i < sizeof known_buffers / sizeof *known_buffers; i++)
    if (jc_name_matches(known_buffers[i], name)) {
      jc_lower_note(l, "'%s' is taken for a constant table, not for a parameter", name);
      return true;
    }
  return false;
}

/* The numbers of a small tensor; NULL if they are many or cannot be known. */
static const struct jc_number *read_data(struct jc_lowering *l,
                                         const struct jc_onnx_tensor *tensor) {
  bool real = jc_onnx_tensor_is_float(tensor->type);
  if (tensor->elements > (real ? MOST_REALS : JC_ONNX_MAX_DATA))
    return NULL;
  size_t count = (size_t)tensor->elements;
  struct jc_number *data = jc_arena_take(l->arena, count, sizeof *data, l->error);
  int64_t *ints = jc_arena_take(l->arena, real ? 0 : count, sizeof *ints, l->error);
  double reals[MOST_REALS];
  if (!data || !ints ||
      !(real ? jc_onnx_tensor_reals(tensor, reals) : jc_onnx_tensor_ints(tensor, ints)))
    return NULL;
  for (size_t i = 0; i < count; i++)
    data[i] = real ? (struct jc_number){.real = reals[i], .known = true}
                   : (struct jc_number){.n = ints[i], .known = true};
  return data;
}

static enum jc_status define(struct jc_lowering *l, const struct jc_onnx_tensor *tensor,
                             struct jc_value *value, bool weight) {
  value->type = tensor->type;
  value->rank = tensor->rank;
  for (uint32_t i = 0; i < tensor->rank; i++)
    value->dims[i] = jc_dim_of(tensor->dims[i]);
  value->data = read_data(l, tensor);
  value->kind = JC_VALUE_CONSTANT;
  if (!weight)
    return l->error->status;
  value->kind = JC_VALUE_WEIGHT;
  value->weight = l->weight_count;
  l->weights[l->weight_count++] = (struct jc_weight){
      .tensor = tensor, .name = value->name, .layer = JC_NO_INDEX, .tensor_layer = JC_NO_INDEX};
  return l->error->status;
}

/* A tensor in a Constant node is a weight only where an exporter cannot have meant anything else.
 */
static bool is_product(const struct jc_onnx_node *node) {
  return strcmp(node->op_type, "Conv") == 0 || strcmp(node->op_type, "ConvTranspose") == 0 ||
         strcmp(node->op_type, "Gemm") == 0 || strcmp(node->op_type, "MatMul") == 0;
}

/* Whether a product reads what NODE stores, as it is or transposed. */
static bool feeds_product(struct jc_lowering *l, const struct jc_onnx_node *node) {
  static const char *const passing[] = {"Transpose", "Identity", "Cast"};
  bool passes = true;
  for (int steps = 0; passes && steps < MOST_STEPS && node->output_count; steps++) {
    const struct jc_value *value = jc_names_find(l, node->outputs[0], false);
    node = value ? value->reader : NULL;
    if (!node || is_product(node))
      return node != NULL;
    passes = false;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
      passes |= strcmp(node->op_type, passing[i]) == 0;
  }
  return false;
}

/* Whether all numbers are 0, or all 1: what exporters put where a norm has no weights. */
static bool is_filling(struct jc_lowering *l, const struct jc_onnx_tensor *tensor) {
  if (tensor->elements > MOST_FILLING || tensor->elements == 0)
    return false;
  double *reals = jc_arena_take(l->arena, (size_t)tensor->elements, sizeof *reals, l->error);
  if (!reals || !jc_onnx_tensor_reals(tensor, reals))
    return false;
  bool zeros = true, ones = true;
  for (size_t i = 0; i < (size_t)tensor->elements; i++) {
    zeros &= reals[i] <= 0 && reals[i] >= 0;
    ones &= reals[i] <= 1 && reals[i] >= 1;
  }
  return zeros || ones;
}

/* Constants that might have been weights, for a note. */
struct doubtful {
  uint32_t count;
  uint64_t numbers;
  const char *name;
};

static void doubt(struct doubtful *d, const char *name, uint64_t numbers) {
  d->name = d->count ? d->name : name;
  d->count++;
  d->numbers += numbers;
}

static bool is_argument(const struct jc_onnx_node *reader, const char *name) {
  const struct jc_operator *operator= jc_operator_find(reader->op_type);
  for (uint32_t k = 0; k < reader->input_count; k++)
    if (strcmp(reader->inputs[k], name) == 0)
      return k < 32 && (operator->arguments>> k & 1);
  return false;
}

static const struct jc_onnx_tensor *constant_weight(const struct jc_onnx_node *node) {
  const struct jc_onnx_attribute *attribute = jc_onnx_attribute(node, "value");
  const struct jc_onnx_tensor *tensor = attribute ? attribute->tensor : NULL;
  if (strcmp(node->op_type, "Constant") != 0 || !tensor || tensor->rank == 0 ||
      !jc_onnx_tensor_is_float(tensor->type))
    return NULL;
  return tensor;
}

/* torch leaves scalars that are not learnt in Constant nodes, and calls what it made itself
 * `onnx::Mul_12`, `/block/Constant_output_0` or `12`; other exporters store all scalars alike. */
static bool is_learnt_scalar(const struct jc_lowering *l, const char *name) {
  bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || *name == '_';
  return letter && strncmp(l->graph->producer, "pytorch", 7) == 0 && !strstr(name, "::") &&
         !strchr(name, '/');
}

static enum jc_status define_initializers(struct jc_lowering *l) {
  struct doubtful scalars = {0};
  const char *unread = NULL;
  uint32_t unread_count = 0;
  for (uint32_t i = 0; i < l->graph->initializer_count; i++) {
    const struct jc_onnx_tensor *tensor = &l->graph->initializers[i];
    struct jc_value *value = jc_names_find(l, tensor->name, true);
    if (!value)
      return l->error->status;
    if (value->rank != UINT32_MAX)
      return jc_fail(l->error, JC_ERROR_INVALID, 0, NULL, "the file has two tensors '%.200s'",
                     tensor->name);
    bool real = jc_onnx_tensor_is_float(tensor->type) &&
                (tensor->rank > 0 || (value->wanted && is_learnt_scalar(l, tensor->name)));
    if (!real && value->wanted && value->reader && tensor->rank == 0 &&
        jc_onnx_tensor_is_float(tensor->type) && !is_argument(value->reader, tensor->name))
      doubt(&scalars, tensor->name, 1);
    bool weight = real && value->wanted && !is_buffer(l, tensor->name);
    if (real && !value->wanted) {
      unread = unread ? unread : tensor->name;
      unread_count++;
    }
    if (define(l, tensor, value, weight) != JC_OK)
      return l->error->status;
  }
  if (unread)
    jc_lower_note(l, "%u tensor%s of the file (as '%s') not counted: no output depends on %s",
                  unread_count, unread_count == 1 ? "" : "s", unread,
                  unread_count == 1 ? "it" : "them");
  if (scalars.count)
    jc_lower_note(l, "%u scalar%s of the file (as '%.200s') taken for constants, not parameters",
                  scalars.count, scalars.count == 1 ? "" : "s", scalars.name);
  return JC_OK;
}

/* Marks what NODE reads as a parameter; Identity and Cast pass the tensor on. */
static enum jc_status mark_reads(struct jc_lowering *l, const struct jc_onnx_node *node) {
  bool passes = strcmp(node->op_type, "Identity") == 0 || strcmp(node->op_type, "Cast") == 0;
  const struct jc_operator *operator= jc_operator_find(node->op_type);
  for (uint32_t k = 0; k < node->input_count; k++) {
    const struct jc_value *value = jc_names_find(l, node->inputs[k], false);
    if (!value || value->weight == JC_NO_INDEX)
      continue;
    if (passes && node->output_count) {
      struct jc_value *out = jc_names_find(l, node->outputs[0], true);
      if (out)
        out->weight = value->weight;
    } else if (l->weights[value->weight].tensor->rank == 0 && strcmp(node->op_type, "Where") == 0) {
      continue; /* what masks are filled with */
    } else if (k >= 32 || !(operator->arguments>> k & 1)) {
      l->weights[value->weight].learnt = true;
    }
  }
  return l->error->status;
}

/* The tensor of a Constant node is a weight, or a constant that is noted where it is in doubt. */
static enum jc_status take_constant(struct jc_lowering *l, const struct jc_onnx_node *node,
                                    const struct jc_onnx_tensor *tensor,
                                    struct doubtful *constants) {
  struct jc_value *value = jc_names_find(l, node->outputs[0], true);
  if (!value || value->rank != UINT32_MAX || !value->reader)
    return l->error->status;
  if (feeds_product(l, node))
    return define(l, tensor, value, true);
  if (tensor->elements > 1 && !is_argument(value->reader, node->outputs[0]) &&
      strcmp(value->reader->op_type, "InstanceNormalization") != 0 && !is_filling(l, tensor))
    doubt(constants, node->outputs[0], tensor->elements);
  return l->error->status;
}

enum jc_status jc_find_weights(struct jc_lowering *l, const bool *wanted) {
  const struct jc_onnx_graph *g = l->graph;
  struct doubtful constants = {0};
  size_t most = (size_t)g->initializer_count + g->node_count;
  l->weights = jc_arena_take(l->arena, most, sizeof *l->weights, l->error);
  if (!l->weights || define_initializers(l) != JC_OK)
    return l->error->status;
  for (uint32_t i = 0; i < g->node_count; i++) {
    const struct jc_onnx_node *node = &g->nodes[i];
    const struct jc_onnx_tensor *tensor = wanted[i] ? constant_weight(node) : NULL;
    if (tensor && node->output_count && take_constant(l, node, tensor, &constants) != JC_OK)
      return l->error->status;
    if (wanted[i] && mark_reads(l, node) != JC_OK)
      return l->error->status;
  }
  if (constants.count)
    jc_lower_note(l,
                  "%u tensor%s of reals in Constant nodes (%llu numbers, as '%.200s') taken for "
                  "constants, not parameters",
                  constants.count, constants.count == 1 ? "" : "s",
                  (unsigned long long)constants.numbers, constants.name);
  for (uint32_t i = 0; i < l->weight_count; i++) {
    struct jc_value *value = jc_names_find(l, l->weights[i].name, false);
    if (value && !l->weights[i].learnt)
      value->kind = JC_VALUE_CONSTANT;
  }
  return JC_OK;
}

uint64_t jc_count_parameters(const struct jc_lowering *l) {
  uint64_t params = 0;
  for (uint32_t i = 0; i < l->weight_count; i++) {
    const struct jc_weight *weight = &l->weights[i];
    if (weight->learnt && __builtin_add_overflow(params, weight->tensor->elements, &params))
      return UINT64_MAX;
  }
  return params;
}
