/* profile_file.c -- struct jc_profile to and from JSON. */
#include "estimator/profile_file.h"

#include <stdlib.h>
#include <string.h>

#include "estimator/file_io.h"
#include "estimator/json.h"
#include "estimator/mac_lines.h"
#include "estimator/profile_layerwise.h"
#include "estimator/record_json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char schema[] = "joulecast.profile/1";

static const char *const feature_names[JC_LINEAR_FEATURES] = {"count", "flops", "bytes"};
/* The same, as units of a coefficient. */
static const char *const per_feature[JC_LINEAR_FEATURES] = {"per_call", "per_flop", "per_byte"};

/* Sanity bounds: no coefficient, time or error of a working calibration comes near them, and no
 * product of two of them leaves a double. */
static const double largest_cost = 1e12;  /* s, J, W */
static const double largest_count = 1e24; /* FLOPs or bytes of a step */
static const double largest_error = 1e9;  /* relative */

/* ---- the coefficient table ---- */

static const struct {
  const char *key;
  size_t offset;
  bool may_be_unknown; /* interval bounds, where too few networks were there to resample */
} vectors[] = {
    {"time_s", offsetof(struct jc_coefficient, time_s), false},
    {"time_low_s", offsetof(struct jc_coefficient, time_low_s), true},
    {"time_high_s", offsetof(struct jc_coefficient, time_high_s), true},
    {"energy_j", offsetof(struct jc_coefficient, energy_j), false},
    {"energy_low_j", offsetof(struct jc_coefficient, energy_low_j), true},
    {"energy_high_j", offsetof(struct jc_coefficient, energy_high_j), true},
};

static void put_coefficient(struct jc_json_writer *writer, const struct jc_coefficient *c) {
  jc_put_object(writer, NULL);
  jc_put_string(writer, "type", jc_type_name(c->type));
  jc_put_string(writer, "phase", jc_phase_name(c->phase));
  jc_put_uint(writer, "networks", c->networks);
  for (size_t v = 0; v < COUNT(vectors); v++) {
    double values[JC_LINEAR_FEATURES];
    memcpy(values, (const char *)c + vectors[v].offset, sizeof(values));
    jc_put_inline_object(writer, vectors[v].key);
    for (int i = 0; i < JC_LINEAR_FEATURES; i++)
      jc_put_real(writer, per_feature[i], values[i]);
    jc_put_end(writer);
  }
  jc_put_real(writer, "flops_min", c->flops_min);
  jc_put_real(writer, "flops_max", c->flops_max);
  jc_put_real(writer, "bytes_min", c->bytes_min);
  jc_put_real(writer, "bytes_max", c->bytes_max);
  if (c->bytes_above > 0)
    jc_put_real(writer, "bytes_above", c->bytes_above);
  jc_put_end(writer);
}

static void get_vector(const struct jc_json_node *node, bool may_be_unknown,
                       double values[JC_LINEAR_FEATURES], struct jc_error *error) {
  jc_json_only_keys(node, per_feature, JC_LINEAR_FEATURES, error);
  for (int i = 0; i < JC_LINEAR_FEATURES; i++) {
    const struct jc_json_node *value = jc_json_need(node, per_feature[i], error);
    if (may_be_unknown)
      jc_json_get_real_or_nan(value, 0, largest_cost, &values[i], error);
    else
      jc_json_get_real(value, 0, largest_cost, &values[i], error);
  }
}

static void get_range(const struct jc_json_node *node, const char *min_key, const char *max_key,
                      double *minimum, double *maximum, struct jc_error *error) {
  jc_json_get_real(jc_json_need(node, min_key, error), 0, largest_count, minimum, error);
  jc_json_get_real(jc_json_need(node, max_key, error), *minimum, largest_count, maximum, error);
}

