/* test_data_lint.c -- figures of the shipped tables are plausible: each alone, and against each
 * other.
 *
 * A wrong digit, a unit off by 1000 or a peak counted with sparsity passes any check of ranges
 * alone; against watts and neighbouring figures it does not. The planted rows are such mistakes,
 * two of them from tables in use: a GTX 750 of 250 W, and an H100 counted with sparsity.
 */
#include <ctype.h>
#include <math.h>
#include <strings.h>

#include "estimator/data_files.h"
#include "estimator/record_json.h"
#include "tests/file_fixtures.h"

#define DATA TEST_SOURCE_DIR "/data"

enum { FIRST_YEAR = 2010, LAST_YEAR = 2026, SHORTEST_SOURCE = 20 };

/* ---- figures and their ratios ---- */

static double tdp_w(const struct jc_hardware *row) {
  return row->tdp_w;
}

static double core_w(const struct jc_hardware *row) {
  return row->tdp_w / row->cores;
}

static double idle_share(const struct jc_hardware *row) {
  return row->idle_w / row->tdp_w;
}

static double fp32_flops_per_j(const struct jc_hardware *row) {
  return row->peak_flops_per_s[JC_PRECISION_FP32] / row->tdp_w;
}

static double fp16_flops_per_j(const struct jc_hardware *row) {
  return row->peak_flops_per_s[JC_PRECISION_FP16] / row->tdp_w;
}

static double bf16_flops_per_j(const struct jc_hardware *row) {
  return row->peak_flops_per_s[JC_PRECISION_BF16] / row->tdp_w;
}

static double bandwidth_bytes_per_j(const struct jc_hardware *row) {
  return row->memory_bandwidth_bytes_per_s / row->tdp_w;
}

static double memory_bytes(const struct jc_hardware *row) {
  return row->memory_bytes;
}

static double over(const struct jc_hardware *row, enum jc_precision a, enum jc_precision b) {
  return row->peak_flops_per_s[a] / row->peak_flops_per_s[b];
}

static double fp16_over_fp32(const struct jc_hardware *row) {
  return over(row, JC_PRECISION_FP16, JC_PRECISION_FP32);
}

static double bf16_over_fp32(const struct jc_hardware *row) {
  return over(row, JC_PRECISION_BF16, JC_PRECISION_FP32);
}

static double tf32_over_fp16(const struct jc_hardware *row) {
  return over(row, JC_PRECISION_TF32, JC_PRECISION_FP16);
}

static double bf16_over_fp16(const struct jc_hardware *row) {
  return over(row, JC_PRECISION_BF16, JC_PRECISION_FP16);
}

/* From the least to the greatest value among parts of LAUNCHED and later, with room to either side;
 * unknown figures make unknown ratios, which pass. */
static const struct rule {
  const char *name, *device;
  double (*value)(const struct jc_hardware *row);
  double minimum, maximum;
  uint32_t launched, launched_before;
} rules[] = {
    {"TDP, W", "cpu", tdp_w, 5, 600, 0, 9999},
    {"TDP, W", "gpu", tdp_w, 25, 1400, 0, 9999},
    {"TDP a core, W", "cpu", core_w, 1.5, 31, 0, 9999}, /* Xeon W-2123: 30 */
    {"idle over TDP", "cpu", idle_share, 0, 0.5, 0, 9999},
    {"idle over TDP", "gpu", idle_share, 0, 0.5, 0, 9999},
    {"fp32 flop/J", "cpu", fp32_flops_per_j, 2e9, 60e9, 0, 9999},
    {"fp32 flop/J", "gpu", fp32_flops_per_j, 15e9, 450e9, 0, 9999},
    {"fp16 flop/J", "gpu", fp16_flops_per_j, 30e9, 2.3e12, 0, 2024},
    {"fp16 flop/J", "gpu", fp16_flops_per_j, 30e9, 2.5e12, 2024, 9999},
    {"byte/J", "cpu", bandwidth_bytes_per_j, 0.2e9, 3.2e9, 0, 9999},
    {"byte/J", "gpu", bandwidth_bytes_per_j, 0.8e9, 10e9, 0, 9999}, /* H100 NVL: 9.8e9 */
    {"memory, byte", "gpu", memory_bytes, 1e9, 1e12, 0, 9999},
    {"fp16 over fp32", "gpu", fp16_over_fp32, 0.99, 17, 0, 2024},
    {"fp16 over fp32", "gpu", fp16_over_fp32, 0.99, 32, 2024, 9999},
    {"tf32 over fp16", "gpu", tf32_over_fp16, 0.48, 0.52, 0, 9999},
    {"bf16 over fp16", "gpu", bf16_over_fp16, 0.48, 1.01, 0, 9999},
    {"bf16 flop/J", "gpu", bf16_flops_per_j, 30e9, 2.3e12, 0, 2024},
    {"bf16 flop/J", "gpu", bf16_flops_per_j, 30e9, 2.5e12, 2024, 9999},
    {"bf16 over fp32", "gpu", bf16_over_fp32, 0.99, 17, 0, 2024},
    {"bf16 over fp32", "gpu", bf16_over_fp32, 0.99, 32, 2024, 9999},
};

