/* json.c -- documents, nodes and getters: the strict scan beside the cJSON tree.
 *
 * cJSON decodes strings and numbers, but has no positions and accepts what is not JSON. So the text
 * is scanned first (json_scan.c), and the scanner's nodes are then joined with cJSON's items, which
 * come in the same order. Only this file includes cJSON.
 */
#include "estimator/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/json_scan.h"
#include "estimator/layers.h"

enum { ECHO_LENGTH = 40 }; /* characters of a value in a message */

struct jc_json {
  struct jc_json_nodes nodes;
  cJSON *tree;
  char *text;
  char file[256];
};

/* ---- building ---- */

static bool same_type(const cJSON *item, enum jc_json_type type) {
  switch (type) {
  case JC_JSON_NULL:
    return cJSON_IsNull(item);
  case JC_JSON_BOOL:
    return cJSON_IsBool(item);
  case JC_JSON_NUMBER:
    return cJSON_IsNumber(item);
  case JC_JSON_STRING:
    return cJSON_IsString(item);
  case JC_JSON_ARRAY:
    return cJSON_IsArray(item);
  case JC_JSON_OBJECT:
    return cJSON_IsObject(item);
  }
  return false;
}

/* A node's children and next sibling come after it, so one pass in order meets every item. */
static enum jc_status join_tree(struct jc_json *document, struct jc_error *error) {
  struct jc_json_node *nodes = document->nodes.node;
  nodes[0].item = document->tree;
  for (uint32_t i = 0; i < document->nodes.count; i++) {
    struct jc_json_node *node = &nodes[i];
    node->document = document;
    if (!node->item || !same_type(node->item, node->type)) {
      return jc_fail(error, JC_ERROR_RUNTIME, node->line, NULL,
                     "cJSON %s read something else than the text says", cJSON_Version());
    }
    if (node->child_count > 0)
      nodes[i + 1].item = node->item->child;
    if (node->next)
      nodes[node->next].item = node->item->next;
  }
  return JC_OK;
}

/* Numbers that no double can hold: `1e999`, and `1e-999`, which would silently be 0. */
static enum jc_status check_number(const struct jc_json_node *node, struct jc_error *error) {
  const char *token = jc_json_text(node);
  char echo[JC_JSON_ECHO_SIZE];
  if (isinf(node->item->valuedouble)) {
    return jc_json_fail(node, error, "expected a finite number, got %s",
                        jc_json_echo(node, echo, sizeof echo));
  }
  size_t mantissa = 0;
  while (mantissa < node->length && !strchr("eE123456789", token[mantissa]))
    mantissa++;
  if (node->item->valuedouble == 0 && mantissa < node->length && (token[mantissa] | 0x20) != 'e') {
    return jc_json_fail(node, error, "expected a number of at least 2.3e-308, got %s",
                        jc_json_echo(node, echo, sizeof echo));
  }
  return JC_OK;
}

struct member {
  const char *key;
  const struct jc_json_node *node;
};

static int compare_members(const void *a, const void *b) {
  const struct member *x = a, *y = b;
  int order = strcmp(x->key, y->key);
  return order ? order : (x->node > y->node) - (x->node < y->node);
}

/* SORTED is scratch for the members of the largest object. */
static enum jc_status check_keys(const struct jc_json_node *object, struct member *sorted,
                                 struct jc_error *error) {
  size_t count = 0;
  for (const struct jc_json_node *n = jc_json_first(object); n; n = jc_json_next(n))
    sorted[count++] = (struct member){jc_json_key(n), n};
  qsort(sorted, count, sizeof *sorted, compare_members);
  for (size_t i = 1; i < count; i++)
    if (strcmp(sorted[i - 1].key, sorted[i].key) == 0)
      return jc_json_fail(sorted[i].node, error, "the key is repeated: first given in line %lu",
                          (unsigned long)sorted[i - 1].node->line);
  return JC_OK;
}

