/* test_layers.c -- the catalogue of layer kinds: its tables, its messages, its helpers. */
#include "tests/small_networks.h"

#include <ctype.h>

/* ---- the catalogue ---- */

static const char *const kind_names[] = {
#define X(name, fields) #name,
    JC_LAYER_KINDS(X)
#undef X
};

static size_t field_size(enum jc_field_type type) {
  switch (type) {
  case JC_FIELD_UINT:
  case JC_FIELD_GROUPS:
  case JC_FIELD_CHOICE:
    return sizeof(uint32_t);
  case JC_FIELD_INT:
  case JC_FIELD_DIM:
    return sizeof(int32_t);
  case JC_FIELD_PADDING:
    return sizeof(struct jc_padding);
  case JC_FIELD_BOOL:
    return sizeof(bool);
  case JC_FIELD_REAL:
    return sizeof(double);
  case JC_FIELD_EXTENT:
    return sizeof(struct jc_extent);
  case JC_FIELD_INT_LIST:
  case JC_FIELD_INTS:
    return sizeof(struct jc_int_list);
  }
  cr_assert(false, "field type %d is unknown", (int)type);
  return 0;
}

/* A sentence for a table: something, on one line, without a full stop. */
static void assert_sentence(const char *text, const char *owner) {
  cr_assert_not_null(text, "%s", owner);
  const size_t length = strlen(text);
  cr_assert(length > 1, "%s: '%s'", owner, text);
  cr_assert(text[length - 1] != '.' && !isspace((unsigned char)text[length - 1]), "%s: '%s'", owner,
            text);
  cr_assert_null(strchr(text, '\n'), "%s: '%s'", owner, text);
}

Test(catalogue, every_kind_has_its_block) {
  for (int i = 0; i < JC_LAYER_KIND_COUNT; i++) {
    const struct jc_kind *kind = jc_kind_get((enum jc_layer_kind)i);
    cr_assert_not_null(kind, "%s", kind_names[i]);
    cr_assert_str_eq(kind->name, kind_names[i]);
    assert_sentence(kind->summary, kind->name);
    cr_assert(kind->shape != NULL && kind->cost != NULL, "%s", kind->name);
    cr_assert(kind->max_inputs >= kind->min_inputs, "%s", kind->name);
    cr_assert((kind->field_count == 0) == (kind->fields == NULL), "%s", kind->name);
  }
}

Test(catalogue, names_are_unique_and_found) {
  for (int i = 0; i < JC_LAYER_KIND_COUNT; i++) {
    cr_assert_eq(jc_kind_find(kind_names[i]), (enum jc_layer_kind)i, "%s", kind_names[i]);
    for (int k = 0; k < i; k++)
      cr_assert_str_neq(kind_names[i], kind_names[k]);
  }
  cr_assert_eq(jc_kind_find("Conv2d"), JC_LAYER_KIND_COUNT, "names are case-sensitive");
  cr_assert_eq(jc_kind_find("conv"), JC_LAYER_KIND_COUNT);
  cr_assert_eq(jc_kind_find("conv2d "), JC_LAYER_KIND_COUNT);
  cr_assert_eq(jc_kind_find(""), JC_LAYER_KIND_COUNT);
}

/* The kinds that the project begins with; a catalogue may grow, but none of these may go. */
Test(catalogue, has_the_first_kinds) {
  static const char *const first[] = {
      "conv2d",  "linear",  "batchnorm2d", "relu",   "relu6", "maxpool2d", "avgpool2d",
      "flatten", "dropout", "add",         "concat", "pad",   "softmax",   "adaptive_avgpool2d"};
  for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
    cr_assert(jc_kind_find(first[i]) < JC_LAYER_KIND_COUNT, "%s", first[i]);
}

static bool is_signed(enum jc_field_type type) {
  return type == JC_FIELD_INT || type == JC_FIELD_DIM || type == JC_FIELD_INT_LIST ||
         type == JC_FIELD_INTS;
}

/* Several words, each once, of which the default is one. */
static void check_choices(const struct jc_kind *kind, const struct jc_field *field) {
  uint32_t count = 0;
  cr_assert_not_null(field->choices, "%s.%s", kind->name, field->name);
  for (; field->choices[count] != NULL; count++)
    for (uint32_t i = 0; i < count; i++)
      cr_assert_str_neq(field->choices[i], field->choices[count]);
  cr_assert(count >= 2 && field->default_value >= 0 && field->default_value < count, "%s.%s",
            kind->name, field->name);
}

