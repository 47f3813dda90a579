/* common.c -- shared option tables, reading a model, resolving its run. */
#include "cli/common.h"

#include <stdlib.h>
#include <string.h>

#include "cli/format.h"

enum { DEFAULT_BATCH_SIZE = 32, MAX_THREADS = 4096 };

/* ---- option tables ---- */

static const char *const optimizers[] = {
#define X(optimizer, name) [JC_OPTIMIZER_##optimizer] = (name),
    JC_OPTIMIZERS(X)
#undef X
        [JC_OPTIMIZER_COUNT] = NULL};
static const char *const phases[] = {"training", "forward", NULL};
/* enum format; without html, the first four. */
static const char *const formats[] = {"table", "json", "csv", "markdown", NULL};
static const char *const formats_report[] = {"table", "json", "csv", "markdown", "html", NULL};

#define RUN(member)     OPTION_AT(struct run_options, member)
#define MACHINE(member) OPTION_AT(struct machine_options, member)
#define OUTPUT(member)  OPTION_AT(struct output_options, member)

static const struct option_row rows_input[] = {
    {"batch-size", 'b', RUN(batch_size), "N", "samples of one step", "the model's, else 32",
     OPTION_RANGE(1, JC_MAX_BATCH_SIZE)},
    {"input", 0, RUN(input), "[NAME=]SHAPE", "another input shape, as in 3x160x160", "the model's",
     OPTION_FREE},
    {"set", 0, RUN(set), "NAME=VALUE", "another value of a parameter of the model",
     "the variant's or the model's", OPTION_FREE},
};
static const struct option_row rows_optimizer[] = {
    {"optimizer", 0, RUN(optimizer), "NAME", "sgd, momentum, adam or adamw", "momentum",
     OPTION_ONE_OF(optimizers)},
};
static const struct option_row rows_length[] = {
    /* --samples comes last: table_run_samples is that alone. */
    {"epochs", 'e', RUN(epochs), "N", "passes over the samples", "the model's, else 1",
     OPTION_RANGE(1, JC_MAX_EPOCHS)},
    {"samples", 0, RUN(samples), "N", "training samples of an epoch", "the model's",
     OPTION_RANGE(1, JC_MAX_SAMPLES)},
};
static const struct option_row rows_span[] = {
    {"epochs", 'e', RUN(epoch_span), "N[..M]",
     "passes over the samples; of N..M both ends are forecast", "the model's, else 1",
     OPTION_RANGE(1, JC_MAX_EPOCHS)},
};
static const struct option_row rows_data[] = {
    {"val-samples", 0, RUN(val_samples), "N", "samples validated after each epoch",
     "the data set's; 0 with --samples", OPTION_RANGE(0, JC_MAX_SAMPLES)},
    {"dataset", 0, RUN(dataset), "NAME",
     "samples of a known data set: mnist, fashion-mnist, cifar-10, imagenet-1k", NULL, OPTION_FREE},
};
static const struct option_row rows_form[] = {
    {"precision", 0, RUN(precision), "NAME", "fp32 is all that can be forecast so far", "fp32",
     OPTION_FREE},
    {"phase", 0, RUN(phase), "PHASE", "training, or forward: passes without backward", "training",
     OPTION_ONE_OF(phases)},
};
static const struct option_row rows_threads[] = {
    {"threads", 't', MACHINE(threads), "N", "CPU threads", "all CPUs",
     OPTION_RANGE(1, MAX_THREADS)},
};
static const struct option_row rows_profile_threads[] = {
    {"threads", 't', MACHINE(threads), "N", "CPU threads", "the profile's, else all CPUs",
     OPTION_RANGE(1, MAX_THREADS)},
};
static const struct option_row rows_power[] = {
    {"hardware", 0, MACHINE(hardware), "NAME",
     "data row to take peaks and power from; see `joulecast list hardware`", "auto: this machine's",
     OPTION_FREE},
    {"tdp-w", 0, MACHINE(tdp_w), "W", "power at full load", "the data row's",
     OPTION_RANGE(OPTION_POSITIVE, 1e5)},
    {"idle-w", 0, MACHINE(idle_w), "W", "power with nothing running", "the data row's",
     OPTION_RANGE(0, 1e5)},
};
static const struct option_row rows_profile[] = {
    {"profile", 'p', MACHINE(profile), "FILE", "calibration to forecast with",
     "this machine's newest", OPTION_FREE},
};
static const struct option_row rows_meter[] = {
    {"meter", 0, MACHINE(meter), "NAME", "energy meter; see `joulecast list meters`",
     "the first that measures, else model", OPTION_FREE},
    {"meter-trace", 0, MACHINE(meter_trace), "FILE", "recorded counters for meter `replay`", NULL,
     OPTION_FREE},
};
static const struct option_row rows_powercap[] = {
    {"powercap-root", 0, MACHINE(powercap_root), "DIR", "where RAPL zones are",
     "/sys/class/powercap", OPTION_FREE},
};

