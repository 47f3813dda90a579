/* model_expand.c -- items to flat layers: repeats and blocks, names and the tensors they mean.
 *
 * The same walk goes over the items twice: it counts what is to be stored, and then, with the
 * storage made, fills it. While counting, a repeat walks its items once and multiplies. Every item
 * has a name, so that the work is bounded by the number of names, and the count stops at MAX_NAMES
 * however blocks and repeats are nested. What a repeat of 0 hides is walked once per repeat in the
 * file, with room of its own, so that a mistake in it does not wait for another number.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/model_parts.h"

enum {
  MAX_NAMES = 3 << 20,     /* layers, repeats and uses after expansion */
  MAX_NAME_BYTES = 1 << 28 /* of all of them */
};

static bool counting(const struct jc_expansion *x) {
  return x->layer == NULL;
}

/* ---- counting ---- */

static enum jc_status check_size(const struct jc_expansion *x, const struct jc_expansion_size *size,
                                 const struct jc_json_node *node) {
  const struct {
    uint64_t found;
    int limit;
    const char *what;
  } limits[] = {{size->layers, JC_MAX_LAYERS, "layers"},
                {size->edges, JC_MAX_EDGES, "inputs of layers"},
                {size->names, MAX_NAMES, "names"},
                {size->name_bytes, MAX_NAME_BYTES, "bytes of names"}};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    if (limits[i].found > (uint64_t)limits[i].limit) {
      return jc_json_fail_as(node, JC_ERROR_OVERFLOW, x->error,
                             "expected at most %d %s after expansion", limits[i].limit,
                             limits[i].what);
    }
  }
  return JC_OK;
}

static void count_name(struct jc_expansion *x) {
  x->size.names++;
  x->size.name_bytes += strlen(x->name) + 1;
}

/* What one walk over a repeat's items added, COPIES times. Places are stored once for all. */
static void multiply_size(struct jc_expansion_size *size, const struct jc_expansion_size *before,
                          uint64_t copies) {
  size->layers = before->layers + (size->layers - before->layers) * copies;
  size->edges = before->edges + (size->edges - before->edges) * copies;
  size->names = before->names + (size->names - before->names) * copies;
  size->name_bytes = before->name_bytes + (size->name_bytes - before->name_bytes) * copies;
}

/* ---- layers ---- */

static enum jc_status count_layer(struct jc_expansion *x, const struct jc_json_node *node,
                                  struct jc_item *item) {
  const struct jc_json_node *inputs = jc_json_member(node, "inputs");
  const struct jc_kind *kind = jc_kind_get(item->kind);
  if (!item->place) {
    char path[sizeof x->error->path];
    item->place = ""; /* counted; filled later */
    x->size.place_bytes += strlen(jc_json_path(node, path, sizeof path)) + 1;
  }
  x->size.layers++;
  if (inputs && jc_json_type(inputs) == JC_JSON_ARRAY)
    x->size.edges += jc_json_length(inputs);
  else if (inputs || kind->max_inputs > 0)
    x->size.edges++;
  count_name(x);
  return check_size(x, &x->size, node);
}

/* The copies of a layer share one text. */
static const char *place_of(struct jc_expansion *x, const struct jc_json_node *node,
                            struct jc_item *item) {
  if (!item->place[0]) {
    char path[sizeof x->error->path];
    item->place = jc_expansion_keep(x, jc_json_path(node, path, sizeof path));
  }
  return item->place;
}

static enum jc_status check_input_count(const struct jc_expansion *x,
                                        const struct jc_json_node *node, const struct jc_kind *kind,
                                        uint32_t count) {
  const char *bound = kind->min_inputs == kind->max_inputs ? ""
                      : count < kind->min_inputs           ? "at least "
                                                           : "at most ";
  uint32_t limit = count < kind->min_inputs ? kind->min_inputs : kind->max_inputs;
  if (count >= kind->min_inputs && count <= kind->max_inputs)
    return JC_OK;
  return jc_json_fail(node, x->error, "%s needs %s%lu %s, got %lu", kind->name, bound,
                      (unsigned long)limit, limit == 1 ? "input" : "inputs", (unsigned long)count);
}

