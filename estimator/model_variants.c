/* model_variants.c -- a file's own parameters and variants, and what the caller sets of them. */
#include <stdlib.h>
#include <string.h>

#include "estimator/model_parts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Collects the keys of OBJECT, which may be NULL, into NAMES; returns their number. */
static size_t list_keys(const struct jc_json_node *object, const char **names) {
  size_t count = 0;
  for (const struct jc_json_node *n = object ? jc_json_first(object) : NULL; n; n = jc_json_next(n))
    names[count++] = jc_json_key(n);
  return count;
}

/* OBJECT, if there is one, is an object of at most LIMIT members with valid names. */
static enum jc_status check_names(const struct jc_json_node *object, uint32_t limit,
                                  struct jc_error *error) {
  if (!object || jc_json_want(object, JC_JSON_OBJECT, error) != JC_OK)
    return error->status;
  if (jc_json_length(object) > limit) {
    return jc_json_fail_as(object, JC_ERROR_OVERFLOW, error, "expected at most %lu, got %lu",
                           (unsigned long)limit, (unsigned long)jc_json_length(object));
  }
  for (const struct jc_json_node *n = jc_json_first(object); n; n = jc_json_next(n))
    if (jc_model_check_name(n, jc_json_key(n), error) != JC_OK)
      return error->status;
  return JC_OK;
}

/* ---- plain values ---- */

static bool is_scalar(const struct jc_json_node *node) {
  enum jc_json_type type = jc_json_type(node);
  return type == JC_JSON_NUMBER || type == JC_JSON_BOOL ||
         (type == JC_JSON_STRING && jc_json_string(node)[0] != '$');
}

/* Numbers, true, false, text, and lists of them: what a field can be. */
static bool is_plain(const struct jc_json_node *node) {
  if (jc_json_type(node) != JC_JSON_ARRAY)
    return is_scalar(node);
  for (const struct jc_json_node *n = jc_json_first(node); n; n = jc_json_next(n))
    if (!is_scalar(n))
      return false;
  return true;
}

static enum jc_status check_plain(const struct jc_json_node *values, struct jc_error *error) {
  for (const struct jc_json_node *n = values ? jc_json_first(values) : NULL; n;
       n = jc_json_next(n)) {
    char echo[JC_JSON_ECHO_SIZE];
    if (!is_plain(n)) {
      return jc_json_fail(n, error,
                          "expected a number, true, false, text or a list of them, got %s",
                          jc_json_echo(n, echo, sizeof echo));
    }
  }
  return JC_OK;
}

/* ---- variants ---- */

static enum jc_status check_variant(const struct jc_json_node *variant,
                                    const struct jc_json_node *params, struct jc_error *error) {
  static const char *const keys[] = {"params", "input", "expect", "training"};
  const struct jc_json_node *given = jc_json_member(variant, "params");
  const char *names[JC_MAX_MODEL_PARAMS];
  if (jc_json_only_keys(variant, keys, COUNT(keys), error) != JC_OK ||
      check_names(given, JC_MAX_MODEL_PARAMS, error) != JC_OK || check_plain(given, error) != JC_OK)
    return error->status;
  for (const struct jc_json_node *n = given ? jc_json_first(given) : NULL; n; n = jc_json_next(n)) {
    if (!jc_json_member(params, jc_json_key(n))) {
      jc_json_fail(n, error, "the model has no parameter '%s'", jc_json_key(n));
      return jc_json_suggest(error, jc_json_key(n), names, list_keys(params, names));
    }
  }
  return JC_OK;
}

static enum jc_status find_variant(const struct jc_json_node *root, const char *name,
                                   const struct jc_json_node **variant, struct jc_error *error) {
  const struct jc_json_node *variants = jc_json_member(root, "variants");
  const char *names[JC_MAX_MODEL_VARIANTS];
  *variant = jc_json_member(variants, name);
  if (*variant)
    return JC_OK;
  if (!variants)
    return jc_json_fail_as(root, JC_ERROR_MISSING, error, "the model has no variants, got '%.60s'",
                           name);
  jc_json_fail_as(variants, JC_ERROR_MISSING, error, "the model has no variant '%.60s'", name);
  return jc_json_suggest(error, name, names, list_keys(variants, names));
}

/* ---- what the caller sets ---- */

