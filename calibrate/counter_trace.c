/* counter_trace.c -- lines of joulecast.trace/1. */
#include "calibrate/counter_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "estimator/json.h"

static enum jc_status fail_to_write(const struct jc_counter_trace *trace, int code,
                                    struct jc_error *error) {
  (void)jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot write: %s", strerror(code));
  jc_error_name_file(error, trace->path);
  return error->status;
}

/* In one write, so that a line is whole or absent but for a crash of the machine. */
static enum jc_status write_line(struct jc_counter_trace *trace, struct jc_json_writer *writer,
                                 struct jc_error *error) {
  char *text = NULL;
  size_t length = 0;
  if (jc_put_finish(writer, &text, &length, error) != JC_OK)
    return error->status;
  text[length] = '\n'; /* in the place of the NUL */
  const ssize_t written = write(trace->fd, text, length + 1);
  const int code = written < 0 ? errno : ENOSPC;
  free(text);
  if (written != (ssize_t)length + 1 || (fdatasync(trace->fd) != 0 && errno != EINVAL))
    return fail_to_write(trace, written < 0 || written != (ssize_t)length + 1 ? code : errno,
                         error);
  return JC_OK;
}

static enum jc_status write_head(struct jc_counter_trace *trace, struct jc_error *error) {
  struct jc_json_writer w;
  jc_put_start(&w, JC_JSON_COMPACT);
  jc_put_object(&w, NULL);
  jc_put_string(&w, "schema", "joulecast.trace/1");
  jc_put_string(&w, "power_source", trace->meter->measured ? "measured" : "modelled");
  jc_put_array(&w, "counters");
  for (uint32_t i = 0; i < trace->meter->counter_count; i++) {
    const struct jc_meter_counter *counter = &trace->meter->counters[i];
    if (counter->state != JC_METER_OK)
      continue;
    jc_put_object(&w, NULL);
    jc_put_string(&w, "name", counter->name);
    jc_put_string(&w, "domain", counter->domain);
    jc_put_string(&w, "covers", counter->covers);
    jc_put_real(&w, "unit_j", counter->unit_j);
    jc_put_end(&w);
  }
  jc_put_end(&w);
  jc_put_end(&w);
  return write_line(trace, &w, error);
}

enum jc_status jc_counter_trace_open(const char *path, const struct jc_meter_info *meter,
                                     struct jc_counter_trace *trace, struct jc_error *error) {
  *trace = (struct jc_counter_trace){.meter = meter, .path = path};
  trace->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (trace->fd < 0)
    return fail_to_write(trace, errno, error);
  if (write_head(trace, error) != JC_OK)
    jc_counter_trace_close(trace);
  return error->status;
}

enum jc_status jc_counter_trace_add(struct jc_counter_trace *trace,
                                    const struct jc_meter_reading *reading,
                                    struct jc_error *error) {
  struct jc_json_writer w;
  if (trace->begin_s == 0)
    trace->begin_s = reading->time_s;
  else if (reading->time_s <= trace->last_s)
    return JC_OK;
  trace->last_s = reading->time_s;
  jc_put_start(&w, JC_JSON_COMPACT);
  jc_put_object(&w, NULL);
  jc_put_real(&w, "time_s", reading->time_s - trace->begin_s);
  jc_put_array(&w, "counts");
  for (uint32_t i = 0; i < reading->counter_count; i++) {
    const struct jc_meter_counter *counter = &trace->meter->counters[i];
    if (counter->state == JC_METER_OK)
      jc_put_uint(&w, NULL, (uint64_t)llround(reading->counter_energy_j[i] / counter->unit_j));
  }
  jc_put_end(&w);
  jc_put_end(&w);
  return write_line(trace, &w, error);
}

void jc_counter_trace_close(struct jc_counter_trace *trace) {
  if (trace->fd >= 0)
    (void)close(trace->fd);
  trace->fd = -1;
}
