/* report_measure.h -- what a measured command used: summary (table, joulecast.measure/1, CSV of its
 * epochs, Markdown, HTML). */
#ifndef JC_CLI_REPORT_MEASURE_H
#define JC_CLI_REPORT_MEASURE_H

#include "cli/measuring.h"
#include "cli/output.h"

/* Notes that the finished run calls for: a meter that failed, processes left, no epochs. */
void report_measure_notes(struct measuring *measuring);

void report_measure(const struct measuring *measuring, enum format format, struct output *output,
                    struct jc_error *error);

/* The command's words on one line, without what a terminal could obey. */
void measure_command_text(const struct measuring *measuring, char *text, size_t size);

/* Of the command, without the machine's idle power, and watts of the machine; NAN: not known. */
double measure_above_idle_j(const struct measuring *measuring);
double measure_power_w(const struct measuring *measuring);

/* "exit 0", "signal 9", "stopped by the budget": how it ended, in FORMAT_SIZE bytes. */
const char *measure_end(const struct measuring *measuring, char *text, size_t size);

#endif
