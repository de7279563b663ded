/* Copies of a few bytes whose number is not known when the program is built: in pieces of fixed sizes, which is faster
 * than a call of memcpy(). */
#ifndef BASE_COPY_H
#define BASE_COPY_H

#include <stddef.h>
#include <string.h>

/* From this many bytes on memcpy() is as fast. */
#define COPY_FEW 256

static inline void copy_piece(char **to, const char **from, size_t bytes) {
  memcpy(*to, *from, bytes);
  *to += bytes;
  *from += bytes;
}

/* Copies `bytes` bytes between places that do not overlap. */
static inline void copy_bytes(void *to, const void *from, size_t bytes) {
  char *target = to;
  const char *source = from;
  if (bytes > COPY_FEW) {
    memcpy(target, source, bytes);
    return;
  }
  for (size_t left = bytes; left >= 16; left -= 16) copy_piece(&target, &source, 16);
  if (bytes & 8) copy_piece(&target, &source, 8);
  if (bytes & 4) copy_piece(&target, &source, 4);
  if (bytes & 2) copy_piece(&target, &source, 2);
  if (bytes & 1) copy_piece(&target, &source, 1);
}

#endif
