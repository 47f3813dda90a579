/* test_data_files.c -- the shipped tables hold what data/README.md promises; rows and models are
 * found; broken tables get their message. */
#include <math.h>

#include "estimator/data_files.h"
#include "tests/file_fixtures.h"

static struct jc_hardware_table hardware;
static struct jc_data_table grid, pue;

static void setup(void) {
  struct jc_error error = {0};
  setenv("JOULECAST_DATA", TEST_SOURCE_DIR "/data", 1);
  setenv("JOULECAST_MODELS", TEST_SOURCE_DIR "/models", 1);
  jc_hardware_table_read(NULL, &hardware, &error);
  jc_grid_read(NULL, &grid, &error);
  jc_pue_read(NULL, &pue, &error);
  cr_assert_eq(error.status, JC_OK, "%s:%u: %s: %s", error.file, error.line, error.path,
               error.text);
}

static void teardown(void) {
  jc_hardware_table_free(&hardware);
  jc_data_table_free(&grid);
  jc_data_table_free(&pue);
}

TestSuite(data, .init = setup, .fini = teardown);

/* ---- what is shipped ---- */

static void expect_source(const char *name, const char *source, uint32_t year) {
  cr_assert(strlen(source) > 10, "%s has no source", name);
  cr_assert(year >= 1990 && year <= 2100, "%s has no year", name);
}

Test(data, every_row_and_default_has_source_and_year) {
  for (uint32_t i = 0; i < hardware.count; i++)
    expect_source(hardware.rows[i].figures.name, hardware.rows[i].source,
                  hardware.rows[i].figures.year);
  for (uint32_t i = 0; i < grid.count; i++)
    expect_source(grid.rows[i].name, grid.rows[i].source, grid.rows[i].year);
  for (uint32_t i = 0; i < pue.count; i++)
    expect_source(pue.rows[i].name, pue.rows[i].source, pue.rows[i].year);
  expect_source("idle", hardware.idle_share_of_tdp.source, hardware.idle_share_of_tdp.year);
  expect_source("idle", hardware.gpu_idle_share_of_tdp.source, hardware.gpu_idle_share_of_tdp.year);
  expect_source("memory", hardware.memory_w_per_gb.source, hardware.memory_w_per_gb.year);
}

Test(data, there_is_enough_to_run_honestly) {
  uint32_t cpus = 0, gpus = 0, generic = 0;
  for (uint32_t i = 0; i < hardware.count; i++) {
    const struct jc_hardware *figures = &hardware.rows[i].figures;
    const bool gpu = strcmp(figures->device, "gpu") == 0;
    gpus += gpu;
    cpus += !gpu && !figures->generic;
    generic += figures->generic;
    cr_assert(figures->idle_w > 0 && figures->idle_w < figures->tdp_w, "%s", figures->name);
    cr_assert_eq(figures->cores > 0, !gpu, "%s", figures->name);
    cr_assert_eq(hardware.rows[i].per_core, figures->generic, "%s", figures->name);
  }
  cr_assert(cpus >= 40 && gpus >= 60 && generic == 1, "%u CPUs, %u GPUs", cpus, gpus);
  cr_assert(grid.count >= 200, "%u grids", grid.count);
}

/* Each row is found by its own names, so that none hides another. */
Test(data, every_model_match_finds_its_row) {
  for (uint32_t i = 0; i < hardware.count; i++) {
    const struct jc_hardware_row *row = &hardware.rows[i];
    cr_assert(row->model_match_count > 0);
    for (uint32_t m = 0; m < row->model_match_count; m++) {
      char name[128];
      snprintf(name, sizeof(name), "%.*s", (int)strcspn(row->model_match[m], "$"),
               row->model_match[m]);
      cr_assert_eq(jc_hardware_match(&hardware, row->figures.device, name), row, "%s", name);
    }
  }
}

/* ---- hardware ---- */

static void expect_match(const char *cpu_model, const char *name) {
  const struct jc_hardware_row *row = jc_hardware_match(&hardware, "cpu", cpu_model);
  cr_assert_str_eq(row != NULL ? row->figures.name : "none", name, "%s", cpu_model);
}

