/* calibrate.h -- what this machine costs: train sample networks, measure, fit, keep a profile.
 *
 *   jc_calibrate_plan()     seed -> the networks that would be trained
 *   jc_calibrate_measure()  plan -> really train each network -> samples.jsonl, a line each, synced
 *   jc_calibrate_fit()      samples.jsonl -> struct jc_profile
 *
 * Measuring resumes: networks whose id stands in the file already are not trained again, so a
 * calibration killed at any point loses the network in hand and nothing else.
 *
 * The networks of the plan are trained in a random order of the plan's seed, so that neither family
 * nor size goes with time, and with it drift. About every 30 s five small ones, the sentinels, are
 * trained again: if at the median of the five a step takes 5 % more or less than at first, the
 * networks since the last good check are measured once more (a single one moves so far by chance).
 * A network beside which another process ran is measured once more too. Where the meter measures,
 * idle power is taken before, about every 60 s, and after, and interpolated; then 20 of the
 * networks are trained again in long windows, until the joules of a step are known to 2 %, given
 * how much windows of all these networks scatter (scatter.h).
 * Nothing in the file is ever changed: of two lines of one id, the later counts.
 */
#ifndef JC_CALIBRATE_CALIBRATE_H
#define JC_CALIBRATE_CALIBRATE_H

#include "calibrate/meter.h"
#include "estimator/estimator.h"

struct jc_calibrate_progress {
  const char *stage;   /* "idle", "train", "sentinels", "energy" */
  const char *current; /* what is at work: "residual s1-0017"; "" */
  uint32_t done, total;
  double elapsed_s, remaining_s; /* remaining: NAN while unknown */
};

/* How long things take; 0 is the default, by quick. For tests on counters that tick fast. */
struct jc_calibrate_pace {
  double load_window_s;     /* of the look at the load of others, when it begins; 0.5 */
  double load_spin_s;       /* of the spinning on every CPU behind it; 0.25 */
  double min_window_s;      /* of a network's times; 0.1 or 0.25 */
  double idle_s;            /* of a baseline before the first network; 1 or 5 */
  double idle_again_s;      /* of each further one; 0.5 or 1 */
  double idle_period_s;     /* between two; 60 */
  double sentinel_period_s; /* 30 */
  double energy_window_s;   /* 0.8 or 3 */
  uint32_t energy_networks; /* 8 or 20 */
};

struct jc_runner_driver;

struct jc_calibrate_options {
  bool quick;            /* about a minute for one thread count, fewer and smaller networks */
  uint64_t seed;         /* of the plan; default 1 */
  uint32_t threads;      /* >= 1 */
  bool fresh;            /* set an existing samples file aside (PATH.old1, ...) and begin anew */
  bool force;            /* go on beside other load; it is stored in the profile */
  bool raise_priority;   /* if the system permits it */
  double tolerated_load; /* of others, when it begins; 0: JC_TOLERATED_LOAD */
  const char *runner;    /* NULL: "onednn" */
  const struct jc_runner_driver *runner_driver; /* one that is not in the list; NULL: by name */
  const char *meter;                            /* NULL: the first that measures, else `model` */
  const struct jc_meter_driver *meter_driver;   /* one that is not in the list; NULL: by name */
  struct jc_meter_options meter_options;        /* with the parameters of `model` */
  const char *samples_path;                     /* appended to; read first to resume */
  uint32_t networks;                            /* 0: by quick; tests ask for few */
  double budget_s; /* stop after this long, keeping what is measured; 0: by quick: 50 s, or 280 s
                      and for a meter that measures 170 s more */
  struct jc_calibrate_pace pace;
  void (*progress)(void *context, const struct jc_calibrate_progress *progress); /* may be NULL */
  void *progress_context;
  const volatile int *stop; /* nonzero: finish the network in hand and return; may be NULL */
};

struct jc_calibrate_result {
  uint32_t planned, resumed, trained; /* networks */
  uint32_t foreign;   /* samples in the file that are of no network of this plan: left alone */
  bool torn;          /* the file's last line had been cut off, and was removed */
  uint32_t disturbed; /* windows in which another load took CPU time: the fit leaves them out */
  uint32_t repeated;  /* windows measured twice at once for it */
  uint32_t outliers;  /* steps that something held up: in no median */
  uint32_t sentinel_checks, sentinel_moves; /* the latter: the machine's speed had changed */
  uint32_t remeasured;                      /* networks measured again for one or the other */
  uint32_t energy_networks;                 /* of the energy block, those from before included */
  uint32_t energy_dropped;   /* its windows: disturbed, or between baselines too far apart */
  uint32_t energy_unsettled; /* its networks whose interval stayed wider than 2 % */
  bool stopped;              /* by the flag, or by the budget */
  struct jc_meter_info meter;
  double load; /* of others, when it began */
  double idle_power_w;
  double idle_drift; /* largest distance of a baseline from the first, over the first */
  char priority[8];  /* "fifo", "nice", "normal" */
  char pinning[16];  /* "one-cpu", "bound", "none" */
};

/* Fails with JC_ERROR_UNAVAILABLE (no trainer, no meter), JC_ERROR_MISMATCH (the samples to resume
 * from are of another machine, library, meter or of a forced calibration), JC_ERROR_RUNTIME
 * (machine busy and not forced; the text says by how much), JC_ERROR_IO (samples cannot be
 * written). */
enum jc_status jc_calibrate_measure(const struct jc_calibrate_options *options,
                                    struct jc_calibrate_result *result, struct jc_error *error);

struct jc_plan;

/* The networks that jc_calibrate_measure() with OPTIONS trains on MACHINE, in this order. The
 * caller frees PLAN (plan.h). Fails with JC_ERROR_STORAGE. */
enum jc_status jc_calibrate_plan(const struct jc_calibrate_options *options,
                                 const struct jc_machine *machine, struct jc_plan *plan,
                                 struct jc_error *error);

struct jc_sample;

/* Another process took CPU time in the window, so its times are not the network's. Windows of a
 * forced calibration count as they are. */
bool jc_sample_is_disturbed(const struct jc_sample *sample);

/* What makes B unfit to be fitted together with A ("another machine"), or NULL. */
const char *jc_sample_difference(const struct jc_sample *a, const struct jc_sample *b);

/* What a fit says of itself beside the profile. */
struct jc_fit_report {
  uint32_t samples; /* read */
  uint32_t used;    /* of one machine, runner, thread count, undisturbed */
  uint32_t disturbed;
  bool torn_line; /* the last line was cut and ignored */
};

/* Fits PROFILE to the samples of all PATHS. They must be of one machine, runner, precision, thread
 * count and phase (JC_ERROR_MISMATCH): trainings of networks, or forward passes of single layers
 * (forward_fit.h). Fails with JC_ERROR_MISSING under 9 usable networks. */
enum jc_status jc_calibrate_fit(const char *const *paths, size_t path_count,
                                struct jc_profile *profile, struct jc_fit_report *report,
                                struct jc_error *error);

#endif
