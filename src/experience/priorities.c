#include "experience/priorities.h"

#include <math.h>

enum { CHILDREN = 8 };

static size_t round_up(size_t n) { return (n + CHILDREN - 1) / CHILDREN * CHILDREN; }

muster_status priorities_create(size_t leaves, struct arena *arena, struct priorities *priorities) {
  *priorities = (struct priorities){.leaves = leaves, .largest = UINT64_MAX / (leaves > 0 ? leaves : 1)};
  if (priorities->largest < PRIORITY_ONE)
    return status_error(MUSTER_ERROR_USAGE, "algorithm.buffer_size: %zu priorities are too many", leaves);
  size_t entries = leaves;
  do {
    if (priorities->levels > 0) entries = round_up(entries) / CHILDREN;
    MUSTER_TRY(arena_take_scattered(arena, round_up(entries), sizeof(uint64_t), "priorities",
                                    (void **)&priorities->level[priorities->levels]));
    priorities->levels++;
  } while (entries > 1 || priorities->levels < 2);
  return MUSTER_OK;
}

uint64_t priorities_round(const struct priorities *priorities, double priority) {
  if (priority == 0) return 0;
  const double scaled = nearbyint(priority * (double)PRIORITY_ONE);
  if (scaled >= (double)priorities->largest) return priorities->largest;
  return scaled < 1 ? 1 : (uint64_t)scaled;
}

void priorities_set(struct priorities *priorities, size_t leaf, uint64_t priority) {
  /* unsigned integers wrap round, so a difference below 0 is added like any other */
  const uint64_t change = priority - priorities->level[0][leaf];
  for (int i = 0; i < priorities->levels; i++, leaf /= CHILDREN) priorities->level[i][leaf] += change;
}

uint64_t priorities_sum(const struct priorities *priorities) { return priorities->level[priorities->levels - 1][0]; }

/* The child at a place below a node, whose place becomes that below the child. Without branches, since which child it
 * is cannot be foreseen. */
static inline size_t descend(const uint64_t child[CHILDREN], uint64_t *place) {
  uint64_t sum = 0, before = 0;
  size_t passed = 0;
  for (int k = 0; k < CHILDREN - 1; k++) {
    sum += child[k];
    const uint64_t is_passed = *place >= sum;
    passed += is_passed;
    before += child[k] & -is_passed;
  }
  *place -= before;
  return passed;
}

/* Level by level for all places, so that the processor waits for the memory of many at once. */
void priorities_find(const struct priorities *priorities, size_t n, uint64_t *places, uint64_t *leaves) {
  for (size_t i = 0; i < n; i++) leaves[i] = 0;
  for (int level = priorities->levels - 2; level >= 0; level--)
    for (size_t i = 0; i < n; i++) {
      const uint64_t *child = priorities->level[level] + leaves[i] * CHILDREN;
      leaves[i] = leaves[i] * CHILDREN + descend(child, &places[i]);
    }
}

void priorities_add_up(struct priorities *priorities) {
  size_t entries = round_up(priorities->leaves) / CHILDREN;
  for (int i = 1; i < priorities->levels; i++, entries = round_up(entries) / CHILDREN)
    for (size_t node = 0; node < entries; node++) {
      const uint64_t *child = priorities->level[i - 1] + node * CHILDREN;
      uint64_t sum = 0;
      for (int k = 0; k < CHILDREN; k++) sum += child[k];
      priorities->level[i][node] = sum;
    }
}
