/* Files that are either complete or do not exist: written under a temporary name in the same folder, brought to the
 * disk, then renamed. */
#ifndef STORE_DURABLE_H
#define STORE_DURABLE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Room for every path that this module builds, with its terminating zero. */
#define DURABLE_PATH_SIZE 4096

/* Makes `path` hold exactly these bytes: temporary file ".<name>.<pid>.tmp" in the same folder, fsync, rename, fsync of
 * the folder. Error IO with the system's reason; the temporary file is removed then and the old file is untouched (but
 * when only the last step failed, the new file is there, and the message says what is uncertain). */
MUSTER_CHECKED muster_status durable_write(const char *path, const void *bytes, size_t size);

/* Writes all bytes to an open file, device or pipe. Error IO with the system's reason; `path` is for the message. */
MUSTER_CHECKED muster_status durable_write_through(int file, const char *path, const void *bytes, size_t size);

/* Makes `alias` a second name of the file `name` in the same folder, in one step, and replaces what was there. With
 * `follows` it is a symbolic link; without, or where the file system has no symbolic links, a hard link, which stays
 * when `name` is removed; where there are no hard links either, a copy. The temporary file is ".<alias>.<pid>.tmp".
 * Error IO. */
MUSTER_CHECKED muster_status durable_alias(const char *folder, const char *name, const char *alias, bool follows);

/* Brings renames and removals in a folder to the disk. */
MUSTER_CHECKED muster_status durable_sync_folder(const char *folder);

/* Removes the temporary files of this module whose names start with one of `starts` (".<name>.", ended by NULL), which
 * writers left when they were killed. The caller must be the folder's only writer: it is not checked whether the writer
 * of a file still lives, since its process number may belong to a zombie, to another program or to another host. Files
 * with other names stay. */
MUSTER_CHECKED muster_status durable_remove_leftovers(const char *folder, const char *const *starts);

#endif
