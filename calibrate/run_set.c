/* run_set.c -- from lines of runs.jsonl to rows of numbers, each line checked for sense. */
#include "calibrate/run_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/run_model.h"
#include "estimator/data_files.h"
#include "estimator/file_io.h"

static const char *const number_keys[] = {
#define X(name, key) [JC_RUN_##name] = (key),
    JC_RUN_NUMBERS(X)
#undef X
};

static const char *const group_names[] = {
    [JC_GROUP_ARCHITECTURE] = "architecture",
    [JC_GROUP_CONFIGURATION] = "configuration",
    [JC_GROUP_HARDWARE] = "hardware",
    [JC_GROUP_DATASET] = "dataset",
};

/* No machine draws more than this many times what its accelerators are built for, and none that
 * trains draws so few watts. Factors of 1000 between mJ, J and kJ land outside, nothing real does.
 */
static const double most_of_tdp = 10, least_of_tdp = 1e-3, least_power_w = 1e-3, most_power_w = 1e5;

const char *jc_run_number_key(enum jc_run_number number) {
  return number_keys[number];
}

const char *jc_run_group_name(enum jc_run_group group) {
  return group_names[group];
}

const char *jc_run_row_label(const struct jc_run_row *row, const char *name) {
  for (uint32_t i = 0; i < row->label_count; i++) {
    if (strcmp(row->labels[i].name, name) == 0)
      return row->labels[i].value;
  }
  return NULL;
}

/* ---- counts of a model ---- */

static void take_analysis(const struct jc_analysis *analysis, double *values) {
  const struct jc_totals *t = &analysis->totals;
  const double forward = (double)t->forward_macs;
  const double backward = (double)(t->backward_data_macs + t->backward_weights_macs);
  values[JC_RUN_FORWARD_MACS] = forward;
  values[JC_RUN_BACKWARD_MACS] = backward;
  values[JC_RUN_ACTIVATION_BYTES] = (double)t->activation_bytes;
  values[JC_RUN_LAYERS] = 0;
  for (uint32_t i = 0; i < analysis->network->layer_count; i++)
    values[JC_RUN_LAYERS] += analysis->layers[i].macs + analysis->layers[i].elementwise_ops > 0;
  values[JC_RUN_TRAINABLE_PARAMS] = (double)t->trainable_params;
  /* Of a network trained whole backward is twice forward, less what the first layer need not do. */
  values[JC_RUN_BACKWARD_SHARE] = forward > 0 ? fmin(1, backward / (2 * forward)) : 0;
}

/* A line's own counts, which know of frozen layers and other image sizes. */
static void take_own_counts(const struct jc_run_counts *c, double *values) {
  values[JC_RUN_FORWARD_MACS] = c->forward_macs;
  values[JC_RUN_BACKWARD_MACS] = c->backward_macs;
  values[JC_RUN_ACTIVATION_BYTES] = c->activation_bytes;
  values[JC_RUN_LAYERS] = c->layers;
  values[JC_RUN_TRAINABLE_PARAMS] = c->trainable_params;
  values[JC_RUN_BACKWARD_SHARE] = c->backward_share;
}

/* Those of the line, else those of its model. A name that is not shipped is no mistake: then there
 * are none. */
static enum jc_status take_counts(struct jc_run_set *set, struct jc_run_row *row,
                                  struct jc_error *error) {
  const struct jc_run_counts *own = &row->sample->facts.counts;
  struct jc_run_model model = {.model = NULL};
  struct jc_error why = {0};
  take_own_counts(own, row->values);
  if (!isnan(own->forward_macs) || jc_sample_model_name(row->sample)[0] == '\0')
    return JC_OK;
  if (jc_run_model_open(row->sample, &model, &why) == JC_OK) {
    take_analysis(&model.analysis, row->values);
    set->counted_from_model++;
  } else if (why.status != JC_ERROR_MISSING) {
    *error = why;
  } else if (set->model_unknown++ == 0) {
    set->model_unknown_line = row->line;
    (void)snprintf(set->model_unknown_why, sizeof(set->model_unknown_why), "%.300s", why.text);
  }
  jc_run_model_close(&model);
  return error->status;
}

