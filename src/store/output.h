/* Files that a user asks for by name: pictures and pages. Nothing of the user's is lost to them. */
#ifndef STORE_OUTPUT_H
#define STORE_OUTPUT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Stands within the first or the last OUTPUT_MARK_REACH bytes of every file that a command of muster makes, in a
 * comment of the file's format: such a file may be replaced without asking. */
#define OUTPUT_MARK "made by muster, which may replace it"
#define OUTPUT_MARK_REACH 4096

struct output_request {
  const char *option; /* what named it: "--output" */
  const char *path;
  bool force; /* replaces a user's file, too */
};

/* What need not be found out after the work: whether output_write() may write there. Errors: USAGE (a folder; a file
 * with something in it that has no mark, where `force` is not given), IO (a folder that is not there or that cannot be
 * written into), each with the option and the path. */
MUSTER_CHECKED muster_status output_check(const struct output_request *request);

/* The same, and writes. What is no regular file, a device, FIFO or terminal, is written through and stays what it is;
 * so are standard output and standard error, by whatever name. A regular file is replaced as durable_write() does,
 * whole or not at all; of a symbolic link, the file that it leads to. Error IO with the system's reason. */
MUSTER_CHECKED muster_status output_write(const struct output_request *request, const void *bytes, size_t size);

/* Whether the path leads to standard output, where nothing else may be written then. */
bool output_is_stdout(const char *path);

/* Whether something stands there that is no regular file. */
bool output_is_special(const char *path);

#endif
