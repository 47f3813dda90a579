/* cmd_train.c -- `joulecast train MODEL`: really train, metered, beside the forecast. */
#include "cli/report_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/run_record.h"

struct train_options {
  struct forecast_options forecast;
  struct count_option steps, seed;
  struct real_option learning_rate, momentum, weight_decay, beta1, beta2, eps;
  const char *data;
  const char *record;
  struct limit_options limits;
  struct output_options output;
};

/* The largest that the help shows as 1 excluded. */
#define BELOW_1 0.999999999

#define TRAIN(member) OPTION_AT(struct train_options, member)
static const struct option_row rows_steps[] = {
    {"data", 0, TRAIN(data), "DIR",
     "train on the images in DIR: IDX files as MNIST's, or CIFAR-10's binary ones",
     "synthetic data", OPTION_FREE},
    {"steps", 0, TRAIN(steps), "N", "stop after N steps and project the rest of the run",
     "the whole run", OPTION_RANGE(1, OPTION_ANY_COUNT)},
};
static const struct option_row rows_training[] = {
    {"lr", 0, TRAIN(learning_rate), "RATE", "learning rate", "0.01; 0.001 of adam and adamw",
     OPTION_RANGE(0, 1e3)},
    {"momentum", 0, TRAIN(momentum), "SHARE", "of the last step's direction", "0.9",
     OPTION_RANGE(0, 1)},
    {"beta1", 0, TRAIN(beta1), "SHARE", "of the last mean gradient, in adam and adamw", "0.9",
     OPTION_RANGE(0, BELOW_1)},
    {"beta2", 0, TRAIN(beta2), "SHARE", "of the last mean square, in adam and adamw", "0.999",
     OPTION_RANGE(0, BELOW_1)},
    {"eps", 0, TRAIN(eps), "NUMBER", "added to the root of the mean square", "1e-08",
     OPTION_RANGE(0, 1e3)},
    {"weight-decay", 0, TRAIN(weight_decay), "RATE", "of every parameter",
     "0.0001; 0 of adam, 0.01 of adamw", OPTION_RANGE(0, 1e3)},
    {"seed", 0, TRAIN(seed), "N", "of initial weights, synthetic data and the data's order", "1",
     OPTION_RANGE(0, OPTION_ANY_COUNT)},
};
static const struct option_row rows_record[] = {
    {"record", 'r', TRAIN(record), "FILE", "append the run to FILE, a line of JSON", NULL,
     OPTION_FREE},
};
static const struct option_table table_steps = {"Run", rows_steps, OPTION_COUNT(rows_steps)};
static const struct option_table table_training = {"Training", rows_training,
                                                   OPTION_COUNT(rows_training)};
static const struct option_table table_record = {"Output", rows_record, OPTION_COUNT(rows_record)};

#define IN(member) offsetof(struct train_options, member)
static const struct option_group groups[] = {
    {&table_input, IN(forecast.run)},
    {&table_length, IN(forecast.run)},
    {&table_data, IN(forecast.run)},
    {&table_steps, 0},
    {&table_optimizer, IN(forecast.run)},
    {&table_training, 0},
    {&table_threads, IN(forecast.machine)},
    {&table_meter, IN(forecast.machine)},
    {&table_powercap, IN(forecast.machine)},
    {&table_power, IN(forecast.machine)},
    {&table_profile, IN(forecast.machine)},
    {&table_site, IN(forecast.site)},
    {&table_limits, IN(limits)},
    {&table_budget_on, IN(limits)},
    {&table_record, 0},
    {&table_format, IN(output)},
    {&table_output, IN(output)},
    {&table_quiet, IN(output)},
};

/* A data set of so many steps, where neither the options nor the model say more. */
enum { DEFAULT_STEPS = 100 };

static double real_or(const struct real_option *option, double otherwise) {
  return option->given ? option->value : otherwise;
}

/* What each optimiser understands, and its rates unless given: torch.optim's, but for SGD's, which
 * has none. */
static const struct {
  bool momentum, betas;
  double learning_rate, weight_decay;
} optimizers[JC_OPTIMIZER_COUNT] = {
    [JC_OPTIMIZER_SGD] = {false, false, 0.01, 1e-4},
    [JC_OPTIMIZER_MOMENTUM] = {true, false, 0.01, 1e-4},
    [JC_OPTIMIZER_ADAM] = {false, true, 1e-3, 0},
    [JC_OPTIMIZER_ADAMW] = {false, true, 1e-3, 1e-2},
};

/* An option that the chosen optimiser does not have is a mistake, not a detail. */
static enum jc_status check_rates(const struct train_options *options, enum jc_optimizer optimizer,
                                  struct jc_error *error) {
  const struct {
    const char *name;
    bool given, understood;
  } rates[] = {
      {"--momentum", options->momentum.given, optimizers[optimizer].momentum},
      {"--beta1", options->beta1.given, optimizers[optimizer].betas},
      {"--beta2", options->beta2.given, optimizers[optimizer].betas},
      {"--eps", options->eps.given, optimizers[optimizer].betas},
  };
  for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
    if (rates[i].given && !rates[i].understood)
      return jc_fail(error, JC_ERROR_USAGE, 0, rates[i].name, "--optimizer %s has none",
                     optimizer_name(optimizer));
  return JC_OK;
}

