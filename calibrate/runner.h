/* runner.h -- who trains a network for the calibration; the measurement does not know which.
 *
 * A runner opens a network from its JSON, runs steps that report seconds per layer and phase, and
 * closes. To add one: a file runner_NAME.c with its descriptor, and a line in JC_RUNNERS.
 */
#ifndef JC_CALIBRATE_RUNNER_H
#define JC_CALIBRATE_RUNNER_H

#include "estimator/estimator.h"

#define JC_RUNNERS(X) X(onednn)

struct jc_runner_options {
  uint64_t batch_size;
  uint32_t threads;
  uint64_t seed; /* of weights and data */
};

/* Facts and times of one layer in the last step. */
struct jc_runner_layer {
  double forward_s, backward_s, update_s; /* 0 where the layer does nothing */
  const char *forward_implementation;     /* as the library names it, "" if it has none */
  const char *backward_implementation;
  const char *layout; /* of the output, "nChw16c" */
  bool fused;         /* computed inside another layer's primitive */
};

struct jc_runner_driver {
  const char *name;
  /* Version of the library behind it; "" if this build has none. */
  const char *(*version)(void);
  /* Builds the network; ANALYSIS outlives the session. */
  enum jc_status (*open)(const struct jc_analysis *analysis,
                         const struct jc_runner_options *options, void **session,
                         struct jc_error *error);
  /* One training step; the data are made outside of the time that LAYERS report. */
  enum jc_status (*step)(void *session, struct jc_error *error);
  /* Layer INDEX in the last step. */
  void (*layer)(const void *session, uint32_t index, struct jc_runner_layer *layer);
  /* Seconds of the last step that loss and its gradient took, in no layer; NULL: not known. */
  double (*loss_s)(const void *session);
  /* Ends threads that wait actively for work, so that a sleeping process really sleeps; the next
   * step starts them again. NULL: there are none. */
  void (*rest)(void);
  void (*close)(void *session); /* NULL is ignored */
};

/* By name; NULL if there is none. */
const struct jc_runner_driver *jc_runner_find(const char *name);
const struct jc_runner_driver *jc_runner_at(size_t index);

#endif
