/* test_trainer_step.c -- what a step does, reports and leaves alone. */
#include "tests/trainer_fixture.h"

#define CONV_NET                                                                                   \
  "{\"name\": \"conv\", \"type\": \"conv2d\", \"out_channels\": 17, \"kernel_size\": 3},"          \
  "{\"name\": \"norm\", \"type\": \"batchnorm2d\", \"momentum\": 0.25},"                           \
  "{\"name\": \"relu\", \"type\": \"relu\"},"                                                      \
  "{\"name\": \"pool\", \"type\": \"maxpool2d\", \"kernel_size\": 2},"                             \
  "{\"name\": \"flatten\", \"type\": \"flatten\"},"                                                \
  "{\"name\": \"drop\", \"type\": \"dropout\", \"p\": 0.25},"                                      \
  "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 5}"

static struct jc_trainer_options batch_of(uint32_t batch_size) {
  struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
  options.batch_size = batch_size;
  return options;
}

static void open_conv_net(struct fixture *f, const struct jc_trainer_options *options) {
  fixture_parse(f, "[3, 8, 8]", CONV_NET);
  fixture_train(f, options);
}

static float *parameter(struct fixture *f, const char *layer, enum jc_parameter_role role,
                        bool gradient, size_t *count) {
  const uint32_t index = fixture_layer(f, layer);
  *count = jc_trainer_parameter_count(f->trainer, index, role);
  float *values = malloc(*count * sizeof(float));
  cr_assert(values != NULL && *count > 0);
  const enum jc_status status =
      gradient ? jc_trainer_parameter_gradient(f->trainer, index, role, values, &f->error)
               : jc_trainer_parameter_get(f->trainer, index, role, values, &f->error);
  cr_assert(status == JC_OK, "%s", fixture_error(f));
  return values;
}

Test(trainer_step, times_cover_the_step) {
  REQUIRE_TRAINER();
  struct fixture f;
  const struct jc_trainer_options options = batch_of(32);
  open_conv_net(&f, &options);
  const struct jc_layer_times *times = jc_trainer_times(f.trainer);
  const uint32_t relu = fixture_layer(&f, "relu"), conv = fixture_layer(&f, "conv");
  for (int k = 0; k < 3; k++) {
    const struct jc_step step = fixture_step(&f);
    double sum_s = step.loss_time_s;
    for (uint32_t i = 0; i < f.network->layer_count; i++)
      sum_s += times[i].forward_s + times[i].backward_s + times[i].update_s;
    cr_assert(sum_s <= step.time_s * (1 + 1e-9), "%g of %g s", sum_s, step.time_s);
    cr_assert(sum_s >= 0.95 * step.time_s, "%g of %g s", sum_s, step.time_s);
    cr_assert(times[conv].forward_s > 0 && times[conv].backward_s > 0 && times[conv].update_s > 0);
    cr_assert(times[relu].update_s == 0);
  }
  struct jc_step validation;
  cr_assert(jc_trainer_validate(f.trainer, &validation, &f.error) == JC_OK);
  cr_assert(times[conv].forward_s > 0 && times[conv].backward_s == 0 && times[conv].update_s == 0);
  fixture_close(&f);
}

Test(trainer_step, facts_name_what_onednn_chose) {
  REQUIRE_TRAINER();
  struct fixture f;
  const struct jc_trainer_options options = batch_of(4);
  open_conv_net(&f, &options);
  const struct jc_layer_facts conv = jc_trainer_facts(f.trainer, fixture_layer(&f, "conv"));
  const struct jc_layer_facts relu = jc_trainer_facts(f.trainer, fixture_layer(&f, "relu"));
  const struct jc_layer_facts flatten = jc_trainer_facts(f.trainer, fixture_layer(&f, "flatten"));
  const struct jc_layer_facts fc = jc_trainer_facts(f.trainer, fixture_layer(&f, "fc"));
  cr_assert(conv.forward[0] != '\0' && conv.backward_weights[0] != '\0');
  cr_assert_str_eq(conv.backward, ""); /* the images need no gradient */
  cr_assert(strlen(conv.layout) >= 4);
  cr_assert(relu.fused && relu.forward[0] == '\0' && relu.backward[0] == '\0');
  cr_assert_str_eq(flatten.layout, "nc");
  cr_assert(fc.forward[0] != '\0' && fc.backward[0] != '\0' && fc.backward_weights[0] != '\0');
  cr_assert_str_eq(jc_trainer_library(), "oneDNN");
  cr_assert(jc_trainer_library_version()[0] == '2');
  const struct jc_trainer_size size = jc_trainer_size(f.trainer);
  cr_assert(size.build_s > 0 && size.kept_bytes > 0 && size.bytes >= size.kept_bytes);
  fixture_close(&f);
}

