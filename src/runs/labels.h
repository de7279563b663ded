/* Labels of groups of runs, by which readers can tell them apart. */
#ifndef RUNS_LABELS_H
#define RUNS_LABELS_H

#include "runs/groups.h"

/* Fills in label and differences of all groups. */
void run_labels_make(struct grouped_runs *runs);

#endif
