/* cmd_evaluate.c -- `joulecast evaluate RUNS.jsonl`: every method against measured runs. */
#include <stdlib.h>
#include <string.h>

#include "cli/report_evaluate.h"
#include "cli/report_factors.h"
#include "estimator/profile_file.h"

struct evaluate_options {
  const char *split, *fold_column, *holdout, *target, *forecasts;
  struct count_option folds, seed;
  bool as_published, fold_means, factors;
  const char *profile, *hardware;
  bool force;
  struct output_options output;
};

#define EVALUATE(member) OPTION_AT(struct evaluate_options, member)

static const char *const splits[] = {"random",
                                     "leave-one-out:architecture",
                                     "leave-one-out:configuration",
                                     "leave-one-out:hardware",
                                     "leave-one-out:dataset",
                                     NULL};
static const char *const targets[] = {"run", "epoch", "stable", NULL}; /* enum jc_target */

static const struct option_row rows_folds[] = {
    {"split", 0, EVALUATE(split), "HOW",
     "which runs are judged together, by a fit to all others: random, or leave-one-out: with "
     "architecture, configuration (network, data, hardware, batch and image size), hardware or "
     "dataset",
     "random", OPTION_ONE_OF(splits)},
    {"folds", 0, EVALUATE(folds), "K", "folds of a random split", "5", OPTION_RANGE(2, 1000000)},
    {"seed", 0, EVALUATE(seed), "N", "of a random split", "1", OPTION_RANGE(0, OPTION_ANY_COUNT)},
    {"fold-column", 0, EVALUATE(fold_column), "NAME",
     "a fold for each value of labels.NAME; runs without it take no part", NULL, OPTION_FREE},
    {"holdout", 0, EVALUATE(holdout), "NAME=VALUE",
     "judge the runs whose labels.NAME is VALUE, by a fit to all others", NULL, OPTION_FREE},
};
static const struct option_row rows_judging[] = {
    {"target", 0, EVALUATE(target), "WHAT",
     "joules of the whole run, of an epoch, or stable: of the epochs behind window.after_epochs",
     "run", OPTION_ONE_OF(targets)},
    {"as-published", 0, EVALUATE(as_published), NULL,
     "PRE's published hyper-parameters, and its scaler over all runs, instead of fitting both in "
     "every fold",
     NULL, OPTION_FREE},
    {"fold-means", 0, EVALUATE(fold_means), NULL,
     "print the means of the folds' figures, not the figures of all runs together", NULL,
     OPTION_FREE},
    {"forecasts", 0, EVALUATE(forecasts), "FILE",
     "write each forecast beside what was measured to FILE, as CSV", NULL, OPTION_FREE},
};
static const struct option_row rows_layers[] = {
    {"profile", 'p', EVALUATE(profile), "FILE",
     "calibration by which layerwise, layerwise-linear and getzner forecast", "not judged",
     OPTION_FREE},
    {"hardware", 0, EVALUATE(hardware), "NAME",
     "data row by which roofline forecasts; see `joulecast list hardware`", "not judged",
     OPTION_FREE},
    {"force", 0, EVALUATE(force), NULL,
     "forecast runs of another machine, library, precision or thread count too", NULL, OPTION_FREE},
};
static const struct option_row rows_factors[] = {
    {"factors", 0, EVALUATE(factors), NULL,
     "judge no method; print what each factor of the study costs, from runs that differ in one of "
     "their labels only",
     NULL, OPTION_FREE},
};
static const struct option_table table_factors = {"Runs", rows_factors, OPTION_COUNT(rows_factors)};
static const struct option_table table_folds = {"Folds", rows_folds, OPTION_COUNT(rows_folds)};
static const struct option_table table_layers = {"Methods on layers", rows_layers,
                                                 OPTION_COUNT(rows_layers)};
static const struct option_table table_judging = {"Judging", rows_judging,
                                                  OPTION_COUNT(rows_judging)};

