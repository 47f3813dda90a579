/* run_methods.h -- methods that forecast a whole run from a few numbers of it, and the list of
 * them.
 *
 * To add one: a file run_NAME.c with its descriptor `jc_run_method_NAME`, and its line below. A
 * fitted method learns from some rows of a set and forecasts others; nothing else may pass between
 * fit and forecast, so that `evaluate` can refit it in every fold.
 *
 * Three of the estimator's methods stand here again, since a measured run has other things to
 * offer: `flops` learns its joules per FLOP from the other runs, by MACs that a table prints, where
 * the estimator takes those of a profile, by FLOPs of every layer; `mlco2` multiplies a measured
 * time by the limit of several devices, where the estimator has to predict the time first;
 * `green-algorithms` likewise, and both take its power from estimator/green_algorithms.h. Those
 * that need layers are in run_layers.h, and are the estimator's own.
 */
#ifndef JC_CALIBRATE_RUN_METHODS_H
#define JC_CALIBRATE_RUN_METHODS_H

#include "calibrate/run_set.h"

/* Ours first, then in the order of section "Methods" of METHODS.md. */
#define JC_RUN_METHODS(X)                                                                          \
  X(physics)                                                                                       \
  X(pre_power)                                                                                     \
  X(pre_energy)                                                                                    \
  X(step_power)                                                                                    \
  X(step_energy)                                                                                   \
  X(carbontracker)                                                                                 \
  X(flops)                                                                                         \
  X(mlco2)                                                                                         \
  X(green_algorithms)

/* Rows to learn from. */
struct jc_run_subset {
  const struct jc_run_set *set;
  const uint32_t *rows; /* [count], indices into set->rows */
  uint32_t count;
};

struct jc_run_fit_options {
  /* Hyper-parameters as the paper has them and scalers over all rows of the set, as it did; false:
   * both from the rows to learn from alone. */
  bool as_published;
};

enum { JC_RUN_MAX_NEEDS = 12 };

struct jc_run_forecast {
  double energy_j;      /* of the whole run */
  double half_width;    /* of the 90 % interval, in log space; NAN: the method gives none */
  double half_width_50; /* of the 50 % interval; only where there is one of 90 % */
};

struct jc_run_method {
  const char *name;
  const char *summary; /* one line */
  const char *formula; /* one line */
  const char *source;  /* the paper it comes from */
  uint32_t need_count;
  enum jc_run_number needs[JC_RUN_MAX_NEEDS]; /* numbers that a run must have */
  /* Learns *STATE, to be released; NULL: nothing is fitted, and STATE is NULL below. */
  enum jc_status (*fit)(const struct jc_run_subset *learnt,
                        const struct jc_run_fit_options *options, void **state,
                        struct jc_error *error);
  /* Of a row that has what the method needs. */
  struct jc_run_forecast (*forecast)(const void *state, const struct jc_run_row *row);
  void (*release)(void *state);
  /* The fitted parameters as members of an object. */
  void (*put)(const void *state, struct jc_json_writer *writer);
};

#define X(name) extern const struct jc_run_method jc_run_method_##name;
JC_RUN_METHODS(X)
#undef X

/* In the list's order; NULL beyond the last. */
const struct jc_run_method *jc_run_method_at(size_t index);
/* By name: "pre-power"; NULL if there is none. */
const struct jc_run_method *jc_run_method_find(const char *name);

/* The methods that nothing but measured runs can feed: their names are no method's of estimator.h,
 * which forecasts from a model. In the list's order; NULL beyond the last. */
const struct jc_run_method *jc_run_method_only_at(size_t index);

/* What METHOD takes beyond a model and a data row, for tables: "fitted runs, duration". */
const char *jc_run_method_needs(const struct jc_run_method *method, char *buffer, size_t size);

/* Why METHOD does not forecast from a model, and what gives it: always JC_ERROR_MISSING. */
enum jc_status jc_run_method_lacks(const struct jc_run_method *method, struct jc_error *error);

/* Whether ROW has all that METHOD needs; *MISSING is the first that it lacks. */
bool jc_run_method_knows(const struct jc_run_method *method, const struct jc_run_row *row,
                         enum jc_run_number *missing);

/* Fits METHOD to those rows of SET that have what it needs and writes the parameters to PATH, as
 * `joulecast.run-fit/1`. *FITTED: how many rows. JC_ERROR_USAGE if the method has no parameters. */
enum jc_status jc_run_fit_write(const struct jc_run_method *method, const struct jc_run_set *set,
                                const struct jc_run_fit_options *options, const char *path,
                                uint32_t *fitted, struct jc_error *error);

#endif
