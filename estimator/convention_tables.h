/* convention_tables.h -- which kinds other tools count alike, and what each tool counts for them.
 * Included by convention.c only. */
#ifndef JC_ESTIMATOR_CONVENTION_TABLES_H
#define JC_ESTIMATOR_CONVENTION_TABLES_H

#include "estimator/convention.h"

/* Kinds that every tool treats alike. */
enum family {
  UNKNOWN, /* a kind without a line in families[] */
  FREE,    /* no tool counts it */
  CONV,
  CONV_SAME, /* "padding": "same", an operator of its own in a trace */
  CONV_TRANSPOSE,
  LINEAR,
  LINEAR_POSITIONS, /* of a matrix: positions x features */
  MATMUL,
  ATTENTION,
  FUSED_ATTENTION,
  EMBEDDING,
  PARAMETER,
  BATCHNORM,
  BATCHNORM_OF_BATCH, /* without running statistics: takes those of the batch in eval() too */
  LAYERNORM,
  RMSNORM,
  GROUPNORM,
  INSTANCENORM,
  RELU,
  RELU6,
  LEAKY_RELU,
  PRELU,
  ELU,
  GELU,
  SILU,
  SOFTMAX,
  MAXPOOL,
  AVGPOOL,
  ADAPTIVE_AVGPOOL,
  ADAPTIVE_AVGPOOL2D,
  UPSAMPLE, /* in a way that only ptflops counts */
  UPSAMPLE_NEAREST,
  UPSAMPLE_NEAREST2D,
  UPSAMPLE_LINEAR,
  UPSAMPLE_BILINEAR,
  UPSAMPLE_BICUBIC,
  ARITHMETIC, /* operators (a + b) or functions (torch.add) */
  FAMILY_COUNT
};

#define ONE(kind, family)   [JC_LAYER_##kind] = (family)
#define THREE(kind, family) ONE(kind##1d, family), ONE(kind##2d, family), ONE(kind##3d, family)

static const uint8_t families[JC_LAYER_KIND_COUNT] = {
    THREE(conv, CONV),
    THREE(conv_transpose, CONV_TRANSPOSE),
    ONE(linear, LINEAR),
    ONE(matmul, MATMUL),
    ONE(multihead_attention, ATTENTION),
    ONE(scaled_dot_product_attention, FUSED_ATTENTION),
    ONE(embedding, EMBEDDING),
    ONE(position_embedding, EMBEDDING),
    ONE(parameter, PARAMETER),
    ONE(constant, FREE),
    THREE(batchnorm, BATCHNORM),
    ONE(layernorm, LAYERNORM),
    ONE(rmsnorm, RMSNORM),
    ONE(groupnorm, GROUPNORM),
    ONE(instancenorm, INSTANCENORM),
    ONE(normalize, FREE),
    ONE(relu, RELU),
    ONE(relu6, RELU6),
    ONE(leaky_relu, LEAKY_RELU),
    ONE(prelu, PRELU),
    ONE(elu, ELU),
    ONE(selu, FREE),
    ONE(celu, FREE),
    ONE(gelu, GELU),
    ONE(silu, SILU),
    ONE(mish, FREE),
    ONE(sigmoid, FREE),
    ONE(logsigmoid, FREE),
    ONE(tanh, FREE),
    ONE(hardtanh, FREE),
    ONE(hardsigmoid, FREE),
    ONE(hardswish, FREE),
    ONE(softplus, FREE),
    ONE(softsign, FREE),
    ONE(softmax, SOFTMAX),
    ONE(log_softmax, FREE),
    ONE(scale, ARITHMETIC),
    ONE(exp, FREE),
    ONE(log, FREE),
    ONE(sqrt, FREE),
    ONE(rsqrt, FREE),
    ONE(reciprocal, FREE),
    ONE(square, FREE),
    ONE(pow, FREE),
    ONE(abs, FREE),
    ONE(neg, FREE),
    ONE(sin, FREE),
    ONE(cos, FREE),
    ONE(erf, FREE),
    ONE(clamp, FREE),
    THREE(maxpool, MAXPOOL),
    THREE(avgpool, AVGPOOL),
    ONE(adaptive_avgpool1d, ADAPTIVE_AVGPOOL),
    ONE(adaptive_avgpool2d, ADAPTIVE_AVGPOOL2D),
    ONE(adaptive_avgpool3d, ADAPTIVE_AVGPOOL),
    THREE(adaptive_maxpool, MAXPOOL),
    ONE(mean, FREE),
    ONE(sum, FREE),
    ONE(amax, FREE),
    ONE(norm, FREE),
    ONE(add, ARITHMETIC),
    ONE(sub, FREE),
    ONE(mul, ARITHMETIC),
    ONE(div, FREE),
    ONE(maximum, FREE),
    ONE(minimum, FREE),
    ONE(masked_fill, FREE),
    ONE(concat, FREE),
    ONE(stack, FREE),
    ONE(split, FREE),
    ONE(chunk, FREE),
    ONE(slice, FREE),
    ONE(select, FREE),
    ONE(index_select, FREE),
    ONE(flatten, FREE),
    ONE(unflatten, FREE),
    ONE(reshape, FREE),
    ONE(permute, FREE),
    ONE(transpose, FREE),
    ONE(squeeze, FREE),
    ONE(unsqueeze, FREE),
    ONE(expand, FREE),
    ONE(identity, FREE),
    ONE(roll, FREE),
    ONE(pad, FREE),
    ONE(channel_shuffle, FREE),
    ONE(pixel_shuffle, FREE),
    ONE(pixel_unshuffle, FREE),
    ONE(upsample, UPSAMPLE),
    ONE(dropout, FREE),
    ONE(stochastic_depth, FREE),
};