#define FORMAT_ROW(help, choices)                                                                  \
  { {"format", 0, OUTPUT(format), "FORMAT", help, "table", OPTION_ONE_OF(choices)}, }
static const struct option_row rows_format[] = FORMAT_ROW("table, json, csv or markdown", formats);
static const struct option_row rows_format_layers[] =
    FORMAT_ROW("table, json, csv (the layers) or markdown", formats);
static const struct option_row rows_format_report[] =
    FORMAT_ROW("table, json, csv, markdown or html (one file)", formats_report);
static const struct option_row rows_format_layers_report[] =
    FORMAT_ROW("table, json, csv (the layers), markdown or html (one file)", formats_report);
static const struct option_row rows_output[] = {
    {"output", 'o', OUTPUT(output), "FILE", "write the result to FILE", "standard output",
     OPTION_FREE},
};
static const struct option_row rows_quiet[] = {
    {"quiet", 'q', OUTPUT(quiet), NULL, "no progress and no remarks on standard error", NULL,
     OPTION_FREE},
};

#define TABLE(rows, title)                                                                         \
  { title, rows, OPTION_COUNT(rows) }
const struct option_table table_input = TABLE(rows_input, "Run");
/* `compare` takes several of what the first row is. */
const struct option_table table_shape = {"Run", rows_input + 1, OPTION_COUNT(rows_input) - 1};
const struct option_table table_phase = {"Run", rows_form + 1, OPTION_COUNT(rows_form) - 1};
const struct option_table table_watts = {"Machine", rows_power + 1, OPTION_COUNT(rows_power) - 1};
const struct option_table table_optimizer = TABLE(rows_optimizer, "Run");
const struct option_table table_length = TABLE(rows_length, "Run");
const struct option_table table_span = TABLE(rows_span, "Run");
const struct option_table table_run_samples = {"Run", rows_length + 1, 1};
const struct option_table table_data = TABLE(rows_data, "Run");
const struct option_table table_form = TABLE(rows_form, "Run");
const struct option_table table_threads = TABLE(rows_threads, "Machine");
const struct option_table table_profile_threads = TABLE(rows_profile_threads, "Machine");
const struct option_table table_power = TABLE(rows_power, "Machine");
const struct option_table table_profile = TABLE(rows_profile, "Machine");
const struct option_table table_meter = TABLE(rows_meter, "Machine");
const struct option_table table_powercap = TABLE(rows_powercap, "Machine");
const struct option_table table_format_layers = TABLE(rows_format_layers, "Output");
const struct option_table table_format_report = TABLE(rows_format_report, "Output");
const struct option_table table_format_layers_report = TABLE(rows_format_layers_report, "Output");
const struct option_table table_format = TABLE(rows_format, "Output");
const struct option_table table_output = TABLE(rows_output, "Output");
const struct option_table table_quiet = TABLE(rows_quiet, "Output");

enum format output_format(const struct output_options *options) {
  int format = FORMAT_TABLE;
  while (options->format != NULL && strcmp(options->format, formats_report[format]) != 0)
    format++;
  return (enum format)format;
}

