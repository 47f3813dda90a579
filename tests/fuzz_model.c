/* fuzz_model.c -- libFuzzer target of the model reader.
 *
 * Property: whatever the bytes, reading and analysing them neither crashes nor leaks and fails only
 * with a message; the expanded JSON of an accepted model is accepted again, gives an equal network,
 * and is written the same (model_property.h).
 *
 *   fuzz_model -dict=tests/fuzz_model.dict corpus tests/corpus/model
 */
#include "tests/model_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jc_error error = {0};
  const char *wrong;
  check_model((const char *)data, size, "fuzz.json", &wrong, &error);
  if (wrong)
    abort();
  return 0;
}
