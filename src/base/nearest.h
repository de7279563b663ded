/* The known name that a wrong one was meant to be. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* Edits (insert, delete, replace a byte) that turn a into b (Levenshtein 1966), without regard to case; of longer texts
 * the first 255 bytes count. */
size_t edit_distance(const char *a, const char *b);

/* The name nearest to a wanted one among those that were offered; the first among equals. */
struct nearest {
  const char *wanted; /* borrowed */
  const char *name;   /* the best so far, borrowed; NULL before the first offer */
  size_t distance;
};

struct nearest nearest_start(const char *wanted);
void nearest_offer(struct nearest *nearest, const char *name);

#endif
