/* kinds_attention.h -- catalogue blocks of attention: multihead_attention and
 * scaled_dot_product_attention. Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_ATTENTION_H
#define JC_ESTIMATOR_KINDS_ATTENTION_H

#include "estimator/kinds_common.h"

enum { SOFTMAX_OPS = 5 }; /* as kind_softmax counts an element */

/* softmax(q k^T / sqrt(d)) v: two products, of which a causal mask spares nothing by convention. */
struct attention {
  uint64_t scores; /* elements of q k^T, of all heads */
  uint64_t score_macs, value_macs;
};

/* Which operands need a gradient. The scores need one if the query, the key or the mask does. */
struct attention_needs {
  bool query, key, value, mask;
};

/* Backward of both products: one for each factor that needs a gradient. */
static uint64_t attention_data_macs(const struct attention *attention,
                                    const struct attention_needs *needs, bool *overflow) {
  const bool weights = needs->query || needs->key || needs->mask;
  const uint64_t scores =
      count_product((uint64_t)needs->query + (uint64_t)needs->key, attention->score_macs, overflow);
  const uint64_t values =
      count_product((uint64_t)weights + (uint64_t)needs->value, attention->value_macs, overflow);
  return count_sum(scores, values, overflow);
}

/* ---- multihead_attention ---- */

static const struct jc_field multihead_attention_fields[] = {
    FIELD(multihead_attention, num_heads, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "parts into which the embedding is cut"),
    FIELD(multihead_attention, bias, .default_value = 1,
          .help = "add learnt biases to the four projections"),
    FIELD(multihead_attention, causal, .default_value = 0,
          .help = "no position sees a later one; counts are those of the full square"),
    FIELD(multihead_attention, dropout, .default_value = 0, .minimum = 0, .maximum = 1,
          .help = "share of attention weights set to 0 in training"),
};

/* Inputs: query; query, key = value; or query, key, value. */
static uint32_t key_input(const struct jc_layer_view *view) {
  return view->input_count > 1 ? 1 : 0;
}

static uint32_t value_input(const struct jc_layer_view *view) {
  return view->input_count - 1;
}

struct mha_sizes {
  uint64_t batch; /* leading dimensions before [length, embedding] */
  uint64_t length, source_length, embedding, key_features, value_features;
};

static struct mha_sizes mha_sizes(const struct jc_layer_view *view) {
  const struct jc_shape *query = jc_view_input(view, 0);
  const struct jc_shape *key = jc_view_input(view, key_input(view));
  const struct jc_shape *value = jc_view_input(view, value_input(view));
  struct mha_sizes s = {.batch = 1,
                        .length = query->dim[query->rank - 2],
                        .source_length = key->dim[key->rank - 2],
                        .embedding = query->dim[query->rank - 1],
                        .key_features = key->dim[key->rank - 1],
                        .value_features = value->dim[value->rank - 1]};
  for (uint32_t i = 0; i + 2 < query->rank; i++)
    s.batch *= query->dim[i];
  return s;
}

static enum jc_status mha_check_source(const struct jc_layer_view *view, uint32_t index,
                                       struct jc_error *error) {
  const struct jc_shape *query = jc_view_input(view, 0),
                        *key = jc_view_input(view, key_input(view));
  const struct jc_shape *other = jc_view_input(view, index);
  struct jc_shape expected = *query;
  expected.dim[query->rank - 1] = other->rank > 0 ? other->dim[other->rank - 1] : 0;
  if (other->rank == query->rank)
    expected.dim[query->rank - 2] = key->dim[query->rank - 2];
  return jc_shape_equal(&expected, other) ? JC_OK : shapes_differ(query, other, error);
}

static enum jc_status multihead_attention_shape(const struct jc_layer_view *view,
                                                struct jc_shape *out, struct jc_error *error) {
  const uint32_t heads = view->layer->fields.multihead_attention.num_heads;
  char text[MESSAGE_SHAPE_BYTES];
  *out = *jc_view_input(view, 0);
  for (uint32_t i = 0; i < view->input_count; i++)
    if (require_floats(view, i, error) != JC_OK)
      return error->status;
  if (out->rank < 2)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected a tensor of length x features, got %s",
                   jc_shape_format(out, text, sizeof(text)));
  for (uint32_t i = 1; i < view->input_count; i++)
    if (mha_check_source(view, i, error) != JC_OK)
      return error->status;
  if (out->dim[out->rank - 1] % heads != 0)
    return jc_fail(error, JC_ERROR_INVALID, 0, "num_heads", "expected a divisor of %u, got %u",
                   out->dim[out->rank - 1], heads);
  return JC_OK;
}