bool output_rows(const struct records *records, enum format format, FILE *out) {
  if (format == FORMAT_CSV)
    records_print_csv(records, out);
  else if (format == FORMAT_MARKDOWN)
    records_print_markdown(records, out);
  return format == FORMAT_CSV || format == FORMAT_MARKDOWN;
}

/* ---- names ---- */

const char *optimizer_name(enum jc_optimizer optimizer) {
  return jc_optimizer_facts(optimizer)->name;
}

const char *run_phase_name(enum jc_run_phase phase) {
  return phases[phase];
}

static int index_of(const char *const *names, const char *name) {
  int i = 0;
  while (names[i] != NULL && strcmp(names[i], name) != 0)
    i++;
  return i;
}

void put_machine(const struct jc_machine *machine, struct jc_json_writer *writer, const char *key) {
  jc_put_inline_object(writer, key);
  jc_put_string(writer, "cpu_model", machine->cpu_model);
  jc_put_uint(writer, "cpus", machine->cpus);
  jc_put_uint(writer, "memory_bytes", machine->memory_bytes);
  jc_put_string(writer, "isa", machine->isa);
  jc_put_end(writer);
}

/* Of a run of one step there is no epoch and no number of samples. */
static void put_count_or_null(struct jc_json_writer *writer, const char *key, bool known,
                              uint64_t count) {
  if (known)
    jc_put_uint(writer, key, count);
  else
    jc_put_null(writer, key);
}

void put_run(const struct jc_run *run, struct jc_json_writer *writer, const char *key) {
  const bool whole = run->samples > 0;
  jc_put_object(writer, key);
  jc_put_uint(writer, "batch_size", run->batch_size);
  put_count_or_null(writer, "epochs", whole, run->epochs);
  put_count_or_null(writer, "samples", whole, run->samples);
  put_count_or_null(writer, "val_samples", whole, run->val_samples);
  jc_put_string(writer, "precision", jc_precision_name(JC_PRECISION_FP32));
  jc_put_string(writer, "optimizer", optimizer_name(run->optimizer));
  jc_put_uint(writer, "threads", run->threads);
  jc_put_uint(writer, "devices", 1);
  jc_put_string(writer, "phase", run_phase_name(run->phase));
  jc_put_end(writer);
}

void print_run(const char *model, const struct jc_run *run, FILE *out) {
  char samples[FORMAT_SIZE], epochs[FORMAT_SIZE], batch[FORMAT_SIZE];
  const char *what = run->phase == JC_RUN_TRAINING ? "training" : "forward passes";
  fprintf(out, "%s, %s: ", model, what);
  format_count((double)run->batch_size, batch, sizeof(batch));
  if (run->samples == 0)
    fprintf(out, "one step of %s samples\n", batch);
  else
    fprintf(out, "%s epoch%s of %s samples, batch %s\n",
            format_count((double)run->epochs, epochs, sizeof(epochs)), run->epochs == 1 ? "" : "s",
            format_count((double)run->samples, samples, sizeof(samples)), batch);
}

void print_error_summary(const char *what, const struct jc_error_summary *error, FILE *out) {
  char mape[FORMAT_SIZE], median[FORMAT_SIZE], worst[FORMAT_SIZE], bias[FORMAT_SIZE];
  fprintf(out, "  %-10s mean %s, median %s, worst %s, bias %s\n", what,
          format_percent(error->mape, mape, sizeof(mape)),
          format_percent(error->median, median, sizeof(median)),
          format_percent(error->worst, worst, sizeof(worst)),
          format_percent(error->bias, bias, sizeof(bias)));
}

void put_error_summary(const struct jc_error_summary *error, struct jc_json_writer *w,
                       const char *key) {
  if (error->networks == 0) {
    jc_put_null(w, key);
    return;
  }
  jc_put_inline_object(w, key);
  jc_put_real(w, "mape", error->mape);
  jc_put_real(w, "median", error->median);
  jc_put_real(w, "p90", error->p90);
  jc_put_real(w, "worst", error->worst);
  jc_put_real(w, "bias", error->bias);
  jc_put_uint(w, "n", error->networks);
  jc_put_string(w, "from", "leave-one-network-out");
  jc_put_end(w);
}

/* ---- the run ---- */

