/* meter_probe.c -- the list of meter drivers, and whether one works on this machine. */
#include "calibrate/meter.h"

#include <stdarg.h>
#include <string.h>

#include "calibrate/clock.h"

static const double probe_s = 0.2;

const char *jc_meter_state_name(enum jc_meter_state state) {
  static const char *const names[] = {
      [JC_METER_OK] = "ok",
      [JC_METER_ABSENT] = "absent",
      [JC_METER_PERMISSION] = "permission",
      [JC_METER_NOT_ADVANCING] = "not-advancing",
      [JC_METER_UNREADABLE] = "unreadable",
      [JC_METER_UNSUPPORTED] = "unsupported",
      [JC_METER_DUPLICATE] = "duplicate",
  };
  return names[state];
}

const struct jc_meter_driver *jc_meter_driver_at(uint32_t index) {
#define NUMBER(name)  number_of_##name,
#define ADDRESS(name) &jc_meter_driver_##name,
  enum { JC_METER_DRIVERS(NUMBER) driver_count };
  static const struct jc_meter_driver *const drivers[] = {JC_METER_DRIVERS(ADDRESS)};
#undef NUMBER
#undef ADDRESS
  _Static_assert((int)driver_count <= (int)JC_METER_MAX_DRIVERS, "raise the limit");
  return index < driver_count ? drivers[index] : NULL;
}

struct jc_meter_counter *jc_meter_add_counter(struct jc_meter_info *info) {
  if (info->counter_count == JC_METER_MAX_COUNTERS) {
    return NULL;
  }
  struct jc_meter_counter *counter = &info->counters[info->counter_count++];
  *counter = (struct jc_meter_counter){.die_of = JC_METER_WHOLE};
  return counter;
}

void jc_meter_note(struct jc_meter_info *info, const char *format, ...) {
  if (info->note_count == JC_METER_MAX_NOTES) {
    return;
  }
  char *note = info->notes[info->note_count++];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(note, sizeof info->notes[0], format, arguments);
  va_end(arguments);
}

const char *jc_meter_system_text(int code, char *buffer, size_t size) {
  (void)snprintf(buffer, size, "%s", strerror(code));
  if (buffer[0] >= 'A' && buffer[0] <= 'Z' && buffer[1] >= 'a' && buffer[1] <= 'z') {
    buffer[0] = (char)(buffer[0] - 'A' + 'a');
  }
  return buffer;
}

void jc_meter_spin(double duration_s) {
  double end_s = now_s() + duration_s;
  while (now_s() < end_s) {
    /* asking for the time is the load */
  }
}

/* Reads counter INDEX; a failure puts it out of the sum. */
static bool read_or_leave_out(const struct jc_meter_driver *driver, void *state,
                              struct jc_meter_info *info, uint32_t index, uint64_t *count) {
  struct jc_error error = {0};
  if (driver->read(state, index, count, &error) == JC_OK) {
    return true;
  }
  struct jc_meter_counter *counter = &info->counters[index];
  counter->state = JC_METER_UNREADABLE;
  (void)snprintf(counter->detail, sizeof counter->detail, "%.159s", error.text);
  return false;
}

/* Loads a core until every counter has advanced, for at most probe_s. Counters that have not are
 * put out of the sum. */
static void require_advance(const struct jc_meter_driver *driver, void *state,
                            struct jc_meter_info *info) {
  uint64_t first[JC_METER_MAX_COUNTERS] = {0};
  bool waiting[JC_METER_MAX_COUNTERS] = {false};
  for (uint32_t i = 0; i < info->counter_count; i++) {
    waiting[i] = info->counters[i].state == JC_METER_OK &&
                 read_or_leave_out(driver, state, info, i, &first[i]);
  }
  double end_s = now_s() + probe_s;
  bool any = true;
  while (any && now_s() < end_s) {
    jc_meter_spin(0.004);
    any = false;
    for (uint32_t i = 0; i < info->counter_count; i++) {
      uint64_t count;
      waiting[i] =
          waiting[i] && read_or_leave_out(driver, state, info, i, &count) && count == first[i];
      any = any || waiting[i];
    }
  }
  for (uint32_t i = 0; i < info->counter_count; i++) {
    if (waiting[i]) {
      struct jc_meter_counter still = info->counters[i];
      still.state = JC_METER_NOT_ADVANCING;
      (void)snprintf(still.detail, sizeof still.detail,
                     "'%.63s' does not advance in %.0f ms of load", info->counters[i].name,
                     1000 * probe_s);
      info->counters[i] = still;
    }
  }
}

