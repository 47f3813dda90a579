/* test_samples_damage.c -- the corpus of samples files: each is read, or refused with its message;
 * and a good file cut or changed anywhere is never misread in silence (samples_property.h). */
#include <criterion/criterion.h>

#include <dirent.h>

#include "estimator/file_io.h"
#include "tests/samples_property.h"
#include "tests/sanitized.h"

#define CORPUS TEST_SOURCE_DIR "/tests/corpus/samples/"

/* NAME.jsonl with NAME.expect, the message; "torn": the last line is cut off; without: it is read.
 */
static void replay(const char *name) {
  char path[512], found[1400] = "", *text, *expected = NULL;
  size_t length;
  struct jc_error error = {0}, ignored = {0};
  const char *wrong;
  bool torn;
  snprintf(path, sizeof path, CORPUS "%s", name);
  cr_assert_eq(jc_file_read(path, &text, &length, &error), JC_OK);
  if (check_samples(text, length, &torn, &wrong, &error) != JC_OK) {
    snprintf(error.file, sizeof error.file, "%s", name);
    jc_error_format(&error, found, sizeof found - 1);
    strcat(found, "\n");
  } else if (torn) {
    snprintf(found, sizeof found, "torn\n");
  }
  free(text);
  cr_expect_null(wrong, "%s: %s", name, wrong);
  snprintf(path, sizeof path, CORPUS "%.*s.expect", (int)strlen(name) - 6, name);
  if (jc_file_read(path, &expected, &length, &ignored) != JC_OK)
    expected = calloc(1, 1);
  cr_expect_str_eq(found, expected, "%s\nexpected: %s     got: %s", name, expected, found);
  free(expected);
}

Test(samples_damage, corpus) {
  DIR *folder = opendir(CORPUS);
  int count = 0;
  cr_assert_not_null(folder);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    const char *dot = strrchr(entry->d_name, '.');
    if (dot != NULL && strcmp(dot, ".jsonl") == 0) {
      replay(entry->d_name);
      count++;
    }
  }
  closedir(folder);
  cr_assert_geq(count, 20);
}

static char *good_file(size_t *length) {
  struct jc_error error = {0};
  char *text;
  cr_assert_eq(jc_file_read(CORPUS "two_blocks.jsonl", &text, length, &error), JC_OK, "%s",
               error.text);
  return text;
}

Test(samples_damage, cut_anywhere_the_rest_is_read) {
  size_t length;
  char *text = good_file(&length);
  for (size_t kept = 0; kept < length; kept++) {
    struct jc_error error = {0};
    const char *wrong;
    bool torn;
    const enum jc_status status = check_samples(text, kept, &torn, &wrong, &error);
    cr_assert_eq(status, JC_OK, "cut at %zu: %s", kept, error.text);
    cr_assert_null(wrong, "cut at %zu: %s", kept, wrong);
  }
  free(text);
}

/* A byte of the file in the place of another, 20,000 times: as a failing disk would. Under
 * sanitizers fuzz_samples does the rest. */
Test(samples_damage, a_changed_byte_is_refused_or_reads_as_written) {
  size_t length;
  char *text = good_file(&length);
  uint64_t state = 1;
  for (int i = 0; i < UNLESS_SANITIZED(20000, 4000); i++) {
    struct jc_error error = {0};
    const char *wrong;
    bool torn;
    state = state * 6364136223846793005u + 1442695040888963407u;
    const size_t at = (state >> 33) % length;
    const char kept = text[at];
    text[at] = (char)(state >> 20);
    check_samples(text, length, &torn, &wrong, &error);
    cr_assert_null(wrong, "byte %zu: %s", at, wrong);
    text[at] = kept;
  }
  free(text);
}
