/* random.h -- the plan's and the bootstrap's random numbers: splitmix64 (Steele, Lea, Flood: Fast
 * splittable pseudorandom number generators, OOPSLA 2014). The same on every machine. */
#ifndef JC_CALIBRATE_RANDOM_H
#define JC_CALIBRATE_RANDOM_H

#include <stdint.h>

struct random_stream {
  uint64_t state;
};

static inline uint64_t random_bits(struct random_stream *stream) {
  uint64_t z = (stream->state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* In [0, 1). */
static inline double random_unit(struct random_stream *stream) {
  return (double)(random_bits(stream) >> 11) * 0x1p-53;
}

/* A whole number in [0, n), n >= 1. */
static inline uint32_t random_below(struct random_stream *stream, uint32_t n) {
  return (uint32_t)(random_unit(stream) * n);
}

#endif
