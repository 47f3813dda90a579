/* cmd_measure.c -- `joulecast measure -- COMMAND`: the energy of any command, and its end foretold.
 */
#include "cli/report_measure.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calibrate/measure.h"
#include "cli/forecast.h"
#include "cli/run_record.h"
#include "estimator/environment.h"

static const char *const attributes[] = {"all", "share", NULL};
/* In the order of enum jc_left. */
static const char *const lefts[] = {"leave", "wait", "stop", NULL};
static const char *const optimizers[] = {"sgd", "momentum", "adam", "adamw", NULL};
static const char *const precisions[] = {"fp32", "tf32", "bf16", "fp16", NULL};

static const double default_grace_s = 30;

#define MEASURE(member) OPTION_AT(struct measure_options, member)
static const struct option_row rows_epochs[] = {
    {"epochs", 'e', MEASURE(run.epochs), "N", "of the whole run, for the projection",
     "as the command's lines say", OPTION_RANGE(1, JC_MAX_EPOCHS)},
    {"epoch-regex", 0, MEASURE(epoch_regex), "REGEX",
     "a line that this POSIX extended regular expression finds ends an epoch; its first group is "
     "the epoch's number, a second one the total. A number counts once, when it is the largest so "
     "far, so that a line may be printed many times in an epoch: then the first one ends it",
     "lines `joulecast-epoch N` or `joulecast-epoch N/TOTAL`", OPTION_FREE},
};
static const struct option_row rows_energy[] = {
    {"attribute", 0, MEASURE(attribute), "WHAT",
     "counters see the whole machine: charge the command with all of it, or with its share of the "
     "busy CPU time",
     "all", OPTION_ONE_OF(attributes)},
    {"idle-s", 0, MEASURE(idle_s), "S",
     "measure idle power so long before the start, and tell the energy above it",
     "0, but for meter `model`", OPTION_RANGE(0, 3600)},
};
static const struct option_row rows_process[] = {
    {"left", 0, MEASURE(left), "WHAT",
     "what to do with processes that outlive the command: leave them (named in a note), wait for "
     "them, or stop them",
     "leave", OPTION_ONE_OF(lefts)},
    {"grace-s", 0, MEASURE(grace_s), "S",
     "between SIGTERM and SIGKILL, where processes are stopped", "30", OPTION_RANGE(0, 3600)},
    {"direct", 0, MEASURE(direct), NULL,
     "let the command write to the terminal itself: for programs that draw on it; no epoch is seen",
     NULL, OPTION_FREE},
};
static const struct option_row rows_record[] = {
    {"record", 'r', MEASURE(record), "FILE",
     "append the run to FILE, a line of JSON for `joulecast evaluate`; wants -b", NULL,
     OPTION_FREE},
    {"model", 0, MEASURE(model), "NAME", "the record's: a shipped model's name or any other",
     "the command's", OPTION_FREE},
    {"precision", 0, MEASURE(precision), "NAME", "the record's: fp32, tf32, bf16 or fp16", "fp32",
     OPTION_ONE_OF(precisions)},
    {"batch-size", 'b', MEASURE(run.batch_size), "N", "the record's: samples of one step", NULL,
     OPTION_RANGE(1, JC_MAX_BATCH_SIZE)},
    {"samples", 0, MEASURE(run.samples), "N", "the record's: training samples of an epoch",
     "not known", OPTION_RANGE(1, JC_MAX_SAMPLES)},
    {"val-samples", 0, MEASURE(run.val_samples), "N", "the record's: validated after each epoch",
     "0", OPTION_RANGE(0, JC_MAX_SAMPLES)},
    {"optimizer", 0, MEASURE(run.optimizer), "NAME", "the record's: sgd, momentum, adam or adamw",
     "sgd", OPTION_ONE_OF(optimizers)},
    {"threads", 't', MEASURE(machine.threads), "N", "the record's: CPU threads", "all CPUs",
     OPTION_RANGE(1, 4096)},
};
static const struct option_row rows_output[] = {
    {"output", 'o', MEASURE(output.output), "FILE", "write the report to FILE", "standard error",
     OPTION_FREE},
    {"quiet", 'q', MEASURE(output.quiet), NULL,
     "no live line, no remarks, and no report but with -o", NULL, OPTION_FREE},

    {"trace", 0, MEASURE(trace), "FILE",
     "write the counters down once a second, for `--meter-trace`", NULL, OPTION_FREE},
};
static const struct option_table table_epochs = {"Epochs", rows_epochs, OPTION_COUNT(rows_epochs)};
static const struct option_table table_energy = {"Energy", rows_energy, OPTION_COUNT(rows_energy)};
static const struct option_table table_process = {"Processes", rows_process,
                                                  OPTION_COUNT(rows_process)};
