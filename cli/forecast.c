/* forecast.c -- machine, profile, data rows and grid of a forecast; runs the method. */
#include "cli/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/format.h"
#include "cli/profile_use.h"
#include "cli/report_forward.h"
#include "cli/report_profile.h"
#include "estimator/environment.h"
#include "estimator/profile_file.h"

static const char *const intervals[] = {"0.5", "0.8", "0.9", NULL};

#define WALL(member)   OPTION_AT(struct wall_options, member)
#define METHOD(member) OPTION_AT(struct method_options, member)
#define MEMORY(member) OPTION_AT(struct memory_options, member)

static const struct option_row rows_method[] = {
    {"method", 0, METHOD(method), "NAME", "see `joulecast list methods`", "layerwise", OPTION_FREE},
    {"interval", 0, METHOD(interval), "LEVEL", "of the interval: 0.5, 0.8 or 0.9", "0.9",
     OPTION_ONE_OF(intervals)},
    {"hours", 0, METHOD(hours), "HOURS",
     "known duration of the whole run, for methods that take one", NULL,
     OPTION_RANGE(OPTION_POSITIVE, 1e7)},
    {"force", 0, METHOD(force), NULL, "use a profile of another machine, library or thread count",
     NULL, OPTION_FREE},
};
static const struct option_row rows_wall[] = {
    {"wall-factor", 0, WALL(factor), "FACTOR",
     "energy at the plug over that of the meter's domain, other parts and losses included", "1",
     OPTION_RANGE(1, 100)},
    {"overhead-w", 0, WALL(overhead_w), "W",
     "power at the plug beside that: fans, disks, boards not metered", "0", OPTION_RANGE(0, 1e6)},
};
static const struct option_row rows_memory[] = {
    {"memory-gb", 0, MEMORY(memory_gb), "GB", "memory of the machine, for methods that count it",
     "this machine's", OPTION_RANGE(OPTION_POSITIVE, 1e6)},
    {"usage", 0, MEMORY(usage), "SHARE", "of the TDP that is drawn, for methods that take one", "1",
     OPTION_RANGE(OPTION_POSITIVE, 1)},
};
const struct option_table table_memory = {"Machine", rows_memory, OPTION_COUNT(rows_memory)};
const struct option_table table_wall = {"Place", rows_wall, OPTION_COUNT(rows_wall)};
const struct option_table table_method_inputs = {"Method", rows_method + 1,
                                                 OPTION_COUNT(rows_method) - 1};
const struct option_table table_method = {"Method", rows_method, OPTION_COUNT(rows_method)};

/* ---- profile ---- */

/* Whether the default profile of this machine is worth looking for. A data row named by hand is
 * another machine, and a method that takes either is given one by hand. */
static bool wants_profile(const struct forecast_options *options, unsigned needs) {
  if ((needs & JC_NEED_PROFILE) != 0)
    return true;
  if ((needs & JC_NEED_PROFILE_OR_HARDWARE) != 0)
    return !forecast_gives_hardware(&options->machine);
  return (needs & JC_NEED_DURATION) != 0 && !options->method.hours.given &&
         !forecast_names_hardware(&options->machine);
}

/* Path of the profile to use; "" if the method can do without and there is none. */
static enum jc_status locate_profile(const struct forecast_options *options,
                                     struct forecast *forecast, struct jc_error *error) {
  const unsigned needs = forecast->method->needs;
  const struct machine_options *machine = &options->machine;
  const bool required = (needs & JC_NEED_PROFILE) != 0;
  forecast->profile_path[0] = '\0';
  if (machine->profile != NULL) {
    snprintf(forecast->profile_path, sizeof(forecast->profile_path), "%s", machine->profile);
    return JC_OK;
  }
  if (!wants_profile(options, needs))
    return JC_OK;
  struct jc_error why = {0};
  const enum jc_status status = jc_profile_find_default(
      &forecast->machine, JC_PRECISION_FP32, (uint32_t)machine->threads.value,
      forecast->profile_path, sizeof(forecast->profile_path), &why);
  if (status == JC_OK || (status == JC_ERROR_MISSING && !required)) {
    if (status != JC_OK)
      forecast->profile_path[0] = '\0';
    return JC_OK;
  }
  *error = why;
  return status;
}

