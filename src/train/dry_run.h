/* What a run would be, for people: --dry-run. */
#ifndef TRAIN_DRY_RUN_H
#define TRAIN_DRY_RUN_H

#include "setup/placement.h"
#include "train/learner.h"

/* Prints on the learner what it and the others have been set up for, without having written anything: the map,
 * warnings, steps, networks, run folder, memory. Collective. `learner` and `folder` are looked at on the learner alone.
 */
MUSTER_CHECKED muster_status dry_run(struct run *run, const struct placement *placement, const struct learner *learner,
                                     const struct run_folder *folder);

#endif
