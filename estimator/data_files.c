/* data_files.c -- hardware.json, grid.json, pue.json: read, and rows found. */
#include "estimator/data_files.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "estimator/json.h"
#include "estimator/record_json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { FIRST_YEAR = 1990, LAST_YEAR = 2100, MAX_ROWS = 100000 };

/* ---- what all tables share ---- */

static enum jc_status read_document(const char *path, const char *shipped, const char *schema,
                                    struct jc_json **document, struct jc_error *error) {
  char found[PATH_MAX];
  if (path == NULL) {
    if (jc_data_find(shipped, found, sizeof(found), error) != JC_OK)
      return error->status;
    path = found;
  }
  if (jc_json_read_file(path, document, error) != JC_OK)
    return error->status;
  return jc_json_check_schema(jc_json_root(*document), schema, error);
}

/* A figure stands in the file only if it was read in a document. */
static void get_source(const struct jc_json_node *row, const char **source, uint32_t *year,
                       struct jc_error *error) {
  const struct jc_json_node *node = jc_json_need(row, "source", error);
  if (jc_json_get_string(node, source, error) == JC_OK && (*source)[strspn(*source, " ")] == '\0')
    jc_json_fail(node, error, "expected the document that the figures were read in, got \"%s\"",
                 *source);
  jc_json_get_uint32(jc_json_need(row, "year", error), FIRST_YEAR, LAST_YEAR, year, error);
}

/* The first row; their number goes to COUNT. */
static const struct jc_json_node *get_rows(const struct jc_json_node *root, uint32_t *count,
                                           struct jc_error *error) {
  const struct jc_json_node *rows = jc_json_need(root, "rows", error);
  const struct jc_json_node *first = jc_json_items(rows, MAX_ROWS, error);
  if (rows != NULL && first == NULL)
    jc_json_fail(rows, error, "expected at least one row, got none");
  *count = first != NULL ? jc_json_length(rows) : 0;
  return first;
}

static void *new_rows(uint32_t count, size_t size, struct jc_error *error) {
  void *rows = jc_error_is_set(error) ? NULL : calloc(count > 0 ? count : 1, size);
  if (rows == NULL)
    jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  return rows;
}

/* Refuses NODE's name if one of the rows before it has it; SAME is strcmp-like. */
static void check_name(const struct jc_json_node *node, const char *name, const char *before,
                       struct jc_error *error) {
  if (!jc_error_is_set(error) && strcasecmp(name, before) == 0)
    jc_json_fail(jc_json_member(node, "name"), error, "a second row is named \"%.64s\"", name);
}

static enum jc_status no_such_name(const char *what, const char *name, const char *const *names,
                                   size_t count, const char *how, struct jc_error *error) {
  const char *closest = jc_closest_name(name, names, count);
  return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "no %s named '%.64s'%s%s%s (%s)", what, name,
                 closest != NULL ? "; did you mean '" : "", closest != NULL ? closest : "",
                 closest != NULL ? "'?" : "", how);
}

/* ---- hardware.json ---- */

static void get_default(const struct jc_json_node *defaults, const char *key, double maximum,
                        struct jc_data_default *figure, struct jc_error *error) {
  static const char *const keys[] = {"value", "source", "year", "notes"};
  const struct jc_json_node *node = jc_json_need(defaults, key, error);
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_real(jc_json_need(node, "value", error), 0, maximum, &figure->value, error);
  get_source(node, &figure->source, &figure->year, error);
}

static void get_defaults(const struct jc_json_node *node, struct jc_hardware_table *table,
                         struct jc_error *error) {
  static const char *const keys[] = {"idle_share_of_tdp", "gpu_idle_share_of_tdp",
                                     "memory_w_per_gb"};
  jc_json_only_keys(node, keys, COUNT(keys), error);
  get_default(node, keys[0], 1, &table->idle_share_of_tdp, error);
  get_default(node, keys[1], 1, &table->gpu_idle_share_of_tdp, error);
  get_default(node, keys[2], 10, &table->memory_w_per_gb, error);
}