Test(trainer_step, unfused_relu_gives_the_same) {
  REQUIRE_TRAINER();
  struct fixture f, g;
  struct jc_trainer_options options = batch_of(4);
  open_conv_net(&f, &options);
  options.fuse_relu = false;
  open_conv_net(&g, &options);
  cr_assert(!jc_trainer_facts(g.trainer, fixture_layer(&g, "relu")).fused);
  for (int k = 0; k < 5; k++) {
    const double a = fixture_step(&f).loss, b = fixture_step(&g).loss;
    cr_assert_float_eq(a, b, 1e-5 * a, "%.9g, %.9g", a, b);
  }
  fixture_close(&f);
  fixture_close(&g);
}

/* torch.optim.SGD, in double. */
static void check_update(struct fixture *f, const char *layer, enum jc_parameter_role role,
                         const struct jc_trainer_options *options) {
  size_t count;
  float *before = parameter(f, layer, role, false, &count);
  double *velocity = calloc(count, sizeof(double)), *expected = calloc(count, sizeof(double));
  cr_assert(velocity != NULL && expected != NULL);
  for (size_t i = 0; i < count; i++)
    expected[i] = (double)before[i];
  for (int k = 0; k < 4; k++) {
    (void)fixture_step(f);
    float *gradient = parameter(f, layer, role, true, &count);
    float *after = parameter(f, layer, role, false, &count);
    for (size_t i = 0; i < count; i++) {
      const double g = (double)gradient[i] + options->weight_decay * expected[i];
      velocity[i] = k == 0 ? g : options->momentum * velocity[i] + g;
      expected[i] -= options->learning_rate * velocity[i];
      cr_assert_float_eq((double)after[i], expected[i], 1e-6 + 1e-5 * fabs(expected[i]),
                         "%s[%zu], step %d: expected %g, got %g", layer, i, k, expected[i],
                         (double)after[i]);
    }
    free(gradient);
    free(after);
  }
  free(before);
  free(velocity);
  free(expected);
}

Test(trainer_step, update_is_that_of_torch_optim_sgd) {
  REQUIRE_TRAINER();
  static const struct {
    const char *layer;
    enum jc_parameter_role role;
    double momentum;
    uint32_t threads;
  } cases[] = {
      {"conv", JC_PARAMETER_WEIGHT, 0, 1},   {"conv", JC_PARAMETER_WEIGHT, 0.9, 1},
      {"fc", JC_PARAMETER_WEIGHT, 0.9, 2},   {"fc", JC_PARAMETER_BIAS, 0.9, 1},
      {"norm", JC_PARAMETER_WEIGHT, 0.9, 1}, {"norm", JC_PARAMETER_BIAS, 0, 2},
  };
  for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
    struct fixture f;
    struct jc_trainer_options options = batch_of(4);
    options.momentum = cases[k].momentum;
    options.threads = cases[k].threads;
    options.weight_decay = 0.01;
    open_conv_net(&f, &options);
    check_update(&f, cases[k].layer, cases[k].role, &options);
    fixture_close(&f);
  }
}

Test(trainer_step, parameters_come_back_as_they_were_set) {
  REQUIRE_TRAINER();
  static const char *const layers[] = {"conv", "norm", "fc"};
  struct fixture f;
  const struct jc_trainer_options options = batch_of(2);
  open_conv_net(&f, &options);
  cr_assert(jc_trainer_parameter_count(f.trainer, 0, JC_PARAMETER_WEIGHT) == 17 * 3 * 3 * 3);
  cr_assert(jc_trainer_parameter_count(f.trainer, 2, JC_PARAMETER_WEIGHT) == 0);
  for (int k = 0; k < 3; k++) {
    size_t count;
    const uint32_t layer = fixture_layer(&f, layers[k]);
    float *values = parameter(&f, layers[k], JC_PARAMETER_WEIGHT, false, &count);
    for (size_t i = 0; i < count; i++)
      values[i] = (float)i;
    cr_assert(jc_trainer_parameter_set(f.trainer, layer, JC_PARAMETER_WEIGHT, values, &f.error) ==
              JC_OK);
    free(values);
    values = parameter(&f, layers[k], JC_PARAMETER_WEIGHT, false, &count);
    for (size_t i = 0; i < count; i++)
      cr_assert(values[i] == (float)i);
    free(values);
  }
  fixture_close(&f);
}

