/* test_profile_layerwise.c -- the `layerwise` part of a profile comes back bit for bit, and every
 * mistake in it is told with its place. */
#include <float.h>
#include <math.h>

#include "tests/file_fixtures.h"
#include "tests/profile_property.h"

static struct profile_pair pair;

SCRATCH_SUITE(profile_layerwise, "profile.json");

/* ---- round trip ---- */

/* A linear congruential generator: the same numbers in every run. */
static uint64_t state = 1;

static uint32_t random_bits(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 32);
}

/* All 24 bits of a float are used, at scales from 1e-12 to 1. */
static float random_float(void) {
  const float value = ldexpf((float)(random_bits() >> 8), -24 - (int)(random_bits() % 40));
  return random_bits() % 2 == 0 ? value : -value;
}

static double random_real(void) {
  return ldexp((double)random_bits() + ldexp(random_bits(), -32), -32 - (int)(random_bits() % 60));
}

static void fill_floats(float *values) {
  for (int i = 0; i < JC_SHAPE_FEATURES; i++)
    values[i] = random_float();
}

static void fill_reals(double *values, int count, double factor) {
  for (int i = 0; i < count; i++)
    values[i] = factor * random_real();
}

static void fill_interval(struct jc_interval_model *m) {
  m->intercept = -random_real();
  fill_reals(m->weight, JC_DIFFICULTIES, -1);
  fill_reals(m->mean, JC_DIFFICULTIES, 1);
  fill_reals(m->deviation, JC_DIFFICULTIES, 1);
  fill_reals(m->width, 3, 1);
}

static void fill_curve(struct jc_layerwise *model, uint16_t type, enum jc_order order,
                       enum jc_phase phase) {
  struct jc_curve *c = &model->curves[model->curve_count++];
  *c = (struct jc_curve){.type = type, .order = order, .phase = phase};
  c->rows = 1 + random_bits() / 2;
  c->networks = 1 + random_bits() / 2;
  c->scale = random_bits() % JC_MAX_SCALES;
  c->call_s = random_real();
  c->flop_s = random_real();
  c->byte_s = random_real();
  c->mean = -random_real();
  c->residual_min = -random_real();
  c->residual_max = random_real();
  c->signal = random_real();
  c->noise = random_real();
  c->flops_max = 1e18 / 7 * random_real();
  c->bytes_max = 1e18 / 7 * random_real();
  c->first_support = model->support_count;
  c->support_count = random_bits() % 22;
  fill_floats(c->x_min);
  fill_floats(c->x_max);
  for (int i = 0; i < JC_SHAPE_FEATURES; i++) {
    const float low = fminf(c->x_min[i], c->x_max[i]);
    c->x_max[i] = fmaxf(c->x_min[i], c->x_max[i]);
    c->x_min[i] = low;
  }
  for (uint32_t m = 0; m < c->support_count; m++) {
    model->weight[model->support_count] = random_float();
    fill_floats(model->support[model->support_count++]);
  }
}

/* As many curves and scales as there may be, in every order and phase. */
static void fill_model(struct jc_layerwise *model) {
  memset(model, 0, sizeof(*model));
  model->scale_count = JC_MAX_SCALES;
  for (int i = 0; i < JC_MAX_SCALES; i++)
    fill_floats(model->scales[i]);
  model->kappa = 1 + random_real();
  fill_reals(model->step_s, 3, 1);
  fill_reals(model->power_w, JC_POWER_GROUP_COUNT, 1);
  model->busy_excess = -random_real();
  fill_interval(&model->time_interval);
  fill_interval(&model->energy_interval);
  for (uint16_t type = 0; type < JC_TYPE_COUNT; type++)
    for (int order = 0; order < JC_ORDER_COUNT && jc_type_name(type) != NULL; order++)
      for (int phase = 0; phase < JC_PHASE_COUNT; phase++)
        if (model->curve_count < JC_MAX_CURVES)
          fill_curve(model, type, (enum jc_order)order, (enum jc_phase)phase);
}

static void read_good(struct jc_profile *profile) {
  struct jc_error error = {0};
  cr_assert_eq(jc_profile_read(FIXTURES "/profiles/layerwise.json", profile, &error), JC_OK, "%s",
               error.text);
}

Test(profile_layerwise, comes_back_bit_for_bit) {
  read_good(&pair.first);
  for (int i = 0; i < 3; i++) {
    fill_model(&pair.first.layerwise);
    cr_assert_eq(pair.first.layerwise.curve_count, JC_MAX_CURVES);
    const char *wrong = check_profile_written(&pair, path);
    cr_assert_null(wrong, "%s", wrong);
  }
}

