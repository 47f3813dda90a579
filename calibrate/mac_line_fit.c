/* mac_line_fit.c -- a straight line by ordinary least squares. */
#include "calibrate/mac_line_fit.h"

static double joules(const struct jc_forward_layer *layer) {
  return layer->energy_j;
}

static double seconds(const struct jc_forward_layer *layer) {
  return layer->time_s;
}

/* About the means, since MACs squared leave no digits for their differences. */
static void fit(const struct jc_forward_layer *const *layers, uint32_t count,
                jc_measured_of *measured, double line[2]) {
  double mean_x = 0, mean_y = 0, covariance = 0, variance = 0;
  for (uint32_t i = 0; i < count; i++) {
    mean_x += layers[i]->macs / count;
    mean_y += measured(layers[i]) / count;
  }
  for (uint32_t i = 0; i < count; i++) {
    const double x = layers[i]->macs - mean_x;
    covariance += x * (measured(layers[i]) - mean_y);
    variance += x * x;
  }
  line[1] = variance > 0 ? covariance / variance : 0;
  line[0] = mean_y - line[1] * mean_x;
}

void jc_mac_line_fit(const struct jc_forward_layer *const *layers, uint32_t count,
                     struct jc_mac_line *line) {
  line->kind = (enum jc_layer_kind)(layers[0]->row.type / JC_MAX_VARIANTS);
  line->layers = count;
  fit(layers, count, joules, line->energy_j);
  fit(layers, count, seconds, line->time_s);
}
