/* test_command_run.c -- commands metered to their end, with counters that the commands write. */
#include "tests/powercap_tree.h"

#include <math.h>

#include "calibrate/command_run.h"
#include "calibrate/counter_trace.h"

static struct tree tree;
static struct advancer advancer;
static struct jc_tree processes; /* of the last run */
static const char *const zones[] = {"intel-rapl:0", NULL};

/* A machine of one package, whose counter advances until advancer_stop(). */
static struct jc_meter *open_machine(void) {
  struct jc_meter *meter = NULL;
  struct jc_error error = {0};
  tree_make(&tree);
  tree_write(&tree, zones[0], "name", "package-0\n");
  tree_write(&tree, zones[0], "max_energy_range_uj", "262143328850\n");
  tree_set(&tree, zones[0], 0);
  advancer_start(&advancer, &tree, zones);
  const struct jc_meter_options options = {.powercap_root = tree.powercap};
  cr_assert_eq(jc_meter_open("powercap", &options, &meter, &error), JC_OK, "%s", error.text);
  return meter;
}

static void close_machine(struct jc_meter *meter) {
  jc_meter_close(meter);
  jc_tree_close(&processes);
  tree_remove(&tree);
}

static bool go_on(void *context, const struct jc_command_run *run, bool epoch) {
  (void)context;
  (void)run;
  (void)epoch;
  return false;
}

static bool stop_at_once(void *context, const struct jc_command_run *run, bool epoch) {
  (void)run;
  (void)epoch;
  return context == NULL;
}

struct setting {
  const char *script;
  enum jc_left left;
  bool (*each)(void *context, const struct jc_command_run *run, bool epoch);
  double grace_s;
};

static struct jc_epoch_pattern pattern;

static struct jc_command_run run_script(struct jc_meter *meter, const struct setting *setting) {
  char *argv[] = {(char *)"sh", (char *)"-c", (char *)setting->script, NULL};
  struct jc_command_run run;
  struct jc_error error = {0};
  cr_assert_eq(jc_epoch_pattern_open(NULL, &pattern, &error), JC_OK);
  jc_tree_open(&processes);
  const struct jc_command_options options = {.argv = argv,
                                             .meter = meter,
                                             .tree = &processes,
                                             .pattern = &pattern,
                                             .period_s = 0.1,
                                             .left = setting->left,
                                             .grace_s = setting->grace_s,
                                             .each = setting->each != NULL ? setting->each : go_on};
  cr_assert_eq(jc_command_run(&options, &run, &error), JC_OK, "%s", error.text);
  return run;
}

Test(command_run, joules_are_those_of_the_counter) {
  char script[2 * TREE_PATH];
  struct jc_meter *meter = open_machine();
  advancer_stop(&advancer);
  const unsigned long long now = tree_get(&tree, zones[0]);
  /* 20 J in epoch 1, 30 J in epoch 2, 5 J behind it. */
  snprintf(script, sizeof(script),
           "put() { printf '%%020d\\n' $1 | dd of=%s/intel-rapl:0/energy_uj conv=notrunc "
           "2>/dev/null; sleep 0.3; }\n"
           "put %llu; echo joulecast-epoch 1/2; put %llu; echo joulecast-epoch 2/2; put %llu",
           tree.powercap, now + 20000000, now + 50000000, now + 55000000);
  const struct setting setting = {.script = script};
  struct jc_command_run run = run_script(meter, &setting);
  cr_assert_eq(run.child.exit_code, 0);
  cr_assert_float_eq(jc_account_total(&run.account).energy_j, 55, 1e-5);
  cr_assert_eq(run.account.epoch_count, 2);
  /* An epoch is seen after its line was printed: on a loaded machine what follows has begun. */
  cr_assert_geq(run.account.epochs[0].energy_j, 20 - 1e-5);
  cr_assert_geq(run.account.epochs[0].energy_j + run.account.epochs[1].energy_j, 50 - 1e-5);
  cr_assert_leq(run.account.epochs[0].energy_j + run.account.epochs[1].energy_j, 55 + 1e-5);
  cr_assert_float_eq(run.projection.energy_j, 55, 1e-5, "nothing is to come");
  jc_command_run_free(&run);
  close_machine(meter);
}

Test(command_run, a_counter_that_vanishes_does_not_end_the_command) {
  char script[2 * TREE_PATH];
  struct jc_meter *meter = open_machine();
  advancer_stop(&advancer);
  /* A file descriptor stays readable when its file is removed: cut to nothing, it is no number. */
  snprintf(script, sizeof(script), "sleep 0.3; : >%s/intel-rapl:0/energy_uj; sleep 0.3; exit 3",
           tree.powercap);
  const struct setting setting = {.script = script};
  struct jc_command_run run = run_script(meter, &setting);
  cr_assert_eq(run.child.exit_code, 3);
  cr_assert(isnan(jc_account_total(&run.account).energy_j));
  cr_assert(jc_error_is_set(&run.meter_error));
  cr_assert_lt(run.account.metered_s, jc_account_total(&run.account).time_s);
  cr_assert_gt(jc_account_total(&run.account).time_s, 0.6);
  jc_command_run_free(&run);
  close_machine(meter);
}

