/* meter.h -- energy meters: drivers report raw counters, one file turns them into joules.
 *
 *   struct jc_meter_options options = {.allow_model = true, .model = {.tdp_w = 65, ...}};
 *   struct jc_meter *meter = NULL;
 *   if (jc_meter_open(NULL, &options, &meter, &error) != JC_OK) ...  NULL: choose by itself
 *   jc_meter_read(meter, &before, &error);
 *   ... work ...
 *   jc_meter_read(meter, &after, &error);
 *   energy_j = after.energy_j - before.energy_j;
 *   jc_meter_close(meter);
 *
 * What can go wrong with energy counters, and where it is dealt with:
 *   - They wrap: after about an hour at 70 W on real machines (a range of 262 kJ). A thread of the
 *     meter's own reads them often enough that no wrap is missed; a prototype that read only at the
 *     ends of its windows lost 13 % of the energy.
 *   - They exist but never advance (some virtual machines). A meter is usable only if its counters
 *     advance within 200 ms of load, and a counter that stops later makes reading fail.
 *   - A read fails. That is an error, never 0 J.
 *   - They jump (a reset after sleep, another machine's file). More than 2 kW of one counter is not
 *     believed: reading fails from then on, since what happened in between is lost.
 *   - Some are denied while others are not. The rest is still counted; `covers` and the notes say
 *     what is in the sum.
 *   - One piece of hardware has several: RAPL through powercap and through perf, dies that all show
 *     their package's counter. A meter takes one source per piece of hardware, and what advances
 *     exactly as its neighbour does is counted once.
 *
 * Adding a meter: one file calibrate/meter_NAME.c that defines jc_meter_driver_NAME, and one line
 * in JC_METER_DRIVERS.
 */
#ifndef JC_CALIBRATE_METER_H
#define JC_CALIBRATE_METER_H

#include "estimator/error.h"

#include <stdbool.h>

/* Every driver, in the order of automatic choice. Measuring ones first. */
#define JC_METER_DRIVERS(X)                                                                        \
  X(powercap)                                                                                      \
  X(perf)                                                                                          \
  X(hwmon)                                                                                         \
  X(nvml)                                                                                          \
  X(model)                                                                                         \
  X(replay)

/* Most counters one meter can have: eight sockets of four dies, each with a dram zone. */
enum {
  JC_METER_MAX_COUNTERS = 64,
  JC_METER_MAX_NOTES = 16,
  JC_METER_MAX_DRIVERS = 8,
  JC_METER_MAX_SOURCES = 4 /* drivers in one sum */
};

/* What a driver's counters belong to. Of each kind one driver is counted. */
enum jc_meter_hardware {
  JC_METER_PROCESSOR, /* packages and their memory */
  JC_METER_BOARD,     /* accelerator cards, memory included: added to the processor's energy */
  JC_METER_RECORDED   /* whatever a file says; never chosen automatically */
};

enum jc_meter_state {
  JC_METER_OK,
  JC_METER_ABSENT,        /* this machine, container or kernel does not offer it */
  JC_METER_PERMISSION,    /* there, but this user may not read it */
  JC_METER_NOT_ADVANCING, /* readable, but still after 200 ms of load */
  JC_METER_UNREADABLE,    /* there, but reading fails or yields no number */
  JC_METER_UNSUPPORTED,   /* the hardware is there and keeps no energy counter */
  JC_METER_DUPLICATE      /* shows the counter of another piece, which is counted */
};

/* "ok", "absent", "permission", "not-advancing", "unreadable", "unsupported", "duplicate". */
const char *jc_meter_state_name(enum jc_meter_state state);

/* Parameters of the `model` meter, from a hardware row or from --tdp-w and --idle-w:
 * P = idle_w + (tdp_w - idle_w) * busy_cores / cores. */
struct jc_meter_model {
  double idle_w;  /* 0 .. tdp_w */
  double tdp_w;   /* > 0; 0: not given, the meter is not available */
  uint32_t cores; /* cores that share tdp_w, >= 1 */
};

struct jc_perf_system; /* calibrate/meter_perf.h */
struct jc_nvml_system; /* calibrate/meter_nvml.h */

