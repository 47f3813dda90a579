/* svg.h -- charts of an HTML report, drawn 400 wide, so that their text stays legible on a phone.
 *
 * Every chart is a figure with a caption, below which stands what is shown. Values that are NAN, or
 * that a logarithmic axis cannot show, are left out. Nothing is drawn without values.
 */
#ifndef JC_CLI_SVG_H
#define JC_CLI_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What a chart says beside its marks. */
struct svg_text {
  const char *caption;
  const char *description; /* what is shown, in a sentence */
};

struct svg_bar {
  const char *label;
  double value; /* >= 0 */
  bool rest;    /* a sum of others: written, but not drawn, since it would dwarf them */
};

/* A bar each, from 0 to the largest; values are written by FORMAT. */
void svg_bars(FILE *out, const struct svg_text *text, const struct svg_bar *bars, size_t count,
              char *(*format)(double value, char *buffer, size_t size));

enum { SVG_PARTS = 4 };

struct svg_stack {
  const char *label;
  const double *parts; /* [part count], >= 0 */
};

/* A bar each, from 0 to the largest sum, of PART_COUNT <= SVG_PARTS parts, with a legend of those
 * that there are. A part is a rect whose data-row is its label, data-key the part's name, and
 * data-value its value. */
void svg_stacks(FILE *out, const struct svg_text *text, const struct svg_stack *rows, size_t count,
                const char *const *part_names, size_t part_count,
                char *(*format)(double value, char *buffer, size_t size));

struct svg_interval {
  const char *label;
  double value, low, high; /* low and high NAN: no interval */
};

/* A point each with its interval, in joules on a logarithmic axis. */
void svg_intervals(FILE *out, const struct svg_text *text, const struct svg_interval *rows,
                   size_t count);

struct svg_point {
  double measured, predicted; /* > 0, in the axes' base unit */
  double low, high;           /* 90 % interval of the prediction; NAN: none */
  double low_50, high_50;     /* 50 % interval */
};

enum svg_quantity { SVG_JOULES, SVG_SECONDS };

/* Predicted against measured on logarithmic axes of one scale, with the diagonal, 10 % around it,
 * whiskers of the intervals, and a legend that says so. */
void svg_scatter(FILE *out, const struct svg_text *text, enum svg_quantity quantity,
                 const struct svg_point *points, size_t count);

struct svg_residual {
  const char *label;
  double error;     /* predicted / measured - 1 */
  double low, high; /* spread around it; NAN: none */
};

/* Errors in percent around 0. */
void svg_residuals(FILE *out, const struct svg_text *text, const struct svg_residual *rows,
                   size_t count);

/* Mean watts from the sample before, or from 0, up to each of COUNT samples, which are in order; a
 * mark at each of MARKS_S. The line's data-value has the samples as "SECONDS:WATTS ". */
void svg_lines(FILE *out, const struct svg_text *text, const double *time_s, const double *power_w,
               size_t count, const double *marks_s, size_t mark_count);

#endif
