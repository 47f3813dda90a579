/* json_scan.c -- the strict JSON grammar over raw text; no recursion. */
#include "estimator/json_scan.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER_LENGTH = 63 }; /* cJSON copies numbers into 64 bytes */

struct scanner {
  const char *text;
  size_t length, at;
  uint32_t line;
  struct jc_json_nodes nodes;
  uint32_t capacity;
  uint32_t depth;
  uint32_t open[JC_JSON_MAX_DEPTH]; /* nodes of the containers around `at` */
  uint32_t last[JC_JSON_MAX_DEPTH]; /* their latest children; 0: none yet */
  struct jc_error *error;
};

/* The byte at the cursor, or -1 at the end. */
static int peek(const struct scanner *s) {
  return s->at < s->length ? (unsigned char)s->text[s->at] : -1;
}

static enum jc_status fail_expected(struct scanner *s, const char *expected) {
  char found[24] = "the end of the text";
  int c = peek(s);
  if (c > 0x20 && c < 0x7f)
    (void)snprintf(found, sizeof found, "'%c'", c);
  else if (c >= 0)
    (void)snprintf(found, sizeof found, "byte 0x%02x", (unsigned)c);
  return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL, "expected %s, got %s", expected, found);
}

static void skip_space(struct scanner *s) {
  for (; s->at < s->length; s->at++) {
    char c = s->text[s->at];
    if (c == '\n')
      s->line++;
    else if (c != ' ' && c != '\t' && c != '\r')
      return;
  }
}

size_t jc_utf8_length(const char *text, size_t size) {
  const unsigned char *b = (const unsigned char *)text;
  unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
  size_t length;
  if (size == 0)
    return 0;
  if (b[0] < 0x80) {
    return 1;
  } else if (b[0] >= 0xc2 && b[0] <= 0xdf) {
    length = 2;
  } else if (b[0] >= 0xe0 && b[0] <= 0xef) {
    length = 3;
    low = b[0] == 0xe0 ? 0xa0 : low;   /* overlong below */
    high = b[0] == 0xed ? 0x9f : high; /* surrogates above */
  } else if (b[0] >= 0xf0 && b[0] <= 0xf4) {
    length = 4;
    low = b[0] == 0xf0 ? 0x90 : low;
    high = b[0] == 0xf4 ? 0x8f : high; /* U+10FFFF */
  } else {
    return 0;
  }
  if (size < length || b[1] < low || b[1] > high)
    return 0;
  for (size_t i = 2; i < length; i++)
    if (b[i] < 0x80 || b[i] > 0xbf)
      return 0;
  return length;
}

/* Four hexadecimal digits at the cursor, or -1. */
static int scan_hex4(struct scanner *s) {
  int value = 0;
  for (int i = 0; i < 4; i++, s->at++) {
    int c = peek(s);
    if (c >= '0' && c <= '9')
      value = value * 16 + c - '0';
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
      value = value * 16 + (c | 0x20) - 'a' + 10;
    else
      return -1;
  }
  return value;
}

/* What follows `\u`: a character of the basic plane or a surrogate pair. */
static enum jc_status scan_unicode_escape(struct scanner *s) {
  int unit = scan_hex4(s);
  if (unit < 0)
    return fail_expected(s, "four hexadecimal digits after \\u");
  if (unit == 0)
    return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL, "\\u0000 is not allowed in a string");
  if (unit >= 0xd800 && unit <= 0xdbff && s->length - s->at >= 6 && s->text[s->at] == '\\' &&
      s->text[s->at + 1] == 'u') {
    s->at += 2;
    int second = scan_hex4(s);
    if (second >= 0xdc00 && second <= 0xdfff)
      return JC_OK;
  }
  if (unit >= 0xd800 && unit <= 0xdfff) {
    return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL,
                   "\\u%04x is half a character: expected a surrogate pair", (unsigned)unit);
  }
  return JC_OK;
}

