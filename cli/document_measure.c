/* document_measure.c -- a measured command as a document: figures, power over time, epochs. */
#include "cli/document_measure.h"

#include <math.h>
#include <stdlib.h>

#include "cli/format.h"
#include "cli/projected.h"
#include "cli/svg.h"

static void put_figures(const struct measuring *m, struct document *document) {
  const struct jc_account *account = &m->run.account;
  const struct jc_meter_info *meter = jc_meter_info(m->meter);
  const struct jc_epoch_seen total = jc_account_total(account);
  const struct jc_footprint footprint = site_footprint(&m->site, total.energy_j);
  struct document_figure figures[] = {
      {"energy_j", "energy", total.energy_j, format_energy, ""},
      {"energy_above_idle_j", "above idle", measure_above_idle_j(m), format_energy, ""},
      {"time_s", "time", total.time_s, format_duration, ""},
      {"power_w", "power", measure_power_w(m), format_power, "mean of the machine"},
      {"peak_power_w", "peak power", jc_account_peak_w(account), format_power, "of the machine"},
      {"cpu_share", "CPU share", jc_account_cpu_share(account), format_percent,
       "of the machine's busy CPU time"},
      {"facility_energy_j", "facility", footprint.facility_energy_j, format_energy, ""},
      {"co2e_g", "CO2e", footprint.co2e_g, format_mass, ""},
      {"cost", "cost", footprint.cost, format_number, ""},
  };
  (void)snprintf(figures[0].remark, sizeof(figures[0].remark), "%s; of the %s%s",
                 meter->measured ? "measured" : "modelled, not measured", meter->domain,
                 account->share ? ", by CPU share" : "");
  (void)snprintf(figures[6].remark, sizeof(figures[6].remark), "with PUE %.3g", m->site.pue);
  (void)snprintf(figures[7].remark, sizeof(figures[7].remark), "at %.0f g/kWh",
                 m->site.grid_g_per_kwh);
  (void)snprintf(figures[8].remark, sizeof(figures[8].remark), "%s", m->site.currency);
  document_figures(document, figures, sizeof(figures) / sizeof(figures[0]));
}

static void put_projection(const struct measuring *m, struct document *document) {
  static const struct {
    const char *key, *title;
  } names[PROJECTED_COUNT] = {
      [PROJECTED_ENERGY] = {"projection.energy_j", "projected energy"},
      [PROJECTED_TIME] = {"projection.time_s", "projected time"},
      [PROJECTED_CO2E] = {"projection.co2e_g", "projected CO2e"},
  };
  struct projected whole[PROJECTED_COUNT];
  struct document_figure figures[PROJECTED_COUNT];
  char span[2 * FORMAT_SIZE];
  if (isnan(m->run.projection.time_s) || m->run.epochs <= m->run.account.epoch_count)
    return;
  document_heading(document, "The whole run, projected");
  projected_figures(&m->run.projection, &m->site, whole);
  for (int i = 0; i < PROJECTED_COUNT; i++) {
    const struct projected *f = &whole[i];
    figures[i] = (struct document_figure){names[i].key, names[i].title, f->value, f->format, ""};
    (void)snprintf(figures[i].remark, sizeof(figures[i].remark), "90 %% interval: %s",
                   format_span(f->low, f->high, f->format, span, sizeof(span)));
  }
  document_figures(document, figures, PROJECTED_COUNT);
}

static void draw_power(const struct jc_account *account, FILE *out) {
  static const struct svg_text text = {
      "Power over time",
      "A line: mean watts of the machine from reading to reading; dashes: where an epoch ended."};
  const uint32_t points = account->point_count, epochs = account->epoch_count;
  double *values = calloc(2 * (size_t)points + epochs + 1, sizeof(*values));
  if (values == NULL)
    return;
  double *power_w = values + points, *marks_s = power_w + points, end_s = 0;
  for (uint32_t i = 0; i < points; i++) {
    values[i] = account->points[i].time_s;
    power_w[i] = account->points[i].power_w;
  }
  for (uint32_t i = 0; i < epochs; i++)
    marks_s[i] = end_s += account->epochs[i].time_s;
  svg_lines(out, &text, values, power_w, points, marks_s, epochs);
  free(values);
}

void document_measure(const struct measuring *m, const struct records *epochs, enum format format,
                      FILE *out) {
  struct document document;
  char command[256], end[FORMAT_SIZE];
  measure_command_text(m, command, sizeof(command));
  document_begin(&document, out, format, command, measure_end(m, end, sizeof(end)));
  if (jc_error_is_set(&m->limits.over))
    document_warning(&document, m->limits.over.text);
  put_figures(m, &document);
  put_projection(m, &document);
  if (document.html)
    draw_power(&m->run.account, out);
  if (m->run.account.epoch_count > 0) {
    document_heading(&document, "Epochs");
    document_table(&document, epochs, "epochs");
  }
  document_inputs(&document, &m->inputs);
  document_notes(&document, &m->inputs);
  document_end(&document);
}
