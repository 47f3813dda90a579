/* resume.c -- which networks of the plan stand in the samples file already. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calibrate/session.h"
#include "estimator/json.h"

/* A sample in the file that this calibration cannot go on from; the remedy is the user's choice,
 * since mixing would spoil both. */
static enum jc_status check_resumable(const struct session *s, const struct jc_sample *sample,
                                      struct jc_error *error) {
  struct jc_sample ours;
  jc_sample_start(&ours);
  session_describe_conditions(s, &ours);
  const char *difference = jc_sample_difference(&ours, sample);
  if (difference == NULL && sample->forced && !s->options->force)
    difference = "a forced calibration (--force)";
  jc_sample_free(&ours);
  if (difference == NULL)
    return JC_OK;
  return jc_fail(error, JC_ERROR_MISMATCH, 0, sample->id,
                 "holds a sample of %s: give --fresh to set the file aside, or another "
                 "--samples-file",
                 difference);
}

/* NODE as one line; NULL if out of memory. To be freed. */
static char *line_of(const struct jc_json_node *node) {
  struct jc_json_writer writer;
  struct jc_error error = {0};
  char *text = NULL;
  size_t length = 0;
  jc_put_start(&writer, JC_JSON_COMPACT);
  jc_put_node(&writer, NULL, node);
  (void)jc_put_finish(&writer, &text, &length, &error);
  return text;
}

/* Plans of other versions of the program have the same ids, but other networks. */
static bool is_entry(const struct jc_plan_entry *entry, const struct jc_sample *sample) {
  struct jc_sample ours;
  struct jc_error error = {0};
  if (strcmp(entry->id, sample->id) != 0 || entry->batch_size != sample->run.batch_size)
    return false;
  jc_sample_start(&ours);
  bool same = false;
  if (jc_sample_set_model_text(&ours, entry->model_json, strlen(entry->model_json), &error) ==
      JC_OK) {
    char *a = line_of(ours.model), *b = line_of(sample->model);
    same = a != NULL && b != NULL && strcmp(a, b) == 0;
    free(a);
    free(b);
  }
  jc_sample_free(&ours);
  return same;
}

static void mark(struct session *s, const struct jc_sample *sample) {
  uint32_t i = 0;
  while (i < s->plan.count && !is_entry(&s->plan.entries[i], sample))
    i++;
  if (i == s->plan.count) {
    s->result->foreign++;
    return;
  }
  struct network_state *network = &s->networks[i];
  network->disturbed = jc_sample_is_disturbed(sample);
  if (network->disturbed)
    return;
  s->result->resumed += network->done ? 0 : 1;
  network->done = true;
  network->median_s = sample->step_median_s;
  if (network->first_s == 0)
    network->first_s = sample->step_median_s;
  if (sample->block == JC_BLOCK_ENERGY && !network->energy) {
    network->energy = true;
    s->result->energy_networks++;
  }
  sentinels_offer(s, i);
}

static enum jc_status set_aside(const char *path, struct jc_error *error) {
  char aside[4096];
  unsigned number = 1;
  do
    snprintf(aside, sizeof(aside), "%s.old%u", path, number++);
  while (access(aside, F_OK) == 0);
  if (rename(path, aside) != 0)
    return jc_fail(error, JC_ERROR_IO, 0, NULL, "%s: cannot rename to %.200s: %s", path, aside,
                   strerror(errno));
  return JC_OK;
}

enum jc_status session_resume(struct session *s, struct jc_error *error) {
  const char *path = s->options->samples_path;
  struct jc_samples_reader reader;
  struct jc_sample sample;
  bool more = false;
  if (access(path, F_OK) != 0)
    return JC_OK;
  if (s->options->fresh)
    return set_aside(path, error);
  if (jc_samples_mend(path, &s->result->torn, error) != JC_OK ||
      jc_samples_open(path, &reader, error) != JC_OK)
    return error->status;
  while (jc_samples_next(&reader, &sample, &more, error) == JC_OK && more) {
    if (check_resumable(s, &sample, error) == JC_OK)
      mark(s, &sample);
    else
      jc_error_name_file(error, path);
    jc_sample_free(&sample);
    if (jc_error_is_set(error))
      break;
  }
  jc_samples_close(&reader);
  return error->status;
}
