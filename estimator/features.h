/* features.h -- what a layer does in a phase of a training step, as numbers. Core.
 *
 * Defined once, for fit and prediction alike: jc_features() for methods linear in counts,
 * jc_layerwise_features() of layerwise.h for those that know shapes.
 */
#ifndef JC_ESTIMATOR_FEATURES_H
#define JC_ESTIMATOR_FEATURES_H

#include "estimator/network.h"

enum jc_phase { JC_FORWARD, JC_BACKWARD, JC_UPDATE, JC_PHASE_COUNT };

/* A layer type is a kind's cost variant ("conv2d.depthwise"), or one of the special ones below. */
enum {
  JC_TYPE_UPDATE = JC_LAYER_KIND_COUNT * JC_MAX_VARIANTS, /* optimiser, any kind */
  JC_TYPE_STEP, /* once a step: loss, loop, gaps between layers */
  JC_TYPE_ANY,  /* all layers together, for a type that no sample had */
  JC_TYPE_COUNT
};

/* "conv2d.depthwise", "update", ...; NULL if TYPE names nothing. */
const char *jc_type_name(uint16_t type);
/* Returns JC_TYPE_COUNT if there is none. */
uint16_t jc_type_find(const char *name);
/* "forward", "backward", "update". */
const char *jc_phase_name(enum jc_phase phase);

enum { JC_LINEAR_FEATURES = 3 }; /* count, FLOPs, bytes */

/* One layer in one phase of one step. */
struct jc_feature_row {
  uint32_t layer;
  uint16_t type;
  enum jc_phase phase;
  bool fused; /* jc_cost.fused: costs a fusing runner nothing, its producer's type covers it */
  union {
    struct {
      double count; /* 1; 0 if the layer does nothing in this phase */
      double flops; /* of the step: 2 x MACs + elementwise operations */
      double bytes; /* of the step: activations x batch + weights */
    };
    double linear[JC_LINEAR_FEATURES];
  };
};

void jc_features(const struct jc_analysis *analysis, uint32_t layer, enum jc_phase phase,
                 uint64_t batch_size, struct jc_feature_row *row);

/* Sizes of a whole training step, by which a network is compared with the calibrated ones. */
double jc_step_flops(const struct jc_totals *totals, uint64_t batch_size);
double jc_step_bytes(const struct jc_totals *totals, uint64_t batch_size); /* of activations */

#endif
