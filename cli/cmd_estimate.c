/* cmd_estimate.c -- `joulecast estimate MODEL`: forecast a run, and guard a budget with it. */
#include "cli/report_estimate.h"

#include <stdlib.h>

#include "cli/format.h"
#include "cli/limits.h"

struct estimate_options {
  struct forecast_options forecast;
  struct limit_options limits;
  struct output_options output;
  struct estimate_tables tables;
};

static const struct option_row rows_layers[] = {
    {"layers", 0, OPTION_AT(struct estimate_options, tables.layers), NULL,
     "add the table of layers", NULL, OPTION_FREE},
    {"coefficients", 0, OPTION_AT(struct estimate_options, tables.coefficients), NULL,
     "add what method layerwise knows of each layer type: seconds, and derived joules", NULL,
     OPTION_FREE},
    {"explain", 0, OPTION_AT(struct estimate_options, tables.explain), NULL,
     "add the method's formula with its numbers, to be redone by hand", NULL, OPTION_FREE},
};
static const struct option_table table_layers = {"Output", rows_layers, OPTION_COUNT(rows_layers)};

#define IN(member) offsetof(struct estimate_options, member)
static const struct option_group groups[] = {
    {&table_input, IN(forecast.run)},
    {&table_span, IN(forecast.run)},
    {&table_run_samples, IN(forecast.run)},
    {&table_data, IN(forecast.run)},
    {&table_data_wait, IN(forecast.data_wait)},
    {&table_form, IN(forecast.run)},
    {&table_optimizer, IN(forecast.run)},
    {&table_profile_threads, IN(forecast.machine)},
    {&table_profile, IN(forecast.machine)},
    {&table_power, IN(forecast.machine)},
    {&table_memory, IN(forecast.memory)},
    {&table_method, IN(forecast.method)},
    {&table_site, IN(forecast.site)},
    {&table_wall, IN(forecast.wall)},
    {&table_search, IN(forecast.scope)},
    {&table_inference, IN(forecast.scope)},
    {&table_limits, IN(limits)},
    {&table_layers, 0},
    {&table_format_layers_report, IN(output)},
    {&table_output, IN(output)},
    {&table_quiet, IN(output)},
};

static enum jc_status check_limits(const struct limit_options *options,
                                   const struct forecast *forecast, struct jc_error *error) {
  const struct scope_total whole = scope_training(forecast);
  const struct jc_budget limits = limits_budget(options),
                         use = {.energy_j = whole.footprint.facility_energy_j,
                                .time_s = whole.time_s,
                                .co2e_g = whole.footprint.co2e_g,
                                .cost = whole.footprint.cost};
  return jc_budget_check(&limits, &use, &use, "forecast", forecast->site.currency, error);
}

static int estimate(const struct estimate_options *options, const char *operand,
                    struct forecast *forecast, struct jc_error *error) {
  struct output output;
  if (limits_check_options(&options->limits, &options->forecast.site, error) == JC_OK &&
      forecast_prepare(operand, &options->forecast, forecast, error) == JC_OK)
    (void)forecast_make(&options->forecast, forecast, error);
  if (jc_error_is_set(error))
    return exit_code_of_input(error);

  if (output_open(&output, options->output.output, error) != JC_OK)
    return exit_code_of(error);
  (void)report_estimate(forecast, output_format(&options->output), &options->tables, &output,
                        error);
  if (output_close(&output, error) != JC_OK)
    return exit_code_of(error);
  return check_limits(&options->limits, forecast, error) == JC_OK ? EXIT_OK : EXIT_BUDGET;
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  struct forecast *forecast = calloc(1, sizeof(*forecast));
  int code = EXIT_RUNTIME;
  if (forecast == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else {
    code = estimate(options, operands->value[0], forecast, error);
    forecast_free(forecast);
  }
  free(forecast);
  return code;
}

const struct command command_estimate = {
    .name = "estimate",
    .summary = "forecast energy, time, CO2e and cost of training a model",
    .spec = {.command = "estimate",
             .operands = "MODEL",
             .description =
                 "Forecast energy, time, power, CO2e and cost of training MODEL, without running "
                 "it. MODEL is a shipped model's name (`joulecast list models`), a file, or - for "
                 "standard input; NAME:VARIANT is one of its variants.",
             .examples = "  joulecast estimate resnet50 --samples 1281167 --epochs 90 -b 32\n"
                         "  joulecast estimate my/net.json --dataset cifar-10 --grid SE --layers\n"
                         "  joulecast estimate vgg16 --method roofline --hardware a100-sxm4-40gb\n"
                         "  joulecast estimate resnet18 --price \"0.30 EUR\" --max-cost 5\n",
             .operands_min = 1,
             .operands_max = 1,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct estimate_options),
    .run = run,
};
