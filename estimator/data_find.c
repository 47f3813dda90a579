/* data_find.c -- where the folders `data` and `models` are, and which models are shipped. */
#include "estimator/data_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder by its name, and a file that tells it from a stranger of the same name. */
struct folder {
  const char *name, *variable, *marker;
};

static const struct folder data_folder = {"data", "JOULECAST_DATA", "hardware.json"};
static const struct folder models_folder = {"models", "JOULECAST_MODELS", "model.schema.json"};

/* Joins into OUT; false if it does not fit. */
static bool join(char *out, size_t size, const char *folder, const char *name, const char *suffix) {
  const int written = snprintf(out, size, "%s/%s%s", folder, name, suffix);
  return written >= 0 && (size_t)written < size;
}

/* Whether BASE/NAME is the folder; its real path goes to OUT. */
static bool try_folder(const char *base, const struct folder *folder, char out[PATH_MAX]) {
  char candidate[PATH_MAX], marker[PATH_MAX];
  return join(candidate, sizeof(candidate), base, folder->name, "") &&
         join(marker, sizeof(marker), candidate, folder->marker, "") && access(marker, R_OK) == 0 &&
         realpath(candidate, out) != NULL;
}

/* The program's own folder; false where /proc does not tell. */
static bool program_folder(char out[PATH_MAX]) {
  const ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - 1);
  if (length <= 0)
    return false;
  out[length] = '\0';
  char *slash = strrchr(out, '/');
  if (slash != NULL)
    *slash = '\0';
  return slash != NULL;
}

static enum jc_status find_folder(const struct folder *folder, char out[PATH_MAX],
                                  struct jc_error *error) {
  static const char *const beside[] = {"../share/joulecast", "..", "../.."};
  const char *given = getenv(folder->variable);
  char program[PATH_MAX], base[PATH_MAX];
  if (given != NULL && given[0] != '\0') {
    if (strlen(given) >= PATH_MAX)
      return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "%s is too long", folder->variable);
    memcpy(out, given, strlen(given) + 1);
    return JC_OK;
  }
  if (program_folder(program)) {
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
      if (join(base, sizeof(base), program, beside[i], "") && try_folder(base, folder, out))
        return JC_OK;
    }
  }
#ifdef JOULECAST_DATADIR
  if (try_folder(JOULECAST_DATADIR, folder, out))
    return JC_OK;
#endif
  return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                 "the folder '%s' is not beside the program; name it in %s", folder->name,
                 folder->variable);
}

static enum jc_status too_long(struct jc_error *error) {
  return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "the name of the file is too long");
}

enum jc_status jc_data_find(const char *name, char *path, size_t size, struct jc_error *error) {
  char folder[PATH_MAX];
  if (find_folder(&data_folder, folder, error) != JC_OK)
    return error->status;
  return join(path, size, folder, name, "") ? JC_OK : too_long(error);
}

/* ---- models ---- */

/* Length of NAME without ".json"; 0 if it is no model: model.schema.json and hidden files. */
static size_t model_name_length(const char *name) {
  static const char end[] = ".json", schema[] = ".schema.json";
  const size_t length = strlen(name);
  if (name[0] == '.' || length < sizeof(end) || strcmp(name + length - (sizeof(end) - 1), end) != 0)
    return 0;
  if (length >= sizeof(schema) && strcmp(name + length - (sizeof(schema) - 1), schema) == 0)
    return 0;
  return length - (sizeof(end) - 1);
}

static bool add_name(struct jc_name_list *list, const char *name, size_t length) {
  char **names = realloc(list->names, (list->count + 1) * sizeof(*names));
  if (names == NULL)
    return false;
  list->names = names;
  names[list->count] = strndup(name, length);
  if (names[list->count] == NULL)
    return false;
  list->count++;
  return true;
}

static int compare_names(const void *a, const void *b) {
  const char *const *x = a, *const *y = b;
  return strcmp(*x, *y);
}