static void get_type_and_phase(const struct jc_json_node *node, struct jc_coefficient *c,
                               struct jc_error *error) {
  const char *type = NULL;
  const char *phases[JC_PHASE_COUNT];
  size_t phase = 0;
  const struct jc_json_node *type_node = jc_json_need(node, "type", error);
  for (int p = 0; p < JC_PHASE_COUNT; p++)
    phases[p] = jc_phase_name((enum jc_phase)p);
  if (jc_json_get_string(type_node, &type, error) != JC_OK)
    return;
  c->type = jc_type_find(type);
  if (c->type == JC_TYPE_COUNT)
    jc_json_fail(type_node, error, "expected a name of `types`, got \"%.40s\"", type);
  jc_json_get_choice(jc_json_need(node, "phase", error), phases, JC_PHASE_COUNT, &phase, error);
  c->phase = (enum jc_phase)phase;
}

static void get_coefficient(const struct jc_json_node *node, struct jc_coefficient *c,
                            struct jc_error *error) {
  static const char *const keys[] = {"type",          "phase",       "networks",  "time_s",
                                     "time_low_s",    "time_high_s", "energy_j",  "energy_low_j",
                                     "energy_high_j", "flops_min",   "flops_max", "bytes_min",
                                     "bytes_max",     "bytes_above"};
  const struct jc_json_node *above = jc_json_known(node, "bytes_above");
  jc_json_only_keys(node, keys, COUNT(keys), error);
  get_type_and_phase(node, c, error);
  jc_json_get_uint32(jc_json_need(node, "networks", error), 0, UINT32_MAX, &c->networks, error);
  for (size_t v = 0; v < COUNT(vectors); v++) {
    double values[JC_LINEAR_FEATURES] = {0};
    get_vector(jc_json_need(node, vectors[v].key, error), vectors[v].may_be_unknown, values, error);
    memcpy((char *)c + vectors[v].offset, values, sizeof(values));
  }
  get_range(node, "flops_min", "flops_max", &c->flops_min, &c->flops_max, error);
  get_range(node, "bytes_min", "bytes_max", &c->bytes_min, &c->bytes_max, error);
  c->bytes_above = 0;
  if (above != NULL)
    jc_json_get_real(above, 0, largest_count, &c->bytes_above, error);
}

/* Whether C is for smaller layers of the same type and phase than the row before it. */
static bool goes_on(const struct jc_coefficient *c) {
  return c[-1].type == c->type && c[-1].phase == c->phase && c[-1].bytes_above > c->bytes_above;
}

static void get_coefficients(const struct jc_json_node *list, struct jc_profile *profile,
                             struct jc_error *error) {
  bool seen[JC_TYPE_COUNT][JC_PHASE_COUNT] = {{false}};
  const struct jc_json_node *node = jc_json_items(list, JC_MAX_COEFFICIENTS, error);
  for (; node != NULL && !jc_error_is_set(error); node = jc_json_next(node)) {
    struct jc_coefficient *c = &profile->coefficients[profile->coefficient_count++];
    get_coefficient(node, c, error);
    if (jc_error_is_set(error))
      return;
    if (seen[c->type][c->phase] && !goes_on(c))
      jc_json_fail(node, error, "coefficients of %s %s are given twice", jc_type_name(c->type),
                   jc_phase_name(c->phase));
    seen[c->type][c->phase] = true;
  }
}

/* ---- errors of the methods ---- */

static const char *const level_keys[3] = {"0.5", "0.8", "0.9"}; /* jc_interval_levels */

static void put_summary(struct jc_json_writer *writer, const char *key,
                        const struct jc_error_summary *summary) {
  jc_put_object(writer, key);
  jc_put_uint(writer, "networks", summary->networks);
  jc_put_real(writer, "mape", summary->mape);
  jc_put_real(writer, "median", summary->median);
  jc_put_real(writer, "p90", summary->p90);
  jc_put_real(writer, "worst", summary->worst);
  jc_put_real(writer, "bias", summary->bias);
  jc_put_inline_object(writer, "log_half_width");
  for (size_t i = 0; i < COUNT(level_keys); i++)
    jc_put_real(writer, level_keys[i], summary->log_half_width[i]);
  jc_put_end(writer);
  jc_put_end(writer);
}

