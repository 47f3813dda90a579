/* training.c -- steps, epochs and validation of a metered run, with a projection to its end. */
#include "cli/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/clock.h"
#include "calibrate/conditions.h"
#include "cli/format.h"
#include "cli/progress.h"
#include "cli/projected.h"
#include "cli/training_data.h"
#include "trainer/loss.h"

struct session {
  const struct loaded_model *model;
  const struct training_options *options;
  struct training *training;
  struct jc_trainer *trainer;
  struct jc_meter *meter;
  struct jc_conditions conditions;
  struct training_data *data;
  struct jc_meter_reading begin, now, epoch_begin;
  struct jc_epoch_seen first_step;
  double guarded_s; /* when the budget was last looked at */
  struct progress progress;
  /* The last steps, in a ring. */
  double loss[TRAINING_WINDOW], step_s[TRAINING_WINDOW];
  uint32_t correct[TRAINING_WINDOW];
};

/* ---- figures ---- */

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void summarize_window(const struct session *s, struct training *t) {
  const size_t count =
      t->done.training < TRAINING_WINDOW ? (size_t)t->done.training : TRAINING_WINDOW;
  double sorted[TRAINING_WINDOW], loss = 0, correct = 0;
  if (count == 0)
    return;
  memcpy(sorted, s->step_s, count * sizeof(*sorted));
  qsort(sorted, count, sizeof(*sorted), compare_doubles);
  for (size_t i = 0; i < count; i++) {
    loss += s->loss[i];
    correct += s->correct[i];
  }
  t->step_median_s = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
  t->loss = loss / (double)count;
  t->accuracy = correct / ((double)count * (double)s->options->run.batch_size);
}

/* Within the first epoch, as the steps behind the first one went, which builds what the others use;
 * a validation step costs its share of a training step's MACs. */
static void project_from_steps(const struct session *s, struct training *t) {
  const struct jc_totals *totals = &s->model->analysis.totals;
  const double forward_share = totals->training_macs > 0
                                   ? (double)totals->forward_macs / (double)totals->training_macs
                                   : 1.0 / 3;
  const bool alone = t->done.training == 1;
  const double steps = alone ? 1 : (double)(t->done.training - 1);
  const struct jc_epoch_seen first = alone ? (struct jc_epoch_seen){0, 0} : s->first_step;
  const double to_come = (double)(t->whole.training - t->done.training) / steps +
                         forward_share * (double)t->whole.validation / steps;
  t->projection = (struct jc_projection){
      .energy_j = t->energy_j + to_come * (t->energy_j - first.energy_j),
      .energy_low_j = NAN,
      .energy_high_j = NAN,
      .time_s = t->time_s + to_come * (t->time_s - first.time_s),
      .time_low_s = NAN,
      .time_high_s = NAN,
  };
}

static void project(const struct session *s, struct training *t) {
  const struct jc_epoch_seen none = {0, 0}, in_hand = {s->now.energy_j - s->epoch_begin.energy_j,
                                                       s->now.time_s - s->epoch_begin.time_s};
  if (t->epoch_count == 0)
    project_from_steps(s, t);
  else
    jc_project_within(t->epochs, (uint32_t)t->epoch_count, s->options->run.epochs, &none, &in_hand,
                      &t->projection);
}

static enum jc_status read_meter(struct session *s, struct jc_error *error) {
  struct training *t = s->training;
  if (jc_meter_read(s->meter, &s->now, error) != JC_OK)
    return error->status;
  t->energy_j = s->now.energy_j - s->begin.energy_j;
  t->time_s = s->now.time_s - s->begin.time_s;
  if (t->done.training > 0)
    project(s, t);
  return JC_OK;
}

static enum jc_status show_progress(struct session *s, struct jc_error *error) {
  struct training *t = s->training;
  char line[400], step[FORMAT_SIZE], so_far[FORMAT_SIZE], projected[PROJECTED_SIZE];
  if (!progress_due(&s->progress))
    return JC_OK;
  if (read_meter(s, error) != JC_OK)
    return error->status;
  summarize_window(s, t);
  snprintf(line, sizeof(line), "step %llu/%llu  loss %.4f  acc %.1f %%  %s%s, %s/step",
           (unsigned long long)t->done.training, (unsigned long long)t->whole.training, t->loss,
           100 * t->accuracy, format_energy(t->energy_j, so_far, sizeof(so_far)),
           format_projected(&t->projection, &s->options->site, projected, sizeof(projected)),
           format_duration(t->step_median_s, step, sizeof(step)));
  progress_show(&s->progress, line);
  return JC_OK;
}

/* ---- the budget ---- */

/* Between looks at the budget: a reading and a projection take about a millisecond. */
static const double guard_s = 0.25;

static bool is_halted(const struct session *s) {
  return *s->options->stop || jc_error_is_set(&s->training->limits.over);
}

static void check_budget(struct session *s) {
  struct training *t = s->training;
  const struct jc_epoch_seen spent = {t->energy_j, t->time_s};
  (void)limits_passed(&t->limits, &s->options->site, &spent, &t->projection, &s->progress);
}

static enum jc_status guard_budget(struct session *s, struct jc_error *error) {
  if (!jc_budget_is_set(&s->training->limits.budget) || now_s() < s->guarded_s + guard_s)
    return JC_OK;
  s->guarded_s = now_s();
  if (read_meter(s, error) == JC_OK)
    check_budget(s);
  return error->status;
}

/* ---- the run ---- */

