/* mac_line_fit.h -- the fit of method `getzner`: ordinary least squares, as published.
 *
 * For joules y of single layers of a kind and their MACs x it minimises
 *
 *   sum over layers of (y - a - b x)^2,  b = cov(x, y) / var(x),  a = mean(y) - b mean(x)
 *
 * in absolute joules: the largest layers decide, and small ones may come out below 0. That is what
 * the method is known for; `layerwise-linear` is fitted relatively.
 */
#ifndef JC_CALIBRATE_MAC_LINE_FIT_H
#define JC_CALIBRATE_MAC_LINE_FIT_H

#include "calibrate/layer_pieces.h"

/* Fits LINE to COUNT >= 1 layers of one kind. Where all have the same MACs it is their mean. */
void jc_mac_line_fit(const struct jc_forward_layer *const *layers, uint32_t count,
                     struct jc_mac_line *line);

#endif
