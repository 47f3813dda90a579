/* meter_nvml.c -- energy of NVIDIA boards, from the driver's own counter.
 *
 * nvmlDeviceGetTotalEnergyConsumption counts millijoules of the whole board, memory included, in 64
 * bits since the driver was loaded; Volta and later have it. Boards without are said to have none:
 * adding up nvmlDeviceGetPowerUsage would look the same and miss what lies between two samples.
 * The library is loaded while running, so that a program built anywhere runs with and without it.
 */
#include "calibrate/meter_nvml.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/meter.h"

static const char library_name[] = "libnvidia-ml.so.1";

struct nvml {
  void *library; /* NULL: the functions are a test's */
  struct jc_nvml_system system;
  struct jc_nvml_device *devices[JC_METER_MAX_COUNTERS]; /* by counter */
};

/* ---- The library ---------------------------------------------------------------------------- */

/* A pointer to a function cannot be had from dlsym() by a cast in ISO C; POSIX grants its bytes. */
static bool load_symbol(void *library, const char *name, void *function, size_t size) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, size);
  return symbol != NULL;
}

/* Loads the library and its functions. False, with the reason in INFO, if that cannot be. */
static bool load(struct nvml *nvml, struct jc_meter_info *info) {
  struct jc_nvml_system *system = &nvml->system;
  info->state = JC_METER_ABSENT;
  nvml->library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (nvml->library == NULL) {
    (void)snprintf(info->reason, sizeof info->reason, "cannot load '%s': no NVIDIA driver here",
                   library_name);
    return false;
  }
  const struct {
    const char *name;
    void *function;
  } symbols[] = {
      {"nvmlInit_v2", &system->init},
      {"nvmlShutdown", &system->shutdown},
      {"nvmlDeviceGetCount_v2", &system->device_count},
      {"nvmlDeviceGetHandleByIndex_v2", &system->device},
      {"nvmlDeviceGetName", &system->name},
      {"nvmlDeviceGetTotalEnergyConsumption", &system->total_energy_mj},
      {"nvmlErrorString", &system->error_text},
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    if (!load_symbol(nvml->library, symbols[i].name, symbols[i].function, sizeof system->init)) {
      info->state = JC_METER_UNSUPPORTED;
      (void)snprintf(info->reason, sizeof info->reason,
                     "'%s' has no '%s': the driver is too old to count energy", library_name,
                     symbols[i].name);
      return false;
    }
  }
  info->state = JC_METER_OK;
  return true;
}

static enum jc_meter_state state_of(int result) {
  switch (result) {
  case JC_NVML_NOT_SUPPORTED:
    return JC_METER_UNSUPPORTED;
  case JC_NVML_NO_PERMISSION:
    return JC_METER_PERMISSION;
  case JC_NVML_DRIVER_NOT_LOADED:
  case JC_NVML_NOT_FOUND:
    return JC_METER_ABSENT;
  default:
    return JC_METER_UNREADABLE;
  }
}

static const char *text_of(const struct nvml *nvml, int result) {
  const char *words = nvml->system.error_text(result);
  return words != NULL ? words : "unknown error";
}

/* ---- Boards --------------------------------------------------------------------------------- */

static enum jc_status read_counter(void *state, uint32_t counter, uint64_t *count,
                                   struct jc_error *error) {
  const struct nvml *nvml = state;
  unsigned long long energy_mj = 0;
  int result = nvml->system.total_energy_mj(nvml->devices[counter], &energy_mj);
  if (result != JC_NVML_SUCCESS) {
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, "nvml", "cannot read the energy of gpu%u: %.96s",
                   counter, text_of(nvml, result));
  }
  *count = energy_mj;
  return JC_OK;
}