/* What a tool adds for a layer: so many times each of these. */
struct amounts {
  uint8_t macs;
  uint8_t bias;    /* elements that a bias is added to */
  uint8_t params;  /* weights and biases */
  uint8_t weights; /* at every position of the output, without biases */
  uint16_t inputs; /* elements of the first input */
  uint16_t affine; /* the same, if the layer has a learnt scale */
  uint16_t outputs;
};

/* Sums of thop's that are no multiples of anything. */
enum special {
  NOTHING_SPECIAL,
  SOFTMAX_ROWS,  /* 3 n - 1 for each row of n */
  WINDOW_AND_ONE /* mean window + 1 for each output, cut to an integer in double precision */
};

struct identity {
  struct amounts always;
  struct amounts module; /* more, if the layer is a module; then or by form: see convention.h */
  uint8_t special;       /* enum special; the same */
  bool by_form;          /* nothing more for a module, but another way to write it is counted */
  bool approximate;
  bool refused; /* the tool itself fails, or nothing was checked */
};

/* Families without a line in these tables are counted as nothing. */

/* test/common_extended_utils.py of torchvision, get_ops(), whose results are the `_ops` in the meta
 * data of its weights: the operators mm, addmm, bmm and convolution. The fused attention of newer
 * torch would be missed. */
static const struct identity torchvision[FAMILY_COUNT] = {
    [CONV] = {.always = {.macs = 1}},
    [CONV_SAME] = {.always = {.macs = 1}},
    [CONV_TRANSPOSE] = {.always = {.macs = 1}},
    [LINEAR] = {.always = {.macs = 1}},
    [LINEAR_POSITIONS] = {.always = {.macs = 1}},
    [MATMUL] = {.always = {.macs = 1}},
    [ATTENTION] = {.always = {.macs = 1}},
    [FUSED_ATTENTION] = {.always = {.macs = 1}, .approximate = true},
};

/* fvcore/nn/flop_count.py, _DEFAULT_SUPPORTED_OPS, and jit_handles.py: operators of a trace, so
 * modules and functions are alike. "same" convolutions are traced as _convolution_mode, which has
 * no handle. Of torch.einsum a number printed with four digits is read. With torch 2 attention is
 * traced as one operator without a handle. */
static const struct identity fvcore[FAMILY_COUNT] = {
    [CONV] = {.always = {.macs = 1}},
    [CONV_TRANSPOSE] = {.always = {.macs = 1}},
    [LINEAR] = {.always = {.macs = 1}},
    [LINEAR_POSITIONS] = {.always = {.macs = 1}},
    [MATMUL] = {.always = {.macs = 1}, .by_form = true},
    [ATTENTION] = {.always = {.macs = 1}, .approximate = true},
    [FUSED_ATTENTION] = {.approximate = true},
    [BATCHNORM] = {.always = {.inputs = 1, .affine = 1}},
    [BATCHNORM_OF_BATCH] = {.always = {.inputs = 4, .affine = 1}},
    [LAYERNORM] = {.always = {.inputs = 4, .affine = 1}},
    [GROUPNORM] = {.always = {.inputs = 4, .affine = 1}},
    [INSTANCENORM] = {.always = {.inputs = 4, .affine = 1}},
    [ADAPTIVE_AVGPOOL2D] = {.always = {.inputs = 1}},
    [UPSAMPLE_NEAREST2D] = {.always = {.outputs = 1}},
    [UPSAMPLE_BILINEAR] = {.always = {.outputs = 4}},
};

/* thop/profile.py, register_hooks, and vision/basic_hooks.py, calc_func.py: modules of exactly
 * these types, so neither functions nor subclasses. Convolutions multiply output elements by the
 * window and the input channels, transposed ones too. Of MultiheadAttention nothing is counted; in
 * a network with other products of activations, linear layers may be functions as well. */
