/* data_wait.c -- time and idle energy of waiting for data, beside what a method forecasts. */
#include "cli/data_wait.h"

#include <math.h>

#include "cli/format.h"

static const struct option_row rows[] = {
    {"data-s-per-sample", 0, OPTION_AT(struct data_wait_options, s_per_sample), "S",
     "seconds that the machine waits, idle, for the data of each sample, in training and "
     "validation",
     "0", OPTION_RANGE(0, 86400)},
};
const struct option_table table_data_wait = {"Run", rows, OPTION_COUNT(rows)};

/* Of the source that the method takes its power from. Layers that were measured singly tell
 * nothing of a machine at rest. */
static double idle_w_of(const struct jc_problem *problem) {
  if (problem->hardware != NULL)
    return problem->hardware->idle_w;
  return problem->profile->phase == JC_RUN_FORWARD ? NAN : problem->profile->idle_power_w;
}

/* Unlike a step's, the samples that the last batch lacks cost nothing. */
static double samples_of(const struct jc_run *run) {
  const uint64_t validations = run->epochs / run->validate_every;
  if (run->samples == 0)
    return (double)run->batch_size;
  return (double)run->samples * (double)run->epochs +
         (double)run->val_samples * (double)validations;
}

static void tell(const struct data_wait *wait, struct inputs *inputs) {
  char each[FORMAT_SIZE], count[FORMAT_SIZE], all[FORMAT_SIZE], power[FORMAT_SIZE];
  input_real(inputs, "data_s_per_sample", FROM_FLAG, wait->s_per_sample)->format = format_duration;
  inputs_note(
      inputs,
      "waiting for data, as given, not measured: %s for each of %s samples, %s at %s idle, beside "
      "what the method forecasts",
      format_duration(wait->s_per_sample, each, sizeof(each)),
      format_count(wait->samples, count, sizeof(count)),
      format_duration(wait->time_s, all, sizeof(all)),
      format_power(wait->idle_w, power, sizeof(power)));
}

void data_wait_add(const struct data_wait *wait, const struct jc_run *run,
                   struct jc_estimate *estimate) {
  const double time_s = wait->s_per_sample * samples_of(run);
  const double energy_j = wait->idle_w * time_s;
  const double step_s = wait->s_per_sample * (double)run->batch_size;
  estimate->overhead_s += time_s;
  estimate->overhead_j += energy_j;
  estimate->time_s += time_s;
  estimate->energy_j += energy_j;
  estimate->energy_low_j += energy_j;
  estimate->energy_high_j += energy_j;
  estimate->time_low_s += time_s;
  estimate->time_high_s += time_s;
  estimate->time_per_step_s += step_s;
  estimate->energy_per_step_j += wait->idle_w * step_s;
  estimate->power_w = estimate->energy_j / estimate->time_s;
}

enum jc_status data_wait_make(const struct data_wait_options *options,
                              const struct jc_problem *problem, struct data_wait *wait,
                              struct jc_estimate *estimate, struct inputs *inputs,
                              struct jc_error *error) {
  *wait = (struct data_wait){.busy_s = estimate->time_s, .busy_step_s = estimate->time_per_step_s};
  if (!options->s_per_sample.given)
    return JC_OK;
  wait->s_per_sample = options->s_per_sample.value;
  wait->idle_w = idle_w_of(problem);
  if (isnan(wait->idle_w))
    return jc_fail(error, JC_ERROR_MISSING, 0, "--data-s-per-sample",
                   "method '%s' knows no idle power to wait at; %s", estimate->method,
                   problem->hardware != NULL ? "give --idle-w"
                                             : "choose another with --method, or --profile");
  wait->samples = samples_of(&problem->run);
  wait->time_s = wait->s_per_sample * wait->samples;
  wait->energy_j = wait->idle_w * wait->time_s;
  data_wait_add(wait, &problem->run, estimate);
  tell(wait, inputs);
  return JC_OK;
}
