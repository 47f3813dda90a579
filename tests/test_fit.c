/* test_fit.c -- least squares against their optimality conditions, errors against sums by hand, and
 * fits against machines whose costs are known. */
#include <float.h>
#include <math.h>

#include "calibrate/calibrate.h"
#include "calibrate/linear_fit.h"
#include "calibrate/nnls.h"
#include "calibrate/plan.h"
#include "calibrate/random.h"
#include "estimator/model_file.h"
#include "estimator/profile_file.h"
#include "estimator/samples_file.h"
#include "tests/file_fixtures.h"
#include "tests/sanitized.h"

static double log_uniform(struct random_stream *random, double low, double high) {
  return low * pow(high / low, random_unit(random));
}

/* Standard normal, by Box and Muller. */
static double normal(struct random_stream *random) {
  const double radius = sqrt(-2 * log(1 - random_unit(random)));
  return radius * cos(2 * 3.14159265358979323846 * random_unit(random));
}

/* ---- non-negative least squares ---- */

enum { MAX_N = 48, MAX_M = 120 };

/* min |Ax - b|, x >= 0. */
struct system {
  size_t m, n;
  double a[MAX_M][MAX_N], b[MAX_M];
  double g[MAX_N * MAX_N], h[MAX_N]; /* A'A, A'b */
  double x[MAX_N];
};

static void square(struct system *s) {
  for (size_t i = 0; i < s->n; i++) {
    s->h[i] = 0;
    for (size_t k = 0; k < s->m; k++)
      s->h[i] += s->a[k][i] * s->b[k];
    for (size_t j = 0; j < s->n; j++) {
      s->g[i * s->n + j] = 0;
      for (size_t k = 0; k < s->m; k++)
        s->g[i * s->n + j] += s->a[k][i] * s->a[k][j];
    }
  }
}

static void solve(struct system *s) {
  struct jc_error error = {0};
  double *work = malloc(jc_nnls_work_doubles(s->n) * sizeof(double));
  cr_assert(work != NULL);
  cr_assert_eq(jc_nnls(s->n, s->g, s->h, s->x, work, &error), JC_OK, "%s", error.text);
  free(work);
}

static double residual(const struct system *s, const double *x) {
  double sum = 0;
  for (size_t k = 0; k < s->m; k++) {
    double r = -s->b[k];
    for (size_t i = 0; i < s->n; i++)
      r += s->a[k][i] * x[i];
    sum += r * r;
  }
  return sum;
}

/* Karush, Kuhn, Tucker: x >= 0, no slope along what is free, none that falls along what is not;
 * slopes as cosines between column and right side, so that no unit matters. */
static void expect_optimal(const struct system *s, const char *what, int trial) {
  double norm = 0;
  for (size_t k = 0; k < s->m; k++)
    norm += s->b[k] * s->b[k];
  for (size_t i = 0; i < s->n; i++) {
    double slope = s->h[i];
    for (size_t j = 0; j < s->n; j++)
      slope -= s->g[i * s->n + j] * s->x[j];
    const double length = sqrt(s->g[i * s->n + i] * norm);
    cr_assert(isfinite(s->x[i]) && s->x[i] >= 0, "%s %d: x[%zu] = %g", what, trial, i, s->x[i]);
    if (length == 0)
      continue;
    cr_assert_lt(slope / length, 1e-7, "%s %d: x[%zu] = %g should grow, slope %g", what, trial, i,
                 s->x[i], slope / length);
    cr_assert(s->x[i] == 0 || slope / length > -1e-7, "%s %d: x[%zu] = %g should shrink, slope %g",
              what, trial, i, s->x[i], slope / length);
  }
}

static void draw_system(struct system *s, struct random_stream *random, bool positive) {
  s->n = 1 + random_below(random, MAX_N);
  s->m = 1 + random_below(random, MAX_M);
  for (size_t k = 0; k < s->m; k++) {
    for (size_t i = 0; i < s->n; i++)
      s->a[k][i] = positive ? random_unit(random) : normal(random);
    s->b[k] = positive ? 1 : normal(random);
  }
  for (size_t i = 0; i < s->n; i++)
    s->x[i] = 0;
}

