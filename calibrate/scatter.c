/* scatter.c -- pooled deviations of repeated windows, and the intervals they give. */
#include "calibrate/scatter.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* Abramowitz and Stegun (1964), 26.7.5: with x the normal distribution's quantile and n the degrees
 * of freedom, t = x + (x^3 + x) / 4n + (5 x^5 + 16 x^3 + 3 x) / 96 n^2 + (3 x^7 + 19 x^5 + 17 x^3 -
 * 15 x) / 384 n^3 + (79 x^9 + 776 x^7 + 1482 x^5 - 1920 x^3 - 945 x) / 92160 n^4. Under four
 * degrees of freedom it is 0.1 % off and more: those stand by themselves. */
enum { STUDENT_FIRST = 3, STUDENT_TERMS = 5 };

static double student(const double *first, const double *terms, uint32_t freedom) {
  double sum = 0;
  if (freedom <= STUDENT_FIRST)
    return first[freedom - 1];
  for (size_t i = STUDENT_TERMS; i-- > 0;)
    sum = sum / freedom + terms[i];
  return sum;
}

/* x = 1.959964 */
double jc_student_t(uint32_t freedom) {
  static const double first[STUDENT_FIRST] = {12.7062, 4.3027, 3.1824};
  static const double terms[STUDENT_TERMS] = {1.959964, 2.372271, 2.822499, 2.555850, 1.589534};
  return student(first, terms, freedom);
}

/* x = 1.644854 */
double jc_student_t_95(uint32_t freedom) {
  static const double first[STUDENT_FIRST] = {6.3138, 2.9200, 2.3534};
  static const double terms[STUDENT_TERMS] = {1.644854, 1.523768, 1.420201, 0.983000, 0.433876};
  return student(first, terms, freedom);
}

struct jc_scatter jc_scatter_of(const double *values, uint32_t count, double *mean) {
  double sum = 0, log_sum = 0;
  struct jc_scatter own = {.freedom = count - 1};
  for (uint32_t i = 0; i < count; i++) {
    sum += values[i];
    log_sum += log(values[i]);
  }
  *mean = sum / count;
  for (uint32_t i = 0; i < count; i++) {
    const double off = log(values[i]) - log_sum / count;
    own.squares += off * off;
  }
  return own;
}

static bool is_shared(const struct jc_scatter *own, const struct jc_scatter *others) {
  return own->freedom == 0 || others->freedom < JC_SCATTER_KNOWN ||
         own->squares / own->freedom <=
             JC_SCATTER_OUTLIER * JC_SCATTER_OUTLIER * others->squares / others->freedom;
}

double jc_scatter_half_width(const struct jc_scatter *own, uint32_t count,
                             const struct jc_scatter *others) {
  struct jc_scatter pool = *own;
  if (others != NULL && is_shared(own, others)) {
    pool.squares += others->squares;
    pool.freedom += others->freedom;
  }
  if (pool.freedom == 0)
    return NAN;
  return jc_student_t(pool.freedom) * sqrt(pool.squares / pool.freedom / count);
}

void jc_scatter_add(struct jc_scatter *others, const struct jc_scatter *own) {
  if (!is_shared(own, others))
    return;
  others->squares += own->squares;
  others->freedom += own->freedom;
}
