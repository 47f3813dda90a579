/* interrupt.c -- Ctrl-C as a wish. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* Signal handlers reach nothing but globals. sig_atomic_t is int where Linux runs. */
static volatile int flag;

static void raise_flag(int signal) {
  (void)signal;
  flag = 1;
}

const volatile int *interrupt_flag(void) {
  struct sigaction action = {.sa_handler = raise_flag,
                             .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  return &flag;
}
