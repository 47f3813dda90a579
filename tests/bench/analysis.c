/* analysis.c -- how many networks a second are analysed, and how much heap that takes.
 *
 *   bench_analysis MODELS SECONDS [PROFILE]
 *       one round: SECONDS for each case, networks of folder MODELS; forecasts by PROFILE, if given
 *
 * Prints one line for each case: `NAME RATE HEAP`, analyses a second of CPU time and calls of
 * malloc, calloc and realloc in one of them. Fails if a number cannot be had, or if the core
 * touches the heap; what a clock says never fails. tests/bench/analysis.sh makes rounds, medians
 * and a table of it.
 *
 * Linked with -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "estimator/data_files.h"
#include "estimator/estimator.h"
#include "estimator/file_io.h"
#include "estimator/layerwise.h"
#include "estimator/model_file.h"
#include "estimator/profile_file.h"

static unsigned long heap_calls;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
  heap_calls++;
  return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  heap_calls++;
  return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
  heap_calls++;
  return __real_realloc(old, size);
}

/* A network, parsed and as text; storage for its analysis. */
struct subject {
  struct jc_model *model;
  struct jc_model_options options; /* to read TEXT with */
  char *text;
  size_t length;
  void *storage;
  size_t storage_bytes;
};

/* One case: what is done to SUBJECT, over and over. */
struct bench_case {
  const char *name;
  enum jc_status (*once)(const struct subject *subject, struct jc_error *error);
  const char *model; /* as users name it */
  bool expanded;     /* its flat JSON instead of the file's */
  bool core;         /* may not touch the heap */
};

static enum jc_status analyze(const struct subject *subject, struct jc_analysis *analysis,
                              struct jc_error *error) {
  return jc_network_analyze(jc_model_network(subject->model), subject->storage,
                            subject->storage_bytes, analysis, error);
}

/* Shapes, counts and memory of a parsed network. */
static enum jc_status analyze_alone(const struct subject *subject, struct jc_error *error) {
  struct jc_analysis analysis;
  return analyze(subject, &analysis, error);
}

/* The same and the peak memory of training, all that `joulecast inspect` prints. */
static enum jc_status analyze_training(const struct subject *subject, struct jc_error *error) {
  const struct jc_memory_plan plan = {.batch_size = 32, .optimizer = JC_OPTIMIZER_MOMENTUM};
  struct jc_analysis analysis;
  if (analyze(subject, &analysis, error) == JC_OK &&
      jc_training_memory(&analysis, &plan).total_bytes == 0)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "no memory");
  return error->status;
}

/* The same with checkpointing, which tries 64 numbers of segments. */
static enum jc_status analyze_checkpointing(const struct subject *subject, struct jc_error *error) {
  const struct jc_memory_plan plan = {.batch_size = 32,
                                      .optimizer = JC_OPTIMIZER_ADAMW,
                                      .precision = JC_PRECISION_BF16,
                                      .checkpointing = true};
  struct jc_analysis analysis;
  if (analyze(subject, &analysis, error) == JC_OK &&
      jc_training_memory(&analysis, &plan).segments < 2)
    return jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "no segments");
  return error->status;
}

/* The analysis, and the features of all layers and phases, as a fit or a prediction takes them. */
static enum jc_status analyze_features(const struct subject *subject, struct jc_error *error) {
  struct jc_analysis analysis;
  double flops = 0;
  if (analyze(subject, &analysis, error) != JC_OK)
    return error->status;
  for (uint32_t layer = 0; layer < analysis.network->layer_count; layer++) {
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
      struct jc_feature_row row;
      jc_features(&analysis, layer, (enum jc_phase)phase, 32, &row);
      flops += row.flops;
    }
  }
  return flops > 0 ? JC_OK : jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "no features");
}

/* From JSON text to the counts that the file expects. */
static enum jc_status read_and_analyze(const struct subject *subject, struct jc_error *error) {
  struct jc_model *model;
  struct jc_analysis analysis;
  if (jc_model_parse_as(subject->text, subject->length, "text", &subject->options, &model, error) ==
          JC_OK &&
      jc_network_analyze(jc_model_network(model), subject->storage, subject->storage_bytes,
                         &analysis, error) == JC_OK)
    (void)jc_model_check_expect(model, &analysis, error);
  jc_model_free(model);
  return error->status;
}

static struct jc_profile profile; /* without curves: none was given */

/* A forecast by `layerwise` of a network that nobody has analysed yet, its interval included. */
static enum jc_status analyze_and_forecast(const struct subject *subject, struct jc_error *error) {
  struct jc_analysis analysis;
  struct jc_layerwise_step step;
  if (analyze(subject, &analysis, error) != JC_OK)
    return error->status;
  jc_layerwise_step(&profile.layerwise, &analysis, 32, false, &step);
  return step.time_s > 0 && jc_interval_unit(&profile.layerwise.time_interval, step.difficulty) > 0
             ? JC_OK
             : jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "no forecast");
}

