/* model_schema.c -- the JSON Schema of model files, made from the field tables of the kinds.
 *
 * Values are described by one object each ("type": ["integer", "string"] with a minimum for the one
 * and a pattern for the other), not by anyOf, so that a validator can say what is wrong with them.
 * A layer's kind is found by "if", so that its errors are those of one kind, not of all.
 */
#include "estimator/model_schema.h"

#include "estimator/model_parts.h"

#define NAME_PATTERN  "[A-Za-z0-9_.-]+"
#define PARAM_PATTERN "\\$" NAME_PATTERN

static const char ref_name[] = "#/$defs/name";

/* ---- pieces ---- */

/* NAMES ends with NULL. */
static void put_texts(struct jc_json_writer *w, const char *key, const char *const *names) {
  jc_put_inline_array(w, key);
  for (; *names; names++)
    jc_put_string(w, NULL, *names);
  jc_put_end(w);
}
#define put_list(w, key, ...) put_texts(w, key, (const char *const[]){__VA_ARGS__, NULL})

static void put_ref(struct jc_json_writer *w, const char *key, const char *definition) {
  jc_put_inline_object(w, key);
  jc_put_string(w, "$ref", definition);
  jc_put_end(w);
}

static void put_count(struct jc_json_writer *w, const char *key, uint64_t minimum, uint64_t maximum,
                      const char *description) {
  jc_put_inline_object(w, key);
  jc_put_string(w, "type", "integer");
  jc_put_uint(w, "minimum", minimum);
  jc_put_uint(w, "maximum", maximum);
  if (description)
    jc_put_string(w, "description", description);
  jc_put_end(w);
}

static void put_text(struct jc_json_writer *w, const char *key, uint64_t longest,
                     const char *description) {
  jc_put_inline_object(w, key);
  jc_put_string(w, "type", "string");
  jc_put_uint(w, "minLength", 1);
  jc_put_uint(w, "maxLength", longest);
  jc_put_string(w, "description", description);
  jc_put_end(w);
}

/* The opening of an object of named things, to be closed by jc_put_end() after what they are. */
static void put_map(struct jc_json_writer *w, const char *key, uint64_t most,
                    const char *description) {
  jc_put_object(w, key);
  jc_put_string(w, "type", "object");
  jc_put_string(w, "description", description);
  jc_put_uint(w, "maxProperties", most);
  put_ref(w, "propertyNames", ref_name);
}

/* The opening of an object with known keys, up to those. */
static void put_struct(struct jc_json_writer *w, const char *key, const char *description) {
  jc_put_object(w, key);
  jc_put_string(w, "type", "object");
  if (description)
    jc_put_string(w, "description", description);
  jc_put_object(w, "properties");
}

/* Its end, behind the keys. */
static void end_struct(struct jc_json_writer *w) {
  jc_put_bool(w, "additionalProperties", false);
  jc_put_end(w);
}

/* ---- fields ---- */

static bool is_number(enum jc_field_type type) {
  return type != JC_FIELD_BOOL && type != JC_FIELD_INT_LIST && type != JC_FIELD_CHOICE;
}

static bool is_list(enum jc_field_type type) {
  return type == JC_FIELD_EXTENT || type == JC_FIELD_PADDING || type == JC_FIELD_INT_LIST ||
         type == JC_FIELD_INTS;
}

static void put_types(struct jc_json_writer *w, enum jc_field_type type) {
  jc_put_inline_array(w, "type");
  if (type == JC_FIELD_BOOL)
    jc_put_string(w, NULL, "boolean");
  else if (is_number(type))
    jc_put_string(w, NULL, type == JC_FIELD_REAL ? "number" : "integer");
  if (is_list(type))
    jc_put_string(w, NULL, "array");
  jc_put_string(w, NULL, "string");
  jc_put_end(w);
}

static void put_range(struct jc_json_writer *w, const struct jc_field *field) {
  if (field->minimum == JC_JSON_POSITIVE)
    jc_put_uint(w, "exclusiveMinimum", 0);
  else
    jc_put_real(w, "minimum", field->minimum);
  jc_put_real(w, "maximum", field->maximum);
  if (field->type == JC_FIELD_DIM) {
    jc_put_inline_object(w, "not");
    jc_put_uint(w, "const", 0);
    jc_put_end(w);
  }
}

