/* meter_choice.c -- one source per piece of hardware: by name, or the first that works. */
#include "calibrate/meter_choice.h"

#include <stdlib.h>
#include <string.h>

/* ---- Sources -------------------------------------------------------------------------------- */

const struct jc_meter_source *jc_meter_source_of(const struct jc_meter_choice *choice,
                                                 uint32_t counter) {
  const struct jc_meter_source *source = choice->sources;
  while (counter >= source->first + source->count) {
    source++;
  }
  return source;
}

enum jc_status jc_meter_read_raw(const struct jc_meter_choice *choice, uint32_t counter,
                                 uint64_t *count, struct jc_error *error) {
  const struct jc_meter_source *source = jc_meter_source_of(choice, counter);
  return source->driver->read(source->state, counter - source->first, count, error);
}

void jc_meter_choice_close(struct jc_meter_choice *choice) {
  for (uint32_t i = 0; i < choice->source_count; i++) {
    choice->sources[i].driver->close(choice->sources[i].state);
  }
  choice->source_count = 0;
}

static void append(char *list, size_t size, const char *item, const char *separator) {
  size_t length = strlen(list);
  (void)snprintf(list + length, size - length, "%s%s", length > 0 ? separator : "", item);
}

/* Makes what ADDED counts part of the sum. */
static enum jc_status add_to_sum(const struct jc_meter_info *added, struct jc_meter_info *sum,
                                 struct jc_error *error) {
  if (sum->counter_count + added->counter_count > JC_METER_MAX_COUNTERS) {
    return jc_fail(error, JC_ERROR_OVERFLOW, 0, added->name, "more than %d energy counters",
                   JC_METER_MAX_COUNTERS);
  }
  sum->measured = added->measured && (sum->measured || sum->counter_count == 0);
  append(sum->name, sizeof sum->name, added->name, "+");
  append(sum->domain, sizeof sum->domain, added->domain, "+");
  append(sum->covers, sizeof sum->covers, added->covers, ", ");
  memcpy(sum->counters + sum->counter_count, added->counters,
         added->counter_count * sizeof added->counters[0]);
  sum->counter_count += added->counter_count;
  for (uint32_t i = 0; i < added->note_count; i++) {
    jc_meter_note(sum, "%s", added->notes[i]);
  }
  return JC_OK;
}

/* Opens DRIVER as one more source of CHOICE. What it is, or why it is none, goes to INFO. */
static enum jc_status add_source(const struct jc_meter_driver *driver,
                                 const struct jc_meter_options *options,
                                 struct jc_meter_choice *choice, struct jc_meter_info *info,
                                 struct jc_error *error) {
  struct jc_meter_source source = {.driver = driver, .first = choice->info.counter_count};
  if (jc_meter_inspect(driver, options, info, &source.state, error) != JC_OK) {
    return error->status;
  }
  if (info->state != JC_METER_OK) {
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, driver->name,
                   "%s; run `joulecast doctor` for the fix", info->reason);
  }
  if (add_to_sum(info, &choice->info, error) != JC_OK) {
    driver->close(source.state);
    return error->status;
  }
  source.count = info->counter_count;
  source.measured = info->measured;
  choice->sources[choice->source_count++] = source;
  return JC_OK;
}

/* ---- By name -------------------------------------------------------------------------------- */

static enum jc_status choose_drivers(const struct jc_meter_driver *const *drivers, uint32_t count,
                                     const struct jc_meter_options *options,
                                     struct jc_meter_choice *choice, struct jc_meter_info *info,
                                     struct jc_error *error) {
  for (uint32_t i = 0; i < count; i++) {
    if (add_source(drivers[i], options, choice, info, error) != JC_OK) {
      jc_meter_choice_close(choice);
      return error->status;
    }
  }
  return JC_OK;
}

enum jc_status jc_meter_choose_drivers(const struct jc_meter_driver *const *drivers, uint32_t count,
                                       const struct jc_meter_options *options,
                                       struct jc_meter_choice *choice, struct jc_error *error) {
  struct jc_meter_info *info = malloc(sizeof *info);
  if (info == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for a meter");
  }
  enum jc_status status = choose_drivers(drivers, count, options, choice, info, error);
  free(info);
  return status;
}

/* Adds DRIVER to the list, unless what it counts is counted already. */
static enum jc_status list_driver(const struct jc_meter_driver *driver, const char *name,
                                  const struct jc_meter_driver **drivers, uint32_t *count,
                                  struct jc_error *error) {
  for (uint32_t i = 0; i < *count; i++) {
    if (drivers[i]->hardware == driver->hardware || driver->hardware == JC_METER_RECORDED ||
        drivers[i]->hardware == JC_METER_RECORDED) {
      return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                     "meter '%.64s': %s and %s may count the same hardware: name one of them", name,
                     drivers[i]->name, driver->name);
    }
  }
  drivers[(*count)++] = driver;
  return JC_OK;
}

