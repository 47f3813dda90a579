/* test_evaluate_metrics.c -- each statistic against a sum by hand. */
#include <criterion/criterion.h>
#include <math.h>

#include "calibrate/evaluate_metrics.h"

#define NEAR(found, expected) cr_assert_float_eq(found, expected, 1e-6, "%.9g", found)

/* Errors +10 %, -10 %, 0 and +25 %. */
static const struct jc_judged four[] = {{1.1, 1, 0.1, NAN, 7, 0},
                                        {1.8, 2, 0.1, NAN, 5, 0},
                                        {4, 4, NAN, NAN, 6, 1},
                                        {10, 8, 0.3, NAN, 9, 1}};

Test(evaluate_metrics, of_four_runs_by_hand) {
  struct jc_error error = {0};
  struct jc_statistics s;
  cr_assert_eq(jc_statistics_of(four, 4, &s, &error), JC_OK);
  cr_assert_eq(s.n, 4);
  NEAR(s.mape, 0.45 / 4);
  NEAR(s.median, 0.1);
  NEAR(s.p90, 0.25);
  NEAR(s.worst, 0.25);
  cr_assert_eq(s.worst_row, 9);
  NEAR(s.bias, 0.25 / 4);
  NEAR(s.rmse_j, sqrt(4.05 / 4));
  NEAR(s.r2, 1 - 4.05 / 28.75); /* squares around the mean of 3.75 */
  /* Logs of 1, 2, 4, 8 are 0 to 3 ln 2: 5 ln^2 2 around their mean. */
  NEAR(s.r2_log,
       1 - (pow(log(1.1), 2) + pow(log(0.9), 2) + pow(log(1.25), 2)) / (5 * pow(log(2), 2)));
  NEAR(s.spearman, 1);
  NEAR(s.coverage, 2.0 / 3); /* ln 1.1 = 0.0953 is inside, ln 0.9 = -0.1054 is not */
}

/* Ranks of the forecasts 0.5, 0.5, 2, 3 against 0 to 3: 4.5 / sqrt(4.5 x 5). */
Test(evaluate_metrics, equal_forecasts_share_their_rank) {
  const struct jc_judged tied[] = {{3, 4, NAN, NAN, 0, 0},
                                   {1, 2, NAN, NAN, 1, 0},
                                   {1, 1, NAN, NAN, 2, 0},
                                   {2, 3, NAN, NAN, 3, 0}};
  struct jc_error error = {0};
  struct jc_statistics s;
  cr_assert_eq(jc_statistics_of(tied, 4, &s, &error), JC_OK);
  NEAR(s.spearman, 0.948683298);
  cr_assert(isnan(s.coverage));
}

Test(evaluate_metrics, means_of_folds) {
  struct jc_judged mixed[] = {four[3], four[0], four[2], four[1]};
  struct jc_error error = {0};
  struct jc_statistics s;
  cr_assert_eq(jc_statistics_of_folds(mixed, 4, &s, &error), JC_OK);
  cr_assert_eq(s.n, 4);
  NEAR(s.mape, (0.1 + 0.125) / 2);
  NEAR(s.rmse_j, (sqrt(0.05 / 2) + sqrt(2)) / 2);
  NEAR(s.r2, (1 - 0.05 / 0.5 + 1 - 4.0 / 8) / 2);
  NEAR(s.coverage, (0.5 + 1) / 2);
  NEAR(s.worst, 0.25);
  cr_assert_eq(s.worst_row, 9);
}

Test(evaluate_metrics, equal_truths_have_no_r2) {
  const struct jc_judged equal[] = {{1, 2, NAN, NAN, 0, 0}, {3, 2, NAN, NAN, 1, 0}};
  struct jc_error error = {0};
  struct jc_statistics s;
  cr_assert_eq(jc_statistics_of(equal, 2, &s, &error), JC_OK);
  cr_assert(isnan(s.r2) && isnan(s.spearman));
  NEAR(s.mape, 0.5);
  NEAR(s.bias, 0);
}

/* A forecast of no joules is as wrong as a logarithm can be, and inside no interval. */
Test(evaluate_metrics, forecast_of_nothing) {
  const struct jc_judged nothing[] = {{-1, 2, 9, NAN, 0, 0}, {3, 3, 9, NAN, 1, 0}};
  struct jc_error error = {0};
  struct jc_statistics s;
  cr_assert_eq(jc_statistics_of(nothing, 2, &s, &error), JC_OK);
  cr_assert(isinf(s.r2_log) && s.r2_log < 0);
  NEAR(s.coverage, 0.5);
}
