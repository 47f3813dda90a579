/* report_compare.c -- a comparison for people and for programs, from the same rows. */
#include "cli/report_compare.h"

#include <math.h>
#include <string.h>

#include "cli/document_compare.h"
#include "cli/format.h"

/* ---- the columns ---- */

enum column_index {
  COLUMN_MODEL,
  COLUMN_BATCH,
  COLUMN_PRECISION,
  COLUMN_MACHINE,
  COLUMN_GRID,
  COLUMN_METHOD,
  COLUMN_ENERGY,
  COLUMN_INTERVAL,
  COLUMN_ENERGY_LOW,
  COLUMN_ENERGY_HIGH,
  COLUMN_TIME,
  COLUMN_POWER,
  COLUMN_FACILITY,
  COLUMN_CO2E,
  COLUMN_COST,
  COLUMN_RATIO,
  COLUMN_ERROR,
  COLUMN_NETWORKS,
  COLUMN_MEASURED_ERROR,
  COLUMN_MARK,
  COLUMN_CHEAPEST,
  COLUMN_CLEANEST,
  COLUMN_PARETO,
  COLUMN_AVAILABLE,
  COLUMN_WHY,
  COLUMNS
};

/* All that there may be; a table hides some. */
static const struct column all_columns[COLUMNS] = {
    [COLUMN_MODEL] = {"model", "model", VALUE_TEXT, true, NULL, NULL},
    [COLUMN_BATCH] = {"batch_size", "batch", VALUE_COUNT, false, NULL, NULL},
    [COLUMN_PRECISION] = {"precision", "precision", VALUE_TEXT, false, NULL, NULL},
    [COLUMN_MACHINE] = {"machine", "machine", VALUE_TEXT, true, NULL, NULL},
    [COLUMN_GRID] = {"grid", "grid", VALUE_TEXT, false, NULL, NULL},
    [COLUMN_METHOD] = {"method", "method", VALUE_TEXT, false, NULL, NULL},
    [COLUMN_ENERGY] = {"energy_j", "energy", VALUE_REAL, false, format_energy, NULL},
    [COLUMN_INTERVAL] = {NULL, "interval", VALUE_TEXT, false, NULL, NULL},
    [COLUMN_ENERGY_LOW] = {"energy_low_j", NULL, VALUE_REAL, false, NULL, NULL},
    [COLUMN_ENERGY_HIGH] = {"energy_high_j", NULL, VALUE_REAL, false, NULL, NULL},
    [COLUMN_TIME] = {"time_s", "time", VALUE_REAL, false, format_duration, NULL},
    [COLUMN_POWER] = {"power_w", NULL, VALUE_REAL, false, NULL, NULL},
    [COLUMN_FACILITY] = {"facility_energy_j", NULL, VALUE_REAL, false, NULL, NULL},
    [COLUMN_CO2E] = {"co2e_g", "CO2e", VALUE_REAL, false, format_mass, NULL},
    [COLUMN_COST] = {"cost", "cost", VALUE_REAL, false, NULL, NULL},
    [COLUMN_RATIO] = {"ratio", "ratio", VALUE_REAL, false, NULL, NULL},
    [COLUMN_ERROR] = {"error", "error", VALUE_REAL, false, format_percent, NULL},
    [COLUMN_NETWORKS] = {"error_networks", "n", VALUE_COUNT, false, NULL, NULL},
    [COLUMN_MEASURED_ERROR] = {"measured_error", "off by", VALUE_REAL, false, format_percent, NULL},
    [COLUMN_MARK] = {NULL, "mark", VALUE_TEXT, false, NULL, NULL},
    [COLUMN_CHEAPEST] = {"cheapest", NULL, VALUE_BOOL, false, NULL, NULL},
    [COLUMN_CLEANEST] = {"cleanest", NULL, VALUE_BOOL, false, NULL, NULL},
    [COLUMN_PARETO] = {"pareto", NULL, VALUE_BOOL, false, NULL, NULL},
    [COLUMN_AVAILABLE] = {"available", NULL, VALUE_BOOL, false, NULL, NULL},
    [COLUMN_WHY] = {"why", NULL, VALUE_TEXT, false, NULL, NULL},
};

