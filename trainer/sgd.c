/* sgd.c -- the update in one pass over memory. */
#include "trainer/sgd.h"

enum { GRAIN = 16384 };

struct update {
  struct jc_sgd sgd;
  float *value;
  const float *gradient;
  float *velocity;
};

static void with_momentum(const struct jc_sgd *sgd, size_t count, float *restrict value,
                          const float *restrict gradient, float *restrict velocity) {
  for (size_t i = 0; i < count; i++) {
    velocity[i] = sgd->momentum * velocity[i] + (gradient[i] + sgd->weight_decay * value[i]);
    value[i] -= sgd->learning_rate * velocity[i];
  }
}

static void without_momentum(const struct jc_sgd *sgd, size_t count, float *restrict value,
                             const float *restrict gradient) {
  for (size_t i = 0; i < count; i++)
    value[i] -= sgd->learning_rate * (gradient[i] + sgd->weight_decay * value[i]);
}

static void update_range(const void *context, size_t begin, size_t end) {
  const struct update *u = context;
  if (u->velocity != NULL)
    with_momentum(&u->sgd, end - begin, u->value + begin, u->gradient + begin, u->velocity + begin);
  else
    without_momentum(&u->sgd, end - begin, u->value + begin, u->gradient + begin);
}

void jc_sgd_update(const struct jc_pool *pool, const struct jc_sgd *sgd, size_t count, float *value,
                   const float *gradient, float *velocity) {
  const struct update update = {*sgd, value, gradient, velocity};
  jc_pool_run(pool, count, GRAIN, update_range, &update);
}
