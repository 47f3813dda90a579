/* error.c -- errors as values: placing, naming and printing them. */
#include "estimator/error.h"

#include <assert.h>
#include <string.h>

/* Echoed input must not reach a terminal with its escape sequences: C0 controls and DEL are single
 * bytes, C1 controls are 0xC2 0x80..0x9F in UTF-8. */
static void replace_controls(char *text) {
  for (char *c = text; *c; c++) {
    unsigned char byte = (unsigned char)c[0], next = (unsigned char)c[1];
    if (byte < 0x20 || byte == 0x7f)
      *c = '?';
    else if (byte == 0xc2 && next >= 0x80 && next <= 0x9f)
      c[0] = c[1] = '?';
  }
}

static void set(char *field, size_t size, const char *value) {
  (void)snprintf(field, size, "%s", value);
  replace_controls(field);
}

int jc_error_is_set(const struct jc_error *error) {
  return error->status != JC_OK;
}

enum jc_status jc_error_place(struct jc_error *error, enum jc_status status, uint32_t line,
                              const char *path) {
  assert(status < 0);
  error->status = status;
  error->line = line;
  set(error->path, sizeof error->path, path ? path : "");
  replace_controls(error->text);
  return status;
}

void jc_error_name_file(struct jc_error *error, const char *file) {
  if (jc_error_is_set(error) && !error->file[0])
    set(error->file, sizeof error->file, file);
}

char *jc_error_format(const struct jc_error *error, char *buffer, size_t size) {
  char place[sizeof error->file + 16] = "";
  if (error->file[0] && error->line)
    (void)snprintf(place, sizeof place, "%s:%lu: ", error->file, (unsigned long)error->line);
  else if (error->file[0])
    (void)snprintf(place, sizeof place, "%s: ", error->file);
  else if (error->line)
    (void)snprintf(place, sizeof place, "line %lu: ", (unsigned long)error->line);
  (void)snprintf(buffer, size, "%s%s%s%s", place, error->path, error->path[0] ? ": " : "",
                 error->text);
  return buffer;
}

const char *jc_status_name(enum jc_status status) {
  switch (status) {
  case JC_OK:
    return "ok";
  case JC_ERROR_USAGE:
    return "usage";
  case JC_ERROR_INVALID:
    return "invalid";
  case JC_ERROR_OVERFLOW:
    return "overflow";
  case JC_ERROR_MISMATCH:
    return "mismatch";
  case JC_ERROR_MISSING:
    return "missing";
  case JC_ERROR_STORAGE:
    return "storage";
  case JC_ERROR_IO:
    return "io";
  case JC_ERROR_UNAVAILABLE:
    return "unavailable";
  case JC_ERROR_RUNTIME:
    return "runtime";
  }
  return "unknown";
}