/* Not every profile has what the default method needs: single layers and few samples are fitted by
 * the linear one. The report names the method that was used. */
static void choose_method(const struct forecast_options *options, struct forecast *forecast) {
  const bool fits = forecast->profile.layerwise.curve_count > 0 ||
                    (forecast->method->needs & JC_NEED_LAYERWISE) == 0;
  if (options->method.method != NULL || fits)
    return;
  forecast->method = jc_method_find("layerwise-linear");
  for (size_t i = 0; i < forecast->inputs.count; i++) {
    struct input *input = &forecast->inputs.item[i];
    if (strcmp(input->name, "method") == 0)
      snprintf(input->text, sizeof(input->text), "%s", forecast->method->name);
  }
}

static void set_threads(const struct machine_options *options, struct forecast *forecast) {
  uint32_t threads = forecast->machine.cpus;
  enum input_from from = FROM_DETECTED;
  if (options->threads.given) {
    threads = (uint32_t)options->threads.value;
    from = FROM_FLAG;
  } else if (forecast->problem.profile != NULL) {
    threads = forecast->profile.threads;
    from = FROM_FILE;
  }
  forecast->problem.run.threads = threads;
  (void)input_count(&forecast->inputs, "threads", from, threads);
}

static enum jc_status set_profile(const struct forecast_options *options, struct forecast *forecast,
                                  struct jc_error *error) {
  if (locate_profile(options, forecast, error) != JC_OK)
    return error->status;
  if (forecast->profile_path[0] == '\0') {
    set_threads(&options->machine, forecast);
    return JC_OK;
  }
  if (jc_profile_read(forecast->profile_path, &forecast->profile, error) != JC_OK)
    return error->status;
  forecast->problem.profile = &forecast->profile;
  choose_method(options, forecast);
  set_threads(&options->machine, forecast);
  forecast->profile_input = input_text(&forecast->inputs, "profile",
                                       options->machine.profile != NULL ? FROM_FLAG : FROM_DETECTED,
                                       forecast->profile_path);
  forecast->profile_age_days = jc_profile_age_days(&forecast->profile, (double)time(NULL));
  /* One of forward passes was measured elsewhere, and is used only where it is named: a note says
   * whose. */
  if (forecast->profile.phase == JC_RUN_FORWARD)
    return JC_OK;
  return profile_accept(&forecast->profile, forecast->profile_path, &forecast->machine,
                        forecast->problem.run.threads, options->method.force, &forecast->inputs,
                        error);
}

/* ---- hardware ---- */

/* The row that the options name, or MACHINE's; NULL if --tdp-w makes up for a missing one. */
static enum jc_status find_row(const struct machine_options *options,
                               const struct jc_machine *machine,
                               const struct jc_hardware_table *table,
                               const struct jc_hardware_row **row, struct jc_error *error) {
  *row = NULL;
  if (forecast_names_hardware(options))
    return jc_hardware_find(table, options->hardware, row, error);
  struct jc_error why = {0};
  const enum jc_status status = jc_hardware_for_machine(table, machine, row, &why);
  if (status == JC_OK || (status == JC_ERROR_MISSING && options->tdp_w.given))
    return JC_OK;
  *error = why;
  return status;
}

