/* test_layerwise_linear.c -- the linear method worked out by hand; intervals, extrapolation, types
 * that no sample had. */
#include "tests/small_machine.h"

/* ---- the forecast ---- */

/* Layers: 6 x 238.44 + 4 x 58.6 = 1665.04 s; joules with idle 6 x 2443.28 + 4 x 683.2 = 17392.48.
 * Overhead: 10 steps of 7 s and 3 + 14 J; start-up 3 + 2 x 3 layers + 0.5 x 245.44 = 131.72 s at
 * 10 W. */
Test(layerwise_linear, two_epochs) {
  static struct bench b;
  bench_begin(&b);
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  cr_assert_str_eq(e->method, "layerwise-linear");
  cr_assert(e->steps.training == 6 && e->steps.validation == 4);
  assert_near(e->time_per_step_s, 245.44, "seconds of a step");
  assert_near(e->energy_per_step_j, 2460.28, "joules of a step");
  assert_near(e->overhead_s, 70 + 131.72, "overhead");
  assert_near(e->overhead_j, 170 + 1317.2, "overhead");
  assert_near(e->time_s, 1665.04 + 70 + 131.72, "time");
  assert_near(e->energy_j, 17392.48 + 170 + 1317.2, "energy");
  assert_near(e->energy_above_idle_j, e->energy_j - 2 * e->time_s, "above idle");
  assert_near(e->power_w, e->energy_j / e->time_s, "power");
  cr_assert_str_eq(e->domain, "package+dram");
  cr_assert(e->power_measured && e->resolves_layers && !e->extrapolated);
  assert_near(e->extrapolated_share, 0, "share");
  cr_assert_eq(e->note_count, 0, "%s", e->notes[0]);
  cr_assert_eq(e->energy_error.networks, 20);
  assert_near(e->energy_error.mape, 0.08, "its measured error");
  assert_near(e->time_error.mape, 0.06, "its measured error");
}

/* fc1: 6 x (28.28 + 56.56 + 24.5) + 4 x 28.28 = 769.16 s, and so on. */
Test(layerwise_linear, layers) {
  static struct bench b;
  static const double time_s[] = {769.16, 244, 651.88};
  static const double energy_j[] = {7799.92, 2768, 6824.56};
  bench_begin(&b);
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  for (int i = 0; i < 3; i++) {
    assert_near(e->layers[i].time_s, time_s[i], b.sketch.layers[i].name);
    assert_near(e->layers[i].energy_j, energy_j[i], b.sketch.layers[i].name);
  }
  assert_sums(&b);
}

Test(layerwise_linear, phases) {
  static struct bench b;
  bench_begin(&b);
  const struct jc_phase_estimate *p = bench_run(&b, "layerwise-linear")->phases;
  assert_near(p[JC_RESULT_FORWARD].time_s, 6 * 58.6, "forward");
  assert_near(p[JC_RESULT_FORWARD].energy_j, 6 * 683.2, "forward");
  assert_near(p[JC_RESULT_BACKWARD_DATA].time_s + p[JC_RESULT_BACKWARD_WEIGHTS].time_s, 6 * 138.84,
              "backward");
  assert_near(p[JC_RESULT_BACKWARD_DATA].energy_j + p[JC_RESULT_BACKWARD_WEIGHTS].energy_j,
              6 * 1636.08, "backward");
  assert_near(p[JC_RESULT_UPDATE].time_s, 6 * 41, "update");
  assert_near(p[JC_RESULT_UPDATE].energy_j, 6 * 124, "update");
  assert_near(p[JC_RESULT_VALIDATION].time_s, 4 * 58.6, "validation");
  assert_near(p[JC_RESULT_VALIDATION].energy_j, 4 * 683.2, "validation");
  /* at least relu's 19 s in data, at least fc1's 56.56 s in weights */
  cr_assert_geq(p[JC_RESULT_BACKWARD_DATA].time_s, 6 * 19);
  cr_assert_geq(p[JC_RESULT_BACKWARD_WEIGHTS].time_s, 6 * 56.56);
  /* MACs of the run: batch 10, 18 forward, 6 of data, 18 of weights */
  assert_near(p[JC_RESULT_FORWARD].macs, 6 * 180, "MACs");
  assert_near(p[JC_RESULT_BACKWARD_DATA].macs, 6 * 60, "MACs");
  assert_near(p[JC_RESULT_BACKWARD_WEIGHTS].macs, 6 * 180, "MACs");
  assert_near(p[JC_RESULT_UPDATE].macs, 0, "MACs");
  assert_near(p[JC_RESULT_VALIDATION].macs, 4 * 180, "MACs");
}

