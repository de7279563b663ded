/* Files that are either whole or not there: written beside their place, brought to the disk, then renamed onto it. */
#ifndef STORE_DURABLE_H
#define STORE_DURABLE_H

#include "base/status.h"

#include <stddef.h>

/* Room for every path that this room builds, with its terminating zero. */
#define DURABLE_PATH_SIZE 4096

/* Makes `path` hold exactly these bytes: temporary file ".<name>.<pid>.tmp" in the same folder, fsync, rename, fsync of
 * the folder. Error IO with the system's reason; the temporary file is removed then and the old file is untouched (but
 * when only the last step failed, the new file stands and the message says what is uncertain). */
MUSTER_CHECKED muster_status durable_write(const char *path, const void *bytes, size_t size);

/* Makes `link` a symbolic link to `target` in one step, whatever link stood there before. */
MUSTER_CHECKED muster_status durable_symlink(const char *target, const char *link);

/* Brings renames and removals in a folder to the disk. */
MUSTER_CHECKED muster_status durable_sync_folder(const char *folder);

/* Removes the temporary files of this module whose names start with one of `starts` (".<name>.", ended by NULL): what
 * writers left that were killed. The caller is the folder's only writer: whether another one lives is not asked, since
 * its process number may be a zombie's, another program's or one of another host. Other names are left alone. */
MUSTER_CHECKED muster_status durable_remove_leftovers(const char *folder, const char *const *starts);

#endif
