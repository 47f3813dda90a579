/* cmd_convert.c -- `joulecast convert FILE`: an ONNX file becomes a model. */
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"
#include "convert/convert.h"

struct convert_options {
  struct count_option batch_axis;
  struct text_list dims, buffers, training_only;
  const char *name, *output;
  bool quiet;
};

static const struct option_row rows[] = {
    {"dim", 0, OPTION_AT(struct convert_options, dims), "NAME=N",
     "size of a symbolic dimension, as sequence=128; may be repeated", NULL, OPTION_FREE},
    {"batch-axis", 0, OPTION_AT(struct convert_options, batch_axis), "N",
     "dimension of the inputs that is the batch", "the first", OPTION_RANGE(0, 7)},
    {"buffer", 0, OPTION_AT(struct convert_options, buffers), "PATTERN",
     "tensors of the file that are constants, not parameters; * stands for anything", NULL,
     OPTION_FREE},
    {"training-only", 0, OPTION_AT(struct convert_options, training_only), "OUTPUT",
     "output that exists in training alone, as auxiliary heads do; may be repeated", NULL,
     OPTION_FREE},
    {"name", 0, OPTION_AT(struct convert_options, name), "NAME", "name of the model", "the file's",
     OPTION_FREE},
};
static const struct option_table table = {"Reading", rows, OPTION_COUNT(rows)};

static const struct option_row output_rows[] = {
    {"output", 'o', OPTION_AT(struct convert_options, output), "FILE",
     "write the model there instead of to standard output", NULL, OPTION_FREE},
    {"quiet", 'q', OPTION_AT(struct convert_options, quiet), NULL, "print no notes", NULL,
     OPTION_FREE},
};
static const struct option_table output_table = {"Output", output_rows, OPTION_COUNT(output_rows)};

static const struct option_group groups[] = {{&table, 0}, {&output_table, 0}};

static void print_notes(const char *notes) {
  while (*notes) {
    size_t length = strcspn(notes, "\n");
    fprintf(stderr, "joulecast: note: %.*s\n", (int)length, notes);
    notes += length + (notes[length] == '\n');
  }
}

static struct jc_convert_list list_of(const struct text_list *list) {
  return (struct jc_convert_list){list->count, list->value};
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  const struct convert_options *o = options;
  struct jc_convert_options wanted = {
      .name = o->name,
      .batch_axis = o->batch_axis.given ? (int64_t)o->batch_axis.value : -1,
      .dims = list_of(&o->dims),
      .buffers = list_of(&o->buffers),
      .training_only = list_of(&o->training_only),
  };
  struct jc_converted converted;
  struct output output;
  if (jc_convert_onnx(operands->value[0], &wanted, &converted, error) != JC_OK)
    return exit_code_of_input(error);
  if (!o->quiet)
    print_notes(converted.notes);
  if (output_open(&output, o->output, error) == JC_OK) {
    fputs(converted.text, output.stream);
    (void)output_close(&output, error);
  }
  jc_converted_free(&converted);
  return exit_code_of(error);
}

const struct command command_convert = {
    .name = "convert",
    .summary = "import an ONNX file as a model",
    .spec = {.command = "convert",
             .operands = "FILE",
             .description =
                 "Read the ONNX FILE (opset 9 to 20) and write it as a model, with parameters and "
                 "MACs exact. Export it for training and without constant folding, so that "
                 "normalisation layers are still there; the first dimension of the inputs is taken "
                 "for the batch.",
             .examples =
                 "  joulecast convert resnet50.onnx -o resnet50.json\n"
                 "  joulecast convert bert.onnx --dim sequence=128 -o bert.json\n"
                 "  joulecast convert inception.onnx --training-only aux -o inception.json\n",
             .operands_min = 1,
             .operands_max = 1,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct convert_options),
    .run = run,
};