/* ---- what is wrong with a row: "" or one complaint ---- */

/* "derived: 20 cores x 64 flop/cycle (two 512-bit FMA units) x 2.5 GHz base clock" must give the
 * peak that stands there. */
static void check_derivation(const struct jc_hardware_row *row, char *complaint, size_t size) {
  const struct jc_hardware *figures = &row->figures;
  unsigned cores = 0, width = 0;
  double clock_ghz = 0;
  if (row->peak_flops_from == NULL) {
    if (!isnan(figures->peak_flops_per_s[JC_PRECISION_FP32]))
      snprintf(complaint, size, "a peak of a CPU without its derivation");
    return;
  }
  if (sscanf(row->peak_flops_from, "derived: %u cores x %u flop/cycle (%*[^)]) x %lf GHz", &cores,
             &width, &clock_ghz) != 3 ||
      cores != figures->cores)
    snprintf(complaint, size, "derivation '%s' for %u cores", row->peak_flops_from, figures->cores);
  else if ((width != 16 && width != 32 && width != 64) || !(clock_ghz >= 1 && clock_ghz <= 6))
    snprintf(complaint, size, "%u flop/cycle at %g GHz", width, clock_ghz);
  else if (fabs(cores * width * clock_ghz * 1e9 / figures->peak_flops_per_s[0] - 1) > 1e-6)
    snprintf(complaint, size, "fp32 %g, but %u cores x %u flop/cycle x %g GHz = %g",
             figures->peak_flops_per_s[0], cores, width, clock_ghz,
             cores * width * clock_ghz * 1e9);
}

static void check_rules(const struct jc_hardware *figures, char *complaint, size_t size) {
  for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && complaint[0] == '\0'; i++) {
    const struct rule *rule = &rules[i];
    const double value = rule->value(figures);
    if (strcmp(rule->device, figures->device) == 0 && figures->year >= rule->launched &&
        figures->year < rule->launched_before && (value < rule->minimum || value > rule->maximum))
      snprintf(complaint, size, "%s: %g is not within %g to %g", rule->name, value, rule->minimum,
               rule->maximum);
  }
}

static bool has_match(const struct jc_hardware_row *row, const char *match) {
  for (uint32_t i = 0; i < row->model_match_count; i++) {
    if (strcasecmp(row->model_match[i], match) == 0)
      return true;
  }
  return false;
}

/* Of the rows before ROW none may have its names of models. */
static void check_matches(const struct jc_hardware_table *table, const struct jc_hardware_row *row,
                          char *complaint, size_t size) {
  for (const struct jc_hardware_row *other = table->rows; other < row; other++) {
    for (uint32_t i = 0; i < row->model_match_count; i++) {
      if (has_match(other, row->model_match[i]))
        snprintf(complaint, size, "'%s' also means %s", row->model_match[i], other->figures.name);
    }
  }
  if (row->model_match_count == 0)
    snprintf(complaint, size, "no model_match");
}

