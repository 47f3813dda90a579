/* run_record.h -- what every command that measures a run writes into its line of runs.jsonl. */
#ifndef JC_CLI_RUN_RECORD_H
#define JC_CLI_RUN_RECORD_H

#include "calibrate/meter.h"
#include "estimator/samples_file.h"

/* Finds out before the run whether its record can be kept in PATH, and mends a torn last line.
 * PATH NULL: nothing. JC_ERROR_IO, JC_ERROR_STORAGE. */
enum jc_status run_record_prepare(const char *path, struct jc_error *error);

/* An empty sample, measured now, by METER, on MACHINE. */
void run_record_start(struct jc_sample *sample, const struct jc_meter_info *meter,
                      const struct jc_machine *machine);

#endif