static enum jc_status check_values(const struct jc_json *document, struct jc_error *error) {
  const struct jc_json_node *nodes = document->nodes.node;
  size_t largest = 1;
  for (uint32_t i = 0; i < document->nodes.count; i++)
    if (nodes[i].type == JC_JSON_OBJECT && nodes[i].child_count > largest)
      largest = nodes[i].child_count;
  struct member *scratch = calloc(largest, sizeof *scratch);
  if (!scratch)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (uint32_t i = 0; i < document->nodes.count && !jc_error_is_set(error); i++)
    if (nodes[i].type == JC_JSON_NUMBER)
      check_number(&nodes[i], error);
    else if (nodes[i].child_count > 1 && nodes[i].type == JC_JSON_OBJECT)
      check_keys(&nodes[i], scratch, error);
  free(scratch);
  return error->status;
}

static enum jc_status build(struct jc_json *document, const char *text, size_t length,
                            uint32_t first_line, struct jc_error *error) {
  if (jc_json_scan(text, length, first_line, &document->nodes, error) != JC_OK)
    return error->status;
  document->text = malloc(length + 1);
  document->tree = cJSON_ParseWithLength(text, length);
  if (!document->text || !document->tree)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  memcpy(document->text, text, length);
  document->text[length] = '\0';
  if (join_tree(document, error) != JC_OK)
    return error->status;
  return check_values(document, error);
}

enum jc_status jc_json_parse(const char *text, size_t length, const char *file, uint32_t first_line,
                             struct jc_json **document, struct jc_error *error) {
  *document = NULL;
  if (jc_error_is_set(error))
    return error->status;
  struct jc_json *made = calloc(1, sizeof *made);
  if (!made)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  (void)snprintf(made->file, sizeof made->file, "%s", file ? file : "");
  if (build(made, text, length, first_line, error) != JC_OK) {
    jc_error_name_file(error, made->file);
    jc_json_free(made);
    return error->status;
  }
  *document = made;
  return JC_OK;
}

void jc_json_free(struct jc_json *document) {
  if (document) {
    cJSON_Delete(document->tree);
    free(document->nodes.node);
    free(document->text);
    free(document);
  }
}

/* ---- walking ---- */

const struct jc_json_node *jc_json_root(const struct jc_json *document) {
  return &document->nodes.node[0];
}

const char *jc_json_file(const struct jc_json *document) {
  return document->file;
}

uint32_t jc_json_count(const struct jc_json *document) {
  return document->nodes.count;
}

uint32_t jc_json_index(const struct jc_json_node *node) {
  return (uint32_t)(node - node->document->nodes.node);
}

const struct jc_json *jc_json_document(const struct jc_json_node *node) {
  return node->document;
}

enum jc_json_type jc_json_type(const struct jc_json_node *node) {
  return node->type;
}

uint32_t jc_json_line(const struct jc_json_node *node) {
  return node->line;
}

const char *jc_json_key(const struct jc_json_node *node) {
  return node->item->string;
}

uint32_t jc_json_length(const struct jc_json_node *node) {
  return node->child_count;
}

const struct jc_json_node *jc_json_first(const struct jc_json_node *node) {
  return node->child_count > 0 ? node + 1 : NULL;
}

const struct jc_json_node *jc_json_next(const struct jc_json_node *node) {
  return node->next ? &node->document->nodes.node[node->next] : NULL;
}

const struct jc_json_node *jc_json_member(const struct jc_json_node *object, const char *name) {
  if (!object || object->type != JC_JSON_OBJECT)
    return NULL;
  const struct jc_json_node *member = jc_json_first(object);
  /* Most keys differ in their first byte. */
  while (member && (jc_json_key(member)[0] != name[0] || strcmp(jc_json_key(member), name) != 0))
    member = jc_json_next(member);
  return member;
}

const struct jc_json_node *jc_json_need(const struct jc_json_node *object, const char *name,
                                        struct jc_error *error) {
  if (!object || jc_json_want(object, JC_JSON_OBJECT, error) != JC_OK)
    return NULL;
  const struct jc_json_node *member = jc_json_member(object, name);
  if (!member)
    jc_json_fail(object, error, "'%s' is missing", name);
  return member;
}

const char *jc_json_text(const struct jc_json_node *node) {
  return node->document->text + node->offset;
}

const char *jc_json_string(const struct jc_json_node *node) {
  return node && node->type == JC_JSON_STRING ? node->item->valuestring : NULL;
}

/* ---- messages ---- */