static void tell_hardware(const struct machine_options *options, const struct jc_hardware_row *row,
                          const struct jc_hardware *hardware, struct inputs *inputs) {
  const bool users = row != NULL && row->from_user;
  const enum input_from file = users ? FROM_USER_FILE : FROM_FILE;
  if (row != NULL) {
    struct input *input =
        input_text(inputs, "hardware", forecast_names_hardware(options) ? FROM_FLAG : FROM_DETECTED,
                   hardware->name);
    if (hardware->generic)
      snprintf(input->note, sizeof(input->note),
               "stands for a CPU model that the machine hides, %u cores", hardware->cores);
    else
      snprintf(input->note, sizeof(input->note), "%s, %u",
               users ? input_from_name(FROM_USER_FILE) : "data sheet", hardware->year);
  }
  struct input *tdp =
      input_real(inputs, "tdp_w", options->tdp_w.given ? FROM_FLAG : file, hardware->tdp_w);
  struct input *idle = input_real(inputs, "idle_w",
                                  options->idle_w.given                 ? FROM_FLAG
                                  : row == NULL || row->idle_is_default ? FROM_DEFAULT
                                                                        : file,
                                  hardware->idle_w);
  tdp->format = idle->format = format_power;
  if (idle->from == FROM_DEFAULT && !idle->value.absent)
    snprintf(idle->note, sizeof(idle->note), "the usual share of the TDP");
}

enum jc_status resolve_hardware(const struct machine_options *options,
                                const struct jc_machine *machine, uint32_t cores,
                                struct inputs *inputs, struct jc_hardware *hardware,
                                struct jc_error *error) {
  struct jc_hardware_table table = {0};
  const struct jc_hardware_row *row = NULL;
  if (jc_hardware_table_read(NULL, &table, error) == JC_OK &&
      find_row(options, machine, &table, &row, error) == JC_OK) {
    *hardware = (struct jc_hardware){.device = "cpu",
                                     .cores = cores,
                                     .tdp_w = NAN,
                                     .idle_w = NAN,
                                     .memory_bandwidth_bytes_per_s = NAN,
                                     .memory_bytes = NAN};
    for (int i = 0; i < JC_MAX_PRECISIONS; i++)
      hardware->peak_flops_per_s[i] = NAN;
    if (row != NULL)
      jc_hardware_scale(row, cores, hardware);
    jc_hardware_set_power(&table, row, options->tdp_w.given ? options->tdp_w.value : NAN,
                          options->idle_w.given ? options->idle_w.value : NAN, hardware);
    tell_hardware(options, row, hardware, inputs);
  }
  jc_hardware_table_free(&table);
  return error->status;
}

static enum jc_status set_hardware(const struct forecast_options *options,
                                   struct forecast *forecast, struct jc_error *error) {
  const unsigned needs = forecast->method->needs;
  const struct jc_problem *problem = &forecast->problem;
  const bool required = (needs & (JC_NEED_HARDWARE | JC_NEED_TDP)) != 0;
  const bool useful = (needs & HARDWARE_NEEDS) != 0 && problem->profile == NULL;
  if (!required && !useful)
    return JC_OK;
  /* Unless told, a row named by hand stands for the whole part. */
  const bool whole = forecast_names_hardware(&options->machine) && !options->machine.threads.given;
  if (resolve_hardware(&options->machine, &forecast->machine, whole ? 0 : problem->run.threads,
                       &forecast->inputs, &forecast->hardware, error) != JC_OK)
    return error->status;
  forecast->problem.hardware = &forecast->hardware;
  return JC_OK;
}

/* A data row named by hand is of another machine, whose memory only the user knows. */
static void set_memory(const struct forecast_options *options, struct forecast *forecast) {
  struct jc_problem *problem = &forecast->problem;
  const bool given = options->memory.memory_gb.given;
  if ((forecast->method->needs & JC_NEED_MEMORY) == 0)
    return;
  problem->usage = options->memory.usage.given ? options->memory.usage.value : 1;
  (void)input_real(&forecast->inputs, "usage",
                   options->memory.usage.given ? FROM_FLAG : FROM_DEFAULT, problem->usage);
  if (!given && forecast_names_hardware(&options->machine))
    return;
  problem->memory_bytes =
      given ? 1e9 * options->memory.memory_gb.value : (double)forecast->machine.memory_bytes;
  input_real(&forecast->inputs, "memory_bytes", given ? FROM_FLAG : FROM_DETECTED,
             problem->memory_bytes)
      ->format = format_bytes;
}

