/* profile_layerwise.c -- struct jc_layerwise to and from JSON. */
#include "estimator/profile_layerwise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/record_json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Sanity bounds: no working calibration comes near them. */
static const double largest_cost = 1e12; /* s, W */
static const double largest_log = 1e3;   /* logarithms, and features over length scales */

/* ---- lists of numbers ---- */

/* Nine digits bring a float back bit for bit. */
static void put_float(struct jc_json_writer *writer, const char *key, float value) {
  char digits[32];
  snprintf(digits, sizeof(digits), "%.9g", (double)value);
  jc_put_real(writer, key, strtod(digits, NULL));
}

static void put_floats(struct jc_json_writer *writer, const char *key, const float *values) {
  jc_put_inline_array(writer, key);
  for (int i = 0; i < JC_SHAPE_FEATURES; i++)
    put_float(writer, NULL, values[i]);
  jc_put_end(writer);
}

/* COUNT numbers of magnitude at most LIMIT, from NODE on. Returns what follows them. */
static const struct jc_json_node *get_floats(const struct jc_json_node *node, int count,
                                             double limit, float *values, struct jc_error *error) {
  for (int i = 0; i < count && node != NULL; i++, node = jc_json_next(node)) {
    double value = 0;
    jc_json_get_real(node, -limit, limit, &value, error);
    values[i] = (float)value;
  }
  return node;
}

static void get_feature_list(const struct jc_json_node *list, float *values,
                             struct jc_error *error) {
  if (jc_json_want(list, JC_JSON_ARRAY, error) != JC_OK)
    return;
  if (jc_json_length(list) != JC_SHAPE_FEATURES)
    jc_json_fail(list, error, "expected %d numbers, got %u", JC_SHAPE_FEATURES,
                 jc_json_length(list));
  (void)get_floats(jc_json_first(list), JC_SHAPE_FEATURES, largest_log, values, error);
}

/* ---- features ---- */

static void put_features(struct jc_json_writer *writer) {
  jc_put_inline_array(writer, "features");
  for (size_t i = 0; i < JC_SHAPE_FEATURES; i++)
    jc_put_string(writer, NULL, jc_shape_feature_name(i));
  jc_put_end(writer);
}

static void append(char *text, size_t size, const char *word) {
  const size_t used = strlen(text);
  snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", word);
}

static bool list_contains(const struct jc_json_node *list, const char *name) {
  for (const struct jc_json_node *n = jc_json_first(list); n != NULL; n = jc_json_next(n))
    if (strcmp(jc_json_string(n), name) == 0)
      return true;
  return false;
}

static bool is_ours(const char *name) {
  for (size_t i = 0; i < JC_SHAPE_FEATURES; i++)
    if (strcmp(jc_shape_feature_name(i), name) == 0)
      return true;
  return false;
}

/* The lists are long, so only what one of them lacks is named. */
static void check_features(const struct jc_json_node *list, struct jc_error *error) {
  char theirs[160] = "", ours[160] = "";
  size_t i = 0;
  bool same = true;
  if (jc_json_want(list, JC_JSON_ARRAY, error) != JC_OK)
    return;
  for (const struct jc_json_node *n = jc_json_first(list); n != NULL; n = jc_json_next(n), i++) {
    const char *name = "";
    if (jc_json_get_string(n, &name, error) != JC_OK)
      return;
    same = same && i < JC_SHAPE_FEATURES && strcmp(name, jc_shape_feature_name(i)) == 0;
    if (!is_ours(name))
      append(theirs, sizeof(theirs), name);
  }
  for (size_t k = 0; k < JC_SHAPE_FEATURES; k++)
    if (!list_contains(list, jc_shape_feature_name(k)))
      append(ours, sizeof(ours), jc_shape_feature_name(k));
  if (!same || i != JC_SHAPE_FEATURES)
    jc_json_fail_as(list, JC_ERROR_MISMATCH, error,
                    "shape features differ, in name or order: only in the profile [%s], only in "
                    "this program [%s]; calibrate again",
                    theirs, ours);
}

