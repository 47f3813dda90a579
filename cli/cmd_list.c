/* cmd_list.c -- `joulecast list TOPIC`: layers, methods, meters, models, hardware, grids. */
#include "cli/common.h"
#include "cli/output.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/meter.h"
#include "calibrate/run_methods.h"
#include "cli/explain.h"
#include "cli/field_text.h"
#include "cli/format.h"
#include "cli/list_data.h"
#include "estimator/data_files.h"
#include "estimator/model_schema.h"

struct list_options {
  bool schema;
  struct output_options output;
};

static const struct option_row rows[] = {
    {"schema", 0, OPTION_AT(struct list_options, schema), NULL,
     "of layers: print the JSON Schema of model files instead", NULL, OPTION_FREE},
};
static const struct option_table table_schema = {"Output", rows, OPTION_COUNT(rows)};

static const struct option_group groups[] = {
    {&table_schema, 0},
    {&table_format, offsetof(struct list_options, output)},
    {&table_output, offsetof(struct list_options, output)},
    {&table_quiet, offsetof(struct list_options, output)},
};

/* ---- layers: kinds with their fields ---- */

/* In CSV and Markdown: a row each field, and one of a kind that has none. */
static const struct column layer_columns[] = {
    {"layer", "layer", VALUE_TEXT, false, NULL, NULL},
    {"field", "field", VALUE_TEXT, false, NULL, NULL},
    {"type", "type", VALUE_TEXT, false, NULL, NULL},
    {"default", "default", VALUE_TEXT, false, NULL, NULL},
    {"help", "meaning", VALUE_TEXT, false, NULL, NULL},
};

static enum jc_status fill_layers(struct records *records, struct jc_error *error) {
  char type[128], otherwise[64], range[64];
  for (int k = 0; k < JC_LAYER_KIND_COUNT; k++) {
    const struct jc_kind *kind = jc_kind_get((enum jc_layer_kind)k);
    for (uint32_t f = 0; f < kind->field_count; f++) {
      const struct jc_field *field = &kind->fields[f];
      (void)field_range(field, range, sizeof(range));
      record_text(records, kind->name);
      record_text(records, field->name);
      record_text(records, field_type(kind, field, range, type, sizeof(type)));
      record_text(records, field_default(field, otherwise, sizeof(otherwise)));
      record_text(records, field->help);
    }
    if (kind->field_count > 0)
      continue;
    record_text(records, kind->name);
    for (int c = 0; c < 3; c++)
      record_text(records, NULL);
    record_text(records, kind->summary);
  }
  return records_check(records, error);
}

static void print_layers(FILE *out) {
  char text[512], type[128], otherwise[64], range[64];
  for (int k = 0; k < JC_LAYER_KIND_COUNT; k++) {
    const struct jc_kind *kind = jc_kind_get((enum jc_layer_kind)k);
    fprintf(out, "%s: ", kind->name);
    print_wrapped(out, kind->summary, (int)strlen(kind->name) + 2, 2);
    for (uint32_t f = 0; f < kind->field_count; f++) {
      const struct jc_field *field = &kind->fields[f];
      (void)field_range(field, range, sizeof(range));
      snprintf(text, sizeof(text), "%s, %s: %s", field_type(kind, field, range, type, sizeof(type)),
               field_default(field, otherwise, sizeof(otherwise)), field->help);
      fprintf(out, "  %-18s ", field->name);
      print_wrapped(out, text, 21, 21);
    }
  }
}

static void put_default(const struct jc_field *field, struct jc_json_writer *w) {
  if (field->required || field_is_list(field))
    jc_put_null(w, "default");
  else if (field->defaults_to_kernel_size)
    jc_put_string(w, "default", "kernel_size");
  else if (field->type == JC_FIELD_BOOL)
    jc_put_bool(w, "default", field->default_value != 0);
  else if (field->type == JC_FIELD_CHOICE)
    jc_put_string(w, "default", field->choices[(size_t)field->default_value]);
  else
    jc_put_real(w, "default", field->default_value);
}

