/* cmd_calibrate.c -- `joulecast calibrate`: measure sample trainings, fit, keep the profile. */
#include "calibrate/calibrate.h"
#include "calibrate/run_methods.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/calibrate_steps.h"
#include "cli/forecast.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/report_calibrate.h"
#include "cli/report_fit.h"
#include "estimator/environment.h"
#include "estimator/file_io.h"
#include "estimator/profile_file.h"

struct calibrate_options {
  struct plan_options plan;
  bool fresh, force, quiet;
  struct real_option max_seconds;
  const char *samples, *profile, *method;
  struct machine_options machine;
  struct output_options output; /* of `fit`, whose --output is the profile: --format alone */
};

#define CALIBRATE(member) OPTION_AT(struct calibrate_options, member)
static const struct option_row rows_measuring[] = {
    {"fresh", 0, CALIBRATE(fresh), NULL,
     "set earlier samples aside (FILE.old1, ...) and begin anew", NULL, OPTION_FREE},
    {"max-seconds", 0, CALIBRATE(max_seconds), "S",
     "stop training after that long; the rest of the plan is left out", "about 1 or 3 minutes",
     OPTION_RANGE(OPTION_POSITIVE, 1e6)},
};
static const struct option_row rows_force[] = {
    {"force", 0, CALIBRATE(force), NULL,
     "go on beside other processes' load, and store it in the profile", NULL, OPTION_FREE},
};
static const struct option_row rows_samples[] = {
    {"samples-file", 's', CALIBRATE(samples), "FILE",
     "keep the raw samples in FILE, and resume from it", "beside the profile", OPTION_FREE},
};
static const struct option_row rows_method[] = {
    {"method", 0, CALIBRATE(method), "NAME",
     "fit this method: with layerwise, layerwise-linear or getzner the profile, which holds all "
     "three; with a method on whole runs (`joulecast evaluate`) to one file of measured runs, and "
     "wants --output",
     NULL, OPTION_FREE},
};
static const struct option_row rows_profile[] = {
    {"output", 'o', CALIBRATE(profile), "PROFILE", "write the profile there",
     "the XDG data folder, named by machine", OPTION_FREE},
};
static const struct option_row rows_quiet[] = {
    {"quiet", 'q', CALIBRATE(quiet), NULL, "no progress", NULL, OPTION_FREE},
};
static const struct option_table table_measuring = {"Plan", rows_measuring,
                                                    OPTION_COUNT(rows_measuring)};
static const struct option_table table_force = {"Machine", rows_force, OPTION_COUNT(rows_force)};
static const struct option_table table_samples = {"Files", rows_samples,
                                                  OPTION_COUNT(rows_samples)};
static const struct option_table table_run_method = {"Fit", rows_method, OPTION_COUNT(rows_method)};
static const struct option_table table_profile_file = {"Files", rows_profile,
                                                       OPTION_COUNT(rows_profile)};
static const struct option_table table_no_progress = {"Files", rows_quiet,
                                                      OPTION_COUNT(rows_quiet)};

#define IN(member) offsetof(struct calibrate_options, member)
/* Of measuring, alone or with the fit behind it. */
static const struct option_group groups_measuring[] = {
    {&table_plan, IN(plan)},
    {&table_measuring, 0},
    {&table_threads, IN(machine)},
    {&table_meter, IN(machine)},
    {&table_powercap, IN(machine)},
    {&table_power, IN(machine)},
    {&table_force, 0},
    {&table_samples, 0},
    {&table_profile_file, 0},
    {&table_no_progress, 0},
};
static const struct option_group groups_fit[] = {
    {&table_run_method, 0},   {&table_threads, IN(machine)}, {&table_samples, 0},
    {&table_profile_file, 0}, {&table_format, IN(output)},
};

/* ---- files ---- */

struct job {
  const struct calibrate_options *options;
  struct jc_machine machine;
  uint32_t threads;
  char samples[PATH_MAX], profile[PATH_MAX];
};

/* Samples lie beside the profile under its name: "P.json" has "P.samples.jsonl". */
static enum jc_status name_samples(struct job *job, struct jc_error *error) {
  const char *given = job->options->samples;
  const size_t length = strlen(job->profile);
  const bool json = length > 5 && strcmp(job->profile + length - 5, ".json") == 0;
  const int written = given != NULL
                          ? snprintf(job->samples, sizeof(job->samples), "%s", given)
                          : snprintf(job->samples, sizeof(job->samples), "%.*s.samples.jsonl",
                                     (int)(json ? length - 5 : length), job->profile);
  if (written < 0 || (size_t)written >= sizeof(job->samples))
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "the name of the samples file is too long");
  return JC_OK;
}

