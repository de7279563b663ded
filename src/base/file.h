/* Files that are opened by their name. A name is not believed: what stands there may be a pipe or a device, which would
 * make a program wait for ever, or do something to a machine. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/status.h"

#include <stdio.h>

/* Opens a regular file, with the flags of open(); O_CREAT makes one. Error IO: it cannot be opened, or is none. */
MUSTER_CHECKED muster_status file_open(const char *path, int flags, int *file);

/* The same as a stream to read from ("r") or to read and write ("r+"). */
MUSTER_CHECKED muster_status file_open_stream(const char *path, const char *mode, FILE **stream);

#endif
