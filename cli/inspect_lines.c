/* inspect_lines.c -- a line to a network, its analysis to a line. */
#include "cli/inspect_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/batch.h"
#include "cli/interrupt.h"
#include "cli/report_inspect.h"
#include "estimator/environment.h"
#include "estimator/file_io.h"

/* One thread's own; an analysis belongs to one at a time. */
struct worker {
  const struct inspect_lines *lines;
  struct loaded_model loaded; /* storage is used again */
};

/* What a line asks for. */
struct question {
  const char *name;                   /* NULL: the network stands in the line */
  const struct jc_json_node *network; /* NULL: there is a name */
  struct run_options run;
};

/* ---- reading a line ---- */

/* NODE, a text or a list of them, replaces LIST; texts stay in the document. */
static enum jc_status read_texts(const struct jc_json_node *node, struct text_list *list,
                                 struct jc_error *error) {
  if (node == NULL || jc_error_is_set(error))
    return error->status;
  list->count = 0;
  if (jc_json_type(node) == JC_JSON_STRING)
    return jc_json_get_string(node, &list->value[list->count++], error);
  if (jc_json_want(node, JC_JSON_ARRAY, error) != JC_OK)
    return error->status;
  if (jc_json_length(node) > MAX_LIST)
    return jc_json_fail(node, error, "expected at most %d texts, got %lu", (int)MAX_LIST,
                        (unsigned long)jc_json_length(node));
  for (const struct jc_json_node *n = jc_json_first(node); n != NULL; n = jc_json_next(n))
    (void)jc_json_get_string(n, &list->value[list->count++], error);
  return error->status;
}

static enum jc_status read_model(const struct jc_json_node *node, struct question *question,
                                 struct jc_error *error) {
  char echo[JC_JSON_ECHO_SIZE];
  if (jc_json_type(node) == JC_JSON_OBJECT)
    question->network = node;
  else if (jc_json_type(node) == JC_JSON_STRING)
    (void)jc_json_get_string(node, &question->name, error);
  else
    (void)jc_json_fail(node, error, "expected a name or a network, got %s",
                       jc_json_echo(node, echo, sizeof(echo)));
  return error->status;
}

/* The network itself, a name, or a question about one of them. */
static enum jc_status read_json(const struct jc_json_node *root, struct question *question,
                                struct jc_error *error) {
  static const char *const keys[] = {"model", "batch_size", "input", "set"};
  const struct jc_json_node *batch_size = jc_json_member(root, "batch_size");
  if (jc_json_member(root, "model") == NULL)
    return read_model(root, question, error);
  (void)jc_json_only_keys(root, keys, sizeof(keys) / sizeof(keys[0]), error);
  (void)read_model(jc_json_member(root, "model"), question, error);
  (void)jc_json_get_uint(batch_size, 1, JC_MAX_BATCH_SIZE, &question->run.batch_size.value, error);
  question->run.batch_size.given |= batch_size != NULL;
  (void)read_texts(jc_json_member(root, "input"), &question->run.input, error);
  return read_texts(jc_json_member(root, "set"), &question->run.set, error);
}

/* *DOCUMENT, if the line is JSON, is to outlive QUESTION. */
static enum jc_status read_line(const struct batch_line *line, struct question *question,
                                struct jc_json **document, struct jc_error *error) {
  if (line->too_long)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "expected at most %d bytes in a line",
                   (int)BATCH_MAX_LINE);
  if (line->text[0] == '{' || line->text[0] == '[' || line->text[0] == '"')
    return jc_json_parse(line->text, line->length, NULL, 1, document, error) == JC_OK
               ? read_json(jc_json_root(*document), question, error)
               : error->status;
  if (strlen(line->text) != line->length)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "expected a name or JSON, got byte 0x00");
  question->name = line->text;
  return JC_OK;
}

/* ---- answering ---- */

/* The network in the line; `set` needs its text again, since it is read with it. */
static enum jc_status read_network(const struct question *question, struct jc_model **model,
                                   struct jc_error *error) {
  const struct jc_model_options options = {.set = question->run.set.value,
                                           .set_count = question->run.set.count};
  struct jc_json_writer writer;
  char *text = NULL;
  size_t length = 0;
  if (options.set_count == 0)
    return jc_model_from_json(question->network, model, error);
  jc_put_start(&writer, JC_JSON_COMPACT);
  jc_put_node(&writer, NULL, question->network);
  if (jc_put_finish(&writer, &text, &length, error) == JC_OK)
    (void)jc_model_parse_as(text, length, NULL, &options, model, error);
  free(text);
  return error->status;
}

static bool is_standard_input(const char *name) {
  return name[0] == '-' && (name[1] == '\0' || name[1] == ':');
}