/* A string from its opening quote on. */
static enum jc_status scan_string(struct scanner *s) {
  for (s->at++; peek(s) != '"';) {
    int c = peek(s);
    if (c < 0 || c == '\n') {
      return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL,
                     "expected '\"' at the end of a string, got the end of the %s",
                     c < 0 ? "text" : "line");
    }
    if (c < 0x20) {
      return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL,
                     "control character 0x%02x in a string", (unsigned)c);
    }
    if (c == '\\') {
      s->at++;
      c = peek(s);
      if (c < 0 || c == 0 || !strchr("\"\\/bfnrtu", c))
        return fail_expected(s, "one of \"\\/bfnrtu after '\\'");
      s->at++;
      if (c == 'u' && scan_unicode_escape(s) != JC_OK)
        return s->error->status;
      continue;
    }
    size_t bytes = jc_utf8_length(s->text + s->at, s->length - s->at);
    if (bytes == 0) {
      return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL,
                     "invalid UTF-8 in a string: byte 0x%02x", (unsigned)c);
    }
    s->at += bytes;
  }
  s->at++;
  return JC_OK;
}

/* At least one digit. */
static enum jc_status scan_digits(struct scanner *s, const char *expected) {
  if (peek(s) < '0' || peek(s) > '9')
    return fail_expected(s, expected);
  while (peek(s) >= '0' && peek(s) <= '9')
    s->at++;
  return JC_OK;
}

static enum jc_status scan_number(struct scanner *s) {
  size_t start = s->at;
  s->at += peek(s) == '-';
  if (peek(s) == '0' && s->length - s->at > 1 && s->text[s->at + 1] >= '0' &&
      s->text[s->at + 1] <= '9') {
    return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL,
                   "expected a number without leading zeros, got '0%c'", s->text[s->at + 1]);
  }
  if (scan_digits(s, "a digit") != JC_OK)
    return s->error->status;
  if (peek(s) == '.') {
    s->at++;
    if (scan_digits(s, "a digit after '.'") != JC_OK)
      return s->error->status;
  }
  if (peek(s) == 'e' || peek(s) == 'E') {
    s->at++;
    s->at += peek(s) == '+' || peek(s) == '-';
    if (scan_digits(s, "a digit in the exponent") != JC_OK)
      return s->error->status;
  }
  if (s->at - start > MAX_NUMBER_LENGTH) {
    return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL,
                   "expected a number of at most %d characters, got %zu", MAX_NUMBER_LENGTH,
                   s->at - start);
  }
  return JC_OK;
}

static enum jc_status scan_word(struct scanner *s, const char *word) {
  size_t length = strlen(word);
  if (s->length - s->at < length || memcmp(s->text + s->at, word, length) != 0)
    return fail_expected(s, "a value");
  s->at += length;
  return JC_OK;
}

/* False with an error if there is no more room. */
static bool grow(struct scanner *s) {
  if (s->nodes.count == JC_JSON_MAX_VALUES) {
    jc_fail(s->error, JC_ERROR_OVERFLOW, s->line, NULL,
            "expected at most %d values in one document", JC_JSON_MAX_VALUES);
    return false;
  }
  uint32_t capacity = s->capacity ? 2 * s->capacity : 64;
  void *node = realloc(s->nodes.node, capacity * sizeof *s->nodes.node);
  if (!node) {
    jc_fail(s->error, JC_ERROR_STORAGE, s->line, NULL, "out of memory");
    return false;
  }
  s->nodes.node = node;
  s->capacity = capacity;
  return true;
}

/* Adds the node of the value at the cursor, child of the innermost open container;
 * false with an error if there is no more room. */
static bool add_node(struct scanner *s, enum jc_json_type type) {
  if ((!s->nodes.node || s->nodes.count == s->capacity) && !grow(s))
    return false;
  uint32_t index = s->nodes.count++;
  struct jc_json_node *nodes = s->nodes.node;
  nodes[index] = (struct jc_json_node){.type = type, .line = s->line, .offset = (uint32_t)s->at};
  if (s->depth > 0) {
    uint32_t parent = s->open[s->depth - 1], previous = s->last[s->depth - 1];
    nodes[index].parent = parent;
    nodes[index].position = nodes[parent].child_count++;
    if (previous)
      nodes[previous].next = index;
    s->last[s->depth - 1] = index;
  }
  return true;
}

