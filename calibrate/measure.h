/* measure.h -- one sample network: build it, warm it up, measure a window of training steps. */
#ifndef JC_CALIBRATE_MEASURE_H
#define JC_CALIBRATE_MEASURE_H

#include "calibrate/meter.h"
#include "calibrate/runner.h"

/* Steps whose layer times are kept for the medians; a longer window only adds joules. */
enum { JC_KEPT_STEPS = 48 };

/* CPU time of a window over threads x wall time: below this, another process took the CPU. */
#define JC_UNDISTURBED_SHARE 0.9
/* A machine whose other processes use more than this share of it gives times that say little about
 * the network: OpenMP beside another busy process was seen 8.7 times slower at the median. */
#define JC_TOLERATED_LOAD 0.10

struct jc_window_options {
  struct jc_runner_options runner;
  uint32_t min_steps;  /* >= 3, at most JC_KEPT_STEPS */
  double min_window_s; /* the meter's share: RAPL ticks once a millisecond */
  /* Told the seconds of every step of the window; may be NULL. */
  void (*each_step)(void *context, double step_s);
  void *step_context;
};

struct jc_window_layer {
  double forward_s, backward_s, update_s; /* medians over the kept steps */
  struct jc_runner_layer facts;           /* strings live as long as the runner's session */
};

/* What the window showed. */
struct jc_window {
  uint32_t steps;
  double time_s, cpu_s; /* of the window; CPU time of the process, all threads */
  double energy_j;
  uint64_t late_polls; /* the meter may have missed a wrap: the energy is not to be trusted */
  double step_min_s, step_median_s, step_mean_s;
  double startup_s; /* building, and what the first step took longer than the median */
  struct jc_window_layer *layers; /* [layer_count], the caller's */
};

/* Trains the network of ANALYSIS with RUNNER and fills WINDOW, whose layers array is the caller's.
 * Calls KEEP with it while the session is still open. */
enum jc_status jc_measure_window(
    const struct jc_runner_driver *runner, const struct jc_analysis *analysis,
    const struct jc_window_options *options, struct jc_meter *meter, struct jc_window *window,
    enum jc_status (*keep)(void *context, const struct jc_window *window, struct jc_error *error),
    void *context, struct jc_error *error);

/* Sleeps DURATION_S and returns the mean power over it. */
enum jc_status jc_measure_idle(struct jc_meter *meter, double duration_s, double *power_w,
                               struct jc_error *error);

/* Seconds of the monotonic clock, and of the process's CPU time. */
double jc_clock_s(void);
double jc_cpu_clock_s(void);

#endif
