/* A step of the optimizer that the learners of a node divide: each moves a part of the parameters, and takes over from
 * the others what they have moved. Every parameter is moved by itself, so the bits are those of one learner. The
 * moments are in memory that they share: each has them all, as a checkpoint needs them. */
#ifndef ALGO_DIVIDED_STEP_H
#define ALGO_DIVIDED_STEP_H

#include "algo/learner_group.h"
#include "nn/model.h"
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

struct step_settings {
  double max_grad_norm, learning_rate; /* INFINITY: gradients are not clipped */
  float tau;                           /* of target copies, which follow where tau > 0 */
};

/* Makes a step, by all together, of the model's parameters that the optimizer moves, against parameters.gradients,
 * clipped as by optimizer_clip(); has target copies follow and packs as model_renew() does. *gradient_norm is the norm
 * before clipping; NULL: it is not wanted. Between two steps the group has met otherwise, as sums of gradients do.
 * NUMERIC error, with nothing changed, when a gradient is not finite. Collective over the group. */
MUSTER_CHECKED muster_status divided_step_make(struct divided_step *step, struct model *model,
                                               const struct step_settings *settings, double *gradient_norm);

#endif
