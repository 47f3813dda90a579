/* report_measure.h -- what a measured command used: summary (table or joulecast.measure/1). */
#ifndef JC_CLI_REPORT_MEASURE_H
#define JC_CLI_REPORT_MEASURE_H

#include "cli/measuring.h"
#include "cli/output.h"

/* Notes that the finished run calls for: a meter that failed, processes left, no epochs. */
void report_measure_notes(struct measuring *measuring);

void report_measure(const struct measuring *measuring, enum format format, struct output *output,
                    struct jc_error *error);

/* "exit 0", "signal 9", "stopped by the budget": how it ended, in FORMAT_SIZE bytes. */
const char *measure_end(const struct measuring *measuring, char *text, size_t size);

#endif
