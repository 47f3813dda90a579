/* test_trainer_overfit.c -- whole networks learn one batch by heart. */
#include "tests/trainer_fixture.h"

/* The worst of the last five losses after STEPS steps on the first batch. */
static double overfit(struct fixture *f, unsigned steps) {
  double worst = 0;
  for (unsigned step = 0; step < steps; step++) {
    const double loss = fixture_step(f).loss;
    if (step + 5 >= steps)
      worst = fmax(worst, loss);
  }
  return worst;
}

static void check_model(const char *model, const char *input, uint32_t batch, double learning_rate,
                        uint32_t threads) {
  char path[512];
  struct fixture f;
  struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
  options.batch_size = batch;
  options.learning_rate = learning_rate;
  options.threads = threads;
  options.dropout_p = 0;
  (void)snprintf(path, sizeof(path), TEST_SOURCE_DIR "/models/%s.json", model);
  fixture_read(&f, path, input);
  fixture_train(&f, &options);
  const double loss = overfit(&f, 40);
  cr_assert(loss < 0.05, "%s: loss is still %g", model, loss);
  const struct jc_step step = fixture_step(&f);
  cr_assert(step.correct == batch, "%s: %u of %u correct", model, step.correct, batch);
  fixture_close(&f);
}

Test(trainer_overfit, lenet5) {
  REQUIRE_TRAINER();
  check_model("lenet5_28", "1x28x28", 16, 0.01, 1);
}

Test(trainer_overfit, mlp) {
  REQUIRE_TRAINER();
  check_model("mlp_784_128_10", "1x28x28", 16, 0.05, 2);
}

Test(trainer_overfit, resnet20) {
  REQUIRE_TRAINER();
  check_model("cifar_resnet20", "3x32x32", 8, 0.02, 1);
}

Test(trainer_overfit, mobilenet_v2) {
  REQUIRE_TRAINER();
  check_model("mobilenet_v2", "3x32x32", 8, 0.01, 1);
}

Test(trainer_overfit, densenet121) {
  REQUIRE_TRAINER();
  check_model("densenet121", "3x32x32", 8, 0.01, 1);
}
