/* site.h -- where a machine stands: its grid's carbon, its facility's overhead, its price of a kWh.
 */
#ifndef JC_CLI_SITE_H
#define JC_CLI_SITE_H

#include "cli/common.h"

struct site_options {
  const char *grid, *pue, *price;
};

extern const struct option_table table_site;      /* --grid, --pue, --price */
extern const struct option_table table_site_rest; /* --pue, --price */

struct site {
  double pue, grid_g_per_kwh;
  double price_per_kwh; /* NAN: not given */
  char currency[16];    /* "": no price */
};

/* The options' figures, data rows' or defaults, told to INPUTS. JC_ERROR_USAGE, or as the data
 * files' readers. */
enum jc_status resolve_site(const struct site_options *options, struct inputs *inputs,
                            struct site *site, struct jc_error *error);

/* What ENERGY_J of a machine is to facility, climate and purse. */
struct jc_footprint site_footprint(const struct site *site, double energy_j);

#endif
