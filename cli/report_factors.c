/* report_factors.c -- one row a factor, data set and step. */
#include "cli/report_factors.h"

#include <stdlib.h>

#include "cli/format.h"
#include "cli/records.h"

static const struct column columns[] = {
    {"dataset", "dataset", VALUE_TEXT, true, NULL, NULL},
    {"factor", "factor", VALUE_TEXT, false, NULL, NULL},
    {"from", "from", VALUE_TEXT, false, NULL, NULL},
    {"to", "to", VALUE_TEXT, false, NULL, NULL},
    {"pairs", "pairs", VALUE_COUNT, false, NULL, NULL},
    {"mean_change", "joules", VALUE_REAL, false, format_percent, NULL},
    {"least_change", "least", VALUE_REAL, false, format_percent, NULL},
    {"largest_change", "most", VALUE_REAL, false, format_percent, NULL},
};

static void fill(const struct jc_factor_effect *effects, uint32_t count, struct records *records) {
  records_start(records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < count; i++) {
    const struct jc_factor_effect *e = &effects[i];
    record_text(records, e->dataset);
    record_text(records, e->factor);
    record_text(records, e->from);
    record_text(records, e->to);
    record_count(records, e->pairs);
    record_real(records, e->sum / e->pairs - 1);
    record_real(records, e->low - 1);
    record_real(records, e->high - 1);
  }
}

static void print(const struct jc_run_set *set, const struct records *records,
                  struct output *output) {
  fprintf(output->stream, "%s: %u runs; joules of runs that differ in one factor only\n\n",
          set->path, set->count);
  records_print(records, output->stream);
}

static void put(const struct jc_run_set *set, const struct records *records,
                struct jc_json_writer *w) {
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  jc_put_string(w, "schema", "joulecast.factors/1");
  jc_put_string(w, "runs", set->path);
  records_put(records, w, "factors");
  jc_put_end(w);
}

enum jc_status report_factors(const struct jc_run_set *set, enum format format,
                              struct output *output, struct jc_error *error) {
  struct jc_factor_effect *effects;
  struct records records;
  struct jc_json_writer writer;
  uint32_t count;
  if (jc_factor_effects(set, &effects, &count, error) == JC_OK) {
    fill(effects, count, &records);
    (void)records_check(&records, error);
    if (format == FORMAT_JSON) {
      put(set, &records, &writer);
      (void)output_json(output, &writer, error);
    } else if (!output_rows(&records, format, output->stream)) {
      print(set, &records, output);
    }
    records_free(&records);
  }
  free(effects);
  return error->status;
}
