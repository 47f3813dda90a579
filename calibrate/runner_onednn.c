/* runner_onednn.c -- the built-in trainer as a runner: one fixed batch of synthetic data. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/runner.h"
#include "trainer/data.h"
#include "trainer/trainer.h"

/* Small enough that no sample network diverges: numbers that overflow or vanish change the speed of
 * some processors. */
static const double learning_rate = 1e-4;

struct session {
  struct jc_trainer *trainer;
  double loss_s; /* of the last step */
};

static void runner_close(void *session) {
  struct session *s = session;
  if (s != NULL)
    jc_trainer_destroy(s->trainer);
  free(s);
}

static enum jc_status runner_open(const struct jc_analysis *analysis,
                                  const struct jc_runner_options *options, void **session,
                                  struct jc_error *error) {
  struct jc_trainer_options trainer_options = JC_TRAINER_DEFAULTS;
  *session = NULL;
  if (options->batch_size > UINT32_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "expected a batch of at most %u, got %llu",
                   UINT32_MAX, (unsigned long long)options->batch_size);
  trainer_options.batch_size = (uint32_t)options->batch_size;
  trainer_options.threads = options->threads;
  trainer_options.seed = options->seed;
  trainer_options.learning_rate = learning_rate;
  struct session *s = calloc(1, sizeof(*s));
  if (s == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (jc_trainer_create(analysis, &trainer_options, &s->trainer, error) != JC_OK) {
    runner_close(s);
    return error->status;
  }

  const struct jc_network *network = analysis->network;
  const struct jc_shape *logits = jc_tensor_shape(analysis, network->outputs[0]);
  const struct jc_synthetic data = {
      .seed = options->seed,
      .batch_size = trainer_options.batch_size,
      .classes = logits->dim[0],
      .sample_elements = jc_shape_elements(&network->inputs[0].shape),
  };
  jc_synthetic_batch(&data, 0, jc_trainer_images(s->trainer), jc_trainer_labels(s->trainer));
  *session = s;
  return JC_OK;
}

static enum jc_status runner_step(void *session, struct jc_error *error) {
  struct session *s = session;
  struct jc_step step;
  if (jc_trainer_step(s->trainer, &step, error) != JC_OK)
    return error->status;
  s->loss_s = step.loss_time_s;
  return JC_OK;
}

static double runner_loss_s(const void *session) {
  return ((const struct session *)session)->loss_s;
}

/* OpenMP's, which oneDNN brought (trainer/parallel.h): omp_pause_resource_all(omp_pause_soft). */
static void runner_rest(void) {
  enum { PAUSE_SOFT = 1 };
  int (*pause)(int);
  void *symbol = dlsym(RTLD_DEFAULT, "omp_pause_resource_all");
  if (symbol == NULL)
    return;
  memcpy(&pause, &symbol, sizeof(pause));
  (void)pause(PAUSE_SOFT);
}

static void runner_layer(const void *session, uint32_t index, struct jc_runner_layer *layer) {
  const struct jc_trainer *trainer = ((const struct session *)session)->trainer;
  const struct jc_layer_times *times = &jc_trainer_times(trainer)[index];
  const struct jc_layer_facts facts = jc_trainer_facts(trainer, index);
  *layer = (struct jc_runner_layer){
      .forward_s = times->forward_s,
      .backward_s = times->backward_s,
      .update_s = times->update_s,
      .forward_implementation = facts.forward,
      .backward_implementation =
          facts.backward[0] != '\0' ? facts.backward : facts.backward_weights,
      .layout = facts.layout,
      .fused = facts.fused,
  };
}

const struct jc_runner_driver jc_runner_onednn = {
    .name = "onednn",
    .version = jc_trainer_library_version,
    .open = runner_open,
    .step = runner_step,
    .layer = runner_layer,
    .loss_s = runner_loss_s,
    .rest = runner_rest,
    .close = runner_close,
};
