/* test_measure.c -- a window of steps with a runner and a meter whose answers are scripted. */
#include <math.h>
#include <time.h>

#include "calibrate/measure.h"
#include "tests/small_networks.h"
#include "tests/steady_meter.h"

/* ---- a runner that follows a script ---- */

enum { OPEN_MS = 60, FIRST_MS = 50, STEP_MS = 5, NEVER = 1000000 };

static struct script {
  uint32_t opened, steps, closed;
  uint32_t failing_step; /* 1-based */
  bool open_fails;
  uint32_t slow_step; /* 1-based: takes 20 times as long */
  uint32_t sleeps_to; /* steps up to this one sleep, as if another process had the CPU */
  double step_ms;     /* 0: STEP_MS */
  bool rests;
} script;

static void busy_ms(double duration_ms) {
  jc_meter_spin(1e-3 * duration_ms);
}

static const char *runner_version(void) {
  return "1";
}

static enum jc_status runner_open(const struct jc_analysis *analysis,
                                  const struct jc_runner_options *options, void **session,
                                  struct jc_error *error) {
  (void)analysis, (void)options;
  *session = NULL;
  if (script.open_fails)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "cannot open");
  busy_ms(OPEN_MS);
  script.opened++;
  *session = &script;
  return JC_OK;
}

static enum jc_status runner_step(void *session, struct jc_error *error) {
  struct script *s = session;
  if (++s->steps == s->failing_step)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "step %u failed", s->steps);
  double duration_ms = s->step_ms > 0 ? s->step_ms : STEP_MS;
  duration_ms *= s->steps == s->slow_step ? 20 : 1;
  if (s->steps <= s->sleeps_to)
    (void)nanosleep(&(struct timespec){.tv_nsec = (long)(1e6 * duration_ms)}, NULL);
  else
    busy_ms(s->steps == 1 ? FIRST_MS : duration_ms);
  return JC_OK;
}

/* In step n, n milliseconds. */
static double runner_loss_s(const void *session) {
  return 1e-3 * ((const struct script *)session)->steps;
}

static void runner_rest(void) {
  script.rests = true;
}

/* Forward of layer i in step n takes n^2 + i seconds, backward ten times as long in even steps, the
 * update always 0.5: medians that a mean cannot be mistaken for. */
static void runner_layer(const void *session, uint32_t index, struct jc_runner_layer *layer) {
  const struct script *s = session;
  const double n = s->steps;
  *layer = (struct jc_runner_layer){.forward_s = n * n + index,
                                    .backward_s = s->steps % 2 == 0 ? 10 : 1,
                                    .update_s = 0.5,
                                    .forward_implementation = "scripted",
                                    .backward_implementation = "",
                                    .layout = "nchw",
                                    .fused = index == 1};
}

static void runner_close(void *session) {
  if (session != NULL)
    ((struct script *)session)->closed++;
}

static const struct jc_runner_driver runner = {.name = "scripted",
                                               .version = runner_version,
                                               .open = runner_open,
                                               .step = runner_step,
                                               .layer = runner_layer,
                                               .loss_s = runner_loss_s,
                                               .rest = runner_rest,
                                               .close = runner_close};

/* ---- measuring ---- */

static struct sketch network;
static struct jc_window_layer layers[2];
static struct jc_window window;
static struct jc_meter *meter;
static struct jc_error error;
static uint32_t kept, closed_when_kept;

static void setup(void) {
  script = (struct script){.failing_step = NEVER};
  sketch_begin(&network, "pair", 3, (const uint32_t[]){3, 8, 8});
  (void)sketch_then(&network, "conv", JC_LAYER_conv2d, conv(4, 3, 1, 1));
  (void)sketch_then(&network, "relu", JC_LAYER_relu, no_fields());
  (void)sketch_analyze(&network);
  cr_assert_eq(jc_meter_open_driver(&steady, NULL, &meter, &error), JC_OK, "%s", error.text);
}