static void put_layers(struct jc_json_writer *w, const char *key) {
  char type[128];
  jc_put_array(w, key);
  for (int k = 0; k < JC_LAYER_KIND_COUNT; k++) {
    const struct jc_kind *kind = jc_kind_get((enum jc_layer_kind)k);
    jc_put_object(w, NULL);
    jc_put_string(w, "name", kind->name);
    jc_put_string(w, "summary", kind->summary);
    jc_put_uint(w, "min_inputs", kind->min_inputs);
    if (kind->max_inputs == JC_ANY_INPUTS)
      jc_put_null(w, "max_inputs");
    else
      jc_put_uint(w, "max_inputs", kind->max_inputs);
    jc_put_array(w, "fields");
    for (uint32_t f = 0; f < kind->field_count; f++) {
      const struct jc_field *field = &kind->fields[f];
      jc_put_inline_object(w, NULL);
      jc_put_string(w, "name", field->name);
      jc_put_string(w, "type", field_type(kind, field, "", type, sizeof(type)));
      jc_put_bool(w, "required", field->required);
      put_default(field, w);
      jc_put_real(w, "minimum", field_has_range(field) ? field->minimum : NAN);
      jc_put_real(w, "maximum", field_has_range(field) ? field->maximum : NAN);
      jc_put_string(w, "help", field->help);
      jc_put_end(w);
    }
    jc_put_end(w);
    jc_put_end(w);
  }
  jc_put_end(w);
}

static enum jc_status print_schema(struct output *output, struct jc_error *error) {
  char *text = NULL;
  if (jc_model_schema(&text, error) == JC_OK)
    fputs(text, output->stream);
  free(text);
  return error->status;
}

/* ---- methods, meters ---- */

static const struct column method_columns[] = {
    {"name", "method", VALUE_TEXT, false, NULL, NULL},
    {"needs", "needs", VALUE_TEXT, false, NULL, NULL},
    {"summary", "how", VALUE_TEXT, false, NULL, NULL},
    {"formula", NULL, VALUE_TEXT, false, NULL, NULL},
    {"source", NULL, VALUE_TEXT, false, NULL, NULL},
};

static const char *needs_text(unsigned needs, char *buffer, size_t size) {
  static const struct {
    enum jc_need need;
    const char *text;
  } names[] = {{JC_NEED_PROFILE, "profile"},
               {JC_NEED_LAYERWISE, "curves in it"},
               {JC_NEED_HARDWARE, "data row"},
               {JC_NEED_TDP, "TDP"},
               {JC_NEED_PROFILE_OR_HARDWARE, "profile or row"},
               {JC_NEED_DURATION, "duration"},
               {JC_NEED_MEMORY, "memory"},
               {JC_NEED_MAC_LINES, "MAC lines"}};
  size_t length = 0;
  buffer[0] = '\0';
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && length < size; i++) {
    if ((needs & names[i].need) != 0)
      length += (size_t)snprintf(buffer + length, size - length, "%s%s", length > 0 ? ", " : "",
                                 names[i].text);
  }
  return buffer;
}

/* Those that forecast from a model, then those that only measured runs can feed. */
static enum jc_status fill_methods(struct records *records, struct jc_error *error) {
  char needs[96];
  for (size_t i = 0; jc_method_at(i) != NULL; i++) {
    const struct jc_method *method = jc_method_at(i);
    record_text(records, method->name);
    record_text(records, needs_text(method->needs, needs, sizeof(needs)));
    record_text(records, method->summary);
    record_text(records, explain_formula(method));
    record_text(records, method->source);
  }
  for (size_t i = 0; jc_run_method_only_at(i) != NULL; i++) {
    const struct jc_run_method *method = jc_run_method_only_at(i);
    record_text(records, method->name);
    record_text(records, jc_run_method_needs(method, needs, sizeof(needs)));
    record_text(records, method->summary);
    record_text(records, method->formula);
    record_text(records, method->source);
  }
  return records_check(records, error);
}

