/* nnls.h -- least squares with coefficients >= 0, on the normal equations. Internal to the fits.
 *
 * Minimises x'Gx - 2 h'x over x >= 0 (G = A'A, h = A'b) by the active-set method of Lawson and
 * Hanson (Solving Least Squares Problems, 1974, chapter 23), each inner solution by LAPACKE's
 * Cholesky. Working on G lets folds and resamples be sums of the networks' own equations.
 */
#ifndef JC_CALIBRATE_NNLS_H
#define JC_CALIBRATE_NNLS_H

#include <stddef.h>

#include "estimator/error.h"

/* Size of the work array in doubles for N unknowns. */
size_t jc_nnls_work_doubles(size_t n);

/* G is [n x n] symmetric, row-major, not changed; H is [n]; X [n] is the start (any values: its
 * positive entries are tried first) and the result. WORK: jc_nnls_work_doubles(n) doubles.
 * Fails with JC_ERROR_RUNTIME if it does not settle in 10 n rounds. */
enum jc_status jc_nnls(size_t n, const double *g, const double *h, double *x, double *work,
                       struct jc_error *error);

#endif
