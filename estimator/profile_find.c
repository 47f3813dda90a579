/* profile_find.c -- whether a profile is for this machine, how old it is, and where profiles live.
 */
#include "estimator/profile_file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "estimator/file_io.h"

/* ---- is it for this machine? ---- */

static bool same_machine(const struct jc_machine *a, const struct jc_machine *b) {
  return strcmp(a->cpu_model, b->cpu_model) == 0 && a->cpus == b->cpus &&
         strcmp(a->isa, b->isa) == 0;
}

enum jc_status jc_profile_check(const struct jc_profile *profile, const struct jc_profile_use *use,
                                struct jc_error *error) {
  const struct jc_machine *theirs = &profile->machine, *ours = use->machine;
  if (!same_machine(theirs, ours))
    return jc_fail(error, JC_ERROR_MISMATCH, 0, "machine",
                   "the profile is for '%s' (%u CPUs, %s), this is '%s' (%u CPUs, %s); calibrate "
                   "here, or use --force",
                   theirs->cpu_model, theirs->cpus, theirs->isa, ours->cpu_model, ours->cpus,
                   ours->isa);
  if (use->runner_version != NULL && strcmp(profile->runner_version, use->runner_version) != 0)
    return jc_fail(error, JC_ERROR_MISMATCH, 0, "runner",
                   "the profile is for %s '%s', the library here is '%s'; calibrate again, or use "
                   "--force",
                   profile->runner, profile->runner_version, use->runner_version);
  if (profile->precision != use->precision)
    return jc_fail(error, JC_ERROR_MISMATCH, 0, "precision",
                   "the profile is for %s, the run is in %s; calibrate with --precision %s, or use "
                   "--force",
                   jc_precision_name(profile->precision), jc_precision_name(use->precision),
                   jc_precision_name(use->precision));
  if (profile->threads != use->threads)
    return jc_fail(error, JC_ERROR_MISMATCH, 0, "threads",
                   "the profile is for %u threads, the run has %u; calibrate with --threads %u, or "
                   "use --force",
                   profile->threads, use->threads, use->threads);
  return JC_OK;
}

double jc_profile_age_days(const struct jc_profile *profile, double now_s) {
  struct tm utc = {.tm_isdst = 0};
  const char *end = strptime(profile->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
  if (end == NULL || *end != '\0')
    return NAN;
  return (now_s - (double)timegm(&utc)) / 86400;
}

/* ---- where profiles live ---- */

enum jc_status jc_profile_default_folder(char *folder, size_t size, struct jc_error *error) {
  const enum jc_status status =
      jc_file_user_path("XDG_DATA_HOME", ".local/share", "profiles", folder, size);
  if (status == JC_ERROR_MISSING)
    return jc_fail(error, status, 0, NULL,
                   "no folder for profiles: neither XDG_DATA_HOME nor HOME is set; give the file "
                   "with --profile or -o");
  if (status != JC_OK)
    return jc_fail(error, status, 0, NULL, "the name of the profile folder is too long");
  return JC_OK;
}

/* "Intel(R) Xeon(R) CPU @ 2.20GHz" -> "intel-xeon-cpu-2-20ghz": letters and digits of ASCII, all
 * else a single '-'; (R), (TM) left out. */
static void slug(const char *text, char *out, size_t size) {
  size_t used = 0;
  while (*text != '\0' && used + 1 < size) {
    const char c = (char)(*text >= 'A' && *text <= 'Z' ? *text + ('a' - 'A') : *text);
    if (strncasecmp(text, "(r)", 3) == 0) {
      text += 3;
    } else if (strncasecmp(text, "(tm)", 4) == 0) {
      text += 4;
    } else {
      if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        out[used++] = c;
      else if (used > 0 && out[used - 1] != '-')
        out[used++] = '-';
      text++;
    }
  }
  while (used > 0 && out[used - 1] == '-')
    used--;
  out[used] = '\0';
}

enum jc_status jc_profile_default_path(const struct jc_machine *machine,
                                       enum jc_precision precision, uint32_t threads, char *path,
                                       size_t size, struct jc_error *error) {
  char folder[PATH_MAX], name[sizeof(machine->cpu_model)];
  if (jc_profile_default_folder(folder, sizeof(folder), error) != JC_OK)
    return error->status;
  slug(machine->cpu_model, name, sizeof(name));
  const int written =
      snprintf(path, size, "%s/%s-%ucpus-%s-t%u.json", folder, name[0] != '\0' ? name : "unknown",
               machine->cpus, jc_precision_name(precision), threads);
  if (written < 0 || (size_t)written >= size)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "the name of the profile is too long");
  return JC_OK;
}

