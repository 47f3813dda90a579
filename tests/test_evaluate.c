/* test_evaluate.c -- folds are dealt as asked for, and nothing is fitted on what it is judged by.
 */
#include <math.h>

#include "calibrate/evaluate.h"
#include "tests/file_fixtures.h"

static struct jc_run_set set;

static void setup(void) {
  struct jc_error error = {0};
  cr_assert_eq(jc_run_set_read(FIXTURES "/runs/two_parts.jsonl", &set, &error), JC_OK, "%s",
               error.text);
}

static void teardown(void) {
  jc_run_set_free(&set);
}

TestSuite(evaluate, .init = setup, .fini = teardown);

static const struct jc_evaluate_options held_out = {
    .split = JC_SPLIT_HOLDOUT, .label = "part", .label_value = "test"};

static void evaluate(const struct jc_evaluate_options *options, struct jc_evaluation *evaluations) {
  struct jc_error error = {0};
  uint32_t folds;
  cr_assert_eq(jc_evaluate_runs(&set, options, evaluations, &folds, &error), JC_OK, "%s",
               error.text);
}

/* All joules that are judged become three times as many: forecasts that know nothing of them stay,
 * so that every mean of forecast / measured is a third. */
Test(evaluate, nothing_is_fitted_on_what_it_is_judged_by) {
  struct jc_evaluation before[JC_EVALUATION_COUNT], after[JC_EVALUATION_COUNT];
  evaluate(&held_out, before);
  for (uint32_t i = 0; i < set.count; i++) {
    if (strcmp(jc_run_row_label(&set.rows[i], "part"), "test") != 0)
      continue;
    set.rows[i].energy_j *= 3;
    set.rows[i].values[JC_RUN_MEAN_POWER_W] *= 3;
  }
  evaluate(&held_out, after);
  for (size_t i = 0; i < JC_RUN_METHOD_COUNT; i++) {
    cr_assert(before[i].applicable && after[i].applicable, "%s: %s", before[i].method,
              before[i].why);
    cr_assert_eq(after[i].errors.n, 6);
    cr_assert_float_eq(1 + after[i].errors.bias, (1 + before[i].errors.bias) / 3, 1e-9, "%s",
                       before[i].method);
  }
}

/* What a fit to the first 12 runs forecasts of the last. */
static double forecast_of_last(bool as_published) {
  static const uint32_t rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const struct jc_run_subset learnt = {.set = &set, .rows = rows, .count = 12};
  const struct jc_run_fit_options options = {.as_published = as_published};
  const struct jc_run_method *method = &jc_run_method_pre_energy;
  struct jc_error error = {0};
  void *state = NULL;
  cr_assert_eq(method->fit(&learnt, &options, &state, &error), JC_OK, "%s", error.text);
  const double energy_j = method->forecast(state, &set.rows[17]).energy_j;
  method->release(state);
  return energy_j;
}

/* The published scaler saw the features of runs that are judged; the other must not. */
Test(evaluate, only_as_published_sees_the_features_of_judged_runs) {
  const double own = forecast_of_last(false), published = forecast_of_last(true);
  set.rows[15].values[JC_RUN_CORES] = 1e6;
  cr_assert_eq(forecast_of_last(false), own);
  cr_assert_neq(forecast_of_last(true), published);
}

static void deal(const struct jc_evaluate_options *options, int32_t *folds, uint32_t count) {
  struct jc_error error = {0};
  uint32_t found;
  cr_assert_eq(jc_evaluate_split(&set, options, folds, &found, &error), JC_OK, "%s", error.text);
  cr_assert_eq(found, count);
}

