/* test_methods.c -- steps, the table of methods and their needs; roofline, flops and mlco2 worked
 * out by hand; footprint. */
#include "tests/small_machine.h"

/* ---- steps ---- */

Test(steps, of_a_run) {
  static const struct {
    uint64_t samples, val_samples, epochs, batch_size, training, validation;
  } rows[] = {
      {1281167, 50000, 90, 32, UINT64_C(40037) * 90, UINT64_C(1563) * 90},
      {100, 0, 1, 10, 10, 0},
      {101, 0, 1, 10, 11, 0}, /* the last one counts whole */
      {99, 1, 3, 10, 30, 3},
      {5, 0, 2, 10, 2, 0}, /* a batch larger than the samples */
      {1, 1, 1, 1, 1, 1},
      {0, 0, 1, 10, 1, 0},  /* one step */
      {0, 50, 7, 10, 1, 0}, /* one step: epochs and validation say nothing */
      {UINT64_MAX, UINT64_MAX, 1, 1, UINT64_MAX, UINT64_MAX},
      {UINT64_MAX, 0, 1, 2, UINT64_C(1) << 63, 0},
      {UINT64_MAX, 0, 1, UINT64_MAX, 1, 0},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct jc_run run = {.batch_size = rows[i].batch_size,
                               .epochs = rows[i].epochs,
                               .samples = rows[i].samples,
                               .val_samples = rows[i].val_samples,
                               .threads = 1};
    struct jc_error error = {0};
    struct jc_steps steps;
    cr_assert_eq(jc_run_steps(&run, &steps, &error), JC_OK, "row %zu: %s", i, error.text);
    cr_assert_eq(steps.training, rows[i].training, "row %zu: %llu", i,
                 (unsigned long long)steps.training);
    cr_assert_eq(steps.validation, rows[i].validation, "row %zu: %llu", i,
                 (unsigned long long)steps.validation);
  }
}

/* 2 steps of validation after every third of 10 epochs: after 3, 6 and 9. */
Test(steps, validated_less_often) {
  static const uint64_t every[] = {0, 1, 3, 10, 11}, validation[] = {20, 20, 6, 2, 0};
  for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++) {
    const struct jc_run run = {.batch_size = 10,
                               .epochs = 10,
                               .samples = 25,
                               .val_samples = 11,
                               .validate_every = every[i],
                               .threads = 1};
    struct jc_error error = {0};
    struct jc_steps steps;
    cr_assert_eq(jc_run_steps(&run, &steps, &error), JC_OK, "%s", error.text);
    cr_assert_eq(steps.training, 30);
    cr_assert_eq(steps.validation, validation[i], "every %llu", (unsigned long long)every[i]);
  }
}

Test(steps, beyond_64_bits) {
  const struct jc_run too_many[] = {
      {.batch_size = 1, .epochs = 4, .samples = UINT64_C(1) << 62, .threads = 1},
      {.batch_size = 1, .epochs = UINT64_MAX, .samples = 2, .threads = 1},
      {.batch_size = 1, .epochs = 2, .samples = 1, .val_samples = UINT64_MAX, .threads = 1},
  };
  for (size_t i = 0; i < sizeof(too_many) / sizeof(too_many[0]); i++) {
    struct jc_error error = {0};
    struct jc_steps steps;
    cr_assert_eq(jc_run_steps(&too_many[i], &steps, &error), JC_ERROR_OVERFLOW, "row %zu", i);
    cr_assert_eq(error.status, JC_ERROR_OVERFLOW);
  }
  static struct bench b;
  bench_begin(&b);
  b.problem.run.samples = UINT64_MAX;
  b.problem.run.batch_size = 1;
  cr_assert_eq(bench_try(&b, "flops"), JC_ERROR_OVERFLOW);
}

/* ---- the table ---- */

