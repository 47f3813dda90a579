/* output.h -- where results go: standard output, or a file that appears whole or not at all.
 *
 *   struct output output;
 *   if (output_open(&output, options->output, error) != JC_OK) return ...;
 *   fprintf(output.stream, ...);
 *   return output_close(&output, error);
 */
#ifndef JC_CLI_OUTPUT_H
#define JC_CLI_OUTPUT_H

#include <stdio.h>

#include "estimator/error.h"
#include "estimator/json.h"

struct output {
  FILE *stream;   /* collects in memory */
  FILE *standard; /* where it goes without a path: standard output, unless changed before closing */
  const char *path;
  char *text;
  size_t length;
};

/* PATH NULL or "-": standard output. Borrowed until closed. */
enum jc_status output_open(struct output *output, const char *path, struct jc_error *error);

/* Writes everything out; nothing if ERROR is set already. Fails with JC_ERROR_IO. */
enum jc_status output_close(struct output *output, struct jc_error *error);

/* A file that an option writes to. */
struct named_output {
  const char *option, *path; /* NULL: not given */
};

/* Fails with JC_ERROR_USAGE where two options write to one file: the last would be all that is left
 * of it. Devices such as /dev/null are no such file. */
enum jc_status outputs_check_apart(const struct named_output *outputs, size_t count,
                                   struct jc_error *error);

/* Ends WRITER and prints its text. */
enum jc_status output_json(struct output *output, struct jc_json_writer *writer,
                           struct jc_error *error);

#endif
