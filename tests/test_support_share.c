/* test_support_share.c -- rows of support shared by hand. */
#include <criterion/criterion.h>

#include "calibrate/support_share.h"

enum { MOST = 192 };

static uint32_t given[MOST];

static uint32_t sum_given(uint32_t count) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < count; i++)
    sum += given[i];
  return sum;
}

Test(support_share, all_have_what_they_want_where_there_is_room) {
  const struct jc_support_demand demands[] = {{100, 1e-6}, {3, 0.5}, {256, 20}};
  jc_share_support(demands, 3, 359, given);
  cr_assert_eq(given[0], 100);
  cr_assert_eq(given[1], 3);
  cr_assert_eq(given[2], 256);
}

/* 40 of 100 rows go to two curves that want no more than the least and to one with next to no time;
 * the other 60 are shared 1 : 2. */
Test(support_share, by_share_of_time_but_never_less_than_the_least) {
  const struct jc_support_demand demands[] = {{16, 9}, {200, 1}, {8, 1e-9}, {200, 2}, {99, 1e-9}};
  jc_share_support(demands, 5, 100, given);
  cr_assert_eq(given[0], 16);
  cr_assert_eq(given[1], 20);
  cr_assert_eq(given[2], 8);
  cr_assert_eq(given[3], 40);
  cr_assert_eq(given[4], 16);
}

/* Who wants less than its share leaves the rest to others: 30, and 70 as 1 : 1. */
Test(support_share, what_one_does_not_want_others_get) {
  const struct jc_support_demand demands[] = {{30, 100}, {64, 1}, {64, 1}};
  jc_share_support(demands, 3, 100, given);
  cr_assert_eq(given[0], 30);
  cr_assert_eq(given[1], 35);
  cr_assert_eq(given[2], 35);
}

/* As many curves as a profile can have, all wanting most: none is left with nothing. */
Test(support_share, the_last_curve_is_not_the_one_that_pays) {
  struct jc_support_demand demands[MOST];
  for (uint32_t i = 0; i < MOST; i++)
    demands[i] = (struct jc_support_demand){256, i + 1.0};
  jc_share_support(demands, MOST, 3904, given);
  cr_assert_leq(sum_given(MOST), 3904);
  cr_assert_gt(sum_given(MOST), 3904 - MOST);
  for (uint32_t i = 0; i < MOST; i++) {
    cr_assert_geq(given[i], JC_LEAST_SUPPORT);
    cr_assert(i == 0 || given[i] >= given[i - 1]);
  }
}