char *jc_json_path(const struct jc_json_node *node, char *buffer, size_t size) {
  const struct jc_json_node *chain[JC_JSON_MAX_DEPTH + 1];
  const struct jc_json_node *nodes = node->document->nodes.node;
  size_t depth = 0, used = 0;
  for (const struct jc_json_node *n = node; n != nodes; n = &nodes[n->parent])
    chain[depth++] = n;
  if (size > 0)
    buffer[0] = '\0';
  while (depth > 0 && used < size) {
    const struct jc_json_node *n = chain[--depth];
    const char *key = jc_json_key(n);
    int written = key ? snprintf(buffer + used, size - used, "%s%s", used ? "." : "", key)
                      : snprintf(buffer + used, size - used, "[%lu]", (unsigned long)n->position);
    used += written > 0 ? (size_t)written : 0;
  }
  return buffer;
}

enum jc_status jc_json_place(const struct jc_json_node *node, struct jc_error *error) {
  char path[sizeof error->path];
  error->file[0] = '\0';
  jc_error_place(error, error->status, node->line, jc_json_path(node, path, sizeof path));
  jc_error_name_file(error, node->document->file);
  return error->status;
}

/* Bytes of the first ECHO_LENGTH characters of TEXT, or of all. */
static size_t cut(const char *text, size_t length) {
  size_t used = 0;
  for (int i = 0; i < ECHO_LENGTH && used < length; i++)
    used += jc_utf8_length(text + used, length - used);
  return used;
}

char *jc_json_echo(const struct jc_json_node *node, char *buffer, size_t size) {
  const char *text = jc_json_text(node);
  size_t length = node->length, shown;
  switch (node->type) {
  case JC_JSON_OBJECT:
  case JC_JSON_ARRAY:
    (void)snprintf(buffer, size, "%s", node->type == JC_JSON_ARRAY ? "an array" : "an object");
    break;
  case JC_JSON_STRING:
    text = node->item->valuestring;
    length = strlen(text);
    shown = cut(text, length);
    (void)snprintf(buffer, size, "\"%.*s%s\"", (int)shown, text, shown < length ? "..." : "");
    break;
  case JC_JSON_NUMBER:
  case JC_JSON_BOOL:
  case JC_JSON_NULL:
    shown = cut(text, length);
    (void)snprintf(buffer, size, "%.*s%s", (int)shown, text, shown < length ? "..." : "");
    break;
  }
  return buffer;
}

enum jc_status jc_json_suggest(struct jc_error *error, const char *word, const char *const *names,
                               size_t count) {
  const char *closest = jc_closest_name(word, names, count);
  if (closest) {
    size_t used = strlen(error->text);
    (void)snprintf(error->text + used, sizeof error->text - used, ", did you mean '%s'?", closest);
  }
  return error->status;
}

static enum jc_status fail_expected(const struct jc_json_node *node, struct jc_error *error,
                                    const char *expected) {
  char echo[JC_JSON_ECHO_SIZE];
  return jc_json_fail(node, error, "expected %s, got %s", expected,
                      jc_json_echo(node, echo, sizeof echo));
}

/* Every getter's opening: nothing to do if there is no node or the error is already set. */
static bool skip(const struct jc_json_node *node, const struct jc_error *error) {
  return !node || jc_error_is_set(error);
}

enum jc_status jc_json_want(const struct jc_json_node *node, enum jc_json_type type,
                            struct jc_error *error) {
  static const char *const names[] = {
      [JC_JSON_NULL] = "null",       [JC_JSON_BOOL] = "true or false",
      [JC_JSON_NUMBER] = "a number", [JC_JSON_STRING] = "a string",
      [JC_JSON_ARRAY] = "an array",  [JC_JSON_OBJECT] = "an object",
  };
  if (skip(node, error) || node->type == type)
    return error->status;
  return fail_expected(node, error, names[type]);
}

/* ---- whole objects ---- */

static enum jc_status fail_unknown_key(const struct jc_json_node *member, const char *const *names,
                                       size_t count, struct jc_error *error) {
  if (jc_closest_name(jc_json_key(member), names, count)) {
    jc_json_fail(member, error, "unknown key");
    return jc_json_suggest(error, jc_json_key(member), names, count);
  }
  char list[400] = "";
  for (size_t i = 0, used = 0; i < count && used < sizeof list; i++) {
    int written = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    used += written > 0 ? (size_t)written : 0;
  }
  return jc_json_fail(member, error, "unknown key, expected one of %s", list);
}

