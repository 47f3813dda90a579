/* trainer.h -- really training a network: forward, backward, update, with a clock around each.
 *
 *   struct jc_trainer_options options = JC_TRAINER_DEFAULTS;
 *   struct jc_trainer *trainer;
 *   options.batch_size = 32;
 *   if (jc_trainer_create(&analysis, &options, &trainer, &error) != JC_OK) ...
 *   for (uint64_t step = 0; step < steps; step++) {
 *     jc_synthetic_batch(&data, step, jc_trainer_images(trainer), jc_trainer_labels(trainer));
 *     if (jc_trainer_step(trainer, &result, &error) != JC_OK) ...
 *   }
 *   jc_trainer_destroy(trainer);
 *
 * fp32 on the CPU by oneDNN. One image input [C, H, W] (or any shape), outputs [classes], loss
 * softmax cross-entropy, an optimiser of torch.optim (optimizer.h). Parameters start from the rule
 * of data.h. Outputs after the first are auxiliary heads: their losses are added with a weight, the
 * same for all (Szegedy et al. 2014, section 5: 0.3). A trainer belongs to one thread at a time,
 * since OpenMP's thread count does; several may exist. A step allocates nothing; oneDNN 2.x itself
 * allocates and frees a few hundred bytes a primitive.
 *
 * Built without oneDNN, every function exists and jc_trainer_create fails with
 * JC_ERROR_UNAVAILABLE.
 */
#ifndef JC_TRAINER_TRAINER_H
#define JC_TRAINER_TRAINER_H

#include "estimator/training_memory.h"

struct jc_trainer;

struct jc_trainer_options {
  uint32_t batch_size; /* samples a step, >= 1 */
  uint32_t threads;    /* >= 1; set for the calling thread, before oneDNN makes its code */
  enum jc_optimizer optimizer;
  double learning_rate; /* >= 0; 0 leaves the parameters as they are */
  double momentum;     /* >= 0, of JC_OPTIMIZER_MOMENTUM, which is JC_OPTIMIZER_SGD where it is 0 */
  double weight_decay; /* >= 0, on every parameter */
  double beta1, beta2; /* >= 0 and < 1, of Adam and AdamW */
  double eps;          /* >= 0, of Adam and AdamW */
  double auxiliary_weight; /* >= 0, of the loss of every output after the first */
  uint64_t seed;           /* of initial parameters and dropout */
  double dropout_p;        /* of every dropout and stochastic_depth; negative: as the model says */
  bool fuse_relu;          /* a relu right after a batchnorm2d runs inside it */
  bool input_gradient;     /* also compute the gradient of the images, which training never needs:
                              for checks. The first layer's backward then takes longer. */
};

#define JC_TRAINER_DEFAULTS                                                                        \
  {                                                                                                \
    .batch_size = 1, .threads = 1, .optimizer = JC_OPTIMIZER_MOMENTUM, .learning_rate = 0.01,      \
    .momentum = 0.9, .weight_decay = 1e-4, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8,              \
    .auxiliary_weight = 0.3, .seed = 1, .dropout_p = -1, .fuse_relu = true                         \
  }

/* False in a build without oneDNN. */
bool jc_trainer_available(void);
/* "oneDNN" and "2.6.3"; the version is "" in a build without it. */
const char *jc_trainer_library(void);
const char *jc_trainer_library_version(void);
/* Whether layers of KIND can be trained; any kind can be estimated. */
bool jc_trainer_supports(enum jc_layer_kind kind);

/* Builds the network of ANALYSIS, which must outlive the trainer. TRAINER is NULL after a failure.
 * JC_ERROR_UNAVAILABLE: a kind or structure that cannot be trained here (line, path and text name
 * the layer), or no oneDNN. JC_ERROR_STORAGE: more memory than the machine has.
 * JC_ERROR_INVALID: an option out of range. JC_ERROR_RUNTIME: oneDNN failed. */
enum jc_status jc_trainer_create(const struct jc_analysis *analysis,
                                 const struct jc_trainer_options *options,
                                 struct jc_trainer **trainer, struct jc_error *error);
/* NULL is fine. */
void jc_trainer_destroy(struct jc_trainer *trainer);

/* ---- the batch, filled by the caller before each step and kept until overwritten ---- */

/* [batch_size, input shape] row-major. */
float *jc_trainer_images(struct jc_trainer *trainer);
/* [batch_size], each in [0, classes). */
int32_t *jc_trainer_labels(struct jc_trainer *trainer);

/* ---- stepping ---- */

struct jc_step {
  double loss;        /* mean over the batch, auxiliary heads included; may be infinite or NAN when
                         training diverges */
  uint32_t correct;   /* samples whose largest logit of the first output is their label's */
  double time_s;      /* the whole step, monotonic clock */
  double loss_time_s; /* of it: loss and its gradient, which belong to no layer */
};

