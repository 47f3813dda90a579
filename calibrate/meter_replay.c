/* meter_replay.c -- a recorded trace of counters, replayed in the time it was recorded in.
 *
 *   {"schema":"joulecast.trace/1","power_source":"measured","counters":[{"name":"intel-rapl:0",
 *    "domain":"package","covers":"package-0","unit_j":1e-6,"range":262143328851}]}
 *   {"time_s":0,"counts":[262143300000]}
 *   {"time_s":0.5,"counts":[3100000]}
 *
 * (data/README.md has the fields.) The trace begins when the meter is opened. Between two readings
 * counts go up evenly; behind the last one reading fails. What was measured when it was recorded is
 * called measured, what was modelled is not.
 */
#include "calibrate/meter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/clock.h"
#include "estimator/file_io.h"
#include "estimator/json.h"

static const char schema[] = "joulecast.trace/1";
static const double longest_s = 1e9;

/* N readings of C counters. */
struct trace {
  char *text; /* of the file, read line by line */
  const char *path;
  uint32_t counter_count;                 /* C */
  uint64_t ranges[JC_METER_MAX_COUNTERS]; /* of C; 0: none */
  size_t reading_count, capacity;         /* N, and how many there is room for */
  double *times_s;                        /* [N], rising */
  uint64_t *counts;                       /* [N][C] */
  double begin_s;                         /* of replaying, CLOCK_MONOTONIC */
};

static void close_trace(void *state) {
  struct trace *trace = state;
  if (trace != NULL) {
    free(trace->text);
    free(trace->times_s);
    free(trace->counts);
    free(trace);
  }
}

/* ---- The head ------------------------------------------------------------------------------- */

static void get_counter(const struct jc_json_node *node, struct trace *trace,
                        struct jc_meter_info *info, struct jc_error *error) {
  static const char *const keys[] = {"name", "domain", "covers", "unit_j", "range"};
  struct jc_meter_counter *counter = jc_meter_add_counter(info);
  jc_json_only_keys(node, keys, sizeof keys / sizeof *keys, error);
  jc_json_copy_string(jc_json_need(node, "name", error), counter->name, sizeof counter->name,
                      error);
  jc_json_copy_string(jc_json_need(node, "domain", error), counter->domain, sizeof counter->domain,
                      error);
  (void)snprintf(counter->covers, sizeof counter->covers, "%s", counter->name);
  jc_json_copy_string(jc_json_member(node, "covers"), counter->covers, sizeof counter->covers,
                      error);
  jc_json_get_real(jc_json_need(node, "unit_j", error), JC_JSON_POSITIVE, 1e6, &counter->unit_j,
                   error);
  jc_json_get_uint(jc_json_member(node, "range"), 2, UINT64_C(1) << 63, &counter->range, error);
  trace->ranges[trace->counter_count++] = counter->range;
}

static void get_head(const struct jc_json_node *root, struct trace *trace,
                     struct jc_meter_info *info, struct jc_error *error) {
  static const char *const keys[] = {"schema", "power_source", "counters"};
  static const char *const sources[] = {"modelled", "measured"};
  size_t source = 0;
  jc_json_check_schema(root, schema, error);
  jc_json_only_keys(root, keys, sizeof keys / sizeof *keys, error);
  jc_json_get_choice(jc_json_need(root, "power_source", error), sources, 2, &source, error);
  info->measured = source == 1;
  const struct jc_json_node *counters = jc_json_need(root, "counters", error);
  if (jc_json_want(counters, JC_JSON_ARRAY, error) != JC_OK) {
    return;
  }
  uint32_t count = jc_json_length(counters);
  if (count == 0 || count > JC_METER_MAX_COUNTERS) {
    jc_json_fail(counters, error, "expected 1 to %d counters, got %u", JC_METER_MAX_COUNTERS,
                 count);
    return;
  }
  const struct jc_json_node *node = jc_json_first(counters);
  for (; node != NULL; node = jc_json_next(node)) {
    get_counter(node, trace, info, error);
  }
}

/* ---- Readings ------------------------------------------------------------------------------- */

static bool make_room(struct trace *trace) {
  if (trace->reading_count < trace->capacity) {
    return true;
  }
  size_t capacity = trace->capacity > 0 ? 2 * trace->capacity : 256;
  double *times_s = realloc(trace->times_s, capacity * sizeof *times_s);
  trace->times_s = times_s != NULL ? times_s : trace->times_s;
  uint64_t *counts = realloc(trace->counts, capacity * trace->counter_count * sizeof *counts);
  trace->counts = counts != NULL ? counts : trace->counts;
  trace->capacity = times_s != NULL && counts != NULL ? capacity : trace->capacity;
  return times_s != NULL && counts != NULL;
}

/* One count: below its range, or without one not below the count BEFORE (NULL: the first). */
static void get_count(const struct jc_json_node *node, uint64_t range, const uint64_t *before,
                      uint64_t *count, struct jc_error *error) {
  jc_json_get_uint(node, 0, range != 0 ? range - 1 : UINT64_MAX, count, error);
  if (!jc_error_is_set(error) && range == 0 && before != NULL && *count < *before) {
    jc_json_fail(node, error, "expected %llu or more, since the counter has no range, got %llu",
                 (unsigned long long)*before, (unsigned long long)*count);
  }
}