static struct jc_trainer_options trainer_options(const struct train_options *options,
                                                 enum jc_optimizer optimizer) {
  struct jc_trainer_options trainer = JC_TRAINER_DEFAULTS;
  trainer.optimizer = optimizer;
  trainer.learning_rate = real_or(&options->learning_rate, optimizers[optimizer].learning_rate);
  trainer.weight_decay = real_or(&options->weight_decay, optimizers[optimizer].weight_decay);
  trainer.momentum = real_or(&options->momentum, trainer.momentum);
  trainer.beta1 = real_or(&options->beta1, trainer.beta1);
  trainer.beta2 = real_or(&options->beta2, trainer.beta2);
  trainer.eps = real_or(&options->eps, trainer.eps);
  trainer.seed = options->seed.given ? options->seed.value : trainer.seed;
  return trainer;
}

/* Takes WANTED of a part's samples, all by default. */
static enum jc_status limit_part(struct jc_dataset *dataset, enum jc_part part, const char *option,
                                 const struct count_option *wanted, uint64_t *samples,
                                 struct jc_error *error) {
  const uint64_t all = jc_dataset_facts(dataset).samples[part];
  *samples = wanted->given ? wanted->value : all;
  if (*samples > all)
    return jc_fail(error, JC_ERROR_USAGE, 0, option, "the data set has %llu, got %llu",
                   (unsigned long long)all, (unsigned long long)*samples);
  jc_dataset_limit(dataset, part, *samples);
  return JC_OK;
}

/* Reads --data into *DATASET, which stays NULL without it; the run is then as long as it. */
static enum jc_status open_data(const struct train_options *options, struct forecast *forecast,
                                struct jc_dataset **dataset, struct jc_error *error) {
  const struct run_options *given = &options->forecast.run;
  const struct jc_network *network = forecast->model.network;
  struct jc_run *run = &forecast->problem.run;
  const struct jc_shape *logits = jc_tensor_shape(&forecast->model.analysis, network->outputs[0]);
  if (options->data == NULL)
    return JC_OK;
  if (given->epochs.given)
    run->epochs = given->epochs.value; /* also of a model that has no samples of its own */
  if (given->dataset != NULL)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--dataset", "--data says how many samples there are");
  if (jc_dataset_open(options->data, dataset, error) != JC_OK ||
      jc_dataset_check(*dataset, &network->inputs[0].shape, logits->dim[0], error) != JC_OK ||
      limit_part(*dataset, JC_PART_TRAINING, "--samples", &given->samples, &run->samples, error) !=
          JC_OK)
    return error->status;
  return limit_part(*dataset, JC_PART_VALIDATION, "--val-samples", &given->val_samples,
                    &run->val_samples, error);
}

/* Before anything is measured that could not be kept. */
static enum jc_status check_outputs(const struct train_options *options, struct jc_error *error) {
  const struct named_output outputs[] = {{"--record", options->record},
                                         {"--output", options->output.output}};
  return outputs_check_apart(outputs, OPTION_COUNT(outputs), error);
}

/* The model's own run with what the options say, and a small data set if nobody names one. */
static enum jc_status resolve_training(const struct train_options *options,
                                       struct forecast *forecast, struct training_options *training,
                                       struct jc_error *error) {
  const struct machine_options *machine = &options->forecast.machine;
  struct jc_run *run = &forecast->problem.run;
  if (check_rates(options, run->optimizer, error) != JC_OK)
    return error->status;
  run->threads = machine->threads.given ? (uint32_t)machine->threads.value : forecast->machine.cpus;
  if (options->momentum.given && options->momentum.value == 0)
    run->optimizer = JC_OPTIMIZER_SGD;
  if (run->samples == 0) {
    const uint64_t steps = options->steps.given ? options->steps.value : DEFAULT_STEPS;
    run->samples = run->batch_size * steps;
    run->epochs = options->forecast.run.epochs.given ? options->forecast.run.epochs.value : 1;
  }
  training->run = *run;
  training->step_limit = options->steps.value;
  training->trainer = trainer_options(options, run->optimizer);
  training->meter = machine->meter;
  training->limits = limits_watch(&options->limits);
  training->quiet = options->output.quiet;
  training->stop = interrupt_flag();
  return JC_OK;
}

