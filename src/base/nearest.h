/* Finds the known name that a misspelt one was probably meant to be. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* Edits (insert, delete, replace a byte) that turn a into b (Levenshtein 1966), without regard to case; of a longer
 * text only the first 255 bytes count. */
size_t edit_distance(const char *a, const char *b);

#define NEAREST_NAMES_SIZE 512

/* The name nearest to a wanted one among those that were offered; the first among equals. */
struct nearest {
  const char *wanted; /* borrowed */
  const char *name;   /* the best so far, borrowed; NULL before the first offer */
  size_t distance;
  char names[NEAREST_NAMES_SIZE]; /* all that were offered, "'a', 'b'"; ends with "..." where there are too many */
};

struct nearest nearest_start(const char *wanted);
void nearest_offer(struct nearest *nearest, const char *name);

/* Whether that name is near enough to be suggested: at most a third of the wanted one's letters, plus one, are wrong,
 * and no more than half of them. */
bool nearest_is_near(const struct nearest *nearest);

/* How a message about an unknown name ends: "the nearest one is 'NAME'" where one is near, else "there are 'NAME',
 * ...". Returned by value, so that it can be used inside the expression of the message. */
struct nearest_advice {
  char text[NEAREST_NAMES_SIZE + 64];
};
struct nearest_advice nearest_advise(const struct nearest *nearest);

#endif
