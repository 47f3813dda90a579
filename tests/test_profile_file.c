/* test_profile_file.c -- profiles come back bit for bit, broken ones with a sentence; whose they
 * are, and where they are found. */
#include <math.h>
#include <stdint.h>

#include "estimator/profile_file.h"
#include "tests/file_fixtures.h"

static char scratch[PATH_MAX], path[PATH_MAX];

static void setup(void) {
  make_scratch(scratch);
  join_path(path, scratch, "profile.json");
  setenv("XDG_DATA_HOME", scratch, 1);
}

static void teardown(void) {
  remove_scratch(scratch);
}

TestSuite(profile, .init = setup, .fini = teardown);

/* A xorshift generator: the same numbers in every run. */
static uint64_t state = 88172645463325252u;

static uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/* 53 random bits below 1, at one of many scales down to 1e-30. */
static double random_real(void) {
  return ldexp((double)(next_random() >> 11), -53 - (int)(next_random() % 100));
}

static void fill_reals(double *values, int count) {
  for (int i = 0; i < count; i++)
    values[i] = random_real();
}

static void fill_summary(struct jc_error_summary *summary) {
  summary->networks = (uint32_t)next_random();
  summary->mape = random_real();
  summary->median = random_real();
  summary->p90 = random_real();
  summary->worst = random_real();
  summary->bias = -random_real();
  fill_reals(summary->log_half_width, 3);
}

static void fill_coefficient(struct jc_coefficient *c, uint16_t type, enum jc_phase phase) {
  c->type = type;
  c->phase = phase;
  c->networks = (uint32_t)next_random();
  fill_reals(c->time_s, 3);
  fill_reals(c->time_low_s, 3);
  fill_reals(c->time_high_s, 3);
  fill_reals(c->energy_j, 3);
  fill_reals(c->energy_low_j, 3);
  fill_reals(c->energy_high_j, 3);
  c->flops_min = random_real();
  c->flops_max = 1 + random_real();
  c->bytes_min = random_real();
  c->bytes_max = 1e9 / 3;
}

/* Every type and phase that fits, every number a different one. */
static struct jc_profile *new_profile(void) {
  struct jc_profile *profile = calloc(1, sizeof(*profile));
  cr_assert(profile != NULL);
  snprintf(profile->machine.cpu_model, sizeof(profile->machine.cpu_model),
           "Intel(R) Xeon(R) \"Processor\" \\ \xc3\xa9");
  profile->machine.cpus = 2;
  profile->machine.memory_bytes = UINT64_C(9007199254740993); /* no double holds it */
  snprintf(profile->machine.isa, sizeof(profile->machine.isa), "avx512");
  snprintf(profile->runner, sizeof(profile->runner), "onednn");
  snprintf(profile->runner_version, sizeof(profile->runner_version), "2.6.3");
  profile->precision = JC_PRECISION_BF16;
  profile->threads = 2;
  snprintf(profile->date, sizeof(profile->date), "2025-11-21T01:02:03Z");
  profile->load = random_real();
  profile->forced = true;
  snprintf(profile->meter, sizeof(profile->meter), "powercap");
  snprintf(profile->domain, sizeof(profile->domain), "package+dram");
  profile->measured = true;
  profile->idle_power_w = 10.0 / 3;
  profile->active_power_w = 0.1;
  profile->sample_networks = 61;
  fill_reals(profile->startup_s, 3);
  profile->flops_max = 1e18 / 7;
  profile->bytes_max = random_real();
  profile->energy_per_flop_j = 5e-11 / 3;
  profile->time_per_flop_s = 4.9406564584124654e-300;
  fill_summary(&profile->time_error);
  fill_summary(&profile->energy_error);
  fill_summary(&profile->flops_time_error);
  fill_summary(&profile->flops_energy_error);
  for (uint16_t type = 0; type < JC_TYPE_COUNT; type++) {
    for (int phase = 0; phase < JC_PHASE_COUNT; phase++) {
      if (jc_type_name(type) != NULL && profile->coefficient_count < JC_MAX_COEFFICIENTS)
        fill_coefficient(&profile->coefficients[profile->coefficient_count++], type,
                         (enum jc_phase)phase);
    }
  }
  return profile;
}

static struct jc_profile *read_back(const char *from) {
  struct jc_profile *profile = malloc(sizeof(*profile));
  struct jc_error error = {0};
  char message[1400];
  cr_assert(profile != NULL);
  cr_assert_eq(jc_profile_read(from, profile, &error), JC_OK, "%s",
               (describe_error(&error, message), message));
  return profile;
}

