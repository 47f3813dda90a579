/* optimizer.h -- the update of parameters exactly as torch.optim's SGD (dampening 0, no Nesterov),
 * Adam and AdamW (no AMSGrad), each in one pass over memory.
 *
 *   sgd       g = gradient + weight_decay * value; value -= learning_rate * g
 *   momentum  v = momentum * v + g; value -= learning_rate * v
 *   adam      m = beta1 * m + (1 - beta1) * g; s = beta2 * s + (1 - beta2) * g * g;
 *             value -= learning_rate / (1 - beta1^t) * m / (sqrt(s / (1 - beta2^t)) + eps)
 *   adamw     value *= 1 - learning_rate * weight_decay; then as adam, with g = gradient
 *
 * Update number t counts from 1. What is kept between updates (v; m, s) starts as 0.
 */
#ifndef JC_TRAINER_OPTIMIZER_H
#define JC_TRAINER_OPTIMIZER_H

#include "estimator/training_memory.h"
#include "trainer/parallel.h"

enum { JC_OPTIMIZER_MAX_STATE = 2 };

struct jc_optimizer_rates {
  enum jc_optimizer optimizer;
  double learning_rate, momentum, weight_decay, beta1, beta2, eps;
};

/* A parameter; as many states as jc_optimizer_facts() says, the others NULL. */
struct jc_optimizer_tensor {
  size_t count;
  float *value;
  const float *gradient;
  float *state[JC_OPTIMIZER_MAX_STATE];
};

/* Update number T of one parameter. */
void jc_optimizer_update(const struct jc_pool *pool, const struct jc_optimizer_rates *rates,
                         uint64_t t, const struct jc_optimizer_tensor *tensor);

#endif
