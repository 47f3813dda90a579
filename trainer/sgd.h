/* sgd.h -- stochastic gradient descent exactly as torch.optim.SGD (dampening 0, no Nesterov). */
#ifndef JC_TRAINER_SGD_H
#define JC_TRAINER_SGD_H

#include "trainer/parallel.h"

struct jc_sgd {
  float learning_rate, momentum, weight_decay;
};

/* g = GRADIENT + weight_decay * VALUE; VELOCITY = momentum * VELOCITY + g (0 before the first
 * step, which makes it g); VALUE -= learning_rate * VELOCITY. VELOCITY is NULL without momentum. */
void jc_sgd_update(const struct jc_pool *pool, const struct jc_sgd *sgd, size_t count, float *value,
                   const float *gradient, float *velocity);

#endif
