/* A file that only grows, piece by piece: what cannot be written waits in memory, and the file never keeps a torn
 * piece. */
#ifndef STORE_APPENDER_H
#define STORE_APPENDER_H

#include "base/status.h"

#include <stddef.h>
#include <sys/types.h>

struct appender {
  char *path;              /* owned */
  int file;                /* -1: not open */
  off_t end;               /* bytes of the whole pieces in the file */
  char *waiting;           /* owned, [capacity]: pieces that are not in the file yet, one after the other */
  size_t length, capacity; /* bytes that wait; room for them */
};

/* Opens or makes the file, with room for one piece of `size` bytes to wait; `end` is 0, for the caller to set. On error
 * IO or MEMORY appender_close() is still to be called. */
MUSTER_CHECKED muster_status appender_open(struct appender *appender, const char *path, size_t size);
void appender_close(struct appender *appender);

/* Makes room for a piece of at most `size` bytes behind those that wait; the caller fills it at *room and then calls
 * appender_add() with its length. Error MEMORY. */
MUSTER_CHECKED muster_status appender_reserve(struct appender *appender, size_t size, char **room);
void appender_add(struct appender *appender, size_t length);

/* Writes the pieces that wait, in one write. On error IO the file is cut back to the pieces before, and they wait on.
 */
MUSTER_CHECKED muster_status appender_flush(struct appender *appender);
/* The same, and brings the file to the disk. */
MUSTER_CHECKED muster_status appender_sync(struct appender *appender);
/* Writes a piece over what the file holds from `at` on, its last piece, in one write; no piece may wait. On error IO
 * the file is what it was. */
MUSTER_CHECKED muster_status appender_replace(struct appender *appender, off_t at, const char *piece, size_t length);
/* Cuts the file back to its first `end` bytes. */
MUSTER_CHECKED muster_status appender_cut(struct appender *appender, off_t end);

#endif
