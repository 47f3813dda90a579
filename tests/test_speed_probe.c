/* test_speed_probe.c -- both parts take their time, on one thread and on several. */
#include <criterion/criterion.h>
#include <math.h>

#include "calibrate/measure.h"
#include "calibrate/order.h"
#include "calibrate/speed_probe.h"

static struct jc_speed median_of_probes(uint32_t threads) {
  enum { PROBES = 15 };
  struct jc_speed_probe *probe = NULL;
  struct jc_error error = {0};
  double compute_s[PROBES], memory_s[PROBES];
  cr_assert_eq(jc_speed_probe_open(threads, &probe, &error), JC_OK, "%s", error.text);
  for (int i = 0; i < PROBES; i++) {
    const struct jc_speed speed = jc_speed_probe_take(probe);
    compute_s[i] = speed.compute_s;
    memory_s[i] = speed.memory_s;
  }
  jc_speed_probe_close(probe);
  return (struct jc_speed){median_of(compute_s, PROBES), median_of(memory_s, PROBES)};
}

/* Neither part is left out by the compiler, nor so long that it would hold up the training: 960,000
 * multiply-adds of 1 to 16 floats each take 5 us to 5 ms, 16 MiB at 1 to 800 GB/s 20 us to 20 ms.
 */
Test(speed_probe, parts_take_their_time) {
  for (uint32_t threads = 1; threads <= 2; threads++) {
    const struct jc_speed speed = median_of_probes(threads);
    cr_assert_gt(speed.compute_s, 5e-6, "%u threads: %g s", threads, speed.compute_s);
    cr_assert_lt(speed.compute_s, 20e-3, "%u threads: %g s", threads, speed.compute_s);
    cr_assert_gt(speed.memory_s, 20e-6, "%u threads: %g s", threads, speed.memory_s);
    cr_assert_lt(speed.memory_s, 80e-3, "%u threads: %g s", threads, speed.memory_s);
  }
}

Test(speed_probe, close_takes_null) {
  jc_speed_probe_close(NULL);
}

Test(speed_probe, sum) {
  const struct jc_speed speed = {1e-3, 2e-3}, unknown = {NAN, NAN};
  cr_assert_float_eq(jc_speed_sum_s(&speed), 3e-3, 1e-12);
  cr_assert(isnan(jc_speed_sum_s(&unknown)));
}
