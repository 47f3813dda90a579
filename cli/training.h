/* training.h -- a real training run, metered from its first step to its last. */
#ifndef JC_CLI_TRAINING_H
#define JC_CLI_TRAINING_H

#include "calibrate/meter.h"
#include "calibrate/projection.h"
#include "cli/common.h"
#include "cli/limits.h"
#include "trainer/dataset.h"
#include "trainer/trainer.h"

enum { TRAINING_WINDOW = 256 }; /* steps over which loss, accuracy and median are taken */

struct training_options {
  struct jc_run run;                 /* the whole run; samples > 0 */
  uint64_t step_limit;               /* stop after so many training steps; 0: the whole run */
  struct jc_trainer_options trainer; /* batch size and threads are the run's */
  struct jc_dataset *dataset;        /* NULL: synthetic data */
  const char *meter;                 /* NULL: automatic */
  struct jc_meter_options meter_options;
  struct limit_watch limits; /* passed: finish the step and return */
  struct site site;
  bool quiet;
  const volatile int *stop; /* nonzero: finish the step and return */
};

/* What a run showed. Zeroed by the caller; training_free() at the end. */
struct training {
  struct jc_steps whole; /* of the whole run */
  struct jc_steps done;
  bool stopped;              /* by the flag or the budget */
  struct limit_watch limits; /* how the budget stands */
  uint64_t memory_bytes;     /* the trainer's buffers: weights, gradients, activations */
  double build_s, time_s, energy_j;
  double validation_time_s, validation_energy_j; /* of them */
  double loss, first_loss;                       /* mean of the last steps; the first step's */
  double accuracy;                               /* of the last steps, 0..1 */
  double val_accuracy;  /* of the last validation, each sample once; NAN: none */
  double step_median_s; /* of the last steps; making the data is not in it */
  /* Of the whole run: from whole epochs, within the first one from its steps and without an
   * interval. */
  struct jc_projection projection;
  struct jc_meter_info meter;
  size_t epoch_count, epoch_capacity;
  struct jc_epoch_seen *epochs; /* whole ones */
};

/* Trains the network of MODEL. Progress goes to standard error. Fails as jc_trainer_create(),
 * jc_trainer_step() and jc_meter_open(), jc_meter_read(). */
enum jc_status train(const struct loaded_model *model, const struct training_options *options,
                     struct training *training, struct jc_error *error);
void training_free(struct training *training);

#endif
