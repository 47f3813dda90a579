/* test_run_journal.c -- what killed, full disks and two joulecasts do to the journal of a run. */
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "calibrate/run_journal.h"
#include "tests/file_fixtures.h"

SCRATCH_SUITE(run_journal, "runs.jsonl");

/* To be freed. */
static struct jc_sample run_of(double energy_j) {
  struct jc_sample sample;
  struct jc_error error = {0};
  jc_sample_start(&sample);
  sample.run.batch_size = 16;
  sample.energy_j = energy_j;
  sample.time_s = 10.0 / 3;
  cr_assert_eq(jc_sample_set_model_name(&sample, "tiny", &error), JC_OK);
  return sample;
}

static enum jc_status keep(struct jc_run_journal *journal, double energy_j,
                           struct jc_error *error) {
  struct jc_sample sample = run_of(energy_j);
  const enum jc_status status = jc_run_journal_keep(journal, &sample, error);
  jc_sample_free(&sample);
  return status;
}

static void append(double energy_j) {
  struct jc_sample sample = run_of(energy_j);
  struct jc_error error = {0};
  cr_assert_eq(jc_samples_append(path, &sample, &error), JC_OK, "%s", error.text);
  jc_sample_free(&sample);
}

static struct jc_run_journal named(void) {
  struct jc_run_journal journal;
  struct jc_error error = {0};
  cr_assert_eq(jc_run_journal_name(path, &journal, &error), JC_OK, "%s", error.text);
  return journal;
}

/* Another process keeps a run of ENERGY_J, records it too if RECORDED, and is killed; its journal.
 */
static struct jc_run_journal leave(double energy_j, bool recorded) {
  struct jc_run_journal journal;
  struct jc_error error = {0};
  int ends[2], status = 0;
  cr_assert_eq(pipe(ends), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    journal = named();
    (void)keep(&journal, energy_j, &error);
    if (recorded)
      append(energy_j);
    (void)!write(ends[1], &journal, sizeof(journal));
    (void)raise(SIGKILL);
  }
  cr_assert_eq(read(ends[0], &journal, sizeof(journal)), (ssize_t)sizeof(journal));
  cr_assert_eq(waitpid(pid, &status, 0), pid);
  cr_assert(WIFSIGNALED(status));
  cr_assert_eq(access(journal.path, F_OK), 0);
  (void)close(ends[0]);
  (void)close(ends[1]);
  return journal;
}

static uint32_t recovered(void) {
  struct jc_error error = {0};
  uint32_t count = 99;
  cr_assert_eq(jc_run_journal_recover(path, &count, &error), JC_OK, "%s", error.text);
  return count;
}

/* The record holds exactly these runs. */
static void expect_runs(const double *energy_j, int count) {
  struct jc_samples_reader reader;
  struct jc_sample sample;
  struct jc_error error = {0};
  bool more = false;
  int read = 0;
  cr_assert_eq(jc_samples_open(path, &reader, &error), JC_OK, "%s", error.text);
  for (; jc_samples_next(&reader, &sample, &more, &error) == JC_OK && more; read++) {
    cr_assert_lt(read, count);
    cr_assert_eq(sample.energy_j, energy_j[read]);
    jc_sample_free(&sample);
  }
  cr_assert_not(jc_error_is_set(&error), "%s", error.text);
  cr_assert_not(reader.torn);
  cr_assert_eq(read, count, "%d runs", read);
  jc_samples_close(&reader);
}

static bool exists(const char *file) {
  return access(file, F_OK) == 0;
}