Test(data, cpus_are_recognised_by_what_the_kernel_prints) {
  expect_match("Intel(R) Xeon(R) Processor", "generic-server-core");
  expect_match("Intel(R) Xeon(R) CPU @ 2.20GHz", "generic-server-core");
  expect_match("AMD EPYC Processor", "generic-server-core");
  expect_match("Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", "xeon-gold-6248");
  expect_match("Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz", "xeon-gold-6248r");
  expect_match("Intel(R) Xeon(R) CPU E5-2699 v4 @ 2.20GHz", "xeon-e5-2699-v4");
  expect_match("Intel(R) Xeon(R) CPU E5-2699A v4 @ 2.40GHz", "none");
  expect_match("13th Gen Intel(R) Core(TM) i9-13900K", "core-i9-13900k");
  expect_match("13th Gen Intel(R) Core(TM) i9-13900KS", "none");
  expect_match("AMD EPYC 7702P 64-Core Processor", "none");
  expect_match("INTEL(R)  XEON(R) PLATINUM 8480+", "xeon-platinum-8480+");
  expect_match("AMD EPYC 7763 64-Core Processor", "epyc-7763");
  expect_match("Intel(R) Core(TM) i5-8500 CPU @ 3.00GHz", "core-i5-8500");
  expect_match("Apple M1", "none");
  expect_match("", "none");
  cr_assert(jc_hardware_match(&hardware, "gpu", "AMD EPYC 7763 64-Core Processor") == NULL);
  cr_assert_str_eq(jc_hardware_match(&hardware, "gpu", "NVIDIA GeForce RTX 3090")->figures.name,
                   "rtx-3090");
  cr_assert_null(jc_hardware_match(&hardware, "gpu", "NVIDIA GeForce RTX 3080 Laptop GPU"));
}

static void expect_no_row(const char *cpu_model, const char *message) {
  struct jc_machine machine = {.cpus = 8};
  const struct jc_hardware_row *row;
  struct jc_error error = {0};
  snprintf(machine.cpu_model, sizeof(machine.cpu_model), "%s", cpu_model);
  jc_hardware_for_machine(&hardware, &machine, &row, &error);
  expect_error(&error, JC_ERROR_MISSING, message);
}

Test(data, machine_without_a_row_is_told_what_to_do) {
  expect_no_row("Apple M1", "no data row for the CPU 'Apple M1'; name one with --hardware "
                            "(`joulecast list hardware`), or give --tdp-w");
  expect_no_row("Intel(R) Xeon(R) CPU E5-2699A v4 @ 2.40GHz",
                "no data row for the CPU 'Intel(R) Xeon(R) CPU E5-2699A v4 @ 2.40GHz'; nearest: "
                "'xeon-e5-2699-v3', 'xeon-e5-2699-v4', 'xeon-e5-2690-v3'; name one with --hardware "
                "(`joulecast list hardware`), or give --tdp-w");
  expect_no_row(
      "AMD Ryzen 7 9700X 8-Core Processor",
      "no data row for the CPU 'AMD Ryzen 7 9700X 8-Core Processor'; nearest: 'ryzen-7-1700x', "
      "'ryzen-7-2700x', 'ryzen-7-3700x'; name one with --hardware (`joulecast list "
      "hardware`), or give --tdp-w");
}

Test(data, per_core_row_is_multiplied_and_a_chip_shared) {
  const struct jc_machine machine = {.cpu_model = "Intel(R) Xeon(R) Processor", .cpus = 4};
  const struct jc_hardware_row *row = NULL;
  struct jc_hardware scaled;
  struct jc_error error = {0};
  cr_assert_eq(jc_hardware_for_machine(&hardware, &machine, &row, &error), JC_OK);
  cr_assert(row->figures.generic);
  jc_hardware_scale(row, 4, &scaled);
  cr_assert_eq(scaled.cores, 4);
  cr_assert_eq(scaled.tdp_w, 4 * row->figures.tdp_w);
  cr_assert_eq(scaled.idle_w, 4 * row->figures.idle_w);
  cr_assert_eq(scaled.peak_flops_per_s[0], 4 * row->figures.peak_flops_per_s[0]);
  cr_assert_eq(scaled.memory_bandwidth_bytes_per_s, 4 * row->figures.memory_bandwidth_bytes_per_s);
  cr_assert(isnan(scaled.peak_flops_per_s[JC_PRECISION_BF16]));

  cr_assert_eq(jc_hardware_find(&hardware, "EPYC-7763", &row, &error), JC_OK);
  jc_hardware_scale(row, 16, &scaled);
  cr_assert_eq(scaled.cores, 16);
  cr_assert_eq(scaled.tdp_w, row->figures.tdp_w / 4);
  jc_hardware_scale(row, 128, &scaled);
  cr_assert_eq(scaled.tdp_w, row->figures.tdp_w, "two threads a core are no second chip");
  jc_hardware_scale(row, 0, &scaled);
  cr_assert_eq(scaled.cores, 64);
}

