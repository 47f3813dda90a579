/* plan.c -- draws sample networks and batch sizes from a seed, within the given limits. */
#include "calibrate/plan.h"

#include <stdlib.h>
#include <string.h>

#include "calibrate/plan_builder.h"
#include "calibrate/plan_families.h"
#include "estimator/estimator.h"
#include "estimator/model_file.h"

enum { TRIES_PER_NETWORK = 200, LARGEST_BATCH = 1024 };
static const double smallest_step_flops = 1e7;

const char *jc_plan_family(size_t index) {
  const struct family *family = family_at(index);
  return family != NULL ? family->name : NULL;
}

static const struct family *choose_family(struct random_stream *random) {
  uint32_t total = 0;
  for (size_t i = 0; family_at(i) != NULL; i++)
    total += family_at(i)->weight;
  uint32_t ticket = random_below(random, total);
  size_t i = 0;
  while (ticket >= family_at(i)->weight)
    ticket -= family_at(i++)->weight;
  return family_at(i);
}

static enum jc_status draw_model(const struct family *family, struct random_stream *random,
                                 const char *id, char **model_json, struct jc_error *error) {
  struct builder b;
  char name[64];
  const double side =
      family->side_min * pow(family->side_max / family->side_min, random_unit(random));
  const uint32_t channels = random_unit(random) < 0.8 ? 3 : 1;
  snprintf(name, sizeof(name), "%s_%s", family->name, id);
  builder_start(&b, random_bits(random), name, channels, (uint32_t)side);
  family->draw(&b);
  jc_put_end(&b.writer); /* layers */
  jc_put_end(&b.writer);
  return jc_put_finish(&b.writer, model_json, NULL, error);
}

/* Counts of a drawn model; a family that writes an invalid one is our own mistake. */
static enum jc_status count(const char *model_json, struct jc_totals *totals,
                            struct jc_error *error) {
  struct jc_model *model = NULL;
  struct jc_analysis analysis;
  void *storage = NULL;
  if (jc_model_parse(model_json, strlen(model_json), "sample network", &model, error) == JC_OK) {
    const struct jc_network *network = jc_model_network(model);
    const size_t bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
    storage = malloc(bytes);
    if (storage == NULL)
      (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    else if (jc_network_analyze(network, storage, bytes, &analysis, error) == JC_OK)
      *totals = analysis.totals;
  }
  free(storage);
  jc_model_free(model);
  return error->status;
}

/* A byte takes about as long as this many FLOPs: layers that only move data bound a step too. */
static const double flops_per_byte = 20;

/* What a sample costs to train, in FLOPs. */
static double sample_cost(const struct jc_totals *totals) {
  return (double)totals->training_flops +
         flops_per_byte * ((double)totals->forward_bytes + (double)totals->backward_bytes);
}

/* A batch that brings the step near a log-uniform number of FLOPs; 0: none fits the limits. */
static uint64_t choose_batch(const struct jc_totals *totals, const struct jc_plan_options *options,
                             struct random_stream *random) {
  const double flops = sample_cost(totals);
  const double target =
      smallest_step_flops * pow(options->flops_max / smallest_step_flops, random_unit(random));
  double batch = fmin(fmax(round(target / flops), 1), LARGEST_BATCH);
  if (batch > 8 && random_unit(random) < 0.7)
    batch = exp2(round(log2(batch))); /* as people choose them */
  if (batch * flops > options->flops_max ||
      (double)jc_training_memory_bytes(totals, (uint64_t)batch, JC_OPTIMIZER_MOMENTUM) >
          options->memory_bytes)
    return 0;
  return (uint64_t)batch;
}

static enum jc_status draw_entry(const struct jc_plan_options *options,
                                 struct random_stream *random, struct jc_plan_entry *entry,
                                 struct jc_error *error) {
  for (int i = 0; i < TRIES_PER_NETWORK; i++) {
    struct jc_totals totals = {0};
    const struct family *family = choose_family(random);
    if (draw_model(family, random, entry->id, &entry->model_json, error) != JC_OK ||
        count(entry->model_json, &totals, error) != JC_OK)
      return error->status;
    entry->family = family->name;
    entry->batch_size = choose_batch(&totals, options, random);
    if (entry->batch_size > 0)
      return JC_OK;
    free(entry->model_json);
    entry->model_json = NULL;
  }
  return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL,
                 "no sample network of at most %.3g FLOPs and %.3g bytes a step was found",
                 options->flops_max, options->memory_bytes);
}

enum jc_status jc_plan_make(const struct jc_plan_options *options, struct jc_plan *plan,
                            struct jc_error *error) {
  memset(plan, 0, sizeof(*plan));
  plan->entries = calloc(options->count, sizeof(*plan->entries));
  if (plan->entries == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  for (uint32_t i = 0; i < options->count; i++) {
    /* Each network has a stream of its own, so that a longer plan begins with the shorter one. */
    struct random_stream seed = {options->seed};
    struct random_stream random = {random_bits(&seed) + i};
    struct jc_plan_entry *entry = &plan->entries[i];
    snprintf(entry->id, sizeof(entry->id), "%.4s%llu-%04u", options->prefix,
             (unsigned long long)options->seed, i);
    plan->count++;
    if (draw_entry(options, &random, entry, error) != JC_OK) {
      jc_plan_free(plan);
      return error->status;
    }
  }
  return JC_OK;
}

void jc_plan_free(struct jc_plan *plan) {
  for (uint32_t i = 0; i < plan->count; i++)
    free(plan->entries[i].model_json);
  free(plan->entries);
  memset(plan, 0, sizeof(*plan));
}
