/* dataset.c -- reading IDX and CIFAR-10 files; normalising, shuffling and cutting into batches. */
#include "trainer/dataset.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "estimator/file_io.h"
#include "trainer/data.h"

enum {
  PATH_BYTES = 4096,
  LEVELS = 256, /* of a pixel */
  MAX_CHANNELS = 3,
  IDX_MAX_RANK = 3,
  CIFAR_SIDE = 32,
  CIFAR_IMAGE_BYTES = 3 * CIFAR_SIDE * CIFAR_SIDE,
  CIFAR_RECORD_BYTES = 1 + CIFAR_IMAGE_BYTES,
  CIFAR_CLASSES = 10
};

struct part {
  size_t count; /* read */
  size_t used;
  unsigned char *pixels, *labels; /* [count, image], [count] */
};

struct jc_dataset {
  char folder[PATH_BYTES];
  const char *format;
  struct jc_shape shape;
  struct part parts[JC_PART_COUNT];
  uint32_t *order; /* of the training samples */
  float values[MAX_CHANNELS][LEVELS];
};

static size_t image_bytes(const struct jc_dataset *dataset) {
  return (size_t)jc_shape_elements(&dataset->shape);
}

static enum jc_status fail_memory(struct jc_error *error) {
  return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for the data set");
}

/* ---- files ---- */

/* FOLDER/NAME; false if no such path fits. */
static bool join(const char *folder, const char *name, char path[PATH_BYTES]) {
  const int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
  return length > 0 && length < PATH_BYTES;
}

static bool exists(const char *folder, const char *name, char path[PATH_BYTES]) {
  return join(folder, name, path) && access(path, F_OK) == 0;
}

/* ---- IDX ---- */

/* "train-images-idx3-ubyte", or with a dot in some copies. PATH is the first where neither is. */
static bool find_idx(const char *folder, const char *stem, unsigned rank, char path[PATH_BYTES]) {
  char name[64];
  (void)snprintf(name, sizeof(name), "%s.idx%u-ubyte", stem, rank);
  if (exists(folder, name, path))
    return true;
  (void)snprintf(name, sizeof(name), "%s-idx%u-ubyte", stem, rank);
  return exists(folder, name, path);
}

static uint32_t big_endian(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

struct idx {
  char *text;
  uint32_t dim[IDX_MAX_RANK];
  const unsigned char *data;
};

/* Product of the sizes; UINT64_MAX if it has no 64 bits. */
static uint64_t idx_bytes(const struct idx *idx, unsigned rank) {
  uint64_t bytes = 1;
  for (unsigned i = 0; i < rank; i++) {
    if (idx->dim[i] != 0 && bytes > UINT64_MAX / idx->dim[i])
      return UINT64_MAX;
    bytes *= idx->dim[i];
  }
  return bytes;
}

static enum jc_status parse_idx(struct idx *idx, size_t length, unsigned rank,
                                struct jc_error *error) {
  const unsigned char *bytes = (const unsigned char *)idx->text;
  const size_t header = 4 + 4 * (size_t)rank;
  if (length >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "compressed; unpack it with gunzip");
  if (length < header)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "expected an IDX header of %zu bytes, got a file of %zu", header, length);
  const uint32_t magic = 0x800 + rank;
  if (big_endian(bytes) != magic)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "expected the magic number 0x%08" PRIx32 " of IDX %s, got 0x%08" PRIx32, magic,
                   rank == 1 ? "labels" : "images", big_endian(bytes));
  for (unsigned i = 0; i < rank; i++)
    idx->dim[i] = big_endian(bytes + 4 + 4 * i);
  const uint64_t expected = idx_bytes(idx, rank);
  if (expected == 0)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL, "expected at least one sample of one pixel");
  if (expected != length - header)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "expected %" PRIu64 " bytes after the header, as its sizes say, got %zu",
                   expected, length - header);
  idx->data = bytes + header;
  return JC_OK;
}

static enum jc_status read_idx(const char *path, unsigned rank, struct idx *idx,
                               struct jc_error *error) {
  size_t length = 0;
  *idx = (struct idx){0};
  if (jc_file_read(path, &idx->text, &length, error) == JC_OK &&
      parse_idx(idx, length, rank, error) != JC_OK)
    jc_error_name_file(error, path);
  return error->status;
}

