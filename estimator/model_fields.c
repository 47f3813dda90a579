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

static enum jc_status read_extent(const struct jc_kind *kind, const struct jc_field *field,
                                  const struct jc_json_node *value, const struct jc_scope *scope,
                                  uint32_t at[JC_MAX_SPATIAL], struct jc_error *error) {
  static const char *const lists[] = {"", "[l]", "[h, w]", "[d, h, w]"};
  const uint64_t minimum = (uint64_t)field->minimum, maximum = (uint64_t)field->maximum;
  const bool listed = jc_json_type(value) == JC_JSON_ARRAY;
  const struct jc_json_node *n = listed ? jc_json_first(value) : value;
  uint64_t number = 0;
  if (listed && jc_json_length(value) != kind->spatial_rank) {
    return jc_json_fail(value, error, "expected a number or %s, got a list of %lu",
                        lists[kind->spatial_rank], (unsigned long)jc_json_length(value));
  }
  for (uint32_t i = 0; i < kind->spatial_rank; i++) {
    if (listed)
      jc_scope_get_uint(scope, n, minimum, maximum, &number, error);
    else
      jc_json_get_uint(value, minimum, maximum, &number, error);
    at[i] = (uint32_t)number;
    n = listed ? jc_json_next(n) : n;
  }
  return error->status;
}

static enum jc_status read_padding(const struct jc_kind *kind, const struct jc_field *field,
                                   const struct jc_json_node *value, const struct jc_scope *scope,
                                   struct jc_padding *padding, struct jc_error *error) {
  static const char *const words[] = {"same", "valid"};
  size_t word = 0;
  if (jc_json_type(value) != JC_JSON_STRING)
    return read_extent(kind, field, value, scope, padding->at, error);
  jc_json_get_choice(value, words, 2, &word, error);
  padding->same = word == 0;
  return error->status;
}

static enum jc_status read_dim(const struct jc_field *field, const struct jc_json_node *value,
                               int32_t *dim, struct jc_error *error) {
  int64_t number = 0;
  if (jc_json_get_int(value, (int64_t)field->minimum, (int64_t)field->maximum, &number, error) !=
      JC_OK)
    return error->status;
  if (number == 0)
    return jc_json_fail(value, error, "expected another dimension than the batch, got 0");
  *dim = (int32_t)number;
  return JC_OK;
}

static size_t choice_count(const struct jc_field *field) {
  size_t count = 0;
  while (field->choices[count] != NULL)
    count++;
  return count;
}

