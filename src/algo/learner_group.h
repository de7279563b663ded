/* Learners that share an update. Each computes the gradients of its micro-batches of every minibatch
 * (algo/micro_batches.h), all get the same sums in the same order, and so all hold the same parameters. An algorithm
 * knows no MPI: it is handed these operations, and where it learns alone a NULL instead.
 *
 * The memory is shared by the learners of a node. Members write to ranges of it that are theirs, and after a gather
 * every member can read the ranges of all. */
#ifndef ALGO_LEARNER_GROUP_H
#define ALGO_LEARNER_GROUP_H

#include "muster/status.h"

#include <stddef.h>

#define LEARNER_GROUP_MAX 64 /* members */

struct learner_group {
  size_t size, index; /* members, and the number of this one */
  void *context;
  /* Zeroed memory of so many bytes, the same on all members, which lives as long as the group. Collective. */
  muster_status (*share)(void *context, size_t bytes, void **memory);
  /* Waits for all members; then the bytes offsets[i] .. offsets[i + 1] behind `memory`, which member i has written, can
   * be read by all. offsets [size + 1] ascending; NULL: all only meet. Collective. */
  muster_status (*gather)(void *context, void *memory, const size_t *offsets);
  /* Waits for all members that share memory with this one: then they can read what each has written there. All members
   * make the same calls of a group in the same order. Collective. */
  muster_status (*meet_on_node)(void *context);
  size_t node_size, node_index; /* how many these are, and the number of this one among them */
};

/* Members of a group; 1 where there is none. And the number of this one. */
static inline size_t learner_group_size(const struct learner_group *group) { return group != NULL ? group->size : 1; }
static inline size_t learner_group_index(const struct learner_group *group) { return group != NULL ? group->index : 0; }

/* The part of n things that member i has: those from here to where the part of member i + 1 begins. */
static inline size_t learner_group_part(const struct learner_group *group, size_t n, size_t i) {
  return n * i / learner_group_size(group);
}

#endif
