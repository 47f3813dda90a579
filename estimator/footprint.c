/* footprint.c -- from machine energy to wall and facility energy, CO2e and cost. Core: no heap, no
 * I/O. */
#include <math.h>

#include "estimator/estimator.h"

struct wall {
  double factor, overhead_w;
};

static void take_to_wall(const struct wall *wall, double time_s, double *energy_j) {
  *energy_j = wall->factor * *energy_j + wall->overhead_w * time_s;
}

void jc_estimate_at_wall(struct jc_estimate *estimate, uint32_t layer_count, double factor,
                         double overhead_w) {
  const struct wall wall = {factor, overhead_w};
  const double low_s = isnan(estimate->time_low_s) ? estimate->time_s : estimate->time_low_s;
  const double high_s = isnan(estimate->time_high_s) ? estimate->time_s : estimate->time_high_s;
  estimate->domain = "wall";
  take_to_wall(&wall, estimate->time_s, &estimate->energy_j);
  take_to_wall(&wall, low_s, &estimate->energy_low_j);
  take_to_wall(&wall, high_s, &estimate->energy_high_j);
  estimate->energy_above_idle_j *= factor;
  take_to_wall(&wall, 1, &estimate->power_w);
  take_to_wall(&wall, estimate->time_per_step_s, &estimate->energy_per_step_j);
  take_to_wall(&wall, estimate->overhead_s, &estimate->overhead_j);
  for (int i = 0; i < JC_RESULT_PHASE_COUNT; i++)
    take_to_wall(&wall, estimate->phases[i].time_s, &estimate->phases[i].energy_j);
  for (uint32_t i = 0; estimate->layers != NULL && i < layer_count; i++) {
    struct jc_layer_estimate *layer = &estimate->layers[i];
    take_to_wall(&wall, layer->time_s, &layer->energy_j);
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++)
      take_to_wall(&wall, layer->phase_time_s[phase], &layer->phase_energy_j[phase]);
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
