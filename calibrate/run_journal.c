/* run_journal.c -- names of journals, and runs whose process is no more. */
#include "calibrate/run_journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calibrate/sysfs.h"
#include "estimator/file_io.h"

static const char suffix[] = ".journal";

/* When PID began, in ticks since boot (field 22 of stat); 0: there is no such process. */
static unsigned long long start_of(long pid) {
  char path[64], text[1024];
  unsigned long long start = 0;
  snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
  if (jc_sysfs_read_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
    return 0;
  const char *rest = strrchr(text, ')');
  if (rest == NULL ||
      sscanf(rest + 1,
             " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
             &start) != 1)
    return 0;
  return start;
}

static void host_name(char *host, size_t size) {
  if (gethostname(host, size) != 0)
    snprintf(host, size, "localhost");
  host[size - 1] = '\0';
}

enum jc_status jc_run_journal_name(const char *path, struct jc_run_journal *journal,
                                   struct jc_error *error) {
  char host[256];
  const long pid = (long)getpid();
  host_name(host, sizeof(host));
  journal->kept = false;
  const int length = snprintf(journal->path, sizeof(journal->path), "%s.%s.%ld.%llu%s", path, host,
                              pid, start_of(pid), suffix);
  return length > 0 && (size_t)length < sizeof(journal->path)
             ? JC_OK
             : jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "name too long: '%.80s'", path);
}

enum jc_status jc_run_journal_keep(struct jc_run_journal *journal, const struct jc_sample *sample,
                                   struct jc_error *error) {
  char *text = NULL;
  size_t length = 0;
  if (jc_sample_format(sample, &text, &length, error) == JC_OK) {
    text[length] = '\n'; /* in the place of the NUL */
    journal->kept = jc_file_write(journal->path, text, length + 1, error) == JC_OK || journal->kept;
  }
  free(text);
  return error->status;
}

void jc_run_journal_remove(struct jc_run_journal *journal) {
  if (journal->kept)
    (void)unlink(journal->path);
  journal->kept = false;
}

/* Whether NAME is a journal of BASE on this host whose process is gone. What a process that was
 * killed in keeping it left beside it, "....journal.123-0.tmp", is none. */
static bool is_orphan(const char *name, const char *base) {
  char prefix[NAME_MAX + 300], host[256], end[sizeof(suffix) + 1] = "";
  long pid = 0;
  unsigned long long start = 0;
  host_name(host, sizeof(host));
  const int length = snprintf(prefix, sizeof(prefix), "%s.%s.", base, host);
  if (length <= 0 || strncmp(name, prefix, (size_t)length) != 0 ||
      sscanf(name + length, "%ld.%llu%9s", &pid, &start, end) != 3 || strcmp(end, suffix) != 0)
    return false;
  return start_of(pid) != start;
}

/* Opens JOURNAL and locks it, which keeps a second joulecast from taking it up too. -1 without an
 * error: one has, or does, and then the file has no name. */
static int lock_journal(const char *journal, struct jc_error *error) {
  struct stat status;
  const int fd = open(journal, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno != ENOENT) {
      (void)jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot open: %s", strerror(errno));
      jc_error_name_file(error, journal);
    }
    return -1;
  }
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &status) == 0 && status.st_nlink > 0)
    return fd;
  (void)close(fd);
  return -1;
}

/* Whether SAMPLE stands in PATH: a kill between its recording and the journal's removal. */
static bool is_recorded(const char *path, const struct jc_sample *sample) {
  struct jc_error ignored = {0};
  char *line = NULL, *text = NULL;
  size_t length = 0;
  const bool recorded = jc_sample_format(sample, &line, &length, &ignored) == JC_OK &&
                        jc_file_read(path, &text, &length, &ignored) == JC_OK &&
                        strstr(text, line) != NULL;
  free(line);
  free(text);
  return recorded;
}

/* Appends SAMPLE, the run of JOURNAL, to PATH, unless it stands there. */
static void take_up(const struct jc_sample *sample, const char *journal, const char *path,
                    uint32_t *count, struct jc_error *error) {
  const bool recorded = is_recorded(path, sample);
  if (!recorded && jc_samples_append(path, sample, error) != JC_OK)
    return;
  (void)unlink(journal);
  *count += !recorded;
}

static enum jc_status recover(const char *journal, const char *path, uint32_t *count,
                              struct jc_error *error) {
  struct jc_samples_reader reader;
  struct jc_sample sample;
  bool more = false;
  const int fd = lock_journal(journal, error);
  if (fd < 0)
    return error->status;
  if (jc_samples_open(journal, &reader, error) == JC_OK) {
    if (jc_samples_next(&reader, &sample, &more, error) == JC_OK && more) {
      take_up(&sample, journal, path, count, error);
      jc_sample_free(&sample);
    } else if (!jc_error_is_set(error)) {
      (void)jc_fail(error, JC_ERROR_INVALID, 1, NULL,
                    "expected the line of a run, got one that was cut off: remove the file");
      jc_error_name_file(error, journal);
    }
    jc_samples_close(&reader);
  }
  (void)close(fd);
  return error->status;
}

enum jc_status jc_run_journal_recover(const char *path, uint32_t *count, struct jc_error *error) {
  const char *slash = strrchr(path, '/');
  const char *base = slash != NULL ? slash + 1 : path;
  char folder[PATH_MAX], journal[PATH_MAX + NAME_MAX + 2];
  const struct dirent *entry;
  *count = 0;
  snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path + 1) : 2,
           slash != NULL ? path : "./");
  DIR *directory = opendir(folder);
  if (directory == NULL && errno != ENOENT) {
    (void)jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot look for journals: %s", strerror(errno));
    jc_error_name_file(error, folder);
  }
  while (directory != NULL && !jc_error_is_set(error) && (entry = readdir(directory)) != NULL) {
    if (!is_orphan(entry->d_name, base))
      continue;
    snprintf(journal, sizeof(journal), "%s%s", folder, entry->d_name);
    (void)recover(journal, path, count, error);
  }
  if (directory != NULL)
    (void)closedir(directory);
  return error->status;
}
