/* onnx_emit.c -- what handlers are written with: inputs, arguments, layers, views, weights. */
#include <stdarg.h>
#include <string.h>

#include "convert/onnx_lower.h"

/* ---- errors and notes ---- */

enum jc_status jc_lower_place(struct jc_lowering *l) {
  struct jc_error *error = l->error;
  if (l->node && !error->path[0]) {
    const struct jc_onnx_node *node = l->node;
    const char *name = *node->name ? node->name : node->output_count > 0 ? node->outputs[0] : "";
    (void)snprintf(error->path, sizeof error->path, "node '%.180s' (%.40s)", name, node->op_type);
  }
  return error->status;
}

void jc_lower_note(struct jc_lowering *l, const char *format, ...) {
  char line[600];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  size_t length = strlen(line), needed = l->notes_size + length + 2;
  if (needed > l->notes_room) { /* doubles, so that many notes take memory once */
    size_t room = 2 * l->notes_room > needed ? 2 * l->notes_room : needed;
    char *longer = jc_arena_take(l->arena, room, 1, l->error);
    if (!longer)
      return;
    if (l->notes_size)
      memcpy(longer, l->notes, l->notes_size);
    l->notes = longer;
    l->notes_room = room;
  }
  memcpy(l->notes + l->notes_size, line, length);
  l->notes_size += length + 1;
  l->notes[l->notes_size - 1] = '\n';
  l->notes[l->notes_size] = '\0';
}

/* ---- inputs and arguments ---- */

struct jc_value *jc_in(const struct jc_lowering *l, uint32_t i) {
  return i < l->in_count ? l->in[i] : NULL;
}

struct jc_value *jc_need(struct jc_lowering *l, uint32_t i) {
  struct jc_value *value = jc_in(l, i);
  if (!value || l->out_count == 0) {
    jc_lower_fail(l, "expected %u or more inputs and an output, got %u and %u", i + 1, l->in_count,
                  l->out_count);
    return NULL;
  }
  return value;
}

struct jc_value *jc_new_value(struct jc_lowering *l, const struct jc_value *like) {
  struct jc_value *value = jc_arena_take(l->arena, 1, sizeof *value, l->error);
  if (!value)
    return NULL;
  *value = *like;
  value->tensor = value->weight = JC_NO_INDEX;
  value->data = NULL;
  value->declared = NULL;
  return value;
}

void jc_shape_like(struct jc_value *to, const struct jc_value *from) {
  to->rank = from->rank;
  memcpy(to->dims, from->dims, sizeof to->dims);
}

int jc_axis(struct jc_lowering *l, int64_t axis, uint32_t rank) {
  if (axis < -(int64_t)rank || axis >= (int64_t)rank) {
    jc_lower_fail(l, "expected an axis from %d to %d, got %lld", -(int)rank, (int)rank - 1,
                  (long long)axis);
    return -1;
  }
  return (int)(axis < 0 ? axis + rank : axis);
}

int64_t jc_model_dim(struct jc_lowering *l, const struct jc_value *value, uint32_t axis) {
  int index = jc_value_canonical_axis(value, axis);
  if (index >= 0 && !value->dims[axis].batch)
    return index + 1;
  jc_lower_fail(l, "works along the batch (axis %u), which a model of one sample cannot express",
                axis);
  return 0;
}

bool jc_ints_of(struct jc_lowering *l, const char *name, uint32_t i, struct jc_ints *ints) {
  const struct jc_onnx_attribute *attribute = name ? jc_onnx_attribute(l->node, name) : NULL;
  const struct jc_value *value = jc_in(l, i);
  const uint32_t most = 2 * JC_ONNX_MAX_RANK;
  ints->count = 0;
  if (attribute) {
    if (attribute->int_count > most)
      return jc_lower_fail(l, "%s: expected at most %u numbers", name, most), false;
    for (size_t k = 0; k < attribute->int_count; k++)
      ints->value[ints->count++] = jc_dim_of(attribute->ints[k]);
    return true;
  }
  if (!value)
    return false;
  int64_t count = jc_value_elements(value);
  if (!value->data || count < 0 || count > most || jc_onnx_tensor_is_float(value->type))
    return jc_lower_fail(l, "input %u '%.120s' must be whole numbers that are known beforehand", i,
                         value->name),
           false;
  for (int64_t k = 0; k < count; k++) {
    if (!value->data[k].known)
      return jc_lower_fail(l, "number %d of input %u '%.120s' is not known beforehand", (int)k, i,
                           value->name),
             false;
    ints->value[ints->count++] = (struct jc_dim){value->data[k].n, value->data[k].batch};
  }
  return true;
}

