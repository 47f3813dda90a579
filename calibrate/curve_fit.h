/* curve_fit.h -- fits one curve of estimator/layerwise.h: a roofline, then a kernel regression of
 * what it leaves. Internal to the fits.
 *
 * Noise of log time of row i: v_i = min(noise (1 + 0.02 / share_i), 0.5), since layers of a small
 * share of their step are timed less well. The residual's prior: mean ~ N(0, 1/0.05), and with
 * K = L L' the kernel matrix of the support, coordinates ~ N(0, signal). Rasmussen and Williams:
 * Gaussian Processes for Machine Learning (2006), section 8.3.1, subset of regressors.
 */
#ifndef JC_CALIBRATE_CURVE_FIT_H
#define JC_CALIBRATE_CURVE_FIT_H

#include "estimator/layerwise.h"

/* A sample layer as the fit sees it. */
struct curve_row {
  double flops, bytes, time_s;
  double share; /* of its network's step */
  uint32_t network;
  float x[JC_SHAPE_FEATURES]; /* scaled */
};

/* Fits CURVE, whose type, order, phase, scale, signal and noise are set, to COUNT >= 1 rows, with
 * at most SUPPORT_MAX of them as support, appended to MODEL, which has room for them. */
enum jc_status jc_curve_fit(const struct curve_row *rows, uint32_t count, uint32_t support_max,
                            struct jc_curve *curve, struct jc_layerwise *model,
                            struct jc_error *error);

#endif