static void get_peaks(const struct jc_json_node *node, double peaks[JC_MAX_PRECISIONS],
                      struct jc_error *error) {
  const char *names[JC_MAX_PRECISIONS];
  for (int i = 0; i < JC_MAX_PRECISIONS; i++)
    names[i] = jc_precision_name((enum jc_precision)i);
  jc_json_only_keys(node, names, COUNT(names), error);
  for (int i = 0; i < JC_MAX_PRECISIONS; i++)
    jc_json_get_real_or_nan(jc_json_member(node, names[i]), 1, 1e21, &peaks[i], error);
}

static void get_matches(const struct jc_json_node *list, struct jc_hardware_row *row,
                        struct jc_error *error) {
  const struct jc_json_node *n = jc_json_items(list, JC_MAX_MODEL_MATCHES, error);
  for (; n != NULL; n = jc_json_next(n)) {
    const char **match = &row->model_match[row->model_match_count];
    /* An empty substring would match every machine. */
    if (jc_json_get_string(n, match, error) == JC_OK && (*match)[0] == '\0')
      jc_json_fail(n, error, "expected a part of a model name, got \"\"");
    if (jc_error_is_set(error))
      return;
    row->model_match_count++;
  }
}

static bool is_gpu(const struct jc_hardware *hardware) {
  return strcmp(hardware->device, "gpu") == 0;
}

static double default_idle_share(const struct jc_hardware_table *table,
                                 const struct jc_hardware *hardware) {
  return is_gpu(hardware) ? table->gpu_idle_share_of_tdp.value : table->idle_share_of_tdp.value;
}

static void get_figures(const struct jc_json_node *node, struct jc_hardware *figures,
                        struct jc_error *error) {
  static const char *const devices[] = {"cpu", "gpu"};
  size_t device = 0;
  jc_json_copy_string(jc_json_need(node, "name", error), figures->name, sizeof(figures->name),
                      error);
  jc_json_get_choice(jc_json_need(node, "kind", error), devices, COUNT(devices), &device, error);
  snprintf(figures->device, sizeof(figures->device), "%s", devices[device]);
  jc_json_get_bool(jc_json_known(node, "generic"), &figures->generic, error);
  jc_json_get_uint32(jc_json_known(node, "cores"), 1, 1 << 16, &figures->cores, error);
  jc_json_get_real_or_nan(jc_json_need(node, "tdp_w", error), 0.001, 1e5, &figures->tdp_w, error);
  jc_json_get_real_or_nan(jc_json_need(node, "idle_w", error), 0,
                          isnan(figures->tdp_w) ? 1e5 : figures->tdp_w, &figures->idle_w, error);
  get_peaks(jc_json_need(node, "peak_flops_per_s", error), figures->peak_flops_per_s, error);
  jc_json_get_real_or_nan(jc_json_need(node, "memory_bandwidth_bytes_per_s", error), 1, 1e18,
                          &figures->memory_bandwidth_bytes_per_s, error);
  jc_json_get_real_or_nan(jc_json_need(node, "memory_bytes", error), 1, 1e18,
                          &figures->memory_bytes, error);
}

