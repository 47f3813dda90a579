/* scripted_machine.h -- for tests: a runner whose steps sleep, and a counter that does as told, so
 * that a whole calibration takes a second and goes wrong where the test wants it to.
 */
#ifndef JC_TESTS_SCRIPTED_MACHINE_H
#define JC_TESTS_SCRIPTED_MACHINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "calibrate/measure.h"

enum { GOES_ON, STOPS, JUMPS_BACK, DISAPPEARS };

/* Counted over the calibration, from 1 on; 0: never. */
static struct script {
  uint32_t opened;         /* networks so far */
  uint32_t slow_from;      /* from this network on, steps take SLOWER times as long ... */
  uint32_t slow_to;        /* ... up to this one */
  uint32_t spins_from;     /* steps up to here sleep, later ones keep their CPU busy */
  uint32_t breaks_at;      /* the counter goes wrong when this network opens, as HOW says */
  int how, now;            /* of the counter: below */
  volatile int *stop_flag; /* set when network STOP_AT opens */
  uint32_t stop_at;
  _Atomic double drift_w_per_s; /* of idle power, from the first network on */
} script;

static const double scripted_step_s = 1e-3, slower = 3;
static const double scripted_idle_w = 20, scripted_active_w = 50;

/* ---- the counter: idle power, and more while a network is open ---- */

static struct {
  double since_s, energy_j, first_s;
  atomic_bool active;
} counter;

static double scripted_power_w(double now_s) {
  const double drifted = script.drift_w_per_s * (counter.first_s > 0 ? now_s - counter.first_s : 0);
  return drifted + (atomic_load(&counter.active) ? scripted_active_w : scripted_idle_w);
}

static enum jc_status counter_open(const struct jc_meter_options *options,
                                   struct jc_meter_info *info, void **state,
                                   struct jc_error *error) {
  struct jc_meter_counter *one = jc_meter_add_counter(info);
  (void)options, (void)error;
  snprintf(one->name, sizeof(one->name), "scripted:0");
  snprintf(one->domain, sizeof(one->domain), "package");
  snprintf(one->covers, sizeof(one->covers), "package-0");
  one->unit_j = 1e-6;
  one->range = UINT64_C(262143328850);
  counter.since_s = jc_clock_s();
  counter.energy_j = 1000;
  *state = NULL;
  return JC_OK;
}

/* Never by two threads at once: the meter sees to it. */
static enum jc_status counter_read(void *state, uint32_t index, uint64_t *count,
                                   struct jc_error *error) {
  (void)state, (void)index;
  const double now_s = jc_clock_s();
  if (script.now == DISAPPEARS)
    return jc_fail(error, JC_ERROR_UNAVAILABLE, 0, "scripted",
                   "cannot read 'scripted:0': No such file or directory");
  if (script.now != STOPS)
    counter.energy_j += scripted_power_w(now_s) * (now_s - counter.since_s);
  counter.since_s = now_s;
  *count = (uint64_t)(1e6 * (script.now == JUMPS_BACK ? 1 : counter.energy_j));
  return JC_OK;
}

static void counter_close(void *state) {
  (void)state;
}

static const struct jc_meter_driver scripted_meter = {.name = "scripted",
                                                      .summary = "for tests",
                                                      .measured = true,
                                                      .open = counter_open,
                                                      .read = counter_read,
                                                      .close = counter_close};

/* ---- the runner ---- */

static const char *scripted_version(void) {
  return "1";
}

static enum jc_status scripted_open(const struct jc_analysis *analysis,
                                    const struct jc_runner_options *options, void **session,
                                    struct jc_error *error) {
  (void)analysis, (void)options, (void)error;
  *session = &script;
  script.opened++;
  if (script.opened == script.breaks_at)
    script.now = script.how;
  if (script.opened == script.stop_at)
    *script.stop_flag = 1;
  if (counter.first_s == 0)
    counter.first_s = jc_clock_s();
  atomic_store(&counter.active, true);
  return JC_OK;
}

static enum jc_status scripted_step(void *session, struct jc_error *error) {
  const struct script *s = session;
  const bool slow = s->slow_from > 0 && s->opened >= s->slow_from && s->opened <= s->slow_to;
  const double duration_s = scripted_step_s * (slow ? slower : 1);
  (void)error;
  if (s->spins_from > 0 && s->opened >= s->spins_from)
    jc_meter_spin(duration_s);
  else
    (void)nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * duration_s)}, NULL);
  return JC_OK;
}

static void scripted_layer(const void *session, uint32_t index, struct jc_runner_layer *layer) {
  (void)session, (void)index;
  *layer = (struct jc_runner_layer){.forward_s = 1e-6,
                                    .backward_s = 2e-6,
                                    .forward_implementation = "scripted",
                                    .backward_implementation = "scripted",
                                    .layout = "nchw"};
}

static void scripted_rest(void) {
  atomic_store(&counter.active, false);
}

static void scripted_close(void *session) {
  (void)session;
  atomic_store(&counter.active, false);
}

static const struct jc_runner_driver scripted_runner = {.name = "scripted",
                                                        .version = scripted_version,
                                                        .open = scripted_open,
                                                        .step = scripted_step,
                                                        .layer = scripted_layer,
                                                        .rest = scripted_rest,
                                                        .close = scripted_close};

#endif