static void write_profile(const char *to, const struct jc_profile *profile) {
  struct jc_error error = {0};
  cr_assert_eq(jc_profile_write(to, profile, &error), JC_OK, "%s", error.text);
}

Test(profile, comes_back_bit_for_bit) {
  struct jc_profile *profile = new_profile();
  write_profile(path, profile);
  struct jc_profile *back = read_back(path);
  cr_assert_eq(memcmp(profile, back, sizeof(*profile)), 0);
  free(profile);
  free(back);
}

Test(profile, unknown_values_come_back_unknown) {
  struct jc_profile *profile = new_profile();
  profile->load = NAN;
  profile->energy_error.networks = 0;
  profile->energy_error.mape = profile->energy_error.bias = NAN;
  profile->energy_error.log_half_width[2] = NAN;
  profile->coefficients[0].time_low_s[1] = profile->coefficients[0].energy_high_j[2] = NAN;
  write_profile(path, profile);
  struct jc_profile *back = read_back(path);
  cr_assert(isnan(back->load) && isnan(back->energy_error.mape) && isnan(back->energy_error.bias));
  cr_assert(isnan(back->energy_error.log_half_width[2]));
  cr_assert(isnan(back->coefficients[0].time_low_s[1]));
  cr_assert(isnan(back->coefficients[0].energy_high_j[2]));
  cr_assert_eq(back->energy_error.p90, profile->energy_error.p90);
  free(profile);
  free(back);
}

Test(profile, is_replaced_whole_and_leaves_nothing_beside_it) {
  struct jc_profile *profile = new_profile();
  write_profile(path, profile);
  write_profile(path, profile);
  cr_assert_eq(unlink(path), 0);
  cr_assert_eq(rmdir(scratch), 0, "something was left in the folder");
  cr_assert_eq(mkdir(scratch, 0700), 0);
  free(profile);
}

Test(profile, that_cannot_be_read_back_is_not_written) {
  struct jc_profile *profile = new_profile();
  struct jc_error error = {0};
  write_profile(path, profile);
  char *before = read_text(path);
  profile->coefficients[3].time_s[1] = -1;
  jc_profile_write(path, profile, &error);
  cr_assert_eq(error.status, JC_ERROR_INVALID);
  cr_assert_str_eq(error.path, "coefficients[3].time_s.per_flop");
  memset(&error, 0, sizeof(error));
  profile->coefficients[3].time_s[1] = 0;
  profile->idle_power_w = NAN;
  cr_assert_eq(jc_profile_write(path, profile, &error), JC_ERROR_INVALID);
  char *after = read_text(path);
  cr_assert_str_eq(before, after);
  free(before);
  free(after);
  free(profile);
}

Test(profile, cannot_be_written_over_a_folder) {
  struct jc_profile *profile = new_profile();
  struct jc_error error = {0};
  cr_assert_eq(mkdir(path, 0700), 0);
  jc_profile_write(path, profile, &error);
  expect_error(&error, JC_ERROR_IO, "/profile.json: cannot write: Is a directory");
  free(profile);
}

/* ---- broken files ---- */

static void read_profile(const char *from, struct jc_error *error) {
  struct jc_profile *profile = malloc(sizeof(*profile));
  cr_assert(profile != NULL);
  jc_profile_read(from, profile, error);
  free(profile);
}

Test(profile, broken_files_get_their_message) {
  const int count = check_broken_files(FIXTURES "/profiles", "", ".json", read_profile);
  cr_assert(count >= 20, "only %d", count);
}

Test(profile, fixture_without_mistakes_is_read) {
  struct jc_profile *profile = read_back(FIXTURES "/profiles/good.json");
  cr_assert_str_eq(profile->runner_version, "2.6.3");
  cr_assert_eq(profile->coefficient_count, 2);
  cr_assert_eq(profile->coefficients[1].type, JC_TYPE_STEP);
  cr_assert_eq(profile->coefficients[0].time_s[1], 2.5e-11);
  cr_assert_eq(profile->startup_s[2], 12.5);
  free(profile);
}

Test(profile, files_that_cannot_be_opened_are_named) {
  struct jc_error error = {0};
  read_profile(path, &error);
  expect_error(&error, JC_ERROR_IO, "/profile.json: cannot open: No such file or directory");
  memset(&error, 0, sizeof(error));
  read_profile(scratch, &error);
  cr_assert_eq(error.status, JC_ERROR_IO);
}

