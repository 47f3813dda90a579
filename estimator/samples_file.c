/* samples_file.c -- lines of runs.jsonl and samples.jsonl: written whole, read strictly. */
#include "estimator/samples_file.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "estimator/file_io.h"
#include "estimator/json.h"
#include "estimator/model_file.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const optimizers[] = {
#define X(optimizer, name) [JC_OPTIMIZER_##optimizer] = (name),
    JC_OPTIMIZERS(X)
#undef X
};
static const char *const blocks[] = {"times", "energy"};         /* enum jc_sample_block */
static const char *const run_phases[] = {"training", "forward"}; /* enum jc_run_phase */

/* Sanity bounds, far from what anyone will measure. */
static const double largest_time_s = 1e10, largest_energy_j = 1e18, largest_power_w = 1e12;

/* ---- building ---- */

void jc_sample_start(struct jc_sample *sample) {
  memset(sample, 0, sizeof(*sample));
  sample->run.epochs = 1;
  sample->run.threads = 1;
  sample->devices = 1;
  sample->energy_j = sample->idle_power_w = sample->time_s = NAN;
  sample->startup_s = sample->cpu_time_s = sample->load = NAN;
  sample->step_min_s = sample->step_median_s = sample->step_mean_s = NAN;
  sample->loss_time_s = sample->energy_half_width_j = NAN;
  sample->speed = (struct jc_speed){NAN, NAN};
  jc_run_facts_start(&sample->facts);
}

void jc_sample_free(struct jc_sample *sample) {
  free(sample->epochs);
  free(sample->layers);
  jc_json_free(sample->document);
  jc_sample_start(sample);
}

static void *new_array(uint32_t count, size_t size, struct jc_error *error) {
  void *array = calloc(count > 0 ? count : 1, size);
  if (array == NULL)
    jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  return array;
}

enum jc_status jc_sample_make_layers(struct jc_sample *sample, uint32_t count,
                                     struct jc_error *error) {
  struct jc_sample_layer *layers = new_array(count, sizeof(*layers), error);
  if (layers == NULL)
    return error->status;
  for (uint32_t i = 0; i < count; i++)
    layers[i].forward_min_s = layers[i].backward_min_s = layers[i].update_min_s = NAN;
  free(sample->layers);
  sample->layers = layers;
  sample->layer_count = count;
  return JC_OK;
}

enum jc_status jc_sample_make_epochs(struct jc_sample *sample, uint32_t count,
                                     struct jc_error *error) {
  struct jc_sample_epoch *epochs = new_array(count, sizeof(*epochs), error);
  if (epochs == NULL)
    return error->status;
  free(sample->epochs);
  sample->epochs = epochs;
  sample->epoch_count = count;
  return JC_OK;
}

enum jc_status jc_sample_set_model_text(struct jc_sample *sample, const char *text, size_t length,
                                        struct jc_error *error) {
  struct jc_json *document = NULL;
  if (jc_json_parse(text, length, NULL, 1, &document, error) != JC_OK)
    return error->status;
  jc_json_free(sample->document);
  sample->document = document;
  sample->model = jc_json_root(document);
  return JC_OK;
}

enum jc_status jc_sample_set_model_name(struct jc_sample *sample, const char *name,
                                        struct jc_error *error) {
  struct jc_json_writer writer;
  char *text = NULL;
  size_t length = 0;
  jc_put_start(&writer, JC_JSON_COMPACT);
  jc_put_string(&writer, NULL, name);
  if (jc_put_finish(&writer, &text, &length, error) == JC_OK)
    jc_sample_set_model_text(sample, text, length, error);
  free(text);
  return error->status;
}

const char *jc_sample_model_name(const struct jc_sample *sample) {
  const char *name = jc_json_string(sample->model);
  if (name == NULL)
    name = jc_json_string(jc_json_member(sample->model, "name"));
  return name != NULL ? name : "";
}

enum jc_status jc_sample_read_model(const struct jc_sample *sample, struct jc_model **model,
                                    struct jc_error *error) {
  const char *name = jc_json_string(sample->model);
  *model = NULL;
  if (name == NULL)
    return jc_model_from_json(sample->model, model, error);
  if (jc_model_open(name, NULL, model, error) == JC_ERROR_MISSING)
    return jc_json_place(sample->model, error);
  return error->status;
}

/* ---- writing ---- */

/* What is not known is left out. */
static void put_known(struct jc_json_writer *writer, const char *key, double value) {
  if (!isnan(value))
    jc_put_real(writer, key, value);
}

