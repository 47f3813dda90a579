/* test_samples_file.c -- measured runs: written whole, read strictly, resumed after a crash. */
#include <math.h>

#include "estimator/model_file.h"
#include "estimator/samples_file.h"
#include "tests/file_fixtures.h"

SCRATCH_SUITE(samples, "samples.jsonl");

static const char model_text[] =
    "{\"schema\": \"joulecast.model/1\",\n \"name\": \"tiny\", \"input\": [8], \"layers\": [\n"
    "  {\"name\": \"fc\", \"type\": \"linear\", \"out_features\": 4},\n"
    "  {\"name\": \"act\", \"type\": \"relu\"}]}\n";

#define SET(field, text) snprintf(field, sizeof(field), "%s", text)

/* A sample with every fact known. */
static void fill(struct jc_sample *sample, const char *id) {
  struct jc_error error = {0};
  jc_sample_start(sample);
  SET(sample->id, id);
  SET(sample->family, "residual");
  sample->seed = UINT64_MAX;
  sample->block = JC_BLOCK_ENERGY;
  SET(sample->date, "2025-11-21T01:02:03Z");
  cr_assert_eq(jc_sample_set_model_text(sample, model_text, strlen(model_text), &error), JC_OK);
  sample->run = (struct jc_run){.batch_size = 32,
                                .epochs = 2,
                                .samples = 1281167,
                                .val_samples = 50000,
                                .threads = 2,
                                .optimizer = JC_OPTIMIZER_MOMENTUM,
                                .phase = JC_RUN_FORWARD};
  sample->precision = JC_PRECISION_TF32;
  sample->devices = 3;
  SET(sample->machine.cpu_model, "Intel(R) Xeon(R) Processor");
  sample->machine.cpus = 2;
  sample->machine.memory_bytes = UINT64_C(25132896256);
  SET(sample->machine.isa, "avx512");
  SET(sample->runner.name, "onednn");
  SET(sample->runner.version, "2.6.3");
  SET(sample->meter.name, "powercap");
  SET(sample->meter.domain, "package");
  sample->meter.measured = true;
  sample->energy_j = 100.0 / 3;
  sample->idle_power_w = 0.1;
  sample->time_s = 1.0 / 3;
  sample->steps = UINT64_C(9007199254740993);
  sample->startup_s = 0.7;
  sample->cpu_time_s = 0.66;
  sample->step_min_s = 1e-3;
  sample->step_median_s = 1.1e-3;
  sample->step_mean_s = 1.2e-3;
  sample->load = 0.03;
  sample->loss_time_s = 2e-5 / 3;
  sample->speed = (struct jc_speed){2e-4 / 3, 1e-3 / 7};
  sample->outlier_steps = 2;
  sample->energy_windows = 3;
  sample->energy_half_width_j = 0.25;
  SET(sample->conditions.priority, "nice");
  SET(sample->conditions.pinning, "one-cpu");
  sample->facts.counts = (struct jc_run_counts){1e9 / 3, 0, 4e6, 40, 10, 0.25};
  SET(sample->facts.data.name, "dogs");
  sample->facts.data.image_height = 128;
  SET(sample->facts.accelerator.name, "GTX 1080");
  sample->facts.accelerator.tdp_w = 180;
  sample->facts.window.power_w = 80.0 / 7;
  sample->facts.label_count = 1;
  SET(sample->facts.labels[0].name, "fold");
  SET(sample->facts.labels[0].value, "3");
  cr_assert_eq(jc_sample_make_epochs(sample, 2, &error), JC_OK);
  sample->epochs[0] = (struct jc_sample_epoch){.energy_j = 17, .time_s = 0.2};
  sample->epochs[1] = (struct jc_sample_epoch){.energy_j = NAN, .time_s = 0.1};
  cr_assert_eq(jc_sample_make_layers(sample, 2, &error), JC_OK);
  SET(sample->layers[0].name, "fc");
  sample->layers[0].kind = JC_LAYER_linear;
  sample->layers[0].forward_s = 1e-5 / 3;
  sample->layers[0].backward_s = 2e-5;
  sample->layers[0].update_s = 3e-6;
  sample->layers[0].forward_min_s = 0.9e-5 / 3;
  sample->layers[0].backward_min_s = 0;
  SET(sample->layers[0].forward_implementation, "brgemm:avx512_core");
  SET(sample->layers[0].backward_implementation, "gemm:jit");
  SET(sample->layers[0].layout, "nc");
  SET(sample->layers[1].name, "act");
  sample->layers[1].kind = JC_LAYER_relu;
  sample->layers[1].fused = true;
}

