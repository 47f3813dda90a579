/* manual.c -- the manual pages. Whatever stands elsewhere is taken from there: options from their
 * tables, methods from their descriptors, formats of files from the README files (manual_text.h,
 * made by the build). */
#include "cli/manual.h"

#include <cli/manual_text.h> /* made by scripts/embed_text.awk */
#include <string.h>

#include "calibrate/run_methods.h"
#include "cli/explain.h"
#include "cli/field_text.h"
#include "cli/roff.h"
#include "estimator/estimator.h"
#include "estimator/layers.h"

/* A format of files: the page joulecast-NAME in section 5. */
struct manual_format {
  const char *name, *summary;
  const char *const *text;         /* lines of Markdown behind their heading, ended by NULL */
  const char *const *behind_kinds; /* NULL: the kinds of layers are not listed; else what follows */
};

static const struct manual_format formats[] = {
    {"model", "architecture of a neural network as JSON", text_model + 1, text_layers},
    {"run", "measured training runs as JSON lines", text_run + 1, NULL},
    {"profile", "what a calibration found of a machine, as JSON", text_profile + 1, NULL},
};

static const char summary[] = "forecast the energy of a training run before you run it";
static const char first_steps[] = "joulecast doctor\n"
                                  "joulecast calibrate --quick\n"
                                  "joulecast estimate resnet18 --dataset cifar-10 -e 30 -b 128\n";
static const char without_calibration[] =
    "joulecast estimate resnet50 --method roofline --hardware a100-sxm4-40gb\n";

/* ---- the list of pages ---- */

static void set_command(struct manual_page *page, const struct command *command,
                        const struct command *step) {
  page->section = 1;
  page->command = command;
  page->step = step;
  snprintf(page->name, sizeof(page->name), "joulecast-%s%s%s", command->name,
           step != NULL ? "-" : "", step != NULL ? step->name : "");
}

bool manual_page_at(size_t index, struct manual_page *page) {
  *page = (struct manual_page){.name = "joulecast", .section = 1};
  if (index-- == 0)
    return true;
  const struct command *command;
  for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
    set_command(page, command, NULL);
    if (index-- == 0)
      return true;
    for (size_t s = 0; command->steps != NULL && command->steps[s] != NULL; s++) {
      set_command(page, command, command->steps[s]);
      if (index-- == 0)
        return true;
    }
  }
  if (index >= OPTION_COUNT(formats))
    return false;
  *page = (struct manual_page){.section = 5, .format = &formats[index]};
  snprintf(page->name, sizeof(page->name), "joulecast-%s", formats[index].name);
  return true;
}

/* ---- sections ---- */

static void put_entry(FILE *out, const char *name, const char *text) {
  fprintf(out, ".TP\n.B %s\n", name);
  roff_text(out, text);
}

/* Words that are typed, and the hyphens in them, as they are. */
static void put_dashed(FILE *out, const char *text) {
  for (; *text != '\0'; text++)
    fprintf(out, "%s%c", *text == '-' ? "\\" : "", *text);
}

/* The line is left open: what follows a comma stands behind a blank. */
static void put_reference(FILE *out, const struct manual_page *page) {
  fputs(".BR ", out);
  put_dashed(out, page->name);
  fprintf(out, " (%d)", page->section);
}

/* Whether HELP says of itself what there is to choose from. */
static bool names_all(const char *help, const char *const *choices) {
  size_t i = 0;
  while (choices[i] != NULL && strstr(help, choices[i]) != NULL)
    i++;
  return choices[i] == NULL;
}

static void put_choices(FILE *out, const char *const *choices) {
  for (size_t i = 0; choices[i] != NULL; i++)
    fprintf(out, "%s%s%s", i == 0 ? "(one of " : ", ", choices[i],
            choices[i + 1] == NULL ? ")\n" : "");
}