#define IN(member) offsetof(struct evaluate_options, member)
static const struct option_group groups[] = {
    {&table_folds, 0},
    {&table_judging, 0},
    {&table_layers, 0},
    {&table_factors, 0},
    {&table_format_report, IN(output)},
    {&table_output, IN(output)},
};

/* How runs are split, by whichever option says so. */
struct split_choice {
  struct jc_evaluate_options options;
  char label[JC_FACT_BYTES];
  char text[160]; /* for the report */
};

static void choose_group(const char *name, struct split_choice *choice) {
  const char *colon = strchr(name, ':');
  choice->options.split = colon != NULL ? JC_SPLIT_GROUP : JC_SPLIT_RANDOM;
  for (enum jc_run_group g = 0; colon != NULL && g < JC_RUN_GROUP_COUNT; g++) {
    if (strcmp(colon + 1, jc_run_group_name(g)) == 0)
      choice->options.group = g;
  }
}

static enum jc_status choose_holdout(const char *text, struct split_choice *choice,
                                     struct jc_error *error) {
  const char *equals = strchr(text, '=');
  if (equals == NULL || equals == text || (size_t)(equals - text) >= sizeof(choice->label))
    return jc_fail(error, JC_ERROR_USAGE, 0, "--holdout", "expected NAME=VALUE, got '%.40s'", text);
  (void)snprintf(choice->label, sizeof(choice->label), "%.*s", (int)(equals - text), text);
  choice->options.split = JC_SPLIT_HOLDOUT;
  choice->options.label = choice->label;
  choice->options.label_value = equals + 1;
  return JC_OK;
}

static enum jc_status choose_split(const struct evaluate_options *o, struct split_choice *choice,
                                   struct jc_error *error) {
  const int ways = (o->split != NULL) + (o->fold_column != NULL) + (o->holdout != NULL);
  if (ways > 1)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                   "evaluate: expected one of --split, --fold-column and --holdout");
  (void)snprintf(choice->text, sizeof(choice->text), "%s%.100s",
                 o->fold_column != NULL ? "a fold for each labels."
                 : o->holdout != NULL   ? "held out: labels."
                                        : "",
                 o->fold_column != NULL ? o->fold_column
                 : o->holdout != NULL   ? o->holdout
                 : o->split != NULL     ? o->split
                                        : "random");
  if (o->holdout != NULL) {
    (void)choose_holdout(o->holdout, choice, error);
  } else if (o->fold_column != NULL) {
    choice->options.split = JC_SPLIT_LABEL;
    choice->options.label = o->fold_column;
  } else {
    choose_group(o->split != NULL ? o->split : "random", choice);
  }
  if (choice->options.split != JC_SPLIT_RANDOM && (o->folds.given || o->seed.given))
    (void)jc_fail(error, JC_ERROR_USAGE, 0, o->folds.given ? "--folds" : "--seed",
                  "only with --split random");
  return error->status;
}

static enum jc_target target_of(const struct evaluate_options *o) {
  for (size_t i = 0; o->target != NULL && targets[i] != NULL; i++) {
    if (strcmp(targets[i], o->target) == 0)
      return (enum jc_target)i;
  }
  return JC_TARGET_RUN;
}

/* What methods on layers forecast by. Zeroed before; close_means() after a failure too. */
struct opened_means {
  struct jc_profile *profile; /* too large for a stack frame */
  struct jc_hardware_table table;
};