/* Rows are told apart by what varies; with --measured, the number of networks makes room. */
static void choose_columns(const struct comparison *comparison, struct column columns[COLUMNS]) {
  const bool methods = comparison->methods, measured = !isnan(comparison->measured_j);
  const struct {
    enum column_index column;
    bool shown;
  } rows[] = {
      {COLUMN_MODEL, comparison->varies_model && !methods},
      {COLUMN_BATCH, comparison->varies_batch_size && !methods},
      {COLUMN_PRECISION, comparison->varies_precision && !methods},
      {COLUMN_MACHINE, comparison->varies_machine && !methods},
      {COLUMN_GRID, comparison->varies_grid && !methods},
      {COLUMN_METHOD, comparison->varies_method || methods},
      {COLUMN_INTERVAL, methods},
      {COLUMN_CO2E, !methods},
      {COLUMN_COST, !methods && comparison->currency[0] != '\0'},
      {COLUMN_RATIO, true},
      {COLUMN_ERROR, methods},
      {COLUMN_NETWORKS, methods && !measured},
      {COLUMN_MEASURED_ERROR, measured},
      {COLUMN_MARK, !methods},
  };
  memcpy(columns, all_columns, sizeof(all_columns));
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (!rows[i].shown)
      columns[rows[i].column].title = NULL;
  }
}

static const char *mark_of(const struct comparison_row *row, bool grids, char *text, size_t size) {
  const struct {
    bool holds;
    const char *word;
  } marks[] = {
      {row->cheapest, "E"},
      {grids && row->cleanest, "C"},
      {row->pareto, "P"},
      {row->extrapolated, "X"},
  };
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
    if (marks[i].holds)
      used +=
          (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "", marks[i].word);
  }
  return used > 0 ? text : NULL;
}

/* A row's number: what is not forecast is absent. */
static void record_known(struct records *records, const struct comparison_row *row, double value) {
  record_real(records, row->available ? value : NAN);
}

static void fill_row(const struct comparison *comparison, const struct comparison_row *row,
                     struct records *records) {
  char interval[2 * FORMAT_SIZE], mark[FORMAT_SIZE];
  record_text(records, row->model);
  if (row->batch_size > 0)
    record_count(records, row->batch_size);
  else
    record_real(records, NAN);
  record_text(records, row->precision);
  record_text(records, row->machine);
  record_text(records, row->grid);
  record_text(records, row->method);
  record_known(records, row, row->energy_j);
  record_text(records, row->available ? format_span(row->energy_low_j, row->energy_high_j,
                                                    format_energy, interval, sizeof(interval))
                                      : NULL);
  record_known(records, row, row->energy_low_j);
  record_known(records, row, row->energy_high_j);
  record_known(records, row, row->time_s);
  record_known(records, row, row->power_w);
  record_known(records, row, row->facility_energy_j);
  record_known(records, row, row->co2e_g);
  record_known(records, row, row->cost);
  record_known(records, row, row->ratio);
  record_known(records, row, row->error);
  if (row->available && row->energy_error.networks > 0)
    record_count(records, row->energy_error.networks);
  else
    record_real(records, NAN);
  record_known(records, row, row->measured_error);
  record_text(records,
              row->available ? mark_of(row, comparison->varies_grid, mark, sizeof(mark)) : NULL);
  record_flag(records, row->cheapest);
  record_flag(records, row->cleanest);
  record_flag(records, row->pareto);
  record_flag(records, row->available);
  record_text(records, row->available ? NULL : row->why);
}

/* ---- for people ---- */

/* What a method took, or why a row has no forecast; COLUMNS are what RECORDS borrow. */
static void fill_needed(const struct comparison *comparison, struct column columns[2],
                        struct records *records) {
  const bool methods = comparison->methods;
  char text[COMPARISON_WHY + 32];
  columns[0] = (struct column){"row", methods ? "method" : "row", VALUE_TEXT, true, NULL, NULL};
  columns[1] = (struct column){
      "needed",   methods ? "what it needed and where that came from" : "why it is not available",
      VALUE_TEXT, false,
      NULL,       NULL};
  records_start(records, columns, 2);
  for (size_t i = 0; i < comparison->count; i++) {
    const struct comparison_row *row = comparison->rows[i];
    if (row->available && !methods)
      continue;
    if (row->available)
      snprintf(text, sizeof(text), "%s%s", row->needed, row->extrapolated ? "; EXTRAPOLATED" : "");
    else
      snprintf(text, sizeof(text), "%s%s", methods ? "not available: " : "", row->why);
    record_text(records, row->label);
    record_text(records, text);
  }
}

