/* small_machine.h -- for tests: a network of three layers, a made-up machine whose figures are
 * round, and a run, so that every method's forecast can be worked out by hand.
 */
#ifndef JC_TESTS_SMALL_MACHINE_H
#define JC_TESTS_SMALL_MACHINE_H

#include <math.h>

#include "estimator/estimator.h"
#include "tests/small_networks.h"

/*          in   out  params  MACs  elementwise
 * fc1      4    3    12      12    0
 * relu     3    3                  3
 * fc2      3    2    8       6     2 (bias)
 *
 * A step of batch 10 (test_features.c):
 *          forward          backward         update
 *          FLOPs  bytes     FLOPs  bytes     FLOPs  bytes
 * fc1      240    328       240    328       72     240
 * relu     30     240       30     360
 * fc2      140    232       260    464       48     160
 * together 410              530                          training FLOPs 940 */
static inline void make_small(struct sketch *s) {
  sketch_begin(s, "small", 1, (const uint32_t[]){4});
  (void)sketch_then(s, "fc1", JC_LAYER_linear, linear(3, false));
  (void)sketch_then(s, "relu", JC_LAYER_relu, no_fields());
  (void)sketch_then(s, "fc2", JC_LAYER_linear, linear(2, true));
}

/* 25 samples in batches of 10, 11 of them for validation, twice: 6 training steps, 4 others. */
static const struct jc_run two_epochs = {.batch_size = 10,
                                         .epochs = 2,
                                         .samples = 25,
                                         .val_samples = 11,
                                         .threads = 1,
                                         .optimizer = JC_OPTIMIZER_MOMENTUM};

static inline void add_coefficient(struct jc_profile *profile, const char *type,
                                   enum jc_phase phase, const double time_s[3],
                                   const double energy_j[3]) {
  struct jc_coefficient *c = &profile->coefficients[profile->coefficient_count++];
  c->type = jc_type_find(type);
  cr_assert_lt(c->type, JC_TYPE_COUNT, "%s", type);
  c->phase = phase;
  c->networks = 20;
  memcpy(c->time_s, time_s, sizeof(c->time_s));
  memcpy(c->energy_j, energy_j, sizeof(c->energy_j));
  c->flops_max = c->bytes_max = 1e6;
}

static inline struct jc_coefficient *coefficient_of(struct jc_profile *profile, const char *type,
                                                    enum jc_phase phase) {
  for (uint32_t i = 0; i < profile->coefficient_count; i++) {
    if (profile->coefficients[i].type == jc_type_find(type) &&
        profile->coefficients[i].phase == phase)
      return &profile->coefficients[i];
  }
  cr_assert(false, "no coefficient of %s", type);
  return NULL;
}

/* Seconds and joules per call, FLOP and byte. Idle 2 W, active 10 W.
 *                 seconds                         joules above idle
 * fc1 forward     1 + 0.1*240 + 0.01*328 = 28.28  5 + 240 + 0.1*328 = 277.8
 *     backward    2 + 0.2*240 + 0.02*328 = 56.56  10 + 2*240 + 0.2*328 = 555.6
 *     update      0.5 + 0.1*240          = 24.5   1 + 0.1*240           = 25
 * relu forward    1 + 0.05*240           = 13     0.5*240               = 120
 *      backward   1 + 0.05*360           = 19     0.5*360               = 180
 * fc2 forward     1 + 14 + 2.32          = 17.32  5 + 140 + 23.2        = 168.2
 *     backward    2 + 52 + 9.28          = 63.28  10 + 520 + 92.8       = 622.8
 *     update      0.5 + 16               = 16.5   1 + 16                = 17
 * layers, a step  58.6 + 138.84 + 41 = 238.44     566 + 1358.4 + 42 = 1966.4
 * once a step     7                               3
 * together        245.44                          1969.4; with idle 1969.4 + 490.88 = 2460.28 */