static void check_field(const struct jc_kind *kind, const struct jc_field *field) {
  cr_assert_not_null(field->name, "%s", kind->name);
  assert_sentence(field->help, field->name);
  cr_assert(field->offset + field_size(field->type) <= sizeof(union jc_layer_fields), "%s.%s",
            kind->name, field->name);
  switch (field->type) {
  case JC_FIELD_BOOL:
    cr_assert(field->default_value == 0 || field->default_value == 1, "%s.%s", kind->name,
              field->name);
    return;
  case JC_FIELD_CHOICE:
    check_choices(kind, field);
    return;
  default:
    break;
  }
  cr_assert(field->minimum <= field->maximum, "%s.%s", kind->name, field->name);
  cr_assert_null(field->choices, "%s.%s", kind->name, field->name);
  if (field->type != JC_FIELD_REAL) {
    cr_assert(field->minimum >= (is_signed(field->type) ? INT32_MIN : 0), "%s.%s", kind->name,
              field->name);
    cr_assert(field->maximum <= INT32_MAX, "%s.%s", kind->name, field->name);
  }
  const bool is_list = field->type == JC_FIELD_INT_LIST || field->type == JC_FIELD_INTS;
  if (!field->required && !field->defaults_to_kernel_size && !is_list) {
    cr_assert(field->default_value >= field->minimum && field->default_value <= field->maximum,
              "%s.%s", kind->name, field->name);
  }
  cr_assert(field->type != JC_FIELD_DIM || field->required || field->default_value != 0,
            "%s.%s is the batch", kind->name, field->name);
  cr_assert((field->type != JC_FIELD_EXTENT && field->type != JC_FIELD_PADDING) ||
                (kind->spatial_rank >= 1 && kind->spatial_rank <= JC_MAX_SPATIAL),
            "%s.%s: an extent of how many dimensions", kind->name, field->name);
}

static const struct jc_field *find_field(const char *kind, const char *name) {
  const struct jc_kind *block = jc_kind_get(jc_kind_find(kind));
  for (uint32_t i = 0; i < block->field_count; i++) {
    if (strcmp(block->fields[i].name, name) == 0)
      return &block->fields[i];
  }
  return NULL;
}

Test(catalogue, fields_are_valid) {
  for (int i = 0; i < JC_LAYER_KIND_COUNT; i++) {
    const struct jc_kind *kind = jc_kind_get((enum jc_layer_kind)i);
    for (uint32_t k = 0; k < kind->field_count; k++) {
      const struct jc_field *field = &kind->fields[k];
      check_field(kind, field);
      for (uint32_t j = 0; j < k; j++) {
        const struct jc_field *other = &kind->fields[j];
        cr_assert_str_neq(field->name, other->name);
        cr_assert(field->offset + field_size(field->type) <= other->offset ||
                      other->offset + field_size(other->type) <= field->offset,
                  "%s: %s and %s overlap", kind->name, field->name, other->name);
      }
      if (field->defaults_to_kernel_size) {
        const struct jc_field *kernel = find_field(kind->name, "kernel_size");
        cr_assert(kernel != NULL && kernel->required && kernel->type == field->type, "%s.%s",
                  kind->name, field->name);
      }
    }
  }
}

/* The keys that every layer of a model file has are no names for a field. */
Test(catalogue, fields_do_not_shadow_layer_keys) {
  static const char *const taken[] = {"name",        "type", "inputs", "trainable",
                                      "weight_from", "when", "block",  "repeat"};
  for (int i = 0; i < JC_LAYER_KIND_COUNT; i++) {
    for (size_t k = 0; k < sizeof(taken) / sizeof(taken[0]); k++)
      cr_assert_null(find_field(kind_names[i], taken[k]), "%s.%s", kind_names[i], taken[k]);
  }
}

