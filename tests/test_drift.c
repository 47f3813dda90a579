/* test_drift.c -- the machine's speed is read from probes beside networks measured twice, and taken
 * out of what was measured. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "calibrate/drift.h"

enum { NETWORKS = 40, LAYERS = 2 };

static const double usual_compute_s = 6e-5, usual_memory_s = 1.5e-3;

/* Networks of two looks each. */
struct machine {
  struct jc_looks looks[NETWORKS];
  struct jc_sample samples[NETWORKS][3];
  struct jc_sample_layer layers[NETWORKS][3][LAYERS];
};

/* Of look I of network N: how much slower each part of the probe is than usual; never both alike.
 */
static struct jc_speed speed_of(uint32_t n, uint32_t i) {
  const double compute = i == 0 ? 1 : 1 + 0.4 * (double)(n * 7 % 11) / 11;
  const double memory = i == 0 ? 1 : 1 + 0.6 * (double)(n * 5 % 13) / 13;
  return (struct jc_speed){compute * usual_compute_s, memory * usual_memory_s};
}

static double truth(const struct jc_speed *speed, double compute_slope, double memory_slope) {
  return pow(speed->compute_s / usual_compute_s, compute_slope) *
         pow(speed->memory_s / usual_memory_s, memory_slope);
}

/* Steps slow down with the slopes given, their least ones half as much in logarithms. */
static void make(struct machine *m, double compute_slope, double memory_slope) {
  memset(m, 0, sizeof(*m));
  for (uint32_t n = 0; n < NETWORKS; n++) {
    m->looks[n] = (struct jc_looks){2, m->samples[n]};
    for (uint32_t i = 0; i < 2; i++) {
      struct jc_sample *s = &m->samples[n][i];
      jc_sample_start(s);
      s->speed = speed_of(n, i);
      const double slow = truth(&s->speed, compute_slope, memory_slope);
      s->step_median_s = 0.01 * (n + 1) * slow;
      s->step_min_s = 0.009 * (n + 1) * sqrt(slow);
      s->step_mean_s = 1.1 * s->step_median_s;
      s->time_s = 100 * s->step_mean_s;
      s->cpu_time_s = s->time_s;
      s->energy_j = 20 * s->time_s;
      s->layers = m->layers[n][i];
      s->layer_count = LAYERS;
      s->layers[0].forward_s = 0.004 * (n + 1) * slow;
      s->layers[0].forward_min_s = 0.003 * (n + 1) * sqrt(slow);
      s->layers[0].backward_s = 0; /* nothing to do */
      s->layers[0].backward_min_s = NAN;
    }
  }
}

static void find(const struct machine *m, struct jc_drift *drift) {
  struct jc_error error = {0};
  cr_assert_eq(jc_drift_find(m->looks, NETWORKS, drift, &error), JC_OK, "%s", error.text);
}

Test(drift, slopes_are_found) {
  static struct machine m;
  struct jc_drift drift;
  make(&m, 0.5, 1.2);
  find(&m, &drift);
  cr_assert_float_eq(drift.median.compute_slope, 0.5, 1e-9);
  cr_assert_float_eq(drift.median.memory_slope, 1.2, 1e-9);
  cr_assert_float_eq(drift.least.compute_slope, 0.25, 1e-9);
  cr_assert_float_eq(drift.least.memory_slope, 0.6, 1e-9);
  cr_assert_eq(drift.least.memory_s, drift.median.memory_s);
}

/* Half of the looks are at 1, so that the median is just above. */
Test(drift, usual_is_the_median_window) {
  static struct machine m;
  struct jc_drift drift;
  make(&m, 0.5, 1.2);
  find(&m, &drift);
  cr_assert_geq(drift.median.compute_s, usual_compute_s);
  cr_assert_leq(drift.median.compute_s, 1.05 * usual_compute_s);
  cr_assert_leq(drift.median.memory_s, 1.05 * usual_memory_s);
}

Test(drift, a_part_that_does_not_matter_has_no_slope) {
  static struct machine m;
  struct jc_drift drift;
  make(&m, -0.3, 0.9);
  find(&m, &drift);
  cr_assert_eq(drift.median.compute_slope, 0);
  cr_assert_float_eq(drift.median.memory_slope, 0.9, 0.25);
  make(&m, 0.8, -0.2);
  find(&m, &drift);
  cr_assert_eq(drift.median.memory_slope, 0);
  cr_assert_gt(drift.median.compute_slope, 0.5);
}

Test(drift, an_accident_is_no_speed) {
  static struct machine m;
  struct jc_drift drift;
  make(&m, 0.5, 1.2);
  m.samples[3][1].step_median_s *= 20;
  m.samples[5][0].step_median_s = NAN;
  find(&m, &drift);
  cr_assert_float_eq(drift.median.memory_slope, 1.2, 1e-9);
}

