/* linear_fit.c -- relative non-negative least squares over sample networks, with leave-one-out
 * errors and bootstrap intervals. */
#include "calibrate/linear_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/nnls.h"
#include "calibrate/order.h"
#include "calibrate/random.h"

/* Weight of one type's share against the whole step's; see linear_fit.h. */
static const double share_weight = 1;
enum { BOOTSTRAPS = 100 };

/* The normal equations of every network, so that folds and resamples are sums of them. */
struct fit {
  const struct jc_fit_rows *rows;
  const struct jc_observation *observations;
  uint32_t count;
  size_t n;      /* unknowns */
  double *grams; /* [count x n x n] */
  double *sides; /* [count x n] */
  double *gram;  /* [n x n] */
  double *side;  /* [n] */
  double *work;
  double *full;      /* [n], solution on all networks */
  double *solution;  /* [n] */
  double *samples;   /* [BOOTSTRAPS x n] */
  double *predicted; /* [count], by a fit that left the network out */
  double *seconds;   /* [count], predicted of the time fit, kept for the energy's */
  double *measured;  /* [count] */
};

static enum jc_status fit_create(struct fit *f, const struct jc_fit_rows *rows,
                                 const struct jc_observation *observations, uint32_t count,
                                 struct jc_error *error) {
  const size_t n = (size_t)rows->count * JC_LINEAR_FEATURES;
  const size_t doubles = count * n * n + count * n + n * n + 3 * n + jc_nnls_work_doubles(n) +
                         BOOTSTRAPS * n + 3 * (size_t)count;
  double *block = calloc(doubles, sizeof(double));
  if (block == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for a fit of %zu unknowns", n);
  *f = (struct fit){.rows = rows, .observations = observations, .count = count, .n = n};
  f->grams = block;
  f->sides = f->grams + count * n * n;
  f->gram = f->sides + count * n;
  f->side = f->gram + n * n;
  f->full = f->side + n;
  f->solution = f->full + n;
  f->work = f->solution + n;
  f->samples = f->work + jc_nnls_work_doubles(n);
  f->predicted = f->samples + BOOTSTRAPS * n;
  f->measured = f->predicted + count;
  f->seconds = f->measured + count;
  return JC_OK;
}

static void fit_destroy(struct fit *f) {
  free(f->grams);
}

/* Adds weight * (a.theta - target)^2 for a row A that is zero outside [from, to). */
static void add_row(struct fit *f, uint32_t network, const double *a, size_t from, size_t to,
                    double target, double weight) {
  double *gram = f->grams + network * f->n * f->n;
  double *side = f->sides + network * f->n;
  for (size_t i = from; i < to; i++) {
    if (a[i] == 0)
      continue;
    for (size_t j = from; j < to; j++)
      gram[i * f->n + j] += weight * a[i] * a[j];
    side[i] += weight * a[i] * target;
  }
}

/* Rows of every network, divided by its own TOTAL: seconds or joules of a step. */
static void fit_load(struct fit *f, double (*total_of)(const struct jc_observation *)) {
  memset(f->grams, 0, f->count * (f->n * f->n + f->n) * sizeof(double));
  for (uint32_t k = 0; k < f->count; k++) {
    const struct jc_observation *o = &f->observations[k];
    double *a = f->solution; /* free until the first solve */
    for (size_t i = 0; i < f->n; i++)
      a[i] = o->features[i] / total_of(o);
    add_row(f, k, a, 0, f->n, 1, 1);
    for (size_t row = 0; row < f->rows->count; row++)
      add_row(f, k, a, row * JC_LINEAR_FEATURES, (row + 1) * JC_LINEAR_FEATURES,
              o->seconds[row] / o->step_s, share_weight);
  }
}

static void add_network(struct fit *f, uint32_t network) {
  const double *gram = f->grams + network * f->n * f->n;
  const double *side = f->sides + network * f->n;
  for (size_t i = 0; i < f->n * f->n; i++)
    f->gram[i] += gram[i];
  for (size_t i = 0; i < f->n; i++)
    f->side[i] += side[i];
}

enum { NOBODY = -1 };

/* Summed anew rather than subtracted: what is left of a type that only the network had would be
 * rounding errors, and no equations. */
static void sum_networks(struct fit *f, int64_t without) {
  memset(f->gram, 0, (f->n * f->n + f->n) * sizeof(double));
  for (uint32_t k = 0; k < f->count; k++) {
    if (k != without)
      add_network(f, k);
  }
}

/* Solves the summed equations, starting from the solution on all networks. */
static enum jc_status solve(struct fit *f, double *x, struct jc_error *error) {
  memmove(x, f->full, f->n * sizeof(double));
  return jc_nnls(f->n, f->gram, f->side, x, f->work, error);
}

static double predict(const struct fit *f, uint32_t network, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < f->n; i++)
    sum += f->observations[network].features[i] * x[i];
  return sum;
}

