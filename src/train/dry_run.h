/* What a run would be, shown without training: --dry-run. */
#ifndef TRAIN_DRY_RUN_H
#define TRAIN_DRY_RUN_H

#include "setup/placement.h"
#include "train/learner.h"

/* Prints on the leading rank what all ranks have been set up for: the map, warnings, steps, networks, run folder,
 * memory. Nothing has been written. Collective. `learner` and `folder` are only read on the leading rank. */
MUSTER_CHECKED muster_status dry_run(struct run *run, const struct placement *placement, const struct learner *learner,
                                     const struct run_folder *folder);

#endif
