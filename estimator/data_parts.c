/* data_parts.c -- files, sources, rows and names of the data tables. */
#include "estimator/data_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "estimator/file_io.h"
#include "estimator/record_json.h"

enum { FIRST_YEAR = 1990, LAST_YEAR = 2100, MAX_ROWS = 100000 };

enum jc_status jc_data_paths(const char *path, const char *name, struct jc_data_paths *paths,
                             struct jc_error *error) {
  paths->count = 1;
  if (path != NULL) {
    if ((size_t)snprintf(paths->path[0], PATH_MAX, "%s", path) >= PATH_MAX)
      jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "the name of the file is too long");
    return error->status;
  }
  if (jc_data_find(name, paths->path[0], PATH_MAX, error) != JC_OK)
    return error->status;
  /* Without a home the user has no file. One that is there and cannot be read is an error later. */
  if (jc_file_user_path("XDG_CONFIG_HOME", ".config", name, paths->path[1], PATH_MAX) == JC_OK &&
      access(paths->path[1], F_OK) == 0)
    paths->count = 2;
  return error->status;
}

enum jc_status jc_data_open(const char *path, const char *schema, struct jc_json **document,
                            struct jc_error *error) {
  if (jc_json_read_file(path, document, error) != JC_OK)
    return error->status;
  return jc_json_check_schema(jc_json_root(*document), schema, error);
}

/* The text that "@KEY" means; the source itself where it is no such reference. */
static const char *look_up(const struct jc_json_node *node, const char *source,
                           struct jc_error *error) {
  const char *text = NULL;
  if (source[0] != '@')
    return source;
  const struct jc_json_node *sources =
      jc_json_member(jc_json_root(jc_json_document(node)), "sources");
  const struct jc_json_node *found = jc_json_member(sources, source + 1);
  jc_json_want(sources, JC_JSON_OBJECT, error);
  if (found == NULL)
    jc_json_fail(node, error, "expected '@' and a key of the file's `sources`, got \"%.64s\"",
                 source);
  jc_json_get_string(found, &text, error);
  return text != NULL ? text : "";
}

/* A figure stands in the file only if it was read in a document. */
void jc_data_get_source(const struct jc_json_node *node, const char **source, uint32_t *year,
                        struct jc_error *error) {
  const struct jc_json_node *given = jc_json_need(node, "source", error);
  if (jc_json_get_string(given, source, error) == JC_OK) {
    *source = look_up(given, *source, error);
    if ((*source)[strspn(*source, " ")] == '\0')
      jc_json_fail(given, error, "expected the document that the figures were read in, got \"%s\"",
                   *source);
  }
  jc_json_get_uint32(jc_json_need(node, "year", error), FIRST_YEAR, LAST_YEAR, year, error);
}

/* ROWS with room for MORE behind the COUNT that are there. */
static void *grow(void *rows, uint32_t count, uint32_t more, size_t size, struct jc_error *error) {
  char *grown = realloc(rows, (count + (size_t)more) * size);
  if (grown == NULL) {
    jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    return rows;
  }
  memset(grown + count * size, 0, more * size);
  return grown;
}

const struct jc_json_node *jc_data_get_rows(const struct jc_json_node *root, void **rows,
                                            uint32_t count, size_t size, struct jc_error *error) {
  const struct jc_json_node *list = jc_json_need(root, "rows", error);
  const struct jc_json_node *first = jc_json_items(list, MAX_ROWS, error);
  if (list != NULL && first == NULL)
    jc_json_fail(list, error, "expected at least one row, got none");
  if (first != NULL)
    *rows = grow(*rows, count, jc_json_length(list), size, error);
  return jc_error_is_set(error) ? NULL : first;
}

uint32_t jc_data_place(const struct jc_json_node *node, struct jc_row_id id, const void *table,
                       uint32_t count, struct jc_row_id (*id_of)(const void *table, uint32_t index),
                       struct jc_error *error) {
  uint32_t place = 0;
  while (place < count && strcasecmp(id_of(table, place).name, id.name) != 0)
    place++;
  if (place < count && id_of(table, place).from_user == id.from_user)
    jc_json_fail(jc_json_member(node, "name"), error, "a second row is named \"%.64s\"", id.name);
  return place;
}

enum jc_status jc_data_no_such_name(const char *what, const char *name, const char *const *names,
                                    size_t count, const char *how, struct jc_error *error) {
  /* Any two letters are near some country's. */
  const char *closest = strlen(name) > 2 ? jc_closest_name(name, names, count) : NULL;
  return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "no %s named '%.64s'%s%s%s (%s)", what, name,
                 closest != NULL ? "; did you mean '" : "", closest != NULL ? closest : "",
                 closest != NULL ? "'?" : "", how);
}

const char **jc_data_new_names(uint32_t count, struct jc_error *error) {
  const char **names = calloc(count > 0 ? count : 1, sizeof(*names));
  if (names == NULL)
    jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  return names;
}
