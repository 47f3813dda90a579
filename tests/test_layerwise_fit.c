/* test_layerwise_fit.c -- the layer-wise fit on made-up machines whose law is known: it is found
 * again, from networks that are not judged by themselves. */
#include <math.h>
#include <stdlib.h>

#include "calibrate/layerwise_fit.h"
#include "tests/small_networks.h"

/* A linear congruential generator: the same numbers in every run. */
static uint64_t state;

static double uniform(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return ldexp((double)(state >> 11), -53);
}

static uint32_t below(uint32_t limit) {
  return (uint32_t)(uniform() * limit);
}

/* Of mean 0 and deviation 1, near enough. */
static double normal(void) {
  double sum = -6;
  for (int i = 0; i < 12; i++)
    sum += uniform();
  return sum;
}

/* ---- the machine ---- */

struct law {
  double call_s, flop_s, byte_s;
  double bend;        /* of the residual: bend x tanh(channels feature - 3) */
  double noise;       /* deviation of log time of a layer */
  double constant_s;  /* of a step, in no layer */
  double step_factor; /* a step over that and its layers */
  double power_w[JC_POWER_GROUP_COUNT];
  double energy_noise;
};

/* 20th of the ratios of bytes to FLOPs that the fit tries, so that it can be exact. */
static double grid_ratio(void) {
  return 0.05 * pow(200 / 0.05, 20 / 29.0);
}

static struct law plain_law(void) {
  return (struct law){.call_s = 2e-6,
                      .flop_s = 1e-11,
                      .byte_s = 1e-11 * grid_ratio(),
                      .step_factor = 1,
                      .power_w = {15, 15, 15}};
}

static double layer_seconds(const struct law *law, const struct jc_layerwise_row *row) {
  const double work_s = fmax(law->flop_s * row->flops, law->byte_s * row->bytes);
  const double bend = law->bend * tanh((double)row->x[JC_SHAPE_in_channels] - 3);
  return (law->call_s + work_s) * exp(bend + law->noise * normal());
}

/* ---- its sample networks ---- */

enum { MOST = 120, ROWS = MOST * 3 * SKETCH_LAYERS, IDLE_W = 4 };

/* Much is on the heap of the test's own process, and lives as long as it. */
struct samples {
  struct sketch *sketches;
  struct jc_timed_network networks[MOST];
  struct jc_layer_time times[ROWS];
  struct jc_timed_networks data;
};

static const uint32_t widths[] = {8, 16, 24, 32, 48, 64, 96, 128};

static void make_network(struct sketch *s) {
  const uint32_t side = 8U << below(3), depth = 2 + below(5);
  sketch_begin(s, "random", 3, (const uint32_t[]){3, side, side});
  for (uint32_t i = 0; i < depth; i++) {
    const uint32_t width = widths[below(8)];
    const bool pointwise = i > 0 && below(2) == 0;
    (void)sketch_then(s, "conv", JC_LAYER_conv2d,
                      conv_no_bias(width, pointwise ? 1 : 3, 1, pointwise ? 0 : 1));
    if (below(2) == 0)
      (void)sketch_then(s, "bn", JC_LAYER_batchnorm2d, batchnorm(true));
    (void)sketch_then(s, "relu", JC_LAYER_relu, no_fields());
    if (i == 1)
      (void)sketch_then(s, "pool", JC_LAYER_maxpool2d, maxpool(2, 2, 0));
  }
  (void)sketch_then(s, "pool", JC_LAYER_adaptive_avgpool2d, adaptive(1, 1));
  (void)sketch_then(s, "flatten", JC_LAYER_flatten, flatten_all());
  (void)sketch_then(s, "fc", JC_LAYER_linear, linear(10, true));
  (void)sketch_analyze(s);
}

/* Step and joules of a network from the seconds of its layers. */
static void sum_up(const struct law *law, struct samples *d, uint32_t index) {
  struct jc_timed_network *network = &d->networks[index];
  double layers_s = 0, active_j = law->power_w[JC_POWER_OTHERS] * law->constant_s;
  for (uint32_t i = network->first; i < network->first + network->count; i++) {
    const struct jc_layer_time *time = &d->times[i];
    layers_s += time->time_s;
    active_j += time->time_s * law->power_w[jc_power_group_of(time->row.phase, time->row.flops)];
  }
  network->step_s = law->step_factor * (layers_s + law->constant_s);
  network->active_j = law->step_factor * active_j * exp(law->energy_noise * normal());
  network->energy_j = network->active_j + IDLE_W * network->step_s;
}

