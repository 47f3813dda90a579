/* run_terms.c -- the counts of an epoch, term by term. */
#include "calibrate/run_terms.h"

#include <math.h>

const char *const jc_run_term_names[JC_TERM_COUNT] = {
    [JC_TERM_FLOPS] = "flops", [JC_TERM_BYTES] = "bytes",     [JC_TERM_LAUNCHES] = "launches",
    [JC_TERM_FILL] = "fill",   [JC_TERM_UPDATES] = "updates", [JC_TERM_IMAGES] = "images",
    [JC_TERM_EPOCH] = "epoch",
};

static double epoch_flops(const double *v) {
  const double seen = v[JC_RUN_SAMPLES] + v[JC_RUN_VAL_SAMPLES];
  return 2 * (v[JC_RUN_FORWARD_MACS] * seen + v[JC_RUN_BACKWARD_MACS] * v[JC_RUN_SAMPLES]);
}

void jc_run_terms(const struct jc_run_row *row, double terms[JC_TERM_COUNT]) {
  const double *v = row->values;
  const double seen = v[JC_RUN_SAMPLES] + v[JC_RUN_VAL_SAMPLES];
  const double steps = ceil(v[JC_RUN_SAMPLES] / v[JC_RUN_BATCH_SIZE]);
  const double validation_steps = ceil(v[JC_RUN_VAL_SAMPLES] / v[JC_RUN_BATCH_SIZE]);
  const double share = v[JC_RUN_BACKWARD_SHARE];
  terms[JC_TERM_FLOPS] = epoch_flops(v);
  terms[JC_TERM_BYTES] = v[JC_RUN_ACTIVATION_BYTES] * (seen + 2 * share * v[JC_RUN_SAMPLES]);
  terms[JC_TERM_LAUNCHES] = v[JC_RUN_LAYERS] * (steps + validation_steps + share * steps);
  terms[JC_TERM_FILL] = sqrt(terms[JC_TERM_FLOPS] * terms[JC_TERM_LAUNCHES]);
  terms[JC_TERM_UPDATES] = 4 * v[JC_RUN_TRAINABLE_PARAMS] * steps;
  terms[JC_TERM_IMAGES] = seen;
  terms[JC_TERM_EPOCH] = 1;
}

double jc_run_flops(const struct jc_run_row *row) {
  return epoch_flops(row->values) * row->values[JC_RUN_EPOCHS];
}
