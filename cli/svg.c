/* svg.c -- charts as inline SVG: one coordinate system 400 wide, axes with ticks at 1, 2 and 5. */
#include "cli/svg.h"

#include <math.h>
#include <string.h>

#include "cli/document.h"
#include "cli/format.h"

enum {
  WIDTH = 400,
  ROW = 36,  /* a label above its mark, so that long names need no margin */
  EDGE = 12, /* left and right, for what a label at the end of an axis sticks out */
  FOOT = 44, /* ticks and the title of an axis */
  LEGEND = 24,
  LABEL = 44, /* bytes of a label that fit in a line */
  MAX_TICKS = 16
};

/* ---- frame ---- */

static void begin(FILE *out, const struct svg_text *text, double height) {
  fputs("<figure><figcaption>", out);
  html_text(out, text->caption);
  fputs("<small>", out);
  html_text(out, text->description);
  fprintf(out, "</small></figcaption>\n<svg viewBox=\"0 0 %d %.0f\" role=\"img\">\n<title>", WIDTH,
          height);
  html_text(out, text->caption);
  fputs("</title>\n", out);
}

static void end(FILE *out) {
  fputs("</svg></figure>\n", out);
}

static void put_text(FILE *out, double x, double y, const char *anchor, const char *text) {
  fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
  html_text(out, text);
  fputs("</text>\n", out);
}

static void put_line(FILE *out, const char *class, double x1, double y1, double x2, double y2) {
  fprintf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1,
          y1, x2, y2);
}

/* What a mark means: a piece of it, as wide as a letter is high. */
struct legend {
  const char *paint; /* attributes */
  double thickness;
  const char *text;
};

/* From X on, around Y. */
static void put_legend(FILE *out, double x, double y, const struct legend *items, size_t count) {
  const double swatch = 14, gap = 6, letter = 7;
  for (size_t i = 0; i < count; i++) {
    fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.1f\" %s/>\n", x,
            y - items[i].thickness / 2, swatch, items[i].thickness, items[i].paint);
    put_text(out, x + swatch + gap, y + 4, "start", items[i].text);
    x += swatch + gap + letter * (double)strlen(items[i].text) + 2 * gap;
  }
}

/* The end of LABEL, where it is too long for a line of ROOM bytes: it tells layers apart. A byte
 * inside a UTF-8 sequence is no place to cut. */
static const char *shorten(const char *label, size_t room, char *buffer, size_t size) {
  const size_t length = strlen(label);
  if (length <= room)
    return label;
  const char *tail = label + length - room + 2;
  while (((unsigned char)*tail & 0xC0) == 0x80)
    tail++;
  (void)snprintf(buffer, size, "..%s", tail);
  return buffer;
}

/* ---- axes ---- */

struct axis {
  bool logarithmic;
  double low, high; /* in units of `unit` */
  double unit;      /* base units in one of the axis */
  const char *name; /* of that unit */
  double from, to;  /* where low and high are drawn */
};

static double place(const struct axis *axis, double base) {
  const double value = base / axis->unit;
  const double share = axis->logarithmic ? log(value / axis->low) / log(axis->high / axis->low)
                                         : (value - axis->low) / (axis->high - axis->low);
  return axis->from + share * (axis->to - axis->from);
}

static void choose_unit(enum svg_quantity quantity, double largest, struct axis *axis) {
  static const struct {
    double unit;
    const char *name;
  } units[][4] = {[SVG_JOULES] = {{3.6e6, "kWh"}, {1e3, "kJ"}, {1, "J"}, {1e-3, "mJ"}},
                  [SVG_SECONDS] = {{3600, "h"}, {60, "min"}, {1, "s"}, {1e-3, "ms"}}};
  size_t i = 0;
  while (i < 3 && largest < units[quantity][i].unit)
    i++;
  axis->unit = units[quantity][i].unit;
  axis->name = units[quantity][i].name;
}

/* 1, 2 or 5 times a power of ten, at least AT_LEAST. */
static double round_step(double at_least) {
  const double power = pow(10, floor(log10(at_least)));
  const double mantissa = at_least / power;
  return power * (mantissa <= 1.0001 ? 1 : mantissa <= 2.0001 ? 2 : mantissa <= 5.0001 ? 5 : 10);
}

