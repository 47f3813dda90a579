/* footprint.c -- from machine energy to facility energy, CO2e and cost. Core: no heap, no I/O. */
#include "estimator/estimator.h"

struct jc_footprint jc_footprint_of(double energy_j, double pue, double grid_g_per_kwh,
                                    double price_per_kwh) {
  const double joules_per_kwh = 3.6e6;
  const double facility_kwh = energy_j * pue / joules_per_kwh;
  return (struct jc_footprint){.facility_energy_j = energy_j * pue,
                               .co2e_g = facility_kwh * grid_g_per_kwh,
                               .cost = facility_kwh * price_per_kwh};
}