/* Without samples: one training step, no start-up. */
Test(layerwise_linear, one_step) {
  static struct bench b;
  bench_begin(&b);
  b.problem.run.samples = 0;
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  cr_assert(e->steps.training == 1 && e->steps.validation == 0);
  assert_near(e->time_s, 245.44, "time");
  assert_near(e->energy_j, 2460.28, "energy");
  assert_near(e->overhead_s, 7, "overhead");
  assert_near(e->overhead_j, 17, "overhead");
  assert_near(e->energy_per_step_j, e->energy_j, "a step is all");
  assert_sums(&b);
}

/* What the fit takes its error from is what the forecast says. */
Test(layerwise_linear, step_time_is_the_same_for_fit_and_forecast) {
  static struct bench b;
  bench_begin(&b);
  assert_near(jc_linear_step_time_s(&b.profile, b.problem.analysis, 10), 245.44, "step");
  assert_near(bench_run(&b, "layerwise-linear")->time_per_step_s,
              jc_linear_step_time_s(&b.profile, b.problem.analysis, 10), "step");
}

/* Forward only: 3 steps of 58.6 s and the step's 7 s; no update, no validation. */
Test(layerwise_linear, forward_phase) {
  static struct bench b;
  bench_begin(&b);
  b.problem.run.phase = JC_RUN_FORWARD;
  b.problem.run.epochs = 1;
  b.problem.run.val_samples = 0;
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  assert_near(e->time_per_step_s, 58.6 + 7, "seconds of a step");
  assert_near(e->energy_per_step_j, 683.2 + 17, "joules of a step");
  assert_near(e->phases[JC_RESULT_FORWARD].time_s, 3 * 58.6, "forward");
  for (int i = JC_RESULT_BACKWARD_DATA; i <= JC_RESULT_VALIDATION; i++)
    cr_assert(e->phases[i].time_s == 0 && e->phases[i].energy_j == 0 && e->phases[i].macs == 0);
  assert_sums(&b);
}

/* A training-only layer costs nothing where nothing is trained; in training, validation skips it.
 */
Test(layerwise_linear, training_only_layers) {
  static struct bench b;
  make_small(&b.sketch);
  b.sketch.layers[2].training_only = true;
  bench_finish(&b);
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  assert_near(e->phases[JC_RESULT_VALIDATION].time_s, 4 * (28.28 + 13), "validation");
  assert_near(e->phases[JC_RESULT_FORWARD].time_s, 6 * 58.6, "forward");
  assert_near(e->time_per_step_s, 245.44, "a training step has it");
  assert_sums(&b);

  b.problem.run.phase = JC_RUN_FORWARD;
  b.problem.run.val_samples = 0;
  e = bench_run(&b, "layerwise-linear");
  assert_near(e->time_per_step_s, 28.28 + 13 + 7, "a forward step has not");
  assert_near(e->layers[2].time_s, 0, "fc2");
  assert_sums(&b);
}

/* What does not run is not outside the calibrated range either. */
Test(layerwise_linear, layers_that_do_not_run_are_not_extrapolated) {
  static struct bench b;
  make_small(&b.sketch);
  (void)sketch_add(&b.sketch, "aux", JC_LAYER_linear, linear(1000, true), 1, (const uint32_t[]){1});
  b.sketch.layers[3].training_only = true;
  b.sketch.outputs[0] = 3;
  bench_finish(&b);
  coefficient_of(&b.profile, "linear", JC_FORWARD)->flops_max = 400;
  coefficient_of(&b.profile, "linear", JC_FORWARD)->bytes_max = 400;
  b.problem.run.phase = JC_RUN_FORWARD;
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  assert_near(e->extrapolated_share, 0, "fc1, relu and fc2 are in range");
  cr_assert(!e->extrapolated);
}

