/* block_times.c -- every network of the plan in a short window: the times of its layers. */
#include <math.h>

#include "calibrate/session.h"

/* Of the budget, at most so much goes into measuring networks again. */
static const double again_share = 0.2;

/* ---- one network ---- */

/* Appends the window as a line of samples.jsonl. */
static enum jc_status keep_window(void *context, const struct jc_window *window,
                                  struct jc_error *error) {
  struct session *s = context;
  struct network_state *network = &s->networks[s->entry - s->plan.entries];
  struct jc_sample sample;
  s->result->repeated += window->repeats;
  s->result->outliers += window->outliers;
  network->disturbed = window->late_polls > 0; /* a counter may have wrapped unseen */
  if (network->disturbed) {
    s->result->disturbed++;
    return JC_OK;
  }
  jc_sample_start(&sample);
  sample.idle_power_w = s->baselines.last.power_w;
  if (session_describe_window(s, window, &sample, error) != JC_OK ||
      jc_samples_append(s->options->samples_path, &sample, error) != JC_OK) {
    jc_sample_free(&sample);
    return error->status;
  }
  network->disturbed = jc_sample_is_disturbed(&sample);
  network->median_s = window->step_median_s;
  if (network->first_s == 0 && !network->disturbed)
    network->first_s = window->step_median_s;
  s->result->disturbed += network->disturbed ? 1 : 0;
  s->result->trained += network->kept ? 0 : 1;
  network->kept = true;
  return session_hold(s, &sample, jc_clock_s() - window->time_s / 2, error);
}

static enum jc_status measure_network(struct session *s, void *context, struct jc_error *error) {
  struct jc_window window = {.layers = s->layers};
  const struct jc_window_options options = {
      .runner = {.batch_size = s->entry->batch_size,
                 .threads = s->options->threads,
                 .seed = s->options->seed},
      .min_steps = s->effort->min_steps,
      .min_window_s = s->pace.min_window_s,
      .least_share = JC_WANTED_SHARE,
      .probe = s->probe,
  };
  (void)context;
  return jc_measure_window(s->runner, s->analysis, &options, s->meter, &window, keep_window, s,
                           error);
}

/* Networks beside which another process ran get a second chance, at the end of the round. */
static enum jc_status measure_next(struct session *s, uint32_t index, struct jc_error *error) {
  struct network_state *network = &s->networks[index];
  const double start = jc_clock_s();
  if (session_with_network(s, index, measure_network, NULL, error) != JC_OK)
    return error->status;
  network->at_s = jc_clock_s();
  network->cost_s = network->at_s - start;
  if (network->measured++ > 0) {
    s->again_s += network->cost_s;
    s->result->remeasured++;
  }
  network->done = !network->disturbed || network->measured == 2;
  if (!network->disturbed)
    sentinels_offer(s, index);
  return JC_OK;
}

/* ---- the round ---- */

static uint32_t count_done(const struct session *s) {
  uint32_t done = 0;
  for (uint32_t i = 0; i < s->plan.count; i++)
    done += s->networks[i].done ? 1 : 0;
  return done;
}

/* The next network of the order that is to be measured, from *CURSOR on and around. */
static bool find_next(const struct session *s, uint32_t *cursor, uint32_t *index) {
  for (uint32_t i = 0; i < s->plan.count; i++) {
    *index = s->order[(*cursor + i) % s->plan.count];
    if (!s->networks[*index].done) {
      *cursor = (*cursor + i + 1) % s->plan.count;
      return true;
    }
  }
  return false;
}

/* Networks measured since the machine was last known to be itself. */
static void measure_again(struct session *s) {
  double left_s = again_share * s->times_s - s->again_s;
  for (uint32_t i = 0; i < s->plan.count; i++) {
    struct network_state *network = &s->networks[s->order[i]];
    if (network->measured == 1 && network->at_s > s->sentinels.good_s &&
        network->cost_s <= left_s) {
      network->done = false;
      left_s -= network->cost_s;
    }
  }
}

/* What is due between two networks: a baseline, the sentinels. */
static enum jc_status look_around(struct session *s, struct jc_error *error) {
  bool moved = false;
  if (s->result->meter.measured &&
      jc_clock_s() - s->baselines.last.time_s > s->pace.idle_period_s &&
      session_take_baseline(s, s->pace.idle_again_s, error) != JC_OK)
    return error->status;
  const uint32_t checks = s->result->sentinel_checks;
  if (sentinels_check(s, &moved, error) != JC_OK)
    return error->status;
  if (moved)
    measure_again(s);
  if (s->result->sentinel_checks > checks)
    s->sentinels.good_s = s->sentinels.checked_s;
  return JC_OK;
}

/* By what this session's networks took so far; the blocks to come have their budgets. */
static void report(const struct session *s, double start_s) {
  const double elapsed_s = jc_clock_s() - start_s;
  const uint32_t done = count_done(s), trained = s->result->trained;
  double remaining_s = NAN;
  if (trained > 0)
    remaining_s =
        fmin(elapsed_s / trained * (s->plan.count - done), fmax(s->times_s - elapsed_s, 0)) +
        s->energy_s;
  session_progress(s, "train", done, s->plan.count, remaining_s);
}

/* A handful of networks fits nothing, and is not worth the time. */
enum { FEWEST_FOR_SECOND_LOOKS = 24 };

/* What is left of the time goes into a second look at every network, long after its first: by what
 * changed between the two, the fit learns how steps slow down with the machine (drift.h). */
static enum jc_status look_again(struct session *s, struct jc_error *error) {
  if (s->plan.count < FEWEST_FOR_SECOND_LOOKS)
    return JC_OK;
  for (uint32_t i = 0; i < s->plan.count; i++) {
    const uint32_t index = s->order[i];
    const struct network_state *network = &s->networks[index];
    const double left_s = s->times_s - (jc_clock_s() - s->start_s);
    if (session_is_stopped(s) || left_s <= 0)
      return JC_OK;
    if (network->measured != 1 || network->cost_s > left_s)
      continue;
    s->entry = &s->plan.entries[index];
    session_progress(s, "second look", i, s->plan.count, left_s + s->energy_s);
    if (measure_next(s, index, error) != JC_OK)
      return error->status;
  }
  return JC_OK;
}

enum jc_status session_measure_times(struct session *s, struct jc_error *error) {
  const double start_s = jc_clock_s();
  uint32_t cursor = 0, index = 0;
  report(s, start_s);
  while (find_next(s, &cursor, &index)) {
    if (session_is_stopped(s) || jc_clock_s() - s->start_s > s->times_s) {
      s->result->stopped = true;
      break;
    }
    s->entry = &s->plan.entries[index];
    report(s, start_s);
    if (measure_next(s, index, error) != JC_OK || look_around(s, error) != JC_OK)
      return error->status;
  }
  if (!s->result->stopped && look_again(s, error) != JC_OK)
    return error->status;
  report(s, start_s);
  if (s->result->meter.measured && s->baselines.held_count > 0 && !session_is_stopped(s))
    return session_take_baseline(s, s->pace.idle_again_s, error);
  return JC_OK;
}
