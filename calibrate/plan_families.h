/* plan_families.h -- the table of families of sample networks. Internal to the plan. */
#ifndef JC_CALIBRATE_PLAN_FAMILIES_H
#define JC_CALIBRATE_PLAN_FAMILIES_H

#include <stddef.h>
#include <stdint.h>

struct builder;

struct family {
  const char *name;
  void (*draw)(struct builder *builder); /* writes the layers, input to logits */
  double side_min, side_max;             /* of the square input image */
  uint32_t weight;                       /* relative frequency */
  uint32_t batch_min;                    /* of a step, >= 1 */
  double colour;                         /* share of members that read 3 channels; others read 1 */
};

/* NULL beyond the last. */
const struct family *family_at(size_t index);

#endif