static const struct option_table table_record = {"Record", rows_record, OPTION_COUNT(rows_record)};
static const struct option_table table_measure_output = {"Output", rows_output,
                                                         OPTION_COUNT(rows_output)};

#define IN(member) offsetof(struct measure_options, member)
static const struct option_group groups[] = {
    {&table_epochs, 0},
    {&table_energy, 0},
    {&table_meter, IN(machine)},
    {&table_powercap, IN(machine)},
    {&table_power, IN(machine)},
    {&table_site, IN(site)},
    {&table_limits, IN(limits)},
    {&table_budget_on, IN(limits)},
    {&table_process, 0},
    {&table_record, 0},
    {&table_format_report, IN(output)},
    {&table_measure_output, 0},
};

/* ---- several ranks on one node ---- */

/* Launchers tell each process its number on the node. */
static const char *const rank_variables[] = {"LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK",
                                             "MPI_LOCALRANKID", "SLURM_LOCALID"};

/* The variable that says that another process of this node measures; NULL: this one does. */
static const char *other_rank(void) {
  for (size_t i = 0; i < sizeof(rank_variables) / sizeof(rank_variables[0]); i++) {
    const char *value = getenv(rank_variables[i]);
    uint64_t rank = 0;
    if (value != NULL && parse_count(value, &rank) && rank > 0)
      return rank_variables[i];
  }
  return NULL;
}

/* Becomes the command, which the node's first rank measures. Returns only if that fails. */
static int become_command(const struct measure_options *options, const char *variable,
                          struct jc_error *error) {
  if (!options->output.quiet)
    fprintf(stderr, "joulecast: %s is %s: not measured here, but by the node's first rank\n",
            variable, getenv(variable));
  (void)setenv("PYTHONUNBUFFERED", "1", 0);
  (void)execvp(options->command.argument[0], options->command.argument);
  const int code = errno;
  (void)jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "cannot run '%.150s': %s",
                options->command.argument[0], strerror(code));
  return code == ENOENT ? 127 : 126;
}

/* ---- before the start ---- */

static enum jc_status check_options(const struct measure_options *o, struct jc_error *error) {
  const struct named_output outputs[] = {{"--record", o->record},
                                         {"--output", o->output.output},
                                         {"--trace", o->trace},
                                         {"--meter-trace", o->machine.meter_trace}};
  if (limits_check_options(&o->limits, &o->site, error) != JC_OK ||
      outputs_check_apart(outputs, OPTION_COUNT(outputs), error) != JC_OK)
    return error->status;
  if (o->record != NULL && !o->run.batch_size.given)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--record",
                   "expected -b N beside it: a line of runs has a batch size");
  if (o->direct && o->epoch_regex != NULL)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--epoch-regex",
                   "--direct lets no output be seen, and so no epoch");
  return JC_OK;
}

/* Whether the report can be written in the end, found out before. */
static enum jc_status check_output(const char *path, struct jc_error *error) {
  if (path == NULL || strcmp(path, "-") == 0)
    return JC_OK;
  const bool absent = access(path, F_OK) != 0;
  const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) {
    (void)jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot write: %s", strerror(errno));
    jc_error_name_file(error, path);
    return error->status;
  }
  (void)close(fd);
  if (absent)
    (void)unlink(path);
  return JC_OK;
}

