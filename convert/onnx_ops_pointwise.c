/* onnx_ops_pointwise.c -- activations, arithmetic, masks: one number of the result from one of each
 * input. */
#include <math.h>
#include <string.h>

#include "convert/onnx_ops.h"

static const struct jc_operator *this_operator(const struct jc_lowering *l) {
  return jc_operator_find(l->node->op_type);
}

enum jc_status jc_op_unary(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in)
    return l->error->status;
  jc_shape_like(l->out[0], in);
  return jc_finish(l, jc_emit1(l, this_operator(l)->kind, in), l->out[0]);
}

enum jc_status jc_op_alpha(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  const char *kind = this_operator(l)->kind;
  struct jc_out_layer *layer = in ? jc_emit1(l, kind, in) : NULL;
  if (!layer)
    return l->error->status;
  if (strcmp(kind, "leaky_relu") == 0)
    jc_layer_real(layer, "negative_slope", jc_onnx_real(l->node, "alpha", 0.01));
  else
    jc_layer_real(layer, "alpha", jc_onnx_real(l->node, "alpha", 1));
  jc_shape_like(l->out[0], in);
  return jc_finish(l, layer, l->out[0]);
}

/* Before opset 13 the dimensions from `axis` on were one. */
enum jc_status jc_op_softmax(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0), *flat = in;
  if (!in)
    return l->error->status;
  bool together = l->graph->opset < 13;
  int axis = jc_axis(l, jc_onnx_int(l->node, "axis", together ? 1 : -1), in->rank);
  if (axis < 0)
    return l->error->status;
  struct jc_value *out = l->out[0], *result = out;
  if (together && axis + 1 < (int)in->rank && !l->folding) {
    flat = jc_new_value(l, in);
    result = jc_new_value(l, in);
    if (!flat || !result)
      return l->error->status;
    flat->rank = (uint32_t)axis + 1;
    for (uint32_t i = flat->rank; i < in->rank; i++) {
      if (in->dims[i].batch ||
          __builtin_mul_overflow(flat->dims[axis].n, in->dims[i].n, &flat->dims[axis].n))
        return jc_lower_fail(l, "works along the batch");
    }
    if (jc_view(l, in, flat) != JC_OK)
      return l->error->status;
  }
  jc_shape_like(result, flat);
  struct jc_out_layer *layer = jc_emit1(l, this_operator(l)->kind, flat);
  if (layer && !l->folding)
    jc_layer_int(layer, "dim", jc_model_dim(l, flat, (uint32_t)axis));
  jc_shape_like(out, in);
  if (jc_finish(l, layer, result) != JC_OK || result == out)
    return l->error->status;
  return jc_view(l, result, out);
}

enum jc_status jc_op_gelu(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  struct jc_out_layer *layer = in ? jc_emit1(l, "gelu", in) : NULL;
  if (!layer)
    return l->error->status;
  if (strcmp(jc_onnx_text(l->node, "approximate", "none"), "tanh") == 0)
    jc_layer_text(layer, "approximate", "tanh");
  jc_shape_like(l->out[0], in);
  return jc_finish(l, layer, l->out[0]);
}

/* PyTorch's has a slope of 1/6; another slope is a scale, cut off at both ends. */
enum jc_status jc_op_hard_sigmoid(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in)
    return l->error->status;
  jc_shape_like(l->out[0], in);
  if (fabs(jc_onnx_real(l->node, "alpha", 0.2) - 1.0 / 6) < 1e-4)
    return jc_finish(l, jc_emit1(l, "hardsigmoid", in), l->out[0]);
  struct jc_value *scaled = jc_new_value(l, in);
  if (!scaled || jc_finish(l, jc_emit1(l, "scale", in), scaled) != JC_OK)
    return l->error->status;
  struct jc_out_layer *layer = jc_emit1(l, "clamp", scaled);
  if (layer) {
    jc_layer_real(layer, "min", 0);
    jc_layer_real(layer, "max", 1);
  }
  return jc_finish(l, layer, l->out[0]);
}

