/* onnx_names.c -- tensor names of the graph and their values: an open hash table that grows. */
#include <string.h>

#include "convert/onnx_lower.h"

bool jc_name_matches(const char *pattern, const char *name) {
  const char *star = NULL, *resume = NULL;
  while (*name) {
    if (*pattern == '*') {
      star = pattern++;
      resume = name;
    } else if (*pattern == *name) {
      pattern++;
      name++;
    } else if (star) {
      pattern = star + 1;
      name = ++resume;
    } else {
      return false;
    }
  }
  while (*pattern == '*')
    pattern++;
  return !*pattern;
}

struct jc_names {
  size_t mask, used;
  struct jc_value **slots;
};

static size_t find_slot(const struct jc_names *names, const char *name) {
  uint64_t hash = 14695981039346656037u;
  for (const char *c = name; *c; c++)
    hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  size_t slot = (size_t)(hash ^ hash >> 32) & names->mask;
  while (names->slots[slot] && strcmp(names->slots[slot]->name, name) != 0)
    slot = (slot + 1) & names->mask;
  return slot;
}

static bool grow(struct jc_lowering *l) {
  struct jc_names *names = l->names;
  struct jc_names larger = {.mask = names->mask * 2 + 1};
  larger.slots = jc_arena_take(l->arena, larger.mask + 1, sizeof *larger.slots, l->error);
  if (!larger.slots)
    return false;
  for (size_t i = 0; names->slots && i <= names->mask; i++)
    if (names->slots[i])
      larger.slots[find_slot(&larger, names->slots[i]->name)] = names->slots[i];
  larger.used = names->used;
  *names = larger;
  return true;
}

struct jc_value *jc_names_find(struct jc_lowering *l, const char *name, bool make) {
  if (!l->names) {
    l->names = jc_arena_take(l->arena, 1, sizeof *l->names, l->error);
    if (!l->names)
      return NULL;
    l->names->mask = 511;
    if (!grow(l))
      return NULL;
  }
  size_t slot = find_slot(l->names, name);
  if (l->names->slots[slot] || !make)
    return l->names->slots[slot];
  if (2 * l->names->used > l->names->mask) {
    if (!grow(l))
      return NULL;
    slot = find_slot(l->names, name);
  }
  struct jc_value *value = jc_arena_take(l->arena, 1, sizeof *value, l->error);
  if (!value)
    return NULL;
  value->name = name;
  value->rank = UINT32_MAX; /* not defined yet */
  value->tensor = value->weight = JC_NO_INDEX;
  l->names->slots[slot] = value;
  l->names->used++;
  return value;
}
