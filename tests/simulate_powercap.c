/* simulate_powercap.c -- a powercap tree that advances with the CPU time of one process.
 *
 *   simulate_powercap --root DIR --pid PID [OPTIONS]
 *   simulate_powercap --root DIR [OPTIONS] -- COMMAND [ARGUMENT...]
 *   OPTIONS: [--packages N] [--dram] [--unreadable] [--range-uj N] [--idle-w W]
 *            [--watts-per-core W] [--period-ms N]
 *
 * For tests of meters and calibration on machines without counters. `busy` being CPU seconds of PID
 * per second, shared equally by the packages, the power of each zone is
 *   intel-rapl:I    package-I   idle_w + watts_per_core * busy / packages      (12 W, 9 W)
 *   intel-rapl:I:0  core        watts_per_core * busy / packages               (part of the above)
 *   intel-rapl:I:1  dram        3 W + 2 W * busy / packages                    (with --dram)
 * With --unreadable, one more package has a folder where its energy_uj should be, which not even
 * root can read. Counters wrap behind --range-uj (default 262143328850, a usual one).
 *
 * It wakes every 20 ms (--period-ms: not less, or it becomes the busy process itself), writes each
 * counter in place and in fixed width, then DIR/known_j: the joules so far of all package and dram
 * zones that can be read, unwrapped. Ends with PID, or on SIGTERM, and prints known_j.
 *
 * With a COMMAND it watches that from its first instruction, through every exec(), with counters
 * that begin at 0: the tree stands before the command is started, known_j goes to DIR/known_j
 * alone, and the exit status is the command's (128 + signal; 127 if it cannot be run). Processes
 * that the command forks are not counted. A program that runs in several steps, a process each,
 * runs each of them under a simulator of its own. Where the system permits it the simulator then
 * has a real-time priority, since a command that keeps all CPUs busy would have it tick late.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PACKAGES = 8, MAX_ZONES = 3 * MAX_PACKAGES, PATH_SIZE = 512 };

static const double dram_idle_w = 3;
static const double dram_watts_per_core = 2;

struct settings {
  const char *root;
  pid_t pid;
  char **command; /* to be run and watched; NULL: pid is */
  unsigned packages;
  bool dram;
  bool unreadable;
  uint64_t range_uj;
  double idle_w;
  double watts_per_core;
  int period_ms;
};

struct zone {
  int fd; /* of energy_uj */
  double idle_w;
  double watts_per_core; /* of the whole machine's busy cores */
  bool known;            /* part of known_j */
  double energy_j;
};

struct simulation {
  struct settings settings;
  clockid_t clock; /* CPU time of the watched process */
  double wall_s;
  double cpu_s;
  int known_fd;
  double known_j; /* sum over the known zones */
  unsigned zone_count;
  struct zone zones[MAX_ZONES];
};

static void die(const char *what) {
  fprintf(stderr, "simulate_powercap: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void usage(void) {
  fprintf(stderr, "usage: simulate_powercap --root DIR [--pid PID] [--packages N] [--dram] "
                  "[--unreadable] [--range-uj N] [--idle-w W] [--watts-per-core W] "
                  "[--period-ms N] [-- COMMAND...]\n");
  exit(2);
}

static struct settings parse(int argc, char **argv) {
  static const struct option options[] = {
      {"root", required_argument, NULL, 'r'},      {"pid", required_argument, NULL, 'p'},
      {"packages", required_argument, NULL, 'n'},  {"dram", no_argument, NULL, 'd'},
      {"unreadable", no_argument, NULL, 'u'},      {"range-uj", required_argument, NULL, 'g'},
      {"idle-w", required_argument, NULL, 'i'},    {"watts-per-core", required_argument, NULL, 'w'},
      {"period-ms", required_argument, NULL, 't'}, {NULL, 0, NULL, 0}};
  struct settings settings = {.packages = 1,
                              .range_uj = UINT64_C(262143328850),
                              .idle_w = 12,
                              .watts_per_core = 9,
                              .period_ms = 20};
  int option;
  while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
    switch (option) {
    case 'r':
      settings.root = optarg;
      break;
    case 'p':
      settings.pid = (pid_t)strtol(optarg, NULL, 10);
      break;
    case 'n':
      settings.packages = (unsigned)strtoul(optarg, NULL, 10);
      break;
    case 'd':
      settings.dram = true;
      break;
    case 'u':
      settings.unreadable = true;
      break;
    case 'g':
      settings.range_uj = strtoull(optarg, NULL, 10);
      break;
    case 'i':
      settings.idle_w = strtod(optarg, NULL);
      break;
    case 'w':
      settings.watts_per_core = strtod(optarg, NULL);
      break;
    case 't':
      settings.period_ms = (int)strtol(optarg, NULL, 10);
      break;
    default:
      usage();
    }
  }
  settings.command = optind < argc ? argv + optind : NULL;
  if (settings.root == NULL || (settings.pid > 0) == (settings.command != NULL) ||
      settings.packages < 1 || settings.packages >= MAX_PACKAGES || settings.range_uj == 0 ||
      settings.period_ms < 20) {
    usage();
  }
  return settings;
}

