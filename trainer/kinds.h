/* kinds.h -- how each layer kind is trained: one row, two functions.
 *
 * To train a new kind: write its forward and backward in the train_*.c that fits and add its row in
 * kinds.c. `forward` appends the operations that compute the output (jc_graph_output); `backward`,
 * called only where needed, those that compute the gradients of the inputs that need one
 * (jc_graph_input_gradient) and of the parameters if node->trains_weights. See graph.h.
 */
#ifndef JC_TRAINER_KINDS_H
#define JC_TRAINER_KINDS_H

#include "trainer/graph.h"

struct jc_trainer_kind {
  void (*forward)(struct jc_graph *graph, struct jc_node *node);
  void (*backward)(struct jc_graph *graph, struct jc_node *node);
};

/* The row of KIND, or NULL: it can be estimated but not trained. */
const struct jc_trainer_kind *jc_trainer_kind(enum jc_layer_kind kind);

/* train_product.c */
void jc_conv2d_forward(struct jc_graph *graph, struct jc_node *node);
void jc_conv2d_backward(struct jc_graph *graph, struct jc_node *node);
void jc_linear_forward(struct jc_graph *graph, struct jc_node *node);
void jc_linear_backward(struct jc_graph *graph, struct jc_node *node);

/* train_activation.c */
void jc_activation_forward(struct jc_graph *graph, struct jc_node *node);
void jc_activation_backward(struct jc_graph *graph, struct jc_node *node);
void jc_hardsigmoid_forward(struct jc_graph *graph, struct jc_node *node);
void jc_hardsigmoid_backward(struct jc_graph *graph, struct jc_node *node);

/* train_arithmetic.c */
void jc_add_forward(struct jc_graph *graph, struct jc_node *node);
void jc_add_backward(struct jc_graph *graph, struct jc_node *node);
void jc_mul_forward(struct jc_graph *graph, struct jc_node *node);
void jc_mul_backward(struct jc_graph *graph, struct jc_node *node);

/* train_elementwise.c */
void jc_dropout_forward(struct jc_graph *graph, struct jc_node *node);
void jc_dropout_backward(struct jc_graph *graph, struct jc_node *node);
void jc_stochastic_depth_forward(struct jc_graph *graph, struct jc_node *node);
void jc_stochastic_depth_backward(struct jc_graph *graph, struct jc_node *node);
void jc_softmax_forward(struct jc_graph *graph, struct jc_node *node);
void jc_softmax_backward(struct jc_graph *graph, struct jc_node *node);

/* train_norm.c */
void jc_batchnorm2d_forward(struct jc_graph *graph, struct jc_node *node);
void jc_batchnorm2d_backward(struct jc_graph *graph, struct jc_node *node);
void jc_layernorm_forward(struct jc_graph *graph, struct jc_node *node);
void jc_layernorm_backward(struct jc_graph *graph, struct jc_node *node);

/* train_pooling.c */
void jc_pool_forward(struct jc_graph *graph, struct jc_node *node);
void jc_pool_backward(struct jc_graph *graph, struct jc_node *node);
void jc_mean_forward(struct jc_graph *graph, struct jc_node *node);
void jc_mean_backward(struct jc_graph *graph, struct jc_node *node);

/* train_shape.c */
void jc_flatten_forward(struct jc_graph *graph, struct jc_node *node);
void jc_flatten_backward(struct jc_graph *graph, struct jc_node *node);
void jc_permute_forward(struct jc_graph *graph, struct jc_node *node);
void jc_permute_backward(struct jc_graph *graph, struct jc_node *node);
void jc_parameter_forward(struct jc_graph *graph, struct jc_node *node);
void jc_parameter_backward(struct jc_graph *graph, struct jc_node *node);
void jc_concat_forward(struct jc_graph *graph, struct jc_node *node);
void jc_concat_backward(struct jc_graph *graph, struct jc_node *node);
void jc_chunk_forward(struct jc_graph *graph, struct jc_node *node);
void jc_chunk_backward(struct jc_graph *graph, struct jc_node *node);
void jc_channel_shuffle_forward(struct jc_graph *graph, struct jc_node *node);
void jc_channel_shuffle_backward(struct jc_graph *graph, struct jc_node *node);
void jc_pad_forward(struct jc_graph *graph, struct jc_node *node);
void jc_pad_backward(struct jc_graph *graph, struct jc_node *node);

#endif
