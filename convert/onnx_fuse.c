/* onnx_fuse.c -- what exporters take apart is put together: gelu, silu, hardswish, mish, roll,
 * channel_shuffle. The last layer of a pattern becomes the whole, the others lose their reader. */
#include <string.h>

#include "convert/onnx_lower.h"

bool jc_fuse_is(const struct jc_out_layer *layer, const char *type) {
  return layer && layer->wanted && strcmp(layer->type, type) == 0;
}

struct jc_out_layer *jc_fuse_part(const struct jc_lowering *l, const struct jc_out_layer *layer,
                                  uint32_t i, const char *type) {
  if (!layer || i >= layer->input_count)
    return NULL;
  struct jc_out_layer *part = jc_layers_of(&l->network, layer->inputs[i]);
  if (!part || part->readers != 1 || (type && !jc_fuse_is(part, type)))
    return NULL;
  return part;
}

void jc_fuse_into(struct jc_out_layer *layer, const char *type, uint32_t tensor) {
  layer->type = type;
  layer->input_count = 1;
  layer->inputs[0] = tensor;
  layer->field_count = 0;
}

/* ---- gelu ---- */

/* LAYER is x * x * x, or x to the power of 3. */
static bool is_cube(const struct jc_lowering *l, const struct jc_out_layer *layer, uint32_t x) {
  if (jc_fuse_is(layer, "pow"))
    return layer->inputs[0] == x;
  if (!jc_fuse_is(layer, "mul"))
    return false;
  for (uint32_t i = 0; i < 2; i++) {
    const struct jc_out_layer *square = jc_fuse_part(l, layer, i, NULL);
    if (layer->inputs[1 - i] != x || !square || square->inputs[0] != x)
      continue;
    if (jc_fuse_is(square, "square") || (jc_fuse_is(square, "mul") && square->inputs[1] == x))
      return true;
  }
  return false;
}

/* LAYER is 1 + erf(x * c), or 1 + tanh(c * (x + d * x^3)); *tanh says which. */
static bool is_gate(const struct jc_lowering *l, const struct jc_out_layer *layer, uint32_t x,
                    bool *tanh) {
  const struct jc_out_layer *curve = jc_fuse_part(l, layer, 0, NULL);
  const struct jc_out_layer *scaled = jc_fuse_part(l, curve, 0, "scale");
  if (!jc_fuse_is(layer, "scale") || !scaled)
    return false;
  *tanh = jc_fuse_is(curve, "tanh");
  if (jc_fuse_is(curve, "erf"))
    return scaled->inputs[0] == x;
  const struct jc_out_layer *sum = jc_fuse_part(l, scaled, 0, "add");
  if (!*tanh || !sum || sum->input_count != 2)
    return false;
  for (uint32_t i = 0; i < 2; i++) {
    const struct jc_out_layer *term = jc_fuse_part(l, sum, i, "scale");
    if (sum->inputs[1 - i] == x && term && is_cube(l, jc_fuse_part(l, term, 0, NULL), x))
      return true;
  }
  return false;
}

static void become_gelu(struct jc_out_layer *layer, uint32_t x, bool tanh) {
  jc_fuse_into(layer, "gelu", x);
  if (tanh)
    jc_layer_text(layer, "approximate", "tanh");
}

/* x * gate(x) * 0.5, or (x * 0.5) * gate(x). */
static void fuse_gelu(struct jc_lowering *l, uint32_t index) {
  struct jc_out_layer *layer = l->network.layers[index];
  struct jc_out_layer *product =
      jc_fuse_is(layer, "scale") ? jc_fuse_part(l, layer, 0, "mul") : layer;
  bool tanh;
  if (!jc_fuse_is(product, "mul") || product->input_count != 2)
    return;
  for (uint32_t i = 0; i < 2; i++) {
    const struct jc_out_layer *gate = jc_fuse_part(l, product, i, "scale");
    uint32_t x = product->inputs[1 - i];
    const struct jc_out_layer *half = jc_fuse_part(l, product, 1 - i, "scale");
    if (product == layer && half)
      x = half->inputs[0];
    else if (product == layer)
      continue;
    if (gate && is_gate(l, gate, x, &tanh)) {
      become_gelu(layer, x, tanh);
      return;
    }
  }
}

/* ---- x * f(x) ---- */