static void get_hardware_row(const struct jc_json_node *node, const struct jc_hardware_table *table,
                             struct jc_hardware_row *row, struct jc_error *error) {
  static const char *const keys[] = {"name",
                                     "kind",
                                     "generic",
                                     "per_core",
                                     "model_match",
                                     "cores",
                                     "tdp_w",
                                     "idle_w",
                                     "peak_flops_per_s",
                                     "peak_flops_from",
                                     "source",
                                     "memory_bytes",
                                     "memory_bandwidth_bytes_per_s",
                                     "year",
                                     "notes"};
  struct jc_hardware *figures = &row->figures;
  jc_json_only_keys(node, keys, COUNT(keys), error);
  get_figures(node, figures, error);
  jc_json_get_bool(jc_json_known(node, "per_core"), &row->per_core, error);
  get_matches(jc_json_need(node, "model_match", error), row, error);
  get_source(node, &row->source, &figures->year, error);
  jc_json_get_string(jc_json_known(node, "notes"), &row->notes, error);
  jc_json_get_string(jc_json_known(node, "peak_flops_from"), &row->peak_flops_from, error);
  if (jc_error_is_set(error))
    return;
  snprintf(figures->source, sizeof(figures->source), "%s", row->source);
  row->idle_is_default = isnan(figures->idle_w);
  if (row->idle_is_default)
    figures->idle_w = default_idle_share(table, figures) * figures->tdp_w;
}

enum jc_status jc_hardware_table_read(const char *path, struct jc_hardware_table *table,
                                      struct jc_error *error) {
  static const char *const keys[] = {"schema", "defaults", "rows"};
  memset(table, 0, sizeof(*table));
  if (read_document(path, "hardware.json", "joulecast.hardware/1", &table->document, error) !=
      JC_OK)
    return error->status;
  const struct jc_json_node *root = jc_json_root(table->document);
  uint32_t count = 0;
  jc_json_only_keys(root, keys, COUNT(keys), error);
  get_defaults(jc_json_need(root, "defaults", error), table, error);
  const struct jc_json_node *node = get_rows(root, &count, error);
  table->rows = new_rows(count, sizeof(*table->rows), error);
  for (; node != NULL && !jc_error_is_set(error); node = jc_json_next(node)) {
    struct jc_hardware_row *row = &table->rows[table->count];
    get_hardware_row(node, table, row, error);
    for (uint32_t i = 0; i < table->count; i++)
      check_name(node, row->figures.name, table->rows[i].figures.name, error);
    table->count++;
  }
  return error->status;
}

void jc_hardware_table_free(struct jc_hardware_table *table) {
  free(table->rows);
  jc_json_free(table->document);
  memset(table, 0, sizeof(*table));
}

enum jc_status jc_hardware_find(const struct jc_hardware_table *table, const char *name,
                                const struct jc_hardware_row **row, struct jc_error *error) {
  const char **names = new_rows(table->count, sizeof(*names), error);
  *row = NULL;
  for (uint32_t i = 0; names != NULL && i < table->count; i++) {
    names[i] = table->rows[i].figures.name;
    if (strcasecmp(names[i], name) == 0)
      *row = &table->rows[i];
  }
  if (names != NULL && *row == NULL)
    no_such_name("hardware", name, names, table->count, "`joulecast list hardware`", error);
  free(names);
  return error->status;
}

enum { MODEL_NAME_BYTES = 256 };

/* Lower case, without (R), (TM) and repeated blanks. */
static void normalize(const char *text, char out[MODEL_NAME_BYTES]) {
  size_t used = 0;
  while (*text != '\0' && used + 1 < MODEL_NAME_BYTES) {
    if (strncasecmp(text, "(r)", 3) == 0) {
      text += 3;
    } else if (strncasecmp(text, "(tm)", 4) == 0) {
      text += 4;
    } else {
      const bool blank = isspace((unsigned char)*text);
      if (!blank || (used > 0 && out[used - 1] != ' '))
        out[used++] = (char)(blank ? ' ' : tolower((unsigned char)*text));
      text++;
    }
  }
  out[used] = '\0';
}

