/* Opening files by name. The name may lead to a pipe or a device, which would make the program wait for ever or do
 * something to the machine: only regular files are opened. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/status.h"

#include <stdio.h>

/* Opens a regular file, with the flags of open(); O_CREAT makes one. Error IO: it cannot be opened, or is not a regular
 * file. */
MUSTER_CHECKED muster_status file_open(const char *path, int flags, int *file);

/* The same as a stream to read from ("r") or to read and write ("r+"). */
MUSTER_CHECKED muster_status file_open_stream(const char *path, const char *mode, FILE **stream);

#endif