enum alteration { DENSE, POSITIVE, COLLINEAR, NEARLY_COLLINEAR, SCALED, ZERO_COLUMNS, WARM };

static void alter(struct system *s, struct random_stream *random, enum alteration alteration) {
  for (size_t i = 1; i < s->n; i++) {
    const size_t other = random_below(random, (uint32_t)i);
    const double factor = log_uniform(random, 1e-3, 1e3), scale = log_uniform(random, 1, 1e9);
    const bool chosen = random_unit(random) < 0.4;
    for (size_t k = 0; k < s->m && chosen; k++) {
      if (alteration == COLLINEAR)
        s->a[k][i] = factor * s->a[k][other];
      else if (alteration == NEARLY_COLLINEAR)
        s->a[k][i] = factor * s->a[k][other] * (1 + 1e-6 * normal(random));
      else if (alteration == SCALED)
        s->a[k][i] *= scale;
      else if (alteration == ZERO_COLUMNS)
        s->a[k][i] = 0;
    }
    if (alteration == WARM)
      s->x[i] = chosen ? log_uniform(random, 1e-6, 1e6) : -1;
  }
}

static void check_random_systems(enum alteration alteration, bool positive, const char *what) {
  struct system *s = malloc(sizeof(*s));
  struct random_stream random = {100 + alteration};
  cr_assert(s != NULL);
  for (int trial = 0; trial < UNLESS_SANITIZED(300, 60); trial++) {
    draw_system(s, &random, positive);
    alter(s, &random, alteration);
    square(s);
    solve(s);
    expect_optimal(s, what, trial);
  }
  free(s);
}

Test(nnls, is_optimal_on_random_problems) {
  check_random_systems(DENSE, false, "dense");
  check_random_systems(POSITIVE, true, "positive");
}

Test(nnls, is_optimal_with_collinear_columns) {
  check_random_systems(COLLINEAR, false, "collinear");
  check_random_systems(COLLINEAR, true, "collinear, positive");
}

Test(nnls, is_optimal_with_nearly_collinear_columns) {
  check_random_systems(NEARLY_COLLINEAR, false, "nearly collinear");
  check_random_systems(NEARLY_COLLINEAR, true, "nearly collinear, positive");
}

/* A count is 1, the FLOPs beside it are 1e9. */
Test(nnls, is_optimal_with_columns_of_different_units) {
  check_random_systems(SCALED, false, "scaled");
  check_random_systems(SCALED, true, "scaled, positive");
}

Test(nnls, zero_columns_get_zero) {
  struct system *s = malloc(sizeof(*s));
  struct random_stream random = {5};
  cr_assert(s != NULL);
  for (int trial = 0; trial < UNLESS_SANITIZED(100, 20); trial++) {
    draw_system(s, &random, false);
    alter(s, &random, ZERO_COLUMNS);
    square(s);
    for (size_t i = 0; i < s->n; i++)
      s->x[i] = 3; /* also where it must not stay */
    solve(s);
    expect_optimal(s, "zero columns", trial);
    for (size_t i = 0; i < s->n; i++)
      cr_assert(s->g[i * s->n + i] > 0 || s->x[i] == 0);
  }
  free(s);
}

Test(nnls, any_start_leads_to_the_solution) {
  check_random_systems(WARM, false, "warm");
  check_random_systems(WARM, true, "warm, positive");
}

/* The smallest residual over all choices of free unknowns, by elimination without pivots. */
static double smallest_residual(const struct system *s) {
  double best = INFINITY;
  for (uint32_t mask = 0; mask < 1u << s->n; mask++) {
    double g[8][8] = {{0}}, x[8] = {0};
    bool feasible = true;
    for (size_t i = 0; i < s->n; i++) {
      const bool free_i = (mask >> i & 1) != 0;
      for (size_t j = 0; j < s->n; j++)
        g[i][j] = free_i && (mask >> j & 1) != 0 ? s->g[i * s->n + j] : i == j;
      x[i] = free_i ? s->h[i] : 0;
    }
    for (size_t i = 0; i < s->n; i++) {
      for (size_t j = i + 1; j < s->n; j++) {
        const double factor = g[j][i] / g[i][i];
        for (size_t k = i; k < s->n; k++)
          g[j][k] -= factor * g[i][k];
        x[j] -= factor * x[i];
      }
    }
    for (size_t i = s->n; i-- > 0;) {
      for (size_t j = i + 1; j < s->n; j++)
        x[i] -= g[i][j] * x[j];
      x[i] /= g[i][i];
      feasible = feasible && x[i] >= 0;
    }
    if (feasible)
      best = fmin(best, residual(s, x));
  }
  return best;
}

