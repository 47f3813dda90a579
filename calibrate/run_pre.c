/* run_pre.c -- features, scaler and hyper-parameters of PRE. */
#include "calibrate/run_pre.h"

#include <math.h>
#include <stdlib.h>

#include "calibrate/kernel_ridge.h"

static const enum jc_run_number features[JC_PRE_FEATURE_COUNT] = {JC_PRE_FEATURES};

/* Of the published model files. */
static const double published_alpha = 0.000664468, published_gamma = 0.0441885604;

static void take_features(const struct jc_run_row *row, double *x) {
  for (uint32_t k = 0; k < JC_PRE_FEATURE_COUNT; k++)
    x[k] = row->values[features[k]];
}

static bool knows_features(const struct jc_run_row *row) {
  for (uint32_t k = 0; k < JC_PRE_FEATURE_COUNT; k++) {
    if (isnan(row->values[features[k]]))
      return false;
  }
  return true;
}

/* Over the whole table, as published: rows that are judged too. X has room for all. */
static void scale_over_all(struct jc_kernel_ridge *ridge, const struct jc_run_set *set, double *x) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < set->count; i++) {
    if (knows_features(&set->rows[i]))
      take_features(&set->rows[i], x + (size_t)JC_PRE_FEATURE_COUNT * count++);
  }
  jc_ridge_scale(ridge, x, count);
}

static enum jc_status learn(const struct jc_run_subset *learnt,
                            const struct jc_run_fit_options *options,
                            double (*target)(const struct jc_run_row *row),
                            struct jc_kernel_ridge *ridge, double *x, double *y,
                            struct jc_error *error) {
  if (options->as_published)
    scale_over_all(ridge, learnt->set, x);
  for (uint32_t i = 0; i < learnt->count; i++) {
    const struct jc_run_row *row = &learnt->set->rows[learnt->rows[i]];
    take_features(row, x + (size_t)JC_PRE_FEATURE_COUNT * i);
    y[i] = target(row);
  }
  if (options->as_published) {
    ridge->alpha = published_alpha;
    ridge->gamma = published_gamma;
    return jc_ridge_fit(ridge, x, y, learnt->count, error);
  }
  jc_ridge_scale(ridge, x, learnt->count);
  return jc_ridge_tune(ridge, x, y, learnt->count, error);
}

enum jc_status jc_pre_fit(const struct jc_run_subset *learnt,
                          const struct jc_run_fit_options *options,
                          double (*target)(const struct jc_run_row *row), void **state,
                          struct jc_error *error) {
  const size_t rows = learnt->set->count;
  struct jc_kernel_ridge *ridge = calloc(1, sizeof(*ridge));
  double *x = malloc(rows * (JC_PRE_FEATURE_COUNT + 1) * sizeof(*x));
  if (ridge == NULL || x == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    free(ridge);
  } else {
    ridge->feature_count = JC_PRE_FEATURE_COUNT;
    *state = ridge;
    (void)learn(learnt, options, target, ridge, x, x + rows * JC_PRE_FEATURE_COUNT, error);
  }
  free(x);
  return error->status;
}

double jc_pre_predict(const void *state, const struct jc_run_row *row) {
  double x[JC_PRE_FEATURE_COUNT];
  take_features(row, x);
  return jc_ridge_predict(state, x);
}

void jc_pre_release(void *state) {
  jc_ridge_free(state);
  free(state);
}

void jc_pre_put(const void *state, struct jc_json_writer *writer) {
  jc_put_inline_array(writer, "features");
  for (uint32_t k = 0; k < JC_PRE_FEATURE_COUNT; k++)
    jc_put_string(writer, NULL, jc_run_number_key(features[k]));
  jc_put_end(writer);
  jc_ridge_put(state, writer);
}
