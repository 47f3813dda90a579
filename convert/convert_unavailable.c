/* convert_unavailable.c -- the converter of a build without protobuf-c: it says so. */
#include "convert/convert.h"

bool jc_convert_available(void) {
  return false;
}

enum jc_status jc_convert_onnx(const char *path, const struct jc_convert_options *options,
                               struct jc_converted *converted, struct jc_error *error) {
  (void)path;
  (void)options;
  *converted = (struct jc_converted){0};
  return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, NULL,
                 "joulecast was built without protobuf-c, so it cannot read ONNX; install it "
                 "(Debian: libprotobuf-c-dev and protobuf-c-compiler) and build again");
}

enum jc_status jc_convert_onnx_bytes(const void *bytes, size_t size, const char *file,
                                     const struct jc_convert_options *options,
                                     struct jc_converted *converted, struct jc_error *error) {
  (void)bytes;
  (void)size;
  return jc_convert_onnx(file, options, converted, error);
}

void jc_converted_free(struct jc_converted *converted) {
  *converted = (struct jc_converted){0};
}
