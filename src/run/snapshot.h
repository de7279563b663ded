/* What a checkpoint of a run holds: the learner's whole state, as one list of named tensors, written and read alike. */
#ifndef RUN_SNAPSHOT_H
#define RUN_SNAPSHOT_H

#include "run/learner.h"

/* Whether a tensor of a checkpoint belongs to the state of learning: all do, except what only tells of times and files.
 * `muster inspect --digest` hashes these. */
bool snapshot_is_learning_state(const char *tensor);

/* Writes a checkpoint of the learner as it is; env_states must be those of this moment. Then points `latest` at it and
 * removes the oldest. IO error when it cannot be written; what was there is untouched. */
MUSTER_CHECKED muster_status snapshot_write(struct learner *learner);

/* Restores the learner from the newest whole checkpoint of its folder, if there is one (learner->resumed). A damaged
 * one is set aside with a warning, and the one before it is used; FORMAT error when there is none. FORMAT or USAGE
 * error when the checkpoint is of another environment, network or algorithm. `*metrics_rows`: rows of metrics.csv at
 * that moment. */
MUSTER_CHECKED muster_status snapshot_restore(struct learner *learner, int64_t *metrics_rows);

#endif
