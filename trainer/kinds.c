/* kinds.c -- the table of layer kinds that can be trained. */
#include "trainer/kinds.h"

static const struct jc_trainer_kind kinds[JC_LAYER_KIND_COUNT] = {
    [JC_LAYER_conv2d] = {jc_conv2d_forward, jc_conv2d_backward},
    [JC_LAYER_linear] = {jc_linear_forward, jc_linear_backward},
    [JC_LAYER_batchnorm2d] = {jc_batchnorm2d_forward, jc_batchnorm2d_backward},
    [JC_LAYER_relu] = {jc_relu_forward, jc_relu_backward},
    [JC_LAYER_relu6] = {jc_relu_forward, jc_relu_backward},
    [JC_LAYER_maxpool2d] = {jc_pool_forward, jc_pool_backward},
    [JC_LAYER_avgpool2d] = {jc_pool_forward, jc_pool_backward},
    [JC_LAYER_adaptive_avgpool2d] = {jc_pool_forward, jc_pool_backward},
    [JC_LAYER_flatten] = {jc_flatten_forward, jc_flatten_backward},
    [JC_LAYER_dropout] = {jc_dropout_forward, jc_dropout_backward},
    [JC_LAYER_add] = {jc_add_forward, jc_add_backward},
    [JC_LAYER_concat] = {jc_concat_forward, jc_concat_backward},
    [JC_LAYER_pad] = {jc_pad_forward, jc_pad_backward},
    [JC_LAYER_softmax] = {jc_softmax_forward, jc_softmax_backward},
};

const struct jc_trainer_kind *jc_trainer_kind(enum jc_layer_kind kind) {
  return kinds[kind].forward == NULL ? NULL : &kinds[kind];
}
