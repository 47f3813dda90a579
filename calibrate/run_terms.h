/* run_terms.h -- what a run computes, moves and starts, from its counts: the terms of
 * `run-physics`.
 *
 * Legend: F forward MACs, B backward MACs, A bytes of all outputs, L layers, s share of the layers
 * that backward passes, N training samples, V validation samples of an epoch, b batch size.
 */
#ifndef JC_CALIBRATE_RUN_TERMS_H
#define JC_CALIBRATE_RUN_TERMS_H

#include "calibrate/run_set.h"

enum jc_run_term {
  JC_TERM_FLOPS,    /* 2 (F (N + V) + B N) */
  JC_TERM_BYTES,    /* A (N + V + 2 s N): backward reads what forward wrote and its gradient */
  JC_TERM_LAUNCHES, /* L (ceil(N/b) + ceil(V/b) + s ceil(N/b)): one call a layer and direction */
  JC_TERM_FILL,     /* sqrt(FLOPs x launches): small layers leave a part of the chip idle */
  JC_TERM_UPDATES,  /* 4 bytes of each trainable parameter, ceil(N/b) times */
  JC_TERM_IMAGES,   /* N + V: read, decoded, sent to the accelerator */
  JC_TERM_EPOCH,    /* 1 */
  JC_TERM_COUNT
};

/* "flops", ...: joules per unit are written under this name. */
extern const char *const jc_run_term_names[JC_TERM_COUNT];

/* The numbers that the terms need, for a method's `needs`. */
#define JC_TERM_NEEDS                                                                              \
  JC_RUN_FORWARD_MACS, JC_RUN_BACKWARD_MACS, JC_RUN_ACTIVATION_BYTES, JC_RUN_LAYERS,               \
      JC_RUN_TRAINABLE_PARAMS, JC_RUN_BACKWARD_SHARE, JC_RUN_SAMPLES
enum { JC_TERM_NEED_COUNT = 7 };

/* Of one epoch. */
void jc_run_terms(const struct jc_run_row *row, double terms[JC_TERM_COUNT]);

/* Of the whole run. */
double jc_run_flops(const struct jc_run_row *row);

#endif