static void teardown(void) {
  jc_meter_close(meter);
}

TestSuite(measure, .init = setup, .fini = teardown);

static enum jc_status keep(void *context, const struct jc_window *seen,
                           struct jc_error *keep_error) {
  (void)keep_error;
  cr_assert_eq(seen, &window);
  cr_assert_eq(context, &kept);
  closed_when_kept = script.closed;
  kept++;
  return JC_OK;
}

static enum jc_status keep_not(void *context, const struct jc_window *seen,
                               struct jc_error *keep_error) {
  (void)context, (void)seen;
  return jc_fail(keep_error, JC_ERROR_IO, 0, NULL, "no space");
}

static enum jc_status measure(uint32_t min_steps, double min_window_s) {
  const struct jc_window_options options = {.runner = {.batch_size = 2, .threads = 1, .seed = 1},
                                            .min_steps = min_steps,
                                            .min_window_s = min_window_s};
  window = (struct jc_window){.layers = layers};
  return jc_measure_window(&runner, &network.analysis, &options, meter, &window, keep, &kept,
                           &error);
}

/* On a busy machine a step may take three times as long as the others: it is in no median then, and
 * what the medians are is another question. */
static void need_every_step(void) {
  if (window.outliers > 0)
    cr_skip_test("another process held up a step");
}

Test(measure, layer_times_are_medians_after_two_steps_of_warming_up) {
  cr_assert_eq(measure(5, 0), JC_OK, "%s", error.text);
  cr_assert_eq(window.steps, 5);
  cr_assert_eq(script.steps, 7); /* 1, 2 and then 3 .. 7 */
  need_every_step();
  for (uint32_t i = 0; i < 2; i++) {
    cr_assert_float_eq(layers[i].forward_s, 25 + i, 1e-12); /* of step 5 */
    cr_assert_float_eq(layers[i].backward_s, 1, 1e-12);     /* steps 3, 5, 7 */
    cr_assert_float_eq(layers[i].update_s, 0.5, 1e-12);
    cr_assert_str_eq(layers[i].facts.forward_implementation, "scripted");
    cr_assert_str_eq(layers[i].facts.layout, "nchw");
    cr_assert_eq(layers[i].facts.fused, i == 1);
  }
}

Test(measure, an_even_number_of_steps_has_its_median_between_two) {
  cr_assert_eq(measure(4, 0), JC_OK, "%s", error.text);
  need_every_step();
  cr_assert_float_eq(layers[0].forward_s, (16 + 25) / 2.0, 1e-12);
  cr_assert_float_eq(layers[0].backward_s, 5.5, 1e-12);
}

Test(measure, step_times_and_energy_are_those_of_the_window) {
  cr_assert_eq(measure(3, 0.2), JC_OK, "%s", error.text);
  cr_assert_geq(window.time_s, 0.2);
  cr_assert_geq(window.steps, 3);
  cr_assert_leq(window.steps, 41); /* of 5 ms and more */
  cr_assert_leq(window.step_min_s, window.step_median_s);
  cr_assert_geq(window.step_min_s, 1e-3 * STEP_MS);
  cr_assert_float_eq(window.step_mean_s, window.time_s / window.steps, 1e-9);
  cr_assert_leq(window.step_min_s, window.step_mean_s);
  cr_assert_float_eq(window.energy_j, steady_w * window.time_s, 0.05 * steady_w * window.time_s);
  cr_assert_leq(window.cpu_s, 1.1 * window.time_s); /* the poller adds a little */
  cr_assert_gt(window.cpu_s, 0);
  cr_assert_eq(window.late_polls, 0);
}

Test(measure, startup_is_the_building_and_what_the_first_step_took_longer) {
  cr_assert_eq(measure(3, 0), JC_OK, "%s", error.text);
  const double least_s = 1e-3 * (OPEN_MS + FIRST_MS) - window.step_median_s;
  cr_assert_geq(window.startup_s, least_s - 1e-3, "%g s", window.startup_s);
}

