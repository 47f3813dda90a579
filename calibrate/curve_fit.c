/* curve_fit.c -- a roofline by robust relative least squares, and a kernel regression on top. */
#include "calibrate/curve_fit.h"

#include <assert.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/nnls.h"

static const double shortest_s = 1e-7; /* no layer is believed to be faster */

/* ---- the roofline ---- */

enum { RATIOS = 30, ROUNDS = 4 };
static const double least_ratio = 0.05, largest_ratio = 200; /* rho, bytes as FLOPs */
static const double roofline_huber = 0.4;                    /* relative residual of full weight */
/* Units of the two coefficients: both then are near 1, and the equations well scaled. */
static const double call_unit_s = 1e-5, work_unit = 1e-11;

struct roofline {
  double ratio; /* rho; 0 where the rows have no FLOPs: bytes alone */
  double x[2];  /* in units */
  double loss;
};

static double work_of(const struct curve_row *row, double ratio) {
  return ratio > 0 ? fmax(row->flops, ratio * row->bytes) : row->bytes;
}

static double roofline_s(const struct roofline *roofline, const struct curve_row *row) {
  return fmax(shortest_s, roofline->x[0] * call_unit_s +
                              roofline->x[1] * work_unit * work_of(row, roofline->ratio));
}

/* Large layers count more, but not as their seconds: networks differ by a thousand. */
static double weight_of(const struct curve_row *row) {
  return sqrt(sqrt(fmax(row->share, 1e-3)));
}

/* One weighted relative fit; weights of outliers shrink with the round before. */
static enum jc_status fit_round(const struct curve_row *rows, uint32_t count, bool first,
                                struct roofline *roofline, struct jc_error *error) {
  double gram[4] = {0}, side[2] = {0}, work[16];
  for (uint32_t i = 0; i < count; i++) {
    const struct curve_row *row = &rows[i];
    const double a[2] = {call_unit_s / row->time_s,
                         work_unit * work_of(row, roofline->ratio) / row->time_s};
    const double off = fabs(a[0] * roofline->x[0] + a[1] * roofline->x[1] - 1);
    const double huber = first || off <= roofline_huber ? 1 : roofline_huber / off;
    const double weight = weight_of(row) * weight_of(row) * huber;
    for (int j = 0; j < 2; j++) {
      for (int k = 0; k < 2; k++)
        gram[j * 2 + k] += weight * a[j] * a[k];
      side[j] += weight * a[j];
    }
  }
  return jc_nnls(2, gram, side, roofline->x, work, error);
}

static enum jc_status fit_ratio(const struct curve_row *rows, uint32_t count, double ratio,
                                struct roofline *roofline, struct jc_error *error) {
  *roofline = (struct roofline){.ratio = ratio};
  for (int round = 0; round < ROUNDS; round++)
    if (fit_round(rows, count, round == 0, roofline, error) != JC_OK)
      return error->status;
  for (uint32_t i = 0; i < count; i++) {
    const double off = weight_of(&rows[i]) * log(roofline_s(roofline, &rows[i]) / rows[i].time_s);
    roofline->loss += off * off;
  }
  return JC_OK;
}

static enum jc_status fit_roofline(const struct curve_row *rows, uint32_t count,
                                   struct roofline *best, struct jc_error *error) {
  bool has_flops = false;
  for (uint32_t i = 0; i < count; i++)
    has_flops = has_flops || rows[i].flops > 0;
  if (!has_flops)
    return fit_ratio(rows, count, 0, best, error);
  best->loss = INFINITY;
  for (int k = 0; k < RATIOS; k++) {
    struct roofline candidate;
    const double ratio = least_ratio * pow(largest_ratio / least_ratio, (double)k / (RATIOS - 1));
    if (fit_ratio(rows, count, ratio, &candidate, error) != JC_OK)
      return error->status;
    if (candidate.loss < best->loss)
      *best = candidate;
  }
  return JC_OK;
}

/* ---- the residual ---- */

static const double small_share = 0.02, largest_noise = 0.5;
static const double mean_precision = 0.05;
static const double residual_huber = 2;    /* deviations of full weight */
static const double residual_margin = 0.2; /* beyond the samples' residuals */
static const double least_new = 1e-4;      /* what a support row must add to the ones before */
static const double jitter = 1e-6;

/* Everything of one regression, in one allocation. n rows, m support rows, p = m + 1. */
struct regression {
  const struct curve_row *rows;
  uint32_t n, m;
  uint32_t *chosen;  /* [m] */
  double *z, *noise; /* [n] log(t / roofline), variance of it */
  double *factor;    /* [n x m] pivoted Cholesky columns */
  double *left;      /* [n] what the support leaves open of each row */
  double *lower;     /* [m x m] */
  double *design;    /* [n x p] */
  double *hessian;   /* [p x p] */
  double *theta;     /* [p] */
};

