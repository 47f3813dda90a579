/* limits.h -- a budget as options: --max-kwh, --max-hours, --max-co2e-kg, --max-cost. */
#ifndef JC_CLI_LIMITS_H
#define JC_CLI_LIMITS_H

#include "calibrate/budget.h"
#include "calibrate/projection.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/site.h"

struct limit_options {
  struct real_option max_kwh, max_hours, max_co2e_kg, max_cost;
  const char *budget_on; /* NULL: what is projected */
};

extern const struct option_table table_limits;
extern const struct option_table table_budget_on; /* of a run that goes on */

/* A cost without a price to reckon it by: JC_ERROR_USAGE. */
enum jc_status limits_check_options(const struct limit_options *options,
                                    const struct site_options *site, struct jc_error *error);

struct jc_budget limits_budget(const struct limit_options *options);

/* A budget watched while a run goes on. */
struct limit_watch {
  struct jc_budget budget;
  bool on_spent; /* else on what is projected too */
  bool warned;
  struct jc_error over; /* set: which limit was passed, as jc_budget_check() says it */
};

struct limit_watch limits_watch(const struct limit_options *options);

/* Whether SPENT at SITE has passed a limit, or the low end of PROJECTION has. From 80 % of one on,
 * warns through PROGRESS, once. Cheap without a budget. */
bool limits_passed(struct limit_watch *watch, const struct site *site,
                   const struct jc_epoch_seen *spent, const struct jc_projection *projection,
                   struct progress *progress);

#endif
