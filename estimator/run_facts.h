/* run_facts.h -- what a line of runs.jsonl may say of a whole training beside what was measured:
 * its network in numbers, its data, its accelerator, its first stable epochs, labels.
 *
 * All of it is optional: studies publish tables, seldom models and never layers. data/README.md
 * documents the keys. Internal to samples_file.c but for the structs.
 */
#ifndef JC_ESTIMATOR_RUN_FACTS_H
#define JC_ESTIMATOR_RUN_FACTS_H

#include "estimator/json.h"

enum { JC_FACT_BYTES = 48, JC_MAX_LABELS = 8 };

/* `counts`: per sample, where there is no model to be analysed, or where only a part of it was
 * trained, or only for a part of the epochs. */
struct jc_run_counts {
  double forward_macs;
  double backward_macs;    /* of a training sample, mean of the epochs: both products; 0: frozen */
  double activation_bytes; /* outputs of all layers */
  double layers;           /* that compute something */
  double trainable_params; /* updated in a step, mean of the epochs */
  double backward_share;   /* 0..1 of the layers that backward passes, mean of the epochs */
};

/* `dataset` */
struct jc_run_data {
  char name[JC_FACT_BYTES];
  double image_height, image_width;
};

/* `accelerator`: one of `run.devices` alike. */
struct jc_run_accelerator {
  char name[JC_FACT_BYTES];
  double cores;
  double memory_bytes;
  double tdp_w;             /* of the data sheet */
  double power_limit_w;     /* as it was set, or the largest that can be */
  double host_memory_bytes; /* of the machine around it */
  double utilization;       /* 0..1, mean, measured */
  double mean_power_w;      /* mean of the meter's readings, where joules are no sum of them */
};

/* `window`: some epochs measured once the run is steady. */
struct jc_run_window {
  double after_epochs;          /* epochs before it, which are not steady */
  double epochs;                /* in it */
  double power_w;               /* mean */
  double epoch_energy_j;        /* mean */
  double stable_epoch_energy_j; /* mean of all epochs after `after_epochs`: what it stands for */
};

/* `labels`: any texts by which a study groups its runs. */
struct jc_run_label {
  char name[JC_FACT_BYTES], value[JC_FACT_BYTES];
};

struct jc_run_facts {
  struct jc_run_counts counts;
  struct jc_run_data data;
  struct jc_run_accelerator accelerator;
  struct jc_run_window window;
  uint32_t label_count;
  struct jc_run_label labels[JC_MAX_LABELS];
};

/* Nothing known: NAN and "". */
void jc_run_facts_start(struct jc_run_facts *facts);

/* From and to the members of a line. */
enum jc_status jc_json_get_run_facts(const struct jc_json_node *line, struct jc_run_facts *facts,
                                     struct jc_error *error);
void jc_put_run_facts(struct jc_json_writer *writer, const struct jc_run_facts *facts);

#endif
