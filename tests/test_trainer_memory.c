/* test_trainer_memory.c -- buffers alive at once never overlap, others share, kept ones stay. */
#include "tests/trainer_fixture.h"
#include "trainer/memory.h"

static bool alive_together(const struct jc_buffer *a, const struct jc_buffer *b) {
  return a->kept || b->kept || (a->first <= b->last && b->first <= a->last);
}

static bool share_addresses(const struct jc_buffer *a, const struct jc_buffer *b) {
  return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* Most bytes alive at one time: no plan can need less. */
static size_t lower_bound(const struct jc_memory *memory, uint32_t times) {
  size_t most = 0;
  for (uint32_t time = 0; time < times; time++) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < memory->count; i++) {
      const struct jc_buffer *b = &memory->buffers[i];
      if (b->alias == i && (b->kept || (b->first <= time && time <= b->last)))
        bytes += b->bytes;
    }
    most = bytes > most ? bytes : most;
  }
  return most;
}

Test(trainer_memory, random_lifetimes) {
  enum { BUFFERS = 400, TIMES = 100 };
  struct jc_error error = {0};
  for (uint64_t seed = 0; seed < 5; seed++) {
    struct jc_memory memory = {0};
    for (uint64_t i = 0; i < BUFFERS; i++) {
      const size_t bytes = 1 + jc_draw_bits(seed, 4 * i) % 100000;
      const uint32_t buffer = jc_memory_add(&memory, bytes, &error);
      const uint32_t first = (uint32_t)(jc_draw_bits(seed, 4 * i + 1) % TIMES);
      const uint32_t length = (uint32_t)(jc_draw_bits(seed, 4 * i + 2) % 20);
      jc_memory_use(&memory, buffer, first);
      jc_memory_use(&memory, buffer, first + length < TIMES ? first + length : TIMES - 1);
      if (jc_draw_bits(seed, 4 * i + 3) % 10 == 0)
        jc_memory_keep(&memory, buffer);
    }
    cr_assert(jc_memory_place(&memory, &error) == JC_OK, "%s", error.text);
    for (uint32_t i = 0; i < BUFFERS; i++)
      for (uint32_t k = 0; k < i; k++)
        cr_assert(!alive_together(&memory.buffers[i], &memory.buffers[k]) ||
                      !share_addresses(&memory.buffers[i], &memory.buffers[k]),
                  "buffers %u and %u overlap", k, i);
    const size_t least = lower_bound(&memory, TIMES);
    cr_assert(memory.arena_bytes <= least + least / 4, "%zu bytes for %zu", memory.arena_bytes,
              least);
    jc_memory_free(&memory);
  }
}

Test(trainer_memory, aliases_live_as_long_as_all_their_names) {
  struct jc_memory memory = {0};
  struct jc_error error = {0};
  const uint32_t a = jc_memory_add(&memory, 1000, &error);
  const uint32_t name = jc_memory_add(&memory, 0, &error);
  const uint32_t second = jc_memory_add(&memory, 0, &error);
  const uint32_t b = jc_memory_add(&memory, 1000, &error);
  const uint32_t unused = jc_memory_add(&memory, 1000, &error);
  jc_memory_use(&memory, a, 1);
  jc_memory_alias(&memory, name, a);
  jc_memory_alias(&memory, second, name);
  jc_memory_use(&memory, second, 9);
  jc_memory_use(&memory, b, 5);
  cr_assert(jc_memory_place(&memory, &error) == JC_OK, "%s", error.text);
  unsigned char *start = jc_memory_address(&memory, a), *other = jc_memory_address(&memory, b);
  cr_assert(start != NULL && jc_memory_address(&memory, second) == start);
  cr_assert(other >= start + 1000 || start >= other + 1000);
  cr_assert((uintptr_t)start % 64 == 0 && (uintptr_t)other % 64 == 0);
  cr_assert(jc_memory_address(&memory, unused) == NULL);
  jc_memory_free(&memory);
}

Test(trainer_memory, more_than_the_machine_has_is_refused) {
  struct jc_memory memory = {0};
  struct jc_error error = {0};
  jc_memory_keep(&memory, jc_memory_add(&memory, SIZE_MAX / 4, &error));
  cr_assert(jc_memory_place(&memory, &error) == JC_ERROR_STORAGE);
  cr_assert(strstr(error.text, "smaller batch") != NULL);
  jc_memory_free(&memory);
}
