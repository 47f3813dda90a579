/* run_journal.h -- a run that is not over, kept beside the file it will be recorded in.
 *
 *   struct jc_run_journal journal;
 *   jc_run_journal_recover("runs.jsonl", &n, error);       first: runs whose joulecast was killed
 *   jc_run_journal_name("runs.jsonl", &journal, error);
 *   jc_run_journal_keep(&journal, &sample, error);         again and again
 *   ... append the run to runs.jsonl ...
 *   jc_run_journal_remove(&journal);
 *
 * The journal is RUNS.HOST.PID.START.journal, one line of joulecast.run/1, what the run had used so
 * far, replaced whole each time and synced. START is when the process began (ticks since boot), so
 * that the process of a journal is known to live or not although numbers are used again. Another
 * host's journals are left alone.
 */
#ifndef JC_CALIBRATE_RUN_JOURNAL_H
#define JC_CALIBRATE_RUN_JOURNAL_H

#include <limits.h>

#include "estimator/samples_file.h"

struct jc_run_journal {
  char path[PATH_MAX];
  bool kept; /* the file is there */
};

/* Appends what dead processes of this host left in journals of PATH to it, but for what stands
 * there already, removes these, and tells how many it added. A journal that cannot be read is left,
 * and is an error, as is a folder that cannot: JC_ERROR_IO, JC_ERROR_INVALID. jc_samples_mend()
 * PATH first.
 */
enum jc_status jc_run_journal_recover(const char *path, uint32_t *count, struct jc_error *error);

/* This process's journal of PATH; nothing is written. JC_ERROR_STORAGE: the name is too long. */
enum jc_status jc_run_journal_name(const char *path, struct jc_run_journal *journal,
                                   struct jc_error *error);

/* JC_ERROR_IO, JC_ERROR_STORAGE. */
enum jc_status jc_run_journal_keep(struct jc_run_journal *journal, const struct jc_sample *sample,
                                   struct jc_error *error);

void jc_run_journal_remove(struct jc_run_journal *journal);

#endif
