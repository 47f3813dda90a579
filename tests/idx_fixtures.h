/* idx_fixtures.h -- IDX and CIFAR-10 files made in a scratch folder, broken on wish, and a data set
 * of bars that can be learnt. */
#ifndef JC_TESTS_IDX_FIXTURES_H
#define JC_TESTS_IDX_FIXTURES_H

#include <math.h>

#include "tests/file_fixtures.h"
#include "trainer/data.h"

/* A file being made in memory. */
struct bytes {
  size_t length;
  unsigned char data[1 << 21];
};

static inline void put_byte(struct bytes *bytes, int value) {
  cr_assert(bytes->length < sizeof(bytes->data));
  bytes->data[bytes->length++] = (unsigned char)value;
}

static inline void put_big_endian(struct bytes *bytes, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    put_byte(bytes, (int)(value >> shift & 255));
}

static inline void write_bytes(const char *folder, const char *name, const struct bytes *bytes) {
  char path[PATH_MAX];
  join_path(path, folder, name);
  FILE *file = fopen(path, "wb");
  cr_assert(file != NULL && fwrite(bytes->data, 1, bytes->length, file) == bytes->length);
  cr_assert_eq(fclose(file), 0);
}

static inline void start_idx_images(struct bytes *bytes, uint32_t samples, uint32_t rows,
                                    uint32_t columns) {
  bytes->length = 0;
  put_big_endian(bytes, 0x803);
  put_big_endian(bytes, samples);
  put_big_endian(bytes, rows);
  put_big_endian(bytes, columns);
}

static inline void start_idx_labels(struct bytes *bytes, uint32_t samples) {
  bytes->length = 0;
  put_big_endian(bytes, 0x801);
  put_big_endian(bytes, samples);
}

/* ---- bars: the class is the direction of a bar that lies anywhere, under noise ---- */

enum { BAR_SIDE = 28, BAR_CLASSES = 10 };

static inline int bar_pixel(int x, int y, double angle, double offset, double noise) {
  const double across = (x - BAR_SIDE / 2) * sin(angle) - (y - BAR_SIDE / 2) * cos(angle) - offset;
  const double value = (fabs(across) < 1.5 ? 160 : 0) + 95 * noise;
  return (int)value;
}

/* SAMPLES of the stream NAME as STEM-images-idx3-ubyte and STEM-labels-idx1-ubyte. */
static inline void write_bars(const char *folder, const char *stem, uint32_t samples) {
  static struct bytes images, labels;
  char name[64];
  const uint64_t stream = jc_stream(1, stem);
  uint64_t draw = 0;
  start_idx_images(&images, samples, BAR_SIDE, BAR_SIDE);
  start_idx_labels(&labels, samples);
  for (uint32_t n = 0; n < samples; n++) {
    const int label = (int)(jc_draw(stream, draw++) * BAR_CLASSES);
    const double offset = 12 * jc_draw(stream, draw++) - 6;
    const double angle = label * acos(-1) / BAR_CLASSES;
    put_byte(&labels, label);
    for (int y = 0; y < BAR_SIDE; y++)
      for (int x = 0; x < BAR_SIDE; x++)
        put_byte(&images, bar_pixel(x, y, angle, offset, jc_draw(stream, draw++)));
  }
  (void)snprintf(name, sizeof(name), "%s-images-idx3-ubyte", stem);
  write_bytes(folder, name, &images);
  (void)snprintf(name, sizeof(name), "%s-labels-idx1-ubyte", stem);
  write_bytes(folder, name, &labels);
}

#endif
