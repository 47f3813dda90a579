/* options.h -- option tables: one row ties an option's name, type, destination, range and help.
 *
 *   struct greet_options { struct count_option times; const char *whom; bool loud; };
 *   static const struct option_row rows[] = {
 *       {"times", 'n', OPTION_AT(struct greet_options, times), "N", "greetings", "1",
 *        OPTION_RANGE(1, 100)},
 *       ...
 *   static const struct option_table greeting = {"Greeting", rows, OPTION_COUNT(rows)};
 *   static const struct option_group groups[] = {{&greeting, 0}};
 *
 * The parser, --help and the "did you mean" message walk the same rows. The type of a row is that
 * of its destination: a member of another C type does not compile. Tables are shared by commands:
 * a group places a table's destinations inside the command's own options.
 */
#ifndef JC_CLI_OPTIONS_H
#define JC_CLI_OPTIONS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "estimator/error.h"

enum { MAX_LIST = 64 }; /* repetitions of a list option, and operands */

/* Destinations. Zeroed before parsing. */
struct count_option {
  bool given;
  uint64_t value;
};

struct real_option {
  bool given;
  double value;
};

/* One count, or two as in 40..155. */
struct span_option {
  bool given;
  uint64_t first, last; /* first <= last */
};

struct text_list {
  size_t count;
  const char *value[MAX_LIST]; /* borrowed from argv */
};

/* What stands behind `--`, however long: argument[count] is NULL. Points into argv. */
struct command_line {
  int count;
  char *const *argument;
};

enum option_type {
  OPTION_FLAG, /* bool */
  OPTION_UINT, /* struct count_option */
  OPTION_SPAN, /* struct span_option */
  OPTION_REAL, /* struct real_option */
  OPTION_TEXT, /* const char *, NULL: not given */
  OPTION_LIST  /* struct text_list, may be repeated */
};

#define OPTION_TYPE_OF(destination)                                                                \
  _Generic(&(destination),                                                                         \
      bool *: OPTION_FLAG,                                                                         \
      struct count_option *: OPTION_UINT,                                                          \
      struct span_option *: OPTION_SPAN,                                                           \
      struct real_option *: OPTION_REAL,                                                           \
      const char **: OPTION_TEXT,                                                                  \
      struct text_list *: OPTION_LIST)

/* Type and place of an option's destination, for the table's row. */
#define OPTION_AT(struct_, member_)                                                                \
  OPTION_TYPE_OF(((struct_ *)NULL)->member_), offsetof(struct_, member_)

#define OPTION_COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Smallest minimum of a real option: "above 0". */
#define OPTION_POSITIVE 2.2250738585072014e-308 /* DBL_MIN */
/* Largest count that a double holds exactly. */
#define OPTION_ANY_COUNT 9007199254740992.0

struct option_row {
  const char *name; /* long, without the dashes */
  char short_name;  /* 0: none */
  enum option_type type;
  size_t offset;
  const char *argument; /* "N", "FILE"; NULL for a flag */
  const char *help;
  const char *shown_default;  /* NULL: none worth showing */
  double minimum, maximum;    /* inclusive, of numbers */
  const char *const *choices; /* of texts, ended by NULL; NULL: free */
};

/* The end of a row: what values are allowed. */
#define OPTION_RANGE(minimum_, maximum_) .minimum = (minimum_), .maximum = (maximum_)
#define OPTION_ONE_OF(choices_)          .choices = (choices_)
#define OPTION_FREE                      .choices = NULL

struct option_table {
  const char *title; /* heading in --help; neighbours of the same title share it */
  const struct option_row *rows;
  size_t count;
};

struct option_group {
  const struct option_table *table;
  size_t base; /* where the table's struct lies in the command's options */
};

/* What the parser and --help know of a command. */
struct option_spec {
  const char *command;     /* "estimate" */
  const char *operands;    /* "MODEL"; NULL: none */
  const char *description; /* one or more lines */
  const char *examples;    /* lines, NULL: none */
  size_t operands_min, operands_max;
  bool takes_command;     /* what stands behind `--` is a command, at least one word of it... */
  size_t command_line_at; /* ... that goes to the struct command_line here in the options */
  const struct option_group *groups;
  size_t group_count;
};

/* Parses ARGV (behind the command's name) into OPTIONS, which the caller has zeroed, and OPERANDS.
 * Understands --name=value, --name value, -n value, -nvalue and --. Sets *HELP if --help or -h
 * comes first of all errors. Strings are borrowed from ARGV.
 * Fails with JC_ERROR_USAGE; error->path names the option. */
enum jc_status options_parse(const struct option_spec *spec, int argc, char *const *argv,
                             void *options, struct text_list *operands, bool *help,
                             struct jc_error *error);

/* Writes the manual of a command, at most 80 columns wide. */
void options_help(const struct option_spec *spec, FILE *out);

/* Writes TEXT wrapped at 80 columns; the cursor stands in column START, further lines are indented
 * by INDENT. Ends with a newline. */
void print_wrapped(FILE *out, const char *text, int start, int indent);

/* Strict decimal numbers; false if TEXT is anything else, or beyond 64 bits or a double. */
bool parse_count(const char *text, uint64_t *value);
bool parse_real(const char *text, double *value);

#endif