static enum jc_status prepare_record(struct measuring *m, struct jc_error *error) {
  const char *path = m->options->record;
  uint32_t count = 0;
  if (path == NULL)
    return JC_OK;
  if (run_record_prepare(path, error) != JC_OK ||
      jc_run_journal_recover(path, &count, error) != JC_OK ||
      jc_run_journal_name(path, &m->journal, error) != JC_OK)
    return error->status;
  if (count > 0)
    progress_say(&m->progress, "%s: added %u run%s whose joulecast was killed", path, count,
                 count == 1 ? "" : "s");
  return JC_OK;
}

static double tree_cpu_s(void *context) {
  return jc_tree_cpu_s(context, INFINITY);
}

static enum jc_status open_meter(struct measuring *m, struct jc_error *error) {
  const struct measure_options *o = m->options;
  struct jc_meter_options meter;
  if (resolve_meter(&o->machine, &m->machine, &m->inputs, &meter, error) != JC_OK)
    return error->status;
  meter.other_cpu_s = tree_cpu_s;
  meter.context = &m->tree;
  if (jc_meter_open(o->machine.meter, &meter, &m->meter, error) != JC_OK)
    return error->status;
  m->idle_power_w = NAN;
  if (!jc_meter_info(m->meter)->measured && meter.model.tdp_w > 0)
    m->idle_power_w = meter.model.idle_w;
  if (o->idle_s.value > 0)
    (void)jc_measure_idle(m->meter, o->idle_s.value, &m->idle_power_w, error);
  return error->status;
}

static enum jc_status prepare(struct measuring *m, struct jc_error *error) {
  const struct measure_options *o = m->options;
  m->trace.fd = -1;
  if (jc_epoch_pattern_open(o->epoch_regex, &m->pattern, error) != JC_OK ||
      jc_environment_probe(NULL, &m->machine, error) != JC_OK ||
      resolve_site(&o->site, &m->inputs, &m->site, error) != JC_OK)
    return error->status;
  m->limits = limits_watch(&o->limits);
  return open_meter(m, error);
}

static enum jc_status open_outputs(struct measuring *m, struct jc_error *error) {
  if (check_output(m->options->output.output, error) != JC_OK || prepare_record(m, error) != JC_OK)
    return error->status;
  if (m->options->trace != NULL)
    (void)jc_counter_trace_open(m->options->trace, jc_meter_info(m->meter), &m->trace, error);
  return error->status;
}

/* A budget of nothing is spent before the start. */
static bool is_spent(const struct jc_budget *budget) {
  return budget->energy_j == 0 || budget->time_s == 0 || budget->co2e_g == 0 || budget->cost == 0;
}

/* ---- after the end ---- */

static void show_report(struct measuring *m, struct jc_error *error) {
  const struct output_options *o = &m->options->output;
  struct output output;
  if ((o->quiet && o->output == NULL) || output_open(&output, o->output, error) != JC_OK)
    return;
  output.standard = o->output == NULL ? stderr : stdout;
  report_measure(m, output_format(o), &output, error);
  (void)output_close(&output, error);
}

static void say_kept(const struct jc_run_journal *journal, struct jc_error *error) {
  const size_t length = strlen(error->text);
  snprintf(error->text + length, sizeof(error->text) - length,
           "; the next `measure --record` adds the run from '%s'", journal->path);
}

/* The journal stays until the run stands in the record. */
static void append_record(struct measuring *m, struct jc_error *error) {
  struct jc_sample sample;
  char end[48];
  if (m->options->record == NULL ||
      measuring_sample(m, measure_end(m, end, sizeof(end)), &sample, error) != JC_OK)
    return;
  struct jc_error ignored = {0};
  (void)jc_run_journal_keep(&m->journal, &sample, &ignored);
  if (jc_samples_append(m->options->record, &sample, error) == JC_OK)
    jc_run_journal_remove(&m->journal);
  else if (m->journal.kept)
    say_kept(&m->journal, error);
  jc_sample_free(&sample);
}

static int finish(struct measuring *m, struct jc_error *error) {
  struct jc_error record_error = {0};
  report_measure_notes(m);
  append_record(m, &record_error);
  /* A reader that takes no output may take no report either: a signal is to end us there. */
  if (m->run.untaken_bytes > 0)
    jc_child_unblock(&m->run.child);
  show_report(m, error);
  if (!jc_error_is_set(error))
    *error = record_error;
  if (jc_error_is_set(&m->limits.over) && !jc_error_is_set(error))
    *error = m->limits.over;
  return jc_error_is_set(&m->limits.over) ? EXIT_BUDGET : m->run.child.exit_code;
}