/* Sizes as the data sets' authors publish them. */
static const struct dataset {
  const char *name, *alias;
  uint64_t samples, val_samples;
} datasets[] = {
    {"mnist", "MNIST", 60000, 10000},                /* LeCun et al. 1998, doi 10.1109/5.726791 */
    {"fashion-mnist", "fashionmnist", 60000, 10000}, /* Xiao et al. 2017, arXiv 1708.07747 */
    {"cifar-10", "cifar10", 50000, 10000},           /* Krizhevsky 2009 */
    {"imagenet-1k", "imagenet", 1281167, 50000},     /* Russakovsky et al. 2015, ILSVRC 2012 */
};

enum { DATASET_COUNT = sizeof(datasets) / sizeof(datasets[0]) };

static const struct dataset *find_dataset(const char *name, struct jc_error *error) {
  const char *names[2 * DATASET_COUNT];
  size_t count = 0;
  for (size_t i = 0; i < DATASET_COUNT; i++) {
    names[count++] = datasets[i].name;
    names[count++] = datasets[i].alias;
    if (strcmp(name, datasets[i].name) == 0 || strcmp(name, datasets[i].alias) == 0)
      return &datasets[i];
  }
  const char *close = jc_closest_name(name, names, count);
  if (close != NULL)
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--dataset",
                  "unknown data set '%.40s'; did you mean '%s'?", name, close);
  else
    (void)jc_fail(error, JC_ERROR_USAGE, 0, "--dataset",
                  "unknown data set '%.40s'; give its size with --samples", name);
  return NULL;
}

/* An option's count, else the model's, else a default. */
static uint64_t pick_count(struct inputs *inputs, const char *name,
                           const struct count_option *option, uint64_t in_file,
                           uint64_t otherwise) {
  const uint64_t count = option->given ? option->value : in_file != 0 ? in_file : otherwise;
  const enum input_from from = option->given ? FROM_FLAG : in_file != 0 ? FROM_FILE : FROM_DEFAULT;
  (void)input_count(inputs, name, from, count);
  return count;
}

/* Samples and validation come from one place: those of a data set do not go with a number of
 * samples given by hand. */
static void resolve_samples(const struct run_options *options, const struct dataset *dataset,
                            const struct jc_training_defaults *file, struct jc_run *run,
                            struct inputs *inputs) {
  const enum input_from from = options->samples.given || dataset != NULL ? FROM_FLAG
                               : file->samples != 0                      ? FROM_FILE
                                                                         : FROM_DEFAULT;
  const char *name = options->samples.given ? "" : dataset != NULL ? dataset->name : file->dataset;
  run->samples = options->samples.given ? options->samples.value
                 : dataset != NULL      ? dataset->samples
                                        : file->samples;
  if (run->samples == 0)
    return;
  snprintf(input_count(inputs, "samples", from, run->samples)->note, INPUT_TEXT, "%s", name);

  if (options->val_samples.given || options->samples.given) {
    (void)pick_count(inputs, "val_samples", &options->val_samples, 0, 0);
    run->val_samples = options->val_samples.value;
    return;
  }
  run->val_samples = dataset != NULL ? dataset->val_samples : file->val_samples;
  snprintf(input_count(inputs, "val_samples", from, run->val_samples)->note, INPUT_TEXT, "%s",
           name);
}

static void resolve_epochs(const struct run_options *options,
                           const struct jc_training_defaults *file, struct jc_run *run,
                           struct inputs *inputs) {
  const struct span_option *span = &options->epoch_span;
  const struct count_option epochs =
      span->given ? (struct count_option){.given = true, .value = span->last} : options->epochs;
  run->epochs = 1;
  if (run->samples > 0)
    run->epochs = pick_count(inputs, "epochs", &epochs, file->epochs, 1);
  else
    inputs_note(inputs,
                "one step: neither --samples nor --dataset is given and the model has no training "
                "defaults%s",
                epochs.given ? "; --epochs has no effect" : "");
}

