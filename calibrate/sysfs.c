/* sysfs.c -- reading the kernel's small files without believing them. */
#include "calibrate/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *jc_sysfs_join(const char *root, const char *path, char *buffer) {
  (void)snprintf(buffer, JC_SYSFS_PATH, "%.350s%.160s", root != NULL ? root : "", path);
  return buffer;
}

int jc_sysfs_read_open(int fd, char *buffer, size_t size) {
  ssize_t length;
  do {
    length = pread(fd, buffer, size - 1, 0);
  } while (length < 0 && errno == EINTR);
  if (length < 0) {
    return -errno;
  }
  buffer[length] = '\0';
  return (int)length;
}

int jc_sysfs_read_at(int folder, const char *path, char *buffer, size_t size) {
  int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return -errno;
  }
  int length = jc_sysfs_read_open(fd, buffer, size);
  (void)close(fd);
  return length;
}

int jc_sysfs_read_line(const char *path, char *line, size_t size) {
  int length = jc_sysfs_read_at(AT_FDCWD, path, line, size);
  if (length < 0) {
    return length;
  }
  jc_sysfs_make_printable(line);
  return (int)strlen(line);
}

bool jc_sysfs_parse_count(const char *text, uint64_t *count) {
  uint64_t value = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9'; at++) {
    uint64_t digit = (uint64_t)(*at - '0');
    if (value > (UINT64_MAX - digit) / 10) {
      return false;
    }
    value = 10 * value + digit;
  }
  *count = value;
  return at > text && strcmp(at, "\n") == 0;
}

void jc_sysfs_make_printable(char *text) {
  text[strcspn(text, "\n")] = '\0';
  for (; *text != '\0'; text++) {
    if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f) {
      *text = '?';
    }
  }
}

enum jc_meter_state jc_sysfs_state_of(int code) {
  return code == EACCES || code == EPERM ? JC_METER_PERMISSION : JC_METER_UNREADABLE;
}

/* ---- Counters ------------------------------------------------------------------------------- */

enum jc_status jc_sysfs_read_counter(const struct jc_sysfs_counter *counter, const char *meter,
                                     uint64_t *count, struct jc_error *error) {
  char text[64] = "";
  int length = jc_sysfs_read_open(counter->fd, text, sizeof text);
  if (length < 0) {
    char reason[64];
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, meter, "cannot read '%s': %s", counter->name,
                   jc_meter_system_text(-length, reason, sizeof reason));
  }
  if (!jc_sysfs_parse_count(text, count)) {
    jc_sysfs_make_printable(text);
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, meter,
                   "'%s': expected a line with a count of microjoules, got '%.32s'", counter->name,
                   text);
  }
  return JC_OK;
}

void jc_sysfs_open_counter(int folder, const char *path, const char *meter,
                           struct jc_sysfs_counter *counter, struct jc_meter_counter *facts) {
  counter->fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int code = errno;
  if (counter->fd < 0) {
    char reason[64];
    facts->state = jc_sysfs_state_of(code);
    (void)snprintf(facts->detail, sizeof facts->detail, "cannot read '%s': %s", counter->name,
                   jc_meter_system_text(code, reason, sizeof reason));
    return;
  }
  uint64_t count;
  char text[64] = "";
  struct jc_error error = {0};
  if (jc_sysfs_read_counter(counter, meter, &count, &error) != JC_OK) {
    int length = jc_sysfs_read_open(counter->fd, text, sizeof text);
    facts->state = length < 0 ? jc_sysfs_state_of(-length) : JC_METER_UNREADABLE;
    (void)snprintf(facts->detail, sizeof facts->detail, "%.159s", error.text);
  }
}

void jc_sysfs_close_counter(struct jc_sysfs_counter *counter) {
  if (counter->fd >= 0) {
    (void)close(counter->fd);
    counter->fd = -1;
  }
}
