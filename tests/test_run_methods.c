/* test_run_methods.c -- methods on whole runs against hand computations and numpy. */
#include <math.h>
#include <string.h>

#include "calibrate/kernel_ridge.h"
#include "calibrate/run_methods.h"
#include "calibrate/run_terms.h"
#include "tests/file_fixtures.h"

#define RUNS FIXTURES "/runs/two_parts.jsonl"

#define NEAR(found, expected)                                                                      \
  cr_assert_float_eq(found, expected, 1e-9 * fabs(expected), "%.12g", found)

/* 1000 training and 300 validation samples, batches of 256, 20 epochs, half of the layers trained.
 */
static struct jc_run_row run_by_hand(void) {
  struct jc_run_row row = {.energy_j = 1e5};
  for (int i = 0; i < JC_RUN_NUMBER_COUNT; i++)
    row.values[i] = NAN;
  row.values[JC_RUN_BATCH_SIZE] = 256;
  row.values[JC_RUN_SAMPLES] = 1000;
  row.values[JC_RUN_VAL_SAMPLES] = 300;
  row.values[JC_RUN_EPOCHS] = 20;
  row.values[JC_RUN_DEVICES] = 2;
  row.values[JC_RUN_TIME_S] = 500;
  row.values[JC_RUN_FORWARD_MACS] = 1e6;
  row.values[JC_RUN_BACKWARD_MACS] = 5e5;
  row.values[JC_RUN_ACTIVATION_BYTES] = 4e4;
  row.values[JC_RUN_LAYERS] = 30;
  row.values[JC_RUN_TRAINABLE_PARAMS] = 7e3;
  row.values[JC_RUN_BACKWARD_SHARE] = 0.5;
  row.values[JC_RUN_TDP_W] = 200;
  row.values[JC_RUN_POWER_LIMIT_W] = 150;
  row.values[JC_RUN_UTILIZATION] = 0.4;
  row.values[JC_RUN_HOST_MEMORY_BYTES] = 64e9;
  row.values[JC_RUN_WINDOW_POWER_W] = 170;
  row.values[JC_RUN_WINDOW_EPOCH_J] = 4400;
  row.values[JC_RUN_FIRST_EPOCH_J] = 5100;
  return row;
}

Test(run_methods, terms_by_hand) {
  const struct jc_run_row row = run_by_hand();
  double x[JC_TERM_COUNT];
  jc_run_terms(&row, x);
  NEAR(x[JC_TERM_FLOPS], 2 * (1e6 * 1300 + 5e5 * 1000));
  NEAR(x[JC_TERM_BYTES], 4e4 * (1300 + 1000));
  NEAR(x[JC_TERM_LAUNCHES], 30.0 * (4 + 2 + 2)); /* 4 steps, 2 of validation, half of 4 back */
  NEAR(x[JC_TERM_FILL], sqrt(3.6e9 * 240));
  NEAR(x[JC_TERM_UPDATES], 4.0 * 7e3 * 4);
  NEAR(x[JC_TERM_IMAGES], 1300.0);
  NEAR(x[JC_TERM_EPOCH], 1.0);
  NEAR(jc_run_flops(&row), 20 * 3.6e9);
}

Test(run_methods, methods_without_parameters_by_hand) {
  static const struct {
    const char *name;
    double energy_j;
  } rows[] = {
      {"mlco2", 150.0 * 2 * 500},     {"green-algorithms", (150 * 2 * 0.4 + 0.3725 * 64) * 500},
      {"step-power", 170.0 * 500},    {"step-energy", 4400.0 * 20},
      {"carbontracker", 5100.0 * 20},
  };
  const struct jc_run_row row = run_by_hand();
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct jc_run_method *method = jc_run_method_find(rows[i].name);
    cr_assert_not_null(method);
    cr_assert_null(method->fit);
    NEAR(method->forecast(NULL, &row).energy_j, rows[i].energy_j);
  }
}

Test(run_methods, every_descriptor_is_complete) {
  for (size_t i = 0; jc_run_method_at(i) != NULL; i++) {
    const struct jc_run_method *m = jc_run_method_at(i);
    cr_assert(m->name != NULL && m->summary != NULL && m->formula != NULL && m->source != NULL);
    cr_assert(m->need_count > 0 && m->need_count <= JC_RUN_MAX_NEEDS, "%s", m->name);
    cr_assert(m->forecast != NULL);
    cr_assert((m->fit == NULL) == (m->put == NULL) && (m->fit == NULL) == (m->release == NULL));
    cr_assert_eq(jc_run_method_find(m->name), m);
  }
  cr_assert_null(jc_run_method_find("physics"));
}

