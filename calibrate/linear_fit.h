/* linear_fit.h -- fits `layerwise-linear`: non-negative seconds and joules per call, FLOP and byte
 * of every (layer type, phase), by relative least squares over sample networks.
 *
 * For network n with step time T_n, features x_nc of its (type, phase) c and share s_nc of the step
 * that the stamps saw in c, it minimises over theta >= 0
 *
 *   sum_n [ (sum_c x_nc.theta_c / T_n - 1)^2 + SHARE_WEIGHT * sum_c (x_nc.theta_c / T_n - s_nc)^2 ]
 *
 * The first term asks for right totals, in relative terms (least squares on absolute seconds or
 * joules follows the largest networks only); the second one tells the types apart, which totals
 * alone do not. Joules above idle are fitted alike, with T_n replaced by the step's joules: a
 * counter cannot tell layers apart, so their shares are those of time.
 */
#ifndef JC_CALIBRATE_LINEAR_FIT_H
#define JC_CALIBRATE_LINEAR_FIT_H

#include "estimator/estimator.h"

/* What one sample network showed, per training step. */
struct jc_observation {
  double step_s;
  double mean_s;    /* the mean step, of which the joules are */
  double busy_s;    /* CPU seconds of each thread in it; step_s where they are not known */
  bool long_window; /* its joules are those of the energy block */
  double active_j;  /* above idle */
  double energy_j;
  double flops, bytes; /* jc_step_flops, jc_step_bytes */
  uint32_t layer_count;
  double startup_s;
  /* Of each coefficient row of the fit, jc_linear_fit's `rows`: */
  double *features; /* [rows x JC_LINEAR_FEATURES], sums over the layers */
  double *seconds;  /* [rows], measured */
};

/* The (type, phase) pairs that occur in the samples, in table order; row 0 is the step itself. */
struct jc_fit_rows {
  uint32_t count;
  struct jc_coefficient rows[JC_MAX_COEFFICIENTS]; /* type, phase, networks and ranges filled */
  int16_t index[JC_TYPE_COUNT][JC_PHASE_COUNT];    /* into rows; -1: not in any sample */
};

/* PROFILE's idle_power_w, mean_excess and active_power_w are given. Fills the coefficients (with
 * bootstrap intervals), the `any` rows, errors and intervals, start-up and the joules per FLOP of
 * PROFILE from COUNT observations. */
enum jc_status jc_linear_fit(const struct jc_fit_rows *rows,
                             const struct jc_observation *observations, uint32_t count,
                             uint64_t seed, struct jc_profile *profile, struct jc_error *error);

/* Errors of predictions against measurements, relative, and the conformal half-widths in log space
 * at jc_interval_levels; a level that needs more than COUNT networks is NAN. */
struct jc_error_summary jc_summarize_errors(const double *predicted, const double *measured,
                                            uint32_t count);

/* Conformal quantiles of SCORES at jc_interval_levels: the ceil((n + 1) level)-th smallest of n;
 * NAN where it takes more than COUNT. Sorts them. */
void jc_conformal_widths(double *scores, uint32_t count, double widths[3]);

#endif