enum jc_status jc_op_prelu(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0), *slope = jc_need(l, 1);
  if (!in || !slope)
    return l->error->status;
  int64_t count = jc_value_elements(slope);
  if (!jc_is_weight(slope) || count < 1)
    return jc_lower_fail(l, "expected a slope in the file");
  struct jc_out_layer *layer = jc_emit1(l, "prelu", in);
  if (!layer)
    return l->error->status;
  jc_layer_int(layer, "num_parameters", count);
  jc_shape_like(l->out[0], in);
  (void)jc_hold(l, layer, slope->weight, JC_NO_INDEX);
  return jc_finish(l, layer, l->out[0]);
}

/* A tensor of the file as an argument: it is learnt, for all we know, and has no layer to be in. */
static enum jc_status refuse_learnt(struct jc_lowering *l, uint32_t i, const char *what) {
  const struct jc_value *value = jc_in(l, i);
  if (!value || value->weight == JC_NO_INDEX)
    return JC_OK;
  return jc_lower_fail(l,
                       "a tensor as %s is not supported: '%.120s' may be learnt; --buffer '%.120s' "
                       "says that it is not",
                       what, l->weights[value->weight].name, l->weights[value->weight].name);
}

enum jc_status jc_op_clip(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  double low = -INFINITY, high = INFINITY;
  if (!in || refuse_learnt(l, 1, "bound") != JC_OK || refuse_learnt(l, 2, "bound") != JC_OK)
    return l->error->status;
  jc_shape_like(l->out[0], in);
  if (jc_onnx_attribute(l->node, "min"))
    low = jc_onnx_real(l->node, "min", 0);
  if (jc_onnx_attribute(l->node, "max"))
    high = jc_onnx_real(l->node, "max", 0);
  if (jc_in(l, 1))
    (void)jc_value_scalar_real(l->in[1], &low);
  if (jc_in(l, 2))
    (void)jc_value_scalar_real(l->in[2], &high);
  bool six = low == 0 && high == 6;
  struct jc_out_layer *layer = jc_emit1(l, six ? "relu6" : "clamp", in);
  if (layer && !six) {
    if (low > -1e30 && low < 1e30)
      jc_layer_real(layer, "min", low);
    if (high < 1e30 && high > -1e30)
      jc_layer_real(layer, "max", high);
  }
  return jc_finish(l, layer, l->out[0]);
}

/* ---- arithmetic ---- */

static bool is_scalar(const struct jc_value *value) {
  return value->kind == JC_VALUE_CONSTANT && jc_value_elements(value) == 1;
}

/* OUT is IN with a constant added, multiplied, ...; a constant divided by IN is a reciprocal. */
static enum jc_status with_scalar(struct jc_lowering *l, const char *kind, struct jc_value *in,
                                  const struct jc_value *scalar, bool scalar_first,
                                  struct jc_value *out) {
  bool divides = strcmp(kind, "div") == 0 && scalar_first;
  double number = 0;
  bool one = jc_value_scalar_real(scalar, &number) && number == 1;
  struct jc_value *now = in;
  struct jc_canonical from = jc_value_canonical(in), to = jc_value_canonical(out);
  bool reshaped = !jc_canonical_equal(&from, &to);
  if (divides) {
    now = reshaped || !one ? jc_new_value(l, in) : out;
    if (!now || jc_finish(l, jc_emit1(l, "reciprocal", in), now) != JC_OK)
      return l->error->status;
  }
  if (!divides || !one) {
    const char *type =
        strcmp(kind, "maximum") == 0 || strcmp(kind, "minimum") == 0 ? "clamp" : "scale";
    struct jc_value *scaled = reshaped ? jc_new_value(l, in) : out;
    struct jc_out_layer *layer = scaled ? jc_emit1(l, type, now) : NULL;
    if (layer)
      layer->scalar = number;
    if (layer && *type == 'c')
      jc_layer_real(layer, kind[1] == 'a' ? "min" : "max", number);
    if (jc_finish(l, layer, scaled) != JC_OK || !layer)
      return l->error->status;
    now = scaled;
  }
  return reshaped ? jc_view(l, now, out) : l->error->status;
}

