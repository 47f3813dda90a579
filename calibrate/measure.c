/* measure.c -- a window of training steps between two readings of the meter. */
#include "calibrate/measure.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#include "calibrate/clock.h"
#include "calibrate/order.h"
#include "calibrate/ticks.h"
#include "calibrate/warm_network.h"

double jc_clock_s(void) {
  return now_s();
}

double jc_cpu_clock_s(void) {
  return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

static void sleep_s(double duration_s) {
  struct timespec left = {(time_t)duration_s, (long)(fmod(duration_s, 1) * 1e9)};
  while (nanosleep(&left, &left) != 0 && errno == EINTR)
    continue;
}

/* ---- ticks ---- */

/* A counter that does not tick for so long is read where it stands. */
static const double longest_tick_s = 0.1;
static const double look_again_s = 0.2e-3;
/* Counters of several packages tick one after the other: the last has when two readings are alike.
 * A reading between two of their ticks lacks a tick of some: 2 % of a window of 0.8 s that two
 * packages with dram ended, which ticked every 20 ms. Counters that never stand still are read for
 * so long. */
static const double longest_settling_s = 1e-3;

enum jc_status read_at_tick(struct jc_meter *meter, bool sleeping, struct jc_meter_reading *reading,
                            struct jc_error *error) {
  struct jc_meter_reading before;
  if (jc_meter_read(meter, &before, error) != JC_OK)
    return error->status;
  do {
    if (sleeping)
      sleep_s(look_again_s);
    if (jc_meter_read(meter, reading, error) != JC_OK)
      return error->status;
  } while (reading->energy_j <= before.energy_j &&
           reading->time_s - before.time_s < longest_tick_s);
  const double ticked_s = reading->time_s;
  do {
    before = *reading;
    if (jc_meter_read(meter, reading, error) != JC_OK)
      return error->status;
  } while (reading->energy_j > before.energy_j && reading->time_s - ticked_s < longest_settling_s);
  return JC_OK;
}

enum jc_status jc_measure_idle(struct jc_meter *meter, double duration_s, double *power_w,
                               struct jc_error *error) {
  enum { TRIES = 3 };
  struct jc_meter_reading before, after;
  for (int i = 0; i < TRIES; i++) {
    if (read_at_tick(meter, true, &before, error) != JC_OK)
      return error->status;
    sleep_s(duration_s);
    if (read_at_tick(meter, true, &after, error) != JC_OK)
      return error->status;
    *power_w = (after.energy_j - before.energy_j) / (after.time_s - before.time_s);
    if (after.late_polls == before.late_polls)
      return JC_OK;
  }
  return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL,
                 "the idle power cannot be trusted: in %d tries a counter may have wrapped unread, "
                 "because the machine left the meter too little time",
                 TRIES);
}

/* ---- a window ---- */

double jc_window_share(const struct jc_window *window, uint32_t threads) {
  return window->cpu_s / (window->time_s * threads);
}

/* Steps between two probes take so long, about thirty times a probe, or are one. */
static const double stretch_s = 0.05;

/* Probes of a window; of a very long one, the first. */
struct probes {
  uint32_t count;
  double compute_s[256], memory_s[256];
};

static void take_probe(const struct jc_speed_probe *probe, struct probes *probes) {
  if (probe == NULL || probes->count == sizeof(probes->memory_s) / sizeof(double))
    return;
  const struct jc_speed speed = jc_speed_probe_take(probe);
  probes->compute_s[probes->count] = speed.compute_s;
  probes->memory_s[probes->count++] = speed.memory_s;
}

static struct jc_speed median_speed(struct probes *probes) {
  if (probes->count == 0)
    return (struct jc_speed){NAN, NAN};
  return (struct jc_speed){median_of(probes->compute_s, probes->count),
                           median_of(probes->memory_s, probes->count)};
}

static bool is_enough(const struct jc_window *window, double ran_s,
                      const struct jc_window_options *options) {
  return window->steps >= options->min_steps && ran_s >= options->min_window_s;
}

