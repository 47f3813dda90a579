/* test_trainer_allocation.c -- a step allocates nothing, oneDNN's small lists apart.
 *
 * malloc and its kin are replaced by counting ones. Calls from this program (our libraries are
 * static) are told from those of shared libraries by the caller's address. oneDNN 2.x makes a hash
 * map of the arguments of every primitive it runs: those must be small and all freed again.
 */
#include "tests/trainer_fixture.h"

#if defined(__SANITIZE_ADDRESS__)
#define REPLACES_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REPLACES_MALLOC 0
#endif
#endif
#if !defined(REPLACES_MALLOC) && defined(__GLIBC__)
#define REPLACES_MALLOC 1
#endif

#if REPLACES_MALLOC

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>

/* The linker's names for the program's own code. */
extern const char __executable_start, etext;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

static atomic_bool counting;
static atomic_size_t own_calls, library_calls, largest_bytes;
static atomic_llong balance_bytes;

/* Calls in this file must be calls too, for the caller's address. */
#define REPLACEMENT __attribute__((noinline))

static void count(const void *caller, size_t bytes, void *memory) {
  if (!atomic_load(&counting))
    return;
  const uintptr_t at = (uintptr_t)caller;
  if (at >= (uintptr_t)&__executable_start && at < (uintptr_t)&etext)
    atomic_fetch_add(&own_calls, 1);
  else
    atomic_fetch_add(&library_calls, 1);
  if (bytes > atomic_load(&largest_bytes))
    atomic_store(&largest_bytes, bytes);
  if (memory != NULL)
    atomic_fetch_add(&balance_bytes, (long long)malloc_usable_size(memory));
}

REPLACEMENT void *malloc(size_t bytes) {
  void *memory = __libc_malloc(bytes);
  count(__builtin_return_address(0), bytes, memory);
  return memory;
}

REPLACEMENT void *calloc(size_t number, size_t bytes) {
  void *memory = __libc_calloc(number, bytes);
  count(__builtin_return_address(0), number * bytes, memory);
  return memory;
}

REPLACEMENT void *aligned_alloc(size_t alignment, size_t bytes) {
  void *memory = __libc_memalign(alignment, bytes);
  count(__builtin_return_address(0), bytes, memory);
  return memory;
}

REPLACEMENT int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  *memory = __libc_memalign(alignment, bytes);
  count(__builtin_return_address(0), bytes, *memory);
  return *memory == NULL ? ENOMEM : 0;
}

REPLACEMENT void *realloc(void *old, size_t bytes) {
  if (old != NULL && atomic_load(&counting))
    atomic_fetch_sub(&balance_bytes, (long long)malloc_usable_size(old));
  void *memory = __libc_realloc(old, bytes);
  count(__builtin_return_address(0), bytes, memory);
  return memory;
}

REPLACEMENT void free(void *memory) {
  if (memory != NULL && atomic_load(&counting))
    atomic_fetch_sub(&balance_bytes, (long long)malloc_usable_size(memory));
  __libc_free(memory);
}

static void check_steps(uint32_t threads) {
  struct fixture f;
  struct jc_step step;
  struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
  options.batch_size = 4;
  options.threads = threads;
  fixture_parse(
      &f, "[3, 12, 12]",
      "{\"name\": \"a\", \"type\": \"conv2d\", \"out_channels\": 17, \"kernel_size\": 3},"
      "{\"name\": \"n\", \"type\": \"batchnorm2d\"}, {\"name\": \"r\", \"type\": \"relu\"},"
      "{\"name\": \"b\", \"type\": \"conv2d\", \"out_channels\": 17, \"kernel_size\": 3,"
      " \"padding\": 1, \"groups\": \"in_channels\"},"
      "{\"name\": \"s\", \"type\": \"add\", \"inputs\": [\"b\", \"r\"]},"
      "{\"name\": \"k\", \"type\": \"concat\", \"inputs\": [\"s\", \"a\"]},"
      "{\"name\": \"m\", \"type\": \"maxpool2d\", \"kernel_size\": 2},"
      "{\"name\": \"h\", \"type\": \"hardsigmoid\"},"
      "{\"name\": \"e\", \"type\": \"mean\", \"dim\": [2, 3], \"keepdim\": true},"
      "{\"name\": \"u\", \"type\": \"mul\", \"inputs\": [\"e\", \"h\"]},"
      "{\"name\": \"y\", \"type\": \"stochastic_depth\", \"p\": 0.2},"
      "{\"name\": \"z\", \"type\": \"channel_shuffle\", \"groups\": 2},"
      "{\"name\": \"w\", \"type\": \"chunk\", \"chunks\": 2, \"index\": 1},"
      "{\"name\": \"p\", \"type\": \"pad\", \"padding\": [1, 1]},"
      "{\"name\": \"g\", \"type\": \"adaptive_avgpool2d\", \"output_size\": 3},"
      "{\"name\": \"x\", \"type\": \"softmax\"}, {\"name\": \"f\", \"type\": \"flatten\"},"
      "{\"name\": \"d\", \"type\": \"dropout\"},"
      "{\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 10}");
  fixture_train(&f, &options);
  (void)fixture_step(&f); /* OpenMP makes its threads here */
  atomic_store(&counting, true);
  for (int k = 0; k < 3; k++)
    (void)jc_trainer_step(f.trainer, &step, &f.error);
  (void)jc_trainer_validate(f.trainer, &step, &f.error);
  atomic_store(&counting, false);
  cr_assert(f.error.status == JC_OK, "%s", fixture_error(&f));
  cr_assert(atomic_load(&own_calls) == 0, "%zu allocations of our own", atomic_load(&own_calls));
  cr_assert(atomic_load(&largest_bytes) <= 4096, "oneDNN allocated %zu bytes",
            atomic_load(&largest_bytes));
  cr_assert(atomic_load(&balance_bytes) == 0, "%lld bytes were not freed",
            (long long)atomic_load(&balance_bytes));
  fixture_close(&f);
}

Test(trainer_allocation, a_step_allocates_nothing) {
  REQUIRE_TRAINER();
  check_steps(1);
}

Test(trainer_allocation, nor_on_two_threads) {
  REQUIRE_TRAINER();
  check_steps(2);
}

Test(trainer_allocation, the_counters_see_this_program) {
  atomic_store(&counting, true);
  void *volatile memory = malloc(100);
  atomic_store(&counting, false);
  const size_t calls = atomic_load(&own_calls);
  const long long balance = atomic_load(&balance_bytes);
  cr_assert(calls == 1 && balance >= 100, "%zu calls, %lld bytes", calls, balance);
  free(memory);
}

#else

Test(trainer_allocation, a_step_allocates_nothing) {
  cr_skip_test("needs glibc's malloc");
}

#endif
