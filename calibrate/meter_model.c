/* meter_model.c -- modelled power for machines without counters; never called measured.
 *
 *   P = idle_w + (tdp_w - idle_w) * busy_cores / cores
 *
 * busy_cores is this process's CPU time (with that of what it started, where its options say so)
 * per wall time, at most `cores`, over each interval between two readings; energy is the sum of P *
 * interval. Work of other processes is not in it: the joules are those of the machine as if it ran
 * this process alone. Linear in utilisation between idle and full power, as in the tools that take
 * TDP x usage (Lannelongue et al. 2021, Green Algorithms), with the idle share added.
 */
#include "calibrate/meter.h"

#include <math.h>
#include <stdlib.h>

#include "calibrate/clock.h"

static const double unit_j = 1e-9; /* 64 bits of it hold 5 MWh */

struct model {
  struct jc_meter_model parameters;
  double (*other_cpu_s)(void *context);
  void *context;
  double wall_s; /* at the last reading, as cpu_s */
  double cpu_s;
  double energy_j; /* since opening */
};

static double busy_clock_s(const struct model *model) {
  const double others_s = model->other_cpu_s != NULL ? model->other_cpu_s(model->context) : 0;
  return clock_s(CLOCK_PROCESS_CPUTIME_ID) + others_s;
}

static enum jc_status check(const struct jc_meter_model *model, struct jc_error *error) {
  if (model->tdp_w == 0 || model->cores == 0) {
    return jc_fail(error, JC_ERROR_MISSING, 0, "model",
                   "the power of this machine is not known: give --hardware, or --tdp-w and "
                   "--idle-w");
  }
  if (!isfinite(model->tdp_w) || !(model->idle_w >= 0 && model->idle_w <= model->tdp_w)) {
    return jc_fail(error, JC_ERROR_INVALID, 0, "model",
                   "expected 0 <= idle power <= full power, got %g W and %g W", model->idle_w,
                   model->tdp_w);
  }
  return JC_OK;
}

static enum jc_status open_model(const struct jc_meter_options *options, struct jc_meter_info *info,
                                 void **state, struct jc_error *error) {
  const struct jc_meter_model *parameters = &options->model;
  enum jc_status status = check(parameters, error);
  if (status != JC_OK) {
    return status;
  }
  struct model *model = malloc(sizeof *model);
  if (model == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, "model", "out of memory");
  }
  *model = (struct model){.parameters = *parameters,
                          .other_cpu_s = options->other_cpu_s,
                          .context = options->context,
                          .wall_s = clock_s(CLOCK_MONOTONIC)};
  model->cpu_s = busy_clock_s(model);
  struct jc_meter_counter *counter = jc_meter_add_counter(info);
  (void)snprintf(counter->name, sizeof counter->name, "model");
  (void)snprintf(counter->domain, sizeof counter->domain, "package");
  (void)snprintf(counter->covers, sizeof counter->covers, "modelled package");
  counter->unit_j = unit_j;
  jc_meter_note(info, "modelled, not measured: %g W idle, %g W with %u busy core%s",
                parameters->idle_w, parameters->tdp_w, parameters->cores,
                parameters->cores == 1 ? "" : "s");
  *state = model;
  return JC_OK;
}

static enum jc_status read_model(void *state, uint32_t counter, uint64_t *count,
                                 struct jc_error *error) {
  struct model *model = state;
  const struct jc_meter_model *parameters = &model->parameters;
  (void)counter;
  (void)error;
  double wall_s = clock_s(CLOCK_MONOTONIC);
  double cpu_s = busy_clock_s(model);
  double interval_s = wall_s - model->wall_s;
  double busy_s = fmin(cpu_s - model->cpu_s, interval_s * parameters->cores);
  model->energy_j += parameters->idle_w * interval_s +
                     (parameters->tdp_w - parameters->idle_w) * busy_s / parameters->cores;
  model->wall_s = wall_s;
  model->cpu_s = cpu_s;
  *count = (uint64_t)(model->energy_j / unit_j);
  return JC_OK;
}

static void close_model(void *state) {
  free(state);
}

const struct jc_meter_driver jc_meter_driver_model = {
    .name = "model",
    .summary = "power modelled from this process's CPU time, idle power and TDP: not measured",
    .hardware = JC_METER_PROCESSOR,
    .measured = false,
    .open = open_model,
    .read = read_model,
    .close = close_model,
};
