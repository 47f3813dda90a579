/* training_data.h -- what a training run is fed with: synthetic batches, or a data set's files. */
#ifndef JC_CLI_TRAINING_DATA_H
#define JC_CLI_TRAINING_DATA_H

#include "cli/training.h"
#include "trainer/dataset.h"

struct training_data;

/* Prepares the data of a run of WHOLE steps of the network of MODEL; OPTIONS must outlive it. */
enum jc_status training_data_open(const struct loaded_model *model,
                                  const struct training_options *options,
                                  const struct jc_steps *whole, struct training_data **data,
                                  struct jc_error *error);
/* NULL is fine. */
void training_data_close(struct training_data *data);

/* Puts a batch into TRAINER: training step STEP of the whole run, or validation step STEP of an
 * epoch. Returns how many of its samples are new in their epoch: the first ones. */
uint32_t training_data_load(struct training_data *data, enum jc_part part, uint64_t step,
                            struct jc_trainer *trainer);

#endif
