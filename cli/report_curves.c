/* report_curves.c -- the rooflines of a profile, their watts, and the joules derived from both. */
#include "cli/report_curves.h"

#include <math.h>

#include "cli/records.h"

void report_watts(const struct jc_profile *profile, FILE *out) {
  fprintf(out, "  watts above %.4g W idle:", profile->idle_power_w);
  for (int g = 0; g < JC_POWER_GROUP_COUNT; g++)
    fprintf(out, "%s %s %.4g", g > 0 ? "," : "", jc_power_group_name((enum jc_power_group)g),
            profile->layerwise.power_w[g]);
  fprintf(out, "\n");
}

const char *short_phase_name(enum jc_phase phase) {
  static const char *const names[] = {
      [JC_FORWARD] = "fwd", [JC_BACKWARD] = "bwd", [JC_UPDATE] = "upd"};
  return names[phase];
}

/* Curves with a FLOP term are those of products: only their rows have FLOPs. */
static enum jc_power_group group_of(const struct jc_curve *curve) {
  return jc_power_group_of(curve->phase, curve->flops_max);
}

/* A coefficient times SCALE; a term that the curve does not have is absent. */
static void record_term(struct records *records, double coefficient, double scale) {
  record_real(records, coefficient > 0 ? scale * coefficient : NAN);
}

static void start_row(struct records *records, const struct jc_curve *curve) {
  const char *order = jc_order_name(curve->order);
  record_text(records, jc_type_name(curve->type));
  record_text(records, order[0] != '\0' ? order : NULL);
  record_text(records, short_phase_name(curve->phase));
}

#define CURVE_COLUMNS                                                                              \
  {"type", "layer type", VALUE_TEXT, true, NULL, NULL},                                            \
      {"order", "order", VALUE_TEXT, false, NULL, NULL}, {                                         \
    "phase", "", VALUE_TEXT, false, NULL, NULL                                                     \
  }

static void print_seconds(const struct jc_layerwise *model, FILE *out) {
  static const struct column columns[] = {
      CURVE_COLUMNS,
      {"networks", "n", VALUE_COUNT, false, NULL, NULL},
      {"time_per_call_us", "us/call", VALUE_REAL, false, NULL, NULL},
      {"time_per_gflop_ms", "ms/GFLOP", VALUE_REAL, false, NULL, NULL},
      {"time_per_gb_ms", "ms/GB", VALUE_REAL, false, NULL, NULL},
  };
  struct records records;
  records_start(&records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < model->curve_count; i++) {
    const struct jc_curve *curve = &model->curves[i];
    start_row(&records, curve);
    record_count(&records, curve->networks);
    record_term(&records, curve->call_s, 1e6 * model->kappa);
    record_term(&records, curve->flop_s, 1e12 * model->kappa);
    record_term(&records, curve->byte_s, 1e12 * model->kappa);
  }
  records_print(&records, out);
  records_free(&records);
}

/* A MAC is 2 FLOPs. */
static void print_joules(const struct jc_layerwise *model, FILE *out) {
  static const struct column columns[] = {
      CURVE_COLUMNS,
      {"group", "group", VALUE_TEXT, false, NULL, NULL},
      {"power_w", "W", VALUE_REAL, false, NULL, NULL},
      {"energy_per_call_uj", "uJ/call", VALUE_REAL, false, NULL, NULL},
      {"energy_per_gmac_mj", "mJ/GMAC", VALUE_REAL, false, NULL, NULL},
      {"energy_per_gb_mj", "mJ/GB", VALUE_REAL, false, NULL, NULL},
  };
  struct records records;
  records_start(&records, columns, COLUMN_COUNT(columns));
  for (uint32_t i = 0; i < model->curve_count; i++) {
    const struct jc_curve *curve = &model->curves[i];
    const enum jc_power_group group = group_of(curve);
    const double power_w = jc_layerwise_active_w(model, group);
    start_row(&records, curve);
    record_text(&records, jc_power_group_name(group));
    record_real(&records, power_w);
    record_term(&records, curve->call_s, 1e6 * model->kappa * power_w);
    record_term(&records, curve->flop_s, 2e12 * model->kappa * power_w);
    record_term(&records, curve->byte_s, 1e12 * model->kappa * power_w);
  }
  records_print(&records, out);
  records_free(&records);
}

void report_curves(const struct jc_profile *profile, FILE *out) {
  const struct jc_layerwise *model = &profile->layerwise;
  if (model->curve_count == 0)
    return;
  fprintf(out,
          "\nmethod layerwise: seconds by roofline (call + the larger of FLOPs and bytes), to\n"
          "which the shape adds its residual (n: networks that had the type)\n");
  print_seconds(model, out);
  fprintf(out, "\nderived, not measured: joules above idle, as watts of the group x seconds\n");
  report_watts(profile, out);
  fprintf(out, "  a mean step beyond the median one: %+.2g %% time, %+.2g %% work\n",
          100 * profile->mean_excess, 100 * model->busy_excess);
  print_joules(model, out);
}
