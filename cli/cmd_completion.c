/* cmd_completion.c -- `joulecast completion SHELL`: a completion script, made of the option tables.
 */
#include <ctype.h>
#include <string.h>

#include "cli/command.h"
#include "cli/completion_shells.h"

/* ---- what a value may be ---- */

enum value_kind {
  TAKES_NOTHING,
  TAKES_TEXT,
  TAKES_WORDS,
  TAKES_NAMES,
  TAKES_FILE,
  TAKES_FOLDER,
  TAKES_COMMAND
};

struct value {
  enum value_kind kind;
  bool several;      /* with commas between */
  const char *topic; /* of TAKES_NAMES: of `joulecast list` */
  char words[256];   /* of TAKES_WORDS, a space between */
};

/* Options whose values `joulecast list` names. */
static const struct {
  const char *option, *topic;
} named[] = {{"grid", "grids"},     {"hardware", "hardware"}, {"meter", "meters"},
             {"method", "methods"}, {"model", "models"},      {"models", "models"}};

static const char *topic_of(const char *option) {
  for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
    if (strcmp(option, named[i].option) == 0)
      return named[i].topic;
  }
  return NULL;
}

static void value_of_option(const struct option_row *row, struct value *value) {
  *value = (struct value){.kind = TAKES_TEXT, .topic = topic_of(row->name)};
  value->several = row->argument != NULL && strstr(row->argument, "[,") != NULL;
  if (row->argument == NULL) {
    value->kind = TAKES_NOTHING;
  } else if (row->type == OPTION_TEXT && row->choices != NULL) {
    value->kind = TAKES_WORDS;
    for (size_t i = 0, length = 0; row->choices[i] != NULL && length < sizeof(value->words); i++)
      length += (size_t)snprintf(value->words + length, sizeof(value->words) - length, "%s%s",
                                 i > 0 ? " " : "", row->choices[i]);
  } else if (value->topic != NULL) {
    value->kind = TAKES_NAMES;
  } else if (strcmp(row->argument, "FILE") == 0 || strcmp(row->argument, "PROFILE") == 0) {
    value->kind = TAKES_FILE;
  } else if (strcmp(row->argument, "DIR") == 0) {
    value->kind = TAKES_FOLDER;
  }
}

/* Operands are written for people: "MODEL...", "bash|zsh|fish", "[plan | run]", "FILE". */
static void value_of_operand(const struct option_spec *spec, struct value *value) {
  *value = (struct value){.kind = TAKES_FILE, .topic = "models"};
  if (spec->takes_command) {
    value->kind = TAKES_COMMAND;
  } else if (spec->operands == NULL) {
    value->kind = TAKES_NOTHING;
  } else if (strncmp(spec->operands, "MODEL", 5) == 0) {
    value->kind = TAKES_NAMES;
  } else if (strchr(spec->operands, '|') != NULL) {
    value->kind = TAKES_WORDS;
    size_t length = 0;
    for (const char *c = spec->operands; *c != '\0' && length + 1 < sizeof(value->words); c++) {
      if (isalpha((unsigned char)*c))
        value->words[length++] = *c;
      else if (length > 0 && value->words[length - 1] != ' ')
        value->words[length++] = ' ';
    }
    value->words[length] = '\0';
  }
}

/* ---- walking the tables ---- */

/* Writes the part of a script that is about SPEC, or about one ROW of it. */
typedef void (*put_spec)(const struct command *command);
typedef void (*put_row)(const struct option_spec *spec, const struct option_row *row);

static void each_command(put_spec put) {
  const struct command *command;
  for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
    put(command);
    for (size_t s = 0; command->steps != NULL && command->steps[s] != NULL; s++)
      put(command->steps[s]);
  }
}

static void each_row(const struct option_spec *spec, put_row put) {
  for (size_t g = 0; g < spec->group_count; g++) {
    for (size_t i = 0; i < spec->groups[g].table->count; i++)
      put(spec, &spec->groups[g].table->rows[i]);
  }
}

/* TEXT with each character of SPECIAL written as BEFORE and itself, and ' as QUOTE. */
static void put_escaped(const char *text, const char *special, const char *quote) {
  for (; *text != '\0'; text++) {
    if (*text == '\'')
      fputs(quote, stdout);
    else
      printf("%s%c", strchr(special, *text) != NULL ? "\\" : "", *text);
  }
}

static void put_command_names(const char *between) {
  for (size_t i = 0; command_at(i) != NULL; i++)
    printf("%s%s", i > 0 ? between : "", command_at(i)->name);
}

/* ---- bash ---- */

