/* loops.c -- sums and copies of flat buffers; groups of channels. */
#include "trainer/loops.h"

#include <string.h>

enum { SUM_BLOCK = 2048 }; /* elements: the partial sum stays in the first-level cache */

static void add_block(float *restrict sum, const float *restrict other, size_t count) {
  for (size_t i = 0; i < count; i++)
    sum[i] += other[i];
}

static void first_sum_block(float *restrict sum, const float *restrict a, const float *restrict b,
                            size_t count) {
  for (size_t i = 0; i < count; i++)
    sum[i] = a[i] + b[i];
}

static void sum_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  for (size_t i = begin; i < end; i += SUM_BLOCK) {
    const size_t count = end - i < SUM_BLOCK ? end - i : SUM_BLOCK;
    float *sum = (float *)loop->address[0] + i;
    first_sum_block(sum, (const float *)loop->address[1] + i, (const float *)loop->address[2] + i,
                    count);
    for (uint32_t k = 3; k < loop->count; k++)
      add_block(sum, (const float *)loop->address[k] + i, count);
  }
}

void jc_loop_sum(const struct jc_loop *loop) {
  jc_pool_run(loop->pool, *(const size_t *)loop->settings, JC_LOOP_GRAIN, sum_range, loop);
}

static void copy_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  memcpy((float *)loop->address[0] + begin, (const float *)loop->address[1] + begin,
         (end - begin) * sizeof(float));
}

void jc_loop_copy(const struct jc_loop *loop) {
  jc_pool_run(loop->pool, *(const size_t *)loop->settings, JC_LOOP_GRAIN, copy_range, loop);
}

static void zero_range(const void *context, size_t begin, size_t end) {
  const struct jc_loop *loop = context;
  memset((float *)loop->address[0] + begin, 0, (end - begin) * sizeof(float));
}

void jc_loop_zero(const struct jc_loop *loop) {
  jc_pool_run(loop->pool, *(const size_t *)loop->settings, JC_LOOP_GRAIN, zero_range, loop);
}

size_t jc_image_channels(const struct jc_image *image, size_t group) {
  const size_t rest = image->channels - group % image->blocks * image->block;
  return rest < image->block ? rest : image->block;
}

size_t jc_image_grain(const struct jc_image *image) {
  return JC_LOOP_GRAIN / (image->pixels * image->block) + 1;
}
