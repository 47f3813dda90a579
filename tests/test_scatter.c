/* test_scatter.c -- pooled deviations against sums by hand, and Student's t against its table. */
#include <criterion/criterion.h>
#include <math.h>

#include "calibrate/scatter.h"

/* Two windows that differ by a share of SPREAD. */
static struct jc_scatter pair(double spread) {
  const double values[] = {5, 5 * exp(spread)};
  double mean_j = 0;
  return jc_scatter_of(values, 2, &mean_j);
}

/* Percentage points of the t distribution, 97.5 %, as printed in tables to three decimals. */
Test(scatter, students_t_is_that_of_tables) {
  static const struct {
    uint32_t freedom;
    double t;
  } rows[] = {{1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},  {5, 2.571},
              {8, 2.306},  {10, 2.228}, {20, 2.086}, {60, 2.000}, {120, 1.980}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    cr_assert_float_eq(jc_student_t(rows[i].freedom), rows[i].t, 0.0004 * rows[i].t, "t(%u) = %g",
                       rows[i].freedom, jc_student_t(rows[i].freedom));
}

/* The column of 95 %. */
Test(scatter, students_t_of_a_90_percent_interval_is_that_of_tables) {
  static const struct {
    uint32_t freedom;
    double t;
  } rows[] = {{1, 6.314}, {2, 2.920},  {3, 2.353},  {4, 2.132},  {5, 2.015},
              {8, 1.860}, {10, 1.812}, {20, 1.725}, {60, 1.671}, {120, 1.658}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    cr_assert_float_eq(jc_student_t_95(rows[i].freedom), rows[i].t, 0.0004 * rows[i].t,
                       "t(%u) = %g", rows[i].freedom, jc_student_t_95(rows[i].freedom));
}

Test(scatter, of_one_network_by_hand) {
  const double values[] = {2, 2 * exp(0.03), 2 * exp(-0.03)};
  double mean = 0;
  const struct jc_scatter own = jc_scatter_of(values, 3, &mean);
  cr_assert_eq(own.freedom, 2);
  cr_assert_float_eq(own.squares, 2 * 0.03 * 0.03, 1e-12);
  cr_assert_float_eq(mean, (values[0] + values[1] + values[2]) / 3, 1e-12);
  cr_assert_float_eq(jc_scatter_half_width(&own, 3, NULL), 4.3027 * 0.03 / sqrt(3), 1e-6);
}

Test(scatter, one_window_alone_has_no_interval) {
  const double value = 3;
  double mean = 0;
  const struct jc_scatter own = jc_scatter_of(&value, 1, &mean), nobody = {0};
  cr_assert_eq(mean, 3);
  cr_assert(isnan(jc_scatter_half_width(&own, 1, NULL)));
  cr_assert(isnan(jc_scatter_half_width(&own, 1, &nobody)));
}

/* Two windows 1 % apart: 6 % by themselves, under 2 % once ten networks before were like that. */
Test(scatter, two_agreeing_windows_settle_a_network_among_others) {
  struct jc_scatter others = {0};
  const struct jc_scatter own = pair(0.01);
  cr_assert_float_eq(jc_scatter_half_width(&own, 2, &others), 12.7062 * 0.01 / 2, 1e-6);
  for (int i = 0; i < 10; i++)
    jc_scatter_add(&others, &own);
  cr_assert_eq(others.freedom, 10);
  cr_assert_float_eq(jc_scatter_half_width(&own, 2, &others), jc_student_t(11) * 0.01 / 2, 1e-9);
  cr_assert_lt(jc_scatter_half_width(&own, 2, &others), 0.02);
}

/* 2.5 times the deviation of the others: by itself, and it widens nobody else's interval. */
Test(scatter, windows_that_disagree_do_not_borrow_the_agreement_of_others) {
  struct jc_scatter others = {0};
  const struct jc_scatter own = pair(0.01), inside = pair(0.0249), outside = pair(0.0251);
  for (uint32_t i = 0; i < JC_SCATTER_KNOWN; i++)
    jc_scatter_add(&others, &own);
  cr_assert_lt(jc_scatter_half_width(&inside, 2, &others), 0.05);
  cr_assert_float_eq(jc_scatter_half_width(&outside, 2, &others), 12.7062 * 0.0251 / 2, 1e-6);
  const struct jc_scatter before = others;
  jc_scatter_add(&others, &outside);
  cr_assert_eq(others.freedom, before.freedom);
  cr_assert_eq(others.squares, before.squares);
}

/* The first two windows may agree by luck; that must not shut out all that come later. */
Test(scatter, a_lucky_first_network_does_not_close_the_pool) {
  struct jc_scatter others = {0};
  const struct jc_scatter lucky = pair(0), usual = pair(0.01);
  jc_scatter_add(&others, &lucky);
  for (int i = 0; i < 6; i++)
    jc_scatter_add(&others, &usual);
  cr_assert_eq(others.freedom, 7);
}
