/* test_run_layers.c -- methods on layers see a run as `joulecast estimate` would: by hand, with the
 * profile's own interval, and with a reason where it cannot be. */
#include <math.h>

#include "calibrate/run_layers.h"
#include "estimator/profile_file.h"
#include "tests/file_fixtures.h"

enum { LAYERWISE, LAYERWISE_LINEAR, ROOFLINE, GETZNER };

static struct jc_run_set set;
static struct jc_profile profile;
static struct jc_hardware_table table;
static struct jc_layers_means means;
static struct jc_run_layers layers;

static void read_profile(const char *name) {
  struct jc_error error = {0};
  char path[PATH_MAX];
  join_path(path, TEST_SOURCE_DIR "/tests/cli", name);
  cr_assert_eq(jc_profile_read(path, &profile, &error), JC_OK, "%s", error.text);
}

static void setup(void) {
  struct jc_error error = {0};
  setenv("JOULECAST_DATA", TEST_SOURCE_DIR "/data", 1);
  setenv("JOULECAST_MODELS", TEST_SOURCE_DIR "/models", 1);
  cr_assert_eq(jc_run_set_read(FIXTURES "/runs/shipped_models.jsonl", &set, &error), JC_OK, "%s",
               error.text);
  read_profile("profile_layerwise.json");
  cr_assert_eq(jc_hardware_table_read(NULL, &table, &error), JC_OK, "%s", error.text);
  means = (struct jc_layers_means){
      .profile = &profile, .profile_name = "p.json", .hardware_table = &table};
  cr_assert_eq(jc_hardware_find(&table, "core-i5-8500", &means.hardware, &error), JC_OK);
}

static void teardown(void) {
  jc_run_layers_free(&layers);
  jc_hardware_table_free(&table);
  jc_run_set_free(&set);
}

TestSuite(run_layers, .init = setup, .fini = teardown);

static void make(void) {
  struct jc_error error = {0};
  jc_run_layers_free(&layers);
  memset(&layers, 0, sizeof(layers));
  cr_assert_eq(jc_run_layers_make(&set, &means, &layers, &error), JC_OK, "%s", error.text);
}

/* Of a line of linear layers alone: 3 x (2 layers and batch x 101,770 MACs, bias included) a step;
 * 3750 steps of 32 samples, then 1876 of 128 and 4 x 79 forward passes of validation. */
Test(run_layers, joules_by_hand) {
  const double a = 1e-3, b = 1e-10;
  profile.mac_lines[0] = (struct jc_mac_line){
      .kind = JC_LAYER_linear, .layers = 40, .energy_j = {a, b}, .time_s = {1e-5, 1e-12}};
  profile.mac_line_count = 1;
  make();
  const double first = 3750 * 3 * (2 * a + 32 * 101770 * b);
  const double second = (1876 * 3 + 4 * 79) * (2 * a + 128 * 101770 * b);
  const struct jc_layers_forecast *f = jc_run_layers_at(&layers, GETZNER, 0);
  cr_assert_float_eq(f->forecast.energy_j, first, 1e-9 * first, "%g J, %s", f->forecast.energy_j,
                     f->why);
  cr_assert(isnan(f->forecast.half_width)); /* it gives no interval */
  f = jc_run_layers_at(&layers, GETZNER, 1);
  cr_assert_float_eq(f->forecast.energy_j, second, 1e-9 * second, "%g J, %s", f->forecast.energy_j,
                     f->why);
}

/* Half the widths of the interval that `estimate` prints: 42.746 to 62.213 J. */
Test(run_layers, interval_of_the_method) {
  make();
  const struct jc_run_forecast f = jc_run_layers_at(&layers, LAYERWISE, 0)->forecast;
  cr_assert_float_eq(f.half_width, log(62.213 / 42.746) / 2, 1e-4, "%g", f.half_width);
  cr_assert(isnan(jc_run_layers_at(&layers, ROOFLINE, 0)->forecast.half_width));
}

/* The profile's errors of layerwise-linear: 0.27 at 90 %, 0.09 at 50 %. */
Test(run_layers, interval_of_the_profile) {
  read_profile("profile.json");
  make();
  const struct jc_run_forecast f = jc_run_layers_at(&layers, LAYERWISE_LINEAR, 0)->forecast;
  cr_assert_float_eq(f.half_width, 0.27, 1e-12, "%g", f.half_width);
  cr_assert_float_eq(f.half_width_50, 0.09, 1e-12, "%g", f.half_width_50);
}