Test(data, power_given_by_the_user_wins) {
  const struct jc_hardware_row *row;
  struct jc_hardware figures;
  struct jc_error error = {0};
  const double share = hardware.idle_share_of_tdp.value;
  cr_assert_eq(jc_hardware_find(&hardware, "core-i5-8500", &row, &error), JC_OK);
  cr_assert(row->idle_is_default);
  cr_assert_eq(row->figures.idle_w, share * row->figures.tdp_w);
  jc_hardware_scale(row, 0, &figures);
  jc_hardware_set_power(&hardware, row, 100, NAN, &figures);
  cr_assert_eq(figures.tdp_w, 100.0);
  cr_assert_eq(figures.idle_w, share * 100);
  jc_hardware_set_power(&hardware, row, NAN, 7, &figures);
  cr_assert_eq(figures.tdp_w, 100.0);
  cr_assert_eq(figures.idle_w, 7.0);

  struct jc_hardware_row measured = *row;
  measured.idle_is_default = false;
  measured.figures.idle_w = 5;
  jc_hardware_scale(&measured, 0, &figures);
  jc_hardware_set_power(&hardware, &measured, 100, NAN, &figures);
  cr_assert_eq(figures.idle_w, 5.0);
}

Test(data, unknown_hardware_gets_the_nearest_name) {
  const struct jc_hardware_row *row;
  struct jc_error error = {0};
  jc_hardware_find(&hardware, "rtx-3900", &row, &error);
  expect_error(&error, JC_ERROR_USAGE,
               "no hardware named 'rtx-3900'; did you mean 'rtx-3090'? (`joulecast list "
               "hardware`)");
}

/* ---- grids and PUE ---- */

Test(data, grid_is_a_code_or_a_number) {
  const struct jc_data_row *row;
  struct jc_error error = {0};
  double value = NAN;
  cr_assert_eq(jc_grid_find(&grid, "56.7", &value, &row, &error), JC_OK);
  cr_assert(value == 56.7 && row == NULL);
  cr_assert_eq(jc_grid_find(&grid, "0", &value, &row, &error), JC_OK);
  cr_assert_eq(jc_grid_find(&grid, "se", &value, &row, &error), JC_OK);
  cr_assert_str_eq(row->region, "Sweden");
  cr_assert_eq(value, row->value);
  cr_assert_eq(jc_grid_find(&grid, "WORLD", &value, &row, &error), JC_OK);
}

static void expect_no_grid(const char *text, const char *message) {
  const struct jc_data_row *row;
  struct jc_error error = {0};
  double value;
  jc_grid_find(&grid, text, &value, &row, &error);
  expect_error(&error, JC_ERROR_USAGE, message);
}

Test(data, anything_else_is_no_grid) {
  expect_no_grid("WORDL", "no grid named 'WORDL'; did you mean 'WORLD'? (`joulecast list grids`, "
                          "or a number in g/kWh)");
  expect_no_grid("UK", "no grid named 'UK' (`joulecast list grids`, or a number in g/kWh)");
  expect_no_grid("", "no grid named '' (`joulecast list grids`, or a number in g/kWh)");
  expect_no_grid("nan", "no grid named 'nan' (`joulecast list grids`, or a number in g/kWh)");
  expect_no_grid("0x10", "no grid named '0x10' (`joulecast list grids`, or a number in g/kWh)");
  expect_no_grid("-1", "grid: expected 0 to 5000 g/kWh, got -1");
  expect_no_grid("1e999", "grid: expected 0 to 5000 g/kWh, got 1e999");
}

Test(data, pue_is_a_name_or_a_number) {
  const struct jc_data_row *row;
  struct jc_error error = {0};
  double value = NAN;
  cr_assert_eq(jc_pue_find(&pue, "1.2", &value, &row, &error), JC_OK);
  cr_assert(value == 1.2 && row == NULL);
  cr_assert_eq(jc_pue_find(&pue, "none", &value, &row, &error), JC_OK);
  cr_assert_eq(value, 1.0);
  jc_pue_find(&pue, "0.9", &value, &row, &error);
  expect_error(&error, JC_ERROR_USAGE, "PUE: expected 1 to 10, got 0.9");
}

/* ---- models ---- */

/* MODEL means the file FOUND and the variant VARIANT (NULL: none). */
static void expect_found(const char *model, const char *found, const char *variant) {
  struct jc_error error = {0};
  char path[PATH_MAX];
  const char *rest = "unset";
  cr_expect_eq(jc_models_find(model, path, sizeof(path), &rest, &error), JC_OK, "%s: %s", model,
               error.text);
  cr_expect_str_eq(path, found, "%s: %s", model, path);
  if (variant == NULL)
    cr_expect_null(rest, "%s", model);
  else
    cr_expect_str_eq(rest, variant, "%s: %s", model, rest);
}