/* All members may be zero. Strings are borrowed during jc_meter_open() only. */
struct jc_meter_options {
  const char *root; /* put before /sys, so that a folder can stand for a machine, at most 350 bytes;
                       NULL or "": this one. A folder has no kernel and no NVML library of its own:
                       without `perf` and `nvml` these two are absent below it */
  const char *powercap_root;         /* NULL: <root>/sys/class/powercap */
  const struct jc_perf_system *perf; /* NULL: this kernel's perf_event_open */
  const struct jc_nvml_system *nvml; /* NULL: libnvidia-ml.so.1, if it can be loaded */
  const char *trace_path;            /* of `replay`; if given and no meter is named, that is it */
  bool allow_model;                  /* automatic choice may end with `model`; default: refuse */
  struct jc_meter_model model;
  /* Of `model`: CPU seconds that count beside this process's own, of what it has started; called
   * from the polling thread too. NULL: none. */
  double (*other_cpu_s)(void *context);
  void *context;
};

enum { JC_METER_WHOLE = -1 };

/* A raw counter as its driver reports it, and whether it is in the sum. */
struct jc_meter_counter {
  char name[64];   /* "intel-rapl:0" */
  char domain[16]; /* "package", "dram": what kind of hardware it covers */
  char covers[80]; /* which piece of it: "package-0", "package-0 dram" */
  double unit_j;   /* joules per count, > 0 */
  uint64_t range;  /* counts until it starts again at 0 (largest value + 1); 0: never */
  int die_of;      /* number of the package that it covers one die of, else JC_METER_WHOLE */
  enum jc_meter_state state; /* only JC_METER_OK is counted */
  char detail[160];          /* why it is not counted; "" if it is */
};

/* What a meter is, as opened or as probed. */
struct jc_meter_info {
  char name[32];             /* "powercap", "powercap+nvml" */
  bool measured;             /* false: modelled, and must be called so wherever it is shown */
  enum jc_meter_state state; /* JC_METER_OK: usable */
  char reason[256];          /* why it is not usable; "" if it is */
  char domain[32];           /* what the sum holds: "package", "package+dram+board" */
  char covers[256];          /* the pieces in the sum: "package-0, package-1, package-0 dram" */
  double poll_period_s;      /* of the background reading, 0.02 .. 1; probed only: 0 */
  uint32_t counter_count;
  struct jc_meter_counter counters[JC_METER_MAX_COUNTERS];
  uint32_t note_count;
  char notes[JC_METER_MAX_NOTES][240]; /* what a user should know: left out, doubled, no range */
};

/* A meter that automatic choice passed over, and why. */
struct jc_meter_attempt {
  const char *name;
  enum jc_meter_state state;
  char reason[256];
};

struct jc_meter_reading {
  double time_s;          /* CLOCK_MONOTONIC at the middle of the reading */
  double energy_j;        /* since the meter was opened, sum over its counted counters */
  uint64_t late_polls;    /* since then: gaps in which a counter may have wrapped unseen, at the
                             highest power it had shown; discard a window in which this grows */
  uint32_t counter_count; /* as in jc_meter_info */
  double counter_energy_j[JC_METER_MAX_COUNTERS]; /* since opening; 0 if not counted */
};

struct jc_meter;

/* Opens meter NAME and starts its polling thread. NAME is a driver, or several of different
 * hardware joined by '+', as in "powercap+nvml", whose sum is counted. With NULL it is the first
 * measuring driver of the processor that works, and beside it boards if they can be measured; if
 * none works, `model` alone, if the options allow it. OPTIONS may be NULL. Takes up to 200 ms per
 * driver, with one core busy. The caller closes *METER; it is NULL after a failure. Fails with
 * JC_ERROR_USAGE (no such meter, or two of the same hardware), JC_ERROR_UNAVAILABLE (none works, or
 * NAME does not: the text holds the reason), JC_ERROR_MISSING or JC_ERROR_INVALID (parameters of
 * `model`, the trace of `replay`, if it was named), JC_ERROR_STORAGE. Signals are blocked in the
 * polling thread. Its priority is one above a real-time caller's, whose spinning workers would
 * starve it otherwise; the mutex inherits priority. */
enum jc_status jc_meter_open(const char *name, const struct jc_meter_options *options,
                             struct jc_meter **meter, struct jc_error *error);

/* Reads every counter now. Safe from any thread. Fails with JC_ERROR_UNAVAILABLE (a counter cannot
 * be read; the next call may succeed), JC_ERROR_RUNTIME (a counter jumped: for good; or a measured
 * one has not advanced for 2 s). READING is left as it was then. */
