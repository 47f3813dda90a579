/* report_check.h -- what `calibrate check` found, for people and for programs, and its verdict. */
#ifndef JC_CLI_REPORT_CHECK_H
#define JC_CLI_REPORT_CHECK_H

#include <limits.h>

#include "cli/check_list.h"
#include "cli/inputs.h"
#include "cli/output.h"

/* Fewer networks than this, measured in quiet windows, give no verdict. */
enum { CHECK_MIN_NETWORKS = 3 };

/* Too large for a stack frame. */
struct check {
  struct check_list list;
  uint32_t threads;
  struct jc_machine machine;
  bool measured, forecast; /* which of the two was asked for */
  bool forced;             /* windows count whether quiet or not */
  bool stopped;            /* by the user, before every network was measured: no verdict */
  /* Of the measurement. */
  struct jc_meter_info meter;
  const char *runner, *runner_version;
  double load; /* of other processes when it began */
  /* Of the forecast. */
  struct jc_profile *profile; /* NULL: none */
  char profile_path[PATH_MAX];
  size_t method_count; /* methods that can run with this profile, by preference */
  const struct jc_method *methods[CHECK_METHODS];
  struct inputs notes; /* of which only the notes are told */
};

struct check_judgement {
  bool judged; /* enough networks for a verdict */
  enum jc_verdict verdict;
  bool energy_counts;
  struct jc_check_errors time, energy; /* of the first method */
  double time_stated, energy_stated;   /* the profile's own errors; NAN: none */
  double noise;                        /* mean of |first/second round - 1|; NAN: one round */
};

/* Sums up what both sides hold. */
enum jc_status check_judge(const struct check *check, struct check_judgement *judgement,
                           struct jc_error *error);

/* Of a configuration by the first method: all NAN where there is nothing. */
struct check_row {
  double time_s, time_forecast_s, time_error;
  double energy_j, energy_forecast_j, energy_error;
};
struct check_row check_row_of(const struct check *check, const struct check_configuration *c);
/* "trust; forecasts of networks like these are ...". */
void check_describe_verdict(const struct check_judgement *judgement, char *text, size_t size);

enum jc_status report_check(const struct check *check, const struct check_judgement *judgement,
                            enum format format, struct output *output, struct jc_error *error);

#endif
