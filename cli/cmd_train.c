/* cmd_train.c -- `joulecast train MODEL`: really train, metered, beside the forecast. */
#include "cli/report_train.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "estimator/samples_file.h"

struct train_options {
  struct forecast_options forecast;
  struct count_option steps, seed;
  struct real_option learning_rate, momentum, weight_decay;
  const char *record;
  struct output_options output;
};

#define TRAIN(member) OPTION_AT(struct train_options, member)
static const struct option_row rows_steps[] = {
    {"steps", 0, TRAIN(steps), "N", "stop after N steps and project the rest of the run",
     "the whole run", OPTION_RANGE(1, OPTION_ANY_COUNT)},
};
static const struct option_row rows_sgd[] = {
    {"lr", 0, TRAIN(learning_rate), "RATE", "learning rate", "0.01", OPTION_RANGE(0, 1e3)},
    {"momentum", 0, TRAIN(momentum), "SHARE", "of the last step's direction", "0.9",
     OPTION_RANGE(0, 1)},
    {"weight-decay", 0, TRAIN(weight_decay), "RATE", "of every parameter", "0.0001",
     OPTION_RANGE(0, 1e3)},
    {"seed", 0, TRAIN(seed), "N", "of initial weights and data", "1",
     OPTION_RANGE(0, OPTION_ANY_COUNT)},
};
static const struct option_row rows_record[] = {
    {"output", 'o', TRAIN(record), "FILE", "append the run to FILE, a line of JSON", NULL,
     OPTION_FREE},
};
static const struct option_table table_steps = {"Run", rows_steps, OPTION_COUNT(rows_steps)};
static const struct option_table table_sgd = {"Training (SGD)", rows_sgd, OPTION_COUNT(rows_sgd)};
static const struct option_table table_record = {"Output", rows_record, OPTION_COUNT(rows_record)};

#define IN(member) offsetof(struct train_options, member)
static const struct option_group groups[] = {
    {&table_input, IN(forecast.run)},
    {&table_length, IN(forecast.run)},
    {&table_data, IN(forecast.run)},
    {&table_steps, 0},
    {&table_sgd, 0},
    {&table_threads, IN(forecast.machine)},
    {&table_meter, IN(forecast.machine)},
    {&table_powercap, IN(forecast.machine)},
    {&table_power, IN(forecast.machine)},
    {&table_profile, IN(forecast.machine)},
    {&table_record, 0},
    {&table_format, IN(output)},
    {&table_quiet, IN(output)},
};

/* A data set of so many steps, where neither the options nor the model say more. */
enum { DEFAULT_STEPS = 100 };

static double real_or(const struct real_option *option, double otherwise) {
  return option->given ? option->value : otherwise;
}

/* The model's own run with what the options say, and a small data set if nobody names one. */
static void resolve_training(const struct train_options *options, struct forecast *forecast,
                             struct training_options *training) {
  const struct machine_options *machine = &options->forecast.machine;
  struct jc_run *run = &forecast->problem.run;
  const double momentum = real_or(&options->momentum, 0.9);
  run->threads = machine->threads.given ? (uint32_t)machine->threads.value : forecast->machine.cpus;
  run->optimizer = momentum > 0 ? JC_OPTIMIZER_MOMENTUM : JC_OPTIMIZER_SGD;
  if (run->samples == 0) {
    const uint64_t steps = options->steps.given ? options->steps.value : DEFAULT_STEPS;
    run->samples = run->batch_size * steps;
    run->epochs = options->forecast.run.epochs.given ? options->forecast.run.epochs.value : 1;
  }
  *training = (struct training_options){.run = *run,
                                        .step_limit = options->steps.value,
                                        .learning_rate = real_or(&options->learning_rate, 0.01),
                                        .momentum = momentum,
                                        .weight_decay = real_or(&options->weight_decay, 1e-4),
                                        .seed = options->seed.given ? options->seed.value : 1,
                                        .meter = machine->meter,
                                        .quiet = options->output.quiet,
                                        .stop = interrupt_flag()};
}

/* Finds out before the training whether its record can be kept, and mends a torn last line. */
static enum jc_status prepare_record(const char *path, struct jc_error *error) {
  bool torn = false;
  if (path == NULL)
    return JC_OK;
  const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) {
    (void)jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot write: %s", strerror(errno));
    jc_error_name_file(error, path);
    return error->status;
  }
  close(file);
  return jc_samples_mend(path, &torn, error);
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
  if (output_open(&output, NULL, error) == JC_OK) {
    report_train(report, output_format(&options->output), &output, error);
    (void)output_close(&output, error);
  }
  if (options->record != NULL)
    (void)record_train(report, operand, overridden, options->record, &record_error);
  if (!jc_error_is_set(error))
    *error = record_error;
  return error->status;
}

static int train_model(const struct train_options *options, const char *operand,
                       struct forecast *forecast, struct jc_error *error) {
  struct training_options training_options;
  struct training training = {0};
  struct train_report report = {
      .forecast = forecast, .options = &training_options, .training = &training};
  /* Data row and powers are the meter's here; the forecast is the profile's alone. */
  struct forecast_options beside = options->forecast;
  int code;
  beside.machine.hardware = NULL;
  beside.machine.tdp_w = beside.machine.idle_w = (struct real_option){0};
  if (forecast_prepare(operand, &beside, forecast, error) != JC_OK)
    return exit_code_of_input(error);
  resolve_training(options, forecast, &training_options);
  if (resolve_meter(&options->forecast.machine, &forecast->machine, &forecast->inputs,
                    &training_options.meter_options, error) != JC_OK ||
      forecast_beside(&beside, forecast, &report, error) != JC_OK)
    return exit_code_of_input(error);
  if (prepare_record(options->record, error) == JC_OK) {
    struct jc_error show_error = {0};
    (void)train(&forecast->model, &training_options, &training, error);
    /* The steps before a failure were measured, and are not lost with it. */
    if (training.done.training > 0)
      (void)report_and_record(options, operand, &report, &show_error);
    else if (!jc_error_is_set(error))
      (void)jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "stopped before the first step was done");
    if (!jc_error_is_set(error))
      *error = show_error;
  }
  code = exit_code_of(error);
  training_free(&training);
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
                 "Really train MODEL on synthetic data, showing loss, accuracy, step time, joules "
                 "so far and the projected total. Ctrl-C finishes the step, then reports and "
                 "records as usual. MODEL is a shipped model's name, a file, or - for standard "
                 "input; NAME:VARIANT is one of its variants.",
             .examples = "  joulecast train lenet5_28\n"
                         "  joulecast train resnet18 -b 16 --epochs 90 --steps 20\n"
                         "  joulecast train cifar_resnet20 -t 1 --samples 5000 -o runs.jsonl\n",
             .operands_min = 1,
             .operands_max = 1,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct train_options),
    .times_training = true,
    .run = run,
};
