/* limits.c -- options of a budget. */
#include "cli/limits.h"

#define LIMIT(member) OPTION_AT(struct limit_options, member)
static const struct option_row rows_limits[] = {
    {"max-kwh", 0, LIMIT(max_kwh), "KWH", "energy of the facility", NULL,
     OPTION_RANGE(0, INFINITY)},
    {"max-hours", 0, LIMIT(max_hours), "HOURS", "duration", NULL, OPTION_RANGE(0, INFINITY)},
    {"max-co2e-kg", 0, LIMIT(max_co2e_kg), "KG", "CO2e", NULL, OPTION_RANGE(0, INFINITY)},
    {"max-cost", 0, LIMIT(max_cost), "AMOUNT", "cost, in the currency of --price", NULL,
     OPTION_RANGE(0, INFINITY)},
};
const struct option_table table_limits = {"Budget (exit status 5 if it is passed)", rows_limits,
                                          OPTION_COUNT(rows_limits)};

static double value_of(const struct real_option *option) {
  return option->given ? option->value : NAN;
}

struct jc_budget limits_budget(const struct limit_options *options) {
  return jc_budget_of(value_of(&options->max_kwh), value_of(&options->max_hours),
                      value_of(&options->max_co2e_kg), value_of(&options->max_cost));
}
