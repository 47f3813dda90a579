/* depthwise.h -- the weights' gradient of a depthwise convolution, by an own loop. Internal to
 * trainer/.
 *
 * oneDNN 2.6 has fast code for it only for windows 3 wide on images that are not smaller. Wider
 * ones, as in EfficientNet, MobileNetV3 and ConvNeXt, and all last stages of 2 x 2 go by way of one
 * matrix product a channel, which was seen 14 times slower. Threads share the blocks of 16
 * channels: with one block there is one thread at work.
 */
#ifndef JC_TRAINER_DEPTHWISE_H
#define JC_TRAINER_DEPTHWISE_H

#include "trainer/graph.h"

/* Whether CONV is depthwise with one output a channel and PRIMITIVE, oneDNN's choice for the
 * gradient of its weights, the slow way. */
bool jc_depthwise_is_slow(const struct jc_dnn_conv *conv, const struct jc_primitive *primitive);

/* Appends the gradients of weights and bias of the current layer. Returns false, having appended
 * nothing, if its tensors cannot be brought into an order that the loop knows. */
bool jc_depthwise_backward_weights(struct jc_graph *graph, const struct jc_dnn_conv *conv);

#endif
