/* estimator.h -- forecast the energy of a training run from static analysis. The core's header.
 *
 *   struct jc_network   what is trained            network.h, read by model_file.h
 *   struct jc_analysis  its exact counts           jc_network_analyze()
 *   struct jc_run       how it is trained          batch, epochs, samples, threads
 *   struct jc_profile   what this machine costs    profile_file.h, made by `joulecast calibrate`
 *   struct jc_hardware  what a data sheet says     data_files.h
 *   jc_estimate_run()   a method's forecast        struct jc_estimate
 *
 * All of it plain values owned by the caller: no heap, no I/O, no globals. SI units inside; each
 * name ends in its unit. NAN stands for "no value", never 0.
 */
#ifndef JC_ESTIMATOR_ESTIMATOR_H
#define JC_ESTIMATOR_ESTIMATOR_H

#include "estimator/features.h"
#include "estimator/layerwise.h"
#include "estimator/training_memory.h"

/* ---- the run ---- */

enum jc_run_phase { JC_RUN_TRAINING, JC_RUN_FORWARD };

struct jc_run {
  uint64_t batch_size;     /* samples of one step, >= 1 */
  uint64_t epochs;         /* >= 1 */
  uint64_t samples;        /* training samples of an epoch; 0: the estimate is for one step */
  uint64_t val_samples;    /* forward passes after each epoch; 0: none */
  uint64_t validate_every; /* epochs from one validation to the next; 0 is 1 */
  uint32_t threads;        /* >= 1 */
  enum jc_optimizer optimizer;
  enum jc_run_phase phase;
};

/* The last step of an epoch counts whole: ceil(samples / batch_size) x epochs. Validation comes
 * after every validate_every-th epoch, not after the last one as such. */
struct jc_steps {
  uint64_t training;
  uint64_t validation;
};

/* Fails with JC_ERROR_OVERFLOW beyond 64 bits. */
enum jc_status jc_run_steps(const struct jc_run *run, struct jc_steps *steps,
                            struct jc_error *error);

/* ---- machine, hardware, profile ---- */

struct jc_machine {
  char cpu_model[96]; /* as the kernel prints it; may be hidden by a hypervisor */
  uint32_t cpus;      /* logical CPUs the process may use */
  uint64_t memory_bytes;
  char isa[32]; /* widest vector set: "avx512", "avx2", "neon", ... */
};

/* A data row of data/hardware.json, for the cores in use (per-core rows are multiplied when read).
 */
struct jc_hardware {
  char name[64];
  char device[8]; /* "cpu" or "gpu" */
  bool generic;   /* stands for machines that hide their model */
  uint32_t cores; /* physical cores the figures stand for; 0: not a CPU */
  double tdp_w;   /* NAN: unknown, as all below */
  double idle_w;
  double peak_flops_per_s[JC_MAX_PRECISIONS];
  double memory_bandwidth_bytes_per_s;
  double memory_bytes;
  double memory_w_per_gb; /* of the machine's memory, by the table's default; not of the part */
  char source[256];
  uint32_t year;
};

/* Coefficients of one (type, phase): seconds and joules above idle = sum of value x feature. */
struct jc_coefficient {
  uint16_t type;
  enum jc_phase phase;
  uint32_t networks;                     /* sample networks that had it */
  double time_s[JC_LINEAR_FEATURES];     /* per call, per FLOP, per byte; >= 0 */
  double time_low_s[JC_LINEAR_FEATURES]; /* 90 % bootstrap interval over networks */
  double time_high_s[JC_LINEAR_FEATURES];
  double energy_j[JC_LINEAR_FEATURES]; /* above idle */
  double energy_low_j[JC_LINEAR_FEATURES];
  double energy_high_j[JC_LINEAR_FEATURES];
  double flops_min, flops_max; /* fitted range, of one layer in one step */
  double bytes_min, bytes_max;
  /* For layers of at least so many bytes in one step. Where a type has several such rows of a
   * phase, they follow each other, the largest first. 0: all. */
  double bytes_above;
};

/* Leave-one-network-out errors of a method, relative; and the interval taken from them. */
struct jc_error_summary {
  uint32_t networks; /* 0: not known */
  double mape, median, p90, worst, bias;
  double log_half_width[3]; /* of |ln(measured/predicted)| at 50, 80, 90 %; NAN: too few networks */
};

/* What the fit of a kind's single layers was wrong by on layers that it had not seen, relative,
 * over ten folds. */
struct jc_layer_error {
  enum jc_layer_kind kind;
  uint32_t samples;
  double mape, median, bias, worst; /* of joules */
  double r2;                        /* of joules, not relative; <= 1 */
  double time_mape;
};

/* What `getzner` knows of a kind: joules and seconds of a forward pass of one layer are
 * [0] + [1] x MACs, by ordinary least squares, so that [0] may be below 0. */
