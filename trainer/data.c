/* data.c -- named streams of random numbers, and what is made of them. */
#include "trainer/data.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

uint64_t jc_stream(uint64_t seed, const char *name) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *name != '\0'; name++)
    hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
  return seed ^ hash;
}

uint64_t jc_draw_bits(uint64_t stream, uint64_t index) {
  uint64_t z = stream + (index + 1) * UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

double jc_draw(uint64_t stream, uint64_t index) {
  return (double)(jc_draw_bits(stream, index) >> 40) * 0x1p-24;
}

static double signed_draw(uint64_t stream, uint64_t index) {
  return 2 * jc_draw(stream, index) - 1;
}

void jc_init_fill(enum jc_init init, uint64_t stream, uint64_t fan_in, float *values, size_t begin,
                  size_t end) {
  const double weight_scale = sqrt(6 / (double)fan_in), bias_divisor = sqrt((double)fan_in);
  for (size_t i = begin; i < end; i++) {
    switch (init) {
    case JC_INIT_WEIGHT:
      values[i] = (float)(signed_draw(stream, i) * weight_scale);
      break;
    case JC_INIT_BIAS:
      values[i] = (float)(signed_draw(stream, i) / bias_divisor);
      break;
    case JC_INIT_ONE:
      values[i] = 1;
      break;
    case JC_INIT_ZERO:
      values[i] = 0;
      break;
    }
  }
}

static uint64_t numbered_stream(uint64_t seed, const char *name, uint64_t number) {
  char full[48];
  (void)snprintf(full, sizeof(full), "%s.%" PRIu64, name, number);
  return jc_stream(seed, full);
}

void jc_synthetic_batch(const struct jc_synthetic *data, uint64_t step, float *images,
                        int32_t *labels) {
  const uint64_t label_stream = numbered_stream(data->seed, "labels", step);
  const uint64_t noise = numbered_stream(data->seed, "data", step);
  for (uint32_t n = 0; n < data->batch_size; n++) {
    labels[n] = (int32_t)floor(jc_draw(label_stream, n) * data->classes);
    const uint64_t pattern = numbered_stream(data->seed, "pattern", (uint64_t)labels[n]);
    const uint64_t first = n * data->sample_elements;
    for (uint64_t i = 0; i < data->sample_elements; i++)
      images[first + i] = (float)(signed_draw(noise, first + i) + signed_draw(pattern, i));
  }
}
