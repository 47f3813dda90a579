/* method_getzner.c -- forward joules of every layer by its kind's line in MACs, summed, and three
 * times that for a training step:
 *
 *   energy of a layer = a + b x MACs,  a and b of its kind, by ordinary least squares
 *
 * Getzner, Charpentier, Guennemann: Accuracy is not the Only Metric that Matters (2023), which is
 * of forward passes; that backward takes as much again twice is the usual rule (Kaplan et al. 2020,
 * arXiv 2001.08361, section 2.1). A kind without a line costs nothing, as published. */
#include <string.h>

#include "estimator/mac_lines.h"
#include "estimator/methods.h"

/* Of a forward pass; forward and twice that backward make the three. */
static const double passes[JC_PHASE_COUNT] = {[JC_FORWARD] = 1, [JC_BACKWARD] = 2};

static bool price(const struct jc_problem *problem, const struct jc_feature_row *row, void *context,
                  double *time_s, double *active_j) {
  const enum jc_layer_kind kind = problem->analysis->network->layers[row->layer].kind;
  const struct jc_mac_line *line = jc_mac_line_of(problem->profile, kind);
  (void)context;
  *time_s = *active_j = 0;
  if (line == NULL)
    return true;
  const double macs = jc_mac_line_macs(problem->analysis, row->layer, problem->run.batch_size);
  *time_s = passes[row->phase] * (line->time_s[0] + line->time_s[1] * macs);
  *active_j = passes[row->phase] * (line->energy_j[0] + line->energy_j[1] * macs);
  return true;
}

/* One note of all kinds that cost nothing, as far as it holds them. */
static void note_free_kinds(const struct jc_problem *problem, struct jc_estimate *estimate) {
  bool seen[JC_LAYER_KIND_COUNT] = {false};
  char names[JC_NOTE_BYTES - 48] = "";
  size_t used = 0;
  for (uint32_t i = 0; i < problem->analysis->network->layer_count; i++) {
    const enum jc_layer_kind kind = problem->analysis->network->layers[i].kind;
    if (seen[kind] || jc_mac_line_of(problem->profile, kind) != NULL)
      continue;
    seen[kind] = true;
    const int length = snprintf(names + used, sizeof(names) - used, "%s%s", used > 0 ? ", " : "",
                                jc_kind_get(kind)->name);
    used += (size_t)length < sizeof(names) - used ? (size_t)length : 0;
  }
  if (names[0] != '\0')
    add_note(estimate, "0 J, as published, since no sample was one: %s", names);
}

static enum jc_status estimate_run(const struct jc_problem *problem, struct jc_estimate *estimate,
                                   struct jc_error *error) {
  const struct row_model model = {.price = price};
  jc_sum_layers(problem, &model, estimate);
  if (!(estimate->energy_j > 0 && estimate->time_s > 0))
    return jc_fail(error, JC_ERROR_MISMATCH, 0, NULL,
                   "method 'getzner': its lines give %.3g J and %.3g s, which is no forecast: this "
                   "network is too small for them",
                   estimate->energy_j, estimate->time_s);
  note_free_kinds(problem, estimate);
  estimate->domain = problem->profile->domain;
  estimate->power_measured = problem->profile->measured;
  return JC_OK;
}

const struct jc_method jc_method_getzner = {
    .name = "getzner",
    .summary = "per layer kind: joules of a forward pass linear in MACs; training is three",
    .source = "Getzner et al. 2023; ordinary least squares on forward passes of single layers",
    .needs = JC_NEED_PROFILE | JC_NEED_MAC_LINES,
    .estimate = estimate_run,
};
