/* output_relay.h -- a child's output, read on its way to ours: every byte, unchanged, in order.
 *
 *   struct jc_relay relay;
 *   jc_relay_open(&hooks, &relay, error)      before fork(): a terminal where ours is one, or pipes
 *   jc_relay_enter(&relay)                    in the child
 *   jc_relay_start(&relay, error)             in the parent
 *   ... the child ends ...
 *   jc_relay_end_seeing(&relay)               what others print from now on is passed on unseen
 *   jc_relay_end(&relay)                      relay.ended_fd is readable when all is passed on
 *   bytes = jc_relay_finish(&relay)           that were not, if it was not waited for
 *
 * Where our standard output or error is a terminal, the child gets a pseudo-terminal in its place:
 * isatty() stays true, the window has the same size (jc_relay_resize() when it changes), and output
 * is not processed, so that it is once, by the real one. It is not the child's controlling
 * terminal: job control and the keys stay with the real one. Elsewhere the child gets a pipe. If
 * both streams go to the same terminal or file, they share one, so that they keep their order.
 * Standard input is not touched.
 *
 * A thread for each stream reads and writes; behind a small piece it rests for a moment, so that
 * many small ones are one: nothing is late by more than 4 ms. Where our reader is slow, so is the
 * child; one that takes nothing holds up ended_fd, but not jc_relay_finish(). If our reader goes
 * away, the pipe is closed, and the child meets the same at its next write.
 */
#ifndef JC_CALIBRATE_OUTPUT_RELAY_H
#define JC_CALIBRATE_OUTPUT_RELAY_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "estimator/error.h"

enum { JC_RELAY_STREAMS = 2 };

/* Called from the threads, one call at a time. */
struct jc_relay_hooks {
  void *context;
  /* Bytes of stream 0 or 1, before they are passed on. */
  void (*seen)(void *context, unsigned stream, const char *bytes, size_t length);
  /* Bytes are about to go to a terminal: takes away what stands on its last line. May be NULL. */
  void (*clear)(void *context);
};

struct jc_relay;

struct jc_relay_stream {
  struct jc_relay *relay;
  unsigned number;
  int to;       /* our file descriptor; -1: this stream is not used */
  int from;     /* read here... */
  int child_fd; /* ... what the child writes here; closed here after the fork */
  bool terminal;
  bool started;
  bool line_begins; /* the last byte was a newline, or none was passed on */
  uint32_t rest_ms; /* behind a small piece; of jc_relay_open(), may be changed before the start */
  uint64_t untaken; /* bytes that were given up */
  uint64_t seen_left; /* bytes that are to be told of; UINT64_MAX: all */
  pthread_t thread;
};

struct jc_relay {
  struct jc_relay_hooks hooks;
  int stop_fd;                /* readable: pass on what is there, and end */
  int ended_fd;               /* readable: every thread has ended */
  atomic_uint running;        /* threads */
  atomic_bool given_up;       /* nothing is written any more */
  bool wakes;                 /* SIGURG has our handler */
  struct sigaction wake;      /* of SIGURG, as it was */
  pthread_mutex_t seen_mutex; /* around reading, and hooks.seen */
  pthread_mutex_t screen;     /* around what is written to terminals */
  struct jc_relay_stream stream[JC_RELAY_STREAMS];
  int target[3]; /* stream number that descriptor 1, 2 of the child becomes; -1: left alone */
};

/* Fails with JC_ERROR_RUNTIME (no pipe, no pseudo-terminal). Must be finished after JC_OK. */
enum jc_status jc_relay_open(const struct jc_relay_hooks *hooks, struct jc_relay *relay,
                             struct jc_error *error);

/* In the child, between fork() and exec(). */
void jc_relay_enter(const struct jc_relay *relay);

/* Signals are blocked in the threads. Fails with JC_ERROR_STORAGE. */
enum jc_status jc_relay_start(struct jc_relay *relay, struct jc_error *error);

/* Of bytes that are written from now on hooks.seen is not told: the child has ended, and they are
 * those of processes that it left. Those that wait to be read are still its own. */
void jc_relay_end_seeing(struct jc_relay *relay);

/* Gives the pseudo-terminals the size of the real ones. */
void jc_relay_resize(struct jc_relay *relay);

/* The threads pass on what was written until now, and end. Processes that keep the streams open
 * lose their reader. */
void jc_relay_end(struct jc_relay *relay);

/* Ends at once, whatever is not passed on yet; returns the bytes that were not. A thread that
 * writes is woken by SIGURG, whose handler is ours from the start to here. Also without a start. */
uint64_t jc_relay_finish(struct jc_relay *relay);

/* For a line of our own on the terminal: takes the terminal if nothing is being written to it and
 * no line of the child's is unfinished; false: not now. To be given back at once. */
bool jc_relay_take_screen(struct jc_relay *relay);
void jc_relay_give_screen(struct jc_relay *relay);

#endif
