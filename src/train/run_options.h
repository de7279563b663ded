/* Options of a run's environments that change as it goes on. */
#ifndef TRAIN_RUN_OPTIONS_H
#define TRAIN_RUN_OPTIONS_H

#include "train/run.h"

/* Gives this rank's environments the options that env.schedules have after so many steps of the run. */
MUSTER_CHECKED muster_status run_set_options(struct run *run, int64_t steps);

#endif
