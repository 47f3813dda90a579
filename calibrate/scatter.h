/* scatter.h -- how far repeated windows of one network differ, learnt from all networks together.
 *
 * Two windows of one network know next to nothing about their own scatter: Student's t of one
 * degree of freedom is 12.7, and two that agree to 0.1 % leave an interval of 1 %, to 0.3 % one of
 * 4 %. Windows of one length beside one counter differ by the same causes whatever trains, and by
 * about the same share, so that their variances may be pooled: with y the logarithm of J/step of
 * window j of network i, n_i windows each,
 *
 *   s^2 = sum_ij (y_ij - mean_i)^2 / nu,   nu = sum_i (n_i - 1),
 *   half width of mean_i = t(97.5 %, nu) s / sqrt(n_i).
 *
 * (IUPAC Gold Book, "pooled standard deviation", P04758, from Pure Appl. Chem. 53, 1805 (1981).)
 * Its assumption is one precision for all series: a network whose own deviation is
 * JC_SCATTER_OUTLIER times that of the others does not share it, stands by itself, and stays out of
 * the pool. Two windows of a network that does share it differ so far once in about 80 times. Of a
 * pool with fewer than JC_SCATTER_KNOWN degrees of freedom that cannot be said, and all networks
 * share it.
 */
#ifndef JC_CALIBRATE_SCATTER_H
#define JC_CALIBRATE_SCATTER_H

#include <stdint.h>

#define JC_SCATTER_OUTLIER 2.5
enum { JC_SCATTER_KNOWN = 4 };

/* Squared deviations of logarithms from the mean of their network, and degrees of freedom. Begins
 * zeroed. */
struct jc_scatter {
  double squares;
  uint32_t freedom;
};

/* Of COUNT >= 1 windows of one network: VALUES > 0. *MEAN is their mean. */
struct jc_scatter jc_scatter_of(const double *values, uint32_t count, double *mean);

/* Half the width of the 95 % interval of the mean of COUNT windows with the scatter OWN, over that
 * mean, given those of OTHERS (NULL: none). NAN where nothing is known: one window, and no others.
 */
double jc_scatter_half_width(const struct jc_scatter *own, uint32_t count,
                             const struct jc_scatter *others);

/* Adds a network that is done, unless it does not share the precision of those before. */
void jc_scatter_add(struct jc_scatter *others, const struct jc_scatter *own);

/* Student's t, 97.5 % (of a 95 % interval) and 95 % (of a 90 % one); FREEDOM >= 1. */
double jc_student_t(uint32_t freedom);
double jc_student_t_95(uint32_t freedom);

#endif