/* The item before, or what "input" is where there is none. */
static enum jc_status default_input(const struct jc_expansion *x, const struct jc_json_node *node,
                                    uint32_t previous, uint32_t *tensor) {
  *tensor = previous;
  return previous != JC_NONE
             ? JC_OK
             : jc_json_fail(node, x->error, "'inputs' is missing: the network has %lu inputs",
                            (unsigned long)x->network->input_count);
}

static enum jc_status fill_inputs(struct jc_expansion *x, const struct jc_json_node *node,
                                  const struct jc_scope *scope, uint32_t previous,
                                  struct jc_layer *layer) {
  const struct jc_json_node *inputs = jc_json_member(node, "inputs");
  uint32_t *edge = x->edge + x->size.edges;
  const struct jc_kind *kind = jc_kind_get(layer->kind);
  layer->first_input = (uint32_t)x->size.edges;
  layer->input_count = inputs || kind->max_inputs > 0;
  if (inputs && kind->max_inputs == 0)
    return jc_json_fail(inputs, x->error, "expected none: %s reads nothing", kind->name);
  if (inputs && jc_json_type(inputs) != JC_JSON_STRING) {
    if (jc_json_want(inputs, JC_JSON_ARRAY, x->error) != JC_OK)
      return x->error->status;
    layer->input_count = jc_json_length(inputs);
  }
  if (check_input_count(x, inputs ? inputs : node, kind, layer->input_count) != JC_OK)
    return x->error->status;
  x->size.edges += layer->input_count;
  if (layer->input_count == 0)
    return JC_OK;
  if (!inputs)
    return default_input(x, node, previous, edge);
  if (jc_json_type(inputs) == JC_JSON_STRING)
    return jc_scope_resolve(x, inputs, scope, edge);
  for (const struct jc_json_node *n = jc_json_first(inputs); n; n = jc_json_next(n))
    if (jc_scope_resolve(x, n, scope, edge++) != JC_OK)
      return x->error->status;
  return JC_OK;
}

/* "weight_from" names an earlier layer of the same kind, or of one whose weights can be shared;
 * chains lead to the weights' owner. */
static enum jc_status fill_weight_from(const struct jc_expansion *x,
                                       const struct jc_json_node *layer_node,
                                       const struct jc_scope *scope, struct jc_layer *layer) {
  const struct jc_json_node *node = jc_json_member(layer_node, "weight_from");
  uint32_t tensor = 0, inputs = x->network->input_count;
  layer->weight_from = JC_NONE;
  if (!node || jc_scope_resolve(x, node, scope, &tensor) != JC_OK)
    return x->error->status;
  if (tensor < inputs)
    return jc_json_fail(node, x->error, "expected an earlier layer, got an input");
  const struct jc_layer *owner = &x->layer[tensor - inputs];
  const struct jc_kind *kind = jc_kind_get(layer->kind), *found = jc_kind_get(owner->kind);
  const struct jc_kind *tied =
      kind->ties_with != 0 ? jc_kind_get((enum jc_layer_kind)kind->ties_with) : NULL;
  if (found != kind && found != tied) {
    return jc_json_fail(node, x->error, "expected an earlier %s%s%s, '%.100s' is a %s", kind->name,
                        tied ? " or " : "", tied ? tied->name : "", owner->name, found->name);
  }
  layer->weight_from = owner->weight_from != JC_NONE ? owner->weight_from : tensor - inputs;
  return JC_OK;
}

static enum jc_status fill_layer(struct jc_expansion *x, const struct jc_json_node *node,
                                 struct jc_item *item, const struct jc_scope *scope,
                                 uint32_t previous, uint32_t *output) {
  static const char *const phases[] = {"training"};
  struct jc_layer *layer = &x->layer[x->size.layers];
  const struct jc_json_node *when = jc_json_member(node, "when");
  size_t phase = 0;
  layer->line = jc_json_line(node);
  layer->where = place_of(x, node, item);
  layer->kind = item->kind;
  layer->trainable = true;
  layer->training_only = when != NULL;
  *output = x->network->input_count + (uint32_t)x->size.layers;
  if (jc_fields_read(jc_kind_get(layer->kind), node, scope, &layer->fields, x->error) != JC_OK ||
      fill_inputs(x, node, scope, previous, layer) != JC_OK ||
      jc_scope_get_bool(scope, jc_json_member(node, "trainable"), &layer->trainable, x->error) !=
          JC_OK ||
      jc_json_get_choice(when, phases, 1, &phase, x->error) != JC_OK ||
      fill_weight_from(x, node, scope, layer) != JC_OK ||
      jc_expansion_define(x, node, *output, &layer->name) != JC_OK)
    return x->error->status;
  x->size.layers++;
  return JC_OK;
}

