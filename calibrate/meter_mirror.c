/* meter_mirror.c -- dies that show their package's counter: counted once.
 *
 * The kernel lists a zone for every die, but on AMD's Zen 1 and 2 with several dies each reads the
 * register of its whole socket: a Threadripper 1950X shows 68 W twice where its plug tells of one
 * 68 W. Names cannot tell these from true dies, and two true ones may well draw the same power. But
 * they never count the very same number of units, again and again: that is what is looked for.
 */
#include "calibrate/meter.h"

#include <string.h>

#include "calibrate/clock.h"

/* True dies are told apart at once, mirrors after four ticks. */
static const double watch_s = 1;

/* So many times two counters must have advanced alike; each tick counts hundreds of units. */
enum { ENOUGH = 4 };

/* All counters at one moment, and since when. */
struct watch {
  const struct jc_meter_driver *driver;
  void *state;
  struct jc_meter_info *info;
  uint64_t last[JC_METER_MAX_COUNTERS];
  uint32_t alike[JC_METER_MAX_COUNTERS]; /* times that it advanced as its model did */
  int model[JC_METER_MAX_COUNTERS];      /* the earlier counter that it may repeat; -1: none */
};

static bool are_dies_of_one_package(const struct jc_meter_counter *a,
                                    const struct jc_meter_counter *b) {
  return a->die_of != JC_METER_WHOLE && a->die_of == b->die_of && a->state == JC_METER_OK &&
         b->state == JC_METER_OK && strcmp(a->domain, b->domain) == 0;
}

/* The first counter in front of INDEX and behind AFTER that it may repeat. */
static int next_model(const struct watch *watch, int index, int after) {
  const struct jc_meter_counter *counters = watch->info->counters;
  for (int i = after + 1; i < index; i++) {
    if (are_dies_of_one_package(&counters[i], &counters[index])) {
      return i;
    }
  }
  return -1;
}

static bool read_all(const struct watch *watch, uint64_t *counts) {
  struct jc_error error = {0};
  for (uint32_t i = 0; i < watch->info->counter_count; i++) {
    if (watch->info->counters[i].die_of != JC_METER_WHOLE &&
        watch->info->counters[i].state == JC_METER_OK &&
        watch->driver->read(watch->state, i, &counts[i], &error) != JC_OK) {
      return false;
    }
  }
  return true;
}

/* Reads all counters at a moment at which none ticks. */
static bool read_between_ticks(const struct watch *watch, uint64_t *counts) {
  uint64_t again[JC_METER_MAX_COUNTERS] = {0};
  for (int i = 0; i < 16; i++) {
    if (!read_all(watch, counts) || !read_all(watch, again)) {
      return false;
    }
    if (memcmp(counts, again, sizeof again) == 0) {
      return true;
    }
  }
  return false;
}

/* Compares what advanced since the last look; whoever differs gets another model. */
static void compare(struct watch *watch, const uint64_t *counts) {
  for (int i = 0; i < (int)watch->info->counter_count; i++) {
    int model = watch->model[i];
    if (model < 0) {
      continue;
    }
    uint64_t own = counts[i] - watch->last[i];
    uint64_t other = counts[model] - watch->last[model];
    if (own == other) {
      watch->alike[i] += own != 0;
    } else {
      watch->alike[i] = 0;
      watch->model[i] = next_model(watch, i, model);
    }
  }
  memcpy(watch->last, counts, sizeof watch->last);
}

static bool is_decided(const struct watch *watch) {
  for (uint32_t i = 0; i < watch->info->counter_count; i++) {
    if (watch->model[i] >= 0 && watch->alike[i] < ENOUGH) {
      return false;
    }
  }
  return true;
}

static void leave_out(struct watch *watch) {
  for (uint32_t i = 0; i < watch->info->counter_count; i++) {
    if (watch->model[i] >= 0 && watch->alike[i] >= ENOUGH) {
      struct jc_meter_counter mirror = watch->info->counters[i];
      mirror.state = JC_METER_DUPLICATE;
      (void)snprintf(mirror.detail, sizeof mirror.detail,
                     "it shows the counter of '%.63s', which is counted",
                     watch->info->counters[watch->model[i]].name);
      watch->info->counters[i] = mirror;
    }
  }
}

void jc_meter_leave_out_mirrors(const struct jc_meter_driver *driver, void *state,
                                struct jc_meter_info *info) {
  struct watch watch = {.driver = driver, .state = state, .info = info};
  uint64_t counts[JC_METER_MAX_COUNTERS] = {0};
  for (int i = 0; i < (int)info->counter_count; i++) {
    watch.model[i] = next_model(&watch, i, -1);
  }
  if (is_decided(&watch) || !read_between_ticks(&watch, watch.last)) {
    return;
  }
  double end_s = now_s() + watch_s;
  while (!is_decided(&watch) && now_s() < end_s) {
    jc_meter_spin(0.004);
    if (read_between_ticks(&watch, counts)) {
      compare(&watch, counts);
    }
  }
  leave_out(&watch);
}
