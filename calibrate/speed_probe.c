/* speed_probe.c -- two pieces of work that never change, timed. */
#include "calibrate/speed_probe.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "calibrate/clock.h"
#include "trainer/parallel.h"

/* Twelve vector registers of four floats: enough independent chains that the units are always busy,
 * and none goes to memory. */
enum { CHAINS = 48, ROUNDS = 20000, SUMS = 16 };
/* Of memory: several times the second-level cache of today's cores, a part of the last-level one.
 */
static const size_t least_bytes = 16 << 20, least_thread_bytes = 4 << 20;
/* Range of jc_pool_run() that a thread gets: so that each gets one. */
enum { SHARE = 64 };

struct jc_speed_probe {
  struct jc_pool pool;
  size_t thread_words; /* that each thread reads */
  size_t mapped_bytes;
  uint64_t *words; /* [threads x thread_words] */
};

/* Where results go, so that no compiler leaves the work out. */
static volatile float float_sink;
static volatile uint64_t word_sink;

static enum jc_status map_words(struct jc_speed_probe *probe, struct jc_error *error) {
  const size_t threads = probe->pool.threads;
  const size_t share = least_bytes / threads;
  const size_t bytes = share > least_thread_bytes ? share : least_thread_bytes;
  probe->thread_words = bytes / (SUMS * sizeof(uint64_t)) * SUMS;
  probe->mapped_bytes = threads * probe->thread_words * sizeof(uint64_t);
  void *memory =
      mmap(NULL, probe->mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for the speed probe");
  /* As the trainer's memory: pages of 4 KiB would time the page tables. */
  (void)madvise(memory, probe->mapped_bytes, MADV_HUGEPAGE);
  probe->words = memory;
  for (size_t i = 0; i < threads * probe->thread_words; i++)
    probe->words[i] = i;
  return JC_OK;
}

enum jc_status jc_speed_probe_open(uint32_t threads, struct jc_speed_probe **probe,
                                   struct jc_error *error) {
  struct jc_error without_pool = {0};
  *probe = calloc(1, sizeof(**probe));
  if (*probe == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for the speed probe");
  if (threads == 1 || jc_pool_open(&(*probe)->pool, threads, &without_pool) != JC_OK)
    (*probe)->pool.threads = 1;
  return map_words(*probe, error);
}

void jc_speed_probe_close(struct jc_speed_probe *probe) {
  if (probe == NULL)
    return;
  if (probe->words != NULL)
    (void)munmap(probe->words, probe->mapped_bytes);
  free(probe);
}

static void compute(const void *context, size_t begin, size_t end) {
  float chain[CHAINS];
  (void)context, (void)begin, (void)end;
  for (int i = 0; i < CHAINS; i++)
    chain[i] = 1 + (float)i;
  for (int round = 0; round < ROUNDS; round++)
    for (int i = 0; i < CHAINS; i++)
      chain[i] = chain[i] * 0.999F + 0.001F;
  for (int i = 0; i < CHAINS; i++)
    float_sink = chain[i];
}

static void read_memory(const void *context, size_t begin, size_t end) {
  const struct jc_speed_probe *probe = context;
  const uint64_t *words = probe->words + begin / SHARE * probe->thread_words;
  uint64_t sums[SUMS] = {0};
  (void)end;
  for (size_t i = 0; i < probe->thread_words; i += SUMS)
    for (size_t k = 0; k < SUMS; k++)
      sums[k] += words[i + k];
  for (size_t k = 0; k < SUMS; k++)
    word_sink = sums[k];
}

static void on_all_threads(const struct jc_speed_probe *probe,
                           void (*body)(const void *context, size_t begin, size_t end)) {
  jc_pool_run(&probe->pool, (size_t)probe->pool.threads * SHARE, SHARE, body, probe);
}

struct jc_speed jc_speed_probe_take(const struct jc_speed_probe *probe) {
  const double start_s = now_s();
  on_all_threads(probe, compute);
  const double computed_s = now_s();
  on_all_threads(probe, read_memory);
  return (struct jc_speed){computed_s - start_s, now_s() - computed_s};
}
