/* output.c -- results to standard output, or atomically to a file. */
#include "cli/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "estimator/file_io.h"

enum jc_status output_open(struct output *output, const char *path, struct jc_error *error) {
  *output = (struct output){.path = path, .standard = stdout};
  output->stream = open_memstream(&output->text, &output->length);
  if (output->stream == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  return JC_OK;
}

static enum jc_status write_out(const struct output *output, struct jc_error *error) {
  if (output->path != NULL && strcmp(output->path, "-") != 0)
    return jc_file_write(output->path, output->text, output->length, error);
  if (fwrite(output->text, 1, output->length, output->standard) != output->length ||
      fflush(output->standard) != 0)
    return jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot write standard %s: %s",
                   output->standard == stdout ? "output" : "error", strerror(errno));
  return JC_OK;
}

enum jc_status output_close(struct output *output, struct jc_error *error) {
  if (fclose(output->stream) != 0)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else if (!jc_error_is_set(error))
    (void)write_out(output, error);
  free(output->text);
  return error->status;
}

static bool is_one_file(const char *a, const char *b) {
  struct stat first, second;
  if (a == NULL || b == NULL || strcmp(a, "-") == 0)
    return false;
  if (stat(a, &first) != 0 || stat(b, &second) != 0)
    return strcmp(a, b) == 0;
  return S_ISREG(first.st_mode) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

enum jc_status outputs_check_apart(const struct named_output *outputs, size_t count,
                                   struct jc_error *error) {
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < i; j++) {
      if (is_one_file(outputs[j].path, outputs[i].path))
        return jc_fail(error, JC_ERROR_USAGE, 0, outputs[i].option,
                       "expected another file than that of %s, got '%.150s'", outputs[j].option,
                       outputs[i].path);
    }
  }
  return JC_OK;
}

enum jc_status output_json(struct output *output, struct jc_json_writer *writer,
                           struct jc_error *error) {
  char *text = NULL;
  if (jc_put_finish(writer, &text, NULL, error) == JC_OK)
    fputs(text, output->stream);
  free(text);
  return error->status;
}