/* Of a part of six cores a run has as many as threads: fewer watts, and less to be waited with. */
Test(run_layers, data_row_for_the_threads_of_the_run) {
  make();
  const double two = jc_run_layers_at(&layers, ROOFLINE, 0)->forecast.energy_j;
  set.rows[0].sample->run.threads = 1;
  make();
  const double one = jc_run_layers_at(&layers, ROOFLINE, 0)->forecast.energy_j;
  cr_assert(one > 0 && two > 0 && fabs(one / two - 1) > 1e-3, "%g J and %g J", one, two);
}

static void expect_why(uint32_t method, const char *text) {
  make();
  const struct jc_layers_forecast *f = jc_run_layers_at(&layers, method, 0);
  cr_expect(isnan(f->forecast.energy_j), "%s: %g J", text, f->forecast.energy_j);
  cr_expect_str_eq(f->why, text);
  f = jc_run_layers_at(&layers, method, 1);
  cr_expect(f->forecast.energy_j > 0, "%s", f->why);
}

Test(run_layers, runs_that_are_not_the_profile_s) {
  struct jc_sample *s = set.rows[0].sample;
  const struct jc_sample was = *s;
  strcpy(s->machine.isa, "avx2");
  expect_why(LAYERWISE, "the profile is for 'Intel(R) Xeon(R) Processor' (2 CPUs, avx512), this is "
                        "'Intel(R) Xeon(R) Processor' (2 CPUs, avx2); calibrate here, or use "
                        "--force");
  *s = was;
  strcpy(s->facts.accelerator.name, "gtx1080");
  expect_why(LAYERWISE, "the run's machine is 'gtx1080', the forecast would be for 'Intel(R) "
                        "Xeon(R) Processor'; use --force");
  *s = was;
  strcpy(s->runner.name, "pytorch");
  expect_why(LAYERWISE,
             "the run's runner is 'pytorch', the forecast would be for 'onednn'; use --force");
  *s = was;
  strcpy(s->meter.domain, "package+dram");
  expect_why(LAYERWISE, "the run's meter's domain is 'package+dram', the forecast would be for "
                        "'package'; use --force");
  *s = was;
  s->machine.cpu_model[0] = '\0';
  expect_why(LAYERWISE, "the run does not name its machine, the profile is for 'Intel(R) Xeon(R) "
                        "Processor'; use --force");
  *s = was;
  s->run.threads = 4;
  expect_why(LAYERWISE, "the profile is for 2 threads, the run has 4; calibrate with --threads 4, "
                        "or use --force");
  *s = was;
  strcpy(s->hardware, "core-i5-8250u");
  expect_why(ROOFLINE, "the run's machine is 'core-i5-8250u', the forecast would be for "
                       "'core-i5-8500'; use --force");
  means.force = true;
  make();
  cr_expect(jc_run_layers_at(&layers, ROOFLINE, 0)->forecast.energy_j > 0);
  cr_expect(jc_run_layers_at(&layers, LAYERWISE, 0)->forecast.energy_j > 0);
}

/* --force is of no help with these. */
Test(run_layers, runs_that_are_not_whole) {
  struct jc_sample *s = set.rows[0].sample;
  const struct jc_sample was = *s;
  means.force = true;
  s->steps = 100;
  expect_why(LAYERWISE, "the run was stopped: 100 of 3750 steps");
  *s = was;
  s->run.samples = 0;
  expect_why(LAYERWISE, "run.samples, and so the steps, are not known");
  *s = was;
  s->devices = 4;
  expect_why(ROOFLINE, "the run was on 4 devices, and methods on layers know one");
}

Test(run_layers, models_that_are_not_known) {
  struct jc_sample *s = set.rows[0].sample;
  struct jc_error error = {0};
  means.force = true;
  s->facts.data.image_height = 32;
  s->facts.data.image_width = 48;
  expect_why(LAYERWISE, "its model cannot be read: the run's images are of 32x48, the input of "
                        "model 'mlp_784_128_10' is 1x28x28");
  cr_assert_eq(jc_sample_set_model_name(s, "not_shipped", &error), JC_OK);
  make();
  const char *const why = jc_run_layers_at(&layers, LAYERWISE, 0)->why;
  cr_expect_not_null(strstr(why, "its model cannot be read: "), "%s", why);
  cr_expect_not_null(strstr(why, "not_shipped"), "%s", why);
}

Test(run_layers, methods_without_means_say_what_they_need) {
  means = (struct jc_layers_means){.profile = NULL};
  make();
  for (uint32_t i = 0; i < JC_LAYER_METHOD_COUNT; i++) {
    cr_expect_null(layers.from[i]);
    cr_expect_str_eq(strstr(layers.why[i], "--"),
                     i == ROOFLINE ? "--hardware (`joulecast list hardware`)" : "--profile");
  }
}