static void put_items(struct jc_json_writer *w, const struct jc_kind *kind,
                      const struct jc_field *field) {
  const bool extent = field->type == JC_FIELD_EXTENT || field->type == JC_FIELD_PADDING;
  jc_put_inline_object(w, "items");
  put_types(w, JC_FIELD_UINT);
  put_range(w, field);
  jc_put_string(w, "pattern", "^" PARAM_PATTERN "$");
  jc_put_end(w);
  if (extent)
    jc_put_uint(w, "minItems", kind->spatial_rank);
  jc_put_uint(w, "maxItems", extent ? kind->spatial_rank : JC_MAX_LIST);
}

/* Words that are values, beside "$name". */
static void put_words(struct jc_json_writer *w, const struct jc_field *field) {
  if (field->type == JC_FIELD_PADDING) {
    jc_put_string(w, "pattern", "^(same|valid|" PARAM_PATTERN ")$");
    put_list(w, "examples", "same", "valid");
  } else if (field->type == JC_FIELD_GROUPS) {
    jc_put_string(w, "pattern", "^(in_channels|" PARAM_PATTERN ")$");
    put_list(w, "examples", "in_channels");
  } else if (field->type == JC_FIELD_CHOICE) {
    jc_put_inline_array(w, "anyOf");
    jc_put_inline_object(w, NULL);
    put_texts(w, "enum", field->choices);
    jc_put_end(w);
    put_ref(w, NULL, "#/$defs/param");
    jc_put_end(w);
  } else {
    jc_put_string(w, "pattern", "^" PARAM_PATTERN "$");
  }
}

static void put_default(struct jc_json_writer *w, const struct jc_field *field) {
  if (field->required || field->defaults_to_kernel_size || field->type == JC_FIELD_INT_LIST ||
      field->type == JC_FIELD_INTS)
    return;
  if (field->type == JC_FIELD_BOOL)
    jc_put_bool(w, "default", field->default_value != 0);
  else if (field->type == JC_FIELD_CHOICE)
    jc_put_string(w, "default", field->choices[(size_t)field->default_value]);
  else
    jc_put_real(w, "default", field->default_value);
}

static void put_field(struct jc_json_writer *w, const struct jc_kind *kind,
                      const struct jc_field *field) {
  char help[256];
  (void)snprintf(help, sizeof help, "%s%s", field->help,
                 field->defaults_to_kernel_size ? "; default: kernel_size" : "");
  jc_put_inline_object(w, field->name);
  jc_put_string(w, "description", help);
  put_types(w, field->type);
  if (is_number(field->type))
    put_range(w, field);
  if (is_list(field->type))
    put_items(w, kind, field);
  put_words(w, field);
  put_default(w, field);
  jc_put_end(w);
}

/* ---- kinds ---- */

static void put_inputs(struct jc_json_writer *w, const struct jc_kind *kind) {
  if (kind->max_inputs == 0)
    return;
  if (kind->min_inputs == 1 && kind->max_inputs == 1) {
    put_ref(w, "inputs", "#/$defs/one_name");
    return;
  }
  jc_put_inline_object(w, "inputs");
  jc_put_string(w, "description", "names of layers or inputs further up");
  if (kind->min_inputs > 1)
    jc_put_string(w, "type", "array");
  else
    put_list(w, "type", "array", "string");
  jc_put_uint(w, "minItems", kind->min_inputs);
  if (kind->max_inputs != JC_ANY_INPUTS)
    jc_put_uint(w, "maxItems", kind->max_inputs);
  put_ref(w, "items", ref_name);
  if (kind->min_inputs <= 1)
    jc_put_string(w, "pattern", "^" NAME_PATTERN "$");
  jc_put_end(w);
}

static void put_kind(struct jc_json_writer *w, const struct jc_kind *kind) {
  char definition[80];
  (void)snprintf(definition, sizeof definition, "layer.%s", kind->name);
  put_struct(w, definition, kind->summary);
  put_ref(w, "name", "#/$defs/item_name");
  jc_put_inline_object(w, "type");
  jc_put_string(w, "const", kind->name);
  jc_put_end(w);
  put_inputs(w, kind);
  for (uint32_t i = 0; i < kind->field_count; i++)
    put_field(w, kind, &kind->fields[i]);
  put_ref(w, "trainable", "#/$defs/trainable");
  put_ref(w, "weight_from", "#/$defs/weight_from");
  put_ref(w, "when", "#/$defs/when");
  jc_put_end(w);
  jc_put_inline_array(w, "required");
  jc_put_string(w, NULL, "name");
  jc_put_string(w, NULL, "type");
  if (kind->min_inputs > 1)
    jc_put_string(w, NULL, "inputs");
  for (uint32_t i = 0; i < kind->field_count; i++)
    if (kind->fields[i].required)
      jc_put_string(w, NULL, kind->fields[i].name);
  jc_put_end(w);
  end_struct(w);
}

