/* batch.h -- many lines in, one line out for each: in order, on several threads, in memory that
 * does not grow with their number.
 *
 * Every worker reads a line, answers it, and puts the answer where its turn is; whoever completes
 * the oldest answer writes all that are due, and flushes. A worker waits while the oldest answer is
 * BATCH_WINDOW lines behind. So there are never more than that many answers, and one line and one
 * state per worker, and a program that asks line by line gets each answer before its next question.
 */
#ifndef JC_CLI_BATCH_H
#define JC_CLI_BATCH_H

#include <stdbool.h>
#include <stdio.h>

#include "estimator/error.h"

enum { BATCH_WINDOW = 1024, BATCH_MAX_LINE = 1 << 26 }; /* lines; bytes, 64 MiB */

/* A line without blanks around it; it has at least one other byte. */
struct batch_line {
  uint64_t number;  /* from 1, blank lines counted */
  const char *text; /* NUL-terminated after LENGTH bytes, which may contain NULs too */
  size_t length;
  bool too_long; /* beyond BATCH_MAX_LINE: skipped, and the text is "" */
};

struct batch {
  int fd;           /* where lines come from; "\n" or "\r\n" ends them, blank ones are skipped */
  const char *file; /* its name in errors */
  FILE *out;
  uint32_t threads;         /* >= 1 */
  const volatile int *stop; /* nonzero: read no more; looked at five times a second; NULL: never */
  void *workers;            /* [threads] of worker_size bytes, each used by one thread */
  size_t worker_size;

  /* Answers LINE with a line of text without its newline, malloc'ed, which the batch frees; NULL:
   * out of memory. *FAILED, false before, is counted. Runs in any thread, with that one's WORKER.
   */
  char *(*answer)(void *worker, const struct batch_line *line, bool *failed);
};

struct batch_result {
  uint64_t answered, failed; /* lines; the failed ones are answered too */
  bool stopped;              /* by *stop, lines may be left */
  bool cannot_read;          /* the error is one of the input */
};

/* Answers all lines. After *stop, those already read are answered still. Fails with JC_ERROR_IO
 * (input or output; a pipe whose reader left with SIGPIPE ignored), JC_ERROR_STORAGE. */
enum jc_status batch_run(const struct batch *batch, struct batch_result *result,
                         struct jc_error *error);

#endif
