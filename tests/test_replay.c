/* test_replay.c -- recorded traces: replayed in their own time, and refused where broken. */
#include <math.h>

#include "calibrate/meter.h"
#include "tests/powercap_tree.h"

#define HEAD(source, counters)                                                                     \
  "{\"schema\":\"joulecast.trace/1\",\"power_source\":\"" source "\",\"counters\":[" counters "]}" \
  "\n"
#define ZONE "{\"name\":\"a\",\"domain\":\"package\",\"unit_j\":0.001,\"range\":1000000}"
#define MORE "{\"name\":\"b\",\"domain\":\"dram\",\"covers\":\"dram 0\",\"unit_j\":0.01}"

static struct tree tree;
static char path[TREE_PATH];

static void write_trace(const char *text) {
  tree_make(&tree);
  tree_join(path, tree.root, "trace.jsonl");
  FILE *out = fopen(path, "w");
  cr_assert(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
}

static struct jc_meter *open_trace(const char *name, const char *text) {
  struct jc_error error = {0};
  struct jc_meter *meter = NULL;
  write_trace(text);
  struct jc_meter_options options = {.trace_path = path};
  cr_assert_eq(jc_meter_open(name, &options, &meter, &error), JC_OK, "%s:%u: %s: %s", error.file,
               error.line, error.path, error.text);
  return meter;
}

static struct jc_meter_reading read_now(struct jc_meter *meter) {
  struct jc_meter_reading reading;
  struct jc_error error = {0};
  cr_assert_eq(jc_meter_read(meter, &reading, &error), JC_OK, "%s", error.text);
  return reading;
}

static double now_s(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* 40 W and 5 W for 20 s; the first counter wraps soon after the beginning. */
Test(replay, energy_of_the_trace) {
  struct jc_meter *meter = open_trace(
      "replay", HEAD("measured", ZONE "," MORE) "{\"time_s\":7,\"counts\":[995000,0]}\n"
                                                "{\"time_s\":17,\"counts\":[395000,5000]}\n"
                                                "{\"time_s\":27,\"counts\":[795000,10000]}\n");
  const struct jc_meter_info *info = jc_meter_info(meter);
  cr_assert_str_eq(info->name, "replay");
  cr_assert_str_eq(info->domain, "package+dram");
  cr_assert_str_eq(info->covers, "a, dram 0");
  cr_assert(info->measured);
  cr_assert_str_eq(info->notes[0],
                   "replayed from a recorded trace of 20 s, measured when it was recorded");
  const struct timespec pause = {.tv_nsec = 300000000};
  double begin_s = now_s();
  struct jc_meter_reading before = read_now(meter);
  double inner_begin_s = now_s();
  (void)nanosleep(&pause, NULL);
  double inner_end_s = now_s();
  struct jc_meter_reading after = read_now(meter);
  double end_s = now_s();
  for (int i = 0; i < 2; i++) {
    double power_w = i == 0 ? 40 : 5;
    double energy_j = after.counter_energy_j[i] - before.counter_energy_j[i];
    cr_assert_geq(energy_j, power_w * (inner_end_s - inner_begin_s) - 0.02);
    cr_assert_leq(energy_j, power_w * (end_s - begin_s) + 0.02);
  }
  jc_meter_close(meter);
  tree_remove(&tree);
}

Test(replay, what_was_modelled_stays_modelled) {
  struct jc_meter *meter = open_trace(
      NULL, HEAD("modelled", ZONE) "{\"time_s\":0,\"counts\":[0]}\n"
                                   "{\"time_s\":60,\"counts\":[0]}\n"); /* and may be 0 W */
  cr_assert_str_eq(jc_meter_info(meter)->name, "replay");
  cr_assert(!jc_meter_info(meter)->measured);
  cr_assert_float_eq(read_now(meter).energy_j, 0, 1e-9);
  jc_meter_close(meter);
  tree_remove(&tree);
}

/* Of the driver alone: opening a meter takes longer than this trace. */
Test(replay, behind_its_end_reading_fails) {
  static struct jc_meter_info info;
  struct jc_error error = {0};
  void *state;
  uint64_t count;
  write_trace(HEAD("measured", ZONE) "{\"time_s\":0,\"counts\":[0]}\n"
                                     "{\"time_s\":0.05,\"counts\":[500]}\n");
  struct jc_meter_options options = {.trace_path = path};
  cr_assert_eq(jc_meter_driver_replay.open(&options, &info, &state, &error), JC_OK);
  while (jc_meter_driver_replay.read(state, 0, &count, &error) == JC_OK) {
    cr_assert_leq(count, 500);
  }
  cr_assert_eq(error.status, JC_ERROR_UNAVAILABLE);
  cr_assert_str_eq(error.path, "replay");
  cr_assert_str_eq(error.text,
                   "the recorded trace ends after 0.05 s: nothing is known of what came later");
  jc_meter_driver_replay.close(state);
  tree_remove(&tree);
}

Test(replay, a_trace_that_stands_still_is_no_measurement) {
  write_trace(HEAD("measured", ZONE) "{\"time_s\":0,\"counts\":[7]}\n"
                                     "{\"time_s\":60,\"counts\":[7]}\n");
  struct jc_meter_options options = {.trace_path = path};
  struct jc_error error = {0};
  struct jc_meter *meter;
  cr_assert_eq(jc_meter_open("replay", &options, &meter, &error), JC_ERROR_UNAVAILABLE);
  cr_assert(strstr(error.text, "'a' does not advance in 200 ms") != NULL, "got: %s", error.text);
  tree_remove(&tree);
}

Test(replay, broken_traces) {
#define FIRST "{\"time_s\":0,\"counts\":[5]}\n"
  static const struct {
    const char *text;
    uint32_t line;
    const char *field, *message;
  } cases[] = {
      {"", 1, "", "expected a head and at least two readings, a line each, got 0 readings"},
      {HEAD("measured", ZONE) FIRST, 3, "",
       "expected a head and at least two readings, a line each, got 1 readings"},
      {FIRST, 1, "", "'schema' is missing"},
      {"{\"schema\":\"joulecast.trace/9\"}\n", 1, "schema", ""},
      {HEAD("guessed", ZONE), 1, "power_source", ""},
      {HEAD("measured", ""), 1, "counters", "expected 1 to 64 counters, got 0"},
      {HEAD("measured", "{\"name\":\"a\",\"unit_j\":1}"), 1, "counters[0]", ""},
      {HEAD("measured", "{\"name\":\"a\",\"domain\":\"package\",\"unit_j\":0}"), 1,
       "counters[0].unit_j", "expected a positive number up to 1000000, got 0"},
      {HEAD("measured", "{\"name\":\"a\",\"domain\":\"package\",\"unit_j\":1,\"range\":1}"), 1,
       "counters[0].range", ""},
      {HEAD("measured", ZONE) FIRST "{\"time_s\":0,\"counts\":[6]}\n", 3, "time_s",
       "expected more than the 0 s of the reading before, got 0"},
      {HEAD("measured", ZONE) FIRST "{\"time_s\":1,\"counts\":[6,7]}\n", 3, "counts",
       "expected 1 counts, one of each counter, got 2"},
      {HEAD("measured", ZONE) FIRST "{\"time_s\":1,\"counts\":[1000000]}\n", 3, "counts[0]",
       "expected a non-negative integer up to 999999, got 1000000"},
      {HEAD("measured", ZONE) FIRST "{\"time_s\":1,\"counts\":[-1]}\n", 3, "counts[0]", ""},
      {HEAD("measured", ZONE) FIRST "{\"time_s\":1,\"counts\":[1.5]}\n", 3, "counts[0]", ""},
      {HEAD("measured", MORE) FIRST "{\"time_s\":1,\"counts\":[4]}\n", 3, "counts[0]",
       "expected 5 or more, since the counter has no range, got 4"},
      {HEAD("measured", ZONE) FIRST "{\"time_s\":1,\"counts\":7}\n", 3, "counts", ""},
      {HEAD("measured", ZONE) FIRST "{\"time_s\":1,\"count\":[7]}\n", 3, "", ""},
      {HEAD("measured", ZONE) FIRST "{\"time_s\":1,\"cou", 3, "", ""},
      {HEAD("measured", ZONE) "\n" FIRST, 2, "", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_trace(cases[i].text);
    struct jc_meter_options options = {.trace_path = path};
    struct jc_error error = {0};
    struct jc_meter *meter;
    enum jc_status status = jc_meter_open("replay", &options, &meter, &error);
    cr_assert(status == JC_ERROR_INVALID || status == JC_ERROR_MISMATCH, "case %zu: %d", i, status);
    cr_assert_eq(error.line, cases[i].line, "case %zu: line %u: %s", i, error.line, error.text);
    cr_assert_str_eq(error.path, cases[i].field, "case %zu: %s: %s", i, error.path, error.text);
    cr_assert_str_eq(error.file, path);
    cr_assert(strstr(error.text, cases[i].message) != NULL, "case %zu: %s", i, error.text);
    cr_assert_str_neq(error.text, "");
    tree_remove(&tree);
  }
}

Test(replay, options) {
  struct jc_error error = {0};
  struct jc_meter *meter;
  cr_assert_eq(jc_meter_open("replay", NULL, &meter, &error), JC_ERROR_MISSING);
  cr_assert_str_eq(error.text, "give the recorded trace with --meter-trace FILE");
  error = (struct jc_error){0};
  struct jc_meter_options options = {.trace_path = "/nowhere/trace.jsonl"};
  cr_assert_eq(jc_meter_open(NULL, &options, &meter, &error), JC_ERROR_IO);
  error = (struct jc_error){0};
  cr_assert_eq(jc_meter_open("powercap", &options, &meter, &error), JC_ERROR_USAGE);
  cr_assert_str_eq(error.text,
                   "meter 'powercap' reads no trace: leave it out, or name meter 'replay'");
}