static void get_summary(const struct jc_json_node *node, uint32_t least_networks,
                        struct jc_error_summary *summary, struct jc_error *error) {
  static const char *const keys[] = {"networks", "mape", "median",        "p90",
                                     "worst",    "bias", "log_half_width"};
  const double e = largest_error;
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_uint32(jc_json_need(node, "networks", error), least_networks, UINT32_MAX,
                     &summary->networks, error);
  jc_json_get_real_or_nan(jc_json_need(node, "mape", error), 0, e, &summary->mape, error);
  jc_json_get_real_or_nan(jc_json_need(node, "median", error), 0, e, &summary->median, error);
  jc_json_get_real_or_nan(jc_json_need(node, "p90", error), 0, e, &summary->p90, error);
  jc_json_get_real_or_nan(jc_json_need(node, "worst", error), 0, e, &summary->worst, error);
  jc_json_get_real_or_nan(jc_json_need(node, "bias", error), -e, e, &summary->bias, error);
  const struct jc_json_node *widths = jc_json_need(node, "log_half_width", error);
  jc_json_only_keys(widths, level_keys, COUNT(level_keys), error);
  for (size_t i = 0; i < COUNT(level_keys); i++)
    jc_json_get_real_or_nan(jc_json_need(widths, level_keys[i], error), 0, 100,
                            &summary->log_half_width[i], error);
}

static const struct {
  const char *method;
  size_t time_offset, energy_offset;
  bool optional; /* where the method was not fitted */
} summaries[] = {
    {"layerwise", offsetof(struct jc_profile, layerwise_time_error),
     offsetof(struct jc_profile, layerwise_energy_error), true},
    {"layerwise-linear", offsetof(struct jc_profile, time_error),
     offsetof(struct jc_profile, energy_error), false},
    {"flops", offsetof(struct jc_profile, flops_time_error),
     offsetof(struct jc_profile, flops_energy_error), false},
};

static void put_summaries(struct jc_json_writer *writer, const struct jc_profile *profile) {
  const char *base = (const char *)profile;
  jc_put_object(writer, "errors");
  for (size_t i = 0; i < COUNT(summaries); i++) {
    struct jc_error_summary summary;
    memcpy(&summary, base + summaries[i].time_offset, sizeof(summary));
    if (summaries[i].optional && summary.networks == 0)
      continue;
    jc_put_object(writer, summaries[i].method);
    put_summary(writer, "time", &summary);
    memcpy(&summary, base + summaries[i].energy_offset, sizeof(summary));
    put_summary(writer, "energy", &summary);
    jc_put_end(writer);
  }
  jc_put_end(writer);
}

static void get_summaries(const struct jc_json_node *node, struct jc_profile *profile,
                          struct jc_error *error) {
  static const char *const quantities[] = {"time", "energy"};
  const char *methods[COUNT(summaries)];
  char *base = (char *)profile;
  for (size_t i = 0; i < COUNT(summaries); i++)
    methods[i] = summaries[i].method;
  jc_json_only_keys(node, methods, COUNT(methods), error);
  for (size_t i = 0; i < COUNT(summaries); i++) {
    struct jc_error_summary summary = {0};
    if (summaries[i].optional && jc_json_member(node, methods[i]) == NULL)
      continue;
    const struct jc_json_node *method = jc_json_need(node, methods[i], error);
    const uint32_t least = summaries[i].optional ? 1 : 0; /* it would not be there */
    jc_json_only_keys(method, quantities, COUNT(quantities), error);
    get_summary(jc_json_need(method, "time", error), least, &summary, error);
    memcpy(base + summaries[i].time_offset, &summary, sizeof(summary));
    get_summary(jc_json_need(method, "energy", error), least, &summary, error);
    memcpy(base + summaries[i].energy_offset, &summary, sizeof(summary));
  }
}

/* ---- what single layers were wrong by, of a profile of forward passes ---- */

static const struct {
  const char *key;
  size_t offset;
  double minimum, maximum;
} layer_numbers[] = {
    {"mape", offsetof(struct jc_layer_error, mape), 0, 1e9},
    {"median", offsetof(struct jc_layer_error, median), 0, 1e9},
    {"bias", offsetof(struct jc_layer_error, bias), -1e9, 1e9},
    {"worst", offsetof(struct jc_layer_error, worst), 0, 1e9},
    {"r2", offsetof(struct jc_layer_error, r2), -1e18, 1},
    {"time_mape", offsetof(struct jc_layer_error, time_mape), 0, 1e9},
};

