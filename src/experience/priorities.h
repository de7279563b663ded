/* Priorities of the slots of a replay, from which slots are drawn in proportion (Schaul et al. 2016, section 3.3): a
 * tree of sums, whose leaves are the slots.
 *
 * Priorities are 64-bit integers. So every sum is exact: it depends neither on the order in which priorities were set
 * nor on which rank set them, and never has to be computed anew.
 *
 * A node has eight children, whose sums fill one cache line. */
#ifndef EXPERIENCE_PRIORITIES_H
#define EXPERIENCE_PRIORITIES_H

#include "base/arena.h"

#include <stdint.h>

#define PRIORITIES_MAX_LEVELS 22

/* The integer for 1. The largest priority is such that the sum of all leaves fits into 64 bits. */
#define PRIORITY_ONE (UINT64_C(1) << 32)

struct priorities {
  size_t leaves;
  int levels;
  uint64_t largest;                       /* allowed for a leaf */
  uint64_t *level[PRIORITIES_MAX_LEVELS]; /* [0]: the leaves; each entry of a level is the sum of eight below it */
};

/* Makes a tree of that many leaves, all 0. USAGE error where there are too many. */
MUSTER_CHECKED muster_status priorities_create(size_t leaves, struct arena *arena, struct priorities *priorities);

/* A priority as an integer: rounded, at least 1 unless it is 0, at most the largest. `priority` >= 0, not NAN. */
uint64_t priorities_round(const struct priorities *priorities, double priority);

void priorities_set(struct priorities *priorities, size_t leaf, uint64_t priority);

static inline uint64_t priorities_get(const struct priorities *priorities, size_t leaf) {
  return priorities->level[0][leaf];
}

/* The sum of all. */
uint64_t priorities_sum(const struct priorities *priorities);

/* The leaves at n places, 0 <= place < sum, where every leaf takes as many places as its priority, in the order of
 * leaves. Places that ascend are found faster. places[n] are changed. */
void priorities_find(const struct priorities *priorities, size_t n, uint64_t *places, uint64_t *leaves);

/* Computes all sums from the leaves, after these were written as a whole. */
void priorities_add_up(struct priorities *priorities);

#endif