static enum jc_status read_int_list(const struct jc_field *field, const struct jc_json_node *value,
                                    const struct jc_scope *scope, struct jc_int_list *list,
                                    struct jc_error *error) {
  int64_t single = 0;
  if (field->type == JC_FIELD_INTS && jc_json_type(value) != JC_JSON_ARRAY) {
    jc_json_get_int(value, (int64_t)field->minimum, (int64_t)field->maximum, &single, error);
    *list = (struct jc_int_list){.count = 1, .value = {(int32_t)single}};
    return error->status;
  }
  if (jc_json_want(value, JC_JSON_ARRAY, error) != JC_OK)
    return error->status;
  if (jc_json_length(value) > JC_MAX_LIST) {
    return jc_json_fail(value, error, "expected at most %d numbers, got %lu", JC_MAX_LIST,
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

static enum jc_status read_value(const struct jc_kind *kind, const struct jc_field *field,
                                 const struct jc_json_node *node, const struct jc_scope *scope,
                                 void *member, struct jc_error *error) {
  const struct jc_json_node *value = node;
  uint64_t number = 0;
  int64_t whole = 0;
  size_t choice = 0;
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
  case JC_FIELD_INT:
    jc_json_get_int(value, (int64_t)field->minimum, (int64_t)field->maximum, &whole, error);
    *(int32_t *)member = (int32_t)whole;
    break;
  case JC_FIELD_DIM:
    read_dim(field, value, member, error);
    break;
  case JC_FIELD_EXTENT:
    read_extent(kind, field, value, scope, ((struct jc_extent *)member)->at, error);
    break;
  case JC_FIELD_PADDING:
    read_padding(kind, field, value, scope, member, error);
    break;
  case JC_FIELD_CHOICE:
    jc_json_get_choice(value, field->choices, choice_count(field), &choice, error);
    *(uint32_t *)member = (uint32_t)choice;
    break;
  case JC_FIELD_INT_LIST:
  case JC_FIELD_INTS:
    read_int_list(field, value, scope, member, error);
    break;
  case JC_FIELD_GROUPS:
    read_groups(field, value, member, error);
    break;
  }
  return value == node ? error->status : jc_scope_stay(node, error);
}

static const struct jc_extent *kernel_size_of(const struct jc_kind *kind,
                                              const union jc_layer_fields *fields) {
  for (uint32_t i = 0; i < kind->field_count; i++) {
    if (strcmp(kind->fields[i].name, "kernel_size") == 0) {
      assert(kind->fields[i].type == JC_FIELD_EXTENT);
      return (const void *)((const char *)fields + kind->fields[i].offset);
    }
  }
  assert(false); /* a field defaults to a kernel_size that its kind has not */
  return NULL;
}

static void fill_extent(const struct jc_kind *kind, uint32_t number, uint32_t at[JC_MAX_SPATIAL]) {
  for (uint32_t i = 0; i < kind->spatial_rank; i++)
    at[i] = number;
}

/* Writes the default of FIELD to MEMBER of zeroed FIELDS; the fields before are read already. */
static void set_default(const struct jc_kind *kind, const struct jc_field *field,
                        const union jc_layer_fields *fields, void *member) {
  const bool real = field->type == JC_FIELD_REAL; /* which may lie beyond any integer */
  const int64_t number = real ? 0 : (int64_t)field->default_value;
  switch (field->type) {
  case JC_FIELD_UINT:
  case JC_FIELD_GROUPS:
  case JC_FIELD_CHOICE:
    *(uint32_t *)member = (uint32_t)number;
    break;
  case JC_FIELD_INT:
  case JC_FIELD_DIM:
    *(int32_t *)member = (int32_t)number;
    break;
  case JC_FIELD_BOOL:
    *(bool *)member = field->default_value != 0;
    break;
  case JC_FIELD_REAL:
    *(double *)member = field->default_value;
    break;
  case JC_FIELD_EXTENT:
    if (field->defaults_to_kernel_size)
      *(struct jc_extent *)member = *kernel_size_of(kind, fields);
    else
      fill_extent(kind, (uint32_t)number, ((struct jc_extent *)member)->at);
    break;
  case JC_FIELD_PADDING:
    fill_extent(kind, (uint32_t)number, ((struct jc_padding *)member)->at);
    break;
  case JC_FIELD_INT_LIST: /* empty */
  case JC_FIELD_INTS:
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
      read_value(kind, field, node, scope, member, error);
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
    int32_t whole;
    bool truth;
    double real;
    struct jc_extent extent;
    struct jc_padding padding;
    struct jc_int_list list;
  } expected;
  if (field->required)
    return false;
  memset(&expected, 0, sizeof expected);
  set_default(kind, field, fields, &expected);
  switch (field->type) {
  case JC_FIELD_UINT:
  case JC_FIELD_GROUPS:
  case JC_FIELD_CHOICE:
    return *(const uint32_t *)member == expected.number;
  case JC_FIELD_INT:
  case JC_FIELD_DIM:
    return *(const int32_t *)member == expected.whole;
  case JC_FIELD_BOOL:
    return *(const bool *)member == expected.truth;
  case JC_FIELD_REAL:
    return *(const double *)member == expected.real &&
           signbit(*(const double *)member) == signbit(expected.real);
  case JC_FIELD_EXTENT:
    return memcmp(member, &expected.extent, sizeof expected.extent) == 0;
  case JC_FIELD_PADDING:
    return !((const struct jc_padding *)member)->same &&
           memcmp(((const struct jc_padding *)member)->at, expected.padding.at,
                  sizeof expected.padding.at) == 0;
  case JC_FIELD_INT_LIST:
  case JC_FIELD_INTS:
    return ((const struct jc_int_list *)member)->count == 0;
  }
  return false;
}

static void write_extent(struct jc_json_writer *writer, const char *name, uint32_t count,
                         const uint32_t at[JC_MAX_SPATIAL]) {
  bool equal = true;
  for (uint32_t i = 1; i < count; i++)
    equal = equal && at[i] == at[0];
  if (equal) {
    jc_put_uint(writer, name, at[0]);
    return;
  }
  jc_put_inline_array(writer, name);
  for (uint32_t i = 0; i < count; i++)
    jc_put_uint(writer, NULL, at[i]);
  jc_put_end(writer);
}

static void write_int_list(struct jc_json_writer *writer, const char *name,
                           const struct jc_int_list *list) {
  jc_put_inline_array(writer, name);
  for (uint32_t i = 0; i < list->count; i++)
    jc_put_int(writer, NULL, list->value[i]);
  jc_put_end(writer);
}

static void write_value(struct jc_json_writer *writer, const struct jc_kind *kind,
                        const struct jc_field *field, const void *member) {
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
  case JC_FIELD_INT:
  case JC_FIELD_DIM:
    jc_put_int(writer, field->name, *(const int32_t *)member);
    break;
  case JC_FIELD_EXTENT:
    write_extent(writer, field->name, kind->spatial_rank, ((const struct jc_extent *)member)->at);
    break;
  case JC_FIELD_PADDING:
    if (((const struct jc_padding *)member)->same)
      jc_put_string(writer, field->name, "same");
    else
      write_extent(writer, field->name, kind->spatial_rank,
                   ((const struct jc_padding *)member)->at);
    break;
  case JC_FIELD_CHOICE:
    jc_put_string(writer, field->name, field->choices[*(const uint32_t *)member]);
    break;
  case JC_FIELD_INT_LIST:
  case JC_FIELD_INTS:
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
      write_value(writer, kind, &kind->fields[i], member);
  }
}
