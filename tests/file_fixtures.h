/* file_fixtures.h -- for tests of file readers: scratch folders, and broken files that stand beside
 * their expected message.
 *
 * A fixture `NAME.json` with `NAME.expected` holds a mistake and what the reader must say of it:
 *   mismatch: schema.json:2: schema: expected "joulecast.profile/1", got "joulecast.profile/2"
 */
#ifndef JC_TESTS_FILE_FIXTURES_H
#define JC_TESTS_FILE_FIXTURES_H

#include <criterion/criterion.h>

#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "estimator/error.h"
#include "estimator/file_io.h"

#define FIXTURES TEST_SOURCE_DIR "/tests/fixtures"

/* ---- scratch folders ---- */

static inline void make_scratch(char folder[PATH_MAX]) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, PATH_MAX, "%s/joulecast-test-XXXXXX", base != NULL ? base : "/tmp");
  cr_assert(mkdtemp(folder) != NULL);
}

static inline int remove_entry(const char *path, const struct stat *info, int type,
                               struct FTW *walk) {
  (void)info, (void)type, (void)walk;
  return remove(path);
}

static inline void remove_scratch(const char *folder) {
  cr_assert_eq(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void join_path(char out[PATH_MAX], const char *folder, const char *name) {
  const int written = snprintf(out, PATH_MAX, "%s/%s", folder, name);
  cr_assert(written > 0 && written < PATH_MAX);
}

/* A suite each of whose tests has a folder of its own, `scratch`, and in it the name of a file that
 * is not there yet, `path`. One of a test program. */
#define SCRATCH_SUITE(suite, file)                                                                 \
  static char scratch[PATH_MAX], path[PATH_MAX];                                                   \
  static void setup(void) {                                                                        \
    make_scratch(scratch);                                                                         \
    join_path(path, scratch, file);                                                                \
  }                                                                                                \
  static void teardown(void) {                                                                     \
    remove_scratch(scratch);                                                                       \
  }                                                                                                \
  TestSuite(suite, .init = setup, .fini = teardown)

static inline void write_text(const char *path, const char *text) {
  struct jc_error error = {0};
  cr_assert_eq(jc_file_make_parents(path, &error), JC_OK, "%s", error.text);
  cr_assert_eq(jc_file_write(path, text, strlen(text), &error), JC_OK, "%s", error.text);
}

/* To be freed. */
static inline char *read_text(const char *path) {
  struct jc_error error = {0};
  char *text = NULL;
  size_t length = 0;
  cr_assert_eq(jc_file_read(path, &text, &length, &error), JC_OK, "%s: %s", path, error.text);
  return text;
}

/* TEXT with the first FIND replaced, to be freed. */
static inline char *edit_text(const char *text, const char *find, const char *replacement) {
  size_t before = 0;
  while (text[before] != '\0' && strncmp(text + before, find, strlen(find)) != 0)
    before++;
  cr_assert(text[before] != '\0', "no '%s' in the text", find);
  const size_t size = strlen(text) + strlen(replacement) + 1;
  char *edited = malloc(size);
  cr_assert(edited != NULL);
  memcpy(edited, text, before);
  snprintf(edited + before, size - before, "%s%s", replacement, text + before + strlen(find));
  return edited;
}

/* ---- messages ---- */

/* Checks the status, and the end of the message as it is printed: what precedes is the folder. */
static inline void expect_error(const struct jc_error *error, enum jc_status status,
                                const char *end) {
  char message[1200];
  jc_error_format(error, message, sizeof(message));
  cr_assert_eq(error->status, status, "status %s: %s", jc_status_name(error->status), message);
  cr_assert(strlen(message) >= strlen(end) &&
                strcmp(message + strlen(message) - strlen(end), end) == 0,
            "\nexpected: %s\n     got: %s", end, message);
}

/* "mismatch: schema.json:2: ...", the file without its folder. */
static inline void describe_error(const struct jc_error *error, char message[1400]) {
  struct jc_error shown = *error;
  const char *slash = strrchr(error->file, '/');
  char text[1200];
  if (slash != NULL)
    snprintf(shown.file, sizeof(shown.file), "%s", slash + 1);
  snprintf(message, 1400, "%s: %s", jc_status_name(error->status),
           jc_error_format(&shown, text, sizeof(text)));
}

/* Calls READ, which may fail, with every fixture of FOLDER whose name begins with PREFIX and that
 * has an expected message; returns how many there were. */
static inline int check_broken_files(const char *folder, const char *prefix, const char *suffix,
                                     void (*read)(const char *path, struct jc_error *error)) {
  DIR *directory = opendir(folder);
  int count = 0;
  cr_assert(directory != NULL, "%s", folder);
  for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    const char *dot = strrchr(entry->d_name, '.');
    char path[PATH_MAX], expected_path[PATH_MAX], message[1400];
    struct jc_error error = {0};
    if (dot == NULL || strcmp(dot, ".expected") != 0 ||
        strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
      continue;
    join_path(expected_path, folder, entry->d_name);
    const int written = snprintf(path, sizeof(path), "%.*s%s",
                                 (int)(strlen(expected_path) - strlen(dot)), expected_path, suffix);
    cr_assert(written > 0 && written < PATH_MAX);
    read(path, &error);
    describe_error(&error, message);
    char *expected = read_text(expected_path);
    expected[strcspn(expected, "\n")] = '\0';
    cr_assert_str_eq(message, expected, "%s\nexpected: %s\n     got: %s", path, expected, message);
    free(expected);
    count++;
  }
  closedir(directory);
  return count;
}

#endif