/* The bytes of an IDX file without its header; NULL if there is no memory. */
static unsigned char *copy_bytes(const unsigned char *bytes, size_t count, struct jc_error *error) {
  unsigned char *copy = malloc(count);
  if (copy == NULL)
    (void)fail_memory(error);
  else
    memcpy(copy, bytes, count);
  return copy;
}

static enum jc_status take_idx(struct jc_dataset *dataset, enum jc_part number,
                               const struct idx *images, const struct idx *labels,
                               struct jc_error *error) {
  const struct jc_shape shape = {.rank = 3, .dim = {1, images->dim[1], images->dim[2]}};
  char expected[96], found[96];
  struct part *part = &dataset->parts[number];
  if (number == JC_PART_TRAINING)
    dataset->shape = shape;
  if (!jc_shape_equal(&shape, &dataset->shape))
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "expected images of %s, as those to train with, got %s",
                   jc_shape_format(&dataset->shape, expected, sizeof(expected)),
                   jc_shape_format(&shape, found, sizeof(found)));
  part->count = images->dim[0];
  part->pixels = copy_bytes(images->data, part->count * image_bytes(dataset), error);
  part->labels = copy_bytes(labels->data, part->count, error);
  return error->status;
}

static enum jc_status read_idx_part(struct jc_dataset *dataset, enum jc_part number,
                                    const char *stem, struct jc_error *error) {
  char image_path[PATH_BYTES], label_path[PATH_BYTES], name[64];
  struct idx images = {0}, labels = {0};
  (void)snprintf(name, sizeof(name), "%s-images", stem);
  const bool has_images = find_idx(dataset->folder, name, 3, image_path);
  (void)snprintf(name, sizeof(name), "%s-labels", stem);
  const bool has_labels = find_idx(dataset->folder, name, 1, label_path);
  if (!has_images && !has_labels && number != JC_PART_TRAINING)
    return JC_OK;
  if (read_idx(image_path, 3, &images, error) == JC_OK &&
      read_idx(label_path, 1, &labels, error) == JC_OK) {
    if (labels.dim[0] != images.dim[0]) {
      (void)jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                    "expected %" PRIu32 " labels, as many as there are images, got %" PRIu32,
                    images.dim[0], labels.dim[0]);
      jc_error_name_file(error, label_path);
    } else if (take_idx(dataset, number, &images, &labels, error) != JC_OK) {
      jc_error_name_file(error, image_path);
    }
  }
  free(images.text);
  free(labels.text);
  return error->status;
}

static bool has_idx(const char *folder) {
  char path[PATH_BYTES];
  return find_idx(folder, "train-images", 3, path) || find_idx(folder, "train-labels", 1, path);
}

static enum jc_status read_all_idx(struct jc_dataset *dataset, struct jc_error *error) {
  if (read_idx_part(dataset, JC_PART_TRAINING, "train", error) == JC_OK)
    (void)read_idx_part(dataset, JC_PART_VALIDATION, "t10k", error);
  return error->status;
}

/* ---- CIFAR-10 ---- */

static bool has_cifar(const char *folder) {
  char path[PATH_BYTES];
  return exists(folder, "data_batch_1.bin", path);
}

static enum jc_status grow_part(struct part *part, size_t more, struct jc_error *error) {
  unsigned char *pixels = realloc(part->pixels, (part->count + more) * CIFAR_IMAGE_BYTES);
  if (pixels == NULL)
    return fail_memory(error);
  part->pixels = pixels;
  unsigned char *labels = realloc(part->labels, part->count + more);
  if (labels == NULL)
    return fail_memory(error);
  part->labels = labels;
  return JC_OK;
}

static enum jc_status take_records(struct part *part, const unsigned char *bytes, size_t length,
                                   struct jc_error *error) {
  const size_t count = length / CIFAR_RECORD_BYTES;
  if (count == 0 || length % CIFAR_RECORD_BYTES != 0)
    return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                   "expected CIFAR-10 records of %d bytes each, got a file of %zu",
                   CIFAR_RECORD_BYTES, length);
  if (grow_part(part, count, error) != JC_OK)
    return error->status;
  for (size_t i = 0; i < count; i++, bytes += CIFAR_RECORD_BYTES) {
    if (bytes[0] >= CIFAR_CLASSES)
      return jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                     "label of sample %zu: expected 0 to %d, got %d", i, CIFAR_CLASSES - 1,
                     bytes[0]);
    part->labels[part->count] = bytes[0];
    memcpy(part->pixels + part->count * CIFAR_IMAGE_BYTES, bytes + 1, CIFAR_IMAGE_BYTES);
    part->count++;
  }
  return JC_OK;
}