Test(catalogue, variants_are_unique) {
  for (int i = 0; i < JC_LAYER_KIND_COUNT; i++) {
    const struct jc_kind *kind = jc_kind_get((enum jc_layer_kind)i);
    bool ended = false;
    cr_assert_str_eq(jc_kind_variant(kind, 0), kind->name);
    for (uint32_t v = 1; v < JC_MAX_VARIANTS; v++) {
      const char *variant = jc_kind_variant(kind, v);
      cr_assert(!(ended && variant != NULL), "%s: a gap before %s", kind->name, variant);
      ended = variant == NULL;
      if (ended)
        continue;
      cr_assert(strncmp(variant, kind->name, strlen(kind->name)) == 0 &&
                    variant[strlen(kind->name)] == '.',
                "%s", variant);
      for (uint32_t j = 1; j < v; j++)
        cr_assert_str_neq(variant, jc_kind_variant(kind, j));
    }
    const struct jc_kind *into = jc_kind_get((enum jc_layer_kind)kind->fuses_into);
    if (kind->fuses_into != 0)
      cr_assert_not_null(jc_kind_variant(into, into->fused_variant));
  }
}

/* Defaults of torch.nn's modules and torch.nn.functional.normalize (PyTorch 1.13.1,
 * inspect.signature; rmsnorm's is that of the models which use it). Where PyTorch has none, the
 * channels are meant, the first piece, the square. */