static enum jc_status name_files(struct job *job, struct jc_error *error) {
  const char *given = job->options->profile;
  if (given != NULL && strlen(given) >= sizeof(job->profile))
    return jc_fail(error, JC_ERROR_USAGE, 0, "--output", "the name is too long");
  if (given != NULL)
    snprintf(job->profile, sizeof(job->profile), "%s", given);
  else if (jc_profile_default_path(&job->machine, JC_PRECISION_FP32, job->threads, job->profile,
                                   sizeof(job->profile), error) != JC_OK)
    return error->status;
  return name_samples(job, error);
}

/* ---- measuring ---- */

static void show_progress(void *context, const struct jc_calibrate_progress *p) {
  struct progress *progress = context;
  enum { BAR = 24 };
  char line[160], left[32] = "";
  if (!progress_due(progress) && p->done < p->total)
    return;
  const int filled = p->total > 0 ? (int)((uint64_t)BAR * p->done / p->total) : 0;
  if (!isnan(p->remaining_s))
    snprintf(left, sizeof(left), ", %.0f s left", p->remaining_s);
  snprintf(line, sizeof(line), "[%.*s%.*s] %u/%u %s%s%s%s", filled, "########################",
           BAR - filled, "........................", p->done, p->total, p->stage,
           p->current[0] != '\0' ? " " : "", p->current, left);
  progress_show(progress, line);
}

/* Measures the plan; *INTERRUPTED says that the user stopped it. */
static enum jc_status measure(const struct job *job, bool *interrupted, struct jc_error *error) {
  const struct calibrate_options *o = job->options;
  struct inputs *inputs = calloc(1, sizeof(*inputs));
  struct jc_calibrate_result result;
  struct progress progress;
  struct jc_calibrate_options options = {
      .quick = o->plan.quick,
      .seed = o->plan.seed.given ? o->plan.seed.value : DEFAULT_SEED,
      .threads = job->threads,
      .fresh = o->fresh,
      .force = o->force,
      .raise_priority = true,
      .meter = o->machine.meter,
      .samples_path = job->samples,
      .networks = (uint32_t)o->plan.networks.value,
      .budget_s = o->max_seconds.value,
      .progress = show_progress,
      .progress_context = &progress,
      .stop = interrupt_flag(),
  };
  if (inputs == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  } else if (resolve_meter(&o->machine, &job->machine, inputs, &options.meter_options, error) ==
                 JC_OK &&
             jc_file_make_parents(job->samples, error) == JC_OK) {
    progress_start(&progress, o->quiet);
    (void)jc_calibrate_measure(&options, &result, error);
    progress_end(&progress);
  }
  free(inputs);
  if (jc_error_is_set(error))
    return error->status;
  *interrupted = *options.stop != 0;
  report_measured(&result, job->samples, stdout);
  return JC_OK;
}

/* ---- fitting ---- */

/* The report goes to standard output: --output is the profile's. */
static enum jc_status report(const struct job *job, const struct jc_profile *profile,
                             const struct jc_fit_report *fitted, struct jc_error *error) {
  struct output output;
  if (output_open(&output, NULL, error) != JC_OK)
    return error->status;
  (void)report_fit(profile, fitted, job->profile, output_format(&job->options->output), &output,
                   error);
  return output_close(&output, error);
}

/* Where the profile of samples given by hand goes: the option's path, else the name of the machine
 * that they were measured on. */
static enum jc_status name_fitted(struct job *job, const struct jc_profile *profile,
                                  struct jc_error *error) {
  if (job->profile[0] != '\0')
    return JC_OK;
  return jc_profile_default_path(&profile->machine, profile->precision, profile->threads,
                                 job->profile, sizeof(job->profile), error);
}

