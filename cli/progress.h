/* progress.h -- one line of progress on standard error: rewritten on a terminal, else seldom. */
#ifndef JC_CLI_PROGRESS_H
#define JC_CLI_PROGRESS_H

#include <stdbool.h>

struct progress {
  bool enabled, terminal;
  double shown_s; /* when the last line was printed, monotonic; 0: never */
  int width;      /* of the line on the terminal */
};

void progress_start(struct progress *progress, bool quiet);

/* Whether it is time for a line: four a second on a terminal, else one in five seconds. */
bool progress_due(const struct progress *progress);

/* Shows LINE, cut to 79 columns. */
void progress_show(struct progress *progress, const char *line);

/* A remark on a line of its own, at any time. */
__attribute__((format(printf, 2, 3))) void progress_say(struct progress *progress,
                                                        const char *format, ...);

/* Clears the terminal's line. */
void progress_end(struct progress *progress);

#endif