bool jc_plain_ints_of(struct jc_lowering *l, const char *name, uint32_t i, struct jc_ints *ints) {
  if (!jc_ints_of(l, name, i, ints))
    return false;
  for (uint32_t k = 0; k < ints->count; k++)
    if (ints->value[k].batch)
      return jc_lower_fail(l, "number %u of input %u depends on the batch", k, i), false;
  return true;
}

/* ---- layers ---- */

void jc_name_after_weight(struct jc_lowering *l, struct jc_out_layer *layer, uint32_t weight) {
  const char *stored = l->weights[weight].name;
  static const char *const endings[] = {".weight", "_weight", ".w", ".scale"};
  if (strstr(stored, "::")) /* torch's own: it says nothing */
    return;
  size_t length = strlen(stored);
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    size_t end = strlen(endings[i]);
    if (length > end && strcmp(stored + length - end, endings[i]) == 0) {
      const char *name = jc_arena_copy(l->arena, stored, length - end, l->error);
      layer->name = name ? name : "";
      return;
    }
  }
}

static struct jc_out_layer *add_stored(struct jc_lowering *l, const char *type, const char *name,
                                       const struct jc_canonical *shape) {
  struct jc_out_layer *layer = jc_layers_add(&l->network, l->arena, type, 0, l->error);
  if (!layer)
    return NULL;
  layer->name = name;
  layer->per_step = true;
  layer->shape = *shape;
  if (shape->rank == 0) { /* model.json knows no stored scalars */
    layer->shape.rank = 1;
    layer->shape.dims[0] = 1;
  }
  jc_layer_list(layer, "shape", layer->shape.dims, layer->shape.rank);
  return layer;
}

static uint32_t last_tensor(const struct jc_lowering *l) {
  return l->network.input_count + l->network.layer_count - 1;
}

static uint32_t tensor_of_weight(struct jc_lowering *l, struct jc_value *value) {
  struct jc_weight *weight = &l->weights[value->weight];
  if (weight->layer != JC_NO_INDEX) {
    jc_lower_fail(l, "reads '%.200s' as a tensor, but it is also the weights of a layer",
                  weight->name);
    return 0;
  }
  if (weight->tensor_layer == JC_NO_INDEX) {
    struct jc_canonical shape = {.rank = weight->tensor->rank};
    memcpy(shape.dims, weight->tensor->dims, sizeof shape.dims);
    struct jc_out_layer *layer = add_stored(l, "parameter", weight->name, &shape);
    if (!layer)
      return 0;
    layer->weight = value->weight;
    weight->tensor_layer = last_tensor(l);
  }
  if (!value->transposed && !value->viewed)
    return weight->tensor_layer;
  struct jc_out_layer *view =
      jc_layers_add(&l->network, l->arena, value->transposed ? "permute" : "reshape", 1, l->error);
  if (!view)
    return 0;
  view->name = value->name;
  view->inputs[0] = weight->tensor_layer;
  view->per_step = true;
  view->shape = jc_value_canonical(value);
  if (value->transposed)
    jc_layer_list(view, "dims", (const int64_t[]){0, 2, 1}, 3);
  else
    jc_layer_list(view, "shape", view->shape.dims, view->shape.rank);
  return last_tensor(l);
}

uint32_t jc_tensor_of(struct jc_lowering *l, struct jc_value *value) {
  if (l->folding || jc_error_is_set(l->error))
    return 0;
  if (value->tensor != JC_NO_INDEX)
    return value->tensor;
  if (value->kind == JC_VALUE_WEIGHT) {
    value->tensor = tensor_of_weight(l, value);
  } else {
    struct jc_canonical shape = jc_value_canonical(value);
    if (add_stored(l, "constant", value->name, &shape))
      value->tensor = last_tensor(l);
  }
  return value->tensor == JC_NO_INDEX ? 0 : value->tensor;
}

bool jc_is_per_step(const struct jc_lowering *l, const struct jc_value *value) {
  if (value->kind != JC_VALUE_LAYER)
    return true;
  const struct jc_out_layer *layer = jc_layers_of(&l->network, value->tensor);
  return layer && layer->per_step;
}

