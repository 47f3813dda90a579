/* budget.c -- limits against what is spent, projected or forecast. */
#include "calibrate/budget.h"

#include <math.h>
#include <stddef.h>

#include "estimator/estimator.h"

enum { FIGURE_COUNT = 4 };

/* Each limit's option and unit, and how much of the SI unit one of it is. */
static const struct {
  size_t offset;
  const char *option, *unit; /* NULL: the currency */
  double scale;
} figures[FIGURE_COUNT] = {
    {offsetof(struct jc_budget, energy_j), "--max-kwh", "kWh", 3.6e6},
    {offsetof(struct jc_budget, time_s), "--max-hours", "hours", 3600},
    {offsetof(struct jc_budget, co2e_g), "--max-co2e-kg", "kg CO2e", 1000},
    {offsetof(struct jc_budget, cost), "--max-cost", NULL, 1},
};

static double *figure_of(struct jc_budget *budget, int figure) {
  return (double *)((char *)budget + figures[figure].offset);
}

static double value_of(const struct jc_budget *budget, int figure) {
  return *(const double *)((const char *)budget + figures[figure].offset);
}

struct jc_budget jc_budget_of(double kwh, double hours, double co2e_kg, double cost) {
  const double given[FIGURE_COUNT] = {kwh, hours, co2e_kg, cost};
  struct jc_budget budget;
  for (int i = 0; i < FIGURE_COUNT; i++)
    *figure_of(&budget, i) = given[i] * figures[i].scale;
  return budget;
}

bool jc_budget_is_set(const struct jc_budget *budget) {
  bool set = false;
  for (int i = 0; i < FIGURE_COUNT; i++)
    set = set || !isnan(value_of(budget, i));
  return set;
}

struct jc_budget jc_budget_use(double energy_j, double time_s, double pue, double grid_g_per_kwh,
                               double price_per_kwh) {
  const struct jc_footprint footprint =
      jc_footprint_of(energy_j, pue, grid_g_per_kwh, price_per_kwh);
  return (struct jc_budget){.energy_j = footprint.facility_energy_j,
                            .time_s = time_s,
                            .co2e_g = footprint.co2e_g,
                            .cost = footprint.cost};
}

enum jc_status jc_budget_check(const struct jc_budget *budget, const struct jc_budget *use,
                               const struct jc_budget *least, const char *which,
                               const char *currency, struct jc_error *error) {
  for (int i = 0; i < FIGURE_COUNT; i++) {
    const double limit = value_of(budget, i);
    const char *unit = figures[i].unit != NULL ? figures[i].unit : currency;
    if (value_of(least, i) > limit) /* false where either is NAN */
      return jc_fail(error, JC_ERROR_RUNTIME, 0, figures[i].option,
                     "over budget: %.4g%s%s %s, %.4g allowed", value_of(use, i) / figures[i].scale,
                     unit != NULL ? " " : "", unit != NULL ? unit : "", which,
                     limit / figures[i].scale);
  }
  return JC_OK;
}