/* ---- measured epochs ---- */

/* STEP's window (del Rey et al.) and carbontracker's first epoch, where the epochs are there
 * singly: 5 epochs after the first 10. */
static void take_epochs(const struct jc_sample *sample, double *values) {
  enum { AFTER = 10, WINDOW = 5 };
  double window_j = 0, window_s = 0, stable_j = 0;
  if (sample->epoch_count > 0)
    values[JC_RUN_FIRST_EPOCH_J] = sample->epochs[0].energy_j;
  if (sample->epoch_count < AFTER + WINDOW || !isnan(values[JC_RUN_WINDOW_EPOCH_J]))
    return;
  for (uint32_t i = AFTER; i < sample->epoch_count; i++) {
    stable_j += sample->epochs[i].energy_j;
    if (i >= AFTER + WINDOW)
      continue;
    window_j += sample->epochs[i].energy_j;
    window_s += sample->epochs[i].time_s;
  }
  values[JC_RUN_WINDOW_AFTER_EPOCHS] = AFTER;
  values[JC_RUN_WINDOW_EPOCH_J] = window_j / WINDOW;
  values[JC_RUN_WINDOW_POWER_W] = window_j / window_s;
  values[JC_RUN_STABLE_EPOCH_J] = stable_j / (sample->epoch_count - AFTER);
}

static void take_facts(const struct jc_sample *sample, double *values) {
  const struct jc_run_facts *f = &sample->facts;
  values[JC_RUN_BATCH_SIZE] = (double)sample->run.batch_size;
  values[JC_RUN_SAMPLES] = sample->run.samples > 0 ? (double)sample->run.samples : NAN;
  values[JC_RUN_VAL_SAMPLES] = (double)sample->run.val_samples;
  values[JC_RUN_EPOCHS] = (double)sample->run.epochs;
  values[JC_RUN_DEVICES] = sample->devices;
  values[JC_RUN_TIME_S] = sample->time_s;
  values[JC_RUN_IMAGE_HEIGHT] = f->data.image_height;
  values[JC_RUN_IMAGE_WIDTH] = f->data.image_width;
  values[JC_RUN_CORES] = f->accelerator.cores;
  values[JC_RUN_MEMORY_BYTES] = f->accelerator.memory_bytes;
  values[JC_RUN_TDP_W] = f->accelerator.tdp_w;
  values[JC_RUN_POWER_LIMIT_W] = f->accelerator.power_limit_w;
  values[JC_RUN_HOST_MEMORY_BYTES] = f->accelerator.host_memory_bytes;
  values[JC_RUN_UTILIZATION] = f->accelerator.utilization;
  values[JC_RUN_MEAN_POWER_W] = !isnan(f->accelerator.mean_power_w)
                                    ? f->accelerator.mean_power_w
                                    : sample->energy_j / sample->time_s;
  values[JC_RUN_WINDOW_AFTER_EPOCHS] = f->window.after_epochs;
  values[JC_RUN_WINDOW_POWER_W] = f->window.power_w;
  values[JC_RUN_WINDOW_EPOCH_J] = f->window.epoch_energy_j;
  values[JC_RUN_STABLE_EPOCH_J] = f->window.stable_epoch_energy_j;
  values[JC_RUN_FIRST_EPOCH_J] = NAN;
}

/* ---- sense ---- */

