/* session.h -- a calibration at work: what its parts share. For calibrate/ only.
 *
 *   session.c       opening, the facts of a sample, one network of the plan, progress
 *   resume.c        what stands in the file already
 *   baselines.c     idle power over time, and the samples that wait for the next baseline
 *   sentinels.c     whether the machine is still as fast as it was
 *   block_times.c   every network of the plan, in short windows
 *   block_energy.c  some of them again, in long ones
 */
#ifndef JC_CALIBRATE_SESSION_H
#define JC_CALIBRATE_SESSION_H

#include "calibrate/calibrate.h"
#include "calibrate/conditions.h"
#include "calibrate/measure.h"
#include "calibrate/plan.h"
#include "estimator/samples_file.h"

/* How large and how long, for a minute and for a proper calibration. */
struct effort {
  const char *prefix; /* of the sample ids */
  uint32_t networks;
  double flops_max;    /* of a step */
  double memory_share; /* of the machine's, at most, for one network */
  uint32_t min_steps;
  struct jc_calibrate_pace pace;
  double times_s[2]; /* budget of the times: with a meter that models, and one that measures */
  double energy_s;   /* and of the energy block, which only the latter has */
};

/* A network of the plan. */
struct network_state {
  bool done;         /* its times are in the file, and count */
  bool kept;         /* this session wrote a line of it */
  bool energy;       /* the energy block has it */
  bool disturbed;    /* its last window */
  uint32_t measured; /* windows of this session, 2 at most */
  double first_s;    /* median step of its first good window; 0: none yet */
  double median_s;   /* of the last one */
  double cost_s;     /* of measuring it, building included */
  double at_s;       /* when it was measured; 0: before this session */
};

enum { SENTINELS = 5 };

struct sentinels {
  uint32_t count;
  uint32_t network[SENTINELS]; /* indices in the plan */
  double checked_s;            /* last time */
  double good_s;               /* last time that all was well */
};

struct baseline {
  double time_s, power_w;
};

/* A sample in the file whose idle power is that of the baseline before. */
struct held_sample {
  struct jc_sample sample;
  double time_s; /* when it was measured */
};

struct baselines {
  uint32_t count;
  struct baseline first, before, last;
  struct held_sample *held; /* since `last` */
  uint32_t held_count, held_capacity;
};

struct session {
  const struct jc_calibrate_options *options;
  struct jc_calibrate_result *result;
  const struct jc_runner_driver *runner;
  const struct effort *effort;
  struct jc_calibrate_pace pace;
  struct jc_meter *meter;
  struct jc_speed_probe *probe;
  struct jc_machine machine;
  struct jc_conditions conditions;
  struct jc_plan plan;
  struct network_state *networks; /* [plan.count] */
  uint32_t *order;                /* [plan.count], indices in the plan */
  struct sentinels sentinels;
  struct baselines baselines;
  double start_s;
  double times_s, energy_s; /* budgets */
  double again_s;           /* of the former, spent on networks measured again */
  /* The network in hand. */
  const struct jc_plan_entry *entry;
  const struct jc_analysis *analysis;
  struct jc_window_layer *layers;
};

/* ---- session.c ---- */

/* Everything up to the first network. To be closed, after a failure too. */
enum jc_status session_open(struct session *s, struct jc_error *error);
void session_close(struct session *s);

bool session_is_stopped(const struct session *s); /* by the flag */

/* REMAINING_S: NAN while unknown. */
void session_progress(const struct session *s, const char *stage, uint32_t done, uint32_t total,
                      double remaining_s);

/* The facts that all samples of a calibration share. */
void session_describe_conditions(const struct session *s, struct jc_sample *sample);

/* What is common to both blocks: run, window and layers. SAMPLE is started. */
enum jc_status session_describe_window(const struct session *s, const struct jc_window *window,
                                       struct jc_sample *sample, struct jc_error *error);

/* Analyses network INDEX of the plan and calls MEASURE with it in hand, and room for the layers of
 * a window. */
enum jc_status session_with_network(struct session *s, uint32_t index,
                                    enum jc_status (*measure)(struct session *s, void *context,
                                                              struct jc_error *error),
                                    void *context, struct jc_error *error);

/* ---- resume.c ---- */

/* Marks the networks of the plan that stand in the file already. */
enum jc_status session_resume(struct session *s, struct jc_error *error);

/* ---- baselines.c ---- */

/* Measures idle power, and gives the samples held since the last time their interpolated one: a
 * line more, where it differs. */
enum jc_status session_take_baseline(struct session *s, double duration_s, struct jc_error *error);
/* The same with a power that was measured at TIME_S. */
enum jc_status session_add_baseline(struct session *s, double time_s, double power_w,
                                    struct jc_error *error);
/* Idle power at TIME_S: between the last two baselines, or that of the nearest. */
double baseline_at(const struct baselines *b, double time_s);
/* Takes over SAMPLE, which was appended to the file. */
enum jc_status session_hold(struct session *s, struct jc_sample *sample, double time_s,
                            struct jc_error *error);
void baselines_free(struct baselines *b);

/* ---- sentinels.c ---- */

/* Takes network INDEX, of which a good window exists, as a sentinel if one is wanted. */
void sentinels_offer(struct session *s, uint32_t index);
/* Measures them if it is time; *MOVED says that the machine's speed has changed. */
enum jc_status sentinels_check(struct session *s, bool *moved, struct jc_error *error);

/* ---- the blocks ---- */

enum jc_status session_measure_times(struct session *s, struct jc_error *error);
enum jc_status session_measure_energy(struct session *s, struct jc_error *error);

/* A random order of 0 .. COUNT-1, the same for a SEED on every machine. */
void shuffle(uint32_t *order, uint32_t count, uint64_t seed);

#endif
