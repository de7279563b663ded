/* Checkpoints of a run: the learner's whole state, as one list of named tensors for writing and reading. */
#ifndef TRAIN_RUN_CHECKPOINT_H
#define TRAIN_RUN_CHECKPOINT_H

#include "setup/changes.h"
#include "train/learner.h"

/* Writes a checkpoint of the learner as it is; env_states must be those of this moment. Then points `latest` at it and
 * removes the oldest. IO error when it cannot be written; what was there is untouched. */
MUSTER_CHECKED muster_status run_checkpoint_write(struct learner *learner);

/* Restores the learner, just created, from the newest whole checkpoint of its folder, if there is one
 * (learner->resumed, report.keep_rows; gathering->env_states then hold the environments' states). Options that are
 * allowed to differ from the checkpoint's are noted in the run's config. A damaged one is set aside with a warning, and
 * the one before it is used; FORMAT error when there is none. FORMAT or USAGE error when the checkpoint is of another
 * environment, network or algorithm, or holds a number that no run can have written. But for damaged ones no file is
 * changed. */
MUSTER_CHECKED muster_status run_checkpoint_restore(struct learner *learner, const struct allowed_changes *allowed);

/* For a run that was killed while it wrote a checkpoint: gives the one that was restored its other names, and removes
 * the oldest. Does nothing where none was restored. */
MUSTER_CHECKED muster_status run_checkpoint_publish(struct learner *learner);

#endif
