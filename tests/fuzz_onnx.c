/* fuzz_onnx.c -- libFuzzer target of the ONNX reader.
 *
 * Property: whatever the bytes, converting them neither crashes nor leaks, takes no more than the
 * memory that it may, and fails only with a message; what is accepted is a model that is read,
 * analysed and written the same (model_property.h).
 *
 *   fuzz_onnx corpus tests/corpus/onnx
 */
#include "convert/convert.h"
#include "tests/model_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const dims[] = {"sequence=12"};
  struct jc_convert_options options = {
      .batch_axis = -1, .dims = {1, dims}, .memory_limit_bytes = (size_t)256 << 20};
  struct jc_converted converted;
  struct jc_error error = {0};
  const char *wrong = NULL;
  if (jc_convert_onnx_bytes(data, size, "fuzz.onnx", &options, &converted, &error) != JC_OK) {
    if (!error.text[0] || converted.text)
      abort();
    return 0;
  }
  if (check_model(converted.text, strlen(converted.text), "fuzz.json", &wrong, &error) != JC_OK ||
      wrong)
    abort();
  jc_converted_free(&converted);
  return 0;
}