static void measure(const struct law *law, struct samples *d, uint32_t index) {
  struct jc_timed_network *network = &d->networks[index];
  const struct jc_analysis *analysis = &d->sketches[index].analysis;
  *network = (struct jc_timed_network){
      .analysis = analysis, .batch_size = 1U << below(6), .first = d->data.time_count};
  for (uint32_t i = 0; i < analysis->network->layer_count; i++) {
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
      struct jc_layer_time *time = &d->times[d->data.time_count];
      jc_layerwise_features(analysis, i, (enum jc_phase)phase, network->batch_size, &time->row);
      time->time_s = layer_seconds(law, &time->row);
      d->data.time_count += time->row.absent ? 0 : 1;
    }
  }
  network->count = d->data.time_count - network->first;
  sum_up(law, d, index);
}

/* COUNT networks on the machine of LAW; the same for the same SEED. */
static struct samples *make_samples(const struct law *law, uint32_t count, uint64_t seed) {
  struct samples *d = calloc(1, sizeof(*d));
  cr_assert_not_null(d);
  d->sketches = calloc(count, sizeof(*d->sketches));
  cr_assert_not_null(d->sketches);
  state = seed;
  d->data.networks = d->networks;
  d->data.times = d->times;
  d->data.network_count = count;
  for (uint32_t i = 0; i < count; i++) {
    make_network(&d->sketches[i]);
    measure(law, d, i);
  }
  return d;
}

static void free_samples(struct samples *d) {
  free(d->sketches);
  free(d);
}

static struct jc_layerwise *fit_model(const struct samples *d, int fold) {
  struct jc_layerwise *model = malloc(sizeof(*model));
  struct jc_error error = {0};
  cr_assert_not_null(model);
  memset(model, 0x5a, sizeof(*model)); /* whatever it held before */
  cr_assert_eq(jc_layerwise_fit_model(&d->data, fold, model, &error), JC_OK, "%s", error.text);
  return model;
}

static struct jc_profile *fit_profile(const struct samples *d) {
  struct jc_profile *profile = calloc(1, sizeof(*profile));
  struct jc_error error = {0};
  cr_assert_not_null(profile);
  profile->idle_power_w = IDLE_W;
  cr_assert_eq(jc_layerwise_fit(&d->data, profile, &error), JC_OK, "%s", error.text);
  return profile;
}

static const struct jc_curve *curve_of(const struct jc_layerwise *model, const char *type,
                                       enum jc_phase phase) {
  for (uint32_t i = 0; i < model->curve_count; i++)
    if (model->curves[i].type == jc_type_find(type) && model->curves[i].phase == phase)
      return &model->curves[i];
  cr_assert_fail("no curve of %s", type);
  return NULL;
}

/* Forecast over measured step, of network INDEX. */
static double ratio_of(const struct jc_layerwise *model, const struct samples *d, uint32_t index) {
  const struct jc_timed_network *network = &d->networks[index];
  struct jc_layerwise_step step;
  jc_layerwise_step(model, network->analysis, network->batch_size, false, &step);
  return step.time_s / network->step_s;
}

struct errors {
  double mape, worst;
};

static struct errors errors_of(const struct jc_layerwise *model, const struct samples *d) {
  struct errors e = {0, 0};
  for (uint32_t i = 0; i < d->data.network_count; i++) {
    const double off = fabs(ratio_of(model, d, i) - 1);
    e.mape += off / d->data.network_count;
    e.worst = fmax(e.worst, off);
  }
  return e;
}

static void assert_within(double found, double expected, double relative, const char *what) {
  cr_assert(fabs(found - expected) <= relative * fabs(expected), "%s: expected %g, got %g", what,
            expected, found);
}

/* ---- what it finds ---- */

