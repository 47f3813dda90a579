/* limits.h -- a budget as options: --max-kwh, --max-hours, --max-co2e-kg, --max-cost. */
#ifndef JC_CLI_LIMITS_H
#define JC_CLI_LIMITS_H

#include "calibrate/budget.h"
#include "cli/options.h"

struct limit_options {
  struct real_option max_kwh, max_hours, max_co2e_kg, max_cost;
};

extern const struct option_table table_limits;

struct jc_budget limits_budget(const struct limit_options *options);

#endif
