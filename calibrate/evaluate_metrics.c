/* evaluate_metrics.c -- the statistics, each by its definition. */
#include "calibrate/evaluate_metrics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "calibrate/order.h"

/* 1 - sum (f - m)^2 / sum (m - mean m)^2; NAN where all m are equal. */
static double r2_of(const struct jc_judged *judged, uint32_t count, double (*scale)(double)) {
  double mean = 0, residual = 0, total = 0;
  for (uint32_t i = 0; i < count; i++)
    mean += scale(judged[i].measured_j) / count;
  for (uint32_t i = 0; i < count; i++) {
    const double m = scale(judged[i].measured_j);
    residual += pow(scale(judged[i].forecast_j) - m, 2);
    total += pow(m - mean, 2);
  }
  return total > 0 ? 1 - residual / total : NAN;
}

static double plain(double value) {
  return value;
}

/* A forecast of 0 or less has no logarithm: it is as wrong as can be. */
static double logarithm(double value) {
  return value > 0 ? log(value) : -INFINITY;
}

struct ranked {
  double value, rank;
  uint32_t place;
};

static int by_value(const void *a, const void *b) {
  return compare_doubles(&((const struct ranked *)a)->value, &((const struct ranked *)b)->value);
}

static int by_place(const void *a, const void *b) {
  const uint32_t x = ((const struct ranked *)a)->place, y = ((const struct ranked *)b)->place;
  return (x > y) - (x < y);
}

/* Ranks of VALUES, equal ones at the mean of their ranks; in the order they were given. */
static void rank(struct ranked *values, uint32_t count) {
  qsort(values, count, sizeof(*values), by_value);
  for (uint32_t i = 0, end; i < count; i = end) {
    for (end = i; end < count && values[end].value == values[i].value; end++)
      ;
    for (uint32_t k = i; k < end; k++)
      values[k].rank = (i + end - 1) / 2.0;
  }
  qsort(values, count, sizeof(*values), by_place);
}

static double spearman_of(const struct jc_judged *judged, uint32_t count, struct ranked *work) {
  struct ranked *f = work, *m = work + count;
  const double mean = (count - 1) / 2.0;
  double both = 0, of_f = 0, of_m = 0;
  for (uint32_t i = 0; i < count; i++) {
    f[i] = (struct ranked){judged[i].forecast_j, 0, i};
    m[i] = (struct ranked){judged[i].measured_j, 0, i};
  }
  rank(f, count);
  rank(m, count);
  for (uint32_t i = 0; i < count; i++) {
    both += (f[i].rank - mean) * (m[i].rank - mean);
    of_f += pow(f[i].rank - mean, 2);
    of_m += pow(m[i].rank - mean, 2);
  }
  return of_f > 0 && of_m > 0 ? both / sqrt(of_f * of_m) : NAN;
}

/* Share of the runs with |log(forecast / measured)| within their half-width. */
static double coverage_of(const struct jc_judged *judged, uint32_t count) {
  uint32_t known = 0, inside = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (isnan(judged[i].half_width))
      continue;
    known++;
    inside +=
        fabs(logarithm(judged[i].forecast_j) - log(judged[i].measured_j)) <= judged[i].half_width;
  }
  return known > 0 ? (double)inside / known : NAN;
}

enum jc_status jc_statistics_of(const struct jc_judged *judged, uint32_t count,
                                struct jc_statistics *s, struct jc_error *error) {
  double *sizes = malloc(count * sizeof(*sizes)), squares = 0;
  struct ranked *work = malloc(2 * (size_t)count * sizeof(*work));
  assert(count >= 1);
  *s = (struct jc_statistics){.n = count};
  if (sizes == NULL || work == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else {
    for (uint32_t i = 0; i < count; i++) {
      const double e = judged[i].forecast_j / judged[i].measured_j - 1;
      sizes[i] = fabs(e);
      s->mape += sizes[i] / count;
      s->bias += e / count;
      squares += pow(judged[i].forecast_j - judged[i].measured_j, 2);
      if (i == 0 || sizes[i] > s->worst) {
        s->worst = sizes[i];
        s->worst_row = judged[i].row;
      }
    }
    s->rmse_j = sqrt(squares / count);
    s->r2 = r2_of(judged, count, plain);
    s->r2_log = r2_of(judged, count, logarithm);
    s->spearman = spearman_of(judged, count, work);
    s->coverage = coverage_of(judged, count);
    s->median = median_of(sizes, count); /* which sorts them */
    s->p90 = sizes[(uint32_t)ceil(0.9 * count) - 1];
  }
  free(sizes);
  free(work);
  return error->status;
}

static int by_fold(const void *a, const void *b) {
  const struct jc_judged *x = a, *y = b;
  return x->fold != y->fold ? (x->fold > y->fold) - (x->fold < y->fold)
                            : (x->row > y->row) - (x->row < y->row);
}

/* Adds VALUE to a mean over those folds that have one. */
static void add_to_mean(double *sum, uint32_t *folds, double value) {
  if (!isfinite(value))
    return;
  *sum += value;
  ++*folds;
}

enum { MEANS = 9 };

static void list_means(struct jc_statistics *s, double *list[MEANS]) {
  double *const means[MEANS] = {&s->mape, &s->median, &s->p90,      &s->bias,    &s->rmse_j,
                                &s->r2,   &s->r2_log, &s->spearman, &s->coverage};
  for (int i = 0; i < MEANS; i++)
    list[i] = means[i];
}

enum jc_status jc_statistics_of_folds(struct jc_judged *judged, uint32_t count,
                                      struct jc_statistics *s, struct jc_error *error) {
  uint32_t folds[MEANS] = {0};
  double *mean[MEANS], *one[MEANS];
  struct jc_statistics fold;
  qsort(judged, count, sizeof(*judged), by_fold);
  *s = (struct jc_statistics){.n = count};
  list_means(s, mean);
  list_means(&fold, one);
  for (uint32_t begin = 0, end; begin < count; begin = end) {
    for (end = begin; end < count && judged[end].fold == judged[begin].fold; end++)
      ;
    if (jc_statistics_of(judged + begin, end - begin, &fold, error) != JC_OK)
      return error->status;
    for (int i = 0; i < MEANS; i++)
      add_to_mean(mean[i], &folds[i], *one[i]);
    if (fold.worst > s->worst || begin == 0) {
      s->worst = fold.worst;
      s->worst_row = fold.worst_row;
    }
  }
  for (int i = 0; i < MEANS; i++)
    *mean[i] = folds[i] > 0 ? *mean[i] / folds[i] : NAN;
  return JC_OK;
}