/* ---- one curve ---- */

static const struct {
  const char *key;
  size_t offset;
  double minimum, maximum;
} curve_numbers[] = {
    {"call_s", offsetof(struct jc_curve, call_s), 0, 1e12},
    {"flop_s", offsetof(struct jc_curve, flop_s), 0, 1e12},
    {"byte_s", offsetof(struct jc_curve, byte_s), 0, 1e12},
    {"mean", offsetof(struct jc_curve, mean), -1e2, 1e2},
    {"residual_min", offsetof(struct jc_curve, residual_min), -1e2, 1e2},
    {"residual_max", offsetof(struct jc_curve, residual_max), -1e2, 1e2},
    {"signal", offsetof(struct jc_curve, signal), 0, 1e6},
    {"noise", offsetof(struct jc_curve, noise), 0, 1e6},
    {"flops_max", offsetof(struct jc_curve, flops_max), 0, 1e24},
    {"bytes_max", offsetof(struct jc_curve, bytes_max), 0, 1e24},
};

static void put_curve(struct jc_json_writer *writer, const struct jc_layerwise *model,
                      const struct jc_curve *curve) {
  jc_put_object(writer, NULL);
  jc_put_string(writer, "type", jc_type_name(curve->type));
  jc_put_string(writer, "order", jc_order_name(curve->order));
  jc_put_string(writer, "phase", jc_phase_name(curve->phase));
  jc_put_uint(writer, "rows", curve->rows);
  jc_put_uint(writer, "networks", curve->networks);
  jc_put_uint(writer, "scale", curve->scale);
  for (size_t i = 0; i < COUNT(curve_numbers); i++) {
    double value;
    memcpy(&value, (const char *)curve + curve_numbers[i].offset, sizeof(value));
    jc_put_real(writer, curve_numbers[i].key, value);
  }
  put_floats(writer, "x_min", curve->x_min);
  put_floats(writer, "x_max", curve->x_max);
  jc_put_array(writer, "support"); /* weight, then the features */
  for (uint32_t m = curve->first_support; m < curve->first_support + curve->support_count; m++) {
    jc_put_inline_array(writer, NULL);
    put_float(writer, NULL, model->weight[m]);
    for (int i = 0; i < JC_SHAPE_FEATURES; i++)
      put_float(writer, NULL, model->support[m][i]);
    jc_put_end(writer);
  }
  jc_put_end(writer);
  jc_put_end(writer);
}

static void get_support(const struct jc_json_node *list, struct jc_layerwise *model,
                        struct jc_curve *curve, struct jc_error *error) {
  const uint32_t room = JC_MAX_SUPPORT - model->support_count;
  if (jc_json_want(list, JC_JSON_ARRAY, error) != JC_OK)
    return;
  if (jc_json_length(list) > room)
    jc_json_fail(list, error, "expected at most %d support rows in all", JC_MAX_SUPPORT);
  curve->first_support = model->support_count;
  for (const struct jc_json_node *row = jc_json_first(list); row != NULL && !jc_error_is_set(error);
       row = jc_json_next(row)) {
    const uint32_t m = model->support_count++;
    if (jc_json_want(row, JC_JSON_ARRAY, error) == JC_OK &&
        jc_json_length(row) != JC_SHAPE_FEATURES + 1)
      jc_json_fail(row, error, "expected %d numbers, got %u", JC_SHAPE_FEATURES + 1,
                   jc_json_length(row));
    const struct jc_json_node *x = get_floats(jc_json_first(row), 1, 1e9, &model->weight[m], error);
    (void)get_floats(x, JC_SHAPE_FEATURES, largest_log, model->support[m], error);
    curve->support_count++;
  }
}

