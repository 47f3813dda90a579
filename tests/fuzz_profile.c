/* fuzz_profile.c -- libFuzzer target of the profile reader.
 *
 * Property: whatever the bytes, reading them neither crashes nor leaks and fails only with a
 * message that names the file; a profile that was read is written, and comes back bit for bit
 * (profile_property.h).
 *
 *   fuzz_profile corpus tests/corpus/profile tests/fixtures/profiles
 */
#include "tests/profile_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file of this process, in memory where there is a place for that. */
static const char *scratch_file(void) {
  static char path[64];
  if (path[0] == '\0')
    (void)snprintf(path, sizeof(path), "%s/joulecast-fuzz-profile-%ld.json",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
  return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct profile_pair pair;
  struct jc_error error = {0};
  const char *wrong;
  check_profile_text((const char *)data, size, scratch_file(), &pair, &wrong, &error);
  (void)unlink(scratch_file());
  if (wrong)
    abort();
  return 0;
}