enum jc_status resolve_meter(const struct machine_options *options,
                             const struct jc_machine *machine, struct inputs *inputs,
                             struct jc_meter_options *meter, struct jc_error *error) {
  struct jc_hardware hardware;
  struct jc_error why = {0};
  *meter = (struct jc_meter_options){.powercap_root = options->powercap_root,
                                     .trace_path = options->meter_trace,
                                     .allow_model = true};
  const enum jc_status status =
      resolve_hardware(options, machine, machine->cpus, inputs, &hardware, &why);
  if (status == JC_ERROR_MISSING)
    return JC_OK;
  if (status != JC_OK) {
    *error = why;
    return status;
  }
  meter->model = (struct jc_meter_model){.tdp_w = hardware.tdp_w,
                                         .idle_w = isnan(hardware.idle_w) ? 0 : hardware.idle_w,
                                         .cores = machine->cpus};
  return JC_OK;
}

/* ---- the plug ---- */

/* Neither figure is measured here, so that both are named as given. Without either the energy stays
 * that of its domain. */
static enum jc_status apply_wall(const struct wall_options *options, struct forecast *forecast,
                                 struct jc_error *error) {
  struct jc_estimate *estimate = &forecast->estimate;
  const double factor = options->factor.given ? options->factor.value : 1;
  if (!options->factor.given && !options->overhead_w.given)
    return JC_OK;
  if (strcmp(estimate->domain, "wall") == 0)
    return jc_fail(error, JC_ERROR_USAGE, 0,
                   options->factor.given ? "--wall-factor" : "--overhead-w",
                   "the profile's energy is that at the wall already");
  (void)input_real(&forecast->inputs, "wall_factor",
                   options->factor.given ? FROM_FLAG : FROM_DEFAULT, factor);
  input_real(&forecast->inputs, "overhead_w", options->overhead_w.given ? FROM_FLAG : FROM_DEFAULT,
             options->overhead_w.value)
      ->format = format_power;
  inputs_note(&forecast->inputs,
              "energy and power are those at the wall: %g times the %s's and %g W beside it, as "
              "given, not measured",
              factor, estimate->domain, options->overhead_w.value);
  forecast->at_wall = true;
  forecast->wall_factor = factor;
  forecast->overhead_w = options->overhead_w.value;
  jc_estimate_at_wall(estimate, forecast->model.network->layer_count, factor, forecast->overhead_w);
  return JC_OK;
}

enum jc_status forecast_other(const struct forecast *forecast, const struct jc_run *run,
                              struct jc_estimate *estimate, struct jc_error *error) {
  struct jc_problem problem = forecast->problem;
  problem.run = *run;
  estimate->layers = NULL;
  if (jc_estimate_run(forecast->method, &problem, estimate, error) != JC_OK)
    return error->status;
  if (run->phase == forecast->problem.run.phase)
    data_wait_add(&forecast->data_wait, run, estimate);
  if (forecast->at_wall)
    jc_estimate_at_wall(estimate, 0, forecast->wall_factor, forecast->overhead_w);
  return JC_OK;
}

struct jc_footprint forecast_footprint(const struct forecast *forecast, double energy_j) {
  return site_footprint(&forecast->site, energy_j);
}

/* ---- the forecast ---- */

