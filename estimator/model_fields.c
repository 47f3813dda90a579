/* model_fields.c -- one layer's fields, in and out, along its kind's field table. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/model_parts.h"

/* Members of every layer, whatever its kind. */
static const char *const common_keys[] = {"name",      "type",        "inputs",
                                          "trainable", "weight_from", "when"};

/* ---- reading ---- */

/* Each reader takes a value after substitution; SCOPE is where its own items stand. */

static enum jc_status read_pair(const struct jc_field *field, const struct jc_json_node *value,
                                const struct jc_scope *scope, struct jc_pair *pair,
                                struct jc_error *error) {
  uint64_t h = 0, w = 0, minimum = (uint64_t)field->minimum, maximum = (uint64_t)field->maximum;
  if (jc_json_type(value) == JC_JSON_ARRAY) {
    const struct jc_json_node *first = jc_json_first(value);
    if (jc_json_length(value) != 2) {
      return jc_json_fail(value, error, "expected a number or [h, w], got a list of %lu",
                          (unsigned long)jc_json_length(value));
    }
    jc_scope_get_uint(scope, first, minimum, maximum, &h, error);
    jc_scope_get_uint(scope, jc_json_next(first), minimum, maximum, &w, error);
  } else {
    jc_json_get_uint(value, minimum, maximum, &h, error);
    w = h;
  }
  *pair = (struct jc_pair){(uint32_t)h, (uint32_t)w};
  return error->status;
}

static enum jc_status read_int_list(const struct jc_field *field, const struct jc_json_node *value,
                                    const struct jc_scope *scope, struct jc_int_list *list,
                                    struct jc_error *error) {
  if (jc_json_want(value, JC_JSON_ARRAY, error) != JC_OK)
    return error->status;
  if (jc_json_length(value) > JC_MAX_PADDING) {
    return jc_json_fail(value, error, "expected at most %d numbers, got %lu", JC_MAX_PADDING,
                        (unsigned long)jc_json_length(value));
  }
  for (const struct jc_json_node *n = jc_json_first(value); n; n = jc_json_next(n)) {
    const struct jc_json_node *item = n;
    const struct jc_scope *inner = scope;
    int64_t number = 0;
    if (jc_scope_substitute(&item, &inner, error) != JC_OK)
      return error->status;
    if (jc_json_get_int(item, (int64_t)field->minimum, (int64_t)field->maximum, &number, error) !=
        JC_OK)
      return jc_scope_stay(n, error);
    list->value[list->count++] = (int32_t)number;
  }
  return JC_OK;
}

static enum jc_status read_groups(const struct jc_field *field, const struct jc_json_node *value,
                                  uint32_t *groups, struct jc_error *error) {
  const char *word = jc_json_string(value);
  uint64_t number = 0;
  if (word && strcmp(word, "in_channels") == 0) {
    *groups = JC_GROUPS_IN_CHANNELS;
    return JC_OK;
  }
  if (word) {
    char echo[JC_JSON_ECHO_SIZE];
    return jc_json_fail(value, error, "expected a positive integer or \"in_channels\", got %s",
                        jc_json_echo(value, echo, sizeof echo));
  }
  if (jc_json_get_uint(value, (uint64_t)field->minimum, (uint64_t)field->maximum, &number, error) ==
      JC_OK)
    *groups = (uint32_t)number;
  return error->status;
}

static enum jc_status read_value(const struct jc_field *field, const struct jc_json_node *node,
                                 const struct jc_scope *scope, void *member,
                                 struct jc_error *error) {
  const struct jc_json_node *value = node;
  uint64_t number = 0;
  if (jc_scope_substitute(&value, &scope, error) != JC_OK)
    return error->status;
  switch (field->type) {
  case JC_FIELD_UINT:
    jc_json_get_uint(value, (uint64_t)field->minimum, (uint64_t)field->maximum, &number, error);
    *(uint32_t *)member = (uint32_t)number;
    break;
  case JC_FIELD_BOOL:
    jc_json_get_bool(value, member, error);
    break;
  case JC_FIELD_REAL:
    jc_json_get_real(value, field->minimum, field->maximum, member, error);
    break;
  case JC_FIELD_PAIR:
    read_pair(field, value, scope, member, error);
    break;
  case JC_FIELD_INT_LIST:
    read_int_list(field, value, scope, member, error);
    break;
  case JC_FIELD_GROUPS:
    read_groups(field, value, member, error);
    break;
  }
  return value == node ? error->status : jc_scope_stay(node, error);
}

static const struct jc_pair *kernel_size_of(const struct jc_kind *kind,
                                            const union jc_layer_fields *fields) {
  for (uint32_t i = 0; i < kind->field_count; i++) {
    if (strcmp(kind->fields[i].name, "kernel_size") == 0) {
      assert(kind->fields[i].type == JC_FIELD_PAIR);
      return (const void *)((const char *)fields + kind->fields[i].offset);
    }
  }
  assert(false); /* a field defaults to a kernel_size that its kind has not */
  return NULL;
}

