/* test_projection.c -- projections worked out by hand, and what must hold of any run. */
#include <criterion/criterion.h>
#include <math.h>

#include "calibrate/projection.h"
#include "calibrate/random.h"

enum { MAX_EPOCHS = 400 };

static const struct jc_epoch_seen nothing = {0, 0};

struct run {
  struct jc_epoch_seen epochs[MAX_EPOCHS];
  uint32_t count;
};

/* COUNT epochs of ENERGY_J, at 10 W. */
static void add(struct run *run, uint32_t count, double energy_j) {
  for (; count > 0; count--)
    run->epochs[run->count++] = (struct jc_epoch_seen){energy_j, energy_j / 10};
}

static struct jc_projection at(const struct run *run, uint32_t count, uint64_t epochs) {
  struct jc_projection projection;
  jc_project(run->epochs, count, epochs, &nothing, &projection);
  return projection;
}

static void assert_near(double value, double expected) {
  cr_assert_float_eq(value, expected, 1e-9 * fmax(1, fabs(expected)), "%.12g, expected %.12g",
                     value, expected);
}

static void assert_order(const struct jc_projection *p) {
  cr_assert_leq(p->energy_low_j, p->energy_j);
  cr_assert_leq(p->energy_j, p->energy_high_j);
  cr_assert_leq(p->time_low_s, p->time_s);
  cr_assert_leq(p->time_s, p->time_high_s);
}

/* ---- by hand ---- */

Test(projection, nothing_is_known_before_the_first_epoch_or_without_an_end) {
  struct run run = {0};
  struct jc_projection p = at(&run, 0, 10);
  cr_assert(isnan(p.energy_j) && isnan(p.energy_low_j) && isnan(p.energy_high_j));
  cr_assert(isnan(p.time_s) && isnan(p.time_low_s) && isnan(p.time_high_s));
  cr_assert_not(p.steady);
  add(&run, 3, 100);
  p = at(&run, 3, 0);
  cr_assert(isnan(p.energy_j) && isnan(p.time_s));
}

Test(projection, equal_epochs_go_on) {
  struct run run = {0};
  add(&run, 4, 100);
  const struct jc_epoch_seen outside = {30, 7};
  struct jc_projection p;
  jc_project(run.epochs, 4, 20, &outside, &p);
  assert_near(p.energy_j, 20 * 100 + 30);
  assert_near(p.time_s, 20 * 10 + 7);
  cr_assert_eq(p.steady_from, 0);
  cr_assert(p.steady);
  assert_order(&p);
}

/* The first epoch costs three times the others, which is no part of what remains. */
Test(projection, a_slow_first_epoch_is_spent_and_not_projected) {
  struct run run = {0};
  add(&run, 1, 300);
  add(&run, 4, 100);
  const struct jc_projection p = at(&run, 5, 10);
  assert_near(p.energy_j, 300 + 9 * 100);
}

Test(projection, one_outlier_neither_restarts_nor_shifts) {
  struct run run = {0};
  add(&run, 6, 100);
  add(&run, 1, 5000);
  assert_near(at(&run, 7, 20).energy_j, 6 * 100 + 5000 + 13 * 100);
  cr_assert_eq(at(&run, 7, 20).steady_from, 0);
  add(&run, 1, 100);
  assert_near(at(&run, 8, 20).energy_j, 7 * 100 + 5000 + 12 * 100);
  cr_assert_eq(at(&run, 8, 20).steady_from, 0);
}

/* Twice 100 and from then on 250: two such epochs may be a pause, three are a new level. */
Test(projection, a_lasting_shift_restarts_within_three_epochs) {
  struct run run = {0};
  add(&run, 10, 100);
  add(&run, 3, 250);
  cr_assert_eq(at(&run, 11, 40).steady_from, 0);
  const struct jc_projection p = at(&run, 13, 40);
  cr_assert_eq(p.steady_from, 10);
  cr_assert(p.steady);
  assert_near(p.energy_j, 10 * 100 + 30 * 250);
  assert_near(p.time_s, 10 * 10 + 30 * 25);
}

/* Two epochs of 140 in a row, twice: no new level, even at the end. One recurrence in the seven
 * epochs since the first one's, of twice 40 J. */
Test(projection, two_at_the_end_that_came_before_are_no_level) {
  struct run run = {0};
  for (int i = 0; i < 2; i++) {
    add(&run, 4, 100);
    add(&run, 2, 140);
  }
  assert_near(at(&run, 12, 24).energy_j, 8 * 100 + 4 * 140 + 12 * (100 + 80 / 7.0));
}

/* 250 twice at the very end, not yet a level: half way, and both ends are possible. */
Test(projection, two_at_the_end_may_be_a_pause_or_a_level) {
  struct run run = {0};
  add(&run, 10, 100);
  add(&run, 2, 250);
  const struct jc_projection p = at(&run, 12, 40);
  assert_near(p.energy_j, 10 * 100 + 2 * 250 + 28 * 175);
  cr_assert_lt(p.energy_low_j, 10 * 100 + 2 * 250 + 28 * 100);
  cr_assert_gt(p.energy_high_j, 10 * 100 + 30 * 250);
  /* They were a pause: the next epoch says so. */
  add(&run, 1, 100);
  assert_near(at(&run, 13, 40).energy_j, 38 * 100 + 2 * 250);
}

/* Every fourth epoch is validated twice and costs 140: of the eight that remain two will. The rate
 * is one recurrence in the four epochs since the first. */