static void append(const char *id) {
  struct jc_sample sample;
  struct jc_error error = {0};
  fill(&sample, id);
  cr_assert_eq(jc_samples_append(path, &sample, &error), JC_OK, "%s", error.text);
  jc_sample_free(&sample);
}

static bool same_real(double a, double b) {
  return isnan(a) ? isnan(b) : a == b;
}

static void expect_same_facts(const struct jc_run_facts *a, const struct jc_run_facts *b) {
  cr_assert_str_eq(a->data.name, b->data.name);
  cr_assert_str_eq(a->accelerator.name, b->accelerator.name);
  cr_assert_eq(a->label_count, b->label_count);
  for (uint32_t i = 0; i < a->label_count; i++) {
    cr_assert_str_eq(a->labels[i].name, b->labels[i].name);
    cr_assert_str_eq(a->labels[i].value, b->labels[i].value);
  }
  cr_assert(same_real(a->counts.forward_macs, b->counts.forward_macs));
  cr_assert(same_real(a->counts.backward_share, b->counts.backward_share));
  cr_assert(same_real(a->data.image_height, b->data.image_height));
  cr_assert(same_real(a->data.image_width, b->data.image_width));
  cr_assert(same_real(a->accelerator.tdp_w, b->accelerator.tdp_w));
  cr_assert(same_real(a->accelerator.mean_power_w, b->accelerator.mean_power_w));
  cr_assert(same_real(a->window.power_w, b->window.power_w));
}

static void expect_same(const struct jc_sample *a, const struct jc_sample *b) {
  cr_assert_str_eq(a->id, b->id);
  cr_assert_str_eq(a->family, b->family);
  cr_assert_eq(a->seed, b->seed);
  cr_assert_str_eq(a->date, b->date);
  cr_assert_eq(memcmp(&a->run, &b->run, sizeof(a->run)), 0);
  cr_assert_eq(a->precision, b->precision);
  cr_assert_eq(a->devices, b->devices);
  cr_assert_eq(memcmp(&a->machine, &b->machine, sizeof(a->machine)), 0);
  cr_assert_eq(memcmp(&a->runner, &b->runner, sizeof(a->runner)), 0);
  cr_assert_eq(memcmp(&a->meter, &b->meter, sizeof(a->meter)), 0);
  cr_assert_eq(a->steps, b->steps);
  cr_assert_eq(a->block, b->block);
  cr_assert_eq(a->outlier_steps, b->outlier_steps);
  cr_assert_eq(a->energy_windows, b->energy_windows);
  cr_assert_str_eq(a->conditions.priority, b->conditions.priority);
  cr_assert_str_eq(a->conditions.pinning, b->conditions.pinning);
  const double numbers[][2] = {{a->energy_j, b->energy_j},
                               {a->idle_power_w, b->idle_power_w},
                               {a->time_s, b->time_s},
                               {a->startup_s, b->startup_s},
                               {a->cpu_time_s, b->cpu_time_s},
                               {a->step_min_s, b->step_min_s},
                               {a->step_median_s, b->step_median_s},
                               {a->step_mean_s, b->step_mean_s},
                               {a->loss_time_s, b->loss_time_s},
                               {a->speed.compute_s, b->speed.compute_s},
                               {a->speed.memory_s, b->speed.memory_s},
                               {a->energy_half_width_j, b->energy_half_width_j},
                               {a->load, b->load}};
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    cr_assert(same_real(numbers[i][0], numbers[i][1]), "number %zu", i);
  expect_same_facts(&a->facts, &b->facts);
  cr_assert_eq(a->epoch_count, b->epoch_count);
  for (uint32_t i = 0; i < a->epoch_count; i++)
    cr_assert(same_real(a->epochs[i].energy_j, b->epochs[i].energy_j) &&
              a->epochs[i].time_s == b->epochs[i].time_s);
  cr_assert_eq(a->layer_count, b->layer_count);
  for (uint32_t i = 0; i < a->layer_count; i++)
    cr_assert_eq(memcmp(&a->layers[i], &b->layers[i], sizeof(a->layers[i])), 0, "layer %u", i);
}

