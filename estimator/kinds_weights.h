/* kinds_weights.h -- catalogue blocks of tables and tensors of weights: embedding,
 * position_embedding, parameter, constant. Included by layers.c only. */
#ifndef JC_ESTIMATOR_KINDS_WEIGHTS_H
#define JC_ESTIMATOR_KINDS_WEIGHTS_H

#include "estimator/kinds_common.h"

/* ---- embedding ---- */

static const struct jc_field embedding_fields[] = {
    FIELD(embedding, num_embeddings, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "rows of the table"),
    FIELD(embedding, embedding_dim, .required = true, .minimum = 1, .maximum = MAX_DIMENSION,
          .help = "length of a row"),
};

static void embedding_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  const struct jc_embedding *table = &view->layer->fields.embedding;
  cost->params = count_product(table->num_embeddings, table->embedding_dim, &cost->overflow);
  cost->weight = (struct jc_shape){.rank = 2, .dim = {table->num_embeddings, table->embedding_dim}};
  cost->saves_input = cost->saves_input_for_weights_only = true;
  cost->reads_weights_sparsely = true;
}

static enum jc_status embedding_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                      struct jc_error *error) {
  *out = *jc_view_input(view, 0);
  if (jc_view_network_input(view, 0) == JC_FLOAT_INPUT || jc_view_needs_grad(view, 0))
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected whole numbers (an input of \"dtype\": \"int32\"), got %s",
                   jc_view_needs_grad(view, 0) ? "what a layer computes" : "float32");
  if (out->rank == JC_MAX_RANK)
    return jc_fail(error, JC_ERROR_INVALID, 0, "inputs",
                   "expected indices of at most %d dimensions, got %u", JC_MAX_RANK - 1, out->rank);
  out->dim[out->rank++] = view->layer->fields.embedding.embedding_dim;
  return JC_OK;
}

static const struct jc_kind kind_linear;

static const struct jc_kind kind_embedding = {
    .name = "embedding",
    .summary = "a row of a learnt table for each index",
    FIELDS(embedding_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .ties_with = JC_LAYER_linear,
    .shape = embedding_shape,
    .cost = embedding_cost,
};

/* ---- position_embedding ---- */

static enum jc_status position_embedding_shape(const struct jc_layer_view *view,
                                               struct jc_shape *out, struct jc_error *error) {
  const struct jc_embedding *table = &view->layer->fields.position_embedding;
  const struct jc_shape *in = jc_view_input(view, 0);
  if (in->rank == 0)
    return require_rank(view, 1, "of at least one dimension", error);
  if (in->dim[0] > table->num_embeddings)
    return jc_fail(error, JC_ERROR_INVALID, 0, "num_embeddings",
                   "expected at least the %u positions of the input, got %u", in->dim[0],
                   table->num_embeddings);
  *out = (struct jc_shape){.rank = 2, .dim = {in->dim[0], table->embedding_dim}};
  return JC_OK;
}

static void position_embedding_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  embedding_cost(view, cost);
  cost->saves_input = cost->saves_input_for_weights_only = false; /* only its length is used */
  cost->ignores_input = true;
}

static const struct jc_kind kind_position_embedding = {
    .name = "position_embedding",
    .summary = "the first rows of a learnt table, one for each position of the input's first "
               "dimension; without batch",
    FIELDS(embedding_fields),
    .min_inputs = 1,
    .max_inputs = 1,
    .output_per_step = true,
    .shape = position_embedding_shape,
    .cost = position_embedding_cost,
};

/* ---- parameter, constant ---- */

static const struct jc_field shaped_fields[] = {
    LIST_FIELD(shaped, shape, .required = true, .help = "the tensor's whole shape"),
};

static enum jc_status tensor_shape(const struct jc_layer_view *view, struct jc_shape *out,
                                   struct jc_error *error) {
  const struct jc_int_list *shape = &view->layer->fields.parameter.shape;
  *out = (struct jc_shape){0};
  if (shape->count > JC_MAX_RANK)
    return jc_fail(error, JC_ERROR_INVALID, 0, "shape", "expected at most %d dimensions, got %u",
                   JC_MAX_RANK, shape->count);
  for (uint32_t i = 0; i < shape->count; i++) {
    if (shape->value[i] < 1)
      return jc_fail(error, JC_ERROR_INVALID, 0, "shape", "expected positive integers, got %d",
                     shape->value[i]);
    out->dim[out->rank++] = (uint32_t)shape->value[i];
  }
  return JC_OK;
}

static void parameter_cost(const struct jc_layer_view *view, struct jc_cost *cost) {
  (void)view;
  cost->params = jc_shape_elements(&cost->out);
  cost->weight = cost->out;
  cost->moves_no_data = true;
}

static const struct jc_kind kind_parameter = {
    .name = "parameter",
    .summary = "a learnt tensor without batch: class token, position table, scale",
    FIELDS(shaped_fields),
    .shape = tensor_shape,
    .cost = parameter_cost,
};

static const struct jc_kind kind_constant = {
    .name = "constant",
    .summary = "a fixed tensor without batch: mask, table of indices",
    FIELDS(shaped_fields),
    .shape = tensor_shape,
    .cost = cost_view,
};

#endif