enum jc_status jc_add_values(struct jc_lowering *l, const char *kind, struct jc_value *a,
                             struct jc_value *b, struct jc_value *out) {
  char ta[200], tb[200];
  struct jc_value *operands[2];
  if (!jc_find_batch(l, &a, &b))
    return l->error->status;
  if (!jc_broadcast(a, b, out))
    return jc_lower_fail(l, "shapes %s and %s differ", jc_value_shape_text(a, ta, sizeof ta),
                         jc_value_shape_text(b, tb, sizeof tb));
  if (!l->folding && is_scalar(b))
    return with_scalar(l, kind, a, b, false, out);
  if (!l->folding && is_scalar(a))
    return with_scalar(l, kind, b, a, true, out);
  if (!(operands[0] = jc_facing(l, a, b, out)) || !(operands[1] = jc_facing(l, b, a, out)))
    return l->error->status;
  return jc_finish(l, jc_emit(l, kind, 2, operands), out);
}

/* The layer before has added this bias already. */
static const struct jc_value *absorbed_by(const struct jc_lowering *l) {
  for (uint32_t i = 0; i < 2 && l->in_count == 2; i++) {
    const struct jc_value *in = l->in[i];
    if (!in || in->kind != JC_VALUE_LAYER)
      continue;
    const struct jc_out_layer *layer = jc_layers_of(&l->network, in->tensor);
    if (layer && layer->absorbed == l->node)
      return in;
  }
  return NULL;
}

enum jc_status jc_op_arithmetic(struct jc_lowering *l) {
  const char *kind = this_operator(l)->kind;
  struct jc_value *now = jc_need(l, 0);
  const struct jc_value *done = absorbed_by(l);
  if (!now || done)
    return now ? jc_alias((struct jc_value *)done, l->out[0]) : l->error->status;
  if (l->in_count == 1)
    return jc_alias(now, l->out[0]);
  for (uint32_t i = 1; i < l->in_count; i++) {
    struct jc_value *other = jc_need(l, i);
    struct jc_value *out = i + 1 < l->in_count ? jc_new_value(l, l->out[0]) : l->out[0];
    if (!other || !out || jc_add_values(l, kind, now, other, out) != JC_OK)
      return l->error->status;
    now = out;
  }
  return l->error->status;
}

enum jc_status jc_op_pow(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0), *exponent = jc_need(l, 1);
  double power;
  if (!in || !exponent || refuse_learnt(l, 1, "exponent") != JC_OK)
    return l->error->status;
  char a[200], b[200];
  if (!jc_broadcast(in, exponent, l->out[0]))
    return jc_lower_fail(l, "shapes %s and %s differ", jc_value_shape_text(in, a, sizeof a),
                         jc_value_shape_text(exponent, b, sizeof b));
  if (l->folding)
    return jc_finish(l, jc_emit1(l, "pow", in), l->out[0]);
  if (!jc_value_scalar_real(exponent, &power))
    return jc_lower_fail(l, "expected an exponent that is a known number");
  const char *kind = power == 2     ? "square"
                     : power == 0.5 ? "sqrt"
                     : power == -1  ? "reciprocal"
                                    : "pow";
  struct jc_out_layer *layer = jc_emit1(l, kind, in);
  if (layer && strcmp(kind, "pow") == 0)
    jc_layer_real(layer, "exponent", power);
  jc_shape_like(l->out[0], in);
  return jc_finish(l, layer, l->out[0]);
}

/* ---- masks ---- */

static enum jc_status fill(struct jc_lowering *l, struct jc_value *in, struct jc_value *mask,
                           struct jc_value *out) {
  struct jc_value *operands[2];
  if (!(operands[0] = jc_facing(l, in, mask, out)) || !(operands[1] = jc_facing(l, mask, in, out)))
    return l->error->status;
  return jc_finish(l, jc_emit(l, "masked_fill", 2, operands), out);
}