Test(nnls, no_choice_of_free_unknowns_is_better) {
  struct system *s = malloc(sizeof(*s));
  struct random_stream random = {77};
  cr_assert(s != NULL);
  for (int trial = 0; trial < UNLESS_SANITIZED(200, 40); trial++) {
    draw_system(s, &random, trial % 2 == 0);
    s->n = 1 + random_below(&random, 8);
    s->m = s->n + random_below(&random, 20);
    for (size_t k = 0; k < s->m; k++) { /* rows beyond what was drawn */
      for (size_t i = 0; i < s->n; i++)
        s->a[k][i] = normal(&random);
      s->b[k] = normal(&random);
    }
    square(s);
    solve(s);
    const double best = smallest_residual(s), found = residual(s, s->x);
    cr_assert_leq(found, best * (1 + 1e-9) + 1e-12, "trial %d: %g, possible: %g", trial, found,
                  best);
  }
  free(s);
}

static void expect_solution(size_t n, const double *g, const double *h, const double *expected) {
  double x[4] = {0}, work[64], g_before[16];
  struct jc_error error = {0};
  cr_assert_leq(jc_nnls_work_doubles(n), 64);
  memcpy(g_before, g, n * n * sizeof(double));
  cr_assert_eq(jc_nnls(n, g, h, x, work, &error), JC_OK, "%s", error.text);
  for (size_t i = 0; i < n; i++)
    cr_assert_float_eq(x[i], expected[i], 1e-8 * (1 + expected[i]), "x[%zu] = %.12g", i, x[i]);
  cr_assert_eq(memcmp(g_before, g, n * n * sizeof(double)), 0);
}

Test(nnls, known_solutions) {
  /* Independent unknowns: h / g, or 0. */
  expect_solution(3, (double[]){2, 0, 0, 0, 4, 0, 0, 0, 5}, (double[]){6, -4, 1},
                  (double[]){3, 0, 0.2});
  /* Free solution (2, -1) is not allowed; along x[1] = 0, x[0] = 3 / 2. */
  expect_solution(2, (double[]){2, 1, 1, 2}, (double[]){3, 0}, (double[]){1.5, 0});
  /* (1, 2), allowed. */
  expect_solution(2, (double[]){3, 1, 1, 2}, (double[]){5, 5}, (double[]){1, 2});
  expect_solution(1, (double[]){1e-12}, (double[]){5e-12}, (double[]){5});
}

Test(nnls, what_only_makes_it_worse_stays_zero) {
  expect_solution(3, (double[]){2, 1, 0, 1, 2, 1, 0, 1, 2}, (double[]){-1, -2, -3},
                  (double[]){0, 0, 0});
  expect_solution(2, (double[]){1, 0, 0, 1}, (double[]){0, 0}, (double[]){0, 0});
}

/* ---- errors and their ranks ---- */

Test(errors, by_hand) {
  const double predicted[] = {1.1, 0.9, 4}, measured[] = {1, 1, 2};
  const struct jc_error_summary s = jc_summarize_errors(predicted, measured, 3);
  cr_assert_eq(s.networks, 3);
  cr_assert_float_eq(s.mape, 0.4, 1e-12); /* (0.1 + 0.1 + 1) / 3 */
  cr_assert_float_eq(s.median, 0.1, 1e-12);
  cr_assert_float_eq(s.p90, 1, 1e-12);
  cr_assert_float_eq(s.worst, 1, 1e-12);
  cr_assert_float_eq(s.bias, 1.0 / 3, 1e-12);                /* too much is positive */
  cr_assert_float_eq(s.log_half_width[0], -log(0.9), 1e-12); /* 2nd of 3 */
  cr_assert(isnan(s.log_half_width[1]) && isnan(s.log_half_width[2]));
}