static int fit(struct job *job, const char *const *sample_paths, size_t count,
               struct jc_error *error) {
  struct jc_profile *profile = calloc(1, sizeof(*profile));
  struct jc_fit_report fitted = {0};
  int code = EXIT_OK;
  if (profile == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    return EXIT_RUNTIME;
  }
  if (jc_calibrate_fit(sample_paths, count, profile, &fitted, error) != JC_OK)
    code = exit_code_of_input(error);
  else if (name_fitted(job, profile, error) != JC_OK ||
           jc_profile_write(job->profile, profile, error) != JC_OK ||
           report(job, profile, &fitted, error) != JC_OK)
    code = exit_code_of(error);
  free(profile);
  return code;
}

/* ---- the command and its steps ---- */

static enum jc_status start_job(const struct calibrate_options *options, struct job *job,
                                struct jc_error *error) {
  job->options = options;
  if (jc_environment_probe(NULL, &job->machine, error) != JC_OK)
    return error->status;
  job->threads =
      options->machine.threads.given ? (uint32_t)options->machine.threads.value : job->machine.cpus;
  return name_files(job, error);
}

static int run_measuring(const void *options, const struct text_list *operands,
                         struct jc_error *error) {
  struct job job = {0};
  bool interrupted = false;
  (void)operands;
  if (start_job(options, &job, error) == JC_OK)
    (void)measure(&job, &interrupted, error);
  return exit_code_of(error);
}

/* A fit of a profile is the fit of all methods that want one. */
static bool is_fitted_with_profile(const char *name) {
  const struct jc_method *method = jc_method_find(name);
  return method != NULL && (method->needs & JC_NEED_PROFILE) != 0;
}

static const struct jc_run_method *find_run_method(const char *name, struct jc_error *error) {
  char names[200] = "";
  size_t length = 0;
  const struct jc_run_method *method = jc_run_method_find(name);
  for (size_t i = 0; jc_run_method_at(i) != NULL && length < sizeof(names); i++) {
    if (jc_run_method_at(i)->fit != NULL)
      length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
                                 length > 0 ? ", " : "", jc_run_method_at(i)->name);
  }
  if (method == NULL)
    (void)jc_fail(
        error, JC_ERROR_USAGE, 0, "--method",
        "expected a method that is fitted: one of a profile (layerwise, layerwise-linear, "
        "getzner), or on whole runs %s; got '%.40s'",
        names, name);
  return method;
}

/* `calibrate fit --method NAME RUNS.jsonl -o P`: a method on whole runs. */
static int fit_runs(const struct calibrate_options *o, const struct text_list *operands,
                    struct jc_error *error) {
  const struct jc_run_fit_options options = {.as_published = false};
  const struct jc_run_method *method = find_run_method(o->method, error);
  struct jc_run_set set = {0};
  uint32_t fitted = 0;
  if (operands->count != 1 || o->profile == NULL || o->machine.threads.given ||
      o->samples != NULL || o->output.format != NULL)
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--method",
                  "expected one file of runs and --output, and none of --threads, --samples-file "
                  "and --format: what is written is JSON");
  if (jc_error_is_set(error))
    return exit_code_of(error);
  int code = EXIT_OK;
  if (jc_run_set_read(operands->value[0], &set, error) != JC_OK)
    code = exit_code_of_input(error);
  else if (jc_run_fit_write(method, &set, &options, o->profile, &fitted, error) != JC_OK)
    code = exit_code_of(error);
  else
    printf("%s fitted to %u of %u runs: %s\n", method->name, fitted, set.count, o->profile);
  jc_run_set_free(&set);
  return code;
}

static int run_fit(const void *options, const struct text_list *operands, struct jc_error *error) {
  const struct calibrate_options *o = options;
  struct job job = {.options = o};
  if (o->method != NULL && !is_fitted_with_profile(o->method))
    return fit_runs(o, operands, error);
  if (operands->count == 0) {
    if (start_job(o, &job, error) != JC_OK)
      return exit_code_of(error);
    const char *own[] = {job.samples};
    return fit(&job, own, 1, error);
  }
  const char *useless = o->machine.threads.given ? "--threads"
                        : o->samples != NULL     ? "--samples-file"
                                                 : NULL;
  if (useless != NULL)
    (void)jc_fail(error, JC_ERROR_USAGE, 0, useless,
                  "not beside named samples: they tell machine and threads themselves");
  else if (o->profile != NULL && strlen(o->profile) >= sizeof(job.profile))
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--output", "the name is too long");
  if (jc_error_is_set(error))
    return exit_code_of(error);
  snprintf(job.profile, sizeof(job.profile), "%s", o->profile != NULL ? o->profile : "");
  return fit(&job, operands->value, operands->count, error);
}

