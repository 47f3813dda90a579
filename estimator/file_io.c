/* file_io.c -- whole files in, whole files out: nothing half-written, nothing finished lost. */
#include "estimator/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Always of the file as the user named it, and of errno. */
static enum jc_status fail(const char *path, const char *action, struct jc_error *error) {
  int reason = errno;
  jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot %s: %s", action, strerror(reason));
  jc_error_name_file(error, jc_file_shown_name(path));
  return error->status;
}

const char *jc_file_shown_name(const char *path) {
  return strcmp(path, "-") == 0 ? "<stdin>" : path;
}

/* ---- reading ---- */

/* Reads to the end into a growing buffer; one byte is kept for the terminator. */
static enum jc_status read_all(int fd, size_t expected, const char *path, char **text,
                               size_t *length, struct jc_error *error) {
  size_t capacity = (expected < JC_MAX_FILE_BYTES ? expected : 0) + 4096, used = 0;
  char *buffer = malloc(capacity);
  while (buffer) {
    ssize_t got = read(fd, buffer + used, capacity - used - 1);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      free(buffer);
      return fail(path, "read", error);
    }
    used += (size_t)got;
    if (used > JC_MAX_FILE_BYTES) {
      free(buffer);
      errno = EFBIG;
      return fail(path, "read", error);
    }
    if (got == 0) {
      buffer[used] = '\0';
      *text = buffer;
      *length = used;
      return JC_OK;
    }
    if (capacity - used < 2048) {
      capacity *= 2;
      char *grown = realloc(buffer, capacity);
      if (!grown)
        free(buffer);
      buffer = grown;
    }
  }
  jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  jc_error_name_file(error, jc_file_shown_name(path));
  return error->status;
}

enum jc_status jc_file_read(const char *path, char **text, size_t *length, struct jc_error *error) {
  struct stat info;
  *text = NULL;
  *length = 0;
  bool is_stdin = strcmp(path, "-") == 0;
  int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) != 0) {
    enum jc_status status = fail(path, "open", error);
    if (fd >= 0 && !is_stdin)
      (void)close(fd);
    return status;
  }
  enum jc_status status;
  if (S_ISDIR(info.st_mode) || info.st_size > JC_MAX_FILE_BYTES) {
    errno = S_ISDIR(info.st_mode) ? EISDIR : EFBIG;
    status = fail(path, "read", error);
  } else {
    status = read_all(fd, (size_t)info.st_size, path, text, length, error);
  }
  if (!is_stdin)
    (void)close(fd);
  return status;
}

/* ---- writing ---- */

static int write_all(int fd, const char *text, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, text, length);
    if (written < 0 && errno != EINTR)
      return -1;
    if (written > 0) {
      text += written;
      length -= (size_t)written;
    }
  }
  return 0;
}

/* Pipes and some file systems cannot be synced, which is no failure. */
static int sync_file(int fd) {
  return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -1;
}

/* Closes FD, but keeps the errno of a failure before. */
static int close_after(int fd, int result) {
  int reason = errno;
  if (close(fd) != 0 && result == 0)
    return -1;
  errno = reason;
  return result;
}

/* The folder of PATH: everything before the last '/'. */
static void parent_of(const char *path, char *folder, size_t size) {
  const char *slash = strrchr(path, '/');
  int length = slash == path ? 1 : slash ? (int)(slash - path) : 1;
  (void)snprintf(folder, size, "%.*s", length, slash ? path : ".");
}

/* A rename or a creation lasts only once the folder is on the disk. */
static int sync_parent(const char *path) {
  char folder[PATH_MAX];
  parent_of(path, folder, sizeof folder);
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return errno == EACCES ? 0 : -1; /* a folder one may write but not read */
  return close_after(fd, sync_file(fd));
}

/* Opens a new file beside PATH; its name goes to TEMPORARY. */
static int open_temporary(const char *path, mode_t mode, char *temporary, size_t size) {
  for (unsigned attempt = 0; attempt < 1000; attempt++) {
    int written = snprintf(temporary, size, "%s.%ld-%u.tmp", path, (long)getpid(), attempt);
    if (written < 0 || (size_t)written >= size) {
      errno = ENAMETOOLONG;
      return -1;
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EEXIST)
      return fd;
  }
  return -1;
}

