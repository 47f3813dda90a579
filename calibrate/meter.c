/* meter.c -- an open meter: choice, the polling thread, unwrapping, joules. */
#include "calibrate/meter.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* More than any socket, die or board draws today; what exceeds it is not a measurement. */
static const double max_plausible_w = 2000;

/* A counter may tick late: this much time is granted on top of what passed between two readings. */
static const double tick_allowance_s = 0.1;

/* Taken for the power of a counter that has shown none yet, when a wrap may have been missed. */
static const double assumed_w = 150;

static const double stalled_after_s = 2;
static const double min_poll_s = 0.02;
static const double max_poll_s = 1;

/* Shorter intervals say nothing about power: one tick may fall into them or not. */
static const double min_power_interval_s = 0.01;

/* What has been seen of one counter. */
struct track {
  uint64_t last;    /* raw, as read last */
  uint64_t total;   /* counts since opening, unwrapped */
  double changed_s; /* when it was last seen to advance */
  double peak_w;    /* highest power over one interval */
};

struct jc_meter {
  const struct jc_meter_driver *driver;
  void *state;
  struct jc_meter_info info;
  uint32_t attempt_count;
  struct jc_meter_attempt attempts[JC_METER_MAX_DRIVERS];

  pthread_t poller;
  pthread_cond_t wake;
  pthread_mutex_t mutex; /* guards the driver's state and everything below */
  bool stopping;
  double sampled_s; /* time of the last joined reading */
  uint64_t late_polls;
  struct track tracks[JC_METER_MAX_COUNTERS];
  struct jc_error lost; /* set once a counter jumped */
};