Test(command_run, exit_codes_as_a_shell_has_them) {
  struct jc_meter *meter = open_machine();
  const struct {
    const char *script;
    int code;
  } cases[] = {{"exit 0", 0}, {"exit 42", 42}, {"kill -KILL $$", 137}, {"kill -TERM $$", 143}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const struct setting setting = {.script = cases[i].script};
    struct jc_command_run run = run_script(meter, &setting);
    cr_assert_eq(run.child.exit_code, cases[i].code, "%s", cases[i].script);
    jc_command_run_free(&run);
  }
  advancer_stop(&advancer);
  close_machine(meter);
}

/* A daemon in a session of its own, whose parents have ended, which ignores SIGTERM. */
static const char daemon_script[] =
    "(setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' &) ; sleep 0.2";

Test(command_run, a_daemon_is_named_or_stopped) {
  struct jc_meter *meter = open_machine();
  struct setting setting = {.script = daemon_script, .left = JC_LEFT_LEAVE};
  struct jc_command_run run = run_script(meter, &setting);
  cr_assert_eq(run.child.exit_code, 0);
  cr_assert_geq(run.left_count, 1);
  cr_assert_eq(kill(run.left[0], 0), 0, "it lives");
  jc_command_run_free(&run);
  while (jc_tree_signal(&processes, SIGKILL) > 0)
    (void)usleep(1000);
  setting.left = JC_LEFT_STOP;
  setting.grace_s = 0.2;
  run = run_script(meter, &setting);
  cr_assert_eq(run.left_count, 0);
  cr_assert(run.killed);
  cr_assert_eq(jc_tree_list(&processes, NULL, 0), 0);
  jc_command_run_free(&run);
  advancer_stop(&advancer);
  close_machine(meter);
}

