/* methods.c -- running a method, the check of its needs, and the sum over layers.
 * Core: no heap, no I/O. */
#include "estimator/methods.h"

#include <string.h>

#include "estimator/counting.h"

enum jc_status jc_run_steps(const struct jc_run *run, struct jc_steps *steps,
                            struct jc_error *error) {
  bool overflow = false;
  const uint64_t batch = run->batch_size;
  const uint64_t per_epoch = run->samples / batch + (run->samples % batch != 0);
  const uint64_t val_per_epoch = run->val_samples / batch + (run->val_samples % batch != 0);
  const bool one_step = run->samples == 0;
  steps->training = one_step ? 1 : count_product(per_epoch, run->epochs, &overflow);
  const uint64_t every = run->validate_every > 0 ? run->validate_every : 1;
  steps->validation = one_step ? 0 : count_product(val_per_epoch, run->epochs / every, &overflow);
  if (overflow)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, "samples",
                   "%llu samples for %llu epochs make more steps than 64 bits count",
                   (unsigned long long)run->samples, (unsigned long long)run->epochs);
  return JC_OK;
}

/* ---- needs ---- */

static bool has_tdp(const struct jc_problem *problem) {
  return problem->hardware != NULL && !isnan(problem->hardware->tdp_w);
}

static bool has_roofline(const struct jc_problem *problem) {
  return problem->hardware != NULL &&
         !isnan(problem->hardware->peak_flops_per_s[problem->precision]) &&
         !isnan(problem->hardware->memory_bandwidth_bytes_per_s);
}

static bool has_profile(const struct jc_problem *problem) {
  return problem->profile != NULL;
}

static bool has_layerwise(const struct jc_problem *problem) {
  return problem->profile != NULL && problem->profile->layerwise.curve_count > 0;
}

static bool has_profile_or_hardware(const struct jc_problem *problem) {
  return has_profile(problem) || (has_roofline(problem) && has_tdp(problem));
}

static bool has_hardware(const struct jc_problem *problem) {
  return has_roofline(problem) && has_tdp(problem);
}

static bool has_duration(const struct jc_problem *problem) {
  return !isnan(problem->duration_s) || has_profile(problem) || has_roofline(problem);
}

static bool has_memory(const struct jc_problem *problem) {
  return problem->memory_bytes > 0;
}

static bool has_mac_lines(const struct jc_problem *problem) {
  return has_profile(problem) && problem->profile->mac_line_count > 0;
}

static const struct {
  enum jc_need need;
  bool (*given)(const struct jc_problem *problem);
  const char *missing;
} needs[] = {
    {JC_NEED_PROFILE, has_profile,
     "a profile of this machine; run `joulecast calibrate` or give one with --profile"},
    {JC_NEED_LAYERWISE, has_layerwise,
     "a profile with times of layers; run `joulecast calibrate` again, or use --method "
     "layerwise-linear"},
    {JC_NEED_HARDWARE, has_hardware,
     "peak FLOP/s, memory bandwidth and TDP; name a row with --hardware (`joulecast list "
     "hardware`)"},
    {JC_NEED_TDP, has_tdp, "a TDP; give --tdp-w, or name a row with --hardware"},
    {JC_NEED_PROFILE_OR_HARDWARE, has_profile_or_hardware,
     "a profile (`joulecast calibrate`) or a data row (--hardware)"},
    {JC_NEED_DURATION, has_duration,
     "a duration; give --hours, or --profile or --hardware to predict it"},
    {JC_NEED_MEMORY, has_memory, "the machine's memory; give --memory-gb"},
    {JC_NEED_MAC_LINES, has_mac_lines,
     "a profile of single layers (`joulecast calibrate fit`); give one with --profile"},
};

