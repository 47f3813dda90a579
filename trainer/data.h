/* data.h -- seeded synthetic data that can be learnt, and initial parameters, by a portable rule.
 *
 * A stream of random numbers has a name. Its 64-bit state starts as SEED xor fnv1a64(name); every
 * draw adds 0x9E3779B97F4A7C15 and mixes (splitmix64) to z; u = (z >> 40) / 2^24 is in [0, 1).
 * Element i of a tensor, row-major in PyTorch's order, takes draw i (from 0). Values are computed
 * in double and rounded to float once.
 *
 *   "LAYER.weight"  (2u - 1) * sqrt(6 / fan_in)   fan_in = in_channels/groups * kh * kw, or
 *   "LAYER.bias"    (2u - 1) / sqrt(fan_in)       in_features; normalisations have 1 and 0 instead,
 *                                                 kind parameter 1
 *   "labels.STEP"   label of sample n: floor(u * classes), u = draw n
 *   "data.STEP"     noise 2u - 1, over the whole batch
 *   "pattern.LABEL" pattern 2u - 1, over one sample; image = noise + its label's pattern
 *
 * tests/golden/make_golden_losses.py follows the same rule in PyTorch.
 */
#ifndef JC_TRAINER_DATA_H
#define JC_TRAINER_DATA_H

#include <stddef.h>
#include <stdint.h>

/* State before the first draw of the stream NAME. */
uint64_t jc_stream(uint64_t seed, const char *name);
/* Draw INDEX (from 0) of STREAM: 64 random bits, or u in [0, 1). */
uint64_t jc_draw_bits(uint64_t stream, uint64_t index);
double jc_draw(uint64_t stream, uint64_t index);

enum jc_init {
  JC_INIT_WEIGHT, /* (2u - 1) * sqrt(6 / fan_in) */
  JC_INIT_BIAS,   /* (2u - 1) / sqrt(fan_in) */
  JC_INIT_ONE,
  JC_INIT_ZERO
};

/* Writes elements [BEGIN, END) of VALUES. */
void jc_init_fill(enum jc_init init, uint64_t stream, uint64_t fan_in, float *values, size_t begin,
                  size_t end);

struct jc_synthetic {
  uint64_t seed;
  uint32_t batch_size;
  uint32_t classes;
  uint64_t sample_elements; /* of one image */
};

/* Writes batch number STEP (from 0): IMAGES [batch_size, sample_elements], LABELS [batch_size]. */
void jc_synthetic_batch(const struct jc_synthetic *data, uint64_t step, float *images,
                        int32_t *labels);

#endif
