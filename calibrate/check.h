/* check.h -- is a profile right? Networks it was not fitted on are trained for a few seconds each,
 * and measured steps and joules are put beside the predicted ones.
 *
 *   jc_check_measure()   one network -> struct jc_check_measurement
 *   jc_check_compare()   predicted beside measured -> errors, share inside the intervals
 *   jc_check_judge()     errors beside what the profile says of itself -> a verdict
 *
 * The rule of the verdict. Let E be the mean absolute error found, and S the one the profile states
 * (each sample network predicted from the others), but at least JC_CHECK_STATED_FLOOR, since some
 * of E is the noise of the machine, and at most JC_CHECK_STATED_CEILING, since a profile that says
 * that it is bad is bad.
 *   trust             E <= 1.5 S, and at least 80 % of the networks inside their 90 % interval
 *   recalibrate       E > 3 S, or fewer than 50 % inside
 *   trust with care   anything between; and at best this where the profile gives no interval or no
 *                     error of its own
 * Of time and energy each has its verdict, and the worse one counts; energy only where it was
 * measured, since modelled power proves nothing.
 */
#ifndef JC_CALIBRATE_CHECK_H
#define JC_CALIBRATE_CHECK_H

#include "calibrate/meter.h"
#include "calibrate/runner.h"
#include "calibrate/speed_probe.h"

enum { JC_CHECK_TRIES = 3 };

struct jc_check_options {
  const struct jc_runner_driver *runner;
  struct jc_meter *meter;
  const struct jc_speed_probe *probe; /* NULL: none */
  struct jc_runner_options training;
  uint32_t min_steps;  /* >= 3; after two that warm up */
  double min_window_s; /* seconds of training at least; 0: the steps alone decide */
};

/* The quietest of up to JC_CHECK_TRIES windows: the first one that was quiet. Steps of any number
 * are all in the median; the mean has its standard error beside it. */
struct jc_check_measurement {
  uint64_t steps;
  double step_median_s, step_min_s, step_mean_s;
  double mean_error_s;      /* standard error of step_mean_s */
  double cpu_share;         /* CPU time over threads x wall time */
  double energy_per_step_j; /* idle power included; NAN: a counter may have wrapped unseen */
  struct jc_speed speed;    /* of the machine meanwhile */
  uint32_t tries;
  bool
      quiet; /* cpu_share >= JC_WANTED_SHARE (calibrate/measure.h) and the meter was read in time */
};

/* Trains the network of ANALYSIS and fills MEASUREMENT. Fails as the runner and the meter do, and
 * with JC_ERROR_STORAGE. */
enum jc_status jc_check_measure(const struct jc_analysis *analysis,
                                const struct jc_check_options *options,
                                struct jc_check_measurement *measurement, struct jc_error *error);

/* ---- comparing ---- */

/* One quantity of one network, in any unit; measured and predicted > 0. */
struct jc_check_figure {
  double measured, predicted;
  double low, high; /* the 90 % interval of the prediction; NAN: none */
};

/* Whether the measured value lies in the interval; false without one. */
bool jc_check_is_inside(const struct jc_check_figure *figure);

struct jc_check_errors {
  uint32_t count;     /* networks */
  uint32_t intervals; /* of them with an interval */
  uint32_t inside;    /* of those inside it */
  double mape;        /* mean of |predicted/measured - 1|; NAN: no networks, as the next two */
  double bias;        /* mean of predicted/measured - 1 */
  double worst;       /* the largest of |predicted/measured - 1| */
  uint32_t worst_index;
};

void jc_check_compare(const struct jc_check_figure *figures, uint32_t count,
                      struct jc_check_errors *errors);

/* ---- judging ---- */

#define JC_CHECK_STATED_FLOOR   0.04
#define JC_CHECK_STATED_CEILING 0.10

enum jc_verdict { JC_VERDICT_TRUST, JC_VERDICT_CARE, JC_VERDICT_RECALIBRATE };

/* "trust", "trust with care", "recalibrate". */
const char *jc_verdict_name(enum jc_verdict verdict);

/* By the rule above. STATED_MAPE: NAN if the profile states none. ERRORS are of one network or
 * more. */
enum jc_verdict jc_check_judge(const struct jc_check_errors *errors, double stated_mape);

#endif