/* Splits "NAME=VALUE"; NAME must be a parameter of ROOT's and not be set already. */
static enum jc_status split_setting(const char *setting, const struct jc_json_node *root,
                                    const char **name, const char **value, struct jc_error *error) {
  const struct jc_json_node *params = jc_json_member(root, "params");
  const char *equals = strchr(setting, '='), *names[JC_MAX_MODEL_PARAMS];
  if (!equals)
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                   "expected a parameter and its value, as in depth=18, got '%.40s'", setting);
  *value = equals + 1;
  *name = NULL;
  for (const struct jc_json_node *p = params ? jc_json_first(params) : NULL; p;
       p = jc_json_next(p)) {
    const char *key = jc_json_key(p);
    if (strlen(key) == (size_t)(equals - setting) && strncmp(key, setting, strlen(key)) == 0)
      *name = key;
  }
  if (*name)
    return JC_OK;
  char wanted[41];
  (void)snprintf(wanted, sizeof wanted, "%.*s",
                 (int)(equals - setting < 40 ? equals - setting : 40), setting);
  jc_fail(error, JC_ERROR_USAGE, 0, NULL, "the model has no parameter '%s'", wanted);
  return jc_json_suggest(error, wanted, names, list_keys(params, names));
}

/* VALUE is JSON, or else text: both `"same"` and `same`. */
static enum jc_status put_setting(struct jc_json_writer *writer, const char *name,
                                  const char *value, struct jc_error *error) {
  struct jc_error no_json = {0};
  struct jc_json *document = NULL;
  if (jc_json_parse(value, strlen(value), NULL, 1, &document, &no_json) != JC_OK)
    jc_put_string(writer, name, value);
  else if (is_plain(jc_json_root(document)))
    jc_put_node(writer, name, jc_json_root(document));
  else
    jc_fail(error, JC_ERROR_USAGE, 0, NULL,
            "parameter '%s': expected a number, true, false, text or a list of them, got '%.40s'",
            name, value);
  jc_json_free(document);
  return error->status;
}

/* An object of all that OPTIONS set; *set NULL: nothing. */
static enum jc_status read_settings(const struct jc_json_node *root,
                                    const struct jc_model_options *options, struct jc_json **set,
                                    struct jc_error *error) {
  struct jc_json_writer writer;
  const char *name = NULL, *value = NULL;
  char *text = NULL;
  size_t length = 0;
  if (options->set_count == 0)
    return JC_OK;
  jc_put_start(&writer, JC_JSON_COMPACT);
  jc_put_object(&writer, NULL);
  for (size_t i = 0; i < options->set_count && !jc_error_is_set(error); i++) {
    if (split_setting(options->set[i], root, &name, &value, error) != JC_OK)
      break;
    for (size_t k = 0; k < i; k++)
      if (strncmp(options->set[k], options->set[i], strlen(name) + 1) == 0)
        jc_fail(error, JC_ERROR_USAGE, 0, NULL, "parameter '%s' is set twice", name);
    put_setting(&writer, name, value, error);
  }
  jc_put_end(&writer);
  if (jc_error_is_set(error))
    jc_put_discard(&writer);
  else if (jc_put_finish(&writer, &text, &length, error) == JC_OK)
    jc_json_parse(text, length, "settings", 1, set, error);
  free(text);
  return error->status;
}

/* ---- the choice ---- */

enum jc_status jc_choice_begin(struct jc_choice *choice, const struct jc_json_node *root,
                               const struct jc_model_options *options, struct jc_error *error) {
  const struct jc_json_node *params = jc_json_member(root, "params");
  const struct jc_json_node *variants = jc_json_member(root, "variants");
  *choice = (struct jc_choice){.root = root};
  if (jc_error_is_set(error) || check_names(params, JC_MAX_MODEL_PARAMS, error) != JC_OK ||
      check_plain(params, error) != JC_OK ||
      check_names(variants, JC_MAX_MODEL_VARIANTS, error) != JC_OK)
    return error->status;
  for (const struct jc_json_node *v = variants ? jc_json_first(variants) : NULL; v;
       v = jc_json_next(v))
    if (check_variant(v, params, error) != JC_OK)
      return error->status;
  if (!options)
    return JC_OK;
  if (options->variant && find_variant(root, options->variant, &choice->variant, error) != JC_OK)
    return error->status;
  return read_settings(root, options, &choice->set, error);
}

const struct jc_json_node *jc_choice_member(const struct jc_choice *choice, const char *key) {
  const struct jc_json_node *own = jc_json_member(choice->variant, key);
  return own ? own : jc_json_member(choice->root, key);
}

void jc_choice_end(struct jc_choice *choice) {
  jc_json_free(choice->set);
}