/* Every network predicted by a fit that never saw it. */
static enum jc_status leave_one_out(struct fit *f, struct jc_error *error) {
  for (uint32_t k = 0; k < f->count; k++) {
    sum_networks(f, k);
    if (solve(f, f->solution, error) != JC_OK)
      return error->status;
    f->predicted[k] = predict(f, k, f->solution);
  }
  return JC_OK;
}

static enum jc_status bootstrap(struct fit *f, uint64_t seed, struct jc_error *error) {
  struct random_stream random = {seed};
  for (size_t b = 0; b < BOOTSTRAPS; b++) {
    memset(f->gram, 0, (f->n * f->n + f->n) * sizeof(double));
    for (uint32_t i = 0; i < f->count; i++)
      add_network(f, random_below(&random, f->count));
    if (solve(f, f->samples + b * f->n, error) != JC_OK)
      return error->status;
  }
  return JC_OK;
}

/* 5th and 95th percentile of unknown I over the bootstraps. */
static void percentiles(const struct fit *f, size_t i, double *low, double *high) {
  double values[BOOTSTRAPS];
  for (size_t b = 0; b < BOOTSTRAPS; b++)
    values[b] = f->samples[b * f->n + i];
  qsort(values, BOOTSTRAPS, sizeof(values[0]), compare_doubles);
  *low = values[BOOTSTRAPS / 20];
  *high = values[BOOTSTRAPS - 1 - BOOTSTRAPS / 20];
}

/* Fits one target: solution in f->full, out-of-fold predictions and bootstraps behind it. */
static enum jc_status fit_target(struct fit *f, double (*total_of)(const struct jc_observation *),
                                 uint64_t seed, struct jc_error *error) {
  fit_load(f, total_of);
  memset(f->full, 0, f->n * sizeof(double));
  sum_networks(f, NOBODY);
  if (solve(f, f->full, error) != JC_OK || bootstrap(f, seed, error) != JC_OK)
    return error->status;
  return leave_one_out(f, error);
}

void jc_conformal_widths(double *scores, uint32_t count, double widths[3]) {
  qsort(scores, count, sizeof(double), compare_doubles);
  for (int i = 0; i < 3; i++) {
    const double rank = ceil((count + 1) * jc_interval_levels[i]);
    widths[i] = rank <= count ? scores[(uint32_t)rank - 1] : NAN;
  }
}

struct jc_error_summary jc_summarize_errors(const double *predicted, const double *measured,
                                            uint32_t count) {
  struct jc_error_summary s;
  memset(&s, 0, sizeof(s)); /* padding too: equal samples give equal bytes */
  s.networks = count;
  s.mape = s.median = s.p90 = s.worst = s.bias = NAN;
  s.log_half_width[0] = s.log_half_width[1] = s.log_half_width[2] = NAN;
  double *errors = malloc(2 * ((size_t)count + 1) * sizeof(double));
  if (errors == NULL || count == 0) {
    free(errors);
    return s;
  }
  double *scores = errors + count;
  s.mape = s.bias = 0;
  for (uint32_t i = 0; i < count; i++) {
    const double relative = predicted[i] / measured[i] - 1;
    errors[i] = fabs(relative);
    scores[i] = fabs(log(measured[i] / fmax(predicted[i], 1e-300)));
    s.mape += errors[i] / count;
    s.bias += relative / count;
  }
  s.median = median_of(errors, count);
  s.p90 = errors[(uint32_t)ceil(0.9 * count) - 1];
  s.worst = errors[count - 1];
  jc_conformal_widths(scores, count, s.log_half_width);
  free(errors);
  return s;
}

