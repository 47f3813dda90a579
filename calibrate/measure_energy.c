/* measure_energy.c -- windows long enough for joules, until those of a step are known. */
#include <math.h>
#include <string.h>

#include "calibrate/measure.h"
#include "calibrate/scatter.h"
#include "calibrate/ticks.h"
#include "calibrate/warm_network.h"

/* One window between two ticks. */
struct stretch {
  uint32_t steps;
  double time_s, cpu_s; /* of the steps */
  double energy_j;      /* the ticks' joules, for the time of the steps */
  uint64_t late_polls;
};

/* The steps end before the tick that ends the window: its power is taken for theirs. */
static enum jc_status run_stretch(struct warm_network *w, double duration_s, struct jc_meter *meter,
                                  struct stretch *stretch, struct jc_error *error) {
  struct jc_meter_reading before, after;
  memset(stretch, 0, sizeof(*stretch));
  if (read_at_tick(meter, false, &before, error) != JC_OK)
    return error->status;
  const double cpu_start = jc_cpu_clock_s(), start = jc_clock_s();
  while (stretch->steps == 0 || jc_clock_s() - start < duration_s) {
    double unused_s = 0;
    if (warm_step(w, &unused_s, error) != JC_OK)
      return error->status;
    stretch->steps++;
  }
  stretch->time_s = jc_clock_s() - start;
  stretch->cpu_s = jc_cpu_clock_s() - cpu_start;
  if (read_at_tick(meter, false, &after, error) != JC_OK)
    return error->status;
  stretch->energy_j =
      (after.energy_j - before.energy_j) * stretch->time_s / (after.time_s - before.time_s);
  stretch->late_polls = after.late_polls - before.late_polls;
  return JC_OK;
}

static void add(struct jc_window *window, const struct stretch *stretch) {
  window->steps += stretch->steps;
  window->time_s += stretch->time_s;
  window->cpu_s += stretch->cpu_s;
  window->energy_j += stretch->energy_j;
}

static enum jc_status run_stretches(struct warm_network *w, const struct jc_energy_options *options,
                                    struct jc_meter *meter, struct jc_energy *energy,
                                    struct jc_window *window, struct jc_error *error) {
  const double start = jc_clock_s();
  double step_j[JC_ENERGY_MAX_WINDOWS], mean_j = 0;
  struct jc_scatter own = {0};
  for (int i = 0; i < JC_ENERGY_MAX_WINDOWS; i++) {
    struct stretch stretch;
    const uint64_t first = w->steps;
    if (i > 0 && jc_clock_s() - start + options->window_s > options->limit_s)
      break;
    if (run_stretch(w, options->window_s, meter, &stretch, error) != JC_OK)
      return error->status;
    if (stretch.late_polls > 0 || !(stretch.energy_j > 0) ||
        stretch.cpu_s < options->least_share * stretch.time_s * options->runner.threads) {
      energy->dropped++;
      warm_forget(w, first);
      continue;
    }
    add(window, &stretch);
    step_j[energy->windows++] = stretch.energy_j / stretch.steps;
    own = jc_scatter_of(step_j, energy->windows, &mean_j);
    energy->half_width_j = mean_j * jc_scatter_half_width(&own, energy->windows, options->scatter);
    if (energy->windows >= 2 && /* one agrees with nothing, however well the scatter is known */
        energy->half_width_j <= options->wanted_half_width * mean_j)
      break;
  }
  if (options->scatter != NULL)
    jc_scatter_add(options->scatter, &own);
  return JC_OK;
}

/* What the machine draws without us, now that the last window is over. */
static enum jc_status close_with_idle(struct warm_network *w,
                                      const struct jc_energy_options *options,
                                      struct jc_meter *meter, const struct jc_window *window,
                                      struct jc_energy *energy, struct jc_error *error) {
  if (w->runner->rest != NULL)
    w->runner->rest();
  if (jc_measure_idle(meter, options->idle_s, &energy->idle_after_w, error) != JC_OK)
    return error->status;
  energy->idle_power_w = (options->idle_before_w + energy->idle_after_w) / 2;
  energy->drifted =
      energy->windows > 0 && fabs(energy->idle_after_w - options->idle_before_w) >
                                 options->tolerated_drift * window->energy_j / window->time_s;
  return JC_OK;
}

enum jc_status jc_measure_energy(
    const struct jc_runner_driver *runner, const struct jc_analysis *analysis,
    const struct jc_energy_options *options, struct jc_meter *meter, struct jc_energy *energy,
    struct jc_window *window,
    enum jc_status (*keep)(void *context, const struct jc_window *window, struct jc_error *error),
    void *context, struct jc_error *error) {
  struct warm_network w;
  /* Without a probe, which would add joules of its own. */
  *window = (struct jc_window){.layers = window->layers, .speed = {NAN, NAN}};
  *energy = (struct jc_energy){.half_width_j = NAN};
  if (warm_open(&w, runner, analysis, &options->runner, error) == JC_OK &&
      run_stretches(&w, options, meter, energy, window, error) == JC_OK &&
      close_with_idle(&w, options, meter, window, energy, error) == JC_OK && energy->windows > 0) {
    warm_summarize(&w, window);
    (void)keep(context, window, error);
  }
  warm_close(&w);
  return error->status;
}
