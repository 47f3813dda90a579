/* site.c -- the grid's carbon, the facility's overhead and the price, each with where it is from.
 */
#include "cli/site.h"

#include <math.h>
#include <string.h>

#include "estimator/data_files.h"

static const char default_grid[] = "WORLD";
static const char default_pue[] = "none";

#define SITE(member) OPTION_AT(struct site_options, member)
static const struct option_row rows_site[] = {
    {"grid", 0, SITE(grid), "CODE|G/KWH",
     "carbon intensity: a country's ISO code, or g CO2e per kWh", "the world's average",
     OPTION_FREE},
    {"pue", 0, SITE(pue), "NAME|NUMBER", "facility energy over machine energy", "1, no overhead",
     OPTION_FREE},
    {"price", 0, SITE(price), "PRICE", "of a kWh with its currency, as in \"0.30 EUR\"", NULL,
     OPTION_FREE},
};
const struct option_table table_site = {"Place", rows_site, OPTION_COUNT(rows_site)};
const struct option_table table_site_rest = {"Place", rows_site + 1, OPTION_COUNT(rows_site) - 1};

/* Where the figure of ROW (NULL: a number was given) is from. */
static enum input_from row_from(bool given, const struct jc_data_row *row) {
  return row != NULL && row->from_user ? FROM_USER_FILE : given ? FROM_FLAG : FROM_DEFAULT;
}

static enum jc_status set_grid(const struct site_options *options, struct inputs *inputs,
                               struct site *site, struct jc_error *error) {
  struct jc_data_table table = {0};
  const struct jc_data_row *row = NULL;
  const bool given = options->grid != NULL;
  if (jc_grid_read(NULL, &table, error) == JC_OK &&
      jc_grid_find(&table, given ? options->grid : default_grid, &site->grid_g_per_kwh, &row,
                   error) == JC_OK) {
    struct input *input =
        input_real(inputs, "grid_g_per_kwh", row_from(given, row), site->grid_g_per_kwh);
    if (row != NULL)
      snprintf(input->note, sizeof(input->note), "%s, %u", row->region, row->year);
    if (input->from == FROM_DEFAULT)
      inputs_note(inputs,
                  "no --grid: CO2e is for the world's average electricity; yours may be far from "
                  "it, see `joulecast list grids`");
  }
  jc_data_table_free(&table);
  return error->status;
}

static enum jc_status set_pue(const struct site_options *options, struct inputs *inputs,
                              struct site *site, struct jc_error *error) {
  struct jc_data_table table = {0};
  const struct jc_data_row *row = NULL;
  const bool given = options->pue != NULL;
  if (jc_pue_read(NULL, &table, error) == JC_OK &&
      jc_pue_find(&table, given ? options->pue : default_pue, &site->pue, &row, error) == JC_OK) {
    struct input *input = input_real(inputs, "pue", row_from(given, row), site->pue);
    if (input->from != FROM_DEFAULT && row != NULL)
      snprintf(input->note, sizeof(input->note), "%s, %u", row->name, row->year);
    else if (row != NULL)
      snprintf(input->note, sizeof(input->note), "no cooling or conversion loss counted");
  }
  jc_data_table_free(&table);
  return error->status;
}

/* "0.30 EUR". */
static enum jc_status set_price(const struct site_options *options, struct inputs *inputs,
                                struct site *site, struct jc_error *error) {
  char number[32] = "";
  site->price_per_kwh = NAN;
  if (options->price == NULL)
    return JC_OK;
  const size_t length = strspn(options->price, "0123456789.");
  const char *currency = options->price + length;
  while (*currency == ' ')
    currency++;
  snprintf(number, sizeof(number), "%.*s", (int)length, options->price);
  if (length >= sizeof(number) || !parse_real(number, &site->price_per_kwh) ||
      currency[0] == '\0' || strlen(currency) >= sizeof(site->currency))
    return jc_fail(error, JC_ERROR_USAGE, 0, "--price",
                   "expected the price of a kWh and its currency, as in \"0.30 EUR\", got '%.40s'",
                   options->price);
  snprintf(site->currency, sizeof(site->currency), "%s", currency);
  struct input *input = input_real(inputs, "price_per_kwh", FROM_FLAG, site->price_per_kwh);
  snprintf(input->note, sizeof(input->note), "%s", site->currency);
  return JC_OK;
}

enum jc_status resolve_site(const struct site_options *options, struct inputs *inputs,
                            struct site *site, struct jc_error *error) {
  if (set_grid(options, inputs, site, error) == JC_OK &&
      set_pue(options, inputs, site, error) == JC_OK)
    (void)set_price(options, inputs, site, error);
  return error->status;
}

struct jc_footprint site_footprint(const struct site *site, double energy_j) {
  return jc_footprint_of(energy_j, site->pue, site->grid_g_per_kwh, site->price_per_kwh);
}
