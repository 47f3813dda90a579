/* options.c -- parsing and printing of option tables. */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/layers.h"

enum { WIDTH = 80, HELP_COLUMN = 28, MAX_NAMES = 96 };

/* ---- numbers ---- */

bool parse_count(const char *text, uint64_t *value) {
  if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
    return false;
  errno = 0;
  const unsigned long long parsed = strtoull(text, NULL, 10);
  if (errno != 0)
    return false;
  *value = parsed;
  return true;
}

bool parse_real(const char *text, double *value) {
  /* strtod also takes "inf", "nan", hexadecimal and leading blanks. */
  if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
    return false;
  char *end = NULL;
  const double parsed = strtod(text, &end);
  if (*end != '\0' || !isfinite(parsed))
    return false;
  *value = parsed;
  return true;
}

/* ---- finding ---- */

/* Calls for a row: which one, and its destination. */
struct match {
  const struct option_row *row;
  size_t offset; /* in the command's options */
};

static bool find(const struct option_spec *spec, const char *name, size_t length, char short_name,
                 struct match *match) {
  for (size_t g = 0; g < spec->group_count; g++) {
    const struct option_group *group = &spec->groups[g];
    for (size_t i = 0; i < group->table->count; i++) {
      const struct option_row *row = &group->table->rows[i];
      const bool same = name != NULL
                            ? strlen(row->name) == length && strncmp(row->name, name, length) == 0
                            : row->short_name != '\0' && row->short_name == short_name;
      if (same) {
        *match = (struct match){row, group->base + row->offset};
        return true;
      }
    }
  }
  return false;
}

static enum jc_status fail_unknown(const struct option_spec *spec, const char *argument,
                                   size_t length, struct jc_error *error) {
  const char *names[MAX_NAMES];
  char word[64];
  size_t count = 0;
  names[count++] = "help";
  for (size_t g = 0; g < spec->group_count; g++) {
    for (size_t i = 0; i < spec->groups[g].table->count && count < MAX_NAMES; i++)
      names[count++] = spec->groups[g].table->rows[i].name;
  }
  snprintf(word, sizeof(word), "%.*s", (int)length, argument);
  const char *close = strncmp(word, "--", 2) == 0 ? jc_closest_name(word + 2, names, count) : NULL;
  if (close != NULL)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "unknown option '%s'; did you mean '--%s'?",
                   word, close);
  return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "unknown option '%s'; see `joulecast %s --help`",
                 word, spec->command);
}

/* ---- storing ---- */

static const char *dashed(const struct option_row *row, char *buffer, size_t size) {
  snprintf(buffer, size, "--%s", row->name);
  return buffer;
}

/* "an integer from 1 to 512", "a number above 0", "table, json or csv". */
static void describe(const struct option_row *row, char *text, size_t size) {
  if (row->choices != NULL) {
    size_t length = 0;
    for (size_t i = 0; row->choices[i] != NULL && length < size; i++) {
      const char *separator = i == 0 ? "" : row->choices[i + 1] != NULL ? ", " : " or ";
      length += (size_t)snprintf(text + length, size - length, "%s%s", separator, row->choices[i]);
    }
    return;
  }
  const char *noun = row->type == OPTION_REAL ? "a number" : "an integer";
  const bool positive = row->minimum > 0 && row->minimum <= OPTION_POSITIVE;
  if (isinf(row->maximum) || row->maximum >= OPTION_ANY_COUNT)
    snprintf(text, size, positive ? "%s above 0" : "%s of at least %.10g", noun, row->minimum);
  else if (positive)
    snprintf(text, size, "%s above 0 and at most %.10g", noun, row->maximum);
  else
    snprintf(text, size, "%s from %.10g to %.10g%s", noun, row->minimum, row->maximum,
             row->type == OPTION_SPAN ? ", or two as in 40..155" : "");
}

static bool is_choice(const struct option_row *row, const char *value) {
  if (row->choices == NULL)
    return true;
  for (size_t i = 0; row->choices[i] != NULL; i++) {
    if (strcmp(row->choices[i], value) == 0)
      return true;
  }
  return false;
}

static bool in_range(const struct option_row *row, double value) {
  return value >= row->minimum && value <= row->maximum;
}

