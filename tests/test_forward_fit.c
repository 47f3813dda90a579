/* test_forward_fit.c -- from forward passes of single layers to a profile: layers of a machine
 * whose costs are known, so that what must come out is known too. */
#include <math.h>

#include "calibrate/calibrate.h"
#include "calibrate/random.h"
#include "estimator/model_file.h"
#include "estimator/profile_file.h"
#include "estimator/samples_file.h"
#include "tests/file_fixtures.h"

static char scratch[PATH_MAX], path[PATH_MAX];
static struct jc_profile profile;
static struct jc_fit_report report;
static struct jc_error error;
static struct random_stream numbers;

static void setup(void) {
  make_scratch(scratch);
  join_path(path, scratch, "samples.jsonl");
  numbers.state = 7;
}

static void teardown(void) {
  remove_scratch(scratch);
}

TestSuite(forward_fit, .init = setup, .fini = teardown);

/* ---- layers of a known machine ---- */

static const double watts = 75;

/* Joules per call, FLOP and byte. */
struct truth {
  const char *type;
  double energy_j[JC_LINEAR_FEATURES];
};
static const struct truth conv_truth = {"conv2d", {4e-3, 9e-10, 5e-8}};
static const struct truth outside_truth = {"conv2d.outside", {1e-2, 2e-9, 6e-9}};
static const struct truth linear_truth = {"linear", {4e-4, 8e-10, 5e-9}};
static const struct truth relu_truth = {"relu", {0, 7.2e-8, 0}};

static double joules_of(const struct truth *truth, const char *model_text, uint64_t batch_size) {
  struct jc_model *model = NULL;
  struct jc_analysis analysis;
  struct jc_feature_row row;
  double sum = 0;
  cr_assert_eq(jc_model_parse(model_text, strlen(model_text), "", &model, &error), JC_OK, "%s",
               error.text);
  const struct jc_network *network = jc_model_network(model);
  const size_t bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(bytes);
  cr_assert(storage != NULL);
  cr_assert_eq(jc_network_analyze(network, storage, bytes, &analysis, &error), JC_OK);
  jc_features(&analysis, 0, JC_FORWARD, batch_size, &row);
  cr_assert_str_eq(jc_type_name(row.type), truth->type);
  for (int i = 0; i < JC_LINEAR_FEATURES; i++)
    sum += truth->energy_j[i] * row.linear[i];
  free(storage);
  jc_model_free(model);
  return sum;
}

/* A whole number in [low, high], every factor of two alike often. */
static unsigned draw(unsigned low, unsigned high) {
  return (unsigned)(low * pow((high + 0.999) / low, random_unit(&numbers)));
}

typedef void change_sample(struct jc_sample *sample);

/* Appends the layer that MODEL_TEXT holds as that machine would have shown it, times FACTOR. */
static void append_layer(const struct truth *truth, const char *model_text, uint64_t batch_size,
                         double factor, change_sample *change) {
  struct jc_sample sample;
  jc_sample_start(&sample);
  memset(&error, 0, sizeof(error));
  cr_assert_eq(jc_sample_set_model_text(&sample, model_text, strlen(model_text), &error), JC_OK);
  sample.run.batch_size = batch_size;
  sample.run.threads = 2;
  sample.run.phase = JC_RUN_FORWARD;
  sample.machine = (struct jc_machine){.cpu_model = "Test CPU", .cpus = 2, .isa = "avx2"};
  sample.runner = (struct jc_runner_facts){.name = "pytorch", .version = "1.12"};
  sample.meter = (struct jc_meter_facts){.name = "rapl", .domain = "package", .measured = true};
  sample.steps = 5;
  sample.energy_j = truth != NULL ? 5 * factor * joules_of(truth, model_text, batch_size) : 5;
  sample.time_s = sample.energy_j / watts;
  if (change != NULL)
    change(&sample);
  cr_assert_eq(jc_samples_append(path, &sample, &error), JC_OK, "%s", error.text);
  jc_sample_free(&sample);
}

#define MODEL(input_, layer_)                                                                      \
  "{\"schema\": \"joulecast.model/1\", \"name\": \"layer\", \"input\": " input_                    \
  ", \"layers\": [{\"name\": \"layer\", " layer_ "}]}"

static void append_conv(unsigned padding, unsigned kernel_size, double factor) {
  char text[320];
  snprintf(text, sizeof(text),
           MODEL("[%u, %u, %u]", "\"type\": \"conv2d\", \"out_channels\": %u, "
                                 "\"kernel_size\": %u, \"padding\": %u"),
           draw(8, 256), 32, draw(32, 64), draw(4, 256), kernel_size, padding);
  append_layer(padding < kernel_size ? &conv_truth : &outside_truth, text, draw(1, 256), factor,
               NULL);
}

