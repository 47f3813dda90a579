/* json.h -- strict JSON in and out: every value knows its line and its path.
 *
 * Reading. The text is checked against the grammar before anything is built: repeated keys,
 * `1e999`, `01`, `1.`, invalid UTF-8, raw control characters, \u0000, lone surrogates, byte order
 * marks, trailing text, depths beyond JC_JSON_MAX_DEPTH are errors with a line number. Keys are
 * compared with case. Getters range-check and produce one form of message; errors are sticky, so
 * that a reader is a list of lines and one check at its end:
 *
 *   struct jc_json *document;
 *   if (jc_json_parse(text, length, "grid.json", 1, &document, error) != JC_OK) return ...;
 *   const struct jc_json_node *root = jc_json_root(document);
 *   static const char *const keys[] = {"schema", "name", "grid_g_per_kwh", "year"};
 *   jc_json_only_keys(root, keys, 4, error);
 *   jc_json_check_schema(root, "joulecast.grid/1", error);
 *   jc_json_get_string(jc_json_need(root, "name", error), &name, error);
 *   jc_json_get_real(jc_json_need(root, "grid_g_per_kwh", error), 0, 5000, &grid, error);
 *   jc_json_get_uint(jc_json_member(root, "year"), 1990, 2100, &year, error);   (optional)
 *   ... copy what is to outlive the document ...
 *   jc_json_free(document);
 *   return error->status;
 *
 * Every function that takes a node and an error does nothing if the error is already set or the
 * node is NULL (the output keeps its default), and returns the error's status. Failures are
 * JC_ERROR_INVALID with file, line and path unless said otherwise:
 *
 *   grid.json:4: grid_g_per_kwh: expected a number from 0 to 5000, got "high"
 *
 * Writing. Values are put in order into a writer, which never fails until the end:
 *
 *   struct jc_json_writer writer;
 *   jc_put_start(&writer, JC_JSON_PRETTY);
 *   jc_put_object(&writer, NULL);
 *   jc_put_string(&writer, "name", "resnet50");
 *   jc_put_inline_array(&writer, "input");
 *   jc_put_uint(&writer, NULL, 3);
 *   jc_put_end(&writer);
 *   jc_put_end(&writer);
 *   status = jc_put_finish(&writer, &text, &length, error);
 */
#ifndef JC_ESTIMATOR_JSON_H
#define JC_ESTIMATOR_JSON_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "estimator/error.h"

enum { JC_JSON_MAX_DEPTH = 64 };       /* objects and arrays inside each other */
enum { JC_JSON_MAX_VALUES = 1 << 24 }; /* values in one document */

enum jc_json_type {
  JC_JSON_NULL,
  JC_JSON_BOOL,
  JC_JSON_NUMBER,
  JC_JSON_STRING,
  JC_JSON_ARRAY,
  JC_JSON_OBJECT
};

struct jc_json;      /* a document; owns all its nodes and strings */
struct jc_json_node; /* one value of it */

/* ---- reading ---- */

/* Parses LENGTH bytes of TEXT, which is copied. FILE (NULL: none) is named in errors. FIRST_LINE is
 * the number of the text's first line: 1, but for one line of a JSONL file. The document belongs to
 * the caller: jc_json_free(). Fails with JC_ERROR_INVALID, JC_ERROR_OVERFLOW (more values than
 * JC_JSON_MAX_VALUES, or 4 GiB), JC_ERROR_STORAGE (out of memory); *document is then NULL. */
enum jc_status jc_json_parse(const char *text, size_t length, const char *file, uint32_t first_line,
                             struct jc_json **document, struct jc_error *error);

/* NULL is allowed. */
void jc_json_free(struct jc_json *document);

const struct jc_json_node *jc_json_root(const struct jc_json *document);

/* As given to jc_json_parse(), "" if none. */
const char *jc_json_file(const struct jc_json *document);

/* Number of values in the document, and a node's own number below it, in the order of the text. */
uint32_t jc_json_count(const struct jc_json *document);
uint32_t jc_json_index(const struct jc_json_node *node);

const struct jc_json *jc_json_document(const struct jc_json_node *node);
enum jc_json_type jc_json_type(const struct jc_json_node *node);
uint32_t jc_json_line(const struct jc_json_node *node);

/* The key under which NODE stands in its object; NULL for array items and the root. */
const char *jc_json_key(const struct jc_json_node *node);

/* Writes `layers[1].kernel_size` (the root: "") into BUFFER, cut to SIZE; returns BUFFER. */
char *jc_json_path(const struct jc_json_node *node, char *buffer, size_t size);

/* Writes NODE for a message, `-1`, `"stirde"`, `an array`, cut at 40 characters, into BUFFER and
 * returns it. JC_JSON_ECHO_SIZE bytes suffice. */
enum { JC_JSON_ECHO_SIZE = 176 };
char *jc_json_echo(const struct jc_json_node *node, char *buffer, size_t size);

/* Records a failure at NODE, with its file, line and path; printf-like text. Yields the status. */
#define jc_json_fail(node_, error_, ...)                                                           \
  jc_json_fail_as(node_, JC_ERROR_INVALID, error_, __VA_ARGS__)
#define jc_json_fail_as(node_, status_, error_, ...)                                               \
  (jc_error_is_set(error_)                                                                         \
       ? (error_)->status                                                                          \
       : ((void)jc_fail(error_, status_, 0, NULL, __VA_ARGS__), jc_json_place(node_, error_)))

/* Moves an error to NODE: file, line and path. Returns its status. */
enum jc_status jc_json_place(const struct jc_json_node *node, struct jc_error *error);

/* Appends ", did you mean 'NAME'?" to an error just made, if one of the COUNT names is near WORD.
 * Returns its status. */
