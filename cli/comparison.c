/* comparison.c -- the rows of a comparison: one forecast each, then marks and order. */
#include "cli/comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/explain.h"

/* ---- options ---- */

#define COMPARE(member) OPTION_AT(struct comparison_options, member)

static const char *const sort_keys[] = {"model",    "batch_size",     "machine", "grid",   "method",
                                        "energy_j", "time_s",         "power_w", "co2e_g", "cost",
                                        "error",    "measured_error", NULL};

static const struct option_row rows_comparison[] = {
    {"batch-size", 'b', COMPARE(batch_size), "N[,N...]", "samples of one step",
     "the model's, else 32", OPTION_FREE},
    {"precision", 0, COMPARE(precision), "NAME[,...]", "fp32 is all that can be forecast so far",
     "fp32", OPTION_FREE},
};
static const struct option_row rows_machines[] = {
    {"profile", 'p', COMPARE(profile), "FILE", "a calibrated machine; may be repeated",
     "this machine's newest", OPTION_FREE},
    {"hardware", 0, COMPARE(hardware), "NAME[,...]",
     "a machine of the data; see `joulecast list hardware`", "auto: this machine's", OPTION_FREE},
};
static const struct option_row rows_site[] = {
    {"grid", 0, COMPARE(grid), "CODE[,...]",
     "carbon intensity: a country's ISO code, or g CO2e per kWh", "the world's average",
     OPTION_FREE},
};
static const struct option_row rows_method[] = {
    {"method", 0, COMPARE(method), "NAME[,...]", "see `joulecast list methods`",
     "all; of several models or machines the first that applies", OPTION_FREE},
};
static const struct option_row rows_order[] = {
    {"measured", 0, COMPARE(measured_j), "J", "joules that were measured: adds each row's error",
     NULL, OPTION_RANGE(OPTION_POSITIVE, 1e21)},
    {"sort", 0, COMPARE(sort), "COLUMN", "least first, a column by its key in csv", "as given",
     OPTION_ONE_OF(sort_keys)},
    {"explain", 0, COMPARE(explain), NULL, "add each method's formula with its numbers", NULL,
     OPTION_FREE},
};
#define TABLE(rows, title)                                                                         \
  { title, rows, OPTION_COUNT(rows) }
const struct option_table table_comparison = TABLE(rows_comparison, "Run");
const struct option_table table_comparison_machines = TABLE(rows_machines, "Machine");
const struct option_table table_comparison_site = TABLE(rows_site, "Place");
const struct option_table table_comparison_method = TABLE(rows_method, "Method");
const struct option_table table_comparison_order = TABLE(rows_order, "Output");

/* ---- lists ---- */

/* One dimension of the comparison: its values, or one NULL for the default. */
struct choices {
  const char *option; /* "--grid" */
  size_t count;
  const char *value[MAX_LIST];
  char *text; /* what the values point into */
};

static void choices_free(struct choices *choices) {
  free(choices->text);
}

