/* calibrate_steps.h -- the steps of `joulecast calibrate` that have a file of their own, and what
 * they share. Internal to the command. */
#ifndef JC_CLI_CALIBRATE_STEPS_H
#define JC_CLI_CALIBRATE_STEPS_H

#include "cli/common.h"

/* Which networks. */
struct plan_options {
  bool quick;
  struct count_option seed, networks;
};

extern const struct option_table table_plan; /* --quick, --seed, --networks */

enum { DEFAULT_SEED = 1 };

extern const struct command step_plan;  /* calibrate_plan.c */
extern const struct command step_check; /* calibrate_check.c */

#endif