Test(drift, a_handful_of_pairs_says_nothing) {
  static struct machine m;
  struct jc_drift drift;
  struct jc_error error = {0};
  make(&m, 0.5, 1.2);
  cr_assert_eq(jc_drift_find(m.looks, 15, &drift, &error), JC_OK);
  cr_assert_eq(drift.median.compute_slope, 0);
  cr_assert_eq(drift.median.memory_slope, 0);
  cr_assert_eq(jc_drift_find(m.looks, 16, &drift, &error), JC_OK);
  cr_assert_gt(drift.median.memory_slope, 1);
}

Test(drift, without_probes_nothing_is_known) {
  static struct machine m;
  struct jc_drift drift;
  make(&m, 0.5, 1.2);
  for (uint32_t n = 0; n < NETWORKS; n++)
    m.samples[n][0].speed = m.samples[n][1].speed = (struct jc_speed){NAN, NAN};
  find(&m, &drift);
  cr_assert(isnan(drift.median.memory_s));
  cr_assert_eq(jc_drift_slowdown(&drift.median, &m.samples[0][0].speed), 1);
}

/* Twice the arithmetic's seconds, four times the memory's: 2^0.5 x 4^1.5. */
Test(drift, slowdown) {
  const struct jc_layerwise_speed usual = {1e-4, 1e-3, 0.5, 1.5};
  const struct jc_speed now = {2e-4, 4e-3}, unknown = {NAN, NAN};
  cr_assert_float_eq(jc_drift_slowdown(&usual, &now), sqrt(2) * 8, 1e-9);
  cr_assert_eq(jc_drift_slowdown(&usual, &unknown), 1);
}

/* Exactly what the law says at the usual speed, whatever the speeds were; watts stay. */
Test(drift, removed_it_leaves_the_usual_step) {
  static struct machine m;
  struct jc_drift drift;
  make(&m, 0.5, 1.2);
  find(&m, &drift);
  const struct jc_speed usual = {drift.median.compute_s, drift.median.memory_s};
  const double slow = truth(&usual, 0.5, 1.2);
  for (uint32_t n = 0; n < NETWORKS; n++) {
    const struct jc_sample *s = &m.samples[n][n % 2];
    jc_drift_remove(&drift, &m.looks[n], n % 2);
    cr_assert_float_eq(s->step_median_s / (0.01 * (n + 1)), slow, 1e-9);
    cr_assert_float_eq(s->step_min_s / (0.009 * (n + 1)), sqrt(slow), 1e-9);
    cr_assert_float_eq(s->layers[0].forward_s / (0.004 * (n + 1)), slow, 1e-9);
    cr_assert_float_eq(s->layers[0].forward_min_s / (0.003 * (n + 1)), sqrt(slow), 1e-9);
    cr_assert_eq(s->layers[0].backward_s, 0);
    cr_assert(isnan(s->layers[0].backward_min_s));
    cr_assert_float_eq(s->step_mean_s, 1.1 * s->step_median_s, 1e-12);
    cr_assert_float_eq(s->energy_j / s->time_s, 20, 1e-9);
    cr_assert_float_eq(s->time_s / s->step_mean_s, 100, 1e-9);
  }
}

/* The energy block has no probe: its joules count, at the watts they had, but not its times. */
Test(drift, a_window_without_a_probe_gives_watts_only) {
  static struct machine m;
  struct jc_drift drift;
  make(&m, 0.5, 1.2);
  find(&m, &drift);
  m.samples[7][2] = m.samples[7][0];
  struct jc_sample *s = &m.samples[7][2];
  s->layers = m.layers[7][2];
  memcpy(s->layers, m.layers[7][0], sizeof(m.layers[7][0]));
  s->speed = (struct jc_speed){NAN, NAN};
  s->step_median_s *= 3;
  s->time_s *= 3;
  s->energy_j *= 3.3;
  m.looks[7].count = 3;
  jc_drift_remove(&drift, &m.looks[7], 2);
  const struct jc_speed usual = {drift.median.compute_s, drift.median.memory_s};
  cr_assert_float_eq(s->step_median_s / 0.08, truth(&usual, 0.5, 1.2), 1e-9);
  cr_assert_float_eq(s->energy_j / s->time_s, 22, 1e-9);
}

/* As all are where samples were made by an earlier version. */
Test(drift, without_any_probe_all_looks_count) {
  static struct machine m;
  const struct jc_drift drift = {{NAN, NAN, 0, 0}, {NAN, NAN, 0, 0}};
  make(&m, 0.5, 1.2);
  m.samples[0][0].speed = m.samples[0][1].speed = (struct jc_speed){NAN, NAN};
  m.samples[0][0].step_median_s = 0.02;
  m.samples[0][1].step_median_s = 0.08;
  jc_drift_remove(&drift, &m.looks[0], 0);
  cr_assert_float_eq(m.samples[0][0].step_median_s, 0.04, 1e-12);
}
