/* epoch_lines.c -- cuts a stream into lines and looks at each once. */
#include "calibrate/epoch_lines.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char protocol[] = "joulecast-epoch ";

enum jc_status jc_epoch_pattern_open(const char *regex, struct jc_epoch_pattern *pattern,
                                     struct jc_error *error) {
  char text[128];
  *pattern = (struct jc_epoch_pattern){.has_regex = regex != NULL};
  if (regex == NULL)
    return JC_OK;
  const int code = regcomp(&pattern->regex, regex, REG_EXTENDED);
  if (code == 0)
    return JC_OK;
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
  if (length == 0)
    return 0;
  for (uint32_t i = 0; i < length; i++) {
    if (lines->line[i] == '\0')
      lines->line[i] = ' ';
  }
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