static enum jc_status train_step(struct session *s, struct jc_error *error) {
  struct training *t = s->training;
  struct jc_step step;
  const size_t slot = (size_t)(t->done.training % TRAINING_WINDOW);
  (void)training_data_load(s->data, JC_PART_TRAINING, t->done.training, s->trainer);
  if (jc_trainer_step(s->trainer, &step, error) != JC_OK)
    return error->status;
  if (t->done.training == 0)
    t->first_loss = step.loss;
  s->loss[slot] = step.loss;
  s->step_s[slot] = step.time_s;
  s->correct[slot] = step.correct;
  t->done.training++;
  if (t->done.training == 1) {
    if (read_meter(s, error) != JC_OK)
      return error->status;
    s->first_step = (struct jc_epoch_seen){t->energy_j, t->time_s};
  }
  if (guard_budget(s, error) != JC_OK)
    return error->status;
  return show_progress(s, error);
}

static enum jc_status validate(struct session *s, uint64_t steps, struct jc_error *error) {
  struct training *t = s->training;
  const struct jc_network *network = s->model->network;
  const uint32_t classes = jc_tensor_shape(&s->model->analysis, network->outputs[0])->dim[0];
  uint64_t correct = 0, samples = 0, done = 0;
  if (read_meter(s, error) != JC_OK)
    return error->status;
  const struct jc_meter_reading before = s->now;
  for (; done < steps && !is_halted(s); done++) {
    struct jc_step step;
    const uint32_t fresh = training_data_load(s->data, JC_PART_VALIDATION, done, s->trainer);
    if (jc_trainer_validate(s->trainer, &step, error) != JC_OK)
      return error->status;
    correct += jc_loss_correct(jc_trainer_output(s->trainer), jc_trainer_labels(s->trainer), fresh,
                               classes);
    samples += fresh;
    if (guard_budget(s, error) != JC_OK)
      return error->status;
  }
  t->done.validation += done;
  if (done > 0)
    t->val_accuracy = (double)correct / (double)samples;
  if (read_meter(s, error) != JC_OK)
    return error->status;
  t->validation_energy_j += s->now.energy_j - before.energy_j;
  t->validation_time_s += s->now.time_s - before.time_s;
  return JC_OK;
}

static enum jc_status end_epoch(struct session *s, struct jc_error *error) {
  struct training *t = s->training;
  if (t->epoch_count == t->epoch_capacity) {
    const size_t capacity = t->epoch_capacity == 0 ? 64 : 2 * t->epoch_capacity;
    struct jc_epoch_seen *epochs = realloc(t->epochs, capacity * sizeof(*epochs));
    if (epochs == NULL)
      return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
    t->epochs = epochs;
    t->epoch_capacity = capacity;
  }
  if (read_meter(s, error) != JC_OK)
    return error->status;
  t->epochs[t->epoch_count++] =
      (struct jc_epoch_seen){.energy_j = s->now.energy_j - s->epoch_begin.energy_j,
                             .time_s = s->now.time_s - s->epoch_begin.time_s};
  s->epoch_begin = s->now;
  project(s, t);
  check_budget(s);
  return JC_OK;
}

static bool wants_more(const struct session *s) {
  const struct training *t = s->training;
  const uint64_t limit = s->options->step_limit;
  return !is_halted(s) && t->done.training < t->whole.training &&
         (limit == 0 || t->done.training < limit);
}

static enum jc_status run_steps(struct session *s, struct jc_error *error) {
  struct training *t = s->training;
  const uint64_t epochs = s->options->run.epochs;
  const uint64_t per_epoch = t->whole.training / epochs,
                 val_per_epoch = t->whole.validation / epochs;
  if (jc_meter_read(s->meter, &s->begin, error) != JC_OK)
    return error->status;
  s->epoch_begin = s->begin;
  while (wants_more(s)) {
    if (train_step(s, error) != JC_OK)
      return error->status;
    if (t->done.training % per_epoch != 0)
      continue;
    if (validate(s, val_per_epoch, error) != JC_OK)
      return error->status;
    if (!is_halted(s) && end_epoch(s, error) != JC_OK)
      return error->status;
  }
  t->stopped = is_halted(s);
  return read_meter(s, error);
}

static enum jc_status open_session(struct session *s, struct jc_error *error) {
  const struct training_options *o = s->options;
  struct jc_trainer_options trainer = o->trainer;
  trainer.batch_size = (uint32_t)o->run.batch_size;
  trainer.threads = o->run.threads;
  if (jc_run_steps(&o->run, &s->training->whole, error) != JC_OK ||
      jc_trainer_create(&s->model->analysis, &trainer, &s->trainer, error) != JC_OK ||
      training_data_open(s->model, o, &s->training->whole, &s->data, error) != JC_OK)
    return error->status;
  s->training->build_s = jc_trainer_size(s->trainer).build_s;
  s->training->memory_bytes = jc_trainer_size(s->trainer).bytes;
  if (jc_meter_open(o->meter, &o->meter_options, &s->meter, error) != JC_OK)
    return error->status;
  jc_conditions_pin(&s->conditions, o->run.threads, -1);
  s->training->meter = *jc_meter_info(s->meter);
  return JC_OK;
}

enum jc_status train(const struct loaded_model *model, const struct training_options *options,
                     struct training *training, struct jc_error *error) {
  struct session *s = calloc(1, sizeof(*s));
  if (s == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  s->model = model;
  s->options = options;
  s->training = training;
  training->val_accuracy = NAN;
  training->limits = options->limits;
  progress_start(&s->progress, options->quiet);
  if (open_session(s, error) == JC_OK)
    (void)run_steps(s, error);
  if (error->line != 0)
    jc_error_name_file(error, jc_model_file(model->model));
  progress_end(&s->progress);
  summarize_window(s, training);
  jc_conditions_restore(&s->conditions);
  jc_meter_close(s->meter);
  jc_trainer_destroy(s->trainer);
  training_data_close(s->data);
  free(s);
  return error->status;
}

void training_free(struct training *training) {
  free(training->epochs);
  training->epochs = NULL;
}