Test(projection, what_stands_out_regularly_is_expected_again) {
  struct run run = {0};
  for (int i = 0; i < 2; i++) {
    add(&run, 3, 100);
    add(&run, 1, 140);
  }
  const struct jc_projection p = at(&run, 8, 16);
  assert_near(p.energy_j, 16 * 100 + 4 * 40);
}

Test(projection, at_the_end_nothing_is_left_to_project) {
  struct run run = {0};
  add(&run, 5, 100);
  add(&run, 5, 120);
  const struct jc_projection p = at(&run, 10, 10);
  assert_near(p.energy_j, 1100);
  assert_near(p.energy_low_j, 1100);
  assert_near(p.energy_high_j, 1100);
  assert_near(at(&run, 10, 8).energy_j, 1100); /* more epochs than were said */
}

Test(projection, the_epoch_in_hand_is_one_of_those_that_remain) {
  struct run run = {0};
  add(&run, 4, 100);
  const struct jc_epoch_seen half = {50, 5}, stuck = {900, 90};
  struct jc_projection p;
  jc_project_within(run.epochs, 4, 10, &nothing, &half, &p);
  assert_near(p.energy_j, 1000);
  jc_project_within(run.epochs, 4, 10, &nothing, &stuck, &p);
  assert_near(p.energy_j, 400 + 900 + 5 * 100);
  cr_assert_geq(p.energy_low_j, 1300);
  assert_order(&p);
}

Test(projection, joules_that_are_not_known_leave_the_time) {
  struct run run = {0};
  add(&run, 5, 100);
  run.epochs[2].energy_j = NAN;
  const struct jc_projection p = at(&run, 5, 10);
  cr_assert(isnan(p.energy_j) && isnan(p.energy_low_j) && isnan(p.energy_high_j));
  assert_near(p.time_s, 100);
  cr_assert(p.steady);
}

/* A counter that ticks slower than epochs end. */
Test(projection, epochs_of_no_joules) {
  struct run run = {0};
  add(&run, 5, 0);
  const struct jc_projection p = at(&run, 5, 10);
  assert_near(p.energy_j, 0);
  assert_order(&p);
}

/* ---- the interval, from the formulas by numpy, Student's t by scipy ---- */

static void expect_interval(const struct run *run, uint64_t epochs, double value, double low,
                            double high) {
  const struct jc_projection p = at(run, run->count, epochs);
  assert_near(p.energy_j, value);
  cr_assert_float_eq(p.energy_low_j, low, 2e-4 * low, "%.9g, expected %.9g", p.energy_low_j, low);
  cr_assert_float_eq(p.energy_high_j, high, 2e-4 * high, "%.9g, expected %.9g", p.energy_high_j,
                     high);
}

Test(projection, interval_of_equal_epochs) {
  struct run run = {0};
  add(&run, 4, 100);
  expect_interval(&run, 20, 2000, 1752.106374, 2293.342159);
}

Test(projection, interval_of_epochs_that_scatter) {
  static const double energy_j[] = {100, 104, 96, 100};
  struct run run = {0};
  for (int i = 0; i < 8; i++)
    add(&run, 1, energy_j[i % 4]);
  expect_interval(&run, 20, 2000, 1880.459503, 2132.766287);
}

/* A tenth more from one epoch to the next is wander, that may come again. */
Test(projection, interval_of_a_machine_that_wanders) {
  struct run run = {0};
  add(&run, 4, 95);
  add(&run, 4, 105);
  cr_assert_eq(at(&run, 8, 20).steady_from, 4);
  expect_interval(&run, 20, 2060, 1872.17177, 2280.732886);
}

/* Twice as much is none. */
Test(projection, interval_behind_an_unfreezing) {
  struct run run = {0};
  add(&run, 4, 100);
  add(&run, 4, 200);
  expect_interval(&run, 20, 3600, 3271.577534, 3980.489702);
}

/* ---- of any run ---- */

static double normal(struct random_stream *stream) {
  return sqrt(-2 * log(1 - random_unit(stream))) * cos(6.283185307179586 * random_unit(stream));
}

/* EPOCHS of 100 J with a scatter of 0..5 %, sometimes a pause, sometimes a shift. */
static void draw(struct run *run, uint32_t epochs, struct random_stream *stream) {
  const double scatter = 0.05 * random_unit(stream);
  const uint32_t shift = random_below(stream, 2 * epochs);
  const double factor = exp(normal(stream));
  run->count = 0;
  for (uint32_t i = 0; i < epochs; i++) {
    const double pause = random_unit(stream) < 0.02 ? 5 : 1, level = i < shift ? 100 : 100 * factor;
    add(run, 1, fabs(level * pause * (1 + scatter * normal(stream))));
  }
}

Test(projection, spent_is_never_projected_away_and_ends_are_in_order) {
  struct random_stream stream = {1};
  for (int i = 0; i < 40; i++) {
    struct run run;
    double spent = 0;
    draw(&run, 1 + random_below(&stream, 150), &stream);
    for (uint32_t count = 1; count <= run.count; count++) {
      const struct jc_projection p = at(&run, count, run.count);
      spent += run.epochs[count - 1].energy_j;
      cr_assert_geq(p.energy_low_j, spent * (1 - 1e-12));
      cr_assert_lt(p.steady_from, count);
      assert_order(&p);
    }
    assert_near(at(&run, run.count, run.count).energy_high_j, spent);
  }
}