enum jc_status jc_json_only_keys(const struct jc_json_node *object, const char *const *names,
                                 size_t count, struct jc_error *error) {
  if (skip(object, error) || jc_json_want(object, JC_JSON_OBJECT, error) != JC_OK)
    return error->status;
  for (const struct jc_json_node *n = jc_json_first(object); n; n = jc_json_next(n)) {
    size_t i = 0;
    while (i < count && strcmp(names[i], jc_json_key(n)) != 0)
      i++;
    if (i == count)
      return fail_unknown_key(n, names, count, error);
  }
  return JC_OK;
}

enum jc_status jc_json_check_schema(const struct jc_json_node *object, const char *schema,
                                    struct jc_error *error) {
  const struct jc_json_node *node = jc_json_need(object, "schema", error);
  if (skip(node, error) || jc_json_want(node, JC_JSON_STRING, error) != JC_OK ||
      strcmp(jc_json_string(node), schema) == 0)
    return error->status;
  char echo[JC_JSON_ECHO_SIZE];
  return jc_json_fail_as(node, JC_ERROR_MISMATCH, error, "expected \"%s\", got %s", schema,
                         jc_json_echo(node, echo, sizeof echo));
}

/* ---- single values ---- */

enum whole { WHOLE, WHOLE_TOO_LARGE, NOT_WHOLE };

/* The exact value of a number's text: its digits without the point, times a power of ten. A double
 * would round above 2^53, and would take 0.99999999999999999999 for 1. */
static enum whole parse_whole(const char *token, size_t length, bool *negative,
                              uint64_t *magnitude) {
  size_t i = *negative = token[0] == '-';
  long zeros = 0, scale = 0; /* zeros not yet multiplied in; digits after the point */
  long exponent = 0;
  bool fraction = false;
  enum whole result = WHOLE;
  *magnitude = 0;
  for (; i < length && token[i] != 'e' && token[i] != 'E'; i++) {
    if (token[i] == '.') {
      fraction = true;
      continue;
    }
    scale += fraction;
    zeros++;
    for (; token[i] != '0' && zeros > 0; zeros--) {
      if (*magnitude > UINT64_MAX / 10)
        result = WHOLE_TOO_LARGE;
      *magnitude *= 10;
    }
    unsigned digit = (unsigned)(token[i] - '0');
    if (*magnitude > UINT64_MAX - digit)
      result = WHOLE_TOO_LARGE;
    *magnitude += digit;
  }
  if (*magnitude == 0 && result == WHOLE)
    return WHOLE;
  if (i < length)
    exponent = strtol(token + i + 1, NULL, 10); /* of a finite double: below 1000 */
  zeros += exponent - scale;
  if (zeros < 0)
    return NOT_WHOLE;
  for (; zeros > 0 && result == WHOLE; zeros--) {
    if (*magnitude > UINT64_MAX / 10)
      result = WHOLE_TOO_LARGE;
    *magnitude *= 10;
  }
  return result;
}

static enum whole node_whole(const struct jc_json_node *node, bool *negative, uint64_t *magnitude) {
  if (node->type != JC_JSON_NUMBER)
    return NOT_WHOLE;
  return parse_whole(jc_json_text(node), node->length, negative, magnitude);
}

enum jc_status jc_json_get_uint(const struct jc_json_node *node, uint64_t minimum, uint64_t maximum,
                                uint64_t *out, struct jc_error *error) {
  if (skip(node, error))
    return error->status;
  bool negative = false;
  uint64_t value = 0;
  enum whole whole = node_whole(node, &negative, &value);
  negative = negative && value > 0;
  if (whole == WHOLE && !negative && value >= minimum && value <= maximum) {
    *out = value;
    return JC_OK;
  }
  char expected[80];
  bool too_large = !negative && (whole == WHOLE_TOO_LARGE || (whole == WHOLE && value > maximum));
  if (minimum <= 1) {
    (void)snprintf(expected, sizeof expected, "a %s integer",
                   minimum == 1 ? "positive" : "non-negative");
  } else {
    (void)snprintf(expected, sizeof expected, "an integer of at least %llu",
                   (unsigned long long)minimum);
  }
  if (too_large) {
    size_t used = strlen(expected);
    (void)snprintf(expected + used, sizeof expected - used, " up to %llu",
                   (unsigned long long)maximum);
  }
  return fail_expected(node, error, expected);
}

