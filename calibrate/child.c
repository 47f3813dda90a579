/* child.c -- fork and exec, and which signal goes where. */
#include "calibrate/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calibrate/meter.h"

/* What is passed on, and what it means here. */
static const struct {
  int signal;
  bool from_terminal; /* a key of the terminal sends it to the whole foreground group */
  bool ends;
} passed[] = {
    {SIGINT, true, true},   {SIGTERM, false, true},  {SIGHUP, true, true},
    {SIGQUIT, true, true},  {SIGUSR1, false, false}, {SIGUSR2, false, false},
    {SIGTSTP, true, false}, {SIGCONT, false, false},
};

enum { PASSED_COUNT = sizeof(passed) / sizeof(passed[0]) };

static enum jc_status fail_with(const char *what, int code, struct jc_error *error) {
  char text[64];
  return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "%s: %s", what,
                 jc_meter_system_text(code, text, sizeof(text)));
}

enum jc_status jc_child_block_signals(struct jc_child *child, struct jc_error *error) {
  const struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigset_t set;
  *child = (struct jc_child){0};
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGCHLD);
  (void)sigaddset(&set, SIGWINCH);
  for (int i = 0; i < PASSED_COUNT; i++)
    (void)sigaddset(&set, passed[i].signal);
  (void)sigprocmask(SIG_BLOCK, &set, &child->mask);
  (void)sigaction(SIGPIPE, &ignore, &child->pipe);
  child->blocked = true;
  child->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return child->signal_fd >= 0 ? JC_OK : fail_with("cannot read signals", errno, error);
}

void jc_child_unblock(struct jc_child *child) {
  if (!child->blocked)
    return;
  child->blocked = false;
  if (child->signal_fd >= 0)
    (void)close(child->signal_fd);
  child->signal_fd = -1;
  (void)sigaction(SIGPIPE, &child->pipe, NULL);
  (void)sigprocmask(SIG_SETMASK, &child->mask, NULL);
}

/* ---- starting ---- */

/* In the child of PARENT. Tells REPORT_FD errno if there is no program to become. */
static void become(char *const *argv, const struct jc_relay *relay, const struct jc_child *child,
                   pid_t parent, int report_fd) {
  (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (getppid() != parent) /* it was killed before the kernel knew our wish */
    _exit(128 + SIGTERM);
  if (relay != NULL)
    jc_relay_enter(relay);
  (void)sigaction(SIGPIPE, &child->pipe, NULL);
  (void)sigprocmask(SIG_SETMASK, &child->mask, NULL);
  (void)execvp(argv[0], argv);
  const int code = errno;
  (void)!write(report_fd, &code, sizeof(code));
  _exit(code == ENOENT ? 127 : 126);
}

enum jc_status jc_child_start(char *const *argv, const struct jc_relay *relay,
                              struct jc_child *child, struct jc_error *error) {
  int report[2], code = 0;
  char what[200];
  child->exit_code = 126;
  if (pipe2(report, O_CLOEXEC) != 0)
    return fail_with("cannot start the command", errno, error);
  /* Here and not in the child, which may only do what is safe beside threads. */
  (void)setenv("PYTHONUNBUFFERED", "1", 0);
  const pid_t self = getpid(), pid = fork();
  if (pid == 0)
    become(argv, relay, child, self, report[1]);
  code = pid < 0 ? errno : 0;
  (void)close(report[1]);
  if (pid > 0) {
    ssize_t length;
    while ((length = read(report[0], &code, sizeof(code))) < 0 && errno == EINTR) {
    }
    code = length == (ssize_t)sizeof(code) ? code : 0;
  }
  (void)close(report[0]);
  if (code == 0) {
    child->pid = pid;
    return JC_OK;
  }
  if (pid > 0)
    (void)waitpid(pid, NULL, 0);
  child->exit_code = code == ENOENT ? 127 : 126;
  snprintf(what, sizeof(what), "cannot run '%.150s'", argv[0]);
  return fail_with(what, code, error);
}

/* ---- signals ---- */

static void reap(struct jc_child *child, struct jc_tree *tree) {
  pid_t pid;
  int status;
  while ((pid = jc_tree_reap(tree, &status)) > 0) {
    if (pid != child->pid)
      continue;
    child->ended = true;
    child->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    child->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + child->signal;
  }
}

/* By its own doing, or by the foreground group of the terminal if that is ours and its own. */
static bool has_it(const struct jc_child *child, bool from_terminal,
                   const struct signalfd_siginfo *info) {
  if (info->ssi_code != SI_KERNEL)
    return (pid_t)info->ssi_pid == child->pid;
  return from_terminal && getpgid(child->pid) == getpgrp();
}

/* By SIGTSTP and not SIGSTOP: of a group that no shell looks after the kernel then stops nobody. */
static void stop_here(void) {
  sigset_t stop;
  (void)sigemptyset(&stop);
  (void)sigaddset(&stop, SIGTSTP);
  (void)kill(getpid(), SIGTSTP);
  (void)sigprocmask(SIG_UNBLOCK, &stop, NULL);
  (void)sigprocmask(SIG_BLOCK, &stop, NULL);
}

static void pass(struct jc_child *child, const struct signalfd_siginfo *info) {
  for (int i = 0; i < PASSED_COUNT; i++) {
    if ((int)info->ssi_signo != passed[i].signal)
      continue;
    child->wish_to_end = child->wish_to_end || passed[i].ends;
    if (child->pid > 0 && !child->ended && !has_it(child, passed[i].from_terminal, info))
      (void)kill(child->pid, passed[i].signal);
  }
  if (info->ssi_signo == SIGTSTP)
    stop_here();
}

void jc_child_take_signals(struct jc_child *child, struct jc_tree *tree) {
  struct signalfd_siginfo info;
  while (read(child->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
    if (info.ssi_signo == SIGWINCH)
      child->resized = true; /* passed on by the caller, once the size is the new one */
    else if (info.ssi_signo != SIGCHLD)
      pass(child, &info);
  }
  reap(child, tree);
}
