/* The gradient of a minibatch as the sum of its micro-batches' gradients, by one learner or by several together: the
 * same bits in either case. A micro-batch has a gradient and a few terms (sums of losses), added up in the same tree.
 */
#ifndef ALGO_GRADIENT_SUM_H
#define ALGO_GRADIENT_SUM_H

#include "algo/learner_group.h"
#include "algo/micro_batches.h"
#include "base/arena.h"
#include "nn/layer.h"

#include <stdint.h>

struct gradient_sum {
  const struct learner_group *group;     /* borrowed; NULL: alone */
  size_t first, count, terms;            /* the part of the parameters that a gradient has; terms */
  void *level[MICRO_BATCHES_LEVELS + 1]; /* room for the sum of a right half at each level of the tree, and below it */
  double *group_terms;                   /* [LINEAR_GROUPS, terms] of the groups that are summed now */
  size_t most_rows;                      /* of groups that are summed at once: BLOCK_ROWS unless set afterwards */
  char *partial_sums;                    /* [2, most_sums], which the group shares, used by turns; NULL: alone */
  size_t most_sums;
  uint32_t sums; /* so far */
};

/* Adds the gradient of samples first .. first + n - 1 of the minibatch to `gradient`, and their terms to `terms`
 * [terms]. `gradient` is laid out as the parameter block, of which there is nothing but the sum's part. */
typedef void (*gradient_of_samples)(void *context, size_t first, size_t n, float *gradient, double *terms);

/* The other form, for several micro-batches at once: fills `gradient` with the sum over the tree of these groups of
 * samples, from `first` on (model_backward_groups()), and adds the terms of group i to terms + i * sum->terms. */
typedef void (*gradient_of_groups)(void *context, size_t first, const struct linear_groups *groups, float *gradient,
                                   double *terms);

/* Sums of gradients of `count` parameters, from the first one of the block on; `first` may be set afterwards.
 * Collective over the group. */
MUSTER_CHECKED muster_status gradient_sum_create(const struct learner_group *group, size_t count, size_t terms,
                                                 struct arena *arena, struct gradient_sum *sum);

/* The sums over a minibatch of so many samples, into `gradient` [count] and `terms`, on every member. Collective over
 * the group. */
MUSTER_CHECKED muster_status gradient_sum_make(struct gradient_sum *sum, size_t samples, gradient_of_samples add,
                                               void *context, float *gradient, double *terms);
MUSTER_CHECKED muster_status gradient_sum_make_of_groups(struct gradient_sum *sum, size_t samples,
                                                         gradient_of_groups find, void *context, float *gradient,
                                                         double *terms);

#endif
