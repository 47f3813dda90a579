/* test_run_set.c -- lines of whole runs become rows: counts, windows, groups, what is refused. */
#include <math.h>

#include "calibrate/factors.h"
#include "calibrate/run_set.h"
#include "tests/file_fixtures.h"

SCRATCH_SUITE(run_set, "runs.jsonl");

#define RUN "\"run\": {\"batch_size\": 8, \"epochs\": 2, \"samples\": 80, \"precision\": \"fp32\"}"
/* 8 x 4 = 32 MACs forward; backward only the weights' product, since the input needs no gradient.
 */
#define TINY                                                                                       \
  "{\"schema\": \"joulecast.model/1\", \"name\": \"tiny\", \"input\": [8], \"layers\": ["          \
  "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 4}]}"

static void read_set(const char *text, struct jc_run_set *set, struct jc_error *error) {
  write_text(path, text);
  memset(set, 0, sizeof(*set));
  (void)jc_run_set_read(path, set, error);
}

Test(run_set, counts_of_an_inline_model_are_analysed) {
  struct jc_error error = {0};
  struct jc_run_set set;
  read_set("{\"schema\": \"joulecast.run/1\", \"model\": " TINY ", " RUN
           ", \"energy_j\": 50, \"time_s\": 2}\n",
           &set, &error);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  cr_assert_eq(set.count, 1);
  const double *v = set.rows[0].values;
  cr_assert_eq(v[JC_RUN_FORWARD_MACS], 32);
  cr_assert_eq(v[JC_RUN_BACKWARD_MACS], 32);
  cr_assert_eq(v[JC_RUN_BACKWARD_SHARE], 0.5);
  cr_assert_eq(v[JC_RUN_ACTIVATION_BYTES], 16);
  cr_assert_eq(v[JC_RUN_TRAINABLE_PARAMS], 36);
  cr_assert_eq(v[JC_RUN_MEAN_POWER_W], 25);
  jc_run_set_free(&set);
}

/* Its first layer flattens, and computes nothing. 101,632 MACs are what its file expects; backward
 * is twice that, but for the gradient of the input: 784 x 128 MACs. */
Test(run_set, counts_of_a_shipped_model_are_analysed) {
  struct jc_error error = {0};
  struct jc_run_set set = {0};
  setenv("JOULECAST_MODELS", TEST_SOURCE_DIR "/models", 1);
  cr_assert_eq(jc_run_set_read(FIXTURES "/runs/shipped_models.jsonl", &set, &error), JC_OK, "%s",
               error.text);
  const double *v = set.rows[2].values;
  cr_assert_eq(set.counted_from_model, 3);
  cr_assert_eq(set.model_unknown, 0);
  cr_assert_eq(v[JC_RUN_LAYERS], 3);
  cr_assert_eq(v[JC_RUN_FORWARD_MACS], 101632);
  cr_assert_eq(v[JC_RUN_BACKWARD_MACS], 2 * 101632 - 784 * 128);
  cr_assert_eq(v[JC_RUN_TRAINABLE_PARAMS], 101770);
  jc_run_set_free(&set);
}

/* A study that trained on other images than the model's has other counts. */
Test(run_set, images_of_another_size_have_no_counts_of_the_model) {
  struct jc_error error = {0};
  struct jc_run_set set;
  setenv("JOULECAST_MODELS", TEST_SOURCE_DIR "/models", 1);
  read_set("{\"schema\": \"joulecast.run/1\", \"model\": \"mlp_784_128_10\", " RUN
           ", \"energy_j\": 50, \"dataset\": {\"image_height\": 28, \"image_width\": 28}}\n"
           "{\"schema\": \"joulecast.run/1\", \"model\": \"mlp_784_128_10\", " RUN
           ", \"energy_j\": 50, \"dataset\": {\"image_height\": 32, \"image_width\": 28}}\n",
           &set, &error);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  cr_assert_eq(set.rows[0].values[JC_RUN_FORWARD_MACS], 101632);
  cr_assert(isnan(set.rows[1].values[JC_RUN_FORWARD_MACS]));
  cr_assert_eq(set.model_unknown, 1);
  cr_assert_eq(set.model_unknown_line, 2);
  cr_assert_str_eq(set.model_unknown_why, "the run's images are of 32x28, the input of model "
                                          "'mlp_784_128_10' is 1x28x28");
  jc_run_set_free(&set);
}