static const struct pytorch_default {
  const char *kind, *field;
  enum jc_field_type type;
  bool required, from_kernel;
  double value;
} pytorch_defaults[] = {
    {"conv2d", "out_channels", JC_FIELD_UINT, true, false, 0},
    {"conv2d", "kernel_size", JC_FIELD_EXTENT, true, false, 0},
    {"conv2d", "stride", JC_FIELD_EXTENT, false, false, 1},
    {"conv2d", "padding", JC_FIELD_PADDING, false, false, 0},
    {"conv1d", "padding", JC_FIELD_PADDING, false, false, 0},
    {"conv3d", "stride", JC_FIELD_EXTENT, false, false, 1},
    {"conv_transpose2d", "stride", JC_FIELD_EXTENT, false, false, 1},
    {"conv_transpose2d", "padding", JC_FIELD_EXTENT, false, false, 0},
    {"conv_transpose2d", "output_padding", JC_FIELD_EXTENT, false, false, 0},
    {"conv_transpose2d", "dilation", JC_FIELD_EXTENT, false, false, 1},
    {"conv_transpose2d", "groups", JC_FIELD_GROUPS, false, false, 1},
    {"conv_transpose2d", "bias", JC_FIELD_BOOL, false, false, 1},
    {"multihead_attention", "num_heads", JC_FIELD_UINT, true, false, 0},
    {"multihead_attention", "bias", JC_FIELD_BOOL, false, false, 1},
    {"multihead_attention", "causal", JC_FIELD_BOOL, false, false, 0},
    {"multihead_attention", "dropout", JC_FIELD_REAL, false, false, 0},
    {"scaled_dot_product_attention", "is_causal", JC_FIELD_BOOL, false, false, 0},
    {"scaled_dot_product_attention", "dropout_p", JC_FIELD_REAL, false, false, 0},
    {"embedding", "num_embeddings", JC_FIELD_UINT, true, false, 0},
    {"embedding", "embedding_dim", JC_FIELD_UINT, true, false, 0},
    {"position_embedding", "num_embeddings", JC_FIELD_UINT, true, false, 0},
    {"parameter", "shape", JC_FIELD_INT_LIST, true, false, 0},
    {"constant", "shape", JC_FIELD_INT_LIST, true, false, 0},
    {"layernorm", "normalized_dims", JC_FIELD_UINT, false, false, 1},
    {"layernorm", "eps", JC_FIELD_REAL, false, false, 1e-5},
    {"layernorm", "elementwise_affine", JC_FIELD_BOOL, false, false, 1},
    {"layernorm", "bias", JC_FIELD_BOOL, false, false, 1},
    {"groupnorm", "num_groups", JC_FIELD_UINT, true, false, 0},
    {"groupnorm", "eps", JC_FIELD_REAL, false, false, 1e-5},
    {"groupnorm", "affine", JC_FIELD_BOOL, false, false, 1},
    {"instancenorm", "eps", JC_FIELD_REAL, false, false, 1e-5},
    {"instancenorm", "affine", JC_FIELD_BOOL, false, false, 0},
    {"instancenorm", "track_running_stats", JC_FIELD_BOOL, false, false, 0},
    {"rmsnorm", "normalized_dims", JC_FIELD_UINT, false, false, 1},
    {"rmsnorm", "eps", JC_FIELD_REAL, false, false, 1e-6},
    {"rmsnorm", "elementwise_affine", JC_FIELD_BOOL, false, false, 1},
    {"normalize", "p", JC_FIELD_REAL, false, false, 2},
    {"normalize", "dim", JC_FIELD_DIM, false, false, 1},
    {"leaky_relu", "negative_slope", JC_FIELD_REAL, false, false, 0.01},
    {"prelu", "num_parameters", JC_FIELD_UINT, false, false, 1},
    {"elu", "alpha", JC_FIELD_REAL, false, false, 1},
    {"celu", "alpha", JC_FIELD_REAL, false, false, 1},
    {"gelu", "approximate", JC_FIELD_CHOICE, false, false, 0},
    {"hardtanh", "min_val", JC_FIELD_REAL, false, false, -1},
    {"hardtanh", "max_val", JC_FIELD_REAL, false, false, 1},
    {"pow", "exponent", JC_FIELD_REAL, false, false, 2},
    {"clamp", "min", JC_FIELD_REAL, false, false, -1e30},
    {"clamp", "max", JC_FIELD_REAL, false, false, 1e30},
    {"log_softmax", "dim", JC_FIELD_DIM, false, false, 1},
    {"maxpool3d", "stride", JC_FIELD_EXTENT, false, true, 0},
    {"avgpool1d", "stride", JC_FIELD_EXTENT, false, true, 0},
    {"avgpool3d", "count_include_pad", JC_FIELD_BOOL, false, false, 1},
    {"adaptive_maxpool3d", "output_size", JC_FIELD_EXTENT, true, false, 0},
    {"mean", "dim", JC_FIELD_INTS, false, false, 0},
    {"norm", "keepdim", JC_FIELD_BOOL, false, false, 0},
    {"stack", "dim", JC_FIELD_DIM, false, false, 1},
    {"split", "split_size", JC_FIELD_UINT, true, false, 0},
    {"split", "dim", JC_FIELD_DIM, false, false, 1},
    {"split", "index", JC_FIELD_UINT, false, false, 0},
    {"chunk", "chunks", JC_FIELD_UINT, true, false, 0},
    {"slice", "start", JC_FIELD_INT, false, false, 0},
    {"slice", "end", JC_FIELD_INT, false, false, INT32_MAX},
    {"slice", "step", JC_FIELD_UINT, false, false, 1},
    {"select", "index", JC_FIELD_INT, false, false, 0},
    {"index_select", "dim", JC_FIELD_DIM, false, false, 1},
    {"flatten", "start_dim", JC_FIELD_DIM, false, false, 1},
    {"flatten", "end_dim", JC_FIELD_DIM, false, false, -1},
    {"unflatten", "unflattened_size", JC_FIELD_INT_LIST, true, false, 0},
    {"reshape", "shape", JC_FIELD_INT_LIST, true, false, 0},
    {"permute", "dims", JC_FIELD_INT_LIST, true, false, 0},
    {"transpose", "dim0", JC_FIELD_DIM, true, false, 0},
    {"squeeze", "dim", JC_FIELD_DIM, true, false, 0},
    {"unsqueeze", "dim", JC_FIELD_DIM, true, false, 0},
    {"expand", "shape", JC_FIELD_INT_LIST, true, false, 0},
    {"roll", "shifts", JC_FIELD_INTS, true, false, 0},
    {"roll", "dims", JC_FIELD_INTS, true, false, 0},
    {"pad", "mode", JC_FIELD_CHOICE, false, false, 0},
    {"channel_shuffle", "groups", JC_FIELD_UINT, true, false, 0},
    {"pixel_shuffle", "upscale_factor", JC_FIELD_UINT, true, false, 0},
    {"pixel_unshuffle", "downscale_factor", JC_FIELD_UINT, true, false, 0},
    {"upsample", "size", JC_FIELD_INTS, false, false, 0},
    {"upsample", "scale_factor", JC_FIELD_REAL, false, false, 0},
    {"upsample", "mode", JC_FIELD_CHOICE, false, false, 0},
    {"upsample", "align_corners", JC_FIELD_BOOL, false, false, 0},
    {"stochastic_depth", "p", JC_FIELD_REAL, true, false, 0},
    {"stochastic_depth", "mode", JC_FIELD_CHOICE, false, false, 0},
    {"batchnorm1d", "track_running_stats", JC_FIELD_BOOL, false, false, 1},
    {"conv2d", "dilation", JC_FIELD_EXTENT, false, false, 1},
    {"conv2d", "groups", JC_FIELD_GROUPS, false, false, 1},
    {"conv2d", "bias", JC_FIELD_BOOL, false, false, 1},
    {"linear", "out_features", JC_FIELD_UINT, true, false, 0},
    {"linear", "bias", JC_FIELD_BOOL, false, false, 1},
    {"batchnorm2d", "eps", JC_FIELD_REAL, false, false, 1e-5},
    {"batchnorm2d", "momentum", JC_FIELD_REAL, false, false, 0.1},
    {"batchnorm2d", "affine", JC_FIELD_BOOL, false, false, 1},
    {"maxpool2d", "kernel_size", JC_FIELD_EXTENT, true, false, 0},
    {"maxpool2d", "stride", JC_FIELD_EXTENT, false, true, 0},
    {"maxpool2d", "padding", JC_FIELD_EXTENT, false, false, 0},
    {"maxpool2d", "dilation", JC_FIELD_EXTENT, false, false, 1},
    {"maxpool2d", "ceil_mode", JC_FIELD_BOOL, false, false, 0},
    {"avgpool2d", "kernel_size", JC_FIELD_EXTENT, true, false, 0},
    {"avgpool2d", "stride", JC_FIELD_EXTENT, false, true, 0},
    {"avgpool2d", "padding", JC_FIELD_EXTENT, false, false, 0},
    {"avgpool2d", "ceil_mode", JC_FIELD_BOOL, false, false, 0},
    {"avgpool2d", "count_include_pad", JC_FIELD_BOOL, false, false, 1},
    {"adaptive_avgpool2d", "output_size", JC_FIELD_EXTENT, true, false, 0},
    {"dropout", "p", JC_FIELD_REAL, false, false, 0.5},
    {"concat", "dim", JC_FIELD_DIM, false, false, 1},
    {"pad", "padding", JC_FIELD_INT_LIST, true, false, 0},
    {"pad", "value", JC_FIELD_REAL, false, false, 0},
    {"softmax", "dim", JC_FIELD_DIM, false, false, 1},
};

