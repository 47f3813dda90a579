/* projection.h -- the end of a run, projected from its whole epochs while it goes.
 *
 *   struct jc_projection p;
 *   jc_project(seen, count, epochs, &outside, &p);
 *   ... p.energy_j, between p.energy_low_j and p.energy_high_j ...
 *
 * Joules and seconds are projected apart, each by what follows; PROJECTION.md has what it is worth.
 *
 * Where the run is steady is found from the data: the epochs are cut into stretches of one level
 * each so that
 *
 *   sum over stretches (beta + sum over their epochs min(((x - median) / sigma)^2, K))
 *
 * is least (Fearnhead and Rigaill, Changepoint detection in the presence of outliers, JASA 114
 * (2019) 169-183; exact, by dynamic programming). An epoch that stands out costs K and no more, a
 * new stretch costs beta = 2.5 K: so one or two of them (a pause, a checkpoint) stay outliers of
 * their stretch, and three that stay away from its level are a new one (unfreezing, a scheduler, a
 * slower clock). Sigma is that of the differences between neighbours, which a shift hardly moves.
 *
 * The last stretch is what the R remaining epochs are like: of its n epochs that do not stand out,
 *
 *   remaining = R (mean + p shift + rate * excess)
 *   high, low = remaining * exp(+-h),   h = t sqrt(s_R^2 + (w remaining)^2) / remaining
 *   s_R^2 = s^2 (R + R^2 / n) + p (1 - p) (R shift)^2
 *           + excess^2 (m + m^2 / (events - 1)),   m = rate R
 *
 * with Student's t of the predictive interval of a sum of R, and s^2 pooled with a prior scatter
 * that stands for the first epochs. What stood out is expected again only if it came twice: `rate`
 * is that of its recurrence, events - 1 over the epochs since the first, `excess` the median joules
 * (seconds) of an event. Two that stand out at the very end, and nothing before them, may be a
 * pause or a new level, p = 1/2: `shift` is from the mean to theirs, until the third tells.
 *
 * w is the wander of the machine, which the scatter of epochs does not tell: with D(b) the mean
 * square of the relative steps between the means of neighbouring blocks of b epochs (twice Allan's
 * variance, Proc. IEEE 54 (1966) 221-230), of which scatter explains D(1) / b,
 *
 *   w^2 = (k w_0^2 + sum_b (N/b - 1) (D(b) - D(1) / b)) / (k + sum_b (N/b - 1)),   b = 2, 4 ... N/2
 *
 * of the N epochs that do not stand out, w_0 counting as k steps before any is seen. Blocks do not
 * reach over a shift by more than 30 % (an unfreezing): the sums are then over what lies between.
 */
#ifndef JC_CALIBRATE_PROJECTION_H
#define JC_CALIBRATE_PROJECTION_H

#include <stdbool.h>
#include <stdint.h>

/* One whole epoch, validation included. energy_j NAN: not known, and then nothing of the joules is
 * projected. Both >= 0. */
struct jc_epoch_seen {
  double energy_j, time_s;
};

struct jc_projection {
  /* Of the whole run, with the 90 % interval; NAN: not known yet. The low end is at least what was
   * spent. */
  double energy_j, energy_low_j, energy_high_j;
  double time_s, time_low_s, time_high_s;
  /* Index of the first epoch of the stretch that the joules (the seconds, where no joules are
   * known) are projected from. */
  uint32_t steady_from;
  bool steady; /* false: that stretch is shorter than JC_PROJECTION_STEADY epochs */
};

enum {
  JC_PROJECTION_STEADY = 3,  /* epochs of one level, after which a run counts as steady */
  JC_PROJECTION_WINDOW = 128 /* the last epochs, which are looked at; older ones are only spent */
};

/* The end of a run of EPOCHS epochs (0: not known, and neither is its end), from COUNT whole ones
 * and what was spent OUTSIDE of epochs (start-up, pauses between them). Pure arithmetic: no clock,
 * no I/O, no heap; at most a millisecond or so, so once an epoch rather than once a step. */
void jc_project(const struct jc_epoch_seen *seen, uint32_t count, uint64_t epochs,
                const struct jc_epoch_seen *outside, struct jc_projection *projection);

/* The same within an epoch, of which IN_HAND is spent already: it is one of those that remain, not
 * one more. */
void jc_project_within(const struct jc_epoch_seen *seen, uint32_t count, uint64_t epochs,
                       const struct jc_epoch_seen *outside, const struct jc_epoch_seen *in_hand,
                       struct jc_projection *projection);

#endif
