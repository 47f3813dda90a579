/* dataset.h -- labelled images from a folder of files, by the files found in it.
 *
 * IDX, as MNIST has it: train-images-idx3-ubyte and train-labels-idx1-ubyte; for validation
 * t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte; also with a dot, as in
 * train-images.idx3-ubyte. Numbers are 32-bit and big-endian: magic 0x00000803, samples, rows,
 * columns of images, or magic 0x00000801 and samples of labels; then bytes.
 *
 * CIFAR-10, the binary version: data_batch_1.bin, data_batch_2.bin, ...; for validation
 * test_batch.bin. Records of a label and 3 x 32 x 32 bytes.
 *
 * A pixel becomes (pixel - mean) / deviation, of its channel over all training images, computed
 * once when the folder is opened; validation images by the same two numbers. Each epoch has an
 * order of its own: Fisher-Yates from the last sample on, sample i changing places with number draw
 * i of "shuffle.EPOCH" modulo i + 1 (data.h). The last batch of an epoch is filled up with the
 * epoch's first samples.
 */
#ifndef JC_TRAINER_DATASET_H
#define JC_TRAINER_DATASET_H

#include "estimator/network.h"

enum jc_part { JC_PART_TRAINING, JC_PART_VALIDATION, JC_PART_COUNT };

struct jc_dataset;

struct jc_dataset_facts {
  const char *format;              /* "idx", "cifar-10" */
  struct jc_shape shape;           /* of an image: channels, height, width */
  uint64_t samples[JC_PART_COUNT]; /* in use; of validation 0 where there are no test files */
};

/* Reads all files of FOLDER into memory; DATASET is NULL after a failure. Fails with JC_ERROR_IO
 * where a file cannot be read, JC_ERROR_INVALID where it is not what its name says (the message
 * names the file), JC_ERROR_MISSING where there is no data set, JC_ERROR_STORAGE. */
enum jc_status jc_dataset_open(const char *folder, struct jc_dataset **dataset,
                               struct jc_error *error);
/* NULL is fine. */
void jc_dataset_close(struct jc_dataset *dataset);

struct jc_dataset_facts jc_dataset_facts(const struct jc_dataset *dataset);

/* Whether a network with an input of SHAPE and CLASSES outputs can be trained with it: images of
 * this shape or, where SHAPE has one dimension, of so many elements; labels below CLASSES. Fails
 * with JC_ERROR_INVALID and the folder's name. */
enum jc_status jc_dataset_check(const struct jc_dataset *dataset, const struct jc_shape *shape,
                                uint32_t classes, struct jc_error *error);

/* From now on only the first SAMPLES (1 to all) of PART. */
void jc_dataset_limit(struct jc_dataset *dataset, enum jc_part part, uint64_t samples);
/* Puts the training samples into the order of EPOCH (from 0). Until then, as in the files. */
void jc_dataset_shuffle(struct jc_dataset *dataset, uint64_t seed, uint64_t epoch);
/* Writes batch number INDEX (from 0) of the epoch: IMAGES [batch_size, image], LABELS [batch_size].
 * PART must have samples. */
void jc_dataset_batch(const struct jc_dataset *dataset, enum jc_part part, uint64_t index,
                      uint32_t batch_size, float *images, int32_t *labels);

#endif