struct jc_mac_line {
  enum jc_layer_kind kind;
  uint32_t layers; /* that it was fitted to */
  double energy_j[2];
  double time_s[2];
};

/* Levels of log_half_width. */
extern const double jc_interval_levels[3];

enum { JC_MAX_COEFFICIENTS = 512 };

/* What a calibration found; profile.json is this struct. */
struct jc_profile {
  struct jc_machine machine;
  char runner[32];         /* "onednn" */
  char runner_version[32]; /* "2.6.3" */
  enum jc_precision precision;
  uint32_t threads;
  char date[32];   /* ISO 8601, UTC */
  double load;     /* busy share of the machine by others when it began, 0..1 */
  bool forced;     /* calibrated with --force beside other load */
  char meter[32];  /* "powercap", "model" */
  char domain[32]; /* what the joules cover: "package", "package+dram" */
  bool measured;   /* false: power was modelled */
  double idle_power_w;
  double active_power_w; /* mean of the sample trainings */
  /* How much longer a mean step takes than the median one, over the latter: steps that something
   * held up. Times are of median steps, joules of mean ones: a counter counts them all. 0: unknown
   */
  double mean_excess;
  uint32_t sample_networks;
  /* One-off cost of a run, s: startup_s[0] + [1] x layers + [2] x step seconds. */
  double startup_s[3];
  double flops_max, bytes_max; /* largest sample, per step: beyond is extrapolation */
  double energy_per_flop_j;    /* of whole training steps, median; idle included */
  double time_per_flop_s;
  struct jc_error_summary time_error, energy_error;             /* layerwise-linear */
  struct jc_error_summary flops_time_error, flops_energy_error; /* flops */
  struct jc_error_summary layerwise_time_error, layerwise_energy_error;
  struct jc_layerwise layerwise; /* curve_count 0: not fitted */
  /* JC_RUN_FORWARD: fitted on forward passes of single layers, for such runs only. Joules are then
   * whole, idle_power_w is 0, a coefficient's `networks` are layers (0: computes nothing
   * in a forward pass), and the errors are layer_errors. */
  enum jc_run_phase phase;
  uint32_t layer_error_count;
  struct jc_layer_error layer_errors[JC_LAYER_KIND_COUNT];
  uint32_t mac_line_count; /* 0: not fitted */
  struct jc_mac_line mac_lines[JC_LAYER_KIND_COUNT];
  uint32_t coefficient_count;
  struct jc_coefficient coefficients[JC_MAX_COEFFICIENTS];
};

/* Watts that idling adds to every second of a median step, those that it lacks to a mean one
 * included. */
double jc_mean_idle_w(const struct jc_profile *profile);

/* ---- methods ---- */

/* Everything a method may use; NULL or NAN where not given. */
struct jc_problem {
  const struct jc_analysis *analysis;
  struct jc_run run;
  enum jc_precision precision;
  const struct jc_profile *profile;
  const struct jc_hardware *hardware;
  double duration_s;   /* of the whole run, given by the user; NAN: predict it */
  double memory_bytes; /* of the machine; 0: not given */
  double usage;        /* share of the TDP that is drawn, 0..1; 0: not given */
  double interval;     /* level wanted: 0.5, 0.8 or 0.9 */
};

struct jc_layer_estimate {
  double time_s;   /* of the whole run */
  double energy_j; /* of the whole run, idle share included */
  /* The same by phase of its steps; what is missing to the whole is validation. */
  double phase_time_s[JC_PHASE_COUNT], phase_energy_j[JC_PHASE_COUNT];
};

enum jc_result_phase {
  JC_RESULT_FORWARD,
  JC_RESULT_BACKWARD_DATA,
  JC_RESULT_BACKWARD_WEIGHTS,
  JC_RESULT_UPDATE,
  JC_RESULT_VALIDATION,
  JC_RESULT_PHASE_COUNT
};
/* "forward", "backward_data", ... as in JSON. */
const char *jc_result_phase_name(enum jc_result_phase phase);

struct jc_phase_estimate {
  double macs; /* of the whole run */
  double time_s;
  double energy_j;
};

enum { JC_MAX_NOTES = 8, JC_NOTE_BYTES = 240 };

