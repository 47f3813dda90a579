/* command_run.c -- the loop around a command: signals, epochs, samples, its end. */
#include "calibrate/command_run.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "calibrate/clock.h"
#include "estimator/environment.h"

/* Between looks at what a command has left, and how long it, and the output, may take to end. */
static const double look_period_s = 0.05;
static const double settle_s = 2;

/* How old CPU times may be of which power is modelled, where an epoch ends. */
static const double modelled_age_s = 0.1;

/* Epochs that a relay's thread saw, for the loop. */
struct epoch_event {
  uint32_t count;
  double time_s, energy_j;
};

struct loop {
  const struct jc_command_options *options;
  struct jc_command_run *run;
  struct jc_relay relay;
  struct jc_epoch_lines lines[JC_RELAY_STREAMS];
  int wake_fd;
  pthread_mutex_t mutex; /* guards the events */
  uint32_t event_count, event_capacity;
  struct epoch_event *events;
  bool asked_to_end;            /* by a signal, before the command ended */
  bool closed;                  /* the account is, at... */
  struct jc_account_sample end; /* ... this sample */
  double next_sample_s;
  double kill_at_s; /* of a stop; INFINITY: none */
};

/* ---- epochs, in the relay's threads ---- */

static double meter_j(const struct loop *loop) {
  struct jc_meter_reading reading;
  struct jc_error ignored = {0}; /* the loop meets the fault itself */
  if (!jc_meter_info(loop->options->meter)->measured)
    (void)jc_tree_cpu_s(loop->options->tree, modelled_age_s);
  return jc_meter_read(loop->options->meter, &reading, &ignored) == JC_OK ? reading.energy_j : NAN;
}

static void push_epochs(struct loop *loop, uint32_t count) {
  const struct epoch_event event = {count, now_s(), meter_j(loop)};
  (void)pthread_mutex_lock(&loop->mutex);
  if (loop->event_count == loop->event_capacity) {
    const uint32_t capacity = loop->event_capacity > 0 ? 2 * loop->event_capacity : 16;
    struct epoch_event *events = realloc(loop->events, capacity * sizeof(*events));
    if (events != NULL) {
      loop->events = events;
      loop->event_capacity = capacity;
    }
  }
  if (loop->event_count < loop->event_capacity)
    loop->events[loop->event_count++] = event;
  (void)pthread_mutex_unlock(&loop->mutex);
  (void)eventfd_write(loop->wake_fd, 1);
}

static void see_output(void *context, unsigned stream, const char *bytes, size_t length) {
  struct loop *loop = context;
  const uint32_t count = jc_epoch_lines_feed(&loop->lines[stream], bytes, length);
  if (count > 0)
    push_epochs(loop, count);
}

static void clear_line(void *context) {
  const struct loop *loop = context;
  if (loop->options->clear != NULL)
    loop->options->clear(loop->options->context);
}

/* ---- samples, in the loop ---- */

static struct jc_account_sample take_sample(const struct loop *loop, double age_s) {
  struct jc_command_run *run = loop->run;
  struct jc_load_window window;
  struct jc_error ignored = {0};
  /* The tree before the meter: one that models power looks at what was seen of it. */
  struct jc_account_sample sample = {.cpu_s = jc_tree_cpu_s(loop->options->tree, age_s),
                                     .busy_s = NAN};
  run->meter_error = (struct jc_error){0};
  if (jc_meter_read(loop->options->meter, &run->reading, &run->meter_error) == JC_OK) {
    sample.time_s = run->reading.time_s;
    sample.energy_j = run->reading.energy_j;
  } else {
    sample.time_s = now_s();
    sample.energy_j = NAN;
  }
  if (jc_load_begin(NULL, &window, &ignored) == JC_OK)
    sample.busy_s = (double)window.busy_ticks / (double)sysconf(_SC_CLK_TCK);
  return sample;
}

static void project(struct loop *loop) {
  struct jc_command_run *run = loop->run;
  const struct jc_account *account = &run->account;
  const struct jc_epoch_pattern *pattern = loop->options->pattern;
  const uint64_t to_come = jc_epochs_to_come(pattern, account->epoch_count, loop->options->epochs);
  const bool known = loop->options->epochs > 0 || pattern->total > 0;
  const struct jc_epoch_seen in_hand = jc_account_in_hand(account), none = {0, 0};
  run->epochs = known ? account->epoch_count + to_come : 0;
  /* Behind the last epoch nothing of what is spent belongs to one to come. */
  if (known && to_come == 0)
    jc_project_within(account->epochs, account->epoch_count, run->epochs, &in_hand, &none,
                      &run->projection);
  else
    jc_project_within(account->epochs, account->epoch_count, run->epochs, &none, &in_hand,
                      &run->projection);
}