Test(errors, bias_is_negative_where_predictions_are_low) {
  const double predicted[] = {0.5, 0.7}, measured[] = {1, 1};
  const struct jc_error_summary s = jc_summarize_errors(predicted, measured, 2);
  cr_assert_float_eq(s.bias, -0.4, 1e-12);
  cr_assert_float_eq(s.mape, 0.4, 1e-12);
  cr_assert_float_eq(s.median, 0.4, 1e-12); /* between the two */
}

/* Measured i is exp(i) above the prediction or below it: the score of rank i is i. */
static struct jc_error_summary summarize_ranks(uint32_t count) {
  double predicted[128], measured[128];
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t rank = (i * 7) % count + 1; /* in no order */
    predicted[i] = exp(-0.01 * rank * (i % 2 == 0 ? 1 : -1));
    measured[i] = 1;
  }
  return jc_summarize_errors(predicted, measured, count);
}

/* Split conformal: of n scores the ceil((n + 1) level)-th smallest; none if that exceeds n. */
Test(errors, conformal_ranks) {
  static const struct {
    uint32_t count;
    double rank[3]; /* at 50, 80, 90 % */
  } cases[] = {{1, {1, NAN, NAN}}, {3, {2, NAN, NAN}}, {4, {3, 4, NAN}},    {8, {5, 8, NAN}},
               {9, {5, 8, 9}},     {10, {6, 9, 10}},   {19, {10, 16, 18}},  {20, {11, 17, 19}},
               {29, {15, 24, 27}}, {99, {50, 80, 90}}, {100, {51, 81, 91}}, {109, {55, 88, 99}},
               {89, {45, 72, 81}}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const struct jc_error_summary s = summarize_ranks(cases[i].count);
    for (int level = 0; level < 3; level++) {
      const double expected = 0.01 * cases[i].rank[level], found = s.log_half_width[level];
      if (isnan(expected))
        cr_assert(isnan(found), "%u networks, level %d: %g", cases[i].count, level, found);
      else
        cr_assert_float_eq(found, expected, 1e-9, "%u networks, level %d: %g", cases[i].count,
                           level, found);
    }
  }
}

Test(errors, nearest_rank_of_90_percent) {
  double predicted[20], measured[20];
  for (int i = 0; i < 20; i++) {
    measured[i] = 2;
    predicted[i] = 2 * (1 + 0.01 * (20 - i));
  }
  cr_assert_float_eq(jc_summarize_errors(predicted, measured, 20).p90, 0.18, 1e-12);
  cr_assert_float_eq(jc_summarize_errors(predicted + 10, measured, 10).p90, 0.09, 1e-12);
}

Test(errors, of_nothing_are_not_known) {
  const struct jc_error_summary s = jc_summarize_errors(NULL, NULL, 0);
  cr_assert_eq(s.networks, 0);
  cr_assert(isnan(s.mape) && isnan(s.median) && isnan(s.p90) && isnan(s.worst) && isnan(s.bias));
  cr_assert(isnan(s.log_half_width[0]) && isnan(s.log_half_width[2]));
}

/* ---- the fit, on observations made from known coefficients ---- */

enum { TYPES = 6, ROWS = 1 + 2 * TYPES + 1, UNKNOWNS = ROWS * JC_LINEAR_FEATURES, NETWORKS = 160 };

static const double idle_w = 10, active_w = 25; /* joules above idle: active_w x seconds */

struct known_machine {
  struct jc_fit_rows rows;
  double theta[UNKNOWNS]; /* s per call, FLOP, byte */
  struct jc_observation observations[NETWORKS];
  double features[NETWORKS][UNKNOWNS], seconds[NETWORKS][ROWS];
};

static void add_known_row(struct known_machine *k, uint16_t type, enum jc_phase phase) {
  k->rows.index[type][phase] = (int16_t)k->rows.count;
  k->rows.rows[k->rows.count++] = (struct jc_coefficient){
      .type = type, .phase = phase, .networks = NETWORKS, .flops_max = 1e9, .bytes_max = 1e7};
}