/* Steps between two readings of the meter, added to WINDOW: until it is long enough or, with a
 * probe, for a stretch. */
static enum jc_status run_stretch(struct warm_network *w, const struct jc_window_options *options,
                                  struct jc_meter *meter, struct jc_window *window,
                                  struct jc_error *error) {
  const double longest_s = options->probe != NULL ? stretch_s : INFINITY;
  const double before_s = window->time_s;
  struct jc_meter_reading before, after;
  if (jc_meter_read(meter, &before, error) != JC_OK)
    return error->status;
  const double cpu_start_s = jc_cpu_clock_s(), start_s = jc_clock_s();
  double ran_s = 0;
  while (ran_s < longest_s && !is_enough(window, before_s + ran_s, options)) {
    double time_s = 0;
    if (warm_step(w, &time_s, error) != JC_OK)
      return error->status;
    if (options->each_step != NULL)
      options->each_step(options->step_context, time_s);
    window->steps++;
    ran_s = jc_clock_s() - start_s;
  }
  window->cpu_s += jc_cpu_clock_s() - cpu_start_s;
  if (jc_meter_read(meter, &after, error) != JC_OK)
    return error->status;
  window->time_s += after.time_s - before.time_s;
  window->energy_j += after.energy_j - before.energy_j;
  window->late_polls += after.late_polls - before.late_polls;
  return JC_OK;
}

/* The window proper, after the warm-up. Probes are in none of its sums. */
static enum jc_status run_window(struct warm_network *w, const struct jc_window_options *options,
                                 struct jc_meter *meter, struct jc_window *window,
                                 struct jc_error *error) {
  struct probes probes = {.count = 0};
  *window = (struct jc_window){.layers = window->layers};
  warm_restart(w);
  take_probe(options->probe, &probes);
  do {
    if (run_stretch(w, options, meter, window, error) != JC_OK)
      return error->status;
    take_probe(options->probe, &probes);
  } while (!is_enough(window, window->time_s, options));
  window->speed = median_speed(&probes);
  return JC_OK;
}

static bool is_better(const struct jc_window *a, const struct jc_window *b) {
  if ((a->late_polls == 0) != (b->late_polls == 0))
    return a->late_polls == 0;
  return jc_window_share(a, 1) > jc_window_share(b, 1);
}

static void swap_kept(struct warm_network *w) {
  const struct kept first = w->kept[0];
  w->kept[0] = w->kept[1];
  w->kept[1] = first;
}

/* A window, and if others took the CPU or the meter's time meanwhile, another: the better counts.
 */
static enum jc_status run_windows(struct warm_network *w, const struct jc_window_options *options,
                                  struct jc_meter *meter, struct jc_window *window,
                                  struct jc_error *error) {
  if (run_window(w, options, meter, window, error) != JC_OK)
    return error->status;
  if (options->least_share <= 0 ||
      (window->late_polls == 0 &&
       jc_window_share(window, options->runner.threads) >= options->least_share))
    return JC_OK;
  const struct jc_window first = *window;
  swap_kept(w);
  if (run_window(w, options, meter, window, error) != JC_OK)
    return error->status;
  if (is_better(&first, window)) {
    *window = first;
    swap_kept(w);
  }
  window->repeats = 1;
  return JC_OK;
}

enum jc_status jc_measure_window(
    const struct jc_runner_driver *runner, const struct jc_analysis *analysis,
    const struct jc_window_options *options, struct jc_meter *meter, struct jc_window *window,
    enum jc_status (*keep)(void *context, const struct jc_window *window, struct jc_error *error),
    void *context, struct jc_error *error) {
  struct warm_network w;
  if (warm_open(&w, runner, analysis, &options->runner, error) == JC_OK &&
      run_windows(&w, options, meter, window, error) == JC_OK) {
    warm_summarize(&w, window);
    (void)keep(context, window, error);
  }
  warm_close(&w);
  return error->status;
}
