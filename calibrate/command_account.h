/* command_account.h -- what a metered command has used: joules, its part of them, epochs, power.
 *
 *   struct jc_account account;
 *   jc_account_start(&account, share, &sample);     at the start
 *   jc_account_sample(&account, &sample, error);    about once a second, and at the end
 *   jc_account_epochs(&account, n, time_s, energy_j, error);   when n epochs have ended
 *   jc_account_free(&account);
 *
 * Arithmetic only: no clock, no file. Counters see the whole machine. With `share` the joules
 * between two samples are charged to the command by its part of the machine's busy CPU time between
 * them; otherwise all of them are. Joules that no meter has told are NAN, never 0.
 */
#ifndef JC_CALIBRATE_COMMAND_ACCOUNT_H
#define JC_CALIBRATE_COMMAND_ACCOUNT_H

#include "calibrate/projection.h"
#include "estimator/error.h"

/* Points of the power series: of twice as many every second is dropped, and so on. */
enum { JC_POWER_POINTS = 512 };

/* One look at meter and CPUs. */
struct jc_account_sample {
  double time_s;   /* monotonic */
  double energy_j; /* of the meter, since any beginning; NAN: it failed */
  double cpu_s;    /* of the command's processes */
  double busy_s;   /* of all CPUs; NAN: not known */
};

/* Mean power from the point before (or the start) to this one. */
struct jc_power_point {
  double time_s; /* since the start */
  double power_w;
};

struct jc_account {
  bool share; /* charge by CPU time */
  struct jc_account_sample begin, last;
  double metered_s;           /* since the start: until when joules are known */
  double metered_j;           /* until then, of the machine */
  double charged_j;           /* of them, the command's */
  double last_part;           /* 0..1, of the last interval */
  double peak_w;              /* highest mean of one interval of 0.5 s or more; NAN: none yet */
  double peak_time_s, peak_j; /* where that of the next one begins */
  bool gap;                   /* joules of the end are not known */
  uint32_t epoch_count, epoch_capacity;
  struct jc_epoch_seen *epochs; /* charged joules */
  double epochs_time_s;         /* since the start: end of the last epoch */
  double epochs_j;              /* charged until then; NAN: not known */
  uint32_t point_count, stride, skipped;
  double point_time_s, point_j; /* where the last point ended, or the next one begins */
  struct jc_power_point points[2 * JC_POWER_POINTS];
};

void jc_account_start(struct jc_account *account, bool share,
                      const struct jc_account_sample *sample);
void jc_account_free(struct jc_account *account);

/* What was used until SAMPLE. After one whose joules are NAN a later one may have them again:
 * nothing is lost. */
void jc_account_sample(struct jc_account *account, const struct jc_account_sample *sample);

/* COUNT epochs have ended at TIME_S, when the meter stood at ENERGY_J (NAN: unknown); what was used
 * since the last is divided evenly. Fails with JC_ERROR_STORAGE. */
enum jc_status jc_account_epochs(struct jc_account *account, uint32_t count, double time_s,
                                 double energy_j, struct jc_error *error);

/* Joules charged and seconds, until the last sample; joules NAN where the end is not known. */
struct jc_epoch_seen jc_account_total(const struct jc_account *account);

/* Highest mean power of half a second or more, so never below that of the whole; NAN if the whole
 * is shorter. */
double jc_account_peak_w(const struct jc_account *account);

/* Of the total, what is in no whole epoch: since the last one ended. */
struct jc_epoch_seen jc_account_in_hand(const struct jc_account *account);

/* The command's part of the busy CPU time, 0..1; NAN: not known. */
double jc_account_cpu_share(const struct jc_account *account);

#endif
