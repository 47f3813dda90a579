/* test_budget.c -- limits against figures worked out by hand. */
#include <criterion/criterion.h>
#include <math.h>

#include "calibrate/budget.h"

/* 2 kWh at the machine, PUE 1.5, 400 g and 0.30 a kWh: 3 kWh, 1.2 kg, 0.90. */
static struct jc_budget used(void) {
  return jc_budget_use(2 * 3.6e6, 5 * 3600, 1.5, 400, 0.3);
}

Test(budget, what_a_run_means) {
  const struct jc_budget use = used();
  cr_assert_float_eq(use.energy_j, 3 * 3.6e6, 1e-6);
  cr_assert_float_eq(use.time_s, 18000, 1e-9);
  cr_assert_float_eq(use.co2e_g, 1200, 1e-9);
  cr_assert_float_eq(use.cost, 0.9, 1e-12);
}

Test(budget, each_limit_says_which_it_is) {
  static const struct {
    double kwh, hours, co2e_kg, cost;
    const char *option, *text;
  } rows[] = {
      {2.9, NAN, NAN, NAN, "--max-kwh", "over budget: 3 kWh spent, 2.9 allowed"},
      {NAN, 4.5, NAN, NAN, "--max-hours", "over budget: 5 hours spent, 4.5 allowed"},
      {NAN, NAN, 1.19, NAN, "--max-co2e-kg", "over budget: 1.2 kg CO2e spent, 1.19 allowed"},
      {NAN, NAN, NAN, 0.89, "--max-cost", "over budget: 0.9 EUR spent, 0.89 allowed"},
      {2.9, 4.5, 1.19, 0.89, "--max-kwh", "over budget: 3 kWh spent, 2.9 allowed"},
  };
  const struct jc_budget use = used();
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct jc_budget limits =
        jc_budget_of(rows[i].kwh, rows[i].hours, rows[i].co2e_kg, rows[i].cost);
    struct jc_error error = {0};
    cr_assert(jc_budget_is_set(&limits));
    cr_assert_eq(jc_budget_check(&limits, &use, &use, "spent", "EUR", &error), JC_ERROR_RUNTIME);
    cr_assert_str_eq(error.path, rows[i].option);
    cr_assert_str_eq(error.text, rows[i].text);
  }
}

Test(budget, within_at_and_without_a_limit_nothing_is_passed) {
  const struct jc_budget use = used(), none = jc_budget_of(NAN, NAN, NAN, NAN),
                         at = jc_budget_of(3, 5, 1.2, 0.9);
  struct jc_error error = {0};
  cr_assert_not(jc_budget_is_set(&none));
  cr_assert_eq(jc_budget_check(&none, &use, &use, "spent", NULL, &error), JC_OK);
  cr_assert_eq(jc_budget_check(&at, &use, &use, "spent", NULL, &error), JC_OK);
}

Test(budget, what_is_not_known_passes_no_limit) {
  const struct jc_budget use = jc_budget_use(NAN, 7200, 1.5, NAN, NAN),
                         limits = jc_budget_of(0, 3, 0, 0);
  struct jc_error error = {0};
  cr_assert_eq(jc_budget_check(&limits, &use, &use, "spent", NULL, &error), JC_OK);
}

/* 3 kWh projected, at least 2: over 1.9, not yet over 2.5. */
Test(budget, the_low_end_decides_and_the_projection_is_shown) {
  const struct jc_budget use = used(), least = jc_budget_use(2 * 3.6e6, 0, 1, 400, 0.3);
  const struct jc_budget maybe = jc_budget_of(2.5, NAN, NAN, NAN),
                         surely = jc_budget_of(1.9, NAN, NAN, NAN);
  struct jc_error error = {0};
  cr_assert_eq(jc_budget_check(&maybe, &use, &least, "projected", NULL, &error), JC_OK);
  cr_assert_eq(jc_budget_check(&surely, &use, &least, "projected", NULL, &error), JC_ERROR_RUNTIME);
  cr_assert_str_eq(error.text, "over budget: 3 kWh projected, 1.9 allowed");
}

Test(budget, a_cost_without_a_currency_has_no_unit) {
  const struct jc_budget use = used(), limits = jc_budget_of(NAN, NAN, NAN, 0.5);
  struct jc_error error = {0};
  (void)jc_budget_check(&limits, &use, &use, "projected", NULL, &error);
  cr_assert_str_eq(error.text, "over budget: 0.9 projected, 0.5 allowed");
}