/* A profile of training, as nearly all are, says nothing of this. */
static void put_layer_errors(struct jc_json_writer *writer, const struct jc_profile *profile) {
  if (profile->phase != JC_RUN_FORWARD)
    return;
  jc_put_string(writer, "phase", "forward");
  jc_put_array(writer, "layer_errors");
  for (uint32_t i = 0; i < profile->layer_error_count; i++) {
    const struct jc_layer_error *e = &profile->layer_errors[i];
    jc_put_inline_object(writer, NULL);
    jc_put_string(writer, "kind", jc_kind_get(e->kind)->name);
    jc_put_uint(writer, "samples", e->samples);
    for (size_t k = 0; k < COUNT(layer_numbers); k++) {
      double value;
      memcpy(&value, (const char *)e + layer_numbers[k].offset, sizeof(value));
      jc_put_real(writer, layer_numbers[k].key, value);
    }
    jc_put_end(writer);
  }
  jc_put_end(writer);
}

static void get_layer_error(const struct jc_json_node *node, struct jc_layer_error *e,
                            struct jc_error *error) {
  static const char *const keys[] = {"kind", "samples", "mape", "median",
                                     "bias", "worst",   "r2",   "time_mape"};
  const char *kind = NULL;
  const struct jc_json_node *kind_node = jc_json_need(node, "kind", error);
  jc_json_only_keys(node, keys, COUNT(keys), error);
  if (jc_json_get_string(kind_node, &kind, error) == JC_OK)
    e->kind = jc_kind_find(kind);
  if (kind != NULL && e->kind == JC_LAYER_KIND_COUNT)
    jc_json_fail(kind_node, error, "expected a layer type (`joulecast list layers`), got \"%.40s\"",
                 kind);
  jc_json_get_uint32(jc_json_need(node, "samples", error), 0, UINT32_MAX, &e->samples, error);
  for (size_t k = 0; k < COUNT(layer_numbers); k++) {
    double value = 0;
    jc_json_get_real_or_nan(jc_json_need(node, layer_numbers[k].key, error),
                            layer_numbers[k].minimum, layer_numbers[k].maximum, &value, error);
    memcpy((char *)e + layer_numbers[k].offset, &value, sizeof(value));
  }
}

static void get_layer_errors(const struct jc_json_node *root, struct jc_profile *profile,
                             struct jc_error *error) {
  static const char *const phases[] = {"training", "forward"}; /* enum jc_run_phase */
  size_t phase = JC_RUN_TRAINING;
  jc_json_get_choice(jc_json_known(root, "phase"), phases, COUNT(phases), &phase, error);
  profile->phase = (enum jc_run_phase)phase;
  if (profile->phase != JC_RUN_FORWARD)
    return;
  const struct jc_json_node *list = jc_json_need(root, "layer_errors", error);
  const struct jc_json_node *node = jc_json_items(list, JC_LAYER_KIND_COUNT, error);
  for (; node != NULL && !jc_error_is_set(error); node = jc_json_next(node))
    get_layer_error(node, &profile->layer_errors[profile->layer_error_count++], error);
}

/* ---- the names that must be the program's ---- */

/* The layer types of this program, in order; at most JC_TYPE_COUNT. */
static size_t type_names(const char *names[JC_TYPE_COUNT]) {
  size_t count = 0;
  for (uint16_t type = 0; type < (uint16_t)JC_TYPE_COUNT; type++) {
    if (jc_type_name(type) != NULL)
      names[count++] = jc_type_name(type);
  }
  return count;
}

static void put_names(struct jc_json_writer *writer, const char *key, const char *const *names,
                      size_t count) {
  jc_put_inline_array(writer, key);
  for (size_t i = 0; i < count; i++)
    jc_put_string(writer, NULL, names[i]);
  jc_put_end(writer);
}

static void append(char *text, size_t size, const char *separator, const char *word) {
  const size_t used = strlen(text);
  snprintf(text + used, size - used, "%s%s", used > 0 ? separator : "", word);
}

