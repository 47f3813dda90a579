/* samples_property.h -- what must hold for any bytes given to the reader of samples.jsonl, for
 * tests and fuzzing.
 *
 * Reading fails with a message that names file and line, or reaches the end; every sample that was
 * read is written as a line that is read again and written the same; its model is read or refused
 * with a message. Mending a file that was read, torn or not, leaves the samples that were read, and
 * a file that ends in none that is torn.
 */
#ifndef JC_TESTS_SAMPLES_PROPERTY_H
#define JC_TESTS_SAMPLES_PROPERTY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "estimator/model_file.h"
#include "estimator/samples_file.h"

/* A file that is nowhere; PATH names it. Returns its descriptor, -1 if there is none to be had. */
static int nameless_file(const char *text, size_t length, char path[64]) {
  const int fd = memfd_create("samples", MFD_CLOEXEC);
  if (fd < 0 || (length > 0 && write(fd, text, length) != (ssize_t)length))
    return -1;
  snprintf(path, 64, "/proc/self/fd/%d", fd);
  return fd;
}

static const char *check_written_again(const struct jc_sample *sample) {
  struct jc_error error = {0};
  struct jc_samples_reader reader;
  struct jc_sample again;
  char path[64], *text = NULL, *text_again = NULL;
  size_t length = 0, length_again = 0;
  const char *wrong = NULL;
  bool more = false;
  if (jc_sample_format(sample, &text, &length, &error) != JC_OK)
    return "a sample that was read cannot be written";
  const int fd = nameless_file(text, length, path);
  if (fd < 0)
    abort();
  if (jc_samples_open(path, &reader, &error) != JC_OK) {
    free(text);
    (void)close(fd);
    return "a written sample cannot be opened";
  }
  if (jc_samples_next(&reader, &again, &more, &error) != JC_OK || !more) {
    wrong = "a written sample is refused";
  } else {
    if (jc_sample_format(&again, &text_again, &length_again, &error) != JC_OK ||
        strcmp(text, text_again) != 0)
      wrong = "a sample is written differently the second time";
    jc_sample_free(&again);
  }
  jc_samples_close(&reader);
  (void)close(fd);
  free(text_again);
  free(text);
  return wrong;
}

static const char *check_sample_read(const struct jc_sample *sample, struct jc_error *error) {
  struct jc_model *model = NULL;
  if (sample->model != NULL && jc_json_type(sample->model) == JC_JSON_OBJECT) {
    if (jc_sample_read_model(sample, &model, error) != JC_OK && (!error->text[0] || !error->line))
      return "a model is refused without a message";
    jc_model_free(model);
  }
  return check_written_again(sample);
}

/* Reads all of PATH. Returns the samples read; *wrong is what does not hold, or NULL. */
static uint32_t check_reading(const char *path, bool deeply, bool *torn, const char **wrong,
                              struct jc_error *error) {
  struct jc_samples_reader reader;
  struct jc_sample sample;
  bool more = false;
  uint32_t count = 0;
  *torn = false;
  if (jc_samples_open(path, &reader, error) != JC_OK) {
    *wrong = "the file cannot be opened";
    return 0;
  }
  while (jc_samples_next(&reader, &sample, &more, error) == JC_OK && more) {
    count++;
    if (deeply && *wrong == NULL)
      *wrong = check_sample_read(&sample, error);
    jc_sample_free(&sample);
    if (jc_error_is_set(error))
      break;
  }
  *torn = reader.torn;
  if (jc_error_is_set(error) && (!error->text[0] || !error->file[0] || !error->line))
    *wrong = "a failure without a message or place";
  jc_samples_close(&reader);
  return count;
}

/* TEXT as a file; ERROR is what a user would see. */
static enum jc_status check_samples(const char *text, size_t length, bool *torn, const char **wrong,
                                    struct jc_error *error) {
  struct jc_error mend_error = {0}, again_error = {0};
  char path[64];
  bool mended = false, torn_again = false;
  *wrong = NULL;
  const int fd = nameless_file(text, length, path);
  if (fd < 0)
    abort();
  const uint32_t count = check_reading(path, true, torn, wrong, error);
  if (*wrong == NULL && !jc_error_is_set(error)) {
    if (jc_samples_mend(path, &mended, &mend_error) != JC_OK || mended != *torn)
      *wrong = "mending and reading differ about a torn line";
    else if (check_reading(path, false, &torn_again, wrong, &again_error) != count || torn_again ||
             jc_error_is_set(&again_error))
      *wrong = "mending changed what is read";
  }
  (void)close(fd);
  return error->status;
}

#endif
