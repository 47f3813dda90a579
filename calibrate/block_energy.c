/* block_energy.c -- some networks of the plan again, in windows long enough for their joules. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/scatter.h"
#include "calibrate/session.h"

static const double wanted_half_width = 0.02; /* of J/step, at 95 % */
static const double tolerated_drift = 0.02;   /* of the baseline, over the power of the windows */

/* A network whose times are good: what the block chooses from. */
struct candidate {
  uint32_t network;
  const char *family;
  double median_s;
};

static int compare_candidates(const void *a, const void *b) {
  const struct candidate *x = a, *y = b;
  const int family = strcmp(x->family, y->family);
  return family != 0 ? family : (x->median_s > y->median_s) - (x->median_s < y->median_s);
}

/* Networks at even distances of a list by family and then size, in random order: the budget may end
 * before the list does. Writes their indices to CHOSEN; returns how many. */
static uint32_t choose(const struct session *s, struct candidate *list, uint32_t *chosen) {
  uint32_t count = 0, energy = 0;
  for (uint32_t i = 0; i < s->plan.count; i++) {
    const struct network_state *network = &s->networks[i];
    energy += network->energy ? 1 : 0;
    if (network->done && !network->disturbed && !network->energy)
      list[count++] = (struct candidate){i, s->plan.entries[i].family, network->median_s};
  }
  qsort(list, count, sizeof(*list), compare_candidates);
  uint32_t wanted = s->pace.energy_networks > energy ? s->pace.energy_networks - energy : 0;
  if (wanted > count)
    wanted = count;
  shuffle(chosen, wanted, s->options->seed);
  for (uint32_t i = 0; i < wanted; i++)
    chosen[i] = list[(uint32_t)((chosen[i] + 0.5) * count / wanted)].network;
  return wanted;
}

/* What is known of the network in hand while its windows run. */
struct block {
  double start_s, limit_s;
  struct session *session;
  struct jc_energy energy;
  struct jc_scatter scatter; /* of the networks' windows so far */
};

static enum jc_status keep_energy(void *context, const struct jc_window *window,
                                  struct jc_error *error) {
  struct block *block = context;
  struct session *s = block->session;
  const struct jc_energy *energy = &block->energy;
  struct jc_sample sample;
  if (energy->drifted)
    return JC_OK;
  jc_sample_start(&sample);
  if (session_describe_window(s, window, &sample, error) == JC_OK) {
    sample.block = JC_BLOCK_ENERGY;
    sample.idle_power_w = energy->idle_power_w;
    sample.energy_windows = energy->windows;
    sample.energy_half_width_j = energy->half_width_j;
    (void)jc_samples_append(s->options->samples_path, &sample, error);
  }
  jc_sample_free(&sample);
  if (jc_error_is_set(error))
    return error->status;
  const double step_j = window->energy_j / window->steps;
  s->networks[s->entry - s->plan.entries].energy = true;
  s->result->energy_networks++;
  s->result->energy_unsettled += energy->half_width_j <= wanted_half_width * step_j ? 0 : 1;
  return JC_OK;
}

static enum jc_status measure_energy(struct session *s, void *context, struct jc_error *error) {
  struct block *block = context;
  struct jc_window window = {.layers = s->layers};
  const struct jc_energy_options options = {
      .runner = {.batch_size = s->entry->batch_size,
                 .threads = s->options->threads,
                 .seed = s->options->seed},
      .window_s = s->pace.energy_window_s,
      .limit_s = block->limit_s,
      .idle_s = s->pace.idle_again_s,
      .wanted_half_width = wanted_half_width,
      .scatter = &block->scatter,
      .least_share = s->options->force ? 0 : JC_WANTED_SHARE,
      .idle_before_w = s->baselines.last.power_w,
      .tolerated_drift = tolerated_drift,
  };
  if (jc_measure_energy(s->runner, s->analysis, &options, s->meter, &block->energy, &window,
                        keep_energy, block, error) != JC_OK)
    return error->status;
  const struct jc_energy *energy = &block->energy;
  s->result->energy_dropped += energy->dropped + (energy->drifted ? energy->windows : 0);
  return session_add_baseline(s, jc_clock_s(), energy->idle_after_w, error);
}

/* Each network may take an equal part of what is left, so that all get a window before any gets its
 * fifth; what one does not need, the next ones have. */
static enum jc_status measure_chosen(struct session *s, const uint32_t *chosen, uint32_t count,
                                     struct jc_error *error) {
  struct block block = {.start_s = jc_clock_s(), .session = s};
  for (uint32_t i = 0; i < count; i++) {
    const double left_s = s->energy_s - (jc_clock_s() - block.start_s);
    s->entry = &s->plan.entries[chosen[i]];
    session_progress(s, "energy", i, count, fmax(left_s, 0));
    if (session_is_stopped(s) || left_s < s->pace.energy_window_s) {
      s->result->stopped = true;
      break;
    }
    block.limit_s = left_s / (count - i) - s->pace.idle_again_s;
    if (session_with_network(s, chosen[i], measure_energy, &block, error) != JC_OK)
      return error->status;
  }
  s->entry = NULL;
  session_progress(s, "energy", count, count, 0);
  return JC_OK;
}

enum jc_status session_measure_energy(struct session *s, struct jc_error *error) {
  if (!s->result->meter.measured || session_is_stopped(s))
    return JC_OK;
  struct candidate *list = calloc(s->plan.count, sizeof(*list));
  uint32_t *chosen = calloc(s->plan.count, sizeof(*chosen));
  if (list == NULL || chosen == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else {
    const uint32_t count = choose(s, list, chosen);
    if (count > 0 && session_take_baseline(s, s->pace.idle_again_s, error) == JC_OK)
      (void)measure_chosen(s, chosen, count, error);
  }
  free(list);
  free(chosen);
  return error->status;
}
