/* report_profile.c -- what a profile says of itself, and what that says of a forecast by it. */
#include "cli/report_profile.h"

#include <math.h>

#include "cli/format.h"
#include "cli/profile_use.h"

/* ---- the remark ---- */

/* "3 days old". */
static void format_age(double days, char *text, size_t size) {
  if (isnan(days))
    snprintf(text, size, "without a date");
  else if (days < 0)
    snprintf(text, size, "dated in the future");
  else if (days < 1)
    snprintf(text, size, "less than a day old");
  else
    snprintf(text, size, "%.0f day%s old", floor(days), days < 2 ? "" : "s");
}

static void describe(const struct forecast *forecast, char *text, size_t size) {
  const struct jc_estimate *e = &forecast->estimate;
  char age[FORMAT_SIZE], time[FORMAT_SIZE], energy[FORMAT_SIZE];
  format_age(forecast->profile_age_days, age, sizeof(age));
  const int used = snprintf(text, size, "%s, power %s", age,
                            forecast->profile.measured ? "measured" : "modelled");
  if (e->time_error.networks > 0 && e->energy_error.networks > 0)
    snprintf(text + used, size - (size_t)used,
             "; time %s and energy %s off on %u sample networks, each forecast by the others",
             format_percent(e->time_error.mape, time, sizeof(time)),
             format_percent(e->energy_error.mape, energy, sizeof(energy)), e->time_error.networks);
}

void tell_profile(struct forecast *forecast) {
  struct input *input = forecast->profile_input;
  describe(forecast, input->note, sizeof(input->note));
  profile_warn(&forecast->profile, forecast->profile_age_days, &forecast->inputs);
}

/* ---- JSON ---- */

void put_profile(const struct forecast *forecast, struct jc_json_writer *writer, const char *key) {
  const struct jc_profile *profile = forecast->problem.profile;
  const struct jc_estimate *e = &forecast->estimate;
  if (profile == NULL) {
    jc_put_null(writer, key);
    return;
  }
  jc_put_inline_object(writer, key);
  jc_put_string(writer, "path", forecast->profile_path);
  jc_put_string(writer, "date", profile->date[0] != '\0' ? profile->date : NULL);
  jc_put_real(writer, "age_days", forecast->profile_age_days);
  if (profile->phase == JC_RUN_TRAINING)
    jc_put_uint(writer, "networks", profile->sample_networks);
  else
    jc_put_null(writer, "networks");
  jc_put_real(writer, "time_mape", e->time_error.networks > 0 ? e->time_error.mape : NAN);
  jc_put_real(writer, "energy_mape", e->energy_error.networks > 0 ? e->energy_error.mape : NAN);
  jc_put_real(writer, "load", profile->load);
  jc_put_bool(writer, "forced", profile->forced);
  jc_put_end(writer);
}