Test(trainer_step, frozen_layers_stay) {
  REQUIRE_TRAINER();
  struct fixture f;
  const struct jc_trainer_options options = batch_of(4);
  fixture_parse(&f, "[3, 8, 8]",
                "{\"name\": \"a\", \"type\": \"conv2d\", \"out_channels\": 8, \"kernel_size\": 3,"
                " \"trainable\": false},"
                "{\"name\": \"n\", \"type\": \"batchnorm2d\", \"trainable\": false},"
                "{\"name\": \"b\", \"type\": \"conv2d\", \"out_channels\": 8, \"kernel_size\": 3},"
                "{\"name\": \"m\", \"type\": \"batchnorm2d\", \"trainable\": false},"
                "{\"name\": \"flatten\", \"type\": \"flatten\"},"
                "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 3}");
  fixture_train(&f, &options);
  size_t count, same = 0;
  float gradient[8 * 3 * 3 * 3];
  float *a = parameter(&f, "a", JC_PARAMETER_WEIGHT, false, &count);
  float *b = parameter(&f, "b", JC_PARAMETER_WEIGHT, false, &count);
  const double first = fixture_step(&f).loss;
  double last = first;
  for (int k = 0; k < 10; k++)
    last = fixture_step(&f).loss;
  cr_assert(last < first);
  float *b_after = parameter(&f, "b", JC_PARAMETER_WEIGHT, false, &count);
  for (size_t i = 0; i < count; i++)
    same += b[i] == b_after[i];
  cr_assert(same < count / 10);
  float *a_after = parameter(&f, "a", JC_PARAMETER_WEIGHT, false, &count);
  cr_assert(memcmp(a, a_after, count * sizeof(float)) == 0);
  const struct jc_layer_facts facts = jc_trainer_facts(f.trainer, 0);
  cr_assert(facts.backward[0] == '\0' && facts.backward_weights[0] == '\0');
  cr_assert(jc_trainer_times(f.trainer)[0].backward_s == 0 &&
            jc_trainer_times(f.trainer)[0].update_s == 0);
  cr_assert(jc_trainer_parameter_gradient(f.trainer, 0, JC_PARAMETER_WEIGHT, gradient, &f.error) ==
            JC_ERROR_USAGE);
  free(a);
  free(b);
  free(a_after);
  free(b_after);
  fixture_close(&f);
}

/* Mean and unbiased variance of channel C over the images. */
static void statistics_of(const float *images, uint32_t batch, uint32_t channels, uint32_t channel,
                          uint32_t pixels, double *mean, double *variance) {
  double sum = 0, squares = 0;
  for (uint32_t n = 0; n < batch; n++)
    for (uint32_t i = 0; i < pixels; i++)
      sum += (double)images[(n * channels + channel) * pixels + i];
  *mean = sum / (batch * pixels);
  for (uint32_t n = 0; n < batch; n++)
    for (uint32_t i = 0; i < pixels; i++)
      squares += pow((double)images[(n * channels + channel) * pixels + i] - *mean, 2);
  *variance = squares / (batch * pixels - 1);
}

Test(trainer_step, running_statistics_serve_validation) {
  REQUIRE_TRAINER();
  enum { BATCH = 3, CHANNELS = 5, PIXELS = 16 };
  struct fixture f;
  struct jc_trainer_options options = batch_of(BATCH);
  options.learning_rate = 0;
  fixture_parse(&f, "[5, 4, 4]",
                "{\"name\": \"norm\", \"type\": \"batchnorm2d\", \"momentum\": 0.25},"
                "{\"name\": \"flatten\", \"type\": \"flatten\"}");
  fixture_train(&f, &options);
  const float *images = jc_trainer_images(f.trainer);
  const float *running_mean = jc_trainer_running_mean(f.trainer, 0);
  const float *running_variance = jc_trainer_running_variance(f.trainer, 0);
  cr_assert(jc_trainer_running_mean(f.trainer, 1) == NULL);
  double mean[CHANNELS], variance[CHANNELS];
  for (uint32_t c = 0; c < CHANNELS; c++)
    cr_assert(running_mean[c] == 0 && running_variance[c] == 1);
  (void)fixture_step(&f);
  (void)fixture_step(&f);
  for (uint32_t c = 0; c < CHANNELS; c++) {
    statistics_of(images, BATCH, CHANNELS, c, PIXELS, &mean[c], &variance[c]);
    mean[c] *= 1 - 0.75 * 0.75;
    variance[c] = variance[c] * (1 - 0.75 * 0.75) + 0.75 * 0.75;
    cr_assert_float_eq((double)running_mean[c], mean[c], 1e-6);
    cr_assert_float_eq((double)running_variance[c], variance[c], 1e-5);
  }
  struct jc_step step;
  cr_assert(jc_trainer_validate(f.trainer, &step, &f.error) == JC_OK, "%s", fixture_error(&f));
  const float *out = jc_trainer_output(f.trainer);
  for (uint32_t i = 0; i < BATCH * CHANNELS * PIXELS; i++) {
    const uint32_t c = i / PIXELS % CHANNELS;
    const double expected = ((double)images[i] - mean[c]) / sqrt(variance[c] + 1e-5);
    cr_assert_float_eq((double)out[i], expected, 1e-5, "element %u", i);
  }
  cr_assert_float_eq((double)running_mean[0], mean[0], 1e-6, "validation changed the statistics");
  fixture_close(&f);
}