/* The largest and smallest numbers that may stand there, unknown widths, the ends of a float. */
Test(profile_layerwise, extremes_come_back) {
  read_good(&pair.first);
  struct jc_layerwise *model = &pair.first.layerwise;
  model->kappa = 1e6;
  model->time_interval.width[0] = model->energy_interval.width[2] = NAN;
  model->time_interval.deviation[0] = DBL_MIN;
  model->curves[0].bytes_max = 1e24;
  model->curves[0].x_min[0] = -1e3F;
  model->curves[0].x_max[0] = nextafterf(1, 2);
  model->weight[0] = 1e9F;
  model->weight[1] = -1.17549435e-38F;
  const char *wrong = check_profile_written(&pair, path);
  cr_assert_null(wrong, "%s", wrong);
  cr_assert(isnan(pair.again.layerwise.time_interval.width[0]));
}

Test(profile_layerwise, fixture_is_read) {
  read_good(&pair.first);
  const struct jc_layerwise *model = &pair.first.layerwise;
  cr_assert_eq(model->curve_count, 2);
  cr_assert_eq(model->support_count, 4);
  cr_assert_eq(model->scale_count, 1);
  cr_assert_eq(model->kappa, 1.015);
  cr_assert_eq(model->step_s[2], 3e-9);
  cr_assert_eq(model->busy_excess, 0); /* absent */
  cr_assert_eq(model->power_w[JC_POWER_OTHERS], 12.25);
  cr_assert_eq(model->curves[0].type, jc_type_find("linear"));
  cr_assert_eq(model->curves[1].order, JC_ORDER_PLAIN);
  cr_assert_eq(model->curves[1].first_support, 2);
  cr_assert_eq(model->weight[1], -0.0625F);
  cr_assert_eq(model->support[3][JC_SHAPE_in_channels], 0.875F);
  cr_assert_eq(model->scales[0][JC_SHAPE_batch], 0.25F);
  cr_assert_eq(model->time_interval.weight[JC_DIFFICULTY_grouped], -0.05);
  cr_assert(isnan(model->energy_interval.width[2]));
  cr_assert_eq(pair.first.layerwise_energy_error.mape, 0.05);
}

/* A profile from before has none, and neither has what is written of it. */
Test(profile_layerwise, may_be_absent) {
  struct jc_error error = {0};
  cr_assert_eq(jc_profile_read(FIXTURES "/profiles/good.json", &pair.first, &error), JC_OK);
  cr_assert_eq(pair.first.layerwise.curve_count, 0);
  cr_assert_eq(pair.first.layerwise_time_error.networks, 0);
  const char *wrong = check_profile_written(&pair, path);
  cr_assert_null(wrong, "%s", wrong);
  char *text = read_text(path);
  cr_assert_null(strstr(text, "\"layerwise\""));
  free(text);
}

/* ---- mistakes ---- */