static double step_seconds(const struct jc_observation *o) {
  return o->step_s;
}

static double active_joules(const struct jc_observation *o) {
  return o->active_j;
}

static double all_joules(const struct jc_observation *o) {
  return o->energy_j;
}

static enum jc_status fit_times(struct fit *f, uint64_t seed, struct jc_profile *profile,
                                struct jc_error *error) {
  if (fit_target(f, step_seconds, seed, error) != JC_OK)
    return error->status;
  for (size_t i = 0; i < f->n; i++) {
    struct jc_coefficient *c = &profile->coefficients[i / JC_LINEAR_FEATURES];
    const size_t k = i % JC_LINEAR_FEATURES;
    c->time_s[k] = f->full[i];
    percentiles(f, i, &c->time_low_s[k], &c->time_high_s[k]);
  }
  for (uint32_t k = 0; k < f->count; k++) {
    f->seconds[k] = f->predicted[k];
    f->measured[k] = f->observations[k].step_s;
  }
  profile->time_error = jc_summarize_errors(f->predicted, f->measured, f->count);
  return JC_OK;
}

/* Coefficients are joules above idle; the error is that of all joules, idle by predicted time. */
static enum jc_status fit_energies(struct fit *f, uint64_t seed, struct jc_profile *profile,
                                   struct jc_error *error) {
  if (fit_target(f, active_joules, seed, error) != JC_OK)
    return error->status;
  for (size_t i = 0; i < f->n; i++) {
    struct jc_coefficient *c = &profile->coefficients[i / JC_LINEAR_FEATURES];
    const size_t k = i % JC_LINEAR_FEATURES;
    c->energy_j[k] = f->full[i];
    percentiles(f, i, &c->energy_low_j[k], &c->energy_high_j[k]);
  }
  for (uint32_t k = 0; k < f->count; k++) {
    f->predicted[k] += jc_mean_idle_w(profile) * f->seconds[k];
    f->measured[k] = f->observations[k].energy_j;
  }
  profile->energy_error = jc_summarize_errors(f->predicted, f->measured, f->count);
  return JC_OK;
}

/* A relative fit of a few unknowns: rows A [count x n], targets [count]. */
static enum jc_status small_fit(const double *a, const double *targets, uint32_t count, size_t n,
                                double *x, struct jc_error *error) {
  double gram[9] = {0}, side[3] = {0}, work[18];
  for (uint32_t k = 0; k < count; k++) {
    if (!(targets[k] > 0)) /* NAN too: not known */
      continue;
    for (size_t i = 0; i < n; i++) {
      for (size_t j = 0; j < n; j++)
        gram[i * n + j] += a[k * n + i] * a[k * n + j] / (targets[k] * targets[k]);
      side[i] += a[k * n + i] / targets[k];
    }
  }
  memset(x, 0, n * sizeof(double));
  return jc_nnls(n, gram, side, x, work, error);
}