static void put_text(struct jc_json_writer *writer, const char *key, const char *text) {
  if (text[0] != '\0')
    jc_put_string(writer, key, text);
}

static void put_run(struct jc_json_writer *writer, const struct jc_sample *sample) {
  const struct jc_run *run = &sample->run;
  jc_put_object(writer, "run");
  jc_put_uint(writer, "batch_size", run->batch_size);
  jc_put_uint(writer, "epochs", run->epochs);
  if (run->samples > 0)
    jc_put_uint(writer, "samples", run->samples);
  jc_put_uint(writer, "val_samples", run->val_samples);
  jc_put_string(writer, "precision", jc_precision_name(sample->precision));
  jc_put_string(writer, "optimizer", optimizers[run->optimizer]);
  jc_put_uint(writer, "threads", run->threads);
  jc_put_uint(writer, "devices", sample->devices);
  jc_put_string(writer, "phase", run_phases[run->phase]);
  jc_put_end(writer);
}

static void put_layers(struct jc_json_writer *writer, const struct jc_sample *sample) {
  jc_put_array(writer, "layers");
  for (uint32_t i = 0; i < sample->layer_count; i++) {
    const struct jc_sample_layer *layer = &sample->layers[i];
    jc_put_object(writer, NULL);
    jc_put_string(writer, "name", layer->name);
    jc_put_string(writer, "type", jc_kind_get(layer->kind)->name);
    jc_put_real(writer, "forward_s", layer->forward_s);
    jc_put_real(writer, "backward_s", layer->backward_s);
    jc_put_real(writer, "update_s", layer->update_s);
    put_known(writer, "forward_min_s", layer->forward_min_s);
    put_known(writer, "backward_min_s", layer->backward_min_s);
    put_known(writer, "update_min_s", layer->update_min_s);
    put_text(writer, "forward_implementation", layer->forward_implementation);
    put_text(writer, "backward_implementation", layer->backward_implementation);
    put_text(writer, "layout", layer->layout);
    jc_put_bool(writer, "fused", layer->fused);
    jc_put_end(writer);
  }
  jc_put_end(writer);
}

static void put_epochs(struct jc_json_writer *writer, const struct jc_sample *sample) {
  jc_put_array(writer, "epochs");
  for (uint32_t i = 0; i < sample->epoch_count; i++) {
    jc_put_object(writer, NULL);
    put_known(writer, "energy_j", sample->epochs[i].energy_j);
    jc_put_real(writer, "time_s", sample->epochs[i].time_s);
    jc_put_end(writer);
  }
  jc_put_end(writer);
}

static void put_environment(struct jc_json_writer *writer, const struct jc_sample *sample) {
  if (sample->machine.cpu_model[0] != '\0')
    jc_put_machine(writer, "machine", &sample->machine);
  else
    put_text(writer, "machine", sample->hardware);
  if (sample->runner.name[0] != '\0')
    jc_put_runner(writer, "runner", &sample->runner);
  if (sample->meter.name[0] != '\0')
    jc_put_meter(writer, "meter", &sample->meter);
}

static void put_measured(struct jc_json_writer *writer, const struct jc_sample *sample) {
  put_known(writer, "energy_j", sample->energy_j);
  put_known(writer, "idle_power_w", sample->idle_power_w);
  put_known(writer, "time_s", sample->time_s);
  if (sample->steps > 0)
    jc_put_uint(writer, "steps", sample->steps);
  put_known(writer, "startup_s", sample->startup_s);
  put_known(writer, "cpu_time_s", sample->cpu_time_s);
  if (!isnan(sample->step_mean_s)) {
    jc_put_object(writer, "step_time_s");
    put_known(writer, "min", sample->step_min_s);
    put_known(writer, "median", sample->step_median_s);
    put_known(writer, "mean", sample->step_mean_s);
    jc_put_end(writer);
  }
  put_known(writer, "loss_time_s", sample->loss_time_s);
  if (!isnan(sample->speed.memory_s)) {
    jc_put_object(writer, "speed");
    put_known(writer, "compute_s", sample->speed.compute_s);
    put_known(writer, "memory_s", sample->speed.memory_s);
    jc_put_end(writer);
  }
  if (sample->outlier_steps > 0)
    jc_put_uint(writer, "outlier_steps", sample->outlier_steps);
  if (sample->energy_windows > 0)
    jc_put_uint(writer, "energy_windows", sample->energy_windows);
  put_known(writer, "energy_half_width_j", sample->energy_half_width_j);
  if (sample->conditions.priority[0] != '\0')
    jc_put_conditions(writer, "conditions", &sample->conditions);
  put_known(writer, "load", sample->load);
  if (sample->forced)
    jc_put_bool(writer, "forced", true);
}

