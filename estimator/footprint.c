/* footprint.c -- from machine energy to wall and facility energy, CO2e and cost. Core: no heap, no
 * I/O. */
#include <math.h>

#include "estimator/estimator.h"

void jc_estimate_at_wall(struct jc_estimate *estimate, uint32_t layer_count, double factor,
                         double overhead_w) {
  const double low_s = isnan(estimate->time_low_s) ? estimate->time_s : estimate->time_low_s;
  const double high_s = isnan(estimate->time_high_s) ? estimate->time_s : estimate->time_high_s;
  estimate->domain = "wall";
  estimate->energy_j = factor * estimate->energy_j + overhead_w * estimate->time_s;
  estimate->energy_low_j = factor * estimate->energy_low_j + overhead_w * low_s;
  estimate->energy_high_j = factor * estimate->energy_high_j + overhead_w * high_s;
  estimate->energy_above_idle_j *= factor;
  estimate->power_w = factor * estimate->power_w + overhead_w;
  estimate->energy_per_step_j =
      factor * estimate->energy_per_step_j + overhead_w * estimate->time_per_step_s;
  estimate->overhead_j = factor * estimate->overhead_j + overhead_w * estimate->overhead_s;
  for (int i = 0; i < JC_RESULT_PHASE_COUNT; i++) {
    struct jc_phase_estimate *phase = &estimate->phases[i];
    phase->energy_j = factor * phase->energy_j + overhead_w * phase->time_s;
  }
  for (uint32_t i = 0; estimate->layers != NULL && i < layer_count; i++) {
    struct jc_layer_estimate *layer = &estimate->layers[i];
    layer->energy_j = factor * layer->energy_j + overhead_w * layer->time_s;
  }
}

struct jc_footprint jc_footprint_of(double energy_j, double pue, double grid_g_per_kwh,
                                    double price_per_kwh) {
  const double joules_per_kwh = 3.6e6;
  const double facility_kwh = energy_j * pue / joules_per_kwh;
  return (struct jc_footprint){.facility_energy_j = energy_j * pue,
                               .co2e_g = facility_kwh * grid_g_per_kwh,
                               .cost = facility_kwh * price_per_kwh};
}