static enum jc_status regression_create(struct regression *r, const struct curve_row *rows,
                                        uint32_t n, uint32_t m, struct jc_error *error) {
  const size_t p = (size_t)m + 1;
  *r = (struct regression){.rows = rows, .n = n, .m = m};
  double *block =
      calloc(3 * (size_t)n + (size_t)n * m + (size_t)m * m + n * p + p * p + p, sizeof(double));
  r->chosen = calloc(m, sizeof(*r->chosen));
  if (block == NULL || r->chosen == NULL) {
    free(block);
    free(r->chosen);
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for a fit of %u layers", n);
  }
  r->z = block;
  r->noise = r->z + n;
  r->left = r->noise + n;
  r->factor = r->left + n;
  r->lower = r->factor + (size_t)n * m;
  r->design = r->lower + (size_t)m * m;
  r->hessian = r->design + n * p;
  r->theta = r->hessian + p * p;
  return JC_OK;
}

static void regression_destroy(struct regression *r) {
  free(r->z);
  free(r->chosen);
}

static double kernel(const struct curve_row *a, const struct curve_row *b) {
  float sum = 0;
  for (int i = 0; i < JC_SHAPE_FEATURES; i++)
    sum += (a->x[i] - b->x[i]) * (a->x[i] - b->x[i]);
  return exp(-0.5 * (double)sum);
}

static uint32_t least_explained(const struct regression *r) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < r->n; i++)
    if (r->left[i] / r->noise[i] > r->left[best] / r->noise[best])
      best = i;
  return best;
}

/* Support rows by pivoted Cholesky of the kernel matrix, the row with the most left open in units
 * of its noise first. Stops where nothing new is left. */
static void choose_support(struct regression *r) {
  const uint32_t wanted = r->m;
  for (uint32_t i = 0; i < r->n; i++)
    r->left[i] = 1;
  for (r->m = 0; r->m < wanted; r->m++) {
    const uint32_t pivot = least_explained(r);
    if (r->left[pivot] < least_new)
      return;
    const double root = sqrt(r->left[pivot]);
    for (uint32_t i = 0; i < r->n; i++) {
      double value = kernel(&r->rows[i], &r->rows[pivot]);
      for (uint32_t k = 0; k < r->m; k++)
        value -= r->factor[i * (size_t)wanted + k] * r->factor[pivot * (size_t)wanted + k];
      value /= root;
      r->factor[i * (size_t)wanted + r->m] = value;
      r->left[i] = fmax(r->left[i] - value * value, 0);
    }
    r->chosen[r->m] = pivot;
  }
}

/* Rows [1, L^-1 k(Z, x)] of the design, L L' the kernel matrix of the support. Matrices are kept by
 * rows; LAPACK takes them by columns, and so sees each lower triangle as an upper one. */
