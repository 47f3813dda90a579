/* layerwise.h -- seconds of a layer in a phase, from its shape: a roofline times what a kernel
 * regression learnt about layers of the same type. Core: no heap, no I/O.
 *
 *   t = r exp(residual(x)),  r = call_s + max(flop_s F, byte_s B)
 *   residual(x) = clip(mean + sum_m weight_m exp(-|x - z_m|^2 / 2))
 *
 * F: FLOPs with channels rounded up to whole vectors, of groups by vectors that divide them; B:
 * bytes moved, gradient sums of tensors with several readers included; x: JC_SHAPE_FEATURES numbers
 * of the layer and its surroundings, each divided by a length scale. Far from all z_m nothing is
 * known beyond the roofline: the residual falls back to its mean, and the caller is told
 * (similarity).
 *
 * A type is a layer type of features.h together with how its tensors lie in memory, since the same
 * BatchNorm is twice as slow on channels that do not fill whole blocks.
 */
#ifndef JC_ESTIMATOR_LAYERWISE_H
#define JC_ESTIMATOR_LAYERWISE_H

#include "estimator/features.h"

/* ---- features ---- */

/* X(name, what): logarithms are natural, lengths in elements, sizes in bytes of a step. */
#define JC_SHAPE_FEATURE_LIST(X)                                                                   \
  X(batch, "log of the batch size")                                                                \
  X(in_channels, "log of the input channels of a group")                                           \
  X(out_channels, "log of the output channels of a group")                                         \
  X(out_positions, "log of the output's height x width")                                           \
  X(bytes, "0.7 log of the bytes moved")                                                           \
  X(window, "log of the window's elements")                                                        \
  X(stride, "1.5 for a stride of 2, 3 beyond")                                                     \
  X(in_waste, "2 log of F over FLOPs by the input channels, +1 if they differ")                    \
  X(out_waste, "the same of output channels")                                                      \
  X(input_gradient, "1.5 if the input needs a gradient")                                           \
  X(groups, "log of the groups, of a grouped convolution that is not depthwise")                   \
  X(reorders, "4 if an input lies in another order in memory")                                     \
  X(inputs, "log of the number of inputs")                                                         \
  X(in_positions, "log of the input's height x width")                                             \
  X(working_set, "0.7 log of all activations, gradients and weights of the network")               \
  X(reuse_distance, "0.5 log of the bytes touched between forward and backward")                   \
  X(out_width, "0.5 log of the output's last dimension")                                           \
  X(after_convolution, "1 if a convolution wrote its input")                                       \
  X(readers, "2 log of the readers of the output, backward")

enum {
#define X(name, what) JC_SHAPE_##name,
  JC_SHAPE_FEATURE_LIST(X)
#undef X
      JC_SHAPE_FEATURES
};

/* Name of feature INDEX, "batch"; NULL beyond the last. */
const char *jc_shape_feature_name(size_t index);

/* How the tensors of a layer without products lie in memory. */
enum jc_order {
  JC_ORDER_BLOCKS,    /* whole blocks of channels; all layers with products */
  JC_ORDER_PADDED,    /* the last block is not full */
  JC_ORDER_PLAIN,     /* row-major */
  JC_ORDER_REORDERED, /* an input is copied into another order first */
  JC_ORDER_COUNT
};
/* "", "padded", "plain", "reordered". */
const char *jc_order_name(enum jc_order order);

struct jc_layerwise_row {
  uint16_t type; /* of features.h */
  enum jc_order order;
  enum jc_phase phase;
  bool absent;  /* does nothing in this phase, or another layer does it */
  double flops; /* F */
  double bytes; /* B, at least 64 */
  float x[JC_SHAPE_FEATURES];
};

/* A fused layer is absent: its seconds and its readers are its producer's. */
void jc_layerwise_features(const struct jc_analysis *analysis, uint32_t layer, enum jc_phase phase,
                           uint64_t batch_size, struct jc_layerwise_row *row);

/* ---- the model ---- */

/* Layers whose watts are told apart by counters. */
enum jc_power_group { JC_POWER_PRODUCTS, JC_POWER_OTHERS, JC_POWER_UPDATE, JC_POWER_GROUP_COUNT };
/* "products", "others", "update". */
const char *jc_power_group_name(enum jc_power_group group);
/* FLOPS: of a row; only layers with products have any. */
enum jc_power_group jc_power_group_of(enum jc_phase phase, double flops);

enum { JC_MAX_CURVES = 192, JC_MAX_SUPPORT = 4096, JC_MAX_SCALES = 16 };

/* The model of one (type, order, phase). */
struct jc_curve {
  uint16_t type;
  enum jc_order order;
  enum jc_phase phase;
  uint32_t rows, networks;               /* sample layers it was fitted on, and their networks */
  double call_s, flop_s, byte_s;         /* the roofline, >= 0 */
  double mean;                           /* of the residual */
  double residual_min, residual_max;     /* bounds of the residual */
  double signal, noise;                  /* prior variances of log time: shape, and repeats */
  uint32_t scale;                        /* index into scales */
  uint32_t first_support, support_count; /* into support and weight */
  double flops_max, bytes_max;           /* largest sample layer */
  float x_min[JC_SHAPE_FEATURES], x_max[JC_SHAPE_FEATURES]; /* of its sample layers, scaled */
};

