/* epoch_lines.h -- the ends of epochs, recognised in what a program prints.
 *
 *   struct jc_epoch_pattern pattern;
 *   struct jc_epoch_lines lines = {.pattern = &pattern};           one of each stream
 *   if (jc_epoch_pattern_open(regex, &pattern, error) != JC_OK) ...  NULL: the protocol below
 *   n = jc_epoch_lines_feed(&lines, bytes, length);                of each piece of the stream
 *   ... n epochs have ended ...
 *   n = jc_epoch_lines_end(&lines);                                a last line without its end
 *   jc_epoch_pattern_close(&pattern);
 *
 * A program may print, at the END of epoch N, a line
 *
 *   joulecast-epoch N            or            joulecast-epoch N/TOTAL
 *
 * or have lines that a POSIX extended regular expression finds; its first group, if it has one, is
 * the epoch's number, and a second one the total.
 *
 * A line ends at \n or \r. Of a longer one the first JC_EPOCH_LINE_BYTES are looked at. NUL bytes
 * are blanks. A number counts when it is the largest so far: a line that is printed many times in
 * an epoch, with the same number, counts the first time. From N to N + k, k epochs have ended (a
 * program may print every tenth); beyond JC_EPOCH_MAX_STEP that is not believed, and is one. A line
 * without a number is one epoch each.
 */
#ifndef JC_CALIBRATE_EPOCH_LINES_H
#define JC_CALIBRATE_EPOCH_LINES_H

#include <regex.h>
#include <stdbool.h>

#include "estimator/error.h"

enum { JC_EPOCH_LINE_BYTES = 4096, JC_EPOCH_MAX_STEP = 1000 };

/* What is looked for, and what was found so far in all streams. Calls must not overlap. */
struct jc_epoch_pattern {
  bool has_regex;
  regex_t regex;
  char literal[32]; /* stands in every line that the regex finds, if it is not ""; looked for first
                     */
  bool numbered;    /* a number was seen: */
  uint64_t number;  /* the largest */
  uint64_t first;   /* the first one */
  uint64_t total;   /* of epochs, as the program says; 0: it does not */
  uint64_t lines;   /* that told of an epoch, whether they counted or not */
  uint64_t back;    /* of them, lines whose number was below the largest: not counted */
};

struct jc_epoch_lines {
  struct jc_epoch_pattern *pattern; /* borrowed */
  uint32_t length;                  /* of the line in hand, as far as it is kept */
  char line[JC_EPOCH_LINE_BYTES + 1];
};

/* REGEX NULL: lines of the protocol. Fails with JC_ERROR_USAGE, with what is wrong with REGEX. */
enum jc_status jc_epoch_pattern_open(const char *regex, struct jc_epoch_pattern *pattern,
                                     struct jc_error *error);
void jc_epoch_pattern_close(struct jc_epoch_pattern *pattern);

/* Epochs that ended in these LENGTH bytes. */
uint32_t jc_epoch_lines_feed(struct jc_epoch_lines *lines, const char *bytes, size_t length);

/* The same of a last line that nothing ends. */
uint32_t jc_epoch_lines_end(struct jc_epoch_lines *lines);

/* How many epochs follow, if there are TOTAL (0: the pattern's own; without either 0). The first
 * number that was seen, 0 or more, tells from which one they are counted. */
uint64_t jc_epochs_to_come(const struct jc_epoch_pattern *pattern, uint64_t count, uint64_t total);

#endif