static void make_known_rows(struct known_machine *k, struct random_stream *random) {
  memset(k->rows.index, 0xff, sizeof(k->rows.index));
  add_known_row(k, JC_TYPE_STEP, JC_FORWARD);
  for (uint16_t i = 0; i < TYPES; i++) {
    add_known_row(k, (uint16_t)(i * JC_MAX_VARIANTS), JC_FORWARD);
    add_known_row(k, (uint16_t)(i * JC_MAX_VARIANTS), JC_BACKWARD);
  }
  add_known_row(k, JC_TYPE_UPDATE, JC_UPDATE);
  k->theta[0] = 3e-3;
  for (size_t row = 1; row < ROWS; row++) {
    k->theta[3 * row] = log_uniform(random, 5e-5, 5e-4);
    k->theta[3 * row + 1] = log_uniform(random, 5e-12, 5e-11);
    k->theta[3 * row + 2] = log_uniform(random, 5e-10, 5e-9);
  }
}

/* Seconds of every row with NOISE (relative, one sigma), and what follows from them. */
static void measure_known(struct known_machine *k, uint32_t network, double noise,
                          struct random_stream *random) {
  struct jc_observation *o = &k->observations[network];
  double *f = k->features[network];
  *o = (struct jc_observation){.features = f, .seconds = k->seconds[network], .flops = 1e6};
  f[0] = 1;
  for (size_t row = 0; row < ROWS; row++) {
    if (row > 0 && random_unit(random) < 0.7) {
      f[3 * row] = 1 + random_below(random, 20);
      f[3 * row + 1] = log_uniform(random, 1e6, 1e9);
      f[3 * row + 2] = log_uniform(random, 1e4, 1e7);
    }
    double seconds = 0;
    for (size_t i = 3 * row; i < 3 * row + 3; i++)
      seconds += k->theta[i] * f[i];
    o->seconds[row] = seconds * (1 + noise * normal(random));
    o->step_s += o->seconds[row];
    o->flops += f[3 * row + 1];
  }
  o->bytes = 1e6;
  o->active_j = active_w * o->step_s;
  o->energy_j = (active_w + idle_w) * o->step_s;
  o->layer_count = 2 + random_below(random, 60);
  o->startup_s = 0.2 + 0.01 * o->layer_count + 3 * o->step_s;
}

static struct known_machine *known_machine(uint64_t seed, double noise) {
  struct known_machine *k = calloc(1, sizeof(*k));
  struct random_stream random = {seed};
  cr_assert(k != NULL);
  make_known_rows(k, &random);
  for (uint32_t i = 0; i < NETWORKS; i++)
    measure_known(k, i, noise, &random);
  return k;
}

static struct jc_profile *fit_known(const struct known_machine *k, uint32_t count) {
  struct jc_profile *profile = calloc(1, sizeof(*profile));
  struct jc_error error = {0};
  cr_assert(profile != NULL);
  profile->idle_power_w = idle_w;
  profile->active_power_w = idle_w + active_w;
  cr_assert_eq(jc_linear_fit(&k->rows, k->observations, count, 1, profile, &error), JC_OK, "%s",
               error.text);
  return profile;
}

static double coefficient(const struct jc_profile *profile, size_t unknown) {
  return profile->coefficients[unknown / 3].time_s[unknown % 3];
}

static double predict(const struct jc_profile *profile, const struct jc_observation *o) {
  double sum = 0;
  for (size_t i = 0; i < UNKNOWNS; i++)
    sum += coefficient(profile, i) * o->features[i];
  return sum;
}

Test(linear_fit, recovers_known_coefficients) {
  for (uint64_t seed = 1; seed <= UNLESS_SANITIZED(5, 1); seed++) {
    struct known_machine *k = known_machine(seed, 0);
    struct jc_profile *profile = fit_known(k, NETWORKS);
    for (size_t i = 0; i < UNKNOWNS; i++) {
      const double truth = k->theta[i], found = coefficient(profile, i),
                   found_j = profile->coefficients[i / 3].energy_j[i % 3];
      cr_assert_float_eq(found, truth, 1e-6 * truth, "unknown %zu: %g, not %g", i, found, truth);
      cr_assert_float_eq(found_j, active_w * truth, 1e-6 * active_w * truth);
      cr_assert_float_eq(profile->coefficients[i / 3].time_low_s[i % 3], truth, 1e-5 * truth);
      cr_assert_float_eq(profile->coefficients[i / 3].time_high_s[i % 3], truth, 1e-5 * truth);
    }
    cr_assert_lt(profile->time_error.worst, 1e-5);
    cr_assert_lt(profile->energy_error.worst, 1e-5);
    cr_assert_float_eq(profile->startup_s[0], 0.2, 1e-6);
    cr_assert_float_eq(profile->startup_s[1], 0.01, 1e-7);
    cr_assert_float_eq(profile->startup_s[2], 3, 1e-5);
    free(profile);
    free(k);
  }
}

