/* training_memory.h -- peak memory of a training step, and the optimisers' part in it. Core: no
 * heap, no I/O.
 *
 * What is alive at the peak, by definition
 *
 *   weights      every parameter, 4 bytes; in mixed precision a 2-byte copy beside it, as
 *                torch.autocast keeps one for the length of a step
 *   gradients    of every trainable parameter, 4 bytes
 *   optimiser    its state of every trainable parameter, 4 bytes each: jc_optimizer_facts()
 *   buffers      running statistics, 4 bytes
 *   activations  the largest sum over the step of what backward still needs and of the tensors and
 *                gradients in work, 4 bytes an element, 2 in mixed precision; times the batch, but
 *                for layers that run once a step
 *
 * What a framework adds (its allocator's rounding, workspaces, a context on the device) is not
 * counted.
 */
#ifndef JC_ESTIMATOR_TRAINING_MEMORY_H
#define JC_ESTIMATOR_TRAINING_MEMORY_H

#include "estimator/network.h"

/* X(enum, name); the facts are in training_memory.c. */
#define JC_OPTIMIZERS(X) X(SGD, "sgd") X(MOMENTUM, "momentum") X(ADAM, "adam") X(ADAMW, "adamw")

enum jc_optimizer {
#define X(optimizer, name) JC_OPTIMIZER_##optimizer,
  JC_OPTIMIZERS(X)
#undef X
      JC_OPTIMIZER_COUNT
};

/* What an optimiser does to one trainable parameter in a step, in the textbook form of its paper
 * without weight decay but for AdamW's. */
struct jc_optimizer_facts {
  const char *name;        /* "sgd", ... */
  const char *source;      /* where its formula stands */
  uint8_t state;           /* numbers it keeps */
  uint8_t reads, writes;   /* numbers read and written, gradient and parameter included */
  uint8_t elementwise_ops; /* additions, products, divisions, roots */
};

/* Never NULL for OPTIMIZER < JC_OPTIMIZER_COUNT. */
const struct jc_optimizer_facts *jc_optimizer_facts(enum jc_optimizer optimizer);

struct jc_memory_plan {
  uint64_t batch_size;
  enum jc_optimizer optimizer;
  enum jc_precision precision;
  bool checkpointing; /* keep only the tensors between segments, and compute the rest again */
};

struct jc_training_memory {
  uint64_t weights_bytes, gradients_bytes, optimizer_bytes, buffers_bytes;
  uint64_t activations_bytes;
  uint64_t total_bytes;    /* UINT64_MAX: beyond 64 bits */
  uint32_t segments;       /* with checkpointing; otherwise 1 */
  uint64_t recompute_macs; /* forward MACs computed again, of one sample */
};

/* Peak memory of a training step of an analysed network. With checkpointing, as
 * torch.utils.checkpoint.checkpoint_sequential does it: the layers are cut into segments at places
 * where a single tensor passes, every segment but the last is computed again before its backward,
 * and of the cuts into 1 to 64 equally large segments the one with the lowest peak is taken. Works
 * in the analysis' scratch, so that an analysis belongs to one thread at a time. */
struct jc_training_memory jc_training_memory(const struct jc_analysis *analysis,
                                             const struct jc_memory_plan *plan);

/* The same in fp32 without checkpointing, from the totals alone: bytes, UINT64_MAX on overflow. */
uint64_t jc_training_memory_bytes(const struct jc_totals *totals, uint64_t batch_size,
                                  enum jc_optimizer optimizer);

/* For jc_network_analyze(): peak_activation_bytes and saved_activation_bytes of one sample. The
 * other totals are done. */
void jc_peak_activations(const struct jc_analysis *analysis, uint64_t *peak_bytes,
                         uint64_t *saved_bytes);

#endif
