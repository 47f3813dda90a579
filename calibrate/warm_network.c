/* warm_network.c -- building, warming up, steps, and the medians of their times. */
#include "calibrate/warm_network.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "calibrate/order.h"

static const double short_step_s = 1e-3, warm_after_s = 20e-3;

static double *kept_row(const struct kept *kept, uint32_t layer, int phase) {
  return kept->layers + ((size_t)layer * JC_PHASE_COUNT + (size_t)phase) * JC_KEPT_STEPS;
}

static enum jc_status timed_step(struct warm_network *w, double *time_s, struct jc_error *error) {
  const double start = jc_clock_s();
  if (w->runner->step(w->session, error) != JC_OK)
    return error->status;
  *time_s = jc_clock_s() - start;
  return JC_OK;
}

/* Two steps; of short ones more, since caches and clocks need time, not steps. */
static enum jc_status warm_up(struct warm_network *w, struct jc_error *error) {
  double time_s = 0, sum_s = 0;
  if (timed_step(w, &w->first_s, error) != JC_OK)
    return error->status;
  do {
    if (timed_step(w, &time_s, error) != JC_OK)
      return error->status;
    sum_s += time_s;
  } while (time_s < short_step_s && sum_s < warm_after_s);
  return JC_OK;
}

enum jc_status warm_open(struct warm_network *w, const struct jc_runner_driver *runner,
                         const struct jc_analysis *analysis,
                         const struct jc_runner_options *options, struct jc_error *error) {
  *w = (struct warm_network){.runner = runner, .layer_count = analysis->network->layer_count};
  for (int i = 0; i < 2; i++) {
    w->kept[i].layers =
        malloc((size_t)w->layer_count * JC_PHASE_COUNT * JC_KEPT_STEPS * sizeof(double));
    if (w->kept[i].layers == NULL)
      return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for the layers' times");
  }
  const double start = jc_clock_s();
  if (runner->open(analysis, options, &w->session, error) != JC_OK)
    return error->status;
  w->build_s = jc_clock_s() - start;
  warm_restart(w);
  return warm_up(w, error);
}

void warm_close(struct warm_network *w) {
  w->runner->close(w->session);
  free(w->kept[0].layers);
  free(w->kept[1].layers);
}

/* ---- kept steps ---- */

/* Takes those of COUNT values that MASK marks. */
static void compact(double *values, uint32_t count, const bool *mask) {
  uint32_t to = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (mask[i])
      values[to++] = values[i];
  }
}

/* Keeps the steps that MASK marks. */
static void keep_marked(struct kept *kept, uint32_t layer_count, const bool *mask) {
  uint32_t marked = 0;
  for (uint32_t i = 0; i < kept->steps; i++) {
    if (mask[i])
      kept->number[marked++] = kept->number[i];
  }
  for (uint32_t i = 0; marked < kept->steps && i < layer_count * JC_PHASE_COUNT; i++)
    compact(kept->layers + (size_t)i * JC_KEPT_STEPS, kept->steps, mask);
  compact(kept->step_s, kept->steps, mask);
  compact(kept->loss_s, kept->steps, mask);
  kept->steps = marked;
}

void warm_restart(struct warm_network *w) {
  w->steps = 0;
  w->kept[0].steps = 0;
  w->kept[0].every = 1;
}

static void thin_out(struct kept *kept, uint32_t layer_count) {
  bool mask[JC_KEPT_STEPS];
  kept->every *= 2;
  for (uint32_t i = 0; i < kept->steps; i++)
    mask[i] = kept->number[i] % kept->every == 0;
  keep_marked(kept, layer_count, mask);
}

void warm_forget(struct warm_network *w, uint64_t first) {
  bool mask[JC_KEPT_STEPS];
  for (uint32_t i = 0; i < w->kept[0].steps; i++)
    mask[i] = w->kept[0].number[i] < first;
  keep_marked(&w->kept[0], w->layer_count, mask);
  if (w->kept[0].steps == 0)
    warm_restart(w); /* a short stretch may come, of which every so manieth step were none */
}

enum jc_status warm_step(struct warm_network *w, double *time_s, struct jc_error *error) {
  struct kept *kept = &w->kept[0];
  if (timed_step(w, time_s, error) != JC_OK)
    return error->status;
  const uint64_t number = w->steps++;
  if (number % kept->every != 0)
    return JC_OK;
  if (kept->steps == JC_KEPT_STEPS)
    thin_out(kept, w->layer_count); /* an even number of steps, so that this one stays in turn */
  for (uint32_t i = 0; i < w->layer_count; i++) {
    struct jc_runner_layer layer;
    w->runner->layer(w->session, i, &layer);
    kept_row(kept, i, JC_FORWARD)[kept->steps] = layer.forward_s;
    kept_row(kept, i, JC_BACKWARD)[kept->steps] = layer.backward_s;
    kept_row(kept, i, JC_UPDATE)[kept->steps] = layer.update_s;
  }
  kept->loss_s[kept->steps] = w->runner->loss_s != NULL ? w->runner->loss_s(w->session) : NAN;
  kept->number[kept->steps] = number;
  kept->step_s[kept->steps++] = *time_s;
  return JC_OK;
}

/* ---- medians ---- */

/* Removes steps that something held up. Returns how many. */
static uint32_t drop_outliers(struct kept *kept, uint32_t layer_count) {
  const uint32_t all = kept->steps;
  double sorted[JC_KEPT_STEPS];
  bool mask[JC_KEPT_STEPS];
  for (uint32_t i = 0; i < all; i++)
    sorted[i] = kept->step_s[i];
  const double longest_s = JC_OUTLIER_MEDIANS * median_of(sorted, all);
  for (uint32_t i = 0; i < all; i++)
    mask[i] = kept->step_s[i] <= longest_s;
  keep_marked(kept, layer_count, mask);
  return all - kept->steps;
}

static void summarize_phase(const struct kept *kept, uint32_t layer, int phase, double *median_s,
                            double *min_s) {
  double *row = kept_row(kept, layer, phase);
  *median_s = median_of(row, kept->steps);
  *min_s = row[0];
}

void warm_summarize(struct warm_network *w, struct jc_window *window) {
  struct kept *kept = &w->kept[0];
  assert(kept->steps > 0);
  window->outliers = drop_outliers(kept, w->layer_count);
  for (uint32_t i = 0; i < w->layer_count; i++) {
    struct jc_window_layer *layer = &window->layers[i];
    w->runner->layer(w->session, i, &layer->facts);
    summarize_phase(kept, i, JC_FORWARD, &layer->forward_s, &layer->forward_min_s);
    summarize_phase(kept, i, JC_BACKWARD, &layer->backward_s, &layer->backward_min_s);
    summarize_phase(kept, i, JC_UPDATE, &layer->update_s, &layer->update_min_s);
  }
  window->step_median_s = median_of(kept->step_s, kept->steps);
  window->step_min_s = kept->step_s[0];
  window->step_mean_s = window->time_s / window->steps;
  window->loss_s = isnan(kept->loss_s[0]) ? NAN : median_of(kept->loss_s, kept->steps);
  window->startup_s = w->build_s + fmax(0, w->first_s - window->step_median_s);
}