const struct jc_hardware_row *jc_hardware_match(const struct jc_hardware_table *table,
                                                const char *device, const char *model) {
  const struct jc_hardware_row *best = NULL;
  size_t best_length = 0;
  char wanted[MODEL_NAME_BYTES], part[MODEL_NAME_BYTES];
  normalize(model, wanted);
  for (uint32_t i = 0; i < table->count; i++) {
    const struct jc_hardware_row *row = &table->rows[i];
    for (uint32_t m = 0; m < row->model_match_count; m++) {
      normalize(row->model_match[m], part);
      const bool wins =
          best == NULL || (best->figures.generic && !row->figures.generic) ||
          (best->figures.generic == row->figures.generic && strlen(part) > best_length);
      if (strcmp(row->figures.device, device) == 0 && strstr(wanted, part) != NULL && wins) {
        best = row;
        best_length = strlen(part);
      }
    }
  }
  return best;
}

enum jc_status jc_hardware_for_machine(const struct jc_hardware_table *table,
                                       const struct jc_machine *machine,
                                       const struct jc_hardware_row **row, struct jc_error *error) {
  *row = jc_hardware_match(table, "cpu", machine->cpu_model);
  if (*row == NULL)
    return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                   "no data row for the CPU '%s'; name one with --hardware (`joulecast list "
                   "hardware`), or give --tdp-w",
                   machine->cpu_model);
  return JC_OK;
}

void jc_hardware_scale(const struct jc_hardware_row *row, uint32_t cores,
                       struct jc_hardware *hardware) {
  double factor = 1;
  *hardware = row->figures;
  if (cores == 0 || is_gpu(hardware))
    return;
  if (row->per_core)
    factor = cores;
  else if (cores < hardware->cores)
    factor = (double)cores / hardware->cores;
  else
    return;
  hardware->cores = cores;
  hardware->tdp_w *= factor;
  hardware->idle_w *= factor;
  hardware->memory_bandwidth_bytes_per_s *= factor;
  for (int i = 0; i < JC_MAX_PRECISIONS; i++)
    hardware->peak_flops_per_s[i] *= factor;
}

void jc_hardware_set_power(const struct jc_hardware_table *table, const struct jc_hardware_row *row,
                           double tdp_w, double idle_w, struct jc_hardware *hardware) {
  hardware->memory_w_per_gb = table->memory_w_per_gb.value;
  if (!isnan(tdp_w))
    hardware->tdp_w = tdp_w;
  if (!isnan(idle_w))
    hardware->idle_w = idle_w;
  else if (!isnan(tdp_w) && (row == NULL || row->idle_is_default))
    hardware->idle_w = default_idle_share(table, hardware) * tdp_w;
}

/* ---- grid.json, pue.json: one figure a row ---- */

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
  get_source(node, &row->source, &row->year, error);
  jc_json_get_string(jc_json_known(node, "notes"), &row->notes, error);
}

static enum jc_status read_figures(const char *path, const struct figure_file *file,
                                   struct jc_data_table *table, struct jc_error *error) {
  static const char *const keys[] = {"schema", "rows"};
  memset(table, 0, sizeof(*table));
  if (read_document(path, file->file, file->schema, &table->document, error) != JC_OK)
    return error->status;
  const struct jc_json_node *root = jc_json_root(table->document);
  uint32_t count = 0;
  jc_json_only_keys(root, keys, COUNT(keys), error);
  const struct jc_json_node *node = get_rows(root, &count, error);
  table->rows = new_rows(count, sizeof(*table->rows), error);
  for (; node != NULL && !jc_error_is_set(error); node = jc_json_next(node)) {
    struct jc_data_row *row = &table->rows[table->count];
    get_data_row(node, file, row, error);
    for (uint32_t i = 0; i < table->count; i++)
      check_name(node, row->name, table->rows[i].name, error);
    table->count++;
  }
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
  jc_json_free(table->document);
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
  const char **names = new_rows(table->count, sizeof(*names), error);
  for (uint32_t i = 0; names != NULL && i < table->count; i++) {
    names[i] = table->rows[i].name;
    if (strcasecmp(names[i], text) == 0)
      *row = &table->rows[i];
  }
  if (*row != NULL)
    *value = (*row)->value;
  else if (names != NULL)
    no_such_name(file->what, text, names, table->count, file->how, error);
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
