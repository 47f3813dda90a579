/* test_predicted_memory.c -- peak memory predicted from the JSON against what training takes: the
 * trainer's buffers, and the growth of the process. */
#include <stdio.h>

#include "estimator/training_memory.h"
#include "tests/sanitized.h"
#include "tests/trainer_fixture.h"

/* The trainer adds reorders, scratch and the padding of layouts; it saves by working in place. */
static const double tolerance = 0.15;

/* A line of /proc/self/status, in bytes. */
static double process_bytes(const char *key) {
  FILE *status = fopen("/proc/self/status", "r");
  char line[256];
  double kilobytes = 0;
  cr_assert(status != NULL);
  while (fgets(line, sizeof(line), status) != NULL)
    if (strncmp(line, key, strlen(key)) == 0)
      kilobytes = strtod(line + strlen(key), NULL);
  (void)fclose(status);
  return kilobytes * 1024;
}

static void compare(const char *name, const char *what, double predicted, double used) {
  cr_assert(fabs(predicted / used - 1) <= tolerance, "%s: predicted %.1f MB, %s %.1f MB", name,
            predicted * 1e-6, what, used * 1e-6);
}

/* Every test is a process of its own, so that its peak is this network's. */
static void predict_and_train(const char *name, uint32_t batch_size) {
  char path[512];
  struct fixture f;
  struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
  snprintf(path, sizeof(path), "%s/models/%s.json", TEST_SOURCE_DIR, name);
  memset(&f, 0, sizeof(f));
  cr_assert(jc_model_read(path, &f.model, &f.error) == JC_OK, "%s", fixture_error(&f));
  fixture_analyze(&f);
  options.batch_size = batch_size;
  const double before = process_bytes("VmRSS:");
  fixture_train(&f, &options);
  (void)fixture_step(&f);
  const double predicted =
      (double)jc_training_memory_bytes(&f.analysis.totals, batch_size, JC_OPTIMIZER_MOMENTUM);
  compare(name, "buffers", predicted, (double)jc_trainer_size(f.trainer).bytes);
  if (!SANITIZED) /* whose own memory grows, too */
    compare(name, "process", predicted, process_bytes("VmHWM:") - before);
  fixture_close(&f);
}

#define MEMORY_TEST(network, batch_size)                                                           \
  Test(predicted_memory, network) {                                                                \
    REQUIRE_TRAINER();                                                                             \
    predict_and_train(#network, batch_size);                                                       \
  }

MEMORY_TEST(cifar_resnet20, 64)
MEMORY_TEST(squeezenet1_1, 16)
MEMORY_TEST(resnet18, 8)
MEMORY_TEST(mobilenet_v2, 4)
MEMORY_TEST(densenet121, 2)
MEMORY_TEST(alexnet, 16)
