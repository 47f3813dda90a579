/* test_trainer_data.c -- the portable rule of data.h, and that its data can be told apart. */
#include "tests/trainer_fixture.h"

Test(trainer_data, streams_follow_the_rule) {
  /* splitmix64 from state 0 gives this; fnv1a64("") is its offset basis. */
  cr_assert(jc_draw_bits(0, 0) == UINT64_C(0xe220a8397b1dcdaf));
  cr_assert(jc_draw_bits(0, 1) == UINT64_C(0x6e789e6aa1b965f4));
  cr_assert(jc_stream(0, "") == UINT64_C(0xcbf29ce484222325));
  cr_assert(jc_stream(0, "a") == UINT64_C(0xaf63dc4c8601ec8c));
  cr_assert(jc_stream(5, "a") == (UINT64_C(0xaf63dc4c8601ec8c) ^ 5));
  cr_assert(jc_draw(0, 0) == (double)(UINT64_C(0xe220a8397b1dcdaf) >> 40) / 16777216);
}

Test(trainer_data, initial_values_have_their_range) {
  float values[4096];
  double largest = 0, sum = 0;
  jc_init_fill(JC_INIT_WEIGHT, jc_stream(1, "w"), 24, values, 0, 4096);
  for (size_t i = 0; i < 4096; i++) {
    largest = fmax(largest, fabs((double)values[i]));
    sum += (double)values[i];
  }
  cr_assert(largest <= 0.5 && largest > 0.49); /* sqrt(6 / 24) */
  cr_assert(fabs(sum / 4096) < 0.02);
  float again[10];
  jc_init_fill(JC_INIT_WEIGHT, jc_stream(1, "w"), 24, again, 3, 10);
  cr_assert(again[3] == values[3] && again[9] == values[9]);
  jc_init_fill(JC_INIT_BIAS, jc_stream(1, "b"), 16, values, 0, 4096);
  for (size_t i = 0; i < 4096; i++)
    cr_assert(fabs((double)values[i]) <= 0.25);
}

Test(trainer_data, batches_repeat_and_hold_their_pattern) {
  enum { BATCH = 64, ELEMENTS = 50, CLASSES = 4 };
  static float images[BATCH * ELEMENTS], again[BATCH * ELEMENTS];
  int32_t labels[BATCH], labels_again[BATCH];
  const struct jc_synthetic data = {3, BATCH, CLASSES, ELEMENTS};
  jc_synthetic_batch(&data, 7, images, labels);
  jc_synthetic_batch(&data, 7, again, labels_again);
  cr_assert(memcmp(images, again, sizeof(images)) == 0);
  cr_assert(memcmp(labels, labels_again, sizeof(labels)) == 0);
  for (int n = 0; n < BATCH; n++) {
    char name[32];
    double product = 0;
    cr_assert(labels[n] >= 0 && labels[n] < CLASSES);
    (void)snprintf(name, sizeof(name), "pattern.%d", labels[n]);
    for (uint64_t i = 0; i < ELEMENTS; i++)
      product += (double)images[n * ELEMENTS + (int)i] * (2 * jc_draw(jc_stream(3, name), i) - 1);
    cr_assert(product > 0, "sample %d does not look like its label", n);
  }
  jc_synthetic_batch(&data, 8, again, labels_again);
  cr_assert(memcmp(images, again, sizeof(images)) != 0);
}