static size_t linear_ticks(const struct axis *axis, double *ticks) {
  const double step = round_step((axis->high - axis->low) / 5);
  size_t count = 0;
  for (double i = ceil(axis->low / step - 1e-9);
       i * step <= axis->high * (1 + 1e-9) && count < MAX_TICKS; i++)
    ticks[count++] = i * step + 0.0; /* ceil() makes a -0 that people would see */
  return count;
}

/* 1, 2 and 5 of each decade; of more than two decades every one, or every second and so on. */
static size_t logarithmic_ticks(const struct axis *axis, double *ticks) {
  static const double mantissas[] = {1, 2, 5};
  const double decades = log10(axis->high / axis->low);
  const int each = decades <= 2 ? 3 : 1, stride = (int)ceil(decades / 7);
  size_t count = 0;
  for (int power = (int)floor(log10(axis->low)); power <= (int)ceil(log10(axis->high));
       power += stride) {
    for (int m = 0; m < each; m++) {
      const double tick = mantissas[m] * pow(10, power);
      if (tick >= axis->low * 0.999 && tick <= axis->high * 1.001 && count < MAX_TICKS)
        ticks[count++] = tick;
    }
  }
  return count;
}

static size_t find_ticks(const struct axis *axis, double *ticks) {
  return axis->logarithmic ? logarithmic_ticks(axis, ticks) : linear_ticks(axis, ticks);
}

/* The axis below a chart that spans TOP to BOTTOM. */
static void put_x_axis(FILE *out, const struct axis *axis, double top, double bottom,
                       const char *title) {
  double ticks[MAX_TICKS];
  char label[FORMAT_SIZE];
  const size_t count = find_ticks(axis, ticks);
  for (size_t i = 0; i < count; i++) {
    const double x = place(axis, ticks[i] * axis->unit);
    put_line(out, "g", x, top, x, bottom);
    (void)snprintf(label, sizeof(label), "%g", ticks[i]);
    put_text(out, x, bottom + 15, "middle", label);
  }
  put_text(out, (axis->from + axis->to) / 2, bottom + 34, "middle", title);
}

static void put_y_axis(FILE *out, const struct axis *axis, double left, double right,
                       const char *title) {
  double ticks[MAX_TICKS];
  char label[FORMAT_SIZE];
  const size_t count = find_ticks(axis, ticks);
  for (size_t i = 0; i < count; i++) {
    const double y = place(axis, ticks[i] * axis->unit);
    put_line(out, "g", left, y, right, y);
    (void)snprintf(label, sizeof(label), "%g", ticks[i]);
    put_text(out, left - 5, y + 4, "end", label);
  }
  put_text(out, 0, 12, "start", title);
}

/* Room around what a logarithmic axis shows, and two ticks at least. */
static void widen(struct axis *axis, double low, double high) {
  axis->logarithmic = true;
  axis->low = low / axis->unit / 1.15;
  axis->high = high / axis->unit * 1.15;
  if (axis->high / axis->low < 4) {
    const double middle = sqrt(axis->high * axis->low);
    axis->low = middle / 2;
    axis->high = middle * 2;
  }
}

/* ---- bars ---- */

void svg_bars(FILE *out, const struct svg_text *text, const struct svg_bar *bars, size_t count,
              char *(*format)(double value, char *buffer, size_t size)) {
  char value[FORMAT_SIZE], label[LABEL + 4];
  double largest = 0;
  for (size_t i = 0; i < count; i++)
    largest = bars[i].value > largest && !bars[i].rest ? bars[i].value : largest;
  if (!(largest > 0))
    return;
  begin(out, text, (double)count * ROW);
  for (size_t i = 0; i < count; i++) {
    const double y = (double)i * ROW;
    put_text(out, 0, y + 14, "start", shorten(bars[i].label, LABEL, label, sizeof(label)));
    put_text(out, WIDTH, y + 14, "end", format(bars[i].value, value, sizeof(value)));
    if (!bars[i].rest)
      fprintf(out, "<rect x=\"0\" y=\"%.1f\" width=\"%.2f\" height=\"10\" fill=\"var(--c0)\"/>\n",
              y + 19, WIDTH * bars[i].value / largest);
  }
  end(out);
}