/* ---- Files ---------------------------------------------------------------------------------- */

static void join(char path[PATH_SIZE], const char *folder, const char *name) {
  int length = snprintf(path, PATH_SIZE, "%s/%s", folder, name);
  if (length < 0 || length >= PATH_SIZE) {
    errno = ENAMETOOLONG;
    die(folder);
  }
}

static void make_folder(const char *path) {
  if (mkdir(path, 0755) != 0 && errno != EEXIST) {
    die(path);
  }
}

static void write_text(const char *folder, const char *file, const char *text) {
  char path[PATH_SIZE];
  join(path, folder, file);
  FILE *out = fopen(path, "w");
  if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0) {
    die(path);
  }
}

static int open_file(const char *folder, const char *file) {
  char path[PATH_SIZE];
  join(path, folder, file);
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    die(path);
  }
  return fd;
}

static void write_whole(int fd, const char *text) {
  size_t length = strlen(text);
  if (pwrite(fd, text, length, 0) != (ssize_t)length) {
    die("write");
  }
}

/* Makes DIR/ID with its name and range, and returns the path in FOLDER. */
static void make_zone(const struct settings *settings, const char *id, const char *name,
                      char folder[PATH_SIZE]) {
  char range[32];
  join(folder, settings->root, id);
  make_folder(folder);
  (void)snprintf(range, sizeof range, "%" PRIu64 "\n", settings->range_uj);
  write_text(folder, "name", name);
  write_text(folder, "max_energy_range_uj", range);
}

/* ---- Zones ---------------------------------------------------------------------------------- */

static void add_zone(struct simulation *simulation, const char *id, const char *name,
                     struct zone zone) {
  char folder[PATH_SIZE];
  make_zone(&simulation->settings, id, name, folder);
  zone.fd = open_file(folder, "energy_uj");
  simulation->zones[simulation->zone_count++] = zone;
}

static void add_package(struct simulation *simulation, unsigned index) {
  const struct settings *settings = &simulation->settings;
  double active_w = settings->watts_per_core / settings->packages;
  char id[32];
  char name[32];
  (void)snprintf(id, sizeof id, "intel-rapl:%u", index);
  (void)snprintf(name, sizeof name, "package-%u\n", index);
  add_zone(simulation, id, name,
           (struct zone){.idle_w = settings->idle_w, .watts_per_core = active_w, .known = true});
  (void)snprintf(id, sizeof id, "intel-rapl:%u:0", index);
  add_zone(simulation, id, "core\n", (struct zone){.watts_per_core = active_w});
  if (settings->dram) {
    (void)snprintf(id, sizeof id, "intel-rapl:%u:1", index);
    add_zone(simulation, id, "dram\n",
             (struct zone){.idle_w = dram_idle_w,
                           .watts_per_core = dram_watts_per_core / settings->packages,
                           .known = true});
  }
}