enum jc_status jc_meter_read(struct jc_meter *meter, struct jc_meter_reading *reading,
                             struct jc_error *error);

/* Stops the thread and frees METER; NULL is ignored. */
void jc_meter_close(struct jc_meter *meter);

/* Lives as long as METER. */
const struct jc_meter_info *jc_meter_info(const struct jc_meter *meter);

/* The meters that automatic choice passed over; *COUNT may be 0. Lives as long as METER. */
const struct jc_meter_attempt *jc_meter_attempts(const struct jc_meter *meter, uint32_t *count);

/* Opens, loads one core for up to 200 ms, and closes driver NAME, filling INFO. A meter that does
 * not work is a result (INFO->state, INFO->reason), not a failure. Fails with JC_ERROR_USAGE. */
enum jc_status jc_meter_probe(const char *name, const struct jc_meter_options *options,
                              struct jc_meter_info *info, struct jc_error *error);

/* Keeps the calling thread busy: the load under which counters must advance. */
void jc_meter_spin(double duration_s);

/* ---- For drivers ---------------------------------------------------------------------------- */

struct jc_meter_driver {
  const char *name;
  const char *summary; /* one line for `joulecast list meters` */
  enum jc_meter_hardware hardware;
  bool measured; /* `open` may say otherwise in INFO */

  /* Lists the counters in INFO (jc_meter_add_counter) and puts the driver's own data in *STATE.
   * What the machine lacks is no failure: a counter gets its state and detail, and if there is
   * none at all, INFO gets state and reason. Failures are faults of the caller's options and lack
   * of memory; nothing is to be closed then. */
  enum jc_status (*open)(const struct jc_meter_options *options, struct jc_meter_info *info,
                         void **state, struct jc_error *error);

  /* Reads counter number COUNTER, one that `open` left in state JC_METER_OK. Never called by two
   * threads at once. Fails with JC_ERROR_UNAVAILABLE. */
  enum jc_status (*read)(void *state, uint32_t counter, uint64_t *count, struct jc_error *error);

  void (*close)(void *state); /* STATE may be NULL */
};

#define JC_METER_DECLARE(name) extern const struct jc_meter_driver jc_meter_driver_##name;
JC_METER_DRIVERS(JC_METER_DECLARE)
#undef JC_METER_DECLARE

/* The driver at INDEX, in the order of automatic choice; NULL behind the last. */
const struct jc_meter_driver *jc_meter_driver_at(uint32_t index);

/* Opens a meter of a driver that need not be in the list. As jc_meter_open() with a name. */
enum jc_status jc_meter_open_driver(const struct jc_meter_driver *driver,
                                    const struct jc_meter_options *options, struct jc_meter **meter,
                                    struct jc_error *error);

/* A new zeroed counter in INFO (state JC_METER_OK), or NULL if it has JC_METER_MAX_COUNTERS. */
struct jc_meter_counter *jc_meter_add_counter(struct jc_meter_info *info);

/* Adds a printf-like note; those beyond JC_METER_MAX_NOTES are dropped. */
__attribute__((format(printf, 2, 3))) void jc_meter_note(struct jc_meter_info *info,
                                                         const char *format, ...);

/* The driver NAME. Fails with JC_ERROR_USAGE, naming those there are. */
enum jc_status jc_meter_find_driver(const char *name, const struct jc_meter_driver **driver,
                                    struct jc_error *error);

/* Opens DRIVER, requires its counters to advance, and says in INFO whether it works. If it does,
 * *STATE is the caller's to close. Fails as DRIVER's open does, with the text in INFO->reason. */
enum jc_status jc_meter_inspect(const struct jc_meter_driver *driver,
                                const struct jc_meter_options *options, struct jc_meter_info *info,
                                void **state, struct jc_error *error);

/* Puts counters of dies out of the sum that show the same counter as another die of their package.
 * Where a package has several, it takes some ticks (up to 1 s), with one core busy. */
void jc_meter_leave_out_mirrors(const struct jc_meter_driver *driver, void *state,
                                struct jc_meter_info *info);

/* The system's text for errno CODE, beginning in lower case. Returns BUFFER. */
const char *jc_meter_system_text(int code, char *buffer, size_t size);

#endif
