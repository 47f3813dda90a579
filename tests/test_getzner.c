/* test_getzner.c -- lines of joules in MACs: the fit, the forecast by them worked out by hand, and
 * their way through a profile. */
#include "calibrate/mac_line_fit.h"
#include "estimator/mac_lines.h"
#include "estimator/profile_file.h"
#include "tests/file_fixtures.h"
#include "tests/small_machine.h"

/* ---- the fit ---- */

/* numpy 1.24: polyfit([1, 2, 4, 10], [3, 1, 6, 20], 1) and [0.5, 0.25, 2, 4]. */
Test(getzner, fit_is_ordinary_least_squares) {
  static const double macs[] = {1, 2, 4, 10}, joules[] = {3, 1, 6, 20},
                      seconds[] = {0.5, 0.25, 2, 4};
  struct jc_forward_layer layers[4];
  const struct jc_forward_layer *list[4];
  struct jc_mac_line line;
  memset(layers, 0, sizeof(layers));
  for (int i = 0; i < 4; i++) {
    layers[i].row.type = jc_type_find("relu");
    layers[i].macs = macs[i];
    layers[i].energy_j = joules[i];
    layers[i].time_s = seconds[i];
    list[i] = &layers[i];
  }
  jc_mac_line_fit(list, 4, &line);
  cr_assert_eq(line.kind, JC_LAYER_relu);
  cr_assert_eq(line.layers, 4);
  cr_assert_float_eq(line.energy_j[0], -1.34871795, 1e-8, "%.12g", line.energy_j[0]);
  cr_assert_float_eq(line.energy_j[1], 2.08205128, 1e-8, "%.12g", line.energy_j[1]);
  cr_assert_float_eq(line.time_s[0], -0.08333333, 1e-8, "%.12g", line.time_s[0]);
  cr_assert_float_eq(line.time_s[1], 0.41666667, 1e-8, "%.12g", line.time_s[1]);

  for (int i = 0; i < 4; i++)
    layers[i].macs = 7; /* no slope: the mean */
  jc_mac_line_fit(list, 4, &line);
  assert_near(line.energy_j[0], 7.5, "mean");
  assert_near(line.energy_j[1], 0, "no slope");
}

/* ---- the forecast ---- */

/* 2 J + 0.5 J a MAC, 1 s + 0.25 s a MAC, of linear layers alone; as of a fit to forward passes. */
static void begin(struct bench *b) {
  bench_begin(b);
  b->profile.phase = JC_RUN_FORWARD;
  b->profile.mac_lines[0] = (struct jc_mac_line){
      .kind = JC_LAYER_linear, .layers = 9, .energy_j = {2, 0.5}, .time_s = {1, 0.25}};
  b->profile.mac_line_count = 1;
}

/* fc1 has 12 MACs a sample, fc2 6 and 2 of its bias. A forward pass of 10 samples:
 * fc1 2 + 60 = 62 J, fc2 2 + 40 = 42 J; 31 s and 21 s. */
Test(getzner, training_is_three_forward_passes) {
  static struct bench b;
  begin(&b);
  const struct jc_estimate *e = bench_run(&b, "getzner");
  assert_near(e->energy_per_step_j, 3 * 104, "joules of a step");
  assert_near(e->time_per_step_s, 3 * 52, "seconds of a step");
  assert_near(e->energy_j, 6 * 3 * 104 + 4 * 104, "six steps, four of validation");
  assert_near(e->time_s, 6 * 3 * 52 + 4 * 52, "time");
  assert_near(e->layers[0].energy_j, 6 * 3 * 62 + 4 * 62, "fc1");
  assert_near(e->layers[1].energy_j, 0, "relu has no line");
  assert_near(e->phases[JC_RESULT_FORWARD].energy_j, 6 * 104, "forward");
  cr_assert(has_note(e, "relu"));
  cr_assert(!has_note(e, "linear"));
  cr_assert(isnan(e->energy_low_j) && e->power_measured);
  cr_assert_str_eq(e->domain, "package+dram");
  b.problem.run.phase = JC_RUN_FORWARD;
  assert_near(bench_run(&b, "getzner")->energy_per_step_j, 104, "a forward pass");
}

Test(getzner, needs_lines) {
  static struct bench b;
  begin(&b);
  b.profile.mac_line_count = 0;
  cr_assert_eq(bench_try(&b, "getzner"), JC_ERROR_MISSING);
  cr_assert_str_eq(b.error.text, "method 'getzner' needs a profile of single layers (`joulecast "
                                 "calibrate fit`); give one with --profile");
  b.problem.profile = NULL;
  cr_assert_eq(bench_try(&b, "getzner"), JC_ERROR_MISSING);
}

/* A line may go below 0; a forecast may not. */
Test(getzner, refuses_what_is_below_zero) {
  static struct bench b;
  begin(&b);
  b.profile.mac_lines[0].energy_j[0] = -60;
  cr_assert_eq(bench_try(&b, "getzner"), JC_ERROR_MISMATCH);
  cr_assert_not_null(strstr(b.error.text, "-440 J"), "%s", b.error.text); /* (6 x 3 + 4) x -20 */
}

/* ---- the profile ---- */

Test(getzner, lines_come_back_bit_for_bit) {
  static struct jc_profile profile, back;
  struct jc_error error = {0};
  char folder[PATH_MAX], path[PATH_MAX];
  make_scratch(folder);
  join_path(path, folder, "profile.json");
  cr_assert_eq(jc_profile_read(FIXTURES "/profiles/good.json", &profile, &error), JC_OK, "%s",
               error.text);
  cr_assert_eq(profile.mac_line_count, 0);
  profile.mac_line_count = 2;
  profile.mac_lines[0] = (struct jc_mac_line){.kind = JC_LAYER_conv2d,
                                              .layers = 1000,
                                              .energy_j = {-1.0 / 3, 1e-9 / 7},
                                              .time_s = {1e-3 / 3, 1e-11 / 7}};
  profile.mac_lines[1] =
      (struct jc_mac_line){.kind = JC_LAYER_relu, .layers = 2, .energy_j = {1, 0}};
  cr_assert_eq(jc_profile_write(path, &profile, &error), JC_OK, "%s", error.text);
  cr_assert_eq(jc_profile_read(path, &back, &error), JC_OK, "%s", error.text);
  cr_assert_eq(back.mac_line_count, 2);
  for (int i = 0; i < 2; i++) {
    const struct jc_mac_line *wrote = &profile.mac_lines[i], *read = &back.mac_lines[i];
    cr_assert_eq(read->kind, wrote->kind);
    cr_assert_eq(read->layers, wrote->layers);
    cr_assert_arr_eq(read->energy_j, wrote->energy_j, sizeof(read->energy_j));
    cr_assert_arr_eq(read->time_s, wrote->time_s, sizeof(read->time_s));
  }
  cr_assert_eq(jc_mac_line_of(&back, JC_LAYER_relu), &back.mac_lines[1]);
  cr_assert_null(jc_mac_line_of(&back, JC_LAYER_linear));
  remove_scratch(folder);
}
