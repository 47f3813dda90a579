/* report_inspect.h -- the static analysis as table, JSON (joulecast.inspect/1) and CSV (layers). */
#ifndef JC_CLI_REPORT_INSPECT_H
#define JC_CLI_REPORT_INSPECT_H

#include "cli/common.h"
#include "cli/output.h"
#include "estimator/convention.h"

/* PLAN is that of the memory figures. CONVENTION: another tool's count beside ours (a column, and
 * in JSON convention_name, _version, _unit, _identity, _count, _approximate); JC_CONVENTION_COUNT:
 * none. WITH_LAYERS: also in the table. */
enum jc_status report_inspect(const struct loaded_model *model, const struct jc_memory_plan *plan,
                              enum jc_convention_kind convention, enum format format,
                              bool with_layers, struct output *output, struct jc_error *error);

/* Puts the members of joulecast.inspect/1 but for the layers into the object open in WRITER; none
 * if it fails. */
enum jc_status report_inspect_put(const struct loaded_model *model,
                                  const struct jc_memory_plan *plan,
                                  enum jc_convention_kind convention, struct jc_json_writer *writer,
                                  struct jc_error *error);

#endif