static char *lint_row(const struct jc_hardware_table *table, const struct jc_hardware_row *row,
                      char *complaint, size_t size) {
  const struct jc_hardware *figures = &row->figures;
  complaint[0] = '\0';
  if (figures->year < FIRST_YEAR || figures->year > LAST_YEAR)
    snprintf(complaint, size, "year %u", figures->year);
  else if (strlen(row->source) < SHORTEST_SOURCE)
    snprintf(complaint, size, "source '%s'", row->source);
  else if (isnan(figures->tdp_w))
    snprintf(complaint, size, "no TDP");
  else
    check_matches(table, row, complaint, size);
  if (complaint[0] == '\0')
    check_rules(figures, complaint, size);
  if (complaint[0] == '\0' && strcmp(figures->device, "cpu") == 0 && !figures->generic)
    check_derivation(row, complaint, size);
  return complaint;
}

/* ---- the shipped tables ---- */

Test(data_lint, hardware_is_plausible) {
  struct jc_hardware_table table;
  struct jc_error error = {0};
  char complaint[256];
  uint32_t cpus = 0, gpus = 0;
  cr_assert_eq(jc_hardware_table_read(DATA "/hardware.json", &table, &error), JC_OK, "%s:%u: %s",
               error.file, error.line, error.text);
  for (uint32_t i = 0; i < table.count; i++) {
    const struct jc_hardware_row *row = &table.rows[i];
    cr_expect_str_empty(lint_row(&table, row, complaint, sizeof(complaint)), "%s: %s",
                        row->figures.name, complaint);
    if (strcmp(row->figures.device, "gpu") == 0)
      gpus++;
    else
      cpus++;
  }
  cr_expect(cpus >= 40 && gpus >= 60, "%u CPUs, %u accelerators", cpus, gpus);
  jc_hardware_table_free(&table);
}

/* Life-cycle emissions: 0 (hydropower to the rounding) to those of old gas turbines. */
Test(data_lint, grids_are_plausible) {
  struct jc_data_table table;
  struct jc_error error = {0};
  cr_assert_eq(jc_grid_read(DATA "/grid.json", &table, &error), JC_OK, "%s", error.text);
  for (uint32_t i = 0; i < table.count; i++) {
    const struct jc_data_row *row = &table.rows[i];
    cr_expect(strcmp(row->name, "WORLD") == 0 ||
                  (strlen(row->name) == 2 && isupper((unsigned char)row->name[0]) &&
                   isupper((unsigned char)row->name[1])),
              "%s is no ISO 3166-1 alpha-2 code", row->name);
    cr_expect(row->value >= 0 && row->value <= 1400, "%s: %g g/kWh", row->name, row->value);
    cr_expect(row->year >= 2022 && row->year <= LAST_YEAR, "%s: %u", row->name, row->year);
    cr_expect(row->region[0] != '\0' && strlen(row->source) >= SHORTEST_SOURCE, "%s", row->name);
    for (uint32_t j = 0; j < i; j++)
      cr_expect_str_neq(row->region, table.rows[j].region);
  }
  cr_expect_geq(table.count, 200);
  jc_data_table_free(&table);
}

static bool is_used(const struct jc_json_node *rows, const char *key) {
  for (const struct jc_json_node *row = jc_json_first(rows); row != NULL; row = jc_json_next(row)) {
    const char *source = jc_json_string(jc_json_member(row, "source"));
    if (source != NULL && source[0] == '@' && strcmp(source + 1, key) == 0)
      return true;
  }
  return false;
}

Test(data_lint, no_source_is_left_over) {
  static const char *const files[] = {DATA "/hardware.json", DATA "/grid.json"};
  for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
    struct jc_json *document;
    struct jc_error error = {0};
    cr_assert_eq(jc_json_read_file(files[i], &document, &error), JC_OK, "%s", error.text);
    const struct jc_json_node *root = jc_json_root(document);
    const struct jc_json_node *source = jc_json_first(jc_json_member(root, "sources"));
    cr_expect_not_null(source, "%s", files[i]);
    for (; source != NULL; source = jc_json_next(source))
      cr_expect(is_used(jc_json_member(root, "rows"), jc_json_key(source)), "%s: nobody uses %s",
                files[i], jc_json_key(source));
    jc_json_free(document);
  }
}