enum jc_status jc_sample_format(const struct jc_sample *sample, char **text, size_t *length,
                                struct jc_error *error) {
  struct jc_json_writer writer;
  assert(sample->model != NULL);
  jc_put_start(&writer, JC_JSON_COMPACT);
  jc_put_object(&writer, NULL);
  jc_put_string(&writer, "schema", JC_RUN_SCHEMA);
  if (sample->id[0] != '\0') {
    jc_put_string(&writer, "id", sample->id);
    put_text(&writer, "family", sample->family);
    jc_put_uint(&writer, "seed", sample->seed);
    if (sample->block != JC_BLOCK_TIMES)
      jc_put_string(&writer, "block", blocks[sample->block]);
  }
  put_text(&writer, "date", sample->date);
  jc_put_node(&writer, "model", sample->model);
  put_run(&writer, sample);
  put_environment(&writer, sample);
  put_measured(&writer, sample);
  jc_put_run_facts(&writer, &sample->facts);
  if (sample->epoch_count > 0)
    put_epochs(&writer, sample);
  if (sample->layer_count > 0)
    put_layers(&writer, sample);
  jc_put_end(&writer);
  return jc_put_finish(&writer, text, length, error);
}

enum jc_status jc_samples_append(const char *path, const struct jc_sample *sample,
                                 struct jc_error *error) {
  char *text = NULL;
  size_t length = 0;
  if (jc_sample_format(sample, &text, &length, error) == JC_OK)
    jc_file_append_line(path, text, length, error);
  free(text);
  return error->status;
}

/* ---- reading a line ---- */

static void get_run(const struct jc_json_node *node, struct jc_sample *sample,
                    struct jc_error *error) {
  static const char *const keys[] = {"batch_size", "epochs",  "samples", "val_samples", "precision",
                                     "optimizer",  "threads", "devices", "phase"};
  struct jc_run *run = &sample->run;
  size_t optimizer = run->optimizer, phase = run->phase;
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_uint(jc_json_need(node, "batch_size", error), 1, JC_MAX_BATCH_SIZE, &run->batch_size,
                   error);
  jc_json_get_uint(jc_json_known(node, "epochs"), 1, JC_MAX_EPOCHS, &run->epochs, error);
  jc_json_get_uint(jc_json_known(node, "samples"), 1, JC_MAX_SAMPLES, &run->samples, error);
  jc_json_get_uint(jc_json_known(node, "val_samples"), 0, JC_MAX_SAMPLES, &run->val_samples, error);
  jc_json_get_precision(jc_json_need(node, "precision", error), &sample->precision, error);
  jc_json_get_choice(jc_json_known(node, "optimizer"), optimizers, COUNT(optimizers), &optimizer,
                     error);
  jc_json_get_uint32(jc_json_known(node, "threads"), 1, 1 << 20, &run->threads, error);
  jc_json_get_uint32(jc_json_known(node, "devices"), 1, 1 << 20, &sample->devices, error);
  jc_json_get_choice(jc_json_known(node, "phase"), run_phases, COUNT(run_phases), &phase, error);
  run->optimizer = (enum jc_optimizer)optimizer;
  run->phase = (enum jc_run_phase)phase;
}

