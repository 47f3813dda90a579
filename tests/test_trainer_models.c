/* test_trainer_models.c -- shipped CNNs that are more than convolutions and pools train: two steps
 * each, and a validation.
 *
 * With images of 32x32 and statistics of two batches of two, efficientnet_b1 overflows in
 * validation, in PyTorch too.
 */
#include "tests/trainer_fixture.h"

static const struct {
  const char *name, *input;
} models[] = {
    {"efficientnet_b0", "3x64x64"},
    {"efficientnet_b1", "3x64x64"},
    {"efficientnet_b2", "3x64x64"},
    {"efficientnet_b3", "3x64x64"},
    {"mnasnet1_0", "3x64x64"},
    {"mobilenet_v3_small", "3x64x64"},
    {"mobilenet_v3_large", "3x64x64"},
    {"regnet_y_400mf", "3x64x64"},
    {"shufflenet_v2_x1_0", "3x64x64"},
    {"googlenet", "3x64x64"},
    {"convnext_tiny", "3x32x32"},
    {"inception_v3", "3x299x299"}, /* its auxiliary head takes nothing smaller */
};

Test(trainer_models, shipped_models_train, .timeout = 600) {
  REQUIRE_TRAINER();
  for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
    char path[512];
    struct fixture f;
    struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
    struct jc_step step;
    options.batch_size = 2;
    options.threads = 1 + i % 2;
    options.learning_rate = 1e-4;
    (void)snprintf(path, sizeof(path), TEST_SOURCE_DIR "/models/%s.json", models[i].name);
    fixture_read(&f, path, models[i].input);
    fixture_train(&f, &options);
    const double first = fixture_step(&f).loss, second = fixture_step(&f).loss;
    cr_assert(isfinite(first) && isfinite(second), "%s: %g, %g", models[i].name, first, second);
    cr_assert_neq(first, second, "%s: nothing changed", models[i].name);
    cr_assert_eq(jc_trainer_validate(f.trainer, &step, &f.error), JC_OK, "%s", fixture_error(&f));
    cr_assert(isfinite(step.loss), "%s: validation %g", models[i].name, step.loss);
    fixture_close(&f);
  }
}
