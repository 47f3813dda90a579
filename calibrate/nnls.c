/* nnls.c -- Lawson-Hanson non-negative least squares on the normal equations. */
#include "calibrate/nnls.h"

#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

struct problem {
  size_t n;
  const double *g, *h;
  double *x;
  double *solution; /* [n], of the passive set, scattered */
  double *matrix;   /* [n x n], passive part of g */
  double *vector;   /* [n], passive part of h */
  double *state;    /* [n], 1: free (passive), 0: held at zero, -1: held for good */
  double tolerance;
};

size_t jc_nnls_work_doubles(size_t n) {
  return n * n + 3 * n;
}

/* Solves for the passive unknowns, the others zero. RIDGE, a share of the diagonal, keeps columns
 * that are nearly multiples of each other solvable. */
static bool solve_with_ridge(struct problem *p, double ridge) {
  size_t k = 0;
  for (size_t i = 0; i < p->n; i++) {
    size_t column = 0;
    if (p->state[i] <= 0)
      continue;
    for (size_t j = 0; j <= i; j++) {
      if (p->state[j] > 0)
        p->matrix[k * p->n + column++] = p->g[i * p->n + j];
    }
    p->matrix[k * p->n + k] *= 1 + ridge;
    p->vector[k++] = p->h[i];
  }
  memset(p->solution, 0, p->n * sizeof(double));
  if (k > 0 && LAPACKE_dposv(LAPACK_ROW_MAJOR, 'L', (lapack_int)k, 1, p->matrix, (lapack_int)p->n,
                             p->vector, 1) != 0)
    return false;
  k = 0;
  for (size_t i = 0; i < p->n; i++) {
    if (p->state[i] > 0)
      p->solution[i] = p->vector[k++];
  }
  return true;
}

static bool solve_passive(struct problem *p) {
  return solve_with_ridge(p, 1e-12) || solve_with_ridge(p, 1e-9) || solve_with_ridge(p, 1e-6);
}

/* Moves x toward the passive solution as far as it stays non-negative; holds at zero what touches
 * it. Returns true if the whole way was possible. */
static bool step_toward_solution(struct problem *p) {
  double alpha = 1;
  for (size_t i = 0; i < p->n; i++) {
    if (p->state[i] > 0 && p->solution[i] <= 0)
      alpha = fmin(alpha, p->x[i] / (p->x[i] - p->solution[i]));
  }
  for (size_t i = 0; i < p->n; i++) {
    if (p->state[i] <= 0)
      continue;
    const double start = p->x[i];
    p->x[i] += alpha * (p->solution[i] - start);
    if (p->solution[i] <= 0 && p->x[i] <= 1e-12 * start) {
      p->x[i] = 0;
      p->state[i] = 0;
    }
  }
  return alpha >= 1;
}

/* The held unknown along which the sum of squares falls fastest; n: none falls. */
static size_t steepest(const struct problem *p) {
  size_t best = p->n;
  double best_slope = p->tolerance;
  for (size_t i = 0; i < p->n; i++) {
    if (p->state[i] != 0 || p->g[i * p->n + i] <= 0)
      continue;
    double slope = p->h[i];
    for (size_t j = 0; j < p->n; j++)
      slope -= p->g[i * p->n + j] * p->x[j];
    slope /= sqrt(p->g[i * p->n + i]); /* independent of the column's unit */
    if (slope > best_slope) {
      best_slope = slope;
      best = i;
    }
  }
  return best;
}

/* x'Gx - 2 h'x. */
static double objective(const struct problem *p) {
  double sum = 0;
  for (size_t i = 0; i < p->n; i++) {
    double gx = 0;
    for (size_t j = 0; j < p->n && p->x[i] != 0; j++)
      gx += p->g[i * p->n + j] * p->x[j];
    sum += p->x[i] * (gx - 2 * p->h[i]);
  }
  return sum;
}

/* Makes the passive set feasible: each round solves, and drops what would turn negative. */
static bool settle(struct problem *p, size_t *rounds) {
  while ((*rounds)-- > 0) {
    if (!solve_passive(p))
      return false;
    if (step_toward_solution(p))
      return true;
  }
  return false;
}

enum jc_status jc_nnls(size_t n, const double *g, const double *h, double *x, double *work,
                       struct jc_error *error) {
  struct problem p = {.n = n, .g = g, .h = h, .x = x};
  size_t rounds = 10 * n + 10;
  double largest = 0;
  p.matrix = work;
  p.solution = work + n * n;
  p.vector = p.solution + n;
  p.state = p.vector + n;
  for (size_t i = 0; i < n; i++) {
    p.state[i] = x[i] > 0 && g[i * n + i] > 0 ? 1 : 0;
    x[i] = p.state[i] > 0 ? x[i] : 0;
    if (g[i * n + i] > 0)
      largest = fmax(largest, fabs(h[i]) / sqrt(g[i * n + i]));
  }
  p.tolerance = 1e-9 * largest;

  bool settled = settle(&p, &rounds);
  size_t idle_rounds = 0;
  double before = objective(&p);
  for (size_t next = steepest(&p); settled && next < n && idle_rounds < n; next = steepest(&p)) {
    p.state[next] = 1;
    settled = settle(&p, &rounds);
    if (x[next] <= 0)
      p.state[next] = -1; /* rounding alone made it look useful: it would be chosen for ever */
    /* Columns that are nearly multiples of each other could change places for ever. */
    const double now = objective(&p);
    idle_rounds += now > before - 1e-12 * fabs(before) ? 1 : 0;
    before = now;
  }
  return settled ? JC_OK
                 : jc_fail(error, JC_ERROR_RUNTIME, 0, NULL,
                           "the least-squares fit of %zu coefficients did not settle", n);
}