static void append(char *list, size_t size, const char *item, const char *separator) {
  size_t length = strlen(list);
  (void)snprintf(list + length, size - length, "%s%s", length > 0 ? separator : "", item);
}

/* Whether a counted counter before INDEX has the same domain. */
static bool domain_is_listed(const struct jc_meter_info *info, uint32_t index) {
  for (uint32_t i = 0; i < index; i++) {
    if (info->counters[i].state == JC_METER_OK &&
        strcmp(info->counters[i].domain, info->counters[index].domain) == 0) {
      return true;
    }
  }
  return false;
}

/* Memory alone is no meter of a machine: its energy is added to that of packages. */
static bool is_addition(const struct jc_meter_counter *counter) {
  return strcmp(counter->domain, "dram") == 0;
}

/* Sets what the sum holds, or why there is none. The first denied counter is the best reason:
 * it is the one that a user can mend. */
static void judge(struct jc_meter_info *info) {
  const struct jc_meter_counter *obstacle = NULL;
  bool usable = false;
  for (uint32_t i = 0; i < info->counter_count; i++) {
    const struct jc_meter_counter *counter = &info->counters[i];
    if (counter->state == JC_METER_OK) {
      usable = usable || !is_addition(counter);
      if (!domain_is_listed(info, i)) {
        append(info->domain, sizeof info->domain, counter->domain, "+");
      }
      append(info->covers, sizeof info->covers, counter->covers, ", ");
      continue;
    }
    jc_meter_note(info, "%s (%s) is not counted: %s", counter->name, counter->covers,
                  counter->detail);
    if (!is_addition(counter) && (obstacle == NULL || (counter->state == JC_METER_PERMISSION &&
                                                       obstacle->state != JC_METER_PERMISSION))) {
      obstacle = counter;
    }
  }
  if (usable || info->counter_count == 0) {
    return;
  }
  info->domain[0] = '\0';
  info->covers[0] = '\0';
  info->state = obstacle != NULL ? obstacle->state : JC_METER_ABSENT;
  (void)snprintf(info->reason, sizeof info->reason, "%s",
                 obstacle != NULL ? obstacle->detail : "no package counter");
}

enum jc_status jc_meter_inspect(const struct jc_meter_driver *driver,
                                const struct jc_meter_options *options, struct jc_meter_info *info,
                                void **state, struct jc_error *error) {
  static const struct jc_meter_options defaults = {0};
  *state = NULL;
  memset(info, 0, sizeof *info);
  (void)snprintf(info->name, sizeof info->name, "%s", driver->name);
  info->measured = driver->measured;
  enum jc_status status = driver->open(options ? options : &defaults, info, state, error);
  if (status != JC_OK) {
    *state = NULL;
    info->state = JC_METER_ABSENT;
    (void)snprintf(info->reason, sizeof info->reason, "%.255s", error->text);
    return status;
  }
  if (info->measured) {
    require_advance(driver, *state, info);
    jc_meter_leave_out_mirrors(driver, *state, info);
  }
  judge(info);
  if (info->state != JC_METER_OK) {
    driver->close(*state);
    *state = NULL;
  }
  return JC_OK;
}

enum jc_status jc_meter_find_driver(const char *name, const struct jc_meter_driver **driver,
                                    struct jc_error *error) {
  char known[128] = "";
  for (uint32_t i = 0; (*driver = jc_meter_driver_at(i)) != NULL; i++) {
    if (strcmp(name, (*driver)->name) == 0) {
      return JC_OK;
    }
    append(known, sizeof known, (*driver)->name, ", ");
  }
  return jc_fail(error, JC_ERROR_USAGE, 0, NULL, "unknown meter '%.64s': expected one of %s", name,
                 known);
}

enum jc_status jc_meter_probe(const char *name, const struct jc_meter_options *options,
                              struct jc_meter_info *info, struct jc_error *error) {
  const struct jc_meter_driver *driver;
  enum jc_status status = jc_meter_find_driver(name, &driver, error);
  if (status != JC_OK) {
    return status;
  }
  struct jc_error obstacle = {0};
  void *state;
  if (jc_meter_inspect(driver, options, info, &state, &obstacle) == JC_OK &&
      info->state == JC_METER_OK) {
    driver->close(state);
  }
  return JC_OK;
}