/* ---- stacked bars ---- */

static double sum_of(const struct svg_stack *row, size_t part_count) {
  double sum = 0;
  for (size_t p = 0; p < part_count; p++)
    sum += row->parts[p];
  return sum;
}

static void put_stack(FILE *out, const struct svg_stack *row, double y, double per_unit,
                      const char *const *part_names, size_t part_count) {
  double x = 0;
  for (size_t p = 0; p < part_count; p++) {
    const double width = per_unit * row->parts[p];
    fprintf(out,
            "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"10\" fill=\"var(--c%zu)\" "
            "data-key=\"%s\" data-value=\"%.17g\" data-row=\"",
            x, y, width, p, part_names[p], row->parts[p]);
    html_text(out, row->label);
    fputs("\"/>\n", out);
    x += width;
  }
}

/* Names of the parts that any row has. */
static void put_parts_legend(FILE *out, double y, const struct svg_stack *rows, size_t count,
                             const char *const *part_names, size_t part_count) {
  static const char *const paints[SVG_PARTS] = {"fill=\"var(--c0)\"", "fill=\"var(--c1)\"",
                                                "fill=\"var(--c2)\"", "fill=\"var(--c3)\""};
  struct legend legend[SVG_PARTS];
  size_t shown = 0;
  for (size_t p = 0; p < part_count; p++) {
    size_t i = 0;
    while (i < count && !(rows[i].parts[p] > 0))
      i++;
    if (i < count)
      legend[shown++] = (struct legend){paints[p], 10, part_names[p]};
  }
  put_legend(out, 0, y, legend, shown);
}

void svg_stacks(FILE *out, const struct svg_text *text, const struct svg_stack *rows, size_t count,
                const char *const *part_names, size_t part_count,
                char *(*format)(double value, char *buffer, size_t size)) {
  char value[FORMAT_SIZE], label[LABEL + 4];
  double largest = 0;
  for (size_t i = 0; i < count; i++)
    largest = fmax(largest, sum_of(&rows[i], part_count));
  if (!(largest > 0))
    return;
  begin(out, text, (double)count * ROW + LEGEND);
  for (size_t i = 0; i < count; i++) {
    const double y = (double)i * ROW;
    put_text(out, 0, y + 14, "start", shorten(rows[i].label, LABEL, label, sizeof(label)));
    put_text(out, WIDTH, y + 14, "end", format(sum_of(&rows[i], part_count), value, sizeof(value)));
    put_stack(out, &rows[i], y + 19, WIDTH / largest, part_names, part_count);
  }
  put_parts_legend(out, (double)count * ROW + LEGEND / 2.0, rows, count, part_names, part_count);
  end(out);
}

/* ---- intervals ---- */

void svg_intervals(FILE *out, const struct svg_text *text, const struct svg_interval *rows,
                   size_t count) {
  double low = INFINITY, high = 0;
  char label[LABEL + 4], title[64];
  for (size_t i = 0; i < count; i++) {
    if (!(rows[i].value > 0))
      continue;
    low = fmin(low, rows[i].low > 0 ? rows[i].low : rows[i].value);
    high = fmax(high, rows[i].high > 0 ? rows[i].high : rows[i].value);
  }
  if (!(high > 0))
    return;
  struct axis axis = {.from = EDGE, .to = WIDTH - EDGE};
  const double bottom = (double)count * ROW;
  choose_unit(SVG_JOULES, high, &axis);
  widen(&axis, low, high);
  begin(out, text, bottom + FOOT);
  (void)snprintf(title, sizeof(title), "energy, %s (logarithmic)", axis.name);
  put_x_axis(out, &axis, 0, bottom, title);
  for (size_t i = 0; i < count; i++) {
    const double y = (double)i * ROW, x = place(&axis, rows[i].value);
    put_text(out, 0, y + 14, "start", shorten(rows[i].label, LABEL, label, sizeof(label)));
    if (!(rows[i].value > 0))
      continue;
    if (rows[i].low > 0)
      fprintf(out,
              "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"var(--c0)\" "
              "stroke-width=\"3\"/>\n",
              place(&axis, rows[i].low), y + 25, place(&axis, rows[i].high), y + 25);
    fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"var(--c1)\"/>\n", x, y + 25);
  }
  end(out);
}

