/* document_check.c -- a profile put to the test, as a document. */
#include "cli/document_check.h"

#include <math.h>
#include <stdlib.h>

#include "cli/format.h"
#include "cli/svg.h"

static double known(const struct jc_check_errors *errors, double value) {
  return errors->count > 0 ? value : NAN;
}

static void put_figures(const struct check_judgement *judgement, struct document *document) {
  const struct jc_check_errors *time = &judgement->time, *energy = &judgement->energy;
  struct document_figure figures[] = {
      {"time_error.mape", "error of time", known(time, time->mape), format_percent, ""},
      {"time_error.bias", "bias of time", known(time, time->bias), format_percent, ""},
      {"time_error.worst", "worst time", known(time, time->worst), format_percent, ""},
      {"energy_error.mape", "error of energy", known(energy, energy->mape), format_percent, ""},
      {"energy_error.bias", "bias of energy", known(energy, energy->bias), format_percent, ""},
      {"noise", "repeat noise", judgement->noise, format_percent,
       "of the median step, first round against second"},
  };
  (void)snprintf(figures[0].remark, sizeof(figures[0].remark), "mean; %u of %u inside 90 %%",
                 time->inside, time->intervals);
  (void)snprintf(figures[3].remark, sizeof(figures[3].remark), "mean; %s",
                 judgement->energy_counts ? "it counts for the verdict" : "does not count");
  document_figures(document, figures, sizeof(figures) / sizeof(figures[0]));
}

/* ---- charts ---- */

static struct svg_point point_of(const struct check_forecast *forecast,
                                 const struct check_row *row) {
  enum { NARROWEST = 0, WIDEST = CHECK_LEVELS - 1 }; /* of jc_interval_levels: 50 and 90 % */
  return (struct svg_point){.measured = row->time_s,
                            .predicted = row->time_forecast_s,
                            .low = forecast->time_low_s[WIDEST],
                            .high = forecast->time_high_s[WIDEST],
                            .low_50 = forecast->time_low_s[NARROWEST],
                            .high_50 = forecast->time_high_s[NARROWEST]};
}

static void draw_networks(const struct check *check, FILE *out) {
  static const struct svg_text scatter = {"Step time, predicted against measured",
                                          "A point a network."};
  static const struct svg_text residuals = {"Error of step time by network",
                                            "A point a network: how far its forecast is off."};
  struct svg_point *points = calloc(check->list.count + 1, sizeof(*points));
  struct svg_residual *rows = calloc(check->list.count + 1, sizeof(*rows));
  for (size_t i = 0; points != NULL && rows != NULL && i < check->list.count; i++) {
    const struct check_configuration *c = &check->list.items[i];
    const struct check_row row = check_row_of(check, c);
    points[i] = point_of(&c->forecasts[0], &row);
    rows[i] = (struct svg_residual){c->text, row.time_error, NAN, NAN};
  }
  if (points != NULL && rows != NULL) {
    svg_scatter(out, &scatter, SVG_SECONDS, points, check->list.count);
    svg_residuals(out, &residuals, rows, check->list.count);
  }
  free(points);
  free(rows);
}

/* A check times no layer singly, and a profile of trainings keeps no errors of layers: by kind
 * means by what the networks have. */
static void draw_kinds(const struct check *check, FILE *out) {
  static const struct svg_text text = {
      "Error of step time, by kinds in the network",
      "Whole steps, not layers: a check times no layer singly. A point: the mean error of the "
      "steps of all networks that contain the kind, whatever else they contain; the line: their "
      "least and largest."};
  struct svg_residual rows[JC_LAYER_KIND_COUNT];
  size_t count = 0;
  for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++) {
    struct svg_residual row = {jc_kind_get((enum jc_layer_kind)kind)->name, 0, INFINITY, -INFINITY};
    uint32_t networks = 0;
    for (size_t i = 0; i < check->list.count; i++) {
      const struct check_configuration *c = &check->list.items[i];
      const double error = check_row_of(check, c).time_error;
      bool has = false;
      for (uint32_t k = 0; k < c->model.network->layer_count; k++)
        has = has || (int)c->model.network->layers[k].kind == kind;
      if (!has || isnan(error))
        continue;
      row.error += error;
      row.low = fmin(row.low, error);
      row.high = fmax(row.high, error);
      networks++;
    }
    row.error /= networks;
    if (networks > 0)
      rows[count++] = row;
  }
  svg_residuals(out, &text, rows, count);
}

static void draw(const struct check *check, FILE *out) {
  fputs("<div class=\"charts\">\n", out);
  draw_networks(check, out);
  draw_kinds(check, out);
  fputs("</div>\n", out);
}

/* ---- the document ---- */

static void put_provenance(const struct check *check, struct document *document) {
  char line[400];
  document_heading(document, "Inputs, and where they came from");
  if (check->forecast) {
    (void)snprintf(line, sizeof(line), "profile of %s, its power %s: %.300s", check->profile->date,
                   check->profile->measured ? "measured" : "modelled", check->profile_path);
    document_text(document, line);
  }
  if (check->measured) {
    (void)snprintf(line, sizeof(line), "measured with %s %s by meter %s, %s; %u thread%s",
                   check->runner, check->runner_version, check->meter.name,
                   check->meter.measured ? "measured" : "modelled, not measured", check->threads,
                   check->threads == 1 ? "" : "s");
    document_text(document, line);
  }
}

void document_check(const struct check *check, const struct check_judgement *judgement,
                    const struct records *configurations, enum format format, FILE *out) {
  const bool judged = check->measured && check->forecast;
  struct document document;
  char lead[320];
  if (judged)
    check_describe_verdict(judgement, lead, sizeof(lead));
  else
    (void)snprintf(lead, sizeof(lead), "%s alone", check->measured ? "measured" : "forecast");
  document_begin(&document, out, format, "Calibration check", lead);
  if (judged)
    put_figures(judgement, &document);
  document_heading(&document, "Networks");
  if (document.html && judged)
    draw(check, out);
  document_table(&document, configurations, "configurations");
  put_provenance(check, &document);
  document_notes(&document, &check->notes);
  if (check->forecast)
    document_methods(&document, &check->methods[0]->name, 1);
  document_end(&document);
}