Test(trainer_step, dropout_drops_its_share_and_scales_the_rest) {
  REQUIRE_TRAINER();
  enum { FEATURES = 4000, BATCH = 2 };
  struct fixture f;
  const struct jc_trainer_options options = batch_of(BATCH);
  fixture_parse(&f, "[4000]", "{\"name\": \"drop\", \"type\": \"dropout\", \"p\": 0.2}");
  fixture_train(&f, &options);
  const float *images = jc_trainer_images(f.trainer), *out = jc_trainer_output(f.trainer);
  struct jc_step step;
  (void)fixture_step(&f);
  uint32_t dropped = 0;
  static float first[BATCH * FEATURES];
  memcpy(first, out, sizeof(first));
  for (uint32_t i = 0; i < BATCH * FEATURES; i++) {
    dropped += out[i] == 0;
    cr_assert(out[i] == 0 || fabsf(out[i] - images[i] * 1.25f) < 1e-5f);
  }
  cr_assert(dropped > 1450 && dropped < 1750, "%u of 8000", dropped);
  (void)fixture_step(&f);
  cr_assert(memcmp(first, out, sizeof(first)) != 0, "the same mask again");
  jc_trainer_set_step(f.trainer, 0);
  (void)fixture_step(&f);
  cr_assert(memcmp(first, out, sizeof(first)) == 0, "another mask for step 0");
  cr_assert(jc_trainer_validate(f.trainer, &step, &f.error) == JC_OK);
  cr_assert(memcmp(images, out, sizeof(first)) == 0);
  fixture_close(&f);
}

Test(trainer_step, dropout_of_p_1_and_0) {
  REQUIRE_TRAINER();
  struct fixture f;
  struct jc_trainer_options options = batch_of(2);
  for (int p = 0; p <= 1; p++) {
    options.dropout_p = p;
    fixture_parse(&f, "[50]", "{\"name\": \"drop\", \"type\": \"dropout\", \"p\": 0.2}");
    fixture_train(&f, &options);
    (void)fixture_step(&f);
    for (uint32_t i = 0; i < 100; i++)
      cr_assert(jc_trainer_output(f.trainer)[i] == (p == 1 ? 0 : jc_trainer_images(f.trainer)[i]));
    fixture_close(&f);
  }
}

Test(trainer_step, a_seed_gives_one_run) {
  REQUIRE_TRAINER();
  double losses[3][4];
  for (uint64_t run = 0; run < 3; run++) {
    struct fixture f;
    struct jc_trainer_options options = batch_of(8);
    options.seed = run == 2 ? 5 : 4;
    open_conv_net(&f, &options);
    for (uint64_t k = 0; k < 4; k++) {
      jc_synthetic_batch(&f.data, k, jc_trainer_images(f.trainer), jc_trainer_labels(f.trainer));
      losses[run][k] = fixture_step(&f).loss;
    }
    fixture_close(&f);
  }
  cr_assert(memcmp(losses[0], losses[1], sizeof(losses[0])) == 0);
  cr_assert(memcmp(losses[0], losses[2], sizeof(losses[0])) != 0);
}