/* ---- repeats and blocks ---- */

static enum jc_status walk_items(struct jc_expansion *x, const struct jc_scope *scope,
                                 uint32_t *output);

/* What both have: "inputs" of one name, and room for one more level. */
static enum jc_status open_group(const struct jc_expansion *x, const struct jc_json_node *node,
                                 const struct jc_scope *scope, uint32_t previous, uint32_t *input) {
  const struct jc_json_node *inputs = jc_json_member(node, "inputs");
  if (scope->depth == JC_MAX_EXPANSION_DEPTH) {
    return jc_json_fail(node, x->error, "expected at most %d repeats and blocks inside each other",
                        JC_MAX_EXPANSION_DEPTH);
  }
  if (inputs && jc_json_type(inputs) == JC_JSON_ARRAY) {
    if (jc_json_length(inputs) != 1) {
      return jc_json_fail(inputs, x->error, "expected one input, got %lu",
                          (unsigned long)jc_json_length(inputs));
    }
    inputs = jc_json_first(inputs);
  }
  if (inputs && jc_json_want(inputs, JC_JSON_STRING, x->error) != JC_OK)
    return x->error->status;
  if (counting(x))
    return JC_OK;
  return inputs ? jc_scope_resolve(x, inputs, scope, input)
                : default_input(x, node, previous, input);
}

/* A repeat or a use is called like its last layer's output. */
static enum jc_status close_group(struct jc_expansion *x, const struct jc_json_node *node,
                                  size_t name_length, uint32_t tensor) {
  const char *name;
  x->name[name_length] = '\0';
  if (counting(x)) {
    count_name(x);
    return check_size(x, &x->size, node);
  }
  return jc_expansion_define(x, node, tensor, &name);
}

/* Appends what comes between the name of NODE, an item, and the names inside it. */
static enum jc_status extend_name(struct jc_expansion *x, const struct jc_json_node *node,
                                  size_t name_length, const char *text, size_t *prefix) {
  *prefix = name_length + strlen(text);
  if (*prefix >= sizeof x->name) {
    return jc_json_fail_as(node, JC_ERROR_OVERFLOW, x->error,
                           "expected expanded names of at most %d bytes", JC_MAX_LAYER_NAME);
  }
  memcpy(x->name + name_length, text, strlen(text) + 1);
  return JC_OK;
}

/* Puts what was counted since BEFORE aside. */
static enum jc_status hide_count(struct jc_expansion *x, const struct jc_json_node *node,
                                 const struct jc_expansion_size *before) {
  x->hidden.layers += x->size.layers - before->layers;
  x->hidden.edges += x->size.edges - before->edges;
  x->hidden.names += x->size.names - before->names;
  x->hidden.name_bytes += x->size.name_bytes - before->name_bytes;
  multiply_size(&x->size, before, 0);
  return check_size(x, &x->hidden, node);
}

/* A repeat of 0 stands for its input, and what it hides is checked and forgotten. */
static enum jc_status walk_absent(struct jc_expansion *x, const struct jc_json_node *node,
                                  struct jc_item *item, struct jc_scope *inner, uint32_t *output) {
  const struct jc_expansion_size before = x->size;
  const uint32_t last_name = x->last_name;
  size_t name_length = strlen(x->name);
  bool *done = counting(x) ? &item->hidden_counted : &item->hidden_checked;
  if (!*done) {
    *done = true;
    inner->default_input = inner->input;
    if (extend_name(x, node, name_length, ".0.", &inner->prefix) != JC_OK ||
        walk_items(x, inner, output) != JC_OK)
      return x->error->status;
    if (counting(x)) {
      if (hide_count(x, node, &before) != JC_OK)
        return x->error->status;
    } else {
      jc_expansion_forget_names(x, last_name);
      memset(x->layer + before.layers, 0, (x->size.layers - before.layers) * sizeof *x->layer);
      x->size = before;
    }
  }
  *output = inner->input;
  if (close_group(x, node, name_length, *output) == JC_OK && !counting(x))
    jc_expansion_mark_absent(x);
  return x->error->status;
}