static const struct identity thop[FAMILY_COUNT] = {
    [CONV] = {.always = {.macs = 1}},
    [CONV_SAME] = {.always = {.macs = 1}},
    [CONV_TRANSPOSE] = {.always = {.weights = 1}},
    [LINEAR] = {.always = {.macs = 1}},
    [LINEAR_POSITIONS] = {.always = {.macs = 1}},
    [MATMUL] = {.approximate = true},
    [ATTENTION] = {.by_form = true},
    [FUSED_ATTENTION] = {.approximate = true},
    [BATCHNORM] = {.always = {.inputs = 2, .affine = 2}},
    [BATCHNORM_OF_BATCH] = {.always = {.inputs = 2, .affine = 2}},
    [LAYERNORM] = {.module = {.inputs = 2, .affine = 2}},
    [INSTANCENORM] = {.module = {.inputs = 2, .affine = 2}},
    [PRELU] = {.module = {.inputs = 1}},
    [SOFTMAX] = {.special = SOFTMAX_ROWS},
    [AVGPOOL] = {.module = {.outputs = 1}},
    [ADAPTIVE_AVGPOOL] = {.special = WINDOW_AND_ONE},
    [ADAPTIVE_AVGPOOL2D] = {.special = WINDOW_AND_ONE},
    [UPSAMPLE_NEAREST] = {.module = {.outputs = 1}},
    [UPSAMPLE_NEAREST2D] = {.module = {.outputs = 1}},
    [UPSAMPLE_LINEAR] = {.module = {.outputs = 5}},
    [UPSAMPLE_BILINEAR] = {.module = {.outputs = 11}},
    [UPSAMPLE_BICUBIC] = {.module = {.outputs = 259}},
};

/* torchinfo/layer_info.py, calculate_macs(): parameters called weight or bias of modules without
 * children, once, or in a class with "Conv" in its name once per output position. So a linear layer
 * of many positions counts as one of one; MultiheadAttention has a child and is not counted. */
static const struct identity torchinfo[FAMILY_COUNT] = {
    [CONV] = {.always = {.macs = 1, .bias = 1}},
    [CONV_SAME] = {.always = {.macs = 1, .bias = 1}},
    [CONV_TRANSPOSE] = {.always = {.weights = 1, .bias = 1}},
    [LINEAR] = {.always = {.params = 1}},
    [LINEAR_POSITIONS] = {.always = {.params = 1}},
    [MATMUL] = {.approximate = true},
    [ATTENTION] = {.by_form = true},
    [FUSED_ATTENTION] = {.approximate = true},
    [EMBEDDING] = {.always = {.params = 1}},
    [PARAMETER] = {.by_form = true},
    [BATCHNORM] = {.always = {.params = 1}},
    [BATCHNORM_OF_BATCH] = {.always = {.params = 1}},
    [LAYERNORM] = {.always = {.params = 1}},
    [RMSNORM] = {.always = {.params = 1}},
    [GROUPNORM] = {.always = {.params = 1}},
    [INSTANCENORM] = {.always = {.params = 1}},
    [PRELU] = {.always = {.params = 1}},
};

/* ptflops/pytorch_ops.py, MODULES_MAPPING, FUNCTIONAL_MAPPING and TENSOR_OPS_MAPPING, of the
 * backend that is the default of get_model_complexity_info(). A module that calls a function which
 * is counted too counts twice: nn.ReLU is two per element, F.relu one; nn.ReLU6 calls hardtanh and
 * is one. torch.add(a, b) is counted and a + b is not. LayerNorm has no attribute `affine`.
 * torchvision's calls of MultiheadAttention make it fail. */
