/* samples_file.h -- measured runs, one a line (`joulecast.run/1`): samples.jsonl, runs.jsonl.
 *
 * The calibration appends a line for each network it trained, reads the file to resume, and again
 * to fit; `train` and others write the same lines for `evaluate`. A line holds raw facts only. The
 * keys are documented in data/README.md; unknown keys are refused, unknown facts are null or left
 * out: NAN, 0 or "" here.
 *
 *   struct jc_samples_reader reader;
 *   struct jc_sample sample;
 *   bool more;
 *   if (jc_samples_open("samples.jsonl", &reader, &error) != JC_OK) ...
 *   while (jc_samples_next(&reader, &sample, &more, &error) == JC_OK && more) {
 *     ... sample.energy_j ... jc_sample_read_model(&sample, &model, &error) ...
 *     jc_sample_free(&sample);
 *   }
 *   if (reader.torn) ... tell: the last line was cut off and is not counted ...
 *   jc_samples_close(&reader);
 */
#ifndef JC_ESTIMATOR_SAMPLES_FILE_H
#define JC_ESTIMATOR_SAMPLES_FILE_H

#include "estimator/estimator.h"
#include "estimator/record_json.h"
#include "estimator/run_facts.h"

struct jc_model;

#define JC_RUN_SCHEMA "joulecast.run/1"

enum { JC_SAMPLE_ID_BYTES = 64, JC_LAYER_NAME_BYTES = 256, JC_IMPLEMENTATION_BYTES = 64 };

/* One layer of the sample, medians over its steps. */
struct jc_sample_layer {
  char name[JC_LAYER_NAME_BYTES]; /* expanded, as in the analysis */
  enum jc_layer_kind kind;
  double forward_s, backward_s, update_s;               /* of one step; 0: nothing to do */
  double forward_min_s, backward_min_s, update_min_s;   /* least over the steps; NAN: not known */
  char forward_implementation[JC_IMPLEMENTATION_BYTES]; /* as the library names it; "": none */
  char backward_implementation[JC_IMPLEMENTATION_BYTES];
  char layout[32]; /* of the output, "nChw16c" */
  bool fused;      /* computed inside the layer before */
};

/* Of the probe that is run between the steps (calibrate/speed_probe.h), median seconds of its
 * parts.
 */
struct jc_speed {
  double compute_s, memory_s; /* NAN: not known */
};

struct jc_sample_epoch {
  double energy_j; /* NAN: not known */
  double time_s;
};

/* What the line was measured for. Of the lines of one id, the joules of the energy block's count,
 * and the times of all that have a `speed`. */
enum jc_sample_block { JC_BLOCK_TIMES, JC_BLOCK_ENERGY };

struct jc_sample {
  char id[JC_SAMPLE_ID_BYTES]; /* in the plan, "0017"; "": not of a plan */
  char family[32];             /* of the plan, "residual" */
  uint64_t seed;               /* of the plan */
  enum jc_sample_block block;
  char date[JC_DATE_BYTES]; /* ISO 8601, UTC */
  /* The model: a string (a shipped model's name) or an object (`joulecast.model/1`), in `document`;
   * see jc_sample_set_model_*(). */
  const struct jc_json_node *model;
  struct jc_run run; /* samples 0: not known */
  enum jc_precision precision;
  uint32_t devices;          /* that share the work, >= 1 */
  char hardware[64];         /* a data row's name, where the file says no more of the machine */
  struct jc_machine machine; /* cpu_model "": not known */
  struct jc_runner_facts runner;
  struct jc_meter_facts meter;
  double energy_j;     /* of `time_s`, idle power included, PUE not */
  double idle_power_w; /* of the same domain */
  double time_s;       /* > 0; NAN where the reader lets it be unknown */
  uint64_t steps;      /* in `time_s`; 0: not known */
  double startup_s;    /* building, and what the first step took longer; not in `time_s` */
  double cpu_time_s;   /* of the process in `time_s`, all threads */
  double step_min_s, step_median_s, step_mean_s;
  double loss_time_s;         /* of one step: loss and its gradient, median; in no layer */
  struct jc_speed speed;      /* of the machine, meanwhile */
  uint32_t outlier_steps;     /* of more than 3 medians: in no median */
  uint32_t energy_windows;    /* of the energy block, in the sums; 0: one, of the times */
  double energy_half_width_j; /* of the 95 % interval of the joules of one step */
  struct jc_conditions_facts conditions;
  double load;               /* of others, 0..1 */
  bool forced;               /* calibrated with --force: disturbed windows count too */
  struct jc_run_facts facts; /* of whole trainings */
  uint32_t epoch_count;
  struct jc_sample_epoch *epochs;
  uint32_t layer_count;
  struct jc_sample_layer *layers;
  struct jc_json *document; /* private */
};

