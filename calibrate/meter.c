/* meter.c -- an open meter: the polling thread, unwrapping, joules. */
#include "calibrate/meter_choice.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calibrate/clock.h"

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
  struct jc_meter_choice choice; /* the drivers and what they count */

  pthread_t poller;
  pthread_cond_t wake;
  pthread_mutex_t mutex; /* guards the drivers' state and everything below */
  bool stopping;
  double sampled_s; /* time of the last joined reading */
  uint64_t late_polls;
  struct track tracks[JC_METER_MAX_COUNTERS];
  struct jc_error lost; /* set once a counter jumped */
};

static const char *name_of(const struct jc_meter *meter, uint32_t counter) {
  return jc_meter_source_of(&meter->choice, counter)->driver->name;
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
  const struct jc_meter_counter *counter = &meter->choice.info.counters[index];
  struct track *track = &meter->tracks[index];
  uint64_t advance = count - track->last;
  if (count < track->last) { /* modulo the range; without one, an absurd advance */
    advance += counter->range;
  }
  double energy_j = (double)advance * counter->unit_j;
  if ((counter->range != 0 && count >= counter->range) ||
      energy_j > max_plausible_w * (elapsed_s + tick_allowance_s)) {
    return jc_fail(error, JC_ERROR_RUNTIME, 0, name_of(meter, index),
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
  const struct jc_meter_info *info = &meter->choice.info;
  uint64_t counts[JC_METER_MAX_COUNTERS] = {0};
  if (jc_error_is_set(&meter->lost)) {
    *error = meter->lost;
    return error->status;
  }
  double begin_s = now_s();
  for (uint32_t i = 0; i < info->counter_count; i++) {
    if (info->counters[i].state == JC_METER_OK) {
      enum jc_status status = jc_meter_read_raw(&meter->choice, i, &counts[i], error);
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
  const struct jc_meter_info *info = &meter->choice.info;
  for (uint32_t i = 0; i < info->counter_count; i++) {
    double still_s = meter->sampled_s - meter->tracks[i].changed_s;
    if (info->counters[i].state == JC_METER_OK && still_s > stalled_after_s &&
        jc_meter_source_of(&meter->choice, i)->measured) {
      return jc_fail(error, JC_ERROR_RUNTIME, 0, name_of(meter, i),
                     "counter '%s' has stopped: no advance for %.1f s", info->counters[i].name,
                     still_s);
    }
  }
  return JC_OK;
}

static void report(const struct jc_meter *meter, struct jc_meter_reading *reading) {
  const struct jc_meter_info *info = &meter->choice.info;
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
    struct timespec due = deadline_after(meter->choice.info.poll_period_s);
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
  for (uint32_t i = 0; i < meter->choice.info.counter_count; i++) {
    if (meter->choice.info.counters[i].state == JC_METER_OK) {
      enum jc_status status = jc_meter_read_raw(&meter->choice, i, &meter->tracks[i].last, error);
      if (status != JC_OK) {
        return status;
      }
      meter->tracks[i].changed_s = now_s();
    }
  }
  meter->sampled_s = now_s();
  return JC_OK;
}

/* Makes METER, whose sources are open, count. */
static enum jc_status start(struct jc_meter *meter, struct jc_error *error) {
  meter->choice.info.poll_period_s = poll_period_s(&meter->choice.info);
  if (take_first(meter, error) != JC_OK) {
    return error->status;
  }
  int code = start_polling(meter);
  if (code == 0) {
    return JC_OK;
  }
  char text[64];
  return jc_fail(error, JC_ERROR_STORAGE, 0, meter->choice.info.name,
                 "cannot start the polling thread: %s",
                 jc_meter_system_text(code, text, sizeof text));
}

/* DRIVER, or if that is NULL the meter NAME, or by choice. */
static enum jc_status open_meter(const struct jc_meter_driver *driver, const char *name,
                                 const struct jc_meter_options *options, struct jc_meter **meter,
                                 struct jc_error *error) {
  *meter = NULL;
  struct jc_meter *opened = calloc(1, sizeof *opened);
  if (opened == NULL) {
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory for a meter");
  }
  enum jc_status status = driver != NULL
                              ? jc_meter_choose_drivers(&driver, 1, options, &opened->choice, error)
                              : jc_meter_choose(name, options, &opened->choice, error);
  if (status == JC_OK) {
    status = start(opened, error);
  }
  if (status != JC_OK) {
    jc_meter_choice_close(&opened->choice);
    free(opened);
    return status;
  }
  *meter = opened;
  return JC_OK;
}

enum jc_status jc_meter_open_driver(const struct jc_meter_driver *driver,
                                    const struct jc_meter_options *options, struct jc_meter **meter,
                                    struct jc_error *error) {
  return open_meter(driver, NULL, options, meter, error);
}

enum jc_status jc_meter_open(const char *name, const struct jc_meter_options *options,
                             struct jc_meter **meter, struct jc_error *error) {
  return open_meter(NULL, name, options, meter, error);
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
  jc_meter_choice_close(&meter->choice);
  free(meter);
}

const struct jc_meter_info *jc_meter_info(const struct jc_meter *meter) {
  return &meter->choice.info;
}

const struct jc_meter_attempt *jc_meter_attempts(const struct jc_meter *meter, uint32_t *count) {
  *count = meter->choice.attempt_count;
  return meter->choice.attempts;
}