static void get_names(const struct jc_json_node *node, struct jc_curve *curve,
                      struct jc_error *error) {
  const char *orders[JC_ORDER_COUNT], *phases[JC_PHASE_COUNT], *type = NULL;
  size_t order = 0, phase = 0;
  for (int i = 0; i < JC_ORDER_COUNT; i++)
    orders[i] = jc_order_name((enum jc_order)i);
  for (int i = 0; i < JC_PHASE_COUNT; i++)
    phases[i] = jc_phase_name((enum jc_phase)i);
  const struct jc_json_node *type_node = jc_json_need(node, "type", error);
  if (jc_json_get_string(type_node, &type, error) != JC_OK)
    return;
  curve->type = jc_type_find(type);
  if (curve->type == JC_TYPE_COUNT)
    jc_json_fail(type_node, error, "expected a name of `types`, got \"%.40s\"", type);
  jc_json_get_choice(jc_json_need(node, "order", error), orders, JC_ORDER_COUNT, &order, error);
  jc_json_get_choice(jc_json_need(node, "phase", error), phases, JC_PHASE_COUNT, &phase, error);
  curve->order = (enum jc_order)order;
  curve->phase = (enum jc_phase)phase;
}

/* A range the wrong way round would clamp every forecast to one of its ends. */
static void check_ranges(const struct jc_json_node *node, const struct jc_curve *curve,
                         struct jc_error *error) {
  if (jc_error_is_set(error))
    return;
  if (curve->residual_min > curve->residual_max)
    jc_json_fail(jc_json_known(node, "residual_min"), error,
                 "expected at most residual_max, %g, got %g", curve->residual_max,
                 curve->residual_min);
  for (int i = 0; i < JC_SHAPE_FEATURES && !jc_error_is_set(error); i++) {
    if (curve->x_min[i] > curve->x_max[i])
      jc_json_fail(jc_json_known(node, "x_min"), error,
                   "expected at most x_max in [%d], %g, got %g", i, (double)curve->x_max[i],
                   (double)curve->x_min[i]);
  }
}

static void get_curve(const struct jc_json_node *node, struct jc_layerwise *model,
                      struct jc_curve *curve, struct jc_error *error) {
  static const char *const keys[] = {
      "type",   "order",        "phase",        "rows",  "networks",  "scale",     "call_s",
      "flop_s", "byte_s",       "mean",         "x_min", "flops_max", "bytes_max", "x_max",
      "signal", "residual_min", "residual_max", "noise", "support"};
  jc_json_only_keys(node, keys, COUNT(keys), error);
  get_names(node, curve, error);
  jc_json_get_uint32(jc_json_need(node, "rows", error), 1, UINT32_MAX, &curve->rows, error);
  jc_json_get_uint32(jc_json_need(node, "networks", error), 1, UINT32_MAX, &curve->networks, error);
  jc_json_get_uint32(jc_json_need(node, "scale", error), 0, model->scale_count - 1, &curve->scale,
                     error);
  for (size_t i = 0; i < COUNT(curve_numbers); i++) {
    double value = 0;
    jc_json_get_real(jc_json_need(node, curve_numbers[i].key, error), curve_numbers[i].minimum,
                     curve_numbers[i].maximum, &value, error);
    memcpy((char *)curve + curve_numbers[i].offset, &value, sizeof(value));
  }
  get_feature_list(jc_json_need(node, "x_min", error), curve->x_min, error);
  get_feature_list(jc_json_need(node, "x_max", error), curve->x_max, error);
  check_ranges(node, curve, error);
  get_support(jc_json_need(node, "support", error), model, curve, error);
}

static bool in_order(const struct jc_curve *a, const struct jc_curve *b) {
  if (a->type != b->type)
    return a->type < b->type;
  if (a->order != b->order)
    return a->order < b->order;
  return a->phase < b->phase;
}

