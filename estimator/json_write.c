/* json_write.c -- JSON text, value by value. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/json.h"
#include "estimator/json_scan.h"

void jc_put_start(struct jc_json_writer *writer, enum jc_json_style style) {
  *writer = (struct jc_json_writer){.style = style};
}

static void append(struct jc_json_writer *w, const char *text, size_t length) {
  if (w->failed)
    return;
  if (w->capacity - w->length <= length) { /* one byte more, for the end */
    size_t capacity = w->capacity < 512 ? 1024 : 2 * w->capacity;
    while (capacity - w->length <= length)
      capacity *= 2;
    char *grown = realloc(w->text, capacity);
    if (!grown) {
      w->failed = true;
      return;
    }
    w->text = grown;
    w->capacity = capacity;
  }
  memcpy(w->text + w->length, text, length);
  w->length += length;
}

static void append_text(struct jc_json_writer *w, const char *text) {
  append(w, text, strlen(text));
}

static void append_escape(struct jc_json_writer *w, unsigned char c) {
  static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  const char *found = strchr(plain, c);
  char escape[8];
  if (found)
    (void)snprintf(escape, sizeof escape, "\\%c", letters[found - plain]);
  else
    (void)snprintf(escape, sizeof escape, "\\u%04x", c);
  append_text(w, escape);
}

static void append_quoted(struct jc_json_writer *w, const char *value) {
  append_text(w, "\"");
  for (size_t left = strlen(value); left > 0;) {
    unsigned char c = (unsigned char)*value;
    size_t bytes = jc_utf8_length(value, left);
    if (bytes == 0) {
      append_text(w, "\xef\xbf\xbd"); /* U+FFFD, replacement character */
      bytes = 1;
    } else if (c < 0x20 || c == '"' || c == '\\') {
      append_escape(w, c);
    } else {
      append(w, value, bytes);
    }
    value += bytes;
    left -= bytes;
  }
  append_text(w, "\"");
}

static void break_line(struct jc_json_writer *w) {
  append_text(w, "\n");
  for (uint32_t i = 0; i < w->depth; i++)
    append_text(w, "  ");
}

/* Everything that stands before a value: comma, line break, key. */
static void begin_value(struct jc_json_writer *w, const char *key) {
  bool object = w->depth > 0 && w->open[w->depth - 1].object;
  assert(object == (key != NULL));
  (void)object;
  if (w->depth > 0) {
    bool in_line = w->open[w->depth - 1].in_line, filled = w->open[w->depth - 1].filled;
    if (filled)
      append_text(w, in_line && w->style == JC_JSON_PRETTY ? ", " : ",");
    if (!in_line)
      break_line(w);
    w->open[w->depth - 1].filled = true;
  }
  if (key) {
    append_quoted(w, key);
    append_text(w, w->style == JC_JSON_PRETTY ? ": " : ":");
  }
}

static void open_container(struct jc_json_writer *w, const char *key, bool object, bool in_line) {
  begin_value(w, key);
  assert(w->depth < JC_JSON_MAX_DEPTH);
  in_line =
      in_line || w->style == JC_JSON_COMPACT || (w->depth > 0 && w->open[w->depth - 1].in_line);
  append_text(w, object ? "{" : "[");
  w->open[w->depth].object = object;
  w->open[w->depth].in_line = in_line;
  w->open[w->depth++].filled = false;
}

void jc_put_object(struct jc_json_writer *writer, const char *key) {
  open_container(writer, key, true, false);
}

void jc_put_array(struct jc_json_writer *writer, const char *key) {
  open_container(writer, key, false, false);
}

void jc_put_inline_object(struct jc_json_writer *writer, const char *key) {
  open_container(writer, key, true, true);
}

void jc_put_inline_array(struct jc_json_writer *writer, const char *key) {
  open_container(writer, key, false, true);
}