Test(layerwise_fit, coefficients_of_an_exact_roofline) {
  const struct law law = plain_law();
  struct samples *d = make_samples(&law, 60, 1);
  struct jc_layerwise *model = fit_model(d, JC_NO_FOLD);
  /* 1x1 convolutions of 8 to 128 channels lie on both sides of the roof. */
  for (int phase = JC_FORWARD; phase <= JC_BACKWARD; phase++) {
    const struct jc_curve *curve = curve_of(model, "conv2d.1x1", (enum jc_phase)phase);
    assert_within(curve->call_s, law.call_s, 1e-3, "seconds a call");
    assert_within(curve->flop_s, law.flop_s, 1e-3, "seconds a FLOP");
    assert_within(curve->byte_s, law.byte_s, 1e-3, "seconds a byte");
    cr_assert_float_eq(curve->mean, 0, 1e-3);
  }
  const struct jc_curve *relu = curve_of(model, "relu", JC_FORWARD);
  assert_within(relu->byte_s, law.byte_s, 1e-3, "seconds a byte");
  assert_within(relu->call_s, law.call_s, 1e-3, "seconds a call");
  cr_assert_eq(relu->flop_s, 0);
  assert_within(curve_of(model, "update", JC_UPDATE)->byte_s, law.byte_s, 1e-3, "update");
  assert_within(model->kappa, 1, 1e-3, "a step is the sum of its layers");
  for (int i = 0; i < 3; i++)
    cr_assert_lt(model->step_s[i], 1e-7, "nothing else takes time");
  free(model);
  free_samples(d);
}

static double largest_feature(const struct samples *d, const struct jc_curve *curve) {
  double most = 0;
  for (uint32_t i = 0; i < d->data.time_count; i++)
    if (d->times[i].row.type == curve->type && d->times[i].row.phase == curve->phase &&
        d->times[i].row.order == curve->order)
      most = fmax(most, d->times[i].row.bytes);
  return most;
}

Test(layerwise_fit, what_it_says_of_its_samples_is_true) {
  const struct law law = plain_law();
  struct samples *d = make_samples(&law, 30, 2);
  struct jc_layerwise *model = fit_model(d, JC_NO_FOLD);
  uint32_t rows = 0, support = 0;
  for (uint32_t i = 0; i < model->curve_count; i++) {
    const struct jc_curve *curve = &model->curves[i];
    cr_assert_leq(curve->support_count, curve->rows);
    cr_assert_leq(curve->networks, 30);
    cr_assert_geq(curve->networks, 1);
    cr_assert_eq(curve->first_support, support);
    cr_assert_lt(curve->scale, model->scale_count);
    support += curve->support_count;
    if (curve->type == JC_TYPE_ANY)
      continue;
    rows += curve->rows;
    cr_assert_eq(curve->bytes_max, largest_feature(d, curve));
  }
  cr_assert_eq(rows, d->data.time_count, "each layer is in one curve");
  cr_assert_eq(support, model->support_count);
  free(model);
  free_samples(d);
}

/* A bend of 25 % either way over the channels, and 3 % of noise: networks that no fit saw are
 * forecast within a few percent. */
Test(layerwise_fit, bent_and_noisy_law_on_networks_never_seen) {
  struct law law = plain_law();
  law.bend = 0.25;
  law.noise = 0.03;
  law.constant_s = 2e-5;
  struct samples *d = make_samples(&law, 100, 3), *fresh = make_samples(&law, 60, 4);
  struct jc_layerwise *model = fit_model(d, JC_NO_FOLD);
  const struct errors e = errors_of(model, fresh);
  cr_assert(e.mape < 0.03 && e.worst < 0.15, "MAPE %.3f, worst %.3f", e.mape, e.worst);
  free(model);
  free_samples(d);
  free_samples(fresh);
}

/* What the layers leave of a step is found as a constant; if they sum to more than the step, as a
 * factor. */
Test(layerwise_fit, what_no_layer_has) {
  struct law law = plain_law();
  law.constant_s = 3e-4;
  struct samples *d = make_samples(&law, 60, 5);
  struct jc_layerwise *model = fit_model(d, JC_NO_FOLD);
  for (uint32_t i = 0; i < 60; i++) {
    const struct jc_timed_network *network = &d->networks[i];
    assert_within(jc_layerwise_fixed_s(model, network->analysis, network->batch_size), 3e-4, 0.05,
                  "seconds in no layer");
  }
  assert_within(model->kappa, 1, 0.01, "factor");
  free(model);
  free_samples(d);

  law.constant_s = 0;
  law.step_factor = 0.96;
  d = make_samples(&law, 60, 5);
  model = fit_model(d, JC_NO_FOLD);
  assert_within(model->kappa, 0.96, 0.005, "factor");
  cr_assert_lt(errors_of(model, d).worst, 0.02);
  free(model);
  free_samples(d);
}

