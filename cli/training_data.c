/* training_data.c -- synthetic batches made before the first step; a data set's as they are due. */
#include "cli/training_data.h"

#include <stdlib.h>
#include <string.h>

#include "trainer/data.h"

/* Batches made before the first step: making them costs time that belongs to no network. */
enum { POOL_BYTES = 64 << 20, POOL_BATCHES_MAX = 512 };
/* Validation sees other samples of the same distribution: numbers no training step reaches. */
static const uint64_t first_batch[JC_PART_COUNT] = {
    [JC_PART_TRAINING] = 0, [JC_PART_VALIDATION] = UINT64_C(1) << 48};

/* Distinct batches, used in turn. */
struct pool {
  uint64_t count;
  float *images;
  int32_t *labels;
};

struct training_data {
  const struct training_options *options;
  uint32_t batch_size;
  size_t image_floats; /* of one batch */
  struct pool pools[JC_PART_COUNT];
  uint64_t epoch_steps; /* of training */
  uint64_t epoch;       /* whose order the data set has, from 1; 0: none yet */
};

static enum jc_status make_pool(const struct jc_synthetic *synthetic, uint64_t first,
                                uint64_t wanted, struct pool *pool, struct jc_error *error) {
  const size_t image_floats = synthetic->batch_size * (size_t)synthetic->sample_elements;
  pool->count = POOL_BYTES / (sizeof(float) * image_floats);
  pool->count = pool->count > POOL_BATCHES_MAX ? POOL_BATCHES_MAX : pool->count;
  pool->count = pool->count > wanted ? wanted : pool->count;
  pool->count = pool->count < 1 ? 1 : pool->count;
  pool->images = malloc(pool->count * image_floats * sizeof(float));
  pool->labels = malloc(pool->count * synthetic->batch_size * sizeof(int32_t));
  if (pool->images == NULL || pool->labels == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for training data");
  for (uint64_t i = 0; i < pool->count; i++)
    jc_synthetic_batch(synthetic, first + i, pool->images + i * image_floats,
                       pool->labels + i * synthetic->batch_size);
  return JC_OK;
}

static enum jc_status make_pools(struct training_data *data, const struct loaded_model *model,
                                 const struct jc_steps *whole, struct jc_error *error) {
  const struct jc_network *network = model->network;
  const struct jc_synthetic synthetic = {
      .seed = data->options->trainer.seed,
      .batch_size = data->batch_size,
      .classes =
          (uint32_t)jc_shape_elements(jc_tensor_shape(&model->analysis, network->outputs[0])),
      .sample_elements = jc_shape_elements(&network->inputs[0].shape)};
  const uint64_t wanted[JC_PART_COUNT] = {whole->training, whole->validation};
  for (int i = 0; i < JC_PART_COUNT; i++)
    if (wanted[i] > 0 &&
        make_pool(&synthetic, first_batch[i], wanted[i], &data->pools[i], error) != JC_OK)
      return error->status;
  return JC_OK;
}

enum jc_status training_data_open(const struct loaded_model *model,
                                  const struct training_options *options,
                                  const struct jc_steps *whole, struct training_data **data,
                                  struct jc_error *error) {
  *data = calloc(1, sizeof(**data));
  if (*data == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  (*data)->options = options;
  (*data)->batch_size = (uint32_t)options->run.batch_size;
  (*data)->image_floats =
      (*data)->batch_size * (size_t)jc_shape_elements(&model->network->inputs[0].shape);
  (*data)->epoch_steps = whole->training / options->run.epochs;
  return options->dataset != NULL ? JC_OK : make_pools(*data, model, whole, error);
}

void training_data_close(struct training_data *data) {
  if (data == NULL)
    return;
  for (int i = 0; i < JC_PART_COUNT; i++) {
    free(data->pools[i].images);
    free(data->pools[i].labels);
  }
  free(data);
}

static void load_from_pool(const struct training_data *data, const struct pool *pool, uint64_t step,
                           struct jc_trainer *trainer) {
  const uint64_t i = step % pool->count;
  memcpy(jc_trainer_images(trainer), pool->images + i * data->image_floats,
         data->image_floats * sizeof(float));
  memcpy(jc_trainer_labels(trainer), pool->labels + i * data->batch_size,
         data->batch_size * sizeof(int32_t));
}

static uint32_t load_from_files(struct training_data *data, enum jc_part part, uint64_t step,
                                struct jc_trainer *trainer) {
  struct jc_dataset *dataset = data->options->dataset;
  const uint64_t samples = jc_dataset_facts(dataset).samples[part];
  uint64_t index = step;
  if (part == JC_PART_TRAINING) {
    const uint64_t epoch = 1 + step / data->epoch_steps;
    index = step % data->epoch_steps;
    if (epoch != data->epoch)
      jc_dataset_shuffle(dataset, data->options->trainer.seed, epoch - 1);
    data->epoch = epoch;
  }
  jc_dataset_batch(dataset, part, index, data->batch_size, jc_trainer_images(trainer),
                   jc_trainer_labels(trainer));
  const uint64_t rest = samples - index * data->batch_size;
  return rest < data->batch_size ? (uint32_t)rest : data->batch_size;
}

uint32_t training_data_load(struct training_data *data, enum jc_part part, uint64_t step,
                            struct jc_trainer *trainer) {
  if (data->options->dataset != NULL)
    return load_from_files(data, part, step, trainer);
  load_from_pool(data, &data->pools[part], step, trainer);
  return data->batch_size;
}
