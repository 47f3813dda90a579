/* cmd_calibrate.c -- `joulecast calibrate`: measure sample trainings, fit, keep the profile. */
#include "calibrate/calibrate.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/forecast.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/report_calibrate.h"
#include "cli/report_forward.h"
#include "estimator/environment.h"
#include "estimator/file_io.h"
#include "estimator/profile_file.h"

struct calibrate_options {
  bool quick, fresh, force, quiet;
  struct count_option seed, networks;
  struct real_option max_seconds;
  const char *samples, *profile;
  struct machine_options machine;
};

#define CALIBRATE(member) OPTION_AT(struct calibrate_options, member)
static const struct option_row rows_plan[] = {
    {"quick", 0, CALIBRATE(quick), NULL, "about a minute: fewer and smaller networks", NULL,
     OPTION_FREE},
    {"fresh", 0, CALIBRATE(fresh), NULL,
     "set earlier samples aside (FILE.old1, ...) and begin anew", NULL, OPTION_FREE},
    {"seed", 0, CALIBRATE(seed), "N", "of the plan: another seed trains other networks", "1",
     OPTION_RANGE(0, OPTION_ANY_COUNT)},
    {"networks", 0, CALIBRATE(networks), "N", "sample networks to train", "120 or 240",
     OPTION_RANGE(1, 100000)},
    {"max-seconds", 0, CALIBRATE(max_seconds), "S",
     "stop training after that long; the rest of the plan is left out", "about 1 or 5 minutes",
     OPTION_RANGE(OPTION_POSITIVE, 1e6)},
};
static const struct option_row rows_force[] = {
    {"force", 0, CALIBRATE(force), NULL,
     "go on beside other processes' load, and store it in the profile", NULL, OPTION_FREE},
};
static const struct option_row rows_files[] = {
    {"samples-file", 's', CALIBRATE(samples), "FILE",
     "keep the raw samples in FILE, and resume from it", "beside the profile", OPTION_FREE},
    {"output", 'o', CALIBRATE(profile), "PROFILE", "write the profile there",
     "the XDG data folder, named by machine", OPTION_FREE},
    {"quiet", 'q', CALIBRATE(quiet), NULL, "no progress", NULL, OPTION_FREE},
};
static const struct option_table table_plan = {"Plan", rows_plan, OPTION_COUNT(rows_plan)};
static const struct option_table table_force = {"Machine", rows_force, OPTION_COUNT(rows_force)};
static const struct option_table table_files = {"Files", rows_files, OPTION_COUNT(rows_files)};

#define IN(member) offsetof(struct calibrate_options, member)
static const struct option_group groups[] = {
    {&table_plan, 0},
    {&table_threads, IN(machine)},
    {&table_meter, IN(machine)},
    {&table_powercap, IN(machine)},
    {&table_power, IN(machine)},
    {&table_force, 0},
    {&table_files, 0},
};

/* ---- steps and files ---- */

struct job {
  const struct calibrate_options *options;
  bool runs, fits;
  const char *const *sample_paths; /* of the fit */
  size_t sample_path_count;
  struct jc_machine machine;
  uint32_t threads;
  char samples[PATH_MAX], profile[PATH_MAX];
};

/* "", "run" or "fit", then sample files for `fit`. */
static enum jc_status read_operands(const struct text_list *operands, struct job *job,
                                    struct jc_error *error) {
  const char *step = operands->count > 0 ? operands->value[0] : "";
  job->runs = step[0] == '\0' || strcmp(step, "run") == 0;
  job->fits = step[0] == '\0' || strcmp(step, "fit") == 0;
  if (!job->runs && !job->fits)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "calibrate: expected run or fit, got '%.40s'",
                   step);
  if (job->runs && operands->count > 1)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                   "calibrate %s: unexpected argument '%.80s'; only fit takes sample files", step,
                   operands->value[1]);
  if (operands->count > 1) {
    job->sample_paths = operands->value + 1;
    job->sample_path_count = operands->count - 1;
  }
  return JC_OK;
}

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
      .quick = o->quick,
      .seed = o->seed.given ? o->seed.value : 1,
      .threads = job->threads,
      .fresh = o->fresh,
      .force = o->force,
      .raise_priority = true,
      .meter = o->machine.meter,
      .samples_path = job->samples,
      .networks = (uint32_t)o->networks.value,
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

static int fit(const struct job *job, struct jc_error *error) {
  const char *own[] = {job->samples};
  const bool given = job->sample_path_count > 0;
  struct jc_profile *profile = calloc(1, sizeof(*profile));
  struct jc_fit_report report = {0};
  int code = EXIT_OK;
  if (profile == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    return EXIT_RUNTIME;
  }
  if (jc_calibrate_fit(given ? job->sample_paths : own, given ? job->sample_path_count : 1, profile,
                       &report, error) != JC_OK)
    code = exit_code_of_input(error);
  else if (jc_profile_write(job->profile, profile, error) != JC_OK)
    code = exit_code_of(error);
  else if (profile->phase == JC_RUN_FORWARD)
    report_forward_profile(profile, &report, job->profile, stdout);
  else
    report_profile(profile, &report, job->profile, stdout);
  free(profile);
  return code;
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  struct job job = {.options = options};
  bool interrupted = false;
  if (read_operands(operands, &job, error) != JC_OK ||
      jc_environment_probe(NULL, &job.machine, error) != JC_OK)
    return exit_code_of(error);
  job.threads = job.options->machine.threads.given ? (uint32_t)job.options->machine.threads.value
                                                   : job.machine.cpus;
  if (name_files(&job, error) != JC_OK)
    return exit_code_of(error);
  if (job.runs && measure(&job, &interrupted, error) != JC_OK)
    return exit_code_of(error);
  if (job.fits && !interrupted)
    return fit(&job, error);
  return EXIT_OK;
}

const struct command command_calibrate = {
    .name = "calibrate",
    .summary = "measure what training costs on this machine, and fit a profile",
    .spec = {.command = "calibrate",
             .operands = "[run | fit SAMPLES.jsonl...]",
             .description =
                 "Train sample networks for real, record energy and layer times, fit a profile. "
                 "`run` measures only, `fit` fits samples that exist, forward passes of single "
                 "layers that "
                 "were measured elsewhere too. Every finished network is on "
                 "disk at once; calling it again goes on where it stopped, by Ctrl-C or otherwise.",
             .examples = "  joulecast calibrate --quick\n"
                         "  joulecast calibrate -t 1 --tdp-w 65 --idle-w 8\n"
                         "  joulecast calibrate fit old.jsonl new.jsonl -o machine.json\n",
             .operands_max = MAX_LIST,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct calibrate_options),
    .times_training = true,
    .run = run,
};
