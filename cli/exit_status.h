/* exit_status.h -- what the program returns: one list, which `joulecast --help` and the manual
 * print and README.md repeats (tests/check_manual.sh).
 */
#ifndef JC_CLI_EXIT_STATUS_H
#define JC_CLI_EXIT_STATUS_H

/* Name, number, meaning: a text constant. EXIT_INVALID is for unreadable files, too, and for files
 * that do not fit each other. */
#define EXIT_STATUSES(X)                                                                           \
  X(EXIT_OK, 0, "done")                                                                            \
  X(EXIT_RUNTIME, 1, "failed")                                                                     \
  X(EXIT_USAGE, 2, "wrong usage")                                                                  \
  X(EXIT_INVALID, 3, "a model or data file is invalid, missing or does not fit")                   \
  X(EXIT_CANNOT_MEASURE, 4, "this machine or build cannot measure or train it")                    \
  X(EXIT_BUDGET, 5, "over a budget")

enum exit_code {
#define X(name, number, meaning) name = (number),
  EXIT_STATUSES(X)
#undef X
};

#endif
