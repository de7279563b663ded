/* Training with one version of lag: the actors roll out while the learner learns from their last rollout, with the
 * policy of before that update. Which policy acts when does not depend on time, so the answer is the same at any number
 * of ranks. A rank that learns and acts rolls out first and learns then, which is the same thing in turn. */
#ifndef TRAIN_PIPELINED_H
#define TRAIN_PIPELINED_H

#include "train/learner.h"

/* The life of the rank that leads, until an command said stop. Collective with pipelined_follow() and actor_run(). */
MUSTER_CHECKED muster_status pipelined_lead(struct learner *learner);

/* The life of a rank that learns and does not lead. */
MUSTER_CHECKED muster_status pipelined_follow(struct learner *learner);

#endif