static const struct identity ptflops[FAMILY_COUNT] = {
    [CONV] = {.always = {.macs = 1, .bias = 1}},
    [CONV_SAME] = {.always = {.macs = 1, .bias = 1}},
    [CONV_TRANSPOSE] = {.always = {.macs = 1, .bias = 1}},
    [LINEAR] = {.always = {.macs = 1, .bias = 1}},
    [LINEAR_POSITIONS] = {.always = {.macs = 1, .bias = 1}},
    [MATMUL] = {.always = {.macs = 1}, .approximate = true},
    [ATTENTION] = {.refused = true},
    [FUSED_ATTENTION] = {.approximate = true},
    [BATCHNORM] = {.always = {.inputs = 1, .affine = 1}},
    [BATCHNORM_OF_BATCH] = {.always = {.inputs = 1, .affine = 1}},
    [LAYERNORM] = {.module = {.inputs = 1}},
    [GROUPNORM] = {.module = {.inputs = 1, .affine = 1}},
    [INSTANCENORM] = {.module = {.inputs = 1, .affine = 1}},
    [RELU] = {.always = {.inputs = 1}, .module = {.inputs = 1}},
    [RELU6] = {.always = {.inputs = 1}},
    [LEAKY_RELU] = {.module = {.inputs = 1}},
    [PRELU] = {.always = {.inputs = 1}, .module = {.inputs = 1}},
    [ELU] = {.always = {.inputs = 1}, .module = {.inputs = 1}},
    [GELU] = {.always = {.inputs = 1}, .module = {.inputs = 1}},
    [SILU] = {.always = {.inputs = 1}},
    [SOFTMAX] = {.always = {.inputs = 1}, .by_form = true},
    [MAXPOOL] = {.always = {.inputs = 1}, .module = {.inputs = 1}},
    [AVGPOOL] = {.always = {.inputs = 1}, .module = {.inputs = 1}},
    [ADAPTIVE_AVGPOOL] = {.always = {.inputs = 1}, .module = {.inputs = 1}},
    [ADAPTIVE_AVGPOOL2D] = {.always = {.inputs = 1}, .module = {.inputs = 1}},
    [UPSAMPLE] = {.always = {.outputs = 1}, .module = {.outputs = 1}},
    [UPSAMPLE_NEAREST] = {.always = {.outputs = 1}, .module = {.outputs = 1}},
    [UPSAMPLE_NEAREST2D] = {.always = {.outputs = 1}, .module = {.outputs = 1}},
    [UPSAMPLE_LINEAR] = {.always = {.outputs = 1}, .module = {.outputs = 1}},
    [UPSAMPLE_BILINEAR] = {.always = {.outputs = 1}, .module = {.outputs = 1}},
    [UPSAMPLE_BICUBIC] = {.always = {.outputs = 1}, .module = {.outputs = 1}},
    [ARITHMETIC] = {.by_form = true},
};

/* ptflops/aten_ops.py, ATEN_OPS_MAPPING: the operators mm, addmm, bmm and convolution, with their
 * biases. A linear layer of many positions may become a product and an addition of its own, whose
 * bias is then not counted: by the memory layout of its input and, before torch 2, by its rank. The
 * fused attention of torch 2 is missed. */
static const struct identity ptflops_aten[FAMILY_COUNT] = {
    [CONV] = {.always = {.macs = 1, .bias = 1}},
    [CONV_SAME] = {.always = {.macs = 1, .bias = 1}},
    [CONV_TRANSPOSE] = {.always = {.macs = 1, .bias = 1}},
    [LINEAR] = {.always = {.macs = 1, .bias = 1}},
    [LINEAR_POSITIONS] = {.always = {.macs = 1, .bias = 1}, .approximate = true},
    [MATMUL] = {.always = {.macs = 1}},
    [ATTENTION] = {.always = {.macs = 1, .bias = 1}, .approximate = true},
    [FUSED_ATTENTION] = {.approximate = true},
};

/* torchvision 0.14's convolutional classifiers (_noaux: without auxiliary heads), whose layers are
 * modules but for the following. */
static const char networks[] =
    " alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161"
    " densenet169 densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3"
    " efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l"
    " efficientnet_v2_m efficientnet_v2_s googlenet googlenet_noaux inception_v3"
    " inception_v3_noaux mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v2"
    " mobilenet_v3_large mobilenet_v3_small regnet_x_16gf regnet_x_1_6gf regnet_x_32gf"
    " regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf regnet_y_128gf regnet_y_16gf"
    " regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf regnet_y_800mf regnet_y_8gf"
    " resnet101 resnet152 resnet18 resnet34 resnet50 resnext101_32x8d resnext101_64x4d"
    " resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0"
    " squeezenet1_0 squeezenet1_1 vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn"
    " wide_resnet101_2 wide_resnet50_2 ";

/* Their layers that are functions, or of a subclass that the tools do not know. */
static const struct {
  const char *network; /* the name's beginning */
  enum jc_layer_kind kind;
  enum jc_layer_kind next; /* only those before a layer of this kind; JC_LAYER_KIND_COUNT: all */
} functions[] = {
    {"convnext", JC_LAYER_layernorm, JC_LAYER_permute}, /* LayerNorm2d */
    {"densenet", JC_LAYER_relu, JC_LAYER_adaptive_avgpool2d},
    {"densenet", JC_LAYER_adaptive_avgpool2d, JC_LAYER_KIND_COUNT},
    {"googlenet", JC_LAYER_relu, JC_LAYER_KIND_COUNT},
    {"inception_v3", JC_LAYER_relu, JC_LAYER_KIND_COUNT},
    {"inception_v3", JC_LAYER_avgpool2d, JC_LAYER_KIND_COUNT},
    {"inception_v3", JC_LAYER_maxpool2d, JC_LAYER_concat},
    {"mobilenet_v2", JC_LAYER_adaptive_avgpool2d, JC_LAYER_KIND_COUNT},
};

#endif
