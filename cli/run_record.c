/* run_record.c -- the common beginning of records. */
#include "cli/run_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum jc_status run_record_prepare(const char *path, struct jc_error *error) {
  bool torn = false;
  if (path == NULL)
    return JC_OK;
  const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) {
    (void)jc_fail(error, JC_ERROR_IO, 0, NULL, "cannot write: %s", strerror(errno));
    jc_error_name_file(error, path);
    return error->status;
  }
  close(file);
  return jc_samples_mend(path, &torn, error);
}

void run_record_start(struct jc_sample *sample, const struct jc_meter_info *meter,
                      const struct jc_machine *machine) {
  const time_t now = time(NULL);
  struct tm utc;
  jc_sample_start(sample);
  gmtime_r(&now, &utc);
  strftime(sample->date, sizeof(sample->date), "%Y-%m-%dT%H:%M:%SZ", &utc);
  sample->machine = *machine;
  snprintf(sample->meter.name, sizeof(sample->meter.name), "%s", meter->name);
  snprintf(sample->meter.domain, sizeof(sample->meter.domain), "%.*s",
           (int)sizeof(sample->meter.domain) - 1, meter->domain);
  sample->meter.measured = meter->measured;
}