/* ---- predicted against measured ---- */

static bool is_shown(const struct svg_point *point) {
  return point->measured > 0 && point->predicted > 0 && isfinite(point->measured) &&
         isfinite(point->predicted);
}

/* The strip in which predictions are at most SHARE off, within the square of both axes. */
static void put_band(FILE *out, const struct axis *x, const struct axis *y, double share) {
  const double low = x->low * x->unit, high = x->high * x->unit;
  fprintf(out,
          "<polygon class=\"band\" points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f "
          "%.1f,%.1f\"/>\n",
          place(x, low), place(y, low), place(x, low), place(y, low * (1 + share)),
          place(x, high / (1 + share)), place(y, high), place(x, high), place(y, high),
          place(x, high), place(y, high * (1 - share)), place(x, low / (1 - share)), place(y, low));
}

#define WHISKER_PAINT "fill=\"var(--c0)\" fill-opacity=\".5\""
static const double thick = 5, thin = 1.5; /* of the 50 % interval and that of 90 % */

/* From LOW to HIGH, at X of what was measured. */
static void put_whisker(FILE *out, double x, const struct axis *y, double low, double high,
                        double thickness) {
  if (low > 0 && isfinite(high))
    fprintf(out, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" " WHISKER_PAINT "/>\n",
            x - thickness / 2, place(y, high), thickness, place(y, low) - place(y, high));
}

/* SIZE: 1, or less where many points would hide each other. */
static void put_point(FILE *out, const struct axis *x, const struct axis *y,
                      const struct svg_point *point, double size) {
  const double at = place(x, point->measured);
  put_whisker(out, at, y, point->low, point->high, size * thin);
  put_whisker(out, at, y, point->low_50, point->high_50, size * thick);
  fprintf(out,
          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.2f\" fill=\"var(--c0)\" fill-opacity=\".75\"/>\n",
          at, place(y, point->predicted), 3.5 * size);
}

/* Within what both axes must reach: points and whiskers. Returns whether there is a whisker. */
static bool find_span(const struct svg_point *points, size_t count, double *low, double *high) {
  bool whiskers = false;
  *low = INFINITY;
  *high = 0;
  for (size_t i = 0; i < count; i++) {
    const struct svg_point *p = &points[i];
    if (!is_shown(p))
      continue;
    *low = fmin(*low, fmin(p->measured, p->predicted));
    *high = fmax(*high, fmax(p->measured, p->predicted));
    if (!(p->low > 0) || !isfinite(p->high))
      continue;
    *low = fmin(*low, p->low);
    *high = fmax(*high, p->high);
    whiskers = true;
  }
  return whiskers;
}

void svg_scatter(FILE *out, const struct svg_text *text, enum svg_quantity quantity,
                 const struct svg_point *points, size_t count) {
  const struct legend legend[] = {{"class=\"band\"", 12, "10 % off at most"},
                                  {WHISKER_PAINT, thick, "50 % interval"},
                                  {WHISKER_PAINT, thin, "90 % interval"}};
  const double left = 52, top = 22, bottom = 360, few = 50;
  const double size = fmax(0.4, fmin(1, sqrt(few / (double)count)));
  double low, high;
  char title[64];
  const bool whiskers = find_span(points, count, &low, &high);
  if (!(high > 0))
    return;
  struct axis x = {.from = left, .to = WIDTH - EDGE}, y;
  choose_unit(quantity, high, &x);
  widen(&x, low, high);
  y = x;
  y.from = bottom;
  y.to = top;
  begin(out, text, bottom + FOOT + LEGEND);
  (void)snprintf(title, sizeof(title), "measured, %s", x.name);
  put_x_axis(out, &x, top, bottom, title);
  (void)snprintf(title, sizeof(title), "predicted, %s", x.name);
  put_y_axis(out, &y, left, WIDTH - EDGE, title);
  put_band(out, &x, &y, 0.1);
  put_line(out, "a", x.from, y.from, x.to, y.to);
  for (size_t i = 0; i < count; i++) {
    if (is_shown(&points[i]))
      put_point(out, &x, &y, &points[i], size);
  }
  put_legend(out, 0, bottom + FOOT + LEGEND / 2.0, legend, whiskers ? 3 : 1);
  end(out);
}

