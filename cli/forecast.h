/* forecast.h -- from options to an estimate: machine, profile, data rows, grid, then the method.
 *
 * Every value that went in stands in `inputs` with where it came from. */
#ifndef JC_CLI_FORECAST_H
#define JC_CLI_FORECAST_H

#include <limits.h>

#include "calibrate/meter.h"
#include "cli/data_wait.h"
#include "cli/scope.h"
#include "cli/site.h"
#include "estimator/data_files.h"

struct wall_options {
  struct real_option factor, overhead_w;
};

extern const struct option_table table_wall; /* --wall-factor, --overhead-w */

struct memory_options {
  struct real_option memory_gb, usage;
};

extern const struct option_table table_memory; /* --memory-gb, --usage */

struct method_options {
  const char *method;
  const char *interval;
  struct real_option hours;
  bool force;
};

extern const struct option_table table_method;        /* --method, --interval, --hours, --force */
extern const struct option_table table_method_inputs; /* --interval, --hours, --force */

/* Everything a forecast consists of. Zeroed by the caller; too large for a stack frame. */
struct forecast {
  struct loaded_model model;
  struct inputs inputs;
  struct jc_machine machine; /* this one */
  struct jc_profile profile; /* of problem.profile */
  char profile_path[PATH_MAX];
  struct input *profile_input; /* of inputs; NULL: no profile */
  double profile_age_days;     /* NAN: no profile, or one without a date */
  struct jc_hardware hardware; /* of problem.hardware */
  struct jc_problem problem;
  const struct jc_method *method;
  struct jc_estimate estimate; /* with layers */
  struct data_wait data_wait;  /* in it */
  struct site site;
  struct jc_footprint footprint;
  bool at_wall; /* the estimate is; by: */
  double wall_factor, overhead_w;
  uint64_t memory_bytes;
  struct scope scope;
};

struct forecast_options {
  struct run_options run;
  struct data_wait_options data_wait;
  struct machine_options machine;
  struct memory_options memory;
  struct method_options method;
  struct site_options site;
  struct wall_options wall;
  struct scope_options scope;
};

/* Names of all methods, those that look at whole measured runs last; NULL beyond the last. */
const char *forecast_method_name(size_t index);
/* The method called NAME, the first one for NULL. NULL: JC_ERROR_USAGE, with the nearest name, or
 * JC_ERROR_MISSING for one that looks at whole measured runs, with what it needs. */
const struct jc_method *forecast_find_method(const char *name, struct jc_error *error);
/* A value that METHOD would not look at would change nothing, in silence: JC_ERROR_USAGE. */
enum jc_status forecast_check_options(const struct forecast_options *options,
                                      const struct jc_method *method, struct jc_error *error);
/* Takes such values out of OPTIONS, where other methods use them. Of a profile and a data row,
 * where METHOD takes only one, the profile stays. */
void forecast_drop_unused(struct forecast_options *options, const struct jc_method *method);
/* Whether a data row is named that need not be this machine's; whether it or its power is given. */
bool forecast_names_hardware(const struct machine_options *options);
bool forecast_gives_hardware(const struct machine_options *options);

/* Needs that a data row, and a profile, are looked at for. */
enum {
  HARDWARE_NEEDS = JC_NEED_HARDWARE | JC_NEED_TDP | JC_NEED_PROFILE_OR_HARDWARE | JC_NEED_DURATION,
  PROFILE_NEEDS = JC_NEED_PROFILE | JC_NEED_PROFILE_OR_HARDWARE | JC_NEED_DURATION
};

/* Reads the model OPERAND, resolves its run but for the threads, and probes this machine. Free with
 * forecast_free(), after a failure too. */
enum jc_status forecast_prepare(const char *operand, const struct forecast_options *options,
                                struct forecast *forecast, struct jc_error *error);
/* The rest: profile or data row, threads, grid, PUE, price, and the estimate. */
enum jc_status forecast_make(const struct forecast_options *options, struct forecast *forecast,
                             struct jc_error *error);
/* ESTIMATE by the same method of another RUN, without layers; FORECAST has its own already. Passes
 * of another phase are use of what was trained, which waits for none of its data. */
enum jc_status forecast_other(const struct forecast *forecast, const struct jc_run *run,
                              struct jc_estimate *estimate, struct jc_error *error);

/* What ENERGY_J is to facility, climate and purse. */
struct jc_footprint forecast_footprint(const struct forecast *forecast, double energy_j);

void forecast_free(struct forecast *forecast);

/* The data row that the options name, or MACHINE's, for CORES cores (0: the whole part) with the
 * user's power in place, told to INPUTS. JC_ERROR_MISSING if there is none. */
enum jc_status resolve_hardware(const struct machine_options *options,
                                const struct jc_machine *machine, uint32_t cores,
                                struct inputs *inputs, struct jc_hardware *hardware,
                                struct jc_error *error);

/* The power figures of the `model` meter for MACHINE: the options', else its data row's, told to
 * INPUTS. Without either OPTIONS->model stays empty, and the meter is not available. */
enum jc_status resolve_meter(const struct machine_options *options,
                             const struct jc_machine *machine, struct inputs *inputs,
                             struct jc_meter_options *meter, struct jc_error *error);

#endif
