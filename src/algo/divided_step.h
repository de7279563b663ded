/* A step of the optimizer that the learners of a node divide: each moves a part of the parameters, and takes over from
 * the others what they have moved. Every parameter is moved by itself, so the bits are those of one learner. The
 * moments are in memory that they share: each has them all, as a checkpoint needs them. */
#ifndef ALGO_DIVIDED_STEP_H
#define ALGO_DIVIDED_STEP_H

#include "algo/learner_group.h"
#include "nn/optimizer.h"

/* Steps of fewer parameters are not divided: they take no longer than to meet. */
#define DIVIDED_STEP_LEAST 32768

struct divided_step {
  struct optimizer *optimizer;       /* borrowed */
  const struct learner_group *group; /* borrowed; NULL: alone */
  float *moved;                      /* [count] parameters, each from who moved it; NULL: the step is not divided */
};

/* Divides the steps of an optimizer that has made none yet. Collective over the group. */
MUSTER_CHECKED muster_status divided_step_create(struct optimizer *optimizer, const struct learner_group *group,
                                                 struct divided_step *step);

/* optimizer_clipped_step() by all together. Between two steps the group has met otherwise, as sums of gradients do.
 * Collective over the group. */
MUSTER_CHECKED muster_status divided_step_make(struct divided_step *step, struct parameters *parameters,
                                               double max_grad_norm, double learning_rate, double *gradient_norm);

#endif