enum jc_status jc_op_where(struct jc_lowering *l) {
  struct jc_value *mask = jc_need(l, 0), *a = jc_need(l, 1), *b = jc_need(l, 2);
  if (!mask || !a || !b || !jc_find_batch(l, &a, &b) ||
      !jc_find_batch(l, jc_value_batch_axis(a) < 0 ? &b : &a, &mask))
    return l->error->status;
  struct jc_value *out = l->out[0];
  struct jc_value some = *out;
  out->type = a->type;
  if (!jc_broadcast(a, b, &some) || !jc_broadcast(&some, mask, out))
    return jc_lower_fail(l, "the shapes of its inputs differ");
  if (l->folding)
    return jc_finish(l, jc_emit1(l, "identity", a), out);
  if (is_scalar(a) || is_scalar(b))
    return fill(l, is_scalar(a) ? b : a, mask, out);
  struct jc_value *left = jc_new_value(l, out), *right = jc_new_value(l, out);
  if (!left || !right || fill(l, a, mask, left) != JC_OK || fill(l, b, mask, right) != JC_OK)
    return l->error->status;
  return jc_add_values(l, "add", left, right, out);
}

/* A comparison is no arithmetic that is counted, but its result has a shape. */
enum jc_status jc_op_compare(struct jc_lowering *l) {
  struct jc_value *a = jc_need(l, 0), *b = jc_need(l, 1);
  if (!a || !b)
    return l->error->status;
  l->out[0]->type = JC_ONNX_BOOL;
  return jc_add_values(l, "sub", a, b, l->out[0]);
}

enum jc_status jc_op_constant_only(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in)
    return l->error->status;
  if (!l->folding)
    return jc_lower_fail(l, "is supported on constants only");
  jc_shape_like(l->out[0], in);
  if (l->in_count == 2 && l->in[1] && !jc_broadcast(in, l->in[1], l->out[0]))
    return jc_lower_fail(l, "the shapes of its inputs differ");
  return jc_finish(l, jc_emit1(l, "identity", in), l->out[0]);
}

/* The half of a matrix that is kept is as much work as the whole. */
enum jc_status jc_op_trilu(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in)
    return l->error->status;
  jc_shape_like(l->out[0], in);
  return jc_finish(l, jc_emit1(l, l->folding ? "identity" : "scale", in), l->out[0]);
}

/* ---- passing on ---- */

enum jc_status jc_op_dropout(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  double ratio = jc_onnx_real(l->node, "ratio", 0.5);
  int64_t training = l->graph->opset < 12;
  if (!in)
    return l->error->status;
  if (jc_in(l, 1))
    (void)jc_value_scalar_real(l->in[1], &ratio);
  if (jc_in(l, 2))
    (void)jc_value_scalar_int(l->in[2], &training);
  if (!training)
    return jc_alias(in, l->out[0]);
  if (!(ratio >= 0 && ratio < 1))
    return jc_lower_fail(l, "ratio: expected a number from 0 to below 1, got %g", ratio);
  struct jc_out_layer *layer = jc_emit1(l, "dropout", in);
  if (layer)
    jc_layer_real(layer, "p", ratio);
  jc_shape_like(l->out[0], in);
  return jc_finish(l, layer, l->out[0]);
}

enum jc_status jc_op_identity(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  return in ? jc_alias(in, l->out[0]) : l->error->status;
}

enum jc_status jc_op_cast(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  if (!in)
    return l->error->status;
  int64_t to = jc_onnx_int(l->node, "to", JC_ONNX_FLOAT);
  if (to < 1 || to > 20)
    return jc_lower_fail(l, "unknown type %lld", (long long)to);
  (void)jc_alias(in, l->out[0]);
  if (in->kind != JC_VALUE_WEIGHT)
    l->out[0]->type = (int32_t)to;
  if (in->kind == JC_VALUE_CONSTANT)
    l->out[0]->data = NULL; /* computed anew */
  return JC_OK;
}
