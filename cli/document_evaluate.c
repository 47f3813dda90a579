/* document_evaluate.c -- methods judged on measured runs, as a document. */
#include "cli/document_evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/svg.h"

/* Names of the methods that were judged; returns how many. */
static size_t judged(const struct evaluate_report *report, const char *names[JC_EVALUATION_COUNT]) {
  size_t count = 0;
  for (size_t i = 0; i < JC_EVALUATION_COUNT; i++) {
    if (report->evaluations[i].applicable)
      names[count++] = report->evaluations[i].method;
  }
  return count;
}

/* One chart a method: with all in one, the marks of one would hide another's. */
static void draw_method(const struct records *forecasts, const char *method, FILE *out) {
  const size_t count = forecast_count(forecasts);
  const struct svg_text text = {method, "A point a run: joules predicted against measured."};
  struct svg_point *points = calloc(count + 1, sizeof(*points));
  size_t used = 0;
  if (points == NULL)
    return;
  for (size_t i = 0; i < count; i++) {
    const struct forecast_pair pair = forecast_at(forecasts, i);
    if (strcmp(pair.method, method) == 0)
      points[used++] = (struct svg_point){.measured = pair.measured_j,
                                          .predicted = pair.forecast_j,
                                          .low = pair.low_j,
                                          .high = pair.high_j,
                                          .low_50 = pair.low_50_j,
                                          .high_50 = pair.high_50_j};
  }
  svg_scatter(out, &text, SVG_JOULES, points, used);
  free(points);
}

/* The mean error of each method, and how far 9 of 10 runs are off. */
static void draw_errors(const struct evaluate_report *report, FILE *out) {
  static const struct svg_text text = {
      "Bias of each method", "A point: the mean signed error; the line: nine in ten runs are "
                             "at most so far off."};
  struct svg_residual rows[JC_EVALUATION_COUNT];
  size_t count = 0;
  for (size_t i = 0; i < JC_EVALUATION_COUNT; i++) {
    const struct jc_evaluation *e = &report->evaluations[i];
    if (e->applicable)
      rows[count++] =
          (struct svg_residual){e->method, e->errors.bias, -e->errors.p90, e->errors.p90};
  }
  svg_residuals(out, &text, rows, count);
}

static void put_note(void *context, const char *text) {
  struct document *document = context;
  document_list_item(document, text);
}

static void put_figures(const struct evaluate_report *report, struct document *document) {
  const struct document_figure figures[] = {
      {"n", "runs", report->set->count, format_count, ""},
      {"folds", "folds", report->fold_count, format_count, ""},
  };
  document_figures(document, figures, sizeof(figures) / sizeof(figures[0]));
}

void document_evaluate(const struct evaluate_report *report, const struct records *relative,
                       const struct records *absolute, enum format format, FILE *out) {
  const char *names[JC_EVALUATION_COUNT];
  const size_t count = judged(report, names);
  struct document document;
  char text[240], lead[480];
  evaluate_describe(report, text, sizeof(text));
  (void)snprintf(lead, sizeof(lead), "%.180s; %.100s%s", text, report->split,
                 report->set->torn ? "; a torn last line was ignored" : "");
  document_begin(&document, out, format, report->set->path, lead);
  put_figures(report, &document);
  document_heading(&document, "Errors");
  document_table(&document, relative, "methods");
  document_table(&document, absolute, "methods");
  if (document.html) {
    document_heading(&document, "Predicted against measured");
    fputs("<div class=\"charts\">\n", out);
    draw_errors(report, out);
    for (size_t i = 0; i < count; i++)
      draw_method(report->forecasts, names[i], out);
    fputs("</div>\n", out);
  }
  document_heading(&document, "Notes");
  document_list_begin(&document);
  evaluate_tell_notes(report, put_note, &document);
  document_list_end(&document);
  document_methods(&document, names, count);
  document_end(&document);
}
