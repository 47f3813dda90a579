/* model_scope.c -- what names and "$parameters" mean where they stand. */
#include <stdlib.h>
#include <string.h>

#include "estimator/model_parts.h"

enum { MAX_SUGGESTIONS = 256 }; /* names compared for "did you mean" */

struct jc_name_entry {
  const char *name; /* NULL: free */
  uint32_t tensor;
  uint32_t line;
  uint32_t before; /* as x->last_name, before this one */
  bool absent;     /* a repeat of 0 */
};

/* ---- names ---- */

enum jc_status jc_model_check_name(const struct jc_json_node *node, const char *name,
                                   struct jc_error *error) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  size_t valid = strspn(name, allowed);
  if (valid == 0 || name[valid] != '\0') {
    return jc_json_fail(node, error,
                        "expected a name of letters, digits, '_', '-' and '.', got '%.40s'", name);
  }
  if (valid > JC_MAX_LAYER_NAME) {
    return jc_json_fail_as(node, JC_ERROR_OVERFLOW, error,
                           "expected a name of at most %d bytes, got %zu", JC_MAX_LAYER_NAME,
                           valid);
  }
  return JC_OK;
}

/* The slot that holds NAME, or the free one where it belongs. FNV-1a, linear probing. */
static struct jc_name_entry *find_slot(const struct jc_expansion *x, const char *name) {
  uint64_t hash = 14695981039346656037u;
  for (const char *c = name; *c; c++)
    hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  size_t slot = (size_t)(hash ^ hash >> 32) & x->name_mask;
  while (x->names[slot].name && strcmp(x->names[slot].name, name) != 0)
    slot = (slot + 1) & x->name_mask;
  return &x->names[slot];
}