static const struct {
  const char *find, *replacement;
  const char *message;
} mistakes[] = {
    {"\"kappa\": 1.015", "\"kappa\": 0",
     "invalid: profile.json:122: layerwise.kappa: expected a positive number up to 1000000, got 0"},
    {"\"kappa\": 1.015", "\"kappa\": 1.1e6",
     "invalid: profile.json:122: layerwise.kappa: expected a positive number up to 1000000, got "
     "1.1e6"},
    {"\"kappa\": 1.015", "\"kappa\": null",
     "invalid: profile.json:122: layerwise.kappa: expected a positive number up to 1000000, got "
     "null"},
    {"    \"kappa\": 1.015,\n", "", "invalid: profile.json:120: layerwise: 'kappa' is missing"},
    {"\"kappa\": 1.015", "\"kapa\": 1.015",
     "invalid: profile.json:122: layerwise.kapa: unknown key, did you mean 'kappa'?"},
    {"\"kappa\": 1.015", "\"kappa\": 1.015,\n    \"busy_excess\": -1.5",
     "invalid: profile.json:123: layerwise.busy_excess: expected a number from -1 to 1000000, got "
     "-1.5"},
    {"\"kappa\": 1.015", "\"kappa\": 1.015,\n    \"busy_excess\": 1.1e6",
     "invalid: profile.json:123: layerwise.busy_excess: expected a number from -1 to 1000000, got "
     "1.1e6"},
    {"\"constant\": 1.5e-5", "\"constant\": -1e-9",
     "invalid: profile.json:123: layerwise.step_s.constant: expected a number from 0 to "
     "1000000000000, got -1e-9"},
    {"\"per_layer\": 2e-7", "\"per_layer\": \"much\"",
     "invalid: profile.json:123: layerwise.step_s.per_layer: expected a number from 0 to "
     "1000000000000, got \"much\""},
    {"\"per_logit\": 3e-9", "\"per_logit\": 1.1e12",
     "invalid: profile.json:123: layerwise.step_s.per_logit: expected a number from 0 to "
     "1000000000000, got 1.1e12"},
    {"\"products\": 15.5", "\"products\": -1",
     "invalid: profile.json:124: layerwise.power_w.products: expected a number from 0 to "
     "1000000000000, got -1"},
    {", \"update\": 11}", "}", "invalid: profile.json:124: layerwise.power_w: 'update' is missing"},
    {"\"others\": 12.25", "\"other\": 12.25",
     "invalid: profile.json:124: layerwise.power_w.other: unknown key, did you mean 'others'?"},
    {"\"intercept\": -2.7", "\"intercept\": -1001",
     "invalid: profile.json:126: layerwise.time_interval.intercept: expected a number from -1000 "
     "to 1000, got -1001"},
    {"\"weight\": {\"deviation\": 0.3", "\"weight\": {\"deviation\": 1001",
     "invalid: profile.json:127: layerwise.time_interval.weight.deviation: expected a number from "
     "-1000 to 1000, got 1001"},
    {"\"mean\": {\"deviation\": -2.7, ", "\"mean\": {",
     "invalid: profile.json:128: layerwise.time_interval.mean: 'deviation' is missing"},
    {"\"deviation\": {\"deviation\": 0.5", "\"deviation\": {\"deviation\": 0",
     "invalid: profile.json:129: layerwise.time_interval.deviation.deviation: expected a positive "
     "number up to 1000, got 0"},
    {"\"width\": {\"0.5\": 0.8", "\"width\": {\"0.5\": -0.8",
     "invalid: profile.json:130: layerwise.time_interval.width.0.5: expected a number from 0 to "
     "1000000, got -0.8"},
    {"\"width\": {\"0.5\": 0.8, ", "\"width\": {",
     "invalid: profile.json:130: layerwise.time_interval.width: '0.5' is missing"},
    {"\"intercept\": -2.5", "\"intercept\": 1e999",
     "invalid: profile.json:133: layerwise.energy_interval.intercept: expected a finite number, "
     "got 1e999"},
    {"\"batch\", \"in_channels\"", "\"in_channels\", \"batch\"",
     "mismatch: profile.json:121: layerwise.features: shape features differ, in name or order: "
     "only in the profile [], only in this program []; calibrate again"},
    {"\"after_convolution\", \"readers\"]", "\"after_convolution\"]",
     "mismatch: profile.json:121: layerwise.features: shape features differ, in name or order: "
     "only in the profile [], only in this program [readers]; calibrate again"},
    {"\"after_convolution\", \"readers\"]", "\"after_convolution\", \"colour\"]",
     "mismatch: profile.json:121: layerwise.features: shape features differ, in name or order: "
     "only in the profile [colour], only in this program [readers]; calibrate again"},
    {"\"readers\"]", "\"readers\", \"readers\"]",
     "mismatch: profile.json:121: layerwise.features: shape features differ, in name or order: "
     "only in the profile [], only in this program []; calibrate again"},
    {"\"readers\"]", "7]",
     "invalid: profile.json:121: layerwise.features[18]: expected a string, got 7"},
    {"\"scales\": [\n      [0.25, 0.125, 0.125, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n  "
     "  ]",
     "\"scales\": []",
     "invalid: profile.json:139: layerwise.scales: expected at least one list of scales"},
    {"[0.25, 0.125", "[0.125",
     "invalid: profile.json:140: layerwise.scales[0]: expected 19 numbers, got 18"},
    {"[0.25, 0.125", "[1001, 0.125",
     "invalid: profile.json:140: layerwise.scales[0][0]: expected a number from -1000 to 1000, got "
     "1001"},
    {"[0.25, 0.125", "[null, 0.125",
     "invalid: profile.json:140: layerwise.scales[0][0]: expected a number from -1000 to 1000, got "
     "null"},
    {"\"type\": \"linear\",\n        \"order\"", "\"type\": \"liner\",\n        \"order\"",
     "invalid: profile.json:144: layerwise.curves[0].type: expected a name of `types`, got "
     "\"liner\""},
    {"\"order\": \"\"", "\"order\": \"blocks\"",
     "invalid: profile.json:145: layerwise.curves[0].order: expected \"\", \"padded\", \"plain\" "
     "or \"reordered\", got \"blocks\""},
    {"\"phase\": \"forward\",\n        \"rows\"", "\"phase\": \"sideways\",\n        \"rows\"",
     "invalid: profile.json:146: layerwise.curves[0].phase: expected \"forward\", \"backward\" or "
     "\"update\", got \"sideways\""},
    {"\"rows\": 40", "\"rows\": 0",
     "invalid: profile.json:147: layerwise.curves[0].rows: expected a positive integer, got 0"},
    {"\"networks\": 12", "\"networks\": 1.5",
     "invalid: profile.json:148: layerwise.curves[0].networks: expected a positive integer, got "
     "1.5"},
    {"\"scale\": 0", "\"scale\": 1",
     "invalid: profile.json:149: layerwise.curves[0].scale: expected a non-negative integer up to "
     "0, got 1"},
    {"\"call_s\": 2e-6", "\"call_s\": -2e-6",
     "invalid: profile.json:150: layerwise.curves[0].call_s: expected a number from 0 to "
     "1000000000000, got -2e-6"},
    {"\"flop_s\": 2.5e-11", "\"flop_s\": null",
     "invalid: profile.json:151: layerwise.curves[0].flop_s: expected a number from 0 to "
     "1000000000000, got null"},
    {"\"byte_s\": 1.25e-10", "\"byte_s\": 1.1e12",
     "invalid: profile.json:152: layerwise.curves[0].byte_s: expected a number from 0 to "
     "1000000000000, got 1.1e12"},
    {"\"mean\": 0.02", "\"mean\": -101",
     "invalid: profile.json:153: layerwise.curves[0].mean: expected a number from -100 to 100, got "
     "-101"},
    {"\"residual_min\": -0.6", "\"residual_min\": 101",
     "invalid: profile.json:154: layerwise.curves[0].residual_min: expected a number from -100 to "
     "100, got 101"},
    {"\"residual_max\": 0.7", "\"residual_max\": -101",
     "invalid: profile.json:155: layerwise.curves[0].residual_max: expected a number from -100 to "
     "100, got -101"},
    {"\"residual_min\": -0.6", "\"residual_min\": 0.75",
     "invalid: profile.json:154: layerwise.curves[0].residual_min: expected at most residual_max, "
     "0.7, got 0.75"},
    {"\"x_min\": [0.5, ", "\"x_min\": [1.75, ",
     "invalid: profile.json:160: layerwise.curves[0].x_min: expected at most x_max in [0], 1.5, "
     "got "
     "1.75"},
    {"\"signal\": 0.3", "\"signal\": -0.3",
     "invalid: profile.json:156: layerwise.curves[0].signal: expected a number from 0 to 1000000, "
     "got -0.3"},
    {"\"noise\": 0.05", "\"noise\": 1.1e6",
     "invalid: profile.json:157: layerwise.curves[0].noise: expected a number from 0 to 1000000, "
     "got 1.1e6"},
    {"\"flops_max\": 2e9", "\"flops_max\": 1.1e24",
     "invalid: profile.json:158: layerwise.curves[0].flops_max: expected a number from 0 to 1e+24, "
     "got 1.1e24"},
    {"\"bytes_max\": 6e7", "\"bytes_max\": -1",
     "invalid: profile.json:159: layerwise.curves[0].bytes_max: expected a number from 0 to 1e+24, "
     "got -1"},
    {"\"x_min\": [0.5, ", "\"x_min\": [",
     "invalid: profile.json:160: layerwise.curves[0].x_min: expected 19 numbers, got 18"},
    {"\"x_min\": [0.5, ", "\"x_min\": [-1001, ",
     "invalid: profile.json:160: layerwise.curves[0].x_min[0]: expected a number from -1000 to "
     "1000, got -1001"},
    {"\"x_max\": [1.5, 1", "\"x_max\": [1.5, true",
     "invalid: profile.json:161: layerwise.curves[0].x_max[1]: expected a number from -1000 to "
     "1000, got true"},
    {"[0.125, 0.75, 0.5", "[1.1e9, 0.75, 0.5",
     "invalid: profile.json:163: layerwise.curves[0].support[0][0]: expected a number from "
     "-1000000000 to 1000000000, got 1.1e9"},
    {"[0.125, 0.75, 0.5", "[0.125, 0.5",
     "invalid: profile.json:163: layerwise.curves[0].support[0]: expected 20 numbers, got 19"},
    {"[0.125, 0.75, 0.5", "[0.125, 1001, 0.5",
     "invalid: profile.json:163: layerwise.curves[0].support[0][1]: expected a number from -1000 "
     "to 1000, got 1001"},
    {"[0.125, 0.75, 0.5", "[0.125, 0.75, [0.5]",
     "invalid: profile.json:163: layerwise.curves[0].support[0][2]: expected a number from -1000 "
     "to 1000, got an array"},
    {"\"support\": [\n          [0.125", "\"support\": [\n          7, [0.125",
     "invalid: profile.json:163: layerwise.curves[0].support[0]: expected an array, got 7"},
    {"\"type\": \"relu\",\n        \"order\": \"plain\"",
     "\"type\": \"linear\",\n        \"order\": \"\"",
     "invalid: profile.json:167: layerwise.curves[1]: expected the curves in the order of type, "
     "order and phase"},
    {"\"type\": \"linear\",\n        \"order\": \"\",",
     "\"type\": \"relu\",\n        \"order\": \"plain\",",
     "invalid: profile.json:167: layerwise.curves[1]: expected the curves in the order of type, "
     "order and phase"},
    {"\"type\": \"linear\",\n        \"order\": \"\",",
     "\"type\": \"update\",\n        \"order\": \"\",",
     "invalid: profile.json:167: layerwise.curves[1]: expected the curves in the order of type, "
     "order and phase"},
    {"\"layerwise\": {\n    \"features\"", "\"layer_wise\": {\n    \"features\"",
     "invalid: profile.json:120: layer_wise: unknown key, did you mean 'layerwise'?"},
    {"\"layerwise\": {\n    \"features\"",
     "\"layerwise\": null,\n  \"layerwise\": {\n    \"features\"",
     "invalid: profile.json:121: layerwise: the key is repeated: first given in line 120"},
    {"\"layerwise\": {\n      \"time\": {\n        \"networks\": 24",
     "\"layerwise\": {\n      \"time\": {\n        \"networks\": 0",
     "invalid: profile.json:27: errors.layerwise.time.networks: expected a positive integer, got "
     "0"},
};