static enum jc_status load(struct worker *worker, const struct question *question,
                           struct jc_error *error) {
  const struct jc_model_options options = {.set = question->run.set.value,
                                           .set_count = question->run.set.count};
  struct jc_model *model = NULL;
  if (question->name == NULL)
    (void)read_network(question, &model, error);
  else if (is_standard_input(question->name))
    (void)jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                  "expected a name or a path, standard input is no network here");
  else
    (void)jc_model_open(question->name, &options, &model, error);
  return jc_error_is_set(error) ? error->status
                                : reload_model(&worker->loaded, model, &question->run, error);
}

static enum jc_status answer_question(struct worker *worker, const struct question *question,
                                      struct jc_json_writer *writer, struct jc_error *error) {
  struct jc_memory_plan plan = worker->lines->plan;
  struct inputs inputs = {0};
  struct jc_run run = {0};
  if (load(worker, question, error) != JC_OK ||
      resolve_run(&question->run, worker->loaded.network, &run, &inputs, error) != JC_OK)
    return error->status;
  plan.batch_size = run.batch_size;
  plan.optimizer = run.optimizer;
  return report_inspect_put(&worker->loaded, &plan, worker->lines->convention, writer, error);
}

static void start_answer(const struct batch_line *line, struct jc_json_writer *writer) {
  jc_put_start(writer, JC_JSON_COMPACT);
  jc_put_object(writer, NULL);
  jc_put_uint(writer, "line", line->number);
}

static char *answer(void *state, const struct batch_line *line, bool *failed) {
  struct worker *worker = state;
  struct question question = {.run = *worker->lines->run};
  struct jc_error error = {0}, no_memory = {0};
  struct jc_json_writer writer;
  struct jc_json *document = NULL;
  char message[1200], *text = NULL;
  start_answer(line, &writer);
  if (read_line(line, &question, &document, &error) == JC_OK)
    (void)answer_question(worker, &question, &writer, &error);
  jc_json_free(document);
  *failed = jc_error_is_set(&error);
  if (*failed) {
    jc_put_discard(&writer);
    start_answer(line, &writer);
    if (error.file[0] == '\0')
      error.line = 0; /* all of it stands in this line */
    jc_put_string(&writer, "error", jc_error_format(&error, message, sizeof(message)));
  }
  jc_put_end(&writer);
  (void)jc_put_finish(&writer, &text, NULL, &no_memory);
  return text;
}

/* ---- all lines ---- */

static enum jc_status find_threads(const struct inspect_lines *lines, uint32_t *threads,
                                   struct jc_error *error) {
  struct jc_machine machine;
  *threads = (uint32_t)lines->threads.value;
  if (!lines->threads.given && jc_environment_probe(NULL, &machine, error) == JC_OK)
    *threads = machine.cpus;
  return error->status;
}

static int open_lines(const char *path, struct jc_error *error) {
  if (strcmp(path, "-") == 0)
    return STDIN_FILENO;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    (void)jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot open: %s", strerror(errno));
    jc_error_name_file(error, path);
  }
  return fd;
}

static int run_batch(const struct inspect_lines *lines, int fd, uint32_t threads,
                     struct jc_error *error) {
  struct worker *workers = calloc(threads, sizeof(*workers));
  struct batch_result result = {0};
  const struct batch batch = {.fd = fd,
                              .file = jc_file_shown_name(lines->path),
                              .out = stdout,
                              .threads = threads,
                              .stop = interrupt_flag(),
                              .workers = workers,
                              .worker_size = sizeof(*workers),
                              .answer = answer};
  for (uint32_t i = 0; workers != NULL && i < threads; i++)
    workers[i].lines = lines;
  if (workers == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else
    (void)batch_run(&batch, &result, error);
  for (uint32_t i = 0; workers != NULL && i < threads; i++)
    unload_model(&workers[i].loaded);
  free(workers);
  if (result.stopped)
    (void)jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "stopped after %llu lines",
                  (unsigned long long)result.answered);
  else if (result.failed > 0)
    (void)jc_fail(error, JC_ERROR_INVALID, 0, NULL, "no valid network in %llu of %llu lines",
                  (unsigned long long)result.failed, (unsigned long long)result.answered);
  return result.cannot_read ? exit_code_of_input(error) : exit_code_of(error);
}

int inspect_lines(const struct inspect_lines *lines, struct jc_error *error) {
  uint32_t threads = 1;
  if (find_threads(lines, &threads, error) != JC_OK)
    return exit_code_of(error);
  const int fd = open_lines(lines->path, error);
  if (fd < 0)
    return exit_code_of_input(error);
  const int code = run_batch(lines, fd, threads, error);
  if (fd != STDIN_FILENO)
    (void)close(fd);
  return code;
}
