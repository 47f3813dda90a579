/* main.c -- joulecast: finds the command, prints its error, exits. Nothing else prints errors. */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/timing.h"
#include "estimator/layers.h"

static const struct command *const commands[] = {
#define X(name) &command_##name,
    COMMANDS(X)
#undef X
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

const struct command *command_at(size_t index) {
  return index < COMMAND_COUNT ? commands[index] : NULL;
}

int exit_code_of(const struct jc_error *error) {
  switch (error->status) {
  case JC_OK:
    return EXIT_OK;
  case JC_ERROR_USAGE:
    return EXIT_USAGE;
  case JC_ERROR_INVALID:
  case JC_ERROR_OVERFLOW:
  case JC_ERROR_MISMATCH:
  case JC_ERROR_MISSING:
    return EXIT_INVALID;
  case JC_ERROR_UNAVAILABLE:
    return EXIT_CANNOT_MEASURE;
  case JC_ERROR_STORAGE:
  case JC_ERROR_IO:
  case JC_ERROR_RUNTIME:
    break;
  }
  return EXIT_RUNTIME;
}

int exit_code_of_input(const struct jc_error *error) {
  return error->status == JC_ERROR_IO ? EXIT_INVALID : exit_code_of(error);
}

static void print_help(FILE *out) {
  fprintf(out, "usage: joulecast COMMAND [OPTION]... [ARGUMENT]...\n\n"
               "Forecast the joules of a training run before you run it.\n\nCommands:\n");
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    fprintf(out, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
  fprintf(out, "\n`joulecast COMMAND --help` shows a command's options.\n\n"
               "Exit status (of `measure` its command's, or 5):\n");
#define X(name, number, meaning) fprintf(out, "  %d  %s\n", number, meaning);
  EXIT_STATUSES(X)
#undef X
}

static const struct command *find_command(const char *name, struct jc_error *error) {
  const char *names[COMMAND_COUNT];
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    names[i] = commands[i]->name;
    if (strcmp(name, names[i]) == 0)
      return commands[i];
  }
  const char *close = jc_closest_name(name, names, COMMAND_COUNT);
  if (close != NULL)
    (void)jc_fail(error, JC_ERROR_USAGE, 0, NULL, "unknown command '%.40s'; did you mean '%s'?",
                  name, close);
  else
    (void)jc_fail(error, JC_ERROR_USAGE, 0, NULL, "unknown command '%.40s'; see `joulecast --help`",
                  name);
  return NULL;
}

/* The command that ARGV begins with, or the step of it that follows; *WORDS is how many name it. */
static const struct command *find_step(int argc, char *const *argv, int *words,
                                       struct jc_error *error) {
  const struct command *command = find_command(argv[0], error);
  *words = 1;
  if (command == NULL || command->steps == NULL || argc < 2)
    return command;
  for (size_t i = 0; command->steps[i] != NULL; i++) {
    if (strcmp(argv[1], command->steps[i]->name) == 0) {
      *words = 2;
      return command->steps[i];
    }
  }
  return command;
}

static int run_command(const struct command *command, int argc, char *const *argv,
                       struct jc_error *error) {
  struct text_list operands;
  bool help = false;
  int code = EXIT_OK;
  void *options = calloc(1, command->options_size);
  if (options == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else if (options_parse(&command->spec, argc, argv, options, &operands, &help, error) != JC_OK)
    code = EXIT_USAGE;
  else if (help)
    options_help(&command->spec, stdout);
  else
    code = command->run(options, &operands, error);
  free(options);
  return code == EXIT_OK ? exit_code_of(error) : code;
}

/* `joulecast`, `joulecast help [COMMAND [STEP]]`, --help, --version; false: it is none of these. */
static bool run_general(int argc, char *const *argv, struct jc_error *error) {
  const char *first = argc > 1 ? argv[1] : "--help";
  const bool help =
      strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0;
  if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
    printf("joulecast %s\n", JOULECAST_VERSION);
    return true;
  }
  if (!help)
    return false;
  if (argc <= 1) {
    print_help(stderr);
    (void)jc_fail(error, JC_ERROR_USAGE, 0, NULL, "expected a command");
  } else if (argc > 2) {
    int words = 0;
    const struct command *command = find_step(argc - 2, argv + 2, &words, error);
    if (command != NULL)
      options_help(&command->spec, stdout);
  } else {
    print_help(stdout);
  }
  return true;
}

/* Errors that have a file are `file:line: path: text`, so that editors jump there. */
static void print_error(const struct jc_error *error) {
  char line[1200];
  fflush(stdout);
  fprintf(stderr, "%s%s\n",
          error->file[0] != '\0' ? "" : "joulecast: ", jc_error_format(error, line, sizeof(line)));
}

int main(int argc, char **argv) {
  struct jc_error error = {0};
  int code = EXIT_OK;
  if (!run_general(argc, argv, &error)) {
    int words = 0;
    const struct command *command = find_step(argc - 1, argv + 1, &words, &error);
    if (command != NULL && command->times_training)
      timing_prepare(argv);
    if (command != NULL)
      code = run_command(command, argc - 1 - words, argv + 1 + words, &error);
  }
  if (fflush(stdout) != 0)
    (void)jc_fail(&error, JC_ERROR_IO, 0, NULL, "cannot write standard output");
  if (jc_error_is_set(&error))
    print_error(&error);
  return code == EXIT_OK ? exit_code_of(&error) : code;
}