static enum jc_status read_records(struct part *part, const char *path, struct jc_error *error) {
  char *text = NULL;
  size_t length = 0;
  if (jc_file_read(path, &text, &length, error) == JC_OK &&
      take_records(part, (const unsigned char *)text, length, error) != JC_OK)
    jc_error_name_file(error, path);
  free(text);
  return error->status;
}

static enum jc_status read_all_cifar(struct jc_dataset *dataset, struct jc_error *error) {
  char path[PATH_BYTES], name[32] = "data_batch_1.bin";
  dataset->shape = (struct jc_shape){.rank = 3, .dim = {3, CIFAR_SIDE, CIFAR_SIDE}};
  for (unsigned i = 1; !jc_error_is_set(error) && exists(dataset->folder, name, path);) {
    (void)read_records(&dataset->parts[JC_PART_TRAINING], path, error);
    (void)snprintf(name, sizeof(name), "data_batch_%u.bin", ++i);
  }
  if (!jc_error_is_set(error) && exists(dataset->folder, "test_batch.bin", path))
    (void)read_records(&dataset->parts[JC_PART_VALIDATION], path, error);
  return error->status;
}

/* ---- opening ---- */

static const struct format {
  const char *name;
  bool (*found)(const char *folder);
  enum jc_status (*read)(struct jc_dataset *dataset, struct jc_error *error);
} formats[] = {
    {"idx", has_idx, read_all_idx},
    {"cifar-10", has_cifar, read_all_cifar},
};

enum { FORMAT_COUNT = sizeof(formats) / sizeof(formats[0]) };

static enum jc_status read_folder(struct jc_dataset *dataset, struct jc_error *error) {
  struct stat status;
  if (stat(dataset->folder, &status) != 0)
    return jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot open: %s", strerror(errno));
  for (int i = 0; i < FORMAT_COUNT; i++)
    if (formats[i].found(dataset->folder)) {
      dataset->format = formats[i].name;
      return formats[i].read(dataset, error);
    }
  return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                 "no data set: expected a folder with train-images-idx3-ubyte and "
                 "train-labels-idx1-ubyte, or with data_batch_1.bin");
}

/* What each level of a pixel becomes in each channel; exact sums. */
static void find_values(struct jc_dataset *dataset) {
  const struct part *part = &dataset->parts[JC_PART_TRAINING];
  const uint32_t channels = dataset->shape.dim[0];
  const size_t plane = image_bytes(dataset) / channels;
  const double count = (double)part->count * (double)plane;
  for (uint32_t c = 0; c < channels; c++) {
    uint64_t sum = 0, squares = 0;
    for (size_t n = 0; n < part->count; n++) {
      const unsigned char *pixels = part->pixels + (n * channels + c) * plane;
      for (size_t i = 0; i < plane; i++) {
        sum += pixels[i];
        squares += (uint64_t)pixels[i] * pixels[i];
      }
    }
    const double mean = (double)sum / count, variance = (double)squares / count - mean * mean;
    const double deviation = variance > 0 ? sqrt(variance) : 1;
    for (int level = 0; level < LEVELS; level++)
      dataset->values[c][level] = (float)((level - mean) / deviation);
  }
}

static enum jc_status prepare(struct jc_dataset *dataset, struct jc_error *error) {
  const size_t count = dataset->parts[JC_PART_TRAINING].count;
  if (count > UINT32_MAX)
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, NULL, "expected at most %u samples, got %zu",
                   UINT32_MAX, count);
  dataset->order = malloc(count * sizeof(*dataset->order));
  if (dataset->order == NULL)
    return fail_memory(error);
  find_values(dataset);
  for (int i = 0; i < JC_PART_COUNT; i++)
    jc_dataset_limit(dataset, (enum jc_part)i, dataset->parts[i].count);
  return JC_OK;
}

enum jc_status jc_dataset_open(const char *folder, struct jc_dataset **dataset,
                               struct jc_error *error) {
  struct jc_dataset *made = calloc(1, sizeof(*made));
  *dataset = NULL;
  if (made == NULL)
    return fail_memory(error);
  const int length = snprintf(made->folder, sizeof(made->folder), "%s", folder);
  if (length < 0 || (size_t)length >= sizeof(made->folder))
    (void)jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot open: %s", strerror(ENAMETOOLONG));
  else if (read_folder(made, error) == JC_OK)
    (void)prepare(made, error);
  if (jc_error_is_set(error)) {
    if (error->file[0] == '\0')
      jc_error_name_file(error, folder);
    jc_dataset_close(made);
    return error->status;
  }
  *dataset = made;
  return JC_OK;
}