/* Tensors large enough for every own loop to be split over the threads. */
Test(trainer_step, threads_do_not_change_the_result) {
  REQUIRE_TRAINER();
  double losses[3][3];
  for (uint32_t run = 0; run < 3; run++) {
    struct fixture f;
    struct jc_trainer_options options = batch_of(6);
    options.threads = run + 1;
    fixture_parse(
        &f, "[17, 33, 33]",
        "{\"name\": \"drop\", \"type\": \"dropout\", \"p\": 0.1},"
        "{\"name\": \"conv\", \"type\": \"conv2d\", \"out_channels\": 17, \"kernel_size\": 1},"
        "{\"name\": \"soft\", \"type\": \"softmax\"},"
        "{\"name\": \"add\", \"type\": \"add\", \"inputs\": [\"soft\", \"conv\", \"drop\"]},"
        "{\"name\": \"hard\", \"type\": \"hardsigmoid\"},"
        "{\"name\": \"gate\", \"type\": \"mean\", \"dim\": [2, 3], \"keepdim\": true},"
        "{\"name\": \"mul\", \"type\": \"mul\", \"inputs\": [\"gate\", \"hard\"]},"
        "{\"name\": \"depth\", \"type\": \"stochastic_depth\", \"p\": 0.2},"
        "{\"name\": \"pad\", \"type\": \"pad\", \"padding\": [1, 0, -1, 2]},"
        "{\"name\": \"mean\", \"type\": \"adaptive_avgpool2d\", \"output_size\": 13},"
        "{\"name\": \"flatten\", \"type\": \"flatten\"},"
        "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 20}");
    fixture_train(&f, &options);
    for (uint64_t k = 0; k < 3; k++)
      losses[run][k] = fixture_step(&f).loss;
    fixture_close(&f);
  }
  for (int k = 0; k < 3; k++)
    for (int run = 1; run < 3; run++)
      cr_assert_float_eq(losses[run][k], losses[0][k], 2e-5 * losses[0][k],
                         "step %d on %d threads: %.9g, on one %.9g", k, run + 1, losses[run][k],
                         losses[0][k]);
}

Test(trainer_step, learning_rate_can_change) {
  REQUIRE_TRAINER();
  struct fixture f;
  const struct jc_trainer_options options = batch_of(4);
  open_conv_net(&f, &options);
  (void)fixture_step(&f);
  jc_trainer_set_learning_rate(f.trainer, 0);
  size_t count;
  float *before = parameter(&f, "conv", JC_PARAMETER_WEIGHT, false, &count);
  (void)fixture_step(&f);
  float *after = parameter(&f, "conv", JC_PARAMETER_WEIGHT, false, &count);
  cr_assert(memcmp(before, after, count * sizeof(float)) == 0);
  free(before);
  free(after);
  fixture_close(&f);
}

Test(trainer_step, large_logits_do_not_overflow) {
  REQUIRE_TRAINER();
  struct fixture f;
  struct jc_trainer_options options = batch_of(2);
  fixture_parse(&f, "[3]", "{\"name\": \"relu\", \"type\": \"relu\"}");
  fixture_train(&f, &options);
  const float logits[] = {1000, 0, 999, 3, 3, 3};
  memcpy(jc_trainer_images(f.trainer), logits, sizeof(logits));
  jc_trainer_labels(f.trainer)[0] = 0;
  jc_trainer_labels(f.trainer)[1] = 1;
  const struct jc_step step = fixture_step(&f);
  cr_assert_float_eq(step.loss, (log(1 + exp(-1)) + log(3)) / 2, 1e-9);
  cr_assert(step.correct == 1); /* the first counts among equals */
  fixture_close(&f);
}

/* Whole samples, or the whole batch. */
Test(trainer_step, stochastic_depth_drops_samples) {
  REQUIRE_TRAINER();
  enum { FEATURES = 10, BATCH = 1000 };
  static const char *const modes[] = {"row", "batch"};
  for (int mode = 0; mode < 2; mode++) {
    struct fixture f;
    char layer[128];
    const struct jc_trainer_options options = batch_of(BATCH);
    (void)snprintf(layer, sizeof(layer),
                   "{\"name\": \"d\", \"type\": \"stochastic_depth\", \"p\": 0.2,"
                   " \"mode\": \"%s\"}",
                   modes[mode]);
    fixture_parse(&f, "[10]", layer);
    fixture_train(&f, &options);
    uint32_t dropped = 0, steps = mode == 0 ? 1 : 100;
    for (uint32_t k = 0; k < steps; k++) {
      (void)fixture_step(&f);
      const float *images = jc_trainer_images(f.trainer), *out = jc_trainer_output(f.trainer);
      for (uint32_t i = 0; i < BATCH * FEATURES; i++) {
        const uint32_t first = mode == 0 ? i / FEATURES * FEATURES : 0;
        cr_assert((out[i] == 0) == (out[first] == 0));
        cr_assert(out[i] == 0 || fabsf(out[i] - images[i] * 1.25F) < 1e-5F);
        dropped += out[i] == 0 && i == first;
      }
    }
    if (mode == 0)
      cr_assert(dropped > 150 && dropped < 250, "%u of 1000 samples", dropped);
    else
      cr_assert(dropped > 5 && dropped < 40, "%u of 100 batches", dropped);
    struct jc_step step;
    cr_assert(jc_trainer_validate(f.trainer, &step, &f.error) == JC_OK);
    cr_assert(memcmp(jc_trainer_images(f.trainer), jc_trainer_output(f.trainer),
                     BATCH * FEATURES * sizeof(float)) == 0);
    fixture_close(&f);
  }
}

