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

static void add_judged(struct work *work, uint32_t row, uint32_t fold, double measured_j,
                       struct jc_run_forecast forecast) {
  work->judged[work->judged_count++] = (struct jc_judged){
      .forecast_j = forecast.energy_j * part_of_run(&work->set->rows[row], work->options->target),
      .measured_j = measured_j,
      .half_width = forecast.half_width,
      .half_width_50 = forecast.half_width_50,
      .row = row,
      .fold = fold};
}

static void forecast_fold(struct work *work, const struct jc_run_method *method, const void *state,
                          uint32_t fold) {
  enum jc_run_number missing;
  for (uint32_t i = 0; i < work->set->count; i++) {
    const struct jc_run_row *row = &work->set->rows[i];
    const double measured_j = measured_of(row, work->options->target);
    if (work->folds[i] != (int32_t)fold || isnan(measured_j) ||
        !jc_run_method_knows(method, row, &missing))
      continue;
    add_judged(work, i, fold, measured_j, method->forecast(state, row));
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

/* Says in WHY how many of the WANTED runs could be forecast, but have no truth to compare. */
static void tell_unmeasured(const struct work *work, uint32_t wanted, char *why, size_t size) {
  if (work->judged_count < wanted)
    (void)snprintf(why, size, "%u of %u runs lack %s", wanted - work->judged_count, wanted,
                   jc_run_number_key(JC_RUN_STABLE_EPOCH_J));
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
  else
    tell_unmeasured(work, wanted, why, size);
  return all == wanted;
}

/* Statistics of what was judged, if anything was. */
static void conclude(struct work *work, struct jc_evaluation *evaluation, struct jc_error *error) {
  evaluation->applicable = work->judged_count > 0;
  if (!evaluation->applicable)
    return;
  for (uint32_t i = 0; i < work->judged_count && work->options->tell != NULL; i++)
    work->options->tell(work->options->context, evaluation->method, &work->judged[i]);
  if (work->options->fold_means)
    (void)jc_statistics_of_folds(work->judged, work->judged_count, &evaluation->errors, error);
  else
    (void)jc_statistics_of(work->judged, work->judged_count, &evaluation->errors, error);
}

/* A method's own failure is its result; only memory is everybody's. */
static void judge(struct work *work, const struct jc_run_method *method,
                  struct jc_evaluation *evaluation, struct jc_error *error) {
  struct jc_error own = {0};
  work->judged_count = 0;
  evaluation->method = method->name;
  for (uint32_t fold = 0; fold < work->fold_count && !jc_error_is_set(&own); fold++)
    judge_fold(work, method, fold, &own);
  const bool all_lack = tell_missing(work, method, evaluation->why, sizeof(evaluation->why));
  if (own.status == JC_ERROR_STORAGE)
    *error = own;
  else if (jc_error_is_set(&own) && !all_lack)
    (void)snprintf(evaluation->why, sizeof(evaluation->why), "%.200s", own.text);
  if (!jc_error_is_set(&own))
    conclude(work, evaluation, error);
}

/* ---- methods on layers ---- */

/* Says in WHY which runs METHOD did not forecast. */
static void tell_unforeseen(const struct work *work, const struct jc_run_layers *layers,
                            uint32_t method, char *why, size_t size) {
  const struct jc_layers_forecast *first = NULL;
  uint32_t wanted = 0, lacking = 0, line = 0;
  for (uint32_t i = 0; i < work->set->count; i++) {
    const struct jc_layers_forecast *f = jc_run_layers_at(layers, method, i);
    if (work->folds[i] < 0)
      continue;
    wanted++;
    if (!isnan(f->forecast.energy_j))
      continue;
    lacking++;
    line = first == NULL ? work->set->rows[i].line : line;
    first = first == NULL ? f : first;
  }
  if (layers->from[method] == NULL)
    (void)snprintf(why, size, "%s", layers->why[method]);
  else if (first != NULL)
    (void)snprintf(why, size, "%u of %u runs have no forecast; line %u: %.180s", lacking, wanted,
                   line, first->why);
  else
    tell_unmeasured(work, wanted, why, size);
}

static void judge_layers(struct work *work, const struct jc_run_layers *layers, uint32_t method,
                         struct jc_evaluation *evaluation, struct jc_error *error) {
  work->judged_count = 0;
  evaluation->method = jc_layer_method_at(method)->name;
  evaluation->fitted_elsewhere = layers->from[method];
  for (uint32_t fold = 0; fold < work->fold_count; fold++) {
    for (uint32_t i = 0; i < work->set->count; i++) {
      const struct jc_run_forecast f = jc_run_layers_at(layers, method, i)->forecast;
      const double measured_j = measured_of(&work->set->rows[i], work->options->target);
      if (work->folds[i] == (int32_t)fold && !isnan(measured_j) && !isnan(f.energy_j))
        add_judged(work, i, fold, measured_j, f);
    }
  }
  tell_unforeseen(work, layers, method, evaluation->why, sizeof(evaluation->why));
  conclude(work, evaluation, error);
}

static void judge_all(struct work *work, struct jc_evaluation *evaluations,
                      struct jc_error *error) {
  struct jc_run_layers layers = {.forecasts = NULL};
  memset(evaluations, 0, JC_EVALUATION_COUNT * sizeof(*evaluations));
  for (size_t i = 0; i < JC_RUN_METHOD_COUNT && !jc_error_is_set(error); i++)
    judge(work, jc_run_method_at(i), &evaluations[i], error);
  if (!jc_error_is_set(error))
    (void)jc_run_layers_make(work->set, &work->options->means, &layers, error);
  for (uint32_t i = 0; i < JC_LAYER_METHOD_COUNT && !jc_error_is_set(error); i++)
    judge_layers(work, &layers, i, &evaluations[JC_RUN_METHOD_COUNT + i], error);
  jc_run_layers_free(&layers);
}

enum jc_status jc_evaluate_runs(const struct jc_run_set *set,
                                const struct jc_evaluate_options *options,
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
  if (!jc_error_is_set(error))
    judge_all(&work, evaluations, error);
  free(work.folds);
  free(work.learnt);
  free(work.judged);
  return error->status;
}
