/* calibrate.h -- what this machine costs: train sample networks, measure, fit, keep a profile.
 *
 *   jc_calibrate_plan()     seed -> the networks that would be trained
 *   jc_calibrate_measure()  plan -> really train each network -> samples.jsonl, a line each, synced
 *   jc_calibrate_fit()      samples.jsonl -> struct jc_profile
 *
 * Measuring resumes: networks whose id stands in the file already are not trained again, so a
 * calibration killed at any point loses the network in hand and nothing else.
 */
#ifndef JC_CALIBRATE_CALIBRATE_H
#define JC_CALIBRATE_CALIBRATE_H

#include "calibrate/meter.h"
#include "estimator/estimator.h"

struct jc_calibrate_progress {
  const char *stage;   /* "idle", "train", "fit" */
  const char *current; /* what is at work: "residual s1-0017"; "" */
  uint32_t done, total;
  double elapsed_s, remaining_s; /* remaining: NAN while unknown */
};

struct jc_calibrate_options {
  bool quick;         /* about a minute for one thread count, fewer and smaller networks */
  uint64_t seed;      /* of the plan; default 1 */
  uint32_t threads;   /* >= 1 */
  bool fresh;         /* set an existing samples file aside (PATH.old1, ...) and begin anew */
  bool force;         /* go on beside other load; it is stored in the profile */
  const char *runner; /* NULL: "onednn" */
  const char *meter;  /* NULL: the first that measures, else `model` */
  struct jc_meter_options meter_options; /* with the parameters of `model` */
  const char *samples_path;              /* appended to; read first to resume */
  uint32_t networks;                     /* 0: by quick; tests ask for few */
  double budget_s; /* stop after this long, keeping what is measured; 0: by quick */
  void (*progress)(void *context, const struct jc_calibrate_progress *progress); /* may be NULL */
  void *progress_context;
  const volatile int *stop; /* nonzero: finish the network in hand and return; may be NULL */
};

struct jc_calibrate_result {
  uint32_t planned, resumed, trained;
  uint32_t disturbed; /* windows in which another load took CPU time: the fit leaves them out */
  bool stopped;       /* by the flag, or by the budget */
  struct jc_meter_info meter;
  double load; /* of others, when it began */
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

/* Fits PROFILE to the samples of all PATHS. They must be of one machine, runner, precision and
 * thread count (JC_ERROR_MISMATCH). Fails with JC_ERROR_MISSING under 9 usable networks. */
enum jc_status jc_calibrate_fit(const char *const *paths, size_t path_count,
                                struct jc_profile *profile, struct jc_fit_report *report,
                                struct jc_error *error);

#endif
