/* comparison_order.c -- what rows are to each other: marks, order, ratios, labels, break-even. */
#include <math.h>
#include <string.h>

#include "cli/comparison.h"

/* ---- marks ---- */

static bool dominates(const struct comparison_row *a, const struct comparison_row *b) {
  return a->energy_j <= b->energy_j && a->time_s <= b->time_s &&
         (a->energy_j < b->energy_j || a->time_s < b->time_s);
}

static void mark(struct comparison *comparison) {
  double least_j = INFINITY, least_g = INFINITY;
  for (size_t i = 0; i < comparison->count; i++) {
    if (comparison->rows[i]->available) {
      least_j = fmin(least_j, comparison->rows[i]->facility_energy_j);
      least_g = fmin(least_g, comparison->rows[i]->co2e_g);
    }
  }
  for (size_t i = 0; i < comparison->count; i++) {
    struct comparison_row *row = comparison->rows[i];
    if (!row->available)
      continue;
    row->cheapest = row->facility_energy_j <= least_j;
    row->cleanest = row->co2e_g <= least_g;
    row->pareto = true;
    for (size_t k = 0; k < comparison->count && row->pareto; k++)
      row->pareto = !(comparison->rows[k]->available && dominates(comparison->rows[k], row));
  }
}

/* ---- order ---- */

static const struct {
  const char *key;
  size_t offset; /* of a double */
} numbers[] = {
    {"energy_j", offsetof(struct comparison_row, energy_j)},
    {"time_s", offsetof(struct comparison_row, time_s)},
    {"power_w", offsetof(struct comparison_row, power_w)},
    {"co2e_g", offsetof(struct comparison_row, co2e_g)},
    {"cost", offsetof(struct comparison_row, cost)},
    {"error", offsetof(struct comparison_row, error)},
    {"measured_error", offsetof(struct comparison_row, measured_error)},
};
static const struct {
  const char *key;
  size_t offset; /* of a text */
} names[] = {
    {"model", offsetof(struct comparison_row, model)},
    {"machine", offsetof(struct comparison_row, machine)},
    {"grid", offsetof(struct comparison_row, grid)},
    {"method", offsetof(struct comparison_row, method)},
};

/* Whether A stands behind B; unknown values and rows without a forecast come last. The error of a
 * measured run is sorted by its size. */
static bool is_behind(const struct comparison_row *a, const struct comparison_row *b,
                      const char *key) {
  if (a->available != b->available)
    return b->available;
  if (strcmp(key, "batch_size") == 0)
    return a->batch_size > b->batch_size;
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (strcmp(key, names[i].key) == 0)
      return strcmp((const char *)a + names[i].offset, (const char *)b + names[i].offset) > 0;
  }
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    double x, y;
    if (strcmp(key, numbers[i].key) != 0)
      continue;
    memcpy(&x, (const char *)a + numbers[i].offset, sizeof(x));
    memcpy(&y, (const char *)b + numbers[i].offset, sizeof(y));
    return isnan(x) ? !isnan(y) : fabs(x) > fabs(y);
  }
  return false;
}

/* Rows that are alike keep their order. */
static void sort(struct comparison *comparison, const char *key) {
  for (size_t i = 1; i < comparison->count; i++) {
    struct comparison_row *row = comparison->rows[i];
    size_t k = i;
    for (; k > 0 && is_behind(comparison->rows[k - 1], row, key); k--)
      comparison->rows[k] = comparison->rows[k - 1];
    comparison->rows[k] = row;
  }
}

static void set_ratios(struct comparison *comparison) {
  double first_j = NAN;
  for (size_t i = 0; i < comparison->count; i++) {
    struct comparison_row *row = comparison->rows[i];
    if (!row->available)
      continue;
    comparison->available_count++;
    if (isnan(first_j))
      first_j = row->energy_j;
    row->ratio = row->energy_j / first_j;
  }
}

/* ---- labels ---- */

static void find_variety(struct comparison *comparison) {
  const struct comparison_row *first = comparison->rows[0];
  for (size_t i = 1; i < comparison->count; i++) {
    const struct comparison_row *row = comparison->rows[i];
    comparison->varies_model |= strcmp(row->model, first->model) != 0;
    comparison->varies_batch_size |= row->batch_size != first->batch_size && row->batch_size > 0;
    comparison->varies_precision |= strcmp(row->precision, first->precision) != 0;
    comparison->varies_machine |= strcmp(row->machine, first->machine) != 0;
    comparison->varies_grid |= strcmp(row->grid, first->grid) != 0;
    comparison->varies_method |= strcmp(row->method, first->method) != 0;
  }
}

static void set_label(const struct comparison *comparison, struct comparison_row *row) {
  char batch[32];
  const struct {
    bool varies;
    const char *text;
  } parts[] = {
      {comparison->varies_model, row->model},
      {comparison->varies_batch_size && row->batch_size > 0, batch},
      {comparison->varies_precision, row->precision},
      {comparison->varies_machine, row->machine},
      {comparison->varies_grid, row->grid},
      {comparison->varies_method, row->method},
  };
  size_t used = 0;
  snprintf(batch, sizeof(batch), "batch %llu", (unsigned long long)row->batch_size);
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && used < sizeof(row->label); i++) {
    if (parts[i].varies)
      used += (size_t)snprintf(row->label + used, sizeof(row->label) - used, "%s%s",
                               used > 0 ? ", " : "", parts[i].text);
  }
  if (used == 0 || comparison->methods)
    snprintf(row->label, sizeof(row->label), "%s", row->method);
}

void comparison_finish(struct comparison *comparison, const char *sort_key) {
  mark(comparison);
  if (sort_key != NULL)
    sort(comparison, sort_key);
  set_ratios(comparison);
  find_variety(comparison);
  for (size_t i = 0; i < comparison->count; i++)
    set_label(comparison, comparison->rows[i]);
}

/* ---- break-even ---- */

/* The two available rows with use; false if there are not just two. */
static bool find_two(const struct comparison *comparison, const struct comparison_row *two[2]) {
  size_t count = 0;
  for (size_t i = 0; i < comparison->count; i++) {
    const struct comparison_row *row = comparison->rows[i];
    if (!row->available || !(row->use.per_day > 0))
      continue;
    if (count < 2)
      two[count] = row;
    count++;
  }
  return count == 2;
}

/* Of A and B, the one that takes less from the start; alike in training, the one that takes less
 * later. */
static const struct comparison_row *thrifty(const struct comparison_row *a,
                                            const struct comparison_row *b) {
  if (a->energy_j != b->energy_j)
    return a->energy_j < b->energy_j ? a : b;
  return a->use.energy_per_inference_j <= b->use.energy_per_inference_j ? a : b;
}

struct break_even comparison_break_even(const struct comparison *comparison) {
  const struct comparison_row *two[2];
  if (!find_two(comparison, two))
    return (struct break_even){NULL, 0, 0};
  const struct comparison_row *first = thrifty(two[0], two[1]);
  const struct comparison_row *later = first == two[0] ? two[1] : two[0];
  const double saved_j = first->use.energy_per_inference_j - later->use.energy_per_inference_j;
  if (!(saved_j > 0))
    return (struct break_even){first, 0, 0};
  const double inferences = (later->energy_j - first->energy_j) / saved_j;
  return (struct break_even){later, inferences, inferences / later->use.per_day};
}