Test(catalogue, defaults_are_pytorchs) {
  for (size_t i = 0; i < sizeof(pytorch_defaults) / sizeof(pytorch_defaults[0]); i++) {
    const struct pytorch_default *row = &pytorch_defaults[i];
    const struct jc_field *field = find_field(row->kind, row->field);
    cr_assert_not_null(field, "%s.%s", row->kind, row->field);
    cr_assert_eq(field->type, row->type, "%s.%s", row->kind, row->field);
    cr_assert_eq(field->required, row->required, "%s.%s", row->kind, row->field);
    cr_assert_eq(field->defaults_to_kernel_size, row->from_kernel, "%s.%s", row->kind, row->field);
    cr_assert(row->required || field->default_value == row->value, "%s.%s", row->kind, row->field);
  }
}

/* ---- messages ---- */

static const uint32_t image_8[] = {3, 8, 8};

Test(messages, shapes_that_differ) {
  static struct sketch s;
  sketch_begin(&s, "bad", 3, (const uint32_t[]){16, 16, 16});
  const uint32_t a = sketch_then(&s, "a", JC_LAYER_conv2d, conv(64, 3, 1, 1));
  const uint32_t b = sketch_then(&s, "b", JC_LAYER_conv2d, conv(128, 3, 2, 1));
  (void)sketch_add(&s, "c", JC_LAYER_relu, no_fields(), 1, &a);
  (void)sketch_add(&s, "d", JC_LAYER_relu, no_fields(), 1, &b);
  (void)sketch_add(&s, "sum", JC_LAYER_add, no_fields(), 2, (const uint32_t[]){a, b});
  sketch_expect_error(&s, JC_ERROR_INVALID,
                      "line 6: layers[4].inputs: shapes 64x16x16 and 128x8x8 differ");
  jc_error_name_file(&s.error, "models/foo.json");
  char text[256];
  cr_assert_str_eq(jc_error_format(&s.error, text, sizeof(text)),
                   "models/foo.json:6: layers[4].inputs: shapes 64x16x16 and 128x8x8 differ");
}