/* "40..155", or "40" for both; the ends in order and in range. */
static bool store_span(const struct option_row *row, struct span_option *span, const char *value) {
  char first[24] = "";
  const char *dots = strstr(value, "..");
  const size_t length = dots != NULL ? (size_t)(dots - value) : strlen(value);
  if (length >= sizeof(first))
    return false;
  snprintf(first, sizeof(first), "%.*s", (int)length, value);
  span->given = true;
  return parse_count(first, &span->first) &&
         parse_count(dots != NULL ? dots + 2 : first, &span->last) && span->first <= span->last &&
         in_range(row, (double)span->first) && in_range(row, (double)span->last);
}

/* Stores VALUE; false if it does not fit the row. */
static bool store_value(const struct option_row *row, void *destination, const char *value) {
  switch (row->type) {
  case OPTION_FLAG:
    *(bool *)destination = true;
    return true;
  case OPTION_UINT: {
    struct count_option *count = destination;
    count->given = true;
    return parse_count(value, &count->value) && in_range(row, (double)count->value);
  }
  case OPTION_SPAN:
    return store_span(row, destination, value);
  case OPTION_REAL: {
    struct real_option *real = destination;
    real->given = true;
    return parse_real(value, &real->value) && in_range(row, real->value);
  }
  case OPTION_TEXT:
    *(const char **)destination = value;
    return is_choice(row, value);
  case OPTION_LIST: {
    struct text_list *list = destination;
    if (list->count == MAX_LIST)
      return false;
    list->value[list->count++] = value;
    return true;
  }
  }
  return false;
}

static enum jc_status store(const struct match *match, void *options, const char *value,
                            struct jc_error *error) {
  char name[64], expected[256];
  void *destination = (char *)options + match->offset;
  if (store_value(match->row, destination, value))
    return JC_OK;
  dashed(match->row, name, sizeof(name));
  if (match->row->type == OPTION_LIST)
    return jc_fail(error, JC_ERROR_USAGE, 0, name, "given more than %d times", (int)MAX_LIST);
  describe(match->row, expected, sizeof(expected));
  return jc_fail(error, JC_ERROR_USAGE, 0, name, "expected %s, got '%.80s'", expected, value);
}

/* ---- parsing ---- */

/* What is left of the command line. */
struct arguments {
  int at, count;
  char *const *value;
};

/* The option's value: behind '=' or the short name, else the next argument. */
static enum jc_status take(const struct match *match, const char *attached,
                           struct arguments *arguments, void *options, struct jc_error *error) {
  char name[64];
  const struct option_row *row = match->row;
  dashed(row, name, sizeof(name));
  if (row->type == OPTION_FLAG) {
    if (attached != NULL)
      return jc_fail(error, JC_ERROR_USAGE, 0, name, "takes no value, got '%.80s'", attached);
    return store(match, options, "", error);
  }
  if (attached == NULL) {
    if (arguments->at == arguments->count)
      return jc_fail(error, JC_ERROR_USAGE, 0, name, "expected a value (%s)", row->argument);
    attached = arguments->value[arguments->at++];
  }
  return store(match, options, attached, error);
}

static enum jc_status parse_long(const struct option_spec *spec, const char *argument,
                                 struct arguments *arguments, void *options,
                                 struct jc_error *error) {
  struct match match;
  const char *name = argument + 2;
  const size_t length = strcspn(name, "=");
  if (!find(spec, name, length, '\0', &match))
    return fail_unknown(spec, argument, length + 2, error);
  return take(&match, name[length] == '=' ? name + length + 1 : NULL, arguments, options, error);
}

static enum jc_status parse_short(const struct option_spec *spec, const char *argument,
                                  struct arguments *arguments, void *options,
                                  struct jc_error *error) {
  struct match match;
  if (!find(spec, NULL, 0, argument[1], &match))
    return fail_unknown(spec, argument, strlen(argument), error);
  return take(&match, argument[2] != '\0' ? argument + 2 : NULL, arguments, options, error);
}

/* What stands behind `--` is a command and none of our operands. */
static void take_command(const struct option_spec *spec, struct arguments *arguments,
                         void *options) {
  struct command_line *line = (void *)((char *)options + spec->command_line_at);
  line->count = arguments->count - arguments->at;
  line->argument = arguments->value + arguments->at;
  arguments->at = arguments->count;
}

