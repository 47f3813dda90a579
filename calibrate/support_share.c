/* support_share.c -- rows per share of time, as many as there is room for, found by bisection. */
#include "calibrate/support_share.h"

#include <assert.h>
#include <math.h>

/* Of one demand, if a share of 1 were worth ROWS. */
static uint32_t rows_for(const struct jc_support_demand *demand, double rows) {
  const double least = fmin(demand->wanted, JC_LEAST_SUPPORT);
  return (uint32_t)fmin(fmax(floor(rows * demand->share), least), demand->wanted);
}

static uint64_t total(const struct jc_support_demand *demands, uint32_t count, double rows) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < count; i++)
    sum += rows_for(&demands[i], rows);
  return sum;
}

void jc_share_support(const struct jc_support_demand *demands, uint32_t count, uint32_t room,
                      uint32_t *given) {
  enum { DOUBLINGS = 200, HALVINGS = 60 };
  double fits = 0, exceeds = 1;
  assert(room >= (uint64_t)count * JC_LEAST_SUPPORT);
  for (int i = 0; i < DOUBLINGS && total(demands, count, exceeds) <= room; i++) {
    fits = exceeds;
    exceeds *= 2;
  }
  for (int i = 0; i < HALVINGS; i++) {
    const double middle = (fits + exceeds) / 2;
    if (total(demands, count, middle) <= room)
      fits = middle;
    else
      exceeds = middle;
  }
  for (uint32_t i = 0; i < count; i++)
    given[i] = rows_for(&demands[i], fits);
}
