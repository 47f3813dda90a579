/* parallel.c -- finding OpenMP's pool at run time and splitting loops over it. */
#include "trainer/parallel.h"

#include <dlfcn.h>
#include <string.h>

enum { MAX_ALIGNMENT = 64 }; /* elements: ranges of floats or bytes share no cache line */

static void *find(const char *name, struct jc_error *error) {
  void *symbol = dlsym(RTLD_DEFAULT, name);
  if (symbol == NULL)
    (void)jc_fail(error, JC_ERROR_UNAVAILABLE, 0, NULL,
                  "oneDNN does not run on OpenMP here (no '%s'), so threads cannot be set", name);
  return symbol;
}

enum jc_status jc_pool_open(struct jc_pool *pool, uint32_t threads, struct jc_error *error) {
  void *set_threads = find("omp_set_num_threads", error);
  void *thread = find("omp_get_thread_num", error);
  void *thread_count = find("omp_get_num_threads", error);
  void *parallel = find("GOMP_parallel", error);
  if (jc_error_is_set(error))
    return error->status;
  /* ISO C has no cast from an object to a function pointer; POSIX gives both one size. */
  memcpy(&pool->set_threads, &set_threads, sizeof(set_threads));
  memcpy(&pool->thread, &thread, sizeof(thread));
  memcpy(&pool->thread_count, &thread_count, sizeof(thread_count));
  memcpy(&pool->parallel, &parallel, sizeof(parallel));
  pool->threads = threads;
  jc_pool_enter(pool);
  return JC_OK;
}

void jc_pool_enter(const struct jc_pool *pool) {
  pool->set_threads((int)pool->threads);
}

struct work {
  const struct jc_pool *pool;
  size_t count, alignment;
  void (*body)(const void *context, size_t begin, size_t end);
  const void *context;
};

static void run_share(void *argument) {
  const struct work *work = argument;
  const size_t threads = (size_t)work->pool->thread_count();
  const size_t share = (work->count + threads - 1) / threads;
  const size_t range = (share + work->alignment - 1) / work->alignment * work->alignment;
  const size_t begin = (size_t)work->pool->thread() * range;
  const size_t end = begin + range < work->count ? begin + range : work->count;
  if (begin < end)
    work->body(work->context, begin, end);
}

void jc_pool_run(const struct jc_pool *pool, size_t count, size_t grain,
                 void (*body)(const void *context, size_t begin, size_t end), const void *context) {
  if (pool->threads == 1 || count < 2 * grain) {
    body(context, 0, count);
    return;
  }
  struct work work = {pool, count, grain < MAX_ALIGNMENT ? grain : MAX_ALIGNMENT, body, context};
  pool->parallel(run_share, &work, pool->threads, 0);
}