/* NVIDIA's T4 has 70 W, Intel's Core i5-8500 65 W for 6 cores. The line's own TDP wins, and an
 * accelerator is not looked for. */
Test(run_set, tdp_of_the_machine_s_data_row) {
#define TDP_LINE(rest)                                                                             \
  "{\"schema\": \"joulecast.run/1\", \"model\": \"not_shipped\", \"run\": {\"batch_size\": 8, "    \
  "\"precision\": \"fp32\", \"threads\": 3}, \"energy_j\": 50, " rest "}\n"
#define CORE_I5                                                                                    \
  "\"machine\": {\"cpu_model\": \"Intel(R) Core(TM) i5-8500 CPU @ 3.00GHz\", \"cpus\": 6}"
  static const double expected_w[] = {70, 32.5, 50, NAN};
  struct jc_error error = {0};
  struct jc_run_set set;
  setenv("JOULECAST_DATA", TEST_SOURCE_DIR "/data", 1);
  read_set(TDP_LINE("\"machine\": \"t4\"") TDP_LINE(CORE_I5)
               TDP_LINE(CORE_I5 ", \"accelerator\": {\"tdp_w\": 50}")
                   TDP_LINE(CORE_I5 ", \"accelerator\": {\"name\": \"Orin\"}"),
           &set, &error);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  for (uint32_t i = 0; i < 4; i++) {
    const double tdp_w = set.rows[i].values[JC_RUN_TDP_W];
    cr_expect(isnan(expected_w[i]) ? isnan(tdp_w) : tdp_w == expected_w[i], "%u: %g W", i, tdp_w);
  }
  cr_assert_eq(set.tdp_from_row, 2);
  cr_assert_str_eq(set.tdp_row, "t4");
  jc_run_set_free(&set);
}

/* The line knows of frozen layers; the model does not. A name that is not shipped has no counts. */
Test(run_set, counts_of_the_line_win) {
  struct jc_error error = {0};
  struct jc_run_set set;
  read_set("{\"schema\": \"joulecast.run/1\", \"model\": " TINY ", " RUN
           ", \"energy_j\": 50, \"time_s\": 2, \"counts\": {\"forward_macs\": 7}}\n"
           "{\"schema\": \"joulecast.run/1\", \"model\": \"not_shipped\", " RUN
           ", \"energy_j\": 50, \"time_s\": 2}\n",
           &set, &error);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  cr_assert_eq(set.rows[0].values[JC_RUN_FORWARD_MACS], 7);
  cr_assert(isnan(set.rows[0].values[JC_RUN_BACKWARD_MACS]));
  cr_assert(isnan(set.rows[1].values[JC_RUN_FORWARD_MACS]));
  jc_run_set_free(&set);
}

/* Epoch i takes 100 + i J and 2 s: the window is epochs 10 to 14. */
Test(run_set, window_of_the_measured_epochs) {
  char text[4096] = "{\"schema\": \"joulecast.run/1\", \"model\": \"tiny\", " RUN
                    ", \"energy_j\": 2190, \"time_s\": 40, \"epochs\": [";
  struct jc_error error = {0};
  struct jc_run_set set;
  for (int i = 0; i < 20; i++)
    snprintf(text + strlen(text), sizeof(text) - strlen(text),
             "%s{\"energy_j\": %d, \"time_s\": 2}", i > 0 ? ", " : "", 100 + i);
  snprintf(text + strlen(text), sizeof(text) - strlen(text), "]}\n");
  read_set(text, &set, &error);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  const double *v = set.rows[0].values;
  cr_assert_eq(v[JC_RUN_FIRST_EPOCH_J], 100);
  cr_assert_eq(v[JC_RUN_WINDOW_EPOCH_J], 112);
  cr_assert_eq(v[JC_RUN_WINDOW_POWER_W], 56);
  cr_assert_eq(v[JC_RUN_WINDOW_AFTER_EPOCHS], 10);
  cr_assert_float_eq(v[JC_RUN_STABLE_EPOCH_J], 114.5, 1e-12);
  jc_run_set_free(&set);
}