static const struct bench_case cases[] = {
    {"resnet50.layerwise", analyze_and_forecast, "resnet50", false, true},
    {"resnet50.analysis", analyze_alone, "resnet50", false, true},
    {"resnet50.text", read_and_analyze, "resnet50", false, false},
    {"resnet50.flat", read_and_analyze, "resnet50", true, false},
    {"resnet50.memory", analyze_training, "resnet50", false, true},
    {"resnet50.checkpointing", analyze_checkpointing, "resnet50", false, true},
    {"resnet50.features", analyze_features, "resnet50", false, true},
    {"densenet121.analysis", analyze_alone, "densenet121", false, true},
    {"densenet121.text", read_and_analyze, "densenet121", false, false},
    {"vit_b_16.analysis", analyze_alone, "vit_b_16", false, true},
    {"vit_b_16.checkpointing", analyze_checkpointing, "vit_b_16", false, true},
    {"vit_b_16.features", analyze_features, "vit_b_16", false, true},
    {"vit_b_16.text", read_and_analyze, "vit_b_16", false, false},
};

/* CPU time: on a quiet machine it is the clock's, and on a busy one the others' is not counted. */
static double now_s(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static enum jc_status open_subject(const struct bench_case *bench, struct subject *subject,
                                   struct jc_error *error) {
  char path[PATH_MAX];
  memset(subject, 0, sizeof(*subject));
  if (jc_model_open(bench->model, NULL, &subject->model, error) != JC_OK)
    return error->status;
  if (bench->expanded) {
    if (jc_model_expanded_json(subject->model, &subject->text, error) == JC_OK)
      subject->length = strlen(subject->text);
  } else if (jc_models_find(bench->model, path, sizeof(path), &subject->options.variant, error) ==
             JC_OK) {
    (void)jc_file_read(path, &subject->text, &subject->length, error);
  }
  if (jc_error_is_set(error))
    return error->status;
  const struct jc_network *network = jc_model_network(subject->model);
  subject->storage_bytes = jc_analysis_storage_size(network->layer_count, network->input_count);
  subject->storage = malloc(subject->storage_bytes);
  return subject->storage != NULL ? error->status
                                  : jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
}

static void close_subject(struct subject *subject) {
  jc_model_free(subject->model);
  free(subject->text);
  free(subject->storage);
}

/* Repeats until SECONDS are over, in batches, so that reading the clock costs nothing. */
static double measure_rate(const struct bench_case *bench, const struct subject *subject,
                           double seconds, struct jc_error *error) {
  const double start = now_s();
  double elapsed = 0;
  uint64_t count = 0;
  do {
    for (int i = 0; i < 16 && bench->once(subject, error) == JC_OK; i++)
      count++;
    elapsed = now_s() - start;
  } while (elapsed < seconds && !jc_error_is_set(error));
  return (double)count / elapsed;
}

static enum jc_status run_case(const struct bench_case *bench, double seconds,
                               struct jc_error *error) {
  struct subject subject;
  if (open_subject(bench, &subject, error) == JC_OK &&
      bench->once(&subject, error) == JC_OK) { /* warm */
    const unsigned long before = heap_calls;
    (void)bench->once(&subject, error);
    const unsigned long calls = heap_calls - before;
    printf("%s %.6g %lu\n", bench->name, measure_rate(bench, &subject, seconds, error), calls);
    if (bench->core && calls > 0)
      (void)jc_fail(error, JC_ERROR_RUNTIME, 0, NULL, "%s: the core calls malloc %lu times",
                    bench->name, calls);
  }
  close_subject(&subject);
  return error->status;
}

int main(int argc, char **argv) {
  struct jc_error error = {0};
  char line[1200];
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: bench_analysis MODELS SECONDS [PROFILE]\n");
    return 2;
  }
  if (argc == 4 && jc_profile_read(argv[3], &profile, &error) != JC_OK) {
    fprintf(stderr, "%s\n", jc_error_format(&error, line, sizeof(line)));
    return 1;
  }
  setenv("JOULECAST_MODELS", argv[1], 1);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    if (cases[i].once == analyze_and_forecast && profile.layerwise.curve_count == 0)
      continue;
    if (run_case(&cases[i], strtod(argv[2], NULL), &error) != JC_OK) {
      fprintf(stderr, "%s\n", jc_error_format(&error, line, sizeof(line)));
      return 1;
    }
  }
  return 0;
}