/* "powercap+nvml". There are fewer kinds of hardware than JC_METER_MAX_SOURCES. */
static enum jc_status choose_named(const char *name, const struct jc_meter_options *options,
                                   struct jc_meter_choice *choice, struct jc_error *error) {
  const struct jc_meter_driver *drivers[JC_METER_MAX_SOURCES];
  uint32_t count = 0;
  for (const char *part = name;; part++) {
    const struct jc_meter_driver *driver;
    char word[65];
    size_t length = strcspn(part, "+");
    (void)snprintf(word, sizeof word, "%.*s", (int)(length < 64 ? length : 64), part);
    if (jc_meter_find_driver(word, &driver, error) != JC_OK ||
        list_driver(driver, name, drivers, &count, error) != JC_OK) {
      return error->status;
    }
    part += length;
    if (*part == '\0') {
      return jc_meter_choose_drivers(drivers, count, options, choice, error);
    }
  }
}

/* ---- By itself ------------------------------------------------------------------------------ */

static void remember(const struct jc_meter_driver *driver, const struct jc_meter_info *info,
                     const struct jc_error *error, struct jc_meter_choice *choice) {
  struct jc_meter_attempt *attempt = &choice->attempts[choice->attempt_count++];
  attempt->name = driver->name;
  attempt->state = info->state == JC_METER_OK ? JC_METER_UNREADABLE : info->state;
  (void)snprintf(attempt->reason, sizeof attempt->reason, "%.255s",
                 info->state == JC_METER_OK ? error->text : info->reason);
}

static enum jc_status fail_with_attempts(const struct jc_meter_choice *choice, bool allow_model,
                                         struct jc_error *error) {
  char reasons[400] = "";
  for (uint32_t i = 0; i < choice->attempt_count; i++) {
    size_t length = strlen(reasons);
    (void)snprintf(reasons + length, sizeof reasons - length, "%s%s: %.100s", i > 0 ? "; " : "",
                   choice->attempts[i].name, choice->attempts[i].reason);
  }
  return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, NULL,
                 "no energy meter works (%s); run `joulecast doctor` for the fix%s", reasons,
                 allow_model ? "" : ", or give --meter model");
}

/* The first driver of the processor that works. */
static enum jc_status choose_processor(const struct jc_meter_options *options,
                                       struct jc_meter_choice *choice, struct jc_meter_info *info,
                                       struct jc_error *error) {
  const struct jc_meter_driver *driver;
  for (uint32_t i = 0; (driver = jc_meter_driver_at(i)) != NULL; i++) {
    struct jc_error obstacle = {0};
    if (driver->hardware != JC_METER_PROCESSOR || (!driver->measured && !options->allow_model)) {
      continue;
    }
    if (add_source(driver, options, choice, info, &obstacle) == JC_OK) {
      return JC_OK;
    }
    remember(driver, info, &obstacle, choice);
  }
  return fail_with_attempts(choice, options->allow_model, error);
}

/* The first driver of boards that works, beside a measured processor: what is there and cannot be
 * counted is said. Beside a modelled one it would only make the sum look better than it is. */
static void choose_boards(const struct jc_meter_options *options, struct jc_meter_choice *choice,
                          struct jc_meter_info *info) {
  const struct jc_meter_driver *driver;
  for (uint32_t i = 0; choice->info.measured && (driver = jc_meter_driver_at(i)) != NULL; i++) {
    struct jc_error obstacle = {0};
    if (driver->hardware != JC_METER_BOARD) {
      continue;
    }
    if (add_source(driver, options, choice, info, &obstacle) == JC_OK) {
      return;
    }
    if (info->state != JC_METER_ABSENT) {
      jc_meter_note(&choice->info, "%s is not in the sum: %.200s", driver->name, obstacle.text);
    }
  }
}

static enum jc_status choose_first(const struct jc_meter_options *options,
                                   struct jc_meter_choice *choice, struct jc_error *error) {
  struct jc_meter_info *info = malloc(sizeof *info);
  if (info == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for a meter");
  }
  if (choose_processor(options, choice, info, error) == JC_OK) {
    choose_boards(options, choice, info);
  }
  free(info);
  return error->status;
}

enum jc_status jc_meter_choose(const char *name, const struct jc_meter_options *options,
                               struct jc_meter_choice *choice, struct jc_error *error) {
  static const struct jc_meter_options defaults = {0};
  const struct jc_meter_options *chosen = options != NULL ? options : &defaults;
  if (chosen->trace_path != NULL && name != NULL && strcmp(name, "replay") != 0) {
    return jc_fail(error, JC_ERROR_USAGE, 0, NULL,
                   "meter '%.64s' reads no trace: leave it out, or name meter 'replay'", name);
  }
  if (name == NULL && chosen->trace_path == NULL) {
    return choose_first(chosen, choice, error);
  }
  return choose_named(name != NULL ? name : "replay", chosen, choice, error);
}