/* As __joulecast_candidates of the script reads it. */
static void put_bash_value(const struct value *value) {
  static const char *const kinds[] = {"nothing", "text",   "words",  "names",
                                      "file",    "folder", "command"};
  printf("echo '%s%s%s%s' ;;\n", value->several ? "several " : "", kinds[value->kind],
         value->kind == TAKES_WORDS || value->kind == TAKES_NAMES ? " " : "",
         value->kind == TAKES_WORDS   ? value->words
         : value->kind == TAKES_NAMES ? value->topic
                                      : "");
}

static void bash_option_name(const struct option_spec *spec, const struct option_row *row) {
  (void)spec;
  printf(" --%s", row->name);
  if (row->short_name != '\0')
    printf(" -%c", row->short_name);
}

static void bash_options(const struct command *command) {
  printf("  '%s') echo '--help -h", command->spec.command);
  each_row(&command->spec, bash_option_name);
  puts("' ;;");
}

static void bash_row(const struct option_spec *spec, const struct option_row *row) {
  struct value value;
  value_of_option(row, &value);
  if (value.kind == TAKES_NOTHING)
    return;
  printf("  '%s:--%s'", spec->command, row->name);
  if (row->short_name != '\0')
    printf(" | '%s:-%c'", spec->command, row->short_name);
  printf(") ");
  put_bash_value(&value);
}

static void bash_values(const struct command *command) {
  struct value value;
  value_of_operand(&command->spec, &value);
  printf("  '%s:') ", command->spec.command);
  put_bash_value(&value);
  each_row(&command->spec, bash_row);
}

static void print_bash(void) {
  puts("# bash completion of joulecast; `joulecast completion bash` wrote it.\n\n"
       "__joulecast_options() { # of the command $1\n"
       "  case \"$1\" in\n"
       "  '') echo '--help -h --version -V' ;;");
  each_command(bash_options);
  fputs("  esac\n}\n\n"
        "__joulecast_value() { # what follows the option $2 of the command $1; no $2: its operand\n"
        "  case \"$1:$2\" in\n"
        "  ':') echo 'words ",
        stdout);
  put_command_names(" ");
  fputs(" help' ;;\n  'help:') echo 'words ", stdout);
  put_command_names(" ");
  puts("' ;;");
  each_command(bash_values);
  printf("  esac\n}\n\n%s\n%s", completion_names_sh, completion_bash);
}

/* ---- zsh ---- */

static void put_zsh_value(const struct value *value) {
  if (value->several)
    fputs("_sequence ", stdout);
  switch (value->kind) {
  case TAKES_NOTHING:
    break;
  case TAKES_TEXT:
    fputc(' ', stdout);
    break;
  case TAKES_WORDS:
    printf("(%s)", value->words);
    break;
  case TAKES_NAMES:
    printf("__joulecast_%s", value->topic);
    break;
  case TAKES_FILE:
    fputs("_files", stdout);
    break;
  case TAKES_FOLDER:
    fputs("_files -/", stdout);
    break;
  case TAKES_COMMAND:
    fputs("_normal", stdout);
    break;
  }
}

static void zsh_form(const struct option_row *row, const char *dash, const char *name,
                     const char *end) {
  struct value value;
  value_of_option(row, &value);
  fputs("      '", stdout);
  if (row->type == OPTION_LIST)
    fputc('*', stdout);
  else if (row->short_name != '\0')
    printf("(-%c --%s)", row->short_name, row->name);
  printf("%s%s%s[", dash, name, row->argument != NULL ? end : "");
  put_escaped(row->help, "[]\\", "'\\''");
  fputc(']', stdout);
  if (row->argument != NULL) {
    fputc(':', stdout);
    put_escaped(row->argument, ":\\", "'\\''");
    fputc(':', stdout);
    put_zsh_value(&value);
  }
  fputs("' \\\n", stdout);
}

static void zsh_row(const struct option_spec *spec, const struct option_row *row) {
  (void)spec;
  const char name[] = {row->short_name, '\0'};
  if (row->short_name != '\0')
    zsh_form(row, "-", name, "+");
  zsh_form(row, "--", row->name, "=");
}

static void zsh_command(const struct command *command) {
  struct value value;
  value_of_operand(&command->spec, &value);
  printf("  '%s')\n    _arguments -s -S \\\n", command->spec.command);
  each_row(&command->spec, zsh_row);
  fputs("      '(- *)'{-h,--help}'[show the options]'", stdout);
  if (value.kind != TAKES_NOTHING) {
    fputs(" \\\n      '*:", stdout);
    fputs(value.kind == TAKES_COMMAND ? ":command:" : "argument:", stdout);
    put_zsh_value(&value);
    fputc('\'', stdout);
  }
  puts("\n    ;;");
}