static void append_linear(change_sample *change) {
  char text[320];
  snprintf(text, sizeof(text), MODEL("[%u]", "\"type\": \"linear\", \"out_features\": %u"),
           draw(4, 4096), draw(4, 4096));
  append_layer(&linear_truth, text, draw(1, 512), 1, change);
}

static void append_relu(void) {
  char text[320];
  snprintf(text, sizeof(text), MODEL("[%u]", "\"type\": \"relu\""), draw(1000, 5000000));
  append_layer(&relu_truth, text, draw(1, 512), 1, NULL);
}

static enum jc_status fit(void) {
  const char *file = path;
  memset(&error, 0, sizeof(error));
  return jc_calibrate_fit(&file, 1, &profile, &report, &error);
}

static void expect_fit(void) {
  cr_assert_eq(fit(), JC_OK, "%s:%u: %s: %s", error.file, error.line, error.path, error.text);
}

static const struct jc_coefficient *coefficients_of(const char *type) {
  for (uint32_t i = 0; i < profile.coefficient_count; i++) {
    if (strcmp(jc_type_name(profile.coefficients[i].type), type) == 0)
      return &profile.coefficients[i];
  }
  cr_assert(false, "no coefficients of %s", type);
  return NULL;
}

static void expect_recovered(const struct truth *truth, double relative) {
  const struct jc_coefficient *c = coefficients_of(truth->type);
  cr_assert_eq(c->phase, JC_FORWARD);
  for (int i = 0; i < JC_LINEAR_FEATURES; i++) {
    const double expected = truth->energy_j[i];
    const double slack = expected > 0 ? relative * expected : 1e-15;
    cr_assert_float_eq(c->energy_j[i], expected, slack, "%s, coefficient %d: %g, truly %g",
                       truth->type, i, c->energy_j[i], expected);
    cr_assert_float_eq(c->time_s[i], expected / watts, slack / watts);
    cr_assert(c->energy_low_j[i] <= c->energy_j[i] * (1 + relative) + slack &&
              c->energy_high_j[i] >= c->energy_j[i] * (1 - relative) - slack);
  }
}

static void append_plain(void) {
  for (int i = 0; i < 60; i++) {
    append_conv(1, 3, 1);
    append_conv(2, 1, 1);
    append_linear(NULL);
    append_relu();
  }
}

/* ---- what a profile says ---- */

Test(forward_fit, a_known_machine_is_recovered) {
  append_plain();
  expect_fit();
  cr_assert(report.samples == 240 && report.used == 240);
  expect_recovered(&conv_truth, 1e-3);
  expect_recovered(&outside_truth, 1e-3);
  expect_recovered(&linear_truth, 1e-3);
  expect_recovered(&relu_truth, 1e-3);
  cr_assert_eq(profile.layer_error_count, 3);
  for (uint32_t i = 0; i < 3; i++) {
    const struct jc_layer_error *e = &profile.layer_errors[i];
    cr_assert_eq(e->samples, e->kind == JC_LAYER_conv2d ? 120 : 60);
    cr_assert(e->mape < 1e-3 && e->median < 1e-3 && fabs(e->bias) < 1e-3 && e->worst < 1e-2);
    cr_assert(e->r2 > 0.9999 && e->time_mape < 1e-3);
  }
}

Test(forward_fit, the_profile_says_whose_it_is) {
  append_plain();
  expect_fit();
  cr_assert_eq(profile.phase, JC_RUN_FORWARD);
  cr_assert_str_eq(profile.machine.cpu_model, "Test CPU");
  cr_assert_str_eq(profile.runner, "pytorch");
  cr_assert_str_eq(profile.domain, "package");
  cr_assert(profile.measured);
  cr_assert_eq(profile.threads, 2);
  cr_assert_float_eq(profile.active_power_w, watts, 1e-6);
  cr_assert_eq(profile.sample_networks, 240);
  cr_assert_eq(profile.energy_error.networks, 0, "its error on networks is not known");
}

/* Layers that are computed by a way five times as slow, one in ten. */
Test(forward_fit, slow_ways_do_not_bend_the_others) {
  for (int i = 0; i < 200; i++)
    append_conv(1, 3, i % 10 == 0 ? 5 : 1);
  expect_fit();
  const struct jc_coefficient *c = coefficients_of("conv2d");
  for (int i = 0; i < JC_LINEAR_FEATURES; i++)
    cr_assert_float_eq(c->energy_j[i], conv_truth.energy_j[i], 0.1 * conv_truth.energy_j[i],
                       "coefficient %d: %g, truly %g", i, c->energy_j[i], conv_truth.energy_j[i]);
  cr_assert_float_eq(profile.layer_errors[0].mape, 0.1 * 0.8, 0.02);
}

