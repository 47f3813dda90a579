/* report_measure.c -- a measured command, for people and for programs. */
#include "cli/report_measure.h"

#include <math.h>
#include <string.h>

#include "cli/document_measure.h"
#include "cli/format.h"
#include "cli/projected.h"
#include "cli/report_meter.h"

const char *measure_end(const struct measuring *m, char *text, size_t size) {
  const struct jc_child *child = &m->run.child;
  if (jc_error_is_set(&m->limits.over))
    snprintf(text, size, "stopped by the budget");
  else if (child->signal != 0)
    snprintf(text, size, "signal %d", child->signal);
  else
    snprintf(text, size, "exit %d", child->exit_code);
  return text;
}

/* ---- figures ---- */

/* Idle power is the machine's: of the command's joules, the part that it is charged with. */
double measure_above_idle_j(const struct measuring *m) {
  const struct jc_account *account = &m->run.account;
  const double part = account->metered_j > 0 ? account->charged_j / account->metered_j : 1;
  return account->gap ? NAN : part * (account->metered_j - m->idle_power_w * account->metered_s);
}

double measure_power_w(const struct measuring *m) {
  const struct jc_account *account = &m->run.account;
  return account->metered_s > 0 ? account->metered_j / account->metered_s : NAN;
}

/* ---- notes ---- */

static void note_meter(struct measuring *m) {
  const struct jc_command_run *run = &m->run;
  const struct jc_account *account = &run->account;
  char energy[FORMAT_SIZE], time[FORMAT_SIZE];
  if (account->gap)
    inputs_note(&m->inputs, "the meter failed: %s until %s, nothing is known of the rest: %.110s",
                format_energy(account->charged_j, energy, sizeof(energy)),
                format_duration(account->metered_s, time, sizeof(time)), run->meter_error.text);
  if (run->late_polls > 0)
    inputs_note(&m->inputs,
                "counters were read too late %llu times: one may have wrapped unseen, and joules "
                "be missing",
                (unsigned long long)run->late_polls);
}

static void note_epochs(struct measuring *m) {
  const struct jc_epoch_pattern *pattern = &m->pattern;
  const uint64_t wanted = m->options->run.epochs.value;
  if (m->options->epoch_regex != NULL && pattern->lines == 0)
    inputs_note(&m->inputs, "no line matched --epoch-regex '%.120s': no epoch was seen",
                m->options->epoch_regex);
  else if (wanted > 0 && pattern->lines == 0)
    inputs_note(&m->inputs, "no epoch was seen: give --epoch-regex, or have the command print "
                            "joulecast-epoch N at the end of epoch N");
  if (pattern->back > 0)
    inputs_note(&m->inputs,
                "%llu line%s had a smaller epoch number than one before, and did not count",
                (unsigned long long)pattern->back, pattern->back == 1 ? "" : "s");
}

void report_measure_notes(struct measuring *m) {
  const struct jc_command_run *run = &m->run;
  char pids[16 * JC_LEFT_PIDS] = "";
  note_meter(m);
  note_epochs(m);
  for (uint32_t i = 0; i < run->left_count && i < JC_LEFT_PIDS; i++) {
    const size_t length = strlen(pids);
    snprintf(pids + length, sizeof(pids) - length, "%s%ld", i > 0 ? ", " : "", (long)run->left[i]);
  }
  if (run->left_count > 0)
    inputs_note(&m->inputs,
                "the command left %u process%s running (%s): not counted from its end on; "
                "--left wait or --left stop",
                run->left_count, run->left_count == 1 ? "" : "es", pids);
  if (run->untaken_bytes > 0)
    inputs_note(&m->inputs, "%llu bytes of output were not taken by the reader",
                (unsigned long long)run->untaken_bytes);
  if (run->killed)
    inputs_note(&m->inputs, "not all processes ended within the grace time: killed");
  if (m->run.account.share)
    inputs_note(&m->inputs, "joules are charged by the command's share of the CPU time: what "
                            "memory, disks and accelerators drew for others is in it");
}

/* ---- JSON ---- */

static void put_epochs(const struct jc_account *account, struct jc_json_writer *w) {
  jc_put_array(w, "epochs");
  for (uint32_t i = 0; i < account->epoch_count; i++) {
    jc_put_inline_object(w, NULL);
    jc_put_real(w, "energy_j", account->epochs[i].energy_j);
    jc_put_real(w, "time_s", account->epochs[i].time_s);
    jc_put_end(w);
  }
  jc_put_end(w);
}

static void put_power(const struct jc_account *account, struct jc_json_writer *w) {
  jc_put_array(w, "power");
  for (uint32_t i = 0; i < account->point_count; i++) {
    jc_put_inline_object(w, NULL);
    jc_put_real(w, "time_s", account->points[i].time_s);
    jc_put_real(w, "power_w", account->points[i].power_w);
    jc_put_end(w);
  }
  jc_put_end(w);
}

