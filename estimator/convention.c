/* convention.c -- what other counting tools print: their identities (convention_tables.h) summed.
 */
#include "estimator/convention.h"

#include <string.h>

#include "estimator/convention_tables.h"
#include "estimator/counting.h"

struct convention {
  struct jc_convention_info info;
  const struct identity *identities; /* [FAMILY_COUNT] */
};

static const struct convention conventions[JC_CONVENTION_COUNT] = {
    [JC_CONVENTION_TORCHVISION] = {{"torchvision", "0.29.2", "FLOPs",
                                    "MACs of convolutions, linear layers and matrix products; "
                                    "published in G to three decimals"},
                                   torchvision},
    [JC_CONVENTION_FVCORE] = {{"fvcore", "0.1.5.post20221221", "FLOPs",
                               "MACs + 2 per batchnorm element + 5 per layernorm, groupnorm and "
                               "instancenorm element + inputs of adaptive average pools"},
                              fvcore},
    [JC_CONVENTION_THOP] = {{"thop", "0.1.1.post2209072238", "MACs",
                             "MACs of convolution and linear modules + 4 per batchnorm and "
                             "layernorm element + outputs of average pools + (window + 1) per "
                             "output of adaptive average pools, modules only"},
                            thop},
    [JC_CONVENTION_TORCHINFO] = {{"torchinfo", "1.8.0", "mult-adds",
                                  "weights and biases of convolutions x output positions + "
                                  "weights and biases of every other module, once"},
                                 torchinfo},
    [JC_CONVENTION_PTFLOPS] = {{"ptflops", "0.7.5", "MACs",
                                "MACs + bias additions + 2 per batchnorm element + elements of "
                                "relu, gelu, silu and inputs of pools, twice where they are "
                                "modules (relu6 and silu once)"},
                               ptflops},
    [JC_CONVENTION_PTFLOPS_ATEN] = {{"ptflops-aten", "0.7.5", "MACs",
                                     "MACs + bias additions of convolutions and linear layers, by "
                                     "the backend \"aten\""},
                                    ptflops_aten},
};

const struct jc_convention_info *jc_convention_info(enum jc_convention_kind convention) {
  return &conventions[convention].info;
}

enum jc_convention_kind jc_convention_find(const char *name) {
  uint32_t i = 0;
  while (i < JC_CONVENTION_COUNT && strcmp(conventions[i].info.name, name) != 0)
    i++;
  return (enum jc_convention_kind)i;
}

/* ---- how a layer is written ---- */

enum form { MODULE, FUNCTION, UNKNOWN_FORM };

static bool is_known(const char *network) {
  const size_t length = strlen(network);
  if (length == 0 || strchr(network, ' ') != NULL)
    return false;
  for (const char *at = networks; (at = strstr(at, network)) != NULL; at++)
    if (at[-1] == ' ' && at[length] == ' ')
      return true;
  return false;
}

/* Whether the next layer is of KIND and reads LAYER. */
static bool feeds_next(const struct jc_network *network, uint32_t layer, enum jc_layer_kind kind) {
  if (layer + 1 >= network->layer_count || network->layers[layer + 1].kind != kind)
    return false;
  const struct jc_layer *next = &network->layers[layer + 1];
  for (uint32_t i = 0; i < next->input_count; i++)
    if (network->inputs_of_layers[next->first_input + i] == network->input_count + layer)
      return true;
  return false;
}

static enum form form_of(const struct jc_network *network, uint32_t layer) {
  const bool of_torchvision =
      network->source != NULL && strstr(network->source, "torchvision") != NULL;
  if (!of_torchvision || !is_known(network->name))
    return UNKNOWN_FORM;
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
    if (functions[i].kind == network->layers[layer].kind &&
        strncmp(network->name, functions[i].network, strlen(functions[i].network)) == 0 &&
        (functions[i].next == JC_LAYER_KIND_COUNT || feeds_next(network, layer, functions[i].next)))
      return FUNCTION;
  return MODULE;
}

/* ---- a layer's family and facts ---- */

static const struct jc_shape *input_shape(const struct jc_analysis *analysis, uint32_t layer,
                                          uint32_t index) {
  const struct jc_layer *l = &analysis->network->layers[layer];
  return jc_tensor_shape(analysis, analysis->network->inputs_of_layers[l->first_input + index]);
}

