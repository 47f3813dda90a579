/* test_file_io.c -- whole files in and out; failures in mid-writing leave the old file. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "estimator/file_io.h"

static char folder[64];

static void make_folder(void) {
  strcpy(folder, "/tmp/joulecast-test-XXXXXX");
  cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  cr_assert_eq(system(command), 0);
}

TestSuite(file_io, .init = make_folder, .fini = remove_folder);

static const char *in_folder(const char *name) {
  static char path[4][512];
  static int turn;
  turn = (turn + 1) % 4;
  snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
  return path[turn];
}

static int files_in_folder(void) {
  DIR *dir = opendir(folder);
  int count = 0;
  while (readdir(dir))
    count++;
  closedir(dir);
  return count - 2; /* . and .. */
}

static void expect_content(const char *path, const char *expected) {
  struct jc_error error = {0};
  char *text;
  size_t length;
  cr_assert_eq(jc_file_read(path, &text, &length, &error), JC_OK, "%s", error.text);
  cr_expect_str_eq(text, expected);
  cr_expect_eq(length, strlen(expected));
  free(text);
}

static void write_text(const char *path, const char *text) {
  struct jc_error error = {0};
  cr_assert_eq(jc_file_write(path, text, strlen(text), &error), JC_OK, "%s", error.text);
}

/* The message of a failure. */
static const char *said(const struct jc_error *error) {
  static char message[1024];
  return jc_error_format(error, message, sizeof message);
}