enum jc_status jc_expansion_open_names(struct jc_expansion *x) {
  const struct jc_network *network = x->network;
  size_t slots = 16;
  while (slots < 2 * (x->size.names + x->hidden.names + network->input_count))
    slots *= 2;
  x->names = calloc(slots, sizeof *x->names);
  if (!x->names)
    return jc_fail(x->error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  x->name_mask = slots - 1;
  x->top.input = JC_NONE;
  x->top.default_input = network->input_count == 1 ? 0 : JC_NONE;
  for (uint32_t i = 0; i < network->input_count; i++) {
    const char *name = network->inputs[i].name;
    *find_slot(x, name) = (struct jc_name_entry){.name = name, .tensor = i};
    if (strcmp(name, "input") == 0)
      x->top.input = i;
  }
  return JC_OK;
}

const char *jc_expansion_keep(struct jc_expansion *x, const char *text) {
  size_t size = strlen(text) + 1;
  char *kept = memcpy(x->text, text, size);
  x->text += size;
  return kept;
}

enum jc_status jc_expansion_define(struct jc_expansion *x, const struct jc_json_node *node,
                                   uint32_t tensor, const char **name) {
  struct jc_name_entry *entry = find_slot(x, x->name);
  if (entry->name) {
    return jc_json_fail(node, x->error, "the name '%s' is taken: first given in line %lu", x->name,
                        (unsigned long)entry->line);
  }
  *name = jc_expansion_keep(x, x->name);
  *entry = (struct jc_name_entry){
      .name = *name, .tensor = tensor, .line = jc_json_line(node), .before = x->last_name};
  x->last_name = (uint32_t)(entry - x->names) + 1;
  return JC_OK;
}

void jc_expansion_mark_absent(struct jc_expansion *x) {
  x->names[x->last_name - 1].absent = true;
}

/* Backwards, so that linear probing never misses a name behind a slot that was emptied. */
void jc_expansion_forget_names(struct jc_expansion *x, uint32_t last_name) {
  while (x->last_name != last_name) {
    struct jc_name_entry *entry = &x->names[x->last_name - 1];
    x->last_name = entry->before;
    *entry = (struct jc_name_entry){0};
  }
}

/* Why NODE, in SCOPE, names nothing. */
static enum jc_status fail_unresolved(const struct jc_expansion *x, const struct jc_json_node *node,
                                      const struct jc_scope *scope) {
  const char *wanted = jc_json_string(node), *names[MAX_SUGGESTIONS] = {"input"};
  size_t count = scope->input != JC_NONE;
  if (wanted[0] && strcmp(wanted, x->name + scope->prefix) == 0)
    return jc_json_fail(node, x->error, "expected an earlier layer or an input, got '%s' itself",
                        wanted);
  for (const struct jc_scope *s = scope; s; s = s->parent) {
    for (const struct jc_json_node *n = jc_json_first(s->items); n; n = jc_json_next(n)) {
      const char *name = jc_json_string(jc_json_member(n, "name"));
      if (name && strcmp(name, wanted) == 0) {
        return jc_json_fail(node, x->error,
                            "expected an earlier layer or an input, the output of '%s' comes later",
                            wanted);
      }
      if (name && count < MAX_SUGGESTIONS)
        names[count++] = name;
    }
  }
  char echo[JC_JSON_ECHO_SIZE];
  jc_json_fail(node, x->error, "expected an earlier layer or an input, got %s",
               jc_json_echo(node, echo, sizeof echo));
  return jc_json_suggest(x->error, wanted, names, count);
}

enum jc_status jc_scope_resolve(const struct jc_expansion *x, const struct jc_json_node *node,
                                const struct jc_scope *scope, uint32_t *tensor) {
  const char *wanted = NULL;
  if (jc_json_get_string(node, &wanted, x->error) != JC_OK)
    return x->error->status;
  if (strcmp(wanted, "input") == 0 && scope->input != JC_NONE) {
    *tensor = scope->input;
    return JC_OK;
  }
  for (const struct jc_scope *s = scope; s && strlen(wanted) <= JC_MAX_LAYER_NAME; s = s->parent) {
    char name[2 * sizeof x->name];
    memcpy(name, x->name, s->prefix);
    memcpy(name + s->prefix, wanted, strlen(wanted) + 1);
    const struct jc_name_entry *entry = find_slot(x, name);
    if (entry->name) {
      *tensor = entry->tensor;
      return JC_OK;
    }
  }
  return fail_unresolved(x, node, scope);
}

enum jc_status jc_expansion_resolve(struct jc_expansion *x, const struct jc_json_node *node,
                                    uint32_t *tensor, bool *absent) {
  x->name[0] = '\0';
  if (jc_scope_resolve(x, node, &x->top, tensor) != JC_OK)
    return x->error->status;
  *absent = find_slot(x, jc_json_string(node))->absent;
  return JC_OK;
}

/* ---- parameters ---- */

/* NODE is no parameter of SCOPE's (NULL: where there are none). */
static enum jc_status fail_unknown_parameter(const struct jc_json_node *node,
                                             const struct jc_scope *scope, struct jc_error *error) {
  const char *name = jc_json_string(node), *names[MAX_SUGGESTIONS];
  const struct jc_scope *top = scope;
  size_t count = 0;
  while (top && top->parent)
    top = top->parent;
  if (top != scope && jc_json_member(top->params, name + 1))
    return jc_json_fail(node, error, "unknown parameter '%s': hand the file's on to the block",
                        name);
  for (const struct jc_json_node *n = scope && scope->params ? jc_json_first(scope->params) : NULL;
       n && count < MAX_SUGGESTIONS; n = jc_json_next(n))
    names[count++] = jc_json_key(n);
  jc_json_fail(node, error, "unknown parameter '%s'", name);
  return jc_json_suggest(error, name + 1, names, count);
}

enum jc_status jc_scope_substitute(const struct jc_json_node **node, const struct jc_scope **scope,
                                   struct jc_error *error) {
  const char *name = jc_json_string(*node);
  while (name && name[0] == '$') {
    const struct jc_scope *s = *scope;
    while (s && !s->has_params)
      s = s->parent;
    const struct jc_json_node *params = s ? s->params : NULL;
    const struct jc_json_node *param = jc_json_member(params, name + 1);
    if (!param)
      return fail_unknown_parameter(*node, s, error);
    s->used[jc_json_index(param)] = 1;
    const struct jc_json_node *given = jc_json_member(s->given[0], name + 1);
    if (!given)
      given = jc_json_member(s->given[1], name + 1);
    *node = given ? given : param;
    *scope = given ? s->parent : NULL; /* a default cannot name other parameters */
    name = jc_json_string(*node);
  }
  return JC_OK;
}

enum jc_status jc_scope_stay(const struct jc_json_node *node, struct jc_error *error) {
  return jc_error_is_set(error) ? jc_json_place(node, error) : JC_OK;
}

enum jc_status jc_scope_get_uint(const struct jc_scope *scope, const struct jc_json_node *node,
                                 uint64_t minimum, uint64_t maximum, uint64_t *out,
                                 struct jc_error *error) {
  const struct jc_json_node *value = node;
  if (!node || jc_error_is_set(error) || jc_scope_substitute(&value, &scope, error) != JC_OK)
    return error->status;
  jc_json_get_uint(value, minimum, maximum, out, error);
  return jc_scope_stay(node, error);
}

enum jc_status jc_scope_get_bool(const struct jc_scope *scope, const struct jc_json_node *node,
                                 bool *out, struct jc_error *error) {
  const struct jc_json_node *value = node;
  if (!node || jc_error_is_set(error) || jc_scope_substitute(&value, &scope, error) != JC_OK)
    return error->status;
  jc_json_get_bool(value, out, error);
  return jc_scope_stay(node, error);
}
