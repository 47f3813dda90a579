/* evaluate.h -- every method judged on measured runs that it did not learn from.
 *
 *   struct jc_evaluate_options options = {.split = JC_SPLIT_RANDOM, .folds = 5};
 *   struct jc_evaluation evaluations[JC_EVALUATION_COUNT];
 *   if (jc_evaluate_runs(&set, &options, evaluations, &error) != JC_OK) ...
 *
 * Runs are dealt into folds; the runs of a fold are forecast by a fit to all others, scalers and
 * hyper-parameters included. Methods that look at layers were fitted elsewhere, and are judged on
 * the same folds. A method that cannot be judged says why; none is left out.
 */
#ifndef JC_CALIBRATE_EVALUATE_H
#define JC_CALIBRATE_EVALUATE_H

#include "calibrate/evaluate_metrics.h"
#include "calibrate/run_layers.h"

enum jc_fold_rule {
  JC_SPLIT_RANDOM, /* K folds, dealt by a seed */
  JC_SPLIT_GROUP,  /* a fold for each architecture, configuration, hardware or dataset */
  JC_SPLIT_LABEL,  /* a fold for each value of a label; runs without it take no part */
  JC_SPLIT_HOLDOUT /* runs whose label has one value are judged, by a fit to all others */
};

/* What is judged of a run. */
enum jc_target {
  JC_TARGET_RUN,   /* its joules */
  JC_TARGET_EPOCH, /* joules per epoch */
  JC_TARGET_STABLE /* joules of the epochs after window.after_epochs */
};

struct jc_evaluate_options {
  enum jc_fold_rule split;
  uint32_t folds;                  /* of JC_SPLIT_RANDOM, >= 2 */
  uint64_t seed;                   /* of JC_SPLIT_RANDOM */
  enum jc_run_group group;         /* of JC_SPLIT_GROUP */
  const char *label, *label_value; /* of the last two */
  bool fold_means;                 /* statistics are means over folds; false: of all runs */
  bool as_published;               /* jc_run_fit_options */
  enum jc_target target;
  struct jc_layers_means means; /* of the methods that look at layers; zeroed: they have none */
  /* Called with each forecast of each method that can be judged, by fold and run; NULL: not
   * wanted. */
  void (*tell)(void *context, const char *method, const struct jc_judged *judged);
  void *context;
};

enum {
#define X(name) JC_RUN_METHOD_##name,
  JC_RUN_METHODS(X)
#undef X
      JC_RUN_METHOD_COUNT,
  JC_EVALUATION_COUNT = JC_RUN_METHOD_COUNT + JC_LAYER_METHOD_COUNT
};

struct jc_evaluation {
  const char *method; /* its name */
  /* What it was fitted to elsewhere, a profile's name or a data row's; NULL: nothing, every fold
   * fits it, or it has no parameters. */
  const char *fitted_elsewhere;
  bool applicable;
  char why[240]; /* not applicable: why; else "", or why n is smaller than it could be */
  struct jc_statistics errors; /* if applicable */
};

/* Where a run stands: in a fold, or one of these. */
enum { JC_FOLD_LEARNT = -1 /* never judged */, JC_FOLD_ABSENT = -2 /* takes no part */ };

/* Deals SET into FOLDS [set->count]; *FOLD_COUNT is their number. JC_ERROR_INVALID, with what was
 * found, where there are fewer runs than folds, or one group only. */
enum jc_status jc_evaluate_split(const struct jc_run_set *set,
                                 const struct jc_evaluate_options *options, int32_t *folds,
                                 uint32_t *fold_count, struct jc_error *error);

/* Fills EVALUATIONS [JC_EVALUATION_COUNT] and *FOLD_COUNT: methods on whole runs in their order,
 * then those on layers in theirs. */
enum jc_status jc_evaluate_runs(const struct jc_run_set *set,
                                const struct jc_evaluate_options *options,
                                struct jc_evaluation *evaluations, uint32_t *fold_count,
                                struct jc_error *error);

#endif
