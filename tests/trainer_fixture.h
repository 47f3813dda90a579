/* trainer_fixture.h -- a trainer made from a few lines of model JSON, for the tests of trainer/. */
#ifndef JC_TESTS_TRAINER_FIXTURE_H
#define JC_TESTS_TRAINER_FIXTURE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/model_file.h"
#include "trainer/data.h"
#include "trainer/trainer.h"

struct fixture {
  struct jc_model *model;
  void *storage;
  const struct jc_network *network;
  struct jc_analysis analysis;
  struct jc_trainer *trainer;
  struct jc_synthetic data;
  struct jc_error error;
};

/* A build without oneDNN has nothing to test here. */
#define REQUIRE_TRAINER()                                                                          \
  do {                                                                                             \
    if (!jc_trainer_available())                                                                   \
      cr_skip_test("built without oneDNN");                                                        \
  } while (0)

static inline const char *fixture_error(const struct fixture *f) {
  static char text[1200];
  return jc_error_format(&f->error, text, sizeof(text));
}

static inline void fixture_analyze(struct fixture *f) {
  f->network = jc_model_network(f->model);
  const size_t size = jc_analysis_storage_size(f->network->layer_count, f->network->input_count);
  f->storage = malloc(size);
  cr_assert(f->storage != NULL);
  cr_assert(jc_network_analyze(f->network, f->storage, size, &f->analysis, &f->error) == JC_OK,
            "%s", fixture_error(f));
}

/* INPUT "[3, 8, 8]", LAYERS the list's inside: {"name": ...}, ... */
static inline void fixture_parse(struct fixture *f, const char *input, const char *layers) {
  static char text[65536];
  const int length = snprintf(text, sizeof(text),
                              "{\"schema\": \"joulecast.model/1\", \"name\": \"test\", "
                              "\"input\": %s, \"layers\": [%s]}",
                              input, layers);
  cr_assert(length > 0 && (size_t)length < sizeof(text));
  memset(f, 0, sizeof(*f));
  cr_assert(jc_model_parse(text, (size_t)length, "test.json", &f->model, &f->error) == JC_OK, "%s",
            fixture_error(f));
  fixture_analyze(f);
}

static inline void fixture_read(struct fixture *f, const char *path, const char *input) {
  memset(f, 0, sizeof(*f));
  cr_assert(jc_model_read(path, &f->model, &f->error) == JC_OK, "%s", fixture_error(f));
  cr_assert(jc_model_override_input(f->model, input, &f->error) == JC_OK, "%s", fixture_error(f));
  fixture_analyze(f);
}

static inline uint32_t fixture_classes(const struct fixture *f) {
  return jc_tensor_shape(&f->analysis, f->network->outputs[0])->dim[0];
}

/* Makes the trainer; the first batch of synthetic data lies in it. */
static inline void fixture_train(struct fixture *f, const struct jc_trainer_options *options) {
  cr_assert(jc_trainer_create(&f->analysis, options, &f->trainer, &f->error) == JC_OK, "%s",
            fixture_error(f));
  f->data = (struct jc_synthetic){
      .seed = options->seed,
      .batch_size = options->batch_size,
      .classes = fixture_classes(f),
      .sample_elements = jc_shape_elements(&f->network->inputs[0].shape),
  };
  jc_synthetic_batch(&f->data, 0, jc_trainer_images(f->trainer), jc_trainer_labels(f->trainer));
}

static inline struct jc_step fixture_step(struct fixture *f) {
  struct jc_step step;
  cr_assert(jc_trainer_step(f->trainer, &step, &f->error) == JC_OK, "%s", fixture_error(f));
  return step;
}

static inline uint32_t fixture_layer(const struct fixture *f, const char *name) {
  for (uint32_t i = 0; i < f->network->layer_count; i++)
    if (strcmp(f->network->layers[i].name, name) == 0)
      return i;
  cr_assert_fail("no layer '%s'", name);
  return 0;
}

static inline void fixture_close(struct fixture *f) {
  jc_trainer_destroy(f->trainer);
  jc_model_free(f->model);
  free(f->storage);
}

#endif
