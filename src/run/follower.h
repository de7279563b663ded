/* A rank that learns and does not lead: computes its part of every update beside the others, and acts in turn where the
 * ranks that learn also act. It writes nothing and decides nothing. */
#ifndef RUN_FOLLOWER_H
#define RUN_FOLLOWER_H

#include "run/learner.h"

/* Its life: returns when an order says stop. `actor`: this rank's own, or NULL. Collective with learner_run(). */
MUSTER_CHECKED muster_status follower_run(struct learner *learner, struct actor *actor);

#endif