static inline void make_profile(struct jc_profile *profile) {
  memset(profile, 0, sizeof(*profile));
  add_coefficient(profile, "linear", JC_FORWARD, (const double[]){1, 0.1, 0.01},
                  (const double[]){5, 1, 0.1});
  add_coefficient(profile, "linear", JC_BACKWARD, (const double[]){2, 0.2, 0.02},
                  (const double[]){10, 2, 0.2});
  add_coefficient(profile, "relu", JC_FORWARD, (const double[]){1, 0, 0.05},
                  (const double[]){0, 0, 0.5});
  add_coefficient(profile, "relu", JC_BACKWARD, (const double[]){1, 0, 0.05},
                  (const double[]){0, 0, 0.5});
  add_coefficient(profile, "update", JC_UPDATE, (const double[]){0.5, 0, 0.1},
                  (const double[]){1, 0, 0.1});
  add_coefficient(profile, "step", JC_FORWARD, (const double[]){7, 0, 0},
                  (const double[]){3, 0, 0});
  (void)snprintf(profile->domain, sizeof(profile->domain), "package+dram");
  profile->measured = true;
  profile->idle_power_w = 2;
  profile->active_power_w = 10;
  profile->startup_s[0] = 3;
  profile->startup_s[1] = 2;
  profile->startup_s[2] = 0.5;
  profile->flops_max = profile->bytes_max = 1e9;
  profile->energy_per_flop_j = 4;
  profile->time_per_flop_s = 0.5;
  profile->sample_networks = 20;
  profile->energy_error =
      (struct jc_error_summary){.networks = 20, .mape = 0.08, .log_half_width = {0.1, 0.2, 0.3}};
  profile->time_error =
      (struct jc_error_summary){.networks = 20, .mape = 0.06, .log_half_width = {0.05, 0.1, 0.15}};
  profile->flops_energy_error =
      (struct jc_error_summary){.networks = 20, .mape = 0.5, .log_half_width = {0.5, 0.7, 0.9}};
  profile->flops_time_error = profile->flops_energy_error;
}

/* 10 FLOP/s, 20 byte/s, 50 W, idle 10 W. */
static inline void make_hardware(struct jc_hardware *hardware) {
  memset(hardware, 0, sizeof(*hardware));
  (void)snprintf(hardware->device, sizeof(hardware->device), "cpu");
  hardware->tdp_w = 50;
  hardware->idle_w = 10;
  for (int i = 0; i < JC_MAX_PRECISIONS; i++)
    hardware->peak_flops_per_s[i] = NAN;
  hardware->peak_flops_per_s[JC_PRECISION_FP32] = 10;
  hardware->memory_bandwidth_bytes_per_s = 20;
  hardware->memory_bytes = NAN;
}

/* All of it, and room for the answer. */
struct bench {
  struct sketch sketch;
  struct jc_profile profile;
  struct jc_hardware hardware;
  struct jc_problem problem;
  struct jc_layer_estimate layers[SKETCH_LAYERS];
  struct jc_estimate estimate;
  struct jc_error error;
};

static inline void bench_finish(struct bench *b) {
  make_profile(&b->profile);
  make_hardware(&b->hardware);
  b->problem = (struct jc_problem){.analysis = sketch_analyze(&b->sketch),
                                   .run = two_epochs,
                                   .precision = JC_PRECISION_FP32,
                                   .profile = &b->profile,
                                   .hardware = &b->hardware,
                                   .duration_s = NAN,
                                   .interval = 0.9};
}

static inline void bench_begin(struct bench *b) {
  make_small(&b->sketch);
  bench_finish(b);
}

static inline enum jc_status bench_try(struct bench *b, const char *method) {
  const struct jc_method *found = jc_method_find(method);
  cr_assert_not_null(found, "%s", method);
  memset(&b->error, 0, sizeof(b->error));
  memset(&b->estimate, 0xa5, sizeof(b->estimate)); /* whatever it held before */
  b->estimate.layers = b->layers;
  return jc_estimate_run(found, &b->problem, &b->estimate, &b->error);
}

