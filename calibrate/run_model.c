/* run_model.c -- the model that a line of runs.jsonl names or holds, analysed. */
#include "calibrate/run_model.h"

#include <math.h>
#include <stdlib.h>

#include "estimator/model_file.h"

/* A shipped model sees images of its paper's size; a study may have trained it on others, and then
 * its counts are others. */
static enum jc_status check_images(const struct jc_sample *sample, const struct jc_network *network,
                                   struct jc_error *error) {
  const struct jc_run_data *data = &sample->facts.data;
  const struct jc_shape *input = &network->inputs[0].shape;
  char text[96];
  if (isnan(data->image_height) || isnan(data->image_width) || input->rank != 3 ||
      (data->image_height == (double)input->dim[1] && data->image_width == (double)input->dim[2]))
    return JC_OK;
  return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                 "the run's images are of %gx%g, the input of model '%s' is %s", data->image_height,
                 data->image_width, network->name, jc_shape_format(input, text, sizeof(text)));
}

enum jc_status jc_run_model_open(const struct jc_sample *sample, struct jc_run_model *model,
                                 struct jc_error *error) {
  if (jc_sample_read_model(sample, &model->model, error) != JC_OK)
    return error->status;
  const struct jc_network *network = jc_model_network(model->model);
  if (check_images(sample, network, error) != JC_OK)
    return error->status;
  const size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  model->storage = malloc(size);
  if (model->storage == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  return jc_network_analyze(network, model->storage, size, &model->analysis, error);
}

void jc_run_model_close(struct jc_run_model *model) {
  free(model->storage);
  jc_model_free(model->model);
}
