/* onnx_layers.c -- the list of layers: fields, what is wanted, names. */
#include "convert/onnx_layers.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 240 }; /* of 255, so that a number can be appended */

struct jc_out_layer *jc_layers_add(struct jc_out_network *network, struct jc_arena *arena,
                                   const char *type, uint32_t input_count, struct jc_error *error) {
  if (network->layer_count == network->layer_capacity) {
    uint32_t capacity = network->layer_capacity ? 2 * network->layer_capacity : 64;
    struct jc_out_layer **grown = jc_arena_take(arena, capacity, sizeof *grown, error);
    if (!grown)
      return NULL;
    if (network->layer_count)
      memcpy(grown, network->layers, network->layer_count * sizeof *grown);
    network->layers = grown;
    network->layer_capacity = capacity;
  }
  struct jc_out_layer *layer = jc_arena_take(arena, 1, sizeof *layer, error);
  uint32_t *inputs = jc_arena_take(arena, input_count, sizeof *inputs, error);
  if (!layer || !inputs)
    return NULL;
  *layer = (struct jc_out_layer){.type = type,
                                 .input_count = input_count,
                                 .inputs = inputs,
                                 .weight = JC_NO_INDEX,
                                 .bias = JC_NO_INDEX,
                                 .weight_from = JC_NO_INDEX};
  network->layers[network->layer_count++] = layer;
  return layer;
}

/* ---- fields ---- */

static struct jc_out_field *new_field(struct jc_out_layer *layer, const char *key,
                                      enum jc_out_field_type type) {
  struct jc_out_field *field = jc_layer_field(layer, key);
  if (!field && layer->field_count < JC_OUT_MAX_FIELDS)
    field = &layer->fields[layer->field_count++];
  if (field)
    *field = (struct jc_out_field){.key = key, .type = type};
  return field;
}

void jc_layer_int(struct jc_out_layer *layer, const char *key, int64_t value) {
  struct jc_out_field *field = new_field(layer, key, JC_OUT_INT);
  if (field)
    field->number = value;
}

/* ONNX keeps 32 bits: 1e-05 comes as 9.99999974737875e-06. Seven digits are what was meant. */
void jc_layer_real(struct jc_out_layer *layer, const char *key, double value) {
  struct jc_out_field *field = new_field(layer, key, JC_OUT_REAL);
  char digits[32];
  (void)snprintf(digits, sizeof digits, "%.7g", value);
  if (field)
    field->real = strtod(digits, NULL);
}

void jc_layer_bool(struct jc_out_layer *layer, const char *key, bool value) {
  struct jc_out_field *field = new_field(layer, key, JC_OUT_BOOL);
  if (field)
    field->number = value;
}

void jc_layer_text(struct jc_out_layer *layer, const char *key, const char *value) {
  struct jc_out_field *field = new_field(layer, key, JC_OUT_TEXT);
  if (field)
    field->text = value;
}

void jc_layer_list(struct jc_out_layer *layer, const char *key, const int64_t *values,
                   uint32_t count) {
  struct jc_out_field *field = new_field(layer, key, JC_OUT_LIST);
  if (!field || count > 2 * JC_ONNX_MAX_RANK)
    return;
  field->count = count;
  for (uint32_t i = 0; i < count; i++)
    field->list[i] = values[i];
}

void jc_layer_extent(struct jc_out_layer *layer, const char *key, const int64_t *values,
                     uint32_t count) {
  for (uint32_t i = 1; i < count; i++)
    if (values[i] != values[0]) {
      jc_layer_list(layer, key, values, count);
      return;
    }
  jc_layer_int(layer, key, values[0]);
}

struct jc_out_field *jc_layer_field(struct jc_out_layer *layer, const char *key) {
  for (uint32_t i = 0; i < layer->field_count; i++)
    if (strcmp(layer->fields[i].key, key) == 0)
      return &layer->fields[i];
  return NULL;
}

/* ---- what is wanted ---- */

struct jc_out_layer *jc_layers_of(const struct jc_out_network *network, uint32_t tensor) {
  return tensor < network->input_count ? NULL : network->layers[tensor - network->input_count];
}

static void want(const struct jc_out_network *network, uint32_t tensor, bool in_forward,
                 uint32_t reader) {
  struct jc_out_layer *layer = jc_layers_of(network, tensor);
  if (!layer)
    return;
  layer->wanted = true;
  layer->in_forward |= in_forward;
  layer->readers++;
  layer->reader = reader;
}

