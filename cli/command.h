/* command.h -- the subcommands of joulecast: one file, one option table, one function each.
 *
 * To add a command: a file cmd_NAME.c that defines `command_NAME`, and its line below.
 */
#ifndef JC_CLI_COMMAND_H
#define JC_CLI_COMMAND_H

#include "cli/exit_status.h"
#include "cli/options.h"

/* In the order of `joulecast --help`. */
#define COMMANDS(X)                                                                                \
  X(estimate)                                                                                      \
  X(compare)                                                                                       \
  X(evaluate)                                                                                      \
  X(inspect)                                                                                       \
  X(calibrate)                                                                                     \
  X(train)                                                                                         \
  X(measure)                                                                                       \
  X(convert)                                                                                       \
  X(list)                                                                                          \
  X(doctor)                                                                                        \
  X(completion)                                                                                    \
  X(manual)

struct command {
  const char *name;    /* of a step: its word behind the command's */
  const char *summary; /* one line for `joulecast --help` */
  struct option_spec spec;
  size_t options_size; /* of the struct its option tables fill */
  bool times_training; /* runs in the environment of timing.h */
  /* Runs with parsed options and operands. Prints results; an error goes to ERROR, which main
   * prints. Returns an enum exit_code. */
  int (*run)(const void *options, const struct text_list *operands, struct jc_error *error);
  /* Parts of the command with options of their own, `joulecast NAME STEP`, ended by NULL; NULL: it
   * has none. */
  const struct command *const *steps;
};

#define X(name) extern const struct command command_##name;
COMMANDS(X)
#undef X

/* In the list's order; NULL behind the last. */
const struct command *command_at(size_t index);

/* The exit code of a failure. JC_ERROR_IO is one of writing: EXIT_RUNTIME. */
int exit_code_of(const struct jc_error *error);
/* The same for a failure to read an input: JC_ERROR_IO is EXIT_INVALID. */
int exit_code_of_input(const struct jc_error *error);

#endif
