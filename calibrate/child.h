/* child.h -- a command as a child: started, reached by signals, ended without leaving any behind.
 *
 *   struct jc_child child;
 *   jc_child_block_signals(&child, error);                  before any thread is made
 *   status = jc_child_start(argv, relay, &child, error);    127, 126: child.exit_code
 *   poll() on child.signal_fd; then
 *   jc_child_take_signals(&child, &tree);                   tells what happened, passes it on
 *   jc_child_unblock(&child);
 *
 * If we are killed (kill -9, out of memory) the kernel sends the child SIGTERM (PR_SET_PDEATHSIG,
 * prctl(2)), and the child alone: what it has started hears nothing of it, and neither does a
 * set-user-ID or set-group-ID program or one with capabilities, whose exec() takes the wish back.
 * It is the thread that called jc_child_start() whose end counts: it must be the main one.
 *
 * The child stays in our process group and session, so that Ctrl-C, Ctrl-\ and Ctrl-Z of a terminal
 * reach it as they would without us, once: such a signal (si_code SI_KERNEL) is passed on only if
 * the child has moved to a group of its own. One that was sent to us by a process goes to the child
 * (SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGWINCH), unless the
 * sender is the child: what it sends to its whole group (`kill 0`) it has got already.
 *
 * Any other sender that means the whole group, as timeout(1) does, reaches the child twice. siginfo
 * does not tell kill(-group) from kill(pid), and neither does the sender's group: `timeout` is in
 * ours, and `timeout --foreground`, which signals us alone, may be too. To pass on nothing, as
 * time(1) does, would keep a scheduler's SIGTERM from the command. To put the child into a group of
 * its own, as tini does, would mean to hand the terminal over and to play the shell at every stop.
 * A signal twice is the smallest of the evils: programs end at the first.
 *
 * The child gets the signal mask and dispositions that we were started with, and
 * PYTHONUNBUFFERED=1 unless the environment has one: a buffered line would come epochs late.
 */
#ifndef JC_CALIBRATE_CHILD_H
#define JC_CALIBRATE_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "calibrate/output_relay.h"
#include "calibrate/process_tree.h"

struct jc_child {
  pid_t pid;     /* 0: not started */
  bool ended;    /* and waited for */
  int exit_code; /* as a shell has it: 128 + signal; 126 and 127 if it could not be run */
  int signal;    /* that ended it; 0: none */
  int signal_fd;
  bool resized;          /* SIGWINCH came; taken back by the caller */
  bool wish_to_end;      /* SIGINT, SIGTERM, SIGHUP or SIGQUIT came */
  bool blocked;          /* the two below are to be restored */
  sigset_t mask;         /* as it was */
  struct sigaction pipe; /* of SIGPIPE, as it was */
};

/* From here on signals are read from signal_fd, and SIGPIPE is ignored. Fails with
 * JC_ERROR_RUNTIME. */
enum jc_status jc_child_block_signals(struct jc_child *child, struct jc_error *error);

/* ARGV ends with NULL. RELAY NULL: the child writes to our own output. Fails with JC_ERROR_RUNTIME,
 * exit_code 127 (no such program) or 126 (it cannot be run), and no child is left then. */
enum jc_status jc_child_start(char *const *argv, const struct jc_relay *relay,
                              struct jc_child *child, struct jc_error *error);

/* Deals with the signals that wait in signal_fd, and waits for children that have ended, adopted
 * ones too. A stop of the terminal's (Ctrl-Z) stops us here, until SIGCONT. */
void jc_child_take_signals(struct jc_child *child, struct jc_tree *tree);

/* Signals as they were before they were blocked, if they were. */
void jc_child_unblock(struct jc_child *child);

#endif
