/* Several runs, read from their folders: those that were named, and those inside folders that were named. */
#ifndef RUNS_LIST_H
#define RUNS_LIST_H

#include "runs/info.h"

struct run_list {
  struct run_info **info; /* [n] in the order of the paths; runs inside one folder in the order of their names */
  int n, capacity;
};

/* Looks for runs: a path that is a run, or else the runs up to four folders below it; where there are none, the path
 * itself, as a run that has not begun. Runs that were there before are kept. Errors: IO where a path cannot
 * be read, USAGE where it is no folder. */
MUSTER_CHECKED muster_status run_list_find(struct run_list *list, const char *const *paths, int n);
void run_list_destroy(struct run_list *list);

/* Reads the files of each run that have changed. */
void run_list_refresh(struct run_list *list);

#endif