static void put_option(FILE *out, const struct option_row *row) {
  fputs(".TP\n", out);
  if (row->short_name != '\0')
    fprintf(out, "\\fB\\-%c\\fR, ", row->short_name);
  fputs("\\fB\\-\\-", out);
  put_dashed(out, row->name);
  fputs("\\fR", out);
  if (row->argument != NULL) {
    fputs(" \\fI", out);
    put_dashed(out, row->argument);
    fputs("\\fR", out);
  }
  fputc('\n', out);
  roff_text(out, row->help);
  if (row->choices != NULL && !names_all(row->help, row->choices))
    put_choices(out, row->choices);
  if (row->shown_default == NULL)
    return;
  fputs("(default ", out);
  put_dashed(out, row->shown_default);
  fputs(")\n", out);
}

static void put_options(FILE *out, const struct option_spec *spec) {
  roff_section(out, "options");
  put_entry(out, "\\-h\\fR, \\fB\\-\\-help", "show the options and examples");
  for (size_t g = 0; g < spec->group_count; g++) {
    const struct option_table *options = spec->groups[g].table;
    if (g == 0 || strcmp(options->title, spec->groups[g - 1].table->title) != 0)
      fprintf(out, ".SS %s\n", options->title);
    for (size_t i = 0; i < options->count; i++)
      put_option(out, &options->rows[i]);
  }
}

struct entry {
  const char *name, *text;
};

static void put_entries(FILE *out, const char *title, const struct entry *entries, size_t count) {
  roff_section(out, title);
  for (size_t i = 0; i < count; i++)
    put_entry(out, entries[i].name, entries[i].text);
}

/* The lines of a forecast. */
static const struct entry forecast_lines[] = {
    {"energy", "Of the whole run, of what the line `power` names, without PUE; and its interval."},
    {"time", "Of the whole run on a quiet machine, the building of the network included."},
    {"power",
     "Energy over time. `measured`: from an energy counter, when the machine was calibrated. "
     "`modelled, not measured`: from a data row or `--tdp-w` and `--idle-w`. Of the package (the "
     "processor), package+dram, the board (a GPU) or the wall."},
    {"facility", "Energy times PUE: what the data centre takes for it."},
    {"CO2e", "Of the facility's energy, by the intensity of the grid."},
    {"cost", "Of the facility's energy, where `--price` is given."},
    {"a step", "Energy and time of one training step, and how many there are."},
    {"memory", "Of all tensors at the peak of training; work space of a library is not in it."},
    {"parameters", "All, then those that are trained."},
    {"MACs", "Multiply-adds of one sample: of a forward pass, and of forward and backward."},
    {"phase",
     "A table of what forward, the gradients of data and of weights, updates and validation take; "
     "overhead is start-up and what belongs to no layer."},
    {"input",
     "A table of everything that the forecast took, and from where: `flag` (an option), `file` "
     "(model, profile or data), `detected` on this machine, or `default`."},
    {"note", "What to doubt. `EXTRAPOLATED`: far from all that was calibrated."},
};

/* Those of a command that was metered. */
static const struct entry measure_lines[] = {
    {"energy",
     "From the command's start to its end, `measured` by an energy counter, or `modelled, not "
     "measured`: seconds times watts between `--idle-w` and `--tdp-w`, by the CPU time of the "
     "command. Counters see all that the machine did meanwhile, unless `--attribute share` is "
     "given."},
    {"above idle", "Energy less what the idle machine would have taken."},
    {"CPU share", "Of the command and all that it started, in the CPU time of the machine."},
    {"time", "From the command's start to its end."},
    {"power", "Mean of the machine, and the highest mean of half a second or more."},
    {"CO2e", "Of energy times PUE, by the intensity of the grid."},
    {"cost", "Of energy times PUE, where `--price` is given."},
    {"epochs", "How many were seen, and what the last one took."},
    {"projected",
     "Energy and time of all epochs, by those seen so far, and the interval of the energy. Where "
     "epochs change, only those since the change count."},
    {"note",
     "What to doubt: a meter that failed, lines that did not match, processes left behind."},
};

static void put_forecast_lines(FILE *out) {
  put_entries(out, "output", forecast_lines, OPTION_COUNT(forecast_lines));
}

static void put_measure_lines(FILE *out) {
  put_entries(out, "output", measure_lines, OPTION_COUNT(measure_lines));
}

