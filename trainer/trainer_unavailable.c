/* trainer_unavailable.c -- the trainer of a build without oneDNN: it says so. */
#include "trainer/trainer.h"

bool jc_trainer_available(void) {
  return false;
}

const char *jc_trainer_library(void) {
  return "oneDNN";
}

const char *jc_trainer_library_version(void) {
  return "";
}

bool jc_trainer_supports(enum jc_layer_kind kind) {
  (void)kind;
  return false;
}

enum jc_status jc_trainer_create(const struct jc_analysis *analysis,
                                 const struct jc_trainer_options *options,
                                 struct jc_trainer **trainer, struct jc_error *error) {
  (void)analysis;
  (void)options;
  *trainer = NULL;
  return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, NULL,
                 "joulecast was built without oneDNN, so it cannot train; install oneDNN 2.x "
                 "(Debian: libdnnl-dev) and build again");
}

/* Nothing below is reached: there is no trainer to call it with. */

void jc_trainer_destroy(struct jc_trainer *trainer) {
  (void)trainer;
}

float *jc_trainer_images(struct jc_trainer *trainer) {
  (void)trainer;
  return NULL;
}

int32_t *jc_trainer_labels(struct jc_trainer *trainer) {
  (void)trainer;
  return NULL;
}

static enum jc_status unavailable(struct jc_error *error) {
  return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, NULL, "joulecast was built without oneDNN");
}

enum jc_status jc_trainer_step(struct jc_trainer *trainer, struct jc_step *step,
                               struct jc_error *error) {
  (void)trainer;
  (void)step;
  return unavailable(error);
}

enum jc_status jc_trainer_validate(struct jc_trainer *trainer, struct jc_step *step,
                                   struct jc_error *error) {
  (void)trainer;
  (void)step;
  return unavailable(error);
}

void jc_trainer_set_learning_rate(struct jc_trainer *trainer, double learning_rate) {
  (void)trainer;
  (void)learning_rate;
}

void jc_trainer_set_step(struct jc_trainer *trainer, uint64_t step) {
  (void)trainer;
  (void)step;
}

const struct jc_layer_times *jc_trainer_times(const struct jc_trainer *trainer) {
  (void)trainer;
  return NULL;
}

struct jc_layer_facts jc_trainer_facts(const struct jc_trainer *trainer, uint32_t layer) {
  (void)trainer;
  (void)layer;
  return (struct jc_layer_facts){"", "", "", "", false, 0};
}

struct jc_trainer_size jc_trainer_size(const struct jc_trainer *trainer) {
  (void)trainer;
  return (struct jc_trainer_size){0};
}

uint64_t jc_trainer_parameter_count(const struct jc_trainer *trainer, uint32_t layer,
                                    enum jc_parameter_role role) {
  (void)trainer;
  (void)layer;
  (void)role;
  return 0;
}

enum jc_status jc_trainer_parameter_get(struct jc_trainer *trainer, uint32_t layer,
                                        enum jc_parameter_role role, float *values,
                                        struct jc_error *error) {
  (void)trainer;
  (void)layer;
  (void)role;
  (void)values;
  return unavailable(error);
}

enum jc_status jc_trainer_parameter_set(struct jc_trainer *trainer, uint32_t layer,
                                        enum jc_parameter_role role, const float *values,
                                        struct jc_error *error) {
  (void)trainer;
  (void)layer;
  (void)role;
  (void)values;
  return unavailable(error);
}

enum jc_status jc_trainer_parameter_gradient(struct jc_trainer *trainer, uint32_t layer,
                                             enum jc_parameter_role role, float *values,
                                             struct jc_error *error) {
  (void)trainer;
  (void)layer;
  (void)role;
  (void)values;
  return unavailable(error);
}

const float *jc_trainer_running_mean(const struct jc_trainer *trainer, uint32_t layer) {
  (void)trainer;
  (void)layer;
  return NULL;
}

const float *jc_trainer_running_variance(const struct jc_trainer *trainer, uint32_t layer) {
  (void)trainer;
  (void)layer;
  return NULL;
}

const float *jc_trainer_output(const struct jc_trainer *trainer) {
  (void)trainer;
  return NULL;
}

const float *jc_trainer_input_gradient(const struct jc_trainer *trainer) {
  (void)trainer;
  return NULL;
}
