/* kernel_ridge.c -- the ridge system of different rows, solved by LAPACKE's Cholesky. */
#include "calibrate/kernel_ridge.h"

#include <assert.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void jc_ridge_scale(struct jc_kernel_ridge *ridge, const double *x, uint32_t count) {
  const uint32_t d = ridge->feature_count;
  assert(count > 0 && d <= JC_RIDGE_FEATURES);
  for (uint32_t k = 0; k < d; k++) {
    double mean = 0, square = 0;
    for (uint32_t i = 0; i < count; i++)
      mean += x[(size_t)i * d + k] / count;
    for (uint32_t i = 0; i < count; i++)
      square += pow(x[(size_t)i * d + k] - mean, 2) / count;
    ridge->mean[k] = mean;
    /* A column that does not vary but for rounding is left alone. */
    ridge->deviation[k] = square > pow(1e-12 * mean, 2) ? sqrt(square) : 1;
  }
}

static void standardise(const struct jc_kernel_ridge *ridge, const double *x, double *z) {
  for (uint32_t k = 0; k < ridge->feature_count; k++)
    z[k] = (x[k] - ridge->mean[k]) / ridge->deviation[k];
}

static double kernel(const struct jc_kernel_ridge *ridge, const double *a, const double *b) {
  double square = 0;
  for (uint32_t k = 0; k < ridge->feature_count; k++)
    square += (a[k] - b[k]) * (a[k] - b[k]);
  return exp(-ridge->gamma * square);
}

/* Gathers equal rows: centres, the sum of their Y into the weights, their number into SIZES. */
static void gather(struct jc_kernel_ridge *ridge, const double *x, const double *y, uint32_t count,
                   double *sizes) {
  const uint32_t d = ridge->feature_count;
  double z[JC_RIDGE_FEATURES];
  ridge->count = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t c = 0;
    standardise(ridge, x + (size_t)i * d, z);
    while (c < ridge->count && memcmp(ridge->centres + (size_t)c * d, z, d * sizeof(*z)) != 0)
      c++;
    if (c == ridge->count) {
      memcpy(ridge->centres + (size_t)c * d, z, d * sizeof(*z));
      ridge->weights[c] = sizes[c] = 0;
      ridge->count++;
    }
    ridge->weights[c] += y[i];
    sizes[c]++;
  }
}

