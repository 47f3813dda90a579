/* limits.c -- options of a budget. */
#include "cli/limits.h"

#include <string.h>

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

static const char *const budget_bases[] = {"projected", "spent", NULL};
static const struct option_row rows_budget_on[] = {
    {"budget-on", 0, LIMIT(budget_on), "WHAT",
     "stop when the budget is spent, or already when the low end of the projection's 90 % interval "
     "is beyond it",
     "projected", OPTION_ONE_OF(budget_bases)},
};
const struct option_table table_budget_on = {"Budget (exit status 5 if it is passed)",
                                             rows_budget_on, OPTION_COUNT(rows_budget_on)};

enum jc_status limits_check_options(const struct limit_options *options,
                                    const struct site_options *site, struct jc_error *error) {
  if (options->max_cost.given && site->price == NULL)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--max-cost", "expected --price beside it");
  return JC_OK;
}

static double value_of(const struct real_option *option) {
  return option->given ? option->value : NAN;
}

struct jc_budget limits_budget(const struct limit_options *options) {
  return jc_budget_of(value_of(&options->max_kwh), value_of(&options->max_hours),
                      value_of(&options->max_co2e_kg), value_of(&options->max_cost));
}

static struct jc_budget use_of(const struct site *site, double energy_j, double time_s) {
  return jc_budget_use(energy_j, time_s, site->pue, site->grid_g_per_kwh, site->price_per_kwh);
}

/* ---- while a run goes on ---- */

/* Of the budget, from where a warning is due. */
static const double warning_share = 0.8;

struct limit_watch limits_watch(const struct limit_options *options) {
  return (struct limit_watch){
      .budget = limits_budget(options),
      .on_spent = options->budget_on != NULL && strcmp(options->budget_on, "spent") == 0,
  };
}

/* SHARE of the budget counts as all of it. */
static bool passes(const struct limit_watch *watch, double share, const struct site *site,
                   const struct jc_epoch_seen *spent, const struct jc_projection *p,
                   struct jc_error *error) {
  const struct jc_budget *b = &watch->budget;
  const struct jc_budget limits = {share * b->energy_j, share * b->time_s, share * b->co2e_g,
                                   share * b->cost},
                         used = use_of(site, spent->energy_j, spent->time_s),
                         projected = use_of(site, p->energy_j, p->time_s),
                         least = use_of(site, p->energy_low_j, p->time_low_s);
  if (jc_budget_check(&limits, &used, &used, "spent", site->currency, error) == JC_OK &&
      !watch->on_spent)
    (void)jc_budget_check(&limits, &projected, &least, "projected", site->currency, error);
  return jc_error_is_set(error);
}

bool limits_passed(struct limit_watch *watch, const struct site *site,
                   const struct jc_epoch_seen *spent, const struct jc_projection *projection,
                   struct progress *progress) {
  struct jc_error near = {0};
  if (!jc_budget_is_set(&watch->budget) || jc_error_is_set(&watch->over))
    return jc_error_is_set(&watch->over);
  if (passes(watch, 1, site, spent, projection, &watch->over))
    return true;
  if (!watch->warned && passes(watch, warning_share, site, spent, projection, &near)) {
    watch->warned = true;
    progress_say(progress, "warning: more than %.0f %% of the budget is used%s",
                 100 * warning_share, watch->on_spent ? "" : " or to come");
  }
  return false;
}