/* The profile's forecast of the same run; without a fitting profile the report says why not. */
static enum jc_status forecast_beside(const struct forecast_options *options,
                                      struct forecast *forecast, struct train_report *report,
                                      struct jc_error *error) {
  struct forecast_options same = *options;
  struct jc_error why = {0};
  char line[1200];
  const uint32_t threads = forecast->problem.run.threads;
  same.machine.threads = (struct count_option){true, threads};
  report->has_forecast = forecast_make(&same, forecast, &why) == JC_OK;
  if (report->has_forecast)
    return JC_OK;
  if (options->machine.profile != NULL) {
    *error = why;
    return why.status;
  }
  if (why.status == JC_ERROR_MISSING)
    snprintf(report->no_forecast, sizeof(report->no_forecast),
             "no profile of this machine for %u thread%s; run `joulecast calibrate -t %u`", threads,
             threads == 1 ? "" : "s", threads);
  else
    snprintf(report->no_forecast, sizeof(report->no_forecast), "%.255s",
             jc_error_format(&why, line, sizeof(line)));
  return JC_OK;
}

/* Shows first, then records: a full disk must not hide what was measured. */
static enum jc_status report_and_record(const struct train_options *options, const char *operand,
                                        const struct train_report *report, struct jc_error *error) {
  struct jc_error record_error = {0};
  struct output output;
  const struct run_options *run = &options->forecast.run;
  const bool overridden = run->input.count > 0 || run->set.count > 0;
  if (output_open(&output, options->output.output, error) == JC_OK) {
    report_train(report, output_format(&options->output), &output, error);
    (void)output_close(&output, error);
  }
  if (options->record != NULL)
    (void)record_train(report, operand, overridden, options->record, &record_error);
  if (!jc_error_is_set(error))
    *error = record_error;
  return error->status;
}

/* Trains, then shows and records also what was measured before a failure. */
static int train_and_report(const struct train_options *options, const char *operand,
                            struct train_report *report, struct jc_error *error) {
  struct training training = {0};
  struct jc_error show_error = {0};
  report->training = &training;
  if (run_record_prepare(options->record, error) == JC_OK) {
    (void)train(&report->forecast->model, report->options, &training, error);
    if (training.done.training > 0)
      (void)report_and_record(options, operand, report, &show_error);
    else if (!jc_error_is_set(error))
      (void)jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "stopped before the first step was done");
    if (!jc_error_is_set(error))
      *error = show_error;
  }
  training_free(&training);
  if (jc_error_is_set(error) || !jc_error_is_set(&training.limits.over))
    return exit_code_of(error);
  *error = training.limits.over;
  return EXIT_BUDGET;
}

static int train_model(const struct train_options *options, const char *operand,
                       struct forecast *forecast, struct jc_error *error) {
  struct training_options training_options = {0};
  struct train_report report = {.forecast = forecast, .options = &training_options};
  /* Data row and powers are the meter's here; the forecast is the profile's alone. */
  struct forecast_options beside = options->forecast;
  int code;
  beside.machine.hardware = NULL;
  beside.machine.tdp_w = beside.machine.idle_w = (struct real_option){0};
  if (limits_check_options(&options->limits, &options->forecast.site, error) != JC_OK ||
      check_outputs(options, error) != JC_OK ||
      forecast_prepare(operand, &beside, forecast, error) != JC_OK ||
      resolve_site(&beside.site, &forecast->inputs, &training_options.site, error) != JC_OK ||
      open_data(options, forecast, &training_options.dataset, error) != JC_OK ||
      resolve_training(options, forecast, &training_options, error) != JC_OK ||
      resolve_meter(&options->forecast.machine, &forecast->machine, &forecast->inputs,
                    &training_options.meter_options, error) != JC_OK ||
      forecast_beside(&beside, forecast, &report, error) != JC_OK)
    code = exit_code_of_input(error);
  else
    code = train_and_report(options, operand, &report, error);
  jc_dataset_close(training_options.dataset);
  return code;
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  struct forecast *forecast = calloc(1, sizeof(*forecast));
  int code = EXIT_RUNTIME;
  if (forecast == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else {
    code = train_model(options, operands->value[0], forecast, error);
    forecast_free(forecast);
  }
  free(forecast);
  return code;
}

const struct command command_train = {
    .name = "train",
    .summary = "really train a model and measure it, beside its forecast",
    .spec = {.command = "train",
             .operands = "MODEL",
             .description =
                 "Really train MODEL, on synthetic data or, with --data, on images, showing loss, "
                 "accuracy, step time, joules so far and the projected total. Ctrl-C finishes the "
                 "step, then reports and "
                 "records as usual. MODEL is a shipped model's name, a file, or - for standard "
                 "input; NAME:VARIANT is one of its variants.",
             .examples = "  joulecast train lenet5_28\n"
                         "  joulecast train lenet5_28 --data mnist --optimizer adam\n"
                         "  joulecast train resnet18 -b 16 --epochs 90 --steps 20\n"
                         "  joulecast train cifar_resnet20 -t 1 --samples 5000 -r runs.jsonl\n",
             .operands_min = 1,
             .operands_max = 1,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct train_options),
    .times_training = true,
    .run = run,
};