static enum jc_status check_energy(const struct jc_run_row *row, struct jc_error *error) {
  const double *v = row->values;
  const double power_w = row->energy_j / v[JC_RUN_TIME_S], devices = v[JC_RUN_DEVICES];
  const double tdp_w = v[JC_RUN_TDP_W] * devices;
  const bool has_tdp = !isnan(tdp_w);
  const double most_w = has_tdp ? most_of_tdp * tdp_w : most_power_w * devices;
  const double least_w = has_tdp ? fmax(least_power_w, least_of_tdp * tdp_w) : least_power_w;
  if (!(row->energy_j > 0))
    return jc_fail(error, JC_ERROR_INVALID, row->line, "energy_j",
                   "expected joules above 0, got %g; a run that was not metered has none",
                   row->energy_j);
  if (isnan(power_w) || (power_w >= least_w && power_w <= most_w))
    return JC_OK;
  return jc_fail(error, JC_ERROR_INVALID, row->line, "energy_j",
                 "expected %.3g to %.3g W%s, got %g J in %g s, which are %.3g W: are they J and s, "
                 "not kJ or mJ, h or ms?",
                 least_w, most_w, has_tdp ? " by accelerator.tdp_w" : "", row->energy_j,
                 v[JC_RUN_TIME_S], power_w);
}

/* ---- the TDP of the machine ---- */

/* An accelerator is named in the study's words, in which no data row is found. */
static bool wants_tdp(const struct jc_run_row *row) {
  const struct jc_sample *s = row->sample;
  return isnan(row->values[JC_RUN_TDP_W]) && s->facts.accelerator.name[0] == '\0' &&
         (s->hardware[0] != '\0' || s->machine.cpu_model[0] != '\0');
}

/* No row for the machine is no mistake: then its TDP stays unknown. */
static void take_tdp(struct jc_run_set *set, const struct jc_hardware_table *table,
                     struct jc_run_row *row) {
  const struct jc_sample *sample = row->sample;
  const struct jc_hardware_row *found = NULL;
  struct jc_hardware hardware;
  struct jc_error unknown = {0};
  if (sample->hardware[0] != '\0')
    (void)jc_hardware_find(table, sample->hardware, &found, &unknown);
  else
    (void)jc_hardware_for_machine(table, &sample->machine, &found, &unknown);
  if (jc_error_is_set(&unknown))
    return;
  jc_hardware_scale(found, sample->run.threads, &hardware);
  row->values[JC_RUN_TDP_W] = hardware.tdp_w;
  if (set->tdp_from_row++ == 0)
    (void)snprintf(set->tdp_row, sizeof(set->tdp_row), "%.47s", hardware.name);
}

static enum jc_status take_tdps(struct jc_run_set *set, struct jc_error *error) {
  struct jc_hardware_table table = {.rows = NULL};
  struct jc_error unread = {0};
  uint32_t wanting = 0;
  for (uint32_t i = 0; i < set->count; i++)
    wanting += wants_tdp(&set->rows[i]);
  if (wanting > 0 && jc_hardware_table_read(NULL, &table, &unread) == JC_OK) {
    for (uint32_t i = 0; i < set->count; i++) {
      if (wants_tdp(&set->rows[i]))
        take_tdp(set, &table, &set->rows[i]);
    }
  }
  jc_hardware_table_free(&table);
  if (jc_error_is_set(&unread) && unread.status != JC_ERROR_MISSING)
    *error = unread;
  return error->status;
}

/* ---- the set ---- */

