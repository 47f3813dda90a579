/* run_facts.c -- the optional objects of a run, each a table of its numbers. */
#include "estimator/run_facts.h"

#include <math.h>
#include <string.h>

#include "estimator/record_json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct number {
  const char *key;
  size_t offset; /* in struct jc_run_facts */
  double minimum, maximum;
};

#define AT(member) offsetof(struct jc_run_facts, member)

/* Bounds are those of sanity, far from what anyone will measure. */
static const struct number counts[] = {
    {"forward_macs", AT(counts.forward_macs), JC_JSON_POSITIVE, 1e18},
    {"backward_macs", AT(counts.backward_macs), 0, 1e19},
    {"activation_bytes", AT(counts.activation_bytes), JC_JSON_POSITIVE, 1e15},
    {"layers", AT(counts.layers), 1, 1e7},
    {"trainable_params", AT(counts.trainable_params), 0, 1e15},
    {"backward_share", AT(counts.backward_share), 0, 1},
};
static const struct number data[] = {
    {"image_height", AT(data.image_height), 1, 1e6},
    {"image_width", AT(data.image_width), 1, 1e6},
};
static const struct number accelerator[] = {
    {"cores", AT(accelerator.cores), 1, 1e7},
    {"memory_bytes", AT(accelerator.memory_bytes), 1, 1e15},
    {"tdp_w", AT(accelerator.tdp_w), 0.1, 1e5},
    {"power_limit_w", AT(accelerator.power_limit_w), 0.1, 1e5},
    {"host_memory_bytes", AT(accelerator.host_memory_bytes), 1, 1e16},
    {"utilization", AT(accelerator.utilization), 0, 1},
    {"mean_power_w", AT(accelerator.mean_power_w), JC_JSON_POSITIVE, 1e6},
};
static const struct number window[] = {
    {"after_epochs", AT(window.after_epochs), 0, 1e6},
    {"epochs", AT(window.epochs), 1, 1e6},
    {"power_w", AT(window.power_w), JC_JSON_POSITIVE, 1e9},
    {"epoch_energy_j", AT(window.epoch_energy_j), JC_JSON_POSITIVE, 1e18},
    {"stable_epoch_energy_j", AT(window.stable_epoch_energy_j), JC_JSON_POSITIVE, 1e18},
};

#define NO_NAME SIZE_MAX

static const struct object {
  const char *key;
  const struct number *numbers;
  size_t count, name_offset; /* of the text `name`; NO_NAME: it has none */
} objects[] = {
    {"counts", counts, COUNT(counts), NO_NAME},
    {"dataset", data, COUNT(data), AT(data.name)},
    {"accelerator", accelerator, COUNT(accelerator), AT(accelerator.name)},
    {"window", window, COUNT(window), NO_NAME},
};

enum { MAX_KEYS = 8 };

static double *place_of(struct jc_run_facts *facts, size_t offset) {
  return (double *)((char *)facts + offset);
}

static double number_at(const struct jc_run_facts *facts, size_t offset) {
  return *(const double *)((const char *)facts + offset);
}

void jc_run_facts_start(struct jc_run_facts *facts) {
  memset(facts, 0, sizeof(*facts));
  for (size_t i = 0; i < COUNT(objects); i++)
    for (size_t k = 0; k < objects[i].count; k++)
      *place_of(facts, objects[i].numbers[k].offset) = NAN;
}

static void get_object(const struct jc_json_node *node, const struct object *object,
                       struct jc_run_facts *facts, struct jc_error *error) {
  const char *keys[MAX_KEYS];
  size_t count = 0;
  for (size_t k = 0; k < object->count; k++)
    keys[count++] = object->numbers[k].key;
  if (object->name_offset != NO_NAME)
    keys[count++] = "name";
  jc_json_only_keys(node, keys, count, error);
  if (object->name_offset != NO_NAME)
    jc_json_copy_string(jc_json_known(node, "name"), (char *)facts + object->name_offset,
                        JC_FACT_BYTES, error);
  for (size_t k = 0; k < object->count; k++) {
    const struct number *number = &object->numbers[k];
    jc_json_get_real_or_nan(jc_json_member(node, number->key), number->minimum, number->maximum,
                            place_of(facts, number->offset), error);
  }
}

static void get_labels(const struct jc_json_node *node, struct jc_run_facts *facts,
                       struct jc_error *error) {
  if (node == NULL || jc_json_want(node, JC_JSON_OBJECT, error) != JC_OK)
    return;
  if (jc_json_length(node) > JC_MAX_LABELS)
    jc_json_fail(node, error, "expected at most %d labels, got %u", JC_MAX_LABELS,
                 jc_json_length(node));
  for (const struct jc_json_node *n = jc_json_first(node); n != NULL && !jc_error_is_set(error);
       n = jc_json_next(n)) {
    struct jc_run_label *label = &facts->labels[facts->label_count];
    if (strlen(jc_json_key(n)) >= sizeof(label->name))
      jc_json_fail(n, error, "expected a name of less than %d bytes", JC_FACT_BYTES);
    else if (jc_json_copy_string(n, label->value, sizeof(label->value), error) == JC_OK)
      (void)snprintf(facts->labels[facts->label_count++].name, sizeof(label->name), "%s",
                     jc_json_key(n));
  }
}

enum jc_status jc_json_get_run_facts(const struct jc_json_node *line, struct jc_run_facts *facts,
                                     struct jc_error *error) {
  for (size_t i = 0; i < COUNT(objects); i++) {
    const struct jc_json_node *node = jc_json_known(line, objects[i].key);
    if (node != NULL)
      get_object(node, &objects[i], facts, error);
  }
  get_labels(jc_json_known(line, "labels"), facts, error);
  return error->status;
}

/* "" where the object has no name, too. */
static const char *name_of(const struct object *object, const struct jc_run_facts *facts) {
  return object->name_offset != NO_NAME ? (const char *)facts + object->name_offset : "";
}

/* An object of which nothing is known is left out. */
static bool is_known(const struct object *object, const struct jc_run_facts *facts) {
  if (name_of(object, facts)[0] != '\0')
    return true;
  for (size_t k = 0; k < object->count; k++) {
    if (!isnan(number_at(facts, object->numbers[k].offset)))
      return true;
  }
  return false;
}

static void put_object(struct jc_json_writer *writer, const struct object *object,
                       const struct jc_run_facts *facts) {
  jc_put_object(writer, object->key);
  if (name_of(object, facts)[0] != '\0')
    jc_put_string(writer, "name", name_of(object, facts));
  for (size_t k = 0; k < object->count; k++) {
    const double value = number_at(facts, object->numbers[k].offset);
    if (!isnan(value))
      jc_put_real(writer, object->numbers[k].key, value);
  }
  jc_put_end(writer);
}

void jc_put_run_facts(struct jc_json_writer *writer, const struct jc_run_facts *facts) {
  for (size_t i = 0; i < COUNT(objects); i++) {
    if (is_known(&objects[i], facts))
      put_object(writer, &objects[i], facts);
  }
  if (facts->label_count == 0)
    return;
  jc_put_object(writer, "labels");
  for (uint32_t i = 0; i < facts->label_count; i++)
    jc_put_string(writer, facts->labels[i].name, facts->labels[i].value);
  jc_put_end(writer);
}