static enum jc_status check_command(const struct option_spec *spec, const void *options,
                                    const struct text_list *operands, struct jc_error *error) {
  const struct command_line *line = (const void *)((const char *)options + spec->command_line_at);
  if (operands->count > spec->operands_max)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "%s: expected '--' before '%.80s'",
                   spec->command, operands->value[spec->operands_max]);
  if (line->count == 0)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "%s: expected %s; see `joulecast %s --help`",
                   spec->command, spec->operands, spec->command);
  return JC_OK;
}

static enum jc_status check_operands(const struct option_spec *spec,
                                     const struct text_list *operands, struct jc_error *error) {
  if (operands->count < spec->operands_min)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "%s: expected %s; see `joulecast %s --help`",
                   spec->command, spec->operands, spec->command);
  if (operands->count > spec->operands_max)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "%s: unexpected argument '%.80s'", spec->command,
                   operands->value[spec->operands_max]);
  return JC_OK;
}

enum jc_status options_parse(const struct option_spec *spec, int argc, char *const *argv,
                             void *options, struct text_list *operands, bool *help,
                             struct jc_error *error) {
  struct arguments arguments = {0, argc, argv};
  bool operands_only = false;
  *help = false;
  operands->count = 0;
  while (arguments.at < arguments.count && !jc_error_is_set(error)) {
    const char *argument = argv[arguments.at++];
    if (operands_only || argument[0] != '-' || argument[1] == '\0') {
      if (operands->count == MAX_LIST)
        return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "%s: more than %d arguments", spec->command,
                       (int)MAX_LIST);
      operands->value[operands->count++] = argument;
    } else if (strcmp(argument, "--") == 0) {
      operands_only = true;
      if (spec->takes_command)
        take_command(spec, &arguments, options);
    } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
      *help = true;
      return JC_OK;
    } else if (argument[1] == '-') {
      (void)parse_long(spec, argument, &arguments, options, error);
    } else {
      (void)parse_short(spec, argument, &arguments, options, error);
    }
  }
  if (jc_error_is_set(error))
    return error->status;
  return spec->takes_command ? check_command(spec, options, operands, error)
                             : check_operands(spec, operands, error);
}

/* ---- help ---- */

void print_wrapped(FILE *out, const char *text, int start, int indent) {
  int column = start;
  bool line_begins = true;
  while (*text != '\0') {
    const int length = (int)strcspn(text, " \n");
    if (!line_begins && column + 1 + length > WIDTH) {
      fprintf(out, "\n%*s", indent, "");
      column = indent;
      line_begins = true;
    }
    column += fprintf(out, "%s%.*s", line_begins ? "" : " ", length, text);
    line_begins = false;
    text += length;
    if (*text == '\n') {
      fprintf(out, "\n%*s", text[1] != '\0' && text[1] != '\n' ? indent : 0, "");
      column = indent;
      line_begins = true;
    }
    text += *text != '\0';
  }
  fputc('\n', out);
}

static void help_row(const struct option_row *row, FILE *out) {
  char left[64], help[512];
  int column =
      snprintf(left, sizeof(left), row->short_name != '\0' ? "  -%c, " : "      ", row->short_name);
  column += snprintf(left + column, sizeof(left) - (size_t)column, "--%s%s%s", row->name,
                     row->argument != NULL ? " " : "", row->argument != NULL ? row->argument : "");
  fputs(left, out);
  if (column + 2 > HELP_COLUMN) {
    fputc('\n', out);
    column = 0;
  }
  fprintf(out, "%*s", HELP_COLUMN - column, "");
  if (row->shown_default != NULL)
    snprintf(help, sizeof(help), "%s (default %s)", row->help, row->shown_default);
  else
    snprintf(help, sizeof(help), "%s", row->help);
  print_wrapped(out, help, HELP_COLUMN, HELP_COLUMN);
}

void options_help(const struct option_spec *spec, FILE *out) {
  fprintf(out, "usage: joulecast %s [OPTION]...%s%s\n\n", spec->command,
          spec->operands != NULL ? " " : "", spec->operands != NULL ? spec->operands : "");
  print_wrapped(out, spec->description, 0, 0);
  for (size_t g = 0; g < spec->group_count; g++) {
    const char *title = spec->groups[g].table->title;
    if (g == 0 || strcmp(title, spec->groups[g - 1].table->title) != 0)
      fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; i < spec->groups[g].table->count; i++)
      help_row(&spec->groups[g].table->rows[i], out);
  }
  if (spec->examples != NULL)
    fprintf(out, "\nExamples:\n%s", spec->examples);
}