static void put_budget(const struct measuring *m, struct jc_json_writer *w) {
  const struct limit_watch *limits = &m->limits;
  if (!jc_budget_is_set(&limits->budget)) {
    jc_put_null(w, "budget");
    return;
  }
  jc_put_object(w, "budget");
  jc_put_real(w, "facility_energy_j", limits->budget.energy_j);
  jc_put_real(w, "time_s", limits->budget.time_s);
  jc_put_real(w, "co2e_g", limits->budget.co2e_g);
  jc_put_real(w, "cost", limits->budget.cost);
  jc_put_string(w, "on", limits->on_spent ? "spent" : "projected");
  jc_put_bool(w, "warned", limits->warned);
  jc_put_string(w, "over", jc_error_is_set(&limits->over) ? limits->over.text : NULL);
  jc_put_end(w);
}

static void put_energy(const struct measuring *m, struct jc_json_writer *w) {
  const struct jc_account *account = &m->run.account;
  const struct jc_epoch_seen total = jc_account_total(account);
  const struct jc_footprint footprint = site_footprint(&m->site, total.energy_j);
  jc_put_real(w, "energy_j", total.energy_j);
  jc_put_real(w, "energy_above_idle_j", measure_above_idle_j(m));
  jc_put_real(w, "idle_power_w", m->idle_power_w);
  jc_put_string(w, "attribute", account->share ? "share" : "all");
  jc_put_real(w, "cpu_share", jc_account_cpu_share(account));
  jc_put_real(w, "cpu_time_s", account->last.cpu_s - account->begin.cpu_s);
  jc_put_real(w, "metered_energy_j", account->metered_j);
  jc_put_real(w, "metered_time_s", account->metered_s);
  jc_put_real(w, "facility_energy_j", footprint.facility_energy_j);
  jc_put_real(w, "co2e_g", footprint.co2e_g);
  jc_put_real(w, "cost", footprint.cost);
  jc_put_string(w, "currency", m->site.currency[0] != '\0' ? m->site.currency : NULL);
  jc_put_real(w, "time_s", total.time_s);
  jc_put_real(w, "power_w", measure_power_w(m));
  jc_put_real(w, "peak_power_w", jc_account_peak_w(account));
}

static void put_end(const struct measuring *m, struct jc_json_writer *w) {
  const struct jc_command_run *run = &m->run;
  jc_put_uint(w, "exit_code", (uint64_t)run->child.exit_code);
  if (run->child.signal != 0)
    jc_put_uint(w, "signal", (uint64_t)run->child.signal);
  else
    jc_put_null(w, "signal");
  jc_put_bool(w, "stopped", run->stopped);
  jc_put_inline_array(w, "left_pids");
  for (uint32_t i = 0; i < run->left_count && i < JC_LEFT_PIDS; i++)
    jc_put_uint(w, NULL, (uint64_t)run->left[i]);
  jc_put_end(w);
}

static void put_report(const struct measuring *m, struct jc_json_writer *w) {
  const struct command_line *command = &m->options->command;
  const struct jc_meter_info *meter = jc_meter_info(m->meter);
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  jc_put_string(w, "schema", "joulecast.measure/1");
  jc_put_inline_array(w, "command");
  for (int i = 0; i < command->count; i++)
    jc_put_string(w, NULL, command->argument[i]);
  jc_put_end(w);
  put_end(m, w);
  put_machine(&m->machine, w, "machine");
  jc_put_string(w, "meter", meter->name);
  jc_put_string(w, "domain", meter->domain);
  jc_put_string(w, "power_source", meter->measured ? "measured" : "modelled");
  put_energy(m, w);
  if (m->run.epochs > 0)
    jc_put_uint(w, "epochs_total", m->run.epochs);
  else
    jc_put_null(w, "epochs_total");
  put_epochs(&m->run.account, w);
  put_projected(&m->run.projection, &m->site, w);
  put_budget(m, w);
  put_power(&m->run.account, w);
  jc_put_string(w, "record", m->options->record);
  jc_put_string(w, "trace", m->options->trace);
  notes_put(&m->inputs, w, "notes");
  inputs_put(&m->inputs, w, "inputs");
  jc_put_end(w);
}

/* ---- for people ---- */

void measure_command_text(const struct measuring *m, char *text, size_t size) {
  const struct command_line *command = &m->options->command;
  size_t length = 0;
  text[0] = '\0';
  for (int i = 0; i < command->count && length < size - 1; i++) {
    length += (size_t)snprintf(text + length, size - length, "%s%s", i > 0 ? " " : "",
                               command->argument[i]);
  }
  for (size_t i = 0; text[i] != '\0'; i++) {
    if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
      text[i] = ' ';
  }
}