/* The loss of the heads after the first is added with their weight, in training alone. */
Test(trainer_step, auxiliary_heads_weigh_what_they_are_told) {
  REQUIRE_TRAINER();
  static const double weights[] = {0, 1, 0.3};
  double training[3], validation[3];
  for (int k = 0; k < 3; k++) {
    struct fixture f;
    struct jc_step step;
    struct jc_trainer_options options = batch_of(8);
    options.learning_rate = 0;
    options.auxiliary_weight = weights[k];
    fixture_parse(&f, "[4], \"outputs\": [\"fc\", \"aux\"]",
                  "{\"name\": \"a\", \"type\": \"linear\", \"out_features\": 6},"
                  "{\"name\": \"aux\", \"type\": \"linear\", \"out_features\": 3,"
                  " \"when\": \"training\"},"
                  "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 3,"
                  " \"inputs\": [\"a\"]}");
    fixture_train(&f, &options);
    training[k] = fixture_step(&f).loss;
    cr_assert(jc_trainer_validate(f.trainer, &step, &f.error) == JC_OK);
    validation[k] = step.loss;
    cr_assert(jc_trainer_times(f.trainer)[fixture_layer(&f, "aux")].forward_s == 0);
    fixture_close(&f);
  }
  cr_assert(training[1] > training[0] + 0.1);
  cr_assert_float_eq(training[2], training[0] + 0.3 * (training[1] - training[0]), 1e-12);
  for (int k = 0; k < 3; k++)
    cr_assert_float_eq(validation[k], training[0], 1e-9);
}

/* ---- refusals ---- */

static void check_refusal(const char *input, const char *layers,
                          const struct jc_trainer_options *options, enum jc_status status,
                          const char *text) {
  struct fixture f;
  fixture_parse(&f, input, layers);
  cr_assert(jc_trainer_create(&f.analysis, options, &f.trainer, &f.error) == status, "%s: %s", text,
            fixture_error(&f));
  cr_assert(f.trainer == NULL);
  cr_assert(strstr(fixture_error(&f), text) != NULL, "expected '%s' in '%s'", text,
            fixture_error(&f));
  fixture_close(&f);
}

Test(trainer_step, what_cannot_be_trained_is_named) {
  REQUIRE_TRAINER();
  const struct jc_trainer_options options = batch_of(2);
  check_refusal("[3, 8, 8]", "{\"name\": \"r\", \"type\": \"relu\"}", &options,
                JC_ERROR_UNAVAILABLE, "outputs of shape [classes]");
  check_refusal("{\"a\": {\"shape\": [4]}, \"b\": {\"shape\": [4]}}",
                "{\"name\": \"s\", \"type\": \"add\", \"inputs\": [\"a\", \"b\"]}", &options,
                JC_ERROR_UNAVAILABLE, "one input");
  check_refusal("[4]",
                "{\"name\": \"dead\", \"type\": \"linear\", \"out_features\": 3},"
                "{\"name\": \"r\", \"type\": \"relu\", \"inputs\": [\"input\"]}",
                &options, JC_ERROR_UNAVAILABLE, "'dead'");
  check_refusal("[4]",
                "{\"name\": \"a\", \"type\": \"linear\", \"out_features\": 4},"
                "{\"name\": \"b\", \"type\": \"linear\", \"out_features\": 4,"
                " \"weight_from\": \"a\"}",
                &options, JC_ERROR_UNAVAILABLE, "'b'");
  check_refusal("[4, 1, 1]",
                "{\"name\": \"n\", \"type\": \"batchnorm2d\"},"
                "{\"name\": \"f\", \"type\": \"flatten\"}",
                &(struct jc_trainer_options){.batch_size = 1, .threads = 1}, JC_ERROR_INVALID,
                "more than one value");
  check_refusal("[1, 1, 1]",
                "{\"name\": \"p\", \"type\": \"maxpool2d\", \"kernel_size\": 2, \"padding\": 1,"
                " \"dilation\": 2},"
                "{\"name\": \"f\", \"type\": \"flatten\"}",
                &options, JC_ERROR_UNAVAILABLE, "padding");
}

