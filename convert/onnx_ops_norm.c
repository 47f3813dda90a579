/* onnx_ops_norm.c -- BatchNormalization, LayerNormalization, InstanceNormalization,
 * GroupNormalization, LpNormalization. */
#include <string.h>

#include "convert/onnx_ops.h"
#include "convert/onnx_window.h"

/* Whether inputs 1 and 2 are weights of COUNT elements; neither: *affine is false. */
static enum jc_status read_affine(struct jc_lowering *l, int64_t count, bool *affine) {
  const struct jc_value *scale = jc_need(l, 1), *bias = jc_in(l, 2);
  if (!scale)
    return l->error->status;
  *affine = jc_is_weight(scale);
  bool both = *affine == (bias && jc_is_weight(bias)) || (*affine && !bias);
  bool constant = scale->kind == JC_VALUE_CONSTANT && (!bias || bias->kind == JC_VALUE_CONSTANT);
  if (!both || (!*affine && !constant))
    return jc_lower_fail(l, "expected scale and bias in the file");
  if (jc_value_elements(scale) != count || (bias && jc_value_elements(bias) != count))
    return jc_lower_fail(l, "expected a scale and a bias of %lld numbers", (long long)count);
  return JC_OK;
}

static enum jc_status hold_affine(struct jc_lowering *l, struct jc_out_layer *layer) {
  const struct jc_value *bias = jc_in(l, 2);
  l->norm_count++;
  return jc_hold(l, layer, l->in[1]->weight, bias ? bias->weight : JC_NO_INDEX);
}

/* A normalisation of channels, whose output is as its input. */
static enum jc_status finish_norm(struct jc_lowering *l, struct jc_out_layer *layer,
                                  const struct jc_value *in, bool affine) {
  if (affine)
    (void)hold_affine(l, layer);
  else
    jc_layer_bool(layer, "affine", false);
  l->norm_count += !affine;
  jc_shape_like(l->out[0], in);
  return jc_finish(l, layer, l->out[0]);
}

enum jc_status jc_op_batch_norm(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0), *mean = jc_need(l, 3), *var = jc_need(l, 4);
  bool affine = false;
  char text[256];
  if (!in || !mean || !var)
    return l->error->status;
  if (in->rank < 2 || in->rank > 5 || jc_value_batch_axis(in) != 0)
    return jc_lower_fail(l, "expected an input [batch, channels, ...], got %s",
                         jc_value_shape_text(in, text, sizeof text));
  int64_t channels = in->dims[1].n;
  if (jc_value_elements(mean) != channels || jc_value_elements(var) != channels)
    return jc_lower_fail(l, "expected a mean and a variance of %lld numbers", (long long)channels);
  if (read_affine(l, channels, &affine) != JC_OK)
    return l->error->status;
  const char *kind = jc_spatial_kind(l, "batchnorm", in->rank < 3 ? 1 : in->rank - 2);
  struct jc_out_layer *layer = kind ? jc_emit1(l, kind, in) : NULL;
  if (!layer)
    return l->error->status;
  jc_layer_real(layer, "eps", jc_onnx_real(l->node, "epsilon", 1e-5));
  jc_layer_real(layer, "momentum", 1 - jc_onnx_real(l->node, "momentum", 0.9));
  return finish_norm(l, layer, in, affine);
}

enum jc_status jc_op_layer_norm(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  int axis = in ? jc_axis(l, jc_onnx_int(l->node, "axis", -1), in->rank) : -1;
  bool affine = false;
  if (axis < 0)
    return l->error->status;
  int64_t count = 1;
  for (uint32_t i = (uint32_t)axis; i < in->rank; i++)
    if (in->dims[i].batch || __builtin_mul_overflow(count, in->dims[i].n, &count))
      return jc_lower_fail(l, "normalises along the batch");
  if (read_affine(l, count, &affine) != JC_OK)
    return l->error->status;
  struct jc_out_layer *layer = jc_emit1(l, "layernorm", in);
  if (!layer)
    return l->error->status;
  jc_layer_int(layer, "normalized_dims", (int64_t)in->rank - axis);
  jc_layer_real(layer, "eps", jc_onnx_real(l->node, "epsilon", 1e-5));
  if (!affine)
    jc_layer_bool(layer, "elementwise_affine", false);
  else if (!jc_in(l, 2))
    jc_layer_bool(layer, "bias", false);
  if (affine)
    (void)hold_affine(l, layer);
  l->norm_count += !affine;
  jc_shape_like(l->out[0], in);
  return jc_finish(l, layer, l->out[0]);
}

/* Kinds that normalise each sample know no windows folded into the batch. */
static enum jc_status check_sample(struct jc_lowering *l, const struct jc_value *in) {
  if (jc_check_image(l, in) == JC_OK && in->dims[0].n != 1)
    return jc_lower_fail(l, "expected a batch without windows folded into it");
  return l->error->status;
}

/* torch exports an InstanceNorm without weights with a scale of ones in a Constant node. */
enum jc_status jc_op_instance_norm(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  bool affine = false;
  if (!in || check_sample(l, in) != JC_OK || read_affine(l, in->dims[1].n, &affine) != JC_OK)
    return l->error->status;
  struct jc_out_layer *layer = jc_emit1(l, "instancenorm", in);
  if (!layer)
    return l->error->status;
  jc_layer_real(layer, "eps", jc_onnx_real(l->node, "epsilon", 1e-5));
  jc_layer_bool(layer, "affine", affine);
  if (affine)
    (void)hold_affine(l, layer);
  l->norm_count += !affine;
  jc_shape_like(l->out[0], in);
  return jc_finish(l, layer, l->out[0]);
}

/* Until opset 20 scale and bias are one number a group, which no learnt layer has. */
enum jc_status jc_op_group_norm(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  bool affine = false;
  if (!in || check_sample(l, in) != JC_OK)
    return l->error->status;
  int64_t groups = jc_onnx_int(l->node, "num_groups", 0);
  if (groups < 1 || in->dims[1].n % groups)
    return jc_lower_fail(l, "num_groups: %lld channels cannot be in %lld groups",
                         (long long)in->dims[1].n, (long long)groups);
  const struct jc_value *scale = jc_need(l, 1);
  bool per_group = scale && !jc_is_weight(scale) && jc_value_elements(scale) == groups;
  if (!scale || (!per_group && read_affine(l, in->dims[1].n, &affine) != JC_OK))
    return l->error->status;
  struct jc_out_layer *layer = jc_emit1(l, "groupnorm", in);
  if (!layer)
    return l->error->status;
  jc_layer_int(layer, "num_groups", groups);
  jc_layer_real(layer, "eps", jc_onnx_real(l->node, "epsilon", 1e-5));
  return finish_norm(l, layer, in, affine);
}

enum jc_status jc_op_lp_norm(struct jc_lowering *l) {
  struct jc_value *in = jc_need(l, 0);
  int axis = in ? jc_axis(l, jc_onnx_int(l->node, "axis", -1), in->rank) : -1;
  struct jc_out_layer *layer = axis < 0 ? NULL : jc_emit1(l, "normalize", in);
  if (!layer)
    return l->error->status;
  if (!l->folding)
    jc_layer_int(layer, "dim", jc_model_dim(l, in, (uint32_t)axis));
  jc_layer_int(layer, "p", jc_onnx_int(l->node, "p", 2));
  jc_shape_like(l->out[0], in);
  return jc_finish(l, layer, l->out[0]);
}