/* The last lines of a command are read when it has ended: its epochs end then, and not later. */
static bool take_epochs(struct loop *loop, struct jc_error *error) {
  bool any;
  (void)pthread_mutex_lock(&loop->mutex);
  any = loop->event_count > 0;
  for (uint32_t i = 0; i < loop->event_count; i++) {
    struct epoch_event event = loop->events[i];
    if (loop->closed && event.time_s > loop->end.time_s) {
      event.time_s = loop->end.time_s;
      event.energy_j = loop->end.energy_j;
    }
    (void)jc_account_epochs(&loop->run->account, event.count, event.time_s, event.energy_j, error);
  }
  loop->event_count = 0;
  (void)pthread_mutex_unlock(&loop->mutex);
  return any;
}

static void stop_tree(struct loop *loop) {
  loop->kill_at_s = now_s() + loop->options->grace_s;
  (void)jc_tree_signal(loop->options->tree, SIGTERM);
  (void)jc_tree_signal(loop->options->tree, SIGCONT); /* one that is stopped would not hear of it */
}

/* Samples, tells the caller, and stops the run if it says so. */
static void sample_and_tell(struct loop *loop, bool epoch) {
  const struct jc_command_options *options = loop->options;
  struct jc_command_run *run = loop->run;
  const struct jc_account_sample sample = take_sample(loop, INFINITY);
  jc_account_sample(&run->account, &sample);
  project(loop);
  if (options->each(options->context, run, epoch) && !run->stopped) {
    run->stopped = true;
    stop_tree(loop);
  }
  if (options->show != NULL && !options->direct && jc_relay_take_screen(&loop->relay)) {
    options->show(options->context, run);
    jc_relay_give_screen(&loop->relay);
  }
}

/* ---- the loop ---- */

/* For poll(); of a longer time, the beginning. */
static int milliseconds_until(double time_s) {
  return (int)fmin(ceil(1e3 * fmax(time_s - now_s(), 0)), 1e6);
}

/* Waits for a signal, an epoch, or LATEST_S, and deals with what came. */
static void turn(struct loop *loop, double latest_s, struct jc_error *error) {
  struct jc_command_run *run = loop->run;
  struct pollfd events[] = {{.fd = run->child.signal_fd, .events = POLLIN},
                            {.fd = loop->wake_fd, .events = POLLIN}};
  const double until_s = fmin(fmin(loop->next_sample_s, loop->kill_at_s), latest_s);
  eventfd_t count;
  if (poll(events, 2, milliseconds_until(until_s)) > 0 && (events[1].revents & POLLIN) != 0)
    (void)eventfd_read(loop->wake_fd, &count);
  jc_child_take_signals(&run->child, loop->options->tree);
  if (run->child.resized) {
    run->child.resized = false;
    jc_relay_resize(&loop->relay);
    if (!run->child.ended) /* its number may be another's by then */
      (void)kill(run->child.pid, SIGWINCH);
  }
  const bool epoch = take_epochs(loop, error);
  if (!loop->closed && (now_s() >= loop->next_sample_s || epoch)) {
    sample_and_tell(loop, epoch);
    loop->next_sample_s = now_s() + loop->options->period_s;
  }
  if (now_s() >= loop->kill_at_s) {
    run->killed = jc_tree_signal(loop->options->tree, SIGKILL) > 0 || run->killed;
    loop->kill_at_s = now_s() + look_period_s; /* those that were forked meanwhile */
  }
}

static uint32_t count_left(struct loop *loop) {
  struct jc_command_run *run = loop->run;
  run->left_count = jc_tree_list(loop->options->tree, run->left, JC_LEFT_PIDS);
  return run->left_count;
}

/* What the command has left when it ended. */
static void deal_with_left(struct loop *loop, struct jc_error *error) {
  const struct jc_command_options *options = loop->options;
  struct jc_command_run *run = loop->run;
  const double begin_s = now_s();
  bool told = false;
  loop->asked_to_end = run->child.wish_to_end;
  run->child.wish_to_end = false;
  if (options->left == JC_LEFT_STOP && !run->stopped && count_left(loop) > 0)
    stop_tree(loop);
  while (count_left(loop) > 0) {
    const bool stopping = run->stopped || options->left == JC_LEFT_STOP;
    const bool settled = now_s() - begin_s >= settle_s;
    if (!stopping && (run->child.wish_to_end || (options->left == JC_LEFT_LEAVE && settled)))
      break;
    if (options->left == JC_LEFT_WAIT && !stopping && !told && settled && options->waits != NULL) {
      told = true;
      options->waits(options->context, run);
    }
    turn(loop, now_s() + look_period_s, error);
  }
  jc_child_take_signals(&run->child, loop->options->tree); /* zombies of the last look */
}

