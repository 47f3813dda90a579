/* sentinels.c -- five small networks trained again from time to time: is the machine what it was?
 */
#include <math.h>

#include "calibrate/order.h"
#include "calibrate/session.h"

/* Their windows shall cost little: of at most so long a step. */
static const double longest_step_s = 0.05;
/* Below three, no median says anything. */
enum { FEWEST_SENTINELS = 3 };
static const double tolerated_move = 0.05;

void sentinels_offer(struct session *s, uint32_t index) {
  struct sentinels *t = &s->sentinels;
  const struct network_state *network = &s->networks[index];
  if (t->count == SENTINELS || network->disturbed || network->first_s > longest_step_s)
    return;
  for (uint32_t i = 0; i < t->count; i++) {
    if (t->network[i] == index)
      return;
  }
  t->network[t->count++] = index;
}

/* It is no sample: the line of the network stays. */
static enum jc_status note_median(void *context, const struct jc_window *window,
                                  struct jc_error *error) {
  (void)error;
  *(double *)context = window->step_median_s;
  return JC_OK;
}

static enum jc_status measure_sentinel(struct session *s, void *context, struct jc_error *error) {
  struct jc_window window = {.layers = s->layers};
  const struct jc_window_options options = {
      .runner = {.batch_size = s->entry->batch_size,
                 .threads = s->options->threads,
                 .seed = s->options->seed},
      .min_steps = s->effort->min_steps,
      .min_window_s = s->pace.min_window_s,
      .least_share = JC_WANTED_SHARE,
  };
  return jc_measure_window(s->runner, s->analysis, &options, s->meter, &window, note_median,
                           context, error);
}

enum jc_status sentinels_check(struct session *s, bool *moved, struct jc_error *error) {
  struct sentinels *t = &s->sentinels;
  double ratios[SENTINELS] = {0};
  *moved = false;
  if (t->count < FEWEST_SENTINELS || jc_clock_s() - t->checked_s < s->pace.sentinel_period_s)
    return JC_OK;
  for (uint32_t i = 0; i < t->count; i++) {
    double median_s = 0;
    session_progress(s, "sentinels", i, t->count, NAN);
    if (session_with_network(s, t->network[i], measure_sentinel, &median_s, error) != JC_OK)
      return error->status;
    ratios[i] = median_s / s->networks[t->network[i]].first_s;
  }
  *moved = fabs(median_of(ratios, t->count) - 1) > tolerated_move;
  s->result->sentinel_checks++;
  s->result->sentinel_moves += *moved ? 1 : 0;
  t->checked_s = jc_clock_s();
  return JC_OK;
}
