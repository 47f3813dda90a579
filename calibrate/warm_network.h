/* warm_network.h -- a network that is built and trains, and the times of its last steps: what the
 * kinds of windows have in common. For measure*.c only.
 */
#ifndef JC_CALIBRATE_WARM_NETWORK_H
#define JC_CALIBRATE_WARM_NETWORK_H

#include "calibrate/measure.h"

/* Times of the kept steps: every one at first, then every second, fourth and so on, so that they
 * span the window however long it is. A machine is rarely the same at both ends of one: where the
 * first 48 steps stood for windows of seconds, their medians were 6 % above the mean step. */
struct kept {
  uint32_t steps;
  uint64_t every,
      number[JC_KEPT_STEPS]; /* which steps of the window these are: multiples of EVERY */
  double *layers;            /* [layer_count x 3 x JC_KEPT_STEPS] */
  double step_s[JC_KEPT_STEPS];
  double loss_s[JC_KEPT_STEPS];
};

struct warm_network {
  const struct jc_runner_driver *runner;
  void *session;
  uint32_t layer_count;
  double build_s, first_s;
  uint64_t steps;      /* of the window in hand, kept or not */
  struct kept kept[2]; /* of the window in hand, and of the better one */
};

/* Builds the network and warms it up. To be closed, after a failure too. */
enum jc_status warm_open(struct warm_network *w, const struct jc_runner_driver *runner,
                         const struct jc_analysis *analysis,
                         const struct jc_runner_options *options, struct jc_error *error);
void warm_close(struct warm_network *w);

/* A new window: nothing is kept. */
void warm_restart(struct warm_network *w);

/* One step of *TIME_S, its times kept if it is its turn. */
enum jc_status warm_step(struct warm_network *w, double *time_s, struct jc_error *error);

/* Forgets the kept steps from number FIRST (w->steps before it was done) on. */
void warm_forget(struct warm_network *w, uint64_t first);

/* Fills what WINDOW says of steps and layers from those kept: they are sorted, so once. */
void warm_summarize(struct warm_network *w, struct jc_window *window);

#endif
