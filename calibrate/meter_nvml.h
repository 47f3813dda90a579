/* meter_nvml.h -- what the nvml meter asks of NVIDIA's management library, so that a test can
 * answer.
 *
 * The types are the library's own ABI (nvml.h): devices are opaque pointers, results are ints of
 * which 0 is success. Of libnvidia-ml.so.1 these are nvmlInit_v2, nvmlShutdown,
 * nvmlDeviceGetCount_v2, nvmlDeviceGetHandleByIndex_v2, nvmlDeviceGetName,
 * nvmlDeviceGetTotalEnergyConsumption and nvmlErrorString.
 */
#ifndef JC_CALIBRATE_METER_NVML_H
#define JC_CALIBRATE_METER_NVML_H

/* Of nvmlReturn_t: what this program tells apart. */
enum jc_nvml_result {
  JC_NVML_SUCCESS = 0,
  JC_NVML_NOT_SUPPORTED = 3,
  JC_NVML_NO_PERMISSION = 4,
  JC_NVML_NOT_FOUND = 6,
  JC_NVML_DRIVER_NOT_LOADED = 9,
  JC_NVML_GPU_IS_LOST = 15
};

struct jc_nvml_device; /* never looked into */

struct jc_nvml_system {
  int (*init)(void);
  int (*shutdown)(void);
  int (*device_count)(unsigned int *count);
  int (*device)(unsigned int index, struct jc_nvml_device **device);
  int (*name)(struct jc_nvml_device *device, char *name, unsigned int size);
  int (*total_energy_mj)(struct jc_nvml_device *device, unsigned long long *energy_mj);
  const char *(*error_text)(int result);
};

#endif