enum jc_status resolve_run(const struct run_options *options, const struct jc_network *network,
                           struct jc_run *run, struct inputs *inputs, struct jc_error *error) {
  const struct jc_training_defaults *file = &network->training;
  const struct dataset *dataset = NULL;
  if (options->precision != NULL && strcmp(options->precision, "fp32") != 0)
    return jc_fail(error, JC_ERROR_USAGE, 0, "--precision",
                   "only fp32 can be forecast by this version, got '%.40s'", options->precision);
  if (options->dataset != NULL && (dataset = find_dataset(options->dataset, error)) == NULL)
    return error->status;

  run->batch_size =
      pick_count(inputs, "batch_size", &options->batch_size, file->batch_size, DEFAULT_BATCH_SIZE);
  resolve_samples(options, dataset, file, run, inputs);
  resolve_epochs(options, file, run, inputs);

  run->optimizer = JC_OPTIMIZER_MOMENTUM;
  if (options->optimizer != NULL)
    run->optimizer = (enum jc_optimizer)index_of(optimizers, options->optimizer);
  run->phase = JC_RUN_TRAINING;
  if (options->phase != NULL)
    run->phase = (enum jc_run_phase)index_of(phases, options->phase);
  (void)input_text(inputs, "precision", options->precision != NULL ? FROM_FLAG : FROM_DEFAULT,
                   jc_precision_name(JC_PRECISION_FP32));
  (void)input_text(inputs, "optimizer", options->optimizer != NULL ? FROM_FLAG : FROM_DEFAULT,
                   optimizer_name(run->optimizer));
  (void)input_text(inputs, "phase", options->phase != NULL ? FROM_FLAG : FROM_DEFAULT,
                   run_phase_name(run->phase));
  return JC_OK;
}

/* ---- the model ---- */

static enum jc_status analyze(struct loaded_model *loaded, struct jc_error *error) {
  const struct jc_network *network = loaded->network;
  const size_t size = jc_analysis_storage_size(network->layer_count, network->input_count);
  if (loaded->storage_bytes < size) {
    free(loaded->storage);
    loaded->storage = malloc(size);
    loaded->storage_bytes = loaded->storage != NULL ? size : 0;
  }
  if (loaded->storage == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (jc_network_analyze(network, loaded->storage, size, &loaded->analysis, error) != JC_OK ||
      jc_model_check_expect(loaded->model, &loaded->analysis, error) != JC_OK)
    jc_error_name_file(error, jc_model_file(loaded->model));
  return error->status;
}

enum jc_status reload_model(struct loaded_model *loaded, struct jc_model *model,
                            const struct run_options *options, struct jc_error *error) {
  jc_model_free(loaded->model);
  loaded->model = model;
  loaded->network = jc_model_network(model);
  for (size_t i = 0; i < options->input.count; i++) {
    if (jc_model_override_input(model, options->input.value[i], error) != JC_OK)
      return error->status;
  }
  return analyze(loaded, error);
}

enum jc_status load_model(const char *operand, const struct run_options *options,
                          struct loaded_model *loaded, struct jc_error *error) {
  static const struct run_options none = {0};
  const struct run_options *o = options != NULL ? options : &none;
  const struct jc_model_options chosen = {.set = o->set.value, .set_count = o->set.count};
  struct jc_model *model = NULL;
  memset(loaded, 0, sizeof(*loaded));
  if (jc_model_open(operand, &chosen, &model, error) != JC_OK)
    return error->status;
  return reload_model(loaded, model, o, error);
}

void unload_model(struct loaded_model *loaded) {
  free(loaded->storage);
  jc_model_free(loaded->model);
  memset(loaded, 0, sizeof(*loaded));
}

void record_layer(struct records *records, const struct loaded_model *model, uint32_t layer) {
  const struct jc_layer *l = &model->network->layers[layer];
  const struct jc_cost *cost = &model->analysis.layers[layer];
  record_text(records, l->name);
  record_text(records, jc_kind_get(l->kind)->name);
  record_shape(records, &cost->out);
  record_count(records, cost->params);
  record_count(records, l->training_only ? 0 : cost->macs);
  record_count(records, cost->macs + cost->backward_data_macs + cost->backward_weights_macs);
}
