/* evaluate_split.c -- which run is judged in which fold. */
#include <stdlib.h>
#include <string.h>

#include "calibrate/evaluate.h"
#include "calibrate/random.h"

static enum jc_status split_random(const struct jc_run_set *set,
                                   const struct jc_evaluate_options *options, int32_t *folds,
                                   struct jc_error *error) {
  struct random_stream random = {options->seed};
  uint32_t *order;
  if (set->count < options->folds)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "expected at least %u runs for %u folds, got %u", options->folds, options->folds,
                   set->count);
  order = malloc(set->count * sizeof(*order));
  if (order == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (uint32_t i = 0; i < set->count; i++) {
    const uint32_t k = random_below(&random, i + 1);
    order[i] = order[k];
    order[k] = i;
  }
  for (uint32_t i = 0; i < set->count; i++)
    folds[order[i]] = (int32_t)(i % options->folds);
  free(order);
  return JC_OK;
}

static enum jc_status split_group(const struct jc_run_set *set,
                                  const struct jc_evaluate_options *options, int32_t *folds,
                                  struct jc_error *error) {
  const uint32_t count = set->groups[options->group].count;
  const char *const only = set->groups[options->group].names[0];
  if (count < 2)
    return jc_fail(
        error, JC_ERROR_INVALID, 0, NULL,
        "expected runs of at least 2 of %s to leave one out, got %u runs of one, '%.60s'",
        jc_run_group_name(options->group), set->count, only);
  for (uint32_t i = 0; i < set->count; i++)
    folds[i] = (int32_t)set->rows[i].groups[options->group];
  return JC_OK;
}

/* Of label values, each a fold, in the order in which they come. */
static enum jc_status split_label(const struct jc_run_set *set,
                                  const struct jc_evaluate_options *options, int32_t *folds,
                                  uint32_t *fold_count, struct jc_error *error) {
  const char **values = malloc(set->count * sizeof(*values));
  uint32_t count = 0;
  if (values == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (uint32_t i = 0; i < set->count; i++) {
    const char *const value = jc_run_row_label(&set->rows[i], options->label);
    uint32_t k = 0;
    folds[i] = JC_FOLD_ABSENT;
    if (value == NULL)
      continue;
    while (k < count && strcmp(values[k], value) != 0)
      k++;
    if (k == count)
      values[count++] = value;
    folds[i] = (int32_t)k;
  }
  *fold_count = count;
  if (count < 2)
    (void)jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                  "expected at least 2 values of labels.%.40s, a fold each, got %u in %u runs",
                  options->label, count, set->count);
  free(values);
  return error->status;
}

static enum jc_status split_holdout(const struct jc_run_set *set,
                                    const struct jc_evaluate_options *options, int32_t *folds,
                                    struct jc_error *error) {
  uint32_t judged = 0;
  for (uint32_t i = 0; i < set->count; i++) {
    const char *const value = jc_run_row_label(&set->rows[i], options->label);
    const bool held = value != NULL && strcmp(value, options->label_value) == 0;
    folds[i] = held ? 0 : JC_FOLD_LEARNT;
    judged += held;
  }
  if (judged == 0 || judged == set->count)
    (void)jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                  "expected some runs with labels.%.40s '%.40s' and some without, got %u of %u",
                  options->label, options->label_value, judged, set->count);
  return error->status;
}

enum jc_status jc_evaluate_split(const struct jc_run_set *set,
                                 const struct jc_evaluate_options *options, int32_t *folds,
                                 uint32_t *fold_count, struct jc_error *error) {
  switch (options->split) {
  case JC_SPLIT_RANDOM:
    *fold_count = options->folds;
    (void)split_random(set, options, folds, error);
    break;
  case JC_SPLIT_GROUP:
    *fold_count = set->groups[options->group].count;
    (void)split_group(set, options, folds, error);
    break;
  case JC_SPLIT_LABEL:
    (void)split_label(set, options, folds, fold_count, error);
    break;
  case JC_SPLIT_HOLDOUT:
    *fold_count = 1;
    (void)split_holdout(set, options, folds, error);
    break;
  }
  jc_error_name_file(error, set->path);
  return error->status;
}
