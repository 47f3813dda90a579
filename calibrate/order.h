/* order.h -- the order of doubles, for qsort. */
#ifndef JC_CALIBRATE_ORDER_H
#define JC_CALIBRATE_ORDER_H

static inline int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

#endif
