/* sysfs.h -- small files of the kernel: a line, a count, and what a failure to read them means. */
#ifndef JC_CALIBRATE_SYSFS_H
#define JC_CALIBRATE_SYSFS_H

#include "calibrate/meter.h"

/* Any of the fixed paths below a root of 350 bytes fits. */
enum { JC_SYSFS_PATH = 512 };

/* ROOT (NULL: none), which stands for a machine, and PATH behind it. Returns BUFFER of
 * JC_SYSFS_PATH bytes. */
const char *jc_sysfs_join(const char *root, const char *path, char *buffer);

/* Reads the beginning of an open file into BUFFER, terminated. Returns its length or -errno. */
int jc_sysfs_read_open(int fd, char *buffer, size_t size);

/* The same for file PATH below the open folder FOLDER (AT_FDCWD: the current one). */
int jc_sysfs_read_at(int folder, const char *path, char *buffer, size_t size);

/* Reads the first line of PATH, printable, without its newline. Returns its length or -errno. */
int jc_sysfs_read_line(const char *path, char *line, size_t size);

/* TEXT is digits and a newline, as the kernel writes them: without the newline it is cut short. */
bool jc_sysfs_parse_count(const char *text, uint64_t *count);

/* Cuts TEXT at its first newline and replaces what a terminal could obey. */
void jc_sysfs_make_printable(char *text);

/* A file with a count that is read again and again. */
struct jc_sysfs_counter {
  int fd;        /* -1: not open */
  char name[64]; /* "intel-rapl:0/energy_uj", for messages */
};

/* Opens PATH below FOLDER as COUNTER, whose name is set, and reads it once. What is wrong goes to
 * STATE and DETAIL of FACTS, which otherwise stay as they are. */
void jc_sysfs_open_counter(int folder, const char *path, const char *meter,
                           struct jc_sysfs_counter *counter, struct jc_meter_counter *facts);

/* Fails with JC_ERROR_UNAVAILABLE, in the name of METER. */
enum jc_status jc_sysfs_read_counter(const struct jc_sysfs_counter *counter, const char *meter,
                                     uint64_t *count, struct jc_error *error);

void jc_sysfs_close_counter(struct jc_sysfs_counter *counter);

/* JC_METER_PERMISSION, or JC_METER_UNREADABLE. */
enum jc_meter_state jc_sysfs_state_of(int code);

#endif