/* A coefficient that is truly zero comes out as nothing beside the others. */
Test(linear_fit, recovers_zero_coefficients) {
  struct known_machine *k = calloc(1, sizeof(*k));
  struct random_stream random = {11};
  make_known_rows(k, &random);
  for (size_t row = 1; row < ROWS; row++)
    k->theta[3 * row + row % 3] = 0;
  for (uint32_t i = 0; i < NETWORKS; i++)
    measure_known(k, i, 0, &random);
  struct jc_profile *profile = fit_known(k, NETWORKS);
  static const double sizes[] = {10, 1e8, 1e6}; /* of usual features */
  for (size_t i = 3; i < UNKNOWNS; i++)
    cr_assert_float_eq(coefficient(profile, i) * sizes[i % 3], k->theta[i] * sizes[i % 3], 1e-8);
  free(profile);
  free(k);
}

Test(linear_fit, bootstrap_intervals_hold_the_truth) {
  uint32_t inside = 0, all = 0;
  for (uint64_t seed = 1; seed <= UNLESS_SANITIZED(5, 1); seed++) {
    struct known_machine *k = known_machine(100 + seed, 0.05);
    struct jc_profile *profile = fit_known(k, NETWORKS);
    for (size_t i = 0; i < UNKNOWNS; i++) {
      const struct jc_coefficient *c = &profile->coefficients[i / 3];
      if (k->theta[i] == 0)
        continue;
      inside += c->time_low_s[i % 3] <= k->theta[i] && k->theta[i] <= c->time_high_s[i % 3];
      cr_assert_leq(c->time_low_s[i % 3], c->time_high_s[i % 3]);
      all++;
    }
    free(profile);
    free(k);
  }
  cr_assert_geq(inside, all * 75 / 100, "%u of %u", inside, all); /* of 90 % */
}

/* Errors of networks predicted by fits that were given all the others. */
static struct jc_error_summary refit_by_hand(struct known_machine *k, uint32_t count) {
  double predicted[NETWORKS], measured[NETWORKS];
  for (uint32_t i = 0; i < count; i++) {
    const struct jc_observation left_out = k->observations[i];
    measured[i] = left_out.step_s;
    k->observations[i] = k->observations[count - 1];
    struct jc_profile *fold = fit_known(k, count - 1);
    predicted[i] = predict(fold, &left_out);
    k->observations[i] = left_out;
    free(fold);
  }
  return jc_summarize_errors(predicted, measured, count);
}

static void expect_same_errors(const struct jc_error_summary *found,
                               const struct jc_error_summary *expected) {
  cr_assert_eq(found->networks, expected->networks);
  cr_assert_float_eq(found->mape, expected->mape, 1e-6 * (1 + expected->mape), "%g, not %g",
                     found->mape, expected->mape);
  cr_assert_float_eq(found->median, expected->median, 1e-6);
  cr_assert_float_eq(found->worst, expected->worst, 1e-5 * (1 + expected->worst), "%g, not %g",
                     found->worst, expected->worst);
  cr_assert_float_eq(found->bias, expected->bias, 1e-6 * (1 + expected->mape));
  for (int level = 0; level < 3; level++)
    cr_assert_float_eq(found->log_half_width[level], expected->log_half_width[level], 1e-5);
}

