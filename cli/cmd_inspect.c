/* cmd_inspect.c -- `joulecast inspect MODEL`: the static analysis alone. */
#include "cli/report_inspect.h"

#include <stdlib.h>

struct inspect_options {
  struct run_options run;
  struct output_options output;
  bool totals;
  bool expand;
};

static const struct option_row rows[] = {
    {"totals", 0, OPTION_AT(struct inspect_options, totals), NULL, "leave out the table of layers",
     NULL, OPTION_FREE},
    {"expand", 0, OPTION_AT(struct inspect_options, expand), NULL,
     "print the model as JSON without repeats and blocks instead", NULL, OPTION_FREE},
};
static const struct option_table table = {"Output", rows, OPTION_COUNT(rows)};

#define IN(member) offsetof(struct inspect_options, member)
static const struct option_group groups[] = {
    {&table_input, IN(run)},         {&table_optimizer, IN(run)}, {&table, 0},
    {&table_format_csv, IN(output)}, {&table_output, IN(output)}, {&table_quiet, IN(output)},
};

static enum jc_status print_expanded(const struct loaded_model *model, struct output *output,
                                     struct jc_error *error) {
  char *text = NULL;
  if (jc_model_expanded_json(model->model, &text, error) == JC_OK)
    fputs(text, output->stream);
  free(text);
  return error->status;
}

static enum jc_status print(const struct inspect_options *options, const struct loaded_model *model,
                            struct jc_error *error) {
  struct inputs inputs = {0};
  struct jc_run run = {0};
  struct output output;
  if (resolve_run(&options->run, model->network, &run, &inputs, error) != JC_OK ||
      output_open(&output, options->output.output, error) != JC_OK)
    return error->status;
  if (options->expand)
    (void)print_expanded(model, &output, error);
  else
    (void)report_inspect(model, &run, output_format(&options->output), !options->totals, &output,
                         error);
  return output_close(&output, error);
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  const struct inspect_options *o = options;
  struct loaded_model model;
  int code;
  if (load_model(operands->value[0], &o->run.input, &model, error) != JC_OK) {
    code = exit_code_of_input(error);
  } else {
    (void)print(o, &model, error);
    code = exit_code_of(error);
  }
  unload_model(&model);
  return code;
}

const struct command command_inspect = {
    .name = "inspect",
    .summary = "analyse a model: shapes, parameters, MACs, memory, layer by layer",
    .spec = {.command = "inspect",
             .operands = "MODEL",
             .description =
                 "Print the static analysis of MODEL: shapes, parameters and MACs of every layer, "
                 "totals and memory. MODEL is a shipped model's name, a file, or - for standard "
                 "input.",
             .examples = "  joulecast inspect resnet50\n"
                         "  joulecast inspect vgg16 --format json\n"
                         "  joulecast inspect resnet18 --input 3x160x160 --totals\n"
                         "  joulecast inspect cifar_resnet20 --expand -o flat.json\n",
             .operands_min = 1,
             .operands_max = 1,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct inspect_options),
    .run = run,
};