static void put_method(FILE *out, const char *name, const char *what, const char *formula,
                       const char *source) {
  put_entry(out, name, what);
  fputs(".br\nFormula: ", out);
  roff_text(out, formula);
  fputs(".br\nSource: ", out);
  roff_text(out, source);
}

static void put_model_methods(FILE *out) {
  roff_section(out, "methods");
  for (size_t i = 0; jc_method_at(i) != NULL; i++) {
    const struct jc_method *method = jc_method_at(i);
    put_method(out, method->name, method->summary, explain_formula(method), method->source);
  }
  fprintf(out,
          ".PP\nE is the energy of the run in joules. What a calibration fits (a, b, c, k, fixed, "
          "correction, watts, joules per FLOP) stands in its profile,\n"
          ".BR joulecast\\-profile (5);\n"
          "peak, bandwidth, TDP, idle W and W/GB are those of the data row or of options. A shape "
          "is what describes a layer and its surroundings, a launch %g microseconds.\n"
          "\\fB\\-\\-explain\\fR prints the formula with the numbers of a forecast.\n",
          1e6 * jc_roofline_launch_s);
}

static void put_run_methods(FILE *out) {
  roff_section(out, "methods");
  for (size_t i = 0; jc_run_method_at(i) != NULL; i++) {
    const struct jc_run_method *method = jc_run_method_at(i);
    put_method(out, method->name, method->summary, method->formula, method->source);
  }
  fputs(".PP\nE is the energy of the run in joules; METHODS.md has the errors of each.\n", out);
}

/* Sections of some commands, between their options and examples. */
static const struct {
  const struct command *command;
  void (*put)(FILE *out);
} sections[] = {
    {&command_estimate, put_forecast_lines}, {&command_estimate, put_model_methods},
    {&command_compare, put_model_methods},   {&command_evaluate, put_run_methods},
    {&command_measure, put_measure_lines},
};

static const struct entry exit_codes[] = {
#define X(name, number, meaning) {#number, meaning},
    EXIT_STATUSES(X)
#undef X
};
static const struct entry files[] = {
    {"~/.local/share/joulecast/profiles", "Calibrations of machines."},
    {"~/.config/joulecast/*.json", "Rows of your own beside the program's hardware, grid and PUE."},
};
static const struct entry variables[] = {
    {"JOULECAST_DATA", "The folder of the program's data files, in the place of its own."},
    {"JOULECAST_MODELS", "The folder of the models known by name, in the place of its own."},
    {"XDG_DATA_HOME", "In the place of ~/.local/share."},
    {"XDG_CONFIG_HOME", "In the place of ~/.config."},
};

/* What all pages of section 1 end in. A child's exit status is measure's: its description has it.
 */
static void put_common(FILE *out) {
  put_entries(out, "exit status", exit_codes, OPTION_COUNT(exit_codes));
  put_entries(out, "files", files, OPTION_COUNT(files));
  put_entries(out, "environment", variables, OPTION_COUNT(variables));
}

/* Beside a command's page the program's and those of its steps; beside the program's page and those
 * of files all that are not steps; the formats of files beside each. */
static bool is_related(const struct manual_page *page, const struct manual_page *other) {
  if (strcmp(page->name, other->name) == 0)
    return false;
  if (page->command == NULL)
    return other->step == NULL;
  return other->command == NULL || other->command == page->command;
}

static void put_see_also(FILE *out, const struct manual_page *page) {
  struct manual_page other;
  const char *separator = "";
  roff_section(out, "see also");
  for (size_t i = 0; manual_page_at(i, &other); i++) {
    if (!is_related(page, &other))
      continue;
    fputs(separator, out);
    put_reference(out, &other);
    separator = " ,\n";
  }
  fputc('\n', out);
}

/* ---- pages ---- */

