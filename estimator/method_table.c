/* method_table.c -- the table of all methods. Not of the core: who embeds it links the methods that
 * he names by their descriptors, and no others. */
#include <string.h>

#include "estimator/methods.h"

static const struct jc_method *const methods[] = {
#define X(name) &jc_method_##name,
    JC_METHODS(X)
#undef X
};

enum { METHOD_COUNT = sizeof(methods) / sizeof(methods[0]) };

const struct jc_method *jc_method_at(size_t index) {
  return index < METHOD_COUNT ? methods[index] : NULL;
}

const struct jc_method *jc_method_find(const char *name) {
  for (size_t i = 0; i < METHOD_COUNT; i++) {
    if (strcmp(methods[i]->name, name) == 0)
      return methods[i];
  }
  return NULL;
}
