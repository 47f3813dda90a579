/* data_figures.c -- grid.json and pue.json, shipped ones and the user's: one figure a row. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "estimator/data_parts.h"
#include "estimator/record_json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct figure_file {
  const char *file, *schema, *key, *what, *unit, *how;
  double minimum, maximum;
  bool has_region;
};

static const struct figure_file grid_file = {
    .file = "grid.json",
    .schema = "joulecast.grid/1",
    .key = "grid_g_per_kwh",
    .what = "grid",
    .unit = " g/kWh",
    .how = "`joulecast list grids`, or a number in g/kWh",
    .minimum = 0,
    .maximum = 5000,
    .has_region = true,
};

static const struct figure_file pue_file = {
    .file = "pue.json",
    .schema = "joulecast.pue/1",
    .key = "pue",
    .what = "PUE",
    .unit = "",
    .how = "a number, or a name of data/pue.json",
    .minimum = 1,
    .maximum = 10,
};

static void get_data_row(const struct jc_json_node *node, const struct figure_file *file,
                         struct jc_data_row *row, struct jc_error *error) {
  const char *const keys[] = {"name", file->key, "source", "year", "notes", "region"};
  jc_json_only_keys(node, keys, file->has_region ? COUNT(keys) : COUNT(keys) - 1, error);
  jc_json_get_string(jc_json_need(node, "name", error), &row->name, error);
  if (file->has_region)
    jc_json_get_string(jc_json_need(node, "region", error), &row->region, error);
  jc_json_get_real(jc_json_need(node, file->key, error), file->minimum, file->maximum, &row->value,
                   error);
  jc_data_get_source(node, &row->source, &row->year, error);
  jc_json_get_string(jc_json_known(node, "notes"), &row->notes, error);
}

static struct jc_row_id id_of(const void *table, uint32_t index) {
  const struct jc_data_row *row = &((const struct jc_data_table *)table)->rows[index];
  return (struct jc_row_id){row->name, row->from_user};
}

static void add_row(const struct jc_json_node *node, const struct jc_data_row *row,
                    struct jc_data_table *table, struct jc_error *error) {
  if (jc_error_is_set(error))
    return;
  const struct jc_row_id id = {row->name, row->from_user};
  const uint32_t place = jc_data_place(node, id, table, table->count, id_of, error);
  if (jc_error_is_set(error))
    return;
  table->rows[place] = *row;
  table->count += place == table->count;
}

static void read_file(const char *path, bool from_user, const struct figure_file *file,
                      struct jc_data_table *table, struct jc_error *error) {
  static const char *const keys[] = {"schema", "sources", "rows"};
  struct jc_json **document = &table->documents[from_user];
  void *rows = table->rows;
  if (jc_data_open(path, file->schema, document, error) != JC_OK)
    return;
  const struct jc_json_node *root = jc_json_root(*document);
  jc_json_only_keys(root, keys, COUNT(keys), error);
  const struct jc_json_node *node =
      jc_data_get_rows(root, &rows, table->count, sizeof(*table->rows), error);
  table->rows = rows;
  for (; node != NULL && !jc_error_is_set(error); node = jc_json_next(node)) {
    struct jc_data_row row = {.from_user = from_user};
    get_data_row(node, file, &row, error);
    add_row(node, &row, table, error);
  }
}

static enum jc_status read_figures(const char *path, const struct figure_file *file,
                                   struct jc_data_table *table, struct jc_error *error) {
  struct jc_data_paths paths;
  memset(table, 0, sizeof(*table));
  if (jc_data_paths(path, file->file, &paths, error) != JC_OK)
    return error->status;
  for (uint32_t i = 0; i < paths.count && !jc_error_is_set(error); i++)
    read_file(paths.path[i], i > 0, file, table, error);
  return error->status;
}

enum jc_status jc_grid_read(const char *path, struct jc_data_table *table, struct jc_error *error) {
  return read_figures(path, &grid_file, table, error);
}

enum jc_status jc_pue_read(const char *path, struct jc_data_table *table, struct jc_error *error) {
  return read_figures(path, &pue_file, table, error);
}

void jc_data_table_free(struct jc_data_table *table) {
  free(table->rows);
  for (int i = 0; i < JC_DATA_MAX_FILES; i++)
    jc_json_free(table->documents[i]);
  memset(table, 0, sizeof(*table));
}

/* Decimal numbers only: strtod alone would take "nan", "inf" and "0x10". */
static bool parse_number(const char *text, double *value) {
  char *end;
  if (text[0] == '\0' || text[strspn(text, "0123456789.eE+-")] != '\0')
    return false;
  *value = strtod(text, &end);
  return end != text && *end == '\0';
}

static enum jc_status find_figure(const struct jc_data_table *table, const struct figure_file *file,
                                  const char *text, double *value, const struct jc_data_row **row,
                                  struct jc_error *error) {
  *row = NULL;
  if (parse_number(text, value)) {
    if (!(*value >= file->minimum && *value <= file->maximum))
      return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "%s: expected %g to %g%s, got %.40s",
                     file->what, file->minimum, file->maximum, file->unit, text);
    return JC_OK;
  }
  const char **names = jc_data_new_names(table->count, error);
  for (uint32_t i = 0; names != NULL && i < table->count; i++) {
    names[i] = table->rows[i].name;
    if (strcasecmp(names[i], text) == 0)
      *row = &table->rows[i];
  }
  if (*row != NULL)
    *value = (*row)->value;
  else if (names != NULL)
    jc_data_no_such_name(file->what, text, names, table->count, file->how, error);
  free(names);
  return error->status;
}

enum jc_status jc_grid_find(const struct jc_data_table *table, const char *text,
                            double *grid_g_per_kwh, const struct jc_data_row **row,
                            struct jc_error *error) {
  return find_figure(table, &grid_file, text, grid_g_per_kwh, row, error);
}

enum jc_status jc_pue_find(const struct jc_data_table *table, const char *text, double *pue,
                           const struct jc_data_row **row, struct jc_error *error) {
  return find_figure(table, &pue_file, text, pue, row, error);
}