/* Where nothing but the kind's name is known yet, an editor offers all of them. */
static void put_layer(struct jc_json_writer *w) {
  jc_put_object(w, "layer");
  jc_put_string(w, "type", "object");
  jc_put_object(w, "properties");
  jc_put_object(w, "type");
  jc_put_string(w, "description", "the kind of layer");
  jc_put_inline_array(w, "enum");
  for (int k = 0; k < JC_LAYER_KIND_COUNT; k++)
    jc_put_string(w, NULL, jc_kind_get((enum jc_layer_kind)k)->name);
  jc_put_end(w);
  jc_put_end(w);
  jc_put_end(w);
  put_list(w, "required", "name", "type");
  jc_put_array(w, "allOf");
  for (int k = 0; k < JC_LAYER_KIND_COUNT; k++) {
    const char *name = jc_kind_get((enum jc_layer_kind)k)->name;
    char definition[80];
    (void)snprintf(definition, sizeof definition, "#/$defs/layer.%s", name);
    jc_put_inline_object(w, NULL);
    jc_put_inline_object(w, "if");
    put_list(w, "required", "type");
    jc_put_inline_object(w, "properties");
    jc_put_inline_object(w, "type");
    jc_put_string(w, "const", name);
    jc_put_end(w);
    jc_put_end(w);
    jc_put_end(w);
    put_ref(w, "then", definition);
    jc_put_end(w);
  }
  jc_put_end(w);
  jc_put_end(w);
}

/* ---- repeats and uses ---- */

static void put_condition(struct jc_json_writer *w, const char *key, const char *then) {
  jc_put_inline_object(w, "if");
  put_list(w, "required", key);
  jc_put_end(w);
  put_ref(w, "then", then);
}

static void put_item(struct jc_json_writer *w) {
  jc_put_object(w, "item");
  jc_put_string(w, "type", "object");
  jc_put_string(w, "description", "a layer, a repeat of layers, or a use of a block");
  put_condition(w, "block", "#/$defs/use");
  jc_put_object(w, "else");
  put_condition(w, "repeat", "#/$defs/repeat");
  put_ref(w, "else", "#/$defs/layer");
  jc_put_end(w);
  jc_put_end(w);
}

static void put_repeat(struct jc_json_writer *w) {
  static const struct jc_field repeat = {
      .name = "repeat",
      .type = JC_FIELD_UINT,
      .required = true,
      .maximum = JC_MAX_LAYERS,
      .help = "how many copies; none stands for the input",
  };
  put_struct(w, "repeat", "copies of layers in a row, each on the output of the one before");
  put_ref(w, "name", "#/$defs/item_name");
  put_field(w, NULL, &repeat);
  put_ref(w, "inputs", "#/$defs/one_name");
  put_ref(w, "layers", "#/$defs/items");
  jc_put_end(w);
  put_list(w, "required", "name", "repeat", "layers");
  end_struct(w);
}

static void put_use(struct jc_json_writer *w) {
  put_struct(w, "use",
             "the layers of a block; every further key is a value for its parameter of that name");
  put_ref(w, "block", ref_name);
  put_ref(w, "name", "#/$defs/item_name");
  put_ref(w, "inputs", "#/$defs/one_name");
  jc_put_bool(w, "type", false);
  jc_put_bool(w, "repeat", false);
  jc_put_bool(w, "layers", false);
  jc_put_end(w);
  put_list(w, "required", "block", "name");
  jc_put_end(w);
}

static void put_blocks(struct jc_json_writer *w) {
  put_map(w, "blocks", JC_MAX_MODEL_BLOCKS, "groups of layers to be used by name");
  put_struct(w, "additionalProperties", NULL);
  put_map(w, "params", JC_MAX_MODEL_PARAMS,
          "parameters: the default of each, or null if every use must give it");
  jc_put_inline_object(w, "not");
  jc_put_inline_array(w, "anyOf");
  for (const char *const *key = jc_item_keys; *key; key++) {
    jc_put_inline_object(w, NULL);
    put_list(w, "required", *key);
    jc_put_end(w);
  }
  jc_put_end(w);
  jc_put_end(w);
  jc_put_end(w);
  put_ref(w, "layers", "#/$defs/items");
  jc_put_end(w);
  put_list(w, "required", "layers");
  end_struct(w);
  jc_put_end(w);
}

