/* explain.h -- a forecast's arithmetic with its numbers, so that a reader can redo it by hand.
 *
 * Every line is `name = formula = numbers = result unit` in SI units, nine digits; a later line
 * uses the names of earlier ones. What no hand redoes (the kernel regression of `layerwise`) is
 * given as the sum over the layers of each type.
 */
#ifndef JC_CLI_EXPLAIN_H
#define JC_CLI_EXPLAIN_H

#include <stdio.h>

#include "cli/forecast.h"

/* METHOD's formula, without numbers, on one line: lists and the manual have it from here, not from
 * the descriptor, which firmware would carry along. Empty: it has no row yet, which
 * tests/check_manual.sh refuses. */
const char *explain_formula(const struct jc_method *method);

/* FORECAST has its estimate. */
void explain_print(const struct forecast *forecast, FILE *out);

/* The same as a text, to be freed with free(). JC_ERROR_STORAGE, without a message. */
enum jc_status explain_to_text(const struct forecast *forecast, char **text);

/* ---- between explain.c and explain_layers.c ---- */

/* Writes a printf-like line, wrapped; its leading blanks are its indent. */
__attribute__((format(printf, 2, 3))) void explain_say(FILE *out, const char *format, ...);

/* A step that is run so many times: one of training, or one of validation. */
struct explained_step {
  const char *name; /* "step", "validation step" */
  double count;
  bool forward_only;
};

/* The steps of FORECAST's run; returns how many kinds there are, 1 or 2. */
int explain_steps(const struct forecast *forecast, struct explained_step steps[2]);

void explain_roofline(const struct forecast *forecast, FILE *out);
void explain_layerwise_linear(const struct forecast *forecast, FILE *out);
void explain_layerwise(const struct forecast *forecast, FILE *out);
void explain_getzner(const struct forecast *forecast, FILE *out);

#endif