Test(messages, place_of_every_kind_of_fault) {
  static struct sketch s;
  sketch_begin(&s, "window", 3, image_8);
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv(4, 9, 1, 0));
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  cr_assert_str_eq(s.error.path, "layers[0].kernel_size");
  cr_assert_not_null(strstr(s.error.text, "9x9"), "the window: %s", s.error.text);
  cr_assert_not_null(strstr(s.error.text, "8x8"), "the input: %s", s.error.text);

  sketch_begin(&s, "padding", 3, image_8);
  (void)sketch_then(&s, "relu", JC_LAYER_relu, no_fields());
  (void)sketch_then(&s, "pool", JC_LAYER_maxpool2d, maxpool(3, 2, 2));
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  cr_assert_str_eq(s.error.path, "layers[1].padding");
  cr_assert_eq(s.error.line, 3);

  sketch_begin(&s, "groups", 3, image_8);
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv_groups(4, 3, 1, 2));
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  cr_assert_str_eq(s.error.path, "layers[0].groups");

  sketch_begin(&s, "rank", 1, (const uint32_t[]){100});
  (void)sketch_then(&s, "conv", JC_LAYER_conv2d, conv(4, 3, 1, 1));
  sketch_expect_error(&s, JC_ERROR_INVALID,
                      "line 2: layers[0].inputs: expected a tensor of channels x height x width, "
                      "got 100");

  sketch_begin(&s, "dim", 3, image_8);
  (void)sketch_then(&s, "softmax", JC_LAYER_softmax, softmax(5));
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  cr_assert_str_eq(s.error.path, "layers[0].dim");
}

/* A place inside a block or repeat stands for several layers, so the layer is named too. */
Test(messages, expanded_layers_are_named) {
  static struct sketch s;
  sketch_begin(&s, "stage", 3, image_8);
  (void)sketch_then(&s, "stage.2.conv1", JC_LAYER_conv2d, conv(4, 9, 1, 0));
  s.layers[0].where = "blocks.basic.layers[1]";
  s.layers[0].line = 17;
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  cr_assert_eq(s.error.line, 17);
  cr_assert_str_eq(s.error.path, "blocks.basic.layers[1].kernel_size");
  cr_assert_not_null(strstr(s.error.text, "stage.2.conv1"), "%s", s.error.text);
}

/* Without a file there is no place, but still a name. */
Test(messages, hand_made_layers_are_named) {
  static struct sketch s;
  sketch_begin(&s, "hand", 3, image_8);
  (void)sketch_then(&s, "first", JC_LAYER_conv2d, conv(4, 9, 1, 0));
  s.layers[0].where = NULL;
  s.layers[0].line = 0;
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  cr_assert_str_eq(s.error.path, "first.kernel_size");
}

/* Names of ours reach a terminal; control characters of a file must not. */
Test(messages, echoed_names_have_no_control_characters) {
  static struct sketch s;
  sketch_begin(&s, "escape", 3, image_8);
  (void)sketch_then(&s, "a.\x1b[31mb", JC_LAYER_conv2d, conv(4, 9, 1, 0));
  char text[1024];
  cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID);
  (void)jc_error_format(&s.error, text, sizeof(text));
  for (const char *c = text; *c != '\0'; c++)
    cr_assert((unsigned char)*c >= 0x20 && *c != 0x7f, "control character in '%s'", text);
}

/* Every message the core has: lower case, no full stop, no newline. */
Test(messages, form) {
  static const int32_t crop[] = {-9, 0};
  static struct sketch s;
  for (int i = 0; i < 6; i++) {
    sketch_begin(&s, "form", 3, image_8);
    switch (i) {
    case 0:
      (void)sketch_then(&s, "x", JC_LAYER_conv2d, conv(4, 9, 1, 0));
      break;
    case 1:
      (void)sketch_then(&s, "x", JC_LAYER_conv2d, conv_groups(4, 3, 1, 2));
      break;
    case 2:
      (void)sketch_then(&s, "x", JC_LAYER_pad, pad(2, crop));
      break;
    case 3:
      (void)sketch_then(&s, "x", JC_LAYER_softmax, softmax(6));
      break;
    case 4:
      (void)sketch_then(&s, "x", JC_LAYER_avgpool2d, avgpool(3, 3, 2));
      break;
    default:
      (void)sketch_then(&s, "x", JC_LAYER_linear, linear(10, true));
      (void)sketch_then(&s, "y", JC_LAYER_linear, linear(10, true));
      sketch_last(&s)->weight_from = 0; /* 80 weights there, 100 here */
    }
    cr_assert_eq(sketch_try(&s), JC_ERROR_INVALID, "case %d", i);
    const char *text = s.error.text;
    cr_assert(strlen(text) > 10 && !isupper((unsigned char)text[0]), "'%s'", text);
    cr_assert(text[strlen(text) - 1] != '.' && strchr(text, '\n') == NULL, "'%s'", text);
  }
}