/* A window of more steps than are kept, of which the kept ones must show the end as well. */
Test(measure, kept_steps_span_a_long_window) {
  script.step_ms = 1;
  cr_assert_eq(measure(JC_KEPT_STEPS, 0.5), JC_OK, "%s", error.text);
  cr_assert_gt(window.steps, 2 * JC_KEPT_STEPS);
  need_every_step();
  uint32_t every = 1;
  while ((window.steps + every - 1) / every > JC_KEPT_STEPS)
    every *= 2;
  const uint32_t steps = (window.steps + every - 1) / every;
  /* Forward takes n^2 s in step n, and the window's first is step 3 + what warmed up. */
  const double first = script.steps - window.steps + 1;
  const double low = first + every * ((steps - 1) / 2), high = first + every * (steps / 2);
  cr_assert_float_eq(layers[0].forward_s, (low * low + high * high) / 2, 1e-9);
  cr_assert_gt(layers[0].forward_s, pow(first + 0.45 * window.steps, 2));
  cr_assert_float_eq(window.energy_j, steady_w * window.time_s, 0.05 * steady_w * window.time_s);
}

Test(measure, the_window_is_kept_once_while_the_session_is_open) {
  cr_assert_eq(measure(3, 0), JC_OK);
  cr_assert_eq(kept, 1);
  cr_assert_eq(closed_when_kept, 0);
  cr_assert_eq(script.opened, 1);
  cr_assert_eq(script.closed, 1);
}

Test(measure, a_failing_step_is_an_error_and_keeps_nothing) {
  for (uint32_t step = 1; step <= 4; step++) {
    script = (struct script){.failing_step = step};
    memset(&error, 0, sizeof(error));
    cr_assert_eq(measure(3, 0), JC_ERROR_RUNTIME);
    cr_assert_eq(script.steps, step);
    cr_assert_eq(script.closed, 1);
    cr_assert_eq(kept, 0);
  }
  script = (struct script){.open_fails = true};
  memset(&error, 0, sizeof(error));
  cr_assert_eq(measure(3, 0), JC_ERROR_RUNTIME);
  cr_assert_str_eq(error.text, "cannot open");
  cr_assert_eq(script.steps + script.closed + kept, 0);
}

Test(measure, an_unreadable_counter_is_an_error_never_zero) {
  atomic_store(&meter_fails, true);
  cr_assert_eq(measure(3, 0), JC_ERROR_UNAVAILABLE);
  cr_assert_eq(kept, 0);
  cr_assert_eq(script.closed, 1);
  memset(&error, 0, sizeof(error));
  double power_w = -1;
  cr_assert_eq(jc_measure_idle(meter, 0.01, &power_w, &error), JC_ERROR_UNAVAILABLE);
  cr_assert_float_eq(power_w, -1, 1e-12);
}

Test(measure, what_cannot_be_kept_is_an_error) {
  const struct jc_window_options options = {.runner = {.batch_size = 1, .threads = 1},
                                            .min_steps = 3};
  window = (struct jc_window){.layers = layers};
  cr_assert_eq(jc_measure_window(&runner, &network.analysis, &options, meter, &window, keep_not,
                                 NULL, &error),
               JC_ERROR_IO);
  cr_assert_str_eq(error.text, "no space");
  cr_assert_eq(script.closed, 1);
}

Test(measure, idle_power_is_the_mean_over_the_time) {
  double power_w = 0;
  const double start_s = jc_clock_s(), cpu_s = jc_cpu_clock_s();
  cr_assert_eq(jc_measure_idle(meter, 0.15, &power_w, &error), JC_OK);
  cr_assert_float_eq(power_w, steady_w, 0.05 * steady_w);
  cr_assert_geq(jc_clock_s() - start_s, 0.15);
  cr_assert_lt(jc_cpu_clock_s() - cpu_s, 0.1); /* it sleeps */
}

/* ---- discipline ---- */