/* What each takes that is known of no run before it begins, by its paper. */
Test(run_methods, those_that_only_runs_feed_say_what_they_need) {
  static const struct {
    const char *name, *needs, *why;
  } rows[] = {
      {"run-physics", "fitted runs", "needs measured runs to be fitted to; "},
      {"pre-power", "fitted runs, duration", "fitted to and the run's measured time; "},
      {"pre-energy", "fitted runs", "needs measured runs to be fitted to; "},
      {"step-power", "measured epochs, duration",
       "needs measured epochs of this run and the run's "},
      {"step-energy", "measured epochs", "needs measured epochs of this run; "},
      {"carbontracker", "measured epochs", "needs measured epochs of this run; "},
  };
  enum { COUNT = sizeof(rows) / sizeof(rows[0]) };
  for (size_t i = 0; i < COUNT; i++) {
    const struct jc_run_method *method = jc_run_method_only_at(i);
    struct jc_error error = {0};
    char needs[64];
    cr_assert_not_null(method);
    cr_assert_str_eq(method->name, rows[i].name);
    cr_assert_str_eq(jc_run_method_needs(method, needs, sizeof(needs)), rows[i].needs);
    cr_assert_eq(jc_run_method_lacks(method, &error), JC_ERROR_MISSING);
    cr_assert_not_null(strstr(error.text, rows[i].why), "%s", error.text);
    cr_assert_not_null(strstr(error.text, "`joulecast evaluate RUNS.jsonl`"), "%s", error.text);
  }
  cr_assert_null(jc_run_method_only_at(COUNT));
  cr_assert_null(jc_run_method_only_at(SIZE_MAX));
}

Test(run_methods, names_the_number_that_is_missing) {
  struct jc_run_row row = run_by_hand();
  enum jc_run_number missing = JC_RUN_NUMBER_COUNT;
  cr_assert(jc_run_method_knows(&jc_run_method_mlco2, &row, &missing));
  row.values[JC_RUN_POWER_LIMIT_W] = NAN;
  cr_assert_not(jc_run_method_knows(&jc_run_method_mlco2, &row, &missing));
  cr_assert_str_eq(jc_run_number_key(missing), "accelerator.power_limit_w");
}

/* numpy 2.4: solve(K + 0.05 I, y) over all six rows, two of which come twice. The third feature
 * does not vary. */
Test(run_methods, kernel_ridge_is_that_of_numpy) {
  const double x[] = {1, 10, 5, 2, 20, 5, 3, 15, 5, 1, 10, 5, 4, 40, 5, 2, 20, 5};
  const double y[] = {1, 2, 4, 1.5, 3, 2.5};
  const double at[] = {2.5, 18, 5}, seen[] = {1, 10, 5}, far[] = {9, 90, 5};
  struct jc_kernel_ridge ridge = {.feature_count = 3, .alpha = 0.05, .gamma = 0.3};
  struct jc_error error = {0};
  jc_ridge_scale(&ridge, x, 6);
  cr_assert_float_eq(ridge.deviation[1], 10.17212968, 1e-8);
  cr_assert_eq(ridge.deviation[2], 1);
  cr_assert_eq(jc_ridge_fit(&ridge, x, y, 6, &error), JC_OK);
  cr_assert_eq(ridge.count, 4);
  cr_assert_float_eq(jc_ridge_predict(&ridge, at), 3.226036433921731, 1e-9);
  cr_assert_float_eq(jc_ridge_predict(&ridge, seen), 1.2339502014028003, 1e-9);
  cr_assert_float_eq(jc_ridge_predict(&ridge, far), 2.4441936920318648e-06, 1e-12);
  jc_ridge_free(&ridge);
}

/* The grid that fits a smooth curve best is not its coarsest corner. */
Test(run_methods, tuning_finds_the_smooth_curve) {
  struct jc_kernel_ridge ridge = {.feature_count = 1};
  struct jc_error error = {0};
  double x[40], y[40], worst = 0;
  for (int i = 0; i < 40; i++) {
    x[i] = i;
    y[i] = sin(i / 6.0);
  }
  jc_ridge_scale(&ridge, x, 40);
  cr_assert_eq(jc_ridge_tune(&ridge, x, y, 40, &error), JC_OK);
  for (double at = 1.5; at < 38; at++)
    worst = fmax(worst, fabs(jc_ridge_predict(&ridge, &at) - sin(at / 6)));
  cr_assert_lt(worst, 0.02, "%g", worst);
  jc_ridge_free(&ridge);
}