/* ---- what it withstands ---- */

/* Every 20th layer took ten times as long, in a step that shows it. */
Test(layerwise_fit, outliers_are_resisted) {
  struct law law = plain_law();
  law.noise = 0.02;
  struct samples *d = make_samples(&law, 80, 6), *fresh = make_samples(&law, 40, 7);
  for (uint32_t i = 7; i < d->data.time_count; i += 20)
    d->times[i].time_s *= 10;
  for (uint32_t i = 0; i < 80; i++)
    sum_up(&law, d, i);
  struct jc_layerwise *model = fit_model(d, JC_NO_FOLD);
  /* The factor on whole steps takes the outliers for true: it is judged without. */
  model->kappa = 1;
  for (int i = 0; i < 3; i++)
    model->step_s[i] = 0;
  const struct errors e = errors_of(model, fresh);
  cr_assert(e.mape < 0.10 && e.worst < 0.40, "MAPE %.3f, worst %.3f", e.mape, e.worst);
  free(model);
  free_samples(d);
  free_samples(fresh);
}

Test(layerwise_fit, fewer_rows_than_support) {
  const struct law law = plain_law();
  struct samples *d = make_samples(&law, 3, 8);
  struct jc_layerwise *model = fit_model(d, JC_NO_FOLD);
  for (uint32_t i = 0; i < model->curve_count; i++)
    cr_assert_leq(model->curves[i].support_count, model->curves[i].rows);
  cr_assert_lt(errors_of(model, d).worst, 0.05, "worst %g", errors_of(model, d).worst);
  free(model);
  free_samples(d);
}

Test(layerwise_fit, one_network) {
  const struct law law = plain_law();
  struct samples *d = make_samples(&law, 1, 9);
  struct jc_profile *profile = calloc(1, sizeof(*profile));
  struct jc_error error = {0};
  struct jc_layerwise *model = fit_model(d, JC_NO_FOLD);
  cr_assert_not_null(profile);
  cr_assert_lt(errors_of(model, d).worst, 0.05);
  cr_assert_eq(jc_layerwise_fit(&d->data, profile, &error), JC_ERROR_MISSING,
               "there is nothing to judge it by");
  cr_assert_str_eq(error.text, "expected at least 2 sample networks to fit times of layers, got 1");
  d->data.network_count = 0;
  memset(&error, 0, sizeof(error));
  cr_assert_eq(jc_layerwise_fit_model(&d->data, JC_NO_FOLD, model, &error), JC_ERROR_MISSING);
  cr_assert_str_eq(error.text, "expected at least 1 sample networks to fit times of layers, got 0");
  free(model);
  free(profile);
  free_samples(d);
}

/* A clock too coarse for anything. */
Test(layerwise_fit, all_times_equal) {
  const struct law law = {.call_s = 1e-4, .step_factor = 1, .power_w = {9, 9, 9}};
  struct samples *d = make_samples(&law, 20, 10);
  struct jc_layerwise *model = fit_model(d, JC_NO_FOLD);
  for (uint32_t i = 0; i < model->curve_count; i++) {
    assert_within(model->curves[i].call_s, 1e-4, 1e-6, "seconds a call");
    cr_assert_lt(model->curves[i].byte_s * model->curves[i].bytes_max, 1e-9);
  }
  cr_assert_lt(errors_of(model, d).worst, 1e-3);
  free(model);
  free_samples(d);
}

/* From a tenth of a microsecond to an hour a layer. */
Test(layerwise_fit, extreme_times_stay_finite) {
  struct law law = plain_law();
  law.noise = 6;
  struct samples *d = make_samples(&law, 30, 11);
  struct jc_profile *profile = fit_profile(d);
  const struct jc_layerwise *model = &profile->layerwise;
  cr_assert(isfinite(model->kappa) && model->kappa > 0);
  for (uint32_t i = 0; i < model->curve_count; i++) {
    const struct jc_curve *c = &model->curves[i];
    cr_assert(isfinite(c->call_s) && isfinite(c->flop_s) && isfinite(c->byte_s) &&
              isfinite(c->mean) && c->residual_min <= c->residual_max);
  }
  for (uint32_t i = 0; i < model->support_count; i++)
    cr_assert(isfinite(model->weight[i]));
  for (int i = 0; i < 3; i++)
    cr_assert(isfinite(model->time_interval.width[i]) && isfinite(model->energy_interval.width[i]));
  free(profile);
  free_samples(d);
}