void jc_dataset_close(struct jc_dataset *dataset) {
  if (dataset == NULL)
    return;
  for (int i = 0; i < JC_PART_COUNT; i++) {
    free(dataset->parts[i].pixels);
    free(dataset->parts[i].labels);
  }
  free(dataset->order);
  free(dataset);
}

/* ---- using ---- */

struct jc_dataset_facts jc_dataset_facts(const struct jc_dataset *dataset) {
  struct jc_dataset_facts facts = {.format = dataset->format, .shape = dataset->shape};
  for (int i = 0; i < JC_PART_COUNT; i++)
    facts.samples[i] = dataset->parts[i].used;
  return facts;
}

static void check_labels(const struct jc_dataset *dataset, enum jc_part number, uint32_t classes,
                         struct jc_error *error) {
  static const char *const names[] = {"training", "validation"};
  const struct part *part = &dataset->parts[number];
  for (size_t n = 0; n < part->count && !jc_error_is_set(error); n++)
    if (part->labels[n] >= classes)
      (void)jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                    "label of %s sample %zu: expected 0 to %u, as the model has %u classes, got %d",
                    names[number], n, classes - 1, classes, part->labels[n]);
}

enum jc_status jc_dataset_check(const struct jc_dataset *dataset, const struct jc_shape *shape,
                                uint32_t classes, struct jc_error *error) {
  char expected[96], found[96];
  const bool fits = shape->rank == 1 ? shape->dim[0] == image_bytes(dataset)
                                     : jc_shape_equal(shape, &dataset->shape);
  if (!fits)
    (void)jc_fail(error, JC_ERROR_INVALID, 0, NULL,
                  "expected images of %s, as the model takes, got %s",
                  jc_shape_format(shape, expected, sizeof(expected)),
                  jc_shape_format(&dataset->shape, found, sizeof(found)));
  for (int i = 0; i < JC_PART_COUNT; i++)
    check_labels(dataset, (enum jc_part)i, classes, error);
  if (jc_error_is_set(error))
    jc_error_name_file(error, dataset->folder);
  return error->status;
}

static void order_as_read(struct jc_dataset *dataset) {
  for (size_t i = 0; i < dataset->parts[JC_PART_TRAINING].used; i++)
    dataset->order[i] = (uint32_t)i;
}

void jc_dataset_limit(struct jc_dataset *dataset, enum jc_part part, uint64_t samples) {
  dataset->parts[part].used = (size_t)samples;
  if (part == JC_PART_TRAINING)
    order_as_read(dataset);
}

void jc_dataset_shuffle(struct jc_dataset *dataset, uint64_t seed, uint64_t epoch) {
  char name[48];
  (void)snprintf(name, sizeof(name), "shuffle.%" PRIu64, epoch);
  const uint64_t stream = jc_stream(seed, name);
  order_as_read(dataset); /* so that an epoch's order does not depend on those before */
  for (size_t i = dataset->parts[JC_PART_TRAINING].used; i-- > 1;) {
    const size_t other = (size_t)(jc_draw_bits(stream, i) % (i + 1));
    const uint32_t moved = dataset->order[i];
    dataset->order[i] = dataset->order[other];
    dataset->order[other] = moved;
  }
}

static void write_image(const struct jc_dataset *dataset, const unsigned char *pixels,
                        float *image) {
  const uint32_t channels = dataset->shape.dim[0];
  const size_t plane = image_bytes(dataset) / channels;
  for (uint32_t c = 0; c < channels; c++)
    for (size_t i = 0; i < plane; i++)
      image[c * plane + i] = dataset->values[c][pixels[c * plane + i]];
}

void jc_dataset_batch(const struct jc_dataset *dataset, enum jc_part part, uint64_t index,
                      uint32_t batch_size, float *images, int32_t *labels) {
  const struct part *from = &dataset->parts[part];
  const size_t bytes = image_bytes(dataset);
  for (uint32_t n = 0; n < batch_size; n++) {
    const size_t place = (size_t)((index * batch_size + n) % from->used);
    const size_t sample = part == JC_PART_TRAINING ? dataset->order[place] : place;
    write_image(dataset, from->pixels + sample * bytes, images + n * bytes);
    labels[n] = from->labels[sample];
  }
}