/* The model looks its curves up by bisection. */
static void get_curves(const struct jc_json_node *list, struct jc_layerwise *model,
                       struct jc_error *error) {
  const struct jc_json_node *node = jc_json_items(list, JC_MAX_CURVES, error);
  for (; node != NULL && !jc_error_is_set(error); node = jc_json_next(node)) {
    struct jc_curve *curve = &model->curves[model->curve_count++];
    get_curve(node, model, curve, error);
    if (model->curve_count > 1 && !jc_error_is_set(error) && !in_order(curve - 1, curve))
      jc_json_fail(node, error, "expected the curves in the order of type, order and phase");
  }
  if (model->curve_count == 0 && !jc_error_is_set(error))
    jc_json_fail(list, error, "expected at least one curve");
}

/* ---- intervals ---- */

static const char *const level_keys[3] = {"0.5", "0.8", "0.9"}; /* jc_interval_levels */
static const char *const difficulty_names[JC_DIFFICULTIES] = {
#define X(name, what) #name,
    JC_DIFFICULTY_LIST(X)
#undef X
};

static void put_named(struct jc_json_writer *writer, const char *key, const char *const *names,
                      size_t count, const double *values) {
  jc_put_inline_object(writer, key);
  for (size_t i = 0; i < count; i++)
    jc_put_real(writer, names[i], values[i]);
  jc_put_end(writer);
}

static void get_named(const struct jc_json_node *node, const char *const *names, size_t count,
                      double minimum, double maximum, bool may_be_unknown, double *values,
                      struct jc_error *error) {
  jc_json_only_keys(node, names, count, error);
  for (size_t i = 0; i < count; i++) {
    const struct jc_json_node *value = jc_json_need(node, names[i], error);
    if (may_be_unknown)
      jc_json_get_real_or_nan(value, minimum, maximum, &values[i], error);
    else
      jc_json_get_real(value, minimum, maximum, &values[i], error);
  }
}

static void put_interval(struct jc_json_writer *writer, const char *key,
                         const struct jc_interval_model *m) {
  jc_put_object(writer, key);
  jc_put_real(writer, "intercept", m->intercept);
  put_named(writer, "weight", difficulty_names, JC_DIFFICULTIES, m->weight);
  put_named(writer, "mean", difficulty_names, JC_DIFFICULTIES, m->mean);
  put_named(writer, "deviation", difficulty_names, JC_DIFFICULTIES, m->deviation);
  put_named(writer, "width", level_keys, COUNT(level_keys), m->width);
  jc_put_end(writer);
}

static void get_interval(const struct jc_json_node *node, struct jc_interval_model *m,
                         struct jc_error *error) {
  static const char *const keys[] = {"intercept", "weight", "mean", "deviation", "width"};
  const double limit = largest_log;
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_real(jc_json_need(node, "intercept", error), -limit, limit, &m->intercept, error);
  get_named(jc_json_need(node, "weight", error), difficulty_names, JC_DIFFICULTIES, -limit, limit,
            false, m->weight, error);
  get_named(jc_json_need(node, "mean", error), difficulty_names, JC_DIFFICULTIES, -limit, limit,
            false, m->mean, error);
  get_named(jc_json_need(node, "deviation", error), difficulty_names, JC_DIFFICULTIES,
            JC_JSON_POSITIVE, limit, false, m->deviation, error);
  get_named(jc_json_need(node, "width", error), level_keys, COUNT(level_keys), 0, 1e6, true,
            m->width, error);
}

/* ---- the whole ---- */

static const char *const speed_keys[] = {"compute_s", "memory_s", "compute_slope", "memory_slope"};
static const char *const step_keys[3] = {"constant", "per_layer", "per_logit"};

static void put_scales(struct jc_json_writer *writer, const struct jc_layerwise *model) {
  jc_put_array(writer, "scales"); /* 1 / length scale */
  for (uint32_t i = 0; i < model->scale_count; i++)
    put_floats(writer, NULL, model->scales[i]);
  jc_put_end(writer);
}

