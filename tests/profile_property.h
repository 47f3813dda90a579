/* profile_property.h -- what must hold for any bytes given to the profile reader, for tests and
 * fuzzing.
 *
 * Reading fails with a message that names the file, or succeeds; a profile that was read can be
 * written, and comes back bit for bit.
 */
#ifndef JC_TESTS_PROFILE_PROPERTY_H
#define JC_TESTS_PROFILE_PROPERTY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "estimator/profile_file.h"

/* Two profiles, which are large. */
struct profile_pair {
  struct jc_profile first, again;
};

/* NULL if the profile of PAIR comes back from SCRATCH, a path that may be written. */
static const char *check_profile_written(struct profile_pair *pair, const char *scratch) {
  struct jc_error error = {0};
  if (jc_profile_write(scratch, &pair->first, &error) != JC_OK)
    return "a profile that was read cannot be written";
  if (jc_profile_read(scratch, &pair->again, &error) != JC_OK)
    return "a written profile is refused";
  return memcmp(&pair->first, &pair->again, sizeof(pair->first)) == 0
             ? NULL
             : "a written profile comes back different";
}

/* TEXT as a file; ERROR is what a user would see; *wrong is what does not hold, or NULL. */
static enum jc_status check_profile_text(const char *text, size_t length, const char *scratch,
                                         struct profile_pair *pair, const char **wrong,
                                         struct jc_error *error) {
  char path[64];
  const int fd = memfd_create("profile", MFD_CLOEXEC);
  if (fd < 0 || (length > 0 && write(fd, text, length) != (ssize_t)length))
    abort();
  *wrong = NULL;
  (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  if (jc_profile_read(path, &pair->first, error) == JC_OK)
    *wrong = check_profile_written(pair, scratch);
  else if (error->text[0] == '\0' || error->file[0] == '\0')
    *wrong = "a failure without a message or file";
  (void)close(fd);
  return error->status;
}

#endif