/* The mode by its name, since its number is the catalogue's business. */
static const char *upsample_mode(const struct jc_layer *layer) {
  const struct jc_kind *kind = jc_kind_get(JC_LAYER_upsample);
  uint32_t i = 0;
  while (i + 1 < kind->field_count && strcmp(kind->fields[i].name, "mode") != 0)
    i++;
  return kind->fields[i].choices[layer->fields.upsample.mode];
}

static enum family upsample_family(const struct jc_layer *layer, uint32_t rank) {
  static const struct {
    const char *mode;
    enum family family;
  } modes[] = {
      {"linear", UPSAMPLE_LINEAR}, {"bilinear", UPSAMPLE_BILINEAR}, {"bicubic", UPSAMPLE_BICUBIC}};
  const char *mode = upsample_mode(layer);
  if (strcmp(mode, "nearest") == 0)
    return rank == 3 ? UPSAMPLE_NEAREST2D : UPSAMPLE_NEAREST;
  for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
    if (strcmp(mode, modes[i].mode) == 0)
      return modes[i].family;
  return UPSAMPLE;
}

static enum family family_of(const struct jc_analysis *analysis, uint32_t layer) {
  const struct jc_layer *l = &analysis->network->layers[layer];
  const enum family family = (enum family)families[l->kind];
  switch (family) {
  case CONV:
    return l->fields.conv2d.padding.same ? CONV_SAME : CONV;
  case LINEAR:
    return input_shape(analysis, layer, 0)->rank > 1 ? LINEAR_POSITIONS : LINEAR;
  case BATCHNORM:
    return l->fields.batchnorm2d.track_running_stats ? BATCHNORM : BATCHNORM_OF_BATCH;
  case UPSAMPLE:
    return upsample_family(l, input_shape(analysis, layer, 0)->rank);
  default:
    return family;
  }
}

/* Facts of one layer, of which the identities are multiples. */
struct facts {
  uint64_t inputs, outputs, bias, weights;
  bool affine;
};

/* Elements that the biases of an attention are added to: query and output are as long as the
 * output, key and value as the second input. */
static uint64_t attention_biases(const struct jc_analysis *analysis, uint32_t layer, bool *over) {
  const struct jc_layer *l = &analysis->network->layers[layer];
  const struct jc_shape *out = &analysis->layers[layer].out;
  const struct jc_shape *key = input_shape(analysis, layer, l->input_count > 1 ? 1 : 0);
  const uint64_t features = out->dim[out->rank - 1];
  const uint64_t keys = jc_shape_elements(key) / key->dim[key->rank - 1];
  if (!l->fields.multihead_attention.bias)
    return 0;
  return count_product(
      2, count_sum(jc_shape_elements(out), count_product(keys, features, over), over), over);
}

static bool has_bias(const struct jc_layer *layer, enum family family) {
  switch (family) {
  case CONV:
  case CONV_SAME:
    return layer->fields.conv2d.bias;
  case CONV_TRANSPOSE:
    return layer->fields.conv_transpose2d.bias;
  case LINEAR:
  case LINEAR_POSITIONS:
    return layer->fields.linear.bias;
  default:
    return false;
  }
}

static struct facts facts_of(const struct jc_analysis *analysis, uint32_t layer, enum family family,
                             bool *over) {
  const struct jc_layer *l = &analysis->network->layers[layer];
  const struct jc_cost *cost = &analysis->layers[layer];
  struct facts facts = {.outputs = jc_shape_elements(&cost->out), .affine = cost->params > 0};
  if (l->input_count > 0)
    facts.inputs = jc_shape_elements(input_shape(analysis, layer, 0));
  if (has_bias(l, family))
    facts.bias = facts.outputs;
  else if (family == ATTENTION)
    facts.bias = attention_biases(analysis, layer, over);
  if (family == CONV_TRANSPOSE) {
    const uint64_t channels =
        cost->out.dim[cost->out.rank - 1 - jc_kind_get(l->kind)->spatial_rank];
    const uint64_t weights = cost->params - (facts.bias > 0 ? channels : 0);
    facts.weights = count_product(weights, facts.outputs / channels, over);
  }
  return facts;
}

