/* progress.c -- one line of progress on standard error. */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 79 };

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_start(struct progress *progress, bool quiet) {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  /* The first line of a log may wait as long as the others. */
  *progress =
      (struct progress){.enabled = !quiet, .terminal = terminal, .shown_s = terminal ? 0 : now_s()};
}

bool progress_due(const struct progress *progress) {
  return progress->enabled && now_s() - progress->shown_s >= (progress->terminal ? 0.25 : 5.0);
}

void progress_show(struct progress *progress, const char *line) {
  if (!progress->enabled)
    return;
  if (progress->terminal) {
    const int printed = fprintf(stderr, "\r%.*s", WIDTH, line) - 1;
    fprintf(stderr, "%*s", progress->width > printed ? progress->width - printed : 0, "");
    progress->width = printed;
  } else {
    fprintf(stderr, "%s\n", line);
  }
  fflush(stderr);
  progress->shown_s = now_s();
}

void progress_say(struct progress *progress, const char *format, ...) {
  va_list arguments;
  if (!progress->enabled)
    return;
  progress_end(progress);
  va_start(arguments, format);
  fprintf(stderr, "joulecast: ");
  (void)vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

void progress_end(struct progress *progress) {
  if (progress->terminal && progress->width > 0)
    fprintf(stderr, "\r%*s\r", progress->width, "");
  progress->width = 0;
}