static enum jc_status solve(struct jc_kernel_ridge *ridge, const double *sizes,
                            struct jc_error *error) {
  const uint32_t n = ridge->count, d = ridge->feature_count;
  double *matrix = malloc((size_t)n * n * sizeof(*matrix));
  if (matrix == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (uint32_t i = 0; i < n; i++) {
    ridge->weights[i] /= sizes[i];
    for (uint32_t j = 0; j <= i; j++)
      matrix[(size_t)i * n + j] =
          kernel(ridge, ridge->centres + (size_t)i * d, ridge->centres + (size_t)j * d);
    matrix[(size_t)i * n + i] += ridge->alpha / sizes[i];
  }
  if (LAPACKE_dposv(LAPACK_ROW_MAJOR, 'L', (lapack_int)n, 1, matrix, (lapack_int)n, ridge->weights,
                    1) != 0)
    (void)jc_fail(error, JC_ERROR_RUNTIME, 0, NULL,
                  "kernel ridge: the system of %u rows cannot be solved", n);
  free(matrix);
  return error->status;
}

enum jc_status jc_ridge_fit(struct jc_kernel_ridge *ridge, const double *x, const double *y,
                            uint32_t count, struct jc_error *error) {
  double *sizes = malloc((size_t)count * sizeof(*sizes));
  jc_ridge_free(ridge);
  ridge->centres = malloc((size_t)count * ridge->feature_count * sizeof(*ridge->centres));
  ridge->weights = malloc((size_t)count * sizeof(*ridge->weights));
  if (sizes == NULL || ridge->centres == NULL || ridge->weights == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else {
    gather(ridge, x, y, count, sizes);
    (void)solve(ridge, sizes, error);
  }
  free(sizes);
  return error->status;
}

/* Squared error of the rows i with i mod FOLDS = FOLD, by a fit to the others. */
static double fold_error(struct jc_kernel_ridge *ridge, const double *x, const double *y,
                         uint32_t count, uint32_t fold, uint32_t folds, double *kept_x,
                         double *kept_y, struct jc_error *error) {
  const uint32_t d = ridge->feature_count;
  uint32_t kept = 0;
  double sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (i % folds == fold)
      continue;
    memcpy(kept_x + (size_t)kept * d, x + (size_t)i * d, d * sizeof(*x));
    kept_y[kept++] = y[i];
  }
  if (jc_ridge_fit(ridge, kept_x, kept_y, kept, error) != JC_OK)
    return INFINITY;
  for (uint32_t i = fold; i < count; i += folds)
    sum += pow(jc_ridge_predict(ridge, x + (size_t)i * d) - y[i], 2);
  return sum;
}

enum jc_status jc_ridge_tune(struct jc_kernel_ridge *ridge, const double *x, const double *y,
                             uint32_t count, struct jc_error *error) {
  enum { FOLDS = 5 };
  static const double alphas[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1};
  static const double gammas[] = {0.003, 0.01, 0.03, 0.1, 0.3};
  double best = INFINITY, alpha = alphas[2], gamma = gammas[2];
  double *kept = malloc((size_t)count * (ridge->feature_count + 1) * sizeof(*kept));
  if (kept == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (size_t i = 0; count >= FOLDS && i < 25 && !jc_error_is_set(error); i++) {
    double sum = 0;
    ridge->alpha = alphas[i / 5];
    ridge->gamma = gammas[i % 5];
    for (uint32_t fold = 0; fold < FOLDS && !jc_error_is_set(error); fold++)
      sum += fold_error(ridge, x, y, count, fold, FOLDS, kept,
                        kept + (size_t)count * ridge->feature_count, error);
    if (sum < best) {
      best = sum;
      alpha = ridge->alpha;
      gamma = ridge->gamma;
    }
  }
  free(kept);
  ridge->alpha = alpha;
  ridge->gamma = gamma;
  return jc_error_is_set(error) ? error->status : jc_ridge_fit(ridge, x, y, count, error);
}

double jc_ridge_predict(const struct jc_kernel_ridge *ridge, const double *x) {
  double z[JC_RIDGE_FEATURES], sum = 0;
  standardise(ridge, x, z);
  for (uint32_t i = 0; i < ridge->count; i++)
    sum += ridge->weights[i] * kernel(ridge, z, ridge->centres + (size_t)i * ridge->feature_count);
  return sum;
}

void jc_ridge_free(struct jc_kernel_ridge *ridge) {
  free(ridge->centres);
  free(ridge->weights);
  ridge->centres = ridge->weights = NULL;
  ridge->count = 0;
}

static void put_reals(struct jc_json_writer *writer, const char *key, const double *values,
                      size_t count) {
  jc_put_inline_array(writer, key);
  for (size_t i = 0; i < count; i++)
    jc_put_real(writer, NULL, values[i]);
  jc_put_end(writer);
}

void jc_ridge_put(const struct jc_kernel_ridge *ridge, struct jc_json_writer *writer) {
  jc_put_real(writer, "alpha", ridge->alpha);
  jc_put_real(writer, "gamma", ridge->gamma);
  put_reals(writer, "mean", ridge->mean, ridge->feature_count);
  put_reals(writer, "deviation", ridge->deviation, ridge->feature_count);
  jc_put_array(writer, "centres");
  for (uint32_t i = 0; i < ridge->count; i++)
    put_reals(writer, NULL, ridge->centres + (size_t)i * ridge->feature_count,
              ridge->feature_count);
  jc_put_end(writer);
  put_reals(writer, "weights", ridge->weights, ridge->count);
}
