/* data_wait.h -- waiting for data: seconds a sample that the user knows, at idle power.
 *
 *   time_s   = s_per_sample x samples, of training and validation
 *   energy_j = idle power x time_s
 *
 * Both come on top of what the method forecasts, in no layer, and widen no interval: they are as
 * the user gave them. A machine draws its idle power while nothing but the data is worked on.
 */
#ifndef JC_CLI_DATA_WAIT_H
#define JC_CLI_DATA_WAIT_H

#include "cli/common.h"

struct data_wait_options {
  struct real_option s_per_sample;
};

extern const struct option_table table_data_wait; /* --data-s-per-sample */

struct data_wait {
  double s_per_sample; /* 0: none, and so are all below but the busy times */
  double idle_w;
  double samples, time_s, energy_j; /* of the whole run */
  double busy_s, busy_step_s;       /* a run and a training step without it, as forecast */
};

/* Adds what OPTIONS ask for to ESTIMATE, which PROBLEM's method has made, and tells it to INPUTS.
 * JC_ERROR_MISSING if it is not known what the machine draws meanwhile. */
enum jc_status data_wait_make(const struct data_wait_options *options,
                              const struct jc_problem *problem, struct data_wait *wait,
                              struct jc_estimate *estimate, struct inputs *inputs,
                              struct jc_error *error);

/* Adds WAIT to ESTIMATE, of another RUN of the same training. */
void data_wait_add(const struct data_wait *wait, const struct jc_run *run,
                   struct jc_estimate *estimate);

#endif
