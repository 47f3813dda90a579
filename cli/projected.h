/* projected.h -- the projected end of a run, told alike by `train` and `measure`. */
#ifndef JC_CLI_PROJECTED_H
#define JC_CLI_PROJECTED_H

#include "calibrate/projection.h"
#include "cli/site.h"
#include "estimator/json.h"

/* One figure of the whole run, with the 90 % interval. NAN: not known. */
struct projected {
  const char *key, *low_key, *high_key; /* in JSON */
  double value, low, high;
  char *(*format)(double value, char *buffer, size_t size);
};

enum projected_figure { PROJECTED_ENERGY, PROJECTED_TIME, PROJECTED_CO2E, PROJECTED_COUNT };

/* PROJECTION with the CO2e that its joules are at SITE: of the facility, at the grid's intensity.
 */
void projected_figures(const struct jc_projection *projection, const struct site *site,
                       struct projected figures[PROJECTED_COUNT]);

/* The object "projection"; null before anything is known. */
void put_projected(const struct jc_projection *projection, const struct site *site,
                   struct jc_json_writer *writer);

/* Lines of a table, a figure each with its interval; none without one. */
void print_projected(const struct jc_projection *projection, const struct site *site, FILE *out);

/* What ends a live line, " -> 12.3 kWh (11.1 to 14.2 kWh), 2.05 h, 1.34 kg CO2e", without an
 * interval " -> about 12.3 kWh, ...": into BUFFER, which it returns; PROJECTED_SIZE suffices. */
char *format_projected(const struct jc_projection *projection, const struct site *site,
                       char *buffer, size_t size);

enum { PROJECTED_SIZE = 256 };

#endif
