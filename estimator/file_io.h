/* file_io.h -- whole files in, whole files out: nothing half-written, nothing finished lost.
 *
 * Errors are JC_ERROR_IO with the file's name and the system's reason:
 *   results.json: cannot write: No space left on device
 */
#ifndef JC_ESTIMATOR_FILE_IO_H
#define JC_ESTIMATOR_FILE_IO_H

#include <stddef.h>
#include <stdint.h>

#include "estimator/error.h"

/* Largest file that jc_file_read() takes, in bytes: 256 MiB. */
enum { JC_MAX_FILE_BYTES = 1 << 28 };

/* Reads all of PATH ("-": standard input) into *text, malloc'ed and NUL-terminated after *length
 * bytes. Pipes and /proc files, which do not know their size, are fine; directories and files
 * beyond JC_MAX_FILE_BYTES are errors; *text is then NULL. Out of memory: JC_ERROR_STORAGE. */
enum jc_status jc_file_read(const char *path, char **text, size_t *length, struct jc_error *error);

/* PATH as messages name it: "<stdin>" for "-". */
const char *jc_file_shown_name(const char *path);

/* Replaces PATH by LENGTH bytes of TEXT, all or nothing: written under a temporary name beside it,
 * synced, renamed, and the folder synced. A symbolic link is followed, an existing file keeps its
 * permissions. What is no regular file (/dev/stdout, a pipe) is written in place. */
enum jc_status jc_file_write(const char *path, const char *text, size_t length,
                             struct jc_error *error);

/* Appends LENGTH bytes of TEXT, which has no newline, and a newline to PATH, created if absent, and
 * syncs it: when this returns JC_OK, the line survives a power cut. If it cannot be written whole,
 * the file is cut back to its old size. Should the file not end in a newline, the old last line is
 * ended first, so that the new one stands by itself. Appenders lock each other out. */
enum jc_status jc_file_append_line(const char *path, const char *text, size_t length,
                                   struct jc_error *error);

/* Shortens PATH to LENGTH bytes and syncs it: for a last line torn by a crash. */
enum jc_status jc_file_cut(const char *path, uint64_t length, struct jc_error *error);

/* Makes the folders that PATH stands in, as mkdir -p does. */
enum jc_status jc_file_make_parents(const char *path, struct jc_error *error);

/* Where NAME of this user is kept: "$VARIABLE/joulecast/NAME", or "~/FALLBACK/joulecast/NAME" where
 * VARIABLE is unset or not absolute, as the XDG base directory specification has it. It need not be
 * there. JC_ERROR_MISSING: HOME is not set either; JC_ERROR_STORAGE: SIZE is too small. */
enum jc_status jc_file_user_path(const char *variable, const char *fallback, const char *name,
                                 char *path, size_t size);

#endif