/* ---- folds ---- */

/* Network 13 is of fold 3: there, and only there, it makes no difference what it took. */
Test(layerwise_fit, folds_never_see_the_network_they_judge) {
  struct law law = plain_law();
  law.noise = 0.03;
  struct samples *d = make_samples(&law, 25, 12);
  struct jc_layerwise *before[JC_FIT_FOLDS];
  for (int fold = 0; fold < JC_FIT_FOLDS; fold++)
    before[fold] = fit_model(d, fold);
  struct jc_timed_network *absurd = &d->networks[13];
  for (uint32_t i = absurd->first; i < absurd->first + absurd->count; i++)
    d->times[i].time_s *= 1000;
  absurd->step_s *= 1000;
  absurd->active_j *= 1e6;
  absurd->energy_j *= 1e6;
  for (int fold = 0; fold < JC_FIT_FOLDS; fold++) {
    struct jc_layerwise *after = fit_model(d, fold);
    const bool same = memcmp(before[fold], after, sizeof(*after)) == 0;
    cr_assert_eq(same, fold == 3, "fold %d %s", fold, same ? "did not see it" : "saw it");
    free(after);
    free(before[fold]);
  }
  free_samples(d);
}

/* The errors that the profile tells are those of the folds, none of the fit on everything. */
Test(layerwise_fit, errors_are_those_of_the_folds) {
  struct law law = plain_law();
  law.noise = 0.05;
  struct samples *d = make_samples(&law, 20, 13);
  struct jc_profile *profile = fit_profile(d);
  double mape = 0, worst = 0;
  for (int fold = 0; fold < JC_FIT_FOLDS; fold++) {
    struct jc_layerwise *model = fit_model(d, fold);
    for (uint32_t i = (uint32_t)fold; i < 20; i += JC_FIT_FOLDS) {
      const double off = fabs(ratio_of(model, d, i) - 1);
      mape += off / 20;
      worst = fmax(worst, off);
    }
    free(model);
  }
  cr_assert_eq(profile->layerwise_time_error.networks, 20);
  assert_within(profile->layerwise_time_error.mape, mape, 1e-9, "MAPE");
  assert_within(profile->layerwise_time_error.worst, worst, 1e-9, "worst");
  free(profile);
  free_samples(d);
}

Test(layerwise_fit, equal_samples_give_equal_bytes) {
  struct law law = plain_law();
  law.noise = 0.05;
  law.bend = 0.2;
  struct samples *d = make_samples(&law, 40, 14), *again = make_samples(&law, 40, 14);
  struct jc_profile *a = fit_profile(d), *b = fit_profile(d), *c = fit_profile(again);
  cr_assert_eq(memcmp(a, b, sizeof(*a)), 0, "the same samples");
  cr_assert_eq(memcmp(a, c, sizeof(*a)), 0, "equal samples elsewhere in memory");
  free(a);
  free(b);
  free(c);
  free_samples(d);
  free_samples(again);
}

/* ---- watts ---- */

Test(layerwise_fit, equal_watts_are_found) {
  const struct law law = plain_law();
  struct samples *d = make_samples(&law, 40, 15);
  struct jc_layerwise *model = fit_model(d, JC_NO_FOLD);
  for (int g = 0; g < JC_POWER_GROUP_COUNT; g++)
    assert_within(model->power_w[g], 15, 1e-6, jc_power_group_name((enum jc_power_group)g));
  free(model);
  free_samples(d);
}

static double mean_power_w(const struct samples *d) {
  double sum = 0;
  for (uint32_t i = 0; i < d->data.network_count; i++)
    sum += d->networks[i].active_j / d->networks[i].step_s / d->data.network_count;
  return sum;
}

/* With exact windows the watts move from their mean towards the truth, and never beyond; a fifth of
 * noise on each window, ten times what is tolerated, moves none of them far. */