/* Board number INDEX, and whether it counts. */
static void add_board(struct nvml *nvml, unsigned int index, struct jc_meter_info *info) {
  struct jc_meter_counter *counter = jc_meter_add_counter(info);
  char name[96] = ""; /* as long as the library makes them */
  unsigned long long energy_mj;
  (void)snprintf(counter->name, sizeof counter->name, "gpu%u", index);
  (void)snprintf(counter->domain, sizeof counter->domain, "board");
  counter->unit_j = 1e-3;
  int result = nvml->system.device(index, &nvml->devices[index]);
  if (result == JC_NVML_SUCCESS) {
    (void)nvml->system.name(nvml->devices[index], name, sizeof name);
    result = nvml->system.total_energy_mj(nvml->devices[index], &energy_mj);
  }
  (void)snprintf(counter->covers, sizeof counter->covers, "board %u%s%.55s", index,
                 name[0] != '\0' ? " " : "", name);
  if (result != JC_NVML_SUCCESS) {
    counter->state = state_of(result);
    (void)snprintf(counter->detail, sizeof counter->detail,
                   "cannot read the total energy of gpu%u: %.96s", index, text_of(nvml, result));
  }
}

/* False, with the reason in INFO, if there is no board. */
static bool add_boards(struct nvml *nvml, struct jc_meter_info *info) {
  unsigned int count = 0;
  int result = nvml->system.device_count(&count);
  if (result != JC_NVML_SUCCESS || count == 0) {
    info->state = result != JC_NVML_SUCCESS ? state_of(result) : JC_METER_ABSENT;
    (void)snprintf(info->reason, sizeof info->reason, "NVML sees no board: %.96s",
                   result != JC_NVML_SUCCESS ? text_of(nvml, result) : "0 found");
    return false;
  }
  for (unsigned int i = 0; i < count && i < JC_METER_MAX_COUNTERS; i++) {
    add_board(nvml, i, info);
  }
  if (count > JC_METER_MAX_COUNTERS) {
    jc_meter_note(info, "only the first %d of %u boards are counted", JC_METER_MAX_COUNTERS, count);
  }
  return true;
}

static void unload(struct nvml *nvml) {
  if (nvml->library != NULL) {
    (void)dlclose(nvml->library);
  }
  free(nvml);
}

static void close_nvml(void *state) {
  struct nvml *nvml = state;
  if (nvml != NULL) {
    (void)nvml->system.shutdown();
    unload(nvml);
  }
}

/* Begins to use the library. False, with the reason in INFO, if there is nothing to use. */
static bool begin(const struct jc_meter_options *options, struct nvml *nvml,
                  struct jc_meter_info *info) {
  if (options->nvml != NULL) {
    nvml->system = *options->nvml;
  } else if (!load(nvml, info)) {
    return false;
  }
  int result = nvml->system.init();
  if (result != JC_NVML_SUCCESS) {
    info->state = state_of(result);
    (void)snprintf(info->reason, sizeof info->reason, "NVML does not start: %.96s",
                   text_of(nvml, result));
  }
  return result == JC_NVML_SUCCESS;
}

static enum jc_status open_nvml(const struct jc_meter_options *options, struct jc_meter_info *info,
                                void **state, struct jc_error *error) {
  if (options->nvml == NULL && options->root != NULL && options->root[0] != '\0') {
    info->state = JC_METER_ABSENT;
    (void)snprintf(info->reason, sizeof info->reason, "'%.150s' has no NVIDIA driver to ask",
                   options->root);
    return JC_OK;
  }
  struct nvml *nvml = calloc(1, sizeof *nvml);
  if (nvml == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, "nvml", "out of memory");
  }
  if (!begin(options, nvml, info)) {
    unload(nvml);
  } else if (!add_boards(nvml, info)) {
    close_nvml(nvml);
  } else {
    *state = nvml;
  }
  return JC_OK;
}

const struct jc_meter_driver jc_meter_driver_nvml = {
    .name = "nvml",
    .summary = "energy counters of NVIDIA boards; added to the processor's where both work",
    .hardware = JC_METER_BOARD,
    .measured = true,
    .open = open_nvml,
    .read = read_counter,
    .close = close_nvml,
};
