/* kernel_ridge.h -- kernel ridge regression with a Gaussian kernel on standardised features.
 *
 *   y(x) = sum_i w_i exp(-gamma |z(x) - z_i|^2),  (K + alpha diag(1 / n_i)) w = mean y_i,
 *   z = (x - mean) / deviation.
 *
 * Rows of equal features are one row with their mean and their number n_i: that is what the system
 * over all rows comes to (its weights of equal rows sum to w_i), and much smaller. No intercept.
 * (Saunders, Gammerman, Vovk, ICML 1998; as in scikit-learn's KernelRidge and StandardScaler.)
 */
#ifndef JC_CALIBRATE_KERNEL_RIDGE_H
#define JC_CALIBRATE_KERNEL_RIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "estimator/json.h"

enum { JC_RIDGE_FEATURES = 16 };

struct jc_kernel_ridge {
  uint32_t feature_count;                                       /* <= JC_RIDGE_FEATURES */
  double mean[JC_RIDGE_FEATURES], deviation[JC_RIDGE_FEATURES]; /* of the scaler; 1 for constants */
  double alpha, gamma;
  uint32_t count;  /* different rows */
  double *centres; /* [count * feature_count], standardised */
  double *weights; /* [count] */
};

/* Mean and standard deviation (of the population) of ROWS x [COUNT * feature_count]. */
void jc_ridge_scale(struct jc_kernel_ridge *ridge, const double *x, uint32_t count);

/* Fits to X and Y [COUNT] with RIDGE's scaler, alpha and gamma. Whatever was fitted before is
 * freed. JC_ERROR_RUNTIME if the system cannot be solved, JC_ERROR_STORAGE. */
enum jc_status jc_ridge_fit(struct jc_kernel_ridge *ridge, const double *x, const double *y,
                            uint32_t count, struct jc_error *error);

/* Chooses alpha and gamma from a fixed grid by the least squared error of five folds, then fits. */
enum jc_status jc_ridge_tune(struct jc_kernel_ridge *ridge, const double *x, const double *y,
                             uint32_t count, struct jc_error *error);

double jc_ridge_predict(const struct jc_kernel_ridge *ridge, const double *x);

void jc_ridge_free(struct jc_kernel_ridge *ridge);

/* Scaler, hyper-parameters, centres and weights as members. */
void jc_ridge_put(const struct jc_kernel_ridge *ridge, struct jc_json_writer *writer);

#endif
