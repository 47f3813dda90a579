/* test_command_account.c -- sums of a metered command; every figure is worked out by hand. */
#include <criterion/criterion.h>

#include <math.h>

#include "calibrate/command_account.h"

static struct jc_account account;

static void sample(double time_s, double energy_j, double cpu_s, double busy_s) {
  const struct jc_account_sample s = {time_s, energy_j, cpu_s, busy_s};
  jc_account_sample(&account, &s);
}

static void start(bool share) {
  const struct jc_account_sample s = {100, 1000, 5, 50};
  jc_account_start(&account, share, &s);
}

static void epochs(uint32_t count, double time_s, double energy_j) {
  struct jc_error error = {0};
  cr_assert_eq(jc_account_epochs(&account, count, time_s, energy_j, &error), JC_OK);
}

Test(command_account, all_of_the_machine) {
  start(false);
  sample(101, 1010, 6, 52);
  sample(103, 1050, 7, 56);
  cr_assert_float_eq(jc_account_total(&account).energy_j, 50, 1e-9);
  cr_assert_float_eq(jc_account_total(&account).time_s, 3, 1e-9);
  cr_assert_float_eq(jc_account_cpu_share(&account), 2.0 / 6, 1e-12);
  cr_assert_float_eq(jc_account_peak_w(&account), 20, 1e-9);
  cr_assert_eq(account.point_count, 2);
  cr_assert_float_eq(account.points[1].power_w, 20, 1e-9);
  jc_account_free(&account);
}

Test(command_account, short_intervals_have_a_peak_together) {
  start(false);
  sample(100.4, 1008, 5, 50); /* 20 W, too short to say so */
  cr_assert(isnan(jc_account_peak_w(&account)));
  sample(100.8, 1024, 5, 50); /* 40 W, 30 with the one before */
  cr_assert_float_eq(jc_account_peak_w(&account), 30, 1e-9);
  sample(101.8, 1026, 5, 50);
  cr_assert_float_eq(jc_account_peak_w(&account), 30, 1e-9);
  sample(102.0, 1126, 5, 50); /* the last 0.2 s are in the mean, which is higher than any before */
  cr_assert_float_eq(jc_account_peak_w(&account), 63, 1e-9);
  jc_account_free(&account);
}

Test(command_account, by_share_of_each_interval) {
  start(true);
  sample(101, 1010, 6, 52); /* 1 of 2 busy seconds: 5 of 10 J */
  sample(103, 1050, 7, 56); /* 1 of 4: 10 of 40 J */
  cr_assert_float_eq(account.charged_j, 15, 1e-9);
  cr_assert_float_eq(account.metered_j, 50, 1e-9);
  sample(104, 1060, 9, 57); /* ticks are coarse: never more than all */
  cr_assert_float_eq(account.charged_j, 25, 1e-9);
  jc_account_free(&account);
}

Test(command_account, epochs_divide_what_was_used) {
  start(false);
  sample(101, 1010, 6, 52);
  epochs(1, 101.5, 1016);
  epochs(4, 103.5, 1056);
  sample(104, 1060, 7, 56);
  cr_assert_eq(account.epoch_count, 5);
  cr_assert_float_eq(account.epochs[0].energy_j, 16, 1e-9);
  cr_assert_float_eq(account.epochs[0].time_s, 1.5, 1e-9);
  cr_assert_float_eq(account.epochs[4].energy_j, 10, 1e-9);
  cr_assert_float_eq(account.epochs[4].time_s, 0.5, 1e-9);
  cr_assert_float_eq(jc_account_in_hand(&account).energy_j, 4, 1e-9);
  cr_assert_float_eq(jc_account_in_hand(&account).time_s, 0.5, 1e-9);
  jc_account_free(&account);
}

Test(command_account, a_meter_that_fails_is_not_0) {
  start(false);
  sample(101, 1010, 6, 52);
  sample(102, NAN, 7, 54);
  epochs(1, 102.5, NAN);
  cr_assert(isnan(jc_account_total(&account).energy_j));
  cr_assert_float_eq(jc_account_total(&account).time_s, 2, 1e-9);
  cr_assert(isnan(account.epochs[0].energy_j));
  cr_assert_float_eq(account.epochs[0].time_s, 2.5, 1e-9);
  cr_assert_float_eq(account.metered_j, 10, 1e-9, "what was known stays known");
  cr_assert_float_eq(account.metered_s, 1, 1e-9);
  sample(104, 1040, 8, 58); /* it is back: counters went on */
  cr_assert_float_eq(jc_account_total(&account).energy_j, 40, 1e-9);
  cr_assert_float_eq(jc_account_peak_w(&account), 10, 1e-9);
  jc_account_free(&account);
}

Test(command_account, the_power_series_is_bounded_and_keeps_its_joules) {
  double energy_j = 0;
  start(false);
  for (int i = 1; i <= 100000; i++)
    sample(100 + i, 1000 + 10.0 * i + (i % 2), 5, 50);
  cr_assert_lt(account.point_count, 2 * JC_POWER_POINTS);
  cr_assert_geq(account.point_count, JC_POWER_POINTS / 2);
  for (uint32_t i = 0; i < account.point_count; i++)
    energy_j += account.points[i].power_w *
                (account.points[i].time_s - (i > 0 ? account.points[i - 1].time_s : 0));
  const double end_s = account.points[account.point_count - 1].time_s;
  cr_assert_float_eq(energy_j, 10 * end_s, 1.5);
  jc_account_free(&account);
}