enum jc_status jc_json_get_int(const struct jc_json_node *node, int64_t minimum, int64_t maximum,
                               int64_t *out, struct jc_error *error) {
  if (skip(node, error))
    return error->status;
  bool negative = false;
  uint64_t magnitude = 0;
  enum whole whole = node_whole(node, &negative, &magnitude);
  if (whole == WHOLE && magnitude <= (uint64_t)INT64_MAX + negative) {
    /* -1 - (magnitude - 1) reaches INT64_MIN without overflow. */
    int64_t value =
        !negative || magnitude == 0 ? (int64_t)magnitude : -1 - (int64_t)(magnitude - 1);
    if (value >= minimum && value <= maximum) {
      *out = value;
      return JC_OK;
    }
  }
  char expected[80];
  (void)snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)minimum,
                 (long long)maximum);
  return fail_expected(node, error, expected);
}

enum jc_status jc_json_get_real(const struct jc_json_node *node, double minimum, double maximum,
                                double *out, struct jc_error *error) {
  if (skip(node, error))
    return error->status;
  if (node->type == JC_JSON_NUMBER && node->item->valuedouble >= minimum &&
      node->item->valuedouble <= maximum) {
    *out = node->item->valuedouble;
    return JC_OK;
  }
  char expected[80] = "a number", *end = expected + strlen(expected);
  size_t left = sizeof expected - strlen(expected);
  if (minimum == JC_JSON_POSITIVE && isinf(maximum))
    (void)snprintf(expected, sizeof expected, "a positive number");
  else if (minimum == JC_JSON_POSITIVE)
    (void)snprintf(expected, sizeof expected, "a positive number up to %.15g", maximum);
  else if (!isinf(minimum) && !isinf(maximum))
    (void)snprintf(end, left, " from %.15g to %.15g", minimum, maximum);
  else if (!isinf(minimum))
    (void)snprintf(end, left, " of at least %.15g", minimum);
  else if (!isinf(maximum))
    (void)snprintf(end, left, " of at most %.15g", maximum);
  return fail_expected(node, error, expected);
}

enum jc_status jc_json_get_bool(const struct jc_json_node *node, bool *out,
                                struct jc_error *error) {
  if (!skip(node, error) && jc_json_want(node, JC_JSON_BOOL, error) == JC_OK)
    *out = cJSON_IsTrue(node->item);
  return error->status;
}

enum jc_status jc_json_get_string(const struct jc_json_node *node, const char **out,
                                  struct jc_error *error) {
  if (!skip(node, error) && jc_json_want(node, JC_JSON_STRING, error) == JC_OK)
    *out = node->item->valuestring;
  return error->status;
}

enum jc_status jc_json_copy_string(const struct jc_json_node *node, char *buffer, size_t size,
                                   struct jc_error *error) {
  if (skip(node, error) || jc_json_want(node, JC_JSON_STRING, error) != JC_OK)
    return error->status;
  const char *value = node->item->valuestring;
  if (strlen(value) >= size) {
    char expected[80];
    (void)snprintf(expected, sizeof expected, "a string of at most %zu bytes", size - 1);
    return fail_expected(node, error, expected);
  }
  memcpy(buffer, value, strlen(value) + 1);
  return JC_OK;
}

enum jc_status jc_json_get_choice(const struct jc_json_node *node, const char *const *names,
                                  size_t count, size_t *out, struct jc_error *error) {
  if (skip(node, error))
    return error->status;
  const char *value = node->type == JC_JSON_STRING ? node->item->valuestring : "";
  for (size_t i = 0; i < count; i++) {
    if (strcmp(value, names[i]) == 0) {
      *out = i;
      return JC_OK;
    }
  }
  char expected[300] = "";
  for (size_t i = 0, used = 0; i < count && used < sizeof expected; i++) {
    const char *comma = i == 0 ? "" : i + 1 == count ? " or " : ", ";
    int written = snprintf(expected + used, sizeof expected - used, "%s\"%s\"", comma, names[i]);
    used += written > 0 ? (size_t)written : 0;
  }
  return fail_expected(node, error, expected);
}
