/* record_json.c -- machine, runner, meter and precision, to and from JSON. */
#include "estimator/record_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/file_io.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bounds of what a machine of this century may say of itself. */
enum { MAX_CPUS = 1 << 20 };
static const uint64_t max_memory_bytes = UINT64_C(1) << 60;

enum jc_status jc_json_read_file(const char *path, struct jc_json **document,
                                 struct jc_error *error) {
  char *text = NULL;
  size_t length = 0;
  *document = NULL;
  if (jc_file_read(path, &text, &length, error) != JC_OK)
    return error->status;
  jc_json_parse(text, length, jc_file_shown_name(path), 1, document, error);
  free(text);
  return error->status;
}

const struct jc_json_node *jc_json_known(const struct jc_json_node *object, const char *name) {
  const struct jc_json_node *node = jc_json_member(object, name);
  return node != NULL && jc_json_type(node) != JC_JSON_NULL ? node : NULL;
}

const struct jc_json_node *jc_json_items(const struct jc_json_node *list, uint32_t maximum,
                                         struct jc_error *error) {
  if (list == NULL || jc_json_want(list, JC_JSON_ARRAY, error) != JC_OK)
    return NULL;
  if (jc_json_length(list) > maximum) {
    jc_json_fail(list, error, "expected at most %u items, got %u", maximum, jc_json_length(list));
    return NULL;
  }
  return jc_json_first(list);
}

enum jc_status jc_json_get_real_or_nan(const struct jc_json_node *node, double minimum,
                                       double maximum, double *out, struct jc_error *error) {
  if (node == NULL || jc_json_type(node) == JC_JSON_NULL) {
    *out = NAN;
    return error->status;
  }
  return jc_json_get_real(node, minimum, maximum, out, error);
}

enum jc_status jc_json_get_uint32(const struct jc_json_node *node, uint32_t minimum,
                                  uint32_t maximum, uint32_t *out, struct jc_error *error) {
  uint64_t value = *out;
  if (jc_json_get_uint(node, minimum, maximum, &value, error) == JC_OK)
    *out = (uint32_t)value;
  return error->status;
}

enum jc_status jc_json_get_machine(const struct jc_json_node *node, struct jc_machine *machine,
                                   struct jc_error *error) {
  static const char *const keys[] = {"cpu_model", "cpus", "memory_bytes", "isa"};
  memset(machine, 0, sizeof(*machine));
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_copy_string(jc_json_need(node, "cpu_model", error), machine->cpu_model,
                      sizeof(machine->cpu_model), error);
  jc_json_get_uint32(jc_json_known(node, "cpus"), 1, MAX_CPUS, &machine->cpus, error);
  jc_json_get_uint(jc_json_known(node, "memory_bytes"), 1, max_memory_bytes, &machine->memory_bytes,
                   error);
  return jc_json_copy_string(jc_json_known(node, "isa"), machine->isa, sizeof(machine->isa), error);
}

void jc_put_machine(struct jc_json_writer *writer, const char *key,
                    const struct jc_machine *machine) {
  jc_put_object(writer, key);
  jc_put_string(writer, "cpu_model", machine->cpu_model);
  if (machine->cpus > 0)
    jc_put_uint(writer, "cpus", machine->cpus);
  if (machine->memory_bytes > 0)
    jc_put_uint(writer, "memory_bytes", machine->memory_bytes);
  if (machine->isa[0] != '\0')
    jc_put_string(writer, "isa", machine->isa);
  jc_put_end(writer);
}

enum jc_status jc_json_get_runner(const struct jc_json_node *node, struct jc_runner_facts *runner,
                                  struct jc_error *error) {
  static const char *const keys[] = {"name", "version"};
  memset(runner, 0, sizeof(*runner));
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_copy_string(jc_json_need(node, "name", error), runner->name, sizeof(runner->name), error);
  return jc_json_copy_string(jc_json_known(node, "version"), runner->version,
                             sizeof(runner->version), error);
}

void jc_put_runner(struct jc_json_writer *writer, const char *key,
                   const struct jc_runner_facts *runner) {
  jc_put_inline_object(writer, key);
  jc_put_string(writer, "name", runner->name);
  if (runner->version[0] != '\0')
    jc_put_string(writer, "version", runner->version);
  jc_put_end(writer);
}

static const char *const power_sources[] = {"modelled", "measured"};

enum jc_status jc_json_get_meter(const struct jc_json_node *node, struct jc_meter_facts *meter,
                                 struct jc_error *error) {
  static const char *const keys[] = {"name", "domain", "power_source"};
  size_t source = 0;
  memset(meter, 0, sizeof(*meter));
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_copy_string(jc_json_need(node, "name", error), meter->name, sizeof(meter->name), error);
  jc_json_copy_string(jc_json_need(node, "domain", error), meter->domain, sizeof(meter->domain),
                      error);
  jc_json_get_choice(jc_json_need(node, "power_source", error), power_sources, COUNT(power_sources),
                     &source, error);
  meter->measured = source == 1;
  return error->status;
}

void jc_put_meter(struct jc_json_writer *writer, const char *key,
                  const struct jc_meter_facts *meter) {
  jc_put_inline_object(writer, key);
  jc_put_string(writer, "name", meter->name);
  jc_put_string(writer, "domain", meter->domain);
  jc_put_string(writer, "power_source", power_sources[meter->measured]);
  jc_put_end(writer);
}

static const char *const priorities[] = {"normal", "nice", "fifo"};
static const char *const pinnings[] = {"none", "one-cpu", "bound"};

enum jc_status jc_json_get_conditions(const struct jc_json_node *node,
                                      struct jc_conditions_facts *conditions,
                                      struct jc_error *error) {
  static const char *const keys[] = {"priority", "pinning"};
  size_t priority = 0, pinning = 0;
  memset(conditions, 0, sizeof(*conditions));
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_choice(jc_json_need(node, "priority", error), priorities, COUNT(priorities),
                     &priority, error);
  jc_json_get_choice(jc_json_need(node, "pinning", error), pinnings, COUNT(pinnings), &pinning,
                     error);
  if (!jc_error_is_set(error)) {
    memcpy(conditions->priority, priorities[priority], strlen(priorities[priority]));
    memcpy(conditions->pinning, pinnings[pinning], strlen(pinnings[pinning]));
  }
  return error->status;
}

void jc_put_conditions(struct jc_json_writer *writer, const char *key,
                       const struct jc_conditions_facts *conditions) {
  jc_put_inline_object(writer, key);
  jc_put_string(writer, "priority", conditions->priority);
  jc_put_string(writer, "pinning", conditions->pinning);
  jc_put_end(writer);
}

enum jc_status jc_json_get_precision(const struct jc_json_node *node, enum jc_precision *precision,
                                     struct jc_error *error) {
  const char *names[JC_MAX_PRECISIONS];
  for (int i = 0; i < JC_MAX_PRECISIONS; i++)
    names[i] = jc_precision_name((enum jc_precision)i);
  size_t choice = (size_t)*precision;
  jc_json_get_choice(node, names, COUNT(names), &choice, error);
  *precision = (enum jc_precision)choice;
  return error->status;
}