static const struct command step_run = {
    .name = "run",
    .summary = "measure only",
    .spec = {.command = "calibrate run",
             .description =
                 "Train the sample networks of the plan and keep what they showed, without a fit. "
                 "Every finished network is on disk at once; calling it again goes on where it "
                 "stopped, by Ctrl-C or otherwise.",
             .examples = "  joulecast calibrate run --quick -t 1 -s t1.jsonl\n",
             .groups = groups_measuring,
             .group_count = OPTION_COUNT(groups_measuring)},
    .options_size = sizeof(struct calibrate_options),
    .times_training = true,
    .run = run_measuring,
};

static const struct command step_fit = {
    .name = "fit",
    .summary = "fit samples that exist",
    .spec =
        {.command = "calibrate fit",
         .operands = "[SAMPLES.jsonl...]",
         .description =
             "Fit a profile to samples: those of this machine, or the files named, which may "
             "come from another one but must all come from the same. Their profile is named by "
             "the machine they were measured on. Forward passes of single layers that others "
             "measured are samples too, of a profile for `estimate --phase forward`; "
             "joulecast-run(5) has their format. With --method a method that looks at whole runs "
             "is fitted, and its parameters are written. --format other than table "
             "prints the coefficients of layerwise-linear, a row each: seconds and joules "
             "above idle per call, FLOP or byte, their 90 % intervals, the range that they were "
             "fitted in, and by how many networks.",
         .examples = "  joulecast calibrate fit -t 1\n"
                     "  joulecast calibrate fit old.jsonl new.jsonl -o machine.json\n"
                     "  joulecast calibrate fit -t 1 --format csv >coefficients.csv\n"
                     "  joulecast calibrate fit --method run-physics runs.jsonl -o gpus.json\n",
         .operands_max = MAX_LIST,
         .groups = groups_fit,
         .group_count = OPTION_COUNT(groups_fit)},
    .options_size = sizeof(struct calibrate_options),
    .times_training = true,
    .run = run_fit,
};

static const struct command *const steps[] = {&step_plan, &step_run, &step_fit, &step_check, NULL};

/* A step named behind the options would be taken for an argument. */
static enum jc_status refuse_operand(const char *word, struct jc_error *error) {
  for (size_t i = 0; steps[i] != NULL; i++) {
    if (strcmp(word, steps[i]->name) == 0)
      return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                     "calibrate: the step comes first, before all options: `joulecast calibrate %s "
                     "...`",
                     word);
  }
  return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                 "calibrate: expected plan, run, fit, check or no word, got '%.40s'", word);
}

static int run_all(const void *options, const struct text_list *operands, struct jc_error *error) {
  struct job job = {0};
  bool interrupted = false;
  if ((operands->count > 0 && refuse_operand(operands->value[0], error) != JC_OK) ||
      start_job(options, &job, error) != JC_OK || measure(&job, &interrupted, error) != JC_OK)
    return exit_code_of(error);
  const char *own[] = {job.samples};
  return interrupted ? EXIT_OK : fit(&job, own, 1, error);
}

const struct command command_calibrate = {
    .name = "calibrate",
    .summary = "measure what training costs on this machine, and fit a profile",
    .spec = {.command = "calibrate",
             .operands = "[plan | run | fit | check]",
             .description =
                 "Train sample networks for real, record energy and layer times, fit a profile. "
                 "Every finished network is on disk at once; calling it again goes on where it "
                 "stopped, by Ctrl-C or otherwise. The steps singly, each with a --help of its "
                 "own: `plan` lists the networks and trains none, `run` measures only, `fit` fits "
                 "samples that exist, `check` compares a profile with networks it never saw.",
             .examples = "  joulecast calibrate --quick\n"
                         "  joulecast calibrate -t 1 --tdp-w 65 --idle-w 8\n"
                         "  joulecast calibrate plan --quick\n"
                         "  joulecast calibrate fit old.jsonl new.jsonl -o machine.json\n"
                         "  joulecast calibrate check -t 1\n",
             .operands_max = 1,
             .groups = groups_measuring,
             .group_count = OPTION_COUNT(groups_measuring)},
    .options_size = sizeof(struct calibrate_options),
    .times_training = true,
    .run = run_all,
    .steps = steps,
};