/* The `any` row of a phase: what a layer of unknown type costs, from all layers together. */
static enum jc_status fit_any(struct fit *f, enum jc_phase phase, struct jc_profile *profile,
                              struct jc_error *error) {
  double *a = calloc((size_t)f->count * (JC_LINEAR_FEATURES + 1), sizeof(double));
  if (a == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  double *seconds = a + (size_t)f->count * JC_LINEAR_FEATURES;
  struct jc_coefficient *c = &profile->coefficients[profile->coefficient_count];
  memset(c, 0, sizeof(*c));
  c->type = JC_TYPE_ANY;
  c->phase = phase;
  c->networks = f->count;
  for (uint32_t k = 0; k < f->count; k++) {
    for (uint32_t row = 0; row < f->rows->count; row++) {
      const struct jc_coefficient *fitted = &f->rows->rows[row];
      if (fitted->phase != phase || fitted->type >= JC_TYPE_UPDATE)
        continue;
      for (int i = 0; i < JC_LINEAR_FEATURES; i++)
        a[k * JC_LINEAR_FEATURES + (uint32_t)i] +=
            f->observations[k].features[row * JC_LINEAR_FEATURES + (uint32_t)i];
      seconds[k] += f->observations[k].seconds[row];
      c->flops_max = fmax(c->flops_max, fitted->flops_max);
      c->bytes_max = fmax(c->bytes_max, fitted->bytes_max);
    }
  }
  if (small_fit(a, seconds, f->count, JC_LINEAR_FEATURES, c->time_s, error) == JC_OK) {
    const double active_w = fmax(profile->active_power_w - profile->idle_power_w, 0);
    for (int i = 0; i < JC_LINEAR_FEATURES; i++) {
      c->time_low_s[i] = c->time_high_s[i] = c->time_s[i];
      c->energy_j[i] = c->energy_low_j[i] = c->energy_high_j[i] = active_w * c->time_s[i];
    }
    profile->coefficient_count++;
  }
  free(a);
  return error->status;
}

static enum jc_status fit_startup(struct fit *f, struct jc_profile *profile,
                                  struct jc_error *error) {
  double *a = malloc((size_t)f->count * 4 * sizeof(double));
  if (a == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  double *startup = a + (size_t)f->count * 3;
  for (uint32_t k = 0; k < f->count; k++) {
    a[3 * (size_t)k] = 1;
    a[3 * (size_t)k + 1] = f->observations[k].layer_count;
    a[3 * (size_t)k + 2] = f->observations[k].step_s;
    startup[k] = f->observations[k].startup_s;
  }
  (void)small_fit(a, startup, f->count, 3, profile->startup_s, error);
  free(a);
  return error->status;
}

/* Median of the others for every network, and of all: the whole of the `flops` method. */
static double median_without(const double *values, uint32_t count, uint32_t without,
                             double *scratch) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (i != without)
      scratch[n++] = values[i];
  }
  return median_of(scratch, n);
}

static enum jc_status fit_flops(struct fit *f, double (*total_of)(const struct jc_observation *),
                                double *per_flop, struct jc_error_summary *summary,
                                struct jc_error *error) {
  double *values = malloc(2 * (size_t)f->count * sizeof(double));
  if (values == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  double *scratch = values + f->count;
  for (uint32_t k = 0; k < f->count; k++)
    values[k] = total_of(&f->observations[k]) / f->observations[k].flops;
  for (uint32_t k = 0; k < f->count; k++) {
    f->measured[k] = total_of(&f->observations[k]);
    f->predicted[k] = median_without(values, f->count, k, scratch) * f->observations[k].flops;
  }
  *per_flop = median_without(values, f->count, f->count, scratch);
  *summary = jc_summarize_errors(f->predicted, f->measured, f->count);
  free(values);
  return JC_OK;
}

enum jc_status jc_linear_fit(const struct jc_fit_rows *rows,
                             const struct jc_observation *observations, uint32_t count,
                             uint64_t seed, struct jc_profile *profile, struct jc_error *error) {
  struct fit f = {0};
  if (count == 0 || rows->count == 0)
    return jc_fail(error, JC_ERROR_MISSING, 0, NULL, "no sample network to fit");
  if (fit_create(&f, rows, observations, count, error) != JC_OK)
    return error->status;
  profile->coefficient_count = rows->count;
  memcpy(profile->coefficients, rows->rows, rows->count * sizeof(rows->rows[0]));
  if (fit_times(&f, seed, profile, error) != JC_OK ||
      fit_energies(&f, seed, profile, error) != JC_OK ||
      fit_any(&f, JC_FORWARD, profile, error) != JC_OK ||
      fit_any(&f, JC_BACKWARD, profile, error) != JC_OK ||
      fit_startup(&f, profile, error) != JC_OK ||
      fit_flops(&f, step_seconds, &profile->time_per_flop_s, &profile->flops_time_error, error) !=
          JC_OK)
    goto cleanup;
  (void)fit_flops(&f, all_joules, &profile->energy_per_flop_j, &profile->flops_energy_error, error);

cleanup:
  fit_destroy(&f);
  return error->status;
}