enum { MAX_NAMES = 4096 };

static enum jc_status check_list(const struct jc_json_node *list, struct jc_error *error) {
  const char *name;
  const struct jc_json_node *n = jc_json_items(list, MAX_NAMES, error);
  for (; n != NULL; n = jc_json_next(n))
    jc_json_get_string(n, &name, error);
  return error->status;
}

static bool list_contains(const struct jc_json_node *list, const char *name) {
  for (const struct jc_json_node *n = jc_json_first(list); n != NULL; n = jc_json_next(n)) {
    if (strcmp(jc_json_string(n), name) == 0)
      return true;
  }
  return false;
}

static void check_features(const struct jc_json_node *list, struct jc_error *error) {
  char theirs[160] = "", ours[160] = "";
  int i = 0;
  if (check_list(list, error) != JC_OK)
    return;
  bool same = jc_json_length(list) == JC_LINEAR_FEATURES;
  for (const struct jc_json_node *n = jc_json_first(list); n != NULL; n = jc_json_next(n), i++) {
    append(theirs, sizeof(theirs), ", ", jc_json_string(n));
    same = same && i < JC_LINEAR_FEATURES && strcmp(jc_json_string(n), feature_names[i]) == 0;
  }
  for (i = 0; i < JC_LINEAR_FEATURES; i++)
    append(ours, sizeof(ours), ", ", feature_names[i]);
  if (!same)
    jc_json_fail_as(list, JC_ERROR_MISMATCH, error,
                    "the profile's features are [%s], this program's are [%s]; calibrate again",
                    theirs, ours);
}

/* A kind that is new to this program does not change what the profile's types stand for, and is
 * extrapolated like any type that no sample had. A type that only one side knows of a kind that
 * both know does: its layers are counted under another name there. The lists are long, so only what
 * one of them lacks is named. */
static void check_types(const struct jc_json_node *list, struct jc_error *error) {
  char theirs[160] = "", ours[160] = "";
  if (check_list(list, error) != JC_OK)
    return;
  for (const struct jc_json_node *n = jc_json_first(list); n != NULL; n = jc_json_next(n)) {
    if (jc_type_find(jc_json_string(n)) == JC_TYPE_COUNT)
      append(theirs, sizeof(theirs), ", ", jc_json_string(n));
  }
  for (uint16_t type = 0; type < (uint16_t)JC_TYPE_COUNT; type++) {
    const uint16_t kind = (uint16_t)(type - type % JC_MAX_VARIANTS);
    const bool known = type >= JC_TYPE_UPDATE || list_contains(list, jc_type_name(kind));
    if (jc_type_name(type) != NULL && known && !list_contains(list, jc_type_name(type)))
      append(ours, sizeof(ours), ", ", jc_type_name(type));
  }
  if (theirs[0] != '\0' || ours[0] != '\0')
    jc_json_fail_as(list, JC_ERROR_MISMATCH, error,
                    "layer types differ: only in the profile [%s], only in this program [%s]; "
                    "calibrate again",
                    theirs, ours);
}

/* ---- the whole ---- */

static void put_environment(struct jc_json_writer *writer, const struct jc_profile *profile) {
  struct jc_runner_facts runner;
  struct jc_meter_facts meter = {.measured = profile->measured};
  snprintf(runner.name, sizeof(runner.name), "%s", profile->runner);
  snprintf(runner.version, sizeof(runner.version), "%s", profile->runner_version);
  snprintf(meter.name, sizeof(meter.name), "%s", profile->meter);
  snprintf(meter.domain, sizeof(meter.domain), "%s", profile->domain);

  jc_put_string(writer, "date", profile->date);
  jc_put_machine(writer, "machine", &profile->machine);
  jc_put_runner(writer, "runner", &runner);
  jc_put_string(writer, "precision", jc_precision_name(profile->precision));
  jc_put_uint(writer, "threads", profile->threads);
  jc_put_real(writer, "load", profile->load);
  jc_put_bool(writer, "forced", profile->forced);
  jc_put_meter(writer, "meter", &meter);
}