static enum jc_status walk_repeat(struct jc_expansion *x, const struct jc_json_node *node,
                                  struct jc_item *item, const struct jc_scope *scope,
                                  uint32_t previous, uint32_t *output) {
  const struct jc_expansion_size before = x->size;
  struct jc_scope inner = {
      .parent = scope, .depth = scope->depth + 1, .items = item->body, .used = scope->used};
  size_t name_length = strlen(x->name);
  uint64_t copies = 0;
  if (jc_scope_get_uint(scope, jc_json_member(node, "repeat"), 0, JC_MAX_LAYERS, &copies,
                        x->error) != JC_OK ||
      open_group(x, node, scope, previous, &inner.input) != JC_OK)
    return x->error->status;
  if (copies == 0)
    return walk_absent(x, node, item, &inner, output);
  /* Counting walks the last copy only, which has the longest number in its names. */
  for (uint64_t copy = counting(x) ? copies - 1 : 0; copy < copies; copy++) {
    char number[24];
    (void)snprintf(number, sizeof number, ".%lu.", (unsigned long)copy);
    inner.default_input = inner.input;
    if (extend_name(x, node, name_length, number, &inner.prefix) != JC_OK ||
        walk_items(x, &inner, output) != JC_OK)
      return x->error->status;
    inner.input = *output;
  }
  if (counting(x))
    multiply_size(&x->size, &before, copies);
  return close_group(x, node, name_length, *output);
}

/* An error inside a block stands at the block's line; the text tells which use it was. */
static void blame_use(struct jc_expansion *x, const char *block, size_t name_length) {
  if (!x->blamed) {
    size_t used = strlen(x->error->text);
    (void)snprintf(x->error->text + used, sizeof x->error->text - used,
                   " (in '%.*s', a use of block '%.60s')", (int)name_length, x->name, block);
    x->blamed = true;
  }
}

/* Parameters handed on in VALUE are used, even if all that the block does with them is hidden. */
static enum jc_status mark_handed_on(struct jc_expansion *x, const struct jc_scope *scope,
                                     const struct jc_json_node *value) {
  const struct jc_json_node *ignored = value;
  if (jc_json_type(value) == JC_JSON_STRING)
    return jc_scope_substitute(&ignored, &scope, x->error);
  if (jc_json_type(value) == JC_JSON_ARRAY)
    for (const struct jc_json_node *n = jc_json_first(value); n; n = jc_json_next(n)) {
      const struct jc_scope *inner = scope;
      ignored = n;
      if (jc_scope_substitute(&ignored, &inner, x->error) != JC_OK)
        return x->error->status;
    }
  return JC_OK;
}

static enum jc_status walk_use(struct jc_expansion *x, const struct jc_json_node *node,
                               const struct jc_item *item, const struct jc_scope *scope,
                               uint32_t previous, uint32_t *output) {
  struct jc_scope inner = {.parent = scope,
                           .depth = scope->depth + 1,
                           .items = jc_json_member(item->body, "layers"),
                           .has_params = true,
                           .params = jc_json_member(item->body, "params"),
                           .given = {node},
                           .used = scope->used};
  unsigned char *mark = &scope->used[jc_json_index(item->body)];
  size_t name_length = strlen(x->name);
  if (*mark == JC_BLOCK_OPEN)
    return jc_json_fail(jc_json_member(node, "block"), x->error, "block '%s' is made of itself",
                        jc_json_key(item->body));
  *mark = JC_BLOCK_OPEN;
  for (const struct jc_json_node *p = inner.params ? jc_json_first(inner.params) : NULL; p;
       p = jc_json_next(p)) {
    const struct jc_json_node *given = jc_json_member(node, jc_json_key(p));
    if (given && mark_handed_on(x, scope, given) != JC_OK)
      return x->error->status;
  }
  if (open_group(x, node, scope, previous, &inner.input) != JC_OK ||
      extend_name(x, node, name_length, ".", &inner.prefix) != JC_OK)
    return x->error->status;
  inner.default_input = inner.input;
  if (walk_items(x, &inner, output) != JC_OK) {
    blame_use(x, jc_json_key(item->body), name_length);
    return x->error->status;
  }
  *mark = JC_BLOCK_USED;
  return close_group(x, node, name_length, *output);
}