Test(linear_fit, errors_are_those_of_networks_left_out) {
  enum { FEW = 40 };
  struct known_machine *k = known_machine(3, 0.2);
  struct jc_profile *profile = fit_known(k, FEW);
  double seen[FEW], measured[FEW];
  for (uint32_t i = 0; i < FEW; i++) {
    seen[i] = predict(profile, &k->observations[i]);
    measured[i] = k->observations[i].step_s;
  }
  const struct jc_error_summary expected = refit_by_hand(k, FEW),
                                in_sample = jc_summarize_errors(seen, measured, FEW);
  expect_same_errors(&profile->time_error, &expected);
  /* Here joules are a constant times seconds, and so are their errors. */
  expect_same_errors(&profile->energy_error, &expected);
  cr_assert_gt(profile->time_error.mape, in_sample.mape);
  free(profile);
  free(k);
}

static void expect_non_negative(const struct jc_profile *profile) {
  cr_assert_geq(profile->coefficient_count, 1);
  for (uint32_t i = 0; i < profile->coefficient_count; i++) {
    const struct jc_coefficient *c = &profile->coefficients[i];
    const double *const lists[] = {c->time_s,   c->time_low_s,   c->time_high_s,
                                   c->energy_j, c->energy_low_j, c->energy_high_j};
    for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
      for (int f = 0; f < JC_LINEAR_FEATURES; f++)
        cr_assert(isfinite(lists[l][f]) && lists[l][f] >= 0, "%s %s: %g in list %zu",
                  jc_type_name(c->type), jc_phase_name(c->phase), lists[l][f], l);
    }
  }
  for (int i = 0; i < 3; i++)
    cr_assert(isfinite(profile->startup_s[i]) && profile->startup_s[i] >= 0);
}

Test(linear_fit, no_coefficient_is_negative) {
  for (uint64_t seed = 1; seed <= UNLESS_SANITIZED(3, 1); seed++) {
    struct known_machine *k = known_machine(seed, 0.6);
    for (uint32_t i = 0; i < NETWORKS; i++) { /* noise must not make times negative */
      struct jc_observation *o = &k->observations[i];
      o->step_s = 0;
      for (size_t row = 0; row < ROWS; row++) {
        o->seconds[row] = fabs(o->seconds[row]);
        o->step_s += o->seconds[row];
      }
    }
    struct jc_profile *profile = fit_known(k, NETWORKS);
    expect_non_negative(profile);
    free(profile);
    free(k);
  }
}

Test(linear_fit, ten_times_slower_is_ten_times_the_coefficients) {
  struct known_machine *k = known_machine(9, 0.05);
  struct jc_profile *fast = fit_known(k, NETWORKS);
  for (uint32_t i = 0; i < NETWORKS; i++) {
    struct jc_observation *o = &k->observations[i];
    o->step_s *= 10;
    o->startup_s *= 10;
    for (size_t row = 0; row < ROWS; row++)
      o->seconds[row] *= 10;
  }
  struct jc_profile *slow = fit_known(k, NETWORKS);
  for (size_t i = 0; i < UNKNOWNS; i++) {
    const double expected = 10 * coefficient(fast, i);
    cr_assert_float_eq(coefficient(slow, i), expected, 1e-7 * expected, "unknown %zu", i);
  }
  cr_assert_float_eq(slow->time_error.mape, fast->time_error.mape, 1e-9);
  cr_assert_float_eq(slow->time_per_flop_s, 10 * fast->time_per_flop_s,
                     1e-12 * slow->time_per_flop_s);
  cr_assert_float_eq(slow->startup_s[1], 10 * fast->startup_s[1], 1e-6 * slow->startup_s[1]);
  free(slow);
  free(fast);
  free(k);
}

/* Types that only the first two networks have, the second one much less of them. */
static void make_rare(struct known_machine *k, uint64_t seed) {
  struct random_stream random = {seed};
  for (uint32_t i = 0; i < NETWORKS; i++) {
    struct jc_observation *o = &k->observations[i];
    for (size_t row = 3; row <= 6; row++) {
      const double size = i == 0 ? 1 : log_uniform(&random, 1e-6, 1e-4);
      o->step_s -= o->seconds[row];
      o->seconds[row] = 0;
      for (size_t f = 3 * row; f < 3 * row + 3; f++) {
        o->features[f] = i < 2 ? size * (f == 3 * row ? 10 : 1e7) : 0;
        o->seconds[row] += k->theta[f] * o->features[f];
      }
      o->step_s += o->seconds[row];
    }
    o->active_j = active_w * o->step_s;
    o->energy_j = (active_w + idle_w) * o->step_s;
  }
}