Test(data, models_are_found_by_name_and_by_path) {
  struct jc_error error = {0};
  char found[PATH_MAX];
  const char *variant;
  expect_found("resnet18", TEST_SOURCE_DIR "/models/resnet18.json", NULL);
  expect_found("resnet18:small", TEST_SOURCE_DIR "/models/resnet18.json", "small");
  expect_found("resnet18:", TEST_SOURCE_DIR "/models/resnet18.json", "");
  expect_found("./resnet18", "./resnet18", NULL);
  expect_found("my.json", "my.json", NULL);
  expect_found("my.json:small", "my.json", "small");
  expect_found("a:b/my.json", "a:b/my.json", NULL);
  expect_found("./no_such_file:small", "./no_such_file:small", NULL);
  expect_found(TEST_SOURCE_DIR "/README.md:small", TEST_SOURCE_DIR "/README.md", "small");
  expect_found("-", "-", NULL);
  expect_found("-:small", "-", "small");
  cr_assert_eq(jc_models_find("resnet18", found, 8, &variant, &error), JC_ERROR_STORAGE);
  cr_expect(jc_models_is_name("resnet18") && jc_models_is_name("resnet18:small"));
  cr_expect_not(jc_models_is_name("my.json:small") || jc_models_is_name("-:small") ||
                jc_models_is_name("./my:small"));

  memset(&error, 0, sizeof(error));
  jc_models_find("resnt18:small", found, sizeof(found), &variant, &error);
  expect_error(&error, JC_ERROR_MISSING,
               "no model named 'resnt18'; did you mean 'resnet18'? (`joulecast list models`; a "
               "file is named with a '/' or ends in .json)");
}

/* A file whose own name has the colon wins. */
Test(data, a_colon_may_be_part_of_a_file_name) {
  char path[] = "/tmp/joulecast-XXXXXX", file[64];
  cr_assert_not_null(mkdtemp(path));
  snprintf(file, sizeof(file), "%s/my.json:small", path);
  FILE *stream = fopen(file, "w");
  cr_assert_not_null(stream);
  fclose(stream);
  expect_found(file, file, NULL);
  remove(file);
  char rest[64];
  snprintf(rest, sizeof(rest), "%s/my.json", path);
  expect_found(file, rest, "small");
  remove(path);
}

Test(data, models_are_listed_in_order_without_the_schema) {
  struct jc_name_list list;
  struct jc_error error = {0};
  bool found = false;
  cr_assert_eq(jc_models_list(&list, &error), JC_OK, "%s", error.text);
  for (size_t i = 0; i < list.count; i++) {
    cr_assert(i == 0 || strcmp(list.names[i - 1], list.names[i]) < 0);
    cr_assert(strstr(list.names[i], "schema") == NULL && strstr(list.names[i], ".json") == NULL);
    found = found || strcmp(list.names[i], "lenet5_28") == 0;
  }
  cr_assert(found);
  jc_name_list_free(&list);
}

Test(data, a_folder_named_by_the_user_is_the_only_one_tried) {
  struct jc_hardware_table table;
  struct jc_name_list list;
  struct jc_error error = {0};
  setenv("JOULECAST_DATA", "/nonexistent/data", 1);
  setenv("JOULECAST_MODELS", "/nonexistent/models", 1);
  jc_hardware_table_read(NULL, &table, &error);
  expect_error(&error, JC_ERROR_IO,
               "/nonexistent/data/hardware.json: cannot open: No such file or directory");
  jc_hardware_table_free(&table);
  memset(&error, 0, sizeof(error));
  jc_models_list(&list, &error);
  expect_error(&error, JC_ERROR_IO, "/nonexistent/models: cannot read: No such file or directory");
}

/* ---- broken tables ---- */

static void read_hardware(const char *path, struct jc_error *error) {
  struct jc_hardware_table table;
  jc_hardware_table_read(path, &table, error);
  jc_hardware_table_free(&table);
}

static void read_grid(const char *path, struct jc_error *error) {
  struct jc_data_table table;
  jc_grid_read(path, &table, error);
  jc_data_table_free(&table);
}

static void read_pue(const char *path, struct jc_error *error) {
  struct jc_data_table table;
  jc_pue_read(path, &table, error);
  jc_data_table_free(&table);
}

Test(data, broken_tables_get_their_message) {
  cr_assert(check_broken_files(FIXTURES "/data", "hardware-", ".json", read_hardware) >= 14);
  cr_assert(check_broken_files(FIXTURES "/data", "grid-", ".json", read_grid) >= 15);
  cr_assert(check_broken_files(FIXTURES "/data", "pue-", ".json", read_pue) >= 2);
}
