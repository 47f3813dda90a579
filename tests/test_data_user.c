/* test_data_user.c -- the user's own data rows: where they are looked for, how they win, what is
 * said of broken ones. */
#include <math.h>

#include "estimator/data_files.h"
#include "tests/file_fixtures.h"

static char scratch[PATH_MAX];

static void setup(void) {
  make_scratch(scratch);
  setenv("JOULECAST_DATA", TEST_SOURCE_DIR "/data", 1);
  setenv("XDG_CONFIG_HOME", scratch, 1);
}

static void teardown(void) {
  remove_scratch(scratch);
}

TestSuite(user_data, .init = setup, .fini = teardown);

/* A row in the place of the shipped one, one of its own for a CPU that a shipped row matches too,
 * and a generic one. */
static const char user_hardware[] =
    "{\"schema\": \"joulecast.hardware/1\",\n"
    " \"sources\": {\"plug\": \"meter at the plug, May\"},\n"
    " \"rows\": [\n"
    "  {\"name\": \"EPYC-7763\", \"kind\": \"cpu\", \"model_match\": [\"EPYC 7763 64\"], "
    "\"cores\": 64,\n"
    "   \"tdp_w\": 225, \"idle_w\": 70, \"peak_flops_per_s\": {\"fp32\": 4e12},\n"
    "   \"memory_bandwidth_bytes_per_s\": null, \"memory_bytes\": null, \"source\": \"@plug\",\n"
    "   \"year\": 2026},\n"
    "  {\"name\": \"our-desktop\", \"kind\": \"cpu\", \"model_match\": [\"i5-8500\"], \"cores\": "
    "6,\n"
    "   \"tdp_w\": 50, \"idle_w\": null, \"peak_flops_per_s\": {\"fp32\": 5e11},\n"
    "   \"memory_bandwidth_bytes_per_s\": 4e10, \"memory_bytes\": null, \"source\": \"the BIOS\",\n"
    "   \"year\": 2026},\n"
    "  {\"name\": \"our-cloud\", \"kind\": \"cpu\", \"generic\": true, \"per_core\": true,\n"
    "   \"model_match\": [\"Xeon\"], \"cores\": 1, \"tdp_w\": 5, \"idle_w\": 1,\n"
    "   \"peak_flops_per_s\": {\"fp32\": 1e11}, \"memory_bandwidth_bytes_per_s\": 5e9,\n"
    "   \"memory_bytes\": null, \"source\": \"the provider\", \"year\": 2026}%s]}\n";

/* FORMAT has a place for MORE rows. */
static void write_user_file(const char *name, const char *format, const char *more) {
  char path[PATH_MAX], text[4096];
  cr_assert_lt(snprintf(path, sizeof(path), "%s/joulecast/%s", scratch, name), PATH_MAX);
  cr_assert_lt((size_t)snprintf(text, sizeof(text), format, more), sizeof(text));
  write_text(path, text);
}

static void read_hardware(struct jc_hardware_table *table) {
  struct jc_error error = {0};
  cr_assert_eq(jc_hardware_table_read(NULL, table, &error), JC_OK, "%s:%u: %s: %s", error.file,
               error.line, error.path, error.text);
}

static const struct jc_hardware_row *find(const struct jc_hardware_table *table, const char *name) {
  const struct jc_hardware_row *row = NULL;
  struct jc_error error = {0};
  cr_assert_eq(jc_hardware_find(table, name, &row, &error), JC_OK, "%s", error.text);
  return row;
}

Test(user_data, a_row_takes_the_place_of_the_shipped_one) {
  struct jc_hardware_table table, shipped;
  read_hardware(&shipped);
  cr_assert_not(find(&shipped, "epyc-7763")->from_user);
  write_user_file("hardware.json", user_hardware, "");
  read_hardware(&table);
  const struct jc_hardware_row *row = find(&table, "epyc-7763");
  cr_expect_eq(table.count, shipped.count + 2, "two rows are new");
  cr_expect(row->from_user);
  cr_expect_eq(row->figures.tdp_w, 225.0);
  cr_expect_eq(row->figures.idle_w, 70.0);
  cr_expect(isnan(row->figures.memory_bandwidth_bytes_per_s), "not mixed with the shipped row");
  cr_expect_str_eq(row->source, "meter at the plug, May");
  cr_expect_not(find(&table, "t4")->from_user);
  jc_hardware_table_free(&table);
  jc_hardware_table_free(&shipped);
}

