/* cmd_compare.c -- `joulecast compare MODEL...`: every method, or several models and machines, side
 * by side. */
#include "cli/report_compare.h"

#include <stdlib.h>

struct compare_options {
  struct comparison_options comparison;
  struct output_options output;
};

#define COMPARISON       offsetof(struct compare_options, comparison)
#define FORECAST(member) offsetof(struct compare_options, comparison.forecast.member)
#define OUTPUT           offsetof(struct compare_options, output)
static const struct option_group groups[] = {
    {&table_comparison, COMPARISON},
    {&table_shape, FORECAST(run)},
    {&table_length, FORECAST(run)},
    {&table_data, FORECAST(run)},
    {&table_data_wait, FORECAST(data_wait)},
    {&table_phase, FORECAST(run)},
    {&table_optimizer, FORECAST(run)},
    {&table_profile_threads, FORECAST(machine)},
    {&table_comparison_machines, COMPARISON},
    {&table_watts, FORECAST(machine)},
    {&table_memory, FORECAST(memory)},
    {&table_comparison_method, COMPARISON},
    {&table_method_inputs, FORECAST(method)},
    {&table_comparison_site, COMPARISON},
    {&table_site_rest, FORECAST(site)},
    {&table_wall, FORECAST(wall)},
    {&table_inference, FORECAST(scope)},
    {&table_comparison_order, COMPARISON},
    {&table_format_report, OUTPUT},
    {&table_output, OUTPUT},
    {&table_quiet, OUTPUT},
};

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  const struct compare_options *o = options;
  struct comparison comparison;
  struct output output;
  int code = EXIT_OK;
  if (o->comparison.explain && output_format(&o->output) == FORMAT_CSV) {
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--explain", "csv holds the rows alone");
    return EXIT_USAGE;
  }
  if (comparison_make(&o->comparison, operands, &comparison, error) != JC_OK) {
    code = exit_code_of_input(error);
  } else if (output_open(&output, o->output.output, error) == JC_OK) {
    (void)report_compare(&comparison, output_format(&o->output), &output, error);
    (void)output_close(&output, error);
    if (error->status == JC_OK && comparison.available_count == 0)
      (void)jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                    "compare: none of the rows has a forecast; each says what it lacks");
    code = exit_code_of(error);
  }
  comparison_free(&comparison);
  return code;
}

const struct command command_compare = {
    .name = "compare",
    .summary = "every method, or several models, machines and grids, side by side",
    .spec =
        {.command = "compare",
         .operands = "MODEL...",
         .description =
             "Forecast the training of MODEL by every method: a row each, with its error on this "
             "machine, what it took and where that came from, or why it is not available. Of "
             "several models, batch sizes, precisions, machines or grids: a row each, the cheapest "
             "marked, and those that no other beats in both energy and time.",
         .examples = "  joulecast compare resnet50 --samples 1281167 --epochs 90 -b 32\n"
                     "  joulecast compare lenet5_28 --measured 180 --explain\n"
                     "  joulecast compare resnet18 resnet50 -b 32,64 --sort energy_j\n"
                     "  joulecast compare vgg16 --hardware t4,a100-sxm4-40gb --grid FR,DE,PL\n"
                     "  joulecast compare vgg11 resnet18 --inferences-per-day 1e5 --days 365\n",
         .operands_min = 1,
         .operands_max = MAX_LIST,
         .groups = groups,
         .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct compare_options),
    .run = run,
};
