/* test_trainer_dataset.c -- IDX and CIFAR-10 files: what is read, how it is normalised, shuffled
 * and cut; what every broken file ends in; and that a network learns from them. */
#include "trainer/dataset.h"

#include "tests/idx_fixtures.h"
#include "tests/trainer_fixture.h"

static char scratch[PATH_MAX];
static struct bytes made;

static void setup(void) {
  make_scratch(scratch);
}

static void teardown(void) {
  remove_scratch(scratch);
}

TestSuite(dataset, .init = setup, .fini = teardown);

/* SAMPLES images of 2x3, sample n of pixels 10 n to 10 n + 5 and of label n mod 3. */
static void write_small(const char *stem, uint32_t samples) {
  char name[64];
  start_idx_images(&made, samples, 2, 3);
  for (uint32_t n = 0; n < samples; n++)
    for (uint32_t i = 0; i < 6; i++)
      put_byte(&made, (int)(10 * n + i));
  (void)snprintf(name, sizeof(name), "%s-images-idx3-ubyte", stem);
  write_bytes(scratch, name, &made);
  start_idx_labels(&made, samples);
  for (uint32_t n = 0; n < samples; n++)
    put_byte(&made, (int)(n % 3));
  (void)snprintf(name, sizeof(name), "%s-labels-idx1-ubyte", stem);
  write_bytes(scratch, name, &made);
}

static struct jc_dataset *open_scratch(void) {
  struct jc_dataset *dataset = NULL;
  struct jc_error error = {0};
  char line[1200];
  cr_assert_eq(jc_dataset_open(scratch, &dataset, &error), JC_OK, "%s",
               jc_error_format(&error, line, sizeof(line)));
  return dataset;
}

/* ---- what is read ---- */

Test(dataset, pixels_are_normalised_by_the_training_images) {
  enum { SAMPLES = 4, PIXELS = 6 };
  write_small("train", SAMPLES);
  write_small("t10k", 2);
  struct jc_dataset *dataset = open_scratch();
  const struct jc_dataset_facts facts = jc_dataset_facts(dataset);
  float images[SAMPLES * PIXELS];
  int32_t labels[SAMPLES];
  double mean = 0, square = 0;
  cr_assert_str_eq(facts.format, "idx");
  cr_assert_eq(facts.samples[JC_PART_TRAINING], SAMPLES);
  cr_assert_eq(facts.samples[JC_PART_VALIDATION], 2);
  cr_assert(jc_shape_equal(&facts.shape, &(struct jc_shape){.rank = 3, .dim = {1, 2, 3}}));
  jc_dataset_batch(dataset, JC_PART_TRAINING, 0, SAMPLES, images, labels);
  for (int i = 0; i < SAMPLES * PIXELS; i++) {
    mean += (double)images[i] / (SAMPLES * PIXELS);
    square += (double)images[i] * (double)images[i] / (SAMPLES * PIXELS);
  }
  cr_assert_float_eq(mean, 0, 1e-6);
  cr_assert_float_eq(square, 1, 1e-6);
  for (int n = 0; n < SAMPLES; n++)
    cr_assert_eq(labels[n], n % 3);
  const float first = images[PIXELS]; /* a pixel of 10 in either part */
  jc_dataset_batch(dataset, JC_PART_VALIDATION, 0, 2, images, labels);
  cr_assert_eq(images[PIXELS], first);
  jc_dataset_close(dataset);
}

/* Labels of a whole epoch in batches of 4, which for 10 samples is 12 labels. */
static void epoch_images(const struct jc_dataset *dataset, float first_pixels[12]) {
  float images[4 * 6];
  int32_t labels[4];
  for (uint64_t batch = 0; batch < 3; batch++) {
    jc_dataset_batch(dataset, JC_PART_TRAINING, batch, 4, images, labels);
    for (uint64_t n = 0; n < 4; n++)
      first_pixels[4 * batch + n] = images[6 * n];
  }
}

static bool is_permutation(const float *a, const float *b, int count) {
  for (int i = 0; i < count; i++) {
    int found = 0;
    for (int k = 0; k < count; k++)
      found += a[i] == b[k];
    if (found != 1)
      return false;
  }
  return true;
}

