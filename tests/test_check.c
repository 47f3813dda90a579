/* test_check.c -- a profile checked: windows of a scripted runner, errors and verdicts by hand. */
#include <math.h>
#include <time.h>

#include "calibrate/check.h"
#include "calibrate/measure.h"
#include "tests/small_networks.h"
#include "tests/steady_meter.h"

/* ---- a runner that sleeps or spins ---- */

enum { NEVER = 1000000, SLOW_STEP = 5, STEP_MS = 2, SLOW_MS = 20 };

static struct script {
  uint32_t opened, steps, steps_of_window, closed;
  uint32_t failing_step; /* 1-based */
  bool sleeps;
  uint64_t batch_size;
} script;

static const char *runner_version(void) {
  return "1";
}

static enum jc_status runner_open(const struct jc_analysis *analysis,
                                  const struct jc_runner_options *options, void **session,
                                  struct jc_error *error) {
  (void)analysis, (void)error;
  script.opened++;
  script.steps_of_window = 0;
  script.batch_size = options->batch_size;
  *session = &script;
  return JC_OK;
}

/* One step of each window is slow, so that median and mean differ. */
static enum jc_status runner_step(void *session, struct jc_error *error) {
  struct script *s = session;
  if (++s->steps == s->failing_step)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "step %u failed", s->steps);
  const double duration_s = 1e-3 * (++s->steps_of_window == SLOW_STEP ? SLOW_MS : STEP_MS);
  if (s->sleeps) {
    const struct timespec time = {0, (long)(1e9 * duration_s)};
    nanosleep(&time, NULL);
  } else {
    jc_meter_spin(duration_s);
  }
  return JC_OK;
}

static void runner_layer(const void *session, uint32_t index, struct jc_runner_layer *layer) {
  (void)session, (void)index;
  *layer = (struct jc_runner_layer){
      .forward_implementation = "", .backward_implementation = "", .layout = ""};
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
                                               .close = runner_close};

/* ---- measuring ---- */

static struct sketch network;
static const struct jc_analysis *analysis;
static struct jc_meter *meter;
static struct jc_check_options options;
static struct jc_check_measurement m;
static struct jc_error error;

static void setup(void) {
  script = (struct script){.failing_step = NEVER};
  sketch_begin(&network, "pair", 3, (const uint32_t[]){3, 8, 8});
  (void)sketch_then(&network, "conv", JC_LAYER_conv2d, conv(4, 3, 1, 1));
  (void)sketch_then(&network, "relu", JC_LAYER_relu, no_fields());
  analysis = sketch_analyze(&network);
  cr_assert_eq(jc_meter_open_driver(&steady, NULL, &meter, &error), JC_OK, "%s", error.text);
  options = (struct jc_check_options){.runner = &runner,
                                      .meter = meter,
                                      .training = {.batch_size = 7, .threads = 1, .seed = 1},
                                      .min_steps = 20};
}

static void teardown(void) {
  jc_meter_close(meter);
}

TestSuite(check_measure, .init = setup, .fini = teardown);

/* Sleeping takes no CPU time: as if another process had it. */
Test(check_measure, a_disturbed_window_is_repeated_and_then_kept) {
  script.sleeps = true;
  cr_assert_eq(jc_check_measure(analysis, &options, &m, &error), JC_OK, "%s", error.text);
  cr_assert_eq(m.tries, JC_CHECK_TRIES);
  cr_assert(!m.quiet);
  cr_assert_lt(m.cpu_share, 0.9);
  cr_assert_eq(m.steps, 20);
  cr_assert_eq(script.opened, JC_CHECK_TRIES);
  cr_assert_eq(script.closed, JC_CHECK_TRIES);
  cr_assert_eq(script.steps, JC_CHECK_TRIES * (2 + 20));
  cr_assert_eq(script.batch_size, 7);
}

/* Whether a window is quiet is the machine's business; that it ends the tries is ours. */
Test(check_measure, the_first_quiet_window_is_the_last) {
  cr_assert_eq(jc_check_measure(analysis, &options, &m, &error), JC_OK, "%s", error.text);
  cr_assert_eq(m.quiet, m.cpu_share >= JC_WANTED_SHARE);
  cr_assert(m.quiet || m.tries == JC_CHECK_TRIES);
  cr_assert_eq(script.opened, m.tries);
}

/* 19 steps of at least 2 ms and one of at least 20 ms. */
Test(check_measure, every_step_of_the_window_counts) {
  script.sleeps = true;
  cr_assert_eq(jc_check_measure(analysis, &options, &m, &error), JC_OK, "%s", error.text);
  cr_assert_geq(m.step_min_s, 0.002);
  cr_assert_leq(m.step_min_s, m.step_median_s);
  cr_assert_geq(m.step_mean_s, (19 * 0.002 + 0.020) / 20);
  cr_assert_gt(m.mean_error_s, 0);
  /* With one outlier of height h among n the standard error is h / n. */
  cr_assert_lt(m.mean_error_s, m.step_mean_s);
  /* 40 W, also between the steps. */
  cr_assert_geq(m.energy_per_step_j, 0.99 * steady_w * m.step_mean_s);
}

