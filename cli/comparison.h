/* comparison.h -- many forecasts beside each other: every method for one run, or several models,
 * batch sizes, precisions, machines and grids.
 *
 *   rows = models x batch sizes x precisions x machines x grids x methods
 *
 * A machine is a profile, or a data row (--hardware); one of each together are the same machine.
 * With one configuration all methods are compared, each with the options that it uses. With
 * several, every configuration has the methods asked for, or the first one that takes its options
 * and has what it needs. What cannot be forecast keeps its row, which says why.
 */
#ifndef JC_CLI_COMPARISON_H
#define JC_CLI_COMPARISON_H

#include "cli/forecast.h"

struct comparison_options {
  struct forecast_options forecast; /* what all rows share */
  struct text_list batch_size, precision, profile, hardware, grid, method;
  struct real_option measured_j;
  const char *sort;
  bool explain;
};

/* Of the lists above, --measured and --sort. */
extern const struct option_table table_comparison, table_comparison_machines, table_comparison_site,
    table_comparison_method, table_comparison_order;

enum { COMPARISON_TEXT = 128, COMPARISON_WHY = 1024 };

struct comparison_row {
  char model[COMPARISON_TEXT], precision[16], machine[COMPARISON_TEXT], grid[COMPARISON_TEXT];
  char method[32];
  char label[2 * COMPARISON_TEXT]; /* what tells it from the other rows */
  uint64_t batch_size;
  struct jc_run run; /* batch_size 0: the row came to none */
  bool available;
  char why[COMPARISON_WHY]; /* it is not; one line */
  /* Of available rows; NAN: no value. */
  double energy_j, energy_low_j, energy_high_j, time_s, time_low_s, time_high_s, power_w;
  double facility_energy_j, co2e_g, cost;
  double ratio;          /* of joules to those of the first available row */
  double measured_error; /* forecast over measured, minus 1 */
  double error;          /* energy_error.mape; NAN: not known */
  struct jc_error_summary energy_error;
  struct scope_use use;
  bool extrapolated;
  bool cheapest;    /* least energy of the facility, and so least cost */
  bool cleanest;    /* least CO2e */
  bool pareto;      /* no other row is better in energy or time and no worse in the other */
  char needed[512]; /* what the method took, and where that came from */
  struct inputs inputs;
  char *explanation; /* NULL: not asked for */
};

struct comparison {
  bool methods; /* one configuration: rows are methods */
  struct comparison_row **rows;
  size_t count, available_count;
  bool varies_model, varies_batch_size, varies_precision, varies_machine, varies_grid,
      varies_method;
  char currency[16];
  double measured_j; /* NAN: not given */
};

/* Makes the rows for MODELS, sorted. Free with comparison_free(), after a failure too. Fails where
 * a model or a file cannot be read or an option is wrong; not where a row has no forecast. */
enum jc_status comparison_make(const struct comparison_options *options,
                               const struct text_list *models, struct comparison *comparison,
                               struct jc_error *error);
void comparison_free(struct comparison *comparison);

/* Between comparison.c and comparison_order.c: marks the rows, sorts them by SORT_KEY (NULL: not),
 * and fills what depends on the others. */
void comparison_finish(struct comparison *comparison, const char *sort_key);

/* Of two available rows with use: the one that costs more to train and less to use, and how many
 * inferences make up for it; or the one that costs less in both, and 0. */
struct break_even {
  const struct comparison_row *cheaper; /* NULL: there are not two such rows */
  double inferences, days;
};
struct break_even comparison_break_even(const struct comparison *comparison);

#endif