static uint64_t amount(const struct amounts *times, const struct facts *facts,
                       const struct jc_cost *cost, bool *over) {
  const uint64_t terms[][2] = {
      {times->macs, cost->macs},        {times->bias, facts->bias},
      {times->params, cost->params},    {times->weights, facts->weights},
      {times->inputs, facts->inputs},   {facts->affine ? times->affine : 0, facts->inputs},
      {times->outputs, facts->outputs},
  };
  uint64_t sum = 0;
  for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
    sum = count_sum(sum, count_product(terms[i][0], terms[i][1], over), over);
  return sum;
}

/* As thop does: the quotients of the spatial dimensions, each a double. */
static uint64_t window_and_one(const struct jc_shape *in, const struct jc_shape *out) {
  double window = 1;
  for (uint32_t i = 1; i < out->rank; i++)
    window *= (double)in->dim[i] / (double)out->dim[i];
  return (uint64_t)((window + 1) * (double)jc_shape_elements(out));
}

static uint64_t special_amount(uint8_t special, const struct jc_analysis *analysis, uint32_t layer,
                               const struct facts *facts, bool *over) {
  const struct jc_shape *out = &analysis->layers[layer].out;
  if (special == WINDOW_AND_ONE)
    return window_and_one(input_shape(analysis, layer, 0), out);
  if (special == SOFTMAX_ROWS) {
    const int32_t dim = analysis->network->layers[layer].fields.softmax.dim;
    return count_product(3, facts->outputs, over) -
           facts->outputs / out->dim[jc_dim_index(out->rank, dim)];
  }
  return 0;
}

static bool depends_on_form(const struct identity *identity) {
  static const struct amounts nothing;
  return identity->by_form || identity->special != NOTHING_SPECIAL ||
         memcmp(&identity->module, &nothing, sizeof(nothing)) != 0;
}

/* ---- the counts ---- */

static enum jc_status refuse(const struct jc_layer *layer, const struct jc_convention_info *info,
                             struct jc_error *error) {
  return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                 "what %s %s says of %s (layer '%.60s') is not known, or it fails there",
                 info->name, info->version, jc_kind_get(layer->kind)->name, layer->name);
}

static uint64_t count_of(const struct jc_analysis *analysis, uint32_t layer, enum family family,
                         const struct identity *identity, enum form form, bool *over) {
  const struct jc_cost *cost = &analysis->layers[layer];
  const struct facts facts = facts_of(analysis, layer, family, over);
  const uint64_t always = amount(&identity->always, &facts, cost, over);
  if (form == FUNCTION)
    return always;
  const uint64_t module =
      count_sum(amount(&identity->module, &facts, cost, over),
                special_amount(identity->special, analysis, layer, &facts, over), over);
  return count_sum(always, module, over);
}

static enum jc_status refuse_overflow(const struct jc_convention_info *info,
                                      struct jc_error *error) {
  return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "the count of %s does not fit 64 bits",
                 info->name);
}

enum jc_status jc_convention_layer(const struct jc_analysis *analysis, uint32_t layer,
                                   enum jc_convention_kind convention,
                                   struct jc_convention_count *count, struct jc_error *error) {
  const struct convention *c = &conventions[convention];
  const struct jc_layer *l = &analysis->network->layers[layer];
  *count = (struct jc_convention_count){0};
  if (l->training_only)
    return JC_OK;
  const enum family family = family_of(analysis, layer);
  const struct identity *identity = &c->identities[family];
  if (family == UNKNOWN || identity->refused)
    return refuse(l, &c->info, error);
  const enum form form =
      depends_on_form(identity) ? form_of(analysis->network, layer) : UNKNOWN_FORM;
  bool over = false;
  count->value = count_of(analysis, layer, family, identity, form, &over);
  count->approximate = identity->approximate || (depends_on_form(identity) && form == UNKNOWN_FORM);
  return over ? refuse_overflow(&c->info, error) : JC_OK;
}

enum jc_status jc_convention_total(const struct jc_analysis *analysis,
                                   enum jc_convention_kind convention,
                                   struct jc_convention_count *total, struct jc_error *error) {
  bool over = false;
  *total = (struct jc_convention_count){0};
  for (uint32_t i = 0; i < analysis->network->layer_count; i++) {
    struct jc_convention_count count;
    if (jc_convention_layer(analysis, i, convention, &count, error) != JC_OK)
      return error->status;
    total->value = count_sum(total->value, count.value, &over);
    total->approximate = total->approximate || count.approximate;
  }
  return over ? refuse_overflow(&conventions[convention].info, error) : JC_OK;
}
