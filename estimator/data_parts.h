/* data_parts.h -- what the readers of data tables share: files, sources, rows, names.
 *
 * Internal. Conventions as in json.h.
 */
#ifndef JC_ESTIMATOR_DATA_PARTS_H
#define JC_ESTIMATOR_DATA_PARTS_H

#include <limits.h>

#include "estimator/data_files.h"
#include "estimator/json.h"

/* The files of a table, in the order in which they are read. */
struct jc_data_paths {
  uint32_t count;
  char path[JC_DATA_MAX_FILES][PATH_MAX];
};

/* PATH alone; where it is NULL the shipped file NAME and then the user's file of that name, if
 * there is one. */
enum jc_status jc_data_paths(const char *path, const char *name, struct jc_data_paths *paths,
                             struct jc_error *error);

/* Reads the document at PATH and checks its schema. It belongs to the caller, after a failure too.
 */
enum jc_status jc_data_open(const char *path, const char *schema, struct jc_json **document,
                            struct jc_error *error);

/* `source` and `year` of NODE, a row or a default. "@KEY" as source is the text of that key in the
 * `sources` of the file. */
void jc_data_get_source(const struct jc_json_node *node, const char **source, uint32_t *year,
                        struct jc_error *error);

/* The first of ROOT's rows; *rows, SIZE bytes each and malloc'ed or NULL, gets room for them behind
 * the COUNT that it has, filled with zeros. */
const struct jc_json_node *jc_data_get_rows(const struct jc_json_node *root, void **rows,
                                            uint32_t count, size_t size, struct jc_error *error);

/* A row's name and the file it is from. */
struct jc_row_id {
  const char *name;
  bool from_user;
};

/* Where NODE's row goes among the COUNT before it in TABLE: a row of the user's in the place of the
 * shipped one of its name, any other to the end, which is COUNT. A second row of that name in one
 * file is an error. ID_OF tells of the row at INDEX. */
uint32_t jc_data_place(const struct jc_json_node *node, struct jc_row_id id, const void *table,
                       uint32_t count, struct jc_row_id (*id_of)(const void *table, uint32_t index),
                       struct jc_error *error);

/* Fails with JC_ERROR_USAGE: there is no WHAT named NAME; with the nearest of the NAMES, and HOW to
 * see all. */
enum jc_status jc_data_no_such_name(const char *what, const char *name, const char *const *names,
                                    size_t count, const char *how, struct jc_error *error);

/* COUNT pointers to names, malloc'ed. */
const char **jc_data_new_names(uint32_t count, struct jc_error *error);

#endif