static void get_layer(const struct jc_json_node *node, struct jc_sample_layer *layer,
                      struct jc_error *error) {
  static const char *const keys[] = {"name",
                                     "type",
                                     "forward_s",
                                     "backward_s",
                                     "update_s",
                                     "forward_min_s",
                                     "backward_min_s",
                                     "update_min_s",
                                     "forward_implementation",
                                     "backward_implementation",
                                     "layout",
                                     "fused"};
  const struct jc_json_node *type = jc_json_need(node, "type", error);
  const char *kind = NULL;
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_copy_string(jc_json_need(node, "name", error), layer->name, sizeof(layer->name), error);
  if (jc_json_get_string(type, &kind, error) == JC_OK) {
    layer->kind = jc_kind_find(kind);
    if (layer->kind == JC_LAYER_KIND_COUNT)
      jc_json_fail(type, error, "expected a layer type (`joulecast list layers`), got \"%.40s\"",
                   kind);
  }
  jc_json_get_real(jc_json_known(node, "forward_s"), 0, largest_time_s, &layer->forward_s, error);
  jc_json_get_real(jc_json_known(node, "backward_s"), 0, largest_time_s, &layer->backward_s, error);
  jc_json_get_real(jc_json_known(node, "update_s"), 0, largest_time_s, &layer->update_s, error);
  jc_json_get_real_or_nan(jc_json_member(node, "forward_min_s"), 0, largest_time_s,
                          &layer->forward_min_s, error);
  jc_json_get_real_or_nan(jc_json_member(node, "backward_min_s"), 0, largest_time_s,
                          &layer->backward_min_s, error);
  jc_json_get_real_or_nan(jc_json_member(node, "update_min_s"), 0, largest_time_s,
                          &layer->update_min_s, error);
  jc_json_copy_string(jc_json_known(node, "forward_implementation"), layer->forward_implementation,
                      sizeof(layer->forward_implementation), error);
  jc_json_copy_string(jc_json_known(node, "backward_implementation"),
                      layer->backward_implementation, sizeof(layer->backward_implementation),
                      error);
  jc_json_copy_string(jc_json_known(node, "layout"), layer->layout, sizeof(layer->layout), error);
  jc_json_get_bool(jc_json_known(node, "fused"), &layer->fused, error);
}

static void get_layers(const struct jc_json_node *list, struct jc_sample *sample,
                       struct jc_error *error) {
  const struct jc_json_node *node = jc_json_items(list, JC_MAX_LAYERS, error);
  if (node == NULL || jc_sample_make_layers(sample, jc_json_length(list), error) != JC_OK)
    return;
  for (uint32_t i = 0; node != NULL; node = jc_json_next(node), i++)
    get_layer(node, &sample->layers[i], error);
}

static void get_epochs(const struct jc_json_node *list, struct jc_sample *sample,
                       struct jc_error *error) {
  static const char *const keys[] = {"energy_j", "time_s"};
  const struct jc_json_node *node = jc_json_items(list, JC_MAX_EPOCHS, error);
  if (node == NULL || jc_sample_make_epochs(sample, jc_json_length(list), error) != JC_OK)
    return;
  for (uint32_t i = 0; node != NULL; node = jc_json_next(node), i++) {
    struct jc_sample_epoch *epoch = &sample->epochs[i];
    jc_json_only_keys(node, keys, COUNT(keys), error);
    jc_json_get_real_or_nan(jc_json_member(node, "energy_j"), 0, largest_energy_j, &epoch->energy_j,
                            error);
    jc_json_get_real(jc_json_need(node, "time_s", error), 0, largest_time_s, &epoch->time_s, error);
  }
}

static void get_environment(const struct jc_json_node *root, struct jc_sample *sample,
                            struct jc_error *error) {
  const struct jc_json_node *machine = jc_json_known(root, "machine");
  const struct jc_json_node *runner = jc_json_known(root, "runner");
  const struct jc_json_node *meter = jc_json_known(root, "meter");
  const struct jc_json_node *conditions = jc_json_known(root, "conditions");
  if (machine != NULL && jc_json_type(machine) == JC_JSON_STRING)
    jc_json_copy_string(machine, sample->hardware, sizeof(sample->hardware), error);
  else if (machine != NULL)
    jc_json_get_machine(machine, &sample->machine, error);
  if (runner != NULL)
    jc_json_get_runner(runner, &sample->runner, error);
  if (meter != NULL)
    jc_json_get_meter(meter, &sample->meter, error);
  if (conditions != NULL)
    jc_json_get_conditions(conditions, &sample->conditions, error);
}

static void get_step_time(const struct jc_json_node *node, struct jc_sample *sample,
                          struct jc_error *error) {
  static const char *const keys[] = {"min", "median", "mean"};
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_real_or_nan(jc_json_member(node, "min"), 0, largest_time_s, &sample->step_min_s,
                          error);
  jc_json_get_real_or_nan(jc_json_member(node, "median"), 0, largest_time_s, &sample->step_median_s,
                          error);
  jc_json_get_real_or_nan(jc_json_member(node, "mean"), 0, largest_time_s, &sample->step_mean_s,
                          error);
}

static void get_speed(const struct jc_json_node *node, struct jc_speed *speed,
                      struct jc_error *error) {
  static const char *const keys[] = {"compute_s", "memory_s"};
  jc_json_only_keys(node, keys, COUNT(keys), error);
  jc_json_get_real(jc_json_need(node, "compute_s", error), JC_JSON_POSITIVE, largest_time_s,
                   &speed->compute_s, error);
  jc_json_get_real(jc_json_need(node, "memory_s", error), JC_JSON_POSITIVE, largest_time_s,
                   &speed->memory_s, error);
}

