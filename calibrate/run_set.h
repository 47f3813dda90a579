/* run_set.h -- measured whole trainings as numbers, for the methods that look at runs and not at
 * layers.
 *
 *   struct jc_run_set set = {0};
 *   if (jc_run_set_read("runs.jsonl", &set, &error) != JC_OK) ...
 *   ... set.rows[i].values[JC_RUN_TIME_S] ... set.rows[i].energy_j ...
 *   jc_run_set_free(&set);
 *
 * A row is a line of runs.jsonl with joules. Its counts are the line's own; where it has none,
 * those of its model, analysed, if that is inline or shipped. What is not known is NAN.
 */
#ifndef JC_CALIBRATE_RUN_SET_H
#define JC_CALIBRATE_RUN_SET_H

#include "estimator/samples_file.h"

/* The numbers of a run, and where they stand in its line. Counts are of one sample. */
#define JC_RUN_NUMBERS(X)                                                                          \
  X(BATCH_SIZE, "run.batch_size")                                                                  \
  X(SAMPLES, "run.samples")                                                                        \
  X(VAL_SAMPLES, "run.val_samples")                                                                \
  X(EPOCHS, "run.epochs")                                                                          \
  X(DEVICES, "run.devices")                                                                        \
  X(TIME_S, "time_s")                                                                              \
  X(FORWARD_MACS, "counts.forward_macs")                                                           \
  X(BACKWARD_MACS, "counts.backward_macs")                                                         \
  X(ACTIVATION_BYTES, "counts.activation_bytes")                                                   \
  X(LAYERS, "counts.layers")                                                                       \
  X(TRAINABLE_PARAMS, "counts.trainable_params")                                                   \
  X(BACKWARD_SHARE, "counts.backward_share")                                                       \
  X(IMAGE_HEIGHT, "dataset.image_height")                                                          \
  X(IMAGE_WIDTH, "dataset.image_width")                                                            \
  X(CORES, "accelerator.cores")                                                                    \
  X(MEMORY_BYTES, "accelerator.memory_bytes")                                                      \
  X(TDP_W, "accelerator.tdp_w")                                                                    \
  X(POWER_LIMIT_W, "accelerator.power_limit_w")                                                    \
  X(HOST_MEMORY_BYTES, "accelerator.host_memory_bytes")                                            \
  X(UTILIZATION, "accelerator.utilization")                                                        \
  X(MEAN_POWER_W, "accelerator.mean_power_w")                                                      \
  X(WINDOW_AFTER_EPOCHS, "window.after_epochs")                                                    \
  X(WINDOW_POWER_W, "window.power_w")                                                              \
  X(WINDOW_EPOCH_J, "window.epoch_energy_j")                                                       \
  X(STABLE_EPOCH_J, "window.stable_epoch_energy_j")                                                \
  X(FIRST_EPOCH_J, "epochs")

enum jc_run_number {
#define X(name, key) JC_RUN_##name,
  JC_RUN_NUMBERS(X)
#undef X
      JC_RUN_NUMBER_COUNT
};

/* "accelerator.tdp_w" */
const char *jc_run_number_key(enum jc_run_number number);

/* By what runs are grouped. A configuration is everything but the repetition: network, data,
 * hardware, batch and image size, optimiser, precision, power limit. */
enum jc_run_group {
  JC_GROUP_ARCHITECTURE,
  JC_GROUP_CONFIGURATION,
  JC_GROUP_HARDWARE,
  JC_GROUP_DATASET,
  JC_RUN_GROUP_COUNT
};

enum { JC_GROUP_BYTES = 320 };

struct jc_run_row {
  uint32_t line; /* of the file */
  double energy_j;
  double values[JC_RUN_NUMBER_COUNT];
  uint32_t groups[JC_RUN_GROUP_COUNT]; /* number of the group, see group_names */
  struct jc_sample *sample;            /* the line, owned: its model, machine, meter */
  uint32_t label_count;
  const struct jc_run_label *labels; /* the sample's */
};

struct jc_run_set {
  char *path; /* as shown in messages */
  struct jc_run_row *rows;
  uint32_t count, capacity;
  uint32_t skipped; /* lines without energy_j */
  bool torn;        /* the last line was cut off, and is not counted */
  /* Rows whose counts are those of their model; rows without counts whose model is not known, the
   * first of them, and what is wrong with it. */
  uint32_t counted_from_model, model_unknown, model_unknown_line;
  char model_unknown_why[JC_GROUP_BYTES];
  /* Rows whose TDP is that of the data row of their machine, for their threads; the first's. */
  uint32_t tdp_from_row;
  char tdp_row[JC_FACT_BYTES];
  struct {
    char **names;
    uint32_t count, capacity;
  } groups[JC_RUN_GROUP_COUNT];
};

/* Reads PATH ("-": standard input) into the zeroed SET. Fails as jc_samples_next(), and with
 * JC_ERROR_INVALID, at the line, where joules are 0, or the power they mean is beyond sense: units
 * are then off, mostly by 1000. JC_ERROR_MISSING if no line has joules. Free after a failure too.
 */
enum jc_status jc_run_set_read(const char *path, struct jc_run_set *set, struct jc_error *error);
void jc_run_set_free(struct jc_run_set *set);

/* "architecture", ...; its number, JC_RUN_GROUP_COUNT if there is none of this name. */
const char *jc_run_group_name(enum jc_run_group group);

/* Value of the label NAME; NULL if the run has none. */
const char *jc_run_row_label(const struct jc_run_row *row, const char *name);

#endif