/* One step: forward, loss, backward, update. The first is slower than the others: it touches the
 * memory for the first time. JC_ERROR_INVALID: a label out of range, nothing done.
 * JC_ERROR_RUNTIME: oneDNN failed in the layer named; the trainer must not be used any more. */
enum jc_status jc_trainer_step(struct jc_trainer *trainer, struct jc_step *step,
                               struct jc_error *error);
/* Forward and loss only, as in PyTorch's eval(): by running statistics, without dropout and without
 * the layers that exist in training only, changing nothing. Layer times hold forward_s, and 0
 * elsewhere. */
enum jc_status jc_trainer_validate(struct jc_trainer *trainer, struct jc_step *step,
                                   struct jc_error *error);

void jc_trainer_set_learning_rate(struct jc_trainer *trainer, double learning_rate);
/* Number of the next step, from 0 after creation. Dropout masks depend on seed, layer and this, so
 * that a repeated number repeats the mask. */
void jc_trainer_set_step(struct jc_trainer *trainer, uint64_t step);

/* ---- what a step cost ---- */

/* Seconds of the last step. Reorders and sums of gradients are in the layer that needs them. All 0
 * for a layer that does nothing in that phase: a view, or a relu run by the layer before. */
struct jc_layer_times {
  double forward_s, backward_s, update_s;
};

/* [layer_count], valid until the trainer is destroyed; changed by each step. */
const struct jc_layer_times *jc_trainer_times(const struct jc_trainer *trainer);

/* What oneDNN chose, fixed at creation; the strings live as long as the trainer. Names are oneDNN's
 * own, or "loop" for our own loops, or "" where nothing runs. Slow paths are "ref:any",
 * "bnorm_ref:any" (scalar code), "ncsp_bnorm:any", "simple_nchw:any" (plain layout) and, for a
 * convolution, "x64:gemm:jit" (by way of a matrix product). Where oneDNN has only such a one for
 * the weights of a depthwise convolution, they are an own loop's (depthwise.h). */
struct jc_layer_facts {
  const char *forward;
  const char *backward;         /* gradient of the inputs, or of everything where it is one pass */
  const char *backward_weights; /* where it is a pass of its own */
  const char *layout;           /* of the output: "nChw16c", "nhwc", "nchw", "nc", ... */
  bool fused;                   /* runs inside the layer before it */
  uint32_t reorders;            /* copies into another layout, forward and backward */
};

struct jc_layer_facts jc_trainer_facts(const struct jc_trainer *trainer, uint32_t layer);

struct jc_trainer_size {
  uint64_t bytes;      /* the one allocation: everything but code and a few KiB of lists */
  uint64_t kept_bytes; /* of it, kept between steps: parameters, their gradients, the optimiser's
                          state, running statistics, the batch */
  double build_s;      /* wall time of jc_trainer_create */
};

struct jc_trainer_size jc_trainer_size(const struct jc_trainer *trainer);

/* ---- parameters, in PyTorch's order ---- */

enum jc_parameter_role { JC_PARAMETER_WEIGHT, JC_PARAMETER_BIAS, JC_PARAMETER_ROLE_COUNT };

/* Elements; 0 if LAYER has no such parameter. */
uint64_t jc_trainer_parameter_count(const struct jc_trainer *trainer, uint32_t layer,
                                    enum jc_parameter_role role);
/* Copy all elements out or in. The parameter must exist. */
enum jc_status jc_trainer_parameter_get(struct jc_trainer *trainer, uint32_t layer,
                                        enum jc_parameter_role role, float *values,
                                        struct jc_error *error);
enum jc_status jc_trainer_parameter_set(struct jc_trainer *trainer, uint32_t layer,
                                        enum jc_parameter_role role, const float *values,
                                        struct jc_error *error);
/* Gradient of the last step, without weight decay. JC_ERROR_USAGE if the parameter is frozen. */
enum jc_status jc_trainer_parameter_gradient(struct jc_trainer *trainer, uint32_t layer,
                                             enum jc_parameter_role role, float *values,
                                             struct jc_error *error);
/* Running mean and variance of a batchnorm2d, [channels] each; NULL for other kinds. */
const float *jc_trainer_running_mean(const struct jc_trainer *trainer, uint32_t layer);
const float *jc_trainer_running_variance(const struct jc_trainer *trainer, uint32_t layer);

/* ---- results of the last step ---- */

/* Logits of the first output, [batch_size, classes] row-major. */
const float *jc_trainer_output(const struct jc_trainer *trainer);
/* Gradient of the images, in their order; NULL unless options.input_gradient. */
const float *jc_trainer_input_gradient(const struct jc_trainer *trainer);

#endif
