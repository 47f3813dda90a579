/* layer_pieces.c -- Huber's loss by reweighted non-negative least squares, in one piece or two. */
#include "calibrate/layer_pieces.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/nnls.h"
#include "calibrate/order.h"

enum { N = JC_LINEAR_FEATURES, ROUNDS = 100, SPLITS = 20 };
/* Where the loss turns linear: what the common implementations of a type scatter by. */
static const double tolerance = 0.1;
/* Two pieces must lower the loss of one to so much. */
static const double worthwhile = 0.9;
/* Rounds of reweighting end when no coefficient moves by more. */
static const double settled = 1e-7;

static double dot(const double x[N], const struct jc_forward_layer *layer) {
  double sum = 0;
  for (int i = 0; i < N; i++)
    sum += x[i] * layer->row.linear[i];
  return sum;
}

double jc_pieces_predict(const struct jc_pieces *p, const struct jc_forward_layer *layer) {
  return dot(layer->row.bytes >= p->above ? p->large : p->small, layer);
}

static double huber(double off) {
  return off <= tolerance ? off * off / 2 : tolerance * (off - tolerance / 2);
}

/* Largest feature in terms of what was measured, by which unknowns are scaled: counts and bytes
 * are ten powers of ten apart. */
static void scale_features(const struct jc_forward_layer *const *layers, uint32_t count,
                           jc_measured_of *measured, double scale[N]) {
  for (int i = 0; i < N; i++) {
    scale[i] = 0;
    for (uint32_t k = 0; k < count; k++)
      scale[i] = fmax(scale[i], layers[k]->row.linear[i] / measured(layers[k]));
    scale[i] = scale[i] > 0 ? 1 / scale[i] : 1;
  }
}

/* One round of weighted least squares; X is the start, weighs the rows unless FIRST, and the
 * result. */
static enum jc_status reweigh(const struct jc_forward_layer *const *layers, uint32_t count,
                              jc_measured_of *measured, const double scale[N], bool first,
                              double x[N], struct jc_error *error) {
  double gram[N * N] = {0}, side[N] = {0}, scaled[N];
  double work[N * N + 3 * N]; /* jc_nnls_work_doubles(N) */
  for (uint32_t k = 0; k < count; k++) {
    const double target = measured(layers[k]);
    const double off = first ? 0 : fabs(dot(x, layers[k]) / target - 1);
    const double weight = off > tolerance ? tolerance / off : 1;
    double a[N];
    for (int i = 0; i < N; i++)
      a[i] = layers[k]->row.linear[i] * scale[i] / target;
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++)
        gram[i * N + j] += weight * a[i] * a[j];
      side[i] += weight * a[i];
    }
  }
  for (int i = 0; i < N; i++)
    scaled[i] = first ? 0 : x[i] / scale[i];
  if (jc_nnls(N, gram, side, scaled, work, error) != JC_OK)
    return error->status;
  for (int i = 0; i < N; i++)
    x[i] = scaled[i] * scale[i];
  return JC_OK;
}

/* Minimises Huber's loss by least squares, reweighed until they stand still. No layers: zeros. */
static enum jc_status fit_piece(const struct jc_forward_layer *const *layers, uint32_t count,
                                jc_measured_of *measured, double x[N], struct jc_error *error) {
  double scale[N];
  memset(x, 0, N * sizeof(double));
  scale_features(layers, count, measured, scale);
  for (int round = 0; round < ROUNDS && count > 0; round++) {
    double before[N], moved = 0;
    memcpy(before, x, sizeof(before));
    if (reweigh(layers, count, measured, scale, round == 0, x, error) != JC_OK)
      return error->status;
    for (int i = 0; i < N; i++)
      moved = fmax(moved, fabs(x[i] - before[i]) / scale[i]);
    if (round > 0 && moved <= settled)
      break;
  }
  return JC_OK;
}

uint32_t jc_pieces_part(const struct jc_forward_layer **layers, uint32_t count, double above) {
  uint32_t large = 0;
  for (uint32_t k = 0; k < count; k++) {
    const struct jc_forward_layer *layer = layers[k];
    if (layer->row.bytes < above)
      continue;
    layers[k] = layers[large];
    layers[large++] = layer;
  }
  return large;
}

enum jc_status jc_pieces_fit_at(const struct jc_forward_layer **layers, uint32_t count,
                                jc_measured_of *measured, double above, struct jc_pieces *pieces,
                                struct jc_error *error) {
  const uint32_t large = jc_pieces_part(layers, count, above);
  pieces->above = above;
  if (fit_piece(layers, large, measured, pieces->large, error) != JC_OK)
    return error->status;
  return fit_piece(layers + large, count - large, measured, pieces->small, error);
}

static double loss_of(const struct jc_forward_layer *const *layers, uint32_t count,
                      jc_measured_of *measured, const struct jc_pieces *pieces) {
  double sum = 0;
  for (uint32_t k = 0; k < count; k++)
    sum += huber(fabs(jc_pieces_predict(pieces, layers[k]) / measured(layers[k]) - 1));
  return sum;
}

enum jc_status jc_pieces_fit(const struct jc_forward_layer **layers, uint32_t count,
                             jc_measured_of *measured, double *bytes, struct jc_pieces *best,
                             struct jc_error *error) {
  for (uint32_t k = 0; k < count; k++)
    bytes[k] = layers[k]->row.bytes;
  qsort(bytes, count, sizeof(double), compare_doubles);
  if (jc_pieces_fit_at(layers, count, measured, 0, best, error) != JC_OK)
    return error->status;
  double least = worthwhile * loss_of(layers, count, measured, best);
  for (uint32_t split = 1; split < SPLITS; split++) {
    const uint32_t smaller = (uint32_t)((uint64_t)split * count / SPLITS);
    struct jc_pieces pieces;
    if (smaller < JC_FEWEST_LAYERS || count - smaller < JC_FEWEST_LAYERS)
      continue;
    if (jc_pieces_fit_at(layers, count, measured, bytes[smaller], &pieces, error) != JC_OK)
      return error->status;
    const double loss = loss_of(layers, count, measured, &pieces);
    if (loss < least) {
      least = loss;
      *best = pieces;
    }
  }
  return JC_OK;
}
