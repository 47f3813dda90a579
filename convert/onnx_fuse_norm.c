/* onnx_fuse_norm.c -- normalisations that older opsets spell out: layernorm, rmsnorm, groupnorm,
 * normalize. */
#include <string.h>

#include "convert/onnx_lower.h"

static struct jc_canonical shape_of(const struct jc_lowering *l, uint32_t tensor) {
  const struct jc_out_layer *layer = jc_layers_of(&l->network, tensor);
  return layer ? layer->shape : jc_value_canonical(l->network.inputs[tensor]);
}

/* How many of the last dimensions a mean that keeps its dimensions goes over; 0: not the last. */
static uint32_t last_dims(const struct jc_lowering *l, struct jc_out_layer *mean) {
  if (!jc_fuse_is(mean, "mean"))
    return 0;
  const struct jc_out_field *dim = jc_layer_field(mean, "dim");
  const struct jc_out_field *keep = jc_layer_field(mean, "keepdim");
  uint32_t rank = shape_of(l, mean->inputs[0]).rank;
  if (!dim || !keep || !keep->number)
    return 0;
  uint32_t count = dim->type == JC_OUT_LIST ? dim->count : 1;
  for (uint32_t i = 0; i < count; i++) {
    int64_t at = dim->type == JC_OUT_LIST ? dim->list[i] : dim->number;
    if (at != (int64_t)rank - count + 1 + i)
      return 0;
  }
  return count;
}

/* The mean of squares of TENSOR plus eps, under a root: ROOT is its layer. */
static bool is_root_mean_square(const struct jc_lowering *l, const struct jc_out_layer *root,
                                uint32_t tensor, uint32_t *count, double *eps) {
  const struct jc_out_layer *sum = jc_fuse_part(l, root, 0, "scale");
  struct jc_out_layer *mean = jc_fuse_part(l, sum, 0, "mean");
  const struct jc_out_layer *square = jc_fuse_part(l, mean, 0, NULL);
  if (!jc_fuse_is(root, "sqrt") || !square || square->inputs[0] != tensor)
    return false;
  if (!jc_fuse_is(square, "square") &&
      !(jc_fuse_is(square, "mul") && square->input_count == 2 && square->inputs[1] == tensor))
    return false;
  *count = last_dims(l, mean);
  *eps = sum->scalar;
  return *count > 0;
}

/* LAYER's operand beside TENSOR, if it is a learnt tensor that nothing else reads. A view between
 * the two is looked through. */
static struct jc_out_layer *learnt_beside(const struct jc_lowering *l,
                                          const struct jc_out_layer *layer, uint32_t tensor) {
  for (uint32_t i = 0; layer->input_count == 2 && i < 2; i++) {
    struct jc_out_layer *other = jc_fuse_part(l, layer, i, NULL);
    if (layer->inputs[1 - i] != tensor || !other)
      continue;
    if (jc_fuse_is(other, "reshape"))
      other = jc_fuse_part(l, other, 0, NULL);
    if (other && jc_fuse_is(other, "parameter"))
      return other;
  }
  return NULL;
}

/* The only reader of layer INDEX, if it is of TYPE; *next is its index. */
static struct jc_out_layer *only_reader(const struct jc_lowering *l, uint32_t index,
                                        const char *type, uint32_t *next) {
  const struct jc_out_layer *layer = l->network.layers[index];
  if (layer->readers != 1 || layer->reader == JC_NO_INDEX)
    return NULL;
  *next = layer->reader;
  struct jc_out_layer *reader = l->network.layers[layer->reader];
  return jc_fuse_is(reader, type) ? reader : NULL;
}

/* The multiplication by a learnt tensor and the addition of one that follow layer INDEX, if they
 * do; ELEMENTS is the size that they must have. Moves INDEX to the last layer. */
struct affine {
  const struct jc_out_layer *weight, *bias;
};

