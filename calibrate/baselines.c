/* baselines.c -- idle power before, between and after, and what it was in between. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/session.h"

/* A line more is written for an idle power that differs by more than this share. */
static const double worth_a_line = 0.005;

double baseline_at(const struct baselines *b, double time_s) {
  const double span_s = b->last.time_s - b->before.time_s;
  if (b->count < 2 || !(span_s > 0))
    return b->last.power_w;
  const double part = fmin(fmax((time_s - b->before.time_s) / span_s, 0), 1);
  return b->before.power_w + part * (b->last.power_w - b->before.power_w);
}

static enum jc_status release_held(struct session *s, struct jc_error *error) {
  struct baselines *b = &s->baselines;
  for (uint32_t i = 0; i < b->held_count; i++) {
    struct jc_sample *sample = &b->held[i].sample;
    const double power_w = baseline_at(b, b->held[i].time_s);
    if (error->status == JC_OK &&
        fabs(power_w - sample->idle_power_w) > worth_a_line * sample->idle_power_w) {
      sample->idle_power_w = power_w;
      (void)jc_samples_append(s->options->samples_path, sample, error);
    }
    jc_sample_free(sample);
  }
  b->held_count = 0;
  return error->status;
}

enum jc_status session_add_baseline(struct session *s, double time_s, double power_w,
                                    struct jc_error *error) {
  struct baselines *b = &s->baselines;
  const struct baseline now = {time_s, power_w};
  b->before = b->last;
  b->last = now;
  if (b->count++ == 0)
    b->first = b->before = now;
  s->result->idle_drift =
      fmax(s->result->idle_drift, fabs(power_w - b->first.power_w) / b->first.power_w);
  return release_held(s, error);
}

enum jc_status session_take_baseline(struct session *s, double duration_s, struct jc_error *error) {
  double power_w = 0;
  if (s->runner->rest != NULL)
    s->runner->rest();
  const double start = jc_clock_s();
  if (jc_measure_idle(s->meter, duration_s, &power_w, error) != JC_OK)
    return error->status;
  return session_add_baseline(s, (start + jc_clock_s()) / 2, power_w, error);
}

/* An earlier line of the same network must not be written again behind the later one. */
static void forget_held(struct baselines *b, const char *id) {
  for (uint32_t i = 0; i < b->held_count; i++) {
    if (strcmp(b->held[i].sample.id, id) == 0) {
      jc_sample_free(&b->held[i].sample);
      b->held[i] = b->held[--b->held_count];
      return;
    }
  }
}

enum jc_status session_hold(struct session *s, struct jc_sample *sample, double time_s,
                            struct jc_error *error) {
  struct baselines *b = &s->baselines;
  forget_held(b, sample->id);
  if (b->held_count == b->held_capacity) {
    const uint32_t capacity = b->held_capacity > 0 ? 2 * b->held_capacity : 64;
    struct held_sample *held = realloc(b->held, capacity * sizeof(*held));
    if (held == NULL) {
      jc_sample_free(sample);
      return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    }
    b->held = held;
    b->held_capacity = capacity;
  }
  b->held[b->held_count++] = (struct held_sample){*sample, time_s};
  return JC_OK;
}

void baselines_free(struct baselines *b) {
  for (uint32_t i = 0; i < b->held_count; i++)
    jc_sample_free(&b->held[i].sample);
  free(b->held);
}