/* ---- run-physics ---- */

/* All rows whose hardware is ONLY; all if it is negative. */
static struct jc_run_subset rows_of(const struct jc_run_set *set, int only, uint32_t *rows) {
  struct jc_run_subset subset = {.set = set, .rows = rows};
  for (uint32_t i = 0; i < set->count; i++) {
    if (only < 0 || set->rows[i].groups[JC_GROUP_HARDWARE] == (uint32_t)only)
      rows[subset.count++] = i;
  }
  return subset;
}

/* Joules of each row by a law without noise: 1 fJ a byte, 10 pJ a FLOP, 5 uJ a launch and W. */
static void apply_law(struct jc_run_set *set) {
  double x[JC_TERM_COUNT];
  for (uint32_t i = 0; i < set->count; i++) {
    struct jc_run_row *row = &set->rows[i];
    jc_run_terms(row, x);
    row->energy_j =
        row->values[JC_RUN_EPOCHS] * (1e-11 * x[JC_TERM_FLOPS] + 1e-9 * x[JC_TERM_BYTES] +
                                      5e-6 * row->values[JC_RUN_TDP_W] * x[JC_TERM_LAUNCHES]);
  }
}

/* Learnt on one part, forecast on the other by its TDP alone. */
Test(run_methods, physics_carries_over_to_a_part_that_was_not_measured) {
  const struct jc_run_fit_options options = {0};
  struct jc_error error = {0};
  struct jc_run_set set = {0};
  uint32_t rows[64];
  void *state = NULL;
  cr_assert_eq(jc_run_set_read(RUNS, &set, &error), JC_OK, "%s", error.text);
  cr_assert_eq(set.count, 18);
  apply_law(&set);
  const struct jc_run_subset first = rows_of(&set, 0, rows);
  cr_assert_eq(first.count, 9);
  cr_assert_eq(jc_run_method_physics.fit(&first, &options, &state, &error), JC_OK, "%s",
               error.text);
  for (uint32_t i = 0; i < set.count; i++) {
    const struct jc_run_forecast f = jc_run_method_physics.forecast(state, &set.rows[i]);
    cr_assert_float_eq(f.energy_j / set.rows[i].energy_j, 1, 1e-4, "run %u: %g", i,
                       f.energy_j / set.rows[i].energy_j);
    /* The measured part has 9 configurations: an interval, which is narrow without noise. */
    cr_assert_eq(isnan(f.half_width), set.rows[i].groups[JC_GROUP_HARDWARE] != 0);
    cr_assert(!(f.half_width > 1e-3));
    cr_assert(isnan(f.half_width) || (f.half_width_50 >= 0 && f.half_width_50 <= f.half_width));
  }
  jc_run_method_physics.release(state);
  jc_run_set_free(&set);
}

/* A power limit below the TDP is what the part draws while it waits. */
Test(run_methods, physics_takes_the_power_limit_below_the_tdp) {
  const struct jc_run_fit_options options = {0};
  struct jc_error error = {0};
  struct jc_run_set set = {0};
  uint32_t rows[64];
  void *state = NULL;
  cr_assert_eq(jc_run_set_read(RUNS, &set, &error), JC_OK, "%s", error.text);
  apply_law(&set);
  const struct jc_run_subset all = rows_of(&set, -1, rows);
  cr_assert_eq(jc_run_method_physics.fit(&all, &options, &state, &error), JC_OK);
  struct jc_run_row row = set.rows[0];
  const double whole_j = jc_run_method_physics.forecast(state, &row).energy_j;
  row.values[JC_RUN_POWER_LIMIT_W] = 2 * row.values[JC_RUN_TDP_W];
  NEAR(jc_run_method_physics.forecast(state, &row).energy_j, whole_j);
  row.values[JC_RUN_POWER_LIMIT_W] = row.values[JC_RUN_TDP_W] / 2;
  double x[JC_TERM_COUNT];
  jc_run_terms(&row, x);
  const double launches_j =
      5e-6 * row.values[JC_RUN_TDP_W] * x[JC_TERM_LAUNCHES] * row.values[JC_RUN_EPOCHS];
  cr_assert_float_eq(jc_run_method_physics.forecast(state, &row).energy_j, whole_j - launches_j / 2,
                     1e-3 * launches_j);
  jc_run_method_physics.release(state);
  jc_run_set_free(&set);
}