Test(check_measure, seconds_lengthen_the_window) {
  script.sleeps = true;
  options.min_steps = 3;
  options.min_window_s = 0.15;
  cr_assert_eq(jc_check_measure(analysis, &options, &m, &error), JC_OK, "%s", error.text);
  cr_assert_gt(m.steps, 3);
  cr_assert_geq(m.step_mean_s * (double)m.steps, 0.14);
}

Test(check_measure, a_failing_step_is_the_error) {
  script.failing_step = 10;
  cr_assert_eq(jc_check_measure(analysis, &options, &m, &error), JC_ERROR_RUNTIME);
  cr_assert_str_eq(error.text, "step 10 failed");
  cr_assert_eq(script.closed, 1);
}

/* ---- comparing ---- */

static const struct jc_check_figure figures[] = {
    {10, 11, 9, 12},  /* +10 %, inside */
    {20, 15, 14, 19}, /* -25 %, outside */
    {8, 10, 7, 13},   /* +25 %, inside */
    {5, 5, NAN, NAN}, /* right, without an interval */
};

Test(check_compare, errors_by_hand) {
  struct jc_check_errors e;
  jc_check_compare(figures, 4, &e);
  cr_assert_eq(e.count, 4);
  cr_assert_eq(e.intervals, 3);
  cr_assert_eq(e.inside, 2);
  cr_assert_float_eq(e.mape, 0.15, 1e-12);
  cr_assert_float_eq(e.bias, 0.025, 1e-12);
  cr_assert_float_eq(e.worst, 0.25, 1e-12);
  cr_assert_eq(e.worst_index, 1);
}

Test(check_compare, nothing_has_no_error) {
  struct jc_check_errors e;
  jc_check_compare(NULL, 0, &e);
  cr_assert_eq(e.count, 0);
  cr_assert(isnan(e.mape) && isnan(e.bias) && isnan(e.worst));
}

/* ---- judging ---- */

static enum jc_verdict judge(double mape, uint32_t inside, uint32_t intervals, double stated) {
  const struct jc_check_errors e = {
      .count = 10, .mape = mape, .inside = inside, .intervals = intervals};
  return jc_check_judge(&e, stated);
}

Test(check_judge, by_error_against_the_stated_one) {
  cr_assert_eq(judge(0.05, 10, 10, 0.05), JC_VERDICT_TRUST);
  cr_assert_eq(judge(0.074, 10, 10, 0.05), JC_VERDICT_TRUST);
  cr_assert_eq(judge(0.076, 10, 10, 0.05), JC_VERDICT_CARE);
  cr_assert_eq(judge(0.149, 10, 10, 0.05), JC_VERDICT_CARE);
  cr_assert_eq(judge(0.151, 10, 10, 0.05), JC_VERDICT_RECALIBRATE);
}

/* A profile that states 1 % is not held to 1.5 %: the machine's noise is more. */
Test(check_judge, the_stated_error_has_a_floor) {
  cr_assert_eq(judge(0.059, 10, 10, 0.01), JC_VERDICT_TRUST);
  cr_assert_eq(judge(0.061, 10, 10, 0.01), JC_VERDICT_CARE);
  cr_assert_eq(judge(0.121, 10, 10, 0.01), JC_VERDICT_RECALIBRATE);
}

/* Nor is one that states 90 % trusted at 80 %. */
Test(check_judge, the_stated_error_has_a_ceiling) {
  cr_assert_eq(judge(0.149, 10, 10, 0.9), JC_VERDICT_TRUST);
  cr_assert_eq(judge(0.151, 10, 10, 0.9), JC_VERDICT_CARE);
  cr_assert_eq(judge(0.301, 10, 10, 0.9), JC_VERDICT_RECALIBRATE);
}

Test(check_judge, by_the_share_inside_the_intervals) {
  cr_assert_eq(judge(0.01, 8, 10, 0.05), JC_VERDICT_TRUST);
  cr_assert_eq(judge(0.01, 7, 10, 0.05), JC_VERDICT_CARE);
  cr_assert_eq(judge(0.01, 5, 10, 0.05), JC_VERDICT_CARE);
  cr_assert_eq(judge(0.01, 4, 10, 0.05), JC_VERDICT_RECALIBRATE);
}

Test(check_judge, a_profile_that_states_nothing_is_not_trusted) {
  cr_assert_eq(judge(0.01, 10, 10, NAN), JC_VERDICT_CARE);
  cr_assert_eq(judge(0.01, 0, 0, 0.05), JC_VERDICT_CARE);
  cr_assert_eq(judge(0.5, 0, 0, NAN), JC_VERDICT_RECALIBRATE);
}

Test(check_judge, verdicts_have_names) {
  cr_assert_str_eq(jc_verdict_name(JC_VERDICT_TRUST), "trust");
  cr_assert_str_eq(jc_verdict_name(JC_VERDICT_CARE), "trust with care");
  cr_assert_str_eq(jc_verdict_name(JC_VERDICT_RECALIBRATE), "recalibrate");
}