static void print_needed(const struct records *needed, FILE *out) {
  if (needed->value_count == 0)
    return;
  fputc('\n', out);
  records_print(needed, out);
}

static void print_break_even(const struct comparison *comparison, FILE *out) {
  const struct break_even b = comparison_break_even(comparison);
  char inferences[FORMAT_SIZE], days[FORMAT_SIZE];
  if (b.cheaper == NULL)
    return;
  if (b.inferences > 0)
    fprintf(out, "break-even: after %s inferences, %s days, %s has taken less in all\n",
            format_count(ceil(b.inferences), inferences, sizeof(inferences)),
            format_number(b.days, days, sizeof(days)), b.cheaper->label);
  else
    fprintf(out, "break-even: none; %s takes less from the first inference on\n", b.cheaper->label);
}

static void print_use(const struct comparison *comparison, FILE *out) {
  static const struct column columns[] = {
      {"row", "use of", VALUE_TEXT, true, NULL, NULL},
      {"energy_per_inference_j", "each", VALUE_REAL, false, format_energy, NULL},
      {"energy_j", "all", VALUE_REAL, false, format_energy, NULL},
      {"total_j", "with training", VALUE_REAL, false, format_energy, NULL},
      {"training_share", "training", VALUE_REAL, false, format_percent, NULL},
      {"break_even_days", "equal after days", VALUE_REAL, false, NULL, NULL},
  };
  struct records records;
  records_start(&records, columns, COLUMN_COUNT(columns));
  for (size_t i = 0; i < comparison->count; i++) {
    const struct comparison_row *row = comparison->rows[i];
    if (!row->available || !(row->use.per_day > 0))
      continue;
    record_text(&records, row->label);
    record_real(&records, row->use.energy_per_inference_j);
    record_real(&records, row->use.energy_j);
    record_real(&records, row->energy_j + row->use.energy_j);
    record_real(&records, row->use.training_share);
    record_real(&records, row->use.break_even_days);
  }
  if (records.value_count > 0) {
    fputc('\n', out);
    records_print(&records, out);
    if (!comparison->methods)
      print_break_even(comparison, out);
  }
  records_free(&records);
}

void comparison_tell_notes(const struct comparison *comparison,
                           void (*tell)(void *context, const char *text), void *context) {
  char text[2 * COMPARISON_TEXT + NOTE_TEXT + 32];
  for (size_t i = 0; i < comparison->count; i++) {
    const struct inputs *inputs = &comparison->rows[i]->inputs;
    for (size_t n = 0; n < inputs->note_count; n++) {
      size_t with = 0, before = 0;
      for (size_t k = 0; k < comparison->count; k++) {
        const bool has = inputs_have_note(&comparison->rows[k]->inputs, inputs->notes[n]);
        with += has;
        before += has && k < i;
      }
      if (before > 0)
        continue;
      if (with < comparison->available_count)
        snprintf(text, sizeof(text), "%s%s: %s", comparison->rows[i]->label,
                 with > 1 ? " and others" : "", inputs->notes[n]);
      else
        snprintf(text, sizeof(text), "%s", inputs->notes[n]);
      tell(context, text);
    }
  }
}

static void print_note(void *context, const char *text) {
  FILE *out = context;
  fprintf(out, "note: ");
  print_wrapped(out, text, 6, 6);
}

static bool any_extrapolated(const struct comparison *comparison) {
  bool any = false;
  for (size_t i = 0; i < comparison->count; i++)
    any |= comparison->rows[i]->extrapolated;
  return any;
}

