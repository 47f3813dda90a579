/* evaluate.c -- fit on the others, forecast the fold, for every method. */
#include "calibrate/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct work {
  const struct jc_run_set *set;
  const struct jc_evaluate_options *options;
  int32_t *folds;           /* [set->count] */
  uint32_t *learnt;         /* [set->count] */
  struct jc_judged *judged; /* [set->count] */
  uint32_t fold_count, judged_count;
};

/* The part of a run's joules that is judged; NAN: not known. Forecasts of the whole run are taken
 * to be spread evenly over its epochs. */
static double part_of_run(const struct jc_run_row *row, enum jc_target target) {
  const double epochs = row->values[JC_RUN_EPOCHS], after = row->values[JC_RUN_WINDOW_AFTER_EPOCHS];
  return target == JC_TARGET_RUN     ? 1
         : target == JC_TARGET_EPOCH ? 1 / epochs
         : after < epochs            ? (epochs - after) / epochs
                                     : NAN;
}

static double measured_of(const struct jc_run_row *row, enum jc_target target) {
  const double *v = row->values;
  return part_of_run(row, target) *
         (target == JC_TARGET_STABLE ? v[JC_RUN_STABLE_EPOCH_J] * v[JC_RUN_EPOCHS] : row->energy_j);
}

/* Rows to learn from for FOLD, of those that METHOD knows. */
static struct jc_run_subset learn_for(const struct work *work, const struct jc_run_method *method,
                                      uint32_t fold) {
  struct jc_run_subset subset = {.set = work->set, .rows = work->learnt};
  enum jc_run_number missing;
  for (uint32_t i = 0; i < work->set->count; i++) {
    if (work->folds[i] != JC_FOLD_ABSENT && work->folds[i] != (int32_t)fold &&
        jc_run_method_knows(method, &work->set->rows[i], &missing))
      work->learnt[subset.count++] = i;
  }
  return subset;
}

static void forecast_fold(struct work *work, const struct jc_run_method *method, const void *state,
                          uint32_t fold) {
  const enum jc_target target = work->options->target;
  enum jc_run_number missing;
  for (uint32_t i = 0; i < work->set->count; i++) {
    const struct jc_run_row *row = &work->set->rows[i];
    const double measured_j = measured_of(row, target);
    if (work->folds[i] != (int32_t)fold || isnan(measured_j) ||
        !jc_run_method_knows(method, row, &missing))
      continue;
    const struct jc_run_forecast forecast = method->forecast(state, row);
    work->judged[work->judged_count++] =
        (struct jc_judged){.forecast_j = forecast.energy_j * part_of_run(row, target),
                           .measured_j = measured_j,
                           .half_width = forecast.half_width,
                           .row = i,
                           .fold = fold};
  }
}

static void judge_fold(struct work *work, const struct jc_run_method *method, uint32_t fold,
                       struct jc_error *error) {
  const struct jc_run_fit_options options = {.as_published = work->options->as_published};
  void *state = NULL;
  if (method->fit != NULL) {
    const struct jc_run_subset learnt = learn_for(work, method, fold);
    if (learnt.count == 0)
      (void)jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                    "no run outside fold %u has what the method needs, so none to learn from",
                    fold + 1);
    else
      (void)method->fit(&learnt, &options, &state, error);
  }
  if (!jc_error_is_set(error))
    forecast_fold(work, method, state, fold);
  if (state != NULL)
    method->release(state);
}

/* Says in WHY what runs lack that would be judged; true if none of them has all. */
static bool tell_missing(const struct work *work, const struct jc_run_method *method, char *why,
                         size_t size) {
  uint32_t lacking[JC_RUN_NUMBER_COUNT] = {0}, wanted = 0, all = 0, most = 0;
  for (uint32_t i = 0; i < work->set->count; i++) {
    const struct jc_run_row *row = &work->set->rows[i];
    enum jc_run_number missing;
    if (work->folds[i] < 0)
      continue;
    wanted++;
    all += !jc_run_method_knows(method, row, &missing);
    for (uint32_t k = 0; k < method->need_count; k++)
      lacking[method->needs[k]] += isnan(row->values[method->needs[k]]) ? 1 : 0;
  }
  for (uint32_t k = 0; k < JC_RUN_NUMBER_COUNT; k++)
    most = lacking[k] > lacking[most] ? k : most;
  if (all > 0)
    (void)snprintf(why, size, "%u of %u runs lack %s", lacking[most], wanted,
                   jc_run_number_key((enum jc_run_number)most));
  else if (work->judged_count < wanted)
    (void)snprintf(why, size, "%u of %u runs lack %s", wanted - work->judged_count, wanted,
                   jc_run_number_key(JC_RUN_STABLE_EPOCH_J));
  return all == wanted;
}

/* A method's own failure is its result; only memory is everybody's. */
static void judge(struct work *work, struct jc_evaluation *evaluation, struct jc_error *error) {
  struct jc_error own = {0};
  work->judged_count = 0;
  for (uint32_t fold = 0; fold < work->fold_count && !jc_error_is_set(&own); fold++)
    judge_fold(work, evaluation->method, fold, &own);
  const bool all_lack =
      tell_missing(work, evaluation->method, evaluation->why, sizeof(evaluation->why));
  if (own.status == JC_ERROR_STORAGE)
    *error = own;
  else if (jc_error_is_set(&own) && !all_lack)
    (void)snprintf(evaluation->why, sizeof(evaluation->why), "%.200s", own.text);
  evaluation->applicable = !jc_error_is_set(&own) && work->judged_count > 0;
  if (!evaluation->applicable)
    return;
  for (uint32_t i = 0; i < work->judged_count && work->options->tell != NULL; i++)
    work->options->tell(work->options->context, evaluation->method, &work->judged[i]);
  if (work->options->fold_means)
    (void)jc_statistics_of_folds(work->judged, work->judged_count, &evaluation->errors, error);
  else
    (void)jc_statistics_of(work->judged, work->judged_count, &evaluation->errors, error);
}

enum jc_status jc_evaluate(const struct jc_run_set *set, const struct jc_evaluate_options *options,
                           struct jc_evaluation *evaluations, uint32_t *fold_count,
                           struct jc_error *error) {
  struct work work = {.set = set,
                      .options = options,
                      .folds = calloc(set->count, sizeof(*work.folds)),
                      .learnt = malloc(set->count * sizeof(*work.learnt)),
                      .judged = malloc(set->count * sizeof(*work.judged))};
  if (work.folds == NULL || work.learnt == NULL || work.judged == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else
    (void)jc_evaluate_split(set, options, work.folds, &work.fold_count, error);
  *fold_count = work.fold_count;
  for (size_t i = 0; i < JC_RUN_METHOD_COUNT && !jc_error_is_set(error); i++) {
    memset(&evaluations[i], 0, sizeof(evaluations[i]));
    evaluations[i].method = jc_run_method_at(i);
    judge(&work, &evaluations[i], error);
  }
  free(work.folds);
  free(work.learnt);
  free(work.judged);
  return error->status;
}
