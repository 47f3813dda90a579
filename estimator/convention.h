/* convention.h -- what other tools count for a network, by written identities.
 *
 * No heap, no I/O, no globals, as the core; it is no part of it only because firmware has no use
 * for it and 64 KiB no room.
 *
 * The tools call their numbers FLOPs, MACs or mult-adds, but each adds up something of its own. A
 * convention repeats one tool's sum for one image in eval(), to the integer: checked on 59 of
 * torchvision 0.14's 68 convolutional classifiers (the others are the largest of their families)
 * and on single layers, tests/golden/tool_counts.csv.
 *
 *   struct jc_convention_count total;
 *   if (jc_convention_total(&analysis, JC_CONVENTION_FVCORE, &total, &error) == JC_OK)
 *     ... total.value, total.approximate
 *
 * Some tools count a ReLU or a pool only, or twice, if it is a module (torch.nn.ReLU) and not a
 * function (torch.nn.functional.relu). A model file does not say which it was. Of torchvision's
 * convolutional classifiers, known by the network's name, this file does; elsewhere such layers
 * are taken for modules and the count is approximate. A kind that nothing is known of is refused.
 */
#ifndef JC_ESTIMATOR_CONVENTION_H
#define JC_ESTIMATOR_CONVENTION_H

#include "estimator/network.h"

enum jc_convention_kind {
  JC_CONVENTION_TORCHVISION,
  JC_CONVENTION_FVCORE,
  JC_CONVENTION_THOP,
  JC_CONVENTION_TORCHINFO,
  JC_CONVENTION_PTFLOPS,
  JC_CONVENTION_PTFLOPS_ATEN,
  JC_CONVENTION_COUNT
};

struct jc_convention_info {
  const char *name;     /* "ptflops-aten" */
  const char *version;  /* of the tool, and of torch where its number depends on it */
  const char *unit;     /* what the tool calls what it counts: "FLOPs", "MACs", "mult-adds" */
  const char *identity; /* the sum, in words */
};

struct jc_convention_count {
  uint64_t value;
  bool approximate; /* the tool's own number may differ */
};

/* Never NULL for convention < JC_CONVENTION_COUNT. */
const struct jc_convention_info *jc_convention_info(enum jc_convention_kind convention);

/* JC_CONVENTION_COUNT if there is none of that name. */
enum jc_convention_kind jc_convention_find(const char *name);

/* What the tool adds for one layer of an analysed network; 0 for training-only layers, which no
 * tool sees. Fails with JC_ERROR_USAGE where nothing is known of the layer's kind, or
 * JC_ERROR_OVERFLOW. */
enum jc_status jc_convention_layer(const struct jc_analysis *analysis, uint32_t layer,
                                   enum jc_convention_kind convention,
                                   struct jc_convention_count *count, struct jc_error *error);

/* The same for the whole network; approximate if any layer is. The error is the first layer's. */
enum jc_status jc_convention_total(const struct jc_analysis *analysis,
                                   enum jc_convention_kind convention,
                                   struct jc_convention_count *total, struct jc_error *error);

#endif
