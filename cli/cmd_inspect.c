/* cmd_inspect.c -- `joulecast inspect MODEL`: the static analysis alone. */
#include "cli/report_inspect.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect_lines.h"

struct inspect_options {
  struct run_options run;
  struct output_options output;
  const char *precision, *convention;
  bool checkpointing;
  bool totals;
  bool expand;
  const char *lines;
  struct count_option threads;
};

static const char *const precisions[] = {"fp32", "tf32", "bf16", "fp16", NULL};

static const struct option_row rows_memory[] = {
    {"precision", 0, OPTION_AT(struct inspect_options, precision), "NAME",
     "fp32, tf32, or bf16 or fp16 mixed with it", "fp32", OPTION_ONE_OF(precisions)},
    {"checkpointing", 0, OPTION_AT(struct inspect_options, checkpointing), NULL,
     "keep only tensors between segments for backward, compute the rest again", NULL, OPTION_FREE},
};
static const struct option_table table_memory = {"Memory", rows_memory, OPTION_COUNT(rows_memory)};

static const char *const conventions[] = {"torchvision", "fvcore",       "thop", "torchinfo",
                                          "ptflops",     "ptflops-aten", NULL};

static const struct option_row rows[] = {
    {"convention", 0, OPTION_AT(struct inspect_options, convention), "TOOL",
     "add what TOOL counts: torchvision, fvcore, thop, torchinfo, ptflops or ptflops-aten", NULL,
     OPTION_ONE_OF(conventions)},
    {"totals", 0, OPTION_AT(struct inspect_options, totals), NULL, "leave out the table of layers",
     NULL, OPTION_FREE},
    {"expand", 0, OPTION_AT(struct inspect_options, expand), NULL,
     "print the model as JSON without repeats and blocks instead", NULL, OPTION_FREE},
};
static const struct option_table table = {"Output", rows, OPTION_COUNT(rows)};

static const struct option_row rows_lines[] = {
    {"lines", 0, OPTION_AT(struct inspect_options, lines), "FILE",
     "instead of MODEL: networks, one a line of FILE (- for standard input); totals as JSON, "
     "one line each",
     NULL, OPTION_FREE},
    {"threads", 't', OPTION_AT(struct inspect_options, threads), "N", "CPU threads for --lines",
     "all CPUs", OPTION_RANGE(1, 1024)},
};
static const struct option_table table_lines = {"Many models", rows_lines,
                                                OPTION_COUNT(rows_lines)};

#define IN(member) offsetof(struct inspect_options, member)
static const struct option_group groups[] = {
    {&table_input, IN(run)},
    {&table_optimizer, IN(run)},
    {&table_memory, 0},
    {&table, 0},
    {&table_format_layers, IN(output)},
    {&table_output, IN(output)},
    {&table_quiet, IN(output)},
    {&table_lines, 0},
};

static enum jc_status print_expanded(const struct loaded_model *model, struct output *output,
                                     struct jc_error *error) {
  char *text = NULL;
  if (jc_model_expanded_json(model->model, &text, error) == JC_OK)
    fputs(text, output->stream);
  free(text);
  return error->status;
}

static struct jc_memory_plan memory_plan(const struct inspect_options *options,
                                         const struct jc_run *run) {
  struct jc_memory_plan plan = {.batch_size = run->batch_size,
                                .optimizer = run->optimizer,
                                .checkpointing = options->checkpointing};
  for (size_t i = 0; options->precision != NULL && precisions[i] != NULL; i++)
    if (strcmp(precisions[i], options->precision) == 0)
      plan.precision = (enum jc_precision)i;
  return plan;
}

static enum jc_convention_kind convention_of(const struct inspect_options *options) {
  if (options->convention == NULL)
    return JC_CONVENTION_COUNT;
  const enum jc_convention_kind convention = jc_convention_find(options->convention);
  assert(convention != JC_CONVENTION_COUNT);
  return convention;
}

static enum jc_status print(const struct inspect_options *options, const struct loaded_model *model,
                            struct jc_error *error) {
  struct inputs inputs = {0};
  struct jc_run run = {0};
  struct output output;
  if (resolve_run(&options->run, model->network, &run, &inputs, error) != JC_OK ||
      output_open(&output, options->output.output, error) != JC_OK)
    return error->status;
  const struct jc_memory_plan plan = memory_plan(options, &run);
  if (options->expand)
    (void)print_expanded(model, &output, error);
  else
    (void)report_inspect(model, &plan, convention_of(options), output_format(&options->output),
                         !options->totals, &output, error);
  return output_close(&output, error);
}

static int run_lines(const struct inspect_options *options, struct jc_error *error) {
  const struct jc_run unknown = {0};
  const struct inspect_lines lines = {.path = options->lines,
                                      .run = &options->run,
                                      .plan = memory_plan(options, &unknown),
                                      .convention = convention_of(options),
                                      .threads = options->threads};
  const char *format = options->output.format;
  if (options->expand || options->output.output != NULL ||
      (format != NULL && output_format(&options->output) != FORMAT_JSON)) {
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--lines",
                  "not with --expand, --output or another format: JSON lines go to standard "
                  "output as they are made");
    return EXIT_USAGE;
  }
  return inspect_lines(&lines, error);
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  const struct inspect_options *o = options;
  struct loaded_model model;
  int code;
  if ((operands->count == 0) == (o->lines == NULL)) {
    (void)jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                  "inspect: expected MODEL or --lines FILE; see `joulecast inspect --help`");
    return EXIT_USAGE;
  }
  if (o->lines != NULL)
    return run_lines(o, error);
  if (o->threads.given || (o->expand && (o->totals || o->convention != NULL))) {
    (void)jc_fail(error, JC_ERROR_USAGE, 0, o->threads.given ? "--threads" : "--expand",
                  o->threads.given ? "only with --lines" : "not with --totals or --convention");
    return EXIT_USAGE;
  }
  if (load_model(operands->value[0], &o->run, &model, error) != JC_OK) {
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
                 "input; NAME:VARIANT is one of its variants. --lines answers many: a line is a "
                 "name, a network as JSON, or {\"model\", \"batch_size\", \"input\", \"set\"} with "
                 "either; a line that is none gets {\"line\", \"error\"}, and exit status 3 comes "
                 "at the end.",
             .examples = "  joulecast inspect resnet50\n"
                         "  joulecast inspect vgg16 --format json\n"
                         "  joulecast inspect resnet50 --totals --convention fvcore\n"
                         "  joulecast inspect resnet18 --input 3x160x160 --totals\n"
                         "  joulecast inspect cifar_resnet20 --expand -o flat.json\n"
                         "  joulecast inspect --lines networks.jsonl >totals.jsonl\n",
             .operands_min = 0,
             .operands_max = 1,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct inspect_options),
    .run = run,
};