Test(table, has_the_first_methods) {
  static const char *const names[] = {"layerwise-linear", "roofline", "flops", "mlco2"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    cr_assert_not_null(jc_method_find(names[i]), "%s", names[i]);
  cr_assert_null(jc_method_find("layerwise_linear"));
  cr_assert_null(jc_method_find("FLOPS"));
  cr_assert_null(jc_method_find(""));
}

Test(table, rows_are_complete) {
  size_t count = 0;
  for (const struct jc_method *m; (m = jc_method_at(count)) != NULL; count++) {
    cr_assert_eq(jc_method_find(m->name), m, "%s", m->name);
    cr_assert_neq(m->needs, 0, "%s", m->name);
    cr_assert_not_null(m->estimate);
    cr_assert(strlen(m->summary) > 3 && m->summary[strlen(m->summary) - 1] != '.', "%s", m->name);
    cr_assert(strlen(m->source) > 3, "%s", m->name);
  }
  cr_assert_geq(count, 4);
  cr_assert_null(jc_method_at(count));
  cr_assert_null(jc_method_at(SIZE_MAX));
}

/* What is missing, and the option that gives it. */
static void assert_missing(struct bench *b, const char *method, const char *option) {
  memset(&b->error, 0, sizeof(b->error));
  cr_assert_eq(jc_method_check(jc_method_find(method), &b->problem, &b->error), JC_ERROR_MISSING,
               "%s without %s", method, option);
  cr_assert_not_null(strstr(b->error.text, method), "the method's name: %s", b->error.text);
  cr_assert_not_null(strstr(b->error.text, option), "the option %s: %s", option, b->error.text);
  cr_assert_eq(bench_try(b, method), JC_ERROR_MISSING);
}

static void assert_given(struct bench *b, const char *method) {
  memset(&b->error, 0, sizeof(b->error));
  cr_assert_eq(jc_method_check(jc_method_find(method), &b->problem, &b->error), JC_OK, "%s: %s",
               method, b->error.text);
}

Test(needs, nothing_is_given) {
  static struct bench b;
  bench_begin(&b);
  b.problem.profile = NULL;
  b.problem.hardware = NULL;
  assert_missing(&b, "layerwise-linear", "--profile");
  assert_missing(&b, "layerwise-linear", "joulecast calibrate");
  assert_missing(&b, "roofline", "--hardware");
  assert_missing(&b, "flops", "--hardware");
  assert_missing(&b, "mlco2", "--tdp-w");
}

Test(needs, a_tdp_alone) {
  static struct bench b;
  bench_begin(&b);
  b.problem.profile = NULL;
  b.hardware.peak_flops_per_s[JC_PRECISION_FP32] = NAN;
  b.hardware.memory_bandwidth_bytes_per_s = NAN;
  assert_missing(&b, "roofline", "--hardware");
  assert_missing(&b, "flops", "--hardware");
  assert_missing(&b, "mlco2", "--hours");
  b.problem.duration_s = 60;
  assert_given(&b, "mlco2");
}

Test(needs, a_profile_alone) {
  static struct bench b;
  bench_begin(&b);
  b.problem.hardware = NULL;
  assert_given(&b, "layerwise-linear");
  assert_given(&b, "flops");
  assert_missing(&b, "mlco2", "--tdp-w");
  assert_missing(&b, "roofline", "--hardware");
}

Test(needs, a_data_row_alone) {
  static struct bench b;
  bench_begin(&b);
  b.problem.profile = NULL;
  assert_given(&b, "roofline");
  assert_given(&b, "flops");
  assert_given(&b, "mlco2");
  b.hardware.idle_w = NAN; /* not a need: assumed, with a note */
  assert_given(&b, "roofline");
  b.problem.precision = JC_PRECISION_BF16; /* this row knows no such peak */
  assert_missing(&b, "roofline", "--hardware");
  b.problem.precision = JC_PRECISION_FP32;
  b.hardware.tdp_w = NAN;
  assert_missing(&b, "roofline", "--hardware");
  assert_missing(&b, "mlco2", "--tdp-w");
}

/* ---- roofline ---- */

/* max(FLOPs / 10, bytes / 20): fc1 24 + 24 + 12, relu 12 + 18, fc2 14 + 26 + 8 = 138 s, at 50 W;
 * launches add microseconds. */
Test(roofline, one_step) {
  static struct bench b;
  bench_begin(&b);
  b.problem.profile = NULL;
  b.problem.run.samples = 0;
  const struct jc_estimate *e = bench_run(&b, "roofline");
  static const double time_s[] = {60, 30, 48};
  cr_assert_float_eq(e->time_s, 138, 1e-3, "%.9g s", e->time_s);
  cr_assert_gt(e->time_s, 138, "launches take time");
  cr_assert_float_eq(e->energy_j, 138 * 50, 0.01, "%.9g J", e->energy_j);
  cr_assert_float_eq(e->energy_above_idle_j, 138 * 40, 0.01);
  for (int i = 0; i < 3; i++) {
    cr_assert_float_eq(e->layers[i].time_s, time_s[i], 1e-3, "%g", e->layers[i].time_s);
    cr_assert_float_eq(e->layers[i].energy_j, 50 * time_s[i], 1e-2, "%g", e->layers[i].energy_j);
  }
  assert_sums(&b);
  cr_assert_str_eq(e->domain, "package");
  cr_assert(e->resolves_layers && !e->power_measured);
  cr_assert(isnan(e->energy_low_j) && isnan(e->energy_high_j) && isnan(e->time_low_s),
            "no interval");
  cr_assert_neq(e->note_count, 0, "says that data sheets are optimistic");
}

/* Validation is forward: 24 + 12 + 14 = 50 s a step. */
Test(roofline, two_epochs) {
  static struct bench b;
  bench_begin(&b);
  const struct jc_estimate *e = bench_run(&b, "roofline");
  cr_assert_float_eq(e->time_s, 6 * 138 + 4 * 50, 1e-2);
  cr_assert_float_eq(e->phases[JC_RESULT_VALIDATION].time_s, 4 * 50, 1e-2);
  cr_assert_float_eq(e->time_per_step_s, 138, 1e-3);
  assert_sums(&b);
  b.problem.run.phase = JC_RUN_FORWARD;
  b.problem.run.val_samples = 0;
  e = bench_run(&b, "roofline");
  cr_assert_float_eq(e->time_s, 6 * 50, 1e-2);
  assert_sums(&b);
}

/* The precision chooses the peak; a missing idle power is said, not guessed in silence. */
Test(roofline, precision_idle_and_board) {
  static struct bench b;
  bench_begin(&b);
  b.problem.run.samples = 0;
  b.problem.precision = JC_PRECISION_BF16;
  b.hardware.peak_flops_per_s[JC_PRECISION_BF16] = 1e12; /* bandwidth decides: 2352 B / 20 */
  b.hardware.idle_w = NAN;
  (void)snprintf(b.hardware.device, sizeof(b.hardware.device), "gpu");
  const struct jc_estimate *e = bench_run(&b, "roofline");
  cr_assert_float_eq(e->time_s, (328 + 328 + 240 + 240 + 360 + 232 + 464 + 160) / 20.0, 1e-3);
  cr_assert_float_eq(e->energy_j, 50 * e->time_s, 1e-2);
  cr_assert(isnan(e->energy_above_idle_j));
  cr_assert(has_note(e, "idle"));
  cr_assert_str_eq(e->domain, "board");
}

/* ---- flops ---- */

/* 6 x 940 + 4 x 410 = 7280 FLOPs at 4 J and 0.5 s. */
Test(flops, from_a_profile) {
  static struct bench b;
  bench_begin(&b);
  const struct jc_estimate *e = bench_run(&b, "flops");
  assert_near(e->energy_j, 7280 * 4, "energy");
  assert_near(e->time_s, 7280 * 0.5, "time");
  assert_near(e->energy_per_step_j, 940 * 4, "energy of a training step");
  assert_near(e->time_per_step_s, 940 * 0.5, "time of a training step");
  assert_near(e->power_w, 8, "power");
  assert_interval(e, 0.9, 0.9);
  assert_near(e->energy_error.mape, 0.5, "its own error");
  cr_assert(!e->resolves_layers && e->power_measured);
  cr_assert_str_eq(e->domain, "package+dram");
}

/* 7280 FLOPs / 10 FLOP/s at 50 W. */
Test(flops, from_a_data_row) {
  static struct bench b;
  bench_begin(&b);
  b.problem.profile = NULL;
  const struct jc_estimate *e = bench_run(&b, "flops");
  assert_near(e->time_s, 728, "time");
  assert_near(e->energy_j, 728 * 50, "energy");
  assert_near(e->time_per_step_s, 94, "time of a training step");
  cr_assert(isnan(e->energy_low_j) && isnan(e->time_high_s));
  cr_assert(!e->power_measured);
  cr_assert_neq(e->note_count, 0);
}

Test(flops, forward_phase_and_one_step) {
  static struct bench b;
  bench_begin(&b);
  b.problem.run.samples = 0;
  assert_near(bench_run(&b, "flops")->energy_j, 940 * 4, "a training step");
  b.problem.run.phase = JC_RUN_FORWARD;
  assert_near(bench_run(&b, "flops")->energy_j, 410 * 4, "a forward step");
}

/* ---- mlco2 ---- */

Test(mlco2, given_duration) {
  static struct bench b;
  bench_begin(&b);
  b.problem.duration_s = 3600;
  b.problem.run.val_samples = 0;
  const struct jc_estimate *e = bench_run(&b, "mlco2");
  assert_near(e->time_s, 3600, "time");
  assert_near(e->energy_j, 3600 * 50, "energy");
  assert_near(e->power_w, 50, "power");
  assert_near(e->time_per_step_s, 600, "six steps");
  assert_near(e->energy_per_step_j, 30000, "six steps");
  cr_assert(isnan(e->energy_low_j) && !e->resolves_layers && !e->power_measured);
  cr_assert_str_eq(e->method, "mlco2");
  cr_assert_str_eq(e->domain, "package");
  cr_assert_eq(e->note_count, 0);
}

/* Not given, it comes from the profile, else from the data row; the note names which. */
Test(mlco2, predicted_duration) {
  static struct bench b;
  bench_begin(&b);
  const struct jc_estimate *e = bench_run(&b, "mlco2");
  assert_near(e->time_s, 1866.76, "time");
  assert_near(e->energy_j, 1866.76 * 50, "energy");
  cr_assert_str_eq(e->method, "mlco2");
  cr_assert(has_note(e, "layerwise-linear"));
  b.problem.profile = NULL;
  e = bench_run(&b, "mlco2");
  cr_assert_float_eq(e->time_s, 6 * 138 + 4 * 50, 1e-2);
  cr_assert(has_note(e, "roofline"));
}

/* A duration that is extrapolated makes an energy that is. */
Test(mlco2, predicted_duration_may_be_extrapolated) {
  static struct bench b;
  bench_begin(&b);
  b.profile.flops_max = 1;
  cr_assert(bench_run(&b, "mlco2")->extrapolated);
}

/* ---- green-algorithms ---- */

/* 50 W x 0.5 and 64 GB at 0.3725 W: 48.84 W. */
Test(green_algorithms, processor_and_memory) {
  static struct bench b;
  bench_begin(&b);
  b.hardware.memory_w_per_gb = 0.3725;
  b.problem.duration_s = 3600;
  b.problem.run.val_samples = 0;
  assert_missing(&b, "green-algorithms", "--memory-gb");
  b.problem.memory_bytes = 64e9;
  b.problem.usage = 0.5;
  const struct jc_estimate *e = bench_run(&b, "green-algorithms");
  assert_near(e->energy_j, 3600 * 48.84, "energy");
  assert_near(e->power_w, 48.84, "power");
  assert_near(e->energy_per_step_j, 600 * 48.84, "six steps");
  cr_assert_str_eq(e->method, "green-algorithms");
  cr_assert_str_eq(e->domain, "package+dram");
  cr_assert_null(e->duration_from);
  b.problem.usage = 0; /* not given: all of it */
  assert_near(bench_run(&b, "green-algorithms")->power_w, 73.84, "power at full use");
  b.problem.duration_s = NAN;
  b.problem.run.val_samples = 11;
  e = bench_run(&b, "green-algorithms");
  assert_near(e->energy_j, 1866.76 * 73.84, "of the predicted duration");
  cr_assert_str_eq(e->duration_from, "layerwise-linear");
  b.problem.hardware = NULL;
  assert_missing(&b, "green-algorithms", "--tdp-w");
}

/* ---- footprint ---- */

/* 3.6 MJ are 1 kWh; at PUE 1.5 the facility draws 1.5. */
Test(footprint, of_a_kilowatt_hour) {
  const struct jc_footprint f = jc_footprint_of(3.6e6, 1.5, 400, 0.3);
  assert_near(f.facility_energy_j, 5.4e6, "facility");
  assert_near(f.co2e_g, 600, "CO2e");
  assert_near(f.cost, 0.45, "cost");
}

/* 1.2 times the package's joules and 7 W beside it, in the whole and in every part. */
Test(wall, of_the_whole_and_its_parts) {
  static struct bench b;
  bench_begin(&b);
  const struct jc_estimate before = *bench_run(&b, "layerwise-linear");
  struct jc_estimate after = before;
  struct jc_layer_estimate layers[3];
  memcpy(layers, before.layers, sizeof layers);
  after.layers = layers;
  jc_estimate_at_wall(&after, 3, 1.2, 7);
  cr_assert_str_eq(after.domain, "wall");
  assert_near(after.energy_j, 1.2 * before.energy_j + 7 * before.time_s, "energy");
  assert_near(after.energy_low_j, 1.2 * before.energy_low_j + 7 * before.time_low_s, "low");
  assert_near(after.energy_high_j, 1.2 * before.energy_high_j + 7 * before.time_high_s, "high");
  assert_near(after.energy_above_idle_j, 1.2 * before.energy_above_idle_j, "above idle");
  assert_near(after.power_w, after.energy_j / after.time_s, "power");
  assert_near(after.energy_per_step_j, 1.2 * before.energy_per_step_j + 7 * before.time_per_step_s,
              "a step");
  double layers_j = after.overhead_j;
  for (int i = 0; i < 3; i++)
    layers_j += layers[i].energy_j;
  assert_near(layers_j, after.energy_j, "layers and overhead");
  double phases_j = after.overhead_j;
  for (int i = 0; i < JC_RESULT_PHASE_COUNT; i++)
    phases_j += after.phases[i].energy_j;
  assert_near(phases_j, after.energy_j, "phases and overhead");
  assert_near(after.time_s, before.time_s, "time");
  double forward_j = 0;
  for (int i = 0; i < 3; i++)
    forward_j += layers[i].phase_energy_j[JC_FORWARD];
  assert_near(forward_j, after.phases[JC_RESULT_FORWARD].energy_j, "forward of the layers");
}

Test(wall, without_an_interval) {
  struct jc_estimate e = {.energy_j = 10,
                          .time_s = 2,
                          .energy_low_j = 8,
                          .energy_high_j = 12,
                          .energy_above_idle_j = NAN,
                          .time_low_s = NAN,
                          .time_high_s = NAN,
                          .power_w = 5};
  jc_estimate_at_wall(&e, 0, 1, 3);
  assert_near(e.energy_j, 16, "energy");
  assert_near(e.energy_low_j, 14, "low, at the only time there is");
  assert_near(e.energy_high_j, 18, "high");
  cr_assert(isnan(e.energy_above_idle_j));
  e.energy_low_j = e.energy_high_j = NAN;
  jc_estimate_at_wall(&e, 0, 2, 3);
  cr_assert(isnan(e.energy_low_j) && isnan(e.energy_high_j));
}

Test(footprint, without_grid_or_price) {
  struct jc_footprint f = jc_footprint_of(3.6e6, 1, NAN, 0.3);
  cr_assert(isnan(f.co2e_g));
  assert_near(f.cost, 0.3, "cost");
  f = jc_footprint_of(3.6e6, 1, 400, NAN);
  cr_assert(isnan(f.cost));
  assert_near(f.co2e_g, 400, "CO2e");
  f = jc_footprint_of(0, 1, 400, 0.3);
  cr_assert(f.facility_energy_j == 0 && f.co2e_g == 0 && f.cost == 0);
}
