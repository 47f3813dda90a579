/* run_layers.h -- measured runs, forecast by the estimator's methods that look at layers.
 *
 * One adaptor for all of them: the model of a run is analysed and handed to the method's own
 * estimate(), as `joulecast estimate` hands it one; no formula stands here. Their parameters come
 * from elsewhere, a profile or a data sheet, and no fold refits them.
 *
 *   struct jc_layers_means means = {.profile = &profile, .profile_name = "p.json"};
 *   struct jc_run_layers layers = {0};
 *   if (jc_run_layers_make(&set, &means, &layers, &error) != JC_OK) ...
 *   ... jc_run_layers_at(&layers, method, row)->forecast.energy_j ...
 *   jc_run_layers_free(&layers);
 */
#ifndef JC_CALIBRATE_RUN_LAYERS_H
#define JC_CALIBRATE_RUN_LAYERS_H

#include "calibrate/run_methods.h"
#include "estimator/data_files.h"

/* layerwise, layerwise-linear, roofline, getzner. */
enum { JC_LAYER_METHOD_COUNT = 4, JC_LAYERS_WHY_BYTES = 200 };

/* Of INDEX < JC_LAYER_METHOD_COUNT. */
const struct jc_method *jc_layer_method_at(uint32_t index);

/* What the methods forecast by; all borrowed, and nothing where zeroed. */
struct jc_layers_means {
  const struct jc_profile *profile; /* NULL: none */
  const char *profile_name;         /* as it is shown */
  const struct jc_hardware_table *hardware_table;
  const struct jc_hardware_row *hardware; /* of the table, for the threads of a run; NULL: none */
  bool force; /* forecast runs of another machine, library, precision or thread count too */
};

struct jc_layers_forecast {
  struct jc_run_forecast forecast; /* energy_j NAN: there is none */
  char why[JC_LAYERS_WHY_BYTES];   /* there is none; one line */
};

/* Zeroed before. */
struct jc_run_layers {
  /* What METHOD's parameters come from: a profile's name, a data row's; NULL: it has none, then WHY
   * says what it needs. */
  const char *from[JC_LAYER_METHOD_COUNT];
  char why[JC_LAYER_METHOD_COUNT][JC_LAYERS_WHY_BYTES];
  struct jc_layers_forecast *forecasts; /* [rows of the set][JC_LAYER_METHOD_COUNT] */
};

/* Forecasts the runs of SET. A run that a method cannot forecast is no failure: its model cannot be
 * read, it is of another machine than the profile, it was stopped. JC_ERROR_STORAGE. */
enum jc_status jc_run_layers_make(const struct jc_run_set *set, const struct jc_layers_means *means,
                                  struct jc_run_layers *layers, struct jc_error *error);
void jc_run_layers_free(struct jc_run_layers *layers);

/* Of METHOD < JC_LAYER_METHOD_COUNT and row ROW of the set. */
const struct jc_layers_forecast *jc_run_layers_at(const struct jc_run_layers *layers,
                                                  uint32_t method, uint32_t row);

#endif
