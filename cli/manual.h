/* manual.h -- the manual pages: what the option tables, the lists of methods and layer types and
 * the README files know, as roff. `joulecast manual` prints them; the build installs them.
 */
#ifndef JC_CLI_MANUAL_H
#define JC_CLI_MANUAL_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"

enum { MANUAL_NAME = 64 };

struct manual_page {
  char name[MANUAL_NAME];               /* "joulecast-calibrate-fit" */
  int section;                          /* 1: commands, 5: files */
  const struct command *command, *step; /* NULL: the program itself, a file, no step */
  const struct manual_format *format;   /* of section 5, else NULL */
};

/* The pages in order, the program's first; false behind the last. */
bool manual_page_at(size_t index, struct manual_page *page);

void manual_print(const struct manual_page *page, FILE *out);

#endif
