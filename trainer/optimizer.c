/* optimizer.c -- one pass over memory for each update. */
#include "trainer/optimizer.h"

#include <math.h>

enum { GRAIN = 16384 };

/* What one update number needs, rounded once. */
struct factors {
  float learning_rate, momentum;
  float decay;  /* of the value, added to the gradient */
  float shrink; /* of the value itself */
  float beta1, beta2, eps;
  float step;         /* learning rate over the first moment's correction */
  float second_scale; /* 1 / root of the second moment's correction */
};

static void sgd(const struct factors *f, size_t count, float *restrict value,
                const float *restrict gradient, float *restrict unused,
                float *restrict unused_too) {
  (void)unused;
  (void)unused_too;
  for (size_t i = 0; i < count; i++)
    value[i] -= f->learning_rate * (gradient[i] + f->decay * value[i]);
}

static void momentum(const struct factors *f, size_t count, float *restrict value,
                     const float *restrict gradient, float *restrict velocity,
                     float *restrict unused) {
  (void)unused;
  for (size_t i = 0; i < count; i++) {
    velocity[i] = f->momentum * velocity[i] + (gradient[i] + f->decay * value[i]);
    value[i] -= f->learning_rate * velocity[i];
  }
}

static void adam(const struct factors *f, size_t count, float *restrict value,
                 const float *restrict gradient, float *restrict first, float *restrict second) {
  for (size_t i = 0; i < count; i++) {
    const float g = gradient[i] + f->decay * value[i];
    first[i] = f->beta1 * first[i] + (1 - f->beta1) * g;
    second[i] = f->beta2 * second[i] + (1 - f->beta2) * (g * g);
    value[i] =
        f->shrink * value[i] - f->step * first[i] / (sqrtf(second[i]) * f->second_scale + f->eps);
  }
}

typedef void update_function(const struct factors *f, size_t count, float *restrict value,
                             const float *restrict gradient, float *restrict first,
                             float *restrict second);

static update_function *const updates[JC_OPTIMIZER_COUNT] = {
    [JC_OPTIMIZER_SGD] = sgd,
    [JC_OPTIMIZER_MOMENTUM] = momentum,
    [JC_OPTIMIZER_ADAM] = adam,
    [JC_OPTIMIZER_ADAMW] = adam,
};

struct update {
  struct factors factors;
  update_function *function;
  const struct jc_optimizer_tensor *tensor;
};

static float *state_at(const struct jc_optimizer_tensor *tensor, int i, size_t begin) {
  return tensor->state[i] == NULL ? NULL : tensor->state[i] + begin;
}

static void update_range(const void *context, size_t begin, size_t end) {
  const struct update *u = context;
  const struct jc_optimizer_tensor *t = u->tensor;
  u->function(&u->factors, end - begin, t->value + begin, t->gradient + begin,
              state_at(t, 0, begin), state_at(t, 1, begin));
}

static struct factors factors_of(const struct jc_optimizer_rates *rates, uint64_t t) {
  const bool decoupled = rates->optimizer == JC_OPTIMIZER_ADAMW;
  return (struct factors){
      .learning_rate = (float)rates->learning_rate,
      .momentum = (float)rates->momentum,
      .decay = decoupled ? 0 : (float)rates->weight_decay,
      .shrink = decoupled ? (float)(1 - rates->learning_rate * rates->weight_decay) : 1,
      .beta1 = (float)rates->beta1,
      .beta2 = (float)rates->beta2,
      .eps = (float)rates->eps,
      .step = (float)(rates->learning_rate / (1 - pow(rates->beta1, (double)t))),
      .second_scale = (float)(1 / sqrt(1 - pow(rates->beta2, (double)t))),
  };
}

void jc_optimizer_update(const struct jc_pool *pool, const struct jc_optimizer_rates *rates,
                         uint64_t t, const struct jc_optimizer_tensor *tensor) {
  const struct update update = {factors_of(rates, t), updates[rates->optimizer], tensor};
  jc_pool_run(pool, tensor->count, GRAIN, update_range, &update);
}