static inline const struct jc_estimate *bench_run(struct bench *b, const char *method) {
  cr_assert_eq(bench_try(b, method), JC_OK, "%s", b->error.text);
  return &b->estimate;
}

static inline void assert_near(double found, double expected, const char *what) {
  cr_assert(fabs(found - expected) <= 1e-9 * fmax(1, fabs(expected)),
            "%s: expected %.12g, got %.12g", what, expected, found);
}

static inline bool has_note(const struct jc_estimate *estimate, const char *word) {
  for (uint32_t i = 0; i < estimate->note_count; i++) {
    if (strstr(estimate->notes[i], word) != NULL)
      return true;
  }
  return false;
}

/* Phases of layers sum to those of the whole, and what they lack to it is validation. */
static inline void assert_phases_of_layers(const struct bench *b) {
  const struct jc_phase_estimate *p = b->estimate.phases;
  double energy_j[JC_PHASE_COUNT] = {0}, time_s[JC_PHASE_COUNT] = {0};
  for (uint32_t i = 0; i < b->sketch.network.layer_count; i++) {
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
      energy_j[phase] += b->estimate.layers[i].phase_energy_j[phase];
      time_s[phase] += b->estimate.layers[i].phase_time_s[phase];
    }
  }
  assert_near(energy_j[JC_FORWARD], p[JC_RESULT_FORWARD].energy_j, "joules of forward");
  assert_near(time_s[JC_FORWARD], p[JC_RESULT_FORWARD].time_s, "seconds of forward");
  assert_near(energy_j[JC_BACKWARD],
              p[JC_RESULT_BACKWARD_DATA].energy_j + p[JC_RESULT_BACKWARD_WEIGHTS].energy_j,
              "joules of backward");
  assert_near(time_s[JC_BACKWARD],
              p[JC_RESULT_BACKWARD_DATA].time_s + p[JC_RESULT_BACKWARD_WEIGHTS].time_s,
              "seconds of backward");
  assert_near(energy_j[JC_UPDATE], p[JC_RESULT_UPDATE].energy_j, "joules of update");
}

/* Layers sum to what is not overhead, and so do phases; nothing is negative. */
static inline void assert_sums(const struct bench *b) {
  const struct jc_estimate *e = &b->estimate;
  double layers_j = 0, layers_s = 0, phases_j = 0, phases_s = 0;
  for (uint32_t i = 0; i < b->sketch.network.layer_count; i++) {
    cr_assert(e->layers[i].energy_j >= 0 && e->layers[i].time_s >= 0);
    layers_j += e->layers[i].energy_j;
    layers_s += e->layers[i].time_s;
  }
  for (int i = 0; i < JC_RESULT_PHASE_COUNT; i++) {
    cr_assert(e->phases[i].energy_j >= 0 && e->phases[i].time_s >= 0);
    phases_j += e->phases[i].energy_j;
    phases_s += e->phases[i].time_s;
  }
  assert_near(layers_j, e->energy_j - e->overhead_j, "joules of the layers");
  assert_near(layers_s, e->time_s - e->overhead_s, "seconds of the layers");
  assert_near(phases_j, e->energy_j - e->overhead_j, "joules of the phases");
  assert_near(phases_s, e->time_s - e->overhead_s, "seconds of the phases");
  assert_phases_of_layers(b);
}

static inline void assert_interval(const struct jc_estimate *e, double energy, double time) {
  assert_near(e->energy_low_j, e->energy_j * exp(-energy), "low energy");
  assert_near(e->energy_high_j, e->energy_j * exp(energy), "high energy");
  assert_near(e->time_low_s, e->time_s * exp(-time), "low time");
  assert_near(e->time_high_s, e->time_s * exp(time), "high time");
}

#endif