/* Three of them say too little for coefficients of their own. */
Test(forward_fit, few_layers_of_a_type_share_those_of_the_kind) {
  for (int i = 0; i < 60; i++)
    append_conv(1, 3, 1);
  for (int i = 0; i < 3; i++)
    append_conv(2, 1, 1);
  expect_fit();
  const struct jc_coefficient *common = coefficients_of("conv2d");
  const struct jc_coefficient *few = coefficients_of("conv2d.outside");
  cr_assert_eq(few->networks, common->networks);
  cr_assert_eq(memcmp(few->energy_j, common->energy_j, sizeof(few->energy_j)), 0);
}

/* relu: 9 nJ a byte everywhere; conv and linear: medians; the middle one is linear's. */
Test(forward_fit, unknown_types_cost_the_median_of_the_kinds) {
  append_plain();
  expect_fit();
  const struct jc_coefficient *any = coefficients_of("any");
  cr_assert(any->energy_j[0] == 0 && any->energy_j[1] == 0);
  cr_assert(any->energy_j[2] > 9e-9 && any->energy_j[2] < 1e-6, "%g", any->energy_j[2]);
  cr_assert_eq(any->networks, 3);
  const struct jc_coefficient *dropout = coefficients_of("dropout");
  cr_assert_eq(dropout->networks, 0);
  cr_assert(dropout->energy_j[0] == 0 && dropout->energy_j[1] == 0 && dropout->energy_j[2] == 0);
}

/* Bit for bit, through the file, as every later command will see it. */
Test(forward_fit, the_profile_survives_its_file) {
  static struct jc_profile again;
  char file[PATH_MAX];
  append_plain();
  expect_fit();
  join_path(file, scratch, "profile.json");
  cr_assert_eq(jc_profile_write(file, &profile, &error), JC_OK, "%s", error.text);
  cr_assert_eq(jc_profile_read(file, &again, &error), JC_OK, "%s: %s", error.path, error.text);
  cr_assert_eq(again.phase, JC_RUN_FORWARD);
  cr_assert_eq(again.coefficient_count, profile.coefficient_count);
  cr_assert_eq(memcmp(again.coefficients, profile.coefficients,
                      profile.coefficient_count * sizeof(profile.coefficients[0])),
               0);
  cr_assert_eq(again.layer_error_count, profile.layer_error_count);
  for (uint32_t i = 0; i < again.layer_error_count; i++) {
    cr_assert_eq(again.layer_errors[i].kind, profile.layer_errors[i].kind);
    cr_assert_eq(again.layer_errors[i].mape, profile.layer_errors[i].mape);
    cr_assert_eq(again.layer_errors[i].r2, profile.layer_errors[i].r2);
  }
}

/* ---- what is refused ---- */

static void expect_refused(enum jc_status status, uint32_t line, const char *where,
                           const char *text) {
  cr_assert_eq(fit(), status, "%s", error.text);
  cr_assert_eq(error.line, line, "line %u", error.line);
  cr_assert_str_eq(error.path, where);
  cr_assert_str_eq(error.text, text);
}

static void no_steps(struct jc_sample *s) {
  s->steps = 0;
}
static void no_energy(struct jc_sample *s) {
  s->energy_j = NAN;
}
static void no_machine(struct jc_sample *s) {
  memset(&s->machine, 0, sizeof(s->machine));
}
static void no_cpus(struct jc_sample *s) {
  s->machine.cpus = 0;
}
static void no_meter(struct jc_sample *s) {
  s->meter.name[0] = '\0';
}
static void other_machine(struct jc_sample *s) {
  s->machine.cpus = 4;
}
static void other_domain(struct jc_sample *s) {
  snprintf(s->meter.domain, sizeof(s->meter.domain), "wall");
}
static void training(struct jc_sample *s) {
  s->run.phase = JC_RUN_TRAINING;
}

static const struct {
  change_sample *change;
  enum jc_status status;
  const char *where, *text;
} mistakes[] = {
    {no_steps, JC_ERROR_INVALID, "steps", "a fit needs it, and it is not known or 0"},
    {no_energy, JC_ERROR_INVALID, "energy_j", "a fit needs it, and it is not known or 0"},
    {no_machine, JC_ERROR_INVALID, "machine.cpu_model", "a fit needs it, and it is not known or 0"},
    {no_cpus, JC_ERROR_INVALID, "machine.cpus", "a fit needs it, and it is not known or 0"},
    {no_meter, JC_ERROR_INVALID, "meter", "a fit needs it, and it is not known or 0"},
    {other_machine, JC_ERROR_MISMATCH, "",
     "the sample is of another machine than the first one: fit them apart"},
    {other_domain, JC_ERROR_MISMATCH, "",
     "the sample is of another meter or domain than the first one: fit them apart"},
    {training, JC_ERROR_MISMATCH, "run.phase",
     "expected \"forward\", as in the samples before, got \"training\": fit them apart"},
};

