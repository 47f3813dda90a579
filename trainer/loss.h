/* loss.h -- softmax cross-entropy, the mean over the batch. */
#ifndef JC_TRAINER_LOSS_H
#define JC_TRAINER_LOSS_H

#include <stdint.h>

struct jc_loss {
  double loss;
  uint32_t correct; /* rows whose largest logit is at their label; the first counts among equals */
};

/* LOGITS [batch, classes], LABELS [batch] in [0, classes). Writes the gradient of WEIGHT times the
 * loss, WEIGHT * (softmax - one-hot) / batch, unless GRADIENT is NULL. Sums in double. */
struct jc_loss jc_loss_cross_entropy(const float *logits, const int32_t *labels, uint32_t batch,
                                     uint32_t classes, double weight, float *gradient);

/* Of the first ROWS, those whose largest logit is at their label. */
uint32_t jc_loss_correct(const float *logits, const int32_t *labels, uint32_t rows,
                         uint32_t classes);

#endif
