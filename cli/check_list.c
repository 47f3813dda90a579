/* check_list.c -- configurations taken apart and their models loaded. */
#include "cli/check_list.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "estimator/data_files.h"
#include "estimator/file_io.h"
#include "trainer/trainer.h"

enum { DEFAULT_BATCH_SIZE = 32 };

/* A configuration's parts. */
struct parts {
  char model[PATH_MAX];
  uint64_t batch_size; /* 0: not given */
  char shape[64];      /* "": not given */
};

/* Cuts what stands behind the last colon off TEXT and returns it; NULL: there is none. */
static char *cut_last(char *text) {
  char *colon = strrchr(text, ':');
  if (colon == NULL || colon == text)
    return NULL;
  *colon = '\0';
  return colon + 1;
}

/* "3x96x96": numbers with an x between them. */
static bool is_shape(const char *text) {
  return strspn(text, "0123456789x") == strlen(text) && strchr(text, 'x') != NULL;
}

static bool is_count(const char *text) {
  return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

static enum jc_status take_apart(const char *text, struct parts *parts, struct jc_error *error) {
  *parts = (struct parts){0};
  if (strlen(text) >= sizeof(parts->model))
    return jc_fail(error, JC_ERROR_USAGE, 0, "--models", "the name is too long");
  strcpy(parts->model, text);
  const char *last = strrchr(parts->model, ':');
  if (last != NULL && is_shape(last + 1)) {
    const char *shape = cut_last(parts->model);
    if (shape == NULL || strlen(shape) >= sizeof(parts->shape))
      return jc_fail(error, JC_ERROR_USAGE, 0, "--models",
                     "expected MODEL[:batch[:CxHxW]], got '%.80s'", text);
    strcpy(parts->shape, shape);
    last = strrchr(parts->model, ':');
  }
  if (last != NULL && is_count(last + 1)) {
    const char *count = cut_last(parts->model);
    if (count == NULL || !parse_count(count, &parts->batch_size) || parts->batch_size == 0 ||
        parts->batch_size > JC_MAX_BATCH_SIZE)
      return jc_fail(error, JC_ERROR_USAGE, 0, "--models",
                     "expected a batch size from 1 to %llu in '%.80s'",
                     (unsigned long long)JC_MAX_BATCH_SIZE, text);
  }
  if (parts->shape[0] != '\0' && parts->batch_size == 0)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--models",
                   "expected a batch size before the shape in '%.80s', as in NAME:8:3x96x96", text);
  return JC_OK;
}

/* Everything is looked at before the first step is trained. */
static enum jc_status check_trainable(const struct loaded_model *model, struct jc_error *error) {
  for (uint32_t i = 0; i < model->network->layer_count; i++) {
    const struct jc_layer *layer = &model->network->layers[i];
    if (!jc_trainer_supports(layer->kind)) {
      (void)jc_fail(error, JC_ERROR_UNAVAILABLE, layer->line, layer->where,
                    "layer '%s' (%s) can be forecast but not trained", layer->name,
                    jc_kind_get(layer->kind)->name);
      jc_error_name_file(error, jc_model_file(model->model));
      return error->status;
    }
  }
  return JC_OK;
}

static enum jc_status load(const struct parts *parts, struct check_configuration *c,
                           struct jc_error *error) {
  struct run_options options = {0};
  if (parts->shape[0] != '\0')
    options.input = (struct text_list){.count = 1, .value = {parts->shape}};
  if (load_model(parts->model, &options, &c->model, error) != JC_OK)
    return error->status;
  const uint64_t own = c->model.network->training.batch_size;
  c->batch_size = parts->batch_size > 0 ? parts->batch_size : own > 0 ? own : DEFAULT_BATCH_SIZE;
  return JC_OK;
}

/* Appends the configuration TEXT whose relative path begins in FOLDER ("": here). */
static enum jc_status add(struct check_list *list, const char *folder, const char *text,
                          struct jc_error *error) {
  struct parts parts;
  if (take_apart(text, &parts, error) != JC_OK)
    return error->status;
  if (folder[0] != '\0' && parts.model[0] != '/' && !jc_models_is_name(parts.model)) {
    const struct parts plain = parts;
    const int length = snprintf(parts.model, sizeof(parts.model), "%s/%s", folder, plain.model);
    if (length < 0 || (size_t)length >= sizeof(parts.model))
      return jc_fail(error, JC_ERROR_USAGE, 0, "--models", "the name is too long");
  }
  if (list->count == list->capacity) {
    const size_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
    struct check_configuration *items = realloc(list->items, capacity * sizeof(*items));
    if (items == NULL)
      return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    list->items = items;
    list->capacity = capacity;
  }
  struct check_configuration *c = &list->items[list->count];
  memset(c, 0, sizeof(*c));
  c->text = strdup(text);
  list->count++;
  if (c->text == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (load(&parts, c, error) == JC_OK)
    (void)check_trainable(&c->model, error);
  return error->status;
}

/* The next line of *REST without comment and blanks around, NULL behind the last. */
static char *next_line(char **rest) {
  char *line = *rest;
  if (line == NULL || line[0] == '\0')
    return NULL;
  *rest = strchr(line, '\n');
  if (*rest != NULL)
    *(*rest)++ = '\0';
  line[strcspn(line, "#")] = '\0';
  line += strspn(line, " \t\r");
  for (size_t end = strlen(line); end > 0 && strchr(" \t\r", line[end - 1]) != NULL; end--)
    line[end - 1] = '\0';
  return line;
}

static enum jc_status add_file(struct check_list *list, const char *path, struct jc_error *error) {
  char *text = NULL, folder[PATH_MAX];
  size_t length = 0;
  const char *slash = strrchr(path, '/');
  const size_t before = list->count;
  uint32_t number = 0;
  snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path) : 1,
           slash != NULL ? path : ".");
  if (jc_file_read(path, &text, &length, error) != JC_OK)
    return error->status;
  char *rest = text;
  for (char *line; (line = next_line(&rest)) != NULL && error->status == JC_OK;) {
    number++;
    if (line[0] != '\0' && add(list, folder, line, error) == JC_ERROR_USAGE &&
        error->file[0] == '\0') {
      error->line = number;
      jc_error_name_file(error, path);
    }
  }
  free(text);
  if (error->status == JC_OK && list->count == before) {
    (void)jc_fail(error, JC_ERROR_INVALID, 0, NULL, "the list names no configuration");
    jc_error_name_file(error, path);
  }
  return error->status;
}

enum jc_status check_list_add(struct check_list *list, const char *text, struct jc_error *error) {
  const size_t length = strlen(text);
  if (length > 4 && strcmp(text + length - 4, ".txt") == 0)
    return add_file(list, text, error);
  return add(list, "", text, error);
}

void check_list_free(struct check_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    free(list->items[i].text);
    free(list->items[i].rounds);
    unload_model(&list->items[i].model);
  }
  free(list->items);
  *list = (struct check_list){0};
}
