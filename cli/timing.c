/* timing.c -- starts the program once more with threads that stay where they are and wait actively.
 */
#include "cli/timing.h"

#include <stdlib.h>
#include <unistd.h>

#include "calibrate/conditions.h"

/* What OpenMP and the linear algebra read when they are loaded; what the user has set stays. */
static const struct {
  const char *name, *value;
} settings[] = {
    {"OMP_PROC_BIND", "true"},
    {"OMP_WAIT_POLICY", "active"},
    {"OPENBLAS_NUM_THREADS", "1"},
};

void timing_prepare(char *const *argv) {
  static const char guard[] = "JOULECAST_TIMING_PREPARED";
  bool prepared = getenv(guard) == NULL && setenv(guard, "1", 1) == 0;
  for (size_t i = 0; prepared && i < sizeof(settings) / sizeof(settings[0]); i++)
    prepared = setenv(settings[i].name, settings[i].value, 0) == 0;
  if (prepared)
    (void)execv("/proc/self/exe", argv);
  jc_conditions_unbind();
}
