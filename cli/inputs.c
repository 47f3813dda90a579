/* inputs.c -- provenance of a forecast's inputs. */
#include "cli/inputs.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "cli/options.h"

const char *input_from_name(enum input_from from) {
  static const char *const names[] = {[FROM_FLAG] = "flag",
                                      [FROM_FILE] = "file",
                                      [FROM_USER_FILE] = "user file",
                                      [FROM_DETECTED] = "detected",
                                      [FROM_DEFAULT] = "default"};
  return names[from];
}

static struct input *add(struct inputs *inputs, const char *name, enum input_from from,
                         enum value_type type) {
  assert(inputs->count < MAX_INPUTS);
  struct input *input = &inputs->item[inputs->count++];
  memset(input, 0, sizeof(*input));
  input->name = name;
  input->from = from;
  input->value.type = type;
  return input;
}

struct input *input_text(struct inputs *inputs, const char *name, enum input_from from,
                         const char *text) {
  struct input *input = add(inputs, name, from, VALUE_TEXT);
  snprintf(input->text, sizeof(input->text), "%s", text);
  input->value.text = input->text;
  return input;
}

struct input *input_count(struct inputs *inputs, const char *name, enum input_from from,
                          uint64_t count) {
  struct input *input = add(inputs, name, from, VALUE_COUNT);
  input->value.count = count;
  return input;
}

struct input *input_real(struct inputs *inputs, const char *name, enum input_from from,
                         double value) {
  struct input *input = add(inputs, name, from, VALUE_REAL);
  input->value.real = value;
  input->value.absent = isnan(value);
  return input;
}

void inputs_copy(const struct inputs *from, struct inputs *to) {
  memcpy(to, from, sizeof(*to));
  for (size_t i = 0; i < to->count; i++) {
    if (to->item[i].value.type == VALUE_TEXT)
      to->item[i].value.text = to->item[i].text;
  }
}

void inputs_note(struct inputs *inputs, const char *format, ...) {
  if (inputs->note_count == MAX_REPORT_NOTES)
    return;
  char *note = inputs->notes[inputs->note_count++];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(note, NOTE_TEXT, format, arguments);
  va_end(arguments);
}

bool inputs_have_note(const struct inputs *inputs, const char *note) {
  for (size_t i = 0; i < inputs->note_count; i++) {
    if (strcmp(inputs->notes[i], note) == 0)
      return true;
  }
  return false;
}

void inputs_put(const struct inputs *inputs, struct jc_json_writer *writer, const char *key) {
  jc_put_object(writer, key);
  for (size_t i = 0; i < inputs->count; i++) {
    const struct input *input = &inputs->item[i];
    jc_put_inline_object(writer, input->name);
    value_put(&input->value, writer, "value");
    jc_put_string(writer, "from", input_from_name(input->from));
    jc_put_string(writer, "note", input->note[0] != '\0' ? input->note : NULL);
    jc_put_end(writer);
  }
  jc_put_end(writer);
}

void inputs_record(const struct inputs *inputs, struct records *records) {
  static const struct column columns[] = {{"input", "input", VALUE_TEXT, false, NULL, NULL},
                                          {"value", "value", VALUE_TEXT, true, NULL, NULL},
                                          {"from", "from", VALUE_TEXT, false, NULL, NULL}};
  char value[INPUT_TEXT], from[INPUT_TEXT + 16];
  records_start(records, columns, COLUMN_COUNT(columns));
  for (size_t i = 0; i < inputs->count; i++) {
    const struct input *input = &inputs->item[i];
    snprintf(from, sizeof(from), "%s%s%s", input_from_name(input->from),
             input->note[0] != '\0' ? ": " : "", input->note);
    record_text(records, input->name);
    record_text(records, value_format(&input->value, input->format, value, sizeof(value)));
    record_text(records, from);
  }
}

void inputs_print(const struct inputs *inputs, FILE *out) {
  struct records records;
  inputs_record(inputs, &records);
  records_print(&records, out);
  records_free(&records);
}

void notes_put(const struct inputs *inputs, struct jc_json_writer *writer, const char *key) {
  jc_put_array(writer, key);
  for (size_t i = 0; i < inputs->note_count; i++)
    jc_put_string(writer, NULL, inputs->notes[i]);
  jc_put_end(writer);
}

void notes_print(const struct inputs *inputs, FILE *out) {
  for (size_t i = 0; i < inputs->note_count; i++) {
    fprintf(out, "note: ");
    print_wrapped(out, inputs->notes[i], 6, 6);
  }
}
