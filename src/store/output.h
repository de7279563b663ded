/* Files that a user asks for by name: pictures and pages. They never overwrite a file of the user's without
 * permission. */
#ifndef STORE_OUTPUT_H
#define STORE_OUTPUT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Every file that a command of muster makes has this text within its first or last OUTPUT_MARK_REACH bytes, in a
 * comment of the file's format: such a file may be replaced without asking. */
#define OUTPUT_MARK "made by muster, which may replace it"
#define OUTPUT_MARK_REACH 4096

struct output_request {
  const char *option; /* the option that gave the path: "--output" */
  const char *path;
  bool force; /* whether a file of the user's is replaced, too */
};

/* Checks, before the work is done, whether output_write() may write there. Errors: USAGE (the path is a folder, or a
 * file that is not empty and has no mark, without `force`), IO (the folder of the path does not exist or cannot be
 * written into), each with the option and the path. */
MUSTER_CHECKED muster_status output_check(const struct output_request *request);

/* Checks the same, and writes. A device, FIFO or terminal is written to and stays what it is, as are standard output
 * and standard error, by whatever name. A regular file is replaced as by durable_write(), completely or not at all; for
 * a symbolic link this is the file that it leads to. Error IO with the system's reason. */
MUSTER_CHECKED muster_status output_write(const struct output_request *request, const void *bytes, size_t size);

/* Whether the path leads to standard output, where nothing else may be written then. */
bool output_is_stdout(const char *path);

/* Whether the path exists and is no regular file. */
bool output_is_special(const char *path);

#endif
