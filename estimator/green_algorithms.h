/* green_algorithms.h -- the power that the Green Algorithms calculator multiplies by the time: one
 * formula for forecasts of layers and for measured runs. */
#ifndef JC_ESTIMATOR_GREEN_ALGORITHMS_H
#define JC_ESTIMATOR_GREEN_ALGORITHMS_H

/* PROCESSOR_W x USAGE + MEMORY_W_PER_GB x memory, in W. PROCESSOR_W is the TDP of all processors,
 * USAGE the share of it that is drawn, 0..1. GB are of 10^9 bytes.
 *
 * Lannelongue, Grealey, Inouye: Green Algorithms (Advanced Science 8(12), 2021), equation 1, which
 * multiplies by the PUE as well: that is the facility's energy here, as with every method. */
double jc_green_algorithms_w(double processor_w, double usage, double memory_w_per_gb,
                             double memory_bytes);

#endif