static void zsh_summary(const struct command *command) {
  if (strcmp(command->name, command->spec.command) != 0)
    return;
  printf("    '%s:", command->name);
  put_escaped(command->summary, ":\\", "'\\''");
  puts("'");
}

static void zsh_step(const struct command *command) {
  if (strcmp(command->name, command->spec.command) != 0)
    printf("    '%s'\n", command->spec.command);
}

static void print_zsh(void) {
  printf(
      "#compdef joulecast\n# zsh completion of joulecast; `joulecast completion zsh` wrote it.\n\n"
      "%s\n__joulecast_commands=(\n",
      completion_names_sh);
  each_command(zsh_summary);
  puts(")\n\n__joulecast_steps=(");
  each_command(zsh_step);
  puts(")\n\n__joulecast_arguments() { # of the command $1\n  case $1 in");
  each_command(zsh_command);
  printf("  help) _describe command __joulecast_commands ;;\n  esac\n}\n\n%s", completion_zsh);
}

/* ---- fish ---- */

static void put_fish_start(const char *command) {
  printf("complete -c joulecast -n '__joulecast_at \"%s\"'", command);
}

static void put_fish_help(const char *help) {
  fputs(" -d '", stdout);
  put_escaped(help, "\\", "\\'");
  puts("'");
}

static void put_fish_value(const struct value *value, bool operand) {
  switch (value->kind) {
  case TAKES_NOTHING:
  case TAKES_COMMAND:
    break;
  case TAKES_TEXT:
    fputs(" -x", stdout);
    break;
  case TAKES_WORDS:
    printf(" -x -a '%s'", value->words);
    break;
  case TAKES_NAMES:
    printf(value->several ? " %s -a \"(__fish_complete_list , '__joulecast_names %s')\""
                          : " %s -a '(__joulecast_names %s)'",
           operand ? "-F" : "-x", value->topic);
    break;
  case TAKES_FILE:
    fputs(operand ? " -F" : " -r -F", stdout);
    break;
  case TAKES_FOLDER:
    fputs(" -x -a '(__fish_complete_directories)'", stdout);
    break;
  }
}

static void fish_row(const struct option_spec *spec, const struct option_row *row) {
  struct value value;
  value_of_option(row, &value);
  put_fish_start(spec->command);
  if (row->short_name != '\0')
    printf(" -s %c", row->short_name);
  printf(" -l %s", row->name);
  put_fish_value(&value, false);
  put_fish_help(row->help);
}

static void fish_command(const struct command *command) {
  struct value value;
  const bool step = strcmp(command->name, command->spec.command) != 0;
  value_of_operand(&command->spec, &value);
  if (!step) {
    put_fish_start("");
    printf(" -a %s", command->name);
    put_fish_help(command->summary);
  }
  if (value.kind != TAKES_NOTHING && value.kind != TAKES_COMMAND) {
    put_fish_start(command->spec.command);
    put_fish_value(&value, true);
    putchar('\n');
  }
  put_fish_start(command->spec.command);
  puts(" -s h -l help -d 'show the options'");
  each_row(&command->spec, fish_row);
}

static void fish_step(const struct command *command) {
  if (strcmp(command->name, command->spec.command) != 0)
    printf(" '%s'", command->spec.command);
}

static void print_fish(void) {
  printf("# fish completion of joulecast; `joulecast completion fish` wrote it.\n\n%s\n"
         "set -g __joulecast_steps",
         completion_names_fish);
  each_command(fish_step);
  printf("\n\n%s", completion_fish);
  each_command(fish_command);
  fputs("complete -c joulecast -n '__joulecast_at help' -a '", stdout);
  put_command_names(" ");
  puts("'");
}

/* ---- the command ---- */

static const struct {
  const char *name;
  void (*print)(void);
} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  (void)options;
  for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
    if (strcmp(operands->value[0], shells[i].name) == 0) {
      shells[i].print();
      return EXIT_OK;
    }
  }
  (void)jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                "completion: expected bash, zsh or fish, got '%.40s'", operands->value[0]);
  return exit_code_of(error);
}

const struct command command_completion = {
    .name = "completion",
    .summary = "a script that completes joulecast's words in bash, zsh or fish",
    .spec = {.command = "completion",
             .operands = "bash|zsh|fish",
             .description = "Print the shell's completion script. An installed joulecast has it in "
                            "place; otherwise let the shell read it.",
             .examples =
                 "  source <(joulecast completion bash)\n"
                 "  joulecast completion zsh > ~/.zfunc/_joulecast\n"
                 "  joulecast completion fish > ~/.config/fish/completions/joulecast.fish\n",
             .operands_min = 1,
             .operands_max = 1},
    .options_size = 1, /* there are no options, but calloc(1, 0) may be NULL */
    .run = run,
};
