/* fake_sources.h -- for tests: a kernel with RAPL events and an NVML with boards, which obey.
 *
 * Counters advance with the clock: a package by 50 W, its memory by 5 W, a board by 300 W. What
 * goes wrong, and when, is set in `fake`.
 */
#ifndef JC_TESTS_FAKE_SOURCES_H
#define JC_TESTS_FAKE_SOURCES_H

#include <criterion/criterion.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "calibrate/meter_nvml.h"
#include "calibrate/meter_perf.h"

static const double fake_package_w = 50;
static const double fake_dram_w = 5;
static const double fake_board_w = 300;

/* As the fixtures say: joules of a count. */
static const double fake_perf_unit_j = 2.3283064365386962890625e-10;

enum fake_trouble { FAKE_WELL, FAKE_STOPPED, FAKE_RESET, FAKE_GONE };

static struct {
  _Atomic(enum fake_trouble) perf, nvml;
  _Atomic double stopped_s;      /* what a stopped counter shows */
  int perf_open_errno;           /* of every event; 0: none */
  int denied_cpu;                /* -1: none */
  bool mirrored;                 /* CPU 1 shows CPU 0's counter, else one of its own */
  struct jc_perf_event asked[8]; /* events as opened, since none was open */
  int asked_count, open_count;   /* of them, and now */
  int init_result, energy_result;
  unsigned int boards;
  int nvml_starts, nvml_ends;
} fake;

static inline double fake_now_s(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline void fake_start(void) {
  atomic_store(&fake.perf, FAKE_WELL);
  atomic_store(&fake.nvml, FAKE_WELL);
  fake.perf_open_errno = fake.init_result = fake.energy_result = 0;
  fake.denied_cpu = -1;
  fake.mirrored = false;
  fake.asked_count = fake.open_count = 0;
  fake.boards = 2;
  fake.nvml_starts = fake.nvml_ends = 0;
}

/* From now on. */
static inline void fake_trouble(_Atomic(enum fake_trouble) *source, enum fake_trouble trouble) {
  atomic_store(&fake.stopped_s, fake_now_s());
  atomic_store(source, trouble);
}

/* The clock that a counter with TROUBLE follows. */
static inline double fake_clock_s(enum fake_trouble trouble) {
  return trouble == FAKE_STOPPED ? atomic_load(&fake.stopped_s)
         : trouble == FAKE_RESET ? fake_now_s() - atomic_load(&fake.stopped_s)
                                 : fake_now_s();
}

/* ---- perf ---- */

static inline int fake_perf_open(const struct jc_perf_event *event) {
  cr_assert(fake.asked_count < 8);
  if (fake.perf_open_errno != 0 || event->cpu == fake.denied_cpu) {
    return fake.perf_open_errno != 0 ? -fake.perf_open_errno : -EACCES;
  }
  fake.asked[fake.asked_count] = *event;
  fake.open_count++;
  return 100 + fake.asked_count++;
}

static inline int fake_perf_read(int fd, uint64_t *count) {
  const struct jc_perf_event *event = &fake.asked[fd - 100];
  double power_w = event->config == 2 ? fake_package_w : fake_dram_w;
  enum fake_trouble trouble = atomic_load(&fake.perf);
  if (trouble == FAKE_GONE) {
    return -ENODEV;
  }
  if (fake.mirrored) { /* ticks as real ones do, so that two can be read between */
    *count = (uint64_t)(fake_now_s() * 1e3) * 777777;
    return 0;
  }
  power_w *= event->cpu == 0 ? 1 : 1.5;
  *count = (uint64_t)(fake_clock_s(trouble) * power_w / fake_perf_unit_j);
  return 0;
}

static inline void fake_perf_close(int fd) {
  (void)fd;
  fake.open_count--;
  fake.asked_count = fake.open_count == 0 ? 0 : fake.asked_count;
}

static const struct jc_perf_system fake_perf = {
    .open = fake_perf_open, .read = fake_perf_read, .close = fake_perf_close};

/* ---- NVML ---- */

static inline int fake_nvml_init(void) {
  fake.nvml_starts += fake.init_result == JC_NVML_SUCCESS;
  return fake.init_result;
}

static inline int fake_nvml_shutdown(void) {
  fake.nvml_ends++;
  return JC_NVML_SUCCESS;
}

static inline int fake_nvml_count(unsigned int *count) {
  *count = fake.boards;
  return JC_NVML_SUCCESS;
}

static inline int fake_nvml_device(unsigned int index, struct jc_nvml_device **device) {
  *device = (struct jc_nvml_device *)(uintptr_t)(index + 1);
  return JC_NVML_SUCCESS;
}

static inline int fake_nvml_name(struct jc_nvml_device *device, char *name, unsigned int size) {
  (void)snprintf(name, size, "Fake %u", (unsigned int)(uintptr_t)device);
  return JC_NVML_SUCCESS;
}

static inline int fake_nvml_energy(struct jc_nvml_device *device, unsigned long long *energy_mj) {
  enum fake_trouble trouble = atomic_load(&fake.nvml);
  (void)device;
  if (trouble == FAKE_GONE) {
    return JC_NVML_GPU_IS_LOST;
  }
  *energy_mj = (unsigned long long)(fake_clock_s(trouble) * fake_board_w * 1e3);
  return fake.energy_result;
}

static inline const char *fake_nvml_text(int result) {
  return result == JC_NVML_GPU_IS_LOST         ? "GPU is lost"
         : result == JC_NVML_NOT_SUPPORTED     ? "Not Supported"
         : result == JC_NVML_NO_PERMISSION     ? "Insufficient Permissions"
         : result == JC_NVML_DRIVER_NOT_LOADED ? "Driver Not Loaded"
                                               : "Unknown Error";
}

static const struct jc_nvml_system fake_nvml = {.init = fake_nvml_init,
                                                .shutdown = fake_nvml_shutdown,
                                                .device_count = fake_nvml_count,
                                                .device = fake_nvml_device,
                                                .name = fake_nvml_name,
                                                .total_energy_mj = fake_nvml_energy,
                                                .error_text = fake_nvml_text};

#endif
