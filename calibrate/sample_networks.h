/* sample_networks.h -- the networks of samples.jsonl, each analysed, with all that was measured of
 * it. Internal to the fits.
 *
 *   struct jc_sample_networks networks = {0};
 *   jc_sample_networks_read(&networks, path, &report, &error)      for every file
 *   jc_sample_networks_remove_drift(&networks, &drift, &error)     once, after the last
 *   ... jc_network_sample(networks.items[i])->step_median_s ...
 *   jc_sample_networks_free(&networks)
 */
#ifndef JC_CALIBRATE_SAMPLE_NETWORKS_H
#define JC_CALIBRATE_SAMPLE_NETWORKS_H

#include "calibrate/calibrate.h"
#include "calibrate/drift.h"
#include "calibrate/forward_fit.h"

struct jc_model;

struct jc_sample_network {
  struct jc_looks looks;
  uint32_t chosen; /* whose joules count */
  struct jc_model *model;
  void *storage;
  struct jc_analysis analysis;
};

struct jc_sample_networks {
  struct jc_sample_network **items; /* [count] */
  uint32_t count, capacity;
  struct jc_forward_samples forward; /* instead of items, where the samples are forward passes */
};

/* Adds the samples of a file, less those that another process disturbed, and counts them in REPORT.
 * Fails as jc_samples_next(), and with JC_ERROR_INVALID for a sample that a fit cannot use,
 * JC_ERROR_MISMATCH for one of another machine, runner, meter, precision or thread count than the
 * first, or of another phase; at the file and line. */
enum jc_status jc_sample_networks_read(struct jc_sample_networks *networks, const char *path,
                                       struct jc_fit_report *report, struct jc_error *error);

/* From then on every sample is what its network takes at the machine's usual speed, of DRIFT. */
enum jc_status jc_sample_networks_remove_drift(struct jc_sample_networks *networks,
                                               struct jc_drift *drift, struct jc_error *error);

/* The one look that stands for NETWORK. */
struct jc_sample *jc_network_sample(const struct jc_sample_network *network);

void jc_sample_networks_free(struct jc_sample_networks *networks);

#endif