/* A kind that the program has learnt since is no difference, a split of a known one is. */
Test(profile, types_may_lack_whole_kinds_but_no_variant) {
  static const char types[] = "\"types\": [\"linear\", ";
  char *text = read_text(FIXTURES "/profiles/good.json");
  for (int kind = 0; kind < JC_LAYER_KIND_COUNT; kind++) {
    const struct jc_kind *block = jc_kind_get((enum jc_layer_kind)kind);
    struct jc_error error = {0};
    char replacement[200];
    if (jc_kind_variant(block, 1) == NULL)
      continue;
    snprintf(replacement, sizeof(replacement), "%s\"%s\", ", types, block->name);
    char *edited = edit_text(text, types, replacement);
    write_text(path, edited);
    read_profile(path, &error);
    cr_assert_eq(error.status, JC_ERROR_MISMATCH, "%s: %s", block->name, error.text);
    cr_assert(strstr(error.text, jc_kind_variant(block, 1)) != NULL, "%s", error.text);
    free(edited);
  }
  free(text);
}

Test(profile, cut_anywhere_is_refused) {
  char *text = read_text(FIXTURES "/profiles/good.json");
  for (size_t length = strlen(text) - 2; length > 0; length -= length > 37 ? 37 : length) {
    struct jc_error error = {0};
    text[length] = '\0';
    write_text(path, text);
    read_profile(path, &error);
    cr_assert_eq(error.status, JC_ERROR_INVALID, "cut at %zu: %s", length, error.text);
  }
  free(text);
}

/* ---- whose it is ---- */

static struct jc_machine machine_of(const char *cpu_model, uint32_t cpus, const char *isa) {
  struct jc_machine machine = {.cpus = cpus, .memory_bytes = UINT64_C(1) << 34};
  snprintf(machine.cpu_model, sizeof(machine.cpu_model), "%s", cpu_model);
  snprintf(machine.isa, sizeof(machine.isa), "%s", isa);
  return machine;
}

static void expect_check(const struct jc_machine *machine, const char *version,
                         enum jc_precision precision, uint32_t threads, const char *message) {
  struct jc_profile *profile = read_back(FIXTURES "/profiles/good.json");
  const struct jc_profile_use use = {
      .machine = machine, .runner_version = version, .precision = precision, .threads = threads};
  struct jc_error error = {0};
  jc_profile_check(profile, &use, &error);
  expect_error(&error, message != NULL ? JC_ERROR_MISMATCH : JC_OK, message != NULL ? message : "");
  free(profile);
}

Test(profile, is_for_one_machine_library_precision_and_thread_count) {
  const struct jc_machine here = machine_of("Intel(R) Xeon(R) Processor", 2, "avx512");
  const struct jc_machine bigger = machine_of("Intel(R) Xeon(R) Processor", 8, "avx512");
  const struct jc_machine other = machine_of("AMD EPYC 7763 64-Core Processor", 2, "avx2");
  expect_check(&here, "2.6.3", JC_PRECISION_FP32, 2, NULL);
  expect_check(&here, NULL, JC_PRECISION_FP32, 2, NULL);
  expect_check(&bigger, NULL, JC_PRECISION_FP32, 2,
               "machine: the profile is for 'Intel(R) Xeon(R) Processor' (2 CPUs, avx512), this is "
               "'Intel(R) Xeon(R) Processor' (8 CPUs, avx512); calibrate here, or use --force");
  expect_check(&other, NULL, JC_PRECISION_FP32, 2,
               "machine: the profile is for 'Intel(R) Xeon(R) Processor' (2 CPUs, avx512), this is "
               "'AMD EPYC 7763 64-Core Processor' (2 CPUs, avx2); calibrate here, or use --force");
  const struct jc_machine narrower = machine_of("Intel(R) Xeon(R) Processor", 2, "avx2");
  expect_check(&narrower, NULL, JC_PRECISION_FP32, 2,
               "machine: the profile is for 'Intel(R) Xeon(R) Processor' (2 CPUs, avx512), this is "
               "'Intel(R) Xeon(R) Processor' (2 CPUs, avx2); calibrate here, or use --force");
  expect_check(&here, "3.1.0", JC_PRECISION_FP32, 2,
               "runner: the profile is for onednn '2.6.3', the library here is '3.1.0'; calibrate "
               "again, or use --force");
  expect_check(&here, NULL, JC_PRECISION_BF16, 2,
               "precision: the profile is for fp32, the run is in bf16; calibrate with --precision "
               "bf16, or use --force");
  expect_check(&here, NULL, JC_PRECISION_FP32, 1,
               "threads: the profile is for 2 threads, the run has 1; calibrate with --threads 1, "
               "or use --force");
}

/* ---- how old it is ---- */