/* From here on, no file can grow beyond BYTES: a disk that fills up. */
static void limit_files(rlim_t bytes) {
  struct rlimit limit = {bytes, RLIM_INFINITY};
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* ---- reading ---- */

Test(file_io, reads_what_was_written) {
  struct jc_error error = {0};
  char *big = malloc(1000001), *text;
  size_t length;
  for (int i = 0; i < 1000000; i++)
    big[i] = (char)('a' + i % 26);
  big[1000000] = '\0';
  cr_assert_eq(jc_file_write(in_folder("big"), big, 1000000, &error), JC_OK);
  cr_assert_eq(jc_file_read(in_folder("big"), &text, &length, &error), JC_OK);
  cr_expect_eq(length, 1000000);
  cr_expect_str_eq(text, big);
  free(text);
  free(big);
  write_text(in_folder("empty"), "");
  expect_content(in_folder("empty"), "");
}

Test(file_io, reads_files_that_do_not_know_their_size) {
  struct jc_error error = {0};
  char *text;
  size_t length;
  cr_assert_eq(jc_file_read("/proc/self/status", &text, &length, &error), JC_OK);
  cr_expect_gt(length, 100);
  free(text);
}

Test(file_io, reads_standard_input) {
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  cr_assert_eq(write(ends[1], "piped\n", 6), 6);
  close(ends[1]);
  cr_assert_geq(dup2(ends[0], STDIN_FILENO), 0);
  expect_content("-", "piped\n");
  cr_expect_str_eq(jc_file_shown_name("-"), "<stdin>");
  cr_expect_str_eq(jc_file_shown_name("a.json"), "a.json");
}

Test(file_io, refuses_to_read) {
  struct jc_error missing = {0}, directory = {0}, large = {0};
  char *text, expected[600];
  size_t length;
  cr_expect_eq(jc_file_read(in_folder("missing"), &text, &length, &missing), JC_ERROR_IO);
  cr_expect_null(text);
  snprintf(expected, sizeof expected, "%s/missing: cannot open: No such file or directory", folder);
  cr_expect_str_eq(said(&missing), expected);
  cr_expect_eq(jc_file_read(folder, &text, &length, &directory), JC_ERROR_IO);
  snprintf(expected, sizeof expected, "%s: cannot read: Is a directory", folder);
  cr_expect_str_eq(said(&directory), expected);
  write_text(in_folder("large"), "");
  cr_assert_eq(truncate(in_folder("large"), JC_MAX_FILE_BYTES + 1), 0);
  cr_expect_eq(jc_file_read(in_folder("large"), &text, &length, &large), JC_ERROR_IO);
  snprintf(expected, sizeof expected, "%s/large: cannot read: File too large", folder);
  cr_expect_str_eq(said(&large), expected);
}

Test(file_io, refuses_an_endless_file) {
  struct jc_error error = {0};
  char *text;
  size_t length;
  cr_expect_eq(jc_file_read("/dev/zero", &text, &length, &error), JC_ERROR_IO);
  cr_expect_str_eq(said(&error), "/dev/zero: cannot read: File too large");
}

Test(file_io, unreadable_file) {
  struct jc_error error = {0};
  char *text;
  size_t length;
  if (geteuid() == 0)
    cr_skip_test("root may read everything");
  write_text(in_folder("secret"), "x");
  cr_assert_eq(chmod(in_folder("secret"), 0), 0);
  cr_expect_eq(jc_file_read(in_folder("secret"), &text, &length, &error), JC_ERROR_IO);
  cr_expect_str_eq(error.text, "cannot open: Permission denied");
}

/* ---- writing ---- */

Test(file_io, replaces_a_file_and_keeps_its_permissions) {
  struct stat info;
  write_text(in_folder("a.json"), "old");
  cr_assert_eq(chmod(in_folder("a.json"), 0640), 0);
  write_text(in_folder("a.json"), "new");
  expect_content(in_folder("a.json"), "new");
  cr_assert_eq(stat(in_folder("a.json"), &info), 0);
  cr_expect_eq(info.st_mode & 07777, 0640);
  cr_expect_eq(files_in_folder(), 1);
}

Test(file_io, follows_a_symbolic_link) {
  struct stat info;
  write_text(in_folder("target"), "old");
  cr_assert_eq(symlink("target", in_folder("link")), 0);
  write_text(in_folder("link"), "new");
  cr_assert_eq(lstat(in_folder("link"), &info), 0);
  cr_expect(S_ISLNK(info.st_mode));
  expect_content(in_folder("target"), "new");
}

Test(file_io, a_full_disk_leaves_the_old_file) {
  struct jc_error error = {0};
  char *text = calloc(1, 100000), expected[600];
  write_text(in_folder("a.json"), "old");
  limit_files(50000);
  cr_expect_eq(jc_file_write(in_folder("a.json"), text, 100000, &error), JC_ERROR_IO);
  snprintf(expected, sizeof expected, "%s/a.json: cannot write: File too large", folder);
  cr_expect_str_eq(said(&error), expected);
  expect_content(in_folder("a.json"), "old");
  cr_expect_eq(files_in_folder(), 1);
  free(text);
}

Test(file_io, devices_are_written_in_place) {
  struct jc_error error = {0};
  struct stat info;
  write_text("/dev/null", "x");
  cr_assert_eq(stat("/dev/null", &info), 0);
  cr_expect(S_ISCHR(info.st_mode));
  cr_expect_eq(jc_file_write("/dev/full", "x", 1, &error), JC_ERROR_IO);
  cr_expect_str_eq(said(&error), "/dev/full: cannot write: No space left on device");
}

Test(file_io, refuses_to_write) {
  struct jc_error no_folder = {0}, directory = {0};
  cr_expect_eq(jc_file_write(in_folder("no/a.json"), "x", 1, &no_folder), JC_ERROR_IO);
  cr_expect_str_eq(no_folder.text, "cannot write: No such file or directory");
  cr_expect_eq(jc_file_write(folder, "x", 1, &directory), JC_ERROR_IO);
  cr_expect_str_eq(directory.text, "cannot write: Is a directory");
}

Test(file_io, a_name_without_a_folder) {
  cr_assert_eq(chdir(folder), 0);
  write_text("plain.json", "x");
  expect_content("plain.json", "x");
}

/* ---- appending ---- */

static enum jc_status append(const char *path, const char *line, struct jc_error *error) {
  return jc_file_append_line(path, line, strlen(line), error);
}

Test(file_io, appends_lines) {
  struct jc_error error = {0};
  cr_assert_eq(append(in_folder("s.jsonl"), "one", &error), JC_OK);
  cr_assert_eq(append(in_folder("s.jsonl"), "two", &error), JC_OK);
  cr_assert_eq(append(in_folder("s.jsonl"), "", &error), JC_OK);
  expect_content(in_folder("s.jsonl"), "one\ntwo\n\n");
}

Test(file_io, ends_an_open_line_first) {
  struct jc_error error = {0};
  write_text(in_folder("s.jsonl"), "one\ntor");
  cr_assert_eq(append(in_folder("s.jsonl"), "two", &error), JC_OK);
  expect_content(in_folder("s.jsonl"), "one\ntor\ntwo\n");
}

Test(file_io, cuts_a_torn_line) {
  struct jc_error error = {0}, missing = {0};
  write_text(in_folder("s.jsonl"), "one\ntor");
  cr_assert_eq(jc_file_cut(in_folder("s.jsonl"), 4, &error), JC_OK);
  cr_assert_eq(append(in_folder("s.jsonl"), "two", &error), JC_OK);
  expect_content(in_folder("s.jsonl"), "one\ntwo\n");
  cr_expect_eq(jc_file_cut(in_folder("missing"), 4, &missing), JC_ERROR_IO);
}

Test(file_io, a_line_that_does_not_fit_leaves_nothing) {
  struct jc_error error = {0};
  char line[1000];
  memset(line, 'x', sizeof line);
  cr_assert_eq(append(in_folder("s.jsonl"), "one", &error), JC_OK);
  limit_files(500);
  cr_expect_eq(jc_file_append_line(in_folder("s.jsonl"), line, sizeof line, &error), JC_ERROR_IO);
  cr_expect_str_eq(error.text, "cannot write: File too large");
  expect_content(in_folder("s.jsonl"), "one\n");
}

Test(file_io, a_full_device) {
  struct jc_error error = {0};
  cr_expect_eq(append("/dev/full", "x", &error), JC_ERROR_IO);
  cr_expect_str_eq(said(&error), "/dev/full: cannot write: No space left on device");
}

/* ---- folders ---- */

Test(file_io, makes_parents) {
  struct jc_error error = {0}, blocked = {0};
  cr_assert_eq(jc_file_make_parents(in_folder("a/b//c/d.json"), &error), JC_OK);
  cr_assert_eq(jc_file_make_parents(in_folder("a/b/c/d.json"), &error), JC_OK);
  write_text(in_folder("a/b/c/d.json"), "x");
  cr_assert_eq(jc_file_make_parents("plain.json", &error), JC_OK);
  cr_assert_eq(jc_file_make_parents("/plain.json", &error), JC_OK);
  cr_expect_eq(jc_file_make_parents(in_folder("a/b/c/d.json/e/f"), &blocked), JC_ERROR_IO);
  cr_expect_str_eq(blocked.text, "cannot make folder: Not a directory");
}

/* The XDG base directory specification: a relative path in the variable is to be ignored. */
Test(file_io, the_users_folder) {
  static const struct {
    const char *variable, *home;
    size_t size;
    enum jc_status status;
    const char *path;
  } cases[] = {
      {"/etc/xdg", "/home/ada", 64, JC_OK, "/etc/xdg/joulecast/grid.json"},
      {"here", "/home/ada", 64, JC_OK, "/home/ada/.config/joulecast/grid.json"},
      {NULL, "/home/ada", 64, JC_OK, "/home/ada/.config/joulecast/grid.json"},
      {NULL, "", 64, JC_ERROR_MISSING, NULL},
      {NULL, NULL, 64, JC_ERROR_MISSING, NULL},
      {"/etc/xdg", NULL, sizeof("/etc/xdg/joulecast/grid.json"), JC_OK,
       "/etc/xdg/joulecast/grid.json"},
      {"/etc/xdg", NULL, sizeof("/etc/xdg/joulecast/grid.json") - 1, JC_ERROR_STORAGE, NULL},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char path[64];
    unsetenv("TEST_CONFIG");
    unsetenv("HOME");
    if (cases[i].variable != NULL)
      setenv("TEST_CONFIG", cases[i].variable, 1);
    if (cases[i].home != NULL)
      setenv("HOME", cases[i].home, 1);
    cr_expect_eq(jc_file_user_path("TEST_CONFIG", ".config", "grid.json", path, cases[i].size),
                 cases[i].status, "%zu", i);
    if (cases[i].path != NULL)
      cr_expect_str_eq(path, cases[i].path);
  }
}
