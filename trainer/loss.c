/* loss.c -- softmax cross-entropy by the largest logit, so that no exponential overflows. */
#include "trainer/loss.h"

#include <math.h>
#include <stddef.h>

static uint32_t index_of_largest(const float *row, uint32_t classes) {
  uint32_t largest = 0;
  for (uint32_t c = 1; c < classes; c++)
    if (row[c] > row[largest])
      largest = c;
  return largest;
}

struct jc_loss jc_loss_cross_entropy(const float *logits, const int32_t *labels, uint32_t batch,
                                     uint32_t classes, double weight, float *gradient) {
  struct jc_loss result = {0, 0};
  for (uint32_t n = 0; n < batch; n++) {
    const float *row = logits + (size_t)n * classes;
    const uint32_t label = (uint32_t)labels[n], at = index_of_largest(row, classes);
    const double largest = (double)row[at];
    double sum = 0;
    for (uint32_t c = 0; c < classes; c++)
      sum += exp((double)row[c] - largest);
    result.loss += log(sum) + largest - (double)row[label];
    result.correct += at == label;
    if (gradient == NULL)
      continue;
    float *row_gradient = gradient + (size_t)n * classes;
    for (uint32_t c = 0; c < classes; c++) {
      const double probability = exp((double)row[c] - largest) / sum;
      row_gradient[c] = (float)(weight * (probability - (c == label)) / batch);
    }
  }
  result.loss /= batch;
  return result;
}

uint32_t jc_loss_correct(const float *logits, const int32_t *labels, uint32_t rows,
                         uint32_t classes) {
  uint32_t correct = 0;
  for (uint32_t n = 0; n < rows; n++)
    correct += index_of_largest(logits + (size_t)n * classes, classes) == (uint32_t)labels[n];
  return correct;
}