/* ---- the head of a file ---- */

static void put_training(struct jc_json_writer *w) {
  const size_t longest = sizeof((struct jc_training_defaults *)0)->dataset - 1;
  put_struct(w, "training", "defaults of a training run");
  put_text(w, "dataset", longest, "name of the data set, a label");
  put_count(w, "samples", 1, JC_MAX_SAMPLES, "training samples of an epoch");
  put_count(w, "val_samples", 0, JC_MAX_SAMPLES, "samples run forward after each epoch");
  put_count(w, "epochs", 1, JC_MAX_EPOCHS, "passes over the samples");
  put_count(w, "batch_size", 1, JC_MAX_BATCH_SIZE, "samples of a step");
  jc_put_end(w);
  end_struct(w);
}

static void put_expect(struct jc_json_writer *w) {
  put_struct(w, "expect", "what the counts must be: a file with others is refused");
  put_count(w, "params", 0, UINT64_MAX, "parameters");
  put_count(w, "forward_macs", 0, UINT64_MAX, "multiply-accumulates of one sample, forward");
  jc_put_end(w);
  end_struct(w);
}

static void put_dimensions(struct jc_json_writer *w) {
  jc_put_uint(w, "minItems", 1);
  jc_put_uint(w, "maxItems", JC_MAX_RANK);
  put_count(w, "items", 1, INT32_MAX, NULL);
}

/* A shape, or named tensors. */
static void put_input(struct jc_json_writer *w) {
  jc_put_object(w, "input");
  jc_put_string(w, "description", "shape of one sample, or {name: {shape, dtype}}");
  put_list(w, "type", "array", "object");
  put_dimensions(w);
  jc_put_uint(w, "minProperties", 1);
  jc_put_uint(w, "maxProperties", JC_MAX_NETWORK_INPUTS);
  put_ref(w, "propertyNames", ref_name);
  put_struct(w, "additionalProperties", NULL);
  jc_put_object(w, "shape");
  jc_put_string(w, "type", "array");
  put_dimensions(w);
  jc_put_end(w);
  jc_put_inline_object(w, "dtype");
  put_list(w, "enum", "float32", "int32");
  jc_put_string(w, "default", "float32");
  jc_put_end(w);
  jc_put_end(w);
  put_list(w, "required", "shape");
  end_struct(w);
  jc_put_end(w);
}

static void put_params(struct jc_json_writer *w, const char *key, const char *description) {
  put_map(w, key, JC_MAX_MODEL_PARAMS, description);
  put_ref(w, "additionalProperties", "#/$defs/plain");
  jc_put_end(w);
}

static void put_variants(struct jc_json_writer *w) {
  put_map(w, "variants", JC_MAX_MODEL_VARIANTS,
          "other settings of the same file, named MODEL:VARIANT");
  put_struct(w, "additionalProperties", NULL);
  put_params(w, "params", "values in place of the defaults");
  put_ref(w, "input", "#/$defs/input");
  put_ref(w, "expect", "#/$defs/expect");
  put_ref(w, "training", "#/$defs/training");
  jc_put_end(w);
  end_struct(w);
  jc_put_end(w);
}

static void put_outputs(struct jc_json_writer *w) {
  jc_put_object(w, "outputs");
  jc_put_string(w, "type", "array");
  jc_put_string(w, "description", "names of the network's heads; default: the last layer");
  jc_put_uint(w, "minItems", 1);
  jc_put_uint(w, "maxItems", JC_MAX_NETWORK_OUTPUTS);
  jc_put_bool(w, "uniqueItems", true);
  put_ref(w, "items", ref_name);
  jc_put_end(w);
}

static void put_file(struct jc_json_writer *w) {
  jc_put_object(w, "properties");
  jc_put_inline_object(w, "schema");
  jc_put_string(w, "const", JC_MODEL_SCHEMA);
  jc_put_end(w);
  put_text(w, "name", JC_MAX_MODEL_TITLE, "how reports call the network");
  put_text(w, "source", JC_MAX_MODEL_TITLE, "where the architecture comes from");
  put_ref(w, "training", "#/$defs/training");
  put_ref(w, "expect", "#/$defs/expect");
  put_ref(w, "input", "#/$defs/input");
  put_params(w, "params", "parameters of the layers and their defaults, for \"$name\"");
  put_variants(w);
  put_blocks(w);
  put_ref(w, "layers", "#/$defs/items");
  put_outputs(w);
  jc_put_end(w);
  put_list(w, "required", "schema", "name", "input", "layers");
  jc_put_bool(w, "additionalProperties", false);
}

