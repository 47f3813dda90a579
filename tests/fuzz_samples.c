/* fuzz_samples.c -- libFuzzer target of the reader of samples.jsonl and runs.jsonl.
 *
 * Property: whatever the bytes, reading them neither crashes nor leaks and fails only with a
 * message that names file and line; a sample that was read is written as a line that is read again
 * and written the same; mending leaves the samples that were read, and nothing torn
 * (samples_property.h).
 *
 *   fuzz_samples corpus tests/corpus/samples tests/fixtures/samples
 */
#include "tests/samples_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jc_error error = {0};
  const char *wrong;
  bool torn;
  check_samples((const char *)data, size, &torn, &wrong, &error);
  if (wrong)
    abort();
  return 0;
}
