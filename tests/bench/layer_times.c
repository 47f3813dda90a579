/* layer_times.c -- seconds of every layer in one window of real training, for bench/layers.py.
 *
 *   layer_times MODEL BATCH THREADS SECONDS
 *
 * A line of JSON per layer, measured as a calibration measures its sample networks. */
#include <stdio.h>
#include <stdlib.h>

#include "calibrate/measure.h"
#include "estimator/model_file.h"

enum { MIN_STEPS = 5 };

static enum jc_status print_window(void *context, const struct jc_window *window,
                                   struct jc_error *error) {
  const struct jc_network *network = ((const struct jc_analysis *)context)->network;
  (void)error;
  printf("{\"steps\": %u, \"step_median_s\": %.9g, \"step_mean_s\": %.9g, \"loss_s\": %.9g}\n",
         window->steps, window->step_median_s, window->step_mean_s, window->loss_s);
  for (uint32_t i = 0; i < network->layer_count; i++) {
    const struct jc_window_layer *layer = &window->layers[i];
    printf("{\"name\": \"%s\", \"forward_s\": %.9g, \"backward_s\": %.9g, \"update_s\": %.9g, "
           "\"forward\": \"%s\", \"backward\": \"%s\", \"layout\": \"%s\", \"fused\": %s}\n",
           network->layers[i].name, layer->forward_s, layer->backward_s, layer->update_s,
           layer->facts.forward_implementation, layer->facts.backward_implementation,
           layer->facts.layout, layer->facts.fused ? "true" : "false");
  }
  return JC_OK;
}

static enum jc_status measure(const struct jc_network *network, char **arguments,
                              struct jc_error *error) {
  const struct jc_window_options options = {
      .runner = {.batch_size = strtoull(arguments[2], NULL, 10),
                 .threads = (uint32_t)strtoul(arguments[3], NULL, 10),
                 .seed = 1},
      .min_steps = MIN_STEPS,
      .min_window_s = strtod(arguments[4], NULL)};
  /* A window wants a meter; its joules are not used. */
  const struct jc_meter_options meter_options = {.allow_model = true,
                                                 .model = {.tdp_w = 1, .cores = 1}};
  const size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  struct jc_analysis analysis;
  struct jc_meter *meter = NULL;
  struct jc_window window = {0};
  void *storage = malloc(size);
  window.layers = calloc(network->layer_count, sizeof(*window.layers));
  if (storage == NULL || window.layers == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else if (jc_network_analyze(network, storage, size, &analysis, error) == JC_OK &&
           jc_meter_open("model", &meter_options, &meter, error) == JC_OK)
    (void)jc_measure_window(jc_runner_find("onednn"), &analysis, &options, meter, &window,
                            print_window, &analysis, error);
  jc_meter_close(meter);
  free(window.layers);
  free(storage);
  return error->status;
}

int main(int count, char **arguments) {
  struct jc_error error = {0};
  struct jc_model *model = NULL;
  if (count != 5) {
    fprintf(stderr, "usage: layer_times MODEL BATCH THREADS SECONDS\n");
    return 2;
  }
  if (jc_model_read(arguments[1], &model, &error) == JC_OK)
    (void)measure(jc_model_network(model), arguments, &error);
  jc_model_free(model);
  if (error.status != JC_OK)
    fprintf(stderr, "layer_times: %s: %s\n", error.path, error.text);
  return error.status == JC_OK ? 0 : 1;
}