static void print_legend(const struct comparison *comparison, FILE *out) {
  if (comparison->methods) {
    print_wrapped(out,
                  "ratio: to the first that is available; error: mean of the method's energy on "
                  "the machine's n "
                  "sample networks, each forecast by the others",
                  0, 2);
    return;
  }
  fprintf(out, "E: least energy, and cost%s\n", comparison->varies_grid ? "; C: least CO2e" : "");
  fprintf(out, "P: Pareto, no row is better in energy or time and no worse in the other\n");
  if (any_extrapolated(comparison))
    fprintf(out, "X: extrapolated beyond what was calibrated\n");
  if (comparison->currency[0] != '\0')
    fprintf(out, "cost in %s\n", comparison->currency);
}

/* The row whose run stands for all, if all are as long; NULL: they are not. */
static const struct comparison_row *common_length(const struct comparison *comparison) {
  const struct comparison_row *first = NULL;
  for (size_t i = 0; i < comparison->count; i++) {
    const struct comparison_row *row = comparison->rows[i];
    if (row->run.batch_size == 0)
      continue;
    first = first == NULL ? row : first;
    if (row->run.samples != first->run.samples || row->run.epochs != first->run.epochs)
      return NULL;
  }
  return first;
}

/* "90 epochs of 1,281,167 samples", where all rows' runs are that long. */
static void describe_length(const struct comparison *comparison, char *text, size_t size) {
  const struct comparison_row *length = common_length(comparison);
  char epochs[FORMAT_SIZE], samples[FORMAT_SIZE];
  if (length == NULL)
    snprintf(text, size, "each model's own epochs and samples");
  else if (length->run.samples == 0)
    snprintf(text, size, "one step");
  else
    snprintf(text, size, "%s epoch%s of %s samples",
             format_count((double)length->run.epochs, epochs, sizeof(epochs)),
             length->run.epochs == 1 ? "" : "s",
             format_count((double)length->run.samples, samples, sizeof(samples)));
}

void comparison_describe(const struct comparison *comparison, char *text, size_t size) {
  const struct comparison_row *first = comparison->rows[0];
  char batch[FORMAT_SIZE];
  const struct {
    bool shared;
    const char *before, *value;
  } parts[] = {
      {!comparison->varies_model, "", first->model},
      {!comparison->varies_batch_size && first->batch_size > 0, "batch ", batch},
      {!comparison->varies_machine, "", first->machine},
      {!comparison->varies_grid, "grid ", first->grid},
      {!comparison->varies_method, "by ", first->method},
  };
  describe_length(comparison, text, size);
  format_count((double)first->batch_size, batch, sizeof(batch));
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    const size_t used = strlen(text);
    if (parts[i].shared)
      snprintf(text + used, size - used, ", %s%s", parts[i].before, parts[i].value);
  }
}

static void print_title(const struct comparison *comparison, FILE *out) {
  const struct comparison_row *prepared = common_length(comparison);
  char text[512];
  if (!comparison->methods) {
    comparison_describe(comparison, text, sizeof(text));
    print_wrapped(out, text, 0, 2);
    fputc('\n', out);
  } else if (prepared != NULL) {
    print_run(prepared->model, &prepared->run, out);
    fputc('\n', out);
  }
}

static void print_table(const struct comparison *comparison, const struct records *records,
                        const struct records *needed, FILE *out) {
  print_title(comparison, out);
  records_print(records, out);
  print_needed(needed, out);
  print_use(comparison, out);
  for (size_t i = 0; i < comparison->count; i++) {
    if (comparison->rows[i]->explanation != NULL)
      fprintf(out, "\n%s%s%s", comparison->methods ? "" : comparison->rows[i]->label,
              comparison->methods ? "" : "\n", comparison->rows[i]->explanation);
  }
  fputc('\n', out);
  print_legend(comparison, out);
  comparison_tell_notes(comparison, print_note, out);
}

/* ---- JSON ---- */

