/* mac_lines.h -- what method `getzner` is fitted on and stored as: MACs of single layers, and the
 * `mac_lines` of profile.json. Conventions of reading and writing as in json.h. */
#ifndef JC_ESTIMATOR_MAC_LINES_H
#define JC_ESTIMATOR_MAC_LINES_H

#include "estimator/estimator.h"
#include "estimator/json.h"

/* MACs of a layer's forward pass, of a whole batch, as the counters of PyTorch that the method was
 * published with have them: products, and one each for a bias and for an element's operation. */
double jc_mac_line_macs(const struct jc_analysis *analysis, uint32_t layer, uint64_t batch_size);

/* PROFILE's line for KIND; NULL if there is none. */
const struct jc_mac_line *jc_mac_line_of(const struct jc_profile *profile, enum jc_layer_kind kind);

/* The lines as an array under KEY. */
void jc_put_mac_lines(struct jc_json_writer *writer, const char *key,
                      const struct jc_profile *profile);

/* Reads them into PROFILE, which has none where NODE is NULL. Fails with JC_ERROR_INVALID. */
void jc_get_mac_lines(const struct jc_json_node *node, struct jc_profile *profile,
                      struct jc_error *error);

#endif
