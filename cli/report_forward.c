/* report_forward.c -- tables of a fit to single layers, and the notes of a forecast by it. */
#include "cli/report_forward.h"

#include <math.h>
#include <string.h>

#include "cli/format.h"

/* ---- what the fit printed ---- */

static void print_conditions(const struct jc_profile *p, const struct jc_fit_report *report,
                             FILE *out) {
  char power[FORMAT_SIZE];
  fprintf(out, "%s, %u CPUs, %s\n", p->machine.cpu_model, p->machine.cpus, p->machine.isa);
  fprintf(out, "  runner     %s%s%s, %s, %u thread%s\n", p->runner,
          p->runner_version[0] != '\0' ? " " : "", p->runner_version,
          jc_precision_name(p->precision), p->threads, p->threads == 1 ? "" : "s");
  fprintf(out, "  power      %s in forward passes, of the %s\n",
          format_power(p->active_power_w, power, sizeof(power)), p->domain);
  fprintf(out, "  meter      %s: %s\n", p->meter,
          p->measured ? "measured" : "modelled, not measured");
  fprintf(out, "  layers     %u fitted of %u samples%s\n", report->used, report->samples,
          report->torn_line ? "; a torn last line was ignored" : "");
}

/* One coefficient of a row; the range is that of its feature. */
static void record_coefficient(struct records *records, const char *name,
                               const struct jc_coefficient *c, int i) {
  static const char *const per[JC_LINEAR_FEATURES] = {"call", "FLOP", "byte"};
  static const double scale[JC_LINEAR_FEATURES] = {1e6, 1e12, 1e12};
  const double from[JC_LINEAR_FEATURES] = {NAN, c->flops_min, c->bytes_min};
  const double to[JC_LINEAR_FEATURES] = {NAN, c->flops_max, c->bytes_max};
  record_text(records, i == 0 ? name : "");
  if (i == 0)
    record_count(records, c->networks);
  else
    record_real(records, NAN);
  record_text(records, per[i]);
  record_real(records, scale[i] * c->energy_j[i]);
  record_real(records, scale[i] * c->energy_low_j[i]);
  record_real(records, scale[i] * c->energy_high_j[i]);
  record_real(records, scale[i] * c->time_s[i]);
  record_real(records, from[i]);
  record_real(records, to[i]);
}

/* Which of a type's rows it is. */
static const char *size_of(const struct jc_profile *profile, uint32_t row) {
  const struct jc_coefficient *c = &profile->coefficients[row];
  if (c->bytes_above > 0)
    return ", large";
  return row > 0 && c[-1].type == c->type ? ", small" : "";
}

static void print_coefficients(const struct jc_profile *profile, FILE *out) {
  static const struct column columns[] = {
      {"type", "layer type", VALUE_TEXT, true, NULL, NULL},
      {"layers", "n", VALUE_COUNT, false, NULL, NULL},
      {"per", "per", VALUE_TEXT, false, NULL, NULL},
      {"energy", "energy", VALUE_REAL, false, NULL, NULL},
      {"energy_low", "5 %", VALUE_REAL, false, NULL, NULL},
      {"energy_high", "95 %", VALUE_REAL, false, NULL, NULL},
      {"time", "time", VALUE_REAL, false, NULL, NULL},
      {"from", "from", VALUE_REAL, false, format_si, NULL},
      {"to", "to", VALUE_REAL, false, format_si, NULL},
  };
  struct records records;
  records_start(&records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < profile->coefficient_count; i++) {
    const struct jc_coefficient *c = &profile->coefficients[i];
    char name[80];
    (void)snprintf(name, sizeof(name), "%s%s", jc_type_name(c->type), size_of(profile, i));
    for (int k = 0; k < JC_LINEAR_FEATURES && c->networks > 0; k++)
      record_coefficient(&records, name, c, k);
  }
  records_print(&records, out);
  records_free(&records);
}