/* A forecast. Energies are of the machine in `domain`, PUE not applied. */
struct jc_estimate {
  const char *method;
  struct jc_steps steps;
  double energy_j, energy_low_j, energy_high_j; /* low, high NAN: the method gives no interval */
  double energy_above_idle_j;
  double time_s, time_low_s, time_high_s;
  double power_w;
  /* Of a training step (forward step for JC_RUN_FORWARD). Joules are what a meter shows on average
   * over many steps, held-up ones included; seconds are those of the median step on a quiet
   * machine. Their sums, energy_j and time_s, keep to that. */
  double energy_per_step_j, time_per_step_s;
  double overhead_j, overhead_s; /* start-up and per-step overhead, in no layer */
  double interval;               /* level of low and high */
  const char *domain;            /* "package", "package+dram", "board", "board+dram", "wall" */
  const char *duration_from; /* the method that predicted a duration not given; NULL: none did */
  bool power_measured;       /* false: power comes from a model or a data sheet */
  bool resolves_layers;      /* phases and layers are filled */
  bool extrapolated;
  double extrapolated_share; /* of the predicted time, from outside the calibrated range */
  struct jc_phase_estimate phases[JC_RESULT_PHASE_COUNT];
  struct jc_layer_estimate *layers; /* caller's [layer_count], or NULL: not wanted */
  struct jc_error_summary energy_error, time_error; /* of the method on this machine */
  uint32_t note_count;
  char notes[JC_MAX_NOTES][JC_NOTE_BYTES];
};

/* Inputs a method cannot do without; jc_method_check names the missing one and its option. */
enum jc_need {
  JC_NEED_PROFILE = 1 << 0,
  JC_NEED_HARDWARE = 1 << 1,            /* peak, bandwidth and TDP of a data row */
  JC_NEED_TDP = 1 << 2,                 /* a data row's or --tdp-w */
  JC_NEED_PROFILE_OR_HARDWARE = 1 << 3, /* either will do */
  JC_NEED_DURATION = 1 << 4,            /* given, or predicted with a profile or a data row */
  JC_NEED_LAYERWISE = 1 << 5,           /* a profile with curves; beside JC_NEED_PROFILE */
  JC_NEED_MEMORY = 1 << 6,              /* how much the machine has */
  JC_NEED_MAC_LINES = 1 << 7            /* a profile with lines of MACs; beside JC_NEED_PROFILE */
};

struct jc_method {
  const char *name;
  const char *summary; /* one line */
  const char *source;  /* paper or data the formula comes from */
  unsigned needs;      /* enum jc_need, or-ed */
  enum jc_status (*estimate)(const struct jc_problem *problem, struct jc_estimate *estimate,
                             struct jc_error *error);
};

/* Methods in order of preference; NULL beyond the last. The table of all methods is no part of the
 * core: a program that embeds it declares the descriptors that it uses (`extern const struct
 * jc_method jc_method_roofline;`), and links no others. */
const struct jc_method *jc_method_at(size_t index);
/* By name; NULL if there is none. */
const struct jc_method *jc_method_find(const char *name);

/* Whether METHOD can run on PROBLEM: JC_ERROR_MISSING names what is missing and the option. */
enum jc_status jc_method_check(const struct jc_method *method, const struct jc_problem *problem,
                               struct jc_error *error);

/* Checks and runs METHOD. ESTIMATE->layers is the caller's array or NULL; the rest is filled. */
enum jc_status jc_estimate_run(const struct jc_method *method, const struct jc_problem *problem,
                               struct jc_estimate *estimate, struct jc_error *error);

/* The coefficients that price ROW: those of its type, else the JC_TYPE_ANY ones; NULL if there are
 * none, or if the layer before computes it. */
const struct jc_coefficient *jc_linear_coefficient(const struct jc_profile *profile,
                                                   const struct jc_feature_row *row);
/* Those of the fixed part of a step; NULL if there are none. */
const struct jc_coefficient *jc_linear_step(const struct jc_profile *profile);

/* The linear prediction of one row: seconds and joules above idle. Returns false if the profile
 * has no coefficients for its type and the JC_TYPE_ANY row was used. */
bool jc_linear_predict(const struct jc_profile *profile, const struct jc_feature_row *row,
                       double *time_s, double *energy_j);

/* Seconds of one training step by the profile, without start-up; used by the fit's error too. */
double jc_linear_step_time_s(const struct jc_profile *profile, const struct jc_analysis *analysis,
                             uint64_t batch_size);

/* Seconds that method `roofline` adds for starting a layer. */
extern const double jc_roofline_launch_s;

/* ---- footprint ---- */

/* Turns ESTIMATE, of LAYER_COUNT layers, into that at the wall:
 *
 *   energy = factor * energy + overhead_w * time
 *
 * for the whole and its interval, phases, layers and overheads alike, so that their sums still
 * hold, and domain "wall". Energy above idle is multiplied alone: the overhead runs while idle too.
 * Where the method gives no interval of time, the time itself stands for both of its ends. FACTOR
 * >= 1, OVERHEAD_W >= 0. Comes before PUE. */
void jc_estimate_at_wall(struct jc_estimate *estimate, uint32_t layer_count, double factor,
                         double overhead_w);

struct jc_footprint {
  double facility_energy_j; /* machine x PUE */
  double co2e_g;
  double cost; /* in the price's currency; NAN without a price */
};

/* grid_g_per_kwh and price_per_kwh may be NAN: so is then what depends on them. */
struct jc_footprint jc_footprint_of(double energy_j, double pue, double grid_g_per_kwh,
                                    double price_per_kwh);

#endif
