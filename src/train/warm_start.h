/* Warm start: a run that begins with what another one has learned (train.from), and keeps parts of it as they are
 * (train.freeze). What is meant is given by names: of networks and layers as a checkpoint has them ("policy",
 * "policy/0"), and `normalizer` and `optimizer`. */
#ifndef TRAIN_WARM_START_H
#define TRAIN_WARM_START_H

#include "train/learner.h"

struct warm_start; /* the checkpoint that a run begins from */

/* Opens the checkpoint of train.from; `*out` stays NULL where there is none, or where the run goes on from a checkpoint
 * of its own. Only on the leading rank. USAGE errors. */
MUSTER_CHECKED muster_status warm_start_open(struct learner *learner, struct warm_start **out);
void warm_start_close(struct warm_start **start); /* does nothing where *start is NULL */

/* Loads parameters, before the algorithm is created, which copies some of them. Does nothing where `start` is NULL.
 * USAGE errors name what is missing, or both shapes of what does not fit. */
MUSTER_CHECKED muster_status warm_start_load_parameters(struct warm_start *start, struct learner *learner);
/* The same of the statistics of the normaliser and the state of the optimizer, once they are there. */
MUSTER_CHECKED muster_status warm_start_load_state(struct warm_start *start, struct learner *learner);

/* Marks the parameters that train.freeze names: on all ranks that learn. USAGE error where it names none. */
MUSTER_CHECKED muster_status warm_start_freeze(struct learner *learner);

#endif