/* OLD describes the file to be replaced, or is NULL. */
static int replace_file(const char *path, const struct stat *old, const char *text, size_t length) {
  char temporary[PATH_MAX];
  int fd = open_temporary(path, 0666, temporary, sizeof temporary);
  if (fd < 0)
    return -1;
  if (old)
    (void)fchmod(fd, old->st_mode & 07777); /* FAT has no permissions to keep */
  int result = write_all(fd, text, length);
  if (result == 0)
    result = sync_file(fd);
  result = close_after(fd, result);
  if (result == 0)
    result = rename(temporary, path);
  if (result != 0) {
    int reason = errno;
    (void)unlink(temporary);
    errno = reason;
    return -1;
  }
  return sync_parent(path);
}

static int write_in_place(const char *path, const char *text, size_t length) {
  int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return -1;
  int result = write_all(fd, text, length);
  if (result == 0)
    result = sync_file(fd);
  return close_after(fd, result);
}

enum jc_status jc_file_write(const char *path, const char *text, size_t length,
                             struct jc_error *error) {
  struct stat info;
  bool exists = stat(path, &info) == 0;
  int result;
  if (exists && !S_ISREG(info.st_mode)) {
    result = write_in_place(path, text, length);
  } else if (exists) {
    char *target = realpath(path, NULL);
    result = target ? replace_file(target, &info, text, length) : -1;
    free(target);
  } else {
    result = errno == ENOENT ? replace_file(path, NULL, text, length) : -1;
  }
  return result == 0 ? JC_OK : fail(path, "write", error);
}

/* ---- appending ---- */

/* Nonzero if the file, of SIZE bytes, ends in the middle of a line. */
static int last_line_is_open(int fd, off_t size, bool *is_open) {
  char last = '\n';
  if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
    return -1;
  *is_open = last != '\n';
  return 0;
}

/* LINE has a newline before and after the text; the one before is written only if needed. */
static int append_locked(int fd, const char *line, size_t length, bool *created) {
  struct stat info;
  bool is_open = false;
  if (fstat(fd, &info) != 0 || last_line_is_open(fd, info.st_size, &is_open) != 0)
    return -1;
  *created = info.st_size == 0;
  if (write_all(fd, line + !is_open, length - !is_open) == 0 && sync_file(fd) == 0)
    return 0;
  int reason = errno;
  if (S_ISREG(info.st_mode) && ftruncate(fd, info.st_size) == 0)
    (void)sync_file(fd);
  errno = reason;
  return -1;
}

enum jc_status jc_file_append_line(const char *path, const char *text, size_t length,
                                   struct jc_error *error) {
  char *line = malloc(length + 2);
  if (!line)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  line[0] = line[length + 1] = '\n';
  memcpy(line + 1, text, length);
  bool created = false;
  int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666), result = -1;
  if (fd >= 0) {
    do {
      result = flock(fd, LOCK_EX);
    } while (result != 0 && errno == EINTR);
    if (result == 0)
      result = append_locked(fd, line, length + 2, &created);
    result = close_after(fd, result);
  }
  if (result == 0 && created)
    result = sync_parent(path);
  free(line);
  return result == 0 ? JC_OK : fail(path, "write", error);
}

enum jc_status jc_file_cut(const char *path, uint64_t length, struct jc_error *error) {
  int fd = open(path, O_WRONLY | O_CLOEXEC), result = -1;
  if (fd >= 0) {
    result = ftruncate(fd, (off_t)length);
    if (result == 0)
      result = sync_file(fd);
    result = close_after(fd, result);
  }
  return result == 0 ? JC_OK : fail(path, "write", error);
}

enum jc_status jc_file_make_parents(const char *path, struct jc_error *error) {
  char folder[PATH_MAX];
  if (strlen(path) >= sizeof folder) {
    errno = ENAMETOOLONG;
    return fail(path, "make folder", error);
  }
  parent_of(path, folder, sizeof folder);
  for (char *end = folder + 1;; end++) {
    if (*end != '/' && *end != '\0')
      continue;
    char kept = *end;
    *end = '\0';
    if (mkdir(folder, 0777) != 0 && errno != EEXIST && errno != EISDIR)
      return fail(folder, "make folder", error);
    *end = kept;
    if (kept == '\0')
      return JC_OK;
  }
}

enum jc_status jc_file_user_path(const char *variable, const char *fallback, const char *name,
                                 char *path, size_t size) {
  const char *folder = getenv(variable), *home = getenv("HOME");
  int written;
  if (folder != NULL && folder[0] == '/')
    written = snprintf(path, size, "%s/joulecast/%s", folder, name);
  else if (home != NULL && home[0] != '\0')
    written = snprintf(path, size, "%s/%s/joulecast/%s", home, fallback, name);
  else
    return JC_ERROR_MISSING;
  return written >= 0 && (size_t)written < size ? JC_OK : JC_ERROR_STORAGE;
}
