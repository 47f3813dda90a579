/* report_calibrate.c -- the table of coefficients, with units and errors. */
#include "cli/report_calibrate.h"

#include <math.h>

#include "calibrate/measure.h"
#include "cli/common.h"
#include "cli/format.h"
#include "cli/report_curves.h"
#include "cli/report_meter.h"

/* "; N WHAT", if there are any. */
static void print_count(uint32_t count, const char *what, FILE *out) {
  if (count > 0)
    fprintf(out, "; %u %s", count, what);
}

/* What the samples were measured under, and what was done about what went wrong meanwhile. */
static void print_discipline(const struct jc_calibrate_result *r, FILE *out) {
  char load[FORMAT_SIZE], idle[FORMAT_SIZE], drift[FORMAT_SIZE];
  fprintf(out, "  conditions: priority %s, pinning %s, load of others %s", r->priority, r->pinning,
          format_percent(r->load, load, sizeof(load)));
  print_count(r->repeated, "windows measured twice at once", out);
  print_count(r->remeasured, "networks measured again", out);
  print_count(r->outliers, "steps held up, in no median", out);
  if (r->sentinel_moves > 0)
    fprintf(out, "; the machine's speed changed by 5 %% or more in %u of %u checks",
            r->sentinel_moves, r->sentinel_checks);
  fprintf(out, "\n");
  if (!r->meter.measured)
    return;
  fprintf(out, "  energy: idle %s, moved by up to %s; %u networks in long windows",
          format_power(r->idle_power_w, idle, sizeof(idle)),
          format_percent(r->idle_drift, drift, sizeof(drift)), r->energy_networks);
  print_count(r->energy_unsettled, "of them known to no better than 2 %", out);
  print_count(r->energy_dropped, "windows dropped", out);
  fprintf(out, "\n");
}

void report_measured(const struct jc_calibrate_result *result, const char *samples_path,
                     FILE *out) {
  const uint32_t finished = result->resumed + result->trained;
  fprintf(out, "samples: %u of %u networks", finished, result->planned);
  if (result->resumed > 0)
    fprintf(out, ", %u of them from before", result->resumed);
  print_count(result->disturbed, "disturbed by other processes", out);
  fprintf(out, "\n  in %s", samples_path);
  print_count(result->foreign, "samples in it are of no network of this plan", out);
  if (result->torn)
    fprintf(out, "; a last line that was cut off is removed");
  fprintf(out, "\n");
  print_discipline(result, out);
  report_meter(&result->meter, out);
  if (result->trained == 0 && !result->stopped)
    fprintf(out, "  nothing was left to measure; --fresh begins anew\n");
  else if (finished < result->planned)
    fprintf(out, "  `joulecast calibrate` with the same options goes on from there\n");
}

static void print_coefficients(const struct jc_profile *profile, FILE *out) {
  static const struct column columns[] = {
      {"type", "layer type", VALUE_TEXT, true, NULL, NULL},
      {"phase", "", VALUE_TEXT, false, NULL, NULL},
      {"networks", "n", VALUE_COUNT, false, NULL, NULL},
      {"time_per_call_us", "us/call", VALUE_REAL, false, NULL, NULL},
      {"time_per_flop_ps", "ps/FLOP", VALUE_REAL, false, NULL, NULL},
      {"time_per_byte_ps", "ps/B", VALUE_REAL, false, NULL, NULL},
      {"energy_per_call_uj", "uJ/call", VALUE_REAL, false, NULL, NULL},
      {"energy_per_flop_pj", "pJ/FLOP", VALUE_REAL, false, NULL, NULL},
      {"energy_per_byte_pj", "pJ/B", VALUE_REAL, false, NULL, NULL},
  };
  static const double scale[JC_LINEAR_FEATURES] = {1e6, 1e12, 1e12};
  struct records records;
  records_start(&records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < profile->coefficient_count; i++) {
    const struct jc_coefficient *c = &profile->coefficients[i];
    record_text(&records, jc_type_name(c->type));
    record_text(&records, short_phase_name(c->phase));
    record_count(&records, c->networks);
    for (int f = 0; f < JC_LINEAR_FEATURES; f++)
      record_real(&records, scale[f] * c->time_s[f]);
    for (int f = 0; f < JC_LINEAR_FEATURES; f++)
      record_real(&records, scale[f] * c->energy_j[f]);
  }
  records_print(&records, out);
  records_free(&records);
}

static void print_conditions(const struct jc_profile *p, const struct jc_fit_report *report,
                             FILE *out) {
  char idle[FORMAT_SIZE], active[FORMAT_SIZE], load[FORMAT_SIZE];
  fprintf(out, "\n%s, %u CPUs, %s\n", p->machine.cpu_model, p->machine.cpus, p->machine.isa);
  fprintf(out, "  runner     %s %s, %s, %u thread%s\n", p->runner, p->runner_version,
          jc_precision_name(p->precision), p->threads, p->threads == 1 ? "" : "s");
  fprintf(out, "  power      %s idle, %s training, of the %s\n",
          format_power(p->idle_power_w, idle, sizeof(idle)),
          format_power(p->active_power_w, active, sizeof(active)), p->domain);
  fprintf(out, "  meter      %s: %s\n", p->meter,
          p->measured ? "measured" : "modelled, not measured");
  fprintf(out, "  networks   %u fitted of %u samples", report->used, report->samples);
  if (report->disturbed > 0)
    fprintf(out, ", %u left out as disturbed", report->disturbed);
  fprintf(out, "%s\n", report->torn_line ? "; a torn last line was ignored" : "");
  if (p->load > JC_TOLERATED_LOAD || p->forced)
    fprintf(out, "  load       other processes used %s of the machine%s\n",
            format_percent(p->load, load, sizeof(load)), p->forced ? ": forced" : "");
}

static void print_errors(const char *method, const struct jc_error_summary *time,
                         const struct jc_error_summary *energy, FILE *out) {
  if (time->networks == 0)
    return; /* not fitted */
  fprintf(out, "%s\n", method);
  print_error_summary("time", time, out);
  print_error_summary("energy", energy, out);
}

void report_profile(const struct jc_profile *profile, const struct jc_fit_report *report,
                    const char *path, FILE *out) {
  print_conditions(profile, report, out);
  fprintf(out, "\nlayerwise-linear: seconds, and joules above idle (n: networks with the type)\n");
  print_coefficients(profile, out);
  report_curves(profile, out);
  fprintf(out, "\nerror, each network predicted from the others (%u networks)\n",
          profile->time_error.networks);
  print_errors("layerwise, what `estimate` uses", &profile->layerwise_time_error,
               &profile->layerwise_energy_error, out);
  print_errors("layerwise-linear, the table above", &profile->time_error, &profile->energy_error,
               out);
  print_errors("flops, one constant for all layers", &profile->flops_time_error,
               &profile->flops_energy_error, out);
  fprintf(out, "\nprofile: %s\n", path);
  fprintf(out, "  `joulecast calibrate check -p PROFILE` tells whether to trust it\n");
}