/* ---- items ---- */

/* Collects the keys of OBJECT, which may be NULL, after COUNT names; returns their number. */
static size_t list_keys(const struct jc_json_node *object, const char **names, size_t count) {
  for (const struct jc_json_node *n = object ? jc_json_first(object) : NULL; n; n = jc_json_next(n))
    names[count++] = jc_json_key(n);
  return count;
}

/* The use gives parameters that BLOCK has, and all that it needs. */
static enum jc_status check_parameters(const struct jc_expansion *x, const struct jc_json_node *use,
                                       const struct jc_json_node *block) {
  const struct jc_json_node *params = jc_json_member(block, "params");
  const char *names[JC_MAX_MODEL_PARAMS + 1] = {"inputs"};
  for (const struct jc_json_node *n = jc_json_first(use); n; n = jc_json_next(n)) {
    const char *key = jc_json_key(n);
    if (strcmp(key, "name") != 0 && strcmp(key, "block") != 0 && strcmp(key, "inputs") != 0 &&
        !jc_json_member(params, key)) {
      jc_json_fail(n, x->error, "block '%s' has no parameter '%s'", jc_json_key(block), key);
      return jc_json_suggest(x->error, key, names, list_keys(params, names, 1));
    }
  }
  for (const struct jc_json_node *p = params ? jc_json_first(params) : NULL; p;
       p = jc_json_next(p)) {
    if (jc_json_type(p) == JC_JSON_NULL && !jc_json_member(use, jc_json_key(p))) {
      return jc_json_fail(use, x->error, "'%s' is missing: block '%s' needs it", jc_json_key(p),
                          jc_json_key(block));
    }
  }
  return JC_OK;
}

static enum jc_status study_layer(const struct jc_expansion *x, const struct jc_json_node *node,
                                  struct jc_item *item) {
  const struct jc_json_node *type = jc_json_member(node, "type");
  const char *name = NULL, *names[JC_LAYER_KIND_COUNT];
  if (jc_json_get_string(type, &name, x->error) != JC_OK)
    return x->error->status;
  item->kind = jc_kind_find(name);
  if (item->kind != JC_LAYER_KIND_COUNT)
    return jc_fields_check_keys(jc_kind_get(item->kind), node, x->error);
  for (size_t i = 0; i < JC_LAYER_KIND_COUNT; i++)
    names[i] = jc_kind_get((enum jc_layer_kind)i)->name;
  char echo[JC_JSON_ECHO_SIZE];
  jc_json_fail(type, x->error, "unknown layer kind %s", jc_json_echo(type, echo, sizeof echo));
  return jc_json_suggest(x->error, name, names, JC_LAYER_KIND_COUNT);
}

static enum jc_status study_repeat(const struct jc_expansion *x, const struct jc_json_node *node,
                                   struct jc_item *item) {
  static const char *const keys[] = {"name", "repeat", "layers", "inputs"};
  jc_json_only_keys(node, keys, sizeof keys / sizeof keys[0], x->error);
  item->body = jc_json_need(node, "layers", x->error);
  return x->error->status;
}

static enum jc_status study_use(const struct jc_expansion *x, const struct jc_json_node *node,
                                struct jc_item *item) {
  const struct jc_json_node *block = jc_json_member(node, "block");
  const char *name = NULL, *names[JC_MAX_MODEL_BLOCKS];
  if (jc_json_get_string(block, &name, x->error) != JC_OK)
    return x->error->status;
  item->body = jc_json_member(x->blocks, name);
  if (item->body)
    return check_parameters(x, node, item->body);
  char echo[JC_JSON_ECHO_SIZE];
  jc_json_fail(block, x->error, "unknown block %s", jc_json_echo(block, echo, sizeof echo));
  return jc_json_suggest(x->error, name, names, list_keys(x->blocks, names, 0));
}

