/* layer_pieces.h -- coefficients of one group of single layers, for forward_fit.c: of all alike, or
 * apart for layers of many bytes and of few. Internal to the fits.
 *
 * For measured y and features x = (1, FLOPs, bytes) theta >= 0 minimises, in each piece,
 *
 *   sum over layers of huber(x.theta / y - 1)
 */
#ifndef JC_CALIBRATE_LAYER_PIECES_H
#define JC_CALIBRATE_LAYER_PIECES_H

#include "estimator/estimator.h"
#include "estimator/samples_file.h"

/* Of a piece, and of a kind at all: ten for each coefficient. */
enum { JC_FEWEST_LAYERS = 30 };

struct jc_forward_layer {
  char id[JC_SAMPLE_ID_BYTES];
  struct jc_feature_row row;
  bool multiplies;         /* has products */
  double macs;             /* as of mac_lines.h */
  double energy_j, time_s; /* of a pass */
};

/* What of a layer is fitted: joules or seconds of a pass, > 0. */
typedef double jc_measured_of(const struct jc_forward_layer *layer);

struct jc_pieces {
  double above;                     /* bytes from which `large` holds; 0: for all */
  double large[JC_LINEAR_FEATURES]; /* per call, FLOP and byte */
  double small[JC_LINEAR_FEATURES];
};

double jc_pieces_predict(const struct jc_pieces *pieces, const struct jc_forward_layer *layer);

/* Brings the layers of at least ABOVE bytes to the front; returns how many. */
uint32_t jc_pieces_part(const struct jc_forward_layer **layers, uint32_t count, double above);

/* Fits PIECES that meet at ABOVE bytes to LAYERS, which are reordered so. A piece without layers is
 * zero. */
enum jc_status jc_pieces_fit_at(const struct jc_forward_layer **layers, uint32_t count,
                                jc_measured_of *measured, double above, struct jc_pieces *pieces,
                                struct jc_error *error);

/* Fits BEST, and chooses where its pieces meet: the best of 20 places by the loss, if it is worth
 * it. LAYERS are reordered; BYTES [count] is scratch. */
enum jc_status jc_pieces_fit(const struct jc_forward_layer **layers, uint32_t count,
                             jc_measured_of *measured, double *bytes, struct jc_pieces *best,
                             struct jc_error *error);

#endif