static double age_of(const char *date, double now_s) {
  struct jc_profile *profile = calloc(1, sizeof(*profile));
  cr_assert(profile != NULL);
  snprintf(profile->date, sizeof(profile->date), "%s", date);
  const double days = jc_profile_age_days(profile, now_s);
  free(profile);
  return days;
}

Test(profile, age_is_from_its_date_to_the_clock_given) {
  const double now_s = 1772280000; /* 2026-02-28T12:00:00Z */
  cr_assert_eq(age_of("2026-02-28T12:00:00Z", now_s), 0);
  cr_assert_eq(age_of("2026-02-27T06:00:00Z", now_s), 1.25);
  cr_assert_eq(age_of("2024-02-29T12:00:00Z", now_s), 730);
  cr_assert_eq(age_of("2026-03-01T12:00:00Z", now_s), -1);
  cr_assert(isnan(age_of("", now_s)));
  cr_assert(isnan(age_of("yesterday", now_s)));
  cr_assert(isnan(age_of("2026-02-28T12:00:00Z+2", now_s)));
}

/* ---- where it is ---- */

Test(profile, default_path_follows_the_user_folders) {
  const struct jc_machine machine =
      machine_of("Intel(R) Core(TM) i7-9700 CPU @ 3.00GHz", 8, "avx2");
  struct jc_error error = {0};
  char found[PATH_MAX];
  setenv("XDG_DATA_HOME", "/data", 1);
  jc_profile_default_path(&machine, JC_PRECISION_FP32, 4, found, sizeof(found), &error);
  cr_assert_str_eq(found,
                   "/data/joulecast/profiles/intel-core-i7-9700-cpu-3-00ghz-8cpus-fp32-t4.json");
  setenv("XDG_DATA_HOME", "not/absolute", 1);
  setenv("HOME", "/home/jo", 1);
  jc_profile_default_folder(found, sizeof(found), &error);
  cr_assert_str_eq(found, "/home/jo/.local/share/joulecast/profiles");
  cr_assert_eq(error.status, JC_OK);
  cr_assert_eq(jc_profile_default_folder(found, 10, &error), JC_ERROR_STORAGE);

  memset(&error, 0, sizeof(error));
  unsetenv("HOME");
  jc_profile_default_folder(found, sizeof(found), &error);
  expect_error(&error, JC_ERROR_MISSING,
               "no folder for profiles: neither XDG_DATA_HOME nor HOME is set; give the file with "
               "--profile or -o");
}

static void keep_profile(const char *name, const char *find, const char *replacement) {
  char *text = read_text(FIXTURES "/profiles/good.json");
  char *edited = edit_text(text, find, replacement);
  char folder[PATH_MAX], file[PATH_MAX];
  join_path(folder, scratch, "joulecast/profiles");
  join_path(file, folder, name);
  write_text(file, edited);
  free(text);
  free(edited);
}

static void expect_found(uint32_t threads, const char *name) {
  const struct jc_machine here = machine_of("Intel(R) Xeon(R) Processor", 2, "avx512");
  struct jc_error error = {0};
  char found[PATH_MAX];
  jc_profile_find_default(&here, JC_PRECISION_FP32, threads, found, sizeof(found), &error);
  if (strstr(name, "no profile") != NULL) {
    expect_error(&error, JC_ERROR_MISSING, name);
    return;
  }
  cr_assert_eq(error.status, JC_OK, "%s", error.text);
  cr_assert_str_eq(strrchr(found, '/') + 1, name);
}

#define ADVICE "; run `joulecast calibrate`, or use `--method roofline`"

Test(profile, default_is_the_newest_of_this_machine) {
  expect_found(2, "no profile for this machine" ADVICE);
  keep_profile("other.json", "Xeon", "Atom");
  keep_profile("newer-version.json", "profile/1", "profile/2");
  keep_profile("notes.txt", "2025", "2026");
  char message[PATH_MAX + 200];
  snprintf(message, sizeof(message),
           "no profile for this machine in %s/joulecast/profiles (1 for other machines, 1 "
           "unreadable or of another version)" ADVICE,
           scratch);
  expect_found(2, message);

  keep_profile("one-thread.json", "\"threads\": 2", "\"threads\": 1");
  expect_found(2, "no profile of this machine for 2 threads (there is one for 1); run `joulecast "
                  "calibrate --threads 2`, or use `--method roofline`");
  keep_profile("old.json", "2025", "2024");
  expect_found(2, "old.json");
  keep_profile("new.json", "2025-11-21", "2025-11-22");
  keep_profile("middle.json", "2025", "2025");
  expect_found(2, "new.json");
  expect_found(1, "one-thread.json");
  expect_found(0, "new.json");
}