struct jc_out_layer *jc_emit(struct jc_lowering *l, const char *type, uint32_t count,
                             struct jc_value *const *inputs) {
  uint32_t tensors[8], *list = tensors;
  if (count > 8) {
    list = jc_arena_take(l->arena, count, sizeof *list, l->error);
    if (!list)
      return NULL;
  }
  if (l->folding)
    return jc_arena_take(l->arena, 1, sizeof(struct jc_out_layer), l->error);
  for (uint32_t i = 0; i < count; i++)
    list[i] = inputs[i] ? jc_tensor_of(l, inputs[i]) : 0;
  if (jc_error_is_set(l->error))
    return NULL;
  struct jc_out_layer *layer = jc_layers_add(&l->network, l->arena, type, count, l->error);
  if (!layer)
    return NULL;
  layer->node = l->node;
  layer->name = *l->node->name ? l->node->name : l->node->outputs[0];
  layer->per_step = true;
  for (uint32_t i = 0; i < count; i++) {
    layer->inputs[i] = list[i];
    layer->per_step &= jc_is_per_step(l, inputs[i]);
  }
  return layer;
}

struct jc_out_layer *jc_emit1(struct jc_lowering *l, const char *type, struct jc_value *input) {
  return jc_emit(l, type, 1, &input);
}

static enum jc_status check_shape(struct jc_lowering *l, const struct jc_value *out) {
  uint32_t batches = 0;
  char text[256];
  for (uint32_t i = 0; i < out->rank; i++) {
    batches += out->dims[i].batch;
    if (out->dims[i].n < (l->folding ? 0 : 1) || out->dims[i].n > INT32_MAX)
      return jc_lower_fail(l, "its result has the shape %s: expected dimensions from 1 to %d",
                           jc_value_shape_text(out, text, sizeof text), INT32_MAX);
  }
  if (batches > 1)
    return jc_lower_fail(l, "its result has the shape %s: expected one batch",
                         jc_value_shape_text(out, text, sizeof text));
  return JC_OK;
}

enum jc_status jc_finish(struct jc_lowering *l, struct jc_out_layer *layer, struct jc_value *out) {
  if (jc_error_is_set(l->error) || !layer)
    return l->error->status;
  if (l->folding) {
    out->kind = JC_VALUE_CONSTANT;
    out->data = NULL;
    return check_shape(l, out);
  }
  layer->shape = jc_value_canonical(out);
  out->kind = JC_VALUE_LAYER;
  out->tensor = last_tensor(l);
  return check_shape(l, out);
}

enum jc_status jc_alias(struct jc_value *in, struct jc_value *out) {
  out->kind = in->kind;
  out->type = in->type;
  out->data = in->data;
  out->tensor = in->tensor;
  out->weight = in->weight;
  out->transposed = in->transposed;
  out->viewed = in->viewed;
  jc_shape_like(out, in);
  return JC_OK;
}

enum jc_status jc_view(struct jc_lowering *l, struct jc_value *in, struct jc_value *out) {
  struct jc_canonical from = jc_value_canonical(in), to = jc_value_canonical(out);
  bool same_rank = in->rank == out->rank;
  if (in->kind == JC_VALUE_CONSTANT ||
      (jc_canonical_equal(&from, &to) && (in->kind == JC_VALUE_LAYER || same_rank))) {
    struct jc_value shape = *out;
    uint32_t tensor = jc_canonical_equal(&from, &to) ? in->tensor : JC_NO_INDEX;
    (void)jc_alias(in, out);
    out->tensor = tensor;
    jc_shape_like(out, &shape);
    return JC_OK;
  }
  if (jc_is_weight(in) && !in->transposed && jc_value_batch_axis(out) < 0) {
    struct jc_value shape = *out;
    (void)jc_alias(in, out);
    jc_shape_like(out, &shape);
    out->viewed = true;
    return JC_OK;
  }
  bool flat = to.rank == 1 && from.rank > 1;
  struct jc_out_layer *layer = jc_emit1(l, flat ? "flatten" : "reshape", in);
  if (layer && !flat)
    jc_layer_list(layer, "shape", to.dims, to.rank);
  return jc_finish(l, layer, out);
}

struct jc_value *jc_facing(struct jc_lowering *l, struct jc_value *operand,
                           const struct jc_value *other, const struct jc_value *out) {
  int batch = jc_value_batch_axis(out);
  if (l->folding || batch < 0 || out->dims[batch].n != 1)
    return operand;
  int64_t at = batch - ((int64_t)out->rank - operand->rank);
  if (at < 0 || operand->dims[at].batch)
    return operand;
  if (at == 0 && !jc_is_per_step(l, other) && operand->rank == out->rank)
    return operand; /* model.json drops leading dimensions of 1 itself */
  struct jc_value *shorter = jc_new_value(l, operand);
  if (!shorter)
    return NULL;
  shorter->rank--;
  for (uint32_t i = (uint32_t)at; i < shorter->rank; i++)
    shorter->dims[i] = operand->dims[i + 1];
  return jc_view(l, operand, shorter) == JC_OK ? shorter : NULL;
}

