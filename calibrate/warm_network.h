/* warm_network.h -- a network that is built and trains, and the times of its last steps: what the
 * kinds of windows have in common. For measure*.c only.
 */
#ifndef JC_CALIBRATE_WARM_NETWORK_H
#define JC_CALIBRATE_WARM_NETWORK_H

#include "calibrate/measure.h"

/* Times of the kept steps. */
struct kept {
  uint32_t steps;
  double *layers; /* [layer_count x 3 x JC_KEPT_STEPS] */
  double step_s[JC_KEPT_STEPS];
  double loss_s[JC_KEPT_STEPS];
};

struct warm_network {
  const struct jc_runner_driver *runner;
  void *session;
  uint32_t layer_count;
  double build_s, first_s;
  struct kept kept[2]; /* of the window in hand, and of the better one */
};

/* Builds the network and warms it up. To be closed, after a failure too. */
enum jc_status warm_open(struct warm_network *w, const struct jc_runner_driver *runner,
                         const struct jc_analysis *analysis,
                         const struct jc_runner_options *options, struct jc_error *error);
void warm_close(struct warm_network *w);

/* One step of *TIME_S, its times kept if there is room. */
enum jc_status warm_step(struct warm_network *w, double *time_s, struct jc_error *error);

/* Fills what WINDOW says of steps and layers from those kept: they are sorted, so once. */
void warm_summarize(struct warm_network *w, struct jc_window *window);

#endif