static enum jc_status set_method(const struct forecast_options *options, struct forecast *forecast,
                                 struct jc_error *error) {
  forecast->method = forecast_find_method(options->method.method, error);
  if (forecast->method == NULL || forecast_check_options(options, forecast->method, error) != JC_OK)
    return error->status;
  (void)input_text(&forecast->inputs, "method",
                   options->method.method != NULL ? FROM_FLAG : FROM_DEFAULT,
                   forecast->method->name);
  forecast->problem.interval = 0.9;
  if (options->method.interval != NULL)
    (void)parse_real(options->method.interval, &forecast->problem.interval);
  input_real(&forecast->inputs, "interval",
             options->method.interval != NULL ? FROM_FLAG : FROM_DEFAULT,
             forecast->problem.interval)
      ->format = format_percent;
  forecast->problem.precision = JC_PRECISION_FP32;
  forecast->problem.duration_s = NAN;
  if (options->method.hours.given) {
    forecast->problem.duration_s = 3600 * options->method.hours.value;
    input_real(&forecast->inputs, "duration_s", FROM_FLAG, forecast->problem.duration_s)->format =
        format_duration;
  }
  return JC_OK;
}

static enum jc_status estimate(const struct forecast_options *options, struct forecast *forecast,
                               struct jc_error *error) {
  const struct jc_problem *problem = &forecast->problem;
  forecast->estimate.layers =
      calloc(forecast->model.network->layer_count, sizeof(*forecast->estimate.layers));
  if (forecast->estimate.layers == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (jc_estimate_run(forecast->method, problem, &forecast->estimate, error) != JC_OK ||
      data_wait_make(&options->data_wait, problem, &forecast->data_wait, &forecast->estimate,
                     &forecast->inputs, error) != JC_OK ||
      apply_wall(&options->wall, forecast, error) != JC_OK)
    return error->status;
  if (problem->profile != NULL)
    tell_profile(forecast);
  if (problem->run.optimizer != JC_OPTIMIZER_MOMENTUM && problem->run.phase == JC_RUN_TRAINING)
    inputs_note(&forecast->inputs,
                "time and energy are those of SGD with momentum: %s changes the memory only",
                optimizer_name(problem->run.optimizer));
  if (problem->profile != NULL && problem->profile->phase == JC_RUN_FORWARD)
    forward_notes(problem, forecast->method, &forecast->inputs);
  for (uint32_t i = 0; i < forecast->estimate.note_count; i++)
    inputs_note(&forecast->inputs, "%s", forecast->estimate.notes[i]);
  forecast->footprint = forecast_footprint(forecast, forecast->estimate.energy_j);
  forecast->memory_bytes = jc_training_memory_bytes(
      &forecast->model.analysis.totals, problem->run.batch_size, problem->run.optimizer);
  return JC_OK;
}

enum jc_status forecast_prepare(const char *operand, const struct forecast_options *options,
                                struct forecast *forecast, struct jc_error *error) {
  if (set_method(options, forecast, error) != JC_OK ||
      load_model(operand, &options->run, &forecast->model, error) != JC_OK ||
      resolve_run(&options->run, forecast->model.network, &forecast->problem.run, &forecast->inputs,
                  error) != JC_OK ||
      scope_set_run(&options->scope, &options->run, &forecast->problem.run, &forecast->inputs,
                    error) != JC_OK)
    return error->status;
  forecast->problem.analysis = &forecast->model.analysis;
  return jc_environment_probe(NULL, &forecast->machine, error);
}

enum jc_status forecast_make(const struct forecast_options *options, struct forecast *forecast,
                             struct jc_error *error) {
  if (set_profile(options, forecast, error) != JC_OK ||
      set_hardware(options, forecast, error) != JC_OK)
    return error->status;
  set_memory(options, forecast);
  if (resolve_site(&options->site, &forecast->inputs, &forecast->site, error) != JC_OK)
    return error->status;
  if (estimate(options, forecast, error) == JC_OK)
    (void)scope_make(&options->scope, &options->run, forecast, error);
  return error->status;
}

void forecast_free(struct forecast *forecast) {
  free(forecast->estimate.layers);
  unload_model(&forecast->model);
}