Test(measure, minima_and_the_loss_stand_beside_the_medians) {
  cr_assert_eq(measure(5, 0), JC_OK, "%s", error.text);
  need_every_step();
  for (uint32_t i = 0; i < 2; i++) {
    cr_assert_float_eq(layers[i].forward_min_s, 9 + i, 1e-12); /* of step 3 */
    cr_assert_float_eq(layers[i].backward_min_s, 1, 1e-12);
    cr_assert_float_eq(layers[i].update_min_s, 0.5, 1e-12);
  }
  cr_assert_float_eq(window.loss_s, 5e-3, 1e-12);
}

/* Step 5 takes 100 ms: it counts in time and steps, and in no median. */
Test(measure, a_step_that_was_held_up_is_in_no_median) {
  script.slow_step = 5;
  cr_assert_eq(measure(5, 0), JC_OK, "%s", error.text);
  cr_assert_geq(window.outliers, 1);
  cr_assert_eq(window.steps, 5);
  cr_assert_geq(window.time_s, 0.1);
  if (window.outliers > 1)
    cr_skip_test("another process held up further steps");
  cr_assert_float_eq(layers[0].forward_s, (16 + 36) / 2.0, 1e-12); /* of steps 3, 4, 6, 7 */
  cr_assert_float_eq(layers[0].backward_s, 5.5, 1e-12);
}

/* Steps of 0.2 ms: two would be over before the clock has risen. */
Test(measure, short_steps_warm_up_for_20_ms) {
  script.step_ms = 0.2;
  cr_assert_eq(measure(3, 0), JC_OK, "%s", error.text);
  cr_assert_geq(script.steps, 3 + 2 + 1);
  script = (struct script){.failing_step = NEVER, .step_ms = 2};
  cr_assert_eq(measure(3, 0), JC_OK, "%s", error.text);
  cr_assert_eq(script.steps, 3 + 2);
}

static enum jc_status measure_demanding(double least_share) {
  const struct jc_window_options options = {.runner = {.batch_size = 2, .threads = 1, .seed = 1},
                                            .min_steps = 3,
                                            .least_share = least_share};
  window = (struct jc_window){.layers = layers};
  return jc_measure_window(&runner, &network.analysis, &options, meter, &window, keep, &kept,
                           &error);
}

/* The steps of the first window sleep, those of the second do not: the second is the better one. */
Test(measure, a_window_without_the_cpu_is_measured_once_more) {
  script.sleeps_to = 5;
  cr_assert_eq(measure_demanding(0.97), JC_OK, "%s", error.text);
  cr_assert_eq(script.steps, 2 + 3 + 3);
  cr_assert_eq(window.repeats, 1);
  cr_assert_eq(kept, 1);
  need_every_step();
  cr_assert_float_eq(layers[0].forward_s, 49, 1e-12); /* of steps 6, 7, 8 */
}

/* No window can have two CPUs' time on one thread; the one that sleeps has less of it. */
Test(measure, of_two_windows_the_better_one_is_kept) {
  script.sleeps_to = NEVER;
  cr_assert_eq(measure_demanding(2), JC_OK, "%s", error.text);
  cr_assert_eq(window.repeats, 1);
  cr_assert_eq(script.steps, 2 + 3 + 3);
  const double share = jc_window_share(&window, 1);
  cr_assert(share >= 0 && share < 0.9, "%g", share);
  need_every_step();
  cr_assert(layers[0].forward_s == 16 || layers[0].forward_s == 49, "%g", layers[0].forward_s);
}

/* ---- joules ---- */

static struct jc_energy energy;

static enum jc_status measure_joules(struct jc_energy_options options) {
  options.runner = (struct jc_runner_options){.batch_size = 2, .threads = 1, .seed = 1};
  options.window_s = 0.05;
  options.idle_s = 0.02;
  options.wanted_half_width = 0.02;
  options.tolerated_drift = 0.02;
  window = (struct jc_window){.layers = layers};
  return jc_measure_energy(&runner, &network.analysis, &options, meter, &energy, &window, keep,
                           &kept, &error);
}

