/* measure.c -- a window of training steps between two readings of the meter. */
#include "calibrate/measure.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

static double clock_s(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double jc_clock_s(void) {
  return clock_s(CLOCK_MONOTONIC);
}

double jc_cpu_clock_s(void) {
  return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

static void sleep_s(double duration_s) {
  struct timespec left = {(time_t)duration_s, (long)(fmod(duration_s, 1) * 1e9)};
  while (nanosleep(&left, &left) != 0 && errno == EINTR)
    continue;
}

enum jc_status jc_measure_idle(struct jc_meter *meter, double duration_s, double *power_w,
                               struct jc_error *error) {
  enum { TRIES = 3 };
  struct jc_meter_reading before, after;
  for (int i = 0; i < TRIES; i++) {
    if (jc_meter_read(meter, &before, error) != JC_OK)
      return error->status;
    sleep_s(duration_s);
    if (jc_meter_read(meter, &after, error) != JC_OK)
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

/* Times of the kept steps: [layer_count x 3 x JC_KEPT_STEPS] and [JC_KEPT_STEPS]. */
struct kept {
  uint32_t layer_count, steps;
  double *layers;
  double step_s[JC_KEPT_STEPS];
};

static double *kept_row(const struct kept *kept, uint32_t layer, int phase) {
  return kept->layers + ((size_t)layer * JC_PHASE_COUNT + (size_t)phase) * JC_KEPT_STEPS;
}

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, uint32_t count) {
  assert(count > 0);
  qsort(values, count, sizeof(double), compare_doubles);
  return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static enum jc_status timed_step(const struct jc_runner_driver *runner, void *session,
                                 double *time_s, struct jc_error *error) {
  const double start = jc_clock_s();
  if (runner->step(session, error) != JC_OK)
    return error->status;
  *time_s = jc_clock_s() - start;
  return JC_OK;
}

static void keep_step(struct kept *kept, const struct jc_runner_driver *runner, const void *session,
                      double time_s) {
  if (kept->steps == JC_KEPT_STEPS)
    return;
  for (uint32_t i = 0; i < kept->layer_count; i++) {
    struct jc_runner_layer layer;
    runner->layer(session, i, &layer);
    kept_row(kept, i, JC_FORWARD)[kept->steps] = layer.forward_s;
    kept_row(kept, i, JC_BACKWARD)[kept->steps] = layer.backward_s;
    kept_row(kept, i, JC_UPDATE)[kept->steps] = layer.update_s;
  }
  kept->step_s[kept->steps++] = time_s;
}

/* The window proper, after the warm-up. */
static enum jc_status run_window(const struct jc_runner_driver *runner, void *session,
                                 const struct jc_window_options *options, struct jc_meter *meter,
                                 struct kept *kept, struct jc_window *window,
                                 struct jc_error *error) {
  struct jc_meter_reading before, after;
  if (jc_meter_read(meter, &before, error) != JC_OK)
    return error->status;
  const double cpu_start = jc_cpu_clock_s();
  const double start = jc_clock_s();
  double now = start;
  while (window->steps < options->min_steps || now - start < options->min_window_s) {
    double time_s = 0;
    if (timed_step(runner, session, &time_s, error) != JC_OK)
      return error->status;
    keep_step(kept, runner, session, time_s);
    if (options->each_step != NULL)
      options->each_step(options->step_context, time_s);
    window->steps++;
    now = jc_clock_s();
  }
  window->cpu_s = jc_cpu_clock_s() - cpu_start;
  if (jc_meter_read(meter, &after, error) != JC_OK)
    return error->status;
  window->time_s = after.time_s - before.time_s;
  window->energy_j = after.energy_j - before.energy_j;
  window->late_polls = after.late_polls - before.late_polls;
  return JC_OK;
}

static void summarize(const struct jc_runner_driver *runner, const void *session, struct kept *kept,
                      struct jc_window *window) {
  for (uint32_t i = 0; i < kept->layer_count; i++) {
    struct jc_window_layer *layer = &window->layers[i];
    runner->layer(session, i, &layer->facts);
    layer->forward_s = median(kept_row(kept, i, JC_FORWARD), kept->steps);
    layer->backward_s = median(kept_row(kept, i, JC_BACKWARD), kept->steps);
    layer->update_s = median(kept_row(kept, i, JC_UPDATE), kept->steps);
  }
  window->step_median_s = median(kept->step_s, kept->steps); /* sorts them */
  window->step_min_s = kept->step_s[0];
  window->step_mean_s = window->time_s / window->steps;
}

enum jc_status jc_measure_window(
    const struct jc_runner_driver *runner, const struct jc_analysis *analysis,
    const struct jc_window_options *options, struct jc_meter *meter, struct jc_window *window,
    enum jc_status (*keep)(void *context, const struct jc_window *window, struct jc_error *error),
    void *context, struct jc_error *error) {
  struct kept kept = {.layer_count = analysis->network->layer_count};
  void *session = NULL;
  double first_s = 0, second_s = 0;

  *window = (struct jc_window){.layers = window->layers};
  kept.layers = malloc((size_t)kept.layer_count * JC_PHASE_COUNT * JC_KEPT_STEPS * sizeof(double));
  if (kept.layers == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for the layers' times");

  const double start = jc_clock_s();
  if (runner->open(analysis, &options->runner, &session, error) != JC_OK)
    goto cleanup;
  const double build_s = jc_clock_s() - start;
  if (timed_step(runner, session, &first_s, error) != JC_OK ||
      timed_step(runner, session, &second_s, error) != JC_OK ||
      run_window(runner, session, options, meter, &kept, window, error) != JC_OK)
    goto cleanup;
  summarize(runner, session, &kept, window);
  window->startup_s = build_s + fmax(0, first_s - window->step_median_s);
  (void)keep(context, window, error);

cleanup:
  runner->close(session);
  free(kept.layers);
  return error->status;
}