Test(profile_layerwise, mistakes_get_their_message) {
  char *text = read_text(FIXTURES "/profiles/layerwise.json");
  for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
    char found[1400];
    struct jc_error error = {0};
    char *edited = edit_text(text, mistakes[i].find, mistakes[i].replacement);
    write_text(path, edited);
    (void)jc_profile_read(path, &pair.first, &error);
    describe_error(&error, found);
    cr_expect_str_eq(found, mistakes[i].message, "%s -> %s\nexpected: %s\n     got: %s",
                     mistakes[i].find, mistakes[i].replacement, mistakes[i].message, found);
    free(edited);
  }
  free(text);
}

/* Every key of the part is needed, and none is there twice or by another name. */
Test(profile_layerwise, every_key_is_needed) {
  static const char *const keys[] = {
      "features", "kappa",           "step_s",        "power_w",      "time_interval", "scales",
      "curves",   "constant",        "per_layer",     "per_logit",    "products",      "others",
      "update",   "energy_interval", "intercept",     "weight",       "mean",          "deviation",
      "width",    "seconds",         "concentration", "order",        "rows",          "scale",
      "call_s",   "flop_s",          "byte_s",        "residual_min", "residual_max",  "signal",
      "noise",    "x_min",           "x_max",         "support"};
  static const char mark[] = "\"layerwise\": {\n    \"features\"";
  char *text = read_text(FIXTURES "/profiles/layerwise.json");
  size_t before = 0; /* of the part */
  while (text[before] != '\0' && strncmp(text + before, mark, strlen(mark)) != 0)
    before++;
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    char find[64], replacement[64];
    struct jc_error error = {0};
    snprintf(find, sizeof(find), "\"%s\":", keys[i]);
    snprintf(replacement, sizeof(replacement), "\"%s_\":", keys[i]);
    char *edited = edit_text(text + before, find, replacement);
    char *whole = calloc(1, strlen(text) + 64);
    cr_assert_not_null(whole);
    snprintf(whole, strlen(text) + 64, "%.*s%s", (int)before, text, edited);
    write_text(path, whole);
    cr_expect_eq(jc_profile_read(path, &pair.first, &error), JC_ERROR_INVALID, "without %s",
                 keys[i]);
    cr_expect(strstr(error.text, "is missing") != NULL || strstr(error.text, "unknown key") != NULL,
              "without %s: %s", keys[i], error.text);
    free(whole);
    free(edited);
  }
  free(text);
}

