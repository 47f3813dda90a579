/* evaluate_metrics.h -- how far forecasts are from what was measured. */
#ifndef JC_CALIBRATE_EVALUATE_METRICS_H
#define JC_CALIBRATE_EVALUATE_METRICS_H

#include <stdint.h>

#include "estimator/error.h"

/* One forecast beside its truth. */
struct jc_judged {
  double forecast_j, measured_j; /* > 0 */
  double half_width;             /* of the 90 % interval, in log space; NAN: none */
  double half_width_50;          /* of the 50 % interval; only where there is one of 90 % */
  uint32_t row, fold;
};

/* Relative errors e = forecast / measured - 1, as shares of 1. NAN where there is none. */
struct jc_statistics {
  uint32_t n;
  double mape, median, p90, worst; /* of |e|: mean, median, 90th percentile, largest */
  uint32_t worst_row;              /* whose it is */
  double bias;                     /* mean of e */
  double rmse_j;                   /* root of the mean square of forecast - measured */
  double r2, r2_log;               /* 1 - residual / total sum of squares, of joules and logs */
  double spearman;                 /* correlation of the ranks, ties at their mean */
  double coverage; /* share of the runs that lie inside their interval; NAN: no intervals */
};

/* Of COUNT >= 1 forecasts; JC_ERROR_STORAGE. */
enum jc_status jc_statistics_of(const struct jc_judged *judged, uint32_t count,
                                struct jc_statistics *statistics, struct jc_error *error);

/* The means of the statistics of each fold, as papers print them; n is the sum, worst the worst.
 * JUDGED is sorted by fold. */
enum jc_status jc_statistics_of_folds(struct jc_judged *judged, uint32_t count,
                                      struct jc_statistics *statistics, struct jc_error *error);

#endif