enum jc_status jc_method_check(const struct jc_method *method, const struct jc_problem *problem,
                               struct jc_error *error) {
  for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
    if ((method->needs & needs[i].need) != 0 && !needs[i].given(problem))
      return jc_fail(error, JC_ERROR_MISSING, 0, NULL, "method '%s' needs %s", method->name,
                     needs[i].missing);
  }
  if (has_profile(problem) && problem->profile->phase == JC_RUN_FORWARD &&
      problem->run.phase != JC_RUN_FORWARD && (method->needs & JC_NEED_MAC_LINES) == 0)
    return jc_fail(error, JC_ERROR_MISMATCH, 0, NULL,
                   "the profile is of forward passes only; give --phase forward");
  return JC_OK;
}

void jc_reset_estimate(const struct jc_method *method, const struct jc_problem *problem,
                       struct jc_estimate *estimate) {
  struct jc_layer_estimate *layers = estimate->layers;
  const struct jc_steps steps = estimate->steps;
  memset(estimate, 0, sizeof(*estimate));
  estimate->layers = layers;
  estimate->steps = steps;
  estimate->method = method->name;
  estimate->interval = problem->interval;
  estimate->energy_low_j = estimate->energy_high_j = NAN;
  estimate->time_low_s = estimate->time_high_s = NAN;
  estimate->energy_above_idle_j = NAN;
}

enum jc_status jc_estimate_run(const struct jc_method *method, const struct jc_problem *problem,
                               struct jc_estimate *estimate, struct jc_error *error) {
  jc_reset_estimate(method, problem, estimate);
  if (jc_run_steps(&problem->run, &estimate->steps, error) != JC_OK ||
      jc_method_check(method, problem, error) != JC_OK ||
      method->estimate(problem, estimate, error) != JC_OK)
    return error->status;
  estimate->power_w = estimate->energy_j / estimate->time_s;
  return JC_OK;
}

/* ---- the sum over layers ---- */

struct layer_prices {
  double time_s[JC_PHASE_COUNT];
  double energy_j[JC_PHASE_COUNT]; /* idle share included */
};

/* Prices one layer's step and returns the seconds that lie outside the model's knowledge. */
static double price_layer(const struct jc_problem *problem, const struct row_model *model,
                          uint32_t layer, struct layer_prices *prices) {
  const bool forward_only = problem->run.phase == JC_RUN_FORWARD;
  double outside_s = 0;
  memset(prices, 0, sizeof(*prices));
  if (forward_only && problem->analysis->network->layers[layer].training_only)
    return 0;
  for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
    struct jc_feature_row row;
    if (forward_only && phase != JC_FORWARD)
      break;
    jc_features(problem->analysis, layer, (enum jc_phase)phase, problem->run.batch_size, &row);
    if (row.count == 0)
      continue;
    const bool known = model->price(problem, &row, model->context, &prices->time_s[phase],
                                    &prices->energy_j[phase]);
    prices->energy_j[phase] += model->idle_power_w * prices->time_s[phase];
    outside_s += known ? 0 : prices->time_s[phase];
  }
  return outside_s;
}

static void add_phase(struct jc_estimate *estimate, enum jc_result_phase phase, double macs,
                      double time_s, double energy_j) {
  struct jc_phase_estimate *sum = &estimate->phases[phase];
  sum->macs += macs;
  sum->time_s += time_s;
  sum->energy_j += energy_j;
}

/* A stamp covers both backwards of a layer; they are told apart by their products. */
static double backward_data_share(const struct jc_cost *cost) {
  const double data = (double)cost->backward_data_macs,
               weights = (double)cost->backward_weights_macs;
  if (data + weights > 0)
    return data / (data + weights);
  return cost->input_needs_grad ? 1 : 0;
}

