/* calibrate.c -- the whole of a calibration's measuring: open, resume, times, energy. */
#include "calibrate/calibrate.h"

#include <string.h>

#include "calibrate/session.h"

enum jc_status jc_calibrate_measure(const struct jc_calibrate_options *options,
                                    struct jc_calibrate_result *result, struct jc_error *error) {
  struct session s = {.options = options, .result = result, .start_s = jc_clock_s()};
  memset(result, 0, sizeof(*result));
  if (session_open(&s, error) == JC_OK && session_resume(&s, error) == JC_OK &&
      session_measure_times(&s, error) == JC_OK)
    (void)session_measure_energy(&s, error);
  session_close(&s);
  return error->status;
}
