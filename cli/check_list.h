/* check_list.h -- the networks that `calibrate check` trains: MODEL[:batch[:CxHxW]], one by one or
 * from a list.
 *
 * A configuration is taken apart from its end: an input shape, a batch size, and what is left is a
 * MODEL as everywhere (its own :VARIANT included). A list is a text file *.txt with a configuration
 * a line, '#' begins a comment; a model's path in it is relative to the list. */
#ifndef JC_CLI_CHECK_LIST_H
#define JC_CLI_CHECK_LIST_H

#include "calibrate/check.h"
#include "cli/common.h"

enum { CHECK_METHODS = 16, CHECK_LEVELS = 3 };

/* What a method says of one step. */
struct check_forecast {
  bool available; /* the method can price this network */
  double time_per_step_s, energy_per_step_j;
  double time_low_s[CHECK_LEVELS], time_high_s[CHECK_LEVELS]; /* at jc_interval_levels; NAN: none */
  double energy_low_j[CHECK_LEVELS], energy_high_j[CHECK_LEVELS];
  bool extrapolated;
  double time_mape, energy_mape; /* as the profile states them; NAN: it does not */
};

struct check_configuration {
  char *text; /* as given */
  struct loaded_model model;
  uint64_t batch_size;
  uint32_t rounds_done;
  struct jc_check_measurement *rounds;            /* [rounds_done] */
  struct check_forecast forecasts[CHECK_METHODS]; /* by the check's methods */
};

struct check_list {
  size_t count, capacity;
  struct check_configuration *items;
};

/* Reads TEXT, a configuration or a list's name, its models included, and appends to LIST. What the
 * trainer cannot train is refused: JC_ERROR_UNAVAILABLE, with the layer. Also fails with
 * JC_ERROR_USAGE and as load_model(). */
enum jc_status check_list_add(struct check_list *list, const char *text, struct jc_error *error);

/* An empty one is fine. */
void check_list_free(struct check_list *list);

#endif