Test(forward_fit, samples_that_do_not_fit_are_refused_at_their_line) {
  for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
    (void)remove(path);
    append_linear(NULL);
    append_linear(NULL);
    append_linear(mistakes[i].change);
    expect_refused(mistakes[i].status, 3, mistakes[i].where, mistakes[i].text);
    cr_assert_str_eq(error.file, path);
  }
}

Test(forward_fit, a_network_is_no_single_layer) {
  append_layer(NULL,
               "{\"schema\": \"joulecast.model/1\", \"name\": \"two\", \"input\": [8], \"layers\": "
               "[{\"name\": \"a\", \"type\": \"relu\"}, {\"name\": \"b\", \"type\": \"tanh\"}]}",
               1, 1, NULL);
  expect_refused(JC_ERROR_INVALID, 1, "model",
                 "expected a model of one layer, whose forward pass was measured, got 2 layers");
}

Test(forward_fit, too_few_layers_of_a_kind) {
  for (int i = 0; i < 29; i++)
    append_linear(NULL);
  expect_refused(JC_ERROR_MISSING, 0, "",
                 "expected at least 30 single layers like linear, got 29: measure more, or leave "
                 "the kind out");
}

/* The same layer measured again, or a file named twice, counts once. */
Test(forward_fit, a_file_named_twice_counts_once) {
  static struct jc_profile once;
  for (int i = 0; i < 40; i++)
    append_linear(NULL);
  char *text = read_text(path), *named = calloc(1, 2 * strlen(text) + 40 * 32), *line = text;
  cr_assert(named != NULL);
  for (int i = 0; i < 40; i++) { /* {"schema": -> {"id": "N", "schema": */
    char *end = strchr(line, '\n');
    sprintf(named + strlen(named), "{\"id\": \"%d\", \"seed\": 1, %.*s\n", i, (int)(end - line - 1),
            line + 1);
    line = end + 1;
  }
  write_text(path, named);
  free(text);
  free(named);
  expect_fit();
  once = profile;
  const char *const twice[] = {path, path};
  cr_assert_eq(jc_calibrate_fit(twice, 2, &profile, &report, &error), JC_OK, "%s", error.text);
  cr_assert(report.samples == 80 && report.used == 40);
  cr_assert_eq(memcmp(once.coefficients, profile.coefficients, sizeof(once.coefficients)), 0);
}

/* ---- forecasts ---- */

Test(forward_fit, forecasts_a_forward_pass_and_no_training) {
  struct jc_model *model = NULL;
  struct jc_analysis analysis;
  struct jc_estimate estimate = {0};
  append_plain();
  expect_fit();
  const char *text =
      "{\"schema\": \"joulecast.model/1\", \"name\": \"net\", \"input\": [256], \"layers\": ["
      "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 128}, "
      "{\"name\": \"drop\", \"type\": \"dropout\"}, {\"name\": \"act\", \"type\": \"relu\"}]}";
  cr_assert_eq(jc_model_parse(text, strlen(text), "", &model, &error), JC_OK, "%s", error.text);
  const struct jc_network *network = jc_model_network(model);
  const size_t bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(bytes);
  cr_assert(storage != NULL);
  cr_assert_eq(jc_network_analyze(network, storage, bytes, &analysis, &error), JC_OK);
  struct jc_problem problem = {.analysis = &analysis,
                               .run = {.batch_size = 64, .epochs = 1, .threads = 2},
                               .profile = &profile,
                               .duration_s = NAN,
                               .interval = 0.9};
  const struct jc_method *method = jc_method_find("layerwise-linear");
  cr_assert_eq(jc_estimate_run(method, &problem, &estimate, &error), JC_ERROR_MISMATCH);
  cr_assert_str_eq(error.text, "the profile is of forward passes only; give --phase forward");

  memset(&error, 0, sizeof(error));
  problem.run.phase = JC_RUN_FORWARD;
  cr_assert_eq(jc_estimate_run(method, &problem, &estimate, &error), JC_OK, "%s", error.text);
  const double flops = 64 * (2.0 * 256 * 128 + 128);
  const double moved = 4 * (64.0 * (256 + 128) + 257 * 128);
  const double expected = 4e-4 + 8e-10 * flops + 5e-9 * moved + 7.2e-8 * 64 * 128;
  cr_assert_float_eq(estimate.energy_per_step_j, expected, 1e-3 * expected, "%g, truly %g",
                     estimate.energy_per_step_j, expected);
  cr_assert(isnan(estimate.energy_above_idle_j) && isnan(estimate.energy_low_j));
  free(storage);
  jc_model_free(model);
}