static void get_energy_block(const struct jc_json_node *root, struct jc_sample *sample,
                             struct jc_error *error) {
  size_t block = JC_BLOCK_TIMES;
  jc_json_get_choice(jc_json_known(root, "block"), blocks, COUNT(blocks), &block, error);
  sample->block = (enum jc_sample_block)block;
  jc_json_get_uint32(jc_json_known(root, "energy_windows"), 0, UINT32_MAX, &sample->energy_windows,
                     error);
  jc_json_get_real_or_nan(jc_json_member(root, "energy_half_width_j"), 0, largest_energy_j,
                          &sample->energy_half_width_j, error);
}

static void get_measured(const struct jc_json_node *root, bool time_optional,
                         struct jc_sample *sample, struct jc_error *error) {
  jc_json_get_real_or_nan(jc_json_member(root, "energy_j"), 0, largest_energy_j, &sample->energy_j,
                          error);
  jc_json_get_real_or_nan(jc_json_member(root, "idle_power_w"), 0, largest_power_w,
                          &sample->idle_power_w, error);
  jc_json_get_real(time_optional && !isnan(sample->energy_j) ? jc_json_known(root, "time_s")
                                                             : jc_json_need(root, "time_s", error),
                   JC_JSON_POSITIVE, largest_time_s, &sample->time_s, error);
  jc_json_get_uint(jc_json_known(root, "steps"), 1, UINT64_MAX, &sample->steps, error);
  jc_json_get_real_or_nan(jc_json_member(root, "startup_s"), 0, largest_time_s, &sample->startup_s,
                          error);
  jc_json_get_real_or_nan(jc_json_member(root, "cpu_time_s"), 0, largest_time_s * 1e6,
                          &sample->cpu_time_s, error);
  if (jc_json_known(root, "step_time_s") != NULL)
    get_step_time(jc_json_member(root, "step_time_s"), sample, error);
  jc_json_get_real_or_nan(jc_json_member(root, "loss_time_s"), 0, largest_time_s,
                          &sample->loss_time_s, error);
  if (jc_json_known(root, "speed") != NULL)
    get_speed(jc_json_member(root, "speed"), &sample->speed, error);
  jc_json_get_uint32(jc_json_known(root, "outlier_steps"), 0, UINT32_MAX, &sample->outlier_steps,
                     error);
  get_energy_block(root, sample, error);
  jc_json_get_real_or_nan(jc_json_member(root, "load"), 0, 1, &sample->load, error);
  jc_json_get_bool(jc_json_member(root, "forced"), &sample->forced, error);
}

/* A line may come from anyone: it must not choose which files are read. */
static bool is_shipped_name(const char *name) {
  const size_t length = strlen(name);
  return name[0] != '.' && name[0] != '-' && strchr(name, '/') == NULL &&
         (length < 5 || strcmp(name + length - 5, ".json") != 0);
}

static void get_model(const struct jc_json_node *root, struct jc_sample *sample,
                      struct jc_error *error) {
  char echo[JC_JSON_ECHO_SIZE];
  sample->model = jc_json_need(root, "model", error);
  if (sample->model == NULL || jc_json_type(sample->model) == JC_JSON_OBJECT)
    return;
  const char *name = jc_json_string(sample->model);
  if (name == NULL || !is_shipped_name(name))
    jc_json_fail(sample->model, error, "expected a shipped model's name or a model, got %s",
                 jc_json_echo(sample->model, echo, sizeof(echo)));
}

