/* energy_by_kind.h -- joules of a forecast by kind of layer, crossed with the phases of training.
 */
#ifndef JC_CLI_ENERGY_BY_KIND_H
#define JC_CLI_ENERGY_BY_KIND_H

#include "cli/forecast.h"
#include "cli/records.h"

/* Both backwards together: a stamp of the trainer covers both. */
enum kind_part { KIND_FORWARD, KIND_BACKWARD, KIND_UPDATE, KIND_VALIDATION, KIND_PARTS };

/* "forward", ... */
extern const char *const kind_part_names[KIND_PARTS];

struct kind_energy {
  enum jc_layer_kind kind;
  double energy_j;           /* of the whole run, > 0 */
  double part_j[KIND_PARTS]; /* which sum up to it */
};

/* Fills ROWS with the kinds of layers that take any energy, those that take most first; returns how
 * many. Of a method that resolves layers. */
size_t energy_by_kind(const struct forecast *forecast,
                      struct kind_energy rows[JC_LAYER_KIND_COUNT]);

/* The same as rows of {name, forward_energy_j, backward_energy_j, update_energy_j,
 * validation_energy_j, energy_j, share}. To be freed. */
void fill_kinds(const struct forecast *forecast, struct records *records);

#endif
