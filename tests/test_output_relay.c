/* test_output_relay.c -- how output is gathered on its way, with a rest that only the end ends. */
#include <criterion/criterion.h>

#include <limits.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calibrate/output_relay.h"

static struct jc_relay relay;
static sem_t seen;      /* posted for each piece */
static int writer = -1; /* the child's end */
static int reader = -1; /* of what comes out */

static void see(void *context, unsigned stream, const char *bytes, size_t length) {
  (void)context;
  (void)stream;
  (void)bytes;
  (void)length;
  (void)sem_post(&seen);
}

/* Our own output becomes a pipe. */
static void open_relay(void) {
  const struct jc_relay_hooks hooks = {.seen = see};
  struct jc_error error = {0};
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  cr_assert(dup2(ends[1], STDOUT_FILENO) >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
  (void)close(ends[1]);
  reader = ends[0];
  cr_assert_eq(sem_init(&seen, 0, 0), 0);
  cr_assert_eq(jc_relay_open(&hooks, &relay, &error), JC_OK, "%s", error.text);
  writer = dup(relay.stream[0].child_fd);
  cr_assert(writer >= 0);
  relay.stream[0].rest_ms = INT_MAX;
}

static void start_relay(void) {
  struct jc_error error = {0};
  cr_assert_eq(jc_relay_start(&relay, &error), JC_OK, "%s", error.text);
}

static void print(const char *text) {
  cr_assert_eq(write(writer, text, strlen(text)), (ssize_t)strlen(text));
}

static void finish_relay(void) {
  struct pollfd ended = {.fd = relay.ended_fd, .events = POLLIN};
  jc_relay_end(&relay);
  cr_assert_eq(poll(&ended, 1, -1), 1);
  cr_assert_eq(jc_relay_finish(&relay), 0);
}

Test(output_relay, lines_behind_a_small_piece_are_one, .timeout = 60) {
  enum { LINES = 100 };
  char text[4 * LINES];
  int pieces = 0;
  open_relay();
  start_relay();
  print("0..\n");
  (void)sem_wait(&seen);
  for (int i = 1; i < LINES; i++)
    print("...\n");
  finish_relay();
  while (sem_trywait(&seen) == 0)
    pieces++;
  cr_assert_eq(pieces, 1, "%d pieces", pieces);
  cr_assert_eq(read(reader, text, sizeof(text)), (ssize_t)sizeof(text));
  cr_assert_eq(memcmp(text, "0..\n...\n", 8), 0);
}