static void print_formula(FILE *out, const char *name, const char *formula) {
  print_wrapped(out, formula, fprintf(out, "%s: ", name), 4);
}

static void print_formulas(const struct records *records, FILE *out) {
  (void)records;
  fprintf(out, "\nformulas (E: joules of the run)\n");
  for (size_t i = 0; jc_method_at(i) != NULL; i++)
    print_formula(out, jc_method_at(i)->name, explain_formula(jc_method_at(i)));
  for (size_t i = 0; jc_run_method_only_at(i) != NULL; i++)
    print_formula(out, jc_run_method_only_at(i)->name, jc_run_method_only_at(i)->formula);
}

static const struct column meter_columns[] = {
    {"name", "meter", VALUE_TEXT, false, NULL, NULL},
    {"measured", "measures", VALUE_BOOL, false, NULL, NULL},
    {"summary", "how", VALUE_TEXT, false, NULL, NULL},
};

static enum jc_status fill_meters(struct records *records, struct jc_error *error) {
  for (uint32_t i = 0; jc_meter_driver_at(i) != NULL; i++) {
    const struct jc_meter_driver *driver = jc_meter_driver_at(i);
    record_text(records, driver->name);
    record_flag(records, driver->measured);
    record_text(records, driver->summary);
  }
  return records_check(records, error);
}

/* ---- models ---- */

static const struct column model_columns[] = {
    {"name", "model", VALUE_TEXT, false, NULL, NULL},
    {"input", "input", VALUE_SHAPE, false, NULL, NULL},
    {"params", "params", VALUE_COUNT, false, format_si, NULL},
    {"forward_macs", "MACs", VALUE_COUNT, false, format_si, NULL},
    {"dataset", NULL, VALUE_TEXT, false, NULL, NULL},
    {"source", NULL, VALUE_TEXT, false, NULL, NULL},
};

/* The row of MODEL, which is loaded here and unloaded by the caller. */
static enum jc_status fill_model(const char *name, struct loaded_model *model,
                                 struct records *records, struct jc_error *error) {
  if (load_model(name, NULL, model, error) != JC_OK)
    return error->status;
  const struct jc_network *network = model->network;
  record_text(records, name);
  record_shape(records, &network->inputs[0].shape);
  record_count(records, model->analysis.totals.params);
  record_count(records, model->analysis.totals.forward_macs);
  record_text(records, network->training.dataset[0] != '\0' ? network->training.dataset : NULL);
  record_text(records, network->source);
  return JC_OK;
}

/* The rows of the model NAME and of its variants, as NAME:VARIANT. */
static enum jc_status fill_family(const char *name, struct records *records,
                                  struct jc_error *error) {
  struct loaded_model model, variant;
  char full[NAME_MAX + JC_MAX_LAYER_NAME + 2];
  if (fill_model(name, &model, records, error) == JC_OK) {
    for (uint32_t i = 0; i < jc_model_variant_count(model.model) && !jc_error_is_set(error); i++) {
      snprintf(full, sizeof(full), "%s:%s", name, jc_model_variant(model.model, i));
      (void)fill_model(full, &variant, records, error);
      unload_model(&variant);
    }
  }
  unload_model(&model);
  return error->status;
}

static enum jc_status fill_models(struct records *records, struct jc_error *error) {
  struct jc_name_list list = {0};
  if (jc_models_list(&list, error) != JC_OK)
    return error->status;
  for (size_t i = 0; i < list.count; i++) {
    if (fill_family(list.names[i], records, error) != JC_OK)
      break;
  }
  jc_name_list_free(&list);
  return jc_error_is_set(error) ? error->status : records_check(records, error);
}

/* ---- the command ---- */

static const struct list_topic list_layers = {"layers", layer_columns, COLUMN_COUNT(layer_columns),
                                              fill_layers, NULL};
