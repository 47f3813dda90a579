/* scope.h -- what is forecast beyond one run: both ends of a span of epochs, a search over many
 * runs, and the use of what was trained. Arithmetic on a forecast; nothing here knows a method. */
#ifndef JC_CLI_SCOPE_H
#define JC_CLI_SCOPE_H

#include "cli/common.h"

struct forecast;

struct scope_options {
  struct count_option trials, folds, repeats, validate_every;
  struct real_option inferences_per_day, days;
  struct count_option inference_batch;
};

extern const struct option_table table_search;    /* --trials, --folds, --repeats, ... */
extern const struct option_table table_inference; /* --inferences-per-day, --days, ... */

/* What so many runs cost; intervals are those of one run, since a method errs alike in all. */
struct scope_total {
  bool search; /* of all runs; else of one */
  uint64_t epochs, runs;
  double energy_j, energy_low_j, energy_high_j; /* of the machine */
  double time_s;                                /* one run after the other */
  struct jc_footprint footprint;
};

struct scope_use {
  double per_day, days; /* per_day 0: not asked for */
  uint64_t batch_size;
  double energy_per_inference_j;
  double energy_j; /* over all days */
  struct jc_footprint footprint;
  double training_share; /* of training and use together, 0..1 */
  double break_even_days;
};

struct scope {
  uint32_t total_count; /* 0: neither a span nor a search */
  struct scope_total totals[4];
  struct scope_use use;
};

/* Changes the resolved RUN as the search wants it: what a fold holds out is validated and not
 * trained on; validation is not after every epoch. JC_ERROR_USAGE for what does not go together. */
enum jc_status scope_set_run(const struct scope_options *options, const struct run_options *given,
                             struct jc_run *run, struct inputs *inputs, struct jc_error *error);

/* Fills FORECAST's scope, once it has its estimate. */
enum jc_status scope_make(const struct scope_options *options, const struct run_options *given,
                          struct forecast *forecast, struct jc_error *error);

/* What is paid in all for the training: the last of the totals, or the one run. */
struct scope_total scope_training(const struct forecast *forecast);

/* For people, and for programs: `totals` and `inference`, null where not asked for. */
void scope_print(const struct forecast *forecast, FILE *out);
void scope_put_use(const struct scope_use *use, struct jc_json_writer *writer, const char *key);
void scope_put(const struct forecast *forecast, struct jc_json_writer *writer);

#endif