static double now_s(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Half the time in which the fastest counter could wrap, within bounds. */
static double poll_period_s(const struct jc_meter_info *info) {
  double period_s = max_poll_s;
  for (uint32_t i = 0; i < info->counter_count; i++) {
    const struct jc_meter_counter *counter = &info->counters[i];
    if (counter->state == JC_METER_OK && counter->range != 0) {
      double range_j = (double)counter->range * counter->unit_j;
      period_s = fmin(period_s, range_j / max_plausible_w / 2);
    }
  }
  return fmax(period_s, min_poll_s);
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* Adds to its track what counter INDEX advanced to COUNT in ELAPSED_S. */
static enum jc_status join(struct jc_meter *meter, uint32_t index, uint64_t count, double time_s,
                           double elapsed_s, struct jc_error *error) {
  const struct jc_meter_counter *counter = &meter->info.counters[index];
  struct track *track = &meter->tracks[index];
  uint64_t advance = count - track->last;
  if (count < track->last) { /* modulo the range; without one, an absurd advance */
    advance += counter->range;
  }
  double energy_j = (double)advance * counter->unit_j;
  if ((counter->range != 0 && count >= counter->range) ||
      energy_j > max_plausible_w * (elapsed_s + tick_allowance_s)) {
    return jc_fail(error, JC_ERROR_RUNTIME, 0, meter->driver->name,
                   "counter '%s' jumped from %llu to %llu in %.3f s", counter->name,
                   (unsigned long long)track->last, (unsigned long long)count, elapsed_s);
  }
  if (elapsed_s >= min_power_interval_s) {
    track->peak_w = fmax(track->peak_w, energy_j / elapsed_s);
  }
  if (advance != 0) {
    track->changed_s = time_s;
  }
  track->last = count;
  track->total += advance;
  return JC_OK;
}

static bool may_have_wrapped_unseen(const struct jc_meter_counter *counter,
                                    const struct track *track, double elapsed_s) {
  double range_j = (double)counter->range * counter->unit_j;
  double power_w = track->peak_w > 0 ? track->peak_w : assumed_w;
  return counter->range != 0 && power_w * elapsed_s >= range_j;
}

/* Reads all counters and joins them to their tracks: all or, if one cannot be read, none.
 * The mutex is held. */
static enum jc_status sample(struct jc_meter *meter, struct jc_error *error) {
  const struct jc_meter_info *info = &meter->info;
  uint64_t counts[JC_METER_MAX_COUNTERS] = {0};
  if (jc_error_is_set(&meter->lost)) {
    *error = meter->lost;
    return error->status;
  }
  double begin_s = now_s();
  for (uint32_t i = 0; i < info->counter_count; i++) {
    if (info->counters[i].state == JC_METER_OK) {
      enum jc_status status = meter->driver->read(meter->state, i, &counts[i], error);
      if (status != JC_OK) {
        return status;
      }
    }
  }
  double time_s = (begin_s + now_s()) / 2;
  double elapsed_s = time_s - meter->sampled_s;
  bool late = false;
  for (uint32_t i = 0; i < info->counter_count; i++) {
    if (info->counters[i].state != JC_METER_OK) {
      continue;
    }
    late = late || may_have_wrapped_unseen(&info->counters[i], &meter->tracks[i], elapsed_s);
    if (join(meter, i, counts[i], time_s, elapsed_s, &meter->lost) != JC_OK) {
      *error = meter->lost;
      return error->status;
    }
  }
  meter->late_polls += late;
  meter->sampled_s = time_s;
  return JC_OK;
}

static enum jc_status check_advancing(const struct jc_meter *meter, struct jc_error *error) {
  const struct jc_meter_info *info = &meter->info;
  for (uint32_t i = 0; info->measured && i < info->counter_count; i++) {
    double still_s = meter->sampled_s - meter->tracks[i].changed_s;
    if (info->counters[i].state == JC_METER_OK && still_s > stalled_after_s) {
      return jc_fail(error, JC_ERROR_RUNTIME, 0, meter->driver->name,
                     "counter '%s' has stopped: no advance for %.1f s", info->counters[i].name,
                     still_s);
    }
  }
  return JC_OK;
}

static void report(const struct jc_meter *meter, struct jc_meter_reading *reading) {
  const struct jc_meter_info *info = &meter->info;
  memset(reading, 0, sizeof *reading);
  reading->time_s = meter->sampled_s;
  reading->late_polls = meter->late_polls;
  reading->counter_count = info->counter_count;
  for (uint32_t i = 0; i < info->counter_count; i++) {
    reading->counter_energy_j[i] = (double)meter->tracks[i].total * info->counters[i].unit_j;
    reading->energy_j += reading->counter_energy_j[i];
  }
}

enum jc_status jc_meter_read(struct jc_meter *meter, struct jc_meter_reading *reading,
                             struct jc_error *error) {
  if (jc_error_is_set(error)) {
    return error->status;
  }
  (void)pthread_mutex_lock(&meter->mutex);
  enum jc_status status = sample(meter, error);
  if (status == JC_OK) {
    status = check_advancing(meter, error);
  }
  if (status == JC_OK) {
    report(meter, reading);
  }
  (void)pthread_mutex_unlock(&meter->mutex);
  return status;
}

/* ---- The polling thread --------------------------------------------------------------------- */

static struct timespec deadline_after(double wait_s) {
  struct timespec due;
  (void)clock_gettime(CLOCK_MONOTONIC, &due);
  due.tv_sec += (time_t)wait_s;
  due.tv_nsec += (long)(1e9 * fmod(wait_s, 1));
  if (due.tv_nsec >= 1000000000L) {
    due.tv_sec++;
    due.tv_nsec -= 1000000000L;
  }
  return due;
}

/* A thread and not a timer signal: a SIGALRM handler crashed inside generated code. */
static void *poll_counters(void *argument) {
  struct jc_meter *meter = argument;
  (void)pthread_mutex_lock(&meter->mutex);
  while (!meter->stopping) {
    struct timespec due = deadline_after(meter->info.poll_period_s);
    int code = 0;
    while (!meter->stopping && code == 0) {
      code = pthread_cond_timedwait(&meter->wake, &meter->mutex, &due);
    }
    if (!meter->stopping) {
      struct jc_error ignored = {0}; /* the next jc_meter_read() meets the fault itself */
      (void)sample(meter, &ignored);
    }
  }
  (void)pthread_mutex_unlock(&meter->mutex);
  return NULL;
}

/* One above the caller's priority if that is a real-time one: at equal priority, workers that spin
 * between parallel regions would never let it run. */
static int create_above(pthread_t *thread, struct jc_meter *meter) {
  int policy;
  struct sched_param param;
  int code = pthread_getschedparam(pthread_self(), &policy, &param);
  if (code != 0 || (policy != SCHED_FIFO && policy != SCHED_RR) ||
      param.sched_priority >= sched_get_priority_max(policy)) {
    return pthread_create(thread, NULL, poll_counters, meter);
  }
  pthread_attr_t attributes;
  code = pthread_attr_init(&attributes);
  if (code != 0) {
    return code;
  }
  param.sched_priority++;
  (void)pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
  (void)pthread_attr_setschedpolicy(&attributes, policy);
  (void)pthread_attr_setschedparam(&attributes, &param);
  code = pthread_create(thread, &attributes, poll_counters, meter);
  (void)pthread_attr_destroy(&attributes);
  return code == EPERM ? pthread_create(thread, NULL, poll_counters, meter) : code;
}

/* Priority inheritance, because a spin lock between a real-time poller and a lower trainer on one
 * core livelocked. The monotonic clock, because the wall clock may step. */
static int init_locks(struct jc_meter *meter) {
  pthread_mutexattr_t mutex_attributes;
  pthread_condattr_t condition_attributes;
  int code = pthread_mutexattr_init(&mutex_attributes);
  if (code != 0) {
    return code;
  }
  (void)pthread_mutexattr_setprotocol(&mutex_attributes, PTHREAD_PRIO_INHERIT);
  code = pthread_mutex_init(&meter->mutex, &mutex_attributes);
  (void)pthread_mutexattr_destroy(&mutex_attributes);
  if (code != 0) {
    return code;
  }
  code = pthread_condattr_init(&condition_attributes);
  if (code == 0) {
    (void)pthread_condattr_setclock(&condition_attributes, CLOCK_MONOTONIC);
    code = pthread_cond_init(&meter->wake, &condition_attributes);
    (void)pthread_condattr_destroy(&condition_attributes);
  }
  if (code != 0) {
    (void)pthread_mutex_destroy(&meter->mutex);
  }
  return code;
}

static int start_polling(struct jc_meter *meter) {
  int code = init_locks(meter);
  if (code != 0) {
    return code;
  }
  sigset_t all;
  sigset_t before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  code = create_above(&meter->poller, meter);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code != 0) {
    (void)pthread_cond_destroy(&meter->wake);
    (void)pthread_mutex_destroy(&meter->mutex);
  }
  return code;
}

/* ---- Opening -------------------------------------------------------------------------------- */

/* Takes the counters' first values, from which everything is counted. */
static enum jc_status take_first(struct jc_meter *meter, struct jc_error *error) {
  for (uint32_t i = 0; i < meter->info.counter_count; i++) {
    if (meter->info.counters[i].state == JC_METER_OK) {
      enum jc_status status = meter->driver->read(meter->state, i, &meter->tracks[i].last, error);
      if (status != JC_OK) {
        return status;
      }
      meter->tracks[i].changed_s = now_s();
    }
  }
  meter->sampled_s = now_s();
  return JC_OK;
}

/* Makes METER, whose driver was inspected and works, count. On failure the driver is closed. */
static enum jc_status start(struct jc_meter *meter, struct jc_error *error) {
  enum jc_status status = take_first(meter, error);
  if (status == JC_OK) {
    int code = start_polling(meter);
    if (code == 0) {
      return JC_OK;
    }
    char text[64];
    status = jc_fail(error, JC_ERROR_STORAGE, 0, meter->driver->name,
                     "cannot start the polling thread: %s",
                     jc_meter_system_text(code, text, sizeof text));
  }
  meter->driver->close(meter->state);
  return status;
}

static enum jc_status open_one(const struct jc_meter_driver *driver,
                               const struct jc_meter_options *options, struct jc_meter *meter,
                               struct jc_error *error) {
  meter->driver = driver;
  enum jc_status status = jc_meter_inspect(driver, options, &meter->info, &meter->state, error);
  if (status != JC_OK) {
    return status;
  }
  if (meter->info.state != JC_METER_OK) {
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, driver->name,
                   "%s; run `joulecast doctor` for the fix", meter->info.reason);
  }
  meter->info.poll_period_s = poll_period_s(&meter->info);
  return start(meter, error);
}

