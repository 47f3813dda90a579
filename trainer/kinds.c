/* kinds.c -- the table of layer kinds that can be trained. */
#include "trainer/kinds.h"

static const struct jc_trainer_kind kinds[JC_LAYER_KIND_COUNT] = {
    [JC_LAYER_conv2d] = {jc_conv2d_forward, jc_conv2d_backward},
    [JC_LAYER_linear] = {jc_linear_forward, jc_linear_backward},
    [JC_LAYER_parameter] = {jc_parameter_forward, jc_parameter_backward},
    [JC_LAYER_batchnorm2d] = {jc_batchnorm2d_forward, jc_batchnorm2d_backward},
    [JC_LAYER_layernorm] = {jc_layernorm_forward, jc_layernorm_backward},
    [JC_LAYER_relu] = {jc_activation_forward, jc_activation_backward},
    [JC_LAYER_relu6] = {jc_activation_forward, jc_activation_backward},
    [JC_LAYER_gelu] = {jc_activation_forward, jc_activation_backward},
    [JC_LAYER_silu] = {jc_activation_forward, jc_activation_backward},
    [JC_LAYER_sigmoid] = {jc_activation_forward, jc_activation_backward},
    [JC_LAYER_hardsigmoid] = {jc_hardsigmoid_forward, jc_hardsigmoid_backward},
    [JC_LAYER_hardswish] = {jc_activation_forward, jc_activation_backward},
    [JC_LAYER_softmax] = {jc_softmax_forward, jc_softmax_backward},
    [JC_LAYER_maxpool2d] = {jc_pool_forward, jc_pool_backward},
    [JC_LAYER_avgpool2d] = {jc_pool_forward, jc_pool_backward},
    [JC_LAYER_adaptive_avgpool2d] = {jc_pool_forward, jc_pool_backward},
    [JC_LAYER_mean] = {jc_mean_forward, jc_mean_backward},
    [JC_LAYER_add] = {jc_add_forward, jc_add_backward},
    [JC_LAYER_mul] = {jc_mul_forward, jc_mul_backward},
    [JC_LAYER_concat] = {jc_concat_forward, jc_concat_backward},
    [JC_LAYER_chunk] = {jc_chunk_forward, jc_chunk_backward},
    [JC_LAYER_flatten] = {jc_flatten_forward, jc_flatten_backward},
    [JC_LAYER_permute] = {jc_permute_forward, jc_permute_backward},
    [JC_LAYER_pad] = {jc_pad_forward, jc_pad_backward},
    [JC_LAYER_channel_shuffle] = {jc_channel_shuffle_forward, jc_channel_shuffle_backward},
    [JC_LAYER_dropout] = {jc_dropout_forward, jc_dropout_backward},
    [JC_LAYER_stochastic_depth] = {jc_stochastic_depth_forward, jc_stochastic_depth_backward},
};

const struct jc_trainer_kind *jc_trainer_kind(enum jc_layer_kind kind) {
  return kinds[kind].forward == NULL ? NULL : &kinds[kind];
}