Test(user_data, a_row_wins_over_shipped_ones_that_match_too) {
  struct jc_hardware_table table;
  write_user_file("hardware.json", user_hardware, "");
  read_hardware(&table);
  const struct {
    const char *model, *name;
  } cases[] = {
      /* the shipped "Core i5-8500 CPU" is the longer match */
      {"Intel(R) Core(TM) i5-8500 CPU @ 3.00GHz", "our-desktop"},
      {"AMD EPYC 7763 64-Core Processor", "EPYC-7763"},
      /* both generic rows */
      {"Intel(R) Xeon(R) Processor", "our-cloud"},
      /* a specific row, though shipped, knows more than a generic one */
      {"Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", "xeon-gold-6248"},
      {"AMD EPYC Processor", "generic-server-core"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const struct jc_hardware_row *row = jc_hardware_match(&table, "cpu", cases[i].model);
    cr_expect_str_eq(row != NULL ? row->figures.name : "none", cases[i].name, "%s", cases[i].model);
  }
  jc_hardware_table_free(&table);
}

/* A file without defaults uses the shipped ones; its own hold for shipped rows too. */
Test(user_data, defaults_may_be_left_out_or_replaced) {
  static const char defaults[] =
      " \"defaults\": {\n"
      "  \"idle_share_of_tdp\": {\"value\": 0.3, \"source\": \"ours\", \"year\": 2026},\n"
      "  \"gpu_idle_share_of_tdp\": {\"value\": 0.2, \"source\": \"@plug\", \"year\": 2026},\n"
      "  \"memory_w_per_gb\": {\"value\": 0.1, \"source\": \"ours\", \"year\": 2026}},\n"
      " \"rows\"";
  struct jc_hardware_table table;
  write_user_file("hardware.json", user_hardware, "");
  read_hardware(&table);
  const double shipped_share = table.idle_share_of_tdp.value;
  cr_expect_eq(find(&table, "our-desktop")->figures.idle_w, shipped_share * 50);
  jc_hardware_table_free(&table);

  char *edited = edit_text(user_hardware, " \"rows\"", defaults);
  write_user_file("hardware.json", edited, "");
  free(edited);
  read_hardware(&table);
  cr_expect_neq(shipped_share, 0.3);
  cr_expect_eq(find(&table, "our-desktop")->figures.idle_w, 0.3 * 50);
  cr_expect_eq(find(&table, "t4")->figures.idle_w, 0.2 * find(&table, "t4")->figures.tdp_w);
  cr_expect_str_eq(table.gpu_idle_share_of_tdp.source, "meter at the plug, May");
  cr_expect_eq(table.memory_w_per_gb.value, 0.1);
  jc_hardware_table_free(&table);
}

Test(user_data, grids_and_pue_are_the_users_too) {
  static const char grid[] =
      "{\"schema\": \"joulecast.grid/1\", \"rows\": ["
      "{\"name\": \"world\", \"region\": \"our contract\",\n"
      " \"grid_g_per_kwh\": 12.5, \"source\": \"bill\", \"year\": 2026},\n"
      "{\"name\": \"DE-BY\", \"region\": \"Bavaria\", \"grid_g_per_kwh\": 250,"
      " \"source\": \"bill\", \"year\": 2026}%s]}";
  static const char pue[] = "{\"schema\": \"joulecast.pue/1\", \"rows\": ["
                            "{\"name\": \"cellar\", \"pue\": 1.05, \"source\": \"two meters\","
                            " \"year\": 2026}%s]}";
  struct jc_data_table table;
  const struct jc_data_row *row;
  struct jc_error error = {0};
  double value = NAN;
  write_user_file("grid.json", grid, "");
  write_user_file("pue.json", pue, "");
  cr_assert_eq(jc_grid_read(NULL, &table, &error), JC_OK, "%s", error.text);
  cr_assert_eq(jc_grid_find(&table, "WORLD", &value, &row, &error), JC_OK);
  cr_expect(row->from_user && value == 12.5);
  cr_assert_eq(jc_grid_find(&table, "de-by", &value, &row, &error), JC_OK);
  cr_expect(row->from_user && value == 250);
  cr_assert_eq(jc_grid_find(&table, "DE", &value, &row, &error), JC_OK);
  cr_expect_not(row->from_user);
  jc_data_table_free(&table);
  cr_assert_eq(jc_pue_read(NULL, &table, &error), JC_OK, "%s", error.text);
  cr_assert_eq(jc_pue_find(&table, "cellar", &value, &row, &error), JC_OK);
  cr_expect(row->from_user && value == 1.05);
  jc_data_table_free(&table);
}

/* ---- where ---- */

Test(user_data, without_the_variable_it_is_in_the_home_folder) {
  struct jc_data_table table;
  struct jc_error error = {0};
  char path[PATH_MAX];
  join_path(path, scratch, ".config/joulecast/grid.json");
  write_text(path,
             "{\"schema\": \"joulecast.grid/1\", \"rows\": [{\"name\": \"X1\", \"region\": \"x\","
             "\"grid_g_per_kwh\": 1, \"source\": \"bill\", \"year\": 2026}]}");
  setenv("HOME", scratch, 1);
  setenv("XDG_CONFIG_HOME", "not/absolute", 1);
  cr_assert_eq(jc_grid_read(NULL, &table, &error), JC_OK, "%s", error.text);
  cr_expect_str_eq(table.rows[table.count - 1].name, "X1");
  jc_data_table_free(&table);
  unsetenv("XDG_CONFIG_HOME");
  unsetenv("HOME");
  cr_assert_eq(jc_grid_read(NULL, &table, &error), JC_OK, "%s", error.text);
  cr_expect_str_neq(table.rows[table.count - 1].name, "X1");
  jc_data_table_free(&table);
}

Test(user_data, a_named_file_is_read_alone) {
  struct jc_hardware_table table;
  struct jc_error error = {0};
  write_user_file("hardware.json", "not JSON%s", "");
  cr_expect_eq(jc_hardware_table_read(TEST_SOURCE_DIR "/data/hardware.json", &table, &error),
               JC_OK);
  jc_hardware_table_free(&table);
}

/* ---- broken files: named with their line, nothing is used in silence ---- */

static void expect_broken(const char *text, enum jc_status status, const char *message) {
  struct jc_hardware_table table;
  struct jc_error error = {0};
  write_user_file("hardware.json", "%s", text);
  jc_hardware_table_read(NULL, &table, &error);
  expect_error(&error, status, message);
  jc_hardware_table_free(&table);
}

#define ROW_START "{\"name\": \"mine\", \"kind\": \"cpu\", \"model_match\": [\"x\"], \"cores\": 4,"
#define ROW_END                                                                                    \
  "\"idle_w\": null, \"peak_flops_per_s\": {}, \"memory_bandwidth_bytes_per_s\": null,"            \
  " \"memory_bytes\": null, \"source\": \"s\", \"year\": 2026}"
#define FILE_OF(rows_) "{\"schema\": \"joulecast.hardware/1\",\n \"rows\": [" rows_ "]}\n"

Test(user_data, broken_hardware_gets_its_message) {
  expect_broken("", JC_ERROR_INVALID,
                "joulecast/hardware.json:1: expected a JSON value, got nothing");
  expect_broken("{\"schema\": \"joulecast.hardware/1\"}", JC_ERROR_INVALID,
                "joulecast/hardware.json:1: 'rows' is missing");
  expect_broken("{\"schema\": \"joulecast.grid/1\", \"rows\": []}", JC_ERROR_MISMATCH,
                "joulecast/hardware.json:1: schema: expected \"joulecast.hardware/1\", got "
                "\"joulecast.grid/1\"");
  expect_broken(FILE_OF(ROW_START "\"tdp_w\": -5," ROW_END), JC_ERROR_INVALID,
                "joulecast/hardware.json:2: rows[0].tdp_w: expected a number from 0.001 to 100000, "
                "got -5");
  expect_broken(FILE_OF(ROW_START "\"tdp_w\": 5," ROW_END ",\n" ROW_START "\"tdp_w\": 5," ROW_END),
                JC_ERROR_INVALID,
                "joulecast/hardware.json:3: rows[1].name: a second row is named \"mine\"");
  expect_broken(
      "{\"schema\": \"joulecast.hardware/1\", \"sources\": {\"a\": \"b\"},\n \"rows\": "
      "[" ROW_START "\"tdp_w\": 5, \"idle_w\": null, \"peak_flops_per_s\": {},"
      "\"memory_bandwidth_bytes_per_s\": null, \"memory_bytes\": null, \"source\": \"@c\","
      "\"year\": 2026}]}",
      JC_ERROR_INVALID,
      "joulecast/hardware.json:2: rows[0].source: expected '@' and a key of the file's "
      "`sources`, got \"@c\"");
}

Test(user_data, a_file_that_cannot_be_read_is_an_error) {
  struct jc_data_table table;
  struct jc_error error = {0};
  char path[PATH_MAX];
  join_path(path, scratch, "joulecast/grid.json/inside");
  write_text(path, "");
  jc_grid_read(NULL, &table, &error);
  expect_error(&error, JC_ERROR_IO, "joulecast/grid.json: cannot read: Is a directory");
  jc_data_table_free(&table);
}
