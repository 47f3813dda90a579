/* list_data.c -- `joulecast list hardware|grids`: data rows, and the documents they are from. */
#include "cli/list_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/inputs.h"
#include "cli/options.h"
#include "estimator/data_files.h"

/* ---- sources ---- */

static const char *origin_name(bool from_user) {
  return from_user ? input_from_name(FROM_USER_FILE) : "shipped";
}

/* The text of row ROW under KEY, a text column. */
static const char *text_at(const struct records *records, size_t row, const char *key) {
  size_t column = 0;
  while (strcmp(records->columns[column].key, key) != 0)
    column++;
  return records->values[row * records->column_count + column].text;
}

static bool same_source(const struct records *records, size_t a, size_t b) {
  return strcmp(text_at(records, a, "source"), text_at(records, b, "source")) == 0 &&
         strcmp(text_at(records, a, "from"), text_at(records, b, "from")) == 0;
}

/* "a100-sxm4-40gb, t4": the rows that share row FIRST's source. To be freed; NULL: no memory. */
static char *names_of(const struct records *records, size_t row_count, size_t first) {
  char *names = NULL;
  size_t length = 0, sharing = 0;
  FILE *list = open_memstream(&names, &length);
  if (list == NULL)
    return NULL;
  for (size_t i = first; i < row_count; i++) {
    if (same_source(records, i, first))
      fprintf(list, "%s%s", sharing++ > 0 ? ", " : "", text_at(records, i, "name"));
  }
  (void)fclose(list);
  if (names != NULL && sharing > row_count / 2)
    snprintf(names, length + 1, "%s", sharing == row_count ? "all rows" : "all other rows");
  return names;
}

/* Each document once, under the rows whose figures were read in it. */
static void print_sources(const struct records *records, FILE *out) {
  const size_t row_count = records->value_count / records->column_count;
  fprintf(out, "\nsources\n");
  for (size_t i = 0; i < row_count; i++) {
    size_t before = 0;
    while (!same_source(records, before, i))
      before++;
    if (before < i)
      continue;
    char *names = names_of(records, row_count, i);
    print_wrapped(out, names != NULL ? names : text_at(records, i, "name"), 0, 0);
    free(names);
    const char *from = text_at(records, i, "from");
    const bool shipped = strcmp(from, origin_name(false)) == 0;
    const int start = fprintf(out, "    %s%s", shipped ? "" : from, shipped ? "" : ": ");
    print_wrapped(out, text_at(records, i, "source"), start, 4);
  }
}

/* ---- rows ---- */

static const struct column hardware_columns[] = {
    {"name", "hardware", VALUE_TEXT, false, NULL, NULL},
    {"device", "", VALUE_TEXT, false, NULL, NULL},
    {"cores", "cores", VALUE_REAL, false, format_count, NULL},
    {"per_core", NULL, VALUE_BOOL, false, NULL, NULL},
    {"tdp_w", "TDP", VALUE_REAL, false, format_power, NULL},
    {"idle_w", "idle", VALUE_REAL, false, format_power, NULL},
    {"idle_is_default", NULL, VALUE_BOOL, false, NULL, NULL},
    {"peak_fp32_flops_per_s", "fp32 FLOP/s", VALUE_REAL, false, format_si, NULL},
    {"memory_bandwidth_bytes_per_s", "byte/s", VALUE_REAL, false, format_si, NULL},
    {"year", "year", VALUE_COUNT, false, format_year, NULL},
    {"from", NULL, VALUE_TEXT, false, NULL, NULL},
    {"source", NULL, VALUE_TEXT, false, NULL, NULL},
};

static enum jc_status fill_hardware(struct records *records, struct jc_error *error) {
  struct jc_hardware_table table = {0};
  if (jc_hardware_table_read(NULL, &table, error) == JC_OK) {
    for (uint32_t i = 0; i < table.count; i++) {
      const struct jc_hardware *row = &table.rows[i].figures;
      record_text(records, row->name);
      record_text(records, row->device);
      record_real(records, row->cores > 0 ? (double)row->cores : NAN);
      record_flag(records, table.rows[i].per_core);
      record_real(records, row->tdp_w);
      record_real(records, row->idle_w);
      record_flag(records, table.rows[i].idle_is_default);
      record_real(records, row->peak_flops_per_s[JC_PRECISION_FP32]);
      record_real(records, row->memory_bandwidth_bytes_per_s);
      record_count(records, row->year);
      record_text(records, origin_name(table.rows[i].from_user));
      record_text(records, table.rows[i].source);
    }
    (void)records_check(records, error);
  }
  jc_hardware_table_free(&table);
  return error->status;
}

static const struct column grid_columns[] = {
    {"name", "grid", VALUE_TEXT, false, NULL, NULL},
    {"region", "region", VALUE_TEXT, false, NULL, NULL},
    {"grid_g_per_kwh", "g CO2e/kWh", VALUE_REAL, false, NULL, NULL},
    {"year", "year", VALUE_COUNT, false, format_year, NULL},
    {"from", NULL, VALUE_TEXT, false, NULL, NULL},
    {"source", NULL, VALUE_TEXT, false, NULL, NULL},
};

static enum jc_status fill_grids(struct records *records, struct jc_error *error) {
  struct jc_data_table table = {0};
  if (jc_grid_read(NULL, &table, error) == JC_OK) {
    for (uint32_t i = 0; i < table.count; i++) {
      record_text(records, table.rows[i].name);
      record_text(records, table.rows[i].region);
      record_real(records, table.rows[i].value);
      record_count(records, table.rows[i].year);
      record_text(records, origin_name(table.rows[i].from_user));
      record_text(records, table.rows[i].source);
    }
    (void)records_check(records, error);
  }
  jc_data_table_free(&table);
  return error->status;
}

const struct list_topic list_hardware = {
    "hardware", hardware_columns, COLUMN_COUNT(hardware_columns), fill_hardware, print_sources};
const struct list_topic list_grids = {"grids", grid_columns, COLUMN_COUNT(grid_columns), fill_grids,
                                      print_sources};
