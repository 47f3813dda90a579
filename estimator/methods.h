/* methods.h -- what the method files share: the list of methods and the sum over layers. Internal.
 *
 * To add a method: a file method_NAME.c with its descriptor `jc_method_NAME`, and its line below.
 */
#ifndef JC_ESTIMATOR_METHODS_H
#define JC_ESTIMATOR_METHODS_H

#include <math.h>

#include "estimator/estimator.h"

/* In order of preference. */
#define JC_METHODS(X)                                                                              \
  X(layerwise)                                                                                     \
  X(layerwise_linear)                                                                              \
  X(roofline)                                                                                      \
  X(flops)                                                                                         \
  X(mlco2)                                                                                         \
  X(green_algorithms)                                                                              \
  X(getzner)

#define X(name) extern const struct jc_method jc_method_##name;
JC_METHODS(X)
#undef X

/* Clears all but ESTIMATE's steps and the caller's layer array; what has no value is NAN. */
void jc_reset_estimate(const struct jc_method *method, const struct jc_problem *problem,
                       struct jc_estimate *estimate);

/* How a layer-wise method prices one row, and the run around the layers. */
struct row_model {
  /* Seconds of the row and joules above idle. False: outside what the model knows. */
  bool (*price)(const struct jc_problem *problem, const struct jc_feature_row *row, void *context,
                double *time_s, double *active_j);
  void *context; /* handed to price */
  double idle_power_w;
  double step_overhead_s, step_overhead_j; /* once a step; joules above idle */
};

/* Sums MODEL over layers, phases and steps into ESTIMATE (time, energy, phases, layers, per step,
 * extrapolated share). Start-up comes on top: jc_add_overhead. */
void jc_sum_layers(const struct jc_problem *problem, const struct row_model *model,
                   struct jc_estimate *estimate);

/* Joules above idle of a run whose steps take STEPS_S: of median steps, as in time_s. */
double jc_above_idle_j(const struct jc_profile *profile, double steps_s,
                       const struct jc_estimate *estimate);

/* A one-off cost in no layer. */
void jc_add_overhead(struct jc_estimate *estimate, double time_s, double energy_j);

/* Flags a step that is much larger than the largest one of the profile's samples. */
void jc_judge_step_size(const struct jc_problem *problem, struct jc_estimate *estimate);

/* Fills low and high from the method's leave-one-network-out errors; extrapolation doubles the
 * half-width in log space. */
void jc_set_interval(const struct jc_problem *problem, struct jc_estimate *estimate);

/* The same from half-widths in log space at jc_interval_levels. NETWORKS is for the note where a
 * level has none. */
void jc_set_interval_of(const struct jc_problem *problem, const double *time_widths,
                        const double *energy_widths, uint32_t networks,
                        struct jc_estimate *estimate);

/* Building the network and the first, slower step: fitted on the samples' own. */
void jc_add_startup(const struct jc_problem *problem, struct jc_estimate *estimate);

/* A network is extrapolated as a whole once this share of its time is. */
#define JC_TOLERATED_OUTSIDE_SHARE 0.3

/* Adds a printf-like note; the ones beyond JC_MAX_NOTES are dropped. */
#define add_note(estimate_, ...)                                                                   \
  ((estimate_)->note_count < JC_MAX_NOTES                                                          \
       ? (void)snprintf((estimate_)->notes[(estimate_)->note_count++], JC_NOTE_BYTES, __VA_ARGS__) \
       : (void)0)

enum { JC_NAMED_TYPES = 3 };

/* Types of layers that no sample network had, each once. Zeroed by the caller. */
struct jc_unknown_types {
  uint32_t seen[JC_TYPE_COUNT / 32 + 1]; /* a bit for each type */
  uint32_t count;
  uint16_t first[JC_NAMED_TYPES];
};

void jc_add_unknown_type(struct jc_unknown_types *unknown, uint16_t type);

/* Notes the first ones and how many more there are, all priced by the mean of all layers; nothing
 * if there are none. */
void jc_note_unknown_types(const struct jc_unknown_types *unknown, struct jc_estimate *estimate);

/* A forecast by METHOD, which is a power times a duration: the user's, or that which a layer-wise
 * method predicts (a note says so). Of a problem with a data row. */
enum jc_status jc_estimate_by_power(const struct jc_method *method,
                                    const struct jc_problem *problem, double power_w,
                                    struct jc_estimate *estimate, struct jc_error *error);

/* FLOPs of one step of the run: a training step, or a forward one. */
double jc_flops_per_step(const struct jc_problem *problem);

/* Training steps plus validation steps weighed by their FLOPs. */
double jc_flops_of_run(const struct jc_problem *problem, const struct jc_steps *steps);

/* "package" for a CPU's data row, "board" for a GPU's. */
const char *jc_hardware_domain(const struct jc_hardware *hardware);

#endif
