/* output_relay.c -- pipes and pseudo-terminals between a child's output and ours. */
#include "calibrate/output_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "calibrate/meter.h"

/* What a pipe can hold at most (fs.pipe-max-size): what was written before the end is in it. */
enum { PIECE_BYTES = 1 << 16, LEFT_BYTES = 1 << 20 };

/* A program that prints line by line would wake us for each. Pieces of half of what a
 * pseudo-terminal holds (4 kB) are large enough to be passed on without a rest. */
enum { SMALL_BYTES = 2048, REST_MS = 4 };

static void close_open(int *fd) {
  if (*fd >= 0)
    (void)close(*fd);
  *fd = -1;
}

/* Ignored by default, and sent by nobody but the kernel, for sockets. */
enum { WAKE_SIGNAL = SIGURG };

/* ---- opening ---- */

static enum jc_status fail_open(const char *what, struct jc_error *error) {
  char text[64];
  return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "cannot make %s for the output: %s", what,
                 jc_meter_system_text(errno, text, sizeof(text)));
}

static void copy_size(int from, int to) {
  struct winsize size;
  if (ioctl(from, TIOCGWINSZ, &size) == 0)
    (void)ioctl(to, TIOCSWINSZ, &size);
}

static enum jc_status open_terminal(struct jc_relay_stream *stream, struct jc_error *error) {
  struct termios settings;
  char name[64];
  stream->from = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (stream->from < 0 || grantpt(stream->from) != 0 || unlockpt(stream->from) != 0 ||
      ptsname_r(stream->from, name, sizeof(name)) != 0 ||
      (stream->child_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
    return fail_open("a pseudo-terminal", error);
  if (tcgetattr(stream->to, &settings) == 0 || tcgetattr(stream->child_fd, &settings) == 0) {
    settings.c_oflag &= ~(tcflag_t)OPOST;
    settings.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(stream->child_fd, TCSANOW, &settings);
  }
  copy_size(stream->to, stream->child_fd);
  return JC_OK;
}

static enum jc_status open_pipe(struct jc_relay_stream *stream, struct jc_error *error) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return fail_open("a pipe", error);
  stream->from = ends[0];
  stream->child_fd = ends[1];
  return JC_OK;
}

static bool same_file(int a, int b) {
  struct stat first, second;
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

static enum jc_status open_stream(struct jc_relay *relay, unsigned number, int to,
                                  struct jc_error *error) {
  struct jc_relay_stream *stream = &relay->stream[number];
  stream->to = to;
  stream->terminal = isatty(to) == 1;
  relay->target[to] = (int)number;
  return stream->terminal ? open_terminal(stream, error) : open_pipe(stream, error);
}

enum jc_status jc_relay_open(const struct jc_relay_hooks *hooks, struct jc_relay *relay,
                             struct jc_error *error) {
  struct stat status;
  *relay = (struct jc_relay){.hooks = *hooks, .target = {-1, -1, -1}};
  (void)pthread_mutex_init(&relay->seen_mutex, NULL);
  (void)pthread_mutex_init(&relay->screen, NULL);
  for (unsigned i = 0; i < JC_RELAY_STREAMS; i++)
    relay->stream[i] = (struct jc_relay_stream){.relay = relay,
                                                .number = i,
                                                .to = -1,
                                                .from = -1,
                                                .child_fd = -1,
                                                .line_begins = true,
                                                .rest_ms = REST_MS,
                                                .seen_left = UINT64_MAX};
  relay->stop_fd = eventfd(0, EFD_CLOEXEC);
  relay->ended_fd = eventfd(0, EFD_CLOEXEC);
  if (relay->stop_fd < 0 || relay->ended_fd < 0)
    (void)fail_open("an event", error);
  else if (fstat(STDOUT_FILENO, &status) == 0)
    (void)open_stream(relay, 0, STDOUT_FILENO, error);
  if (!jc_error_is_set(error) && fstat(STDERR_FILENO, &status) == 0) {
    if (relay->target[STDOUT_FILENO] >= 0 && same_file(STDOUT_FILENO, STDERR_FILENO))
      relay->target[STDERR_FILENO] = 0;
    else
      (void)open_stream(relay, 1, STDERR_FILENO, error);
  }
  if (jc_error_is_set(error))
    (void)jc_relay_finish(relay);
  return error->status;
}

void jc_relay_enter(const struct jc_relay *relay) {
  for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
    if (relay->target[fd] >= 0)
      (void)dup2(relay->stream[relay->target[fd]].child_fd, fd);
  }
}

/* ---- passing on ---- */

static bool write_whole(struct jc_relay_stream *stream, const char *bytes, size_t length) {
  while (length > 0 && !atomic_load(&stream->relay->given_up)) {
    const ssize_t written = write(stream->to, bytes, length);
    if (written >= 0) {
      bytes += written;
      length -= (size_t)written;
    } else if (errno == EAGAIN) { /* somebody made our output non-blocking */
      struct pollfd ready = {.fd = stream->to, .events = POLLOUT};
      (void)poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  stream->untaken += length;
  return length == 0;
}

/* As read(). Under the mutex, so that what was taken is told of before seeing can end. */
static ssize_t read_piece(struct jc_relay_stream *stream, char *piece, size_t size) {
  struct jc_relay *relay = stream->relay;
  (void)pthread_mutex_lock(&relay->seen_mutex);
  const ssize_t length = read(stream->from, piece, size);
  if (length > 0 && stream->seen_left > 0) {
    const uint64_t read_bytes = (uint64_t)length;
    const uint64_t seen = read_bytes < stream->seen_left ? read_bytes : stream->seen_left;
    relay->hooks.seen(relay->hooks.context, stream->number, piece, (size_t)seen);
    stream->seen_left -= seen;
  }
  (void)pthread_mutex_unlock(&relay->seen_mutex);
  return length;
}

static bool pass_on(struct jc_relay_stream *stream, const char *bytes, size_t length) {
  struct jc_relay *relay = stream->relay;
  if (!stream->terminal)
    return write_whole(stream, bytes, length);
  (void)pthread_mutex_lock(&relay->screen);
  if (relay->hooks.clear != NULL)
    relay->hooks.clear(relay->hooks.context);
  const bool written = write_whole(stream, bytes, length);
  stream->line_begins = bytes[length - 1] == '\n';
  (void)pthread_mutex_unlock(&relay->screen);
  return written;
}

/* Waits for output, or for the wish to finish. False: finish, and nothing is there. */
static bool wait_for_output(const struct jc_relay_stream *stream, bool *finishing) {
  struct pollfd events[] = {{.fd = stream->from, .events = POLLIN},
                            {.fd = stream->relay->stop_fd, .events = POLLIN}};
  while (poll(events, *finishing ? 1 : 2, *finishing ? 0 : -1) < 0 && errno == EINTR) {
  }
  if (!*finishing && (events[1].revents & POLLIN) != 0)
    *finishing = true;
  return events[0].revents != 0 || !*finishing;
}

/* Lets small pieces gather; a wish to finish ends it. */
static void rest(const struct jc_relay_stream *stream) {
  struct pollfd stop = {.fd = stream->relay->stop_fd, .events = POLLIN};
  (void)poll(&stop, 1, (int)stream->rest_ms);
}

/* Bytes that wait to be read; polled before, so that the kernel hands on what is on its way through
 * a pseudo-terminal. */
static uint64_t waiting_bytes(const struct jc_relay_stream *stream) {
  struct pollfd ready = {.fd = stream->from, .events = POLLIN};
  int bytes = 0;
  if (stream->from < 0 || poll(&ready, 1, 0) < 0 || ioctl(stream->from, FIONREAD, &bytes) != 0)
    return 0;
  return (uint64_t)bytes;
}

static void leave(struct jc_relay *relay) {
  if (atomic_fetch_sub(&relay->running, 1) == 1)
    (void)eventfd_write(relay->ended_fd, 1);
}

static void *relay_output(void *argument) {
  struct jc_relay_stream *stream = argument;
  struct jc_relay *relay = stream->relay;
  char piece[PIECE_BYTES];
  bool finishing = false;
  size_t left = LEFT_BYTES;
  while (left > 0 && wait_for_output(stream, &finishing)) {
    const ssize_t length = read_piece(stream, piece, sizeof(piece));
    if (length < 0 && errno == EINTR)
      continue;
    /* 0, or EIO of a pseudo-terminal: nobody can write any more. */
    if (length <= 0 || !pass_on(stream, piece, (size_t)length))
      break;
    if (finishing)
      left -= (size_t)length < left ? (size_t)length : left;
    else if (length < SMALL_BYTES)
      rest(stream);
  }
  (void)pthread_mutex_lock(&relay->seen_mutex);
  if (atomic_load(&relay->given_up))
    stream->untaken += waiting_bytes(stream);
  close_open(&stream->from);
  (void)pthread_mutex_unlock(&relay->seen_mutex);
  leave(relay);
  return NULL;
}

static void wake(int signal) {
  (void)signal; /* that write() and poll() return is all */
}

enum jc_status jc_relay_start(struct jc_relay *relay, struct jc_error *error) {
  const struct sigaction action = {.sa_handler = wake};
  sigset_t most, before;
  (void)sigfillset(&most);
  (void)sigdelset(&most, WAKE_SIGNAL);
  relay->wakes = sigaction(WAKE_SIGNAL, &action, &relay->wake) == 0;
  (void)pthread_sigmask(SIG_SETMASK, &most, &before);
  /* One for ourselves, so that the first thread is not the last as long as others are to come. */
  atomic_store(&relay->running, 1);
  for (unsigned i = 0; i < JC_RELAY_STREAMS && !jc_error_is_set(error); i++) {
    struct jc_relay_stream *stream = &relay->stream[i];
    if (stream->to < 0)
      continue;
    close_open(&stream->child_fd);
    atomic_fetch_add(&relay->running, 1);
    stream->started = pthread_create(&stream->thread, NULL, relay_output, stream) == 0;
    if (!stream->started) {
      atomic_fetch_sub(&relay->running, 1);
      (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "cannot start a thread for the output");
    }
  }
  leave(relay);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error->status;
}

void jc_relay_end_seeing(struct jc_relay *relay) {
  (void)pthread_mutex_lock(&relay->seen_mutex);
  for (unsigned i = 0; i < JC_RELAY_STREAMS; i++)
    relay->stream[i].seen_left = waiting_bytes(&relay->stream[i]);
  (void)pthread_mutex_unlock(&relay->seen_mutex);
}

void jc_relay_resize(struct jc_relay *relay) {
  for (unsigned i = 0; i < JC_RELAY_STREAMS; i++) {
    const struct jc_relay_stream *stream = &relay->stream[i];
    if (stream->terminal && stream->started)
      copy_size(stream->to, stream->from);
  }
}

void jc_relay_end(struct jc_relay *relay) {
  if (relay->stop_fd >= 0)
    (void)eventfd_write(relay->stop_fd, 1);
}

/* A signal that comes just before write() is in vain: so again, until the thread has ended. */
static void join_waking(pthread_t thread) {
  struct timespec until;
  do {
    (void)pthread_kill(thread, WAKE_SIGNAL);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 10000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
  } while (pthread_timedjoin_np(thread, NULL, &until) == ETIMEDOUT);
}

uint64_t jc_relay_finish(struct jc_relay *relay) {
  uint64_t untaken = 0;
  atomic_store(&relay->given_up, true);
  jc_relay_end(relay);
  for (unsigned i = 0; i < JC_RELAY_STREAMS; i++) {
    struct jc_relay_stream *stream = &relay->stream[i];
    if (stream->started)
      join_waking(stream->thread);
    else
      close_open(&stream->from);
    close_open(&stream->child_fd);
    stream->started = false;
    untaken += stream->untaken;
  }
  if (relay->wakes)
    (void)sigaction(WAKE_SIGNAL, &relay->wake, NULL);
  close_open(&relay->stop_fd);
  close_open(&relay->ended_fd);
  (void)pthread_mutex_destroy(&relay->seen_mutex);
  (void)pthread_mutex_destroy(&relay->screen);
  return untaken;
}

bool jc_relay_take_screen(struct jc_relay *relay) {
  if (pthread_mutex_trylock(&relay->screen) != 0)
    return false;
  for (unsigned i = 0; i < JC_RELAY_STREAMS; i++) {
    if (relay->stream[i].terminal && !relay->stream[i].line_begins) {
      (void)pthread_mutex_unlock(&relay->screen);
      return false;
    }
  }
  return true;
}

void jc_relay_give_screen(struct jc_relay *relay) {
  (void)pthread_mutex_unlock(&relay->screen);
}
