/* energy_by_kind.c -- layers of a forecast summed by kind and phase. */
#include "cli/energy_by_kind.h"

#include <stdlib.h>

#include "cli/format.h"

const char *const kind_part_names[KIND_PARTS] = {[KIND_FORWARD] = "forward",
                                                 [KIND_BACKWARD] = "backward",
                                                 [KIND_UPDATE] = "update",
                                                 [KIND_VALIDATION] = "validation"};

/* Validation is what the phases of the steps leave of a layer: where there are no such steps,
 * nothing but rounding. */
static void add_layer(const struct jc_layer_estimate *layer, bool validated,
                      struct kind_energy *row) {
  static const enum kind_part parts[JC_PHASE_COUNT] = {
      [JC_FORWARD] = KIND_FORWARD, [JC_BACKWARD] = KIND_BACKWARD, [JC_UPDATE] = KIND_UPDATE};
  double steps_j = 0;
  for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
    row->part_j[parts[phase]] += layer->phase_energy_j[phase];
    steps_j += layer->phase_energy_j[phase];
  }
  row->energy_j += layer->energy_j;
  row->part_j[KIND_VALIDATION] += validated ? layer->energy_j - steps_j : 0;
}

static int by_energy(const void *a, const void *b) {
  const struct kind_energy *x = a, *y = b;
  return (x->energy_j < y->energy_j) - (x->energy_j > y->energy_j);
}

size_t energy_by_kind(const struct forecast *forecast,
                      struct kind_energy rows[JC_LAYER_KIND_COUNT]) {
  const struct jc_network *network = forecast->model.network;
  const bool validated = forecast->estimate.steps.validation > 0;
  size_t count = 0;
  for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++)
    rows[kind] = (struct kind_energy){.kind = (enum jc_layer_kind)kind};
  for (uint32_t i = 0; i < network->layer_count; i++)
    add_layer(&forecast->estimate.layers[i], validated, &rows[network->layers[i].kind]);
  qsort(rows, JC_LAYER_KIND_COUNT, sizeof(*rows), by_energy);
  while (count < JC_LAYER_KIND_COUNT && rows[count].energy_j > 0)
    count++;
  return count;
}

void fill_kinds(const struct forecast *forecast, struct records *records) {
  static const struct column columns[] = {
      {"name", "kind", VALUE_TEXT, true, NULL, NULL},
      {"forward_energy_j", "forward", VALUE_REAL, false, format_energy, NULL},
      {"backward_energy_j", "backward", VALUE_REAL, false, format_energy, NULL},
      {"update_energy_j", "update", VALUE_REAL, false, format_energy, NULL},
      {"validation_energy_j", "validation", VALUE_REAL, false, format_energy, NULL},
      {"energy_j", "energy", VALUE_REAL, false, format_energy, NULL},
      {"share", "share", VALUE_REAL, false, format_percent, NULL},
  };
  struct kind_energy rows[JC_LAYER_KIND_COUNT];
  const size_t count = energy_by_kind(forecast, rows);
  records_start(records, columns, COLUMN_COUNT(columns));
  for (size_t i = 0; i < count; i++) {
    record_text(records, jc_kind_get(rows[i].kind)->name);
    for (int part = 0; part < KIND_PARTS; part++)
      record_real(records, rows[i].part_j[part]);
    record_real(records, rows[i].energy_j);
    record_real(records, rows[i].energy_j / forecast->estimate.energy_j);
  }
}