/* Books one layer's prices, times the steps, on phases, layer and totals. */
static void book_layer(const struct jc_problem *problem, uint32_t index,
                       const struct layer_prices *prices, struct jc_estimate *estimate) {
  const struct jc_cost *cost = &problem->analysis->layers[index];
  const bool training = problem->run.phase == JC_RUN_TRAINING;
  const bool forward_too = !problem->analysis->network->layers[index].training_only;
  const double steps = training || forward_too ? (double)estimate->steps.training : 0;
  const double validations = forward_too ? (double)estimate->steps.validation : 0;
  const double batch = cost->per_step ? 1 : (double)problem->run.batch_size;
  const double data = backward_data_share(cost);
  const double *t = prices->time_s, *e = prices->energy_j;
  struct jc_layer_estimate sum = {0};

  add_phase(estimate, JC_RESULT_FORWARD, steps * batch * (double)cost->macs, steps * t[JC_FORWARD],
            steps * e[JC_FORWARD]);
  if (training) {
    add_phase(estimate, JC_RESULT_BACKWARD_DATA, steps * batch * (double)cost->backward_data_macs,
              steps * data * t[JC_BACKWARD], steps * data * e[JC_BACKWARD]);
    add_phase(estimate, JC_RESULT_BACKWARD_WEIGHTS,
              steps * batch * (double)cost->backward_weights_macs,
              steps * (1 - data) * t[JC_BACKWARD], steps * (1 - data) * e[JC_BACKWARD]);
    add_phase(estimate, JC_RESULT_UPDATE, 0, steps * t[JC_UPDATE], steps * e[JC_UPDATE]);
  }
  add_phase(estimate, JC_RESULT_VALIDATION, validations * batch * (double)cost->macs,
            validations * t[JC_FORWARD], validations * e[JC_FORWARD]);

  for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
    sum.time_s += sum.phase_time_s[phase] = steps * t[phase];
    sum.energy_j += sum.phase_energy_j[phase] = steps * e[phase];
  }
  if (steps > 0) {
    estimate->time_per_step_s += sum.time_s / steps;
    estimate->energy_per_step_j += sum.energy_j / steps;
  }
  sum.time_s += validations * t[JC_FORWARD];
  sum.energy_j += validations * e[JC_FORWARD];
  estimate->time_s += sum.time_s;
  estimate->energy_j += sum.energy_j;
  if (estimate->layers != NULL)
    estimate->layers[index] = sum;
}

double jc_mean_idle_w(const struct jc_profile *profile) {
  return profile->idle_power_w * (1 + profile->mean_excess);
}

double jc_above_idle_j(const struct jc_profile *profile, double steps_s,
                       const struct jc_estimate *estimate) {
  return estimate->energy_j -
         profile->idle_power_w * (estimate->time_s + profile->mean_excess * steps_s);
}

void jc_add_overhead(struct jc_estimate *estimate, double time_s, double energy_j) {
  estimate->overhead_s += time_s;
  estimate->overhead_j += energy_j;
  estimate->time_s += time_s;
  estimate->energy_j += energy_j;
}

void jc_sum_layers(const struct jc_problem *problem, const struct row_model *model,
                   struct jc_estimate *estimate) {
  const struct jc_network *network = problem->analysis->network;
  double step_s = 0, outside_s = 0;
  for (uint32_t i = 0; i < network->layer_count; i++) {
    struct layer_prices prices;
    outside_s += price_layer(problem, model, i, &prices);
    book_layer(problem, i, &prices, estimate);
    step_s += prices.time_s[JC_FORWARD] + prices.time_s[JC_BACKWARD] + prices.time_s[JC_UPDATE];
  }
  const double steps = (double)estimate->steps.training + (double)estimate->steps.validation;
  const double overhead_j = model->step_overhead_j + model->idle_power_w * model->step_overhead_s;
  jc_add_overhead(estimate, steps * model->step_overhead_s, steps * overhead_j);
  estimate->time_per_step_s += model->step_overhead_s;
  estimate->energy_per_step_j += overhead_j;
  estimate->extrapolated_share = step_s > 0 ? outside_s / step_s : 0;
  estimate->resolves_layers = true;
}

/* A step this many times the largest sample's FLOPs or bytes is extrapolated as a whole. */
static const double step_margin = 4;

void jc_judge_step_size(const struct jc_problem *problem, struct jc_estimate *estimate) {
  if (problem->profile->phase == JC_RUN_FORWARD)
    return; /* its samples were layers, no steps */
  const double flops = jc_flops_per_step(problem) / problem->profile->flops_max;
  const double bytes = jc_step_bytes(&problem->analysis->totals, problem->run.batch_size) /
                       problem->profile->bytes_max;
  const double larger = flops > bytes ? flops : bytes;
  if (larger <= step_margin)
    return;
  estimate->extrapolated = true;
  add_note(estimate,
           "extrapolated: a step is %.0f times the largest calibrated one; the interval is doubled",
           larger);
}