void fill_layer_errors(const struct jc_profile *profile, struct records *records) {
  static const struct column columns[] = {
      {"kind", "kind", VALUE_TEXT, true, NULL, NULL},
      {"layers", "n", VALUE_COUNT, false, NULL, NULL},
      {"mape", "MAPE", VALUE_REAL, false, format_percent, NULL},
      {"median", "median", VALUE_REAL, false, format_percent, NULL},
      {"bias", "bias", VALUE_REAL, false, format_percent, NULL},
      {"r2", "R2", VALUE_REAL, false, NULL, NULL},
      {"worst", "worst", VALUE_REAL, false, format_percent, NULL},
      {"time_mape", "MAPE of time", VALUE_REAL, false, format_percent, NULL},
  };
  records_start(records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < profile->layer_error_count; i++) {
    const struct jc_layer_error *e = &profile->layer_errors[i];
    record_text(records, jc_kind_get(e->kind)->name);
    record_count(records, e->samples);
    record_real(records, e->mape);
    record_real(records, e->median);
    record_real(records, e->bias);
    record_real(records, e->r2);
    record_real(records, e->worst);
    record_real(records, e->time_mape);
  }
}

static void print_errors(const struct jc_profile *profile, FILE *out) {
  struct records records;
  fill_layer_errors(profile, &records);
  records_print(&records, out);
  records_free(&records);
}

void report_forward_profile(const struct jc_profile *profile, const struct jc_fit_report *report,
                            const char *path, FILE *out) {
  print_conditions(profile, report, out);
  fprintf(out, "\na forward pass: uJ and us per call, pJ and ps per FLOP and byte (n: layers)\n");
  print_coefficients(profile, out);
  fprintf(out, "\nerror of joules, ten-fold: each layer predicted by a fit without it\n");
  print_errors(profile, out);
  fprintf(out, "\nprofile: %s\n", path);
}

/* ---- notes of a forecast ---- */

/* Texts that are joined in one note, and go on in the next where it is full. */
struct joined_note {
  const char *beginning;
  char text[NOTE_TEXT];
};

static void note_end(struct joined_note *note, struct inputs *inputs) {
  if (note->text[0] != '\0')
    inputs_note(inputs, "%s", note->text);
  note->text[0] = '\0';
}

static void note_join(struct joined_note *note, const char *word, struct inputs *inputs) {
  size_t used = strlen(note->text);
  if (used + strlen(word) + sizeof(", ") > sizeof(note->text)) {
    note_end(note, inputs);
    used = 0;
  }
  (void)snprintf(note->text + used, sizeof(note->text) - used, "%s%s",
                 used > 0 ? ", " : note->beginning, word);
}

static void note_errors(const struct jc_profile *profile, struct inputs *inputs) {
  struct joined_note note = {"mean error of single layers, ten-fold: ", ""};
  for (uint32_t i = 0; i < profile->layer_error_count; i++) {
    const struct jc_layer_error *e = &profile->layer_errors[i];
    char word[64], percent[FORMAT_SIZE];
    (void)snprintf(word, sizeof(word), "%s %s", jc_kind_get(e->kind)->name,
                   format_percent(e->mape, percent, sizeof(percent)));
    note_join(&note, word, inputs);
  }
  note_end(&note, inputs);
}

static void note_unsampled(const struct jc_problem *problem, struct inputs *inputs) {
  struct joined_note nothing = {"0 J, since a forward pass computes nothing there: ", ""};
  struct joined_note others = {
      "in no sample, priced by the median joules per byte of the sampled kinds: ", ""};
  bool seen[JC_TYPE_COUNT] = {false};
  for (uint32_t i = 0; i < problem->analysis->network->layer_count; i++) {
    struct jc_feature_row row;
    double time_s, energy_j;
    jc_features(problem->analysis, i, JC_FORWARD, problem->run.batch_size, &row);
    const bool known = jc_linear_predict(problem->profile, &row, &time_s, &energy_j);
    if (seen[row.type] || (known && energy_j > 0))
      continue;
    seen[row.type] = true;
    note_join(energy_j > 0 ? &others : &nothing, jc_type_name(row.type), inputs);
  }
  note_end(&nothing, inputs);
  note_end(&others, inputs);
}

void forward_notes(const struct jc_problem *problem, const struct jc_method *method,
                   struct inputs *inputs) {
  const struct jc_profile *p = problem->profile;
  inputs_note(inputs, "for the machine of the profile, not this one: %s, %u CPUs, by %s",
              p->machine.cpu_model, p->machine.cpus, p->runner);
  if ((method->needs & JC_NEED_MAC_LINES) != 0)
    return;
  note_errors(p, inputs);
  note_unsampled(problem, inputs);
}