static struct affine find_affine(const struct jc_lowering *l, uint32_t *index, int64_t elements) {
  struct affine found = {0};
  uint32_t next;
  const struct jc_out_layer *mul = only_reader(l, *index, "mul", &next);
  found.weight = mul ? learnt_beside(l, mul, l->network.input_count + *index) : NULL;
  if (!found.weight || jc_canonical_elements(&found.weight->shape) != elements) {
    found.weight = NULL;
    return found;
  }
  *index = next;
  const struct jc_out_layer *add = only_reader(l, *index, "add", &next);
  found.bias = add ? learnt_beside(l, add, l->network.input_count + *index) : NULL;
  if (found.bias && jc_canonical_elements(&found.bias->shape) == elements)
    *index = next;
  else
    found.bias = NULL;
  return found;
}

static struct jc_out_layer *become_norm(struct jc_lowering *l, uint32_t index, const char *type,
                                        uint32_t x, const struct affine *affine) {
  struct jc_out_layer *layer = l->network.layers[index];
  jc_fuse_into(layer, type, x);
  l->norm_count++;
  if (affine->weight) {
    layer->weight = affine->weight->weight;
    jc_name_after_weight(l, layer, layer->weight);
  }
  if (affine->bias)
    layer->bias = affine->bias->weight;
  return layer;
}

static int64_t last_elements(const struct jc_canonical *shape, uint32_t count) {
  int64_t elements = 1;
  for (uint32_t i = shape->rank - count; i < shape->rank; i++)
    elements *= shape->dims[i];
  return elements;
}

/* TENSOR is x - mean(x): x, or JC_NO_INDEX. */
static uint32_t centred(const struct jc_lowering *l, uint32_t tensor, uint32_t *count) {
  struct jc_out_layer *sub = jc_layers_of(&l->network, tensor);
  if (!jc_fuse_is(sub, "sub") || sub->input_count != 2)
    return JC_NO_INDEX;
  struct jc_out_layer *mean = jc_fuse_part(l, sub, 1, "mean");
  if (!mean || mean->inputs[0] != sub->inputs[0])
    return JC_NO_INDEX;
  *count = last_dims(l, mean);
  return *count ? sub->inputs[0] : JC_NO_INDEX;
}

/* (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight + bias. */
void jc_fuse_layer_norm(struct jc_lowering *l, uint32_t i) {
  struct jc_out_layer *div = l->network.layers[i];
  uint32_t count, again;
  double eps;
  if (!jc_fuse_is(div, "div") || div->input_count != 2)
    return;
  uint32_t x = centred(l, div->inputs[0], &count);
  const struct jc_out_layer *sub = jc_layers_of(&l->network, div->inputs[0]);
  if (x == JC_NO_INDEX || sub->readers > 3 ||
      !is_root_mean_square(l, jc_fuse_part(l, div, 1, "sqrt"), div->inputs[0], &again, &eps) ||
      count != again)
    return;
  struct jc_canonical shape = shape_of(l, x);
  struct affine affine = find_affine(l, &i, last_elements(&shape, count));
  struct jc_out_layer *norm = become_norm(l, i, "layernorm", x, &affine);
  jc_layer_int(norm, "normalized_dims", count);
  jc_layer_real(norm, "eps", eps);
  if (!affine.weight)
    jc_layer_bool(norm, "elementwise_affine", false);
  else if (!affine.bias)
    jc_layer_bool(norm, "bias", false);
}