/* ---- planted mistakes ---- */

#define GPU(name_, match_, tdp_, idle_, peaks_, bandwidth_, year_)                                 \
  "{\"name\": \"" name_ "\", \"kind\": \"gpu\", \"model_match\": [\"" match_ "\"], "               \
  "\"tdp_w\": " tdp_ ", \"idle_w\": " idle_ ", \"peak_flops_per_s\": {" peaks_ "}, "               \
  "\"memory_bandwidth_bytes_per_s\": " bandwidth_ ", \"memory_bytes\": 8e9, "                      \
  "\"source\": \"a document with a title\", \"year\": " year_ "}"

#define CPU(cores_, tdp_, peak_, from_, bandwidth_)                                                \
  "{\"name\": \"cpu\", \"kind\": \"cpu\", \"model_match\": [\"x\"], \"cores\": " cores_ ", "       \
  "\"tdp_w\": " tdp_ ", \"idle_w\": null, \"peak_flops_per_s\": {\"fp32\": " peak_ "}, "           \
  "\"peak_flops_from\": " from_ ", \"memory_bandwidth_bytes_per_s\": " bandwidth_ ", "             \
  "\"memory_bytes\": null, \"source\": \"a document with a title\", \"year\": 2019}"

#define H100_FP16(rate_)                                                                           \
  GPU("h100", "H100", "700", "null", "\"fp32\": 66.9e12, \"fp16\": " rate_, "3.35e12", "2022")
#define GOLD_6248                                                                                  \
  "\"derived: 20 cores x 64 flop/cycle (two 512-bit FMA units) x 2.5 GHz base clock\""