/* ---- residuals ---- */

void svg_residuals(FILE *out, const struct svg_text *text, const struct svg_residual *rows,
                   size_t count) {
  double most = 0.05;
  char label[LABEL + 4], value[FORMAT_SIZE];
  for (size_t i = 0; i < count; i++) {
    const double ends[] = {rows[i].error, rows[i].low, rows[i].high};
    for (size_t k = 0; k < 3; k++)
      most = fmax(most, isnan(ends[k]) ? 0 : fabs(ends[k]));
  }
  if (count == 0)
    return;
  const double bottom = (double)count * ROW;
  const struct axis axis = {.low = -100 * most,
                            .high = 100 * most,
                            .unit = 0.01,
                            .name = "%",
                            .from = EDGE,
                            .to = WIDTH - EDGE};
  begin(out, text, bottom + FOOT);
  put_x_axis(out, &axis, 0, bottom, "error, % (right: predicted too high)");
  put_line(out, "a", place(&axis, 0), 0, place(&axis, 0), bottom);
  for (size_t i = 0; i < count; i++) {
    const double y = (double)i * ROW;
    put_text(out, 0, y + 14, "start", shorten(rows[i].label, LABEL - 8, label, sizeof(label)));
    put_text(out, WIDTH, y + 14, "end", format_percent(rows[i].error, value, sizeof(value)));
    if (!isnan(rows[i].low))
      fprintf(out,
              "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"var(--c0)\" "
              "stroke-width=\"3\"/>\n",
              place(&axis, rows[i].low), y + 25, place(&axis, rows[i].high), y + 25);
    if (!isnan(rows[i].error))
      fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"var(--c1)\"/>\n",
              place(&axis, rows[i].error), y + 25);
  }
  end(out);
}

/* ---- lines ---- */

static void put_polyline(FILE *out, const struct axis *x, const struct axis *y,
                         const double *time_s, const double *power_w, size_t count) {
  fputs("<polyline fill=\"none\" stroke=\"var(--c0)\" stroke-width=\"1.5\" points=\"", out);
  for (size_t i = 0; i < count; i++) {
    if (!isnan(power_w[i]))
      fprintf(out, "%.1f,%.1f %.1f,%.1f ", place(x, i > 0 ? time_s[i - 1] : 0),
              place(y, power_w[i]), place(x, time_s[i]), place(y, power_w[i]));
  }
  fputs("\" data-value=\"", out);
  for (size_t i = 0; i < count; i++) {
    if (!isnan(power_w[i]))
      fprintf(out, "%.17g:%.17g ", time_s[i], power_w[i]);
  }
  fputs("\"/>\n", out);
}

void svg_lines(FILE *out, const struct svg_text *text, const double *time_s, const double *power_w,
               size_t count, const double *marks_s, size_t mark_count) {
  const double left = 52, top = 22, bottom = 220;
  double most = 0;
  char title[64];
  for (size_t i = 0; i < count; i++)
    most = fmax(most, isnan(power_w[i]) ? 0 : power_w[i]);
  if (count < 2 || !(most > 0) || !(time_s[count - 1] > 0))
    return;
  struct axis x = {.from = left, .to = WIDTH - EDGE};
  choose_unit(SVG_SECONDS, time_s[count - 1], &x);
  x.high = time_s[count - 1] / x.unit;
  const struct axis y = {
      .high = round_step(most), .unit = 1, .name = "W", .from = bottom, .to = top};
  begin(out, text, bottom + FOOT);
  (void)snprintf(title, sizeof(title), "time, %s", x.name);
  put_x_axis(out, &x, top, bottom, title);
  put_y_axis(out, &y, left, WIDTH - EDGE, "power, W");
  for (size_t i = 0; i < mark_count; i++)
    fprintf(out,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"var(--c1)\" "
            "stroke-dasharray=\"3 3\"/>\n",
            place(&x, marks_s[i]), top, place(&x, marks_s[i]), bottom);
  put_polyline(out, &x, &y, time_s, power_w, count);
  end(out);
}