static void get_environment(const struct jc_json_node *root, struct jc_profile *profile,
                            struct jc_error *error) {
  struct jc_runner_facts runner = {.name = ""};
  struct jc_meter_facts meter = {.name = ""};
  const struct jc_json_node *machine = jc_json_need(root, "machine", error);
  jc_json_copy_string(jc_json_need(root, "date", error), profile->date, sizeof(profile->date),
                      error);
  jc_json_get_machine(machine, &profile->machine, error);
  /* A run file may leave these out; a profile is compared by them. */
  jc_json_want(jc_json_need(machine, "cpus", error), JC_JSON_NUMBER, error);
  jc_json_want(jc_json_need(machine, "isa", error), JC_JSON_STRING, error);
  jc_json_get_runner(jc_json_need(root, "runner", error), &runner, error);
  jc_json_get_precision(jc_json_need(root, "precision", error), &profile->precision, error);
  jc_json_get_uint32(jc_json_need(root, "threads", error), 1, 1 << 20, &profile->threads, error);
  jc_json_get_real_or_nan(jc_json_need(root, "load", error), 0, 1, &profile->load, error);
  jc_json_get_bool(jc_json_need(root, "forced", error), &profile->forced, error);
  jc_json_get_meter(jc_json_need(root, "meter", error), &meter, error);

  snprintf(profile->runner, sizeof(profile->runner), "%s", runner.name);
  snprintf(profile->runner_version, sizeof(profile->runner_version), "%s", runner.version);
  snprintf(profile->meter, sizeof(profile->meter), "%s", meter.name);
  snprintf(profile->domain, sizeof(profile->domain), "%s", meter.domain);
  profile->measured = meter.measured;
}

/* Start-up of a run: seconds, seconds per layer, and seconds in units of a step's. */
static const char *const startup_keys[3] = {"constant_s", "per_layer_s", "step_times"};

/* Single numbers of the profile itself; none may be unknown. */
static const struct {
  const char *key;
  size_t offset;
  double maximum;
} numbers[] = {
    {"idle_power_w", offsetof(struct jc_profile, idle_power_w), 1e12},
    {"active_power_w", offsetof(struct jc_profile, active_power_w), 1e12},
    {"flops_max", offsetof(struct jc_profile, flops_max), 1e24},
    {"bytes_max", offsetof(struct jc_profile, bytes_max), 1e24},
    {"energy_per_flop_j", offsetof(struct jc_profile, energy_per_flop_j), 1e12},
    {"time_per_flop_s", offsetof(struct jc_profile, time_per_flop_s), 1e12},
};

static void put_numbers(struct jc_json_writer *writer, const struct jc_profile *profile) {
  jc_put_uint(writer, "sample_networks", profile->sample_networks);
  for (size_t i = 0; i < COUNT(numbers); i++) {
    double value;
    memcpy(&value, (const char *)profile + numbers[i].offset, sizeof(value));
    jc_put_real(writer, numbers[i].key, value);
  }
  jc_put_real(writer, "mean_excess", profile->mean_excess);
  jc_put_inline_object(writer, "startup");
  for (size_t i = 0; i < COUNT(startup_keys); i++)
    jc_put_real(writer, startup_keys[i], profile->startup_s[i]);
  jc_put_end(writer);
}

static void get_numbers(const struct jc_json_node *root, struct jc_profile *profile,
                        struct jc_error *error) {
  jc_json_get_uint32(jc_json_need(root, "sample_networks", error), 0, UINT32_MAX,
                     &profile->sample_networks, error);
  for (size_t i = 0; i < COUNT(numbers); i++) {
    double value = 0;
    jc_json_get_real(jc_json_need(root, numbers[i].key, error), 0, numbers[i].maximum, &value,
                     error);
    memcpy((char *)profile + numbers[i].offset, &value, sizeof(value));
  }
  jc_json_get_real(jc_json_known(root, "mean_excess"), -1, 1e6, &profile->mean_excess, error);
  const struct jc_json_node *startup = jc_json_need(root, "startup", error);
  jc_json_only_keys(startup, startup_keys, COUNT(startup_keys), error);
  for (size_t i = 0; i < COUNT(startup_keys); i++)
    jc_json_get_real(jc_json_need(startup, startup_keys[i], error), 0, largest_cost,
                     &profile->startup_s[i], error);
}

