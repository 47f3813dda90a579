/* test_profile_layerwise.c -- the `layerwise` part of a profile comes back bit for bit, and every
 * mistake in it is told with its place. */
#include <math.h>

#include "tests/file_fixtures.h"
#include "tests/profile_property.h"

static char scratch[PATH_MAX], path[PATH_MAX];
static struct profile_pair pair;

static void setup(void) {
  make_scratch(scratch);
  join_path(path, scratch, "profile.json");
}

static void teardown(void) {
  remove_scratch(scratch);
}

TestSuite(profile_layerwise, .init = setup, .fini = teardown);

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

/* The largest numbers that may stand there, unknown widths, and the ends of a float. */
Test(profile_layerwise, extremes_come_back) {
  read_good(&pair.first);
  struct jc_layerwise *model = &pair.first.layerwise;
  model->kappa = 1e6;
  model->time_interval.width[0] = model->energy_interval.width[2] = NAN;
  model->time_interval.deviation[0] = 4.9406564584124654e-324;
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
  const char *message; /* behind "profile.json:" */
} mistakes[] = {
#include "tests/profile_layerwise_mistakes.h"
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
  char *text = read_text(FIXTURES "/profiles/layerwise.json");
  char *part = strstr(text, "\"layerwise\": {\n    \"features\"");
  cr_assert_not_null(part);
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    char find[64], replacement[64];
    struct jc_error error = {0};
    snprintf(find, sizeof(find), "\"%s\":", keys[i]);
    snprintf(replacement, sizeof(replacement), "\"%s_\":", keys[i]);
    char *edited = edit_text(part, find, replacement);
    char *whole = calloc(1, strlen(text) + 64);
    cr_assert_not_null(whole);
    snprintf(whole, strlen(text) + 64, "%.*s%s", (int)(part - text), text, edited);
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