/* x / sqrt(mean(x^2) + eps), or x times its reciprocal; times weight. */
void jc_fuse_rms_norm(struct jc_lowering *l, uint32_t i) {
  struct jc_out_layer *layer = l->network.layers[i];
  uint32_t count = 0, x = JC_NO_INDEX;
  double eps = 0;
  bool divides = jc_fuse_is(layer, "div");
  if ((!divides && !jc_fuse_is(layer, "mul")) || layer->input_count != 2)
    return;
  for (uint32_t k = divides ? 1 : 0; k < 2; k++) {
    const struct jc_out_layer *root = jc_fuse_part(l, layer, k, NULL);
    if (!divides)
      root = jc_fuse_is(root, "reciprocal") ? jc_fuse_part(l, root, 0, NULL) : NULL;
    if (root && is_root_mean_square(l, root, layer->inputs[1 - k], &count, &eps))
      x = layer->inputs[1 - k];
  }
  if (x == JC_NO_INDEX)
    return;
  struct jc_canonical shape = shape_of(l, x);
  uint32_t next, end = i;
  const struct jc_out_layer *mul = only_reader(l, i, "mul", &next);
  struct affine affine = {0};
  affine.weight = mul ? learnt_beside(l, mul, l->network.input_count + i) : NULL;
  if (affine.weight && jc_canonical_elements(&affine.weight->shape) == last_elements(&shape, count))
    end = next;
  else
    affine.weight = NULL;
  struct jc_out_layer *norm = become_norm(l, end, "rmsnorm", x, &affine);
  jc_layer_int(norm, "normalized_dims", count);
  jc_layer_real(norm, "eps", eps);
  if (!affine.weight)
    jc_layer_bool(norm, "elementwise_affine", false);
}

/* torch: [C, ...] -> [groups, -1] -> instance normalisation without weights -> [C, ...], then
 * weights. */
void jc_fuse_group_norm(struct jc_lowering *l, uint32_t i) {
  struct jc_out_layer *back = l->network.layers[i];
  struct jc_out_layer *norm = jc_fuse_part(l, back, 0, "instancenorm");
  const struct jc_out_layer *split = jc_fuse_part(l, norm, 0, "reshape");
  if (!jc_fuse_is(back, "reshape") || !split || split->shape.rank != 2 || back->shape.rank < 1)
    return;
  struct jc_canonical shape = shape_of(l, split->inputs[0]);
  const struct jc_out_field *affine = jc_layer_field(norm, "affine");
  const struct jc_out_field *eps = jc_layer_field(norm, "eps");
  int64_t groups = split->shape.dims[0], channels = back->shape.dims[0];
  if (!affine || affine->number || !eps || !jc_canonical_equal(&shape, &back->shape) ||
      channels % groups)
    return;
  double value = eps->real;
  struct affine found = find_affine(l, &i, channels);
  uint32_t x = split->inputs[0];
  if (found.weight && !found.bias)
    return;
  struct jc_out_layer *whole = become_norm(l, i, "groupnorm", x, &found);
  l->norm_count--; /* the instance normalisation was counted */
  jc_layer_int(whole, "num_groups", groups);
  jc_layer_real(whole, "eps", value);
  if (!found.weight)
    jc_layer_bool(whole, "affine", false);
}

/* x / max(norm(x), eps). */
void jc_fuse_normalize(struct jc_lowering *l, uint32_t i) {
  struct jc_out_layer *div = l->network.layers[i];
  if (!jc_fuse_is(div, "div") || div->input_count != 2)
    return;
  struct jc_out_layer *part = jc_fuse_part(l, div, 1, NULL);
  if (jc_fuse_is(part, "expand"))
    part = jc_fuse_part(l, part, 0, NULL);
  struct jc_out_layer *norm = jc_fuse_is(part, "clamp") ? jc_fuse_part(l, part, 0, "norm") : NULL;
  const struct jc_out_field *dim = norm ? jc_layer_field(norm, "dim") : NULL;
  const struct jc_out_field *keep = norm ? jc_layer_field(norm, "keepdim") : NULL;
  if (!dim || dim->type != JC_OUT_INT || !keep || !keep->number ||
      norm->inputs[0] != div->inputs[0])
    return;
  int64_t along = dim->number;
  jc_fuse_into(div, "normalize", div->inputs[0]);
  jc_layer_int(div, "dim", along);
}