/* To our reader, unless that does not take it although an end is wished. */
static void finish_output(struct loop *loop) {
  struct jc_command_run *run = loop->run;
  struct pollfd events[] = {{.fd = loop->relay.ended_fd, .events = POLLIN},
                            {.fd = run->child.signal_fd, .events = POLLIN}};
  const bool asked = loop->asked_to_end || run->child.wish_to_end || run->stopped;
  const double give_up_s = asked ? now_s() + settle_s : INFINITY;
  run->child.wish_to_end = false;
  jc_relay_end(&loop->relay);
  do {
    (void)poll(events, 2, milliseconds_until(give_up_s));
    jc_child_take_signals(&run->child, loop->options->tree);
  } while (events[0].revents == 0 && !run->child.wish_to_end && now_s() < give_up_s);
  run->untaken_bytes = jc_relay_finish(&loop->relay);
}

/* Nothing that happens from now on is the run's. */
static void close_account(struct loop *loop) {
  loop->end = take_sample(loop, 0);
  jc_account_sample(&loop->run->account, &loop->end);
  loop->closed = true;
  loop->next_sample_s = INFINITY;
}

static void follow(struct loop *loop, struct jc_error *error) {
  struct jc_command_run *run = loop->run;
  (void)loop->options->each(loop->options->context, run, false);
  loop->next_sample_s = now_s() + loop->options->period_s;
  while (!run->child.ended)
    turn(loop, INFINITY, error);
  const bool whole_tree = loop->options->left != JC_LEFT_LEAVE || run->stopped;
  if (!whole_tree) {
    if (!loop->options->direct)
      jc_relay_end_seeing(&loop->relay);
    close_account(loop);
  }
  deal_with_left(loop, error);
  if (whole_tree)
    close_account(loop);
  if (!loop->options->direct)
    finish_output(loop);
  for (unsigned i = 0; i < JC_RELAY_STREAMS; i++) {
    const uint32_t count = jc_epoch_lines_end(&loop->lines[i]);
    if (count > 0)
      push_epochs(loop, count);
  }
  const bool epoch = take_epochs(loop, error);
  project(loop);
  (void)loop->options->each(loop->options->context, run, epoch);
}

static enum jc_status begin(struct loop *loop, struct jc_error *error) {
  const struct jc_relay_hooks hooks = {loop, see_output, clear_line};
  struct jc_command_run *run = loop->run;
  const bool direct = loop->options->direct;
  if (!direct && jc_relay_open(&hooks, &loop->relay, error) != JC_OK)
    return error->status;
  const struct jc_account_sample sample = take_sample(loop, 0);
  jc_account_start(&run->account, loop->options->share, &sample);
  run->late_polls = run->reading.late_polls;
  if (jc_error_is_set(&run->meter_error)) {
    *error = run->meter_error;
  } else if (jc_child_start(loop->options->argv, direct ? NULL : &loop->relay, &run->child,
                            error) == JC_OK &&
             !direct && jc_relay_start(&loop->relay, error) != JC_OK) {
    (void)kill(run->child.pid, SIGKILL);
    (void)jc_tree_signal(loop->options->tree, SIGKILL);
  }
  if (jc_error_is_set(error) && !direct)
    (void)jc_relay_finish(&loop->relay);
  return error->status;
}

enum jc_status jc_command_run(const struct jc_command_options *options, struct jc_command_run *run,
                              struct jc_error *error) {
  struct loop *loop = calloc(1, sizeof(*loop));
  *run = (struct jc_command_run){.projection = {.energy_j = NAN, .time_s = NAN}};
  if (loop == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  *loop = (struct loop){.options = options, .run = run, .kill_at_s = INFINITY};
  (void)pthread_mutex_init(&loop->mutex, NULL);
  for (unsigned i = 0; i < JC_RELAY_STREAMS; i++)
    loop->lines[i].pattern = options->pattern;
  loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (jc_child_block_signals(&run->child, error) == JC_OK && begin(loop, error) == JC_OK)
    follow(loop, error);
  run->late_polls = run->reading.late_polls - run->late_polls;
  (void)close(loop->wake_fd);
  (void)pthread_mutex_destroy(&loop->mutex);
  free(loop->events);
  free(loop);
  return error->status;
}

void jc_command_run_free(struct jc_command_run *run) {
  jc_child_unblock(&run->child);
  jc_account_free(&run->account);
}