static enum jc_status open_profile(const char *path, struct opened_means *opened,
                                   struct jc_layers_means *means, struct jc_error *error) {
  if (path == NULL)
    return JC_OK;
  opened->profile = malloc(sizeof(*opened->profile));
  if (opened->profile == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  means->profile = opened->profile;
  means->profile_name = path;
  return jc_profile_read(path, opened->profile, error);
}

static enum jc_status open_means(const struct evaluate_options *o, struct opened_means *opened,
                                 struct jc_layers_means *means, struct jc_error *error) {
  means->force = o->force;
  if (o->force && o->profile == NULL && o->hardware == NULL)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--force", "only with --profile or --hardware");
  if (open_profile(o->profile, opened, means, error) != JC_OK || o->hardware == NULL)
    return error->status;
  means->hardware_table = &opened->table;
  if (jc_hardware_table_read(NULL, &opened->table, error) == JC_OK)
    (void)jc_hardware_find(&opened->table, o->hardware, &means->hardware, error);
  return error->status;
}

static void close_means(struct opened_means *opened) {
  free(opened->profile);
  jc_hardware_table_free(&opened->table);
}

static enum jc_status judge(const struct evaluate_options *o, struct split_choice *choice,
                            const struct jc_run_set *set, struct output *output,
                            struct jc_error *error) {
  struct jc_evaluation evaluations[JC_EVALUATION_COUNT];
  struct forecast_records forecasts;
  struct evaluate_report report = {.set = set,
                                   .options = &choice->options,
                                   .evaluations = evaluations,
                                   .split = choice->text,
                                   .forecasts = &forecasts.records};
  start_forecasts(&forecasts, set);
  const bool recorded = o->forecasts != NULL || output_format(&o->output) == FORMAT_HTML;
  choice->options.tell = recorded ? record_forecast : NULL;
  choice->options.context = &forecasts;
  if (jc_evaluate_runs(set, &choice->options, evaluations, &report.fold_count, error) == JC_OK)
    (void)report_evaluate(&report, output_format(&o->output), output, error);
  if (o->forecasts != NULL && !jc_error_is_set(error))
    return write_forecasts(&forecasts, o->forecasts, error);
  records_free(&forecasts.records);
  return error->status;
}

static enum jc_status report(const struct evaluate_options *o, struct split_choice *choice,
                             const struct jc_run_set *set, struct jc_error *error) {
  struct output output;
  if (output_open(&output, o->output.output, error) != JC_OK)
    return error->status;
  if (o->factors)
    (void)report_factors(set, output_format(&o->output), &output, error);
  else
    (void)judge(o, choice, set, &output, error);
  return output_close(&output, error);
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  const struct evaluate_options *o = options;
  struct split_choice choice = {.options = {.folds = o->folds.given ? (uint32_t)o->folds.value : 5,
                                            .seed = o->seed.given ? o->seed.value : 1,
                                            .fold_means = o->fold_means,
                                            .as_published = o->as_published,
                                            .target = target_of(o)}};
  struct jc_run_set set = {0};
  struct opened_means opened = {.profile = NULL};
  int code = EXIT_OK;
  if (o->factors && output_format(&o->output) == FORMAT_HTML)
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--format", "html is for errors; not with --factors");
  else
    (void)choose_split(o, &choice, error);
  if (jc_error_is_set(error))
    return exit_code_of(error);
  if (open_means(o, &opened, &choice.options.means, error) != JC_OK ||
      jc_run_set_read(operands->value[0], &set, error) != JC_OK) {
    code = exit_code_of_input(error);
  } else {
    (void)report(o, &choice, &set, error);
    code = exit_code_of(error);
  }
  jc_run_set_free(&set);
  close_means(&opened);
  return code;
}

const struct command command_evaluate = {
    .name = "evaluate",
    .summary = "errors of every method on measured runs",
    .spec = {.command = "evaluate",
             .operands = "RUNS.jsonl",
             .description =
                 "Judge every method on measured runs: mean, median, 90th percentile, largest and "
                 "signed error, RMSE, R2, rank correlation, coverage. Each fold of runs is "
                 "forecast by fits that saw none of it; methods on layers take a profile or a data "
                 "row as it is. What a method lacks is said; joulecast-run(5) has the format, "
                 "METHODS.md the methods.",
             .examples = "  joulecast evaluate runs.jsonl\n"
                         "  joulecast evaluate runs.jsonl --split leave-one-out:hardware\n"
                         "  joulecast evaluate runs.jsonl --holdout split=test --as-published\n"
                         "  joulecast evaluate runs.jsonl --folds 2 -p profile.json\n"
                         "  joulecast evaluate study.jsonl --factors\n",
             .operands_min = 1,
             .operands_max = 1,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct evaluate_options),
    .run = run,
};