static void get_reading(const struct jc_json_node *root, struct trace *trace,
                        struct jc_error *error) {
  static const char *const keys[] = {"time_s", "counts"};
  size_t n = trace->reading_count;
  const struct jc_json_node *time = jc_json_need(root, "time_s", error);
  const struct jc_json_node *counts = jc_json_need(root, "counts", error);
  jc_json_only_keys(root, keys, 2, error);
  jc_json_get_real(time, 0, longest_s, &trace->times_s[n], error);
  if (!jc_error_is_set(error) && n > 0 && trace->times_s[n] <= trace->times_s[n - 1]) {
    jc_json_fail(time, error, "expected more than the %g s of the reading before, got %g",
                 trace->times_s[n - 1], trace->times_s[n]);
  }
  if (jc_json_want(counts, JC_JSON_ARRAY, error) != JC_OK) {
    return;
  }
  if (jc_json_length(counts) != trace->counter_count) {
    jc_json_fail(counts, error, "expected %u counts, one of each counter, got %u",
                 trace->counter_count, jc_json_length(counts));
    return;
  }
  uint64_t *row = trace->counts + n * trace->counter_count;
  const struct jc_json_node *node = jc_json_first(counts);
  for (uint32_t i = 0; node != NULL; node = jc_json_next(node), i++) {
    get_count(node, trace->ranges[i], n > 0 ? row + i - trace->counter_count : NULL, &row[i],
              error);
  }
  trace->reading_count++;
}

/* LINE number NUMBER: the head, or a reading. */
static enum jc_status get_line(const char *line, size_t length, uint32_t number,
                               struct trace *trace, struct jc_meter_info *info,
                               struct jc_error *error) {
  struct jc_json *document;
  if (jc_json_parse(line, length, trace->path, number, &document, error) != JC_OK) {
    return error->status;
  }
  if (trace->counter_count == 0) {
    get_head(jc_json_root(document), trace, info, error);
  } else if (make_room(trace)) {
    get_reading(jc_json_root(document), trace, error);
  } else {
    (void)jc_fail(error, JC_ERROR_STORAGE, 0, "replay", "out of memory");
  }
  jc_json_free(document);
  return error->status;
}

static enum jc_status read_trace(struct trace *trace, struct jc_meter_info *info,
                                 struct jc_error *error) {
  size_t length;
  uint32_t number = 1;
  if (jc_file_read(trace->path, &trace->text, &length, error) != JC_OK) {
    return error->status;
  }
  trace->path = jc_file_shown_name(trace->path);
  for (const char *line = trace->text; line < trace->text + length; number++) {
    const char *newline = memchr(line, '\n', length - (size_t)(line - trace->text));
    const char *end = newline != NULL ? newline : trace->text + length;
    if (get_line(line, (size_t)(end - line), number, trace, info, error) != JC_OK) {
      return error->status;
    }
    line = end + 1;
  }
  if (trace->reading_count < 2) {
    (void)jc_fail(error, JC_ERROR_INVALID, number, NULL,
                  "expected a head and at least two readings, a line each, got %zu readings",
                  trace->reading_count);
    jc_error_name_file(error, trace->path);
  }
  return error->status;
}

/* ---- Replaying ------------------------------------------------------------------------------ */

/* The reading at or before TIME_S: the last one if it is behind all. */
static size_t find_reading(const struct trace *trace, double time_s) {
  size_t low = 0;
  size_t high = trace->reading_count;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (trace->times_s[middle] <= time_s) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

static enum jc_status read_counter(void *state, uint32_t counter, uint64_t *count,
                                   struct jc_error *error) {
  const struct trace *trace = state;
  double time_s = trace->times_s[0] + now_s() - trace->begin_s;
  size_t n = find_reading(trace, time_s);
  if (n + 1 == trace->reading_count) {
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, "replay",
                   "the recorded trace ends after %g s: nothing is known of what came later",
                   trace->times_s[n] - trace->times_s[0]);
  }
  const uint64_t *row = trace->counts + n * trace->counter_count;
  uint64_t range = trace->ranges[counter];
  uint64_t advance = row[counter + trace->counter_count] - row[counter];
  if (row[counter + trace->counter_count] < row[counter]) { /* it wrapped */
    advance += range;
  }
  double share = (time_s - trace->times_s[n]) / (trace->times_s[n + 1] - trace->times_s[n]);
  *count = row[counter] + (uint64_t)(fmax(share, 0) * (double)advance);
  if (range != 0 && *count >= range) {
    *count -= range;
  }
  return JC_OK;
}

static enum jc_status open_replay(const struct jc_meter_options *options,
                                  struct jc_meter_info *info, void **state,
                                  struct jc_error *error) {
  if (options->trace_path == NULL) {
    return jc_fail(error, JC_ERROR_MISSING, 0, "replay",
                   "give the recorded trace with --meter-trace FILE");
  }
  struct trace *trace = calloc(1, sizeof *trace);
  if (trace == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, "replay", "out of memory");
  }
  trace->path = options->trace_path;
  if (read_trace(trace, info, error) != JC_OK) {
    close_trace(trace);
    return error->status;
  }
  jc_meter_note(info, "replayed from a recorded trace of %g s, %s when it was recorded",
                trace->times_s[trace->reading_count - 1] - trace->times_s[0],
                info->measured ? "measured" : "modelled");
  trace->begin_s = now_s();
  *state = trace;
  return JC_OK;
}

const struct jc_meter_driver jc_meter_driver_replay = {
    .name = "replay",
    .summary = "a recorded trace of counters (--meter-trace), in the time it was recorded in",
    .hardware = JC_METER_RECORDED,
    .measured = true,
    .open = open_replay,
    .read = read_counter,
    .close = close_trace,
};