static void get_sample(const struct jc_json_node *root, bool time_optional,
                       struct jc_sample *sample, struct jc_error *error) {
  static const char *const keys[] = {"schema",         "id",
                                     "family",         "seed",
                                     "block",          "date",
                                     "model",          "run",
                                     "machine",        "runner",
                                     "meter",          "energy_j",
                                     "idle_power_w",   "time_s",
                                     "steps",          "startup_s",
                                     "cpu_time_s",     "step_time_s",
                                     "loss_time_s",    "outlier_steps",
                                     "energy_windows", "energy_half_width_j",
                                     "conditions",     "load",
                                     "forced",         "speed",
                                     "epochs",         "layers",
                                     "notes",          "counts",
                                     "dataset",        "accelerator",
                                     "window",         "labels"};
  const char *notes;
  jc_json_check_schema(root, JC_RUN_SCHEMA, error);
  jc_json_only_keys(root, keys, COUNT(keys), error);
  jc_json_copy_string(jc_json_known(root, "id"), sample->id, sizeof(sample->id), error);
  jc_json_copy_string(jc_json_known(root, "family"), sample->family, sizeof(sample->family), error);
  jc_json_get_uint(jc_json_known(root, "seed"), 0, UINT64_MAX, &sample->seed, error);
  jc_json_copy_string(jc_json_known(root, "date"), sample->date, sizeof(sample->date), error);
  jc_json_get_string(jc_json_known(root, "notes"), &notes, error);
  get_model(root, sample, error);
  get_run(jc_json_need(root, "run", error), sample, error);
  get_environment(root, sample, error);
  get_measured(root, time_optional, sample, error);
  jc_json_get_run_facts(root, &sample->facts, error);
  get_epochs(jc_json_known(root, "epochs"), sample, error);
  get_layers(jc_json_known(root, "layers"), sample, error);
}

/* ---- reading a file ---- */

enum jc_status jc_samples_open(const char *path, struct jc_samples_reader *reader,
                               struct jc_error *error) {
  memset(reader, 0, sizeof(*reader));
  reader->path = strdup(jc_file_shown_name(path));
  if (reader->path == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (jc_file_read(path, &reader->text, &reader->length, error) != JC_OK)
    jc_samples_close(reader);
  return error->status;
}

void jc_samples_close(struct jc_samples_reader *reader) {
  free(reader->path);
  free(reader->text);
  reader->path = reader->text = NULL;
  reader->length = reader->at = 0;
}

/* Takes the next line that is not blank; false at the end. */
static bool next_line(struct jc_samples_reader *reader, const char **line, size_t *length,
                      bool *ended) {
  while (reader->at < reader->length) {
    const char *begin = reader->text + reader->at;
    const char *newline = memchr(begin, '\n', reader->length - reader->at);
    *ended = newline != NULL;
    *length = *ended ? (size_t)(newline - begin) : reader->length - reader->at;
    *line = begin;
    reader->at += *length + *ended;
    reader->line++;
    for (size_t i = 0; i < *length; i++) {
      if (strchr(" \t\r", begin[i]) == NULL || begin[i] == '\0')
        return true;
    }
  }
  return false;
}

/* A line is appended with its newline in one piece, so only a line without one can be torn: by a
 * crash, or a disk that was full. It is as good as never written. */
static bool is_torn(struct jc_samples_reader *reader, const char *line, bool ended,
                    enum jc_status status) {
  reader->torn = !ended && status == JC_ERROR_INVALID;
  reader->torn_at = (size_t)(line - reader->text);
  return reader->torn;
}

enum jc_status jc_samples_next(struct jc_samples_reader *reader, struct jc_sample *sample,
                               bool *more, struct jc_error *error) {
  const char *line = NULL;
  size_t length = 0;
  bool ended = false;
  struct jc_error parse_error = {0};
  jc_sample_start(sample);
  *more = false;
  if (jc_error_is_set(error) || !next_line(reader, &line, &length, &ended))
    return error->status;
  if (jc_json_parse(line, length, reader->path, reader->line, &sample->document, &parse_error) !=
      JC_OK) {
    if (!is_torn(reader, line, ended, parse_error.status))
      *error = parse_error;
    return error->status;
  }
  get_sample(jc_json_root(sample->document), reader->time_optional, sample, error);
  if (jc_error_is_set(error))
    jc_sample_free(sample);
  *more = !jc_error_is_set(error);
  return error->status;
}

enum jc_status jc_samples_mend(const char *path, bool *torn, struct jc_error *error) {
  struct jc_samples_reader reader;
  const char *line = NULL, *last = NULL;
  size_t length = 0, last_length = 0;
  bool ended = true, open = false;
  *torn = false;
  if (access(path, F_OK) != 0)
    return error->status;
  if (jc_samples_open(path, &reader, error) != JC_OK)
    return error->status;
  while (next_line(&reader, &line, &length, &ended)) {
    last = line;
    last_length = length;
    open = !ended;
  }
  if (open) { /* blanks behind it are no line */
    struct jc_json *document = NULL;
    struct jc_error ignored = {0};
    *torn = is_torn(&reader, last, false,
                    jc_json_parse(last, last_length, NULL, 1, &document, &ignored));
    jc_json_free(document);
  }
  if (*torn)
    jc_file_cut(path, reader.torn_at, error);
  jc_samples_close(&reader);
  return error->status;
}