Test(trainer_step, impossible_options_are_refused) {
  REQUIRE_TRAINER();
  static const char net[] = "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 4}";
  struct jc_trainer_options options = batch_of(0);
  check_refusal("[4]", net, &options, JC_ERROR_INVALID, "batch_size");
  options = batch_of(1);
  options.threads = 0;
  check_refusal("[4]", net, &options, JC_ERROR_INVALID, "threads");
  options = batch_of(1);
  options.learning_rate = -1;
  check_refusal("[4]", net, &options, JC_ERROR_INVALID, "learning rate");
  options = batch_of(1);
  options.beta2 = 1;
  check_refusal("[4]", net, &options, JC_ERROR_INVALID, "betas");
  options = batch_of(1);
  options.auxiliary_weight = -0.1;
  check_refusal("[4]", net, &options, JC_ERROR_INVALID, "auxiliary_weight");
  options = batch_of(1);
  options.dropout_p = NAN;
  check_refusal("[4]", net, &options, JC_ERROR_INVALID, "dropout_p");
  options = batch_of(2000000000);
  check_refusal("[300000]", net, &options, JC_ERROR_STORAGE, "smaller batch");
}

Test(trainer_step, labels_out_of_range_are_refused) {
  REQUIRE_TRAINER();
  struct fixture f;
  struct jc_step step;
  const struct jc_trainer_options options = batch_of(4);
  open_conv_net(&f, &options);
  jc_trainer_labels(f.trainer)[2] = 5;
  cr_assert(jc_trainer_step(f.trainer, &step, &f.error) == JC_ERROR_INVALID);
  cr_assert_str_eq(f.error.text, "label of sample 2: expected 0 to 4, got 5");
  f.error = (struct jc_error){0};
  jc_trainer_labels(f.trainer)[2] = -1;
  cr_assert(jc_trainer_validate(f.trainer, &step, &f.error) == JC_ERROR_INVALID);
  f.error = (struct jc_error){0};
  jc_trainer_labels(f.trainer)[2] = 0;
  (void)fixture_step(&f);
  fixture_close(&f);
}

/* torch.nn.Conv2d(padding="same") puts the odd one behind: a 4x2 window is one of 1 + 2 rows and
 * 0 + 1 columns. The same parameters, since they are drawn by the layer's name. */
Test(trainer_step, same_padding_is_that_of_pytorch) {
  REQUIRE_TRAINER();
  static const char *const layers[] = {
      "{\"name\": \"c\", \"type\": \"conv2d\", \"out_channels\": 5, \"kernel_size\": [4, 2],"
      " \"padding\": \"same\"},{\"name\": \"f\", \"type\": \"flatten\"}",
      "{\"name\": \"p\", \"type\": \"pad\", \"padding\": [0, 1, 1, 2]},"
      "{\"name\": \"c\", \"type\": \"conv2d\", \"out_channels\": 5, \"kernel_size\": [4, 2]},"
      "{\"name\": \"f\", \"type\": \"flatten\"}"};
  enum { OUTPUTS = 2 * 5 * 6 * 7 };
  static float out[2][OUTPUTS];
  const struct jc_trainer_options options = batch_of(2);
  for (int i = 0; i < 2; i++) {
    struct fixture f;
    fixture_parse(&f, "[3, 6, 7]", layers[i]);
    fixture_train(&f, &options);
    (void)fixture_step(&f);
    memcpy(out[i], jc_trainer_output(f.trainer), sizeof(out[i]));
    fixture_close(&f);
  }
  for (int i = 0; i < OUTPUTS; i++)
    cr_assert_float_eq((double)out[0][i], (double)out[1][i], 1e-5, "output %d", i);
}