/* From here on, no file can grow beyond BYTES: a disk that fills up. */
static void limit_files(rlim_t bytes) {
  const struct rlimit limit = {bytes, RLIM_INFINITY};
  (void)signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* ---- of one process ---- */

Test(run_journal, of_a_finished_run_nothing_is_left) {
  struct jc_run_journal journal = named();
  struct jc_error error = {0};
  jc_run_journal_remove(&journal); /* before anything is kept: nothing to do */
  cr_assert_eq(keep(&journal, 1, &error), JC_OK);
  cr_assert_eq(keep(&journal, 2, &error), JC_OK);
  cr_assert(journal.kept && exists(journal.path));
  append(2);
  jc_run_journal_remove(&journal);
  cr_assert(!journal.kept && !exists(journal.path));
  cr_assert_eq(recovered(), 0);
  expect_runs((double[]){2}, 1);
}

Test(run_journal, of_a_living_process_is_left_alone) {
  struct jc_run_journal journal = named();
  struct jc_error error = {0};
  cr_assert_eq(keep(&journal, 1, &error), JC_OK);
  cr_assert_eq(recovered(), 0);
  cr_assert(exists(journal.path));
  cr_assert_not(exists(path));
}

Test(run_journal, full_disk_leaves_what_was_kept_before) {
  struct jc_run_journal journal = named();
  struct jc_error error = {0};
  cr_assert_eq(keep(&journal, 1, &error), JC_OK);
  char *before = read_text(journal.path);
  limit_files(20);
  cr_assert_eq(keep(&journal, 2, &error), JC_ERROR_IO);
  expect_error(&error, JC_ERROR_IO, ".journal: cannot write: File too large");
  char *after = read_text(journal.path);
  cr_assert_str_eq(after, before);
  cr_assert(journal.kept);
  free(before);
  free(after);
}

Test(run_journal, full_disk_from_the_start_keeps_nothing) {
  struct jc_run_journal journal = named();
  struct jc_error error = {0};
  limit_files(20);
  cr_assert_eq(keep(&journal, 1, &error), JC_ERROR_IO);
  cr_assert(!journal.kept && !exists(journal.path));
}

Test(run_journal, a_name_that_does_not_fit_is_refused) {
  char name[PATH_MAX];
  struct jc_run_journal journal;
  struct jc_error error = {0};
  memset(name, 'a', sizeof(name) - 1);
  name[sizeof(name) - 1] = '\0';
  cr_assert_eq(jc_run_journal_name(name, &journal, &error), JC_ERROR_STORAGE);
}

/* ---- of dead ones ---- */

Test(run_journal, killed_runs_are_added_once) {
  append(1);
  const struct jc_run_journal one = leave(2, false);
  cr_assert_eq(recovered(), 1);
  cr_assert_not(exists(one.path));
  cr_assert_eq(recovered(), 0);
  expect_runs((double[]){1, 2}, 2);
  (void)leave(3, false);
  (void)leave(4, false);
  cr_assert_eq(recovered(), 2);
  cr_assert_eq(recovered(), 0);
}

Test(run_journal, a_kill_between_record_and_removal_makes_no_second_run) {
  const struct jc_run_journal journal = leave(100.0 / 3, true);
  cr_assert_eq(recovered(), 0);
  cr_assert_not(exists(journal.path));
  expect_runs((double[]){100.0 / 3}, 1);
}

/* What a process killed in mid-keeping leaves: the old journal, and a file that is none. */
Test(run_journal, a_kill_in_keeping_leaves_the_run_kept_before) {
  char temporary[PATH_MAX + 32];
  const struct jc_run_journal journal = leave(2, false);
  char *text = read_text(journal.path);
  snprintf(temporary, sizeof(temporary), "%s.123-0.tmp", journal.path);
  char *later = edit_text(text, "\"energy_j\":2", "\"energy_j\":3");
  write_text(temporary, later);
  cr_assert_eq(recovered(), 1);
  expect_runs((double[]){2}, 1);
  free(text);
  free(later);
}

Test(run_journal, one_that_was_cut_off_is_left_and_said) {
  const struct jc_run_journal journal = leave(2, false);
  struct jc_error error = {0};
  uint32_t count = 0;
  const struct {
    off_t bytes;
    const char *message;
  } cuts[] = {
      {30, ".journal:1: expected the line of a run, got one that was cut off: remove the file"},
      {0, ".journal:1: expected the line of a run, got one that was cut off: remove the file"},
  };
  append(1);
  for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
    cr_assert_eq(truncate(journal.path, cuts[i].bytes), 0);
    error = (struct jc_error){0};
    cr_assert_eq(jc_run_journal_recover(path, &count, &error), JC_ERROR_INVALID);
    expect_error(&error, JC_ERROR_INVALID, cuts[i].message);
    cr_assert(exists(journal.path));
    cr_assert_eq(count, 0);
  }
  expect_runs((double[]){1}, 1);
}

/* The record's own last line torn, by the same loss of power. */
Test(run_journal, a_torn_record_is_mended_and_added_to) {
  struct jc_error error = {0};
  bool torn = false;
  append(1);
  FILE *record = fopen(path, "a");
  cr_assert_not_null(record);
  fputs("{\"schema\":\"joulecast.run/1\",\"mod", record);
  fclose(record);
  (void)leave(2, false);
  cr_assert_eq(jc_samples_mend(path, &torn, &error), JC_OK);
  cr_assert(torn);
  cr_assert_eq(recovered(), 1);
  expect_runs((double[]){1, 2}, 2);
}

