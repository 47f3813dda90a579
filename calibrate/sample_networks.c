/* sample_networks.c -- reading samples: one network of many looks, analysed, at the usual speed. */
#include "calibrate/sample_networks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/measure.h"
#include "estimator/model_file.h"

struct jc_sample *jc_network_sample(const struct jc_sample_network *network) {
  return &network->looks.samples[network->chosen];
}

static void prepared_free(struct jc_sample_network *p) {
  if (p == NULL)
    return;
  for (uint32_t i = 0; i < p->looks.count; i++)
    jc_sample_free(&p->looks.samples[i]);
  free(p->looks.samples);
  jc_model_free(p->model);
  free(p->storage);
  free(p);
}

void jc_sample_networks_free(struct jc_sample_networks *networks) {
  for (uint32_t i = 0; i < networks->count; i++)
    prepared_free(networks->items[i]);
  free(networks->items);
  jc_forward_free(&networks->forward);
}

static enum jc_status analyze(struct jc_sample_network *p, struct jc_error *error) {
  if (jc_sample_read_model(jc_network_sample(p), &p->model, error) != JC_OK)
    return error->status;
  const struct jc_network *network = jc_model_network(p->model);
  const size_t bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
  p->storage = malloc(bytes);
  if (p->storage == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  if (jc_network_analyze(network, p->storage, bytes, &p->analysis, error) != JC_OK)
    return error->status;
  if (jc_network_sample(p)->layer_count != network->layer_count)
    return jc_fail(error, JC_ERROR_INVALID, 0, "layers",
                   "expected the times of the model's %u layers, got %u", network->layer_count,
                   jc_network_sample(p)->layer_count);
  return JC_OK;
}

bool jc_sample_is_disturbed(const struct jc_sample *s) {
  return !s->forced && /* else every window is, and wanted */ !isnan(s->cpu_time_s) &&
         s->cpu_time_s < JC_UNDISTURBED_SHARE * s->time_s * s->run.threads;
}

/* The format leaves out what is not known; a fit cannot. */
static enum jc_status check_complete(const struct jc_sample *s, struct jc_error *error) {
  const char *missing = NULL;
  if (s->steps == 0)
    missing = "steps";
  else if (!(s->step_median_s > 0))
    missing = "step_time_s.median";
  else if (!(s->energy_j > 0))
    missing = "energy_j";
  else if (isnan(s->idle_power_w))
    missing = "idle_power_w";
  else if (s->layer_count == 0)
    missing = "layers";
  if (missing == NULL)
    return JC_OK;
  return jc_fail(error, JC_ERROR_INVALID, 0, missing, "a fit needs it, and it is not known or 0");
}

const char *jc_sample_difference(const struct jc_sample *a, const struct jc_sample *b) {
  if (strcmp(a->machine.cpu_model, b->machine.cpu_model) != 0 || a->machine.cpus != b->machine.cpus)
    return "another machine";
  if (strcmp(a->runner.name, b->runner.name) != 0 ||
      strcmp(a->runner.version, b->runner.version) != 0)
    return "another runner or version";
  if (strcmp(a->meter.name, b->meter.name) != 0 || strcmp(a->meter.domain, b->meter.domain) != 0)
    return "another meter or domain";
  if (a->precision != b->precision)
    return "another precision";
  if (a->run.threads != b->run.threads)
    return "another thread count";
  return NULL;
}

static enum jc_status check_same(const struct jc_sample_networks *networks,
                                 const struct jc_sample *sample, struct jc_error *error) {
  const struct jc_sample *first =
      networks->count > 0 ? jc_network_sample(networks->items[0]) : sample;
  const char *difference = jc_sample_difference(first, sample);
  if (difference == NULL)
    return JC_OK;
  return jc_fail(error, JC_ERROR_MISMATCH, 0, NULL,
                 "sample '%.31s' is of %s (%.60s, %s, %u threads) than '%.31s' (%.60s, %s, %u "
                 "threads): fit them apart",
                 sample->id, difference, sample->machine.cpu_model, sample->meter.domain,
                 sample->run.threads, first->id, first->machine.cpu_model, first->meter.domain,
                 first->run.threads);
}

/* Of two lines of one network: that of the energy block, else that of the quicker machine, by the
 * probe beside it or, where it is not known, by the step itself, since other work can only slow a
 * step down; the later one of equals, whose idle power is known better. */
static bool is_better(const struct jc_sample *kept, const struct jc_sample *next) {
  const double kept_s = jc_speed_sum_s(&kept->speed), next_s = jc_speed_sum_s(&next->speed);
  if (kept->block != next->block)
    return next->block == JC_BLOCK_ENERGY;
  if (kept_s > 0 && next_s > 0)
    return next_s <= kept_s;
  return next->step_median_s <= kept->step_median_s;
}

/* The same window once more: its idle power became known better, or the file is named twice. */
static bool is_same_window(const struct jc_sample *a, const struct jc_sample *b) {
  return a->block == b->block && a->time_s == b->time_s && a->step_median_s == b->step_median_s;
}

/* Takes over the sample's contents. */
static enum jc_status add_look(struct jc_sample_network *p, struct jc_sample *sample,
                               struct jc_error *error) {
  struct jc_looks *looks = &p->looks;
  for (uint32_t i = 0; i < looks->count; i++) {
    if (is_same_window(&looks->samples[i], sample)) {
      jc_sample_free(&looks->samples[i]);
      looks->samples[i] = *sample;
      return JC_OK;
    }
  }
  struct jc_sample *grown = realloc(looks->samples, (looks->count + 1) * sizeof(*grown));
  if (grown == NULL) {
    jc_sample_free(sample);
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  }
  looks->samples = grown;
  grown[looks->count] = *sample;
  if (looks->count > 0 && is_better(jc_network_sample(p), sample))
    p->chosen = looks->count;
  looks->count++;
  return JC_OK;
}

/* A network that was measured again is one network, or leaving it out would leave nothing out. */
static struct jc_sample_network *find_network(const struct jc_sample_networks *networks,
                                              const struct jc_sample *sample) {
  for (uint32_t i = 0; i < networks->count && sample->id[0] != '\0'; i++) {
    const struct jc_sample *known = jc_network_sample(networks->items[i]);
    if (strcmp(known->id, sample->id) == 0 && known->layer_count == sample->layer_count)
      return networks->items[i];
  }
  return NULL;
}

static enum jc_status append(struct jc_sample_networks *networks, struct jc_sample_network *p,
                             struct jc_error *error) {
  if (networks->count == networks->capacity) {
    const uint32_t capacity = networks->capacity > 0 ? 2 * networks->capacity : 128;
    struct jc_sample_network **items =
        realloc(networks->items, capacity * sizeof(struct jc_sample_network *));
    if (items == NULL)
      return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    networks->items = items;
    networks->capacity = capacity;
  }
  networks->items[networks->count++] = p;
  return JC_OK;
}

/* Takes over the sample's contents: a forward pass, as all samples before it. */
static enum jc_status add_forward(struct jc_sample_networks *networks, struct jc_sample *sample,
                                  struct jc_fit_report *report, struct jc_error *error) {
  report->samples++;
  (void)jc_forward_add(&networks->forward, sample, error);
  jc_sample_free(sample);
  return error->status;
}

/* Takes over the sample's contents. */
static enum jc_status add_network(struct jc_sample_networks *networks, struct jc_sample *sample,
                                  struct jc_error *error) {
  struct jc_sample_network *p = calloc(1, sizeof(*p));
  if (p == NULL) {
    jc_sample_free(sample);
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  }
  if (add_look(p, sample, error) != JC_OK || analyze(p, error) != JC_OK ||
      append(networks, p, error) != JC_OK)
    prepared_free(p);
  return error->status;
}

/* Takes over the sample's contents. */
static enum jc_status add_sample(struct jc_sample_networks *networks, struct jc_sample *sample,
                                 struct jc_fit_report *report, struct jc_error *error) {
  const bool forward = sample->run.phase == JC_RUN_FORWARD;
  if (forward ? networks->count > 0 : networks->forward.count > 0) {
    jc_sample_free(sample);
    return jc_fail(error, JC_ERROR_MISMATCH, 0, "run.phase",
                   "expected \"%s\", as in the samples before, got \"%s\": fit them apart",
                   forward ? "training" : "forward", forward ? "forward" : "training");
  }
  if (forward)
    return add_forward(networks, sample, report, error);
  report->samples++;
  report->disturbed += jc_sample_is_disturbed(sample) ? 1 : 0;
  if (check_same(networks, sample, error) != JC_OK || jc_sample_is_disturbed(sample) ||
      check_complete(sample, error) != JC_OK) {
    jc_sample_free(sample);
    return error->status;
  }
  struct jc_sample_network *known = find_network(networks, sample);
  return known != NULL ? add_look(known, sample, error) : add_network(networks, sample, error);
}

enum jc_status jc_sample_networks_read(struct jc_sample_networks *networks, const char *path,
                                       struct jc_fit_report *report, struct jc_error *error) {
  struct jc_samples_reader reader;
  struct jc_sample sample;
  bool more = false;
  if (jc_samples_open(path, &reader, error) != JC_OK)
    return error->status;
  while (jc_samples_next(&reader, &sample, &more, error) == JC_OK && more) {
    if (add_sample(networks, &sample, report, error) != JC_OK) {
      jc_error_name_file(error, path);
      error->line = error->line > 0 ? error->line : reader.line;
      break;
    }
  }
  report->torn_line |= reader.torn;
  jc_samples_close(&reader);
  return error->status;
}

enum jc_status jc_sample_networks_remove_drift(struct jc_sample_networks *networks,
                                               struct jc_drift *drift, struct jc_error *error) {
  struct jc_looks *looks = malloc(networks->count * sizeof(*looks));
  if (looks == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (uint32_t i = 0; i < networks->count; i++)
    looks[i] = networks->items[i]->looks;
  if (jc_drift_find(looks, networks->count, drift, error) == JC_OK) {
    for (uint32_t i = 0; i < networks->count; i++)
      jc_drift_remove(drift, &looks[i], networks->items[i]->chosen);
  }
  free(looks);
  return error->status;
}