/* Studies print joules without times; a line without either is no run. */
Test(run_set, time_may_be_unknown_where_joules_are_known) {
  struct jc_error error = {0};
  struct jc_run_set set;
  read_set("{\"schema\": \"joulecast.run/1\", \"model\": \"tiny\", " RUN ", \"energy_j\": 50}\n"
           "{\"schema\": \"joulecast.run/1\", \"model\": \"tiny\", " RUN ", \"time_s\": 2}\n",
           &set, &error);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  cr_assert_eq(set.count, 1);
  cr_assert_eq(set.skipped, 1);
  cr_assert(isnan(set.rows[0].values[JC_RUN_TIME_S]));
  jc_run_set_free(&set);
  read_set("{\"schema\": \"joulecast.run/1\", \"model\": \"tiny\", " RUN "}\n", &set, &error);
  expect_error(&error, JC_ERROR_INVALID, "runs.jsonl:1: 'time_s' is missing");
  jc_run_set_free(&set);
}

/* Without a TDP only what no machine does is refused: below 1 mW, above 100 kW. */
Test(run_set, power_beyond_sense_is_refused) {
  static const struct {
    const char *energy_j;
    bool refused;
  } rows[] = {{"0.0019", true}, {"0.0021", false}, {"199000", false}, {"201000", true}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct jc_error error = {0};
    struct jc_run_set set;
    char text[512];
    snprintf(text, sizeof(text),
             "{\"schema\": \"joulecast.run/1\", \"model\": \"tiny\", " RUN
             ", \"energy_j\": %s, \"time_s\": 2}\n",
             rows[i].energy_j);
    read_set(text, &set, &error);
    cr_assert_eq(error.status, rows[i].refused ? JC_ERROR_INVALID : JC_OK, "%s J: %s",
                 rows[i].energy_j, error.text);
    jc_run_set_free(&set);
  }
}

Test(run_set, groups) {
  struct jc_error error = {0};
  struct jc_run_set set = {0};
  cr_assert_eq(jc_run_set_read(FIXTURES "/runs/two_parts.jsonl", &set, &error), JC_OK);
  cr_assert_eq(set.groups[JC_GROUP_HARDWARE].count, 2);
  cr_assert_str_eq(set.groups[JC_GROUP_HARDWARE].names[1], "part-b");
  cr_assert_eq(set.groups[JC_GROUP_ARCHITECTURE].count, 3);
  cr_assert_eq(set.groups[JC_GROUP_CONFIGURATION].count, 18);
  cr_assert_eq(set.groups[JC_GROUP_DATASET].count, 1);
  cr_assert_str_eq(jc_run_row_label(&set.rows[4], "batch"), "64");
  cr_assert_null(jc_run_row_label(&set.rows[4], "color"));
  jc_run_set_free(&set);
}

/* 2 x 2 runs: b doubles and triples, c adds a quarter and seven eighths. */
Test(run_set, factors_by_hand) {
  static const struct {
    const char *b, *c;
    int energy_j;
  } rows[] = {{"10", "x", 200}, {"9", "x", 100}, {"9", "y", 125}, {"10", "y", 375}};
  struct jc_error error = {0};
  struct jc_run_set set;
  struct jc_factor_effect *effects;
  uint32_t count;
  char text[2048] = "";
  for (size_t i = 0; i < 4; i++)
    snprintf(text + strlen(text), sizeof(text) - strlen(text),
             "{\"schema\": \"joulecast.run/1\", \"model\": \"tiny\", " RUN
             ", \"energy_j\": %d, \"time_s\": 2, \"labels\": {\"b\": \"%s\", \"c\": \"%s\"}}\n",
             rows[i].energy_j, rows[i].b, rows[i].c);
  read_set(text, &set, &error);
  cr_assert_eq(jc_factor_effects(&set, &effects, &count, &error), JC_OK, "%s", error.text);
  cr_assert_eq(count, 2);
  cr_assert_str_eq(effects[0].factor, "b");
  cr_assert_str_eq(effects[0].from, "9"); /* as numbers, not as texts */
  cr_assert_eq(effects[0].pairs, 2);
  cr_assert_float_eq(effects[0].sum, 2 + 3, 1e-12);
  cr_assert_str_eq(effects[1].to, "y");
  cr_assert_float_eq(effects[1].sum, 1.25 + 1.875, 1e-12);
  cr_assert_float_eq(effects[1].high, 1.875, 1e-12);
  free(effects);
  jc_run_set_free(&set);
}
