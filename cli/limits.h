/* limits.h -- a budget as options: --max-kwh, --max-hours, --max-co2e-kg, --max-cost. */
#ifndef JC_CLI_LIMITS_H
#define JC_CLI_LIMITS_H

#include "calibrate/budget.h"
#include "calibrate/projection.h"
#include "cli/options.h"
#include "cli/site.h"

struct limit_options {
  struct real_option max_kwh, max_hours, max_co2e_kg, max_cost;
  const char *budget_on; /* NULL: what is projected */
};

extern const struct option_table table_limits;
extern const struct option_table table_budget_on; /* of a run that goes on */

/* Whether only what is spent counts. */
bool limits_on_spent(const struct limit_options *options);
/* A cost without a price to reckon it by: JC_ERROR_USAGE. */
enum jc_status limits_check_options(const struct limit_options *options,
                                    const struct site_options *site, struct jc_error *error);

struct jc_budget limits_budget(const struct limit_options *options);

/* JC_OK unless SPENT at SITE passes a limit, or the low end of PROJECTION (NULL: not asked) does.
 * Else as jc_budget_check(). */
enum jc_status limits_check(const struct jc_budget *budget, const struct site *site,
                            const struct jc_epoch_seen *spent,
                            const struct jc_projection *projection, struct jc_error *error);

#endif
