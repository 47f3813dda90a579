/* order.h -- the order of doubles, for qsort, and their median. */
#ifndef JC_CALIBRATE_ORDER_H
#define JC_CALIBRATE_ORDER_H

#include <stdint.h>
#include <stdlib.h>

static inline int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts VALUES [COUNT], so that the first is the least; of an even number the mean of the middle
 * two. 0 of none. */
static inline double median_of(double *values, uint32_t count) {
  if (count == 0)
    return 0;
  qsort(values, count, sizeof(double), compare_doubles);
  return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

#endif
