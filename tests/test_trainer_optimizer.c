/* test_trainer_optimizer.c -- every optimiser against its formula in double, as torch.optim's
 * source has it; whole runs are compared with PyTorch's in test_trainer_golden.c. */
#include "trainer/optimizer.h"

#include "tests/trainer_fixture.h"

enum { COUNT = 40000, STEPS = 5 }; /* enough elements for every thread to have a part */

static double reference_step(const struct jc_optimizer_rates *r, int t, double value,
                             double gradient, double state[2]) {
  const bool decoupled = r->optimizer == JC_OPTIMIZER_ADAMW;
  const double g = decoupled ? gradient : gradient + r->weight_decay * value;
  if (decoupled)
    value -= r->learning_rate * r->weight_decay * value;
  switch (r->optimizer) {
  case JC_OPTIMIZER_SGD:
    return value - r->learning_rate * g;
  case JC_OPTIMIZER_MOMENTUM:
    state[0] = t == 1 ? g : r->momentum * state[0] + g;
    return value - r->learning_rate * state[0];
  default:
    state[0] += (1 - r->beta1) * (g - state[0]);
    state[1] = r->beta2 * state[1] + (1 - r->beta2) * g * g;
    return value - r->learning_rate / (1 - pow(r->beta1, t)) * state[0] /
                       (sqrt(state[1]) / sqrt(1 - pow(r->beta2, t)) + r->eps);
  }
}

static void check_optimizer(enum jc_optimizer optimizer, uint32_t threads) {
  static float value[COUNT], gradient[COUNT], state[2][COUNT];
  static double expected[COUNT], expected_state[COUNT][2];
  const struct jc_optimizer_rates rates = {optimizer, 0.01, 0.8, 0.05, 0.85, 0.99, 1e-6};
  const uint32_t states = jc_optimizer_facts(optimizer)->state;
  struct jc_pool pool;
  struct jc_error error = {0};
  cr_assert_eq(jc_pool_open(&pool, threads, &error), JC_OK, "%s", error.text);
  memset(state, 0, sizeof(state));
  memset(expected_state, 0, sizeof(expected_state));
  for (size_t i = 0; i < COUNT; i++)
    expected[i] = (double)(value[i] = (float)(2 * jc_draw(jc_stream(1, "value"), i) - 1));
  struct jc_optimizer_tensor tensor = {COUNT, value, gradient, {NULL, NULL}};
  for (uint32_t i = 0; i < states; i++)
    tensor.state[i] = state[i];
  for (int t = 1; t <= STEPS; t++) {
    for (size_t i = 0; i < COUNT; i++) {
      gradient[i] = (float)(2 * jc_draw(jc_stream((uint64_t)t, "gradient"), i) - 1);
      expected[i] = reference_step(&rates, t, expected[i], (double)gradient[i], expected_state[i]);
    }
    jc_optimizer_update(&pool, &rates, (uint64_t)t, &tensor);
    for (size_t i = 0; i < COUNT; i++)
      cr_assert_float_eq((double)value[i], expected[i], 2e-6 + 2e-6 * fabs(expected[i]),
                         "%s, step %d, element %zu: expected %g, got %g",
                         jc_optimizer_facts(optimizer)->name, t, i, expected[i], (double)value[i]);
  }
}

Test(trainer_optimizer, each_follows_its_formula) {
  REQUIRE_TRAINER();
  for (int optimizer = 0; optimizer < JC_OPTIMIZER_COUNT; optimizer++)
    for (uint32_t threads = 1; threads <= 2; threads++)
      check_optimizer((enum jc_optimizer)optimizer, threads);
}

/* State is kept where there is some, and nothing else. */
Test(trainer_optimizer, memory_is_what_the_analysis_says) {
  REQUIRE_TRAINER();
  enum { PARAMETERS = 1024 * 320 + 320 }; /* no layout fills them up */
  uint64_t kept[JC_OPTIMIZER_COUNT];
  for (int i = 0; i < JC_OPTIMIZER_COUNT; i++) {
    struct fixture f;
    struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
    options.optimizer = (enum jc_optimizer)i;
    fixture_parse(&f, "[1024]", "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 320}");
    fixture_train(&f, &options);
    kept[i] = jc_trainer_size(f.trainer).kept_bytes;
    fixture_close(&f);
  }
  for (int i = 0; i < JC_OPTIMIZER_COUNT; i++) {
    const double states = ((double)kept[i] - (double)kept[JC_OPTIMIZER_SGD]) / (4.0 * PARAMETERS);
    cr_assert_float_eq(states, jc_optimizer_facts((enum jc_optimizer)i)->state, 0.01, "%d: %g", i,
                       states);
  }
}

/* A changed rate takes effect at the next step, of every optimiser. */
Test(trainer_optimizer, rate_0_leaves_the_parameters) {
  REQUIRE_TRAINER();
  for (int i = 0; i < JC_OPTIMIZER_COUNT; i++) {
    struct fixture f;
    struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
    float before[12], after[12];
    options.optimizer = (enum jc_optimizer)i;
    fixture_parse(&f, "[4]", "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 3}");
    fixture_train(&f, &options);
    (void)fixture_step(&f);
    jc_trainer_set_learning_rate(f.trainer, 0);
    cr_assert_eq(jc_trainer_parameter_get(f.trainer, 0, JC_PARAMETER_WEIGHT, before, &f.error),
                 JC_OK);
    (void)fixture_step(&f);
    cr_assert_eq(jc_trainer_parameter_get(f.trainer, 0, JC_PARAMETER_WEIGHT, after, &f.error),
                 JC_OK);
    cr_assert_arr_eq(before, after, sizeof(before));
    fixture_close(&f);
  }
}
