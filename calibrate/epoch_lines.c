/* epoch_lines.c -- cuts a stream into lines and looks at each once. */
#include "calibrate/epoch_lines.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char protocol[] = "joulecast-epoch ";

/* ---- the pattern ---- */

/* Behind the bracket expression "[...]" at TEXT, in which ']' may come first and "[:", "[.", "[="
 * open classes; or its end, where regcomp() complains. */
static const char *skip_brackets(const char *text) {
  text += text[1] == '^' ? 2 : 1;
  text += *text == ']';
  while (*text != '\0' && *text != ']') {
    const char *end = NULL;
    if (*text == '[' && text[1] != '\0' && strchr(":.=", text[1]) != NULL) {
      const char close[] = {text[1], ']', '\0'};
      end = strstr(text + 2, close);
    }
    text = end != NULL ? end + 2 : text + 1;
  }
  return *text == ']' ? text + 1 : text;
}

/* Behind the group "(...)" at TEXT. */
static const char *skip_group(const char *text) {
  unsigned depth = 0;
  do {
    depth += *text == '(';
    depth -= *text == ')';
    if (*text == '[')
      text = skip_brackets(text);
    else
      text += *text == '\\' && text[1] != '\0' ? 2 : 1;
  } while (depth > 0 && *text != '\0');
  return text;
}

/* A run of plain characters, of which a quantifier may take away the last. Blanks are left out: NUL
 * bytes of a line become some. */
static size_t plain_run(const char *text) {
  size_t length = 0;
  while (text[length] > ' ' && text[length] <= '~' &&
         strchr("\\[](){}.*+?^$|", text[length]) == NULL)
    length++;
  const bool quantified = text[length] != '\0' && strchr("*+?{", text[length]) != NULL;
  return length > 0 && quantified ? length - 1 : length;
}

/* The longest run that every match holds: outside of groups, and of none if there is a choice.
 * regexec() takes much longer for a line than a search for that. */
static void find_literal(const char *regex, char *literal, size_t size) {
  const char *best = regex;
  size_t best_length = 0;
  while (*regex != '\0' && *regex != '|') {
    const size_t length = plain_run(regex);
    if (length > best_length) {
      best = regex;
      best_length = length;
    }
    regex += length;
    if (*regex == '[')
      regex = skip_brackets(regex);
    else if (*regex == '(')
      regex = skip_group(regex);
    else if (*regex == '{')
      regex += strcspn(regex, "}|");
    else if (*regex != '\0' && *regex != '|')
      regex += *regex == '\\' && regex[1] != '\0' ? 2 : 1;
  }
  snprintf(literal, size, "%.*s", *regex == '|' ? 0 : (int)best_length, best);
}

enum jc_status jc_epoch_pattern_open(const char *regex, struct jc_epoch_pattern *pattern,
                                     struct jc_error *error) {
  char text[128];
  *pattern = (struct jc_epoch_pattern){.has_regex = regex != NULL};
  if (regex == NULL)
    return JC_OK;
  const int code = regcomp(&pattern->regex, regex, REG_EXTENDED);
  if (code == 0) {
    find_literal(regex, pattern->literal, sizeof(pattern->literal));
    return JC_OK;
  }
  (void)regerror(code, &pattern->regex, text, sizeof(text));
  pattern->has_regex = false;
  return jc_fail(error, JC_ERROR_USAGE, 0, "--epoch-regex",
                 "expected a POSIX extended regular expression, got '%.80s': %s", regex, text);
}

void jc_epoch_pattern_close(struct jc_epoch_pattern *pattern) {
  if (pattern->has_regex)
    regfree(&pattern->regex);
  pattern->has_regex = false;
}

/* ---- a line ---- */

/* Digits from TEXT, at most LENGTH characters; *REST is behind them. False: none, or too many. */
static bool take_number(const char *text, size_t length, uint64_t *number, const char **rest) {
  size_t digits = 0;
  *number = 0;
  while (digits < length && text[digits] >= '0' && text[digits] <= '9') {
    *number = 10 * *number + (uint64_t)(text[digits] - '0');
    digits++;
  }
  *rest = text + digits;
  return digits > 0 && digits <= 15;
}

