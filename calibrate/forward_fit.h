/* forward_fit.h -- fits `layerwise-linear`, and `getzner`, to forward passes of single layers,
 * measured by anyone.
 *
 * For each layer type, joules y of a pass and features x = (1, FLOPs, bytes): theta >= 0 minimises
 *
 *   sum over layers of huber(x.theta / y - 1)
 *
 * Relative, since absolute joules follow the largest layers only; Huber's loss (quadratic within
 * the tolerance, linear beyond), since a library computes some settings by a much slower way, and
 * squares would bend the coefficients of all others towards those. Seconds are fitted alike. Where
 * it is worth it, layers of many bytes and of few have coefficients of their own: tensors that the
 * allocator keeps are moved several times as cheaply as those whose pages come fresh from the
 * kernel. Types of a kind with few samples are fitted together with the kind. A type that has no
 * samples costs the median, over the sampled kinds, of their median joules per byte (the row
 * `any`).
 *
 * The errors are of ten folds, drawn at random from each fitted group: every layer is predicted by
 * a fit that did not see it.
 */
#ifndef JC_CALIBRATE_FORWARD_FIT_H
#define JC_CALIBRATE_FORWARD_FIT_H

#include "estimator/estimator.h"
#include "estimator/samples_file.h"

struct jc_forward_layer;

struct jc_forward_samples {
  struct jc_forward_layer *layers;
  uint32_t count, capacity;
  struct jc_sample first; /* its environment; no model */
};

void jc_forward_free(struct jc_forward_samples *samples);

/* Adds one sample, which stays the caller's: the run of a model of one layer, with steps, joules,
 * machine, runner and meter known (JC_ERROR_INVALID), of the same machine, runner, meter, precision
 * and threads as the first (JC_ERROR_MISMATCH). One with the id of an earlier one takes its place.
 */
enum jc_status jc_forward_add(struct jc_forward_samples *samples, const struct jc_sample *sample,
                              struct jc_error *error);

/* Fills the zeroed PROFILE. JC_ERROR_MISSING if a kind has too few samples. */
enum jc_status jc_forward_fit(const struct jc_forward_samples *samples, uint64_t seed,
                              struct jc_profile *profile, struct jc_error *error);

#endif