static void get_scales(const struct jc_json_node *list, struct jc_layerwise *model,
                       struct jc_error *error) {
  const struct jc_json_node *node = jc_json_items(list, JC_MAX_SCALES, error);
  for (; node != NULL && !jc_error_is_set(error); node = jc_json_next(node))
    get_feature_list(node, model->scales[model->scale_count++], error);
  if (model->scale_count == 0 && !jc_error_is_set(error))
    jc_json_fail(list, error, "expected at least one list of scales");
}

/* Left out where it is not known: of samples without probes. */
static void put_speed(struct jc_json_writer *writer, const struct jc_layerwise_speed *speed) {
  const double values[] = {speed->compute_s, speed->memory_s, speed->compute_slope,
                           speed->memory_slope};
  if (!isnan(speed->memory_s))
    put_named(writer, "speed", speed_keys, COUNT(speed_keys), values);
}

static void get_speed(const struct jc_json_node *node, struct jc_layerwise_speed *speed,
                      struct jc_error *error) {
  double values[] = {NAN, NAN, 0, 0};
  if (node != NULL)
    get_named(node, speed_keys, COUNT(speed_keys), 0, 1e6, false, values, error);
  *speed = (struct jc_layerwise_speed){values[0], values[1], values[2], values[3]};
}

void jc_put_layerwise(struct jc_json_writer *writer, const char *key,
                      const struct jc_layerwise *model) {
  const char *groups[JC_POWER_GROUP_COUNT];
  for (int i = 0; i < JC_POWER_GROUP_COUNT; i++)
    groups[i] = jc_power_group_name((enum jc_power_group)i);
  jc_put_object(writer, key);
  put_features(writer);
  jc_put_real(writer, "kappa", model->kappa);
  put_named(writer, "step_s", step_keys, COUNT(step_keys), model->step_s);
  put_named(writer, "power_w", groups, JC_POWER_GROUP_COUNT, model->power_w);
  jc_put_real(writer, "busy_excess", model->busy_excess);
  put_speed(writer, &model->speed);
  put_interval(writer, "time_interval", &model->time_interval);
  put_interval(writer, "energy_interval", &model->energy_interval);
  put_scales(writer, model);
  jc_put_array(writer, "curves");
  for (uint32_t i = 0; i < model->curve_count; i++)
    put_curve(writer, model, &model->curves[i]);
  jc_put_end(writer);
  jc_put_end(writer);
}

enum jc_status jc_get_layerwise(const struct jc_json_node *node, struct jc_layerwise *model,
                                struct jc_error *error) {
  static const char *const keys[] = {
      "features",        "kappa",  "step_s", "power_w",     "time_interval",
      "energy_interval", "scales", "curves", "busy_excess", "speed"};
  const char *groups[JC_POWER_GROUP_COUNT];
  memset(model, 0, sizeof(*model));
  if (node == NULL)
    return error->status;
  for (int i = 0; i < JC_POWER_GROUP_COUNT; i++)
    groups[i] = jc_power_group_name((enum jc_power_group)i);
  /* What another version wrote is told as that, not as an unknown key. */
  check_features(jc_json_need(node, "features", error), error);
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_real(jc_json_need(node, "kappa", error), JC_JSON_POSITIVE, 1e6, &model->kappa, error);
  get_named(jc_json_need(node, "step_s", error), step_keys, COUNT(step_keys), 0, largest_cost,
            false, model->step_s, error);
  get_named(jc_json_need(node, "power_w", error), groups, JC_POWER_GROUP_COUNT, 0, largest_cost,
            false, model->power_w, error);
  jc_json_get_real(jc_json_known(node, "busy_excess"), -1, 1e6, &model->busy_excess, error);
  get_speed(jc_json_known(node, "speed"), &model->speed, error);
  get_interval(jc_json_need(node, "time_interval", error), &model->time_interval, error);
  get_interval(jc_json_need(node, "energy_interval", error), &model->energy_interval, error);
  get_scales(jc_json_need(node, "scales", error), model, error);
  get_curves(jc_json_need(node, "curves", error), model, error);
  return error->status;
}
