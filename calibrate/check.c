/* check.c -- networks a profile was not fitted on: measured, compared, judged. */
#include "calibrate/check.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "calibrate/measure.h"

/* ---- measuring ---- */

/* Seconds of every step of a window, kept as they come. */
struct step_times {
  double *step_s;
  size_t count, capacity;
  bool failed; /* out of memory */
};

static void keep_step(void *context, double step_s) {
  struct step_times *times = context;
  if (times->count == times->capacity) {
    const size_t capacity = times->capacity == 0 ? 256 : 2 * times->capacity;
    double *grown = realloc(times->step_s, capacity * sizeof(*grown));
    if (grown == NULL) {
      times->failed = true;
      return;
    }
    times->step_s = grown;
    times->capacity = capacity;
  }
  times->step_s[times->count++] = step_s;
}

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts TIMES. */
static void summarize_steps(struct step_times *times, struct jc_check_measurement *m) {
  const size_t n = times->count;
  double sum_s = 0, squares_s2 = 0;
  qsort(times->step_s, n, sizeof(double), compare_doubles);
  for (size_t i = 0; i < n; i++)
    sum_s += times->step_s[i];
  m->steps = n;
  m->step_min_s = times->step_s[0];
  m->step_median_s = (times->step_s[(n - 1) / 2] + times->step_s[n / 2]) / 2;
  m->step_mean_s = sum_s / (double)n;
  for (size_t i = 0; i < n; i++)
    squares_s2 += pow(times->step_s[i] - m->step_mean_s, 2);
  m->mean_error_s = n > 1 ? sqrt(squares_s2 / (double)(n - 1) / (double)n) : NAN;
}

/* One window: what jc_measure_window() hands over while its session is open. */
struct window_check {
  const struct jc_check_options *options;
  struct step_times times;
  struct jc_check_measurement result;
};

static enum jc_status keep_window(void *context, const struct jc_window *window,
                                  struct jc_error *error) {
  struct window_check *check = context;
  struct jc_check_measurement *m = &check->result;
  if (check->times.failed)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for the steps' times");
  assert(check->times.count == window->steps);
  summarize_steps(&check->times, m);
  m->cpu_share = window->cpu_s / (check->options->training.threads * window->time_s);
  m->speed = window->speed;
  m->energy_per_step_j = window->late_polls == 0 ? window->energy_j / (double)window->steps : NAN;
  m->quiet = m->cpu_share >= JC_WANTED_SHARE && window->late_polls == 0;
  return JC_OK;
}

enum jc_status jc_check_measure(const struct jc_analysis *analysis,
                                const struct jc_check_options *options,
                                struct jc_check_measurement *measurement, struct jc_error *error) {
  struct window_check check = {.options = options};
  const struct jc_window_options window_options = {
      .runner = options->training,
      .min_steps = options->min_steps,
      .min_window_s = options->min_window_s,
      .probe = options->probe,
      .each_step = keep_step,
      .step_context = &check.times,
  };
  struct jc_window window = {0};
  *measurement = (struct jc_check_measurement){.cpu_share = -1};
  window.layers = calloc(analysis->network->layer_count, sizeof(*window.layers));
  if (window.layers == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  uint32_t tries = 0;
  while (tries < JC_CHECK_TRIES && !measurement->quiet) {
    check.times.count = 0;
    if (jc_measure_window(options->runner, analysis, &window_options, options->meter, &window,
                          keep_window, &check, error) != JC_OK)
      break;
    tries++;
    if (check.result.quiet || check.result.cpu_share > measurement->cpu_share)
      *measurement = check.result;
  }
  measurement->tries = tries;
  free(check.times.step_s);
  free(window.layers);
  return error->status;
}

/* ---- comparing ---- */

bool jc_check_is_inside(const struct jc_check_figure *figure) {
  return figure->measured >= figure->low && figure->measured <= figure->high;
}

void jc_check_compare(const struct jc_check_figure *figures, uint32_t count,
                      struct jc_check_errors *errors) {
  double sum = 0, absolute = 0;
  *errors = (struct jc_check_errors){.count = count, .mape = NAN, .bias = NAN, .worst = NAN};
  for (uint32_t i = 0; i < count; i++) {
    const double relative = figures[i].predicted / figures[i].measured - 1;
    sum += relative;
    absolute += fabs(relative);
    errors->intervals += isnan(figures[i].low) ? 0 : 1;
    errors->inside += jc_check_is_inside(&figures[i]) ? 1 : 0;
    if (i == 0 || fabs(relative) > errors->worst) {
      errors->worst = fabs(relative);
      errors->worst_index = i;
    }
  }
  if (count > 0) {
    errors->mape = absolute / count;
    errors->bias = sum / count;
  }
}

/* ---- judging ---- */

static const double trusted_ratio = 1.5, refused_ratio = 3;
static const double trusted_inside = 0.8, refused_inside = 0.5;

const char *jc_verdict_name(enum jc_verdict verdict) {
  static const char *const names[] = {[JC_VERDICT_TRUST] = "trust",
                                      [JC_VERDICT_CARE] = "trust with care",
                                      [JC_VERDICT_RECALIBRATE] = "recalibrate"};
  return names[verdict];
}

enum jc_verdict jc_check_judge(const struct jc_check_errors *errors, double stated_mape) {
  const double stated = fmin(fmax(isnan(stated_mape) ? 0 : stated_mape, JC_CHECK_STATED_FLOOR),
                             JC_CHECK_STATED_CEILING);
  const bool has_intervals = errors->intervals > 0;
  const double inside = has_intervals ? (double)errors->inside / errors->intervals : NAN;
  assert(errors->count > 0);
  if (errors->mape > refused_ratio * stated || inside < refused_inside)
    return JC_VERDICT_RECALIBRATE;
  if (errors->mape <= trusted_ratio * stated && inside >= trusted_inside && !isnan(stated_mape))
    return JC_VERDICT_TRUST;
  return JC_VERDICT_CARE;
}
