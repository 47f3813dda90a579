/* document.h -- a report as headings, figures, tables and charts, written once: as Markdown, or as
 * one HTML file that loads nothing.
 *
 *   struct document document;
 *   document_begin(&document, out, FORMAT_HTML, "resnet50", "training: 90 epochs ...");
 *   document_figures(&document, figures, count);
 *   document_heading(&document, "Energy by layer");
 *   document_table(&document, &layers, "layers");
 *   document_end(&document);
 *
 * Every number in the HTML stands twice: for people, and in SI units as `data-value` of an element
 * whose `data-key` is its place in the JSON report ("run.epochs"; of a table's cell, its column).
 * Texts are escaped here, and nowhere else. Charts (svg.h) are of the HTML alone: Markdown has the
 * tables that they show.
 */
#ifndef JC_CLI_DOCUMENT_H
#define JC_CLI_DOCUMENT_H

#include "cli/common.h"
#include "cli/inputs.h"

struct document {
  FILE *out; /* borrowed */
  bool html;
};

/* A figure of the head of a report. */
struct document_figure {
  const char *key; /* in the JSON report, as a path; NULL: not there */
  const char *title;
  double value; /* NAN: left out */
  char *(*format)(double value, char *buffer, size_t size);
  char remark[160]; /* "": none */
};

/* FORMAT is FORMAT_MARKDOWN or FORMAT_HTML. LEAD is a sentence below the title. */
void document_begin(struct document *document, FILE *out, enum format format, const char *title,
                    const char *lead);
void document_end(struct document *document);

void document_heading(struct document *document, const char *text);
void document_text(struct document *document, const char *text);
/* Lines as they are. */
void document_code(struct document *document, const char *text);
/* A list of texts, each on one line. */
void document_list_begin(struct document *document);
void document_list_item(struct document *document, const char *text);
void document_list_end(struct document *document);
/* What a reader must not miss. */
void document_warning(struct document *document, const char *text);
void document_figures(struct document *document, const struct document_figure *figures,
                      size_t count);
/* KEY: the array of the rows in the JSON report; NULL: they are not there. */
void document_table(struct document *document, const struct records *records, const char *key);
void document_inputs(struct document *document, const struct inputs *inputs);
void document_notes(struct document *document, const struct inputs *inputs);
/* What the methods called NAMES do and where they were published, with BibTeX. */
void document_methods(struct document *document, const char *const *names, size_t count);

/* TEXT with the characters that mean something in HTML escaped, control characters left out. */
void html_text(FILE *out, const char *text);
/* The same, with what stands between backticks as code; as it is where they are odd in number. */
void html_prose(FILE *out, const char *text);

#endif