/* ---- the command ---- */

/* Power that is modelled is that of the command's CPU time already. */
static bool charges_share(struct measuring *m) {
  const char *attribute = m->options->attribute;
  if (attribute == NULL || strcmp(attribute, "share") != 0)
    return false;
  if (!jc_meter_info(m->meter)->measured)
    inputs_note(&m->inputs, "--attribute share: modelled joules are the command's alone already");
  return jc_meter_info(m->meter)->measured;
}

static int run_command(struct measuring *m, struct jc_error *error) {
  const struct measure_options *o = m->options;
  struct jc_command_options command = {
      .argv = o->command.argument,
      .direct = o->direct,
      .meter = m->meter,
      .tree = &m->tree,
      .pattern = &m->pattern,
      .epochs = o->run.epochs.value,
      .share = charges_share(m),
      .period_s = 1,
      .grace_s = o->grace_s.given ? o->grace_s.value : default_grace_s,
  };
  for (int i = 0; o->left != NULL && lefts[i] != NULL; i++) {
    if (strcmp(o->left, lefts[i]) == 0)
      command.left = (enum jc_left)i;
  }
  measuring_follow(m, &command);
  (void)jc_command_run(&command, &m->run, error);
  progress_end(&m->progress);
  if (m->run.child.pid == 0)
    return m->run.child.exit_code;
  return finish(m, error);
}

static int measure(struct measuring *m, struct jc_error *error) {
  if (check_options(m->options, error) != JC_OK)
    return exit_code_of_input(error);
  const char *variable = other_rank();
  if (variable != NULL)
    return become_command(m->options, variable, error);
  if (prepare(m, error) != JC_OK)
    return exit_code_of_input(error);
  if (is_spent(&m->limits.budget)) {
    (void)jc_fail(error, JC_ERROR_RUNTIME, 0, NULL,
                  "the budget is spent before the start: a limit is 0");
    return EXIT_BUDGET;
  }
  if (open_outputs(m, error) != JC_OK)
    return exit_code_of(error);
  return run_command(m, error);
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  struct measuring *m = calloc(1, sizeof(*m));
  (void)operands;
  if (m == NULL) {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    return EXIT_RUNTIME;
  }
  m->options = options;
  progress_start(&m->progress, m->options->output.quiet);
  jc_tree_open(&m->tree);
  m->trace.fd = -1;
  const int code = measure(m, error);
  jc_counter_trace_close(&m->trace);
  jc_command_run_free(&m->run);
  jc_meter_close(m->meter);
  jc_epoch_pattern_close(&m->pattern);
  jc_tree_close(&m->tree);
  free(m);
  return code;
}

const struct command command_measure = {
    .name = "measure",
    .summary = "run any command and meter its energy, with epochs, projection and budget",
    .spec = {.command = "measure",
             .operands = "-- COMMAND [ARGUMENT]...",
             .description =
                 "Run COMMAND and meter the energy of the machine from its start to its end, over "
                 "all processes that it starts. Its output, input, signals and exit status are "
                 "its own; the report goes to standard error, or to -o FILE. Any program works "
                 "unchanged; one that prints `joulecast-epoch N` at the end of epoch N, or lines "
                 "that --epoch-regex finds, gets epochs and, with their number, a projection to "
                 "its end. Exit status: the command's (128 + signal; 127 not found, 126 cannot be "
                 "run), or 5 if a budget stopped it.",
             .examples = "  joulecast measure -- python3 train.py --lr 0.1\n"
                         "  joulecast measure -e 90 --epoch-regex 'Epoch ([0-9]+)' -- ./train.sh\n"
                         "  joulecast measure -e 90 --max-kwh 2 --grid SE -- torchrun train.py\n"
                         "  joulecast measure -r runs.jsonl -b 32 --model resnet50 -- ./train\n",
             .takes_command = true,
             .command_line_at = offsetof(struct measure_options, command),
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct measure_options),
    .run = run,
};