/* 40 W whatever happens: windows differ by the length of their steps alone. */
Test(measure, joules_of_a_step_are_measured_until_they_are_known) {
  const struct jc_energy_options options = {.limit_s = 100, .idle_before_w = steady_w};
  cr_assert_eq(measure_joules(options), JC_OK, "%s", error.text);
  cr_assert(energy.windows >= 2 && energy.windows <= JC_ENERGY_MAX_WINDOWS);
  cr_assert_eq(energy.dropped, 0);
  cr_assert_not(energy.drifted);
  cr_assert_eq(kept, 1);
  cr_assert_geq(window.time_s, energy.windows * 0.05);
  cr_assert_float_eq(window.energy_j, steady_w * window.time_s, 0.01 * steady_w * window.time_s);
  cr_assert_float_eq(energy.idle_power_w, steady_w, 0.05 * steady_w);
  cr_assert(script.rests, "idle power beside workers that spin");
  const double step_j = window.energy_j / window.steps;
  cr_assert(energy.half_width_j >= 0);
  cr_assert(energy.windows == JC_ENERGY_MAX_WINDOWS || energy.half_width_j <= 0.02 * step_j);
}

/* The time of one window: no interval, no second window. */
Test(measure, the_limit_ends_the_windows_and_one_has_no_interval) {
  const struct jc_energy_options options = {.limit_s = 0, .idle_before_w = steady_w};
  cr_assert_eq(measure_joules(options), JC_OK, "%s", error.text);
  cr_assert_eq(energy.windows, 1);
  cr_assert(isnan(energy.half_width_j));
  cr_assert_eq(kept, 1);
}

Test(measure, a_baseline_that_moved_too_far_is_told) {
  const struct jc_energy_options options = {.limit_s = 0, .idle_before_w = 0.9 * steady_w};
  cr_assert_eq(measure_joules(options), JC_OK, "%s", error.text);
  cr_assert(energy.drifted);
  cr_assert_float_eq(energy.idle_power_w, 0.95 * steady_w, 0.05 * steady_w);
}

Test(measure, windows_without_the_cpu_are_dropped) {
  const struct jc_energy_options options = {
      .limit_s = 100, .idle_before_w = steady_w, .least_share = 0.97};
  script.sleeps_to = NEVER;
  cr_assert_eq(measure_joules(options), JC_OK, "%s", error.text);
  cr_assert_eq(energy.windows, 0);
  cr_assert_eq(energy.dropped, JC_ENERGY_MAX_WINDOWS);
  cr_assert_eq(kept, 0, "a network of which nothing was kept");
  cr_assert_eq(script.closed, 1);
}

/* The first, in which steps sleep as they did in the 20 ms of warming up, has more steps than are
 * kept. */
Test(measure, steps_of_a_dropped_window_are_forgotten) {
  const struct jc_energy_options options = {
      .limit_s = 100, .idle_before_w = steady_w, .least_share = 0.97};
  const uint32_t asleep = 100;
  script.step_ms = 0.5;
  script.sleeps_to = asleep;
  cr_assert_eq(measure_joules(options), JC_OK, "%s", error.text);
  cr_assert_geq(energy.dropped, 1);
  if (energy.windows == 0)
    cr_skip_test("others had the CPU in every window");
  cr_assert_gt(layers[0].forward_min_s, pow(asleep - 5, 2)); /* n^2 s in step n */
}

Test(measure, joules_of_a_meter_that_fails_are_an_error) {
  const struct jc_energy_options options = {.limit_s = 100, .idle_before_w = steady_w};
  atomic_store(&meter_fails, true);
  cr_assert_eq(measure_joules(options), JC_ERROR_UNAVAILABLE);
  cr_assert_eq(kept, 0);
  cr_assert_eq(script.closed, 1);
}