void jc_put_end(struct jc_json_writer *writer) {
  assert(writer->depth > 0);
  writer->depth--;
  if (writer->open[writer->depth].filled && !writer->open[writer->depth].in_line)
    break_line(writer);
  append_text(writer, writer->open[writer->depth].object ? "}" : "]");
}

void jc_put_null(struct jc_json_writer *writer, const char *key) {
  begin_value(writer, key);
  append_text(writer, "null");
}

void jc_put_string(struct jc_json_writer *writer, const char *key, const char *value) {
  if (!value) {
    jc_put_null(writer, key);
    return;
  }
  begin_value(writer, key);
  append_quoted(writer, value);
}

void jc_put_bool(struct jc_json_writer *writer, const char *key, bool value) {
  begin_value(writer, key);
  append_text(writer, value ? "true" : "false");
}

void jc_put_uint(struct jc_json_writer *writer, const char *key, uint64_t value) {
  char number[24];
  (void)snprintf(number, sizeof number, "%llu", (unsigned long long)value);
  begin_value(writer, key);
  append_text(writer, number);
}

void jc_put_int(struct jc_json_writer *writer, const char *key, int64_t value) {
  char number[24];
  (void)snprintf(number, sizeof number, "%lld", (long long)value);
  begin_value(writer, key);
  append_text(writer, number);
}

/* A locale may print the decimal point as something else, of several bytes even. */
static void restore_point(char *number) {
  char *out = number;
  bool foreign = false;
  for (const char *in = number; *in; in++) {
    bool expected = strchr("+-0123456789e", *in) != NULL;
    if (expected)
      *out++ = *in;
    else if (!foreign)
      *out++ = '.';
    foreign = !expected;
  }
  *out = '\0';
}

void jc_put_real(struct jc_json_writer *writer, const char *key, double value) {
  char number[48] = "";
  if (!isfinite(value)) {
    jc_put_null(writer, key);
    return;
  }
  for (int digits = 15; digits <= 17; digits++) {
    (void)snprintf(number, sizeof number, "%.*g", digits, value);
    if (strtod(number, NULL) == value)
      break;
  }
  restore_point(number);
  begin_value(writer, key);
  append_text(writer, number);
}

/* Nodes stand in the order of the text: a container is closed when its parent's turn comes back. */
void jc_put_node(struct jc_json_writer *writer, const char *key, const struct jc_json_node *node) {
  uint32_t depth = writer->depth;
  const struct jc_json_node *n = node;
  do {
    const char *name = n == node ? key : jc_json_key(n);
    const struct jc_json_node *child = jc_json_first(n), *next = NULL;
    if (n->type == JC_JSON_OBJECT || n->type == JC_JSON_ARRAY) {
      open_container(writer, name, n->type == JC_JSON_OBJECT, false);
      if (!child)
        jc_put_end(writer);
    } else if (n->type == JC_JSON_STRING) {
      jc_put_string(writer, name, jc_json_string(n));
    } else {
      begin_value(writer, name);
      append(writer, jc_json_text(n), n->length);
    }
    for (next = child; !next && writer->depth > depth;) {
      next = jc_json_next(n);
      if (!next) {
        jc_put_end(writer);
        n -= jc_json_index(n) - n->parent;
      }
    }
    n = next;
  } while (n);
}

enum jc_status jc_put_finish(struct jc_json_writer *writer, char **text, size_t *length,
                             struct jc_error *error) {
  assert(writer->depth == 0);
  *text = NULL;
  append_text(writer, writer->style == JC_JSON_PRETTY ? "\n" : "");
  if (writer->failed) {
    jc_put_discard(writer);
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  }
  writer->text[writer->length] = '\0';
  *text = writer->text;
  if (length)
    *length = writer->length;
  *writer = (struct jc_json_writer){0};
  return JC_OK;
}

void jc_put_discard(struct jc_json_writer *writer) {
  free(writer->text);
  *writer = (struct jc_json_writer){0};
}
