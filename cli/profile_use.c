/* profile_use.c -- may a profile be used here, and what must its user know? */
#include "cli/profile_use.h"

#include <math.h>

#include "calibrate/measure.h"
#include "cli/format.h"
#include "trainer/trainer.h"

/* Kernels, libraries and cooling change meanwhile. */
static const double old_days = 180;
/* By so much, two machines' clocks may differ. */
static const double tolerated_future_days = 0.1;

enum jc_status profile_accept(const struct jc_profile *profile, const char *path,
                              const struct jc_machine *machine, uint32_t threads, bool force,
                              struct inputs *inputs, struct jc_error *error) {
  const char *version = jc_trainer_library_version();
  const struct jc_profile_use use = {.machine = machine,
                                     .runner_version = version[0] != '\0' ? version : NULL,
                                     .precision = JC_PRECISION_FP32,
                                     .threads = threads};
  struct jc_error why = {0};
  if (jc_profile_check(profile, &use, &why) == JC_OK)
    return JC_OK;
  if (!force) {
    *error = why;
    jc_error_name_file(error, path);
    return error->status;
  }
  inputs_note(inputs, "forced: %.220s", why.text);
  return JC_OK;
}

static void note_age(double days, struct inputs *inputs) {
  if (days > old_days)
    inputs_note(inputs,
                "the profile is %.0f days old: kernel, library or cooling may have changed; "
                "`joulecast calibrate check` tells whether it still holds",
                floor(days));
  else if (days < -tolerated_future_days)
    inputs_note(inputs, "the profile's date lies in the future: one of the two clocks is wrong");
}

static void note_load(const struct jc_profile *profile, struct inputs *inputs) {
  char load[FORMAT_SIZE];
  if (profile->load > JC_TOLERATED_LOAD)
    inputs_note(inputs, "calibrated beside load of %s: do not trust it; calibrate again",
                format_percent(profile->load, load, sizeof(load)));
  else if (profile->forced)
    inputs_note(inputs,
                "calibrated with --force: what other processes disturbed is in it; calibrate again "
                "without");
}

void profile_warn(const struct jc_profile *profile, double age_days, struct inputs *inputs) {
  note_age(age_days, inputs);
  note_load(profile, inputs);
}
