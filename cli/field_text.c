/* field_text.c -- a field of a layer kind in words, for lists and the manual. */
#include "cli/field_text.h"

#include <stdint.h>
#include <stdio.h>

bool field_is_list(const struct jc_field *field) {
  return field->type == JC_FIELD_INT_LIST || field->type == JC_FIELD_INTS;
}

/* "\"none\" or \"tanh\"". */
static char *field_choices(const struct jc_field *field, char *buffer, size_t size) {
  size_t length = 0;
  for (size_t i = 0; field->choices[i] != NULL && length < size; i++) {
    const char *before = i == 0 ? "" : field->choices[i + 1] != NULL ? ", " : " or ";
    length +=
        (size_t)snprintf(buffer + length, size - length, "%s\"%s\"", before, field->choices[i]);
  }
  return buffer;
}

char *field_type(const struct jc_kind *kind, const struct jc_field *field, const char *range,
                 char *buffer, size_t size) {
  static const char *const lists[] = {"", "[l]", "[h, w]", "[d, h, w]"};
  static const struct {
    const char *number, *more;
  } names[] = {
      [JC_FIELD_UINT] = {"integer", ""},
      [JC_FIELD_INT] = {"integer", ""},
      [JC_FIELD_DIM] = {"dimension", ""},
      [JC_FIELD_BOOL] = {"true or false", ""},
      [JC_FIELD_REAL] = {"number", ""},
      [JC_FIELD_EXTENT] = {"integer", " or "},
      [JC_FIELD_PADDING] = {"integer", ", \"same\", \"valid\" or "},
      [JC_FIELD_INT_LIST] = {"list of integers", ""},
      [JC_FIELD_INTS] = {"integer", " or list of integers"},
      [JC_FIELD_GROUPS] = {"integer", " or \"in_channels\""},
  };
  const bool extent = field->type == JC_FIELD_EXTENT || field->type == JC_FIELD_PADDING;
  if (field->type == JC_FIELD_CHOICE)
    return field_choices(field, buffer, size);
  snprintf(buffer, size, "%s%s%s%s", names[field->type].number, range, names[field->type].more,
           extent ? lists[kind->spatial_rank] : "");
  return buffer;
}

char *field_default(const struct jc_field *field, char *buffer, size_t size) {
  if (field->required)
    snprintf(buffer, size, "required");
  else if (field_is_list(field))
    snprintf(buffer, size, "optional");
  else if (field->defaults_to_kernel_size)
    snprintf(buffer, size, "default kernel_size");
  else if (field->type == JC_FIELD_BOOL)
    snprintf(buffer, size, "default %s", field->default_value != 0 ? "true" : "false");
  else if (field->type == JC_FIELD_CHOICE)
    snprintf(buffer, size, "default \"%s\"", field->choices[(size_t)field->default_value]);
  else
    snprintf(buffer, size, "default %.10g", field->default_value);
  return buffer;
}

bool field_has_range(const struct jc_field *field) {
  return field->type != JC_FIELD_BOOL && field->type != JC_FIELD_CHOICE;
}

char *field_range(const struct jc_field *field, char *buffer, size_t size) {
  const bool open_below = field->minimum <= INT32_MIN + 1;
  const bool open_above = field->maximum >= INT32_MAX;
  if (!field_has_range(field) || (open_below && open_above))
    snprintf(buffer, size, "%s", "");
  else if (open_above)
    snprintf(buffer, size, " of at least %.10g", field->minimum);
  else
    snprintf(buffer, size, " from %.10g to %.10g", field->minimum, field->maximum);
  return buffer;
}
