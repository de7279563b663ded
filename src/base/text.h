/* Small text helpers. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

/* Edit distance (Levenshtein: insertions, deletions, substitutions) of two texts, of which the first 255 bytes count. */
size_t text_distance(const char *a, const char *b);

/* The name nearest to `wanted` by edit distance, the first of equals; NULL when n is 0. */
const char *text_nearest(const char *wanted, const char *const *names, size_t n);

#endif