/* ---- helpers ---- */

Test(helpers, shape_format) {
  char text[90], small[6];
  const struct jc_shape largest = SHAPE(UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                        UINT32_MAX, UINT32_MAX, UINT32_MAX);
  const struct jc_shape shape = SHAPE(64, 16, 16), vector = SHAPE(10), scalar = {0};
  cr_assert_str_eq(jc_shape_format(&shape, text, sizeof(text)), "64x16x16");
  cr_assert_str_eq(jc_shape_format(&vector, text, sizeof(text)), "10");
  cr_assert_str_eq(jc_shape_format(&scalar, text, sizeof(text)), "1");
  cr_assert_str_eq(jc_shape_format(&shape, small, sizeof(small)), "64x16");
  cr_assert_str_eq(jc_shape_format(&largest, text, sizeof(text)),
                   "4294967295x4294967295x4294967295x4294967295x4294967295x4294967295x4294967295x"
                   "4294967295");
}

/* torch: the batch is 0, so that dimension 1 is index 0; -1 is the last. */
Test(helpers, dim_index) {
  static const struct {
    uint32_t rank;
    int32_t dim;
    uint32_t index;
  } rows[] = {{3, 1, 0},
              {3, 3, 2},
              {3, -1, 2},
              {3, -3, 0},
              {3, 0, UINT32_MAX},
              {3, 4, UINT32_MAX},
              {3, -4, UINT32_MAX},
              {1, 1, 0},
              {1, -1, 0},
              {0, 1, UINT32_MAX},
              {0, -1, UINT32_MAX},
              {JC_MAX_RANK, JC_MAX_RANK, JC_MAX_RANK - 1},
              {3, INT32_MAX, UINT32_MAX},
              {3, INT32_MIN, UINT32_MAX}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    cr_assert_eq(jc_dim_index(rows[i].rank, rows[i].dim), rows[i].index, "%d of %u", rows[i].dim,
                 rows[i].rank);
}

/* torch.nn.Conv2d(padding="same")._reversed_padding_repeated_twice: the odd one is behind. */
Test(helpers, conv_padding) {
  static const struct {
    uint32_t kernel, dilation, before, behind;
  } rows[] = {{3, 1, 1, 1}, {2, 1, 0, 1}, {4, 1, 1, 2}, {1, 5, 0, 0}, {2, 3, 1, 2}, {4, 2, 3, 3}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    uint64_t before, behind;
    struct jc_conv same = conv(1, rows[i].kernel, 1, 0).conv2d;
    same.dilation = both(rows[i].dilation);
    same.padding = (struct jc_padding){.same = true};
    jc_conv_padding(&same, 1, &before, &behind);
    cr_assert(before == rows[i].before && behind == rows[i].behind, "row %zu", i);
    same.padding = (struct jc_padding){.h = 7, .w = 5};
    jc_conv_padding(&same, 1, &before, &behind);
    cr_assert(before == 5 && behind == 5, "row %zu", i);
  }
}

Test(helpers, shape_elements_and_equality) {
  const struct jc_shape a = SHAPE(3, 224, 224), b = SHAPE(3, 224), c = SHAPE(3, 224, 223);
  const struct jc_shape scalar = {0}, large = SHAPE(65536, 65536, 16);
  struct jc_shape unused = a;
  unused.dim[5] = 9; /* beyond the rank: no part of the shape */
  cr_assert_eq(jc_shape_elements(&a), 150528);
  cr_assert_eq(jc_shape_elements(&scalar), 1);
  cr_assert_eq(jc_shape_elements(&large), UINT64_C(68719476736));
  cr_assert(jc_shape_equal(&a, &a) && jc_shape_equal(&a, &unused));
  cr_assert(!jc_shape_equal(&a, &b) && !jc_shape_equal(&a, &c) && !jc_shape_equal(&b, &a));
}

Test(helpers, closest_name) {
  static const char *const fields[] = {"out_channels", "kernel_size", "stride", "padding",
                                       "dilation",     "groups",      "bias"};
  static const struct {
    const char *word, *closest;
  } rows[] = {
      {"kernal_size", "kernel_size"},
      {"kernelsize", "kernel_size"},
      {"Kernel_size", "kernel_size"},
      {"out_chanels", "out_channels"},
      {"strides", "stride"},
      {"pading", "padding"},
      {"group", "groups"},
      {"stride", "stride"},
      {"learning_rate", NULL},
      {"zzz", NULL},
      {"x", NULL},
      {"", NULL},
  };
  const size_t count = sizeof(fields) / sizeof(fields[0]);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const char *found = jc_closest_name(rows[i].word, fields, count);
    if (rows[i].closest == NULL)
      cr_assert_null(found, "'%s' is not near '%s'", rows[i].word, found);
    else
      cr_assert(found != NULL && strcmp(found, rows[i].closest) == 0, "'%s': '%s'", rows[i].word,
                found);
  }
  cr_assert_null(jc_closest_name("stride", fields, 0));
}