/* The relu is part of the batchnorm before it: it costs nothing, the pair has its own type. */
Test(layerwise_linear, fused_layers) {
  static struct bench b;
  sketch_begin(&b.sketch, "fused", 3, (const uint32_t[]){2, 4, 4});
  (void)sketch_then(&b.sketch, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
  (void)sketch_then(&b.sketch, "relu", JC_LAYER_relu, no_fields());
  bench_finish(&b);
  add_coefficient(&b.profile, "batchnorm2d.relu", JC_FORWARD, (const double[]){11, 0, 0},
                  (const double[]){0, 0, 0});
  add_coefficient(&b.profile, "batchnorm2d.relu", JC_BACKWARD, (const double[]){13, 0, 0},
                  (const double[]){0, 0, 0});
  b.problem.run.samples = 0;
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  assert_near(e->layers[1].time_s, 0, "relu");
  assert_near(e->layers[1].energy_j, 0, "relu");
  assert_near(e->layers[0].time_s, 11 + 13 + 0.5 + 0.1 * 5 * 16,
              "bn, with its update of 4 weights");
  cr_assert_eq(e->note_count, 0, "%s", e->notes[0]);
  assert_sums(&b);
}

/* The caller may not want layers. */
Test(layerwise_linear, without_layers) {
  static struct bench b;
  bench_begin(&b);
  b.estimate.layers = NULL;
  memset(&b.error, 0, sizeof(b.error));
  cr_assert_eq(
      jc_estimate_run(jc_method_find("layerwise-linear"), &b.problem, &b.estimate, &b.error),
      JC_OK);
  assert_near(b.estimate.energy_j, 18879.68, "energy");
  cr_assert_null(b.estimate.layers);
}

/* ---- intervals and extrapolation ---- */

Test(intervals, levels) {
  static struct bench b;
  static const struct {
    double level, energy, time;
  } rows[] = {{0.5, 0.1, 0.05}, {0.8, 0.2, 0.1}, {0.9, 0.3, 0.15}};
  bench_begin(&b);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    b.problem.interval = rows[i].level;
    const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
    assert_near(e->interval, rows[i].level, "level");
    assert_interval(e, rows[i].energy, rows[i].time);
  }
}

/* Under nine networks there is no 90 % interval: no value, and never a width of 0. */
Test(intervals, too_few_networks) {
  static struct bench b;
  bench_begin(&b);
  b.profile.energy_error.log_half_width[2] = NAN;
  b.profile.time_error.log_half_width[2] = NAN;
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  cr_assert(isnan(e->energy_low_j) && isnan(e->energy_high_j));
  cr_assert(isnan(e->time_low_s) && isnan(e->time_high_s));
  b.problem.interval = 0.8;
  assert_interval(bench_run(&b, "layerwise-linear"), 0.2, 0.1);
}

/* The same where no error is known at all. */
Test(intervals, unknown_errors) {
  static struct bench b;
  bench_begin(&b);
  memset(&b.profile.energy_error, 0, sizeof(b.profile.energy_error)); /* networks: 0, not known */
  memset(&b.profile.time_error, 0, sizeof(b.profile.time_error));
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  cr_assert(isnan(e->energy_low_j) && isnan(e->energy_high_j), "%g to %g J", e->energy_low_j,
            e->energy_high_j);
  cr_assert(isnan(e->time_low_s) && isnan(e->time_high_s));
}

/* The linear layers carry (45.6 + 119.84) / 238.44 = 69 % of the step; so far outside it is
 * extrapolated, and the interval doubles in log space. */