static void remember(struct jc_meter *meter, const struct jc_error *error) {
  struct jc_meter_attempt *attempt = &meter->attempts[meter->attempt_count++];
  const struct jc_meter_info *info = &meter->info;
  attempt->name = info->name;
  attempt->state = info->state == JC_METER_OK ? JC_METER_UNREADABLE : info->state;
  (void)snprintf(attempt->reason, sizeof attempt->reason, "%.255s",
                 info->state == JC_METER_OK ? error->text : info->reason);
}

static enum jc_status fail_with_attempts(const struct jc_meter *meter, bool allow_model,
                                         struct jc_error *error) {
  char reasons[384] = "";
  for (uint32_t i = 0; i < meter->attempt_count; i++) {
    size_t length = strlen(reasons);
    (void)snprintf(reasons + length, sizeof reasons - length, "%s%s: %s", i > 0 ? "; " : "",
                   meter->attempts[i].name, meter->attempts[i].reason);
  }
  return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, NULL,
                 "no energy meter works (%s); run `joulecast doctor` for the fix%s", reasons,
                 allow_model ? "" : ", or give --meter model");
}

static enum jc_status open_first(const struct jc_meter_options *options, struct jc_meter *meter,
                                 struct jc_error *error) {
  bool allow_model = options != NULL && options->allow_model;
  const struct jc_meter_driver *driver;
  for (uint32_t i = 0; (driver = jc_meter_driver_at(i)) != NULL; i++) {
    struct jc_error obstacle = {0};
    if (!driver->measured && !allow_model) {
      continue;
    }
    if (open_one(driver, options, meter, &obstacle) == JC_OK) {
      return JC_OK;
    }
    remember(meter, &obstacle);
  }
  return fail_with_attempts(meter, allow_model, error);
}

