/* data_hardware.c -- hardware.json, the shipped one and the user's: read, rows by name, power. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "estimator/data_parts.h"
#include "estimator/record_json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void get_default(const struct jc_json_node *defaults, const char *key, double maximum,
                        struct jc_data_default *figure, struct jc_error *error) {
  static const char *const keys[] = {"value", "source", "year", "notes"};
  const struct jc_json_node *node = jc_json_need(defaults, key, error);
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_real(jc_json_need(node, "value", error), 0, maximum, &figure->value, error);
  jc_data_get_source(node, &figure->source, &figure->year, error);
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

static void get_hardware_row(const struct jc_json_node *node, struct jc_hardware_row *row,
                             struct jc_error *error) {
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
  jc_data_get_source(node, &row->source, &figures->year, error);
  jc_json_get_string(jc_json_known(node, "notes"), &row->notes, error);
  jc_json_get_string(jc_json_known(node, "peak_flops_from"), &row->peak_flops_from, error);
  if (jc_error_is_set(error))
    return;
  snprintf(figures->source, sizeof(figures->source), "%s", row->source);
  row->idle_is_default = isnan(figures->idle_w);
}

static struct jc_row_id id_of(const void *table, uint32_t index) {
  const struct jc_hardware_row *row = &((const struct jc_hardware_table *)table)->rows[index];
  return (struct jc_row_id){row->figures.name, row->from_user};
}

static void add_row(const struct jc_json_node *node, const struct jc_hardware_row *row,
                    struct jc_hardware_table *table, struct jc_error *error) {
  if (jc_error_is_set(error))
    return;
  const struct jc_row_id id = {row->figures.name, row->from_user};
  const uint32_t place = jc_data_place(node, id, table, table->count, id_of, error);
  if (jc_error_is_set(error))
    return;
  table->rows[place] = *row;
  table->count += place == table->count;
}

static void read_file(const char *path, bool from_user, struct jc_hardware_table *table,
                      struct jc_error *error) {
  static const char *const keys[] = {"schema", "sources", "defaults", "rows"};
  struct jc_json **document = &table->documents[from_user];
  void *rows = table->rows;
  if (jc_data_open(path, "joulecast.hardware/1", document, error) != JC_OK)
    return;
  const struct jc_json_node *root = jc_json_root(*document);
  jc_json_only_keys(root, keys, COUNT(keys), error);
  if (!from_user || jc_json_member(root, "defaults") != NULL)
    get_defaults(jc_json_need(root, "defaults", error), table, error);
  const struct jc_json_node *node =
      jc_data_get_rows(root, &rows, table->count, sizeof(*table->rows), error);
  table->rows = rows;
  for (; node != NULL && !jc_error_is_set(error); node = jc_json_next(node)) {
    struct jc_hardware_row row = {.from_user = from_user};
    get_hardware_row(node, &row, error);
    add_row(node, &row, table, error);
  }
}

enum jc_status jc_hardware_table_read(const char *path, struct jc_hardware_table *table,
                                      struct jc_error *error) {
  struct jc_data_paths paths;
  memset(table, 0, sizeof(*table));
  if (jc_data_paths(path, "hardware.json", &paths, error) != JC_OK)
    return error->status;
  for (uint32_t i = 0; i < paths.count && !jc_error_is_set(error); i++)
    read_file(paths.path[i], i > 0, table, error);
  for (uint32_t i = 0; i < table->count; i++) {
    struct jc_hardware *figures = &table->rows[i].figures;
    if (table->rows[i].idle_is_default)
      figures->idle_w = default_idle_share(table, figures) * figures->tdp_w;
  }
  return error->status;
}

void jc_hardware_table_free(struct jc_hardware_table *table) {
  free(table->rows);
  for (int i = 0; i < JC_DATA_MAX_FILES; i++)
    jc_json_free(table->documents[i]);
  memset(table, 0, sizeof(*table));
}

enum jc_status jc_hardware_find(const struct jc_hardware_table *table, const char *name,
                                const struct jc_hardware_row **row, struct jc_error *error) {
  const char **names = jc_data_new_names(table->count, error);
  *row = NULL;
  for (uint32_t i = 0; names != NULL && i < table->count; i++) {
    names[i] = table->rows[i].figures.name;
    if (strcasecmp(names[i], name) == 0)
      *row = &table->rows[i];
  }
  if (names != NULL && *row == NULL)
    jc_data_no_such_name("hardware", name, names, table->count, "`joulecast list hardware`", error);
  free(names);
  return error->status;
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