static struct attention mha_attention(const struct jc_layer_view *view, bool *overflow) {
  const struct mha_sizes s = mha_sizes(view);
  const uint64_t square =
      count_product(s.batch, count_product(s.length, s.source_length, overflow), overflow);
  struct attention a;
  a.scores = count_product(square, view->layer->fields.multihead_attention.num_heads, overflow);
  a.score_macs = a.value_macs = count_product(square, s.embedding, overflow);
  return a;
}

/* MACs of the projections of query, key, value and output. */
static void mha_projections(const struct mha_sizes *s, uint64_t macs[4], bool *overflow) {
  const uint64_t features[4] = {s->embedding, s->key_features, s->value_features, s->embedding};
  const uint64_t lengths[4] = {s->length, s->source_length, s->source_length, s->length};
  for (int i = 0; i < 4; i++)
    macs[i] = count_product(count_product(s->batch, lengths[i], overflow),
                            count_product(s->embedding, features[i], overflow), overflow);
}

static uint64_t sum_of_four(const uint64_t values[4], bool *overflow) {
  return count_sum(count_sum(values[0], values[1], overflow),
                   count_sum(values[2], values[3], overflow), overflow);
}

static void multihead_attention_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_multihead_attention *fields = &view->layer->fields.multihead_attention;
  const struct mha_sizes s = mha_sizes(view);
  bool *over = &cost->overflow;
  const struct attention a = mha_attention(view, over);
  const uint64_t features[4] = {s.embedding, s.key_features, s.value_features, s.embedding};
  const uint64_t out = jc_shape_elements(&cost->out);
  /* Projected query, key and value, and the context before the last projection. */
  const uint64_t source =
      count_product(count_product(s.batch, s.source_length, over), s.embedding, over);
  const uint64_t projected =
      count_sum(count_product(2, out, over), count_product(2, source, over), over);
  uint64_t macs[4];
  mha_projections(&s, macs, over);
  cost->weight_macs = sum_of_four(macs, over);
  cost->macs = count_sum(cost->weight_macs, count_sum(a.score_macs, a.value_macs, over), over);
  cost->params = count_product(s.embedding, sum_of_four(features, over), over);
  cost->weight = (struct jc_shape){
      .rank = 3,
      .dim = {(uint32_t)s.embedding, (uint32_t)s.key_features, (uint32_t)s.value_features}};
  cost->elementwise_ops = /* queries are scaled */
      count_sum(count_product(SOFTMAX_OPS, a.scores, over), out, over);
  if (fields->bias) {
    cost->params = count_sum(cost->params, 4 * s.embedding, over);
    cost->elementwise_ops = count_sum(cost->elementwise_ops, projected, over);
  }
  cost->saves_input = cost->saves_input_for_weights_only = true;
  cost->saved_extra_bytes = float_bytes(count_sum(projected, a.scores, over), over);
}

static void multihead_attention_gradients(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct mha_sizes s = mha_sizes(view);
  bool *over = &cost->overflow;
  const struct attention a = mha_attention(view, over);
  const bool from[3] = {jc_view_needs_grad(view, 0), jc_view_needs_grad(view, key_input(view)),
                        jc_view_needs_grad(view, value_input(view))};
  const bool trains = cost->trains_weights;
  const struct attention_needs needs = {trains || from[0], trains || from[1], trains || from[2],
                                        false};
  uint64_t macs[4];
  mha_projections(&s, macs, over);
  uint64_t data = attention_data_macs(&a, &needs, over);
  data = count_sum(data, macs[3], over); /* what comes into the last projection needs one */
  for (int i = 0; i < 3; i++)
    data = count_sum(data, from[i] ? macs[i] : 0, over);
  cost->backward_data_macs = data;
  cost->backward_weights_macs = trains ? cost->weight_macs : 0;
}

static const struct jc_kind kind_multihead_attention = {
    .name = "multihead_attention",
    .summary = "attention with projections: of one tensor with itself, or query, key and value",
    FIELDS(multihead_attention_fields),
    .min_inputs = 1,
    .max_inputs = 3,
    .shape = multihead_attention_shape,
    .cost = multihead_attention_cost,
    .gradients = multihead_attention_gradients,
};

/* ---- scaled_dot_product_attention ---- */

static const struct jc_field scaled_dot_product_attention_fields[] = {
    FIELD(scaled_dot_product_attention, is_causal, .default_value = 0,
          .help = "no position sees a later one; counts are those of the full square"),
    FIELD(scaled_dot_product_attention, dropout_p, .default_value = 0, .minimum = 0, .maximum = 1,
          .help = "share of attention weights set to 0 in training"),
};

