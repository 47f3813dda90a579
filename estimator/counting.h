/* counting.h -- 64-bit counts that never wrap: overflow sets a flag and stays set. Internal. */
#ifndef JC_ESTIMATOR_COUNTING_H
#define JC_ESTIMATOR_COUNTING_H

#include <stdbool.h>
#include <stdint.h>

/* Factors below 2^32, nearly all, need no division. */
static inline uint64_t count_product(uint64_t a, uint64_t b, bool *overflow) {
  if (((a | b) >> 32) != 0 && a != 0 && b > UINT64_MAX / a) {
    *overflow = true;
    return UINT64_MAX;
  }
  return a * b;
}

static inline uint64_t count_sum(uint64_t a, uint64_t b, bool *overflow) {
  if (b > UINT64_MAX - a) {
    *overflow = true;
    return UINT64_MAX;
  }
  return a + b;
}

#endif