/* Reads the whole file; returns how many samples it has, the last error in ERROR. */
static int count_samples(const char *file, bool *torn, struct jc_error *error) {
  struct jc_samples_reader reader;
  struct jc_sample sample;
  bool more;
  int count = 0;
  if (jc_samples_open(file, &reader, error) != JC_OK)
    return 0;
  while (jc_samples_next(&reader, &sample, &more, error) == JC_OK && more) {
    jc_sample_free(&sample);
    count++;
  }
  *torn = reader.torn;
  jc_samples_close(&reader);
  return count;
}

static void expect_count(int expected, bool expect_torn) {
  struct jc_error error = {0};
  bool torn = false;
  const int count = count_samples(path, &torn, &error);
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  cr_assert_eq(count, expected, "%d samples", count);
  cr_assert_eq(torn, expect_torn);
}

Test(samples, come_back_as_they_were) {
  struct jc_samples_reader reader;
  struct jc_sample written, read;
  struct jc_error error = {0};
  bool more = false;
  fill(&written, "0017");
  append("0017");
  cr_assert_eq(jc_samples_open(path, &reader, &error), JC_OK);
  cr_assert_eq(jc_samples_next(&reader, &read, &more, &error), JC_OK, "%s: %s", error.path,
               error.text);
  cr_assert(more);
  cr_assert_eq(reader.line, 1);
  expect_same(&written, &read);
  cr_assert_str_eq(jc_sample_model_name(&read), "tiny");
  struct jc_model *model = NULL;
  cr_assert_eq(jc_sample_read_model(&read, &model, &error), JC_OK, "%s", error.text);
  cr_assert_eq(jc_model_network(model)->layer_count, 2);
  jc_model_free(model);
  jc_sample_free(&read);
  cr_assert_eq(jc_samples_next(&reader, &read, &more, &error), JC_OK);
  cr_assert_not(more);
  jc_samples_close(&reader);
  jc_sample_free(&written);
}

Test(samples, what_is_unknown_is_left_out_and_stays_unknown) {
  struct jc_sample written, read;
  struct jc_samples_reader reader;
  struct jc_error error = {0};
  bool more = false;
  jc_sample_start(&written);
  cr_assert_eq(jc_sample_set_model_name(&written, "lenet5_28", &error), JC_OK);
  written.run.batch_size = 1;
  written.time_s = 2;
  cr_assert_eq(jc_samples_append(path, &written, &error), JC_OK, "%s", error.text);
  char *text = read_text(path);
  cr_assert_str_eq(text, "{\"schema\":\"joulecast.run/1\",\"model\":\"lenet5_28\",\"run\":{"
                         "\"batch_size\":1,\"epochs\":1,\"val_samples\":0,\"precision\":\"fp32\","
                         "\"optimizer\":\"sgd\",\"threads\":1,\"devices\":1,\"phase\":\"training\"}"
                         ",\"time_s\":2}\n");
  free(text);
  cr_assert_eq(jc_samples_open(path, &reader, &error), JC_OK);
  cr_assert_eq(jc_samples_next(&reader, &read, &more, &error), JC_OK, "%s", error.text);
  expect_same(&written, &read);
  cr_assert_str_eq(jc_sample_model_name(&read), "lenet5_28");
  jc_samples_close(&reader);
  jc_sample_free(&read);
  jc_sample_free(&written);
}

Test(samples, model_by_name_is_the_shipped_one) {
  struct jc_sample sample;
  struct jc_error error = {0};
  struct jc_model *model = NULL;
  setenv("JOULECAST_MODELS", TEST_SOURCE_DIR "/models", 1);
  jc_sample_start(&sample);
  cr_assert_eq(jc_sample_set_model_name(&sample, "lenet5_28", &error), JC_OK);
  cr_assert_eq(jc_sample_read_model(&sample, &model, &error), JC_OK, "%s", error.text);
  cr_assert(model != NULL);
  jc_model_free(model);
  jc_sample_free(&sample);
}

