/* report_inspect.h -- the static analysis as table, JSON (joulecast.inspect/1) and CSV (layers). */
#ifndef JC_CLI_REPORT_INSPECT_H
#define JC_CLI_REPORT_INSPECT_H

#include "cli/common.h"
#include "cli/output.h"

/* RUN gives batch size and optimiser of the memory figure. WITH_LAYERS: also in the table. */
enum jc_status report_inspect(const struct loaded_model *model, const struct jc_run *run,
                              enum format format, bool with_layers, struct output *output,
                              struct jc_error *error);

#endif
