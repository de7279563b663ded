/* A file that grows piece by piece. Pieces that cannot be written wait in memory, and no incomplete piece stays in the
 * file. */
#ifndef STORE_APPENDER_H
#define STORE_APPENDER_H

#include "base/status.h"

#include <stddef.h>
#include <sys/types.h>

struct appender {
  char *path;              /* owned */
  int file;                /* -1: not open */
  off_t end;               /* bytes of the complete pieces in the file */
  char *waiting;           /* owned, [capacity]: pieces that are not in the file yet, one after the other */
  size_t length, capacity; /* bytes of the pieces that wait, and room for such bytes */
};

/* Opens or makes the file, with room for one piece of `size` bytes to wait. `end` becomes 0; the caller sets it. Call
 * appender_close() also after an error IO or MEMORY. */
MUSTER_CHECKED muster_status appender_open(struct appender *appender, const char *path, size_t size);
void appender_close(struct appender *appender);

/* Makes room for a piece of at most `size` bytes after those that wait. The caller writes the piece to *room, and then
 * calls appender_add() with its length. Error MEMORY. */
MUSTER_CHECKED muster_status appender_reserve(struct appender *appender, size_t size, char **room);
void appender_add(struct appender *appender, size_t length);

/* Writes the pieces that wait, in one write. On error IO the file is cut back to the earlier pieces, and these go on
 * waiting.
 */
MUSTER_CHECKED muster_status appender_flush(struct appender *appender);
/* The same, and brings the file to the disk. */
MUSTER_CHECKED muster_status appender_sync(struct appender *appender);
/* Replaces the last piece of the file, which begins at `at`, by another one, in one write; no piece may wait. On error
 * IO the file stays as it was. */
MUSTER_CHECKED muster_status appender_replace(struct appender *appender, off_t at, const char *piece, size_t length);
/* Cuts the file back to its first `end` bytes. */
MUSTER_CHECKED muster_status appender_cut(struct appender *appender, off_t end);

#endif