static void put_program(FILE *out) {
  roff_section(out, "synopsis");
  fputs("\\fBjoulecast\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n.br\n"
        "\\fBjoulecast help\\fR [\\fICOMMAND\\fR [\\fISTEP\\fR]]\n",
        out);
  roff_section(out, "description");
  roff_text(out, "joulecast reads a neural network described in JSON, counts exactly what training "
                 "it has to compute and move, and predicts energy, time, power, CO2e and cost on a "
                 "machine, without running it. A calibration, once on a machine, measures what "
                 "layers cost there; without one a data sheet is all that a forecast is made of. "
                 "Power is called measured only where an energy counter was read; it is modelled "
                 "elsewhere, and called so.");
  roff_section(out, "commands");
  for (size_t i = 0; command_at(i) != NULL; i++)
    put_entry(out, command_at(i)->name, command_at(i)->summary);
  roff_section(out, "options");
  put_entry(out, "\\-h\\fR, \\fB\\-\\-help", "list the commands");
  put_entry(out, "\\-V\\fR, \\fB\\-\\-version", "print the version");
  roff_section(out, "examples");
  roff_text(out, "What this machine can measure, its calibration, and a forecast:");
  roff_code(out, first_steps);
  fputs(".PP\nFrom a data sheet, for a machine that is not here:\n", out);
  roff_code(out, without_calibration);
}

static void put_command(FILE *out, const struct manual_page *page) {
  const struct command *command = page->step != NULL ? page->step : page->command;
  const struct option_spec *spec = &command->spec;
  roff_section(out, "synopsis");
  fprintf(out, "\\fBjoulecast %s\\fR [\\fIOPTION\\fR]...", spec->command);
  if (spec->operands != NULL) {
    fputc(' ', out);
    put_dashed(out, spec->operands);
  }
  fputc('\n', out);
  roff_section(out, "description");
  roff_text(out, spec->description);
  put_options(out, spec);
  for (size_t i = 0; i < OPTION_COUNT(sections); i++)
    if (sections[i].command == command)
      sections[i].put(out);
  if (spec->examples != NULL) {
    roff_section(out, "examples");
    roff_code(out, spec->examples);
  }
}

static void put_field(FILE *out, const struct jc_kind *kind, const struct jc_field *field) {
  char text[512], type[128], otherwise[64], range[64];
  (void)field_range(field, range, sizeof(range));
  (void)snprintf(text, sizeof(text), "%s (%s, %s)", field->help,
                 field_type(kind, field, range, type, sizeof(type)),
                 field_default(field, otherwise, sizeof(otherwise)));
  put_entry(out, field->name, text);
}

static void put_kinds(FILE *out) {
  roff_section(out, "kinds of layers");
  roff_text(out, "A layer has the fields of its kind, too, with PyTorch's names and meanings. "
                 "`[l]`, `[h, w]` and `[d, h, w]` are lists of a number for each dimension.");
  for (int k = 0; k < JC_LAYER_KIND_COUNT; k++) {
    const struct jc_kind *kind = jc_kind_get((enum jc_layer_kind)k);
    put_entry(out, kind->name, kind->summary);
    if (kind->field_count > 0)
      fputs(".RS\n", out);
    for (uint32_t f = 0; f < kind->field_count; f++)
      put_field(out, kind, &kind->fields[f]);
    if (kind->field_count > 0)
      fputs(".RE\n", out);
  }
}

static void put_format(FILE *out, const struct manual_format *format) {
  roff_section(out, "description");
  roff_markdown(out, format->text);
  if (format->behind_kinds == NULL)
    return;
  put_kinds(out);
  roff_markdown(out, format->behind_kinds);
}

void manual_print(const struct manual_page *page, FILE *out) {
  const struct command *command = page->step != NULL ? page->step : page->command;
  fputs(".TH ", out);
  put_dashed(out, page->name);
  fprintf(out, " %d \"\" \"joulecast %s\" \"joulecast\"\n", page->section, JOULECAST_VERSION);
  /* Long names of files and methods: ragged lines, no words torn apart. */
  fputs(".nh\n.ad l\n", out);
  roff_section(out, "name");
  put_dashed(out, page->name);
  fputs(" \\- ", out);
  roff_text(out, command != NULL        ? command->summary
                 : page->format != NULL ? page->format->summary
                                        : summary);
  if (page->format != NULL)
    put_format(out, page->format);
  else if (command != NULL)
    put_command(out, page);
  else
    put_program(out);
  if (page->format == NULL)
    put_common(out);
  put_see_also(out, page);
}
