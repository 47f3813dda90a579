/* fake_nvml.c -- a libnvidia-ml.so.1 with one board of 300 W, so that loading it is tested where
 * there is none. With OLD_LIBRARY it is one of before there were energy counters. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned int *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device);
int nvmlDeviceGetName(void *device, char *name, unsigned int size);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy_mj);
const char *nvmlErrorString(int result);

int nvmlInit_v2(void) {
  return 0;
}

int nvmlShutdown(void) {
  return 0;
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
  *count = 1;
  return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
  *device = (void *)(uintptr_t)(index + 1);
  return 0;
}

int nvmlDeviceGetName(void *device, char *name, unsigned int size) {
  (void)snprintf(name, size, "Loaded %u", (unsigned int)(uintptr_t)device);
  return 0;
}

#ifndef OLD_LIBRARY
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy_mj) {
  struct timespec now;
  (void)device;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  *energy_mj =
      300ULL * ((unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000);
  return 0;
}
#endif

const char *nvmlErrorString(int result) {
  return result == 0 ? "Success" : "Unknown Error";
}
