/* projected.c -- joules, seconds and CO2e of a run's projected end. */
#include "cli/projected.h"

#include <math.h>
#include <string.h>

#include "cli/format.h"

void projected_figures(const struct jc_projection *p, const struct site *site,
                       struct projected figures[PROJECTED_COUNT]) {
  const struct projected rows[PROJECTED_COUNT] = {
      [PROJECTED_ENERGY] = {"energy_j", "energy_low_j", "energy_high_j", p->energy_j,
                            p->energy_low_j, p->energy_high_j, format_energy},
      [PROJECTED_TIME] = {"time_s", "time_low_s", "time_high_s", p->time_s, p->time_low_s,
                          p->time_high_s, format_duration},
      [PROJECTED_CO2E] = {"co2e_g", "co2e_low_g", "co2e_high_g",
                          site_footprint(site, p->energy_j).co2e_g,
                          site_footprint(site, p->energy_low_j).co2e_g,
                          site_footprint(site, p->energy_high_j).co2e_g, format_mass},
  };
  memcpy(figures, rows, sizeof(rows));
}

void put_projected(const struct jc_projection *p, const struct site *site,
                   struct jc_json_writer *w) {
  struct projected figures[PROJECTED_COUNT];
  if (isnan(p->time_s)) {
    jc_put_null(w, "projection");
    return;
  }
  projected_figures(p, site, figures);
  jc_put_object(w, "projection");
  for (int i = 0; i < PROJECTED_COUNT; i++) {
    jc_put_real(w, figures[i].key, figures[i].value);
    jc_put_real(w, figures[i].low_key, figures[i].low);
    jc_put_real(w, figures[i].high_key, figures[i].high);
  }
  jc_put_real(w, "interval", 0.9);
  jc_put_uint(w, "steady_from", p->steady_from);
  jc_put_bool(w, "steady", p->steady);
  jc_put_end(w);
}

void print_projected(const struct jc_projection *p, const struct site *site, FILE *out) {
  struct projected figures[PROJECTED_COUNT];
  char value[FORMAT_SIZE], span[2 * FORMAT_SIZE];
  const char *label = "projected";
  projected_figures(p, site, figures);
  for (int i = 0; i < PROJECTED_COUNT; i++) {
    const struct projected *f = &figures[i];
    if (isnan(f->low))
      continue;
    fprintf(out, "  %-11s %-12s 90 %% interval: %s", label,
            f->format(f->value, value, sizeof(value)),
            format_span(f->low, f->high, f->format, span, sizeof(span)));
    if (i == PROJECTED_CO2E)
      fprintf(out, " of CO2e, at %.0f g/kWh", site->grid_g_per_kwh);
    fputc('\n', out);
    label = "";
  }
}

char *format_projected(const struct jc_projection *p, const struct site *site, char *buffer,
                       size_t size) {
  struct projected figures[PROJECTED_COUNT];
  char text[PROJECTED_COUNT][FORMAT_SIZE], span[2 * FORMAT_SIZE], ends[2 * FORMAT_SIZE + 4] = "";
  projected_figures(p, site, figures);
  const struct projected *energy = &figures[PROJECTED_ENERGY];
  for (int i = 0; i < PROJECTED_COUNT; i++)
    figures[i].format(figures[i].value, text[i], sizeof(text[i]));
  if (!isnan(energy->low))
    snprintf(ends, sizeof(ends), " (%s)",
             format_span(energy->low, energy->high, energy->format, span, sizeof(span)));
  snprintf(buffer, size, " -> %s%s%s, %s, %s CO2e", ends[0] != '\0' ? "" : "about ",
           text[PROJECTED_ENERGY], ends, text[PROJECTED_TIME], text[PROJECTED_CO2E]);
  return buffer;
}
