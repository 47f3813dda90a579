/* profile_layerwise.h -- the `layerwise` part of profile.json. For profile_file.c; conventions as
 * in json.h. */
#ifndef JC_ESTIMATOR_PROFILE_LAYERWISE_H
#define JC_ESTIMATOR_PROFILE_LAYERWISE_H

#include "estimator/json.h"
#include "estimator/layerwise.h"

/* MODEL as an object under KEY. Single-precision numbers are written with the
 * nine digits that bring them back bit for bit. */
void jc_put_layerwise(struct jc_json_writer *writer, const char *key,
                      const struct jc_layerwise *model);

/* Reads it into MODEL, which is left empty where NODE is NULL. Fails with
 * JC_ERROR_INVALID, or JC_ERROR_MISMATCH if the shape features are another program's. */
enum jc_status jc_get_layerwise(const struct jc_json_node *node, struct jc_layerwise *model,
                                struct jc_error *error);

#endif
