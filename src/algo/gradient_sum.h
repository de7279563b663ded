/* The gradient of a minibatch as the sum of its shards' gradients, by one learner or by several together: the same bits
 * in either case. Beside a gradient a shard has a few terms (sums of losses), which are added up in the same tree. */
#ifndef ALGO_GRADIENT_SUM_H
#define ALGO_GRADIENT_SUM_H

#include "algo/learner_group.h"
#include "algo/shards.h"
#include "base/arena.h"

#include <stdint.h>

struct gradient_sum {
  const struct learner_group *group; /* borrowed; NULL: alone */
  size_t count, terms;               /* floats of a gradient; terms */
  void *level[SHARDS_LEVELS];        /* right halves of blocks of the tree, a record each */
  char *leaves;                      /* [2, leaves] records that the group shares, used by turns; NULL: alone */
  size_t most_leaves;
  uint32_t sums; /* so far */
};

/* Adds the gradient of samples first .. first + n - 1 of the minibatch to `gradient` [count] and their terms to `terms`
 * [terms]. */
typedef void (*gradient_of_samples)(void *context, size_t first, size_t n, float *gradient, double *terms);

/* Collective over the group. */
MUSTER_CHECKED muster_status gradient_sum_create(const struct learner_group *group, size_t count, size_t terms,
                                                 struct arena *arena, struct gradient_sum *sum);

/* The sums over a minibatch of so many samples, into `gradient` and `terms`, on every member. Collective over the
 * group.
 */
MUSTER_CHECKED muster_status gradient_sum_make(struct gradient_sum *sum, size_t samples, gradient_of_samples add,
                                               void *context, float *gradient, double *terms);

#endif
