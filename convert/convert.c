/* convert.c -- map the file, read, lower, write, and read back what was written. */
#include "convert/convert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "convert/onnx_lower.h"
#include "estimator/model_file.h"

bool jc_convert_available(void) {
  return true;
}

/* ---- reading back ---- */

static uint64_t elements_of(const struct jc_shape *shape) {
  uint64_t elements = 1;
  for (uint32_t i = 0; i < shape->rank; i++)
    elements *= shape->dim[i];
  return elements;
}

/* Every layer must have the shape that we inferred ourselves; leading dimensions of 1 apart. */
static enum jc_status compare_shapes(const struct jc_lowering *l,
                                     const struct jc_analysis *analysis, struct jc_error *error) {
  uint32_t index = 0;
  for (uint32_t i = 0; i < l->network.layer_count; i++) {
    const struct jc_out_layer *layer = l->network.layers[i];
    if (!layer->wanted)
      continue;
    int64_t ours = jc_canonical_elements(&layer->shape);
    uint64_t theirs = elements_of(&analysis->layers[index++].out);
    if (ours < 0 || (uint64_t)ours != theirs)
      return jc_fail(error, JC_ERROR_INVALID, 0, layer->name,
                     "the layer '%s' has %llu elements, but the graph says %lld", layer->type,
                     (unsigned long long)theirs, (long long)ours);
  }
  return JC_OK;
}

static enum jc_status check_counts(const struct jc_lowering *l, const struct jc_analysis *analysis,
                                   uint64_t params, struct jc_error *error) {
  if (analysis->totals.params != params)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "the layers have %llu parameters, but the file holds %llu",
                   (unsigned long long)analysis->totals.params, (unsigned long long)params);
  return compare_shapes(l, analysis, error);
}

/* The ONNX node of the layer whose line an error names. */
static void name_node(const struct jc_lowering *l, struct jc_error *error) {
  unsigned index;
  if (sscanf(error->path, "layers[%u]", &index) != 1)
    return;
  for (uint32_t i = 0; i < l->network.layer_count; i++) {
    const struct jc_out_layer *layer = l->network.layers[i];
    if (!layer->wanted || index-- > 0)
      continue;
    if (layer->node)
      (void)snprintf(error->path, sizeof error->path, "node '%.140s' (%.40s) as %.40s",
                     layer->node->name, layer->node->op_type, layer->type);
    else
      (void)snprintf(error->path, sizeof error->path, "tensor '%.180s' as %.40s", layer->name,
                     layer->type);
    return;
  }
}

static enum jc_status read_back(const struct jc_lowering *l, const char *text, const char *file,
                                uint64_t params, struct jc_error *error) {
  struct jc_model *model;
  if (jc_model_parse(text, strlen(text), file, &model, error) != JC_OK) {
    name_node(l, error);
    error->line = 0;
    return error->status;
  }
  const struct jc_network *network = jc_model_network(model);
  size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  void *storage = malloc(size);
  struct jc_analysis analysis;
  if (!storage)
    jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else if (jc_network_analyze(network, storage, size, &analysis, error) == JC_OK)
    (void)check_counts(l, &analysis, params, error);
  name_node(l, error);
  error->line = 0; /* of a text that nobody has */
  free(storage);
  jc_model_free(model);
  return error->status;
}

/* ---- the whole way ---- */

static const char *default_name(struct jc_arena *arena, const char *file, struct jc_error *error) {
  const char *base = strrchr(file, '/');
  base = base ? base + 1 : file;
  const char *dot = strrchr(base, '.');
  size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);
  const char *copy = jc_arena_copy(arena, base, length, error);
  return copy ? jc_legal_name(arena, copy, error) : NULL;
}

static enum jc_status convert(struct jc_lowering *l, struct jc_bytes bytes,
                              struct jc_onnx_graph *graph, const char *file,
                              struct jc_converted *converted) {
  struct jc_error *error = l->error;
  if (jc_onnx_read(bytes, l->arena, graph, error) != JC_OK || jc_lower(l) != JC_OK)
    return error->status;
  const char *name = l->options->name;
  if (!name)
    name = default_name(l->arena, file, error);
  uint64_t params = jc_count_parameters(l);
  if (params == UINT64_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "the number of parameters does not fit");
  char *text = NULL;
  if (!name || jc_write_model(l, file, name, params, &text, error) != JC_OK ||
      read_back(l, text, file, params, error) != JC_OK) {
    free(text);
    return error->status;
  }
  converted->text = text;
  converted->notes = strdup(l->notes);
  if (!converted->notes)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  return JC_OK;
}

enum jc_status jc_convert_onnx_bytes(const void *bytes, size_t size, const char *file,
                                     const struct jc_convert_options *options,
                                     struct jc_converted *converted, struct jc_error *error) {
  struct jc_arena arena = {.limit = options->memory_limit_bytes};
  struct jc_onnx_graph graph = {0};
  struct jc_lowering l = {.arena = &arena, .graph = &graph, .options = options, .error = error};
  *converted = (struct jc_converted){0};
  if (convert(&l, (struct jc_bytes){bytes, size, 0}, &graph, file, converted) != JC_OK) {
    jc_converted_free(converted);
    jc_error_name_file(error, file);
  }
  jc_arena_free(&arena);
  return error->status;
}

static enum jc_status fail_io(const char *what, struct jc_error *error) {
  return jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot %s: %s", what, strerror(errno));
}

static enum jc_status convert_mapped(int fd, const char *path,
                                     const struct jc_convert_options *options,
                                     struct jc_converted *converted, struct jc_error *error) {
  struct stat status;
  if (fstat(fd, &status) != 0)
    return fail_io("read", error);
  if (!S_ISREG(status.st_mode) || status.st_size < 1)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "expected an ONNX file, got %s",
                   S_ISREG(status.st_mode) ? "an empty one" : "no regular file");
  size_t size = (size_t)status.st_size;
  void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (bytes == MAP_FAILED)
    return fail_io("map", error);
  (void)madvise(bytes, size, MADV_RANDOM); /* tensors are stepped over */
  (void)jc_convert_onnx_bytes(bytes, size, path, options, converted, error);
  (void)munmap(bytes, size);
  return error->status;
}

enum jc_status jc_convert_onnx(const char *path, const struct jc_convert_options *options,
                               struct jc_converted *converted, struct jc_error *error) {
  *converted = (struct jc_converted){0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    (void)fail_io("open", error);
  } else {
    (void)convert_mapped(fd, path, options, converted, error);
    (void)close(fd);
  }
  jc_error_name_file(error, path);
  return error->status;
}

void jc_converted_free(struct jc_converted *converted) {
  free(converted->text);
  free(converted->notes);
  *converted = (struct jc_converted){0};
}