static const struct list_topic list_methods = {
    "methods", method_columns, COLUMN_COUNT(method_columns), fill_methods, print_formulas};
static const struct list_topic list_meters = {"meters", meter_columns, COLUMN_COUNT(meter_columns),
                                              fill_meters, NULL};
static const struct list_topic list_models = {"models", model_columns, COLUMN_COUNT(model_columns),
                                              fill_models, NULL};

static const struct list_topic *const topics[] = {
    &list_layers, &list_methods, &list_meters, &list_models, &list_hardware, &list_grids,
};

enum { TOPIC_COUNT = sizeof(topics) / sizeof(topics[0]) };

static const struct list_topic *find_topic(const char *name, struct jc_error *error) {
  const char *names[TOPIC_COUNT];
  for (size_t i = 0; i < TOPIC_COUNT; i++) {
    names[i] = topics[i]->name;
    if (strcmp(name, topics[i]->name) == 0)
      return topics[i];
  }
  const char *close = jc_closest_name(name, names, TOPIC_COUNT);
  (void)jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                "list: expected layers, methods, meters, models, hardware or grids, got "
                "'%.40s'%s%s%s",
                name, close != NULL ? "; did you mean '" : "", close != NULL ? close : "",
                close != NULL ? "'?" : "");
  return NULL;
}

static void put_topic(const struct list_topic *topic, const struct records *records,
                      struct jc_json_writer *w) {
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  jc_put_string(w, "schema", "joulecast.list/1");
  if (topic == &list_layers)
    put_layers(w, topic->name);
  else
    records_put(records, w, topic->name);
  jc_put_end(w);
}

static int run(const void *options, const struct text_list *operands, struct jc_error *error) {
  const struct list_options *o = options;
  const struct list_topic *topic = find_topic(operands->value[0], error);
  struct records records;
  struct output output;
  if (topic != NULL && topic != &list_layers && o->schema)
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--schema", "expected layers, got '%s'", topic->name);
  if (topic == NULL || jc_error_is_set(error) ||
      output_open(&output, o->output.output, error) != JC_OK)
    return exit_code_of(error);

  records_start(&records, topic->columns, topic->column_count);
  if (topic->fill != NULL && topic->fill(&records, error) != JC_OK) {
    (void)output_close(&output, error);
    records_free(&records);
    return exit_code_of_input(error);
  }
  if (o->schema) {
    (void)print_schema(&output, error);
  } else if (output_format(&o->output) == FORMAT_JSON) {
    struct jc_json_writer writer;
    put_topic(topic, &records, &writer);
    (void)output_json(&output, &writer, error);
  } else if (topic == &list_layers && output_format(&o->output) == FORMAT_TABLE) {
    print_layers(output.stream);
  } else if (!output_rows(&records, output_format(&o->output), output.stream)) {
    records_print(&records, output.stream);
    if (topic->print_more != NULL)
      topic->print_more(&records, output.stream);
  }
  records_free(&records);
  (void)output_close(&output, error);
  return exit_code_of(error);
}

const struct command command_list = {
    .name = "list",
    .summary = "what there is: layers, methods, meters, models, hardware, grids",
    .spec = {.command = "list",
             .operands = "layers|methods|meters|models|hardware|grids",
             .description = "Print what joulecast knows: layer types with their fields, estimation "
                            "methods, energy meters, shipped models, data rows of hardware, and "
                            "carbon intensities of grids, with the documents they are from. Rows "
                            "of your own in hardware.json and grid.json of ~/.config/joulecast "
                            "take the place of shipped ones.",
             .examples = "  joulecast list models\n"
                         "  joulecast list methods\n"
                         "  joulecast list hardware --format csv -o hardware.csv\n"
                         "  joulecast list layers --schema -o model.schema.json\n",
             .operands_min = 1,
             .operands_max = 1,
             .groups = groups,
             .group_count = OPTION_COUNT(groups)},
    .options_size = sizeof(struct list_options),
    .run = run,
};