/* Settings of kinds that can be trained, of which the analysis knows more than the trainer. */
Test(trainer_step, settings_that_cannot_be_trained_are_named) {
  REQUIRE_TRAINER();
  const struct jc_trainer_options options = batch_of(2);
#define FLAT ",{\"name\": \"f\", \"type\": \"flatten\"}"
  check_refusal("[3, 4, 4]",
                "{\"name\": \"mean\", \"type\": \"adaptive_avgpool2d\", \"output_size\": 1},"
                "{\"name\": \"sum\", \"type\": \"add\", \"inputs\": [\"input\", \"mean\"]}" FLAT,
                &options, JC_ERROR_UNAVAILABLE, "'sum': an add that broadcasts");
  check_refusal("[3, 4, 4]",
                "{\"name\": \"p\", \"type\": \"pad\", \"padding\": [1, 1],"
                " \"mode\": \"reflect\"}" FLAT,
                &options, JC_ERROR_UNAVAILABLE, "'p': a pad that repeats elements");
  check_refusal("[3, 4, 4]",
                "{\"name\": \"n\", \"type\": \"batchnorm2d\","
                " \"track_running_stats\": false}" FLAT,
                &options, JC_ERROR_UNAVAILABLE, "'n': a batchnorm2d without running statistics");
  check_refusal("[3, 4, 4]", "{\"name\": \"m\", \"type\": \"mean\", \"dim\": [1]}" FLAT, &options,
                JC_ERROR_UNAVAILABLE, "'m': only a mean over the height and width of an image");
  check_refusal("[3, 4, 4]",
                "{\"name\": \"p\", \"type\": \"adaptive_avgpool2d\", \"output_size\": [1, 4]},"
                "{\"name\": \"m\", \"type\": \"mul\", \"inputs\": [\"input\", \"p\"]}" FLAT,
                &options, JC_ERROR_UNAVAILABLE, "'m': only the product of two tensors");
  check_refusal("[3, 4, 4]",
                "{\"name\": \"s\", \"type\": \"silu\"},"
                "{\"name\": \"m\", \"type\": \"mul\","
                " \"inputs\": [\"input\", \"s\", \"s\"]}" FLAT,
                &options, JC_ERROR_UNAVAILABLE, "'m': only the product of two tensors");
  check_refusal("[4], \"outputs\": [\"a\", \"b\"]",
                "{\"name\": \"a\", \"type\": \"linear\", \"out_features\": 6},"
                "{\"name\": \"b\", \"type\": \"linear\", \"out_features\": 3,"
                " \"inputs\": [\"input\"]}",
                &options, JC_ERROR_UNAVAILABLE, "outputs of shape [classes]");
  check_refusal("[4], \"outputs\": [\"a\", \"p\"]",
                "{\"name\": \"a\", \"type\": \"linear\", \"out_features\": 6},"
                "{\"name\": \"p\", \"type\": \"parameter\", \"shape\": [6]}",
                &options, JC_ERROR_UNAVAILABLE, "outputs of shape [classes]");
  check_refusal("[4]",
                "{\"name\": \"p\", \"type\": \"parameter\", \"shape\": [6]},"
                "{\"name\": \"k\", \"type\": \"concat\", \"inputs\": [\"input\", \"p\"]}",
                &options, JC_ERROR_UNAVAILABLE, "'k' (concat): what parameters alone make");
  check_refusal("[4], \"outputs\": [\"a\", \"b\"]",
                "{\"name\": \"a\", \"type\": \"linear\", \"out_features\": 3},"
                "{\"name\": \"b\", \"type\": \"linear\", \"out_features\": 3}",
                &options, JC_ERROR_UNAVAILABLE, "'a' (linear): training needs every layer");
  check_refusal("[3, 4, 4]", "{\"name\": \"a\", \"type\": \"mish\"}" FLAT, &options,
                JC_ERROR_UNAVAILABLE, "layers of this kind can be estimated but not trained");
  check_refusal("[6, 4, 4]",
                "{\"name\": \"r\", \"type\": \"flatten\", \"end_dim\": 1},"
                "{\"name\": \"w\", \"type\": \"unflatten\","
                " \"unflattened_size\": [2, 3]}" FLAT,
                &options, JC_ERROR_UNAVAILABLE, "layers of this kind");
#undef FLAT
}

/* All others can be estimated. */
Test(trainer_step, kinds_that_can_be_trained) {
  REQUIRE_TRAINER();
  static const char *const trained[] = {"conv2d",
                                        "linear",
                                        "parameter",
                                        "layernorm",
                                        "gelu",
                                        "permute",
                                        "batchnorm2d",
                                        "relu",
                                        "relu6",
                                        "sigmoid",
                                        "silu",
                                        "hardsigmoid",
                                        "hardswish",
                                        "softmax",
                                        "maxpool2d",
                                        "avgpool2d",
                                        "adaptive_avgpool2d",
                                        "mean",
                                        "add",
                                        "mul",
                                        "concat",
                                        "chunk",
                                        "flatten",
                                        "pad",
                                        "channel_shuffle",
                                        "dropout",
                                        "stochastic_depth"};
  const size_t count = sizeof(trained) / sizeof(trained[0]);
  for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++) {
    const char *name = jc_kind_get((enum jc_layer_kind)kind)->name;
    bool expected = false;
    for (size_t i = 0; i < count; i++)
      expected |= strcmp(name, trained[i]) == 0;
    cr_assert_eq(jc_trainer_supports((enum jc_layer_kind)kind), expected, "%s", name);
  }
}

Test(trainer_step, without_onednn_creation_says_so) {
  if (jc_trainer_available())
    cr_skip_test("built with oneDNN");
  const struct jc_trainer_options options = batch_of(1);
  struct fixture f;
  fixture_parse(&f, "[4]", "{\"name\": \"r\", \"type\": \"relu\"}");
  cr_assert(jc_trainer_create(&f.analysis, &options, &f.trainer, &f.error) == JC_ERROR_UNAVAILABLE);
  cr_assert(strstr(f.error.text, "built without oneDNN") != NULL);
  fixture_close(&f);
}
