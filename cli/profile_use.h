/* profile_use.h -- may a profile be used here, and what must its user know? For every command that
 * forecasts by one. */
#ifndef JC_CLI_PROFILE_USE_H
#define JC_CLI_PROFILE_USE_H

#include "cli/inputs.h"
#include "estimator/profile_file.h"

/* Refuses a profile of another machine, library version, precision or thread count than MACHINE
 * trains with, as jc_profile_check() does, naming the file PATH; with FORCE a note to INPUTS says
 * what does not fit. */
enum jc_status profile_accept(const struct jc_profile *profile, const char *path,
                              const struct jc_machine *machine, uint32_t threads, bool force,
                              struct inputs *inputs, struct jc_error *error);

/* Notes to INPUTS on a profile that is old, of the future, or made beside other processes; AGE_DAYS
 * as jc_profile_age_days() has it, NAN: no date. */
void profile_warn(const struct jc_profile *profile, double age_days, struct inputs *inputs);

#endif