/* A mask broadcasts to the SCORES, not they to it. */
static enum jc_status check_mask(const struct jc_layer_view *view, const struct jc_shape *scores,
                                 struct jc_error *error) {
  const struct jc_shape mask = operand(view, 3, batched_rank(view));
  struct jc_shape both = *scores;
  if (broadcast(&both, &mask, error) != JC_OK)
    return error->status;
  return jc_shape_equal(&both, scores) ? JC_OK : shapes_differ(scores, &mask, error);
}

/* Query [.., L, d], key [.., S, d], value [.., S, dv]; a fourth input is a mask of [.., L, S]. */
static enum jc_status scaled_dot_product_attention_shape(const struct jc_layer_view *view,
                                                         struct jc_shape *out,
                                                         struct jc_error *error) {
  const uint32_t max_rank = batched_rank(view);
  struct jc_shape lead = {0}, part[3];
  for (uint32_t i = 0; i < 3; i++) {
    char text[MESSAGE_SHAPE_BYTES];
    part[i] = operand(view, i, max_rank);
    if (part[i].rank < 2)
      return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                     "expected a tensor of length x features, got %s",
                     jc_shape_format(&part[i], text, sizeof(text)));
    struct jc_shape leading = part[i];
    leading.rank -= 2;
    if (require_floats(view, i, error) != JC_OK ||
        require_operand(&part[i], max_rank, error) != JC_OK ||
        broadcast(&lead, &leading, error) != JC_OK)
      return error->status;
  }
  const struct jc_shape *query = &part[0], *key = &part[1], *value = &part[2];
  if (query->dim[query->rank - 1] != key->dim[key->rank - 1])
    return shapes_differ(query, key, error);
  if (key->dim[key->rank - 2] != value->dim[value->rank - 2])
    return shapes_differ(key, value, error);
  *out = (struct jc_shape){.rank = lead.rank + 2};
  memcpy(out->dim, lead.dim, lead.rank * sizeof(lead.dim[0]));
  out->dim[lead.rank] = query->dim[query->rank - 2];
  out->dim[lead.rank + 1] = key->dim[key->rank - 2]; /* the scores, first */
  if (view->input_count == 4 && check_mask(view, out, error) != JC_OK)
    return error->status;
  out->dim[lead.rank + 1] = value->dim[value->rank - 1];
  return JC_OK;
}

static struct attention dot_product_attention(const struct jc_layer_view *view,
                                              const struct jc_shape *out, bool *overflow) {
  const struct jc_shape *query = jc_view_input(view, 0), *key = jc_view_input(view, 1);
  const uint64_t rows = jc_shape_elements(out) / out->dim[out->rank - 1];
  struct attention a;
  a.scores = count_product(rows, key->dim[key->rank - 2], overflow);
  a.score_macs = count_product(a.scores, query->dim[query->rank - 1], overflow);
  a.value_macs = count_product(a.scores, out->dim[out->rank - 1], overflow);
  return a;
}

static void scaled_dot_product_attention_cost(const struct jc_layer_view *view,
                                              struct jc_cost *cost) {
  bool *over = &cost->overflow;
  const struct attention a = dot_product_attention(view, &cost->out, over);
  const uint64_t per_score = SOFTMAX_OPS + 1 + (view->input_count == 4 ? 1 : 0); /* scale, mask */
  cost->macs = count_sum(a.score_macs, a.value_macs, over);
  cost->elementwise_ops = count_product(per_score, a.scores, over);
  cost->saves_input = true;
  cost->saved_extra_bytes = float_bytes(a.scores, over);
}

static void scaled_dot_product_attention_gradients(const struct jc_layer_view *view,
                                                   struct jc_cost *cost) {
  const struct attention a = dot_product_attention(view, &cost->out, &cost->overflow);
  const struct attention_needs needs = {jc_view_needs_grad(view, 0), jc_view_needs_grad(view, 1),
                                        jc_view_needs_grad(view, 2),
                                        view->input_count == 4 && jc_view_needs_grad(view, 3)};
  cost->backward_data_macs = attention_data_macs(&a, &needs, &cost->overflow);
}

static const struct jc_kind kind_scaled_dot_product_attention = {
    .name = "scaled_dot_product_attention",
    .summary = "attention of query, key and value without projections; a fourth input is a mask",
    FIELDS(scaled_dot_product_attention_fields),
    .min_inputs = 3,
    .max_inputs = 4,
    .shape = scaled_dot_product_attention_shape,
    .cost = scaled_dot_product_attention_cost,
    .gradients = scaled_dot_product_attention_gradients,
};

#endif