static void fuse_self_gate(struct jc_lowering *l, uint32_t index) {
  static const char *const pairs[][2] = {{"sigmoid", "silu"}, {"hardsigmoid", "hardswish"}};
  struct jc_out_layer *layer = l->network.layers[index];
  if (!jc_fuse_is(layer, "mul") || layer->input_count != 2)
    return;
  for (uint32_t i = 0; i < 2; i++) {
    const struct jc_out_layer *gate = jc_fuse_part(l, layer, i, NULL);
    uint32_t x = layer->inputs[1 - i];
    for (size_t k = 0; k < 2; k++)
      if (gate && jc_fuse_is(gate, pairs[k][0]) && gate->inputs[0] == x) {
        jc_fuse_into(layer, pairs[k][1], x);
        return;
      }
    const struct jc_out_layer *inner = jc_fuse_part(l, gate, 0, "softplus");
    if (jc_fuse_is(gate, "tanh") && inner && inner->inputs[0] == x) {
      jc_fuse_into(layer, "mish", x);
      return;
    }
  }
}

/* ---- moving ---- */

static int64_t field_int(struct jc_out_layer *layer, const char *key, int64_t otherwise) {
  const struct jc_out_field *field = jc_layer_field(layer, key);
  return field && field->type == JC_OUT_INT ? field->number : otherwise;
}

/* concat(x[k:], x[:k]) along one dimension. */
static void fuse_roll(struct jc_lowering *l, uint32_t index) {
  struct jc_out_layer *layer = l->network.layers[index];
  if (!jc_fuse_is(layer, "concat") || layer->input_count != 2)
    return;
  struct jc_out_layer *tail = jc_fuse_part(l, layer, 0, "slice");
  struct jc_out_layer *head = jc_fuse_part(l, layer, 1, "slice");
  int64_t dim = field_int(layer, "dim", 0);
  if (!tail || !head || tail->inputs[0] != head->inputs[0] || jc_layer_field(tail, "step") ||
      jc_layer_field(head, "step") || field_int(tail, "dim", 0) != dim ||
      field_int(head, "dim", 0) != dim || dim < 1 || dim > layer->shape.rank)
    return;
  int64_t cut = field_int(tail, "start", -1);
  if (field_int(head, "start", -1) != 0 || field_int(head, "end", -1) != cut ||
      field_int(tail, "end", -1) != layer->shape.dims[dim - 1])
    return;
  jc_fuse_into(layer, "roll", tail->inputs[0]);
  jc_layer_list(layer, "shifts", (const int64_t[]){-cut}, 1);
  jc_layer_list(layer, "dims", &dim, 1);
}

/* [C, H, W] -> [g, C/g, H, W] -> [C/g, g, H, W] -> [C, H, W]. */
static void fuse_channel_shuffle(struct jc_lowering *l, uint32_t index) {
  struct jc_out_layer *layer = l->network.layers[index];
  struct jc_out_layer *permute = jc_fuse_part(l, layer, 0, "permute");
  struct jc_out_layer *split = jc_fuse_part(l, permute, 0, "reshape");
  static const int64_t swap[] = {0, 2, 1, 3, 4};
  if (!jc_fuse_is(layer, "reshape") || !split || split->shape.rank != 4 || layer->shape.rank != 3)
    return;
  const struct jc_out_field *dims = jc_layer_field(permute, "dims");
  const int64_t *from = split->shape.dims, *to = layer->shape.dims;
  if (!dims || dims->count != 5 || memcmp(dims->list, swap, sizeof swap) != 0 ||
      from[0] * from[1] != to[0] || from[2] != to[1] || from[3] != to[2])
    return;
  const struct jc_out_layer *x = jc_layers_of(&l->network, split->inputs[0]);
  if (!x || !jc_canonical_equal(&x->shape, &layer->shape))
    return;
  jc_fuse_into(layer, "channel_shuffle", split->inputs[0]);
  jc_layer_int(layer, "groups", from[0]);
}

enum jc_status jc_fuse(struct jc_lowering *l) {
  static void (*const patterns[])(struct jc_lowering *, uint32_t) = {
      fuse_gelu,          fuse_self_gate,   fuse_roll,          fuse_channel_shuffle,
      jc_fuse_layer_norm, jc_fuse_rms_norm, jc_fuse_group_norm, jc_fuse_normalize};
  for (uint32_t i = 0; i < l->network.layer_count; i++)
    for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++)
      if (l->network.layers[i]->wanted)
        patterns[k](l, i);
  return l->error->status;
}
