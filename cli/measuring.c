/* measuring.c -- told once a second and at every epoch how the run stands. */
#include "cli/measuring.h"

#include <math.h>
#include <string.h>

#include "calibrate/clock.h"
#include "cli/format.h"
#include "cli/projected.h"
#include "cli/run_record.h"

/* Between writes of the journal: of themselves, and where epochs end. */
static const double journal_period_s = 5;
static const double journal_least_s = 1;

/* ---- the record ---- */

static void set_label(struct jc_run_facts *facts, const char *name, const char *value) {
  struct jc_run_label *label = &facts->labels[facts->label_count++];
  snprintf(label->name, sizeof(label->name), "%s", name);
  snprintf(label->value, sizeof(label->value), "%.*s", (int)sizeof(label->value) - 1, value);
}

static void set_run(const struct measuring *m, struct jc_sample *sample) {
  const struct measure_options *o = m->options;
  sample->run.batch_size = o->run.batch_size.value;
  sample->run.samples = o->run.samples.value;
  sample->run.val_samples = o->run.val_samples.value;
  sample->run.threads =
      o->machine.threads.given ? (uint32_t)o->machine.threads.value : m->machine.cpus;
  sample->run.epochs = m->run.account.epoch_count > 0 ? m->run.account.epoch_count : 1;
  for (int i = 0; o->run.optimizer != NULL && i < JC_OPTIMIZER_COUNT; i++) {
    if (strcmp(optimizer_name((enum jc_optimizer)i), o->run.optimizer) == 0)
      sample->run.optimizer = (enum jc_optimizer)i;
  }
  for (int i = 0; o->precision != NULL && i <= JC_PRECISION_FP16; i++) {
    if (strcmp(jc_precision_name((enum jc_precision)i), o->precision) == 0)
      sample->precision = (enum jc_precision)i;
  }
}

static enum jc_status set_model(const struct measuring *m, struct jc_sample *sample,
                                struct jc_error *error) {
  const char *command = m->options->command.argument[0];
  const char *slash = strrchr(command, '/');
  const char *name = m->options->model != NULL           ? m->options->model
                     : slash != NULL && slash[1] != '\0' ? slash + 1
                                                         : command;
  return jc_sample_set_model_name(sample, name, error);
}

enum jc_status measuring_sample(const struct measuring *m, const char *state,
                                struct jc_sample *sample, struct jc_error *error) {
  const struct jc_account *account = &m->run.account;
  const struct jc_epoch_seen total = jc_account_total(account);
  run_record_start(sample, jc_meter_info(m->meter), &m->machine);
  snprintf(sample->runner.name, sizeof(sample->runner.name), "command");
  set_run(m, sample);
  sample->energy_j = total.energy_j;
  sample->time_s = total.time_s;
  sample->idle_power_w = account->share ? NAN : m->idle_power_w;
  sample->cpu_time_s = account->last.cpu_s - account->begin.cpu_s;
  set_label(&sample->facts, "end", state);
  if (account->share)
    set_label(&sample->facts, "attribute", "share");
  if (set_model(m, sample, error) == JC_OK && account->epoch_count > 0 &&
      jc_sample_make_epochs(sample, account->epoch_count, error) == JC_OK) {
    for (uint32_t i = 0; i < account->epoch_count; i++)
      sample->epochs[i] =
          (struct jc_sample_epoch){account->epochs[i].energy_j, account->epochs[i].time_s};
  }
  if (jc_error_is_set(error))
    jc_sample_free(sample);
  return error->status;
}

/* ---- what is kept while it runs ---- */

static void keep_journal(struct measuring *m, bool epoch) {
  const double wait_s = now_s() - m->journal_s;
  struct jc_sample sample;
  struct jc_error error = {0};
  if (m->options->record == NULL || m->journal_failed ||
      !(jc_account_total(&m->run.account).time_s > 0) ||
      !(m->journal_s == 0 || wait_s >= journal_period_s || (epoch && wait_s >= journal_least_s)))
    return;
  if (measuring_sample(m, "unfinished", &sample, &error) == JC_OK) {
    (void)jc_run_journal_keep(&m->journal, &sample, &error);
    jc_sample_free(&sample);
  }
  m->journal_s = now_s();
  m->journal_failed = jc_error_is_set(&error);
  if (m->journal_failed)
    inputs_note(&m->inputs, "no journal: a kill -9 would have lost the run: %.150s", error.text);
}

