/* run_methods.c -- the table of methods on whole runs, and what they share. */
#include "calibrate/run_methods.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/estimator.h"
#include "estimator/file_io.h"

static const struct jc_run_method *const methods[] = {
#define X(name) &jc_run_method_##name,
    JC_RUN_METHODS(X)
#undef X
};

enum { METHOD_COUNT = sizeof(methods) / sizeof(methods[0]) };

const struct jc_run_method *jc_run_method_at(size_t index) {
  return index < METHOD_COUNT ? methods[index] : NULL;
}

const struct jc_run_method *jc_run_method_find(const char *name) {
  for (size_t i = 0; i < METHOD_COUNT; i++) {
    if (strcmp(methods[i]->name, name) == 0)
      return methods[i];
  }
  return NULL;
}

const struct jc_run_method *jc_run_method_only_at(size_t index) {
  for (size_t i = 0; i < METHOD_COUNT; i++) {
    if (jc_method_find(methods[i]->name) == NULL && index-- == 0)
      return methods[i];
  }
  return NULL;
}

/* ---- what no model has ---- */

static bool takes(const struct jc_run_method *method, enum jc_run_number number) {
  for (uint32_t i = 0; i < method->need_count; i++) {
    if (method->needs[i] == number)
      return true;
  }
  return false;
}

static bool is_fitted(const struct jc_run_method *method) {
  return method->fit != NULL;
}

static bool takes_epochs(const struct jc_run_method *method) {
  return takes(method, JC_RUN_FIRST_EPOCH_J) || takes(method, JC_RUN_WINDOW_EPOCH_J) ||
         takes(method, JC_RUN_WINDOW_POWER_W);
}

static bool takes_time(const struct jc_run_method *method) {
  return takes(method, JC_RUN_TIME_S);
}

static const struct {
  bool (*needed)(const struct jc_run_method *method);
  const char *name, *text; /* in a table, in a sentence */
} beyond_model[] = {
    {is_fitted, "fitted runs", "measured runs to be fitted to"},
    {takes_epochs, "measured epochs", "measured epochs of this run"},
    {takes_time, "duration", "the run's measured time"},
};

enum { BEYOND_MODEL = sizeof(beyond_model) / sizeof(beyond_model[0]) };

const char *jc_run_method_needs(const struct jc_run_method *method, char *buffer, size_t size) {
  size_t length = 0;
  buffer[0] = '\0';
  for (size_t i = 0; i < BEYOND_MODEL && length < size; i++) {
    if (beyond_model[i].needed(method))
      length += (size_t)snprintf(buffer + length, size - length, "%s%s", length > 0 ? ", " : "",
                                 beyond_model[i].name);
  }
  return buffer;
}

enum jc_status jc_run_method_lacks(const struct jc_run_method *method, struct jc_error *error) {
  char text[160] = "";
  size_t length = 0;
  for (size_t i = 0; i < BEYOND_MODEL && length < sizeof(text); i++) {
    if (beyond_model[i].needed(method))
      length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
                                 length > 0 ? " and " : "", beyond_model[i].text);
  }
  return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                 "method '%s' needs %s; `joulecast evaluate RUNS.jsonl` forecasts by it",
                 method->name, text);
}

/* ---- fits ---- */

bool jc_run_method_knows(const struct jc_run_method *method, const struct jc_run_row *row,
                         enum jc_run_number *missing) {
  for (uint32_t i = 0; i < method->need_count; i++) {
    if (isnan(row->values[method->needs[i]])) {
      *missing = method->needs[i];
      return false;
    }
  }
  return true;
}

static enum jc_status write_fit(const struct jc_run_method *method, const void *state,
                                const struct jc_run_set *set, uint32_t fitted, const char *path,
                                struct jc_error *error) {
  struct jc_json_writer writer;
  char *text = NULL;
  size_t length = 0;
  jc_put_start(&writer, JC_JSON_PRETTY);
  jc_put_object(&writer, NULL);
  jc_put_string(&writer, "schema", "joulecast.run-fit/1");
  jc_put_string(&writer, "method", method->name);
  jc_put_string(&writer, "formula", method->formula);
  jc_put_string(&writer, "source", method->source);
  jc_put_string(&writer, "runs", set->path);
  jc_put_uint(&writer, "n", fitted);
  method->put(state, &writer);
  jc_put_end(&writer);
  if (jc_put_finish(&writer, &text, &length, error) == JC_OK)
    (void)jc_file_write(path, text, length, error);
  free(text);
  return error->status;
}

enum jc_status jc_run_fit_write(const struct jc_run_method *method, const struct jc_run_set *set,
                                const struct jc_run_fit_options *options, const char *path,
                                uint32_t *fitted, struct jc_error *error) {
  enum jc_run_number missing = JC_RUN_NUMBER_COUNT;
  struct jc_run_subset learnt = {.set = set};
  void *state = NULL;
  uint32_t *rows;
  if (method->fit == NULL)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--method", "%s has no parameters to be fitted",
                   method->name);
  rows = malloc(set->count * sizeof(*rows));
  if (rows == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (uint32_t i = 0; i < set->count; i++) {
    if (jc_run_method_knows(method, &set->rows[i], &missing))
      rows[learnt.count++] = i;
  }
  learnt.rows = rows;
  *fitted = learnt.count;
  if (learnt.count == 0)
    (void)jc_fail(error, JC_ERROR_MISSING, 0, NULL, "%s needs %s, which none of %u runs has",
                  method->name, jc_run_number_key(missing), set->count);
  else if (method->fit(&learnt, options, &state, error) == JC_OK)
    (void)write_fit(method, state, set, learnt.count, path, error);
  if (state != NULL)
    method->release(state);
  free(rows);
  return error->status;
}
