/* measuring.h -- a measured command while it runs: the live line, journal, trace and budget. */
#ifndef JC_CLI_MEASURING_H
#define JC_CLI_MEASURING_H

#include "calibrate/command_run.h"
#include "calibrate/counter_trace.h"
#include "calibrate/run_journal.h"
#include "cli/limits.h"
#include "cli/progress.h"
#include "cli/site.h"

struct measure_options {
  struct run_options run;
  struct machine_options machine;
  struct site_options site;
  struct limit_options limits;
  const char *model, *precision; /* of the record */
  const char *epoch_regex, *attribute, *left;
  struct real_option idle_s, grace_s;
  bool direct;
  const char *record, *trace;
  struct output_options output;
  struct command_line command;
};

/* Everything about one measured command. Zeroed by the caller; too large for a stack frame. */
struct measuring {
  const struct measure_options *options;
  struct inputs inputs; /* and notes */
  struct jc_machine machine;
  struct site site;
  struct limit_watch limits; /* .over set: the budget stopped the run, and why */
  struct jc_meter *meter;
  struct jc_tree tree;
  struct jc_epoch_pattern pattern;
  double idle_power_w; /* NAN: not known */
  struct jc_command_run run;
  struct jc_counter_trace trace; /* fd -1: none */
  struct jc_run_journal journal;
  double journal_s; /* when it was written last */
  bool journal_failed, trace_failed;
  struct progress progress;
};

/* Sets the callbacks of COMMAND, whose context is MEASURING. */
void measuring_follow(struct measuring *measuring, struct jc_command_options *command);

/* The run so far as a line of runs; the caller's to free. STATE: "unfinished", "exit 0", ... */
enum jc_status measuring_sample(const struct measuring *measuring, const char *state,
                                struct jc_sample *sample, struct jc_error *error);

#endif