/* It says so 0.5 s after the command has ended. */
Test(command_run, an_epoch_after_the_end_does_not_count) {
  struct jc_meter *meter = open_machine();
  const struct setting setting = {
      .script = "(command=$$; while kill -0 $command 2>/dev/null; do sleep 0.02; done; sleep 0.5\n"
                " echo joulecast-epoch 2; sleep 0.1) &\n"
                "echo joulecast-epoch 1"};
  struct timespec before, after;
  (void)clock_gettime(CLOCK_MONOTONIC, &before);
  struct jc_command_run run = run_script(meter, &setting);
  (void)clock_gettime(CLOCK_MONOTONIC, &after);
  const double wall_s =
      (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
  cr_assert_eq(run.account.epoch_count, 1);
  cr_assert_leq(run.account.epochs[0].time_s, jc_account_total(&run.account).time_s);
  cr_assert_leq(jc_account_total(&run.account).time_s, wall_s - 0.5);
  jc_command_run_free(&run);
  advancer_stop(&advancer);
  close_machine(meter);
}

Test(command_run, workers_are_waited_for) {
  struct jc_meter *meter = open_machine();
  const struct setting setting = {.script = "(setsid sleep 1 &)", .left = JC_LEFT_WAIT};
  struct jc_command_run run = run_script(meter, &setting);
  cr_assert_eq(run.left_count, 0);
  cr_assert_geq(jc_account_total(&run.account).time_s, 0.99);
  jc_command_run_free(&run);
  advancer_stop(&advancer);
  close_machine(meter);
}

Test(command_run, a_stop_reaches_every_process) {
  struct jc_meter *meter = open_machine();
  const struct setting setting = {
      .script = "trap '' TERM; (setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' &)\n"
                "while :; do sleep 0.05; done",
      .each = stop_at_once,
      .grace_s = 0.3};
  struct jc_command_run run = run_script(meter, &setting);
  cr_assert(run.stopped);
  cr_assert(run.killed);
  cr_assert_eq(run.child.signal, SIGKILL);
  cr_assert_eq(jc_tree_list(&processes, NULL, 0), 0);
  jc_command_run_free(&run);
  advancer_stop(&advancer);
  close_machine(meter);
}

Test(command_run, cpu_time_is_that_of_the_tree) {
  struct timespec before, after;
  jc_tree_open(&processes);
  const double begin_s = jc_tree_cpu_s(&processes, 0);
  (void)clock_gettime(CLOCK_MONOTONIC, &before);
  /* A grandchild computes; its parent waits for it, and the shell for both. */
  cr_assert_eq(system("sh -c 'sh -c \"i=0; while [ \\$i -lt 200000 ]; do i=\\$((i+1)); done\"; "
                      "true'"),
               0);
  (void)clock_gettime(CLOCK_MONOTONIC, &after);
  const double wall_s =
      (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
  const double cpu_s = jc_tree_cpu_s(&processes, 0) - begin_s;
  cr_assert_gt(cpu_s, 0.02);
  cr_assert_leq(cpu_s, 1.05 * wall_s + 0.03);
  jc_tree_close(&processes);
}

/* One that computes and ends during the run, and one that outlives it. */
Test(command_run, children_from_before_are_not_the_commands) {
  struct jc_meter *meter = open_machine();
  const pid_t computes = fork();
  if (computes == 0) {
    while (clock() < CLOCKS_PER_SEC) { /* CPU time */
    }
    _exit(0);
  }
  const pid_t outlives = fork();
  if (outlives == 0)
    (void)pause();
  char script[128];
  snprintf(script, sizeof(script), "while [ -d /proc/%ld ]; do sleep 0.05; done", (long)computes);
  const struct setting setting = {.script = script, .left = JC_LEFT_STOP};
  struct jc_command_run run = run_script(meter, &setting);
  cr_assert_eq(run.child.exit_code, 0);
  cr_assert_eq(run.left_count, 0);
  cr_assert_eq(waitpid(outlives, NULL, WNOHANG), 0, "it lives");
  cr_assert_eq(waitpid(computes, NULL, WNOHANG), -1, "it was waited for");
  cr_assert_lt(run.account.last.cpu_s - run.account.begin.cpu_s, 0.9);
  jc_command_run_free(&run);
  (void)kill(outlives, SIGKILL);
  advancer_stop(&advancer);
  close_machine(meter);
}

Test(command_run, the_trace_is_read_again) {
  char path[TREE_PATH];
  struct jc_counter_trace trace;
  struct jc_meter_reading reading;
  struct jc_error error = {0};
  struct jc_meter *meter = open_machine();
  tree_join(path, tree.root, "trace.jsonl");
  cr_assert_eq(jc_counter_trace_open(path, jc_meter_info(meter), &trace, &error), JC_OK);
  cr_assert_eq(jc_meter_read(meter, &reading, &error), JC_OK);
  advancer_stop(&advancer);
  cr_assert_eq(jc_counter_trace_add(&trace, &reading, &error), JC_OK);
  reading.time_s += 1000;
  reading.counter_energy_j[0] += 500;
  cr_assert_eq(jc_counter_trace_add(&trace, &reading, &error), JC_OK);
  cr_assert_eq(jc_counter_trace_add(&trace, &reading, &error), JC_OK, "the same one is no line");
  jc_counter_trace_close(&trace);
  jc_meter_close(meter);
  const struct jc_meter_options options = {.trace_path = path};
  cr_assert_eq(jc_meter_open("replay", &options, &meter, &error), JC_OK, "%s", error.text);
  cr_assert_not_null(strstr(jc_meter_info(meter)->notes[0], "1000 s"));
  const struct setting setting = {.script = "sleep 0.4"};
  struct jc_command_run run = run_script(meter, &setting);
  const struct jc_epoch_seen total = jc_account_total(&run.account);
  cr_assert_float_eq(total.energy_j, 0.5 * total.time_s, 0.01);
  jc_command_run_free(&run);
  close_machine(meter);
}

/* The command itself looks at the simulator's known joules when it begins and before it ends: what
 * lies between is a part of the run, and the run a part of what lies between our own looks. */
Test(command_run, joules_are_the_simulators) {
  static const char *const none[] = {NULL};
  char script[4 * TREE_PATH + 64], path[TREE_PATH];
  double inside_j[2] = {0};
  struct jc_meter *meter = NULL;
  struct jc_error error = {0};
  tree_make(&tree);
  const pid_t simulator = simulator_start(&tree, none);
  const struct jc_meter_options options = {.powercap_root = tree.powercap};
  cr_assert_eq(jc_meter_open("powercap", &options, &meter, &error), JC_OK, "%s", error.text);
  tree_join(path, tree.root, "inside");
  snprintf(script, sizeof(script), "cat %s/known_j >%s; sleep 0.7; cat %s/known_j >>%s",
           tree.powercap, path, tree.powercap, path);
  const struct setting setting = {.script = script};
  const double before_j = simulator_known_j(&tree);
  struct jc_command_run run = run_script(meter, &setting);
  const double after_j = simulator_known_j(&tree);
  FILE *in = fopen(path, "r");
  cr_assert(in != NULL && fscanf(in, "%lf %lf", &inside_j[0], &inside_j[1]) == 2);
  (void)fclose(in);
  const double energy_j = jc_account_total(&run.account).energy_j;
  cr_assert_gt(inside_j[1] - inside_j[0], 12 * 0.6, "12 W of an idle package");
  cr_assert_geq(energy_j, inside_j[1] - inside_j[0] - 1e-5);
  cr_assert_leq(energy_j, after_j - before_j + 1e-5);
  jc_command_run_free(&run);
  cr_assert_eq(simulator_stop(simulator), 0);
  close_machine(meter);
}