static void add_unreadable_package(const struct settings *settings) {
  char folder[PATH_SIZE];
  char energy[PATH_SIZE];
  char id[32];
  char name[32];
  (void)snprintf(id, sizeof id, "intel-rapl:%u", settings->packages);
  (void)snprintf(name, sizeof name, "package-%u\n", settings->packages);
  make_zone(settings, id, name, folder);
  join(energy, folder, "energy_uj");
  make_folder(energy);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static double clock_s(clockid_t clock, double otherwise_s) {
  struct timespec now;
  return clock_gettime(clock, &now) == 0 ? (double)now.tv_sec + 1e-9 * (double)now.tv_nsec
                                         : otherwise_s;
}

static void write_counts(struct simulation *simulation) {
  char text[40];
  simulation->known_j = 0;
  for (unsigned i = 0; i < simulation->zone_count; i++) {
    const struct zone *zone = &simulation->zones[i];
    uint64_t count = (uint64_t)(zone->energy_j * 1e6) % (simulation->settings.range_uj + 1);
    (void)snprintf(text, sizeof text, "%020" PRIu64 "\n", count);
    write_whole(zone->fd, text);
    simulation->known_j += zone->known ? zone->energy_j : 0;
  }
  (void)snprintf(text, sizeof text, "%020.6f\n", simulation->known_j);
  write_whole(simulation->known_fd, text);
}

/* Adds the energy since the last call. A process that has ended uses no more CPU time. */
static void advance(struct simulation *simulation) {
  double wall_s = clock_s(CLOCK_MONOTONIC, 0);
  double cpu_s = clock_s(simulation->clock, simulation->cpu_s);
  for (unsigned i = 0; i < simulation->zone_count; i++) {
    struct zone *zone = &simulation->zones[i];
    zone->energy_j += zone->idle_w * (wall_s - simulation->wall_s) +
                      zone->watts_per_core * (cpu_s - simulation->cpu_s);
  }
  simulation->wall_s = wall_s;
  simulation->cpu_s = cpu_s;
  write_counts(simulation);
}

/* Waits for the end of the watched process, a signal, or the next wake; false: the end. */
static bool wait_for_wake(const struct settings *settings, int process_fd, int signal_fd) {
  struct pollfd events[] = {{.fd = process_fd, .events = POLLIN},
                            {.fd = signal_fd, .events = POLLIN}};
  int ready = poll(events, 2, settings->period_ms);
  bool alive = process_fd >= 0 || kill(settings->pid, 0) == 0;
  return ready == 0 && alive;
}

/* ---- The command ---------------------------------------------------------------------------- */

/* A child that waits for a byte in *GO_FD, then is the command. */
static pid_t start_command(char **command, int *go_fd) {
  int go[2];
  char byte;
  if (pipe(go) != 0) {
    die("pipe");
  }
  pid_t pid = fork();
  if (pid < 0) {
    die("fork");
  }
  if (pid == 0) {
    (void)close(go[1]);
    if (read(go[0], &byte, 1) != 1) {
      _exit(127); /* the simulator has failed */
    }
    (void)close(go[0]);
    (void)execvp(command[0], command);
    fprintf(stderr, "simulate_powercap: %s: %s\n", command[0], strerror(errno));
    _exit(127);
  }
  (void)close(go[0]);
  *go_fd = go[1];
  return pid;
}

static void run_command(int go_fd) {
  const struct sched_param priority = {.sched_priority = 1};
  (void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
  if (write(go_fd, "", 1) != 1) {
    die("cannot start the command");
  }
  (void)close(go_fd);
}

/* A signal that ended the simulator ends the command too. */
static int end_command(pid_t pid) {
  int status = 0;
  siginfo_t info = {0};
  if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) {
    (void)kill(pid, SIGTERM);
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- Main ----------------------------------------------------------------------------------- */

static int block_signals(void) {
  sigset_t ending;
  (void)sigemptyset(&ending);
  (void)sigaddset(&ending, SIGTERM);
  (void)sigaddset(&ending, SIGINT);
  (void)sigprocmask(SIG_BLOCK, &ending, NULL);
  return signalfd(-1, &ending, SFD_CLOEXEC);
}

int main(int argc, char **argv) {
  struct simulation simulation = {.settings = parse(argc, argv)};
  struct settings *settings = &simulation.settings;
  int go_fd = -1;
  if (settings->command != NULL) {
    settings->pid = start_command(settings->command, &go_fd); /* its signals are not blocked */
  }
  int signal_fd = block_signals();
  int process_fd = (int)syscall(SYS_pidfd_open, settings->pid, 0); /* negative: poll ignores it */
  errno = clock_getcpuclockid(settings->pid, &simulation.clock);
  if (signal_fd < 0 || errno != 0) {
    die("cannot watch the process");
  }
  make_folder(settings->root);
  for (unsigned i = 0; i < settings->packages; i++) {
    add_package(&simulation, i);
  }
  if (settings->unreadable) {
    add_unreadable_package(settings);
  }
  simulation.known_fd = open_file(settings->root, "known_j");
  simulation.wall_s = clock_s(CLOCK_MONOTONIC, 0);
  simulation.cpu_s = clock_s(simulation.clock, 0);
  advance(&simulation);
  if (settings->command != NULL) {
    run_command(go_fd);
  }
  do {
    advance(&simulation);
  } while (wait_for_wake(settings, process_fd, signal_fd));
  advance(&simulation);
  if (settings->command != NULL) {
    return end_command(settings->pid);
  }
  printf("%.6f\n", simulation.known_j);
  return 0;
}