static const struct {
  const char *rows, *complaint;
} planted[] = {
    /* nothing wrong: what is varied below is all that is */
    {GPU("gtx-750", "GTX 750", "55", "null", "\"fp32\": 1.111e12", "80e9", "2014"), ""},
    {H100_FP16("989.4e12"), ""},
    {CPU("20", "150", "3.2e12", GOLD_6248, "140.784e9"), ""},
    /* tables in use */
    {GPU("gtx-750", "GTX 750", "250", "null", "\"fp32\": 1.111e12", "80e9", "2014"),
     "fp32 flop/J: 4.444e+09 is not within 1.5e+10 to 4.5e+11"},
    {H100_FP16("1978.9e12"), "fp16 flop/J: 2.827e+12 is not within 3e+10 to 2.3e+12"},
    {GPU("h100-pcie", "H100 PCIe", "350", "null",
         "\"fp32\": 51.2e12, \"tf32\": 756e12, \"bf16\": 756e12, \"fp16\": 756e12", "2e12", "2022"),
     "tf32 over fp16: 1 is not within 0.48 to 0.52"},
    {GPU("l40s", "L40S", "300", "null", "\"fp32\": 91.6e12, \"tf32\": 366e12, \"fp16\": 362e12",
         "864e9", "2023"),
     "tf32 over fp16: 1.01105 is not within 0.48 to 0.52"},
    /* slips */
    {GPU("a", "A", "300", "200", "\"fp32\": 20e12", "900e9", "2020"),
     "idle over TDP: 0.666667 is not within 0 to 0.5"},
    {GPU("a", "A", "300", "null", "\"fp32\": 20e12", "900e6", "2020"),
     "byte/J: 3e+06 is not within 8e+08 to 1e+10"},
    {GPU("a", "A", "300", "null", "\"fp32\": 20e9", "900e9", "2020"),
     "fp32 flop/J: 6.66667e+07 is not within 1.5e+10 to 4.5e+11"},
    {GPU("a", "A", "300", "null", "\"fp32\": 20e12, \"fp16\": 800e12", "900e9", "2020"),
     "fp16 flop/J: 2.66667e+12 is not within 3e+10 to 2.3e+12"},
    {GPU("a", "A", "300", "null", "\"fp32\": 20e12, \"fp16\": 400e12", "900e9", "2020"),
     "fp16 over fp32: 20 is not within 0.99 to 17"},
    {GPU("a", "A", "300", "null", "\"bf16\": 400e12, \"fp16\": 200e12", "900e9", "2020"),
     "bf16 over fp16: 2 is not within 0.48 to 1.01"},
    {GPU("a", "A", "700", "null", "\"bf16\": 1800e12", "900e9", "2020"),
     "bf16 flop/J: 2.57143e+12 is not within 3e+10 to 2.3e+12"},
    {GPU("a", "A", "300", "null", "\"fp32\": 20e12, \"bf16\": 400e12", "900e9", "2020"),
     "bf16 over fp32: 20 is not within 0.99 to 17"},
    {GPU("a", "A", "3000", "null", "\"fp32\": 60e12", "3e12", "2020"),
     "TDP, W: 3000 is not within 25 to 1400"},
    {GPU("a", "A", "300", "null", "\"fp32\": 20e12", "900e9", "2002"), "year 2002"},
    {GPU("a", "A", "null", "null", "\"fp32\": 20e12", "900e9", "2020"), "no TDP"},
    {GPU("b", "Same", "300", "null", "\"fp32\": 20e12", "900e9",
         "2020") ", " GPU("a", "same", "300", "null", "\"fp32\": 20e12", "900e9", "2020"),
     "'same' also means b"},
    {CPU("2", "150", "0.32e12", "\"derived: 2 cores x 64 flop/cycle (x) x 2.5 GHz base clock\"",
         "140.784e9"),
     "TDP a core, W: 75 is not within 1.5 to 31"},
    {CPU("20", "150", "6.4e12", GOLD_6248, "140.784e9"),
     "fp32 6.4e+12, but 20 cores x 64 flop/cycle x 2.5 GHz = 3.2e+12"},
    {CPU("24", "150", "3.2e12", GOLD_6248, "140.784e9"),
     "derivation 'derived: 20 cores x 64 flop/cycle (two 512-bit FMA units) x 2.5 GHz base clock' "
     "for 24 cores"},
    {CPU("20", "150", "6.4e12", "\"derived: 20 cores x 128 flop/cycle (x) x 2.5 GHz base clock\"",
         "140.784e9"),
     "128 flop/cycle at 2.5 GHz"},
    {CPU("20", "150", "3.2e12", "null", "140.784e9"), "a peak of a CPU without its derivation"},
    {CPU("20", "150", "3.2e12", GOLD_6248, "1126e9"), "byte/J: 7.50667e+09 is not within 2e+08 to "
                                                      "3.2e+09"},
};

Test(data_lint, planted_mistakes_are_found) {
  static const char head[] =
      "{\"schema\": \"joulecast.hardware/1\", \"defaults\": {"
      "\"idle_share_of_tdp\": {\"value\": 0.1, \"source\": \"s\", \"year\": 2020}, "
      "\"gpu_idle_share_of_tdp\": {\"value\": 0.1, \"source\": \"s\", \"year\": 2020}, "
      "\"memory_w_per_gb\": {\"value\": 0.1, \"source\": \"s\", \"year\": 2020}}, \"rows\": [";
  char folder[PATH_MAX], path[PATH_MAX], text[4096], complaint[256];
  make_scratch(folder);
  join_path(path, folder, "planted.json");
  for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
    struct jc_hardware_table table;
    struct jc_error error = {0};
    cr_assert_lt((size_t)snprintf(text, sizeof(text), "%s%s]}", head, planted[i].rows),
                 sizeof(text));
    write_text(path, text);
    cr_assert_eq(jc_hardware_table_read(path, &table, &error), JC_OK, "%zu: %s", i, error.text);
    lint_row(&table, &table.rows[table.count - 1], complaint, sizeof(complaint));
    cr_expect_str_eq(complaint, planted[i].complaint, "%zu: expected '%s', got '%s'", i,
                     planted[i].complaint, complaint);
    jc_hardware_table_free(&table);
  }
  remove_scratch(folder);
}