enum jc_status jc_json_suggest(struct jc_error *error, const char *word, const char *const *names,
                               size_t count);

/* Children of an array or object in order, each step O(1); 0 and NULL for other types.
 *   for (const struct jc_json_node *n = jc_json_first(list); n; n = jc_json_next(n)) */
uint32_t jc_json_length(const struct jc_json_node *node);
const struct jc_json_node *jc_json_first(const struct jc_json_node *node);
const struct jc_json_node *jc_json_next(const struct jc_json_node *node);

/* The member of OBJECT with this name, O(members); NULL if absent or OBJECT is no object or NULL.
 */
const struct jc_json_node *jc_json_member(const struct jc_json_node *object, const char *name);

/* The same, but absence is recorded as an error. Also NULL if ERROR is already set. */
const struct jc_json_node *jc_json_need(const struct jc_json_node *object, const char *name,
                                        struct jc_error *error);

/* The decoded string (valid UTF-8 without NUL), or NULL if NODE is NULL or of another type. */
const char *jc_json_string(const struct jc_json_node *node);

/* Fails unless NODE has this type. */
enum jc_status jc_json_want(const struct jc_json_node *node, enum jc_json_type type,
                            struct jc_error *error);

/* Fails unless OBJECT is an object that has only the COUNT keys in NAMES. */
enum jc_status jc_json_only_keys(const struct jc_json_node *object, const char *const *names,
                                 size_t count, struct jc_error *error);

/* Fails unless OBJECT's "schema" is SCHEMA: JC_ERROR_INVALID if it is absent or no string,
 * JC_ERROR_MISMATCH if it is another. */
enum jc_status jc_json_check_schema(const struct jc_json_node *object, const char *schema,
                                    struct jc_error *error);

/* Whole numbers within MINIMUM..MAXIMUM, exact over all 64 bits; `1e3` and `2.0` are whole. */
enum jc_status jc_json_get_uint(const struct jc_json_node *node, uint64_t minimum, uint64_t maximum,
                                uint64_t *out, struct jc_error *error);
enum jc_status jc_json_get_int(const struct jc_json_node *node, int64_t minimum, int64_t maximum,
                               int64_t *out, struct jc_error *error);

/* A finite number within MINIMUM..MAXIMUM, which may be infinite; JC_JSON_POSITIVE as minimum means
 * above 0. */
#define JC_JSON_POSITIVE DBL_MIN
enum jc_status jc_json_get_real(const struct jc_json_node *node, double minimum, double maximum,
                                double *out, struct jc_error *error);

enum jc_status jc_json_get_bool(const struct jc_json_node *node, bool *out, struct jc_error *error);

/* Points *out into the document. */
enum jc_status jc_json_get_string(const struct jc_json_node *node, const char **out,
                                  struct jc_error *error);

/* Copies a string into BUFFER of SIZE bytes; fails if it does not fit. */
enum jc_status jc_json_copy_string(const struct jc_json_node *node, char *buffer, size_t size,
                                   struct jc_error *error);

/* A string that is one of the COUNT names; its index goes to *out. */
enum jc_status jc_json_get_choice(const struct jc_json_node *node, const char *const *names,
                                  size_t count, size_t *out, struct jc_error *error);

/* ---- writing ---- */

enum jc_json_style {
  JC_JSON_COMPACT, /* one line, no spaces, no newline at the end: a line of JSONL */
  JC_JSON_PRETTY   /* indented by two spaces, ends in a newline */
};

/* Members are private. */
struct jc_json_writer {
  char *text; /* malloc'ed */
  size_t length, capacity;
  enum jc_json_style style;
  bool failed; /* out of memory */
  uint32_t depth;
  struct {
    bool object, in_line, filled;
  } open[JC_JSON_MAX_DEPTH];
};

/* Must be followed by jc_put_finish() or jc_put_discard(). */
void jc_put_start(struct jc_json_writer *writer, enum jc_json_style style);

/* Opens an object or an array, closed by jc_put_end(). KEY is the member's name in an object, NULL
 * in an array and at the top; so for every jc_put function. Inline ones stand on one line in pretty
 * style too. Depths beyond JC_JSON_MAX_DEPTH and keys in the wrong place are programming errors. */
void jc_put_object(struct jc_json_writer *writer, const char *key);
void jc_put_array(struct jc_json_writer *writer, const char *key);
void jc_put_inline_object(struct jc_json_writer *writer, const char *key);
void jc_put_inline_array(struct jc_json_writer *writer, const char *key);
void jc_put_end(struct jc_json_writer *writer);

/* VALUE NULL writes null; malformed UTF-8 is replaced by U+FFFD. */
void jc_put_string(struct jc_json_writer *writer, const char *key, const char *value);
void jc_put_uint(struct jc_json_writer *writer, const char *key, uint64_t value);
void jc_put_int(struct jc_json_writer *writer, const char *key, int64_t value);

/* The shortest of 15, 16 or 17 digits that reads back to the same number; a number that is not
 * finite writes null. */
void jc_put_real(struct jc_json_writer *writer, const char *key, double value);
void jc_put_bool(struct jc_json_writer *writer, const char *key, bool value);
void jc_put_null(struct jc_json_writer *writer, const char *key);

/* A copy of a parsed value, numbers to the digit. */
void jc_put_node(struct jc_json_writer *writer, const char *key, const struct jc_json_node *node);

/* Hands over the text, NUL-terminated, to be freed with free(); LENGTH may be NULL. Fails with
 * JC_ERROR_STORAGE if memory ran out on the way; *text is then NULL. */
enum jc_status jc_put_finish(struct jc_json_writer *writer, char **text, size_t *length,
                             struct jc_error *error);

/* Throws the text away. */
void jc_put_discard(struct jc_json_writer *writer);

#endif