/* The search for the newest profile that fits. */
struct search {
  const struct jc_machine *machine;
  enum jc_precision precision;
  uint32_t threads;
  char newest[PATH_MAX]; /* "": none yet */
  char newest_date[32];
  uint32_t other_threads; /* of a profile that fits but for its threads; 0: none */
  uint32_t others, unreadable;
};

static void consider(const char *path, struct jc_profile *scratch, struct search *search) {
  struct jc_error ignored = {0};
  if (jc_profile_read(path, scratch, &ignored) != JC_OK) {
    search->unreadable++;
  } else if (!same_machine(&scratch->machine, search->machine) ||
             scratch->phase != JC_RUN_TRAINING || scratch->precision != search->precision) {
    search->others++;
  } else if (search->threads != 0 && scratch->threads != search->threads) {
    search->other_threads = scratch->threads;
  } else if (search->newest[0] == '\0' || strcmp(scratch->date, search->newest_date) > 0) {
    snprintf(search->newest, sizeof(search->newest), "%s", path);
    snprintf(search->newest_date, sizeof(search->newest_date), "%s", scratch->date);
  }
}

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* A folder that does not exist holds no profile, which is no error. */
static enum jc_status search_folder(const char *folder, struct search *search,
                                    struct jc_error *error) {
  DIR *directory = opendir(folder);
  if (directory == NULL && errno != ENOENT && errno != ENOTDIR) {
    jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot read: %s", strerror(errno));
    jc_error_name_file(error, folder);
  }
  struct jc_profile *scratch = directory != NULL ? malloc(sizeof(*scratch)) : NULL;
  if (directory != NULL && scratch == NULL)
    jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  while (scratch != NULL) {
    const struct dirent *entry = readdir(directory);
    char path[PATH_MAX];
    if (entry == NULL)
      break;
    const int written = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
    if (ends_with(entry->d_name, ".json") && written > 0 && (size_t)written < sizeof(path))
      consider(path, scratch, search);
  }
  free(scratch);
  if (directory != NULL)
    closedir(directory);
  return error->status;
}

static enum jc_status none_found(const char *folder, const struct search *search,
                                 struct jc_error *error) {
  if (search->other_threads != 0)
    return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                   "no profile of this machine for %u threads (there is one for %u); run "
                   "`joulecast calibrate --threads %u`, or use `--method roofline`",
                   search->threads, search->other_threads, search->threads);
  if (search->others + search->unreadable > 0)
    return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                   "no profile for this machine in %.200s (%u for other machines, %u unreadable or "
                   "of another version); run `joulecast calibrate`, or use `--method roofline`",
                   folder, search->others, search->unreadable);
  return jc_fail(error, JC_ERROR_MISSING, 0, NULL,
                 "no profile for this machine; run `joulecast calibrate`, or use "
                 "`--method roofline`");
}

enum jc_status jc_profile_find_default(const struct jc_machine *machine,
                                       enum jc_precision precision, uint32_t threads, char *path,
                                       size_t size, struct jc_error *error) {
  char folder[PATH_MAX];
  struct search search = {.machine = machine, .precision = precision, .threads = threads};
  if (jc_profile_default_folder(folder, sizeof(folder), error) != JC_OK ||
      search_folder(folder, &search, error) != JC_OK)
    return error->status;
  if (search.newest[0] == '\0')
    return none_found(folder, &search, error);
  if (strlen(search.newest) >= size)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "the name of the profile is too long");
  snprintf(path, size, "%s", search.newest);
  return JC_OK;
}