/* The words of LIST, apart at commas. */
static enum jc_status split(const char *option, const struct text_list *list,
                            struct choices *choices, struct jc_error *error) {
  size_t length = 1, used = 0;
  *choices = (struct choices){.option = option};
  for (size_t i = 0; i < list->count; i++)
    length += strlen(list->value[i]) + 1;
  choices->text = malloc(length);
  if (choices->text == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (size_t i = 0; i < list->count; i++) {
    for (const char *word = list->value[i]; word != NULL;) {
      const size_t size = strcspn(word, ",");
      if (size == 0)
        return jc_fail(error, JC_ERROR_USAGE, 0, option,
                       "expected values separated by commas, got '%.80s'", list->value[i]);
      if (choices->count == MAX_LIST)
        return jc_fail(error, JC_ERROR_USAGE, 0, option, "expected at most %d values",
                       (int)MAX_LIST);
      memcpy(choices->text + used, word, size);
      choices->text[used + size] = '\0';
      choices->value[choices->count++] = choices->text + used;
      used += size + 1;
      word = word[size] == ',' ? word + size + 1 : NULL;
    }
  }
  if (choices->count == 0)
    choices->value[choices->count++] = NULL;
  return JC_OK;
}

struct machine_choice {
  const char *profile, *hardware;
};

/* What is varied. */
struct dimensions {
  const struct text_list *models;
  struct choices batch_size, precision, hardware, grid, method;
  struct machine_choice machines[2 * MAX_LIST];
  size_t machine_count;
};

static void dimensions_free(struct dimensions *d) {
  choices_free(&d->batch_size);
  choices_free(&d->precision);
  choices_free(&d->hardware);
  choices_free(&d->grid);
  choices_free(&d->method);
}

static enum jc_status check_batch_sizes(const struct choices *sizes, struct jc_error *error) {
  uint64_t size = 0;
  for (size_t i = 0; i < sizes->count && sizes->value[i] != NULL; i++) {
    if (!parse_count(sizes->value[i], &size) || size < 1 || size > JC_MAX_BATCH_SIZE)
      return jc_fail(error, JC_ERROR_USAGE, 0, "--batch-size",
                     "expected integers from 1 to %llu, got '%.80s'",
                     (unsigned long long)JC_MAX_BATCH_SIZE, sizes->value[i]);
  }
  return JC_OK;
}

/* A method that only measured runs can feed has a row, which says so. */
static enum jc_status check_methods(const struct choices *methods, struct jc_error *error) {
  for (size_t i = 0; i < methods->count && methods->value[i] != NULL; i++) {
    struct jc_error why = {0};
    if (forecast_find_method(methods->value[i], &why) != NULL || why.status == JC_ERROR_MISSING)
      continue;
    *error = why;
    return why.status;
  }
  return JC_OK;
}

/* One profile and one data row are the same machine, and so is neither: this one. */
static void list_machines(const struct text_list *profiles, struct dimensions *d) {
  const struct choices *hardware = &d->hardware;
  const bool no_hardware = hardware->value[0] == NULL;
  if (profiles->count <= 1 && hardware->count <= 1) {
    d->machines[d->machine_count++] = (struct machine_choice){
        profiles->count == 1 ? profiles->value[0] : NULL, hardware->value[0]};
    return;
  }
  for (size_t i = 0; i < profiles->count; i++)
    d->machines[d->machine_count++] = (struct machine_choice){profiles->value[i], NULL};
  for (size_t i = 0; i < hardware->count && !no_hardware; i++)
    d->machines[d->machine_count++] = (struct machine_choice){NULL, hardware->value[i]};
}

static enum jc_status dimensions_make(const struct comparison_options *options,
                                      const struct text_list *models, struct dimensions *d,
                                      struct jc_error *error) {
  memset(d, 0, sizeof(*d));
  d->models = models;
  if (split("--batch-size", &options->batch_size, &d->batch_size, error) != JC_OK ||
      split("--precision", &options->precision, &d->precision, error) != JC_OK ||
      split("--hardware", &options->hardware, &d->hardware, error) != JC_OK ||
      split("--grid", &options->grid, &d->grid, error) != JC_OK ||
      split("--method", &options->method, &d->method, error) != JC_OK ||
      check_batch_sizes(&d->batch_size, error) != JC_OK ||
      check_methods(&d->method, error) != JC_OK)
    return error->status;
  list_machines(&options->profile, d);
  return JC_OK;
}

/* ---- one row ---- */

/* A row's place in the dimensions. */
struct place {
  const char *model, *batch_size, *precision, *grid;
  struct machine_choice machine;
};

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

/* Names where nothing was forecast: as asked for. */
static void name_row(const struct place *place, struct comparison_row *row) {
  const struct machine_choice *m = &place->machine;
  snprintf(row->model, sizeof(row->model), "%s", place->model);
  snprintf(row->precision, sizeof(row->precision), "%s",
           place->precision != NULL ? place->precision : "fp32");
  snprintf(row->machine, sizeof(row->machine), "%s",
           m->profile != NULL    ? base_name(m->profile)
           : m->hardware != NULL ? m->hardware
                                 : "this machine");
  snprintf(row->grid, sizeof(row->grid), "%s", place->grid != NULL ? place->grid : "WORLD");
  if (place->batch_size != NULL)
    (void)parse_count(place->batch_size, &row->batch_size);
}

/* "profile p.json (flag), tdp_w 65.0 W (file)": of all inputs those that are the method's. */
static void tell_needed(const struct forecast *forecast, struct comparison_row *row) {
  static const char *const names[] = {"profile", "hardware",     "tdp_w",      "idle_w",
                                      "usage",   "memory_bytes", "duration_s", "data_s_per_sample",
                                      NULL};
  size_t used = 0;
  for (size_t i = 0; i < row->inputs.count && used < sizeof(row->needed); i++) {
    const struct input *input = &row->inputs.item[i];
    char value[INPUT_TEXT];
    size_t n = 0;
    while (names[n] != NULL && strcmp(names[n], input->name) != 0)
      n++;
    const bool unused =
        strcmp(input->name, "idle_w") == 0 && (forecast->method->needs & JC_NEED_HARDWARE) == 0;
    if (names[n] == NULL || unused)
      continue;
    value_format(&input->value, input->format, value, sizeof(value));
    used += (size_t)snprintf(row->needed + used, sizeof(row->needed) - used, "%s%s %s (%s)",
                             used > 0 ? ", " : "", input->name, base_name(value),
                             input_from_name(input->from));
  }
  if (forecast->estimate.duration_from != NULL && used < sizeof(row->needed))
    snprintf(row->needed + used, sizeof(row->needed) - used, "%sduration predicted by %s",
             used > 0 ? ", " : "", forecast->estimate.duration_from);
}

static void fill_row(const struct comparison *comparison, const struct forecast *forecast,
                     struct comparison_row *row) {
  const struct jc_estimate *e = &forecast->estimate;
  row->available = true;
  row->energy_j = e->energy_j;
  row->energy_low_j = e->energy_low_j;
  row->energy_high_j = e->energy_high_j;
  row->time_s = e->time_s;
  row->time_low_s = e->time_low_s;
  row->time_high_s = e->time_high_s;
  row->power_w = e->power_w;
  row->facility_energy_j = forecast->footprint.facility_energy_j;
  row->co2e_g = forecast->footprint.co2e_g;
  row->cost = forecast->footprint.cost;
  row->measured_error = e->energy_j / comparison->measured_j - 1;
  row->energy_error = e->energy_error;
  row->error = e->energy_error.networks > 0 ? e->energy_error.mape : NAN;
  row->use = forecast->scope.use;
  row->extrapolated = e->extrapolated;
  snprintf(row->method, sizeof(row->method), "%s", forecast->method->name);
  inputs_copy(&forecast->inputs, &row->inputs);
  tell_needed(forecast, row);
}

/* What belongs to the row, and not to the command: its model and options are sound. */
static bool is_of_row(const struct jc_error *error) {
  return error->status == JC_ERROR_MISSING || error->status == JC_ERROR_MISMATCH ||
         error->status == JC_ERROR_UNAVAILABLE;
}

static void set_why(const struct jc_error *error, struct comparison_row *row) {
  (void)jc_error_format(error, row->why, sizeof(row->why));
}

/* A data row named by hand is of a machine that has no profile here, unless one is given. */
static enum jc_status check_profile_of_machine(const struct forecast_options *options,
                                               const struct jc_method *method,
                                               struct jc_error *error) {
  const struct jc_problem nothing = {.profile = NULL};
  return forecast_names_hardware(&options->machine) && options->machine.profile == NULL &&
                 (method->needs & JC_NEED_PROFILE) != 0
             ? jc_method_check(method, &nothing, error)
             : JC_OK;
}

/* What of a row is known before there is a forecast, and for one that has none. */
static void describe_row(const struct forecast *forecast, struct comparison_row *row) {
  if (forecast->model.network != NULL)
    snprintf(row->model, sizeof(row->model), "%s", forecast->model.network->name);
  row->run = forecast->problem.run;
  if (row->run.batch_size > 0)
    row->batch_size = row->run.batch_size;
}

/* Of a row that has no forecast the run is described all the same; any method prepares it. */
static const struct jc_method *stand_in(struct forecast_options *options) {
  const struct jc_method *method = jc_method_at(0);
  options->method.method = method->name;
  return method;
}

/* One forecast, of FORECAST, which is zeroed. Fails where the command does; else ROW has it or says
 * why not. */
static enum jc_status forecast_row(const struct forecast_options *given, const char *model,
                                   bool explain, struct comparison *comparison,
                                   struct forecast *forecast, struct comparison_row *row,
                                   struct jc_error *error) {
  struct forecast_options options = *given;
  struct jc_error lacking = {0}, why = {0};
  const struct jc_method *method = forecast_find_method(given->method.method, &lacking);
  snprintf(row->method, sizeof(row->method), "%s", given->method.method);
  if (method == NULL)
    method = stand_in(&options);
  else if (check_profile_of_machine(given, method, &lacking) == JC_OK && !comparison->methods)
    (void)forecast_check_options(given, method, &lacking);
  forecast_drop_unused(&options, method);
  const bool prepared = forecast_prepare(model, &options, forecast, &why) == JC_OK;
  describe_row(forecast, row);
  if (lacking.status == JC_OK && prepared)
    (void)forecast_make(&options, forecast, &why);
  if (!prepared ? strcmp(why.path, "--precision") != 0 : why.status != JC_OK && !is_of_row(&why)) {
    *error = why;
    return why.status;
  }
  if (lacking.status != JC_OK || why.status != JC_OK) {
    set_why(lacking.status != JC_OK ? &lacking : &why, row);
    return JC_OK;
  }
  fill_row(comparison, forecast, row);
  snprintf(comparison->currency, sizeof(comparison->currency), "%s", forecast->site.currency);
  if (explain && explain_to_text(forecast, &row->explanation) != JC_OK)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  return JC_OK;
}

enum { MAX_ROWS = 1024 };

static struct comparison_row *add_row(struct comparison *comparison, struct jc_error *error) {
  struct comparison_row *row = calloc(1, sizeof(*row));
  if (row == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else
    comparison->rows[comparison->count++] = row;
  return row;
}

/* The common options, with what PLACE and METHOD have of their own. */
static struct forecast_options options_at(const struct comparison_options *options,
                                          const struct place *place, const char *method) {
  struct forecast_options one = options->forecast;
  one.method.method = method;
  one.machine.profile = place->machine.profile;
  one.machine.hardware = place->machine.hardware;
  one.site.grid = place->grid;
  one.run.precision = place->precision;
  one.run.batch_size.given =
      place->batch_size != NULL && parse_count(place->batch_size, &one.run.batch_size.value);
  return one;
}

/* The row of PLACE by METHOD, which exists. */
static enum jc_status make_row(const struct comparison_options *options, const struct place *place,
                               const char *method, struct comparison *comparison,
                               struct comparison_row *row, struct jc_error *error) {
  const struct forecast_options one = options_at(options, place, method);
  struct forecast *forecast = calloc(1, sizeof(*forecast));
  if (forecast == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  memset(row, 0, sizeof(*row));
  name_row(place, row);
  (void)forecast_row(&one, place->model, options->explain, comparison, forecast, row, error);
  forecast_free(forecast);
  free(forecast);
  return error->status;
}

/* The row of PLACE by the first method that takes the options and has what it needs. Where none
 * has, by the first that takes the options: it says what it lacks. */
static enum jc_status make_first_row(const struct comparison_options *options,
                                     const struct place *place, struct comparison *comparison,
                                     struct comparison_row *row, struct jc_error *error) {
  const struct jc_method *told = NULL;
  for (size_t i = 0; jc_method_at(i) != NULL; i++) {
    const struct jc_method *method = jc_method_at(i);
    const struct forecast_options one = options_at(options, place, method->name);
    struct jc_error unused = {0};
    if (forecast_check_options(&one, method, &unused) != JC_OK)
      continue;
    if (make_row(options, place, method->name, comparison, row, error) != JC_OK || row->available)
      return error->status;
    told = told == NULL ? method : told;
  }
  return make_row(options, place, (told != NULL ? told : jc_method_at(0))->name, comparison, row,
                  error);
}

static enum jc_status make_place(const struct comparison_options *options,
                                 const struct dimensions *d, const struct place *place,
                                 struct comparison *comparison, struct jc_error *error) {
  if (comparison->methods && d->method.value[0] == NULL) {
    for (size_t i = 0; forecast_method_name(i) != NULL && error->status == JC_OK; i++) {
      struct comparison_row *row = add_row(comparison, error);
      if (row != NULL)
        (void)make_row(options, place, forecast_method_name(i), comparison, row, error);
    }
    return error->status;
  }
  for (size_t i = 0; i < d->method.count && error->status == JC_OK; i++) {
    const char *method = d->method.value[i];
    struct comparison_row *row = add_row(comparison, error);
    if (row != NULL && method != NULL)
      (void)make_row(options, place, method, comparison, row, error);
    else if (row != NULL)
      (void)make_first_row(options, place, comparison, row, error);
  }
  return error->status;
}

/* ---- the comparison ---- */

static enum jc_status make_rows(const struct comparison_options *options,
                                const struct dimensions *d, struct comparison *comparison,
                                struct jc_error *error) {
  const size_t per_model =
      d->batch_size.count * d->precision.count * d->machine_count * d->grid.count;
  const size_t places = d->models->count * per_model;
  comparison->methods = places == 1;
  if (places > MAX_ROWS || places * d->method.count > MAX_ROWS)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                   "compare: expected at most %d rows, got %zu: models x batch sizes x precisions "
                   "x machines x grids x methods",
                   (int)MAX_ROWS, places * d->method.count);
  comparison->rows = calloc(MAX_ROWS, sizeof(struct comparison_row *));
  if (comparison->rows == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (size_t i = 0; i < places && error->status == JC_OK; i++) {
    size_t rest = i;
    struct place place;
    place.grid = d->grid.value[rest % d->grid.count];
    rest /= d->grid.count;
    place.machine = d->machines[rest % d->machine_count];
    rest /= d->machine_count;
    place.precision = d->precision.value[rest % d->precision.count];
    rest /= d->precision.count;
    place.batch_size = d->batch_size.value[rest % d->batch_size.count];
    place.model = d->models->value[rest / d->batch_size.count];
    (void)make_place(options, d, &place, comparison, error);
  }
  return error->status;
}

enum jc_status comparison_make(const struct comparison_options *options,
                               const struct text_list *models, struct comparison *comparison,
                               struct jc_error *error) {
  struct dimensions dimensions;
  memset(comparison, 0, sizeof(*comparison));
  comparison->measured_j = options->measured_j.given ? options->measured_j.value : NAN;
  if (dimensions_make(options, models, &dimensions, error) == JC_OK &&
      make_rows(options, &dimensions, comparison, error) == JC_OK) {
    comparison_finish(comparison, options->sort);
  }
  dimensions_free(&dimensions);
  return error->status;
}

void comparison_free(struct comparison *comparison) {
  for (size_t i = 0; i < comparison->count; i++) {
    free(comparison->rows[i]->explanation);
    free(comparison->rows[i]);
  }
  free(comparison->rows);
}