Test(helpers, closest_name_of_long_words) {
  char word[5000];
  static const char *const names[] = {"stride"};
  memset(word, 's', sizeof(word) - 1);
  word[sizeof(word) - 1] = '\0';
  const char *const long_names[] = {word, "stride"};
  cr_assert_null(jc_closest_name(word, names, 1));
  cr_assert_str_eq(jc_closest_name("strid", long_names, 2), "stride");
}

/* ---- errors as values ---- */

Test(errors, the_first_failure_is_kept) {
  struct jc_error error = {0};
  cr_assert(!jc_error_is_set(&error));
  cr_assert_eq(jc_fail(&error, JC_ERROR_INVALID, 6, "layers[1].kernel_size",
                       "expected a positive integer, got %d", -1),
               JC_ERROR_INVALID);
  cr_assert_eq(jc_fail(&error, JC_ERROR_IO, 9, NULL, "later"), JC_ERROR_INVALID);
  cr_assert(jc_error_is_set(&error));
  cr_assert_eq(error.line, 6);
  jc_error_name_file(&error, "models/foo.json");
  jc_error_name_file(&error, "other.json");
  char text[200], small[20];
  cr_assert_str_eq(jc_error_format(&error, text, sizeof(text)),
                   "models/foo.json:6: layers[1].kernel_size: expected a positive integer, got -1");
  cr_assert_str_eq(jc_error_format(&error, small, sizeof(small)), "models/foo.json:6: ");
}

Test(errors, absent_parts_are_left_out) {
  struct jc_error error = {0};
  char text[200];
  (void)jc_fail(&error, JC_ERROR_MISSING, 0, NULL, "no profile");
  cr_assert_str_eq(jc_error_format(&error, text, sizeof(text)), "no profile");
  jc_error_name_file(&error, "p.json");
  cr_assert_str_eq(jc_error_format(&error, text, sizeof(text)), "p.json: no profile");
}

Test(errors, echoed_input_is_cut_and_clean) {
  struct jc_error error = {0};
  char word[2000];
  memset(word, 'w', sizeof(word) - 1);
  word[sizeof(word) - 1] = '\0';
  const char *const volatile hidden = word; /* the compiler would refuse to cut what it can see */
  (void)jc_fail(&error, JC_ERROR_INVALID, 1, word, "a\tb\nc\x1b[31md\x7f \xc2\x9b %s", hidden);
  cr_assert_eq(strncmp(error.text, "a?b?c?[31md? ?? www", 19), 0, "%.30s", error.text);
  cr_assert_eq(strlen(error.text), sizeof(error.text) - 1);
  cr_assert_eq(strlen(error.path), sizeof(error.path) - 1);
  memset(&error, 0, sizeof(error));
  (void)jc_fail(&error, JC_ERROR_INVALID, 1, "caf\xc3\xa9", "na\xc3\xafve");
  cr_assert_str_eq(error.text, "na\xc3\xafve", "other letters stay");
}

Test(errors, statuses_have_names) {
  static const char *const names[] = {"ok",      "usage",   "invalid", "overflow",    "mismatch",
                                      "missing", "storage", "io",      "unavailable", "runtime"};
  for (int i = 0; i < 10; i++)
    cr_assert_str_eq(jc_status_name((enum jc_status) - i), names[i]);
}