/* The first look at an item, whatever surrounds it. */
static enum jc_status study_item(const struct jc_expansion *x, const struct jc_json_node *node,
                                 struct jc_item *item) {
  const struct jc_json_node *name = jc_json_need(node, "name", x->error);
  if (!name || jc_json_get_string(name, &item->name, x->error) != JC_OK ||
      jc_model_check_name(name, item->name, x->error) != JC_OK)
    return x->error->status;
  if (strcmp(item->name, "input") == 0)
    return jc_json_fail(name, x->error, "expected another name: 'input' is the input");
  bool repeat = jc_json_member(node, "repeat"), block = jc_json_member(node, "block");
  int choices = (jc_json_member(node, "type") != NULL) + repeat + block;
  if (choices != 1)
    return jc_json_fail(node, x->error, "expected one of 'type', 'repeat' and 'block', got %s",
                        choices ? "several" : "none");
  item->type = repeat ? JC_ITEM_REPEAT : block ? JC_ITEM_USE : JC_ITEM_LAYER;
  return repeat  ? study_repeat(x, node, item)
         : block ? study_use(x, node, item)
                 : study_layer(x, node, item);
}

static enum jc_status walk_item(struct jc_expansion *x, const struct jc_json_node *node,
                                const struct jc_scope *scope, uint32_t previous, uint32_t *output) {
  struct jc_item *item = &x->items[jc_json_index(node)];
  size_t end;
  if ((item->type == JC_ITEM_NEW && study_item(x, node, item) != JC_OK) ||
      extend_name(x, node, scope->prefix, item->name, &end) != JC_OK)
    return x->error->status;
  if (item->type == JC_ITEM_REPEAT)
    return walk_repeat(x, node, item, scope, previous, output);
  if (item->type == JC_ITEM_USE)
    return walk_use(x, node, item, scope, previous, output);
  return counting(x) ? count_layer(x, node, item)
                     : fill_layer(x, node, item, scope, previous, output);
}

/* The items of SCOPE in order; *output is the tensor of the last. */
static enum jc_status walk_items(struct jc_expansion *x, const struct jc_scope *scope,
                                 uint32_t *output) {
  uint32_t previous = scope->default_input;
  if (jc_json_want(scope->items, JC_JSON_ARRAY, x->error) != JC_OK)
    return x->error->status;
  if (jc_json_length(scope->items) == 0)
    return jc_json_fail(scope->items, x->error, "expected at least one layer, got an empty list");
  for (const struct jc_json_node *n = jc_json_first(scope->items); n; n = jc_json_next(n)) {
    if (walk_item(x, n, scope, previous, output) != JC_OK)
      return x->error->status;
    previous = *output;
  }
  return JC_OK;
}

/* ---- the whole ---- */

enum jc_status jc_expansion_begin(struct jc_expansion *x, const struct jc_choice *choice,
                                  struct jc_error *error) {
  const struct jc_json_node *root = choice->root;
  uint32_t nodes = jc_json_count(jc_json_document(root)), output = 0;
  *x = (struct jc_expansion){.blocks = jc_json_member(root, "blocks"), .error = error};
  x->top = (struct jc_scope){.items = jc_json_need(root, "layers", error),
                             .has_params = true,
                             .params = jc_json_member(root, "params"),
                             .given = {choice->set ? jc_json_root(choice->set) : NULL,
                                       jc_json_member(choice->variant, "params")},
                             .used = calloc(nodes, 1)};
  x->items = calloc(nodes, sizeof *x->items);
  if (!x->items || !x->top.used)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (jc_error_is_set(error) || jc_blocks_check(x) != JC_OK ||
      walk_items(x, &x->top, &output) != JC_OK)
    return error->status;
  if (x->size.layers == 0)
    return jc_json_fail(x->top.items, error, "expected at least one layer, all repeats are 0");
  return JC_OK;
}

enum jc_status jc_expansion_fill(struct jc_expansion *x) {
  if (jc_expansion_open_names(x) != JC_OK)
    return x->error->status;
  const struct jc_expansion_size counted = x->size;
  x->size = (struct jc_expansion_size){0};
  if (walk_items(x, &x->top, &x->output) != JC_OK)
    return x->error->status;
  assert(x->size.layers == counted.layers && x->size.edges == counted.edges);
  (void)counted;
  return jc_blocks_check_used(x);
}

void jc_expansion_end(struct jc_expansion *x) {
  free(x->names);
  free(x->items);
  free(x->top.used);
}