/* Lines as other programs write them: any order, nulls, machine by a data row's name. */
Test(samples, lines_of_others_are_read) {
  struct jc_samples_reader reader;
  struct jc_sample sample;
  struct jc_error error = {0};
  bool more = false;
  cr_assert_eq(jc_samples_open(FIXTURES "/samples/others.jsonl", &reader, &error), JC_OK);
  cr_assert_eq(jc_samples_next(&reader, &sample, &more, &error), JC_OK, "%s: %s", error.path,
               error.text);
  cr_assert(more);
  cr_assert_str_eq(sample.hardware, "rtx-3090");
  cr_assert_str_eq(sample.machine.cpu_model, "");
  cr_assert_eq(sample.run.optimizer, JC_OPTIMIZER_ADAM);
  cr_assert_eq(sample.energy_j, 1234.5);
  cr_assert(isnan(sample.idle_power_w));
  cr_assert_eq(sample.layer_count, 0);
  jc_sample_free(&sample);
  cr_assert_eq(jc_samples_next(&reader, &sample, &more, &error), JC_OK);
  cr_assert(more);
  cr_assert_eq(reader.line, 3, "an empty line is skipped, and counted");
  cr_assert(isnan(sample.energy_j));
  jc_sample_free(&sample);
  cr_assert_eq(jc_samples_next(&reader, &sample, &more, &error), JC_OK);
  cr_assert_not(more);
  cr_assert_not(reader.torn);
  jc_samples_close(&reader);
}

/* ---- broken files ---- */

static void read_all(const char *file, struct jc_error *error) {
  struct jc_samples_reader reader;
  struct jc_sample sample;
  bool more;
  if (jc_samples_open(file, &reader, error) != JC_OK)
    return;
  while (jc_samples_next(&reader, &sample, &more, error) == JC_OK && more) {
    struct jc_model *model = NULL;
    jc_sample_read_model(&sample, &model, error);
    jc_model_free(model);
    jc_sample_free(&sample);
  }
  jc_samples_close(&reader);
}

Test(samples, broken_files_get_their_message) {
  setenv("JOULECAST_MODELS", TEST_SOURCE_DIR "/models", 1);
  const int count = check_broken_files(FIXTURES "/samples", "", ".jsonl", read_all);
  cr_assert(count >= 12, "only %d", count);
}

Test(samples, files_that_cannot_be_opened_are_named) {
  struct jc_error error = {0};
  read_all(path, &error);
  expect_error(&error, JC_ERROR_IO, "/samples.jsonl: cannot open: No such file or directory");
}

/* ---- after a crash ---- */

Test(samples, a_line_torn_anywhere_is_ignored_then_mended) {
  append("0001");
  append("0002");
  char *whole = read_text(path);
  const size_t first = strcspn(whole, "\n") + 1, length = strlen(whole);
  for (size_t kept = first + 1; kept < length - 1; kept += kept < length - 5 ? 3 : 1) {
    struct jc_error error = {0};
    bool torn = false;
    char *cut = strndup(whole, kept);
    write_text(path, cut);
    free(cut);
    expect_count(1, true);
    cr_assert_eq(jc_samples_mend(path, &torn, &error), JC_OK, "%s", error.text);
    cr_assert(torn);
    expect_count(1, false);
    append("0003");
    expect_count(2, false);
  }
  free(whole);
}

Test(samples, a_whole_last_line_without_newline_counts) {
  struct jc_error error = {0};
  bool torn = true;
  append("0001");
  char *text = read_text(path);
  text[strlen(text) - 1] = '\0';
  write_text(path, text);
  free(text);
  expect_count(1, false);
  cr_assert_eq(jc_samples_mend(path, &torn, &error), JC_OK);
  cr_assert_not(torn);
  append("0002");
  expect_count(2, false);
}

/* After a power cut a file may have its new length but not its new bytes. */
Test(samples, a_tail_of_zeros_is_torn) {
  struct jc_error error = {0};
  bool torn = false;
  append("0001");
  struct stat info;
  cr_assert_eq(stat(path, &info), 0);
  cr_assert_eq(truncate(path, info.st_size + 100), 0);
  expect_count(1, true);
  cr_assert_eq(jc_samples_mend(path, &torn, &error), JC_OK);
  expect_count(1, false);
}

Test(samples, mending_nothing_is_fine) {
  struct jc_error error = {0};
  bool torn = true;
  cr_assert_eq(jc_samples_mend(path, &torn, &error), JC_OK);
  cr_assert_not(torn);
  write_text(path, "");
  cr_assert_eq(jc_samples_mend(path, &torn, &error), JC_OK);
  cr_assert_not(torn);
  expect_count(0, false);
}

Test(samples, a_full_disk_is_told_and_nothing_is_half_written) {
  struct jc_sample sample;
  struct jc_error error = {0};
  if (access("/dev/full", W_OK) != 0)
    return;
  fill(&sample, "0001");
  jc_samples_append("/dev/full", &sample, &error);
  expect_error(&error, JC_ERROR_IO, "/dev/full: cannot write: No space left on device");
  jc_sample_free(&sample);
}