/* More rows of support than there is room for, in one curve and in two. */
Test(profile_layerwise, too_much_support) {
  read_good(&pair.first);
  struct jc_layerwise *model = &pair.first.layerwise;
  struct jc_error error = {0};
  memset(model->support, 0, sizeof(model->support));
  memset(model->weight, 0, sizeof(model->weight));
  model->curves[0].support_count = JC_MAX_SUPPORT - 1;
  model->curves[1].first_support = JC_MAX_SUPPORT - 1;
  model->curves[1].support_count = 1;
  model->support_count = JC_MAX_SUPPORT;
  cr_assert_eq(jc_profile_write(path, &pair.first, &error), JC_OK, "%s", error.text);
  char *text = read_text(path);
  const char *row = "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]";
  char twice[200];
  snprintf(twice, sizeof(twice), "%s, %s", row, row);
  char *edited = edit_text(text, row, twice);
  write_text(path, edited);
  cr_assert_eq(jc_profile_read(path, &pair.again, &error), JC_ERROR_INVALID);
  cr_assert_str_eq(error.text, "expected at most 4096 support rows in all");
  cr_assert_str_eq(error.path, "layerwise.curves[1].support");
  free(text);
  free(edited);
}

/* ---- damage ---- */

Test(profile_layerwise, cut_anywhere_is_refused) {
  char *text = read_text(FIXTURES "/profiles/layerwise.json");
  for (size_t length = strlen(text) - 2; length > 0; length -= length > 41 ? 41 : length) {
    struct jc_error error = {0};
    const char *wrong;
    cr_assert_eq(check_profile_text(text, length, path, &pair, &wrong, &error), JC_ERROR_INVALID,
                 "cut at %zu: %s", length, error.text);
    cr_assert_null(wrong, "cut at %zu: %s", length, wrong);
  }
  free(text);
}