/* With DRIVER NULL: automatic choice. */
static enum jc_status open_meter(const struct jc_meter_driver *driver,
                                 const struct jc_meter_options *options, struct jc_meter **meter,
                                 struct jc_error *error) {
  *meter = NULL;
  struct jc_meter *opened = calloc(1, sizeof *opened);
  if (opened == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for a meter");
  }
  enum jc_status status = driver != NULL ? open_one(driver, options, opened, error)
                                         : open_first(options, opened, error);
  if (status != JC_OK) {
    free(opened);
    return status;
  }
  *meter = opened;
  return JC_OK;
}

enum jc_status jc_meter_open_driver(const struct jc_meter_driver *driver,
                                    const struct jc_meter_options *options, struct jc_meter **meter,
                                    struct jc_error *error) {
  return open_meter(driver, options, meter, error);
}

enum jc_status jc_meter_open(const char *name, const struct jc_meter_options *options,
                             struct jc_meter **meter, struct jc_error *error) {
  const struct jc_meter_driver *driver = NULL;
  *meter = NULL;
  if (name != NULL) {
    enum jc_status status = jc_meter_find_driver(name, &driver, error);
    if (status != JC_OK) {
      return status;
    }
  }
  return open_meter(driver, options, meter, error);
}

void jc_meter_close(struct jc_meter *meter) {
  if (meter == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&meter->mutex);
  meter->stopping = true;
  (void)pthread_cond_signal(&meter->wake);
  (void)pthread_mutex_unlock(&meter->mutex);
  (void)pthread_join(meter->poller, NULL);
  (void)pthread_cond_destroy(&meter->wake);
  (void)pthread_mutex_destroy(&meter->mutex);
  meter->driver->close(meter->state);
  free(meter);
}

const struct jc_meter_info *jc_meter_info(const struct jc_meter *meter) {
  return &meter->info;
}

const struct jc_meter_attempt *jc_meter_attempts(const struct jc_meter *meter, uint32_t *count) {
  *count = meter->attempt_count;
  return meter->attempts;
}