static enum jc_status fill_design(struct regression *r, struct jc_error *error) {
  const lapack_int m = (lapack_int)r->m;
  const size_t p = (size_t)r->m + 1;
  for (uint32_t i = 0; i < r->m; i++)
    for (uint32_t j = 0; j < r->m; j++)
      r->lower[i * (size_t)r->m + j] =
          kernel(&r->rows[r->chosen[i]], &r->rows[r->chosen[j]]) + (i == j ? jitter : 0);
  if (m > 0 && LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', m, r->lower, m) != 0)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "the kernel matrix is not positive definite");
  for (uint32_t i = 0; i < r->n; i++) {
    double *row = r->design + i * p;
    row[0] = 1;
    for (uint32_t j = 0; j < r->m; j++)
      row[j + 1] = kernel(&r->rows[i], &r->rows[r->chosen[j]]);
  }
  if (m > 0)
    (void)LAPACKE_dtrtrs(LAPACK_COL_MAJOR, 'U', 'T', 'N', m, (lapack_int)r->n, r->lower, m,
                         r->design + 1, (lapack_int)p);
  return JC_OK;
}

static double residual_of(const struct regression *r, uint32_t i) {
  const size_t p = (size_t)r->m + 1;
  double sum = r->z[i];
  for (size_t j = 0; j < p; j++)
    sum -= r->design[i * p + j] * r->theta[j];
  return sum;
}

/* One ridge solution; weights of outliers shrink with the round before. */
static enum jc_status solve_round(struct regression *r, double signal, bool first,
                                  struct jc_error *error) {
  const size_t p = (size_t)r->m + 1;
  double *side = calloc(p, sizeof(double));
  if (side == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  memset(r->hessian, 0, p * p * sizeof(double));
  for (uint32_t i = 0; i < r->n; i++) {
    const double *row = r->design + i * p;
    const double off = first ? 0 : fabs(residual_of(r, i)) / sqrt(r->noise[i]);
    const double weight = (off <= residual_huber ? 1 : residual_huber / off) / r->noise[i];
    for (size_t j = 0; j < p; j++) {
      const double scaled = weight * row[j];
      for (size_t k = 0; k <= j; k++)
        r->hessian[j * p + k] += scaled * row[k];
      side[j] += scaled * r->z[i];
    }
  }
  r->hessian[0] += mean_precision;
  for (size_t j = 1; j < p; j++)
    r->hessian[j * p + j] += 1 / signal;
  memcpy(r->theta, side, p * sizeof(double));
  free(side);
  if (LAPACKE_dposv(LAPACK_COL_MAJOR, 'U', (lapack_int)p, 1, r->hessian, (lapack_int)p, r->theta,
                    (lapack_int)p) != 0)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "a ridge regression has no solution");
  return JC_OK;
}

/* Hands the solution to the model: weights of kernels, in single precision. */
static void keep_support(struct regression *r, struct jc_curve *curve, struct jc_layerwise *model) {
  const lapack_int m = (lapack_int)r->m;
  curve->mean = r->theta[0];
  curve->first_support = model->support_count;
  curve->support_count = r->m;
  if (m > 0)
    (void)LAPACKE_dtrtrs(LAPACK_COL_MAJOR, 'U', 'N', 'N', m, 1, r->lower, m, r->theta + 1, m);
  for (uint32_t j = 0; j < r->m; j++) {
    memcpy(model->support[model->support_count], r->rows[r->chosen[j]].x,
           sizeof(model->support[0]));
    model->weight[model->support_count++] = (float)r->theta[j + 1];
  }
}

static enum jc_status fit_residual(struct regression *r, struct jc_curve *curve,
                                   struct jc_layerwise *model, struct jc_error *error) {
  choose_support(r);
  if (fill_design(r, error) != JC_OK)
    return error->status;
  for (int round = 0; round < ROUNDS; round++)
    if (solve_round(r, curve->signal, round == 0, error) != JC_OK)
      return error->status;
  keep_support(r, curve, model);
  return JC_OK;
}

/* ---- one curve ---- */

static void find_ranges(const struct curve_row *rows, uint32_t count, struct jc_curve *curve) {
  memcpy(curve->x_min, rows[0].x, sizeof(curve->x_min));
  memcpy(curve->x_max, rows[0].x, sizeof(curve->x_max));
  curve->rows = count;
  curve->networks = 0;
  for (uint32_t i = 0; i < count; i++) {
    curve->networks += i == 0 || rows[i].network != rows[i - 1].network ? 1 : 0;
    curve->flops_max = fmax(curve->flops_max, rows[i].flops);
    curve->bytes_max = fmax(curve->bytes_max, rows[i].bytes);
    for (int k = 0; k < JC_SHAPE_FEATURES; k++) {
      curve->x_min[k] = fminf(curve->x_min[k], rows[i].x[k]);
      curve->x_max[k] = fmaxf(curve->x_max[k], rows[i].x[k]);
    }
  }
}

enum jc_status jc_curve_fit(const struct curve_row *rows, uint32_t count, uint32_t support_max,
                            struct jc_curve *curve, struct jc_layerwise *model,
                            struct jc_error *error) {
  struct roofline roofline = {0};
  struct regression r;
  const uint32_t support = support_max < count ? support_max : count;
  assert(support <= JC_MAX_SUPPORT - model->support_count);
  if (fit_roofline(rows, count, &roofline, error) != JC_OK ||
      regression_create(&r, rows, count, support, error) != JC_OK)
    return error->status;
  const double work_s = roofline.x[1] * work_unit;
  curve->call_s = roofline.x[0] * call_unit_s;
  curve->flop_s = roofline.ratio > 0 ? work_s : 0;
  curve->byte_s = roofline.ratio > 0 ? work_s * roofline.ratio : work_s;
  if (curve->call_s + work_s == 0)
    curve->call_s = shortest_s;
  find_ranges(rows, count, curve);
  curve->residual_min = INFINITY;
  curve->residual_max = -INFINITY;
  for (uint32_t i = 0; i < count; i++) {
    const struct jc_layerwise_row row = {.flops = rows[i].flops, .bytes = rows[i].bytes};
    r.z[i] = log(rows[i].time_s / jc_curve_roofline_s(curve, &row));
    r.noise[i] = fmin(curve->noise * (1 + small_share / rows[i].share), largest_noise);
    curve->residual_min = fmin(curve->residual_min, r.z[i] - residual_margin);
    curve->residual_max = fmax(curve->residual_max, r.z[i] + residual_margin);
  }
  (void)fit_residual(&r, curve, model, error);
  regression_destroy(&r);
  return error->status;
}
