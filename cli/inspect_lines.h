/* inspect_lines.h -- `joulecast inspect --lines`: many networks, one a line, in JSON lines.
 *
 * A line is
 *   a network   the whole of a model file on one line, {"schema": "joulecast.model/1", ...}
 *   a name      resnet50, or a path, as it stands or as a JSON string
 *   a question  {"model": a name or a network, "batch_size": 64, "input": "3x160x160", "set": ...};
 *               all but the model are optional and stand for the command's options of that name;
 *               "input" and "set" are one text or a list
 * Its answer is {"line": N, ...} with the members of joulecast.inspect/1 but for the layers, or
 * {"line": N, "error": "..."}.
 */
#ifndef JC_CLI_INSPECT_LINES_H
#define JC_CLI_INSPECT_LINES_H

#include "cli/common.h"
#include "estimator/convention.h"

struct inspect_lines {
  const char *path; /* "-": standard input */
  const struct run_options *run;
  struct jc_memory_plan plan; /* batch size and optimiser are those of `run` or of the line */
  enum jc_convention_kind convention;
  struct count_option threads; /* not given: all CPUs */
};

/* Answers all lines on standard output. Returns an enum exit_code: EXIT_INVALID if there was a line
 * without a valid network. */
int inspect_lines(const struct inspect_lines *lines, struct jc_error *error);

#endif
