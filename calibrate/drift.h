/* drift.h -- the machine's speed when a network was measured, and what it would have been at the
 * usual one.
 *
 * On a shared host the same step takes half as long again for seconds or minutes, and no clock of
 * the process shows it; the probe that is run between the steps does (calibrate/speed_probe.h). A
 * window's slowdown is taken for
 *
 *   (compute / usual compute)^a  x  (memory / usual memory)^b
 *
 * where compute and memory are the probe's seconds beside it, usual those of the median window, and
 * a, b >= 0 come from the networks that were measured twice: the least-squares slopes of the log of
 * how much their step changed on those of how much the probe's parts did. No forecast and no fit
 * takes part, so that nothing that the fit does not know of a network is taken for the machine's
 * doing. Between a first and a second look at 138 sample networks (2-core guest, 1 thread,
 * 2026-11-29) the median step changed by 18.7 % in the mean, and by 8.0 % less what this explains.
 */
#ifndef JC_CALIBRATE_DRIFT_H
#define JC_CALIBRATE_DRIFT_H

#include "estimator/estimator.h"
#include "estimator/samples_file.h"

/* All lines of one network. */
struct jc_looks {
  uint32_t count;
  struct jc_sample *samples; /* [count] */
};

/* The least of a window's steps slow down less than its median one: what others do comes in bursts.
 */
struct jc_drift {
  struct jc_layerwise_speed median, least; /* of the same usual speed */
};

/* Finds the usual speed and the slopes. Fewer than 16 pairs of looks say nothing: the slopes are
 * then 0. The speed is NAN where no line has one. JC_ERROR_STORAGE. */
enum jc_status jc_drift_find(const struct jc_looks *networks, uint32_t count,
                             struct jc_drift *drift, struct jc_error *error);

/* By which factor a step takes longer at the speed NOW than at the usual one; 1 where one of the
 * two is not known. */
double jc_drift_slowdown(const struct jc_layerwise_speed *drift, const struct jc_speed *now);

/* Turns sample CHOSEN of LOOKS into what the network takes at the usual speed: each of its times
 * becomes the geometric mean over the looks whose speed is known (over all, if of none it is) of
 * time / slowdown; joules, CPU time and wall time change as the median step does, so that watts
 * stay what they were. */
void jc_drift_remove(const struct jc_drift *drift, const struct jc_looks *looks, uint32_t chosen);

#endif