Test(run_journal, full_disk_in_recovering_loses_nothing) {
  struct jc_error error = {0};
  uint32_t count = 0;
  const struct jc_run_journal journal = leave(2, false);
  append(1);
  char *before = read_text(path);
  limit_files((rlim_t)strlen(before) + 20);
  cr_assert_eq(jc_run_journal_recover(path, &count, &error), JC_ERROR_IO);
  expect_error(&error, JC_ERROR_IO, "runs.jsonl: cannot write: File too large");
  cr_assert_eq(count, 0);
  cr_assert(exists(journal.path));
  char *after = read_text(path);
  cr_assert_str_eq(after, before);
  free(before);
  free(after);
  limit_files(RLIM_INFINITY);
  cr_assert_eq(recovered(), 1);
  expect_runs((double[]){1, 2}, 2);
}

Test(run_journal, a_number_used_again_is_another_process) {
  char other[PATH_MAX + 32];
  struct jc_run_journal journal = named();
  struct jc_error error = {0};
  cr_assert_eq(keep(&journal, 1, &error), JC_OK);
  char *end = strrchr(journal.path, '.');
  *end = '\0';
  const char *start = strrchr(journal.path, '.');
  snprintf(other, sizeof(other), "%.*s.%llu.journal", (int)(start - journal.path), journal.path,
           strtoull(start + 1, NULL, 10) + 1);
  *end = '.';
  cr_assert_eq(rename(journal.path, other), 0);
  cr_assert_eq(recovered(), 1);
  cr_assert_not(exists(other));
}

Test(run_journal, of_other_hosts_and_other_records_is_left_alone) {
  static const char *const names[] = {"runs.jsonl.another-host.999999999.1.journal",
                                      "runs.jsonl.999999999.1.journal", "runs.jsonl.journal"};
  char file[PATH_MAX];
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    join_path(file, scratch, names[i]);
    write_text(file, "nonsense\n");
  }
  const struct jc_run_journal journal = leave(2, false);
  join_path(path, scratch, "others.jsonl");
  cr_assert_eq(recovered(), 0);
  cr_assert(exists(journal.path));
  join_path(path, scratch, "runs.jsonl");
  cr_assert_eq(recovered(), 1);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    join_path(file, scratch, names[i]);
    cr_assert(exists(file), "%s", names[i]);
  }
}

Test(run_journal, one_that_another_joulecast_takes_up_is_left_to_it) {
  const struct jc_run_journal journal = leave(2, false);
  const int fd = open(journal.path, O_RDONLY);
  cr_assert_eq(flock(fd, LOCK_EX), 0);
  cr_assert_eq(recovered(), 0);
  cr_assert(exists(journal.path));
  (void)close(fd);
  cr_assert_eq(recovered(), 1);
}

/* ---- what cannot be read ---- */

Test(run_journal, a_folder_that_is_none) {
  struct jc_error error = {0};
  uint32_t count = 0;
  write_text(path, "");
  join_path(path, scratch, "runs.jsonl/runs.jsonl");
  cr_assert_eq(jc_run_journal_recover(path, &count, &error), JC_ERROR_IO);
  expect_error(&error, JC_ERROR_IO, "/runs.jsonl/: cannot look for journals: Not a directory");
  join_path(path, scratch, "absent/runs.jsonl");
  cr_assert_eq(recovered(), 0);
}

/* As nobody, since root may read everything. */
Test(run_journal, a_folder_and_a_journal_that_may_not_be_read) {
  const uid_t user = geteuid();
  struct jc_error folder = {0}, file = {0};
  uint32_t count = 0;
  const struct jc_run_journal journal = leave(2, false);
  cr_assert_eq(chmod(journal.path, 0), 0);
  cr_assert_eq(chmod(scratch, 0711), 0);
  cr_assert(user != 0 || seteuid(65534) == 0);
  if (user != 0)
    cr_assert_eq(chmod(scratch, 0300), 0);
  (void)jc_run_journal_recover(path, &count, &folder);
  cr_assert(user != 0 || seteuid(user) == 0);
  cr_assert_eq(chmod(scratch, 0755), 0);
  cr_assert(user != 0 || seteuid(65534) == 0);
  (void)jc_run_journal_recover(path, &count, &file);
  cr_assert(user != 0 || seteuid(user) == 0);
  expect_error(&folder, JC_ERROR_IO, "/: cannot look for journals: Permission denied");
  expect_error(&file, JC_ERROR_IO, ".journal: cannot open: Permission denied");
  cr_assert_eq(count, 0);
  cr_assert(exists(journal.path));
}