Test(dataset, every_epoch_has_an_order_and_the_last_batch_wraps) {
  write_small("train", 10);
  struct jc_dataset *dataset = open_scratch();
  float as_read[12], first[12], second[12], again[12], other[12];
  epoch_images(dataset, as_read);
  jc_dataset_shuffle(dataset, 7, 0);
  epoch_images(dataset, first);
  jc_dataset_shuffle(dataset, 7, 1);
  epoch_images(dataset, second);
  jc_dataset_shuffle(dataset, 7, 0);
  epoch_images(dataset, again);
  jc_dataset_shuffle(dataset, 8, 0);
  epoch_images(dataset, other);
  cr_assert(is_permutation(first, as_read, 10) && is_permutation(second, as_read, 10));
  cr_assert(first[10] == first[0] && first[11] == first[1]);
  cr_assert(memcmp(first, again, sizeof(first)) == 0);
  cr_assert(memcmp(first, as_read, sizeof(first)) != 0);
  cr_assert(memcmp(first, second, sizeof(first)) != 0);
  cr_assert(memcmp(first, other, sizeof(first)) != 0);
  jc_dataset_limit(dataset, JC_PART_TRAINING, 3);
  jc_dataset_shuffle(dataset, 7, 0);
  epoch_images(dataset, first);
  cr_assert(is_permutation(first, as_read, 3));
  jc_dataset_close(dataset);
}

static void put_record(int label, int level) {
  put_byte(&made, label);
  for (int i = 0; i < 3 * 1024; i++)
    put_byte(&made, level + i / 1024);
}

Test(dataset, cifar_10_is_read_from_all_batches) {
  float images[3 * 3072];
  int32_t labels[3];
  made.length = 0;
  put_record(3, 10);
  put_record(9, 30);
  write_bytes(scratch, "data_batch_1.bin", &made);
  made.length = 0;
  put_record(0, 50);
  write_bytes(scratch, "data_batch_2.bin", &made);
  write_bytes(scratch, "test_batch.bin", &made);
  struct jc_dataset *dataset = open_scratch();
  const struct jc_dataset_facts facts = jc_dataset_facts(dataset);
  cr_assert_str_eq(facts.format, "cifar-10");
  cr_assert_eq(facts.samples[JC_PART_TRAINING], 3);
  cr_assert_eq(facts.samples[JC_PART_VALIDATION], 1);
  jc_dataset_batch(dataset, JC_PART_TRAINING, 0, 3, images, labels);
  cr_assert(labels[0] == 3 && labels[1] == 9 && labels[2] == 0);
  /* Each channel has levels 20 apart: -sqrt(3/2), 0, sqrt(3/2) deviations. */
  for (int c = 0; c < 3; c++)
    for (int n = 0; n < 3; n++)
      cr_assert_float_eq((double)images[n * 3072 + c * 1024], (n - 1) * sqrt(1.5), 1e-6);
  jc_dataset_close(dataset);
}

Test(dataset, names_with_a_dot_and_equal_pixels) {
  float images[2];
  int32_t labels[2];
  start_idx_images(&made, 2, 1, 1);
  put_byte(&made, 8);
  put_byte(&made, 8);
  write_bytes(scratch, "train-images.idx3-ubyte", &made);
  start_idx_labels(&made, 2);
  put_byte(&made, 0);
  put_byte(&made, 255);
  write_bytes(scratch, "train-labels.idx1-ubyte", &made);
  struct jc_dataset *dataset = open_scratch();
  jc_dataset_batch(dataset, JC_PART_TRAINING, 0, 2, images, labels);
  cr_assert(images[0] == 0 && images[1] == 0 && labels[1] == 255);
  jc_dataset_close(dataset);
}

/* ---- what is refused ---- */

/* The message without the scratch folder's name, which is random. */
static void expect_message(const struct jc_error *error, enum jc_status status,
                           const char *expected) {
  char line[1200];
  jc_error_format(error, line, sizeof(line));
  const size_t length = strlen(scratch);
  cr_assert(strncmp(line, scratch, length) == 0, "no folder in '%s'", line);
  cr_assert_str_eq(line + length, expected);
  cr_assert_eq(error->status, status);
}

static void expect_refusal(enum jc_status status, const char *expected) {
  struct jc_dataset *dataset = NULL;
  struct jc_error error = {0};
  cr_assert_eq(jc_dataset_open(scratch, &dataset, &error), status, "%s", expected);
  cr_assert_null(dataset);
  expect_message(&error, status, expected);
}

/* A good file with CUT bytes off its end and VALUE as its 32-bit number at PLACE. */
struct damage {
  const char *file;
  size_t cut;
  size_t place;
  uint32_t value;
  const char *expected;
};

static void damage(const struct damage *d) {
  char path[PATH_MAX];
  join_path(path, scratch, d->file);
  FILE *file = fopen(path, "rb");
  cr_assert(file != NULL);
  made.length = fread(made.data, 1, sizeof(made.data), file);
  cr_assert_eq(fclose(file), 0);
  const size_t length = made.length - d->cut;
  if (d->place + 4 <= length) {
    made.length = d->place;
    put_big_endian(&made, d->value);
  }
  made.length = length;
  write_bytes(scratch, d->file, &made);
}