Test(intervals, most_of_the_time_is_outside) {
  static struct bench b;
  bench_begin(&b);
  coefficient_of(&b.profile, "linear", JC_FORWARD)->flops_max = 10;
  coefficient_of(&b.profile, "linear", JC_BACKWARD)->bytes_max = 10;
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  assert_near(e->extrapolated_share, (28.28 + 17.32 + 56.56 + 63.28) / 238.44, "share");
  cr_assert(e->extrapolated);
  cr_assert(has_note(e, "extrapolated"));
  assert_interval(e, 2 * 0.3, 2 * 0.15);
  assert_near(e->energy_j, 18879.68, "the forecast itself is the same");
}

/* The ReLU's forward alone is 13 / 238.44 = 5 % of it: noted in the share, not flagged. */
Test(intervals, little_of_the_time_is_outside) {
  static struct bench b;
  bench_begin(&b);
  coefficient_of(&b.profile, "relu", JC_FORWARD)->bytes_max = 10;
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  assert_near(e->extrapolated_share, 13 / 238.44, "share");
  cr_assert(!e->extrapolated);
  assert_interval(e, 0.3, 0.15);
}

/* Every layer in range, but far more of them than any sample had. */
Test(intervals, a_step_larger_than_the_samples) {
  static struct bench b;
  bench_begin(&b);
  b.profile.flops_max = 940 / 100.0;
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  cr_assert(e->extrapolated && has_note(e, "100 times"));
  assert_interval(e, 2 * 0.3, 2 * 0.15);
  b.profile.flops_max = 1e9;
  b.profile.bytes_max = 1;
  cr_assert(bench_run(&b, "layerwise-linear")->extrapolated);
}

/* A type that no sample had is priced as any layer, says so, and counts as outside. */
Test(unknown_types, are_priced_as_any_layer) {
  static struct bench b;
  bench_begin(&b);
  coefficient_of(&b.profile, "relu", JC_FORWARD)->type = jc_type_find("relu6");
  coefficient_of(&b.profile, "relu", JC_BACKWARD)->type = jc_type_find("relu6");
  add_coefficient(&b.profile, "any", JC_FORWARD, (const double[]){0, 1, 0},
                  (const double[]){0, 0, 0});
  add_coefficient(&b.profile, "any", JC_BACKWARD, (const double[]){0, 2, 0},
                  (const double[]){0, 0, 0});
  b.problem.run.samples = 0;
  const struct jc_estimate *e = bench_run(&b, "layerwise-linear");
  assert_near(e->layers[1].time_s, 30 + 60, "relu at 1 and 2 s a FLOP");
  cr_assert(has_note(e, "relu"));
  assert_near(e->extrapolated_share, 90 / (238.44 - 32 + 90), "share");
  cr_assert(e->extrapolated, "30.4 %% of the time is guessed");
}

/* An unmodelled layer must not cost 0 J in silence: refuse, or say that it is outside. */
Test(unknown_types, are_never_free) {
  static struct bench b;
  bench_begin(&b);
  coefficient_of(&b.profile, "linear", JC_FORWARD)->type = jc_type_find("softmax");
  coefficient_of(&b.profile, "linear", JC_BACKWARD)->type = jc_type_find("softmax");
  const enum jc_status status = bench_try(&b, "layerwise-linear");
  cr_assert(status != JC_OK || b.estimate.extrapolated,
            "fc1 and fc2 are free: %g and %g J, note '%s'", b.estimate.layers[0].energy_j,
            b.estimate.layers[2].energy_j, b.estimate.note_count > 0 ? b.estimate.notes[0] : "");
}

/* The same for one phase: a profile that has no update has not seen what an update costs. */
Test(unknown_types, phases_are_never_free) {
  static struct bench b;
  bench_begin(&b);
  coefficient_of(&b.profile, "linear", JC_BACKWARD)->type = jc_type_find("softmax");
  const enum jc_status status = bench_try(&b, "layerwise-linear");
  cr_assert(status != JC_OK || b.estimate.extrapolated || b.estimate.note_count > 0,
            "backward of fc1 and fc2 is free in silence");
}
