/* factors.h -- what one choice costs, from measured runs that differ in nothing else.
 *
 * A factorial study labels its runs with its factors (`labels`). Runs of one data set and one
 * hardware that agree in all labels but one are a pair; the effect of that label is the mean over
 * its pairs of the ratio of their joules.
 */
#ifndef JC_CALIBRATE_FACTORS_H
#define JC_CALIBRATE_FACTORS_H

#include "calibrate/run_set.h"

struct jc_factor_effect {
  const char *dataset, *factor, *from, *to; /* of the set */
  uint32_t pairs;
  double sum;       /* of the ratios: mean_change = sum / pairs - 1 */
  double low, high; /* least and largest ratio */
};

/* Fills *EFFECTS, malloc'ed, to be freed, in the order of their first pair. JC_ERROR_INVALID if no
 * two runs are a pair. */
enum jc_status jc_factor_effects(const struct jc_run_set *set, struct jc_factor_effect **effects,
                                 uint32_t *count, struct jc_error *error);

#endif
