/* layerwise_fit.h -- fits the model of estimator/layerwise.h to seconds measured inside trainings.
 *
 * For every (type, order, phase): a roofline a + b max(F, rho B) by relative non-negative least
 * squares with Huber weights (rho on a grid), then a kernel regression of log(t / roofline) on a
 * bounded number of sample layers as support (chosen by pivoted Cholesky), with a noise that is
 * larger for layers of a small share of their step, and Huber weights again. Then what no layer has
 * (loss, loop), one factor on whole steps, and watts by group of layers, shrunk to their mean.
 *
 * Watts. A counter's joules are those of mean steps, the seconds of layers those of median ones.
 * A step that was held up costs idle power for longer, but work only while its threads have the
 * CPU; so the joules above idle are regressed on seconds of work: a layer's median seconds times
 * busy_s / step_s. Watts by median seconds were too high by as much as steps were held up, and
 * scattered with it. What a mean step has beyond a median one is kept apart: busy_excess for work,
 * mean_excess of the profile for idling.
 *
 * Errors and intervals come from ten folds over networks, each of which refits everything.
 */
#ifndef JC_CALIBRATE_LAYERWISE_FIT_H
#define JC_CALIBRATE_LAYERWISE_FIT_H

#include "estimator/estimator.h"

/* One layer in one phase of a sample network. */
struct jc_layer_time {
  struct jc_layerwise_row row;
  double time_s;   /* > 0, the least over steps: what the layer takes where nothing disturbs it */
  double median_s; /* over steps; 0: as time_s */
};

/* One sample network. */
struct jc_timed_network {
  const struct jc_analysis *analysis;
  uint64_t batch_size;
  double step_s;             /* median */
  double least_step_s;       /* the least; 0: not known */
  double energy_j, active_j; /* of a mean step; above idle */
  double busy_s;             /* seconds each thread works in a mean step; 0: as long as step_s */
  bool long_window;          /* the joules are of windows of seconds, not of a fraction of one */
  uint32_t first, count;     /* its layer times */
};

/* So many networks with long windows give the watts; where there are fewer, all networks do. */
enum { JC_FEWEST_LONG_WINDOWS = 5 };

struct jc_timed_networks {
  uint32_t network_count, time_count;
  const struct jc_timed_network *networks;
  const struct jc_layer_time *times; /* [time_count], network by network */
};

/* Fits MODEL to all networks but those of fold FOLD of JC_FIT_FOLDS (JC_NO_FOLD: to all). Network i
 * is of fold i modulo JC_FIT_FOLDS. Fails with JC_ERROR_MISSING (no network is left),
 * JC_ERROR_STORAGE, JC_ERROR_RUNTIME (LAPACK). */
enum { JC_FIT_FOLDS = 10, JC_NO_FOLD = -1 };
enum jc_status jc_layerwise_fit_model(const struct jc_timed_networks *data, int fold,
                                      struct jc_layerwise *model, struct jc_error *error);

/* The same for PROFILE->layerwise, with its errors and intervals by folds. */
enum jc_status jc_layerwise_fit(const struct jc_timed_networks *data, struct jc_profile *profile,
                                struct jc_error *error);

#endif
