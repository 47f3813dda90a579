/* steady_meter.h -- a meter of 40 W, whatever happens, that fails when it is told to. */
#ifndef JC_TESTS_STEADY_METER_H
#define JC_TESTS_STEADY_METER_H

#include <stdatomic.h>
#include <stdio.h>

#include "calibrate/measure.h"

static const double steady_w = 40;
static atomic_bool meter_fails; /* its reads do, while set */

static enum jc_status open_steady(const struct jc_meter_options *options,
                                  struct jc_meter_info *info, void **state,
                                  struct jc_error *error) {
  struct jc_meter_counter *counter = jc_meter_add_counter(info);
  (void)options, (void)error;
  snprintf(counter->name, sizeof(counter->name), "steady");
  snprintf(counter->domain, sizeof(counter->domain), "package");
  counter->unit_j = 1e-6;
  *state = NULL;
  return JC_OK;
}

static enum jc_status read_steady(void *state, uint32_t counter, uint64_t *count,
                                  struct jc_error *error) {
  (void)state, (void)counter;
  if (atomic_load(&meter_fails))
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, "steady", "cannot read 'steady'");
  *count = (uint64_t)(jc_clock_s() * steady_w * 1e6);
  return JC_OK;
}

static void close_steady(void *state) {
  (void)state;
}

static const struct jc_meter_driver steady = {.name = "steady",
                                              .summary = "40 W",
                                              .measured = true,
                                              .open = open_steady,
                                              .read = read_steady,
                                              .close = close_steady};

#endif