static enum jc_status open_container(struct scanner *s) {
  if (s->depth == JC_JSON_MAX_DEPTH) {
    return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL,
                   "expected at most %d objects and arrays inside each other", JC_JSON_MAX_DEPTH);
  }
  s->open[s->depth] = s->nodes.count - 1;
  s->last[s->depth++] = 0;
  s->at++;
  return JC_OK;
}

/* The value at the cursor; of a container only its opening bracket. */
static enum jc_status scan_value(struct scanner *s) {
  int c = peek(s);
  enum jc_json_type type = c == '{'               ? JC_JSON_OBJECT
                           : c == '['             ? JC_JSON_ARRAY
                           : c == '"'             ? JC_JSON_STRING
                           : c == 't' || c == 'f' ? JC_JSON_BOOL
                           : c == 'n'             ? JC_JSON_NULL
                                                  : JC_JSON_NUMBER;
  if (type == JC_JSON_NUMBER && c != '-' && (c < '0' || c > '9'))
    return fail_expected(s, "a value");
  if (!add_node(s, type))
    return s->error->status;
  uint32_t index = s->nodes.count - 1;
  enum jc_status status = JC_OK;
  switch (type) {
  case JC_JSON_OBJECT:
  case JC_JSON_ARRAY:
    return open_container(s);
  case JC_JSON_STRING:
    status = scan_string(s);
    break;
  case JC_JSON_NUMBER:
    status = scan_number(s);
    break;
  case JC_JSON_BOOL:
    status = scan_word(s, c == 't' ? "true" : "false");
    break;
  case JC_JSON_NULL:
    status = scan_word(s, "null");
    break;
  }
  s->nodes.node[index].length = (uint32_t)s->at - s->nodes.node[index].offset;
  return status;
}

/* The key and colon before a member's value. */
static enum jc_status scan_key(struct scanner *s) {
  if (peek(s) != '"')
    return fail_expected(s, "a key in double quotes");
  if (scan_string(s) != JC_OK)
    return s->error->status;
  skip_space(s);
  if (peek(s) != ':')
    return fail_expected(s, "':'");
  s->at++;
  skip_space(s);
  return JC_OK;
}

/* Closes what ends here and steps over a comma. *more: a further value follows. */
static enum jc_status scan_separators(struct scanner *s, bool *more) {
  for (*more = false; s->depth > 0 && !*more;) {
    struct jc_json_node *container = &s->nodes.node[s->open[s->depth - 1]];
    bool object = container->type == JC_JSON_OBJECT;
    bool empty = container->child_count == 0;
    skip_space(s);
    if (peek(s) == (object ? '}' : ']')) {
      s->at++;
      s->depth--;
      container->length = (uint32_t)s->at - container->offset;
    } else if (empty) {
      *more = true;
    } else if (peek(s) == ',') {
      s->at++;
      skip_space(s);
      *more = true;
    } else {
      return fail_expected(s, object ? "',' or '}'" : "',' or ']'");
    }
  }
  return JC_OK;
}

static enum jc_status scan_document(struct scanner *s) {
  skip_space(s);
  if (s->at == s->length)
    return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL, "expected a JSON value, got nothing");
  if (s->length >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0) {
    return jc_fail(s->error, JC_ERROR_INVALID, s->line, NULL,
                   "expected UTF-8 without a byte order mark");
  }
  for (bool more = true; more;) {
    bool member = s->depth > 0 && s->nodes.node[s->open[s->depth - 1]].type == JC_JSON_OBJECT;
    if ((member && scan_key(s) != JC_OK) || scan_value(s) != JC_OK ||
        scan_separators(s, &more) != JC_OK)
      return s->error->status;
  }
  skip_space(s);
  return s->at == s->length ? JC_OK : fail_expected(s, "nothing after the JSON value");
}

enum jc_status jc_json_scan(const char *text, size_t length, uint32_t first_line,
                            struct jc_json_nodes *nodes, struct jc_error *error) {
  struct scanner s = {.text = text, .length = length, .line = first_line, .error = error};
  *nodes = (struct jc_json_nodes){0};
  if (length > UINT32_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "expected less than 4 GiB of JSON");
  if (scan_document(&s) != JC_OK) {
    free(s.nodes.node);
    return error->status;
  }
  *nodes = s.nodes;
  return JC_OK;
}
