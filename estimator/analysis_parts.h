/* analysis_parts.h -- what network.c and training_memory.c share about tensors. Internal. */
#ifndef JC_ESTIMATOR_ANALYSIS_PARTS_H
#define JC_ESTIMATOR_ANALYSIS_PARTS_H

#include "estimator/network.h"

enum { BYTES_PER_ELEMENT = 4 }; /* fp32 and int32 */

/* Scratch of the passes; arrays of [tensors]. */
struct tensors {
  uint32_t count;
  uint32_t *consumers;
  uint32_t *needs_grad;
  uint32_t *saver; /* first layer that keeps it for backward, JC_NONE: none */
  uint32_t *live;  /* of the walk at hand */
  uint32_t *root;  /* the tensor whose memory it is: another one for views */
};

static inline struct tensors tensors_of(const struct jc_analysis *analysis) {
  const struct jc_network *network = analysis->network;
  const uint32_t count = network->input_count + network->layer_count;
  uint32_t *scratch = analysis->tensor_scratch;
  return (struct tensors){.count = count,
                          .consumers = scratch,
                          .needs_grad = scratch + count,
                          .saver = scratch + 2 * (size_t)count,
                          .live = scratch + 3 * (size_t)count,
                          .root = scratch + 4 * (size_t)count};
}

static inline const uint32_t *layer_inputs(const struct jc_network *network,
                                           const struct jc_layer *layer) {
  return network->inputs_of_layers + layer->first_input;
}

/* Inputs whose elements the layer reads; position_embedding looks at their shape only. */
static inline uint32_t read_count(const struct jc_analysis *analysis, uint32_t index) {
  return analysis->layers[index].ignores_input ? 0 : analysis->network->layers[index].input_count;
}

static inline bool is_per_step(const struct jc_analysis *analysis, uint32_t tensor) {
  const uint32_t inputs = analysis->network->input_count;
  return tensor >= inputs && analysis->layers[tensor - inputs].per_step;
}

/* Bytes in fp32: of one sample, or of the whole tensor if it has no batch. */
static inline uint64_t tensor_bytes(const struct jc_analysis *analysis, uint32_t tensor) {
  const struct jc_network *network = analysis->network;
  return BYTES_PER_ELEMENT * (tensor < network->input_count
                                  ? jc_shape_elements(&network->inputs[tensor].shape)
                                  : analysis->layers[tensor - network->input_count].out_elements);
}

#endif
