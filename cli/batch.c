/* batch.c -- workers that share one input and one output.
 *
 * Two locks. `reading` guards the input and the numbering of lines; it is held while waiting for
 * input, so that lines are taken in order. `writing` guards the answers and the output. A worker
 * that holds `reading` may take `writing`, never the other way round.
 */
#include "cli/batch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, FIRST_LINE_BYTES = 1 << 12, POLL_MS = 200 };

struct pool {
  const struct batch *batch;
  struct batch_result *result;
  struct jc_error *error; /* under `writing` */

  pthread_mutex_t reading;
  char chunk[CHUNK];
  size_t chunk_at, chunk_end;
  bool at_end;
  uint64_t line_number;
  uint64_t taken; /* lines handed to workers */

  pthread_mutex_t writing;
  pthread_cond_t written_more;
  bool over;        /* no more lines are to be taken */
  uint64_t written; /* answers written out */
  char *answers[BATCH_WINDOW];
};

/* A line as it is read. */
struct text_buffer {
  char *text;
  size_t length, capacity;
  bool too_long;
};

/* ---- failures; take `writing` ---- */

static void fail_memory(struct pool *pool) {
  pthread_mutex_lock(&pool->writing);
  (void)jc_fail(pool->error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  pool->over = true;
  pthread_cond_broadcast(&pool->written_more);
  pthread_mutex_unlock(&pool->writing);
}

static void fail_reading(struct pool *pool) {
  const int reason = errno;
  pthread_mutex_lock(&pool->writing);
  pool->result->cannot_read = !jc_error_is_set(pool->error);
  (void)jc_fail(pool->error, JC_ERROR_IO, 0, NULL, "cannot read: %s", strerror(reason));
  jc_error_name_file(pool->error, pool->batch->file);
  pool->over = true;
  pthread_mutex_unlock(&pool->writing);
}

/* ---- input; under `reading` ---- */

static bool is_over(struct pool *pool) {
  pthread_mutex_lock(&pool->writing);
  const bool over = pool->over;
  pthread_mutex_unlock(&pool->writing);
  return over;
}

/* Whether input is there, and still wanted. */
static bool wait_for_input(struct pool *pool) {
  const struct batch *batch = pool->batch;
  struct pollfd input = {.fd = batch->fd, .events = POLLIN};
  for (;;) {
    if (batch->stop != NULL && *batch->stop != 0) {
      pool->result->stopped = true;
      return false;
    }
    if (is_over(pool)) /* the output failed */
      return false;
    const int ready = poll(&input, 1, POLL_MS);
    if (ready > 0 || (ready < 0 && errno != EINTR))
      return true; /* read() tells what is wrong */
  }
}

/* False at the end, or where the input is to be left. */
static bool fill_chunk(struct pool *pool) {
  ssize_t size = 0;
  do {
    if (pool->at_end || !wait_for_input(pool))
      return false;
    size = read(pool->batch->fd, pool->chunk, sizeof(pool->chunk));
  } while (size < 0 && (errno == EINTR || errno == EAGAIN));
  if (size < 0)
    fail_reading(pool);
  pool->at_end = size == 0;
  pool->chunk_at = 0;
  pool->chunk_end = size > 0 ? (size_t)size : 0;
  return size > 0;
}

/* Appends LENGTH bytes and a NUL, which is not counted. */
static bool append(struct text_buffer *line, const char *text, size_t length) {
  if (line->too_long || line->length + length > BATCH_MAX_LINE) {
    line->too_long = true;
    return true;
  }
  size_t capacity = line->capacity > 0 ? line->capacity : FIRST_LINE_BYTES;
  while (capacity < line->length + length + 1)
    capacity *= 2;
  if (capacity != line->capacity) {
    char *grown = realloc(line->text, capacity);
    if (grown == NULL)
      return false;
    line->text = grown;
    line->capacity = capacity;
  }
  memcpy(line->text + line->length, text, length);
  line->length += length;
  line->text[line->length] = '\0';
  return true;
}

/* False at the end of the input, or where it is to be left. */
static bool read_line(struct pool *pool, struct text_buffer *line) {
  bool begun = false;
  line->length = 0;
  line->too_long = false;
  for (;;) {
    if (pool->chunk_at == pool->chunk_end && !fill_chunk(pool))
      return begun && pool->at_end;
    const char *from = pool->chunk + pool->chunk_at;
    const size_t left = pool->chunk_end - pool->chunk_at;
    const char *newline = memchr(from, '\n', left);
    const size_t length = newline != NULL ? (size_t)(newline - from) : left;
    pool->line_number += !begun;
    begun = true;
    if (!append(line, from, length)) {
      fail_memory(pool);
      return false;
    }
    pool->chunk_at += length + (newline != NULL);
    if (newline != NULL)
      return true;
  }
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

/* LINE without the blanks around it. */
static struct batch_line trim(const struct text_buffer *line, uint64_t number) {
  struct batch_line trimmed = {.number = number, .text = "", .too_long = line->too_long};
  size_t begin = 0, end = line->length;
  if (line->too_long)
    return trimmed;
  while (end > 0 && is_blank(line->text[end - 1]))
    end--;
  while (begin < end && is_blank(line->text[begin]))
    begin++;
  line->text[end] = '\0';
  trimmed.text = line->text + begin;
  trimmed.length = end - begin;
  return trimmed;
}

/* Waits until the line after those taken has a place for its answer. */
static bool wait_for_place(struct pool *pool) {
  pthread_mutex_lock(&pool->writing);
  while (!pool->over && pool->taken >= pool->written + BATCH_WINDOW)
    pthread_cond_wait(&pool->written_more, &pool->writing);
  const bool over = pool->over;
  pthread_mutex_unlock(&pool->writing);
  return !over;
}

/* The next line that is not blank, and its turn; false: there is none. */
static bool take_line(struct pool *pool, struct text_buffer *buffer, struct batch_line *line,
                      uint64_t *turn) {
  bool taken = false;
  pthread_mutex_lock(&pool->reading);
  if (wait_for_place(pool)) {
    do {
      taken = read_line(pool, buffer);
      if (taken)
        *line = trim(buffer, pool->line_number);
    } while (taken && line->length == 0 && !line->too_long);
    *turn = pool->taken;
    pool->taken += taken;
  }
  if (!taken) {
    pthread_mutex_lock(&pool->writing);
    pool->over = true;
    pthread_mutex_unlock(&pool->writing);
  }
  pthread_mutex_unlock(&pool->reading);
  return taken;
}

/* ---- output ---- */

/* Writes the answers that are due. Returns why that failed, or 0. Under `writing`. */
static int write_due(struct pool *pool) {
  FILE *out = pool->batch->out;
  int reason = 0;
  char **due = &pool->answers[pool->written % BATCH_WINDOW];
  if (*due == NULL)
    return 0;
  for (; *due != NULL; due = &pool->answers[pool->written % BATCH_WINDOW]) {
    if (reason == 0 && (fputs(*due, out) < 0 || putc('\n', out) == EOF))
      reason = errno;
    free(*due);
    *due = NULL;
    pool->written++;
  }
  if (reason == 0 && fflush(out) != 0)
    reason = errno;
  return reason;
}

static void deliver(struct pool *pool, uint64_t turn, char *answer, bool failed) {
  pthread_mutex_lock(&pool->writing);
  pool->answers[turn % BATCH_WINDOW] = answer;
  pool->result->answered++;
  pool->result->failed += failed;
  const int reason = jc_error_is_set(pool->error) ? 0 : write_due(pool);
  if (reason != 0) {
    (void)jc_fail(pool->error, JC_ERROR_IO, 0, NULL, "cannot write standard output: %s",
                  strerror(reason));
    pool->over = true;
  }
  pthread_cond_broadcast(&pool->written_more);
  pthread_mutex_unlock(&pool->writing);
}

/* ---- workers ---- */

struct worker {
  struct pool *pool;
  void *state;
  pthread_t thread;
};

static void *work(void *argument) {
  const struct worker *worker = argument;
  struct pool *pool = worker->pool;
  struct text_buffer buffer = {0};
  struct batch_line line;
  uint64_t turn;
  while (take_line(pool, &buffer, &line, &turn)) {
    bool failed = false;
    char *answer = pool->batch->answer(worker->state, &line, &failed);
    if (answer == NULL) {
      fail_memory(pool);
      break;
    }
    deliver(pool, turn, answer, failed);
  }
  free(buffer.text);
  return NULL;
}

/* The caller's thread is a worker too. Where the system gives no more threads, fewer must do. */
static void run_workers(struct pool *pool, struct worker *workers) {
  const struct batch *batch = pool->batch;
  uint32_t started = 1, i = 0;
  do {
    workers[i].pool = pool;
    workers[i].state = (char *)batch->workers + i * batch->worker_size;
  } while (++i < batch->threads);
  while (started < batch->threads &&
         pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
    started++;
  (void)work(&workers[0]);
  while (started > 1)
    pthread_join(workers[--started].thread, NULL);
}

enum jc_status batch_run(const struct batch *batch, struct batch_result *result,
                         struct jc_error *error) {
  struct pool *pool = calloc(1, sizeof(*pool));
  struct worker *workers = calloc(batch->threads, sizeof(*workers));
  *result = (struct batch_result){0};
  if (pool == NULL || workers == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else {
    pool->batch = batch;
    pool->result = result;
    pool->error = error;
    pthread_mutex_init(&pool->reading, NULL);
    pthread_mutex_init(&pool->writing, NULL);
    pthread_cond_init(&pool->written_more, NULL);
    run_workers(pool, workers);
    pthread_cond_destroy(&pool->written_more);
    pthread_mutex_destroy(&pool->writing);
    pthread_mutex_destroy(&pool->reading);
    for (size_t i = 0; i < BATCH_WINDOW; i++)
      free(pool->answers[i]); /* left by a failure */
  }
  free(workers);
  free(pool);
  return error->status;
}
