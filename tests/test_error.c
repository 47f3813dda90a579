/* test_error.c -- how failures are kept and printed. */
#include <criterion/criterion.h>
#include <string.h>

#include "estimator/error.h"

static const char *format(const struct jc_error *error) {
  static char buffer[1100];
  return jc_error_format(error, buffer, sizeof buffer);
}

Test(error, compiler_format) {
  struct jc_error error = {0};
  cr_assert_eq(jc_error_is_set(&error), 0);
  cr_assert_eq(jc_fail(&error, JC_ERROR_INVALID, 6, "layers[1].kernel_size",
                       "expected a positive integer, got %d", -1),
               JC_ERROR_INVALID);
  cr_expect_str_eq(format(&error),
                   "line 6: layers[1].kernel_size: expected a positive integer, got -1");
  jc_error_name_file(&error, "models/foo.json");
  jc_error_name_file(&error, "other.json");
  cr_expect_str_eq(format(&error), "models/foo.json:6: layers[1].kernel_size: expected a positive "
                                   "integer, got -1");
}

Test(error, absent_parts_are_left_out) {
  struct jc_error error = {0};
  jc_error_name_file(&error, "early.json");
  cr_expect_str_eq(error.file, "");
  jc_fail(&error, JC_ERROR_IO, 0, NULL, "cannot write: %s", "No space left on device");
  cr_expect_str_eq(format(&error), "cannot write: No space left on device");
  jc_error_name_file(&error, "results.json");
  cr_expect_str_eq(format(&error), "results.json: cannot write: No space left on device");
}

Test(error, the_first_failure_stays) {
  struct jc_error error = {0};
  jc_fail(&error, JC_ERROR_INVALID, 1, "a", "first");
  cr_expect_eq(jc_fail(&error, JC_ERROR_IO, 2, "b", "second"), JC_ERROR_INVALID);
  cr_expect_str_eq(format(&error), "line 1: a: first");
}

Test(error, control_characters_do_not_reach_the_terminal) {
  struct jc_error error = {0};
  jc_fail(&error, JC_ERROR_INVALID, 0, "pa\tth\x7f",
          "te\x1b[2Jxt\n\xc2\x9b"
          "31m \xc3\x9b");
  jc_error_name_file(&error, "fi\rle");
  cr_expect_str_eq(format(&error), "fi?le: pa?th?: te?[2Jxt???31m \xc3\x9b");
}

Test(error, long_parts_are_cut) {
  struct jc_error error = {0};
  char longest[2000], small[10];
  const char *volatile unknown = longest; /* its length is no compiler's business */
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  jc_fail(&error, JC_ERROR_INVALID, UINT32_MAX, longest, "%s", unknown);
  jc_error_name_file(&error, longest);
  cr_expect_eq(strlen(error.file), sizeof error.file - 1);
  cr_expect_eq(strlen(error.path), sizeof error.path - 1);
  cr_expect_eq(strlen(error.text), sizeof error.text - 1);
  cr_expect_eq(strlen(format(&error)), 255 + strlen(":4294967295: ") + 255 + 2 + 511);
  cr_expect_str_eq(jc_error_format(&error, small, sizeof small), "xxxxxxxxx");
}

Test(error, every_status_has_a_name) {
  static const char *const names[] = {"ok",      "usage",   "invalid", "overflow",    "mismatch",
                                      "missing", "storage", "io",      "unavailable", "runtime"};
  for (int i = 0; i < 10; i++)
    cr_expect_str_eq(jc_status_name((enum jc_status) - i), names[i]);
  cr_expect_str_eq(jc_status_name((enum jc_status) - 99), "unknown");
}
