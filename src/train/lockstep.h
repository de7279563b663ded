/* Training in step: actors roll out with the newest policy, the learner waits for them, then they for the learner. */
#ifndef TRAIN_LOCKSTEP_H
#define TRAIN_LOCKSTEP_H

#include "train/learner.h"

/* The life of the rank that leads, until an command said stop. Collective with lockstep_follow() and actor_run(). */
MUSTER_CHECKED muster_status lockstep_lead(struct learner *learner);

/* The life of a rank that learns and does not lead. */
MUSTER_CHECKED muster_status lockstep_follow(struct learner *learner);

#endif
