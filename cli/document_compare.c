/* document_compare.c -- methods or configurations side by side, as a document. */
#include "cli/document_compare.h"

#include <math.h>
#include <stdlib.h>

#include "cli/report_compare.h"
#include "cli/svg.h"

static void draw(const struct comparison *comparison, FILE *out) {
  static const struct svg_text text = {
      "Energy of each row", "A point each, with its interval where its method gives one."};
  struct svg_interval *rows = calloc(comparison->count + 1, sizeof(*rows));
  size_t count = 0;
  if (rows == NULL)
    return;
  for (size_t i = 0; i < comparison->count; i++) {
    const struct comparison_row *row = comparison->rows[i];
    if (row->available)
      rows[count++] =
          (struct svg_interval){row->label, row->energy_j, row->energy_low_j, row->energy_high_j};
  }
  svg_intervals(out, &text, rows, count);
  free(rows);
}

static void put_explanations(const struct comparison *comparison, struct document *document) {
  for (size_t i = 0; i < comparison->count; i++) {
    const struct comparison_row *row = comparison->rows[i];
    if (row->explanation == NULL)
      continue;
    document_heading(document, row->label);
    document_code(document, row->explanation);
  }
}

static void put_note(void *context, const char *text) {
  struct document *document = context;
  document_list_item(document, text);
}

/* Each method once, in the order of the rows. */
static void put_methods(const struct comparison *comparison, struct document *document) {
  const char **names = calloc(comparison->count + 1, sizeof(*names));
  if (names == NULL)
    return;
  for (size_t i = 0; i < comparison->count; i++)
    names[i] = comparison->rows[i]->method;
  document_methods(document, names, comparison->count);
  free(names);
}

void document_compare(const struct comparison *comparison, const struct records *rows,
                      const struct records *needed, enum format format, FILE *out) {
  struct document document;
  char lead[512];
  comparison_describe(comparison, lead, sizeof(lead));
  document_begin(&document, out, format,
                 comparison->methods ? "Methods side by side" : "Configurations side by side",
                 lead);
  if (document.html)
    draw(comparison, out);
  document_table(&document, rows, comparison->methods ? "methods" : "configurations");
  if (needed->value_count > 0) {
    document_heading(&document,
                     comparison->methods ? "Inputs, and where they came from" : "Not available");
    document_table(&document, needed, NULL);
  }
  put_explanations(comparison, &document);
  document_heading(&document, "Notes");
  document_list_begin(&document);
  comparison_tell_notes(comparison, put_note, &document);
  document_list_end(&document);
  put_methods(comparison, &document);
  document_end(&document);
}
