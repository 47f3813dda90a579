/* measure.h -- one sample network: build it, warm it up, measure windows of training steps.
 *
 *   jc_measure_window()  one window, for the times of its layers, with joules as they come
 *   jc_measure_energy()  several long windows, until the joules of a step are known
 *
 * Durations are of the monotonic clock: a step of the wall clock changes nothing but the dates that
 * samples carry as labels.
 */
#ifndef JC_CALIBRATE_MEASURE_H
#define JC_CALIBRATE_MEASURE_H

#include "calibrate/meter.h"
#include "calibrate/runner.h"
#include "calibrate/speed_probe.h"

/* Steps whose layer times are kept for the medians, at most; of a longer window every second,
 * fourth and so on. */
enum { JC_KEPT_STEPS = 48 };

/* CPU time of a window over threads x wall time: below this, another process took the CPU. */
#define JC_UNDISTURBED_SHARE 0.9
/* The same, below which a window is worth another try. */
#define JC_WANTED_SHARE 0.97
/* A machine whose other processes use more than this share of it gives times that say little about
 * the network: OpenMP beside another busy process was seen 8.7 times slower at the median. */
#define JC_TOLERATED_LOAD 0.10
/* A step of more than this many medians is no step of this network, but of whatever held it up. */
#define JC_OUTLIER_MEDIANS 3

struct jc_window_options {
  struct jc_runner_options runner;
  uint32_t min_steps;  /* >= 3, at most JC_KEPT_STEPS */
  double min_window_s; /* the meter's share: RAPL ticks once a millisecond */
  double least_share;  /* a window of a lower CPU share is measured again at once, the better one
                          kept; 0: never */
  const struct jc_speed_probe *probe; /* run between steps; NULL: never */
  /* Told the seconds of every step of the window; may be NULL. */
  void (*each_step)(void *context, double step_s);
  void *step_context;
};

struct jc_window_layer {
  double forward_s, backward_s, update_s;             /* medians over the kept steps */
  double forward_min_s, backward_min_s, update_min_s; /* their minima */
  struct jc_runner_layer facts;                       /* strings live as long as the session */
};

/* What the window showed. */
struct jc_window {
  uint32_t steps;
  uint32_t outliers;    /* kept steps of more than 3 medians: in time and joules, in no median */
  uint32_t repeats;     /* 1: this is the better of two */
  double time_s, cpu_s; /* of the steps; CPU time of the process, all threads */
  double energy_j;
  uint64_t late_polls; /* the meter may have missed a wrap: the energy is not to be trusted */
  double step_min_s, step_median_s, step_mean_s;
  struct jc_speed speed; /* of the machine meanwhile; NAN without a probe */
  double loss_s;         /* median of the loss and its gradient; NAN: the runner does not say */
  double startup_s;      /* building, and what the first step took longer than the median */
  struct jc_window_layer *layers; /* [layer_count], the caller's */
};

/* CPU time over THREADS x wall time. */
double jc_window_share(const struct jc_window *window, uint32_t threads);

/* Trains the network of ANALYSIS with RUNNER and fills WINDOW, whose layers array is the caller's.
 * Before it two steps of warming up, and if they are short, as many as 20 ms hold. Calls KEEP with
 * WINDOW while the session is still open. */
enum jc_status jc_measure_window(
    const struct jc_runner_driver *runner, const struct jc_analysis *analysis,
    const struct jc_window_options *options, struct jc_meter *meter, struct jc_window *window,
    enum jc_status (*keep)(void *context, const struct jc_window *window, struct jc_error *error),
    void *context, struct jc_error *error);

enum { JC_ENERGY_MAX_WINDOWS = 5 };

struct jc_energy_options {
  struct jc_runner_options runner;
  double window_s;          /* of each, between two ticks of the counter */
  double limit_s;           /* no further window is begun after this long */
  double idle_s;            /* of the baseline behind the last window */
  double wanted_half_width; /* of the 95 % interval of J/step, over their mean */
  /* Scatter of the windows of networks measured before; those of this one are added. NULL: the
   * interval is of its own windows alone. */
  struct jc_scatter *scatter;
  double least_share;     /* windows of a lower CPU share are dropped */
  double idle_before_w;   /* the baseline before */
  double tolerated_drift; /* of the baseline, over the power of the windows; 0.02 */
};

struct jc_energy {
  uint32_t windows;    /* in the sums */
  uint32_t dropped;    /* for their CPU share, a wrap that may have been missed, or no joules */
  bool drifted;        /* the baseline moved too far: the windows are not to be used */
  double half_width_j; /* of the 95 % interval of J/step; NAN of one window and no scatter */
  double idle_power_w; /* mean of the baselines before and after */
  double idle_after_w;
};

/* As jc_measure_window(), with windows until J/step is known well enough, at most
 * JC_ENERGY_MAX_WINDOWS; their sums are in WINDOW: energy_j is that of the steps alone, without the
 * wait for the counter's tick. KEEP is not called if every window was dropped. */
enum jc_status jc_measure_energy(
    const struct jc_runner_driver *runner, const struct jc_analysis *analysis,
    const struct jc_energy_options *options, struct jc_meter *meter, struct jc_energy *energy,
    struct jc_window *window,
    enum jc_status (*keep)(void *context, const struct jc_window *window, struct jc_error *error),
    void *context, struct jc_error *error);

/* Sleeps DURATION_S and returns the mean power over it, between two ticks of the counter. */
enum jc_status jc_measure_idle(struct jc_meter *meter, double duration_s, double *power_w,
                               struct jc_error *error);

/* Seconds of the monotonic clock, and of the process's CPU time. */
double jc_clock_s(void);
double jc_cpu_clock_s(void);

#endif