/* OPERAND, whose dimension AXIS has the size of the batch, as a tensor of one sample. */
static struct jc_value *one_row(struct jc_lowering *l, struct jc_value *operand, uint32_t axis) {
  struct jc_value *row = jc_new_value(l, operand);
  if (!row)
    return NULL;
  row->dims[axis] = (struct jc_dim){1, true};
  if (operand->kind == JC_VALUE_CONSTANT)
    return row;
  struct jc_out_layer *layer = jc_emit1(l, "select", operand);
  if (!layer)
    return NULL;
  jc_layer_int(layer, "dim", jc_model_dim(l, operand, axis));
  return jc_finish(l, layer, row) == JC_OK ? row : NULL;
}

bool jc_find_batch(struct jc_lowering *l, struct jc_value **a, struct jc_value **b) {
  int batch_a = jc_value_batch_axis(*a), batch_b = jc_value_batch_axis(*b);
  if (l->folding || l->batch_size < 2 || (batch_a < 0) == (batch_b < 0))
    return true;
  const struct jc_value *with = batch_a < 0 ? *b : *a;
  struct jc_value **without = batch_a < 0 ? a : b;
  int axis = batch_a < 0 ? batch_b : batch_a;
  int64_t at = axis - ((int64_t)with->rank - (*without)->rank);
  if (with->dims[axis].n != 1 || at < 0 || (*without)->dims[at].n != l->batch_size)
    return true;
  *without = one_row(l, *without, (uint32_t)at);
  return *without != NULL;
}

/* ---- weights ---- */

bool jc_is_weight(const struct jc_value *value) {
  return value && value->kind == JC_VALUE_WEIGHT && value->tensor == JC_NO_INDEX;
}

/* A layer shares all its tensors or none: model.json has no word for one of two. */
static enum jc_status refuse_half_shared(struct jc_lowering *l, uint32_t index, const char *what,
                                         const char *other) {
  const struct jc_weight *w = &l->weights[index];
  const struct jc_out_layer *holder = w->layer == JC_NO_INDEX ? NULL : l->network.layers[w->layer];
  const char *name = !holder                               ? "itself"
                     : holder->node && *holder->node->name ? holder->node->name
                                                           : holder->name;
  return jc_lower_fail(l,
                       "shares %s '%.120s' with '%.120s': a shared %s with another %s cannot be "
                       "expressed; if the network does not share it, export with "
                       "training=TrainingMode.TRAINING",
                       what, w->name, name, what, other);
}

enum jc_status jc_hold(struct jc_lowering *l, struct jc_out_layer *layer, uint32_t weight,
                       uint32_t bias) {
  if (jc_error_is_set(l->error) || !layer || l->folding)
    return l->error->status;
  uint32_t held[2] = {weight, bias};
  for (int i = 0; i < 2; i++)
    if (held[i] != JC_NO_INDEX && l->weights[held[i]].tensor_layer != JC_NO_INDEX)
      return jc_lower_fail(l, "reads '%.200s' as weights, but it is also read as a tensor",
                           l->weights[held[i]].name);
  layer->weight = weight;
  layer->bias = bias;
  if (weight == JC_NO_INDEX)
    return JC_OK;
  struct jc_weight *w = &l->weights[weight];
  jc_name_after_weight(l, layer, weight);
  uint32_t self = l->network.layer_count - 1;
  if (w->layer != JC_NO_INDEX && l->network.layers[w->layer]->bias == bias) {
    layer->weight_from = w->layer;
    l->shared_count += strcmp(l->network.layers[w->layer]->type, "embedding") != 0;
    return JC_OK;
  }
  if (w->layer != JC_NO_INDEX)
    return refuse_half_shared(l, weight, "weight", "bias");
  if (bias != JC_NO_INDEX && (bias == weight || l->weights[bias].layer != JC_NO_INDEX))
    return refuse_half_shared(l, bias, "bias", "weight");
  w->layer = self;
  if (bias != JC_NO_INDEX)
    l->weights[bias].layer = self;
  return JC_OK;
}
