/* common.h -- what the commands share: option tables, reading a model, the run it is trained in. */
#ifndef JC_CLI_COMMON_H
#define JC_CLI_COMMON_H

#include "cli/command.h"
#include "cli/inputs.h"
#include "estimator/estimator.h"
#include "estimator/model_file.h"

/* ---- the run ---- */

struct run_options {
  struct count_option batch_size, epochs, samples, val_samples;
  struct span_option epoch_span; /* in the place of epochs: the last counts */
  const char *dataset, *precision, *optimizer, *phase;
  struct text_list input, set;
};

extern const struct option_table table_input;       /* --input, --set, --batch-size */
extern const struct option_table table_shape;       /* --input, --set */
extern const struct option_table table_phase;       /* --phase */
extern const struct option_table table_optimizer;   /* --optimizer */
extern const struct option_table table_length;      /* --epochs, --samples */
extern const struct option_table table_span;        /* --epochs N..M */
extern const struct option_table table_run_samples; /* --samples */
extern const struct option_table table_data;        /* --val-samples, --dataset */
extern const struct option_table table_form;        /* --precision, --phase */

/* Fills RUN but for its threads from the options, else from NETWORK's training defaults, else from
 * defaults, and tells INPUTS. Without any number of samples RUN is one step. */
enum jc_status resolve_run(const struct run_options *options, const struct jc_network *network,
                           struct jc_run *run, struct inputs *inputs, struct jc_error *error);

/* "resnet50, training: 90 epochs of 1,281,167 samples, batch 32". */
void print_run(const char *model, const struct jc_run *run, FILE *out);

const char *optimizer_name(enum jc_optimizer optimizer);
const char *run_phase_name(enum jc_run_phase phase);

/* {batch_size, epochs, samples, val_samples, precision, optimizer, threads, devices, phase}. */
void put_run(const struct jc_run *run, struct jc_json_writer *writer, const char *key);

/* ---- the machine ---- */

struct machine_options {
  struct count_option threads;
  struct real_option tdp_w, idle_w;
  const char *profile, *hardware;
  const char *meter, *meter_trace, *powercap_root;
};

extern const struct option_table table_threads;         /* --threads */
extern const struct option_table table_profile_threads; /* the same; default: the profile's */
extern const struct option_table table_power;           /* --hardware, --tdp-w, --idle-w */
extern const struct option_table table_watts;           /* --tdp-w, --idle-w */
extern const struct option_table table_profile;         /* --profile */
extern const struct option_table table_meter;           /* --meter, --meter-trace */
extern const struct option_table table_powercap;        /* --powercap-root */

/* {cpu_model, cpus, memory_bytes, isa}, as in profiles and runs. */
void put_machine(const struct jc_machine *machine, struct jc_json_writer *writer, const char *key);

/* "  energy     mean 4.1 %, median 3.0 %, worst 12.0 %, bias -0.3 %": a method's errors. */
void print_error_summary(const char *what, const struct jc_error_summary *error, FILE *out);

/* {mape, median, p90, worst, bias, n, from}, null where they are not known. */
void put_error_summary(const struct jc_error_summary *error, struct jc_json_writer *writer,
                       const char *key);

/* ---- output ---- */

struct output_options {
  const char *format, *output;
  bool quiet;
};

extern const struct option_table table_format_layers;        /* --format; csv holds the layers */
extern const struct option_table table_format;               /* --format, without html */
extern const struct option_table table_format_report;        /* --format, with html */
extern const struct option_table table_format_layers_report; /* both */
extern const struct option_table table_output;               /* --output */
extern const struct option_table table_quiet;                /* --quiet */

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV, FORMAT_MARKDOWN, FORMAT_HTML };
enum format output_format(const struct output_options *options);

/* RECORDS in FORMAT, if that is one of bare rows: CSV or Markdown. */
bool output_rows(const struct records *records, enum format format, FILE *out);

/* ---- the model ---- */

struct loaded_model {
  struct jc_model *model;
  const struct jc_network *network;
  void *storage; /* of the analysis */
  size_t storage_bytes;
  struct jc_analysis analysis;
};

/* Finds, reads, and analyses the model OPERAND, with the inputs and parameters that OPTIONS (NULL:
 * none) override, and checks what the file expects. Free with unload_model(), after a failure too.
 */
enum jc_status load_model(const char *operand, const struct run_options *options,
                          struct loaded_model *loaded, struct jc_error *error);
void unload_model(struct loaded_model *loaded);

/* The same with MODEL, which LOADED takes over, in the place of the one before; its storage is used
 * again, and grows where it must. LOADED is zeroed at first. */
enum jc_status reload_model(struct loaded_model *loaded, struct jc_model *model,
                            const struct run_options *options, struct jc_error *error);

/* The first columns of every table of layers: name, type, out_shape, params, forward_macs,
 * training_macs (of one sample). */
void record_layer(struct records *records, const struct loaded_model *model, uint32_t layer);

#endif