static enum jc_status list_folder(const char *folder, struct jc_name_list *list,
                                  struct jc_error *error) {
  DIR *directory = opendir(folder);
  if (directory == NULL) {
    jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot read: %s", strerror(errno));
    jc_error_name_file(error, folder);
    return error->status;
  }
  for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    const size_t length = model_name_length(entry->d_name);
    if (length > 0 && !add_name(list, entry->d_name, length)) {
      jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
      break;
    }
  }
  closedir(directory);
  if (list->count > 0)
    qsort(list->names, list->count, sizeof(*list->names), compare_names);
  return error->status;
}

enum jc_status jc_models_list(struct jc_name_list *list, struct jc_error *error) {
  char folder[PATH_MAX];
  memset(list, 0, sizeof(*list));
  if (find_folder(&models_folder, folder, error) != JC_OK ||
      list_folder(folder, list, error) != JC_OK)
    jc_name_list_free(list);
  return error->status;
}

void jc_name_list_free(struct jc_name_list *list) {
  for (size_t i = 0; i < list->count; i++)
    free(list->names[i]);
  free(list->names);
  memset(list, 0, sizeof(*list));
}

static enum jc_status no_such_model(const char *model, const char *folder, struct jc_error *error) {
  struct jc_name_list list = {0};
  if (list_folder(folder, &list, error) == JC_OK) {
    const char *closest = jc_closest_name(model, (const char *const *)list.names, list.count);
    jc_fail(error, JC_ERROR_MISSING, 0, NULL,
            "no model named '%.64s'%s%s%s (`joulecast list models`; a file is named with a '/' or "
            "ends in .json)",
            model, closest != NULL ? "; did you mean '" : "", closest != NULL ? closest : "",
            closest != NULL ? "'?" : "");
  }
  jc_name_list_free(&list);
  return error->status;
}

static bool ends_in_json(const char *name, size_t length) {
  return length >= 5 && strncmp(name + length - 5, ".json", 5) == 0;
}

static bool is_path(const char *name, size_t length) {
  return (length == 1 && name[0] == '-') || memchr(name, '/', length) != NULL ||
         ends_in_json(name, length);
}

/* Copies the first LENGTH bytes of NAME, a path; false if they do not fit. */
static bool copy_path(char *path, size_t size, const char *name, size_t length) {
  if (length >= size)
    return false;
  memcpy(path, name, length);
  path[length] = '\0';
  return true;
}

/* Bytes of MODEL before ":variant", or all. */
static size_t base_length(const char *model) {
  const char *colon = strrchr(model, ':');
  return colon != NULL && strchr(colon, '/') == NULL ? (size_t)(colon - model) : strlen(model);
}

bool jc_models_is_name(const char *model) {
  return !is_path(model, base_length(model)) && !is_path(model, strlen(model));
}

/* A colon begins a variant unless the whole is a file, or there is no file before it either. */
static enum jc_status find_path(const char *model, size_t length, char *path, size_t size,
                                const char **variant, struct jc_error *error) {
  if (*variant != NULL && access(model, F_OK) != 0 && copy_path(path, size, model, length) &&
      (access(path, F_OK) == 0 || ends_in_json(model, length) || strcmp(path, "-") == 0))
    return JC_OK;
  *variant = NULL;
  return copy_path(path, size, model, strlen(model)) ? JC_OK : too_long(error);
}

enum jc_status jc_models_find(const char *model, char *path, size_t size, const char **variant,
                              struct jc_error *error) {
  char folder[PATH_MAX], name[NAME_MAX];
  const size_t length = base_length(model);
  *variant = model[length] == ':' ? model + length + 1 : NULL;
  if (!jc_models_is_name(model))
    return find_path(model, length, path, size, variant, error);
  if (find_folder(&models_folder, folder, error) != JC_OK)
    return error->status;
  if (!copy_path(name, sizeof(name), model, length) || !join(path, size, folder, name, ".json"))
    return too_long(error);
  return access(path, F_OK) == 0 ? JC_OK : no_such_model(name, folder, error);
}