/* An epoch told by a line, with what numbers it has. */
struct told {
  bool numbered;
  uint64_t number, total;
};

static bool match_protocol(const char *line, struct told *told) {
  const char *rest = line + sizeof(protocol) - 1;
  if (strncmp(line, protocol, sizeof(protocol) - 1) != 0 ||
      !take_number(rest, strlen(rest), &told->number, &rest))
    return false;
  told->numbered = true;
  if (*rest == '/' && !take_number(rest + 1, strlen(rest + 1), &told->total, &rest))
    return false;
  return rest[strspn(rest, " \t")] == '\0';
}

static bool match_regex(const regex_t *regex, const char *line, struct told *told) {
  regmatch_t group[3];
  const char *rest;
  if (regexec(regex, line, 3, group, 0) != 0)
    return false;
  if (regex->re_nsub == 0)
    return true;
  told->numbered = group[1].rm_so >= 0 &&
                   take_number(line + group[1].rm_so, (size_t)(group[1].rm_eo - group[1].rm_so),
                               &told->number, &rest);
  if (regex->re_nsub > 1 && group[2].rm_so >= 0 &&
      !take_number(line + group[2].rm_so, (size_t)(group[2].rm_eo - group[2].rm_so), &told->total,
                   &rest))
    told->total = 0;
  return told->numbered; /* a group that holds no number tells of no epoch */
}

static uint32_t count_told(struct jc_epoch_pattern *pattern, const struct told *told) {
  uint64_t step = 1;
  pattern->lines++;
  if (told->total > 0)
    pattern->total = told->total;
  if (!told->numbered)
    return 1;
  if (!pattern->numbered) {
    pattern->first = told->number;
  } else if (told->number <= pattern->number) {
    pattern->back += told->number < pattern->number;
    return 0;
  } else {
    step = told->number - pattern->number;
  }
  pattern->numbered = true;
  pattern->number = told->number;
  return step <= JC_EPOCH_MAX_STEP ? (uint32_t)step : 1;
}

static uint32_t end_line(struct jc_epoch_lines *lines) {
  struct jc_epoch_pattern *pattern = lines->pattern;
  struct told told = {0};
  const uint32_t length = lines->length;
  assert(length <= JC_EPOCH_LINE_BYTES);
  lines->length = 0;
  if (length == 0 ||
      memmem(lines->line, length, pattern->literal, strlen(pattern->literal)) == NULL)
    return 0;
  for (char *nul = lines->line; (nul = memchr(nul, '\0', length - (size_t)(nul - lines->line)));)
    *nul = ' ';
  lines->line[length] = '\0';
  if (!(pattern->has_regex ? match_regex(&pattern->regex, lines->line, &told)
                           : match_protocol(lines->line, &told)))
    return 0;
  return count_told(pattern, &told);
}

/* The first \n or \r; NULL: none. */
static const char *find_end(const char *bytes, size_t length) {
  const char *newline = memchr(bytes, '\n', length);
  const char *stop = newline != NULL ? newline : bytes + length;
  const char *turn = memchr(bytes, '\r', (size_t)(stop - bytes));
  return turn != NULL ? turn : newline;
}

uint32_t jc_epoch_lines_feed(struct jc_epoch_lines *lines, const char *bytes, size_t length) {
  uint32_t epochs = 0;
  while (length > 0) {
    const char *end = find_end(bytes, length);
    const size_t piece = end != NULL ? (size_t)(end - bytes) : length;
    const size_t room = JC_EPOCH_LINE_BYTES - lines->length;
    const size_t kept = piece < room ? piece : room;
    memcpy(lines->line + lines->length, bytes, kept);
    lines->length += (uint32_t)kept;
    if (end != NULL)
      epochs += end_line(lines);
    bytes += piece + (end != NULL);
    length -= piece + (end != NULL);
  }
  return epochs;
}

uint32_t jc_epoch_lines_end(struct jc_epoch_lines *lines) {
  return end_line(lines);
}

uint64_t jc_epochs_to_come(const struct jc_epoch_pattern *pattern, uint64_t count, uint64_t total) {
  const uint64_t whole = total > 0 ? total : pattern->total;
  const uint64_t done = !pattern->numbered ? count : pattern->number + (pattern->first == 0);
  return whole > done ? whole - done : 0;
}