/* What makes a forecast uncertain: inputs of the interval's width. */
#define JC_DIFFICULTY_LIST(X)                                                                      \
  X(deviation, "log of the layers' deviation, added as if alike within a type")                    \
  X(seconds, "log of the step's seconds")                                                          \
  X(unaligned, "share of time in layers that are padded, plain or reordered")                      \
  X(linear, "share of time in linear layers")                                                      \
  X(grouped, "share of time in grouped and depthwise convolutions")                                \
  X(concentration, "sum of squared shares of the types")

enum {
#define X(name, what) JC_DIFFICULTY_##name,
  JC_DIFFICULTY_LIST(X)
#undef X
      JC_DIFFICULTIES
};

/* How wide an interval is: |ln(measured / forecast)| was at most width x unit for that share of the
 * sample networks, each forecast by a fit that never saw it, with
 * unit = exp(intercept + weight . (difficulty - mean) / deviation). */
struct jc_interval_model {
  double intercept;
  double weight[JC_DIFFICULTIES], mean[JC_DIFFICULTIES], deviation[JC_DIFFICULTIES];
  double width[3]; /* at jc_interval_levels; NAN: too few networks */
};

double jc_interval_unit(const struct jc_interval_model *interval, const double *difficulty);

/* The speed of the machine of which the model speaks, by calibrate/speed_probe.h, and how steps
 * slow down with it: (compute / compute_s)^compute_slope x (memory / memory_s)^memory_slope. */
struct jc_layerwise_speed {
  double compute_s, memory_s; /* NAN: not known */
  double compute_slope, memory_slope;
};

struct jc_layerwise {
  uint32_t scale_count, curve_count, support_count;
  float scales[JC_MAX_SCALES][JC_SHAPE_FEATURES]; /* 1 / length scale */
  struct jc_curve curves[JC_MAX_CURVES];          /* sorted by type, order, phase */
  float support[JC_MAX_SUPPORT][JC_SHAPE_FEATURES];
  float weight[JC_MAX_SUPPORT];
  double step_s[3]; /* fixed seconds of a step: [0] + [1] x layers + [2] x batch x classes */
  double kappa;     /* a step over the sum of its layers */
  double power_w[JC_POWER_GROUP_COUNT]; /* above idle, of a second with all threads at work */
  /* Seconds of work of each thread in a mean step over those of the median step, minus 1: more than
   * 0 where held-up steps go on working (threads that wait actively), less where they do not have
   * the CPU. */
  double busy_excess;
  struct jc_interval_model time_interval, energy_interval;
  struct jc_layerwise_speed speed; /* for who compares with a measurement; no part of a forecast */
};

/* Watts above idle for every forecast second of GROUP. */
double jc_layerwise_active_w(const struct jc_layerwise *model, enum jc_power_group group);

/* What the model says of one row. */
struct jc_layerwise_time {
  double time_s;
  double similarity; /* to the nearest sample layer, 0..1; 0: no curve of its type */
  double variance;   /* of log time, roughly: noise + what the kernel leaves open */
  bool known;        /* the type and order were calibrated; else a curve of its like was taken */
};

struct jc_layerwise_time jc_layerwise_time(const struct jc_layerwise *model,
                                           const struct jc_layerwise_row *row);

/* So far from all sample layers that the roofline decides. */
bool jc_layerwise_is_distant(const struct jc_layerwise_time *time);

/* The curve by which a row is priced: its own; else of its type in another order; else of all
 * layers with products, or without (type JC_TYPE_ANY); NULL if there is not even that. */
const struct jc_curve *jc_layerwise_curve(const struct jc_layerwise *model,
                                          const struct jc_layerwise_row *row);

/* A row by the curve's roofline alone. */
double jc_curve_roofline_s(const struct jc_curve *curve, const struct jc_layerwise_row *row);

/* A whole step. */
struct jc_layerwise_step {
  double time_s; /* kappa x (layers + fixed) */
  double fixed_s;
  double group_s[JC_POWER_GROUP_COUNT];
  double active_j;  /* above idle */
  double unknown_s; /* in layers whose like was not calibrated */
  double distant_s; /* in layers far from all sample layers */
  double difficulty[JC_DIFFICULTIES];
};

/* What a step is summed up from: seconds and deviations by curve, since layers of one curve err
 * alike. Zeroed at the start. */
struct jc_layerwise_sums {
  float curve_s[JC_MAX_CURVES], deviation_s[JC_MAX_CURVES];
  double unaligned_s, linear_s, grouped_s;
};

/* Adds a row that is not absent to SUMS and STEP, and returns what the model says of it. */
struct jc_layerwise_time jc_layerwise_add(const struct jc_layerwise *model,
                                          const struct jc_analysis *analysis, uint32_t layer,
                                          const struct jc_layerwise_row *row,
                                          struct jc_layerwise_sums *sums,
                                          struct jc_layerwise_step *step);
/* Completes STEP once all rows are added: difficulties, the fixed part, kappa, joules. */
void jc_layerwise_finish(const struct jc_layerwise *model, const struct jc_analysis *analysis,
                         uint64_t batch_size, const struct jc_layerwise_sums *sums,
                         struct jc_layerwise_step *step);

/* The part of a step that no layer has: loss, loop, clocks. */
double jc_layerwise_fixed_s(const struct jc_layerwise *model, const struct jc_analysis *analysis,
                            uint64_t batch_size);

/* Sums the model over the layers of a training step, or of a forward one. */
void jc_layerwise_step(const struct jc_layerwise *model, const struct jc_analysis *analysis,
                       uint64_t batch_size, bool forward_only, struct jc_layerwise_step *step);

#endif