/* Writes the default of FIELD to MEMBER of zeroed FIELDS; the fields before are read already. */
static void set_default(const struct jc_kind *kind, const struct jc_field *field,
                        const union jc_layer_fields *fields, void *member) {
  uint32_t number = (uint32_t)field->default_value;
  switch (field->type) {
  case JC_FIELD_UINT:
  case JC_FIELD_GROUPS:
    *(uint32_t *)member = number;
    break;
  case JC_FIELD_BOOL:
    *(bool *)member = field->default_value != 0;
    break;
  case JC_FIELD_REAL:
    *(double *)member = field->default_value;
    break;
  case JC_FIELD_PAIR:
    *(struct jc_pair *)member = field->defaults_to_kernel_size ? *kernel_size_of(kind, fields)
                                                               : (struct jc_pair){number, number};
    break;
  case JC_FIELD_INT_LIST: /* empty */
    break;
  }
}

enum jc_status jc_fields_check_keys(const struct jc_kind *kind, const struct jc_json_node *layer,
                                    struct jc_error *error) {
  size_t count = sizeof common_keys / sizeof common_keys[0];
  const char **names = malloc((count + kind->field_count) * sizeof *names);
  if (!names)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  memcpy(names, common_keys, sizeof common_keys);
  for (uint32_t i = 0; i < kind->field_count; i++)
    names[count++] = kind->fields[i].name;
  enum jc_status status = jc_json_only_keys(layer, names, count, error);
  free(names);
  return status;
}

enum jc_status jc_fields_read(const struct jc_kind *kind, const struct jc_json_node *layer,
                              const struct jc_scope *scope, union jc_layer_fields *fields,
                              struct jc_error *error) {
  for (uint32_t i = 0; i < kind->field_count; i++) {
    const struct jc_field *field = &kind->fields[i];
    const struct jc_json_node *node = jc_json_member(layer, field->name);
    void *member = (char *)fields + field->offset;
    if (node)
      read_value(field, node, scope, member, error);
    else if (field->required)
      jc_json_need(layer, field->name, error);
    else
      set_default(kind, field, fields, member);
    if (jc_error_is_set(error))
      return error->status;
  }
  return JC_OK;
}

/* ---- writing ---- */

static bool is_default(const struct jc_kind *kind, const struct jc_field *field,
                       const union jc_layer_fields *fields, const void *member) {
  union {
    uint32_t number;
    bool truth;
    double real;
    struct jc_pair pair;
    struct jc_int_list list;
  } expected;
  if (field->required)
    return false;
  memset(&expected, 0, sizeof expected);
  set_default(kind, field, fields, &expected);
  switch (field->type) {
  case JC_FIELD_UINT:
  case JC_FIELD_GROUPS:
    return *(const uint32_t *)member == expected.number;
  case JC_FIELD_BOOL:
    return *(const bool *)member == expected.truth;
  case JC_FIELD_REAL:
    return *(const double *)member == expected.real &&
           signbit(*(const double *)member) == signbit(expected.real);
  case JC_FIELD_PAIR:
    return memcmp(member, &expected.pair, sizeof expected.pair) == 0;
  case JC_FIELD_INT_LIST:
    return ((const struct jc_int_list *)member)->count == 0;
  }
  return false;
}

static void write_pair(struct jc_json_writer *writer, const char *name,
                       const struct jc_pair *pair) {
  if (pair->h == pair->w) {
    jc_put_uint(writer, name, pair->h);
    return;
  }
  jc_put_inline_array(writer, name);
  jc_put_uint(writer, NULL, pair->h);
  jc_put_uint(writer, NULL, pair->w);
  jc_put_end(writer);
}

static void write_int_list(struct jc_json_writer *writer, const char *name,
                           const struct jc_int_list *list) {
  jc_put_inline_array(writer, name);
  for (uint32_t i = 0; i < list->count; i++)
    jc_put_int(writer, NULL, list->value[i]);
  jc_put_end(writer);
}

static void write_value(struct jc_json_writer *writer, const struct jc_field *field,
                        const void *member) {
  switch (field->type) {
  case JC_FIELD_UINT:
    jc_put_uint(writer, field->name, *(const uint32_t *)member);
    break;
  case JC_FIELD_BOOL:
    jc_put_bool(writer, field->name, *(const bool *)member);
    break;
  case JC_FIELD_REAL:
    jc_put_real(writer, field->name, *(const double *)member);
    break;
  case JC_FIELD_PAIR:
    write_pair(writer, field->name, member);
    break;
  case JC_FIELD_INT_LIST:
    write_int_list(writer, field->name, member);
    break;
  case JC_FIELD_GROUPS:
    if (*(const uint32_t *)member == JC_GROUPS_IN_CHANNELS)
      jc_put_string(writer, field->name, "in_channels");
    else
      jc_put_uint(writer, field->name, *(const uint32_t *)member);
    break;
  }
}

void jc_fields_write(struct jc_json_writer *writer, const struct jc_kind *kind,
                     const union jc_layer_fields *fields) {
  for (uint32_t i = 0; i < kind->field_count; i++) {
    const void *member = (const char *)fields + kind->fields[i].offset;
    if (!is_default(kind, &kind->fields[i], fields, member))
      write_value(writer, &kind->fields[i], member);
  }
}