/* A layer's inputs come before it, so one pass backwards meets every reader first. */
void jc_layers_mark(struct jc_out_network *network) {
  for (uint32_t i = 0; i < network->layer_count; i++) {
    network->layers[i]->wanted = network->layers[i]->in_forward = false;
    network->layers[i]->readers = 0;
    network->layers[i]->reader = JC_NO_INDEX;
  }
  for (uint32_t i = 0; i < network->output_count; i++)
    want(network, network->outputs[i], !network->training_only[i], JC_NO_INDEX);
  for (uint32_t i = network->layer_count; i-- > 0;) {
    const struct jc_out_layer *layer = network->layers[i];
    if (!layer->wanted)
      continue;
    for (uint32_t k = 0; k < layer->input_count; k++)
      want(network, layer->inputs[k], layer->in_forward, i);
    if (layer->weight_from != JC_NO_INDEX) {
      network->layers[layer->weight_from]->wanted = true;
      network->layers[layer->weight_from]->in_forward |= layer->in_forward;
    }
  }
}

/* ---- names ---- */

/* torch repeats a scope with its parent in front, `/layer1/layer1.0/conv1`: it is kept once. */
char *jc_legal_name(struct jc_arena *arena, const char *name, struct jc_error *error) {
  size_t length = strlen(name), used = 0, parent = 0;
  char *legal = jc_arena_take(arena, length + 2, 1, error);
  if (!legal)
    return NULL;
  for (size_t at = 0; at < length;) {
    size_t end = at + strcspn(name + at, "/");
    size_t before = used - parent; /* length of the scope before */
    if (end > at) {
      bool repeats = used && end - at > before && strncmp(name + at, legal + parent, before) == 0 &&
                     name[at + before] == '.';
      if (repeats)
        used = parent;
      else if (used)
        legal[used++] = '.';
      parent = used;
      for (size_t i = at; i < end; i++)
        legal[used++] = name[i];
    }
    at = end + 1;
  }
  if (used > LONGEST_NAME) { /* the end says more than the beginning */
    memmove(legal, legal + used - LONGEST_NAME, LONGEST_NAME);
    used = LONGEST_NAME;
  }
  legal[used] = '\0';
  for (char *c = legal; *c; c++)
    if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", *c))
      *c = '_';
  if (!*legal)
    memcpy(legal, "x", 2);
  return legal;
}

struct name_set {
  size_t mask;
  const char **slots;
  uint32_t *numbers; /* last one appended to the name in this slot */
};

static size_t find_name(const struct name_set *set, const char *name) {
  uint64_t hash = 14695981039346656037u;
  for (const char *c = name; *c; c++)
    hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  size_t slot = (size_t)(hash ^ hash >> 32) & set->mask;
  while (set->slots[slot] && strcmp(set->slots[slot], name) != 0)
    slot = (slot + 1) & set->mask;
  return slot;
}

static const char *make_unique(struct name_set *set, struct jc_arena *arena, const char *name,
                               struct jc_error *error) {
  size_t first = find_name(set, name);
  size_t slot = first;
  const char *unique = name;
  while (unique && set->slots[slot]) {
    unique = jc_arena_format(arena, error, "%s_%u", name, ++set->numbers[first] + 1);
    if (unique)
      slot = find_name(set, unique);
  }
  if (unique)
    set->slots[slot] = unique;
  return unique;
}

enum jc_status jc_layers_name(struct jc_out_network *network, struct jc_arena *arena,
                              struct jc_error *error) {
  struct name_set set = {.mask = 63};
  while (set.mask < 4 * ((size_t)network->layer_count + network->input_count))
    set.mask = set.mask * 2 + 1;
  set.slots = jc_arena_take(arena, set.mask + 1, sizeof *set.slots, error);
  set.numbers = jc_arena_take(arena, set.mask + 1, sizeof *set.numbers, error);
  if (!set.slots || !set.numbers)
    return error->status;
  for (uint32_t i = 0; i < network->input_count && !jc_error_is_set(error); i++) {
    struct jc_value *input = network->inputs[i];
    const char *legal = jc_legal_name(arena, input->name, error);
    input->name = legal ? make_unique(&set, arena, legal, error) : NULL;
  }
  set.slots[find_name(&set, "input")] = "input"; /* has a meaning of its own */
  for (uint32_t i = 0; i < network->layer_count && !jc_error_is_set(error); i++) {
    struct jc_out_layer *layer = network->layers[i];
    if (!layer->wanted)
      continue;
    const char *legal = jc_legal_name(arena, layer->name, error);
    layer->name = legal ? make_unique(&set, arena, legal, error) : NULL;
  }
  return error->status;
}