/* An empty sample: NAN and "" everywhere, one device, one epoch. A sample owns what it points to:
 * jc_sample_free(). */
void jc_sample_start(struct jc_sample *sample);
void jc_sample_free(struct jc_sample *sample); /* and makes it empty */

/* Give the sample arrays of COUNT, zero or unknown, to be filled. JC_ERROR_STORAGE. */
enum jc_status jc_sample_make_layers(struct jc_sample *sample, uint32_t count,
                                     struct jc_error *error);
enum jc_status jc_sample_make_epochs(struct jc_sample *sample, uint32_t count,
                                     struct jc_error *error);

/* The model, which every sample has, by a shipped model's name, or as the text of a model file,
 * which is copied. The text is checked to be JSON, no more. */
enum jc_status jc_sample_set_model_name(struct jc_sample *sample, const char *name,
                                        struct jc_error *error);
enum jc_status jc_sample_set_model_text(struct jc_sample *sample, const char *text, size_t length,
                                        struct jc_error *error);

/* "resnet50", or the inline model's `name`; "" if it has none. */
const char *jc_sample_model_name(const struct jc_sample *sample);

/* Reads the model, inline or shipped; the caller's, jc_model_free(). Errors of an inline model have
 * the file and line of the sample. Fails as jc_model_open(). */
enum jc_status jc_sample_read_model(const struct jc_sample *sample, struct jc_model **model,
                                    struct jc_error *error);

/* ---- writing ---- */

/* The sample as one line of JSON without newline; to be freed with free(). */
enum jc_status jc_sample_format(const struct jc_sample *sample, char **text, size_t *length,
                                struct jc_error *error);

/* Appends the sample to PATH and syncs it: after JC_OK the line survives a power cut. Call
 * jc_samples_mend() once before the first. Fails with JC_ERROR_IO or JC_ERROR_STORAGE. */
enum jc_status jc_samples_append(const char *path, const struct jc_sample *sample,
                                 struct jc_error *error);

/* Makes PATH fit for appending: a last line that a crash cut off is removed, and *torn says so. A
 * file that does not exist is fine. */
enum jc_status jc_samples_mend(const char *path, bool *torn, struct jc_error *error);

/* ---- reading ---- */

struct jc_samples_reader {
  /* To be set after opening: lines with joules but without time_s are read too, as studies print
   * them. A calibration needs the time. */
  bool time_optional;
  bool torn;     /* the last line was cut off and is ignored; known at the end */
  uint32_t line; /* of the sample last read, 1-based */
  char *path;    /* the rest is private */
  char *text;
  size_t length, at;
  size_t torn_at; /* where the torn line begins */
};

/* Opens PATH ("-": standard input). JC_ERROR_IO, JC_ERROR_STORAGE. Must be closed after JC_OK. */
enum jc_status jc_samples_open(const char *path, struct jc_samples_reader *reader,
                               struct jc_error *error);

/* The next sample, the caller's to free; *more is false at the end, and SAMPLE empty. Empty lines
 * are skipped. A last line without newline that is no JSON is torn: no error, no sample. Any other
 * malformed line fails with JC_ERROR_INVALID, another schema with JC_ERROR_MISMATCH, at its file
 * and line; SAMPLE is then empty, and reading must not go on. */
enum jc_status jc_samples_next(struct jc_samples_reader *reader, struct jc_sample *sample,
                               bool *more, struct jc_error *error);

void jc_samples_close(struct jc_samples_reader *reader);

#endif
