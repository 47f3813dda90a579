/* parallel.h -- our own loops, on the threads that oneDNN runs on.
 *
 * oneDNN brings its OpenMP library into the process. A second one (clang's -fopenmp beside gcc's
 * libgomp) would mean two pools of spinning threads, so the one already there is looked up instead
 * of compiled in. libgomp and LLVM's libomp both export these names.
 */
#ifndef JC_TRAINER_PARALLEL_H
#define JC_TRAINER_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

#include "estimator/error.h"

struct jc_pool {
  uint32_t threads; /* >= 1 */
  void (*set_threads)(int);
  int (*thread)(void);
  int (*thread_count)(void);
  void (*parallel)(void (*body)(void *), void *context, unsigned threads, unsigned flags);
};

/* Finds the pool and sets it to THREADS. Fails with JC_ERROR_UNAVAILABLE if oneDNN here does not
 * run on OpenMP. */
enum jc_status jc_pool_open(struct jc_pool *pool, uint32_t threads, struct jc_error *error);

/* Sets the calling thread's number of OpenMP threads again: it belongs to the thread, and oneDNN's
 * primitives must run on as many threads as they were made for. */
void jc_pool_enter(const struct jc_pool *pool);

/* Calls BODY on disjoint ranges that cover [0, COUNT), at most one for each thread; on the calling
 * thread alone if COUNT < 2 * GRAIN (>= 1). Ranges begin at multiples of GRAIN or of 64. */
void jc_pool_run(const struct jc_pool *pool, size_t count, size_t grain,
                 void (*body)(const void *context, size_t begin, size_t end), const void *context);

#endif