static const size_t nowhere = SIZE_MAX - 4;

Test(dataset, broken_idx_files_are_named) {
  static const char train_images[] = "train-images-idx3-ubyte";
  static const char train_labels[] = "train-labels-idx1-ubyte";
  static const char test_images[] = "t10k-images-idx3-ubyte";
  const struct damage cases[] = {
      {train_images, 0, 0, 0x801,
       "/train-images-idx3-ubyte: expected the magic number 0x00000803 of IDX images, got "
       "0x00000801"},
      {train_images, 0, 0, 0x1f8b0800,
       "/train-images-idx3-ubyte: compressed; unpack it with gunzip"},
      {train_labels, 0, 0, 0x03080000,
       "/train-labels-idx1-ubyte: expected the magic number 0x00000801 of IDX labels, got "
       "0x03080000"},
      {train_images, 1, nowhere, 0,
       "/train-images-idx3-ubyte: expected 24 bytes after the header, as its sizes say, got 23"},
      {train_images, 0, 4, 3,
       "/train-images-idx3-ubyte: expected 18 bytes after the header, as its sizes say, got 24"},
      {train_images, 0, 4, 0xffffffff,
       "/train-images-idx3-ubyte: expected 25769803770 bytes after the header, as its sizes say, "
       "got 24"},
      {train_images, 25, nowhere, 0,
       "/train-images-idx3-ubyte: expected an IDX header of 16 bytes, got a file of 15"},
      {train_images, 40, nowhere, 0,
       "/train-images-idx3-ubyte: expected an IDX header of 16 bytes, got a file of 0"},
      {train_images, 0, 8, 0,
       "/train-images-idx3-ubyte: expected at least one sample of one pixel"},
      {train_labels, 3, nowhere, 0,
       "/train-labels-idx1-ubyte: expected 4 bytes after the header, as its sizes say, got 1"},
      {train_labels, 1, 4, 3,
       "/train-labels-idx1-ubyte: expected 4 labels, as many as there are images, got 3"},
      {test_images, 6, 4, 1,
       "/t10k-labels-idx1-ubyte: expected 1 labels, as many as there are images, got 2"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    write_small("train", 4);
    write_small("t10k", 2);
    damage(&cases[i]);
    expect_refusal(JC_ERROR_INVALID, cases[i].expected);
  }
}

/* Sizes whose product has no 64 bits. */
Test(dataset, absurd_sizes_are_refused) {
  write_small("train", 4);
  start_idx_images(&made, 0xffffffff, 0xffffffff, 0xffffffff);
  write_bytes(scratch, "train-images-idx3-ubyte", &made);
  expect_refusal(JC_ERROR_INVALID,
                 "/train-images-idx3-ubyte: expected 18446744073709551615 bytes after the header, "
                 "as its sizes say, got 0");
}

Test(dataset, images_to_validate_have_the_same_size) {
  write_small("train", 4);
  write_small("t10k", 1);
  start_idx_images(&made, 1, 3, 2);
  for (int i = 0; i < 6; i++)
    put_byte(&made, 0);
  write_bytes(scratch, "t10k-images-idx3-ubyte", &made);
  expect_refusal(JC_ERROR_INVALID, "/t10k-images-idx3-ubyte: expected images of 1x2x3, as those to "
                                   "train with, got 1x3x2");
}

Test(dataset, missing_files_are_named) {
  char path[PATH_MAX];
  expect_refusal(JC_ERROR_MISSING,
                 ": no data set: expected a folder with train-images-idx3-ubyte and "
                 "train-labels-idx1-ubyte, or with data_batch_1.bin");
  write_small("train", 4);
  write_small("t10k", 1);
  join_path(path, scratch, "t10k-labels-idx1-ubyte");
  cr_assert_eq(unlink(path), 0);
  expect_refusal(JC_ERROR_IO, "/t10k-labels-idx1-ubyte: cannot open: No such file or directory");
  join_path(path, scratch, "train-images-idx3-ubyte");
  cr_assert_eq(unlink(path), 0);
  expect_refusal(JC_ERROR_IO, "/train-images-idx3-ubyte: cannot open: No such file or directory");
  strcat(scratch, "/absent");
  expect_refusal(JC_ERROR_IO, ": cannot open: No such file or directory");
  scratch[strlen(scratch) - strlen("/absent")] = '\0';
}

Test(dataset, broken_cifar_files_are_named) {
  made.length = 0;
  put_record(3, 10);
  put_record(10, 10);
  write_bytes(scratch, "data_batch_1.bin", &made);
  expect_refusal(JC_ERROR_INVALID, "/data_batch_1.bin: label of sample 1: expected 0 to 9, got 10");
  made.length = 3073;
  write_bytes(scratch, "data_batch_1.bin", &made);
  made.length = 3072;
  write_bytes(scratch, "test_batch.bin", &made);
  expect_refusal(
      JC_ERROR_INVALID,
      "/test_batch.bin: expected CIFAR-10 records of 3073 bytes each, got a file of 3072");
  made.length = 0;
  write_bytes(scratch, "data_batch_1.bin", &made);
  expect_refusal(
      JC_ERROR_INVALID,
      "/data_batch_1.bin: expected CIFAR-10 records of 3073 bytes each, got a file of 0");
}

Test(dataset, images_and_labels_must_fit_the_model) {
  write_small("train", 4);
  write_small("t10k", 3);
  struct jc_dataset *dataset = open_scratch();
  const struct jc_shape image = {.rank = 3, .dim = {1, 2, 3}}, flat = {.rank = 1, .dim = {6}},
                        larger = {.rank = 3, .dim = {3, 32, 32}};
  struct jc_error error = {0};
  cr_assert_eq(jc_dataset_check(dataset, &image, 3, &error), JC_OK);
  cr_assert_eq(jc_dataset_check(dataset, &flat, 10, &error), JC_OK);
  (void)jc_dataset_check(dataset, &larger, 3, &error);
  expect_message(&error, JC_ERROR_INVALID,
                 ": expected images of 3x32x32, as the model takes, got 1x2x3");
  error = (struct jc_error){0};
  (void)jc_dataset_check(dataset, &image, 2, &error);
  expect_message(
      &error, JC_ERROR_INVALID,
      ": label of training sample 2: expected 0 to 1, as the model has 2 classes, got 2");
  jc_dataset_close(dataset);
}

/* ---- a real classifier ---- */

/* Share of all validation samples, each once, that F gets right. */
static double accuracy_of(struct fixture *f, const struct jc_dataset *dataset, uint32_t batch) {
  const uint64_t samples = jc_dataset_facts(dataset).samples[JC_PART_VALIDATION];
  uint64_t correct = 0;
  cr_assert_eq(samples % batch, 0);
  for (uint64_t i = 0; i < samples / batch; i++) {
    struct jc_step step;
    jc_dataset_batch(dataset, JC_PART_VALIDATION, i, batch, jc_trainer_images(f->trainer),
                     jc_trainer_labels(f->trainer));
    cr_assert_eq(jc_trainer_validate(f->trainer, &step, &f->error), JC_OK);
    correct += step.correct;
  }
  return (double)correct / (double)samples;
}

static double learn_bars(enum jc_optimizer optimizer, double learning_rate, uint64_t epochs) {
  enum { BATCH = 32, SAMPLES = 2048, HELD_OUT = 512 };
  struct fixture f;
  struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
  write_bars(scratch, "train", SAMPLES);
  write_bars(scratch, "t10k", HELD_OUT);
  struct jc_dataset *dataset = open_scratch();
  options.batch_size = BATCH;
  options.optimizer = optimizer;
  options.learning_rate = learning_rate;
  fixture_read(&f, TEST_SOURCE_DIR "/models/lenet5_28.json", "1x28x28");
  cr_assert_eq(jc_dataset_check(dataset, &f.network->inputs[0].shape, BAR_CLASSES, &f.error),
               JC_OK);
  fixture_train(&f, &options);
  for (uint64_t step = 0; step < epochs * SAMPLES / BATCH; step++) {
    if (step % (SAMPLES / BATCH) == 0)
      jc_dataset_shuffle(dataset, options.seed, step / (SAMPLES / BATCH));
    jc_dataset_batch(dataset, JC_PART_TRAINING, step % (SAMPLES / BATCH), BATCH,
                     jc_trainer_images(f.trainer), jc_trainer_labels(f.trainer));
    (void)fixture_step(&f);
  }
  const double accuracy = accuracy_of(&f, dataset, BATCH);
  fixture_close(&f);
  jc_dataset_close(dataset);
  return accuracy;
}

Test(dataset, a_network_learns_bars_it_has_not_seen, .timeout = 120) {
  REQUIRE_TRAINER();
  const double momentum = learn_bars(JC_OPTIMIZER_MOMENTUM, 0.01, 3);
  cr_assert(momentum >= 0.95, "SGD with momentum: only %.1f %% of what it had not seen",
            100 * momentum);
  const double adam = learn_bars(JC_OPTIMIZER_ADAM, 0.001, 3);
  cr_assert(adam >= 0.95, "Adam: only %.1f %% of what it had not seen", 100 * adam);
}