/* ---- definitions ---- */

static void put_names(struct jc_json_writer *w) {
  jc_put_inline_object(w, "name");
  jc_put_string(w, "type", "string");
  jc_put_string(w, "pattern", "^" NAME_PATTERN "$");
  jc_put_uint(w, "maxLength", JC_MAX_LAYER_NAME);
  jc_put_end(w);
  jc_put_inline_object(w, "item_name");
  jc_put_string(w, "description", "unique among its neighbours; not 'input'");
  jc_put_string(w, "$ref", ref_name);
  jc_put_inline_object(w, "not");
  jc_put_string(w, "const", "input");
  jc_put_end(w);
  jc_put_end(w);
  jc_put_inline_object(w, "one_name");
  jc_put_string(w, "description",
                "name of a layer or an input further up; default: the one before");
  put_list(w, "type", "string", "array");
  jc_put_string(w, "pattern", "^" NAME_PATTERN "$");
  jc_put_uint(w, "minItems", 1);
  jc_put_uint(w, "maxItems", 1);
  put_ref(w, "items", ref_name);
  jc_put_end(w);
}

/* Of every layer. */
static void put_common_keys(struct jc_json_writer *w) {
  static const struct jc_field trainable = {
      .name = "trainable",
      .type = JC_FIELD_BOOL,
      .default_value = 1,
      .help = "false freezes the layer's parameters: no gradient, no update",
  };
  put_field(w, NULL, &trainable);
  jc_put_inline_object(w, "weight_from");
  jc_put_string(w, "description", "an earlier layer whose parameters are used (tied weights)");
  jc_put_string(w, "$ref", ref_name);
  jc_put_end(w);
  jc_put_inline_object(w, "when");
  jc_put_string(w, "description", "in training only, as an auxiliary head; default: always");
  jc_put_string(w, "const", "training");
  jc_put_end(w);
}

static void put_values(struct jc_json_writer *w) {
  jc_put_inline_object(w, "param");
  jc_put_string(w, "type", "string");
  jc_put_string(w, "description", "the value of a parameter");
  jc_put_string(w, "pattern", "^" PARAM_PATTERN "$");
  jc_put_end(w);
  jc_put_inline_object(w, "plain");
  put_list(w, "type", "number", "boolean", "string", "array");
  jc_put_string(w, "pattern", "^([^$]|$)");
  jc_put_inline_object(w, "items");
  put_list(w, "type", "number", "boolean", "string");
  jc_put_string(w, "pattern", "^([^$]|$)");
  jc_put_end(w);
  jc_put_end(w);
}

static void put_definitions(struct jc_json_writer *w) {
  jc_put_object(w, "$defs");
  put_names(w);
  put_values(w);
  put_common_keys(w);
  put_training(w);
  put_expect(w);
  put_input(w);
  jc_put_inline_object(w, "items");
  jc_put_string(w, "type", "array");
  jc_put_uint(w, "minItems", 1);
  put_ref(w, "items", "#/$defs/item");
  jc_put_end(w);
  put_item(w);
  put_use(w);
  put_repeat(w);
  put_layer(w);
  for (int k = 0; k < JC_LAYER_KIND_COUNT; k++)
    put_kind(w, jc_kind_get((enum jc_layer_kind)k));
  jc_put_end(w);
}

enum jc_status jc_model_schema(char **text, struct jc_error *error) {
  struct jc_json_writer writer, *w = &writer;
  jc_put_start(w, JC_JSON_PRETTY);
  jc_put_object(w, NULL);
  jc_put_string(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
  jc_put_string(w, "title", JC_MODEL_SCHEMA);
  jc_put_string(w, "description",
                "A neural network, as models/README.md describes it; made by `joulecast list "
                "layers --schema`. joulecast's own reader checks more: names, shapes, counts.");
  jc_put_string(w, "type", "object");
  put_file(w);
  put_definitions(w);
  jc_put_end(w);
  return jc_put_finish(w, text, NULL, error);
}