static void *grown(void *array, uint32_t count, uint32_t *capacity, size_t size,
                   struct jc_error *error) {
  if (count < *capacity)
    return array;
  const uint32_t wanted = *capacity > 0 ? 2 * *capacity : 64;
  void *larger = realloc(array, wanted * size);
  if (larger == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else
    *capacity = wanted;
  return larger != NULL ? larger : array;
}

/* The number of the group called NAME, a new one if it is the first of it. */
static uint32_t number_group(struct jc_run_set *set, enum jc_run_group group, const char *name,
                             struct jc_error *error) {
  char **names = set->groups[group].names;
  uint32_t i = 0;
  while (i < set->groups[group].count && strcmp(names[i], name) != 0)
    i++;
  if (i < set->groups[group].count)
    return i;
  names = grown(names, i, &set->groups[group].capacity, sizeof(*names), error);
  set->groups[group].names = names;
  if (jc_error_is_set(error))
    return 0;
  names[i] = strdup(name);
  if (names[i] == NULL)
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  else
    set->groups[group].count++;
  return i;
}

static void take_groups(struct jc_run_set *set, struct jc_run_row *row, struct jc_error *error) {
  const struct jc_sample *sample = row->sample;
  const struct jc_run_facts *f = &sample->facts;
  const char *const architecture = jc_sample_model_name(sample);
  const char *const hardware = f->accelerator.name[0] != '\0' ? f->accelerator.name
                               : sample->hardware[0] != '\0'  ? sample->hardware
                                                              : sample->machine.cpu_model;
  char configuration[JC_GROUP_BYTES];
  (void)snprintf(configuration, sizeof(configuration), "%.96s|%.96s|%s|%g|%gx%g|%d|%d|%g",
                 architecture, hardware, f->data.name, row->values[JC_RUN_BATCH_SIZE],
                 f->data.image_height, f->data.image_width, (int)sample->run.optimizer,
                 (int)sample->precision, f->accelerator.power_limit_w);
  const char *const names[] = {
      [JC_GROUP_ARCHITECTURE] = architecture,
      [JC_GROUP_CONFIGURATION] = configuration,
      [JC_GROUP_HARDWARE] = hardware,
      [JC_GROUP_DATASET] = f->data.name,
  };
  for (enum jc_run_group g = 0; g < JC_RUN_GROUP_COUNT; g++)
    row->groups[g] = number_group(set, g, names[g], error);
}

/* Moves SAMPLE to the heap, as ROW's. */
static enum jc_status take_sample(struct jc_sample *sample, struct jc_run_row *row,
                                  struct jc_error *error) {
  row->sample = malloc(sizeof(*row->sample));
  if (row->sample == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  *row->sample = *sample;
  jc_sample_start(sample);
  row->label_count = row->sample->facts.label_count;
  row->labels = row->sample->facts.labels;
  return JC_OK;
}

/* Takes over what SAMPLE holds. */
static void add(struct jc_run_set *set, uint32_t line, struct jc_sample *sample,
                struct jc_error *error) {
  set->rows = grown(set->rows, set->count, &set->capacity, sizeof(*set->rows), error);
  if (jc_error_is_set(error))
    return;
  struct jc_run_row *row = &set->rows[set->count];
  *row = (struct jc_run_row){.line = line, .energy_j = sample->energy_j};
  take_facts(sample, row->values);
  take_epochs(sample, row->values);
  if (take_sample(sample, row, error) != JC_OK)
    return;
  set->count++;
  if (take_counts(set, row, error) == JC_OK && check_energy(row, error) == JC_OK)
    take_groups(set, row, error);
  jc_error_name_file(error, set->path);
}

enum jc_status jc_run_set_read(const char *path, struct jc_run_set *set, struct jc_error *error) {
  struct jc_samples_reader reader;
  struct jc_sample sample;
  bool more = true;
  set->path = strdup(jc_file_shown_name(path));
  if (set->path == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (jc_samples_open(path, &reader, error) != JC_OK)
    return error->status;
  reader.time_optional = true;
  while (jc_samples_next(&reader, &sample, &more, error) == JC_OK && more) {
    if (isnan(sample.energy_j))
      set->skipped++;
    else
      add(set, reader.line, &sample, error);
    jc_sample_free(&sample);
  }
  set->torn = reader.torn;
  jc_samples_close(&reader);
  if (!jc_error_is_set(error) && set->count == 0) {
    (void)jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                  "expected measured runs, found %u lines and none with energy_j", set->skipped);
    jc_error_name_file(error, set->path);
  }
  return jc_error_is_set(error) ? error->status : take_tdps(set, error);
}

void jc_run_set_free(struct jc_run_set *set) {
  for (uint32_t i = 0; i < set->count; i++) {
    jc_sample_free(set->rows[i].sample);
    free(set->rows[i].sample);
  }
  for (enum jc_run_group g = 0; g < JC_RUN_GROUP_COUNT; g++) {
    for (uint32_t i = 0; i < set->groups[g].count; i++)
      free(set->groups[g].names[i]);
    free(set->groups[g].names);
  }
  free(set->rows);
  free(set->path);
  memset(set, 0, sizeof(*set));
}
