/* factors.c -- pairs of runs, and the mean ratio of each factor. */
#include "calibrate/factors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The number of the only label in which A and B differ; -1: they are no pair. */
static int differing_label(const struct jc_run_row *a, const struct jc_run_row *b) {
  int found = -1;
  if (a->label_count == 0 || a->label_count != b->label_count ||
      a->groups[JC_GROUP_DATASET] != b->groups[JC_GROUP_DATASET] ||
      a->groups[JC_GROUP_HARDWARE] != b->groups[JC_GROUP_HARDWARE])
    return -1;
  for (uint32_t i = 0; i < a->label_count; i++) {
    if (strcmp(a->labels[i].name, b->labels[i].name) != 0)
      return -1;
    if (strcmp(a->labels[i].value, b->labels[i].value) == 0)
      continue;
    if (found >= 0)
      return -1;
    found = (int)i;
  }
  return found;
}

static bool same_effect(const struct jc_factor_effect *a, const struct jc_factor_effect *b) {
  return strcmp(a->dataset, b->dataset) == 0 && strcmp(a->factor, b->factor) == 0 &&
         strcmp(a->from, b->from) == 0 && strcmp(a->to, b->to) == 0;
}

static enum jc_status add_pair(struct jc_factor_effect **effects, uint32_t *count,
                               struct jc_factor_effect pair, double ratio, struct jc_error *error) {
  uint32_t i = 0;
  while (i < *count && !same_effect(&(*effects)[i], &pair))
    i++;
  if (i == *count) {
    struct jc_factor_effect *larger = realloc(*effects, (i + 1) * sizeof(*larger));
    if (larger == NULL)
      return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    *effects = larger;
    larger[i] = pair;
    larger[i].low = larger[i].high = ratio;
    ++*count;
  }
  struct jc_factor_effect *effect = &(*effects)[i];
  effect->pairs++;
  effect->sum += ratio;
  effect->low = fmin(effect->low, ratio);
  effect->high = fmax(effect->high, ratio);
  return JC_OK;
}

/* A pair goes from the smaller number to the larger, or as texts do. */
static bool is_less(const char *a, const char *b) {
  const double x = strtod(a, NULL), y = strtod(b, NULL);
  return x != y ? x < y : strcmp(a, b) < 0;
}

enum jc_status jc_factor_effects(const struct jc_run_set *set, struct jc_factor_effect **effects,
                                 uint32_t *count, struct jc_error *error) {
  *effects = NULL;
  *count = 0;
  for (uint32_t i = 0; i < set->count; i++) {
    for (uint32_t j = i + 1; j < set->count && !jc_error_is_set(error); j++) {
      const struct jc_run_row *a = &set->rows[i], *b = &set->rows[j];
      const int label = differing_label(a, b);
      if (label < 0)
        continue;
      const struct jc_run_row *from =
          is_less(a->labels[label].value, b->labels[label].value) ? a : b;
      const struct jc_run_row *to = from == a ? b : a;
      const struct jc_factor_effect pair = {
          .dataset = set->groups[JC_GROUP_DATASET].names[from->groups[JC_GROUP_DATASET]],
          .factor = from->labels[label].name,
          .from = from->labels[label].value,
          .to = to->labels[label].value};
      (void)add_pair(effects, count, pair, to->energy_j / from->energy_j, error);
    }
  }
  if (!jc_error_is_set(error) && *count == 0) {
    (void)jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                  "expected runs of one dataset and hardware that differ in one of their labels, "
                  "found none among %u runs",
                  set->count);
    jc_error_name_file(error, set->path);
  }
  return error->status;
}