Test(evaluate, random_folds_are_even_and_follow_the_seed) {
  struct jc_evaluate_options options = {.split = JC_SPLIT_RANDOM, .folds = 4, .seed = 1};
  int32_t first[18], again[18], other[18];
  uint32_t sizes[4] = {0};
  deal(&options, first, 4);
  deal(&options, again, 4);
  options.seed = 2;
  deal(&options, other, 4);
  for (int i = 0; i < 18; i++)
    sizes[first[i]]++;
  for (int k = 0; k < 4; k++)
    cr_assert(sizes[k] == 4 || sizes[k] == 5);
  cr_assert_eq(memcmp(first, again, sizeof(first)), 0);
  cr_assert_neq(memcmp(first, other, sizeof(first)), 0);
}

Test(evaluate, folds_by_group_and_label) {
  int32_t folds[18];
  deal(&(struct jc_evaluate_options){.split = JC_SPLIT_GROUP, .group = JC_GROUP_HARDWARE}, folds,
       2);
  cr_assert(folds[0] == 0 && folds[8] == 0 && folds[9] == 1 && folds[17] == 1);
  set.rows[4].label_count = 0;
  deal(&(struct jc_evaluate_options){.split = JC_SPLIT_LABEL, .label = "net"}, folds, 3);
  cr_assert(folds[0] == 0 && folds[3] == 1 && folds[4] == JC_FOLD_ABSENT && folds[6] == 2);
  deal(&held_out, folds, 1);
  cr_assert(folds[0] == 0 && folds[1] == JC_FOLD_LEARNT && folds[4] == JC_FOLD_LEARNT);
}

/* 10 of the 20 epochs come before the window: half of a forecast of the whole run. */
Test(evaluate, targets_of_a_method_by_hand) {
  struct jc_evaluate_options options = held_out;
  struct jc_evaluation whole[JC_EVALUATION_COUNT], epoch[JC_EVALUATION_COUNT],
      stable[JC_EVALUATION_COUNT];
  evaluate(&options, whole);
  options.target = JC_TARGET_EPOCH;
  evaluate(&options, epoch);
  options.target = JC_TARGET_STABLE;
  for (uint32_t i = 0; i < set.count; i++)
    set.rows[i].values[JC_RUN_STABLE_EPOCH_J] = set.rows[i].energy_j / 20;
  evaluate(&options, stable);
  for (size_t i = 0; i < JC_RUN_METHOD_COUNT; i++) {
    cr_assert_float_eq(epoch[i].errors.rmse_j, whole[i].errors.rmse_j / 20, 1e-6);
    cr_assert_float_eq(stable[i].errors.rmse_j, whole[i].errors.rmse_j / 2, 1e-6);
    cr_assert_float_eq(stable[i].errors.mape, whole[i].errors.mape, 1e-9);
  }
}

Test(evaluate, a_method_that_cannot_be_judged_says_why) {
  struct jc_evaluation evaluations[JC_EVALUATION_COUNT];
  for (uint32_t i = 0; i < set.count; i++) {
    set.rows[i].values[JC_RUN_UTILIZATION] = NAN;
    if (i < 9)
      set.rows[i].values[JC_RUN_TIME_S] = NAN;
  }
  evaluate(&(struct jc_evaluate_options){.split = JC_SPLIT_GROUP, .group = JC_GROUP_HARDWARE},
           evaluations);
  for (size_t i = 0; i < JC_RUN_METHOD_COUNT; i++) {
    const struct jc_evaluation *e = &evaluations[i];
    if (strcmp(e->method, "green-algorithms") == 0) {
      cr_assert_not(e->applicable);
      cr_assert_str_eq(e->why, "18 of 18 runs lack accelerator.utilization");
    } else if (strcmp(e->method, "mlco2") == 0) {
      cr_assert(e->applicable);
      cr_assert_eq(e->errors.n, 9);
      cr_assert_str_eq(e->why, "9 of 18 runs lack time_s");
    } else if (strcmp(e->method, "pre-power") == 0) {
      cr_assert_not(e->applicable); /* the second part's fold has nothing to learn from */
      cr_assert_str_eq(e->why, "no run outside fold 2 has what the method needs, so none to learn "
                               "from");
    }
  }
}
