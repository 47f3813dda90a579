/* report_profile.h -- how old and how good the profile of a forecast is. */
#ifndef JC_CLI_REPORT_PROFILE_H
#define JC_CLI_REPORT_PROFILE_H

#include "cli/forecast.h"

/* Of a FORECAST that has an estimate by a profile: the remark on the profile among its inputs, and
 * notes on one that is old, of the future, or made beside other processes. */
void tell_profile(struct forecast *forecast);

/* {path, date, age_days, networks, time_mape, energy_mape, load, forced}, the errors being those of
 * the method on the profile's sample networks; null without a profile. */
void put_profile(const struct forecast *forecast, struct jc_json_writer *writer, const char *key);

#endif
