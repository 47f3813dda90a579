/* plan.h -- which sample networks a calibration trains: random members of the families in
 * plan_families.c, drawn from a seed. Families and sizes are spread evenly whatever the seed, so
 * that every kind of layer that the trainer trains is in a calibration. The networks of the
 * accuracy benchmark (models/) are never among them. */
#ifndef JC_CALIBRATE_PLAN_H
#define JC_CALIBRATE_PLAN_H

#include "estimator/error.h"

struct jc_plan_entry {
  char id[32]; /* "q1-0017": prefix, seed, position; the key by which a calibration resumes */
  const char *family; /* static: "residual", "mobile", ... */
  char *model_json;   /* one line, owned by the plan */
  uint64_t batch_size;
};

struct jc_plan {
  uint32_t count;
  struct jc_plan_entry *entries;
};

struct jc_plan_options {
  const char *prefix; /* of the ids: plans of other limits must not be taken for each other */
  uint64_t seed;
  uint32_t count;      /* sample networks */
  double flops_max;    /* largest training step, FLOPs, a moved byte counted as 20 */
  double memory_bytes; /* largest training step, bytes */
};

/* The same options give the same plan on every machine. The caller frees it.
 * Fails with JC_ERROR_STORAGE. */
enum jc_status jc_plan_make(const struct jc_plan_options *options, struct jc_plan *plan,
                            struct jc_error *error);
void jc_plan_free(struct jc_plan *plan);

/* Families by index; NULL beyond the last. */
const char *jc_plan_family(size_t index);

#endif
