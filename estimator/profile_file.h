/* profile_file.h -- profile.json (`joulecast.profile/1`): what a calibration found, on disk.
 *
 * A profile is written by `joulecast calibrate` and read by every method that needs one. Numbers
 * come back bit for bit. The names of the linear features and of the layer types stand in the file:
 * a profile whose names differ from the program's is refused, since its coefficients would be
 * multiplied with other things than they were fitted on. (A kind of layer that the program has
 * learnt since is no difference.)
 */
#ifndef JC_ESTIMATOR_PROFILE_FILE_H
#define JC_ESTIMATOR_PROFILE_FILE_H

#include "estimator/estimator.h"

/* Writes PROFILE to PATH, atomically: after a failure or a crash PATH is what it was. Missing
 * folders are made. Values that are NAN are written as null. Fails with JC_ERROR_IO,
 * JC_ERROR_STORAGE, or JC_ERROR_INVALID if PROFILE holds a number that jc_profile_read() would
 * refuse: nothing is written then. */
enum jc_status jc_profile_write(const char *path, const struct jc_profile *profile,
                                struct jc_error *error);

/* Reads PATH into PROFILE and checks every number's range. Fails with JC_ERROR_IO,
 * JC_ERROR_INVALID, JC_ERROR_MISMATCH (schema, features or layer types of another version; the text
 * holds both lists) or JC_ERROR_STORAGE; PROFILE is then undefined. */
enum jc_status jc_profile_read(const char *path, struct jc_profile *profile,
                               struct jc_error *error);

/* What a forecast is to be for. */
struct jc_profile_use {
  const struct jc_machine *machine;
  const char *runner_version; /* of the library at hand; NULL: not to be compared */
  enum jc_precision precision;
  uint32_t threads;
};

/* Whether PROFILE was made for the CPU model, number of CPUs, vector set, library version,
 * precision and thread count of USE. JC_ERROR_MISMATCH names both sides and `--force`. */
enum jc_status jc_profile_check(const struct jc_profile *profile, const struct jc_profile_use *use,
                                struct jc_error *error);

/* Days from PROFILE's date to NOW_S, in seconds since 1970 (UTC); below 0 where the clock is behind
 * the date. NAN: the profile has no date of the form 2026-11-28T21:27:01Z. */
double jc_profile_age_days(const struct jc_profile *profile, double now_s);

/* The folder of this user's profiles: $XDG_DATA_HOME/joulecast/profiles, or
 * ~/.local/share/joulecast/profiles where XDG_DATA_HOME is unset or not absolute. It need not
 * exist. JC_ERROR_MISSING if HOME is not set either; JC_ERROR_STORAGE if SIZE is too small. */
enum jc_status jc_profile_default_folder(char *folder, size_t size, struct jc_error *error);

/* Where `calibrate` puts a profile unless told: in that folder, named by CPU model, number of
 * CPUs, precision and threads ("intel-xeon-processor-2cpus-fp32-t1.json"), so that a newer
 * calibration of the same machine replaces the older. Fails as jc_profile_default_folder. */
enum jc_status jc_profile_default_path(const struct jc_machine *machine,
                                       enum jc_precision precision, uint32_t threads, char *path,
                                       size_t size, struct jc_error *error);

/* The newest profile (by its date) in that folder that fits MACHINE, PRECISION and THREADS; 0
 * threads: any. Files that are no readable profile are passed over. JC_ERROR_MISSING if there is
 * none: the text counts what was passed over and tells what to do. */
enum jc_status jc_profile_find_default(const struct jc_machine *machine,
                                       enum jc_precision precision, uint32_t threads, char *path,
                                       size_t size, struct jc_error *error);

#endif