void jc_set_interval_of(const struct jc_problem *problem, const double *time_widths,
                        const double *energy_widths, uint32_t networks,
                        struct jc_estimate *estimate) {
  for (size_t i = 0; i < sizeof(jc_interval_levels) / sizeof(jc_interval_levels[0]); i++) {
    if (fabs(jc_interval_levels[i] - problem->interval) > 1e-9)
      continue;
    const double widen = estimate->extrapolated ? 2 : 1;
    const double energy = widen * energy_widths[i];
    const double time = widen * time_widths[i];
    estimate->energy_low_j = estimate->energy_j * exp(-energy);
    estimate->energy_high_j = estimate->energy_j * exp(energy);
    estimate->time_low_s = estimate->time_s * exp(-time);
    estimate->time_high_s = estimate->time_s * exp(time);
    if (isnan(energy))
      add_note(estimate, "no %.0f %% interval: %u sample networks are too few for it",
               100 * problem->interval, networks);
  }
}

void jc_set_interval(const struct jc_problem *problem, struct jc_estimate *estimate) {
  if (estimate->energy_error.networks > 0 && estimate->time_error.networks > 0)
    jc_set_interval_of(problem, estimate->time_error.log_half_width,
                       estimate->energy_error.log_half_width, estimate->energy_error.networks,
                       estimate);
}

void jc_add_unknown_type(struct jc_unknown_types *unknown, uint16_t type) {
  const uint32_t bit = 1U << type % 32;
  if ((unknown->seen[type / 32] & bit) != 0)
    return;
  unknown->seen[type / 32] |= bit;
  if (unknown->count < JC_NAMED_TYPES)
    unknown->first[unknown->count] = type;
  unknown->count++;
}

void jc_note_unknown_types(const struct jc_unknown_types *unknown, struct jc_estimate *estimate) {
  char names[128] = "", more[24] = "";
  for (uint32_t i = 0; i < unknown->count && i < JC_NAMED_TYPES; i++) {
    const size_t used = strlen(names);
    snprintf(names + used, sizeof(names) - used, "%s%s", used > 0 ? ", " : "",
             jc_type_name(unknown->first[i]));
  }
  if (unknown->count > JC_NAMED_TYPES)
    snprintf(more, sizeof(more), " and %u more", unknown->count - JC_NAMED_TYPES);
  if (unknown->count > 0)
    add_note(estimate,
             "no sample network had layers of type %s%s: priced by the mean of all layers", names,
             more);
}

void jc_add_startup(const struct jc_problem *problem, struct jc_estimate *estimate) {
  const struct jc_profile *profile = problem->profile;
  const double startup_s = profile->startup_s[0] +
                           profile->startup_s[1] * (double)problem->analysis->network->layer_count +
                           profile->startup_s[2] * estimate->time_per_step_s;
  jc_add_overhead(estimate, startup_s, startup_s * profile->active_power_w);
}

static double forward_step_flops(const struct jc_problem *problem) {
  const struct jc_totals *totals = &problem->analysis->totals;
  return jc_step_count(totals->forward_flops, totals->per_step_forward_flops,
                       problem->run.batch_size);
}

double jc_flops_per_step(const struct jc_problem *problem) {
  return problem->run.phase == JC_RUN_TRAINING
             ? jc_step_flops(&problem->analysis->totals, problem->run.batch_size)
             : forward_step_flops(problem);
}

double jc_flops_of_run(const struct jc_problem *problem, const struct jc_steps *steps) {
  return (double)steps->training * jc_flops_per_step(problem) +
         (double)steps->validation * forward_step_flops(problem);
}

const char *jc_hardware_domain(const struct jc_hardware *hardware) {
  return strcmp(hardware->device, "gpu") == 0 ? "board" : "package";
}
