/* test_epoch_lines.c -- ends of epochs in what a program prints. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "calibrate/epoch_lines.h"

static struct jc_epoch_pattern pattern;
static struct jc_epoch_lines lines;

static void open_pattern(const char *regex) {
  struct jc_error error = {0};
  cr_assert_eq(jc_epoch_pattern_open(regex, &pattern, &error), JC_OK);
  memset(&lines, 0, sizeof(lines));
  lines.pattern = &pattern;
}

static uint32_t feed(const char *text) {
  return jc_epoch_lines_feed(&lines, text, strlen(text));
}

Test(epoch_lines, protocol) {
  open_pattern(NULL);
  cr_assert_eq(feed("loss 0.3\njoulecast-epoch 1\n"), 1);
  cr_assert_eq(feed("joulecast-epoch 2/9\r\n"), 1);
  cr_assert_eq(pattern.total, 9);
  cr_assert_eq(feed(" joulecast-epoch 3\njoulecast-epoch\njoulecast-epoch x\njoulecast-epoch 3x\n"),
               0, "only whole lines of the protocol count");
  cr_assert_eq(feed("joulecast-epoch 99999999999999999999\n"), 0, "no such number");
  cr_assert_eq(pattern.lines, 2);
}

Test(epoch_lines, lines_end_at_newline_or_return_and_come_in_pieces) {
  open_pattern(NULL);
  cr_assert_eq(feed("joulecast-epo"), 0);
  cr_assert_eq(feed("ch 1\rjoulecast-epoch 2"), 1);
  cr_assert_eq(feed("\rjoulecast-epoch 3\njoulecast-epoch 4"), 2);
  cr_assert_eq(jc_epoch_lines_end(&lines), 1, "a last line that nothing ends");
  cr_assert_eq(jc_epoch_lines_end(&lines), 0);
}

Test(epoch_lines, a_number_counts_once_and_steps_count_all) {
  open_pattern("Epoch +([0-9]+)/([0-9]+)");
  cr_assert_eq(feed("Epoch 1/20: 10 %\rEpoch 1/20: 50 %\rEpoch 1/20: 100 %\n"), 1);
  cr_assert_eq(feed("Epoch  2/20\nEpoch 2/20\n"), 1);
  cr_assert_eq(feed("Epoch 7/20\n"), 5, "every fifth is printed");
  cr_assert_eq(feed("Epoch 3/20\n"), 0);
  cr_assert_eq(pattern.back, 1);
  cr_assert_eq(feed("Epoch 5000000/20\n"), 1, "a step beyond belief");
  cr_assert_eq(pattern.total, 20);
  jc_epoch_pattern_close(&pattern);
}

Test(epoch_lines, without_a_group_each_line_counts) {
  open_pattern("^validation:");
  cr_assert_eq(feed("validation: 0.5\nx validation: 1\nvalidation: 0.6\n"), 2);
  jc_epoch_pattern_close(&pattern);
  open_pattern("epoch ([a-z]*)");
  cr_assert_eq(feed("epoch done\n"), 0, "a group without a number");
  jc_epoch_pattern_close(&pattern);
}

Test(epoch_lines, binary_and_long_lines_are_harmless) {
  static char bytes[1 << 20];
  open_pattern("epoch ([0-9]+)");
  for (size_t i = 0; i < sizeof(bytes); i++)
    bytes[i] = (char)(i * 2654435761U >> 13);
  (void)jc_epoch_lines_feed(&lines, bytes, sizeof(bytes));
  (void)feed("\n");
  memset(bytes, 'x', sizeof(bytes));
  cr_assert_eq(jc_epoch_lines_feed(&lines, bytes, sizeof(bytes)), 0);
  cr_assert_eq(feed("epoch 7\n"), 0, "beyond what is kept of a line");
  cr_assert_eq(jc_epoch_lines_feed(&lines, "\0epoch 8\0\n", 10), 1, "NUL is a blank");
  jc_epoch_pattern_close(&pattern);
}

Test(epoch_lines, a_bad_pattern_is_one_line) {
  struct jc_error error = {0};
  cr_assert_eq(jc_epoch_pattern_open("([0-9]+", &pattern, &error), JC_ERROR_USAGE);
  cr_assert_str_eq(error.path, "--epoch-regex");
  cr_assert_null(strchr(error.text, '\n'));
}

Test(epoch_lines, what_is_to_come) {
  open_pattern(NULL);
  cr_assert_eq(jc_epochs_to_come(&pattern, 0, 0), 0, "nothing is known");
  cr_assert_eq(jc_epochs_to_come(&pattern, 0, 10), 10);
  (void)feed("joulecast-epoch 0/10\njoulecast-epoch 1/10\n");
  cr_assert_eq(jc_epochs_to_come(&pattern, 2, 0), 8, "counted from 0");
  open_pattern(NULL);
  (void)feed("joulecast-epoch 51/90\n");
  cr_assert_eq(jc_epochs_to_come(&pattern, 1, 0), 39, "taken up again at 51");
  cr_assert_eq(jc_epochs_to_come(&pattern, 1, 60), 9, "the user knows better");
  cr_assert_eq(jc_epochs_to_come(&pattern, 1, 40), 0);
}

/* Lines without what every match holds are not looked at closely: regexec() itself says which. */
Test(epoch_lines, a_line_counts_if_and_only_if_the_regex_finds_it) {
  static const char *const regexes[] = {
      "epoch",
      "epoch done",
      "ab*c",
      "ab?c",
      "ab{0,1}c",
      "ab{2}c",
      "ab+c",
      "ab+*c",
      "(ab)*c",
      "x|yz",
      "(x|y)z",
      "a(b(c|d))?e",
      "[]a]b",
      "[^]a]b",
      "[[:digit:]]e",
      "[[.].]]x",
      "a\\.b",
      "a\\*b",
      "\\(loss\\)",
      "^done$",
      "l.ss",
      "a{0,2}|b",
      "(a\\)b)?c",
      "([)|]x)?c",
      "loss: [0-9]",
      "\\bloss\\b",
      "",
      "[a-c]+loss",
      "a very long literal, longer than what is kept of it: c",
  };
  static const char *const texts[] = {
      "epoch",
      "epoch done",
      "an epoch",
      "ac",
      "abc",
      "abbc",
      "c",
      "x",
      "yz",
      "xz",
      "ae",
      "abce",
      "]b",
      "xb",
      "7e",
      "]x",
      "a.b",
      "a*b",
      "axb",
      "(loss)",
      "done",
      "undone",
      "loss: 5",
      "loss",
      "lass",
      "a)bc",
      "b",
      "closs",
      "[)x",
      "a very long literal, longer than what is kept of it: c",
      "a very long literal",
  };
  for (size_t i = 0; i < sizeof(regexes) / sizeof(regexes[0]); i++) {
    open_pattern(regexes[i]);
    for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
      /* A group without a number tells of no epoch; without groups every line found is one. */
      const bool found = regexec(&pattern.regex, texts[j], 0, NULL, 0) == 0;
      const uint64_t before = pattern.lines;
      (void)feed(texts[j]);
      (void)feed("\n");
      if (pattern.regex.re_nsub == 0)
        cr_expect_eq(pattern.lines - before, found, "'%s' in '%s'", regexes[i], texts[j]);
      else
        cr_expect(!found || strstr(texts[j], pattern.literal) != NULL, "'%s' in '%s'", regexes[i],
                  texts[j]);
    }
    jc_epoch_pattern_close(&pattern);
  }
  open_pattern("^loss +([0-9]+)/[0-9]+ of(.*)");
  cr_assert_str_eq(pattern.literal, "loss");
  jc_epoch_pattern_close(&pattern);
}
