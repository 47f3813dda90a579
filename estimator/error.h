/* error.h -- errors as values: a status to branch on, a place and a sentence to print.
 *
 * A function that can fail returns `enum jc_status` and takes a `struct jc_error *` as its last
 * argument; the error is owned by the caller and filled by the first failure only:
 *
 *   struct jc_error error = {0};
 *   if (jc_network_analyze(&network, &analysis, &error) != JC_OK)
 *     ... error.file:error.line: error.path: error.text
 *
 * No heap, no I/O, no globals.
 */
#ifndef JC_ESTIMATOR_ERROR_H
#define JC_ESTIMATOR_ERROR_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum jc_status {
  JC_OK = 0,
  JC_ERROR_USAGE = -1,    /* the caller asked for something that does not exist */
  JC_ERROR_INVALID = -2,  /* an input file is malformed or contradicts itself */
  JC_ERROR_OVERFLOW = -3, /* a count does not fit 64 bits, or a limit of the format is exceeded */
  JC_ERROR_MISMATCH = -4, /* a file for another schema, machine, library, precision or threads */
  JC_ERROR_MISSING = -5,  /* an input that the method needs was not given */
  JC_ERROR_STORAGE = -6,  /* the caller's storage is too small, or out of memory */
  JC_ERROR_IO = -7,       /* the operating system refused: text holds the reason */
  JC_ERROR_UNAVAILABLE = -8, /* this machine or this build cannot do it (no meter, no oneDNN) */
  JC_ERROR_RUNTIME = -9      /* a library failed, or a measurement was not acceptable */
};

struct jc_error {
  enum jc_status status;
  uint32_t line;  /* 1-based line in `file`; 0: none */
  char file[256]; /* the file as the user named it; "": none */
  char path[256]; /* place inside the file, `layers[1].kernel_size`; "": none */
  char text[512]; /* what was expected and what was found; no full stop, no newline */
};

/* Records a failure and yields its status. PATH may be NULL. Text is printf-like. Only the first
 * failure is kept; control characters of echoed input are replaced by '?'. A macro, so that the
 * core needs snprintf and nothing else of stdio. */
#define jc_fail(error_, status_, line_, path_, ...)                                                \
  (jc_error_is_set(error_) ? (error_)->status                                                      \
                           : ((void)snprintf((error_)->text, sizeof((error_)->text), __VA_ARGS__), \
                              jc_error_place(error_, status_, line_, path_)))

/* Nonzero if ERROR already holds a failure. */
int jc_error_is_set(const struct jc_error *error);

/* Fills everything but the text; use jc_fail(). Returns STATUS. */
enum jc_status jc_error_place(struct jc_error *error, enum jc_status status, uint32_t line,
                              const char *path);

/* Names the file of an error that has none yet (readers call it once, on their way out). */
void jc_error_name_file(struct jc_error *error, const char *file);

/* Writes `file:line: path: text` (absent parts left out) into BUFFER, cut to SIZE, always
 * terminated. Returns BUFFER. */
char *jc_error_format(const struct jc_error *error, char *buffer, size_t size);

/* "invalid", "mismatch", ... for tests and JSON. */
const char *jc_status_name(enum jc_status status);

#endif