static void put_row(const struct comparison *comparison, const struct comparison_row *row,
                    struct jc_json_writer *w) {
  const bool is = row->available;
  jc_put_object(w, NULL);
  jc_put_string(w, "name", row->method);
  jc_put_string(w, "model", row->model);
  if (row->batch_size > 0)
    jc_put_uint(w, "batch_size", row->batch_size);
  else
    jc_put_null(w, "batch_size");
  jc_put_string(w, "precision", row->precision);
  jc_put_string(w, "machine", row->machine);
  jc_put_string(w, "grid", row->grid);
  jc_put_bool(w, "available", is);
  jc_put_string(w, "why", is ? NULL : row->why);
  jc_put_real(w, "energy_j", is ? row->energy_j : NAN);
  jc_put_real(w, "energy_low_j", is ? row->energy_low_j : NAN);
  jc_put_real(w, "energy_high_j", is ? row->energy_high_j : NAN);
  jc_put_real(w, "time_s", is ? row->time_s : NAN);
  jc_put_real(w, "time_low_s", is ? row->time_low_s : NAN);
  jc_put_real(w, "time_high_s", is ? row->time_high_s : NAN);
  jc_put_real(w, "power_w", is ? row->power_w : NAN);
  jc_put_real(w, "facility_energy_j", is ? row->facility_energy_j : NAN);
  jc_put_real(w, "co2e_g", is ? row->co2e_g : NAN);
  if (is && !isnan(row->cost)) {
    jc_put_inline_object(w, "cost");
    jc_put_real(w, "value", row->cost);
    jc_put_string(w, "currency", comparison->currency);
    jc_put_end(w);
  } else {
    jc_put_null(w, "cost");
  }
  jc_put_real(w, "ratio", is ? row->ratio : NAN);
  put_error_summary(&row->energy_error, w, "error");
  jc_put_real(w, "measured_error", is ? row->measured_error : NAN);
  jc_put_bool(w, "extrapolated", row->extrapolated);
  jc_put_bool(w, "cheapest", row->cheapest);
  jc_put_bool(w, "cleanest", row->cleanest);
  jc_put_bool(w, "pareto", row->pareto);
  scope_put_use(&row->use, w, "inference");
  jc_put_string(w, "explanation", row->explanation);
  notes_put(&row->inputs, w, "notes");
  inputs_put(&row->inputs, w, "inputs");
  jc_put_end(w);
}

static void put_break_even(const struct comparison *comparison, struct jc_json_writer *w) {
  const struct break_even b = comparison_break_even(comparison);
  if (comparison->methods || b.cheaper == NULL) {
    jc_put_null(w, "break_even");
    return;
  }
  jc_put_inline_object(w, "break_even");
  jc_put_string(w, "cheaper", b.cheaper->label);
  jc_put_real(w, "inferences", b.inferences);
  jc_put_real(w, "days", b.days);
  jc_put_end(w);
}

static void put_comparison(const struct comparison *comparison, struct jc_json_writer *w) {
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  jc_put_string(w, "schema", "joulecast.compare/1");
  jc_put_real(w, "measured_j", comparison->measured_j);
  jc_put_array(w, comparison->methods ? "methods" : "configurations");
  for (size_t i = 0; i < comparison->count; i++)
    put_row(comparison, comparison->rows[i], w);
  jc_put_end(w);
  put_break_even(comparison, w);
  jc_put_end(w);
}

enum jc_status report_compare(const struct comparison *comparison, enum format format,
                              struct output *output, struct jc_error *error) {
  struct column columns[COLUMNS], needed_columns[2];
  struct records records, needed;
  struct jc_json_writer writer;
  if (format == FORMAT_JSON) {
    put_comparison(comparison, &writer);
    return output_json(output, &writer, error);
  }
  choose_columns(comparison, columns);
  records_start(&records, columns, COLUMNS);
  for (size_t i = 0; i < comparison->count; i++)
    fill_row(comparison, comparison->rows[i], &records);
  fill_needed(comparison, needed_columns, &needed);
  if (records_check(&records, error) == JC_OK && records_check(&needed, error) == JC_OK) {
    if (format == FORMAT_CSV)
      records_print_csv(&records, output->stream);
    else if (format == FORMAT_TABLE)
      print_table(comparison, &records, &needed, output->stream);
    else
      document_compare(comparison, &records, &needed, format, output->stream);
  }
  records_free(&records);
  records_free(&needed);
  return error->status;
}