/* A byte in the place of another: refused, or read as written. */
Test(profile_layerwise, changed_bytes) {
  char *text = read_text(FIXTURES "/profiles/layerwise.json");
  const size_t length = strlen(text);
  for (int i = 0; i < 1000; i++) {
    struct jc_error error = {0};
    const char *wrong;
    const size_t at = random_bits() % length;
    const char kept = text[at];
    text[at] = i % 2 == 0 ? (char)random_bits() : "0123456789.-e"[random_bits() % 13];
    (void)check_profile_text(text, length, path, &pair, &wrong, &error);
    cr_assert_null(wrong, "byte %zu as '%c': %s", at, text[at], wrong);
    text[at] = kept;
  }
  free(text);
}

/* NAME.json with NAME.expect, the message; without: it is read. */
Test(profile_layerwise, corpus) {
  DIR *folder = opendir(TEST_SOURCE_DIR "/tests/corpus/profile");
  int count = 0;
  cr_assert_not_null(folder);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    const char *dot = strrchr(entry->d_name, '.');
    char name[PATH_MAX], found[1400] = "";
    struct jc_error error = {0};
    const char *wrong;
    if (dot == NULL || strcmp(dot, ".json") != 0)
      continue;
    snprintf(name, sizeof(name), TEST_SOURCE_DIR "/tests/corpus/profile/%s", entry->d_name);
    char *text = read_text(name);
    if (check_profile_text(text, strlen(text), path, &pair, &wrong, &error) != JC_OK) {
      snprintf(error.file, sizeof(error.file), "%s", entry->d_name);
      jc_error_format(&error, found, sizeof(found));
    }
    cr_expect_null(wrong, "%s: %s", name, wrong);
    snprintf(name, sizeof(name), TEST_SOURCE_DIR "/tests/corpus/profile/%.*s.expect",
             (int)(dot - entry->d_name), entry->d_name);
    char *expected = access(name, R_OK) == 0 ? read_text(name) : calloc(1, 1);
    expected[strcspn(expected, "\n")] = '\0';
    cr_expect_str_eq(found, expected, "%s\nexpected: %s\n     got: %s", name, expected, found);
    free(expected);
    free(text);
    count++;
  }
  closedir(folder);
  cr_assert_geq(count, 8);
}