static void get_profile(const struct jc_json_node *root, struct jc_profile *profile,
                        struct jc_error *error) {
  static const char *const keys[] = {
      "schema",          "date",           "machine",      "runner",    "precision",
      "threads",         "load",           "forced",       "meter",     "sample_networks",
      "idle_power_w",    "active_power_w", "flops_max",    "bytes_max", "energy_per_flop_j",
      "time_per_flop_s", "startup",        "features",     "types",     "errors",
      "phase",           "layer_errors",   "coefficients", "layerwise", "mean_excess",
      "mac_lines"};
  memset(profile, 0, sizeof(*profile));
  /* What another version wrote is told as that, not as an unknown key. */
  jc_json_check_schema(root, schema, error);
  check_features(jc_json_need(root, "features", error), error);
  check_types(jc_json_need(root, "types", error), error);
  jc_json_only_keys(root, keys, COUNT(keys), error);
  get_environment(root, profile, error);
  get_numbers(root, profile, error);
  get_summaries(jc_json_need(root, "errors", error), profile, error);
  get_layer_errors(root, profile, error);
  get_coefficients(jc_json_need(root, "coefficients", error), profile, error);
  jc_get_mac_lines(jc_json_known(root, "mac_lines"), profile, error);
  (void)jc_get_layerwise(jc_json_known(root, "layerwise"), &profile->layerwise, error);
}

enum jc_status jc_profile_read(const char *path, struct jc_profile *profile,
                               struct jc_error *error) {
  struct jc_json *document = NULL;
  if (jc_json_read_file(path, &document, error) != JC_OK)
    return error->status;
  get_profile(jc_json_root(document), profile, error);
  jc_json_free(document);
  return error->status;
}

static enum jc_status format_profile(const struct jc_profile *profile, char **text, size_t *length,
                                     struct jc_error *error) {
  const char *types[JC_TYPE_COUNT];
  struct jc_json_writer writer;
  jc_put_start(&writer, JC_JSON_PRETTY);
  jc_put_object(&writer, NULL);
  jc_put_string(&writer, "schema", schema);
  put_environment(&writer, profile);
  put_numbers(&writer, profile);
  put_summaries(&writer, profile);
  put_layer_errors(&writer, profile);
  put_names(&writer, "features", feature_names, JC_LINEAR_FEATURES);
  put_names(&writer, "types", types, type_names(types));
  jc_put_array(&writer, "coefficients");
  for (uint32_t i = 0; i < profile->coefficient_count; i++)
    put_coefficient(&writer, &profile->coefficients[i]);
  jc_put_end(&writer);
  if (profile->mac_line_count > 0)
    jc_put_mac_lines(&writer, "mac_lines", profile);
  if (profile->layerwise.curve_count > 0)
    jc_put_layerwise(&writer, "layerwise", &profile->layerwise);
  jc_put_end(&writer);
  return jc_put_finish(&writer, text, length, error);
}

/* A fit that went wrong must not replace a profile that works by one that cannot be read. */
static enum jc_status check_readable(const char *text, size_t length, const char *path,
                                     struct jc_error *error) {
  struct jc_json *document = NULL;
  struct jc_profile *scratch = malloc(sizeof(*scratch));
  if (scratch == NULL)
    jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else if (jc_json_parse(text, length, path, 1, &document, error) == JC_OK)
    get_profile(jc_json_root(document), scratch, error);
  jc_json_free(document);
  free(scratch);
  return error->status;
}

enum jc_status jc_profile_write(const char *path, const struct jc_profile *profile,
                                struct jc_error *error) {
  char *text = NULL;
  size_t length = 0;
  if (format_profile(profile, &text, &length, error) == JC_OK &&
      check_readable(text, length, path, error) == JC_OK &&
      jc_file_make_parents(path, error) == JC_OK)
    jc_file_write(path, text, length, error);
  free(text);
  return error->status;
}
