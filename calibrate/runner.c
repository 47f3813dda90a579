/* runner.c -- the table of runners. */
#include "calibrate/runner.h"

#include <string.h>

#define X(name) extern const struct jc_runner_driver jc_runner_##name;
JC_RUNNERS(X)
#undef X

static const struct jc_runner_driver *const runners[] = {
#define X(name) &jc_runner_##name,
    JC_RUNNERS(X)
#undef X
};

const struct jc_runner_driver *jc_runner_at(size_t index) {
  return index < sizeof(runners) / sizeof(runners[0]) ? runners[index] : NULL;
}

const struct jc_runner_driver *jc_runner_find(const char *name) {
  for (size_t i = 0; jc_runner_at(i) != NULL; i++) {
    if (strcmp(jc_runner_at(i)->name, name) == 0)
      return jc_runner_at(i);
  }
  return NULL;
}