/* Leaving out the large one must leave the equations of the small one as they are. */
Test(linear_fit, rare_types_of_very_different_sizes) {
  for (uint64_t seed = 1; seed <= UNLESS_SANITIZED(10, 2); seed++) {
    struct known_machine *k = known_machine(seed, 0.05);
    make_rare(k, seed);
    struct jc_profile *profile = fit_known(k, 30);
    const struct jc_error_summary expected = refit_by_hand(k, 30);
    expect_non_negative(profile);
    expect_same_errors(&profile->time_error, &expected);
    free(profile);
    free(k);
  }
}

/* FLOPs x constant: the median, of the others where a network is predicted. */
Test(linear_fit, flops_method_is_a_median) {
  struct known_machine *k = known_machine(4, 0);
  static const double per_flop[] = {1e-9, 2e-9, 3e-9, 5e-9, 4e-9};
  for (uint32_t i = 0; i < 5; i++) {
    struct jc_observation *o = &k->observations[i];
    for (size_t row = 0; row < ROWS; row++)
      o->seconds[row] *= per_flop[i] * o->flops / o->step_s;
    o->step_s = per_flop[i] * o->flops;
    o->energy_j = 7 * o->step_s;
  }
  struct jc_profile *profile = fit_known(k, 5);
  cr_assert_float_eq(profile->time_per_flop_s, 3e-9, 1e-18);
  cr_assert_float_eq(profile->energy_per_flop_j, 21e-9, 1e-17);
  /* Medians of the others: 3.5, 3.5, 3, 2.5, 2.5. */
  const double errors[] = {2.5, 0.75, 0, 0.5, 0.375};
  double mape = 0;
  for (int i = 0; i < 5; i++)
    mape += errors[i] / 5;
  cr_assert_float_eq(profile->flops_time_error.mape, mape, 1e-9);
  cr_assert_float_eq(profile->flops_time_error.worst, 2.5, 1e-9);
  cr_assert_float_eq(profile->flops_energy_error.mape, mape, 1e-9);
  cr_assert(isnan(profile->flops_time_error.log_half_width[2]));
  free(profile);
  free(k);
}

/* A layer of a type that no sample had is priced by all layers together. */
Test(linear_fit, any_rows_stand_for_all_layers) {
  struct known_machine *k = calloc(1, sizeof(*k));
  struct random_stream random = {21};
  make_known_rows(k, &random);
  for (size_t i = 6; i < UNKNOWNS - 3; i++) /* every type of a phase costs the same */
    k->theta[i] = k->theta[i - (i >= 9 ? 6 : 3)];
  for (uint32_t i = 0; i < NETWORKS; i++)
    measure_known(k, i, 0, &random);
  struct jc_profile *profile = fit_known(k, NETWORKS);
  cr_assert_eq(profile->coefficient_count, ROWS + 2);
  for (uint32_t i = ROWS; i < ROWS + 2; i++) {
    const struct jc_coefficient *c = &profile->coefficients[i];
    const size_t like = c->phase == JC_FORWARD ? 3 : 6;
    cr_assert_eq(c->type, JC_TYPE_ANY);
    cr_assert_eq(c->phase, i == ROWS ? JC_FORWARD : JC_BACKWARD);
    for (size_t f = 0; f < 3; f++) {
      cr_assert_float_eq(c->time_s[f], k->theta[like + f], 1e-5 * k->theta[like + f]);
      cr_assert_float_eq(c->energy_j[f], active_w * c->time_s[f], 1e-9 * active_w * c->time_s[f]);
    }
  }
  free(profile);
  free(k);
}

/* On a machine whose baseline was disturbed, training may seem to draw less than nothing. */
Test(linear_fit, a_baseline_above_the_load_gives_no_negative_joules) {
  struct known_machine *k = known_machine(2, 0.05);
  struct jc_profile *profile = calloc(1, sizeof(*profile));
  struct jc_error error = {0};
  profile->idle_power_w = 30;
  profile->active_power_w = 25;
  cr_assert_eq(jc_linear_fit(&k->rows, k->observations, NETWORKS, 1, profile, &error), JC_OK);
  expect_non_negative(profile);
  free(profile);
  free(k);
}
