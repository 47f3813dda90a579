/* command_run.h -- a command metered from its start to its end: `joulecast measure`.
 *
 * The caller opens meter, tree and pattern, and is told once a second, and at every epoch, how the
 * run stands; its answer may stop the run: SIGTERM to all processes of the tree, SIGKILL to those
 * that are left after a grace time.
 *
 * The run ends with its command. Processes that it leaves behind (daemons, workers) are the
 * caller's choice:
 *   JC_LEFT_LEAVE   those that do not end within 2 s are named and left as they are; their joules
 *                   count until the command's end, what they print later tells of no epoch, and
 *                   what they print after those 2 s has no reader
 *   JC_LEFT_WAIT    the run goes on until the last has ended, or SIGINT, SIGTERM, ... comes
 *   JC_LEFT_STOP    they are stopped as above
 *
 * What the command printed goes to our reader, however slowly that takes it. If the run was
 * stopped, by the caller or a signal, a reader that has not taken all 2 s after the end gets no
 * more, and none does after a signal that comes then (untaken_bytes).
 */
#ifndef JC_CALIBRATE_COMMAND_RUN_H
#define JC_CALIBRATE_COMMAND_RUN_H

#include "calibrate/child.h"
#include "calibrate/command_account.h"
#include "calibrate/epoch_lines.h"
#include "calibrate/meter.h"
#include "calibrate/process_tree.h"

enum jc_left { JC_LEFT_LEAVE, JC_LEFT_WAIT, JC_LEFT_STOP };

enum { JC_LEFT_PIDS = 8 };

struct jc_command_run {
  struct jc_account account;
  struct jc_child child;
  struct jc_meter_reading reading; /* the last good one */
  struct jc_error meter_error;     /* of the last sample; set: joules of the end are unknown */
  uint64_t late_polls;             /* of the meter, during the run */
  uint64_t epochs;                 /* of the whole run; 0: not known */
  struct jc_projection projection; /* NAN where nothing can be said */
  bool stopped;                    /* by the caller's answer */
  bool killed;                     /* SIGKILL was needed */
  uint64_t untaken_bytes;          /* of the output, given up */
  uint32_t left_count;             /* processes that outlived the run... */
  pid_t left[JC_LEFT_PIDS];        /* ... the first of them */
};

struct jc_command_options {
  char *const *argv; /* ends with NULL */
  bool direct;       /* the command writes to our output itself: no epochs are seen */
  struct jc_meter *meter;
  struct jc_tree *tree;
  struct jc_epoch_pattern *pattern; /* opened */
  uint64_t epochs;                  /* 0: as the command says */
  bool share;                       /* charge joules by CPU time */
  double period_s;                  /* between samples, 0.1 or more */
  enum jc_left left;
  double grace_s; /* between SIGTERM and SIGKILL */
  void *context;
  /* At the start, after each sample and at the end; EPOCH: one has ended. True: stop the run. */
  bool (*each)(void *context, const struct jc_command_run *run, bool epoch);
  /* The terminal is free for a line of ours; and takes that line away. May be NULL. */
  void (*show)(void *context, const struct jc_command_run *run);
  void (*clear)(void *context);
  /* COUNT processes are left, the run waits for them. May be NULL. */
  void (*waits)(void *context, const struct jc_command_run *run);
};

/* Runs the command to its end, whatever the meter does: a meter that fails leaves NAN in the
 * account, and meter_error says why. RUN is filled after a failure too; jc_command_run_free() it.
 * Until then signals stay blocked, so that an impatient Ctrl-C does not cost the run's record.
 * Fails with JC_ERROR_RUNTIME (the command could not be started: run->child.exit_code),
 * JC_ERROR_UNAVAILABLE (the meter failed before the start) or JC_ERROR_STORAGE. */
enum jc_status jc_command_run(const struct jc_command_options *options, struct jc_command_run *run,
                              struct jc_error *error);
void jc_command_run_free(struct jc_command_run *run);

#endif