Test(layerwise_fit, different_watts_are_shrunk_to_their_mean) {
  struct law law = plain_law();
  law.power_w[JC_POWER_PRODUCTS] = 20;
  law.power_w[JC_POWER_OTHERS] = 10;
  law.power_w[JC_POWER_UPDATE] = 10;
  struct samples *d = make_samples(&law, 80, 16);
  struct jc_layerwise *exact = fit_model(d, JC_NO_FOLD);
  const double mean = mean_power_w(d);
  cr_assert(exact->power_w[JC_POWER_PRODUCTS] > mean && exact->power_w[JC_POWER_PRODUCTS] < 20.5,
            "products: %g W, mean %g W", exact->power_w[JC_POWER_PRODUCTS], mean);
  cr_assert(exact->power_w[JC_POWER_OTHERS] < mean && exact->power_w[JC_POWER_OTHERS] > 9.5,
            "others: %g W, mean %g W", exact->power_w[JC_POWER_OTHERS], mean);
  double worst = 0;
  for (uint32_t i = 0; i < 80; i++) {
    struct jc_layerwise_step step;
    jc_layerwise_step(exact, d->networks[i].analysis, d->networks[i].batch_size, false, &step);
    worst = fmax(worst, fabs(step.active_j / d->networks[i].active_j - 1));
  }
  cr_assert_lt(worst, 0.25, "%g of the joules", worst);
  free_samples(d);

  law.energy_noise = 0.2;
  d = make_samples(&law, 20, 17);
  struct jc_layerwise *noisy = fit_model(d, JC_NO_FOLD);
  for (int g = 0; g < JC_POWER_GROUP_COUNT; g++)
    cr_assert(noisy->power_w[g] > 0.6 * mean && noisy->power_w[g] < 1.6 * mean, "%s: %g W of %g",
              jc_power_group_name((enum jc_power_group)g), noisy->power_w[g], mean);
  free(exact);
  free(noisy);
  free_samples(d);
}

/* ---- intervals ---- */

static double coverage(const struct jc_profile *profile, const struct samples *fresh, int level) {
  const struct jc_interval_model *m = &profile->layerwise.time_interval;
  double inside = 0;
  for (uint32_t i = 0; i < fresh->data.network_count; i++) {
    const struct jc_timed_network *network = &fresh->networks[i];
    struct jc_layerwise_step step;
    jc_layerwise_step(&profile->layerwise, network->analysis, network->batch_size, false, &step);
    const double width = m->width[level] * jc_interval_unit(m, step.difficulty);
    inside += fabs(log(network->step_s / step.time_s)) <= width ? 1 : 0;
  }
  return inside / fresh->data.network_count;
}

Test(layerwise_fit, intervals_cover_networks_never_seen) {
  struct law law = plain_law();
  law.noise = 0.1;
  law.bend = 0.2;
  struct samples *d = make_samples(&law, 80, 18), *fresh = make_samples(&law, 120, 19);
  struct jc_profile *profile = fit_profile(d);
  const double covered = coverage(profile, fresh, 2), half = coverage(profile, fresh, 0);
  cr_assert(covered >= 0.8 && covered <= 1, "90 %%: %g", covered);
  cr_assert(half >= 0.3 && half <= 0.8, "50 %%: %g", half);
  for (int i = 1; i < 3; i++) {
    cr_assert_geq(profile->layerwise.time_interval.width[i],
                  profile->layerwise.time_interval.width[i - 1]);
    cr_assert_geq(profile->layerwise.energy_interval.width[i],
                  profile->layerwise.energy_interval.width[i - 1]);
  }
  free(profile);
  free_samples(d);
  free_samples(fresh);
}

Test(layerwise_fit, nine_networks_have_a_90_percent_interval_and_eight_have_none) {
  struct law law = plain_law();
  law.noise = 0.05;
  for (uint32_t count = 8; count <= 9; count++) {
    struct samples *d = make_samples(&law, count, 20);
    struct jc_profile *profile = fit_profile(d);
    cr_assert_eq(isnan(profile->layerwise.time_interval.width[2]) != 0, count == 8, "%u", count);
    cr_assert_eq(isnan(profile->layerwise.energy_interval.width[2]) != 0, count == 8, "%u", count);
    cr_assert(isfinite(profile->layerwise.time_interval.width[1]), "%u", count);
    cr_assert_eq(profile->layerwise_energy_error.networks, count);
    free(profile);
    free_samples(d);
  }
}
