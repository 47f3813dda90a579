/* mac_lines.c -- MACs as method `getzner` counts them, and its lines in profile.json. */
#include "estimator/mac_lines.h"

#include "estimator/record_json.h"

static const double largest = 1e12; /* J or s, as of all coefficients of a profile */

double jc_mac_line_macs(const struct jc_analysis *analysis, uint32_t layer, uint64_t batch_size) {
  const struct jc_cost *cost = &analysis->layers[layer];
  const double batch = cost->per_step ? 1 : (double)batch_size;
  return batch * ((double)cost->macs + (double)cost->elementwise_ops);
}

const struct jc_mac_line *jc_mac_line_of(const struct jc_profile *profile,
                                         enum jc_layer_kind kind) {
  for (uint32_t i = 0; i < profile->mac_line_count; i++) {
    if (profile->mac_lines[i].kind == kind)
      return &profile->mac_lines[i];
  }
  return NULL;
}

static const char *const terms[] = {"per_call", "per_mac"};

static void put_line(struct jc_json_writer *writer, const char *key, const double line[2]) {
  jc_put_inline_object(writer, key);
  for (int i = 0; i < 2; i++)
    jc_put_real(writer, terms[i], line[i]);
  jc_put_end(writer);
}

void jc_put_mac_lines(struct jc_json_writer *writer, const char *key,
                      const struct jc_profile *profile) {
  jc_put_array(writer, key);
  for (uint32_t i = 0; i < profile->mac_line_count; i++) {
    const struct jc_mac_line *line = &profile->mac_lines[i];
    jc_put_inline_object(writer, NULL);
    jc_put_string(writer, "kind", jc_kind_get(line->kind)->name);
    jc_put_uint(writer, "layers", line->layers);
    put_line(writer, "energy_j", line->energy_j);
    put_line(writer, "time_s", line->time_s);
    jc_put_end(writer);
  }
  jc_put_end(writer);
}

static void get_line(const struct jc_json_node *node, double line[2], struct jc_error *error) {
  jc_json_only_keys(node, terms, 2, error);
  for (int i = 0; i < 2; i++)
    jc_json_get_real(jc_json_need(node, terms[i], error), -largest, largest, &line[i], error);
}

static void get_mac_line(const struct jc_json_node *node, struct jc_profile *profile,
                         struct jc_error *error) {
  static const char *const keys[] = {"kind", "layers", "energy_j", "time_s"};
  struct jc_mac_line line = {.kind = JC_LAYER_KIND_COUNT};
  const char *kind = NULL;
  const struct jc_json_node *kind_node = jc_json_need(node, "kind", error);
  jc_json_only_keys(node, keys, 4, error);
  if (jc_json_get_string(kind_node, &kind, error) == JC_OK)
    line.kind = jc_kind_find(kind);
  if (kind != NULL && line.kind == JC_LAYER_KIND_COUNT)
    jc_json_fail(kind_node, error, "expected a layer type (`joulecast list layers`), got \"%.40s\"",
                 kind);
  if (!jc_error_is_set(error) && jc_mac_line_of(profile, line.kind) != NULL)
    jc_json_fail(kind_node, error, "the line of %s is given twice", kind);
  jc_json_get_uint32(jc_json_need(node, "layers", error), 2, UINT32_MAX, &line.layers, error);
  get_line(jc_json_need(node, "energy_j", error), line.energy_j, error);
  get_line(jc_json_need(node, "time_s", error), line.time_s, error);
  if (!jc_error_is_set(error))
    profile->mac_lines[profile->mac_line_count++] = line;
}

void jc_get_mac_lines(const struct jc_json_node *node, struct jc_profile *profile,
                      struct jc_error *error) {
  if (node == NULL)
    return;
  const struct jc_json_node *item = jc_json_items(node, JC_LAYER_KIND_COUNT, error);
  for (; item != NULL && !jc_error_is_set(error); item = jc_json_next(item))
    get_mac_line(item, profile, error);
}
