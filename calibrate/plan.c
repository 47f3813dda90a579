/* plan.c -- draws sample networks and batch sizes from a seed, within the given limits. */
#include "calibrate/plan.h"

#include <stdlib.h>
#include <string.h>

#include "calibrate/plan_builder.h"
#include "calibrate/plan_families.h"
#include "estimator/estimator.h"
#include "estimator/model_file.h"

enum { TRIES_PER_NETWORK = 400, TRIES_OF_A_FAMILY = 25, LARGEST_BATCH = 1024 };
static const double smallest_step_flops = 1e7;

const char *jc_plan_family(size_t index) {
  const struct family *family = family_at(index);
  return family != NULL ? family->name : NULL;
}

/* Where in [0, 2^32) the network of a turn lies, in its family and in its size: the R2 sequence
 * (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences"), powers of 1
 * / 1.3247... modulo 1. However many networks there are, they spread evenly over families and
 * sizes, so that any beginning of a plan has of each family what its weight says, give or take one
 * or two, and small and large ones of it. */
enum axis { AXIS_FAMILY, AXIS_SIZE };

static uint32_t place_of_turn(enum axis axis, uint32_t start, uint32_t turn) {
  static const uint32_t steps[] = {0xc13fa9a9u, 0x91e10da5u};
  return start + turn * steps[axis];
}

static const struct family *family_of_turn(uint32_t start, uint32_t turn) {
  uint32_t total = 0;
  for (size_t i = 0; family_at(i) != NULL; i++)
    total += family_at(i)->weight;
  uint32_t ticket = (uint32_t)((uint64_t)place_of_turn(AXIS_FAMILY, start, turn) * total >> 32);
  size_t i = 0;
  while (ticket >= family_at(i)->weight)
    ticket -= family_at(i++)->weight;
  return family_at(i);
}

/* How many of FAMILY come before TURN. */
static uint32_t members_before(const struct family *family, uint32_t start, uint32_t turn) {
  uint32_t members = 0;
  for (uint32_t i = 0; i < turn; i++)
    members += family_of_turn(start, i) == family;
  return members;
}

static enum jc_status draw_model(const struct family *family, uint32_t member,
                                 struct random_stream *random, const char *id, char **model_json,
                                 struct jc_error *error) {
  struct builder b;
  char name[64];
  const double side =
      family->side_min * pow(family->side_max / family->side_min, random_unit(random));
  const uint32_t channels = random_unit(random) < family->colour ? 3 : 1;
  snprintf(name, sizeof(name), "%s_%s", family->name, id);
  builder_start(&b, random_bits(random), name, member, channels, (uint32_t)side);
  family->draw(&b);
  jc_put_end(&b.writer); /* layers */
  jc_put_end(&b.writer);
  return jc_put_finish(&b.writer, model_json, NULL, error);
}

/* A batch that every normalisation can be trained with, which wants two values per channel. */
static uint32_t least_batch(const struct jc_analysis *analysis) {
  const struct jc_network *network = analysis->network;
  for (uint32_t i = 0; i < network->layer_count; i++) {
    const struct jc_shape *shape = jc_tensor_shape(analysis, network->input_count + i);
    if (network->layers[i].kind == JC_LAYER_batchnorm2d &&
        jc_shape_elements(shape) == shape->dim[0])
      return 2;
  }
  return 1;
}

/* Counts of a drawn model; a family that writes an invalid one is our own mistake. BATCH_MIN is
 * raised where the model needs more. */
static enum jc_status count(const char *model_json, struct jc_totals *totals, uint32_t *batch_min,
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
    else if (jc_network_analyze(network, storage, bytes, &analysis, error) == JC_OK) {
      const uint32_t least = least_batch(&analysis);
      *totals = analysis.totals;
      *batch_min = least > *batch_min ? least : *batch_min;
    }
  }
  free(storage);
  jc_model_free(model);
  return error->status;
}

/* A byte takes about as long as this many FLOPs: layers that only move data bound a step too. */
static const double flops_per_byte = 20;

/* Reads and writes of a weight in a step: forward, both backwards, and five in the update. */
static const double weight_passes = 8;

/* What a sample costs to train, in FLOPs. */
static double sample_cost(const struct jc_totals *totals) {
  return (double)totals->training_flops +
         flops_per_byte * ((double)totals->forward_bytes + (double)totals->backward_bytes);
}

/* And a step, whatever its batch. */
static double fixed_cost(const struct jc_totals *totals) {
  return flops_per_byte * weight_passes * (double)totals->weight_bytes;
}

/* A batch that brings the step near SIZE in [0, 1], on a logarithmic scale of what the limits
 * permit; 0: none fits them. */
static uint64_t choose_batch(const struct jc_totals *totals, uint32_t batch_min, double size,
                             const struct jc_plan_options *options, struct random_stream *random) {
  const double flops = sample_cost(totals);
  const double target = smallest_step_flops * pow(options->flops_max / smallest_step_flops, size);
  double batch = fmin(fmax(round(target / flops), batch_min), LARGEST_BATCH);
  if (batch > 8 && random_unit(random) < 0.7)
    batch = exp2(round(log2(batch))); /* as people choose them */
  if (batch * flops + fixed_cost(totals) > options->flops_max ||
      (double)jc_training_memory_bytes(totals, (uint64_t)batch, JC_OPTIMIZER_MOMENTUM) >
          options->memory_bytes)
    return 0;
  return (uint64_t)batch;
}

/* A network of the family whose turn it is; where none of it fits the limits, of the next ones'. */
static enum jc_status draw_entry(const struct jc_plan_options *options, uint32_t start,
                                 uint32_t index, struct random_stream *random,
                                 struct jc_plan_entry *entry, struct jc_error *error) {
  const double size = place_of_turn(AXIS_SIZE, start, index) * 0x1p-32;
  for (uint32_t i = 0; i < TRIES_PER_NETWORK; i++) {
    struct jc_totals totals = {0};
    const struct family *family = family_of_turn(start, index + i / TRIES_OF_A_FAMILY);
    uint32_t batch_min = family->batch_min;
    if (draw_model(family, members_before(family, start, index), random, entry->id,
                   &entry->model_json, error) != JC_OK ||
        count(entry->model_json, &totals, &batch_min, error) != JC_OK)
      return error->status;
    entry->family = family->name;
    entry->batch_size = choose_batch(&totals, batch_min, size, options, random);
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
    const uint32_t start = (uint32_t)random_bits(&seed);
    struct jc_plan_entry *entry = &plan->entries[i];
    snprintf(entry->id, sizeof(entry->id), "%.4s%llu-%04u", options->prefix,
             (unsigned long long)options->seed, i);
    plan->count++;
    if (draw_entry(options, start, i, &random, entry, error) != JC_OK) {
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
