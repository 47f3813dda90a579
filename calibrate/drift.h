/* drift.h -- how fast the machine was when each sample network was measured. Internal to the fits.
 *
 * On a shared host the same step takes half as long again for seconds or minutes, in every layer
 * alike, and no clock of the process shows it. But the networks are trained in random order: if
 * those measured around a network all took longer than a fit says, then the machine was slow, not
 * they. The log of a network's slowdown is estimated as
 *
 *   slope * (median of log(measured / fitted) of its neighbours in time, itself left out)
 *
 * above the level of the quickest tenth, with the least-squares slope of the networks' own on
 * their neighbours', between 0 and 1: the best linear guess. A quiet machine has a slope of 0 and
 * is left alone.
 */
#ifndef JC_CALIBRATE_DRIFT_H
#define JC_CALIBRATE_DRIFT_H

#include "calibrate/layerwise_fit.h"

/* Fills SLOWDOWN [networks] with factors >= 1 by which everything measured of a network is too
 * long. DATA's networks must be in the order of the file; `moment` orders them in time. */
enum jc_status jc_find_drift(const struct jc_timed_networks *data, double *slowdown,
                             struct jc_error *error);

/* Divides what was measured of NETWORK, whose layers' times are in TIMES, by SLOWDOWN. */
void jc_divide_by_slowdown(struct jc_timed_network *network, struct jc_layer_time *times,
                           double slowdown);

#endif
