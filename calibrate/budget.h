/* budget.h -- limits of a run, and whether what it uses passes one.
 *
 *   const struct jc_budget limits = {.energy_j = 3.6e6, .time_s = NAN, .co2e_g = NAN, .cost = NAN};
 *   const struct jc_budget spent = jc_budget_use(energy_j, time_s, pue, grid_g_per_kwh, NAN);
 *   if (jc_budget_check(&limits, &spent, &spent, "spent", NULL, &error) != JC_OK) ... stop ...
 *
 * On what is projected, the low end of the interval decides and the projection is shown: a run is
 * stopped once its end is beyond the limit with 95 % confidence, not because a wide interval says
 * that it may be. What is spent is in that low end, so it counts in either case.
 */
#ifndef JC_CALIBRATE_BUDGET_H
#define JC_CALIBRATE_BUDGET_H

#include <stdbool.h>

#include "estimator/error.h"

/* Limits, or what they are compared with. NAN: no limit; not known, and so passes none. */
struct jc_budget {
  double energy_j; /* of the facility: machine x PUE */
  double time_s;
  double co2e_g;
  double cost; /* in the currency of the price */
};

/* Limits in the units that people give them in: kWh, hours, kg, and a cost. NAN: none. */
struct jc_budget jc_budget_of(double kwh, double hours, double co2e_kg, double cost);

bool jc_budget_is_set(const struct jc_budget *budget);

/* What a machine's ENERGY_J over TIME_S mean to facility, climate and purse; arguments that are NAN
 * leave NAN what depends on them. */
struct jc_budget jc_budget_use(double energy_j, double time_s, double pue, double grid_g_per_kwh,
                               double price_per_kwh);

/* JC_OK unless LEAST, what is used at least, passes a limit of BUDGET. Then JC_ERROR_RUNTIME with
 * the option of that limit in the place of the file, and "over budget: 1.2 kWh projected, 1
 * allowed": of USE, the best figure known. WHICH is the word for it: "spent", "projected". CURRENCY
 * NULL: none. */
enum jc_status jc_budget_check(const struct jc_budget *budget, const struct jc_budget *use,
                               const struct jc_budget *least, const char *which,
                               const char *currency, struct jc_error *error);

#endif