static void print_head(const struct measuring *m, FILE *out) {
  char line[256], end[FORMAT_SIZE];
  measure_command_text(m, line, sizeof(line));
  fprintf(out, "%.60s%s: %s\n\n", line, strlen(line) > 60 ? "..." : "",
          measure_end(m, end, sizeof(end)));
}

static void print_energy(const struct measuring *m, FILE *out) {
  const struct jc_account *account = &m->run.account;
  const struct jc_meter_info *meter = jc_meter_info(m->meter);
  const struct jc_epoch_seen total = jc_account_total(account);
  const struct jc_footprint footprint = site_footprint(&m->site, total.energy_j);
  char text[FORMAT_SIZE], other[FORMAT_SIZE];
  fprintf(out, "  energy      %-12s %s; of the %s%s\n",
          format_energy(total.energy_j, text, sizeof(text)),
          meter->measured ? "measured" : "modelled, not measured", meter->domain,
          account->share ? ", by CPU share" : "");
  if (!isnan(m->idle_power_w))
    fprintf(out, "  above idle  %-12s with %s idle\n",
            format_energy(measure_above_idle_j(m), text, sizeof(text)),
            format_power(m->idle_power_w, other, sizeof(other)));
  fprintf(out, "  CPU share   %-12s of the machine's busy CPU time; %s of its own\n",
          format_percent(jc_account_cpu_share(account), text, sizeof(text)),
          format_duration(account->last.cpu_s - account->begin.cpu_s, other, sizeof(other)));
  fprintf(out, "  time        %s\n", format_duration(total.time_s, text, sizeof(text)));
  fprintf(out, "  power       %-12s of the machine; peak %s\n",
          format_power(measure_power_w(m), text, sizeof(text)),
          format_power(jc_account_peak_w(account), other, sizeof(other)));
  fprintf(out, "  CO2e        %-12s at %.0f g/kWh, PUE %.3g\n",
          format_mass(footprint.co2e_g, text, sizeof(text)), m->site.grid_g_per_kwh, m->site.pue);
  if (!isnan(footprint.cost))
    fprintf(out, "  cost        %.4g %s\n", footprint.cost, m->site.currency);
}

static void print_epochs(const struct measuring *m, FILE *out) {
  const struct jc_command_run *run = &m->run;
  const struct jc_epoch_seen *last =
      run->account.epoch_count > 0 ? &run->account.epochs[run->account.epoch_count - 1] : NULL;
  char text[FORMAT_SIZE], other[FORMAT_SIZE];
  if (last == NULL)
    return;
  snprintf(text, sizeof(text), run->epochs > 0 ? "%u of %llu" : "%u", run->account.epoch_count,
           (unsigned long long)run->epochs);
  fprintf(out, "  epochs      %-12s the last one ", text);
  fprintf(out, "%s, %s\n", format_energy(last->energy_j, text, sizeof(text)),
          format_duration(last->time_s, other, sizeof(other)));
  if (run->epochs > run->account.epoch_count)
    print_projected(&run->projection, &m->site, out);
}

static void print_table(const struct measuring *m, FILE *out) {
  print_head(m, out);
  print_energy(m, out);
  print_epochs(m, out);
  fputc('\n', out);
  report_meter(jc_meter_info(m->meter), out);
  notes_print(&m->inputs, out);
}

static void fill_epochs(const struct jc_account *account, struct records *records) {
  static const struct column columns[] = {
      {"epoch", "epoch", VALUE_COUNT, false, NULL, NULL},
      {"energy_j", "energy", VALUE_REAL, false, NULL, format_energy_like},
      {"time_s", "time", VALUE_REAL, false, NULL, format_duration_like},
  };
  records_start(records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < account->epoch_count; i++) {
    record_count(records, i + 1);
    record_real(records, account->epochs[i].energy_j);
    record_real(records, account->epochs[i].time_s);
  }
}

void report_measure(const struct measuring *m, enum format format, struct output *output,
                    struct jc_error *error) {
  struct jc_json_writer writer;
  struct records epochs;
  fill_epochs(&m->run.account, &epochs);
  if (records_check(&epochs, error) == JC_OK) {
    if (format == FORMAT_JSON) {
      put_report(m, &writer);
      (void)output_json(output, &writer, error);
    } else if (format == FORMAT_CSV) {
      records_print_csv(&epochs, output->stream);
    } else if (format == FORMAT_TABLE) {
      print_table(m, output->stream);
    } else {
      document_measure(m, &epochs, format, output->stream);
    }
  }
  records_free(&epochs);
}