static void keep_trace(struct measuring *m) {
  struct jc_error error = {0};
  if (m->trace.fd < 0 || m->trace_failed || jc_error_is_set(&m->run.meter_error) ||
      jc_counter_trace_add(&m->trace, &m->run.reading, &error) == JC_OK)
    return;
  m->trace_failed = true;
  inputs_note(&m->inputs, "the trace ends early: %.150s", error.text);
}

/* ---- the budget ---- */

static bool guard_budget(struct measuring *m) {
  const struct jc_account *account = &m->run.account;
  /* Of a meter that has failed, what it had told by then is spent all the same. */
  const struct jc_epoch_seen spent = {account->charged_j, jc_account_total(account).time_s};
  const bool was_over = jc_error_is_set(&m->limits.over);
  if (!limits_passed(&m->limits, &m->site, &spent, &m->run.projection, &m->progress) || was_over)
    return false;
  progress_say(&m->progress, "%s: stopping the command", m->limits.over.text);
  return true;
}

/* ---- the callbacks ---- */

static bool each_sample(void *context, const struct jc_command_run *run, bool epoch) {
  struct measuring *m = context;
  const bool over = run->child.ended && run->left_count == 0;
  keep_trace(m);
  keep_journal(m, epoch);
  return !over && guard_budget(m);
}

/* "3/90  ", "3 epochs  ", "". */
static void say_epochs(const struct jc_command_run *run, char *text, size_t size) {
  const uint32_t count = run->account.epoch_count;
  text[0] = '\0';
  if (run->epochs > 0)
    snprintf(text, size, "%u/%llu  ", count, (unsigned long long)run->epochs);
  else if (count > 0)
    snprintf(text, size, "%u epoch%s  ", count, count == 1 ? "" : "s");
}

/* "12/90  1.23 kWh  112 W -> 12.3 kWh (11.1 to 14.2 kWh), 2.05 h, 1.34 kg CO2e": fits progress.h.
 */
static void show_line(void *context, const struct jc_command_run *run) {
  struct measuring *m = context;
  const struct jc_account *account = &run->account;
  const struct jc_epoch_seen total = jc_account_total(account);
  char line[400], epochs[48], energy[FORMAT_SIZE], power[FORMAT_SIZE], time[FORMAT_SIZE],
      co2e[FORMAT_SIZE], projected[PROJECTED_SIZE];
  if (!progress_due(&m->progress))
    return;
  say_epochs(run, epochs, sizeof(epochs));
  const double power_w =
      account->point_count > 0 ? account->points[account->point_count - 1].power_w : NAN;
  format_energy(total.energy_j, energy, sizeof(energy));
  format_power(power_w, power, sizeof(power));
  if (isnan(run->projection.energy_j))
    snprintf(line, sizeof(line), "%s%s  %s  %s, %s CO2e", epochs, energy, power,
             format_duration(total.time_s, time, sizeof(time)),
             format_mass(site_footprint(&m->site, total.energy_j).co2e_g, co2e, sizeof(co2e)));
  else
    snprintf(line, sizeof(line), "%s%s  %s%s", epochs, energy, power,
             format_projected(&run->projection, &m->site, projected, sizeof(projected)));
  progress_show(&m->progress, line);
}

static void clear_line(void *context) {
  struct measuring *m = context;
  progress_end(&m->progress);
  fflush(stderr);
}

static void tell_waits(void *context, const struct jc_command_run *run) {
  struct measuring *m = context;
  progress_say(&m->progress, "the command has ended and left %u process%s (%ld%s); waiting for %s",
               run->left_count, run->left_count == 1 ? "" : "es", (long)run->left[0],
               run->left_count > 1 ? ", ..." : "", run->left_count == 1 ? "it" : "them");
}

void measuring_follow(struct measuring *m, struct jc_command_options *command) {
  command->context = m;
  command->each = each_sample;
  command->waits = tell_waits;
  if (m->progress.enabled && m->progress.terminal) {
    command->show = show_line;
    command->clear = clear_line;
  }
}
